"""What becomes of documents, by the command line on an Anvil: amended, countersigned, disputed, revoked, forgotten."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from careledger.anchoring import FieldTree, Receipt
from careledger.anchoring.job import Job
from careledger.anchoring.leaf import batch_leaf
from careledger.anchoring.receipt import Batch
from careledger.chain.development import Node, development_signer
from careledger.contract_events import DocumentAmended, DocumentDisputed
from careledger.vault import Vault
from cli.command_line import CommandLine
from cli.document_world import HOSPITAL_SECOND, OUTSIDER, PATIENT, SPONSOR, World, deploy
from eth_utils.crypto import keccak
from tiny_keccak import keccak256

PATIENT_ADDRESS = development_signer(6).address
SPONSOR_ADDRESS = development_signer(3).address
OUTSIDER_ADDRESS = development_signer(7).address
HOSPITAL_ADDRESS = development_signer(1).address
RECORD = {
    "resourceType": "Patient",
    "birthDate": "1970-01-01",
    "name": [{"family": "Doe", "given": ["Jane"]}],
    "weight": 61.50,
}


@pytest.fixture
def letter(world: World, tmp_path: Path) -> Path:
    """A letter, anchored."""
    path = tmp_path / "letter.txt"
    path.write_text(f"a letter {tmp_path}")
    world.ok("anchor", path, "--subject", PATIENT_ADDRESS)
    return path


def receipt_of(file: Path) -> Path:
    return file.with_name(file.name + ".receipt.json")


def events(body: Any) -> list[str]:
    return [event["event"] for event in body["events"]]


# ---------------------------------------------------------------------- amendments


def test_a_corrected_file_supersedes_itself_and_the_former_receipt_is_kept(world: World, letter: Path) -> None:
    former = Receipt.load(receipt_of(letter))
    first = letter.read_text()
    unchanged = world("amend", receipt_of(letter), letter, "--reason", "correction")
    assert unchanged.exit_code == 2
    letter.write_text("corrected")
    body = world.ok("amend", receipt_of(letter), letter, "--reason", "correction")
    kept = Path(body["former_receipt"])
    assert Receipt.load(kept) == former
    successor = Receipt.load(receipt_of(letter))
    assert (successor.leaf, successor.subject, successor.kind) == (body["leaf"], former.subject, former.kind)
    assert world("verify", letter).body["answer"] == "active"
    old = letter.with_name("old.txt")
    old.write_text(first)
    assert world("verify", old, "--receipt", kept).body["answer"] == "superseded"
    newest = world.ok("latest", kept)
    assert (newest["leaf"], newest["is_newest"], newest["status"]) == (successor.leaf, False, "ACTIVE")
    assert [step["reason"] for step in newest["successors"]] == ["CORRECTION"]
    assert world.ok("latest", receipt_of(letter))["is_newest"]


def test_an_amendment_again_sends_nothing_more(world: World, letter: Path, tmp_path: Path) -> None:
    since = world.block() + 1
    second = tmp_path / "second.txt"
    second.write_text("the second version")
    arguments = ["amend", receipt_of(letter), second, "--reason", "new-version"]
    first = world.ok(*arguments, signer=HOSPITAL_SECOND)
    again = world.ok(*arguments, signer=HOSPITAL_SECOND)
    assert again["known"]
    assert again["leaf"] == first["leaf"]
    assert len(world.events(DocumentAmended, since=since)) == 1
    assert world("amend", receipt_of(letter), second, "--reason", "unspecified").exit_code == 2


def test_a_document_anchored_before_becomes_the_successor(world: World, letter: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.txt"
    second.write_text("the second version")
    world.ok("anchor", second, "--subject", PATIENT_ADDRESS)
    world.ok("amend", receipt_of(letter), second, "--reason", "new-version")
    assert world.ok("latest", receipt_of(letter))["leaf"] == Receipt.load(receipt_of(second)).leaf


def test_another_organization_cannot_amend_or_revoke(world: World, letter: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("another's")
    refused = world("amend", receipt_of(letter), other, "--reason", "correction", signer=SPONSOR)
    assert (refused.exit_code, refused.error["type"]) == (5, "DocumentAnchorNotSameOrganization")
    assert world("revoke", receipt_of(letter), "--reason", "legal-order", signer=SPONSOR).exit_code == 5


# ---------------------------------------------------------------------- countersignatures, disputes


def test_a_countersignature_is_given_and_withdrawn(world: World, letter: Path) -> None:
    own = world("countersign", receipt_of(letter))
    assert (own.exit_code, own.error["type"]) == (5, "DocumentAnchorOwnDocument")
    assert events(world.ok("countersign", receipt_of(letter), signer=SPONSOR)) == ["DocumentCountersigned"]
    withdrawn = world.ok("withdraw-countersignature", receipt_of(letter), signer=SPONSOR)
    assert events(withdrawn) == ["CountersignatureWithdrawn"]


def test_a_dispute_is_raised_answered_and_withdrawn(world: World, letter: Path, tmp_path: Path) -> None:
    statement = tmp_path / "statement.txt"
    statement.write_text("this is not so")
    dispute = ["dispute", receipt_of(letter), "--reason", "inaccurate", "--statement", statement]
    raised = world.ok(*dispute, signer=SPONSOR)
    kept = json.loads((tmp_path / "statement.txt.statement.json").read_text())
    assert raised["events"][0]["statement"] == kept["hash"]
    tag = keccak(text="careledger.document.statement.v1")
    digest = hashlib.sha256(b"this is not so").digest()
    assert kept["hash"] == "0x" + keccak(tag + digest + bytes.fromhex(kept["salt"][2:])).hex()
    assert world.ok(*dispute, signer=SPONSOR)["events"] == []  # the same statement: the same hash
    reply = tmp_path / "reply.txt"
    reply.write_text("it is")
    answer = ["answer", receipt_of(letter), "--disputant", SPONSOR_ADDRESS, "--statement", reply]
    assert events(world.ok(*answer)) == ["DisputeAnswered"]
    statement.write_text("something else")
    assert world(*dispute, signer=SPONSOR).exit_code == 2
    assert events(world.ok("withdraw-dispute", receipt_of(letter), signer=SPONSOR)) == ["DisputeWithdrawn"]
    assert world("verify", letter).body["answer"] == "active"


def test_a_named_party_may_dispute(world: World, letter: Path) -> None:
    dispute = ["dispute", receipt_of(letter), "--reason", "wrong-subject"]
    assert world(*dispute, signer=OUTSIDER).exit_code == 5
    world.ok("name-party", receipt_of(letter), OUTSIDER_ADDRESS)
    assert events(world.ok(*dispute, signer=OUTSIDER)) == ["DocumentDisputed"]


def test_the_subject_disputes_by_a_signature_that_another_sends(world: World, letter: Path) -> None:
    since = world.block() + 1
    world.ok("dispute", receipt_of(letter), "--reason", "not-issued", "--subject-signer", PATIENT, signer=OUTSIDER)
    (event,) = world.events(DocumentDisputed, since=since)
    assert isinstance(event, DocumentDisputed)
    assert event.disputant == PATIENT_ADDRESS
    assert world("verify", letter).body["answer"] == "disputed"
    refused = world("dispute", receipt_of(letter), "--reason", "not-issued", "--subject-signer", SPONSOR)
    assert refused.exit_code == 2
    world.ok("withdraw-dispute", receipt_of(letter), "--subject-signer", PATIENT, signer=OUTSIDER)
    assert world("verify", letter).body["answer"] == "active"


# ---------------------------------------------------------------------- revocations


def test_one_document_of_a_batch_or_all_of_it_is_revoked(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text(f"{number} {tmp_path}")
    world.ok("anchor", folder)
    receipts = tmp_path / "records.receipts"
    one = receipts / "1.txt.receipt.json"
    world.ok("revoke", one, "--reason", "consent-withdrawn", signer=HOSPITAL_SECOND)
    assert world("verify", folder / "1.txt").body["answer"] == "revoked"
    assert world("verify", folder / "2.txt").body["answer"] == "active"
    batch = Receipt.load(one).batch
    assert batch is not None
    world.ok(
        "revoke", "--batch", batch.root, "--submitter", HOSPITAL_ADDRESS, "--reason", "key-compromised",
        signer=HOSPITAL_SECOND,
    )  # fmt: skip
    assert world("verify", folder / "2.txt").body["revocation"]["whole_batch"]
    for arguments in ([], [one, "--batch", batch.root], [one, "--submitter", HOSPITAL_ADDRESS]):
        assert world("revoke", *arguments, "--reason", "legal-order").exit_code == 2
    assert world("revoke", one).exit_code == 2
    assert world("revoke", "--batch", batch.root, "--reason", "legal-order", signer=SPONSOR).exit_code == 5


def test_a_receipt_of_another_chain_is_refused(world: World, letter: Path) -> None:
    with Node(chain_id=1337) as node:
        deploy(node, world.deployments)
        refused = world("revoke", receipt_of(letter), "--reason", "legal-order", rpc=node.url)
    assert (refused.exit_code, refused.error["type"]) == (4, "WrongChain")


# ---------------------------------------------------------------------- history


def test_the_history_names_block_and_transaction_of_every_act(world: World, letter: Path, tmp_path: Path) -> None:
    world.ok("countersign", receipt_of(letter), signer=SPONSOR)
    world.ok("revoke", receipt_of(letter), "--reason", "no-longer-valid")
    url = f"sqlite:///{tmp_path / 'index.db'}"
    assert world("history", receipt_of(letter), "--index", url).exit_code == 12
    world.ok("index", "sync", "--index", url)
    acts = world.ok("history", receipt_of(letter), "--index", url)["acts"]
    assert [act["act"] for act in acts] == ["anchored", "countersigned", "revoked"]
    assert acts[2]["reason"] == "NO_LONGER_VALID"
    receipt = Receipt.load(receipt_of(letter))
    assert (acts[0]["block_number"], acts[0]["transaction_hash"]) == (receipt.block_number, receipt.transaction_hash)
    shown = world.careledger("history", receipt_of(letter), "--index", url).out
    assert "no-longer-valid" in shown
    assert world("history", receipt_of(letter)).exit_code == 3
    other = json.loads(receipt_of(letter).read_text())
    receipt_of(letter).write_text(json.dumps({**other, "genesis_hash": "0x" + 64 * "1"}))
    assert world("history", receipt_of(letter), "--index", url).exit_code == 12


# ---------------------------------------------------------------------- forgetting


def test_what_is_forgotten_cannot_be_verified(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text(f"{number} {tmp_path}")
    world.ok("anchor", folder)
    path = tmp_path / "records.receipts" / "1.txt.receipt.json"
    receipt = Receipt.load(path)
    refused = world("forget", path)
    assert refused.exit_code == 2
    assert "--yes" in refused.error["message"]
    assert path.exists()
    body = world.ok("forget", path, "--yes")
    assert body["leaf"] == receipt.leaf
    assert any("anchoring.db" in line for line in body["erased"])
    assert any("leaf" in line for line in body["remains"])
    assert world("verify", folder / "1.txt").exit_code == 2
    job = (tmp_path / "records.receipts" / "anchoring.db").read_bytes()
    for trace in (receipt.leaf, receipt.salt, receipt.digest):
        assert bytes.fromhex(trace[2:]) not in job
    assert world("verify", folder / "2.txt").exit_code == 0
    assert world("forget", path, "--yes").exit_code == 2
    (folder / "1.txt").unlink()
    assert world.ok("anchor", folder)["known"] == 2


def test_a_document_of_an_unfinished_batch_is_not_forgotten(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    folder.mkdir()
    (folder / "1.txt").write_text(f"{tmp_path}")
    world.ok("anchor", folder)
    path = tmp_path / "records.receipts" / "1.txt.receipt.json"
    with Job(tmp_path / "records.receipts" / "anchoring.db", {}) as job:
        job._file.execute("UPDATE batch SET stored = 0")
    refused = world("forget", path, "--yes")
    assert refused.exit_code == 2
    assert "run it again" in refused.error["message"]
    assert path.exists()


def test_a_receipt_in_a_vault_is_forgotten_too(world: World, letter: Path, tmp_path: Path) -> None:
    receipt = Receipt.load(receipt_of(letter))
    world.careledger.monkeypatch.setenv("CARELEDGER_PASSPHRASE", "a passphrase of the vault")
    with Vault.create(tmp_path / "vault.db", "a passphrase of the vault") as vault:
        vault.put("receipt", receipt.leaf, receipt.dump())
    world.careledger.monkeypatch.setenv("CARELEDGER_PASSPHRASE", "another")
    assert world("forget", receipt_of(letter), "--yes", "--vault", tmp_path / "vault.db").exit_code == 8
    assert receipt_of(letter).exists()
    world.careledger.monkeypatch.setenv("CARELEDGER_PASSPHRASE", "a passphrase of the vault")
    body = world.ok("forget", receipt_of(letter), "--yes", "--vault", tmp_path / "vault.db")
    assert any("vault.db" in line for line in body["erased"])
    assert not receipt_of(letter).exists()


# ---------------------------------------------------------------------- disclosure


@pytest.fixture
def record(world: World, tmp_path: Path) -> Path:
    path = tmp_path / "record.json"
    path.write_text(json.dumps({**RECORD, "id": str(tmp_path)}))
    world.ok("anchor", path, "--canonicalization", "json-fields")
    return path


def test_some_fields_are_disclosed_and_verified(world: World, record: Path, tmp_path: Path) -> None:
    assert FieldTree.from_dict(json.loads((tmp_path / "record.json.fields.json").read_text())).fields
    assert world.ok("anchor", record, "--canonicalization", "json-fields")["known"]
    assert world("verify", record).body["answer"] == "active"
    body = world.ok("disclose", record, "--fields", "birthDate", "--fields", "name[*].family")
    assert body["shown"] == ["birthDate", "name[0].family"]
    shown = (tmp_path / "record.json.disclosure.json").read_text()
    assert "Jane" not in shown
    verify = ["verify", tmp_path / "record.json.disclosure.json", "--receipt", receipt_of(record)]
    assert world(*verify).body["answer"] == "active"
    (tmp_path / "record.json.disclosure.json").write_text(shown.replace("1970", "1980"))
    assert (world(*verify).exit_code, world(*verify).body["answer"]) == (9, "altered")
    assert world("disclose", record, "--fields", "nothing").exit_code == 2


def test_a_changed_record_of_fields_is_altered(world: World, record: Path, tmp_path: Path) -> None:
    record.write_text(record.read_text().replace("1970", "1980"))
    assert world("verify", record).body["answer"] == "altered"
    assert world("disclose", record, "--fields", "birthDate").exit_code == 2
    assert world("anchor", record, "--canonicalization", "json-fields").exit_code == 2
    world.ok("amend", receipt_of(record), record, "--reason", "correction")
    assert world("verify", record).body["answer"] == "active"
    assert world.ok("disclose", record, "--fields", "birthDate")["fields"] == 6
    (tmp_path / "record.json.fields.json").unlink()
    alone = world("verify", record)
    assert alone.exit_code == 2
    assert "disclosure" in alone.error["message"]


def test_forgetting_takes_the_tree_of_fields_too(world: World, record: Path, tmp_path: Path) -> None:
    world.ok("forget", receipt_of(record), "--yes")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["record.json"]


def test_a_document_without_fields_discloses_nothing(world: World, letter: Path) -> None:
    assert world("disclose", letter, "--fields", "a").exit_code == 2


# ---------------------------------------------------------------------- streams


def test_an_audit_tells_all_from_all_but_one(world: World, tmp_path: Path) -> None:
    world.careledger.monkeypatch.chdir(tmp_path)
    declared = world.ok("stream", "declare", "enrolment log")
    assert events(declared) == ["StreamDeclared"]
    assert events(world.ok("stream", "declare", "enrolment log")) == []
    stream = "enrolment log.stream.json"
    assert "enrolment" not in json.dumps(declared)
    logs = tmp_path / "log"
    logs.mkdir()
    for number in range(3):
        (logs / f"{number}.txt").write_text(f"patient {number} {tmp_path}")
        world.ok("anchor", logs / f"{number}.txt", "--stream", stream, "--receipts", tmp_path / "handed")
    batch = tmp_path / "batch"
    batch.mkdir()
    for number in range(3):
        (batch / f"{number}.txt").write_text(f"batch {number} {tmp_path}")
    world.ok("anchor", batch, "--stream", stream, "--receipts", tmp_path / "handed" / "batch")
    audit = ["stream", "audit", stream, "--submitter", HOSPITAL_ADDRESS, "--receipts", tmp_path / "handed"]
    whole = world.ok(*audit)
    assert (whole["whole"], whole["entries"], whole["documents"]) == (True, 4, 6)
    url = f"sqlite:///{tmp_path / 'index.db'}"
    world.ok("index", "sync", "--index", url)

    left_out = tmp_path / "handed" / "1.txt.receipt.json"
    missing = Receipt.load(left_out)
    left_out.rename(tmp_path / "aside.json")
    found = world(*audit)
    assert (found.exit_code, found.body["whole"], found.body["named"]) == (9, False, False)
    named = world(*audit, "--index", url).body["missing"]
    assert [(entry["position"], entry["id"]) for entry in named] == [(1, missing.leaf)]
    assert named[0]["transaction_hash"] == missing.transaction_hash
    text = world.careledger(*audit, "--index", url).out
    assert "NOT all of the stream" in text
    assert missing.leaf in text

    (tmp_path / "aside.json").rename(left_out)
    (tmp_path / "handed" / "batch" / "2.txt.receipt.json").unlink()
    found = world(*audit)
    assert (found.exit_code, found.body["incomplete"][0]["missing"]) == (9, [2])


def test_a_stream_goes_on_under_another_key(world: World, tmp_path: Path) -> None:
    world.careledger.monkeypatch.chdir(tmp_path)
    world.ok("stream", "declare", "log")
    for number in range(2):
        (tmp_path / f"{number}.txt").write_text(f"{number} {tmp_path}")
    world.ok("anchor", "0.txt", "--stream", "log.stream.json", "--receipts", "handed")
    second = development_signer(2).address
    world.ok("stream", "continue", "log.stream.json", "--former", HOSPITAL_ADDRESS, signer=HOSPITAL_SECOND)
    world.ok("anchor", "1.txt", "--stream", "log.stream.json", "--receipts", "handed", signer=HOSPITAL_SECOND)
    audit = ["stream", "audit", "log.stream.json", "--receipts", "handed", "--submitter", HOSPITAL_ADDRESS]
    refused = world(*audit)
    assert refused.exit_code == 2
    assert "went on under another key" in refused.error["message"]
    assert world.ok(*audit, "--submitter", second)["whole"]
    assert world("stream", "audit", "log.stream.json", "--receipts", "handed", "--submitter", second).exit_code == 9
    assert world("stream", "head", "log.stream.json", "--submitter", second).exit_code == 0
    assert world("stream", "head", "log.stream.json", "--submitter", HOSPITAL_ADDRESS).exit_code == 9


def test_entries_of_one_block_are_put_in_order(careledger: CommandLine, tmp_path: Path) -> None:
    with Node() as node:
        world = World(careledger, node.url, deploy(node, tmp_path / "deployments"))
        world.careledger.monkeypatch.chdir(tmp_path)
        world.ok("stream", "declare", "log")
        stream = json.loads((tmp_path / "log.stream.json").read_text())["stream"]
        ledger = world.ledger.acting_as(development_signer(1))
        fingerprints = [ledger.documents.fingerprint(f"{n} {tmp_path}".encode()) for n in range(5)]
        contract = ledger.governance.contract("DocumentAnchor")
        contract.send(development_signer(1), "anchorListInStream", stream, [one.leaf for one in fingerprints], 0)
        (tmp_path / "handed").mkdir()
        for one in fingerprints:
            receipt = ledger.documents.receipt(one, stream=stream)
            (tmp_path / "handed" / f"{one.leaf}.receipt.json").write_bytes(receipt.dump())
        audit = ["stream", "audit", "log.stream.json", "--submitter", HOSPITAL_ADDRESS, "--receipts", "handed"]
        assert world.ok(*audit)["entries"] == 5


def test_a_batch_that_hides_a_document_is_found(world: World, tmp_path: Path) -> None:
    """Its tree has two documents at one place, so that those given, one for each place, all have their proof."""
    world.careledger.monkeypatch.chdir(tmp_path)
    world.ok("stream", "declare", "hiding")
    stream = json.loads((tmp_path / "hiding.stream.json").read_text())["stream"]
    documents = world.ledger.acting_as(development_signer(1)).documents
    first, shown, hidden = (documents.fingerprint(f"{n} {tmp_path}".encode()) for n in range(3))
    nodes = [batch_leaf(place, bytes.fromhex(one.leaf[2:])) for place, one in ((0, first), (1, shown), (1, hidden))]
    pair = keccak256(min(nodes[1:]) + max(nodes[1:]))
    root = "0x" + keccak256(min(nodes[0], pair) + max(nodes[0], pair)).hex()
    documents._send("anchorBatchInStream", stream, root, 2, 0)
    make = documents.batch_receipts(root, stream)
    (tmp_path / "handed").mkdir()
    for place, one, proof in ((0, first, [pair]), (1, shown, [nodes[2], nodes[0]])):
        batch = Batch(root=root, count=2, index=place, proof=tuple("0x" + node.hex() for node in proof))
        (tmp_path / "handed" / f"{place}.receipt.json").write_bytes(make(one, batch).dump())
    audit = ["stream", "audit", "hiding.stream.json", "--submitter", HOSPITAL_ADDRESS, "--receipts", "handed"]
    found = world(*audit)
    assert found.exit_code == 9
    assert (found.body["whole"], found.body["hiding"]) == (False, [root])
