"""Published PAS bundles to the contract, and from its decisions to a ClaimResponse."""

from __future__ import annotations

import json
from typing import Any

import pytest
from careledger.authorization.fhir.answer import answer_bundle
from careledger.authorization.fhir.request_bundle import RequestBundle, parse_request_bundle
from careledger.authorization.fhir.resources import dump
from careledger.authorization.fhir.response_bundle import parse_response_bundle
from careledger.authorization.outcome import AuthorizationOutcome, LineOutcome
from careledger.authorization.outcomes import request_report
from careledger.authorization.request import CertificationType
from careledger.authorization.request_book import Revision
from careledger.authorization.submission import Submissions
from careledger.contract_enums import Action
from careledger.errors import InvalidInput
from careledger.vault import Vault
from fhir.resources.R4B.bundle import Bundle
from pas_bundles import DOLLARS, EXAMPLES, claim_of, dumped, vector
from provider_requests import DOLLAR, unused_member
from provider_world import ProviderWorld

HOMECARE = "Bundle-HomecareAuthorizationBundleExample.json"
UPDATE = "Bundle-HomecareAuthorizationUpdateBundleExample.json"
REFERRAL = "Bundle-ReferralAuthorizationBundleExample.json"

published = pytest.mark.skipif(not (EXAMPLES / HOMECARE).is_file(), reason="the published examples are not there")


@pytest.fixture
def submissions(world: ProviderWorld, vault: Vault) -> Submissions:
    return Submissions(world.payer_as(world.hospital), world.rule_set, vault)


def example(name: str) -> RequestBundle:
    return parse_request_bundle((EXAMPLES / name).read_bytes(), DOLLARS)


def answered(submissions: Submissions, world: ProviderWorld, asked: RequestBundle, revision: Revision) -> Any:
    """The ClaimResponse bundle, which is valid R4."""
    found = request_report(submissions.authorizations, world.provider, revision, world.rule_set)
    content = dump(answer_bundle(asked, found, DOLLARS))
    Bundle.model_validate(json.loads(content))
    return content


def lines(content: bytes) -> dict[int, LineOutcome]:
    outcome: AuthorizationOutcome = parse_response_bundle(content, DOLLARS)
    return {line.sequence: line for line in outcome.lines}


def codes(content: bytes) -> dict[int, str | None]:
    return {number: line.action and line.action.value for number, line in lines(content).items()}


@published
def test_homecare_and_its_update(world: ProviderWorld, submissions: Submissions) -> None:
    asked = example(HOMECARE)
    eligibility = world.eligibility(unused_member())
    first = submissions.send(submissions.plan(asked.request, eligibility))
    content = answered(submissions, world, asked, first)
    assert codes(content) == {1: "A4", 2: "A4"}
    assert lines(content)[1].notes[0] == "Waits for a person: documents are missing: plan-of-care."
    assert lines(content)[2].notes[0] == "Waits for a person: a person decides every request of nutrition."
    assert all(line.pend_number for line in lines(content).values())
    world.review(first.request_id, 0, Action.APPROVED_IN_FULL, milli_units=1000, amount=100 * DOLLAR)
    update = example(UPDATE)
    second = submissions.send(submissions.plan(update.request, eligibility))
    content = answered(submissions, world, update, second)
    assert codes(content) == {1: "A1", 2: None, 3: "A4"}
    approved = lines(content)[1]
    assert approved.human_reviewed
    assert approved.authorization_number == lines(answered(submissions, world, update, second))[1].authorization_number
    assert lines(content)[3].notes[0] == "Waits for a person: the code is in no class of this policy."
    assert (second.line(1).number, second.line(2).number, second.line(3).number) == (0, 1, 2)
    with pytest.raises(InvalidInput, match="stands in another version"):
        answered(submissions, world, asked, second)


@published
def test_an_urgent_referral_is_denied_and_appealed(world: ProviderWorld, submissions: Submissions) -> None:
    asked = example(REFERRAL)
    plan = submissions.plan(asked.request, world.eligibility(unused_member()))
    revision = submissions.send(plan)
    content = answered(submissions, world, asked, revision)
    assert codes(content) == {1: "A4"}
    report = request_report(submissions.authorizations, world.provider, revision, world.rule_set)
    assert report.lines[0].due_at == plan.received_at + 72 * 3600
    world.review(revision.request_id, 0, Action.DENIED, reason=3)
    denied = lines(answered(submissions, world, asked, revision))[1]
    assert (denied.action and denied.action.value, [reason.code for reason in denied.reasons]) == ("A3", ["3"])
    appeal = submissions.appealable(revision, 1)
    submissions.appeal(revision, appeal, b"what was overlooked", expedited=True)
    world.review(revision.request_id, 0, Action.APPROVED_IN_FULL, reviewer=1, milli_units=1000, amount=90 * DOLLAR)
    content = answered(submissions, world, asked, revision)
    assert codes(content) == {1: "A1"}
    reviewer = json.loads(content)["entry"][0]["resource"]["extension"][0]["extension"][0]
    assert reviewer["valueBoolean"] is True


def test_a_modified_line_and_a_cancelled_one_stand_in_the_answer(
    world: ProviderWorld, submissions: Submissions
) -> None:
    bundle = vector("request.json")
    claim_of(bundle)["identifier"][0]["value"] = "modified"
    asked = parse_request_bundle(dumped(bundle), DOLLARS)
    assert asked.request.certification_type is CertificationType.INITIAL
    revision = submissions.send(submissions.plan(asked.request, world.eligibility(unused_member())))
    first = codes(answered(submissions, world, asked, revision))
    assert first == {1: "A1", 2: "A4", 3: "A4"}
    world.review(
        revision.request_id, 2, Action.MODIFIED, benefit_class=20, milli_units=1000, amount=70 * DOLLAR, reason=2
    )
    submissions.cancel(revision, [2])
    content = answered(submissions, world, asked, revision)
    assert codes(content) == {1: "A1", 2: None, 3: "A6"}
    (added,) = json.loads(content)["entry"][0]["resource"]["addItem"]
    assert added["itemSequence"] == [3]
    assert added["net"]["value"] == 70
