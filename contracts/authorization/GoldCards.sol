// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {OrganizationId} from "../identity/OrganizationId.sol";
import {AuthorizationRule, BenefitClass, RuleFlags, Units} from "./BenefitRule.sol";

/// @title GoldCards
/// @notice Who skips review: a provider whose lines of a class were reviewed often enough in the window before this
/// one, and approved in full at the rate that the rule asks for. Only what persons decided counts, so that easy cases
/// earn nothing; and since nothing is reviewed while a card holds, it has to be earned again in every other window.
abstract contract GoldCards {
    using RuleFlags for uint16;

    /// @dev Of a provider and class. One slot.
    struct Record {
        uint16 windowDays; // the length that it is counted in
        uint32 window; // days since 1970-01-01 UTC divided by the length
        uint32 reviewed; // lines, in that window
        uint32 approved; // in full, of them
        uint32 reviewedBefore; // in the window before
        uint32 approvedBefore;
    }

    mapping(OrganizationId provider => mapping(BenefitClass benefitClass => Record)) private _records;

    /// @dev Counts a person's decision, if the class has windows.
    function _countReview(OrganizationId provider, BenefitClass benefitClass, uint16 windowDays, bool approved)
        internal
    {
        if (windowDays == 0) return;
        Record memory record = _currentRecord(provider, benefitClass, windowDays);
        ++record.reviewed;
        if (approved) ++record.approved;
        _records[provider][benefitClass] = record;
    }

    function _hasGoldCard(OrganizationId provider, BenefitClass benefitClass, AuthorizationRule memory rule)
        internal
        view
        returns (bool)
    {
        if (!rule.flags.has(RuleFlags.GOLD_CARD_OK) || rule.goldCardWindowDays == 0) return false;
        Record memory record = _currentRecord(provider, benefitClass, rule.goldCardWindowDays);
        return record.reviewedBefore != 0 && record.reviewedBefore >= rule.goldCardRequests
            && uint256(record.approvedBefore) * Units.BASIS_POINTS
                >= uint256(record.reviewedBefore) * rule.goldCardApprovalRate;
    }

    /// @dev The record as of today's window; a new one if windows have another length now.
    function _currentRecord(OrganizationId provider, BenefitClass benefitClass, uint16 windowDays)
        private
        view
        returns (Record memory record)
    {
        record = _records[provider][benefitClass];
        uint32 window = uint32(block.timestamp / 1 days / windowDays);
        if (record.windowDays != windowDays) return Record(windowDays, window, 0, 0, 0, 0);
        // slither-disable-next-line incorrect-equality (windows of whole days)
        if (record.window == window) return record;
        // slither-disable-next-line incorrect-equality (windows of whole days)
        bool follows = record.window + 1 == window;
        (record.reviewedBefore, record.approvedBefore) = follows ? (record.reviewed, record.approved) : (0, 0);
        (record.window, record.reviewed, record.approved) = (window, 0, 0);
    }
}
