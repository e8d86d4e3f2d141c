"""What to offer for a unit of gas."""

from __future__ import annotations

from dataclasses import dataclass

from careledger.chain.outbox.flight import Sent
from careledger.chain.outbox.observation import Sight
from careledger.chain.outbox.types import Policy

__all__ = ["MOST_WEI", "Fee", "bumped", "is_underpaid", "quote"]


MOST_WEI = 2**63 - 1
"""The most for a unit of gas that the database holds."""


@dataclass(frozen=True, slots=True)
class Fee:
    """Wei per unit of gas: at most `max_fee_wei`, of which `tip_wei` for who builds the block. `tip_wei` None: a legacy
    transaction, `max_fee_wei` its gas price."""

    max_fee_wei: int
    tip_wei: int | None


def quote(sight: Sight, policy: Policy) -> Fee:
    """For a transaction that is signed now."""
    if sight.base_fee_wei is None:
        return Fee(sight.gas_price_wei, None)
    tip_wei = sight.tip_wei if policy.tip_wei is None else policy.tip_wei
    return Fee(policy.base_fee_multiplier * sight.base_fee_wei + tip_wei, tip_wei)


def bumped(last: Sent, now: Fee, policy: Policy) -> Fee:
    """For a transaction that is to replace another: both fields are raised by the policy's percentage at least."""
    max_fee_wei = max(now.max_fee_wei, _raised(last.max_fee_wei, policy))
    if last.tip_wei is None:
        return Fee(max_fee_wei, None)
    tip_wei = max(now.tip_wei or 0, _raised(last.tip_wei, policy))
    return Fee(max(max_fee_wei, tip_wei), tip_wei)


def is_underpaid(last: Sent, sight: Sight) -> bool:
    """Whether no block can take it now."""
    return sight.base_fee_wei is not None and sight.base_fee_wei > last.max_fee_wei


def _raised(wei: int, policy: Policy) -> int:
    return wei + wei * policy.bump_percent_tenths // 1000 + 1
