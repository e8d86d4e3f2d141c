// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IOrganizationRegistry} from "../identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {DocumentTerms} from "./DocumentTerms.sol";

/// @title The register of anchored documents
/// @notice Answers for every document: did exactly this exist then, who vouched for it, is it still in force? It holds
/// fingerprints, times and states, never content.
///
/// Terms:
/// - *Leaf*: a document's salted fingerprint, see `DocumentLeaf`.
/// - *Submitter*: the key that anchored it: who sent the transaction, or who signed when another sent it. Records are
///   kept by submitter, so that nobody can take a leaf seen in another's transaction. Which organization the key spoke
///   for, and whether it counts as compromised, is resolved when the anchor is read: see {verify}.
/// - *Anchor*: a record under a submitter: a single document's leaf, or the root of a batch.
/// - *Batch*: the root of a Merkle tree over leaves at their indexes; its documents are shown by a proof.
/// - *Amendment*: a document's successor, with a reason. A document has at most one successor and one predecessor.
/// - *Countersignature*: another organization stands by the document too.
/// - *Dispute*: a party says that the document is wrong. It is shown, but takes nothing out of force.
/// - *Stream*: a declared sequence of anchors under one hash chain, so that one left out shows.
///
/// Nothing here is stopped by the emergency stop, and nothing that was anchored is ever overwritten.
interface IDocumentAnchor {
    /// @notice What holds of a document now; of several, the last of them in this order. Unknown -> Active; a dispute
    /// makes it Disputed, an amendment Superseded, time alone Expired, and a revocation Revoked, for ever.
    enum DocumentStatus {
        Unknown,
        Active,
        Disputed,
        Expired,
        Superseded,
        Revoked
    }

    /// @notice Why an anchor was revoked. `Unspecified` is refused.
    enum RevocationReason {
        Unspecified,
        EnteredInError,
        WrongSubject,
        ConsentWithdrawn,
        KeyCompromised,
        LegalOrder,
        NoLongerValid
    }

    /// @notice Why a document was amended. `Unspecified` is refused.
    enum AmendmentReason {
        Unspecified,
        Correction,
        Addendum,
        NewVersion,
        Reissue
    }

    /// @notice Why a document is disputed. `Unspecified` is refused.
    enum DisputeReason {
        Unspecified,
        Inaccurate,
        WrongSubject,
        NotIssued,
        ConsentMissing,
        Outdated
    }

    /// @notice Where a document is: under `submitter` by itself, with `root` zero, or in a batch of theirs.
    struct Document {
        address submitter;
        bytes32 leaf;
        bytes32 root; // of the batch; zero if the leaf is anchored by itself
        uint256 index; // the leaf's place in the batch
        bytes32[] proof; // from the batch leaf up to the root
    }

    /// @notice An anchor. A document of a batch that was amended or disputed has one too, with `anchoredAt` zero.
    struct Anchor {
        uint40 anchoredAt; // Unix seconds
        uint40 signedAt; // Unix seconds, what the submitter stated when another sent it; 0 if it sent it itself
        uint40 expiry; // Unix seconds; 0 if never
        uint40 revokedAt; // Unix seconds; 0 if not revoked
        uint32 count; // leaves of a batch; 0 for a single document
        uint16 kind;
        uint24 disputes; // those not withdrawn
        RevocationReason revocationReason;
        bool superseded;
        bool streamed; // whether it belongs to a stream
    }

    /// @notice The other end of an amendment.
    struct Link {
        bytes32 leaf;
        address submitter;
        uint40 amendedAt; // Unix seconds; 0 if there is none
        AmendmentReason reason;
    }

    /// @notice An organization's countersignature.
    struct Countersignature {
        address key;
        uint40 signedAt; // Unix seconds; 0 if there is none
        uint40 withdrawnAt; // Unix seconds; 0 if it stands
    }

    /// @notice A party's dispute of a document, and the answer to it.
    struct Dispute {
        uint40 raisedAt; // Unix seconds; 0 if there is none
        uint40 repliedAt; // Unix seconds; 0 if not answered
        uint40 withdrawnAt; // Unix seconds; 0 if it stands
        DisputeReason reason;
        bytes32 statement; // salted hash of what the party says; zero if nothing
        bytes32 reply; // salted hash of the answer; zero if none
    }

