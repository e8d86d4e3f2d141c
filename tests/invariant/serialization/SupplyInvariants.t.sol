// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {console} from "forge-std/console.sol";

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {ContainerId} from "../../../contracts/serialization/ContainerId.sol";
import {ICustody} from "../../../contracts/serialization/ICustody.sol";
import {ILotRegistry} from "../../../contracts/serialization/ILotRegistry.sol";
import {IPurchaseEscrow} from "../../../contracts/serialization/IPurchaseEscrow.sol";
import {LotId} from "../../../contracts/serialization/LotId.sol";
import {UnitStatus} from "../../../contracts/serialization/UnitCells.sol";

import {OrderModel} from "./OrderModel.sol";
import {MEMBERS, SerializationFixture} from "./SerializationFixture.sol";
import {SupplyHandler} from "./SupplyHandler.sol";
import {Batch, Box, Pill, Where} from "./SupplyModel.sol";
import {Rule, SupplyWatch} from "./SupplyWatch.sol";

/// @notice The invariants of lots, custody, payment on receipt and the cold chain; tests/invariant/README.md lists them
/// in prose.
/// forge-config: default.invariant.fail-on-revert = true
contract SupplyInvariants is SerializationFixture {
    SupplyHandler internal handler;
    OrderModel internal model;

    function setUp() public override {
        super.setUp();
        handler = new SupplyHandler(stage);
        model = handler.model();
        targetContract(address(handler));
    }

    // ------------------------------------------------------------------ places

    /// forge-config: default.invariant.check-interval = 5
    function invariant_unit_is_in_one_place_and_has_one_holder() external view {
        _assertOnePlace();
    }

    /// forge-config: default.invariant.check-interval = 10
    function invariant_packing_neither_makes_nor_loses_units() external view {
        _assertPlaces();
    }

    /// forge-config: default.invariant.check-interval = 10
    function invariant_what_was_taken_out_is_in_its_former_container_no_more() external view {
        _assertDepartures();
    }

    function invariant_container_id_is_used_once() external view {
        assertEq(handler.breach(Rule.Reuse), "");
    }

    function invariant_who_does_not_hold_it_changes_nothing() external view {
        assertEq(handler.breach(Rule.Others), "");
    }

    /// forge-config: default.invariant.check-interval = 10
    function invariant_containers_equal_the_model() external view {
        _assertBoxes();
    }

    function invariant_returned_stock_waits_for_verification() external view {
        assertEq(handler.breach(Rule.Returned), "");
    }

    // ------------------------------------------------------------------ units and lots

    function invariant_final_states_stay() external view {
        assertEq(handler.breach(Rule.Final), "");
    }

    function invariant_status_changes_along_its_table() external view {
        assertEq(handler.breach(Rule.Table), "");
    }

    function invariant_nothing_recalled_expired_or_suspect_is_dispensed() external view {
        assertEq(handler.breach(Rule.Barred), "");
    }

    function invariant_dispensing_is_undone_by_its_dispenser_in_time() external view {
        assertEq(handler.breach(Rule.Undo), "");
    }

    function invariant_recall_is_for_good() external view {
        assertEq(handler.breach(Rule.Recall), "");
    }

    /// forge-config: default.invariant.check-interval = 10
    function invariant_lots_and_units_equal_the_model() external view {
        _assertLots();
    }

    /// forge-config: default.invariant.check-interval = 10
    function invariant_verify_follows_from_history_and_place() external view {
        _assertAnswers();
    }

    // ------------------------------------------------------------------ money

    function invariant_order_is_paid_once_and_never_more_than_was_paid_in() external view {
        assertEq(handler.breach(Rule.Paid), "");
    }

    /// forge-config: default.invariant.check-interval = 5
    function invariant_balance_is_credits_and_what_orders_have_left() external view {
        _assertSolvent();
    }

    /// forge-config: default.invariant.check-interval = 10
    function invariant_orders_and_credits_equal_the_model() external view {
        _assertOrders();
    }

    // ------------------------------------------------------------------ cold chain, outcome

    function invariant_excursion_stays_with_what_it_reached() external view {
        assertEq(handler.breach(Rule.Excursion), "");
    }

    function invariant_call_succeeds_exactly_when_the_rules_allow_it() external view {
        assertEq(handler.breach(Rule.Outcome), "");
    }

    function afterInvariant() external view {
        console.log("supply calls, accepted", handler.calls(), handler.accepted());
    }

    /// @dev The handler itself, on a fixed stream of choices and in runs of the usual depth, reaches every kind of act.
    function test_handler_reaches_every_act() external {
        vm.pauseGasMetering();
        string[46] memory acts = _acts();
        uint256[46] memory reached;
        uint256 refused = 0;
        for (uint256 run = 0; run < 24; ++run) {
            setUp();
            for (uint256 step = 0; step < 100; ++step) {
                _drive(uint256(keccak256(abi.encode(run, step))));
            }
            _assertAll();
            for (uint256 i = 0; i < acts.length; ++i) {
                reached[i] += handler.reached(acts[i]);
            }
            refused += handler.calls() - handler.accepted();
        }
        for (uint256 i = 0; i < acts.length; ++i) {
            console.log(reached[i], acts[i]);
        }
        for (uint256 i = 0; i < acts.length; ++i) {
            assertGt(reached[i], 0, acts[i]);
        }
        assertGt(refused, 200, "refused calls");
    }

    function _drive(uint256 seed) private {
        uint256 act = seed % 17;
        if (act == 0) handler.commission(seed);
        else if (act == 1) handler.packRange(seed);
        else if (act == 2) handler.pack(seed);
        else if (act == 3) handler.takeOut(seed);
        else if (act == 4) handler.ship(seed);
        else if (act == 5) handler.receiveShipment(seed);
        else if (act == 6) handler.settleShipment(seed);
        else if (act == 7) handler.dispense(seed);
        else if (act == 8) handler.undoDispense(seed);
        else if (act == 9) handler.finish(seed);
        else if (act == 10) handler.investigate(seed);
        else if (act == 11) handler.recall(seed);
        else if (act == 12) handler.trade(seed);
        else if (act == 13) handler.flagExcursion(seed);
        else if (act == 14) handler.disturb(seed);
        else if (act == 15) handler.deliver(seed);
        else handler.fulfil(seed);
    }

    function _acts() private pure returns (string[46] memory) {
        return [
            "commission",
            "commission again",
            "add tranche",
            "recall",
            "repackage",
            "pack range",
            "pack",
            "add",
            "unpack",
            "unpack cases",
            "unpack units",
            "open",
            "ship",
            "ship back",
            "ship order",
            "receive",
            "receive in part",
            "reject",
            "hand over",
            "verify return",
            "confirm return",
            "report missing",
            "dispense",
            "dispense one",
            "dispense many",
            "undo",
            "end units",
            "end",
            "suspect",
            "clear",
            "illegitimate",
            "notice",
            "open order",
            "refund",
            "concede",
            "pay out",
            "flag",
            "bogus container",
            "halt custody",
            "halt lots",
            "close lots",
            "suspend",
            "reinstate",
            "paid",
            "paid in part",
            "given back"
        ];
    }

    // ------------------------------------------------------------------ what must hold

    function _assertAll() private view {
        for (uint256 i = 0; i <= uint256(type(Rule).max); ++i) {
            assertEq(handler.breach(Rule(i)), "");
        }
        _assertOnePlace();
        _assertPlaces();
        _assertDepartures();
        _assertBoxes();
        _assertLots();
        _assertAnswers();
        _assertSolvent();
        _assertOrders();
    }

    /// @dev By the custody's own answers: of all containers, and none, one at most has a unit. Some units at a time.
    function _assertOnePlace() private view {
        uint256 lots = model.lotCount();
        for (uint256 n = 0; n < 5; ++n) {
            uint256 seed = uint256(keccak256(abi.encode(handler.calls(), n)));
            LotId lot = model.lotAt(seed % lots);
            uint256 index = (seed >> 32) % model.endOf(lot);
            uint256 places = _isAt(lot, index, ContainerId.wrap(0)) ? 1 : 0;
            if (index >= stage.lots.lotOf(lot).packed) ++places;
            for (uint256 i = 0; i < model.boxCount(); ++i) {
                if (_isAt(lot, index, model.boxAt(i))) ++places;
            }
            assertEq(places, model.pillOf(lot, index).where == Where.LeftOut ? 0 : 1, "places of a unit");
        }
    }

    function _isAt(LotId lot, uint256 index, ContainerId container) private view returns (bool) {
        (OrganizationId holder,) = stage.custody.find(lot, index, container);
        return !holder.isZero();
    }

    /// @dev Where each unit was put by what was accepted, there it is, and its holder is who has that.
    function _assertPlaces() private view {
        for (uint256 i = 0; i < model.lotCount(); ++i) {
            LotId lot = model.lotAt(i);
            uint256 end = model.endOf(lot);
            uint256 found = 0;
            uint256 leftOut = 0;
            for (uint256 index = 0; index < end; ++index) {
                Pill memory pill = model.pillOf(lot, index);
                if (pill.where == Where.LeftOut) ++leftOut;
                if (pill.where == Where.AtMaker || pill.where == Where.LeftOut) continue;
                (OrganizationId holder, ICustody.Container memory told) = stage.custody.find(lot, index, pill.container);
                assertTrue(holder == model.holderOfPill(lot, index), "holder of a unit");
                if (pill.where == Where.AtOrganization) {
                    assertEq(told.excursion, pill.excursion, "excursion of a unit");
                }
                ++found;
            }
            assertEq(found + leftOut, stage.lots.lotOf(lot).packed, "units of a lot");
        }
    }

    function _assertDepartures() private view {
        uint256 length = handler.departureCount();
        for (uint256 i = length > 60 ? length - 60 : 0; i < length; ++i) {
            SupplyWatch.Departure memory gone = handler.departureAt(i);
            if (model.pillOf(gone.lot, gone.index).container == gone.from) continue; // it was put back
            assertFalse(_isAt(gone.lot, gone.index, gone.from), "in its former container");
        }
    }

    function _assertBoxes() private view {
        for (uint256 i = 0; i < model.boxCount(); ++i) {
            ContainerId container = model.boxAt(i);
            assertEq(abi.encode(stage.custody.containerOf(container)), abi.encode(model.told(container)), "a container");
            Box memory box = model.boxOf(container);
            assertEq(
                abi.encode(stage.custody.shipmentOf(container)),
                abi.encode(ICustody.Shipment(box.sender, box.carrier, box.deadline, box.shippedDay, box.isReturn)),
                "a shipment"
            );
            (OrganizationId inHand,) = stage.custody.inHand(container);
            assertTrue(inHand == model.inHand(container), "in hand");
        }
    }

    function _assertLots() private view {
        for (uint256 i = 0; i < model.lotCount(); ++i) {
            LotId lot = model.lotAt(i);
            Batch memory batch = model.batchOf(lot);
            ILotRegistry.Lot memory told = stage.lots.lotOf(lot);
            assertTrue(told.maker == batch.maker, "maker");
            assertEq(told.commissionedDay, batch.commissionedDay, "commissioned");
            uint256 terms = told.expiryDay | uint256(told.depth) << 16 | uint256(told.kind) << 24;
            assertEq(terms, batch.terms, "terms");
            assertEq(told.packed, batch.packed, "packed");
            assertEq(told.tranches, batch.tranches, "tranches");
            assertEq(uint256(told.recallClass), batch.recallClass, "class");
            assertEq(uint256(told.recallReason), batch.recallReason, "reason");
            for (uint256 tranche = 0; tranche < 3; ++tranche) {
                assertEq(stage.lots.rootOf(lot, uint8(tranche)), model.rootOf(lot, tranche), "root");
            }
            for (uint256 index = 0; index < model.endOf(lot); ++index) {
                _assertUnit(lot, index);
            }
        }
    }

    function _assertUnit(LotId lot, uint256 index) private view {
        Pill memory pill = model.pillOf(lot, index);
        (UnitStatus status, bool suspect, uint16 day) = stage.lots.unitOf(lot, index);
        assertEq(uint256(status), uint256(pill.status), "status");
        assertEq(suspect, pill.suspect, "suspect");
        assertEq(day, pill.day, "day");
        if (pill.investigation.raisedAt == 0) return;
        assertEq(abi.encode(stage.lots.investigationOf(lot, index)), abi.encode(pill.investigation), "investigation");
    }

    /// @dev The recall and the expiry come first, then what became of it, then where it is. Some units at a time.
    function _assertAnswers() private view {
        for (uint256 n = 0; n < 6; ++n) {
            uint256 seed = uint256(keccak256(abi.encode(handler.calls(), "answers", n)));
            LotId lot = model.lotAt(seed % model.lotCount());
            uint256 index = (seed >> 32) % model.endOf(lot);
            Pill memory pill = model.pillOf(lot, index);
            ContainerId container = n == 5 ? model.boxAt((seed >> 64) % model.boxCount()) : pill.container;
            ILotRegistry.Answer memory answer = stage.lots.verify(handler.packOf(lot, index, container));
            assertEq(uint256(answer.finding), uint256(_finding(lot, pill, container)), "finding");
        }
    }

    function _finding(LotId lot, Pill memory pill, ContainerId container)
        private
        view
        returns (ILotRegistry.PackFinding)
    {
        Batch memory batch = model.batchOf(lot);
        if (batch.recallClass != 0) return ILotRegistry.PackFinding.Recalled;
        uint256 expiry = uint16(batch.terms);
        if (expiry != 0 && block.timestamp / 1 days > expiry) return ILotRegistry.PackFinding.Expired;
        if (pill.suspect) return ILotRegistry.PackFinding.Suspect;
        bool isThere = pill.where != Where.LeftOut && pill.container == container;
        ICustody.Container memory told = model.told(container);
        UnitStatus status = pill.status;
        if (status == UnitStatus.InSupply && isThere) status = told.ended;
        ILotRegistry.PackFinding[8] memory byStatus = [
            ILotRegistry.PackFinding.Verified,
            ILotRegistry.PackFinding.Dispensed,
            ILotRegistry.PackFinding.Destroyed,
            ILotRegistry.PackFinding.Decommissioned,
            ILotRegistry.PackFinding.Stolen,
            ILotRegistry.PackFinding.Exported,
            ILotRegistry.PackFinding.Illegitimate,
            ILotRegistry.PackFinding.Repackaged
        ];
        if (status != UnitStatus.InSupply) return byStatus[uint256(status)];
        if (!isThere) return ILotRegistry.PackFinding.NotInContainer;
        if (told.state == ICustody.ContainerState.Missing) return ILotRegistry.PackFinding.Missing;
        return told.returned ? ILotRegistry.PackFinding.NotForRedistribution : ILotRegistry.PackFinding.Verified;
    }

    /// @dev By what came in and the events of payments, with no help of the orders that are held.
    function _assertSolvent() private view {
        for (uint256 token = 0; token < 2; ++token) {
            uint256 promised = 0;
            for (uint256 i = 0; i < MEMBERS; ++i) {
                promised += stage.escrow.creditOf(stage.members[i], stage.tokens[token]);
            }
            for (uint256 i = 0; i < model.orderCount(); ++i) {
                bytes32 order = model.orderAt(i);
                IPurchaseEscrow.Order memory held = model.orderOf(order);
                if (address(held.token) != address(stage.tokens[token])) continue;
                promised += handler.paidIn(order) - handler.paidFor(order) - handler.givenBack(order);
            }
            assertEq(stage.tokens[token].balanceOf(address(stage.escrow)), promised, "balance");
        }
    }

    function _assertOrders() private view {
        for (uint256 i = 0; i < model.orderCount(); ++i) {
            bytes32 order = model.orderAt(i);
            IPurchaseEscrow.Order memory held = stage.escrow.orderOf(order);
            assertEq(abi.encode(held), abi.encode(model.orderOf(order)), "an order");
            assertEq(held.paid, handler.paidFor(order), "paid");
            assertEq(held.amount, handler.paidIn(order), "amount");
            bool over = held.status > IPurchaseEscrow.OrderStatus.Shipped;
            if (over) assertEq(held.paid + handler.givenBack(order), held.amount, "over");
            else assertEq(handler.givenBack(order), 0, "not over");
        }
        for (uint256 i = 0; i < MEMBERS; ++i) {
            for (uint256 token = 0; token < 2; ++token) {
                IERC20 held = stage.tokens[token];
                assertEq(
                    stage.escrow.creditOf(stage.members[i], held), model.creditOf(stage.members[i], held), "credit"
                );
            }
        }
    }
}
