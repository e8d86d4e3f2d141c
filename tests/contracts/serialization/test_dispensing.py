"""dispense, dispenseMany and undoDispense."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from ..support import (
    DAY,
    ZERO_HASH,
    ZERO_ID,
    MemberRole,
    Standing,
    bits,
    chain_time,
    events,
    next_block_at,
    refusal,
    send,
    time_of,
    travel,
    travel_to,
)
from .lots import (
    DEPTH,
    EXPIRY_DAY,
    NO_CONTAINER,
    REASON,
    UNIT_TAG,
    UNITS,
    ContainerState,
    LotKind,
    PackFinding,
    RecallClass,
    RecallReason,
    UnitStatus,
    inner_hash,
    today,
    unit_leaf,
)

UNIT = 3
"""The unit that is dispensed, in `delivered`."""

DISPENSER = bits(MemberRole.DISPENSER)
ENDS = [UnitStatus.DESTROYED, UnitStatus.DECOMMISSIONED, UnitStatus.STOLEN, UnitStatus.EXPORTED]


@pytest.fixture
def refusals(supply):
    """What dispensing a unit is refused with: by `dispense`, and by `dispenseMany` of the unit alone."""

    def call(by, lot, index, container):
        one = supply.refuses_dispensing(by, lot, index, container)
        return {one, supply.refuses_dispensing_many(by, lot, [index], container)}

    return call


@pytest.fixture
def end(supply, maker, regulator, lot):
    """Ends the unit, or what is found of it, by whom the state table lets."""

    def call(status):
        if status == UnitStatus.ILLEGITIMATE:
            supply.suspect(regulator, lot, UNIT)
            supply.find_illegitimate(regulator, lot, UNIT)
        else:
            by = regulator if status in (UnitStatus.STOLEN, UnitStatus.EXPORTED) else maker
            supply.end_units(by, lot, [UNIT], status)

    return call


# ---------------------------------------------------------------------- dispense


def test_dispense_ends_one_unit_and_no_other(supply, lot, delivered, pharmacy):
    for index in (15, 16):
        receipt = supply.dispense(pharmacy, lot, index, delivered)
        wanted = [("UnitDispensed", lot.id, index, pharmacy.id, pharmacy.key.address)]
        assert events(receipt, supply.lots) == wanted
    assert [index for index, status in enumerate(supply.statuses(lot, range(UNITS))) if status] == [15, 16]
    assert supply.unit(lot, 15) == supply.unit(lot, 16) == (UnitStatus.DISPENSED, False, today())


def test_dispense_takes_a_unit_from_a_case_of_a_pallet(supply, lot, delivered, pharmacy):
    (case,) = supply.unpacked_cases(pharmacy, delivered, [0])
    assert supply.refuses_dispensing(pharmacy, lot, UNIT, delivered) == (
        "CustodyNotInContainer",
        lot.id,
        UNIT,
        delivered,
    )
    supply.dispense(pharmacy, lot, UNIT, case)
    assert supply.finding(lot, UNIT, case) == PackFinding.DISPENSED


def test_dispense_takes_a_unit_from_a_container_in_another(supply, lot, delivered, pharmacy):
    supply.packed(pharmacy, [supply.packed(pharmacy, [delivered])])
    supply.dispense(pharmacy, lot, UNIT, delivered)
    assert supply.unit(lot, UNIT)[0] == UnitStatus.DISPENSED


def test_dispense_takes_a_unit_from_a_mixed_container(supply, lot, delivered, pharmacy, other_pharmacy):
    tote = supply.packed(pharmacy, units=[(lot.id, UNIT, delivered)])
    supply.deliver(tote, pharmacy, other_pharmacy)
    supply.dispense(other_pharmacy, lot, UNIT, tote)
    assert supply.unit(lot, UNIT)[0] == UnitStatus.DISPENSED


def test_dispense_takes_an_unpacked_unit(supply, lot, delivered, pharmacy):
    supply.unpack_units(pharmacy, lot, [UNIT], delivered)
    assert supply.refuses_dispensing(pharmacy, lot, UNIT, delivered)[0] == "CustodyNotInContainer"
    supply.dispense(pharmacy, lot, UNIT, NO_CONTAINER)
    assert supply.unit(lot, UNIT)[0] == UnitStatus.DISPENSED


def test_dispense_takes_a_unit_of_a_later_tranche(supply, maker, pharmacy):
    lot = supply.commissioned(maker, depth=3, tranches=3)
    case = supply.packed_range(lot, 0, 24)
    supply.deliver(case, maker, pharmacy)
    supply.dispense(pharmacy, lot, 17, case)
    assert [index for index, status in enumerate(supply.statuses(lot, range(24))) if status] == [17]


def test_dispense_takes_the_one_unit_of_a_lot_of_one(supply, maker, pharmacy):
    lot = supply.commissioned(maker, depth=0, expiry_day=0, kind=LotKind.DEVICE)
    case = supply.packed_range(lot, 0, 1)
    supply.deliver(case, maker, pharmacy)
    assert lot.proof(0) == []
    supply.dispense(pharmacy, lot, 0, case)
    assert supply.unit(lot, 0)[0] == UnitStatus.DISPENSED


def node(lot, level, index):
    return lot.tree.levels[level][index >> level]


@pytest.mark.parametrize(
    "forged",
    [
        lambda _: {"index": UNIT + 1},
        lambda _: {"index": UNIT ^ 1},
        lambda _: {"index": UNIT + UNITS},
        lambda _: {"index": UNIT + 2**160},
        lambda _: {"index": UNIT + 2**255},
        lambda lot: {"inner": lot.inner(UNIT + 1)},
        lambda _: {"inner": ZERO_HASH},
        lambda _: {"inner": inner_hash(f"{UNIT:020d}", ZERO_HASH)},
        lambda _: {"proof": []},
        lambda lot: {"proof": lot.proof(UNIT)[1:]},
        lambda lot: {"proof": lot.proof(UNIT)[:-1]},
        lambda lot: {"proof": [*lot.proof(UNIT), ZERO_HASH]},
        lambda lot: {"proof": lot.proof(UNIT)[::-1]},
        lambda lot: {"proof": lot.proof(UNIT + 1)},
        lambda lot: {"inner": node(lot, 0, UNIT)},
        lambda lot: {"inner": node(lot, 1, UNIT), "index": UNIT >> 1, "proof": lot.proof(UNIT)[1:]},
        lambda lot: {"inner": node(lot, 1, UNIT), "index": UNIT >> 1, "proof": [*lot.proof(UNIT)[1:], ZERO_HASH]},
        lambda lot: {"inner": lot.tree.root, "index": 0, "proof": []},
        lambda lot: {"inner": lot.tree.root, "index": 0, "proof": [ZERO_HASH] * DEPTH},
    ],
)
def test_dispense_reverts_for_forged_proofs(supply, lot, delivered, pharmacy, forged):
    """Another's number or serial, a proof of another length, and an ancestor as if it were a unit."""
    changes = forged(lot)
    refused = supply.refuses_dispensing(pharmacy, lot, UNIT, delivered, **changes)
    assert refused == ("LotRegistryInvalidProof", lot.id, changes.get("index", UNIT))


