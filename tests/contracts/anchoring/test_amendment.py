"""amend: a document's successor."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ..support import DAY, ZERO, ZERO_HASH, chain_time, events, refusal, send, time_of, travel, travel_to
from .documents import (
    KIND,
    LEAF,
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

BATCH = Batch.of(5)
CORRECTION = Amendment.CORRECTION
NO_LINK = (ZERO_HASH, ZERO, 0, 0)
LINE = [leaf(f"version {i}") for i in range(5)]


@pytest.fixture
def anchored_at(anchors, hospital_key):
    """The time at which the hospital anchored the leaf."""
    return time_of(send(anchors.anchor, LEAF, TERMS, sender=hospital_key))


@pytest.fixture
def amend(anchors, hospital_key):
    """Amends the hospital's document by its key."""

    def call(former=LEAF, successor=OTHER, terms=TERMS, reason=CORRECTION, sender=hospital_key, submitter=hospital_key):
        return send(anchors.amend, single(submitter, former), successor, terms, reason, sender=sender)

    return call


def amended(former_submitter, former, submitter, successor, reason=CORRECTION):
    return "DocumentAmended", former_submitter.address, former, submitter.address, successor, reason


@pytest.mark.parametrize("reason", [reason for reason in Amendment if reason])
def test_amend_anchors_and_links_the_successor(anchors, hospital_key, anchored_at, amend, reason):
    travel(5)
    expiry = chain_time() + DAY
    receipt = amend(terms=TERMS + expiry, reason=reason)
    now = time_of(receipt)
    assert events(receipt, anchors) == [
        anchored_event(hospital_key, OTHER, TERMS + expiry),
        amended(hospital_key, LEAF, hospital_key, OTHER, reason),
    ]
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(anchored_at, superseded=True)
    assert tuple(anchors.anchorOf(hospital_key, OTHER)) == record(now, expiry=expiry)
    assert tuple(anchors.successorOf(hospital_key, LEAF)) == (OTHER, hospital_key.address, now, reason)
    assert tuple(anchors.predecessorOf(hospital_key, OTHER)) == (LEAF, hospital_key.address, now, reason)
    assert tuple(anchors.successorOf(hospital_key, OTHER)) == NO_LINK
    assert tuple(anchors.predecessorOf(hospital_key, LEAF)) == NO_LINK
    assert anchors.statusOf(single(hospital_key)) == Status.SUPERSEDED
    assert anchors.statusOf(single(hospital_key, OTHER)) == Status.ACTIVE


def test_amend_by_another_key_anchors_under_it(anchors, hospital_key, hospital_other_key, anchored_at, amend):
    receipt = amend(sender=hospital_other_key)
    now = time_of(receipt)
    assert events(receipt, anchors) == [
        anchored_event(hospital_other_key, OTHER),
        amended(hospital_key, LEAF, hospital_other_key, OTHER),
    ]
    assert tuple(anchors.successorOf(hospital_key, LEAF)) == (OTHER, hospital_other_key.address, now, CORRECTION)
    assert tuple(anchors.predecessorOf(hospital_other_key, OTHER)) == (LEAF, hospital_key.address, now, CORRECTION)
    assert tuple(anchors.anchorOf(hospital_key, OTHER)) == record()
    assert list(anchors.latest(hospital_key, LEAF)) == [hospital_other_key.address, OTHER]


def test_amend_may_move_the_same_leaf_to_another_key(anchors, hospital_key, hospital_other_key, anchored_at, amend):
    amend(successor=LEAF, reason=Amendment.REISSUE, sender=hospital_other_key)
    assert anchors.statusOf(single(hospital_key)) == Status.SUPERSEDED
    assert anchors.statusOf(single(hospital_other_key)) == Status.ACTIVE
    assert list(anchors.latest(hospital_key, LEAF)) == [hospital_other_key.address, LEAF]


