"""Who rules the contracts, from the index, typed: roles and their members, operations, targets, emergency stops.

    governance = GovernanceIndex(index.at(1_234_567))
    for found in governance.members(role=GUARDIAN):
        print(found.value.account, found.since.transaction_hash)

Every answer holds for the view's block, and what depends on the time is judged at that block's time: which delay is in
force, and whether an operation waits, is ready or has expired.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from careledger.chain.deployment import ADMIN
from careledger.chain.indexer.reader import View
from careledger.chain.values import account_address
from careledger.errors import InvalidInput
from careledger.identity.governance import Operation, OperationState
from careledger.identity.governance_read_model import (
    FUNCTION,
    HALT,
    LEDGER,
    LOGIC_VERSION,
    MEMBER,
    OPERATION,
    ROLE,
    TARGET,
    RecordedState,
    delay_at,
)
from careledger.identity.index import Fields, Recorded, in_order, recorded, rows

__all__ = ["FunctionRole", "GovernanceIndex", "Halt", "MemberOfRole", "Role", "Target"]

EXPIRATION_SECONDS = 7 * 24 * 3600
"""`AccessManager.expiration()`: how long an operation is ready before it expires."""


@dataclass(frozen=True)
class Delay:
    """Seconds in force, and a change that is due: the seconds to come and from when; None if there is none."""

    seconds: int
    next_seconds: int | None = None
    next_from: int | None = None


@dataclass(frozen=True)
class Role:
    """`admin` and `guardian` are roles: whose members grant it, and whose cancel what its members scheduled.
    `grant_delay` passes between a grant and its effect."""

    role: int
    label: str
    admin: int
    guardian: int
    grant_delay: Delay


@dataclass(frozen=True)
class MemberOfRole:
    """An account that was granted a role. `holds` at the view's block, which is from `member_from` on, Unix seconds;
    `delay` passes between its scheduling a call and the call."""

    role: int
    label: str
    account: str
    holds: bool
    member_from: int
    delay: Delay


@dataclass(frozen=True)
class FunctionRole:
    """Which role may call a restricted function; `selector` is its first 4 bytes, 0x-prefixed."""

    target: str
    selector: str
    role: int


@dataclass(frozen=True)
class Target:
    """A contract under the manager. `closed` stops all restricted calls; `admin_delay` passes before the admin's."""

    address: str
    authority: str | None
    closed: bool
    admin_delay: Delay


@dataclass(frozen=True)
class Halt:
    """Whether a contract is stopped. `caller` stopped it or, if `halted_at` is None, let it go on."""

    contract: str
    halted_at: int | None
    caller: str


