"""The two hashes of an event.

`event_hash` is the EPCIS event hash of CBV 2.0 (clause 8.9): the same for every form and spelling of an event, made to
tell duplicates and to serve as an event's id. It is no proof of integrity: it takes `0012` and `12`, or `1e5` and
`100000`, for one value wherever they stand, and leaves out the event's id, its record time and its error declaration.

`strict_hash` is SHA-256 over the event's EPCIS 2.0 JSON by RFC 8785, with names of extensions as URIs and without the
record time, which each repository sets anew. It tells all of that apart.

Where the text of CBV 2.0 and its published pre-hash strings differ, the strings are followed: a type stands before its
value, and `destinationList` before `sourceList`. `certificationInfo` follows `eventTimeZoneOffset`, as the authors of
the algorithm decided after the release
(https://github.com/RalphTro/epcis-event-hash-generator/issues/75).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from careledger.anchoring.canonical import Canonicalization, canonical_bytes
from careledger.anchoring.canonical_json import Json, write
from careledger.serialization.epcis.epc import digital_link
from careledger.serialization.epcis.events import (
    Event,
    Place,
    Quantity,
    SensorElement,
    SensorMetadata,
    SensorReport,
    TransformationEvent,
)
from careledger.serialization.epcis.names import MASTER_DATA, PREFIXES, split
from careledger.serialization.epcis.times import instant_ms, utc_text
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
from careledger.serialization.epcis.writing import event_tree

__all__ = ["event_hash", "event_record", "pre_hash", "strict_hash"]

DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
URNS = (BIZ_STEP, DISPOSITION, BIZ_TRANSACTION_TYPE, SOURCE_DESTINATION_TYPE, ERROR_REASON)
EXPANDED = tuple((f"{prefix}:", PREFIXES[prefix]) for prefix in ("gs1", "cbv", "epcis"))
COMMENT = f"{{{PREFIXES['rdfs']}}}comment"


def event_hash(event: Event) -> str:
    """The CBV 2.0 event hash, `ni:///sha-256;...?ver=CBV2.0`."""
    return f"ni:///sha-256;{hashlib.sha256(pre_hash(event).encode()).hexdigest()}?ver=CBV2.0"


def strict_hash(event: Event) -> bytes:
    """SHA-256, 32 bytes, of all that an event says but its record time."""
    tree = event_tree(event, lambda name: "".join(split(name)))
    tree.pop("recordTime", None)
    return hashlib.sha256(canonical_bytes(Canonicalization.JCS, write(tree).encode())).digest()


def event_record(event: Event) -> bytes:
    """Both hashes as JSON by RFC 8785: what the canonicalization `epcis-event` makes of an event."""
    hashes: Json = {"eventHash": event_hash(event), "strictHash": f"0x{strict_hash(event).hex()}"}
    return write(hashes).encode()


def pre_hash(event: Event) -> str:
    """The text that the event hash is of."""
    parts = [
        f"eventType={event.type}",
        _time("eventTime", event.event_time),
        _text("eventTimeZoneOffset", event.event_time_zone_offset),
        *sorted(_text("certificationInfo", one) for one in event.certification_info),
        *_objects(event),
        _word("bizStep", event.biz_step, BIZ_STEP),
        _word("disposition", event.disposition, DISPOSITION),
        _persistent_disposition(event),
        _place("readPoint", event.read_point),
        _place("bizLocation", event.biz_location),
        _list(
            "bizTransactionList",
            (
                _word("type", one.type, BIZ_TRANSACTION_TYPE) + _text("bizTransaction", one.transaction)
                for one in event.biz_transactions
            ),
        ),
        _list(
            "destinationList",
            (
                _word("type", one.type, SOURCE_DESTINATION_TYPE) + _text("destination", one.destination)
                for one in event.destinations
            ),
        ),
        _list(
            "sourceList",
            (_word("type", one.type, SOURCE_DESTINATION_TYPE) + _text("source", one.source) for one in event.sources),
        ),
        _list("sensorElementList", map(_sensor_element, event.sensor_elements)),
        _list("ilmd", _extensions(getattr(event, "ilmd", {}))),
        *sorted(_extensions(event.extensions)),
    ]
    return "".join(parts)


def _objects(event: Event) -> Iterator[str]:
    """From the objects to the transformation's id."""
    if isinstance(event, TransformationEvent):
        yield _epcs("inputEPCList", event.input_epcs)
        yield _quantities("inputQuantityList", event.input_quantities)
        yield _epcs("outputEPCList", event.output_epcs)
        yield _quantities("outputQuantityList", event.output_quantities)
        yield _text("transformationID", event.transformation_id)
        return
    yield _epcs("epcList", getattr(event, "epcs", ()))
    yield _text("parentID", getattr(event, "parent_id", None))
    yield _epcs("childEPCs", getattr(event, "child_epcs", ()))
    yield _quantities("quantityList", getattr(event, "quantities", ()))
    yield _quantities("childQuantityList", getattr(event, "child_quantities", ()))
    yield f"action={event.action}"


def _epcs(name: str, epcs: Iterable[str]) -> str:
    return _list(name, (_text("epc", epc) for epc in epcs))


