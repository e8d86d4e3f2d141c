"""The tariff that two parties agreed: what one unit of a service costs.

Most published requests have no price: of 137 lines, 35. A tariff fills in what a request leaves open; where it has
nothing either, the amount stays unknown, which is None and never 0.

As YAML or JSON:

    format: careledger-tariff
    version: 1
    currency: USD
    prices:
      - {system: HCPCS, code: G0154, unit_system: UCUM, unit: h, unit_price: 42.50}
      - {system: HCPCS, code: E0601, modifiers: RR, unit_price: 85.00}

or as CSV with those names in the first row and `currency` as a column. `modifiers` are separated by spaces, in any
order. A price without a unit is for lines without one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from careledger.authorization.amounts import Settlement, line_amount
from careledger.authorization.code_systems import HCPCS, Code, CodeSystems
from careledger.authorization.request import RequestLine
from careledger.authorization.text_files import Part, Text, parse_text_file, read_file
from careledger.errors import InvalidInput

__all__ = ["Tariff"]

Key = tuple[Code, frozenset[Code], Code | None]
Absent = Annotated[Text | None, BeforeValidator(lambda value: value or None)]


class _Price(Part):
    system: Text
    code: Text
    unit_price: Text
    modifiers: str = ""
    unit_system: Absent = None
    unit: Absent = None


class _File(Part):
    format: Literal["careledger-tariff"]
    version: Annotated[Literal[1], BeforeValidator(lambda value: 1 if value == "1" else value)]
    currency: Text
    prices: tuple[_Price, ...]


class Tariff:
    """Unit prices, in token minor units, by service, modifiers and unit.

    Raises InvalidInput for a price that is given twice.
    """

    def __init__(self, prices: Iterable[tuple[Key, int]]) -> None:
        self._prices: dict[Key, int] = {}
        for key, price in prices:
            if key in self._prices:
                raise InvalidInput("tariff", str(key[0]), "has two prices for the same unit and modifiers")
            self._prices[key] = price

    def __len__(self) -> int:
        return len(self._prices)

    @classmethod
    def parse(cls, content: bytes, settlement: Settlement, systems: CodeSystems | None = None) -> Tariff:
        """The tariff of a YAML or JSON file. Raises InvalidInput, also for another currency than the settlement's."""
        file = read_file(_File, parse_text_file(content, "tariff"), "tariff")
        _check_currency(file.currency, settlement)
        return cls(_entry(price, settlement, systems or CodeSystems()) for price in file.prices)

    @classmethod
    def parse_csv(cls, content: bytes, settlement: Settlement, systems: CodeSystems | None = None) -> Tariff:
        """The tariff of a CSV file in UTF-8. Raises InvalidInput as `parse` does."""
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as problem:
            raise InvalidInput("tariff", f"byte {problem.start}", "is not UTF-8") from None
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        known = systems or CodeSystems()
        try:
            entries = [_csv_entry(row, rows.line_num, settlement, known) for row in rows]
        except csv.Error as problem:
            raise InvalidInput("tariff", f"line {rows.line_num}", f"is not CSV: {problem}") from None
        return cls(entries)

    def unit_price(self, line: RequestLine) -> int | None:
        """The agreed price of one of the line's units; None if there is none. Modifiers are part of what is priced, so
        a line with others than a price has no price here; nor has a range of codes."""
        if line.code_end is not None:
            return None
        return self._prices.get((line.code, frozenset(line.modifiers), line.unit))

    def amount(self, line: RequestLine) -> int | None:
        """What a line costs, in minor units: what it says itself, or else by this tariff; None if that is not known."""
        if line.priced is not None:
            return line.priced
        price = line.unit_price if line.unit_price is not None else self.unit_price(line)
        if price is None or line.milli_units is None:
            return None
        return line_amount(price, line.milli_units)


def _csv_entry(row: Mapping[str, Any], number: int, settlement: Settlement, systems: CodeSystems) -> tuple[Key, int]:
    values = {str(name): value for name, value in row.items()}
    currency = values.pop("currency", None)
    place = f"tariff line {number}"
    price = read_file(_Price, {name: value for name, value in values.items() if value}, place)
    _check_currency(currency or "", settlement)
    return _entry(price, settlement, systems)


def _entry(price: _Price, settlement: Settlement, systems: CodeSystems) -> tuple[Key, int]:
    code = systems.code(price.system, price.code)
    if (price.unit is None) != (price.unit_system is None):
        raise InvalidInput("tariff", str(code), "needs both unit and unit_system, or neither")
    unit = systems.code(price.unit_system, price.unit) if price.unit_system and price.unit else None
    modifiers = frozenset(systems.code(HCPCS, modifier) for modifier in price.modifiers.split())
    return (code, modifiers, unit), settlement.parse(price.unit_price, f"unit price of {code}")


def _check_currency(currency: str, settlement: Settlement) -> None:
    if currency != settlement.currency:
        raise InvalidInput("tariff currency", currency, f"must be {settlement.currency}")
