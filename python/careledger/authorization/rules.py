"""A policy's terms and rules, as `contracts/authorization/BenefitRule.sol` and `ICoveragePolicy.sol` have them.

Units are milli-units, amounts token minor units, days are since 1970-01-01 UTC, rates basis points. Each class refuses
what its Solidity struct cannot hold. What the contract refuses besides is told by
`contradictions_of_terms` and `contradictions_of_rule`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from enum import IntEnum, IntFlag
from typing import Any, ClassVar

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from careledger.contract_enums import Coverage, Pricing
from careledger.errors import InvalidInput

__all__ = [
    "BASIS_POINTS",
    "MAX_AGREED_AMOUNT",
    "AuthorizationRule",
    "BenefitRule",
    "ClaimRule",
    "Coverage",
    "Pricing",
    "RuleFlag",
    "Terms",
    "contradictions_of_rule",
    "contradictions_of_terms",
    "digest",
]

BASIS_POINTS = 10_000
"""Basis points of the whole; an episode's weight and a hospital's coefficient are counted in the same parts."""

MAX_AGREED_AMOUNT = 2**56 - 1
"""Token minor units. What a policy may name at most: those who settle claims pack amounts in 56 bits."""

MAX_RECEIPT_WINDOW = 7 * 86_400
WORD = 32
EMPTY_WORD = bytes(WORD)


class RuleFlag(IntFlag):
    """What a class's rule may say besides; `RuleFlags` in the contracts says what each means."""

    AUTHORIZATION_NEEDED = 1 << 0
    NO_AUTO = 1 << 1
    ALLOW_PARTIAL = 1 << 2
    DENY_NOT_COVERED = 1 << 3
    EXPEDITED_ONLY = 1 << 4
    SECOND_OPINION = 1 << 5
    GOLD_CARD_OK = 1 << 6
    APPROVE_OVERDUE = 1 << 7
    DEDUCTIBLE = 1 << 8
    INCLUDES_OTHERS = 1 << 9


ALL_FLAGS = (1 << len(RuleFlag)) - 1
NO_FLAGS = RuleFlag(0)


class _Struct:
    """A Solidity struct of static values. `TYPES` are its members' ABI types, in order."""

    TYPES: ClassVar[tuple[str, ...]]

    def __post_init__(self) -> None:
        for name, kind, value in zip(_names(self), self.TYPES, self.to_abi(), strict=True):
            if kind.startswith("uint"):
                limit = 1 << int(kind.removeprefix("uint"))
                if type(value) is bool or not isinstance(value, int) or not 0 <= value < limit:
                    raise InvalidInput(name, str(value), f"must be from 0 to {limit - 1}")
            elif kind == "bytes32" and (type(value) is not bytes or len(value) != WORD):
                raise InvalidInput(name, repr(value), "must be 32 bytes")

    def to_abi(self) -> tuple[Any, ...]:
        """The members in Solidity's order."""
        return tuple(_to_abi(getattr(self, name)) for name in _names(self))

    @classmethod
    def abi_type(cls) -> str:
        """The struct as a tuple type."""
        return f"({','.join(cls.TYPES)})"


@dataclass(frozen=True)
class AuthorizationRule(_Struct):
    """What of a class's rule decides a request. `unit_code` is 0 if there is none; `required_documents` has bit n for a
    document of kind n. The gold card's three values are requests, basis points and days."""

    TYPES: ClassVar[tuple[str, ...]] = (
        *("uint8", "uint16", "uint16", "uint16", "uint16", "uint16", "uint64", "uint40", "uint40"),
        *("uint64", "uint64", "uint32", "uint16", "uint16"),
    )

    coverage: Coverage
    flags: RuleFlag = NO_FLAGS
    unit_code: int = 0
    validity_days: int = 0
    first_day: int = 0
    last_day: int = 0
    required_documents: int = 0
    max_milli_units_per_request: int = 0
    max_milli_units_per_period: int = 0
    max_unit_price: int = 0
    max_amount: int = 0
    gold_card_requests: int = 0
    gold_card_approval_rate: int = 0
    gold_card_window_days: int = 0

    def __post_init__(self) -> None:
        """Raises InvalidInput for a value that is out of range."""
        super().__post_init__()
        if not 0 <= self.coverage <= max(Coverage):
            raise InvalidInput("coverage", str(self.coverage), "is not known")
        if self.flags & ~ALL_FLAGS:
            raise InvalidInput("flags", str(int(self.flags)), f"must be below {ALL_FLAGS + 1}")

    @classmethod
    def unset(cls) -> AuthorizationRule:
        """What a version has for a class without a rule."""
        return cls(Coverage.UNSET)


