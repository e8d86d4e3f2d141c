"""The insurer's desk on an Anvil: the queue, reviewers and their decisions, deadlines, claims that wait."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from careledger.authorization.claims import Claims
from careledger.authorization.desk import Desk
from careledger.authorization.panel import Panel, new_reviewer_id
from careledger.authorization.review_file import Signed, dump_review, parse_review
from careledger.authorization.reviews import Reasons, Reviews, parse_reasons
from careledger.contract_enums import Action, AppealStatus, ClaimStatus, LineStatus
from careledger.contract_errors import (
    AccessManagedUnauthorized,
    ClaimSettlementInvalidSignature,
    PriorAuthorizationInvalidGrant,
    PriorAuthorizationInvalidSignature,
    PriorAuthorizationSameReviewer,
    ReviewPanelNotAReviewer,
    ReviewPanelNotTheInsurers,
    ReviewPanelOtherReviewer,
)
from careledger.contract_events import ClaimReversed, ClaimReviewed, LineDecided, LineOverdue
from careledger.errors import CareLedgerError, InvalidInput, WrongChain
from identity.suite import travel
from payer_requests import DOLLAR, EQUIPMENT, NUTRITION, asked, claimed
from provider_world import HOSPITAL, ProviderWorld

HOUR, DAY = 3600, 86_400
REASON = 4


@pytest.fixture
def unchanged(world: ProviderWorld) -> Iterator[ProviderWorld]:
    rpc = world.connection.rpc()
    snapshot = rpc.call("evm_snapshot")
    yield world
    assert rpc.call("evm_revert", snapshot)


@pytest.fixture
def reviews(unchanged: ProviderWorld) -> Reviews:
    """Sent by somebody without any role."""
    return Reviews(unchanged.payer_as(unchanged.patient))


@pytest.fixture
def desk(unchanged: ProviderWorld) -> Desk:
    return Desk(unchanged.payer_as(unchanged.patient))


# ---------------------------------------------------------------------- the queue


def test_the_queue_has_what_is_open_with_the_least_time_left_first(unchanged: ProviderWorld, desk: Desk) -> None:
    before = desk.queue()
    slow = asked(unchanged, NUTRITION, EQUIPMENT, NUTRITION)
    quick = asked(unchanged, NUTRITION, expedited=True)
    done = asked(unchanged, NUTRITION)
    gone = asked(unchanged, NUTRITION)
    unchanged.review(done, 0, Action.APPROVED_IN_FULL, milli_units=2000, amount=200 * DOLLAR)
    hospital = unchanged.authorizations(unchanged.hospital)
    hospital.cancel(gone, [0])
    unchanged.authorizations(unchanged.insurer).request_information(unchanged.provider, slow, 2, "0x" + 64 * "4")
    found = [one for one in desk.queue() if one not in before]
    assert [(one.request, one.line, one.waits_for) for one in found] == [
        (quick, 0, "decision"),
        *((slow, line, waits) for line, waits in ((0, "decision"), (2, "information"))),
    ]
    now = unchanged.connection.block_time()
    assert found[0].expedited
    assert 71 * HOUR < found[0].seconds_left(now) < 72 * HOUR
    assert 6 * DAY < found[1].seconds_left(now) < 7 * DAY


def test_an_appeal_waits_for_another_reviewer(unchanged: ProviderWorld, desk: Desk, reviews: Reviews) -> None:
    request = asked(unchanged, NUTRITION)
    denial = reviews.draft(HOSPITAL, request, 0, Action.DENIED, reason=REASON)
    reviews.send(reviews.sign(denial, unchanged.reviewers[0]))
    assert request not in {one.request for one in desk.queue()}
    hospital = unchanged.authorizations(unchanged.hospital)
    hospital.appeal(request, 0, denial.sequence + 1, unchanged.connection.block_time())
    (waits,) = [one for one in desk.queue() if one.request == request]
    assert waits.waits_for == "appeal"
    assert waits.reviewer == "0x" + b"reviewer one".hex()
    overturned = reviews.draft(HOSPITAL, request, 0, Action.APPROVED_IN_FULL)
    assert (overturned.milli_units, overturned.amount) == (2000, 200 * DOLLAR)
    with pytest.raises(PriorAuthorizationSameReviewer):
        reviews.send(reviews.sign(overturned, unchanged.reviewers[0]))
    reviews.send(reviews.sign(overturned, unchanged.reviewers[1]))
    state = hospital.line(unchanged.provider, request, 0)
    assert state is not None
    assert (state.status, state.appeal) == (LineStatus.APPROVED, AppealStatus.OVERTURNED)
    assert request not in {one.request for one in desk.queue()}


def test_what_is_past_due_is_marked_once(unchanged: ProviderWorld, desk: Desk) -> None:
    slow, quick = asked(unchanged, NUTRITION), asked(unchanged, NUTRITION, expedited=True)
    assert not [one for one in desk.mark_overdue(desk.queue()) if one.line.request in (slow, quick)]
    travel(unchanged.connection, 4 * DAY)
    (marked,) = [one for one in desk.mark_overdue(desk.queue()) if one.line.request in (slow, quick)]
    assert marked.line.request == quick
    assert marked.receipt is not None
    assert marked.receipt.event(LineOverdue).request_id == quick
    (again,) = [one for one in desk.mark_overdue(desk.queue()) if one.line.request in (slow, quick)]
    assert again.line.marked_overdue
    assert again.receipt is None


# ---------------------------------------------------------------------- reviews


def test_each_kind_of_decision_is_drafted_signed_and_sent(unchanged: ProviderWorld, reviews: Reviews) -> None:
    request = asked(unchanged, NUTRITION, NUTRITION, NUTRITION, NUTRITION)
    drafts = [
        reviews.draft(HOSPITAL, request, 0, Action.APPROVED_IN_FULL),
        reviews.draft(HOSPITAL, request, 1, Action.APPROVED_IN_PART, milli_units=1000, reason=REASON),
        reviews.draft(HOSPITAL, request, 2, Action.MODIFIED, benefit_class=EQUIPMENT, reason=REASON),
        reviews.draft(HOSPITAL, request, 3, Action.DENIED, reason=REASON),
    ]
    for draft in drafts:
        signed = reviews.sign(draft, unchanged.reviewers[0])
        assert len(signed.signature) == 64
        event = reviews.send(signed).event(LineDecided)
        assert (event.action, event.reason) == (draft.action, draft.reason)
        assert event.milli_units == draft.milli_units
        assert reviews.send(signed).events == ()


def test_a_draft_says_what_is_missing(unchanged: ProviderWorld, reviews: Reviews) -> None:
    request = asked(unchanged, NUTRITION, amount=2**64 - 1)
    for action, values, problem in (
        (Action.DENIED, {}, "must be stated"),
        (Action.APPROVED_IN_FULL, {}, "--amount"),
        (Action.APPROVED_IN_PART, {"reason": REASON}, "--units"),
    ):
        with pytest.raises(InvalidInput, match=problem):
            reviews.draft(HOSPITAL, request, 0, action, **values)
    with pytest.raises(InvalidInput, match="is none of"):
        reviews.draft(HOSPITAL, request, 9, Action.DENIED, reason=REASON)


def test_what_the_contract_refuses_of_a_review_is_told(unchanged: ProviderWorld, reviews: Reviews) -> None:
    request = asked(unchanged, NUTRITION)
    more = reviews.draft(HOSPITAL, request, 0, Action.APPROVED_IN_FULL, milli_units=3000)
    with pytest.raises(PriorAuthorizationInvalidGrant) as raised:
        reviews.send(reviews.sign(more, unchanged.reviewers[0]))
    assert raised.value.milli_units == 3000
    denial = reviews.draft(HOSPITAL, request, 0, Action.DENIED, reason=REASON)
    with pytest.raises(ReviewPanelNotAReviewer):
        reviews.send(reviews.sign(denial, unchanged.patient))
    signed = reviews.sign(denial, unchanged.reviewers[0])
    forged = type(signed)(denial, unchanged.reviewers[1].address, signed.signature)
    with pytest.raises(PriorAuthorizationInvalidSignature):
        reviews.send(forged)


# ---------------------------------------------------------------------- the panel


def test_reviewers_are_appointed_and_dismissed(unchanged: ProviderWorld) -> None:
    panel = Panel(unchanged.payer_as(unchanged.admin))
    first = panel.reviewers()
    assert [one.appointed for one in first] == [True, True]
    key, id_ = unchanged.insurer.address, new_reviewer_id()
    panel.appoint(key, id_)
    assert panel.reviewer(key) == panel.reviewers()[-1]
    with pytest.raises(ReviewPanelOtherReviewer):
        panel.appoint(key, new_reviewer_id())
    panel.dismiss(key)
    assert panel.dismiss(key).events == ()
    found = panel.reviewer(key)
    assert found is not None
    assert (found.id, found.appointed) == (id_, False)
    assert panel.reviewer(unchanged.patient.address) is None
    with pytest.raises(ReviewPanelNotTheInsurers):
        panel.appoint(unchanged.hospital.address, id_)
    with pytest.raises(InvalidInput):
        panel.appoint(key, "0x12")
    with pytest.raises(AccessManagedUnauthorized):
        Panel(unchanged.payer_as(unchanged.insurer)).appoint(key, id_)


# ---------------------------------------------------------------------- claims


def test_a_claim_line_that_waits_is_decided_and_reversed(unchanged: ProviderWorld, reviews: Reviews) -> None:
    request = asked(unchanged, EQUIPMENT)
    key = claimed(unchanged, request, units=9000)
    subject = reviews.claim(key)
    assert subject.record.status is ClaimStatus.IN_REVIEW
    with pytest.raises(InvalidInput, match="must be 0 to the charge"):
        reviews.sign_claim(subject, unchanged.reviewers[0], subject.line.charge + 1)
    signed = reviews.sign_claim(subject, unchanged.reviewers[0], 60 * DOLLAR, 198)
    assert len(signed.signature) == 64
    event = reviews.send_claim(signed).event(ClaimReviewed)
    assert (event.key, event.carc) == (key, 198)
    paid = Claims(unchanged.payer).line(key)
    assert paid is not None
    assert paid.status is ClaimStatus.PARTIAL
    reversal = reviews.sign_reversal(reviews.claim(key), unchanged.reviewers[1], REASON)
    assert len(reversal.signature) == 64
    assert reviews.reverse(reversal).event(ClaimReversed).paid == paid.paid


def test_a_claim_review_of_another_status_is_refused(unchanged: ProviderWorld, reviews: Reviews) -> None:
    denied = claimed(unchanged, None)
    subject = reviews.claim(denied)
    assert subject.record.status is ClaimStatus.DENIED
    with pytest.raises(InvalidInput, match="is not who the claim named"):
        reviews.claim(denied, unchanged.patient.address)
    with pytest.raises(InvalidInput, match="is unknown"):
        reviews.claim("0x" + 64 * "9")
    signed = reviews.sign_claim(subject, unchanged.reviewers[0], 0, 50)
    forged = type(signed)(subject, signed.status, 0, 51, signed.rationale, signed.key, signed.signature)
    with pytest.raises(ClaimSettlementInvalidSignature):
        reviews.send_claim(forged)


# ---------------------------------------------------------------------- signed decisions as files


def signed_decisions(world: ProviderWorld, reviews: Reviews) -> list[Signed]:
    """One of each kind."""
    request, reviewer = asked(world, NUTRITION), world.reviewers[0]
    waits, paid = claimed(world, asked(world, EQUIPMENT), units=9000), claimed(world, asked(world, EQUIPMENT))
    draft = reviews.draft(HOSPITAL, request, 0, Action.DENIED, reason=REASON, rationale="0x" + 64 * "7")
    return [
        reviews.sign(draft, reviewer),
        reviews.sign_claim(reviews.claim(waits), reviewer, 60 * DOLLAR, 198),
        reviews.sign_reversal(reviews.claim(paid), reviewer, REASON),
    ]


def test_a_file_holds_each_kind_of_decision_as_it_was_signed(unchanged: ProviderWorld, reviews: Reviews) -> None:
    payer = unchanged.payer_as(unchanged.patient)
    for signed in signed_decisions(unchanged, reviews):
        content = dump_review(payer, signed)
        assert parse_review(content, payer) == signed
        assert reviews.send_signed(parse_review(content, payer)).events


def test_a_file_of_a_claim_that_was_prepaid_names_who_paid(unchanged: ProviderWorld, reviews: Reviews) -> None:
    named = unchanged.patient.address
    key = claimed(unchanged, asked(unchanged, EQUIPMENT), units=9000, payer=named)
    signed = reviews.sign_claim(reviews.claim(key, named), unchanged.reviewers[0], 0, 50)
    content = dump_review(unchanged.payer, signed)
    assert json.loads(content)["prepaid_by"] == named
    assert parse_review(content, unchanged.payer) == signed


def test_a_file_that_is_wrong_is_refused_with_the_place(unchanged: ProviderWorld, reviews: Reviews) -> None:
    payer = unchanged.payer
    request, claim, _ = (json.loads(dump_review(payer, one)) for one in signed_decisions(unchanged, reviews))
    changes: list[tuple[dict[str, Any], str, Any, str]] = [
        (request, "decides", "line", "must be one of request, claim, reversal"),
        (request, "version", 2, "version"),
        (request, "format", "careledger-reasons", "format"),
        (request, "decides", ["request"], "must be one of request, claim, reversal"),
        (request, "action", "APPROVED", "action"),
        (request, "action", ["DENIED"], "action"),
        (request, "line", 256, "line"),
        (request, "rationale", "0x12", "rationale"),
        (request, "signature", "0x1", "signature"),
        (request, "member", "M-17", "member"),
        (request, "contract", payer.settlement.address, "is another contract than the insurer's"),
        (claim, "status", "LOST", "status"),
        (claim, "claim_line", "0x" + 64 * "9", "is unknown to the settlement"),
        (claim, "prepaid_by", unchanged.patient.address, "is not who the claim named"),
    ]
    for whole, name, value, told in changes:
        with pytest.raises(InvalidInput, match=told):
            parse_review(json.dumps({**whole, name: value}).encode(), payer)
    for content in (b"[]", b"{}", b"- x", b"{"):
        with pytest.raises(CareLedgerError):
            parse_review(content, payer)
    with pytest.raises(WrongChain):
        parse_review(json.dumps({**request, "chain_id": 1}).encode(), payer)


# ---------------------------------------------------------------------- reasons

REASONS = b"""
format: careledger-reasons
version: 1
reasons:
  not-necessary: {number: 4, text: The documents do not show that the service is needed.}
  more-time: {number: 12, text: A specialist is asked.}
"""


def test_reasons_have_numbers_and_words() -> None:
    reasons = parse_reasons(REASONS)
    assert isinstance(reasons, Reasons)
    assert [reasons.number(one) for one in ("not-necessary", "12")] == [4, 12]
    assert reasons.text(12) == "A specialist is asked."
    assert reasons.text(13) == "reason 13"
    with pytest.raises(InvalidInput, match="not-necessary, more-time"):
        reasons.number("other")


@pytest.mark.parametrize(
    "changed",
    [
        (b"number: 12", b"number: 4"),
        (b"number: 12", b"number: 0"),
        (b"number: 12", b"number: 65536"),
        (b"number: 12", b"number: many"),
        (b"more-time", b"More time"),
        (b"careledger-reasons", b"reasons"),
        (b", text: A specialist is asked.", b""),
    ],
)
def test_a_list_of_reasons_that_is_wrong_is_refused(changed: tuple[bytes, bytes]) -> None:
    with pytest.raises(InvalidInput):
        parse_reasons(REASONS.replace(*changed))
