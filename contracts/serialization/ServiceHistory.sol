// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IOrganizationRegistry} from "../identity/IOrganizationRegistry.sol";
import {KeySignature} from "../identity/KeySignature.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {MemberRoles} from "../identity/Roles.sol";
import {ContainerId} from "./ContainerId.sol";
import {ICustody} from "./ICustody.sol";
import {ILotRegistry} from "./ILotRegistry.sol";
import {IServiceHistory} from "./IServiceHistory.sol";
import {LotId} from "./LotId.sol";
import {LotKind} from "./LotTerms.sol";
import {UnitStatus} from "./UnitCells.sol";

/// @title ServiceHistory
/// @notice See {IServiceHistory}.
contract ServiceHistory is IServiceHistory, EIP712 {
    /// @dev Of a device; two slots.
    struct History {
        uint32 sequence; // of the last record
        bytes28 last; // the first bytes of the hash of the last record and its key, to tell it sent again
        bytes32 head;
    }

    bytes32 private constant SERVICE_TYPEHASH = keccak256(
        "Service(bytes12 lot,uint256 index,uint32 sequence,uint8 kind,uint40 servicedAt,bytes12 partLot,"
        "uint256 partIndex,bytes32 content)"
    );

    IOrganizationRegistry private immutable _registry;
    ILotRegistry private immutable _lots;
    ICustody private immutable _custody;

    mapping(LotId lot => mapping(uint256 index => History)) private _histories;
    mapping(LotId partLot => mapping(uint256 partIndex => bytes32 device)) private _devices; // that a part is in

    constructor(IOrganizationRegistry registry_, ILotRegistry lots_, ICustody custody_)
        EIP712("careledger ServiceHistory", "1")
    {
        _registry = registry_;
        _lots = lots_;
        _custody = custody_;
    }

    /// @inheritdoc IServiceHistory
    function append(
        Service calldata service,
        ContainerId container,
        ContainerId partContainer,
        address key,
        bytes calldata signature
    ) external {
        OrganizationId caller = _registry.requireKey(msg.sender);
        _requireInHand(service.lot, service.index, container, caller);
        History storage history = _histories[service.lot][service.index];
        bytes32 record = keccak256(abi.encode(key, service));
        if (service.sequence == history.sequence && bytes28(record) == history.last) return;
        if (service.sequence != history.sequence + 1) {
            revert ServiceHistoryNotTheNext(service.lot, service.index, service.sequence, history.sequence);
        }
        bool replaces = _requireValid(service);
        OrganizationId by = _requireSigned(service, key, signature);
        if (replaces) _usePart(service, partContainer, caller);
        _append(service, key, by, record);
    }

    /// @inheritdoc IServiceHistory
    function headOf(LotId lot, uint256 index) external view returns (uint32 sequence, bytes32 head) {
        History storage history = _histories[lot][index];
        return (history.sequence, history.head);
    }

    function _append(Service calldata service, address key, OrganizationId by, bytes32 record) private {
        History storage history = _histories[service.lot][service.index];
        bytes32 head = keccak256(abi.encode(history.head, record));
        (history.sequence, history.last, history.head) = (service.sequence, bytes28(record), head);
        emit DeviceServiced(service.lot, service.index, by, key, service, head);
    }

    /// @dev A part is put into one device, by who has it.
    function _usePart(Service calldata service, ContainerId partContainer, OrganizationId caller) private {
        (LotId lot, uint256 index) = (service.partLot, service.partIndex);
        _requireInHand(lot, index, partContainer, caller);
        // slither-disable-next-line unused-return
        (UnitStatus status, bool suspect,) = _lots.unitOf(lot, index);
        bytes32 device = keccak256(abi.encode(service.lot, service.index));
        bool itself = device == keccak256(abi.encode(lot, index));
        if (status != UnitStatus.InSupply || suspect || itself || _devices[lot][index] != 0) {
            revert ServiceHistoryPartNotUsable(lot, index, status, suspect, _devices[lot][index]);
        }
        _devices[lot][index] = device;
    }

    /// @return replaces Whether a part is put in.
    function _requireValid(Service calldata service) private view returns (bool replaces) {
        replaces = service.kind == ServiceKind.PartReplacement;
        bool named = service.kind != ServiceKind.Unspecified && service.content != 0;
        if (
            !named || service.servicedAt > block.timestamp || replaces == service.partLot.isNoLot()
                || (!replaces && service.partIndex != 0)
        ) {
            revert ServiceHistoryInvalidService(service.kind, service.servicedAt, service.content, service.partLot);
        }
    }

    function _requireSigned(Service calldata service, address key, bytes calldata signature)
        private
        view
        returns (OrganizationId by)
    {
        by = _registry.requireActive(key, MemberRoles.ALL);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(SERVICE_TYPEHASH, service)));
        if (!KeySignature.isValid(key, digest, signature)) revert ServiceHistoryInvalidSignature(key);
    }

    /// @return maker The lot's.
    function _requireUnit(LotId lot, uint256 index) private view returns (OrganizationId maker) {
        ILotRegistry.Lot memory held = _lots.lotOf(lot);
        if (held.kind != LotKind.Device || index >= uint256(held.tranches) << held.depth) {
            revert ServiceHistoryNotADevice(lot, index);
        }
        return held.maker;
    }

    /// @dev The maker, or who holds the device, stands behind a record.
    function _requireInHand(LotId lot, uint256 index, ContainerId container, OrganizationId caller) private view {
        if (_requireUnit(lot, index) == caller) return;
        // slither-disable-next-line unused-return
        (OrganizationId holder,) = _custody.find(lot, index, container);
        if (holder != caller) revert ServiceHistoryNotInHand(lot, index, caller);
    }
}
