// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DocumentAnchor} from "../../../contracts/anchoring/DocumentAnchor.sol";
import {DocumentTerms} from "../../../contracts/anchoring/DocumentTerms.sol";
import {IDocumentAnchor} from "../../../contracts/anchoring/IDocumentAnchor.sol";
import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {MemberRole} from "../../../contracts/identity/Roles.sol";

import {IdentityFixture} from "../identity/IdentityFixture.sol";
import {MerkleTree} from "./MerkleTree.sol";

/// @notice The register of documents with two organizations: a clinic with two keys, and a laboratory with one.
abstract contract AnchorFixture is IdentityFixture {
    bytes32 internal constant LEAF = keccak256("leaf");
    bytes32 internal constant OTHER_LEAF = keccak256("other leaf");
    bytes32 internal constant STREAM = keccak256("stream");
    DocumentTerms internal constant NO_TERMS = DocumentTerms.wrap(0);

    DocumentAnchor internal anchors;
    OrganizationId internal clinic;
    OrganizationId internal laboratory;
    address internal clinicController = makeAddr("clinic controller");
    address internal doctor;
    address internal nurse;
    address internal chemist;
    uint256 internal doctorSecret;

    function setUp() public virtual override {
        super.setUp();
        anchors = new DocumentAnchor(registry);
        clinic = _admit("clinic", clinicController, MemberRole.Provider);
        laboratory = _admit("laboratory", makeAddr("laboratory controller"), MemberRole.Laboratory);
        doctor = _addKey(clinic, "doctor");
        nurse = _addKey(clinic, "nurse");
        chemist = _addKey(laboratory, "chemist");
        (, doctorSecret) = makeAddrAndKey("doctor");
    }

    // ------------------------------------------------------------------ acts

    function _anchor(address submitter, bytes32 leaf) internal {
        vm.prank(submitter);
        anchors.anchor(leaf, NO_TERMS);
    }

    /// @return The tree's root.
    function _anchorBatch(address submitter, bytes32[] memory leaves) internal returns (bytes32) {
        bytes32 root = MerkleTree.build(leaves)[0];
        vm.prank(submitter);
        anchors.anchorBatch(root, uint32(leaves.length), NO_TERMS);
        return root;
    }

    /// @dev Of the clinic, from this second on.
    function _compromise(address key) internal {
        vm.prank(clinicController);
        registry.reportCompromise(key, uint40(block.timestamp));
    }

    function _freezeClinic() internal {
        address proposed = makeAddr("proposed controller");
        vm.prank(registrar);
        registry.startRecovery(clinic, proposed, REASON);
        vm.prank(guardian);
        registry.contestRecoveryAsGuardian(clinic, proposed);
    }

    function _expectFrozenClinic() internal {
        vm.expectRevert(abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryFrozen.selector, clinic));
    }

    function _retire(address key) internal {
        vm.prank(clinicController);
        registry.retireKey(key);
    }

    // ------------------------------------------------------------------ documents

    function _terms(uint16 kind, uint40 expiry) internal pure returns (DocumentTerms) {
        return DocumentTerms.wrap(uint256(kind) * 2 ** 40 + expiry);
    }

    function _single(address submitter, bytes32 leaf) internal pure returns (IDocumentAnchor.Document memory) {
        return IDocumentAnchor.Document(submitter, leaf, 0, 0, new bytes32[](0));
    }

    function _inBatch(address submitter, bytes32[] memory leaves, uint256 index)
        internal
        pure
        returns (IDocumentAnchor.Document memory)
    {
        bytes32[] memory nodes = MerkleTree.build(leaves);
        bytes32[] memory proof = MerkleTree.proof(nodes, MerkleTree.place(leaves.length, index));
        return IDocumentAnchor.Document(submitter, leaves[index], nodes[0], index, proof);
    }

    /// @return leaves `n` different ones.
    function _leaves(uint256 n) internal pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](n);
        for (uint256 i = 0; i < n; ++i) {
            leaves[i] = keccak256(abi.encode("leaf of a batch", i));
        }
    }

    // ------------------------------------------------------------------ signatures

    function _digest(bytes32 message) internal view returns (bytes32) {
        return anchorDigest(address(anchors), block.chainid, message);
    }

    function _compact(uint256 secret, bytes32 digest) internal pure returns (bytes memory) {
        (bytes32 r, bytes32 vs) = vm.signCompact(secret, digest);
        return abi.encodePacked(r, vs);
    }

    // ------------------------------------------------------------------ assertions

    function _assertStatus(IDocumentAnchor.Document memory document, IDocumentAnchor.DocumentStatus expected)
        internal
        view
    {
        assertEq(uint8(anchors.statusOf(document)), uint8(expected), "status");
        bool inForce =
            expected == IDocumentAnchor.DocumentStatus.Active || expected == IDocumentAnchor.DocumentStatus.Disputed;
        assertEq(anchors.isInForce(document), inForce, "in force");
        assertEq(uint8(anchors.verify(document).status), uint8(expected), "verified status");
    }

    function _expectUnknown(address submitter, bytes32 id) internal {
        vm.expectRevert(abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorUnknown.selector, submitter, id));
    }

    function _expectNotSameOrganization(address submitter, address caller) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IDocumentAnchor.DocumentAnchorNotSameOrganization.selector, submitter, caller)
        );
    }

    function _expectKeyRetired(address key) internal {
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryKeyRetired.selector, key, uint40(block.timestamp)
            )
        );
    }

    function _expectKeyCompromised(address key) internal {
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryKeyCompromised.selector, key, uint40(block.timestamp)
            )
        );
    }

    function _expectUnknownKey(address key) internal {
        vm.expectRevert(abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryUnknownKey.selector, key));
    }

    function _expectReasonMissing() internal {
        vm.expectRevert(IDocumentAnchor.DocumentAnchorReasonMissing.selector);
    }
}

