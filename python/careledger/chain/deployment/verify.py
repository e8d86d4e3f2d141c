"""Checks a chain against a deployment's manifest and plan, by reading only."""

from __future__ import annotations

from dataclasses import dataclass

from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment.deployer import is_plain_key
from careledger.chain.deployment.manifest import Deployment
from careledger.chain.deployment.plan import ADMIN, MANAGER, REGISTRY, suite_plan
from careledger.contract_events import RoleGranted, RoleRevoked

__all__ = ["Check", "admins", "verify"]


@dataclass(frozen=True)
class Check:
    """One thing that was checked, and what was found."""

    subject: str
    holds: bool
    found: str


def verify(connection: Connection, deployment: Deployment, allow_plain_key_admin: bool = False) -> list[Check]:
    """Every contract's code against the wheel's, the registry's authority and delay, each setting of the manager, and
    who rules it. Raises ChainError if the chain could not be asked: that is no answer about the deployment."""
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
    for setting in suite_plan(deployment.parameters).settings(deployment.addresses, deployment.first_block):
        holds = setting.holds(manager)
        checks.append(Check(setting.subject, holds, "holds" if holds else "does not hold"))
    ruling = admins(connection, deployment)
    expected = ruling == {deployment.parameters.admin}
    checks.append(Check("the only admin is the manifest's", expected, ", ".join(sorted(ruling)) or "none"))
    if not connection.is_local and not allow_plain_key_admin:
        plain = sorted(account for account in ruling if is_plain_key(connection, account))
        checks.append(Check("every admin is a contract account", not plain, ", ".join(plain) or "all are"))
    return checks


def admins(connection: Connection, deployment: Deployment) -> set[str]:
    """The accounts that hold the manager's admin role now."""
    manager = Contract(connection, MANAGER, deployment.addresses[MANAGER])
    members: set[str] = set()
    for entry in connection.logs(manager.address, [RoleGranted, RoleRevoked], deployment.first_block):
        event = entry.event
        if isinstance(event, RoleGranted) and event.role_id == ADMIN:
            members.add(event.account)
        elif isinstance(event, RoleRevoked) and event.role_id == ADMIN:
            members.discard(event.account)
    return members
