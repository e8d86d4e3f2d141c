"""The tree of units, ids and terms: what the contract makes of them is what this folder's own code does."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from .lots import LotKind, lot_reference, lot_terms


@pytest.mark.parametrize("depth", [0, 1, 3, 6, 9])
def test_every_unit_of_a_small_tree_proves_itself(supply, maker, lot, depth):
    made = supply.commissioned(maker, depth=depth)
    assert made.tree.root == bytes(supply.lots.rootOf(made.id, 0))
    places = range(1 << depth)
    assert all(supply.finding(made, index) == 0 for index in (places if depth < 5 else places[::37]))


def test_tree_is_what_two_and_four_leaves_make_by_hand(supply, maker):
    made = supply.made(maker, depth=2)
    leaves = made.tree.levels[0]
    left, right = keccak(leaves[0] + leaves[1]), keccak(leaves[2] + leaves[3])
    assert made.tree.root == keccak(left + right)
    assert made.tree.proof(2) == [leaves[3], left]
    assert made.tree.multiproof([0, 3]) == [leaves[1], leaves[2]]
    assert made.tree.multiproof([2, 3]) == [left]
    assert made.tree.multiproof([0, 1, 2, 3]) == []


def test_lot_reference_is_a_salted_hash(supply, lot):
    stated = (lot.product, lot.number, lot.salt)
    assert bytes(supply.lots.lotReferenceOf(*stated)) == lot_reference(*stated) == lot.reference


def test_terms_are_one_word(supply, maker):
    made = supply.commissioned(maker, depth=3, expiry_day=0, kind=LotKind.DEVICE)
    assert made.terms == lot_terms(0, 3, LotKind.DEVICE) == 0x01030000
    held = supply.lots.lotOf(made.id)
    assert (held.depth, held.kind, held.expiryDay) == (3, LotKind.DEVICE, 0)
