// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LotId} from "../../../contracts/serialization/LotId.sol";

/// @notice Trees of units, built apart from the contract's code. Node 1 is the root, the children of node n are 2n and
/// 2n + 1, and the leaf at place p of a tree with so many levels is node 2^levels + p.
library UnitTrees {
    /// @return What is sent of a unit that was made up for tests.
    function innerOf(LotId lot, uint256 index) internal pure returns (bytes32) {
        return keccak256(abi.encode("serial", lot, index, "salt"));
    }

    function leafOf(address registry, LotId lot, uint256 index, bytes32 inner) internal view returns (bytes32) {
        bytes32 tag = keccak256("careledger.serialization.unit.v1");
        return keccak256(abi.encode(tag, block.chainid, registry, lot, index, inner));
    }

    /// @return nodes The tree of a tranche, see above.
    function build(address registry, LotId lot, uint256 tranche, uint256 levels)
        internal
        view
        returns (bytes32[] memory nodes)
    {
        uint256 size = 1 << levels;
        nodes = new bytes32[](2 * size);
        for (uint256 place = 0; place < size; ++place) {
            uint256 index = tranche * size + place;
            nodes[size + place] = leafOf(registry, lot, index, innerOf(lot, index));
        }
        for (uint256 node = size - 1; node > 0; --node) {
            nodes[node] = parent(nodes[2 * node], nodes[2 * node + 1]);
        }
    }

    /// @return way The siblings from a node up to the root.
    function proof(bytes32[] memory nodes, uint256 node) internal pure returns (bytes32[] memory way) {
        uint256 height = 0;
        for (uint256 n = node; n > 1; n /= 2) {
            ++height;
        }
        way = new bytes32[](height);
        for (uint256 i = 0; i < height; ++i) {
            way[i] = nodes[node % 2 == 0 ? node + 1 : node - 1];
            node /= 2;
        }
    }

    /// @param known Which nodes follow from the leaves that are shown, by their number; at first, those leaves.
    /// @return way What does not, level by level and from left to right.
    function multiproof(bytes32[] memory nodes, bool[] memory known) internal pure returns (bytes32[] memory way) {
        way = new bytes32[](nodes.length);
        uint256 length = 0;
        for (uint256 first = nodes.length / 2; first > 1; first /= 2) {
            for (uint256 left = first; left < 2 * first; left += 2) {
                if (!known[left] && !known[left + 1]) continue;
                known[left / 2] = true;
                if (!known[left]) way[length++] = nodes[left];
                else if (!known[left + 1]) way[length++] = nodes[left + 1];
            }
        }
        // solhint-disable-next-line no-inline-assembly
        assembly {
            mstore(way, length)
        }
    }

    function parent(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(left, right));
    }
}
