"""The deployment plan: which contracts, with which arguments, and which settings of their manager.

`careledger deploy`, `scripts/deploy.py` and the demo all run the same plan.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

from eth_utils.address import is_checksum_address
from eth_utils.crypto import keccak

from careledger.chain.artifacts import artifact
from careledger.chain.contract import Contract
from careledger.contract_events import RoleLabel, TargetAdminDelayUpdated
from careledger.errors import InvalidInput

__all__ = [
    "ADMIN",
    "ANCHOR",
    "GUARDIAN",
    "MANAGER",
    "NAMED_FUNCTIONS",
    "POLICY_ADMINISTRATOR",
    "REGISTRAR",
    "REGISTRY",
    "ROLE_LABELS",
    "ContractStep",
    "Parameters",
    "Plan",
    "Reference",
    "Setting",
    "function_role",
    "suite_plan",
]

MANAGER = "AccessManager"
REGISTRY = "OrganizationRegistry"
ANCHOR = "DocumentAnchor"

ADMIN = 0
REGISTRAR = 1
POLICY_ADMINISTRATOR = 2
GUARDIAN = 3
"""Role ids, as in contracts/identity/Roles.sol."""

ROLE_LABELS = {REGISTRAR: "registrar", POLICY_ADMINISTRATOR: "policy administrator", GUARDIAN: "guardian"}

REGISTRAR_FUNCTIONS = (
    "admit",
    "admitMany",
    "renew",
    "addMemberRoles",
    "removeMemberRoles",
    "assignIdentifiers",
    "withdrawIdentifier",
    "commitMetadata",
    "suspend",
    "reinstate",
    "reportCompromiseAsRegistrar",
    "startRecovery",
    "cancelRecovery",
)
POLICY_ADMINISTRATOR_FUNCTIONS = ("expel",)
GUARDIAN_FUNCTIONS = ("contestRecoveryAsGuardian",)
NAMED_FUNCTIONS = (*REGISTRAR_FUNCTIONS, *POLICY_ADMINISTRATOR_FUNCTIONS, *GUARDIAN_FUNCTIONS)
"""Of the registry. settleRecovery stays with role 0, the admin, as does every function that nothing is said of."""


@dataclass(frozen=True)
class Parameters:
    """What a deployment is told. Addresses as checksummed text, delays in seconds."""

    admin: str
    registrar: str
    policy_administrator: str
    guardian: str
    rule_delay_seconds: int = 2 * 24 * 3600
    admin_delay_seconds: int = 2 * 24 * 3600
    recovery_delay_seconds: int = 7 * 24 * 3600

    def __post_init__(self) -> None:
        """Raises InvalidInput for what is no checksummed address, and for a delay out of its bounds."""
        for name in ("admin", "registrar", "policy_administrator", "guardian"):
            address = getattr(self, name)
            if not is_checksum_address(address):
                raise InvalidInput(name, str(address), "is not a checksummed address")
        for name, least, most in (
            ("rule_delay_seconds", 0, 2**32 - 1),
            ("admin_delay_seconds", 0, 2**32 - 1),
            ("recovery_delay_seconds", 1, 90 * 24 * 3600),
        ):
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise InvalidInput(name, str(value), f"must be {least} to {most} seconds")

    def salt(self, contract: str) -> bytes:
        """The CREATE2 salt of a contract: of its name and all parameters, so that different deployments share none."""
        told = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return keccak(text=f"careledger {contract} {told}")

    def differences(self, other: Parameters) -> dict[str, tuple[Any, Any]]:
        """The parameters in which another deployment differs: name -> (here, there)."""
        here, there = asdict(self), asdict(other)
        return {
            field.name: (here[field.name], there[field.name])
            for field in fields(self)
            if here[field.name] != there[field.name]
        }


@dataclass(frozen=True)
class Reference:
    """A constructor argument that is the address of a contract deployed before."""

    contract: str


@dataclass(frozen=True)
class ContractStep:
    """A contract to deploy under a name. `artifact` is what it is made from."""

    name: str
    artifact: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Setting:
    """One setting of the manager: what it is, how to see that it holds, and the function that makes it hold."""

    subject: str
    holds: Callable[[Contract], bool]
    function: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Plan:
    """Contracts in order, then the settings of the manager given the addresses of the contracts."""

    parameters: Parameters
    contracts: tuple[ContractStep, ...]
    settings: Callable[[dict[str, str], int], list[Setting]]


def suite_plan(parameters: Parameters) -> Plan:
    """The suite: its manager, whose admin is the final account from the constructor on, the registry, the anchor."""
    contracts = (
        ContractStep(MANAGER, MANAGER, (parameters.admin,)),
        ContractStep(REGISTRY, REGISTRY, (Reference(MANAGER), parameters.recovery_delay_seconds)),
        ContractStep(ANCHOR, ANCHOR, (Reference(REGISTRY),)),
    )

    def settings(addresses: dict[str, str], from_block: int) -> list[Setting]:
        registry = addresses[REGISTRY]
        members = {
            REGISTRAR: (parameters.registrar, 0),
            POLICY_ADMINISTRATOR: (parameters.policy_administrator, parameters.rule_delay_seconds),
            GUARDIAN: (parameters.guardian, 0),
        }
        wanted = [label(role, text, from_block) for role, text in ROLE_LABELS.items()]
        wanted += [guardian(role, GUARDIAN) for role in (REGISTRAR, POLICY_ADMINISTRATOR)]
        wanted += [
            function_role(REGISTRY, registry, REGISTRAR_FUNCTIONS, REGISTRAR),
            function_role(REGISTRY, registry, POLICY_ADMINISTRATOR_FUNCTIONS, POLICY_ADMINISTRATOR),
            function_role(REGISTRY, registry, GUARDIAN_FUNCTIONS, GUARDIAN),
        ]
        wanted += [member(role, account, delay) for role, (account, delay) in members.items()]
        if parameters.admin_delay_seconds:
            wanted.append(target_admin_delay(REGISTRY, registry, parameters.admin_delay_seconds, from_block))
            # Last, because from here on the admin too has to wait.
            wanted.append(member(ADMIN, parameters.admin, parameters.admin_delay_seconds))
        return wanted

    return Plan(parameters, contracts, settings)


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
