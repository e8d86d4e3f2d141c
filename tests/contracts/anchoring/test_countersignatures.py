"""countersign, withdrawCountersignature."""

from __future__ import annotations

import pytest

from ..support import (
    DAY,
    ZERO,
    ZERO_HASH,
    ZERO_ID,
    KeyStatus,
    Reason,
    Standing,
    chain_time,
    events,
    refusal,
    send,
    time_of,
    travel,
    travel_to,
)
from .documents import LEAF, OTHER, TERMS, Amendment, Batch, Complaint, Revocation, Status, record, single

BATCH = Batch.of(5)
NONE = (ZERO, 0, 0)


@pytest.fixture
def anchored_at(anchors, hospital_key):
    """The time at which the hospital anchored the leaf."""
    return time_of(send(anchors.anchor, LEAF, TERMS, sender=hospital_key))


@pytest.fixture
def countersigned_at(anchors, hospital_key, laboratory_key, anchored_at):
    """The time at which the laboratory countersigned it."""
    return time_of(send(anchors.countersign, single(hospital_key), sender=laboratory_key))


# ---------------------------------------------------------------------- countersign


def test_countersign_is_kept_by_organization(
    anchors, hospital_key, laboratory, laboratory_key, insurer, insurer_key, anchored_at
):
    for member, key in ((laboratory, laboratory_key), (insurer, insurer_key)):
        receipt = send(anchors.countersign, single(hospital_key), sender=key)
        assert events(receipt, anchors) == [
            ("DocumentCountersigned", hospital_key.address, LEAF, member.id, key.address)
        ]
        given = (key.address, time_of(receipt), 0)
        assert tuple(anchors.countersignatureOf(hospital_key, LEAF, member.id)) == given
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(anchored_at)
    assert tuple(anchors.countersignatureOf(hospital_key, OTHER, insurer.id)) == NONE


def test_countersign_of_a_document_in_a_batch(anchors, hospital_key, laboratory, laboratory_key):
    send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key)
    send(anchors.countersign, BATCH.document(hospital_key, 2), sender=laboratory_key)
    signed = [anchors.countersignatureOf(hospital_key, one, laboratory.id).signedAt != 0 for one in BATCH.leaves]
    assert signed == [False, False, True, False, False]


def test_countersign_takes_a_disputed_document(anchors, hospital_key, laboratory, laboratory_key, insurer_key, insurer):
    send(anchors.anchor, LEAF, TERMS, sender=hospital_key)
    send(anchors.dispute, single(hospital_key), Complaint.INACCURATE, ZERO_HASH, sender=insurer_key)
    send(anchors.countersign, single(hospital_key), sender=laboratory_key)
    assert anchors.countersignatureOf(hospital_key, LEAF, laboratory.id).signedAt != 0


def test_countersign_again_changes_nothing(
    anchors, hospital_key, laboratory, laboratory_key, spare_key, add_key, countersigned_at
):
    add_key(laboratory, spare_key)
    send(anchors.revoke, LEAF, Revocation.ENTERED_IN_ERROR, sender=hospital_key)
    for caller in (laboratory_key, spare_key):
        assert send(anchors.countersign, single(hospital_key), sender=caller).logs == []
    assert tuple(anchors.countersignatureOf(hospital_key, LEAF, laboratory.id)) == (
        laboratory_key.address,
        countersigned_at,
        0,
    )


def test_countersign_reverts_once_withdrawn(anchors, hospital_key, laboratory, laboratory_key, countersigned_at):
    send(anchors.withdrawCountersignature, hospital_key, LEAF, sender=laboratory_key)
    assert refusal(anchors.countersign, single(hospital_key), sender=laboratory_key) == (
        "DocumentAnchorCountersignatureWithdrawn",
        hospital_key.address,
        LEAF,
        laboratory.id,
    )


@pytest.mark.parametrize("event", [None, "retired", "compromised"])
def test_countersign_reverts_for_its_own_document(
    anchors, hospital, hospital_key, hospital_other_key, anchored_at, befall, event
):
    if event:
        befall(event)
    for caller in (hospital_other_key,) if event else (hospital_key, hospital_other_key):
        assert refusal(anchors.countersign, single(hospital_key), sender=caller) == (
            "DocumentAnchorOwnDocument",
            hospital_key.address,
            LEAF,
            hospital.id,
        )


@pytest.mark.parametrize("status", [Status.REVOKED, Status.SUPERSEDED, Status.EXPIRED])
def test_countersign_reverts_if_not_in_force(anchors, hospital_key, laboratory_key, status):
    terms = TERMS + chain_time() + DAY
    send(anchors.anchor, LEAF, terms, sender=hospital_key)
    if status == Status.REVOKED:
        send(anchors.revoke, LEAF, Revocation.ENTERED_IN_ERROR, sender=hospital_key)
    elif status == Status.SUPERSEDED:
        send(anchors.amend, single(hospital_key), OTHER, TERMS, Amendment.CORRECTION, sender=hospital_key)
    else:
        travel(DAY)
    assert refusal(anchors.countersign, single(hospital_key), sender=laboratory_key) == (
        "DocumentAnchorNotInForce",
        hospital_key.address,
        LEAF,
        status,
    )


