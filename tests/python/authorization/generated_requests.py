"""Rules and requests by a seed, the same for the same seed, so many that every basis of a decision occurs.

Values are drawn at and beside the limits of the rules, where two implementations differ if they do. Nothing here knows
what will be decided.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from careledger.authorization.decision import PLANNED_DAYS, UNKNOWN_AMOUNT, Line
from careledger.authorization.rules import (
    AuthorizationRule,
    BenefitRule,
    ClaimRule,
    Coverage,
    RuleFlag,
    contradictions_of_rule,
)

DAY = 86_400
STEP_SECONDS = 1200
REQUESTS_AT_ONCE = 20
"""Decided at one time, one after the other."""

RECEIPT_WINDOW = 3 * DAY
CLASSES = 60
WITHOUT_RULE = (CLASSES + 1, CLASSES + 2)
PROVIDERS = 3
MEMBERS = 10
PERIODS = 2
DOCUMENT_KINDS = (1, 2, 9, 40)
UNIT_CODES = (1, 2)
GOLD_CARD_WINDOW_DAYS = 30
LINES = 4
MAX_AMOUNT = 2**64 - 1
MAX_UNITS = 2**40 - 1


@dataclass(frozen=True)
class GeneratedRequest:
    """A request at the time of its block. `eligible_until` is None without a signature; `documents` are kinds."""

    number: int
    provider: int
    member: int
    period: int
    received_at: int
    decided_at: int
    eligible_until: int | None
    expedited: bool
    documents: frozenset[int]
    lines: tuple[Line, ...]

    @property
    def document_bits(self) -> int:
        return sum(1 << kind for kind in self.documents)


def generated_rules(seed: int, start: int) -> tuple[BenefitRule, ...]:
    """A rule for each of the classes; all of them are such as the contract takes."""
    chance = random.Random(f"rules {seed}")
    today = start // DAY
    return tuple(_rule(chance, number, today) for number in range(1, CLASSES + 1))


def generated_requests(seed: int, count: int, start: int, rules: tuple[BenefitRule, ...]) -> Iterator[GeneratedRequest]:
    """Requests in groups, each of them a step after the one before; the first is decided at `start`."""
    chance = random.Random(f"requests {seed}")
    by_class = {rule.benefit_class: rule.authorization for rule in rules}
    for number in range(count):
        decided_at = start + number // REQUESTS_AT_ONCE * STEP_SECONDS
        received_at = decided_at - chance.choice((0, 0, 1, RECEIPT_WINDOW, chance.randrange(RECEIPT_WINDOW)))
        offsets = (0, 0, 1, DAY, 30 * DAY)
        until: int | None = decided_at + chance.choice(offsets)
        fate = chance.random()
        if fate < 0.06:
            until = None if fate < 0.03 else decided_at - chance.choice((1, DAY))
        kinds = frozenset(DOCUMENT_KINDS) if chance.random() < 0.7 else _some(chance, DOCUMENT_KINDS)
        yield GeneratedRequest(
            number=number,
            provider=chance.randrange(PROVIDERS),
            member=chance.randrange(MEMBERS),
            period=chance.randrange(1, PERIODS + 1),
            received_at=received_at,
            decided_at=decided_at,
            eligible_until=until,
            expedited=chance.random() < 0.4,
            documents=kinds,
            lines=tuple(_line(chance, by_class, received_at // DAY) for _ in range(chance.choice((1, 1, 2, 3, LINES)))),
        )


def _rule(chance: random.Random, number: int, today: int) -> BenefitRule:
    while True:
        coverage = chance.choices((Coverage.COVERED, Coverage.NOT_COVERED, Coverage.CONDITIONAL), weights=(85, 10, 5))[
            0
        ]
        flags = RuleFlag(0)
        for flag, share in (
            (RuleFlag.AUTHORIZATION_NEEDED, 0.93),
            (RuleFlag.NO_AUTO, 0.08),
            (RuleFlag.ALLOW_PARTIAL, 0.5),
            (RuleFlag.DENY_NOT_COVERED, 0.5 if coverage == Coverage.NOT_COVERED else 0),
            (RuleFlag.EXPEDITED_ONLY, 0.08),
            (RuleFlag.SECOND_OPINION, 0.2),
            (RuleFlag.GOLD_CARD_OK, 0.3 if coverage == Coverage.COVERED else 0),
            (RuleFlag.APPROVE_OVERDUE, 0.2),
            (RuleFlag.DEDUCTIBLE, 0.3),
        ):
            if chance.random() < share:
                flags |= flag
        per_request = chance.choice((1, 1000, 1500, chance.randrange(1, 40_000), MAX_UNITS))
        gold = RuleFlag.GOLD_CARD_OK in flags
        rule = AuthorizationRule(
            coverage=coverage,
            flags=flags,
            unit_code=chance.choice(UNIT_CODES),
            validity_days=chance.choice((1, 30, 365, 2**16 - 1)),
            first_day=chance.choice((0, 0, 0, today - 1, today, today + 2)),
            last_day=chance.choice((2**16 - 1, 2**16 - 1, 2**16 - 1, today + 3, today)),
            required_documents=sum(1 << kind for kind in _some(chance, DOCUMENT_KINDS, share=0.25)),
            max_milli_units_per_request=per_request,
            max_milli_units_per_period=min(MAX_UNITS, per_request * chance.choice((1, 2, 5, 40))),
            max_unit_price=chance.choice((0, 1, 333, 10_000, 2**56 - 1)),
            max_amount=chance.choice((0, 1_000, 50_000, 2**56 - 1)),
            gold_card_requests=chance.choice((1, 2)) if gold else 0,
            gold_card_approval_rate=chance.choice((5_000, 10_000)) if gold else 0,
            gold_card_window_days=GOLD_CARD_WINDOW_DAYS if gold else 0,
        )
        made = BenefitRule(number, rule, ClaimRule(filing_days=90, flags=flags))
        if not list(contradictions_of_rule(made, has_base_rate=False)):
            return made


def _line(chance: random.Random, rules: dict[int, AuthorizationRule], today: int) -> Line:
    benefit_class = chance.choice((*rules, *WITHOUT_RULE))
    rule = rules.get(benefit_class, AuthorizationRule.unset())
    limits = (rule.max_milli_units_per_request, rule.max_milli_units_per_period)
    milli_units = _clamped(
        chance.choice((1, 1000, *limits, *limits, limits[0] + 1, limits[1] + 1, limits[0] // 2 + 1)), 1, MAX_UNITS
    )
    by_price = rule.max_unit_price * milli_units // 1000
    allowed = min(by_price, rule.max_amount)
    amount = chance.choice(
        (0, allowed, allowed, allowed, allowed, allowed + 1, rule.max_amount, rule.max_amount + 1, UNKNOWN_AMOUNT, 777)
    )
    unit_code = rule.unit_code if chance.random() < 0.95 else chance.choice((0, *UNIT_CODES))
    day = today + chance.choice((0, 0, 0, 1, 30, -1 if chance.random() < 0.4 else 0))
    if chance.random() < 0.02:
        day = today + PLANNED_DAYS
    return Line(benefit_class, unit_code, milli_units, _clamped(amount, 0, MAX_AMOUNT), day)


def _some(chance: random.Random, values: tuple[int, ...], share: float = 0.5) -> frozenset[int]:
    return frozenset(value for value in values if chance.random() < share)


def _clamped(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))
