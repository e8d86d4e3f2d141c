"""A request for authorization, however it came: from a FHIR bundle, from plain YAML or JSON, or made in Python.

References, identifiers and codes here are the house's own data. None of it goes on chain: what does is made of the
canonical bytes and a salt, of a benefit class, and of integers.

Amounts are token minor units and units are milli-units (see `careledger.authorization.amounts`). `None` says that a
value is not known. It never means zero.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import rfc8785

from careledger.authorization.amounts import MAX_AMOUNT, MAX_MILLI_UNITS, line_amount
from careledger.authorization.code_systems import Code
from careledger.errors import InvalidInput

__all__ = [
    "CONTENT_FORMAT",
    "AuthorizationRequest",
    "BusinessIdentifier",
    "CareTeamMember",
    "CertificationType",
    "Change",
    "Party",
    "RequestLine",
    "SupportingInformation",
]

CONTENT_FORMAT = "careledger-authorization-request-v1"
"""Stands in the canonical bytes. Another way to write them is another name."""

SHA256_LENGTH = 32


class CertificationType(Enum):
    """What is asked for: X12 element 1322. The values are the codes."""

    INITIAL = "I"
    RENEWAL = "R"
    REVISED = "S"
    EXTENSION = "E"
    CANCEL = "3"
    IMMEDIATE_APPEAL = "1"
    STANDARD_APPEAL = "2"


class Change(Enum):
    """How an update's line or information differs from what it updates (PAS extension-infoChanged)."""

    UNCHANGED = "unchanged"
    ADDED = "added"
    CHANGED = "changed"


@dataclass(frozen=True)
class BusinessIdentifier:
    """An identifier that somebody assigned: a system that it is unique in, and a value. It can lead to a person, so it
    stands in no message and no log.

    Raises InvalidInput if one of them is empty.
    """

    system: str = field(repr=False)
    value: str = field(repr=False)

    def __post_init__(self) -> None:
        for name, text in (("identifier system", self.system), ("identifier value", self.value)):
            if not text.strip():
                raise InvalidInput(name, "", "must not be empty")


