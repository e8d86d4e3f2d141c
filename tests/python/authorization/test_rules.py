"""Terms and rules: what fits into the contract's structs, what it refuses, and the digest that both sides sign."""

from __future__ import annotations

from dataclasses import astuple, fields, replace
from typing import Any

import pytest
from careledger.authorization.rules import (
    AuthorizationRule,
    BenefitRule,
    ClaimRule,
    Coverage,
    Pricing,
    RuleFlag,
    Terms,
    contradictions_of_rule,
    contradictions_of_terms,
    digest,
)
from careledger.errors import InvalidInput
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

TERMS = Terms(
    plan=7,
    receipt_window=3600,
    appeal_days=180,
    deductible=5,
    out_of_pocket_maximum=9,
    base_rate=3,
    document=b"\1" * 32,
    class_root=b"\2" * 32,
)
RULE = BenefitRule(
    3,
    AuthorizationRule(
        Coverage.COVERED,
        RuleFlag.AUTHORIZATION_NEEDED | RuleFlag.GOLD_CARD_OK,
        unit_code=1,
        validity_days=30,
        first_day=10,
        last_day=20,
        max_milli_units_per_request=1000,
        max_milli_units_per_period=2000,
        gold_card_requests=1,
        gold_card_approval_rate=9000,
        gold_card_window_days=90,
    ),
    ClaimRule(filing_days=90, flags=RuleFlag.AUTHORIZATION_NEEDED | RuleFlag.GOLD_CARD_OK),
)


