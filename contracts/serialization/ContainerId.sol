// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {OrganizationId} from "../identity/OrganizationId.sol";

/// @notice Identifies a case, pallet, tote or parcel: the first 12 bytes of a hash of who packed it and of the packer's
/// reference to its SSCC. So nobody can take another's id, and an SSCC is used once.
type ContainerId is bytes12;

using {containerEquals as ==, containerDiffers as !=, isNoContainer} for ContainerId global;

bytes32 constant CONTAINER_TAG = keccak256("careledger.serialization.container.v1");

/// @notice Derives a container's id.
/// @param packer Who packs it.
/// @param containerReference A salted hash of the SSCC.
/// @return The container's id.
function containerIdOf(OrganizationId packer, bytes32 containerReference) pure returns (ContainerId) {
    return ContainerId.wrap(bytes12(keccak256(abi.encode(CONTAINER_TAG, packer, containerReference))));
}

function containerEquals(ContainerId a, ContainerId b) pure returns (bool) {
    return ContainerId.unwrap(a) == ContainerId.unwrap(b);
}

function containerDiffers(ContainerId a, ContainerId b) pure returns (bool) {
    return ContainerId.unwrap(a) != ContainerId.unwrap(b);
}

function isNoContainer(ContainerId a) pure returns (bool) {
    return ContainerId.unwrap(a) == 0;
}