    /// @notice All that a contract relying on a document asks, in one answer.
    struct Verification {
        DocumentStatus status;
        uint40 anchoredAt; // Unix seconds
        OrganizationId organization; // whose key the submitter was when it anchored; zero if nobody's
        IOrganizationRegistry.KeyStatus keyStatus; // the key's status then
        bool compromised; // whether a cut-off, reported since, covers the anchor
    }

    /// @notice A single document was anchored. `stamp` is `signedAt << 216 | terms << 160 | submitter`; `signedAt`,
    /// Unix seconds, is 0 unless another sent what the submitter signed.
    // solhint-disable-next-line gas-indexed-events
    event DocumentAnchored(bytes32 indexed leaf, uint256 stamp);
    /// @notice Documents were anchored by a list. A leaf that had been anchored before is not among them.
    event DocumentsAnchored(address indexed submitter, DocumentTerms terms, bytes32[] leaves);
    /// @notice A batch was anchored. `signedAt` is 0 unless another sent what the submitter signed.
    event BatchAnchored(
        address indexed submitter, bytes32 indexed root, uint32 count, DocumentTerms terms, uint40 signedAt
    );
    /// @notice A stream was declared. `head` is where its hash chain begins.
    event StreamDeclared(address indexed submitter, bytes32 indexed stream, bytes32 head);
    /// @notice A stream goes on under another key of the same organization, from `head`.
    event StreamContinued(
        address indexed submitter, bytes32 indexed stream, address indexed formerSubmitter, bytes32 head
    );
    /// @notice An anchor was added to a stream; `head` is the hash of the head before and `id`.
    event StreamExtended(address indexed submitter, bytes32 indexed stream, bytes32 id, bytes32 head);
    /// @notice The submitter revoked its anchor. `stamp` is `reason << 160 | submitter`.
    // solhint-disable-next-line gas-indexed-events
    event AnchorRevoked(bytes32 indexed id, uint256 stamp);
    /// @notice Another key of the submitter's organization revoked an anchor. `stamp` is `reason << 160 | submitter`.
    // solhint-disable-next-line gas-indexed-events
    event AnchorRevokedByOtherKey(bytes32 indexed id, uint256 stamp, address key);
    /// @notice The submitter revoked leaves of its batch: bit n of `leaves` is the one at index `256 * word + n`.
    /// `stamp` is `word << 168 | reason << 160 | submitter`.
    // solhint-disable-next-line gas-indexed-events
    event LeavesRevoked(bytes32 root, uint256 stamp, uint256 leaves);
    /// @notice Another key of the submitter's organization revoked leaves of a batch.
    event LeavesRevokedByOtherKey(
        address indexed submitter,
        bytes32 indexed root,
        address key,
        uint24 word,
        uint256 leaves,
        RevocationReason reason
    );
    /// @notice A document got a successor.
    event DocumentAmended(
        address indexed submitter,
        bytes32 indexed leaf,
        address successorSubmitter,
        bytes32 indexed successorLeaf,
        AmendmentReason reason
    );
    /// @notice An organization countersigned a document.
    event DocumentCountersigned(
        address indexed submitter, bytes32 indexed leaf, OrganizationId indexed organization, address key
    );
    /// @notice An organization withdrew its countersignature.
    event CountersignatureWithdrawn(
        address indexed submitter, bytes32 indexed leaf, OrganizationId indexed organization, address key
    );
    /// @notice A party was named that may dispute a document.
    event PartyNamed(address indexed submitter, bytes32 indexed leaf, address indexed party);
    /// @notice A document was disputed. `statement` is a salted hash of what the disputant says.
    event DocumentDisputed(
        address indexed submitter,
        bytes32 indexed leaf,
        address indexed disputant,
        DisputeReason reason,
        bytes32 statement
    );
    /// @notice A dispute was answered. `reply` is a salted hash of the answer.
    event DisputeAnswered(
        address indexed submitter, bytes32 indexed leaf, address indexed disputant, address key, bytes32 reply
    );
    /// @notice A dispute was withdrawn.
    event DisputeWithdrawn(address indexed submitter, bytes32 indexed leaf, address indexed disputant);

