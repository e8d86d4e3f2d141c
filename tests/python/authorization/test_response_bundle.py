"""The answer as FHIR: the codes, the lines that are echoed, what is granted, and back again."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any

import pytest
from careledger.authorization.amounts import Settlement
from careledger.authorization.code_systems import HCPCS, Code
from careledger.authorization.fhir.inquiry_bundle import parse_inquiry_bundle
from careledger.authorization.fhir.names import REASON_SYSTEM, REVIEW_ACTION_SYSTEM
from careledger.authorization.fhir.request_bundle import RequestBundle
from careledger.authorization.fhir.resources import check_references, dump, parse_bundle
from careledger.authorization.fhir.response_bundle import (
    inquiry_response_bundle,
    inquiry_result,
    parse_inquiry_result,
    parse_response_bundle,
    response_bundle,
)
from careledger.authorization.outcome import AuthorizationOutcome, Grant, LineOutcome, ReviewAction
from careledger.authorization.request import BusinessIdentifier
from careledger.errors import BundleRefused, InvalidInput
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.parameters import Parameters
from hypothesis import given, settings
from hypothesis import strategies as st
from pas_bundles import DOLLARS, PAS, VECTORS, parsed, vector

ANSWERED = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
MONTH = Code("http://unitsofmeasure.org", "mo")
REASON = Code(REASON_SYSTEM, "0V")
APPROVED = LineOutcome(
    1,
    ReviewAction.APPROVED,
    grant=Grant(3000, MONTH, 85_000_000, 255_000_000),
    issued_on=dt.date(2026, 11, 22),
    valid_from=dt.date(2026, 12, 1),
    valid_to=dt.date(2027, 2, 28),
    authorization_number="AUTH-1",
)
DENIED = LineOutcome(2, ReviewAction.DENIED, reasons=(REASON,), notes=("Excluded by the plan.",))
PENDED = LineOutcome(3, ReviewAction.PENDED, notes=("A sleep study is missing.", "Send it."), pend_number="PEND-3")
CANCELLED = LineOutcome(2, None)
ADDED = LineOutcome(4, ReviewAction.NOT_REQUIRED)
MODIFIED = LineOutcome(
    3,
    ReviewAction.MODIFIED,
    reasons=(REASON,),
    grant=Grant(1000, MONTH, 70_000_000, 70_000_000, Code(HCPCS, "E0602"), (Code(HCPCS, "RR"),)),
    authorization_number="AUTH-3",
)


def asked(name: str = "request.json") -> RequestBundle:
    return parsed(vector(name))


def outcome(*lines: LineOutcome, **values: Any) -> AuthorizationOutcome:
    identifier = BusinessIdentifier("https://hospital.example/requests", "2026-17")
    return AuthorizationOutcome(identifier, lines, ANSWERED, **values)


def answered(bundle: RequestBundle, given_outcome: AuthorizationOutcome) -> Any:
    """The answer, as values; it is valid R4B and stands on its own."""
    content = dump(response_bundle(bundle, given_outcome, DOLLARS))
    Bundle.model_validate(json.loads(content))
    found = parse_bundle(content, "ClaimResponse")
    response = found.entries[0].resource
    check_references(found, found.entries[0])
    outside = [issue.expression for issue in response.issues]
    assert outside == [f"{response.path}.request.reference"]  # the sender has its own Claim
    return json.loads(content)


def claim_response(bundle: Any) -> Any:
    return bundle["entry"][0]["resource"]


# ------------------------------------------------------------------ codes


def test_review_actions_are_x12s() -> None:
    """Public code often has A2, A3 and A6 wrong."""
    assert {one.name: one.value for one in ReviewAction} == {
        "APPROVED": "A1",
        "PARTIAL": "A2",
        "DENIED": "A3",
        "PENDED": "A4",
        "MODIFIED": "A6",
        "CONTACT_PAYER": "CT",
        "NOT_REQUIRED": "NA",
    }
    assert REVIEW_ACTION_SYSTEM == "https://codesystem.x12.org/005010/306"
    assert {one.value for one in ReviewAction if not one.is_final} == {"A4", "CT"}
    assert {one.value for one in ReviewAction if one.grants} == {"A1", "A2", "A6"}


@pytest.mark.parametrize("action", ReviewAction)
def test_each_action_stands_in_the_answer_as_its_code(action: ReviewAction) -> None:
    grant = Grant(1000) if action.grants else None
    lines = [LineOutcome(n, action, reasons=(REASON,), grant=grant) for n in (1, 2, 3)]
    response = claim_response(answered(asked(), outcome(*lines)))
    for item in response["item"]:
        (review,) = item["adjudication"][0]["extension"]
        assert review["url"] == PAS + "extension-reviewAction"
        codes = [part for part in review["extension"] if part["url"] == PAS + "extension-reviewActionCode"]
        coding = {"system": "https://codesystem.x12.org/005010/306", "code": action.value}
        assert [code["valueCodeableConcept"] for code in codes] == [{"coding": [coding]}]


# ------------------------------------------------------------------ what stands in an answer


def test_an_answer_begins_with_a_claim_response_that_echoes_the_request() -> None:
    bundle = answered(asked(), outcome(APPROVED, DENIED, PENDED))
    response, request = claim_response(bundle), vector("request.json")
    assert (bundle["type"], bundle["identifier"]) == ("collection", request["identifier"])
    assert response["meta"]["profile"] == [PAS + "profile-claimresponse"]
    assert (response["status"], response["use"], response["outcome"]) == ("active", "preauthorization", "complete")
    assert response["identifier"] == [{"system": "https://hospital.example/requests", "value": "2026-17"}]
    assert response["request"]["reference"] == request["entry"][0]["fullUrl"]
    assert [item["itemSequence"] for item in response["item"]] == [1, 2, 3]
    echoed = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"][1:]}
    sent = {entry["fullUrl"]: entry["resource"] for entry in request["entry"]}
    assert echoed.keys() == {response[name]["reference"] for name in ("patient", "insurer", "requestor")}
    assert json.dumps(echoed, sort_keys=True) == json.dumps({url: sent[url] for url in echoed}, sort_keys=True)


def test_a_pended_line_is_a4_in_a_complete_response() -> None:
    response = claim_response(answered(asked(), outcome(APPROVED, DENIED, PENDED)))
    assert response["outcome"] == "complete"
    item = response["item"][2]
    assert {"url": PAS + "extension-administrationReferenceNumber", "valueString": "PEND-3"} in item["extension"]
    assert item["noteNumber"] == [2, 3]
    assert response["processNote"][1] == {"number": 2, "text": "A sleep study is missing."}


def test_an_approved_line_says_number_days_units_and_price() -> None:
    item = claim_response(answered(asked(), outcome(APPROVED, DENIED, PENDED)))["item"][0]
    extensions = {one["url"].removeprefix(PAS): one for one in item["extension"]}
    assert extensions["extension-itemTraceNumber"]["valueIdentifier"]["value"] == "T-1"
    assert extensions["extension-itemPreAuthIssueDate"]["valueDate"] == "2026-11-22"
    assert extensions["extension-itemPreAuthPeriod"]["valuePeriod"] == {"start": "2026-12-01", "end": "2027-02-28"}
    detail = {one["url"]: one for one in extensions["extension-itemAuthorizedDetail"]["extension"]}
    assert detail["unitPrice"]["valueMoney"] == {"value": 85.0, "currency": "USD"}
    assert detail["quantity"]["valueQuantity"] == {"value": 3, "system": MONTH.system, "code": "mo"}
    review = item["adjudication"][0]["extension"][0]["extension"]
    assert review[0] == {"url": "number", "valueString": "AUTH-1"}
    assert item["adjudication"][0]["category"]["coding"][0]["code"] == "submitted"


def test_changed_and_cancelled_lines_are_echoed() -> None:
    response = claim_response(answered(asked("update.json"), outcome(APPROVED, CANCELLED, PENDED, ADDED)))
    assert [item["itemSequence"] for item in response["item"]] == [1, 2, 3, 4]
    assert "extension" not in response["item"][1]["adjudication"][0]


def test_a_modified_lines_service_stands_in_add_item() -> None:
    response = claim_response(answered(asked(), outcome(APPROVED, DENIED, MODIFIED)))
    (added,) = response["addItem"]
    assert added["itemSequence"] == [3]
    assert added["productOrService"]["coding"] == [{"system": HCPCS, "code": "E0602"}]
    assert added["unitPrice"] == {"value": 70.0, "currency": "USD"}
    assert added["adjudication"] == response["item"][2]["adjudication"]
    assert "addItem" not in claim_response(answered(asked(), outcome(APPROVED, DENIED, PENDED)))


@pytest.mark.parametrize("reviewed", [True, False, None])
def test_the_answer_says_whether_a_person_reviewed(reviewed: bool | None) -> None:
    lines = (APPROVED, dataclasses.replace(DENIED, human_reviewed=reviewed), PENDED)
    response = claim_response(answered(asked(), outcome(*lines)))
    flag = {"url": "wasHumanReviewedFlag", "valueBoolean": reviewed}
    expected = [{"url": PAS + "extension-claimResponseReviewer", "extension": [flag]}]
    assert response.get("extension") == (None if reviewed is None else expected)


def test_the_same_outcome_gives_the_same_bytes() -> None:
    one, two = (dump(response_bundle(asked(), outcome(APPROVED, DENIED, PENDED), DOLLARS)) for _ in range(2))
    assert one == two


def test_an_answer_to_a_request_with_urns_stands_on_its_own() -> None:
    bundle = vector("request.json")
    for i, entry in enumerate(bundle["entry"]):
        entry["fullUrl"] = f"urn:uuid:00000000-0000-4000-8000-{i:012}"
    answered(parsed(bundle), outcome(APPROVED, DENIED, PENDED))


def test_what_the_parties_refer_to_is_echoed_too() -> None:
    bundle = vector("request.json")
    patient = bundle["entry"][3]["resource"]
    patient["managingOrganization"] = {"reference": "Organization/clinic"}
    url = "https://ehr.hospital.example/fhir/Organization/clinic"
    bundle["entry"].append({"fullUrl": url, "resource": {"resourceType": "Organization", "id": "clinic", "name": "x"}})
    given_answer = answered(parsed(bundle), outcome(APPROVED, DENIED, PENDED))
    assert url in {entry["fullUrl"] for entry in given_answer["entry"]}


# ------------------------------------------------------------------ what an insurer must not answer


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ((APPROVED, DENIED), "of the request is not answered"),
        ((APPROVED, DENIED, PENDED, ADDED), "is not in the request"),
        ((APPROVED, CANCELLED, PENDED), "is not cancelled, and needs an action"),
        ((APPROVED, LineOutcome(2, ReviewAction.DENIED), PENDED), "needs a reason"),
        ((APPROVED, LineOutcome(2, ReviewAction.PENDED, grant=Grant(1)), PENDED), "grants nothing"),
        ((APPROVED, LineOutcome(2, ReviewAction.MODIFIED), PENDED), "needs what was granted"),
        ((APPROVED, LineOutcome(2, ReviewAction.PARTIAL, grant=Grant(1, code=REASON)), PENDED), "another one is A6"),
        (
            (
                APPROVED,
                LineOutcome(2, ReviewAction.NOT_REQUIRED, valid_from=ANSWERED.date(), valid_to=dt.date.min),
                PENDED,
            ),
            "must be in order",
        ),
    ],
)
def test_a_wrong_answer_is_not_written(lines: tuple[LineOutcome, ...], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        response_bundle(asked(), outcome(*lines), DOLLARS)


def test_an_outcome_has_each_line_once_and_a_zone() -> None:
    with pytest.raises(InvalidInput, match="stand once"):
        outcome(DENIED, CANCELLED)
    with pytest.raises(InvalidInput, match="needs a time zone"):
        dataclasses.replace(outcome(DENIED), answered=ANSWERED.replace(tzinfo=None))
    with pytest.raises(InvalidInput):
        Grant(milli_units=-1)
    with pytest.raises(InvalidInput):
        Grant(amount=2**64)


# ------------------------------------------------------------------ and back


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("request.json", (APPROVED, DENIED, PENDED)),
        ("request.json", (APPROVED, DENIED, MODIFIED)),
        ("update.json", (APPROVED, CANCELLED, PENDED, ADDED)),
    ],
)
@pytest.mark.parametrize("reviewed", [True, False, None])
def test_an_answer_is_read_back(name: str, lines: tuple[LineOutcome, ...], reviewed: bool | None) -> None:
    marked = tuple(dataclasses.replace(line, human_reviewed=reviewed) for line in lines)
    written = outcome(*marked)
    read = parse_response_bundle(dump(response_bundle(asked(name), written, DOLLARS)), DOLLARS)
    assert read == written
    assert read.is_final is all(line.action is not ReviewAction.PENDED for line in lines)


GRANTS = st.builds(
    lambda units, price: Grant(units, MONTH, price, (units * price + 500) // 1000),
    st.integers(1, 10**9),
    st.integers(0, 10**9),
)


@settings(deadline=None)
@given(GRANTS, st.sampled_from([ReviewAction.APPROVED, ReviewAction.PARTIAL]))
def test_any_grant_is_read_back(grant: Grant, action: ReviewAction) -> None:
    written = outcome(dataclasses.replace(APPROVED, action=action, grant=grant), DENIED, PENDED)
    assert parse_response_bundle(dump(response_bundle(ASKED, written, DOLLARS)), DOLLARS) == written


ASKED = asked()


def test_a_rejection_and_a_review_of_the_whole_are_read_back() -> None:
    rejected = outcome(rejections=(Code("https://codesystem.x12.org/005010/901", "33"),))
    bundle = response_bundle(asked(), rejected, DOLLARS)
    assert claim_response(json.loads(dump(bundle)))["outcome"] == "error"
    assert parse_response_bundle(dump(bundle), DOLLARS) == rejected
    whole = outcome(APPROVED, DENIED, PENDED, whole=ReviewAction.CONTACT_PAYER)
    assert parse_response_bundle(dump(response_bundle(asked(), whole, DOLLARS)), DOLLARS) == whole


def test_an_action_that_is_none_is_refused() -> None:
    bundle = json.loads(dump(response_bundle(asked(), outcome(APPROVED, DENIED, PENDED), DOLLARS)))
    review = claim_response(bundle)["item"][1]["adjudication"][0]["extension"][0]["extension"]
    review[0]["valueCodeableConcept"]["coding"][0]["code"] = "A9"
    with pytest.raises(BundleRefused, match="'A9' must be a review action: A1, A2, A3, A4, A6, CT, NA"):
        parse_response_bundle(json.dumps(bundle).encode(), DOLLARS)


def test_an_answer_in_another_currency_is_refused() -> None:
    content = dump(response_bundle(asked(), outcome(APPROVED, DENIED, PENDED), DOLLARS))
    with pytest.raises(BundleRefused, match="'USD' must be EUR"):
        parse_response_bundle(content, Settlement("EUR", 6))


# ------------------------------------------------------------------ inquiries


def test_an_inquiry_says_what_it_asks_about() -> None:
    inquiry = parse_inquiry_bundle((VECTORS / "inquiry.json").read_bytes())
    assert inquiry.identifier == BusinessIdentifier("https://hospital.example/requests", "2026-17")
    assert inquiry.patient == asked().request.patient
    assert inquiry.codes == (Code(HCPCS, "E0601"),)


def test_an_inquiry_may_ask_about_everything() -> None:
    bundle = vector("inquiry.json")
    claim = bundle["entry"][0]["resource"]
    del claim["identifier"], claim["item"]
    inquiry = parse_inquiry_bundle(json.dumps(bundle).encode())
    assert (inquiry.identifier, inquiry.codes) == (None, ())


@pytest.mark.parametrize("name", ["patient", "provider", "insurer"])
def test_an_inquiry_names_its_parties(name: str) -> None:
    bundle = vector("inquiry.json")
    bundle["entry"][0]["resource"][name] = {"display": "somebody"}
    with pytest.raises(BundleRefused) as refused:
        parse_inquiry_bundle(json.dumps(bundle).encode())
    assert refused.value.expression == f"Bundle.entry[0].resource.{name}"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_inquiry_is_answered_by_parameters_with_any_number_of_bundles(count: int) -> None:
    written = outcome(APPROVED, DENIED, PENDED)
    bundles = [inquiry_response_bundle(asked(), written, DOLLARS)] * count
    content = dump(inquiry_result(bundles))
    values = json.loads(content)
    Parameters.model_validate(json.loads(content))
    assert [one["name"] for one in values.get("parameter", [])] == ["return"] * count
    assert parse_inquiry_result(content, DOLLARS) == (written,) * count
    for one in values.get("parameter", []):
        assert one["resource"]["meta"]["profile"] == [PAS + "profile-pas-inquiry-response-bundle"]
        assert claim_response(one["resource"])["meta"]["profile"] == [PAS + "profile-claiminquiryresponse"]
