"""draw, putBack, expire and setSettlement."""

from __future__ import annotations

import pytest

from ..support import DAY, ZERO, send, travel_to
from .claims import today
from .payer import MONEY, UNIT, rule
from .requests import (
    COVERED,
    REVIEWED,
    UNKNOWN_AMOUNT,
    Action,
    Line,
    LineStatus,
    appealed,
    approved,
    cancelled,
    exhausted,
    expired,
    modified,
    partial,
    superseded,
)

FILING_DAYS = 90


def not_drawable(office, request, milli_units, amount, day):
    return "PriorAuthorizationNotDrawable", office.provider.id, request, 0, milli_units, amount, day


# ---------------------------------------------------------------------- grantOf


def test_grant_is_the_line_in_one_word(office):
    request = approved(office)
    held = office.state(request)
    record, member, period = office.authorizations.grantOf(office.provider.id, request, 0)
    assert (bytes(member), period) == (held.member, held.period)
    fields = {48: held.version, 64: held.benefit_class, 184: held.valid_from, 200: held.valid_to}
    assert {shift: record >> shift & 0xFFFF for shift in fields} == fields
    assert record & 0xFF == held.status
    assert (record >> 80 & (1 << 40) - 1, record >> 120 & (1 << 64) - 1) == office.left(request)
    assert tuple(office.authorizations.grantOf(office.provider.id, request, 1)) == (0, bytes(16), 0)


# ---------------------------------------------------------------------- draw


def test_draw_takes_units_and_amount(office):
    request = approved(office)
    receipt = office.draw(request, 2 * UNIT, 150 * MONEY)
    assert office.events(receipt) == [("GrantChanged", office.provider.id, request, 0, 3 * UNIT, 350 * MONEY)]
    assert office.left(request) == (3 * UNIT, 350 * MONEY)
    assert office.status(request) == LineStatus.APPROVED
    assert office.balance() == (3 * UNIT, 2 * UNIT)


@pytest.mark.parametrize("bring", [approved, partial, modified])
def test_draw_of_all_units_exhausts(office, bring):
    """Whatever amount is left."""
    request = bring(office)
    units, amount = office.left(request)
    receipt = office.draw(request, units, 1)
    assert office.events(receipt) == [("GrantChanged", office.provider.id, request, 0, 0, amount - 1)]
    assert office.status(request) == LineStatus.EXHAUSTED
    assert office.under_way() == 0


def test_draw_of_all_the_amount_leaves_units(office):
    request = approved(office)
    office.draw(request, 1, 500 * MONEY)
    assert (office.left(request), office.status(request)) == ((5 * UNIT - 1, 0), LineStatus.APPROVED)
    day = today()
    call = office.provider.id, request, 0, day, 1, 1
    assert office.refuses("draw", *call, sender=office.settlement) == not_drawable(office, request, 1, 1, day)
    office.draw(request, 1, 0)


def test_draw_on_an_unknown_amount_takes_any(office):
    request = office.submit(Line(amount=UNKNOWN_AMOUNT)).id
    office.decide(request, amount=UNKNOWN_AMOUNT)
    office.draw(request, UNIT, UNKNOWN_AMOUNT - 1)
    assert office.left(request) == (4 * UNIT, UNKNOWN_AMOUNT)
    office.put_back(request, UNIT, UNKNOWN_AMOUNT - 1)
    assert office.left(request) == (5 * UNIT, UNKNOWN_AMOUNT)


def test_draw_reverts_beyond_what_is_left(office):
    request = approved(office)
    day = today()
    rows = [(5 * UNIT + 1, 0), (1, 500 * MONEY + 1), (2**40 - 1, 0), (0, 2**64 - 1)]
    for units, amount in rows:
        found = office.refuses("draw", office.provider.id, request, 0, day, units, amount, sender=office.settlement)
        assert found == not_drawable(office, request, units, amount, day)


