"""What a reader learns of a document: its status, who vouched for it, its proof, and where it is stored."""

from __future__ import annotations

from itertools import product

import pytest
from web3.exceptions import ContractLogicError

from ..support import (
    DAY,
    ZERO_HASH,
    ZERO_ID,
    KeyStatus,
    Reason,
    chain_time,
    send,
    time_of,
    travel,
    travel_to,
)
from .documents import (
    KIND,
    LEAF,
    MAX_COUNT,
    OTHER,
    RECORD_NAMESPACE,
    REVOKED_LEAVES_NAMESPACE,
    STREAM,
    TERMS,
    Amendment,
    Batch,
    Complaint,
    Revocation,
    Status,
    batch_leaf,
    decoded,
    domain_of_anchors,
    first_head,
    leaf,
    node,
    number,
    record,
    revoked_leaves_slot_of,
    sign,
    single,
    slot_of,
    stored,
    stream_bits,
)

BATCH = Batch.of(5)
UNKNOWN = (Status.UNKNOWN, 0, ZERO_ID, KeyStatus.UNKNOWN, False)

# ---------------------------------------------------------------------- status


@pytest.mark.parametrize(
    ("batched", "revocation"),
    [(False, "none"), (False, "anchor"), (True, "none"), (True, "anchor"), (True, "leaf")],
)
@pytest.mark.parametrize(("disputed", "expired", "superseded"), list(product([False, True], repeat=3)))
def test_status_is_the_last_of_all_that_hold(
    anchors, hospital_key, laboratory_key, disputed, expired, superseded, batched, revocation
):
    terms = KIND << 40 | chain_time() + DAY
    if batched:
        send(anchors.anchorBatch, BATCH.root, 5, terms, sender=hospital_key)
        document, identity = BATCH.document(hospital_key, 3), BATCH.root
    else:
        send(anchors.anchor, LEAF, terms, sender=hospital_key)
        document, identity = single(hospital_key), LEAF
    if disputed:
        send(anchors.dispute, document, Complaint.INACCURATE, ZERO_HASH, sender=laboratory_key)
    if superseded:
        send(anchors.amend, document, OTHER, TERMS, Amendment.CORRECTION, sender=hospital_key)
    if revocation == "anchor":
        send(anchors.revoke, identity, Revocation.ENTERED_IN_ERROR, sender=hospital_key)
    elif revocation == "leaf":
        send(anchors.revokeLeaves, identity, 0, 1 << 3, Revocation.ENTERED_IN_ERROR, sender=hospital_key)
    travel(2 * DAY if expired else 1)
    expected = Status.ACTIVE
    for holds, status in (
        (disputed, Status.DISPUTED),
        (expired, Status.EXPIRED),
        (superseded, Status.SUPERSEDED),
        (revocation != "none", Status.REVOKED),
    ):
        expected = status if holds else expected
    assert anchors.statusOf(document) == expected
    assert anchors.verify(document).status == expected
    assert anchors.isInForce(document) == (expected in {Status.ACTIVE, Status.DISPUTED})


def test_status_expires_in_the_second_stated(anchors, hospital_key):
    expiry = chain_time() + DAY
    send(anchors.anchor, LEAF, TERMS + expiry, sender=hospital_key)
    for time, status in ((expiry - 1, Status.ACTIVE), (expiry, Status.EXPIRED), (expiry + 1, Status.EXPIRED)):
        travel_to(time)
        assert anchors.statusOf(single(hospital_key)) == status
        assert anchors.isInForce(single(hospital_key)) == (status == Status.ACTIVE)


def test_status_ignores_place_and_proof_of_a_single_document(anchors, hospital_key):
    send(anchors.anchor, LEAF, TERMS, sender=hospital_key)
    assert anchors.statusOf((str(hospital_key), LEAF, ZERO_HASH, 9, [OTHER])) == Status.ACTIVE


def test_nothing_is_known_of_what_is_not_anchored(anchors, hospital_key, laboratory_key):
    send(anchors.anchor, LEAF, TERMS, sender=hospital_key)
    for document in (single(hospital_key, OTHER), single(laboratory_key), single(hospital_key, ZERO_HASH)):
        assert anchors.statusOf(document) == Status.UNKNOWN
        assert not anchors.isInForce(document)
        assert tuple(anchors.verify(document)) == UNKNOWN


# ---------------------------------------------------------------------- proofs


