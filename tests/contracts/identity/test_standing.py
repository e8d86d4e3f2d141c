"""suspend, reinstate, expel: the whole table of standings."""

from __future__ import annotations

import pytest

from ..support import MemberRole, Reason, Standing, events, refusal, send, time_of


def in_standing(standing, registry, registrar, as_policy_administrator, member):
    """Brings an active organization into a standing."""
    if standing is Standing.SUSPENDED:
        send(registry.suspend, member.id, Reason.FRAUD, sender=registrar)
    elif standing is Standing.EXPELLED:
        as_policy_administrator(registry.expel, member.id, Reason.FRAUD)


# ---------------------------------------------------------------------- suspend


def test_suspend_stops_an_active_organization(registry, registrar, insurer):
    receipt = send(registry.suspend, insurer.id, Reason.SECURITY_INCIDENT, sender=registrar)
    assert events(receipt, registry) == [("OrganizationSuspended", insurer.id, Reason.SECURITY_INCIDENT)]
    assert tuple(registry.membershipOf(insurer.id)) == (
        insurer.roles,
        insurer.licence_expiry,
        Standing.SUSPENDED,
        False,
        time_of(receipt),
    )
    assert not registry.isActive(insurer.id, MemberRole.PAYER)


def test_suspended_organization_starts_nothing_new(registry, registrar, insurer, insurer_key):
    send(registry.suspend, insurer.id, Reason.FRAUD, sender=registrar)
    assert refusal(registry.requireActive, insurer_key, 1) == (
        "OrganizationRegistryNotInGoodStanding",
        insurer.id,
        Standing.SUSPENDED,
    )


def test_suspended_organization_may_finish_and_be_paid(registry, registrar, insurer, insurer_key):
    send(registry.suspend, insurer.id, Reason.FRAUD, sender=registrar)
    assert registry.requireKey(insurer_key) == insurer.id
    registry.requirePayable(insurer.id)


@pytest.mark.parametrize("standing", [Standing.SUSPENDED, Standing.EXPELLED], ids=lambda standing: standing.name)
def test_suspend_reverts_if_not_active(registry, registrar, as_policy_administrator, insurer, standing):
    in_standing(standing, registry, registrar, as_policy_administrator, insurer)
    assert refusal(registry.suspend, insurer.id, Reason.FRAUD, sender=registrar) == (
        "OrganizationRegistryForbiddenTransition",
        insurer.id,
        standing,
        Standing.SUSPENDED,
    )


# ---------------------------------------------------------------------- reinstate


def test_reinstate_makes_a_suspended_organization_active(registry, registrar, insurer):
    send(registry.suspend, insurer.id, Reason.FRAUD, sender=registrar)
    receipt = send(registry.reinstate, insurer.id, Reason.CLEARED, sender=registrar)
    assert events(receipt, registry) == [("OrganizationReinstated", insurer.id, Reason.CLEARED)]
    assert registry.membershipOf(insurer.id).standing == Standing.ACTIVE
    assert registry.isActive(insurer.id, MemberRole.PAYER)


def test_organization_may_be_suspended_again(registry, registrar, insurer):
    for _ in range(3):
        send(registry.suspend, insurer.id, Reason.FRAUD, sender=registrar)
        send(registry.reinstate, insurer.id, Reason.CLEARED, sender=registrar)
    assert registry.membershipOf(insurer.id).standing == Standing.ACTIVE


@pytest.mark.parametrize("standing", [Standing.ACTIVE, Standing.EXPELLED], ids=lambda standing: standing.name)
def test_reinstate_reverts_if_not_suspended(registry, registrar, as_policy_administrator, insurer, standing):
    in_standing(standing, registry, registrar, as_policy_administrator, insurer)
    assert refusal(registry.reinstate, insurer.id, Reason.CLEARED, sender=registrar) == (
        "OrganizationRegistryForbiddenTransition",
        insurer.id,
        standing,
        Standing.ACTIVE,
    )


# ---------------------------------------------------------------------- expel


@pytest.mark.parametrize("standing", [Standing.ACTIVE, Standing.SUSPENDED], ids=lambda standing: standing.name)
def test_expel_ends_the_membership(registry, registrar, as_policy_administrator, insurer, standing):
    in_standing(standing, registry, registrar, as_policy_administrator, insurer)
    receipt = as_policy_administrator(registry.expel, insurer.id, Reason.FRAUD)
    assert events(receipt, registry) == [("OrganizationExpelled", insurer.id, Reason.FRAUD)]
    assert registry.membershipOf(insurer.id).standing == Standing.EXPELLED
    assert not registry.isActive(insurer.id, MemberRole.PAYER)


def test_expelled_organization_may_finish_and_be_paid(registry, as_policy_administrator, insurer, insurer_key):
    as_policy_administrator(registry.expel, insurer.id, Reason.FRAUD)
    assert registry.requireKey(insurer_key) == insurer.id
    registry.requirePayable(insurer.id)


def test_expel_reverts_if_expelled(registry, as_policy_administrator, schedule, policy_administrator, insurer):
    as_policy_administrator(registry.expel, insurer.id, Reason.FRAUD)
    schedule(registry.expel, insurer.id, Reason.FRAUD)
    assert refusal(registry.expel, insurer.id, Reason.FRAUD, sender=policy_administrator) == (
        "OrganizationRegistryForbiddenTransition",
        insurer.id,
        Standing.EXPELLED,
        Standing.EXPELLED,
    )


def test_expelled_name_cannot_be_admitted_anew(registry, registrar, as_policy_administrator, admit, insurer_controller):
    member = admit("acme", insurer_controller, MemberRole.PAYER)
    as_policy_administrator(registry.expel, member.id, Reason.FRAUD)
    again = ("acme", insurer_controller.address, 1, member.licence_expiry + 1, bytes(32), [], Reason.APPLICATION)
    assert refusal(registry.admit, again, sender=registrar) == (
        "OrganizationRegistryAlreadyAdmitted",
        member.id,
        "acme",
    )