    /// @notice Thrown when terms have bits above their kind.
    error DocumentAnchorInvalidTerms(DocumentTerms terms);
    /// @notice Thrown when an expiry is past already.
    error DocumentAnchorExpiryPast(uint40 expiry, uint40 blockTime);
    /// @notice Thrown when the leaf or root is anchored under the submitter with other terms or in another stream.
    error DocumentAnchorAlreadyAnchored(address submitter, bytes32 id, uint40 anchoredAt);
    /// @notice Thrown when a batch has no root or no leaves.
    error DocumentAnchorEmptyBatch(bytes32 root, uint32 count);
    /// @notice Thrown when nothing is anchored there, or a batch where a document is asked for.
    error DocumentAnchorUnknown(address submitter, bytes32 id);
    /// @notice Thrown when the proof does not lead from the leaf at this index to the root.
    error DocumentAnchorNotInBatch(bytes32 root, uint256 index, bytes32 leaf);
    /// @notice Thrown when an act states no reason.
    error DocumentAnchorReasonMissing();
    /// @notice Thrown when the anchor was revoked for another reason.
    error DocumentAnchorAlreadyRevoked(address submitter, bytes32 id, uint40 revokedAt, RevocationReason reason);
    /// @notice Thrown when a leaf beyond the batch is named.
    error DocumentAnchorLeavesOutOfRange(bytes32 root, uint256 word, uint256 leaves, uint32 count);
    /// @notice Thrown when the caller's key is not of the submitter's organization; the register refuses a key that is
    /// nobody's, retired or compromised.
    error DocumentAnchorNotSameOrganization(address submitter, address caller);
    /// @notice Thrown when the document has another successor.
    error DocumentAnchorAlreadyAmended(
        address submitter, bytes32 leaf, address successorSubmitter, bytes32 successorLeaf
    );
    /// @notice Thrown when the successor is the document itself, linked to another one already, or revoked.
    error DocumentAnchorInvalidSuccessor(address submitter, bytes32 leaf);
    /// @notice Thrown when a document is in force no more.
    error DocumentAnchorNotInForce(address submitter, bytes32 leaf, DocumentStatus status);
    /// @notice Thrown when an organization would countersign its own document.
    error DocumentAnchorOwnDocument(address submitter, bytes32 leaf, OrganizationId organization);
    /// @notice Thrown when the organization withdrew its countersignature: it cannot give it again.
    error DocumentAnchorCountersignatureWithdrawn(address submitter, bytes32 leaf, OrganizationId organization);
    /// @notice Thrown when the organization did not countersign.
    error DocumentAnchorNotCountersigned(address submitter, bytes32 leaf, OrganizationId organization);
    /// @notice Thrown when the party has disputed the document with another reason or statement, or withdrew.
    error DocumentAnchorAlreadyDisputed(address submitter, bytes32 leaf, address disputant);
    /// @notice Thrown when the party has no standing dispute of the document.
    error DocumentAnchorNotDisputed(address submitter, bytes32 leaf, address disputant);
    /// @notice Thrown when the dispute was answered with another reply.
    error DocumentAnchorAlreadyAnswered(address submitter, bytes32 leaf, address disputant);
    /// @notice Thrown when the leaf is not made of this content and this subject's key.
    error DocumentAnchorNotTheSubject(bytes32 leaf, bytes32 content, address subject);
    /// @notice Thrown when a signature is past its deadline.
    error DocumentAnchorSignatureExpired(uint40 deadline, uint40 blockTime);
    /// @notice Thrown when a signature is not the signer's, or is for another content, chain or contract.
    error DocumentAnchorInvalidSignature(address signer);
    /// @notice Thrown when the time of signing is missing or in the future.
    error DocumentAnchorInvalidSigningTime(uint40 signedAt, uint40 blockTime);
    /// @notice Thrown when the stream is not declared under the submitter, or goes on under another key.
    error DocumentAnchorUnknownStream(address submitter, bytes32 stream);
    /// @notice Thrown when the stream exists under the submitter already, so that it cannot continue another there.
    error DocumentAnchorStreamExists(address submitter, bytes32 stream);

    // ------------------------------------------------------------------ anchoring

