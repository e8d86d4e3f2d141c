"""declareStream, continueStream, anchorInStream, anchorListInStream, anchorBatchInStream."""

from __future__ import annotations

import pytest

from ..support import ZERO_HASH, ZERO_ID, KeyStatus, chain_time, events, refusal, send, time_of, travel
from .documents import (
    LEAF,
    OTHER,
    STREAM,
    STREAM_BITS,
    TERMS,
    Batch,
    Revocation,
    Status,
    anchored_event,
    chained,
    ending_alike,
    first_head,
    leaf,
    record,
    single,
)

BATCH = Batch.of(5)
SECOND = leaf("another stream")
LEAVES = [leaf(f"enrolled {i}") for i in range(4)]
UNDECLARED = leaf("no stream")
NEAREST = (int.from_bytes(STREAM) ^ 1 << STREAM_BITS - 1).to_bytes(32)
"""Another by the first of the bits that a record has."""

INTO = {
    "anchorInStream": lambda stream, terms=TERMS: (stream, LEAF, terms),
    "anchorListInStream": lambda stream, terms=TERMS: (stream, [LEAF], terms),
    "anchorBatchInStream": lambda stream, terms=TERMS: (stream, LEAF, 5, terms),
}
every_way_in = pytest.mark.parametrize("function", INTO)


@pytest.fixture
def head(anchors, hospital_key):
    """The first head of the hospital's stream."""
    send(anchors.declareStream, STREAM, sender=hospital_key)
    return first_head(anchors, hospital_key)


def extended(submitter, stream, ids, heads):
    return [("StreamExtended", submitter.address, stream, *pair) for pair in zip(ids, heads, strict=True)]


# ---------------------------------------------------------------------- declareStream


def test_declare_stream_begins_its_hash_chain(anchors, hospital_key):
    assert anchors.headOf(hospital_key, STREAM) == ZERO_HASH
    receipt = send(anchors.declareStream, STREAM, sender=hospital_key)
    head = first_head(anchors, hospital_key)
    assert events(receipt, anchors) == [("StreamDeclared", hospital_key.address, STREAM, head)]
    assert anchors.headOf(hospital_key, STREAM) == anchors.firstHeadOf(hospital_key, STREAM) == head


def test_declare_stream_is_kept_by_submitter_and_id(anchors, hospital_key, laboratory_key, head):
    send(anchors.declareStream, STREAM, sender=laboratory_key)
    send(anchors.declareStream, SECOND, sender=hospital_key)
    heads = {
        anchors.headOf(hospital_key, STREAM),
        anchors.headOf(laboratory_key, STREAM),
        anchors.headOf(hospital_key, SECOND),
    }
    assert len(heads) == 3


def test_declare_stream_again_changes_nothing(anchors, hospital_key, head):
    assert send(anchors.declareStream, STREAM, sender=hospital_key).logs == []
    send(anchors.anchorInStream, STREAM, LEAF, TERMS, sender=hospital_key)
    before = anchors.headOf(hospital_key, STREAM)
    assert send(anchors.declareStream, STREAM, sender=hospital_key).logs == []
    assert anchors.headOf(hospital_key, STREAM) == before == chained(head, LEAF)[-1]


def test_declare_stream_reverts_if_it_went_on_elsewhere(anchors, hospital_key, hospital_other_key, head):
    """Told that all is well, the former key would believe that it has the stream."""
    send(anchors.continueStream, hospital_key, STREAM, sender=hospital_other_key)
    assert refusal(anchors.declareStream, STREAM, sender=hospital_key) == (
        "DocumentAnchorUnknownStream",
        hospital_key.address,
        STREAM,
    )
    assert anchors.headOf(hospital_key, STREAM) == ZERO_HASH


def test_declare_stream_takes_a_key_that_nobody_knows(anchors, stranger):
    send(anchors.declareStream, STREAM, sender=stranger)
    assert anchors.headOf(stranger, STREAM) == first_head(anchors, stranger)


def test_declare_stream_zero_is_a_stream_as_any_other(anchors, hospital_key):
    """A document that is marked as in a stream is in a chain, whatever the stream's id."""
    head = first_head(anchors, hospital_key, ZERO_HASH)
    receipt = send(anchors.declareStream, ZERO_HASH, sender=hospital_key)
    assert events(receipt, anchors) == [("StreamDeclared", hospital_key.address, ZERO_HASH, head)]
    heads = chained(head, *LEAVES, LEAF, BATCH.root)
    receipt = send(anchors.anchorListInStream, ZERO_HASH, LEAVES, TERMS, sender=hospital_key)
    assert events(receipt, anchors)[1:] == extended(hospital_key, ZERO_HASH, LEAVES, heads[:4])
    send(anchors.anchorInStream, ZERO_HASH, LEAF, TERMS, sender=hospital_key)
    send(anchors.anchorBatchInStream, ZERO_HASH, BATCH.root, BATCH.count, TERMS, sender=hospital_key)
    assert anchors.headOf(hospital_key, ZERO_HASH) == heads[-1]
    assert all(anchors.anchorOf(hospital_key, one).streamed for one in (*LEAVES, LEAF, BATCH.root))


