"""A request for authorization as plain YAML or JSON, for those without FHIR. It says the same and becomes the same
`AuthorizationRequest`. Its JSON Schema is `plain-request-v1.schema.json` beside this module.

    format: careledger-authorization-request
    version: 1
    identifier: {system: https://hospital.example/requests, value: 2026-17}
    provider: {identifiers: [{system: http://hl7.org/fhir/sid/us-npi, value: 1234567893}]}
    insurer: {reference: insurer-1}
    patient: {reference: patient-1}
    coverage: {reference: coverage-1}
    currency: USD
    lines:
      - {sequence: 1, code: {system: HCPCS, code: E0601}, units: 1, unit_price: 850.00, first_day: 2026-12-01}

Numbers are read as the text that stands there. A code system may be named in any spelling that `CodeSystems` knows, or
by a URI. What is not known is left out.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from careledger.authorization.amounts import Settlement, parse_milli_units, units_text
from careledger.authorization.code_systems import URI, Code, CodeSystems
from careledger.authorization.request import (
    AuthorizationRequest,
    BusinessIdentifier,
    CareTeamMember,
    CertificationType,
    Change,
    Party,
    RequestLine,
    SupportingInformation,
)
from careledger.authorization.text_files import Day, Flag, Part, Text, Time, parse_text_file, read_file
from careledger.errors import InvalidInput

__all__ = ["FORMAT", "VERSION", "PlainRequest", "parse_plain_request", "plain_request"]

FORMAT = "careledger-authorization-request"
VERSION = 1

CERTIFICATION_TYPES = {
    "initial": CertificationType.INITIAL,
    "renewal": CertificationType.RENEWAL,
    "revised": CertificationType.REVISED,
    "extension": CertificationType.EXTENSION,
    "cancel": CertificationType.CANCEL,
    "immediate-appeal": CertificationType.IMMEDIATE_APPEAL,
    "standard-appeal": CertificationType.STANDARD_APPEAL,
}
CERTIFICATION_NAMES = {kind: name for name, kind in CERTIFICATION_TYPES.items()}

Decimal = Annotated[
    str,
    WithJsonSchema({"type": ["string", "number"], "description": "A decimal number, such as 12.5; never a float."}),
]
Sequence = Annotated[int, Field(ge=1, lt=2**31)]
Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$"), Field(description="SHA-256.")]
Certification = Annotated[
    Literal["initial", "renewal", "revised", "extension", "cancel", "immediate-appeal", "standard-appeal"],
    Field(description="What is asked for: X12 element 1322."),
]


class PlainIdentifier(Part):
    """An identifier, unique in its system."""

    system: Text
    value: Text


class PlainCode(Part):
    """A code. The system is a URI or a name such as CPT, HCPCS, ICD-10-PCS, NDC, or one that was configured."""

    system: Text
    code: Text


class PlainParty(Part):
    """Somebody, by identifiers, a reference of the sender's own, or both."""

    reference: Text | None = None
    identifiers: tuple[PlainIdentifier, ...] = ()


class PlainDiagnosis(PlainCode):
    """A diagnosis."""

    sequence: Sequence


class PlainCareTeamMember(PlainParty):
    """Who is to give the care, or refers to it."""

    sequence: Sequence
    role: PlainCode | None = None


class PlainInformation(Part):
    """What the request rests on; digests are those of anchored documents."""

    sequence: Sequence
    category: PlainCode | None = None
    kind: PlainCode | None = None
    digest: Digest | None = None
    attachments: tuple[Digest, ...] = ()
    value_digest: Digest | None = None
    first_day: Day | None = None
    last_day: Day | None = None
    change: Change = Change.UNCHANGED
    cancelled: Flag = False


class PlainLine(Part):
    """One service."""

    sequence: Sequence
    code: PlainCode
    certification: Certification | None = None
    code_end: PlainCode | None = None
    modifiers: tuple[PlainCode, ...] = ()
    category: PlainCode | None = None
    revenue: PlainCode | None = None
    place: PlainCode | None = None
    units: Decimal | None = None
    unit: PlainCode | None = None
    unit_price: Decimal | None = None
    amount: Decimal | None = None
    first_day: Day | None = None
    last_day: Day | None = None
    information: tuple[Sequence, ...] = ()
    diagnoses: tuple[Sequence, ...] = ()
    care_team: tuple[Sequence, ...] = ()
    change: Change = Change.UNCHANGED
    cancelled: Flag = False
    trace_numbers: tuple[PlainIdentifier, ...] = ()
    authorization_number: Text | None = None


