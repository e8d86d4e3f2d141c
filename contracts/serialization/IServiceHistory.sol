// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {OrganizationId} from "../identity/OrganizationId.sol";
import {ContainerId} from "./ContainerId.sol";
import {LotId} from "./LotId.sol";
import {UnitStatus} from "./UnitCells.sol";

/// @title The service history of medical devices
/// @notice Answers, for a device of a lot: what was done to it, by whom, and is the record whole?
///
/// Terms:
/// - *Record*: one maintenance, calibration, repair, part replacement or software update, signed by a key of who did
/// it.   What was done stays off chain, under a salted hash.
/// - *Head*: the hash of all records of a device, so that one that is left out shows.
/// - *Part*: a unit of another lot that was put into the device.
interface IServiceHistory {
    /// @notice What was done.
    enum ServiceKind {
        Unspecified,
        Inspection,
        Calibration,
        Maintenance,
        Repair,
        PartReplacement,
        SoftwareUpdate,
        Decontamination
    }

    /// @notice What the one who did it signs.
    struct Service {
        LotId lot;
        uint256 index;
        uint32 sequence; // from 1
        ServiceKind kind;
        uint40 servicedAt; // Unix seconds
        LotId partLot; // of a part that was put in, else zero
        uint256 partIndex;
        bytes32 content; // a salted hash
    }

    /// @notice A device was serviced.
    event DeviceServiced(
        LotId indexed lot, uint256 indexed index, OrganizationId indexed by, address key, Service service, bytes32 head
    );

    /// @notice Thrown when a lot is not of devices, or the unit is not of the lot.
    error ServiceHistoryNotADevice(LotId lot, uint256 index);
    /// @notice Thrown when a record is not the next of its device.
    error ServiceHistoryNotTheNext(LotId lot, uint256 index, uint32 sequence, uint32 last);
    /// @notice Thrown when a record has no kind, no content or a time ahead, or names a part without replacing one.
    error ServiceHistoryInvalidService(ServiceKind kind, uint40 servicedAt, bytes32 content, LotId partLot);
    /// @notice Thrown when a part came to an end or is suspect, is the device itself, or is in a device already:
    /// `device` is `keccak256(abi.encode(lot, index))` of that, else zero.
    error ServiceHistoryPartNotUsable(
        LotId partLot, uint256 partIndex, UnitStatus status, bool suspect, bytes32 device
    );
    /// @notice Thrown when a signature is not the key's.
    error ServiceHistoryInvalidSignature(address key);
    /// @notice Thrown when neither the maker nor the holder stands behind a record.
    error ServiceHistoryNotInHand(LotId lot, uint256 index, OrganizationId caller);

    /// @notice Appends a record, sent by a key of the device's maker or holder and signed by a key of who serviced it,
    /// an active member. The same again changes nothing.
    /// @param container In which the device is, for its holder; zero if it was unpacked, and for the maker.
    /// @param partContainer The same of a part that is put in.
    /// @param key Who signed.
    /// @param signature Over `Service(bytes12 lot,uint256 index,uint32 sequence,uint8 kind,uint40 servicedAt,bytes12
    /// partLot,uint256 partIndex,bytes32 content)`.
    function append(
        Service calldata service,
        ContainerId container,
        ContainerId partContainer,
        address key,
        bytes calldata signature
    ) external;

    /// @return sequence How many records a device has.
    /// @return head The hash of all of them: `keccak256(abi.encode(head, keccak256(abi.encode(key, service))))`, from
    /// zero on.
    function headOf(LotId lot, uint256 index) external view returns (uint32 sequence, bytes32 head);
}
