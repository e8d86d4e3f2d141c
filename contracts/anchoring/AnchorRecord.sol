// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {DocumentTerms} from "./DocumentTerms.sol";
import {IDocumentAnchor} from "./IDocumentAnchor.sol";

/// @notice An `IDocumentAnchor.Anchor` in one storage slot, packed by hand: the compiler would write its fields one
/// after the other. From the lowest bit:
///
/// | bits | field | bits | field |
/// |---|---|---|---|
/// | 40 | anchoredAt | 1, 1 | superseded, streamed |
/// | 56 | terms: 40 expiry, 16 kind | 14 | the stream's last bits |
/// | 40 | signedAt | 24 | disputes |
/// | 32 | count | 8 | revocationReason |
/// | | | 40 | revokedAt |
type AnchorRecord is uint256;

/// @notice Where a record is stored.
struct AnchorSlot {
    AnchorRecord record;
}

/// @notice Where 256 leaves of a batch are marked as revoked: bit n is the leaf at index `256 * word + n`.
struct LeavesSlot {
    uint256 revoked;
}

using AnchorRecords for AnchorRecord global;

/// @title AnchorRecords
/// @notice Makes, changes and reads anchor records.
library AnchorRecords {
    uint256 private constant TERMS = 40;
    uint256 private constant SIGNED_AT = 96;
    uint256 private constant COUNT = 136;
    uint256 private constant SUPERSEDED = 168;
    uint256 private constant STREAMED = 169;
    uint256 private constant STREAM = 170;
    uint256 private constant DISPUTES = 184;
    uint256 private constant REASON = 208;
    uint256 private constant REVOKED_AT = 216;

    uint256 private constant STREAM_BITS = 14;

    /// @dev Whether in a stream, and as much as fits of which.
    uint256 private constant IN_STREAM = ((1 << (STREAM_BITS + 1)) - 1) << STREAMED;

    /// @dev What an anchoring states: terms, count and stream.
    uint256 private constant STATED =
        (uint256(type(uint56).max) << TERMS) | (uint256(type(uint32).max) << COUNT) | IN_STREAM;

    /// @dev The first 12 bytes of keccak256("careledger.anchoring.AnchorRecord"), and zeros where the submitter goes.
    uint256 private constant NAMESPACE = 0x411e6ef1047853021417db2f0000000000000000000000000000000000000000;

    /// @dev The first 9 bytes of keccak256("careledger.anchoring.RevokedLeaves"), then zeros.
    uint256 private constant REVOKED_LEAVES_NAMESPACE =
        0x02affc2f1719f190020000000000000000000000000000000000000000000000;

    /// @param terms Valid ones.
    /// @return A document anchored now.
    function anchored(DocumentTerms terms) internal view returns (AnchorRecord) {
        return AnchorRecord.wrap(block.timestamp | (uint256(DocumentTerms.unwrap(terms)) << TERMS));
    }

    /// @param reason Of the enum.
    function revoked(AnchorRecord self, uint256 reason) internal view returns (AnchorRecord) {
        return AnchorRecord.wrap(AnchorRecord.unwrap(self) | (block.timestamp << REVOKED_AT) | (reason << REASON));
    }

    /// @dev Where a submitter's record is: `keccak256(id, NAMESPACE | submitter)`. One hash, where nested mappings take
    /// two.
    function slotOf(address submitter, bytes32 id) internal pure returns (AnchorSlot storage slot) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            mstore(0x00, id)
            mstore(0x20, or(NAMESPACE, submitter))
            slot.slot := keccak256(0x00, 0x40)
        }
    }

    /// @dev Where leaves of a submitter's batch are marked: at `keccak256(root, NAMESPACE | word | submitter)`.
    /// @param word Less than 2^24, as of every leaf that a batch has.
    function revokedLeavesOf(address submitter, bytes32 root, uint256 word)
        internal
        pure
        returns (LeavesSlot storage slot)
    {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            mstore(0x00, root)
            mstore(0x20, or(or(REVOKED_LEAVES_NAMESPACE, shl(160, word)), submitter))
            slot.slot := keccak256(0x00, 0x40)
        }
    }

    // ------------------------------------------------------------------ what else an anchoring states

    function withSignedAt(AnchorRecord self, uint40 signedAt) internal pure returns (AnchorRecord) {
        return AnchorRecord.wrap(AnchorRecord.unwrap(self) | (uint256(signedAt) << SIGNED_AT));
    }

    function withCount(AnchorRecord self, uint32 count_) internal pure returns (AnchorRecord) {
        return AnchorRecord.wrap(AnchorRecord.unwrap(self) | (uint256(count_) << COUNT));
    }

    function inStream(AnchorRecord self, bytes32 stream) internal pure returns (AnchorRecord) {
        uint256 mark = ((uint256(stream) & ((1 << STREAM_BITS) - 1)) << STREAM) | (uint256(1) << STREAMED);
        return AnchorRecord.wrap(AnchorRecord.unwrap(self) | mark);
    }

    /// @return The record in the same stream as another one, or in none.
    function inStreamOf(AnchorRecord self, AnchorRecord other) internal pure returns (AnchorRecord) {
        return AnchorRecord.wrap(AnchorRecord.unwrap(self) | (AnchorRecord.unwrap(other) & IN_STREAM));
    }

    /// @return The record together with the marks of a document that was amended or disputed in a batch before.
    function over(AnchorRecord self, AnchorRecord marks) internal pure returns (AnchorRecord) {
        return AnchorRecord.wrap(AnchorRecord.unwrap(self) | AnchorRecord.unwrap(marks));
    }

    // ------------------------------------------------------------------ changes

    function superseded(AnchorRecord self) internal pure returns (AnchorRecord) {
        return AnchorRecord.wrap(AnchorRecord.unwrap(self) | (uint256(1) << SUPERSEDED));
    }

    function withDisputes(AnchorRecord self, uint24 disputes_) internal pure returns (AnchorRecord) {
        uint256 others = AnchorRecord.unwrap(self) & ~(uint256(type(uint24).max) << DISPUTES);
        return AnchorRecord.wrap(others | (uint256(disputes_) << DISPUTES));
    }

    // ------------------------------------------------------------------ reads

    /// @return Whether it is anchored and not revoked: a revocation is never before its anchor.
    function isStanding(AnchorRecord self) internal pure returns (bool) {
        return anchoredAt(self) > AnchorRecord.unwrap(self) >> REVOKED_AT;
    }

    function anchoredAt(AnchorRecord self) internal pure returns (uint40) {
        return uint40(AnchorRecord.unwrap(self));
    }

    function revokedAt(AnchorRecord self) internal pure returns (uint40) {
        return uint40(AnchorRecord.unwrap(self) >> REVOKED_AT);
    }

    function revocationReason(AnchorRecord self) internal pure returns (IDocumentAnchor.RevocationReason) {
        return IDocumentAnchor.RevocationReason(uint8(AnchorRecord.unwrap(self) >> REASON));
    }

    function expiry(AnchorRecord self) internal pure returns (uint40) {
        return uint40(AnchorRecord.unwrap(self) >> TERMS);
    }

    function count(AnchorRecord self) internal pure returns (uint32) {
        return uint32(AnchorRecord.unwrap(self) >> COUNT);
    }

    function disputes(AnchorRecord self) internal pure returns (uint24) {
        return uint24(AnchorRecord.unwrap(self) >> DISPUTES);
    }

    function isStreamed(AnchorRecord self) internal pure returns (bool) {
        return (AnchorRecord.unwrap(self) >> STREAMED) & 1 == 1;
    }

    function isSuperseded(AnchorRecord self) internal pure returns (bool) {
        return (AnchorRecord.unwrap(self) >> SUPERSEDED) & 1 == 1;
    }

    /// @return Whether both state the same terms and count, and are in no stream or, by its last bits, in the same.
    function statesAs(AnchorRecord self, AnchorRecord other) internal pure returns (bool) {
        return (AnchorRecord.unwrap(self) ^ AnchorRecord.unwrap(other)) & STATED == 0;
    }

    function unpack(AnchorRecord self) internal pure returns (IDocumentAnchor.Anchor memory) {
        uint256 word = AnchorRecord.unwrap(self);
        return IDocumentAnchor.Anchor({
            anchoredAt: anchoredAt(self),
            signedAt: uint40(word >> SIGNED_AT),
            expiry: expiry(self),
            revokedAt: revokedAt(self),
            count: count(self),
            kind: uint16(word >> (TERMS + 40)),
            disputes: disputes(self),
            revocationReason: revocationReason(self),
            superseded: isSuperseded(self),
            streamed: isStreamed(self)
        });
    }
}
