"""anchorBySignature, anchorBatchBySignature: a submitter that only signs, and who may send what it signed."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from ..support import (
    DAY,
    END_OF_TIME,
    ZERO,
    ZERO_HASH,
    chain_time,
    events,
    next_block_at,
    possession_types,
    refusal,
    send,
    time_of,
    travel,
    travel_to,
)
from .documents import (
    LEAF,
    MAGIC,
    OTHER,
    STREAM,
    TERMS,
    TYPES,
    Batch,
    Revocation,
    Status,
    anchored_event,
    calling,
    domain_of_anchors,
    malleated,
    put_code,
    record,
    returning,
    sign,
    single,
)

TYPED_DATA = Path(__file__).parents[1] / "identity" / "typed_data.js"
BATCH = Batch.of(5)
PRIMARY = {"anchorBySignature": "Anchoring", "anchorBatchBySignature": "BatchAnchoring"}
both = pytest.mark.parametrize("function", PRIMARY)
compact_or_not = pytest.mark.parametrize("compact", [True, False], ids=["64 bytes", "65 bytes"])
INVALID = "DocumentAnchorInvalidSignature"


@dataclass
class Request:
    """What is signed, by whom, and how it is sent."""

    anchors: Any
    function: str
    signer: Any
    message: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        batch = {"root": BATCH.root, "count": BATCH.count}
        named = batch if self.function == "anchorBatchBySignature" else {"leaf": LEAF}
        times = {"signedAt": chain_time() - 100, "deadline": chain_time() + DAY}
        self.message = {**named, "terms": TERMS, **times, **self.message}

    @property
    def method(self) -> Any:
        return getattr(self.anchors, self.function)

    def signature(self, compact: bool = True, primary: str | None = None, **domain_changes: Any) -> bytes:
        kind = primary or PRIMARY[self.function]
        return sign(self.anchors, self.signer, kind, self.message, compact, **domain_changes)

    def arguments(self, signature: bytes | None = None, submitter: Any = None, **changes: Any) -> tuple[Any, ...]:
        told = {**self.message, **changes}
        return str(submitter or self.signer), *told.values(), self.signature() if signature is None else signature

    @property
    def identity(self) -> bytes:
        return self.message.get("leaf") or self.message["root"]

    @property
    def count(self) -> int:
        return self.message.get("count", 0)

    def event(self, submitter: Any = None) -> tuple[Any, ...]:
        who, terms, signed_at = submitter or self.signer, self.message["terms"], self.message["signedAt"]
        if self.count:
            return "BatchAnchored", str(who), self.identity, self.count, terms, signed_at
        return anchored_event(who, self.identity, terms, signed_at)


@pytest.fixture
def request_of(anchors, patient):
    """A request of an account that has nothing but its key."""

    def make(function: str = "anchorBySignature", signer: Any = patient, **message: Any) -> Request:
        return Request(anchors, function, signer, message)

    return make


@pytest.fixture
def wallet(contracts, stranger, spare_key):
    """An ERC-1271 contract account, owned by the spare key."""
    return str(stranger.deploy(contracts["ContractWallet"], spare_key, gas=2_000_000, gas_price=10**10).address)


# ---------------------------------------------------------------------- who is the submitter


@both
@compact_or_not
def test_by_signature_the_signer_is_the_submitter(anchors, stranger, patient, request_of, function, compact):
    asked = request_of(function)
    receipt = send(asked.method, *asked.arguments(asked.signature(compact)), sender=stranger)
    assert events(receipt, anchors) == [asked.event()]
    stated = record(time_of(receipt), signed_at=asked.message["signedAt"], count=asked.count)
    assert tuple(anchors.anchorOf(patient, asked.identity)) == stated
    assert tuple(anchors.anchorOf(stranger, asked.identity)) == record()


def test_by_signature_anchored_documents_are_in_force(anchors, stranger, patient, request_of):
    for function in PRIMARY:
        send(request_of(function).method, *request_of(function).arguments(), sender=stranger)
    assert anchors.statusOf(single(patient)) == Status.ACTIVE
    assert anchors.statusOf(BATCH.document(patient, 4)) == Status.ACTIVE


@both
def test_by_signature_again_changes_nothing(anchors, stranger, laboratory_key, patient, request_of, function):
    asked = request_of(function)
    arguments = asked.arguments()
    send(asked.method, *arguments, sender=stranger)
    before = tuple(anchors.anchorOf(patient, asked.identity))
    travel(10)
    for sender in (stranger, laboratory_key):
        assert send(asked.method, *arguments, sender=sender).logs == []
    assert tuple(anchors.anchorOf(patient, asked.identity)) == before


@both
def test_by_signature_with_another_time_of_signing_changes_nothing(anchors, stranger, patient, request_of, function):
    first, second = request_of(function), request_of(function, signedAt=chain_time() - 200)
    send(first.method, *first.arguments(), sender=stranger)
    before = tuple(anchors.anchorOf(patient, first.identity))
    assert send(second.method, *second.arguments(), sender=stranger).logs == []
    assert tuple(anchors.anchorOf(patient, first.identity)) == before


def test_by_signature_and_by_itself_are_the_same_anchor(anchors, stranger, hospital_key, request_of):
    """Whoever sends a signature first, the submitter's own transaction does not fail for it, nor the other way."""
    asked = request_of(signer=hospital_key)
    anchored_at = time_of(send(anchors.anchor, LEAF, TERMS, sender=hospital_key))
    assert send(asked.method, *asked.arguments(), sender=stranger).logs == []
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(anchored_at)
    other = request_of(signer=hospital_key, leaf=OTHER)
    send(other.method, *other.arguments(), sender=stranger)
    assert send(anchors.anchor, OTHER, TERMS, sender=hospital_key).logs == []
    assert anchors.anchorOf(hospital_key, OTHER).signedAt == other.message["signedAt"]


