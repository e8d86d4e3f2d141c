"""What other contracts ask, and what a reader learns about the past."""

from __future__ import annotations

import pytest

from ..support import (
    DAY,
    ZERO,
    ZERO_HASH,
    ZERO_ID,
    KeyStatus,
    MemberRole,
    Reason,
    Standing,
    bits,
    chain_time,
    identity_of,
    mine_together,
    next_block_at,
    refusal,
    send,
    time_of,
    travel,
    travel_to,
)

UNKNOWN = identity_of("nobody")
NEVER = (0, 0, Standing.UNKNOWN, False, 0)
NOBODYS = (ZERO_ID, KeyStatus.UNKNOWN, False, 0)

# ---------------------------------------------------------------------- now


def test_require_active_names_the_keys_organization(registry, insurer, insurer_key):
    assert registry.requireActive(insurer_key, bits(MemberRole.PAYER)) == insurer.id


def test_require_active_asks_for_any_of_the_roles(registry, insurer, insurer_key):
    assert registry.requireActive(insurer_key, bits(MemberRole.CARRIER, MemberRole.AUDITOR)) == insurer.id


@pytest.mark.parametrize("any_of", [0, bits(MemberRole.PROVIDER, MemberRole.CARRIER), 2**31])
def test_require_active_reverts_without_one_of_the_roles(registry, insurer, insurer_key, any_of):
    wanted = ("OrganizationRegistryMissingMemberRole", insurer.id, any_of)
    assert refusal(registry.requireActive, insurer_key, any_of) == wanted
    assert refusal(registry.requireActiveOrganization, insurer.id, any_of) == wanted


def test_require_active_reverts_for_an_unknown_key(registry, insurer, insurer_key, spare_key):
    for account in (spare_key.address, insurer.controller.address, ZERO):
        assert refusal(registry.requireActive, account, 1) == ("OrganizationRegistryUnknownKey", account)
        assert refusal(registry.requireKey, account) == ("OrganizationRegistryUnknownKey", account)


def test_require_active_reverts_from_the_licence_expiry_on(registry, insurer, insurer_key):
    travel_to(insurer.licence_expiry - 1)
    assert registry.requireActive(insurer_key, 1) == insurer.id
    assert registry.isActive(insurer.id, MemberRole.PAYER)
    travel_to(insurer.licence_expiry)
    wanted = ("OrganizationRegistryLicenceExpired", insurer.id, insurer.licence_expiry)
    assert refusal(registry.requireActive, insurer_key, 1) == wanted
    assert refusal(registry.requireActiveOrganization, insurer.id, 1) == wanted
    assert not registry.isActive(insurer.id, MemberRole.PAYER)


def test_past_its_licence_an_organization_may_finish_and_be_paid(registry, insurer, insurer_key):
    travel_to(insurer.licence_expiry + 365 * DAY)
    assert registry.requireKey(insurer_key) == insurer.id
    registry.requirePayable(insurer.id)


def test_require_active_organization_accepts_one_in_force(registry, insurer, hospital):
    registry.requireActiveOrganization(insurer.id, bits(MemberRole.PAYER))
    registry.requireActiveOrganization(hospital.id, bits(MemberRole.PROVIDER, MemberRole.PAYER))


def test_require_active_organization_reverts_if_suspended(registry, registrar, insurer):
    send(registry.suspend, insurer.id, Reason.FRAUD, sender=registrar)
    assert refusal(registry.requireActiveOrganization, insurer.id, 1) == (
        "OrganizationRegistryNotInGoodStanding",
        insurer.id,
        Standing.SUSPENDED,
    )


def test_unknown_organization_is_refused_and_reads_as_nothing(registry):
    wanted = ("OrganizationRegistryUnknownOrganization", UNKNOWN)
    assert refusal(registry.requireActiveOrganization, UNKNOWN, 1) == wanted
    assert refusal(registry.requirePayable, UNKNOWN) == wanted
    assert tuple(registry.membershipOf(UNKNOWN)) == NEVER
    assert tuple(registry.membershipAt(UNKNOWN, chain_time())) == NEVER
    assert registry.controllerOf(UNKNOWN) == ZERO
    assert registry.pendingControllerOf(UNKNOWN) == ZERO
    assert tuple(registry.recoveryOf(UNKNOWN)) == (ZERO, 0, False)
    assert registry.metadataCommitmentOf(UNKNOWN) == ZERO_HASH
    assert not any(registry.isActive(UNKNOWN, role) for role in MemberRole)


