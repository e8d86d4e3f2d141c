// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AnchorRecords, AnchorSlot, LeavesSlot} from "../../../contracts/anchoring/AnchorRecord.sol";
import {IDocumentAnchor} from "../../../contracts/anchoring/IDocumentAnchor.sol";

import {AnchorFixture} from "./AnchorFixture.sol";

/// @notice Where records are stored: each in one slot of its own.
contract StorageTest is AnchorFixture {
    function test_namespaces_are_the_hashes_of_their_names() external pure {
        uint256 record = uint256(keccak256("careledger.anchoring.AnchorRecord")) >> 160 << 160;
        assertEq(_slotOf(address(7), "id"), keccak256(abi.encode(bytes32("id"), record | 7)));
        uint256 leaves = uint256(keccak256("careledger.anchoring.RevokedLeaves")) >> 184 << 184;
        assertEq(_slotOfLeaves(address(7), "id", 9), keccak256(abi.encode(bytes32("id"), leaves | 9 << 160 | 7)));
    }

    function testFuzz_slots_of_records_never_alias(address submitter, bytes32 id, address other, bytes32 otherId)
        external
        pure
    {
        bool same = submitter == other && id == otherId;
        assertEq(_slotOf(submitter, id) == _slotOf(other, otherId), same);
        assertTrue(submitter == other || _slotOf(submitter, id) != _slotOf(other, id));
        assertTrue(id == otherId || _slotOf(submitter, id) != _slotOf(submitter, otherId));
    }

    function testFuzz_slots_of_leaves_never_alias(
        address submitter,
        bytes32 root,
        uint24 word,
        address other,
        bytes32 otherRoot,
        uint24 otherWord
    ) external pure {
        bytes32 slot = _slotOfLeaves(submitter, root, word);
        assertTrue(submitter == other || slot != _slotOfLeaves(other, root, word));
        assertTrue(root == otherRoot || slot != _slotOfLeaves(submitter, otherRoot, word));
        assertTrue(word == otherWord || slot != _slotOfLeaves(submitter, root, otherWord));
        bool same = submitter == other && root == otherRoot && word == otherWord;
        assertEq(slot == _slotOfLeaves(other, otherRoot, otherWord), same);
        assertTrue(slot != _slotOf(submitter, root) && slot != _slotOf(other, otherRoot));
    }

    /// @dev An act writes the slot of its record, and nothing besides.
    function testFuzz_anchor_and_revocation_write_one_slot(address submitter, bytes32 id) external {
        vm.startPrank(submitter);
        vm.record();
        anchors.anchor(id, NO_TERMS);
        _assertWritten(_slotOf(submitter, id));
        vm.record();
        anchors.revoke(id, IDocumentAnchor.RevocationReason.LegalOrder);
        _assertWritten(_slotOf(submitter, id));
        bytes32 root = keccak256(abi.encode(id));
        vm.record();
        anchors.anchorBatch(root, type(uint32).max, NO_TERMS);
        _assertWritten(_slotOf(submitter, root));
        vm.record();
        anchors.revokeLeaves(root, 2 ** 24 - 1, 1, IDocumentAnchor.RevocationReason.LegalOrder);
        _assertWritten(_slotOfLeaves(submitter, root, 2 ** 24 - 1));
    }

    /// @dev No act on one submitter's records is seen in another's, whatever the two addresses and ids are.
    function testFuzz_records_of_others_stay(address submitter, address other, bytes32 id, uint24 word) external {
        vm.assume(submitter != other);
        vm.prank(other);
        anchors.anchorBatch(keccak256("root"), type(uint32).max, NO_TERMS);
        bytes memory before = abi.encode(anchors.anchorOf(other, keccak256("root")));
        vm.startPrank(submitter);
        anchors.anchorBatch(keccak256("root"), type(uint32).max, _terms(3, 0));
        word = word == type(uint24).max ? 0 : word;
        anchors.revokeLeaves(keccak256("root"), word, 1, IDocumentAnchor.RevocationReason.LegalOrder);
        anchors.revoke(keccak256("root"), IDocumentAnchor.RevocationReason.LegalOrder);
        vm.assume(id != keccak256("root"));
        anchors.anchor(id, NO_TERMS);
        assertEq(abi.encode(anchors.anchorOf(other, keccak256("root"))), before);
        assertEq(anchors.revokedLeavesOf(other, keccak256("root"), word), 0);
        assertEq(anchors.anchorOf(other, id).anchoredAt, 0);
    }

    function _assertWritten(bytes32 slot) private {
        (, bytes32[] memory writes) = vm.accesses(address(anchors));
        assertEq(writes.length, 1);
        assertEq(writes[0], slot);
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
