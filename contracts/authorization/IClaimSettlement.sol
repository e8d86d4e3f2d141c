// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IDocumentAnchor} from "../anchoring/IDocumentAnchor.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {BenefitClass} from "./BenefitRule.sol";
import {ClaimRecord, ClaimStatus, Finding} from "./ClaimRecord.sol";

/// @title An insurer's claim settlement
/// @notice Adjudicates claims against authorizations and has the vault pay them, and answers: what is owed, to whom,
/// and why not more?
///
/// Terms:
/// - *Claim*: a provider's, by its own id, with one line or more and the documents that it rests on.
/// - *Claim line*: one service on one day, under a line of an authorization request. Its key is the hash of all that
///   and the provider: the same service claimed again, under whatever claim, is the same line. One that differs in
///   units or charge is another, and draws on what the grant has left.
/// - *Fast track*: paid by the rules alone: the grant is in force and covers it, and nothing looks odd.
/// - *Review*: a person's decision, signed by an appointed reviewer, see `IReviewPanel`.
/// - *Adjudication*: how a charge is split: paid + contractual + deductible + coinsurance + copay + denied, always.
/// - *Allowed*: what the agreed price makes of the charge: it is shared between insurer and patient. The rest is
///   contractual, CARC 45.
///
/// The rules deny only plain claim edits: a duplicate (CARC 18), one filed late (29), one without an authorization
/// (197) or with an unknown one (15), as is one of shadow mode. What looks like fraud, exceeds an authorization, or
/// has one that was denied or cancelled waits for a person. What became of a line is in the vault; so another version
/// of this contract knows it too. Signs of fraud are looked for among the claims of one version. Units are
/// milli-units, amounts token minor units, days are since 1970-01-01 UTC.
///
/// A stop holds back claims, decisions, and reversals of what was credited; what waits for money can be reversed.
interface IClaimSettlement {
    /// @notice A claim, besides its lines.
    struct Claim {
        bytes32 id; // the provider's; HMAC of its identifier under the provider's secret
        bytes32 content; // salted commitment to the whole claim
        address payer; // whose prepayment is used for the patient's share; zero if none
    }

    /// @notice A service on a day, as claimed.
    struct ClaimLine {
        bytes32 requestId; // zero if there was no request
        uint8 line; // of the request
        uint16 serviceDay; // days since 1970-01-01 UTC
        uint40 milliUnits;
        uint64 charge; // token minor units
    }

    /// @notice How a charge is split, token minor units. `charge` is the sum of all others.
    struct Adjudication {
        uint64 charge;
        uint64 paid; // by the insurer
        uint64 contractual; // CO-45: the provider writes it off
        uint64 deductible; // PR-1
        uint64 coinsurance; // PR-2
        uint64 copay; // PR-3
        uint64 denied; // with `carc`
        uint16 carc; // claim adjustment reason code of what is denied; 0 if nothing is
    }

    /// @notice A reviewer's decision of a claim line.
    struct ClaimReview {
        OrganizationId provider;
        bytes32 key; // of the claim line
        ClaimStatus status; // of the line that it decides: InReview or Denied
        uint64 allowed; // token minor units, at most the charge
        uint16 carc; // of what is denied; must be stated if less is allowed than the agreed price
        bytes32 rationale; // salted commitment to why
    }

    /// @notice What a service will cost, as far as is known. `known` false: the rule or price is missing, and all
    /// amounts are meaningless.
    struct Estimate {
        bool known;
        uint64 allowed;
        uint64 paid;
        uint64 contractual;
        uint64 deductible;
        uint64 coinsurance;
        uint64 copay;
    }

    /// @notice A claim came in.
    event ClaimSubmitted(
        OrganizationId indexed provider,
        bytes32 indexed id,
        address key,
        uint256 lines,
        bytes32 content,
        bytes32[] documents
    );
    /// @notice A claim line was adjudicated, by the rules if `reviewer` is zero.
    event ClaimAdjudicated(
        OrganizationId indexed provider,
        bytes32 indexed claimId,
        bytes32 indexed key,
        ClaimLine line,
        ClaimStatus status,
        Finding finding,
        Adjudication adjudication,
        bytes12 reviewer
    );
    /// @notice A claim line waits for a person.
    event ClaimPended(
        OrganizationId indexed provider, bytes32 indexed claimId, bytes32 indexed key, ClaimLine line, Finding finding
    );
    /// @notice A line of a claim is one that another claim has already: CARC 18.
    event ClaimDuplicate(OrganizationId indexed provider, bytes32 indexed claimId, bytes32 indexed key, uint64 charge);
    /// @notice A person decided a claim line; `ClaimAdjudicated` is with it.
    // solhint-disable-next-line gas-indexed-events
    event ClaimReviewed(bytes32 indexed key, address reviewerKey, bytes12 reviewer, uint16 carc, bytes32 rationale);
    /// @notice A paid claim line was reversed and its payment taken back.
    event ClaimReversed(
        OrganizationId indexed provider,
        bytes32 indexed key,
        uint64 paid,
        uint16 reason,
        address reviewerKey,
        bytes12 reviewer
    );

