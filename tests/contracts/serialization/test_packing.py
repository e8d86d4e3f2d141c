"""Packing, adding, unpacking and opening: who may, what goes where, and that every unit is in one place."""

from __future__ import annotations

import pytest

from ..support import ZERO_ID, chain_time, events, refusal, send
from .custody import HOLDERS, finds, place, unit
from .lots import NO_CONTAINER, PALLET_CASES, PALLET_UNITS, REASON, ContainerState, UnitStatus, container_id

HELD = ContainerState.HELD


@pytest.fixture
def other_lot(supply, other_maker, lot):
    """A rival's."""
    return supply.commissioned(other_maker)


@pytest.fixture
def packing(supply, custody, lot):
    """Every call that packs or unpacks as a holder, with arguments that are taken of its key."""

    def calls(container, pallet):
        return {
            "pack": (custody.pack, supply.reference(), [container], []),
            "add": (custody.add, container, [], []),
            "unpackCases": (custody.unpackCases, pallet, [supply.reference()], [0], 0),
            "unpackUnits": (custody.unpackUnits, [unit(lot, 0, pallet)]),
        }

    return calls


# ---------------------------------------------------------------------- who


@pytest.mark.parametrize("call", ["packRange", "pack", "add", "unpackCases", "unpackUnits"])
def test_packing_reverts_unless_the_callers_organization_may_hold_medicine(
    supply, custody, packing, lot, maker, pallet, carrier, regulator, suspend, stranger, call
):
    tote = supply.packed(maker)
    calls = packing(tote, pallet) | {"packRange": (custody.packRange, supply.reference(), lot.id, 40, 4, 0)}
    for other in (carrier, regulator):
        expected = ("OrganizationRegistryMissingMemberRole", other.id, HOLDERS)
        assert refusal(*calls[call], sender=other.key) == expected
    assert refusal(*calls[call], sender=stranger) == ("OrganizationRegistryUnknownKey", stranger.address)
    suspend(maker)
    assert refusal(*calls[call], sender=maker.key) == ("OrganizationRegistryNotInGoodStanding", maker.id, 2)


@pytest.mark.parametrize("call", ["pack", "add", "unpackCases", "unpackUnits"])
def test_packing_reverts_for_all_but_the_holder(supply, packing, maker, pallet, pharmacy, call):
    tote = supply.packed(maker)
    method, *arguments = packing(tote, pallet)[call]
    error, _, *rest = refusal(method, *arguments, sender=pharmacy.key)
    assert (error, *rest) == ("CustodyNotTheHolder", maker.id, pharmacy.id)


@pytest.mark.parametrize("call", ["packRange", "pack", "add", "unpackCases", "unpackUnits"])
def test_packing_reverts_while_halted(supply, custody, packing, lot, maker, pallet, guardian, call):
    tote = supply.packed(maker)
    calls = packing(tote, pallet) | {"packRange": (custody.packRange, supply.reference(), lot.id, 40, 4, 0)}
    send(custody.halt, sender=guardian)
    assert refusal(*calls[call], sender=maker.key) == ("HaltableHalted", chain_time())


# ---------------------------------------------------------------------- packRange


def test_pack_range_makes_a_container_of_its_maker(supply, custody, lot, maker):
    reference = supply.reference()
    receipt = send(custody.packRange, reference, lot.id, 4, 12, 3, sender=maker.key)
    container = container_id(maker.id, reference)
    assert events(receipt, custody) == [
        ("RangePacked", container, maker.id, lot.id, 4, 12, 3, maker.key.address),
    ]
    found = custody.containerOf(container)
    assert (found.state, bytes(found.holder), bytes(found.parent)) == (HELD, maker.id, ZERO_ID)
    assert (bytes(found.lot), found.first, found.count, found.cases) == (lot.id, 4, 12, 3)
    assert (found.opened, found.returned, found.excursion, found.ended) == (False, False, False, 0)
    assert [index for index in range(64) if finds(custody, lot, index, container) == maker.id] == list(range(4, 16))


def test_pack_range_takes_what_a_lot_can_have(supply, custody, maker, lot):
    wide = supply.commissioned(maker, depth=6, tranches=2)
    container = supply.packed_range(wide, 0, 128, 128)
    assert custody.containerOf(container).count == 128
    assert finds(custody, wide, 127, container) == maker.id
    assert finds(custody, wide, 128, container) == ZERO_ID


