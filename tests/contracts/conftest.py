"""The suite as `careledger deploy` makes it, its rulers and its members, each fixture named by role."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import ape
import pytest
from ape.logging import logger
from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection
from careledger.chain.deployment import GUARDIAN, POLICY_ADMINISTRATOR, Deployer, Deployment, Parameters, suite_plan
from careledger.chain.development import development_signer

from .support import (
    DAY,
    RECOVERY_DELAY,
    RULE_DELAY,
    MemberRole,
    admission,
    bits,
    chain_time,
    compiled,
    prove,
    selector,
    send,
    travel,
)

logger.set_level("WARNING")


@pytest.fixture(autouse=True)
def _untouched_chain(request: pytest.FixtureRequest) -> Iterator[None]:
    """Takes back what a test did to the chain. Fixtures of the session are set up before, and stay."""
    if not {"registry", "manager"} & set(request.fixturenames):
        yield
        return
    snapshot = ape.chain.snapshot()
    yield
    ape.chain.restore(snapshot)


@dataclass(frozen=True)
class Member:
    """An admitted organization."""

    name: str
    id: bytes
    controller: Any
    roles: int
    licence_expiry: int
    metadata: bytes
    admitted_at: int


def account(index: int) -> Any:
    """A funded account of the development mnemonic."""
    return ape.accounts.test_accounts[index]


def further_account(index: int) -> Any:
    """An account of the development mnemonic beyond those that the node funds."""
    return ape.accounts.test_accounts.containers["test"].generate_account(index)


@pytest.fixture(scope="session")
def admin() -> Any:
    return account(0)


@pytest.fixture(scope="session")
def registrar() -> Any:
    return account(1)


@pytest.fixture(scope="session")
def policy_administrator() -> Any:
    return account(2)


@pytest.fixture(scope="session")
def guardian() -> Any:
    return account(3)


@pytest.fixture(scope="session")
def insurer_controller() -> Any:
    return account(4)


@pytest.fixture(scope="session")
def hospital_controller() -> Any:
    return account(5)


@pytest.fixture(scope="session")
def new_controller() -> Any:
    return account(6)


@pytest.fixture(scope="session")
def stranger() -> Any:
    return account(7)


@pytest.fixture(scope="session")
def insurer_key() -> Any:
    """A key that the insurer has."""
    return account(8)


@pytest.fixture(scope="session")
def spare_key() -> Any:
    """A key that nobody has."""
    return account(9)


@pytest.fixture(scope="session")
def connection() -> Connection:
    """The client's connection to the node that Ape uses."""
    return Connection.open(os.environ["APE_FOUNDRY_HOST"])


@pytest.fixture(scope="session")
def deployment(
    connection: Connection, admin: Any, registrar: Any, policy_administrator: Any, guardian: Any
) -> Deployment:
    """The deployment plan, run by the client's own deployer."""
    parameters = Parameters(
        admin=admin.address,
        registrar=registrar.address,
        policy_administrator=policy_administrator.address,
        guardian=guardian.address,
        rule_delay_seconds=RULE_DELAY,
        admin_delay_seconds=0,
        recovery_delay_seconds=RECOVERY_DELAY,
    )
    return Deployer(connection, development_signer(0), suite_plan(parameters)).run()


@pytest.fixture(scope="session")
def contracts() -> Any:
    """The project's contracts by name, as Ape compiles them."""
    return compiled()


@pytest.fixture(scope="session")
def manager(deployment: Deployment) -> Any:
    return ape.Contract(deployment.addresses["AccessManager"], abi=artifact("AccessManager").abi)


@pytest.fixture(scope="session")
def registry(deployment: Deployment, contracts: Any) -> Any:
    return contracts["OrganizationRegistry"].at(deployment.addresses["OrganizationRegistry"])


@pytest.fixture(scope="session")
def schedule(manager: Any, policy_administrator: Any) -> Callable[..., None]:
    """Schedules a call as the policy administrator, and waits until it may be made."""

    def call(method: Any, *arguments: Any) -> None:
        data = method.encode_input(*arguments)
        send(manager.schedule, method.contract.address, data, 0, sender=policy_administrator)
        travel(RULE_DELAY)

    return call


@pytest.fixture(scope="session")
def as_policy_administrator(schedule: Callable[..., None], policy_administrator: Any) -> Callable[..., Any]:
    """Schedules a call as the policy administrator, waits for its delay, and makes it."""

    def call(method: Any, *arguments: Any) -> Any:
        schedule(method, *arguments)
        return send(method, *arguments, sender=policy_administrator)

    return call