def forged():
    """Documents that a batch of five leaves does not have, by what is forged."""
    levels = BATCH.levels
    whole = BATCH.proof(0)
    return {
        "another leaf": {"leaf": LEAF},
        "a neighbour's leaf": {"leaf": BATCH.leaves[1]},
        "a neighbour's index": {"index": 1},
        "the first index beyond": {"index": 5},
        "an index 2^32 on": {"index": 2**32},
        "the last index": {"index": 2**256 - 1},
        "no proof": {"proof": []},
        "a short proof": {"proof": whole[:-1]},
        "a shorter proof": {"proof": whole[1:]},
        "a long proof": {"proof": [*whole, LEAF]},
        "a proof with the root": {"proof": [*whole, BATCH.root]},
        "a proof out of order": {"proof": whole[::-1]},
        "a proof with a node changed": {"proof": [OTHER, *whole[1:]]},
        "an inner node as a leaf": {"leaf": levels[1][0], "proof": whole[1:]},
        "a batch leaf as a leaf": {"leaf": levels[0][0], "proof": whole},
        "a batch leaf as a leaf, short": {"leaf": levels[0][0], "proof": whole[1:]},
        "the root as a leaf": {"leaf": BATCH.root, "proof": []},
        "another root": {"root": OTHER},
        "an inner node as the root": {"root": levels[1][0], "proof": whole[:1]},
    }


@pytest.mark.parametrize("changes", forged().values(), ids=forged())
def test_forged_proof_shows_nothing(anchors, hospital_key, changes):
    send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key)
    assert anchors.statusOf(BATCH.document(hospital_key, 0)) == Status.ACTIVE
    document = BATCH.document(hospital_key, 0, **changes)
    assert anchors.statusOf(document) == Status.UNKNOWN
    assert not anchors.isInForce(document)
    assert tuple(anchors.verify(document)) == UNKNOWN


def test_inner_node_is_no_document_by_itself(anchors, hospital_key):
    send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key)
    for level in BATCH.levels:
        for one in level:
            assert anchors.statusOf(single(hospital_key, one)) == Status.UNKNOWN


def test_inner_node_as_a_leaf_of_another_batch_shows_only_itself(anchors, hospital_key):
    """Then it is a document there; what is below it is not."""
    inner = BATCH.levels[1][0]
    outer = Batch([inner, LEAF])
    send(anchors.anchorBatch, outer.root, 2, TERMS, sender=hospital_key)
    assert anchors.statusOf(outer.document(hospital_key, 0)) == Status.ACTIVE
    below = [BATCH.proof(0)[0], *outer.proof(0)]
    for index in (0, 1):
        document = outer.document(hospital_key, 0, leaf=BATCH.leaves[index], index=index, proof=below)
        assert anchors.statusOf(document) == Status.UNKNOWN


def test_tree_that_is_built_to_cheat_shows_no_leaf_beyond_its_count(anchors, hospital_key):
    """Whoever builds the tree may place any index in it, and a leaf twice; none that could not be revoked counts."""
    beyond, twice = batch_leaf(7, LEAF), batch_leaf(0, LEAF)
    root = node(beyond, twice)
    send(anchors.anchorBatch, root, 7, TERMS, sender=hospital_key)
    assert anchors.statusOf((str(hospital_key), LEAF, root, 7, [twice])) == Status.UNKNOWN
    assert anchors.statusOf((str(hospital_key), LEAF, root, 0, [beyond])) == Status.ACTIVE
    send(anchors.revokeLeaves, root, 0, 1, Revocation.ENTERED_IN_ERROR, sender=hospital_key)
    assert anchors.statusOf((str(hospital_key), LEAF, root, 0, [beyond])) == Status.REVOKED


def test_batch_asked_as_a_document_is_unknown(anchors, hospital_key):
    send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key)
    assert tuple(anchors.verify(single(hospital_key, BATCH.root))) == UNKNOWN
    assert anchors.anchorOf(hospital_key, BATCH.root).count == 5


def test_document_asked_as_a_batch_is_unknown(anchors, hospital_key):
    one = Batch.of(1)
    send(anchors.anchor, one.root, TERMS, sender=hospital_key)
    assert tuple(anchors.verify(one.document(hospital_key, 0))) == UNKNOWN


