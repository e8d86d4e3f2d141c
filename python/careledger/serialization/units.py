"""The units of a tranche as one root: the trees of `contracts/serialization/UnitTree.sol`.

A tree has a leaf for each number from 0 to 2^depth - 1, in its place. Numbers without a unit have a leaf that nobody
can open, so that the tree does not tell how many units there are. All salts of a lot follow from its secret: the maker
keeps 32 bytes, and hands on what a shipment's receiver needs for the units in it.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from eth_utils.address import is_address
from tiny_keccak import keccak256

from careledger.errors import InvalidInput
from careledger.identity.identifiers import to_padded

__all__ = ["LotSecret", "UnitTree", "inner_hash", "multiproof_root", "proof_root", "unit_leaf"]

UNIT_TAG = keccak256(b"careledger.serialization.unit.v1")
LOT_SALT_LABEL = b"careledger.serialization.lot-salt.v1"
SALT_LABEL = b"careledger.serialization.unit-salt.v1"
FILLER_LABEL = b"careledger.serialization.unused-number.v1"
WORD = 32
INDEX_BYTES = 4
MAX_DEPTH = 20
MAX_SERIAL_LENGTH = 20


@dataclass(frozen=True, slots=True)
class LotSecret:
    """Of which a lot's salts are made: 32 random bytes, kept by the maker. Raises InvalidInput for another length."""

    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) != WORD:
            raise InvalidInput("lot secret", f"{len(self.value)} bytes", f"must be {WORD} bytes")

    def __repr__(self) -> str:
        return "LotSecret(...)"

    def lot_salt(self) -> bytes:
        """The salt of the lot's own reference, 32 bytes. Opening the lot at a recall publishes it, and no unit's."""
        return hmac.digest(self.value, LOT_SALT_LABEL, sha256)

    def salt(self, index: int) -> bytes:
        """A unit's salt, 32 bytes: HMAC-SHA256 of a label and the unit's number."""
        return self._derived(SALT_LABEL, index)

    def filler(self, index: int) -> bytes:
        """The leaf of a number without a unit, 32 bytes."""
        return self._derived(FILLER_LABEL, index)

    def _derived(self, label: bytes, index: int) -> bytes:
        return hmac.digest(self.value, label + index.to_bytes(INDEX_BYTES, "big"), sha256)


def inner_hash(serial: str, salt: bytes) -> bytes:
    """What a unit proves itself by, 32 bytes: its serial as right-padded ASCII, and its salt.

    Raises InvalidInput for a serial that is not 1 to 20 ASCII characters (GS1 AI 21), or a salt that is not 32 bytes.
    """
    if len(serial) > MAX_SERIAL_LENGTH:
        raise InvalidInput("serial", f"{len(serial)} characters", f"must be at most {MAX_SERIAL_LENGTH}")
    if len(salt) != WORD:
        raise InvalidInput("salt", f"{len(salt)} bytes", f"must be {WORD} bytes")
    return keccak256(to_padded(serial) + salt)


def unit_leaf(chain_id: int, registry: str, lot: str, index: int, inner: bytes) -> bytes:
    """A unit's leaf, 32 bytes. `registry` is the LotRegistry's address, `lot` an id. Raises InvalidInput."""
    return keccak256(_leaf_head(chain_id, registry, lot) + index.to_bytes(WORD, "big") + inner)


