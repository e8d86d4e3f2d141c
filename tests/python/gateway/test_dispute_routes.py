"""Disputes by whom a document is about, over HTTP: relayed for the subject's own key, and for nobody else."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from careledger.anchoring import Canonicalization, DocumentKind, Receipt
from careledger.anchoring.fingerprint import Fingerprint
from careledger.anchoring.types import DisputeReason
from careledger.chain.development import development_signer
from careledger.chain.signers import LocalSigner
from careledger.client import CareLedger
from careledger.gateway.local import LOCAL_ORGANIZATION
from gateway_stage import Served
from identity.suite import new_key, travel
from register_acts import CONTROLLER, acting, admitted

PATIENT, STRANGER = new_key(), new_key()
DOCTOR, OTHER_CLINIC = development_signer(4), development_signer(5)


@pytest.fixture(scope="module")
def hospital(gateway: Served) -> CareLedger:
    """The gateway's organization, with a key of its own beside the gateway's."""
    controller = acting(gateway, development_signer(CONTROLLER))
    expiry = controller.connection.now() + 3600
    controller.organizations.add_key(controller.organizations.prove_possession(LOCAL_ORGANIZATION, DOCTOR, expiry))
    return acting(gateway, DOCTOR)


def anchored(ledger: CareLedger, organization: str, subject: str | None = PATIENT.address, count: int = 1) -> Receipt:
    """A receipt that names a key which may dispute; of a batch if there are several."""
    prints = [
        Fingerprint.of(b"Letter", organization, DocumentKind.CLINICAL_DOCUMENT, Canonicalization.RAW, subject)
        for _ in range(count)
    ]
    return ledger.documents.anchor(prints[0]) if count == 1 else ledger.documents.anchor_batch(prints)[-1]


@pytest.fixture
def receipt(gateway: Served, hospital: CareLedger) -> Receipt:
    return anchored(hospital, gateway.app.state.services.organization)


def asked(receipt: Receipt, reason: str | None = "INACCURATE") -> dict[str, Any]:
    return {"receipt": json.loads(receipt.dump()), "reason": reason}


def signed(gateway: Served, body: dict[str, Any], key: LocalSigner = PATIENT) -> dict[str, Any]:
    """The message that the gateway gives out, signed as a wallet does."""
    answer = gateway.call("POST", "/documents/disputes/message", json=body)
    assert answer.status_code == 200, answer.text
    given = answer.json()
    signature = key.sign_typed_data(given["typed_data"])
    return {**body, "deadline": given["deadline"], "signature": "0x" + signature.hex()}


def sent(gateway: Served, body: dict[str, Any]) -> requests.Response:
    return gateway.call("POST", "/documents/disputes", json=body)


def raised(hospital: CareLedger, receipt: Receipt) -> tuple[DisputeReason, bool] | None:
    """The subject's dispute by the chain: its reason, and whether it was withdrawn."""
    found = hospital.documents.dispute_of(receipt.submitter, receipt.leaf, PATIENT.address)
    return None if found is None else (found.reason, bool(found.withdrawn_at))


@pytest.mark.parametrize("count", [1, 3])
def test_a_subject_disputes_and_withdraws_without_an_account_or_funds(
    gateway: Served, hospital: CareLedger, count: int
) -> None:
    receipt = anchored(hospital, gateway.app.state.services.organization, count=count)
    assert hospital.connection.balance_wei(PATIENT.address) == 0
    answer = sent(gateway, signed(gateway, asked(receipt, "WRONG_SUBJECT")))
    assert (answer.status_code, answer.json()["subject"]) == (201, PATIENT.address), answer.text
    assert raised(hospital, receipt) == (DisputeReason.WRONG_SUBJECT, False)
    answer = sent(gateway, signed(gateway, asked(receipt, None)))
    assert answer.status_code == 201, answer.text
    assert raised(hospital, receipt) == (DisputeReason.WRONG_SUBJECT, True)


