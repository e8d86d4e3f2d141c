// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

import {LotId} from "./LotId.sol";

/// @title UnitTree
/// @notice The units of a tranche as one root: a binary tree in which a leaf's place is its unit's number, so that a
/// number stands for one unit only. A leaf is hashed from 192 bytes and a node from 64, so that no node can pass as a
/// unit, and a proof has exactly as many hashes as the tree has levels.
library UnitTree {
    bytes32 internal constant UNIT_TAG = keccak256("careledger.serialization.unit.v1");

    /// @notice A leaf. It names the chain and the contract, so that no unit is shown elsewhere.
    /// @param index The unit's number in the lot.
    /// @param inner `keccak256(abi.encode(serial, salt))`, all that is ever sent of them.
    function leafOf(LotId lot, uint256 index, bytes32 inner) internal view returns (bytes32) {
        return keccak256(abi.encode(UNIT_TAG, block.chainid, address(this), lot, index, inner));
    }

    /// @notice The root that a proof leads to.
    /// @param position The leaf's place in the tree.
    function rootOf(bytes32 leaf, uint256 position, bytes32[] calldata proof) internal pure returns (bytes32 node) {
        node = leaf;
        uint256 levels = proof.length;
        for (uint256 level = 0; level < levels; ++level) {
            bytes32 sibling = proof[level];
            node =
                position & 1 == 0 ? Hashes.efficientKeccak256(node, sibling) : Hashes.efficientKeccak256(sibling, node);
            position >>= 1;
        }
    }

    /// @notice The root that a proof of several leaves leads to. It has, level by level and from left to right, the
    /// siblings that do not follow from the leaves.
    /// @param leaves Of which the memory is used up.
    /// @param positions Their places in the tree, ascending; used up too.
    /// @return The root; zero if the proof has too few or too many hashes.
    function rootOfMany(bytes32[] memory leaves, uint256[] memory positions, uint256 depth, bytes32[] calldata proof)
        internal
        pure
        returns (bytes32)
    {
        uint256 count = leaves.length;
        uint256 used = 0;
        for (uint256 level = 0; level < depth; ++level) {
            uint256 next = 0;
            for (uint256 i = 0; i < count; ++i) {
                (bytes32 node, uint256 position) = (leaves[i], positions[i]);
                if (position & 1 == 0 && i + 1 < count && positions[i + 1] == position + 1) {
                    node = Hashes.efficientKeccak256(node, leaves[++i]);
                } else {
                    if (used == proof.length) return 0;
                    bytes32 sibling = proof[used];
                    ++used;
                    node = position & 1 == 0
                        ? Hashes.efficientKeccak256(node, sibling)
                        : Hashes.efficientKeccak256(sibling, node);
                }
                (leaves[next], positions[next]) = (node, position >> 1);
                ++next;
            }
            count = next;
        }
        return used == proof.length && count == 1 ? leaves[0] : bytes32(0);
    }
}