def test_draw_is_for_services_within_the_validity(office):
    first = today()
    request = approved(office)
    for day in (0, first - 1, first + 90, 2**16 - 1):
        found = office.refuses("draw", office.provider.id, request, 0, day, 1, 1, sender=office.settlement)
        assert found == not_drawable(office, request, 1, 1, day)
    office.draw(request, 1, 1, day=first)
    office.draw(request, 1, 1, day=first + 89)


def test_draw_reverts_for_all_but_the_settlement(office):
    request = approved(office)
    for caller in (office.sender, office.key, office.insurer_key):
        refused = ("PriorAuthorizationNotTheSettlement", caller.address, office.settlement.address)
        assert office.refuses("draw", office.provider.id, request, 0, today(), 1, 1, sender=caller) == refused
        assert office.refuses("putBack", office.provider.id, request, 0, 1, 1, sender=caller) == refused


# ---------------------------------------------------------------------- putBack


def test_put_back_fills_a_grant(office):
    request = approved(office)
    office.draw(request, 3 * UNIT, 300 * MONEY)
    receipt = office.put_back(request, 2 * UNIT, 200 * MONEY)
    assert office.events(receipt) == [("GrantChanged", office.provider.id, request, 0, 4 * UNIT, 400 * MONEY)]
    assert office.balance() == (4 * UNIT, 1 * UNIT)
    assert office.under_way() == 1


@pytest.mark.parametrize(
    ("bring", "status"),
    [(approved, LineStatus.APPROVED), (partial, LineStatus.PARTIAL), (modified, LineStatus.MODIFIED)],
)
def test_put_back_reopens_an_exhausted_grant(office, bring, status):
    request = bring(office)
    units, amount = office.left(request)
    office.draw(request, units, amount)
    office.put_back(request, 1, 1)
    assert (office.status(request), office.left(request)) == (status, (1, 1))
    assert office.under_way() == 1


@pytest.mark.parametrize("end", ["cancelled", "superseded", "expired"])
def test_put_back_frees_the_units_of_a_grant_that_has_ended(office, end):
    request = approved(office)
    office.draw(request, 3 * UNIT, 1)
    if end == "cancelled":
        office.cancel(request)
    elif end == "superseded":
        office.update(request, (0, Line(REVIEWED)))
    else:
        travel_to((today() + 90 + FILING_DAYS) * DAY)
        office.expire(request)
    work, state = office.under_way(), office.state(request)
    assert office.balance() == (0, 3 * UNIT)
    receipt = office.put_back(request, 3 * UNIT, 1)
    assert office.events(receipt) == []
    assert office.balance() == (0, 0)
    assert (office.under_way(), office.state(request)) == (work, state)


def test_put_back_of_an_exhausted_line_that_was_superseded_frees_its_units(office):
    request = exhausted(office)
    office.update(request, (0, Line(REVIEWED)))
    office.put_back(request, 5 * UNIT, 1)
    assert office.balance() == (0, 0)
    assert office.status(request) == LineStatus.SUPERSEDED


def test_put_back_reverts_beyond_what_was_used(office):
    from .claims import MEMBER, PERIOD

    request = approved(office)
    office.draw(request, 1 * UNIT)
    found = office.refuses("putBack", office.provider.id, request, 0, UNIT + 1, 0, sender=office.settlement)
    assert found == ("UnitLedgerNotReserved", MEMBER, PERIOD, COVERED, UNIT + 1, UNIT)


def test_put_back_reverts_if_the_line_is_unknown(office):
    request = office.request_id()
    found = office.refuses("putBack", office.provider.id, request, 0, 1, 1, sender=office.settlement)
    assert found == office.unknown(request)


def test_put_back_never_fails_for_an_amount(office, other_reviewer_key):
    """After an appeal a grant's amount may leave no room for what was drawn before: it stays the largest known."""
    request = partial(office)
    office.draw(request, UNIT, 300 * MONEY)
    office.appeal(request)
    office.decide(request, Action.MODIFIED, 2 * UNIT, UNKNOWN_AMOUNT - 2, key=other_reviewer_key)
    office.put_back(request, UNIT, 300 * MONEY)
    assert office.left(request) == (5 * UNIT, UNKNOWN_AMOUNT - 1)


