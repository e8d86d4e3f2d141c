"""Receipts in themselves: what they hold, what is refused, and the frozen ones, which verify for ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from careledger.anchoring.canonical import Canonicalization
from careledger.anchoring.receipt import Receipt
from careledger.anchoring.types import Location, Terms
from careledger.anchoring.verification import Answer, Doubt, OfflineChecker, Part, verify
from careledger.errors import ReceiptMalformed, ReceiptUnsupported
from pydantic import ValidationError

FROZEN = Path(__file__).resolve().parents[2] / "vectors" / "receipts"
TABLE: dict[str, dict[str, str]] = json.loads((FROZEN / "receipts.json").read_text())
SCHEMA = resources.files("careledger.anchoring").joinpath("receipt-v1.schema.json")
OTHER_WORD = "0x" + 64 * "7"
OTHER_ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def path_of(name: str) -> Path:
    return FROZEN / f"{name}.receipt.json"


def values(name: str = "anvil-batch") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path_of(name).read_text())
    return found


def load(found: Any) -> Receipt:
    return Receipt.load(json.dumps(found).encode())


def malformed(found: Any) -> ReceiptMalformed:
    with pytest.raises(ReceiptMalformed) as raised:
        load(found)
    return raised.value


# ---------------------------------------------------------------------- the frozen ones


@pytest.mark.parametrize("name", TABLE)
def test_a_frozen_receipt_verifies_without_a_node(name: str) -> None:
    entry = TABLE[name]
    receipt = Receipt.load(path_of(name))
    checker = OfflineChecker(entry["contract"], entry["trusted_block_hash"])
    found = verify(FROZEN / entry["document"], receipt, checker)
    assert found.answer.value == entry["answer"]
    assert found.differences == ()
    assert found.doubts == (Doubt.NOT_CHECKED,)
    assert found.who.key == receipt.submitter
    if receipt.state_proof is None:
        assert found.failure is not None
        assert found.failure.part is Part.NO_STATE_PROOF
        return
    assert found.when.checked
    assert found.when.anchored_at == receipt.anchored_at
    assert found.as_of is not None
    assert found.as_of.block_hash == entry["trusted_block_hash"]
    assert found.as_of.block_time >= receipt.anchored_at
    by_header = OfflineChecker.from_header(entry["contract"], bytes.fromhex(receipt.state_proof.header[2:]))
    assert by_header.check(receipt) == found


@pytest.mark.parametrize("name", TABLE)
def test_a_frozen_receipt_is_written_again_byte_for_byte(name: str) -> None:
    content = path_of(name).read_bytes()
    assert Receipt.load(content).dump() == content
    assert content.isascii()
    assert load(json.loads(content)).dump() == content


@pytest.mark.parametrize("name", TABLE)
def test_a_frozen_receipt_follows_the_published_schema(name: str) -> None:
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(values(name))


def test_every_frozen_receipt_is_in_the_table() -> None:
    assert {path.name.removesuffix(".receipt.json") for path in FROZEN.glob("*.receipt.json")} == TABLE.keys()


def test_the_published_schema_is_the_models() -> None:
    made = json.dumps(Receipt.json_schema(), indent=2) + "\n"
    way = "json.dumps(Receipt.json_schema(), indent=2)"
    assert SCHEMA.read_text() == made, f"stale: write {way} to python/careledger/anchoring/receipt-v1.schema.json"
    jsonschema.Draft202012Validator.check_schema(json.loads(made))


def test_a_receipt_tells_its_place_and_terms() -> None:
    receipt = Receipt.load(path_of("anvil-batch"))
    assert receipt.batch is not None
    assert receipt.location == Location(
        receipt.submitter, receipt.leaf, receipt.batch.root, receipt.batch.index, receipt.batch.proof
    )
    assert receipt.terms == Terms(receipt.kind, receipt.expiry)
    assert len(receipt.slots) == 3
    assert Receipt.load(path_of("anvil-single")).location.root is None
    assert Receipt.load(path_of("anvil-fhir")).canonicalization is Canonicalization.FHIR_JSON_STATIC


# ---------------------------------------------------------------------- what a receipt alone shows as wrong


@pytest.mark.parametrize(
    ("field", "value", "blamed"),
    [
        ("format", "other-receipt", "format"),
        ("version", "1", "version"),
        ("version", 1.0, "content"),
        ("version", True, "content"),
        ("chain_id", 0, "chain_id"),
        ("chain_id", "31337", "chain_id"),
        ("genesis_hash", "0x12", "genesis_hash"),
        ("contract", "0x0f1f53e405f7bcd847fe469aaf06f0238577642b", "contract"),
        ("contract", OTHER_ADDRESS, "state_proof"),
        ("submitter", OTHER_ADDRESS, "state_proof.storage"),
        ("submitter", "0x" + 40 * "0", "submitter"),
        ("organization", "0x" + 24 * "a", "leaf"),
        ("organization", "0x" + 24 * "A", "organization"),
        ("kind", 2, "leaf"),
        ("kind", 65536, "kind"),
        ("expiry", 5, "expiry"),
        ("expiry", 2**40, "expiry"),
        ("canonicalization", "jcs", "leaf"),
        ("canonicalization", "pdf", "canonicalization"),
        ("digest", OTHER_WORD, "leaf"),
        ("digest", OTHER_WORD[2:], "digest"),
        ("salt", OTHER_WORD, "leaf"),
        ("subject", OTHER_ADDRESS, "leaf"),
        ("subject", OTHER_ADDRESS.lower(), "subject"),
        ("subject", "0x" + 40 * "0", "subject"),
        ("leaf", OTHER_WORD, "leaf"),
        ("stream", "a name", "stream"),
        ("signed_at", 2**39, "signed_at"),
        ("signed_at", -1, "signed_at"),
        ("anchored_at", 0, "anchored_at"),
        ("transaction_hash", "0x" + 64 * "G", "transaction_hash"),
        ("transaction_hash", "0x" + 64 * "A", "transaction_hash"),
        ("block_number", 10**6, "state_proof.block_number"),
        ("block_number", 2**53, "block_number"),
        ("block_hash", None, "block_hash"),
        ("file_name", "letter.txt", "file_name"),
    ],
)
def test_load_refuses_a_changed_field_by_name(field: str, value: Any, blamed: str) -> None:
    error = malformed({**values(), field: value}) if blamed != "content" else None
    if error is None:
        with pytest.raises((ReceiptMalformed, ReceiptUnsupported)):
            load({**values(), field: value})
        return
    assert error.field.startswith(blamed), error
    assert error.field in str(error)


@pytest.mark.parametrize("field", list(Receipt.model_fields))
def test_load_refuses_a_receipt_without_a_field(field: str) -> None:
    found = values()
    del found[field]
    assert malformed(found).field == field


@pytest.mark.parametrize(
    ("change", "blamed"),
    [
        (lambda batch: batch.update(root=OTHER_WORD), "batch.proof"),
        (lambda batch: batch.update(index=8), "batch.proof"),
        (lambda batch: batch.update(index=300), "batch.index"),
        (lambda batch: batch.update(count=7), "batch.index"),
        (lambda batch: batch.update(count=0), "batch.count"),
        (lambda batch: batch.update(count=2**32), "batch.count"),
        (lambda batch: batch["proof"].pop(), "batch.proof"),
        (lambda batch: batch["proof"].append(OTHER_WORD), "batch.proof"),
        (lambda batch: batch["proof"].insert(0, OTHER_WORD), "batch.proof"),
        (lambda batch: batch["proof"].reverse(), "batch.proof"),
        (lambda batch: batch["proof"].clear(), "batch.proof"),
        (lambda batch: batch["proof"].__setitem__(3, OTHER_WORD), "batch.proof"),
        (lambda batch: batch["proof"].__setitem__(3, "0x12"), "batch.proof.3"),
        (lambda batch: batch.update(more=1), "batch.more"),
    ],
)
def test_load_refuses_a_forged_place_in_a_batch(change: Callable[[dict[str, Any]], None], blamed: str) -> None:
    found = values()
    change(found["batch"])
    assert malformed(found).field == blamed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda proof: proof.update(block_hash=OTHER_WORD), "header has the hash"),
        (lambda proof: proof.update(block_number=18), "block number is 17"),
        (lambda proof: proof.update(header=proof["header"][:-2] + "00"), "header has the hash"),
        (lambda proof: proof.update(header="0x"), "header has the hash"),
        (lambda proof: proof["account_proof"].pop(), "account proof does not lead"),
        (lambda proof: proof["account_proof"].clear(), "account proof does not lead"),
        (lambda proof: proof["storage"].pop(), "does not show the slot"),
        (lambda proof: proof["storage"][1].update(value=OTHER_WORD), "shows 0x"),
        (lambda proof: proof["storage"][1].update(slot=OTHER_WORD), "shows 0x"),
        (lambda proof: proof["storage"][1]["proof"].pop(), "does not lead"),
        (lambda proof: proof["storage"][1]["proof"].__setitem__(0, "0xc0"), "does not lead"),
    ],
)
def test_load_refuses_a_forged_state_proof(change: Callable[[dict[str, Any]], None], said: str) -> None:
    found = values()
    change(found["state_proof"])
    error = malformed(found)
    assert error.field.startswith("state_proof")
    assert said in str(error)


@pytest.mark.parametrize("salted_as", ["anvil-subject", "anvil-stream", "ganache-batch"])
def test_a_salt_of_another_receipt_makes_another_leaf(salted_as: str) -> None:
    assert malformed({**values("anvil-single"), "salt": values(salted_as)["salt"]}).field == "leaf"


@pytest.mark.parametrize("version", [0, 2, 99, "2", None])
def test_another_version_is_told_and_what_to_do(version: Any) -> None:
    with pytest.raises(ReceiptUnsupported) as raised:
        load({**values(), "version": version})
    assert raised.value.version == str(version)
    assert "install a newer one" in str(raised.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"careledger-receipt"',
        b"\xff\xfe{}",
        b"{}",
        b"[" * 100_000,
        b'{"format": "careledger-receipt", "version": 1, "version": 1}',
    ],
)
def test_load_refuses_what_is_no_receipt(content: bytes) -> None:
    with pytest.raises(ReceiptMalformed):
        Receipt.load(content)


def test_load_refuses_a_name_that_stands_twice() -> None:
    content = path_of("anvil-single").read_bytes().replace(b'"kind": 1', b'"kind": 1, "kind": 1')
    with pytest.raises(ReceiptMalformed) as raised:
        Receipt.load(content)
    assert "stands twice" in str(raised.value)


def test_load_raises_oserror_for_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Receipt.load(tmp_path / "missing.json")


def test_a_receipt_is_not_changed_and_not_made_of_wrong_values() -> None:
    receipt = Receipt.load(path_of("anvil-single"))
    with pytest.raises(ValidationError):
        receipt.kind = 7
    known = {name: getattr(receipt, name) for name in Receipt.model_fields}
    assert Receipt(**known) == receipt
    with pytest.raises(ReceiptMalformed):
        Receipt(**{**known, "digest": OTHER_WORD})
    with pytest.raises(ReceiptMalformed):
        receipt.with_state_proof(Receipt.load(path_of("anvil-batch")).state_proof)
    assert receipt.with_state_proof(None).state_proof is None


# ---------------------------------------------------------------------- without a node


def test_offline_another_file_is_altered_and_which_digests_differ() -> None:
    entry, receipt = TABLE["anvil-single"], Receipt.load(path_of("anvil-single"))
    checker = OfflineChecker(entry["contract"], entry["trusted_block_hash"])
    found = verify(b"another letter", receipt, checker)
    assert found.answer is Answer.ALTERED
    assert found.alteration is not None
    assert found.alteration.expected == receipt.digest
    assert found.alteration.found not in (None, receipt.digest)


@pytest.mark.parametrize(
    ("contract", "block_hash", "part"),
    [(None, OTHER_WORD, Part.OTHER_BLOCK), (OTHER_ADDRESS, None, Part.OTHER_CONTRACT)],
)
def test_offline_what_is_not_trusted_is_no_answer(contract: str | None, block_hash: str | None, part: Part) -> None:
    entry, receipt = TABLE["anvil-single"], Receipt.load(path_of("anvil-single"))
    checker = OfflineChecker(contract or entry["contract"], block_hash or entry["trusted_block_hash"])
    found = verify(FROZEN / entry["document"], receipt, checker)
    assert found.answer is Answer.COULD_NOT_CHECK
    assert found.failure is not None
    assert found.failure.part is part


@pytest.mark.parametrize(
    ("field", "value"),
    [("expiry", 2**40 - 1), ("anchored_at", 1_795_000_000), ("signed_at", 1_795_000_000), ("stream", OTHER_WORD)],
)
def test_offline_what_the_record_has_otherwise_is_told(field: str, value: Any) -> None:
    entry, changed = TABLE["anvil-single"], load({**values("anvil-single"), field: value})
    found = verify(FROZEN / entry["document"], changed, OfflineChecker(entry["contract"], entry["trusted_block_hash"]))
    assert found.answer is Answer.ACTIVE
    assert [difference.field for difference in found.differences] == [field]


def test_offline_a_document_said_to_be_anchored_by_itself_is_unknown() -> None:
    entry, changed = TABLE["anvil-batch"], load({**values(), "batch": None})
    found = verify(FROZEN / entry["document"], changed, OfflineChecker(entry["contract"], entry["trusted_block_hash"]))
    assert found.answer is Answer.UNKNOWN


def test_offline_a_disclosure_with_a_changed_field_is_altered() -> None:
    entry, receipt = TABLE["anvil-fields"], Receipt.load(path_of("anvil-fields"))
    checker = OfflineChecker(entry["contract"], entry["trusted_block_hash"])
    content = (FROZEN / entry["document"]).read_bytes()
    assert verify(content, receipt, checker).answer is Answer.ACTIVE
    found = verify(content.replace(b'"true"', b'"false"'), receipt, checker)
    assert found.answer is Answer.ALTERED
    plain = verify((FROZEN / "patient.json").read_bytes(), receipt, checker)
    assert plain.answer is Answer.ALTERED
    assert plain.alteration is not None
    assert plain.alteration.found is None
    assert "neither a disclosure" in str(plain.alteration.problem)


def test_an_answer_becomes_json() -> None:
    entry, receipt = TABLE["ganache-leaf-revoked"], Receipt.load(path_of("ganache-leaf-revoked"))
    found = verify(
        FROZEN / entry["document"], receipt, OfflineChecker(entry["contract"], entry["trusted_block_hash"])
    ).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["answer"] == "revoked"
    assert found["revocation"] == {"reason": None, "revoked_at": None, "whole_batch": False, "by": None}
    assert found["doubts"] == ["not checked"]
    assert found["who"]["claimed_organization"] == receipt.organization
