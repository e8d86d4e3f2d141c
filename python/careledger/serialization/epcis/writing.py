"""From an event to the JSON of EPCIS 2.0: the one way that events are written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, get_args

from careledger.anchoring.canonical_json import Json, Number
from careledger.serialization.epcis.events import (
    BizTransaction,
    Destination,
    ErrorDeclaration,
    Event,
    PersistentDisposition,
    Place,
    Quantity,
    SensorElement,
    SensorMetadata,
    SensorReport,
    Source,
    TransactionEvent,
)

__all__ = ["FIELDS", "event_tree", "renamed"]

Naming = Callable[[str], str]
"""How a name `{namespace}name` is written."""

NAMES = {
    "event_time": "eventTime",
    "event_time_zone_offset": "eventTimeZoneOffset",
    "record_time": "recordTime",
    "event_id": "eventID",
    "certification_info": "certificationInfo",
    "error_declaration": "errorDeclaration",
    "declaration_time": "declarationTime",
    "corrective_event_ids": "correctiveEventIDs",
    "parent_id": "parentID",
    "epcs": "epcList",
    "quantities": "quantityList",
    "child_epcs": "childEPCs",
    "child_quantities": "childQuantityList",
    "input_epcs": "inputEPCList",
    "input_quantities": "inputQuantityList",
    "output_epcs": "outputEPCList",
    "output_quantities": "outputQuantityList",
    "transformation_id": "transformationID",
    "epc_class": "epcClass",
    "biz_step": "bizStep",
    "persistent_disposition": "persistentDisposition",
    "read_point": "readPoint",
    "biz_location": "bizLocation",
    "biz_transactions": "bizTransactionList",
    "transaction": "bizTransaction",
    "sources": "sourceList",
    "destinations": "destinationList",
    "sensor_elements": "sensorElementList",
    "metadata": "sensorMetadata",
    "reports": "sensorReport",
    "start_time": "startTime",
    "end_time": "endTime",
    "device_id": "deviceID",
    "device_metadata": "deviceMetadata",
    "raw_data": "rawData",
    "data_processing_method": "dataProcessingMethod",
    "biz_rules": "bizRules",
    "chemical_substance": "chemicalSubstance",
    "string_value": "stringValue",
    "boolean_value": "booleanValue",
    "hex_binary_value": "hexBinaryValue",
    "uri_value": "uriValue",
    "min_value": "minValue",
    "max_value": "maxValue",
    "mean_value": "meanValue",
    "s_dev": "sDev",
    "perc_rank": "percRank",
    "perc_value": "percValue",
    "coordinate_reference_system": "coordinateReferenceSystem",
}
"""Fields of the classes whose names differ from those of EPCIS."""


FIELDS = frozenset(
    {
        NAMES.get(field.name, field.name)
        for kind in (
            *get_args(Event),
            ErrorDeclaration,
            PersistentDisposition,
            Place,
            Quantity,
            BizTransaction,
            Source,
            Destination,
            SensorElement,
            SensorMetadata,
            SensorReport,
        )
        for field in dataclasses.fields(kind)
    }
).union({"type"}) - {"extensions", "context"}
"""All names that the standard has in an event."""


def event_tree(event: Event, naming: Naming) -> dict[str, Json]:
    """The JSON object of an event, without `@context`. What is empty is left out, but for the list of EPCs of a
    transaction that names its parent alone: EPCIS 2.0 asks for it."""
    tree = {"type": event.type} | _object(event, naming)
    if isinstance(event, TransactionEvent) and not event.epcs and not event.quantities:
        tree["epcList"] = []
    return tree


def renamed(tree: Mapping[str, Json], naming: Naming) -> dict[str, Json]:
    """A tree with its names written."""
    return {naming(name) if name.startswith("{") else name: _renamed_value(item, naming) for name, item in tree.items()}


def _renamed_value(value: Json, naming: Naming) -> Json:
    if isinstance(value, Mapping):
        return renamed(value, naming)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_renamed_value(item, naming) for item in value]
    return value


def _object(record: Any, naming: Naming) -> dict[str, Json]:
    """The JSON object of a dataclass; its extensions stand among its fields."""
    tree: dict[str, Json] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if field.name == "context" or value is None or value == () or value == {}:
            continue
        if field.name == "extensions":
            tree |= renamed(value, naming)
        else:
            tree[NAMES.get(field.name, field.name)] = _value(value, naming)
    return tree


def _value(value: Any, naming: Naming) -> Json:
    if isinstance(value, Decimal):
        return Number(value)
    if isinstance(value, tuple):
        return [_value(item, naming) for item in value]
    if dataclasses.is_dataclass(value):
        return _object(value, naming)
    if isinstance(value, Mapping):
        return renamed(value, naming)
    return value if isinstance(value, bool) else str(value)