@both
def test_by_signature_replayed_does_not_undo_a_revocation(anchors, stranger, hospital_key, request_of, function):
    asked = request_of(function, signer=hospital_key)
    arguments = asked.arguments()
    send(asked.method, *arguments, sender=stranger)
    send(anchors.revoke, asked.identity, Revocation.ENTERED_IN_ERROR, sender=hospital_key)
    before = tuple(anchors.anchorOf(hospital_key, asked.identity))
    assert send(asked.method, *arguments, sender=stranger).logs == []
    assert tuple(anchors.anchorOf(hospital_key, asked.identity)) == before


@both
def test_by_signature_reverts_with_other_terms(anchors, stranger, patient, request_of, function):
    asked = request_of(function)
    anchored_at = time_of(send(asked.method, *asked.arguments(), sender=stranger))
    changed = request_of(function, terms=0)
    assert refusal(changed.method, *changed.arguments(), sender=stranger) == (
        "DocumentAnchorAlreadyAnchored",
        patient.address,
        asked.identity,
        anchored_at,
    )


@both
def test_by_signature_reverts_if_it_is_in_a_stream(anchors, stranger, hospital_key, request_of, function):
    asked = request_of(function, signer=hospital_key)
    send(anchors.declareStream, STREAM, sender=hospital_key)
    if asked.count:
        receipt = send(anchors.anchorBatchInStream, STREAM, BATCH.root, 5, TERMS, sender=hospital_key)
    else:
        receipt = send(anchors.anchorInStream, STREAM, LEAF, TERMS, sender=hospital_key)
    assert refusal(asked.method, *asked.arguments(), sender=stranger) == (
        "DocumentAnchorAlreadyAnchored",
        hospital_key.address,
        asked.identity,
        time_of(receipt),
    )


# ---------------------------------------------------------------------- terms and times


@both
@pytest.mark.parametrize("bit", [56, 96, 160, 216, 255])
def test_by_signature_reverts_if_terms_have_bits_above_the_kind(stranger, request_of, function, bit):
    asked = request_of(function, terms=TERMS | 1 << bit)
    assert refusal(asked.method, *asked.arguments(), sender=stranger) == (
        "DocumentAnchorInvalidTerms",
        TERMS | 1 << bit,
    )