def test_put_back_leaves_an_open_appeal(office, other_reviewer_key):
    request = partial(office)
    office.draw(request, 3 * UNIT)
    office.appeal(request)
    work = office.under_way()
    office.put_back(request, 1 * UNIT)
    assert (office.status(request), office.under_way()) == (LineStatus.PARTIAL, work)
    office.decide(request, Action.DENIED, key=other_reviewer_key)
    assert office.under_way() == work


# ---------------------------------------------------------------------- expire


def test_expire_gives_back_what_no_claim_can_use(office):
    request = approved(office)
    office.draw(request, 2 * UNIT)
    last = office.state(request).valid_to + FILING_DAYS
    travel_to((last + 1) * DAY - 1)
    found = office.refuses("expire", office.provider.id, request, 0)
    assert found == ("PriorAuthorizationNotExpired", office.provider.id, request, 0, last)
    travel_to((last + 1) * DAY)
    receipt = office.expire(request)
    assert office.events(receipt) == [("GrantExpired", office.provider.id, request, 0, 3 * UNIT)]
    assert office.status(request) == LineStatus.EXPIRED
    assert office.balance() == (0, 2 * UNIT)
    assert office.under_way() == 0


def test_expire_twice_reverts(office):
    request = expired(office)
    found = office.refuses("expire", office.provider.id, request, 0)
    assert found == office.forbidden(request, LineStatus.EXPIRED)


def test_expire_waits_for_an_open_appeal(office, other_reviewer_key):
    request = appealed(partial)(office)
    travel_to((today() + 400) * DAY)
    found = office.refuses("expire", office.provider.id, request, 0)
    assert found == office.forbidden(request, LineStatus.PARTIAL)
    office.decide(request, Action.DENIED, key=other_reviewer_key)
    office.expire(request)
    assert office.under_way() == 0


def test_expire_goes_by_the_lines_own_version(office, put_in_force):
    request = approved(office)
    put_in_force(rules=(rule(COVERED, filing_days=1),))
    travel_to((office.state(request).valid_to + 3) * DAY)
    found = office.refuses("expire", office.provider.id, request, 0)
    assert found[0] == "PriorAuthorizationNotExpired"


def test_expire_reverts_for_what_is_no_grant(office):
    for bring, status in ((cancelled, LineStatus.CANCELLED), (superseded, LineStatus.SUPERSEDED)):
        request = bring(office)
        assert office.refuses("expire", office.provider.id, request, 0) == office.forbidden(request, status)
    request = office.request_id()
    assert office.refuses("expire", office.provider.id, request, 0) == office.unknown(request)


# ---------------------------------------------------------------------- setSettlement


def test_set_settlement_names_another(office, payer_policy_administrator, stranger):
    request = approved(office)
    receipt = send(office.authorizations.setSettlement, stranger, sender=payer_policy_administrator)
    assert office.events(receipt) == [("SettlementChanged", office.settlement.address, stranger.address)]
    assert office.authorizations.settlement() == stranger.address
    call = office.provider.id, request, 0, today(), 1, 1
    refused = ("PriorAuthorizationNotTheSettlement", office.settlement.address, stranger.address)
    assert office.refuses("draw", *call, sender=office.settlement) == refused
    send(office.authorizations.draw, *call, sender=stranger)
    send(office.authorizations.setSettlement, ZERO, sender=payer_policy_administrator)
    refused = ("PriorAuthorizationNotTheSettlement", stranger.address, ZERO)
    assert office.refuses("draw", *call, sender=stranger) == refused


@pytest.mark.parametrize("who", ["payer_admin", "payer_guardian", "policy_administrator", "insurer_key", "stranger"])
def test_set_settlement_reverts_for_all_but_the_policy_administrator(request, office, who):
    caller = request.getfixturevalue(who)
    found = office.refuses("setSettlement", caller, sender=caller)
    assert found == ("AccessManagedUnauthorized", caller.address)
