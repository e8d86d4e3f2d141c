"""extendDeadline and markOverdue."""

from __future__ import annotations

import pytest

from ..support import DAY, chain_time, next_block_at, send, time_of, travel, travel_to
from .payer import MONEY, UNIT, Flag, rule, terms
from .requests import (
    HOUR,
    NEEDED,
    OVERDUE_APPROVES,
    REASON,
    REVIEWED,
    UNVERIFIED,
    Action,
    AppealStatus,
    Basis,
    Line,
    LineStatus,
    denied,
    information_requested,
    partial,
    pended,
)


def not_overdue(office, request, due_at):
    return "PriorAuthorizationNotOverdue", office.provider.id, request, 0, due_at


def due(office, request):
    return office.deliberation(request).due_at


# ---------------------------------------------------------------------- extendDeadline


@pytest.mark.parametrize("expedited", [False, True])
@pytest.mark.parametrize("asked", [False, True])
def test_extend_deadline_takes_14_days_from_receipt(office, expedited, asked):
    received = chain_time() - HOUR
    request = office.submit(Line(REVIEWED), expedited=expedited, received_at=received).id
    if asked:
        office.ask(request)
    receipt = office.extend(request)
    assert office.events(receipt) == [
        ("DeadlineExtended", office.provider.id, request, 0, received + 14 * DAY, REASON),
    ]
    deliberation = office.deliberation(request)
    assert (deliberation.due_at, deliberation.extended) == (received + 14 * DAY, True)
    assert (deliberation.received_at, deliberation.overdue) == (received, False)


def test_extend_deadline_twice_reverts(office):
    request = pended(office)
    office.extend(request)
    found = office.refuses("extendDeadline", office.provider.id, request, 0, REASON, sender=office.insurer_key)
    assert found == ("PriorAuthorizationNotExtendable", office.provider.id, request, 0, due(office, request))


def test_extend_deadline_reverts_once_the_line_is_due(office):
    request = pended(office)
    due_at = due(office, request)
    call = office.provider.id, request, 0, REASON
    travel_to(due_at)
    office.authorizations.extendDeadline.call(*call, sender=office.insurer_key)
    travel_to(due_at + 1)
    found = office.refuses("extendDeadline", *call, sender=office.insurer_key)
    assert found == ("PriorAuthorizationNotExtendable", office.provider.id, request, 0, due_at)


def test_extend_deadline_reverts_without_a_reason(office):
    call = office.provider.id, pended(office), 0, 0
    found = office.refuses("extendDeadline", *call, sender=office.insurer_key)
    assert found == ("PriorAuthorizationReasonMissing",)


def test_extend_deadline_reverts_for_an_appeal(office):
    request = denied(office)
    office.appeal(request)
    found = office.refuses("extendDeadline", office.provider.id, request, 0, REASON, sender=office.insurer_key)
    assert found == office.forbidden(request, LineStatus.DENIED)


# ---------------------------------------------------------------------- markOverdue


@pytest.mark.parametrize(
    ("expedited", "extended", "seconds"), [(False, False, 7 * DAY), (True, False, 72 * HOUR), (True, True, 14 * DAY)]
)
def test_mark_overdue_marks_what_was_not_decided_in_time(office, expedited, extended, seconds):
    received = chain_time()
    request = office.submit(Line(REVIEWED), expedited=expedited, received_at=received).id
    if extended:
        office.extend(request)
    travel_to(received + seconds)
    found = office.refuses("markOverdue", office.provider.id, request, 0)
    assert found == not_overdue(office, request, received + seconds)
    travel_to(received + seconds + 1)
    receipt = office.mark_overdue(request)
    assert office.events(receipt) == [("LineOverdue", office.provider.id, request, 0, received + seconds)]
    assert office.status(request) == LineStatus.PENDED
    assert office.deliberation(request).overdue
    assert office.under_way() == 1


def test_mark_overdue_twice_reverts(office):
    request = pended(office)
    travel_to((due_at := due(office, request)) + 1)
    office.mark_overdue(request)
    found = office.refuses("markOverdue", office.provider.id, request, 0)
    assert found == not_overdue(office, request, due_at)
    office.decide(request)
    assert office.status(request) == LineStatus.APPROVED


def test_mark_overdue_does_not_stop_the_clock_for_information(office):
    request = information_requested(office)
    travel_to(due(office, request) + 1)
    office.mark_overdue(request)
    assert office.status(request) == LineStatus.INFORMATION_REQUESTED
    office.supply(request)
    assert office.deliberation(request).overdue


@pytest.mark.parametrize("bring", [denied, partial])
@pytest.mark.parametrize(("expedited", "seconds"), [(False, 30 * DAY), (True, 72 * HOUR)])
def test_mark_overdue_marks_an_appeal_and_grants_nothing(office, bring, expedited, seconds):
    request = bring(office)
    before = office.state(request)
    travel(10)
    office.appeal(request, expedited=expedited, received_at=(received := chain_time()))
    travel_to(received + seconds)
    found = office.refuses("markOverdue", office.provider.id, request, 0)
    assert found == not_overdue(office, request, received + seconds)
    travel_to(received + seconds + 1)
    office.mark_overdue(request)
    after = office.state(request)
    assert (after.status, after.appeal, after.sequence) == (before.status, AppealStatus.OPEN, before.sequence)


