"""nameParty, dispute, disputeAsSubject, answerDispute, withdrawDispute, withdrawDisputeAsSubject."""

from __future__ import annotations

import pytest
from web3.exceptions import ContractLogicError, ContractPanicError

from ..support import (
    DAY,
    ZERO,
    ZERO_HASH,
    KeyStatus,
    MemberRole,
    Reason,
    Standing,
    bits,
    chain_time,
    events,
    next_block_at,
    refusal,
    send,
    time_of,
    travel,
    travel_to,
)
from .documents import (
    LEAF,
    MAGIC,
    MAX_DISPUTES,
    OTHER,
    REPLY,
    STATEMENT,
    TERMS,
    TYPES,
    Batch,
    Complaint,
    Revocation,
    Status,
    leaf,
    leaf_of,
    malleated,
    record,
    returning,
    sign,
    single,
    slot_of,
    store,
    stored,
)

CONTENT = leaf("content")
INACCURATE = Complaint.INACCURATE
NO_DISPUTE = (0, 0, 0, 0, ZERO_HASH, ZERO_HASH)
BATCH = Batch.of(5)
ALL_ROLES = 2**11 - 1


@pytest.fixture
def anchored_at(anchors, hospital_key):
    """The time at which the hospital anchored the leaf."""
    return time_of(send(anchors.anchor, LEAF, TERMS, sender=hospital_key))


@pytest.fixture
def disputed_at(anchors, hospital_key, laboratory_key, anchored_at):
    """The time at which the laboratory disputed it."""
    arguments = (single(hospital_key), INACCURATE, STATEMENT)
    return time_of(send(anchors.dispute, *arguments, sender=laboratory_key))


@pytest.fixture
def owned(anchors, hospital_key, patient):
    """The leaf of a document whose subject is the patient, anchored by the hospital."""
    document_leaf = leaf_of(CONTENT, patient)
    send(anchors.anchor, document_leaf, TERMS, sender=hospital_key)
    return document_leaf


@pytest.fixture
def complaint(anchors, hospital_key, patient, owned):
    """Arguments of `disputeAsSubject`; what is named changes what is signed, `sent` only what is sent."""

    def make(signer=patient, compact=True, domain=None, sent=None, document=None, primary="SubjectDispute", **signed):
        message = {
            "submitter": hospital_key.address,
            "leaf": owned,
            "reason": INACCURATE,
            "statement": STATEMENT,
            "deadline": chain_time() + DAY,
            **signed,
        }
        signature = sign(
            anchors, signer, primary, {name: message[name] for name in TYPES[primary]}, compact, **(domain or {})
        )
        told = {
            "document": document or single(message["submitter"], message["leaf"]),
            "content": CONTENT,
            "subject": patient.address,
            "reason": message["reason"],
            "statement": message["statement"],
            "deadline": message["deadline"],
            "signature": signature,
            **(sent or {}),
        }
        return tuple(told.values())

    return make


@pytest.fixture
def retraction(anchors, hospital_key, patient, owned):
    """Arguments of `withdrawDisputeAsSubject`."""

    def make(signer=patient, compact=True, domain=None, sent=None, **signed):
        message = {"submitter": hospital_key.address, "leaf": owned, "deadline": chain_time() + DAY, **signed}
        signature = sign(anchors, signer, "SubjectWithdrawal", message, compact, **(domain or {}))
        told = {
            "submitter": message["submitter"],
            "leaf": message["leaf"],
            "subject": patient.address,
            "deadline": message["deadline"],
            "signature": signature,
            **(sent or {}),
        }
        return tuple(told.values())

    return make


DOMAINS = pytest.mark.parametrize(
    "domain",
    [{"chainId": 1}, {"verifyingContract": "0x" + 40 * "1"}, {"name": "DocumentAnchor"}, {"version": "2"}],
    ids=lambda changed: next(iter(changed)),
)

# ---------------------------------------------------------------------- nameParty


def test_name_party_names_it(anchors, hospital_key, stranger, anchored_at):
    assert not anchors.isParty(hospital_key, LEAF, stranger)
    receipt = send(anchors.nameParty, single(hospital_key), stranger, sender=hospital_key)
    assert events(receipt, anchors) == [("PartyNamed", hospital_key.address, LEAF, stranger.address)]
    assert anchors.isParty(hospital_key, LEAF, stranger)
    assert not anchors.isParty(hospital_key, OTHER, stranger)
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(anchored_at)


def test_name_party_of_a_document_in_a_batch(anchors, hospital_key, stranger):
    send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key)
    send(anchors.nameParty, BATCH.document(hospital_key, 1), stranger, sender=hospital_key)
    assert [anchors.isParty(hospital_key, one, stranger) for one in BATCH.leaves] == [False, True, False, False, False]
    receipt = send(anchors.dispute, BATCH.document(hospital_key, 1), INACCURATE, ZERO_HASH, sender=stranger)
    assert [event for event, *_ in events(receipt, anchors)] == ["DocumentDisputed"]
    assert [anchors.statusOf(BATCH.document(hospital_key, i)) for i in (0, 1)] == [Status.ACTIVE, Status.DISPUTED]


