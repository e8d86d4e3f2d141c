"""The model of a claim's shares: examples by hand, and what holds of every split."""

from __future__ import annotations

import pytest
from careledger.authorization.cost_sharing import CostShares, allowed_amount, episode_price, split
from careledger.authorization.rules import ClaimRule, Pricing, RuleFlag
from careledger.errors import InvalidInput
from hypothesis import assume, given
from hypothesis import strategies as st

SHARED = ClaimRule(unit_price=10_000, copay=2_000, coinsurance=2_000, flags=RuleFlag.DEDUCTIBLE)
AMPLE = 10**9
amounts = st.integers(0, 10**6)


@pytest.mark.parametrize(
    ("deductible_left", "out_of_pocket_left", "shares"),
    [
        # 150.00 charged, 100.00 allowed: copay 20, deductible 30, 20% of 50
        (3_000, AMPLE, CostShares(15_000, 4_000, 5_000, 3_000, 1_000, 2_000)),
        (0, AMPLE, CostShares(15_000, 6_400, 5_000, 0, 1_600, 2_000)),
        (AMPLE, AMPLE, CostShares(15_000, 0, 5_000, 8_000, 0, 2_000)),
        (3_000, 5_500, CostShares(15_000, 4_500, 5_000, 3_000, 500, 2_000)),
        (3_000, 2_500, CostShares(15_000, 7_500, 5_000, 500, 0, 2_000)),
        (3_000, 500, CostShares(15_000, 9_500, 5_000, 0, 0, 500)),
        (3_000, 0, CostShares(15_000, 10_000, 5_000, 0, 0, 0)),
    ],
)
def test_examples(deductible_left: int, out_of_pocket_left: int, shares: CostShares) -> None:
    assert split(SHARED, 15_000, 10_000, deductible_left, out_of_pocket_left) == shares


def test_a_copay_is_no_more_than_what_is_allowed() -> None:
    assert split(SHARED, 1_500, 1_500, AMPLE, AMPLE) == CostShares(1_500, 0, 0, 0, 0, 1_500)


def test_without_the_flag_no_deductible_applies() -> None:
    assert split(ClaimRule(), 100, 100, AMPLE, AMPLE) == CostShares(100, 100, 0, 0, 0, 0)


def test_a_price_allows_no_more_than_was_charged() -> None:
    assert allowed_amount(SHARED, 15_000, 1_000) == 10_000
    assert allowed_amount(SHARED, 9_999, 1_000) == 9_999
    assert allowed_amount(SHARED, 15_000, 333) == 3_330
    assert allowed_amount(ClaimRule(), 15_000, 1_000) is None
    assert allowed_amount(ClaimRule(unit_price=999), 15_000, 1) is None
    episode = ClaimRule(pricing=Pricing.EPISODE, unit_price=1)
    assert allowed_amount(episode, 15_000, 1_000, 12_000) == 12_000
    assert allowed_amount(episode, 15_000, 1_000, 16_000) == 15_000
    assert allowed_amount(episode, 15_000, 1_000) is None


def test_an_episode_costs_weight_times_rate_times_coefficient() -> None:
    assert episode_price(19_684, 650_000, 10_500) == 19_684 * 650_000 * 105 // 10**6
    assert episode_price(1, 1, 1) == 0
    assert episode_price(2**32 - 1, 2**56 - 1, 2**32 - 1) == 2**56 - 1


def test_more_allowed_than_charged_is_refused() -> None:
    with pytest.raises(InvalidInput, match="allowed"):
        split(SHARED, 100, 101, 0, 0)


rules = st.builds(
    ClaimRule,
    copay=amounts,
    coinsurance=st.integers(0, 10_000),
    flags=st.sampled_from([RuleFlag(0), RuleFlag.DEDUCTIBLE]),
)


@given(rules, amounts, amounts, amounts, amounts)
def test_every_split_adds_up(rule: ClaimRule, charge: int, allowed: int, deductible: int, bearable: int) -> None:
    assume(allowed <= charge)
    shares = split(rule, charge, allowed, deductible, bearable)
    parts = (shares.paid, shares.contractual, shares.deductible, shares.coinsurance, shares.copay)
    assert sum(parts) == shares.charge == charge
    assert min(parts) >= 0
    assert shares.patient <= min(bearable, allowed)
    assert shares.deductible <= deductible
    assert shares.contractual == charge - allowed


@given(rules, amounts, amounts, amounts, amounts)
def test_to_cap_each_share_in_turn_is_to_cap_their_sum(
    rule: ClaimRule, charge: int, allowed: int, deductible: int, bearable: int
) -> None:
    assume(allowed <= charge)
    uncapped = split(rule, charge, allowed, deductible, 10**12)
    assert split(rule, charge, allowed, deductible, bearable).patient == min(uncapped.patient, bearable)
