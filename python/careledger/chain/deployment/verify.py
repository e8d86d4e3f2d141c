"""Checks a chain against a deployment's manifest and plan, by reading only."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment.accounts import is_plain_key, role_members
from careledger.chain.deployment.manifest import Deployment
from careledger.chain.deployment.plan import (
    ADMIN,
    ANCHOR,
    MANAGER,
    NAMED_FUNCTIONS,
    REGISTRY,
    ROLE_LABELS,
    Setting,
    suite_plan,
)
from careledger.errors import BytecodeMismatch, DeploymentChanged, NotAContract

__all__ = ["Check", "require_code", "roles_on_chain", "verify"]

RECORD = "if this was meant, run `careledger deploy --record-roles`"


@dataclass(frozen=True)
class Check:
    """One thing that was checked, and what was found."""

    subject: str
    holds: bool
    found: str


def verify(connection: Connection, deployment: Deployment, allow_plain_key_admin: bool = False) -> list[Check]:
    """Every contract's code against the wheel's, the registry's authority and delay, the registry that documents are
    anchored by, each setting of the manager, what the plan leaves to the admin, and who holds the roles.

    Raises ChainError if the chain could not be asked: that is no answer about the deployment; and DeploymentChanged if
    the deployment is not finished.
    """
    deployment.require_contracts()
    checks = []
    genesis = connection.genesis_hash()
    checks.append(Check("genesis block", genesis == deployment.genesis_hash, genesis))
    for name, contract in deployment.contracts.items():
        code = connection.code(contract.address)
        made_from = artifact(contract.artifact)
        found = "this version's code" if made_from.matches(code) else "other code" if code else "no code"
        checks.append(Check(f"{name} at {contract.address}", made_from.matches(code), found))
    if not all(check.holds for check in checks):
        return checks
    manager = Contract(connection, MANAGER, deployment.addresses[MANAGER])
    registry = Contract(connection, REGISTRY, deployment.addresses[REGISTRY])
    authority = registry.read("authority")
    checks.append(Check(f"{REGISTRY}: authority", authority == manager.address, authority))
    delay = registry.read("recoveryDelay")
    wanted_delay = deployment.parameters.recovery_delay_seconds
    checks.append(Check(f"{REGISTRY}: recovery delay", delay == wanted_delay, f"{delay} s"))
    asked = Contract(connection, ANCHOR, deployment.addresses[ANCHOR]).read("registry")
    checks.append(Check(f"{ANCHOR}: registry", asked == registry.address, asked))
    members = role_members(manager, deployment.first_block)
    for setting in suite_plan(deployment.parameters).settings(deployment.addresses, deployment.first_block):
        checks.append(check_setting(manager, setting, members))
    checks += check_admin_s_own(manager, registry)
    wanted = dict(zip(ROLE_LABELS, role_parameters(deployment), strict=True))
    for role, label in ROLE_LABELS.items():
        others = {account: wait for account, wait in members.get(role, {}).items() if account != wanted[role]}
        found = f"also {named(others)}; {RECORD}" if others else "none else"
        checks.append(Check(f"the only {label} is the manifest's", not others, found))
    ruling = set(members.get(ADMIN, {}))
    expected = ruling == {deployment.parameters.admin}
    checks.append(Check("the only admin is the manifest's", expected, ", ".join(sorted(ruling)) or "none"))
    if not connection.is_local and not allow_plain_key_admin:
        plain = sorted(account for account in ruling if is_plain_key(connection, account))
        checks.append(Check("every admin is a contract account", not plain, ", ".join(plain) or "all are"))
    return checks


def check_setting(manager: Contract, setting: Setting, members: dict[int, dict[str, int]]) -> Check:
    """Whether a setting holds; for a member that does not hold its role, who does."""
    if setting.holds(manager):
        return Check(setting.subject, True, "holds")
    found = "does not hold"
    if setting.function == "grantRole" and setting.arguments[0] in ROLE_LABELS:
        found += f": the role is held by {named(members.get(setting.arguments[0], {}))}; {RECORD}"
    return Check(setting.subject, False, found)


def check_admin_s_own(manager: Contract, registry: Contract) -> list[Check]:
    """That what the plan says nothing of is as the manager's constructor leaves it: the admin's alone, and open."""
    elsewhere = [
        entry["name"]
        for entry in registry.artifact.abi
        if entry["type"] == "function"
        and entry["stateMutability"] not in ("view", "pure")
        and entry["name"] not in NAMED_FUNCTIONS
        and manager.read("getTargetFunctionRole", registry.address, registry.artifact.selector(entry["name"])) != ADMIN
    ]
    checks = [Check(f"{REGISTRY}: every other function by role 0", not elsewhere, ", ".join(elsewhere) or "all are")]
    for role in ROLE_LABELS:
        administrator = manager.read("getRoleAdmin", role)
        checks.append(
            Check(f"role {role} is administered by role 0", administrator == ADMIN, f"by role {administrator}")
        )
    closed = manager.read("isTargetClosed", registry.address)
    checks.append(Check(f"{REGISTRY}: open", not closed, "closed by the manager" if closed else "open"))
    return checks


def require_code(connection: Connection, deployment: Deployment) -> None:
    """Raises DeploymentChanged if the deployment is not finished or the chain has another genesis block, NotAContract
    or BytecodeMismatch if the contracts are not of this version."""
    deployment.require_contracts()
    genesis_hash = connection.genesis_hash()
    if genesis_hash != deployment.genesis_hash:
        raise DeploymentChanged("genesis block", deployment.genesis_hash, genesis_hash)
    for name, entry in deployment.contracts.items():
        code = connection.code(entry.address)
        if not code:
            raise NotAContract(name, entry.address)
        if not artifact(entry.artifact).matches(code):
            raise BytecodeMismatch(name, entry.address)


def roles_on_chain(connection: Connection, deployment: Deployment) -> Deployment:
    """The deployment with the registrar, policy administrator and guardian that hold these roles now.

    Raises DeploymentChanged if a role is not held by exactly one account, and what `require_code` raises.
    """
    require_code(connection, deployment)
    manager = Contract(connection, MANAGER, deployment.addresses[MANAGER])
    members = role_members(manager, deployment.first_block)
    holders: list[str] = []
    for role, label in ROLE_LABELS.items():
        held = members.get(role, {})
        if len(held) != 1:
            raise DeploymentChanged(f"role {role}, {label}", "one account", named(held))
        holders += held
    registrar, policy_administrator, guardian = holders
    parameters = dataclasses.replace(
        deployment.parameters, registrar=registrar, policy_administrator=policy_administrator, guardian=guardian
    )
    return dataclasses.replace(deployment, parameters=parameters)


def role_parameters(deployment: Deployment) -> tuple[str, str, str]:
    """Who holds the roles by the manifest, in the order of ROLE_LABELS."""
    parameters = deployment.parameters
    return parameters.registrar, parameters.policy_administrator, parameters.guardian


def named(members: dict[str, int]) -> str:
    """Accounts with their delays, for people."""
    return ", ".join(f"{account} with {delay} s delay" for account, delay in sorted(members.items())) or "nobody"
