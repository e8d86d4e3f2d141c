// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @notice Role ids in an insurer's own `AccessManager`, each labelled there with its name. Those that the suite's
/// manager has too, see `GovernanceRoles`, have the same ids here.
library PayerRoles {
    /// @notice Drafts and seals policy versions, resumes and replaces contracts, after an execution delay.
    uint64 internal constant POLICY_ADMINISTRATOR = 2;

    /// @notice Halts contracts at once, and cancels what the other roles have scheduled.
    uint64 internal constant GUARDIAN = 3;

    /// @notice Appoints and dismisses reviewers.
    uint64 internal constant MEDICAL_DIRECTOR = 4;

    /// @notice Sets the vault's reserve floor and daily cap, and withdraws.
    uint64 internal constant TREASURER = 5;
}
