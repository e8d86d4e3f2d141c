"""A version of a policy with the names of its house: what a rule file makes, and what is asked of it.

On chain stand the terms, the rules and the class root. The names, the table of codes and the units' codes stay between
the two sides.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from careledger.anchoring.types import DocumentKind
from careledger.authorization.amounts import MILLI, Settlement
from careledger.authorization.class_tree import ClassTree
from careledger.authorization.code_systems import Code, CodeSystems
from careledger.authorization.decision import UNKNOWN_AMOUNT, Line
from careledger.authorization.request import RequestLine
from careledger.authorization.rules import AuthorizationRule, BenefitRule, ClaimRule, Terms, digest

__all__ = ["EPOCH", "NO_CLASS", "NO_UNIT", "SUITE_DOCUMENT_KINDS", "RuleSet", "hyphenated", "numbers_of_bits"]

EPOCH = dt.date(1970, 1, 1)
"""Day 0 of the contracts."""

NO_CLASS = 0
"""The class of a code that the table does not have; no rule is for it."""

NO_UNIT = 0
"""The unit of a line whose unit is not in the table; no rule is in it, so that the line waits for a person."""


def hyphenated(name: str) -> str:
    """A member's name as it stands in files: `NOT_COVERED` is `not-covered`."""
    return name.lower().replace("_", "-")


def numbers_of_bits(bits: int) -> list[int]:
    """Which bits are set, from the lowest on."""
    return [number for number in range(bits.bit_length()) if bits >> number & 1]


SUITE_DOCUMENT_KINDS = {hyphenated(kind.name): kind.value for kind in DocumentKind}
"""The kinds of documents that every policy knows."""


@dataclass(frozen=True)
class RuleSet:
    """Terms, and rules sorted by class, with names by number. `codes` has the class of each code, `unit_codes` the
    number of each unit; both under their systems' one names, see `code_systems`. `unstated_unit` is what a line counts
    in that names no unit."""

    settlement: Settlement
    terms: Terms
    rules: tuple[BenefitRule, ...]
    class_names: Mapping[int, str]
    unit_names: Mapping[int, str] = field(default_factory=dict)
    document_kind_names: Mapping[int, str] = field(default_factory=dict)
    unit_codes: Mapping[Code, int] = field(default_factory=dict)
    unstated_unit: int = NO_UNIT
    codes: Mapping[Code, int] = field(default_factory=dict, repr=False)
    code_systems: CodeSystems = field(default_factory=CodeSystems, repr=False)

    @cached_property
    def digest(self) -> bytes:
        """What both sides sign, 32 bytes: the contract's `digestOf`, with the rules in this order."""
        return digest(self.terms, self.rules)

    @cached_property
    def class_tree(self) -> ClassTree:
        """The table of codes, whose root the terms have."""
        return ClassTree(self.codes)

    @cached_property
    def _by_class(self) -> dict[int, BenefitRule]:
        return {rule.benefit_class: rule for rule in self.rules}

    def class_of(self, system: str, code: str) -> int:
        """The class of a code, in whatever spelling its system is; `NO_CLASS` if the table does not have it."""
        return self.codes.get(self.code_systems.code(system, code), NO_CLASS)

    def unit_of(self, unit: Code | None) -> int:
        """The number of a unit; `NO_UNIT` if the table does not have it."""
        if unit is None:
            return self.unstated_unit
        return self.unit_codes.get(self.code_systems.code(unit.system, unit.code), NO_UNIT)

    def line(self, asked: RequestLine, received_on: int) -> Line:
        """A request's line as the contract gets it. `received_on` is the day of receipt, days since 1970-01-01.

        A quantity that was not stated becomes one unit of `NO_UNIT`, an amount that is not known `UNKNOWN_AMOUNT`: both
        wait for a person. A day that was not stated is the day of receipt.
        """
        stated = asked.milli_units is not None
        return Line(
            benefit_class=self.class_of(asked.code.system, asked.code.code),
            unit_code=self.unit_of(asked.unit) if stated else NO_UNIT,
            milli_units=MILLI if asked.milli_units is None else asked.milli_units,
            amount=UNKNOWN_AMOUNT if asked.priced is None else asked.priced,
            service_day=received_on if asked.first_day is None else (asked.first_day - EPOCH).days,
        )

    def authorization_rule_of(self, benefit_class: int) -> AuthorizationRule:
        """What decides a request in the class; unset if there is no rule for it."""
        rule = self._by_class.get(benefit_class)
        return rule.authorization if rule else AuthorizationRule.unset()

    def claim_rule_of(self, benefit_class: int) -> ClaimRule | None:
        """What decides a claim in the class; None if there is no rule for it."""
        rule = self._by_class.get(benefit_class)
        return rule.claim if rule else None

    def class_name(self, benefit_class: int) -> str:
        """The class's name, or its number if it has none here."""
        return self.class_names.get(benefit_class, f"class {benefit_class}")

    def unit_name(self, unit_code: int) -> str:
        """The unit's name, or its number if it has none here."""
        return "no known unit" if unit_code == NO_UNIT else self.unit_names.get(unit_code, f"unit {unit_code}")

    def document_kinds(self, kinds: int) -> list[str]:
        """The names of the kinds whose bits are set, or their numbers."""
        return [self.document_kind_names.get(kind, f"kind {kind}") for kind in numbers_of_bits(kinds)]
