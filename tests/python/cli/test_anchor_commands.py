"""`careledger anchor` on an Anvil: a file, standard input, a folder, a list; killed and run again."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import stat
import sys
from pathlib import Path

import pytest
from careledger.anchoring import Receipt
from careledger.anchoring.job import Job
from careledger.contract_events import BatchAnchored, DocumentAnchored, StreamExtended
from careledger.errors import DatabaseError
from cli.document_world import HOSPITAL_SECOND, OUTSIDER, PATIENT, World
from cli.killed_command import killed_at


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "letter.pdf"
    path.write_bytes(os.urandom(200))
    return path


def fill(folder: Path, count: int, prefix: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{prefix}{number}.txt").write_bytes(f"{prefix} {number} {folder}".encode())


def receipts_in(folder: Path) -> dict[str, Receipt]:
    return {path.relative_to(folder).as_posix(): Receipt.load(path) for path in folder.rglob("*.receipt.json")}


# ---------------------------------------------------------------------- one document


def test_a_file_is_anchored_by_one_transaction_and_its_receipt_is_beside_it(world: World, letter: Path) -> None:
    since = world.block() + 1
    body = world.ok("anchor", letter, "--kind", "diagnostic-report", "--expiry", "2040-01-01")
    path = letter.with_name("letter.pdf.receipt.json")
    receipt = Receipt.load(path)
    assert body["receipt"] == str(path)
    assert (receipt.kind, receipt.expiry, receipt.leaf) == (2, 2_208_988_800, body["leaf"])
    assert receipt.digest == "0x" + hashlib.sha256(letter.read_bytes()).hexdigest()
    assert [type(event) for event in world.events(DocumentAnchored, BatchAnchored, since=since)] == [DocumentAnchored]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    beside = {found.name for found in letter.parent.iterdir()}
    assert {name for name in beside if name.startswith("letter")} == {"letter.pdf", "letter.pdf.receipt.json"}


def test_a_file_anchored_again_sends_nothing(world: World, letter: Path) -> None:
    first = world.ok("anchor", letter)
    since = world.block()
    again = world.ok("anchor", letter)
    assert again["known"]
    assert again["leaf"] == first["leaf"]
    assert world.block() == since


@pytest.mark.parametrize("options", [["--kind", "3"], ["--expiry", "2040-01-01"]])
def test_a_file_with_a_receipt_of_other_terms_is_refused(world: World, letter: Path, options: list[str]) -> None:
    world.ok("anchor", letter)
    refused = world("anchor", letter, *options)
    assert refused.exit_code == 2
    assert "--receipts" in refused.error["message"]


def test_a_changed_file_is_refused_and_amend_named(world: World, letter: Path) -> None:
    world.ok("anchor", letter)
    letter.write_text("changed")
    refused = world("anchor", letter)
    assert refused.exit_code == 2
    assert "amend" in refused.error["message"]
    assert Receipt.load(letter.with_name("letter.pdf.receipt.json"))


def test_a_run_stopped_before_its_receipt_goes_on_with_the_same_leaf(world: World, letter: Path) -> None:
    def stop(*_: object, **__: object) -> None:
        raise DatabaseError("test", "stopped")

    since = world.block() + 1
    with world.careledger.monkeypatch.context() as patch:
        patch.setattr("careledger.anchoring.documents.origin_of", stop)
        assert world("anchor", letter).exit_code == 10
    assert world.anchored_documents(since) == 1
    assert [path.name for path in letter.parent.glob("*.pending")] == ["letter.pdf.receipt.json.pending"]
    world.ok("anchor", letter)
    assert world.anchored_documents(since) == 1
    assert not [*letter.parent.glob("*.pending")]


def test_standard_input_is_anchored_into_the_current_folder(world: World, tmp_path: Path) -> None:
    world.careledger.monkeypatch.chdir(tmp_path)
    world.careledger.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"by a pipe")))
    body = world.ok("anchor", "-")
    receipt = Receipt.load(tmp_path / f"{body['leaf']}.receipt.json")
    assert receipt.digest == "0x" + hashlib.sha256(b"by a pipe").hexdigest()


def test_a_subject_and_a_canonicalization_are_in_the_receipt(world: World, tmp_path: Path) -> None:
    from careledger.chain.development import development_signer

    file = tmp_path / "a.json"
    file.write_text('{"b": 1.0, "a": "x"}')
    subject = development_signer(int(PATIENT[-1])).address
    world.ok("anchor", file, "--canonicalization", "jcs", "--subject", subject, "--receipts", tmp_path / "kept")
    receipt = Receipt.load(tmp_path / "kept" / "a.json.receipt.json")
    assert receipt.subject == subject
    assert receipt.digest == "0x" + hashlib.sha256(b'{"a":"x","b":1}').hexdigest()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["no-such-file"], 2),
        (["/dev/null"], 2),
        ([".", "--receipts", "."], 2),
        (["letter.pdf", "--watch"], 2),
        (["letter.pdf", "--kind", "poem"], 2),
        (["letter.pdf", "--canonicalization", "xml"], 2),
        (["letter.pdf", "--canonicalization", "jcs"], 2),
        (["letter.pdf", "--subject", "0x12"], 2),
        (["letter.pdf", "--stream", "no-such-file"], 2),
        (["letter.pdf", "--stream", "0x" + 64 * "1"], 5),
        (["letter.pdf", "--expiry", "2001-01-01"], 5),
        (["-", "--hash-list"], 2),
    ],
)
def test_what_cannot_be_anchored_is_refused(world: World, letter: Path, arguments: list[str], code: int) -> None:
    world.careledger.monkeypatch.chdir(letter.parent)
    refused = world("anchor", *arguments)
    assert refused.exit_code == code, refused.err
    assert refused.error["message"]


def test_nobodys_key_cannot_anchor(world: World, letter: Path) -> None:
    refused = world("anchor", letter, signer=OUTSIDER)
    assert refused.exit_code == 6
    assert "org key add" in refused.error["message"]


# ---------------------------------------------------------------------- folders


def test_a_folder_is_anchored_in_batches_nested_and_without_links(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    fill(folder, 10)
    fill(folder / "2026" / "May", 5)
    (folder / "link.txt").symlink_to(folder / "1.txt")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    since = world.block() + 1
    body = world.ok("anchor", folder, "--batch-size", 4)
    assert (body["anchored"], body["known"], body["batches"], body["failures"]) == (15, 0, 4, [])
    assert body["gas_used"] > 0
    assert body["cost_wei"] > 0
    found = receipts_in(tmp_path / "records.receipts")
    assert len(found) == 15
    assert "2026/May/3.txt.receipt.json" in found
    assert world.anchored_documents(since) == 15
    again = world.ok("anchor", folder, "--batch-size", 4)
    assert (again["anchored"], again["known"]) == (0, 15)
    assert world.anchored_documents(since) == 15


def test_receipts_inside_the_folder_are_no_documents(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    fill(folder, 3)
    kept = folder / "receipts"
    for expected in ((3, 0), (0, 3)):
        body = world.ok("anchor", folder, "--receipts", kept)
        assert (body["anchored"], body["known"]) == expected


def test_a_changed_file_is_another_document_and_the_former_receipt_is_kept(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    fill(folder, 3)
    world.ok("anchor", folder)
    receipts = tmp_path / "records.receipts"
    first = (folder / "1.txt").read_bytes()
    for content in (b"changed", first, first):
        (folder / "1.txt").write_bytes(content)
        world.ok("anchor", folder)
        receipt = Receipt.load(receipts / "1.txt.receipt.json")
        assert receipt.digest == "0x" + hashlib.sha256(content).hexdigest()
    assert len([*receipts.glob("1.txt.*.receipt.json")]) == 2
    assert len(receipts_in(receipts)) == 5
    os.utime(folder / "2.txt", (1, 1))  # touched, not changed
    assert world.ok("anchor", folder)["anchored"] == 0


def test_a_known_file_is_not_opened_again(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    fill(folder, 5)
    world.ok("anchor", folder)
    (folder / "3.txt").write_text("changed")
    real_open, opened = Path.open, []

    def noted(path: Path, *arguments: object, **options: object) -> object:
        opened.append(path.name)
        return real_open(path, *arguments, **options)  # type: ignore[call-overload]

    with world.careledger.monkeypatch.context() as patch:
        patch.setattr(Path, "open", noted)
        body = world.ok("anchor", folder)
    assert (body["anchored"], body["known"]) == (1, 4)
    assert {name for name in opened if name.endswith(".txt")} == {"3.txt"}


def test_a_file_that_cannot_be_read_is_listed_and_the_others_anchored(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    fill(folder, 5)
    (folder / os.fsdecode(b"caf\xe9.txt")).write_text("not UTF-8")
    (folder / ("n" * 250)).write_text("too long")
    (folder / "closed").mkdir()
    fill(folder / "closed", 1)
    real_open, real_scan = Path.open, os.scandir

    def closed_open(path: Path, *arguments: object, **options: object) -> object:
        if path.name in ("3.txt", "closed"):
            raise PermissionError(13, "Permission denied")
        return real_open(path, *arguments, **options)  # type: ignore[call-overload]

    def closed_scan(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return real_scan(path)

    with world.careledger.monkeypatch.context() as patch:
        patch.setattr(Path, "open", closed_open)
        patch.setattr("careledger.anchoring.sources.os.scandir", closed_scan)
        result = world("anchor", folder)
    assert result.exit_code == 9
    problems = {failure["name"]: failure["problem"] for failure in result.body["failures"]}
    assert problems["3.txt"] == "Permission denied"
    assert problems["closed"] == "Permission denied"
    assert "UTF-8" in problems["caf\\xe9.txt"]
    assert "too long" in problems["n" * 250]
    assert result.body["anchored"] == 4
    (folder / os.fsdecode(b"caf\xe9.txt")).unlink()
    (folder / ("n" * 250)).unlink()
    again = world("anchor", folder)
    assert (again.exit_code, again.body["anchored"], again.body["known"]) == (0, 2, 4)


def test_a_folder_of_another_kind_needs_other_receipts(world: World, tmp_path: Path) -> None:
    fill(tmp_path / "records", 2)
    world.ok("anchor", tmp_path / "records")
    refused = world("anchor", tmp_path / "records", "--kind", "consent")
    assert refused.exit_code == 2
    assert "begun with" in refused.error["message"]
    assert world("anchor", tmp_path / "records", signer=HOSPITAL_SECOND).exit_code == 0


def test_two_runs_on_one_job_do_not_mix(world: World, tmp_path: Path) -> None:
    fill(tmp_path / "records", 2)
    world.ok("anchor", tmp_path / "records")
    with Job(tmp_path / "records.receipts" / "anchoring.db", {}):
        busy = world("anchor", tmp_path / "records")
    assert busy.exit_code == 10
    assert "another run" in busy.error["message"]


def test_fields_are_for_one_file(world: World, tmp_path: Path) -> None:
    fill(tmp_path / "records", 1)
    assert world("anchor", tmp_path / "records", "--canonicalization", "json-fields").exit_code == 2


def test_a_folder_goes_into_a_stream(world: World, tmp_path: Path) -> None:
    fill(tmp_path / "records", 3)
    world.careledger.monkeypatch.chdir(tmp_path)
    world.ok("stream", "declare", "log")
    since = world.block() + 1
    world.ok("anchor", tmp_path / "records", "--stream", "log.stream.json")
    assert len(world.events(StreamExtended, since=since)) == 1
    stream = json.loads((tmp_path / "log.stream.json").read_text())["stream"]
    assert {receipt.stream for receipt in receipts_in(tmp_path / "records.receipts").values()} == {stream}


def test_a_list_of_digests_is_anchored(world: World, tmp_path: Path) -> None:
    digests = {f"scan {number}.dcm": hashlib.sha256(bytes([number])).hexdigest() for number in range(4)}
    listed = tmp_path / "SHA256SUMS"
    lines = [f"{value}  {name}" for name, value in digests.items()]
    listed.write_text("\n".join([*lines, "\\" + hashlib.sha256(b"x").hexdigest() + "  new\\nline.dcm", ""]))
    body = world.ok("anchor", listed, "--hash-list")
    assert body["anchored"] == 5
    found = receipts_in(tmp_path / "SHA256SUMS.receipts")
    assert found["scan 2.dcm.receipt.json"].digest == "0x" + digests["scan 2.dcm"]
    assert "new\nline.dcm.receipt.json" in found
    again = world.ok("anchor", listed, "--hash-list")
    assert (again["anchored"], again["known"]) == (0, 5)


def test_a_list_with_a_wrong_line_names_it(world: World, tmp_path: Path) -> None:
    listed = tmp_path / "SHA256SUMS"
    listed.write_text(hashlib.sha256(b"1").hexdigest() + "  a\nno digest\n")
    refused = world("anchor", listed, "--hash-list")
    assert refused.exit_code == 2
    assert refused.error["fields"]["name"] == "line 2"
    listed.write_text(hashlib.sha256(b"1").hexdigest() + "  ../../outside\n")
    assert world("anchor", listed, "--hash-list").exit_code == 2


def test_a_list_of_digests_with_two_of_one_name_is_anchored_once(world: World, tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_text("".join(hashlib.sha256(bytes([n])).hexdigest() + "  same\n" for n in range(3)))
    assert world.ok("anchor", listed, "--hash-list")["anchored"] == 3
    assert world.ok("anchor", listed, "--hash-list")["anchored"] == 0
    assert len(receipts_in(tmp_path / "list.receipts")) == 3


# ---------------------------------------------------------------------- killed


MOMENTS = [
    ("Job.add", "before", 1),
    ("Job.add", "after", 1),
    ("Job.close_batch", "after", 1),
    ("Documents.anchor_root", "after", 1),
    ("ReceiptFolder.path", "before", 70),
    ("Job.finish", "before", 2),
]
POINTS = ["Job.close_batch", "Documents.anchor_root", "Documents.batch_receipts", "ReceiptFolder.path", "Job.finish"]


def many_moments() -> list[tuple[str, str, int]]:
    chosen = random.Random(7)
    found = []
    for _ in range(40):
        point = chosen.choice(POINTS)
        most = 30 if point == "ReceiptFolder.path" else 2
        found.append((point, chosen.choice(["before", "after"]), chosen.randint(1, most)))
    return found


@pytest.mark.parametrize(
    ("moments", "batch_size"), [(MOMENTS, 60), pytest.param(many_moments(), 10, marks=pytest.mark.full)]
)
def test_a_folder_killed_at_any_moment_is_anchored_once(
    world: World, tmp_path: Path, moments: list[tuple[str, str, int]], batch_size: int
) -> None:
    folder = tmp_path / "records"
    fill(folder, 300)
    since = world.block() + 1
    arguments = ["anchor", folder, "--batch-size", batch_size]
    killed = sum(killed_at(moment, arguments, world.settings()) for moment in moments)
    assert killed >= len(MOMENTS)
    body = world.ok(*arguments)
    assert body["failures"] == []
    found = receipts_in(tmp_path / "records.receipts")
    assert len(found) == 300
    assert world.anchored_documents(since) == 300
    assert len({receipt.leaf for receipt in found.values()}) == 300
    assert world("verify", folder / "7.txt").body["answer"] == "active"
    assert world.ok(*arguments)["known"] == 300
