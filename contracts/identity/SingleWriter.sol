// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title SingleWriter
/// @notice A small permanent ledger that outlives the versions of the logic above it, with one writer at a time.
abstract contract SingleWriter is AccessManaged {
    address private _writer;

    event WriterChanged(address indexed previousWriter, address indexed writer);

    /// @notice Thrown when an account other than the writer writes.
    error SingleWriterNotWriter(address caller, address writer);
    /// @notice Thrown when a writer has no code.
    error SingleWriterNotAContract(address writer);

    modifier onlyWriter() {
        if (msg.sender != _writer) revert SingleWriterNotWriter(msg.sender, _writer);
        _;
    }

    /// @notice Hands the ledger to another version of the logic.
    /// @param writer_ A contract.
    function setWriter(address writer_) external restricted {
        if (writer_.code.length == 0) revert SingleWriterNotAContract(writer_);
        emit WriterChanged(_writer, writer_);
        _writer = writer_;
    }

    /// @return The contract that may write; zero before the first.
    function writer() external view returns (address) {
        return _writer;
    }
}