def test_dispense_reverts_for_a_unit_of_another_lot(supply, lot, delivered, maker, pharmacy):
    other = supply.commissioned(maker)
    case = supply.packed_range(other, 0, 8)
    supply.deliver(case, maker, pharmacy)
    for container in (case, delivered):
        assert supply.refuses_dispensing(
            pharmacy, other, UNIT, container, inner=lot.inner(UNIT), proof=lot.proof(UNIT)
        ) == ("LotRegistryInvalidProof", other.id, UNIT)
    assert supply.refuses_dispensing(pharmacy, other, UNIT, delivered)[0] == "CustodyNotInContainer"


@pytest.mark.parametrize("wrong", ["chain", "contract", "lot", "index", "tag"])
def test_dispense_reverts_for_leaves_of_another_domain(supply, maker, pharmacy, connection, wrong):
    """A lot whose leaves name another chain, contract, lot, number or kind of hash has no units."""
    made = supply.made(maker, depth=1)
    inners = [made.inner(index) for index in (0, 1)]
    fields = {"chain": connection.chain_id, "contract": supply.lots.address, "lot": made.id}

    def leaf(index):
        if wrong == "tag":
            genuine = unit_leaf(fields["chain"], fields["contract"], made.id, index, inners[index])
            return keccak(UNIT_TAG + genuine)
        other = {"chain": 1, "contract": supply.custody.address, "lot": b"another lot."}
        stated = fields if wrong == "index" else {**fields, wrong: other[wrong]}
        return unit_leaf(**stated, index=1 - index if wrong == "index" else index, inner=inners[index])

    leaves = [leaf(0), leaf(1)]
    root = keccak(leaves[0] + leaves[1])
    send(supply.lots.commission, made.reference, made.terms, root, sender=maker.key)
    case = supply.packed_range(made, 0, 2)
    supply.deliver(case, maker, pharmacy)
    for index in (0, 1):
        assert supply.refuses_dispensing(pharmacy, made, index, case, proof=[leaves[1 - index]]) == (
            "LotRegistryInvalidProof",
            made.id,
            index,
        )


