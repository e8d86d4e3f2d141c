"""anchor, anchorList, anchorBatch."""

from __future__ import annotations

import pytest

from ..support import DAY, ZERO_HASH, chain_time, events, next_block_at, refusal, send, time_of, travel
from .documents import (
    KIND,
    LEAF,
    MAX_COUNT,
    OTHER,
    STREAM,
    TERMS,
    Amendment,
    Batch,
    Complaint,
    Revocation,
    Status,
    anchored_event,
    leaf,
    record,
    single,
)

LEAVES = [leaf(f"listed {i}") for i in range(4)]
HIGH_BITS = (56, 96, 136, 160, 168, 169, 170, 184, 208, 216, 255)
"""Among them the lowest bit of every field that a record has above its terms."""

BATCH = Batch.of(5)


@pytest.fixture
def anchored_at(anchors, hospital_key):
    """The time at which the hospital anchored the leaf."""
    return time_of(send(anchors.anchor, LEAF, TERMS, sender=hospital_key))


@pytest.fixture
def marked(anchors, hospital_key, laboratory_key):
    """A document of a batch, not anchored by itself, that was disputed and amended."""
    send(anchors.anchorBatch, BATCH.root, BATCH.count, TERMS, sender=hospital_key)
    document = BATCH.document(hospital_key, 2)
    send(anchors.dispute, document, Complaint.INACCURATE, ZERO_HASH, sender=laboratory_key)
    send(anchors.amend, document, OTHER, TERMS, Amendment.CORRECTION, sender=hospital_key)
    return BATCH.leaves[2]


# ---------------------------------------------------------------------- anchor


def test_anchor_records_the_document(anchors, hospital_key):
    receipt = send(anchors.anchor, LEAF, TERMS, sender=hospital_key)
    [(event, of, stamp)] = events(receipt, anchors)
    assert (event, of) == ("DocumentAnchored", LEAF)
    assert (stamp >> 216, stamp >> 160 & 2**56 - 1, stamp & 2**160 - 1) == (0, TERMS, int(hospital_key.address, 16))
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(time_of(receipt))
    assert anchors.statusOf(single(hospital_key)) == Status.ACTIVE


@pytest.mark.parametrize("kind", [0, 1, 2**16 - 1])
def test_anchor_records_kind_and_expiry(anchors, hospital_key, kind):
    expiry = 2**40 - 1
    receipt = send(anchors.anchor, LEAF, kind << 40 | expiry, sender=hospital_key)
    assert events(receipt, anchors) == [anchored_event(hospital_key, terms=kind << 40 | expiry)]
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(time_of(receipt), kind=kind, expiry=expiry)


def test_anchor_takes_a_key_that_nobody_knows(anchors, stranger):
    receipt = send(anchors.anchor, LEAF, TERMS, sender=stranger)
    assert events(receipt, anchors) == [anchored_event(stranger)]
    assert anchors.statusOf(single(stranger)) == Status.ACTIVE


@pytest.mark.parametrize("event", ["suspended", "expelled", "frozen", "retired", "compromised"])
def test_anchor_asks_nothing_of_the_registry(anchors, hospital_key, befall, event):
    befall(event)
    assert events(send(anchors.anchor, LEAF, TERMS, sender=hospital_key), anchors) == [anchored_event(hospital_key)]


def test_anchor_cannot_be_taken_by_who_saw_it_first(anchors, hospital_key, stranger):
    send(anchors.anchor, LEAF, TERMS + 2**40, sender=stranger)
    send(anchors.revoke, LEAF, Revocation.LEGAL_ORDER, sender=stranger)
    receipt = send(anchors.anchor, LEAF, TERMS, sender=hospital_key)
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(time_of(receipt))
    assert anchors.statusOf(single(stranger)) == Status.REVOKED


def test_anchor_again_changes_nothing(anchors, hospital_key, anchored_at):
    travel(DAY)
    receipt = send(anchors.anchor, LEAF, TERMS, sender=hospital_key)
    assert receipt.logs == []
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(anchored_at)


def test_anchor_again_after_its_expiry_changes_nothing(anchors, hospital_key):
    terms = TERMS + chain_time() + DAY
    send(anchors.anchor, LEAF, terms, sender=hospital_key)
    before = tuple(anchors.anchorOf(hospital_key, LEAF))
    travel(2 * DAY)
    assert send(anchors.anchor, LEAF, terms, sender=hospital_key).logs == []
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == before


