// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {BenefitClass} from "./BenefitRule.sol";
import {IAuthorizationRecords} from "./IAuthorizationRecords.sol";

/// @notice A line in one storage slot, packed by hand: the compiler would write its fields one after the other.
/// From the
/// lowest bit:
///
/// | bits | field | bits | field |
/// |---|---|---|---|
/// | 8 | status | 40 | milliUnits: left of a grant, else what was asked for |
/// | 8 | action | 64 | amount, token minor units: left of a grant, else what was asked for |
/// | 8 | appeal | 16, 16 | validFrom, validTo; days since 1970-01-01 UTC |
/// | 8 | shadow | 40 | decidedAt, Unix seconds |
/// | 16 | sequence | | |
/// | 16, 16 | version of the policy, class | | |
type LineRecord is uint256;

/// @notice What persons add to a line, in one more slot that a line decided by the rules alone does not have:
///
/// | bits | field | bits | field |
/// |---|---|---|---|
/// | 96 | reviewer, who decided last | 40 | periodLimit, milli-units |
/// | 40 | receivedAt, Unix seconds | 16 | goldCardWindowDays; 0 if reviews count for none |
/// | 40 | dueAt, Unix seconds | 8 | marks, see `Marks` |
/// | | | 16 | content: the first bytes of the hash of what that reviewer signed, to tell it sent again |
type Deliberation is uint256;

/// @notice Where a line is stored.
struct LineSlots {
    LineRecord record;
    Deliberation deliberation;
}

using LineRecords for LineRecord global;
using Deliberations for Deliberation global;

/// @notice What a deliberation may be marked with.
library Marks {
    uint256 internal constant EXTENDED = 1 << 0;
    uint256 internal constant OVERDUE = 1 << 1;
    uint256 internal constant SECOND_OPINION = 1 << 2;
    uint256 internal constant APPROVE_OVERDUE = 1 << 3;
}

