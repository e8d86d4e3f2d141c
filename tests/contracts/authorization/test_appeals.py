"""appeal, and the review of one."""

from __future__ import annotations

import pytest

from ..support import DAY, Reason, chain_time, send, time_of, travel, travel_to
from .claims import RATIONALE
from .conftest import OTHER_REVIEWER, REVIEWER, THIRD_REVIEWER
from .payer import MONEY, UNIT
from .requests import (
    COVERED,
    EXCLUDED,
    HOUR,
    PARTLY,
    REASON,
    REVIEWED,
    STATEMENT,
    TWO_OPINIONS,
    UNKNOWN_AMOUNT,
    UNVERIFIED,
    WIDE,
    Action,
    AppealStatus,
    Basis,
    Line,
    LineStatus,
    approved,
    denied,
    exhausted_in_part,
    modified,
    partial,
    pended,
)

APPEAL_DAYS = 60


def denied_by_person(office):
    request = pended(office)
    office.decide(request, Action.DENIED)
    return request


def partial_by_rules(office):
    """3 of 5 units, for want of more in the period; since then there are more."""
    before = office.submit(Line(PARTLY, 10 * UNIT), Line(PARTLY, 7 * UNIT)).id
    request = office.submit(Line(PARTLY)).id
    office.cancel(before, 1 << 1)
    return request


ADVERSE = {
    "denied by the rules": denied,
    "denied by a person": denied_by_person,
    "in part by the rules": partial_by_rules,
    "in part by a person": partial,
    "modified": modified,
    "exhausted": exhausted_in_part,
}


# ---------------------------------------------------------------------- appeal


@pytest.mark.parametrize("state", ADVERSE)
@pytest.mark.parametrize(("expedited", "seconds"), [(False, 30 * DAY), (True, 72 * HOUR)])
def test_appeal_opens_one(office, state, expedited, seconds):
    request = ADVERSE[state](office)
    before, work = office.state(request), office.under_way()
    travel(20)
    received = chain_time() - 10
    receipt = office.appeal(request, expedited=expedited, received_at=received)
    assert office.events(receipt) == [
        ("LineAppealed", office.provider.id, request, 0, expedited, received, received + seconds, STATEMENT)
    ]
    after = office.state(request)
    assert after.appeal == AppealStatus.OPEN
    assert (after.status, after.sequence, after.milli_units) == (before.status, before.sequence, before.milli_units)
    deliberation = office.deliberation(request)
    assert (deliberation.received_at, deliberation.due_at) == (received, received + seconds)
    assert (deliberation.extended, deliberation.overdue) == (False, False)
    assert office.under_way() == work + (0 if before.is_grant else 1)


def test_appeal_again_changes_nothing(office):
    request = denied(office)
    call = office.appeal_call(request)
    send(office.authorizations.appeal, *call, sender=office.key)
    assert send(office.authorizations.appeal, *call, sender=office.key).logs == []
    assert office.under_way() == 1


def test_appeal_reverts_for_another_decision(office):
    request = denied_by_person(office)
    for sequence in (0, 1, 3):
        call = office.appeal_call(request, sequence=sequence)
        refused = ("PriorAuthorizationOtherDecision", office.provider.id, request, 0, 2)
        assert office.refuses("appeal", *call, sender=office.key) == refused


def test_appeal_reverts_a_second_time(office, other_reviewer_key):
    request = denied_by_person(office)
    at = office.state(request).decided_at
    office.appeal(request)
    office.decide(request, Action.DENIED, key=other_reviewer_key)
    found = office.refuses("appeal", *office.appeal_call(request), sender=office.key)
    assert found == ("PriorAuthorizationNotAppealable", office.provider.id, request, 0, at + APPEAL_DAYS * DAY)


def test_appeal_reverts_once_it_is_too_late(office):
    request = denied(office)
    until = office.state(request).decided_at + APPEAL_DAYS * DAY
    travel_to(until + 1)
    found = office.refuses("appeal", *office.appeal_call(request), sender=office.key)
    assert found == ("PriorAuthorizationNotAppealable", office.provider.id, request, 0, until)


