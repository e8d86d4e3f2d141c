"""What the rules decide of a request: the model of `PriorAuthorization`, in plain Python and without a chain.

It shares nothing with what calls the contract, so that each can be held against the other; and it answers, before
anything is sent, what would be decided. The order in which the rules are tried is the contract's: the first that holds
decides. It is in docs/authorization-rules.md.

Units are milli-units, amounts token minor units, days are since 1970-01-01 UTC, times Unix seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from careledger.authorization.amounts import MILLI
from careledger.authorization.rules import BASIS_POINTS, AuthorizationRule, Coverage, RuleFlag
from careledger.contract_enums import Action, Basis
from careledger.errors import InvalidInput

__all__ = [
    "EXPEDITED_SECONDS",
    "STANDARD_SECONDS",
    "UNKNOWN_AMOUNT",
    "Action",
    "Basis",
    "Circumstances",
    "GoldCards",
    "Line",
    "LineDecision",
    "decide",
    "decide_request",
    "due_at",
]

DAY = 86_400
HOUR = 3_600
EXPEDITED_SECONDS = 72 * HOUR
"""From receipt until an expedited request is due (CMS-0057-F, 42 CFR 422.568 and 422.572)."""

STANDARD_SECONDS = 7 * DAY
"""From receipt until any other request is due (CMS-0057-F)."""

VALIDITY_DAYS_WITHOUT_RULE = 90
"""For which an authorization holds where the rule names no time."""

PLANNED_DAYS = 366
"""After the receipt, the furthest day on which a service may begin."""

LAST_DAY = 2**16 - 1
UNKNOWN_AMOUNT = 2**64 - 1
"""An amount that the provider does not know."""

LIMITS = {"benefit_class": 16, "unit_code": 16, "milli_units": 40, "amount": 64, "service_day": 16}
"""Bits of a line's members."""


