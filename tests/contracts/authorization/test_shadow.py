"""Shadow versions: decisions are recorded, bind nobody and use no real units."""

from __future__ import annotations

import pytest

from .claims import MEMBER, today
from .payer import MONEY, UNIT, terms
from .requests import (
    COVERED,
    EXCLUDED,
    REVIEWED,
    Action,
    Basis,
    Line,
    LineStatus,
    shadow_of,
)


@pytest.fixture
def shadow(put_in_force):
    """The office under a shadow version."""
    return put_in_force(terms(shadow=True))


def test_shadow_decides_and_counts_apart(office, shadow):
    sent = shadow.submit(Line(), Line(REVIEWED), Line(EXCLUDED))
    assert [decision.brief() for decision in sent.decisions] == [
        (Action.IN_FULL, Basis.WITHIN_RULES),
        (Action.PENDED, Basis.REVIEW_REQUIRED),
        (Action.DENIED, Basis.CONTRACT_EXCLUSION),
    ]
    assert office.events(sent.receipt)[0][8] is True
    state = shadow.state(sent.id)
    assert (state.shadow, state.member) == (True, MEMBER)
    assert office.balance() == (0, 0)
    assert office.balance(member=shadow_of(MEMBER)) == (5 * UNIT, 0)


def test_shadow_has_limits_of_its_own(shadow):
    shadow.submit(Line(milli_units=10 * UNIT), Line(milli_units=10 * UNIT))
    assert shadow.submit().decision.basis == Basis.UNITS_OVER_PERIOD_LIMIT


def test_shadow_grants_cannot_be_drawn(shadow):
    request = shadow.submit().id
    call = shadow.provider.id, request, 0, today(), UNIT, 1
    found = shadow.refuses("draw", *call, sender=shadow.settlement)
    assert found == ("PriorAuthorizationNotDrawable", shadow.provider.id, request, 0, UNIT, 1, today())


@pytest.mark.parametrize("how", ["cancelled", "superseded"])
def test_shadow_units_are_given_back_to_the_shadow(office, shadow, how):
    request = shadow.submit().id
    if how == "cancelled":
        shadow.cancel(request)
    else:
        shadow.update(request, (0, Line(REVIEWED)))
    assert office.balance(member=shadow_of(MEMBER)) == (0, 0)
    assert office.balance() == (0, 0)


def test_shadow_reviews_and_appeals_count_apart(office, shadow, other_reviewer_key):
    request = shadow.submit(Line(REVIEWED)).id
    shadow.decide(request, Action.IN_PART, 2 * UNIT, 100 * MONEY)
    assert office.balance(REVIEWED, shadow_of(MEMBER)) == (2 * UNIT, 0)
    shadow.appeal(request)
    shadow.decide(request, Action.MODIFIED, 2 * UNIT, 300 * MONEY, key=other_reviewer_key)
    assert office.balance(REVIEWED, shadow_of(MEMBER)) == (4 * UNIT, 0)
    assert office.balance(REVIEWED) == (0, 0)


def test_shadow_of_a_live_request_leaves_its_lines_real(office, put_in_force):
    """A shadow version takes over while lines of a live one are open: each gives back what it took."""
    request = office.submit(Line(), Line(REVIEWED)).id
    shadow = put_in_force(terms(shadow=True))
    shadow.update(request, (0, Line(milli_units=2 * UNIT)))
    assert office.balance() == (0, 0)
    assert office.balance(member=shadow_of(MEMBER)) == (2 * UNIT, 0)
    office.decide(request, line=1)
    assert office.balance(REVIEWED) == (5 * UNIT, 0)
    assert [office.state(request, line).shadow for line in range(3)] == [False, False, True]
    live = put_in_force()
    live.update(request, (2, Line()))
    assert office.balance(member=shadow_of(MEMBER)) == (0, 0)
    assert office.balance(COVERED) == (5 * UNIT, 0)
    assert office.status(request, 3) == LineStatus.APPROVED
