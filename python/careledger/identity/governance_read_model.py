"""What the index keeps of who rules the contracts: roles and their members, what each function needs, scheduled
operations, closed targets, emergency stops, and which version of a logic contract is in charge, over time.

Each table's row is a version: what held from one log until another. A delay that changes later is three values: the
seconds, the time from which they hold, and the seconds until then, as AccessManager has it. Whether an operation waits,
is ready or has expired depends on the time and is not stored.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any

from careledger.chain.indexer.model import Entity, Key, Kind, ReadModel, Row, State
from careledger.contract_events import (
    AuthorityUpdated,
    ClosedToNewWork,
    Halted,
    OpenedToNewWork,
    OperationCanceled,
    OperationExecuted,
    OperationScheduled,
    Resumed,
    RoleAdminChanged,
    RoleGrantDelayChanged,
    RoleGranted,
    RoleGuardianChanged,
    RoleLabel,
    RoleRevoked,
    TargetAdminDelayUpdated,
    TargetClosed,
    TargetFunctionRoleUpdated,
    WriterChanged,
)
from careledger.identity.types import ZERO_ADDRESS

__all__ = [
    "FUNCTION",
    "HALT",
    "LEDGER",
    "LOGIC_VERSION",
    "MEMBER",
    "MODEL",
    "OPERATION",
    "ROLE",
    "TARGET",
    "RecordedState",
    "delay_at",
]

SELECTOR_CHARACTERS = 10
"""Of `0x` and 4 bytes."""

MODEL = ReadModel("governance", version=1)

ROLE = MODEL.entity(
    "role",
    key={"role": Kind.UINT},
    values={
        "label": Kind.TEXT,  # empty: none; role 0, the admin's, can have none
        "admin": Kind.UINT,  # the role whose members grant and revoke it
        "guardian": Kind.UINT,  # the role whose members cancel what its members scheduled
        "grant_delay_seconds": Kind.INTEGER,
        "grant_delay_from": Kind.INTEGER,
        "grant_delay_seconds_before": Kind.INTEGER,
    },
)
MEMBER = MODEL.entity(
    "role_member",
    key={"role": Kind.UINT, "account": Kind.ADDRESS},
    values={
        "member_from": Kind.INTEGER,  # after the grant delay; may be later than since_time
        "delay_seconds": Kind.INTEGER,  # between scheduling a call and the call
        "delay_from": Kind.INTEGER,
        "delay_seconds_before": Kind.INTEGER,
    },
    indexes=[("account",)],
)
FUNCTION = MODEL.entity(
    "target_function",
    key={"target": Kind.ADDRESS, "selector": Kind.TEXT},
    values={"role": Kind.UINT},
)
TARGET = MODEL.entity(
    "target",
    key={"target": Kind.ADDRESS},
    values={
        "authority": Kind.ADDRESS,  # the manager that the contract obeys; None: it told none
        "closed": Kind.BOOL,
        "admin_delay_seconds": Kind.INTEGER,
        "admin_delay_from": Kind.INTEGER,
        "admin_delay_seconds_before": Kind.INTEGER,
    },
)
OPERATION = MODEL.entity(
    "governance_operation",
    key={"operation_id": Kind.TEXT, "nonce": Kind.INTEGER},
    values={
        "state": Kind.TEXT,  # RecordedState
        "scheduled_at": Kind.INTEGER,
        "ready_at": Kind.INTEGER,
        "caller": Kind.ADDRESS,
        "target": Kind.ADDRESS,
        "selector": Kind.TEXT,  # of the function, the first 4 bytes of `data`
        "data": Kind.TEXT,
    },
    indexes=[("state",)],
)
HALT = MODEL.entity(
    "halt",
    key={"contract": Kind.ADDRESS},
    values={
        "halted_at": Kind.INTEGER,  # None: it runs again
        "caller": Kind.ADDRESS,  # who halted it, or resumed it
    },
)
LOGIC_VERSION = MODEL.entity("logic_version", key={"contract": Kind.ADDRESS}, values={"open_to_new_work": Kind.BOOL})
LEDGER = MODEL.entity("ledger_writer", key={"contract": Kind.ADDRESS}, values={"writer": Kind.ADDRESS})  # None: nobody


class RecordedState(enum.Enum):
    """What acts make of an operation. Time alone makes a scheduled one ready, or expired."""

    SCHEDULED = "scheduled"
    EXECUTED = "executed"
    CANCELLED = "cancelled"


def delay_at(values: Mapping[str, Any], name: str, time: int) -> int:
    """The seconds of a delay at a time; `name` is `delay`, `grant_delay` or `admin_delay`."""
    holds = int(values[f"{name}_from"]) <= time
    return int(values[f"{name}_seconds" if holds else f"{name}_seconds_before"])


def _role(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((ROLE, (row.role_id,)),)


def _role_and_member(row: Row) -> Iterable[tuple[Entity, Key]]:
    return (ROLE, (row.role_id,)), (MEMBER, (row.role_id, row.account))


def _function(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((FUNCTION, (row.target, row.selector)),)


def _target(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((TARGET, (row.target,)),)


def _emitting_target(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((TARGET, (row.address,)),)


def _operation(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((OPERATION, (row.operation_id, row.nonce)),)


def _halt(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((HALT, (row.address,)),)


def _logic_version(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((LOGIC_VERSION, (row.address,)),)


def _ledger(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((LEDGER, (row.address,)),)


NEW_ROLE = {
    "label": "",
    "admin": 0,
    "guardian": 0,
    "grant_delay_seconds": 0,
    "grant_delay_from": 0,
    "grant_delay_seconds_before": 0,
}
NEW_TARGET = {
    "authority": None,
    "closed": False,
    "admin_delay_seconds": 0,
    "admin_delay_from": 0,
    "admin_delay_seconds_before": 0,
}


def _put_over(state: State, entity: Entity, key: Key, defaults: dict[str, Any], **values: Any) -> None:
    """Puts values over the current ones, or over `defaults` where there are none yet."""
    state.put(entity, key, **(values if state.get(entity, key) else {**defaults, **values}))


def _delay_changed(current: Mapping[str, Any] | None, name: str, row: Row) -> dict[str, int]:
    """A delay's three values after a change that takes effect at `row.since`."""
    return {
        f"{name}_seconds": row.delay,
        f"{name}_from": row.since,
        f"{name}_seconds_before": delay_at(current, name, row.block_time) if current else 0,
    }


