// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IDocumentAnchor} from "../anchoring/IDocumentAnchor.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {IAuthorizationRecords} from "./IAuthorizationRecords.sol";

/// @title The intake of prior authorization
/// @notice Takes providers' requests in, and decides them by the rules. Part of {IPriorAuthorization}.
interface IAuthorizationIntake is IAuthorizationRecords {
    // ------------------------------------------------------------------ the provider

    /// @notice Submits a request and decides it. The same id with the same content again changes nothing.
    /// @param lines 1 to 255.
    /// @param documents The provider's own, in force.
    function submit(
        Request calldata request,
        Eligibility calldata eligibility,
        Line[] calldata lines,
        IDocumentAnchor.Document[] calldata documents
    ) external;

    /// @notice Changes a request: supersedes and adds lines, and cancels others. Lines not named stay as they are. What
    /// a superseded line has left is given back, and the new one decided by the version now in force.
    /// The same content again changes nothing.
    /// @param revision The one that it changes.
    /// @param changes What supersedes lines or is added.
    /// @param cancelled Bit n: line n.
    function update(
        Request calldata request,
        uint8 revision,
        Eligibility calldata eligibility,
        Change[] calldata changes,
        uint256 cancelled,
        IDocumentAnchor.Document[] calldata documents
    ) external;

    /// @notice Cancels lines, and gives back what they have left. Those cancelled already stay so.
    /// @param lines Bit n: line n.
    function cancel(bytes32 requestId, uint256 lines) external;

    // ------------------------------------------------------------------ the two sides

    /// @notice Says which member an unverified request is about, by the insurer's signature, as a key of the provider's
    /// or the insurer's: the signature names no request, so that anybody else could name another member of theirs. Its
    /// lines stay pended.
    function verifyCoverage(OrganizationId provider, bytes32 requestId, Eligibility calldata eligibility) external;
}