/// @title LineRecords
/// @notice Makes, changes and reads line records.
library LineRecords {
    uint256 private constant ACTION = 8;
    uint256 private constant APPEAL = 16;
    uint256 private constant SHADOW = 24;
    uint256 private constant SEQUENCE = 32;
    uint256 private constant VERSION = 48;
    uint256 private constant CLASS = 64;
    uint256 private constant MILLI_UNITS = 80;
    uint256 private constant AMOUNT = 120;
    uint256 private constant VALID_FROM = 184;
    uint256 private constant VALID_TO = 200;
    uint256 private constant DECIDED_AT = 216;

    // ------------------------------------------------------------------ decisions

    /// @dev A new line, decided now.
    function decided(
        IAuthorizationRecords.LineStatus status_,
        IAuthorizationRecords.Action action_,
        bool shadow_,
        uint16 version_,
        BenefitClass class_
    ) internal view returns (LineRecord) {
        return LineRecord.wrap(
            uint256(status_) | (uint256(action_) << ACTION) | (uint256(shadow_ ? 1 : 0) << SHADOW) | (1 << SEQUENCE)
                | (uint256(version_) << VERSION) | (uint256(BenefitClass.unwrap(class_)) << CLASS)
                | (block.timestamp << DECIDED_AT)
        );
    }

    /// @dev Another decision, now.
    function withDecision(
        LineRecord self,
        IAuthorizationRecords.LineStatus status_,
        IAuthorizationRecords.Action action_
    ) internal view returns (LineRecord) {
        self = withNextSequence(withStatus(self, status_));
        self = _with(self, ACTION, type(uint8).max, uint256(action_));
        return _with(self, DECIDED_AT, type(uint40).max, block.timestamp);
    }

    // ------------------------------------------------------------------ reads

    function status(LineRecord self) internal pure returns (IAuthorizationRecords.LineStatus) {
        return IAuthorizationRecords.LineStatus(uint8(LineRecord.unwrap(self)));
    }

    function action(LineRecord self) internal pure returns (IAuthorizationRecords.Action) {
        return IAuthorizationRecords.Action(uint8(LineRecord.unwrap(self) >> ACTION));
    }

    function appeal(LineRecord self) internal pure returns (IAuthorizationRecords.AppealStatus) {
        return IAuthorizationRecords.AppealStatus(uint8(LineRecord.unwrap(self) >> APPEAL));
    }

    function isShadow(LineRecord self) internal pure returns (bool) {
        return uint8(LineRecord.unwrap(self) >> SHADOW) != 0;
    }

    function sequence(LineRecord self) internal pure returns (uint16) {
        return uint16(LineRecord.unwrap(self) >> SEQUENCE);
    }

    function version(LineRecord self) internal pure returns (uint16) {
        return uint16(LineRecord.unwrap(self) >> VERSION);
    }

    function benefitClass(LineRecord self) internal pure returns (BenefitClass) {
        return BenefitClass.wrap(uint16(LineRecord.unwrap(self) >> CLASS));
    }

    function milliUnits(LineRecord self) internal pure returns (uint40) {
        return uint40(LineRecord.unwrap(self) >> MILLI_UNITS);
    }

    function amount(LineRecord self) internal pure returns (uint64) {
        return uint64(LineRecord.unwrap(self) >> AMOUNT);
    }

    function validFrom(LineRecord self) internal pure returns (uint16) {
        return uint16(LineRecord.unwrap(self) >> VALID_FROM);
    }

    function validTo(LineRecord self) internal pure returns (uint16) {
        return uint16(LineRecord.unwrap(self) >> VALID_TO);
    }

    function decidedAt(LineRecord self) internal pure returns (uint40) {
        return uint40(LineRecord.unwrap(self) >> DECIDED_AT);
    }

    /// @return Whether claims may draw on it.
    function isGrant(LineRecord self) internal pure returns (bool) {
        return isAGrant(status(self));
    }

    /// @return Whether it waits for a person's decision.
    function isPended(LineRecord self) internal pure returns (bool) {
        IAuthorizationRecords.LineStatus found = status(self);
        return found == IAuthorizationRecords.LineStatus.Pended
            || found == IAuthorizationRecords.LineStatus.InformationRequested;
    }

    /// @return Whether an appeal is to be decided.
    function isAppealed(LineRecord self) internal pure returns (bool) {
        return appeal(self) == IAuthorizationRecords.AppealStatus.Open;
    }

    /// @return Whether it may still be decided or drawn on without the provider's doing.
    function isUnderWay(LineRecord self) internal pure returns (bool) {
        return isPended(self) || isGrant(self) || isAppealed(self);
    }

    function isAGrant(IAuthorizationRecords.LineStatus status_) internal pure returns (bool) {
        return status_ == IAuthorizationRecords.LineStatus.Approved
            || status_ == IAuthorizationRecords.LineStatus.Partial
            || status_ == IAuthorizationRecords.LineStatus.Modified;
    }

    // ------------------------------------------------------------------ changes

    function withStatus(LineRecord self, IAuthorizationRecords.LineStatus status_) internal pure returns (LineRecord) {
        return _with(self, 0, type(uint8).max, uint256(status_));
    }

    function withAppeal(LineRecord self, IAuthorizationRecords.AppealStatus appeal_)
        internal
        pure
        returns (LineRecord)
    {
        return _with(self, APPEAL, type(uint8).max, uint256(appeal_));
    }

    /// @dev The next number; the last is followed by a revert, as numbers are never used twice.
    function withNextSequence(LineRecord self) internal pure returns (LineRecord) {
        return _with(self, SEQUENCE, type(uint16).max, sequence(self) + 1);
    }

    function withClass(LineRecord self, BenefitClass class_, uint16 validTo_) internal pure returns (LineRecord) {
        self = _with(self, CLASS, type(uint16).max, BenefitClass.unwrap(class_));
        return _with(self, VALID_TO, type(uint16).max, validTo_);
    }

    function withGrant(LineRecord self, uint40 milliUnits_, uint64 amount_) internal pure returns (LineRecord) {
        self = _with(self, MILLI_UNITS, type(uint40).max, milliUnits_);
        return _with(self, AMOUNT, type(uint64).max, amount_);
    }

    function withValidity(LineRecord self, uint16 from, uint16 to) internal pure returns (LineRecord) {
        return _with(_with(self, VALID_FROM, type(uint16).max, from), VALID_TO, type(uint16).max, to);
    }

    function _with(LineRecord self, uint256 shift, uint256 mask, uint256 value) private pure returns (LineRecord) {
        return LineRecord.wrap((LineRecord.unwrap(self) & ~(mask << shift)) | (value << shift));
    }
}