def test_amend_takes_a_predecessor_in_a_batch(anchors, hospital_key):
    send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key)
    receipt = send(anchors.amend, BATCH.document(hospital_key, 3), OTHER, TERMS, CORRECTION, sender=hospital_key)
    assert events(receipt, anchors)[1] == amended(hospital_key, BATCH.leaves[3], hospital_key, OTHER)
    statuses = [anchors.statusOf(BATCH.document(hospital_key, index)) for index in range(5)]
    assert statuses == [Status.ACTIVE] * 3 + [Status.SUPERSEDED, Status.ACTIVE]
    assert tuple(anchors.anchorOf(hospital_key, BATCH.leaves[3])) == record(superseded=True)
    assert anchors.statusOf(single(hospital_key, BATCH.leaves[3])) == Status.UNKNOWN


def test_amend_takes_a_successor_that_is_in_a_batch_too(anchors, hospital_key, anchored_at, amend):
    send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key)
    receipt = amend(successor=BATCH.leaves[0])
    assert events(receipt, anchors)[0] == anchored_event(hospital_key, BATCH.leaves[0])
    assert anchors.statusOf(BATCH.document(hospital_key, 0)) == Status.ACTIVE


def test_amend_keeps_the_marks_of_its_successor(anchors, hospital_key, laboratory_key, anchored_at, amend):
    send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key)
    document = BATCH.document(hospital_key, 0)
    send(anchors.dispute, document, Complaint.INACCURATE, ZERO_HASH, sender=laboratory_key)
    receipt = amend(successor=BATCH.leaves[0])
    assert tuple(anchors.anchorOf(hospital_key, BATCH.leaves[0])) == record(time_of(receipt), disputes=1)


def test_amend_takes_a_successor_that_is_anchored(anchors, hospital_key, anchored_at, amend):
    other_at = time_of(send(anchors.anchor, OTHER, TERMS, sender=hospital_key))
    travel(1)
    assert events(amend(), anchors) == [amended(hospital_key, LEAF, hospital_key, OTHER)]
    assert tuple(anchors.anchorOf(hospital_key, OTHER)) == record(other_at)


def test_amend_takes_a_successor_in_a_stream(anchors, hospital_key, anchored_at, amend):
    send(anchors.declareStream, STREAM, sender=hospital_key)
    other_at = time_of(send(anchors.anchorInStream, STREAM, OTHER, TERMS, sender=hospital_key))
    head = anchors.headOf(hospital_key, STREAM)
    assert events(amend(), anchors) == [amended(hospital_key, LEAF, hospital_key, OTHER)]
    assert tuple(anchors.anchorOf(hospital_key, OTHER)) == record(other_at, streamed=True)
    assert anchors.headOf(hospital_key, STREAM) == head


@pytest.mark.parametrize("streamed", [False, True])
def test_amend_reverts_if_the_successor_has_other_terms(anchors, hospital_key, anchored_at, streamed):
    if streamed:
        send(anchors.declareStream, STREAM, sender=hospital_key)
        receipt = send(anchors.anchorInStream, STREAM, OTHER, TERMS, sender=hospital_key)
    else:
        receipt = send(anchors.anchor, OTHER, TERMS, sender=hospital_key)
    for terms in (0, TERMS + chain_time() + DAY):
        assert refusal(anchors.amend, single(hospital_key), OTHER, terms, CORRECTION, sender=hospital_key) == (
            "DocumentAnchorAlreadyAnchored",
            hospital_key.address,
            OTHER,
            time_of(receipt),
        )


@pytest.mark.parametrize("streamed", [False, True])
def test_amend_reverts_if_the_successor_is_a_batch(anchors, hospital_key, anchored_at, streamed):
    if streamed:
        send(anchors.declareStream, STREAM, sender=hospital_key)
        receipt = send(anchors.anchorBatchInStream, STREAM, OTHER, 5, TERMS, sender=hospital_key)
    else:
        receipt = send(anchors.anchorBatch, OTHER, 5, TERMS, sender=hospital_key)
    assert refusal(anchors.amend, single(hospital_key), OTHER, TERMS, CORRECTION, sender=hospital_key) == (
        "DocumentAnchorAlreadyAnchored",
        hospital_key.address,
        OTHER,
        time_of(receipt),
    )


