"""FHIR data types as JSON values. What is None or empty is left out: FHIR has no null, no empty array or object."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from careledger.anchoring.canonical_json import Json, Number
from careledger.authorization.amounts import Settlement, units_text
from careledger.authorization.code_systems import Code
from careledger.authorization.request import BusinessIdentifier

__all__ = [
    "coded",
    "concept",
    "extension",
    "filled",
    "identified",
    "instant",
    "integer",
    "money",
    "period",
    "quantity",
    "referenced",
]


def filled(value: Mapping[str, Json]) -> dict[str, Json]:
    """The object without what is None, or an empty array or object."""
    return {name: item for name, item in value.items() if item is not None and item not in ([], {})}


def extension(url: str, value: Mapping[str, Json] | None = None, parts: Iterable[Json] = ()) -> dict[str, Json]:
    """An extension with a value, given as `{"valueString": ...}`, or with parts."""
    return filled({"url": url, "extension": list(parts), **(value or {})})


def coded(system: str, code: str) -> dict[str, Json]:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code}]}


def concept(code: Code | None) -> dict[str, Json] | None:
    """The CodeableConcept of a code."""
    return None if code is None else coded(code.system, code.code)


def identified(identifier: BusinessIdentifier) -> dict[str, Json]:
    """An Identifier."""
    return {"system": identifier.system, "value": identifier.value}


def referenced(reference: str) -> dict[str, Json]:
    """A literal Reference."""
    return {"reference": reference}


def integer(number: int) -> Number:
    """A JSON integer."""
    return Number(str(number))


def quantity(milli_units: int | None, unit: Code | None) -> dict[str, Json] | None:
    """A Quantity of units."""
    if milli_units is None:
        return None
    of = {"system": unit.system, "code": unit.code} if unit else {}
    return {"value": Number(units_text(milli_units)), **of}


def money(amount: int | None, settlement: Settlement) -> dict[str, Json] | None:
    """A Money of token minor units."""
    if amount is None:
        return None
    return {"value": Number(settlement.text(amount)), "currency": settlement.currency}


def period(first: dt.date | None, last: dt.date | None) -> dict[str, Json]:
    """A Period of days; empty if neither is known."""
    start, end = first.isoformat() if first else None, last.isoformat() if last else None
    return filled({"start": start, "end": end})


def instant(time: dt.datetime) -> str:
    """A time with its zone, to the second."""
    return time.isoformat(timespec="seconds")
