"""The six published Da Vinci PAS files through the whole path on an Anvil: submitted, updated, inquired about,
reviewed, appealed, claimed, paid. They are read where they are: none is copied here."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from careledger.anchoring import Canonicalization
from careledger.authorization.claim_file import ClaimedService, ClaimRequest
from careledger.authorization.claim_submission import ClaimReport, ClaimSubmissions
from careledger.authorization.claims import Claims
from careledger.authorization.commitments import Subject, commitment
from careledger.authorization.fhir.answer import answer_bundle
from careledger.authorization.fhir.explanation_of_benefit import explanation_of_benefit
from careledger.authorization.fhir.inquiry_bundle import parse_inquiry_bundle
from careledger.authorization.fhir.operation_outcome import parse_operation_outcome
from careledger.authorization.fhir.request_bundle import RequestBundle, parse_request_bundle
from careledger.authorization.fhir.resources import dump, parse_bundle
from careledger.authorization.fhir.response_bundle import inquiry_result, parse_inquiry_result, parse_response_bundle
from careledger.authorization.metrics import Period, Share, events_on_chain, measure
from careledger.authorization.outcome import AuthorizationOutcome
from careledger.authorization.published import published_contracts
from careledger.authorization.request import BusinessIdentifier
from careledger.authorization.request_book import Revision
from careledger.authorization.reviews import Reviews
from careledger.authorization.rule_set import EPOCH
from careledger.authorization.submission import Submissions
from careledger.contract_enums import Action, ClaimStatus, Finding, LineStatus
from careledger.contract_errors import PriorAuthorizationSameReviewer
from careledger.errors import BundleRefused
from careledger.vault import Vault
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.explanationofbenefit import ExplanationOfBenefit
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.parameters import Parameters
from identity.suite import travel
from pas_bundles import DOLLARS, EXAMPLES
from provider_requests import DOLLAR, unused_member
from provider_world import HOSPITAL, PLAN_OF_CARE, ProviderWorld

HOMECARE = "Bundle-HomecareAuthorizationBundleExample.json"
UPDATE = "Bundle-HomecareAuthorizationUpdateBundleExample.json"
REFERRAL = "Bundle-ReferralAuthorizationBundleExample.json"
APPROVED = "Bundle-ReferralAuthorizationResponseBundleExample.json"
PENDING = "Bundle-ReferralPendingAuthorizationResponseBundleExample.json"
INVALID = "OperationOutcome-InvalidRequestResponse.json"
FILES = (HOMECARE, UPDATE, REFERRAL, APPROVED, PENDING, INVALID)

HOUR = 3600
NOT_SHOWN_TO_BE_NEEDED = 4
ASSIGNER = {"identifier.assigner", *(f"identifier.assigner.identifier{end}" for end in ("", ".system", ".value"))}
"""What the published answers have of an identifier beyond its system and value."""

pytestmark = pytest.mark.skipif(
    not all((EXAMPLES / name).is_file() for name in FILES),
    reason=f"the Da Vinci PAS examples are not at {EXAMPLES.name} beside the clone",
)


@pytest.fixture
def submissions(world: ProviderWorld, vault: Vault) -> Submissions:
    return Submissions(world.payer_as(world.hospital), world.rule_set, vault)


@pytest.fixture
def claims(world: ProviderWorld, vault: Vault) -> ClaimSubmissions:
    controller = Claims(world.payer_as(world.controller))
    if controller.account(world.provider).payee is None:
        controller.set_payee(world.provider, world.controller.address)
    return ClaimSubmissions(world.payer_as(world.hospital), vault)


@pytest.fixture
def reviews(world: ProviderWorld) -> Reviews:
    """Sent by somebody without any role: a reviewer's key only signs."""
    return Reviews(world.payer_as(world.patient))


def content_of(name: str) -> bytes:
    return (EXAMPLES / name).read_bytes()


def asked_by(name: str) -> RequestBundle:
    return parse_request_bundle(content_of(name), DOLLARS)


def resource_of(content: bytes, kind: str) -> Any:
    (found,) = [e["resource"] for e in json.loads(content)["entry"] if e["resource"]["resourceType"] == kind]
    return found


def answered(submissions: Submissions, asked: RequestBundle) -> bytes:
    """The answer to `$submit`, from what the chain says now."""
    revision = submissions.find(asked.request.identifier)
    content: bytes = dump(answer_bundle(asked, submissions.report(revision, submissions.rule_set), DOLLARS))
    Bundle.model_validate_json(content)
    return content