def test_name_party_again_changes_nothing(anchors, hospital_key, hospital_other_key, stranger, anchored_at):
    send(anchors.nameParty, single(hospital_key), stranger, sender=hospital_key)
    for caller in (hospital_key, hospital_other_key):
        assert send(anchors.nameParty, single(hospital_key), stranger, sender=caller).logs == []


def test_name_party_by_another_key(anchors, hospital_key, hospital_other_key, stranger, anchored_at):
    send(anchors.nameParty, single(hospital_key), stranger, sender=hospital_other_key)
    assert anchors.isParty(hospital_key, LEAF, stranger)


def test_name_party_reverts_for_another_organization(anchors, hospital_key, laboratory_key, stranger, anchored_at):
    arguments = (single(hospital_key), stranger)
    assert refusal(anchors.nameParty, *arguments, sender=laboratory_key) == (
        "DocumentAnchorNotSameOrganization",
        hospital_key.address,
        laboratory_key.address,
    )
    assert refusal(anchors.nameParty, *arguments, sender=stranger) == (
        "OrganizationRegistryUnknownKey",
        stranger.address,
    )


def test_name_party_reverts_while_frozen(
    anchors, hospital, hospital_key, hospital_other_key, stranger, anchored_at, befall
):
    befall("frozen")
    wanted = ("OrganizationRegistryFrozen", hospital.id)
    for caller in (hospital_key, hospital_other_key):
        assert refusal(anchors.nameParty, single(hospital_key), stranger, sender=caller) == wanted


@pytest.mark.parametrize("event", ["retired", "compromised"])
def test_name_party_reverts_for_a_key_that_is_no_more(anchors, hospital_key, stranger, anchored_at, befall, event):
    befall(event)
    error, key, _ = refusal(anchors.nameParty, single(hospital_key), stranger, sender=hospital_key)
    assert (error, key) == (f"OrganizationRegistryKey{event.capitalize()}", hospital_key.address)


def test_name_party_reverts_for_the_document_of_nobodys_key(anchors, hospital_key, stranger):
    send(anchors.anchor, LEAF, TERMS, sender=stranger)
    arguments = (single(stranger), hospital_key)
    assert refusal(anchors.nameParty, *arguments, sender=stranger) == (
        "OrganizationRegistryUnknownKey",
        stranger.address,
    )
    assert refusal(anchors.nameParty, *arguments, sender=hospital_key) == (
        "DocumentAnchorNotSameOrganization",
        stranger.address,
        hospital_key.address,
    )


@pytest.mark.parametrize("event", ["suspended", "expelled"])
def test_name_party_works_whatever_became_of_the_organization(
    anchors, hospital_key, stranger, anchored_at, befall, event
):
    befall(event)
    send(anchors.nameParty, single(hospital_key), stranger, sender=hospital_key)
    assert anchors.isParty(hospital_key, LEAF, stranger)


def test_name_party_reverts_if_unknown(anchors, hospital_key, stranger, anchored_at):
    send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key)
    for document, wanted in (
        (single(hospital_key, OTHER), ("DocumentAnchorUnknown", hospital_key.address, OTHER)),
        (single(hospital_key, BATCH.root), ("DocumentAnchorUnknown", hospital_key.address, BATCH.root)),
        (BATCH.document(hospital_key, 0, proof=[]), ("DocumentAnchorNotInBatch", BATCH.root, 0, BATCH.leaves[0])),
    ):
        assert refusal(anchors.nameParty, document, stranger, sender=hospital_key) == wanted


# ---------------------------------------------------------------------- dispute


@pytest.mark.parametrize("reason", [reason for reason in Complaint if reason])
def test_dispute_by_an_active_member_is_shown(anchors, hospital_key, laboratory_key, anchored_at, reason):
    receipt = send(anchors.dispute, single(hospital_key), reason, STATEMENT, sender=laboratory_key)
    assert events(receipt, anchors) == [
        ("DocumentDisputed", hospital_key.address, LEAF, laboratory_key.address, reason, STATEMENT)
    ]
    assert tuple(anchors.disputeOf(hospital_key, LEAF, laboratory_key)) == (
        time_of(receipt),
        0,
        0,
        reason,
        STATEMENT,
        ZERO_HASH,
    )
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(anchored_at, disputes=1)
    assert anchors.statusOf(single(hospital_key)) == Status.DISPUTED
    assert anchors.isInForce(single(hospital_key))


def test_dispute_by_a_named_party_that_nobody_knows(anchors, hospital_key, stranger, anchored_at):
    send(anchors.nameParty, single(hospital_key), stranger, sender=hospital_key)
    receipt = send(anchors.dispute, single(hospital_key), INACCURATE, ZERO_HASH, sender=stranger)
    assert events(receipt, anchors) == [
        ("DocumentDisputed", hospital_key.address, LEAF, stranger.address, INACCURATE, ZERO_HASH)
    ]
    assert anchors.statusOf(single(hospital_key)) == Status.DISPUTED


@pytest.mark.parametrize("event", ["suspended", "expelled", "frozen", "retired", "compromised"])
def test_dispute_by_a_named_party_whatever_became_of_it(anchors, hospital_key, laboratory_key, befall, event):
    send(anchors.anchor, LEAF, TERMS, sender=laboratory_key)
    send(anchors.nameParty, single(laboratory_key), hospital_key, sender=laboratory_key)
    befall(event)
    send(anchors.dispute, single(laboratory_key), INACCURATE, ZERO_HASH, sender=hospital_key)
    assert anchors.statusOf(single(laboratory_key)) == Status.DISPUTED


