"""From a tree of JSON values, with names of extensions as `{namespace}name`, to an event: what all forms share.

Every field is taken by name; what is left over is an extension, or refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

from careledger.anchoring.canonical import LARGEST_INTEGER
from careledger.anchoring.canonical_json import Json, Number, write
from careledger.anchoring.field_paths import Path, join
from careledger.errors import EpcisInvalid
from careledger.serialization.epcis.epc import epc_problem
from careledger.serialization.epcis.events import (
    Action,
    AggregationEvent,
    AssociationEvent,
    BizTransaction,
    Destination,
    ErrorDeclaration,
    Event,
    Extensions,
    ObjectEvent,
    PersistentDisposition,
    Place,
    Quantity,
    SensorElement,
    SensorMetadata,
    SensorReport,
    Source,
    TransactionEvent,
    TransformationEvent,
)
from careledger.serialization.epcis.names import EPCIS, split
from careledger.serialization.epcis.times import is_offset, is_time
from careledger.serialization.epcis.vocabulary import (
    BIZ_STEP,
    BIZ_TRANSACTION_TYPE,
    COMPONENT,
    DISPOSITION,
    ERROR_REASON,
    MEASUREMENT_TYPE,
    SENSOR_ALERT_TYPE,
    SOURCE_DESTINATION_TYPE,
    Vocabulary,
)

__all__ = ["MAX_BYTES", "check_size", "exact_number", "read_event", "refuse"]

MAX_BYTES = 16 * 2**20
"""The longest text that is read: about 200,000 serial numbers."""

URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
UOM = re.compile("[A-Z0-9]{2,3}")
EXPONENT = re.compile("[eE][+-]?[0-9]{5}")
"""One that no double has."""

HEX = re.compile("(?:[0-9A-Fa-f]{2})+")

One = TypeVar("One")


def refuse(place: Path, value: Json, problem: str) -> NoReturn:
    """Raises EpcisInvalid of what stands at a place."""
    if isinstance(value, Mapping):
        value = "object"
    elif not isinstance(value, str):
        value = "array" if isinstance(value, Sequence) else write(value)
    raise EpcisInvalid(join(place), value, problem)


def check_size(content: bytes) -> None:
    """Raises EpcisInvalid for a text that is too long."""
    if len(content) > MAX_BYTES:
        refuse((), f"{len(content)} bytes", f"are too many: {MAX_BYTES} are read at most, so send it in parts")


class _Fields:
    """The fields of one JSON object, each taken once."""

    def __init__(self, value: Json, place: Path) -> None:
        if not isinstance(value, Mapping):
            refuse(place, value, "must be an object")
        self.place = place
        self._left = dict(value)

    def at(self, name: str) -> Path:
        return (*self.place, name)

    def take(self, name: str) -> Json:
        return self._left.pop(name, None)

    def text(self, name: str) -> str | None:
        value = self.take(name)
        return None if value is None else _text(value, self.at(name))

    def uri(self, name: str) -> str | None:
        value = self.take(name)
        return None if value is None else _uri(value, self.at(name))

    def time(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and not is_time(value):
            refuse(self.at(name), value, "must be a date and time with its offset, as 2020-03-04T11:00:30.000+01:00")
        return value

    def number(self, name: str) -> Decimal | None:
        value = self.take(name)
        return None if value is None else _number(value, self.at(name))

    def word(self, name: str, vocabulary: Vocabulary) -> str | None:
        value = self.take(name)
        return None if value is None else _word(value, self.at(name), vocabulary)

    def required(self, name: str, value: One | None) -> One:
        if value is None:
            refuse(self.at(name), "", "is missing")
        return value

    def many(self, name: str, read: Callable[[Json, Path], One]) -> tuple[One, ...]:
        value = self.take(name)
        if value is None:
            return ()
        if isinstance(value, str) or not isinstance(value, Sequence):
            refuse(self.at(name), value, "must be a list")
        return tuple(read(item, (*self.at(name), i)) for i, item in enumerate(value))

    def one(self, name: str, read: Callable[[Json, Path], One]) -> One | None:
        value = self.take(name)
        return None if value is None else read(value, self.at(name))

    def epcs(self, name: str) -> tuple[str, ...]:
        found = self.many(name, _epc)
        seen: set[str] = set()
        for i, epc in enumerate(found):
            if epc in seen:
                refuse((*self.at(name), i), epc, "stands twice in its list")
            seen.add(epc)
        return found

    def extensions(self) -> Extensions:
        """What is left, which must have a namespace that is not the standard's."""
        for name in self._left:
            if not name.startswith("{"):
                refuse(self.at(name), name, "is no field of EPCIS here, and no @context declares it")
            namespace, local = split(name)
            if namespace == EPCIS:
                refuse(self.at(local), namespace + local, "is in the namespace of EPCIS: write the bare name")
        return self._left

    def end(self) -> None:
        """Nothing may be left."""
        for name in self._left:
            refuse(self.at(name), name, "is no field here: EPCIS allows no extension in this place")