# ---------------------------------------------------------------------- continueStream


def test_continue_stream_goes_on_under_another_key(anchors, hospital_key, hospital_other_key, head):
    send(anchors.anchorInStream, STREAM, LEAF, TERMS, sender=hospital_key)
    so_far = chained(head, LEAF)[-1]
    receipt = send(anchors.continueStream, hospital_key, STREAM, sender=hospital_other_key)
    assert events(receipt, anchors) == [
        ("StreamContinued", hospital_other_key.address, STREAM, hospital_key.address, so_far)
    ]
    assert anchors.headOf(hospital_other_key, STREAM) == so_far
    assert anchors.headOf(hospital_key, STREAM) == ZERO_HASH
    send(anchors.anchorInStream, STREAM, OTHER, TERMS, sender=hospital_other_key)
    assert anchors.headOf(hospital_other_key, STREAM) == chained(head, LEAF, OTHER)[-1]


@pytest.mark.parametrize("event", ["retired", "compromised", "suspended", "expelled"])
def test_continue_stream_works_whatever_became_of_the_former_key(
    anchors, hospital_key, hospital_other_key, befall, head, event
):
    befall(event)
    send(anchors.continueStream, hospital_key, STREAM, sender=hospital_other_key)
    assert anchors.headOf(hospital_other_key, STREAM) == head


def test_continue_stream_reverts_for_another_organization(anchors, hospital_key, laboratory_key, head):
    assert refusal(anchors.continueStream, hospital_key, STREAM, sender=laboratory_key) == (
        "DocumentAnchorNotSameOrganization",
        hospital_key.address,
        laboratory_key.address,
    )


def test_continue_stream_reverts_for_a_key_that_nobody_knows(anchors, hospital_key, stranger, laboratory_key, head):
    assert refusal(anchors.continueStream, hospital_key, STREAM, sender=stranger) == (
        "OrganizationRegistryUnknownKey",
        stranger.address,
    )
    send(anchors.declareStream, STREAM, sender=stranger)
    assert refusal(anchors.continueStream, stranger, STREAM, sender=laboratory_key) == (
        "DocumentAnchorNotSameOrganization",
        stranger.address,
        laboratory_key.address,
    )


def test_continue_stream_reverts_for_a_retired_key(anchors, registry, hospital, hospital_key, hospital_other_key, head):
    retired_at = time_of(send(registry.retireKey, hospital_other_key, sender=hospital.controller))
    assert refusal(anchors.continueStream, hospital_key, STREAM, sender=hospital_other_key) == (
        "OrganizationRegistryKeyRetired",
        hospital_other_key.address,
        retired_at,
    )


def test_continue_stream_reverts_while_frozen(anchors, hospital, hospital_key, hospital_other_key, befall, head):
    befall("frozen")
    wanted = ("OrganizationRegistryFrozen", hospital.id)
    assert refusal(anchors.continueStream, hospital_key, STREAM, sender=hospital_other_key) == wanted


def test_continue_stream_reverts_if_undeclared(anchors, hospital_key, hospital_other_key):
    assert refusal(anchors.continueStream, hospital_key, STREAM, sender=hospital_other_key) == (
        "DocumentAnchorUnknownStream",
        hospital_key.address,
        STREAM,
    )


def test_continue_stream_reverts_if_it_went_on_already(
    anchors, hospital, hospital_key, hospital_other_key, spare_key, add_key, head
):
    add_key(hospital, spare_key)
    send(anchors.continueStream, hospital_key, STREAM, sender=hospital_other_key)
    assert refusal(anchors.continueStream, hospital_key, STREAM, sender=spare_key) == (
        "DocumentAnchorUnknownStream",
        hospital_key.address,
        STREAM,
    )
    send(anchors.continueStream, hospital_other_key, STREAM, sender=spare_key)
    assert anchors.headOf(spare_key, STREAM) == head