class GovernanceIndex:
    """Raises InvalidInput for a value that cannot be right, DatabaseError if the index cannot be read."""

    def __init__(
        self, view: View, describe: Callable[[str, bytes], str] | None = None, time: int | None = None
    ) -> None:
        """`describe` puts a call to an address with some calldata into words, as `Governance.describe` does; without
        it, operations name the function by its selector. `time`, Unix seconds, is when what depends on it is judged; by
        default the time of the view's block."""
        self._view = view
        self._time = view.block_time if time is None else time
        self._describe = describe

    # ------------------------------------------------------------------ roles

    def roles(self) -> list[Recorded[Role]]:
        """Every role that was granted, labelled or set up, by number."""
        found = [recorded(row, self._role(row)) for row in rows(self._view, ROLE)]
        return sorted(found, key=lambda entry: entry.value.role)

    def members(self, role: int | None = None, account: str | None = None) -> list[Recorded[MemberOfRole]]:
        """Who was granted which role, of one role or account if given, by role and then in the order of granting."""
        equal: dict[str, Any] = {}
        if role is not None:
            equal["role"] = role
        if account is not None:
            equal["account"] = account_address("account", account)
        labels = {entry.value.role: entry.value.label for entry in self.roles()}
        found = [recorded(row, self._member(row, labels[row["role"]])) for row in rows(self._view, MEMBER, equal)]
        return sorted(in_order(found), key=lambda entry: (entry.value.role, entry.value.member_from))

    # ------------------------------------------------------------------ operations

    def operations(
        self,
        state: OperationState | None = None,
        caller: str | None = None,
        target: str | None = None,
        operation_id: str | None = None,
    ) -> list[Recorded[Operation]]:
        """Operations that fit every filter given, oldest first."""
        equal: dict[str, Any] = {}
        if caller is not None:
            equal["caller"] = account_address("caller", caller)
        if target is not None:
            equal["target"] = account_address("target", target)
        if operation_id is not None:
            equal["operation_id"] = operation_id.lower()
        if state is not None:
            by_act = {
                OperationState.EXECUTED: RecordedState.EXECUTED,
                OperationState.CANCELLED: RecordedState.CANCELLED,
            }
            equal["state"] = by_act.get(state, RecordedState.SCHEDULED).value
        scheduled = sorted(rows(self._view, OPERATION, equal), key=lambda row: (row["scheduled_at"], row["nonce"]))
        found = [recorded(row, self._operation(row)) for row in scheduled]
        return [entry for entry in found if state in (None, entry.value.state)]

    def operation(self, operation_id: str) -> Recorded[Operation]:
        """The newest operation with an id. Raises InvalidInput if none was scheduled."""
        found = self.operations(operation_id=operation_id)
        if not found:
            raise InvalidInput("operation", operation_id, "was never scheduled, by the index at this block")
        return found[-1]

    # ------------------------------------------------------------------ targets

    def targets(self) -> list[Recorded[Target]]:
        """The contracts that the manager rules or was told something about, in the order of the last change."""
        return in_order([recorded(row, self._target(row)) for row in rows(self._view, TARGET)])

    def functions(self, target: str | None = None, role: int | None = None) -> list[Recorded[FunctionRole]]:
        """Which role may call which function, of one contract or role if given. What is not named is the admin's."""
        equal: dict[str, Any] = {}
        if target is not None:
            equal["target"] = account_address("target", target)
        if role is not None:
            equal["role"] = role
        return in_order(
            [
                recorded(row, FunctionRole(row["target"], row["selector"], row["role"]))
                for row in rows(self._view, FUNCTION, equal)
            ]
        )

    def halts(self, halted: bool | None = None) -> list[Recorded[Halt]]:
        """The contracts that were ever stopped; only those that are, or that go on, if asked for."""
        found = [
            recorded(row, Halt(row["contract"], row["halted_at"], row["caller"])) for row in rows(self._view, HALT)
        ]
        return in_order([entry for entry in found if halted in (None, entry.value.halted_at is not None)])

    def open_to_new_work(self) -> dict[str, bool]:
        """Whether each version of a logic contract takes new work, by its address."""
        return {row["contract"]: row["open_to_new_work"] for row in rows(self._view, LOGIC_VERSION)}

    def writers(self) -> dict[str, str | None]:
        """Which version may write each ledger that ever had a writer, by the ledger's address; None: no version."""
        return {row["contract"]: row["writer"] for row in rows(self._view, LEDGER)}

    # ------------------------------------------------------------------ inner

    def _role(self, row: Fields) -> Role:
        return Role(
            role=row["role"],
            label=row["label"] or ("admin" if row["role"] == ADMIN else f"role {row['role']}"),
            admin=row["admin"],
            guardian=row["guardian"],
            grant_delay=self._delay(row, "grant_delay"),
        )

    def _member(self, row: Fields, label: str) -> MemberOfRole:
        return MemberOfRole(
            role=row["role"],
            label=label,
            account=row["account"],
            holds=row["member_from"] <= self._time,
            member_from=row["member_from"],
            delay=self._delay(row, "delay"),
        )

    def _operation(self, row: Fields) -> Operation:
        data = bytes.fromhex(row["data"][2:])
        return Operation(
            id=row["operation_id"],
            nonce=row["nonce"],
            state=self._state(RecordedState(row["state"]), row["ready_at"]),
            ready_at=row["ready_at"],
            caller=row["caller"],
            target=row["target"],
            data=row["data"],
            description=self._describe(row["target"], data) if self._describe else f"{row['target']} {row['selector']}",
        )

    def _state(self, recorded_state: RecordedState, ready_at: int) -> OperationState:
        if recorded_state is RecordedState.EXECUTED:
            return OperationState.EXECUTED
        if recorded_state is RecordedState.CANCELLED:
            return OperationState.CANCELLED
        if self._time >= ready_at + EXPIRATION_SECONDS:
            return OperationState.EXPIRED
        return OperationState.READY if self._time >= ready_at else OperationState.WAITING

    def _target(self, row: Fields) -> Target:
        return Target(row["target"], row["authority"], row["closed"], self._delay(row, "admin_delay"))

    def _delay(self, row: Fields, name: str) -> Delay:
        seconds = delay_at(row, name, self._time)
        if row[f"{name}_from"] <= self._time:
            return Delay(seconds)
        return Delay(seconds, row[f"{name}_seconds"], row[f"{name}_from"])
