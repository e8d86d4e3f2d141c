"""startRecovery, cancelRecovery, contestRecovery, contestRecoveryAsGuardian, settleRecovery, completeRecovery."""

from __future__ import annotations

import pytest

from ..support import (
    END_OF_TIME,
    RECOVERY_DELAY,
    ZERO,
    MemberRole,
    Reason,
    Standing,
    chain_time,
    events,
    identity_of,
    next_block_at,
    refusal,
    send,
    time_of,
    travel,
    travel_to,
)

NONE = (ZERO, 0, False)


@pytest.fixture
def started(registry, registrar, insurer, new_controller):
    """The time at which a recovery of the insurer by the new controller started."""
    receipt = send(registry.startRecovery, insurer.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
    return time_of(receipt)


@pytest.fixture
def contested(registry, insurer, new_controller, started):
    """The time at which the controller contested that recovery."""
    return time_of(send(registry.contestRecovery, insurer.id, new_controller, sender=insurer.controller))


@pytest.fixture
def upheld(registry, admin, insurer, new_controller, contested):
    """The time at which the admin upheld it."""
    return time_of(
        send(registry.settleRecovery, insurer.id, new_controller, new_controller, Reason.CLEARED, sender=admin)
    )


# ---------------------------------------------------------------------- startRecovery


def test_start_recovery_names_the_new_controller(registry, registrar, insurer, new_controller):
    receipt = send(registry.startRecovery, insurer.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
    ready_at = time_of(receipt) + RECOVERY_DELAY
    assert events(receipt, registry) == [
        ("RecoveryStarted", insurer.id, new_controller.address, ready_at, Reason.CONTROLLER_LOST)
    ]
    assert tuple(registry.recoveryOf(insurer.id)) == (new_controller, ready_at, False)
    assert registry.controllerOf(insurer.id) == insurer.controller
    assert registry.recoveryDelay() == RECOVERY_DELAY


def test_start_recovery_lets_the_keys_work_on(registry, insurer, insurer_key, started):
    assert registry.requireActive(insurer_key, 1) == insurer.id
    assert registry.isActive(insurer.id, MemberRole.PAYER)


def test_start_recovery_voids_an_offer(registry, registrar, insurer, new_controller, stranger):
    send(registry.transferController, insurer.id, stranger, sender=insurer.controller)
    send(registry.startRecovery, insurer.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
    assert registry.pendingControllerOf(insurer.id) == ZERO
    send(registry.cancelRecovery, insurer.id, Reason.CLEARED, sender=registrar)
    assert refusal(registry.acceptController, insurer.id, sender=stranger) == (
        "OrganizationRegistryNotPendingController",
        insurer.id,
        stranger.address,
    )


def test_start_recovery_reverts_if_one_is_under_way(registry, registrar, insurer, new_controller, stranger, started):
    assert refusal(registry.startRecovery, insurer.id, stranger, Reason.CONTROLLER_LOST, sender=registrar) == (
        "OrganizationRegistryRecoveryPending",
        insurer.id,
        new_controller.address,
    )


def test_start_recovery_reverts_for_zero_and_for_the_present_controller(registry, registrar, insurer):
    for account in (ZERO, insurer.controller.address):
        assert refusal(registry.startRecovery, insurer.id, account, Reason.CONTROLLER_LOST, sender=registrar) == (
            "OrganizationRegistryInvalidAccount",
            insurer.id,
            account,
        )


# ---------------------------------------------------------------------- cancelRecovery


def test_cancel_recovery_ends_it(registry, registrar, insurer, new_controller, started):
    receipt = send(registry.cancelRecovery, insurer.id, Reason.CLEARED, sender=registrar)
    assert events(receipt, registry) == [("RecoveryCancelled", insurer.id, new_controller.address, Reason.CLEARED)]
    assert tuple(registry.recoveryOf(insurer.id)) == NONE
    travel(RECOVERY_DELAY)
    assert refusal(registry.completeRecovery, insurer.id, sender=new_controller) == (
        "OrganizationRegistryNoRecovery",
        insurer.id,
    )


def test_cancel_recovery_lets_another_start(registry, registrar, insurer, stranger, started):
    send(registry.cancelRecovery, insurer.id, Reason.CLEARED, sender=registrar)
    send(registry.startRecovery, insurer.id, stranger, Reason.CONTROLLER_LOST, sender=registrar)
    assert registry.recoveryOf(insurer.id).newController == stranger


def test_cancel_recovery_reverts_if_none_is_under_way(registry, registrar, insurer):
    assert refusal(registry.cancelRecovery, insurer.id, Reason.CLEARED, sender=registrar) == (
        "OrganizationRegistryNoRecovery",
        insurer.id,
    )


def test_cancel_recovery_reverts_if_no_reason_is_stated(registry, registrar, insurer, started):
    assert refusal(registry.cancelRecovery, insurer.id, Reason.UNSPECIFIED, sender=registrar) == (
        "OrganizationRegistryReasonMissing",
    )


def test_cancel_recovery_reverts_if_contested(registry, registrar, insurer, contested):
    assert refusal(registry.cancelRecovery, insurer.id, Reason.CLEARED, sender=registrar) == (
        "OrganizationRegistryFrozen",
        insurer.id,
    )


# ---------------------------------------------------------------------- contestRecovery


@pytest.mark.parametrize("contestant", ["insurer_controller", "insurer_key"])
def test_contest_recovery_freezes_the_organization(registry, request, insurer, new_controller, started, contestant):
    caller = request.getfixturevalue(contestant)
    receipt = send(registry.contestRecovery, insurer.id, new_controller, sender=caller)
    assert events(receipt, registry) == [("RecoveryContested", insurer.id, new_controller.address, caller.address)]
    assert tuple(registry.recoveryOf(insurer.id)) == (new_controller, END_OF_TIME, True)
    assert tuple(registry.membershipOf(insurer.id)) == (
        insurer.roles,
        insurer.licence_expiry,
        Standing.ACTIVE,
        True,
        time_of(receipt),
    )


def test_frozen_organization_does_nothing_and_is_not_paid(registry, insurer, insurer_key, contested):
    frozen = ("OrganizationRegistryFrozen", insurer.id)
    assert refusal(registry.requireActive, insurer_key, 1) == frozen
    assert refusal(registry.requireKey, insurer_key) == frozen
    assert refusal(registry.requireActiveOrganization, insurer.id, 1) == frozen
    assert refusal(registry.requirePayable, insurer.id) == frozen
    assert not registry.isActive(insurer.id, MemberRole.PAYER)


def test_contested_recovery_is_never_ready(registry, insurer, new_controller, contested):
    travel(1000 * RECOVERY_DELAY)
    assert refusal(registry.completeRecovery, insurer.id, sender=new_controller) == (
        "OrganizationRegistryRecoveryNotReady",
        insurer.id,
        END_OF_TIME,
    )


def test_contest_recovery_works_until_it_is_completed(registry, insurer, new_controller, started):
    travel_to(started + 2 * RECOVERY_DELAY)
    send(registry.contestRecovery, insurer.id, new_controller, sender=insurer.controller)
    assert registry.recoveryOf(insurer.id).contested


def test_contest_recovery_reverts_if_the_caller_may_not(
    registry, registrar, insurer, hospital, new_controller, stranger, started
):
    for caller in (stranger, new_controller, hospital.controller, registrar):
        assert refusal(registry.contestRecovery, insurer.id, new_controller, sender=caller) == (
            "OrganizationRegistryMayNotContest",
            insurer.id,
            caller.address,
        )


@pytest.mark.parametrize("ended_by", ["retireKey", "reportCompromise"])
def test_contest_recovery_reverts_for_a_key_that_is_not_active(
    registry, registrar, insurer, insurer_key, new_controller, ended_by
):
    arguments = (insurer_key,) if ended_by == "retireKey" else (insurer_key, chain_time())
    send(getattr(registry, ended_by), *arguments, sender=insurer.controller)
    send(registry.startRecovery, insurer.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
    assert refusal(registry.contestRecovery, insurer.id, new_controller, sender=insurer_key) == (
        "OrganizationRegistryMayNotContest",
        insurer.id,
        insurer_key.address,
    )


def test_contest_recovery_reverts_if_none_is_under_way(registry, insurer, new_controller):
    assert refusal(registry.contestRecovery, insurer.id, new_controller, sender=insurer.controller) == (
        "OrganizationRegistryNoRecovery",
        insurer.id,
    )


def test_contest_recovery_reverts_if_meant_for_another(registry, insurer, stranger, started):
    for other in (stranger, ZERO):
        assert refusal(registry.contestRecovery, insurer.id, other, sender=insurer.controller) == (
            "OrganizationRegistryNoRecovery",
            insurer.id,
        )


def test_contest_recovery_reverts_if_contested_or_upheld(registry, insurer, insurer_key, new_controller, upheld):
    assert refusal(registry.contestRecovery, insurer.id, new_controller, sender=insurer_key) == (
        "OrganizationRegistryFrozen",
        insurer.id,
    )


# ---------------------------------------------------------------------- contestRecoveryAsGuardian


def test_guardian_contests_a_recovery(registry, guardian, insurer, new_controller, started):
    receipt = send(registry.contestRecoveryAsGuardian, insurer.id, new_controller, sender=guardian)
    assert events(receipt, registry) == [("RecoveryContested", insurer.id, new_controller.address, guardian.address)]
    assert tuple(registry.recoveryOf(insurer.id)) == (new_controller, END_OF_TIME, True)


def test_guardians_contest_reverts_if_none_is_under_way(registry, guardian, insurer, new_controller):
    assert refusal(registry.contestRecoveryAsGuardian, insurer.id, new_controller, sender=guardian) == (
        "OrganizationRegistryNoRecovery",
        insurer.id,
    )


def test_guardians_contest_reverts_if_meant_for_another(registry, guardian, insurer, stranger, started):
    assert refusal(registry.contestRecoveryAsGuardian, insurer.id, stranger, sender=guardian) == (
        "OrganizationRegistryNoRecovery",
        insurer.id,
    )


def test_guardians_contest_reverts_if_contested(registry, guardian, insurer, new_controller, contested):
    assert refusal(registry.contestRecoveryAsGuardian, insurer.id, new_controller, sender=guardian) == (
        "OrganizationRegistryFrozen",
        insurer.id,
    )


# ---------------------------------------------------------------------- settleRecovery


def test_settle_recovery_upholds_the_new_controller(registry, admin, insurer, new_controller, contested):
    receipt = send(registry.settleRecovery, insurer.id, new_controller, new_controller, Reason.CLEARED, sender=admin)
    assert events(receipt, registry) == [("RecoverySettled", insurer.id, new_controller.address, True, Reason.CLEARED)]
    assert tuple(registry.recoveryOf(insurer.id)) == (new_controller, time_of(receipt), False)


def test_upheld_recovery_stays_frozen_until_completed(registry, insurer, insurer_key, new_controller, upheld):
    assert refusal(registry.requireKey, insurer_key) == ("OrganizationRegistryFrozen", insurer.id)
    send(registry.completeRecovery, insurer.id, sender=new_controller)
    assert registry.requireActive(insurer_key, 1) == insurer.id


def test_settle_recovery_may_name_another_controller(registry, admin, insurer, new_controller, stranger, contested):
    receipt = send(registry.settleRecovery, insurer.id, new_controller, stranger, Reason.CLERICAL_ERROR, sender=admin)
    assert events(receipt, registry) == [("RecoverySettled", insurer.id, stranger.address, True, Reason.CLERICAL_ERROR)]
    assert refusal(registry.completeRecovery, insurer.id, sender=new_controller) == (
        "OrganizationRegistryNotPendingController",
        insurer.id,
        new_controller.address,
    )
    send(registry.completeRecovery, insurer.id, sender=stranger)
    assert registry.controllerOf(insurer.id) == stranger


def test_settle_recovery_rejects_and_ends_the_freeze(registry, admin, insurer, insurer_key, new_controller, contested):
    receipt = send(registry.settleRecovery, insurer.id, new_controller, ZERO, Reason.FRAUD, sender=admin)
    assert events(receipt, registry) == [("RecoverySettled", insurer.id, new_controller.address, False, Reason.FRAUD)]
    assert tuple(registry.recoveryOf(insurer.id)) == NONE
    assert registry.controllerOf(insurer.id) == insurer.controller
    assert registry.requireActive(insurer_key, 1) == insurer.id
    assert tuple(registry.membershipOf(insurer.id)) == (
        insurer.roles,
        insurer.licence_expiry,
        Standing.ACTIVE,
        False,
        time_of(receipt),
    )


def test_settle_recovery_rejects_what_it_upheld(registry, admin, insurer, insurer_key, new_controller, upheld):
    send(registry.settleRecovery, insurer.id, new_controller, ZERO, Reason.FRAUD, sender=admin)
    assert tuple(registry.recoveryOf(insurer.id)) == NONE
    assert registry.requireKey(insurer_key) == insurer.id


def test_settle_recovery_ends_one_that_is_not_contested(registry, admin, insurer, new_controller, started):
    receipt = send(registry.settleRecovery, insurer.id, new_controller, ZERO, Reason.FRAUD, sender=admin)
    assert events(receipt, registry) == [("RecoverySettled", insurer.id, new_controller.address, False, Reason.FRAUD)]
    assert tuple(registry.recoveryOf(insurer.id)) == NONE


def test_settle_recovery_reverts_if_not_contested(registry, admin, insurer, new_controller, started):
    assert refusal(
        registry.settleRecovery, insurer.id, new_controller, new_controller, Reason.CLEARED, sender=admin
    ) == (
        "OrganizationRegistryNoRecovery",
        insurer.id,
    )


def test_settle_recovery_reverts_if_none_is_under_way(registry, admin, insurer, new_controller):
    for account in (new_controller, ZERO):
        assert refusal(registry.settleRecovery, insurer.id, new_controller, account, Reason.CLEARED, sender=admin) == (
            "OrganizationRegistryNoRecovery",
            insurer.id,
        )


def test_settle_recovery_reverts_if_another_is_under_way(registry, admin, insurer, new_controller, stranger, contested):
    for account in (new_controller, ZERO):
        assert refusal(registry.settleRecovery, insurer.id, stranger, account, Reason.CLEARED, sender=admin) == (
            "OrganizationRegistryNoRecovery",
            insurer.id,
        )


def test_settle_recovery_reverts_if_no_reason_is_stated(registry, admin, insurer, new_controller, contested):
    for account in (new_controller, ZERO):
        assert refusal(
            registry.settleRecovery, insurer.id, new_controller, account, Reason.UNSPECIFIED, sender=admin
        ) == ("OrganizationRegistryReasonMissing",)


# ---------------------------------------------------------------------- completeRecovery


def test_complete_recovery_hands_over_once_ready(registry, insurer, insurer_key, new_controller, started):
    next_block_at(started + RECOVERY_DELAY)
    receipt = send(registry.completeRecovery, insurer.id, sender=new_controller)
    assert events(receipt, registry) == [
        ("RecoveryCompleted", insurer.id, new_controller.address),
        ("ControllerTransferred", insurer.id, insurer.controller.address, new_controller.address),
    ]
    assert registry.controllerOf(insurer.id) == new_controller
    assert tuple(registry.recoveryOf(insurer.id)) == NONE
    send(registry.retireKey, insurer_key, sender=new_controller)


def test_complete_recovery_leaves_the_membership_alone(registry, insurer, new_controller, started):
    before = tuple(registry.membershipOf(insurer.id))
    travel_to(started + RECOVERY_DELAY)
    send(registry.completeRecovery, insurer.id, sender=new_controller)
    assert tuple(registry.membershipOf(insurer.id)) == before


def test_complete_recovery_works_at_once_when_upheld(registry, insurer, new_controller, upheld):
    receipt = send(registry.completeRecovery, insurer.id, sender=new_controller)
    membership = registry.membershipOf(insurer.id)
    assert (membership.frozen, membership.since) == (False, time_of(receipt))
    assert registry.controllerOf(insurer.id) == new_controller


def test_complete_recovery_reverts_before_it_is_ready(registry, insurer, new_controller, started):
    ready_at = started + RECOVERY_DELAY
    travel_to(ready_at - 1)
    assert refusal(registry.completeRecovery, insurer.id, sender=new_controller) == (
        "OrganizationRegistryRecoveryNotReady",
        insurer.id,
        ready_at,
    )


def test_complete_recovery_reverts_if_not_called_by_the_new_controller(registry, registrar, insurer, stranger, started):
    travel_to(started + RECOVERY_DELAY)
    for caller in (stranger, insurer.controller, registrar):
        assert refusal(registry.completeRecovery, insurer.id, sender=caller) == (
            "OrganizationRegistryNotPendingController",
            insurer.id,
            caller.address,
        )


def test_complete_recovery_reverts_if_none_is_under_way(registry, insurer, new_controller):
    assert refusal(registry.completeRecovery, insurer.id, sender=new_controller) == (
        "OrganizationRegistryNoRecovery",
        insurer.id,
    )


def test_recovery_acts_revert_if_the_organization_is_unknown(registry, registrar, guardian, admin, new_controller):
    nobody = identity_of("nobody")
    acts = [
        (registrar, registry.cancelRecovery, (Reason.CLEARED,)),
        (admin, registry.settleRecovery, (new_controller, ZERO, Reason.CLEARED)),
        (guardian, registry.contestRecoveryAsGuardian, (new_controller,)),
        (new_controller, registry.contestRecovery, (new_controller,)),
        (new_controller, registry.completeRecovery, ()),
    ]
    for sender, method, arguments in acts:
        assert refusal(method, nobody, *arguments, sender=sender) == ("OrganizationRegistryUnknownOrganization", nobody)


def test_complete_recovery_reverts_twice(registry, insurer, new_controller, started):
    travel_to(started + RECOVERY_DELAY)
    send(registry.completeRecovery, insurer.id, sender=new_controller)
    assert refusal(registry.completeRecovery, insurer.id, sender=new_controller) == (
        "OrganizationRegistryNoRecovery",
        insurer.id,
    )
