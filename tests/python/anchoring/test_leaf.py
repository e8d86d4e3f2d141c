"""Leaves against the published vectors and against ABI encoding by eth-abi."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from careledger.anchoring.canonical import Canonicalization
from careledger.anchoring.leaf import batch_leaf, content_hash, leaf_hash, leaves, new_salt
from careledger.errors import InvalidInput
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "anchoring"
ORGANIZATION = "0x" + 12 * "ab"
WORD = bytes(range(32))

words = st.binary(min_size=32, max_size=32)
addresses = st.none() | st.binary(min_size=20, max_size=20).map(lambda value: "0x" + value.hex())


def unhex(text: str) -> bytes:
    return bytes.fromhex(text[2:])


@pytest.mark.parametrize("vector", json.loads((VECTORS / "leaf.json").read_text()))
def test_published_leaves(vector: dict[str, Any]) -> None:
    content = content_hash(
        vector["organization"],
        vector["kind"],
        Canonicalization(vector["canonicalization"]),
        unhex(vector["digest"]),
        unhex(vector["salt"]),
    )
    leaf = leaf_hash(content, vector["subject"])
    assert content == unhex(vector["content"])
    assert leaf == unhex(vector["leaf"])
    assert batch_leaf(vector["index"], leaf) == unhex(vector["batch_leaf"])


@given(
    organization=st.binary(min_size=12, max_size=12),
    kind=st.integers(0, 65535),
    canonicalization=st.sampled_from(Canonicalization),
    documents=st.lists(st.tuples(words, words, addresses), max_size=5),
    index=st.integers(0, 2**256 - 1),
)
def test_leaves_are_abi_encoded(
    organization: bytes,
    kind: int,
    canonicalization: Canonicalization,
    documents: list[tuple[bytes, bytes, str | None]],
    index: int,
) -> None:
    expected = []
    for digest, salt, subject in documents:
        types = ["bytes32", "bytes12", "uint16", "bytes32", "bytes32", "bytes32"]
        tag = keccak(text="careledger.document.content.v1")
        content = keccak(encode(types, [tag, organization, kind, canonicalization.id, digest, salt]))
        assert content_hash("0x" + organization.hex(), kind, canonicalization, digest, salt) == content
        tag = keccak(text="careledger.document.leaf.v1")
        expected.append(keccak(encode(["bytes32", "bytes32", "address"], [tag, content, subject or "0x" + 40 * "0"])))
        assert leaf_hash(content, subject) == expected[-1]
        word = keccak(keccak(encode(["uint256", "bytes32"], [index, expected[-1]])))
        assert batch_leaf(index, expected[-1]) == word
    digests, salts = [one[0] for one in documents], [one[1] for one in documents]
    arguments = ("0x" + organization.hex(), kind, canonicalization, digests, salts)
    assert leaves(*arguments, [one[2] for one in documents]) == expected
    if all(subject is None for _, _, subject in documents):
        assert leaves(*arguments) == expected


def test_salts_are_random() -> None:
    salts = {new_salt() for _ in range(100)}
    assert len(salts) == 100
    assert {len(salt) for salt in salts} == {32}


@pytest.mark.parametrize(
    ("named", "organization", "kind", "digest", "salt"),
    [
        ("organization", "general-hospital", 0, WORD, WORD),
        ("organization", "0x" + 11 * "ab" + " a", 0, WORD, WORD),
        ("kind", ORGANIZATION, 65536, WORD, WORD),
        ("kind", ORGANIZATION, -1, WORD, WORD),
        ("digest", ORGANIZATION, 0, WORD[1:], WORD),
        ("salt", ORGANIZATION, 0, WORD, b""),
    ],
)
def test_wrong_ingredients_are_named(named: str, organization: str, kind: int, digest: bytes, salt: bytes) -> None:
    with pytest.raises(InvalidInput) as one:
        content_hash(organization, kind, Canonicalization.RAW, digest, salt)
    assert one.value.name == named
    with pytest.raises(InvalidInput) as several:
        leaves(organization, kind, Canonicalization.RAW, [WORD, digest], [WORD, salt])
    assert several.value.name in (named, f"{named} 1")


def test_a_refused_salt_is_not_shown() -> None:
    salt = os.urandom(31)
    with pytest.raises(InvalidInput) as refusal:
        content_hash(ORGANIZATION, 0, Canonicalization.RAW, WORD, salt)
    assert salt.hex() not in str(refusal.value)
    assert repr(salt) not in str(refusal.value)


def test_other_wrong_values() -> None:
    with pytest.raises(InvalidInput, match="subject"):
        leaf_hash(WORD, "0x12")
    with pytest.raises(InvalidInput, match="content"):
        leaf_hash(b"")
    with pytest.raises(InvalidInput, match="index"):
        batch_leaf(2**256, WORD)
    with pytest.raises(InvalidInput, match="index"):
        batch_leaf(-1, WORD)
    with pytest.raises(InvalidInput, match="one for each of 2 digests"):
        leaves(ORGANIZATION, 0, Canonicalization.RAW, [WORD, WORD], [WORD])
    with pytest.raises(InvalidInput, match="one for each of 1 digests"):
        leaves(ORGANIZATION, 0, Canonicalization.RAW, [WORD], [WORD], [])