def test_dispute_is_counted_and_taken_back(anchors, hospital_key, laboratory_key, insurer, insurer_key, anchored_at):
    counts, statuses = [], []
    steps = [
        (anchors.dispute, (single(hospital_key), INACCURATE, STATEMENT), laboratory_key),
        (anchors.dispute, (single(hospital_key), INACCURATE, STATEMENT), insurer_key),
        (anchors.dispute, (single(hospital_key), INACCURATE, STATEMENT), insurer_key),
        (anchors.withdrawDispute, (hospital_key, LEAF), laboratory_key),
        (anchors.withdrawDispute, (hospital_key, LEAF), laboratory_key),
        (anchors.withdrawDispute, (hospital_key, LEAF), insurer_key),
        (anchors.withdrawDispute, (hospital_key, LEAF), insurer_key),
    ]
    for method, arguments, sender in steps:
        send(method, *arguments, sender=sender)
        counts.append(anchors.anchorOf(hospital_key, LEAF).disputes)
        statuses.append(anchors.statusOf(single(hospital_key)))
    assert counts == [1, 2, 2, 1, 1, 0, 0]
    assert statuses == [Status.DISPUTED] * 5 + [Status.ACTIVE] * 2
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(anchored_at)


def test_dispute_again_changes_nothing(anchors, hospital_key, laboratory_key, disputed_at):
    travel(5)
    before = tuple(anchors.disputeOf(hospital_key, LEAF, laboratory_key))
    assert send(anchors.dispute, single(hospital_key), INACCURATE, STATEMENT, sender=laboratory_key).logs == []
    assert tuple(anchors.disputeOf(hospital_key, LEAF, laboratory_key)) == before


@pytest.mark.parametrize(
    ("reason", "statement"), [(Complaint.OUTDATED, STATEMENT), (INACCURATE, REPLY), (INACCURATE, ZERO_HASH)]
)
def test_dispute_reverts_with_another_reason_or_statement(
    anchors, hospital_key, laboratory_key, disputed_at, reason, statement
):
    assert refusal(anchors.dispute, single(hospital_key), reason, statement, sender=laboratory_key) == (
        "DocumentAnchorAlreadyDisputed",
        hospital_key.address,
        LEAF,
        laboratory_key.address,
    )


def test_dispute_reverts_once_withdrawn(anchors, hospital_key, laboratory_key, disputed_at):
    send(anchors.withdrawDispute, hospital_key, LEAF, sender=laboratory_key)
    for reason, statement in ((INACCURATE, STATEMENT), (Complaint.OUTDATED, ZERO_HASH)):
        assert refusal(anchors.dispute, single(hospital_key), reason, statement, sender=laboratory_key) == (
            "DocumentAnchorAlreadyDisputed",
            hospital_key.address,
            LEAF,
            laboratory_key.address,
        )


def test_dispute_reverts_for_a_suspended_member(anchors, hospital, hospital_key, laboratory_key, befall):
    send(anchors.anchor, LEAF, TERMS, sender=laboratory_key)
    befall("suspended")
    assert refusal(anchors.dispute, single(laboratory_key), INACCURATE, ZERO_HASH, sender=hospital_key) == (
        "OrganizationRegistryNotInGoodStanding",
        hospital.id,
        Standing.SUSPENDED,
    )


def test_dispute_reverts_for_a_member_past_its_licence(anchors, laboratory, hospital_key, laboratory_key, anchored_at):
    travel_to(laboratory.licence_expiry)
    assert refusal(anchors.dispute, single(hospital_key), INACCURATE, ZERO_HASH, sender=laboratory_key) == (
        "OrganizationRegistryLicenceExpired",
        laboratory.id,
        laboratory.licence_expiry,
    )


def test_dispute_reverts_for_who_is_neither_party_nor_member(anchors, hospital, hospital_key, stranger, anchored_at):
    send(anchors.anchor, OTHER, TERMS, sender=hospital_key)
    send(anchors.nameParty, single(hospital_key, OTHER), stranger, sender=hospital_key)
    for caller in (stranger, hospital.controller):
        assert refusal(anchors.dispute, single(hospital_key), INACCURATE, ZERO_HASH, sender=caller) == (
            "OrganizationRegistryUnknownKey",
            caller.address,
        )


@pytest.mark.parametrize("event", ["retired", "compromised"])
def test_dispute_reverts_for_a_key_that_is_no_more(anchors, hospital_key, laboratory_key, befall, event):
    send(anchors.anchor, LEAF, TERMS, sender=laboratory_key)
    befall(event)
    error, key, _ = refusal(anchors.dispute, single(laboratory_key), INACCURATE, ZERO_HASH, sender=hospital_key)
    assert (error, key) == (f"OrganizationRegistryKey{event.capitalize()}", hospital_key.address)