def test_unknown_key_reads_as_nobodys(registry, spare_key):
    assert tuple(registry.keyOf(spare_key)) == (ZERO_ID, 0, 0, 0, 0)
    assert tuple(registry.organizationOf(spare_key)) == (ZERO_ID, KeyStatus.UNKNOWN)
    assert tuple(registry.organizationAt(spare_key, chain_time())) == NOBODYS


# ---------------------------------------------------------------------- a key's past


def test_organization_at_refuses_the_future(registry, insurer, insurer_key):
    now = chain_time()
    assert refusal(registry.organizationAt, insurer_key, now + 1) == (
        "OrganizationRegistryTimeInFuture",
        now + 1,
        now,
    )
    assert refusal(registry.membershipAt, insurer.id, now + 1) == ("OrganizationRegistryTimeInFuture", now + 1, now)


def test_organization_at_knows_nothing_before_the_key(registry, insurer, insurer_key):
    added_at = registry.keyOf(insurer_key).addedAt
    assert tuple(registry.organizationAt(insurer_key, added_at - 1)) == NOBODYS
    assert tuple(registry.organizationAt(insurer_key, added_at)) == (insurer.id, KeyStatus.ACTIVE, False, 0)


def test_organization_at_tells_a_retirement_from_its_second_on(registry, insurer, insurer_key):
    time = chain_time() + 100
    next_block_at(time)
    send(registry.retireKey, insurer_key, sender=insurer.controller)
    travel(100)
    assert tuple(registry.organizationAt(insurer_key, time - 1)) == (insurer.id, KeyStatus.ACTIVE, False, 0)
    assert tuple(registry.organizationAt(insurer_key, time)) == (insurer.id, KeyStatus.RETIRED, False, 0)
    assert tuple(registry.organizationAt(insurer_key, time + 100)) == (insurer.id, KeyStatus.RETIRED, False, 0)


def test_organization_at_tells_what_was_known_then_and_what_is_known_now(registry, insurer, insurer_key):
    start = chain_time()
    cut_off, reported = start + 100, start + 500
    next_block_at(reported)
    send(registry.reportCompromise, insurer_key, cut_off, sender=insurer.controller)
    travel(100)
    answers = {
        cut_off - 1: (KeyStatus.ACTIVE, False, 0),
        cut_off: (KeyStatus.ACTIVE, True, reported),
        reported - 1: (KeyStatus.ACTIVE, True, reported),
        reported: (KeyStatus.COMPROMISED, True, reported),
        reported + 100: (KeyStatus.COMPROMISED, True, reported),
    }
    for time, answer in answers.items():
        assert tuple(registry.organizationAt(insurer_key, time)) == (insurer.id, *answer), time - start


def test_organization_at_gives_each_time_its_first_covering_report(registry, registrar, insurer, insurer_key):
    start = chain_time()
    reports = [(start + 300, start + 400), (start + 200, start + 500), (start + 100, start + 600)]
    for cut_off, time in reports:
        next_block_at(time)
        send(registry.reportCompromise, insurer_key, cut_off, sender=insurer.controller)
    travel(100)
    answers = {
        start + 99: (KeyStatus.ACTIVE, False, 0),
        start + 100: (KeyStatus.ACTIVE, True, start + 600),
        start + 199: (KeyStatus.ACTIVE, True, start + 600),
        start + 200: (KeyStatus.ACTIVE, True, start + 500),
        start + 299: (KeyStatus.ACTIVE, True, start + 500),
        start + 300: (KeyStatus.ACTIVE, True, start + 400),
        start + 399: (KeyStatus.ACTIVE, True, start + 400),
        start + 400: (KeyStatus.COMPROMISED, True, start + 400),
    }
    for time, answer in answers.items():
        assert tuple(registry.organizationAt(insurer_key, time)) == (insurer.id, *answer), time - start


def test_organization_at_tells_retired_then_compromised(registry, registrar, insurer, insurer_key):
    start = chain_time()
    next_block_at(start + 100)
    send(registry.retireKey, insurer_key, sender=insurer.controller)
    next_block_at(start + 200)
    send(registry.reportCompromise, insurer_key, start + 50, sender=insurer.controller)
    answers = {
        start + 49: (KeyStatus.ACTIVE, False, 0),
        start + 50: (KeyStatus.ACTIVE, True, start + 200),
        start + 100: (KeyStatus.RETIRED, True, start + 200),
        start + 200: (KeyStatus.COMPROMISED, True, start + 200),
    }
    for time, answer in answers.items():
        assert tuple(registry.organizationAt(insurer_key, time)) == (insurer.id, *answer), time - start


# ---------------------------------------------------------------------- a membership's past


def test_membership_at_is_nothing_before_the_admission(registry, insurer):
    assert tuple(registry.membershipAt(insurer.id, insurer.admitted_at - 1)) == NEVER
    assert registry.membershipAt(insurer.id, insurer.admitted_at).standing == Standing.ACTIVE