def test_countersign_reverts_if_unknown(anchors, hospital_key, laboratory_key, anchored_at):
    send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key)
    for document, wanted in (
        (single(hospital_key, OTHER), ("DocumentAnchorUnknown", hospital_key.address, OTHER)),
        (single(hospital_key, BATCH.root), ("DocumentAnchorUnknown", hospital_key.address, BATCH.root)),
        (BATCH.document(hospital_key, 0, index=5), ("DocumentAnchorNotInBatch", BATCH.root, 5, BATCH.leaves[0])),
    ):
        assert refusal(anchors.countersign, document, sender=laboratory_key) == wanted


def test_countersign_reverts_for_a_suspended_member(
    anchors, registry, registrar, laboratory, hospital_key, laboratory_key, anchored_at
):
    send(registry.suspend, laboratory.id, Reason.FRAUD, sender=registrar)
    assert refusal(anchors.countersign, single(hospital_key), sender=laboratory_key) == (
        "OrganizationRegistryNotInGoodStanding",
        laboratory.id,
        Standing.SUSPENDED,
    )


def test_countersign_reverts_past_the_licence(anchors, laboratory, hospital_key, laboratory_key, anchored_at):
    travel_to(laboratory.licence_expiry)
    assert refusal(anchors.countersign, single(hospital_key), sender=laboratory_key) == (
        "OrganizationRegistryLicenceExpired",
        laboratory.id,
        laboratory.licence_expiry,
    )


def test_countersign_reverts_if_nobody_knows_the_caller(anchors, hospital_key, stranger, anchored_at):
    assert refusal(anchors.countersign, single(hospital_key), sender=stranger) == (
        "OrganizationRegistryUnknownKey",
        stranger.address,
    )


def test_countersign_before_the_submitters_key_was_added_gains_nothing(
    anchors, hospital, hospital_key, spare_key, add_key
):
    """An organization can countersign what its own key-to-be anchored, but then the document is nobody's for ever."""
    receipt = send(anchors.anchor, LEAF, TERMS, sender=spare_key)
    send(anchors.countersign, single(spare_key), sender=hospital_key)
    travel(1)
    add_key(hospital, spare_key)
    assert tuple(anchors.verify(single(spare_key))) == (
        Status.ACTIVE,
        time_of(receipt),
        ZERO_ID,
        KeyStatus.UNKNOWN,
        False,
    )


# ---------------------------------------------------------------------- withdrawCountersignature


def test_withdraw_countersignature_keeps_both_times(
    anchors, hospital_key, laboratory, laboratory_key, countersigned_at
):
    travel(5)
    receipt = send(anchors.withdrawCountersignature, hospital_key, LEAF, sender=laboratory_key)
    assert events(receipt, anchors) == [
        ("CountersignatureWithdrawn", hospital_key.address, LEAF, laboratory.id, laboratory_key.address)
    ]
    assert tuple(anchors.countersignatureOf(hospital_key, LEAF, laboratory.id)) == (
        laboratory_key.address,
        countersigned_at,
        time_of(receipt),
    )


def test_withdraw_countersignature_by_another_key(
    anchors, hospital_key, laboratory, spare_key, add_key, countersigned_at
):
    add_key(laboratory, spare_key)
    receipt = send(anchors.withdrawCountersignature, hospital_key, LEAF, sender=spare_key)
    assert events(receipt, anchors) == [
        ("CountersignatureWithdrawn", hospital_key.address, LEAF, laboratory.id, spare_key.address)
    ]


def test_withdraw_countersignature_again_changes_nothing(
    anchors, hospital_key, laboratory, laboratory_key, countersigned_at
):
    send(anchors.withdrawCountersignature, hospital_key, LEAF, sender=laboratory_key)
    before = tuple(anchors.countersignatureOf(hospital_key, LEAF, laboratory.id))
    travel(5)
    assert send(anchors.withdrawCountersignature, hospital_key, LEAF, sender=laboratory_key).logs == []
    assert tuple(anchors.countersignatureOf(hospital_key, LEAF, laboratory.id)) == before


def test_withdraw_countersignature_works_while_suspended(
    anchors, registry, registrar, laboratory, hospital_key, laboratory_key, countersigned_at
):
    send(registry.suspend, laboratory.id, Reason.FRAUD, sender=registrar)
    send(anchors.withdrawCountersignature, hospital_key, LEAF, sender=laboratory_key)
    assert anchors.countersignatureOf(hospital_key, LEAF, laboratory.id).withdrawnAt != 0


def test_withdraw_countersignature_reverts_if_there_is_none(anchors, hospital, hospital_key, insurer, insurer_key):
    for member, key in ((hospital, hospital_key), (insurer, insurer_key)):
        assert refusal(anchors.withdrawCountersignature, hospital_key, LEAF, sender=key) == (
            "DocumentAnchorNotCountersigned",
            hospital_key.address,
            LEAF,
            member.id,
        )


def test_withdraw_countersignature_reverts_if_nobody_knows_the_caller(
    anchors, hospital_key, stranger, countersigned_at
):
    assert refusal(anchors.withdrawCountersignature, hospital_key, LEAF, sender=stranger) == (
        "OrganizationRegistryUnknownKey",
        stranger.address,
    )


def test_withdraw_countersignature_reverts_for_a_retired_key(
    anchors, registry, laboratory, hospital_key, laboratory_key, countersigned_at
):
    retired_at = time_of(send(registry.retireKey, laboratory_key, sender=laboratory.controller))
    assert refusal(anchors.withdrawCountersignature, hospital_key, LEAF, sender=laboratory_key) == (
        "OrganizationRegistryKeyRetired",
        laboratory_key.address,
        retired_at,
    )