@both
def test_by_signature_reverts_if_the_expiry_is_past(stranger, request_of, function):
    now = chain_time()
    asked = request_of(function, terms=TERMS + now)
    assert refusal(asked.method, *asked.arguments(), sender=stranger) == ("DocumentAnchorExpiryPast", now, now)


@both
@pytest.mark.parametrize("ahead", [1, END_OF_TIME])
def test_by_signature_reverts_if_signed_in_the_future(stranger, request_of, function, ahead):
    now = chain_time()
    signed_at = min(now + ahead, END_OF_TIME)
    asked = request_of(function, signedAt=signed_at)
    assert refusal(asked.method, *asked.arguments(), sender=stranger) == (
        "DocumentAnchorInvalidSigningTime",
        signed_at,
        now,
    )


@both
def test_by_signature_takes_one_signed_this_second(anchors, stranger, patient, request_of, function):
    now = chain_time() + 10
    asked = request_of(function, signedAt=now)
    next_block_at(now)
    send(asked.method, *asked.arguments(), sender=stranger)
    stated = record(now, signed_at=now, count=asked.count)
    assert tuple(anchors.anchorOf(patient, asked.identity)) == stated


@both
def test_by_signature_reverts_if_signed_at_no_time(stranger, request_of, function):
    """A time of signing of 0 tells readers that the submitter sent the transaction itself."""
    now = chain_time()
    asked = request_of(function, signedAt=0)
    wanted = ("DocumentAnchorInvalidSigningTime", 0, now)
    assert refusal(asked.method, *asked.arguments(), sender=stranger) == wanted


@both
def test_by_signature_reverts_if_expired(stranger, request_of, function):
    asked = request_of(function)
    deadline = asked.message["deadline"]
    arguments = asked.arguments()
    travel_to(deadline + 1)
    wanted = ("DocumentAnchorSignatureExpired", deadline, deadline + 1)
    assert refusal(asked.method, *arguments, sender=stranger) == wanted


@both
def test_by_signature_takes_one_in_its_last_second(anchors, stranger, request_of, function):
    asked = request_of(function)
    arguments = asked.arguments()
    next_block_at(asked.message["deadline"])
    assert events(send(asked.method, *arguments, sender=stranger), anchors) == [asked.event()]


# ---------------------------------------------------------------------- what is no signature


@both
@compact_or_not
def test_by_signature_reverts_if_another_signed(stranger, laboratory_key, request_of, function, compact):
    asked = request_of(function)
    for signature in (asked.signature(compact), request_of(function, signer=stranger).signature(compact)):
        arguments = asked.arguments(signature, submitter=laboratory_key)
        assert refusal(asked.method, *arguments, sender=stranger) == (INVALID, laboratory_key.address)


@pytest.mark.parametrize(
    ("function", "name"),
    [(function, name) for function, primary in PRIMARY.items() for name in TYPES[primary]],
)
def test_by_signature_reverts_if_anything_signed_is_changed(stranger, patient, request_of, function, name):
    asked = request_of(function)
    value = asked.message[name]
    changed = OTHER if isinstance(value, bytes) else value + 2**40 if name == "terms" else value - 1
    arguments = asked.arguments(asked.signature(), **{name: changed})
    assert refusal(asked.method, *arguments, sender=stranger) == (INVALID, patient.address)


@both
@pytest.mark.parametrize(
    "changed",
    [{"chainId": 1}, {"verifyingContract": "0x" + 40 * "1"}, {"name": "DocumentAnchor"}, {"version": "2"}],
    ids=lambda changed: next(iter(changed)),
)
def test_by_signature_reverts_if_signed_for_another_domain(stranger, patient, request_of, function, changed):
    asked = request_of(function)
    arguments = asked.arguments(asked.signature(**changed))
    assert refusal(asked.method, *arguments, sender=stranger) == (INVALID, patient.address)