@pytest.mark.parametrize(("first", "count", "cases"), [(0, 0, 0), (0, 0, 1), (0, 10, 3), (0, 3, 4)])
def test_pack_range_reverts_without_numbers_or_with_unequal_cases(supply, custody, lot, maker, first, count, cases):
    call = (custody.packRange, supply.reference(), lot.id, first, count, cases)
    assert refusal(*call, sender=maker.key) == ("CustodyInvalidRange", first, count, cases)


@pytest.mark.parametrize(("first", "count"), [(0, 1), (39, 1), (63, 2), (64, 1), (2**32 - 1, 2**32 - 1)])
def test_pack_range_reverts_for_numbers_that_are_packed_or_not_commissioned(
    supply, custody, lot, maker, pallet, first, count
):
    call = (custody.packRange, supply.reference(), lot.id, first, count, 0)
    expected = ("LotRegistryInvalidRange", lot.id, first, count, PALLET_UNITS, 64)
    assert refusal(*call, sender=maker.key) == expected


def test_pack_range_leaves_numbers_out_for_good(supply, custody, lot, maker):
    supply.packed_range(lot, 8, 4)
    call = (custody.packRange, supply.reference(), lot.id, 4, 4, 0)
    assert refusal(*call, sender=maker.key)[0] == "LotRegistryInvalidRange"


def test_pack_range_reverts_for_another_makers_lot(supply, custody, lot, maker, other_maker, wholesaler):
    for other in (other_maker, wholesaler):
        call = (custody.packRange, supply.reference(), lot.id, 0, 4, 0)
        assert refusal(*call, sender=other.key) == ("LotRegistryNotTheMaker", lot.id, maker.id, other.id)


def test_pack_range_reverts_for_an_unknown_lot(supply, custody, lot, maker):
    for unknown in (bytes(12), b"\1" * 12):
        call = (custody.packRange, supply.reference(), unknown, 0, 4, 0)
        assert refusal(*call, sender=maker.key) == ("LotRegistryUnknownLot", unknown)


def test_pack_range_reverts_for_a_recalled_lot(supply, custody, lot, maker):
    supply.recall(lot)
    call = (custody.packRange, supply.reference(), lot.id, 0, 4, 0)
    assert refusal(*call, sender=maker.key)[0] == "LotRegistryRecalled"


def test_container_reference_is_used_once(supply, custody, lot, maker, pharmacy, pallet):
    reference = supply.reference()
    supply.deliver(pallet, maker, pharmacy)
    send(custody.pack, reference, [], [], sender=pharmacy.key)
    expected = ("CustodyContainerExists", container_id(pharmacy.id, reference))
    case = (custody.unpackCases, pallet, [reference], [0], 0)
    twice = (custody.unpackCases, pallet, [b"\7" * 32, b"\7" * 32], [0, 1], 0)
    assert refusal(custody.pack, reference, [], [], sender=pharmacy.key) == expected
    assert refusal(*case, sender=pharmacy.key) == expected
    assert refusal(*twice, sender=pharmacy.key) == ("CustodyContainerExists", container_id(pharmacy.id, b"\7" * 32))
    send(custody.pack, reference, [], [], sender=maker.key)
    call = (custody.packRange, reference, lot.id, 40, 4, 0)
    assert refusal(*call, sender=maker.key) == ("CustodyContainerExists", container_id(maker.id, reference))


# ---------------------------------------------------------------------- pack


def test_pack_puts_containers_and_units_into_a_container(supply, custody, lot, maker, pallet):
    loose = supply.packed_range(lot, 40, 8)
    reference = supply.reference()
    units = [unit(lot, 41, loose), unit(lot, 47, loose)]
    receipt = send(custody.pack, reference, [pallet], units, sender=maker.key)
    tote = container_id(maker.id, reference)
    assert events(receipt, custody) == [
        ("MixedPacked", tote, maker.id, maker.key.address),
        ("ContainerNested", pallet, tote),
        ("UnitsMoved", lot.id, 41, tote, maker.id),
        ("UnitsMoved", lot.id, 47, tote, maker.id),
    ]
    found = custody.containerOf(tote)
    assert (found.state, bytes(found.holder), bytes(found.lot), found.count) == (HELD, maker.id, ZERO_ID, 0)
    assert bytes(custody.containerOf(pallet).parent) == tote
    assert [finds(custody, lot, 41, at) for at in (tote, loose, NO_CONTAINER)] == [maker.id, ZERO_ID, ZERO_ID]
    assert [finds(custody, lot, 42, at) for at in (tote, loose, NO_CONTAINER)] == [ZERO_ID, maker.id, ZERO_ID]
    assert finds(custody, lot, 3, pallet) == maker.id


