"""Decimal text to integers and back: exactly, or not at all."""

from __future__ import annotations

from decimal import Decimal

import pytest
from careledger.authorization.amounts import (
    MAX_AMOUNT,
    MAX_MILLI_UNITS,
    Settlement,
    line_amount,
    parse_milli_units,
    units_text,
)
from careledger.errors import InvalidInput
from hypothesis import given
from hypothesis import strategies as st

DOLLARS = Settlement("USD", 6)


@pytest.mark.parametrize(
    ("text", "decimals", "amount"),
    [
        ("1.50", 6, 1_500_000),
        ("100", 2, 10_000),
        ("0", 0, 0),
        ("-0.00", 2, 0),
        ("1e2", 0, 100),
        ("1.5E+3", 2, 150_000),
        ("125e-2", 2, 125),
        ("0.10", 2, 10),
        ("12.3400", 2, 1234),
        ("18446744073709551615", 0, MAX_AMOUNT),
        ("18.446744073709551615", 18, MAX_AMOUNT),
        ("0.1", 18, 10**17),
    ],
)
def test_an_amount_is_exact(text: str, decimals: int, amount: int) -> None:
    assert Settlement("USD", decimals).parse(text) == amount


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1.005", "has more than 2 decimals"),
        ("1e-3", "has more than 2 decimals"),
        ("-1", "must not be negative"),
        ("184467440737095516.16", "the most a contract holds"),
        ("1e999", "the most a contract holds"),
        ("", "must be a decimal number"),
        ("1,50", "must be a decimal number"),
        ("01", "must be a decimal number"),
        ("1.", "must be a decimal number"),
        ("NaN", "must be a decimal number"),
        ("Infinity", "must be a decimal number"),
        ("٣", "must be a decimal number"),
        ("1_000", "must be a decimal number"),
        (" 1", "must be a decimal number"),
        ("1e9999999", "must be a decimal number"),
        ("1" * 65, "must be a decimal number"),
    ],
)
def test_a_wrong_amount_is_named(text: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        Settlement("USD", 2).parse(text, "unit price")
    assert refusal.value.name == "unit price"
    assert refusal.value.value == text[:64]
    assert problem in refusal.value.problem


def test_units_are_thousandths() -> None:
    assert parse_milli_units("1.5") == 1500
    assert parse_milli_units("0.001") == 1
    with pytest.raises(InvalidInput, match="has more than 3 decimals"):
        parse_milli_units("0.0001")
    with pytest.raises(InvalidInput, match=r"is more than 1099511627\.775"):
        parse_milli_units("1099511627.776")


@given(st.integers(0, MAX_AMOUNT), st.integers(0, 18))
def test_an_amount_comes_back_from_its_text(amount: int, decimals: int) -> None:
    settlement = Settlement("EUR", decimals)
    text = settlement.text(amount)
    assert settlement.parse(text) == amount
    assert Decimal(text).scaleb(decimals) == amount


@given(st.integers(0, MAX_MILLI_UNITS))
def test_units_come_back_from_their_text(milli_units: int) -> None:
    assert parse_milli_units(units_text(milli_units)) == milli_units


@given(st.decimals(0, 10**12, places=6))
def test_an_amount_agrees_with_exact_decimals(number: Decimal) -> None:
    assert DOLLARS.parse(f"{number:f}") == int(number * 10**6)


@given(st.text(max_size=12))
def test_any_text_is_an_amount_or_refused(text: str) -> None:
    try:
        amount = DOLLARS.parse(text)
    except InvalidInput:
        return
    assert amount == Decimal(text) * 10**6


@given(st.integers(0, 10**12), st.integers(0, 10**6))
def test_price_times_units_is_rounded_half_up(price: int, milli_units: int) -> None:
    amount = line_amount(price, milli_units)
    assert 2 * abs(1000 * amount - price * milli_units) <= 1000
    assert line_amount(1, 500) == 1
    assert line_amount(1, 499) == 0


def test_a_line_that_costs_too_much_is_refused() -> None:
    with pytest.raises(InvalidInput, match="the most a contract holds"):
        line_amount(MAX_AMOUNT, 1001)


def test_money_is_written_with_two_decimals() -> None:
    assert DOLLARS.text(85_000_000) == "85.00"
    assert DOLLARS.text(1) == "0.000001"
    assert Settlement("JPY", 0).text(85) == "85"
    assert units_text(3000) == "3"


@pytest.mark.parametrize(("currency", "decimals"), [("usd", 2), ("US", 2), ("USD", -1), ("USD", 19)])
def test_a_settlement_has_a_currency_and_decimals(currency: str, decimals: int) -> None:
    with pytest.raises(InvalidInput):
        Settlement(currency, decimals)
