"""The neutral request: what it refuses, and the bytes that are committed to."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from typing import Any

import pytest
from careledger.authorization.amounts import MAX_AMOUNT, MAX_MILLI_UNITS
from careledger.authorization.code_systems import CPT, Code
from careledger.authorization.request import (
    AuthorizationRequest,
    BusinessIdentifier,
    CareTeamMember,
    CertificationType,
    Party,
    RequestLine,
    SupportingInformation,
)
from careledger.errors import InvalidInput
from hypothesis import given
from hypothesis import strategies as st
from pas_bundles import VECTORS, parsed, vector

LINE = RequestLine(1, Code(CPT, "99213"))
SECRETS = ("M-0001", "S-0001", "P-0001", "T-1", "2026-17", "general-hospital", "D-1", "Inventa")


def request(**values: Any) -> AuthorizationRequest:
    party = Party("Organization/1")
    return AuthorizationRequest(
        **{
            "identifier": BusinessIdentifier("https://hospital.example", "1"),
            **dict.fromkeys(("provider", "insurer", "patient", "coverage"), party),
            "lines": (LINE,),
            **values,
        }
    )


def test_certification_types_are_x12s() -> None:
    assert {one.name: one.value for one in CertificationType} == {
        "INITIAL": "I",
        "RENEWAL": "R",
        "REVISED": "S",
        "EXTENSION": "E",
        "CANCEL": "3",
        "IMMEDIATE_APPEAL": "1",
        "STANDARD_APPEAL": "2",
    }


@pytest.mark.parametrize(
    "values",
    [
        {"sequence": 0},
        {"milli_units": 0},
        {"milli_units": MAX_MILLI_UNITS + 1},
        {"unit_price": -1},
        {"amount": MAX_AMOUNT + 1},
        {"first_day": dt.date(2026, 2, 2), "last_day": dt.date(2026, 2, 1)},
    ],
)
def test_a_line_refuses_what_is_out_of_range(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        dataclasses.replace(LINE, **values)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"lines": ()}, "must be one at least"),
        ({"lines": (LINE, LINE)}, "stands twice"),
        ({"information": (SupportingInformation(1), SupportingInformation(1))}, "stands twice"),
        ({"lines": (dataclasses.replace(LINE, information=(1,)),)}, "is the number of no supporting information"),
        ({"lines": (dataclasses.replace(LINE, diagnoses=(1,)),)}, "is the number of no diagnosis"),
        ({"lines": (dataclasses.replace(LINE, care_team=(1,)),)}, "is the number of no care team member"),
    ],
)
def test_a_request_refuses_what_does_not_fit(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        request(**values)


def test_an_identifier_has_system_and_value() -> None:
    with pytest.raises(InvalidInput, match="identifier system"):
        BusinessIdentifier(" ", "1")
    with pytest.raises(InvalidInput, match="identifier value"):
        BusinessIdentifier("https://hospital.example", "")


def test_what_is_not_known_is_not_zero() -> None:
    assert LINE.priced is None
    assert dataclasses.replace(LINE, unit_price=100).priced is None
    assert dataclasses.replace(LINE, milli_units=1000).priced is None
    assert dataclasses.replace(LINE, unit_price=100, milli_units=1500).priced == 150
    assert dataclasses.replace(LINE, unit_price=0, milli_units=1500).priced == 0
    assert dataclasses.replace(LINE, unit_price=100, milli_units=1500, amount=7).priced == 7


def test_a_line_is_found_by_its_number() -> None:
    assert request().line(1) is LINE
    with pytest.raises(InvalidInput, match="is not in the request"):
        request().line(2)


def test_canonical_bytes_are_those_of_the_vectors() -> None:
    made = parsed(vector("request.json")).request
    vectors = json.loads((VECTORS / "canonical.json").read_text())
    for name, content in (("request", made.content_bytes()), ("line 1", made.lines[0].content_bytes())):
        assert json.loads(content) == vectors[name]["content"]
        assert "0x" + hashlib.sha256(content).hexdigest() == vectors[name]["sha256"]


def test_the_same_request_sent_again_has_the_same_bytes() -> None:
    first = parsed(vector("request.json")).request
    again = vector("request.json")
    again["identifier"]["value"] = "B-9"
    again["timestamp"] = "2026-11-25T10:00:00Z"
    claim = again["entry"][0]["resource"]
    claim["created"] = "2026-11-25"
    claim["item"].reverse()
    claim["supportingInfo"].reverse()
    again["entry"][2:] = reversed(again["entry"][2:])
    assert parsed(again).request.content_bytes() == first.content_bytes()


@pytest.mark.parametrize(
    "values",
    [
        {"identifier": BusinessIdentifier("https://hospital.example", "2")},
        {"provider": Party("Organization/2")},
        {"patient": Party("Organization/1", (BusinessIdentifier("https://insurer.example", "1"),))},
        {"expedited": True},
        {"prior": BusinessIdentifier("https://hospital.example", "0")},
        {"certification_type": CertificationType.STANDARD_APPEAL},
        {"diagnoses": {1: Code("http://hl7.org/fhir/sid/icd-10-cm", "G47.33")}},
        {"care_team": {1: CareTeamMember(Party("Practitioner/1"))}},
        {"information": (SupportingInformation(1, digest=bytes(32)),)},
        {"information": (SupportingInformation(1, value_digest=bytes(32)),)},
        {"lines": (dataclasses.replace(LINE, milli_units=1000),)},
        {"lines": (dataclasses.replace(LINE, code_end=Code(CPT, "99215")),)},
        {"lines": (dataclasses.replace(LINE, modifiers=(Code(CPT, "59"),)),)},
        {"lines": (dataclasses.replace(LINE, unit_price=0),)},
        {"lines": (dataclasses.replace(LINE, cancelled=True),)},
        {"lines": (dataclasses.replace(LINE, first_day=dt.date(2026, 1, 1)),)},
    ],
)
def test_other_content_has_other_bytes(values: dict[str, Any]) -> None:
    assert request(**values).content_bytes() != request().content_bytes()


@given(st.integers(0, MAX_AMOUNT), st.integers(1, MAX_MILLI_UNITS))
def test_amounts_of_any_size_stand_in_the_bytes(amount: int, milli_units: int) -> None:
    line = dataclasses.replace(LINE, amount=amount, milli_units=milli_units)
    content = json.loads(line.content_bytes())
    assert (content["amount"], content["milliUnits"]) == (str(amount), str(milli_units))


def test_no_identifier_stands_in_what_is_printed() -> None:
    bundle = parsed(vector("update.json"))
    for said in (repr(bundle), str(bundle.request), repr(bundle.bundle.entries[2])):
        assert not [secret for secret in (*SECRETS, "Madeup", "1970-01-01", "Patient/p1") if secret in said]