def test_pack_takes_what_is_in_other_containers_out_of_them(supply, custody, lot, maker, pallet):
    inner = supply.packed(maker, [pallet])
    reference = supply.reference()
    receipt = send(custody.pack, reference, [pallet], [], sender=maker.key)
    outer = container_id(maker.id, reference)
    assert events(receipt, custody)[1:] == [
        ("ContainerUnpacked", pallet, inner, maker.id),
        ("ContainerNested", pallet, outer),
    ]
    assert bytes(custody.containerOf(pallet).parent) == outer
    assert refusal(custody.unpack, inner, [pallet], sender=maker.key) == ("CustodyNotNested", pallet, inner)


def test_pack_takes_units_from_a_mixed_container_and_from_none(supply, custody, lot, maker, pallet):
    first = supply.packed(maker, units=[unit(lot, 1, pallet)])
    supply.unpack_units(maker, lot, [2], pallet)
    second = supply.packed(maker, units=[unit(lot, 1, first), unit(lot, 2)])
    assert [finds(custody, lot, index, second) for index in (1, 2)] == [maker.id] * 2
    assert finds(custody, lot, 1, first) == finds(custody, lot, 1, pallet) == ZERO_ID
    assert finds(custody, lot, 2) == finds(custody, lot, 2, pallet) == ZERO_ID


@pytest.mark.parametrize("index", [40, 63, 64, 2**20, 2**160, 2**256 - 1])
def test_pack_reverts_for_units_that_are_not_in_the_container(supply, custody, lot, maker, pallet, index):
    for named in (pallet, NO_CONTAINER):
        call = (custody.pack, supply.reference(), [], [unit(lot, index, named)])
        assert refusal(*call, sender=maker.key) == ("CustodyNotInContainer", lot.id, index, named)


def test_pack_reverts_for_a_unit_by_the_number_of_another_lots(supply, custody, lot, maker, pallet):
    supply.unpack_units(maker, lot, [3], pallet)
    alias = int.from_bytes(lot.id) << 160 | 3
    call = (custody.pack, supply.reference(), [], [(ZERO_ID, alias, NO_CONTAINER)])
    assert refusal(*call, sender=maker.key) == ("CustodyNotInContainer", ZERO_ID, alias, NO_CONTAINER)


def test_pack_reverts_for_another_lots_unit_of_the_same_number(supply, custody, lot, maker, pallet):
    other = supply.commissioned(maker)
    call = (custody.pack, supply.reference(), [], [unit(other, 0, pallet)])
    assert refusal(*call, sender=maker.key) == ("CustodyNotInContainer", other.id, 0, pallet)


def test_pack_reverts_for_a_unit_that_is_named_twice(supply, custody, lot, maker, pallet):
    call = (custody.pack, supply.reference(), [], [unit(lot, 1, pallet), unit(lot, 1, pallet)])
    assert refusal(*call, sender=maker.key) == ("CustodyNotInContainer", lot.id, 1, pallet)


def test_pack_reverts_for_units_that_another_holds(supply, custody, lot, maker, pharmacy, delivered):
    call = (custody.pack, supply.reference(), [], [unit(lot, 1, delivered)])
    expected = ("CustodyNotTheHolder", delivered, pharmacy.id, maker.id)
    assert refusal(*call, sender=maker.key) == expected
    supply.unpack_units(pharmacy, lot, [1], delivered)
    call = (custody.pack, supply.reference(), [], [unit(lot, 1)])
    assert refusal(*call, sender=maker.key) == ("CustodyNotTheHolder", NO_CONTAINER, pharmacy.id, maker.id)


