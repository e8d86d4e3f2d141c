"""Gold cards: what counts, when, and for whom. They are read by `hasGoldCard`, and used by submit."""

from __future__ import annotations

import pytest

from ..support import DAY, travel_to
from .claims import today
from .payer import UNIT, Flag, gold_card_rule, terms
from .requests import (
    GOLD,
    NEEDED,
    REVIEWED,
    WINDOW_DAYS,
    Action,
    Basis,
    Line,
)

SMALL = Line(GOLD, 1, 1)


def next_window(windows=1, days=WINDOW_DAYS):
    """Goes to the first second of a later window."""
    travel_to((today() // days + windows) * days * DAY)


@pytest.fixture(autouse=True)
def _start_of_a_window(office):
    next_window()


def reviewed(office, approved, adverse=0, line=SMALL):
    """Has so many lines reviewed."""
    sent = office.submit(*[line] * (approved + adverse))
    for number in range(approved + adverse):
        office.decide(sent.id, Action.IN_FULL if number < approved else Action.DENIED, line=number)
    return sent.id


def has_card(office, benefit_class=GOLD):
    return bool(office.authorizations.hasGoldCard(office.provider.id, office.version, benefit_class))


# ---------------------------------------------------------------------- how it is earned


@pytest.mark.parametrize(
    ("approved", "adverse", "earned"),
    [(4, 0, True), (3, 1, True), (3, 0, False), (2, 2, False), (6, 2, True), (5, 2, False), (0, 0, False)],
)
def test_gold_card_takes_enough_reviews_and_approvals(office, approved, adverse, earned):
    """4 reviews and three quarters approved in full, in the window before."""
    reviewed(office, approved, adverse)
    assert not has_card(office)
    next_window()
    assert has_card(office) == earned
    found = office.submit(SMALL).decision.brief()
    assert found == ((Action.IN_FULL, Basis.GOLD_CARD) if earned else (Action.PENDED, Basis.REVIEW_REQUIRED))


@pytest.mark.parametrize("row", [(Action.IN_PART, 2, 2), (Action.MODIFIED, 5, 5), (Action.DENIED,)])
def test_gold_card_counts_approvals_in_full_only(office, row):
    request = office.submit(*[Line(GOLD, 5, 5)] * 5).id
    for line in range(3):
        office.decide(request, line=line)
    for line in (3, 4):
        office.decide(request, *row, line=line)
    next_window()
    assert not has_card(office)


def test_gold_card_holds_for_the_window_after_and_not_longer(office):
    reviewed(office, 4)
    next_window()
    first = today()
    travel_to((first + WINDOW_DAYS) * DAY - 1)
    assert has_card(office)
    travel_to((first + WINDOW_DAYS) * DAY)
    assert not has_card(office)


def test_gold_card_of_long_ago_is_none(office):
    reviewed(office, 4)
    next_window(2)
    assert not has_card(office)
    reviewed(office, 1)
    next_window()
    assert not has_card(office)


def test_gold_card_is_not_earned_by_what_the_rules_or_the_card_approve(office):
    """So it must be earned again in every other window."""
    reviewed(office, 4)
    next_window()
    assert office.submit(*[SMALL] * 9).decisions[0].basis == Basis.GOLD_CARD
    next_window()
    assert not has_card(office)


def test_gold_card_goes_on_if_reviews_do(office):
    """Lines that waited for their review over the window's end count when they are reviewed."""
    waiting = office.submit(*[SMALL] * 4).id
    reviewed(office, 4)
    next_window()
    assert has_card(office)
    for line in range(4):
        office.decide(waiting, line=line)
    next_window()
    assert has_card(office)


def test_gold_card_is_a_providers_and_a_classs(office, laboratory_office):
    reviewed(office, 4)
    reviewed(office, 4, line=Line(REVIEWED, 1, 1))
    next_window()
    assert has_card(office)
    assert not has_card(laboratory_office)
    assert not has_card(office, REVIEWED)
    assert laboratory_office.submit(SMALL).decision.basis == Basis.REVIEW_REQUIRED


def test_gold_card_counts_a_line_once(office, other_reviewer_key):
    """Neither a review sent twice nor an appeal counts again."""
    request = office.submit(SMALL, SMALL, SMALL).id
    for line in range(3):
        signed = office.review(request, line=line)
        for _ in range(2):
            from ..support import send

            send(office.authorizations.review, *signed, sender=office.sender)
    next_window()
    assert not has_card(office)


def test_gold_card_counts_a_modified_line_by_the_class_that_was_asked(office):
    request = office.submit(*[SMALL] * 4).id
    for line in range(4):
        office.decide(request, Action.MODIFIED, 1, 1, line=line, benefit_class=REVIEWED)
    next_window()
    assert not has_card(office)
    assert not has_card(office, REVIEWED)


def test_gold_card_is_not_earned_in_a_shadow(office, put_in_force):
    """What binds nobody earns nothing, or the same service could be reviewed twice for two counts."""
    shadow = put_in_force(terms(shadow=True))
    next_window()
    reviewed(shadow, 4)
    next_window()
    assert not has_card(shadow)
    assert not has_card(office)


def test_gold_card_of_another_length_starts_anew(office, put_in_force):
    stated = {
        "flags": NEEDED | Flag.GOLD_CARD_OK | Flag.NO_AUTO,
        "gold_card_requests": 1,
        "gold_card_approval_rate": 1,
        "gold_card_window_days": WINDOW_DAYS + 1,
    }
    reviewed(office, 4)
    longer = put_in_force(rules=(gold_card_rule(GOLD, **stated),))
    next_window()
    assert has_card(office)
    assert not has_card(longer)
    reviewed(longer, 1)
    next_window(days=WINDOW_DAYS + 1)
    assert has_card(longer)
    assert not has_card(office)


def test_gold_card_still_reserves_within_the_period(office):
    reviewed(office, 4)
    next_window()
    sent = office.submit(Line(GOLD, 15 * UNIT), Line(GOLD, 5 * UNIT))
    assert [decision.basis for decision in sent.decisions] == [Basis.GOLD_CARD, Basis.REVIEW_REQUIRED]
    assert office.balance(GOLD) == (15 * UNIT + 4, 0)


def test_gold_card_is_no_ones_whose_class_has_no_rule(office):
    assert not has_card(office, 99)
    assert not office.authorizations.hasGoldCard(office.provider.id, 999, GOLD)