@pytest.mark.parametrize("role", MemberRole)
def test_dispute_is_open_to_every_member_role(
    anchors, registry, registrar, laboratory, hospital_key, laboratory_key, anchored_at, role
):
    send(registry.addMemberRoles, laboratory.id, bits(role), Reason.SCOPE_CHANGED, sender=registrar)
    if others := ALL_ROLES & ~bits(role):
        send(registry.removeMemberRoles, laboratory.id, others, Reason.SCOPE_CHANGED, sender=registrar)
    send(anchors.dispute, single(hospital_key), INACCURATE, ZERO_HASH, sender=laboratory_key)
    assert anchors.statusOf(single(hospital_key)) == Status.DISPUTED


def test_dispute_reverts_without_a_reason(anchors, hospital_key, laboratory_key, anchored_at):
    arguments = (single(hospital_key), Complaint.UNSPECIFIED, STATEMENT)
    assert refusal(anchors.dispute, *arguments, sender=laboratory_key) == ("DocumentAnchorReasonMissing",)


def test_dispute_reverts_if_unknown(anchors, hospital_key, laboratory_key, anchored_at):
    """So nothing can be marked before it is anchored."""
    send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key)
    for document, wanted in (
        (single(hospital_key, OTHER), ("DocumentAnchorUnknown", hospital_key.address, OTHER)),
        (single(hospital_key, BATCH.root), ("DocumentAnchorUnknown", hospital_key.address, BATCH.root)),
        (single(hospital_key, BATCH.leaves[0]), ("DocumentAnchorUnknown", hospital_key.address, BATCH.leaves[0])),
        (BATCH.document(laboratory_key, 0), ("DocumentAnchorUnknown", laboratory_key.address, BATCH.root)),
        (BATCH.document(hospital_key, 0, leaf=OTHER), ("DocumentAnchorNotInBatch", BATCH.root, 0, OTHER)),
    ):
        assert refusal(anchors.dispute, document, INACCURATE, ZERO_HASH, sender=laboratory_key) == wanted


def test_dispute_in_a_batch_touches_one_document(anchors, hospital_key, laboratory_key):
    batched_at = time_of(send(anchors.anchorBatch, BATCH.root, 5, TERMS, sender=hospital_key))
    send(anchors.dispute, BATCH.document(hospital_key, 4), INACCURATE, ZERO_HASH, sender=laboratory_key)
    statuses = [anchors.statusOf(BATCH.document(hospital_key, index)) for index in range(5)]
    assert statuses == [Status.ACTIVE] * 4 + [Status.DISPUTED]
    assert tuple(anchors.anchorOf(hospital_key, BATCH.leaves[4])) == record(disputes=1)
    assert tuple(anchors.anchorOf(hospital_key, BATCH.root)) == record(batched_at, count=5)


@pytest.mark.parametrize("leaf_count", [2, 3])
def test_dispute_of_a_root_in_a_batch_of_batches_leaves_its_documents(
    anchors, hospital_key, laboratory_key, leaf_count
):
    inner = Batch.of(leaf_count)
    outer = Batch([inner.root, LEAF])
    for batch in (inner, outer):
        send(anchors.anchorBatch, batch.root, batch.count, TERMS, sender=hospital_key)
    send(anchors.dispute, outer.document(hospital_key, 0), INACCURATE, ZERO_HASH, sender=laboratory_key)
    assert anchors.statusOf(outer.document(hospital_key, 0)) == Status.DISPUTED
    assert anchors.statusOf(inner.document(hospital_key, 0)) == Status.ACTIVE


def test_dispute_of_a_revoked_document_leaves_it_revoked(anchors, hospital_key, laboratory_key, anchored_at):
    send(anchors.revoke, LEAF, Revocation.ENTERED_IN_ERROR, sender=hospital_key)
    send(anchors.dispute, single(hospital_key), INACCURATE, ZERO_HASH, sender=laboratory_key)
    assert anchors.statusOf(single(hospital_key)) == Status.REVOKED


def test_dispute_reaches_the_last_that_can_be_counted(anchors, hospital_key, laboratory_key, anchored_at):
    slot = slot_of(hospital_key, LEAF)
    store(anchors, slot, stored(anchors, slot) | MAX_DISPUTES - 1 << 184)
    before = tuple(anchors.anchorOf(hospital_key, LEAF))
    assert before == record(anchored_at, disputes=MAX_DISPUTES - 1)
    send(anchors.dispute, single(hospital_key), INACCURATE, ZERO_HASH, sender=laboratory_key)
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(anchored_at, disputes=MAX_DISPUTES)
    send(anchors.withdrawDispute, hospital_key, LEAF, sender=laboratory_key)
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == before


def test_dispute_reverts_beyond_those_that_can_be_counted(anchors, hospital_key, laboratory_key, anchored_at):
    """Who anchored a document could fill the count by parties of its own, so that nobody else could dispute it: of 24
    bits, that takes 16.8 million disputes with their storage. The count never comes round to none."""
    slot = slot_of(hospital_key, LEAF)
    full = stored(anchors, slot) | MAX_DISPUTES << 184
    store(anchors, slot, full)
    data = anchors.dispute.encode_input(single(hospital_key), INACCURATE, ZERO_HASH)
    with pytest.raises(ContractPanicError):
        anchors.provider.web3.eth.call({"to": anchors.address, "data": data, "from": laboratory_key.address})
    assert anchors.statusOf(single(hospital_key)) == Status.DISPUTED