def test_by_signature_reverts_if_signed_for_another_function(anchors, registry, stranger, patient, request_of):
    """A document's signature does not anchor a batch, nor a batch's a document, nor does a subject's or a new key's."""
    one, many = request_of(), request_of("anchorBatchBySignature")
    deadline = chain_time() + DAY
    complaint = {"submitter": patient.address, "leaf": LEAF, "reason": 1, "statement": ZERO_HASH, "deadline": deadline}
    withdrawal = {"submitter": patient.address, "leaf": LEAF, "deadline": deadline}
    possession = Account.sign_typed_data(
        patient.private_key,
        domain_data=domain_of_anchors(anchors),
        message_types=possession_types(),
        message_data={"organization": bytes(12), "key": patient.address, "deadline": deadline},
    )
    others = [
        sign(anchors, patient, "SubjectDispute", complaint),
        sign(anchors, patient, "SubjectWithdrawal", withdrawal),
        bytes(possession.signature),
    ]
    for asked, other in ((one, many), (many, one)):
        for signature in (other.signature(), *others):
            assert refusal(asked.method, *asked.arguments(signature), sender=stranger) == (INVALID, patient.address)


@both
def test_by_signature_reverts_if_malleated(stranger, patient, request_of, function):
    asked = request_of(function)
    signature = malleated(asked.signature(compact=False))
    assert refusal(asked.method, *asked.arguments(signature), sender=stranger) == (INVALID, patient.address)


@pytest.mark.parametrize("length", [0, 1, 32, 63, 66, 96, 128, 130])
def test_by_signature_reverts_if_of_another_length(stranger, patient, request_of, length):
    asked = request_of()
    for signature in (asked.signature(compact=False), asked.signature()):
        cut = signature.ljust(length, b"\0")[:length]
        assert refusal(asked.method, *asked.arguments(cut), sender=stranger) == (INVALID, patient.address)


@pytest.mark.parametrize("v", [0, 1, 26, 29, 255])
def test_by_signature_reverts_if_its_last_byte_is_none(stranger, patient, request_of, v):
    asked = request_of()
    signature = asked.signature(compact=False)[:64] + bytes([v])
    assert refusal(asked.method, *asked.arguments(signature), sender=stranger) == (INVALID, patient.address)


def test_by_signature_reverts_if_its_parity_is_flipped(stranger, patient, request_of):
    asked = request_of()
    long, short = asked.signature(compact=False), asked.signature()
    flipped = (long[:64] + bytes([55 - long[64]]), short[:32] + bytes([short[32] ^ 0x80]) + short[33:])
    for signature in flipped:
        assert refusal(asked.method, *asked.arguments(signature), sender=stranger) == (INVALID, patient.address)


@both
@pytest.mark.parametrize("length", [0, 64, 65])
@pytest.mark.parametrize("byte", [0, 255])
def test_by_signature_reverts_for_nobody(stranger, request_of, function, length, byte):
    """What recovers to nobody is not the zero address's signature."""
    asked = request_of(function)
    signature = bytes([byte]) * length
    assert refusal(asked.method, *asked.arguments(signature, submitter=ZERO), sender=stranger) == (INVALID, ZERO)


# ---------------------------------------------------------------------- wallets


@both
def test_by_signature_takes_what_a_wallet_takes(anchors, stranger, spare_key, wallet, request_of, function):
    asked = request_of(function, signer=spare_key)
    signature = asked.signature(compact=False)
    receipt = send(asked.method, *asked.arguments(signature, submitter=wallet), sender=stranger)
    assert events(receipt, anchors) == [asked.event(wallet)]
    assert anchors.anchorOf(wallet, asked.identity).anchoredAt == time_of(receipt)
    assert anchors.anchorOf(spare_key, asked.identity).anchoredAt == 0


@both
@pytest.mark.parametrize("length", [0, 1, 63, 65, 66, 500])
def test_by_signature_takes_a_wallets_signature_of_any_length(
    anchors, stranger, wallet_with, request_of, function, length
):
    wallet = wallet_with(returning(MAGIC.ljust(32, b"\0")))
    asked = request_of(function)
    receipt = send(asked.method, *asked.arguments(b"\5" * length, submitter=wallet), sender=stranger)
    assert events(receipt, anchors) == [asked.event(wallet)]


