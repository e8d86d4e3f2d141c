"""Trees of units: against the contract, against a second way to make them, and against wrong input."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from careledger.chain.artifacts import artifact
from careledger.chain.contract import Contract
from careledger.chain.deployment.suite import REGISTRY as REGISTRY_CONTRACT
from careledger.chain.development import development_signer
from careledger.client import CareLedger
from careledger.contract_enums import PackFinding
from careledger.errors import InvalidInput
from careledger.identity import Admission, MemberRole, organization_id
from careledger.serialization import (
    LotSecret,
    UnitTree,
    inner_hash,
    lot_id,
    lot_reference,
    multiproof_root,
    proof_root,
    unit_leaf,
)
from eth_utils.crypto import keccak

MAKER = "sundial-pharma"
PRODUCT, LOT_NUMBER = "gtin:00300010000018", "L-0042"
SALT = bytes(range(32))
SECRET = LotSecret(keccak(text="a lot's secret, for tests"))
REFERENCE = lot_reference(PRODUCT, LOT_NUMBER, SALT)
LOT = lot_id(MAKER, REFERENCE)
REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
EXPIRY_DAY = 40_000
NO_CONTAINER = "0x" + "00" * 12
SERIALS = [(index, f"SN{index:06}") for index in range(40) if index % 7]


def tree_of(depth: int = 6, tranche: int = 0, registry: str = REGISTRY, chain_id: int = 31337) -> UnitTree:
    first = tranche << depth
    units = ((first + index, serial) for index, serial in SERIALS)
    return UnitTree.of(units, SECRET, depth, tranche, chain_id=chain_id, registry=registry, lot=LOT)


# ---------------------------------------------------------------------- the contract


@pytest.fixture(scope="module")
def ledger() -> Iterator[CareLedger]:
    with CareLedger.embedded() as found:
        yield found


@pytest.fixture(scope="module")
def lots(ledger: CareLedger) -> Contract:
    """A register of lots under a manager of its own, with a maker of the product."""
    operator, maker = development_signer(0), development_signer(3)

    def deployed(name: str, *arguments: str) -> Contract:
        code = artifact(name).creation_code(list(arguments))
        address = ledger.connection.send(operator, None, code).contract_address
        return Contract(ledger.connection, name, str(address))

    manager = deployed("AccessManager", operator.address)
    registry = ledger.deployment.addresses[REGISTRY_CONTRACT]
    custody = deployed("Custody", manager.address, registry)
    found = deployed("LotRegistry", manager.address, registry, custody.address)
    custody.send(operator, "setLots", found.address)
    found.send(operator, "openToNewWork")
    found.send(operator, "assignProduct", PRODUCT.encode().ljust(32, b"\0"), organization_id(MAKER), True)
    ledger.organizations.admit(Admission(MAKER, maker.address, frozenset({MemberRole.MANUFACTURER}), 2_208_988_800))
    as_maker = ledger.acting_as(maker).organizations
    as_maker.add_key(as_maker.prove_possession(MAKER, maker, 2_208_988_800))
    return found


def finding(lots: Contract, tree: UnitTree, index: int, serial: str) -> PackFinding:
    inner = inner_hash(serial, SECRET.salt(index))
    product = PRODUCT.encode().ljust(32, b"\0")
    pack = (product, organization_id(MAKER), REFERENCE, EXPIRY_DAY, index, inner, tree.proof(index), NO_CONTAINER)
    return PackFinding(lots.read("verify", pack)["finding"])


def test_the_contract_takes_every_proof_and_no_other(ledger: CareLedger, lots: Contract) -> None:
    maker, depth = development_signer(3), 6
    place = {"registry": lots.address, "chain_id": ledger.connection.chain_id}
    trees = [tree_of(depth, tranche, **place) for tranche in range(2)]
    lots.send(maker, "commission", REFERENCE, depth << 16 | EXPIRY_DAY, trees[0].root)
    lots.send(maker, "addTranche", LOT, 1, trees[1].root)
    for tranche, tree in enumerate(trees):
        for number, serial in SERIALS:
            index = (tranche << depth) + number
            assert finding(lots, tree, index, serial) is PackFinding.VERIFIED
        assert finding(lots, tree, (tranche << depth) + 1, "SN000002") is PackFinding.NO_MATCH_SERIAL
        assert finding(lots, tree, tranche << depth, "SN000000") is PackFinding.NO_MATCH_SERIAL
    elsewhere = tree_of(depth)
    assert elsewhere.root != trees[0].root
    assert finding(lots, elsewhere, 1, "SN000001") is PackFinding.NO_MATCH_SERIAL


# ---------------------------------------------------------------------- the tree


def test_a_proof_leads_to_the_root_from_its_own_place_only() -> None:
    tree = tree_of()
    for index, serial in SERIALS:
        leaf = unit_leaf(31337, REGISTRY, LOT, index, inner_hash(serial, SECRET.salt(index)))
        assert proof_root(leaf, index, tree.proof(index)) == tree.root
        assert proof_root(leaf, index ^ 1, tree.proof(index)) != tree.root
        assert proof_root(leaf, index, tree.proof(index)[:-1]) != tree.root


def test_the_tree_is_the_one_that_is_made_by_hand() -> None:
    serials = dict(SERIALS)
    nodes = [
        unit_leaf(31337, REGISTRY, LOT, index, inner_hash(serials[index], SECRET.salt(index)))
        if index in serials
        else SECRET.filler(index)
        for index in range(64)
    ]
    while len(nodes) > 1:
        nodes = [keccak(left + right) for left, right in zip(nodes[::2], nodes[1::2], strict=True)]
    assert tree_of().root == nodes[0]


def test_proofs_of_several_units_lead_to_the_root() -> None:
    tree, chance = tree_of(), random.Random(7)
    leaves = {
        index: unit_leaf(31337, REGISTRY, LOT, index, inner_hash(serial, SECRET.salt(index)))
        for index, serial in SERIALS
    }
    for _ in range(200):
        chosen = sorted(chance.sample(list(leaves), chance.randint(1, len(leaves))))
        proof = tree.multiproof(chosen)
        named = [(index, leaves[index]) for index in chosen]
        assert multiproof_root(named, 6, proof) == tree.root
        assert multiproof_root(named, 6, [*proof, bytes(32)]) is None
        if proof:
            assert multiproof_root(named, 6, proof[:-1]) != tree.root
    assert tree.multiproof(range(64)) == []


def test_the_volume_does_not_show() -> None:
    """A tree of one unit has the form of a full one, and another root."""
    few = UnitTree.of([(3, "SN000003")], SECRET, 6, chain_id=31337, registry=REGISTRY, lot=LOT)
    assert len(few.proof(3)) == len(tree_of().proof(3))
    assert few.root != tree_of().root


def test_a_tree_of_one_number_is_its_leaf() -> None:
    tree = UnitTree.of([(5, "SN000005")], SECRET, 0, 5, chain_id=31337, registry=REGISTRY, lot=LOT)
    assert tree.proof(5) == []
    assert tree.root == unit_leaf(31337, REGISTRY, LOT, 5, inner_hash("SN000005", SECRET.salt(5)))


# ---------------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("units", "depth", "name", "value"),
    [
        ([(64, "A")], 6, "number", "64"),
        ([(-1, "A")], 6, "number", "-1"),
        ([(1, "A"), (1, "B")], 6, "number", "1"),
        ([(1, "A" * 21)], 6, "serial", "21 characters"),
        ([(1, "A")], 21, "depth", "21"),
    ],
)
def test_what_is_no_tranche_is_refused(units: list[tuple[int, str]], depth: int, name: str, value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        UnitTree.of(units, SECRET, depth, chain_id=31337, registry=REGISTRY, lot=LOT)
    assert (caught.value.name, caught.value.value) == (name, value)


def test_numbers_of_a_proof_are_the_tranche_s_and_ascend() -> None:
    tree = tree_of()
    for wrong in ([], [2, 1], [1, 1], [64]):
        with pytest.raises(InvalidInput):
            tree.multiproof(wrong)
    with pytest.raises(InvalidInput):
        tree.proof(64)


def test_a_secret_has_32_bytes_and_is_not_shown() -> None:
    with pytest.raises(InvalidInput):
        LotSecret(b"short")
    assert SECRET.value.hex() not in repr(SECRET)
    assert len({SECRET.lot_salt(), SECRET.salt(0), SECRET.salt(1), SECRET.filler(0), SECRET.filler(1)}) == 5
