"""What the index keeps beside custody: orders paid on receipt, the cold chain, and the service history of devices.

Each table's row is a version: what held from one log until another. `contract` is the `PurchaseEscrow`, `ColdChain` or
`ServiceHistory` that told; amounts are token minor units, temperatures hundredths of a degree Celsius, times Unix
seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from careledger.chain.indexer.model import Entity, Key, Kind, ReadModel, Row, State
from careledger.contract_enums import OrderStatus
from careledger.contract_events import (
    CreditPaidOut,
    DeviceBound,
    DeviceRegistered,
    DeviceRetired,
    DeviceServiced,
    DeviceUnbound,
    LimitsSet,
    OrderOpened,
    OrderPaid,
    OrderRefunded,
    OrderShipped,
    WindowRecorded,
)
from careledger.serialization.custody_read_model import RECEIPT

__all__ = ["BINDING", "CREDIT", "DEVICE", "LIMITS", "MODEL", "ORDER", "SERVICE", "WINDOW"]

MODEL = ReadModel("trade", version=1)

ORDER = MODEL.entity(
    "purchase_order",
    key={"contract": Kind.ADDRESS, "order_id": Kind.TEXT},
    values={
        "buyer": Kind.TEXT,
        "seller": Kind.TEXT,
        "token": Kind.ADDRESS,
        "amount": Kind.UINT,
        "paid": Kind.UINT,  # of the amount
        "refunded": Kind.UINT,  # likewise
        "deadline": Kind.INTEGER,
        "status": Kind.INTEGER,  # OrderStatus
        "received": Kind.BOOL,  # in whole or in part
        "container": Kind.TEXT,  # of one received in part, what was rejected; None: not shipped
        "opened_at": Kind.INTEGER,
    },
)
CREDIT = MODEL.entity(
    "escrow_credit",
    key={"contract": Kind.ADDRESS, "organization": Kind.TEXT},
    values={"credits": Kind.JSON},  # decimal text by token
)
DEVICE = MODEL.entity(
    "cold_chain_device",
    key={"contract": Kind.ADDRESS, "device": Kind.TEXT},
    values={
        "organization": Kind.TEXT,  # its operator
        "curve": Kind.INTEGER,  # Curve
        "x": Kind.TEXT,
        "y": Kind.TEXT,
        "registered_at": Kind.INTEGER,
        "retired_at": Kind.INTEGER,
    },
)
BINDING = MODEL.entity(
    "device_binding",
    key={"contract": Kind.ADDRESS, "device": Kind.TEXT},
    values={
        "container": Kind.TEXT,
        "bound_at": Kind.INTEGER,
        "lowest": Kind.INTEGER,  # the limits
        "highest": Kind.INTEGER,
        "highest_mean": Kind.INTEGER,
        "sequence": Kind.INTEGER,  # of the last window
        "window_end": Kind.INTEGER,  # likewise; at first, of the binding
        "excursions": Kind.INTEGER,
    },
    indexes=[("container",)],
)
WINDOW = MODEL.entity(
    "temperature_window",
    key={"contract": Kind.ADDRESS, "device": Kind.TEXT, "window_start": Kind.INTEGER},
    values={
        "container": Kind.TEXT,
        "sequence": Kind.INTEGER,  # of the binding
        "window_end": Kind.INTEGER,
        "lowest": Kind.INTEGER,
        "highest": Kind.INTEGER,
        "mean": Kind.INTEGER,  # kinetic
        "root": Kind.TEXT,  # None: no readings
        "excursion": Kind.BOOL,
        "recorded_at": Kind.INTEGER,
    },
    indexes=[("container",)],
)
LIMITS = MODEL.entity(
    "lot_limits",
    key={"contract": Kind.ADDRESS, "lot": Kind.TEXT},
    values={"lowest": Kind.INTEGER, "highest": Kind.INTEGER, "highest_mean": Kind.INTEGER},
)
SERVICE = MODEL.entity(
    "device_service",
    key={"contract": Kind.ADDRESS, "lot": Kind.TEXT, "unit": Kind.INTEGER, "sequence": Kind.INTEGER},
    values={
        "organization": Kind.TEXT,  # who did it
        "signed_by": Kind.ADDRESS,
        "kind": Kind.INTEGER,  # ServiceKind
        "serviced_at": Kind.INTEGER,
        "part_lot": Kind.TEXT,  # None: no part was put in
        "part_unit": Kind.INTEGER,
        "content": Kind.TEXT,
        "head": Kind.TEXT,
        "recorded_at": Kind.INTEGER,
    },
    indexes=[("part_lot", "part_unit")],
)

MOST_EXCURSIONS = 2**16 - 1
"""So many a binding counts."""


def _order(row: Row) -> Key:
    return row.address, row.order


def _device(row: Row) -> Key:
    return row.address, row.device


def _of_device(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((DEVICE, _device(row)),)


def _of_binding(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((BINDING, _device(row)),)


def _given(value: str) -> str | None:
    """An id or a hash; None for zero."""
    return value if int(value, 16) else None


def _known(state: State, entity: Entity, key: Key) -> dict[str, Any]:
    found = state.get(entity, key)
    assert found is not None
    return found


# ------------------------------------------------------------------ orders


@MODEL.on(OrderOpened, touches=lambda row: ((ORDER, _order(row)),))
def _order_opened(state: State, row: Row) -> None:
    state.put(
        ORDER,
        _order(row),
        buyer=row.buyer,
        seller=row.seller,
        token=row.token,
        amount=row.amount,
        paid=0,
        refunded=0,
        deadline=row.deadline,
        status=OrderStatus.OPEN,
        received=False,
        container=None,
        opened_at=row.block_time,
    )


@MODEL.on(OrderShipped, touches=lambda row: ((ORDER, _order(row)),))
def _order_shipped(state: State, row: Row) -> None:
    container = _given(row.container)
    status = OrderStatus.OPEN if container is None else OrderStatus.SHIPPED
    state.put(ORDER, _order(row), status=status, container=container)


@MODEL.on(
    OrderPaid,
    touches=lambda row: (
        (ORDER, _order(row)),
        (CREDIT, (row.address, row.seller)),
        (RECEIPT, (row.transaction_hash,)),
    ),
)
def _order_paid(state: State, row: Row) -> None:
    order = _known(state, ORDER, _order(row))
    values: dict[str, Any] = {"paid": order["paid"] + row.paid, "received": True}
    if row.rest == 0:
        values["status"] = OrderStatus.PAID
    else:  # received in part: the log before, of the same transaction, says what was rejected
        values["container"] = _known(state, RECEIPT, (row.transaction_hash,))["rejected_part"]
    state.put(ORDER, _order(row), **values)
    _credit(state, (row.address, row.seller), order["token"], row.paid)


@MODEL.on(OrderRefunded, touches=lambda row: ((ORDER, _order(row)), (CREDIT, (row.address, row.buyer))))
def _order_refunded(state: State, row: Row) -> None:
    order = _known(state, ORDER, _order(row))
    status = OrderStatus.PAID if order["paid"] else OrderStatus.REFUNDED
    state.put(ORDER, _order(row), status=status, refunded=row.amount)
    _credit(state, (row.address, row.buyer), order["token"], row.amount)


@MODEL.on(CreditPaidOut, touches=lambda row: ((CREDIT, (row.address, row.organization)),))
def _paid_out(state: State, row: Row) -> None:
    _credit(state, (row.address, row.organization), row.token, -row.amount)


def _credit(state: State, key: Key, token: str, amount: int) -> None:
    credits_ = (state.get(CREDIT, key) or {"credits": {}})["credits"]
    left = int(credits_.get(token, "0")) + amount
    state.put(CREDIT, key, credits={**credits_, token: str(left)})


# ------------------------------------------------------------------ the cold chain


@MODEL.on(DeviceRegistered, touches=_of_device)
def _registered(state: State, row: Row) -> None:
    state.put(
        DEVICE,
        _device(row),
        organization=row.operator,
        curve=row.curve,
        x=row.x,
        y=row.y,
        registered_at=row.block_time,
        retired_at=None,
    )


@MODEL.on(DeviceRetired, touches=_of_device)
def _retired(state: State, row: Row) -> None:
    state.put(DEVICE, _device(row), retired_at=row.block_time)


@MODEL.on(LimitsSet, touches=lambda row: ((LIMITS, (row.address, row.lot)),))
def _limits_set(state: State, row: Row) -> None:
    values = {"lowest": row.lowest, "highest": row.highest, "highest_mean": row.highest_mean}
    state.put(LIMITS, (row.address, row.lot), **values)


@MODEL.on(DeviceBound, touches=_of_binding)
def _bound(state: State, row: Row) -> None:
    state.put(
        BINDING,
        _device(row),
        container=row.container,
        bound_at=row.block_time,
        lowest=row.lowest,
        highest=row.highest,
        highest_mean=row.highest_mean,
        sequence=0,
        window_end=row.block_time,
        excursions=0,
    )


@MODEL.on(DeviceUnbound, touches=_of_binding)
def _unbound(state: State, row: Row) -> None:
    state.remove(BINDING, _device(row))


@MODEL.on(WindowRecorded, touches=lambda row: (*_of_binding(row), (WINDOW, (*_device(row), row.start))))
def _recorded(state: State, row: Row) -> None:
    binding = _known(state, BINDING, _device(row))
    excursions = min(binding["excursions"] + row.excursion, MOST_EXCURSIONS)
    state.put(BINDING, _device(row), sequence=row.sequence, window_end=row.end, excursions=excursions)
    state.put(
        WINDOW,
        (*_device(row), row.start),
        container=row.container,
        sequence=row.sequence,
        window_end=row.end,
        lowest=row.lowest,
        highest=row.highest,
        mean=row.mean,
        root=_given(row.root),
        excursion=row.excursion,
        recorded_at=row.block_time,
    )


# ------------------------------------------------------------------ the service history


def _service(row: Row) -> Key:
    return row.address, row.lot, row.index, row.sequence


@MODEL.on(DeviceServiced, touches=lambda row: ((SERVICE, _service(row)),))
def _serviced(state: State, row: Row) -> None:
    part = _given(row.part_lot)
    state.put(
        SERVICE,
        _service(row),
        organization=row.by,
        signed_by=row.key,
        kind=row.kind,
        serviced_at=row.serviced_at,
        part_lot=part,
        part_unit=None if part is None else row.part_index,
        content=row.content,
        head=row.head,
        recorded_at=row.block_time,
    )
