"""Merkle trees of document leaves, laid out as OpenZeppelin's StandardMerkleTree with `sortLeaves: false`.

Node 0 is the root, the children of node i are nodes 2i + 1 and 2i + 2, and the batch leaf at index i is the (i + 1)th
from the end. An inner node is the keccak-256 of its two children, the smaller first; a batch leaf is hashed twice, so
neither can stand for the other. Source: https://github.com/OpenZeppelin/merkle-tree, `core.ts` and `standard.ts`.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from struct import iter_unpack

from tiny_keccak import keccak256

from careledger.anchoring.leaf import batch_leaf
from careledger.errors import InvalidInput

__all__ = ["MerkleTree", "leads_to", "verify"]

WORD = 32
CHUNK = 1 << 14
"""How many nodes are worked on at a time: what stands beside the tree in memory stays below 4 MB."""

Nodes = bytes | mmap.mmap


class MerkleTree:
    """The tree of a batch: 64 bytes of memory to a leaf. Made by `of`, or by `load` from a file that `save` wrote."""

    __slots__ = ("_nodes", "count")

    count: int
    """How many leaves it has, at least one."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self.count = (len(nodes) // WORD + 1) // 2

    @classmethod
    def of(cls, leaves: Iterable[bytes] | bytes | bytearray | memoryview) -> MerkleTree:
        """The tree of document leaves in the order given: 32 bytes each, or one buffer of them all.

        An iterable is read once, as it comes. Raises InvalidInput for no leaf at all, or one that is not 32 bytes.
        """
        return cls.of_hashed(_hashed(leaves))

    @classmethod
    def of_hashed(cls, hashed: bytes | bytearray) -> MerkleTree:
        """The tree of batch leaves that were hashed twice already, 32 bytes each, in the order given.

        Raises InvalidInput for none at all.
        """
        count = len(hashed) // WORD
        if count == 0:
            raise InvalidInput("leaves", "none", "a tree needs at least one")
        nodes = bytearray((2 * count - 1) * WORD)
        _place_leaves(nodes, hashed)
        del hashed
        _hash_upwards(nodes, count)
        return cls(bytes(nodes))

    @property
    def root(self) -> bytes:
        """32 bytes."""
        return self._nodes[:WORD]

    def proof(self, index: int) -> list[bytes]:
        """The siblings on the way from a leaf to the root, 32 bytes each. Raises InvalidInput for an index too high."""
        if not 0 <= index < self.count:
            raise InvalidInput("index", str(index), f"must be from 0 to {self.count - 1}")
        return self._path(2 * self.count - 2 - index)

    def proofs(self) -> Iterator[list[bytes]]:
        """The proof of each leaf, in order. A leaf shares most of its way up with the one before: looked up once."""
        nodes = self._nodes
        path: list[bytes] = []
        for leaf in range(2 * self.count - 2, self.count - 2, -1):
            deeper_before = (leaf + 2) & (leaf + 1) == 0
            if deeper_before or not path:
                path = self._path(leaf)
            else:
                level, node, before = 0, leaf, leaf + 1
                while node != before:
                    sibling = (node + 1 if node & 1 else node - 1) << 5
                    path[level] = nodes[sibling : sibling + WORD]
                    level, node, before = level + 1, (node - 1) >> 1, (before - 1) >> 1
            yield path.copy()

    def save(self, path: Path) -> None:
        """Writes the nodes, 32 bytes each from the root on, so that proofs can be made later without the leaves.

        The file appears whole or not at all, over one that is there. It tells nothing but hashes. Raises OSError.
        """
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self._nodes)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise

    @classmethod
    def load(cls, path: Path, root: bytes) -> MerkleTree:
        """The tree that `save` wrote, mapped into memory: only what a proof needs is read.

        Raises InvalidInput if it is not a tree with that root, OSError if it cannot be read. Damage further down is
        not looked for; `verify` refuses the proofs that it spoils.
        """
        _check_word("root", root)
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size % (2 * WORD) != WORD:
                raise InvalidInput("path", str(path), f"is no saved tree: {size} bytes are no odd number of nodes")
            nodes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if nodes[:WORD] != root:
            found = nodes[:WORD].hex()
            nodes.close()
            raise InvalidInput("root", f"0x{root.hex()}", f"is not that of {path}, which is 0x{found}")
        return cls(nodes)

    def _path(self, node: int) -> list[bytes]:
        """The siblings from a node up to the root."""
        nodes = self._nodes
        path = []
        while node:
            sibling = (node + 1 if node & 1 else node - 1) << 5
            path.append(nodes[sibling : sibling + WORD])
            node = (node - 1) >> 1
        return path