def read_event(tree: Json, place: Path, context: tuple[Json, ...]) -> Event:
    """The event of a tree. `place` is where it stands in its document. Raises EpcisInvalid."""
    fields = _Fields(tree, place)
    kind = fields.required("type", fields.text("type"))
    read = READERS.get(kind)
    if read is None:
        refuse(fields.at("type"), kind, f"is no type of event; there are {', '.join(READERS)}")
    return read(fields, _common(fields, context))


def _common(fields: _Fields, context: tuple[Json, ...]) -> dict[str, Any]:
    offset = fields.required("eventTimeZoneOffset", fields.text("eventTimeZoneOffset"))
    if not is_offset(offset):
        refuse(fields.at("eventTimeZoneOffset"), offset, "must be an offset from UTC such as +01:00, up to 14 hours")
    return {
        "event_time": fields.required("eventTime", fields.time("eventTime")),
        "event_time_zone_offset": offset,
        "record_time": fields.time("recordTime"),
        "event_id": fields.uri("eventID"),
        "certification_info": fields.one("certificationInfo", _certification) or (),
        "error_declaration": fields.one("errorDeclaration", _error_declaration),
        "biz_step": fields.word("bizStep", BIZ_STEP),
        "disposition": fields.word("disposition", DISPOSITION),
        "persistent_disposition": fields.one("persistentDisposition", _persistent_disposition),
        "read_point": fields.one("readPoint", _place),
        "biz_location": fields.one("bizLocation", _place),
        "biz_transactions": fields.many("bizTransactionList", _biz_transaction),
        "sources": fields.many("sourceList", _source),
        "destinations": fields.many("destinationList", _destination),
        "sensor_elements": fields.many("sensorElementList", _sensor_element),
        "context": context,
    }


def _object_event(fields: _Fields, common: dict[str, Any]) -> ObjectEvent:
    action = _action(fields)
    ilmd = _ilmd(fields)
    event = ObjectEvent(
        **common,
        action=action,
        epcs=fields.epcs("epcList"),
        quantities=fields.many("quantityList", _quantity),
        ilmd=ilmd,
        extensions=fields.extensions(),
    )
    if not event.epcs and not event.quantities and not (event.sensor_elements and event.read_point):
        refuse(fields.at("epcList"), "", "or quantityList must name an object, or sensor data stand with a readPoint")
    if ilmd and action is not Action.ADD:
        refuse(fields.at("ilmd"), action, "is the action; ilmd belongs to ADD only")
    return event


def _aggregation_event(fields: _Fields, common: dict[str, Any]) -> AggregationEvent:
    action = _action(fields)
    parent = _parent(fields)
    if parent is None and action is not Action.OBSERVE:
        refuse(fields.at("parentID"), "", f"is missing: {action} names the parent")
    children = fields.epcs("childEPCs")
    quantities = fields.many("childQuantityList", _quantity)
    _check_children(fields, action, children, quantities)
    return AggregationEvent(
        **common,
        action=action,
        parent_id=parent,
        child_epcs=children,
        child_quantities=quantities,
        extensions=fields.extensions(),
    )


def _transaction_event(fields: _Fields, common: dict[str, Any]) -> TransactionEvent:
    action = _action(fields)
    event = TransactionEvent(
        **common,
        action=action,
        parent_id=_parent(fields),
        epcs=fields.epcs("epcList"),
        quantities=fields.many("quantityList", _quantity),
        extensions=fields.extensions(),
    )
    if not event.biz_transactions:
        refuse(fields.at("bizTransactionList"), "", "is missing: a TransactionEvent names at least one transaction")
    if not event.epcs and not event.quantities and event.parent_id is None and action is not Action.DELETE:
        refuse(fields.at("epcList"), "", f"or quantityList or parentID must name an object: the action is {action}")
    return event


def _transformation_event(fields: _Fields, common: dict[str, Any]) -> TransformationEvent:
    event = TransformationEvent(
        **common,
        input_epcs=fields.epcs("inputEPCList"),
        input_quantities=fields.many("inputQuantityList", _quantity),
        output_epcs=fields.epcs("outputEPCList"),
        output_quantities=fields.many("outputQuantityList", _quantity),
        transformation_id=fields.uri("transformationID"),
        ilmd=_ilmd(fields),
        extensions=fields.extensions(),
    )
    inputs, outputs = event.input_epcs or event.input_quantities, event.output_epcs or event.output_quantities
    if not inputs and (not outputs or event.transformation_id is None):
        refuse(fields.at("inputEPCList"), "", "or inputQuantityList must name an input, without a transformationID")
    if not outputs and event.transformation_id is None:
        refuse(fields.at("outputEPCList"), "", "or outputQuantityList must name an output, without a transformationID")
    return event


