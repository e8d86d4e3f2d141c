"""How the rules decide: one test per basis, the order of the bases, and their bounds."""

from __future__ import annotations

import pytest

from ..support import DAY, travel_to
from .claims import OTHER_MEMBER, today
from .payer import MAX_AMOUNT, MONEY, UNIT, UNIT_CODE, Coverage, Flag, gold_card_rule, rule
from .requests import (
    CONDITIONAL,
    COVERED,
    DOCUMENTED,
    EXCLUDED,
    FREE,
    FUTURE,
    KIND,
    MAX_UNITS,
    NEEDED,
    NO_RULE,
    NOT_COVERED,
    PARTLY,
    PAST,
    REVIEWED,
    UNKNOWN_AMOUNT,
    UNVERIFIED,
    URGENT,
    WIDE,
    Action,
    AppealStatus,
    Basis,
    Line,
    LineStatus,
)

# ---------------------------------------------------------------------- one test per basis


@pytest.mark.parametrize("benefit_class", [NO_RULE, PAST, FUTURE, 0])
def test_rules_pend_without_a_rule_in_force(office, benefit_class):
    assert office.submit(Line(benefit_class)).decision.brief() == (Action.PENDED, Basis.NO_RULE)


def test_rules_require_nothing_where_none_is_needed(office):
    sent = office.submit(Line(FREE, amount=UNKNOWN_AMOUNT, unit_code=99))
    assert sent.decision.brief() == (Action.NOT_REQUIRED, Basis.NOT_REQUIRED)
    assert office.status(sent.id) == LineStatus.NOT_REQUIRED
    assert office.under_way() == 0
    assert office.balance(FREE) == (0, 0)


def test_rules_pend_what_is_not_covered(office):
    assert office.submit(Line(NOT_COVERED)).decision.brief() == (Action.PENDED, Basis.NOT_COVERED)


def test_rules_deny_only_what_the_contract_excludes(office):
    sent = office.submit(Line(EXCLUDED))
    decision = sent.decision
    assert decision.brief() == (Action.DENIED, Basis.CONTRACT_EXCLUSION)
    assert (decision.milli_units, decision.amount, decision.valid_from, decision.valid_to) == (0, 0, 0, 0)
    state = office.state(sent.id)
    assert (state.status, state.appeal) == (LineStatus.DENIED, AppealStatus.NONE)
    assert (state.milli_units, state.amount) == (5 * UNIT, 500 * MONEY)
    assert office.under_way() == 0


def test_rules_pend_what_is_covered_conditionally(office):
    assert office.submit(Line(CONDITIONAL)).decision.brief() == (Action.PENDED, Basis.CONDITIONAL_COVERAGE)


def test_rules_pend_if_documents_are_missing(office):
    assert office.submit(Line(DOCUMENTED)).decision.brief() == (Action.PENDED, Basis.DOCUMENTS_MISSING)
    other = office.submit(Line(DOCUMENTED), documents=[office.document(kind=KIND + 1)])
    assert other.decision.brief() == (Action.PENDED, Basis.DOCUMENTS_MISSING)
    assert other.decision.documents == 1 << (KIND + 1)


def test_rules_pend_what_a_person_decides(office):
    assert office.submit(Line(REVIEWED)).decision.brief() == (Action.PENDED, Basis.REVIEW_REQUIRED)


def test_rules_decide_only_the_expedited_if_they_say_so(office):
    assert office.submit(Line(URGENT)).decision.brief() == (Action.PENDED, Basis.EXPEDITED_ONLY)
    assert office.submit(Line(URGENT), expedited=True).decision.brief() == (Action.IN_FULL, Basis.WITHIN_RULES)


def test_rules_pend_a_service_before_the_receipt(office):
    assert office.submit(Line(day=today() - 1)).decision.brief() == (Action.PENDED, Basis.RETROSPECTIVE)
    assert office.submit(Line(day=today())).decision.brief() == (Action.IN_FULL, Basis.WITHIN_RULES)


def test_rules_pend_another_unit(office):
    assert office.submit(Line(unit_code=UNIT_CODE + 1)).decision.brief() == (Action.PENDED, Basis.UNIT_MISMATCH)


def test_rules_pend_an_unknown_amount(office):
    sent = office.submit(Line(amount=UNKNOWN_AMOUNT))
    assert sent.decision.brief() == (Action.PENDED, Basis.AMOUNT_UNKNOWN)
    assert office.left(sent.id) == (5 * UNIT, UNKNOWN_AMOUNT)


