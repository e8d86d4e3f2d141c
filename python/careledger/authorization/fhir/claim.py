"""What a PAS Claim says, in the terms of `careledger.authorization.request`. Used for requests and for inquiries."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
from collections.abc import Container

from careledger.anchoring.canonical_fhir import static_bytes
from careledger.anchoring.canonical_json import write
from careledger.authorization.amounts import Settlement, parse_milli_units
from careledger.authorization.code_systems import Code, CodeSystems
from careledger.authorization.fhir import names
from careledger.authorization.fhir.elements import Element
from careledger.authorization.fhir.resources import Bundle, Entry
from careledger.authorization.request import (
    BusinessIdentifier,
    CareTeamMember,
    CertificationType,
    Change,
    Party,
    RequestLine,
    SupportingInformation,
)
from careledger.errors import InvalidInput

__all__ = ["ClaimReader"]

EXPEDITED = frozenset({"U", "03"})
"""Levels of service that are urgent: urgent, and emergency (X12 element 1338)."""

SUBSCRIBER_ID = "subscriberId"
PARTY_TYPES = {
    "patient": ("Patient",),
    "insurer": ("Organization",),
    "provider": ("Organization", "PractitionerRole", "Practitioner"),
    "coverage": ("Coverage",),
}
"""What may stand where; a Practitioner is R4's, PAS has the other two."""

READ_BY_DIGEST = ("valueReference", "valueAttachment")


