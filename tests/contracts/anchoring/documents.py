"""What the tests of anchoring share: leaves, batches with their proofs, stamps of events, records and signatures."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

import ape
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak

from ..support import ZERO_HASH

KIND = 3
TERMS = KIND << 40
MAX_COUNT = 2**32 - 1
MAX_DISPUTES = 2**24 - 1
STREAM_BITS = 14
"""So many of a stream's id are in a record."""

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
MAGIC = bytes.fromhex("1626ba7e")
"""What an ERC-1271 wallet answers if it takes a signature."""

CONTENT_TAG = keccak(text="careledger.document.content.v1")
LEAF_TAG = keccak(text="careledger.document.leaf.v1")
STREAM_TAG = keccak(text="careledger.document.stream.v1")
RECORD_NAMESPACE = keccak(text="careledger.anchoring.AnchorRecord")[:12]
REVOKED_LEAVES_NAMESPACE = keccak(text="careledger.anchoring.RevokedLeaves")[:9]

TYPES = {
    "Anchoring": {"leaf": "bytes32", "terms": "uint256", "signedAt": "uint40", "deadline": "uint40"},
    "BatchAnchoring": {
        "root": "bytes32",
        "count": "uint32",
        "terms": "uint256",
        "signedAt": "uint40",
        "deadline": "uint40",
    },
    "SubjectDispute": {
        "submitter": "address",
        "leaf": "bytes32",
        "reason": "uint8",
        "statement": "bytes32",
        "deadline": "uint40",
    },
    "SubjectWithdrawal": {"submitter": "address", "leaf": "bytes32", "deadline": "uint40"},
}
"""The EIP-712 types, as the interface's documentation states them."""


class Status(enum.IntEnum):
    UNKNOWN, ACTIVE, DISPUTED, EXPIRED, SUPERSEDED, REVOKED = range(6)


class Revocation(enum.IntEnum):
    (
        UNSPECIFIED,
        ENTERED_IN_ERROR,
        WRONG_SUBJECT,
        CONSENT_WITHDRAWN,
        KEY_COMPROMISED,
        LEGAL_ORDER,
        NO_LONGER_VALID,
    ) = range(7)


class Amendment(enum.IntEnum):
    UNSPECIFIED, CORRECTION, ADDENDUM, NEW_VERSION, REISSUE = range(5)


class Complaint(enum.IntEnum):
    UNSPECIFIED, INACCURATE, WRONG_SUBJECT, NOT_ISSUED, CONSENT_MISSING, OUTDATED = range(6)


# ---------------------------------------------------------------------- leaves, batches, documents


def leaf(name: str = "document") -> bytes:
    """A document's leaf, for whatever it may be made of."""
    return keccak(text=name)


LEAF = leaf()
OTHER = leaf("another document")
STREAM = leaf("enrolment log")
STATEMENT = leaf("statement")
REPLY = leaf("reply")


def leaf_of(content: bytes, subject: Any) -> bytes:
    """The leaf of a document with a subject."""
    return keccak(encode(["bytes32", "bytes32", "address"], [LEAF_TAG, content, str(subject)]))


def batch_leaf(index: int, document_leaf: bytes) -> bytes:
    """The leaf of a batch's tree: hashed twice, and never from 64 bytes as an inner node is."""
    return keccak(keccak(encode(["uint256", "bytes32"], [index, document_leaf])))


def node(left: bytes, right: bytes) -> bytes:
    return keccak(min(left, right) + max(left, right))


class Batch:
    """A tree over leaves at their indexes. `levels` run from the batch leaves to the root; an odd node moves up."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.leaves = list(leaves)
        self.count = len(self.leaves)
        self.levels = [[batch_leaf(index, one) for index, one in enumerate(self.leaves)]]
        while len(self.levels[-1]) > 1:
            below = self.levels[-1]
            pairs = [node(*below[i : i + 2]) for i in range(0, len(below) - 1, 2)]
            self.levels.append(pairs + below[len(below) & ~1 :])
        self.root = self.levels[-1][0]

    @classmethod
    def of(cls, count: int, name: str = "batched") -> Batch:
        return cls([leaf(f"{name} {i}") for i in range(count)])

    def proof(self, index: int) -> list[bytes]:
        found = []
        for level in self.levels[:-1]:
            if index ^ 1 < len(level):
                found.append(level[index ^ 1])
            index >>= 1
        return found

    def document(self, submitter: Any, at: int, **changes: Any) -> tuple[Any, ...]:
        """The document at an index, shown by its proof, with fields changed to forge it."""
        fields = {"leaf": self.leaves[at], "root": self.root, "index": at, "proof": self.proof(at), **changes}
        return (str(submitter), *fields.values())


def single(submitter: Any, document_leaf: bytes = LEAF) -> tuple[Any, ...]:
    """A document that is anchored by itself."""
    return str(submitter), document_leaf, ZERO_HASH, 0, []


def record(anchored_at: int = 0, **fields: Any) -> tuple[Any, ...]:
    """What `anchorOf` tells, in its order."""
    known = {
        "signed_at": 0,
        "expiry": 0,
        "revoked_at": 0,
        "count": 0,
        "kind": KIND if anchored_at else 0,
        "disputes": 0,
        "reason": 0,
        "superseded": False,
        "streamed": False,
    }
    assert fields.keys() <= known.keys()
    return (anchored_at, *{**known, **fields}.values())


def first_head(anchors: Any, submitter: Any, stream: bytes = STREAM) -> bytes:
    """Where a stream's hash chain begins."""
    fields = [STREAM_TAG, ape.networks.provider.chain_id, anchors.address, str(submitter), stream]
    return keccak(encode(["bytes32", "uint256", "address", "address", "bytes32"], fields))


