// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {OrganizationId} from "../identity/OrganizationId.sol";

/// @title An insurer's reviewers
/// @notice Answers who may decide what the rules leave open. A reviewer is known by a pseudonymous id that the insurer
/// gives; one person has one id, whatever keys. It outlives the versions of the logic that asks it.
interface IReviewPanel {
    /// @notice A key reviews under an id.
    event ReviewerAppointed(address indexed key, bytes12 indexed reviewer);
    /// @notice A key reviews no more.
    event ReviewerDismissed(address indexed key, bytes12 indexed reviewer);

    /// @notice Thrown when an id is zero.
    error ReviewPanelInvalidReviewer(address key);
    /// @notice Thrown when the key reviews, or did once, under another id: for ever one person's.
    error ReviewPanelOtherReviewer(address key, bytes12 reviewer);
    /// @notice Thrown when a key is no reviewer's.
    error ReviewPanelNotAReviewer(address key);
    /// @notice Thrown when a key is not the insurer's.
    error ReviewPanelNotTheInsurers(address key, OrganizationId organization);

    // ------------------------------------------------------------------ the medical director

    /// @notice Lets a key of the insurer's review under an id. Again, it changes nothing.
    function appoint(address key, bytes12 reviewer) external;

    /// @notice Ends that. Decisions made stay. Again, it changes nothing.
    function dismiss(address key) external;

    // ------------------------------------------------------------------ reads

    /// @return The insurer.
    function insurer() external view returns (OrganizationId);

    /// @notice The reviewer whose key this is: appointed, and the insurer's valid key. Reverts with the reason
    /// otherwise.
    function requireReviewer(address key) external view returns (bytes12 reviewer);

    /// @return reviewer The id under which a key reviews, or did; zero if never appointed.
    /// @return appointed Whether it does now.
    function reviewerOf(address key) external view returns (bytes12 reviewer, bool appointed);
}
