// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {BenefitClass} from "./BenefitRule.sol";

/// @title A ledger of units
/// @notice How many units of a class a member has reserved and used in a benefit period. It outlives the versions of
/// the logic above it and has one writer at a time, a `PriorAuthorization`; so a new version of the logic, or of the
/// policy, takes over the counts and starts nobody's limits anew.
///
/// Units are milli-units. A member is known by the key that the insurer issues; here it is a bare number.
interface IUnitLedger {
    /// @notice What a member has of a class in a period; one slot.
    struct Balance {
        uint48 reserved; // milli-units authorized and not yet used
        uint48 used; // milli-units of paid claims
    }

    /// @notice Units of a member changed.
    event UnitsChanged(
        bytes16 indexed memberKey,
        uint16 indexed period,
        BenefitClass indexed benefitClass,
        uint48 reserved,
        uint48 used
    );

    /// @notice Thrown when more units are to be taken from a count than it has.
    error UnitLedgerNotReserved(
        bytes16 memberKey, uint16 period, BenefitClass benefitClass, uint40 milliUnits, uint48 held
    );

    // ------------------------------------------------------------------ the writer

    /// @notice Reserves units, or as many as the limit leaves; nothing if those are fewer than the minimum.
    /// @param limit Milli-units that may be reserved and used in the period altogether.
    /// @param minimum Milli-units, more than 0.
    /// @return granted How many were reserved.
    /// @return taken How many were reserved and used before.
    function reserve(
        bytes16 memberKey,
        uint16 period,
        BenefitClass benefitClass,
        uint40 milliUnits,
        uint40 limit,
        uint40 minimum
    ) external returns (uint40 granted, uint48 taken);

    /// @notice Gives reserved units back.
    function release(bytes16 memberKey, uint16 period, BenefitClass benefitClass, uint40 milliUnits) external;

    /// @notice Turns reserved units into used ones.
    function consume(bytes16 memberKey, uint16 period, BenefitClass benefitClass, uint40 milliUnits) external;

    /// @notice Turns used units back into reserved ones, when a payment is reversed.
    function restore(bytes16 memberKey, uint16 period, BenefitClass benefitClass, uint40 milliUnits) external;

    // ------------------------------------------------------------------ reads

    /// @return A member's units of a class in a period.
    function balanceOf(bytes16 memberKey, uint16 period, BenefitClass benefitClass)
        external
        view
        returns (Balance memory);
}
