"""The client's anchoring, on every kind of chain."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from careledger.anchoring import (
    AmendmentReason,
    Canonicalization,
    DisputeReason,
    DocumentKind,
    Documents,
    DocumentStatus,
    Fingerprint,
    Location,
    MerkleTree,
    Receipt,
    RevocationReason,
    Terms,
    stream_head,
)
from careledger.anchoring.types import KeyStatus
from careledger.chain.connection import Connection
from careledger.chain.outbox import Outbox
from careledger.chain.signers import LocalSigner
from careledger.contract_errors import (
    DocumentAnchorAlreadyAnchored,
    DocumentAnchorInvalidSignature,
    DocumentAnchorNotSameOrganization,
    DocumentAnchorUnknownStream,
)
from careledger.errors import InvalidInput, NotAnchored, UnknownOrganization
from careledger.identity import organization_id
from identity.suite import Suite, deploy_suite, new_key

KIND = DocumentKind.CLINICAL_DOCUMENT


@dataclass(frozen=True)
class House:
    """A suite with a hospital of two keys and an insurer of one."""

    suite: Suite
    hospital: str
    keys: tuple[LocalSigner, LocalSigner]
    insurer: str
    insurer_key: LocalSigner

    def documents(self, signer: LocalSigner | None = None) -> Documents:
        return self.suite.ledger.acting_as(signer or self.keys[0]).documents

    def fingerprint(self, content: bytes | None = None, **changes: object) -> Fingerprint:
        return self.documents().fingerprint(content or os.urandom(8), KIND, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def houses() -> dict[int, House]:
    return {}


@pytest.fixture(scope="session")
def house(chain: Connection, houses: dict[int, House]) -> House:
    if chain.chain_id not in houses:
        suite = deploy_suite(chain)
        hospital, insurer = suite.admit(), suite.admit()
        first, second, other = (new_key() for _ in range(3))
        for organization, key in ((hospital, first), (hospital, second), (insurer, other)):
            suite.add_key(organization, key)
            suite.fund(key)
        houses[chain.chain_id] = House(
            suite, organization_id(hospital), (first, second), organization_id(insurer), other
        )
    return houses[chain.chain_id]


def test_anchor_gives_a_receipt_that_says_all(house: House) -> None:
    documents, fingerprint = house.documents(), house.fingerprint(b"a summary", subject=house.insurer_key.address)
    receipt = documents.anchor(fingerprint)
    assert Receipt.load(receipt.dump()) == receipt
    assert receipt.submitter == house.keys[0].address
    assert receipt.organization == house.hospital
    assert receipt.genesis_hash == house.suite.connection.genesis_hash()
    assert receipt.block_hash == house.suite.connection.block_hash(receipt.block_number)
    sent = house.suite.connection.receipt(receipt.transaction_hash)
    assert sent is not None
    assert sent.block_number == receipt.block_number
    assert documents.status(receipt.location) is DocumentStatus.ACTIVE
    vouched = documents.vouched(receipt.location)
    assert (vouched.organization, vouched.key_status) == (house.hospital, KeyStatus.ACTIVE)
    assert vouched.anchored_at == receipt.anchored_at == house.suite.connection.block_time(receipt.block_number)
    assert not vouched.compromised
    assert documents.anchor(fingerprint) == receipt  # again: nothing changes


def test_anchor_again_with_other_terms_is_refused(house: House) -> None:
    fingerprint = house.fingerprint()
    house.documents().anchor(fingerprint)
    with pytest.raises(DocumentAnchorAlreadyAnchored):
        house.documents().anchor(fingerprint, expiry=house.suite.soon)


def test_nobodys_key_makes_no_fingerprint(house: House) -> None:
    with pytest.raises(UnknownOrganization, match="is no organization's"):
        house.documents(new_key()).fingerprint(b"x")


def test_what_was_not_anchored_has_no_receipt(house: House) -> None:
    with pytest.raises(NotAnchored, match="is not anchored by"):
        house.documents().receipt(house.fingerprint())


def test_a_list_skips_what_is_anchored(house: House) -> None:
    known, *fresh = [house.fingerprint() for _ in range(4)]
    before = house.documents().anchor(known)
    receipts = house.documents().anchor_list([known, *fresh])
    assert receipts[0] == before
    assert [receipt.leaf for receipt in receipts[1:]] == [fingerprint.leaf for fingerprint in fresh]
    assert len({receipt.transaction_hash for receipt in receipts[1:]}) == 1


@pytest.mark.parametrize("count", [0, 601])
def test_a_list_of_a_wrong_length_is_refused(house: House, count: int) -> None:
    with pytest.raises(InvalidInput, match="must be 1 to 600"):
        house.documents().anchor_list([house.fingerprint()] * count)


@pytest.mark.daily("anvil")
def test_the_longest_list_fits_in_a_transaction(house: House) -> None:
    receipts = house.documents().anchor_list([house.fingerprint() for _ in range(600)])
    assert len(receipts) == 600


def test_lists_and_batches_are_of_one_kind(house: House) -> None:
    other = house.documents().fingerprint(b"x", DocumentKind.CONSENT)
    for anchor in (house.documents().anchor_list, house.documents().anchor_batch):
        with pytest.raises(InvalidInput, match="must be one kind"):
            anchor([house.fingerprint(), other])


@pytest.mark.parametrize("count", [1, 2, 7])
def test_every_document_of_a_batch_is_active_until_revoked_at_its_index(house: House, count: int) -> None:
    documents = house.documents()
    receipts = documents.anchor_batch([house.fingerprint() for _ in range(count)])
    assert {documents.status(receipt.location) for receipt in receipts} == {DocumentStatus.ACTIVE}
    gone = receipts[count // 2]
    documents.revoke_document(gone.location, RevocationReason.WRONG_SUBJECT)
    for receipt in receipts:
        expected = DocumentStatus.REVOKED if receipt is gone else DocumentStatus.ACTIVE
        assert documents.status(receipt.location) is expected
    assert gone.batch is not None
    assert documents.is_revoked(gone.submitter, gone.batch.root, gone.batch.index)


def test_leaves_of_several_words_are_revoked_together(house: House) -> None:
    documents = house.documents()
    leaves = [os.urandom(32) for _ in range(600)]
    tree = MerkleTree.of(leaves)
    root = "0x" + tree.root.hex()
    documents._send("anchorBatch", root, 600, 0)
    sent = house.documents(house.keys[1]).revoke_leaves(
        house.keys[0].address, root, [0, 255, 256, 599], RevocationReason.ENTERED_IN_ERROR
    )
    assert len(sent) == 3
    for index in range(600):
        proof = tuple("0x" + node.hex() for node in tree.proof(index))
        location = Location(house.keys[0].address, "0x" + leaves[index].hex(), root, index, proof)
        if index in {0, 1, 255, 256, 257, 598, 599}:
            revoked = documents.status(location) is DocumentStatus.REVOKED
            assert revoked == (index in {0, 255, 256, 599})


def test_a_batch_through_an_outbox_is_sent_once(house: House, tmp_path: Path) -> None:
    if house.suite.connection.is_in_process:
        pytest.skip("the outbox is for nodes, nothing in process survives a kill")
    documents, tree = house.documents(), MerkleTree.of([os.urandom(32) for _ in range(3)])
    root = "0x" + tree.root.hex()
    with Outbox.open(f"sqlite:///{tmp_path / 'outbox.db'}", house.suite.connection) as outbox:
        first = documents.anchor_root(root, 3, Terms(KIND), outbox)
        again = documents.anchor_root(root, 3, Terms(KIND), outbox)
    assert first == again


def test_one_signs_and_another_sends(house: House) -> None:
    fingerprint = house.fingerprint()
    signed = house.documents().sign(fingerprint, house.suite.soon)
    receipt = house.documents(house.insurer_key).relay(signed)
    assert receipt.submitter == house.keys[0].address
    assert receipt.signed_at == signed.signed_at <= receipt.anchored_at
    assert house.documents(house.keys[1]).relay(signed) == receipt


def test_a_signature_of_another_is_refused(house: House) -> None:
    signed = house.documents(house.keys[1]).sign(house.fingerprint(), house.suite.soon)
    forged = type(signed)(**{**vars(signed), "submitter": house.keys[0].address})
    with pytest.raises(DocumentAnchorInvalidSignature):
        house.documents().relay(forged)


@pytest.mark.parametrize("signer", [0, 1])
def test_revoke_by_any_key_of_the_organization(house: House, signer: int) -> None:
    receipt = house.documents().anchor(house.fingerprint())
    house.documents(house.keys[signer]).revoke(receipt.submitter, receipt.leaf, RevocationReason.ENTERED_IN_ERROR)
    record = house.documents().anchor_of(receipt.submitter, receipt.leaf)
    assert record is not None
    assert record.revocation_reason is RevocationReason.ENTERED_IN_ERROR
    assert house.documents().status(receipt.location) is DocumentStatus.REVOKED


def test_revoke_by_another_organization_is_refused(house: House) -> None:
    receipt = house.documents().anchor(house.fingerprint())
    with pytest.raises(DocumentAnchorNotSameOrganization):
        house.documents(house.insurer_key).revoke(receipt.submitter, receipt.leaf, RevocationReason.LEGAL_ORDER)


def test_a_line_of_amendments_is_read_both_ways(house: House) -> None:
    documents = house.documents()
    line = [documents.anchor(house.fingerprint())]
    for signer in (house.keys[1], house.keys[0]):
        successor = house.fingerprint()
        line.append(house.documents(signer).amend(line[-1].location, successor, AmendmentReason.NEW_VERSION))
    places = [(receipt.submitter, receipt.leaf) for receipt in line]
    assert [documents.latest(*place) for place in places] == [places[-1]] * 3
    for former, later in itertools.pairwise(places):
        successor_link, predecessor_link = documents.successor(*former), documents.predecessor(*later)
        assert successor_link is not None
        assert predecessor_link is not None
        assert (successor_link.submitter, successor_link.leaf) == later
        assert (predecessor_link.submitter, predecessor_link.leaf) == former
        assert successor_link.reason is AmendmentReason.NEW_VERSION
    assert documents.successor(*places[-1]) is None
    assert documents.predecessor(*places[0]) is None
    assert [documents.status(receipt.location).name for receipt in line] == ["SUPERSEDED", "SUPERSEDED", "ACTIVE"]


def test_countersign_and_withdraw(house: House) -> None:
    receipt = house.documents().anchor(house.fingerprint())
    insurer, place = house.documents(house.insurer_key), (receipt.submitter, receipt.leaf)
    assert insurer.countersignature(*place, house.insurer) is None
    insurer.countersign(receipt.location)
    given = insurer.countersignature(*place, house.insurer)
    assert given is not None
    assert (given.key, given.withdrawn_at) == (house.insurer_key.address, 0)
    insurer.withdraw_countersignature(*place)
    withdrawn = insurer.countersignature(*place, house.insurer)
    assert withdrawn is not None
    assert withdrawn.withdrawn_at >= given.signed_at


def test_a_subject_disputes_without_being_named(house: House) -> None:
    patient = new_key()
    fingerprint = house.fingerprint(subject=patient.address)
    receipt = house.documents().anchor(fingerprint)
    relay, place = house.documents(house.insurer_key), (receipt.submitter, receipt.leaf)
    statement = "0x" + os.urandom(32).hex()
    relay.dispute_as_subject(
        receipt.location, fingerprint.content, patient, DisputeReason.INACCURATE, house.suite.soon, statement
    )
    assert relay.status(receipt.location) is DocumentStatus.DISPUTED
    house.documents(house.keys[1]).answer_dispute(*place, patient.address, "0x" + os.urandom(32).hex())
    raised = relay.dispute_of(*place, patient.address)
    assert raised is not None
    assert (raised.reason, raised.statement) == (DisputeReason.INACCURATE, statement)
    assert raised.replied_at >= raised.raised_at
    relay.withdraw_dispute_as_subject(*place, patient, house.suite.soon)
    assert relay.status(receipt.location) is DocumentStatus.ACTIVE


def test_members_and_named_parties_dispute(house: House) -> None:
    receipt, party = house.documents().anchor(house.fingerprint()), new_key()
    house.suite.fund(party)
    house.documents().name_party(receipt.location, party.address)
    for signer in (house.insurer_key, party):
        house.documents(signer).dispute(receipt.location, DisputeReason.OUTDATED)
    record = house.documents().anchor_of(receipt.submitter, receipt.leaf)
    assert record is not None
    assert record.disputes == 2
    house.documents(party).withdraw_dispute(receipt.submitter, receipt.leaf)
    assert house.documents().status(receipt.location) is DocumentStatus.DISPUTED


def test_a_stream_shows_what_was_left_out(house: House) -> None:
    documents, stream = house.documents(), "0x" + os.urandom(32).hex()
    with pytest.raises(DocumentAnchorUnknownStream):
        documents.anchor(house.fingerprint(), stream=stream)
    documents.declare_stream(stream)
    first = documents.first_head(house.keys[0].address, stream)
    ids = [documents.anchor(house.fingerprint(), stream=stream).leaf for _ in range(2)]
    batch = documents.anchor_batch([house.fingerprint() for _ in range(3)], stream=stream)
    assert batch[0].batch is not None
    ids.append(batch[0].batch.root)
    assert documents.head(house.keys[0].address, stream) == stream_head(first, ids)
    for left_out in range(3):
        assert documents.head(house.keys[0].address, stream) != stream_head(first, ids[:left_out] + ids[left_out + 1 :])
    later = house.documents(house.keys[1])
    later.continue_stream(house.keys[0].address, stream)
    assert documents.head(house.keys[0].address, stream) is None
    ids.append(later.anchor(house.fingerprint(), stream=stream).leaf)
    assert later.head(house.keys[1].address, stream) == stream_head(first, ids)


def test_the_same_document_from_another_server_is_recognized(house: House) -> None:
    here = b'{"resourceType":"Observation","status":"final","valueQuantity":{"value":1.00}}'
    there = b"""{"valueQuantity": {"value": 1.00}, "status": "final",
        "meta": {"versionId": "2"}, "resourceType": "Observation"}"""
    receipt = house.documents().anchor(house.documents().fingerprint(here, KIND, Canonicalization.FHIR_JSON_STATIC))
    found = Fingerprint.of(there, house.hospital, KIND, Canonicalization.FHIR_JSON_STATIC)
    assert "0x" + found.digest.hex() == receipt.digest


def test_an_origin_is_found_among_many_blocks(house: House) -> None:
    documents, receipts = house.documents(), []
    for _ in range(5):
        receipts.append(documents.anchor(house.fingerprint()))
        documents.anchor_list([house.fingerprint() for _ in range(2)])
    for receipt in receipts:
        origin = documents.origin(receipt.submitter, receipt.leaf)
        assert (origin.transaction_hash, origin.block_hash) == (receipt.transaction_hash, receipt.block_hash)