def test_rules_pend_an_amount_over_the_price_or_the_maximum(office):
    """200 a unit at most, and 1,500 in all."""
    rows = [
        (5 * UNIT, 1_000 * MONEY, Basis.WITHIN_RULES),
        (5 * UNIT, 1_000 * MONEY + 1, Basis.AMOUNT_OVER_LIMIT),
        (1, 200 * MONEY // UNIT, Basis.WITHIN_RULES),
        (1, 200 * MONEY // UNIT + 1, Basis.AMOUNT_OVER_LIMIT),
        (10 * UNIT, 1_500 * MONEY, Basis.WITHIN_RULES),
        (10 * UNIT, 1_500 * MONEY + 1, Basis.AMOUNT_OVER_LIMIT),
        (1 * UNIT, UNKNOWN_AMOUNT - 1, Basis.AMOUNT_OVER_LIMIT),
        (1 * UNIT, 0, Basis.WITHIN_RULES),
    ]
    sent = office.submit(*(Line(milli_units=units, amount=amount) for units, amount, _ in rows))
    assert [decision.basis for decision in sent.decisions] == [basis for _, _, basis in rows]


def test_rules_pend_units_over_the_requests_limit(office):
    rows = Line(milli_units=10 * UNIT), Line(milli_units=10 * UNIT + 1), Line(milli_units=MAX_UNITS, amount=0)
    found = [decision.basis for decision in office.submit(*rows).decisions]
    assert found == [Basis.WITHIN_RULES, *2 * [Basis.UNITS_OVER_REQUEST_LIMIT]]


def test_rules_pend_units_over_the_periods_limit(office):
    office.submit(Line(milli_units=10 * UNIT), Line(milli_units=9 * UNIT))
    sent = office.submit(Line(milli_units=1 * UNIT + 1))
    assert sent.decision.brief() == (Action.PENDED, Basis.UNITS_OVER_PERIOD_LIMIT)
    assert (sent.decision.milli_units, sent.decision.milli_units_before) == (0, 19 * UNIT)
    assert office.balance() == (19 * UNIT, 0)
    assert office.submit(Line(milli_units=1 * UNIT)).decision.brief() == (Action.IN_FULL, Basis.WITHIN_RULES)


def test_rules_grant_what_is_left_if_they_may(office):
    """And the amount in proportion, rounded down."""
    office.submit(Line(PARTLY, 10 * UNIT), Line(PARTLY, 7 * UNIT))
    sent = office.submit(Line(PARTLY, 7 * UNIT, 100))
    assert sent.decision.brief() == (Action.IN_PART, Basis.UNITS_OVER_PERIOD_LIMIT)
    assert (sent.decision.milli_units, sent.decision.amount) == (3 * UNIT, 42)
    assert sent.decision.milli_units_before == 17 * UNIT
    state = office.state(sent.id)
    assert (state.status, state.action, state.milli_units, state.amount) == (
        LineStatus.PARTIAL,
        Action.IN_PART,
        3 * UNIT,
        42,
    )
    last = office.submit(Line(PARTLY, 1))
    assert last.decision.brief() == (Action.PENDED, Basis.UNITS_OVER_PERIOD_LIMIT)
    assert office.balance(PARTLY) == (20 * UNIT, 0)


def test_rules_count_what_was_used_too(office):
    sent = office.submit(Line(milli_units=10 * UNIT), Line(milli_units=10 * UNIT))
    office.draw(sent.id, 10 * UNIT)
    assert office.balance() == (10 * UNIT, 10 * UNIT)
    decision = office.submit(Line(milli_units=1)).decision
    assert (decision.basis, decision.milli_units_before) == (Basis.UNITS_OVER_PERIOD_LIMIT, 20 * UNIT)


def test_rules_count_each_member_and_class_alone(office):
    office.submit(Line(milli_units=10 * UNIT), Line(milli_units=10 * UNIT))
    assert office.submit(Line(WIDE)).decision.basis == Basis.WITHIN_RULES
    other = office.submit(eligibility=office.eligibility(OTHER_MEMBER))
    assert (other.decision.basis, other.decision.milli_units_before) == (Basis.WITHIN_RULES, 0)
    later = office.submit(eligibility=office.eligibility(period=2028))
    assert later.decision.basis == Basis.WITHIN_RULES


def test_rules_count_all_providers_together(office, laboratory_office):
    office.submit(Line(milli_units=10 * UNIT), Line(milli_units=8 * UNIT))
    sent = laboratory_office.submit(Line(milli_units=3 * UNIT))
    assert (sent.decision.basis, sent.decision.milli_units_before) == (Basis.UNITS_OVER_PERIOD_LIMIT, 18 * UNIT)


def test_rules_judge_each_line_after_those_before_it(office):
    sent = office.submit(*4 * [Line(milli_units=9 * UNIT)])
    assert [decision.basis for decision in sent.decisions] == [
        *2 * [Basis.WITHIN_RULES],
        *2 * [Basis.UNITS_OVER_PERIOD_LIMIT],
    ]
    assert [decision.milli_units_before for decision in sent.decisions] == [0, 9 * UNIT, 18 * UNIT, 18 * UNIT]


# ---------------------------------------------------------------------- bounds


def test_rules_hold_from_their_first_day_to_their_last_by_receipt(office, put_in_force):
    """The day of receipt counts: of service, it would be the provider's to choose."""
    day = today() + 2
    acting = put_in_force(rules=(rule(COVERED, first_day=day, last_day=day),))
    found = []
    for time in (day * DAY - 1, day * DAY, (day + 1) * DAY - 1, (day + 1) * DAY):
        travel_to(time)
        found.append(acting.submit(Line(milli_units=1, amount=0), received_at=time).decision.basis)
    assert found == [Basis.NO_RULE, Basis.WITHIN_RULES, Basis.WITHIN_RULES, Basis.NO_RULE]


def test_rules_take_what_fills_every_field(office):
    day = today() + 366
    sent = office.submit(Line(WIDE, MAX_UNITS, MAX_AMOUNT, day=day))
    decision = sent.decision
    assert decision.brief() == (Action.IN_FULL, Basis.WITHIN_RULES)
    assert (decision.milli_units, decision.amount) == (MAX_UNITS, MAX_AMOUNT)
    assert (decision.valid_from, decision.valid_to) == (day, 2**16 - 1)
    state = office.state(sent.id)
    assert (state.milli_units, state.amount, state.valid_from, state.valid_to) == (
        MAX_UNITS,
        MAX_AMOUNT,
        day,
        2**16 - 1,
    )
    assert (state.status, state.sequence, state.version, state.benefit_class) == (
        LineStatus.APPROVED,
        1,
        office.version,
        WIDE,
    )
    assert office.submit(Line(WIDE, 1)).decision.basis == Basis.UNITS_OVER_PERIOD_LIMIT
    office.draw(sent.id, MAX_UNITS, MAX_AMOUNT, day=2**16 - 1)
    assert office.balance(WIDE) == (0, MAX_UNITS)
    assert office.submit(Line(WIDE, 1)).decision.milli_units_before == MAX_UNITS


def test_rules_divide_an_amount_without_loss_of_bits(office, put_in_force):
    acting = put_in_force(
        rules=(
            rule(
                PARTLY,
                flags=NEEDED | Flag.ALLOW_PARTIAL,
                max_milli_units_per_request=MAX_UNITS - 1,
                max_milli_units_per_period=MAX_UNITS - 1,
                max_unit_price=MAX_AMOUNT,
                max_amount=MAX_AMOUNT,
            ),
        )
    )
    acting.submit(Line(PARTLY, 1, 0))
    decision = acting.submit(Line(PARTLY, MAX_UNITS - 1, MAX_AMOUNT)).decision
    assert decision.brief() == (Action.IN_PART, Basis.UNITS_OVER_PERIOD_LIMIT)
    assert decision.milli_units == MAX_UNITS - 2
    assert decision.amount == MAX_AMOUNT * (MAX_UNITS - 2) // (MAX_UNITS - 1)


# ---------------------------------------------------------------------- the order

ORDER = [
    Basis.COVERAGE_UNVERIFIED,
    Basis.NO_RULE,
    Basis.NOT_REQUIRED,
    Basis.NOT_COVERED,
    Basis.CONTRACT_EXCLUSION,
    Basis.CONDITIONAL_COVERAGE,
    Basis.DOCUMENTS_MISSING,
    Basis.REVIEW_REQUIRED,
    Basis.EXPEDITED_ONLY,
    Basis.RETROSPECTIVE,
    Basis.UNIT_MISMATCH,
    Basis.AMOUNT_UNKNOWN,
    Basis.AMOUNT_OVER_LIMIT,
    Basis.UNITS_OVER_REQUEST_LIMIT,
    Basis.UNITS_OVER_PERIOD_LIMIT,
]
"""As the domain's rules are tried, without gold cards: they have tests of their own."""

FIRST_CLASS = 200
ACTIONS = {Basis.NOT_REQUIRED: Action.NOT_REQUIRED, Basis.CONTRACT_EXCLUSION: Action.DENIED}


def obstacles(first):
    """A rule and a line that meet every obstacle from one on, as far as they go together."""
    stands = {basis: ORDER.index(basis) >= ORDER.index(first) for basis in ORDER}
    flags = Flag(0) if stands[Basis.NOT_REQUIRED] else NEEDED
    coverage = Coverage.COVERED
    if stands[Basis.CONDITIONAL_COVERAGE]:
        coverage = Coverage.CONDITIONAL
    if stands[Basis.CONTRACT_EXCLUSION]:
        coverage = Coverage.NOT_COVERED
        flags |= Flag.DENY_NOT_COVERED
    if stands[Basis.NOT_COVERED]:
        flags &= ~Flag.DENY_NOT_COVERED
    if stands[Basis.REVIEW_REQUIRED]:
        flags |= Flag.NO_AUTO
    if stands[Basis.EXPEDITED_ONLY]:
        flags |= Flag.EXPEDITED_ONLY
    # The last limit is 2 units of which 1 is taken.
    limits = {"max_milli_units_per_request": 1 * UNIT, "max_milli_units_per_period": 2 * UNIT}
    units = 3 * UNIT
    if not stands[Basis.UNITS_OVER_REQUEST_LIMIT]:
        limits["max_milli_units_per_request"], units = 2 * UNIT, 2 * UNIT
    amount = 1_600 * MONEY if stands[Basis.AMOUNT_OVER_LIMIT] else 100 * MONEY
    if stands[Basis.AMOUNT_UNKNOWN]:
        amount = UNKNOWN_AMOUNT
    number = FIRST_CLASS + ORDER.index(first)
    stated = rule(
        number,
        coverage=coverage,
        flags=flags,
        last_day=1 if stands[Basis.NO_RULE] else 2**16 - 1,
        required_documents=(1 << KIND) if stands[Basis.DOCUMENTS_MISSING] else 0,
        **limits,
    )
    line = Line(
        number,
        units,
        amount,
        unit_code=UNIT_CODE + 1 if stands[Basis.UNIT_MISMATCH] else UNIT_CODE,
        day=today() - 1 if stands[Basis.RETROSPECTIVE] else today(),
    )
    return stated, line


def test_rules_decide_by_the_first_obstacle(office, put_in_force):
    """Class n has every obstacle from the n-th on; so each wins over all that follow it."""
    acting = put_in_force(rules=tuple(obstacles(basis)[0] for basis in ORDER))
    last = ORDER.index(Basis.UNITS_OVER_PERIOD_LIMIT)
    taken = acting.submit(Line(FIRST_CLASS + last, 1 * UNIT, 100 * MONEY))
    assert taken.decision.basis == Basis.WITHIN_RULES
    first, *others = ORDER
    sent = acting.submit(obstacles(first)[1], eligibility=UNVERIFIED)
    assert sent.decision.brief() == (Action.PENDED, first)
    found = acting.submit(*(obstacles(basis)[1] for basis in others)).decisions
    assert [decision.basis for decision in found] == others
    assert [decision.action for decision in found] == [ACTIONS.get(basis, Action.PENDED) for basis in others]


def test_rules_look_at_the_gold_card_after_the_need_and_before_all_else(office, put_in_force):
    """A card skips documents, the person, urgency, time, amount and the request's limit; not the unit, and not the
    period's limit."""
    gold = {
        "flags": NEEDED | Flag.GOLD_CARD_OK | Flag.NO_AUTO | Flag.EXPEDITED_ONLY,
        "gold_card_requests": 1,
        "gold_card_window_days": 5,
        "required_documents": 1 << KIND,
        "max_unit_price": 0,
        "max_milli_units_per_request": 1,
    }
    free = {**gold, "flags": Flag.GOLD_CARD_OK}
    acting = put_in_force(
        rules=(gold_card_rule(201, **gold), gold_card_rule(202, **free), gold_card_rule(203, **{**gold, "last_day": 1}))
    )
    request = acting.submit(Line(201)).id
    acting.decide(request)
    travel_to((today() // 5 + 1) * 5 * DAY)
    assert acting.authorizations.hasGoldCard(acting.provider.id, acting.version, 201)
    lines = {
        Line(201, 11 * UNIT, 9_000 * MONEY, day=today() - 9): (Action.IN_FULL, Basis.GOLD_CARD),
        Line(201, 1 * UNIT, UNKNOWN_AMOUNT): (Action.IN_FULL, Basis.GOLD_CARD),
        Line(201, 1 * UNIT, unit_code=UNIT_CODE + 1): (Action.PENDED, Basis.DOCUMENTS_MISSING),
        Line(201, 11 * UNIT): (Action.PENDED, Basis.DOCUMENTS_MISSING),
        Line(202): (Action.NOT_REQUIRED, Basis.NOT_REQUIRED),
        Line(203): (Action.PENDED, Basis.NO_RULE),
    }
    found = acting.submit(*lines).decisions
    assert [decision.brief() for decision in found] == list(lines.values())
    assert acting.submit(Line(201), eligibility=UNVERIFIED).decision.basis == Basis.COVERAGE_UNVERIFIED
