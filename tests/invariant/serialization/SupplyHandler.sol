// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Haltable} from "../../../contracts/identity/Haltable.sol";
import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {Replaceable} from "../../../contracts/identity/Replaceable.sol";
import {ContainerId} from "../../../contracts/serialization/ContainerId.sol";
import {ICustody} from "../../../contracts/serialization/ICustody.sol";
import {IPurchaseEscrow} from "../../../contracts/serialization/IPurchaseEscrow.sol";
import {LotId} from "../../../contracts/serialization/LotId.sol";

import {GoodsActs} from "./GoodsActs.sol";
import {MEMBERS, Stage} from "./SerializationFixture.sol";
import {BoxKind, PillKind} from "./SupplyModel.sol";
import {Rule, SupplyWatch} from "./SupplyWatch.sol";

/// @notice What everybody can do to lots, containers, units, orders and devices, one function for each kind of act. Every
/// function lets some time pass (none, half of the time), mostly acts on something that can take it, foretells whether
/// the call succeeds by the model, and calls. It begins with three lots, of which pallets are with all kinds of holders.
contract SupplyHandler is GoodsActs {
    uint256 private constant MOST_ORDERS = 20;

    bool private _stopped;
    uint256 private _suspended; // bit n: member n
    uint256 private _lastBuyer;
    uint256 public orders; // references used

    constructor(Stage memory stage_) SupplyWatch(stage_) {
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(stage_.registrar);
            stage_.lots.assignProduct(PRODUCT, stage_.members[i], true);
        }
        _beginWithGoods();
    }

    // ------------------------------------------------------------------ orders

    function trade(uint256 seed) external {
        _begin(seed);
        uint256 what = _pick(8);
        if (what == 0 || model.orderCount() == 0) return _openOrder();
        if (what < 3) return _payOut();
        _close(_someOrder(what < 6), what < 5);
    }

    /// @dev What is left of an order's money is given to the seller, or back.
    function _close(bytes32 order, bool concedes) private {
        IPurchaseEscrow.Order memory held = model.orderOf(order);
        uint256 by = _caller(concedes || _oneIn(3) ? held.buyer : held.seller);
        bytes memory told;
        bytes memory data;
        if (concedes) {
            told = abi.encodeCall(model.concede, (_idOf(by), order));
            data = abi.encodeCall(stage.escrow.concede, (order));
        } else {
            told = abi.encodeCall(model.refund, (_idOf(by), order));
            data = abi.encodeCall(stage.escrow.refund, (order));
        }
        _act(by, address(stage.escrow), data, told, held.container, concedes ? "concede" : "refund");
    }

    /// @dev Ordered, shipped and received at once.
    function fulfil(uint256 seed) external {
        _begin(seed);
        ContainerId container = _someBox(BoxKind.Outermost);
        IPurchaseEscrow.Order memory wanted;
        uint256 by = 2 + _pick(5);
        (wanted.token, wanted.seller) = (stage.tokens[_pick(2)], model.holderOf(container));
        (wanted.deadline, wanted.amount) = (uint40(block.timestamp + 2 days), uint128(1_000 + _pick(100_000)));
        bytes32 orderReference = bytes32(orders);
        _pay(by, orderReference, wanted);
        bytes32 order = keccak256(abi.encode(_idOf(by), orderReference));
        OrganizationId receiver = _idOf(_oneIn(10) ? _pick(MEMBERS) : by);
        _sendOrder(_caller(wanted.seller), container, receiver, _idOf(7), order);
        if (_oneIn(2)) _answer(container);
        else _receiveInPart(by, container);
        if (_oneIn(3)) _close(order, _oneIn(2));
    }

    function _openOrder() private {
        IPurchaseEscrow.Order memory wanted;
        uint256 by = _oneIn(8) ? _pick(MEMBERS + 1) : 3 + _pick(4);
        wanted.token = stage.tokens[_pick(2)];
        wanted.seller = _oneIn(10) ? _idOf(_pick(MEMBERS + 1)) : model.holderOf(_someBox(BoxKind.Outermost));
        wanted.deadline = uint40(_deadline() + (_oneIn(2) ? 0 : 10 days));
        wanted.amount = uint128(_oneIn(15) ? 0 : 1_000 + _pick(100_000));
        bytes32 orderReference = bytes32(orders);
        if (orders != 0 && (orders >= MOST_ORDERS || _oneIn(4))) {
            (by, orderReference) = (_lastBuyer, bytes32(orders - 1));
        }
        _pay(by, orderReference, wanted);
    }

    function _pay(uint256 by, bytes32 orderReference, IPurchaseEscrow.Order memory wanted) private {
        uint128 fee = wanted.token == stage.tokens[0] ? 0 : wanted.amount / 100;
        bytes memory told = abi.encodeCall(
            model.openOrder,
            (_idOf(by), orderReference, wanted.seller, wanted.token, wanted.amount - fee, wanted.deadline)
        );
        bytes memory data = abi.encodeCall(
            stage.escrow.openOrder, (orderReference, wanted.seller, wanted.token, wanted.amount, wanted.deadline)
        );
        uint256 before = wanted.token.balanceOf(address(stage.escrow));
        if (!_act(by, address(stage.escrow), data, told, _none(), "open order")) return;
        _lastBuyer = by;
        ++orders;
        bytes32 order = keccak256(abi.encode(_idOf(by), orderReference));
        if (paidIn[order] != 0) _break(Rule.Paid, "an order was opened twice");
        paidIn[order] += wanted.token.balanceOf(address(stage.escrow)) - before;
    }

    function _payOut() private {
        IERC20 token = stage.tokens[_pick(2)];
        uint256 by = _pick(MEMBERS + 1);
        for (uint256 i = 0; i < MEMBERS && (by == MEMBERS || model.creditOf(_idOf(by), token) == 0); ++i) {
            if (_oneIn(10)) break;
            by = (by + 1) % MEMBERS;
        }
        address to = address(uint160(0xbeef + by));
        uint256 before = token.balanceOf(address(stage.escrow));
        uint256 credit = stage.escrow.creditOf(_idOf(by), token);
        bytes memory told = abi.encodeCall(model.payOut, (_idOf(by), token));
        bytes memory data = abi.encodeCall(stage.escrow.payOut, (token, to));
        if (!_act(by, address(stage.escrow), data, told, _none(), "pay out")) return;
        if (before - token.balanceOf(address(stage.escrow)) != credit) _break(Rule.Paid, "not what was owed");
    }

    function _shipOrder(ContainerId container, OrganizationId holder) internal override returns (bool) {
        uint256 start = _pick(MOST_ORDERS);
        uint256 length = model.orderCount();
        for (uint256 i = 0; i < length; ++i) {
            bytes32 order = model.orderAt((start + i) % length);
            IPurchaseEscrow.Order memory held = model.orderOf(order);
            if (held.status != IPurchaseEscrow.OrderStatus.Open || held.seller != holder) continue;
            OrganizationId receiver = _oneIn(10) ? stage.members[_pick(MEMBERS)] : held.buyer;
            _sendOrder(_caller(holder), container, receiver, _idOf(_oneIn(2) ? 7 : MEMBERS), order);
            return true;
        }
        return false;
    }

    function _sendOrder(
        uint256 by,
        ContainerId container,
        OrganizationId receiver,
        OrganizationId carrier,
        bytes32 order
    ) private {
        uint40 deadline = _deadline();
        bytes memory told = abi.encodeCall(model.shipOrder, (_idOf(by), container, receiver, carrier, deadline, order));
        bytes memory data =
            abi.encodeCall(stage.custody.shipOrder, (container, receiver, carrier, deadline, bytes32("terms"), order));
        _act(by, address(stage.custody), data, told, container, "ship order");
    }

    function _someOrder(bool inPart) private returns (bytes32 order) {
        uint256 length = model.orderCount();
        uint256 start = _pick(length);
        for (uint256 i = 0; i < length; ++i) {
            order = model.orderAt((start + i) % length);
            IPurchaseEscrow.Order memory held = model.orderOf(order);
            if (inPart && held.received && held.status == IPurchaseEscrow.OrderStatus.Shipped) return order;
            if (!inPart && (held.status == IPurchaseEscrow.OrderStatus.Open || _oneIn(4))) return order;
        }
    }

    // ------------------------------------------------------------------ cold chain

    function flagExcursion(uint256 seed) external {
        _begin(seed);
        ContainerId container = _someBox(_oneIn(2) ? BoxKind.OnItsWay : BoxKind.Inside);
        uint256 by = _oneIn(3) ? _pick(MEMBERS + 1) : COLD_CHAIN;
        if (by == COLD_CHAIN && !_oneIn(3)) return; // or all is flagged
        bytes memory told = abi.encodeCall(model.flagExcursion, (by == COLD_CHAIN, container));
        bytes memory data = abi.encodeCall(stage.custody.flagExcursion, (container));
        _act(by, address(stage.custody), data, told, container, "flag");
    }

    // ------------------------------------------------------------------ rivals, stops, standing and time

    function disturb(uint256 seed) external {
        _begin(seed);
        uint256 what = _pick(8);
        if (what < 2) _rival();
        else if (what < 4) _meddle();
        else if (what == 4) _stop();
        else if (what == 5) _changeStanding(_pick(MEMBERS));
        else vm.warp(block.timestamp + _pick(_oneIn(6) ? 12 days : 1 days));
    }

    /// @dev A rival packs a container of the same SSCC, says that another's goods are in it, and sends it on. Whatever of
    /// that is accepted, what is said of the goods stays as it was.
    function _rival() private {
        (LotId lot, uint256 index) = _somePill(PillKind.Live);
        uint256 rival = _pick(MEMBERS - 1);
        if (model.holderOfPill(lot, index) == _idOf(rival)) return;
        ContainerId goods = model.pillOf(lot, index).container;
        bytes32 before = keccak256(abi.encode(stage.lots.verify(packOf(lot, index, goods))));
        bytes32 containerReference = _reference();
        ContainerId[] memory containers = new ContainerId[](0);
        ICustody.Unit[] memory units = new ICustody.Unit[](1);
        units[0] = ICustody.Unit(lot, index, goods);
        _packBogus(rival, containerReference, containers, units, "bogus units");
        units = new ICustody.Unit[](0);
        if (_packBogus(rival, containerReference, containers, units, "bogus container")) {
            _ship(rival, model.boxIdBy(_idOf(rival), containerReference), 4, false);
        }
        containers = new ContainerId[](1);
        containers[0] = goods;
        _packBogus(rival, _reference(), containers, units, "bogus case");
        if (keccak256(abi.encode(stage.lots.verify(packOf(lot, index, goods)))) != before) {
            _break(Rule.Others, "a rival's container changed what is said of another's unit");
        }
    }

    function _packBogus(
        uint256 rival,
        bytes32 containerReference,
        ContainerId[] memory containers,
        ICustody.Unit[] memory units,
        string memory what
    ) private returns (bool) {
        bytes memory told = abi.encodeCall(model.pack, (_idOf(rival), containerReference, containers, units));
        bytes memory data = abi.encodeCall(stage.custody.pack, (containerReference, containers, units));
        ContainerId about = containers.length == 0 ? _none() : containers[0];
        return _act(rival, address(stage.custody), data, told, about, what);
    }

    function _stop() private {
        (bool custody, bool lots, bool closed) = (model.custodyHalted(), model.lotsHalted(), model.lotsClosed());
        uint256 what = custody ? 0 : lots ? 1 : closed ? 2 : _pick(3);
        address target = what == 0 ? address(stage.custody) : address(stage.lots);
        bool starts = !custody && !lots && !closed;
        if (what == 0) custody = starts;
        else if (what == 1) lots = starts;
        else closed = starts;
        address caller = starts && what != 2 ? stage.guardian : stage.administrator;
        bytes memory data = what == 2
            ? (starts ? abi.encodeCall(Replaceable.closeToNewWork, ()) : abi.encodeCall(Replaceable.openToNewWork, ()))
            : (starts ? abi.encodeCall(Haltable.halt, ()) : abi.encodeCall(Haltable.resume, ()));
        vm.prank(caller);
        (bool done,) = target.call(data);
        if (!done) _break(Rule.Outcome, "a stop was refused");
        model.setStops(custody, lots, closed);
        _stopped = starts;
        string[3] memory names = ["halt custody", "halt lots", "close lots"];
        ++reached[names[what]];
    }

    function _recover() internal override {
        if (_stopped && _oneIn(3)) _stop();
        for (uint256 member = 0; member < MEMBERS; ++member) {
            if (_suspended >> member & 1 != 0 && _oneIn(6)) _changeStanding(member);
        }
    }

    function _changeStanding(uint256 member) private {
        bool suspended = _suspended >> member & 1 != 0;
        _suspended ^= 1 << member;
        vm.prank(stage.registrar);
        if (suspended) stage.registry.reinstate(stage.members[member], IOrganizationRegistry.Reason.Cleared);
        else stage.registry.suspend(stage.members[member], IOrganizationRegistry.Reason.Fraud);
        model.setSuspended(stage.members[member], !suspended);
        ++reached[suspended ? "reinstate" : "suspend"];
    }

    /// @dev What nobody but another contract of the suite, or an officer, may do.
    function _meddle() private {
        uint256 by = _pick(MEMBERS + 1);
        ContainerId container = _someBox(BoxKind.Outermost);
        (LotId lot, uint256 index) = _somePill(PillKind.AtMaker);
        address target = address(stage.custody);
        bytes memory data;
        uint256 what = _pick(8);
        if (what == 0) data = abi.encodeCall(stage.custody.consume, (container, _idOf(by)));
        else if (what == 1) data = abi.encodeCall(stage.custody.flagExcursion, (container));
        else if (what == 2) data = abi.encodeCall(stage.custody.setLots, (stage.stranger));
        else if (what == 3) data = abi.encodeCall(stage.custody.setColdChain, (stage.stranger));
        else if (what == 4) (target, data) = (address(stage.lots), _takeRangeCall(lot, index));
        else target = address(stage.escrow);
        if (what == 5) data = abi.encodeCall(stage.escrow.settle, (container, 10_000, container));
        else if (what == 6) data = abi.encodeCall(stage.escrow.unbind, (container));
        else if (what == 7) data = _bindCall(container);
        _act(by, target, data, abi.encodeWithSignature("forbidden()"), container, "meddle");
    }

    function _takeRangeCall(LotId lot, uint256 index) private view returns (bytes memory) {
        return abi.encodeCall(stage.lots.takeRange, (lot, index, 1, model.batchOf(lot).maker));
    }

    function _bindCall(ContainerId container) private returns (bytes memory) {
        bytes32 order = model.orderCount() == 0 ? bytes32(0) : model.orderAt(_pick(model.orderCount()));
        IPurchaseEscrow.Order memory held = model.orderOf(order);
        return abi.encodeCall(stage.escrow.bind, (order, container, held.seller, held.buyer));
    }

    // ------------------------------------------------------------------ the beginning

    function _beginWithGoods() private {
        uint256 today = block.timestamp / 1 days;
        _commission(0, keccak256(abi.encode("lot", uint256(0))), (today + 200) | (5 << 16));
        _commission(1, keccak256(abi.encode("lot", uint256(1))), (today + 200) | (4 << 16));
        _commission(0, keccak256(abi.encode("lot", uint256(2))), (today + 3) | (3 << 16));
        uint8[6] memory receivers = [4, 3, 5, 2, 6, 4];
        uint8[6] memory firsts = [12, 20, 0, 4, 0, 4]; // the first one's numbers are in two words
        for (uint256 i = 0; i < 6; ++i) {
            uint256 maker = i / 2 % 2;
            uint32 count = i == 0 ? 8 : 4;
            ContainerId container = _packRange(maker, model.lotAt(i / 2), firsts[i], count, i == 3 ? 0 : 2);
            if (i == 5) continue;
            _send(maker, container, receivers[i], false, uint40(block.timestamp + 1 days));
            if (i != 4) _receive(receivers[i], container);
        }
    }
}
