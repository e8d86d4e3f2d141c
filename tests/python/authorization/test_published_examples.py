"""The published Da Vinci PAS 2.2.1 examples, read where they are: none is copied here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from careledger.authorization.amounts import Settlement
from careledger.authorization.code_systems import HCPCS, Code
from careledger.authorization.fhir.names import CAGC, CARC, LEVEL_OF_SERVICE_SYSTEM, REVIEW_ACTION_SYSTEM
from careledger.authorization.fhir.operation_outcome import parse_operation_outcome
from careledger.authorization.fhir.request_bundle import parse_request_bundle
from careledger.authorization.fhir.resources import dump
from careledger.authorization.fhir.response_bundle import parse_response_bundle, response_bundle
from careledger.authorization.outcome import AuthorizationOutcome, LineOutcome, ReviewAction
from careledger.authorization.payment import AdjustmentGroup
from careledger.authorization.plain import parse_plain_request, plain_request
from careledger.authorization.request import BusinessIdentifier, CertificationType, Change
from careledger.errors import BundleRefused
from fhir.resources.R4B.bundle import Bundle
from pas_bundles import EXAMPLES

CENTS = Settlement("USD", 2)
REQUESTS = ("HomecareAuthorizationBundle", "HomecareAuthorizationUpdateBundle", "ReferralAuthorizationBundle")
RESPONSES = ("ReferralAuthorizationResponseBundle", "ReferralPendingAuthorizationResponseBundle")
SERVICE_TYPE = "https://codesystem.x12.org/005010/1365"

pytestmark = pytest.mark.skipif(
    not EXAMPLES.is_dir(), reason=f"the Da Vinci PAS examples are not at {EXAMPLES.name} beside the clone"
)


def example(name: str, kind: str = "Bundle") -> bytes:
    return (EXAMPLES / f"{kind}-{name}{'Example' if kind == 'Bundle' else ''}.json").read_bytes()


def test_every_example_is_covered() -> None:
    found = {path.name for path in EXAMPLES.glob("*.json")}
    covered = {f"Bundle-{name}Example.json" for name in (*REQUESTS, *RESPONSES)}
    assert found == covered | {"OperationOutcome-InvalidRequestResponse.json"}


def test_the_homecare_request() -> None:
    request = parse_request_bundle(example("HomecareAuthorizationBundle"), CENTS).request
    assert request.identifier == BusinessIdentifier("http://example.org/PATIENT_EVENT_TRACE_NUMBER", "111099")
    assert (request.certification_type, request.expedited, request.is_update) == (
        CertificationType.INITIAL,
        False,
        False,
    )
    assert [line.code for line in request.lines] == [Code(HCPCS, "G0154"), Code(HCPCS, "B4184")]
    assert {line.priced for line in request.lines} == {line.milli_units for line in request.lines} == {None}


def test_the_homecare_update() -> None:
    before = parse_request_bundle(example("HomecareAuthorizationBundle"), CENTS).request
    update = parse_request_bundle(example("HomecareAuthorizationUpdateBundle"), CENTS).request
    assert update.prior == before.identifier
    assert [(line.change, line.cancelled) for line in update.lines] == [
        (Change.UNCHANGED, False),
        (Change.CHANGED, True),
        (Change.ADDED, False),
    ]
    assert update.lines[0].content_bytes() == before.lines[0].content_bytes()


def test_the_referral_request_is_urgent_at_normal_priority() -> None:
    content = example("ReferralAuthorizationBundle")
    assert json.loads(content)["entry"][0]["resource"]["priority"]["coding"][0]["code"] == "normal"
    request = parse_request_bundle(content, CENTS).request
    assert request.expedited
    assert request.lines[0].code == Code(SERVICE_TYPE, "3")
    assert request.lines[0].milli_units is None  # the ServiceRequest's quantity is not the line's
    (document,) = request.information
    assert (document.kind, len(document.attachments)) == (Code("http://loinc.org", "11505-5"), 1)


def test_requests_share_a_bundle_identifier() -> None:
    """Which is why a request is never known by it."""
    shared = {json.dumps(json.loads(example(name))["identifier"]) for name in REQUESTS}
    identifiers = {parse_request_bundle(example(name), CENTS).request.identifier for name in REQUESTS}
    assert len(shared) < len(identifiers) == 3


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_goes_to_plain_and_back(name: str) -> None:
    request = parse_request_bundle(example(name), CENTS).request
    again = parse_plain_request(json.dumps(plain_request(request, CENTS)).encode(), CENTS)
    assert again == request


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_answered_and_the_answer_read(name: str) -> None:
    asked = parse_request_bundle(example(name), CENTS)
    lines = [
        LineOutcome(line.sequence, None if line.cancelled else ReviewAction.PENDED) for line in asked.request.lines
    ]
    created = asked.request.created
    outcome = AuthorizationOutcome(asked.request.identifier, tuple(lines), created)  # type: ignore[arg-type]
    content = dump(response_bundle(asked, outcome, CENTS))
    Bundle.model_validate(json.loads(content))
    assert parse_response_bundle(content, CENTS) == outcome


def test_the_approval() -> None:
    outcome = parse_response_bundle(example("ReferralAuthorizationResponseBundle"), CENTS)
    (line,) = outcome.lines
    assert (line.sequence, line.action, line.authorization_number) == (1, ReviewAction.APPROVED, "AUTH0001")
    assert line.grant is not None
    assert (line.grant.milli_units, line.grant.unit_price, line.grant.amount) == (1000, 10_000, 10_000)
    assert line.valid_from is not None
    assert line.valid_to is not None
    assert (line.valid_to - line.valid_from).days == 31
    assert outcome.is_final


def test_the_pended_answer_is_complete_with_a4() -> None:
    content = example("ReferralPendingAuthorizationResponseBundle")
    assert json.loads(content)["entry"][0]["resource"]["outcome"] == "complete"
    outcome = parse_response_bundle(content, CENTS)
    (line,) = outcome.lines
    assert (line.action, line.pend_number, line.grant) == (ReviewAction.PENDED, "PEND0001", None)
    assert not outcome.is_final


@pytest.mark.parametrize("name", RESPONSES)
def test_an_answer_is_no_request(name: str) -> None:
    with pytest.raises(BundleRefused, match="'ClaimResponse' must be a Claim"):
        parse_request_bundle(example(name), CENTS)


def test_the_operation_outcome() -> None:
    (issue,) = parse_operation_outcome(example("InvalidRequestResponse", "OperationOutcome"))
    assert (issue.severity, issue.code, issue.expression) == ("error", "invalid", "")
    assert issue.problem == "The input request is not of the desired format."


def codes(name: str) -> dict[str, object]:
    values: dict[str, object] = json.loads(Path(EXAMPLES / "codes" / name).read_text())
    return values


def test_codes_are_those_of_the_lists() -> None:
    x12 = codes("x12_278_codes_ours.json")
    assert x12["system"] == REVIEW_ACTION_SYSTEM
    listed = {code["code"]: code["final"] for code in x12["codes"]}  # type: ignore[attr-defined]
    assert {one.value: one.is_final for one in ReviewAction} == {
        code: final for code, final in listed.items() if code != "C"
    }
    assert {one.value for one in CertificationType} == set(x12["certificationType_1322"])  # type: ignore[call-overload]
    assert {one.value for one in AdjustmentGroup} == set(codes("carc_subset_ours.json")["groups"])  # type: ignore[call-overload]
    assert LEVEL_OF_SERVICE_SYSTEM.endswith("/1338")
    assert {CARC, CAGC} == {f"https://x12.org/codes/claim-adjustment-{kind}-codes" for kind in ("reason", "group")}