@pytest.mark.parametrize("call", ["pack", "add", "unpackUnits"])
def test_units_that_came_to_an_end_or_are_suspect_are_not_moved(supply, custody, lot, pharmacy, delivered, call):
    tote = supply.packed(pharmacy)
    supply.unpack_units(pharmacy, lot, [9], delivered)
    supply.dispense(pharmacy, lot, 0, delivered)
    supply.suspect(pharmacy, lot, 1, delivered)
    supply.end_units(pharmacy, lot, [2], UnitStatus.DESTROYED, delivered)
    supply.dispense(pharmacy, lot, 9, NO_CONTAINER)
    for index, container in ((0, delivered), (1, delivered), (2, delivered), (9, NO_CONTAINER)):
        units = [unit(lot, index, container)]
        calls = {
            "pack": (custody.pack, supply.reference(), [], units),
            "add": (custody.add, tote, [], units),
            "unpackUnits": (custody.unpackUnits, units),
        }
        assert refusal(*calls[call], sender=pharmacy.key) == ("CustodyUnitNotInSupply", lot.id, index)


def test_unit_whose_dispensing_was_undone_is_moved(supply, custody, lot, pharmacy, delivered):
    supply.dispense(pharmacy, lot, 0, delivered)
    send(supply.lots.undoDispense, lot.id, 0, delivered, sender=pharmacy.key)
    supply.unpack_units(pharmacy, lot, [0], delivered)
    assert finds(custody, lot, 0) == pharmacy.id


def test_pack_reverts_for_an_unknown_container(supply, custody, lot, maker):
    for unknown in (NO_CONTAINER, b"\1" * 12):
        call = (custody.pack, supply.reference(), [unknown], [])
        assert refusal(*call, sender=maker.key) == ("CustodyUnknownContainer", unknown)


def test_pack_reverts_for_what_is_in_a_container_on_its_way(supply, custody, lot, maker, pharmacy, pallet):
    tote = supply.packed(maker, [pallet])
    supply.ship(tote, maker, pharmacy)
    expected = ("CustodyForbiddenTransition", tote, ContainerState.IN_TRANSIT)
    for by in (maker, pharmacy):
        call = (custody.pack, supply.reference(), [pallet], [])
        assert refusal(*call, sender=by.key) == expected
        call = (custody.pack, supply.reference(), [], [unit(lot, 0, pallet)])
        assert refusal(*call, sender=by.key)[0] == "CustodyForbiddenTransition"


def test_pack_reverts_for_the_container_that_it_makes(supply, custody, lot, maker):
    reference = supply.reference()
    container = container_id(maker.id, reference)
    expected = ("CustodyCycle", container, container)
    assert refusal(custody.pack, reference, [container], [], sender=maker.key) == expected


# ---------------------------------------------------------------------- add


def test_add_puts_more_into_a_mixed_container(supply, custody, lot, maker, pallet):
    loose = supply.packed_range(lot, 40, 8)
    tote = supply.packed(maker)
    receipt = send(custody.add, tote, [pallet], [unit(lot, 40, loose)], sender=maker.key)
    assert events(receipt, custody) == [
        ("ContainerNested", pallet, tote),
        ("UnitsMoved", lot.id, 40, tote, maker.id),
    ]
    assert finds(custody, lot, 40, tote) == maker.id


def test_add_reverts_for_a_homogeneous_container(supply, custody, lot, maker, pallet):
    loose = supply.packed_range(lot, 40, 8)
    call = (custody.add, pallet, [], [unit(lot, 40, loose)])
    assert refusal(*call, sender=maker.key) == ("CustodyWrongKind", pallet)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_add_reverts_for_what_the_container_is_in(supply, custody, lot, maker, depth):
    outermost = container = supply.packed(maker)
    for _ in range(depth):
        inner = supply.packed(maker)
        send(custody.add, container, [inner], [], sender=maker.key)
        container = inner
    assert refusal(custody.add, container, [outermost], [], sender=maker.key) == ("CustodyCycle", container, outermost)
    assert refusal(custody.add, container, [container], [], sender=maker.key) == ("CustodyCycle", container, container)


def test_add_reverts_for_what_another_holds(supply, custody, lot, maker, pharmacy, delivered):
    tote = supply.packed(maker)
    expected = ("CustodyNotTheHolder", delivered, pharmacy.id, maker.id)
    assert refusal(custody.add, tote, [delivered], [], sender=maker.key) == expected
    call = (custody.add, tote, [], [unit(lot, 0, delivered)])
    assert refusal(*call, sender=maker.key) == expected


