// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DocumentTerms} from "../../../contracts/anchoring/DocumentTerms.sol";
import {IDocumentAnchor} from "../../../contracts/anchoring/IDocumentAnchor.sol";
import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";

import {
    anchorDigest,
    anchoringMessage,
    batchAnchoringMessage,
    subjectDisputeMessage,
    subjectWithdrawalMessage
} from "./AnchorFixture.sol";
import {AnchorModel, Rule, World} from "./AnchorModel.sol";

/// @notice What anybody can do to the register of documents, one function for each kind of act. Every function lets some
/// time pass (none, half of the time, so that several acts share a second), picks a caller (mostly one that may,
/// otherwise anyone), foretells the outcome from the model, calls, keeps the model in step, and compares what is said of
/// a few documents.
contract AnchorHandler is AnchorModel {
    /// @dev What an anchoring states.
    struct Anchoring {
        address submitter;
        bytes32 id;
        DocumentTerms terms;
        uint32 count;
        uint40 signedAt; // Unix seconds
        bool streamed;
        bytes32 stream;
        uint40 deadline; // Unix seconds
        bool signedWell;
    }

    /// @dev A dispute, and who raises it.
    struct Complaint {
        IDocumentAnchor.Document document;
        bool genuine;
        address caller;
        address signer; // who signed it, validly; zero if nobody
        address disputant;
        bool may;
        IDocumentAnchor.DisputeReason reason;
        bytes32 statement;
    }

    /// @dev A dispute that was raised.
    struct Raised {
        IDocumentAnchor.Document document;
        address disputant;
        IDocumentAnchor.DisputeReason reason;
        bytes32 statement;
    }

    Raised[] private _raised;
    IDocumentAnchor.Document private _countersigned; // the last
    address private _countersigner;
    IDocumentAnchor.Document private _named; // the last that a party was named for
    address private _namedParty;

    modifier later(uint256 seed, uint256 time) {
        _passTime(time);
        _;
        for (uint256 i = 0; i < 3; ++i) {
            uint256 choice = uint256(keccak256(abi.encode(seed, "check", i)));
            (IDocumentAnchor.Document memory document, bool genuine) = _document(choice);
            _checkStatus(document, genuine);
        }
    }

    constructor(World memory world_) AnchorModel(world_) {}

    // ------------------------------------------------------------------ anchoring

    function anchor(uint256 seed, uint256 time) external later(seed, time) {
        Anchoring memory stated = _anchoring(seed, false);
        bytes memory call = abi.encodeCall(anchors.anchor, (stated.id, stated.terms));
        _anchorAs(stated, stated.submitter, address(0), "anchor", call);
    }

    function anchorBatch(uint256 seed, uint256 time) external later(seed, time) {
        Anchoring memory stated = _anchoring(seed, true);
        bytes memory call = abi.encodeCall(anchors.anchorBatch, (stated.id, stated.count, stated.terms));
        _anchorAs(stated, stated.submitter, address(0), "anchor batch", call);
    }

    function anchorBySignature(uint256 seed, uint256 time) external later(seed, time) {
        bool batch = seed % 2 == 0;
        Anchoring memory stated = _anchoring(seed >> 1, batch);
        stated.signedAt = uint40(block.timestamp - (seed >> 64) % 1000);
        if ((seed >> 72) % 16 == 0) stated.signedAt = uint40(block.timestamp + 1);
        else if ((seed >> 72) % 16 == 1) stated.signedAt = 0;
        stated.deadline = uint40(block.timestamp + (seed >> 80) % 3);
        if ((seed >> 88) % 16 == 0) stated.deadline = uint40(block.timestamp - 1);
        stated.signedWell = (seed >> 96) % 8 != 0;
        bytes memory signature = _signed(stated, batch, seed >> 104);
        bytes memory call = batch
            ? abi.encodeCall(
                anchors.anchorBatchBySignature,
                (stated.submitter, stated.id, stated.count, stated.terms, stated.signedAt, stated.deadline, signature)
            )
            : abi.encodeCall(
                anchors.anchorBySignature,
                (stated.submitter, stated.id, stated.terms, stated.signedAt, stated.deadline, signature)
            );
        string memory what = batch ? "anchor batch by signature" : "anchor by signature";
        _anchorAs(stated, _account(seed >> 112), stated.signedWell ? stated.submitter : address(0), what, call);
    }

    function anchorInStream(uint256 seed, uint256 time) external later(seed, time) {
        bool batch = seed % 4 == 0;
        Anchoring memory stated = _anchoring(seed >> 2, batch);
        (stated.streamed, stated.stream) = (true, _stream(seed >> 64, stated.submitter));
        if ((seed >> 88) % 3 == 0) _takeStreamed(stated, batch, seed >> 92);
        (bool held, bytes32 in_) = streamHeld(stated.submitter, stated.id);
        if (held && (seed >> 80) % 2 == 0) stated.stream = in_;
        else if (held && (seed >> 80) % 8 == 1) stated.stream = in_ ^ bytes32(uint256(1) << 14); // ends alike
        bytes memory call = batch
            ? abi.encodeCall(anchors.anchorBatchInStream, (stated.stream, stated.id, stated.count, stated.terms))
            : abi.encodeCall(anchors.anchorInStream, (stated.stream, stated.id, stated.terms));
        _anchorAs(stated, stated.submitter, address(0), batch ? "anchor batch in stream" : "anchor in stream", call);
    }

    /// @dev What is in the stream already, if anything is, as it is there.
    function _takeStreamed(Anchoring memory stated, bool batch, uint256 seed) private view {
        bytes32[] storage chained = streams[stated.submitter][stated.stream].ids;
        if (chained.length == 0) return;
        stated.id = chained[seed % chained.length];
        stated.terms = _termsHeld(stated.submitter, stated.id, stated.terms);
        if (batch) stated.count = recordOf(stated.submitter, stated.id).count;
    }

    function anchorList(uint256 seed, uint256 time) external later(seed, time) {
        Anchoring memory stated = _anchoring(seed, false);
        if ((seed >> 60) % 2 == 0) (stated.streamed, stated.stream) = (true, _stream(seed >> 64, stated.submitter));
        bytes32[] memory leaves = new bytes32[]((seed >> 72) % 4);
        bool fresh;
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = _leaf(seed >> (80 + 8 * i));
            if (recordOf(stated.submitter, leaves[i]).anchoredAt == 0) fresh = true;
        }
        bool allowed = _isValid(stated.terms) && (!fresh || _isFuture(stated.terms))
            && (!stated.streamed || _open(stated.submitter, stated.stream));
        bytes memory call = stated.streamed
            ? abi.encodeCall(anchors.anchorListInStream, (stated.stream, leaves, stated.terms))
            : abi.encodeCall(anchors.anchorList, (leaves, stated.terms));
        string memory what = stated.streamed ? "anchor list in stream" : "anchor list";
        if (!fresh && !_isFuture(stated.terms)) what = "anchor list after its expiry";
        if (!_act(stated.submitter, address(0), allowed, what, _focus(stated), call)) return;
        for (uint256 i = 0; i < leaves.length; ++i) {
            if (recordOf(stated.submitter, leaves[i]).anchoredAt != 0) continue;
            stated.id = leaves[i];
            _noteAnchor(stated);
        }
    }

    function _anchorAs(Anchoring memory stated, address caller, address signer, string memory what, bytes memory call)
        private
    {
        IDocumentAnchor.Anchor memory held = recordOf(stated.submitter, stated.id);
        bool again = held.anchoredAt != 0;
        bool allowed = _isValid(stated.terms) && (again ? _isSame(held, stated) : _isFuture(stated.terms));
        if (stated.count == 0 && _isBatchCall(call)) allowed = false;
        if (stated.streamed && !again) allowed = allowed && _open(stated.submitter, stated.stream);
        if (stated.deadline != 0) {
            allowed = allowed && stated.signedWell && stated.deadline >= block.timestamp && stated.signedAt != 0
                && stated.signedAt <= block.timestamp;
        }
        if (again) what = stated.streamed ? "anchor again in stream" : "anchor again";
        if (!_act(caller, signer, allowed, what, _focus(stated), call)) return;
        if (!again) _noteAnchor(stated);
    }

    function _noteAnchor(Anchoring memory stated) private {
        Entry memory entry = _entry(Act.Anchored);
        uint256 word = DocumentTerms.unwrap(stated.terms);
        (entry.expiry, entry.kind) = (uint40(word), uint16(word / 2 ** 40));
        (entry.count, entry.signedAt) = (stated.count, stated.signedAt);
        (entry.streamed, entry.stream) = (stated.streamed, stated.stream);
        history[stated.submitter][stated.id].push(entry);
        if (stated.streamed) streams[stated.submitter][stated.stream].ids.push(stated.id);
    }

    // ------------------------------------------------------------------ streams

    function changeStream(uint256 seed, uint256 time) external later(seed, time) {
        address former = _submitter(seed >> 8);
        bytes32 id_ = stream((seed >> 16) % STREAMS);
        if (seed % 2 == 0) {
            address caller = _submitter(seed >> 24);
            Stream storage own = streams[caller][id_];
            bytes memory declaration = abi.encodeCall(anchors.declareStream, (id_));
            string memory what = own.declared ? "declare stream again" : "declare stream";
            if (!_act(caller, address(0), !own.continued, what, _nowhere(), declaration) || own.declared) return;
            (own.declared, own.first) = (true, anchors.firstHeadOf(caller, id_));
            return;
        }
        address next = _caller(seed >> 24, former);
        for (uint256 n = 0; n < SUBMITTERS && (seed >> 4) % 8 != 0; ++n) {
            if (_open(former, id_) && next != former) break;
            former = submitter(n);
            next = _caller((seed >> 24) + n, former);
        }
        Stream storage old = streams[former][id_];
        bool allowed = old.declared && !old.continued && !streams[next][id_].declared && _isKeyOfSubmitter(next, former);
        bytes memory call = abi.encodeCall(anchors.continueStream, (former, id_));
        if (!_act(next, address(0), allowed, "continue stream", _nowhere(), call)) return;
        streams[next][id_] = old;
        old.continued = true;
    }

    // ------------------------------------------------------------------ the submitter's organization

    function revoke(uint256 seed, uint256 time) external later(seed, time) {
        address account = _submitter(seed >> 8);
        bytes32 id_ = (seed >> 40) % 8 == 0 ? ids[LEAVES + (seed >> 44) % TREES] : _leaf(seed >> 44);
        for (uint256 n = 0; n < IDS && (seed >> 48) % 8 != 0; ++n) {
            IDocumentAnchor.Anchor memory present = recordOf(account, id_);
            if (present.anchoredAt != 0 && (present.revokedAt != 0 || (seed >> 52) % 4 != 0)) break;
            id_ = ids[(n + (seed >> 44)) % IDS];
        }
        IDocumentAnchor.RevocationReason reason = _revocationReason(seed >> 56);
        address caller = (seed >> 64) % 2 == 0 ? account : _caller(seed >> 72, account);
        bool plainly = caller == account && (seed >> 68) % 2 == 0;
        IDocumentAnchor.Anchor memory held = recordOf(account, id_);
        bool again = held.revokedAt != 0;
        bool allowed = reason != IDocumentAnchor.RevocationReason.Unspecified && held.anchoredAt != 0
            && (plainly || _isKeyOfSubmitter(caller, account)) && (!again || held.revocationReason == reason);
        bytes memory call = plainly
            ? abi.encodeCall(anchors.revoke, (id_, reason))
            : abi.encodeCall(anchors.revokeOf, (account, id_, reason));
        string memory what = again ? "revoke again" : plainly ? "revoke" : "revoke of another key";
        if (!_act(caller, address(0), allowed, what, _single(account, id_), call) || again) return;
        Entry memory entry = _entry(Act.Revoked);
        entry.reason = uint8(reason);
        history[account][id_].push(entry);
    }

    function revokeLeaves(uint256 seed, uint256 time) external later(seed, time) {
        address account = _submitter(seed >> 8);
        uint256 tree = (seed >> 40) % TREES;
        for (uint256 n = 0; n < 2 * TREES && (seed >> 48) % 8 != 0; ++n) {
            if (recordOf(account, ids[LEAVES + tree]).count != 0) break;
            tree = (tree + 1) % TREES;
            if (n == TREES - 1) account = submitter(n % SUBMITTERS);
        }
        bytes32 root = ids[LEAVES + tree];
        uint256 word = (seed >> 56) % 16 == 0 ? seed >> 60 : (seed >> 60) % (treeSize(tree) / 256 + 1);
        if ((seed >> 56) % 16 == 1) word += 2 ** 248; // comes round
        uint256 leaves = 1 << (seed >> 80) % 3;
        if (treeSize(tree) > 8) leaves |= 1 << (seed >> 84) % 4;
        if ((seed >> 88) % 8 == 0) leaves |= 1 << 255;
        IDocumentAnchor.RevocationReason reason = _revocationReason(seed >> 96);
        address caller = (seed >> 104) % 2 == 0 ? account : _caller(seed >> 112, account);
        bool plainly = caller == account && (seed >> 108) % 2 == 0;
        bool allowed = reason != IDocumentAnchor.RevocationReason.Unspecified
            && (plainly || _isKeyOfSubmitter(caller, account))
            && _holdsLeaves(recordOf(account, root).count, word, leaves);
        bytes memory call = plainly
            ? abi.encodeCall(anchors.revokeLeaves, (root, word, leaves, reason))
            : abi.encodeCall(anchors.revokeLeavesOf, (account, root, word, leaves, reason));
        string memory what = plainly ? "revoke leaves" : "revoke leaves of another key";
        if (word >= 2 ** 248) what = "revoke leaves by a word that comes round";
        if (!_act(caller, address(0), allowed, what, _nowhere(), call)) return;
        Entry memory entry = _entry(Act.LeavesRevoked);
        (entry.word, entry.leaves) = (word % 2 ** 248, leaves);
        history[account][root].push(entry);
    }

    function amend(uint256 seed, uint256 time) external later(seed, time) {
        (IDocumentAnchor.Document memory document, bool genuine) = _document(seed >> 64);
        Anchoring memory next = _anchoring(seed, false);
        next.submitter = _caller(seed >> 8, document.submitter);
        for (uint256 i = 0; i < SUBMITTERS && (seed >> 20) % 4 != 0; ++i) {
            if (_isKeyOfSubmitter(next.submitter, document.submitter)) break;
            next.submitter = submitter(i);
        }
        if ((seed >> 4) % 2 == 0) next.terms = _termsHeld(next.submitter, next.id, next.terms);
        IDocumentAnchor.AmendmentReason reason =
            IDocumentAnchor.AmendmentReason((seed >> 24) % 16 == 0 ? 0 : 1 + (seed >> 28) % 4);
        (bool linked, Amendment memory link) = _successor(document.submitter, document.leaf);
        if (linked && (seed >> 32) % 2 == 0) {
            (next.submitter, next.id, reason) = (link.nextSubmitter, link.nextLeaf, link.reason);
        }
        if (amendments.length != 0 && (seed >> 36) % 3 == 0) {
            _takeLinked(next, amendments[(seed >> 40) % amendments.length], seed >> 48);
        }
        bool same = linked && link.nextSubmitter == next.submitter && link.nextLeaf == next.id && link.reason == reason;
        bool allowed = reason != IDocumentAnchor.AmendmentReason.Unspecified
            && _isKeyOfSubmitter(next.submitter, document.submitter) && _known(document, genuine)
            && (same || (!linked && _mayFollow(document, next)));
        _amendAs(document, next, reason, same, allowed);
    }

    /// @dev A successor that is an end of another amendment, with the terms that it has, so that only this is wrong.
    function _takeLinked(Anchoring memory next, Amendment memory other, uint256 seed) private view {
        bool head = seed % 4 == 0;
        (next.submitter, next.id) = head ? (other.submitter, other.leaf) : (other.nextSubmitter, other.nextLeaf);
        next.terms = _termsHeld(next.submitter, next.id, next.terms);
    }

    function _amendAs(
        IDocumentAnchor.Document memory document,
        Anchoring memory next,
        IDocumentAnchor.AmendmentReason reason,
        bool same,
        bool allowed
    ) private {
        bytes memory call = abi.encodeCall(anchors.amend, (document, next.id, next.terms, reason));
        string memory what = same ? "amend again" : document.root == 0 ? "amend" : "amend in a batch";
        if (!_act(next.submitter, address(0), allowed, what, document, call) || same) return;
        history[document.submitter][document.leaf].push(_entry(Act.Amended));
        amendments.push(
            Amendment(document.submitter, document.leaf, next.submitter, next.id, uint40(block.timestamp), reason)
        );
        if (recordOf(next.submitter, next.id).anchoredAt == 0) _noteAnchor(next);
    }

    function nameParty(uint256 seed, uint256 time) external later(seed, time) {
        (IDocumentAnchor.Document memory document, bool genuine) = _document(seed >> 64);
        address caller = _caller(seed >> 8, document.submitter);
        address party = _account(seed >> 24);
        (IDocumentAnchor.DocumentStatus status,) = statusOf(document, genuine);
        bool allowed = _isKeyOfSubmitter(caller, document.submitter) && status != IDocumentAnchor.DocumentStatus.Unknown;
        bytes memory call = abi.encodeCall(anchors.nameParty, (document, party));
        if (!_act(caller, address(0), allowed, "name party", document, call)) return;
        parties[document.submitter][document.leaf][party] = true;
        (_named, _namedParty) = (document, party);
    }

    function answerDispute(uint256 seed, uint256 time) external later(seed, time) {
        (address account, bytes32 leaf, address disputant) = _disputed(seed >> 64);
        address caller = _caller(seed >> 8, account);
        bytes32 reply = bytes32((seed >> 24) % 8 / 7);
        IDocumentAnchor.Dispute storage raised = disputes[account][leaf][disputant];
        bool again = raised.repliedAt != 0;
        bool allowed = _isKeyOfSubmitter(caller, account) && raised.raisedAt != 0 && raised.withdrawnAt == 0
            && (!again || raised.reply == reply);
        bytes memory call = abi.encodeCall(anchors.answerDispute, (account, leaf, disputant, reply));
        string memory what = again ? "answer again" : "answer dispute";
        if (!_act(caller, address(0), allowed, what, _single(account, leaf), call) || again) return;
        (raised.repliedAt, raised.reply) = (uint40(block.timestamp), reply);
    }

    // ------------------------------------------------------------------ others

    function countersign(uint256 seed, uint256 time) external later(seed, time) {
        (IDocumentAnchor.Document memory document, bool genuine) = _document(seed >> 64);
        address caller = _member(seed >> 8);
        if ((seed >> 16) % 8 == 0 && _countersigner != address(0)) {
            (document, genuine, caller) = (_countersigned, true, _countersigner);
        }
        (IDocumentAnchor.DocumentStatus status,) = statusOf(document, genuine);
        uint256 by = organizationOf[caller];
        bool allowed = _isActiveMember(caller) && by != organizationOf[document.submitter]
            && status != IDocumentAnchor.DocumentStatus.Unknown;
        bool again;
        if (by != 0) {
            IDocumentAnchor.Countersignature storage given =
                countersignatures[document.submitter][document.leaf][by - 1];
            again = given.signedAt != 0;
            bool inForce =
                status == IDocumentAnchor.DocumentStatus.Active || status == IDocumentAnchor.DocumentStatus.Disputed;
            allowed = allowed && given.withdrawnAt == 0 && (again || inForce);
        }
        bytes memory call = abi.encodeCall(anchors.countersign, (document));
        string memory what = again ? "countersign again" : "countersign";
        if (!_act(caller, address(0), allowed, what, document, call) || again) return;
        countersignatures[document.submitter][document.leaf][by - 1] =
            IDocumentAnchor.Countersignature(caller, uint40(block.timestamp), 0);
        (_countersigned, _countersigner) = (document, caller);
    }

    function withdrawCountersignature(uint256 seed, uint256 time) external later(seed, time) {
        (address account, bytes32 leaf) = (_submitter(seed >> 16), _leaf(seed >> 24));
        address caller = _member(seed >> 8);
        // Mostly one that is given, if there is one.
        for (uint256 i = 0; i < SUBMITTERS * LEAVES && organizationOf[caller] != 0; ++i) {
            (account, leaf) = (submitter((i + (seed >> 16)) % SUBMITTERS), ids[(i + (seed >> 24)) % LEAVES]);
            if (countersignatures[account][leaf][organizationOf[caller] - 1].signedAt != 0) break;
        }
        if ((seed >> 40) % 4 == 0 && _countersigner != address(0)) {
            (account, leaf, caller) = (_countersigned.submitter, _countersigned.leaf, _countersigner);
        }
        bool allowed = _isActiveKey(caller);
        bool again;
        if (allowed) {
            IDocumentAnchor.Countersignature storage held = countersignatures[account][leaf][organizationOf[caller] - 1];
            (allowed, again) = (held.signedAt != 0, held.withdrawnAt != 0);
        }
        bytes memory call = abi.encodeCall(anchors.withdrawCountersignature, (account, leaf));
        string memory what = again ? "withdraw countersignature again" : "withdraw countersignature";
        if (!_act(caller, address(0), allowed, what, _single(account, leaf), call) || again) return;
        countersignatures[account][leaf][organizationOf[caller] - 1].withdrawnAt = uint40(block.timestamp);
    }

    function dispute(uint256 seed, uint256 time) external later(seed, time) {
        Complaint memory raised;
        (raised.document, raised.genuine) = _document(seed >> 64);
        raised.caller = _member(seed >> 8);
        if ((seed >> 48) % 4 == 0 && _namedParty != address(0)) {
            (raised.document, raised.genuine, raised.caller) = (_named, true, _namedParty);
        }
        raised.disputant = raised.caller;
        raised.reason = IDocumentAnchor.DisputeReason((seed >> 24) % 3);
        raised.statement = bytes32((seed >> 32) % 2);
        if ((seed >> 52) % 8 == 0 && _raised.length != 0) {
            Raised storage former = _raised[(seed >> 56) % _raised.length];
            (raised.document, raised.genuine) = (former.document, true);
            (raised.caller, raised.disputant) = (former.disputant, former.disputant);
            (raised.reason, raised.statement) = (former.reason, former.statement);
        }
        bool named = parties[raised.document.submitter][raised.document.leaf][raised.caller];
        raised.may = named || _isActiveMember(raised.caller);
        bytes memory call = abi.encodeCall(anchors.dispute, (raised.document, raised.reason, raised.statement));
        _disputeAs(raised, named ? "dispute as party" : "dispute", call);
    }

    function disputeAsSubject(uint256 seed, uint256 time) external later(seed, time) {
        Complaint memory raised;
        uint256 i = LEAVES - 1 - (seed >> 8) % 2;
        (raised.document, raised.genuine) = _document(seed >> 64);
        for (uint256 n = 0; n < 16 && (seed >> 4) % 8 != 0; ++n) {
            if (raised.document.leaf == ids[i]) break;
            (raised.document, raised.genuine) = _document(uint256(keccak256(abi.encode(seed, n))));
        }
        raised.caller = _account(seed >> 40);
        raised.disputant = subjects[i];
        raised.reason = IDocumentAnchor.DisputeReason((seed >> 24) % 3);
        bool well = (seed >> 16) % 8 != 0;
        raised.may = well && raised.document.leaf == ids[i];
        if (raised.may) raised.signer = subjects[i];
        _disputeAs(raised, "dispute as subject", _subjectCall(raised, contents[i], well));
    }

    function _subjectCall(Complaint memory raised, bytes32 content, bool well) private view returns (bytes memory) {
        uint40 deadline = uint40(block.timestamp);
        bytes32 message = subjectDisputeMessage(
            raised.document.submitter, raised.document.leaf, raised.reason, raised.statement, deadline
        );
        bytes memory signature = _sign(well ? raised.disputant : submitter(0), message);
        return abi.encodeCall(
            anchors.disputeAsSubject,
            (raised.document, content, raised.disputant, raised.reason, raised.statement, deadline, signature)
        );
    }

    function _disputeAs(Complaint memory raised, string memory what, bytes memory call) private {
        (address account, bytes32 leaf) = (raised.document.submitter, raised.document.leaf);
        IDocumentAnchor.Dispute storage held = disputes[account][leaf][raised.disputant];
        bool again = held.raisedAt != 0;
        bool allowed = raised.may && raised.reason != IDocumentAnchor.DisputeReason.Unspecified
            && _known(raised.document, raised.genuine);
        if (again) {
            bool same = held.reason == raised.reason && held.statement == raised.statement;
            allowed = allowed && held.withdrawnAt == 0 && same;
        }
        if (again) what = "dispute again";
        if (!_act(raised.caller, raised.signer, allowed, what, raised.document, call) || again) return;
        (held.raisedAt, held.reason, held.statement) = (uint40(block.timestamp), raised.reason, raised.statement);
        history[account][leaf].push(_entry(Act.Disputed));
        _raised.push(Raised(raised.document, raised.disputant, raised.reason, raised.statement));
    }

    function withdrawDispute(uint256 seed, uint256 time) external later(seed, time) {
        (address account, bytes32 leaf, address disputant) = _disputed(seed >> 64);
        if ((seed >> 32) % 16 == 0) disputant = _account(seed >> 36);
        if ((seed >> 4) % 2 == 0) return _withdrawBySignature(seed, account, leaf, disputant);
        bytes memory call = abi.encodeCall(anchors.withdrawDispute, (account, leaf));
        bool allowed = disputes[account][leaf][disputant].raisedAt != 0;
        _withdrawAs(disputant, address(0), allowed, _single(account, leaf), disputant, call);
    }

    function _withdrawBySignature(uint256 seed, address account, bytes32 leaf, address disputant) private {
        uint40 deadline = uint40(block.timestamp + (seed >> 16) % 2);
        bool well = (seed >> 24) % 8 != 0;
        bytes memory signature =
            _sign(well ? disputant : _another(disputant), subjectWithdrawalMessage(account, leaf, deadline));
        bytes memory call =
            abi.encodeCall(anchors.withdrawDisputeAsSubject, (account, leaf, disputant, deadline, signature));
        bool allowed = well && disputes[account][leaf][disputant].raisedAt != 0;
        address signer = well ? disputant : address(0);
        _withdrawAs(_account(seed >> 44), signer, allowed, _single(account, leaf), disputant, call);
    }

    function _withdrawAs(
        address caller,
        address signer,
        bool allowed,
        IDocumentAnchor.Document memory document,
        address disputant,
        bytes memory call
    ) private {
        IDocumentAnchor.Dispute storage raised = disputes[document.submitter][document.leaf][disputant];
        bool again = raised.withdrawnAt != 0;
        string memory what = again
            ? "withdraw dispute again"
            : signer != address(0) ? "withdraw dispute by signature" : "withdraw dispute";
        if (!_act(caller, signer, allowed, what, document, call) || again) return;
        raised.withdrawnAt = uint40(block.timestamp);
        history[document.submitter][document.leaf].push(_entry(Act.DisputeWithdrawn));
    }

    // ------------------------------------------------------------------ what becomes of organizations and keys

    /// @dev One time in sixteen a key goes for good; else an organization is suspended, reinstated, frozen or released.
    function changeStanding(uint256 seed, uint256 time) external later(seed, time) {
        uint256 i = (seed >> 8) % ORGANIZATIONS;
        if (seed % 16 == 0) return _endKey(seed >> 8);
        if (seed % 4 < 3) {
            if (!suspended[i + 1] && (seed >> 40) % 4 != 0) return;
            vm.prank(world.registrar);
            if (suspended[i + 1]) {
                registry.reinstate(world.organizations[i], IOrganizationRegistry.Reason.Cleared);
            } else {
                registry.suspend(world.organizations[i], IOrganizationRegistry.Reason.RegulatorOrder);
            }
            suspended[i + 1] = !suspended[i + 1];
            ++reached[suspended[i + 1] ? "suspend" : "reinstate"];
            return;
        }
        if (!frozen[i + 1] && (seed >> 40) % 2 != 0) return;
        address proposed = address(uint160(0xA11CE));
        IOrganizationRegistry.Reason reason = IOrganizationRegistry.Reason.ControllerLost;
        if (frozen[i + 1]) {
            vm.prank(world.admin);
            registry.settleRecovery(world.organizations[i], proposed, address(0), reason);
        } else {
            vm.prank(world.registrar);
            registry.startRecovery(world.organizations[i], proposed, reason);
            vm.prank(world.guardian);
            registry.contestRecoveryAsGuardian(world.organizations[i], proposed);
        }
        frozen[i + 1] = !frozen[i + 1];
        ++reached[frozen[i + 1] ? "freeze" : "release"];
    }

    function _endKey(uint256 seed) private {
        address account = _account(seed);
        uint256 i = organizationOf[account];
        if (i == 0 || inactive[account] || frozen[i]) return;
        address controller = world.organizationControllers[i - 1];
        if (seed % 2 == 0) {
            vm.prank(controller);
            registry.retireKey(account);
        } else {
            uint40 back = uint40((seed >> 16) % 1 days);
            uint40 since = uint40(block.timestamp) - back;
            if (since < registry.keyOf(account).addedAt) since = uint40(block.timestamp);
            vm.prank(controller);
            registry.reportCompromise(account, since);
            compromisedSince[account] = since;
        }
        inactive[account] = true;
        ++reached[seed % 2 == 0 ? "retire key" : "report key"];
    }

    // ------------------------------------------------------------------ choices

    /// @dev Half of the time none, otherwise a second, up to an hour, or up to a day.
    function _passTime(uint256 time) private {
        uint256 length = time >> 4;
        uint256 kind = time % 16;
        uint256 gap = kind < 8 ? 0 : kind < 10 ? 1 : kind < 14 ? 1 + length % 1 hours : 1 + length % 1 days;
        vm.warp(block.timestamp + gap);
    }

    function _account(uint256 seed) private view returns (address) {
        return world.accounts[uint256(keccak256(abi.encode(seed, "account"))) % world.accounts.length];
    }

    function _submitter(uint256 seed) private view returns (address) {
        return submitter(uint256(keccak256(abi.encode(seed, "submitter"))) % SUBMITTERS);
    }

    /// @dev Mostly the submitter or a key of its organization.
    function _caller(uint256 seed, address of_) private view returns (address caller) {
        if (seed % 4 == 0) return of_;
        caller = _account(seed >> 4);
        for (uint256 n = 0; n < 8 && seed % 4 < 3; ++n) {
            if (organizationOf[caller] == organizationOf[of_] && organizationOf[of_] != 0) break;
            caller = _account(uint256(keccak256(abi.encode(seed, n))));
        }
    }

    /// @dev Mostly a key of an active organization, if there is one.
    function _member(uint256 seed) private view returns (address account) {
        account = _account(seed);
        for (uint256 n = 0; n < 6 && seed % 4 != 0; ++n) {
            if (_isActiveMember(account)) break;
            account = _account(uint256(keccak256(abi.encode(seed, n))));
        }
    }

    function _another(address account) private view returns (address) {
        return account == submitter(0) ? submitter(1) : submitter(0);
    }

    function _leaf(uint256 seed) private view returns (bytes32) {
        return ids[uint256(keccak256(abi.encode(seed, "leaf"))) % LEAVES];
    }

    /// @dev Mostly a stream that the submitter has, if it has one.
    function _stream(uint256 seed, address account) private view returns (bytes32 id_) {
        id_ = stream(seed % STREAMS);
        for (uint256 n = 1; n < STREAMS && !_open(account, id_) && (seed >> 2) % 8 != 0; ++n) {
            id_ = stream((seed + n) % STREAMS);
        }
    }

    /// @dev One in sixteen has bits too many, one an expiry that is past; half have none. Mostly what is held, if it is.
    function _terms(uint256 seed) private view returns (DocumentTerms) {
        uint256 choice = seed % 16;
        if (choice == 0) return DocumentTerms.wrap((1 << 56) + (seed >> 200 << 40));
        if (choice == 1) return DocumentTerms.wrap(block.timestamp - (seed >> 8) % 2);
        uint256 kind = (seed >> 16) % 2 << 40;
        if (choice < 6) return DocumentTerms.wrap(kind | (block.timestamp + 1 + (seed >> 8) % 3 hours));
        return DocumentTerms.wrap(kind);
    }

    function _termsHeld(address account, bytes32 id_, DocumentTerms otherwise) private view returns (DocumentTerms) {
        IDocumentAnchor.Anchor memory held = recordOf(account, id_);
        if (held.anchoredAt == 0) return otherwise;
        return DocumentTerms.wrap(uint256(held.kind) * 2 ** 40 + held.expiry);
    }

    function _anchoring(uint256 seed, bool batch) private view returns (Anchoring memory stated) {
        seed = uint256(keccak256(abi.encode(seed, "anchoring")));
        stated.submitter = _submitter(seed);
        stated.terms = _terms(seed >> 8);
        uint256 tree = (seed >> 32) % TREES;
        stated.id = batch || (seed >> 40) % 64 == 0 ? ids[LEAVES + tree] : _leaf(seed >> 32);
        if (batch) {
            stated.count = uint32(treeSize(tree));
            if ((seed >> 48) % 16 == 0) stated.count = 0;
            else if ((seed >> 48) % 16 == 1) stated.count += 300;
            else if ((seed >> 48) % 16 == 2 && stated.count > 1) --stated.count;
        }
        IDocumentAnchor.Anchor memory held = recordOf(stated.submitter, stated.id);
        if (held.anchoredAt == 0 || (seed >> 56) % 4 == 0) return stated;
        stated.terms = _termsHeld(stated.submitter, stated.id, stated.terms);
        if (batch && held.count != 0) stated.count = held.count;
    }

    /// @dev Mostly a document that is known, if one is soon found.
    function _document(uint256 seed) private view returns (IDocumentAnchor.Document memory document, bool genuine) {
        (document, genuine) = _anyDocument(seed);
        for (uint256 n = 0; n < 4 && seed % 8 != 0; ++n) {
            if (_known(document, genuine)) break;
            (document, genuine) = _anyDocument(uint256(keccak256(abi.encode(seed, n))));
        }
    }

    /// @dev Where a document may be: by itself, in a batch, in a batch at a wrong index or as a node of its tree.
    function _anyDocument(uint256 seed) private view returns (IDocumentAnchor.Document memory document, bool genuine) {
        seed = uint256(keccak256(abi.encode(seed, "document")));
        address account = _submitter(seed);
        uint256 choice = seed % 16;
        if (choice < 7) return (_single(account, _leaf(seed >> 8)), true);
        uint256 tree = (seed >> 16) % TREES;
        if (choice == 7) return (_single(account, ids[LEAVES + tree]), true);
        document = planted(account, tree, _index(tree, seed >> 24));
        if (choice < 14) return (document, true);
        if (choice == 14) {
            document.index += 1 + (seed >> 64) % 300;
        } else {
            uint256 i = (seed >> 64) % treeNodes[tree].length;
            (document.leaf, document.proof) = (treeNodes[tree][i], proofOf(tree, i));
        }
    }

    /// @dev Of the large tree mostly a leaf that is among `ids`.
    function _index(uint256 tree, uint256 seed) private view returns (uint256) {
        if (treeSize(tree) < LARGEST_TREE || seed % 8 == 0) return (seed >> 3) % treeSize(tree);
        return [0, 1, 255, 256, 259][(seed >> 3) % 5];
    }

    /// @dev Mostly a dispute that was raised, if there is one.
    function _disputed(uint256 seed) private view returns (address, bytes32, address) {
        if (_raised.length == 0 || seed % 8 == 0) return (_submitter(seed), _leaf(seed >> 8), _account(seed >> 16));
        Raised storage raised = _raised[(seed >> 8) % _raised.length];
        return (raised.document.submitter, raised.document.leaf, raised.disputant);
    }

    /// @dev One reason in sixteen is missing; mostly one of two, so that acts repeat.
    function _revocationReason(uint256 seed) private pure returns (IDocumentAnchor.RevocationReason) {
        if (seed % 16 == 0) return IDocumentAnchor.RevocationReason.Unspecified;
        return IDocumentAnchor.RevocationReason(1 + seed % 2);
    }

    function _sign(address signer, bytes32 message) private view returns (bytes memory) {
        (bytes32 r, bytes32 vs) =
            vm.signCompact(secretOf[signer], anchorDigest(address(anchors), block.chainid, message));
        return abi.encodePacked(r, vs);
    }

    /// @dev The submitter's signature; another's, or over another leaf or time, if it is not to be well.
    function _signed(Anchoring memory stated, bool batch, uint256 seed) private view returns (bytes memory) {
        address signer = stated.submitter;
        bytes32 id_ = stated.id;
        uint40 signedAt = stated.signedAt;
        if (!stated.signedWell) {
            if (seed % 3 == 0) signer = _another(signer);
            else if (seed % 3 == 1) id_ = keccak256(abi.encode(id_));
            else ++signedAt;
        }
        bytes32 message = batch
            ? batchAnchoringMessage(id_, stated.count, stated.terms, signedAt, stated.deadline)
            : anchoringMessage(id_, stated.terms, signedAt, stated.deadline);
        return _sign(signer, message);
    }

    // ------------------------------------------------------------------ rules

    function _isValid(DocumentTerms terms) private pure returns (bool) {
        return DocumentTerms.unwrap(terms) < 2 ** 56;
    }

    function _isFuture(DocumentTerms terms) private view returns (bool) {
        uint256 expiry = DocumentTerms.unwrap(terms) % 2 ** 40;
        return expiry == 0 || expiry > block.timestamp;
    }

    function _isSame(IDocumentAnchor.Anchor memory held, Anchoring memory stated) private view returns (bool) {
        (bool streamed, bytes32 in_) = streamHeld(stated.submitter, stated.id);
        // A record knows 14 bits of its stream.
        bool endsAlike = uint256(in_) % 2 ** 14 == uint256(stated.stream) % 2 ** 14;
        return _hasSameTerms(held, stated) && streamed == stated.streamed && (!streamed || endsAlike);
    }

    function _hasSameTerms(IDocumentAnchor.Anchor memory held, Anchoring memory stated) private pure returns (bool) {
        uint256 word = DocumentTerms.unwrap(stated.terms);
        return word == uint256(held.kind) * 2 ** 40 + held.expiry && held.count == stated.count;
    }

    function _isBatchCall(bytes memory call) private view returns (bool) {
        bytes4 selector = bytes4(call);
        return selector == anchors.anchorBatch.selector || selector == anchors.anchorBatchBySignature.selector
            || selector == anchors.anchorBatchInStream.selector;
    }

    function _open(address account, bytes32 id_) private view returns (bool) {
        return streams[account][id_].declared && !streams[account][id_].continued;
    }

    function _known(IDocumentAnchor.Document memory document, bool genuine) private view returns (bool) {
        (IDocumentAnchor.DocumentStatus status,) = statusOf(document, genuine);
        return status != IDocumentAnchor.DocumentStatus.Unknown;
    }

    function _holdsLeaves(uint256 count, uint256 word, uint256 leaves) private pure returns (bool) {
        word %= 2 ** 248;
        if (word >= 2 ** 24 || word * 256 >= count) return false;
        for (uint256 n = 0; n < 256; ++n) {
            if (leaves & (1 << n) != 0 && word * 256 + n >= count) return false;
        }
        return true;
    }

    function _successor(address account, bytes32 leaf) private view returns (bool, Amendment memory link) {
        for (uint256 i = 0; i < amendments.length; ++i) {
            link = amendments[i];
            if (link.submitter == account && link.leaf == leaf) return (true, link);
        }
        return (false, link);
    }

    /// @dev Whether what is stated may be the document's successor.
    function _mayFollow(IDocumentAnchor.Document memory document, Anchoring memory next) private view returns (bool) {
        if (document.submitter == next.submitter && document.leaf == next.id) return false;
        for (uint256 i = 0; i < amendments.length; ++i) {
            Amendment memory link = amendments[i];
            if (link.submitter == next.submitter && link.leaf == next.id) return false;
            if (link.nextSubmitter == next.submitter && link.nextLeaf == next.id) return false;
        }
        IDocumentAnchor.Anchor memory held = recordOf(next.submitter, next.id);
        if (!_isValid(next.terms) || !_isFuture(next.terms)) return false;
        // If it is anchored, it may be in any stream or in none.
        return held.anchoredAt == 0 || (held.revokedAt == 0 && _hasSameTerms(held, next));
    }

    function _entry(Act act) private view returns (Entry memory entry) {
        (entry.act, entry.time) = (act, uint40(block.timestamp));
    }

    function _focus(Anchoring memory stated) private pure returns (IDocumentAnchor.Document memory) {
        return _single(stated.submitter, stated.id);
    }

    function _nowhere() private pure returns (IDocumentAnchor.Document memory) {
        return _single(address(0), 0);
    }

    function _single(address account, bytes32 leaf) private pure returns (IDocumentAnchor.Document memory) {
        return IDocumentAnchor.Document(account, leaf, 0, 0, new bytes32[](0));
    }
}
