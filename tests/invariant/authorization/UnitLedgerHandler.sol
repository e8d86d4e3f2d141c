// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CommonBase} from "forge-std/Base.sol";

import {BenefitClass} from "../../../contracts/authorization/BenefitRule.sol";
import {IUnitLedger} from "../../../contracts/authorization/IUnitLedger.sol";
import {UnitLedger} from "../../../contracts/authorization/UnitLedger.sol";
import {SingleWriter} from "../../../contracts/identity/SingleWriter.sol";

/// @notice What two versions of the logic and strangers can do to the counts of two members, in two periods and classes.
contract UnitLedgerHandler is CommonBase {
    uint256 public constant COUNTS = 8;

    UnitLedger private immutable _units;
    address private immutable _policyAdministrator;
    address[] private _callers; // two closed versions, then others

    // What the accepted calls add up to.
    uint256[8] public granted;
    uint256[8] public released;
    uint256[8] public consumed;
    uint256[8] public restored;
    address public writer;

    uint256 public calls;
    mapping(string what => uint256 times) public reached;

    string public limitBreach;
    string public grantBreach;
    string public writerBreach;
    string public callBreach;

    constructor(UnitLedger units, address policyAdministrator, address[] memory callers) {
        (_units, _policyAdministrator, _callers) = (units, policyAdministrator, callers);
        writer = units.writer();
    }

    function reserve(uint256 seed, uint40 milliUnits, uint40 limit, uint40 minimum) external {
        (address caller, uint256 n) = (_caller(seed), (seed >> 8) % COUNTS);
        if (seed >> 16 & 7 != 0) {
            // Mostly within the same few thousand, so that limits are met.
            (milliUnits, limit, minimum) = (milliUnits % 5000, 5000 + limit % 10_000, minimum % 4000);
        }
        if (seed >> 20 & 7 == 0) minimum = milliUnits;
        (bytes16 member, uint16 period, BenefitClass benefitClass) = countOf(n);
        uint256 taken = granted[n] - released[n];
        bytes memory call = abi.encodeCall(_units.reserve, (member, period, benefitClass, milliUnits, limit, minimum));
        (bool done, bytes memory answer) = _call(caller, call, caller == writer, "reserve");
        if (!done) return;
        (uint40 got, uint48 before) = abi.decode(answer, (uint40, uint48));
        uint256 left = taken < limit ? limit - taken : 0;
        uint256 expected = left < milliUnits ? left : milliUnits;
        if (expected < minimum) expected = 0;
        if (got != expected || before != taken) grantBreach = "another grant than the limit leaves";
        if (got != 0 && taken + got > limit) limitBreach = "reserved beyond the limit";
        granted[n] += got;
        if (got == 0) ++reached["nothing granted"];
        else if (got < milliUnits) ++reached["granted in part"];
        if (taken > limit) ++reached["a limit that shrank"];
    }

    function release(uint256 seed, uint40 milliUnits) external {
        uint256 n = (seed >> 8) % COUNTS;
        milliUnits = _about(seed, reservedOf(n), milliUnits);
        if (_move(seed, n, milliUnits, _units.release.selector, reservedOf(n), "release")) released[n] += milliUnits;
    }

    function consume(uint256 seed, uint40 milliUnits) external {
        uint256 n = (seed >> 8) % COUNTS;
        milliUnits = _about(seed, reservedOf(n), milliUnits);
        if (_move(seed, n, milliUnits, _units.consume.selector, reservedOf(n), "consume")) consumed[n] += milliUnits;
    }

    function restore(uint256 seed, uint40 milliUnits) external {
        uint256 n = (seed >> 8) % COUNTS;
        milliUnits = _about(seed, usedOf(n), milliUnits);
        if (_move(seed, n, milliUnits, _units.restore.selector, usedOf(n), "restore")) restored[n] += milliUnits;
    }

    /// @dev One call in four, by the one who may.
    function setWriter(uint256 seed) external {
        if (seed % 4 != 0) return;
        address next = seed % 32 == 0 ? address(0) : _callers[(seed >> 8) % 2];
        vm.prank(_policyAdministrator);
        _units.setWriter(next);
        writer = next;
        ++reached["set writer"];
    }

    // ------------------------------------------------------------------ what the model says

    function reservedOf(uint256 n) public view returns (uint256) {
        return granted[n] + restored[n] - released[n] - consumed[n];
    }

    function usedOf(uint256 n) public view returns (uint256) {
        return consumed[n] - restored[n];
    }

    function countOf(uint256 n) public pure returns (bytes16 member, uint16 period, BenefitClass benefitClass) {
        member = n & 1 == 0 ? bytes16(uint128(1)) : bytes16("member key");
        period = n & 2 == 0 ? 1 : 256;
        benefitClass = BenefitClass.wrap(n & 4 == 0 ? 1 : 256);
    }

    // ------------------------------------------------------------------

    function _move(uint256 seed, uint256 n, uint40 milliUnits, bytes4 selector, uint256 held, string memory what)
        private
        returns (bool done)
    {
        address caller = _caller(seed);
        (bytes16 member, uint16 period, BenefitClass benefitClass) = countOf(n);
        bytes memory call = abi.encodeWithSelector(selector, member, period, benefitClass, milliUnits);
        (done,) = _call(caller, call, caller == writer && milliUnits <= held, what);
    }

    function _call(address caller, bytes memory call, bool expected, string memory what)
        private
        returns (bool done, bytes memory answer)
    {
        ++calls;
        vm.prank(caller);
        (done, answer) = address(_units).call(call);
        if (done && caller != writer) writerBreach = what;
        if (done != expected) callBreach = what;
        if (done) ++reached[what];
    }

    /// @dev Mostly no more than is there.
    function _about(uint256 seed, uint256 held, uint40 milliUnits) private pure returns (uint40) {
        return seed >> 16 & 7 == 0 ? milliUnits : uint40(milliUnits % (held + 2));
    }

    function _caller(uint256 seed) private view returns (address) {
        return seed & 7 == 0 || writer == address(0) ? _callers[(seed >> 3) % _callers.length] : writer;
    }
}