def inquired(submissions: Submissions, inquiry: bytes, kept: RequestBundle) -> AuthorizationOutcome:
    """The answer to `$inquire` by an example, written and read. `kept` is the insurer's copy of the last bundle."""
    named = parse_inquiry_bundle(inquiry).identifier
    assert named is not None
    report = submissions.report(submissions.find(named), submissions.rule_set)
    content = dump(inquiry_result([answer_bundle(kept, report, DOLLARS, inquired=True)]))
    Parameters.model_validate_json(content)
    (found,) = parse_inquiry_result(content, DOLLARS)
    return found


def codes(outcome: AuthorizationOutcome) -> dict[int, str | None]:
    return {line.sequence: line.action and line.action.value for line in outcome.lines}


def statuses(submissions: Submissions, revision: Revision) -> list[LineStatus]:
    return [state.status for state in submissions.authorizations.lines(submissions.provider, revision.request_id)]


def claimed(claims: ClaimSubmissions, world: ProviderWorld, of: RequestBundle, number: str, charge: int) -> ClaimReport:
    """A claim for the one unit of the first item that was granted, on the first day that it is valid, with an invoice
    that is anchored; and what became of it."""
    identifier = of.request.identifier
    state = claims.authorizations.line(world.provider, claims.book.bound_id(identifier) or "", 0)
    assert state is not None
    service = ClaimedService(1, EPOCH + dt.timedelta(state.valid_from), 1000, charge, item=1)
    stated = ClaimRequest(BusinessIdentifier("https://hospital.example/claims", number), (service,), identifier)
    kept = claims.send(claims.plan(stated), [world.anchored(f"invoice of {number}".encode())])
    return claims.report(kept, DOLLARS)


def explained(report: ClaimReport, of: RequestBundle) -> Any:
    """The ExplanationOfBenefit."""
    written = json.loads(dump(explanation_of_benefit(report.payment(), of.request, DOLLARS)))
    ExplanationOfBenefit.model_validate(written)
    return written


def pay_out(claims: ClaimSubmissions, world: ProviderWorld) -> int:
    """Pays out what is credited; returns what the hospital's account got."""
    before = world.balance(world.controller.address)
    claims.claims.pay_out(world.provider)
    assert claims.claims.account(world.provider).credit == 0
    return world.balance(world.controller.address) - before


def places(value: Any, path: str = "") -> set[str]:
    """Where a resource says something: elements, extensions by the last part of their URL; lists have no numbers."""
    found: set[str] = set()
    if isinstance(value, list):
        return found.union(*(places(one, path) for one in value))
    if not isinstance(value, dict):
        return found
    for name, held in value.items():
        if name == "extension":
            for one in held:
                there = f"{path}.[{one['url'].rpartition('/')[2]}]".lstrip(".")
                found |= {there} | places({key: item for key, item in one.items() if key != "url"}, there)
        elif name not in ("id", "meta", "text", "display"):
            there = f"{path}.{name}".lstrip(".")
            found |= {there} | places(held, there)
    return found


def leading_out(content: bytes) -> set[str]:
    """Where the ClaimResponse, and what it leads to, refers to what is not in the bundle."""
    bundle = parse_bundle(content, "ClaimResponse")
    found = [path for _, path, _, target in bundle.reachable(bundle.entries[0]) if target is None]
    return {path.replace("Bundle.entry[0].resource", "ClaimResponse").removesuffix(".reference") for path in found}


# ---------------------------------------------------------------------- home care


def test_homecare_is_updated_inquired_about_claimed_and_paid_by_the_rules(
    world: ProviderWorld, submissions: Submissions, claims: ClaimSubmissions, reviews: Reviews
) -> None:
    first, update = asked_by(HOMECARE), asked_by(UPDATE)
    eligibility = world.eligibility(unused_member())
    plan_of_care = world.anchored(b"a plan of care", PLAN_OF_CARE)
    revision = submissions.send(submissions.plan(first.request, eligibility, [plan_of_care]))
    assert statuses(submissions, revision) == [LineStatus.PENDED, LineStatus.PENDED]
    outcome = parse_response_bundle(answered(submissions, first), DOLLARS)
    assert codes(outcome) == {1: "A4", 2: "A4"}
    assert not outcome.human_reviewed
    assert (
        outcome.lines[0].notes[0]
        == "Waits for a person: the request counts in no known unit, the rule for home-nursing in visit."
    )
    granted = reviews.draft(
        HOSPITAL, revision.request_id, 0, Action.APPROVED_IN_FULL, milli_units=1000, amount=180 * DOLLAR
    )
    reviews.send(reviews.sign(granted, world.reviewers[0]))

    # The update leaves the first item as it is, cancels the second and adds a third.
    plan = submissions.plan(update.request, eligibility, [plan_of_care])
    assert (plan.unchanged, plan.cancelled, [line.kept.sequence for line in plan.lines]) == ((1,), (2,), [3])
    standing = submissions.send(plan)
    assert (standing.request_id, standing.revision) == (revision.request_id, 1)
    assert statuses(submissions, standing) == [LineStatus.APPROVED, LineStatus.CANCELLED, LineStatus.PENDED]
    before = world.connection.block_number()
    submissions.send(submissions.plan(update.request, eligibility))
    assert world.connection.block_number() == before  # the same again sends nothing

    content = answered(submissions, update)
    assert leading_out(content) == {"ClaimResponse.request"}  # the Claim: who asked has it
    outcome = parse_response_bundle(content, DOLLARS)
    assert codes(outcome) == {1: "A1", 2: None, 3: "A4"}
    for inquiry in (HOMECARE, UPDATE):  # by the first identifier or the update's
        found = inquired(submissions, content_of(inquiry), update)
        assert found.lines == outcome.lines
    number = outcome.lines[0].authorization_number

    report = claimed(claims, world, update, "C-homecare", 180 * DOLLAR)
    (line,) = report.lines
    # 165.50 agreed for a visit, less a copay of 20.00 and 10 % of the rest.
    assert (line.status, line.human_reviewed, line.why) == (ClaimStatus.PAID, False, "Paid: 130.95 of 180.00 USD.")
    assert report.authorization_number == number
    written = explained(report, update)
    assert written["payment"]["amount"] == {"value": 130.95, "currency": "USD"}
    assert written["patient"] == {"reference": "Patient/SubscriberExample"}
    assert claims.claims.account(world.provider).credit == 130_950_000
    assert pay_out(claims, world) == 130_950_000


