"""What was captured, asked as EPCIS 2.0 asks (SimpleEventQuery, clause 8.2.7), and the state of an object now.

A query names parameters as the standard does; each narrows the answer, and a list of values is any of them. The answer
is an EPCISQueryDocument of the events as they were captured. What the standard does not define, the current state of an
object, is answered from the chain, with the last event beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from careledger.anchoring.canonical_json import Json
from careledger.contract_enums import ContainerState, PackFinding
from careledger.errors import InvalidInput, NotInBook
from careledger.serialization.barcodes import Pack as PackCode
from careledger.serialization.epcis.documents import Document, DocumentType
from careledger.serialization.epcis.epc import key_elements
from careledger.serialization.epcis.event_log import CapturedEvent, EventLog, object_key
from careledger.serialization.epcis.events import (
    AggregationEvent,
    AssociationEvent,
    Event,
    ObjectEvent,
    TransactionEvent,
    TransformationEvent,
)
from careledger.serialization.epcis.json_form import document_json
from careledger.serialization.epcis.mapping import objects_of
from careledger.serialization.epcis.times import instant_ms
from careledger.serialization.epcis.vocabulary import BIZ_STEP, DISPOSITION, Vocabulary
from careledger.serialization.stock import Stock

__all__ = ["PARAMETERS", "ObjectState", "StateOfObject", "query", "query_document", "state_of"]

Test = Callable[[CapturedEvent, Sequence[str]], bool]
ORDERS = {"eventTime": lambda one: one.event.time_ms, "recordTime": lambda one: one.recorded_at}
MOST_EVENTS = 1_000_000


def _epcs(event: Event) -> Sequence[str]:
    match event:
        case ObjectEvent() | TransactionEvent():
            return event.epcs
        case AggregationEvent() | AssociationEvent():
            return event.child_epcs
        case TransformationEvent():
            return (*event.input_epcs, *event.output_epcs)


def _parents(event: Event) -> Sequence[str]:
    parent = getattr(event, "parent_id", None)
    return () if parent is None else (parent,)


def _matches(found: Sequence[str], patterns: Sequence[str]) -> bool:
    """Whether one of the URIs is one of those asked for; a pattern ends with `*`."""
    keys = {*found, *map(object_key, found)}
    for pattern in patterns:
        if pattern.endswith("*"):
            if any(key.startswith(pattern[:-1]) for key in keys):
                return True
        elif pattern in keys or object_key(pattern) in keys:
            return True
    return False


def _is_word(vocabulary: Vocabulary, found: str | None, values: Sequence[str]) -> bool:
    return found is not None and found in {vocabulary.spelling(value) for value in values}


def _ids(place: Any) -> Sequence[str]:
    return () if place is None else (place.id,)


PARAMETERS: Mapping[str, Test] = {
    "eventType": lambda one, values: one.event.type in values,
    "EQ_action": lambda one, values: getattr(one.event, "action", None) in values,
    "EQ_bizStep": lambda one, values: _is_word(BIZ_STEP, one.event.biz_step, values),
    "EQ_disposition": lambda one, values: _is_word(DISPOSITION, one.event.disposition, values),
    "EQ_readPoint": lambda one, values: _matches(_ids(one.event.read_point), values),
    "EQ_bizLocation": lambda one, values: _matches(_ids(one.event.biz_location), values),
    "EQ_eventID": lambda one, values: one.event.event_id in values or one.hash in values,
    "EXISTS_errorDeclaration": lambda one, _: one.event.error_declaration is not None,
    "EQ_transformationID": lambda one, values: getattr(one.event, "transformation_id", None) in values,
    "MATCH_epc": lambda one, values: _matches(_epcs(one.event), values),
    "MATCH_parentID": lambda one, values: _matches(_parents(one.event), values),
    "MATCH_anyEPC": lambda one, values: _matches(tuple(objects_of(one.event)), values),
    "MATCH_inputEPC": lambda one, values: _matches(getattr(one.event, "input_epcs", ()), values),
    "MATCH_outputEPC": lambda one, values: _matches(getattr(one.event, "output_epcs", ()), values),
    "GE_eventTime": lambda one, values: one.event.time_ms >= instant_ms(values[0]),
    "LT_eventTime": lambda one, values: one.event.time_ms < instant_ms(values[0]),
    "GE_recordTime": lambda one, values: one.recorded_at * 1000 >= instant_ms(values[0]),
    "LT_recordTime": lambda one, values: one.recorded_at * 1000 < instant_ms(values[0]),
}
"""Those that narrow the answer. `EQ_bizTransaction_type`, `EQ_source_type` and `EQ_destination_type` are taken too,
with the type in place of `type`."""

TIMES = frozenset(name for name in PARAMETERS if name.endswith("Time"))
TYPED = re.compile(r"EQ_(bizTransaction|source|destination)_(\w+)")


def query(
    log: Iterable[CapturedEvent],
    parameters: Mapping[str, Sequence[str]],
    order_by: str = "eventTime",
    descending: bool = True,
    most: int = MOST_EVENTS,
) -> list[CapturedEvent]:
    """The captured events that all parameters let pass, by default the newest first. Raises InvalidInput for a
    parameter that is not known or a value that is none."""
    if order_by not in ORDERS:
        raise InvalidInput("orderBy", order_by, f"must be {' or '.join(ORDERS)}")
    if most < 1:
        raise InvalidInput("eventCountLimit", str(most), "must be 1 or more")
    tests = [(_test(name), list(values)) for name, values in parameters.items()]
    for name in parameters.keys() & TIMES:
        _require_instant(name, parameters[name])
    found = [one for one in log if all(test(one, values) for test, values in tests)]
    return sorted(found, key=ORDERS[order_by], reverse=descending)[:most]


def query_document(events: Sequence[CapturedEvent]) -> dict[str, Json]:
    """The answer as an EPCISQueryDocument in JSON-LD."""
    return document_json(Document(DocumentType.QUERY, tuple(one.event for one in events)))


class ObjectState(StrEnum):
    """Where an object stands now, by the chain."""

    UNKNOWN = "unknown"
    """Nothing is known of it here."""
    HELD = "held"
    IN_TRANSIT = "in transit"
    REJECTED = "rejected"
    MISSING = "missing"
    ENDED = "ended"
    """Dispensed, destroyed, and so on: see `finding`."""


@dataclass(frozen=True)
class StateOfObject:
    """The state of a pack or container now. `finding` is what a verification answers of a pack; `holder` and `receiver`
    are ids of organizations, `container` the SSCC that it lies in, None if in none; `last` is the last event here."""

    epc: str
    state: ObjectState
    finding: PackFinding | None
    holder: str | None
    receiver: str | None
    container: str | None
    last: CapturedEvent | None


def state_of(epc: str, stock: Stock, log: EventLog, block: int | str = "latest") -> StateOfObject:
    """The state of a pack or container by its URI, as of a block. Raises InvalidInput for a URI of neither."""
    elements = key_elements(epc)
    events = query(log, {"MATCH_anyEPC": [epc]}, most=1)
    last = events[0] if events else None
    unknown = StateOfObject(epc, ObjectState.UNKNOWN, None, None, None, None, last)
    try:
        container: str | None
        finding: PackFinding | None = None
        ended = False
        if "00" in elements:
            container = stock.container(elements["00"])
            inside = stock.book.parent_of(container)
        elif "01" in elements and "21" in elements:
            verified = stock.verify(PackCode(elements["01"], elements["21"]), block)
            inside = container = verified.found.container
            finding = verified.answer.finding
            ended = bool(verified.answer.state.status)
            if container is None:
                state = ObjectState.ENDED if ended else ObjectState.HELD
                return StateOfObject(epc, state, finding, _none(verified.answer.holder), None, None, last)
        else:
            raise InvalidInput("EPC", epc, "is neither a pack with its serial nor a container by SSCC")
    except NotInBook:
        return unknown
    told = stock.custody.container(container, block)
    if told is None:
        return unknown
    names = {
        ContainerState.IN_TRANSIT: ObjectState.IN_TRANSIT,
        ContainerState.REJECTED: ObjectState.REJECTED,
        ContainerState.MISSING: ObjectState.MISSING,
        ContainerState.ENDED: ObjectState.ENDED,
    }
    return StateOfObject(
        epc=epc,
        state=ObjectState.ENDED if ended else names.get(told.state, ObjectState.HELD),
        finding=finding,
        holder=_none(told.holder),
        receiver=_none(told.receiver),
        container=None if inside is None else stock.book.container(inside).sscc,
        last=last,
    )


def _test(name: str) -> Test:
    if name in PARAMETERS:
        return PARAMETERS[name]
    typed = TYPED.fullmatch(name)
    if typed is None:
        raise InvalidInput("parameter", name, f"is not known; known are {', '.join(PARAMETERS)}")
    field, kind = typed.groups()
    lists = {"bizTransaction": "biz_transactions", "source": "sources", "destination": "destinations"}
    value = {"bizTransaction": "transaction"}.get(field, field)

    def test(one: CapturedEvent, values: Sequence[str]) -> bool:
        entries = getattr(one.event, lists[field])
        return _matches([getattr(each, value) for each in entries if each.type == kind], values)

    return test


def _require_instant(name: str, values: Sequence[str]) -> None:
    if len(values) != 1:
        raise InvalidInput(name, ", ".join(values), "must be one time")
    try:
        instant_ms(values[0])
    except ValueError:
        raise InvalidInput(name, values[0], "must be a time with its zone, such as 2026-01-31T12:00:00Z") from None


def _none(organization: str) -> str | None:
    return organization if int(organization, 16) else None