def chained(head: bytes, *ids: bytes) -> list[bytes]:
    """The heads of a hash chain after each of the ids."""
    heads = []
    for one in ids:
        head = keccak(head + one)
        heads.append(head)
    return heads


# ---------------------------------------------------------------------- events


def anchored_event(
    submitter: Any, document_leaf: bytes = LEAF, terms: int = TERMS, signed_at: int = 0
) -> tuple[Any, ...]:
    return "DocumentAnchored", document_leaf, signed_at << 216 | terms << 160 | number(submitter)


def revoked_event(submitter: Any, identity: bytes, reason: int) -> tuple[Any, ...]:
    return "AnchorRevoked", identity, reason << 160 | number(submitter)


def leaves_revoked_event(submitter: Any, root: bytes, word: int, leaves: int, reason: int) -> tuple[Any, ...]:
    return "LeavesRevoked", root, word << 168 | reason << 160 | number(submitter), leaves


def number(account: Any) -> int:
    """An address as a number."""
    return int(str(account), 16)


# ---------------------------------------------------------------------- storage


def slot_of(submitter: Any, identity: bytes) -> bytes:
    """Where an anchor's record is, by its documentation."""
    return keccak(identity + RECORD_NAMESPACE + number(submitter).to_bytes(20, "big"))


def revoked_leaves_slot_of(submitter: Any, root: bytes, word: int) -> bytes:
    """Where revoked leaves are marked, by its documentation."""
    return keccak(root + REVOKED_LEAVES_NAMESPACE + word.to_bytes(3, "big") + number(submitter).to_bytes(20, "big"))


def stored(anchors: Any, slot: bytes) -> int:
    """A slot of the contract."""
    return int.from_bytes(ape.networks.provider.web3.eth.get_storage_at(anchors.address, int.from_bytes(slot, "big")))


def store(anchors: Any, slot: bytes, value: int) -> None:
    """Overwrites a slot of the contract, to bring about what would take too many transactions."""
    ape.networks.provider.make_request(
        "anvil_setStorageAt", [anchors.address, "0x" + slot.hex(), "0x" + value.to_bytes(32, "big").hex()]
    )


def decoded(word: int) -> tuple[Any, ...]:
    """A record's slot taken apart by the table in AnchorRecord.sol, in the order of `anchorOf`."""

    def field(start: int, length: int) -> int:
        return word >> start & (1 << length) - 1

    return (
        field(0, 40),
        field(96, 40),
        field(40, 40),
        field(216, 40),
        field(136, 32),
        field(80, 16),
        field(184, 24),
        field(208, 8),
        field(168, 1) == 1,
        field(169, 1) == 1,
    )


def stream_bits(stream: bytes) -> int:
    """What a record has of its stream's id, where it has it: that it is in one, and the id's last bits."""
    return 1 << 169 | int.from_bytes(stream) % 2**STREAM_BITS << 170


def ending_alike(stream: bytes) -> bytes:
    """Another stream's id whose last bits are the same."""
    return (int.from_bytes(stream) ^ 1 << STREAM_BITS).to_bytes(32)


# ---------------------------------------------------------------------- signatures


def domain_of_anchors(anchors: Any) -> dict[str, Any]:
    """The contract's EIP-712 domain."""
    return {
        "name": "careledger DocumentAnchor",
        "version": "1",
        "chainId": ape.networks.provider.chain_id,
        "verifyingContract": anchors.address,
    }


def sign(
    anchors: Any, signer: Any, primary: str, message: dict[str, Any], compact: bool = True, **domain_changes: Any
) -> bytes:
    """A signature over a message, in 64 bytes as EIP-2098 packs it, or in 65."""
    signed = Account.sign_typed_data(
        signer.private_key,
        domain_data={**domain_of_anchors(anchors), **domain_changes},
        message_types={primary: [{"name": name, "type": kind} for name, kind in TYPES[primary].items()]},
        message_data=message,
    )
    return packed(bytes(signed.signature)) if compact else bytes(signed.signature)


def packed(signature: bytes) -> bytes:
    """The 64 bytes of EIP-2098 for a signature of 65."""
    return signature[:32] + (int.from_bytes(signature[32:64]) | signature[64] - 27 << 255).to_bytes(32)


def malleated(signature: bytes) -> bytes:
    """The other signature of 65 bytes over the same, which everyone can make."""
    upper_half = (CURVE_ORDER - int.from_bytes(signature[32:64])).to_bytes(32)
    return signature[:32] + upper_half + bytes([55 - signature[64]])


# ---------------------------------------------------------------------- wallets


def returning(answer: bytes) -> bytes:
    """The code of a contract that answers every call with these bytes, at most 64."""
    words = answer.ljust(64, b"\0")
    code = b"".join(b"\x7f" + words[i : i + 32] + b"\x60" + bytes([i]) + b"\x52" for i in (0, 32))
    return code + b"\x60" + bytes([len(answer)]) + b"\x5f\xf3"


def calling(target: Any, data: bytes) -> bytes:
    """The code of a contract that makes a call, then answers as a wallet that takes every signature."""
    chunks = [data[i : i + 32].ljust(32, b"\0") for i in range(0, len(data), 32)]
    code = b"".join(b"\x7f" + chunk + b"\x61" + (32 * i).to_bytes(2) + b"\x52" for i, chunk in enumerate(chunks))
    code += b"\x5f\x5f\x61" + len(data).to_bytes(2) + b"\x5f\x5f\x73" + number(target).to_bytes(20) + b"\x5a\xf1\x50"
    return code + returning(MAGIC.ljust(32, b"\0"))


def put_code(address: Any, code: bytes) -> None:
    ape.networks.provider.make_request("anvil_setCode", [str(address), "0x" + code.hex()])