class ClaimReader:
    """Reads a Claim of a bundle. What is wrong is noted as issues on its elements; values that could not be read are
    None until the caller has refused."""

    def __init__(self, bundle: Bundle, entry: Entry, settlement: Settlement, systems: CodeSystems) -> None:
        self.bundle = bundle
        self.entry = entry
        self.claim = entry.resource
        self.settlement = settlement
        self.systems = systems

    # ------------------------------------------------------------------ the whole claim

    def check_use(self) -> None:
        """A PAS Claim is active and a preauthorization, and every modifier in it is one that is known."""
        for name, expected in (("status", "active"), ("use", "preauthorization")):
            found = self.claim.text(name)
            if found != expected:
                self.claim.wrong_code(name, found, f"must be {expected}")
        _check_modifiers(self.claim)
        for name in ("item", "supportingInfo"):
            for element in self.claim.elements(name):
                _check_modifiers(element)

    def identifier(self) -> BusinessIdentifier:
        """The first identifier that has system and value. A Claim without one is known by its fullUrl, which PAS wants
        to be unique, as a URI."""
        found = self.claim.identifiers()
        return found[0] if found else BusinessIdentifier(names.URI_AS_IDENTIFIER, self.entry.full_url)

    def expedited(self) -> bool:
        """By the level of service alone: `priority` is `normal` in every published request, urgent ones included."""
        return self._level_of_service() in EXPEDITED

    def certification_type(self, lines: tuple[RequestLine, ...]) -> CertificationType | None:
        """The Claim's own, or else the one that all its lines have."""
        said = self._certification_type(self.claim)
        if said is not None:
            return said
        of_lines = {line.certification_type for line in lines}
        return of_lines.pop() if len(of_lines) == 1 else None

    def check_appeal(self, certification_type: CertificationType | None) -> None:
        """An immediate appeal comes with a level of service (X12 element 1322)."""
        if certification_type is CertificationType.IMMEDIATE_APPEAL and self._level_of_service() is None:
            self.claim.wrong("extension", "a level of service is needed for an immediate appeal", "1", "business-rule")

    def prior(self) -> BusinessIdentifier | None:
        """The identifier of the request that this one updates."""
        found = [
            related
            for related in self.claim.elements("related")
            if related.code_in("relationship", names.CLAIM_RELATION, self.systems) == "prior"
        ]
        if not found:
            return None
        if len(found) > 1:
            self.claim.wrong("related", "names more than one prior claim", str(len(found)), "structure")
            return None
        reference = found[0].reference("claim")
        target = self.bundle.resolve(reference, self.entry) if reference else None
        if target is not None:
            if target.type != "Claim" or target.full_url == self.entry.full_url:
                found[0].wrong("claim", "must be another Claim", target.type, "structure")
                return None
            return ClaimReader(self.bundle, target, self.settlement, self.systems).identifier()
        claim = found[0].element("claim")
        identifier = claim.element("identifier") if claim else None
        known = identifier.identifier() if identifier else None
        if known is None:
            found[0].wrong("claim", "must lead to the prior Claim, or give its identifier", None, "required")
        return known

    # ------------------------------------------------------------------ parties

    def party(self, name: str) -> Party:
        """The provider, insurer or patient of the Claim."""
        return self._party(self.claim, name)

    def coverage(self) -> Party:
        """The focal coverage, which is the patient's: its identifiers and the subscriber's number."""
        insurances = self.claim.elements("insurance")
        focal = [insurance for insurance in insurances if insurance.boolean("focal")] or insurances
        if not focal:
            self.claim.wrong("insurance", "is needed", None, "required")
            return Party("")
        party = self._party(focal[0], "coverage")
        entry = self.bundle.resolve(party.reference, self.entry)
        if entry is None:
            return party
        coverage, patient = entry.resource, self.claim.reference("patient")
        beneficiary = coverage.reference("beneficiary")
        if beneficiary and patient:
            of, asked = self.bundle.resolve(beneficiary, entry), self.bundle.resolve(patient, self.entry)
            if of and asked and of.full_url != asked.full_url:
                coverage.wrong("beneficiary", "must be the patient of the Claim", None, "business-rule")
        subscriber = (coverage.text("subscriberId") or "").strip()
        if not subscriber:
            return party
        return Party(party.reference, (*party.identifiers, BusinessIdentifier(SUBSCRIBER_ID, subscriber)))

    def _party(self, owner: Element, name: str) -> Party:
        reference = owner.reference(name)
        if not reference:
            owner.wrong(name, "a reference is needed", None, "required")
            return Party("")
        target = self.bundle.resolve(reference, self.entry)
        if target is None:
            return Party(reference)
        if target.type not in PARTY_TYPES[name]:
            owner.wrong(name, f"must be {' or '.join(PARTY_TYPES[name])}", target.type, "structure")
        return Party(reference, target.resource.identifiers())

    # ------------------------------------------------------------------ lines

    def lines(
        self, information: Container[int], diagnoses: Container[int], care_team: Container[int]
    ) -> tuple[RequestLine, ...]:
        """The items, each under its own number; what they name by number must be there."""
        items = self.claim.elements("item")
        if not items:
            self.claim.wrong("item", "is needed", None, "required")
        _check_unique(items)
        whole = self._certification_type(self.claim)
        lines: list[RequestLine] = []
        for item in items:
            named = (
                _known(item, "informationSequence", information),
                _known(item, "diagnosisSequence", diagnoses),
                _known(item, "careTeamSequence", care_team),
            )
            line = self._line(item, whole, *named)
            if line is not None:
                lines.append(line)
        return tuple(lines)

    def codes(self) -> tuple[Code, ...]:
        """The services of the items; an inquiry may leave them out."""
        found = (item.coding("productOrService", self.systems) for item in self.claim.elements("item"))
        return tuple(code for code in found if code is not None)

    def _line(
        self,
        item: Element,
        whole: CertificationType | None,
        information: tuple[int, ...],
        diagnoses: tuple[int, ...],
        care_team: tuple[int, ...],
    ) -> RequestLine | None:
        sequence, code = item.positive("sequence"), item.coding("productOrService", self.systems)
        if code is None:
            item.wrong("productOrService", "a code with its system is needed", None, "required")
        certification_type = self._certification_type(item) or whole
        cancelled = _is_cancelled(item) or whole is CertificationType.CANCEL
        if certification_type is CertificationType.CANCEL and not cancelled:
            item.wrong("extension", "cancels the line, which is not marked as cancelled", "3", "business-rule")
        milli_units, unit = self._quantity(item)
        first_day, last_day = _days(item, "serviced")
        code_end = item.extension(names.PRODUCT_OR_SERVICE_CODE_END)
        number = item.extension(names.AUTHORIZATION_NUMBER)
        traces = (trace.element("valueIdentifier") for trace in item.extensions(names.ITEM_TRACE_NUMBER))
        unit_price, amount = self._money(item, "unitPrice"), self._money(item, "net")
        modifiers = (modifier.code_of_concept(self.systems) for modifier in item.elements("modifier"))
        if sequence is None or code is None:
            return None
        try:
            return RequestLine(
                sequence=sequence,
                code=code,
                certification_type=certification_type or CertificationType.INITIAL,
                code_end=code_end.coding("valueCodeableConcept", self.systems) if code_end else None,
                modifiers=tuple(modifier for modifier in modifiers if modifier is not None),
                category=item.coding("category", self.systems),
                revenue=item.coding("revenue", self.systems),
                place=item.coding("locationCodeableConcept", self.systems),
                milli_units=milli_units,
                unit=unit,
                unit_price=unit_price,
                amount=amount,
                first_day=first_day,
                last_day=last_day,
                information=information,
                diagnoses=diagnoses,
                care_team=care_team,
                change=_change(item),
                cancelled=cancelled,
                trace_numbers=tuple(one for trace in traces if trace and (one := trace.identifier())),
                authorization_number=number.text("valueString") if number else None,
            )
        except InvalidInput as problem:
            item.wrong("", f"{problem.name} {problem.problem}", None, "business-rule")
            return None

    def _quantity(self, item: Element) -> tuple[int | None, Code | None]:
        quantity = item.element("quantity")
        if quantity is None:
            return None, None
        if quantity.text("comparator") is not None:
            quantity.wrong("comparator", "is not for a quantity that is asked for", None, "not-supported")
        unit, number = quantity.code(self.systems), quantity.number("value")
        if number is None:
            return None, unit
        try:
            milli_units = parse_milli_units(number)
        except InvalidInput as problem:
            quantity.wrong("value", problem.problem, number)
            return None, unit
        if milli_units == 0:
            quantity.wrong("value", "must be more than 0", number)
            return None, unit
        return milli_units, unit

    def _money(self, item: Element, name: str) -> int | None:
        """Minor units of a Money. One without a currency is not known; one in another currency is refused."""
        money = item.element(name)
        if money is None:
            return None
        number, currency = money.number("value"), money.text("currency")
        if number is None or currency is None:
            return None
        if currency != self.settlement.currency:
            money.wrong_code("currency", currency, f"must be {self.settlement.currency}")
            return None
        try:
            return self.settlement.parse(number)
        except InvalidInput as problem:
            money.wrong("value", problem.problem, number)
            return None

    # ------------------------------------------------------------------ diagnoses, care team, supporting information

    def diagnoses(self) -> dict[int, Code]:
        """The diagnoses by their numbers."""
        elements = self.claim.elements("diagnosis")
        _check_unique(elements)
        found: dict[int, Code] = {}
        for element in elements:
            sequence, code = element.positive("sequence"), element.coding("diagnosisCodeableConcept", self.systems)
            reference = element.reference("diagnosisReference")
            target = self.bundle.resolve(reference, self.entry) if reference else None
            if code is None and target is not None:
                code = target.resource.coding("code", self.systems)
            if code is None:
                element.wrong("", "a code with its system is needed", None, "required")
            elif sequence is not None:
                found[sequence] = code
        return found

    def care_team(self) -> dict[int, CareTeamMember]:
        """The care team by its numbers; a role's practitioner stands for a role without identifiers."""
        elements = self.claim.elements("careTeam")
        _check_unique(elements)
        found: dict[int, CareTeamMember] = {}
        for element in elements:
            sequence, provider = element.positive("sequence"), self._party(element, "provider")
            entry = self.bundle.resolve(provider.reference, self.entry) if provider.reference else None
            reference = entry.resource.reference("practitioner") if entry else None
            target = self.bundle.resolve(reference, entry) if entry and reference else None
            if not provider.identifiers and target is not None:
                provider = Party(provider.reference, target.resource.identifiers())
            if sequence is not None:
                found[sequence] = CareTeamMember(provider, element.coding("role", self.systems))
        return found

    def information(self) -> tuple[SupportingInformation, ...]:
        """The supporting information."""
        elements = self.claim.elements("supportingInfo")
        _check_unique(elements)
        found = (self._information(element) for element in elements)
        return tuple(information for information in found if information is not None)

    def _information(self, element: Element) -> SupportingInformation | None:
        sequence = element.positive("sequence")
        first_day, last_day = _days(element, "timing")
        reference = element.reference("valueReference")
        target = self.bundle.resolve(reference, self.entry) if reference else None
        digest, kind, attachments = None, None, _attachments(element, "valueAttachment")
        if target is not None:
            document = target.resource
            digest = _resource_digest(document)
            kind = document.coding("type", self.systems) or document.coding("code", self.systems)
            attachments = tuple(
                one for content in document.elements("content") for one in _attachments(content, "attachment")
            )
        others = {
            name: value
            for name, value in element.value.items()
            if name.startswith("value") and name not in READ_BY_DIGEST
        }
        if sequence is None:
            return None
        try:
            return SupportingInformation(
                sequence=sequence,
                category=element.coding("category", self.systems),
                kind=kind,
                digest=digest,
                attachments=attachments,
                value_digest=hashlib.sha256(write(others).encode()).digest() if others else None,
                first_day=first_day,
                last_day=last_day,
                change=_change(element),
                cancelled=_is_cancelled(element),
            )
        except InvalidInput as problem:
            element.wrong("", f"{problem.name} {problem.problem}", None, "business-rule")
            return None

    # ------------------------------------------------------------------ extensions

    def _level_of_service(self) -> str | None:
        extension = self.claim.extension(names.LEVEL_OF_SERVICE)
        if extension is None:
            return None
        return extension.code_in("valueCodeableConcept", names.LEVEL_OF_SERVICE_SYSTEM, self.systems)

    def _certification_type(self, element: Element) -> CertificationType | None:
        extension = element.extension(names.CERTIFICATION_TYPE)
        if extension is None:
            return None
        code = extension.code_in("valueCodeableConcept", names.CERTIFICATION_TYPE_SYSTEM, self.systems)
        try:
            return CertificationType(code)
        except ValueError:
            known = ", ".join(one.value for one in CertificationType)
            extension.wrong_code("valueCodeableConcept", code, f"must be a certification type: {known}")
            return None


