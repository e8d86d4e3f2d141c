"""Money and units as integers. No float anywhere: text comes in, integers are kept, text goes out.

Money is in minor units of the token that claims are settled in; units of service are in milli-units, so that a third of
a visit is not needed and half an hour is. The limits are those of the contracts: an amount has 64 bits, milli-units 40.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from careledger.errors import InvalidInput

__all__ = [
    "MAX_AMOUNT",
    "MAX_MILLI_UNITS",
    "MILLI",
    "Settlement",
    "line_amount",
    "parse_milli_units",
    "units_text",
]

MILLI = 1000
"""Milli-units in one unit."""

MILLI_DECIMALS = 3
MAX_AMOUNT = 2**64 - 1
MAX_MILLI_UNITS = 2**40 - 1
MAX_TOKEN_DECIMALS = 18
LONGEST = 64
"""Characters of a number that is read at all; more digits than any limit here needs."""

NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
"""A JSON number, which is what a FHIR decimal is (R4, 2.24.0.1)."""

CURRENCY = re.compile("[A-Z]{3}")


@dataclass(frozen=True)
class Settlement:
    """What amounts are counted in: an ISO 4217 currency, and the decimals of the token that stands for it.

    Raises InvalidInput for a currency that is not three capital letters, or decimals that are not 0 to 18.
    """

    currency: str
    decimals: int

    def __post_init__(self) -> None:
        if not CURRENCY.fullmatch(self.currency):
            raise InvalidInput("currency", self.currency, "must be three capital letters (ISO 4217)")
        if not 0 <= self.decimals <= MAX_TOKEN_DECIMALS:
            raise InvalidInput("decimals", str(self.decimals), f"must be 0 to {MAX_TOKEN_DECIMALS}")

    def parse(self, text: str, name: str = "amount") -> int:
        """Token minor units of a decimal number. `1.50` with 6 decimals is 1500000.

        Raises InvalidInput under `name` for what is no number, is negative, is finer than a minor unit or too large.
        """
        return _scaled(name, text, self.decimals, MAX_AMOUNT)

    def text(self, amount: int) -> str:
        """The decimal number of token minor units, with at least the two decimals that currencies are written with,
        where the token has them."""
        return _decimal_text(amount, self.decimals, keep=min(2, self.decimals))


def parse_milli_units(text: str, name: str = "units") -> int:
    """Milli-units of a decimal number of units. `1.5` is 1500.

    Raises InvalidInput under `name` as `Settlement.parse` does.
    """
    return _scaled(name, text, MILLI_DECIMALS, MAX_MILLI_UNITS)


def units_text(milli_units: int) -> str:
    """The decimal number of units: 1500 is `1.5`."""
    return _decimal_text(milli_units, MILLI_DECIMALS, keep=0)


def line_amount(unit_price: int, milli_units: int) -> int:
    """What units cost, in token minor units, at a price of one unit in minor units; half a minor unit is rounded up.

    Raises InvalidInput for an amount that is too large.
    """
    amount = (unit_price * milli_units + MILLI // 2) // MILLI
    if amount > MAX_AMOUNT:
        raise InvalidInput("amount", str(amount), f"is more than {MAX_AMOUNT} minor units, the most a contract holds")
    return amount


def _scaled(name: str, text: str, decimals: int, most: int) -> int:
    """The number times ten to the power of `decimals`, exactly."""
    if len(text) > LONGEST or not NUMBER.fullmatch(text):
        raise InvalidInput(name, text[:LONGEST], "must be a decimal number such as 12.5")
    sign, digits, exponent = Decimal(text).as_tuple()
    assert isinstance(exponent, int)
    value = int("".join(map(str, digits)))
    if sign and value:
        raise InvalidInput(name, text, "must not be negative")
    shift = exponent + decimals
    if shift >= 0:
        scaled = value * int(10**shift)
    else:
        scaled, rest = divmod(value, int(10**-shift))
        if rest:
            raise InvalidInput(name, text, f"has more than {decimals} decimals")
    if scaled > most:
        raise InvalidInput(
            name, text, f"is more than {_decimal_text(most, decimals, keep=0)}, the most a contract holds"
        )
    return scaled


def _decimal_text(scaled: int, decimals: int, keep: int) -> str:
    whole, fraction = divmod(scaled, 10**decimals)
    digits = str(fraction).zfill(decimals) if decimals else ""
    digits = digits[:keep] + digits[keep:].rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