def _association_event(fields: _Fields, common: dict[str, Any]) -> AssociationEvent:
    action = _action(fields)
    children = fields.epcs("childEPCs")
    quantities = fields.many("childQuantityList", _quantity)
    _check_children(fields, action, children, quantities)
    return AssociationEvent(
        **common,
        action=action,
        parent_id=fields.required("parentID", _parent(fields)),
        child_epcs=children,
        child_quantities=quantities,
        extensions=fields.extensions(),
    )


READERS: dict[str, Callable[[_Fields, dict[str, Any]], Event]] = {
    "ObjectEvent": _object_event,
    "AggregationEvent": _aggregation_event,
    "TransactionEvent": _transaction_event,
    "TransformationEvent": _transformation_event,
    "AssociationEvent": _association_event,
}


def _check_children(
    fields: _Fields, action: Action, children: tuple[str, ...], quantities: tuple[Quantity, ...]
) -> None:
    if not children and not quantities and action is not Action.DELETE:
        refuse(fields.at("childEPCs"), "", f"or childQuantityList must name a child: the action is {action}")


def _action(fields: _Fields) -> Action:
    action = fields.required("action", fields.text("action"))
    if action not in Action.__members__:
        refuse(fields.at("action"), action, f"is no action; there are {', '.join(Action)}")
    return Action(action)


def _parent(fields: _Fields) -> str | None:
    return fields.one("parentID", _epc)


def _ilmd(fields: _Fields) -> Extensions:
    value = fields.take("ilmd")
    return {} if value is None else _Fields(value, fields.at("ilmd")).extensions()


def _certification(value: Json, place: Path) -> tuple[str, ...]:
    """One URI or several."""
    if isinstance(value, str):
        return (_uri(value, place),)
    if not isinstance(value, Sequence):
        refuse(place, value, "must be a URI or a list of them")
    return tuple(_uri(item, (*place, i)) for i, item in enumerate(value))


def _error_declaration(value: Json, place: Path) -> ErrorDeclaration:
    fields = _Fields(value, place)
    return ErrorDeclaration(
        declaration_time=fields.required("declarationTime", fields.time("declarationTime")),
        reason=fields.word("reason", ERROR_REASON),
        corrective_event_ids=fields.many("correctiveEventIDs", _uri),
        extensions=fields.extensions(),
    )


def _persistent_disposition(value: Json, place: Path) -> PersistentDisposition:
    fields = _Fields(value, place)
    found = PersistentDisposition(
        set=fields.many("set", lambda item, at: _word(item, at, DISPOSITION)),
        unset=fields.many("unset", lambda item, at: _word(item, at, DISPOSITION)),
    )
    fields.end()
    if not found.set and not found.unset:
        refuse(place, "", "must set or unset a disposition")
    return found


def _place(value: Json, place: Path) -> Place:
    fields = _Fields(value, place)
    return Place(id=fields.required("id", fields.one("id", _epc)), extensions=fields.extensions())


def _quantity(value: Json, place: Path) -> Quantity:
    fields = _Fields(value, place)
    epc_class = fields.required("epcClass", fields.one("epcClass", _epc_class))
    quantity, uom = fields.number("quantity"), fields.text("uom")
    fields.end()
    if quantity is not None and quantity < 0:
        refuse((*place, "quantity"), str(quantity), "must not be negative")
    if uom is None and quantity is not None and quantity != quantity.to_integral_value():
        refuse((*place, "quantity"), str(quantity), "must be whole: without a uom it is a count")
    if uom is not None and (quantity is None or not UOM.fullmatch(uom)):
        refuse((*place, "uom"), uom, "must be a code of 2 or 3 capitals and digits (UN/CEFACT 20), with a quantity")
    return Quantity(epc_class, quantity, uom)


def _biz_transaction(value: Json, place: Path) -> BizTransaction:
    fields = _Fields(value, place)
    found = BizTransaction(
        transaction=fields.required("bizTransaction", fields.uri("bizTransaction")),
        type=fields.word("type", BIZ_TRANSACTION_TYPE),
    )
    fields.end()
    return found


def _source(value: Json, place: Path) -> Source:
    return Source(*_party(value, place, "source"))


def _destination(value: Json, place: Path) -> Destination:
    return Destination(*_party(value, place, "destination"))


