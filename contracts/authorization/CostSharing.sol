// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Units} from "./BenefitRule.sol";

/// @title CostSharing
/// @notice How an allowed amount is shared between insurer and patient: copay, then what is left of the deductible,
/// then coinsurance on the rest; in this order as far as the patient's out-of-pocket maximum has room.
library CostSharing {
    /// @notice What a patient still has to bear, token minor units.
    struct Burden {
        uint64 copay; // of this service
        uint64 deductibleLeft; // of the period; 0 if it does not apply
        uint16 coinsurance; // basis points, at most all
        uint64 outOfPocketLeft; // of the period
    }

    /// @notice Who bears what, token minor units; together the allowed amount.
    struct Shares {
        uint64 paid; // by the insurer
        uint64 deductible;
        uint64 coinsurance;
        uint64 copay;
    }

    /// @notice Shares an allowed amount. Fractions of a minor unit are the insurer's.
    function share(uint64 allowed, Burden memory burden) internal pure returns (Shares memory shares) {
        uint64 room = burden.outOfPocketLeft < allowed ? burden.outOfPocketLeft : allowed;
        shares.copay = _min(burden.copay, room);
        unchecked {
            room -= shares.copay; // each share is cut to the room that is left
            uint64 rest = allowed - shares.copay; // the room was never more than what is allowed
            shares.deductible = _min(_min(burden.deductibleLeft, rest), room);
            room -= shares.deductible;
            rest -= shares.deductible;
            // At most the rest, as coinsurance is at most the whole.
            uint256 part = (uint256(rest) * burden.coinsurance) / Units.BASIS_POINTS;
            shares.coinsurance = part < room ? uint64(part) : room;
            shares.paid = rest - shares.coinsurance;
        }
    }

    /// @return What is left of a limit.
    function left(uint64 limit, uint64 used) internal pure returns (uint64) {
        unchecked {
            return used < limit ? limit - used : 0;
        }
    }

    function _min(uint64 a, uint64 b) private pure returns (uint64) {
        return a < b ? a : b;
    }
}
