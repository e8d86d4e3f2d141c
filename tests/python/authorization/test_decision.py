"""The model of the decision: each basis, the order in which they are tried, and what holds of every decision."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from careledger.authorization.decision import (
    UNKNOWN_AMOUNT,
    Action,
    Basis,
    Circumstances,
    GoldCards,
    Line,
    decide,
    decide_request,
    due_at,
)
from careledger.authorization.rules import AuthorizationRule, Coverage, RuleFlag
from careledger.errors import InvalidInput
from hypothesis import given
from hypothesis import strategies as st

DAY = 86_400
TODAY = 20_900
NOW = TODAY * DAY + 5000
NEEDED = RuleFlag.AUTHORIZATION_NEEDED
RULE = AuthorizationRule(
    Coverage.COVERED,
    NEEDED | RuleFlag.GOLD_CARD_OK,
    unit_code=1,
    validity_days=30,
    first_day=TODAY,
    last_day=TODAY,
    required_documents=0b10,
    max_milli_units_per_request=5000,
    max_milli_units_per_period=8000,
    max_unit_price=100,
    max_amount=400,
    gold_card_requests=2,
    gold_card_approval_rate=5000,
    gold_card_window_days=30,
)
LINE = Line(benefit_class=3, unit_code=1, milli_units=4000, amount=400, service_day=TODAY)
CIRCUMSTANCES = Circumstances(received_at=NOW, decided_at=NOW, eligible_until=NOW, documents=0b110)

Case = dict[str, Any]
"""Changes of rule, line and circumstances by member; `flags` are added; `taken` and `card` besides."""

CASES: list[tuple[Basis, Action, Case]] = [
    (Basis.COVERAGE_UNVERIFIED, Action.PENDED, {"eligible_until": None}),
    (Basis.NO_RULE, Action.PENDED, {"last_day": TODAY - 1}),
    (Basis.NOT_REQUIRED, Action.NOT_REQUIRED, {"without": NEEDED}),
    (Basis.GOLD_CARD, Action.APPROVED_IN_FULL, {"card": True}),
    (Basis.NOT_COVERED, Action.PENDED, {"coverage": Coverage.NOT_COVERED}),
    (Basis.CONDITIONAL_COVERAGE, Action.PENDED, {"coverage": Coverage.CONDITIONAL}),
    (Basis.DOCUMENTS_MISSING, Action.PENDED, {"documents": 0b101}),
    (Basis.REVIEW_REQUIRED, Action.PENDED, {"flags": RuleFlag.NO_AUTO}),
    (Basis.EXPEDITED_ONLY, Action.PENDED, {"flags": RuleFlag.EXPEDITED_ONLY}),
    (Basis.RETROSPECTIVE, Action.PENDED, {"service_day": TODAY - 1}),
    (Basis.UNIT_MISMATCH, Action.PENDED, {"unit_code": 9}),
    (Basis.AMOUNT_UNKNOWN, Action.PENDED, {"amount": UNKNOWN_AMOUNT}),
    (Basis.AMOUNT_OVER_LIMIT, Action.PENDED, {"amount": 401}),
    (Basis.UNITS_OVER_REQUEST_LIMIT, Action.PENDED, {"milli_units": 5001}),
    (Basis.UNITS_OVER_PERIOD_LIMIT, Action.PENDED, {"taken": 4001}),
]


def judged(*cases: Case) -> Any:
    changes: Case = {}
    flags = RULE.flags
    for case in cases:
        flags |= case.get("flags", RuleFlag(0))
        flags &= ~case.get("without", RuleFlag(0))
        changes |= {name: value for name, value in case.items() if name not in ("flags", "without")}
    taken, card = changes.pop("taken", 0), changes.pop("card", False)
    line = replace(LINE, **{name: changes.pop(name) for name in list(changes) if name in Line.__slots__})
    here = replace(CIRCUMSTANCES, **{n: changes.pop(n) for n in list(changes) if n in Circumstances.__slots__})
    return decide(line, replace(RULE, flags=flags, **changes), here, taken, card)


def test_what_is_within_the_rules_is_approved_in_full() -> None:
    decision = judged()
    assert (decision.action, decision.basis) == (Action.APPROVED_IN_FULL, Basis.WITHIN_RULES)
    assert (decision.milli_units, decision.amount) == (4000, 400)
    assert (decision.valid_from, decision.valid_to, decision.due_at) == (TODAY, TODAY + 29, 0)


@pytest.mark.parametrize(("basis", "action", "case"), CASES, ids=[basis.name for basis, _, _ in CASES])
def test_each_basis(basis: Basis, action: Action, case: Case) -> None:
    decision = judged(case)
    assert (decision.action, decision.basis) == (action, basis)
    if action is Action.PENDED:
        assert decision.due_at == NOW + 7 * DAY


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pair
        for pair in itertools.combinations(CASES, 2)
        if not (pair[0][2].keys() & pair[1][2].keys() - {"flags"})
        and (pair[0][0], pair[1][0])
        not in {
            (Basis.GOLD_CARD, Basis.UNIT_MISMATCH),  # a gold card holds for the rule's unit,
            (Basis.GOLD_CARD, Basis.UNITS_OVER_PERIOD_LIMIT),  # and for what the period has left
        }
    ],
    ids=lambda case: case[0].name,
)
def test_of_two_that_hold_the_first_decides(first: Any, second: Any) -> None:
    assert judged(first[2], second[2]).basis == first[0]
    assert judged(second[2], first[2]).basis == first[0]


@pytest.mark.parametrize(
    ("case", "basis"),
    [
        ({"eligible_until": NOW - 1}, Basis.COVERAGE_UNVERIFIED),
        ({"first_day": TODAY + 1, "last_day": TODAY + 1}, Basis.NO_RULE),
        ({"coverage": Coverage.UNSET}, Basis.NO_RULE),
        ({"card": True, "without": RuleFlag.GOLD_CARD_OK}, Basis.WITHIN_RULES),
        ({"card": True, "unit_code": 9}, Basis.UNIT_MISMATCH),
        ({"card": True, "taken": 4001}, Basis.UNITS_OVER_PERIOD_LIMIT),
        ({"card": True, "amount": UNKNOWN_AMOUNT}, Basis.GOLD_CARD),
        ({"flags": RuleFlag.EXPEDITED_ONLY, "expedited": True}, Basis.WITHIN_RULES),
        ({"service_day": TODAY + 1}, Basis.WITHIN_RULES),
        ({"max_unit_price": 99}, Basis.AMOUNT_OVER_LIMIT),
        ({"milli_units": 5000, "amount": 400}, Basis.WITHIN_RULES),
        ({"taken": 4000}, Basis.WITHIN_RULES),
        ({"taken": 9000, "flags": RuleFlag.ALLOW_PARTIAL}, Basis.UNITS_OVER_PERIOD_LIMIT),
    ],
)
def test_at_the_limits(case: Case, basis: Basis) -> None:
    assert judged(case).basis == basis


def test_an_excluded_service_is_denied() -> None:
    decision = judged({"coverage": Coverage.NOT_COVERED, "flags": RuleFlag.DENY_NOT_COVERED})
    assert (decision.action, decision.basis) == (Action.DENIED, Basis.CONTRACT_EXCLUSION)
    assert decision.milli_units == decision.amount == decision.due_at == 0


def test_missing_documents_are_named() -> None:
    assert judged({"documents": 0, "required_documents": 0b1010}).missing_documents == 0b1010


def test_what_the_period_has_left_is_granted_in_part() -> None:
    decision = judged({"taken": 7000, "flags": RuleFlag.ALLOW_PARTIAL, "amount": 399})
    assert (decision.action, decision.basis) == (Action.APPROVED_IN_PART, Basis.UNITS_OVER_PERIOD_LIMIT)
    assert (decision.milli_units, decision.amount, decision.milli_units_before) == (1000, 99, 7000)


def test_units_before_are_told_where_they_were_asked_for() -> None:
    assert judged({"taken": 5}).milli_units_before == 5
    assert judged({"taken": 5, "documents": 0}).milli_units_before == 0
    assert judged({"taken": 4001, "documents": 0, "card": True}).milli_units_before == 4001


def test_validity_ends_with_the_days_that_the_contract_counts() -> None:
    assert judged({"validity_days": 2**16 - 1}).valid_to == 2**16 - 1
    assert judged({"validity_days": 1}).valid_to == TODAY
    assert judged({"validity_days": 0}).valid_to == TODAY + 89


def test_a_request_is_due_72_hours_or_7_days_after_receipt() -> None:
    assert due_at(1000, expedited=True) == 1000 + 72 * 3600
    assert due_at(1000, expedited=False) == 1000 + 168 * 3600


def test_a_service_begins_at_most_366_days_after_the_receipt() -> None:
    assert judged({"service_day": TODAY + 366}).valid_from == TODAY + 366
    with pytest.raises(InvalidInput, match=f"service_day '{TODAY + 367}': must be at most {TODAY + 366}, 366 days"):
        judged({"service_day": TODAY + 367})


def test_earlier_lines_count_for_later_ones() -> None:
    partial = replace(RULE, flags=NEEDED | RuleFlag.ALLOW_PARTIAL)
    decisions = decide_request(
        [LINE, LINE, LINE, replace(LINE, benefit_class=4)], lambda _: partial, CIRCUMSTANCES, {3: 1000}
    )
    assert [decision.milli_units for decision in decisions] == [4000, 3000, 0, 4000]
    assert [decision.milli_units_before for decision in decisions] == [1000, 5000, 8000, 0]


def test_a_line_that_the_contract_cannot_hold_is_refused() -> None:
    for name, value in (("milli_units", 0), ("amount", -1), ("service_day", 2**16), ("benefit_class", 2**16)):
        with pytest.raises(InvalidInput) as caught:
            replace(LINE, **{name: value})
        assert caught.value.name == name


def test_a_gold_card_is_earned_in_the_window_before() -> None:
    cards, window = GoldCards(), RULE.gold_card_window_days
    first = TODAY - TODAY % window
    cards.record("p", 3, RULE, first, in_full=True)
    cards.record("p", 3, RULE, first + window - 1, in_full=False)
    assert not cards.holds("p", 3, RULE, first + window - 1)
    assert cards.holds("p", 3, RULE, first + window)
    assert cards.holds("p", 3, RULE, first + 2 * window - 1)
    assert not cards.holds("p", 3, RULE, first + 2 * window)
    assert not cards.holds("q", 3, RULE, first + window)
    assert not cards.holds("p", 4, RULE, first + window)
    assert not cards.holds("p", 3, replace(RULE, gold_card_approval_rate=5001), first + window)
    assert not cards.holds("p", 3, replace(RULE, gold_card_requests=3), first + window)
    assert not cards.holds("p", 3, replace(RULE, flags=NEEDED), first + window)


def test_another_window_starts_records_anew() -> None:
    cards = GoldCards()
    other = replace(RULE, gold_card_window_days=15)
    for _ in range(2):
        cards.record("p", 3, RULE, TODAY, in_full=True)
    assert not cards.holds("p", 3, other, TODAY + 15)
    cards.record("p", 3, other, TODAY, in_full=True)
    assert not cards.holds("p", 3, RULE, TODAY + 30)


flags = st.integers(0, 1023).map(RuleFlag)
any_rule = st.builds(
    AuthorizationRule,
    coverage=st.sampled_from(Coverage),
    flags=flags,
    unit_code=st.integers(0, 2),
    validity_days=st.integers(0, 400),
    first_day=st.integers(TODAY - 2, TODAY + 1),
    last_day=st.integers(TODAY - 1, TODAY + 2),
    required_documents=st.integers(0, 7),
    max_milli_units_per_request=st.integers(0, 9000),
    max_milli_units_per_period=st.integers(0, 9000),
    max_unit_price=st.integers(0, 400),
    max_amount=st.integers(0, 900),
)
any_line = st.builds(
    Line,
    benefit_class=st.integers(0, 3),
    unit_code=st.integers(0, 2),
    milli_units=st.integers(1, 9000),
    amount=st.one_of(st.integers(0, 900), st.just(UNKNOWN_AMOUNT)),
    service_day=st.integers(TODAY - 1, TODAY + 1),
)
anywhere = st.builds(
    Circumstances,
    received_at=st.integers(NOW - DAY, NOW),
    decided_at=st.just(NOW),
    eligible_until=st.one_of(st.none(), st.integers(NOW - 2, NOW + 2)),
    expedited=st.booleans(),
    documents=st.integers(0, 7),
)


@given(any_line, any_rule, anywhere, st.integers(0, 10_000), st.booleans())
def test_what_holds_of_every_decision(
    line: Line, rule: AuthorizationRule, here: Circumstances, taken: int, card: bool
) -> None:
    decision = decide(line, rule, here, taken, card)
    granted = decision.action in (Action.APPROVED_IN_FULL, Action.APPROVED_IN_PART)
    assert granted == (decision.milli_units > 0) == (decision.valid_to > 0)
    assert (decision.due_at > 0) == (decision.action is Action.PENDED)
    assert (decision.missing_documents > 0) == (decision.basis is Basis.DOCUMENTS_MISSING)
    if decision.action is Action.DENIED:
        assert rule.coverage is Coverage.NOT_COVERED
        assert rule.flags & RuleFlag.DENY_NOT_COVERED
    if granted:
        assert taken + decision.milli_units <= rule.max_milli_units_per_period
        assert decision.milli_units <= line.milli_units
        assert here.eligible_until is not None
        assert decision.valid_from <= decision.valid_to
    if decision.action is Action.APPROVED_IN_FULL:
        assert (decision.milli_units, decision.amount) == (line.milli_units, line.amount)
    if decision.action is Action.APPROVED_IN_PART:
        assert decision.milli_units < line.milli_units
        assert decision.amount * line.milli_units <= line.amount * decision.milli_units
    if granted and decision.basis is not Basis.GOLD_CARD:
        assert not rule.required_documents & ~here.documents
        assert line.amount <= rule.max_amount
        assert line.milli_units <= rule.max_milli_units_per_request


@given(any_line, any_rule, anywhere, st.integers(0, 10_000), st.booleans(), st.integers(0, 2000))
def test_less_taken_never_grants_less(
    line: Line, rule: AuthorizationRule, here: Circumstances, taken: int, card: bool, less: int
) -> None:
    more = decide(line, rule, here, max(0, taken - less), card)
    assert more.milli_units >= decide(line, rule, here, taken, card).milli_units
