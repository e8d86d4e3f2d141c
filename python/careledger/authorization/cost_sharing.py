"""How a charge is split between provider, patient and insurer: the model of claim adjudication.

It shares nothing with what calls the contract. The order is that of a claim payment (X12 835): what the price agreed
does not allow is contractual (CO-45); of the rest, the patient bears the copay (PR-3), what is left of the deductible
(PR-1) and coinsurance (PR-2), together no more than what is left up to the out-of-pocket maximum; the insurer pays what
remains. All amounts are token minor units, and every division rounds down.
"""

from __future__ import annotations

from dataclasses import dataclass

from careledger.authorization.amounts import MILLI
from careledger.authorization.rules import BASIS_POINTS, MAX_AGREED_AMOUNT, ClaimRule, Pricing, RuleFlag
from careledger.errors import InvalidInput

__all__ = ["CostShares", "allowed_amount", "episode_price", "split"]


@dataclass(frozen=True, slots=True)
class CostShares:
    """The shares of a charge: `charge` is the sum of all others. The patient's are the last three."""

    charge: int
    paid: int
    contractual: int
    deductible: int
    coinsurance: int
    copay: int

    @property
    def patient(self) -> int:
        """What counts towards the out-of-pocket maximum."""
        return self.deductible + self.coinsurance + self.copay


def episode_price(weight: int, base_rate: int, coefficient: int) -> int:
    """An episode's price: weight x base rate x the hospital's coefficient; both factors in ten-thousandths. At most
    2^56 - 1, as in the contract."""
    return min(weight * base_rate * coefficient // BASIS_POINTS**2, MAX_AGREED_AMOUNT)


def allowed_amount(rule: ClaimRule, charge: int, milli_units: int, price_of_episode: int = 0) -> int | None:
    """What the price agreed makes of a charge; None if no price was agreed, or it is less than a minor unit."""
    price = price_of_episode if rule.pricing == Pricing.EPISODE else rule.unit_price * milli_units // MILLI
    return min(charge, price) if price else None


def split(rule: ClaimRule, charge: int, allowed: int, deductible_left: int, out_of_pocket_left: int) -> CostShares:
    """The shares of a charge of which `allowed` is shared; the rest is contractual.

    `deductible_left` and `out_of_pocket_left` are what the member has not borne yet in the benefit period. Raises
    InvalidInput if more is allowed than was charged.
    """
    if not 0 <= allowed <= charge:
        raise InvalidInput("allowed", str(allowed), f"must be from 0 to the charge, {charge}")
    copay = min(rule.copay, allowed, out_of_pocket_left)
    rest, bearable = allowed - copay, out_of_pocket_left - copay
    deductible = min(deductible_left, rest, bearable) if rule.flags & RuleFlag.DEDUCTIBLE else 0
    rest, bearable = rest - deductible, bearable - deductible
    coinsurance = min(rest * rule.coinsurance // BASIS_POINTS, bearable)
    return CostShares(charge, rest - coinsurance, charge - allowed, deductible, coinsurance, copay)
