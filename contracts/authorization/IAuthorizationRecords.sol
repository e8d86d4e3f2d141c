// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {OrganizationId} from "../identity/OrganizationId.sol";
import {BenefitClass} from "./BenefitRule.sol";

/// @title The records of prior authorization
/// @notice What requests, decisions and reviews are made of, what happens to them, and what is refused. The terms are
/// those of {IPriorAuthorization}.
interface IAuthorizationRecords {
    /// @notice Where a line is. Time alone changes none: a grant whose last day is past can be claimed for until the
    /// filing days are over; then anyone may have it `Expired`. An appeal is told apart, see `AppealStatus`.
    ///
    /// Pended -> InformationRequested -> Pended; both -> Approved, Partial, Modified, Denied, Superseded or Cancelled.
    /// Approved, Partial, Modified -> Exhausted, and back if a claim is reversed; -> Superseded, Cancelled, Expired.
    /// Denied, Partial, Modified, Exhausted -> Approved, Partial or Modified by an appeal. Denied, NotRequired,
    /// Exhausted -> Superseded. Superseded, Cancelled and Expired are final.
    enum LineStatus {
        Unknown,
        Pended,
        InformationRequested,
        Approved,
        Partial,
        Modified,
        Denied,
        NotRequired,
        Superseded,
        Cancelled,
        Exhausted,
        Expired
    }

    /// @notice None -> Open -> Upheld or Overturned. What was granted can be used meanwhile.
    enum AppealStatus {
        None,
        Open,
        Upheld,
        Overturned
    }

    /// @notice X12 306, in this order: A1, A2, A3, A4, A6, NA.
    enum Action {
        None,
        ApprovedInFull,
        ApprovedInPart,
        Denied,
        Pended,
        Modified,
        NotRequired
    }

    /// @notice What a decision rests on. From `CoverageUnverified` to `WithinRules` in the order in which the rules
    /// are tried: the first that holds decides.
    enum Basis {
        None,
        CoverageUnverified,
        NoRule,
        NotRequired,
        GoldCard,
        NotCovered,
        ContractExclusion,
        ConditionalCoverage,
        DocumentsMissing,
        ReviewRequired,
        ExpeditedOnly,
        Retrospective,
        UnitMismatch,
        AmountUnknown,
        AmountOverLimit,
        UnitsOverRequestLimit,
        UnitsOverPeriodLimit,
        WithinRules,
        Reviewer,
        Appeal,
        Overdue
    }

    /// @notice What a provider asks about, besides the lines.
    struct Request {
        bytes32 id; // the provider's; HMAC of its identifier under the provider's secret
        bytes32 content; // salted commitment to the whole request
        uint16 version; // of the policy, which the provider expects to be in force
        uint40 receivedAt; // Unix seconds
        bool expedited;
    }

    /// @notice The insurer's word that a member is covered.
    struct Eligibility {
        bytes16 memberKey;
        uint32 plan;
        uint16 period; // the benefit period's number
        uint40 validUntil; // Unix seconds
        address key; // of the insurer's, that signed
        bytes signature; // empty if there is none: then the request pends
    }

    /// @notice A service asked for.
    struct Line {
        BenefitClass benefitClass;
        uint16 unitCode;
        uint40 milliUnits;
        uint64 amount; // token minor units; 2^64 - 1 if unknown
        uint16 serviceDay; // the first; days since 1970-01-01 UTC
        bytes32 commitment; // salted, to code and details
    }

    /// @notice A line that an update brings. It gets the next number.
    struct Change {
        uint8 supersedes; // the line that it replaces; 255 if none
        Line content;
    }

    /// @notice A decision, as kept.
    struct Decision {
        uint16 sequence; // from 1
        Action action;
        Basis basis;
        BenefitClass benefitClass; // granted; another than asked for if modified
        uint16 version; // of the policy
        uint40 milliUnitsRequested;
        uint40 milliUnits; // that may be used from here on
        uint48 milliUnitsBefore; // reserved and used by the member in class and period, as far as it mattered
        uint64 amountRequested; // token minor units
        uint64 amount; // that may be used from here on, token minor units
        uint64 documents; // bit n: a document of kind n is in force
        uint16 validFrom; // days; 0 if nothing is granted
        uint16 validTo; // days
        uint40 dueAt; // Unix seconds, of a pended line
        uint16 reason; // the reviewer's, by the insurer's list; 0 for the rules'
        address key; // the reviewer's; zero if the rules decided
        bytes12 reviewer; // zero if the rules decided
        bytes32 commitment; // the line's; of a review the rationale's
    }