def test_batch_of_one_needs_no_proof(anchors, hospital_key):
    one = Batch.of(1)
    send(anchors.anchorBatch, one.root, 1, TERMS, sender=hospital_key)
    assert one.document(hospital_key, 0)[-1] == []
    assert anchors.statusOf(one.document(hospital_key, 0)) == Status.ACTIVE


def test_batch_of_another_submitter_shows_nothing(anchors, hospital_key, laboratory_key):
    send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key)
    assert anchors.statusOf(BATCH.document(laboratory_key, 0)) == Status.UNKNOWN


# ---------------------------------------------------------------------- verify


def test_verify_names_the_organization(anchors, hospital, hospital_key):
    at = time_of(send(anchors.anchor, LEAF, TERMS, sender=hospital_key))
    assert tuple(anchors.verify(single(hospital_key))) == (Status.ACTIVE, at, hospital.id, KeyStatus.ACTIVE, False)


def test_verify_names_the_organization_of_a_batch(anchors, hospital, hospital_key):
    at = time_of(send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key))
    for index in range(5):
        found = tuple(anchors.verify(BATCH.document(hospital_key, index)))
        assert found == (Status.ACTIVE, at, hospital.id, KeyStatus.ACTIVE, False)


def test_verify_of_an_unknown_submitter_names_nobody(anchors, stranger):
    at = time_of(send(anchors.anchor, LEAF, TERMS, sender=stranger))
    assert tuple(anchors.verify(single(stranger))) == (Status.ACTIVE, at, ZERO_ID, KeyStatus.UNKNOWN, False)


def test_verify_names_nobody_before_the_key_was_added(anchors, hospital, spare_key, add_key):
    at = time_of(send(anchors.anchor, LEAF, TERMS, sender=spare_key))
    travel(1)
    add_key(hospital, spare_key)
    assert tuple(anchors.verify(single(spare_key))) == (Status.ACTIVE, at, ZERO_ID, KeyStatus.UNKNOWN, False)
    at = time_of(send(anchors.anchor, OTHER, TERMS, sender=spare_key))
    found = tuple(anchors.verify(single(spare_key, OTHER)))
    assert found == (Status.ACTIVE, at, hospital.id, KeyStatus.ACTIVE, False)


def test_verify_tells_a_key_retired_before_from_one_retired_after(anchors, hospital, hospital_key, befall):
    before = time_of(send(anchors.anchor, LEAF, TERMS, sender=hospital_key))
    travel(5)
    befall("retired")
    after = time_of(send(anchors.anchor, OTHER, TERMS, sender=hospital_key))
    assert tuple(anchors.verify(single(hospital_key))) == (Status.ACTIVE, before, hospital.id, KeyStatus.ACTIVE, False)
    found = tuple(anchors.verify(single(hospital_key, OTHER)))
    assert found == (Status.ACTIVE, after, hospital.id, KeyStatus.RETIRED, False)


def test_verify_judges_by_the_cut_off(anchors, registry, hospital, hospital_key):
    """Before the cut-off; after it, but before it was reported; and after that."""
    times, leaves = [], [leaf(f"anchored {i}") for i in range(3)]
    for one in leaves[:2]:
        times.append(time_of(send(anchors.anchor, one, TERMS, sender=hospital_key)))
        travel(100)
    send(registry.reportCompromise, hospital_key, times[1], sender=hospital.controller)
    travel(1)
    times.append(time_of(send(anchors.anchor, leaves[2], TERMS, sender=hospital_key)))
    found = [tuple(anchors.verify(single(hospital_key, one))) for one in leaves]
    assert found == [
        (Status.ACTIVE, times[0], hospital.id, KeyStatus.ACTIVE, False),
        (Status.ACTIVE, times[1], hospital.id, KeyStatus.ACTIVE, True),
        (Status.ACTIVE, times[2], hospital.id, KeyStatus.COMPROMISED, True),
    ]


def test_verify_judges_the_time_on_chain_not_that_of_signing(anchors, registry, hospital, hospital_key, stranger):
    """A thief may state any time of signing."""
    signed_at = chain_time() - 100
    travel(100)
    send(registry.reportCompromise, hospital_key, chain_time(), sender=hospital.controller)
    deadline = chain_time() + DAY
    message = {"leaf": LEAF, "terms": TERMS, "signedAt": signed_at, "deadline": deadline}
    signature = sign(anchors, hospital_key, "Anchoring", message)
    send(anchors.anchorBySignature, hospital_key, *message.values(), signature, sender=stranger)
    assert anchors.anchorOf(hospital_key, LEAF).signedAt == signed_at
    assert anchors.verify(single(hospital_key)).compromised


