// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {OrganizationId} from "../identity/OrganizationId.sol";
import {AuthorizationRule, BenefitClass, BenefitRule, ClaimRule} from "./BenefitRule.sol";

/// @title An insurer's coverage policy
/// @notice Answers for every other contract of an insurer's: which rules did the two sides agree on, and which are in
/// force?
///
/// Terms:
/// - *Plan*: an insurance product, by the insurer's own number.
/// - *Version*: a plan's terms and rules, numbered from 1. Drafted by the insurer, then sealed: from there on nothing
///   of it changes. A change is a new version.
/// - *Rule*: what holds for a benefit class, see `BenefitRule`.
/// - *Class root*: the root of a Merkle tree over `(code system, code, class)`: which service is in which class. Its
///   proofs stay between the two sides.
/// - *Digest*: the hash of all that a version holds. The two sides sign it, not its number.
/// - *Enrolment*: insurer and provider agree on a version, from a day on. A provider has one version of a plan in force
///   at a time: the last enrolled of those that have begun.
interface ICoveragePolicy {
    /// @notice Unknown -> Draft -> Sealed, which is final.
    enum VersionStatus {
        Unknown,
        Draft,
        Sealed
    }

    /// @notice What holds for a whole version.
    struct Terms {
        uint32 plan;
        uint32 receiptWindow; // seconds that a request's receipt may lie before its submission
        uint16 appealDays; // after a decision, within which it may be appealed
        bool shadow; // decisions are recorded, bind nobody and pay nothing
        uint64 deductible; // token minor units per member and period
        uint64 outOfPocketMaximum; // token minor units per member and period
        uint64 baseRate; // token minor units of an episode of weight one
        bytes32 document; // SHA-256 of the policy document
        bytes32 classRoot;
    }

    /// @notice A version of the policy.
    struct Version {
        VersionStatus status;
        uint40 sealedAt; // Unix seconds; 0 for a draft
        uint16 rules; // how many classes have one
        bytes32 digest; // see {digestOf}
        Terms terms;
    }

    /// @notice That a version is in force between insurer and provider from a time on, until the next one is.
    struct Enrolment {
        uint16 version; // 0: none is in force
        uint40 start; // Unix seconds
        uint32 coefficient; // the hospital's, for episodes; ten-thousandths
    }

    /// @notice A version was drafted.
    event VersionDrafted(uint16 indexed version, Terms terms);
    /// @notice A rule was added to a draft.
    event RuleAdded(uint16 indexed version, BenefitRule rule);
    /// @notice A version was sealed.
    // solhint-disable-next-line gas-indexed-events
    event VersionSealed(uint16 indexed version, bytes32 digest, uint16 rules);
    /// @notice A provider was enrolled under a version from a time on, Unix seconds.
    event ProviderEnrolled(
        OrganizationId indexed provider,
        uint32 indexed plan,
        uint16 indexed version,
        uint40 start,
        uint32 coefficient,
        address providerKey,
        address insurerKey
    );
    /// @notice One side ended a provider's enrolment from a time on, Unix seconds.
    event EnrolmentEnded(OrganizationId indexed provider, uint32 indexed plan, uint40 end, OrganizationId by);

    /// @notice Thrown when no version has this number.
    error CoveragePolicyUnknownVersion(uint16 version);
    /// @notice Thrown when a version is sealed and is to be changed.
    error CoveragePolicySealed(uint16 version);
    /// @notice Thrown when a version is still a draft and is to be used.
    error CoveragePolicyNotSealed(uint16 version);
    /// @notice Thrown when a version is to be sealed with another content than the caller expects.
    error CoveragePolicyOtherDigest(uint16 version, bytes32 digest, bytes32 expected);
    /// @notice Thrown when a version's terms contradict themselves or lack what they need.
    error CoveragePolicyInvalidTerms(uint32 plan);
    /// @notice Thrown when a rule contradicts itself or lacks what it needs.
    error CoveragePolicyInvalidRule(BenefitClass benefitClass);
    /// @notice Thrown when the class has a rule in this version.
    error CoveragePolicyRuleExists(uint16 version, BenefitClass benefitClass);
    /// @notice Thrown when another number of rules is in the draft than the caller expects.
    error CoveragePolicyUnexpectedRules(uint16 version, uint16 rules, uint16 expected);
    /// @notice Thrown when an enrolment begins before one that was agreed earlier, or in the past.
    error CoveragePolicyEnrolmentTooEarly(OrganizationId provider, uint32 plan, uint40 start, uint40 earliest);
    /// @notice Thrown when the provider is not enrolled in the plan.
    error CoveragePolicyNotEnrolled(OrganizationId provider, uint32 plan);
    /// @notice Thrown when the caller's key is of neither side of the enrolment.
    error CoveragePolicyNotAParty(OrganizationId provider, address caller);
    /// @notice Thrown when the signing key is another organization's.
    error CoveragePolicyNotTheirKey(OrganizationId expected, address key);
    /// @notice Thrown when a signature is past its deadline.
    error CoveragePolicySignatureExpired(uint40 deadline, uint40 blockTime);
    /// @notice Thrown when a signature is not the key's, or is for another content, chain or contract.
    error CoveragePolicyInvalidSignature(address key);

