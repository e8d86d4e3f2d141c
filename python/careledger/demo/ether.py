"""Amounts of ether as people write them. Inside, an amount is an integer of wei."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, localcontext

from careledger.errors import InvalidInput

__all__ = ["format_ether", "parse_ether"]

DECIMALS = 18
PRECISION = 80  # digits: more than 2**256 wei has


def parse_ether(name: str, text: str) -> int:
    """An amount of ether such as `0.05`, in wei, exactly. Raises InvalidInput naming the setting `name`."""
    with localcontext(prec=PRECISION):
        try:
            wei = Decimal(text).scaleb(DECIMALS)
        except ArithmeticError:
            raise InvalidInput(name, text, "is not an amount of ether, such as 0.05") from None
        if not wei.is_finite() or not 0 < wei < 2**256 or wei != wei.to_integral_value():
            raise InvalidInput(name, text, "must be more than 0, with at most 18 decimals")
        return int(wei)


def format_ether(wei: int, digits: int = 6) -> str:
    """An amount in ether, rounded up to a number of significant digits."""
    with localcontext(prec=PRECISION):
        amount = Decimal(wei).scaleb(-DECIMALS)
        if not amount:
            return "0"
        shown = amount.quantize(Decimal(1).scaleb(amount.adjusted() - digits + 1), rounding=ROUND_CEILING)
        text = f"{shown:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
