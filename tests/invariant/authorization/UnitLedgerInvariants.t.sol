// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {console} from "forge-std/console.sol";

import {BenefitClass} from "../../../contracts/authorization/BenefitRule.sol";
import {IUnitLedger} from "../../../contracts/authorization/IUnitLedger.sol";
import {RehearsalWork} from "../../../contracts/testing/Rehearsal.sol";

import {PayerFixture} from "./PayerFixture.sol";
import {UnitLedgerHandler} from "./UnitLedgerHandler.sol";

/// @notice The invariants of `UnitLedger`; tests/invariant/README.md lists them in prose.
/// forge-config: default.invariant.fail-on-revert = true
contract UnitLedgerInvariants is PayerFixture {
    UnitLedgerHandler internal handler;

    function setUp() public override {
        super.setUp();
        address[] memory callers = new address[](6);
        callers[0] = address(new RehearsalWork(address(payerManager), registry, ledger));
        callers[1] = address(new RehearsalWork(address(payerManager), registry, ledger));
        (callers[2], callers[3], callers[4], callers[5]) = (payerAdmin, payerPolicyAdministrator, insurerKey, stranger);
        vm.prank(payerPolicyAdministrator);
        units.setWriter(callers[0]);
        handler = new UnitLedgerHandler(units, payerPolicyAdministrator, callers);
        targetContract(address(handler));
    }

    function invariant_reservation_never_passes_its_limit() external view {
        assertEq(handler.limitBreach(), "");
    }

    function invariant_reservation_grants_what_the_limit_leaves() external view {
        assertEq(handler.grantBreach(), "");
    }

    function invariant_balances_equal_the_model() external view {
        for (uint256 n = 0; n < handler.COUNTS(); ++n) {
            IUnitLedger.Balance memory balance = _balanceOf(n);
            assertEq(balance.reserved, handler.reservedOf(n), "reserved");
            assertEq(balance.used, handler.usedOf(n), "used");
        }
    }

    function invariant_units_are_neither_made_nor_lost() external view {
        for (uint256 n = 0; n < handler.COUNTS(); ++n) {
            IUnitLedger.Balance memory balance = _balanceOf(n);
            assertEq(uint256(balance.reserved) + balance.used, handler.granted(n) - handler.released(n));
        }
    }

    function invariant_count_never_passes_the_largest_limit() external view {
        for (uint256 n = 0; n < handler.COUNTS(); ++n) {
            IUnitLedger.Balance memory balance = _balanceOf(n);
            assertLe(uint256(balance.reserved) + balance.used, type(uint40).max);
        }
    }

    function invariant_only_the_writer_changes_a_count() external view {
        assertEq(handler.writerBreach(), "");
        assertEq(units.writer(), handler.writer());
    }

    function invariant_call_succeeds_exactly_when_the_rules_allow_it() external view {
        assertEq(handler.callBreach(), "");
    }

    function afterInvariant() external view {
        console.log("unit calls", handler.calls());
    }

    /// @dev The handler itself, on a fixed stream of choices and in runs of the usual depth, reaches every kind of act.
    function test_handler_reaches_every_act() external {
        vm.pauseGasMetering();
        string[8] memory acts = [
            "reserve",
            "release",
            "consume",
            "restore",
            "set writer",
            "nothing granted",
            "granted in part",
            "a limit that shrank"
        ];
        uint256[8] memory reached;
        for (uint256 run = 0; run < 10; ++run) {
            setUp();
            for (uint256 step = 0; step < 100; ++step) {
                _drive(uint256(keccak256(abi.encode(run, step))));
            }
            for (uint256 i = 0; i < acts.length; ++i) {
                reached[i] += handler.reached(acts[i]);
            }
        }
        for (uint256 i = 0; i < acts.length; ++i) {
            console.log(reached[i], acts[i]);
            assertGt(reached[i], 0, acts[i]);
        }
    }

    function _drive(uint256 seed) private {
        uint256 act = (seed >> 240) % 8;
        uint40 milliUnits = uint40(seed >> 64);
        if (act < 3) handler.reserve(seed, milliUnits, uint40(seed >> 104), uint40(seed >> 144));
        else if (act < 5) handler.consume(seed, milliUnits);
        else if (act == 5) handler.release(seed, milliUnits);
        else if (act == 6) handler.restore(seed, milliUnits);
        else handler.setWriter(seed);
    }

    function _balanceOf(uint256 n) private view returns (IUnitLedger.Balance memory) {
        (bytes16 member, uint16 period, BenefitClass benefitClass) = handler.countOf(n);
        return units.balanceOf(member, period, benefitClass);
    }
}
