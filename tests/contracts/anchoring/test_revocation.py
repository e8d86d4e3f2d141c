"""revoke, revokeOf, revokeLeaves, revokeLeavesOf."""

from __future__ import annotations

import pytest
from web3.exceptions import ContractLogicError

from ..support import ZERO_HASH, events, next_block_at, refusal, send, time_of, travel
from .documents import (
    LEAF,
    MAX_COUNT,
    OTHER,
    TERMS,
    Batch,
    Complaint,
    Revocation,
    Status,
    leaf,
    leaves_revoked_event,
    record,
    revoked_event,
    single,
)

ERROR = Revocation.ENTERED_IN_ERROR
BATCH = Batch.of(300)
LAST_BITS = 2**44 - 1
"""The leaves of the batch's second word: those at 256 to 299."""

ALL_BITS = 2**256 - 1


@pytest.fixture
def anchored_at(anchors, hospital_key):
    """The time at which the hospital anchored the leaf."""
    return time_of(send(anchors.anchor, LEAF, TERMS, sender=hospital_key))


@pytest.fixture
def batched_at(anchors, hospital_key):
    """The time at which the hospital anchored a batch of 300."""
    return time_of(send(anchors.anchorBatch, BATCH.root, BATCH.count, TERMS, sender=hospital_key))


REVOKING = {
    "revoke": lambda _, reason=ERROR: (LEAF, reason),
    "revokeOf": lambda submitter, reason=ERROR: (submitter, LEAF, reason),
    "revokeLeaves": lambda _, reason=ERROR: (BATCH.root, 0, 1, reason),
    "revokeLeavesOf": lambda submitter, reason=ERROR: (submitter, BATCH.root, 0, 1, reason),
}


@pytest.mark.parametrize("function", REVOKING)
def test_revocation_reverts_without_a_reason(anchors, hospital_key, anchored_at, batched_at, function):
    arguments = REVOKING[function](hospital_key, Revocation.UNSPECIFIED)
    assert refusal(getattr(anchors, function), *arguments, sender=hospital_key) == ("DocumentAnchorReasonMissing",)


@pytest.mark.parametrize("function", REVOKING)
@pytest.mark.parametrize("reason", [7, 255, 256 + 1, 2**160 + 1, 2**255 + 1])
def test_revocation_reverts_for_a_reason_that_is_none(anchors, hospital_key, anchored_at, batched_at, function, reason):
    """Written into the calldata by hand: an encoder would refuse it."""
    data = bytes(getattr(anchors, function).encode_input(*REVOKING[function](hospital_key)))
    data = data[:-32] + reason.to_bytes(32)
    with pytest.raises(ContractLogicError) as caught:
        anchors.provider.web3.eth.call({"to": anchors.address, "data": data, "from": hospital_key.address})
    assert caught.value.data == "0x"


@pytest.mark.parametrize("function", ["revokeOf", "revokeLeavesOf"])
def test_revocation_reverts_for_another_organization(
    anchors, hospital_key, laboratory_key, anchored_at, batched_at, function
):
    arguments = REVOKING[function](hospital_key)
    assert refusal(getattr(anchors, function), *arguments, sender=laboratory_key) == (
        "DocumentAnchorNotSameOrganization",
        hospital_key.address,
        laboratory_key.address,
    )


@pytest.mark.parametrize("function", ["revokeOf", "revokeLeavesOf"])
def test_revocation_reverts_if_nobody_knows_the_caller(
    anchors, hospital_key, stranger, hospital, anchored_at, batched_at, function
):
    for caller in (stranger, hospital.controller):
        arguments = REVOKING[function](hospital_key)
        assert refusal(getattr(anchors, function), *arguments, sender=caller) == (
            "OrganizationRegistryUnknownKey",
            caller.address,
        )


@pytest.mark.parametrize("function", ["revokeOf", "revokeLeavesOf"])
def test_revocation_reverts_if_nobody_knows_the_submitter(anchors, stranger, laboratory_key, function):
    """Nor does an unknown submitter share the unknown organization of another."""
    send(anchors.anchor, LEAF, TERMS, sender=stranger)
    send(anchors.anchorBatch, BATCH.root, 300, TERMS, sender=stranger)
    arguments = REVOKING[function](stranger)
    assert refusal(getattr(anchors, function), *arguments, sender=laboratory_key) == (
        "DocumentAnchorNotSameOrganization",
        stranger.address,
        laboratory_key.address,
    )


