// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IDocumentAnchor} from "../anchoring/IDocumentAnchor.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {IAuthorizationRecords} from "./IAuthorizationRecords.sol";

/// @title The desk of prior authorization
/// @notice What persons do with lines that the rules left open, or that are appealed. Part of {IPriorAuthorization}.
interface IAuthorizationDesk is IAuthorizationRecords {
    // ------------------------------------------------------------------ the provider

    /// @notice Answers a request for information.
    /// @param answer Salted commitment.
    /// @param documents The provider's own, in force.
    function supplyInformation(
        bytes32 requestId,
        uint8 line,
        bytes32 answer,
        IDocumentAnchor.Document[] calldata documents
    ) external;

    /// @notice Appeals a decision that did not approve in full. Once per line.
    /// @param sequence Of the decision.
    /// @param receivedAt Unix seconds.
    /// @param statement Salted commitment.
    function appeal(
        bytes32 requestId,
        uint8 line,
        uint16 sequence,
        bool expedited,
        uint40 receivedAt,
        bytes32 statement
    ) external;

    // ------------------------------------------------------------------ the insurer

    /// @notice Decides a pended line, or an appeal, by a reviewer's signature over
    /// `Review(bytes12 provider,bytes32 requestId,uint8 line,uint16 sequence,uint8 action,uint16 benefitClass,
    /// uint40 milliUnits,uint64 amount,uint16 reason,bytes32 rationale)`, in one line.
    /// Anyone may send it; the same again changes nothing. Of an appeal, `Denied` upholds the decision, and anything
    /// else grants no less than what is left.
    /// @param key The reviewer's.
    function review(Review calldata review_, address key, bytes calldata signature) external;

    /// @notice Asks the provider for more about a pended line, as a key of the insurer's. The clock runs on.
    /// @param question Salted commitment.
    function requestInformation(OrganizationId provider, bytes32 requestId, uint8 line, bytes32 question) external;

    /// @notice Takes 14 days from receipt in total, as a key of the insurer's. Once, before the line is due.
    /// @param reason By the insurer's list.
    function extendDeadline(OrganizationId provider, bytes32 requestId, uint8 line, uint16 reason) external;

    // ------------------------------------------------------------------ anyone

    /// @notice Marks a line that was not decided in time. If the rule says so, that approves it, or later does: once
    /// the insurer has had its time from when the request came in, whatever receipt it states, the member is verified,
    /// and the period has the units.
    function markOverdue(OrganizationId provider, bytes32 requestId, uint8 line) external;
}