def test_anchor_again_does_not_undo_a_revocation(anchors, hospital_key, anchored_at):
    revoked_at = time_of(send(anchors.revoke, LEAF, Revocation.ENTERED_IN_ERROR, sender=hospital_key))
    assert send(anchors.anchor, LEAF, TERMS, sender=hospital_key).logs == []
    assert send(anchors.anchorList, [LEAF], TERMS, sender=hospital_key).logs == []
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(
        anchored_at, revoked_at=revoked_at, reason=Revocation.ENTERED_IN_ERROR
    )


@pytest.mark.parametrize("terms", [TERMS + 2**40, 0, TERMS + 2**40 - 1], ids=["kind", "no kind", "expiry"])
def test_anchor_reverts_with_other_terms(anchors, hospital_key, anchored_at, terms):
    assert refusal(anchors.anchor, LEAF, terms, sender=hospital_key) == (
        "DocumentAnchorAlreadyAnchored",
        hospital_key.address,
        LEAF,
        anchored_at,
    )


def test_anchor_reverts_if_it_is_a_batch(anchors, hospital_key):
    receipt = send(anchors.anchorBatch, BATCH.root, 1, TERMS, sender=hospital_key)
    assert refusal(anchors.anchor, BATCH.root, TERMS, sender=hospital_key) == (
        "DocumentAnchorAlreadyAnchored",
        hospital_key.address,
        BATCH.root,
        time_of(receipt),
    )


def test_anchor_reverts_if_it_is_in_a_stream(anchors, hospital_key):
    send(anchors.declareStream, STREAM, sender=hospital_key)
    receipt = send(anchors.anchorInStream, STREAM, LEAF, TERMS, sender=hospital_key)
    assert refusal(anchors.anchor, LEAF, TERMS, sender=hospital_key) == (
        "DocumentAnchorAlreadyAnchored",
        hospital_key.address,
        LEAF,
        time_of(receipt),
    )


@pytest.mark.parametrize("bit", HIGH_BITS)
def test_anchor_reverts_if_terms_have_bits_above_the_kind(anchors, hospital_key, anchored_at, bit):
    for one in (LEAF, OTHER):
        assert refusal(anchors.anchor, one, TERMS | 1 << bit, sender=hospital_key) == (
            "DocumentAnchorInvalidTerms",
            TERMS | 1 << bit,
        )


@pytest.mark.parametrize("ago", [0, 1])
def test_anchor_reverts_if_the_expiry_is_past(anchors, hospital_key, ago):
    now = chain_time()
    assert refusal(anchors.anchor, LEAF, TERMS + now - ago, sender=hospital_key) == (
        "DocumentAnchorExpiryPast",
        now - ago,
        now,
    )


def test_anchor_takes_an_expiry_a_second_ahead(anchors, hospital_key):
    now = chain_time() + 10
    next_block_at(now)
    send(anchors.anchor, LEAF, TERMS + now + 1, sender=hospital_key)
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(now, expiry=now + 1)
    assert anchors.statusOf(single(hospital_key)) == Status.ACTIVE
    travel(1)
    assert anchors.statusOf(single(hospital_key)) == Status.EXPIRED


def test_anchor_keeps_the_marks_of_a_batch(anchors, hospital_key, marked):
    assert tuple(anchors.anchorOf(hospital_key, marked)) == record(disputes=1, superseded=True)
    receipt = send(anchors.anchor, marked, TERMS, sender=hospital_key)
    assert events(receipt, anchors) == [anchored_event(hospital_key, marked)]
    assert tuple(anchors.anchorOf(hospital_key, marked)) == record(time_of(receipt), disputes=1, superseded=True)
    assert anchors.statusOf(single(hospital_key, marked)) == Status.SUPERSEDED


# ---------------------------------------------------------------------- anchorList


def test_anchor_list_records_each(anchors, hospital_key):
    assert anchors.anchorList.call(LEAVES, TERMS, sender=hospital_key) == 4
    receipt = send(anchors.anchorList, LEAVES, TERMS, sender=hospital_key)
    assert events(receipt, anchors) == [("DocumentsAnchored", hospital_key.address, TERMS, tuple(LEAVES))]
    for one in LEAVES:
        assert tuple(anchors.anchorOf(hospital_key, one)) == record(time_of(receipt))


