"""What changed from one version of a policy to the next: class by class, in words and as JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from careledger.authorization.amounts import units_text
from careledger.authorization.code_systems import Code
from careledger.authorization.rule_set import EPOCH, RuleSet, hyphenated, numbers_of_bits
from careledger.authorization.rules import AuthorizationRule, BenefitRule, ClaimRule, Coverage, Pricing, RuleFlag

__all__ = ["Change", "ClassDifference", "CodeDifference", "Difference", "RuleDifference", "describe", "diff"]

SECONDS = {"d": 86_400, "h": 3600, "min": 60, "s": 1}
NOTHING = "none"

Text = str | tuple[str, ...]
"""A value as it stands in a rule file, or a list of names."""


class Difference(Enum):
    """What became of a class."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class Change:
    """A member, by its name in the rule file, that has another value."""

    member: str
    old: Text
    new: Text

    def __str__(self) -> str:
        if isinstance(self.old, tuple) and isinstance(self.new, tuple):
            gained = [name for name in self.new if name not in self.old]
            lost = [name for name in self.old if name not in self.new]
            said = [f"gained {', '.join(gained)}"] if gained else []
            said += [f"lost {', '.join(lost)}"] if lost else []
            return f"{self.member} {' and '.join(said)}"
        return f"{self.member} was {self.old}, is {self.new}"


@dataclass(frozen=True)
class ClassDifference:
    """A class whose rule changed. `name` is the new one, or the last that it had; `changes` are a changed class's."""

    number: int
    name: str
    difference: Difference
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class CodeDifference:
    """A code that changed its class. None: it was, or is, in none."""

    code: Code
    old: str | None
    new: str | None

    def __str__(self) -> str:
        if self.old is None:
            return f"{self.code} is new, in {self.new}"
        if self.new is None:
            return f"{self.code} was in {self.old} and is in no class any more"
        return f"{self.code} was in {self.old}, is in {self.new}"


