// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Haltable} from "../identity/Haltable.sol";
import {IOrganizationRegistry} from "../identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {MemberRole} from "../identity/Roles.sol";
import {ContainerId, containerIdOf} from "./ContainerId.sol";
import {ContainerRecord, ContainerRecords, UnitPlace, UnitPlaces} from "./ContainerRecord.sol";
import {ICustody} from "./ICustody.sol";
import {ILotRegistry} from "./ILotRegistry.sol";
import {LotId} from "./LotId.sol";
import {ShipmentRecord} from "./ShipmentRecord.sol";
import {UnitStatus} from "./UnitCells.sol";

/// @title Containers
/// @notice The part of {ICustody} that says what is in what: packing and unpacking, and where a unit or a container is.
abstract contract Containers is ICustody, Haltable {
    using UnitPlaces for UnitPlace;

    /// @dev Who verifies what was returned.
    uint32 internal constant REDISTRIBUTORS = uint32(
        (1 << uint8(MemberRole.Manufacturer)) | (1 << uint8(MemberRole.Repackager))
            | (1 << uint8(MemberRole.Wholesaler))
    );

    /// @dev Who may hold medicine. A carrier never does.
    uint32 internal constant HOLDERS =
        uint32(REDISTRIBUTORS | (1 << uint8(MemberRole.Dispenser)) | (1 << uint8(MemberRole.Provider)));

    /// @dev Of a unit's number in its lot.
    uint256 private constant NUMBER_BITS = 20;

    IOrganizationRegistry internal immutable _registry;

    mapping(ContainerId container => ContainerRecord record) internal _containers;
    mapping(ContainerId container => ShipmentRecord record) internal _shipments;
    mapping(ContainerId container => uint256 numbers) private _casesOut; // bit n: case n was taken out
    mapping(bytes32 unit => UnitPlace place) private _places; // of units taken out of their range, see _unitKey

    ILotRegistry internal _lots;

    constructor(IOrganizationRegistry registry_) {
        _registry = registry_;
    }

    // ------------------------------------------------------------------ packing

    /// @inheritdoc ICustody
    function packRange(bytes32 containerReference, LotId lot, uint32 first, uint32 count, uint8 cases)
        external
        whenRunning
        returns (ContainerId container)
    {
        OrganizationId maker = _requireHolderRole();
        container = _newContainer(maker, containerReference);
        if (count == 0 || (cases != 0 && count % cases != 0)) revert CustodyInvalidRange(first, count, cases);
        _containers[container] = ContainerRecords.heldRange(maker, lot, first, count, cases);
        _lots.takeRange(lot, first, count, maker);
        _emitRangePacked(container, maker, cases);
    }

    /// @inheritdoc ICustody
    function pack(bytes32 containerReference, ContainerId[] calldata containers, Unit[] calldata units)
        external
        whenRunning
        returns (ContainerId container)
    {
        OrganizationId packer = _requireHolderRole();
        container = _newContainer(packer, containerReference);
        _containers[container] = ContainerRecords.held(packer);
        emit MixedPacked(container, packer, msg.sender);
        _put(container, packer, ContainerId.wrap(0), containers, units);
    }

    /// @inheritdoc ICustody
    function add(ContainerId container, ContainerId[] calldata containers, Unit[] calldata units) external whenRunning {
        OrganizationId holder = _requireHolderRole();
        _requireHolder(container, holder);
        if (!_containers[container].isMixed()) revert CustodyWrongKind(container);
        _put(container, holder, ContainerId.wrap(0), containers, units);
    }

    /// @inheritdoc ICustody
    function unpack(ContainerId parent, ContainerId[] calldata containers) external {
        OrganizationId holder = _registry.requireKey(msg.sender);
        ContainerRecord top = _requireHolder(parent, holder);
        uint16 shippedDay = _lastShippedDay(parent);
        for (uint256 i = 0; i < containers.length; ++i) {
            ContainerId container = containers[i];
            ContainerRecord record = _containers[container];
            if (!record.isMarked(ContainerRecords.NESTED) || record.parent() != parent) {
                revert CustodyNotNested(container, parent);
            }
            _keepShippedDay(container, shippedDay);
            _containers[container] = record.heldAt(holder).withPassed(top);
            emit ContainerUnpacked(container, parent, holder);
        }
    }

    /// @inheritdoc ICustody
    function unpackCases(
        ContainerId parent,
        bytes32[] calldata containerReferences,
        uint8[] calldata numbers,
        uint8 cases
    ) external whenRunning {
        OrganizationId holder = _requireHolderRole();
        ContainerRecord top = _requireHolder(parent, holder);
        ContainerRecord record = _containers[parent];
        if (record.cases() == 0 || numbers.length != containerReferences.length) revert CustodyWrongKind(parent);
        uint256 out = _casesOut[parent];
        uint16 shippedDay = _lastShippedDay(parent);
        for (uint256 i = 0; i < numbers.length; ++i) {
            uint256 number = numbers[i];
            if (number >= record.cases() || out >> number & 1 != 0) revert CustodyNoSuchCase(parent, uint8(number));
            out |= 1 << number;
            ContainerId container = _newContainer(holder, containerReferences[i]);
            _containers[container] = _caseOf(record, holder, number, cases).withPassed(top);
            _keepShippedDay(container, shippedDay);
            _emitRangePacked(container, holder, cases);
            emit ContainerUnpacked(container, parent, holder);
        }
        _casesOut[parent] = out;
        _containers[parent] = record.withMark(ContainerRecords.CASES_OUT);
    }

    /// @inheritdoc ICustody
    function unpackUnits(Unit[] calldata units) external whenRunning {
        OrganizationId holder = _requireHolderRole();
        for (uint256 i = 0; i < units.length; ++i) {
            bool excursion = _takeUnit(units[i], holder, false).isMarked(ContainerRecords.EXCURSION);
            _places[_unitKey(units[i].lot, units[i].index)] = UnitPlaces.atOrganization(holder, excursion);
            emit UnitsMoved(units[i].lot, units[i].index, ContainerId.wrap(0), holder);
        }
    }

    /// @inheritdoc ICustody
    function open(ContainerId container) external {
        OrganizationId holder = _registry.requireKey(msg.sender);
        _requireHolder(container, holder);
        ContainerRecord record = _containers[container];
        if (record.isMarked(ContainerRecords.OPENED)) return;
        _containers[container] = record.withMark(ContainerRecords.OPENED);
        emit ContainerOpened(container, holder);
    }

    // ------------------------------------------------------------------ reads

    /// @inheritdoc ICustody
    function requireHeld(LotId lot, uint256[] calldata indices, ContainerId container, OrganizationId by)
        external
        view
    {
        for (uint256 i = 0; i < indices.length; ++i) {
            _requireIn(lot, indices[i], container);
            if (container.isNoContainer()) _requireUnpackedBy(lot, indices[i], by);
        }
        if (!container.isNoContainer()) _requireDispensable(container, by);
    }

    /// @inheritdoc ICustody
    function holderOf(LotId lot, uint256 index, ContainerId container) external view returns (OrganizationId holder) {
        (holder,) = find(lot, index, container);
        if (holder.isZero()) revert CustodyNotInContainer(lot, index, container);
    }

    /// @inheritdoc ICustody
    function lastShippedDay(ContainerId container) external view returns (uint16) {
        return _lastShippedDay(container);
    }

    /// @inheritdoc ICustody
    function requireUnitHeld(LotId lot, uint256 index, ContainerId container, OrganizationId by) public view {
        _requireIn(lot, index, container);
        if (container.isNoContainer()) _requireUnpackedBy(lot, index, by);
        else _requireDispensable(container, by);
    }

    /// @inheritdoc ICustody
    function find(LotId lot, uint256 index, ContainerId container)
        public
        view
        returns (OrganizationId holder, Container memory found)
    {
        if (!_isIn(lot, index, container)) return (holder, found);
        if (container.isNoContainer()) {
            UnitPlace place = _places[_unitKey(lot, index)];
            (found.state, found.excursion) = (ContainerState.Held, place.hadExcursion());
            found.holder = place.organizationOf();
            return (found.holder, found);
        }
        found = containerOf(container);
        holder = found.holder;
    }

    /// @inheritdoc ICustody
    function containerOf(ContainerId container) public view returns (Container memory found) {
        ContainerRecord record = _containers[container];
        if (ContainerRecord.unwrap(record) == 0) return found;
        (ContainerId outermost, ContainerRecord top) = _outermost(container);
        found.state = top.state();
        found.holder = _holderOf(outermost, top);
        if (found.state == ContainerState.InTransit) found.receiver = top.organization();
        if (record.isMarked(ContainerRecords.NESTED)) found.parent = record.parent();
        if (!record.isMixed()) {
            (found.lot, found.first, found.count) = (record.lot(), uint32(record.first()), uint32(record.count()));
            found.cases = uint8(record.cases());
        }
        found.opened = record.isMarked(ContainerRecords.OPENED);
        found.returned = top.isMarked(ContainerRecords.RETURNED);
        found.excursion = top.isMarked(ContainerRecords.EXCURSION);
        found.ended = top.ended();
    }

    // ------------------------------------------------------------------ shared with Custody

    /// @dev Puts containers and units that an organization holds into a mixed container.
    /// @param from The shipment that they have to be of, if they are rejected; else zero.
    function _put(
        ContainerId container,
        OrganizationId holder,
        ContainerId from,
        ContainerId[] calldata containers,
        Unit[] calldata units
    ) internal {
        for (uint256 i = 0; i < containers.length; ++i) {
            ContainerId child = containers[i];
            ContainerRecord top = _requireHolder(child, holder);
            _requireOf(child, from);
            _requireNotInside(container, child);
            ContainerRecord record = _containers[child];
            if (record.isMarked(ContainerRecords.OPENED)) revert CustodyOpened(child);
            if (record.isMarked(ContainerRecords.NESTED)) {
                _keepShippedDay(child, _lastShippedDay(record.parent()));
                emit ContainerUnpacked(child, record.parent(), holder);
            }
            _containers[child] = record.inside(container);
            _passOn(container, top);
            emit ContainerNested(child, container);
        }
        for (uint256 i = 0; i < units.length; ++i) {
            _requireOf(units[i].container, from);
            _passOn(container, _takeUnit(units[i], holder, !from.isNoContainer()));
            _places[_unitKey(units[i].lot, units[i].index)] = UnitPlaces.inContainer(container);
            emit UnitsMoved(units[i].lot, units[i].index, container, holder);
        }
    }

    /// @dev What was out of its temperature, or was returned, stays so wherever it is put: the receiver of what is
    /// outermost has to see it.
    function _passOn(ContainerId container, ContainerRecord from) internal {
        if (ContainerRecord.unwrap(from) & ContainerRecords.PASSED_ON == 0) return;
        ContainerRecord record = _containers[container].withPassed(from);
        _containers[container] = record;
        while (record.isMarked(ContainerRecords.NESTED)) {
            container = record.parent();
            record = _containers[container].withPassed(from);
            _containers[container] = record;
        }
    }

    function _newContainer(OrganizationId packer, bytes32 containerReference)
        internal
        view
        returns (ContainerId container)
    {
        container = containerIdOf(packer, containerReference);
        if (ContainerRecord.unwrap(_containers[container]) != 0) revert CustodyContainerExists(container);
    }

    function _requireHolderRole() internal view returns (OrganizationId) {
        return _registry.requireActive(msg.sender, HOLDERS);
    }

    /// @return top What is outermost, held.
    function _requireHolder(ContainerId container, OrganizationId by) internal view returns (ContainerRecord top) {
        ContainerId outermost;
        (outermost, top) = _outermost(container);
        _requireHeldBy(outermost, top, by);
    }

    /// @return top What is outermost.
    /// @return record Its record, marked with what holds of anything on the way.
    function _outermost(ContainerId container) internal view returns (ContainerId top, ContainerRecord record) {
        (top, record) = (container, _containers[container]);
        while (record.isMarked(ContainerRecords.NESTED)) {
            top = record.parent();
            record = _containers[top].withPassed(record);
        }
    }

    function _requireHeldBy(ContainerId container, ContainerRecord record, OrganizationId by) internal pure {
        ContainerState state = record.state();
        if (state != ContainerState.Held) {
            if (state == ContainerState.Unknown) revert CustodyUnknownContainer(container);
            revert CustodyForbiddenTransition(container, state);
        }
        if (record.organization() != by) revert CustodyNotTheHolder(container, record.organization(), by);
    }

    // ------------------------------------------------------------------ changes

    function _emitRangePacked(ContainerId container, OrganizationId packer, uint8 cases) private {
        ContainerRecord record = _containers[container];
        emit RangePacked(container, packer, record.lot(), record.first(), record.count(), cases, msg.sender);
    }

    /// @dev Takes a unit from where it is.
    /// @param back Whether it goes back, whatever it is.
    /// @return from What it passes on.
    function _takeUnit(Unit calldata unit, OrganizationId holder, bool back) private returns (ContainerRecord from) {
        // slither-disable-next-line unused-return
        (UnitStatus status, bool suspect,) = _lots.unitOf(unit.lot, unit.index);
        if (!back && (status != UnitStatus.InSupply || suspect)) revert CustodyUnitNotInSupply(unit.lot, unit.index);
        _requireIn(unit.lot, unit.index, unit.container);
        if (unit.container.isNoContainer()) {
            UnitPlace place = _places[_unitKey(unit.lot, unit.index)];
            OrganizationId found = place.organizationOf();
            if (found != holder) revert CustodyNotTheHolder(unit.container, found, holder);
            return ContainerRecord.wrap(place.hadExcursion() ? ContainerRecords.EXCURSION : 0);
        }
        from = _requireHolder(unit.container, holder);
        if (!back && from.isMarked(ContainerRecords.RETURNED)) revert CustodyNotVerified(unit.container);
        ContainerRecord record = _containers[unit.container];
        if (record.isMixed() || record.isMarked(ContainerRecords.UNITS_OUT)) return from;
        _containers[unit.container] = record.withMark(ContainerRecords.UNITS_OUT);
    }

    /// @dev A container taken out of another was shipped when that was.
    function _keepShippedDay(ContainerId container, uint16 day) private {
        ShipmentRecord held = _shipments[container];
        if (day > held.day()) _shipments[container] = held.withDay(day);
    }

    // ------------------------------------------------------------------ checks

    /// @dev Reverts unless a container is a shipment, or in it. Anything is of no shipment.
    function _requireOf(ContainerId container, ContainerId shipment) private view {
        if (shipment.isNoContainer()) return;
        (ContainerId outermost,) = _outermost(container);
        if (outermost != shipment) revert CustodyNotNested(container, shipment);
    }

    /// @dev Reverts unless what is in a container may be dispensed.
    function _requireDispensable(ContainerId container, OrganizationId by) private view {
        if (_requireHolder(container, by).isMarked(ContainerRecords.RETURNED)) revert CustodyNotVerified(container);
    }

    /// @dev Of a unit in no container.
    function _requireUnpackedBy(LotId lot, uint256 index, OrganizationId by) private view {
        OrganizationId holder = _places[_unitKey(lot, index)].organizationOf();
        if (holder != by) revert CustodyNotTheHolder(ContainerId.wrap(0), holder, by);
    }

    /// @dev Reverts if a container is what is to be put into it, or inside that.
    function _requireNotInside(ContainerId container, ContainerId child) private view {
        ContainerId above = container;
        while (true) {
            if (above == child) revert CustodyCycle(container, child);
            ContainerRecord record = _containers[above];
            if (!record.isMarked(ContainerRecords.NESTED)) return;
            above = record.parent();
        }
    }

    function _requireIn(LotId lot, uint256 index, ContainerId container) private view {
        if (!_isIn(lot, index, container)) revert CustodyNotInContainer(lot, index, container);
    }

    /// @dev Whether a unit is in a container itself, or in none if it is zero.
    function _isIn(LotId lot, uint256 index, ContainerId container) private view returns (bool) {
        if (index >> NUMBER_BITS != 0) return false;
        if (container.isNoContainer()) return _places[_unitKey(lot, index)].isIn(container);
        ContainerRecord record = _containers[container];
        if (record.isMixed()) return _places[_unitKey(lot, index)].isIn(container);
        uint256 first = record.first();
        if (record.lot() != lot || index < first || index - first >= record.count()) return false;
        if (record.isMarked(ContainerRecords.CASES_OUT)) {
            uint256 number = (index - first) / (record.count() / record.cases());
            if (_casesOut[container] >> number & 1 != 0) return false;
        }
        return !record.isMarked(ContainerRecords.UNITS_OUT) || !_places[_unitKey(lot, index)].isSet();
    }

    function _holderOf(ContainerId container, ContainerRecord record) private view returns (OrganizationId) {
        ContainerState state = record.state();
        bool settled = state == ContainerState.Held || state == ContainerState.Ended;
        return settled ? record.organization() : _shipments[container].sender();
    }

    function _lastShippedDay(ContainerId container) private view returns (uint16 day) {
        if (container.isNoContainer()) return 0;
        while (true) {
            uint16 found = _shipments[container].day();
            if (found > day) day = found;
            ContainerRecord record = _containers[container];
            if (!record.isMarked(ContainerRecords.NESTED)) return day;
            container = record.parent();
        }
    }

    // ------------------------------------------------------------------ pure

    /// @dev A case of a homogeneous container, as one of its own.
    function _caseOf(ContainerRecord record, OrganizationId holder, uint256 number, uint8 cases)
        private
        pure
        returns (ContainerRecord)
    {
        // slither-disable-next-line divide-before-multiply (the count is so many times the cases)
        uint256 size = record.count() / record.cases();
        uint256 first = record.first() + number * size;
        if (cases != 0 && size % cases != 0) revert CustodyInvalidRange(first, size, cases);
        ContainerRecord found = ContainerRecords.heldRange(holder, record.lot(), first, size, cases);
        bool unitsOut = record.isMarked(ContainerRecords.UNITS_OUT);
        return unitsOut ? found.withMark(ContainerRecords.UNITS_OUT) : found;
    }

    function _unitKey(LotId lot, uint256 index) private pure returns (bytes32) {
        return bytes32(LotId.unwrap(lot)) | bytes32(index);
    }
}
