"""admit, admitMany, assignIdentifiers, withdrawIdentifier, commitMetadata."""

from __future__ import annotations

import pytest

from ..support import (
    ZERO,
    ZERO_HASH,
    ZERO_ID,
    Reason,
    Standing,
    admission,
    chain_time,
    events,
    identity_of,
    next_block_at,
    padded,
    refusal,
    send,
    time_of,
)

GLN = (padded("GLN"), padded("0614141000005"))
NPI = (padded("NPI"), padded("1234567893"))
EVERY_ROLE = 2**11 - 1
TRANSACTION_GAS_CAP = 2**24

# ---------------------------------------------------------------------- admit


def test_admit_makes_the_organization_active(registry, registrar, insurer_controller):
    expiry = chain_time() + 1000
    receipt = send(registry.admit, admission("acme", insurer_controller, 0b101, expiry, b"\7" * 32), sender=registrar)
    acme = identity_of("acme")
    assert tuple(registry.membershipOf(acme)) == (0b101, expiry, Standing.ACTIVE, False, time_of(receipt))
    assert registry.controllerOf(acme) == insurer_controller
    assert registry.metadataCommitmentOf(acme) == b"\7" * 32
    assert registry.isActive(acme, 2)
    assert not registry.isActive(acme, 1)


def test_admit_emits_what_was_stated(registry, registrar, insurer_controller):
    expiry = chain_time() + 1000
    stated = admission("acme", insurer_controller, 0b101, expiry, b"\7" * 32, (GLN, NPI), Reason.MERGER)
    receipt = send(registry.admit, stated, sender=registrar)
    acme = identity_of("acme")
    assert events(receipt, registry) == [
        ("OrganizationAdmitted", acme, insurer_controller.address, "acme", 0b101, expiry, b"\7" * 32, Reason.MERGER),
        ("IdentifierAssigned", acme, *GLN),
        ("IdentifierAssigned", acme, *NPI),
    ]


def test_admit_assigns_the_identifiers(registry, registrar, insurer_controller):
    send(registry.admit, admission("acme", insurer_controller, identifiers=(GLN, NPI)), sender=registrar)
    assert registry.organizationByIdentifier(*GLN) == identity_of("acme")
    assert registry.organizationByIdentifier(*NPI) == identity_of("acme")


def test_admit_takes_an_identifier_stated_twice_once(registry, registrar, insurer_controller):
    receipt = send(registry.admit, admission("acme", insurer_controller, identifiers=(GLN, GLN)), sender=registrar)
    assert [event[0] for event in events(receipt, registry)] == ["OrganizationAdmitted", "IdentifierAssigned"]


def test_admit_the_same_again_changes_nothing(registry, registrar, insurer_controller):
    stated = admission("acme", insurer_controller, identifiers=(GLN,))
    send(registry.admit, stated, sender=registrar)
    before = tuple(registry.membershipOf(identity_of("acme")))
    receipt = send(registry.admit, stated, sender=registrar)
    assert receipt.logs == []
    assert tuple(registry.membershipOf(identity_of("acme"))) == before


def test_admit_the_same_again_changes_nothing_after_a_suspension(registry, registrar, insurer_controller):
    stated = admission("acme", insurer_controller)
    send(registry.admit, stated, sender=registrar)
    send(registry.suspend, identity_of("acme"), Reason.FRAUD, sender=registrar)
    assert send(registry.admit, stated, sender=registrar).logs == []
    assert registry.membershipOf(identity_of("acme")).standing == Standing.SUSPENDED


def test_admit_returns_the_id(registry, registrar, insurer_controller):
    assert registry.admit.call(admission("acme", insurer_controller), sender=registrar) == identity_of("acme")
    assert registry.idOf("acme") == identity_of("acme")


