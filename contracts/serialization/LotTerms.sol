// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @notice What a lot is of.
enum LotKind {
    Medicine,
    Device
}

/// @notice What a maker states of a lot, in one word. From the lowest bit: 16 bits of expiry day, days since 1970-01-01
/// UTC, 0 for a device without one; 8 bits of depth, the levels of each tranche's tree; 8 bits of kind. All others are
/// zero.
type LotTerms is uint256;

using LotTermsLibrary for LotTerms global;

/// @title LotTermsLibrary
/// @notice Reads lot terms.
library LotTermsLibrary {
    uint256 private constant MAX_DEPTH = 20;

    function expiryDay(LotTerms self) internal pure returns (uint16) {
        return uint16(LotTerms.unwrap(self));
    }

    function depth(LotTerms self) internal pure returns (uint8) {
        return uint8(LotTerms.unwrap(self) >> 16);
    }

    function kind(LotTerms self) internal pure returns (LotKind) {
        return LotKind(uint8(LotTerms.unwrap(self) >> 24));
    }

    /// @return Whether they are terms of a lot that can be commissioned on a day.
    function areValid(LotTerms self, uint256 today) internal pure returns (bool) {
        uint256 kind_ = LotTerms.unwrap(self) >> 24;
        if (kind_ > uint256(type(LotKind).max) || depth(self) > MAX_DEPTH) return false;
        return expiryDay(self) > today || (expiryDay(self) == 0 && kind_ == uint256(LotKind.Device));
    }
}
