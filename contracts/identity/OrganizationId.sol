// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @notice Identifies an organization: the first 12 bytes of the keccak-256 hash of its registered name.
/// Twelve bytes, so that an organization and an address share one storage slot.
type OrganizationId is bytes12;

using {equals as ==, notEquals as !=, isZero} for OrganizationId global;

/// @notice Derives the id from a registered name.
/// @param name The registered name, for example `general-hospital`.
/// @return The organization's id.
function organizationIdOf(string memory name) pure returns (OrganizationId) {
    return OrganizationId.wrap(bytes12(keccak256(bytes(name))));
}

function equals(OrganizationId a, OrganizationId b) pure returns (bool) {
    return OrganizationId.unwrap(a) == OrganizationId.unwrap(b);
}

function notEquals(OrganizationId a, OrganizationId b) pure returns (bool) {
    return OrganizationId.unwrap(a) != OrganizationId.unwrap(b);
}

function isZero(OrganizationId a) pure returns (bool) {
    return OrganizationId.unwrap(a) == 0;
}