@pytest.mark.parametrize("way", ["by itself", "in a stream", "a batch"])
def test_amend_reverts_if_the_successor_is_revoked(anchors, hospital_key, anchored_at, way):
    """Readers of a document that was in force must not be led to one that never can be."""
    send(anchors.declareStream, STREAM, sender=hospital_key)
    method, arguments = {
        "by itself": (anchors.anchor, (OTHER, TERMS)),
        "in a stream": (anchors.anchorInStream, (STREAM, OTHER, TERMS)),
        "a batch": (anchors.anchorBatch, (OTHER, 5, TERMS)),
    }[way]
    send(method, *arguments, sender=hospital_key)
    send(anchors.revoke, OTHER, Revocation.ENTERED_IN_ERROR, sender=hospital_key)
    assert refusal(anchors.amend, single(hospital_key), OTHER, TERMS, CORRECTION, sender=hospital_key) == (
        "DocumentAnchorInvalidSuccessor",
        hospital_key.address,
        OTHER,
    )


@pytest.mark.parametrize("streamed", [False, True])
def test_amend_reverts_if_the_successor_has_expired(anchors, hospital_key, anchored_at, streamed):
    send(anchors.declareStream, STREAM, sender=hospital_key)
    expiry = chain_time() + DAY
    if streamed:
        send(anchors.anchorInStream, STREAM, OTHER, TERMS + expiry, sender=hospital_key)
    else:
        send(anchors.anchor, OTHER, TERMS + expiry, sender=hospital_key)
    travel_to(expiry)
    arguments = (single(hospital_key), OTHER, TERMS + expiry, CORRECTION)
    assert refusal(anchors.amend, *arguments, sender=hospital_key) == ("DocumentAnchorExpiryPast", expiry, expiry)


@pytest.mark.parametrize("status", ["revoked", "expired", "disputed"])
def test_amend_takes_a_predecessor_in_any_state(anchors, hospital_key, laboratory_key, amend, status):
    expiry = chain_time() + DAY
    send(anchors.anchor, LEAF, KIND << 40 | expiry, sender=hospital_key)
    if status == "revoked":
        send(anchors.revoke, LEAF, Revocation.ENTERED_IN_ERROR, sender=hospital_key)
    elif status == "expired":
        travel(2 * DAY)
    else:
        send(anchors.dispute, single(hospital_key), Complaint.INACCURATE, ZERO_HASH, sender=laboratory_key)
    amend()
    wanted = Status.REVOKED if status == "revoked" else Status.SUPERSEDED
    assert anchors.statusOf(single(hospital_key)) == wanted
    assert list(anchors.latest(hospital_key, LEAF)) == [hospital_key.address, OTHER]


def test_amend_again_changes_nothing(anchors, hospital_key, anchored_at, amend):
    amend()
    before = [tuple(anchors.successorOf(hospital_key, LEAF)), tuple(anchors.anchorOf(hospital_key, OTHER))]
    travel(5)
    assert amend().logs == []
    assert [tuple(anchors.successorOf(hospital_key, LEAF)), tuple(anchors.anchorOf(hospital_key, OTHER))] == before


def test_amend_again_changes_nothing_though_the_successor_is_in_force_no_more(
    anchors, hospital_key, anchored_at, amend
):
    terms = TERMS + chain_time() + DAY
    amend(terms=terms)
    send(anchors.revoke, OTHER, Revocation.ENTERED_IN_ERROR, sender=hospital_key)
    travel(2 * DAY)
    assert amend(terms=terms).logs == []


def test_amend_reverts_with_a_second_successor(anchors, hospital_key, hospital_other_key, anchored_at, amend):
    amend()
    wanted = ("DocumentAnchorAlreadyAmended", hospital_key.address, LEAF, hospital_key.address, OTHER)
    document = single(hospital_key)
    for successor, reason, caller in (
        (LINE[0], CORRECTION, hospital_key),
        (OTHER, Amendment.REISSUE, hospital_key),
        (OTHER, CORRECTION, hospital_other_key),
    ):
        assert refusal(anchors.amend, document, successor, TERMS, reason, sender=caller) == wanted


def test_amend_reverts_if_it_is_its_own_successor(anchors, hospital_key, anchored_at):
    assert refusal(anchors.amend, single(hospital_key), LEAF, TERMS, CORRECTION, sender=hospital_key) == (
        "DocumentAnchorInvalidSuccessor",
        hospital_key.address,
        LEAF,
    )