def test_dispute_is_not_refused_for_65535_others(anchors, hospital_key, laboratory_key, anchored_at):
    """So many a submitter could afford."""
    slot = slot_of(hospital_key, LEAF)
    store(anchors, slot, stored(anchors, slot) | 2**16 - 1 << 184)
    send(anchors.dispute, single(hospital_key), INACCURATE, ZERO_HASH, sender=laboratory_key)
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(anchored_at, disputes=2**16)


# ---------------------------------------------------------------------- disputeAsSubject


@pytest.mark.parametrize("compact", [True, False])
def test_dispute_as_subject_is_sent_by_anyone(anchors, hospital_key, stranger, patient, owned, complaint, compact):
    receipt = send(anchors.disputeAsSubject, *complaint(compact=compact), sender=stranger)
    assert events(receipt, anchors) == [
        ("DocumentDisputed", hospital_key.address, owned, patient.address, INACCURATE, STATEMENT)
    ]
    assert tuple(anchors.disputeOf(hospital_key, owned, patient)) == (
        time_of(receipt),
        0,
        0,
        INACCURATE,
        STATEMENT,
        ZERO_HASH,
    )
    assert tuple(anchors.disputeOf(hospital_key, owned, stranger)) == NO_DISPUTE
    assert anchors.statusOf(single(hospital_key, owned)) == Status.DISPUTED
    assert anchors.isInForce(single(hospital_key, owned))


def test_dispute_as_subject_of_a_document_in_a_batch(anchors, laboratory_key, stranger, patient, complaint):
    batch = Batch([LEAF, leaf_of(CONTENT, patient), OTHER])
    send(anchors.anchorBatch, batch.root, 3, TERMS, sender=laboratory_key)
    document = batch.document(laboratory_key, 1)
    arguments = complaint(submitter=laboratory_key.address, document=document)
    send(anchors.disputeAsSubject, *arguments, sender=stranger)
    assert [anchors.statusOf(batch.document(laboratory_key, index)) for index in range(3)] == [
        Status.ACTIVE,
        Status.DISPUTED,
        Status.ACTIVE,
    ]


def test_dispute_as_subject_replayed_changes_nothing(
    anchors, hospital_key, stranger, laboratory_key, patient, owned, complaint, retraction
):
    arguments = complaint()
    send(anchors.disputeAsSubject, *arguments, sender=stranger)
    assert send(anchors.disputeAsSubject, *arguments, sender=laboratory_key).logs == []
    assert anchors.anchorOf(hospital_key, owned).disputes == 1
    send(anchors.withdrawDisputeAsSubject, *retraction(), sender=stranger)
    for again in (arguments, complaint(statement=REPLY)):
        assert refusal(anchors.disputeAsSubject, *again, sender=stranger) == (
            "DocumentAnchorAlreadyDisputed",
            hospital_key.address,
            owned,
            patient.address,
        )


def test_dispute_as_subject_reverts_if_the_leaf_names_another(anchors, stranger, patient, owned, complaint):
    for sent in ({"content": OTHER}, {"subject": stranger.address}, {"subject": ZERO}):
        arguments = complaint(sent=sent)
        assert refusal(anchors.disputeAsSubject, *arguments, sender=stranger) == (
            "DocumentAnchorNotTheSubject",
            owned,
            sent.get("content", CONTENT),
            sent.get("subject", patient.address),
        )


def test_dispute_as_subject_reverts_for_a_document_without_one(anchors, hospital_key, stranger, complaint):
    nobodys = leaf_of(CONTENT, ZERO)
    send(anchors.anchor, nobodys, TERMS, sender=hospital_key)
    for signature in (bytes(64), bytes(65)):
        arguments = complaint(leaf=nobodys, sent={"subject": ZERO, "signature": signature})
        assert refusal(anchors.disputeAsSubject, *arguments, sender=stranger) == (
            "DocumentAnchorNotTheSubject",
            nobodys,
            CONTENT,
            ZERO,
        )


@pytest.mark.parametrize("name", list(TYPES["SubjectDispute"]))
def test_dispute_as_subject_reverts_if_anything_signed_is_changed(
    anchors, laboratory_key, stranger, patient, owned, complaint, name
):
    """The leaf cannot be changed and stay the subject's, unless another content makes it."""
    other_leaf = leaf_of(OTHER, patient)
    sent = {
        "submitter": {"document": single(laboratory_key, owned)},
        "leaf": {"document": single(laboratory_key, other_leaf), "content": OTHER},
        "reason": {"reason": Complaint.OUTDATED},
        "statement": {"statement": ZERO_HASH},
        "deadline": {"deadline": chain_time() + 2 * DAY},
    }[name]
    for one in (owned, other_leaf):
        send(anchors.anchor, one, TERMS, sender=laboratory_key)
    assert refusal(anchors.disputeAsSubject, *complaint(sent=sent), sender=stranger) == (
        "DocumentAnchorInvalidSignature",
        patient.address,
    )


