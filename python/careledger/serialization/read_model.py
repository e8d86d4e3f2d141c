"""What the index keeps of lots and their units: who makes what, lots with their tranches, recalls, what became of
units, and of what containers a repackaged lot was made.

Each table's row is a version: what held from one log until another. `contract` is the `LotRegistry` that told; times
are Unix seconds. A unit has a row once something was said of it by itself: all others are in supply. Where it is, is in
`custody_read_model`; that a container ended with it, too. Nothing that time alone changes (an expiry, a notice that is
overdue) is stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from careledger.chain.indexer.model import Entity, Key, Kind, ReadModel, Row, State
from careledger.contract_enums import UnitStatus
from careledger.contract_events import (
    DispensingUndone,
    IllegitimateNotified,
    LotCommissioned,
    LotOpened,
    LotRecalled,
    LotRepackaged,
    ProductAssigned,
    TrancheAdded,
    UnitCleared,
    UnitDispensed,
    UnitIllegitimate,
    UnitsDispensed,
    UnitsEnded,
    UnitSuspected,
)

__all__ = ["LOT", "MODEL", "PRODUCT", "RECALL", "REPACKAGING", "TRANCHE", "UNIT"]

MODEL = ReadModel("lots", version=1)

PRODUCT = MODEL.entity(
    "product_maker",
    key={"contract": Kind.ADDRESS, "product": Kind.TEXT, "maker": Kind.TEXT},
    values={"assigned": Kind.BOOL},
)
LOT = MODEL.entity(
    "lot",
    key={"contract": Kind.ADDRESS, "lot": Kind.TEXT},
    values={
        "maker": Kind.TEXT,
        "kind": Kind.INTEGER,  # LotKind
        "depth": Kind.INTEGER,
        "expiry_day": Kind.INTEGER,  # days since 1970-01-01 UTC; None: none
        "tranches": Kind.INTEGER,
        "commissioned_at": Kind.INTEGER,
        "commissioned_by": Kind.ADDRESS,
        "repackaged": Kind.BOOL,  # made of what was in containers
        "product": Kind.TEXT,  # None until its maker opens it, as are the next two
        "lot_number": Kind.TEXT,
        "salt": Kind.TEXT,
    },
    indexes=[("maker",)],
)
TRANCHE = MODEL.entity(
    "lot_tranche",
    key={"contract": Kind.ADDRESS, "lot": Kind.TEXT, "tranche": Kind.INTEGER},
    values={"root": Kind.TEXT, "added_at": Kind.INTEGER, "added_by": Kind.ADDRESS},
)
RECALL = MODEL.entity(
    "lot_recall",
    key={"contract": Kind.ADDRESS, "lot": Kind.TEXT},
    values={
        "recall_class": Kind.INTEGER,  # RecallClass
        "reason": Kind.INTEGER,  # RecallReason
        "organization": Kind.TEXT,
        "recalled_by": Kind.ADDRESS,
        "recalled_at": Kind.INTEGER,  # as this grave
    },
)
UNIT = MODEL.entity(
    "lot_unit",
    key={"contract": Kind.ADDRESS, "lot": Kind.TEXT, "unit": Kind.INTEGER},
    values={
        "status": Kind.INTEGER,  # UnitStatus
        "changed_at": Kind.INTEGER,  # the status, the last time; None: never
        "changed_by": Kind.TEXT,  # organization, likewise
        "suspect": Kind.BOOL,
        "investigator": Kind.TEXT,  # who found it suspect, the last time; None: nobody did
        "suspected_at": Kind.INTEGER,
        "determined_at": Kind.INTEGER,  # illegitimate
        "notice_due_at": Kind.INTEGER,
        "notified_at": Kind.INTEGER,
        "notice": Kind.TEXT,
        "reason": Kind.TEXT,  # stated with the last act, a salted hash
    },
    indexes=[("notice_due_at",)],
)
REPACKAGING = MODEL.entity(
    "lot_repackaging",
    key={"contract": Kind.ADDRESS, "container": Kind.TEXT},
    values={"lot": Kind.TEXT, "repackaged_at": Kind.INTEGER},
    indexes=[("lot",)],
)

EXPIRY_BITS = 16
DEPTH_BITS = 8
NEW_UNIT: dict[str, Any] = {**dict.fromkeys(UNIT.values), "status": UnitStatus.IN_SUPPLY, "suspect": False}


def _lot(row: Row) -> Key:
    return row.address, row.lot


def _of_lot(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((LOT, _lot(row)),)


def _of_unit(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((UNIT, (row.address, row.lot, row.index)),)


def _of_units(row: Row) -> Iterable[tuple[Entity, Key]]:
    return [(UNIT, (row.address, row.lot, index)) for index in json.loads(row.indices)]


def _inputs(row: Row) -> list[Key]:
    return [(row.address, container) for container in json.loads(row.inputs)]


def _change(state: State, key: Key, **values: Any) -> None:
    """Changes a unit."""
    state.put(UNIT, key, **{**(state.get(UNIT, key) or NEW_UNIT), **values})


# ------------------------------------------------------------------ products and lots


@MODEL.on(ProductAssigned, touches=lambda row: ((PRODUCT, (row.address, row.product, row.maker)),))
def _assigned(state: State, row: Row) -> None:
    state.put(PRODUCT, (row.address, row.product, row.maker), assigned=row.assigned)


@MODEL.on(LotCommissioned, touches=lambda row: ((LOT, _lot(row)), (TRANCHE, (*_lot(row), 0))))
def _commissioned(state: State, row: Row) -> None:
    state.put(
        LOT,
        _lot(row),
        maker=row.maker,
        kind=row.terms >> (EXPIRY_BITS + DEPTH_BITS),
        depth=row.terms >> EXPIRY_BITS & ((1 << DEPTH_BITS) - 1),
        expiry_day=row.terms & ((1 << EXPIRY_BITS) - 1) or None,
        tranches=1,
        commissioned_at=row.block_time,
        commissioned_by=row.key,
        repackaged=False,
        product=None,
        lot_number=None,
        salt=None,
    )
    state.put(TRANCHE, (*_lot(row), 0), root=row.root, added_at=row.block_time, added_by=row.key)


@MODEL.on(TrancheAdded, touches=lambda row: ((LOT, _lot(row)), (TRANCHE, (*_lot(row), row.number))))
def _tranche_added(state: State, row: Row) -> None:
    state.put(LOT, _lot(row), tranches=row.number + 1)
    state.put(TRANCHE, (*_lot(row), row.number), root=row.root, added_at=row.block_time, added_by=row.key)


@MODEL.on(LotRepackaged, touches=lambda row: ((LOT, _lot(row)), *((REPACKAGING, key) for key in _inputs(row))))
def _repackaged(state: State, row: Row) -> None:
    state.put(LOT, _lot(row), repackaged=True)
    for key in _inputs(row):
        state.put(REPACKAGING, key, lot=row.lot, repackaged_at=row.block_time)


@MODEL.on(LotOpened, touches=_of_lot)
def _opened(state: State, row: Row) -> None:
    state.put(LOT, _lot(row), product=row.product, lot_number=row.lot_number, salt=row.salt)


@MODEL.on(LotRecalled, touches=lambda row: ((RECALL, _lot(row)),))
def _recalled(state: State, row: Row) -> None:
    state.put(
        RECALL,
        _lot(row),
        recall_class=row.recall_class,
        reason=row.reason,
        organization=row.by,
        recalled_by=row.key,
        recalled_at=row.block_time,
    )


# ------------------------------------------------------------------ units


@MODEL.on(UnitDispensed, touches=_of_unit)
def _dispensed(state: State, row: Row) -> None:
    _change_status(state, row, (row.index,), UnitStatus.DISPENSED, row.dispenser)


@MODEL.on(DispensingUndone, touches=_of_unit)
def _undone(state: State, row: Row) -> None:
    _change_status(state, row, (row.index,), UnitStatus.IN_SUPPLY, row.dispenser)


@MODEL.on(UnitsDispensed, touches=_of_units)
def _many_dispensed(state: State, row: Row) -> None:
    _change_status(state, row, json.loads(row.indices), UnitStatus.DISPENSED, row.dispenser)


@MODEL.on(UnitsEnded, touches=_of_units)
def _ended(state: State, row: Row) -> None:
    _change_status(state, row, json.loads(row.indices), UnitStatus(row.status), row.by, reason=row.reason)


def _change_status(
    state: State, row: Row, units: Iterable[int], status: UnitStatus, organization: str, **values: Any
) -> None:
    for unit in units:
        key = (row.address, row.lot, unit)
        _change(state, key, status=status, changed_at=row.block_time, changed_by=organization, **values)


@MODEL.on(UnitSuspected, touches=_of_unit)
def _suspected(state: State, row: Row) -> None:
    _change(
        state,
        (row.address, row.lot, row.index),
        suspect=True,
        investigator=row.by,
        suspected_at=row.block_time,
        determined_at=None,
        notice_due_at=None,
        notified_at=None,
        notice=None,
        reason=row.reason,
    )


@MODEL.on(UnitCleared, touches=_of_unit)
def _cleared(state: State, row: Row) -> None:
    _change(state, (row.address, row.lot, row.index), suspect=False, reason=row.reason)


@MODEL.on(UnitIllegitimate, touches=_of_unit)
def _illegitimate(state: State, row: Row) -> None:
    values = {"determined_at": row.block_time, "notice_due_at": row.notice_due_at, "reason": row.reason}
    _change_status(state, row, (row.index,), UnitStatus.ILLEGITIMATE, row.by, suspect=False, **values)


@MODEL.on(IllegitimateNotified, touches=_of_unit)
def _notified(state: State, row: Row) -> None:
    _change(state, (row.address, row.lot, row.index), notified_at=row.block_time, notice=row.notice)