def test_anchor_list_skips_and_reports_duplicates(anchors, hospital_key, anchored_at):
    listed = [LEAVES[0], LEAF, LEAVES[1], LEAVES[0], LEAVES[1], LEAF, LEAVES[2]]
    assert anchors.anchorList.call(listed, TERMS, sender=hospital_key) == 3
    receipt = send(anchors.anchorList, listed, TERMS, sender=hospital_key)
    assert events(receipt, anchors) == [("DocumentsAnchored", hospital_key.address, TERMS, tuple(LEAVES[:3]))]
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(anchored_at)
    assert tuple(anchors.anchorOf(hospital_key, LEAVES[0])) == record(time_of(receipt))


def test_anchor_list_skips_what_is_anchored_with_other_terms(anchors, hospital_key, anchored_at):
    batched_at = time_of(send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key))
    receipt = send(anchors.anchorList, [LEAF, BATCH.root, OTHER], 0, sender=hospital_key)
    assert events(receipt, anchors) == [("DocumentsAnchored", hospital_key.address, 0, (OTHER,))]
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(anchored_at)
    assert tuple(anchors.anchorOf(hospital_key, BATCH.root)) == record(batched_at, count=5)


@pytest.mark.parametrize("listed", [[], LEAVES], ids=["nothing", "all known"])
def test_anchor_list_without_a_new_leaf_changes_nothing(anchors, hospital_key, listed):
    anchored_at = time_of(send(anchors.anchorList, LEAVES, TERMS, sender=hospital_key))
    travel(1)
    assert anchors.anchorList.call(listed, TERMS, sender=hospital_key) == 0
    assert send(anchors.anchorList, listed, TERMS, sender=hospital_key).logs == []
    assert tuple(anchors.anchorOf(hospital_key, LEAVES[0])) == record(anchored_at)


def test_anchor_list_again_after_its_expiry_changes_nothing(anchors, hospital_key):
    """As `anchor` does: a client that repeats a list whose transaction it lost sight of must not be refused."""
    terms = TERMS + chain_time() + DAY
    send(anchors.anchorList, LEAVES, terms, sender=hospital_key)
    before = tuple(anchors.anchorOf(hospital_key, LEAVES[0]))
    travel(2 * DAY)
    assert anchors.anchorList.call(LEAVES, terms, sender=hospital_key) == 0
    assert send(anchors.anchorList, LEAVES, terms, sender=hospital_key).logs == []
    assert tuple(anchors.anchorOf(hospital_key, LEAVES[0])) == before
    expiry = terms - TERMS
    assert refusal(anchors.anchorList, [*LEAVES, LEAF], terms, sender=hospital_key)[:2] == (
        "DocumentAnchorExpiryPast",
        expiry,
    )


def test_anchor_list_is_kept_by_submitter(anchors, hospital_key, laboratory_key):
    send(anchors.anchorList, LEAVES, TERMS, sender=laboratory_key)
    assert anchors.anchorList.call(LEAVES, TERMS, sender=hospital_key) == 4


@pytest.mark.parametrize("bit", HIGH_BITS)
def test_anchor_list_reverts_if_terms_have_bits_above_the_kind(anchors, hospital_key, bit):
    assert refusal(anchors.anchorList, LEAVES, TERMS | 1 << bit, sender=hospital_key) == (
        "DocumentAnchorInvalidTerms",
        TERMS | 1 << bit,
    )


def test_anchor_list_reverts_if_the_expiry_is_past(anchors, hospital_key):
    now = chain_time()
    assert refusal(anchors.anchorList, LEAVES, TERMS + now, sender=hospital_key) == (
        "DocumentAnchorExpiryPast",
        now,
        now,
    )


def test_anchor_list_keeps_the_marks_of_a_batch(anchors, hospital_key, marked):
    receipt = send(anchors.anchorList, [marked], TERMS, sender=hospital_key)
    assert tuple(anchors.anchorOf(hospital_key, marked)) == record(time_of(receipt), disputes=1, superseded=True)


# ---------------------------------------------------------------------- anchorBatch


def test_anchor_batch_records_root_and_count(anchors, hospital_key):
    receipt = send(anchors.anchorBatch, BATCH.root, BATCH.count, TERMS, sender=hospital_key)
    assert events(receipt, anchors) == [("BatchAnchored", hospital_key.address, BATCH.root, 5, TERMS, 0)]
    assert tuple(anchors.anchorOf(hospital_key, BATCH.root)) == record(time_of(receipt), count=5)
    for index in range(BATCH.count):
        assert anchors.statusOf(BATCH.document(hospital_key, index)) == Status.ACTIVE


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9])
def test_anchor_batch_shows_every_leaf_of_a_tree_of_any_size(anchors, hospital_key, count):
    batch = Batch.of(count)
    send(anchors.anchorBatch, batch.root, count, TERMS, sender=hospital_key)
    statuses = {anchors.statusOf(batch.document(hospital_key, index)) for index in range(count)}
    assert statuses == {Status.ACTIVE}


