// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DocumentLeaf} from "../../../contracts/anchoring/DocumentLeaf.sol";
import {DocumentTerms, documentTerms} from "../../../contracts/anchoring/DocumentTerms.sol";
import {IDocumentAnchor} from "../../../contracts/anchoring/IDocumentAnchor.sol";
import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";

import {AnchorFixture, leafOf} from "./AnchorFixture.sol";
import {MerkleTree} from "./MerkleTree.sol";

/// @notice What the register answers about documents, alone and in trees.
contract DocumentsTest is AnchorFixture {
    // ------------------------------------------------------------------ status and who vouched

    function test_verify_tells_who_vouched() external {
        _anchor(doctor, LEAF);
        vm.warp(START + 1 days);
        IDocumentAnchor.Verification memory found = anchors.verify(_single(doctor, LEAF));
        assertEq(found.anchoredAt, START);
        assertTrue(found.organization == clinic);
        assertEq(uint8(found.keyStatus), uint8(IOrganizationRegistry.KeyStatus.Active));
        assertFalse(found.compromised);
        vm.prank(clinicController);
        registry.reportCompromise(doctor, START);
        found = anchors.verify(_single(doctor, LEAF));
        assertEq(uint8(found.keyStatus), uint8(IOrganizationRegistry.KeyStatus.Active));
        assertTrue(found.compromised);
    }

    function test_verify_judges_the_time_of_the_batch() external {
        bytes32[] memory leaves = _leaves(3);
        _anchorBatch(doctor, leaves);
        vm.warp(START + 1 days);
        _anchor(doctor, leaves[0]);
        vm.prank(clinicController);
        registry.reportCompromise(doctor, START + 1);
        assertFalse(anchors.verify(_inBatch(doctor, leaves, 0)).compromised);
        assertTrue(anchors.verify(_single(doctor, leaves[0])).compromised);
    }

    function test_verify_of_nobodys_document_names_no_organization() external {
        _anchor(stranger, LEAF);
        IDocumentAnchor.Verification memory found = anchors.verify(_single(stranger, LEAF));
        assertEq(uint8(found.status), uint8(IDocumentAnchor.DocumentStatus.Active));
        assertTrue(found.organization.isZero());
        assertEq(uint8(found.keyStatus), uint8(IOrganizationRegistry.KeyStatus.Unknown));
    }

    function test_verify_of_an_unknown_document_is_all_zero() external view {
        IDocumentAnchor.Verification memory nothing;
        assertEq(abi.encode(anchors.verify(_single(doctor, LEAF))), abi.encode(nothing));
    }

    function test_document_expires_in_its_second() external {
        bytes32[] memory leaves = _leaves(3);
        bytes32 root = MerkleTree.build(leaves)[0];
        vm.startPrank(doctor);
        anchors.anchor(LEAF, _terms(0, START + 10));
        anchors.anchorBatch(root, 3, _terms(0, START + 10));
        vm.stopPrank();
        vm.warp(START + 9);
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Active);
        _assertStatus(_inBatch(doctor, leaves, 1), IDocumentAnchor.DocumentStatus.Active);
        vm.warp(START + 10);
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Expired);
        _assertStatus(_inBatch(doctor, leaves, 1), IDocumentAnchor.DocumentStatus.Expired);
    }

    function test_status_is_the_last_in_order() external {
        vm.startPrank(doctor);
        anchors.anchor(LEAF, _terms(0, START + 10));
        anchors.dispute(_single(doctor, LEAF), IDocumentAnchor.DisputeReason.Outdated, 0);
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Disputed);
        vm.warp(START + 10);
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Expired);
        anchors.amend(_single(doctor, LEAF), OTHER_LEAF, NO_TERMS, IDocumentAnchor.AmendmentReason.Reissue);
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Superseded);
        anchors.revoke(LEAF, IDocumentAnchor.RevocationReason.NoLongerValid);
        _assertStatus(_single(doctor, LEAF), IDocumentAnchor.DocumentStatus.Revoked);
    }

    function test_registry_is_the_one_it_was_made_with() external view {
        assertEq(address(anchors.registry()), address(registry));
    }

    // ------------------------------------------------------------------ leaves and terms

    function test_content_is_made_as_described() external view {
        bytes32 tag = keccak256("careledger.document.content.v1");
        bytes32 expected = keccak256(abi.encode(tag, clinic, 3, bytes32("jcs"), bytes32("digest"), bytes32("salt")));
        assertEq(DocumentLeaf.content(clinic, 3, "jcs", "digest", "salt"), expected);
    }

    function testFuzz_leaf_is_made_as_described(bytes12 organization, uint16 kind, bytes32[3] memory parts, address who)
        external
        pure
    {
        bytes32 tag = keccak256("careledger.document.content.v1");
        bytes32 content = keccak256(abi.encode(tag, organization, kind, parts[0], parts[1], parts[2]));
        assertEq(DocumentLeaf.content(OrganizationId.wrap(organization), kind, parts[0], parts[1], parts[2]), content);
        assertEq(DocumentLeaf.leaf(content, who), leafOf(content, who));
        assertEq(DocumentLeaf.inBatch(kind, content), MerkleTree.batchLeaf(kind, content));
    }

    function testFuzz_terms_are_read_as_made(uint16 kind, uint40 expiry) external pure {
        DocumentTerms terms = documentTerms(kind, expiry);
        assertEq(DocumentTerms.unwrap(terms), DocumentTerms.unwrap(_terms(kind, expiry)));
        assertEq(terms.expiryOf(), expiry);
        assertTrue(terms.isValid());
    }

    // ------------------------------------------------------------------ trees

    /// @dev Every leaf of a tree is a document where it is, and nowhere else.
    function testFuzz_leaf_is_known_at_its_index_only(uint256 n, uint256 index, uint256 other) external {
        n = bound(n, 1, 64);
        index = bound(index, 0, n - 1);
        bytes32[] memory leaves = _leaves(n);
        _anchorBatch(doctor, leaves);
        IDocumentAnchor.Document memory document = _inBatch(doctor, leaves, index);
        _assertStatus(document, IDocumentAnchor.DocumentStatus.Active);
        document.submitter = nurse;
        _assertStatus(document, IDocumentAnchor.DocumentStatus.Unknown);
        document.submitter = doctor;
        vm.assume(other != index);
        document.index = other;
        _assertStatus(document, IDocumentAnchor.DocumentStatus.Unknown);
    }

    /// @dev For a random tree, no inner node, batch leaf or root is a document, by any index and any proof made of the
    /// tree's nodes: its own way up, each part of it, that of another node, and random ones.
    function testFuzz_inner_node_is_never_a_document(bytes32 seed, uint256 n, uint256 node) external {
        n = bound(n, 1, 16);
        bytes32[] memory leaves = new bytes32[](n);
        for (uint256 i = 0; i < n; ++i) {
            leaves[i] = keccak256(abi.encode(seed, i));
        }
        bytes32[] memory nodes = MerkleTree.build(leaves);
        node = bound(node, 0, nodes.length - 1);
        vm.prank(doctor);
        anchors.anchorBatch(nodes[0], type(uint32).max, NO_TERMS); // of the most that a count can claim
        IDocumentAnchor.Document memory document = IDocumentAnchor.Document({
            submitter: doctor, leaf: nodes[node], root: nodes[0], index: 0, proof: new bytes32[](0)
        });
        _assertNoDocument(_single(doctor, nodes[node]));
        bytes32[] memory way = MerkleTree.proof(nodes, node);
        for (uint256 from = 0; from <= way.length; ++from) {
            document.proof = new bytes32[](way.length - from);
            for (uint256 i = from; i < way.length; ++i) {
                document.proof[i - from] = way[i];
            }
            for (uint256 i = 0; i <= n; ++i) {
                document.index = i;
                _assertNoDocument(document);
            }
        }
        for (uint256 trial = 0; trial < 32; ++trial) {
            uint256 choice = uint256(keccak256(abi.encode(seed, "trial", trial)));
            document.leaf = nodes[choice % nodes.length];
            document.index = choice % 8 < 4 ? (choice >> 16) % n : uint256(nodes[(choice >> 24) % nodes.length]);
            document.proof = new bytes32[]((choice >> 32) % 8);
            for (uint256 i = 0; i < document.proof.length; ++i) {
                document.proof[i] = nodes[uint256(keccak256(abi.encode(choice, i))) % nodes.length];
            }
            _assertNoDocument(document);
        }
    }

    /// @dev The preimages of a parent, read as index and leaf: OpenZeppelin hashes a leaf twice, a parent once.
    function testFuzz_children_of_a_node_are_no_index_and_leaf(bytes32 seed, uint256 n, uint256 node) external {
        n = bound(n, 2, 64);
        bytes32[] memory leaves = new bytes32[](n);
        for (uint256 i = 0; i < n; ++i) {
            leaves[i] = keccak256(abi.encode(seed, i));
        }
        bytes32[] memory nodes = MerkleTree.build(leaves);
        node = bound(node, 0, n - 2);
        vm.prank(doctor);
        anchors.anchorBatch(nodes[0], type(uint32).max, NO_TERMS);
        (bytes32 a, bytes32 b) = (nodes[2 * node + 1], nodes[2 * node + 2]);
        bytes32[] memory way = MerkleTree.proof(nodes, node);
        _assertNoDocument(IDocumentAnchor.Document(doctor, b, nodes[0], uint256(a), way));
        _assertNoDocument(IDocumentAnchor.Document(doctor, a, nodes[0], uint256(b), way));
    }

    function _assertNoDocument(IDocumentAnchor.Document memory document) private view {
        assertEq(uint8(anchors.statusOf(document)), uint8(IDocumentAnchor.DocumentStatus.Unknown));
    }
}
