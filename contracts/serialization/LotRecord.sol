// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {OrganizationId} from "../identity/OrganizationId.sol";
import {ILotRegistry} from "./ILotRegistry.sol";
import {LotKind, LotTerms} from "./LotTerms.sol";

/// @notice A lot in one storage slot. From the lowest bit:
///
/// | bits | field | bits | field |
/// |---|---|---|---|
/// | 96 | maker | 8 | tranches |
/// | 16 | commissionedDay; days since 1970-01-01 UTC | 8 | kind |
/// | 16 | expiryDay; days since 1970-01-01 UTC, 0 if none | 8 | recallClass |
/// | 24 | packed | 8 | recallReason |
/// | 8 | depth | | |
type LotRecord is uint256;

using LotRecords for LotRecord global;

/// @title LotRecords
/// @notice Makes, changes and reads lot records.
library LotRecords {
    uint256 private constant COMMISSIONED = 96;
    uint256 private constant EXPIRY = 112;
    uint256 private constant PACKED = 128;
    uint256 private constant DEPTH = 152;
    uint256 private constant TRANCHES = 160;
    uint256 private constant KIND = 168;
    uint256 private constant RECALL_CLASS = 176;
    uint256 private constant RECALL_REASON = 184;

    /// @dev A new lot, with its first tranche.
    function commissioned(OrganizationId maker_, uint256 day, LotTerms terms) internal pure returns (LotRecord) {
        return LotRecord.wrap(
            uint96(OrganizationId.unwrap(maker_)) | (day << COMMISSIONED) | (uint256(terms.expiryDay()) << EXPIRY)
                | (uint256(terms.depth()) << DEPTH) | (1 << TRANCHES) | (uint256(terms.kind()) << KIND)
        );
    }

    function hasTerms(LotRecord self, LotTerms terms) internal pure returns (bool) {
        uint256 held = uint256(expiryDay(self)) | (uint256(depth(self)) << 16) | (uint256(kind(self)) << 24);
        return held == LotTerms.unwrap(terms);
    }

    function isUnknown(LotRecord self) internal pure returns (bool) {
        return LotRecord.unwrap(self) == 0;
    }

    function maker(LotRecord self) internal pure returns (OrganizationId) {
        return OrganizationId.wrap(bytes12(uint96(LotRecord.unwrap(self))));
    }

    function commissionedDay(LotRecord self) internal pure returns (uint256) {
        return uint16(LotRecord.unwrap(self) >> COMMISSIONED);
    }

    function expiryDay(LotRecord self) internal pure returns (uint16) {
        return uint16(LotRecord.unwrap(self) >> EXPIRY);
    }

    function packed(LotRecord self) internal pure returns (uint256) {
        return uint24(LotRecord.unwrap(self) >> PACKED);
    }

    function depth(LotRecord self) internal pure returns (uint8) {
        return uint8(LotRecord.unwrap(self) >> DEPTH);
    }

    function tranches(LotRecord self) internal pure returns (uint8) {
        return uint8(LotRecord.unwrap(self) >> TRANCHES);
    }

    function kind(LotRecord self) internal pure returns (LotKind) {
        return LotKind(uint8(LotRecord.unwrap(self) >> KIND));
    }

    function recallClass(LotRecord self) internal pure returns (ILotRegistry.RecallClass) {
        return ILotRegistry.RecallClass(uint8(LotRecord.unwrap(self) >> RECALL_CLASS));
    }

    function recallReason(LotRecord self) internal pure returns (ILotRegistry.RecallReason) {
        return ILotRegistry.RecallReason(uint8(LotRecord.unwrap(self) >> RECALL_REASON));
    }

    function isRecalled(LotRecord self) internal pure returns (bool) {
        return uint8(LotRecord.unwrap(self) >> RECALL_CLASS) != 0;
    }

    /// @dev The number after the last that is commissioned.
    function commissionedEnd(LotRecord self) internal pure returns (uint256) {
        return uint256(tranches(self)) << depth(self);
    }

    function withTranche(LotRecord self) internal pure returns (LotRecord) {
        return LotRecord.wrap(LotRecord.unwrap(self) + (1 << TRANCHES));
    }

    function withPacked(LotRecord self, uint256 packed_) internal pure returns (LotRecord) {
        return LotRecord.wrap((LotRecord.unwrap(self) & ~(uint256(type(uint24).max) << PACKED)) | (packed_ << PACKED));
    }

    function withRecall(LotRecord self, ILotRegistry.RecallClass class, ILotRegistry.RecallReason reason)
        internal
        pure
        returns (LotRecord)
    {
        uint256 rest = LotRecord.unwrap(self) & ~(uint256(type(uint16).max) << RECALL_CLASS);
        return LotRecord.wrap(rest | (uint256(class) << RECALL_CLASS) | (uint256(reason) << RECALL_REASON));
    }
}
