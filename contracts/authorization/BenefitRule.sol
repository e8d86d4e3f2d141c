// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @notice A benefit class: a coarse group of services, so that a request names no code. A policy's class root says
/// which codes are in which.
type BenefitClass is uint16;

using {benefitClassEquals as ==, benefitClassDiffers as !=} for BenefitClass global;

function benefitClassEquals(BenefitClass a, BenefitClass b) pure returns (bool) {
    return BenefitClass.unwrap(a) == BenefitClass.unwrap(b);
}

function benefitClassDiffers(BenefitClass a, BenefitClass b) pure returns (bool) {
    return BenefitClass.unwrap(a) != BenefitClass.unwrap(b);
}

/// @notice Whether a policy pays for a class. `Unset` means that the policy has no rule for it.
enum Coverage {
    Unset,
    Covered,
    NotCovered,
    Conditional
}

/// @notice How a service is priced: by the unit, or by the episode (weight x base rate x the hospital's coefficient).
enum Pricing {
    FeeForService,
    Episode
}

/// @notice What of a class's rule decides a request; two slots.
struct AuthorizationRule {
    Coverage coverage;
    uint16 flags; // see `RuleFlags`
    uint16 unitCode; // what a unit is, by the policy's own table; a request in another unit pends
    uint16 validityDays; // for which an authorization holds, from the first day of service
    uint16 firstDay; // days since 1970-01-01 UTC; in force from
    uint16 lastDay; // days since 1970-01-01 UTC; in force up to and with
    uint64 requiredDocuments; // bit n: a document of kind n
    uint40 maxMilliUnitsPerRequest;
    uint40 maxMilliUnitsPerPeriod;
    // --- second slot
    uint64 maxUnitPrice; // token minor units; for approval by the rules alone
    uint64 maxAmount; // token minor units; for approval by the rules alone
    uint32 goldCardRequests; // reviewed lines within one window that a gold card takes at least
    uint16 goldCardApprovalRate; // basis points of them approved in full, at least
    uint16 goldCardWindowDays;
}

/// @notice What of a class's rule decides a claim; two slots.
struct ClaimRule {
    uint64 fastTrackMaximum; // token minor units; what the rules alone pay at most
    uint64 unitPrice; // token minor units of one unit; 0 if none was agreed
    uint64 copay; // token minor units, the patient's first share
    uint16 coinsurance; // basis points of the rest that the patient bears
    uint16 filingDays; // within which a claim is filed, from the day of service
    Pricing pricing;
    uint16 flags; // see `RuleFlags`, the same as the authorization rule's
    // --- second slot
    uint40 maxMilliUnitsPerDay; // more for one member on one day is implausible; 0 if no limit
    uint32 episodeWeight; // ten-thousandths
    BenefitClass partOf; // the class that includes this service; 0 if none
}

/// @notice A class's whole rule.
struct BenefitRule {
    BenefitClass benefitClass;
    AuthorizationRule authorization;
    ClaimRule claim;
}

/// @notice What a class's rule may say besides, as bits of its `flags`.
library RuleFlags {
    /// @notice The service needs an authorization; without this flag, none is needed.
    uint16 internal constant AUTHORIZATION_NEEDED = 1 << 0;
    /// @notice A person decides every request.
    uint16 internal constant NO_AUTO = 1 << 1;
    /// @notice The rules may grant what is left of the period's units, where more was asked for.
    uint16 internal constant ALLOW_PARTIAL = 1 << 2;
    /// @notice The contract between the two excludes the service: a request is denied without a person.
    uint16 internal constant DENY_NOT_COVERED = 1 << 3;
    /// @notice Only expedited requests are decided by the rules.
    uint16 internal constant EXPEDITED_ONLY = 1 << 4;
    /// @notice A reviewer's adverse decision takes a second, different reviewer.
    uint16 internal constant SECOND_OPINION = 1 << 5;
    /// @notice A provider with the record that the rule asks for skips review.
    uint16 internal constant GOLD_CARD_OK = 1 << 6;
    /// @notice A line not decided in time is approved.
    uint16 internal constant APPROVE_OVERDUE = 1 << 7;
    /// @notice The patient's deductible applies.
    uint16 internal constant DEDUCTIBLE = 1 << 8;
    /// @notice The class includes services of other classes, whose rules name it in `partOf`.
    uint16 internal constant INCLUDES_OTHERS = 1 << 9;

    uint16 internal constant ALL = (1 << 10) - 1;

    function has(uint16 flags, uint16 flag) internal pure returns (bool) {
        return flags & flag != 0;
    }
}

/// @notice Integers of one unit.
library Units {
    /// @notice Of a unit, as in `milliUnits`.
    uint256 internal constant MILLI = 1000;
    /// @notice Basis points of the whole.
    uint256 internal constant BASIS_POINTS = 10_000;
}
