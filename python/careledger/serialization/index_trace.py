"""Everything that happened to one unit: to its lot, to itself, and to what it was in while it was in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from careledger.chain.indexer.reader import EventRow
from careledger.chain.values import snake_case
from careledger.contract_enums import UnitStatus
from careledger.contract_events import (
    CameBack,
    ContainerEnded,
    ContainerNested,
    ContainerOpened,
    ContainerUnpacked,
    ContractEvent,
    DeviceServiced,
    DispensingUndone,
    ExcursionFlagged,
    HandedOver,
    IllegitimateNotified,
    LotCommissioned,
    LotOpened,
    LotRecalled,
    LotRepackaged,
    RangePacked,
    Received,
    Rejected,
    ReportedMissing,
    ReturnVerified,
    Shipped,
    TrancheAdded,
    UnitCleared,
    UnitDispensed,
    UnitIllegitimate,
    UnitsDispensed,
    UnitsEnded,
    UnitsMoved,
    UnitSuspected,
    WindowRecorded,
)
from careledger.identity.index import Fields, Origin
from careledger.serialization.custody_read_model import CONTAINER, PLACE, SHIPMENT
from careledger.serialization.index_entries import TraceEntry
from careledger.serialization.index_rows import END, Chain, Moment, Rows, since
from careledger.serialization.read_model import LOT, RECALL, TRANCHE, UNIT
from careledger.serialization.trade_read_model import SERVICE, WINDOW

__all__ = ["trace"]

OF_CONTAINERS: tuple[type[ContractEvent], ...] = (
    RangePacked,
    ContainerNested,
    ContainerUnpacked,
    ContainerOpened,
    Shipped,
    HandedOver,
    Received,
    Rejected,
    CameBack,
    ReportedMissing,
    ReturnVerified,
    ContainerEnded,
    ExcursionFlagged,
)
OF_UNITS: tuple[type[ContractEvent], ...] = (
    UnitDispensed,
    DispensingUndone,
    UnitSuspected,
    UnitCleared,
    UnitIllegitimate,
    IllegitimateNotified,
)
OF_SEVERAL_UNITS: tuple[type[ContractEvent], ...] = (UnitsDispensed, UnitsEnded)
OF_LOTS: tuple[type[ContractEvent], ...] = (LotRepackaged, LotRecalled, LotOpened)
GONE = {UnitStatus.DISPENSED, UnitStatus.DESTROYED, UnitStatus.STOLEN, UnitStatus.EXPORTED}
"""A unit with such a status is not in what it was in any more: what happens to that is not its history."""

WHO = ("by", "dispenser", "holder", "sender", "receiver", "packer", "maker", "from_", "operator")
"""Fields that name who did it, of which an event has one; of a shipment, the sender."""


def trace(rows: Rows, chain: Chain, lot: Fields, unit: int) -> list[TraceEntry]:
    """In the order of the chain."""
    found = [*_of_the_lot(rows, lot, unit), *_of_the_unit(rows, chain, lot, unit)]
    away = list(_away(rows, lot, unit))
    for row in _of_containers(rows, chain, lot["lot"], unit):
        place = row.block_number, row.log_index
        if not any(start < place < end for start, end in away):
            found.append(row)
    distinct = {(row.block_number, row.log_index): row for row in found}
    return [_entry(distinct[place]) for place in sorted(distinct)]


def _of_the_lot(rows: Rows, lot: Fields, unit: int) -> Iterator[EventRow]:
    own: dict[str, Any] = {"address": lot["contract"], "lot": lot["lot"]}
    tranche = unit >> lot["depth"]
    added = rows.one(TRANCHE, lot["contract"], lot["lot"], tranche)
    if added is not None:
        if tranche == 0:
            yield from rows.events(LotCommissioned, [added.row.since_block], **own)
        else:
            yield from rows.events(TrancheAdded, [added.row.since_block], **own, number=tranche)
    blocks = _blocks(*(rows.versions(entity, lot["contract"], lot["lot"]) for entity in (LOT, RECALL)))
    for kind in OF_LOTS:
        yield from rows.events(kind, blocks, **own)


def _of_the_unit(rows: Rows, chain: Chain, lot: Fields, unit: int) -> Iterator[EventRow]:
    registry, identifier = lot["contract"], lot["lot"]
    blocks = _blocks(rows.versions(UNIT, registry, identifier, unit))
    for kind in OF_UNITS:
        yield from rows.events(kind, blocks, address=registry, lot=identifier, index=unit)
    for kind in OF_SEVERAL_UNITS:
        for row in rows.events(kind, blocks, address=registry, lot=identifier):
            if unit in getattr(row.event, "indices", ()):
                yield row
    moved = _blocks(rows.versions(PLACE, chain.custody, identifier, unit))
    yield from rows.events(UnitsMoved, moved, address=chain.custody, lot=identifier, index=unit)
    serviced = _blocks(list(rows.all(SERVICE, {"lot": identifier, "unit": unit})))
    yield from rows.events(DeviceServiced, serviced, lot=identifier, index=unit)


def _of_containers(rows: Rows, chain: Chain, lot: str, unit: int) -> Iterator[EventRow]:
    for position in rows.positions(chain.custody, lot, unit):
        if position.container is not None:
            yield from _while_inside(rows, chain, position.container, position.start, position.end)


def _while_inside(rows: Rows, chain: Chain, container: str, start: Moment, end: Moment) -> Iterator[EventRow]:
    """The events of a container, and of what it is in, from one moment until before another."""
    versions = rows.versions(CONTAINER, chain.custody, container)
    shipments = rows.versions(SHIPMENT, chain.custody, container)
    blocks = {block for block in _blocks(versions, shipments) if start[0] <= block <= end[0]}
    for kind in OF_CONTAINERS:
        for row in rows.events(kind, blocks, address=chain.custody, container=container):
            if start <= (row.block_number, row.log_index) < end:
                yield row
    if chain.cold_chain is not None:
        windows = rows.all(WINDOW, {"contract": chain.cold_chain, "container": container, "excursion": True})
        for row in rows.events(
            WindowRecorded, _blocks(list(windows)), address=chain.cold_chain, container=container, excursion=True
        ):
            if start <= (row.block_number, row.log_index) < end:
                yield row
    inside: tuple[str, Moment] | None = None
    for version in [*versions, None]:
        parent = None if version is None else version["parent"]
        if inside is not None and parent != inside[0]:
            first, last = max(start, inside[1]), min(end, END if version is None else since(version))
            if first < last:
                yield from _while_inside(rows, chain, inside[0], first, last)
            inside = None
        if parent is not None and inside is None and version is not None:
            inside = parent, since(version)


def _away(rows: Rows, lot: Fields, unit: int) -> Iterator[tuple[Moment, Moment]]:
    """When a unit was dispensed or gone, from one moment until another."""
    versions = rows.versions(UNIT, lot["contract"], lot["lot"], unit)
    ends = [*map(since, versions[1:]), END]
    for version, end in zip(versions, ends, strict=False):
        if UnitStatus(version["status"]) in GONE:
            yield since(version), end


def _blocks(*groups: Iterable[Fields]) -> list[int]:
    return sorted({row.row.since_block for group in groups for row in group})


def _entry(row: EventRow) -> TraceEntry:
    event: Any = row.event
    organization = next((getattr(event, name) for name in WHO if hasattr(event, name)), None)
    container = getattr(event, "container", None)
    if container is not None and not int(container, 16):
        container = None
    at = Origin(row.block_number, row.log_index, row.block_time, row.transaction_hash)
    return TraceEntry(snake_case(type(event).__name__).lower().replace("_", " "), organization, container, at, event)
