// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IOrganizationRegistry} from "../identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {MemberRole, MemberRoles} from "../identity/Roles.sol";
import {ContainerId} from "./ContainerId.sol";
import {ContainerRecord, ContainerRecords} from "./ContainerRecord.sol";
import {Containers} from "./Containers.sol";
import {ICustody} from "./ICustody.sol";
import {ILotRegistry} from "./ILotRegistry.sol";
import {IPurchaseEscrow} from "./IPurchaseEscrow.sol";
import {LotId} from "./LotId.sol";
import {ShipmentRecord, ShipmentRecords} from "./ShipmentRecord.sol";
import {UnitStatus} from "./UnitCells.sol";

/// @title Custody
/// @notice See {ICustody}: the handover of what {Containers} keep.
contract Custody is Containers {
    uint16 private constant WHOLE = 10_000; // basis points

    address private _coldChain;
    IPurchaseEscrow private _escrow;

    /// @param authority The suite's `AccessManager`.
    constructor(address authority, IOrganizationRegistry registry_) AccessManaged(authority) Containers(registry_) {}

    // ------------------------------------------------------------------ handover

    /// @inheritdoc ICustody
    function ship(
        ContainerId container,
        OrganizationId receiver,
        OrganizationId carrier,
        uint40 deadline,
        bool isReturn,
        bytes32 terms
    ) external {
        _ship(container, receiver, carrier, deadline, isReturn, terms, 0);
    }

    /// @inheritdoc ICustody
    function shipOrder(
        ContainerId container,
        OrganizationId receiver,
        OrganizationId carrier,
        uint40 deadline,
        bytes32 terms,
        bytes32 order
    ) external {
        OrganizationId sender = _ship(container, receiver, carrier, deadline, false, terms, ContainerRecords.ESCROWED);
        _escrow.bind(order, container, sender, receiver);
    }

    /// @inheritdoc ICustody
    function handOver(ContainerId container, OrganizationId to) external {
        OrganizationId from = _registry.requireKey(msg.sender);
        ContainerRecord record = _containers[container];
        if (record.state() != ContainerState.InTransit) _revertForbidden(container, record);
        ShipmentRecord shipment = _shipments[container];
        OrganizationId carrier = _carrierOf(shipment);
        if (carrier != from) revert CustodyNotTheCarrier(container, carrier, from);
        _registry.requireActiveOrganization(to, MemberRoles.bit(MemberRole.Carrier) | HOLDERS);
        _shipments[container] = shipment.withCarrier(to);
        emit HandedOver(container, from, to);
    }

    /// @inheritdoc ICustody
    function receiveShipment(ContainerId container) external whenRunning {
        if (_receive(container, _requireHolderRole())) _escrow.settle(container, WHOLE, ContainerId.wrap(0));
    }

    /// @inheritdoc ICustody
    // slither-disable-next-line reentrancy-no-eth (the suite's own contracts, which call nobody back)
    function receiveInPart(
        ContainerId container,
        bytes32 containerReference,
        ContainerId[] calldata containers,
        Unit[] calldata units,
        uint16 acceptedShare,
        bytes32 reason
    ) external whenRunning returns (ContainerId rejected) {
        OrganizationId receiver = _requireHolderRole();
        rejected = _newContainer(receiver, containerReference);
        if (containers.length == 0 && units.length == 0) revert CustodyNothingRejected(container);
        bool escrowed = _receive(container, receiver);
        _containers[rejected] = ContainerRecords.held(receiver);
        emit MixedPacked(rejected, receiver, msg.sender);
        _put(rejected, receiver, container, containers, units);
        _shipments[rejected] = _shipments[container];
        uint256 mark = escrowed && acceptedShare < WHOLE ? ContainerRecords.ESCROWED : 0;
        _containers[rejected] = _containers[rejected].withState(ContainerState.Rejected).withMark(mark);
        emit Rejected(rejected, receiver, msg.sender, reason);
        if (escrowed) _escrow.settle(container, acceptedShare, rejected);
    }

    /// @inheritdoc ICustody
    function reject(ContainerId container, bytes32 reason) external {
        OrganizationId receiver = _registry.requireKey(msg.sender);
        ContainerRecord record = _requireReceiver(container, receiver);
        _containers[container] = _settled(container, record).withState(ContainerState.Rejected);
        emit Rejected(container, receiver, msg.sender, reason);
    }

    /// @inheritdoc ICustody
    function confirmReturn(ContainerId container) external {
        (OrganizationId sender, ContainerRecord record) = _requireSender(container);
        if (record.state() != ContainerState.Missing) _requireBackDue(container, record);
        _containers[container] = _settled(container, record).withState(ContainerState.Held).heldAt(sender);
        emit CameBack(container, sender, msg.sender);
    }

    /// @inheritdoc ICustody
    function reportMissing(ContainerId container) external {
        (OrganizationId sender, ContainerRecord record) = _requireSender(container);
        _requireBackDue(container, record);
        _containers[container] = _settled(container, record).withState(ContainerState.Missing);
        emit ReportedMissing(container, sender, msg.sender);
    }

    /// @inheritdoc ICustody
    function verifyReturn(ContainerId container) external whenRunning {
        OrganizationId holder = _registry.requireActive(msg.sender, REDISTRIBUTORS);
        _requireHolder(container, holder);
        ContainerRecord record = _containers[container];
        if (!record.isMarked(ContainerRecords.RETURNED)) return;
        _containers[container] = record.withoutMark(ContainerRecords.RETURNED);
        emit ReturnVerified(container, holder, msg.sender);
    }

    // ------------------------------------------------------------------ ends

    /// @inheritdoc ICustody
    function end(ContainerId container, UnitStatus status, bytes32 reason) external {
        OrganizationId by = _registry.requireKey(msg.sender);
        bool ends = status == UnitStatus.Destroyed || status == UnitStatus.Decommissioned || status == UnitStatus.Stolen
            || status == UnitStatus.Exported;
        if (!ends) revert CustodyInvalidEnd(container, status);
        ContainerRecord record = _containers[container];
        if (record.state() == ContainerState.Missing && _shipments[container].sender() == by) {
            _containers[container] = record.withState(ContainerState.Held).heldAt(by);
        }
        _end(container, by, status, reason);
    }

    // ------------------------------------------------------------------ other contracts of the suite

    /// @inheritdoc ICustody
    function consume(ContainerId container, OrganizationId repackager) external whenRunning returns (LotId) {
        _requireCaller(address(_lots));
        ContainerRecord record = _containers[container];
        if (record.isMarked(ContainerRecords.RETURNED)) revert CustodyNotVerified(container);
        if (record.isMarked(ContainerRecords.TAKEN_OUT)) revert CustodyNotWhole(container);
        _end(container, repackager, UnitStatus.Repackaged, 0);
        return record.lot();
    }

    /// @inheritdoc ICustody
    function flagExcursion(ContainerId container) external {
        _requireCaller(_coldChain);
        if (_containers[container].isMarked(ContainerRecords.EXCURSION)) return;
        _passOn(container, ContainerRecord.wrap(ContainerRecords.EXCURSION));
        emit ExcursionFlagged(container);
    }

    // ------------------------------------------------------------------ the administrator

    /// @inheritdoc ICustody
    function setLots(address lots_) external restricted {
        if (address(_lots) != address(0)) revert CustodyContractSet(address(_lots));
        _lots = ILotRegistry(lots_);
        emit LotsSet(lots_);
    }

    /// @inheritdoc ICustody
    function setColdChain(address coldChain_) external restricted {
        emit ColdChainChanged(_coldChain, coldChain_);
        _coldChain = coldChain_;
    }

    /// @inheritdoc ICustody
    function setEscrow(address escrow_) external restricted {
        if (address(_escrow) != address(0)) revert CustodyContractSet(address(_escrow));
        _escrow = IPurchaseEscrow(escrow_);
        emit EscrowSet(escrow_);
    }

    // ------------------------------------------------------------------ reads

    /// @inheritdoc ICustody
    function lots() external view returns (address) {
        return address(_lots);
    }

    /// @inheritdoc ICustody
    function coldChain() external view returns (address) {
        return _coldChain;
    }

    /// @inheritdoc ICustody
    function escrow() external view returns (address) {
        return address(_escrow);
    }

    /// @inheritdoc ICustody
    function inHand(ContainerId container) external view returns (OrganizationId organization, LotId lot) {
        lot = _containers[container].lot();
        (ContainerId outermost, ContainerRecord top) = _outermost(container);
        if (top.state() == ContainerState.Held) return (top.organization(), lot);
        if (top.state() == ContainerState.InTransit) organization = _carrierOf(_shipments[outermost]);
    }

    /// @inheritdoc ICustody
    function shipmentOf(ContainerId container) external view returns (Shipment memory) {
        ShipmentRecord held = _shipments[container];
        return Shipment({
            sender: held.sender(),
            carrier: held.carrier(),
            deadline: held.deadline(),
            day: held.day(),
            isReturn: held.isReturning()
        });
    }

    // ------------------------------------------------------------------ changes

    function _ship(
        ContainerId container,
        OrganizationId receiver,
        OrganizationId carrier,
        uint40 deadline,
        bool isReturn,
        bytes32 terms,
        uint256 marks
    ) private returns (OrganizationId sender) {
        sender = isReturn ? _registry.requireKey(msg.sender) : _requireMayShip();
        ContainerRecord record = _requireOutermost(container, sender);
        if (isReturn) {
            marks |= ContainerRecords.RETURNED;
        } else if (record.isMarked(ContainerRecords.OPENED | ContainerRecords.RETURNED)) {
            _revertReturnOnly(container, record);
        }
        if (receiver.isZero() || receiver == sender) revert CustodyInvalidReceiver(container, receiver);
        if (deadline <= block.timestamp) revert CustodyDeadline(container, deadline, uint40(block.timestamp));
        _containers[container] = record.shippedTo(receiver, marks);
        _shipments[container] = ShipmentRecords.shipped(sender, carrier, deadline, isReturn);
        emit Shipped(container, sender, receiver, carrier, deadline, isReturn, terms);
    }

    /// @return escrowed Whether it is paid on receipt.
    function _receive(ContainerId container, OrganizationId receiver) private returns (bool escrowed) {
        ContainerRecord record = _requireReceiver(container, receiver);
        escrowed = record.isMarked(ContainerRecords.ESCROWED);
        _containers[container] = record.withState(ContainerState.Held).withoutMark(ContainerRecords.ESCROWED);
        emit Received(container, receiver, msg.sender);
    }

    /// @dev Frees an order of what was not accepted.
    function _settled(ContainerId container, ContainerRecord record) private returns (ContainerRecord) {
        if (!record.isMarked(ContainerRecords.ESCROWED)) return record;
        _escrow.unbind(container);
        return record.withoutMark(ContainerRecords.ESCROWED);
    }

    function _end(ContainerId container, OrganizationId by, UnitStatus status, bytes32 reason) private {
        ContainerRecord record = _requireOutermost(container, by);
        _containers[container] = record.withEnd(status);
        emit ContainerEnded(container, status, by, msg.sender, reason);
    }

    // ------------------------------------------------------------------ checks

    /// @dev A return is stopped by nothing.
    function _requireMayShip() private view whenRunning returns (OrganizationId) {
        return _requireHolderRole();
    }

    function _requireCaller(address expected) private view {
        if (msg.sender != expected) revert CustodyNotTheContract(msg.sender, expected);
    }

    function _requireOutermost(ContainerId container, OrganizationId by) private view returns (ContainerRecord record) {
        record = _containers[container];
        if (record.isMarked(ContainerRecords.NESTED)) revert CustodyNested(container, record.parent());
        _requireHeldBy(container, record, by);
    }

    function _requireReceiver(ContainerId container, OrganizationId receiver)
        private
        view
        returns (ContainerRecord record)
    {
        record = _containers[container];
        if (record.state() != ContainerState.InTransit || record.isMarked(ContainerRecords.NESTED)) {
            _revertForbidden(container, record);
        }
        if (record.organization() != receiver) {
            revert CustodyNotTheReceiver(container, record.organization(), receiver);
        }
    }

    function _requireSender(ContainerId container)
        private
        view
        returns (OrganizationId sender, ContainerRecord record)
    {
        sender = _registry.requireKey(msg.sender);
        record = _containers[container];
        ContainerState state = record.state();
        bool away =
            state == ContainerState.InTransit || state == ContainerState.Rejected || state == ContainerState.Missing;
        if (!away || record.isMarked(ContainerRecords.NESTED)) _revertForbidden(container, record);
        OrganizationId expected = _shipments[container].sender();
        if (expected != sender) revert CustodyNotTheSender(container, expected, sender);
    }

    /// @dev Rejected, or not accepted in time.
    function _requireBackDue(ContainerId container, ContainerRecord record) private view {
        if (record.state() == ContainerState.Missing) _revertForbidden(container, record);
        uint40 deadline = _shipments[container].deadline();
        if (record.state() == ContainerState.InTransit && block.timestamp <= deadline) {
            revert CustodyDeadline(container, deadline, uint40(block.timestamp));
        }
    }

    // ------------------------------------------------------------------ pure

    function _carrierOf(ShipmentRecord shipment) private pure returns (OrganizationId) {
        return shipment.carrier().isZero() ? shipment.sender() : shipment.carrier();
    }

    function _revertReturnOnly(ContainerId container, ContainerRecord record) private pure {
        if (record.isMarked(ContainerRecords.OPENED)) revert CustodyOpened(container);
        revert CustodyNotVerified(container);
    }

    function _revertForbidden(ContainerId container, ContainerRecord record) private pure {
        if (record.state() == ContainerState.Unknown) revert CustodyUnknownContainer(container);
        revert CustodyForbiddenTransition(container, record.state());
    }
}
