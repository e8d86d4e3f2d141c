// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";

import {AnchorRecord, AnchorRecords, AnchorSlot, LeavesSlot} from "../../../contracts/anchoring/AnchorRecord.sol";
import {DocumentLeaf} from "../../../contracts/anchoring/DocumentLeaf.sol";
import {DocumentTerms, documentTerms} from "../../../contracts/anchoring/DocumentTerms.sol";
import {IDocumentAnchor} from "../../../contracts/anchoring/IDocumentAnchor.sol";

/// @notice Proofs over every input, by halmos (`check_`), of the small pure parts of anchoring. Forge samples the same
/// properties (`testFuzz_`), so that they hold on the compiled code too.
contract AnchoringSymbolicTest is Test {
    // ------------------------------------------------------------------ AnchorRecord

    /// @dev Every field of a record made by the library's own steps is read as it was given, and no other is touched.
    /// @param stream The last 14 bits of a stream's id, and above them whether the record is in it.
    function check_record_is_read_as_made(
        uint40 time,
        uint56 terms,
        uint40 signedAt,
        uint32 count,
        uint24 disputes,
        uint8 reason,
        uint40 after_,
        uint16 stream,
        bool superseded,
        bool revoked
    ) public {
        vm.assume(reason != 0 && reason <= uint8(type(IDocumentAnchor.RevocationReason).max));
        vm.assume(time != 0 && after_ >= time);
        vm.warp(time);
        AnchorRecord record = AnchorRecords.anchored(DocumentTerms.wrap(terms)).withCount(count).withSignedAt(signedAt);
        if (stream & 2 ** 14 != 0) record = record.inStream(bytes32(uint256(stream)));
        if (superseded) record = record.superseded();
        record = record.withDisputes(disputes);
        vm.warp(after_);
        if (revoked) record = record.revoked(reason);
        assertEq(record.isStanding(), !revoked);
        IDocumentAnchor.Anchor memory held = record.unpack();
        assertEq(held.anchoredAt, time);
        assertEq(held.signedAt, signedAt);
        assertEq(held.expiry, uint40(terms));
        assertEq(held.kind, uint16(terms >> 40));
        assertEq(held.count, count);
        assertEq(held.disputes, disputes);
        assertEq(held.streamed, stream & 2 ** 14 != 0);
        assertEq(held.superseded, superseded);
        assertEq(held.revokedAt, revoked ? after_ : 0);
        assertEq(uint8(held.revocationReason), revoked ? reason : 0);
        assertEq((AnchorRecord.unwrap(record) >> 170) & (2 ** 14 - 1), held.streamed ? stream & (2 ** 14 - 1) : 0);
    }

    /// @dev Nothing of a record is lost or made up: its fields give the word back, but for the last bits of its stream,
    /// which are there to be compared only.
    function check_fields_give_the_record_back(uint256 word) public pure {
        vm.assume(uint8(word >> 208) <= uint8(type(IDocumentAnchor.RevocationReason).max));
        assertEq(_pack(AnchorRecord.wrap(word).unpack()), word & ~(uint256(2 ** 14 - 1) << 170));
    }

    function check_reads_agree_with_unpack(uint256 word) public pure {
        vm.assume(uint8(word >> 208) <= uint8(type(IDocumentAnchor.RevocationReason).max));
        AnchorRecord record = AnchorRecord.wrap(word);
        IDocumentAnchor.Anchor memory held = record.unpack();
        assertEq(record.anchoredAt(), held.anchoredAt);
        assertEq(record.revokedAt(), held.revokedAt);
        assertEq(uint8(record.revocationReason()), uint8(held.revocationReason));
        assertEq(record.expiry(), held.expiry);
        assertEq(record.count(), held.count);
        assertEq(record.disputes(), held.disputes);
        assertEq(record.isStreamed(), held.streamed);
        assertEq(record.isSuperseded(), held.superseded);
    }

    function check_states_as_compares_what_was_stated(uint256 word, uint256 other) public pure {
        bool same = uint40(word >> 40) == uint40(other >> 40) // expiry
            && uint16(word >> 80) == uint16(other >> 80) // kind
            && uint32(word >> 136) == uint32(other >> 136) // count
            && (word >> 169) & 1 == (other >> 169) & 1 // streamed
            && (word >> 170) & (2 ** 14 - 1) == (other >> 170) & (2 ** 14 - 1); // the stream's last bits
        assertEq(AnchorRecord.wrap(word).statesAs(AnchorRecord.wrap(other)), same);
    }

    /// @dev As long as no revocation is before its anchor, and none is where there is no anchor.
    function check_standing_is_anchored_and_not_revoked(uint256 word) public pure {
        uint40 anchoredAt = uint40(word);
        uint40 revokedAt = uint40(word >> 216);
        vm.assume(revokedAt == 0 || revokedAt >= anchoredAt);
        assertEq(AnchorRecord.wrap(word).isStanding(), anchoredAt != 0 && revokedAt == 0);
    }

    function check_disputes_change_only_their_bits(uint256 word, uint24 disputes) public pure {
        uint256 changed = AnchorRecord.unwrap(AnchorRecord.wrap(word).withDisputes(disputes));
        assertEq(uint24(changed >> 184), disputes);
        assertEq((changed ^ word) & ~(uint256(0xffffff) << 184), 0);
    }

    /// @dev Of a record that is in no stream yet.
    function check_stream_changes_only_its_bits(uint256 word, bytes32 stream) public pure {
        vm.assume((word >> 169) & (2 ** 15 - 1) == 0);
        uint256 changed = AnchorRecord.unwrap(AnchorRecord.wrap(word).inStream(stream));
        assertEq((changed >> 169) & 1, 1);
        assertEq((changed >> 170) & (2 ** 14 - 1), uint256(stream) & (2 ** 14 - 1));
        assertEq((changed ^ word) & ~(uint256(2 ** 15 - 1) << 169), 0);
    }

    /// @dev The same record in two streams is the same if these end alike, and never the one in none.
    function check_streams_are_told_apart_by_their_last_bits(uint256 word, bytes32 stream, bytes32 other) public pure {
        vm.assume((word >> 169) & (2 ** 15 - 1) == 0);
        AnchorRecord record = AnchorRecord.wrap(word);
        bool alike = uint256(stream) & (2 ** 14 - 1) == uint256(other) & (2 ** 14 - 1);
        assertEq(record.inStream(stream).statesAs(record.inStream(other)), alike);
        assertFalse(record.inStream(stream).statesAs(record));
    }

    /// @dev What an amendment states of its successor: the stream that it is in, or none, and nothing else of its record.
    function check_in_stream_of_takes_the_stream_alone(uint256 word, uint256 other) public pure {
        vm.assume((word >> 169) & (2 ** 15 - 1) == 0);
        uint256 changed = AnchorRecord.unwrap(AnchorRecord.wrap(word).inStreamOf(AnchorRecord.wrap(other)));
        assertEq((changed >> 169) & (2 ** 15 - 1), (other >> 169) & (2 ** 15 - 1));
        assertEq((changed ^ word) & ~(uint256(2 ** 15 - 1) << 169), 0);
    }

    /// @dev Marks of a document of a batch, and then its own anchor: both are there afterwards.
    function check_anchor_keeps_the_marks(uint40 time, uint56 terms, uint24 disputes, bool superseded) public {
        vm.warp(time);
        AnchorRecord marks = AnchorRecord.wrap(0).withDisputes(disputes);
        if (superseded) marks = marks.superseded();
        AnchorRecord record = AnchorRecords.anchored(DocumentTerms.wrap(terms)).over(marks);
        assertEq(record.anchoredAt(), time);
        assertEq(record.expiry(), uint40(terms));
        assertEq(record.disputes(), disputes);
        assertEq(record.isSuperseded(), superseded);
        assertEq(record.revokedAt(), 0);
        assertEq(record.count(), 0);
        assertFalse(record.isStreamed());
    }

    // ------------------------------------------------------------------ where records are

    /// @dev As far as different preimages have different hashes, which halmos takes for granted of Keccak.
    function check_slots_of_records_never_alias(address submitter, bytes32 id, address other, bytes32 otherId)
        public
        pure
    {
        assertEq(_slotOf(submitter, id) == _slotOf(other, otherId), submitter == other && id == otherId);
    }

    function check_slots_of_leaves_never_alias(
        address submitter,
        bytes32 root,
        uint24 word,
        address other,
        bytes32 otherRoot,
        uint24 otherWord
    ) public pure {
        assertEq(
            _slotOfLeaves(submitter, root, word) == _slotOfLeaves(other, otherRoot, otherWord),
            submitter == other && root == otherRoot && word == otherWord
        );
    }

    function check_slots_of_leaves_are_none_of_records(
        address submitter,
        bytes32 root,
        uint24 word,
        address other,
        bytes32 id
    ) public pure {
        assertTrue(_slotOfLeaves(submitter, root, word) != _slotOf(other, id));
    }

    // ------------------------------------------------------------------ DocumentTerms, DocumentLeaf

    function check_terms_are_read_as_made(uint16 kind, uint40 expiry) public pure {
        DocumentTerms terms = documentTerms(kind, expiry);
        assertTrue(terms.isValid());
        assertEq(terms.expiryOf(), expiry);
        assertEq(uint16(DocumentTerms.unwrap(terms) >> 40), kind);
        assertEq(terms.besidesKind() == 0, expiry == 0);
    }

    /// @dev What lets {anchor} take its fast path: valid terms without an expiry, and no others.
    function check_terms_besides_kind_are_zero_for_valid_ones_without_expiry(uint256 word) public pure {
        DocumentTerms terms = DocumentTerms.wrap(word);
        assertEq(terms.besidesKind() == 0, terms.isValid() && terms.expiryOf() == 0);
        assertEq(terms.isValid(), word < 2 ** 56);
    }

    function check_leaves_tell_contents_and_subjects_apart(bytes32 content, address subject, bytes32 other, address who)
        public
        pure
    {
        bool same = content == other && subject == who;
        assertEq(DocumentLeaf.leaf(content, subject) == DocumentLeaf.leaf(other, who), same);
    }

    function check_batch_leaves_tell_indexes_and_leaves_apart(uint256 i, bytes32 leaf, uint256 k, bytes32 other)
        public
        pure
    {
        assertEq(DocumentLeaf.inBatch(i, leaf) == DocumentLeaf.inBatch(k, other), i == k && leaf == other);
    }

    /// @dev A leaf of a batch is the hash of 32 bytes, a parent of 64.
    function check_batch_leaf_is_no_parent(uint256 index, bytes32 leaf, bytes32 left, bytes32 right) public pure {
        assertTrue(DocumentLeaf.inBatch(index, leaf) != keccak256(abi.encode(left, right)));
    }

    // ------------------------------------------------------------------ the same, sampled

    function testFuzz_record(uint40 time, uint56 terms, uint40 signedAt, uint32 count, uint24 disputes, uint8 seed)
        external
    {
        uint8 reason = 1 + seed % uint8(type(IDocumentAnchor.RevocationReason).max);
        uint40 start = time == 0 ? 1 : time;
        uint40 end = start < type(uint40).max - seed ? start + seed : start;
        uint16 stream = uint16((uint256(seed) << 9) ^ (count % 2 ** 14));
        bool superseded = seed & 64 != 0;
        bool revoked = seed & 128 != 0;
        check_record_is_read_as_made(start, terms, signedAt, count, disputes, reason, end, stream, superseded, revoked);
        check_anchor_keeps_the_marks(time, terms, disputes, superseded);
    }

    function testFuzz_record_word(uint256 word, uint256 other, uint24 disputes) external pure {
        word &= ~(uint256(0xf8) << 208);
        if (uint8(word >> 208) == 7) word ^= uint256(1) << 208;
        check_fields_give_the_record_back(word);
        check_reads_agree_with_unpack(word);
        check_states_as_compares_what_was_stated(word, other);
        check_states_as_compares_what_was_stated(word, word ^ (other & ~uint256(type(uint136).max >> 40 << 40)));
        check_disputes_change_only_their_bits(word, disputes);
        uint256 nowhere = word & ~(uint256(2 ** 15 - 1) << 169);
        bytes32 alike = bytes32((other >> 14 << 14) + word % 2 ** 14);
        check_stream_changes_only_its_bits(nowhere, bytes32(other));
        check_streams_are_told_apart_by_their_last_bits(nowhere, bytes32(word), bytes32(other));
        check_streams_are_told_apart_by_their_last_bits(nowhere, bytes32(word), alike);
        check_in_stream_of_takes_the_stream_alone(nowhere, other);
        uint40 revokedAt = uint40(word >> 216);
        if (revokedAt >= uint40(word)) check_standing_is_anchored_and_not_revoked(word);
        check_standing_is_anchored_and_not_revoked(word & type(uint216).max);
    }

    function testFuzz_terms_and_leaves(uint256 word, uint16 kind, uint40 expiry, bytes32 leaf, uint256 index) external {
        check_terms_are_read_as_made(kind, expiry);
        check_terms_besides_kind_are_zero_for_valid_ones_without_expiry(word);
        check_terms_besides_kind_are_zero_for_valid_ones_without_expiry(word % 2 ** 60 >> 40 << 40);
        check_batch_leaves_tell_indexes_and_leaves_apart(index, leaf, kind, leaf);
        check_batch_leaves_tell_indexes_and_leaves_apart(index, leaf, index, leaf);
        check_leaves_tell_contents_and_subjects_apart(leaf, address(uint160(index)), leaf, address(uint160(word)));
        check_batch_leaf_is_no_parent(index, leaf, bytes32(index), leaf);
    }

    function test_unpack_reverts_if_reason_is_none() external {
        vm.expectRevert(); // a panic: the enum has no such value
        this.unpack(uint256(7) << 208);
    }

    function unpack(uint256 word) external pure returns (IDocumentAnchor.Anchor memory) {
        return AnchorRecord.wrap(word).unpack();
    }

    // ------------------------------------------------------------------ helpers

    function _pack(IDocumentAnchor.Anchor memory held) private pure returns (uint256) {
        uint256 times = uint256(held.anchoredAt) + (uint256(held.expiry) << 40) + (uint256(held.kind) << 80)
            + (uint256(held.signedAt) << 96) + (uint256(held.revokedAt) << 216);
        uint256 rest = (uint256(held.count) << 136) + (held.superseded ? uint256(1) << 168 : 0)
            + (held.streamed ? uint256(1) << 169 : 0) + (uint256(held.disputes) << 184)
            + (uint256(uint8(held.revocationReason)) << 208);
        return times + rest;
    }

    function _slotOf(address submitter, bytes32 id) private pure returns (bytes32 found) {
        AnchorSlot storage slot = AnchorRecords.slotOf(submitter, id);
        assembly {
            found := slot.slot
        }
    }

    function _slotOfLeaves(address submitter, bytes32 root, uint256 word) private pure returns (bytes32 found) {
        LeavesSlot storage slot = AnchorRecords.revokedLeavesOf(submitter, root, word);
        assembly {
            found := slot.slot
        }
    }
}