@pytest.mark.parametrize(("levels", "depth"), [(1, 6), (5, 6), (7, 6), (1, 0), (20, 6)])
def test_dispense_reverts_for_a_tree_of_another_depth(supply, lot, maker, pharmacy, connection, levels, depth):
    """Its maker could have several units of one number."""
    made = supply.made(maker, depth=depth)
    inner, sibling = made.inner(0), keccak(text="sibling")
    root = unit_leaf(connection.chain_id, supply.lots.address, made.id, 0, inner)
    for _ in range(levels):
        root = keccak(root + sibling)
    send(supply.lots.commission, made.reference, made.terms, root, sender=maker.key)
    case = supply.packed_range(made, 0, 1)
    supply.deliver(case, maker, pharmacy)
    proof = [sibling] * levels
    refused = supply.refuses_dispensing(pharmacy, made, 0, case, proof=proof)
    assert refused == ("LotRegistryInvalidProof", made.id, 0)
    refused = supply.refuses_dispensing_many(pharmacy, made, [0], case, proof=proof)
    assert refused == ("LotRegistryInvalidProof", made.id, 0)
    assert supply.finding(made, 0, case, proof=proof) == PackFinding.NO_MATCH_SERIAL


def test_dispense_reverts_if_the_lot_is_unknown(supply, lot, delivered, maker, pharmacy, refusals):
    unknown = supply.made(maker)
    assert refusals(pharmacy, unknown, UNIT, delivered) == {("LotRegistryUnknownLot", unknown.id)}


def test_dispense_reverts_if_another_holds_the_unit(lot, delivered, pharmacy, other_pharmacy, refusals):
    wanted = ("CustodyNotTheHolder", delivered, pharmacy.id, other_pharmacy.id)
    assert refusals(other_pharmacy, lot, UNIT, delivered) == {wanted}


def test_dispense_reverts_if_another_unpacked_the_unit(supply, lot, delivered, pharmacy, other_pharmacy, refusals):
    supply.unpack_units(pharmacy, lot, [UNIT], delivered)
    wanted = ("CustodyNotTheHolder", NO_CONTAINER, pharmacy.id, other_pharmacy.id)
    assert refusals(other_pharmacy, lot, UNIT, NO_CONTAINER) == {wanted}


def test_dispense_reverts_if_the_unit_is_not_in_the_container(lot, delivered, pharmacy, refusals):
    for index, container in ((UNIT, NO_CONTAINER), (UNIT, b"no container"), (50, delivered), (50, NO_CONTAINER)):
        assert refusals(pharmacy, lot, index, container) == {("CustodyNotInContainer", lot.id, index, container)}


def test_dispense_reverts_in_transit(supply, lot, delivered, pharmacy, other_pharmacy, refusals):
    supply.ship(delivered, pharmacy, other_pharmacy)
    wanted = ("CustodyForbiddenTransition", delivered, ContainerState.IN_TRANSIT)
    assert refusals(pharmacy, lot, UNIT, delivered) == refusals(other_pharmacy, lot, UNIT, delivered) == {wanted}


def test_dispense_reverts_if_rejected(supply, lot, delivered, pharmacy, other_pharmacy, refusals):
    supply.ship(delivered, pharmacy, other_pharmacy)
    send(supply.custody.reject, delivered, REASON, sender=other_pharmacy.key)
    wanted = ("CustodyForbiddenTransition", delivered, ContainerState.REJECTED)
    assert refusals(pharmacy, lot, UNIT, delivered) == refusals(other_pharmacy, lot, UNIT, delivered) == {wanted}
    send(supply.custody.confirmReturn, delivered, sender=pharmacy.key)
    supply.dispense(pharmacy, lot, UNIT, delivered)


def test_dispense_reverts_until_a_return_is_verified(
    supply, lot, delivered, pharmacy, wholesaler, other_pharmacy, refusals
):
    supply.deliver(delivered, pharmacy, other_pharmacy, is_return=True)
    assert refusals(other_pharmacy, lot, UNIT, delivered) == {("CustodyNotVerified", delivered)}
    supply.deliver(delivered, other_pharmacy, wholesaler, is_return=True)
    send(supply.custody.verifyReturn, delivered, sender=wholesaler.key)
    supply.deliver(delivered, wholesaler, other_pharmacy)
    supply.dispense(other_pharmacy, lot, UNIT, delivered)


def test_dispense_reverts_if_its_container_ended(supply, lot, delivered, pharmacy, refusals):
    send(supply.custody.end, delivered, UnitStatus.STOLEN, REASON, sender=pharmacy.key)
    wanted = ("CustodyForbiddenTransition", delivered, ContainerState.ENDED)
    assert refusals(pharmacy, lot, UNIT, delivered) == {wanted}


@pytest.mark.parametrize("by", ["pharmacy", "maker", "regulator"])
def test_dispense_reverts_if_suspect(supply, lot, delivered, pharmacy, organizations, refusals, by):
    supply.suspect(organizations[by], lot, UNIT, delivered)
    assert refusals(pharmacy, lot, UNIT, delivered) == {
        ("LotRegistryForbiddenTransition", lot.id, UNIT, UnitStatus.IN_SUPPLY, True, UnitStatus.DISPENSED)
    }
    supply.dispense(pharmacy, lot, UNIT + 1, delivered)