def test_appeal_is_taken_in_its_last_second(office):
    request = denied(office)
    until = office.state(request).decided_at + APPEAL_DAYS * DAY
    travel_to(until)
    call = office.appeal_call(request)
    assert office.authorizations.appeal.call(*call, sender=office.key) is None


def test_appeal_reverts_if_nothing_was_refused(office):
    for bring, status in ((approved, LineStatus.APPROVED), (pended, LineStatus.PENDED)):
        request = bring(office)
        found = office.refuses("appeal", *office.appeal_call(request), sender=office.key)
        assert found == office.forbidden(request, status)


def test_appeal_takes_a_receipt_within_the_window_only(office):
    request = denied(office)
    travel(2 * DAY)
    now = chain_time()
    for received_at in (now + 1, now - DAY - 1):
        call = office.appeal_call(request, received_at=received_at)
        refused = ("PriorAuthorizationReceiptOutOfRange", received_at, now - DAY, now)
        assert office.refuses("appeal", *call, sender=office.key) == refused


def test_appeal_reverts_if_it_was_received_before_the_decision(office):
    """Else an expedited appeal could be overdue when it comes in."""
    request = denied(office)
    decided_at = office.state(request).decided_at
    travel(HOUR)
    call = office.appeal_call(request, received_at=decided_at - 1)
    refused = ("PriorAuthorizationReceiptOutOfRange", decided_at - 1, decided_at, chain_time())
    assert office.refuses("appeal", *call, sender=office.key) == refused
    office.appeal(request, received_at=decided_at)


def test_appeal_is_for_the_provider_alone(office, laboratory_office, stranger):
    request = denied(office)
    call = office.appeal_call(request)
    found = office.refuses("appeal", *call, sender=laboratory_office.key)
    assert found == laboratory_office.unknown(request)
    found = office.refuses("appeal", *call, sender=stranger)
    assert found == ("OrganizationRegistryUnknownKey", stranger.address)


def test_appeal_is_open_to_a_provider_that_is_suspended(office, registry, registrar, hospital, other_reviewer_key):
    """What was begun is finished: it still supplies, appeals and cancels."""
    asked, refused = pended(office), denied(office)
    office.ask(asked)
    send(registry.suspend, hospital.id, Reason.REGULATOR_ORDER, sender=registrar)
    office.supply(asked)
    office.appeal(refused)
    office.decide(refused, Action.MODIFIED, 5 * UNIT, 1, key=other_reviewer_key)
    office.cancel(asked)
    assert [office.status(request) for request in (asked, refused)] == [LineStatus.CANCELLED, LineStatus.MODIFIED]


# ---------------------------------------------------------------------- the decision


@pytest.mark.parametrize("state", ADVERSE)
def test_review_of_an_appeal_upholds(office, other_reviewer_key, state):
    request = ADVERSE[state](office)
    before, work, balance = office.state(request), office.under_way(), office.balance(REVIEWED)
    office.appeal(request)
    receipt = office.decide(request, Action.DENIED, key=other_reviewer_key)
    assert office.events(receipt) == [
        (
            "AppealDecided",
            office.provider.id,
            request,
            0,
            AppealStatus.UPHELD,
            REASON,
            other_reviewer_key.address,
            OTHER_REVIEWER,
            RATIONALE,
        )
    ]
    after = office.state(request)
    assert (after.status, after.action, after.appeal) == (before.status, before.action, AppealStatus.UPHELD)
    assert (after.milli_units, after.amount) == (before.milli_units, before.amount)
    assert after.sequence == before.sequence + 1
    assert office.deliberation(request).reviewer == OTHER_REVIEWER
    assert (office.under_way(), office.balance(REVIEWED)) == (work, balance)


