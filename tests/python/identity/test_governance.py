"""Scheduled operations, roles and the emergency stop, on every kind of chain."""

from __future__ import annotations

from typing import Any

import pytest
from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment import ADMIN, GUARDIAN, POLICY_ADMINISTRATOR, REGISTRAR
from careledger.contract_errors import (
    AccessManagedUnauthorized,
    AccessManagerAlreadyScheduled,
    AccessManagerExpired,
    AccessManagerNotReady,
    AccessManagerNotScheduled,
    AccessManagerUnauthorizedCall,
    AccessManagerUnauthorizedCancel,
    HaltableHalted,
)
from careledger.contract_events import Halted, OperationCanceled, OrganizationExpelled, Resumed
from careledger.errors import InvalidInput
from careledger.identity import Reason, RoleMember, Standing, organization_id
from careledger.identity.governance import Operation, OperationState
from careledger.identity.types import ZERO_ADDRESS
from identity.suite import DAY, Suite, deploy_suite, refusal, travel

pytestmark = pytest.mark.daily("anvil")

EXPIRATION = 7 * DAY  # AccessManager.expiration


def expulsion(name: str) -> tuple[Any, ...]:
    return "expel", organization_id(name), int(Reason.FRAUD)


def operation(suite: Suite, operation_id: str) -> Operation:
    return suite.governance().operation(operation_id)


@pytest.fixture(scope="module")
def slow_suite(travelling_chain: Connection) -> Suite:
    """Rules wait two days, where the clock may be moved."""
    return deploy_suite(travelling_chain, rule_delay_seconds=2 * DAY)


def test_members_are_listed_with_label_and_delay(suite: Suite) -> None:
    assert suite.governance().members() == [
        RoleMember(ADMIN, "admin", suite.admin.address, 0),
        RoleMember(REGISTRAR, "registrar", suite.registrar.address, 0),
        RoleMember(POLICY_ADMINISTRATOR, "policy administrator", suite.policy_administrator.address, 1),
        RoleMember(GUARDIAN, "guardian", suite.guardian.address, 0),
    ]


def test_members_change_with_grants_and_revocations(slow_suite: Suite) -> None:
    suite = slow_suite
    suite.manager.send(suite.admin, "grantRole", REGISTRAR, suite.stranger.address, 60)
    members = suite.governance().members()
    assert RoleMember(REGISTRAR, "registrar", suite.stranger.address, 60) in members
    suite.manager.send(suite.admin, "revokeRole", REGISTRAR, suite.stranger.address)
    assert suite.stranger.address not in {member.account for member in suite.governance().members()}


def test_an_operation_waits_becomes_ready_and_is_executed(slow_suite: Suite) -> None:
    suite = slow_suite
    name = suite.admit()
    governance = suite.governance(suite.policy_administrator)
    operation_id, receipt = governance.schedule(suite.registry, *expulsion(name))
    found = operation(suite, operation_id)
    assert found == Operation(
        id=operation_id,
        nonce=1,
        state=OperationState.WAITING,
        ready_at=suite.connection.block_time(receipt.block_number) + 2 * DAY,
        caller=suite.policy_administrator.address,
        target=suite.registry.address,
        data="0x" + suite.registry.encode(*expulsion(name)).hex(),
        description=f"OrganizationRegistry.expel({organization_id(name)}, {int(Reason.FRAUD)})",
    )
    refusal(lambda: governance.execute(operation_id), AccessManagerNotReady(operation_id))
    refusal(lambda: governance.schedule(suite.registry, *expulsion(name)), AccessManagerAlreadyScheduled(operation_id))
    assert suite.organizations().membership(name).standing is Standing.ACTIVE
    travel(suite.connection, 2 * DAY)
    assert operation(suite, operation_id).state is OperationState.READY
    receipt = governance.execute(operation_id)
    assert receipt.event(OrganizationExpelled).organization == organization_id(name)
    assert operation(suite, operation_id).state is OperationState.EXECUTED
    refusal(lambda: governance.execute(operation_id), AccessManagerNotScheduled(operation_id))


def test_the_guardian_cancels_and_a_stranger_cannot(slow_suite: Suite) -> None:
    suite = slow_suite
    name = suite.admit()
    operation_id, _ = suite.governance(suite.policy_administrator).schedule(suite.registry, *expulsion(name))
    selector = "0x" + suite.registry.artifact.selector("expel").hex()
    refusal(
        lambda: suite.governance(suite.stranger).cancel(operation_id),
        AccessManagerUnauthorizedCancel(
            suite.stranger.address, suite.policy_administrator.address, suite.registry.address, selector
        ),
    )
    receipt = suite.governance(suite.guardian).cancel(operation_id)
    assert receipt.event(OperationCanceled).operation_id == operation_id
    assert operation(suite, operation_id).state is OperationState.CANCELLED
    travel(suite.connection, 2 * DAY)
    refusal(
        lambda: suite.governance(suite.policy_administrator).execute(operation_id),
        AccessManagerNotScheduled(operation_id),
    )
    again, _ = suite.governance(suite.policy_administrator).schedule(suite.registry, *expulsion(name))
    assert again == operation_id
    states = [found.state for found in suite.governance().operations() if found.id == operation_id]
    assert states == [OperationState.CANCELLED, OperationState.WAITING]
    assert operation(suite, operation_id).nonce == 2


