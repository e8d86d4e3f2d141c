"""Where the contract stores what becomes of a document, and what the stored words say.

The layout of contracts/anchoring/AnchorRecord.sol, so that a word proved by a state proof can be read without a node.
"""

from __future__ import annotations

from tiny_keccak import keccak256

from careledger.anchoring.merkle import verify
from careledger.anchoring.types import LEAVES_OF_A_WORD, ZERO_HASH, Anchor, DocumentStatus, Location, RevocationReason

__all__ = ["record_slot", "revoked_leaves_slot", "slots_of", "status_of", "unpack_record"]

NAMESPACE = keccak256(b"careledger.anchoring.AnchorRecord")[:12]
REVOKED_LEAVES_NAMESPACE = keccak256(b"careledger.anchoring.RevokedLeaves")[:9]
WORD_NUMBER_LENGTH = 3


def record_slot(submitter: str, anchor_id: str) -> str:
    """Where the record of a leaf or root is: `keccak256(id, namespace | submitter)`, 0x and 64 hex digits."""
    return _hex(keccak256(_bytes(anchor_id) + NAMESPACE + _bytes(submitter)))


def revoked_leaves_slot(submitter: str, root: str, index: int) -> str:
    """Where the leaf at an index of a batch is marked if it is revoked: bit `index % 256` of the word there."""
    number = (index // LEAVES_OF_A_WORD).to_bytes(WORD_NUMBER_LENGTH, "big")
    return _hex(keccak256(_bytes(root) + REVOKED_LEAVES_NAMESPACE + number + _bytes(submitter)))


def slots_of(location: Location) -> tuple[str, ...]:
    """All that a document's status is read from: its own record and, in a batch, the batch's and the revoked leaves."""
    own = record_slot(location.submitter, location.leaf)
    if location.root is None:
        return (own,)
    batch = record_slot(location.submitter, location.root)
    return (own, batch, revoked_leaves_slot(location.submitter, location.root, location.index))


def unpack_record(word: int) -> Anchor:
    """The record in a word. Raises ValueError for a revocation reason that the contract does not have."""
    return Anchor(
        anchored_at=word & 0xFFFFFFFFFF,
        expiry=word >> 40 & 0xFFFFFFFFFF,
        kind=word >> 80 & 0xFFFF,
        signed_at=word >> 96 & 0xFFFFFFFFFF,
        count=word >> 136 & 0xFFFFFFFF,
        superseded=bool(word >> 168 & 1),
        streamed=bool(word >> 169 & 1),
        disputes=word >> 184 & 0xFFFFFF,
        revocation_reason=RevocationReason(word >> 208 & 0xFF),
        revoked_at=word >> 216 & 0xFFFFFFFFFF,
    )


def status_of(location: Location, own: Anchor, anchor: Anchor, leaf_revoked: bool, time: int) -> DocumentStatus:
    """What the contract says of a document at a time (Unix seconds), as its `statusOf`.

    `own` is the record under the leaf, `anchor` the one under `location.anchor_id`: the same for a document that is
    anchored by itself.
    """
    if not (_is_in_batch(location, anchor.count) if location.root else anchor.anchored_at and not anchor.count):
        return DocumentStatus.UNKNOWN
    own_revoked = own.revoked_at and not own.count  # by itself: it stays so in every batch that it is shown in
    if leaf_revoked or own_revoked or anchor.revoked_at:
        return DocumentStatus.REVOKED
    if own.superseded:
        return DocumentStatus.SUPERSEDED
    if anchor.expiry and anchor.expiry <= time:
        return DocumentStatus.EXPIRED
    return DocumentStatus.DISPUTED if own.disputes else DocumentStatus.ACTIVE


def _is_in_batch(location: Location, count: int) -> bool:
    """Beyond its count, a leaf could not be revoked."""
    proof = [_bytes(node) for node in location.proof]
    root, leaf = _bytes(location.root or ZERO_HASH), _bytes(location.leaf)
    return location.index < count and verify(root, location.index, leaf, proof)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
