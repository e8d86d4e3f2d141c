"""A claim as plain YAML or JSON: what was done on which day, and what is charged for it. Its JSON Schema is
`claim-v1.schema.json` beside this module.

    format: careledger-claim
    version: 1
    identifier: {system: https://hospital.example/claims, value: C-17}
    request: {system: https://hospital.example/requests, value: 2026-17}
    currency: USD
    lines:
      - {sequence: 1, item: 1, service_day: 2026-12-01, units: 1, charge: 85.00}

`request` is the identifier of the request for authorization, `item` the number of the item in it. A line without one
was not authorized, and names its code. `payer` is the account whose prepayment is used for the patient's share.
Numbers are read as the text that stands there.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import rfc8785
from pydantic import BeforeValidator, Field, StringConstraints

from careledger.authorization.amounts import MAX_AMOUNT, MAX_MILLI_UNITS, Settlement, parse_milli_units
from careledger.authorization.code_systems import Code, CodeSystems
from careledger.authorization.plain import Decimal, PlainCode, PlainIdentifier, Sequence
from careledger.authorization.request import BusinessIdentifier
from careledger.authorization.text_files import Day, Part, Text, parse_text_file, read_file
from careledger.chain.values import account_address
from careledger.errors import InvalidInput

__all__ = ["FORMAT", "VERSION", "ClaimRequest", "ClaimedService", "PlainClaim", "parse_claim"]

FORMAT = "careledger-claim"
VERSION = 1
CONTENT_FORMAT = "careledger-claim-v1"
"""Stands in the canonical bytes. Another way to write them is another name."""

MOST_LINES = 32


class PlainClaimLine(Part):
    """A service on a day."""

    sequence: Sequence
    item: Sequence | None = None
    code: PlainCode | None = None
    unit: PlainCode | None = None
    service_day: Day
    units: Decimal
    charge: Decimal


class PlainClaim(Part):
    """A claim."""

    format: Literal["careledger-claim"]
    version: Annotated[Literal[1], BeforeValidator(lambda value: 1 if value == "1" else value)]
    identifier: PlainIdentifier
    request: PlainIdentifier | None = None
    payer: Text | None = None
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
    lines: Annotated[tuple[PlainClaimLine, ...], Field(min_length=1, max_length=MOST_LINES)]


@dataclass(frozen=True)
class ClaimedService:
    """A service on a day. `item` is the number of the request's item, None without an authorization; then `code` says
    what it was. `charge` is token minor units. Raises InvalidInput for values out of range."""

    sequence: int
    service_day: dt.date
    milli_units: int
    charge: int
    item: int | None = None
    code: Code | None = None
    unit: Code | None = None

    def __post_init__(self) -> None:
        name = f"line {self.sequence}"
        if not 0 < self.milli_units <= MAX_MILLI_UNITS:
            raise InvalidInput(f"{name} milli-units", str(self.milli_units), f"must be 1 to {MAX_MILLI_UNITS}")
        if not 0 < self.charge <= MAX_AMOUNT:
            raise InvalidInput(f"{name} charge", str(self.charge), f"must be 1 to {MAX_AMOUNT} minor units")
        if self.item is None and self.code is None:
            raise InvalidInput(name, "no item", "needs the item that was authorized, or the code of what was not")


@dataclass(frozen=True)
class ClaimRequest:
    """A claim. `request` is the identifier of the request for authorization, `payer` the address of who prepaid.

    Raises InvalidInput for a number that stands twice, and for items without a request.
    """

    identifier: BusinessIdentifier = field(repr=False)
    lines: tuple[ClaimedService, ...]
    request: BusinessIdentifier | None = field(default=None, repr=False)
    payer: str | None = None

    def __post_init__(self) -> None:
        numbers = [line.sequence for line in self.lines]
        for number in numbers:
            if numbers.count(number) > 1:
                raise InvalidInput("line", str(number), "stands twice")
        if self.request is None and any(line.item is not None for line in self.lines):
            raise InvalidInput("request", "", "is needed: lines name its items")

    def content_bytes(self) -> bytes:
        """The canonical bytes (RFC 8785). They are guessable; hash them with a salt."""
        content: dict[str, Any] = {
            "format": CONTENT_FORMAT,
            "identifier": _identifier(self.identifier),
            "request": _identifier(self.request) if self.request else None,
            "payer": self.payer,
            "lines": [_line(line) for line in sorted(self.lines, key=lambda line: line.sequence)],
        }
        return rfc8785.dumps(_filled(content))


def parse_claim(content: bytes, settlement: Settlement, systems: CodeSystems | None = None) -> ClaimRequest:
    """The claim in a YAML or JSON file. Amounts become minor units of the settlement's token.

    Raises InvalidInput naming the place of the first thing that is wrong.
    """
    plain = read_file(PlainClaim, parse_text_file(content, "claim"), "claim")
    known = systems or CodeSystems()
    if plain.currency != settlement.currency:
        raise InvalidInput("currency", plain.currency, f"must be {settlement.currency}")

    def service(line: PlainClaimLine) -> ClaimedService:
        name = f"line {line.sequence}"
        return ClaimedService(
            sequence=line.sequence,
            service_day=line.service_day,
            milli_units=parse_milli_units(line.units, f"{name} units"),
            charge=settlement.parse(line.charge, f"{name} charge"),
            item=line.item,
            code=known.code(line.code.system, line.code.code) if line.code else None,
            unit=known.code(line.unit.system, line.unit.code) if line.unit else None,
        )

    return ClaimRequest(
        identifier=BusinessIdentifier(plain.identifier.system, plain.identifier.value),
        lines=tuple(service(line) for line in plain.lines),
        request=BusinessIdentifier(plain.request.system, plain.request.value) if plain.request else None,
        payer=account_address("payer", plain.payer) if plain.payer else None,
    )


def _line(line: ClaimedService) -> dict[str, Any]:
    """Integers that may pass 2^53 - 1 are text."""
    return {
        "sequence": line.sequence,
        "item": line.item,
        "code": _code(line.code),
        "unit": _code(line.unit),
        "serviceDay": line.service_day.isoformat(),
        "milliUnits": str(line.milli_units),
        "charge": str(line.charge),
    }


def _identifier(identifier: BusinessIdentifier) -> dict[str, str]:
    return {"system": identifier.system, "value": identifier.value}


def _code(code: Code | None) -> dict[str, str] | None:
    return None if code is None else {"system": code.system, "code": code.code}


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _filled(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    return value