    /// @notice A reviewer's decision.
    struct Review {
        OrganizationId provider;
        bytes32 requestId;
        uint8 line;
        uint16 sequence; // of the decision that it supersedes
        Action action;
        BenefitClass benefitClass; // granted; the line's, unless modified
        uint40 milliUnits; // granted; of a grant that is appealed, in addition to what is left; 0 if denied
        uint64 amount; // granted; of a grant that is appealed, in addition to what is left; 0 if denied
        uint16 reason; // by the insurer's list; must be stated unless all is approved
        bytes32 rationale; // salted commitment to why
    }

    /// @notice What holds of a line now.
    struct LineState {
        LineStatus status;
        AppealStatus appeal;
        Action action;
        uint16 sequence;
        bool shadow; // binds nobody
        bytes16 memberKey; // zero if coverage is unverified
        uint16 period;
        uint16 version; // of the policy
        BenefitClass benefitClass;
        uint40 milliUnits; // left of a grant; of a pended or denied line what was asked for
        uint64 amount; // left of a grant; of a pended or denied line what was asked for; 2^64 - 1 if unknown
        uint16 validFrom; // days
        uint16 validTo; // days
        uint40 decidedAt; // Unix seconds
    }

    /// @notice What persons added to a line. All zero but `expedited` if none came in.
    struct DeliberationState {
        bool expedited; // the request
        bool extended;
        bool overdue;
        uint40 receivedAt; // Unix seconds, of the request or the appeal
        uint40 dueAt; // Unix seconds
        bytes12 reviewer; // who decided last; zero if the rules did
        bytes12 firstOpinion; // who gave it; zero if nobody did
    }

    /// @notice A request came in, or a revision of it.
    event RequestSubmitted(
        OrganizationId indexed provider,
        bytes32 indexed id,
        address key,
        uint8 revision,
        uint16 version,
        uint40 receivedAt,
        bool expedited,
        bool shadow,
        bytes32 content
    );
    /// @notice A line was decided, or pended.
    event LineDecided(OrganizationId indexed provider, bytes32 indexed requestId, uint8 line, Decision decision);
    /// @notice The provider's update replaced a line by another.
    event LineSuperseded(OrganizationId indexed provider, bytes32 indexed requestId, uint8 line, uint8 successor);
    /// @notice A line was cancelled by the provider.
    event LineCancelled(OrganizationId indexed provider, bytes32 indexed requestId, uint8 line);
    /// @notice The insurer said which member an unverified request is about.
    event CoverageVerified(OrganizationId indexed provider, bytes32 indexed requestId);
    /// @notice The insurer asks for more. `question` is a salted commitment.
    event InformationRequested(
        OrganizationId indexed provider, bytes32 indexed requestId, uint8 line, address key, bytes32 question
    );
    /// @notice The provider answered. `answer` is a salted commitment, `documents` has bit n for one of kind n in
    /// force.
    event InformationSupplied(
        OrganizationId indexed provider, bytes32 indexed requestId, uint8 line, bytes32 answer, uint64 documents
    );
    /// @notice The insurer takes the longer time.
    event DeadlineExtended(
        OrganizationId indexed provider, bytes32 indexed requestId, uint8 line, uint40 dueAt, uint16 reason
    );
    /// @notice A line was not decided in time.
    event LineOverdue(OrganizationId indexed provider, bytes32 indexed requestId, uint8 line, uint40 dueAt);
    /// @notice A first reviewer would decide against the provider; a second one decides.
    event OpinionGiven(
        OrganizationId indexed provider,
        bytes32 indexed requestId,
        uint8 line,
        Action action,
        uint16 reason,
        address key,
        bytes12 reviewer,
        bytes32 rationale
    );
    /// @notice The provider appealed. `statement` is a salted commitment.
    event LineAppealed(
        OrganizationId indexed provider,
        bytes32 indexed requestId,
        uint8 line,
        bool expedited,
        uint40 receivedAt,
        uint40 dueAt,
        bytes32 statement
    );
    /// @notice An appeal was decided; if overturned, a `LineDecided` is with it.
    event AppealDecided(
        OrganizationId indexed provider,
        bytes32 indexed requestId,
        uint8 line,
        AppealStatus outcome,
        uint16 reason,
        address key,
        bytes12 reviewer,
        bytes32 rationale
    );
    /// @notice A claim drew on a grant, or a reversal put it back.
    event GrantChanged(
        OrganizationId indexed provider, bytes32 indexed requestId, uint8 line, uint40 milliUnits, uint64 amount
    );
    /// @notice What a grant had left was given back, after its time.
    event GrantExpired(OrganizationId indexed provider, bytes32 indexed requestId, uint8 line, uint40 milliUnits);
    /// @notice Claims are settled by another contract.
    event SettlementChanged(address indexed previousSettlement, address indexed settlement);