@pytest.mark.parametrize("function", ["revokeOf", "revokeLeavesOf"])
@pytest.mark.parametrize("event", ["retired", "compromised"])
def test_revocation_of_another_key_reverts_if_the_callers_key_is_no_more(
    anchors, hospital_key, hospital_other_key, befall, function, event
):
    send(anchors.anchor, LEAF, TERMS, sender=hospital_other_key)
    send(anchors.anchorBatch, BATCH.root, 300, TERMS, sender=hospital_other_key)
    befall(event)
    arguments = REVOKING[function](hospital_other_key)
    error, key, _ = refusal(getattr(anchors, function), *arguments, sender=hospital_key)
    assert (error, key) == (f"OrganizationRegistryKey{event.capitalize()}", hospital_key.address)


@pytest.mark.parametrize("function", ["revokeOf", "revokeLeavesOf"])
def test_revocation_of_another_key_reverts_while_frozen(
    anchors, hospital, hospital_key, hospital_other_key, befall, anchored_at, batched_at, function
):
    befall("frozen")
    arguments = REVOKING[function](hospital_key)
    assert refusal(getattr(anchors, function), *arguments, sender=hospital_other_key) == (
        "OrganizationRegistryFrozen",
        hospital.id,
    )


@pytest.mark.parametrize("function", ["revokeOf", "revokeLeavesOf"])
@pytest.mark.parametrize("event", ["suspended", "expelled", "retired", "compromised"])
def test_revocation_of_another_key_works_whatever_became_of_it(
    anchors, hospital_key, hospital_other_key, befall, anchored_at, batched_at, function, event
):
    befall(event)
    send(getattr(anchors, function), *REVOKING[function](hospital_key), sender=hospital_other_key)
    document = single(hospital_key) if function == "revokeOf" else BATCH.document(hospital_key, 0)
    assert anchors.statusOf(document) == Status.REVOKED


@pytest.mark.parametrize("event", ["suspended", "expelled", "frozen", "retired", "compromised"])
def test_revocation_by_its_own_key_asks_nothing_of_the_registry(
    anchors, hospital_key, befall, anchored_at, batched_at, event
):
    befall(event)
    send(anchors.revoke, LEAF, ERROR, sender=hospital_key)
    send(anchors.revokeLeaves, BATCH.root, 0, 1, ERROR, sender=hospital_key)
    assert anchors.statusOf(single(hospital_key)) == Status.REVOKED
    assert anchors.statusOf(BATCH.document(hospital_key, 0)) == Status.REVOKED


# ---------------------------------------------------------------------- revoke


@pytest.mark.parametrize("reason", [reason for reason in Revocation if reason])
def test_revoke_ends_a_document(anchors, hospital_key, anchored_at, reason):
    travel(5)
    receipt = send(anchors.revoke, LEAF, reason, sender=hospital_key)
    [(event, of, stamp)] = events(receipt, anchors)
    assert (event, of) == ("AnchorRevoked", LEAF)
    assert (stamp >> 160, stamp & 2**160 - 1) == (reason, int(hospital_key.address, 16))
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(
        anchored_at, revoked_at=time_of(receipt), reason=reason
    )
    assert anchors.statusOf(single(hospital_key)) == Status.REVOKED
    assert not anchors.isInForce(single(hospital_key))


def test_revoke_ends_a_batch(anchors, hospital_key, batched_at):
    receipt = send(anchors.revoke, BATCH.root, ERROR, sender=hospital_key)
    assert events(receipt, anchors) == [revoked_event(hospital_key, BATCH.root, ERROR)]
    assert {anchors.statusOf(BATCH.document(hospital_key, index)) for index in (0, 255, 299)} == {Status.REVOKED}


def test_revoke_takes_a_key_that_nobody_knows(anchors, stranger):
    send(anchors.anchor, LEAF, TERMS, sender=stranger)
    assert events(send(anchors.revoke, LEAF, ERROR, sender=stranger), anchors) == [revoked_event(stranger, LEAF, ERROR)]


def test_revoke_in_the_second_of_anchoring_is_kept(anchors, hospital_key, anchored_at):
    next_block_at(anchored_at + 10)
    send(anchors.anchor, OTHER, TERMS, sender=hospital_key)
    next_block_at(anchored_at + 10)
    send(anchors.revoke, OTHER, ERROR, sender=hospital_key)
    again = send(anchors.revoke, OTHER, ERROR, sender=hospital_key)
    assert again.logs == []
    assert tuple(anchors.anchorOf(hospital_key, OTHER)) == record(
        anchored_at + 10, revoked_at=anchored_at + 10, reason=ERROR
    )


