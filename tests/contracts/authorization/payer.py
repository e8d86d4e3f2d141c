"""What the tests of authorization share: terms, rules and their digest, and what the two sides sign."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ape
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak

from ..support import DAY

PLAN = 7
CLASS, OTHER_CLASS, EXCLUDED_CLASS, EPISODE_CLASS = 11, 12, 13, 14
"""Benefit classes of `RULES`: covered; covered conditionally; not covered; priced by the episode."""

UNIT_CODE = 3
UNIT = 1000
"""Milli-units."""

MONEY = 10**6
"""Token minor units of one token."""

NOTICE = 30 * DAY
MAX_AMOUNT = 2**56 - 1
MAX_DAY = 2**16 - 1
SCALE = 10_000
"""Of weights and coefficients."""

DOCUMENT = keccak(text="policy document")
CLASS_ROOT = keccak(text="which code is in which class")

TERMS_TYPE = "(uint32,uint32,uint16,bool,uint64,uint64,uint64,bytes32,bytes32)"
AUTHORIZATION_RULE_TYPE = (
    "(uint8,uint16,uint16,uint16,uint16,uint16,uint64,uint40,uint40,uint64,uint64,uint32,uint16,uint16)"
)
CLAIM_RULE_TYPE = "(uint64,uint64,uint64,uint16,uint16,uint8,uint16,uint40,uint32,uint16)"

ENROLMENT_TYPE = {
    "provider": "bytes12",
    "digest": "bytes32",
    "version": "uint16",
    "start": "uint40",
    "coefficient": "uint32",
    "endings": "uint32",
    "deadline": "uint40",
}
"""As the interface's documentation states it."""


class PayerRole(enum.IntEnum):
    """Role ids in the insurer's manager."""

    POLICY_ADMINISTRATOR, GUARDIAN, MEDICAL_DIRECTOR, TREASURER = 2, 3, 4, 5


class VersionStatus(enum.IntEnum):
    UNKNOWN, DRAFT, SEALED = range(3)


class Coverage(enum.IntEnum):
    UNSET, COVERED, NOT_COVERED, CONDITIONAL = range(4)


class Pricing(enum.IntEnum):
    FEE_FOR_SERVICE, EPISODE = range(2)


class Flag(enum.IntFlag):
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


# ---------------------------------------------------------------------- terms and rules


def terms(**changes: Any) -> tuple[Any, ...]:
    """A version's terms, in the contract's order."""
    stated = {
        "plan": PLAN,
        "receipt_window": DAY,
        "appeal_days": 60,
        "shadow": False,
        "deductible": 500 * MONEY,
        "out_of_pocket_maximum": 4_000 * MONEY,
        "base_rate": 6_000 * MONEY,
        "document": DOCUMENT,
        "class_root": CLASS_ROOT,
    }
    assert changes.keys() <= stated.keys()
    return tuple({**stated, **changes}.values())


def rule(benefit_class: int = CLASS, **changes: Any) -> tuple[Any, ...]:
    """A class's rule, in the contract's order. `flags` stands in both halves; `claim_flags` makes them differ."""
    authorization = {
        "coverage": Coverage.COVERED,
        "flags": Flag.AUTHORIZATION_NEEDED,
        "unit_code": UNIT_CODE,
        "validity_days": 90,
        "first_day": 0,
        "last_day": MAX_DAY,
        "required_documents": 0,
        "max_milli_units_per_request": 10 * UNIT,
        "max_milli_units_per_period": 20 * UNIT,
        "max_unit_price": 200 * MONEY,
        "max_amount": 1_500 * MONEY,
        "gold_card_requests": 0,
        "gold_card_approval_rate": 0,
        "gold_card_window_days": 0,
    }
    claim = {
        "fast_track_maximum": 2_000 * MONEY,
        "unit_price": 150 * MONEY,
        "copay": 0,
        "coinsurance": 0,
        "filing_days": 90,
        "pricing": Pricing.FEE_FOR_SERVICE,
        "claim_flags": changes.get("flags", Flag.AUTHORIZATION_NEEDED),
        "max_milli_units_per_day": 0,
        "episode_weight": 0,
        "part_of": 0,
    }
    assert changes.keys() <= authorization.keys() | claim.keys()
    halves = [tuple(int(changes.get(name, value)) for name, value in half.items()) for half in (authorization, claim)]
    return (benefit_class, *halves)


