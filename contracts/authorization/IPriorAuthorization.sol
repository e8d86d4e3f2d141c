// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {OrganizationId} from "../identity/OrganizationId.sol";
import {BenefitClass} from "./BenefitRule.sol";
import {IAuthorizationDesk} from "./IAuthorizationDesk.sol";
import {IAuthorizationIntake} from "./IAuthorizationIntake.sol";
import {LineRecord} from "./LineRecord.sol";

/// @title An insurer's prior authorizations
/// @notice Decides requests for authorization by the rules that insurer and provider agreed on, or has a person decide,
/// and answers: was this service authorized, under which rule, when, by whom?
///
/// Terms:
/// - *Request*: a provider's, by its own id, with one line or more. It has revisions: an update supersedes or cancels
///   lines of it, and adds others. What a line says never changes.
/// - *Line*: one service: class, units, amount, first day. The decision is per line.
/// - *Decision*: an action (X12 306), its basis, and what is granted. They are numbered by line, and kept as events; a
///   later one supersedes.
/// - *Member key*: a member's, by the insurer's secret, for one benefit period. The insurer signs that it is eligible.
/// - *Receipt*: when the request reached the insurer; deadlines run from it.
/// - *Grant*: what an approved line has left: units and amount that claims may draw.
/// - *Review*: a person's decision, signed by an appointed reviewer, see `IReviewPanel`.
///
/// Units are milli-units, amounts token minor units, days are since 1970-01-01 UTC. The rules deny only what the
/// contract between the two excludes; never on medical necessity.
interface IPriorAuthorization is IAuthorizationIntake, IAuthorizationDesk {
    // ------------------------------------------------------------------ anyone

    /// @notice Gives back what a grant has left, when no claim can be filed any more.
    function expire(OrganizationId provider, bytes32 requestId, uint8 line) external;

    // ------------------------------------------------------------------ the settlement

    /// @notice Draws on a grant for a paid claim.
    function draw(
        OrganizationId provider,
        bytes32 requestId,
        uint8 line,
        uint16 serviceDay,
        uint40 milliUnits,
        uint64 amount
    ) external;

    /// @notice Puts back what a reversed claim drew. If the grant has ended meanwhile, the units are free again.
    function putBack(OrganizationId provider, bytes32 requestId, uint8 line, uint40 milliUnits, uint64 amount) external;

    // ------------------------------------------------------------------ the insurer's policy administrator

    /// @notice Names the contract that settles claims.
    function setSettlement(address settlement_) external;

    // ------------------------------------------------------------------ reads

    /// @return A line's state; all zero if unknown.
    function lineOf(OrganizationId provider, bytes32 requestId, uint8 line) external view returns (LineState memory);

    /// @notice What a settlement asks of a line: the same as {lineOf}, without unpacking it.
    /// @return record Zero if unknown.
    /// @return memberKey Zero if coverage is unverified.
    /// @return period The member key's.
    function grantOf(OrganizationId provider, bytes32 requestId, uint8 line)
        external
        view
        returns (LineRecord record, bytes16 memberKey, uint16 period);

    /// @return What persons added to a line.
    function deliberationOf(OrganizationId provider, bytes32 requestId, uint8 line)
        external
        view
        returns (DeliberationState memory);

    /// @return lines How many a request has; 0 if unknown.
    /// @return revision The last, from 0.
    /// @return content The first 8 bytes of the last revision's.
    function requestOf(OrganizationId provider, bytes32 requestId)
        external
        view
        returns (uint8 lines, uint8 revision, bytes8 content);

    /// @return Whether a provider skips review in a class now, by its record and the version's rule.
    function hasGoldCard(OrganizationId provider, uint16 version, BenefitClass benefitClass)
        external
        view
        returns (bool);

    /// @return The contract that settles claims; zero if none.
    function settlement() external view returns (address);

    /// @return The insurer.
    function insurer() external view returns (OrganizationId);
}
