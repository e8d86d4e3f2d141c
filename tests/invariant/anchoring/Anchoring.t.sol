// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

import {DocumentTerms} from "../../../contracts/anchoring/DocumentTerms.sol";
import {IDocumentAnchor} from "../../../contracts/anchoring/IDocumentAnchor.sol";

import {AnchorFixture, anchorDigest, anchoringMessage, batchAnchoringMessage} from "./AnchorFixture.sol";

/// @notice A contract wallet that takes whatever the test says: the answer of its `isValidSignature`, as bytes.
contract SigningWallet {
    bytes private _answer;

    constructor(bytes memory answer) {
        _answer = answer;
    }

    fallback(bytes calldata) external returns (bytes memory) {
        if (_answer.length == 1) revert("refused");
        return _answer;
    }
}

/// @notice Anchoring, by transaction and by signature, each way that is refused with its exact error.
contract AnchoringTest is AnchorFixture {
    bytes32 internal constant ROOT = keccak256("root");

    // ------------------------------------------------------------------ anchor

    function test_anchor_records_the_document() external {
        DocumentTerms terms = _terms(7, START + 1 days);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.DocumentAnchored(LEAF, (DocumentTerms.unwrap(terms) << 160) | uint160(doctor));
        vm.prank(doctor);
        anchors.anchor(LEAF, terms);
        IDocumentAnchor.Anchor memory expected;
        (expected.anchoredAt, expected.expiry, expected.kind) = (START, START + 1 days, 7);
        _assertAnchor(doctor, LEAF, expected);
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Active);
    }

    function test_anchor_is_kept_by_submitter() external {
        _anchor(stranger, LEAF);
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Unknown);
        vm.warp(START + 5);
        vm.prank(doctor);
        anchors.anchor(LEAF, _terms(3, 0));
        assertEq(anchors.anchorOf(doctor, LEAF).anchoredAt, START + 5);
        assertEq(anchors.anchorOf(doctor, LEAF).kind, 3);
        assertEq(anchors.anchorOf(stranger, LEAF).anchoredAt, START);
        assertEq(anchors.anchorOf(stranger, LEAF).kind, 0);
    }

    function test_anchor_changes_nothing_if_anchored_with_the_same_terms() external {
        vm.prank(doctor);
        anchors.anchor(LEAF, _terms(1, START + 1));
        vm.warp(START + 1 days);
        vm.recordLogs();
        vm.prank(doctor);
        anchors.anchor(LEAF, _terms(1, START + 1)); // though it is expired
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(anchors.anchorOf(doctor, LEAF).anchoredAt, START);
    }

    function test_anchor_reverts_if_anchored_with_other_terms() external {
        _anchor(doctor, LEAF);
        _expectAlreadyAnchored(LEAF);
        vm.prank(doctor);
        anchors.anchor(LEAF, _terms(1, 0));
    }

    function test_anchor_reverts_if_terms_are_invalid() external {
        DocumentTerms terms = DocumentTerms.wrap(1 << 56);
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorInvalidTerms.selector, terms));
        vm.prank(doctor);
        anchors.anchor(LEAF, terms);
    }

    function test_anchor_reverts_if_expiry_is_past() external {
        _expectExpiryPast();
        vm.prank(doctor);
        anchors.anchor(LEAF, _terms(0, START));
    }

    function testFuzz_anchor_records_its_terms(address submitter, bytes32 leaf, uint256 word) external {
        uint40 expiry = uint40(word);
        vm.startPrank(submitter);
        if (word >= 2 ** 56) {
            vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorInvalidTerms.selector, word));
        } else if (expiry != 0 && expiry <= START) {
            vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorExpiryPast.selector, expiry, START));
        }
        anchors.anchor(leaf, DocumentTerms.wrap(word));
        word %= 2 ** 56;
        expiry = uint40(word);
        if (expiry <= START) word -= expiry;
        anchors.anchor(leaf, DocumentTerms.wrap(word));
        IDocumentAnchor.Anchor memory expected;
        (expected.anchoredAt, expected.expiry, expected.kind) = (START, uint40(word), uint16(word / 2 ** 40));
        _assertAnchor(submitter, leaf, expected);
    }

    // ------------------------------------------------------------------ anchorList

    function test_anchor_list_records_what_is_new() external {
        _anchor(doctor, OTHER_LEAF);
        vm.warp(START + 1);
        bytes32[] memory leaves = new bytes32[](4);
        (leaves[0], leaves[1], leaves[2], leaves[3]) = (LEAF, OTHER_LEAF, LEAF, ROOT);
        bytes32[] memory fresh = new bytes32[](2);
        (fresh[0], fresh[1]) = (LEAF, ROOT);
        DocumentTerms terms = _terms(2, START + 100);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.DocumentsAnchored(doctor, terms, fresh);
        vm.prank(doctor);
        assertEq(anchors.anchorList(leaves, terms), 2);
        IDocumentAnchor.Anchor memory expected;
        (expected.anchoredAt, expected.expiry, expected.kind) = (START + 1, START + 100, 2);
        _assertAnchor(doctor, LEAF, expected);
        _assertAnchor(doctor, ROOT, expected);
        assertEq(anchors.anchorOf(doctor, OTHER_LEAF).anchoredAt, START);
    }

    function test_anchor_list_changes_nothing_if_nothing_is_new() external {
        _anchor(doctor, LEAF);
        bytes32[] memory leaves = new bytes32[](1);
        leaves[0] = LEAF;
        vm.recordLogs();
        vm.startPrank(doctor);
        assertEq(anchors.anchorList(leaves, NO_TERMS), 0);
        assertEq(anchors.anchorList(new bytes32[](0), NO_TERMS), 0);
        vm.stopPrank();
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_anchor_list_changes_nothing_if_repeated_after_its_expiry() external {
        bytes32[] memory leaves = new bytes32[](1);
        leaves[0] = LEAF;
        vm.startPrank(doctor);
        anchors.anchorList(leaves, _terms(0, START + 5));
        vm.warp(START + 5);
        vm.recordLogs();
        assertEq(anchors.anchorList(leaves, _terms(0, START + 5)), 0);
        assertEq(vm.getRecordedLogs().length, 0);
        leaves[0] = OTHER_LEAF;
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorExpiryPast.selector, START + 5, START + 5));
        anchors.anchorList(leaves, _terms(0, START + 5));
    }

    function test_anchor_list_reverts_if_terms_are_invalid() external {
        DocumentTerms terms = DocumentTerms.wrap(type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorInvalidTerms.selector, terms));
        vm.prank(doctor);
        anchors.anchorList(new bytes32[](1), terms);
    }

    function test_anchor_list_reverts_if_expiry_is_past() external {
        _expectExpiryPast();
        vm.prank(doctor);
        anchors.anchorList(new bytes32[](1), _terms(0, START));
    }

    // ------------------------------------------------------------------ anchorBatch

    function test_anchor_batch_records_the_batch() external {
        DocumentTerms terms = _terms(9, START + 1 days);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.BatchAnchored(doctor, ROOT, 1000, terms, 0);
        vm.prank(doctor);
        anchors.anchorBatch(ROOT, 1000, terms);
        IDocumentAnchor.Anchor memory expected;
        (expected.anchoredAt, expected.expiry, expected.kind, expected.count) = (START, START + 1 days, 9, 1000);
        _assertAnchor(doctor, ROOT, expected);
        _assertStatus(_single(doctor, ROOT), IDocumentAnchor.DocumentStatus.Unknown);
    }

    function test_anchor_batch_changes_nothing_if_anchored_alike() external {
        _batch(doctor);
        vm.recordLogs();
        vm.warp(START + 1);
        _batch(doctor);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(anchors.anchorOf(doctor, ROOT).anchoredAt, START);
    }

    function test_anchor_batch_reverts_if_anchored_with_another_count() external {
        _batch(doctor);
        _expectAlreadyAnchored(ROOT);
        vm.prank(doctor);
        anchors.anchorBatch(ROOT, 4, NO_TERMS);
    }

    function test_anchor_batch_reverts_if_anchored_as_a_document() external {
        _anchor(doctor, ROOT);
        _expectAlreadyAnchored(ROOT);
        _batch(doctor);
    }

    function test_anchor_reverts_if_anchored_as_a_batch() external {
        _batch(doctor);
        _expectAlreadyAnchored(ROOT);
        _anchor(doctor, ROOT);
    }

    function test_anchor_batch_reverts_if_it_is_empty() external {
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorEmptyBatch.selector, ROOT, 0));
        anchors.anchorBatch(ROOT, 0, NO_TERMS);
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorEmptyBatch.selector, 0, 3));
        anchors.anchorBatch(0, 3, NO_TERMS);
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorEmptyBatch.selector, 0, 3));
        anchors.anchorBatchBySignature(doctor, 0, 3, NO_TERMS, START, START, "");
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorEmptyBatch.selector, ROOT, 0));
        anchors.anchorBatchInStream(STREAM, ROOT, 0, NO_TERMS);
    }

    function test_anchor_batch_reverts_if_terms_do_not_hold() external {
        DocumentTerms terms = DocumentTerms.wrap(1 << 255);
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorInvalidTerms.selector, terms));
        vm.prank(doctor);
        anchors.anchorBatch(ROOT, 3, terms);
        _expectExpiryPast();
        vm.prank(doctor);
        anchors.anchorBatch(ROOT, 3, _terms(0, START));
    }

    // ------------------------------------------------------------------ by signature

    function test_anchor_by_signature_records_when_it_was_signed() external {
        DocumentTerms terms = _terms(5, START + 1 days);
        bytes memory signature = _compact(doctorSecret, _digest(anchoringMessage(LEAF, terms, START - 60, START)));
        uint256 stamp = (uint256(START - 60) << 216) | (DocumentTerms.unwrap(terms) << 160) | uint160(doctor);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.DocumentAnchored(LEAF, stamp);
        vm.prank(stranger);
        anchors.anchorBySignature(doctor, LEAF, terms, START - 60, START, signature);
        IDocumentAnchor.Anchor memory expected;
        (expected.anchoredAt, expected.signedAt, expected.expiry, expected.kind) =
        (START, START - 60, START + 1 days, 5);
        _assertAnchor(doctor, LEAF, expected);
    }

    function test_anchor_by_signature_takes_65_bytes() external {
        bytes memory signature = _signature(doctorSecret, _digest(anchoringMessage(LEAF, NO_TERMS, START, START)));
        anchors.anchorBySignature(doctor, LEAF, NO_TERMS, START, START, signature);
        assertEq(anchors.anchorOf(doctor, LEAF).signedAt, START);
    }

    function test_anchor_by_signature_changes_nothing_if_anchored() external {
        _anchor(doctor, LEAF);
        bytes memory signature = _compact(doctorSecret, _digest(anchoringMessage(LEAF, NO_TERMS, START, START + 1)));
        vm.warp(START + 1);
        vm.recordLogs();
        anchors.anchorBySignature(doctor, LEAF, NO_TERMS, START, START + 1, signature);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(anchors.anchorOf(doctor, LEAF).signedAt, 0);
    }

    function test_anchor_by_signature_reverts_if_signature_is_anothers() external {
        (, uint256 other) = makeAddrAndKey("another");
        bytes32 digest = _digest(anchoringMessage(LEAF, NO_TERMS, START, START));
        _assertInvalid(doctor, _compact(other, digest));
        _assertInvalid(doctor, _signature(other, digest));
        _assertInvalid(doctor, "");
        _assertInvalid(doctor, new bytes(64));
        _assertInvalid(doctor, new bytes(65));
        _assertInvalid(address(0), new bytes(64));
        _assertInvalid(address(0), new bytes(65));
    }

    function test_anchor_by_signature_reverts_if_signed_for_elsewhere() external {
        bytes32 message = anchoringMessage(LEAF, NO_TERMS, START, START);
        _assertInvalid(doctor, _compact(doctorSecret, anchorDigest(address(this), block.chainid, message)));
        _assertInvalid(doctor, _compact(doctorSecret, anchorDigest(address(anchors), block.chainid + 1, message)));
        bytes32 otherLeaf = anchoringMessage(OTHER_LEAF, NO_TERMS, START, START);
        _assertInvalid(doctor, _compact(doctorSecret, _digest(otherLeaf)));
        bytes32 otherTerms = anchoringMessage(LEAF, _terms(1, 0), START, START);
        _assertInvalid(doctor, _compact(doctorSecret, _digest(otherTerms)));
        bytes32 otherTime = anchoringMessage(LEAF, NO_TERMS, START - 1, START);
        _assertInvalid(doctor, _compact(doctorSecret, _digest(otherTime)));
        bytes32 otherDeadline = anchoringMessage(LEAF, NO_TERMS, START, START + 1);
        _assertInvalid(doctor, _compact(doctorSecret, _digest(otherDeadline)));
        bytes32 batch = batchAnchoringMessage(LEAF, 1, NO_TERMS, START, START);
        _assertInvalid(doctor, _compact(doctorSecret, _digest(batch)));
    }

    function test_anchor_by_signature_takes_a_contract_wallets() external {
        address wallet = address(new SigningWallet(abi.encode(IERC1271.isValidSignature.selector)));
        vm.expectCall(
            wallet,
            abi.encodeCall(
                IERC1271.isValidSignature, (_digest(anchoringMessage(LEAF, NO_TERMS, START, START)), "as it likes")
            )
        );
        anchors.anchorBySignature(wallet, LEAF, NO_TERMS, START, START, "as it likes");
        assertEq(anchors.anchorOf(wallet, LEAF).anchoredAt, START);
    }

    /// @dev 64 bytes may be an ordinary key's or, as those of a passkey, for a wallet to judge.
    function test_anchor_by_signature_takes_a_contract_wallets_64_bytes() external {
        address wallet = address(new SigningWallet(abi.encode(IERC1271.isValidSignature.selector)));
        bytes memory signature = abi.encodePacked(bytes32("x"), bytes32("y"));
        bytes32 digest = _digest(anchoringMessage(LEAF, NO_TERMS, START, START));
        vm.expectCall(wallet, abi.encodeCall(IERC1271.isValidSignature, (digest, signature)));
        anchors.anchorBySignature(wallet, LEAF, NO_TERMS, START, START, signature);
        assertEq(anchors.anchorOf(wallet, LEAF).anchoredAt, START);
        _assertInvalid(address(new SigningWallet(abi.encode(bytes4(0)))), signature);
        _assertInvalid(address(registry), signature);
    }

    /// @dev An account that delegates to code stays its key's, for 64 bytes, and its code's for any others.
    function test_anchor_by_signature_takes_64_bytes_of_a_key_whose_account_has_code() external {
        bytes memory signature = _compact(doctorSecret, _digest(anchoringMessage(LEAF, NO_TERMS, START, START)));
        vm.etch(doctor, address(registry).code);
        _assertInvalid(doctor, _signature(doctorSecret, _digest(anchoringMessage(LEAF, NO_TERMS, START, START))));
        anchors.anchorBySignature(doctor, LEAF, NO_TERMS, START, START, signature);
        assertEq(anchors.anchorOf(doctor, LEAF).signedAt, START);
    }

    function test_anchor_by_signature_reverts_if_contract_wallet_disagrees() external {
        bytes4 magic = IERC1271.isValidSignature.selector;
        _assertInvalid(address(new SigningWallet(abi.encode(bytes4(0)))), "as it likes");
        _assertInvalid(address(new SigningWallet(abi.encodePacked(magic))), "as it likes"); // 4 bytes
        _assertInvalid(address(new SigningWallet(abi.encode(uint32(magic)))), "as it likes");
        _assertInvalid(address(new SigningWallet(abi.encodePacked(magic, bytes28(uint224(1))))), "as it likes");
        _assertInvalid(address(new SigningWallet(hex"00")), "as it likes"); // it reverts
        _assertInvalid(address(registry), "as it likes"); // it has no such function
    }

    function test_anchor_by_signature_reverts_if_deadline_is_past() external {
        bytes memory signature = _compact(doctorSecret, _digest(anchoringMessage(LEAF, NO_TERMS, START, START)));
        vm.warp(START + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorSignatureExpired.selector, START, START + 1)
        );
        anchors.anchorBySignature(doctor, LEAF, NO_TERMS, START, START, signature);
    }

    function test_anchor_by_signature_reverts_if_signed_in_the_future() external {
        _assertSigningTimeRefused(START + 1);
        _assertSigningTimeRefused(type(uint40).max);
    }

    /// @dev Zero is what a record says that came by transaction.
    function test_anchor_by_signature_reverts_if_signed_at_no_time() external {
        _assertSigningTimeRefused(0);
    }

    function test_anchor_batch_by_signature_records_when_it_was_signed() external {
        DocumentTerms terms = _terms(5, START + 1 days);
        bytes32 message = batchAnchoringMessage(ROOT, 12, terms, START - 1, START + 9);
        bytes memory signature = _compact(doctorSecret, _digest(message));
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.BatchAnchored(doctor, ROOT, 12, terms, START - 1);
        vm.prank(chemist);
        anchors.anchorBatchBySignature(doctor, ROOT, 12, terms, START - 1, START + 9, signature);
        IDocumentAnchor.Anchor memory expected;
        (expected.anchoredAt, expected.signedAt, expected.expiry, expected.kind, expected.count) =
        (START, START - 1, START + 1 days, 5, 12);
        _assertAnchor(doctor, ROOT, expected);
        vm.recordLogs();
        anchors.anchorBatchBySignature(doctor, ROOT, 12, terms, START - 1, START + 9, signature);
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_anchor_batch_by_signature_reverts_if_signature_is_anothers() external {
        bytes32 message = batchAnchoringMessage(ROOT, 12, NO_TERMS, START, START);
        bytes memory signature = _compact(doctorSecret, _digest(message));
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorInvalidSignature.selector, doctor));
        anchors.anchorBatchBySignature(doctor, ROOT, 13, NO_TERMS, START, START, signature);
        vm.warp(START + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorSignatureExpired.selector, START, START + 1)
        );
        anchors.anchorBatchBySignature(doctor, ROOT, 12, NO_TERMS, START, START, signature);
    }

    // ------------------------------------------------------------------ helpers

    function _batch(address submitter) private {
        vm.prank(submitter);
        anchors.anchorBatch(ROOT, 3, NO_TERMS);
    }

    function _assertSigningTimeRefused(uint40 signedAt) private {
        bytes memory refusal =
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorInvalidSigningTime.selector, signedAt, START);
        bytes32 digest = _digest(anchoringMessage(LEAF, NO_TERMS, signedAt, START));
        vm.expectRevert(refusal);
        anchors.anchorBySignature(doctor, LEAF, NO_TERMS, signedAt, START, _compact(doctorSecret, digest));
        digest = _digest(batchAnchoringMessage(ROOT, 1, NO_TERMS, signedAt, START));
        vm.expectRevert(refusal);
        anchors.anchorBatchBySignature(doctor, ROOT, 1, NO_TERMS, signedAt, START, _compact(doctorSecret, digest));
    }

    function _assertInvalid(address submitter, bytes memory signature) private {
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorInvalidSignature.selector, submitter));
        anchors.anchorBySignature(submitter, LEAF, NO_TERMS, START, START, signature);
    }

    function _assertAnchor(address submitter, bytes32 id, IDocumentAnchor.Anchor memory expected) private view {
        assertEq(abi.encode(anchors.anchorOf(submitter, id)), abi.encode(expected));
    }

    function _expectAlreadyAnchored(bytes32 id) private {
        vm.expectRevert(
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorAlreadyAnchored.selector, doctor, id, START)
        );
    }

    function _expectExpiryPast() private {
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorExpiryPast.selector, START, START));
    }
}