def gold_card_rule(benefit_class: int = CLASS, **changes: Any) -> tuple[Any, ...]:
    """A covered class that a provider with 10 reviewed lines of a year, 90 % of them approved, skips review in."""
    stated = {
        "flags": Flag.AUTHORIZATION_NEEDED | Flag.GOLD_CARD_OK,
        "gold_card_requests": 10,
        "gold_card_approval_rate": 9_000,
        "gold_card_window_days": 365,
    }
    return rule(benefit_class, **{**stated, **changes})


def excluded_rule(benefit_class: int = EXCLUDED_CLASS, **changes: Any) -> tuple[Any, ...]:
    """A class that the contract excludes: denied without a person."""
    stated = {
        "coverage": Coverage.NOT_COVERED,
        "flags": Flag.AUTHORIZATION_NEEDED | Flag.DENY_NOT_COVERED,
        "max_milli_units_per_request": 0,
        "max_milli_units_per_period": 0,
    }
    return rule(benefit_class, **{**stated, **changes})


def episode_rule(benefit_class: int = EPISODE_CLASS, **changes: Any) -> tuple[Any, ...]:
    """A class that is priced by the episode, of weight 1.5."""
    return rule(benefit_class, **{"pricing": Pricing.EPISODE, "episode_weight": 15_000, "unit_price": 0, **changes})


RULES = (
    rule(CLASS),
    rule(OTHER_CLASS, coverage=Coverage.CONDITIONAL),
    excluded_rule(),
    episode_rule(),
)


def digest_of(stated: Sequence[Any], rules: Sequence[Any]) -> bytes:
    """What a version with these terms and rules is sealed with, by eth_abi."""
    digest = keccak(encode([TERMS_TYPE], [tuple(stated)]))
    for one in rules:
        kinds = ["bytes32", "uint16", AUTHORIZATION_RULE_TYPE, CLAIM_RULE_TYPE]
        digest = keccak(encode(kinds, [digest, *one]))
    return digest


# ---------------------------------------------------------------------- signatures


def sign(
    contract: Any,
    name: str,
    signer: Any,
    primary: str,
    fields: dict[str, str],
    message: dict[str, Any],
    /,
    **domain_changes: Any,
) -> bytes:
    """A signature over a message to a contract of this name, by eth-account. `fields` are the type's: name -> type."""
    domain = {
        "name": f"careledger {name}",
        "version": "1",
        "chainId": ape.networks.provider.chain_id,
        "verifyingContract": contract.address,
    }
    signed = Account.sign_typed_data(
        signer.private_key,
        domain_data={**domain, **domain_changes},
        message_types={primary: [{"name": field, "type": kind} for field, kind in fields.items()]},
        message_data=message,
    )
    return bytes(signed.signature)


def sign_enrolment(policy: Any, signer: Any, message: dict[str, Any], **domain_changes: Any) -> bytes:
    return sign(policy, "CoveragePolicy", signer, "Enrolment", ENROLMENT_TYPE, message, **domain_changes)


@dataclass(frozen=True)
class Agreement:
    """An enrolment that the two sides agree on, with whose keys they sign it."""

    policy: Any
    provider: bytes
    provider_key: Any
    insurer_key: Any
    version: int
    start: int
    coefficient: int
    deadline: int
    endings: int

    def message(self, **changes: Any) -> dict[str, Any]:
        """What is signed."""
        stated = {
            "provider": self.provider,
            "digest": bytes(self.policy.versionOf(self.version).digest),
            "version": self.version,
            "start": self.start,
            "coefficient": self.coefficient,
            "endings": self.endings,
            "deadline": self.deadline,
        }
        assert changes.keys() <= stated.keys()
        return {**stated, **changes}

    def call(self, **changes: Any) -> list[Any]:
        """The arguments of `enrol`, with both signatures. Fields changed are changed after signing."""
        stated = {
            "provider": self.provider,
            "version": self.version,
            "start": self.start,
            "coefficient": self.coefficient,
            "deadline": self.deadline,
            "provider_key": self.provider_key,
            "provider_signature": None,
            "insurer_key": self.insurer_key,
            "insurer_signature": None,
        }
        assert changes.keys() <= stated.keys()
        fields = {**stated, **changes}
        for side, key in (("provider", self.provider_key), ("insurer", self.insurer_key)):
            if fields[f"{side}_signature"] is None:
                fields[f"{side}_signature"] = sign_enrolment(self.policy, key, self.message())
        return list(fields.values())
