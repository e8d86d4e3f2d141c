// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IOrganizationRegistry} from "../identity/IOrganizationRegistry.sol";
import {KeySignature} from "../identity/KeySignature.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {MemberRoles} from "../identity/Roles.sol";
import {AnchorRecord, AnchorRecords, AnchorSlot, LeavesSlot} from "./AnchorRecord.sol";
import {DocumentLeaf} from "./DocumentLeaf.sol";
import {DocumentTerms} from "./DocumentTerms.sol";
import {IDocumentAnchor} from "./IDocumentAnchor.sol";

/// @title DocumentAnchor
/// @notice The register of anchored documents, see {IDocumentAnchor}.
contract DocumentAnchor is IDocumentAnchor, EIP712 {
    bytes32 private constant ANCHORING_TYPEHASH =
        keccak256("Anchoring(bytes32 leaf,uint256 terms,uint40 signedAt,uint40 deadline)");
    bytes32 private constant BATCH_ANCHORING_TYPEHASH =
        keccak256("BatchAnchoring(bytes32 root,uint32 count,uint256 terms,uint40 signedAt,uint40 deadline)");
    bytes32 private constant SUBJECT_DISPUTE_TYPEHASH =
        keccak256("SubjectDispute(address submitter,bytes32 leaf,uint8 reason,bytes32 statement,uint40 deadline)");
    bytes32 private constant SUBJECT_WITHDRAWAL_TYPEHASH =
        keccak256("SubjectWithdrawal(address submitter,bytes32 leaf,uint40 deadline)");
    bytes32 private constant STREAM_TAG = keccak256("careledger.document.stream.v1");

    /// @dev The head of a stream that went on under another key.
    bytes32 private constant CONTINUED = bytes32(uint256(1));

    IOrganizationRegistry private immutable _registry;

    // Anchors and revoked leaves are stored where `AnchorRecords` says.
    mapping(address submitter => mapping(bytes32 stream => bytes32 head)) private _heads;
    mapping(address submitter => mapping(bytes32 leaf => Link)) private _successors;
    mapping(address submitter => mapping(bytes32 leaf => Link)) private _predecessors;
    mapping(address submitter => mapping(bytes32 leaf => mapping(address party => bool))) private _parties;
    mapping(address submitter => mapping(bytes32 leaf => mapping(address disputant => Dispute))) private _disputes;
    mapping(address submitter => mapping(bytes32 leaf => mapping(OrganizationId organization => Countersignature)))
        private _countersignatures;

    /// @param registry_ The register that says for whom a key speaks.
    constructor(IOrganizationRegistry registry_) EIP712("careledger DocumentAnchor", "1") {
        _registry = registry_;
    }

    // ------------------------------------------------------------------ anchoring

    /// @inheritdoc IDocumentAnchor
    function anchor(bytes32 leaf, DocumentTerms terms) external {
        AnchorSlot storage slot = AnchorRecords.slotOf(msg.sender, leaf);
        // What _record does, cheaper, for a leaf of which nothing is known and terms without an expiry.
        if (AnchorRecord.unwrap(slot.record) | terms.besidesKind() == 0) slot.record = AnchorRecords.anchored(terms);
        else if (!_record(msg.sender, leaf, _anchored(terms))) return;
        _emit(DocumentAnchored.selector, leaf, DocumentTerms.unwrap(terms), msg.sender);
    }

    /// @inheritdoc IDocumentAnchor
    function anchorList(bytes32[] calldata leaves, DocumentTerms terms) external returns (uint256) {
        return _recordList(0, leaves, _anchored(terms), terms);
    }

    /// @inheritdoc IDocumentAnchor
    function anchorBatch(bytes32 root, uint32 count, DocumentTerms terms) external {
        _requireBatch(root, count);
        if (_record(msg.sender, root, _anchored(terms).withCount(count))) {
            emit BatchAnchored(msg.sender, root, count, terms, 0);
        }
    }

    /// @inheritdoc IDocumentAnchor
    function anchorBySignature(
        address submitter,
        bytes32 leaf,
        DocumentTerms terms,
        uint40 signedAt,
        uint40 deadline,
        bytes calldata signature
    ) external {
        _requireSigned(signedAt);
        bytes32 structHash = keccak256(abi.encode(ANCHORING_TYPEHASH, leaf, terms, signedAt, deadline));
        _requireSignature(submitter, structHash, deadline, signature);
        if (_record(submitter, leaf, _anchored(terms).withSignedAt(signedAt))) {
            uint256 stated = (uint256(signedAt) << 56) | DocumentTerms.unwrap(terms);
            _emit(DocumentAnchored.selector, leaf, stated, submitter);
        }
    }

    /// @inheritdoc IDocumentAnchor
    function anchorBatchBySignature(
        address submitter,
        bytes32 root,
        uint32 count,
        DocumentTerms terms,
        uint40 signedAt,
        uint40 deadline,
        bytes calldata signature
    ) external {
        _requireBatch(root, count);
        _requireSigned(signedAt);
        bytes32 structHash = keccak256(abi.encode(BATCH_ANCHORING_TYPEHASH, root, count, terms, signedAt, deadline));
        _requireSignature(submitter, structHash, deadline, signature);
        if (_record(submitter, root, _anchored(terms).withCount(count).withSignedAt(signedAt))) {
            emit BatchAnchored(submitter, root, count, terms, signedAt);
        }
    }

    // ------------------------------------------------------------------ streams

    /// @inheritdoc IDocumentAnchor
    function declareStream(bytes32 stream) external {
        bytes32 head = _heads[msg.sender][stream];
        if (head == CONTINUED) revert DocumentAnchorUnknownStream(msg.sender, stream);
        if (head != 0) return;
        head = firstHeadOf(msg.sender, stream);
        _heads[msg.sender][stream] = head;
        emit StreamDeclared(msg.sender, stream, head);
    }

    /// @inheritdoc IDocumentAnchor
    function continueStream(address formerSubmitter, bytes32 stream) external {
        bytes32 head = _heads[formerSubmitter][stream];
        if (head == 0 || head == CONTINUED) revert DocumentAnchorUnknownStream(formerSubmitter, stream);
        if (_heads[msg.sender][stream] != 0) revert DocumentAnchorStreamExists(msg.sender, stream);
        _requireSameOrganization(formerSubmitter);
        _heads[formerSubmitter][stream] = CONTINUED;
        _heads[msg.sender][stream] = head;
        emit StreamContinued(msg.sender, stream, formerSubmitter, head);
    }

    /// @inheritdoc IDocumentAnchor
    function anchorInStream(bytes32 stream, bytes32 leaf, DocumentTerms terms) external {
        if (_record(msg.sender, leaf, _anchored(terms).inStream(stream))) {
            _emit(DocumentAnchored.selector, leaf, DocumentTerms.unwrap(terms), msg.sender);
            _extend(msg.sender, stream, leaf);
        }
    }

    /// @inheritdoc IDocumentAnchor
    function anchorListInStream(bytes32 stream, bytes32[] calldata leaves, DocumentTerms terms)
        external
        returns (uint256)
    {
        _requireStream(_heads[msg.sender][stream], msg.sender, stream);
        return _recordList(stream, leaves, _anchored(terms).inStream(stream), terms);
    }

    /// @inheritdoc IDocumentAnchor
    function anchorBatchInStream(bytes32 stream, bytes32 root, uint32 count, DocumentTerms terms) external {
        _requireBatch(root, count);
        if (_record(msg.sender, root, _anchored(terms).withCount(count).inStream(stream))) {
            emit BatchAnchored(msg.sender, root, count, terms, 0);
            _extend(msg.sender, stream, root);
        }
    }

    // ------------------------------------------------------------------ the submitter's organization

    /// @inheritdoc IDocumentAnchor
    function revoke(bytes32 id, RevocationReason reason) external {
        uint256 code = _code(reason);
        if (code == 0) revert DocumentAnchorReasonMissing();
        AnchorSlot storage slot = AnchorRecords.slotOf(msg.sender, id);
        AnchorRecord held = slot.record;
        if (!held.isStanding()) return _requireRevoked(held, msg.sender, id, reason);
        slot.record = held.revoked(code);
        _emit(AnchorRevoked.selector, id, code, msg.sender);
    }

    /// @inheritdoc IDocumentAnchor
    function revokeOf(address submitter, bytes32 id, RevocationReason reason) external {
        _requireSameOrganization(submitter);
        AnchorSlot storage slot = AnchorRecords.slotOf(submitter, id);
        AnchorRecord held = slot.record;
        if (reason == RevocationReason.Unspecified) revert DocumentAnchorReasonMissing();
        if (!held.isStanding()) return _requireRevoked(held, submitter, id, reason);
        slot.record = held.revoked(uint256(reason));
        emit AnchorRevokedByOtherKey(id, (uint256(reason) << 160) | uint160(submitter), msg.sender);
    }

    /// @inheritdoc IDocumentAnchor
    function revokeLeaves(bytes32 root, uint256 word, uint256 leaves, RevocationReason reason) external {
        uint256 code = _code(reason);
        if (code == 0) revert DocumentAnchorReasonMissing();
        _requireLeaves(msg.sender, root, word, leaves);
        LeavesSlot storage slot = AnchorRecords.revokedLeavesOf(msg.sender, root, word);
        uint256 held = slot.revoked;
        uint256 fresh = leaves & ~held;
        slot.revoked = held | leaves;
        if (fresh == 0) return;
        bytes32 selector = LeavesRevoked.selector;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, root)
            mstore(add(free, 0x20), or(or(shl(168, word), shl(160, code)), caller()))
            mstore(add(free, 0x40), fresh)
            log1(free, 0x60, selector)
        }
    }

    /// @inheritdoc IDocumentAnchor
    function revokeLeavesOf(address submitter, bytes32 root, uint256 word, uint256 leaves, RevocationReason reason)
        external
    {
        _requireSameOrganization(submitter);
        _requireLeaves(submitter, root, word, leaves);
        if (reason == RevocationReason.Unspecified) revert DocumentAnchorReasonMissing();
        LeavesSlot storage slot = AnchorRecords.revokedLeavesOf(submitter, root, word);
        uint256 fresh = leaves & ~slot.revoked;
        if (fresh == 0) return;
        slot.revoked |= fresh;
        emit LeavesRevokedByOtherKey(submitter, root, msg.sender, uint24(word), fresh, reason);
    }

    /// @inheritdoc IDocumentAnchor
    function amend(Document calldata document, bytes32 leaf, DocumentTerms terms, AmendmentReason reason) external {
        if (reason == AmendmentReason.Unspecified) revert DocumentAnchorReasonMissing();
        (address submitter, bytes32 former) = (document.submitter, document.leaf);
        _requireSameOrganization(submitter);
        _requireKnown(document);
        Link storage successor = _successors[submitter][former];
        if (successor.amendedAt != 0) {
            if (successor.submitter == msg.sender && successor.leaf == leaf && successor.reason == reason) return;
            revert DocumentAnchorAlreadyAmended(submitter, former, successor.submitter, successor.leaf);
        }
        bool same = submitter == msg.sender && former == leaf;
        if (same || _successors[msg.sender][leaf].amendedAt != 0 || _predecessors[msg.sender][leaf].amendedAt != 0) {
            revert DocumentAnchorInvalidSuccessor(msg.sender, leaf);
        }
        AnchorSlot storage slot = AnchorRecords.slotOf(submitter, former);
        slot.record = slot.record.superseded();
        _successors[submitter][former] = Link(leaf, msg.sender, uint40(block.timestamp), reason);
        _predecessors[msg.sender][leaf] = Link(former, submitter, uint40(block.timestamp), reason);
        _anchorSuccessor(leaf, terms);
        emit DocumentAmended(submitter, former, msg.sender, leaf, reason);
    }

    /// @inheritdoc IDocumentAnchor
    function nameParty(Document calldata document, address party) external {
        _requireSameOrganization(document.submitter);
        _requireKnown(document);
        if (_parties[document.submitter][document.leaf][party]) return;
        _parties[document.submitter][document.leaf][party] = true;
        emit PartyNamed(document.submitter, document.leaf, party);
    }

    /// @inheritdoc IDocumentAnchor
    function answerDispute(address submitter, bytes32 leaf, address disputant, bytes32 reply) external {
        _requireSameOrganization(submitter);
        Dispute storage raised = _standingDispute(submitter, leaf, disputant);
        if (raised.repliedAt != 0) {
            if (raised.reply == reply) return;
            revert DocumentAnchorAlreadyAnswered(submitter, leaf, disputant);
        }
        raised.repliedAt = uint40(block.timestamp);
        raised.reply = reply;
        emit DisputeAnswered(submitter, leaf, disputant, msg.sender, reply);
    }

    // ------------------------------------------------------------------ others

    /// @inheritdoc IDocumentAnchor
    function countersign(Document calldata document) external {
        (address submitter, bytes32 leaf) = (document.submitter, document.leaf);
        OrganizationId organization = _registry.requireActive(msg.sender, MemberRoles.ALL);
        if (organization == _organizationOf(submitter)) {
            revert DocumentAnchorOwnDocument(submitter, leaf, organization);
        }
        DocumentStatus status = _requireKnown(document);
        Countersignature storage given = _countersignatures[submitter][leaf][organization];
        if (given.withdrawnAt != 0) revert DocumentAnchorCountersignatureWithdrawn(submitter, leaf, organization);
        if (given.signedAt != 0) return;
        if (!_inForce(status)) revert DocumentAnchorNotInForce(submitter, leaf, status);
        _countersignatures[submitter][leaf][organization] = Countersignature(msg.sender, uint40(block.timestamp), 0);
        emit DocumentCountersigned(submitter, leaf, organization, msg.sender);
    }

    /// @inheritdoc IDocumentAnchor
    function withdrawCountersignature(address submitter, bytes32 leaf) external {
        OrganizationId organization = _registry.requireKey(msg.sender);
        Countersignature storage given = _countersignatures[submitter][leaf][organization];
        if (given.signedAt == 0) revert DocumentAnchorNotCountersigned(submitter, leaf, organization);
        if (given.withdrawnAt != 0) return;
        given.withdrawnAt = uint40(block.timestamp);
        emit CountersignatureWithdrawn(submitter, leaf, organization, msg.sender);
    }

    /// @inheritdoc IDocumentAnchor
    function dispute(Document calldata document, DisputeReason reason, bytes32 statement) external {
        if (!_parties[document.submitter][document.leaf][msg.sender]) {
            // slither-disable-next-line unused-return
            _registry.requireActive(msg.sender, MemberRoles.ALL);
        }
        _dispute(document, msg.sender, reason, statement);
    }

    /// @inheritdoc IDocumentAnchor
    function disputeAsSubject(
        Document calldata document,
        bytes32 content,
        address subject,
        DisputeReason reason,
        bytes32 statement,
        uint40 deadline,
        bytes calldata signature
    ) external {
        if (subject == address(0) || DocumentLeaf.leaf(content, subject) != document.leaf) {
            revert DocumentAnchorNotTheSubject(document.leaf, content, subject);
        }
        bytes32 structHash = keccak256(
            abi.encode(SUBJECT_DISPUTE_TYPEHASH, document.submitter, document.leaf, reason, statement, deadline)
        );
        _requireSignature(subject, structHash, deadline, signature);
        _dispute(document, subject, reason, statement);
    }

    /// @inheritdoc IDocumentAnchor
    function withdrawDispute(address submitter, bytes32 leaf) external {
        _withdrawDispute(submitter, leaf, msg.sender);
    }

    /// @inheritdoc IDocumentAnchor
    function withdrawDisputeAsSubject(
        address submitter,
        bytes32 leaf,
        address subject,
        uint40 deadline,
        bytes calldata signature
    ) external {
        bytes32 structHash = keccak256(abi.encode(SUBJECT_WITHDRAWAL_TYPEHASH, submitter, leaf, deadline));
        _requireSignature(subject, structHash, deadline, signature);
        _withdrawDispute(submitter, leaf, subject);
    }

    // ------------------------------------------------------------------ reads

    /// @inheritdoc IDocumentAnchor
    function statusOf(Document calldata document) external view returns (DocumentStatus status) {
        (status,) = _read(document);
    }

    /// @inheritdoc IDocumentAnchor
    function isInForce(Document calldata document) external view returns (bool) {
        (DocumentStatus status,) = _read(document);
        return _inForce(status);
    }

    /// @inheritdoc IDocumentAnchor
    function verify(Document calldata document) external view returns (Verification memory found) {
        (found.status, found.anchoredAt) = _read(document);
        if (found.status == DocumentStatus.Unknown) return found;
        IOrganizationRegistry.KeyAtTime memory key = _registry.organizationAt(document.submitter, found.anchoredAt);
        (found.organization, found.keyStatus, found.compromised) = (key.organization, key.status, key.compromised);
    }

    /// @inheritdoc IDocumentAnchor
    function anchorOf(address submitter, bytes32 id) external view returns (Anchor memory) {
        return AnchorRecords.slotOf(submitter, id).record.unpack();
    }

    /// @inheritdoc IDocumentAnchor
    function latest(address submitter, bytes32 leaf) external view returns (address, bytes32) {
        while (true) {
            Link storage successor = _successors[submitter][leaf];
            if (successor.amendedAt == 0) break;
            (submitter, leaf) = (successor.submitter, successor.leaf);
        }
        return (submitter, leaf);
    }

    /// @inheritdoc IDocumentAnchor
    function successorOf(address submitter, bytes32 leaf) external view returns (Link memory) {
        return _successors[submitter][leaf];
    }

    /// @inheritdoc IDocumentAnchor
    function predecessorOf(address submitter, bytes32 leaf) external view returns (Link memory) {
        return _predecessors[submitter][leaf];
    }

    /// @inheritdoc IDocumentAnchor
    function revokedLeavesOf(address submitter, bytes32 root, uint256 word) external view returns (uint256) {
        return word > type(uint24).max ? 0 : AnchorRecords.revokedLeavesOf(submitter, root, word).revoked;
    }

    /// @inheritdoc IDocumentAnchor
    function countersignatureOf(address submitter, bytes32 leaf, OrganizationId organization)
        external
        view
        returns (Countersignature memory)
    {
        return _countersignatures[submitter][leaf][organization];
    }

    /// @inheritdoc IDocumentAnchor
    function isParty(address submitter, bytes32 leaf, address party) external view returns (bool) {
        return _parties[submitter][leaf][party];
    }

    /// @inheritdoc IDocumentAnchor
    function disputeOf(address submitter, bytes32 leaf, address disputant) external view returns (Dispute memory) {
        return _disputes[submitter][leaf][disputant];
    }

    /// @inheritdoc IDocumentAnchor
    function headOf(address submitter, bytes32 stream) external view returns (bytes32) {
        bytes32 head = _heads[submitter][stream];
        return head == CONTINUED ? bytes32(0) : head;
    }

    /// @inheritdoc IDocumentAnchor
    function registry() external view returns (IOrganizationRegistry) {
        return _registry;
    }

    /// @inheritdoc IDocumentAnchor
    function firstHeadOf(address submitter, bytes32 stream) public view returns (bytes32) {
        return keccak256(abi.encode(STREAM_TAG, block.chainid, address(this), submitter, stream));
    }

    // ------------------------------------------------------------------ changes

    /// @dev Stores a record. False if the same is there already.
    function _record(address submitter, bytes32 id, AnchorRecord fresh) private returns (bool) {
        AnchorSlot storage slot = AnchorRecords.slotOf(submitter, id);
        AnchorRecord held = slot.record;
        if (held.anchoredAt() != 0) {
            if (held.statesAs(fresh)) return false;
            revert DocumentAnchorAlreadyAnchored(submitter, id, held.anchoredAt());
        }
        _requireFuture(fresh.expiry());
        slot.record = fresh.over(held);
        return true;
    }

    /// @dev Emits an event of an id and a stamp, without taking memory for it.
    function _emit(bytes32 selector, bytes32 id, uint256 stated, address submitter) private {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            mstore(0x00, or(shl(160, stated), submitter))
            log2(0x00, 0x20, selector, id)
        }
    }

    /// @dev Stores a record of each leaf that has none, and tells which those are.
    function _recordList(bytes32 stream, bytes32[] calldata leaves, AnchorRecord fresh, DocumentTerms terms)
        private
        returns (uint256 anchored)
    {
        bytes32[] memory stored = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            bytes32 leaf = leaves[i];
            AnchorSlot storage slot = AnchorRecords.slotOf(msg.sender, leaf);
            AnchorRecord held = slot.record;
            if (held.anchoredAt() != 0) continue;
            slot.record = fresh.over(held);
            unchecked {
                stored[anchored] = leaf;
                ++anchored; // at most as many as there are leaves
            }
        }
        if (anchored == 0) return 0;
        _requireFuture(fresh.expiry());
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            mstore(stored, anchored) // shortens it to those stored
        }
        emit DocumentsAnchored(msg.sender, terms, stored);
        if (!fresh.isStreamed()) return anchored;
        for (uint256 i = 0; i < anchored; ++i) {
            _extend(msg.sender, stream, stored[i]);
        }
    }

    /// @dev Anchors an amendment's successor, unless it is anchored with these terms, in whatever stream.
    function _anchorSuccessor(bytes32 leaf, DocumentTerms terms) private {
        AnchorRecord held = AnchorRecords.slotOf(msg.sender, leaf).record;
        if (held.anchoredAt() != 0) {
            _requireFuture(terms.expiryOf());
            if (!held.isStanding()) revert DocumentAnchorInvalidSuccessor(msg.sender, leaf);
        }
        if (_record(msg.sender, leaf, _anchored(terms).inStreamOf(held))) {
            _emit(DocumentAnchored.selector, leaf, DocumentTerms.unwrap(terms), msg.sender);
        }
    }

    function _extend(address submitter, bytes32 stream, bytes32 id) private {
        bytes32 head = _heads[submitter][stream];
        _requireStream(head, submitter, stream);
        head = keccak256(abi.encode(head, id));
        _heads[submitter][stream] = head;
        emit StreamExtended(submitter, stream, id, head);
    }

    function _dispute(Document calldata document, address disputant, DisputeReason reason, bytes32 statement) private {
        if (reason == DisputeReason.Unspecified) revert DocumentAnchorReasonMissing();
        (address submitter, bytes32 leaf) = (document.submitter, document.leaf);
        // slither-disable-next-line unused-return
        _requireKnown(document);
        Dispute storage raised = _disputes[submitter][leaf][disputant];
        if (raised.raisedAt != 0) {
            if (raised.withdrawnAt == 0 && raised.reason == reason && raised.statement == statement) return;
            revert DocumentAnchorAlreadyDisputed(submitter, leaf, disputant);
        }
        raised.raisedAt = uint40(block.timestamp);
        raised.reason = reason;
        raised.statement = statement;
        AnchorSlot storage slot = AnchorRecords.slotOf(submitter, leaf);
        slot.record = slot.record.withDisputes(slot.record.disputes() + 1);
        emit DocumentDisputed(submitter, leaf, disputant, reason, statement);
    }

    function _withdrawDispute(address submitter, bytes32 leaf, address disputant) private {
        Dispute storage raised = _disputes[submitter][leaf][disputant];
        if (raised.raisedAt == 0) revert DocumentAnchorNotDisputed(submitter, leaf, disputant);
        if (raised.withdrawnAt != 0) return;
        raised.withdrawnAt = uint40(block.timestamp);
        AnchorSlot storage slot = AnchorRecords.slotOf(submitter, leaf);
        slot.record = slot.record.withDisputes(slot.record.disputes() - 1);
        emit DisputeWithdrawn(submitter, leaf, disputant);
    }

    // ------------------------------------------------------------------ checks

    /// @dev A record of terms that are checked.
    function _anchored(DocumentTerms terms) private view returns (AnchorRecord) {
        if (!terms.isValid()) revert DocumentAnchorInvalidTerms(terms);
        return AnchorRecords.anchored(terms);
    }

    function _requireLeaves(address submitter, bytes32 root, uint256 word, uint256 leaves) private view {
        AnchorRecord batch = AnchorRecords.slotOf(submitter, root).record;
        uint256 count = batch.count();
        unchecked {
            uint256 first = word << 8; // a word that loses bits here loses them where leaves are stored, too
            if (first < count) {
                if (leaves >> (count - first) == 0) return; // shifted by 256 or more, nothing is left
            }
        }
        if (count == 0) revert DocumentAnchorUnknown(submitter, root);
        revert DocumentAnchorLeavesOutOfRange(root, word, leaves, uint32(count));
    }

    /// @dev The document's status, and when it was anchored.
    function _read(Document calldata document) private view returns (DocumentStatus, uint40) {
        (address submitter, bytes32 leaf, bytes32 root) = (document.submitter, document.leaf, document.root);
        AnchorRecord own = AnchorRecords.slotOf(submitter, leaf).record;
        AnchorRecord held = own;
        bool revoked = false;
        if (root != 0) {
            held = AnchorRecords.slotOf(submitter, root).record;
            if (!_isInBatch(document, held.count())) return (DocumentStatus.Unknown, 0);
            uint256 word = document.index / 256;
            uint256 leaves = AnchorRecords.revokedLeavesOf(submitter, root, word).revoked;
            revoked = (leaves >> (document.index % 256)) & 1 == 1;
        } else if (held.count() != 0 || held.anchoredAt() == 0) {
            return (DocumentStatus.Unknown, 0);
        }
        uint40 anchoredAt = held.anchoredAt();
        uint40 expiry = held.expiry();
        // A document revoked by itself stays so in every batch that it is shown in.
        bool ownRevoked = own.revokedAt() != 0 && own.count() == 0;
        if (revoked || ownRevoked || held.revokedAt() != 0) return (DocumentStatus.Revoked, anchoredAt);
        if (own.isSuperseded()) return (DocumentStatus.Superseded, anchoredAt);
        if (expiry != 0 && expiry <= block.timestamp) return (DocumentStatus.Expired, anchoredAt);
        return (own.disputes() != 0 ? DocumentStatus.Disputed : DocumentStatus.Active, anchoredAt);
    }

    function _requireKnown(Document calldata document) private view returns (DocumentStatus status) {
        (status,) = _read(document);
        if (status != DocumentStatus.Unknown) return status;
        bytes32 root = document.root;
        if (root == 0) revert DocumentAnchorUnknown(document.submitter, document.leaf);
        if (AnchorRecords.slotOf(document.submitter, root).record.count() == 0) {
            revert DocumentAnchorUnknown(document.submitter, root);
        }
        revert DocumentAnchorNotInBatch(root, document.index, document.leaf);
    }

    function _standingDispute(address submitter, bytes32 leaf, address disputant)
        private
        view
        returns (Dispute storage raised)
    {
        raised = _disputes[submitter][leaf][disputant];
        if (raised.raisedAt == 0 || raised.withdrawnAt != 0) {
            revert DocumentAnchorNotDisputed(submitter, leaf, disputant);
        }
    }

    function _requireSameOrganization(address submitter) private view {
        if (_registry.requireKey(msg.sender) != _organizationOf(submitter)) {
            revert DocumentAnchorNotSameOrganization(submitter, msg.sender);
        }
    }

    function _organizationOf(address key) private view returns (OrganizationId organization) {
        // slither-disable-next-line unused-return
        (organization,) = _registry.organizationOf(key);
    }

    function _requireSignature(address signer, bytes32 structHash, uint40 deadline, bytes calldata signature)
        private
        view
    {
        if (block.timestamp > deadline) {
            revert DocumentAnchorSignatureExpired(deadline, uint40(block.timestamp));
        }
        if (!KeySignature.isValid(signer, _hashTypedDataV4(structHash), signature)) {
            revert DocumentAnchorInvalidSignature(signer);
        }
    }

    function _requireSigned(uint40 signedAt) private view {
        if (signedAt == 0 || signedAt > block.timestamp) {
            revert DocumentAnchorInvalidSigningTime(signedAt, uint40(block.timestamp));
        }
    }

    function _requireFuture(uint40 expiry) private view {
        if (expiry != 0 && expiry <= block.timestamp) {
            revert DocumentAnchorExpiryPast(expiry, uint40(block.timestamp));
        }
    }

    /// @dev Reverts unless the anchor was revoked for this reason before.
    function _requireRevoked(AnchorRecord held, address submitter, bytes32 id, RevocationReason reason) private pure {
        if (held.anchoredAt() == 0) revert DocumentAnchorUnknown(submitter, id);
        RevocationReason known = held.revocationReason();
        if (known != reason) revert DocumentAnchorAlreadyRevoked(submitter, id, held.revokedAt(), known);
    }

    /// @dev A reason's number, which the call's decoding has checked: a conversion would check it again.
    function _code(RevocationReason reason) private pure returns (uint256 code) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            code := reason
        }
    }

    function _isInBatch(Document calldata document, uint32 count) private pure returns (bool) {
        // Beyond its count a leaf could not be revoked.
        if (document.index >= count) return false;
        bytes32 batchLeaf = DocumentLeaf.inBatch(document.index, document.leaf);
        return MerkleProof.processProofCalldata(document.proof, batchLeaf) == document.root;
    }

    function _requireStream(bytes32 head, address submitter, bytes32 stream) private pure {
        if (head == 0 || head == CONTINUED) revert DocumentAnchorUnknownStream(submitter, stream);
    }

    function _requireBatch(bytes32 root, uint32 count) private pure {
        if (root == 0 || count == 0) revert DocumentAnchorEmptyBatch(root, count);
    }

    function _inForce(DocumentStatus status) private pure returns (bool) {
        return status == DocumentStatus.Active || status == DocumentStatus.Disputed;
    }
}