@pytest.mark.parametrize("state", ADVERSE)
def test_review_of_an_appeal_overturns(office, other_reviewer_key, state):
    """What is granted is added to what a grant has left."""
    request = ADVERSE[state](office)
    before = office.state(request)
    office.appeal(request)
    reserved, used = office.balance(before.benefit_class)
    receipt = office.decide(request, Action.IN_FULL, 5 * UNIT, 500 * MONEY, key=other_reviewer_key)
    names = [event[0] for event in office.events(receipt)]
    assert names == ["AppealDecided", "LineDecided"]
    assert office.events(receipt)[0][4] == AppealStatus.OVERTURNED
    decision = office.decisions(receipt)[0]
    assert (decision.basis, decision.sequence, decision.reviewer) == (
        Basis.APPEAL,
        before.sequence + 1,
        OTHER_REVIEWER,
    )
    after = office.state(request)
    assert after.is_grant
    assert after.appeal == AppealStatus.OVERTURNED
    denied_before = before.status == LineStatus.DENIED
    left = (0, 0) if denied_before else (before.milli_units, before.amount)
    assert (after.milli_units, after.amount) == (left[0] + 5 * UNIT, left[1] + 500 * MONEY)
    assert (decision.milli_units, decision.amount) == (after.milli_units, after.amount)
    assert office.balance(before.benefit_class) == (reserved + 5 * UNIT, used)


def test_review_of_an_appeal_by_who_decided_reverts(office, second_key_of_reviewer):
    request = denied_by_person(office)
    office.appeal(request)
    refused = ("PriorAuthorizationSameReviewer", REVIEWER)
    for key in (office.reviewer_key, second_key_of_reviewer):
        for action in (Action.DENIED, Action.IN_FULL):
            assert office.refuses("review", *office.review(request, action, key=key)) == refused


def test_review_of_an_appeal_takes_a_third_after_two_opinions(office, other_reviewer_key, third_reviewer_key):
    request = office.submit(Line(TWO_OPINIONS)).id
    office.decide(request, Action.DENIED)
    office.decide(request, Action.DENIED, key=other_reviewer_key)
    office.appeal(request)
    for key, reviewer in ((office.reviewer_key, REVIEWER), (other_reviewer_key, OTHER_REVIEWER)):
        found = office.refuses("review", *office.review(request, Action.DENIED, key=key))
        assert found == ("PriorAuthorizationSameReviewer", reviewer)
    office.decide(request, Action.DENIED, key=third_reviewer_key)
    state = office.state(request)
    assert (state.status, state.appeal) == (LineStatus.DENIED, AppealStatus.UPHELD)
    assert office.deliberation(request).reviewer == THIRD_REVIEWER


def test_review_of_an_appeal_takes_one_person_also_where_two_decide(office, other_reviewer_key, third_reviewer_key):
    request = office.submit(Line(TWO_OPINIONS)).id
    office.decide(request, Action.DENIED)
    office.decide(request, Action.DENIED, key=other_reviewer_key)
    office.appeal(request)
    office.decide(request, Action.IN_PART, UNIT, 1, key=third_reviewer_key)
    assert office.status(request) == LineStatus.PARTIAL


@pytest.mark.parametrize("row", [(Action.DENIED,), (Action.MODIFIED, 4 * UNIT, 400 * MONEY)])
@pytest.mark.parametrize("state", ["denied by the rules", "in part by a person", "exhausted"])
def test_review_of_an_appeal_again_changes_nothing(office, other_reviewer_key, state, row):
    request = ADVERSE[state](office)
    office.appeal(request)
    benefit_class = office.state(request).benefit_class
    signed = office.review(request, *row, key=other_reviewer_key)
    send(office.authorizations.review, *signed, sender=office.sender)
    before = office.state(request), office.balance(benefit_class), office.under_way()
    assert send(office.authorizations.review, *signed, sender=office.sender).logs == []
    assert (office.state(request), office.balance(benefit_class), office.under_way()) == before