@DOMAINS
def test_dispute_as_subject_reverts_if_signed_for_another_domain(anchors, stranger, patient, complaint, domain):
    assert refusal(anchors.disputeAsSubject, *complaint(domain=domain), sender=stranger) == (
        "DocumentAnchorInvalidSignature",
        patient.address,
    )


def test_dispute_as_subject_reverts_if_no_signature_of_the_subjects(anchors, stranger, patient, complaint, retraction):
    whole = complaint(compact=False)[-1]
    withdrawal = retraction()[-1]
    for signature in (malleated(whole), whole[:63], whole + b"\0", b"", bytes(64), bytes(65), withdrawal):
        arguments = complaint(sent={"signature": signature})
        assert refusal(anchors.disputeAsSubject, *arguments, sender=stranger) == (
            "DocumentAnchorInvalidSignature",
            patient.address,
        )
    assert refusal(anchors.disputeAsSubject, *complaint(signer=stranger), sender=stranger) == (
        "DocumentAnchorInvalidSignature",
        patient.address,
    )


def test_dispute_as_subject_reverts_if_expired(anchors, stranger, complaint):
    deadline = chain_time() + DAY
    arguments = complaint(deadline=deadline)
    travel_to(deadline + 1)
    assert refusal(anchors.disputeAsSubject, *arguments, sender=stranger) == (
        "DocumentAnchorSignatureExpired",
        deadline,
        deadline + 1,
    )


def test_dispute_as_subject_takes_one_in_its_last_second(anchors, hospital_key, stranger, owned, complaint):
    deadline = chain_time() + DAY
    arguments = complaint(deadline=deadline)
    next_block_at(deadline)
    send(anchors.disputeAsSubject, *arguments, sender=stranger)
    assert anchors.anchorOf(hospital_key, owned).disputes == 1


def test_dispute_as_subject_reverts_without_a_reason(anchors, stranger, complaint):
    arguments = complaint(reason=Complaint.UNSPECIFIED)
    assert refusal(anchors.disputeAsSubject, *arguments, sender=stranger) == ("DocumentAnchorReasonMissing",)


def test_dispute_as_subject_reverts_if_unknown(anchors, laboratory_key, stranger, owned, complaint):
    arguments = complaint(submitter=laboratory_key.address)
    assert refusal(anchors.disputeAsSubject, *arguments, sender=stranger) == (
        "DocumentAnchorUnknown",
        laboratory_key.address,
        owned,
    )


def test_dispute_as_subject_takes_what_a_wallet_takes(anchors, hospital_key, stranger, complaint, wallet_with):
    wallet = wallet_with(returning(MAGIC.ljust(32, b"\0")))
    refusing = wallet_with(returning(bytes(32)))
    for one in (wallet, refusing):
        send(anchors.anchor, leaf_of(CONTENT, one), TERMS, sender=hospital_key)
    sent = {"subject": wallet, "signature": b"\1"}
    send(anchors.disputeAsSubject, *complaint(leaf=leaf_of(CONTENT, wallet), sent=sent), sender=stranger)
    assert anchors.disputeOf(hospital_key, leaf_of(CONTENT, wallet), wallet).raisedAt != 0
    arguments = complaint(leaf=leaf_of(CONTENT, refusing), sent={**sent, "subject": refusing})
    assert refusal(anchors.disputeAsSubject, *arguments, sender=stranger) == (
        "DocumentAnchorInvalidSignature",
        refusing,
    )


# ---------------------------------------------------------------------- answerDispute


def test_answer_dispute_leaves_it_standing(anchors, hospital_key, laboratory_key, disputed_at):
    travel(5)
    receipt = send(anchors.answerDispute, hospital_key, LEAF, laboratory_key, REPLY, sender=hospital_key)
    who = (hospital_key.address, LEAF, laboratory_key.address, hospital_key.address)
    assert events(receipt, anchors) == [("DisputeAnswered", *who, REPLY)]
    assert tuple(anchors.disputeOf(hospital_key, LEAF, laboratory_key)) == (
        disputed_at,
        time_of(receipt),
        0,
        INACCURATE,
        STATEMENT,
        REPLY,
    )
    assert anchors.statusOf(single(hospital_key)) == Status.DISPUTED


def test_answer_dispute_by_another_key(anchors, hospital_key, hospital_other_key, laboratory_key, disputed_at):
    receipt = send(anchors.answerDispute, hospital_key, LEAF, laboratory_key, REPLY, sender=hospital_other_key)
    who = (hospital_key.address, LEAF, laboratory_key.address, hospital_other_key.address)
    assert events(receipt, anchors) == [("DisputeAnswered", *who, REPLY)]


@pytest.mark.parametrize("reply", [REPLY, ZERO_HASH])
def test_answer_dispute_again_changes_nothing(
    anchors, hospital_key, hospital_other_key, laboratory_key, disputed_at, reply
):
    arguments = (hospital_key, LEAF, laboratory_key, reply)
    send(anchors.answerDispute, *arguments, sender=hospital_key)
    before = tuple(anchors.disputeOf(hospital_key, LEAF, laboratory_key))
    travel(5)
    for caller in (hospital_key, hospital_other_key):
        assert send(anchors.answerDispute, *arguments, sender=caller).logs == []
    assert tuple(anchors.disputeOf(hospital_key, LEAF, laboratory_key)) == before


