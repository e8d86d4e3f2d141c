"""Trees against OpenZeppelin's and merkletreejs, both ways, and against forgery."""

from __future__ import annotations

import json
import random
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from careledger.anchoring.leaf import batch_leaf
from careledger.anchoring.merkle import MerkleTree, verify
from careledger.errors import InvalidInput
from eth_utils.crypto import keccak
from hypothesis import assume, given
from hypothesis import strategies as st

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "anchoring"
COUNTS = (*range(1, 18), 31, 32, 33, 100, 127, 255)

words = st.binary(min_size=32, max_size=32)
batches = st.lists(words, min_size=1, max_size=40, unique=True)


def unhex(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def enhex(value: bytes) -> str:
    return "0x" + value.hex()


def documents(count: int) -> list[bytes]:
    chance = random.Random(count)
    return [chance.randbytes(32) for _ in range(count)]


def javascript(request: object) -> Any:
    command = ["node", str(VECTORS / "openzeppelin_tree.js")]
    ran = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


@pytest.mark.parametrize("vector", json.loads((VECTORS / "merkle.json").read_text()))
def test_published_trees(vector: dict[str, Any]) -> None:
    tree = MerkleTree.of([unhex(leaf) for leaf in vector["leaves"]])
    assert tree.root == unhex(vector["root"])
    assert [[enhex(node) for node in proof] for proof in tree.proofs()] == vector["proofs"]


@pytest.mark.parametrize("count", [1, 2, 3, 6, 7, 64, 101])
def test_openzeppelin_builds_and_python_verifies(count: int) -> None:
    leaves = documents(count)
    built = javascript({"build": [enhex(leaf) for leaf in leaves]})
    for index, (leaf, proof) in enumerate(zip(leaves, built["proofs"], strict=True)):
        assert verify(unhex(built["root"]), index, leaf, [unhex(node) for node in proof])


def test_python_builds_and_javascript_verifies() -> None:
    """OpenZeppelin's library, and merkletreejs, which takes the batch leaf as it is."""
    items, pairs, wrong = [], [], []
    for count in COUNTS:
        leaves = documents(count)
        tree = MerkleTree.of(leaves)
        for index, (leaf, proof) in enumerate(zip(leaves, tree.proofs(), strict=True)):
            nodes = [enhex(node) for node in proof]
            items.append({"root": enhex(tree.root), "index": index, "leaf": enhex(leaf), "proof": nodes})
            pairs.append({"root": enhex(tree.root), "node": enhex(batch_leaf(index, leaf)), "proof": nodes})
            wrong.append({**items[-1], "index": index + 1})
    assert javascript({"verify": items}) == [True] * len(items)
    assert javascript({"pairs": pairs}) == [True] * len(pairs)
    assert javascript({"verify": wrong}) == [False] * len(wrong)


@pytest.mark.parametrize("count", [2, 8, 128])
def test_merkletreejs_has_the_same_root_for_powers_of_two(count: int) -> None:
    """For other counts it lays the tree out in another way."""
    leaves = documents(count)
    nodes = [enhex(batch_leaf(index, leaf)) for index, leaf in enumerate(leaves)]
    assert javascript({"root": nodes}) == enhex(MerkleTree.of(leaves).root)


@given(batches)
def test_the_layout_is_openzeppelins(leaves: list[bytes]) -> None:
    """By its definition, a node at a time."""
    count = len(leaves)
    nodes = [b""] * (2 * count - 1)
    for index, leaf in enumerate(leaves):
        nodes[len(nodes) - 1 - index] = keccak(keccak(index.to_bytes(32, "big") + leaf))
    for i in reversed(range(count - 1)):
        nodes[i] = keccak(b"".join(sorted(nodes[2 * i + 1 : 2 * i + 3])))
    assert MerkleTree.of(leaves).root == nodes[0]


@given(batches)
def test_every_leaf_verifies_and_no_other_does(leaves: list[bytes]) -> None:
    tree = MerkleTree.of(iter(leaves))
    assert tree.count == len(leaves)
    for index, (leaf, proof) in enumerate(zip(leaves, tree.proofs(), strict=True)):
        assert proof == tree.proof(index)
        assert verify(tree.root, index, leaf, proof)
        assert not verify(tree.root, index + 1, leaf, proof)
        assert not verify(tree.root, index, keccak(leaf), proof)
        assert not verify(tree.root, index, leaf, [*proof, leaf])
        assert not verify(tree.root, index, leaf, [*proof, tree.root])
        for short in (proof[1:], proof[:-1]):
            assert not proof or not verify(tree.root, index, leaf, short)


@given(batches, st.data())
def test_forged_proofs_fail(leaves: list[bytes], data: st.DataObject) -> None:
    assume(len(leaves) > 1)
    tree = MerkleTree.of(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    other = data.draw(st.integers(0, len(leaves) - 1).filter(lambda i: i != index))
    proof = tree.proof(index)
    assert not verify(tree.root, other, leaves[index], tree.proof(other))
    assert not verify(tree.root, other, leaves[index], proof)
    assert not verify(tree.root, index, leaves[other], proof)
    at = data.draw(st.integers(0, len(proof) - 1))
    assert not verify(tree.root, index, leaves[index], [*proof[:at], data.draw(words), *proof[at + 1 :]])
    if len(proof) > 1:
        turned = [*proof[1:], proof[0]]
        assert not verify(tree.root, index, leaves[index], turned)


@given(batches, st.integers(0, 2**256 - 1))
def test_an_inner_node_is_no_leaf(leaves: list[bytes], index: int) -> None:
    """As it could be in a tree whose leaves are not hashed apart from its nodes."""
    assume(len(leaves) > 1)
    tree = MerkleTree.of(leaves)
    for leaf in range(len(leaves)):
        proof = tree.proof(leaf)
        node = batch_leaf(leaf, leaves[leaf])
        for level, sibling in enumerate(proof):
            for tried in (index, leaf):
                assert not verify(tree.root, tried, node, proof[level:])
            node = keccak(min(node, sibling) + max(node, sibling))
        assert node == tree.root
        assert not verify(tree.root, leaf, tree.root, [])


@pytest.mark.parametrize("count", [1, 2, 16_383, 16_384, 16_385, 40_001])
def test_buffers_lists_and_iterators_give_one_tree(count: int) -> None:
    leaves = documents(count)
    joined = b"".join(leaves)
    tree = MerkleTree.of(leaves)
    for form in (iter(leaves), joined, bytearray(joined), memoryview(joined)):
        assert MerkleTree.of(form).root == tree.root
    for index in {0, count // 2, count - 1}:
        assert verify(tree.root, index, leaves[index], tree.proof(index))


def test_equal_leaves_stand_apart_by_their_index() -> None:
    tree = MerkleTree.of([bytes(32)] * 3)
    assert all(verify(tree.root, index, bytes(32), tree.proof(index)) for index in range(3))
    assert not verify(tree.root, 0, bytes(32), tree.proof(1))


def test_saved_trees_make_the_same_proofs(tmp_path: Path) -> None:
    for count in (1, 2, 5, 1000):
        tree = MerkleTree.of(documents(count))
        path = tmp_path / "batch.tree"
        tree.save(path)
        loaded = MerkleTree.load(path, tree.root)
        assert (loaded.root, loaded.count) == (tree.root, count)
        assert list(loaded.proofs()) == list(tree.proofs())
    assert [one.name for one in tmp_path.iterdir()] == ["batch.tree"]


def test_a_file_that_is_no_tree_is_refused(tmp_path: Path) -> None:
    tree = MerkleTree.of(documents(5))
    path = tmp_path / "batch.tree"
    tree.save(path)
    whole = path.read_bytes()
    with pytest.raises(InvalidInput, match="root"):
        MerkleTree.load(path, bytes(32))
    for cut in (b"", whole[:-1], whole[:-32]):
        path.write_bytes(cut)
        with pytest.raises(InvalidInput, match="no saved tree"):
            MerkleTree.load(path, tree.root)
    with pytest.raises(FileNotFoundError):
        MerkleTree.load(tmp_path / "missing", tree.root)


def test_damage_below_the_root_spoils_proofs_only(tmp_path: Path) -> None:
    leaves = documents(5)
    tree = MerkleTree.of(leaves)
    path = tmp_path / "batch.tree"
    tree.save(path)
    damaged = bytearray(path.read_bytes())
    damaged[40] ^= 1
    path.write_bytes(damaged)
    loaded = MerkleTree.load(path, tree.root)
    results = {verify(tree.root, i, leaf, loaded.proof(i)) for i, leaf in enumerate(leaves)}
    assert results == {True, False}


def test_wrong_shapes_are_named() -> None:
    leaf = bytes(32)
    tree = MerkleTree.of([leaf])
    with pytest.raises(InvalidInput, match="at least one"):
        MerkleTree.of([])
    with pytest.raises(InvalidInput, match="at least one"):
        MerkleTree.of(b"")
    with pytest.raises(InvalidInput, match="33 bytes"):
        MerkleTree.of(bytes(33))
    with pytest.raises(InvalidInput, match=r"leaves\[20000\]"):
        MerkleTree.of([*documents(20_000), bytes(31)])
    for index in (-1, 1):
        with pytest.raises(InvalidInput, match="from 0 to 0"):
            tree.proof(index)
    with pytest.raises(InvalidInput, match="root"):
        verify(b"", 0, leaf, [])
    with pytest.raises(InvalidInput, match="leaf"):
        verify(leaf, 0, bytes(64), [])
    with pytest.raises(InvalidInput, match=r"proof\[1\]"):
        verify(leaf, 0, leaf, [leaf, bytes(64)])
    with pytest.raises(InvalidInput, match="index"):
        verify(leaf, -1, leaf, [])


def test_a_hundred_thousand_leaves_are_quick() -> None:
    """A guard against a slower order of growth; `bench/anchoring_merkle.py` measures."""
    leaves = random.Random(0).randbytes(32 * 100_000)
    started = time.process_time()
    tree = MerkleTree.of(leaves)
    assert sum(map(len, tree.proofs())) > 1_600_000
    assert time.process_time() - started < 3
