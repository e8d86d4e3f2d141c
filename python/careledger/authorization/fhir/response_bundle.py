"""The answer to a PAS request or inquiry as FHIR, written and read: a Bundle that begins with a ClaimResponse.

Every line of the request is named under its own number, changed and cancelled ones too. A pended line is A4 in a
response that is `complete`: PAS 2.2.1 has no outcome `queued`. What a modified line was granted stands in `addItem`.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence

from careledger.anchoring.canonical_json import Json
from careledger.authorization.amounts import Settlement, line_amount, parse_milli_units
from careledger.authorization.code_systems import Code, CodeSystems
from careledger.authorization.fhir import names
from careledger.authorization.fhir.elements import Element
from careledger.authorization.fhir.issues import refuse
from careledger.authorization.fhir.request_bundle import RequestBundle
from careledger.authorization.fhir.resources import Bundle, Entry, bundle_of, parse_bundle, parse_resource
from careledger.authorization.fhir.writing import (
    coded,
    concept,
    extension,
    filled,
    identified,
    instant,
    integer,
    money,
    period,
    quantity,
    referenced,
)
from careledger.authorization.outcome import AuthorizationOutcome, Grant, LineOutcome, ReviewAction
from careledger.authorization.request import BusinessIdentifier, RequestLine
from careledger.errors import InvalidInput

__all__ = [
    "inquiry_response_bundle",
    "inquiry_result",
    "parse_inquiry_result",
    "parse_response_bundle",
    "response_bundle",
]

RETURN = "return"
REVIEWED_BY_HUMAN = "wasHumanReviewedFlag"
SUBMITTED: Json = coded(names.ADJUDICATION, "submitted")
"""PAS fixes the category: the review is of what was submitted."""


# ------------------------------------------------------------------ writing


def response_bundle(asked: RequestBundle, outcome: AuthorizationOutcome, settlement: Settlement) -> dict[str, Json]:
    """The answer to `$submit`. The same outcome gives the same bundle.

    Raises InvalidInput if the outcome leaves out a line of the request or has one more, has no action for a line that
    is not cancelled, or says what an insurer must not answer (`LineOutcome.check`).
    """
    return _bundle(asked, outcome, settlement, names.RESPONSE_BUNDLE, names.CLAIM_RESPONSE)


def inquiry_response_bundle(
    asked: RequestBundle, outcome: AuthorizationOutcome, settlement: Settlement
) -> dict[str, Json]:
    """One result of `$inquire`: what stands now for a request. Raises InvalidInput as `response_bundle` does."""
    return _bundle(asked, outcome, settlement, names.INQUIRY_RESPONSE_BUNDLE, names.INQUIRY_CLAIM_RESPONSE)


def inquiry_result(bundles: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """The answer to `$inquire`: Parameters with a bundle for each request that was found, or none."""
    return filled(
        {"resourceType": "Parameters", "parameter": [{"name": RETURN, "resource": bundle} for bundle in bundles]}
    )


def _bundle(
    asked: RequestBundle, outcome: AuthorizationOutcome, settlement: Settlement, profile: str, response_profile: str
) -> dict[str, Json]:
    _check_complete(asked, outcome)
    claim = asked.bundle.entries[0]
    own = uuid.uuid5(uuid.NAMESPACE_URL, f"{claim.full_url}#{instant(outcome.answered)}")
    parties = {
        "patient": _party(asked.bundle, claim, "patient"),
        "insurer": _party(asked.bundle, claim, "insurer"),
        "requestor": _party(asked.bundle, claim, "provider"),
    }
    response = filled(
        {
            "resourceType": "ClaimResponse",
            "id": str(own),
            "meta": {"profile": [response_profile]},
            "extension": _reviewer(outcome),
            "identifier": [identified(outcome.identifier)],
            "status": "active",
            "type": claim.resource.value.get("type"),
            "use": "preauthorization",
            **{name: referenced(party.full_url) for name, party in parties.items()},
            "created": instant(outcome.answered),
            "request": {**referenced(claim.full_url), "identifier": identified(asked.request.identifier)},
            "outcome": "error" if outcome.rejections else "complete",
            **_items(asked, outcome, settlement),
            "adjudication": [_adjudication(LineOutcome(1, outcome.whole))] if outcome.whole else [],
            "error": [{"code": concept(code)} for code in outcome.rejections],
        }
    )
    entries: list[Json] = [{"fullUrl": f"urn:uuid:{own}", "resource": response}]
    entries += [
        {"fullUrl": entry.full_url, "resource": entry.resource.value}
        for entry in _echoed(asked.bundle, list(parties.values()))
    ]
    return filled(
        {
            "resourceType": "Bundle",
            "meta": {"profile": [profile]},
            "identifier": asked.bundle.envelope.value.get("identifier"),
            "type": "collection",
            "timestamp": instant(outcome.answered),
            "entry": entries,
        }
    )


def _check_complete(asked: RequestBundle, outcome: AuthorizationOutcome) -> None:
    if outcome.rejections:
        return
    answered = {line.sequence: line for line in outcome.lines}
    for line in asked.request.lines:
        answer = answered.pop(line.sequence, None)
        if answer is None:
            raise InvalidInput("line", str(line.sequence), "of the request is not answered")
        if answer.action is None and not line.cancelled:
            raise InvalidInput("line", str(line.sequence), "is not cancelled, and needs an action")
        answer.check()
    if answered:
        raise InvalidInput("line", str(min(answered)), "is not in the request")


def _party(bundle: Bundle, claim: Entry, name: str) -> Entry:
    reference = claim.resource.reference(name)
    target = bundle.resolve(reference, claim) if reference else None
    if target is None:
        raise InvalidInput(name, "none", "of the request is not in its bundle")
    return target


def _echoed(bundle: Bundle, parties: list[Entry]) -> list[Entry]:
    """The parties and what they refer to, each once, under the fullUrl that it had. The Claim stays out, with the
    documents that it leads to: who asked has it."""
    found: dict[str, Entry] = {}
    for party in parties:
        reached = [target for *_, target in bundle.reachable(party) if target is not None and target.type != "Claim"]
        found |= {entry.full_url: entry for entry in (party, *reached)}
    return list(found.values())


def _reviewer(outcome: AuthorizationOutcome) -> list[Json]:
    if outcome.human_reviewed is None:
        return []
    return [extension(names.REVIEWER, parts=[extension(REVIEWED_BY_HUMAN, {"valueBoolean": outcome.human_reviewed})])]


def _items(asked: RequestBundle, outcome: AuthorizationOutcome, settlement: Settlement) -> dict[str, Json]:
    """`item`, `addItem` and `processNote`."""
    items: list[Json] = []
    added: list[Json] = []
    notes: list[Json] = []
    for answer in sorted(outcome.lines, key=lambda line: line.sequence):
        line = asked.request.line(answer.sequence)
        numbers = range(len(notes) + 1, len(notes) + 1 + len(answer.notes))
        notes += [{"number": integer(number), "text": text} for number, text in zip(numbers, answer.notes, strict=True)]
        items.append(_item(line, answer, [integer(number) for number in numbers], settlement))
        if answer.action is ReviewAction.MODIFIED and answer.grant is not None:
            added.append(_added(line, answer, answer.grant, settlement))
    return {"item": items, "addItem": added, "processNote": notes}


def _item(line: RequestLine, answer: LineOutcome, notes: Sequence[Json], settlement: Settlement) -> dict[str, Json]:
    extensions = _dates_and_numbers(line, answer)
    requested = period(line.first_day, line.last_day)
    if requested:
        extensions.append(extension(names.ITEM_REQUESTED_SERVICE_DATE, {"valuePeriod": requested}))
    if answer.grant is not None and answer.action is not ReviewAction.MODIFIED:
        extensions.append(_authorized(line.code, answer.grant, settlement))
    return filled(
        {
            "extension": extensions,
            "itemSequence": integer(answer.sequence),
            "noteNumber": notes,
            "adjudication": [_adjudication(answer)],
        }
    )


def _added(line: RequestLine, answer: LineOutcome, grant: Grant, settlement: Settlement) -> dict[str, Json]:
    """The service that a modified line was granted."""
    modifiers = grant.modifiers if grant.code else line.modifiers
    return filled(
        {
            "extension": _dates_and_numbers(line, answer),
            "itemSequence": [integer(line.sequence)],
            "productOrService": concept(grant.code or line.code),
            "modifier": [concept(modifier) for modifier in modifiers],
            "quantity": quantity(grant.milli_units, grant.unit),
            "unitPrice": money(grant.unit_price, settlement),
            "net": money(grant.amount, settlement),
            "adjudication": [_adjudication(answer)],
        }
    )


def _dates_and_numbers(line: RequestLine, answer: LineOutcome) -> list[Json]:
    found: list[Json] = [
        extension(names.ITEM_TRACE_NUMBER, {"valueIdentifier": identified(trace)}) for trace in line.trace_numbers
    ]
    if answer.issued_on is not None:
        found.append(extension(names.ITEM_ISSUE_DATE, {"valueDate": answer.issued_on.isoformat()}))
    valid = period(answer.valid_from, answer.valid_to)
    if valid:
        found.append(extension(names.ITEM_PERIOD, {"valuePeriod": valid}))
    if answer.pend_number is not None:
        found.append(extension(names.ADMINISTRATION_REFERENCE_NUMBER, {"valueString": answer.pend_number}))
    return found


def _authorized(code: Code, grant: Grant, settlement: Settlement) -> dict[str, Json]:
    parts: list[Json] = [extension("productOrServiceCode", {"valueCodeableConcept": concept(code)})]
    price, units = money(grant.unit_price, settlement), quantity(grant.milli_units, grant.unit)
    if price is not None:
        parts.append(extension("unitPrice", {"valueMoney": price}))
    if units is not None:
        parts.append(extension("quantity", {"valueQuantity": units}))
    return extension(names.ITEM_AUTHORIZED_DETAIL, parts=parts)


def _adjudication(answer: LineOutcome) -> dict[str, Json]:
    if answer.action is None:
        return {"category": SUBMITTED}
    action = coded(names.REVIEW_ACTION_SYSTEM, answer.action.value)
    parts: list[Json] = []
    if answer.authorization_number is not None:
        parts.append(extension("number", {"valueString": answer.authorization_number}))
    parts.append(extension(names.REVIEW_ACTION_CODE, {"valueCodeableConcept": action}))
    parts += [extension("reasonCode", {"valueCodeableConcept": concept(reason)}) for reason in answer.reasons]
    return {"extension": [extension(names.REVIEW_ACTION, parts=parts)], "category": SUBMITTED}


# ------------------------------------------------------------------ reading


def parse_response_bundle(
    content: bytes, settlement: Settlement, systems: CodeSystems | None = None
) -> AuthorizationOutcome:
    """The answer in a bundle's JSON, from any insurer. Raises BundleRefused.

    References may lead out of it, as they do in the published examples. The one mark for a person's review is taken for
    every line.
    """
    return _outcome(parse_bundle(content, "ClaimResponse"), settlement, systems or CodeSystems())


def parse_inquiry_result(
    content: bytes, settlement: Settlement, systems: CodeSystems | None = None
) -> tuple[AuthorizationOutcome, ...]:
    """The answers in what `$inquire` returned. Raises BundleRefused."""
    parameters = parse_resource(content, "Parameters")
    found = (parameter.element("resource") for parameter in parameters.elements("parameter"))
    bundles = [bundle_of(resource.value, "ClaimResponse", resource.path) for resource in found if resource]
    return tuple(_outcome(bundle, settlement, systems or CodeSystems()) for bundle in bundles)


def _outcome(bundle: Bundle, settlement: Settlement, systems: CodeSystems) -> AuthorizationOutcome:
    entry = bundle.entries[0]
    response = entry.resource
    reader = _ResponseReader(response, settlement, systems)
    lines, answered = reader.lines(), reader.answered()
    identifiers = response.identifiers()
    whole = [action for one in response.elements("adjudication") if (action := reader.review(one)[0])]
    errors = (error.coding("code", systems) for error in response.elements("error"))
    if response.issues:
        refuse(response.issues)
    try:
        return AuthorizationOutcome(
            identifier=identifiers[0] if identifiers else BusinessIdentifier(names.URI_AS_IDENTIFIER, entry.full_url),
            lines=lines,
            answered=answered,
            whole=whole[0] if whole else None,
            rejections=tuple(code for code in errors if code is not None),
        )
    except InvalidInput as problem:
        response.wrong("item", problem.problem, problem.value, "business-rule")
        refuse(response.issues)


class _ResponseReader:
    """Reads a ClaimResponse; what is wrong is noted as issues on its elements."""

    def __init__(self, response: Element, settlement: Settlement, systems: CodeSystems) -> None:
        self.response = response
        self.settlement = settlement
        self.systems = systems
        self.notes = {
            number: note.text("text") or ""
            for note in response.elements("processNote")
            if (number := note.positive("number")) is not None
        }
        reviewer = response.extension(names.REVIEWER)
        flag = reviewer.extension(REVIEWED_BY_HUMAN) if reviewer else None
        self.human_reviewed = flag.boolean("valueBoolean") if flag else None
        self.added = {
            sequence: item for item in response.elements("addItem") for sequence in item.positives("itemSequence")
        }

    def answered(self) -> dt.datetime:
        """When; a day counts from its start in UTC."""
        found = self.response.time("created")
        if isinstance(found, dt.datetime):
            return found
        if found is None:
            self.response.wrong("created", "must be a time with its zone, or a day")
        return dt.datetime.combine(found or dt.date.min, dt.time(), dt.UTC)

    def lines(self) -> tuple[LineOutcome, ...]:
        """The answers to lines."""
        return tuple(line for item in self.response.elements("item") if (line := self._line(item)) is not None)

    def review(self, adjudication: Element) -> tuple[ReviewAction | None, tuple[Code, ...], str | None]:
        """Action, reasons and number of an adjudication's review; None for the action if there is no review."""
        found = adjudication.extension(names.REVIEW_ACTION)
        if found is None:
            return None, (), None
        action = found.extension(names.REVIEW_ACTION_CODE)
        code = action.code_in("valueCodeableConcept", names.REVIEW_ACTION_SYSTEM, self.systems) if action else None
        number = found.extension("number")
        reasons = (reason.coding("valueCodeableConcept", self.systems) for reason in found.extensions("reasonCode"))
        try:
            said = ReviewAction(code)
        except ValueError:
            known = ", ".join(one.value for one in ReviewAction)
            found.wrong_code("extension", code, f"must be a review action: {known}")
            said = None
        return (
            said,
            tuple(reason for reason in reasons if reason is not None),
            number.text("valueString") if number else None,
        )

    def _line(self, item: Element) -> LineOutcome | None:
        sequence = item.positive("itemSequence")
        reviews = [self.review(one) for one in item.elements("adjudication")]
        action, reasons, number = next((one for one in reviews if one[0] is not None), (None, (), None))
        issued, valid = item.extension(names.ITEM_ISSUE_DATE), item.extension(names.ITEM_PERIOD)
        days = valid.element("valuePeriod") if valid else None
        pended = item.extension(names.ADMINISTRATION_REFERENCE_NUMBER)
        numbers = item.positives("noteNumber")
        if sequence is None:
            return None
        return LineOutcome(
            sequence=sequence,
            action=action,
            reasons=reasons,
            notes=tuple(self.notes[note] for note in numbers if note in self.notes),
            grant=self._grant(item, sequence),
            issued_on=issued.day("valueDate") if issued else None,
            valid_from=days.day("start") if days else None,
            valid_to=days.day("end") if days else None,
            authorization_number=number,
            pend_number=pended.text("valueString") if pended else None,
            human_reviewed=self.human_reviewed,
        )

    def _grant(self, item: Element, sequence: int) -> Grant | None:
        """From `addItem` if there is one for the line, else from the item's authorized detail."""
        added = self.added.get(sequence)
        if added is not None:
            modifiers = (modifier.code_of_concept(self.systems) for modifier in added.elements("modifier"))
            price, net = added.element("unitPrice"), added.element("net")
            code = added.coding("productOrService", self.systems)
            return self._granted(
                added.element("quantity"), price, net, code, tuple(one for one in modifiers if one is not None)
            )
        detail = item.extension(names.ITEM_AUTHORIZED_DETAIL)
        if detail is None:
            return None
        units, price = detail.extension("quantity"), detail.extension("unitPrice")
        return self._granted(
            units.element("valueQuantity") if units else None, price.element("valueMoney") if price else None, None
        )

    def _granted(
        self,
        units: Element | None,
        price: Element | None,
        net: Element | None,
        code: Code | None = None,
        modifiers: tuple[Code, ...] = (),
    ) -> Grant | None:
        milli_units, unit_price, amount = self._units(units), self._money(price), self._money(net)
        try:
            if amount is None and milli_units is not None and unit_price is not None:
                amount = line_amount(unit_price, milli_units)
        except InvalidInput as problem:
            self.response.wrong("", problem.problem, problem.value)
        return Grant(milli_units, units.code(self.systems) if units else None, unit_price, amount, code, modifiers)

    def _units(self, quantity: Element | None) -> int | None:
        number = quantity.number("value") if quantity else None
        if quantity is None or number is None:
            return None
        try:
            return parse_milli_units(number)
        except InvalidInput as problem:
            quantity.wrong("value", problem.problem, number)
            return None

    def _money(self, element: Element | None) -> int | None:
        """Minor units; None if the currency is not said."""
        number = element.number("value") if element else None
        currency = element.text("currency") if element else None
        if element is None or number is None or currency is None:
            return None
        if currency != self.settlement.currency:
            element.wrong_code("currency", currency, f"must be {self.settlement.currency}")
            return None
        try:
            return self.settlement.parse(number)
        except InvalidInput as problem:
            element.wrong("value", problem.problem, number)
            return None