# ---------------------------------------------------------------------- unpack


def test_unpack_takes_containers_out(supply, custody, lot, maker, pallet):
    other = supply.packed_range(lot, 40, 8)
    tote = supply.packed(maker, [pallet, other])
    receipt = send(custody.unpack, tote, [pallet], sender=maker.key)
    assert events(receipt, custody) == [("ContainerUnpacked", pallet, tote, maker.id)]
    assert bytes(custody.containerOf(pallet).parent) == ZERO_ID
    assert bytes(custody.containerOf(other).parent) == tote


def test_unpack_gives_what_was_in_it_to_who_received_it(supply, custody, lot, maker, pharmacy, pallet):
    inner = supply.packed(maker, [pallet])
    tote = supply.packed(maker, [inner])
    supply.deliver(tote, maker, pharmacy)
    send(custody.unpack, inner, [pallet], sender=pharmacy.key)
    assert place(custody, pallet) == (HELD, pharmacy.id)
    assert bytes(custody.containerOf(inner).parent) == tote


def test_unpack_reverts_for_all_but_the_holder(supply, custody, lot, maker, pharmacy, other_pharmacy, pallet, stranger):
    tote = supply.packed(maker, [pallet])
    expected = ("CustodyNotTheHolder", tote, maker.id, other_pharmacy.id)
    assert refusal(custody.unpack, tote, [pallet], sender=other_pharmacy.key) == expected
    expected = ("OrganizationRegistryUnknownKey", stranger.address)
    assert refusal(custody.unpack, tote, [pallet], sender=stranger) == expected
    supply.deliver(tote, maker, pharmacy)
    expected = ("CustodyNotTheHolder", tote, pharmacy.id, maker.id)
    assert refusal(custody.unpack, tote, [pallet], sender=maker.key) == expected


def test_unpack_reverts_for_what_is_not_in_the_container(supply, custody, lot, maker, pallet):
    tote, other = supply.packed(maker, [pallet]), supply.packed(maker)
    assert refusal(custody.unpack, other, [pallet], sender=maker.key) == ("CustodyNotNested", pallet, other)
    assert refusal(custody.unpack, pallet, [tote], sender=maker.key) == ("CustodyNotNested", tote, pallet)
    assert refusal(custody.unpack, tote, [pallet, pallet], sender=maker.key) == ("CustodyNotNested", pallet, tote)
    assert refusal(custody.unpack, tote, [b"\1" * 12], sender=maker.key) == ("CustodyNotNested", b"\1" * 12, tote)


def test_unpack_stops_for_no_suspension_and_no_halt(supply, custody, lot, maker, pallet, suspend, guardian):
    tote = supply.packed(maker, [pallet])
    suspend(maker)
    send(custody.halt, sender=guardian)
    send(custody.unpack, tote, [pallet], sender=maker.key)
    assert bytes(custody.containerOf(pallet).parent) == ZERO_ID


# ---------------------------------------------------------------------- unpackCases


def test_unpack_cases_takes_equal_parts_out(supply, custody, lot, pharmacy, delivered):
    references = [supply.reference(), supply.reference()]
    receipt = send(custody.unpackCases, delivered, references, [3, 0], 5, sender=pharmacy.key)
    last, first = (container_id(pharmacy.id, reference) for reference in references)
    assert events(receipt, custody) == [
        ("RangePacked", last, pharmacy.id, lot.id, 30, 10, 5, pharmacy.key.address),
        ("ContainerUnpacked", last, delivered, pharmacy.id),
        ("RangePacked", first, pharmacy.id, lot.id, 0, 10, 5, pharmacy.key.address),
        ("ContainerUnpacked", first, delivered, pharmacy.id),
    ]
    found = custody.containerOf(last)
    assert (found.first, found.count, found.cases, bytes(found.parent)) == (30, 10, 5, ZERO_ID)
    places = {
        index: [finds(custody, lot, index, at) != ZERO_ID for at in (delivered, first, last)] for index in range(40)
    }
    assert places == {index: [10 <= index < 30, index < 10, index >= 30] for index in range(40)}