def test_review_of_an_appeal_reverts_once_it_is_decided(office, other_reviewer_key, third_reviewer_key):
    """Not twice, and not by another."""
    request = partial(office)
    office.appeal(request)
    signed = office.review(request, Action.MODIFIED, 5 * UNIT, 1_000 * MONEY, key=third_reviewer_key)
    office.decide(request, Action.DENIED, key=other_reviewer_key)
    refused = ("PriorAuthorizationOtherDecision", office.provider.id, request, 0, 3)
    assert office.refuses("review", *signed) == refused
    found = office.refuses("review", *office.review(request, Action.DENIED, key=third_reviewer_key))
    assert found == office.forbidden(request, LineStatus.PARTIAL)


def test_review_of_an_appeal_is_not_doubled_by_a_draw_before_it(office, other_reviewer_key):
    """Who sees the review come can draw what is left; what the review adds stays the same."""
    request = partial(office)
    office.appeal(request)
    reserved, used = office.balance(REVIEWED)
    units, amount = office.left(request)
    signed = office.review(request, Action.IN_FULL, 2 * UNIT, 200 * MONEY, key=other_reviewer_key)
    office.draw(request, units, amount)
    send(office.authorizations.review, *signed, sender=office.key)
    assert office.left(request) == (2 * UNIT, 200 * MONEY)
    assert office.balance(REVIEWED) == (reserved - units + 2 * UNIT, used + units)


@pytest.mark.parametrize("state", ["in part by a person", "modified"])
def test_review_of_an_appeal_takes_nothing_away(office, other_reviewer_key, state):
    request = ADVERSE[state](office)
    office.appeal(request)
    units, amount = office.left(request)
    found = office.refuses("review", *office.review(request, Action.MODIFIED, 0, 1, key=other_reviewer_key))
    assert found == ("PriorAuthorizationInvalidGrant", Action.MODIFIED, REVIEWED, 0, 1)
    office.decide(request, Action.MODIFIED, 1, 0, key=other_reviewer_key)
    assert office.left(request) == (units + 1, amount)


def test_review_of_an_appeal_of_a_denial_grants_what_its_action_means(office, other_reviewer_key):
    request = denied_by_person(office)
    office.appeal(request)
    rows = [
        (Action.IN_FULL, 4 * UNIT, 500 * MONEY),
        (Action.IN_FULL, 5 * UNIT, 499 * MONEY),
        (Action.IN_PART, 6 * UNIT, 500 * MONEY),
        (Action.IN_PART, 5 * UNIT, 500 * MONEY),
        (Action.IN_PART, 0, 0),
        (Action.NONE, 5 * UNIT, 1),
        (Action.PENDED, 5 * UNIT, 1),
        (Action.NOT_REQUIRED, 5 * UNIT, 1),
        (Action.DENIED, 1, 0),
    ]
    for row in rows:
        found = office.refuses("review", *office.review(request, *row, key=other_reviewer_key))
        assert found == ("PriorAuthorizationInvalidGrant", row[0], REVIEWED, *row[1:])
    office.decide(request, Action.IN_PART, 4 * UNIT, 500 * MONEY, key=other_reviewer_key)
    assert office.status(request) == LineStatus.PARTIAL


def test_review_of_an_appeal_modifies_the_class_of_a_denial_only(office, other_reviewer_key):
    """Units of a grant that were drawn stay those of its class."""
    for bring in (partial, exhausted_in_part):
        request = bring(office)
        office.appeal(request)
        signed = office.review(
            request, Action.MODIFIED, 5 * UNIT, 500 * MONEY, benefit_class=WIDE, key=other_reviewer_key
        )
        found = office.refuses("review", *signed)
        assert found == ("PriorAuthorizationInvalidGrant", Action.MODIFIED, WIDE, 5 * UNIT, 500 * MONEY)
    request = denied(office)
    office.appeal(request)
    office.decide(request, Action.MODIFIED, benefit_class=COVERED, key=other_reviewer_key)
    assert (office.state(request).benefit_class, office.left(request)) == (COVERED, (5 * UNIT, 500 * MONEY))
    assert (office.balance(EXCLUDED), office.balance(COVERED)) == ((0, 0), (5 * UNIT, 0))