# ---------------------------------------------------------------------- a referral


def test_a_referral_pends_is_granted_in_part_appealed_and_paid_by_a_person(
    world: ProviderWorld, submissions: Submissions, claims: ClaimSubmissions, reviews: Reviews
) -> None:
    asked = asked_by(REFERRAL)
    travel(world.connection, HOUR)
    start = world.connection.block_time()
    plan = submissions.plan(asked.request, world.eligibility(unused_member()))
    revision = submissions.send(plan)

    # Our answer has what the published one has, and says the same.
    content, published = answered(submissions, asked), content_of(PENDING)
    ours, theirs = resource_of(content, "ClaimResponse"), resource_of(published, "ClaimResponse")
    assert places(theirs) - places(ours) == ASSIGNER
    for name in ("status", "type", "use", "outcome"):
        assert ours[name] == theirs[name], name
    assert leading_out(content) == {"ClaimResponse.request"}
    assert leading_out(published) == {"ClaimResponse.requestor", "ClaimResponse.request"}
    pended, expected = (parse_response_bundle(one, DOLLARS) for one in (content, published))
    assert codes(pended) == codes(expected) == {1: "A4"}
    assert (pended.is_final, expected.is_final) == (False, False)
    assert pended.lines[0].grant is expected.lines[0].grant is None
    assert pended.lines[0].authorization_number is expected.lines[0].authorization_number is None
    assert pended.lines[0].pend_number
    assert expected.lines[0].pend_number == "PEND0001"
    assert pended.identifier.value == expected.identifier.value == "111099"
    assert pended.human_reviewed is False

    # Urgent by its level of service: 72 hours. The document that it names is what the hospital answers with.
    (line,) = submissions.report(revision, world.rule_set).lines
    assert line.due_at == plan.received_at + 72 * HOUR
    insurer = world.authorizations(world.insurer)
    question = commitment(Subject.STATEMENT, b"What was tried before?", 32 * b"s")
    insurer.request_information(world.provider, revision.request_id, 0, question)
    assert statuses(submissions, revision) == [LineStatus.INFORMATION_REQUESTED]
    documents = world.ledger.acting_as(world.hospital).documents
    note = json.dumps(resource_of(content_of(REFERRAL), "DocumentReference")).encode()
    fingerprint = documents.fingerprint(note, canonicalization=Canonicalization.FHIR_JSON_STATIC)
    assert fingerprint.digest == asked.request.information[0].digest
    submissions.answer(revision, 1, b"see the procedure note", [documents.anchor(fingerprint)])
    assert statuses(submissions, revision) == [LineStatus.PENDED]

    # Half of it is granted; on appeal another reviewer grants the other half.
    half = {"milli_units": 500, "amount": 50 * DOLLAR}
    partly = reviews.draft(
        HOSPITAL, revision.request_id, 0, Action.APPROVED_IN_PART, reason=NOT_SHOWN_TO_BE_NEEDED, **half
    )
    reviews.send(reviews.sign(partly, world.reviewers[0]))
    outcome = parse_response_bundle(answered(submissions, asked), DOLLARS)
    assert codes(outcome) == {1: "A2"}
    assert [reason.code for reason in outcome.lines[0].reasons] == [str(NOT_SHOWN_TO_BE_NEEDED)]
    submissions.appeal(revision, submissions.appealable(revision, 1), b"a whole one is needed", expedited=True)
    overturned = reviews.draft(HOSPITAL, revision.request_id, 0, Action.APPROVED_IN_FULL, **half)
    with pytest.raises(PriorAuthorizationSameReviewer):
        reviews.send(reviews.sign(overturned, world.reviewers[0]))
    reviews.send(reviews.sign(overturned, world.reviewers[1]))

    # The last answer grants what the published one grants.
    content, published = answered(submissions, asked), content_of(APPROVED)
    ours, theirs = resource_of(content, "ClaimResponse"), resource_of(published, "ClaimResponse")
    missing = places(theirs) - places(ours)
    # Days asked for and who gives the service: the request states no day, and the grant is nobody's by name.
    assert {place.split(".")[1] for place in missing - ASSIGNER} == {
        "[extension-itemRequestedServiceDate]",
        "[extension-itemAuthorizedProvider]",
    }
    for name in ("status", "type", "use", "outcome"):
        assert ours[name] == theirs[name], name
    final, expected = (parse_response_bundle(one, DOLLARS) for one in (content, published))
    assert codes(final) == codes(expected) == {1: "A1"}
    assert (final.is_final, expected.is_final) == (True, True)
    mine, other = final.lines[0], expected.lines[0]
    assert mine.authorization_number
    assert other.authorization_number == "AUTH0001"
    assert mine.authorization_number == pended.lines[0].pend_number
    assert mine.grant is not None
    assert mine.grant == other.grant  # one unit at 100.00
    assert mine.issued_on is not None
    assert mine.valid_from is not None
    assert mine.valid_to is not None
    assert other.valid_from == other.issued_on
    assert mine.valid_from == mine.issued_on <= mine.valid_to
    assert (final.human_reviewed, expected.human_reviewed) == (True, None)
    assert inquired(submissions, content_of(REFERRAL), asked).lines == final.lines

    report = claimed(claims, world, asked, "C-referral", 100 * DOLLAR)
    assert (report.lines[0].status, report.lines[0].finding) == (ClaimStatus.IN_REVIEW, Finding.NO_AGREED_PRICE)
    subject = reviews.claim(report.lines[0].key)
    reviews.send_claim(reviews.sign_claim(subject, world.reviewers[0], 100 * DOLLAR))
    report = claims.report(report.kept, DOLLARS)
    assert report.lines[0].human_reviewed
    assert report.lines[0].why == "Paid by a person: 100.00 of 100.00 USD."
    assert report.authorization_number == mine.authorization_number
    assert explained(report, asked)["payment"]["amount"] == {"value": 100.0, "currency": "USD"}
    assert pay_out(claims, world) == 100 * DOLLAR

    # The figures of that time, from events alone.
    payer = world.payer
    events = events_on_chain(world.connection, published_contracts(world.ledger, payer.insurer), payer.first_block)
    found = measure(events, Period(start, world.connection.block_time() + 1))
    assert (found.expedited.received, found.expedited.determined, found.standard.received) == (1, 1, 0)
    assert found.expedited.approved_after_appeal == Share(1, 1)
    assert found.claims.automatic == Share(0, 1)
    assert found.claims.paid_amount == 100 * DOLLAR