@pytest.mark.parametrize("status", [*ENDS, UnitStatus.ILLEGITIMATE])
def test_dispense_reverts_if_ended(lot, delivered, pharmacy, refusals, end, status):
    end(status)
    assert refusals(pharmacy, lot, UNIT, delivered) == {
        ("LotRegistryForbiddenTransition", lot.id, UNIT, status, False, UnitStatus.DISPENSED)
    }


def test_dispense_reverts_if_dispensed(supply, lot, delivered, pharmacy, refusals):
    supply.dispense(pharmacy, lot, UNIT, delivered)
    assert refusals(pharmacy, lot, UNIT, delivered) == {
        ("LotRegistryForbiddenTransition", lot.id, UNIT, UnitStatus.DISPENSED, False, UnitStatus.DISPENSED)
    }


def test_dispense_reverts_if_another_dispensed_it(supply, lot, delivered, pharmacy, other_pharmacy, refusals):
    """What is left in a shop is sold on with what was dispensed from it: those cannot be dispensed again."""
    supply.dispense(pharmacy, lot, UNIT, delivered)
    supply.deliver(delivered, pharmacy, other_pharmacy)
    assert {refused[0] for refused in refusals(other_pharmacy, lot, UNIT, delivered)} == {
        "LotRegistryForbiddenTransition"
    }
    supply.dispense(other_pharmacy, lot, UNIT + 1, delivered)


def test_dispense_reverts_if_recalled(supply, lot, delivered, pharmacy, refusals):
    supply.recall(lot, recall_class=RecallClass.CLASS_III, reason=RecallReason.POTENCY)
    wanted = ("LotRegistryRecalled", lot.id, RecallClass.CLASS_III, RecallReason.POTENCY)
    assert refusals(pharmacy, lot, UNIT, delivered) == {wanted}


def test_dispense_reverts_from_the_day_after_the_expiry(supply, lot, delivered, pharmacy, refusals):
    next_block_at((EXPIRY_DAY + 1) * DAY - 1)
    supply.dispense(pharmacy, lot, UNIT + 1, delivered)
    travel_to((EXPIRY_DAY + 1) * DAY)
    assert refusals(pharmacy, lot, UNIT, delivered) == {("LotRegistryExpired", lot.id, EXPIRY_DAY)}


def test_dispense_knows_no_expiry_of_a_device_without_one(supply, maker, pharmacy):
    lot = supply.commissioned(maker, expiry_day=0, kind=LotKind.DEVICE)
    case = supply.packed_range(lot, 0, 8)
    supply.deliver(case, maker, pharmacy)
    travel_to(pharmacy.licence_expiry - 60)
    supply.dispense(pharmacy, lot, UNIT, case)
    assert supply.unit(lot, UNIT) == (UnitStatus.DISPENSED, False, today())


def test_dispense_reverts_while_halted(supply, lot, delivered, pharmacy, guardian, refusals):
    at = time_of(send(supply.lots.halt, sender=guardian))
    assert refusals(pharmacy, lot, UNIT, delivered) == {("HaltableHalted", at)}


@pytest.mark.parametrize("who", ["maker", "other_maker", "repackager", "wholesaler", "carrier", "regulator"])
def test_dispense_reverts_for_all_but_dispensers(supply, lot, delivered, pharmacy, organizations, refusals, who):
    caller = organizations[who]
    wanted = ("OrganizationRegistryMissingMemberRole", caller.id, DISPENSER)
    assert refusals(caller, lot, UNIT, delivered) == {wanted}


def test_dispense_reverts_for_a_wholesaler_that_holds_it(supply, lot, pallet, maker, wholesaler, refusals):
    supply.deliver(pallet, maker, wholesaler)
    wanted = ("OrganizationRegistryMissingMemberRole", wholesaler.id, DISPENSER)
    assert refusals(wholesaler, lot, UNIT, pallet) == {wanted}


def test_dispense_reverts_if_nobody_knows_the_caller(supply, lot, delivered, stranger):
    for method, arguments in (
        (supply.lots.dispense, supply.dispensing(lot, UNIT, delivered)),
        (supply.lots.dispenseMany, supply.dispensing_many(lot, [UNIT], delivered)),
        (supply.lots.undoDispense, [lot.id, UNIT, delivered]),
    ):
        assert refusal(method, *arguments, sender=stranger) == ("OrganizationRegistryUnknownKey", stranger.address)


def test_dispense_reverts_for_a_suspended_member(lot, delivered, pharmacy, suspend, refusals):
    suspend(pharmacy)
    wanted = ("OrganizationRegistryNotInGoodStanding", pharmacy.id, Standing.SUSPENDED)
    assert refusals(pharmacy, lot, UNIT, delivered) == {wanted}


