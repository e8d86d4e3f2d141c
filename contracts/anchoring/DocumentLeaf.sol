// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {OrganizationId} from "../identity/OrganizationId.sol";

/// @title DocumentLeaf
/// @notice How a document becomes the 32 bytes that are anchored. Three hashes, each with a tag of its own or doubled,
/// so that none can stand for another, nor for an inner node of a tree.
///
/// - *Content*: who anchors what, and the salt that keeps it from being guessed. It may be published; the salt may not.
/// - *Leaf*: the content, and the key of the patient or subject who may dispute it, if there is one.
/// - *Batch leaf*: a leaf at its index in a batch; the leaf of OpenZeppelin's StandardMerkleTree over
///   `(uint256 index, bytes32 leaf)`. Its trees hash sorted pairs, so without the index a proof would bind no position.
library DocumentLeaf {
    bytes32 internal constant CONTENT_TAG = keccak256("careledger.document.content.v1");
    bytes32 internal constant LEAF_TAG = keccak256("careledger.document.leaf.v1");

    /// @param organization For which the document is anchored.
    /// @param kind Its coarse kind, as in the anchor's terms.
    /// @param canonicalization How the document became bytes: a name as right-padded ASCII, for example `jcs`.
    /// @param digest SHA-256 of those bytes.
    /// @param salt 32 random bytes.
    /// @return The content.
    function content(OrganizationId organization, uint16 kind, bytes32 canonicalization, bytes32 digest, bytes32 salt)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(CONTENT_TAG, organization, kind, canonicalization, digest, salt));
    }

    /// @param content_ The document's content.
    /// @param subject The key of its subject; zero if it has none.
    /// @return The leaf.
    function leaf(bytes32 content_, address subject) internal pure returns (bytes32) {
        return keccak256(abi.encode(LEAF_TAG, content_, subject));
    }

    /// @param index The leaf's place in the batch, from 0.
    /// @param leaf_ The document's leaf.
    /// @return The leaf of the batch's tree.
    function inBatch(uint256 index, bytes32 leaf_) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(index, leaf_))));
    }
}
