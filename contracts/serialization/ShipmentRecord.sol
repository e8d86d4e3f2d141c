// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {OrganizationId} from "../identity/OrganizationId.sol";

/// @notice A container's last shipment in one storage slot. From the lowest bit: 96 bits of sender, 96 of carrier, 40
/// of deadline in Unix seconds, 16 of the day of shipping since 1970-01-01 UTC, and 1 if it goes back.
type ShipmentRecord is uint256;

using ShipmentRecords for ShipmentRecord global;

/// @title ShipmentRecords
/// @notice Makes, changes and reads shipment records.
library ShipmentRecords {
    uint256 private constant CARRIER = 96;
    uint256 private constant DEADLINE = 192;
    uint256 private constant DAY = 232;
    uint256 private constant RETURNING = 1 << 248;

    function shipped(OrganizationId sender_, OrganizationId carrier_, uint40 deadline_, bool isReturn)
        internal
        view
        returns (ShipmentRecord)
    {
        return ShipmentRecord.wrap(
            uint96(OrganizationId.unwrap(sender_)) | (uint256(uint96(OrganizationId.unwrap(carrier_))) << CARRIER)
                | (uint256(deadline_) << DEADLINE) | ((block.timestamp / 1 days) << DAY) | (isReturn ? RETURNING : 0)
        );
    }

    function sender(ShipmentRecord self) internal pure returns (OrganizationId) {
        return OrganizationId.wrap(bytes12(uint96(ShipmentRecord.unwrap(self))));
    }

    function carrier(ShipmentRecord self) internal pure returns (OrganizationId) {
        return OrganizationId.wrap(bytes12(uint96(ShipmentRecord.unwrap(self) >> CARRIER)));
    }

    function deadline(ShipmentRecord self) internal pure returns (uint40) {
        return uint40(ShipmentRecord.unwrap(self) >> DEADLINE);
    }

    function day(ShipmentRecord self) internal pure returns (uint16) {
        return uint16(ShipmentRecord.unwrap(self) >> DAY);
    }

    function isReturning(ShipmentRecord self) internal pure returns (bool) {
        return ShipmentRecord.unwrap(self) & RETURNING != 0;
    }

    function withCarrier(ShipmentRecord self, OrganizationId carrier_) internal pure returns (ShipmentRecord) {
        uint256 rest = ShipmentRecord.unwrap(self) & ~(uint256(type(uint96).max) << CARRIER);
        return ShipmentRecord.wrap(rest | (uint256(uint96(OrganizationId.unwrap(carrier_))) << CARRIER));
    }

    function withDay(ShipmentRecord self, uint16 day_) internal pure returns (ShipmentRecord) {
        uint256 rest = ShipmentRecord.unwrap(self) & ~(uint256(type(uint16).max) << DAY);
        return ShipmentRecord.wrap(rest | (uint256(day_) << DAY));
    }
}