def test_answer_dispute_reverts_with_another_reply(anchors, hospital_key, laboratory_key, disputed_at):
    send(anchors.answerDispute, hospital_key, LEAF, laboratory_key, REPLY, sender=hospital_key)
    assert refusal(anchors.answerDispute, hospital_key, LEAF, laboratory_key, OTHER, sender=hospital_key) == (
        "DocumentAnchorAlreadyAnswered",
        hospital_key.address,
        LEAF,
        laboratory_key.address,
    )


def test_answer_dispute_reverts_if_there_is_none(anchors, hospital_key, laboratory_key, stranger, disputed_at):
    wanted = ("DocumentAnchorNotDisputed", hospital_key.address, LEAF)
    arguments = (hospital_key, LEAF, stranger, REPLY)
    assert refusal(anchors.answerDispute, *arguments, sender=hospital_key) == (*wanted, stranger.address)
    send(anchors.withdrawDispute, hospital_key, LEAF, sender=laboratory_key)
    arguments = (hospital_key, LEAF, laboratory_key, REPLY)
    assert refusal(anchors.answerDispute, *arguments, sender=hospital_key) == (*wanted, laboratory_key.address)


def test_answer_dispute_reverts_for_another_organization(anchors, hospital_key, laboratory_key, stranger, disputed_at):
    arguments = (hospital_key, LEAF, laboratory_key, REPLY)
    assert refusal(anchors.answerDispute, *arguments, sender=laboratory_key) == (
        "DocumentAnchorNotSameOrganization",
        hospital_key.address,
        laboratory_key.address,
    )
    assert refusal(anchors.answerDispute, *arguments, sender=stranger) == (
        "OrganizationRegistryUnknownKey",
        stranger.address,
    )


@pytest.mark.parametrize("event", ["retired", "compromised"])
def test_answer_dispute_reverts_for_a_key_that_is_no_more(
    anchors, hospital_key, hospital_other_key, laboratory_key, disputed_at, befall, event
):
    befall(event)
    arguments = (hospital_key, LEAF, laboratory_key, REPLY)
    error, key, _ = refusal(anchors.answerDispute, *arguments, sender=hospital_key)
    assert (error, key) == (f"OrganizationRegistryKey{event.capitalize()}", hospital_key.address)
    send(anchors.answerDispute, *arguments, sender=hospital_other_key)
    assert anchors.disputeOf(hospital_key, LEAF, laboratory_key).reply == REPLY


def test_answer_dispute_reverts_while_frozen(
    anchors, hospital, hospital_key, hospital_other_key, laboratory_key, disputed_at, befall
):
    befall("frozen")
    for caller in (hospital_key, hospital_other_key):
        arguments = (hospital_key, LEAF, laboratory_key, REPLY)
        assert refusal(anchors.answerDispute, *arguments, sender=caller) == ("OrganizationRegistryFrozen", hospital.id)


def test_answer_dispute_reverts_for_the_document_of_nobodys_key(anchors, stranger, laboratory_key):
    send(anchors.anchor, LEAF, TERMS, sender=stranger)
    send(anchors.dispute, single(stranger), INACCURATE, STATEMENT, sender=laboratory_key)
    assert refusal(anchors.answerDispute, stranger, LEAF, laboratory_key, REPLY, sender=stranger) == (
        "OrganizationRegistryUnknownKey",
        stranger.address,
    )


# ---------------------------------------------------------------------- withdrawDispute


def test_withdraw_dispute_brings_the_document_back(anchors, hospital_key, laboratory_key, anchored_at, disputed_at):
    travel(5)
    receipt = send(anchors.withdrawDispute, hospital_key, LEAF, sender=laboratory_key)
    assert events(receipt, anchors) == [("DisputeWithdrawn", hospital_key.address, LEAF, laboratory_key.address)]
    assert tuple(anchors.disputeOf(hospital_key, LEAF, laboratory_key)) == (
        disputed_at,
        0,
        time_of(receipt),
        INACCURATE,
        STATEMENT,
        ZERO_HASH,
    )
    assert tuple(anchors.anchorOf(hospital_key, LEAF)) == record(anchored_at)
    assert anchors.statusOf(single(hospital_key)) == Status.ACTIVE


def test_withdraw_dispute_keeps_its_answer(anchors, hospital_key, laboratory_key, disputed_at):
    send(anchors.answerDispute, hospital_key, LEAF, laboratory_key, REPLY, sender=hospital_key)
    send(anchors.withdrawDispute, hospital_key, LEAF, sender=laboratory_key)
    raised = anchors.disputeOf(hospital_key, LEAF, laboratory_key)
    assert (raised.reply, raised.withdrawnAt != 0) == (REPLY, True)


def test_withdraw_dispute_again_changes_nothing(anchors, hospital_key, laboratory_key, disputed_at):
    send(anchors.withdrawDispute, hospital_key, LEAF, sender=laboratory_key)
    before = tuple(anchors.disputeOf(hospital_key, LEAF, laboratory_key))
    travel(5)
    assert send(anchors.withdrawDispute, hospital_key, LEAF, sender=laboratory_key).logs == []
    assert tuple(anchors.disputeOf(hospital_key, LEAF, laboratory_key)) == before