def _known(item: Element, name: str, known: Container[int]) -> tuple[int, ...]:
    """The numbers that an item names, those that the Claim has."""
    found = item.positives(name)
    for i, sequence in enumerate(found):
        if sequence not in known:
            item.wrong(f"{name}[{i}]", "is not in the Claim", str(sequence), "not-found")
    return tuple(sequence for sequence in found if sequence in known)


def _change(element: Element) -> Change:
    extension = element.extension(names.INFO_CHANGED)
    if extension is None:
        return Change.UNCHANGED
    mode = extension.text("valueCode")
    if mode in (Change.ADDED.value, Change.CHANGED.value):
        return Change(mode)
    extension.wrong_code("valueCode", mode, "must be added or changed")
    return Change.UNCHANGED


def _is_cancelled(element: Element) -> bool:
    extension = element.extension(names.INFO_CANCELLED, "modifierExtension")
    return bool(extension and extension.boolean("valueBoolean"))


def _check_modifiers(element: Element) -> None:
    """What changes the meaning in a way that is not known here must not be passed over (FHIR R4, 2.1.0.5.0.1)."""
    for i, extension in enumerate(element.elements("modifierExtension")):
        if extension.value.get("url") != names.INFO_CANCELLED:
            element.wrong(f"modifierExtension[{i}]", "changes the meaning in a way not known here", None, "extension")