def test_the_same_again_is_the_same_job_and_costs_nothing(
    gateway: Served, hospital: CareLedger, receipt: Receipt
) -> None:
    body = signed(gateway, asked(receipt))
    first = sent(gateway, body)
    nonce = hospital.connection.nonce(gateway.app.state.services.signer.address)
    again = sent(gateway, body)
    assert (again.status_code, again.json()["block_number"]) == (201, first.json()["block_number"])
    other = sent(gateway, signed(gateway, asked(receipt, "OUTDATED")))
    assert other.status_code == 409
    assert hospital.connection.nonce(gateway.app.state.services.signer.address) == nonce
    assert raised(hospital, receipt) == (DisputeReason.INACCURATE, False)


def test_a_dispute_that_was_withdrawn_is_not_raised_again(
    gateway: Served, hospital: CareLedger, receipt: Receipt
) -> None:
    dispute = signed(gateway, asked(receipt))
    assert sent(gateway, dispute).status_code == 201
    assert sent(gateway, signed(gateway, asked(receipt, None))).status_code == 201
    assert sent(gateway, dispute).status_code == 201  # what became of that request, not another dispute
    travel(hospital.connection, 1_800)
    refused = sent(gateway, signed(gateway, asked(receipt)))
    assert (refused.status_code, refused.json()["title"]) == (409, "Disputed already")
    assert raised(hospital, receipt) == (DisputeReason.INACCURATE, True)


def test_what_the_subject_did_not_sign_is_refused(gateway: Served, hospital: CareLedger, receipt: Receipt) -> None:
    body = signed(gateway, asked(receipt))
    number = int(body["signature"], 16)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    raw = bytes.fromhex(body["signature"][2:])
    high = raw[:32] + (order - int.from_bytes(raw[32:64], "big")).to_bytes(32, "big") + bytes([55 - raw[64]])
    elsewhere = anchored(hospital, gateway.app.state.services.organization)
    for forged in (
        signed(gateway, asked(receipt), STRANGER),
        {**body, "signature": "0x" + high.hex()},
        {**body, "signature": f"0x{number ^ 1 << 300:0130x}"},
        {**body, "signature": f"0x{0:0130x}"},
        {**body, "reason": "OUTDATED"},
        {**body, "reason": None},
        {**body, "receipt": asked(elsewhere)["receipt"]},
    ):
        answer = sent(gateway, forged)
        assert (answer.status_code, answer.json()["title"]) == (422, "Not the subject's"), answer.text
    later = sent(gateway, {**body, "deadline": body["deadline"] + 3_600})
    assert (later.status_code, later.json()["title"]) == (422, "Wrong deadline")
    assert raised(hospital, receipt) is None
    assert raised(hospital, elsewhere) is None


def test_a_signature_does_not_count_for_ever(gateway: Served, hospital: CareLedger, receipt: Receipt) -> None:
    body = signed(gateway, asked(receipt))
    travel(hospital.connection, 3_600)
    answer = sent(gateway, body)
    assert (answer.status_code, answer.json()["title"]) == (422, "Wrong deadline")
    assert raised(hospital, receipt) is None


def test_only_this_organizations_documents_with_a_subject_are_relayed(
    gateway: Served, hospital: CareLedger, receipt: Receipt
) -> None:
    admitted(gateway, OTHER_CLINIC)
    clinic = acting(gateway, OTHER_CLINIC)
    own = gateway.app.state.services.organization
    others = anchored(clinic, own)
    nobodys = anchored(hospital, own, None)
    given = asked(receipt)["receipt"]
    for body, title in (
        (asked(others), "Not anchored here"),
        (asked(nobodys), "No subject"),
        ({**asked(receipt), "receipt": {**given, "genesis_hash": "0x" + 64 * "a"}}, "InvalidInput"),
        ({**asked(receipt), "receipt": {**given, "subject": STRANGER.address}}, "ReceiptMalformed"),
    ):
        answer = gateway.call("POST", "/documents/disputes/message", json=body)
        assert (answer.status_code, answer.json()["title"]) == (422, title), answer.text


def test_what_was_not_disputed_is_not_withdrawn(gateway: Served, receipt: Receipt) -> None:
    answer = sent(gateway, signed(gateway, asked(receipt, None)))
    assert (answer.status_code, answer.json()["title"]) == (409, "Not disputed")