def test_revoke_again_changes_nothing(anchors, hospital_key, hospital_other_key, anchored_at):
    revoked_at = time_of(send(anchors.revoke, LEAF, ERROR, sender=hospital_key))
    travel(5)
    assert send(anchors.revoke, LEAF, ERROR, sender=hospital_key).logs == []
    assert send(anchors.revokeOf, hospital_key, LEAF, ERROR, sender=hospital_other_key).logs == []
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(anchored_at, revoked_at=revoked_at, reason=ERROR)


def test_revoke_reverts_if_revoked_for_another_reason(anchors, hospital_key, hospital_other_key, anchored_at):
    revoked_at = time_of(send(anchors.revoke, LEAF, ERROR, sender=hospital_key))
    wanted = ("DocumentAnchorAlreadyRevoked", hospital_key.address, LEAF, revoked_at, ERROR)
    assert refusal(anchors.revoke, LEAF, Revocation.LEGAL_ORDER, sender=hospital_key) == wanted
    by_other = (hospital_key, LEAF, Revocation.LEGAL_ORDER)
    assert refusal(anchors.revokeOf, *by_other, sender=hospital_other_key) == wanted


def test_revoke_reverts_if_unknown(anchors, hospital_key, hospital_other_key, laboratory_key, anchored_at):
    assert refusal(anchors.revoke, OTHER, ERROR, sender=hospital_key) == (
        "DocumentAnchorUnknown",
        hospital_key.address,
        OTHER,
    )
    for caller in (laboratory_key, hospital_other_key):
        assert refusal(anchors.revoke, LEAF, ERROR, sender=caller) == ("DocumentAnchorUnknown", caller.address, LEAF)


def test_revoke_reverts_for_a_document_only_marked_in_a_batch(anchors, hospital_key, laboratory_key, batched_at):
    document = BATCH.document(hospital_key, 7)
    send(anchors.dispute, document, Complaint.INACCURATE, ZERO_HASH, sender=laboratory_key)
    assert refusal(anchors.revoke, BATCH.leaves[7], ERROR, sender=hospital_key) == (
        "DocumentAnchorUnknown",
        hospital_key.address,
        BATCH.leaves[7],
    )


def test_revoke_leaves_the_same_leaf_of_other_submitters(anchors, hospital_key, laboratory_key, anchored_at):
    send(anchors.anchor, LEAF, TERMS, sender=laboratory_key)
    send(anchors.revoke, LEAF, ERROR, sender=laboratory_key)
    assert anchors.statusOf(single(hospital_key)) == Status.ACTIVE


@pytest.mark.parametrize("batch_first", [True, False])
def test_revoke_holds_for_the_document_shown_in_a_batch(anchors, hospital_key, anchored_at, batch_first):
    """A document that was disputed or amended is that wherever it is shown; so is one that was revoked."""
    batch = Batch([LEAF, OTHER])
    if batch_first:
        send(anchors.anchorBatch, batch.root, 2, TERMS, sender=hospital_key)
    send(anchors.revoke, LEAF, ERROR, sender=hospital_key)
    if not batch_first:
        send(anchors.anchorBatch, batch.root, 2, TERMS, sender=hospital_key)
    assert anchors.statusOf(single(hospital_key)) == Status.REVOKED
    assert [anchors.statusOf(batch.document(hospital_key, index)) for index in (0, 1)] == [
        Status.REVOKED,
        Status.ACTIVE,
    ]


def test_revoke_does_not_hold_for_a_batch_of_another_key(anchors, hospital_key, hospital_other_key, anchored_at):
    batch = Batch([LEAF, OTHER])
    send(anchors.anchorBatch, batch.root, 2, TERMS, sender=hospital_other_key)
    send(anchors.revoke, LEAF, ERROR, sender=hospital_key)
    assert anchors.statusOf(batch.document(hospital_other_key, 0)) == Status.ACTIVE


def test_revoke_of_a_batch_leaves_its_root_as_a_document(anchors, hospital_key):
    """Of a batch of batches: what is revoked are the documents of the inner one."""
    inner = Batch.of(2)
    outer = Batch([inner.root, OTHER])
    for batch in (inner, outer):
        send(anchors.anchorBatch, batch.root, 2, TERMS, sender=hospital_key)
    send(anchors.revoke, inner.root, ERROR, sender=hospital_key)
    assert anchors.statusOf(inner.document(hospital_key, 0)) == Status.REVOKED
    assert anchors.statusOf(outer.document(hospital_key, 0)) == Status.ACTIVE