# ---------------------------------------------------------------------- what is refused


def test_a_published_bundle_without_what_it_refers_to_gets_one_outcome_and_nothing_is_sent(
    world: ProviderWorld, submissions: Submissions
) -> None:
    published = json.loads(content_of(INVALID))
    (theirs,) = parse_operation_outcome(content_of(INVALID))
    assert (theirs.severity, theirs.code) == ("error", "invalid")
    before = world.connection.block_number()
    broken = 0
    for name in (HOMECARE, UPDATE, REFERRAL):
        bundle = json.loads(content_of(name))
        for left_out in bundle["entry"][1:]:
            content = json.dumps({**bundle, "entry": [e for e in bundle["entry"] if e is not left_out]}).encode()
            with pytest.raises(BundleRefused) as refused:
                submissions.plan(parse_request_bundle(content, DOLLARS).request)
            outcome = refused.value.operation_outcome
            OperationOutcome.model_validate(outcome)
            assert places(outcome) >= places({key: published[key] for key in ("resourceType", "issue")})
            issues = parse_operation_outcome(json.dumps(outcome).encode())
            assert {issue.severity for issue in issues} == {"error"}
            # The type of what is missing may be said, and never which one it is.
            assert left_out["resource"]["id"] not in json.dumps(outcome)
            broken += 1
    assert broken == 4 + 5 + 9
    assert world.connection.block_number() == before
    with pytest.raises(BundleRefused):  # an answer is no request
        submissions.plan(parse_request_bundle(content_of(PENDING), DOLLARS).request)
