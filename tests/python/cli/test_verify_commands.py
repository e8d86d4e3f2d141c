"""`careledger verify` and `careledger prove` on an Anvil: each answer, its exit code, and what an outage reads as."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from careledger.anchoring import Receipt
from careledger.chain.development import Node, development_signer
from cli.command_line import CommandLine, Result
from cli.document_world import HOSPITAL_SECOND, SPONSOR, World, deploy


@pytest.fixture
def letter(world: World, tmp_path: Path) -> Path:
    """A letter, anchored."""
    path = tmp_path / "letter.txt"
    path.write_text(f"a letter {tmp_path}")
    world.ok("anchor", path)
    return path


def receipt_of(file: Path) -> Path:
    return file.with_name(file.name + ".receipt.json")


def said(world: World, *arguments: object) -> Result:
    """For a person."""
    for name, value in world.settings().items():
        world.careledger.monkeypatch.setenv(name, value)
    return world.careledger(*arguments)


def test_a_document_in_force(world: World, letter: Path) -> None:
    result = world("verify", letter)
    assert result.exit_code == 0
    body = result.body
    assert (body["answer"], body["in_force"], body["trusted"]) == ("active", True, True)
    assert body["who"]["organization_name"] == "hospital.example"
    assert (body["who"]["key_status"], body["who"]["key_status_now"]) == ("active", "active")
    assert body["as_of"]["block_number"] >= body["when"]["block_number"]
    text = said(world, "verify", letter).out
    assert "letter.txt is in force; anchored 20" in text
    assert "by hospital.example; as of block" in text
    assert "active then, active now" in text


def test_a_document_of_a_folder_finds_its_receipt(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    (folder / "deep").mkdir(parents=True)
    for number in range(3):
        (folder / "deep" / f"{number}.txt").write_text(f"{number} {tmp_path}")
    world.ok("anchor", folder)
    assert world("verify", folder / "deep" / "1.txt").body["answer"] == "active"
    world.ok(
        "revoke", folder.with_name("records.receipts") / "deep" / "1.txt.receipt.json", "--reason", "wrong-subject"
    )
    revoked = world("verify", folder / "deep" / "1.txt")
    assert (revoked.exit_code, revoked.body["answer"]) == (9, "revoked")
    assert revoked.body["revocation"]["reason"] == "wrong_subject"
    assert world("verify", folder / "deep" / "2.txt").body["answer"] == "active"


def test_an_altered_file_is_told_without_a_node(world: World, letter: Path) -> None:
    letter.write_text("altered")
    for rpc in (None, "http://127.0.0.1:1"):
        result = world("verify", letter, rpc=rpc)
        assert (result.exit_code, result.body["answer"]) == (9, "altered")
    assert "NOT the document of its receipt" in said(world, "verify", letter).out


def test_a_disputed_document_is_in_force_and_said_loudly(world: World, letter: Path) -> None:
    world.ok("dispute", receipt_of(letter), "--reason", "inaccurate", signer=SPONSOR)
    result = world("verify", letter)
    assert (result.exit_code, result.body["answer"], result.body["disputes"]) == (0, "disputed", 1)
    text = said(world, "verify", letter).out
    assert "DISPUTED" in text
    assert "still in force" in text


def test_a_superseded_document(world: World, letter: Path, tmp_path: Path) -> None:
    corrected = tmp_path / "corrected.txt"
    corrected.write_text(f"corrected {tmp_path}")
    world.ok("amend", receipt_of(letter), corrected, "--reason", "correction")
    result = world("verify", letter)
    assert (result.exit_code, result.body["answer"]) == (9, "superseded")
    assert result.body["succession"]["latest_leaf"] == Receipt.load(receipt_of(corrected)).leaf
    assert "SUPERSEDED since" in said(world, "verify", letter).out
    assert world("verify", corrected).exit_code == 0


def test_a_revoked_document(world: World, letter: Path) -> None:
    world.ok("revoke", receipt_of(letter), "--reason", "entered-in-error")
    result = world("verify", letter)
    assert (result.exit_code, result.body["answer"]) == (9, "revoked")
    assert "REVOKED since" in said(world, "verify", letter).out
    assert "entered-in-error" in said(world, "verify", letter).out


def test_an_unknown_document(world: World, letter: Path) -> None:
    body = json.loads(receipt_of(letter).read_text())
    body["submitter"] = development_signer(8).address  # another's: nothing is anchored there
    receipt_of(letter).write_text(json.dumps(body))
    result = world("verify", letter)
    assert (result.exit_code, result.body["answer"]) == (9, "unknown")


def test_an_expired_document(careledger: CommandLine, tmp_path: Path) -> None:
    with Node() as node:
        world = World(careledger, node.url, deploy(node, tmp_path / "deployments"))
        file = tmp_path / "consent.txt"
        file.write_text("a consent")
        connection = node.connect()
        world.ok("anchor", file, "--expiry", connection.block_time() + 1000)
        connection.web3.provider.make_request("evm_increaseTime", [2000])  # type: ignore[arg-type]
        connection.web3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]
        result = world("verify", file)
        assert (result.exit_code, result.body["answer"]) == (9, "expired")


def test_a_compromised_key_is_not_relied_on(careledger: CommandLine, tmp_path: Path) -> None:
    with Node() as node:
        world = World(careledger, node.url, deploy(node, tmp_path / "deployments"))
        file = tmp_path / "letter.txt"
        file.write_text("a letter")
        world.ok("anchor", file)
        anchored_at = Receipt.load(receipt_of(file)).anchored_at
        key = development_signer(1).address
        world.ok("org", "key", "report", key, "--since", anchored_at, signer="development:4")
        result = world("verify", file)
        assert (result.exit_code, result.body["answer"], result.body["trusted"]) == (9, "active", False)
        assert "compromised" in result.body["doubts"]
        assert "compromised" in said(world, "verify", file).out


def test_a_revocation_or_amendment_by_a_compromised_key_is_said(careledger: CommandLine, tmp_path: Path) -> None:
    with Node() as node:
        world = World(careledger, node.url, deploy(node, tmp_path / "deployments"))
        revoked, amended, other = (tmp_path / name for name in ("revoked.txt", "amended.txt", "other.txt"))
        for file in (revoked, amended, other):
            file.write_text(f"{file}")
        for file in (revoked, amended):
            world.ok("anchor", file)
        thief, since = development_signer(2).address, Receipt.load(receipt_of(amended)).anchored_at
        world.ok("revoke", receipt_of(revoked), "--reason", "entered-in-error", signer=HOSPITAL_SECOND)
        world.ok("amend", receipt_of(amended), other, "--reason", "correction", signer=HOSPITAL_SECOND)
        assert "beware" not in said(world, "verify", revoked).out
        connection = world.ledger.connection
        connection.wait_until(connection.block_time() + 1)
        world.ok("org", "key", "report", thief, "--since", since, signer="development:4")
        for file, act in ((revoked, "revocation"), (amended, "succession")):
            body = world("verify", file).body
            by = body[act]["by"]
            assert (by["key"], by["key_status"], by["compromised"]) == (thief, "active", True)
            assert by["reported_at"]
            assert body["doubts"] == []
            text = said(world, "verify", file).out
            assert f"by {thief}: active then" in text
            assert f"the report covers this {'revocation' if file == revoked else 'amendment'}; it was reported" in text


# ---------------------------------------------------------------------- what stands in the way


NEVER = ("revoked", "superseded", "expired", "altered", "not anchored", "unknown")


def could_not(result: Result, part: str) -> None:
    assert (result.exit_code, result.body["answer"]) == (4, "could not check")
    assert result.body["failure"]["part"] == part


def test_a_stopped_node_says_nothing_about_the_document(careledger: CommandLine, tmp_path: Path) -> None:
    with Node() as node:
        world = World(careledger, node.url, deploy(node, tmp_path / "deployments"))
        file = tmp_path / "letter.txt"
        file.write_text("a letter")
        world.ok("anchor", file)
        world.ok("revoke", receipt_of(file), "--reason", "entered-in-error")
    could_not(world("verify", file), "node unreachable")
    text = said(world, "verify", file).out.lower()
    assert "says nothing about the document" in text
    assert not [word for word in NEVER if word in text]


def test_a_chain_started_anew_is_another_one(
    careledger: CommandLine, tmp_path: Path, world: World, letter: Path
) -> None:
    with Node() as node:
        anew = World(careledger, node.url, deploy(node, tmp_path / "anew"))
        could_not(anew("verify", letter), "other genesis")
        could_not(anew("verify", letter, rpc=node.url), "other genesis")
        mixed = World(careledger, node.url, world.deployments)
        could_not(mixed("verify", letter), "other genesis")
    with Node(chain_id=1337) as node:
        could_not(World(careledger, node.url, world.deployments)("verify", letter), "wrong chain")


def test_without_a_manifest_nothing_is_trusted(world: World, letter: Path, tmp_path: Path) -> None:
    could_not(World(world.careledger, world.url, tmp_path)("verify", letter), "no contract")


def test_a_receipt_of_another_contract_is_not_checked(world: World, letter: Path) -> None:
    body = json.loads(receipt_of(letter).read_text())
    body["contract"] = development_signer(9).address
    receipt_of(letter).write_text(json.dumps(body))
    could_not(world("verify", letter), "other contract")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda body: {**body, "salt": "0x" + 64 * "0"}, 13),
        (lambda body: {**body, "version": 2}, 13),
        (lambda _: [], 13),
    ],
)
def test_a_receipt_that_is_none_is_refused(world: World, letter: Path, change: Any, code: int) -> None:
    receipt_of(letter).write_text(json.dumps(change(json.loads(receipt_of(letter).read_text()))))
    assert world("verify", letter).exit_code == code


def test_what_is_missing_is_named(world: World, letter: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.txt"
    alone.write_text("no receipt")
    refused = world("verify", alone)
    assert refused.exit_code == 2
    assert "alone.txt.receipt.json" in refused.error["message"]
    assert world("verify", tmp_path / "none", "--receipt", receipt_of(letter)).exit_code == 2
    assert world("verify", letter, "--receipt", tmp_path / "none").exit_code == 2
    assert world("verify", "-").exit_code == 2
    assert world("verify", letter, "--offline").exit_code == 2
    assert world("verify", letter, "--trusted-block-hash", "0x" + 64 * "0").exit_code == 2
    world.careledger.monkeypatch.delenv("CARELEDGER_RPC")
    assert world.careledger("verify", letter).exit_code == 3


def test_standard_input_is_verified(world: World, letter: Path) -> None:
    world.careledger.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(letter.read_bytes())))
    assert world("verify", "-", "--receipt", receipt_of(letter)).exit_code == 0


# ---------------------------------------------------------------------- proofs


def test_a_proved_receipt_verifies_without_a_node(world: World, letter: Path, tmp_path: Path) -> None:
    before = world("verify", letter, "--offline", "--trusted-block-hash", "0x" + 64 * "0")
    could_not(before, "no state proof")
    proved = world.ok("prove", receipt_of(letter), "--output", tmp_path / "proved.json")
    offline = ["verify", letter, "--receipt", tmp_path / "proved.json", "--offline", "--trusted-block-hash"]
    result = world(*offline, proved["block_hash"], rpc="http://127.0.0.1:1")
    assert (result.exit_code, result.body["answer"], result.body["doubts"]) == (0, "active", ["not checked"])
    assert result.body["as_of"]["block_number"] == proved["block_number"]
    assert "was not checked" in said(world, *offline, proved["block_hash"]).out
    could_not(world(*offline, "0x" + 64 * "1"), "other block")
    unknown = World(world.careledger, world.url, tmp_path)
    refused = unknown(*offline, proved["block_hash"])
    assert refused.exit_code == 3
    assert "--contract" in refused.error["message"]
    contract = Receipt.load(receipt_of(letter)).contract
    assert unknown(*offline, proved["block_hash"], "--contract", contract).exit_code == 0


def test_a_proof_shows_what_held_at_its_block(world: World, letter: Path) -> None:
    block = world.block()
    world.ok("revoke", receipt_of(letter), "--reason", "entered-in-error")
    early = world.ok("prove", receipt_of(letter), "--block", block)
    verify = ["verify", letter, "--offline", "--trusted-block-hash"]
    assert world(*verify, early["block_hash"]).body["answer"] == "active"
    late = world.ok("prove", receipt_of(letter))
    assert (world(*verify, late["block_hash"]).exit_code, world(*verify, late["block_hash"]).body["answer"]) == (
        9,
        "revoked",
    )
    text = said(world, *verify, late["block_hash"]).out
    assert "by which key it was revoked, a state proof does not tell: so neither, whether that key is reported" in text
    assert world("prove", receipt_of(letter), "--block", 1).exit_code == 2
    assert world("prove", receipt_of(letter), "--block", "yesterday").exit_code == 2


# ---------------------------------------------------------------------- names by an index


def test_an_index_names_who_disputes_and_countersigned(world: World, letter: Path, tmp_path: Path) -> None:
    world.ok("countersign", receipt_of(letter), signer=SPONSOR)
    world.ok("dispute", receipt_of(letter), "--reason", "outdated", signer=SPONSOR)
    url = f"sqlite:///{tmp_path / 'index.db'}"
    world.ok("index", "sync", "--index", url)
    body = world("verify", letter, "--index", url).body
    assert body["who"]["organization_name"] == "hospital.example"
    assert [one["disputant"] for one in body["listed_disputes"]] == [development_signer(3).address]
    assert len(body["countersignatures"]) == 1
    text = said(world, "verify", letter, "--index", url).out
    assert "countersigned by" in text
    assert "outdated (open)" in text