def test_review_of_an_appeal_reverts_over_the_periods_limit(office, other_reviewer_key):
    request = partial(office)
    held, _ = office.left(request)
    office.decide(office.submit(Line(REVIEWED, 15 * UNIT)).id)
    office.appeal(request)
    room = 5 * UNIT - held
    signed = office.review(request, Action.MODIFIED, room + 1, 600 * MONEY, key=other_reviewer_key)
    found = office.refuses("review", *signed)
    assert found == ("PriorAuthorizationOverPeriodLimit", REVIEWED, room + 1, 15 * UNIT + held, 20 * UNIT)
    office.decide(request, Action.MODIFIED, room, 600 * MONEY, key=other_reviewer_key)
    assert office.balance(REVIEWED) == (20 * UNIT, 0)


def test_review_of_an_appeal_grants_to_no_unverified_member(office, other_reviewer_key):
    request = office.submit(Line(REVIEWED), eligibility=UNVERIFIED).id
    office.decide(request, Action.DENIED)
    office.appeal(request)
    signed = office.review(request, key=other_reviewer_key, milli_units=5 * UNIT, amount=500 * MONEY)
    assert office.refuses("review", *signed)[0] == "PriorAuthorizationCoverageUnverified"


def test_review_of_an_appeal_counts_for_no_gold_card(office, other_reviewer_key):
    """It is the second look at one service."""
    from .requests import GOLD

    requests = [office.submit(Line(GOLD, UNIT, 1)).id for _ in range(4)]
    for request in requests[:3]:
        office.decide(request)
    office.decide(requests[3], Action.DENIED)
    office.appeal(requests[3])
    office.decide(requests[3], key=other_reviewer_key)
    travel(10 * DAY)
    assert office.authorizations.hasGoldCard(office.provider.id, office.version, GOLD)


def test_grant_can_be_used_while_an_appeal_is_open(office, other_reviewer_key):
    request = partial(office)
    office.appeal(request)
    office.draw(request, 1 * UNIT, 100 * MONEY)
    assert office.left(request) == (2 * UNIT, 200 * MONEY)
    office.draw(request, 2 * UNIT, 200 * MONEY)
    state = office.state(request)
    assert (state.status, state.appeal) == (LineStatus.EXHAUSTED, AppealStatus.OPEN)
    assert office.under_way() == 1
    office.decide(request, Action.IN_PART, 2 * UNIT, 200 * MONEY, key=other_reviewer_key)
    assert office.balance(REVIEWED) == (2 * UNIT, 3 * UNIT)
    assert (office.status(request), office.under_way()) == (LineStatus.PARTIAL, 1)


def test_appeal_of_an_exhausted_grant_that_is_upheld_ends_the_work(office, other_reviewer_key):
    request = exhausted_in_part(office)
    office.appeal(request)
    assert office.under_way() == 1
    office.decide(request, Action.DENIED, key=other_reviewer_key)
    assert office.under_way() == 0
    office.put_back(request, 1 * UNIT, 1)
    assert (office.status(request), office.under_way()) == (LineStatus.PARTIAL, 1)


def test_review_of_an_appeal_knows_unknown_amounts(office, other_reviewer_key):
    request = office.submit(Line(REVIEWED, amount=UNKNOWN_AMOUNT)).id
    office.decide(request, Action.MODIFIED, 2 * UNIT, UNKNOWN_AMOUNT)
    at = time_of(office.appeal(request))
    assert office.state(request).decided_at <= at
    office.decide(request, Action.MODIFIED, 3 * UNIT, 10**12, key=other_reviewer_key)
    assert office.left(request) == (5 * UNIT, UNKNOWN_AMOUNT)
