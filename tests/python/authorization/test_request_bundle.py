"""PAS request bundles: what they say, what is refused and how, and the traps of those that were published."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from careledger.authorization.amounts import Settlement
from careledger.authorization.code_systems import CPT, HCPCS, Code, CodeSystems
from careledger.authorization.fhir.request_bundle import parse_request_bundle
from careledger.authorization.request import BusinessIdentifier, CertificationType, Change
from careledger.errors import BundleRefused
from fhir.resources.R4B.operationoutcome import OperationOutcome
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pas_bundles import DOLLARS, PAS, X12, claim_of, concept, dumped, parsed, vector

Edit = Callable[[Any], None]
PERSONAL = ("Madeup", "1970-01-01", "M-0001", "S-0001", "P-0001", "Patient/p1", "2026-17", "2026-12-01", "G47.33")
LEVEL_OF_SERVICE = PAS + "extension-levelOfServiceCode"


def refusal_of(bundle: Any, settlement: Settlement = DOLLARS) -> BundleRefused:
    """The refusal; its one OperationOutcome is valid R4B and has nothing personal."""
    with pytest.raises(BundleRefused) as refused:
        parse_request_bundle(bundle if isinstance(bundle, bytes) else dumped(bundle), settlement)
    error = refused.value
    OperationOutcome.model_validate(json.loads(json.dumps(error.operation_outcome)))
    said = json.dumps(error.operation_outcome) + str(error) + repr(error.fields())
    assert not [text for text in PERSONAL if text in said]
    first = error.operation_outcome["issue"][0]
    assert (first["expression"], first["details"]["text"]) == ([error.expression], error.problem)
    return error


def changed(change: Edit, name: str = "request.json") -> Any:
    bundle = vector(name)
    change(bundle)
    return bundle


# ------------------------------------------------------------------ what a bundle says


def test_a_bundle_becomes_a_request() -> None:
    request = parsed(vector("request.json")).request
    assert request.identifier == BusinessIdentifier("https://hospital.example/requests", "2026-17")
    assert request.certification_type is CertificationType.INITIAL
    assert request.expedited
    assert not request.is_update
    assert request.created == dt.datetime(2026, 11, 22, 10, tzinfo=dt.UTC)
    assert request.patient.reference == "Patient/p1"
    assert request.coverage.identifiers[-1] == BusinessIdentifier("subscriberId", "S-0001")
    assert request.diagnoses == {1: Code("http://hl7.org/fhir/sid/icd-10-cm", "G47.33")}
    first, second, third = request.lines
    assert (first.code, first.modifiers) == (Code(HCPCS, "E0601"), (Code(HCPCS, "RR"),))
    assert (first.milli_units, first.unit_price, first.priced) == (3000, 85_000_000, 255_000_000)
    assert first.unit == Code("http://unitsofmeasure.org", "mo")
    assert (first.first_day, first.last_day) == (dt.date(2026, 12, 1), dt.date(2027, 2, 28))
    assert (first.information, first.diagnoses) == ((1, 2), (1,))
    assert (second.milli_units, second.unit, second.unit_price, second.amount) == (1500, None, None, None)
    assert (third.code, third.milli_units) == (Code(CPT, "95810"), None)
    assert third.first_day == third.last_day == dt.date(2026, 12, 5)


def test_the_care_team_is_known_by_its_practitioners() -> None:
    request = parsed(vector("request.json")).request
    (member,) = request.care_team.values()
    assert member.provider.identifiers == (BusinessIdentifier("https://registry.example/people", "D-1"),)
    assert member.role == Code("https://codesystem.x12.org/005010/98", "72")
    assert [line.care_team for line in request.lines] == [(1,), (), ()]


def test_another_doctor_is_another_request() -> None:
    bundle = vector("request.json")
    bundle["entry"][-1]["resource"]["identifier"][0]["value"] = "D-2"
    assert parsed(bundle).request.content_bytes() != parsed(vector("request.json")).request.content_bytes()


def test_a_code_of_a_known_system_goes_before_a_local_one() -> None:
    def local(bundle: Any) -> None:
        coding = claim_of(bundle)["item"][0]["productOrService"]["coding"]
        coding.insert(0, {"system": "https://hospital.example/services", "code": "CPAP"})
        claim_of(bundle)["item"][1]["productOrService"] = concept("https://hospital.example/services", "MASK")

    lines = parsed(changed(local)).request.lines
    assert lines[0].code == Code(HCPCS, "E0601")
    assert lines[1].code == Code("http://hospital.example/services", "MASK")


def test_supporting_information_is_kept_by_digest() -> None:
    note, answers, event, message = parsed(vector("request.json")).request.information
    assert note.kind == Code("http://loinc.org", "11505-5")
    assert (note.digest is not None, len(note.attachments)) == (True, 1)
    assert (answers.digest is not None, answers.attachments) == (True, ())
    assert (event.digest, event.first_day, event.last_day) == (None, dt.date(2026, 12, 1), dt.date(2026, 12, 31))
    assert message.value_digest is not None


def test_an_update_tells_each_line() -> None:
    request = parsed(vector("update.json")).request
    assert request.is_update
    assert request.prior == BusinessIdentifier("https://hospital.example/requests", "2026-17")
    assert request.certification_type is None
    assert [(line.sequence, line.change, line.cancelled) for line in request.lines] == [
        (1, Change.UNCHANGED, False),
        (2, Change.CHANGED, True),
        (3, Change.CHANGED, False),
        (4, Change.ADDED, False),
    ]
    assert request.lines[1].certification_type is CertificationType.CANCEL
    assert not request.is_cancelled


def test_a_claim_that_is_cancelled_as_a_whole_cancels_every_line() -> None:
    def cancel(bundle: Any) -> None:
        claim_of(bundle)["extension"].append(
            {"url": PAS + "extension-certificationType", "valueCodeableConcept": concept(X12 + "005010/1322", "3")}
        )

    request = parsed(changed(cancel, "update.json")).request
    assert request.certification_type is CertificationType.CANCEL
    assert request.is_cancelled


def test_the_marked_line_is_cancelled_whatever_its_certification_says() -> None:
    def relabel(bundle: Any) -> None:
        claim_of(bundle)["item"][1]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] = "I"

    assert parsed(changed(relabel, "update.json")).request.lines[1].cancelled


def test_a_line_gets_the_certification_of_the_claim() -> None:
    def appeal(bundle: Any) -> None:
        claim = claim_of(bundle)
        claim["extension"].append(
            {"url": PAS + "extension-certificationType", "valueCodeableConcept": concept(X12 + "005010/1322", "1")}
        )
        for item in claim["item"]:
            item["extension"] = item["extension"][1:]
            if not item["extension"]:
                del item["extension"]

    request = parsed(changed(appeal)).request
    assert {line.certification_type for line in request.lines} == {CertificationType.IMMEDIATE_APPEAL}
    assert request.is_appeal


# ------------------------------------------------------------------ traps of the published bundles


@pytest.mark.parametrize(("code", "expedited"), [("U", True), ("03", True), ("E", False), ("3", False), (None, False)])
def test_urgency_comes_from_the_level_of_service_never_from_priority(code: str | None, expedited: bool) -> None:
    def level(bundle: Any) -> None:
        claim = claim_of(bundle)
        claim["priority"] = concept("http://terminology.hl7.org/CodeSystem/processpriority", "stat")
        if code is None:
            del claim["extension"]
        else:
            claim["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] = code

    assert parsed(changed(level)).request.expedited is expedited


def test_a_request_of_normal_priority_can_be_urgent() -> None:
    bundle = vector("request.json")
    assert claim_of(bundle)["priority"]["coding"][0]["code"] == "normal"
    assert parsed(bundle).request.expedited


def test_the_level_of_service_may_be_spelled_with_http() -> None:
    def spell(bundle: Any) -> None:
        claim_of(bundle)["extension"][0]["valueCodeableConcept"]["coding"][0]["system"] = (
            "http://codesystem.x12.org/005010/1338"
        )

    assert parsed(changed(spell)).request.expedited


def test_a_code_of_another_list_is_no_level_of_service() -> None:
    def other(bundle: Any) -> None:
        claim_of(bundle)["extension"][0]["valueCodeableConcept"]["coding"][0]["system"] = "https://example.org/levels"

    assert not parsed(changed(other)).request.expedited


def test_a_hcpcs_code_under_cpts_uri_is_a_hcpcs_code() -> None:
    bundle = vector("request.json")
    assert claim_of(bundle)["item"][1]["productOrService"]["coding"][0] == {"system": CPT, "code": "A7030"}
    assert parsed(bundle).request.lines[1].code == Code(HCPCS, "A7030")


def test_spellings_of_code_systems_do_not_change_the_content() -> None:
    def spell(bundle: Any) -> None:
        for item in claim_of(bundle)["item"]:
            coding = item["productOrService"]["coding"][0]
            coding["system"] = coding["system"].replace("http://", "https://") + "/"
            item["category"]["coding"][0]["system"] = "http://codesystem.x12.org/005010/1365"

    assert parsed(changed(spell)).request.content_bytes() == parsed(vector("request.json")).request.content_bytes()


def test_code_systems_of_other_countries_are_configured() -> None:
    def other(bundle: Any) -> None:
        claim_of(bundle)["item"][0]["productOrService"] = concept("urn:oid:1.2.156.1", "BR11")

    systems = CodeSystems({"https://nhsa.example.org/chs-drg": ("urn:oid:1.2.156.1",)})
    request = parse_request_bundle(dumped(changed(other)), DOLLARS, systems).request
    assert request.lines[0].code == Code("https://nhsa.example.org/chs-drg", "BR11")


def test_no_price_and_no_quantity_is_unknown_not_zero() -> None:
    def strip(bundle: Any) -> None:
        for item in claim_of(bundle)["item"]:
            item.pop("quantity", None)
            item.pop("unitPrice", None)

    for line in parsed(changed(strip)).request.lines:
        assert (line.milli_units, line.unit_price, line.amount, line.priced) == (None, None, None, None)


def test_a_price_without_a_currency_is_unknown() -> None:
    def strip(bundle: Any) -> None:
        del claim_of(bundle)["item"][0]["unitPrice"]["currency"]

    assert parsed(changed(strip)).request.lines[0].unit_price is None


def test_a_claim_without_an_identifier_is_known_by_its_full_url() -> None:
    def strip(bundle: Any) -> None:
        del claim_of(bundle)["identifier"]

    expected = BusinessIdentifier("urn:ietf:rfc:3986", "https://ehr.hospital.example/fhir/Claim/r1")
    assert parsed(changed(strip)).request.identifier == expected


def test_an_identifier_without_a_system_is_passed_over() -> None:
    def half(bundle: Any) -> None:
        claim_of(bundle)["identifier"].insert(0, {"value": "17"})

    assert parsed(changed(half)).request.identifier.value == "2026-17"


def test_claims_that_share_a_bundle_identifier_are_told_apart() -> None:
    def other(bundle: Any) -> None:
        del claim_of(bundle)["identifier"]
        bundle["entry"][0]["fullUrl"] = bundle["entry"][0]["fullUrl"].replace("r1", "r7")

    def strip(bundle: Any) -> None:
        del claim_of(bundle)["identifier"]

    assert parsed(changed(other)).request.identifier != parsed(changed(strip)).request.identifier


def test_references_are_found_by_urn_too() -> None:
    bundle = vector("request.json")
    urns = {
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}": f"urn:uuid:00000000-0000-4000-8000-{i:012}"
        for i, entry in enumerate(bundle["entry"])
    }
    text = dumped(bundle).decode()
    for reference, urn in urns.items():
        text = text.replace(f'"reference": "{reference}"', f'"reference": "{urn}"')
        text = text.replace(f'"https://ehr.hospital.example/fhir/{reference}"', f'"{urn}"')
    assert parse_request_bundle(text.encode(), DOLLARS).request.lines == parsed(bundle).request.lines


def test_relative_references_beside_urns_are_found_by_type_and_id() -> None:
    bundle = vector("request.json")
    for i, entry in enumerate(bundle["entry"]):
        entry["fullUrl"] = f"urn:uuid:00000000-0000-4000-8000-{i:012}"
    assert parsed(bundle).request.content_bytes() == parsed(vector("request.json")).request.content_bytes()


def test_the_grandparent_of_an_update_stays_out_of_the_bundle() -> None:
    def chain(bundle: Any) -> None:
        prior = bundle["entry"][-1]["resource"]
        prior["related"] = [
            {
                "claim": {"reference": "Claim/r0"},
                "relationship": concept("http://terminology.hl7.org/CodeSystem/ex-relatedclaimrelationship", "prior"),
            }
        ]

    assert parsed(changed(chain, "update.json")).request.prior is not None


def test_the_prior_claim_may_be_named_by_its_identifier() -> None:
    def logical(bundle: Any) -> None:
        bundle["entry"].pop()
        claim_of(bundle)["related"][0]["claim"] = {
            "identifier": {"system": "https://hospital.example/requests", "value": "2026-17"}
        }

    update = parsed(vector("update.json")).request
    assert parsed(changed(logical, "update.json")).request.content_bytes() == update.content_bytes()


# ------------------------------------------------------------------ what is refused


def item(i: int) -> Callable[[Any], Any]:
    return lambda bundle: claim_of(bundle)["item"][i]


def put(target: Callable[[Any], Any], name: str, value: Any) -> Edit:
    return lambda bundle: target(bundle).__setitem__(name, value)


def drop(target: Callable[[Any], Any], name: str) -> Edit:
    return lambda bundle: target(bundle).__delitem__(name)


def itself(bundle: Any) -> Any:
    return bundle


CLAIM = "Bundle.entry[0].resource"
REFUSALS: dict[str, tuple[Edit, str, str]] = {
    "another resource": (put(itself, "resourceType", "Claim"), "Bundle.resourceType", "'Claim' must be Bundle"),
    "a transaction": (put(itself, "type", "transaction"), "Bundle.type", "'transaction' must be collection"),
    "no entries": (put(itself, "entry", []), "Bundle.entry", "is needed"),
    "no entry at all": (drop(itself, "entry"), "Bundle.entry", "is needed"),
    "another first entry": (
        lambda bundle: bundle["entry"].reverse(),
        CLAIM,
        "'Practitioner' must be a Claim: it comes first",
    ),
    "an entry without a resource": (drop(lambda b: b["entry"][1], "resource"), "Bundle.entry[1].resource", "is needed"),
    "an entry without a fullUrl": (drop(lambda b: b["entry"][1], "fullUrl"), "Bundle.entry[1].fullUrl", "is needed"),
    "a resource twice": (
        lambda bundle: bundle["entry"].append(bundle["entry"][3]),
        "Bundle.entry[9].fullUrl",
        "stands twice: a resource appears once",
    ),
    "a resource of no kind": (
        put(lambda b: b["entry"][1]["resource"], "resourceType", "Hospital"),
        "Bundle.entry[1].resource.resourceType",
        "'Hospital' is no FHIR R4 resource",
    ),
    "an element that R4 lacks": (put(claim_of, "diagnosisText", "x"), f"{CLAIM}.diagnosisText", "is not an element"),
    "no patient": (drop(claim_of, "patient"), f"{CLAIM}.patient", "is needed"),
    "a birth date that is none": (
        put(lambda b: b["entry"][3]["resource"], "birthDate", "1970-01-01 Madeup"),
        "Bundle.entry[3].resource.birthDate",
        "is not a valid value",
    ),
    "a reference out of the bundle": (
        put(claim_of, "patient", {"reference": "Patient/p1Madeup"}),
        f"{CLAIM}.patient.reference",
        "'Patient/...' is not in the bundle",
    ),
    "a reference out of another entry": (
        put(lambda b: b["entry"][4]["resource"], "payor", [{"reference": "https://elsewhere.example/Madeup"}]),
        "Bundle.entry[4].resource.payor[0].reference",
        "is not in the bundle",
    ),
    "a patient without a reference": (
        put(claim_of, "patient", {"display": "Madeup"}),
        f"{CLAIM}.patient",
        "a reference is needed",
    ),
    "an organization as the patient": (
        put(claim_of, "patient", {"reference": "Organization/hospital"}),
        f"{CLAIM}.patient",
        "'Organization' must be Patient",
    ),
    "a coverage of somebody else": (
        lambda bundle: (
            bundle["entry"].append(
                {
                    "fullUrl": "https://ehr.hospital.example/fhir/Patient/p2",
                    "resource": {"resourceType": "Patient", "id": "p2"},
                }
            )
            or put(lambda b: b["entry"][4]["resource"], "beneficiary", {"reference": "Patient/p2"})(bundle)
        ),
        "Bundle.entry[4].resource.beneficiary",
        "must be the patient of the Claim",
    ),
    "an insurer that is not named": (drop(claim_of, "insurer"), f"{CLAIM}.insurer", "a reference is needed"),
    "a claim for payment": (put(claim_of, "use", "claim"), f"{CLAIM}.use", "'claim' must be preauthorization"),
    "a draft": (put(claim_of, "status", "draft"), f"{CLAIM}.status", "'draft' must be active"),
    "no items": (drop(claim_of, "item"), f"{CLAIM}.item", "is needed"),
    "an item number twice": (put(item(1), "sequence", 1), f"{CLAIM}.item[1].sequence", "'1' stands twice"),
    "an item number as text": (
        put(item(1), "sequence", "2"),
        f"{CLAIM}.item[1].sequence",
        "must be a number, not text",
    ),
    "an item number of 0": (put(item(1), "sequence", 0), f"{CLAIM}.item[1].sequence", "is not a valid value"),
    "a supporting information number twice": (
        put(lambda b: claim_of(b)["supportingInfo"][1], "sequence", 1),
        f"{CLAIM}.supportingInfo[1].sequence",
        "'1' stands twice",
    ),
    "a diagnosis number twice": (
        lambda b: claim_of(b)["diagnosis"].append(claim_of(b)["diagnosis"][0]),
        f"{CLAIM}.diagnosis[1].sequence",
        "'1' stands twice",
    ),
    "information that is not there": (
        put(item(0), "informationSequence", [1, 9]),
        f"{CLAIM}.item[0].informationSequence[1]",
        "'9' is not in the Claim",
    ),
    "a diagnosis that is not there": (
        put(item(0), "diagnosisSequence", [2]),
        f"{CLAIM}.item[0].diagnosisSequence[0]",
        "'2' is not in the Claim",
    ),
    "a care team member that is not there": (
        put(item(0), "careTeamSequence", [3]),
        f"{CLAIM}.item[0].careTeamSequence[0]",
        "'3' is not in the Claim",
    ),
    "a care team number twice": (
        lambda b: claim_of(b)["careTeam"].append(claim_of(b)["careTeam"][0]),
        f"{CLAIM}.careTeam[1].sequence",
        "'1' stands twice",
    ),
    "a service without a code": (
        put(item(0), "productOrService", {"text": "Madeup"}),
        f"{CLAIM}.item[0].productOrService",
        "a code with its system is needed",
    ),
    "a quantity as text": (
        put(item(0), "quantity", {"value": "3"}),
        f"{CLAIM}.item[0].quantity.value",
        "must be a number, not text",
    ),
    "a quantity of 0": (
        put(item(0), "quantity", {"value": 0}),
        f"{CLAIM}.item[0].quantity.value",
        "'0' must be more than 0",
    ),
    "a quantity below 0": (
        put(item(0), "quantity", {"value": -1}),
        f"{CLAIM}.item[0].quantity.value",
        "'-1' must not be negative",
    ),
    "a quantity that is too fine": (
        put(item(0), "quantity", {"value": 0.0001}),
        f"{CLAIM}.item[0].quantity.value",
        "'0.0001' has more than 3 decimals",
    ),
    "at least so many": (
        put(item(0), "quantity", {"value": 3, "comparator": ">="}),
        f"{CLAIM}.item[0].quantity.comparator",
        "is not for a quantity that is asked for",
    ),
    "another currency": (
        put(item(0), "unitPrice", {"value": 85, "currency": "EUR"}),
        f"{CLAIM}.item[0].unitPrice.currency",
        "'EUR' must be USD",
    ),
    "a price that is too fine": (
        put(item(0), "unitPrice", {"value": 0.0000001, "currency": "USD"}),
        f"{CLAIM}.item[0].unitPrice.value",
        "'1e-07' has more than 6 decimals",
    ),
    "a year as a service day": (
        put(item(2), "servicedDate", "2026"),
        f"{CLAIM}.item[2].servicedDate",
        "must be a full date",
    ),
    "days out of order": (
        put(item(0), "servicedPeriod", {"start": "2026-12-01", "end": "2026-11-30"}),
        f"{CLAIM}.item[0].servicedPeriod",
        "ends before it starts",
    ),
    "a certification type that is none": (
        put(lambda b: item(0)(b)["extension"][0], "valueCodeableConcept", concept(X12 + "005010/1322", "Z")),
        f"{CLAIM}.item[0].extension[0].valueCodeableConcept",
        "'Z' must be a certification type: I, R, S, E, 3, 1, 2",
    ),
    "a cancellation that is not marked": (
        put(lambda b: item(0)(b)["extension"][0], "valueCodeableConcept", concept(X12 + "005010/1322", "3")),
        f"{CLAIM}.item[0].extension",
        "'3' cancels the line, which is not marked as cancelled",
    ),
    "a modifier that is not known": (
        put(item(0), "modifierExtension", [{"url": "https://example.org/not-really", "valueBoolean": True}]),
        f"{CLAIM}.item[0].modifierExtension[0]",
        "changes the meaning in a way not known here",
    ),
    "an attachment that is not base64": (
        put(lambda b: b["entry"][5]["resource"]["content"][0]["attachment"], "data", "%%%"),
        "Bundle.entry[5].resource.content[0].attachment.data",
        "",
    ),
    "no coverage": (put(claim_of, "insurance", []), f"{CLAIM}.insurance", "is needed"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_wrong_bundle_gets_one_operation_outcome(name: str) -> None:
    change, expression, problem = REFUSALS[name]
    error = refusal_of(changed(change))
    assert error.expression == expression
    assert problem in error.problem


def test_an_immediate_appeal_without_a_level_of_service_is_refused() -> None:
    def appeal(bundle: Any) -> None:
        claim_of(bundle)["extension"] = [
            {"url": PAS + "extension-certificationType", "valueCodeableConcept": concept(X12 + "005010/1322", "1")}
        ]

    assert "a level of service is needed" in refusal_of(changed(appeal)).problem


@pytest.mark.parametrize(
    "claim", [{"reference": "Organization/hospital"}, {"reference": "Claim/r2"}, {"display": "the last one"}]
)
def test_an_update_names_another_claim(claim: Any) -> None:
    error = refusal_of(changed(lambda b: claim_of(b)["related"][0].__setitem__("claim", claim), "update.json"))
    assert error.expression == f"{CLAIM}.related[0].claim"


def test_an_update_names_one_prior_claim() -> None:
    def twice(bundle: Any) -> None:
        claim_of(bundle)["related"] *= 2

    assert "'2' names more than one prior claim" in refusal_of(changed(twice, "update.json")).problem


def test_one_outcome_names_all_that_is_wrong() -> None:
    def several(bundle: Any) -> None:
        claim = claim_of(bundle)
        claim["use"] = "claim"
        claim["item"][0]["quantity"] = {"value": 0}
        claim["item"][1]["informationSequence"] = [8]

    issues = refusal_of(changed(several)).operation_outcome["issue"]
    assert [issue["expression"][0].removeprefix(CLAIM) for issue in issues] == [
        ".use",
        ".item[0].quantity.value",
        ".item[1].informationSequence[0]",
    ]
    assert {issue["severity"] for issue in issues} == {"error"}


def test_an_outcome_does_not_repeat_a_bundle_of_rubbish() -> None:
    def rubbish(bundle: Any) -> None:
        claim_of(bundle)["item"] = [{"sequence": 0}] * 300

    assert len(refusal_of(changed(rubbish)).operation_outcome["issue"]) == 51


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"resourceType":"Bundle","type":"collection","type":"collection"}',
        b'{"resourceType":"Bundle","type":NaN}',
        b'{"resourceType":7}',
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b'{"resourceType":"Bundle","type":"collection","entry":7}',
        b'{"resourceType":"Bundle","type":"collection","entry":[7]}',
        b'{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:1","resource":{"resourceType":"Claim"}}]}',
    ],
)
def test_what_is_no_bundle_gets_an_outcome_too(content: bytes) -> None:
    refusal_of(content)


def test_more_entries_than_a_request_has_are_refused_before_they_are_read() -> None:
    bundle = vector("request.json")
    bundle["entry"] = bundle["entry"][:1] * 1001
    assert "'1001' are more than 1000" in refusal_of(bundle).problem


# ------------------------------------------------------------------ anything else

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2**70),
    st.text(max_size=5),
    st.sampled_from(["Patient/p1", "Claim/r1", "#x", "urn:uuid:1", "2026-13-45", "Nope"]),
    st.sampled_from([[], {}, [{}], {"reference": "Claim/r1"}, {"coding": [{"system": CPT, "code": "1"}]}]).map(
        deepcopy
    ),
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every owner and key in a JSON value."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            found.append((value, key))
            found += places(value[key])
    return found


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_any_change_to_a_bundle_is_taken_or_refused(data: st.DataObject) -> None:
    bundle = vector(data.draw(st.sampled_from(["request.json", "update.json"])))
    for _ in range(data.draw(st.integers(1, 3))):
        owner, key = data.draw(st.sampled_from(places(bundle) or [({"a": 1}, "a")]))
        if data.draw(st.booleans()):
            owner[key] = data.draw(JUNK)
        else:
            del owner[key]
    try:
        parsed(bundle).request.content_bytes()
    except BundleRefused as refused:
        OperationOutcome.model_validate(json.loads(json.dumps(refused.operation_outcome)))
