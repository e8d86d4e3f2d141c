// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DocumentTerms} from "../../../contracts/anchoring/DocumentTerms.sol";
import {IDocumentAnchor} from "../../../contracts/anchoring/IDocumentAnchor.sol";

import {AnchorFixture} from "./AnchorFixture.sol";

/// @notice Lines of amendments, each way that is refused with its exact error.
contract AmendmentsTest is AnchorFixture {
    IDocumentAnchor.AmendmentReason internal constant CORRECTION = IDocumentAnchor.AmendmentReason.Correction;
    bytes32 internal constant THIRD_LEAF = keccak256("third leaf");

    function test_amend_links_both_and_anchors_the_successor() external {
        _anchor(doctor, LEAF);
        vm.warp(START + 5);
        DocumentTerms terms = _terms(4, START + 1 days);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.DocumentAnchored(OTHER_LEAF, (DocumentTerms.unwrap(terms) << 160) | uint160(nurse));
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.DocumentAmended(doctor, LEAF, nurse, OTHER_LEAF, CORRECTION);
        vm.prank(nurse);
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, terms, CORRECTION);
        IDocumentAnchor.Link memory link = IDocumentAnchor.Link(OTHER_LEAF, nurse, START + 5, CORRECTION);
        assertEq(abi.encode(anchors.successorOf(doctor, LEAF)), abi.encode(link));
        link = IDocumentAnchor.Link(LEAF, doctor, START + 5, CORRECTION);
        assertEq(abi.encode(anchors.predecessorOf(nurse, OTHER_LEAF)), abi.encode(link));
        assertTrue(anchors.anchorOf(doctor, LEAF).superseded);
        assertEq(anchors.anchorOf(nurse, OTHER_LEAF).anchoredAt, START + 5);
        assertEq(anchors.anchorOf(nurse, OTHER_LEAF).kind, 4);
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Superseded);
        _assertStatus(_single(nurse, OTHER_LEAF), IDocumentAnchor.DocumentStatus.Active);
    }

    function test_amend_follows_a_line_to_its_end() external {
        _anchor(doctor, LEAF);
        vm.prank(nurse);
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, NO_TERMS, CORRECTION);
        vm.prank(doctor);
        anchors.amend(_single(nurse, OTHER_LEAF), THIRD_LEAF, NO_TERMS, CORRECTION);
        _assertLatest(doctor, LEAF, doctor, THIRD_LEAF);
        _assertLatest(nurse, OTHER_LEAF, doctor, THIRD_LEAF);
        _assertLatest(doctor, THIRD_LEAF, doctor, THIRD_LEAF);
        _assertLatest(stranger, LEAF, stranger, LEAF);
    }

    function test_amend_of_a_document_in_a_batch_supersedes_it_alone() external {
        bytes32[] memory leaves = _leaves(6);
        _anchorBatch(doctor, leaves);
        vm.prank(doctor);
        anchors.amend(_inBatch(doctor, leaves, 4), OTHER_LEAF, NO_TERMS, CORRECTION);
        _assertStatus(_inBatch(doctor, leaves, 4), IDocumentAnchor.DocumentStatus.Superseded);
        _assertStatus(_inBatch(doctor, leaves, 5), IDocumentAnchor.DocumentStatus.Active);
        assertEq(anchors.anchorOf(doctor, leaves[4]).anchoredAt, 0);
        _assertStatus(_single(doctor, leaves[4]), IDocumentAnchor.DocumentStatus.Unknown);
        _anchor(doctor, leaves[4]); // by itself it is superseded too
        _assertStatus(_single(doctor, leaves[4]), IDocumentAnchor.DocumentStatus.Superseded);
    }

    function test_amend_takes_a_successor_that_is_anchored() external {
        _anchor(doctor, LEAF);
        vm.startPrank(doctor);
        anchors.declareStream(STREAM);
        anchors.anchorInStream(STREAM, OTHER_LEAF, _terms(3, 0));
        anchors.anchor(THIRD_LEAF, _terms(4, 0));
        vm.warp(START + 1);
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, _terms(3, 0), CORRECTION);
        anchors.amend(_single(doctor, OTHER_LEAF), THIRD_LEAF, _terms(4, 0), CORRECTION);
        assertEq(anchors.anchorOf(doctor, OTHER_LEAF).anchoredAt, START);
        assertEq(anchors.anchorOf(doctor, THIRD_LEAF).anchoredAt, START);
        assertTrue(anchors.anchorOf(doctor, OTHER_LEAF).streamed);
    }

    function test_amend_reverts_if_successor_is_anchored_with_other_terms() external {
        _anchor(doctor, LEAF);
        vm.startPrank(doctor);
        anchors.declareStream(STREAM);
        anchors.anchorInStream(STREAM, OTHER_LEAF, _terms(3, 0));
        anchors.anchor(THIRD_LEAF, _terms(4, 0));
        _expectAlreadyAnchored(OTHER_LEAF);
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, NO_TERMS, CORRECTION);
        _expectAlreadyAnchored(THIRD_LEAF);
        anchors.amend(_single(doctor, LEAF), THIRD_LEAF, NO_TERMS, CORRECTION);
        anchors.anchorBatch(STREAM, 2, NO_TERMS);
        _expectAlreadyAnchored(STREAM);
        anchors.amend(_single(doctor, LEAF), STREAM, NO_TERMS, CORRECTION);
    }

    function test_amend_changes_nothing_if_done() external {
        _anchor(doctor, LEAF);
        vm.startPrank(doctor);
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, NO_TERMS, CORRECTION);
        vm.warp(START + 1);
        vm.recordLogs();
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, NO_TERMS, CORRECTION);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(anchors.successorOf(doctor, LEAF).amendedAt, START);
    }

    function test_amend_reverts_if_it_has_another_successor() external {
        _anchor(doctor, LEAF);
        vm.prank(doctor);
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, NO_TERMS, CORRECTION);
        _assertAlreadyAmended(doctor, THIRD_LEAF, CORRECTION);
        _assertAlreadyAmended(nurse, OTHER_LEAF, CORRECTION);
        _assertAlreadyAmended(doctor, OTHER_LEAF, IDocumentAnchor.AmendmentReason.Addendum);
    }

    function test_amend_reverts_if_successor_is_itself_or_linked() external {
        _anchor(doctor, LEAF);
        _expectInvalidSuccessor(LEAF);
        vm.prank(doctor);
        anchors.amend(_single(doctor, LEAF), LEAF, NO_TERMS, CORRECTION);
        vm.startPrank(doctor);
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, NO_TERMS, CORRECTION);
        _expectInvalidSuccessor(LEAF); // a cycle of two
        anchors.amend(_single(doctor, OTHER_LEAF), LEAF, NO_TERMS, CORRECTION);
        anchors.anchor(THIRD_LEAF, NO_TERMS);
        _expectInvalidSuccessor(OTHER_LEAF); // it has a predecessor
        anchors.amend(_single(doctor, THIRD_LEAF), OTHER_LEAF, NO_TERMS, CORRECTION);
        _expectInvalidSuccessor(LEAF); // it has a successor
        anchors.amend(_single(doctor, THIRD_LEAF), LEAF, NO_TERMS, CORRECTION);
    }

    function test_amend_takes_the_same_leaf_under_another_key() external {
        _anchor(doctor, LEAF);
        vm.prank(nurse);
        anchors.amend(_single(doctor, LEAF), LEAF, NO_TERMS, CORRECTION);
        _assertLatest(doctor, LEAF, nurse, LEAF);
    }

    function test_amend_reverts_if_the_document_is_unknown() external {
        bytes32[] memory leaves = _leaves(3);
        IDocumentAnchor.Document memory document = _inBatch(doctor, leaves, 1);
        bytes32 root = document.root;
        vm.startPrank(doctor);
        _expectUnknown(doctor, LEAF);
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, NO_TERMS, CORRECTION);
        _expectUnknown(doctor, root);
        anchors.amend(document, OTHER_LEAF, NO_TERMS, CORRECTION);
        anchors.anchorBatch(root, 3, NO_TERMS);
        _expectUnknown(doctor, root); // a batch is no document
        anchors.amend(_single(doctor, root), OTHER_LEAF, NO_TERMS, CORRECTION);
        document.index = 2;
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorNotInBatch.selector, root, 2, leaves[1]));
        anchors.amend(document, OTHER_LEAF, NO_TERMS, CORRECTION);
        document.index = 3;
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorNotInBatch.selector, root, 3, leaves[1]));
        anchors.amend(document, OTHER_LEAF, NO_TERMS, CORRECTION);
    }

    function test_amend_reverts_if_terms_do_not_hold() external {
        _anchor(doctor, LEAF);
        vm.startPrank(doctor);
        DocumentTerms terms = DocumentTerms.wrap(1 << 56);
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorInvalidTerms.selector, terms));
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, terms, CORRECTION);
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorExpiryPast.selector, START, START));
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, _terms(0, START), CORRECTION);
        assertEq(anchors.successorOf(doctor, LEAF).amendedAt, 0);
    }

    function test_amend_reverts_if_no_reason_is_given() external {
        _anchor(doctor, LEAF);
        _expectReasonMissing();
        vm.prank(doctor);
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, NO_TERMS, IDocumentAnchor.AmendmentReason.Unspecified);
    }

    function test_amend_reverts_if_caller_is_of_another_organization() external {
        _anchor(doctor, LEAF);
        _expectNotSameOrganization(doctor, chemist);
        vm.prank(chemist);
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, NO_TERMS, CORRECTION);
    }

    function test_amend_reverts_if_submitters_own_key_is_no_more() external {
        _anchor(doctor, LEAF);
        _anchor(nurse, LEAF);
        _retire(doctor);
        _expectKeyRetired(doctor);
        vm.prank(doctor);
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, NO_TERMS, CORRECTION);
        _compromise(nurse);
        _expectKeyCompromised(nurse);
        vm.prank(nurse);
        anchors.amend(_single(nurse, LEAF), OTHER_LEAF, NO_TERMS, CORRECTION);
    }

    function test_amend_reverts_if_nobody_knows_the_submitter() external {
        _anchor(stranger, LEAF);
        _expectUnknownKey(stranger);
        vm.prank(stranger);
        anchors.amend(_single(stranger, LEAF), OTHER_LEAF, NO_TERMS, CORRECTION);
        _expectNotSameOrganization(stranger, doctor);
        vm.prank(doctor);
        anchors.amend(_single(stranger, LEAF), OTHER_LEAF, NO_TERMS, CORRECTION);
    }

    function test_amend_reverts_while_frozen() external {
        _anchor(doctor, LEAF);
        _freezeClinic();
        _expectFrozenClinic();
        vm.prank(doctor);
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, NO_TERMS, CORRECTION);
    }

    function test_amend_corrects_what_a_key_that_is_no_more_anchored() external {
        _anchor(doctor, LEAF);
        _compromise(doctor);
        vm.prank(nurse);
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, NO_TERMS, CORRECTION);
        _assertLatest(doctor, LEAF, nurse, OTHER_LEAF);
    }

    function test_amend_reverts_if_the_successor_is_revoked() external {
        _anchor(doctor, LEAF);
        _anchor(doctor, OTHER_LEAF);
        vm.startPrank(doctor);
        anchors.revoke(OTHER_LEAF, IDocumentAnchor.RevocationReason.EnteredInError);
        _expectInvalidSuccessor(OTHER_LEAF);
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, NO_TERMS, CORRECTION);
        assertEq(anchors.successorOf(doctor, LEAF).amendedAt, 0);
    }

    function test_amend_reverts_if_the_successor_has_expired() external {
        _anchor(doctor, LEAF);
        vm.startPrank(doctor);
        anchors.anchor(OTHER_LEAF, _terms(0, START + 5));
        vm.warp(START + 5);
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorExpiryPast.selector, START + 5, START + 5));
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, _terms(0, START + 5), CORRECTION);
    }

    function test_amend_changes_nothing_if_done_though_the_successor_is_in_force_no_more() external {
        _anchor(doctor, LEAF);
        vm.startPrank(doctor);
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, _terms(0, START + 5), CORRECTION);
        anchors.revoke(OTHER_LEAF, IDocumentAnchor.RevocationReason.EnteredInError);
        vm.warp(START + 5);
        vm.recordLogs();
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, _terms(0, START + 5), CORRECTION);
        assertEq(vm.getRecordedLogs().length, 0);
    }

    // ------------------------------------------------------------------ helpers

    function _assertAlreadyAmended(address caller, bytes32 leaf, IDocumentAnchor.AmendmentReason reason) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IDocumentAnchor.DocumentAnchorAlreadyAmended.selector, doctor, LEAF, doctor, OTHER_LEAF
            )
        );
        vm.prank(caller);
        anchors.amend(_single(doctor, LEAF), leaf, NO_TERMS, reason);
    }

    function _assertLatest(address submitter, bytes32 leaf, address lastSubmitter, bytes32 lastLeaf) private view {
        (address foundSubmitter, bytes32 foundLeaf) = anchors.latest(submitter, leaf);
        assertEq(foundSubmitter, lastSubmitter);
        assertEq(foundLeaf, lastLeaf);
    }

    function _expectInvalidSuccessor(bytes32 leaf) private {
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorInvalidSuccessor.selector, doctor, leaf));
    }

    function _expectAlreadyAnchored(bytes32 id) private {
        vm.expectRevert(
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorAlreadyAnchored.selector, doctor, id, START)
        );
    }
}