def test_an_operation_expires(slow_suite: Suite) -> None:
    suite = slow_suite
    name = suite.admit()
    governance = suite.governance(suite.policy_administrator)
    operation_id, _ = governance.schedule(suite.registry, *expulsion(name))
    travel(suite.connection, 2 * DAY + EXPIRATION + 1)
    assert operation(suite, operation_id).state is OperationState.EXPIRED
    refusal(lambda: governance.execute(operation_id), AccessManagerExpired(operation_id))
    assert suite.organizations().membership(name).standing is Standing.ACTIVE


def test_scheduling_without_the_role_is_refused(slow_suite: Suite) -> None:
    suite = slow_suite
    name = suite.admit()
    nonce = suite.connection.nonce(suite.stranger.address)
    stranger = suite.governance(suite.stranger)
    selector = "0x" + suite.registry.artifact.selector("expel").hex()
    refusal(
        lambda: stranger.schedule(suite.registry, *expulsion(name)),
        AccessManagerUnauthorizedCall(suite.stranger.address, suite.registry.address, selector),
    )
    refusal(
        lambda: stranger.perform(suite.registry, *expulsion(name)), AccessManagedUnauthorized(suite.stranger.address)
    )
    assert suite.connection.nonce(suite.stranger.address) == nonce


def test_perform_goes_on_with_what_was_scheduled_before(suite: Suite) -> None:
    name = suite.admit()
    governance = suite.governance(suite.policy_administrator)
    operation_id, _ = governance.schedule(suite.registry, *expulsion(name))
    nonce = suite.connection.nonce(suite.policy_administrator.address)
    receipt = governance.perform(suite.registry, *expulsion(name))
    assert receipt.event(OrganizationExpelled).organization == organization_id(name)
    assert suite.connection.nonce(suite.policy_administrator.address) == nonce + 1
    assert operation(suite, operation_id).state is OperationState.EXECUTED


def test_an_operation_that_was_never_scheduled_is_refused(suite: Suite) -> None:
    unknown = "0x" + 64 * "1"
    for act in (suite.governance(suite.guardian).cancel, suite.governance(suite.guardian).execute):
        with pytest.raises(InvalidInput) as raised:
            act(unknown)
        assert raised.value.value == unknown


def test_a_stop_does_not_reach_the_registry(suite: Suite) -> None:
    nonce = suite.connection.nonce(suite.guardian.address)
    guardian = suite.governance(suite.guardian)
    for act in (guardian.halt, guardian.resume):
        with pytest.raises(InvalidInput) as raised:
            act(suite.registry)
        assert (raised.value.name, raised.value.value) == ("contract", "OrganizationRegistry")
    assert suite.connection.nonce(suite.guardian.address) == nonce


def test_the_guardian_halts_work_at_once_and_the_policy_administrator_resumes_it(suite: Suite) -> None:
    def deploy(name: str, *arguments: Any) -> Contract:
        receipt = suite.connection.send(suite.stranger, None, artifact(name).creation_code(list(arguments)))
        return Contract(suite.connection, name, str(receipt.contract_address))

    manager = suite.manager.address
    ledger = deploy("RehearsalLedger", manager)
    work = deploy("RehearsalWork", manager, suite.registry.address, ledger.address)
    for function, role in (("halt", GUARDIAN), ("resume", POLICY_ADMINISTRATOR)):
        selectors = [work.artifact.selector(function)]
        suite.manager.send(suite.admin, "setTargetFunctionRole", work.address, selectors, role)
    assert suite.governance().contract(work.address).name == "RehearsalWork"

    refusal(lambda: suite.governance(suite.stranger).halt(work), AccessManagedUnauthorized(suite.stranger.address))
    receipt = suite.governance(suite.guardian).halt(work)
    assert receipt.event(Halted).caller == suite.guardian.address
    halted_at = suite.connection.block_time(receipt.block_number)
    refusal(lambda: work.read("finish", "0x" + 64 * "1"), HaltableHalted(halted_at))
    receipt = suite.governance(suite.policy_administrator).resume(work)
    assert receipt.event(Resumed).caller == suite.policy_administrator.address


@pytest.mark.parametrize("unknown", ["Escrow", ZERO_ADDRESS, "0x12", "0x" + 40 * "g"])
def test_a_contract_that_is_none_of_the_suite_s_is_refused(suite: Suite, unknown: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        suite.governance().contract(unknown)
    assert (raised.value.name, raised.value.value) == ("contract", unknown)


def test_a_call_of_another_contract_is_described_by_address_and_selector(suite: Suite) -> None:
    assert suite.governance().describe(ZERO_ADDRESS, b"\1\2\3\4\5") == f"{ZERO_ADDRESS} 0x01020304"
    assert suite.governance().describe(suite.registry.address, b"\1\2\3\4") == "OrganizationRegistry 0x01020304"