def test_continue_stream_reverts_if_the_caller_has_it(anchors, hospital_key, hospital_other_key, head):
    send(anchors.declareStream, STREAM, sender=hospital_other_key)
    for caller in (hospital_other_key, hospital_key):
        assert refusal(anchors.continueStream, hospital_key, STREAM, sender=caller) == (
            "DocumentAnchorStreamExists",
            caller.address,
            STREAM,
        )


def test_continue_stream_does_not_return_to_a_former_key(anchors, hospital_key, hospital_other_key, head):
    send(anchors.continueStream, hospital_key, STREAM, sender=hospital_other_key)
    assert refusal(anchors.continueStream, hospital_other_key, STREAM, sender=hospital_key) == (
        "DocumentAnchorStreamExists",
        hospital_key.address,
        STREAM,
    )


@every_way_in
def test_continue_stream_leaves_the_former_key_nothing_to_add(
    anchors, hospital_key, hospital_other_key, head, function
):
    send(anchors.continueStream, hospital_key, STREAM, sender=hospital_other_key)
    assert refusal(getattr(anchors, function), *INTO[function](STREAM), sender=hospital_key) == (
        "DocumentAnchorUnknownStream",
        hospital_key.address,
        STREAM,
    )


# ---------------------------------------------------------------------- all ways in


@every_way_in
def test_anchoring_in_a_stream_reverts_if_undeclared(anchors, hospital_key, laboratory_key, head, function):
    method = getattr(anchors, function)
    for caller, stream in (
        (hospital_key, UNDECLARED),
        (laboratory_key, STREAM),
        (hospital_key, ZERO_HASH),
        (hospital_key, b"\1".rjust(32, b"\0")),
    ):
        assert refusal(method, *INTO[function](stream), sender=caller) == (
            "DocumentAnchorUnknownStream",
            caller.address,
            stream,
        )


@every_way_in
@pytest.mark.parametrize("bit", [56, 136, 169, 255])
def test_anchoring_in_a_stream_reverts_if_terms_have_bits_above_the_kind(anchors, hospital_key, head, function, bit):
    terms = TERMS | 1 << bit
    assert refusal(getattr(anchors, function), *INTO[function](STREAM, terms), sender=hospital_key) == (
        "DocumentAnchorInvalidTerms",
        terms,
    )


@every_way_in
def test_anchoring_in_a_stream_reverts_if_the_expiry_is_past(anchors, hospital_key, head, function):
    now = chain_time()
    assert refusal(getattr(anchors, function), *INTO[function](STREAM, TERMS + now), sender=hospital_key) == (
        "DocumentAnchorExpiryPast",
        now,
        now,
    )


@every_way_in
def test_anchoring_in_a_stream_again_changes_nothing(anchors, hospital_key, head, function):
    method, arguments = getattr(anchors, function), INTO[function](STREAM)
    send(method, *arguments, sender=hospital_key)
    before = tuple(anchors.anchorOf(hospital_key, LEAF))
    travel(1)
    assert send(method, *arguments, sender=hospital_key).logs == []
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == before
    assert anchors.headOf(hospital_key, STREAM) == chained(head, LEAF)[-1]


@pytest.mark.parametrize("function", ["anchorInStream", "anchorBatchInStream"])
@pytest.mark.parametrize("stream", [SECOND, UNDECLARED, NEAREST], ids=["another stream", "undeclared", "one bit away"])
def test_anchoring_in_a_stream_reverts_if_in_another(anchors, hospital_key, head, function, stream):
    """It cannot be added to a second one: who asked for that must not be told that all is well."""
    send(anchors.declareStream, SECOND, sender=hospital_key)
    assert int.from_bytes(stream) % 2**STREAM_BITS != int.from_bytes(STREAM) % 2**STREAM_BITS
    method = getattr(anchors, function)
    anchored_at = time_of(send(method, *INTO[function](STREAM), sender=hospital_key))
    assert refusal(method, *INTO[function](stream), sender=hospital_key) == (
        "DocumentAnchorAlreadyAnchored",
        hospital_key.address,
        LEAF,
        anchored_at,
    )


@pytest.mark.parametrize("function", ["anchorInStream", "anchorBatchInStream"])
def test_anchoring_in_a_stream_whose_id_ends_alike_changes_nothing(anchors, hospital_key, head, function):
    """The limit of the 14 bits that a record has for its stream: who asks for a second stream is not told that the leaf
    is in another, in one of 16,384 cases. It extends no second chain, so a reader of that one finds it missing."""
    alike = ending_alike(STREAM)
    send(anchors.declareStream, alike, sender=hospital_key)
    method = getattr(anchors, function)
    send(method, *INTO[function](STREAM), sender=hospital_key)
    assert send(method, *INTO[function](alike), sender=hospital_key).logs == []
    assert anchors.headOf(hospital_key, STREAM) == chained(head, LEAF)[-1]
    assert anchors.headOf(hospital_key, alike) == first_head(anchors, hospital_key, alike)