def test_withdraw_dispute_works_for_a_key_that_is_no_more(
    anchors, registry, laboratory, hospital_key, laboratory_key, disputed_at
):
    send(registry.retireKey, laboratory_key, sender=laboratory.controller)
    send(anchors.withdrawDispute, hospital_key, LEAF, sender=laboratory_key)
    assert anchors.statusOf(single(hospital_key)) == Status.ACTIVE
    assert registry.organizationOf(laboratory_key).status == KeyStatus.RETIRED


def test_withdraw_dispute_reverts_if_not_disputed(anchors, hospital_key, laboratory_key, stranger, disputed_at):
    for caller, one in ((stranger, LEAF), (hospital_key, LEAF), (laboratory_key, OTHER)):
        assert refusal(anchors.withdrawDispute, hospital_key, one, sender=caller) == (
            "DocumentAnchorNotDisputed",
            hospital_key.address,
            one,
            caller.address,
        )


# ---------------------------------------------------------------------- withdrawDisputeAsSubject


@pytest.mark.parametrize("compact", [True, False])
def test_withdraw_as_subject_is_sent_by_anyone(
    anchors, hospital_key, stranger, patient, owned, complaint, retraction, compact
):
    send(anchors.disputeAsSubject, *complaint(), sender=stranger)
    receipt = send(anchors.withdrawDisputeAsSubject, *retraction(compact=compact), sender=stranger)
    assert events(receipt, anchors) == [("DisputeWithdrawn", hospital_key.address, owned, patient.address)]
    assert anchors.disputeOf(hospital_key, owned, patient).withdrawnAt == time_of(receipt)
    assert anchors.statusOf(single(hospital_key, owned)) == Status.ACTIVE


def test_withdraw_as_subject_replayed_changes_nothing(
    anchors, hospital_key, stranger, laboratory_key, owned, complaint, retraction
):
    send(anchors.disputeAsSubject, *complaint(), sender=stranger)
    arguments = retraction()
    send(anchors.withdrawDisputeAsSubject, *arguments, sender=stranger)
    assert send(anchors.withdrawDisputeAsSubject, *arguments, sender=laboratory_key).logs == []
    assert anchors.anchorOf(hospital_key, owned).disputes == 0


def test_withdraw_as_subject_reverts_if_not_disputed(anchors, hospital_key, stranger, patient, owned, retraction):
    assert refusal(anchors.withdrawDisputeAsSubject, *retraction(), sender=stranger) == (
        "DocumentAnchorNotDisputed",
        hospital_key.address,
        owned,
        patient.address,
    )


def test_withdraw_as_subject_reverts_if_expired(anchors, stranger, complaint, retraction):
    send(anchors.disputeAsSubject, *complaint(), sender=stranger)
    deadline = chain_time() + DAY
    arguments = retraction(deadline=deadline)
    travel_to(deadline + 1)
    assert refusal(anchors.withdrawDisputeAsSubject, *arguments, sender=stranger) == (
        "DocumentAnchorSignatureExpired",
        deadline,
        deadline + 1,
    )


@pytest.mark.parametrize("name", ["submitter", "leaf", "subject", "deadline"])
def test_withdraw_as_subject_reverts_if_anything_signed_is_changed(
    anchors, laboratory_key, stranger, patient, complaint, retraction, name
):
    send(anchors.disputeAsSubject, *complaint(), sender=stranger)
    value = {
        "submitter": laboratory_key.address,
        "leaf": OTHER,
        "subject": stranger.address,
        "deadline": chain_time() + 2 * DAY,
    }[name]
    assert refusal(anchors.withdrawDisputeAsSubject, *retraction(sent={name: value}), sender=stranger) == (
        "DocumentAnchorInvalidSignature",
        value if name == "subject" else patient.address,
    )


@DOMAINS
def test_withdraw_as_subject_reverts_if_signed_for_another_domain(anchors, stranger, patient, retraction, domain):
    assert refusal(anchors.withdrawDisputeAsSubject, *retraction(domain=domain), sender=stranger) == (
        "DocumentAnchorInvalidSignature",
        patient.address,
    )


def test_withdraw_as_subject_reverts_if_no_signature_of_the_subjects(anchors, stranger, patient, complaint, retraction):
    whole = retraction(compact=False)[-1]
    raised = complaint()[-1]
    for signature in (malleated(whole), whole[:63], whole + b"\0", b"", bytes(64), bytes(65), raised):
        arguments = retraction(sent={"signature": signature})
        assert refusal(anchors.withdrawDisputeAsSubject, *arguments, sender=stranger) == (
            "DocumentAnchorInvalidSignature",
            patient.address,
        )


@pytest.mark.parametrize("reason", [6, 255, 257])
def test_dispute_reverts_for_a_reason_that_is_none(anchors, hospital_key, laboratory_key, anchored_at, reason):
    data = bytes(anchors.dispute.encode_input(single(hospital_key), 1, STATEMENT))
    data = data[: 4 + 32] + reason.to_bytes(32) + data[4 + 64 :]
    with pytest.raises(ContractLogicError) as caught:
        anchors.provider.web3.eth.call({"to": anchors.address, "data": data, "from": laboratory_key.address})
    assert caught.value.data == "0x"
