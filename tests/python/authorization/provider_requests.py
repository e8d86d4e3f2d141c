"""Requests that the tests of the provider's side submit."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

from careledger.authorization.code_systems import CPT, HCPCS, Code
from careledger.authorization.request import AuthorizationRequest, BusinessIdentifier, Party, RequestLine

__all__ = ["COSMETIC", "DOLLAR", "MONTH", "VISIT", "identifier", "line", "request", "today", "unused_member"]

DOLLAR = 10**6
VISIT = Code("https://codesystem.x12.org/005010/355", "VS")
MONTH = Code("http://unitsofmeasure.org", "mo")
COSMETIC = Code(CPT, "15780")


def today() -> dt.date:
    """Asked each time: a run may go past midnight."""
    return dt.datetime.now(dt.UTC).date()


FIRST_DAY = today() + dt.timedelta(7)
_numbers = itertools.count(1)
HOSPITAL = Party("Organization/1", (BusinessIdentifier("https://hospital.example/ids", "1"),))


def identifier() -> BusinessIdentifier:
    """One that no other test uses."""
    return BusinessIdentifier("https://hospital.example/requests", f"r-{next(_numbers)}")


def unused_member() -> str:
    """A member's key that no other test uses."""
    return "0x" + f"{next(_numbers):032x}"


def line(sequence: int, code: str | Code = "E0601", **values: Any) -> RequestLine:
    """Three months of equipment, at 80.00 each."""
    service = Code(HCPCS, code) if isinstance(code, str) else code
    stated = {"milli_units": 3000, "unit": MONTH, "unit_price": 80 * DOLLAR, "first_day": FIRST_DAY}
    return RequestLine(sequence, service, **{**stated, **values})


def request(*lines: RequestLine, **values: Any) -> AuthorizationRequest:
    """A new request of the hospital's."""
    named = values.pop("identifier", None) or identifier()
    return AuthorizationRequest(named, HOSPITAL, HOSPITAL, HOSPITAL, HOSPITAL, lines or (line(1),), **values)