# ---------------------------------------------------------------------- revokeOf


def test_revoke_of_another_key_names_both(anchors, hospital_key, hospital_other_key, anchored_at):
    receipt = send(anchors.revokeOf, hospital_key, LEAF, Revocation.WRONG_SUBJECT, sender=hospital_other_key)
    _, _, stamp = revoked_event(hospital_key, LEAF, Revocation.WRONG_SUBJECT)
    assert events(receipt, anchors) == [("AnchorRevokedByOtherKey", LEAF, stamp, hospital_other_key.address)]
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(
        anchored_at, revoked_at=time_of(receipt), reason=Revocation.WRONG_SUBJECT
    )
    assert anchors.statusOf(single(hospital_key)) == Status.REVOKED


def test_revoke_of_another_key_ends_a_batch(anchors, hospital_key, hospital_other_key, batched_at):
    send(anchors.revokeOf, hospital_key, BATCH.root, ERROR, sender=hospital_other_key)
    assert anchors.statusOf(BATCH.document(hospital_key, 299)) == Status.REVOKED


def test_revoke_of_takes_the_submitter_itself(anchors, hospital_key, anchored_at):
    send(anchors.revokeOf, hospital_key, LEAF, ERROR, sender=hospital_key)
    assert anchors.statusOf(single(hospital_key)) == Status.REVOKED


def test_revoke_of_reverts_if_unknown(anchors, hospital_key, hospital_other_key):
    assert refusal(anchors.revokeOf, hospital_key, LEAF, ERROR, sender=hospital_other_key) == (
        "DocumentAnchorUnknown",
        hospital_key.address,
        LEAF,
    )


# ---------------------------------------------------------------------- revokeLeaves


def test_revoke_leaves_ends_those_named(anchors, hospital_key, batched_at):
    named = 1 << 0 | 1 << 7 | 1 << 255
    receipt = send(anchors.revokeLeaves, BATCH.root, 0, named, ERROR, sender=hospital_key)
    assert events(receipt, anchors) == [leaves_revoked_event(hospital_key, BATCH.root, 0, named, ERROR)]
    assert anchors.revokedLeavesOf(hospital_key, BATCH.root, 0) == named
    assert anchors.revokedLeavesOf(hospital_key, BATCH.root, 1) == 0
    revoked = [i for i in (0, 1, 6, 7, 8, 254, 255, 256, 299) if not anchors.isInForce(BATCH.document(hospital_key, i))]
    assert revoked == [0, 7, 255]
    assert anchors.statusOf(BATCH.document(hospital_key, 7)) == Status.REVOKED
    assert tuple(anchors.anchorOf(hospital_key, BATCH.root)) == record(batched_at, count=300)


def test_revoke_leaves_of_the_last_word(anchors, hospital_key, batched_at):
    reason = Revocation.NO_LONGER_VALID
    receipt = send(anchors.revokeLeaves, BATCH.root, 1, LAST_BITS, reason, sender=hospital_key)
    [(event, root, stamp, leaves)] = events(receipt, anchors)
    assert (event, root, leaves) == ("LeavesRevoked", BATCH.root, LAST_BITS)
    submitter = int(hospital_key.address, 16)
    assert (stamp >> 168, stamp >> 160 & 0xFF, stamp & 2**160 - 1) == (1, reason, submitter)
    assert [i for i in (0, 43, 255, 256, 299) if not anchors.isInForce(BATCH.document(hospital_key, i))] == [256, 299]


def test_revoke_leaves_reports_only_those_that_are_new(anchors, hospital_key, batched_at):
    send(anchors.revokeLeaves, BATCH.root, 0, 0b0110, ERROR, sender=hospital_key)
    receipt = send(anchors.revokeLeaves, BATCH.root, 0, 0b1100, Revocation.LEGAL_ORDER, sender=hospital_key)
    assert events(receipt, anchors) == [
        leaves_revoked_event(hospital_key, BATCH.root, 0, 0b1000, Revocation.LEGAL_ORDER)
    ]
    assert anchors.revokedLeavesOf(hospital_key, BATCH.root, 0) == 0b1110