def test_unpack_cases_takes_cases_of_cases(supply, custody, lot, pharmacy, delivered):
    (case,) = supply.unpacked_cases(pharmacy, delivered, [1], 5)
    (box,) = supply.unpacked_cases(pharmacy, case, [4])
    found = custody.containerOf(box)
    assert (found.first, found.count, found.cases) == (18, 2, 0)
    assert [finds(custody, lot, 18, at) for at in (box, case, delivered)] == [pharmacy.id, ZERO_ID, ZERO_ID]
    assert finds(custody, lot, 17, case) == pharmacy.id


def test_case_is_without_the_units_that_were_taken_out_of_it_before(supply, custody, lot, pharmacy, delivered):
    supply.unpack_units(pharmacy, lot, [12], delivered)
    (case,) = supply.unpacked_cases(pharmacy, delivered, [1], 5)
    (box,) = supply.unpacked_cases(pharmacy, case, [1])
    assert [finds(custody, lot, 12, at) for at in (NO_CONTAINER, delivered, case, box)] == [
        pharmacy.id,
        ZERO_ID,
        ZERO_ID,
        ZERO_ID,
    ]
    assert finds(custody, lot, 13, box) == pharmacy.id
    call = (custody.unpackUnits, [unit(lot, 12, box)])
    assert refusal(*call, sender=pharmacy.key) == ("CustodyNotInContainer", lot.id, 12, box)


def test_units_are_not_taken_out_of_a_case_that_is_out(supply, custody, lot, pharmacy, delivered):
    supply.unpacked_cases(pharmacy, delivered, [1])
    call = (custody.unpackUnits, [unit(lot, 12, delivered)])
    assert refusal(*call, sender=pharmacy.key) == ("CustodyNotInContainer", lot.id, 12, delivered)


def test_unpack_cases_reverts_for_a_case_that_is_out_or_not_there(supply, custody, lot, pharmacy, delivered):
    supply.unpacked_cases(pharmacy, delivered, [1])
    for number in (1, PALLET_CASES, 255):
        call = (custody.unpackCases, delivered, [supply.reference()], [number], 0)
        assert refusal(*call, sender=pharmacy.key) == ("CustodyNoSuchCase", delivered, number)
    call = (custody.unpackCases, delivered, [supply.reference(), supply.reference()], [2, 2], 0)
    assert refusal(*call, sender=pharmacy.key) == ("CustodyNoSuchCase", delivered, 2)


def test_unpack_cases_takes_the_last_of_255(supply, custody, maker, lot):
    wide = supply.commissioned(maker, depth=8)
    container = supply.packed_range(wide, 0, 255, 255)
    (case,) = supply.unpacked_cases(maker, container, [254])
    assert finds(custody, wide, 254, case) == maker.id
    assert finds(custody, wide, 254, container) == ZERO_ID
    assert finds(custody, wide, 253, container) == maker.id


def test_unpack_cases_reverts_unless_the_container_has_cases(supply, custody, lot, maker):
    plain, mixed = supply.packed_range(lot, 0, 8), supply.packed(maker)
    for container in (plain, mixed):
        call = (custody.unpackCases, container, [supply.reference()], [0], 0)
        assert refusal(*call, sender=maker.key) == ("CustodyWrongKind", container)


def test_unpack_cases_reverts_with_as_many_references_as_cases_only(supply, custody, pharmacy, delivered):
    call = (custody.unpackCases, delivered, [supply.reference()], [0, 1], 0)
    assert refusal(*call, sender=pharmacy.key) == ("CustodyWrongKind", delivered)


def test_unpack_cases_reverts_if_a_case_has_no_equal_parts(supply, custody, pharmacy, delivered):
    call = (custody.unpackCases, delivered, [supply.reference()], [2], 3)
    assert refusal(*call, sender=pharmacy.key) == ("CustodyInvalidRange", 20, 10, 3)


# ---------------------------------------------------------------------- unpackUnits


def test_unpack_units_gives_them_to_the_holder(supply, custody, lot, pharmacy, delivered):
    tote = supply.packed(pharmacy, units=[unit(lot, 5, delivered)])
    call = (custody.unpackUnits, [unit(lot, 3, delivered), unit(lot, 5, tote)])
    receipt = send(*call, sender=pharmacy.key)
    assert events(receipt, custody) == [
        ("UnitsMoved", lot.id, 3, NO_CONTAINER, pharmacy.id),
        ("UnitsMoved", lot.id, 5, NO_CONTAINER, pharmacy.id),
    ]
    for index, container in ((3, delivered), (5, tote)):
        assert finds(custody, lot, index) == pharmacy.id
        assert finds(custody, lot, index, container) == ZERO_ID
    holder, (state, also, *_, excursion, _) = custody.find(lot.id, 3, NO_CONTAINER)
    assert (bytes(holder), state, bytes(also), excursion) == (pharmacy.id, HELD, pharmacy.id, False)