@dataclass(frozen=True)
class ClaimRule(_Struct):
    """What of a class's rule decides a claim. `unit_price` is 0 if none was agreed, `max_milli_units_per_day` if there
    is no limit, `part_of` if the class is included in no other. `flags` are the authorization rule's."""

    TYPES: ClassVar[tuple[str, ...]] = (
        *("uint64", "uint64", "uint64", "uint16", "uint16", "uint8", "uint16"),
        *("uint40", "uint32", "uint16"),
    )

    fast_track_maximum: int = 0
    unit_price: int = 0
    copay: int = 0
    coinsurance: int = 0
    filing_days: int = 0
    pricing: Pricing = Pricing.FEE_FOR_SERVICE
    flags: RuleFlag = NO_FLAGS
    max_milli_units_per_day: int = 0
    episode_weight: int = 0
    part_of: int = 0

    def __post_init__(self) -> None:
        """Raises InvalidInput for a value that is out of range."""
        super().__post_init__()
        if not 0 <= self.pricing <= max(Pricing):
            raise InvalidInput("pricing", str(self.pricing), "is not known")
        if self.flags & ~ALL_FLAGS:
            raise InvalidInput("flags", str(int(self.flags)), f"must be below {ALL_FLAGS + 1}")


@dataclass(frozen=True)
class BenefitRule(_Struct):
    """A class's whole rule. Raises InvalidInput for a class out of range."""

    TYPES: ClassVar[tuple[str, ...]] = ("uint16", AuthorizationRule.abi_type(), ClaimRule.abi_type())

    benefit_class: int
    authorization: AuthorizationRule
    claim: ClaimRule


@dataclass(frozen=True)
class Terms(_Struct):
    """What holds for a whole version. `receipt_window` is in seconds, `document` the SHA-256 of the policy document.

    Raises InvalidInput for a value that is out of range.
    """

    TYPES: ClassVar[tuple[str, ...]] = (
        *("uint32", "uint32", "uint16", "bool", "uint64", "uint64", "uint64", "bytes32", "bytes32"),
    )

    plan: int
    receipt_window: int
    appeal_days: int
    shadow: bool = False
    deductible: int = 0
    out_of_pocket_maximum: int = 0
    base_rate: int = 0
    document: bytes = EMPTY_WORD
    class_root: bytes = EMPTY_WORD


RULE_TYPES = ("bytes32", *BenefitRule.TYPES)


def digest(terms: Terms, rules: Iterable[BenefitRule]) -> bytes:
    """What a version with these terms and rules, in this order, has as its digest: `digestOf` of the contract.

    32 bytes: the keccak-256 of the terms, folded with each rule.
    """
    folded: bytes = keccak(encode([Terms.abi_type()], [terms.to_abi()]))
    for rule in rules:
        folded = keccak(encode(RULE_TYPES, [folded, *rule.to_abi()]))
    return folded


