"""What a deployment plan is: which contracts, with which arguments, what holds of them, and who rules them.

A plan is data. The deployer makes a chain hold it, `verify` checks a chain against it; neither knows which plan it is.
`suite` has that of the suite. Others stand in the domain that they belong to, as that of an insurer's contracts in
`careledger.authorization.deployment`.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import Field, asdict, dataclass
from typing import Any, ClassVar

from eth_utils.address import is_checksum_address, to_checksum_address
from eth_utils.crypto import keccak

from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.values import encode_call
from careledger.contract_events import RoleLabel, TargetAdminDelayUpdated
from careledger.errors import InvalidInput

__all__ = [
    "ADMIN",
    "MANAGER",
    "Act",
    "ContractStep",
    "Fact",
    "Plan",
    "PlanParameters",
    "Reference",
    "Requirement",
    "Role",
    "Setting",
    "answered",
    "built_in",
    "call",
    "function_role",
    "resolved",
]

MANAGER = "AccessManager"
"""The first contract of every plan, which rules the others."""

ADMIN = 0
"""The manager's own role."""

MAX_DELAY_SECONDS = 2**32 - 1
ADDRESS_BYTES = 20


class PlanParameters(ABC):
    """What a deployment is told: a frozen dataclass of plain values, which the manifest keeps.

    `COMMAND` runs the deployment, given its name. `ACCOUNTS` are the fields that say who rules, `DELAYS` those in
    seconds, with the least and the most.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    COMMAND: ClassVar[str]
    ACCOUNTS: ClassVar[tuple[str, ...]]
    DELAYS: ClassVar[Mapping[str, tuple[int, int]]] = {
        "rule_delay_seconds": (0, MAX_DELAY_SECONDS),
        "admin_delay_seconds": (0, MAX_DELAY_SECONDS),
    }

    admin: str
    admin_delay_seconds: int

    @property
    @abstractmethod
    def name(self) -> str:
        """What stands after the chain id in the names of the files; nothing for the suite."""

    @property
    def command(self) -> str:
        """The command that runs this deployment."""
        return f"{self.COMMAND} {self.name}".rstrip()

    @abstractmethod
    def plan(self) -> Plan:
        """The plan of these parameters."""

    def salt(self, contract: str) -> bytes:
        """The CREATE2 salt of a contract: of its name and all parameters, so that different deployments share none."""
        told = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return keccak(text=f"careledger {contract} {told}")

    def differences(self, other: PlanParameters) -> dict[str, tuple[Any, Any]]:
        """The parameters in which another deployment differs: name -> (here, there)."""
        here, there = asdict(self), asdict(other)
        return {name: (here[name], there[name]) for name in here if here[name] != there[name]}

    def require_accounts(self, *names: str) -> None:
        """Raises InvalidInput if one of the fields named is no checksummed address."""
        for name in names:
            address = getattr(self, name)
            if not is_checksum_address(address):
                raise InvalidInput(name, str(address), "is not a checksummed address")

    def require_delays(self) -> None:
        """Raises InvalidInput for a delay out of its bounds."""
        for name, (least, most) in self.DELAYS.items():
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise InvalidInput(name, str(value), f"must be {least} to {most} seconds")


@dataclass(frozen=True)
class Reference:
    """The address of a contract of the plan, where a constructor's argument or a fact has it. Also inside a struct."""

    contract: str


@dataclass(frozen=True)
class ContractStep:
    """A contract to deploy under a name. `artifact` is what it is made from; a struct argument is a tuple."""

    name: str
    artifact: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Role:
    """A role of the manager, and the parameter that says who holds it. A watched role's scheduled calls may be
    cancelled by the guardian's."""

    id: int
    label: str
    parameter: str
    delay_seconds: int = 0
    watched_by: int | None = None


@dataclass(frozen=True)
class Fact:
    """What a contract was told when it was made. `tell` reads it from the contract or its code on chain; `expected` may
    be a reference."""

    contract: str
    subject: str
    tell: Callable[[Contract, bytes], Any]
    expected: Any
    unit: str = ""


@dataclass(frozen=True)
class Requirement:
    """What must hold of the chain before anything of a plan is deployed, and ever after. `find` answers whether it
    does, and what it found."""

    subject: str
    expected: str
    find: Callable[[Connection], tuple[bool, str]]


@dataclass(frozen=True)
class Setting:
    """One setting of the manager: what it is, how to see that it holds, and the function that makes it hold."""

    subject: str
    holds: Callable[[Contract], bool]
    function: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Act:
    """A call that an account other than the admin makes once all stands."""

    subject: str
    account: str
    to: str
    data: bytes
    is_done: Callable[[Connection], bool]