class UnitTree:
    """A tranche's tree: 64 bytes of memory to a number. Made by `of`."""

    __slots__ = ("_levels", "depth", "first")

    def __init__(self, levels: list[bytearray], first: int) -> None:
        self._levels = levels
        self.depth = len(levels) - 1
        self.first = first
        """The number of its first unit in the lot."""

    @classmethod
    def of(
        cls,
        serials: Iterable[tuple[int, str]],
        secret: LotSecret,
        depth: int,
        tranche: int = 0,
        *,
        chain_id: int,
        registry: str,
        lot: str,
    ) -> UnitTree:
        """The tree of units by their numbers in the lot; all other numbers of the tranche stay unused.

        Raises InvalidInput for a depth over 20, a number that is not the tranche's or comes twice, and wrong serials.
        """
        if not 0 <= depth <= MAX_DEPTH:
            raise InvalidInput("depth", str(depth), f"must be from 0 to {MAX_DEPTH}")
        size, first = 1 << depth, tranche << depth
        leaves = bytearray(size * WORD)
        used = bytearray(size)
        head = _leaf_head(chain_id, registry, lot)
        for index, serial in serials:
            place = index - first
            if not 0 <= place < size:
                raise InvalidInput("number", str(index), f"must be from {first} to {first + size - 1}")
            if used[place]:
                raise InvalidInput("number", str(index), "has a unit already")
            used[place] = 1
            inner = inner_hash(serial, secret.salt(index))
            leaves[place * WORD : (place + 1) * WORD] = keccak256(head + index.to_bytes(WORD, "big") + inner)
        for place in _unused(used):
            leaves[place * WORD : (place + 1) * WORD] = secret.filler(first + place)
        return cls(levels_over(leaves), first)

    @property
    def root(self) -> bytes:
        """32 bytes."""
        return bytes(self._levels[-1])

    def proof(self, index: int) -> list[bytes]:
        """The hashes that lead from a unit's leaf to the root, from below. Raises InvalidInput."""
        place = self._place(index)
        return [self._node(level, place >> level ^ 1) for level in range(self.depth)]

    def multiproof(self, indices: Sequence[int]) -> list[bytes]:
        """The hashes for several units, level by level and from left to right, without those that follow.

        Raises InvalidInput for numbers that are none of the tranche's, or not ascending.
        """
        places = [self._place(index) for index in indices]
        if not places or any(a >= b for a, b in pairwise(places)):
            raise InvalidInput("numbers", str(list(indices)), "must be one or more, ascending")
        proof = []
        for level in range(self.depth):
            known = set(places)
            proof += [self._node(level, place ^ 1) for place in places if place ^ 1 not in known]
            places = sorted({place >> 1 for place in places})
        return proof

    def _place(self, index: int) -> int:
        place = index - self.first
        if not 0 <= place < 1 << self.depth:
            last = self.first + (1 << self.depth) - 1
            raise InvalidInput("number", str(index), f"must be from {self.first} to {last}")
        return place

    def _node(self, level: int, place: int) -> bytes:
        return bytes(self._levels[level][place * WORD : (place + 1) * WORD])


def proof_root(leaf: bytes, index: int, proof: Sequence[bytes]) -> bytes:
    """The root that a proof leads to from a leaf. `index` is the unit's number in the lot."""
    node = leaf
    for level, sibling in enumerate(proof):
        node = keccak256(sibling + node if index >> level & 1 else node + sibling)
    return node


def multiproof_root(leaves: Sequence[tuple[int, bytes]], depth: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that a proof of several leaves leads to; None if it has too few or too many hashes."""
    nodes = {index & (1 << depth) - 1: leaf for index, leaf in leaves}
    rest = iter(proof)
    for _ in range(depth):
        above: dict[int, bytes] = {}
        for place in sorted(nodes):
            if place & 1 and place ^ 1 in nodes:
                continue
            sibling = nodes.get(place ^ 1) or next(rest, None)
            if sibling is None:
                return None
            node = nodes[place]
            above[place >> 1] = keccak256(sibling + node if place & 1 else node + sibling)
        nodes = above
    return nodes[0] if next(rest, None) is None else None


def _leaf_head(chain_id: int, registry: str, lot: str) -> bytes:
    """What all leaves of a lot begin with: the words before the number."""
    if not is_address(registry):
        raise InvalidInput("registry", registry, "must be the LotRegistry's address")
    lot_word = bytes.fromhex(lot[2:]).ljust(WORD, b"\0")
    address_word = bytes.fromhex(registry[2:]).rjust(WORD, b"\0")
    return UNIT_TAG + chain_id.to_bytes(WORD, "big") + address_word + lot_word


def _unused(used: bytearray) -> Iterator[int]:
    place = used.find(0)
    while place != -1:
        yield place
        place = used.find(0, place + 1)


def levels_over(leaves: bytearray) -> list[bytearray]:
    """All levels of a tree, from the leaves up."""
    levels = [leaves]
    while len(levels[-1]) > WORD:
        below = memoryview(levels[-1])
        above = bytearray(len(below) // 2)
        for place in range(0, len(above), WORD):
            above[place : place + WORD] = keccak256(bytes(below[2 * place : 2 * place + 2 * WORD]))
        levels.append(above)
    return levels
