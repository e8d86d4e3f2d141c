// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {MemberRole} from "../../../contracts/identity/Roles.sol";
import {ContainerId} from "../../../contracts/serialization/ContainerId.sol";
import {IColdChain} from "../../../contracts/serialization/IColdChain.sol";
import {IPurchaseEscrow} from "../../../contracts/serialization/IPurchaseEscrow.sol";
import {LotId} from "../../../contracts/serialization/LotId.sol";

import {Box, SupplyModel} from "./SupplyModel.sol";

/// @notice The second account, with orders paid on receipt, and with devices and what they signed.
contract OrderModel is SupplyModel {
    bytes32[] internal _orderIds;
    mapping(bytes32 order => IPurchaseEscrow.Order held) internal _orders;
    mapping(ContainerId container => bytes32 order) internal _orderOf;
    mapping(OrganizationId organization => mapping(IERC20 token => uint256 amount)) public creditOf;
    mapping(OrganizationId organization => mapping(IERC20 token => uint256 amount)) public paidOut;

    mapping(bytes32 device => IColdChain.Device held) internal _devices;
    mapping(bytes32 device => IColdChain.Binding held) internal _bindings;
    mapping(LotId lot => IColdChain.Limits limits) internal _limits;

    // ------------------------------------------------------------------ orders

    /// @param received What came in.
    function openOrder(
        OrganizationId by,
        bytes32 orderReference,
        OrganizationId seller,
        IERC20 token,
        uint128 received,
        uint40 deadline
    ) external {
        _mustBeActive(by, ANY);
        _mustBeActive(seller, ANY);
        bytes32 order = keccak256(abi.encode(by, orderReference));
        IPurchaseEscrow.Order storage held = _orders[order];
        _must(held.buyer.isZero(), "an order is opened once");
        _must(deadline > block.timestamp && seller != by && received != 0, "no order");
        (held.buyer, held.seller, held.deadline, held.token) = (by, seller, deadline, token);
        (held.status, held.amount) = (IPurchaseEscrow.OrderStatus.Open, received);
        _orderIds.push(order);
    }

    function shipOrder(
        OrganizationId by,
        ContainerId container,
        OrganizationId receiver,
        OrganizationId carrier,
        uint40 deadline,
        bytes32 order
    ) external {
        ship(by, container, receiver, carrier, deadline, false);
        IPurchaseEscrow.Order storage held = _orders[order];
        _must(held.status == IPurchaseEscrow.OrderStatus.Open && block.timestamp <= held.deadline, "not open");
        _must(held.seller == by && held.buyer == receiver, "between others");
        (held.status, held.container) = (IPurchaseEscrow.OrderStatus.Shipped, container);
        (_orderOf[container], _boxes[container].paidOnReceipt) = (order, true);
    }

    function refund(OrganizationId by, bytes32 order) external {
        _mustBeKnown(by);
        IPurchaseEscrow.Order storage held = _orders[order];
        bool isOpen = held.status == IPurchaseEscrow.OrderStatus.Open;
        bool inPart = held.status == IPurchaseEscrow.OrderStatus.Shipped && held.received;
        _must(isOpen || inPart, "nothing to give back");
        bool buyerMay = by == held.buyer && isOpen && block.timestamp > held.deadline;
        _must(by == held.seller || buyerMay, "not its to give back");
        held.status = held.paid == 0 ? IPurchaseEscrow.OrderStatus.Refunded : IPurchaseEscrow.OrderStatus.Paid;
        creditOf[held.buyer][held.token] += held.amount - held.paid;
    }

    function concede(OrganizationId by, bytes32 order) external {
        _mustBeKnown(by);
        IPurchaseEscrow.Order storage held = _orders[order];
        _must(by == held.buyer, "not the buyer");
        _must(held.status == IPurchaseEscrow.OrderStatus.Shipped && held.received, "not received in part");
        _pay(held, held.amount - held.paid);
    }

    function payOut(OrganizationId by, IERC20 token) external {
        _mustBeKnown(by);
        _must(creditOf[by][token] != 0, "no credit");
        paidOut[by][token] += creditOf[by][token];
        creditOf[by][token] = 0;
    }

    // ------------------------------------------------------------------ cold chain

    /// @param byColdChain Whether the contract calls that may flag.
    function flagExcursion(bool byColdChain, ContainerId container) external {
        _must(byColdChain, "not the cold chain");
        if (!_boxes[container].excursion) _mark(container, false, true);
    }

    /// @param sound Whether the key is one.
    function registerDevice(OrganizationId by, IColdChain.Curve curve, bytes32 x, bytes32 y, bool sound) external {
        _mustBeActive(by, _operators());
        _must(sound, "no key");
        IColdChain.Device storage device = _devices[keccak256(abi.encode(by, curve, x, y))];
        if (device.operator.isZero()) (device.operator, device.curve, device.x, device.y) = (by, curve, x, y);
    }

    function retireDevice(OrganizationId by, bytes32 device) external {
        _mustBeKnown(by);
        _must(_devices[device].operator == by, "not the operator");
        _devices[device].retired = true;
    }

    function setLimits(OrganizationId by, LotId lot, IColdChain.Limits memory limits) external {
        _mustBeActive(by, ANY);
        _must(_batches[lot].maker == by && _areLimits(limits), "not the maker, or no limits");
        _limits[lot] = limits;
    }

    function bindDevice(OrganizationId by, bytes32 device, ContainerId container, IColdChain.Limits memory limits)
        external
    {
        _mustBeActive(by, _operators());
        IColdChain.Device storage held = _devices[device];
        _must(held.operator == by && !held.retired, "not the operator");
        _must(_bindings[device].container.isNoContainer(), "goes with another");
        _must(inHand(container) == by, "not in hand");
        LotId lot = _boxes[container].lot;
        bool ofLot = !lot.isNoLot() && _areLimits(_limits[lot]);
        _must(!ofLot || (limits.lowest == 0 && limits.highest == 0 && limits.highestMean == 0), "the lot has its own");
        if (ofLot) limits = _limits[lot];
        _must(_areLimits(limits), "no limits");
        _bindings[device] = IColdChain.Binding({
            container: container,
            end: uint40(block.timestamp),
            sequence: 0,
            excursions: 0,
            lowest: limits.lowest,
            highest: limits.highest,
            highestMean: limits.highestMean
        });
    }

    function unbindDevice(OrganizationId by, bytes32 device) external {
        _mustBeKnown(by);
        _must(_devices[device].operator == by && !_bindings[device].container.isNoContainer(), "goes with none");
        delete _bindings[device];
    }

    /// @param signed Whether the signature is the device's.
    function recordWindow(IColdChain.Window memory window, bool signed) external {
        IColdChain.Binding storage binding = _bindings[window.device];
        _must(!window.container.isNoContainer() && binding.container == window.container, "goes with another");
        _must(window.sequence == binding.sequence + 1, "a replay, or a gap in sequence");
        _must(window.start == binding.end, "a gap in time");
        _must(window.start < window.end && window.end <= block.timestamp, "no time");
        _must(window.lowest <= window.mean && window.mean <= window.highest, "no temperatures");
        _must(signed && !_devices[window.device].retired, "not signed");
        (binding.sequence, binding.end) = (window.sequence, window.end);
        bool within =
            binding.lowest <= window.lowest && window.highest <= binding.highest && window.mean <= binding.highestMean;
        if (within && window.root != 0) return;
        ++binding.excursions;
        bool ofHand = inHand(window.container) == _devices[window.device].operator;
        if (ofHand && !_boxes[window.container].excursion) _mark(window.container, false, true);
    }

    // ------------------------------------------------------------------ reads

    function orderCount() external view returns (uint256) {
        return _orderIds.length;
    }

    function orderAt(uint256 i) external view returns (bytes32) {
        return _orderIds[i];
    }

    function orderOf(bytes32 order) external view returns (IPurchaseEscrow.Order memory) {
        return _orders[order];
    }

    function deviceOf(bytes32 device) external view returns (IColdChain.Device memory) {
        return _devices[device];
    }

    function bindingOf(bytes32 device) external view returns (IColdChain.Binding memory) {
        return _bindings[device];
    }

    // ------------------------------------------------------------------ payment

    function _afterReceipt(ContainerId container, uint16 share, ContainerId rejected) internal override {
        Box storage flag = _boxes[container];
        if (!flag.paidOnReceipt) return;
        flag.paidOnReceipt = false;
        _must(share <= 10_000, "more than all");
        bytes32 order = _orderOf[container];
        IPurchaseEscrow.Order storage held = _orders[order];
        bool bound = held.status == IPurchaseEscrow.OrderStatus.Shipped && held.container == container;
        _must(bound, "not shipped for it");
        _pay(held, uint128(uint256(held.amount) * share / 10_000));
        if (share == 10_000) return;
        held.container = rejected;
        (_orderOf[rejected], _boxes[rejected].paidOnReceipt) = (order, true);
    }

    function _afterRefusal(ContainerId container) internal override {
        if (!_boxes[container].paidOnReceipt) return;
        _boxes[container].paidOnReceipt = false;
        IPurchaseEscrow.Order storage held = _orders[_orderOf[container]];
        if (held.status != IPurchaseEscrow.OrderStatus.Shipped || held.received) return;
        (held.status, held.container) = (IPurchaseEscrow.OrderStatus.Open, ContainerId.wrap(0));
    }

    function _pay(IPurchaseEscrow.Order storage held, uint128 amount) private {
        (held.paid, held.received) = (held.paid + amount, true);
        if (held.paid == held.amount) held.status = IPurchaseEscrow.OrderStatus.Paid;
        creditOf[held.seller][held.token] += amount;
    }

    function _areLimits(IColdChain.Limits memory limits) private pure returns (bool) {
        bool none = limits.lowest == 0 && limits.highest == 0 && limits.highestMean == 0;
        return !none && limits.lowest <= limits.highestMean && limits.highestMean <= limits.highest;
    }

    function _operators() private pure returns (uint32) {
        return uint32(1) << uint8(MemberRole.DeviceOperator);
    }
}