@pytest.fixture(scope="session")
def add_key(registry: Any) -> Callable[..., Any]:
    """Adds a key to an organization, with its proof."""

    def add(member: Member, key: Any) -> Any:
        deadline = chain_time() + DAY
        signature = prove(registry, member.id, key, deadline)
        return send(registry.addKey, member.id, key, deadline, signature, sender=member.controller)

    return add


@pytest.fixture(scope="session")
def admit(registry: Any, registrar: Any) -> Callable[..., Member]:
    """Admits an organization by name, controller and member roles."""

    def call(name: str, controller: Any, *roles: MemberRole, metadata: bytes = bytes(32)) -> Member:
        stated = admission(name, controller, bits(*roles), metadata=metadata)
        send(registry.admit, stated, sender=registrar)
        return Member(
            name=name,
            id=bytes(registry.idOf(name)),
            controller=controller,
            roles=stated[2],
            licence_expiry=stated[3],
            metadata=metadata,
            admitted_at=chain_time(),
        )

    return call


@pytest.fixture(scope="session")
def insurer(
    admit: Callable[..., Member], add_key: Callable[..., Any], insurer_controller: Any, insurer_key: Any
) -> Member:
    """A payer and auditor with one key."""
    member = admit("northwind-insurance", insurer_controller, MemberRole.PAYER, MemberRole.AUDITOR, metadata=b"\1" * 32)
    add_key(member, insurer_key)
    return member


@pytest.fixture(scope="session")
def hospital(admit: Callable[..., Member], hospital_controller: Any) -> Member:
    """A provider without a key."""
    return admit("general-hospital", hospital_controller, MemberRole.PROVIDER)


@pytest.fixture(scope="session")
def hospital_key(hospital: Member, add_key: Callable[..., Any]) -> Any:
    """A key that the hospital has."""
    return _added(add_key, hospital, 10)


@pytest.fixture(scope="session")
def hospital_other_key(hospital: Member, add_key: Callable[..., Any]) -> Any:
    """Another key that the hospital has."""
    return _added(add_key, hospital, 11)


@pytest.fixture(scope="session")
def laboratory(admit: Callable[..., Member]) -> Member:
    """A laboratory; its key is `laboratory_key`."""
    return admit("city-laboratory", _funded(12), MemberRole.LABORATORY)


@pytest.fixture(scope="session")
def laboratory_key(laboratory: Member, add_key: Callable[..., Any]) -> Any:
    """The key that the laboratory has."""
    return _added(add_key, laboratory, 13)


@pytest.fixture(scope="session")
def patient() -> Any:
    """An account without a coin, which only signs."""
    return further_account(14)


def _funded(index: int) -> Any:
    owner = further_account(index)
    ape.networks.provider.set_balance(owner.address, 10**20)
    return owner


def _added(add_key: Callable[..., Any], member: Member, index: int) -> Any:
    key = _funded(index)
    add_key(member, key)
    return key


@pytest.fixture(scope="session")
def anchors(deployment: Deployment, contracts: Any, registry: Any) -> Any:
    """The register of anchored documents. It asks the registry, so who uses it gets the chain back untouched."""
    return contracts["DocumentAnchor"].at(deployment.addresses["DocumentAnchor"])


@dataclass(frozen=True)
class Rehearsal:
    """A permanent ledger and two versions of the logic above it; the first writes and is open."""

    ledger: Any
    first: Any
    second: Any


@pytest.fixture(scope="session")
def rehearsal(
    contracts: Any, manager: Any, registry: Any, admin: Any, as_policy_administrator: Callable[..., Any]
) -> Rehearsal:
    ledger = admin.deploy(contracts["RehearsalLedger"], manager)
    first, second = (admin.deploy(contracts["RehearsalWork"], manager, registry, ledger) for _ in ("first", "second"))
    for work in (first, second):
        guarded = [selector(work.halt)]
        ruled = [selector(method) for method in (work.resume, work.openToNewWork, work.closeToNewWork)]
        send(manager.setTargetFunctionRole, work, guarded, GUARDIAN, sender=admin)
        send(manager.setTargetFunctionRole, work, ruled, POLICY_ADMINISTRATOR, sender=admin)
    send(manager.setTargetFunctionRole, ledger, [selector(ledger.setWriter)], POLICY_ADMINISTRATOR, sender=admin)
    as_policy_administrator(ledger.setWriter, first)
    as_policy_administrator(first.openToNewWork)
    return Rehearsal(ledger, first, second)
