"""Who rules the suite's contracts: roles, scheduled operations, and the emergency stop."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_abi.exceptions import DecodingError
from eth_utils.address import is_address
from eth_utils.crypto import keccak

from careledger.chain.artifacts import artifact, artifact_names
from careledger.chain.connection import TransactionReceipt
from careledger.chain.contract import Contract
from careledger.chain.deployment import ADMIN
from careledger.chain.signers import Signer
from careledger.chain.signers.signer import required
from careledger.chain.values import decode_arguments
from careledger.contract_errors import AccessManagedUnauthorized, AccessManagerNotReady
from careledger.contract_events import (
    OperationCanceled,
    OperationExecuted,
    OperationScheduled,
    RoleGranted,
    RoleLabel,
    RoleRevoked,
)
from careledger.errors import InvalidInput

__all__ = ["Governance", "Operation", "OperationState", "Permission", "RoleMember"]

READY_SLACK_SECONDS = 60
POLL_SECONDS = 1.0


class OperationState(enum.Enum):
    """WAITING and READY are told apart by time alone, as is EXPIRED; the others by an act."""

    WAITING = "waiting"
    READY = "ready"
    EXPIRED = "expired"
    EXECUTED = "executed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class RoleMember:
    """An account that holds a role, and the seconds between its scheduling a call and the call."""

    role: int
    label: str
    account: str
    delay_seconds: int


@dataclass(frozen=True)
class Operation:
    """A scheduled call. `description` names its function and arguments where the suite knows the contract."""

    id: str
    nonce: int
    state: OperationState
    ready_at: int
    caller: str
    target: str
    data: str
    description: str


@dataclass(frozen=True)
class Permission:
    """How an account may make a restricted call: at once, or from `ready_at` on (Unix seconds; 0: not scheduled).
    `nonce` is how often it was scheduled."""

    immediate: bool
    operation_id: str
    nonce: int
    ready_at: int


class Governance:
    """Raises ContractError with the manager's or the target's reason if a call is refused."""

    def __init__(
        self, manager: Contract, contracts: dict[str, Contract], first_block: int, signer: Signer | None
    ) -> None:
        """`contracts` are the deployment's, by name."""
        self._manager = manager
        self._contracts = contracts
        self._first_block = first_block
        self._signer = signer

    @property
    def address(self) -> str:
        """The manager's address."""
        return self._manager.address

    def members(self) -> list[RoleMember]:
        """Who holds which role now, by role and then in the order of granting."""
        labels = {ADMIN: "admin"}
        delays: dict[tuple[int, str], int] = {}
        for entry in self._manager.connection.logs(
            self.address, [RoleLabel, RoleGranted, RoleRevoked], self._first_block
        ):
            event = entry.event
            if isinstance(event, RoleLabel):
                labels[event.role_id] = event.label
            elif isinstance(event, RoleGranted):
                delays[event.role_id, event.account] = event.delay
            elif isinstance(event, RoleRevoked):
                delays.pop((event.role_id, event.account), None)
        return [
            RoleMember(role, labels.get(role, f"role {role}"), account, delays[role, account])
            for role, account in sorted(delays, key=lambda pair: pair[0])
        ]

    def operations(self) -> list[Operation]:
        """Every operation ever scheduled, oldest first."""
        return list(self._operations())

    def operation(self, operation_id: str) -> Operation:
        """The newest operation with an id. Raises InvalidInput if none was scheduled."""
        found = list(self._operations(operation_id))
        if not found:
            raise InvalidInput("operation", operation_id, f"was never scheduled in the manager at {self.address}")
        return found[-1]

    def schedule(self, contract: Contract, function: str, *arguments: Any) -> tuple[str, TransactionReceipt]:
        """Schedules a call for the earliest time that the signer's delay allows. Returns the operation's id."""
        data = contract.encode(function, *arguments)
        receipt = self._manager.send(required(self._signer), "schedule", contract.address, data, 0)
        return receipt.event(OperationScheduled).operation_id, receipt

    def execute(self, operation_id: str) -> TransactionReceipt:
        """Executes a scheduled operation whose time has come."""
        operation = self.operation(operation_id)
        return self._manager.send(required(self._signer), "execute", operation.target, operation.data)

    def cancel(self, operation_id: str) -> TransactionReceipt:
        """Cancels a scheduled operation: for who scheduled it, the role's guardian, and the admin."""
        operation = self.operation(operation_id)
        return self._manager.send(required(self._signer), "cancel", operation.caller, operation.target, operation.data)

    def perform(
        self,
        contract: Contract,
        function: str,
        *arguments: Any,
        report: Callable[[str], None] = lambda _: None,
    ) -> TransactionReceipt:
        """Calls a restricted function: at once where the signer may, else schedules it, waits, and executes it.

        Picks up an operation that it scheduled before. Raises AccessManagedUnauthorized if the signer has no such role.
        """
        signer = required(self._signer)
        data = contract.encode(function, *arguments)
        immediate, delay = self._can_call(signer.address, contract, data)
        if immediate:
            return self._manager.connection.send(signer, contract.address, data)
        if delay == 0:
            raise AccessManagedUnauthorized(signer.address)
        operation_id = _operation_id(signer.address, contract, data)
        ready_at = self._manager.read("getSchedule", operation_id)
        if ready_at == 0:
            self._manager.send(signer, "schedule", contract.address, data, 0)
            ready_at = self._manager.read("getSchedule", operation_id)
        report(f"{function} is scheduled; it can run in {max(0, ready_at - self._manager.connection.now())} s")
        self._manager.connection.wait_until(ready_at)
        deadline = time.monotonic() + READY_SLACK_SECONDS
        while True:
            try:
                return self._manager.connection.send(signer, contract.address, data)
            except AccessManagerNotReady:
                # The chain's clock is its last block's, which may lag behind ours.
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)

    def permission(self, contract: Contract, data: bytes) -> Permission:
        """How the signer may make a restricted call. Raises AccessManagedUnauthorized if it has no such role."""
        account = required(self._signer).address
        immediate, delay = self._can_call(account, contract, data)
        if not immediate and delay == 0:
            raise AccessManagedUnauthorized(account)
        operation_id = _operation_id(account, contract, data)
        nonce, ready_at = (self._manager.read(name, operation_id) for name in ("getNonce", "getSchedule"))
        return Permission(immediate, operation_id, nonce, ready_at)

    def scheduling(self, contract: Contract, data: bytes) -> bytes:
        """The calldata by which the manager is told of a call, for the earliest time that the delay allows."""
        return self._manager.encode("schedule", contract.address, data, 0)

    def proposal(self, account: str, contract: Contract, function: str, *arguments: Any) -> tuple[str, bytes, str]:
        """The next transaction by which an account, say a Safe, gets a restricted function called.

        Returns the address to call, the calldata, and which it is: `call` (at once), `schedule`, or `execute`. Raises
        AccessManagedUnauthorized if the account has no such role, AccessManagerNotReady if it is scheduled and waits.
        """
        data = contract.encode(function, *arguments)
        immediate, delay = self._can_call(account, contract, data)
        if immediate:
            return contract.address, data, "call"
        if delay == 0:
            raise AccessManagedUnauthorized(account)
        operation_id = _operation_id(account, contract, data)
        ready_at = self._manager.read("getSchedule", operation_id)
        if ready_at == 0:
            return self.address, self._manager.encode("schedule", contract.address, data, 0), "schedule"
        if self._manager.connection.block_time("pending") < ready_at:
            raise AccessManagerNotReady(operation_id)
        return self.address, self._manager.encode("execute", contract.address, data), "execute"

    def halt(self, contract: Contract) -> TransactionReceipt:
        """Stops a contract's money, decisions or custody at once, as the guardian. Raises InvalidInput for a contract
        that a stop does not reach."""
        return self._haltable(contract).send(required(self._signer), "halt")

    def resume(self, contract: Contract, report: Callable[[str], None] = lambda _: None) -> TransactionReceipt:
        """Lets a halted contract go on, as a policy administrator."""
        return self.perform(self._haltable(contract), "resume", report=report)

    def contract(self, name_or_address: str) -> Contract:
        """A contract of the deployment by name, or the one at an address whose code the wheel knows.

        Raises InvalidInput for any other.
        """
        if name_or_address in self._contracts:
            return self._contracts[name_or_address]
        for contract in self._contracts.values():
            if contract.address.lower() == name_or_address.lower():
                return contract
        if is_address(name_or_address):
            code = self._manager.connection.code(name_or_address)
            for name in artifact_names():
                if artifact(name).runtime and artifact(name).matches(code):
                    return Contract(self._manager.connection, name, name_or_address)
        known = ", ".join(sorted(self._contracts))
        raise InvalidInput("contract", name_or_address, f"is none of careledger's; the deployment has {known}")

    def describe(self, target: str, data: bytes) -> str:
        """A call in words: contract, function and arguments, or that the arguments are malformed."""
        try:
            contract = self.contract(target)
        except InvalidInput:
            return f"{target} 0x{data[:4].hex()}"
        for entry in contract.artifact.abi:
            if entry["type"] == "function" and contract.artifact.selector(entry["name"]) == data[:4]:
                try:
                    values = decode_arguments(entry, data[4:])
                except (DecodingError, ValueError):  # the manager lets anything be scheduled
                    return f"{contract.name}.{entry['name']}, with malformed arguments"
                return f"{contract.name}.{entry['name']}({', '.join(map(str, values))})"
        return f"{contract.name} 0x{data[:4].hex()}"

    def _operations(self, operation_id: str | None = None) -> Iterator[Operation]:
        """Every operation, or those with an id, oldest first."""
        scheduled: dict[tuple[str, int], OperationScheduled] = {}
        ended: dict[tuple[str, int], OperationState] = {}
        kinds = [OperationScheduled, OperationExecuted, OperationCanceled]
        for entry in self._manager.connection.logs(self.address, kinds, self._first_block):
            event = entry.event
            if isinstance(event, OperationScheduled):
                scheduled[event.operation_id, event.nonce] = event
            elif isinstance(event, OperationExecuted):
                ended[event.operation_id, event.nonce] = OperationState.EXECUTED
            elif isinstance(event, OperationCanceled):
                ended[event.operation_id, event.nonce] = OperationState.CANCELLED
        now = self._manager.connection.block_time()
        expiration = self._manager.read("expiration")
        for key, event in scheduled.items():
            if operation_id in (None, event.operation_id):
                yield Operation(
                    id=event.operation_id,
                    nonce=event.nonce,
                    state=ended.get(key) or _state(event.schedule, expiration, now),
                    ready_at=event.schedule,
                    caller=event.caller,
                    target=event.target,
                    data=event.data,
                    description=self.describe(event.target, bytes.fromhex(event.data[2:])),
                )

    def _can_call(self, account: str, contract: Contract, data: bytes) -> tuple[bool, int]:
        """Whether an account may make a restricted call at once; else with which delay in seconds, 0 for not at all."""
        immediate, delay = self._manager.read("canCall", account, contract.address, data[:4])
        return immediate, delay

    def _haltable(self, contract: Contract) -> Contract:
        names = {entry["name"] for entry in contract.artifact.abi if entry["type"] == "function"}
        if "halt" not in names:
            raise InvalidInput(
                "contract",
                contract.name,
                "moves neither money nor custody: a stop does not reach it (docs/architecture.md)",
            )
        return contract


def _operation_id(caller: str, contract: Contract, data: bytes) -> str:
    """As AccessManager.hashOperation has it."""
    return "0x" + keccak(encode(["address", "address", "bytes"], [caller, contract.address, data])).hex()


def _state(ready_at: int, expiration: int, now: int) -> OperationState:
    if now >= ready_at + expiration:
        return OperationState.EXPIRED
    return OperationState.READY if now >= ready_at else OperationState.WAITING
