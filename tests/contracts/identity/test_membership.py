"""renew, addMemberRoles, removeMemberRoles."""

from __future__ import annotations

import pytest

from ..support import (
    MemberRole,
    Reason,
    Standing,
    bits,
    chain_time,
    events,
    refusal,
    send,
    time_of,
    travel_to,
)

# ---------------------------------------------------------------------- renew


def test_renew_sets_the_licence_expiry(registry, registrar, insurer):
    expiry = insurer.licence_expiry + 1000
    receipt = send(registry.renew, insurer.id, expiry, Reason.LICENCE_RENEWED, sender=registrar)
    assert events(receipt, registry) == [("LicenceRenewed", insurer.id, expiry, Reason.LICENCE_RENEWED)]
    assert tuple(registry.membershipOf(insurer.id)) == (
        insurer.roles,
        expiry,
        Standing.ACTIVE,
        False,
        time_of(receipt),
    )


def test_renew_may_shorten_a_licence(registry, registrar, insurer):
    expiry = chain_time() + 100
    send(registry.renew, insurer.id, expiry, Reason.REGULATOR_ORDER, sender=registrar)
    travel_to(expiry)
    assert not registry.isActive(insurer.id, MemberRole.PAYER)


def test_renew_revives_an_expired_licence(registry, registrar, insurer):
    travel_to(insurer.licence_expiry)
    assert not registry.isActive(insurer.id, MemberRole.PAYER)
    send(registry.renew, insurer.id, insurer.licence_expiry + 1000, Reason.LICENCE_RENEWED, sender=registrar)
    assert registry.isActive(insurer.id, MemberRole.PAYER)


def test_renew_leaves_a_suspended_organization_suspended(registry, registrar, insurer):
    send(registry.suspend, insurer.id, Reason.LICENCE_LAPSED, sender=registrar)
    send(registry.renew, insurer.id, insurer.licence_expiry + 1, Reason.LICENCE_RENEWED, sender=registrar)
    assert registry.membershipOf(insurer.id).standing == Standing.SUSPENDED
    assert not registry.isActive(insurer.id, MemberRole.PAYER)


def test_renew_reverts_if_the_licence_would_be_past(registry, registrar, insurer):
    now = chain_time()
    for expiry in (0, now):
        assert refusal(registry.renew, insurer.id, expiry, Reason.LICENCE_RENEWED, sender=registrar) == (
            "OrganizationRegistryLicencePast",
            expiry,
            now,
        )


def test_renew_reverts_if_expelled(registry, registrar, insurer, as_policy_administrator):
    as_policy_administrator(registry.expel, insurer.id, Reason.FRAUD)
    expiry = insurer.licence_expiry + 1
    assert refusal(registry.renew, insurer.id, expiry, Reason.LICENCE_RENEWED, sender=registrar) == (
        "OrganizationRegistryNotInGoodStanding",
        insurer.id,
        Standing.EXPELLED,
    )


# ---------------------------------------------------------------------- addMemberRoles


def test_add_member_roles_adds_to_the_set(registry, registrar, hospital):
    added = bits(MemberRole.LABORATORY, MemberRole.PROVIDER)
    receipt = send(registry.addMemberRoles, hospital.id, added, Reason.SCOPE_CHANGED, sender=registrar)
    both = bits(MemberRole.PROVIDER, MemberRole.LABORATORY)
    assert events(receipt, registry) == [("MemberRolesChanged", hospital.id, both, Reason.SCOPE_CHANGED)]
    assert registry.membershipOf(hospital.id).memberRoles == both
    assert registry.isActive(hospital.id, MemberRole.LABORATORY)


def test_add_member_roles_that_it_has_changes_nothing(registry, registrar, hospital):
    before = tuple(registry.membershipOf(hospital.id))
    receipt = send(registry.addMemberRoles, hospital.id, hospital.roles, Reason.SCOPE_CHANGED, sender=registrar)
    assert receipt.logs == []
    assert tuple(registry.membershipOf(hospital.id)) == before


@pytest.mark.parametrize("roles", [0, 2**11, 2**31 | 1])
@pytest.mark.parametrize("function", ["addMemberRoles", "removeMemberRoles"])
def test_change_of_member_roles_reverts_if_the_set_is_invalid(registry, registrar, hospital, function, roles):
    method = getattr(registry, function)
    assert refusal(method, hospital.id, roles, Reason.SCOPE_CHANGED, sender=registrar) == (
        "OrganizationRegistryInvalidMemberRoles",
        roles,
    )


# ---------------------------------------------------------------------- removeMemberRoles


def test_remove_member_roles_takes_from_the_set(registry, registrar, insurer):
    removed = bits(MemberRole.AUDITOR, MemberRole.CARRIER)
    receipt = send(registry.removeMemberRoles, insurer.id, removed, Reason.REGULATOR_ORDER, sender=registrar)
    left = bits(MemberRole.PAYER)
    assert events(receipt, registry) == [("MemberRolesChanged", insurer.id, left, Reason.REGULATOR_ORDER)]
    assert registry.membershipOf(insurer.id).memberRoles == left
    assert not registry.isActive(insurer.id, MemberRole.AUDITOR)


def test_remove_member_roles_may_leave_none(registry, registrar, hospital):
    send(registry.removeMemberRoles, hospital.id, hospital.roles, Reason.SCOPE_CHANGED, sender=registrar)
    assert registry.membershipOf(hospital.id).memberRoles == 0
    assert registry.membershipOf(hospital.id).standing == Standing.ACTIVE
    assert not any(registry.isActive(hospital.id, role) for role in MemberRole)


def test_remove_member_roles_that_it_lacks_changes_nothing(registry, registrar, hospital):
    removed = bits(MemberRole.CARRIER)
    assert send(registry.removeMemberRoles, hospital.id, removed, Reason.SCOPE_CHANGED, sender=registrar).logs == []
    assert registry.membershipOf(hospital.id).memberRoles == hospital.roles