def contradictions_of_terms(terms: Terms) -> Iterator[tuple[str, str]]:
    """Why the contract would refuse these terms: members and what is wrong with them."""
    if not 0 < terms.receipt_window <= MAX_RECEIPT_WINDOW:
        yield "receipt_window", "must be 1 second to 7 days"
    if terms.appeal_days == 0:
        yield "appeal_days", "must be 1 or more"
    for name in ("deductible", "out_of_pocket_maximum", "base_rate"):
        if getattr(terms, name) > MAX_AGREED_AMOUNT:
            yield name, f"is more than {MAX_AGREED_AMOUNT} minor units"
    if terms.deductible > terms.out_of_pocket_maximum:
        yield "deductible", "is more than the out-of-pocket maximum"
    for name in ("document", "class_root"):
        if getattr(terms, name) == EMPTY_WORD:
            yield name, "is missing"


def contradictions_of_rule(rule: BenefitRule, has_base_rate: bool) -> Iterator[tuple[str, str]]:
    """Why the contract would refuse this rule: members, with `claim.` before those of the claim rule, and what is wrong
    with them. `has_base_rate`: whether the version prices episodes."""
    authorization, claim = rule.authorization, rule.claim
    if rule.benefit_class == 0:
        yield "class", "must be 1 or more"
    if authorization.flags != claim.flags:
        yield "claim.flags", "are others than the authorization rule's"
    if claim.part_of == rule.benefit_class:
        yield "claim.part_of", "is the class itself"
    yield from _contradictions_of_authorization(authorization)
    yield from _contradictions_of_gold_card(authorization)
    if claim.pricing == Pricing.EPISODE and not has_base_rate:
        yield "claim.pricing", "is by the episode, and the terms have no base rate"
    if claim.pricing == Pricing.EPISODE and claim.episode_weight == 0:
        yield "claim.episode_weight", "must be more than 0, because the price is by the episode"
    for name in ("fast_track_maximum", "unit_price", "copay"):
        if getattr(claim, name) > MAX_AGREED_AMOUNT:
            yield f"claim.{name}", f"is more than {MAX_AGREED_AMOUNT} minor units"
    if claim.coinsurance > BASIS_POINTS:
        yield "claim.coinsurance", "is more than 100%"
    if claim.filing_days == 0:
        yield "claim.filing_days", "must be 1 or more"


def _contradictions_of_authorization(rule: AuthorizationRule) -> Iterator[tuple[str, str]]:
    if rule.coverage == Coverage.UNSET:
        yield "coverage", "must be stated"
    if rule.flags & RuleFlag.DENY_NOT_COVERED and rule.coverage != Coverage.NOT_COVERED:
        yield "flags", "deny what is not covered, and the class is"
    if rule.coverage != Coverage.NOT_COVERED and rule.max_milli_units_per_request == 0:
        yield "max_milli_units_per_request", "must be more than 0"
    if rule.max_milli_units_per_request > rule.max_milli_units_per_period:
        yield "max_milli_units_per_request", "is more than the limit of the period"
    if rule.validity_days == 0:
        yield "validity_days", "must be 1 or more"
    if rule.first_day > rule.last_day:
        yield "last_day", "is before the first day"
    for name in ("max_unit_price", "max_amount"):
        if getattr(rule, name) > MAX_AGREED_AMOUNT:
            yield name, f"is more than {MAX_AGREED_AMOUNT} minor units"


def _contradictions_of_gold_card(rule: AuthorizationRule) -> Iterator[tuple[str, str]]:
    if rule.gold_card_approval_rate > BASIS_POINTS:
        yield "gold_card_approval_rate", "is more than 100%"
    if rule.flags & RuleFlag.GOLD_CARD_OK:
        if rule.coverage != Coverage.COVERED:
            yield "flags", "have a gold card, which is for classes that are covered"
        for name in ("gold_card_requests", "gold_card_approval_rate", "gold_card_window_days"):
            if getattr(rule, name) == 0:
                yield name, "must be more than 0"


def _names(struct: Any) -> Iterator[str]:
    return (field.name for field in fields(struct))


def _to_abi(value: Any) -> Any:
    if isinstance(value, _Struct):
        return value.to_abi()
    return int(value) if isinstance(value, IntEnum | IntFlag) else value
