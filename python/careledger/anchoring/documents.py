"""Documents on the chain, for Python: anchoring, what becomes of anchors, and the contract's own reads."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from careledger.anchoring.canonical import Canonicalization
from careledger.anchoring.fingerprint import Fingerprint
from careledger.anchoring.merkle import MerkleTree
from careledger.anchoring.messages import (
    anchoring_message,
    subject_dispute_message,
    subject_withdrawal_message,
)
from careledger.anchoring.origin import Origin, find_origin, origin_of
from careledger.anchoring.receipt import Batch, Receipt
from careledger.anchoring.types import (
    LEAVES_OF_A_WORD,
    NO_EXPIRY,
    ZERO_HASH,
    AmendmentReason,
    Anchor,
    Countersignature,
    Dispute,
    DisputeReason,
    DocumentKind,
    DocumentStatus,
    KeyStatus,
    Link,
    Location,
    RevocationReason,
    Terms,
    Vouched,
)
from careledger.chain.connection import TransactionReceipt
from careledger.chain.contract import Contract
from careledger.chain.signers import Signer
from careledger.chain.signers.signer import required
from careledger.chain.typed_data import Message, compact_signature, shortest_signature
from careledger.chain.values import account_address
from careledger.errors import InvalidInput, UnknownOrganization
from careledger.identity import Organizations

if TYPE_CHECKING:
    from careledger.chain.outbox import Outbox

__all__ = ["Documents", "SignedAnchoring"]

ANCHOR_LIST_MOST = 600
"""Leaves of one list that fit under the gas cap of a transaction, 2**24, with room."""


@dataclass(frozen=True)
class SignedAnchoring:
    """A submitter's signature for another to send, and the fingerprint it is of, which stays with the submitter.

    `signed_at` and `deadline` are Unix seconds.
    """

    submitter: str
    fingerprint: Fingerprint
    expiry: int
    signed_at: int
    deadline: int
    signature: bytes

    @property
    def terms(self) -> Terms:
        return Terms(self.fingerprint.kind, self.expiry)


class Documents:
    """Calls that change something need a signer: the submitter's key, another key of its organization, or whoever the
    method names. Every method raises ContractError with the contract's reason if it refuses, ChainError if the chain
    could not be asked, and InvalidInput for a value that cannot be right.
    """

    def __init__(
        self, anchors: Contract, organizations: Organizations, first_block: int, signer: Signer | None
    ) -> None:
        self._anchors = anchors
        self._organizations = organizations
        self._first_block = first_block
        self._signer = signer

    @property
    def address(self) -> str:
        """The contract's address."""
        return self._anchors.address

    def place(self) -> dict[str, Any]:
        """What a receipt says of where it is anchored: chain id, hash of its first block, contract."""
        connection = self._anchors.connection
        return {
            "chain_id": connection.chain_id,
            "genesis_hash": connection.genesis_hash(),
            "contract": self.address,
        }

    # ------------------------------------------------------------------ anchoring

    def fingerprint(
        self,
        source: bytes | Path | io.BufferedIOBase,
        kind: int = DocumentKind.UNCLASSED,
        canonicalization: Canonicalization = Canonicalization.RAW,
        subject: str | None = None,
    ) -> Fingerprint:
        """A document's fingerprint, with a new salt, for the organization whose key the signer is.

        Raises UnknownOrganization if it is nobody's, and what `canonical.digest` raises.
        """
        return Fingerprint.of(source, self.organization(), kind, canonicalization, subject)

    def organization(self) -> str:
        """The id of the organization whose key the signer is. Raises UnknownOrganization if it is nobody's."""
        address = required(self._signer).address
        organization, _ = self._organizations.of_key(address)
        if organization is None:
            raise UnknownOrganization("key", address, "is no organization's: its controller adds it (`org key add`)")
        return organization

    def anchor(self, fingerprint: Fingerprint, expiry: int = NO_EXPIRY, stream: str | None = None) -> Receipt:
        """Anchors one document, in a declared stream if one is given. Again, it changes nothing and returns the same
        receipt. `expiry` is Unix seconds, 0 for never."""
        terms = Terms(fingerprint.kind, expiry)
        if stream is None:
            sent = self._send("anchor", fingerprint.leaf, terms.pack())
        else:
            sent = self._send("anchorInStream", stream, fingerprint.leaf, terms.pack())
        origin = origin_of(sent, self._anchors, required(self._signer).address, fingerprint.leaf)
        if origin is None:
            return self.receipt(fingerprint, stream=stream)
        return _receipt(self.place(), fingerprint, origin, None, stream)

    def anchor_list(self, fingerprints: Sequence[Fingerprint], expiry: int = NO_EXPIRY) -> list[Receipt]:
        """Anchors documents of one kind, each by itself, in one transaction; those anchored already are left as they
        are. At most 600; for more, `anchor_batch`."""
        if not 0 < len(fingerprints) <= ANCHOR_LIST_MOST:
            raise InvalidInput("documents", str(len(fingerprints)), f"must be 1 to {ANCHOR_LIST_MOST}")
        terms = _common_terms(fingerprints, expiry)
        self._send("anchorList", [fingerprint.leaf for fingerprint in fingerprints], terms.pack())
        return [self.receipt(fingerprint) for fingerprint in fingerprints]

    def anchor_batch(
        self, fingerprints: Sequence[Fingerprint], expiry: int = NO_EXPIRY, stream: str | None = None
    ) -> list[Receipt]:
        """Anchors documents of one kind by one root, whatever their number. `BulkAnchoring` streams a folder."""
        tree = MerkleTree.of(bytes.fromhex(fingerprint.leaf[2:]) for fingerprint in fingerprints)
        terms = _common_terms(fingerprints, expiry)
        root = "0x" + tree.root.hex()
        if stream is None:
            self._send("anchorBatch", root, len(fingerprints), terms.pack())
        else:
            self._send("anchorBatchInStream", stream, root, len(fingerprints), terms.pack())
        origin, place = self.origin(required(self._signer).address, root), self.place()
        return [
            _receipt(place, fingerprint, origin, batch_of(tree, index), stream)
            for index, fingerprint in enumerate(fingerprints)
        ]

    def anchor_root(
        self,
        root: str,
        count: int,
        terms: Terms,
        outbox: Outbox,
        report: Callable[[int], None] = lambda _final: None,
        stream: str | None = None,
    ) -> TransactionReceipt:
        """Anchors the root of a batch of `count` leaves through an outbox, in a declared stream if one is given, and
        waits until that is final. The same call again takes up the same transaction. Raises what `deliver` of the
        outbox raises."""
        from careledger.chain.outbox import Intent, Policy, deliver  # with it comes SQLAlchemy

        signer, connection = required(self._signer), self._anchors.connection
        if stream is None:
            call = self._anchors.encode("anchorBatch", root, count, terms.pack())
        else:
            call = self._anchors.encode("anchorBatchInStream", stream, root, count, terms.pack())
        intent = Intent(
            f"anchor-batch/{signer.address}/{root[2:]}",
            signer.address,
            self.address,
            call,
            label="DocumentAnchor.anchorBatch",
        )
        policy = Policy(fee_cap_wei=connection.fee_cap_wei)
        if connection.is_local:
            policy = replace(policy, confirmations=1)
        (receipt,) = deliver(outbox, connection, [signer], [intent], policy, report=report)
        return receipt

    def batch_receipts(self, root: str, stream: str | None = None) -> Callable[[Fingerprint, Batch], Receipt]:
        """Makes the receipts of a batch of the signer's that is anchored, in the stream if one is given. Raises
        NotAnchored."""
        origin = self.origin(required(self._signer).address, root)
        place = self.place()
        return lambda fingerprint, batch: _receipt(place, fingerprint, origin, batch, stream)

    def sign(self, fingerprint: Fingerprint, deadline: int, expiry: int = NO_EXPIRY) -> SignedAnchoring:
        """Signs, for another to send and pay for. `deadline` is Unix seconds until which the signature counts; the time
        of signing is the latest block's."""
        signer, connection = required(self._signer), self._anchors.connection
        signed_at = connection.block_time()
        message = anchoring_message(
            connection.chain_id,
            self.address,
            fingerprint.leaf,
            Terms(fingerprint.kind, expiry).pack(),
            signed_at,
            deadline,
        )
        signature = signer.sign_typed_data(message)
        return SignedAnchoring(signer.address, fingerprint, expiry, signed_at, deadline, signature)

    def relay(self, signed: SignedAnchoring) -> Receipt:
        """Sends what a submitter signed, and pays for it. Sent before, by whomever, it changes nothing."""
        signature = signed.signature
        if not self._anchors.connection.code(signed.submitter):
            signature = compact_signature(signature)
        self._send(
            "anchorBySignature",
            signed.submitter,
            signed.fingerprint.leaf,
            signed.terms.pack(),
            signed.signed_at,
            signed.deadline,
            signature,
        )
        return self.receipt(signed.fingerprint, submitter=signed.submitter)

    def receipt(self, fingerprint: Fingerprint, submitter: str | None = None, stream: str | None = None) -> Receipt:
        """The receipt of a document that is anchored by itself, by the signer unless another submitter is given.

        Raises NotAnchored.
        """
        origin = self.origin(submitter or required(self._signer).address, fingerprint.leaf)
        return _receipt(self.place(), fingerprint, origin, None, stream)

    # ------------------------------------------------------------------ streams

    def declare_stream(self, stream: str) -> TransactionReceipt:
        """Declares a stream: a sequence of anchors of which none can be left out unseen. `stream` is its id, a salted
        hash of its name, 32 bytes."""
        return self._send("declareStream", stream)

    def continue_stream(self, former_submitter: str, stream: str) -> TransactionReceipt:
        """Goes on with a stream of another key of the signer's organization, which can then add nothing more."""
        return self._send("continueStream", account_address("submitter", former_submitter), stream)

    def head(self, submitter: str, stream: str, block: int | str = "latest") -> str | None:
        """The head of a stream's hash chain; None if there is no such stream of this key."""
        head = self._anchors.read("headOf", account_address("submitter", submitter), stream, block=block)
        return None if head == ZERO_HASH else str(head)

    def first_head(self, submitter: str, stream: str) -> str:
        """Where a stream's hash chain begins."""
        return str(self._anchors.read("firstHeadOf", account_address("submitter", submitter), stream))

    # ------------------------------------------------------------------ the submitter's organization

    def revoke(self, submitter: str, anchor_id: str, reason: RevocationReason) -> TransactionReceipt:
        """Revokes an anchor for good: a document by its leaf, or a whole batch by its root. The signer is the submitter
        or another key of its organization."""
        signer = required(self._signer)
        if account_address("submitter", submitter) == signer.address:
            return self._send("revoke", anchor_id, reason)
        return self._send("revokeOf", submitter, anchor_id, reason)

    def revoke_leaves(
        self, submitter: str, root: str, indexes: Iterable[int], reason: RevocationReason
    ) -> list[TransactionReceipt]:
        """Revokes documents of a batch, by their indexes, for good; one transaction for each 256 places."""
        masks: dict[int, int] = {}
        for index in indexes:
            if index < 0:
                raise InvalidInput("index", str(index), "must be 0 or more")
            masks[index // LEAVES_OF_A_WORD] = masks.get(index // LEAVES_OF_A_WORD, 0) | 1 << index % LEAVES_OF_A_WORD
        own = account_address("submitter", submitter) == required(self._signer).address
        function, who = ("revokeLeaves", ()) if own else ("revokeLeavesOf", (submitter,))
        return [self._send(function, *who, root, word, mask, reason) for word, mask in sorted(masks.items())]

    def revoke_document(self, location: Location, reason: RevocationReason) -> TransactionReceipt:
        """Revokes one document, wherever it is: by itself, or its place in a batch."""
        if location.root is None:
            return self.revoke(location.submitter, location.leaf, reason)
        (receipt,) = self.revoke_leaves(location.submitter, location.root, [location.index], reason)
        return receipt

    def amend(
        self, location: Location, successor: Fingerprint, reason: AmendmentReason, expiry: int = NO_EXPIRY
    ) -> Receipt:
        """Gives a document of the signer's organization a successor, and anchors that. Returns its receipt."""
        terms = Terms(successor.kind, expiry)
        self._send("amend", location.to_abi(), successor.leaf, terms.pack(), reason)
        return self.receipt(successor)

    def name_party(self, location: Location, party: str) -> TransactionReceipt:
        """Names a party that may dispute a document of the signer's organization."""
        return self._send("nameParty", location.to_abi(), account_address("party", party))

    def answer_dispute(self, submitter: str, leaf: str, disputant: str, reply: str) -> TransactionReceipt:
        """Answers a dispute of a document of the signer's organization with a salted hash of what is said."""
        return self._send(
            "answerDispute",
            account_address("submitter", submitter),
            leaf,
            account_address("disputant", disputant),
            reply,
        )

    # ------------------------------------------------------------------ others

    def countersign(self, location: Location) -> TransactionReceipt:
        """Countersigns a document in force for the signer's organization, another than the submitter's."""
        return self._send("countersign", location.to_abi())

    def withdraw_countersignature(self, submitter: str, leaf: str) -> TransactionReceipt:
        """Withdraws the countersignature of the signer's organization, for good."""
        return self._send("withdrawCountersignature", account_address("submitter", submitter), leaf)

    def dispute(self, location: Location, reason: DisputeReason, statement: str = ZERO_HASH) -> TransactionReceipt:
        """Disputes a document, as a named party or an active organization's key. `statement` is a salted hash of what
        is said, zero for nothing."""
        return self._send("dispute", location.to_abi(), reason, statement)

    def withdraw_dispute(self, submitter: str, leaf: str) -> TransactionReceipt:
        """Withdraws the signer's dispute, for good."""
        return self._send("withdrawDispute", account_address("submitter", submitter), leaf)

    def dispute_as_subject(
        self,
        location: Location,
        content: bytes,
        subject: Signer,
        reason: DisputeReason,
        deadline: int,
        statement: str = ZERO_HASH,
    ) -> TransactionReceipt:
        """Disputes a document for its subject, who signs and stays unnamed: the ledger's signer sends and pays.

        `content` is the fingerprint's content hash, 32 bytes; `deadline` is Unix seconds.
        """
        message = self.subject_dispute(location.submitter, location.leaf, reason, deadline, statement)
        signature = shortest_signature(subject, message)
        return self.relay_dispute(location, content, subject.address, reason, deadline, signature, statement)

    def withdraw_dispute_as_subject(
        self, submitter: str, leaf: str, subject: Signer, deadline: int
    ) -> TransactionReceipt:
        """Withdraws a subject's dispute, which the subject signs, for good."""
        signature = shortest_signature(subject, self.subject_withdrawal(submitter, leaf, deadline))
        return self.relay_withdrawal(submitter, leaf, subject.address, deadline, signature)

    def subject_dispute(
        self, submitter: str, leaf: str, reason: DisputeReason, deadline: int, statement: str = ZERO_HASH
    ) -> Message:
        """What a document's subject signs to dispute it, for `relay_dispute`."""
        account = account_address("submitter", submitter)
        return subject_dispute_message(self._chain_id, self.address, account, leaf, reason, statement, deadline)

    def subject_withdrawal(self, submitter: str, leaf: str, deadline: int) -> Message:
        """What a document's subject signs to withdraw its dispute, for `relay_withdrawal`."""
        account = account_address("submitter", submitter)
        return subject_withdrawal_message(self._chain_id, self.address, account, leaf, deadline)

    def relay_dispute(
        self,
        location: Location,
        content: bytes,
        subject: str,
        reason: DisputeReason,
        deadline: int,
        signature: bytes,
        statement: str = ZERO_HASH,
    ) -> TransactionReceipt:
        """Sends a dispute that a subject signed elsewhere, and pays for it."""
        account = account_address("subject", subject)
        return self._send(
            "disputeAsSubject", location.to_abi(), content, account, reason, statement, deadline, signature
        )

    def relay_withdrawal(
        self, submitter: str, leaf: str, subject: str, deadline: int, signature: bytes
    ) -> TransactionReceipt:
        """Sends the withdrawal of a dispute that a subject signed elsewhere, and pays for it."""
        who = account_address("submitter", submitter), leaf, account_address("subject", subject)
        return self._send("withdrawDisputeAsSubject", *who, deadline, signature)

    # ------------------------------------------------------------------ reads

    def status(self, location: Location, block: int | str = "latest") -> DocumentStatus:
        """What the contract says of a document. UNKNOWN also for a proof that does not lead to the batch's root."""
        return DocumentStatus(self._anchors.read("statusOf", location.to_abi(), block=block))

    def vouched(self, location: Location, block: int | str = "latest") -> Vouched:
        """The status, and for whom the submitter's key spoke when it anchored."""
        found = self._anchors.read("verify", location.to_abi(), block=block)
        return Vouched(
            **{**found, "status": DocumentStatus(found["status"]), "key_status": KeyStatus(found["key_status"])}
        )

    def anchor_of(self, submitter: str, anchor_id: str, block: int | str = "latest") -> Anchor | None:
        """The record under a submitter; None if nothing is anchored there."""
        found = self._anchors.read("anchorOf", account_address("submitter", submitter), anchor_id, block=block)
        record = Anchor(**{**found, "revocation_reason": RevocationReason(found["revocation_reason"])})
        return record if record.anchored_at else None

    def origin(self, submitter: str, anchor_id: str) -> Origin:
        """The transaction that anchored. Raises NotAnchored."""
        return find_origin(self._anchors, account_address("submitter", submitter), anchor_id, self._first_block)

    def latest(self, submitter: str, leaf: str, block: int | str = "latest") -> tuple[str, str]:
        """Submitter and leaf of the newest document in a line of amendments."""
        found: tuple[str, str] = self._anchors.read(
            "latest", account_address("submitter", submitter), leaf, block=block
        )
        return found

    def successor(self, submitter: str, leaf: str, block: int | str = "latest") -> Link | None:
        """What superseded a document, or None."""
        return self._link("successorOf", submitter, leaf, block)

    def predecessor(self, submitter: str, leaf: str, block: int | str = "latest") -> Link | None:
        """What a document superseded, or None."""
        return self._link("predecessorOf", submitter, leaf, block)

    def countersignature(
        self, submitter: str, leaf: str, organization: str, block: int | str = "latest"
    ) -> Countersignature | None:
        """An organization's countersignature, by its name or id; None if it gave none."""
        identifier = self._organizations.known(organization)
        found = self._anchors.read(
            "countersignatureOf", account_address("submitter", submitter), leaf, identifier, block=block
        )
        return Countersignature(**found) if found["signed_at"] else None

    def dispute_of(self, submitter: str, leaf: str, disputant: str, block: int | str = "latest") -> Dispute | None:
        """A party's dispute of a document; None if it raised none."""
        found = self._anchors.read(
            "disputeOf",
            account_address("submitter", submitter),
            leaf,
            account_address("disputant", disputant),
            block=block,
        )
        return Dispute(**{**found, "reason": DisputeReason(found["reason"])}) if found["raised_at"] else None

    def is_revoked(self, submitter: str, root: str, index: int, block: int | str = "latest") -> bool:
        """Whether the leaf at an index of a batch was revoked by itself. A batch may be revoked as a whole besides."""
        word, bit = divmod(index, LEAVES_OF_A_WORD)
        account = account_address("submitter", submitter)
        return bool(self._anchors.read("revokedLeavesOf", account, root, word, block=block) >> bit & 1)

    # ------------------------------------------------------------------ inner

    @property
    def _chain_id(self) -> int:
        return self._anchors.connection.chain_id

    def _send(self, function: str, *arguments: object) -> TransactionReceipt:
        return self._anchors.send(required(self._signer), function, *arguments)

    def _link(self, function: str, submitter: str, leaf: str, block: int | str) -> Link | None:
        found = self._anchors.read(function, account_address("submitter", submitter), leaf, block=block)
        return Link(**{**found, "reason": AmendmentReason(found["reason"])}) if found["amended_at"] else None


def _receipt(
    place: dict[str, Any], fingerprint: Fingerprint, origin: Origin, batch: Batch | None, stream: str | None
) -> Receipt:
    return Receipt(
        **place,
        submitter=origin.submitter,
        organization=fingerprint.organization,
        kind=fingerprint.kind,
        expiry=origin.expiry,
        canonicalization=fingerprint.canonicalization,
        digest="0x" + fingerprint.digest.hex(),
        salt="0x" + fingerprint.salt.hex(),
        subject=fingerprint.subject,
        leaf=fingerprint.leaf,
        batch=batch,
        stream=stream,
        signed_at=origin.signed_at,
        anchored_at=origin.anchored_at,
        transaction_hash=origin.transaction_hash,
        block_number=origin.block_number,
        block_hash=origin.block_hash,
    )


def batch_of(tree: MerkleTree, index: int) -> Batch:
    """A leaf's place in a batch."""
    proof = tuple("0x" + node.hex() for node in tree.proof(index))
    return Batch(root="0x" + tree.root.hex(), count=tree.count, index=index, proof=proof)


def _common_terms(fingerprints: Sequence[Fingerprint], expiry: int) -> Terms:
    kinds = {fingerprint.kind for fingerprint in fingerprints}
    if len(kinds) != 1:
        raise InvalidInput("kinds", ", ".join(map(str, sorted(kinds))), "must be one kind for all of a list or batch")
    return Terms(kinds.pop(), expiry)
