"""`careledger anchor --vault`: receipts in the encrypted vault, found there again; killed and run again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from careledger.anchoring import Receipt
from careledger.anchoring.receipt_vault import ReceiptVault
from careledger.contract_events import DocumentAnchored
from careledger.vault import ScryptCost, Vault
from cli.document_world import World
from cli.killed_command import Moment, killed_at

PASSPHRASE = "a hospital's passphrase"


@pytest.fixture
def vault(world: World, tmp_path: Path) -> Path:
    path = tmp_path / "vault" / "receipts.db"
    Vault.create(path, PASSPHRASE, cost=ScryptCost(n=2)).close()
    world.careledger.monkeypatch.setenv("CARELEDGER_PASSPHRASE", PASSPHRASE)
    return path


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "letter.pdf"
    path.write_bytes(os.urandom(200))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "records"
    path.mkdir()
    for number in range(30):
        (path / f"{number}.txt").write_text(f"record {number} of {tmp_path}")
    return path


def kept(vault: Path) -> dict[str, Receipt]:
    """The receipts in a vault by their leaves."""
    with Vault.open(vault, PASSPHRASE) as opened:
        receipts = ReceiptVault(opened)
        return {leaf: receipts.get(leaf) for leaf in opened.names("receipt")}


def secrets(vault: Path) -> Iterator[bytes]:
    """The salts as bytes and as text."""
    for receipt in kept(vault).values():
        yield from (bytes.fromhex(receipt.salt[2:]), receipt.salt[2:].encode())


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


# ---------------------------------------------------------------------- one document


def test_a_receipt_goes_into_the_vault_and_nothing_is_left_beside(world: World, letter: Path, vault: Path) -> None:
    body = world.ok("anchor", letter, "--vault", vault)
    assert list(kept(vault)) == [body["leaf"]]
    assert body["receipt"] == f"vault:{body['leaf']}"
    assert [path.name for path in letter.parent.iterdir() if path.is_file()] == ["letter.pdf"]
    found = world("verify", letter, "--vault", vault)
    assert (found.exit_code, found.body["answer"], found.body["receipt"]) == (0, "active", body["receipt"])


def test_a_document_in_the_vault_is_not_anchored_again(world: World, letter: Path, vault: Path) -> None:
    first = world.ok("anchor", letter, "--vault", vault)
    since = world.block()
    again = world.ok("anchor", letter, "--vault", vault)
    assert (again["known"], again["leaf"]) == (True, first["leaf"])
    assert world.block() == since
    assert not world.ok("anchor", letter, "--vault", vault, "--kind", "consent")["known"]
    assert len(kept(vault)) == 2


@pytest.mark.parametrize(
    "moment",
    [("Documents.anchor", "after", 1), ("Vault.put_many", "before", 1), ("Vault.put_many", "after", 1)],
    ids=["anchored", "before the vault", "after the vault"],
)
def test_a_file_killed_is_anchored_once(world: World, letter: Path, vault: Path, moment: Moment) -> None:
    since = world.block() + 1
    arguments = ["anchor", letter, "--vault", vault]
    assert killed_at(moment, arguments, world.settings())
    assert [path.name for path in letter.parent.glob("letter.pdf.*")] == ["letter.pdf.receipt.json.pending"]
    world.ok(*arguments)
    assert len(world.events(DocumentAnchored, since=since)) == 1
    assert len(kept(vault)) == 1
    assert list(letter.parent.glob("letter.pdf.*")) == []


def test_a_wrong_passphrase_sends_nothing(world: World, letter: Path, vault: Path) -> None:
    since = world.block()
    world.careledger.monkeypatch.setenv("CARELEDGER_PASSPHRASE", "another")
    assert world("anchor", letter, "--vault", vault).exit_code == 8
    assert world.block() == since


def test_salted_fields_are_not_for_the_vault(world: World, vault: Path, tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("{}")
    options = ["--canonicalization", "json-fields", "--vault", vault]
    assert world("anchor", tmp_path / "record.json", *options).exit_code == 2


# ---------------------------------------------------------------------- by its name in the vault


def test_a_receipt_in_the_vault_stands_for_its_file(world: World, letter: Path, vault: Path, tmp_path: Path) -> None:
    receipt = world.ok("anchor", letter, "--vault", vault)["receipt"]
    world.careledger.monkeypatch.setenv("CARELEDGER_VAULT", str(vault))
    assert world("verify", letter, "--receipt", receipt).body["answer"] == "active"
    refused = world("prove", receipt)
    assert (refused.exit_code, refused.error["fields"]["name"]) == (2, "--output")
    world.ok("prove", receipt, "--output", tmp_path / "proved.json")
    assert Receipt.load(tmp_path / "proved.json").state_proof is not None
    letter.write_text("corrected")
    amended = world.ok("amend", receipt, letter, "--reason", "correction", "--vault", vault)
    assert world.ok("amend", receipt, letter, "--reason", "correction", "--vault", vault)["known"]
    assert set(kept(vault)) == {receipt.removeprefix("vault:"), amended["leaf"]}
    refused = world("amend", amended["receipt"], letter, "--reason", "correction", "--vault", vault)
    assert (refused.exit_code, refused.error["fields"]["name"]) == (2, "file")
    world.ok("revoke", amended["receipt"], "--reason", "no-longer-valid")
    assert world("verify", letter, "--vault", vault).body["answer"] == "revoked"


@pytest.mark.parametrize(
    ("receipt", "code"), [("vault:letter.pdf", 2), ("vault:0x" + 64 * "1", 8), ("letter.pdf.receipt.json", 2)]
)
def test_what_names_no_receipt_in_the_vault_is_refused(
    world: World, letter: Path, vault: Path, receipt: str, code: int
) -> None:
    assert world("verify", letter, "--receipt", receipt, "--vault", vault).exit_code == code


def test_of_several_receipts_one_must_be_named(world: World, letter: Path, vault: Path) -> None:
    none = world("verify", letter, "--vault", vault)
    assert (none.exit_code, "none of this document" in none.error["message"]) == (2, True)
    for kind in ("consent", "imaging"):
        world.ok("anchor", letter, "--vault", vault, "--kind", kind)
    several = world("verify", letter, "--vault", vault)
    assert several.exit_code == 2
    for leaf in kept(vault):
        assert f"vault:{leaf}" in several.error["message"]
        assert world("verify", letter, "--vault", vault, "--receipt", f"vault:{leaf}").exit_code == 0


# ---------------------------------------------------------------------- folders


def test_a_folder_leaves_no_salt_outside_the_vault(world: World, folder: Path, vault: Path) -> None:
    body = world.ok("anchor", folder, "--vault", vault)
    assert (body["anchored"], body["vault"], body["receipts"]) == (30, str(vault), None)
    assert len(kept(vault)) == 30
    assert not list(folder.parent.rglob("*.receipt.json"))
    written = [path.read_bytes() for path in files(folder.parent)]
    assert {path.name for path in files(folder.with_name("records.receipts"))} >= {"anchoring.db", "outbox.db"}
    for secret in secrets(vault):
        assert not any(secret in content for content in written)
    assert world.ok("anchor", folder, "--vault", vault)["known"] == 30
    assert world("verify", folder / "7.txt", "--vault", vault).exit_code == 0


def test_a_changed_file_has_both_receipts_in_the_vault(world: World, folder: Path, vault: Path) -> None:
    world.ok("anchor", folder, "--vault", vault)
    (folder / "1.txt").write_text(f"changed in {folder}")
    assert world.ok("anchor", folder, "--vault", vault)["anchored"] == 1
    assert len(kept(vault)) == 31


def test_a_job_goes_on_with_its_own_vault_only(world: World, folder: Path, vault: Path) -> None:
    world.ok("anchor", folder, "--vault", vault)
    assert world("anchor", folder).exit_code == 2
    other = vault.with_name("other.db")
    Vault.create(other, PASSPHRASE, cost=ScryptCost(n=2)).close()
    refused = world("anchor", folder, "--vault", other)
    assert (refused.exit_code, refused.error["fields"]["name"]) == (2, "vault")
    with Vault.open(vault, PASSPHRASE) as opened:
        opened.backup(vault.with_name("copy.db"))
    assert world.ok("anchor", folder, "--vault", vault.with_name("copy.db"))["known"] == 30


MOMENTS: list[Moment] = [
    ("Job.add", "after", 1),
    ("Job.close_batch", "after", 1),
    ("Documents.anchor_root", "after", 1),
    ("Vault.put_many", "before", 1),
    ("Vault.put_many", "after", 1),
    ("Job.finish", "before", 2),
]


def test_a_folder_killed_at_any_moment_is_anchored_once(world: World, folder: Path, vault: Path) -> None:
    since = world.block() + 1
    arguments = ["anchor", folder, "--batch-size", 7, "--vault", vault]
    for moment in MOMENTS:
        assert killed_at(moment, arguments, world.settings())
    assert world.ok(*arguments)["failures"] == []
    assert world.anchored_documents(since) == 30
    found = kept(vault)
    assert len(found) == 30
    assert len({receipt.digest for receipt in found.values()}) == 30
    for secret in secrets(vault):
        assert not any(secret in path.read_bytes() for path in files(folder.parent))


def test_what_was_erased_before_a_job_went_on_stays_erased(world: World, folder: Path, vault: Path) -> None:
    arguments = ["anchor", folder, "--vault", vault]
    assert killed_at(("Job.finish", "before", 1), arguments, world.settings())
    erased, *left = kept(vault)
    with Vault.open(vault, PASSPHRASE) as opened:
        opened.forget("receipt", erased)
    world.ok(*arguments)
    assert set(kept(vault)) == set(left)


def test_what_is_forgotten_in_the_vault_is_forgotten_in_the_job(world: World, folder: Path, vault: Path) -> None:
    world.ok("anchor", folder, "--vault", vault)
    named = world("verify", folder / "1.txt", "--vault", vault).body["receipt"]
    receipt = kept(vault)[named.removeprefix("vault:")]
    assert world("forget", named, "--vault", vault).exit_code == 2
    job = folder.with_name("records.receipts") / "anchoring.db"
    body = world.ok("forget", named, "--vault", vault, "--receipts", job.parent, "--yes")
    assert len(body["erased"]) == 2
    assert receipt.leaf not in kept(vault)
    assert bytes.fromhex(receipt.leaf[2:]) not in job.read_bytes()
    assert world("verify", folder / "1.txt", "--vault", vault).exit_code == 2
    assert world("verify", folder / "1.txt", "--vault", vault, "--receipt", named).exit_code == 8
    second = world("verify", folder / "2.txt", "--vault", vault).body["receipt"]
    assert any("--receipts" in line for line in world.ok("forget", second, "--vault", vault, "--yes")["remains"])