@pytest.mark.parametrize("function", ["anchorInStream", "anchorBatchInStream"])
def test_anchoring_in_a_stream_reverts_if_anchored_outside(anchors, hospital_key, head, function):
    outside = send(anchors.anchor, LEAF, TERMS, sender=hospital_key)
    assert refusal(getattr(anchors, function), *INTO[function](STREAM), sender=hospital_key) == (
        "DocumentAnchorAlreadyAnchored",
        hospital_key.address,
        LEAF,
        time_of(outside),
    )


@pytest.mark.parametrize("function", ["anchorInStream", "anchorBatchInStream"])
def test_anchoring_in_a_stream_reverts_with_other_terms(anchors, hospital_key, head, function):
    method = getattr(anchors, function)
    anchored_at = time_of(send(method, *INTO[function](STREAM), sender=hospital_key))
    assert refusal(method, *INTO[function](STREAM, 0), sender=hospital_key) == (
        "DocumentAnchorAlreadyAnchored",
        hospital_key.address,
        LEAF,
        anchored_at,
    )


# ---------------------------------------------------------------------- anchorInStream


def test_anchor_in_stream_records_and_chains(anchors, hospital_key, head):
    heads = chained(head, *LEAVES)
    for one, new_head in zip(LEAVES, heads, strict=True):
        receipt = send(anchors.anchorInStream, STREAM, one, TERMS, sender=hospital_key)
        assert events(receipt, anchors) == [
            anchored_event(hospital_key, one),
            *extended(hospital_key, STREAM, [one], [new_head]),
        ]
        assert tuple(anchors.anchorOf(hospital_key, one)) == record(time_of(receipt), streamed=True)
        assert anchors.headOf(hospital_key, STREAM) == new_head
        assert anchors.statusOf(single(hospital_key, one)) == Status.ACTIVE


def test_anchor_in_stream_shows_an_omission_or_another_order(anchors, hospital_key, head):
    for one in LEAVES:
        send(anchors.anchorInStream, STREAM, one, TERMS, sender=hospital_key)
    told = anchors.headOf(hospital_key, STREAM)
    assert told == chained(head, *LEAVES)[-1]
    for left_out in range(4):
        assert told != chained(head, *LEAVES[:left_out], *LEAVES[left_out + 1 :])[-1]
    assert told != chained(head, *reversed(LEAVES))[-1]


def test_anchor_in_stream_stays_in_its_chain_when_revoked(anchors, hospital_key, head):
    send(anchors.anchorInStream, STREAM, LEAF, TERMS, sender=hospital_key)
    send(anchors.revoke, LEAF, Revocation.ENTERED_IN_ERROR, sender=hospital_key)
    assert anchors.headOf(hospital_key, STREAM) == chained(head, LEAF)[-1]
    assert send(anchors.anchorInStream, STREAM, LEAF, TERMS, sender=hospital_key).logs == []
    assert anchors.statusOf(single(hospital_key)) == Status.REVOKED


def test_anchor_in_stream_cannot_be_run_ahead_of(anchors, hospital_key, hospital_other_key, stranger, head):
    """Who sees a transaction first can neither extend the stream nor take the leaf."""
    for other in (stranger, hospital_other_key):
        send(anchors.declareStream, STREAM, sender=other)
        send(anchors.anchorInStream, STREAM, LEAF, TERMS, sender=other)
    send(anchors.anchorInStream, STREAM, LEAF, TERMS, sender=hospital_key)
    assert anchors.headOf(hospital_key, STREAM) == chained(head, LEAF)[-1]


def test_anchor_in_stream_keeps_the_streams_apart(anchors, hospital_key, head):
    send(anchors.declareStream, SECOND, sender=hospital_key)
    send(anchors.anchorInStream, STREAM, LEAF, TERMS, sender=hospital_key)
    send(anchors.anchorInStream, SECOND, OTHER, TERMS, sender=hospital_key)
    assert anchors.headOf(hospital_key, STREAM) == chained(head, LEAF)[-1]
    assert anchors.headOf(hospital_key, SECOND) == chained(first_head(anchors, hospital_key, SECOND), OTHER)[-1]