def test_amend_reverts_if_the_successor_succeeds_another(anchors, hospital_key, anchored_at, amend):
    send(anchors.anchor, LINE[0], TERMS, sender=hospital_key)
    amend()
    assert refusal(anchors.amend, single(hospital_key, LINE[0]), OTHER, TERMS, CORRECTION, sender=hospital_key) == (
        "DocumentAnchorInvalidSuccessor",
        hospital_key.address,
        OTHER,
    )


@pytest.mark.parametrize("length", [2, 3, 5])
def test_amend_reverts_if_it_would_close_a_circle(anchors, hospital_key, amend, length):
    send(anchors.anchor, LINE[0], TERMS, sender=hospital_key)
    for former, successor in pairwise(LINE[:length]):
        amend(former, successor)
    for back in LINE[: length - 1]:
        arguments = (single(hospital_key, LINE[length - 1]), back, TERMS, CORRECTION)
        assert refusal(anchors.amend, *arguments, sender=hospital_key) == (
            "DocumentAnchorInvalidSuccessor",
            hospital_key.address,
            back,
        )


def test_amend_reverts_if_it_would_close_a_circle_over_two_keys(
    anchors, hospital_key, hospital_other_key, anchored_at, amend
):
    amend(sender=hospital_other_key)
    arguments = (single(hospital_other_key, OTHER), LEAF, TERMS, CORRECTION)
    assert refusal(anchors.amend, *arguments, sender=hospital_key) == (
        "DocumentAnchorInvalidSuccessor",
        hospital_key.address,
        LEAF,
    )


def test_amend_makes_a_line_whose_newest_is_found(anchors, hospital_key, hospital_other_key):
    keys = [hospital_key, hospital_other_key, hospital_other_key, hospital_key, hospital_other_key]
    send(anchors.anchor, LINE[0], TERMS, sender=hospital_key)
    for i in range(4):
        document = single(keys[i], LINE[i])
        send(anchors.amend, document, LINE[i + 1], TERMS, Amendment.NEW_VERSION, sender=keys[i + 1])
    for key, one in zip(keys, LINE, strict=True):
        assert list(anchors.latest(key, one)) == [hospital_other_key.address, LINE[4]]
    assert list(anchors.latest(hospital_key, OTHER)) == [hospital_key.address, OTHER]
    statuses = [anchors.statusOf(single(*pair)) for pair in zip(keys, LINE, strict=True)]
    assert statuses == [Status.SUPERSEDED] * 4 + [Status.ACTIVE]
    back, submitter = LINE[4], hospital_other_key.address
    walked = []
    while (link := anchors.predecessorOf(submitter, back)).amendedAt:
        back, submitter = bytes(link.leaf), link.submitter
        walked.append(back)
    assert walked == LINE[3::-1]


def test_amend_does_not_touch_the_same_leaf_of_others(anchors, hospital_key, laboratory_key, anchored_at, amend):
    send(anchors.anchor, LEAF, TERMS, sender=laboratory_key)
    send(anchors.anchor, OTHER, TERMS, sender=laboratory_key)
    amend()
    for one in (LEAF, OTHER):
        assert anchors.statusOf(single(laboratory_key, one)) == Status.ACTIVE
        assert tuple(anchors.successorOf(laboratory_key, one)) == NO_LINK
        assert tuple(anchors.predecessorOf(laboratory_key, one)) == NO_LINK


def test_amend_reverts_for_the_document_of_nobodys_key(anchors, hospital_key, stranger):
    send(anchors.anchor, LEAF, TERMS, sender=stranger)
    arguments = (single(stranger), OTHER, TERMS, CORRECTION)
    assert refusal(anchors.amend, *arguments, sender=stranger) == ("OrganizationRegistryUnknownKey", stranger.address)
    assert refusal(anchors.amend, *arguments, sender=hospital_key) == (
        "DocumentAnchorNotSameOrganization",
        stranger.address,
        hospital_key.address,
    )


