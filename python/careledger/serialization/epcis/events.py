"""An EPCIS event (EPCIS 2.0, clause 7), of whatever form it came in.

Values of the Core Business Vocabulary are its bare words, as JSON has them: `shipping`, `in_transit`, `po`,
`Temperature`; a value of another vocabulary is its URI. EPCs, times and other text stay as they came. Numbers are
`Decimal`, equal by value.

What the standard does not name is an *extension*, and stays where it stood: a mapping from `{namespace}name` to a JSON
value, whose own names are written the same way where they have a namespace; its numbers are `Number`, the text that
they came in. `context` is what a JSON-LD `@context` said beside the standard one; it says how to write the names again
and is no part of what an event says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from careledger.anchoring.canonical_json import Json
from careledger.serialization.epcis.times import instant_ms

__all__ = [
    "Action",
    "AggregationEvent",
    "AssociationEvent",
    "BizTransaction",
    "Destination",
    "ErrorDeclaration",
    "Event",
    "Extensions",
    "ObjectEvent",
    "PersistentDisposition",
    "Place",
    "Quantity",
    "SensorElement",
    "SensorMetadata",
    "SensorReport",
    "Source",
    "TransactionEvent",
    "TransformationEvent",
]

Extensions = Mapping[str, Json]
"""From `{namespace}name` to a JSON value."""


class Action(StrEnum):
    """What an event says of the objects: that they begin, are seen, or end to be what it speaks of."""

    ADD = "ADD"
    OBSERVE = "OBSERVE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class Quantity:
    """Objects of a class that are not told apart. `quantity` counts them, or measures them in `uom` (a unit of
    UN/CEFACT recommendation 20); None if it is not stated."""

    epc_class: str
    quantity: Decimal | None = None
    uom: str | None = None


@dataclass(frozen=True, slots=True)
class BizTransaction:
    """A business transaction, such as `po`, by its URI."""

    transaction: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where, or from whom, a transfer starts. `type` is `owning_party`, `possessing_party` or `location`."""

    type: str
    source: str


@dataclass(frozen=True, slots=True)
class Destination:
    """Where, or at whom, a transfer ends."""

    type: str
    destination: str


@dataclass(frozen=True, slots=True)
class Place:
    """A read point or business location."""

    id: str
    extensions: Extensions = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PersistentDisposition:
    """Dispositions that hold from this event on until one unsets them."""

    set: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SensorMetadata:
    """What holds for all reports of a sensor element."""

    time: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    device_id: str | None = None
    device_metadata: str | None = None
    raw_data: str | None = None
    data_processing_method: str | None = None
    biz_rules: str | None = None
    extensions: Extensions = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SensorReport:
    """One observation. `type` is a measurement type such as `Temperature`, `uom` its unit, such as `CEL`."""

    type: str | None = None
    exception: str | None = None
    device_id: str | None = None
    device_metadata: str | None = None
    raw_data: str | None = None
    data_processing_method: str | None = None
    biz_rules: str | None = None
    time: str | None = None
    microorganism: str | None = None
    chemical_substance: str | None = None
    value: Decimal | None = None
    component: str | None = None
    string_value: str | None = None
    boolean_value: bool | None = None
    hex_binary_value: str | None = None
    uri_value: str | None = None
    min_value: Decimal | None = None
    max_value: Decimal | None = None
    mean_value: Decimal | None = None
    s_dev: Decimal | None = None
    perc_rank: Decimal | None = None
    perc_value: Decimal | None = None
    uom: str | None = None
    coordinate_reference_system: str | None = None
    extensions: Extensions = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SensorElement:
    """Observations with what holds for all of them."""

    reports: tuple[SensorReport, ...]
    metadata: SensorMetadata | None = None
    extensions: Extensions = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErrorDeclaration:
    """That an event, told by its `event_id`, was wrong. `reason` is `did_not_occur` or `incorrect_data`; the events of
    `corrective_event_ids` say what is right."""

    declaration_time: str
    reason: str | None = None
    corrective_event_ids: tuple[str, ...] = ()
    extensions: Extensions = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """What events of every type have."""

    event_time: str
    event_time_zone_offset: str
    record_time: str | None = None
    event_id: str | None = None
    certification_info: tuple[str, ...] = ()
    error_declaration: ErrorDeclaration | None = None
    biz_step: str | None = None
    disposition: str | None = None
    persistent_disposition: PersistentDisposition | None = None
    read_point: Place | None = None
    biz_location: Place | None = None
    biz_transactions: tuple[BizTransaction, ...] = ()
    sources: tuple[Source, ...] = ()
    destinations: tuple[Destination, ...] = ()
    sensor_elements: tuple[SensorElement, ...] = ()
    extensions: Extensions = field(default_factory=dict)
    context: tuple[Json, ...] = field(default=(), compare=False, repr=False)

    @property
    def time_ms(self) -> int:
        """When it happened, in milliseconds since 1970 UTC."""
        return instant_ms(self.event_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEvent(_Event):
    """Something that happened to objects."""

    action: Action
    epcs: tuple[str, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    ilmd: Extensions = field(default_factory=dict)

    @property
    def type(self) -> Literal["ObjectEvent"]:
        return "ObjectEvent"


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregationEvent(_Event):
    """Objects put into, seen in, or taken out of a container. Without children, a DELETE means all of them."""

    action: Action
    parent_id: str | None = None
    child_epcs: tuple[str, ...] = ()
    child_quantities: tuple[Quantity, ...] = ()

    @property
    def type(self) -> Literal["AggregationEvent"]:
        return "AggregationEvent"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEvent(_Event):
    """Objects that belong to business transactions, of which there is at least one."""

    action: Action
    parent_id: str | None = None
    epcs: tuple[str, ...] = ()
    quantities: tuple[Quantity, ...] = ()

    @property
    def type(self) -> Literal["TransactionEvent"]:
        return "TransactionEvent"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformationEvent(_Event):
    """Inputs that became outputs; one of several events of a transformation if it has a `transformation_id`."""

    input_epcs: tuple[str, ...] = ()
    input_quantities: tuple[Quantity, ...] = ()
    output_epcs: tuple[str, ...] = ()
    output_quantities: tuple[Quantity, ...] = ()
    transformation_id: str | None = None
    ilmd: Extensions = field(default_factory=dict)

    @property
    def type(self) -> Literal["TransformationEvent"]:
        return "TransformationEvent"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationEvent(_Event):
    """Objects, such as a sensor, tied to a parent, which may be a place."""

    action: Action
    parent_id: str
    child_epcs: tuple[str, ...] = ()
    child_quantities: tuple[Quantity, ...] = ()

    @property
    def type(self) -> Literal["AssociationEvent"]:
        return "AssociationEvent"


Event = ObjectEvent | AggregationEvent | TransactionEvent | TransformationEvent | AssociationEvent