/// @notice The EIP-712 digest of a message to a register of documents, computed apart from the register's own code.
function anchorDigest(address verifier, uint256 chainId, bytes32 message) pure returns (bytes32) {
    bytes32 domain = keccak256(
        abi.encode(
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
            keccak256("careledger DocumentAnchor"),
            keccak256("1"),
            chainId,
            verifier
        )
    );
    return keccak256(abi.encodePacked("\x19\x01", domain, message));
}

function anchoringMessage(bytes32 leaf, DocumentTerms terms, uint40 signedAt, uint40 deadline) pure returns (bytes32) {
    return keccak256(
        abi.encode(
            keccak256("Anchoring(bytes32 leaf,uint256 terms,uint40 signedAt,uint40 deadline)"),
            leaf,
            terms,
            signedAt,
            deadline
        )
    );
}

function batchAnchoringMessage(bytes32 root, uint32 count, DocumentTerms terms, uint40 signedAt, uint40 deadline)
    pure
    returns (bytes32)
{
    return keccak256(
        abi.encode(
            keccak256("BatchAnchoring(bytes32 root,uint32 count,uint256 terms,uint40 signedAt,uint40 deadline)"),
            root,
            count,
            terms,
            signedAt,
            deadline
        )
    );
}

function subjectDisputeMessage(
    address submitter,
    bytes32 leaf,
    IDocumentAnchor.DisputeReason reason,
    bytes32 statement,
    uint40 deadline
) pure returns (bytes32) {
    return keccak256(
        abi.encode(
            keccak256("SubjectDispute(address submitter,bytes32 leaf,uint8 reason,bytes32 statement,uint40 deadline)"),
            submitter,
            leaf,
            reason,
            statement,
            deadline
        )
    );
}

function subjectWithdrawalMessage(address submitter, bytes32 leaf, uint40 deadline) pure returns (bytes32) {
    return keccak256(
        abi.encode(
            keccak256("SubjectWithdrawal(address submitter,bytes32 leaf,uint40 deadline)"), submitter, leaf, deadline
        )
    );
}

/// @notice A leaf that commits to a subject, computed apart from `DocumentLeaf`.
function leafOf(bytes32 content, address subject) pure returns (bytes32) {
    return keccak256(abi.encode(keccak256("careledger.document.leaf.v1"), content, subject));
}
