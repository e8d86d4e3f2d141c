"""Who may call what: the manager as the deployment plan leaves it, function by function and role by role."""

from __future__ import annotations

import ape
import pytest
from careledger.chain.artifacts import artifact
from careledger.chain.deployment import (
    ADMIN,
    GUARDIAN,
    POLICY_ADMINISTRATOR,
    REGISTRAR,
    Deployer,
    Parameters,
    suite_plan,
    verify,
)
from careledger.chain.development import development_signer
from eth_utils.crypto import keccak
from web3.exceptions import ContractCustomError

from ..support import RULE_DELAY, ZERO, Reason, identity_of, refusal, selector, send, travel

NOBODY = identity_of("nobody")
ADDRESS = "0x" + 40 * "1"
ADMISSION = ("acme", ADDRESS, 1, 4_000_000_000, bytes(32), [], Reason.APPLICATION)

RESTRICTED = {
    "admit": (REGISTRAR, (ADMISSION,)),
    "admitMany": (REGISTRAR, ([],)),
    "renew": (REGISTRAR, (NOBODY, 0, 0)),
    "addMemberRoles": (REGISTRAR, (NOBODY, 0, 0)),
    "removeMemberRoles": (REGISTRAR, (NOBODY, 0, 0)),
    "assignIdentifiers": (REGISTRAR, (NOBODY, [])),
    "withdrawIdentifier": (REGISTRAR, (NOBODY, (bytes(32), bytes(32)), 0)),
    "commitMetadata": (REGISTRAR, (NOBODY, bytes(32), 0)),
    "suspend": (REGISTRAR, (NOBODY, 0)),
    "reinstate": (REGISTRAR, (NOBODY, 0)),
    "reportCompromiseAsRegistrar": (REGISTRAR, (ADDRESS, 0)),
    "startRecovery": (REGISTRAR, (NOBODY, ADDRESS, 0)),
    "cancelRecovery": (REGISTRAR, (NOBODY, 0)),
    "expel": (POLICY_ADMINISTRATOR, (NOBODY, 0)),
    "contestRecoveryAsGuardian": (GUARDIAN, (NOBODY, ADDRESS)),
    "settleRecovery": (ADMIN, (NOBODY, ADDRESS, ADDRESS, 0)),
}
"""Function -> the role that may call it, and arguments that any other caller never gets to have looked at."""

OPEN_TO_MEMBERS = {
    "addKey",
    "retireKey",
    "reportCompromise",
    "transferController",
    "acceptController",
    "contestRecovery",
    "completeRecovery",
    "publishContract",
}
"""Functions that answer to controllers and keys, and to no role."""


@pytest.fixture(scope="session")
def rulers(admin, registrar, policy_administrator, guardian):
    """Role -> the account that holds it."""
    return {ADMIN: admin, REGISTRAR: registrar, POLICY_ADMINISTRATOR: policy_administrator, GUARDIAN: guardian}


def test_every_function_that_changes_the_registry_is_listed_here(registry):
    changing = {
        method.name for method in registry.contract_type.methods if method.stateMutability in ("nonpayable", "payable")
    }
    assert changing == {*RESTRICTED, *OPEN_TO_MEMBERS, "setAuthority"}


@pytest.mark.parametrize("function", RESTRICTED)
def test_restricted_function_reverts_for_a_stranger_a_controller_and_a_key(
    registry, insurer, insurer_key, stranger, function
):
    for caller in (stranger, insurer.controller, insurer_key):
        assert refusal(getattr(registry, function), *RESTRICTED[function][1], sender=caller) == (
            "AccessManagedUnauthorized",
            caller.address,
        )


@pytest.mark.parametrize("function", RESTRICTED)
def test_restricted_function_reverts_for_every_other_role(registry, rulers, function):
    role, arguments = RESTRICTED[function]
    for other in set(rulers) - {role}:
        assert refusal(getattr(registry, function), *arguments, sender=rulers[other]) == (
            "AccessManagedUnauthorized",
            rulers[other].address,
        )


@pytest.mark.parametrize("function", RESTRICTED)
def test_restricted_function_has_its_role_in_the_manager(registry, manager, function):
    role = RESTRICTED[function][0]
    assert manager.getTargetFunctionRole(registry, selector(getattr(registry, function))) == role


def test_roles_are_held_as_planned(manager, rulers):
    delays = {ADMIN: 0, REGISTRAR: 0, POLICY_ADMINISTRATOR: RULE_DELAY, GUARDIAN: 0}
    for role, holder in rulers.items():
        for account in rulers.values():
            held = tuple(manager.hasRole(role, account))
            assert held == ((True, delays[role]) if account == holder else (False, 0))


def test_guardian_watches_the_registrar_and_the_policy_administrator(manager):
    assert [manager.getRoleGuardian(role) for role in (REGISTRAR, POLICY_ADMINISTRATOR, GUARDIAN)] == [
        GUARDIAN,
        GUARDIAN,
        ADMIN,
    ]


def test_roles_are_labelled(manager, deployment, connection):
    labels = {check.subject: check.holds for check in verify(connection, deployment) if "is labelled" in check.subject}
    assert labels == {
        f"role {role} is labelled {label}": True
        for role, label in ((1, "registrar"), (2, "policy administrator"), (3, "guardian"))
    }


def test_deployment_verifies(deployment, connection):
    assert [check for check in verify(connection, deployment) if not check.holds] == []


def test_registry_obeys_the_manager_and_no_other(registry, manager, admin, stranger):
    assert registry.authority() == manager.address
    assert not manager.isTargetClosed(registry)
    for caller in (admin, stranger):
        assert refusal(registry.setAuthority, stranger, sender=caller) == ("AccessManagedUnauthorized", caller.address)


