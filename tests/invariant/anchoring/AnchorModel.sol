// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CommonBase} from "forge-std/Base.sol";

import {DocumentAnchor} from "../../../contracts/anchoring/DocumentAnchor.sol";
import {IDocumentAnchor} from "../../../contracts/anchoring/IDocumentAnchor.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {OrganizationRegistry} from "../../../contracts/identity/OrganizationRegistry.sol";

import {leafOf} from "./AnchorFixture.sol";
import {MerkleTree} from "./MerkleTree.sol";

/// @notice What a call broke; each belongs to one invariant.
enum Rule {
    Outcome,
    RecordFixed,
    RevocationFinal,
    Authority,
    Submitter,
    Isolation,
    Disputant,
    Countersigner,
    Status
}

/// @notice Whom the handler lets act, and on what.
struct World {
    DocumentAnchor anchors;
    OrganizationRegistry registry;
    address registrar;
    address guardian;
    address admin;
    address[] organizationControllers;
    OrganizationId[] organizations;
    address[] accounts; // submitters first
    uint256[] secrets;
    uint256[] organizationOf; // by account, counted from one; zero if nobody's
}

/// @notice A second account of the register of documents, kept from the rules in prose: the accepted acts in order, from
/// which it tells what must be held now. It shares no code with the contract.
abstract contract AnchorModel is CommonBase {
    enum Act {
        Anchored,
        Revoked,
        LeavesRevoked,
        Amended,
        Disputed,
        DisputeWithdrawn
    }

    /// @dev An accepted act on a leaf or root of a submitter's.
    struct Entry {
        Act act;
        uint40 time; // Unix seconds
        uint8 reason;
        bool streamed;
        uint16 kind;
        uint40 expiry; // Unix seconds
        uint40 signedAt; // Unix seconds
        uint32 count;
        bytes32 stream; // if streamed
        uint256 word;
        uint256 leaves;
    }

    /// @dev An accepted amendment.
    struct Amendment {
        address submitter;
        bytes32 leaf;
        address nextSubmitter;
        bytes32 nextLeaf;
        uint40 time; // Unix seconds
        IDocumentAnchor.AmendmentReason reason;
    }

    /// @dev A stream as its submitter's: what was anchored in it, over all keys that it went on under.
    struct Stream {
        bool declared;
        bool continued;
        bytes32 first;
        bytes32[] ids;
    }

    uint256 public constant SUBMITTERS = 4;
    uint256 public constant LEAVES = 8;
    uint256 public constant TREES = 4;
    uint256 public constant IDS = LEAVES + TREES;
    uint256 public constant STREAMS = 4;
    uint256 public constant ORGANIZATIONS = 3;
    uint256 internal constant LARGEST_TREE = 260; // leaves

    bytes32 private immutable _none; // the hash of an empty record

    DocumentAnchor internal immutable anchors;
    OrganizationRegistry internal immutable registry;
    uint40 internal immutable licenceExpiry; // Unix seconds
    World internal world;

    bytes32[] internal ids; // leaves, then roots
    bytes32[] internal contents; // of the leaves that commit to a subject
    address[] internal subjects; // by leaf; zero if it has none
    bytes32[][] internal treeLeaves;
    bytes32[][] internal treeNodes;

    mapping(address submitter => mapping(bytes32 id => Entry[])) internal history;
    Amendment[] internal amendments;
    mapping(address submitter => mapping(bytes32 leaf => mapping(address party => bool))) internal parties;
    mapping(address submitter => mapping(bytes32 leaf => mapping(address disputant => IDocumentAnchor.Dispute)))
        internal disputes;
    mapping(
        address submitter => mapping(bytes32 leaf => mapping(uint256 organization => IDocumentAnchor.Countersignature))
    ) internal countersignatures;
    mapping(address submitter => mapping(bytes32 stream => Stream)) internal streams;

    // What the registry has been told.
    mapping(address account => uint256 countedFromOne) internal organizationOf;
    mapping(address account => uint256 secret) internal secretOf;
    mapping(address account => bool) internal inactive;
    mapping(address account => uint40 time) internal compromisedSince; // Unix seconds; 0 if not
    mapping(uint256 organization => bool) internal suspended;
    mapping(uint256 organization => bool) internal frozen;

    uint256 public calls;
    uint256 public accepted;
    mapping(string what => uint256 times) public reached;
    mapping(Rule rule => string first) private _breaches;
    mapping(uint256 submitterAndId => bytes32 hash) private _seen; // of the record
    mapping(uint256 submitterTreeAndWord => uint256 leaves) private _seenLeaves;

    constructor(World memory world_) {
        anchors = world_.anchors;
        registry = world_.registry;
        world = world_;
        IDocumentAnchor.Anchor memory empty;
        _none = keccak256(abi.encode(empty));
        licenceExpiry = uint40(block.timestamp) + 365 days;
        for (uint256 i = 0; i < world_.accounts.length; ++i) {
            organizationOf[world_.accounts[i]] = world_.organizationOf[i];
            secretOf[world_.accounts[i]] = world_.secrets[i];
        }
        for (uint256 i = 0; i < LEAVES; ++i) {
            contents.push(keccak256(abi.encode("content", i)));
            // The last two commit to subjects: accounts that are nobody's key.
            subjects.push(i < LEAVES - 2 ? address(0) : world_.accounts[world_.accounts.length - LEAVES + i]);
            ids.push(i < LEAVES - 2 ? keccak256(abi.encode("leaf", i)) : leafOf(contents[i], subjects[i]));
        }
        _plant(_some(0, 1, 6));
        _plant(_some(2));
        bytes32[] memory many = new bytes32[](LARGEST_TREE);
        for (uint256 i = 0; i < LARGEST_TREE; ++i) {
            many[i] = keccak256(abi.encode("filler", i));
        }
        (many[0], many[1], many[255], many[256], many[259]) = (ids[3], ids[4], ids[0], ids[7], ids[5]);
        _plant(many);
        _plant(_some(1, 5, LEAVES)); // the last is the root of the first tree
    }

    function _plant(bytes32[] memory leaves) private {
        treeLeaves.push(leaves);
        treeNodes.push(MerkleTree.build(leaves));
        ids.push(treeNodes[treeNodes.length - 1][0]);
    }

    function _some(uint256 i) private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](1);
        leaves[0] = ids[i];
    }

    function _some(uint256 a, uint256 b, uint256 c) private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](3);
        (leaves[0], leaves[1], leaves[2]) = (ids[a], ids[b], ids[c]);
    }

    // ------------------------------------------------------------------ what the invariants read

    /// @return What broke the rule first; empty if nothing did.
    function breach(Rule rule) external view returns (string memory) {
        return _breaches[rule];
    }

    function submitter(uint256 i) public view returns (address) {
        return world.accounts[i];
    }

    function accounts() external view returns (address[] memory) {
        return world.accounts;
    }

    function organization(uint256 i) external view returns (OrganizationId) {
        return world.organizations[i];
    }

    /// @return A leaf, or from `LEAVES` on a root.
    function id(uint256 i) external view returns (bytes32) {
        return ids[i];
    }

    /// @return Of the third stream zero; that of the fourth ends in the same 14 bits as that of the first.
    function stream(uint256 i) public pure returns (bytes32) {
        if (i == 2) return 0;
        if (i == 3) return bytes32(uint256(stream(0)) ^ (1 << 14));
        return keccak256(abi.encode("stream", i));
    }

    function streamOf(address account, bytes32 id_) external view returns (Stream memory) {
        return streams[account][id_];
    }

    function allAmendments() external view returns (Amendment[] memory) {
        return amendments;
    }

    function countersignature(address account, bytes32 leaf, uint256 i)
        external
        view
        returns (IDocumentAnchor.Countersignature memory)
    {
        return countersignatures[account][leaf][i];
    }

    function disputeOf(address account, bytes32 leaf, address disputant)
        external
        view
        returns (IDocumentAnchor.Dispute memory)
    {
        return disputes[account][leaf][disputant];
    }

    function isParty(address account, bytes32 leaf, address party) external view returns (bool) {
        return parties[account][leaf][party];
    }

    function vouched(address account, uint40 time) external view returns (OrganizationId known, bool compromised) {
        if (organizationOf[account] != 0) known = world.organizations[organizationOf[account] - 1];
        compromised = compromisedSince[account] != 0 && compromisedSince[account] <= time;
    }

    function treeSize(uint256 tree) public view returns (uint256) {
        return treeLeaves[tree].length;
    }

    /// @return The document at an index of a tree.
    function planted(address account, uint256 tree, uint256 index)
        public
        view
        returns (IDocumentAnchor.Document memory)
    {
        bytes32[] storage nodes = treeNodes[tree];
        uint256 node = MerkleTree.place(treeLeaves[tree].length, index);
        return IDocumentAnchor.Document(account, treeLeaves[tree][index], nodes[0], index, proofOf(tree, node));
    }

    /// @return way The siblings from a node of a tree up to its root.
    function proofOf(uint256 tree, uint256 node) public view returns (bytes32[] memory way) {
        bytes32[] storage nodes = treeNodes[tree];
        bytes32[] memory most = new bytes32[](16);
        uint256 n = 0;
        for (; node != 0; node = (node - 1) / 2) {
            most[n] = nodes[node % 2 == 0 ? node - 1 : node + 1];
            ++n;
        }
        way = new bytes32[](n);
        for (uint256 i = 0; i < n; ++i) {
            way[i] = most[i];
        }
    }

    function nodeOf(uint256 tree, uint256 i) external view returns (bytes32) {
        return treeNodes[tree][i % treeNodes[tree].length];
    }

    // ------------------------------------------------------------------ what the history amounts to

    /// @return held The record as the accepted acts have it.
    function recordOf(address account, bytes32 id_) public view returns (IDocumentAnchor.Anchor memory held) {
        Entry[] storage entries = history[account][id_];
        for (uint256 i = 0; i < entries.length; ++i) {
            Entry memory entry = entries[i];
            if (entry.act == Act.Anchored) {
                (held.anchoredAt, held.signedAt, held.expiry) = (entry.time, entry.signedAt, entry.expiry);
                (held.count, held.kind, held.streamed) = (entry.count, entry.kind, entry.streamed);
            } else if (entry.act == Act.Revoked) {
                held.revokedAt = entry.time;
                held.revocationReason = IDocumentAnchor.RevocationReason(entry.reason);
            } else if (entry.act == Act.Amended) {
                held.superseded = true;
            } else if (entry.act == Act.Disputed) {
                ++held.disputes;
            } else if (entry.act == Act.DisputeWithdrawn) {
                --held.disputes;
            }
        }
    }

    /// @return Whether it was anchored in a stream, and in which.
    function streamHeld(address account, bytes32 id_) public view returns (bool, bytes32) {
        Entry[] storage entries = history[account][id_];
        for (uint256 i = 0; i < entries.length; ++i) {
            if (entries[i].act == Act.Anchored) return (entries[i].streamed, entries[i].stream);
        }
        return (false, 0);
    }

    function leavesRevoked(address account, bytes32 root, uint256 word) public view returns (uint256 leaves) {
        Entry[] storage entries = history[account][root];
        for (uint256 i = 0; i < entries.length; ++i) {
            if (entries[i].act == Act.LeavesRevoked && entries[i].word == word) leaves |= entries[i].leaves;
        }
    }

    /// @param genuine Whether the proof is one of a tree's, of this leaf at this index; true without a root.
    /// @return What holds of a document now, and since when it is anchored.
    function statusOf(IDocumentAnchor.Document memory document, bool genuine)
        public
        view
        returns (IDocumentAnchor.DocumentStatus, uint40)
    {
        IDocumentAnchor.Anchor memory own = recordOf(document.submitter, document.leaf);
        IDocumentAnchor.Anchor memory held = own;
        bool known = own.anchoredAt != 0 && own.count == 0;
        bool gone = own.revokedAt != 0 && own.count == 0; // by itself, which holds wherever it is shown
        if (document.root != 0) {
            held = recordOf(document.submitter, document.root);
            known = held.anchoredAt != 0 && document.index < held.count && genuine;
            uint256 leaves = leavesRevoked(document.submitter, document.root, document.index / 256);
            if (leaves & (1 << document.index % 256) != 0) gone = true;
        }
        if (!known) return (IDocumentAnchor.DocumentStatus.Unknown, 0);
        IDocumentAnchor.DocumentStatus status = IDocumentAnchor.DocumentStatus.Active;
        if (own.disputes > 0) status = IDocumentAnchor.DocumentStatus.Disputed;
        if (held.expiry != 0 && held.expiry <= block.timestamp) status = IDocumentAnchor.DocumentStatus.Expired;
        if (own.superseded) status = IDocumentAnchor.DocumentStatus.Superseded;
        if (gone || held.revokedAt != 0) status = IDocumentAnchor.DocumentStatus.Revoked;
        return (status, held.anchoredAt);
    }

    // ------------------------------------------------------------------ who may

    function _isActiveKey(address account) internal view returns (bool) {
        return organizationOf[account] != 0 && !inactive[account] && !frozen[organizationOf[account]];
    }

    function _isActiveMember(address account) internal view returns (bool) {
        return _isActiveKey(account) && !suspended[organizationOf[account]] && block.timestamp < licenceExpiry;
    }

    /// @dev An active key of the submitter's organization, which the submitter may be itself.
    function _isKeyOfSubmitter(address account, address submitter_) internal view returns (bool) {
        return _isActiveKey(account) && organizationOf[account] == organizationOf[submitter_];
    }

    /// @dev Who may revoke: the submitter may whatever became of its key.
    function _mayRevokeFor(address account, address submitter_) internal view returns (bool) {
        return account == submitter_ || _isKeyOfSubmitter(account, submitter_);
    }

    // ------------------------------------------------------------------ calls

    /// @dev Makes a call, compares its outcome with what the rules allow, and what it changed with who may change it.
    /// What was before is what was seen last or what the model has, which an invariant holds equal to the records.
    /// @param signer Who signed what the call carries, validly; zero if nobody.
    function _act(
        address caller,
        address signer,
        bool allowed,
        string memory what,
        IDocumentAnchor.Document memory focus,
        bytes memory call
    ) internal returns (bool done) {
        vm.prank(caller);
        (done,) = address(anchors).call(call);
        ++calls;
        if (done != allowed) {
            string memory outcome = done ? " was accepted from " : " was refused to ";
            _break(Rule.Outcome, string.concat(what, outcome, vm.toString(caller)));
        }
        if (!done) return false;
        ++accepted;
        ++reached[what];
        _compareRecords(caller, signer, what);
        _compareLeaves(caller, what);
        for (uint256 i = 0; i < ORGANIZATIONS && focus.submitter != address(0); ++i) {
            OrganizationId id_ = world.organizations[i];
            IDocumentAnchor.Countersignature memory present =
                anchors.countersignatureOf(focus.submitter, focus.leaf, id_);
            bytes32 old = keccak256(abi.encode(countersignatures[focus.submitter][focus.leaf][i]));
            if (old == keccak256(abi.encode(present))) continue;
            _require(_isActiveKey(caller) && organizationOf[caller] == i + 1, Rule.Countersigner, what);
        }
    }

    function _compareRecords(address caller, address signer, string memory what) private {
        for (uint256 i = 0; i < SUBMITTERS * IDS; ++i) {
            IDocumentAnchor.Anchor memory present = anchors.anchorOf(submitter(i / IDS), ids[i % IDS]);
            bytes32 hash = keccak256(abi.encode(present));
            if (hash == _seen[i] || (_seen[i] == 0 && hash == _none)) continue;
            _seen[i] = hash;
            _compare(caller, signer, i, recordOf(submitter(i / IDS), ids[i % IDS]), present, what);
        }
    }

    function _compareLeaves(address caller, string memory what) private {
        for (uint256 i = 0; i < SUBMITTERS * TREES * 2; ++i) {
            address submitter_ = submitter(i / (TREES * 2));
            uint256 present = anchors.revokedLeavesOf(submitter_, ids[LEAVES + i / 2 % TREES], i % 2);
            uint256 old = _seenLeaves[i];
            if (old == present) continue;
            _seenLeaves[i] = present;
            _require(old & ~present == 0, Rule.RevocationFinal, what);
            _require(_mayRevokeFor(caller, submitter_), Rule.Authority, what);
        }
    }

    function _break(Rule rule, string memory what) internal {
        if (bytes(_breaches[rule]).length == 0) {
            _breaches[rule] = string.concat("call ", vm.toString(calls), ": ", what);
        }
    }

    function _require(bool holds, Rule rule, string memory what) internal {
        if (!holds) _break(rule, what);
    }

    function _compare(
        address caller,
        address signer,
        uint256 i,
        IDocumentAnchor.Anchor memory old,
        IDocumentAnchor.Anchor memory present,
        string memory what
    ) private {
        if (keccak256(abi.encode(old)) == keccak256(abi.encode(present))) return;
        address submitter_ = submitter(i / IDS);
        bool ofOrganization = _mayRevokeFor(caller, submitter_);
        if (old.anchoredAt != 0) {
            _require(keccak256(_stated(old)) == keccak256(_stated(present)), Rule.RecordFixed, what);
        } else if (present.anchoredAt != 0) {
            _require(present.anchoredAt == block.timestamp, Rule.RecordFixed, what);
            _require(caller == submitter_ || signer == submitter_, Rule.Submitter, what);
        }
        if (old.revokedAt != 0) {
            bool kept = old.revokedAt == present.revokedAt && old.revocationReason == present.revocationReason;
            _require(kept, Rule.RevocationFinal, what);
        } else if (present.revokedAt != 0) {
            _require(present.revokedAt == block.timestamp && old.anchoredAt != 0, Rule.RevocationFinal, what);
            _require(ofOrganization, Rule.Authority, what);
        }
        if (old.superseded != present.superseded) {
            _require(!old.superseded && _isKeyOfSubmitter(caller, submitter_), Rule.Authority, what);
        }
        if (old.disputes != present.disputes) {
            bool one = present.disputes == old.disputes + 1 || present.disputes + 1 == old.disputes;
            _require(one, Rule.Disputant, what);
            if (present.disputes > old.disputes) {
                bool may = _isActiveMember(caller) || parties[submitter_][ids[i % IDS]][caller];
                bool subject = i % IDS < LEAVES && signer != address(0) && signer == subjects[i % IDS];
                _require(may || subject, Rule.Disputant, what);
            }
        }
        if (ofOrganization || signer == submitter_) return;
        // Others can change nothing but the number of disputes.
        old.disputes = present.disputes;
        _require(keccak256(abi.encode(old)) == keccak256(abi.encode(present)), Rule.Isolation, what);
    }

    function _stated(IDocumentAnchor.Anchor memory held) private pure returns (bytes memory) {
        return abi.encode(held.anchoredAt, held.signedAt, held.expiry, held.kind, held.count, held.streamed);
    }

    /// @dev Whether the register says of a document what the history does.
    function _checkStatus(IDocumentAnchor.Document memory document, bool genuine) internal {
        (IDocumentAnchor.DocumentStatus expected, uint40 anchoredAt) = statusOf(document, genuine);
        IDocumentAnchor.Verification memory found = anchors.verify(document);
        bool same = found.status == expected && anchors.statusOf(document) == expected;
        _require(same && found.anchoredAt == anchoredAt, Rule.Status, "status");
        ++reached[
            string.concat(
                "status ", ["Unknown", "Active", "Disputed", "Expired", "Superseded", "Revoked"][uint256(expected)]
            )
        ];
        IDocumentAnchor.Anchor memory own = recordOf(document.submitter, document.leaf);
        if (expected != IDocumentAnchor.DocumentStatus.Unknown && document.root != 0 && own.revokedAt != 0) {
            ++reached[own.count == 0 ? "status Revoked by itself" : "status of a revoked root"];
        }
        bool inForce =
            expected == IDocumentAnchor.DocumentStatus.Active || expected == IDocumentAnchor.DocumentStatus.Disputed;
        _require(anchors.isInForce(document) == inForce, Rule.Status, "in force");
    }
}