/// @title Deliberations
/// @notice Makes, changes and reads deliberations.
library Deliberations {
    uint256 private constant RECEIVED_AT = 96;
    uint256 private constant DUE_AT = 136;
    uint256 private constant PERIOD_LIMIT = 176;
    uint256 private constant WINDOW_DAYS = 216;
    uint256 private constant MARKS = 232;
    uint256 private constant CONTENT = 240;

    function pended(uint40 receivedAt_, uint40 dueAt_, uint40 periodLimit_, uint16 windowDays_, uint256 marks_)
        internal
        pure
        returns (Deliberation)
    {
        return Deliberation.wrap(
            (uint256(receivedAt_) << RECEIVED_AT) | (uint256(dueAt_) << DUE_AT)
                | (uint256(periodLimit_) << PERIOD_LIMIT) | (uint256(windowDays_) << WINDOW_DAYS) | (marks_ << MARKS)
        );
    }

    function reviewer(Deliberation self) internal pure returns (bytes12) {
        return bytes12(uint96(Deliberation.unwrap(self)));
    }

    function receivedAt(Deliberation self) internal pure returns (uint40) {
        return uint40(Deliberation.unwrap(self) >> RECEIVED_AT);
    }

    function dueAt(Deliberation self) internal pure returns (uint40) {
        return uint40(Deliberation.unwrap(self) >> DUE_AT);
    }

    function periodLimit(Deliberation self) internal pure returns (uint40) {
        return uint40(Deliberation.unwrap(self) >> PERIOD_LIMIT);
    }

    function goldCardWindowDays(Deliberation self) internal pure returns (uint16) {
        return uint16(Deliberation.unwrap(self) >> WINDOW_DAYS);
    }

    function content(Deliberation self) internal pure returns (bytes2) {
        return bytes2(uint16(Deliberation.unwrap(self) >> CONTENT));
    }

    function isMarked(Deliberation self, uint256 mark) internal pure returns (bool) {
        return (Deliberation.unwrap(self) >> MARKS) & mark != 0;
    }

    function withMark(Deliberation self, uint256 mark) internal pure returns (Deliberation) {
        return Deliberation.wrap(Deliberation.unwrap(self) | (mark << MARKS));
    }

    function withoutMarks(Deliberation self) internal pure returns (Deliberation) {
        return Deliberation.wrap(Deliberation.unwrap(self) & ~(uint256(type(uint8).max) << MARKS));
    }

    function withReviewer(Deliberation self, bytes12 reviewer_, bytes2 content_) internal pure returns (Deliberation) {
        return _with(_with(self, 0, type(uint96).max, uint96(reviewer_)), CONTENT, type(uint16).max, uint16(content_));
    }

    function withTimes(Deliberation self, uint40 receivedAt_, uint40 dueAt_) internal pure returns (Deliberation) {
        return _with(_with(self, RECEIVED_AT, type(uint40).max, receivedAt_), DUE_AT, type(uint40).max, dueAt_);
    }

    function withPeriodLimit(Deliberation self, uint40 periodLimit_) internal pure returns (Deliberation) {
        return _with(self, PERIOD_LIMIT, type(uint40).max, periodLimit_);
    }

    function _with(Deliberation self, uint256 shift, uint256 mask, uint256 value) private pure returns (Deliberation) {
        return Deliberation.wrap((Deliberation.unwrap(self) & ~(mask << shift)) | (value << shift));
    }
}