    /// @notice Thrown when the provider's version in force is another than the request expects, or there is none (0).
    error PriorAuthorizationOtherVersion(OrganizationId provider, uint16 version, uint16 inForce);
    /// @notice Thrown when the provider has a request of this id with other content.
    error PriorAuthorizationOtherContent(OrganizationId provider, bytes32 requestId);
    /// @notice Thrown when a request has no lines, or would have more than 255.
    error PriorAuthorizationInvalidLineCount(bytes32 requestId, uint256 lines);
    /// @notice Thrown when a line has no units.
    error PriorAuthorizationNoUnits(bytes32 requestId, uint256 line);
    /// @notice Thrown when a line's first day of service is more than 366 days after the receipt.
    error PriorAuthorizationServiceTooFar(bytes32 requestId, uint256 line, uint16 serviceDay, uint256 latest);
    /// @notice Thrown when a request or appeal was received in the future, or too long ago, or an appeal before the
    /// decision.
    error PriorAuthorizationReceiptOutOfRange(uint40 receivedAt, uint40 earliest, uint40 latest);
    /// @notice Thrown when an eligibility is for another plan than the version's.
    error PriorAuthorizationOtherPlan(uint32 plan, uint32 expected);
    /// @notice Thrown when the eligibility names another member or period than the request has.
    error PriorAuthorizationOtherMember(OrganizationId provider, bytes32 requestId);
    /// @notice Thrown when the caller's key is neither the provider's nor the insurer's.
    error PriorAuthorizationNotAParty(OrganizationId provider, address caller);
    /// @notice Thrown when the key is not the insurer's.
    error PriorAuthorizationNotTheInsurers(address key, OrganizationId organization);
    /// @notice Thrown when a signature is not the key's, or is for another content, chain or contract.
    error PriorAuthorizationInvalidSignature(address key);
    /// @notice Thrown when there is no such request or line.
    error PriorAuthorizationUnknown(OrganizationId provider, bytes32 requestId, uint256 line);
    /// @notice Thrown when a line's status does not allow the call.
    error PriorAuthorizationForbiddenTransition(
        OrganizationId provider, bytes32 requestId, uint256 line, LineStatus status
    );
    /// @notice Thrown when a request was updated 255 times.
    error PriorAuthorizationTooManyRevisions(OrganizationId provider, bytes32 requestId);
    /// @notice Thrown when an update is of another revision than the request has.
    error PriorAuthorizationOtherRevision(OrganizationId provider, bytes32 requestId, uint8 revision);
    /// @notice Thrown when a review supersedes another decision than the line's last.
    error PriorAuthorizationOtherDecision(OrganizationId provider, bytes32 requestId, uint8 line, uint16 sequence);
    /// @notice Thrown when a review grants what its action does not mean, a class that the version has no rule for, or
    /// by an appeal less than is left.
    error PriorAuthorizationInvalidGrant(Action action, BenefitClass benefitClass, uint40 milliUnits, uint64 amount);
    /// @notice Thrown when an adverse act states no reason.
    error PriorAuthorizationReasonMissing();
    /// @notice Thrown when the same reviewer would decide again.
    error PriorAuthorizationSameReviewer(bytes12 reviewer);
    /// @notice Thrown when a person would grant units to a member that is not verified.
    error PriorAuthorizationCoverageUnverified(bytes32 request);
    /// @notice Thrown when a grant would pass the period's limit.
    error PriorAuthorizationOverPeriodLimit(BenefitClass benefitClass, uint40 milliUnits, uint48 taken, uint40 limit);
    /// @notice Thrown when the deadline was extended before, or is past.
    error PriorAuthorizationNotExtendable(OrganizationId provider, bytes32 requestId, uint8 line, uint40 dueAt);
    /// @notice Thrown when a line is not overdue, or is marked already and can't be approved yet.
    error PriorAuthorizationNotOverdue(OrganizationId provider, bytes32 requestId, uint8 line, uint40 dueAt);
    /// @notice Thrown when a decision can't be appealed: it was before, or too long ago.
    error PriorAuthorizationNotAppealable(OrganizationId provider, bytes32 requestId, uint8 line, uint256 until);
    /// @notice Thrown when a claim may still draw on a grant.
    error PriorAuthorizationNotExpired(OrganizationId provider, bytes32 requestId, uint8 line, uint256 lastFilingDay);
    /// @notice Thrown when an account other than the settlement draws.
    error PriorAuthorizationNotTheSettlement(address caller, address settlement);
    /// @notice Thrown when a grant has less left, is not in force that day, or binds nobody.
    error PriorAuthorizationNotDrawable(
        OrganizationId provider, bytes32 requestId, uint8 line, uint40 milliUnits, uint64 amount, uint16 serviceDay
    );
}
