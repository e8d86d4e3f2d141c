"""Checks a chain against a deployment's manifest and plan, by reading only."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment.accounts import is_plain_key, role_members
from careledger.chain.deployment.manifest import Deployment
from careledger.chain.deployment.plan import ADMIN, MANAGER, Plan, Setting, resolved
from careledger.errors import BytecodeMismatch, ContractError, DeploymentChanged, NotAContract

__all__ = ["Check", "known_code", "require_code", "roles_on_chain", "verify"]


@dataclass(frozen=True)
class Check:
    """One thing that was checked, and what was found."""

    subject: str
    holds: bool
    found: str


def verify(connection: Connection, deployment: Deployment, allow_plain_key_admin: bool = False) -> list[Check]:
    """What the plan requires of the chain, every contract's code against the wheel's, the authority of those that the
    manager rules, what each was told when it was made, each setting of the manager, what the plan leaves to the admin,
    and who holds the roles.

    Raises ChainError if the chain could not be asked: that is no answer about the deployment; and DeploymentChanged if
    the deployment is not finished.
    """
    deployment.require_contracts()
    plan = deployment.parameters.plan()
    checks = []
    genesis = connection.genesis_hash()
    checks.append(Check("genesis block", genesis == deployment.genesis_hash, genesis))
    codes = {name: connection.code(contract.address) for name, contract in deployment.contracts.items()}
    for name, contract in deployment.contracts.items():
        code = codes[name]
        made_from = artifact(contract.artifact)
        found = "this version's code" if made_from.matches(code) else "other code" if code else "no code"
        checks.append(Check(f"{name} at {contract.address}", made_from.matches(code), found))
    readable = all(check.holds for check in checks)
    for requirement in plan.requirements:
        checks.append(Check(requirement.subject, *requirement.find(connection)))
    if not readable:
        return checks
    contracts = {
        name: Contract(connection, entry.artifact, entry.address) for name, entry in deployment.contracts.items()
    }
    manager = contracts[MANAGER]
    for name in plan.functions:
        authority = contracts[name].read("authority")
        checks.append(Check(f"{name}: authority", authority == manager.address, authority))
    for fact in plan.facts:
        try:
            told = fact.tell(contracts[fact.contract], codes[fact.contract])
        except ContractError as error:  # it asks another contract, and that is none
            checks.append(Check(f"{fact.contract}: {fact.subject}", False, str(error)))
            continue
        expected = told == resolved(fact.expected, deployment.addresses)
        checks.append(Check(f"{fact.contract}: {fact.subject}", expected, f"{told}{fact.unit}"))
    members = role_members(manager, deployment.first_block)
    for setting in plan.settings(deployment.addresses, deployment.first_block):
        checks.append(check_setting(manager, setting, plan, members))
    checks += check_admin_s_own(plan, contracts)
    for role in plan.roles:
        others = {account: wait for account, wait in members.get(role.id, {}).items() if account != plan.holder(role)}
        found = f"also {named(others)}; {record(plan)}" if others else "none else"
        checks.append(Check(f"the only {role.label} is the manifest's", not others, found))
    ruling = set(members.get(ADMIN, {}))
    checks.append(
        Check("the only admin is the manifest's", ruling == {plan.admin}, ", ".join(sorted(ruling)) or "none")
    )
    if not connection.is_local and not allow_plain_key_admin:
        plain = sorted(account for account in ruling if is_plain_key(connection, account))
        checks.append(Check("every admin is a contract account", not plain, ", ".join(plain) or "all are"))
    return checks


def check_setting(manager: Contract, setting: Setting, plan: Plan, members: dict[int, dict[str, int]]) -> Check:
    """Whether a setting holds; for a member that does not hold its role, who does."""
    if setting.holds(manager):
        return Check(setting.subject, True, "holds")
    found = "does not hold"
    if setting.function == "grantRole" and setting.arguments[0] in {role.id for role in plan.roles}:
        found += f": the role is held by {named(members.get(setting.arguments[0], {}))}; {record(plan)}"
    return Check(setting.subject, False, found)


def check_admin_s_own(plan: Plan, contracts: dict[str, Contract]) -> Iterator[Check]:
    """That what the plan says nothing of is as the manager's constructor leaves it: the admin's alone, and open."""
    manager = contracts[MANAGER]
    for name, by_role in plan.functions.items():
        contract = contracts[name]
        given = {function for functions in by_role.values() for function in functions}
        elsewhere = [
            entry["name"]
            for entry in contract.artifact.abi
            if entry["type"] == "function"
            and entry["stateMutability"] not in ("view", "pure")
            and entry["name"] not in given
            and manager.read("getTargetFunctionRole", contract.address, contract.artifact.selector(entry["name"]))
            != ADMIN
        ]
        yield Check(f"{name}: every other function by role 0", not elsewhere, ", ".join(elsewhere) or "all are")
    for role in plan.roles:
        administrator = manager.read("getRoleAdmin", role.id)
        yield Check(f"role {role.id} is administered by role 0", administrator == ADMIN, f"by role {administrator}")
    for name in plan.functions:
        closed = manager.read("isTargetClosed", contracts[name].address)
        yield Check(f"{name}: open", not closed, "closed by the manager" if closed else "open")


def require_code(connection: Connection, deployment: Deployment) -> None:
    """Raises DeploymentChanged if the deployment is not finished or the chain has another genesis block, NotAContract
    or BytecodeMismatch if the contracts are not of this version."""
    deployment.require_contracts()
    genesis_hash = connection.genesis_hash()
    if genesis_hash != deployment.genesis_hash:
        raise DeploymentChanged("genesis block", deployment.genesis_hash, genesis_hash)
    for name, entry in deployment.contracts.items():
        known_code(connection, name, entry.artifact, entry.address)


def known_code(connection: Connection, name: str, made_from: str, address: str) -> bytes:
    """A contract's code. Raises NotAContract or BytecodeMismatch if it is not of this version."""
    code = connection.code(address)
    if not code:
        raise NotAContract(name, address)
    if not artifact(made_from).matches(code):
        raise BytecodeMismatch(name, address)
    return code


def roles_on_chain(connection: Connection, deployment: Deployment) -> Deployment:
    """The deployment with the accounts that hold the plan's roles now.

    Raises DeploymentChanged if a role is not held by exactly one account, and what `require_code` raises.
    """
    require_code(connection, deployment)
    manager = Contract(connection, MANAGER, deployment.addresses[MANAGER])
    members = role_members(manager, deployment.first_block)
    holders: dict[str, str] = {}
    for role in deployment.parameters.plan().roles:
        held = members.get(role.id, {})
        if len(held) != 1:
            raise DeploymentChanged(f"role {role.id}, {role.label}", "one account", named(held))
        (holders[role.parameter],) = held
    return dataclasses.replace(deployment, parameters=dataclasses.replace(deployment.parameters, **holders))


def record(plan: Plan) -> str:
    """The way out if a role was handed on."""
    return f"if this was meant, run `{plan.parameters.command} --record-roles`"


def named(members: dict[str, int]) -> str:
    """Accounts with their delays, for people."""
    return ", ".join(f"{account} with {delay} s delay" for account, delay in sorted(members.items())) or "nobody"
