"""Claims on authorizations, on an Anvil: estimated, submitted, paid, reviewed, reversed, explained."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import json
from importlib import resources
from typing import Any

import jsonschema
import pytest
from careledger.authorization.amounts import Settlement
from careledger.authorization.claim_file import ClaimedService, ClaimRequest, PlainClaim, parse_claim
from careledger.authorization.claim_submission import ClaimReport, ClaimSubmissions
from careledger.authorization.claims import Claims
from careledger.authorization.code_systems import HCPCS, Code
from careledger.authorization.cost_sharing import split
from careledger.authorization.fhir.explanation_of_benefit import explanation_of_benefit
from careledger.authorization.fhir.resources import dump
from careledger.authorization.outcomes import authorization_number
from careledger.authorization.payment import AdjustmentGroup
from careledger.authorization.request import AuthorizationRequest, BusinessIdentifier
from careledger.authorization.rule_set import EPOCH
from careledger.authorization.submission import Submissions
from careledger.contract_enums import Action, ClaimStatus, Finding
from careledger.errors import InvalidInput
from careledger.vault import Vault
from fhir.resources.R4B.explanationofbenefit import ExplanationOfBenefit
from identity.suite import DAY, travel
from provider_requests import DOLLAR, VISIT, identifier, line, request, today, unused_member
from provider_world import HOSPITAL, ProviderWorld

DOLLARS = Settlement("USD", 6)
SCHEMA = resources.files("careledger.authorization").joinpath("claim-v1.schema.json")
PLAIN = b"""
format: careledger-claim
version: 1
identifier: {system: https://hospital.example/claims, value: C-17}
request: {system: https://hospital.example/requests, value: 2026-17}
currency: USD
lines:
  - {sequence: 1, item: 1, service_day: 2026-12-01, units: 1.5, charge: 85.00}
  - {sequence: 2, code: {system: CPT, code: e0601}, service_day: 2026-12-01, units: 1, charge: 0.000001}
"""
_numbers = itertools.count(1)
_documents = itertools.count(1)


@pytest.fixture
def submissions(world: ProviderWorld, vault: Vault) -> Submissions:
    return Submissions(world.payer_as(world.hospital), world.rule_set, vault)


@pytest.fixture
def claims(world: ProviderWorld, vault: Vault) -> ClaimSubmissions:
    return ClaimSubmissions(world.payer_as(world.hospital), vault)


@pytest.fixture(autouse=True)
def _payee(world: ProviderWorld) -> None:
    controller = Claims(world.payer_as(world.controller))
    if controller.account(world.provider).payee is None:
        controller.set_payee(world.provider, world.controller.address)


def authorized(world: ProviderWorld, submissions: Submissions, **values: Any) -> AuthorizationRequest:
    """A request for services that begin today, approved: 3 months of equipment, and 10 visits."""
    plan_of_care = world.anchored(f"plan of care {next(_documents)}".encode())
    asked = request(
        line(1, first_day=today()),
        line(2, "G0299", unit=VISIT, milli_units=10_000, unit_price=165_500_000, first_day=today()),
        **values,
    )
    submissions.send(submissions.plan(asked, world.eligibility(unused_member()), [plan_of_care]))
    return asked


def service(sequence: int, item: int | None = 1, **values: Any) -> ClaimedService:
    stated = {"service_day": today(), "milli_units": 1000, "charge": 85 * DOLLAR, **values}
    return ClaimedService(sequence, item=item, **stated)


def claim(asked: AuthorizationRequest | None, *lines: ClaimedService, **values: Any) -> ClaimRequest:
    named = BusinessIdentifier("https://hospital.example/claims", f"c-{next(_numbers)}")
    return ClaimRequest(named, lines or (service(1),), asked and asked.identifier, **values)


def invoice(world: ProviderWorld) -> Any:
    return world.anchored(f"invoice {next(_documents)}".encode(), kind=1)


def sent(world: ProviderWorld, claims: ClaimSubmissions, stated: ClaimRequest) -> ClaimReport:
    return claims.report(claims.send(claims.plan(stated), [invoice(world)]), DOLLARS)


# ---------------------------------------------------------------------- the file


def test_a_claim_file_is_read_without_floats() -> None:
    found = parse_claim(PLAIN, DOLLARS)
    assert found.identifier == BusinessIdentifier("https://hospital.example/claims", "C-17")
    assert [(one.milli_units, one.charge, one.item) for one in found.lines] == [(1500, 85_000_000, 1), (1000, 1, None)]
    assert found.lines[1].code == Code(HCPCS, "E0601")
    values = {
        "format": "careledger-claim",
        "version": 1,
        "identifier": {"system": "https://hospital.example/claims", "value": "C-17"},
        "request": {"system": "https://hospital.example/requests", "value": "2026-17"},
        "currency": "USD",
        "lines": [
            {"sequence": 1, "item": 1, "service_day": "2026-12-01", "units": "1.5", "charge": "85"},
            {
                "sequence": 2,
                "code": {"system": "CPT", "code": "E0601"},
                "service_day": "2026-12-01",
                "units": 1,
                "charge": "0.000001",
            },
        ],
    }
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(values)
    assert parse_claim(json.dumps(values).encode(), DOLLARS) == found
    assert found.content_bytes() == parse_claim(json.dumps(values).encode(), DOLLARS).content_bytes()


@pytest.mark.parametrize(
    ("former", "latter", "problem"),
    [
        (b"85.00", b"85.0000001", "has more than 6 decimals"),
        (b"85.00", b"-1", "must not be negative"),
        (b"charge: 85.00", b"charge: 0", "must be 1 to"),
        (b"units: 1.5", b"units: 0", "must be 1 to"),
        (b"currency: USD", b"currency: EUR", "must be USD"),
        (b"sequence: 2", b"sequence: 1", "stands twice"),
        (b"item: 1, ", b"", "needs the item that was authorized, or the code"),
        (b"request: {system: https://hospital.example/requests, value: 2026-17}\n", b"", "is needed: lines name"),
        (b"service_day: 2026-12-01, units: 1.5", b"service_day: 20261201, units: 1.5", "must be a day"),
    ],
)
def test_what_is_wrong_in_a_claim_file_is_named(former: bytes, latter: bytes, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        parse_claim(PLAIN.replace(former, latter), DOLLARS)


def test_the_published_schema_is_the_models() -> None:
    made = json.dumps(PlainClaim.model_json_schema(), indent=2) + "\n"
    where = "python/careledger/authorization/claim-v1.schema.json"
    assert SCHEMA.read_text() == made, f"write json.dumps(PlainClaim.model_json_schema(), indent=2) to {where}"


# ---------------------------------------------------------------------- on the chain


def test_a_claim_is_paid_at_once_as_the_estimate_said_and_explained(
    world: ProviderWorld, submissions: Submissions, claims: ClaimSubmissions
) -> None:
    asked = authorized(world, submissions)
    visits = service(2, 2, milli_units=2000, charge=400 * DOLLAR)
    stated = claim(asked, service(1), visits)
    estimates = claims.estimate(stated, world.rule_set)
    assert [one.unknown for one in estimates] == ["", ""]
    assert estimates[1].estimate is not None
    rule = world.rule_set.claim_rule_of(10)
    assert rule is not None
    shares = split(rule, 400 * DOLLAR, 331 * DOLLAR, 0, 500 * DOLLAR)
    assert (estimates[1].estimate.paid, estimates[1].estimate.patient) == (shares.paid, shares.patient)
    before = claims.claims.account(world.provider).credit
    found = sent(world, claims, stated)
    assert [one.status for one in found.lines] == [ClaimStatus.PAID, ClaimStatus.PAID]
    assert found.lines[0].why == "Paid: 80.00 of 85.00 USD."
    payment = found.payment()
    assert [one.paid for one in payment.lines] == [80 * DOLLAR, shares.paid]
    assert [(one.group.value, one.reason, one.amount) for one in payment.lines[1].adjustments] == [
        ("CO", "45", shares.contractual),
        ("PR", "2", shares.coinsurance),
        ("PR", "3", shares.copay),
    ]
    assert payment.lines[0].code == Code(HCPCS, "E0601")
    explained = json.loads(dump(explanation_of_benefit(payment, asked, DOLLARS)))
    ExplanationOfBenefit.model_validate(explained)
    assert explained["payment"]["amount"]["value"] == (80 * DOLLAR + shares.paid) / DOLLAR
    traces = [one["extension"][0]["valueIdentifier"]["value"] for one in explained["item"]]
    assert traces == [claims.claims.uri_of(line.key) for line in found.lines]
    assert traces[0] == f"eip155:31337:{claims.claims.address}/{found.lines[0].key}"
    unreferenced = dataclasses.replace(asked, patient=dataclasses.replace(asked.patient, reference=""))
    explained = json.loads(dump(explanation_of_benefit(payment, unreferenced, DOLLARS)))
    ExplanationOfBenefit.model_validate(explained)
    assert explained["patient"] == {"identifier": {"system": "https://hospital.example/ids", "value": "1"}}
    assert explained["provider"] == {"reference": "Organization/1"}
    assert claims.claims.account(world.provider).credit - before == payment.paid
    holding = world.balance(world.controller.address)
    claims.claims.pay_out(world.provider)
    assert world.balance(world.controller.address) - holding == before + payment.paid
    assert claims.claims.account(world.provider).credit == 0


def test_the_same_claim_again_sends_nothing_and_a_correction_is_another_claim(
    world: ProviderWorld, submissions: Submissions, claims: ClaimSubmissions
) -> None:
    stated = claim(authorized(world, submissions))
    first = sent(world, claims, stated)
    assert claims.find(stated) == first.kept
    document = invoice(world)
    before = world.connection.block_number()
    assert claims.send(claims.plan(stated), [document]) == first.kept
    assert world.connection.block_number() == before
    with pytest.raises(InvalidInput, match="was submitted with other content"):
        claims.plan(dataclasses.replace(stated, lines=(service(1, charge=DOLLAR),)))
    again = dataclasses.replace(stated, identifier=claim(None, service(1, None, code=Code(HCPCS, "X"))).identifier)
    found = sent(world, claims, again)
    assert found.lines[0].status is None
    assert found.lines[0].why == "Denied: another claim has this service already (CARC 18)."
    assert [(one.reason, one.amount) for one in found.payment().lines[0].adjustments] == [("18", 85 * DOLLAR)]
    before = world.connection.block_number()
    claims.send(claims.plan(again))
    assert world.connection.block_number() == before


def test_after_an_update_of_the_request_a_claim_stays_what_it_was(
    world: ProviderWorld, submissions: Submissions, claims: ClaimSubmissions
) -> None:
    asked = authorized(world, submissions)
    stated = claim(asked)
    first = sent(world, claims, stated)
    update = dataclasses.replace(
        asked,
        identifier=identifier(),
        prior=asked.identifier,
        lines=(line(1, first_day=today(), milli_units=2000), asked.lines[1]),
    )
    submissions.send(submissions.plan(update, world.eligibility(submissions_member(world, submissions, asked))))
    assert claims.plan(stated) == first.kept
    later = claims.plan(claim(update))
    assert (first.kept.lines[0].claimed.line, later.lines[0].claimed.line) == (0, 2)


def test_an_appeal_adds_to_what_claims_have_used_before(
    world: ProviderWorld, submissions: Submissions, claims: ClaimSubmissions
) -> None:
    asked = request(line(1, "B4184", unit=None, milli_units=4000, unit_price=80 * DOLLAR, first_day=today()))
    revision = submissions.send(submissions.plan(asked, world.eligibility(unused_member())))
    world.review(revision.request_id, 0, Action.APPROVED_IN_PART, milli_units=2000, amount=160 * DOLLAR, reason=4)
    found = sent(world, claims, claim(asked, service(1, charge=50 * DOLLAR)))
    world.review_claim(
        found.kept.claim, found.kept.lines[0].claimed, found.lines[0].key, ClaimStatus.IN_REVIEW, 50 * DOLLAR
    )
    submissions.appeal(revision, submissions.appealable(revision, 1), b"all are needed")
    added = {"milli_units": 2000, "amount": 160 * DOLLAR}
    world.review(revision.request_id, 0, Action.APPROVED_IN_FULL, reviewer=1, **added)
    (told,) = submissions.report(revision).lines
    assert told.why == "Approved in full by another person, on appeal: 4 units."
    assert told.granted is not None
    assert (told.granted.milli_units, told.granted.amount) == (4000, 320 * DOLLAR)
    assert told.state is not None
    assert (told.state.milli_units, told.state.amount) == (3000, 270 * DOLLAR)


def submissions_member(world: ProviderWorld, submissions: Submissions, asked: AuthorizationRequest) -> str:
    state = submissions.authorizations.line(world.provider, submissions.find(asked.identifier).request_id, 0)
    assert state is not None
    assert state.member_key is not None
    return state.member_key


def test_what_is_not_authorized_is_denied_and_what_looks_odd_waits(
    world: ProviderWorld, submissions: Submissions, claims: ClaimSubmissions
) -> None:
    asked = authorized(world, submissions)
    tomorrow = today() + dt.timedelta(3)
    stated = claim(
        asked,
        service(1, None, code=Code(HCPCS, "E0601")),
        service(2, service_day=tomorrow),
        service(3, milli_units=9000, charge=DOLLAR),
    )
    found = sent(world, claims, stated)
    assert [one.why for one in found.lines] == [
        "Denied: it names no authorization (CARC 197).",
        "Waits for a person: the day of service is to come.",
        "Waits for a person: it has more units than the authorization has left.",
    ]
    with pytest.raises(InvalidInput, match="line '2': has no payment to explain: Waits for a person"):
        found.payment()
    kept = found.kept
    for index, (allowed, carc) in enumerate([(80 * DOLLAR, 0), (0, 198)], start=1):
        world.review_claim(
            kept.claim, kept.lines[index].claimed, found.lines[index].key, ClaimStatus.IN_REVIEW, allowed, carc
        )
    found = claims.report(kept, DOLLARS)
    assert [one.why for one in found.lines[1:]] == [
        "Paid by a person: 80.00 of 85.00 USD.",
        "Denied by a person (CARC 198).",
    ]
    assert [one.human_reviewed for one in found.lines] == [False, True, True]
    denied = found.payment().lines[2].adjustments
    assert [(one.group, one.reason) for one in denied] == [(AdjustmentGroup.CONTRACTUAL, "198")]
    assert found.lines[1].finding is Finding.IMPLAUSIBLE_DATE
    world.reverse_claim(kept.lines[1].claimed, found.lines[1].key, 6)
    found = claims.report(kept, DOLLARS)
    assert found.lines[1].why == "Reversed, for reason 6 of the insurer's list: what was paid is taken back."
    assert claims.claims.account(world.provider).debt + claims.claims.account(world.provider).credit >= 0


def test_without_a_document_a_claim_waits(
    world: ProviderWorld, submissions: Submissions, claims: ClaimSubmissions
) -> None:
    kept = claims.send(claims.plan(claim(authorized(world, submissions))))
    assert claims.report(kept, DOLLARS).lines[0].why == "Waits for a person: it rests on no document."


def test_a_prepayment_pays_the_patients_share_and_the_rest_goes_back(
    world: ProviderWorld, submissions: Submissions, claims: ClaimSubmissions
) -> None:
    asked = authorized(world, submissions)
    request_id = submissions.find(asked.identifier).request_id
    patient = Claims(world.payer_as(world.patient))
    world.pay(world.patient, 60 * DOLLAR, world.controller.address)  # the vault may not take it yet
    patient.prepay(world.provider, request_id, 1, 60 * DOLLAR)
    held = (world.provider, request_id, 1, world.patient.address)
    assert patient.prepaid(*held) == 60 * DOLLAR
    stated = claim(asked, service(1, 2, milli_units=1000, charge=165_500_000), payer=world.patient.address)
    found = sent(world, claims, stated)
    (estimated,) = found.payment().lines
    share = estimated.copay + estimated.coinsurance
    assert share == 20 * DOLLAR + (145_500_000 // 10)
    assert patient.prepaid(*held) == 60 * DOLLAR - share
    before = world.balance(world.patient.address)
    patient.refund(world.provider, request_id, 1)
    assert world.balance(world.patient.address) - before == 60 * DOLLAR - share
    with pytest.raises(InvalidInput, match=r"is none of hospital\.example's: nothing could use the money"):
        patient.prepay(HOSPITAL, request_id, 9, DOLLAR)
    with pytest.raises(InvalidInput, match="minor units of"):
        patient.prepay(world.provider, request_id, 1, world.balance(world.patient.address) + 1)


def test_an_estimate_that_is_not_known_says_why(
    world: ProviderWorld, submissions: Submissions, claims: ClaimSubmissions
) -> None:
    unverified = request(line(1))
    submissions.send(submissions.plan(unverified))
    (found,) = claims.estimate(claim(unverified), world.rule_set)
    assert (found.estimate, found.unknown) == (
        None,
        "the insurer has not said who the member is: give its eligibility",
    )
    (found,) = claims.estimate(claim(unverified), world.rule_set, world.eligibility(unused_member()))
    assert found.estimate is not None
    eligibility = world.eligibility(unused_member())
    codes = {"E0601": "", "E9999": "its code is in no class of the rules"}
    codes["B4184"] = "the policy has no rule or no agreed price for nutrition, or does not cover it"
    for code, expected in codes.items():
        stated = claim(None, service(1, None, code=Code(HCPCS, code)))
        (found,) = claims.estimate(stated, world.rule_set, eligibility)
        assert found.unknown == expected
        assert (found.estimate is None) is bool(expected)


def test_one_service_twice_in_a_claim_is_refused(
    world: ProviderWorld, submissions: Submissions, claims: ClaimSubmissions
) -> None:
    asked = authorized(world, submissions)
    with pytest.raises(InvalidInput, match="is the same as line 1: claim both in one"):
        claims.plan(claim(asked, service(1), service(2)))
    with pytest.raises(InvalidInput, match="is not in the request, which has 1, 2"):
        claims.plan(claim(asked, service(1, 5)))
    with pytest.raises(InvalidInput, match="was not submitted with this content"):
        claims.find(claim(asked))


def test_what_is_not_funded_says_so_and_is_paid_when_there_is_money(
    world: ProviderWorld, submissions: Submissions, claims: ClaimSubmissions
) -> None:
    vault = world.payer.vault
    vault.send(world.admin, "requestWithdrawal", world.admin.address, claims.claims.funds().free)
    travel(world.connection, 8 * DAY)
    vault.send(world.admin, "withdraw")
    assert claims.claims.funds().free == 0
    today = EPOCH + dt.timedelta(world.connection.block_time() // DAY)
    asked = request(line(1, first_day=today))
    revision = submissions.send(submissions.plan(asked, world.eligibility(unused_member())))
    found = sent(world, claims, claim(asked, service(1, service_day=today)))
    assert found.lines[0].status is ClaimStatus.APPROVED_UNFUNDED
    assert found.lines[0].why == "Approved: 80.00 of 85.00 USD, and waits for the insurer's money."
    with pytest.raises(InvalidInput, match="has no payment to explain: Approved"):
        found.payment()
    number = authorization_number(
        world.connection.chain_id, submissions.authorizations.address, world.provider, revision.request_id, 0
    )
    assert found.authorization_number == number
    world.fund(1000 * DOLLAR)
    Claims(world.payer_as(world.hospital)).credit_unfunded(10)
    assert claims.report(found.kept, DOLLARS).payment().paid == 80 * DOLLAR
