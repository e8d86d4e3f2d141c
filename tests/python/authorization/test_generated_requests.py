"""Requests that both implementations are held against: repeatable, and of every basis."""

from __future__ import annotations

from collections import Counter

from careledger.authorization.decision import Basis, Circumstances, decide_request
from careledger.authorization.rules import AuthorizationRule, RuleFlag
from generated_requests import GOLD_CARD_WINDOW_DAYS, WITHOUT_RULE, generated_requests, generated_rules

START = 1_800_000_000
COUNT = 500
BY_RULES = set(Basis) - {Basis.NONE_, Basis.REVIEWER, Basis.APPEAL, Basis.OVERDUE}


def test_the_same_seed_makes_the_same_requests() -> None:
    rules = generated_rules(1, START)
    assert rules == generated_rules(1, START) != generated_rules(2, START)
    assert list(generated_requests(1, 50, START, rules)) == list(generated_requests(1, 50, START, rules))
    assert list(generated_requests(1, 50, START, rules)) != list(generated_requests(2, 50, START, rules))


def test_every_basis_occurs_among_few_requests() -> None:
    rules = generated_rules(1, START)
    by_class = {rule.benefit_class: rule.authorization for rule in rules}
    taken: dict[tuple[int, int], Counter[int]] = {}
    seen: Counter[Basis] = Counter()
    for request in generated_requests(1, COUNT, START, rules):
        counts = taken.setdefault((request.member, request.period), Counter())
        decisions = decide_request(
            request.lines,
            lambda number: by_class.get(number, AuthorizationRule.unset()),
            Circumstances(
                request.received_at,
                request.decided_at,
                request.eligible_until,
                request.expedited,
                request.document_bits,
            ),
            counts,
            lambda number, provider=request.provider: (
                provider == 0 and number not in WITHOUT_RULE and bool(by_class[number].flags & RuleFlag.GOLD_CARD_OK)
            ),
        )
        for decision in decisions:
            counts[decision.line.benefit_class] += decision.milli_units
            seen[decision.basis] += 1
    assert seen.keys() == BY_RULES
    assert min(seen.values()) >= 5, seen
    assert GOLD_CARD_WINDOW_DAYS * 86_400 > COUNT * 60