def _check_unique(elements: list[Element]) -> None:
    seen: set[int] = set()
    for element in elements:
        sequence = element.positive("sequence")
        if sequence is not None and sequence in seen:
            element.wrong("sequence", "stands twice", str(sequence), "duplicate")
        seen.add(sequence or 0)


def _days(element: Element, name: str) -> tuple[dt.date | None, dt.date | None]:
    """The first and the last day of a choice of date and Period."""
    day = element.day(f"{name}Date")
    if day is not None:
        return day, day
    period = element.element(f"{name}Period")
    if period is None:
        return None, None
    first, last = period.day("start"), period.day("end")
    if first and last and last < first:
        period.wrong("", "ends before it starts")
        return None, None
    return first, last


def _resource_digest(resource: Element) -> bytes | None:
    """SHA-256 of the resource's `fhir-json-static` bytes."""
    try:
        return hashlib.sha256(static_bytes(write(resource.value).encode())).digest()
    except InvalidInput as problem:
        resource.wrong("", problem.problem, None, "structure")
        return None


def _attachments(element: Element, name: str) -> tuple[bytes, ...]:
    """SHA-256 of the bytes inside an Attachment, if it holds any."""
    attachment = element.element(name)
    data = attachment.text("data") if attachment else None
    if attachment is None or data is None:
        return ()
    try:
        return (hashlib.sha256(base64.b64decode("".join(data.split()), validate=True)).digest(),)
    except (binascii.Error, ValueError):
        attachment.wrong("data", "is not base64")
        return ()
