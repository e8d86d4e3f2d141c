"""What the index keeps of containers and their custody: what is in what, where units are that were taken out, and
shipments.

Each table's row is a version: what held from one log until another. `contract` is the `Custody` that told; times are
Unix seconds. A row says what its own container's events say. What holds of a container inside another follows from the
outermost one: its state and holder from what that one has, and the marks of a return and of a broken cold chain from
all on the way up, as the contract has it. `careledger.serialization.index` puts this together for a block.

The events of a part that is rejected do not name the shipment that it is of. What was received last in the same
transaction is that shipment: `custody_receipt` has it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

from careledger.chain.indexer.model import Entity, Key, Kind, ReadModel, Row, State
from careledger.contract_enums import ContainerState, UnitStatus
from careledger.contract_events import (
    CameBack,
    ColdChainChanged,
    ContainerEnded,
    ContainerNested,
    ContainerOpened,
    ContainerUnpacked,
    EscrowSet,
    ExcursionFlagged,
    HandedOver,
    LotsSet,
    MixedPacked,
    RangePacked,
    Received,
    Rejected,
    ReportedMissing,
    ReturnVerified,
    Shipped,
    UnitsMoved,
)

__all__ = [
    "CONTAINER",
    "MODEL",
    "PACKING",
    "PLACE",
    "RECEIPT",
    "SHIPMENT",
    "SUPPLY_CHAIN",
    "ShipmentOutcome",
]

MODEL = ReadModel("custody", version=1)

SUPPLY_CHAIN = MODEL.entity(
    "supply_chain",
    key={"contract": Kind.ADDRESS},
    values={"lots": Kind.ADDRESS, "escrow": Kind.ADDRESS, "cold_chain": Kind.ADDRESS},  # None: not set
)
CONTAINER = MODEL.entity(
    "container",
    key={"contract": Kind.ADDRESS, "container": Kind.TEXT},
    values={
        "packer": Kind.TEXT,
        "packed_by": Kind.ADDRESS,
        "packed_at": Kind.INTEGER,
        "filled_at": Kind.INTEGER,  # when something was put in, the last time
        "lot": Kind.TEXT,  # of a homogeneous one; None: mixed, as are the next four
        "first_unit": Kind.INTEGER,
        "last_unit": Kind.INTEGER,
        "units": Kind.INTEGER,
        "cases": Kind.INTEGER,  # equal parts that can be taken out
        "cases_out": Kind.UINT,  # bit n: case n was taken out
        "case_of": Kind.TEXT,  # the container that it was a case of
        "parent": Kind.TEXT,  # None: it is outermost
        "state": Kind.INTEGER,  # ContainerState, as are the next two of one that is outermost
        "holder": Kind.TEXT,
        "receiver": Kind.TEXT,  # None: not in transit
        "opened": Kind.BOOL,
        "returned": Kind.BOOL,  # shipped as a return by itself, and not verified since
        "verified_at": Kind.INTEGER,
        "flagged": Kind.BOOL,  # that its cold chain was broken, by itself
        "ended": Kind.INTEGER,  # UnitStatus; IN_SUPPLY: it did not end
        "ended_at": Kind.INTEGER,
        "reason": Kind.TEXT,  # of the end or the last rejection, a salted hash
        "shipments": Kind.INTEGER,  # how many, by itself
    },
    indexes=[("lot", "first_unit"), ("parent",), ("holder",)],
)
PACKING = MODEL.entity(
    "lot_packing",
    key={"contract": Kind.ADDRESS, "lot": Kind.TEXT},
    values={
        "packed": Kind.INTEGER,  # numbers below were packed by the maker, or left unused
        "units": Kind.INTEGER,  # of those packed
        "containers": Kind.INTEGER,  # into so many
    },
)
PLACE = MODEL.entity(
    "unit_place",
    key={"contract": Kind.ADDRESS, "lot": Kind.TEXT, "unit": Kind.INTEGER},
    values={
        "container": Kind.TEXT,  # None: at the holder, in none
        "holder": Kind.TEXT,  # who moved it
        "moved_at": Kind.INTEGER,
    },
    indexes=[("container",)],
)
SHIPMENT = MODEL.entity(
    "container_shipment",
    key={"contract": Kind.ADDRESS, "container": Kind.TEXT},  # the last one of each
    values={
        "shipment": Kind.INTEGER,  # which of the container's, from 1
        "sender": Kind.TEXT,
        "receiver": Kind.TEXT,
        "carrier": Kind.TEXT,  # None: the sender has it
        "deadline": Kind.INTEGER,
        "is_return": Kind.BOOL,
        "terms": Kind.TEXT,
        "shipped_at": Kind.INTEGER,
        "outcome": Kind.TEXT,  # ShipmentOutcome
        "answered_at": Kind.INTEGER,  # by the receiver
        "answered_by": Kind.ADDRESS,
        "reason": Kind.TEXT,  # of the rejection
        "settled_at": Kind.INTEGER,  # when the sender said that it is back or missing, the last time
        "part_of": Kind.TEXT,  # the container of the shipment of which this is the rejected part
    },
    indexes=[("outcome",), ("part_of",)],
)
RECEIPT = MODEL.entity(
    "custody_receipt",
    key={"receipt_transaction": Kind.TEXT},
    values={
        "contract": Kind.ADDRESS,
        "container": Kind.TEXT,
        "rejected_part": Kind.TEXT,  # the container with it; None: nothing was rejected
        "shipment": Kind.JSON,  # what `container_shipment` said of it
    },
)


class ShipmentOutcome(enum.Enum):
    """What became of a shipment. One in transit past its deadline is to come back."""

    IN_TRANSIT = "in transit"
    RECEIVED = "received"
    REJECTED = "rejected"
    CAME_BACK = "came back"
    MISSING = "missing"


def _container(row: Row) -> Key:
    return row.address, row.container


def _of_container(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((CONTAINER, _container(row)),)


def _of_both(row: Row) -> Iterable[tuple[Entity, Key]]:
    return (*_of_container(row), (CONTAINER, (row.address, row.parent)))


def _of_shipment(row: Row) -> Iterable[tuple[Entity, Key]]:
    return (*_of_container(row), (SHIPMENT, _container(row)))


def _of_receipt(row: Row) -> Iterable[tuple[Entity, Key]]:
    return (*_of_shipment(row), (RECEIPT, (row.transaction_hash,)))


def _given(value: str) -> str | None:
    """An id or an address; None for zero."""
    return value if int(value, 16) else None


def _known(state: State, entity: Entity, key: Key) -> dict[str, Any]:
    found = state.get(entity, key)
    assert found is not None
    return found


# ------------------------------------------------------------------ the suite's contracts


@MODEL.on(LotsSet, EscrowSet, ColdChainChanged, touches=lambda row: ((SUPPLY_CHAIN, (row.address,)),))
def _connected(state: State, row: Row) -> None:
    known = state.get(SUPPLY_CHAIN, (row.address,)) or dict.fromkeys(SUPPLY_CHAIN.values)
    told = {name: _given(getattr(row, name)) for name in SUPPLY_CHAIN.values if hasattr(row, name)}
    state.put(SUPPLY_CHAIN, (row.address,), **{**known, **told})


# ------------------------------------------------------------------ what is in what


@MODEL.on(RangePacked, touches=lambda row: (*_of_container(row), (PACKING, (row.address, row.lot))))
def _range_packed(state: State, row: Row) -> None:
    last = row.first + row.count - 1
    _packed(state, row, lot=row.lot, first_unit=row.first, last_unit=last, units=row.count, cases=row.cases or None)
    known = state.get(PACKING, (row.address, row.lot)) or dict.fromkeys(PACKING.values, 0)
    if row.first >= known["packed"]:  # else it is a case of another
        state.put(
            PACKING,
            (row.address, row.lot),
            packed=row.first + row.count,
            units=known["units"] + row.count,
            containers=known["containers"] + 1,
        )


@MODEL.on(MixedPacked, touches=_of_container)
def _mixed_packed(state: State, row: Row) -> None:
    _packed(state, row, lot=None, first_unit=None, last_unit=None, units=None, cases=None)


def _packed(state: State, row: Row, **values: Any) -> None:
    state.put(
        CONTAINER,
        _container(row),
        packer=row.packer,
        packed_by=row.key,
        packed_at=row.block_time,
        filled_at=row.block_time,
        cases_out=0,
        case_of=None,
        parent=None,
        state=ContainerState.HELD,
        holder=row.packer,
        receiver=None,
        opened=False,
        returned=False,
        verified_at=None,
        flagged=False,
        ended=UnitStatus.IN_SUPPLY,
        ended_at=None,
        reason=None,
        shipments=0,
        **values,
    )


@MODEL.on(ContainerNested, touches=_of_both)
def _nested(state: State, row: Row) -> None:
    state.put(CONTAINER, _container(row), parent=row.parent)
    state.put(CONTAINER, (row.address, row.parent), filled_at=row.block_time)


@MODEL.on(ContainerUnpacked, touches=_of_both)
def _unpacked(state: State, row: Row) -> None:
    inner, parent = _known(state, CONTAINER, _container(row)), (row.address, row.parent)
    if inner["parent"] == row.parent:
        state.put(CONTAINER, _container(row), parent=None, holder=row.holder)
        return
    outer = _known(state, CONTAINER, parent)
    number = (inner["first_unit"] - outer["first_unit"]) // inner["units"]
    state.put(CONTAINER, _container(row), case_of=row.parent)
    state.put(CONTAINER, parent, cases_out=outer["cases_out"] | 1 << number)


@MODEL.on(UnitsMoved, touches=lambda row: (*_of_container(row), (PLACE, (row.address, row.lot, row.index))))
def _moved(state: State, row: Row) -> None:
    container = _given(row.container)
    values = {"container": container, "holder": row.holder, "moved_at": row.block_time}
    state.put(PLACE, (row.address, row.lot, row.index), **values)
    if container is not None:
        state.put(CONTAINER, _container(row), filled_at=row.block_time)


@MODEL.on(ContainerOpened, touches=_of_container)
def _opened(state: State, row: Row) -> None:
    state.put(CONTAINER, _container(row), opened=True)


@MODEL.on(ExcursionFlagged, touches=_of_container)
def _flagged(state: State, row: Row) -> None:
    state.put(CONTAINER, _container(row), flagged=True)


@MODEL.on(ContainerEnded, touches=_of_container)
def _ended(state: State, row: Row) -> None:
    state.put(
        CONTAINER,
        _container(row),
        state=ContainerState.ENDED,
        holder=row.by,
        ended=row.status,
        ended_at=row.block_time,
        reason=row.reason,
    )


# ------------------------------------------------------------------ the handover


@MODEL.on(Shipped, touches=_of_shipment)
def _shipped(state: State, row: Row) -> None:
    known = _known(state, CONTAINER, _container(row))
    number = known["shipments"] + 1
    state.put(
        CONTAINER,
        _container(row),
        state=ContainerState.IN_TRANSIT,
        receiver=row.receiver,
        returned=known["returned"] or row.is_return,
        shipments=number,
    )
    state.put(
        SHIPMENT,
        _container(row),
        shipment=number,
        sender=row.sender,
        receiver=row.receiver,
        carrier=_given(row.carrier),
        deadline=row.deadline,
        is_return=row.is_return,
        terms=row.terms,
        shipped_at=row.block_time,
        outcome=ShipmentOutcome.IN_TRANSIT.value,
        answered_at=None,
        answered_by=None,
        reason=None,
        settled_at=None,
        part_of=None,
    )


@MODEL.on(HandedOver, touches=_of_shipment)
def _handed_over(state: State, row: Row) -> None:
    state.put(SHIPMENT, _container(row), carrier=row.to)


@MODEL.on(Received, touches=_of_receipt)
def _received(state: State, row: Row) -> None:
    key = _container(row)
    state.put(CONTAINER, key, state=ContainerState.HELD, holder=row.receiver, receiver=None)
    answer = {"answered_at": row.block_time, "answered_by": row.key}
    state.put(SHIPMENT, key, outcome=ShipmentOutcome.RECEIVED.value, **answer)
    values = {"contract": row.address, "container": row.container, "rejected_part": None}
    state.put(RECEIPT, (row.transaction_hash,), **values, shipment=_known(state, SHIPMENT, key))


@MODEL.on(Rejected, touches=_of_receipt)
def _rejected(state: State, row: Row) -> None:
    key, answer = _container(row), {"answered_at": row.block_time, "answered_by": row.key, "reason": row.reason}
    known = _known(state, CONTAINER, key)
    values = {"state": ContainerState.REJECTED, "receiver": None, "reason": row.reason}
    if known["state"] == ContainerState.IN_TRANSIT:
        state.put(CONTAINER, key, **values)
        state.put(SHIPMENT, key, outcome=ShipmentOutcome.REJECTED.value, **answer)
        return
    receipt = _known(state, RECEIPT, (row.transaction_hash,))
    state.put(RECEIPT, (row.transaction_hash,), rejected_part=row.container)
    whole = receipt["shipment"]
    state.put(CONTAINER, key, **values, holder=whole["sender"], shipments=1)
    part = {"shipment": 1, "part_of": receipt["container"], "outcome": ShipmentOutcome.REJECTED.value}
    state.put(SHIPMENT, key, **{**whole, **part, **answer})


@MODEL.on(CameBack, touches=_of_shipment)
def _came_back(state: State, row: Row) -> None:
    values = {"state": ContainerState.HELD, "holder": row.sender, "receiver": None}
    state.put(CONTAINER, _container(row), **values)
    outcome = ShipmentOutcome.CAME_BACK.value
    state.put(SHIPMENT, _container(row), outcome=outcome, settled_at=row.block_time)


@MODEL.on(ReportedMissing, touches=_of_shipment)
def _missing(state: State, row: Row) -> None:
    state.put(CONTAINER, _container(row), state=ContainerState.MISSING, receiver=None)
    outcome = ShipmentOutcome.MISSING.value
    state.put(SHIPMENT, _container(row), outcome=outcome, settled_at=row.block_time)


@MODEL.on(ReturnVerified, touches=_of_container)
def _verified(state: State, row: Row) -> None:
    state.put(CONTAINER, _container(row), returned=False, verified_at=row.block_time)
