// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {IOrganizationRegistry} from "./IOrganizationRegistry.sol";
import {OrganizationId} from "./OrganizationId.sol";

/// @title KeyRegister
/// @notice The keys of organizations over time: the half of {OrganizationRegistry} that knows keys and their cut-offs.
abstract contract KeyRegister is IOrganizationRegistry {
    using Checkpoints for Checkpoints.Trace208;

    /// @dev Stands for a time that never comes.
    uint40 internal constant END_OF_TIME = type(uint40).max;

    /// @dev How far back a controller may set a cut-off.
    uint40 private constant COMPROMISE_WINDOW = 30 days;

    mapping(address key => Key record) private _keys;
    /// @dev Once a cut-off has been moved back: when each was reported, under END_OF_TIME - cut-off, which only grows.
    mapping(address key => Checkpoints.Trace208 reports) private _cutOffReports;

    // ------------------------------------------------------------------ reads

    /// @inheritdoc IOrganizationRegistry
    function organizationOf(address key) external view returns (OrganizationId organization, KeyStatus status) {
        Key storage record = _keys[key];
        return (record.organization, _statusOf(record));
    }

    /// @inheritdoc IOrganizationRegistry
    function organizationAt(address key, uint40 time) external view returns (KeyAtTime memory reading) {
        _requireNotFuture(time);
        Key memory record = _keys[key];
        if (record.organization.isZero() || time < record.addedAt) return reading;
        reading.organization = record.organization;
        if (record.compromisedSince != 0 && time >= record.compromisedSince) {
            reading.compromised = true;
            uint40 movedTo = uint40(_cutOffReports[key].lowerLookup(END_OF_TIME - time));
            reading.reportedAt = movedTo == 0 ? record.reportedAt : movedTo;
        }
        if (record.reportedAt != 0 && time >= record.reportedAt) reading.status = KeyStatus.Compromised;
        else if (record.retiredAt != 0 && time >= record.retiredAt) reading.status = KeyStatus.Retired;
        else reading.status = KeyStatus.Active;
    }

    /// @inheritdoc IOrganizationRegistry
    function keyOf(address key) external view returns (Key memory) {
        return _keys[key];
    }

    /// @inheritdoc IOrganizationRegistry
    function compromiseWindow() external pure returns (uint40) {
        return COMPROMISE_WINDOW;
    }

    // ------------------------------------------------------------------ changes

    function _addKey(OrganizationId organization, address key) internal {
        _keys[key] = Key(organization, _now(), 0, 0, 0);
        emit KeyAdded(organization, key);
    }

    function _reportCompromise(address key, Key storage record, uint40 since, uint40 earliest) internal {
        uint40 current = record.compromisedSince;
        if (current != 0 && since == current) return;
        uint40 latest = current == 0 ? _now() : current;
        if (since < earliest || since > latest) {
            revert OrganizationRegistryCutOffOutOfRange(key, since, earliest, latest);
        }
        record.compromisedSince = since;
        if (current == 0) {
            record.reportedAt = _now();
        } else {
            Checkpoints.Trace208 storage reports = _cutOffReports[key];
            // slither-disable-next-line unused-return
            if (reports.length() == 0) reports.push(END_OF_TIME - current, record.reportedAt);
            // slither-disable-next-line unused-return
            reports.push(END_OF_TIME - since, _now());
        }
        emit KeyCompromised(record.organization, key, since, msg.sender);
    }

    // ------------------------------------------------------------------ checks

    function _knownKey(address key) internal view returns (Key storage record) {
        record = _keys[key];
        if (record.organization.isZero()) revert OrganizationRegistryUnknownKey(key);
    }

    /// @dev A key belongs to one organization for ever, also when it is retired.
    function _requireNewKey(OrganizationId organization, address key) internal view {
        if (key == address(0)) revert OrganizationRegistryInvalidAccount(organization, key);
        OrganizationId holder = _keys[key].organization;
        if (!holder.isZero()) revert OrganizationRegistryKeyTaken(key, holder);
    }

    function _isActiveKeyOf(address key, OrganizationId organization) internal view returns (bool) {
        Key storage record = _keys[key];
        return record.organization == organization && _statusOf(record) == KeyStatus.Active;
    }

    function _organizationOfActiveKey(address key) internal view returns (OrganizationId) {
        Key memory record = _keys[key];
        if (record.organization.isZero()) revert OrganizationRegistryUnknownKey(key);
        _requireActiveKey(key, record);
        return record.organization;
    }

    function _requireNotFuture(uint40 time) internal view {
        if (time > block.timestamp) revert OrganizationRegistryTimeInFuture(time, _now());
    }

    /// @dev How far back the key's controller may set a cut-off now.
    function _earliestCutOff(Key memory record) internal view returns (uint40) {
        if (_now() <= record.addedAt + COMPROMISE_WINDOW) return record.addedAt;
        return _now() - COMPROMISE_WINDOW;
    }

    function _now() internal view returns (uint40) {
        return uint40(block.timestamp);
    }

    function _requireActiveKey(address key, Key memory record) internal pure {
        if (record.compromisedSince != 0) revert OrganizationRegistryKeyCompromised(key, record.compromisedSince);
        if (record.retiredAt != 0) revert OrganizationRegistryKeyRetired(key, record.retiredAt);
    }

    function _statusOf(Key memory record) internal pure returns (KeyStatus) {
        if (record.organization.isZero()) return KeyStatus.Unknown;
        if (record.compromisedSince != 0) return KeyStatus.Compromised;
        if (record.retiredAt != 0) return KeyStatus.Retired;
        return KeyStatus.Active;
    }
}