class PlainRequest(Part):
    """A request for authorization."""

    format: Literal["careledger-authorization-request"]
    version: Annotated[Literal[1], BeforeValidator(lambda value: 1 if value == "1" else value)]
    identifier: PlainIdentifier
    provider: PlainParty
    insurer: PlainParty
    patient: PlainParty
    coverage: PlainParty
    lines: Annotated[tuple[PlainLine, ...], Field(min_length=1)]
    certification: Certification | None = None
    expedited: Flag = False
    prior: PlainIdentifier | None = None
    created: Time | None = None
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")] | None = None
    diagnoses: tuple[PlainDiagnosis, ...] = ()
    care_team: tuple[PlainCareTeamMember, ...] = ()
    information: tuple[PlainInformation, ...] = ()


def parse_plain_request(
    content: bytes, settlement: Settlement, systems: CodeSystems | None = None
) -> AuthorizationRequest:
    """The request in a YAML or JSON file. Amounts become minor units of the settlement's token.

    Raises InvalidInput naming the place of the first thing that is wrong. Only codes, numbers and names of elements
    stand in it.
    """
    plain = read_file(PlainRequest, parse_text_file(content, "request"), "request")
    return _Reader(settlement, systems or CodeSystems()).request(plain)


def plain_request(request: AuthorizationRequest, settlement: Settlement) -> dict[str, Any]:
    """The request as JSON values of the plain form, which `parse_plain_request` reads back."""
    priced = any(line.unit_price is not None or line.amount is not None for line in request.lines)
    return _filled(
        {
            "format": FORMAT,
            "version": VERSION,
            "identifier": _identifier(request.identifier),
            "certification": CERTIFICATION_NAMES[request.certification_type] if request.certification_type else None,
            "expedited": request.expedited or None,
            "prior": _identifier(request.prior),
            "created": request.created.isoformat() if request.created else None,
            "currency": settlement.currency if priced else None,
            "provider": _party(request.provider),
            "insurer": _party(request.insurer),
            "patient": _party(request.patient),
            "coverage": _party(request.coverage),
            "diagnoses": [
                {"sequence": sequence, "system": code.system, "code": code.code}
                for sequence, code in request.diagnoses.items()
            ],
            "care_team": [
                _filled({"sequence": sequence, **_party(member.provider), "role": _code(member.role)})
                for sequence, member in request.care_team.items()
            ],
            "information": [_information(information) for information in request.information],
            "lines": [_line(line, settlement) for line in request.lines],
        }
    )


# ------------------------------------------------------------------ reading


class _Reader:
    def __init__(self, settlement: Settlement, systems: CodeSystems) -> None:
        self.settlement = settlement
        self.systems = systems

    def request(self, plain: PlainRequest) -> AuthorizationRequest:
        if plain.currency not in (None, self.settlement.currency):
            raise InvalidInput("currency", str(plain.currency), f"must be {self.settlement.currency}")
        of_request = CERTIFICATION_TYPES[plain.certification] if plain.certification else None
        lines = tuple(self._line(line, of_request, plain.currency) for line in plain.lines)
        of_lines = {line.certification_type for line in lines}
        diagnoses: dict[int, Code] = {}
        for diagnosis in plain.diagnoses:
            if diagnosis.sequence in diagnoses:
                raise InvalidInput("diagnosis sequence", str(diagnosis.sequence), "stands twice")
            diagnoses[diagnosis.sequence] = self._known(diagnosis)
        care_team: dict[int, CareTeamMember] = {}
        for member in plain.care_team:
            if member.sequence in care_team:
                raise InvalidInput("care team sequence", str(member.sequence), "stands twice")
            care_team[member.sequence] = CareTeamMember(_party_of("care team", member), self._code(member.role))
        return AuthorizationRequest(
            identifier=BusinessIdentifier(plain.identifier.system, plain.identifier.value),
            provider=_party_of("provider", plain.provider),
            insurer=_party_of("insurer", plain.insurer),
            patient=_party_of("patient", plain.patient),
            coverage=_party_of("coverage", plain.coverage),
            lines=lines,
            certification_type=of_request or (of_lines.pop() if len(of_lines) == 1 else None),
            expedited=plain.expedited,
            prior=BusinessIdentifier(plain.prior.system, plain.prior.value) if plain.prior else None,
            created=plain.created,
            diagnoses=diagnoses,
            care_team=care_team,
            information=tuple(self._information(information) for information in plain.information),
        )

    def _line(self, line: PlainLine, of_request: CertificationType | None, currency: str | None) -> RequestLine:
        name = f"line {line.sequence}"
        kind = CERTIFICATION_TYPES[line.certification] if line.certification else of_request
        cancelled = line.cancelled or of_request is CertificationType.CANCEL
        if kind is CertificationType.CANCEL and not cancelled:
            raise InvalidInput(name, "cancel", "is not marked as cancelled")
        if currency is None and (line.unit_price is not None or line.amount is not None):
            raise InvalidInput(name, "price", "needs the currency that it is in")
        price, amount, units = line.unit_price, line.amount, line.units
        return RequestLine(
            sequence=line.sequence,
            code=self._known(line.code),
            certification_type=kind or CertificationType.INITIAL,
            code_end=self._code(line.code_end),
            modifiers=tuple(self._known(modifier) for modifier in line.modifiers),
            category=self._code(line.category),
            revenue=self._code(line.revenue),
            place=self._code(line.place),
            milli_units=None if units is None else parse_milli_units(units, f"{name} units"),
            unit=self._code(line.unit),
            unit_price=None if price is None else self.settlement.parse(price, f"{name} unit price"),
            amount=None if amount is None else self.settlement.parse(amount, f"{name} amount"),
            first_day=line.first_day,
            last_day=line.last_day,
            information=line.information,
            diagnoses=line.diagnoses,
            care_team=line.care_team,
            change=line.change,
            cancelled=cancelled,
            trace_numbers=tuple(BusinessIdentifier(one.system, one.value) for one in line.trace_numbers),
            authorization_number=line.authorization_number,
        )

    def _information(self, information: PlainInformation) -> SupportingInformation:
        return SupportingInformation(
            sequence=information.sequence,
            category=self._code(information.category),
            kind=self._code(information.kind),
            digest=_bytes(information.digest),
            attachments=tuple(bytes.fromhex(digest) for digest in information.attachments),
            value_digest=_bytes(information.value_digest),
            first_day=information.first_day,
            last_day=information.last_day,
            change=information.change,
            cancelled=information.cancelled,
        )

    def _code(self, code: PlainCode | None) -> Code | None:
        return None if code is None else self._known(code)

    def _known(self, code: PlainCode) -> Code:
        if not self.systems.knows(code.system) and not URI.fullmatch(code.system):
            raise InvalidInput("code system", code.system, "is neither known nor a URI")
        return self.systems.code(code.system, code.code)


