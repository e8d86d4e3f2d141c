// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice For measurements and tests of the indexer: many events of the suite's shapes at once, of nobody's making.
contract EventEmitter {
    /// @notice As the registry's.
    event KeyAdded(bytes12 indexed organization, address indexed key);

    /// @notice As the registry's.
    event KeyRetired(bytes12 indexed organization, address indexed key);

    /// @notice As the registry's.
    // solhint-disable-next-line gas-indexed-events
    event TaskCounted(bytes32 indexed task, bytes12 indexed organization, uint256 finished);

    /// @notice Emits `KeyAdded` for the keys numbered `first` to `first + count - 1`, ten to an organization.
    function addKeys(uint256 first, uint256 count) external {
        for (uint256 i = first; i < first + count; ++i) {
            emit KeyAdded(_organization(i), _key(i));
        }
    }

    /// @notice Emits `KeyRetired` for the same.
    function retireKeys(uint256 first, uint256 count) external {
        for (uint256 i = first; i < first + count; ++i) {
            emit KeyRetired(_organization(i), _key(i));
        }
    }

    /// @notice Emits `TaskCounted` with numbers of all widths.
    function countTasks(uint256 first, uint256 count) external {
        for (uint256 i = first; i < first + count; ++i) {
            emit TaskCounted(keccak256(abi.encode(i)), _organization(i), type(uint256).max >> (i % 256));
        }
    }

    function _organization(uint256 i) private pure returns (bytes12) {
        return bytes12(keccak256(abi.encode("organization", i / 10)));
    }

    function _key(uint256 i) private pure returns (address) {
        return address(bytes20(keccak256(abi.encode("key", i))));
    }
}