    /// @notice Thrown when a claim has no id.
    error ClaimSettlementNoClaimId(bytes32 content);
    /// @notice Thrown when a claim has no lines, or more than 32.
    error ClaimSettlementInvalidLineCount(bytes32 claimId, uint256 lines);
    /// @notice Thrown when a claim line has no units or no charge.
    error ClaimSettlementEmptyLine(bytes32 claimId, uint256 line);
    /// @notice Thrown when a claim line's status does not allow the call.
    error ClaimSettlementForbiddenTransition(bytes32 key, ClaimStatus status);
    /// @notice Thrown when a review's line is another than its key says.
    error ClaimSettlementOtherLine(bytes32 key, bytes32 expected);
    /// @notice Thrown when a review's claim, or the claim's payer, is another than the line came with.
    error ClaimSettlementOtherClaim(bytes32 key, bytes8 tag, bytes8 expected);
    /// @notice Thrown when a review allows more than the charge, or less than the agreed price without saying why, or
    /// says why nothing is denied.
    error ClaimSettlementInvalidReview(bytes32 key, uint64 allowed, uint64 charge, uint16 carc);
    /// @notice Thrown when a person would pay for a line without a request that binds, or for a member that is not
    /// verified: then nobody knows the patient's share.
    error ClaimSettlementCoverageUnverified(bytes32 key);
    /// @notice Thrown when a reversal states no reason.
    error ClaimSettlementReasonMissing(bytes32 key);
    /// @notice Thrown when a signature is not the reviewer's, or is for another content, chain or contract.
    error ClaimSettlementInvalidSignature(address key);

    // ------------------------------------------------------------------ the provider

    /// @notice Submits a claim and adjudicates its lines, as a key of the provider's; its standing does not matter.
    /// Lines that the same claim has already are left as they are; those that another claim has are duplicates. If
    /// there are no others, nothing changes.
    /// @param lines 1 to 32.
    /// @param documents What the claim rests on: the provider's own, in force.
    function submit(Claim calldata claim, ClaimLine[] calldata lines, IDocumentAnchor.Document[] calldata documents)
        external;

    // ------------------------------------------------------------------ the insurer

    /// @notice Decides a claim line that waits for a person or was denied, by a reviewer's signature over
    /// `ClaimReview(bytes12 provider,bytes32 key,uint8 status,uint64 allowed,uint16 carc,bytes32 rationale)`. Anyone
    /// may send it. What the grant has left of units and amount is drawn. The daily cap does not count.
    /// @param claim The one that the line came with; `content` does not matter.
    /// @param line The line, whose hash is the key.
    function review(
        ClaimReview calldata review_,
        Claim calldata claim,
        ClaimLine calldata line,
        address reviewerKey,
        bytes calldata signature
    ) external;

    /// @notice Reverses a claim line that was paid or waits for money, by a reviewer's signature over
    /// `ClaimReversal(bytes12 provider,bytes32 key,uint16 reason)`. Takes the payment back, and gives the member's
    /// units and shares back. Final. What a prepayment paid stays with the provider, who owes it to the payer. Units
    /// that a person's decision drew under another version of this contract stay used.
    /// @param reason By the insurer's list.
    function reverse(
        OrganizationId provider,
        ClaimLine calldata line,
        uint16 reason,
        address reviewerKey,
        bytes calldata signature
    ) external;

    // ------------------------------------------------------------------ reads

    /// @notice What a service would cost now, for insurer and patient. Unknown are the cost of a service that the
    /// policy has no rule or no price for, or does not cover, and that for a member who is not named.
    /// @param version Of the policy.
    function estimate(
        OrganizationId provider,
        uint16 version,
        bytes16 memberKey,
        uint16 period,
        BenefitClass benefitClass,
        uint40 milliUnits,
        uint64 charge
    ) external view returns (Estimate memory);

    /// @return What is known of a claim line; all zero if nothing.
    function claimOf(bytes32 key) external view returns (ClaimRecord memory);

    /// @return The first claim of a provider's that rests on a document; zero if none.
    function claimByDocument(OrganizationId provider, bytes32 leaf) external view returns (bytes32);

    /// @return The insurer.
    function insurer() external view returns (OrganizationId);

    /// @return The key that a line of a provider's has.
    function keyOf(OrganizationId provider, ClaimLine calldata line) external pure returns (bytes32);

    /// @return What is kept of a claim with each of its lines: the first bytes of a hash of its id and its payer.
    function tagOf(Claim calldata claim) external pure returns (bytes8);
}