def _party_of(name: str, party: PlainParty) -> Party:
    if party.reference is None and not party.identifiers:
        raise InvalidInput(name, "nobody", "needs an identifier or a reference")
    return Party(party.reference or "", tuple(BusinessIdentifier(one.system, one.value) for one in party.identifiers))


def _bytes(digest: str | None) -> bytes | None:
    return None if digest is None else bytes.fromhex(digest)


# ------------------------------------------------------------------ writing


def _line(line: RequestLine, settlement: Settlement) -> dict[str, Any]:
    return _filled(
        {
            "sequence": line.sequence,
            "code": _code(line.code),
            "certification": CERTIFICATION_NAMES[line.certification_type],
            "code_end": _code(line.code_end),
            "modifiers": [_code(modifier) for modifier in line.modifiers],
            "category": _code(line.category),
            "revenue": _code(line.revenue),
            "place": _code(line.place),
            "units": None if line.milli_units is None else units_text(line.milli_units),
            "unit": _code(line.unit),
            "unit_price": None if line.unit_price is None else settlement.text(line.unit_price),
            "amount": None if line.amount is None else settlement.text(line.amount),
            "first_day": line.first_day.isoformat() if line.first_day else None,
            "last_day": line.last_day.isoformat() if line.last_day else None,
            "information": list(line.information),
            "diagnoses": list(line.diagnoses),
            "care_team": list(line.care_team),
            "change": None if line.change is Change.UNCHANGED else line.change.value,
            "cancelled": line.cancelled or None,
            "trace_numbers": [_identifier(trace) for trace in line.trace_numbers],
            "authorization_number": line.authorization_number,
        }
    )


def _information(information: SupportingInformation) -> dict[str, Any]:
    return _filled(
        {
            "sequence": information.sequence,
            "category": _code(information.category),
            "kind": _code(information.kind),
            "digest": information.digest.hex() if information.digest else None,
            "attachments": [digest.hex() for digest in information.attachments],
            "value_digest": information.value_digest.hex() if information.value_digest else None,
            "first_day": information.first_day.isoformat() if information.first_day else None,
            "last_day": information.last_day.isoformat() if information.last_day else None,
            "change": None if information.change is Change.UNCHANGED else information.change.value,
            "cancelled": information.cancelled or None,
        }
    )


def _party(party: Party) -> dict[str, Any]:
    return _filled(
        {"reference": party.reference or None, "identifiers": [_identifier(one) for one in party.identifiers]}
    )


def _identifier(identifier: BusinessIdentifier | None) -> dict[str, str] | None:
    return None if identifier is None else {"system": identifier.system, "value": identifier.value}


def _code(code: Code | None) -> dict[str, str] | None:
    return None if code is None else {"system": code.system, "code": code.code}


def _filled(value: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in value.items() if item is not None and item != []}