def test_unpacked_unit_never_comes_back_into_its_range(supply, custody, lot, maker, pharmacy, delivered):
    supply.unpack_units(pharmacy, lot, [3], delivered)
    supply.deliver(delivered, pharmacy, maker)
    assert finds(custody, lot, 3, delivered) == ZERO_ID
    assert finds(custody, lot, 3) == pharmacy.id
    call = (custody.unpackUnits, [unit(lot, 3)])
    assert refusal(*call, sender=maker.key) == ("CustodyNotTheHolder", NO_CONTAINER, pharmacy.id, maker.id)


def test_unit_has_one_holder_wherever_it_went(supply, custody, lot, maker, pharmacy, other_pharmacy, delivered):
    """Through a unit, a case, a mixed container and two deliveries, each unit is in one of all places."""
    supply.unpack_units(pharmacy, lot, [0, 12], delivered)
    first, second = supply.unpacked_cases(pharmacy, delivered, [0, 1])
    tote = supply.packed(pharmacy, [second], [unit(lot, 0), unit(lot, 1, first), unit(lot, 22, delivered)])
    supply.deliver(tote, pharmacy, other_pharmacy)
    send(custody.unpack, tote, [second], sender=other_pharmacy.key)
    supply.unpack_units(other_pharmacy, lot, [0], tote)
    places = (NO_CONTAINER, delivered, first, second, tote)
    found = {index: [finds(custody, lot, index, at) for at in places] for index in range(PALLET_UNITS)}
    assert {index: sum(holder != ZERO_ID for holder in holders) for index, holders in found.items()} == dict.fromkeys(
        range(PALLET_UNITS), 1
    )
    theirs = [index for index, holders in found.items() if other_pharmacy.id in holders]
    assert theirs == [0, 1, 10, 11, 13, 14, 15, 16, 17, 18, 19, 22]
    assert finds(custody, lot, 12) == pharmacy.id


# ---------------------------------------------------------------------- open


def test_open_marks_a_container_once(supply, custody, lot, pharmacy, delivered):
    receipt = send(custody.open, delivered, sender=pharmacy.key)
    assert events(receipt, custody) == [("ContainerOpened", delivered, pharmacy.id)]
    assert custody.containerOf(delivered).opened
    assert events(send(custody.open, delivered, sender=pharmacy.key), custody) == []


def test_opened_container_is_neither_shipped_nor_packed(supply, custody, lot, maker, pharmacy, delivered):
    tote = supply.packed(pharmacy)
    send(custody.open, delivered, sender=pharmacy.key)
    for call in (
        (custody.ship, delivered, maker.id, ZERO_ID, chain_time() + 99, False, REASON),
        (custody.pack, supply.reference(), [delivered], []),
        (custody.add, tote, [delivered], []),
    ):
        assert refusal(*call, sender=pharmacy.key) == ("CustodyOpened", delivered)


def test_opened_container_goes_back(supply, custody, maker, pharmacy, delivered):
    send(custody.open, delivered, sender=pharmacy.key)
    supply.deliver(delivered, pharmacy, maker, is_return=True)
    assert place(custody, delivered) == (HELD, maker.id)


def test_open_reverts_for_all_but_the_holder(supply, custody, lot, maker, pharmacy, delivered, stranger):
    expected = ("CustodyNotTheHolder", delivered, pharmacy.id, maker.id)
    assert refusal(custody.open, delivered, sender=maker.key) == expected
    assert refusal(custody.open, delivered, sender=stranger) == ("OrganizationRegistryUnknownKey", stranger.address)


def test_open_stops_for_no_suspension_and_no_halt(custody, pharmacy, delivered, suspend, guardian):
    suspend(pharmacy)
    send(custody.halt, sender=guardian)
    send(custody.open, delivered, sender=pharmacy.key)
    assert custody.containerOf(delivered).opened
