// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";

import {BenefitClass} from "../../../contracts/authorization/BenefitRule.sol";
import {IUnitLedger} from "../../../contracts/authorization/IUnitLedger.sol";
import {UnitLedger} from "../../../contracts/authorization/UnitLedger.sol";

/// @notice Proofs over every input, by halmos (`check_`), of the ledger's arithmetic, from every balance that reserving
/// and using can lead to. The test itself is the ledger's manager and writer.
contract UnitLedgerSymbolicTest is Test {
    bytes16 internal constant MEMBER = "member key";
    uint16 internal constant PERIOD = 2026;
    BenefitClass internal constant CLASS = BenefitClass.wrap(11);

    UnitLedger internal units;

    function setUp() public {
        units = new UnitLedger(address(this));
        units.setWriter(address(this));
    }

    function check_reserve_grants_what_the_limit_leaves(
        uint40 taken,
        uint40 used,
        uint40 milliUnits,
        uint40 limit,
        uint40 minimum
    ) public {
        _begin(taken, used);
        (uint40 granted, uint48 before) = units.reserve(MEMBER, PERIOD, CLASS, milliUnits, limit, minimum);
        assertEq(before, taken);
        if (granted != 0) {
            assertTrue(uint256(taken) + granted <= limit);
            assertTrue(granted <= milliUnits && granted >= minimum);
            assertTrue(granted == milliUnits || uint256(taken) + granted == limit);
        } else {
            uint256 left = taken < limit ? limit - taken : 0;
            assertTrue(milliUnits == 0 || left == 0 || left < minimum || milliUnits < minimum);
        }
        _assertBalance(uint256(taken) - used + granted, used);
    }

    function check_moves_keep_the_sum(uint40 taken, uint40 used, uint40 milliUnits, uint8 move) public {
        _begin(taken, used);
        uint256 reserved = taken - used;
        bool back = move & 1 == 1;
        vm.assume(milliUnits <= (back ? used : reserved));
        if (back) {
            units.restore(MEMBER, PERIOD, CLASS, milliUnits);
            _assertBalance(reserved + milliUnits, uint256(used) - milliUnits);
        } else {
            units.consume(MEMBER, PERIOD, CLASS, milliUnits);
            _assertBalance(reserved - milliUnits, uint256(used) + milliUnits);
        }
    }

    function check_release_gives_back(uint40 taken, uint40 used, uint40 milliUnits) public {
        _begin(taken, used);
        vm.assume(milliUnits <= taken - used);
        units.release(MEMBER, PERIOD, CLASS, milliUnits);
        _assertBalance(uint256(taken) - used - milliUnits, used);
    }

    // ------------------------------------------------------------------ the same, sampled

    function testFuzz_reserve(uint40 taken, uint40 used, uint40 milliUnits, uint40 limit, uint40 minimum) external {
        used = uint40(bound(used, 0, taken));
        check_reserve_grants_what_the_limit_leaves(taken, used, milliUnits, limit, minimum);
    }

    function testFuzz_moves(uint40 taken, uint40 used, uint40 milliUnits, uint8 move) external {
        used = uint40(bound(used, 0, taken));
        milliUnits = uint40(bound(milliUnits, 0, move & 1 == 1 ? used : taken - used));
        check_moves_keep_the_sum(taken, used, milliUnits, move);
    }

    function testFuzz_release(uint40 taken, uint40 used, uint40 milliUnits) external {
        used = uint40(bound(used, 0, taken));
        check_release_gives_back(taken, used, uint40(bound(milliUnits, 0, taken - used)));
    }

    // ------------------------------------------------------------------ the manager, the writer

    function canCall(address, address, bytes4) external pure returns (bool, uint32) {
        return (true, 0);
    }

    function isOpenToNewWork() external pure returns (bool) {
        return false;
    }

    function _begin(uint40 taken, uint40 used) private {
        vm.assume(used <= taken);
        units.reserve(MEMBER, PERIOD, CLASS, taken, type(uint40).max, 0);
        units.consume(MEMBER, PERIOD, CLASS, used);
    }

    function _assertBalance(uint256 reserved, uint256 used) private view {
        IUnitLedger.Balance memory balance = units.balanceOf(MEMBER, PERIOD, CLASS);
        assertEq(uint256(balance.reserved), reserved);
        assertEq(uint256(balance.used), used);
    }
}
