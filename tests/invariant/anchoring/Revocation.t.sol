// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDocumentAnchor} from "../../../contracts/anchoring/IDocumentAnchor.sol";
import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";

import {AnchorFixture} from "./AnchorFixture.sol";
import {MerkleTree} from "./MerkleTree.sol";

/// @notice Revoking anchors and leaves of batches, each way that is refused with its exact error.
///
/// | of \ by                  | submitter | active key of its organization | anyone else |
/// | ------------------------ | --------- | ------------------------------ | ----------- |
/// | nothing anchored         | no        | no                             | no          |
/// | an anchor                | yes       | yes                            | no          |
/// | a revoked one, same reason | changes none | changes none              | no          |
/// | a revoked one, another   | no        | no                             | no          |
contract RevocationTest is AnchorFixture {
    IDocumentAnchor.RevocationReason internal constant MISTAKE = IDocumentAnchor.RevocationReason.EnteredInError;
    IDocumentAnchor.RevocationReason internal constant ORDER = IDocumentAnchor.RevocationReason.LegalOrder;
    IDocumentAnchor.RevocationReason internal constant NONE = IDocumentAnchor.RevocationReason.Unspecified;

    // ------------------------------------------------------------------ revoke

    function test_revoke_is_recorded_with_its_reason() external {
        _anchor(doctor, LEAF);
        vm.warp(START + 9);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.AnchorRevoked(LEAF, (1 << 160) | uint160(doctor));
        vm.prank(doctor);
        anchors.revoke(LEAF, MISTAKE);
        IDocumentAnchor.Anchor memory held = anchors.anchorOf(doctor, LEAF);
        assertEq(held.anchoredAt, START);
        assertEq(held.revokedAt, START + 9);
        assertEq(uint8(held.revocationReason), uint8(MISTAKE));
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Revoked);
    }

    function test_revoke_in_the_second_of_the_anchor() external {
        _anchor(doctor, LEAF);
        vm.startPrank(doctor);
        anchors.revoke(LEAF, MISTAKE);
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Revoked);
        _expectAlreadyRevoked();
        anchors.revoke(LEAF, ORDER);
    }

    function test_revoke_changes_nothing_if_revoked_for_this_reason() external {
        _anchor(doctor, LEAF);
        vm.prank(doctor);
        anchors.revoke(LEAF, MISTAKE);
        vm.warp(START + 1);
        vm.recordLogs();
        vm.prank(doctor);
        anchors.revoke(LEAF, MISTAKE);
        vm.prank(nurse);
        anchors.revokeOf(doctor, LEAF, MISTAKE);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(anchors.anchorOf(doctor, LEAF).revokedAt, START);
    }

    function test_revoke_reverts_if_revoked_for_another_reason() external {
        _anchor(doctor, LEAF);
        vm.prank(doctor);
        anchors.revoke(LEAF, MISTAKE);
        vm.warp(START + 1);
        _expectAlreadyRevoked();
        vm.prank(doctor);
        anchors.revoke(LEAF, ORDER);
        _expectAlreadyRevoked();
        vm.prank(nurse);
        anchors.revokeOf(doctor, LEAF, ORDER);
    }

    function test_revoke_reverts_if_nothing_is_anchored() external {
        _expectUnknown(doctor, LEAF);
        vm.prank(doctor);
        anchors.revoke(LEAF, MISTAKE);
        _expectUnknown(doctor, LEAF);
        vm.prank(nurse);
        anchors.revokeOf(doctor, LEAF, MISTAKE);
    }

    function test_revoke_reverts_if_only_anchored_in_a_batch() external {
        bytes32[] memory leaves = _leaves(3);
        _anchorBatch(doctor, leaves);
        _expectUnknown(doctor, leaves[0]);
        vm.prank(doctor);
        anchors.revoke(leaves[0], MISTAKE);
    }

    function test_revoke_reverts_if_no_reason_is_given() external {
        _anchor(doctor, LEAF);
        _expectReasonMissing();
        vm.prank(doctor);
        anchors.revoke(LEAF, NONE);
        _expectReasonMissing();
        vm.prank(nurse);
        anchors.revokeOf(doctor, LEAF, NONE);
        _expectReasonMissing();
        vm.prank(doctor);
        anchors.revokeLeaves(LEAF, 0, 1, NONE);
    }

    /// @dev The reason goes into the record by assembly: what is no reason must not come so far.
    function testFuzz_revoke_reverts_if_reason_is_none_of_the_enum(uint256 reason) external {
        reason = bound(reason, uint256(type(IDocumentAnchor.RevocationReason).max) + 1, type(uint256).max);
        _anchor(doctor, LEAF);
        bytes32[] memory leaves = _leaves(2);
        bytes32 root = _anchorBatch(doctor, leaves);
        vm.startPrank(doctor);
        (bool done,) = address(anchors).call(abi.encodeWithSelector(anchors.revoke.selector, LEAF, reason));
        assertFalse(done);
        (done,) = address(anchors).call(abi.encodeWithSelector(anchors.revokeLeaves.selector, root, 0, 1, reason));
        assertFalse(done);
    }

    function test_revoke_of_a_batch_revokes_its_documents() external {
        bytes32[] memory leaves = _leaves(5);
        bytes32 root = _anchorBatch(doctor, leaves);
        vm.prank(doctor);
        anchors.revoke(root, ORDER);
        for (uint256 i = 0; i < 5; ++i) {
            _assertStatus(_inBatch(doctor, leaves, i), IDocumentAnchor.DocumentStatus.Revoked);
        }
    }

    /// @dev As its amendments and disputes, a document's own revocation holds wherever it is shown. The reverse cannot be
    /// told on chain: by itself, a document does not name the batches that it is in.
    function test_revoke_holds_in_every_batch_that_the_document_is_in() external {
        bytes32[] memory leaves = _leaves(3);
        _anchorBatch(doctor, leaves);
        _anchor(doctor, leaves[1]);
        vm.prank(doctor);
        anchors.revoke(leaves[1], MISTAKE);
        _assertStatus(_inBatch(doctor, leaves, 1), IDocumentAnchor.DocumentStatus.Revoked);
        _assertStatus(_inBatch(doctor, leaves, 0), IDocumentAnchor.DocumentStatus.Active);
        bytes32[] memory more = new bytes32[](2);
        (more[0], more[1]) = (LEAF, leaves[1]);
        _anchorBatch(doctor, more); // after the revocation
        _assertStatus(_inBatch(doctor, more, 1), IDocumentAnchor.DocumentStatus.Revoked);
        _anchorBatch(nurse, leaves);
        _assertStatus(_inBatch(nurse, leaves, 1), IDocumentAnchor.DocumentStatus.Active);
    }

    function test_revoke_leaves_of_a_batch_leaves_the_document_by_itself() external {
        bytes32[] memory leaves = _leaves(3);
        bytes32 root = _anchorBatch(doctor, leaves);
        _anchor(doctor, leaves[1]);
        vm.prank(doctor);
        anchors.revokeLeaves(root, 0, 2, MISTAKE);
        _assertStatus(_inBatch(doctor, leaves, 1), IDocumentAnchor.DocumentStatus.Revoked);
        _assertStatus(_single(doctor, leaves[1]), IDocumentAnchor.DocumentStatus.Active);
    }

    /// @dev A batch is revoked for its documents, not as a document of another batch.
    function test_revoke_of_a_batch_leaves_its_root_as_a_document() external {
        bytes32[] memory outer = new bytes32[](2);
        (outer[0], outer[1]) = (_anchorBatch(doctor, _leaves(3)), LEAF);
        _anchorBatch(doctor, outer);
        vm.prank(doctor);
        anchors.revoke(outer[0], ORDER);
        _assertStatus(_inBatch(doctor, _leaves(3), 0), IDocumentAnchor.DocumentStatus.Revoked);
        _assertStatus(_inBatch(doctor, outer, 0), IDocumentAnchor.DocumentStatus.Active);
    }

    function test_revoke_works_for_a_retired_submitter() external {
        _anchor(doctor, LEAF);
        _retire(doctor);
        vm.prank(doctor);
        anchors.revoke(LEAF, MISTAKE);
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Revoked);
    }

    // ------------------------------------------------------------------ revokeOf

    function test_revoke_of_is_recorded_with_its_reason() external {
        _anchor(doctor, LEAF);
        _retire(doctor);
        vm.warp(START + 3);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.AnchorRevokedByOtherKey(LEAF, (5 << 160) | uint160(doctor), nurse);
        vm.prank(nurse);
        anchors.revokeOf(doctor, LEAF, ORDER);
        assertEq(anchors.anchorOf(doctor, LEAF).revokedAt, START + 3);
        assertEq(uint8(anchors.anchorOf(doctor, LEAF).revocationReason), uint8(ORDER));
    }

    function test_revoke_of_reverts_if_caller_is_of_another_organization() external {
        _anchor(doctor, LEAF);
        _expectNotSameOrganization(doctor, chemist);
        vm.prank(chemist);
        anchors.revokeOf(doctor, LEAF, MISTAKE);
    }

    function test_revoke_of_reverts_if_submitter_is_of_no_organization() external {
        _anchor(stranger, LEAF);
        _expectNotSameOrganization(stranger, chemist);
        vm.prank(chemist);
        anchors.revokeOf(stranger, LEAF, MISTAKE);
    }

    function test_revoke_of_reverts_if_caller_is_no_active_key() external {
        _anchor(doctor, LEAF);
        vm.expectRevert(abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryUnknownKey.selector, stranger));
        vm.prank(stranger);
        anchors.revokeOf(doctor, LEAF, MISTAKE);
        _retire(nurse);
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryKeyRetired.selector, nurse, START)
        );
        vm.prank(nurse);
        anchors.revokeOf(doctor, LEAF, MISTAKE);
    }

    // ------------------------------------------------------------------ leaves

    function test_revoke_leaves_marks_their_indexes_alone() external {
        bytes32[] memory leaves = _leaves(300);
        bytes32 root = _anchorBatch(doctor, leaves);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.LeavesRevoked(root, (uint256(1) << 168) | (uint256(1) << 160) | uint160(doctor), 1 << 43);
        vm.prank(doctor);
        anchors.revokeLeaves(root, 1, 1 << 43, MISTAKE);
        assertEq(anchors.revokedLeavesOf(doctor, root, 1), 1 << 43);
        assertEq(anchors.revokedLeavesOf(doctor, root, 0), 0);
        assertEq(anchors.revokedLeavesOf(nurse, root, 1), 0);
        assertEq(anchors.revokedLeavesOf(doctor, root, uint256(type(uint24).max) + 2), 0);
        _assertStatus(_inBatch(doctor, leaves, 299), IDocumentAnchor.DocumentStatus.Revoked);
        _assertStatus(_inBatch(doctor, leaves, 298), IDocumentAnchor.DocumentStatus.Active);
        _assertStatus(_inBatch(doctor, leaves, 43), IDocumentAnchor.DocumentStatus.Active);
    }

    function test_revoke_leaves_leaves_revoked_ones_as_they_are() external {
        bytes32 root = _anchorBatch(doctor, _leaves(4));
        vm.startPrank(doctor);
        anchors.revokeLeaves(root, 0, 3, MISTAKE);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.LeavesRevoked(root, (uint256(5) << 160) | uint160(doctor), 12);
        anchors.revokeLeaves(root, 0, 15, ORDER);
        vm.recordLogs();
        anchors.revokeLeaves(root, 0, 1, MISTAKE);
        anchors.revokeLeaves(root, 0, 0, MISTAKE);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(anchors.revokedLeavesOf(doctor, root, 0), 15);
    }

    function test_revoke_leaves_of_marks_their_indexes_alone() external {
        bytes32[] memory leaves = _leaves(3);
        bytes32 root = _anchorBatch(doctor, leaves);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.LeavesRevokedByOtherKey(doctor, root, nurse, 0, 5, MISTAKE);
        vm.startPrank(nurse);
        anchors.revokeLeavesOf(doctor, root, 0, 5, MISTAKE);
        vm.recordLogs();
        anchors.revokeLeavesOf(doctor, root, 0, 4, MISTAKE);
        assertEq(vm.getRecordedLogs().length, 0);
        _assertStatus(_inBatch(doctor, leaves, 0), IDocumentAnchor.DocumentStatus.Revoked);
        _assertStatus(_inBatch(doctor, leaves, 1), IDocumentAnchor.DocumentStatus.Active);
        _assertStatus(_inBatch(doctor, leaves, 2), IDocumentAnchor.DocumentStatus.Revoked);
    }

    function test_revoke_leaves_reverts_beyond_the_batch() external {
        bytes32 root = _anchorBatch(doctor, _leaves(3));
        _assertOutOfRange(root, 0, 8, 3);
        _assertOutOfRange(root, 1, 1, 3);
        _assertOutOfRange(root, 1, 0, 3);
        _assertOutOfRange(root, type(uint256).max, 0, 3);
        vm.prank(doctor);
        anchors.anchorBatch(LEAF, 256, NO_TERMS);
        _assertOutOfRange(LEAF, 1, 1, 256);
        vm.startPrank(doctor);
        anchors.revokeLeaves(LEAF, 0, type(uint256).max, MISTAKE);
        assertEq(anchors.revokedLeavesOf(doctor, LEAF, 0), type(uint256).max);
    }

    /// @dev A word of 2^248 and more, which no leaf has, loses its highest byte: it names leaves of the same batch.
    function test_revoke_leaves_takes_a_word_that_comes_round() external {
        bytes32 root = _anchorBatch(doctor, _leaves(3));
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.LeavesRevoked(root, (uint256(1) << 160) | uint160(doctor), 1);
        vm.prank(doctor);
        anchors.revokeLeaves(root, 2 ** 248, 1, MISTAKE);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.LeavesRevokedByOtherKey(doctor, root, nurse, 0, 2, MISTAKE);
        vm.prank(nurse);
        anchors.revokeLeavesOf(doctor, root, 2 ** 255, 2, MISTAKE);
        assertEq(anchors.revokedLeavesOf(doctor, root, 0), 3);
        assertEq(anchors.revokedLeavesOf(doctor, root, 2 ** 248), 0);
        assertEq(anchors.revokedLeavesOf(doctor, root, 2 ** 255), 0);
        _assertOutOfRange(root, 2 ** 248, 8, 3);
        _assertOutOfRange(root, 2 ** 248 + 1, 1, 3);
    }

    function test_revoke_leaves_reverts_if_nothing_is_anchored() external {
        _anchor(doctor, LEAF); // not as a batch
        _expectUnknown(doctor, LEAF);
        vm.prank(doctor);
        anchors.revokeLeaves(LEAF, 0, 1, MISTAKE);
        _expectUnknown(doctor, OTHER_LEAF);
        vm.prank(nurse);
        anchors.revokeLeavesOf(doctor, OTHER_LEAF, 0, 1, MISTAKE);
    }

    function test_revoke_leaves_of_reverts_if_no_reason_is_given() external {
        bytes32 root = _anchorBatch(doctor, _leaves(3));
        _expectReasonMissing();
        vm.prank(nurse);
        anchors.revokeLeavesOf(doctor, root, 0, 1, NONE);
    }

    function test_revoke_leaves_of_reverts_if_caller_is_of_another_organization() external {
        bytes32 root = _anchorBatch(doctor, _leaves(3));
        _expectNotSameOrganization(doctor, chemist);
        vm.prank(chemist);
        anchors.revokeLeavesOf(doctor, root, 0, 1, MISTAKE);
    }

    /// @dev Exactly the leaves with a bit are revoked, in batches of every size, also of more than a million leaves.
    function testFuzz_revoke_leaves_reaches_exactly_what_the_batch_has(uint32 count, uint256 word, uint256 leaves)
        external
    {
        count = uint32(bound(count, 1, type(uint32).max));
        word = bound(word, 0, uint256(count) / 256 + 2);
        if (count / 256 == word) leaves &= type(uint256).max >> (255 - count % 256);
        vm.startPrank(doctor);
        anchors.anchorBatch(LEAF, count, NO_TERMS);
        bool inside = word * 256 < count;
        for (uint256 n = 0; n < 256 && inside; ++n) {
            if (leaves & (1 << n) != 0 && word * 256 + n >= count) inside = false;
        }
        if (!inside) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IDocumentAnchor.DocumentAnchorLeavesOutOfRange.selector, LEAF, word, leaves, count
                )
            );
        }
        anchors.revokeLeaves(LEAF, word, leaves, MISTAKE);
        assertEq(anchors.revokedLeavesOf(doctor, LEAF, word), inside ? leaves : 0);
    }

    /// @dev No other index, proof or leaf shows a revoked leaf as anything but revoked or unknown.
    function testFuzz_revoked_leaf_fails_under_every_index(uint256 n, uint256 revoked, uint256 shown) external {
        n = bound(n, 2, 12);
        revoked = bound(revoked, 0, n - 1);
        bytes32[] memory leaves = _leaves(n);
        bytes32[] memory nodes = MerkleTree.build(leaves);
        _anchorBatch(doctor, leaves);
        vm.prank(doctor);
        anchors.revokeLeaves(nodes[0], 0, 1 << revoked, MISTAKE);
        IDocumentAnchor.Document memory document = _inBatch(doctor, leaves, revoked);
        bytes32[] memory way = document.proof;
        _assertStatus(document, IDocumentAnchor.DocumentStatus.Revoked);
        for (uint256 i = 0; i < n; ++i) {
            if (i == revoked) continue;
            document.leaf = leaves[revoked];
            document.index = i;
            document.proof = way; // its own proof, another index
            _assertStatus(document, IDocumentAnchor.DocumentStatus.Unknown);
            document.proof = MerkleTree.proof(nodes, MerkleTree.place(n, i)); // the proof of that index
            _assertStatus(document, IDocumentAnchor.DocumentStatus.Unknown);
            document.leaf = leaves[i];
            _assertStatus(document, IDocumentAnchor.DocumentStatus.Active);
        }
        (document.leaf, document.proof) = (leaves[revoked], way);
        document.index = bound(shown, n, type(uint256).max);
        _assertStatus(document, IDocumentAnchor.DocumentStatus.Unknown);
    }

    // ------------------------------------------------------------------ helpers

    function _assertOutOfRange(bytes32 root, uint256 word, uint256 leaves, uint32 count) private {
        bytes memory refusal =
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorLeavesOutOfRange.selector, root, word, leaves, count);
        vm.expectRevert(refusal);
        vm.prank(doctor);
        anchors.revokeLeaves(root, word, leaves, MISTAKE);
        vm.expectRevert(refusal);
        vm.prank(nurse);
        anchors.revokeLeavesOf(doctor, root, word, leaves, MISTAKE);
    }

    function _expectAlreadyRevoked() private {
        vm.expectRevert(
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorAlreadyRevoked.selector, doctor, LEAF, START, MISTAKE)
        );
    }
}