@pytest.mark.parametrize("event", ["suspended", "expelled"])
def test_amend_by_its_own_key_works_whatever_became_of_the_organization(
    anchors, hospital_key, anchored_at, befall, amend, event
):
    befall(event)
    amend()
    assert anchors.statusOf(single(hospital_key)) == Status.SUPERSEDED


@pytest.mark.parametrize("event", ["retired", "compromised"])
def test_amend_reverts_if_its_own_key_is_no_more(anchors, hospital_key, anchored_at, befall, event):
    """A thief whose key was reported must not be able to put its own document in the place of an honest one: readers
    of the honest one are led to it by `latest`, and no other key can ever correct that."""
    travel(5)
    befall(event)
    arguments = (single(hospital_key), OTHER, TERMS, CORRECTION)
    error, key, _ = refusal(anchors.amend, *arguments, sender=hospital_key)
    assert (error, key) == (f"OrganizationRegistryKey{event.capitalize()}", hospital_key.address)


@pytest.mark.parametrize("event", ["suspended", "expelled", "retired", "compromised"])
def test_amend_by_another_key_works_whatever_became_of_the_former(
    anchors, hospital_key, hospital_other_key, anchored_at, befall, amend, event
):
    befall(event)
    amend(sender=hospital_other_key)
    assert anchors.statusOf(single(hospital_key)) == Status.SUPERSEDED


def test_amend_reverts_while_frozen(anchors, hospital, hospital_key, hospital_other_key, anchored_at, befall):
    befall("frozen")
    arguments = (single(hospital_key), OTHER, TERMS, CORRECTION)
    for caller in (hospital_key, hospital_other_key):
        assert refusal(anchors.amend, *arguments, sender=caller) == ("OrganizationRegistryFrozen", hospital.id)


def test_amend_reverts_for_another_organization(anchors, hospital_key, laboratory_key, stranger, anchored_at):
    arguments = (single(hospital_key), OTHER, TERMS, CORRECTION)
    assert refusal(anchors.amend, *arguments, sender=laboratory_key) == (
        "DocumentAnchorNotSameOrganization",
        hospital_key.address,
        laboratory_key.address,
    )
    assert refusal(anchors.amend, *arguments, sender=stranger) == ("OrganizationRegistryUnknownKey", stranger.address)


def test_amend_reverts_without_a_reason(anchors, hospital_key, anchored_at):
    arguments = (single(hospital_key), OTHER, TERMS, Amendment.UNSPECIFIED)
    assert refusal(anchors.amend, *arguments, sender=hospital_key) == ("DocumentAnchorReasonMissing",)


@pytest.mark.parametrize("bit", [56, 136, 168, 255])
def test_amend_reverts_if_terms_have_bits_above_the_kind(anchors, hospital_key, anchored_at, bit):
    arguments = (single(hospital_key), OTHER, TERMS | 1 << bit, CORRECTION)
    assert refusal(anchors.amend, *arguments, sender=hospital_key) == ("DocumentAnchorInvalidTerms", TERMS | 1 << bit)


def test_amend_reverts_if_the_expiry_is_past(anchors, hospital_key, anchored_at):
    now = chain_time()
    arguments = (single(hospital_key), OTHER, TERMS + now, CORRECTION)
    assert refusal(anchors.amend, *arguments, sender=hospital_key) == ("DocumentAnchorExpiryPast", now, now)


def test_amend_reverts_if_unknown(anchors, hospital_key, anchored_at):
    send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key)
    for document, wanted in (
        (single(hospital_key, OTHER), ("DocumentAnchorUnknown", hospital_key.address, OTHER)),
        (single(hospital_key, BATCH.root), ("DocumentAnchorUnknown", hospital_key.address, BATCH.root)),
        (BATCH.document(hospital_key, 0, root=OTHER), ("DocumentAnchorUnknown", hospital_key.address, OTHER)),
        (BATCH.document(hospital_key, 0, index=1), ("DocumentAnchorNotInBatch", BATCH.root, 1, BATCH.leaves[0])),
        (BATCH.document(hospital_key, 0, leaf=LEAF), ("DocumentAnchorNotInBatch", BATCH.root, 0, LEAF)),
    ):
        assert refusal(anchors.amend, document, LINE[0], TERMS, CORRECTION, sender=hospital_key) == wanted
