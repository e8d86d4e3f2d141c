"""How a document becomes the 32 bytes that are anchored: the hashes of `contracts/anchoring/DocumentLeaf.sol`.

The content is who anchors what, with a salt; the leaf adds the key of the subject who may dispute it. Only the leaf,
or the content inside a proof, may leave the house: a salt published lets anyone guess the document.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from tiny_keccak import keccak256

from careledger.anchoring.canonical import Canonicalization
from careledger.errors import InvalidInput

__all__ = ["batch_leaf", "content_hash", "leaf_hash", "leaves", "new_salt"]

WORD = 32
CONTENT_TAG = keccak256(b"careledger.document.content.v1")
LEAF_TAG = keccak256(b"careledger.document.leaf.v1")
KIND_LIMIT = 2**16
INDEX_LIMIT = 2**256
ORGANIZATION_LENGTH = 12
ADDRESS_LENGTH = 20
HEX = re.compile("0x[0-9a-fA-F]*")
NO_SUBJECT = bytes(WORD)


def new_salt() -> bytes:
    """32 bytes from the operating system's random source. Losing every copy of it on purpose is erasure."""
    return os.urandom(WORD)


def content_hash(organization: str, kind: int, canonicalization: Canonicalization, digest: bytes, salt: bytes) -> bytes:
    """The content, 32 bytes.

    `organization` is an id, 0x and 24 hex digits; `kind` the document's coarse kind, 0 to 65535; `digest` and `salt`
    are 32 bytes each. Raises InvalidInput.
    """
    _check_word("digest", digest)
    _check_word("salt", salt)
    return keccak256(_content_head(organization, kind, canonicalization) + digest + salt)


def leaf_hash(content: bytes, subject: str | None = None) -> bytes:
    """The leaf, 32 bytes, of a content and the address of its subject's key, if it has one. Raises InvalidInput."""
    _check_word("content", content)
    return keccak256(LEAF_TAG + content + _subject_word(subject))


def batch_leaf(index: int, leaf: bytes) -> bytes:
    """The leaf of a batch's tree: OpenZeppelin's StandardMerkleTree leaf over `(uint256 index, bytes32 leaf)`.

    Raises InvalidInput.
    """
    if not 0 <= index < INDEX_LIMIT:
        raise InvalidInput("index", str(index), "must be from 0 to 2^256 - 1")
    _check_word("leaf", leaf)
    return keccak256(keccak256(index.to_bytes(WORD, "big") + leaf))


def leaves(
    organization: str,
    kind: int,
    canonicalization: Canonicalization,
    digests: Sequence[bytes],
    salts: Sequence[bytes],
    subjects: Iterable[str | None] | None = None,
) -> list[bytes]:
    """The leaves of many documents of one organization, kind and canonicalization, in order.

    One salt to a digest; `subjects` are as many, or None if no document has one. Raises InvalidInput naming the
    first that is wrong.
    """
    if len(salts) != len(digests):
        raise InvalidInput("salts", str(len(salts)), f"must be one for each of {len(digests)} digests")
    head = _content_head(organization, kind, canonicalization)
    for name, values in (("digest", digests), ("salt", salts)):
        if any(type(value) is not bytes or len(value) != WORD for value in values):
            for i, value in enumerate(values):
                _check_word(f"{name} {i}", value)
    if subjects is None:
        return [
            keccak256(LEAF_TAG + keccak256(head + digest + salt) + NO_SUBJECT)
            for digest, salt in zip(digests, salts, strict=True)
        ]
    words = [_subject_word(subject) for subject in subjects]
    if len(words) != len(digests):
        raise InvalidInput("subjects", str(len(words)), f"must be one for each of {len(digests)} digests")
    return [
        keccak256(LEAF_TAG + keccak256(head + digest + salt) + word)
        for digest, salt, word in zip(digests, salts, words, strict=True)
    ]


def _content_head(organization: str, kind: int, canonicalization: Canonicalization) -> bytes:
    """The first four of the six words that a content is the hash of."""
    if not 0 <= kind < KIND_LIMIT:
        raise InvalidInput("kind", str(kind), "must be from 0 to 65535")
    owner = _from_hex("organization", organization, ORGANIZATION_LENGTH)
    return b"".join((CONTENT_TAG, owner.ljust(WORD, b"\0"), kind.to_bytes(WORD, "big"), canonicalization.id))


def _subject_word(subject: str | None) -> bytes:
    return NO_SUBJECT if subject is None else _from_hex("subject", subject, ADDRESS_LENGTH).rjust(WORD, b"\0")


def _from_hex(name: str, text: str, length: int) -> bytes:
    if len(text) != 2 + 2 * length or not HEX.fullmatch(text):
        raise InvalidInput(name, text, f"must be 0x and {2 * length} hex digits")
    return bytes.fromhex(text[2:])


def _check_word(name: str, value: bytes) -> None:
    if type(value) is not bytes or len(value) != WORD:
        raise InvalidInput(name, f"{type(value).__name__} of {len(value)}", "must be 32 bytes")