    /// @notice Anchors a single document. Again with the same terms, it changes nothing.
    /// @param leaf The document's leaf.
    function anchor(bytes32 leaf, DocumentTerms terms) external;

    /// @notice Anchors documents, each by itself. Leaves that are anchored already are skipped.
    /// @return anchored How many were new.
    function anchorList(bytes32[] calldata leaves, DocumentTerms terms) external returns (uint256 anchored);

    /// @notice Anchors a batch of any size. Again with the same count and terms, it changes nothing.
    /// @param root The root of the tree over its leaves, see `DocumentLeaf`.
    /// @param count How many leaves it has.
    function anchorBatch(bytes32 root, uint32 count, DocumentTerms terms) external;

    /// @notice Anchors a document for a submitter, by its signature over
    /// `Anchoring(bytes32 leaf,uint256 terms,uint40 signedAt,uint40 deadline)`. What is anchored already is left as it
    /// is, so it does not matter who sends a signature first, or how often.
    /// @param signedAt Unix seconds, not in the future, as the submitter states it.
    /// @param deadline Unix seconds until which the signature counts.
    /// @param signature An ordinary key's, best in the 64 bytes of EIP-2098, or what an ERC-1271 wallet takes as one.
    function anchorBySignature(
        address submitter,
        bytes32 leaf,
        DocumentTerms terms,
        uint40 signedAt,
        uint40 deadline,
        bytes calldata signature
    ) external;

    /// @notice Anchors a batch for a submitter, by its signature over
    /// `BatchAnchoring(bytes32 root,uint32 count,uint256 terms,uint40 signedAt,uint40 deadline)`; else as
    /// {anchorBySignature}.
    function anchorBatchBySignature(
        address submitter,
        bytes32 root,
        uint32 count,
        DocumentTerms terms,
        uint40 signedAt,
        uint40 deadline,
        bytes calldata signature
    ) external;

    // ------------------------------------------------------------------ streams

    /// @notice Declares a stream of the caller's. Again, it changes nothing; once it went on under another key, it is
    /// refused.
    /// @param stream Its id: a salted hash of its name.
    function declareStream(bytes32 stream) external;

    /// @notice Goes on with a stream of another key of the caller's organization, which can then add nothing more.
    function continueStream(address formerSubmitter, bytes32 stream) external;

    /// @notice As {anchor}, in a stream of the caller's. A leaf is in one stream at most. Of which, a record knows the
    /// last 14 bits of the id: a repeat that names another stream is refused unless they are equal.
    function anchorInStream(bytes32 stream, bytes32 leaf, DocumentTerms terms) external;

    /// @notice As {anchorList}, in a stream of the caller's.
    function anchorListInStream(bytes32 stream, bytes32[] calldata leaves, DocumentTerms terms)
        external
        returns (uint256 anchored);

    /// @notice As {anchorBatch}, in a stream of the caller's.
    function anchorBatchInStream(bytes32 stream, bytes32 root, uint32 count, DocumentTerms terms) external;

    // ------------------------------------------------------------------ the submitter's organization

    /// @notice Revokes an anchor of the caller's: a document, or a whole batch. Final.
    /// @param id The leaf or root.
    function revoke(bytes32 id, RevocationReason reason) external;

    /// @notice Revokes an anchor of another key of the caller's organization.
    function revokeOf(address submitter, bytes32 id, RevocationReason reason) external;

    /// @notice Revokes up to 256 leaves of a batch of the caller's. Final.
    /// @param word Which 256 leaves; of 2^248 or more, the low 248 bits count.
    /// @param leaves Bit n is the leaf at index `256 * word + n`. Those revoked already are left as they are.
    function revokeLeaves(bytes32 root, uint256 word, uint256 leaves, RevocationReason reason) external;

    /// @notice Revokes leaves of a batch of another key of the caller's organization.
    function revokeLeavesOf(address submitter, bytes32 root, uint256 word, uint256 leaves, RevocationReason reason)
        external;

    /// @notice Gives a document of the caller's organization a successor, and anchors that under the caller unless it
    /// is anchored there. The same again changes nothing.
    /// @param document The one that is superseded.
    /// @param leaf The successor's leaf.
    /// @param terms The successor's terms.
    function amend(Document calldata document, bytes32 leaf, DocumentTerms terms, AmendmentReason reason) external;

