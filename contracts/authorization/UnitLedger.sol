// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {SingleWriter} from "../identity/SingleWriter.sol";
import {BenefitClass} from "./BenefitRule.sol";
import {IUnitLedger} from "./IUnitLedger.sol";

/// @title UnitLedger
/// @notice See {IUnitLedger}.
contract UnitLedger is IUnitLedger, SingleWriter {
    /// @dev By {_countOf}: one hash, where a mapping for each part would take three. Reserved and used together never
    /// pass 2^40 - 1: only {reserve} adds to them, and a limit is no more.
    mapping(bytes32 count => Balance balance) private _balances;

    /// @param authority The insurer's own `AccessManager`.
    constructor(address authority) AccessManaged(authority) {}

    // ------------------------------------------------------------------ the writer

    /// @inheritdoc IUnitLedger
    function reserve(
        bytes16 memberKey,
        uint16 period,
        BenefitClass benefitClass,
        uint40 milliUnits,
        uint40 limit,
        uint40 minimum
    ) external onlyWriter returns (uint40 granted, uint48 taken) {
        (uint48 reserved, uint48 used) = _read(memberKey, period, benefitClass);
        taken = reserved + used;
        if (taken >= limit) return (0, taken);
        granted = limit - uint40(taken);
        if (granted > milliUnits) granted = milliUnits;
        if (granted < minimum || granted == 0) return (0, taken);
        _write(memberKey, period, benefitClass, reserved + granted, used);
    }

    /// @inheritdoc IUnitLedger
    function release(bytes16 memberKey, uint16 period, BenefitClass benefitClass, uint40 milliUnits)
        external
        onlyWriter
    {
        (uint48 reserved, uint48 used) = _read(memberKey, period, benefitClass);
        if (milliUnits > reserved) revert UnitLedgerNotReserved(memberKey, period, benefitClass, milliUnits, reserved);
        _write(memberKey, period, benefitClass, reserved - milliUnits, used);
    }

    /// @inheritdoc IUnitLedger
    function consume(bytes16 memberKey, uint16 period, BenefitClass benefitClass, uint40 milliUnits)
        external
        onlyWriter
    {
        (uint48 reserved, uint48 used) = _read(memberKey, period, benefitClass);
        if (milliUnits > reserved) revert UnitLedgerNotReserved(memberKey, period, benefitClass, milliUnits, reserved);
        _write(memberKey, period, benefitClass, reserved - milliUnits, used + milliUnits);
    }

    /// @inheritdoc IUnitLedger
    function restore(bytes16 memberKey, uint16 period, BenefitClass benefitClass, uint40 milliUnits)
        external
        onlyWriter
    {
        (uint48 reserved, uint48 used) = _read(memberKey, period, benefitClass);
        if (milliUnits > used) revert UnitLedgerNotReserved(memberKey, period, benefitClass, milliUnits, used);
        _write(memberKey, period, benefitClass, reserved + milliUnits, used - milliUnits);
    }

    // ------------------------------------------------------------------ reads

    /// @inheritdoc IUnitLedger
    function balanceOf(bytes16 memberKey, uint16 period, BenefitClass benefitClass)
        external
        view
        returns (Balance memory)
    {
        return _balances[_countOf(memberKey, period, benefitClass)];
    }

    // ------------------------------------------------------------------

    function _write(bytes16 memberKey, uint16 period, BenefitClass benefitClass, uint48 reserved, uint48 used) private {
        Balance storage balance = _balances[_countOf(memberKey, period, benefitClass)];
        (balance.reserved, balance.used) = (reserved, used);
        emit UnitsChanged(memberKey, period, benefitClass, reserved, used);
    }

    function _read(bytes16 memberKey, uint16 period, BenefitClass benefitClass) private view returns (uint48, uint48) {
        Balance storage balance = _balances[_countOf(memberKey, period, benefitClass)];
        return (balance.reserved, balance.used);
    }

    /// @dev Member key, period and class side by side, so that no two have one.
    function _countOf(bytes16 memberKey, uint16 period, BenefitClass benefitClass) private pure returns (bytes32) {
        return
            memberKey | (bytes32(bytes2(period)) >> 128) | (bytes32(bytes2(BenefitClass.unwrap(benefitClass))) >> 144);
    }
}