@pytest.mark.parametrize("event", ["suspended", "expelled", "frozen"])
def test_verify_outlives_the_organizations_standing(anchors, hospital, hospital_key, befall, event):
    at = time_of(send(anchors.anchor, LEAF, TERMS, sender=hospital_key))
    befall(event)
    assert tuple(anchors.verify(single(hospital_key))) == (Status.ACTIVE, at, hospital.id, KeyStatus.ACTIVE, False)


@pytest.mark.parametrize("status", [Status.REVOKED, Status.SUPERSEDED, Status.EXPIRED])
def test_verify_names_who_vouched_for_what_is_in_force_no_more(anchors, hospital, hospital_key, status):
    at = time_of(send(anchors.anchor, LEAF, TERMS + chain_time() + DAY, sender=hospital_key))
    if status == Status.REVOKED:
        send(anchors.revoke, LEAF, Revocation.ENTERED_IN_ERROR, sender=hospital_key)
    elif status == Status.SUPERSEDED:
        send(anchors.amend, single(hospital_key), OTHER, TERMS, Amendment.CORRECTION, sender=hospital_key)
    else:
        travel(DAY)
    assert tuple(anchors.verify(single(hospital_key))) == (status, at, hospital.id, KeyStatus.ACTIVE, False)


# ---------------------------------------------------------------------- storage


def test_namespaces_are_the_hashes_that_are_documented():
    assert RECORD_NAMESPACE.hex() == "411e6ef1047853021417db2f"
    assert REVOKED_LEAVES_NAMESPACE.hex() == "02affc2f1719f19002"
    assert RECORD_NAMESPACE[:9] != REVOKED_LEAVES_NAMESPACE


def test_record_is_stored_where_and_as_documented(anchors, hospital_key, laboratory_key, stranger):
    """Every field at once is more than one document can have, so two of them."""
    terms = 0xABCD << 40 | chain_time() + 30 * DAY
    message = {"leaf": LEAF, "terms": terms, "signedAt": chain_time() - 7, "deadline": chain_time() + DAY}
    signature = sign(anchors, hospital_key, "Anchoring", message)
    anchored_at = time_of(send(anchors.anchorBySignature, hospital_key, *message.values(), signature, sender=stranger))
    send(anchors.dispute, single(hospital_key), Complaint.OUTDATED, ZERO_HASH, sender=laboratory_key)
    send(anchors.amend, single(hospital_key), OTHER, TERMS, Amendment.CORRECTION, sender=hospital_key)
    travel(5)
    revoked_at = time_of(send(anchors.revoke, LEAF, Revocation.NO_LONGER_VALID, sender=hospital_key))
    word = stored(anchors, slot_of(hospital_key, LEAF))
    assert decoded(word) == tuple(anchors.anchorOf(hospital_key, LEAF))
    assert word == (
        anchored_at
        | terms << 40
        | message["signedAt"] << 96
        | 1 << 168
        | 1 << 184
        | Revocation.NO_LONGER_VALID << 208
        | revoked_at << 216
    )


@pytest.mark.parametrize("stream", [STREAM, ZERO_HASH, b"\xff" * 32], ids=["hash", "zero", "all bits"])
def test_record_of_a_batch_in_a_stream_is_stored_as_documented(anchors, hospital_key, stream):
    send(anchors.declareStream, stream, sender=hospital_key)
    terms = 2**56 - 1
    receipt = send(anchors.anchorBatchInStream, stream, LEAF, MAX_COUNT, terms, sender=hospital_key)
    word = stored(anchors, slot_of(hospital_key, LEAF))
    assert word == time_of(receipt) | terms << 40 | MAX_COUNT << 136 | stream_bits(stream)
    assert decoded(word) == tuple(anchors.anchorOf(hospital_key, LEAF))


@pytest.mark.parametrize("word", [0, 1, 2**16, 2**24 - 1])
def test_revoked_leaves_are_stored_where_documented(anchors, hospital_key, word):
    send(anchors.anchorBatch, LEAF, MAX_COUNT, TERMS, sender=hospital_key)
    named = 1 << 254 | 0b101
    send(anchors.revokeLeaves, LEAF, word, named, Revocation.ENTERED_IN_ERROR, sender=hospital_key)
    assert stored(anchors, revoked_leaves_slot_of(hospital_key, LEAF, word)) == named
    assert anchors.revokedLeavesOf(hospital_key, LEAF, word) == named
    assert tuple(anchors.anchorOf(hospital_key, LEAF))[3] == 0