def _quantities(name: str, quantities: Iterable[Quantity]) -> str:
    return _list(
        name,
        (
            "quantityElement"
            + _text("epcClass", one.epc_class)
            + _number("quantity", one.quantity)
            + _text("uom", one.uom)
            for one in quantities
        ),
    )


def _persistent_disposition(event: Event) -> str:
    found = event.persistent_disposition
    if found is None:
        return ""
    ordered = [
        *sorted(_word("set", one, DISPOSITION) for one in found.set),
        *sorted(_word("unset", one, DISPOSITION) for one in found.unset),
    ]
    return "persistentDisposition" + "".join(ordered)


def _place(name: str, place: Place | None) -> str:
    return "" if place is None else name + _text("id", place.id) + "".join(sorted(_extensions(place.extensions)))


def _sensor_element(element: SensorElement) -> str:
    metadata = "" if element.metadata is None else _sensor_metadata(element.metadata)
    reports = sorted(map(_sensor_report, element.reports))
    return "sensorElement" + metadata + "".join(reports) + "".join(sorted(_extensions(element.extensions)))


def _sensor_metadata(metadata: SensorMetadata) -> str:
    parts = [
        _time("time", metadata.time),
        _time("startTime", metadata.start_time),
        _time("endTime", metadata.end_time),
        _text("deviceID", metadata.device_id),
        _text("deviceMetadata", metadata.device_metadata),
        _text("rawData", metadata.raw_data),
        _text("dataProcessingMethod", metadata.data_processing_method),
        _text("bizRules", metadata.biz_rules),
        *sorted(_extensions(metadata.extensions)),
    ]
    return _headed("sensorMetadata", parts)


def _sensor_report(report: SensorReport) -> str:
    boolean = None if report.boolean_value is None else write(report.boolean_value)
    parts = [
        _word("type", report.type, MEASUREMENT_TYPE),
        _word("exception", report.exception, SENSOR_ALERT_TYPE),
        _text("deviceID", report.device_id),
        _text("deviceMetadata", report.device_metadata),
        _text("rawData", report.raw_data),
        _text("dataProcessingMethod", report.data_processing_method),
        _time("time", report.time),
        _text("microorganism", report.microorganism),
        _text("chemicalSubstance", report.chemical_substance),
        _number("value", report.value),
        _word("component", report.component, COMPONENT),
        _text("stringValue", report.string_value),
        _text("booleanValue", boolean),
        _text("hexBinaryValue", report.hex_binary_value),
        _text("uriValue", report.uri_value),
        _number("minValue", report.min_value),
        _number("maxValue", report.max_value),
        _number("meanValue", report.mean_value),
        _number("sDev", report.s_dev),
        _number("percRank", report.perc_rank),
        _number("percValue", report.perc_value),
        _text("uom", report.uom),
        _text("coordinateReferenceSystem", report.coordinate_reference_system),
        *sorted(_extensions(report.extensions)),
    ]
    return _headed("sensorReport", parts)


def _extensions(extensions: Mapping[str, Json]) -> Iterator[str]:
    """Each name with its value, or with each of its values."""
    for name, value in extensions.items():
        if name == COMMENT:
            continue
        shown = name.removeprefix("{}").replace(f"{{{MASTER_DATA}}}", f"{{{MASTER_DATA[:-1]}}}")
        items = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        for item in items:
            if isinstance(item, Mapping):
                text = item.get("#text")
                within = {one: value for one, value in item.items() if one != "#text"}
                yield shown + (_value(text) if text is not None else "") + "".join(sorted(_extensions(within)))
            else:
                yield shown + _value(item)


def _value(value: Json) -> str:
    """`=` and a value that is no object, or nothing for an empty one."""
    if value is None or (isinstance(value, Sequence) and not value):
        return ""
    text = value if isinstance(value, str) else write(value)
    return f"={_normalized(text)}" if text.strip() else ""


def _list(name: str, items: Iterable[str]) -> str:
    ordered = "".join(sorted(items))
    return name + ordered if ordered else ""


def _headed(name: str, parts: Iterable[str]) -> str:
    text = "".join(parts)
    return name + text if text else ""


def _text(name: str, value: str | None) -> str:
    return "" if value is None else f"{name}={_normalized(value)}"


def _word(name: str, value: str | None, vocabulary: Vocabulary) -> str:
    return "" if value is None else f"{name}={_normalized(vocabulary.expanded(value))}"


def _time(name: str, value: str | None) -> str:
    return "" if value is None else f"{name}={utc_text(instant_ms(value))}"


def _number(name: str, value: Decimal | None) -> str:
    return "" if value is None else f"{name}={_plain(value)}"


def _normalized(text: str) -> str:
    """Rules 5, 6 and 14 to 18: trimmed; a decimal number in digits; a URI in full; GS1 keys as Digital Links."""
    text = text.strip()
    if DECIMAL.fullmatch(text):
        return _plain(Decimal(text))
    for vocabulary in URNS:
        if vocabulary.urn is not None and text.startswith(vocabulary.urn):
            return vocabulary.uri + text.removeprefix(vocabulary.urn)
    for prefix, uri in EXPANDED:
        if text.startswith(prefix):
            return uri + text.removeprefix(prefix)
    return digital_link(text) or text


def _plain(number: Decimal) -> str:
    """In digits, without an exponent, a leading plus or zeros that say nothing."""
    if not number:
        return "0"
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