def test_anchor_batch_takes_the_largest_count_and_terms(anchors, hospital_key):
    terms = 2**56 - 1
    receipt = send(anchors.anchorBatch, LEAF, MAX_COUNT, terms, sender=hospital_key)
    assert events(receipt, anchors) == [("BatchAnchored", hospital_key.address, LEAF, MAX_COUNT, terms, 0)]
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(
        time_of(receipt), count=MAX_COUNT, kind=2**16 - 1, expiry=2**40 - 1
    )


def test_anchor_batch_again_changes_nothing(anchors, hospital_key):
    anchored_at = time_of(send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key))
    travel(1)
    assert send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key).logs == []
    assert tuple(anchors.anchorOf(hospital_key, BATCH.root)) == record(anchored_at, count=5)


@pytest.mark.parametrize(
    ("count", "terms"),
    [(4, TERMS), (6, TERMS), (5, TERMS + 2**40), (5, TERMS + 2**40 - 1)],
    ids=["fewer", "more", "kind", "expiry"],
)
def test_anchor_batch_reverts_with_another_count_or_other_terms(anchors, hospital_key, count, terms):
    receipt = send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key)
    assert refusal(anchors.anchorBatch, BATCH.root, count, terms, sender=hospital_key) == (
        "DocumentAnchorAlreadyAnchored",
        hospital_key.address,
        BATCH.root,
        time_of(receipt),
    )


def test_anchor_batch_reverts_if_it_is_a_document(anchors, hospital_key, anchored_at):
    assert refusal(anchors.anchorBatch, LEAF, 1, TERMS, sender=hospital_key) == (
        "DocumentAnchorAlreadyAnchored",
        hospital_key.address,
        LEAF,
        anchored_at,
    )


@pytest.mark.parametrize(("root", "count"), [(ZERO_HASH, 5), (BATCH.root, 0), (ZERO_HASH, 0)])
def test_anchor_batch_reverts_if_empty(anchors, hospital_key, root, count):
    wanted = ("DocumentAnchorEmptyBatch", root, count)
    assert refusal(anchors.anchorBatch, root, count, TERMS, sender=hospital_key) == wanted
    assert refusal(anchors.anchorBatchInStream, STREAM, root, count, TERMS, sender=hospital_key) == wanted
    by_signature = (hospital_key, root, count, TERMS, 0, 2**40 - 1, b"")
    assert refusal(anchors.anchorBatchBySignature, *by_signature, sender=hospital_key) == wanted


@pytest.mark.parametrize("bit", HIGH_BITS)
def test_anchor_batch_reverts_if_terms_have_bits_above_the_kind(anchors, hospital_key, bit):
    assert refusal(anchors.anchorBatch, BATCH.root, 5, TERMS | 1 << bit, sender=hospital_key) == (
        "DocumentAnchorInvalidTerms",
        TERMS | 1 << bit,
    )


def test_anchor_batch_reverts_if_the_expiry_is_past(anchors, hospital_key):
    now = chain_time()
    assert refusal(anchors.anchorBatch, BATCH.root, 5, KIND << 40 | now, sender=hospital_key) == (
        "DocumentAnchorExpiryPast",
        now,
        now,
    )


def test_anchor_batch_keeps_the_marks_of_its_root_as_a_leaf(anchors, hospital_key, laboratory_key):
    """A root may be a document of a batch of batches; what is marked there must not leave with the root's anchor."""
    outer = Batch([BATCH.root, LEAF])
    send(anchors.anchorBatch, outer.root, 2, TERMS, sender=hospital_key)
    document = outer.document(hospital_key, 0)
    send(anchors.dispute, document, Complaint.INACCURATE, ZERO_HASH, sender=laboratory_key)
    send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key)
    assert anchors.anchorOf(hospital_key, BATCH.root).disputes == 1
    assert anchors.statusOf(document) == Status.DISPUTED
    assert anchors.statusOf(BATCH.document(hospital_key, 0)) == Status.ACTIVE
