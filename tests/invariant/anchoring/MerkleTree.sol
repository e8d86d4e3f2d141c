// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice The tree of a batch in the layout of OpenZeppelin's StandardMerkleTree over `(uint256 index, bytes32 leaf)`
/// with unsorted leaves, built apart from the contract's code. Node 0 is the root, the children of node i are 2i + 1 and
/// 2i + 2, and leaf i is the i-th node from the end.
library MerkleTree {
    function build(bytes32[] memory leaves) internal pure returns (bytes32[] memory nodes) {
        uint256 n = leaves.length;
        nodes = new bytes32[](2 * n - 1);
        for (uint256 i = 0; i < n; ++i) {
            nodes[place(n, i)] = batchLeaf(i, leaves[i]);
        }
        for (uint256 i = n - 1; i > 0; --i) {
            nodes[i - 1] = parent(nodes[2 * i - 1], nodes[2 * i]);
        }
    }

    /// @return The node that is leaf `index` of `n`.
    function place(uint256 n, uint256 index) internal pure returns (uint256) {
        return 2 * n - 2 - index;
    }

    /// @return way The siblings from a node up to the root.
    function proof(bytes32[] memory nodes, uint256 node) internal pure returns (bytes32[] memory way) {
        uint256 height = 0;
        for (uint256 i = node; i != 0; i = (i - 1) / 2) {
            ++height;
        }
        way = new bytes32[](height);
        for (uint256 i = 0; i < height; ++i) {
            way[i] = nodes[node % 2 == 0 ? node - 1 : node + 1];
            node = (node - 1) / 2;
        }
    }

    function batchLeaf(uint256 index, bytes32 leaf) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(keccak256(abi.encodePacked(index, leaf))));
    }

    function parent(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return keccak256(a < b ? abi.encodePacked(a, b) : abi.encodePacked(b, a));
    }
}
