"""What is known of a tree: held against whole trees, for random units of it."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from careledger.errors import InvalidInput
from careledger.serialization import LotSecret, UnitTree, multiproof_root, proof_root, unit_leaf
from careledger.serialization.partial_tree import PartialTree, Tranche, Unit

SECRET = LotSecret(bytes(range(32)))
REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
LOT = "0x" + "1a" * 12
DEPTH = 7


def tranche_of(number: int = 0, depth: int = DEPTH) -> Tranche:
    return Tranche(31337, REGISTRY, LOT, depth, number)


def units_of(tranche: Tranche) -> dict[int, Unit]:
    """Five of six numbers have a unit."""
    return {
        index: Unit(f"SN{index:05}", SECRET.salt(index))
        for index in range(tranche.first, tranche.end)
        if index % 6 != 2
    }


def tree_of(tranche: Tranche) -> UnitTree:
    serials = ((index, unit.serial) for index, unit in units_of(tranche).items())
    place = {"chain_id": tranche.chain_id, "registry": tranche.registry, "lot": tranche.lot}
    return UnitTree.of(serials, SECRET, tranche.depth, tranche.number, **place)  # type: ignore[arg-type]


def leaf_of(index: int, unit: Unit) -> bytes:
    return unit_leaf(31337, REGISTRY, LOT, index, unit.inner)


def chosen(chance: random.Random, units: dict[int, Unit]) -> dict[int, Unit]:
    return {index: units[index] for index in chance.sample(list(units), chance.randint(1, len(units)))}


@pytest.mark.parametrize(("depth", "number"), [(DEPTH, 0), (DEPTH, 3), (1, 0), (0, 4)])
def test_a_part_proves_what_the_whole_tree_proves(depth: int, number: int) -> None:
    tranche, chance = tranche_of(number, depth), random.Random(3)
    tree, units = tree_of(tranche), units_of(tranche)
    for _ in range(60):
        part = PartialTree.of(tree, tranche, chosen(chance, units))
        assert part.root == tree.root
        for index, unit in part.units.items():
            assert part.proof(index) == tree.proof(index)
            assert proof_root(leaf_of(index, unit), index, part.proof(index)) == tree.root
        some = sorted(chosen(chance, part.units))
        assert part.multiproof(some) == tree.multiproof(some)
        leaves = [(index, leaf_of(index, part.units[index])) for index in some]
        assert multiproof_root(leaves, depth, part.multiproof(some)) == tree.root


def test_a_part_of_a_part_is_that_of_the_whole_tree() -> None:
    tranche, chance = tranche_of(1), random.Random(4)
    tree, units = tree_of(tranche), units_of(tranche)
    for _ in range(60):
        part = PartialTree.of(tree, tranche, chosen(chance, units))
        some = chosen(chance, part.units)
        assert part.part(some) == PartialTree.of(tree, tranche, some)


def test_merged_parts_are_the_part_of_all_their_units() -> None:
    tranche, chance = tranche_of(), random.Random(5)
    tree, units = tree_of(tranche), units_of(tranche)
    for count in (1, 2, 2, 3, 5):
        for _ in range(20):
            parts = [PartialTree.of(tree, tranche, chosen(chance, units)) for _ in range(count)]
            together = {index: unit for part in parts for index, unit in part.units.items()}
            assert PartialTree.merged(parts) == PartialTree.of(tree, tranche, together)


def test_a_part_holds_as_few_hashes_as_one_proof() -> None:
    """2,000 units in a row of a tree of 2^14 come with no more hashes than the tree has levels on either side."""
    tranche = tranche_of(depth=14)
    units = {index: Unit(f"SN{index:05}", SECRET.salt(index)) for index in range(10_000)}
    serials = ((index, unit.serial) for index, unit in units.items())
    tree = UnitTree.of(serials, SECRET, 14, chain_id=31337, registry=REGISTRY, lot=LOT)
    part = PartialTree.of(tree, tranche, {index: units[index] for index in range(3_001, 5_001)})
    assert len(part.siblings) <= 2 * 14
    assert sum(map(len, part.siblings)) + 32 * len(part.units) < 66_000


def test_it_comes_back_from_json() -> None:
    tranche, chance = tranche_of(2), random.Random(6)
    tree, units = tree_of(tranche), units_of(tranche)
    for _ in range(20):
        part = PartialTree.of(tree, tranche, chosen(chance, units))
        text = json.dumps(part.to_json())
        assert PartialTree.from_json(31337, REGISTRY, LOT, DEPTH, json.loads(text)) == part


def test_units_are_found_by_serial() -> None:
    part = PartialTree.of(tree_of(tranche_of()), tranche_of(), {7: Unit("SN00007", SECRET.salt(7))})
    assert part.number_of("SN00007") == 7
    assert part.number_of("SN00008") is None


# ---------------------------------------------------------------------- wrong input


def test_what_is_not_known_is_not_proved() -> None:
    part = PartialTree.of(tree_of(tranche_of()), tranche_of(), {7: Unit("SN00007", SECRET.salt(7))})
    for call in (lambda: part.proof(8), lambda: part.multiproof([7, 9]), lambda: part.part([9])):
        with pytest.raises(InvalidInput, match="no known unit"):
            call()
    for wrong in ([], [7, 7]):
        with pytest.raises(InvalidInput, match="ascending"):
            part.multiproof(wrong)


@pytest.mark.parametrize("unit", [Unit("SN00008", SECRET.salt(7)), Unit("SN00007", SECRET.salt(8))])
def test_units_that_are_not_the_tree_s_are_refused(unit: Unit) -> None:
    with pytest.raises(InvalidInput, match="are not the tree's"):
        PartialTree.of(tree_of(tranche_of()), tranche_of(), {7: unit})


def test_a_changed_part_has_another_root() -> None:
    tranche = tranche_of()
    part = PartialTree.of(tree_of(tranche), tranche, {7: units_of(tranche)[7], 9: units_of(tranche)[9]})
    for place in range(len(part.siblings)):
        changed = [*part.siblings]
        changed[place] = bytes(32)
        assert PartialTree(tranche, part.units, changed).root != part.root
    elsewhere = replace(tranche, chain_id=1)
    assert PartialTree(elsewhere, part.units, part.siblings).root != part.root


def test_as_many_hashes_as_needed() -> None:
    tranche = tranche_of()
    part = PartialTree.of(tree_of(tranche), tranche, {7: units_of(tranche)[7]})
    with pytest.raises(InvalidInput, match="too few"):
        PartialTree(tranche, part.units, part.siblings[:-1])
    with pytest.raises(InvalidInput, match="too many"):
        PartialTree(tranche, part.units, [*part.siblings, bytes(32)])


@pytest.mark.parametrize("index", [-1, 1 << DEPTH])
def test_numbers_are_the_tranche_s(index: int) -> None:
    with pytest.raises(InvalidInput, match="must be from 0 to 127"):
        PartialTree(tranche_of(), {index: Unit("A", bytes(32))}, [bytes(32)] * DEPTH)


def test_parts_of_different_trees_do_not_merge() -> None:
    one, other = (PartialTree.of(tree_of(tranche_of(n)), tranche_of(n), units_of(tranche_of(n))) for n in (0, 1))
    with pytest.raises(InvalidInput, match="not that of the other part"):
        PartialTree.merged([one, other])
    with pytest.raises(InvalidInput):
        PartialTree.merged([])
    with pytest.raises(InvalidInput, match="is not the tree's"):
        PartialTree.of(tree_of(tranche_of(1)), tranche_of(), units_of(tranche_of()))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("numbers", [[7, 3]], "as many of each"),
        ("numbers", [[7, 1], [7, 1]], "ascend"),
        ("numbers", [[7, 0]], "ascend"),
        ("numbers", [[0, 1 << 40]], "more than the 128"),
        ("salts", "AAAA", "32 bytes each"),
        ("salts", "*", "base64"),
        ("serials", "A\nB\nC", "as many of each"),
        ("tranche", -1, "below 0"),
    ],
)
def test_json_that_is_no_part_is_refused(field: str, value: object, message: str) -> None:
    tranche = tranche_of()
    units = units_of(tranche)
    part = PartialTree.of(tree_of(tranche), tranche, {7: units[7], 9: units[9]})
    with pytest.raises(InvalidInput, match=message):
        PartialTree.from_json(31337, REGISTRY, LOT, DEPTH, {**part.to_json(), field: value})


def test_salts_are_not_shown() -> None:
    part = PartialTree.of(tree_of(tranche_of()), tranche_of(), {7: Unit("SN00007", SECRET.salt(7))})
    assert str(SECRET.salt(7)) not in f"{part!r} {part.units[7]!r}"
    with pytest.raises(InvalidInput):
        Tranche(31337, REGISTRY, LOT, 21)