def test_dispense_reverts_past_the_licence(lot, delivered, pharmacy, refusals):
    travel_to(pharmacy.licence_expiry)
    wanted = ("OrganizationRegistryLicenceExpired", pharmacy.id, pharmacy.licence_expiry)
    assert refusals(pharmacy, lot, UNIT, delivered) == {wanted}


# ---------------------------------------------------------------------- dispenseMany


@pytest.mark.parametrize(
    "indices",
    [
        [UNIT],
        range(4, 10),
        range(10, 36),
        range(40),
        [0, 15, 16, 31, 32, 39],
        [1, 2],
        [7, 24],
        range(1, 40, 2),
    ],
    ids=["one", "in a word", "across words", "all", "ends of words", "cousins", "two words", "every other"],
)
def test_dispense_many_ends_these_units_and_no_other(supply, lot, delivered, pharmacy, indices):
    receipt = supply.dispense_many(pharmacy, lot, indices, delivered)
    wanted = [("UnitsDispensed", lot.id, tuple(indices), pharmacy.id, pharmacy.key.address)]
    assert events(receipt, supply.lots) == wanted
    assert [index for index, status in enumerate(supply.statuses(lot, range(UNITS))) if status] == list(indices)
    assert {supply.unit(lot, index) for index in indices} == {(UnitStatus.DISPENSED, False, today())}


def test_dispense_many_keeps_what_was_dispensed_before(supply, lot, delivered, pharmacy):
    supply.dispense(pharmacy, lot, 20, delivered)
    day = today()
    travel(2 * DAY)
    supply.dispense_many(pharmacy, lot, [14, 19, 21], delivered)
    days = {index: supply.unit(lot, index)[2] for index in (14, 19, 20, 21)}
    assert days == {14: day + 2, 19: day + 2, 20: day, 21: day + 2}


def test_dispense_many_takes_unpacked_units(supply, lot, delivered, pharmacy):
    supply.unpack_units(pharmacy, lot, [1, 2, 30], delivered)
    supply.dispense_many(pharmacy, lot, [1, 30], NO_CONTAINER)
    assert supply.statuses(lot, [1, 2, 30]) == [UnitStatus.DISPENSED, UnitStatus.IN_SUPPLY, UnitStatus.DISPENSED]


def test_dispense_many_reverts_across_tranches(supply, maker, pharmacy):
    lot = supply.commissioned(maker, depth=3, tranches=3)
    case = supply.packed_range(lot, 0, 24)
    supply.deliver(case, maker, pharmacy)
    first, second = lot.trees[0], lot.trees[1]
    for proof in ([*first.multiproof([7]), *second.multiproof([8])], first.multiproof([7]), second.multiproof([8])):
        refused = supply.refuses_dispensing_many(pharmacy, lot, [7, 8], case, proof=proof)
        assert refused == ("LotRegistryInvalidProof", lot.id, 8)
    supply.dispense_many(pharmacy, lot, [8, 9, 13], case)
    assert [index for index, status in enumerate(supply.statuses(lot, range(24))) if status] == [8, 9, 13]


@pytest.mark.parametrize(
    "indices",
    [[1, 0], [5, 4, 7], [7, 5], [20, 3], [2, 3, 0, 1], [5, 5], [4, 5, 5], [4, 4, 5], [0, 0, 0, 0]],
    ids=str,
)
def test_dispense_many_reverts_unless_ascending(supply, lot, delivered, pharmacy, indices):
    """Twice the same, too. With the proof of the units in order, and with that of each in its turn."""
    in_order = lot.tree.multiproof(sorted(set(indices)))
    in_turn = [
        lot.tree.levels[level][(index >> level) ^ 1] for level in range(DEPTH) for index in dict.fromkeys(indices)
    ]
    for proof in (in_order, in_turn, [ZERO_HASH] * 2 * DEPTH):
        refused = supply.refuses_dispensing_many(pharmacy, lot, indices, delivered, proof=proof)
        assert refused == ("LotRegistryInvalidProof", lot.id, indices[0])


def test_dispense_many_reverts_unless_there_is_a_hash_for_each(supply, lot, delivered, pharmacy):
    inners = [lot.inner(index) for index in (4, 5, 6)]
    for many in (0, 1, 3):
        refused = supply.refuses_dispensing_many(pharmacy, lot, [4, 5], delivered, inners=inners[:many])
        assert refused == ("LotRegistryInvalidUnits", lot.id, 2, many)


def test_dispense_many_reverts_for_no_units(supply, lot, delivered, pharmacy):
    for inners in ([], [lot.inner(4)]):
        call = (lot.id, delivered, [], inners, [])
        refused = refusal(supply.lots.dispenseMany, *call, sender=pharmacy.key)
        assert refused == ("LotRegistryInvalidUnits", lot.id, 0, len(inners))


