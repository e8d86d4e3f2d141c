// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DocumentTerms} from "../../../contracts/anchoring/DocumentTerms.sol";
import {IDocumentAnchor} from "../../../contracts/anchoring/IDocumentAnchor.sol";
import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";

import {AnchorFixture} from "./AnchorFixture.sol";

/// @notice Streams, each way that is refused with its exact error.
///
/// | from \ to | Declared         | Extended | Continued elsewhere      |
/// | --------- | ---------------- | -------- | ------------------------ |
/// | None      | by its submitter | no       | no                       |
/// | Declared  | changes none     | yes      | by another key of theirs |
/// | Continued | no               | no       | no                       |
contract StreamsTest is AnchorFixture {
    function test_declare_stream_begins_its_chain() external {
        bytes32 first = keccak256(
            abi.encode(keccak256("careledger.document.stream.v1"), block.chainid, address(anchors), doctor, STREAM)
        );
        assertEq(anchors.firstHeadOf(doctor, STREAM), first);
        assertEq(anchors.headOf(doctor, STREAM), 0);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.StreamDeclared(doctor, STREAM, first);
        vm.prank(doctor);
        anchors.declareStream(STREAM);
        assertEq(anchors.headOf(doctor, STREAM), first);
        assertEq(anchors.headOf(nurse, STREAM), 0);
    }

    function test_declare_stream_changes_nothing_if_declared() external {
        _declare();
        vm.startPrank(doctor);
        anchors.anchorInStream(STREAM, LEAF, NO_TERMS);
        bytes32 head = anchors.headOf(doctor, STREAM);
        vm.recordLogs();
        anchors.declareStream(STREAM);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(anchors.headOf(doctor, STREAM), head);
    }

    function test_anchor_in_stream_extends_its_chain() external {
        _declare();
        bytes32 head = keccak256(abi.encode(anchors.firstHeadOf(doctor, STREAM), LEAF));
        DocumentTerms terms = _terms(2, START + 9);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.DocumentAnchored(LEAF, (DocumentTerms.unwrap(terms) << 160) | uint160(doctor));
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.StreamExtended(doctor, STREAM, LEAF, head);
        vm.prank(doctor);
        anchors.anchorInStream(STREAM, LEAF, terms);
        assertEq(anchors.headOf(doctor, STREAM), head);
        assertTrue(anchors.anchorOf(doctor, LEAF).streamed);
        assertEq(anchors.anchorOf(doctor, LEAF).expiry, START + 9);
    }

    function test_anchor_in_stream_changes_nothing_if_anchored_there() external {
        _declare();
        bytes32[] memory leaves = new bytes32[](1);
        leaves[0] = LEAF;
        vm.startPrank(doctor);
        anchors.anchorInStream(STREAM, LEAF, NO_TERMS);
        anchors.anchorBatchInStream(STREAM, OTHER_LEAF, 2, NO_TERMS);
        bytes32 head = anchors.headOf(doctor, STREAM);
        vm.recordLogs();
        anchors.anchorInStream(STREAM, LEAF, NO_TERMS);
        anchors.anchorBatchInStream(STREAM, OTHER_LEAF, 2, NO_TERMS);
        assertEq(anchors.anchorListInStream(STREAM, leaves, NO_TERMS), 0);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(anchors.headOf(doctor, STREAM), head);
    }

    function test_anchor_list_in_stream_extends_its_chain_by_each() external {
        _declare();
        bytes32[] memory leaves = _leaves(3);
        _anchor(doctor, leaves[1]); // outside: skipped
        bytes32 head = anchors.firstHeadOf(doctor, STREAM);
        head = keccak256(abi.encode(keccak256(abi.encode(head, leaves[0])), leaves[2]));
        vm.prank(doctor);
        assertEq(anchors.anchorListInStream(STREAM, leaves, NO_TERMS), 2);
        assertEq(anchors.headOf(doctor, STREAM), head);
        assertTrue(anchors.anchorOf(doctor, leaves[0]).streamed);
        assertFalse(anchors.anchorOf(doctor, leaves[1]).streamed);
        assertTrue(anchors.anchorOf(doctor, leaves[2]).streamed);
    }

    function test_anchor_batch_in_stream_extends_its_chain_by_the_root() external {
        _declare();
        bytes32 head = keccak256(abi.encode(anchors.firstHeadOf(doctor, STREAM), LEAF));
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.BatchAnchored(doctor, LEAF, 7, NO_TERMS, 0);
        vm.prank(doctor);
        anchors.anchorBatchInStream(STREAM, LEAF, 7, NO_TERMS);
        assertEq(anchors.headOf(doctor, STREAM), head);
        assertTrue(anchors.anchorOf(doctor, LEAF).streamed);
        assertEq(anchors.anchorOf(doctor, LEAF).count, 7);
    }

    function test_anchor_in_stream_reverts_if_anchored_outside() external {
        _declare();
        _anchor(doctor, LEAF);
        vm.expectRevert(
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorAlreadyAnchored.selector, doctor, LEAF, START)
        );
        vm.prank(doctor);
        anchors.anchorInStream(STREAM, LEAF, NO_TERMS);
    }

    function test_anchor_reverts_if_anchored_in_a_stream() external {
        _declare();
        vm.startPrank(doctor);
        anchors.anchorInStream(STREAM, LEAF, NO_TERMS);
        vm.expectRevert(
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorAlreadyAnchored.selector, doctor, LEAF, START)
        );
        anchors.anchor(LEAF, NO_TERMS);
    }

    function test_anchor_in_stream_reverts_if_anchored_in_another() external {
        bytes32 another = keccak256("another stream");
        _declare();
        vm.startPrank(doctor);
        anchors.declareStream(another);
        anchors.anchorInStream(STREAM, LEAF, NO_TERMS);
        anchors.anchorBatchInStream(STREAM, OTHER_LEAF, 2, NO_TERMS);
        bytes32 head = anchors.headOf(doctor, STREAM);
        _expectAlreadyAnchored(LEAF);
        anchors.anchorInStream(another, LEAF, NO_TERMS);
        _expectAlreadyAnchored(LEAF); // declared or not
        anchors.anchorInStream(keccak256("no stream"), LEAF, NO_TERMS);
        _expectAlreadyAnchored(LEAF); // though it is another by the first of 14 bits alone
        anchors.anchorInStream(bytes32(uint256(STREAM) ^ (1 << 13)), LEAF, NO_TERMS);
        _expectAlreadyAnchored(OTHER_LEAF);
        anchors.anchorBatchInStream(another, OTHER_LEAF, 2, NO_TERMS);
        assertEq(anchors.headOf(doctor, STREAM), head);
        assertEq(anchors.headOf(doctor, another), anchors.firstHeadOf(doctor, another));
    }

    /// @dev The limit of the 14 bits that a record has for its stream: then the second call changes nothing, instead of
    /// being refused. It still extends no second chain.
    function test_anchor_in_stream_takes_ids_that_end_alike_for_one() external {
        bytes32 alike = bytes32(uint256(STREAM) ^ (1 << 14));
        _declare();
        vm.startPrank(doctor);
        anchors.declareStream(alike);
        anchors.anchorInStream(STREAM, LEAF, NO_TERMS);
        vm.recordLogs();
        anchors.anchorInStream(alike, LEAF, NO_TERMS);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(anchors.headOf(doctor, alike), anchors.firstHeadOf(doctor, alike));
    }

    function test_stream_zero_is_a_stream_as_any_other() external {
        bytes32[] memory leaves = _leaves(2);
        vm.startPrank(doctor);
        anchors.declareStream(0);
        anchors.anchorListInStream(0, leaves, NO_TERMS);
        anchors.anchorInStream(0, LEAF, NO_TERMS);
        anchors.anchorBatchInStream(0, OTHER_LEAF, 3, NO_TERMS);
        bytes32 head = _fold(anchors.firstHeadOf(doctor, 0), leaves, type(uint256).max);
        head = keccak256(abi.encode(keccak256(abi.encode(head, LEAF)), OTHER_LEAF));
        assertEq(anchors.headOf(doctor, 0), head);
        assertTrue(anchors.anchorOf(doctor, leaves[1]).streamed);
        _expectAlreadyAnchored(LEAF); // in a stream is not outside
        anchors.anchor(LEAF, NO_TERMS);
    }

    function test_stream_zero_needs_declaration_as_any_other() external {
        _assertRefused(doctor, 0);
    }

    function test_anchor_in_stream_reverts_if_it_is_not_declared() external {
        _declare();
        _assertRefused(nurse, STREAM);
        _assertRefused(doctor, keccak256("another stream"));
    }

    function test_continue_stream_takes_the_chain_along() external {
        _declare();
        vm.prank(doctor);
        anchors.anchorInStream(STREAM, LEAF, NO_TERMS);
        bytes32 head = anchors.headOf(doctor, STREAM);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.StreamContinued(nurse, STREAM, doctor, head);
        vm.prank(nurse);
        anchors.continueStream(doctor, STREAM);
        assertEq(anchors.headOf(doctor, STREAM), 0);
        assertEq(anchors.headOf(nurse, STREAM), head);
        _assertRefused(doctor, STREAM);
        vm.prank(nurse);
        anchors.anchorInStream(STREAM, OTHER_LEAF, NO_TERMS);
        assertEq(anchors.headOf(nurse, STREAM), keccak256(abi.encode(head, OTHER_LEAF)));
        vm.prank(doctor);
        _expectUnknownStream(doctor, STREAM); // declared again, it would begin anew
        anchors.declareStream(STREAM);
        assertEq(anchors.headOf(doctor, STREAM), 0);
    }

    function test_continue_stream_reverts_if_callers_key_is_no_more() external {
        _declare();
        _retire(nurse);
        _expectKeyRetired(nurse);
        vm.prank(nurse);
        anchors.continueStream(doctor, STREAM);
    }

    function test_continue_stream_works_for_a_retired_key() external {
        _declare();
        _retire(doctor);
        vm.prank(nurse);
        anchors.continueStream(doctor, STREAM);
        assertEq(anchors.headOf(nurse, STREAM), anchors.firstHeadOf(doctor, STREAM));
    }

    function test_continue_stream_reverts_if_it_went_on_or_is_not_declared() external {
        vm.startPrank(nurse);
        _expectUnknownStream(doctor, STREAM);
        anchors.continueStream(doctor, STREAM);
        vm.stopPrank();
        _declare();
        vm.startPrank(nurse);
        anchors.continueStream(doctor, STREAM);
        _expectUnknownStream(doctor, STREAM);
        anchors.continueStream(doctor, STREAM);
    }

    function test_continue_stream_reverts_if_caller_has_it() external {
        _declare();
        vm.startPrank(nurse);
        anchors.declareStream(STREAM);
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorStreamExists.selector, nurse, STREAM));
        anchors.continueStream(doctor, STREAM);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorStreamExists.selector, doctor, STREAM));
        vm.prank(doctor);
        anchors.continueStream(doctor, STREAM);
    }

    function test_continue_stream_does_not_lead_back() external {
        _declare();
        vm.prank(nurse);
        anchors.continueStream(doctor, STREAM);
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorStreamExists.selector, doctor, STREAM));
        vm.prank(doctor);
        anchors.continueStream(nurse, STREAM);
    }

    function test_continue_stream_reverts_if_caller_is_of_another_organization() external {
        _declare();
        _expectNotSameOrganization(doctor, chemist);
        vm.prank(chemist);
        anchors.continueStream(doctor, STREAM);
        vm.expectRevert(abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryUnknownKey.selector, stranger));
        vm.prank(stranger);
        anchors.continueStream(doctor, STREAM);
    }

    function testFuzz_anchor_in_stream_tells_streams_apart_by_their_last_bits(bytes32 stream, bytes32 other) external {
        if (uint256(other) % 8 == 0) other = bytes32((uint256(other) >> 14 << 14) + uint256(stream) % 2 ** 14);
        vm.startPrank(doctor);
        anchors.declareStream(stream);
        anchors.declareStream(other);
        anchors.anchorInStream(stream, LEAF, NO_TERMS);
        bytes32 head = anchors.headOf(doctor, other);
        if (uint256(stream) % 2 ** 14 != uint256(other) % 2 ** 14) _expectAlreadyAnchored(LEAF);
        anchors.anchorInStream(other, LEAF, NO_TERMS);
        assertEq(anchors.headOf(doctor, other), head);
    }

    /// @dev Every head is the fold of what was anchored, and another one if any of it is left out or moved.
    function testFuzz_head_commits_to_every_anchor(uint256 n, uint256 left, bytes32 stream) external {
        n = bound(n, 1, 12);
        bytes32[] memory leaves = _leaves(n);
        vm.startPrank(doctor);
        anchors.declareStream(stream);
        anchors.anchorListInStream(stream, leaves, NO_TERMS);
        bytes32 first = anchors.firstHeadOf(doctor, stream);
        assertEq(anchors.headOf(doctor, stream), _fold(first, leaves, type(uint256).max));
        left = bound(left, 0, n - 1);
        assertTrue(anchors.headOf(doctor, stream) != _fold(first, leaves, left));
        if (n == 1) return;
        (leaves[left], leaves[(left + 1) % n]) = (leaves[(left + 1) % n], leaves[left]);
        assertTrue(anchors.headOf(doctor, stream) != _fold(first, leaves, type(uint256).max));
    }

    // ------------------------------------------------------------------ helpers

    function _expectAlreadyAnchored(bytes32 id) private {
        vm.expectRevert(
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorAlreadyAnchored.selector, doctor, id, START)
        );
    }

    function _declare() private {
        vm.prank(doctor);
        anchors.declareStream(STREAM);
    }

    function _fold(bytes32 head, bytes32[] memory leaves, uint256 except) private pure returns (bytes32) {
        for (uint256 i = 0; i < leaves.length; ++i) {
            if (i != except) head = keccak256(bytes.concat(head, leaves[i]));
        }
        return head;
    }

    function _assertRefused(address submitter, bytes32 stream) private {
        vm.startPrank(submitter);
        _expectUnknownStream(submitter, stream);
        anchors.anchorInStream(stream, keccak256("fresh"), NO_TERMS);
        _expectUnknownStream(submitter, stream);
        anchors.anchorListInStream(stream, _leaves(2), NO_TERMS);
        _expectUnknownStream(submitter, stream);
        anchors.anchorListInStream(stream, new bytes32[](0), NO_TERMS);
        _expectUnknownStream(submitter, stream);
        anchors.anchorBatchInStream(stream, keccak256("fresh"), 1, NO_TERMS);
        vm.stopPrank();
    }

    function _expectUnknownStream(address submitter, bytes32 stream) private {
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorUnknownStream.selector, submitter, stream));
    }
}