def test_anchor_in_stream_is_open_to_a_key_reported_compromised(anchors, hospital, hospital_key, befall, head):
    """Nothing is asked of the registry; who reads learns that the key was not to be believed."""
    befall("compromised")
    receipt = send(anchors.anchorInStream, STREAM, LEAF, TERMS, sender=hospital_key)
    assert tuple(anchors.verify(single(hospital_key))) == (
        Status.ACTIVE,
        time_of(receipt),
        hospital.id,
        KeyStatus.COMPROMISED,
        True,
    )


# ---------------------------------------------------------------------- anchorListInStream


def test_anchor_list_in_stream_records_and_chains_each(anchors, hospital_key, head):
    assert anchors.anchorListInStream.call(STREAM, LEAVES, TERMS, sender=hospital_key) == 4
    receipt = send(anchors.anchorListInStream, STREAM, LEAVES, TERMS, sender=hospital_key)
    heads = chained(head, *LEAVES)
    assert events(receipt, anchors) == [
        ("DocumentsAnchored", hospital_key.address, TERMS, tuple(LEAVES)),
        *extended(hospital_key, STREAM, LEAVES, heads),
    ]
    assert anchors.headOf(hospital_key, STREAM) == heads[-1]
    for one in LEAVES:
        assert tuple(anchors.anchorOf(hospital_key, one)) == record(time_of(receipt), streamed=True)


def test_anchor_list_in_stream_chains_only_what_is_new(anchors, hospital_key, head):
    outside = time_of(send(anchors.anchor, LEAF, TERMS, sender=hospital_key))
    send(anchors.anchorInStream, STREAM, LEAVES[0], TERMS, sender=hospital_key)
    listed = [LEAVES[0], LEAVES[1], LEAF, LEAVES[1], LEAVES[2]]
    assert anchors.anchorListInStream.call(STREAM, listed, TERMS, sender=hospital_key) == 2
    receipt = send(anchors.anchorListInStream, STREAM, listed, TERMS, sender=hospital_key)
    assert events(receipt, anchors) == [
        ("DocumentsAnchored", hospital_key.address, TERMS, tuple(LEAVES[1:3])),
        *extended(hospital_key, STREAM, LEAVES[1:3], chained(head, *LEAVES[:3])[1:]),
    ]
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(outside)


def test_anchor_list_in_stream_without_a_new_leaf_changes_nothing(anchors, hospital_key, head):
    send(anchors.anchorListInStream, STREAM, LEAVES, TERMS, sender=hospital_key)
    before = anchors.headOf(hospital_key, STREAM)
    for listed in ([], LEAVES):
        assert send(anchors.anchorListInStream, STREAM, listed, TERMS, sender=hospital_key).logs == []
    assert anchors.headOf(hospital_key, STREAM) == before


# ---------------------------------------------------------------------- anchorBatchInStream


def test_anchor_batch_in_stream_records_and_chains(anchors, hospital_key, head):
    receipt = send(anchors.anchorBatchInStream, STREAM, BATCH.root, 5, TERMS, sender=hospital_key)
    new_head = chained(head, BATCH.root)[-1]
    assert events(receipt, anchors) == [
        ("BatchAnchored", hospital_key.address, BATCH.root, 5, TERMS, 0),
        *extended(hospital_key, STREAM, [BATCH.root], [new_head]),
    ]
    assert tuple(anchors.anchorOf(hospital_key, BATCH.root)) == record(time_of(receipt), count=5, streamed=True)
    assert anchors.headOf(hospital_key, STREAM) == new_head
    assert anchors.statusOf(BATCH.document(hospital_key, 0)) == Status.ACTIVE


def test_anchor_batch_in_stream_reverts_with_another_count(anchors, hospital_key, head):
    anchored_at = time_of(send(anchors.anchorBatchInStream, STREAM, BATCH.root, 5, TERMS, sender=hospital_key))
    assert refusal(anchors.anchorBatchInStream, STREAM, BATCH.root, 6, TERMS, sender=hospital_key) == (
        "DocumentAnchorAlreadyAnchored",
        hospital_key.address,
        BATCH.root,
        anchored_at,
    )


def test_stream_before_its_key_was_known_is_nobodys(anchors, hospital, spare_key, add_key):
    send(anchors.declareStream, STREAM, sender=spare_key)
    receipt = send(anchors.anchorInStream, STREAM, LEAF, TERMS, sender=spare_key)
    travel(1)
    add_key(hospital, spare_key)
    nobodys = (Status.ACTIVE, time_of(receipt), ZERO_ID, KeyStatus.UNKNOWN, False)
    assert tuple(anchors.verify(single(spare_key))) == nobodys