def test_membership_at_keeps_every_change(registry, registrar, insurer, new_controller, admin):
    start = chain_time()
    roles, expiry, added = insurer.roles, insurer.licence_expiry, bits(MemberRole.CARRIER)
    stranger_controller = new_controller.address
    acts = [
        (registrar, registry.suspend, (Reason.FRAUD,)),
        (registrar, registry.reinstate, (Reason.CLEARED,)),
        (registrar, registry.renew, (expiry + 1, Reason.LICENCE_RENEWED)),
        (registrar, registry.addMemberRoles, (added, Reason.SCOPE_CHANGED)),
        (registrar, registry.startRecovery, (stranger_controller, Reason.CONTROLLER_LOST)),
        (insurer.controller, registry.contestRecovery, (stranger_controller,)),
        (admin, registry.settleRecovery, (new_controller, ZERO, Reason.FRAUD)),
        (registrar, registry.removeMemberRoles, (added, Reason.SCOPE_CHANGED)),
    ]
    for number, (sender, method, arguments) in enumerate(acts, start=1):
        next_block_at(start + 10 * number)
        send(method, insurer.id, *arguments, sender=sender)
    travel(10)
    active, suspended = Standing.ACTIVE, Standing.SUSPENDED
    # What held from each time on; the start of a recovery alone changes no membership.
    history = [
        (insurer.admitted_at, (roles, expiry, active, False)),
        (start + 10, (roles, expiry, suspended, False)),
        (start + 20, (roles, expiry, active, False)),
        (start + 30, (roles, expiry + 1, active, False)),
        (start + 40, (roles | added, expiry + 1, active, False)),
        (start + 60, (roles | added, expiry + 1, active, True)),
        (start + 70, (roles | added, expiry + 1, active, False)),
        (start + 80, (roles, expiry + 1, active, False)),
    ]
    ends = [time - 1 for time, _ in history[1:]] + [chain_time()]
    for (since, held), end in zip(history, ends, strict=True):
        for time in (since, end):
            assert tuple(registry.membershipAt(insurer.id, time)) == (*held, since), time - start
    assert tuple(registry.membershipOf(insurer.id)) == (*history[-1][1], history[-1][0])


def test_membership_at_keeps_the_last_of_several_changes_in_one_block(registry, registrar, insurer):
    before = tuple(registry.membershipOf(insurer.id))
    time = chain_time() + 100
    next_block_at(time)
    with mine_together() as queue:
        queue(registry.suspend, insurer.id, Reason.FRAUD, sender=registrar)
        queue(registry.addMemberRoles, insurer.id, bits(MemberRole.CARRIER), Reason.SCOPE_CHANGED, sender=registrar)
        queue(registry.reinstate, insurer.id, Reason.CLEARED, sender=registrar)
    assert chain_time() == time
    after = (insurer.roles | bits(MemberRole.CARRIER), insurer.licence_expiry, Standing.ACTIVE, False, time)
    travel(100)
    assert tuple(registry.membershipAt(insurer.id, time - 1)) == before
    assert tuple(registry.membershipAt(insurer.id, time)) == after
    later = time_of(send(registry.suspend, insurer.id, Reason.FRAUD, sender=registrar))
    travel(1)
    assert tuple(registry.membershipAt(insurer.id, time - 1)) == before
    assert tuple(registry.membershipAt(insurer.id, time)) == after
    assert tuple(registry.membershipAt(insurer.id, later - 1)) == after
    assert registry.membershipAt(insurer.id, later).standing == Standing.SUSPENDED


def test_membership_at_survives_an_admission_and_changes_in_one_block(registry, registrar, insurer_controller):
    time = chain_time() + 100
    expiry = time + 1000
    next_block_at(time)
    with mine_together() as queue:
        admitted = ("acme", insurer_controller.address, 1, expiry, ZERO_HASH, [], Reason.APPLICATION)
        queue(registry.admit, admitted, sender=registrar)
        queue(registry.suspend, identity_of("acme"), Reason.FRAUD, sender=registrar)
    travel(1)
    acme = identity_of("acme")
    assert tuple(registry.membershipAt(acme, time)) == (1, expiry, Standing.SUSPENDED, False, time)
    assert tuple(registry.membershipAt(acme, time - 1)) == NEVER


def test_membership_at_does_not_judge_the_licence(registry, insurer):
    travel_to(insurer.licence_expiry + DAY)
    membership = registry.membershipAt(insurer.id, insurer.licence_expiry + 1)
    assert (membership.standing, membership.licenceExpiry) == (Standing.ACTIVE, insurer.licence_expiry)