def _party(value: Json, place: Path, name: str) -> tuple[str, str]:
    fields = _Fields(value, place)
    kind = fields.required("type", fields.word("type", SOURCE_DESTINATION_TYPE))
    party = fields.required(name, fields.one(name, _epc))
    fields.end()
    return kind, party


def _sensor_element(value: Json, place: Path) -> SensorElement:
    fields = _Fields(value, place)
    found = SensorElement(
        metadata=fields.one("sensorMetadata", _sensor_metadata),
        reports=fields.many("sensorReport", _sensor_report),
        extensions=fields.extensions(),
    )
    if not found.reports:
        refuse(fields.at("sensorReport"), "", "is missing: a sensor element has at least one")
    return found


def _sensor_metadata(value: Json, place: Path) -> SensorMetadata:
    fields = _Fields(value, place)
    return SensorMetadata(
        time=fields.time("time"),
        start_time=fields.time("startTime"),
        end_time=fields.time("endTime"),
        device_id=fields.uri("deviceID"),
        device_metadata=fields.uri("deviceMetadata"),
        raw_data=fields.uri("rawData"),
        data_processing_method=fields.uri("dataProcessingMethod"),
        biz_rules=fields.uri("bizRules"),
        extensions=fields.extensions(),
    )


def _sensor_report(value: Json, place: Path) -> SensorReport:
    fields = _Fields(value, place)
    hexadecimal = fields.text("hexBinaryValue")
    if hexadecimal is not None and not HEX.fullmatch(hexadecimal):
        refuse(fields.at("hexBinaryValue"), hexadecimal, "must be pairs of hex digits")
    return SensorReport(
        type=fields.word("type", MEASUREMENT_TYPE),
        exception=fields.word("exception", SENSOR_ALERT_TYPE),
        device_id=fields.uri("deviceID"),
        device_metadata=fields.uri("deviceMetadata"),
        raw_data=fields.uri("rawData"),
        data_processing_method=fields.uri("dataProcessingMethod"),
        biz_rules=fields.uri("bizRules"),
        time=fields.time("time"),
        microorganism=fields.uri("microorganism"),
        chemical_substance=fields.uri("chemicalSubstance"),
        value=fields.number("value"),
        component=fields.word("component", COMPONENT),
        string_value=fields.text("stringValue"),
        boolean_value=fields.one("booleanValue", _boolean),
        hex_binary_value=hexadecimal,
        uri_value=fields.uri("uriValue"),
        min_value=fields.number("minValue"),
        max_value=fields.number("maxValue"),
        mean_value=fields.number("meanValue"),
        s_dev=fields.number("sDev"),
        perc_rank=fields.number("percRank"),
        perc_value=fields.number("percValue"),
        uom=fields.text("uom"),
        coordinate_reference_system=fields.uri("coordinateReferenceSystem"),
        extensions=fields.extensions(),
    )


def _text(value: Json, place: Path) -> str:
    if not isinstance(value, str) or isinstance(value, Number):
        refuse(place, value, "must be text")
    if not value:
        refuse(place, value, "is empty: leave it out")
    return value


def _uri(value: Json, place: Path) -> str:
    text = _text(value, place)
    if not URI.fullmatch(text):
        refuse(place, text, "must be a URI")
    return text


def _epc(value: Json, place: Path) -> str:
    return _identifier(value, place, of_class=False)


def _epc_class(value: Json, place: Path) -> str:
    return _identifier(value, place, of_class=True)


def _identifier(value: Json, place: Path, *, of_class: bool) -> str:
    text = _uri(value, place)
    problem = epc_problem(text, of_class=of_class)
    if problem:
        refuse(place, text, problem)
    return text


def _word(value: Json, place: Path, vocabulary: Vocabulary) -> str:
    text = _text(value, place)
    spelling = vocabulary.spelling(text)
    if spelling is None or (spelling not in vocabulary.words and not URI.fullmatch(spelling)):
        refuse(place, text, f"is no {vocabulary.name} of the CBV, and no URI of another")
    return spelling


def _boolean(value: Json, place: Path) -> bool:
    if not isinstance(value, bool):
        refuse(place, value, "must be true or false")
    return value


def exact_number(text: Number, place: Path) -> Decimal:
    """A number that RFC 8785 writes and tells apart from every other. Raises EpcisInvalid."""
    double = float(text)
    if abs(double) > LARGEST_INTEGER or EXPONENT.search(text) or Decimal(text) != Decimal(repr(double)):
        refuse(place, str(text), "is beyond 2^53 - 1, or has more digits than an IEEE 754 double holds")
    return Decimal(text) if double else Decimal(0)


def _number(value: Json, place: Path) -> Decimal:
    if not isinstance(value, Number):
        refuse(place, value, "must be a number")
    return exact_number(value, place)