# ------------------------------------------------------------------ roles


@MODEL.on(RoleLabel, touches=_role)
def _labelled(state: State, row: Row) -> None:
    _put_over(state, ROLE, (row.role_id,), NEW_ROLE, label=row.label)


@MODEL.on(RoleAdminChanged, touches=_role)
def _role_admin_changed(state: State, row: Row) -> None:
    _put_over(state, ROLE, (row.role_id,), NEW_ROLE, admin=row.admin)


@MODEL.on(RoleGuardianChanged, touches=_role)
def _role_guardian_changed(state: State, row: Row) -> None:
    _put_over(state, ROLE, (row.role_id,), NEW_ROLE, guardian=row.guardian)


@MODEL.on(RoleGrantDelayChanged, touches=_role)
def _grant_delay_changed(state: State, row: Row) -> None:
    key = (row.role_id,)
    _put_over(state, ROLE, key, NEW_ROLE, **_delay_changed(state.get(ROLE, key), "grant_delay", row))


@MODEL.on(RoleGranted, touches=_role_and_member)
def _granted(state: State, row: Row) -> None:
    _put_over(state, ROLE, (row.role_id,), NEW_ROLE)
    key = (row.role_id, row.account)
    if row.new_member:
        state.put(MEMBER, key, member_from=row.since, delay_seconds=row.delay, delay_from=0, delay_seconds_before=0)
    else:  # `since` is when the changed delay takes effect
        state.put(MEMBER, key, **_delay_changed(state.get(MEMBER, key), "delay", row))


@MODEL.on(RoleRevoked, touches=_role_and_member)
def _revoked(state: State, row: Row) -> None:
    state.remove(MEMBER, (row.role_id, row.account))


# ------------------------------------------------------------------ targets


@MODEL.on(TargetFunctionRoleUpdated, touches=_function)
def _function_role_updated(state: State, row: Row) -> None:
    state.put(FUNCTION, (row.target, row.selector), role=row.role_id)


@MODEL.on(TargetClosed, touches=_target)
def _target_closed(state: State, row: Row) -> None:
    _put_over(state, TARGET, (row.target,), NEW_TARGET, closed=bool(row.closed))


@MODEL.on(TargetAdminDelayUpdated, touches=_target)
def _admin_delay_updated(state: State, row: Row) -> None:
    key = (row.target,)
    _put_over(state, TARGET, key, NEW_TARGET, **_delay_changed(state.get(TARGET, key), "admin_delay", row))


@MODEL.on(AuthorityUpdated, touches=_emitting_target)
def _authority_updated(state: State, row: Row) -> None:
    _put_over(state, TARGET, (row.address,), NEW_TARGET, authority=row.authority)


# ------------------------------------------------------------------ operations


@MODEL.on(OperationScheduled, touches=_operation)
def _scheduled(state: State, row: Row) -> None:
    state.put(
        OPERATION,
        (row.operation_id, row.nonce),
        state=RecordedState.SCHEDULED.value,
        scheduled_at=row.block_time,
        ready_at=row.schedule,
        caller=row.caller,
        target=row.target,
        selector=row.data[:SELECTOR_CHARACTERS],
        data=row.data,
    )


@MODEL.on(OperationExecuted, touches=_operation)
def _executed(state: State, row: Row) -> None:
    state.put(OPERATION, (row.operation_id, row.nonce), state=RecordedState.EXECUTED.value)


@MODEL.on(OperationCanceled, touches=_operation)
def _cancelled(state: State, row: Row) -> None:
    state.put(OPERATION, (row.operation_id, row.nonce), state=RecordedState.CANCELLED.value)


# ------------------------------------------------------------------ stops and versions


@MODEL.on(Halted, touches=_halt)
def _halted(state: State, row: Row) -> None:
    state.put(HALT, (row.address,), halted_at=row.block_time, caller=row.caller)


@MODEL.on(Resumed, touches=_halt)
def _resumed(state: State, row: Row) -> None:
    state.put(HALT, (row.address,), halted_at=None, caller=row.caller)


@MODEL.on(OpenedToNewWork, touches=_logic_version)
def _opened(state: State, row: Row) -> None:
    state.put(LOGIC_VERSION, (row.address,), open_to_new_work=True)


@MODEL.on(ClosedToNewWork, touches=_logic_version)
def _closed(state: State, row: Row) -> None:
    state.put(LOGIC_VERSION, (row.address,), open_to_new_work=False)


@MODEL.on(WriterChanged, touches=_ledger)
def _writer_changed(state: State, row: Row) -> None:
    state.put(LEDGER, (row.address,), writer=None if row.writer == ZERO_ADDRESS else row.writer)
