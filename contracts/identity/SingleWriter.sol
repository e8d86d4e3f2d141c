// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {Replaceable} from "./Replaceable.sol";

/// @title SingleWriter
/// @notice A small permanent ledger that outlives the versions of the logic above it, with one writer at a time: a
/// `Replaceable`. The ledger changes hands only while both versions are closed to new work.
abstract contract SingleWriter is AccessManaged {
    address private _writer;

    /// @notice The ledger has another writer; zero for none.
    event WriterChanged(address indexed previousWriter, address indexed writer);

    /// @notice Thrown when an account other than the writer writes.
    error SingleWriterNotWriter(address caller, address writer);
    /// @notice Thrown when a version that hands the ledger over, or takes it, is open to new work.
    error SingleWriterStillOpen(address version);
    /// @notice Thrown when what is to write is not a `Replaceable`.
    error SingleWriterNotAVersion(address account);

    modifier onlyWriter() {
        if (msg.sender != _writer) revert SingleWriterNotWriter(msg.sender, _writer);
        _;
    }

    /// @notice Hands the ledger to another version of the logic. What the present one still has under way is not asked
    /// for, so that a version that can't run off can be replaced; `workUnderWay` tells.
    /// @param writer_ The version, or zero for none, which is possible whatever state the present one is in.
    function setWriter(address writer_) external restricted {
        address previous = _writer;
        if (writer_ != address(0)) {
            _requireClosed(previous);
            _requireClosed(writer_);
        }
        _writer = writer_;
        emit WriterChanged(previous, writer_);
    }

    /// @return The version that may write; zero for none.
    function writer() external view returns (address) {
        return _writer;
    }

    function _requireClosed(address version) private view {
        if (version == address(0)) return;
        // Not by `try`, which does not catch an answer of another shape.
        // solhint-disable-next-line avoid-low-level-calls
        (bool success, bytes memory answer) = version.staticcall(abi.encodeCall(Replaceable.isOpenToNewWork, ()));
        if (!success || answer.length != 32) revert SingleWriterNotAVersion(version);
        if (abi.decode(answer, (uint256)) != 0) revert SingleWriterStillOpen(version);
    }
}