@dataclass(frozen=True)
class Plan:
    """What is to stand on a chain.

    `functions` are, for each contract that the manager rules, those that a role other than the admin may call: name ->
    role -> functions. `wiring` are calls of such contracts that the admin makes before it hands their functions over.
    `shows`, if not empty, is what everyone who reads the chain learns: such a plan is deployed on a chain that is not
    local only if that chain is named.
    """

    parameters: PlanParameters
    contracts: tuple[ContractStep, ...]
    roles: tuple[Role, ...]
    functions: Mapping[str, Mapping[int, tuple[str, ...]]]
    facts: tuple[Fact, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    wiring: Callable[[dict[str, str]], list[Setting]] = lambda _: []
    shows: str = ""

    @property
    def admin(self) -> str:
        """The final account that rules the manager from its constructor on."""
        return self.parameters.admin

    def holder(self, role: Role) -> str:
        """Who is to hold a role."""
        return str(getattr(self.parameters, role.parameter))

    def artifact_of(self, contract: str) -> str:
        """What a contract of the plan is made from."""
        return next(step.artifact for step in self.contracts if step.name == contract)

    def settings(self, addresses: dict[str, str], from_block: int) -> list[Setting]:
        """The settings of the manager, in the order in which one call of the admin's makes them."""
        wanted = [label(role.id, role.label, from_block) for role in self.roles]
        wanted += [guardian(role.id, role.watched_by) for role in self.roles if role.watched_by is not None]
        wanted += self.wiring(addresses)
        for contract, by_role in self.functions.items():
            made_from = self.artifact_of(contract)
            for role_id, functions in by_role.items():
                wanted.append(function_role(made_from, addresses[contract], functions, role_id))
        wanted += [member(role.id, self.holder(role), role.delay_seconds) for role in self.roles]
        delay = self.parameters.admin_delay_seconds
        if delay:
            wanted += [
                target_admin_delay(contract, addresses[contract], delay, from_block) for contract in self.functions
            ]
            # Last, because from here on the admin too has to wait.
            wanted.append(member(ADMIN, self.admin, delay))
        return wanted


def answered(function: str) -> Callable[[Contract, bytes], Any]:
    """Tells what a function of the contract returns."""
    return lambda contract, _: contract.read(function)


def built_in(immutable: str) -> Callable[[Contract, bytes], str]:
    """Tells the address that an immutable of the contract has in its code."""
    return lambda contract, code: to_checksum_address(contract.artifact.immutable(immutable, code)[-ADDRESS_BYTES:])


def resolved(value: Any, addresses: Mapping[str, str]) -> Any:
    """A value with addresses in the place of references; a struct as a list, as a manifest keeps it."""
    if isinstance(value, Reference):
        return addresses[value.contract]
    if isinstance(value, tuple | list):
        return [resolved(part, addresses) for part in value]
    return value


def label(role: int, text: str, from_block: int) -> Setting:
    """A role's label, which stands only in the manager's events."""

    def holds(manager: Contract) -> bool:
        labels = {
            entry.event.role_id: entry.event.label
            for entry in manager.connection.logs(manager.address, [RoleLabel], from_block)
            if isinstance(entry.event, RoleLabel)
        }
        return labels.get(role) == text

    return Setting(f"role {role} is labelled {text}", holds, "labelRole", (role, text))


def guardian(role: int, guardian_role: int) -> Setting:
    """Whose members may cancel what a role has scheduled."""
    return Setting(
        f"role {role} is watched by role {guardian_role}",
        lambda manager: manager.read("getRoleGuardian", role) == guardian_role,
        "setRoleGuardian",
        (role, guardian_role),
    )


def call(
    subject: str, made_from: str, target: str, function: str, arguments: tuple[Any, ...], view: str, wanted: Any
) -> Setting:
    """A restricted call of a contract, by the admin through the manager, and the view that then answers `wanted`."""

    def holds(manager: Contract) -> bool:
        return bool(Contract(manager.connection, made_from, target).read(view) == wanted)

    data = encode_call(artifact(made_from).function(function), arguments)
    return Setting(subject, holds, "execute", (target, data))


def function_role(name: str, target: str, functions: tuple[str, ...], role: int) -> Setting:
    """Which role may call some functions of a contract. `name` is the artifact's."""
    selectors = [artifact(name).selector(function) for function in functions]
    return Setting(
        f"{name}: {', '.join(functions)} by role {role}",
        lambda manager: all(manager.read("getTargetFunctionRole", target, selector) == role for selector in selectors),
        "setTargetFunctionRole",
        (target, selectors, role),
    )


def member(role: int, account: str, delay_seconds: int) -> Setting:
    """A role's member, and the seconds that pass between its scheduling a call and the call."""
    return Setting(
        f"{account} has role {role} with {delay_seconds} s delay",
        lambda manager: manager.read("hasRole", role, account) == (True, delay_seconds),
        "grantRole",
        (role, account, delay_seconds),
    )


def target_admin_delay(name: str, target: str, delay_seconds: int, from_block: int) -> Setting:
    """The seconds that a change of a contract's function roles or of its manager takes.

    The manager lets such a delay take effect five days after it is set (AccessManager.minSetback), so what counts is
    the last one set, which stands only in the manager's events. Until then the admin's own delay protects the contract.
    """

    def holds(manager: Contract) -> bool:
        set_last = {
            entry.event.target: entry.event.delay
            for entry in manager.connection.logs(manager.address, [TargetAdminDelayUpdated], from_block)
            if isinstance(entry.event, TargetAdminDelayUpdated)
        }
        return set_last.get(target) == delay_seconds

    subject = f"{name}: administered with {delay_seconds} s delay"
    return Setting(subject, holds, "setTargetAdminDelay", (target, delay_seconds))