@pytest.mark.parametrize(
    "forged",
    [
        lambda lot, _: {"inners": [lot.inner(4), lot.inner(5), lot.inner(6)]},
        lambda lot, _: {"inners": [lot.inner(5), lot.inner(4), lot.inner(20)]},
        lambda lot, _: {"inners": [lot.inner(4), lot.inner(5), ZERO_HASH]},
        lambda *_: {"indices": [4, 5, 21]},
        lambda *_: {"indices": [4, 5, 6]},
        lambda _, proof: {"proof": proof[:-1]},
        lambda _, proof: {"proof": proof[1:]},
        lambda _, proof: {"proof": [*proof, ZERO_HASH]},
        lambda _, proof: {"proof": proof[::-1]},
        lambda *_: {"proof": []},
    ],
)
def test_dispense_many_reverts_if_one_does_not_prove_itself(supply, lot, delivered, pharmacy, forged):
    """One bad leaf, or a proof of another length or order, and none is dispensed."""
    indices = [4, 5, 20]
    changes = forged(lot, lot.tree.multiproof(indices))
    refused = supply.refuses_dispensing_many(pharmacy, lot, indices, delivered, **changes)
    assert refused == ("LotRegistryInvalidProof", lot.id, 4)


def test_dispense_many_reverts_for_an_ancestor_in_place_of_its_units(supply, lot, delivered, pharmacy):
    """Two units' node, with a proof that is shorter by a level, under the number that it would have there."""
    above = lot.tree.levels[1]
    proof = [above[0 ^ 1], *[level[1] for level in lot.tree.levels[2:-1]]]
    call = (lot.id, delivered, [0], [above[0]], proof)
    assert refusal(supply.lots.dispenseMany, *call, sender=pharmacy.key) == ("LotRegistryInvalidProof", lot.id, 0)


def test_dispense_many_reverts_if_one_is_elsewhere(supply, lot, delivered, pharmacy, other_pharmacy):
    supply.unpack_units(pharmacy, lot, [12], delivered)
    (case,) = supply.unpacked_cases(pharmacy, delivered, [2])
    supply.deliver(case, pharmacy, other_pharmacy)
    for index in (12, 25, 50):
        refused = supply.refuses_dispensing_many(pharmacy, lot, [4, index], delivered)
        assert refused == ("CustodyNotInContainer", lot.id, index, delivered)
    refused = supply.refuses_dispensing_many(pharmacy, lot, [4, 12], NO_CONTAINER)
    assert refused == ("CustodyNotInContainer", lot.id, 4, NO_CONTAINER)


def test_dispense_many_reverts_if_another_unpacked_one(supply, lot, delivered, pharmacy, other_pharmacy):
    (case,) = supply.unpacked_cases(pharmacy, delivered, [1])
    supply.deliver(case, pharmacy, other_pharmacy)
    supply.unpack_units(pharmacy, lot, [0, 20], delivered)
    supply.unpack_units(other_pharmacy, lot, [10], case)
    for indices in ([0, 10], [10, 20], [0, 10, 20]):
        refused = supply.refuses_dispensing_many(pharmacy, lot, indices, NO_CONTAINER)
        assert refused == ("CustodyNotTheHolder", NO_CONTAINER, other_pharmacy.id, pharmacy.id)
    supply.dispense_many(pharmacy, lot, [0, 20], NO_CONTAINER)


def test_dispense_reverts_if_the_unit_was_unpacked_before_its_case(supply, lot, delivered, pharmacy, other_pharmacy):
    """It has one holder: who unpacked it, whoever has the case."""
    supply.unpack_units(pharmacy, lot, [12], delivered)
    (case,) = supply.unpacked_cases(pharmacy, delivered, [1])
    supply.deliver(case, pharmacy, other_pharmacy)
    assert supply.refuses_dispensing(other_pharmacy, lot, 12, case) == ("CustodyNotInContainer", lot.id, 12, case)
    supply.dispense(other_pharmacy, lot, 13, case)
    supply.dispense(pharmacy, lot, 12, NO_CONTAINER)


def test_dispense_many_reverts_if_one_is_not_in_supply(supply, lot, delivered, pharmacy, maker):
    supply.dispense(pharmacy, lot, 5, delivered)
    supply.suspect(maker, lot, 18)
    for index, status, suspect in ((5, UnitStatus.DISPENSED, False), (18, UnitStatus.IN_SUPPLY, True)):
        refused = supply.refuses_dispensing_many(pharmacy, lot, [4, index, 30], delivered)
        wanted = ("LotRegistryForbiddenTransition", lot.id, index, status, suspect, UnitStatus.DISPENSED)
        assert refused == wanted
    supply.dispense_many(pharmacy, lot, [4, 30], delivered)


# ---------------------------------------------------------------------- undoDispense


@pytest.fixture
def dispensed(supply, lot, delivered, pharmacy):
    """The day on which the pharmacy dispensed the unit from `delivered`."""
    supply.dispense(pharmacy, lot, UNIT, delivered)
    return today()


