// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IOrganizationRegistry} from "../identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {IReviewPanel} from "./IReviewPanel.sol";

/// @title ReviewPanel
/// @notice See {IReviewPanel}. Only the insurer's medical director changes it, by the insurer's own `AccessManager`.
contract ReviewPanel is IReviewPanel, AccessManaged {
    /// @dev One slot.
    struct Appointment {
        bytes12 reviewer; // zero: never appointed
        bool standing;
    }

    IOrganizationRegistry private immutable _registry;
    OrganizationId private immutable _insurer;

    mapping(address key => Appointment appointment) private _appointments;

    /// @param authority The insurer's own `AccessManager`.
    /// @param registry_ The register that says for whom a key speaks.
    /// @param insurer_ Whose reviewers these are.
    constructor(address authority, IOrganizationRegistry registry_, OrganizationId insurer_) AccessManaged(authority) {
        _registry = registry_;
        _insurer = insurer_;
    }

    // ------------------------------------------------------------------ the medical director

    /// @inheritdoc IReviewPanel
    function appoint(address key, bytes12 reviewer) external restricted {
        if (reviewer == 0) revert ReviewPanelInvalidReviewer(key);
        Appointment storage held = _appointments[key];
        if (held.reviewer != 0 && held.reviewer != reviewer) revert ReviewPanelOtherReviewer(key, held.reviewer);
        if (held.standing) return;
        OrganizationId organization = _registry.requireKey(key);
        if (organization != _insurer) revert ReviewPanelNotTheInsurers(key, organization);
        _appointments[key] = Appointment(reviewer, true);
        emit ReviewerAppointed(key, reviewer);
    }

    /// @inheritdoc IReviewPanel
    function dismiss(address key) external restricted {
        Appointment storage held = _appointments[key];
        if (held.reviewer == 0) revert ReviewPanelNotAReviewer(key);
        if (!held.standing) return;
        held.standing = false;
        emit ReviewerDismissed(key, held.reviewer);
    }

    // ------------------------------------------------------------------ reads

    /// @inheritdoc IReviewPanel
    function insurer() external view returns (OrganizationId) {
        return _insurer;
    }

    /// @inheritdoc IReviewPanel
    function requireReviewer(address key) external view returns (bytes12) {
        Appointment memory held = _appointments[key];
        if (!held.standing) revert ReviewPanelNotAReviewer(key);
        // slither-disable-next-line unused-return (a key is one organization's for ever: the insurer's since appointed)
        _registry.requireKey(key);
        return held.reviewer;
    }

    /// @inheritdoc IReviewPanel
    function reviewerOf(address key) external view returns (bytes12 reviewer, bool appointed) {
        Appointment memory held = _appointments[key];
        return (held.reviewer, held.standing);
    }
}