@dataclass(frozen=True)
class Party:
    """Somebody named in a request, by the reference used there and the identifiers that the request gives."""

    reference: str = field(repr=False)
    identifiers: tuple[BusinessIdentifier, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class CareTeamMember:
    """Who is to give the care, or refers to it, and in which role."""

    provider: Party = field(repr=False)
    role: Code | None = None


@dataclass(frozen=True)
class SupportingInformation:
    """What a request rests on: a document, an answered questionnaire, or the days of an event.

    `digest` is the SHA-256 of the referenced resource's `fhir-json-static` bytes, or of the file, if there is one:
    what the provider's anchor of it is of. `attachments` are digests of the files inside a resource, `value_digest` is
    that of a value that is neither. `kind` is the document's own type, such as a LOINC code. `first_day` and `last_day`
    belong to events.
    """

    sequence: int
    category: Code | None = None
    kind: Code | None = None
    digest: bytes | None = None
    attachments: tuple[bytes, ...] = ()
    value_digest: bytes | None = None
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    change: Change = Change.UNCHANGED
    cancelled: bool = False

    def __post_init__(self) -> None:
        _check_sequence("supporting information", self.sequence)
        _check_days(self.first_day, self.last_day)
        for digest in (self.digest, self.value_digest, *self.attachments):
            if digest is not None and len(digest) != SHA256_LENGTH:
                raise InvalidInput("digest", f"{len(digest)} bytes", "must be 32 bytes")


@dataclass(frozen=True)
class RequestLine:
    """One service that is asked for. Its number in the request is the same in every version of it and in every answer.

    `unit_price` is for one unit and `amount` for all; an amount that was not given is computed from price and units by
    `priced`, where both are known. `information` and `diagnoses` name by their sequence numbers what the line rests on,
    and `care_team` who is to give it.
    `authorization_number` is one that the insurer gave it before. Raises InvalidInput for values out of range.
    """

    sequence: int
    code: Code
    certification_type: CertificationType = CertificationType.INITIAL
    code_end: Code | None = None
    modifiers: tuple[Code, ...] = ()
    category: Code | None = None
    revenue: Code | None = None
    place: Code | None = None
    milli_units: int | None = None
    unit: Code | None = None
    unit_price: int | None = None
    amount: int | None = None
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    information: tuple[int, ...] = ()
    diagnoses: tuple[int, ...] = ()
    care_team: tuple[int, ...] = ()
    change: Change = Change.UNCHANGED
    cancelled: bool = False
    trace_numbers: tuple[BusinessIdentifier, ...] = field(default=(), repr=False)
    authorization_number: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check_sequence("line", self.sequence)
        _check_days(self.first_day, self.last_day)
        if self.milli_units is not None and not 0 < self.milli_units <= MAX_MILLI_UNITS:
            raise InvalidInput("milli-units", str(self.milli_units), f"must be 1 to {MAX_MILLI_UNITS}")
        for name, amount in (("unit price", self.unit_price), ("amount", self.amount)):
            if amount is not None and not 0 <= amount <= MAX_AMOUNT:
                raise InvalidInput(name, str(amount), f"must be 0 to {MAX_AMOUNT} minor units")

    @property
    def priced(self) -> int | None:
        """What the line asks for in minor units: the amount that was given, or price times units, or None."""
        if self.amount is not None:
            return self.amount
        if self.unit_price is None or self.milli_units is None:
            return None
        return line_amount(self.unit_price, self.milli_units)

    def content_bytes(self) -> bytes:
        """The canonical bytes of this line alone."""
        return _canonical(_line(self))


@dataclass(frozen=True)
class AuthorizationRequest:
    """A whole request.

    `certification_type` is None where the lines differ and the request does not say. `expedited` says that the urgent
    deadline holds. `prior` is the identifier of the request that this one updates. `created` is when the sender made
    it. `diagnoses` and `care_team` are by their numbers. Raises InvalidInput for no lines, a number that stands
    twice, and one that a line names and the request lacks.
    """

    identifier: BusinessIdentifier = field(repr=False)
    provider: Party = field(repr=False)
    insurer: Party = field(repr=False)
    patient: Party = field(repr=False)
    coverage: Party = field(repr=False)
    lines: tuple[RequestLine, ...]
    certification_type: CertificationType | None = CertificationType.INITIAL
    expedited: bool = False
    prior: BusinessIdentifier | None = field(default=None, repr=False)
    created: dt.datetime | dt.date | None = None
    diagnoses: Mapping[int, Code] = field(default_factory=dict, repr=False)
    care_team: Mapping[int, CareTeamMember] = field(default_factory=dict, repr=False)
    information: tuple[SupportingInformation, ...] = ()

    def __post_init__(self) -> None:
        if not self.lines:
            raise InvalidInput("lines", "0", "must be one at least")
        _check_unique("line", (line.sequence for line in self.lines))
        _check_unique("supporting information", (information.sequence for information in self.information))
        information = {one.sequence for one in self.information}
        for line in self.lines:
            name = f"line {line.sequence}"
            _check_known(name, line.information, information, "supporting information")
            _check_known(name, line.diagnoses, self.diagnoses, "diagnosis")
            _check_known(name, line.care_team, self.care_team, "care team member")

    @property
    def is_update(self) -> bool:
        """Whether it replaces a request that was sent before: it names it, or is certified as a revision or
        cancellation."""
        revision = (CertificationType.REVISED, CertificationType.CANCEL)
        return self.prior is not None or self.certification_type in revision

    @property
    def is_appeal(self) -> bool:
        """Whether it asks for another look at a decision."""
        appeals = (CertificationType.IMMEDIATE_APPEAL, CertificationType.STANDARD_APPEAL)
        return self.certification_type in appeals

    @property
    def is_cancelled(self) -> bool:
        """Whether nothing is asked for any more."""
        return all(line.cancelled for line in self.lines)

    def line(self, sequence: int) -> RequestLine:
        """The line of that number. Raises InvalidInput if there is none."""
        for line in self.lines:
            if line.sequence == sequence:
                return line
        raise InvalidInput("line", str(sequence), "is not in the request")

    def content_bytes(self) -> bytes:
        """The canonical bytes (RFC 8785) of what is asked, by whom, for whom and on what grounds.

        The same request sent again has the same bytes: `created`, references and the order of lines are left out, and
        so is what the sender's system numbers anew for each message. The bytes are guessable; hash them with a salt.
        """
        content: dict[str, Any] = {
            "format": CONTENT_FORMAT,
            "identifier": _identifier(self.identifier),
            "certificationType": self.certification_type.value if self.certification_type else None,
            "expedited": self.expedited or None,
            "prior": _identifier(self.prior) if self.prior else None,
            "provider": _party(self.provider),
            "insurer": _party(self.insurer),
            "patient": _party(self.patient),
            "coverage": _party(self.coverage),
            "diagnoses": {str(sequence): _code(code) for sequence, code in self.diagnoses.items()},
            "careTeam": {
                str(sequence): {"provider": _party(member.provider), "role": _code(member.role)}
                for sequence, member in self.care_team.items()
            },
            "lines": [_line(line) for line in sorted(self.lines, key=lambda line: line.sequence)],
            "information": [
                _information(information) for information in sorted(self.information, key=lambda one: one.sequence)
            ],
        }
        return _canonical(content)


# ------------------------------------------------------------------ canonical bytes


def _canonical(content: Mapping[str, Any]) -> bytes:
    """RFC 8785 without what is absent: no null, no empty array, no empty object."""
    return rfc8785.dumps(_filled(content))


def _filled(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {name: _filled(item) for name, item in value.items()}
        return {name: item for name, item in kept.items() if item is not None and item not in ([], {})}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    return value


def _line(line: RequestLine) -> dict[str, Any]:
    """Integers are text, because RFC 8785 holds none beyond 2^53 - 1."""
    return {
        "sequence": line.sequence,
        "certificationType": line.certification_type.value,
        "code": _code(line.code),
        "codeEnd": _code(line.code_end),
        "modifiers": [_code(modifier) for modifier in line.modifiers],
        "category": _code(line.category),
        "revenue": _code(line.revenue),
        "place": _code(line.place),
        "milliUnits": _integer(line.milli_units),
        "unit": _code(line.unit),
        "unitPrice": _integer(line.unit_price),
        "amount": _integer(line.amount),
        "firstDay": _day(line.first_day),
        "lastDay": _day(line.last_day),
        "information": sorted(line.information),
        "diagnoses": sorted(line.diagnoses),
        "careTeam": sorted(line.care_team),
        "cancelled": line.cancelled or None,
        "authorizationNumber": line.authorization_number,
    }


def _information(information: SupportingInformation) -> dict[str, Any]:
    return {
        "sequence": information.sequence,
        "category": _code(information.category),
        "kind": _code(information.kind),
        "digest": information.digest.hex() if information.digest else None,
        "attachments": [digest.hex() for digest in information.attachments],
        "valueDigest": information.value_digest.hex() if information.value_digest else None,
        "firstDay": _day(information.first_day),
        "lastDay": _day(information.last_day),
        "cancelled": information.cancelled or None,
    }


def _party(party: Party) -> dict[str, Any]:
    """By its identifiers; by the reference only if it has none."""
    if not party.identifiers:
        return {"reference": party.reference}
    pairs = sorted((one.system, one.value) for one in party.identifiers)
    return {"identifiers": [{"system": system, "value": value} for system, value in pairs]}


def _identifier(identifier: BusinessIdentifier) -> dict[str, str]:
    return {"system": identifier.system, "value": identifier.value}


def _code(code: Code | None) -> dict[str, str] | None:
    return None if code is None else {"system": code.system, "code": code.code}


def _integer(value: int | None) -> str | None:
    return None if value is None else str(value)


def _day(day: dt.date | None) -> str | None:
    return None if day is None else day.isoformat()


# ------------------------------------------------------------------ checks


def _check_sequence(name: str, sequence: int) -> None:
    if sequence < 1:
        raise InvalidInput(f"{name} sequence", str(sequence), "must be 1 or more")


def _check_days(first: dt.date | None, last: dt.date | None) -> None:
    if first is not None and last is not None and last < first:
        raise InvalidInput("service days", "last before first", "must be in order")


def _check_known(name: str, sequences: Iterable[int], known: Container[int], what: str) -> None:
    for sequence in sequences:
        if sequence not in known:
            raise InvalidInput(name, str(sequence), f"is the number of no {what}")


def _check_unique(name: str, sequences: Iterable[int]) -> None:
    seen: set[int] = set()
    for sequence in sequences:
        if sequence in seen:
            raise InvalidInput(f"{name} sequence", str(sequence), "stands twice")
        seen.add(sequence)
