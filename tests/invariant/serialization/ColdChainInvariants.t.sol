// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {console} from "forge-std/console.sol";

import {ColdChain} from "../../../contracts/serialization/ColdChain.sol";
import {IColdChain} from "../../../contracts/serialization/IColdChain.sol";

import {ColdChainHandler} from "./ColdChainHandler.sol";
import {OrderModel} from "./OrderModel.sol";
import {SerializationFixture} from "./SerializationFixture.sol";
import {Rule} from "./SupplyWatch.sol";

/// @notice The invariants of the cold chain; tests/invariant/README.md lists them in prose.
/// forge-config: default.invariant.fail-on-revert = true
contract ColdChainInvariants is SerializationFixture {
    ColdChainHandler internal handler;
    OrderModel internal model;

    function setUp() public override {
        super.setUp();
        handler = new ColdChainHandler(stage);
        model = handler.model();
        bytes4[] memory acts = new bytes4[](9);
        (acts[0], acts[1]) = (handler.tendDevice.selector, handler.tendDevice.selector);
        (acts[2], acts[3]) = (handler.recordWindow.selector, handler.recordWindow.selector);
        (acts[4], acts[5]) = (handler.deliver.selector, handler.ship.selector);
        (acts[6], acts[7]) = (handler.receiveShipment.selector, handler.pack.selector);
        acts[8] = handler.takeOut.selector;
        targetSelector(FuzzSelector(address(handler), acts));
        targetContract(address(handler));
    }

    function _newColdChain() internal override returns (IColdChain) {
        return new ColdChain(registry, stage.lots, stage.custody);
    }

    function invariant_windows_follow_without_gap_or_replay() external view {
        assertEq(handler.breach(Rule.Windows), "");
    }

    function invariant_logger_flags_only_what_its_operator_has_in_hand() external view {
        assertEq(handler.breach(Rule.Others), "");
    }

    function invariant_flag_of_a_logger_stays_with_what_it_reached() external view {
        assertEq(handler.breach(Rule.Excursion), "");
    }

    function invariant_devices_and_bindings_equal_the_model() external view {
        _assertBindings();
    }

    function invariant_call_succeeds_exactly_when_the_rules_allow_it() external view {
        assertEq(handler.breach(Rule.Outcome), "");
    }

    function afterInvariant() external view {
        console.log("cold chain calls, accepted", handler.calls(), handler.accepted());
    }

    /// @dev The handler itself, on a fixed stream of choices and in runs of the usual depth, reaches every kind of act.
    function test_handler_reaches_every_act() external {
        vm.pauseGasMetering();
        string[8] memory acts =
            ["register", "retire", "bind", "unbind", "limits", "window", "flagged", "excursion not in hand"];
        uint256[8] memory reached;
        for (uint256 run = 0; run < 8; ++run) {
            setUp();
            for (uint256 step = 0; step < 100; ++step) {
                _drive(uint256(keccak256(abi.encode(run, step))));
            }
            for (uint256 i = 0; i <= uint256(type(Rule).max); ++i) {
                assertEq(handler.breach(Rule(i)), "");
            }
            _assertBindings();
            for (uint256 i = 0; i < acts.length; ++i) {
                reached[i] += handler.reached(acts[i]);
            }
        }
        for (uint256 i = 0; i < acts.length; ++i) {
            console.log(reached[i], acts[i]);
        }
        for (uint256 i = 0; i < acts.length; ++i) {
            assertGt(reached[i], 0, acts[i]);
        }
    }

    function _drive(uint256 seed) private {
        uint256 act = seed % 9;
        if (act < 2) handler.tendDevice(seed);
        else if (act < 4) handler.recordWindow(seed);
        else if (act == 4) handler.deliver(seed);
        else if (act == 5) handler.ship(seed);
        else if (act == 6) handler.receiveShipment(seed);
        else if (act == 7) handler.pack(seed);
        else handler.takeOut(seed);
    }

    function _assertBindings() private view {
        for (uint256 i = 0; i < handler.sensorCount(); ++i) {
            bytes32 device = handler.sensorAt(i);
            assertEq(abi.encode(stage.coldChain.bindingOf(device)), abi.encode(model.bindingOf(device)), "a binding");
            assertEq(abi.encode(stage.coldChain.deviceOf(device)), abi.encode(model.deviceOf(device)), "a device");
        }
    }
}
