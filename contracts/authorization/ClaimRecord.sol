// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @notice Where a claim line is.
///
/// Unknown -> InReview, Denied, Paid or ApprovedUnfunded, by the rules. InReview, Denied -> Paid, Partial, Denied,
/// ApprovedUnfunded or PartialUnfunded, by a person. ApprovedUnfunded -> Paid and PartialUnfunded -> Partial, as the
/// vault gets to it. Paid, Partial, ApprovedUnfunded, PartialUnfunded -> Reversed, which is final.
enum ClaimStatus {
    Unknown,
    InReview,
    Paid,
    Partial,
    Denied,
    ApprovedUnfunded,
    PartialUnfunded,
    Reversed
}

/// @notice Why a claim line was not paid by the rules; it stays when a person decided. `None` for one that was. In the
/// order in which they are tried: the first that holds is the one. The first three deny, CARC 197, 15 and 29; the
/// others wait for a person.
enum Finding {
    None,
    NoAuthorization, // the line names no request
    UnknownAuthorization, // no such request or line, or one of shadow mode, which binds nobody
    FiledLate,
    ImplausibleDate, // a day of service to come
    AuthorizationNotRequired,
    AuthorizationNotActive, // pended, denied, cancelled or expired
    ServiceOutsideValidity,
    UnitsOverAuthorization,
    AmountOverAuthorization,
    ImplausibleQuantity,
    DocumentsMissing,
    DocumentReused, // a document of another claim's
    Unbundled, // a service and another one that includes it, for one member on one day
    NoAgreedPrice,
    OverFastTrackMaximum // the class's, or the vault's daily cap
}

/// @notice What is known of a claim line; one word, see `ClaimWord`.
struct ClaimRecord {
    ClaimStatus status;
    Finding finding;
    bytes8 claim; // of the claim that it came with, see `IClaimSettlement.tagOf`
    uint64 paid; // token minor units, by the insurer
    uint56 deductible; // token minor units, counted for the member
    uint56 outOfPocket; // token minor units, counted for the member, the deductible included
}

/// @notice A `ClaimRecord` in one word, packed by hand: the compiler would write its fields one after the other. From
/// the lowest bit: 56 outOfPocket, 56 deductible, 64 paid, 64 claim, 8 finding, 8 status.
type ClaimWord is uint256;

using ClaimWords for ClaimWord global;

/// @title ClaimWords
/// @notice Makes and reads packed records.
library ClaimWords {
    uint256 private constant DEDUCTIBLE = 56;
    uint256 private constant PAID = 112;
    uint256 private constant CLAIM = 176;
    uint256 private constant FINDING = 240;
    uint256 private constant STATUS = 248;

    function pack(
        ClaimStatus status_,
        Finding finding_,
        bytes8 claim_,
        uint64 paid_,
        uint56 deductible,
        uint56 outOfPocket
    ) internal pure returns (ClaimWord) {
        return ClaimWord.wrap(
            (uint256(status_) << STATUS) | (uint256(finding_) << FINDING) | (uint256(uint64(claim_)) << CLAIM)
                | (uint256(paid_) << PAID) | (uint256(deductible) << DEDUCTIBLE) | outOfPocket
        );
    }

    function withStatus(ClaimWord self, ClaimStatus status_) internal pure returns (ClaimWord) {
        uint256 others = ClaimWord.unwrap(self) & ((uint256(1) << STATUS) - 1);
        return ClaimWord.wrap(others | (uint256(status_) << STATUS));
    }

    function status(ClaimWord self) internal pure returns (ClaimStatus) {
        return ClaimStatus(uint8(ClaimWord.unwrap(self) >> STATUS));
    }

    function finding(ClaimWord self) internal pure returns (Finding) {
        return Finding(uint8(ClaimWord.unwrap(self) >> FINDING));
    }

    function claim(ClaimWord self) internal pure returns (bytes8) {
        return bytes8(uint64(ClaimWord.unwrap(self) >> CLAIM));
    }

    function paid(ClaimWord self) internal pure returns (uint64) {
        return uint64(ClaimWord.unwrap(self) >> PAID);
    }

    function unpack(ClaimWord self) internal pure returns (ClaimRecord memory) {
        uint256 word = ClaimWord.unwrap(self);
        return ClaimRecord({
            status: status(self),
            finding: finding(self),
            claim: claim(self),
            paid: paid(self),
            deductible: uint56(word >> DEDUCTIBLE),
            outOfPocket: uint56(word)
        });
    }
}
