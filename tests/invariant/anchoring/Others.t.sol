// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {stdError} from "forge-std/StdError.sol";

import {AnchorRecords, AnchorSlot} from "../../../contracts/anchoring/AnchorRecord.sol";
import {IDocumentAnchor} from "../../../contracts/anchoring/IDocumentAnchor.sol";
import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";

import {AnchorFixture, leafOf, subjectDisputeMessage, subjectWithdrawalMessage} from "./AnchorFixture.sol";

/// @notice What others say of a document, countersignatures and disputes, each way that is refused with its exact error.
///
/// | from \ to | Standing                    | Answered               | Withdrawn          |
/// | --------- | --------------------------- | ---------------------- | ------------------ |
/// | None      | party, member or subject    | no                     | no                 |
/// | Standing  | the same again changes none | submitter's keys, once | by who raised it   |
/// | Withdrawn | no                          | no                     | changes none       |
contract OthersTest is AnchorFixture {
    IDocumentAnchor.DisputeReason internal constant WRONG = IDocumentAnchor.DisputeReason.Inaccurate;
    bytes32 internal constant CONTENT = keccak256("content");
    bytes32 internal constant STATEMENT = keccak256("statement");

    address internal subject;
    uint256 internal subjectSecret;
    bytes32 internal subjectLeaf;

    function setUp() public override {
        super.setUp();
        (subject, subjectSecret) = makeAddrAndKey("subject");
        subjectLeaf = leafOf(CONTENT, subject);
        _anchor(doctor, LEAF);
        _anchor(doctor, subjectLeaf);
    }

    // ------------------------------------------------------------------ countersignatures

    function test_countersign_records_the_key() external {
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.DocumentCountersigned(doctor, LEAF, laboratory, chemist);
        _countersign(chemist);
        IDocumentAnchor.Countersignature memory expected = IDocumentAnchor.Countersignature(chemist, START, 0);
        assertEq(abi.encode(anchors.countersignatureOf(doctor, LEAF, laboratory)), abi.encode(expected));
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Active);
    }

    function test_countersign_changes_nothing_if_given() external {
        _countersign(chemist);
        vm.prank(doctor);
        anchors.revoke(LEAF, IDocumentAnchor.RevocationReason.EnteredInError);
        vm.warp(START + 1);
        vm.recordLogs();
        _countersign(chemist);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(anchors.countersignatureOf(doctor, LEAF, laboratory).signedAt, START);
    }

    function test_countersign_takes_a_disputed_document() external {
        _dispute(chemist);
        _countersign(chemist);
        assertEq(anchors.countersignatureOf(doctor, LEAF, laboratory).signedAt, START);
    }

    function test_countersign_takes_a_document_of_nobodys() external {
        _anchor(stranger, LEAF);
        vm.prank(chemist);
        anchors.countersign(_single(stranger, LEAF));
        assertEq(anchors.countersignatureOf(stranger, LEAF, laboratory).signedAt, START);
    }

    function test_countersign_reverts_if_it_is_the_organizations_own() external {
        vm.expectRevert(
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorOwnDocument.selector, doctor, LEAF, clinic)
        );
        _countersign(nurse);
    }

    function test_countersign_reverts_if_organization_is_not_active() external {
        _suspendLaboratory();
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryNotInGoodStanding.selector,
                laboratory,
                IOrganizationRegistry.Standing.Suspended
            )
        );
        _countersign(chemist);
    }

    function test_countersign_reverts_if_not_in_force() external {
        vm.prank(doctor);
        anchors.revoke(LEAF, IDocumentAnchor.RevocationReason.EnteredInError);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDocumentAnchor.DocumentAnchorNotInForce.selector, doctor, LEAF, IDocumentAnchor.DocumentStatus.Revoked
            )
        );
        _countersign(chemist);
    }

    function test_countersign_reverts_if_unknown() external {
        _expectUnknown(doctor, OTHER_LEAF);
        vm.prank(chemist);
        anchors.countersign(_single(doctor, OTHER_LEAF));
    }

    function test_withdraw_countersignature_is_final() external {
        _countersign(chemist);
        _suspendLaboratory(); // an organization that is not active may withdraw
        vm.warp(START + 4);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.CountersignatureWithdrawn(doctor, LEAF, laboratory, chemist);
        vm.startPrank(chemist);
        anchors.withdrawCountersignature(doctor, LEAF);
        vm.warp(START + 5);
        vm.recordLogs();
        anchors.withdrawCountersignature(doctor, LEAF);
        vm.stopPrank();
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(anchors.countersignatureOf(doctor, LEAF, laboratory).withdrawnAt, START + 4);
        vm.prank(registrar);
        registry.reinstate(laboratory, REASON);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDocumentAnchor.DocumentAnchorCountersignatureWithdrawn.selector, doctor, LEAF, laboratory
            )
        );
        _countersign(chemist);
    }

    function test_withdraw_countersignature_reverts_if_not_given() external {
        _countersign(chemist);
        vm.expectRevert(
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorNotCountersigned.selector, doctor, LEAF, clinic)
        );
        vm.prank(doctor);
        anchors.withdrawCountersignature(doctor, LEAF);
        _expectUnknownKey(stranger);
        vm.prank(stranger);
        anchors.withdrawCountersignature(doctor, LEAF);
    }

    // ------------------------------------------------------------------ parties

    function test_name_party_lets_it_dispute() external {
        _expectUnknownKey(stranger);
        _dispute(stranger);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.PartyNamed(doctor, LEAF, stranger);
        vm.prank(nurse);
        anchors.nameParty(_single(doctor, LEAF), stranger);
        assertTrue(anchors.isParty(doctor, LEAF, stranger));
        vm.recordLogs();
        vm.prank(doctor);
        anchors.nameParty(_single(doctor, LEAF), stranger);
        assertEq(vm.getRecordedLogs().length, 0);
        _dispute(stranger);
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Disputed);
        _expectUnknownKey(stranger); // of this document only
        vm.prank(stranger);
        anchors.dispute(_single(doctor, subjectLeaf), WRONG, 0);
    }

    function test_name_party_reverts_if_caller_is_of_another_organization() external {
        _expectNotSameOrganization(doctor, chemist);
        vm.prank(chemist);
        anchors.nameParty(_single(doctor, LEAF), stranger);
    }

    function test_name_party_reverts_if_unknown() external {
        _expectUnknown(doctor, OTHER_LEAF);
        vm.prank(doctor);
        anchors.nameParty(_single(doctor, OTHER_LEAF), stranger);
    }

    function test_name_party_reverts_if_callers_key_is_no_more() external {
        _retire(doctor);
        _compromise(nurse);
        _expectKeyRetired(doctor);
        vm.prank(doctor);
        anchors.nameParty(_single(doctor, LEAF), stranger);
        _expectKeyCompromised(nurse);
        vm.prank(nurse);
        anchors.nameParty(_single(doctor, LEAF), stranger);
        _anchor(stranger, LEAF);
        _expectUnknownKey(stranger);
        vm.prank(stranger);
        anchors.nameParty(_single(stranger, LEAF), chemist);
    }

    function test_name_party_reverts_while_frozen() external {
        _freezeClinic();
        _expectFrozenClinic();
        vm.prank(doctor);
        anchors.nameParty(_single(doctor, LEAF), stranger);
    }

    // ------------------------------------------------------------------ disputes

    function test_dispute_is_shown_until_it_is_withdrawn() external {
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.DocumentDisputed(doctor, LEAF, chemist, WRONG, STATEMENT);
        _dispute(chemist);
        IDocumentAnchor.Dispute memory expected = IDocumentAnchor.Dispute(START, 0, 0, WRONG, STATEMENT, 0);
        assertEq(abi.encode(anchors.disputeOf(doctor, LEAF, chemist)), abi.encode(expected));
        assertEq(anchors.anchorOf(doctor, LEAF).disputes, 1);
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Disputed);
        _dispute(nurse);
        assertEq(anchors.anchorOf(doctor, LEAF).disputes, 2);
        vm.warp(START + 2);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.DisputeWithdrawn(doctor, LEAF, chemist);
        vm.prank(chemist);
        anchors.withdrawDispute(doctor, LEAF);
        assertEq(anchors.disputeOf(doctor, LEAF, chemist).withdrawnAt, START + 2);
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Disputed);
        vm.prank(nurse);
        anchors.withdrawDispute(doctor, LEAF);
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Active);
    }

    function test_dispute_of_a_document_in_a_batch_shows_there_alone() external {
        bytes32[] memory leaves = _leaves(5);
        _anchorBatch(doctor, leaves);
        vm.prank(chemist);
        anchors.dispute(_inBatch(doctor, leaves, 3), WRONG, 0);
        _assertStatus(_inBatch(doctor, leaves, 3), IDocumentAnchor.DocumentStatus.Disputed);
        _assertStatus(_inBatch(doctor, leaves, 2), IDocumentAnchor.DocumentStatus.Active);
        assertEq(anchors.anchorOf(doctor, leaves[3]).anchoredAt, 0);
        vm.prank(doctor); // the fast path of an unknown leaf would lose the dispute
        anchors.anchor(leaves[3], NO_TERMS);
        assertEq(anchors.anchorOf(doctor, leaves[3]).disputes, 1);
        _assertStatus(_single(doctor, leaves[3]), IDocumentAnchor.DocumentStatus.Disputed);
    }

    function test_dispute_stays_where_a_list_anchors_the_leaf() external {
        bytes32[] memory leaves = _leaves(2);
        _anchorBatch(doctor, leaves);
        vm.prank(chemist);
        anchors.dispute(_inBatch(doctor, leaves, 1), WRONG, 0);
        vm.prank(doctor);
        assertEq(anchors.anchorList(leaves, NO_TERMS), 2);
        assertEq(anchors.anchorOf(doctor, leaves[1]).disputes, 1);
    }

    function test_dispute_changes_nothing_if_raised() external {
        _dispute(chemist);
        vm.warp(START + 1);
        vm.recordLogs();
        _dispute(chemist);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(anchors.disputeOf(doctor, LEAF, chemist).raisedAt, START);
        assertEq(anchors.anchorOf(doctor, LEAF).disputes, 1);
    }

    function test_dispute_reverts_if_raised_otherwise_or_withdrawn() external {
        _dispute(chemist);
        vm.startPrank(chemist);
        _expectAlreadyDisputed(LEAF, chemist);
        anchors.dispute(_single(doctor, LEAF), IDocumentAnchor.DisputeReason.Outdated, STATEMENT);
        _expectAlreadyDisputed(LEAF, chemist);
        anchors.dispute(_single(doctor, LEAF), WRONG, 0);
        anchors.withdrawDispute(doctor, LEAF);
        _expectAlreadyDisputed(LEAF, chemist);
        anchors.dispute(_single(doctor, LEAF), WRONG, STATEMENT);
    }

    function test_dispute_reverts_if_no_reason_is_given() external {
        _expectReasonMissing();
        vm.prank(chemist);
        anchors.dispute(_single(doctor, LEAF), IDocumentAnchor.DisputeReason.Unspecified, 0);
    }

    function test_dispute_reverts_if_unknown() external {
        _expectUnknown(doctor, OTHER_LEAF);
        vm.prank(chemist);
        anchors.dispute(_single(doctor, OTHER_LEAF), WRONG, 0);
    }

    function test_dispute_reverts_if_organization_is_not_active() external {
        _suspendLaboratory();
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryNotInGoodStanding.selector,
                laboratory,
                IOrganizationRegistry.Standing.Suspended
            )
        );
        _dispute(chemist);
        vm.prank(doctor);
        anchors.nameParty(_single(doctor, LEAF), chemist);
        _dispute(chemist); // as a party it may
    }

    function test_withdraw_dispute_reverts_if_not_raised() external {
        _dispute(chemist);
        _expectNotDisputed(doctor);
        vm.prank(doctor);
        anchors.withdrawDispute(doctor, LEAF);
    }

    function test_withdraw_dispute_changes_nothing_if_withdrawn() external {
        _dispute(chemist);
        _dispute(nurse);
        vm.startPrank(chemist);
        anchors.withdrawDispute(doctor, LEAF);
        vm.warp(START + 1);
        vm.recordLogs();
        anchors.withdrawDispute(doctor, LEAF);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(anchors.anchorOf(doctor, LEAF).disputes, 1);
        assertEq(anchors.disputeOf(doctor, LEAF, chemist).withdrawnAt, START);
    }

    /// @dev The count of disputes has 24 bits, which a count brought there by hand shows.
    function test_disputes_are_counted_to_the_last_of_24_bits() external {
        AnchorSlot storage slot = AnchorRecords.slotOf(doctor, LEAF);
        bytes32 place;
        assembly {
            place := slot.slot
        }
        uint256 held = uint256(vm.load(address(anchors), place));
        vm.store(address(anchors), place, bytes32(held | ((2 ** 24 - 2) << 184)));
        _dispute(chemist);
        assertEq(anchors.anchorOf(doctor, LEAF).disputes, type(uint24).max);
        vm.expectRevert(stdError.arithmeticError);
        _dispute(nurse);
        vm.prank(chemist);
        anchors.withdrawDispute(doctor, LEAF);
        assertEq(uint256(vm.load(address(anchors), place)), held | ((2 ** 24 - 2) << 184));
        _dispute(nurse);
    }

    // ------------------------------------------------------------------ answers

    function test_answer_dispute_leaves_it_standing() external {
        _dispute(chemist);
        vm.warp(START + 3);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.DisputeAnswered(doctor, LEAF, chemist, nurse, "reply");
        vm.prank(nurse);
        anchors.answerDispute(doctor, LEAF, chemist, "reply");
        IDocumentAnchor.Dispute memory held = anchors.disputeOf(doctor, LEAF, chemist);
        assertEq(held.repliedAt, START + 3);
        assertEq(held.reply, "reply");
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Disputed);
        vm.warp(START + 4);
        vm.recordLogs();
        vm.startPrank(doctor);
        anchors.answerDispute(doctor, LEAF, chemist, "reply");
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(anchors.disputeOf(doctor, LEAF, chemist).repliedAt, START + 3);
        vm.expectRevert(
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorAlreadyAnswered.selector, doctor, LEAF, chemist)
        );
        anchors.answerDispute(doctor, LEAF, chemist, "another reply");
    }

    function test_answer_dispute_reverts_if_none_stands() external {
        vm.startPrank(doctor);
        _expectNotDisputed(chemist);
        anchors.answerDispute(doctor, LEAF, chemist, "reply");
        vm.stopPrank();
        _dispute(chemist);
        vm.prank(chemist);
        anchors.withdrawDispute(doctor, LEAF);
        _expectNotDisputed(chemist);
        vm.prank(doctor);
        anchors.answerDispute(doctor, LEAF, chemist, "reply");
    }

    function test_answer_dispute_reverts_if_caller_is_of_another_organization() external {
        _dispute(chemist);
        _expectNotSameOrganization(doctor, chemist);
        vm.prank(chemist);
        anchors.answerDispute(doctor, LEAF, chemist, "reply");
    }

    function test_answer_dispute_reverts_if_callers_key_is_no_more() external {
        _dispute(chemist);
        _retire(doctor);
        _compromise(nurse);
        _expectKeyRetired(doctor);
        vm.prank(doctor);
        anchors.answerDispute(doctor, LEAF, chemist, "reply");
        _expectKeyCompromised(nurse);
        vm.prank(nurse);
        anchors.answerDispute(doctor, LEAF, chemist, "reply");
    }

    function test_answer_dispute_reverts_if_nobody_knows_the_submitter() external {
        _anchor(stranger, LEAF);
        vm.prank(chemist);
        anchors.dispute(_single(stranger, LEAF), WRONG, 0);
        _expectUnknownKey(stranger);
        vm.prank(stranger);
        anchors.answerDispute(stranger, LEAF, chemist, "reply");
    }

    function test_answer_dispute_reverts_while_frozen() external {
        _dispute(chemist);
        _freezeClinic();
        _expectFrozenClinic();
        vm.prank(doctor);
        anchors.answerDispute(doctor, LEAF, chemist, "reply");
    }

    // ------------------------------------------------------------------ subjects

    function test_dispute_as_subject_needs_its_signature_only() external {
        bytes memory signature = _subjectDispute(subjectSecret, START);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.DocumentDisputed(doctor, subjectLeaf, subject, WRONG, STATEMENT);
        vm.prank(stranger);
        anchors.disputeAsSubject(_single(doctor, subjectLeaf), CONTENT, subject, WRONG, STATEMENT, START, signature);
        _assertStatus(_single(doctor, subjectLeaf), IDocumentAnchor.DocumentStatus.Disputed);
    }

    function test_dispute_as_subject_reverts_if_it_is_not_the_subject() external {
        bytes memory signature = _subjectDispute(subjectSecret, START);
        _expectNotTheSubject(LEAF, CONTENT, subject);
        anchors.disputeAsSubject(_single(doctor, LEAF), CONTENT, subject, WRONG, STATEMENT, START, signature);
        _expectNotTheSubject(subjectLeaf, LEAF, subject);
        anchors.disputeAsSubject(_single(doctor, subjectLeaf), LEAF, subject, WRONG, STATEMENT, START, signature);
        _expectNotTheSubject(subjectLeaf, CONTENT, stranger);
        anchors.disputeAsSubject(_single(doctor, subjectLeaf), CONTENT, stranger, WRONG, STATEMENT, START, signature);
        bytes32 leaf = leafOf(CONTENT, address(0));
        _anchor(doctor, leaf);
        _expectNotTheSubject(leaf, CONTENT, address(0));
        anchors.disputeAsSubject(_single(doctor, leaf), CONTENT, address(0), WRONG, STATEMENT, START, signature);
    }

    function test_dispute_as_subject_reverts_if_signature_does_not_count() external {
        bytes memory signature = _subjectDispute(doctorSecret, START);
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorInvalidSignature.selector, subject));
        anchors.disputeAsSubject(_single(doctor, subjectLeaf), CONTENT, subject, WRONG, STATEMENT, START, signature);
        signature = _subjectDispute(subjectSecret, START);
        vm.warp(START + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorSignatureExpired.selector, START, START + 1)
        );
        anchors.disputeAsSubject(_single(doctor, subjectLeaf), CONTENT, subject, WRONG, STATEMENT, START, signature);
    }

    function test_dispute_as_subject_reverts_if_no_reason_is_given() external {
        IDocumentAnchor.DisputeReason none = IDocumentAnchor.DisputeReason.Unspecified;
        bytes32 message = subjectDisputeMessage(doctor, subjectLeaf, none, 0, START);
        bytes memory signature = _compact(subjectSecret, _digest(message));
        _expectReasonMissing();
        anchors.disputeAsSubject(_single(doctor, subjectLeaf), CONTENT, subject, none, 0, START, signature);
    }

    function test_withdraw_dispute_as_subject_needs_its_signature_only() external {
        anchors.disputeAsSubject(
            _single(doctor, subjectLeaf),
            CONTENT,
            subject,
            WRONG,
            STATEMENT,
            START,
            _subjectDispute(subjectSecret, START)
        );
        bytes32 message = subjectWithdrawalMessage(doctor, subjectLeaf, START + 1);
        bytes memory wrong = _compact(doctorSecret, _digest(message));
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorInvalidSignature.selector, subject));
        anchors.withdrawDisputeAsSubject(doctor, subjectLeaf, subject, START + 1, wrong);
        vm.warp(START + 1);
        vm.expectEmit(address(anchors));
        emit IDocumentAnchor.DisputeWithdrawn(doctor, subjectLeaf, subject);
        bytes memory signature = _compact(subjectSecret, _digest(message));
        anchors.withdrawDisputeAsSubject(doctor, subjectLeaf, subject, START + 1, signature);
        _assertStatus(_single(doctor, subjectLeaf), IDocumentAnchor.DocumentStatus.Active);
        signature = _subjectDispute(subjectSecret, START + 1);
        _expectAlreadyDisputed(subjectLeaf, subject);
        anchors.disputeAsSubject(_single(doctor, subjectLeaf), CONTENT, subject, WRONG, STATEMENT, START + 1, signature);
    }

    // ------------------------------------------------------------------ helpers

    function _subjectDispute(uint256 secret, uint40 deadline) private view returns (bytes memory) {
        return _compact(secret, _digest(subjectDisputeMessage(doctor, subjectLeaf, WRONG, STATEMENT, deadline)));
    }

    function _countersign(address key) private {
        vm.prank(key);
        anchors.countersign(_single(doctor, LEAF));
    }

    function _dispute(address disputant) private {
        vm.prank(disputant);
        anchors.dispute(_single(doctor, LEAF), WRONG, STATEMENT);
    }

    function _suspendLaboratory() private {
        vm.prank(registrar);
        registry.suspend(laboratory, REASON);
    }

    function _expectAlreadyDisputed(bytes32 leaf, address disputant) private {
        vm.expectRevert(
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorAlreadyDisputed.selector, doctor, leaf, disputant)
        );
    }

    function _expectNotDisputed(address disputant) private {
        vm.expectRevert(
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorNotDisputed.selector, doctor, LEAF, disputant)
        );
    }

    function _expectNotTheSubject(bytes32 leaf, bytes32 content, address who) private {
        vm.expectRevert(
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorNotTheSubject.selector, leaf, content, who)
        );
    }
}