@dataclass(frozen=True, slots=True)
class Line:
    """A service asked for, as the contract gets it. `amount` is `UNKNOWN_AMOUNT` if the provider does not know it.

    Raises InvalidInput for a value that is out of range, and for no units.
    """

    benefit_class: int
    unit_code: int
    milli_units: int
    amount: int
    service_day: int

    def __post_init__(self) -> None:
        for name, bits in LIMITS.items():
            if not 0 <= getattr(self, name) < 1 << bits:
                raise InvalidInput(name, str(getattr(self, name)), f"must be from 0 to {(1 << bits) - 1}")
        if self.milli_units == 0:
            raise InvalidInput("milli_units", "0", "must be 1 or more: the contract takes no line without units")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What holds for a whole request. `decided_at` is the time of the block; `eligible_until` what the insurer's signed
    eligibility of the member says, None without one; `documents` has bit n for a document of kind n that is in force.
    """

    received_at: int
    decided_at: int
    eligible_until: int | None
    expedited: bool = False
    documents: int = 0

    @property
    def day(self) -> int:
        """The day of receipt, by which rules are in force and services are retrospective."""
        return self.received_at // DAY


@dataclass(frozen=True, slots=True)
class LineDecision:
    """The decision of a line. `milli_units` and `amount` are what is granted; `milli_units_before` what the member had
    taken in class and period before, 0 where it was not asked. `missing_documents` has bit n for a required kind that
    was not there. `valid_from` and `valid_to` are 0 if nothing is granted, `due_at` is 0 unless the line waits."""

    action: Action
    basis: Basis
    line: Line
    milli_units: int = 0
    amount: int = 0
    milli_units_before: int = 0
    missing_documents: int = 0
    valid_from: int = 0
    valid_to: int = 0
    due_at: int = 0


def decide(
    line: Line,
    rule: AuthorizationRule,
    circumstances: Circumstances,
    taken_milli_units: int = 0,
    has_gold_card: bool = False,
) -> LineDecision:
    """The decision of one line.

    `rule` is the class's in the version that is in force, `AuthorizationRule.unset()` if it has none;
    `taken_milli_units` what the member has reserved and used of the class in the benefit period.

    Raises InvalidInput for a service that begins later than the contract takes.
    """
    if line.service_day > circumstances.day + PLANNED_DAYS:
        most = f"must be at most {circumstances.day + PLANNED_DAYS}, {PLANNED_DAYS} days after the receipt"
        raise InvalidInput("service_day", str(line.service_day), most)
    action, basis, missing = _outcome(line, rule, circumstances, taken_milli_units, has_gold_card)
    before = taken_milli_units if _asks_for_units(line, rule, basis, has_gold_card) else 0
    if action is Action.PENDED:
        due = due_at(circumstances.received_at, circumstances.expedited)
        return LineDecision(action, basis, line, milli_units_before=before, missing_documents=missing, due_at=due)
    if action not in (Action.APPROVED_IN_FULL, Action.APPROVED_IN_PART):
        return LineDecision(action, basis, line, milli_units_before=before)
    granted = min(line.milli_units, rule.max_milli_units_per_period - taken_milli_units)
    return LineDecision(
        action,
        basis,
        line,
        milli_units=granted,
        amount=line.amount if granted == line.milli_units else line.amount * granted // line.milli_units,
        milli_units_before=before,
        valid_from=line.service_day,
        valid_to=min(line.service_day + (rule.validity_days or VALIDITY_DAYS_WITHOUT_RULE) - 1, LAST_DAY),
    )


def decide_request(
    lines: Iterable[Line],
    rule_of: Callable[[int], AuthorizationRule],
    circumstances: Circumstances,
    taken: Mapping[int, int] | None = None,
    has_gold_card: Callable[[int], bool] = lambda _: False,
) -> list[LineDecision]:
    """The decisions of a request's lines, in order: what one line is granted counts for those after it.

    `rule_of` and `has_gold_card` are asked by class; `taken` has the milli-units that the member has reserved and used
    by class, none where it is silent.
    """
    units = Counter(taken or {})
    decisions = []
    for line in lines:
        decision = decide(
            line,
            rule_of(line.benefit_class),
            circumstances,
            units[line.benefit_class],
            has_gold_card(line.benefit_class),
        )
        units[line.benefit_class] += decision.milli_units
        decisions.append(decision)
    return decisions


def due_at(received_at: int, expedited: bool) -> int:
    """When a request that waits is due, Unix seconds."""
    return received_at + (EXPEDITED_SECONDS if expedited else STANDARD_SECONDS)


class GoldCards:
    """Who skips review: the record of lines that a person decided, by provider and class, in fixed windows of days.

    Window `day // window days` is held a card in by who earned it in the one before: enough lines reviewed, at least
    one, and enough of them approved in full. Where windows get another length, records start anew.
    """

    def __init__(self) -> None:
        self._length: dict[tuple[str, int], int] = {}
        self._reviewed: Counter[tuple[str, int, int]] = Counter()
        self._approved: Counter[tuple[str, int, int]] = Counter()

    def record(self, provider: str, benefit_class: int, rule: AuthorizationRule, day: int, in_full: bool) -> None:
        """A person decided a pended line of the provider's on a day, under this rule of the class."""
        length = rule.gold_card_window_days
        if not rule.flags & RuleFlag.GOLD_CARD_OK or length == 0:
            return
        if self._length.setdefault((provider, benefit_class), length) != length:
            self._length[provider, benefit_class] = length
            for counts in (self._reviewed, self._approved):
                for key in [key for key in counts if key[:2] == (provider, benefit_class)]:
                    del counts[key]
        key = (provider, benefit_class, day // length)
        self._reviewed[key] += 1
        self._approved[key] += in_full

    def holds(self, provider: str, benefit_class: int, rule: AuthorizationRule, day: int) -> bool:
        """Whether the provider holds a card in the class on a day, which is the block's."""
        length = rule.gold_card_window_days
        if not rule.flags & RuleFlag.GOLD_CARD_OK or self._length.get((provider, benefit_class)) != length:
            return False
        key = (provider, benefit_class, day // length - 1)
        reviewed, approved = self._reviewed[key], self._approved[key]
        enough = reviewed >= max(1, rule.gold_card_requests)
        return enough and approved * BASIS_POINTS >= rule.gold_card_approval_rate * reviewed


def _asks_for_units(line: Line, rule: AuthorizationRule, basis: Basis, has_gold_card: bool) -> bool:
    """Whether the member's units had to be looked up: by a gold card that was tried, or by the last of the rules."""
    if basis in (Basis.WITHIN_RULES, Basis.UNITS_OVER_PERIOD_LIMIT):
        return True
    tried = bool(rule.flags & RuleFlag.GOLD_CARD_OK) and has_gold_card and line.unit_code == rule.unit_code
    return tried and basis >= Basis.GOLD_CARD


def _outcome(
    line: Line, rule: AuthorizationRule, circumstances: Circumstances, taken: int, has_gold_card: bool
) -> tuple[Action, Basis, int]:
    """Action and basis, and which documents are missing. The first that holds decides."""
    flags, day = rule.flags, circumstances.day
    left = max(0, rule.max_milli_units_per_period - taken)
    fits = line.milli_units <= left
    same_unit = line.unit_code == rule.unit_code

    if circumstances.eligible_until is None or circumstances.eligible_until < circumstances.decided_at:
        return Action.PENDED, Basis.COVERAGE_UNVERIFIED, 0
    if rule.coverage == Coverage.UNSET or not rule.first_day <= day <= rule.last_day:
        return Action.PENDED, Basis.NO_RULE, 0
    if not flags & RuleFlag.AUTHORIZATION_NEEDED:
        return Action.NOT_REQUIRED, Basis.NOT_REQUIRED, 0
    if flags & RuleFlag.GOLD_CARD_OK and has_gold_card and same_unit and fits:
        return Action.APPROVED_IN_FULL, Basis.GOLD_CARD, 0
    if rule.coverage == Coverage.NOT_COVERED:
        if flags & RuleFlag.DENY_NOT_COVERED:
            return Action.DENIED, Basis.CONTRACT_EXCLUSION, 0
        return Action.PENDED, Basis.NOT_COVERED, 0
    if rule.coverage == Coverage.CONDITIONAL:
        return Action.PENDED, Basis.CONDITIONAL_COVERAGE, 0
    missing = rule.required_documents & ~circumstances.documents
    if missing:
        return Action.PENDED, Basis.DOCUMENTS_MISSING, missing
    if flags & RuleFlag.NO_AUTO:
        return Action.PENDED, Basis.REVIEW_REQUIRED, 0
    if flags & RuleFlag.EXPEDITED_ONLY and not circumstances.expedited:
        return Action.PENDED, Basis.EXPEDITED_ONLY, 0
    if line.service_day < day:
        return Action.PENDED, Basis.RETROSPECTIVE, 0
    if not same_unit:
        return Action.PENDED, Basis.UNIT_MISMATCH, 0
    if line.amount == UNKNOWN_AMOUNT:
        return Action.PENDED, Basis.AMOUNT_UNKNOWN, 0
    if line.amount > rule.max_amount or line.amount * MILLI > rule.max_unit_price * line.milli_units:
        return Action.PENDED, Basis.AMOUNT_OVER_LIMIT, 0
    if line.milli_units > rule.max_milli_units_per_request:
        return Action.PENDED, Basis.UNITS_OVER_REQUEST_LIMIT, 0
    if fits:
        return Action.APPROVED_IN_FULL, Basis.WITHIN_RULES, 0
    if left and flags & RuleFlag.ALLOW_PARTIAL:
        return Action.APPROVED_IN_PART, Basis.UNITS_OVER_PERIOD_LIMIT, 0
    return Action.PENDED, Basis.UNITS_OVER_PERIOD_LIMIT, 0