def verify(root: bytes, index: int, leaf: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a tree with this root has this document leaf at this index.

    Raises InvalidInput if the root, the leaf or an item of the proof is not 32 bytes, or the index no uint256.
    """
    return leads_to(root, batch_leaf(index, leaf), proof)


def leads_to(root: bytes, node: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the siblings of a proof lead from a batch leaf, hashed twice already, to the root.

    Raises InvalidInput if the root or an item of the proof is not 32 bytes.
    """
    _check_word("root", root)
    for i, sibling in enumerate(proof):
        _check_word(f"proof[{i}]", sibling)
        node = keccak256(node + sibling if node < sibling else sibling + node)
    return node == root


def _chunks(leaves: Iterable[bytes] | bytes | bytearray | memoryview) -> Iterator[tuple[int, list[bytes]]]:
    """The leaves, `CHUNK` at a time, each with the index of its first."""
    if isinstance(leaves, bytes | bytearray | memoryview):
        size = memoryview(leaves).nbytes
        if size % WORD:
            raise InvalidInput("leaves", f"{size} bytes", "must be 32 bytes each")
        leaves = chain.from_iterable(iter_unpack(f"{WORD}s", leaves))
    rest, first = iter(leaves), 0
    while chunk := list(islice(rest, CHUNK)):
        if any(type(leaf) is not bytes or len(leaf) != WORD for leaf in chunk):
            for i, leaf in enumerate(chunk):
                _check_word(f"leaves[{first + i}]", leaf)
        yield first, chunk
        first += len(chunk)


def _hashed(leaves: Iterable[bytes] | bytes | bytearray | memoryview) -> bytearray:
    """The batch leaves, one after the other."""
    hashed = bytearray()
    for first, chunk in _chunks(leaves):
        hashed += b"".join(
            [keccak256(keccak256(index.to_bytes(WORD, "big") + leaf)) for index, leaf in enumerate(chunk, start=first)]
        )
    return hashed


def _place_leaves(nodes: bytearray, hashed: bytes | bytearray) -> None:
    """The batch leaves in reverse, at the end."""
    end = len(nodes)
    for start in range(0, len(hashed), CHUNK * WORD):
        part = hashed[start : start + CHUNK * WORD]
        turned = b"".join([leaf for (leaf,) in iter_unpack(f"{WORD}s", part)][::-1])
        nodes[end - len(turned) : end] = turned
        end -= len(turned)


def _hash_upwards(nodes: bytearray, count: int) -> None:
    """Fills the inner nodes. The parents of one pass have all their children below them in the tree."""
    high = count - 1
    while high:
        low = max(high - CHUNK, high // 2)
        children = nodes[(2 * low + 1) * WORD : (2 * high + 1) * WORD]
        nodes[low * WORD : high * WORD] = b"".join(
            [keccak256(a + b if a < b else b + a) for a, b in iter_unpack(f"{WORD}s{WORD}s", children)]
        )
        high = low


def _check_word(name: str, value: bytes) -> None:
    if type(value) is not bytes or len(value) != WORD:
        raise InvalidInput(name, f"{type(value).__name__} of {len(value)}", "must be 32 bytes")
