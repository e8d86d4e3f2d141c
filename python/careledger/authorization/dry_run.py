"""What would be decided of a request, and why, in plain words; nothing is sent and no chain is asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from careledger.authorization.amounts import MILLI, units_text
from careledger.authorization.decision import (
    Action,
    Basis,
    Circumstances,
    LineDecision,
    decide_request,
)
from careledger.authorization.request import AuthorizationRequest
from careledger.authorization.rule_set import EPOCH, NO_CLASS, RuleSet
from careledger.authorization.rules import AuthorizationRule, Coverage

__all__ = ["DryRunContext", "ExplainedDecision", "dry_run", "explain"]

DAY = 86_400


@dataclass(frozen=True)
class DryRunContext:
    """What holds beside the request: its circumstances, the milli-units that the member has reserved and used by class,
    and the classes in which the provider holds a gold card. The request itself says whether it is expedited."""

    received_at: int
    covered: bool = True
    documents: int = 0
    taken_milli_units: Mapping[int, int] = field(default_factory=dict)
    gold_card_classes: frozenset[int] = frozenset()

    def circumstances(self, expedited: bool) -> Circumstances:
        """As if the request were decided the second it came in."""
        return Circumstances(
            received_at=self.received_at,
            decided_at=self.received_at,
            eligible_until=self.received_at if self.covered else None,
            expedited=expedited,
            documents=self.documents,
        )


@dataclass(frozen=True)
class ExplainedDecision:
    """The decision of the line with this number in the request, and why."""

    sequence: int
    decision: LineDecision
    why: str


def dry_run(rule_set: RuleSet, request: AuthorizationRequest, context: DryRunContext) -> list[ExplainedDecision]:
    """The decisions of a request's lines, in order, without those that it cancels.

    What a line is granted counts for those after it. How a line of the request becomes one of the contract's is said
    by `RuleSet.line`. Raises InvalidInput for a day of service that the contract cannot hold.
    """
    asked = [line for line in request.lines if not line.cancelled]
    circumstances = context.circumstances(request.expedited)
    decisions = decide_request(
        [rule_set.line(line, circumstances.day) for line in asked],
        rule_set.authorization_rule_of,
        circumstances,
        context.taken_milli_units,
        context.gold_card_classes.__contains__,
    )
    return [
        ExplainedDecision(line.sequence, decision, explain(rule_set, decision, circumstances))
        for line, decision in zip(asked, decisions, strict=True)
    ]


def explain(rule_set: RuleSet, decision: LineDecision, circumstances: Circumstances) -> str:
    """A sentence that says what was decided and which values decided it. It names no code and no member."""
    line = decision.line
    rule = rule_set.authorization_rule_of(line.benefit_class)
    name = rule_set.class_name(line.benefit_class)
    match decision.action:
        case Action.APPROVED_IN_FULL if decision.basis == Basis.GOLD_CARD:
            return f"Approved in full: the provider holds a gold card for {name}."
        case Action.APPROVED_IN_FULL:
            return f"Approved in full: {_units(rule_set, line.milli_units, rule)} of {name} are within the rules."
        case Action.APPROVED_IN_PART:
            granted, asked = units_text(decision.milli_units), _units(rule_set, line.milli_units, rule)
            return f"Approved in part: {granted} of {asked} of {name}, which is what the period has left."
        case Action.DENIED:
            return f"Denied: the contract between insurer and provider excludes {name}."
        case Action.NOT_REQUIRED:
            return f"No authorization is needed for {name}."
    return f"Waits for a person: {_why_pended(rule_set, decision, rule, circumstances)}."


def _why_pended(
    rule_set: RuleSet, decision: LineDecision, rule: AuthorizationRule, circumstances: Circumstances
) -> str:
    line, name = decision.line, rule_set.class_name(decision.line.benefit_class)
    limit = _units(rule_set, rule.max_milli_units_per_request, rule)
    match decision.basis:
        case Basis.COVERAGE_UNVERIFIED if circumstances.eligible_until is None:
            return "the insurer has not confirmed that the member is covered"
        case Basis.COVERAGE_UNVERIFIED:
            return "the insurer's word that the member is covered has expired"
        case Basis.NO_RULE:
            return _why_no_rule(rule_set, line.benefit_class, rule, circumstances)
        case Basis.NOT_COVERED:
            return f"{name} is not covered"
        case Basis.CONDITIONAL_COVERAGE:
            return f"{name} is covered under conditions that a person judges"
        case Basis.DOCUMENTS_MISSING:
            return f"documents are missing: {', '.join(rule_set.document_kinds(decision.missing_documents))}"
        case Basis.REVIEW_REQUIRED:
            return f"a person decides every request of {name}"
        case Basis.EXPEDITED_ONLY:
            return f"the rules decide only expedited requests of {name}"
        case Basis.RETROSPECTIVE:
            return (
                f"the service began on {_day(line.service_day)}, before the request came on {_day(circumstances.day)}"
            )
        case Basis.UNIT_MISMATCH:
            asked = rule_set.unit_name(line.unit_code)
            return f"the request counts in {asked}, the rule for {name} in {rule_set.unit_name(rule.unit_code)}"
        case Basis.AMOUNT_UNKNOWN:
            return "the amount is not known"
        case Basis.AMOUNT_OVER_LIMIT:
            return _why_over(rule_set, decision, rule)
        case Basis.UNITS_OVER_REQUEST_LIMIT:
            return f"{units_text(line.milli_units)} are asked for, and the limit of one request is {limit}"
    taken = units_text(decision.milli_units_before)
    period = _units(rule_set, rule.max_milli_units_per_period, rule)
    return f"{units_text(line.milli_units)} are asked for, {taken} are taken, and the limit of the period is {period}"


def _why_no_rule(rule_set: RuleSet, number: int, rule: AuthorizationRule, circumstances: Circumstances) -> str:
    if number == NO_CLASS:
        return "the code is in no class of this policy"
    name = rule_set.class_name(number)
    if rule.coverage == Coverage.UNSET:
        return f"the policy has no rule for {name}"
    span = f"from {_day(rule.first_day)} to {_day(rule.last_day)}"
    return f"the rule for {name} is in force {span}, and the request came on {_day(circumstances.day)}"


def _why_over(rule_set: RuleSet, decision: LineDecision, rule: AuthorizationRule) -> str:
    line, settlement = decision.line, rule_set.settlement
    amount = f"{settlement.text(line.amount)} {settlement.currency}"
    if line.amount > rule.max_amount:
        return f"{amount} is asked for, and the limit is {settlement.text(rule.max_amount)}"
    most = settlement.text(rule.max_unit_price * line.milli_units // MILLI)
    price = settlement.text(rule.max_unit_price)
    return f"{amount} is asked for, and {units_text(line.milli_units)} at no more than {price} each are {most}"


def _units(rule_set: RuleSet, milli_units: int, rule: AuthorizationRule) -> str:
    return f"{units_text(milli_units)} {rule_set.unit_name(rule.unit_code)}"


def _day(number: int) -> str:
    return (EPOCH + dt.timedelta(number)).isoformat()
