// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title Haltable
/// @notice The emergency stop of a contract that moves money or custody. Closing an `AccessManager` target stops only
/// administrative calls; this bit stops the members' calls that a contract marks `whenRunning`. The guardian halts at
/// once, the policy administrator resumes after its delay.
abstract contract Haltable is AccessManaged {
    uint40 private _haltedAt; // Unix seconds; 0 while running

    /// @notice The contract was halted.
    event Halted(address indexed caller);
    /// @notice The contract runs again.
    event Resumed(address indexed caller);

    /// @notice Thrown when a call does not work while the contract is halted.
    error HaltableHalted(uint40 haltedAt);
    /// @notice Thrown when a contract that runs is to be resumed.
    error HaltableNotHalted();

    /// @dev Money, decisions and custody carry it; reads, refunds and returns never do.
    modifier whenRunning() {
        if (_haltedAt != 0) revert HaltableHalted(_haltedAt);
        _;
    }

    /// @notice Halts the contract.
    function halt() external restricted whenRunning {
        _haltedAt = uint40(block.timestamp);
        emit Halted(msg.sender);
    }

    /// @notice Resumes the contract.
    function resume() external restricted {
        if (_haltedAt == 0) revert HaltableNotHalted();
        _haltedAt = 0;
        emit Resumed(msg.sender);
    }

    /// @return Whether the contract is halted.
    function halted() external view returns (bool) {
        return _haltedAt != 0;
    }
}