def undo(supply, by, lot, container, index=UNIT):
    return send(supply.lots.undoDispense, lot.id, index, container, sender=by.key)


def refuses_undo(supply, by, lot, container, index=UNIT):
    return refusal(supply.lots.undoDispense, lot.id, index, container, sender=by.key)


def test_undo_puts_the_unit_back(supply, lot, delivered, pharmacy, dispensed):
    receipt = undo(supply, pharmacy, lot, delivered)
    assert events(receipt, supply.lots) == [
        ("DispensingUndone", lot.id, UNIT, pharmacy.id, pharmacy.key.address),
    ]
    assert supply.unit(lot, UNIT) == (UnitStatus.IN_SUPPLY, False, 0)
    assert supply.finding(lot, UNIT, delivered) == PackFinding.VERIFIED


def test_undo_leaves_other_units_of_the_word(supply, lot, delivered, pharmacy, dispensed):
    supply.dispense_many(pharmacy, lot, [2, 4, 15], delivered)
    undo(supply, pharmacy, lot, delivered)
    assert [index for index, status in enumerate(supply.statuses(lot, range(UNITS))) if status] == [2, 4, 15]


def test_undone_unit_is_dispensed_again(supply, lot, delivered, pharmacy, dispensed):
    travel(4 * DAY)
    undo(supply, pharmacy, lot, delivered)
    travel(DAY)
    supply.dispense(pharmacy, lot, UNIT, delivered)
    assert supply.unit(lot, UNIT) == (UnitStatus.DISPENSED, False, dispensed + 5)


def test_undo_takes_an_unpacked_unit(supply, lot, delivered, pharmacy):
    supply.unpack_units(pharmacy, lot, [UNIT], delivered)
    supply.dispense(pharmacy, lot, UNIT, NO_CONTAINER)
    undo(supply, pharmacy, lot, NO_CONTAINER)
    assert supply.unit(lot, UNIT) == (UnitStatus.IN_SUPPLY, False, 0)


def test_undo_is_in_time_on_the_tenth_day(supply, lot, delivered, pharmacy, dispensed):
    next_block_at((dispensed + 11) * DAY - 1)
    undo(supply, pharmacy, lot, delivered)
    assert supply.unit(lot, UNIT)[0] == UnitStatus.IN_SUPPLY


def test_undo_reverts_on_the_eleventh_day(supply, lot, delivered, pharmacy, dispensed):
    travel_to((dispensed + 11) * DAY)
    assert refuses_undo(supply, pharmacy, lot, delivered) == ("LotRegistryNotUndoable", lot.id, UNIT, dispensed)


def test_undo_reverts_for_another(supply, lot, delivered, pharmacy, other_pharmacy, dispensed):
    wanted = ("CustodyNotTheHolder", delivered, pharmacy.id, other_pharmacy.id)
    assert refuses_undo(supply, other_pharmacy, lot, delivered) == wanted


def test_undo_reverts_for_another_of_an_unpacked_unit(supply, lot, delivered, pharmacy, other_pharmacy):
    supply.unpack_units(pharmacy, lot, [UNIT], delivered)
    supply.dispense(pharmacy, lot, UNIT, NO_CONTAINER)
    wanted = ("CustodyNotTheHolder", NO_CONTAINER, pharmacy.id, other_pharmacy.id)
    assert refuses_undo(supply, other_pharmacy, lot, NO_CONTAINER) == wanted


def test_undo_works_on_the_day_of_the_shipment(supply, lot, pallet, maker, pharmacy):
    """Shipped, received, dispensed and undone within a day."""
    travel_to((today() + 1) * DAY)
    supply.deliver(pallet, maker, pharmacy)
    supply.dispense(pharmacy, lot, UNIT, pallet)
    undo(supply, pharmacy, lot, pallet)
    assert supply.unit(lot, UNIT) == (UnitStatus.IN_SUPPLY, False, 0)


@pytest.mark.parametrize("back", [False, True])
def test_undo_reverts_once_shipped_on(supply, lot, delivered, pharmacy, other_pharmacy, dispensed, back):
    """For who received it and, if it came back, for who dispensed it."""
    travel(DAY)
    supply.deliver(delivered, pharmacy, other_pharmacy)
    if back:
        supply.deliver(delivered, other_pharmacy, pharmacy)
    by = pharmacy if back else other_pharmacy
    assert refuses_undo(supply, by, lot, delivered) == ("LotRegistryNotUndoable", lot.id, UNIT, dispensed)


@pytest.mark.parametrize("then", ["left in it", "taken out", "packed again"])
def test_undo_reverts_once_shipped_on_in_another_container(
    supply, lot, delivered, pharmacy, other_pharmacy, dispensed, then
):
    box = supply.packed(pharmacy, [delivered])
    travel(DAY)
    supply.deliver(box, pharmacy, other_pharmacy)
    if then == "taken out":
        send(supply.custody.unpack, box, [delivered], sender=other_pharmacy.key)
    elif then == "packed again":
        supply.packed(other_pharmacy, [delivered])
    wanted = ("LotRegistryNotUndoable", lot.id, UNIT, dispensed)
    assert refuses_undo(supply, other_pharmacy, lot, delivered) == wanted