def struct(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Any values that a struct can hold."""
    members: dict[str, st.SearchStrategy[Any]] = {}
    for field, abi in zip(fields(kind), kind.TYPES, strict=True):
        if field.name == "coverage":
            members[field.name] = st.sampled_from(Coverage)
        elif field.name == "pricing":
            members[field.name] = st.sampled_from(Pricing)
        elif field.name == "flags":
            members[field.name] = st.integers(0, 1023).map(RuleFlag)
        elif abi.startswith("uint"):
            members[field.name] = st.integers(0, 2 ** int(abi[4:]) - 1)
        else:
            members[field.name] = st.booleans() if abi == "bool" else st.binary(min_size=32, max_size=32)
    return st.builds(kind, **members)


rules = st.builds(BenefitRule, st.integers(0, 2**16 - 1), struct(AuthorizationRule), struct(ClaimRule))


def words(values: tuple[Any, ...]) -> bytes:
    """32 bytes each: what abi.encode makes of values that are all static."""
    return b"".join(v.rjust(32, b"\0") if isinstance(v, bytes) else int(v).to_bytes(32, "big") for v in values)


@given(struct(Terms), st.lists(rules, max_size=3))
def test_the_digest_is_what_the_contract_folds(terms: Terms, some: list[BenefitRule]) -> None:
    """By the words alone, and by eth_abi with the types written out."""
    folded = keccak(words(astuple(terms)))
    by_types = keccak(encode(["(uint32,uint32,uint16,bool,uint64,uint64,uint64,bytes32,bytes32)"], [astuple(terms)]))
    assert folded == by_types
    for rule in some:
        folded = keccak(folded + words((rule.benefit_class, *astuple(rule.authorization), *astuple(rule.claim))))
    assert digest(terms, some) == folded


def test_the_order_of_rules_and_every_member_count_in_the_digest() -> None:
    other = replace(RULE, benefit_class=4)
    assert digest(TERMS, [RULE, other]) != digest(TERMS, [other, RULE])
    for field in fields(RULE.claim):
        if field.name not in ("flags", "pricing"):
            claim = replace(RULE.claim, **{field.name: getattr(RULE.claim, field.name) + 1})
            assert digest(TERMS, [replace(RULE, claim=claim)]) != digest(TERMS, [RULE])


@pytest.mark.parametrize("kind", [AuthorizationRule, ClaimRule, Terms])
def test_a_value_beyond_its_type_is_refused_by_name(kind: type[Any]) -> None:
    base = {AuthorizationRule: RULE.authorization, ClaimRule: RULE.claim, Terms: TERMS}[kind]
    for field, abi in zip(fields(kind), kind.TYPES, strict=True):
        if abi == "bool":
            continue
        wrong: list[Any] = [b"short", b""] if abi == "bytes32" else [-1, 2 ** int(abi[4:]), 1.0, "1", True]
        for value in wrong:
            with pytest.raises(InvalidInput) as caught:
                replace(base, **{field.name: value})
            assert caught.value.name == field.name


def test_unknown_flags_coverage_and_pricing_are_refused() -> None:
    with pytest.raises(InvalidInput, match="flags"):
        replace(RULE.authorization, flags=1024)
    with pytest.raises(InvalidInput, match="flags"):
        replace(RULE.claim, flags=1024)
    with pytest.raises(InvalidInput, match="coverage"):
        replace(RULE.authorization, coverage=4)
    with pytest.raises(InvalidInput, match="pricing"):
        replace(RULE.claim, pricing=2)


def test_sound_terms_and_rules_have_no_contradictions() -> None:
    assert not list(contradictions_of_terms(TERMS))
    assert not list(contradictions_of_rule(RULE, has_base_rate=False))


@pytest.mark.parametrize(
    ("changes", "member"),
    [
        ({"receipt_window": 0}, "receipt_window"),
        ({"receipt_window": 7 * 86_400 + 1}, "receipt_window"),
        ({"appeal_days": 0}, "appeal_days"),
        ({"deductible": 10}, "deductible"),
        ({"out_of_pocket_maximum": 2**56}, "out_of_pocket_maximum"),
        ({"base_rate": 2**56}, "base_rate"),
        ({"document": bytes(32)}, "document"),
        ({"class_root": bytes(32)}, "class_root"),
    ],
)
def test_terms_that_the_contract_refuses_are_told(changes: dict[str, Any], member: str) -> None:
    assert [name for name, _ in contradictions_of_terms(replace(TERMS, **changes))] == [member]


AUTHORIZATION_CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"coverage": Coverage.UNSET, "flags": RuleFlag(0)}, "coverage"),
    ({"flags": RuleFlag.DENY_NOT_COVERED}, "flags"),
    ({"max_milli_units_per_request": 0}, "max_milli_units_per_request"),
    ({"max_milli_units_per_request": 2001}, "max_milli_units_per_request"),
    ({"validity_days": 0}, "validity_days"),
    ({"first_day": 21}, "last_day"),
    ({"max_unit_price": 2**56}, "max_unit_price"),
    ({"max_amount": 2**56}, "max_amount"),
    ({"gold_card_approval_rate": 10_001}, "gold_card_approval_rate"),
    ({"gold_card_approval_rate": 0}, "gold_card_approval_rate"),
    ({"gold_card_requests": 0}, "gold_card_requests"),
    ({"gold_card_window_days": 0}, "gold_card_window_days"),
    ({"coverage": Coverage.CONDITIONAL}, "flags"),
]
CLAIM_CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"flags": RuleFlag(0)}, "claim.flags"),
    ({"part_of": 3}, "claim.part_of"),
    ({"pricing": Pricing.EPISODE, "episode_weight": 1}, "claim.pricing"),
    ({"fast_track_maximum": 2**56}, "claim.fast_track_maximum"),
    ({"unit_price": 2**56}, "claim.unit_price"),
    ({"copay": 2**56}, "claim.copay"),
    ({"coinsurance": 10_001}, "claim.coinsurance"),
    ({"filing_days": 0}, "claim.filing_days"),
]


@pytest.mark.parametrize(("changes", "member"), AUTHORIZATION_CONTRADICTIONS)
def test_a_rule_that_the_contract_refuses_is_told(changes: dict[str, Any], member: str) -> None:
    authorization = replace(RULE.authorization, **changes)
    rule = BenefitRule(3, authorization, replace(RULE.claim, flags=authorization.flags))
    assert [name for name, _ in contradictions_of_rule(rule, has_base_rate=False)] == [member]


@pytest.mark.parametrize(("changes", "member"), CLAIM_CONTRADICTIONS)
def test_a_claim_rule_that_the_contract_refuses_is_told(changes: dict[str, Any], member: str) -> None:
    rule = replace(RULE, claim=replace(RULE.claim, **changes))
    assert [name for name, _ in contradictions_of_rule(rule, has_base_rate=False)] == [member]


def test_an_episode_needs_a_weight_and_a_class_a_number() -> None:
    rule = BenefitRule(0, RULE.authorization, replace(RULE.claim, pricing=Pricing.EPISODE, part_of=1))
    assert [name for name, _ in contradictions_of_rule(rule, has_base_rate=True)] == ["class", "claim.episode_weight"]