@pytest.mark.parametrize("named", [0, 0b0110, 0b0010])
def test_revoke_leaves_again_changes_nothing(anchors, hospital_key, hospital_other_key, batched_at, named):
    send(anchors.revokeLeaves, BATCH.root, 0, 0b0110, ERROR, sender=hospital_key)
    other_reason = Revocation.LEGAL_ORDER
    assert send(anchors.revokeLeaves, BATCH.root, 0, named, other_reason, sender=hospital_key).logs == []
    by_other = (hospital_key, BATCH.root, 0, named, other_reason)
    assert send(anchors.revokeLeavesOf, *by_other, sender=hospital_other_key).logs == []
    assert anchors.revokedLeavesOf(hospital_key, BATCH.root, 0) == 0b0110


@pytest.mark.parametrize(
    ("word", "named"),
    [(1, 1 << 44), (1, 1 << 255), (1, LAST_BITS + 1), (1, ALL_BITS), (2, 1), (2**24, 1), (2**24 + 1, 1), (2**96, 1)],
)
def test_revoke_leaves_reverts_beyond_the_batch(anchors, hospital_key, hospital_other_key, batched_at, word, named):
    wanted = ("DocumentAnchorLeavesOutOfRange", BATCH.root, word, named, 300)
    assert refusal(anchors.revokeLeaves, BATCH.root, word, named, ERROR, sender=hospital_key) == wanted
    by_other = (hospital_key, BATCH.root, word, named, ERROR)
    assert refusal(anchors.revokeLeavesOf, *by_other, sender=hospital_other_key) == wanted


@pytest.mark.parametrize("word", [2**248, 2**248 + 1, 2**255, 2**255 + 1])
def test_revoke_leaves_by_a_word_beyond_all_indexes_comes_round(
    anchors, hospital_key, hospital_other_key, batched_at, word
):
    """An index of 2^256 and more is no leaf's. Such a word loses its highest byte, where leaves are checked, stored and
    reported alike: it reaches leaves of the caller's organization, by its own hand, and nothing else."""
    low = word % 2**248
    receipt = send(anchors.revokeLeaves, BATCH.root, word, 0b01, ERROR, sender=hospital_key)
    assert events(receipt, anchors) == [leaves_revoked_event(hospital_key, BATCH.root, low, 0b01, ERROR)]
    receipt = send(anchors.revokeLeavesOf, hospital_key, BATCH.root, word, 0b10, ERROR, sender=hospital_other_key)
    both = (hospital_key.address, BATCH.root, hospital_other_key.address)
    assert events(receipt, anchors) == [("LeavesRevokedByOtherKey", *both, low, 0b10, ERROR)]
    assert [anchors.revokedLeavesOf(hospital_key, BATCH.root, one) for one in (low, 1 - low, word)] == [0b11, 0, 0]
    assert anchors.statusOf(BATCH.document(hospital_key, 256 * low)) == Status.REVOKED
    wanted = ("DocumentAnchorLeavesOutOfRange", BATCH.root, word - low + 1, 1 << 44, 300)
    assert refusal(anchors.revokeLeaves, *wanted[1:4], ERROR, sender=hospital_key) == wanted


def test_revoke_leaves_reaches_the_last_of_the_largest_batch(anchors, hospital_key):
    send(anchors.anchorBatch, OTHER, MAX_COUNT, TERMS, sender=hospital_key)
    word, named = 2**24 - 1, ALL_BITS >> 1
    assert refusal(anchors.revokeLeaves, OTHER, word, ALL_BITS, ERROR, sender=hospital_key) == (
        "DocumentAnchorLeavesOutOfRange",
        OTHER,
        word,
        ALL_BITS,
        MAX_COUNT,
    )
    receipt = send(anchors.revokeLeaves, OTHER, word, named, ERROR, sender=hospital_key)
    assert events(receipt, anchors) == [leaves_revoked_event(hospital_key, OTHER, word, named, ERROR)]
    assert anchors.revokedLeavesOf(hospital_key, OTHER, word) == named
    for elsewhere in (0, word - 1, word + 1, 2**24, 2**25 - 1, 2**248 + word, 2**256 - 1):
        assert anchors.revokedLeavesOf(hospital_key, OTHER, elsewhere) == 0


