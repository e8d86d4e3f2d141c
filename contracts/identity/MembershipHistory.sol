// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {IOrganizationRegistry} from "./IOrganizationRegistry.sol";

/// @notice The past memberships of an organization, one storage slot each, found by time.
library MembershipHistory {
    using Checkpoints for Checkpoints.Trace208;

    /// @notice Files a membership that ends now. Several that began in the same second leave only the last.
    function file(Checkpoints.Trace208 storage history, IOrganizationRegistry.Membership memory past) internal {
        // slither-disable-next-line unused-return
        history.push(past.since, pack(past));
    }

    /// @param time Unix seconds.
    /// @return The membership in force at `time`, of those filed; all zero before the first.
    function inForceAt(Checkpoints.Trace208 storage history, uint40 time)
        internal
        view
        returns (IOrganizationRegistry.Membership memory)
    {
        return unpack(history.upperLookupRecent(time));
    }

    /// @dev From the low end: member roles 32 bits, licence expiry 40, standing 8, frozen 8, since 40.
    function pack(IOrganizationRegistry.Membership memory membership) internal pure returns (uint208) {
        return uint208(membership.memberRoles) | uint208(membership.licenceExpiry) << 32 | uint208(membership.standing)
            << 72 | uint208(membership.frozen ? 1 : 0) << 80 | uint208(membership.since) << 88;
    }

    /// @dev The inverse of {pack}; each cast takes its own bits.
    function unpack(uint208 packed) internal pure returns (IOrganizationRegistry.Membership memory) {
        return IOrganizationRegistry.Membership({
            memberRoles: uint32(packed),
            licenceExpiry: uint40(packed >> 32),
            standing: IOrganizationRegistry.Standing(uint8(packed >> 72)),
            frozen: uint8(packed >> 80) == 1,
            since: uint40(packed >> 88)
        });
    }
}
