// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BenefitClass} from "../../../contracts/authorization/BenefitRule.sol";
import {IUnitLedger} from "../../../contracts/authorization/IUnitLedger.sol";
import {SingleWriter} from "../../../contracts/identity/SingleWriter.sol";
import {RehearsalWork} from "../../../contracts/testing/Rehearsal.sol";

import {PayerFixture} from "./PayerFixture.sol";

/// @notice Units, each way that is refused with its exact error.
///
/// | from \ to | Free         | Reserved    | Used          |
/// | --------- | ------------ | ----------- | ------------- |
/// | Free      |              | `reserve`   | no            |
/// | Reserved  | `release`    |             | `consume`     |
/// | Used      | no           | `restore`   |               |
contract UnitLedgerTest is PayerFixture {
    bytes16 internal constant MEMBER = "member key";
    uint16 internal constant PERIOD = 2026;

    address internal writer;

    function setUp() public override {
        super.setUp();
        writer = address(new RehearsalWork(address(payerManager), registry, ledger));
        vm.prank(payerPolicyAdministrator);
        units.setWriter(writer);
        vm.startPrank(writer);
    }

    /// @dev Two reservations, with any limits and units used in between.
    function testFuzz_reserve_grants_what_the_limit_leaves(
        uint40 first,
        uint40 firstLimit,
        uint40 used,
        uint40 milliUnits,
        uint40 limit,
        uint40 minimum
    ) external {
        (uint40 held, uint48 none) = units.reserve(MEMBER, PERIOD, CLASS, first, firstLimit, 1);
        assertEq(none, 0);
        assertEq(held, first < firstLimit ? first : firstLimit);
        used = uint40(bound(used, 0, held));
        units.consume(MEMBER, PERIOD, CLASS, used);
        (uint40 granted, uint48 taken) = units.reserve(MEMBER, PERIOD, CLASS, milliUnits, limit, minimum);
        assertEq(taken, held);
        uint256 left = held < limit ? limit - held : 0;
        uint256 expected = milliUnits < left ? milliUnits : left;
        assertEq(granted, expected < minimum ? 0 : expected);
        if (granted != 0) assertLe(uint256(held) + granted, limit);
        _assertBalance(uint256(held) - used + granted, used);
    }

    function testFuzz_units_come_back_to_where_they_were(uint40 reserved, uint40 used, uint40 more) external {
        vm.assume(reserved != 0);
        units.reserve(MEMBER, PERIOD, CLASS, reserved, type(uint40).max, 1);
        used = uint40(bound(used, 0, reserved));
        more = uint40(bound(more, 0, reserved - used));
        units.consume(MEMBER, PERIOD, CLASS, used);
        units.consume(MEMBER, PERIOD, CLASS, more);
        units.restore(MEMBER, PERIOD, CLASS, more);
        _assertBalance(reserved - used, used);
        units.restore(MEMBER, PERIOD, CLASS, used);
        units.release(MEMBER, PERIOD, CLASS, reserved);
        _assertBalance(0, 0);
    }

    function testFuzz_units_revert_beyond_what_is_held(uint40 reserved, uint40 used, uint40 milliUnits) external {
        vm.assume(reserved != 0);
        units.reserve(MEMBER, PERIOD, CLASS, reserved, type(uint40).max, 1);
        used = uint40(bound(used, 0, reserved));
        units.consume(MEMBER, PERIOD, CLASS, used);
        if (milliUnits > reserved - used) {
            _expectNotReserved(milliUnits, reserved - used);
            units.release(MEMBER, PERIOD, CLASS, milliUnits);
            _expectNotReserved(milliUnits, reserved - used);
            units.consume(MEMBER, PERIOD, CLASS, milliUnits);
        }
        if (milliUnits > used) {
            _expectNotReserved(milliUnits, used);
            units.restore(MEMBER, PERIOD, CLASS, milliUnits);
        }
        _assertBalance(reserved - used, used);
    }

    /// @dev Wherever the parts of one count end and those of another begin.
    function testFuzz_counts_are_apart(
        bytes16 member,
        bytes16 otherMember,
        uint16 period,
        uint16 otherPeriod,
        uint16 benefitClass,
        uint16 otherClass,
        uint8 same
    ) external {
        if (same & 1 != 0) otherMember = member;
        if (same & 2 != 0) otherPeriod = period;
        if (same & 4 != 0) otherClass = benefitClass;
        vm.assume(member != otherMember || period != otherPeriod || benefitClass != otherClass);
        units.reserve(member, period, BenefitClass.wrap(benefitClass), 5, 9, 1);
        IUnitLedger.Balance memory other = units.balanceOf(otherMember, otherPeriod, BenefitClass.wrap(otherClass));
        assertEq(other.reserved, 0);
        units.reserve(otherMember, otherPeriod, BenefitClass.wrap(otherClass), 7, 9, 1);
        assertEq(units.balanceOf(member, period, BenefitClass.wrap(benefitClass)).reserved, 5);
    }

    /// @dev One slot a count, of which the half above is free.
    function test_balance_is_one_slot() external {
        units.reserve(MEMBER, PERIOD, CLASS, type(uint40).max, type(uint40).max, 1);
        vm.record();
        units.consume(MEMBER, PERIOD, CLASS, 1);
        (, bytes32[] memory writes) = vm.accesses(address(units));
        for (uint256 i = 1; i < writes.length; ++i) {
            assertEq(writes[i], writes[0]);
        }
        assertEq(uint256(vm.load(address(units), writes[0])), (uint256(1) << 48) | (type(uint40).max - 1));
    }

    function testFuzz_units_revert_for_all_but_the_writer(address caller) external {
        vm.assume(caller != writer);
        vm.stopPrank();
        vm.startPrank(caller);
        bytes memory refusal = abi.encodeWithSelector(SingleWriter.SingleWriterNotWriter.selector, caller, writer);
        vm.expectRevert(refusal);
        units.reserve(MEMBER, PERIOD, CLASS, 1, 1, 1);
        vm.expectRevert(refusal);
        units.release(MEMBER, PERIOD, CLASS, 0);
        vm.expectRevert(refusal);
        units.consume(MEMBER, PERIOD, CLASS, 0);
        vm.expectRevert(refusal);
        units.restore(MEMBER, PERIOD, CLASS, 0);
    }

    function _assertBalance(uint256 reserved, uint256 used) private view {
        IUnitLedger.Balance memory balance = units.balanceOf(MEMBER, PERIOD, CLASS);
        assertEq(balance.reserved, reserved, "reserved");
        assertEq(balance.used, used, "used");
    }

    function _expectNotReserved(uint40 milliUnits, uint48 held) private {
        vm.expectRevert(
            abi.encodeWithSelector(IUnitLedger.UnitLedgerNotReserved.selector, MEMBER, PERIOD, CLASS, milliUnits, held)
        );
    }
}
