// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @notice What an organization is licensed to do. An organization may hold several member roles.
/// Appended to, never reordered: bit `n` of a `uint32` set of member roles stands for member role `n`.
enum MemberRole {
    Payer,
    Provider,
    Laboratory,
    Manufacturer,
    Repackager,
    Wholesaler,
    Carrier,
    Dispenser,
    Regulator,
    Auditor,
    DeviceOperator
}

/// @notice Sets of member roles, as bits of a `uint32`.
library MemberRoles {
    /// @notice Every member role.
    uint32 internal constant ALL = uint32((1 << (uint256(type(MemberRole).max) + 1)) - 1);

    /// @param role A member role.
    /// @return The set that holds only `role`.
    function bit(MemberRole role) internal pure returns (uint32) {
        return uint32(1) << uint8(role);
    }

    /// @param set A set of member roles.
    /// @param role A member role.
    /// @return Whether `set` holds `role`.
    function has(uint32 set, MemberRole role) internal pure returns (bool) {
        return set & bit(role) != 0;
    }
}

/// @notice Role ids in an `AccessManager` of the suite, each labelled there with its name. Role 0 is OpenZeppelin's
/// `ADMIN_ROLE`: it configures the manager and settles contested recoveries.
library GovernanceRoles {
    /// @notice Admits, renews, suspends and reinstates organizations, and starts recoveries.
    uint64 internal constant REGISTRAR = 1;

    /// @notice Changes rules, expels, resumes and replaces contracts. Its members act after an execution delay.
    uint64 internal constant POLICY_ADMINISTRATOR = 2;

    /// @notice Halts contracts at once, and cancels what the other roles have scheduled.
    uint64 internal constant GUARDIAN = 3;
}