@dataclass(frozen=True)
class RuleDifference:
    """All that changed. `terms` has the settlement's changes too."""

    old_digest: bytes
    new_digest: bytes
    terms: tuple[Change, ...]
    classes: tuple[ClassDifference, ...]
    codes: tuple[CodeDifference, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the two are the same to both sides: the codes of units aside."""
        return not (self.terms or self.classes or self.codes)

    def sentences(self) -> Iterator[str]:
        """One for each change."""
        for change in self.terms:
            yield f"terms: {change}"
        for one in self.classes:
            if one.difference is Difference.CHANGED:
                for change in one.changes:
                    yield f"{one.name}: {change}"
            elif one.difference is Difference.ADDED:
                yield f"{one.name}: has a rule now"
            else:
                yield f"{one.name}: has no rule any more"
        for code in self.codes:
            yield f"codes: {code}"

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "oldDigest": "0x" + self.old_digest.hex(),
            "newDigest": "0x" + self.new_digest.hex(),
            "terms": [_change(change) for change in self.terms],
            "classes": [
                {
                    "class": one.number,
                    "name": one.name,
                    "difference": one.difference.value,
                    "changes": [_change(change) for change in one.changes],
                }
                for one in self.classes
            ],
            "codes": [
                {"system": one.code.system, "code": one.code.code, "old": one.old, "new": one.new} for one in self.codes
            ],
        }


def diff(old: RuleSet, new: RuleSet) -> RuleDifference:
    """What changed from one version to the next."""
    return RuleDifference(
        old.digest,
        new.digest,
        _changes(_describe_terms(old), _describe_terms(new)),
        tuple(_class_differences(old, new)),
        tuple(_code_differences(old, new)),
    )


def describe(rule_set: RuleSet, rule: BenefitRule) -> dict[str, Text]:
    """A rule by the names and in the words of the rule file."""
    return {
        **_describe_authorization(rule_set, rule.authorization),
        **{f"claim.{name}": text for name, text in _describe_claim(rule_set, rule.claim).items()},
    }


def _class_differences(old: RuleSet, new: RuleSet) -> Iterator[ClassDifference]:
    before = {rule.benefit_class: rule for rule in old.rules}
    after = {rule.benefit_class: rule for rule in new.rules}
    for number in sorted(before.keys() | after.keys()):
        if number not in before:
            yield ClassDifference(number, new.class_name(number), Difference.ADDED)
        elif number not in after:
            yield ClassDifference(number, old.class_name(number), Difference.REMOVED)
        else:
            changes = _changes(
                {"name": old.class_name(number), **describe(old, before[number])},
                {"name": new.class_name(number), **describe(new, after[number])},
            )
            if changes:
                yield ClassDifference(number, new.class_name(number), Difference.CHANGED, changes)


def _code_differences(old: RuleSet, new: RuleSet) -> Iterator[CodeDifference]:
    for code in sorted(old.codes.keys() | new.codes.keys(), key=lambda code: (code.system, code.code)):
        before, after = old.codes.get(code), new.codes.get(code)
        if before != after:
            yield CodeDifference(
                code,
                None if before is None else old.class_name(before),
                None if after is None else new.class_name(after),
            )


def _changes(old: Mapping[str, Text], new: Mapping[str, Text]) -> tuple[Change, ...]:
    return tuple(Change(name, old[name], new[name]) for name in new if old[name] != new[name])


def _change(change: Change) -> dict[str, Any]:
    old, new = (list(text) if isinstance(text, tuple) else text for text in (change.old, change.new))
    return {"member": change.member, "old": old, "new": new}


def _describe_terms(rule_set: RuleSet) -> dict[str, Text]:
    terms = rule_set.terms
    return {
        "settlement.currency": rule_set.settlement.currency,
        "settlement.decimals": str(rule_set.settlement.decimals),
        "plan": str(terms.plan),
        "receipt_window": _duration(terms.receipt_window),
        "appeal_days": str(terms.appeal_days),
        "shadow": str(terms.shadow).lower(),
        "deductible": _money(rule_set, terms.deductible),
        "out_of_pocket_maximum": _money(rule_set, terms.out_of_pocket_maximum),
        "base_rate": _money(rule_set, terms.base_rate),
        "document": "0x" + terms.document.hex(),
    }


def _describe_authorization(rule_set: RuleSet, rule: AuthorizationRule) -> dict[str, Text]:
    return {
        "coverage": hyphenated(Coverage(rule.coverage).name),
        "flags": tuple(hyphenated(flag.name or "") for flag in RuleFlag if flag & rule.flags),
        "first_day": _day(rule.first_day),
        "last_day": _day(rule.last_day),
        "unit": _numbered(rule_set.unit_names, rule.unit_code),
        "validity_days": str(rule.validity_days),
        "documents": tuple(
            _numbered(rule_set.document_kind_names, kind) for kind in numbers_of_bits(rule.required_documents)
        ),
        "max_units_per_request": units_text(rule.max_milli_units_per_request),
        "max_units_per_period": units_text(rule.max_milli_units_per_period),
        "max_unit_price": _money(rule_set, rule.max_unit_price),
        "max_amount": _money(rule_set, rule.max_amount),
        "gold_card.requests": str(rule.gold_card_requests),
        "gold_card.approval_rate": _percent(rule.gold_card_approval_rate),
        "gold_card.window_days": str(rule.gold_card_window_days),
    }


def _describe_claim(rule_set: RuleSet, rule: ClaimRule) -> dict[str, Text]:
    whole, parts = divmod(rule.episode_weight, 10_000)
    return {
        "filing_days": str(rule.filing_days),
        "fast_track_maximum": _money(rule_set, rule.fast_track_maximum),
        "pricing": hyphenated(Pricing(rule.pricing).name),
        "unit_price": _money(rule_set, rule.unit_price) if rule.unit_price else NOTHING,
        "episode_weight": f"{whole}.{parts:04}",
        "copay": _money(rule_set, rule.copay),
        "coinsurance": _percent(rule.coinsurance),
        "max_units_per_day": units_text(rule.max_milli_units_per_day) if rule.max_milli_units_per_day else NOTHING,
        "part_of": _numbered(rule_set.class_names, rule.part_of) if rule.part_of else NOTHING,
    }


def _numbered(names: Mapping[int, str], number: int) -> str:
    """Name and number: a number that got another meaning shows."""
    return f"{names[number]} ({number})" if number in names else str(number)


def _money(rule_set: RuleSet, amount: int) -> str:
    return f"{rule_set.settlement.text(amount)} {rule_set.settlement.currency}"


def _percent(basis_points: int) -> str:
    whole, parts = divmod(basis_points, 100)
    return f"{whole}.{parts:02}".rstrip("0").rstrip(".") + "%" if parts else f"{whole}%"


def _day(number: int) -> str:
    return (EPOCH + dt.timedelta(number)).isoformat()


def _duration(seconds: int) -> str:
    name, length = next((name, length) for name, length in SECONDS.items() if seconds % length == 0)
    return f"{seconds // length} {name}"
