"""The estimate of `ClaimSettlement` against the model of cost sharing, over generated rules, terms and charges."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from careledger.authorization.cost_sharing import allowed_amount, episode_price, split
from careledger.authorization.rules import (
    AuthorizationRule,
    BenefitRule,
    ClaimRule,
    Coverage,
    Pricing,
    RuleFlag,
    Terms,
    digest,
)
from careledger.chain.development import Node
from eth_utils.crypto import keccak
from identity.suite import travel
from payer_world import PayerWorld, member_key

SEED = 3
VERSIONS = 5
CLASSES = 30
COUNTS = [600, pytest.param(10_000, marks=pytest.mark.full)]
LARGEST = 2**56 - 1
LARGEST_CHARGE = 2**64 - 1


@dataclass(frozen=True)
class Published:
    """A version, its terms and rules, and the coefficient that the provider is enrolled with."""

    number: int
    terms: Terms
    rules: tuple[BenefitRule, ...]
    coefficient: int


def claim_rule(chance: random.Random) -> ClaimRule:
    episode = chance.random() < 0.3
    return ClaimRule(
        unit_price=chance.choice((0, 1, 999, 12_345, chance.randrange(10**9), LARGEST)),
        copay=chance.choice((0, 0, 500, chance.randrange(10**7), LARGEST)),
        coinsurance=chance.choice((0, 1, 333, 2_000, 9_999, 10_000)),
        filing_days=90,
        pricing=Pricing.EPISODE if episode else Pricing.FEE_FOR_SERVICE,
        flags=RuleFlag.DEDUCTIBLE if chance.random() < 0.6 else RuleFlag(0),
        episode_weight=chance.choice((1, 9_999, 19_684, 2**32 - 1)) if episode else 0,
    )


def terms_of(chance: random.Random, plan: int) -> Terms:
    most = chance.choice((0, 1_000, 10**6, chance.randrange(10**9), LARGEST))
    return Terms(
        plan=plan,
        receipt_window=3600,
        appeal_days=1,
        deductible=chance.choice((0, most, most // 3)),
        out_of_pocket_maximum=most,
        base_rate=chance.choice((1, 650_000, 10**10, LARGEST)),
        document=keccak(text="policy document"),
        class_root=keccak(text="classes"),
    )


def published(world: PayerWorld, chance: random.Random, plan: int) -> Published:
    terms = terms_of(chance, plan)
    rules = []
    for number in range(1, CLASSES + 1):
        claim = claim_rule(chance)
        authorization = AuthorizationRule(
            Coverage.COVERED,
            claim.flags,
            validity_days=1,
            max_milli_units_per_request=1,
            max_milli_units_per_period=1,
        )
        rules.append(BenefitRule(number, authorization, claim))
    found = Published(world.publish(terms, tuple(rules)), terms, tuple(rules), chance.choice((0, 1, 9_500, 2**32 - 1)))
    world.enrol(world.providers[0], found.number, digest(terms, found.rules), found.coefficient)
    return found


def expected(version: Published, rule: ClaimRule, milli_units: int, charge: int) -> dict[str, Any]:
    price = episode_price(rule.episode_weight, version.terms.base_rate, version.coefficient)
    allowed = allowed_amount(rule, charge, milli_units, price)
    if allowed is None:
        return {"known": False}
    shares = split(rule, charge, allowed, version.terms.deductible, version.terms.out_of_pocket_maximum)
    return {
        "known": True,
        "allowed": allowed,
        "paid": shares.paid,
        "contractual": shares.contractual,
        "deductible": shares.deductible,
        "coinsurance": shares.coinsurance,
        "copay": shares.copay,
    }


@pytest.mark.parametrize("count", COUNTS)
def test_every_estimate_is_the_models(count: int, record_property: Callable[[str, object], None]) -> None:
    chance = random.Random(SEED)
    rule = BenefitRule(
        1,
        AuthorizationRule(
            Coverage.COVERED, validity_days=1, max_milli_units_per_request=1, max_milli_units_per_period=1
        ),
        ClaimRule(filing_days=1),
    )
    known = 0
    with Node() as node:
        world = PayerWorld(node.connect(), (rule,))
        versions = [published(world, chance, plan) for plan in range(100, 100 + VERSIONS)]
        settlement = world.deploy_settlement()
        travel(world.connection, 7200)
        provider = world.providers[0].organization
        for _ in range(count):
            version = chance.choice(versions)
            asked = chance.choice(version.rules)
            milli_units = chance.choice((1, 1000, 1500, chance.randrange(1, 10**6), 2**40 - 1))
            charge = chance.choice((1, 100, chance.randrange(1, 10**9), chance.randrange(1, 10**12), LARGEST_CHARGE))
            stated = (provider, version.number, member_key(1), 1, asked.benefit_class, milli_units, charge)
            found = settlement.read("estimate", *stated)
            wanted = expected(version, asked.claim, milli_units, charge)
            assert {name: found[name] for name in wanted} == wanted, (version, asked, milli_units, charge)
            known += wanted["known"]
    assert known > count // 2
    record_property("counted: estimates made by contract and model alike", count)