    // ------------------------------------------------------------------ the insurer's policy administrator

    /// @notice Drafts the next version. Again, while it has no rules, it changes nothing.
    /// @return version Its number.
    function draftVersion(Terms calldata terms) external returns (uint16 version);

    /// @notice Adds rules to a draft. The caller says how many it has already, so that a call that was sent twice adds
    /// nothing twice.
    /// @param rulesBefore How many rules the draft has.
    function addRules(uint16 version, uint16 rulesBefore, BenefitRule[] calldata rules) external;

    /// @notice Seals a draft. Again, it changes nothing.
    /// @param digest What the caller expects it to hold.
    function sealVersion(uint16 version, bytes32 digest) external;

    // ------------------------------------------------------------------ the two sides

    /// @notice Enrols a provider under a sealed version, by both sides' signatures over
    /// `Enrolment(bytes12 provider,bytes32 digest,uint16 version,uint40 start,uint32 coefficient,uint32 endings,
    /// uint40 deadline)`, without the break; `endings` is what {endingsOf} tells, so that no signature outlives an
    /// ending. Anyone may send it. The same again, once it is agreed, changes nothing.
    /// @param start Unix seconds; not in the past, and after every enrolment in the plan that was agreed before.
    /// @param coefficient The hospital's, for episodes; ten-thousandths.
    /// @param deadline Unix seconds until which the signatures count.
    function enrol(
        OrganizationId provider,
        uint16 version,
        uint40 start,
        uint32 coefficient,
        uint40 deadline,
        address providerKey,
        bytes calldata providerSignature,
        address insurerKey,
        bytes calldata insurerSignature
    ) external;

    /// @notice Ends a provider's enrolment in a plan, by a key of either side, after the notice. What was agreed to
    /// begin then or later is void, and so is every signature given before. The same again changes nothing.
    /// @param end Unix seconds, {noticeSeconds} ahead or more.
    function endEnrolment(OrganizationId provider, uint32 plan, uint40 end) external;

    // ------------------------------------------------------------------ reads

    /// @return The insurer whose policy this is.
    function insurer() external view returns (OrganizationId);

    /// @return The number of the last version, drafts included.
    function lastVersion() external view returns (uint16);

    /// @return A version; all zero if unknown.
    function versionOf(uint16 version) external view returns (Version memory);

    /// @return A sealed version's terms. Reverts for a draft.
    function termsOf(uint16 version) external view returns (Terms memory);

    /// @notice What a request's submission asks, in one call.
    /// @return inForce Of the version's plan, the one in force for the provider now; 0 if none is.
    /// @return plan The version's.
    /// @return receiptWindow Seconds, see {Terms}.
    /// @return shadow See {Terms}.
    function submissionTermsOf(OrganizationId provider, uint16 version)
        external
        view
        returns (uint16 inForce, uint32 plan, uint32 receiptWindow, bool shadow);

    /// @notice What a claim's adjudication asks, in one call.
    /// @return rule The class's; all zero if the version has none for it, or is not sealed.
    /// @return deductible Token minor units per member and period.
    /// @return outOfPocketMaximum Token minor units per member and period.
    /// @return episodePrice Token minor units of one episode: weight x base rate x the coefficient of the provider's
    /// last enrolment under this version that has begun, rounded down, 2^56 - 1 at most; 0 unless the class is priced
    /// so.
    function claimTermsOf(OrganizationId provider, uint16 version, BenefitClass benefitClass)
        external
        view
        returns (ClaimRule memory rule, uint64 deductible, uint64 outOfPocketMaximum, uint64 episodePrice);

    /// @return What decides a request in the class; `Unset` if the version has no rule for it.
    function authorizationRuleOf(uint16 version, BenefitClass benefitClass)
        external
        view
        returns (AuthorizationRule memory);

    /// @return What decides a claim in the class; all zero if the version has no rule for it, and never if it has one:
    /// `filingDays` is not 0.
    function claimRuleOf(uint16 version, BenefitClass benefitClass) external view returns (ClaimRule memory);

    /// @param time Unix seconds.
    /// @return The enrolment that is in force at a time, by what is agreed now; with version 0 if none is.
    function enrolmentAt(OrganizationId provider, uint32 plan, uint40 time) external view returns (Enrolment memory);

    /// @return All enrolments of a provider in a plan, by the time they begin.
    function enrolmentsOf(OrganizationId provider, uint32 plan) external view returns (Enrolment[] memory);

    /// @return How often a provider's enrolment in a plan was ended, by either side.
    function endingsOf(OrganizationId provider, uint32 plan) external view returns (uint32);

    /// @notice What {sealVersion} takes: `keccak256(abi.encode(terms))` folded with the hash of each list of rules, in
    /// the order in which they were added: `digest = keccak256(abi.encode(digest, class, authorization, claim))` per
    /// rule. How the rules were split over calls does not matter.
    /// @return The digest that a version with these terms and rules has.
    function digestOf(Terms calldata terms, BenefitRule[] calldata rules) external pure returns (bytes32);

    /// @return Seconds of notice with which one side may end an enrolment.
    function noticeSeconds() external pure returns (uint40);
}