def test_slots_do_not_meet(anchors, hospital_key, laboratory_key):
    """Records of two submitters, of one leaf and root, and every word's revoked leaves are apart."""
    words = (0, 1, 2**16, 2**24 - 1)
    slots = {slot_of(key, one) for key in (hospital_key, laboratory_key) for one in (LEAF, OTHER)}
    slots |= {
        revoked_leaves_slot_of(key, one, word)
        for key in (hospital_key, laboratory_key)
        for one in (LEAF, OTHER)
        for word in words
    }
    assert len(slots) == 4 + 16
    assert min(int.from_bytes(slot) for slot in slots) > 2**200


def test_a_word_does_not_run_into_the_submitter(anchors, hospital_key):
    """Bits of a word beyond 24 would reach the namespace; none below reaches the submitter."""
    send(anchors.anchorBatch, LEAF, MAX_COUNT, TERMS, sender=hospital_key)
    send(anchors.revokeLeaves, LEAF, 1, 1, Revocation.ENTERED_IN_ERROR, sender=hospital_key)
    neighbour = f"0x{number(hospital_key) ^ 1:040x}"
    neighbour = anchors.provider.network.ecosystem.decode_address(bytes.fromhex(neighbour[2:]))
    assert [anchors.revokedLeavesOf(neighbour, LEAF, word) for word in (0, 1, 2)] == [0, 0, 0]


@pytest.mark.parametrize("function", ["anchorOf", "revoke", "revokeOf", "headOf"])
def test_address_with_more_bits_is_refused(anchors, hospital_key, function):
    """Written into the calldata by hand. It would reach the namespace of another record."""
    send(anchors.anchor, LEAF, TERMS, sender=hospital_key)
    arguments = {"revoke": (LEAF, 1), "revokeOf": (hospital_key, LEAF, 1)}.get(function, (hospital_key, LEAF))
    data = bytearray(getattr(anchors, function).encode_input(*arguments))
    if function == "revoke":
        data[4 + 32] = 1  # the reason's highest bits: it goes into the stamp
    else:
        data[4] = 1
    request = {"to": anchors.address, "data": bytes(data), "from": hospital_key.address}
    with pytest.raises(ContractLogicError) as caught:
        anchors.provider.web3.eth.call(request)
    assert caught.value.data == "0x"


# ---------------------------------------------------------------------- others


def test_reads_of_nothing_are_zero(anchors, hospital, hospital_key):
    nobody = "0x" + 40 * "0"
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record()
    for read in (anchors.successorOf, anchors.predecessorOf):
        assert tuple(read(hospital_key, LEAF)) == (ZERO_HASH, nobody, 0, 0)
    assert list(anchors.latest(hospital_key, LEAF)) == [hospital_key.address, LEAF]
    assert anchors.headOf(hospital_key, STREAM) == ZERO_HASH
    assert anchors.firstHeadOf(hospital_key, STREAM) == first_head(anchors, hospital_key)
    assert anchors.revokedLeavesOf(hospital_key, LEAF, 0) == 0
    assert tuple(anchors.countersignatureOf(hospital_key, LEAF, hospital.id)) == (nobody, 0, 0)
    assert tuple(anchors.disputeOf(hospital_key, LEAF, hospital_key)) == (0, 0, 0, 0, ZERO_HASH, ZERO_HASH)


def test_registry_is_the_suites(anchors, registry):
    assert anchors.registry() == registry.address


def test_anchors_domain_is_readable_on_chain(anchors):
    fields, name, version, chain_id, contract, salt, extensions = anchors.eip712Domain()
    assert (fields, salt, list(extensions)) == (b"\x0f", bytes(32), [])
    assert (name, version, chain_id, contract) == tuple(domain_of_anchors(anchors).values())


def test_everything_works_while_the_registrar_suspends_all(anchors, registry, registrar, hospital, hospital_key):
    """No stop and no standing reaches what is anchored."""
    send(anchors.anchor, LEAF, TERMS, sender=hospital_key)
    send(registry.suspend, hospital.id, Reason.FRAUD, sender=registrar)
    assert anchors.isInForce(single(hospital_key))