@pytest.mark.parametrize(
    "changed",
    [
        {"controller": "0x" + 40 * "1"},
        {"roles": 2},
        {"licence_expiry": 4_000_000_000},
        {"metadata": b"\1" * 32},
        {"identifiers": (GLN,)},
        {"reason": Reason.MERGER},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_admit_reverts_if_admitted_with_other_content(registry, registrar, insurer_controller, changed):
    stated = {"controller": insurer_controller, "licence_expiry": 3_000_000_000}
    send(registry.admit, admission("acme", **stated), sender=registrar)
    assert refusal(registry.admit, admission("acme", **{**stated, **changed}), sender=registrar) == (
        "OrganizationRegistryAlreadyAdmitted",
        identity_of("acme"),
        "acme",
    )


@pytest.mark.parametrize(
    "name",
    [
        *["", "a" * 65, "Acme", "acme corp", "acme_corp", "acme/corp", "acm\u00e9", "\u0430cme", "acme\0", "acme`"],
        *["acme{", ".a", "a-", "0x0057f24045fa0d25a1d0eb68"],
    ],
)
def test_admit_reverts_if_the_name_is_invalid(registry, registrar, insurer_controller, name):
    assert refusal(registry.admit, admission(name, insurer_controller), sender=registrar) == (
        "OrganizationRegistryInvalidName",
        name,
    )


@pytest.mark.parametrize("name", ["a", "0", "z.9-a", "a" * 64])
def test_admit_takes_a_name_of_every_allowed_form(registry, registrar, insurer_controller, name):
    send(registry.admit, admission(name, insurer_controller), sender=registrar)
    assert registry.membershipOf(identity_of(name)).standing == Standing.ACTIVE


def test_admit_reverts_if_no_reason_is_stated(registry, registrar, insurer_controller):
    stated = admission("acme", insurer_controller, reason=Reason.UNSPECIFIED)
    assert refusal(registry.admit, stated, sender=registrar) == ("OrganizationRegistryReasonMissing",)


@pytest.mark.parametrize("roles", [0, EVERY_ROLE + 1, 2**31 | 1])
def test_admit_reverts_if_the_member_roles_are_invalid(registry, registrar, insurer_controller, roles):
    assert refusal(registry.admit, admission("acme", insurer_controller, roles), sender=registrar) == (
        "OrganizationRegistryInvalidMemberRoles",
        roles,
    )


def test_admit_takes_every_member_role(registry, registrar, insurer_controller):
    send(registry.admit, admission("acme", insurer_controller, EVERY_ROLE), sender=registrar)
    assert all(registry.isActive(identity_of("acme"), role) for role in range(11))


def test_admit_reverts_if_the_licence_is_past(registry, registrar, insurer_controller):
    now = chain_time()
    for expiry in (0, now):
        assert refusal(registry.admit, admission("acme", insurer_controller, 1, expiry), sender=registrar) == (
            "OrganizationRegistryLicencePast",
            expiry,
            now,
        )


def test_admit_takes_a_licence_of_one_second(registry, registrar, insurer_controller):
    time = chain_time() + 10
    next_block_at(time)
    send(registry.admit, admission("acme", insurer_controller, 1, time + 1), sender=registrar)
    assert registry.isActive(identity_of("acme"), 0)


def test_admit_reverts_if_the_controller_is_zero(registry, registrar):
    assert refusal(registry.admit, admission("acme", ZERO), sender=registrar) == (
        "OrganizationRegistryInvalidAccount",
        identity_of("acme"),
        ZERO,
    )


@pytest.mark.parametrize("identifier", [(ZERO_HASH, GLN[1]), (GLN[0], ZERO_HASH)], ids=["scheme", "value"])
def test_admit_reverts_if_an_identifier_is_empty(registry, registrar, insurer_controller, identifier):
    stated = admission("acme", insurer_controller, identifiers=(identifier,))
    assert refusal(registry.admit, stated, sender=registrar) == ("OrganizationRegistryInvalidIdentifier", *identifier)


def test_admit_reverts_if_another_holds_an_identifier(registry, registrar, insurer_controller):
    send(registry.admit, admission("acme", insurer_controller, identifiers=(GLN,)), sender=registrar)
    stated = admission("other", insurer_controller, identifiers=(NPI, GLN))
    assert refusal(registry.admit, stated, sender=registrar) == (
        "OrganizationRegistryIdentifierTaken",
        *GLN,
        identity_of("acme"),
    )


# ---------------------------------------------------------------------- admitMany


def test_admit_many_admits_one_hundred_under_the_gas_cap(registry, registrar, insurer_controller):
    stated = [
        admission(
            f"hospital-{i:03}.region-{i % 7}.example",
            insurer_controller,
            metadata=bytes([i]) * 32,
            identifiers=((padded("GLN"), padded(f"{i:013}")), (padded("NPI"), padded(f"{i:010}"))),
        )
        for i in range(1, 101)
    ]
    receipt = send(registry.admitMany, stated, sender=registrar, gas=TRANSACTION_GAS_CAP)
    assert receipt.gas_used < TRANSACTION_GAS_CAP
    assert len(events(receipt, registry)) == 300
    assert all(registry.isActive(identity_of(one[0]), 0) for one in (stated[0], stated[49], stated[99]))


def test_admit_many_admits_all_or_none(registry, registrar, insurer_controller):
    good, bad = admission("acme", insurer_controller), admission("other", ZERO)
    assert refusal(registry.admitMany, [good, bad], sender=registrar) == (
        "OrganizationRegistryInvalidAccount",
        identity_of("other"),
        ZERO,
    )
    assert registry.membershipOf(identity_of("acme")).standing == Standing.UNKNOWN


def test_admit_many_skips_what_was_admitted(registry, registrar, insurer_controller):
    first, second = admission("acme", insurer_controller), admission("other", insurer_controller)
    send(registry.admit, first, sender=registrar)
    receipt = send(registry.admitMany, [first, second, second], sender=registrar)
    assert [event[:2] for event in events(receipt, registry)] == [("OrganizationAdmitted", identity_of("other"))]


def test_admit_many_of_none_does_nothing(registry, registrar):
    assert send(registry.admitMany, [], sender=registrar).logs == []


# ---------------------------------------------------------------------- assignIdentifiers


def test_assign_identifiers_assigns_each(registry, registrar, insurer):
    receipt = send(registry.assignIdentifiers, insurer.id, [GLN, NPI], sender=registrar)
    assert events(receipt, registry) == [
        ("IdentifierAssigned", insurer.id, *GLN),
        ("IdentifierAssigned", insurer.id, *NPI),
    ]
    assert registry.organizationByIdentifier(*GLN) == insurer.id


def test_assign_identifiers_skips_what_the_organization_has(registry, registrar, insurer):
    send(registry.assignIdentifiers, insurer.id, [GLN], sender=registrar)
    receipt = send(registry.assignIdentifiers, insurer.id, [GLN, NPI], sender=registrar)
    assert events(receipt, registry) == [("IdentifierAssigned", insurer.id, *NPI)]


def test_assign_identifiers_reverts_if_another_holds_one(registry, registrar, insurer, hospital):
    send(registry.assignIdentifiers, insurer.id, [GLN], sender=registrar)
    assert refusal(registry.assignIdentifiers, hospital.id, [NPI, GLN], sender=registrar) == (
        "OrganizationRegistryIdentifierTaken",
        *GLN,
        insurer.id,
    )


def test_assign_identifiers_reverts_if_one_is_empty(registry, registrar, insurer):
    assert refusal(registry.assignIdentifiers, insurer.id, [(GLN[0], ZERO_HASH)], sender=registrar) == (
        "OrganizationRegistryInvalidIdentifier",
        GLN[0],
        ZERO_HASH,
    )


# ---------------------------------------------------------------------- withdrawIdentifier


def test_withdraw_identifier_frees_it_for_another(registry, registrar, insurer, hospital):
    send(registry.assignIdentifiers, insurer.id, [GLN], sender=registrar)
    receipt = send(registry.withdrawIdentifier, insurer.id, GLN, Reason.CLERICAL_ERROR, sender=registrar)
    assert events(receipt, registry) == [("IdentifierWithdrawn", insurer.id, *GLN, Reason.CLERICAL_ERROR)]
    assert registry.organizationByIdentifier(*GLN) == ZERO_ID
    send(registry.assignIdentifiers, hospital.id, [GLN], sender=registrar)
    assert registry.organizationByIdentifier(*GLN) == hospital.id


def test_withdraw_identifier_reverts_if_nobody_holds_it(registry, registrar, insurer):
    for organization in (insurer.id, ZERO_ID):
        assert refusal(registry.withdrawIdentifier, organization, GLN, Reason.MERGER, sender=registrar) == (
            "OrganizationRegistryIdentifierNotHeld",
            *GLN,
            ZERO_ID,
        )


def test_withdraw_identifier_reverts_if_another_holds_it(registry, registrar, insurer, hospital):
    send(registry.assignIdentifiers, insurer.id, [GLN], sender=registrar)
    assert refusal(registry.withdrawIdentifier, hospital.id, GLN, Reason.MERGER, sender=registrar) == (
        "OrganizationRegistryIdentifierNotHeld",
        *GLN,
        insurer.id,
    )


def test_withdraw_identifier_reverts_if_no_reason_is_stated(registry, registrar, insurer):
    send(registry.assignIdentifiers, insurer.id, [GLN], sender=registrar)
    assert refusal(registry.withdrawIdentifier, insurer.id, GLN, Reason.UNSPECIFIED, sender=registrar) == (
        "OrganizationRegistryReasonMissing",
    )


# ---------------------------------------------------------------------- commitMetadata


def test_commit_metadata_replaces_the_commitment(registry, registrar, insurer):
    receipt = send(registry.commitMetadata, insurer.id, b"\2" * 32, Reason.OWN_REQUEST, sender=registrar)
    assert events(receipt, registry) == [("MetadataCommitted", insurer.id, b"\2" * 32, Reason.OWN_REQUEST)]
    assert registry.metadataCommitmentOf(insurer.id) == b"\2" * 32


def test_commit_metadata_is_no_change_of_membership(registry, registrar, insurer):
    before = tuple(registry.membershipOf(insurer.id))
    send(registry.commitMetadata, insurer.id, b"\2" * 32, Reason.OWN_REQUEST, sender=registrar)
    assert tuple(registry.membershipOf(insurer.id)) == before