    /// @notice Names a party that may dispute a document of the caller's organization.
    function nameParty(Document calldata document, address party) external;

    /// @notice Answers a dispute of a document of the caller's organization. The dispute stays until it is withdrawn.
    /// @param reply A salted hash of the answer.
    function answerDispute(address submitter, bytes32 leaf, address disputant, bytes32 reply) external;

    // ------------------------------------------------------------------ others

    /// @notice Countersigns a document in force for the caller's organization, which must be active and another one.
    function countersign(Document calldata document) external;

    /// @notice Withdraws the countersignature of the caller's organization. Final.
    function withdrawCountersignature(address submitter, bytes32 leaf) external;

    /// @notice Disputes a document, as a named party or a key of an active organization. A document has room for
    /// 2^24 - 1 standing disputes.
    /// @param statement A salted hash of what the caller says; zero if nothing.
    function dispute(Document calldata document, DisputeReason reason, bytes32 statement) external;

    /// @notice Disputes a document for its subject, whom its leaf commits to, by the subject's signature over
    /// `SubjectDispute(address submitter,bytes32 leaf,uint8 reason,bytes32 statement,uint40 deadline)`.
    /// @param content The document's content, see `DocumentLeaf`; with `subject` it makes the leaf.
    /// @param deadline Unix seconds until which the signature counts.
    function disputeAsSubject(
        Document calldata document,
        bytes32 content,
        address subject,
        DisputeReason reason,
        bytes32 statement,
        uint40 deadline,
        bytes calldata signature
    ) external;

    /// @notice Withdraws the caller's dispute. Final.
    function withdrawDispute(address submitter, bytes32 leaf) external;

    /// @notice Withdraws a subject's dispute, by its signature over
    /// `SubjectWithdrawal(address submitter,bytes32 leaf,uint40 deadline)`.
    function withdrawDisputeAsSubject(
        address submitter,
        bytes32 leaf,
        address subject,
        uint40 deadline,
        bytes calldata signature
    ) external;

    // ------------------------------------------------------------------ reads

    /// @return What holds of a document now. `Unknown` also for a proof that does not lead to the batch's root.
    function statusOf(Document calldata document) external view returns (DocumentStatus);

    /// @return Whether a document is in force: anchored, and neither expired, superseded nor revoked. A dispute does
    /// not matter here.
    function isInForce(Document calldata document) external view returns (bool);

    /// @return The status, and who vouched: the organization whose key the submitter was then, and what is known of
    /// that key. All zero if the document is unknown.
    function verify(Document calldata document) external view returns (Verification memory);

    /// @return The record under a submitter; all zero if there is none.
    function anchorOf(address submitter, bytes32 id) external view returns (Anchor memory);

    /// @return The newest document in a line of amendments; the one given if it has no successor.
    function latest(address submitter, bytes32 leaf) external view returns (address, bytes32);

    /// @return What superseded a document.
    function successorOf(address submitter, bytes32 leaf) external view returns (Link memory);

    /// @return What a document superseded.
    function predecessorOf(address submitter, bytes32 leaf) external view returns (Link memory);

    /// @return The revoked leaves of a batch: bit n is the leaf at index `256 * word + n`.
    function revokedLeavesOf(address submitter, bytes32 root, uint256 word) external view returns (uint256);

    /// @return An organization's countersignature of a document.
    function countersignatureOf(address submitter, bytes32 leaf, OrganizationId organization)
        external
        view
        returns (Countersignature memory);

    /// @return Whether a party was named that may dispute a document.
    function isParty(address submitter, bytes32 leaf, address party) external view returns (bool);

    /// @return A party's dispute of a document.
    function disputeOf(address submitter, bytes32 leaf, address disputant) external view returns (Dispute memory);

    /// @return The head of a stream's hash chain; zero if it is not declared or went on under another key.
    function headOf(address submitter, bytes32 stream) external view returns (bytes32);

    /// @return Where a stream's hash chain begins.
    function firstHeadOf(address submitter, bytes32 stream) external view returns (bytes32);

    /// @return The register of organizations that this contract asks.
    function registry() external view returns (IOrganizationRegistry);
}
