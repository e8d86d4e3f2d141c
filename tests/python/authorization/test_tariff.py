"""The agreed tariff: it fills in what a request leaves open, and what it does not know stays unknown."""

from __future__ import annotations

import dataclasses

import pytest
from careledger.authorization.amounts import Settlement
from careledger.authorization.code_systems import CPT, HCPCS, Code, CodeSystems
from careledger.authorization.request import RequestLine
from careledger.authorization.tariff import Tariff
from careledger.errors import InvalidInput
from pas_bundles import DOLLARS, VECTORS, parsed, vector

YAML = (VECTORS / "tariff.yaml").read_bytes()
CSV = (VECTORS / "tariff.csv").read_bytes()
HEAD = "format: careledger-tariff\nversion: 1\ncurrency: USD\nprices:\n"
CPAP = RequestLine(1, Code(HCPCS, "E0601"), milli_units=2000)
RENTAL = Code(HCPCS, "RR")
MONTH = Code("http://unitsofmeasure.org", "mo")


@pytest.fixture(params=["yaml", "csv"])
def tariff(request: pytest.FixtureRequest) -> Tariff:
    return Tariff.parse(YAML, DOLLARS) if request.param == "yaml" else Tariff.parse_csv(CSV, DOLLARS)


def test_a_tariff_prices_what_a_bundle_leaves_open(tariff: Tariff) -> None:
    given, priced, unknown = parsed(vector("request.json")).request.lines
    assert tariff.amount(given) == 255_000_000  # its own price, not the tariff's 80.00
    assert tariff.amount(priced) == 90_150_000  # 1.5 x 60.10
    assert tariff.amount(unknown) is None  # a price, but no quantity
    assert tariff.unit_price(unknown) == 700_000_000
    assert len(tariff) == 4


def test_modifiers_and_unit_are_part_of_what_is_priced(tariff: Tariff) -> None:
    assert tariff.amount(CPAP) == 1_700_000_000
    rental = dataclasses.replace(CPAP, modifiers=(RENTAL,), unit=MONTH)
    assert tariff.amount(rental) == 160_000_000
    assert tariff.amount(dataclasses.replace(rental, unit=None)) is None
    assert tariff.amount(dataclasses.replace(CPAP, unit=MONTH)) is None
    assert tariff.amount(dataclasses.replace(rental, modifiers=(RENTAL, Code(HCPCS, "NU")))) is None


def test_what_is_not_in_the_tariff_is_unknown_not_zero(tariff: Tariff) -> None:
    assert tariff.amount(dataclasses.replace(CPAP, code=Code(CPT, "99999"))) is None
    assert tariff.amount(dataclasses.replace(CPAP, code_end=Code(HCPCS, "E0602"))) is None
    assert tariff.amount(dataclasses.replace(CPAP, milli_units=None)) is None


def test_what_the_line_says_comes_first(tariff: Tariff) -> None:
    assert tariff.amount(dataclasses.replace(CPAP, amount=0)) == 0
    assert tariff.amount(dataclasses.replace(CPAP, unit_price=1000)) == 2000
    assert tariff.amount(dataclasses.replace(CPAP, unit_price=1000, milli_units=None)) is None


def test_modifiers_have_no_order() -> None:
    text = HEAD + "  - {system: HCPCS, code: E0601, modifiers: NU RR, unit_price: 1}\n"
    line = dataclasses.replace(CPAP, modifiers=(RENTAL, Code(HCPCS, "NU")))
    assert Tariff.parse(text.encode(), DOLLARS).unit_price(line) == 1_000_000


def test_code_systems_are_configured() -> None:
    text = HEAD + "  - {system: CHS-DRG, code: BR11, unit_price: 1}\n"
    drg = "https://nhsa.example.org/chs-drg"
    tariff = Tariff.parse(text.encode(), DOLLARS, CodeSystems({drg: ("CHS-DRG",)}))
    assert tariff.unit_price(dataclasses.replace(CPAP, code=Code(drg, "BR11"))) == 1_000_000


@pytest.mark.parametrize(
    ("prices", "problem"),
    [
        ("  - {system: CPT, code: 1, unit_price: 1}\n  - {system: CPT, code: 1, unit_price: 1}\n", "has two prices"),
        (
            "  - {system: CPT, code: E0601, unit_price: 1}\n  - {system: HCPCS, code: e0601, unit_price: 2}\n",
            "two prices",
        ),
        ("  - {system: CPT, code: 1, unit: h, unit_price: 1}\n", "needs both unit and unit_system"),
        ("  - {system: CPT, code: 1, unit_price: -1}\n", "must not be negative"),
        ("  - {system: CPT, code: 1, unit_price: 1.0000001}\n", "has more than 6 decimals"),
        ("  - {system: CPT, code: 1}\n", "prices[0].unit_price': is needed"),
        ("  - {system: CPT, code: 1, unit_price: 1, price: 2}\n", "prices[0].price"),
        ("  - 7\n", "prices[0]"),
    ],
)
def test_a_wrong_tariff_is_refused(prices: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Tariff.parse((HEAD + prices).encode(), DOLLARS)
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("system,code,unit_price,currency\nCPT,1,1,EUR\n", "tariff currency 'EUR': must be USD"),
        ("system,code,unit_price,currency\nCPT,1,,USD\n", "tariff line 2 'unit_price': is needed"),
        ("system,code,unit_price,currency\nCPT,1,1,USD,7\n", "tariff line 2"),
        ('system,code,unit_price,currency\nCPT,"1"x,1,USD\n', "is not CSV"),
        ("system,code\nCPT,1\n", "tariff line 2"),
        ("\xff", ""),
    ],
)
def test_a_wrong_csv_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Tariff.parse_csv(text.encode("latin-1") + (b"" if problem else b"\n1\n"), DOLLARS)
    assert problem in str(refused.value)


def test_another_currency_is_refused() -> None:
    with pytest.raises(InvalidInput, match="tariff currency 'USD': must be EUR"):
        Tariff.parse(YAML, Settlement("EUR", 2))