def test_mark_overdue_marks_an_appeal_after_the_line_itself(office, other_reviewer_key):
    request = pended(office)
    travel_to(due(office, request) + 1)
    office.mark_overdue(request)
    office.decide(request, Action.DENIED)
    office.appeal(request, expedited=True)
    assert not office.deliberation(request).overdue
    travel_to(due(office, request) + 1)
    office.mark_overdue(request)
    assert office.deliberation(request).overdue


def test_mark_overdue_never_approves_an_appeal(office, other_reviewer_key):
    request = office.submit(Line(OVERDUE_APPROVES)).id
    office.decide(request, Action.DENIED)
    office.appeal(request, expedited=True)
    travel_to(due(office, request) + 1)
    receipt = office.mark_overdue(request)
    assert [event[0] for event in office.events(receipt)] == ["LineOverdue"]
    assert office.status(request) == LineStatus.DENIED


@pytest.mark.parametrize("asked", [False, True])
def test_mark_overdue_approves_if_the_rule_says_so(office, asked):
    """Also while information is asked for: the clock runs on, and the insurer could have denied. What a reviewer signed
    before decides nothing any more."""
    request = office.submit(Line(OVERDUE_APPROVES)).id
    if asked:
        office.ask(request)
    late = office.review(request, Action.DENIED)
    travel_to(due(office, request) + HOUR)
    receipt = office.mark_overdue(request)
    decision = office.decisions(receipt)[0]
    assert (decision.action, decision.basis, decision.sequence) == (Action.IN_FULL, Basis.OVERDUE, 2)
    assert (decision.milli_units, decision.amount) == (5 * UNIT, 500 * MONEY)
    assert decision.valid_to == decision.valid_from + 89
    state = office.state(request)
    assert (state.status, state.action, state.decided_at) == (LineStatus.APPROVED, Action.IN_FULL, time_of(receipt))
    assert office.balance(OVERDUE_APPROVES) == (5 * UNIT, 0)
    assert office.under_way() == 1
    found = office.refuses("markOverdue", office.provider.id, request, 0)
    assert found == office.forbidden(request, LineStatus.APPROVED)
    found = office.refuses("review", *late)
    assert found == ("PriorAuthorizationOtherDecision", office.provider.id, request, 0, 2)


def test_mark_overdue_approves_not_more_than_the_period_leaves(office):
    """It waits for a person, or for units that come free."""
    first = office.submit(Line(OVERDUE_APPROVES, 18 * UNIT)).id
    office.decide(first)
    request = office.submit(Line(OVERDUE_APPROVES)).id
    travel_to((due_at := due(office, request)) + HOUR)
    receipt = office.mark_overdue(request)
    assert [event[0] for event in office.events(receipt)] == ["LineOverdue"]
    found = office.refuses("markOverdue", office.provider.id, request, 0)
    assert found == not_overdue(office, request, due_at)
    office.cancel(first)
    receipt = office.mark_overdue(request)
    assert [event[0] for event in office.events(receipt)] == ["LineDecided"]
    assert office.status(request) == LineStatus.APPROVED


def test_mark_overdue_approves_for_no_unverified_member(office):
    """Whoever marks it first takes nothing: it is approved once the member is named."""
    request = office.submit(Line(OVERDUE_APPROVES), eligibility=UNVERIFIED).id
    travel_to((due_at := due(office, request)) + HOUR)
    office.mark_overdue(request)
    assert office.status(request) == LineStatus.PENDED
    found = office.refuses("markOverdue", office.provider.id, request, 0)
    assert found == not_overdue(office, request, due_at)
    send(office.authorizations.verifyCoverage, office.provider.id, request, office.eligibility(), sender=office.key)
    office.mark_overdue(request)
    assert office.status(request) == LineStatus.APPROVED


def test_mark_overdue_approves_nothing_by_a_backdated_receipt(office, put_in_force):
    """A provider states the receipt. Backdated as far as the window allows, an expedited request would be overdue, and
    approved, before anybody could see it: the insurer has its time from when it came in."""
    acting = put_in_force(
        terms(receipt_window=7 * DAY), (rule(OVERDUE_APPROVES, flags=NEEDED | Flag.NO_AUTO | Flag.APPROVE_OVERDUE),)
    )
    received = chain_time() - 6 * DAY
    sent = acting.submit(Line(OVERDUE_APPROVES), received_at=received, expedited=True)
    arrived = time_of(sent.receipt)
    assert sent.decision.due_at == received + 3 * DAY < arrived
    receipt = acting.mark_overdue(sent.id)
    assert [event[0] for event in acting.events(receipt)] == ["LineOverdue"]
    assert acting.status(sent.id) == LineStatus.PENDED
    travel_to(arrived + 3 * DAY)
    found = acting.refuses("markOverdue", acting.provider.id, sent.id, 0)
    assert found == not_overdue(acting, sent.id, received + 3 * DAY)
    next_block_at(arrived + 3 * DAY + 1)
    acting.mark_overdue(sent.id)
    assert acting.status(sent.id) == LineStatus.APPROVED


def test_mark_overdue_reverts_if_the_line_is_unknown(office):
    request = office.request_id()
    assert office.refuses("markOverdue", office.provider.id, request, 0) == office.unknown(request)
