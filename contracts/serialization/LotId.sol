// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {OrganizationId} from "../identity/OrganizationId.sol";

/// @notice Identifies a lot: the first 12 bytes of a hash of its maker and of the maker's reference to it. Twelve
/// bytes, so that a container's lot and place share one storage slot; nobody but the maker can make two alike, and the
/// second is refused.
type LotId is bytes12;

using {lotEquals as ==, lotDiffers as !=, isNoLot} for LotId global;

bytes32 constant LOT_TAG = keccak256("careledger.serialization.lot.v1");

/// @notice Derives a lot's id.
/// @param maker Who commissions it.
/// @param lotReference A salted hash of product and lot number, so that the id tells neither.
/// @return The lot's id.
function lotIdOf(OrganizationId maker, bytes32 lotReference) pure returns (LotId) {
    return LotId.wrap(bytes12(keccak256(abi.encode(LOT_TAG, maker, lotReference))));
}

function lotEquals(LotId a, LotId b) pure returns (bool) {
    return LotId.unwrap(a) == LotId.unwrap(b);
}

function lotDiffers(LotId a, LotId b) pure returns (bool) {
    return LotId.unwrap(a) != LotId.unwrap(b);
}

function isNoLot(LotId a) pure returns (bool) {
    return LotId.unwrap(a) == 0;
}
