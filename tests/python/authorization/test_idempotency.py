"""The same request twice is one request."""

from __future__ import annotations

import dataclasses
import json

import pytest
from careledger.authorization.idempotency import Arrival, arrival, request_id
from careledger.authorization.request import BusinessIdentifier, CertificationType
from careledger.errors import InvalidInput, RequestConflict
from hypothesis import given
from hypothesis import strategies as st
from pas_bundles import VECTORS, parsed, vector

SECRET = bytes(32)
ID = bytes(31) + b"\x01"
REQUEST = parsed(vector("request.json")).request


def test_ids_are_those_of_the_vectors() -> None:
    vectors = json.loads((VECTORS / "request-id.json").read_text())
    secret = bytes.fromhex(vectors["secret"][2:])
    for one in vectors["requests"]:
        assert "0x" + request_id(secret, BusinessIdentifier(one["system"], one["value"])).hex() == one["id"]


TEXT = st.text(min_size=1, max_size=8).filter(str.strip)


@given(TEXT, TEXT, TEXT, TEXT)
def test_two_identifiers_have_two_ids(a: str, b: str, c: str, d: str) -> None:
    ids = request_id(SECRET, BusinessIdentifier(a, b)), request_id(SECRET, BusinessIdentifier(c, d))
    assert (ids[0] == ids[1]) == ((a, b) == (c, d))


def test_two_providers_have_two_ids() -> None:
    identifier = BusinessIdentifier("https://hospital.example", "1")
    assert request_id(SECRET, identifier) != request_id(bytes(31) + b"\x01", identifier)
    with pytest.raises(InvalidInput, match="must be 32 bytes or more"):
        request_id(bytes(31), identifier)


def test_a_request_is_new_or_repeated() -> None:
    assert arrival(ID, REQUEST, None) is Arrival.NEW
    assert arrival(ID, REQUEST, REQUEST.content_bytes()) is Arrival.REPEATED


def test_other_content_under_the_same_identifier_is_a_conflict() -> None:
    with pytest.raises(RequestConflict) as conflict:
        arrival(ID, dataclasses.replace(REQUEST, expedited=False), REQUEST.content_bytes())
    assert conflict.value.request_id == "0x" + ID.hex()
    assert "2026-17" not in str(conflict.value)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (CertificationType.REVISED, Arrival.UPDATE),
        (CertificationType.CANCEL, Arrival.UPDATE),
        (CertificationType.IMMEDIATE_APPEAL, Arrival.APPEAL),
        (CertificationType.STANDARD_APPEAL, Arrival.APPEAL),
    ],
)
def test_updates_and_appeals_are_no_conflict(kind: CertificationType, expected: Arrival) -> None:
    changed = dataclasses.replace(REQUEST, certification_type=kind)
    assert arrival(ID, changed, REQUEST.content_bytes()) is expected
    assert arrival(ID, changed, None) is expected


@pytest.mark.parametrize("kind", [CertificationType.RENEWAL, CertificationType.EXTENSION])
def test_a_renewal_is_a_request_of_its_own(kind: CertificationType) -> None:
    with pytest.raises(RequestConflict):
        arrival(ID, dataclasses.replace(REQUEST, certification_type=kind), REQUEST.content_bytes())


def test_a_request_that_names_a_prior_one_is_an_update() -> None:
    update = parsed(vector("update.json")).request
    assert update.prior == REQUEST.identifier
    assert arrival(ID, update, None) is Arrival.UPDATE
    assert arrival(ID, update, update.content_bytes()) is Arrival.REPEATED