@pytest.mark.parametrize("count", [1, 255, 256, 257])
def test_revoke_leaves_knows_the_edge_of_a_word(anchors, hospital_key, count):
    root = leaf(f"root of {count}")
    send(anchors.anchorBatch, root, count, TERMS, sender=hospital_key)
    last, beyond = divmod(count - 1, 256), divmod(count, 256)
    send(anchors.revokeLeaves, root, last[0], 1 << last[1], ERROR, sender=hospital_key)
    assert refusal(anchors.revokeLeaves, root, beyond[0], 1 << beyond[1], ERROR, sender=hospital_key) == (
        "DocumentAnchorLeavesOutOfRange",
        root,
        beyond[0],
        1 << beyond[1],
        count,
    )


def test_revoke_leaves_reverts_if_it_is_no_batch(anchors, hospital_key, hospital_other_key, anchored_at):
    for root in (LEAF, OTHER, ZERO_HASH):
        wanted = ("DocumentAnchorUnknown", hospital_key.address, root)
        assert refusal(anchors.revokeLeaves, root, 0, 1, ERROR, sender=hospital_key) == wanted
        by_other = (hospital_key, root, 0, 1, ERROR)
        assert refusal(anchors.revokeLeavesOf, *by_other, sender=hospital_other_key) == wanted


def test_revoke_leaves_reverts_for_the_batch_of_another(anchors, hospital_key, hospital_other_key, batched_at):
    assert refusal(anchors.revokeLeaves, BATCH.root, 0, 1, ERROR, sender=hospital_other_key) == (
        "DocumentAnchorUnknown",
        hospital_other_key.address,
        BATCH.root,
    )


def test_revoke_leaves_leaves_the_document_by_itself(anchors, hospital_key, batched_at):
    """By itself, a document does not name the batches that it is in: a revocation in one cannot be seen there."""
    send(anchors.anchor, BATCH.leaves[7], TERMS, sender=hospital_key)
    send(anchors.revokeLeaves, BATCH.root, 0, 1 << 7, ERROR, sender=hospital_key)
    assert anchors.statusOf(BATCH.document(hospital_key, 7)) == Status.REVOKED
    assert anchors.statusOf(single(hospital_key, BATCH.leaves[7])) == Status.ACTIVE


def test_revoke_leaves_of_a_revoked_batch_is_kept(anchors, hospital_key, batched_at):
    send(anchors.revoke, BATCH.root, ERROR, sender=hospital_key)
    send(anchors.revokeLeaves, BATCH.root, 0, 1, ERROR, sender=hospital_key)
    assert anchors.revokedLeavesOf(hospital_key, BATCH.root, 0) == 1


def test_revoked_leaf_shown_at_another_index_is_unknown(anchors, hospital_key, batched_at):
    send(anchors.revokeLeaves, BATCH.root, 0, 1 << 3, ERROR, sender=hospital_key)
    assert anchors.statusOf(BATCH.document(hospital_key, 3)) == Status.REVOKED
    for index in (0, 2, 4, 255, 259, 299, 300, 2**32 + 3, 2**256 - 1):
        assert anchors.statusOf(BATCH.document(hospital_key, 3, index=index)) == Status.UNKNOWN


# ---------------------------------------------------------------------- revokeLeavesOf


def test_revoke_leaves_of_another_key_names_both(anchors, hospital_key, hospital_other_key, batched_at):
    send(anchors.revokeLeaves, BATCH.root, 1, 0b01, ERROR, sender=hospital_key)
    by_other = (hospital_key, BATCH.root, 1, 0b11, Revocation.CONSENT_WITHDRAWN)
    receipt = send(anchors.revokeLeavesOf, *by_other, sender=hospital_other_key)
    both = (hospital_key.address, BATCH.root, hospital_other_key.address)
    assert events(receipt, anchors) == [("LeavesRevokedByOtherKey", *both, 1, 0b10, Revocation.CONSENT_WITHDRAWN)]
    assert anchors.revokedLeavesOf(hospital_key, BATCH.root, 1) == 0b11
    assert anchors.revokedLeavesOf(hospital_other_key, BATCH.root, 1) == 0
    assert anchors.statusOf(BATCH.document(hospital_key, 257)) == Status.REVOKED


def test_revocation_by_a_key_reported_compromised_shows_to_the_reader(
    anchors, registry, hospital_key, befall, anchored_at
):
    """A thief can still revoke what the key anchored; the registry tells that the key counted for nothing then."""
    travel(5)
    befall("compromised")
    revoked_at = time_of(send(anchors.revoke, LEAF, ERROR, sender=hospital_key))
    assert registry.organizationAt(hospital_key, revoked_at).compromised
    assert not anchors.verify(single(hospital_key)).compromised
