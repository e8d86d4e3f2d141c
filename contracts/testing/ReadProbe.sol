// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice For gas measurements: what a contract pays for one read of another contract.
contract ReadProbe {
    /// @notice Thrown when the read is refused.
    error ReadProbeRefused(bytes reason);

    /// @param target The contract to read; in a transaction's first such call, account and storage are cold.
    /// @param data The read's calldata.
    /// @return used Gas from before the call until after it.
    function gasOf(address target, bytes calldata data) external view returns (uint256 used) {
        bytes memory copied = data;
        uint256 before = gasleft();
        (bool accepted, bytes memory answer) = target.staticcall(copied);
        used = before - gasleft();
        if (!accepted) revert ReadProbeRefused(answer);
    }
}