@both
def test_by_signature_takes_a_wallets_signature_of_64_bytes(anchors, stranger, wallet_with, request_of, function):
    """What a passkey signs has 64 bytes, too: a wallet has to be asked about them as about others."""
    wallet = wallet_with(returning(MAGIC.ljust(32, b"\0")))
    asked = request_of(function)
    receipt = send(asked.method, *asked.arguments(b"\5" * 64, submitter=wallet), sender=stranger)
    assert events(receipt, anchors) == [asked.event(wallet)]


@both
def test_by_signature_reverts_if_the_wallet_refuses(stranger, patient, wallet, request_of, function):
    asked = request_of(function)
    for compact in (True, False):
        arguments = asked.arguments(asked.signature(compact), submitter=wallet)
        assert refusal(asked.method, *arguments, sender=stranger) == (INVALID, wallet)


BAD_WALLETS = {
    "reverts": bytes.fromhex("5f5ffd"),
    "reverts with the answer": returning(MAGIC.ljust(32, b"\0"))[:-1] + b"\xfd",
    "breaks off": b"\xfe",
    "answers nothing": b"\x00",
    "answers 4 bytes": returning(MAGIC),
    "answers 31 bytes": returning(MAGIC.ljust(31, b"\0")),
    "answers true": returning((1).to_bytes(32)),
    "answers on the wrong side": returning(MAGIC.rjust(32, b"\0")),
    "answers with more below": returning(MAGIC.ljust(31, b"\0") + b"\1"),
    "answers zero": returning(bytes(64)),
    "answers -1": returning(b"\xff" * 32),
}


@pytest.mark.parametrize("code", BAD_WALLETS.values(), ids=BAD_WALLETS)
def test_by_signature_reverts_if_the_wallet_answers_anything_else(stranger, wallet_with, request_of, code):
    wallet = wallet_with(code)
    asked = request_of()
    for compact in (True, False):
        arguments = asked.arguments(asked.signature(compact), submitter=wallet)
        assert refusal(asked.method, *arguments, sender=stranger) == (INVALID, wallet)


def test_by_signature_takes_an_answer_that_is_longer(anchors, stranger, wallet_with, request_of):
    wallet = wallet_with(returning(MAGIC.ljust(64, b"\0")))
    asked = request_of()
    receipt = send(asked.method, *asked.arguments(b"", submitter=wallet), sender=stranger)
    assert events(receipt, anchors) == [asked.event(wallet)]


def test_by_signature_takes_64_bytes_of_a_key_whose_account_has_code(anchors, stranger, patient, request_of):
    """An account that delegates to code (EIP-7702) stays its key's."""
    put_code(patient, BAD_WALLETS["reverts"])
    asked = request_of()
    assert events(send(asked.method, *asked.arguments(), sender=stranger), anchors) == [asked.event()]


def test_by_signature_a_wallet_cannot_change_anything_while_asked(anchors, stranger, wallet_with, request_of):
    inner = bytes.fromhex(anchors.anchor.encode_input(OTHER, TERMS).hex().removeprefix("0x"))
    wallet = wallet_with(calling(anchors.address, inner))
    asked = request_of()
    receipt = send(asked.method, *asked.arguments(b"\0" * 65, submitter=wallet), sender=stranger)
    assert events(receipt, anchors) == [asked.event(wallet)]
    assert tuple(anchors.anchorOf(wallet, OTHER)) == record()
    # What it would have done, asked in no question.
    stranger.transfer(wallet, 0, gas=200_000, gas_price=10**10)
    assert anchors.anchorOf(wallet, OTHER).anchoredAt != 0


@both
def test_by_signature_is_hashed_alike_by_ethers(anchors, stranger, request_of, function):
    asked = request_of(function)
    primary = PRIMARY[function]
    message = {name: "0x" + value.hex() if isinstance(value, bytes) else value for name, value in asked.message.items()}
    types = {primary: [{"name": name, "type": kind} for name, kind in TYPES[primary].items()]}
    digest = subprocess.run(
        ["node", TYPED_DATA],
        input=json.dumps({"domain": domain_of_anchors(anchors), "types": types, "message": message}),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    signature = bytes(Account.unsafe_sign_hash(digest, asked.signer.private_key).signature)
    assert signature == asked.signature(compact=False)
    assert events(send(asked.method, *asked.arguments(signature), sender=stranger), anchors) == [asked.event()]