# ---------------------------------------------------------------------- delays and cancelling


def test_expel_reverts_if_not_scheduled(registry, manager, insurer, policy_administrator):
    data = registry.expel.encode_input(insurer.id, Reason.FRAUD)
    operation = manager.hashOperation(policy_administrator, registry, data)
    assert refusal(registry.expel, insurer.id, Reason.FRAUD, sender=policy_administrator) == (
        "AccessManagerNotScheduled",
        operation,
    )


def test_expel_reverts_before_its_delay_is_over(registry, manager, insurer, policy_administrator):
    data = registry.expel.encode_input(insurer.id, Reason.FRAUD)
    send(manager.schedule, registry, data, 0, sender=policy_administrator)
    travel(RULE_DELAY - 1)
    assert refusal(registry.expel, insurer.id, Reason.FRAUD, sender=policy_administrator) == (
        "AccessManagerNotReady",
        manager.hashOperation(policy_administrator, registry, data),
    )


def test_guardian_cancels_what_was_scheduled(registry, manager, insurer, policy_administrator, guardian):
    data = registry.expel.encode_input(insurer.id, Reason.FRAUD)
    send(manager.schedule, registry, data, 0, sender=policy_administrator)
    send(manager.cancel, policy_administrator, registry, data, sender=guardian)
    travel(RULE_DELAY)
    assert refusal(registry.expel, insurer.id, Reason.FRAUD, sender=policy_administrator) == (
        "AccessManagerNotScheduled",
        manager.hashOperation(policy_administrator, registry, data),
    )


def test_stranger_cannot_cancel_what_was_scheduled(registry, manager, insurer, policy_administrator, stranger):
    data = registry.expel.encode_input(insurer.id, Reason.FRAUD)
    send(manager.schedule, registry, data, 0, sender=policy_administrator)
    assert refusal(manager.cancel, policy_administrator, registry, data, sender=stranger) == (
        "AccessManagerUnauthorizedCancel",
        stranger.address,
        policy_administrator.address,
        registry.address,
        keccak(text="expel(bytes12,uint8)")[:4],
    )


def test_rehearsal_functions_revert_for_a_stranger_and_the_wrong_role(rehearsal, stranger, registrar, guardian, admin):
    work, ledger = rehearsal.first, rehearsal.ledger
    ruled = [(work.resume,), (work.openToNewWork,), (work.closeToNewWork,), (ledger.setWriter, ZERO)]
    for callers, call in [
        *[((stranger, registrar, guardian, admin), call) for call in ruled],
        ((stranger, registrar, admin), (work.halt,)),
    ]:
        for caller in callers:
            assert refusal(*call, sender=caller) == ("AccessManagedUnauthorized", caller.address)


# ---------------------------------------------------------------------- the admin's own delay


@pytest.fixture
def delayed(connection, contracts, stranger, registrar):
    """A suite with the plan's own delays, ruled by the stranger: its manager and its registry."""
    parameters = Parameters(stranger.address, registrar.address, stranger.address, stranger.address)
    deployment = Deployer(connection, development_signer(7), suite_plan(parameters)).run()
    return (
        ape.Contract(deployment.addresses["AccessManager"], abi=artifact("AccessManager").abi),
        contracts["OrganizationRegistry"].at(deployment.addresses["OrganizationRegistry"]),
    )


def test_admin_waits_from_the_deployment_on(delayed, stranger):
    manager, registry = delayed
    assert tuple(manager.hasRole(ADMIN, stranger)) == (True, RULE_DELAY)
    for call in (
        (manager.grantRole, REGISTRAR, stranger, 0),
        (manager.setTargetFunctionRole, registry, [], REGISTRAR),
        (manager.updateAuthority, registry, stranger),
        (registry.settleRecovery, NOBODY, ADDRESS, ADDRESS, Reason.CLEARED),
    ):
        assert refusal(*call, sender=stranger)[0] == "AccessManagerNotScheduled"
    data = manager.grantRole.encode_input(REGISTRAR, stranger, 0)
    send(manager.schedule, manager, data, 0, sender=stranger)
    travel(RULE_DELAY)
    send(manager.execute, manager, data, sender=stranger)
    assert manager.hasRole(REGISTRAR, stranger)[0]


def test_changes_of_the_registrys_rules_wait_for_the_managers_setback(delayed):
    """OpenZeppelin lets a target's delay take effect five days after it is set."""
    manager, registry = delayed
    assert manager.getTargetAdminDelay(registry) == 0
    travel(manager.minSetback())
    assert manager.getTargetAdminDelay(registry) == RULE_DELAY


# ---------------------------------------------------------------------- construction


@pytest.mark.parametrize("delay", [0, 90 * 24 * 3600 + 1, 2**32 - 1])
def test_registry_reverts_at_birth_with_a_recovery_delay_out_of_bounds(connection, manager, delay):
    creation = artifact("OrganizationRegistry").creation_code([manager.address, delay])
    with pytest.raises(ContractCustomError) as refused:
        connection.web3.eth.call({"data": creation})
    wanted = keccak(text="OrganizationRegistryInvalidRecoveryDelay(uint32)")[:4] + delay.to_bytes(32, "big")
    assert refused.value.data == "0x" + wanted.hex()


@pytest.mark.parametrize("delay", [1, 90 * 24 * 3600])
def test_registry_takes_a_recovery_delay_within_bounds(contracts, manager, admin, delay):
    registry = admin.deploy(contracts["OrganizationRegistry"], manager, delay, gas=7_000_000, gas_price=10**10)
    assert registry.recoveryDelay() == delay
