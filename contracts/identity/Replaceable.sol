// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title Replaceable
/// @notice One version of a logic contract. It starts closed. To replace it, it closes to new work and runs off what it
/// has; then the ledger's writer changes (see `SingleWriter`) and the next version opens. The way back is the same.
abstract contract Replaceable is AccessManaged {
    uint40 private _closedAt; // Unix seconds; 0 while open

    /// @notice The version takes new work from here on.
    event OpenedToNewWork();
    /// @notice The version takes no new work from here on.
    event ClosedToNewWork();

    /// @notice Thrown when new work is brought to a version that is closed to it.
    error ReplaceableClosed(uint40 closedAt);
    /// @notice Thrown when a version that is open already is to be opened.
    error ReplaceableOpen();

    /// @dev On what starts new work; what finishes work under way does not carry it.
    modifier whenOpen() {
        if (_closedAt != 0) revert ReplaceableClosed(_closedAt);
        _;
    }

    constructor() {
        _close();
    }

    /// @notice Opens the version to new work.
    function openToNewWork() external restricted {
        if (_closedAt == 0) revert ReplaceableOpen();
        _closedAt = 0;
        emit OpenedToNewWork();
    }

    /// @notice Closes the version to new work.
    function closeToNewWork() external restricted whenOpen {
        _close();
    }

    /// @return Whether the version takes new work.
    function isOpenToNewWork() external view returns (bool) {
        // slither-disable-next-line incorrect-equality (zero is the mark of an open version, not a time)
        return _closedAt == 0;
    }

    /// @notice How much begun work the version still has; at zero its ledger can be handed on.
    function workUnderWay() external view virtual returns (uint256);

    function _close() private {
        _closedAt = uint40(block.timestamp);
        emit ClosedToNewWork();
    }
}
