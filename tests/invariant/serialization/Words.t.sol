// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";

import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {ContainerId} from "../../../contracts/serialization/ContainerId.sol";
import {
    ContainerRecord,
    ContainerRecords,
    UnitPlace,
    UnitPlaces
} from "../../../contracts/serialization/ContainerRecord.sol";
import {ICustody} from "../../../contracts/serialization/ICustody.sol";
import {ILotRegistry} from "../../../contracts/serialization/ILotRegistry.sol";
import {LotId} from "../../../contracts/serialization/LotId.sol";
import {LotRecord, LotRecords} from "../../../contracts/serialization/LotRecord.sol";
import {LotKind, LotTerms} from "../../../contracts/serialization/LotTerms.sol";
import {ShipmentRecord, ShipmentRecords} from "../../../contracts/serialization/ShipmentRecord.sol";
import {UnitCells, UnitCellsLibrary, UnitStatus} from "../../../contracts/serialization/UnitCells.sol";

/// @notice What is packed into a word is read as it was written, and a change touches its own bits alone.
contract WordsTest is Test {
    uint256 private constant TWENTY_BITS = (1 << 20) - 1;
    uint256 private constant MARKS = 7; // of a container, from bit 243 on

    struct Range {
        OrganizationId holder;
        LotId lot;
        uint256 first;
        uint256 count;
        uint8 cases;
    }

    // ------------------------------------------------------------------ containers

    function testFuzz_container_is_read_as_it_was_packed(
        bytes12 holder,
        bytes12 lot,
        uint256 first,
        uint256 count,
        uint8 cases
    ) external pure {
        Range memory range = _range(holder, lot, first, count, cases);
        ContainerRecord record = _recordOf(range);
        _assertRange(record, range);
        assertTrue(record.organization() == range.holder);
        assertEq(uint256(record.state()), uint256(ICustody.ContainerState.Held));
        for (uint256 i = 0; i < MARKS; ++i) {
            assertFalse(record.isMarked(1 << (243 + i)));
        }
        assertEq(uint256(record.ended()), 0);
        ContainerRecord mixed = ContainerRecords.held(range.holder);
        assertTrue(mixed.isMixed() && mixed.organization() == range.holder);
        assertEq(uint256(mixed.state()), uint256(ICustody.ContainerState.Held));
    }

    function testFuzz_marks_of_a_container_are_apart(
        bytes12 lot,
        uint256 first,
        uint256 count,
        uint8 marks,
        uint8 which
    ) external pure {
        Range memory range = _range("holder", lot, first, count, 9);
        ContainerRecord record = _recordOf(range);
        for (uint256 i = 0; i < MARKS; ++i) {
            if (marks >> i & 1 == 1) record = record.withMark(1 << (243 + i));
        }
        which = which % uint8(MARKS);
        ContainerRecord without = record.withoutMark(1 << (243 + which));
        for (uint256 i = 0; i < MARKS; ++i) {
            assertEq(record.isMarked(1 << (243 + i)), marks >> i & 1 == 1);
            assertEq(without.isMarked(1 << (243 + i)), marks >> i & 1 == 1 && i != which);
        }
        _assertRange(record, range);
        _assertRange(without, range);
        ContainerRecord passed = _recordOf(range).withPassed(record);
        for (uint256 i = 0; i < MARKS; ++i) {
            uint256 mark = 1 << (243 + i);
            bool isPassedOn = mark == ContainerRecords.RETURNED || mark == ContainerRecords.EXCURSION;
            assertEq(passed.isMarked(mark), isPassedOn && marks >> i & 1 == 1);
        }
    }

    function testFuzz_container_moves_and_stays_what_it_is(
        bytes12 lot,
        uint256 first,
        uint256 count,
        bytes12 place,
        uint8 marks,
        uint8 ended
    ) external pure {
        Range memory range = _range("holder", lot, first, count, 3);
        uint256 bits = uint256(marks & 0x7e) << 243; // all but nested
        ContainerRecord record = _recordOf(range).withMark(bits);
        ContainerRecord nested = record.inside(ContainerId.wrap(place));
        assertTrue(nested.parent() == ContainerId.wrap(place) && nested.isMarked(ContainerRecords.NESTED));
        ContainerRecord back = nested.heldAt(OrganizationId.wrap(place));
        assertTrue(back.organization() == OrganizationId.wrap(place) && !back.isMarked(ContainerRecords.NESTED));
        ContainerRecord away = record.shippedTo(OrganizationId.wrap(place), ContainerRecords.ESCROWED);
        assertTrue(away.organization() == OrganizationId.wrap(place) && away.isMarked(ContainerRecords.ESCROWED));
        assertEq(uint256(away.state()), uint256(ICustody.ContainerState.InTransit));
        ContainerRecord over = record.withEnd(UnitStatus(ended % 8));
        assertEq(uint256(over.ended()), ended % 8);
        assertEq(uint256(over.state()), uint256(ICustody.ContainerState.Ended));
        assertTrue(over.organization() == range.holder);
        ContainerRecord[4] memory all = [nested, back, away, over];
        for (uint256 i = 0; i < 4; ++i) {
            _assertRange(all[i], range);
            assertEq(ContainerRecord.unwrap(all[i]) & bits, bits, "marks");
        }
    }

    function testFuzz_state_of_a_container_is_its_own_bits(uint256 first, uint8 from, uint8 to) external pure {
        Range memory range = _range("holder", "lot", first, 5, 0);
        ContainerRecord record = _recordOf(range).withState(ICustody.ContainerState(from % 6));
        ContainerRecord changed = record.withState(ICustody.ContainerState(to % 6));
        assertEq(uint256(changed.state()), to % 6);
        assertEq(
            ContainerRecord.unwrap(changed.withState(ICustody.ContainerState(from % 6))), ContainerRecord.unwrap(record)
        );
    }

    function testFuzz_place_of_a_unit_is_one(bytes12 container, bytes12 organization, bytes12 other, bool excursion)
        external
        pure
    {
        vm.assume(container != 0 && other != container);
        UnitPlace inside = UnitPlaces.inContainer(ContainerId.wrap(container));
        UnitPlace unpacked = UnitPlaces.atOrganization(OrganizationId.wrap(organization), excursion);
        ContainerId none = ContainerId.wrap(0);
        assertTrue(UnitPlaces.isSet(inside) && UnitPlaces.isSet(unpacked) && !UnitPlaces.isSet(UnitPlace.wrap(0)));
        assertTrue(UnitPlaces.isIn(inside, ContainerId.wrap(container)));
        assertFalse(UnitPlaces.isIn(inside, ContainerId.wrap(other)) || UnitPlaces.isIn(inside, none));
        assertTrue(UnitPlaces.isIn(unpacked, none) && !UnitPlaces.isIn(unpacked, ContainerId.wrap(container)));
        // An organization of the same bytes as a container is not that container.
        UnitPlace alike = UnitPlaces.atOrganization(OrganizationId.wrap(container), excursion);
        assertFalse(UnitPlaces.isIn(alike, ContainerId.wrap(container)));
        assertTrue(UnitPlaces.organizationOf(unpacked) == OrganizationId.wrap(organization));
        assertEq(UnitPlaces.hadExcursion(unpacked), excursion);
        assertFalse(UnitPlaces.hadExcursion(inside));
    }

    // ------------------------------------------------------------------ shipments

    function testFuzz_shipment_is_read_as_it_was_shipped(
        bytes12 sender,
        bytes12 carrier,
        uint40 deadline,
        uint16 day,
        bool isReturn
    ) external {
        vm.warp(uint256(day) * 1 days + 7);
        ShipmentRecord record =
            ShipmentRecords.shipped(OrganizationId.wrap(sender), OrganizationId.wrap(carrier), deadline, isReturn);
        _assertShipment(record, sender, carrier, deadline, day, isReturn);
    }

    function testFuzz_change_of_a_shipment_is_its_own_bits(
        bytes12 sender,
        bytes12 carrier,
        bytes12 other,
        uint40 deadline,
        uint16 day,
        bool isReturn
    ) external {
        vm.warp(20_000 days);
        ShipmentRecord record =
            ShipmentRecords.shipped(OrganizationId.wrap(sender), OrganizationId.wrap(carrier), deadline, isReturn);
        _assertShipment(record.withCarrier(OrganizationId.wrap(other)), sender, other, deadline, 20_000, isReturn);
        _assertShipment(record.withDay(day), sender, carrier, deadline, day, isReturn);
    }

    // ------------------------------------------------------------------ units

    function testFuzz_cell_is_written_alone(uint256 word, uint256 index, uint8 status, uint256 day) external pure {
        UnitCells cells = UnitCells.wrap(word);
        day = day % (UnitCellsLibrary.LAST_DAY + 1);
        UnitCells changed = cells.withCell(index, UnitStatus(status % 8), day);
        UnitCells suspect = cells.withSuspect(index, true);
        UnitCells cleared = suspect.withSuspect(index, false);
        for (uint256 i = 0; i < 16; ++i) {
            uint256 cell = word >> (16 * i) & 0xffff;
            assertEq(cells.cellOf(i), cell);
            bool other = i != index % 16;
            assertEq(changed.cellOf(i), other ? cell : (status % 8) | day << 4);
            assertEq(suspect.cellOf(i), other ? cell : cell | 8);
            assertEq(cleared.cellOf(i), other ? cell : cell & ~uint256(8));
        }
        uint256 held = changed.cellOf(index);
        assertEq(uint256(UnitCellsLibrary.statusOf(held)), status % 8);
        assertEq(UnitCellsLibrary.dayOf(held), day);
        assertFalse(UnitCellsLibrary.isSuspect(held));
        assertTrue(UnitCellsLibrary.isSuspect(suspect.cellOf(index)));
    }

    // ------------------------------------------------------------------ lots

    function testFuzz_terms_are_read_as_they_were_stated(uint16 expiryDay, uint8 depth, bool device, uint16 today)
        external
        pure
    {
        LotTerms terms = LotTerms.wrap(uint256(expiryDay) | uint256(depth) << 16 | (device ? 1 << 24 : 0));
        assertEq(terms.expiryDay(), expiryDay);
        assertEq(terms.depth(), depth);
        assertEq(uint256(terms.kind()), uint256(device ? LotKind.Device : LotKind.Medicine));
        bool valid = depth <= 20 && (expiryDay > today || (device && expiryDay == 0));
        assertEq(terms.areValid(today), valid);
    }

    function testFuzz_terms_with_bits_that_mean_nothing_are_refused(uint8 bit, uint16 expiryDay) external pure {
        bit = uint8(bound(bit, 25, 255));
        assertFalse(LotTerms.wrap(uint256(expiryDay) | 1 << bit).areValid(0));
    }

    function testFuzz_lot_is_read_as_it_was_commissioned(
        bytes12 maker,
        uint16 day,
        uint16 expiryDay,
        uint8 depth,
        bool device
    ) external pure {
        vm.assume(maker != 0);
        LotTerms terms = LotTerms.wrap(uint256(expiryDay) | uint256(depth) << 16 | (device ? 1 << 24 : 0));
        LotRecord record = LotRecords.commissioned(OrganizationId.wrap(maker), day, terms);
        _assertLot(record, maker, day, terms);
        assertEq(record.tranches(), 1);
        assertEq(record.packed(), 0);
        assertTrue(record.hasTerms(terms) && !record.isUnknown() && !record.isRecalled());
        assertFalse(record.hasTerms(LotTerms.wrap(LotTerms.unwrap(terms) | 1 << 40)));
        assertEq(record.commissionedEnd(), 1 << depth);
    }

    function testFuzz_change_of_a_lot_is_its_own_bits(
        bytes12 maker,
        uint16 day,
        uint24 packed,
        uint8 tranches,
        uint8 class,
        uint8 reason
    ) external pure {
        LotTerms terms = LotTerms.wrap(uint256(30_000) | 12 << 16);
        LotRecord record = LotRecords.commissioned(OrganizationId.wrap(maker), day, terms);
        tranches = tranches % 254;
        for (uint256 i = 0; i < tranches; ++i) {
            record = record.withTranche();
        }
        (class, reason) = (class % 4, reason % 12);
        record = record.withPacked(7).withRecall(ILotRegistry.RecallClass.ClassIII, ILotRegistry.RecallReason.Potency);
        record =
            record.withPacked(packed).withRecall(ILotRegistry.RecallClass(class), ILotRegistry.RecallReason(reason));
        _assertLot(record, maker, day, terms);
        assertEq(record.tranches(), tranches + 1);
        assertEq(record.packed(), packed);
        assertEq(uint256(record.recallClass()), class);
        assertEq(uint256(record.recallReason()), reason);
        assertEq(record.isRecalled(), class != 0);
        assertTrue(record.hasTerms(terms));
    }

    // ------------------------------------------------------------------ parts

    function _range(bytes12 holder, bytes12 lot, uint256 first, uint256 count, uint8 cases)
        private
        pure
        returns (Range memory)
    {
        return Range({
            holder: OrganizationId.wrap(holder),
            lot: LotId.wrap(lot == 0 ? bytes12("lot") : lot),
            first: first & TWENTY_BITS,
            count: (count & TWENTY_BITS) + 1,
            cases: cases
        });
    }

    function _recordOf(Range memory range) private pure returns (ContainerRecord) {
        return ContainerRecords.heldRange(range.holder, range.lot, range.first, range.count, range.cases);
    }

    function _assertRange(ContainerRecord record, Range memory range) private pure {
        assertTrue(record.lot() == range.lot, "lot");
        assertFalse(record.isMixed(), "mixed");
        assertEq(record.first(), range.first, "first");
        assertEq(record.count(), range.count, "count");
        assertEq(record.cases(), range.cases, "cases");
    }

    function _assertShipment(
        ShipmentRecord record,
        bytes12 sender,
        bytes12 carrier,
        uint40 deadline,
        uint16 day,
        bool isReturn
    ) private pure {
        assertTrue(record.sender() == OrganizationId.wrap(sender), "sender");
        assertTrue(record.carrier() == OrganizationId.wrap(carrier), "carrier");
        assertEq(record.deadline(), deadline, "deadline");
        assertEq(record.day(), day, "day");
        assertEq(record.isReturning(), isReturn, "return");
    }

    function _assertLot(LotRecord record, bytes12 maker, uint16 day, LotTerms terms) private pure {
        assertTrue(record.maker() == OrganizationId.wrap(maker), "maker");
        assertEq(record.commissionedDay(), day, "commissioned");
        assertEq(record.expiryDay(), terms.expiryDay(), "expiry");
        assertEq(record.depth(), terms.depth(), "depth");
        assertEq(uint256(record.kind()), uint256(terms.kind()), "kind");
    }
}