def test_undo_reverts_for_a_case_of_what_was_shipped_on(supply, lot, delivered, pharmacy, other_pharmacy, dispensed):
    travel(DAY)
    supply.deliver(delivered, pharmacy, other_pharmacy)
    (case,) = supply.unpacked_cases(other_pharmacy, delivered, [0])
    wanted = ("LotRegistryNotUndoable", lot.id, UNIT, dispensed)
    assert refuses_undo(supply, other_pharmacy, lot, case) == wanted


def test_undo_reverts_in_transit(supply, lot, delivered, pharmacy, other_pharmacy, dispensed):
    supply.ship(delivered, pharmacy, other_pharmacy)
    wanted = ("CustodyForbiddenTransition", delivered, ContainerState.IN_TRANSIT)
    for by in (pharmacy, other_pharmacy):
        assert refuses_undo(supply, by, lot, delivered) == wanted


def test_undo_reverts_if_it_is_not_in_the_container(supply, lot, delivered, pharmacy, dispensed):
    wanted = ("CustodyNotInContainer", lot.id, UNIT, NO_CONTAINER)
    assert refuses_undo(supply, pharmacy, lot, NO_CONTAINER) == wanted


def test_undo_reverts_if_not_dispensed(supply, lot, delivered, pharmacy):
    wanted = (lot.id, UNIT, UnitStatus.IN_SUPPLY, False, UnitStatus.IN_SUPPLY)
    assert refuses_undo(supply, pharmacy, lot, delivered) == ("LotRegistryForbiddenTransition", *wanted)
    supply.suspect(pharmacy, lot, UNIT, delivered)
    wanted = (lot.id, UNIT, UnitStatus.IN_SUPPLY, True, UnitStatus.IN_SUPPLY)
    assert refuses_undo(supply, pharmacy, lot, delivered) == ("LotRegistryForbiddenTransition", *wanted)


@pytest.mark.parametrize("status", [*ENDS, UnitStatus.ILLEGITIMATE])
def test_undo_reverts_if_ended(supply, lot, delivered, pharmacy, end, status):
    end(status)
    wanted = (lot.id, UNIT, status, False, UnitStatus.IN_SUPPLY)
    assert refuses_undo(supply, pharmacy, lot, delivered) == ("LotRegistryForbiddenTransition", *wanted)


def test_undo_reverts_if_undone(supply, lot, delivered, pharmacy, dispensed):
    undo(supply, pharmacy, lot, delivered)
    assert refuses_undo(supply, pharmacy, lot, delivered)[0] == "LotRegistryForbiddenTransition"


def test_undo_reverts_if_the_lot_is_unknown(supply, lot, pharmacy):
    unknown = b"unknown lot."
    refused = refusal(supply.lots.undoDispense, unknown, UNIT, ZERO_ID, sender=pharmacy.key)
    wanted = (unknown, UNIT, UnitStatus.IN_SUPPLY, False, UnitStatus.IN_SUPPLY)
    assert refused == ("LotRegistryForbiddenTransition", *wanted)


def test_undo_takes_a_unit_of_a_recalled_lot(supply, lot, delivered, pharmacy, dispensed):
    """So that it can go back; it is not dispensed again."""
    supply.recall(lot)
    undo(supply, pharmacy, lot, delivered)
    assert supply.unit(lot, UNIT)[0] == UnitStatus.IN_SUPPLY
    assert supply.refuses_dispensing(pharmacy, lot, UNIT, delivered)[0] == "LotRegistryRecalled"


def test_undo_reverts_while_halted(supply, lot, delivered, pharmacy, guardian, dispensed):
    at = time_of(send(supply.lots.halt, sender=guardian))
    assert refuses_undo(supply, pharmacy, lot, delivered) == ("HaltableHalted", at)


@pytest.mark.parametrize("who", ["maker", "other_maker", "repackager", "wholesaler", "carrier", "regulator"])
def test_undo_reverts_for_all_but_dispensers(supply, lot, delivered, organizations, dispensed, who):
    caller = organizations[who]
    wanted = ("OrganizationRegistryMissingMemberRole", caller.id, DISPENSER)
    assert refuses_undo(supply, caller, lot, delivered) == wanted


def test_undo_reverts_for_a_suspended_member(supply, lot, delivered, pharmacy, suspend, dispensed):
    suspend(pharmacy)
    wanted = ("OrganizationRegistryNotInGoodStanding", pharmacy.id, Standing.SUSPENDED)
    assert refuses_undo(supply, pharmacy, lot, delivered) == wanted
    assert chain_time() < pharmacy.licence_expiry
