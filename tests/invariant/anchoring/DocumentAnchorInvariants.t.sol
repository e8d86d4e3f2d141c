// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {console} from "forge-std/console.sol";

import {IDocumentAnchor} from "../../../contracts/anchoring/IDocumentAnchor.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {MemberRole} from "../../../contracts/identity/Roles.sol";

import {AnchorFixture} from "./AnchorFixture.sol";
import {AnchorHandler} from "./AnchorHandler.sol";
import {AnchorModel, Rule, World} from "./AnchorModel.sol";

/// @notice The invariants of `DocumentAnchor`; tests/invariant/README.md lists them in prose.
/// forge-config: default.invariant.fail-on-revert = true
contract DocumentAnchorInvariants is AnchorFixture {
    AnchorHandler internal handler;

    function setUp() public override {
        super.setUp();
        OrganizationId insurer = _admit("insurer", makeAddr("insurer controller"), MemberRole.Payer);
        address adjuster = _addKey(insurer, "adjuster");
        address assistant = _addKey(laboratory, "assistant");
        World memory world;
        (world.anchors, world.registry) = (anchors, registry);
        (world.registrar, world.guardian, world.admin) = (registrar, guardian, admin);
        world.organizations = new OrganizationId[](3);
        (world.organizations[0], world.organizations[1], world.organizations[2]) = (clinic, laboratory, insurer);
        world.organizationControllers = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            world.organizationControllers[i] = registry.controllerOf(world.organizations[i]);
        }
        string[8] memory labels =
            ["doctor", "nurse", "chemist", "stranger", "assistant", "adjuster", "subject", "other subject"];
        world.organizationOf = new uint256[](8);
        (world.organizationOf[0], world.organizationOf[1], world.organizationOf[2]) = (1, 1, 2);
        (world.organizationOf[4], world.organizationOf[5]) = (2, 3);
        world.accounts = new address[](8);
        world.secrets = new uint256[](8);
        for (uint256 i = 0; i < 8; ++i) {
            (world.accounts[i], world.secrets[i]) = makeAddrAndKey(labels[i]);
        }
        assertEq(world.accounts[4], assistant);
        assertEq(world.accounts[5], adjuster);
        handler = new AnchorHandler(world);
        _settle();
        targetContract(address(handler));
    }

    // ------------------------------------------------------------------ records

    function invariant_record_is_written_once() external view {
        assertEq(handler.breach(Rule.RecordFixed), "");
    }

    function invariant_anchor_is_made_by_its_submitter() external view {
        assertEq(handler.breach(Rule.Submitter), "");
    }

    function invariant_revocation_is_final() external view {
        assertEq(handler.breach(Rule.RevocationFinal), "");
    }

    function invariant_only_the_submitters_organization_revokes_and_amends() external view {
        assertEq(handler.breach(Rule.Authority), "");
    }

    function invariant_others_change_nothing_but_the_number_of_disputes() external view {
        assertEq(handler.breach(Rule.Isolation), "");
    }

    /// forge-config: default.invariant.check-interval = 10
    function invariant_anchors_equal_the_model() external view {
        for (uint256 s = 0; s < handler.SUBMITTERS(); ++s) {
            address submitter = handler.submitter(s);
            for (uint256 i = 0; i < handler.IDS(); ++i) {
                bytes32 id = handler.id(i);
                assertEq(
                    abi.encode(anchors.anchorOf(submitter, id)), abi.encode(handler.recordOf(submitter, id)), "record"
                );
                if (i < handler.LEAVES()) continue;
                for (uint256 word = 0; word < 3; ++word) {
                    uint256 expected = handler.leavesRevoked(submitter, id, word);
                    assertEq(anchors.revokedLeavesOf(submitter, id, word), expected, "revoked leaves");
                }
            }
        }
    }

    function invariant_call_succeeds_exactly_when_the_rules_allow_it() external view {
        assertEq(handler.breach(Rule.Outcome), "");
    }

    // ------------------------------------------------------------------ documents

    /// forge-config: default.invariant.check-interval = 20
    function invariant_status_follows_from_history_and_time() external view {
        assertEq(handler.breach(Rule.Status), "");
        for (uint256 s = 0; s < handler.SUBMITTERS(); ++s) {
            address submitter = handler.submitter(s);
            for (uint256 i = 0; i < handler.IDS(); ++i) {
                _checkStatus(_single(submitter, handler.id(i)));
            }
            for (uint256 tree = 0; tree < handler.TREES(); ++tree) {
                uint256[6] memory indexes = _indexes(tree);
                for (uint256 i = 0; i < 6; ++i) {
                    _checkStatus(handler.planted(submitter, tree, indexes[i]));
                }
            }
        }
    }

    /// forge-config: default.invariant.check-interval = 20
    function invariant_revoked_leaf_is_never_in_force_under_any_index() external view {
        for (uint256 s = 0; s < handler.SUBMITTERS(); ++s) {
            address submitter = handler.submitter(s);
            for (uint256 tree = 0; tree < handler.TREES(); ++tree) {
                for (uint256 i = 0; i < handler.treeSize(tree) && i < 8; ++i) {
                    if (handler.leavesRevoked(submitter, handler.id(handler.LEAVES() + tree), 0) & (1 << i) == 0) {
                        continue;
                    }
                    IDocumentAnchor.Document memory document = handler.planted(submitter, tree, i);
                    _assertStatus(document, IDocumentAnchor.DocumentStatus.Revoked);
                    for (uint256 n = 0; n < 12; ++n) {
                        document.index = n < 9 ? n : 252 + n * n;
                        if (document.index != i) _assertStatus(document, IDocumentAnchor.DocumentStatus.Unknown);
                    }
                }
            }
        }
    }

    /// forge-config: default.invariant.check-interval = 10
    function invariant_inner_node_is_never_a_document() external view {
        uint256 calls = handler.calls();
        for (uint256 s = 0; s < handler.SUBMITTERS(); ++s) {
            for (uint256 tree = 0; tree < handler.TREES(); ++tree) {
                for (uint256 n = 0; n < 6; ++n) {
                    uint256 place = (calls * 7 + n) % (2 * handler.treeSize(tree) - 1);
                    IDocumentAnchor.Document memory document = IDocumentAnchor.Document({
                        submitter: handler.submitter(s),
                        leaf: handler.nodeOf(tree, place),
                        root: handler.nodeOf(tree, 0),
                        index: n % handler.treeSize(tree),
                        proof: handler.proofOf(tree, place)
                    });
                    _assertStatus(document, IDocumentAnchor.DocumentStatus.Unknown);
                    // By itself it is one only if it was anchored as one: of these that happens to roots alone.
                    if (place == 0) continue;
                    _assertStatus(_single(document.submitter, document.leaf), IDocumentAnchor.DocumentStatus.Unknown);
                }
            }
        }
    }

    /// forge-config: default.invariant.check-interval = 10
    function invariant_verify_tells_who_vouched() external view {
        for (uint256 s = 0; s < handler.SUBMITTERS(); ++s) {
            address submitter = handler.submitter(s);
            for (uint256 i = 0; i < handler.LEAVES(); ++i) {
                IDocumentAnchor.Verification memory found = anchors.verify(_single(submitter, handler.id(i)));
                if (found.status == IDocumentAnchor.DocumentStatus.Unknown) continue;
                assertEq(found.anchoredAt, handler.recordOf(submitter, handler.id(i)).anchoredAt, "anchored at");
                (OrganizationId organization, bool compromised) = handler.vouched(submitter, found.anchoredAt);
                assertTrue(found.organization == organization, "organization");
                assertEq(found.compromised, compromised, "compromised");
            }
        }
    }

    // ------------------------------------------------------------------ streams

    /// forge-config: default.invariant.check-interval = 10
    function invariant_head_commits_to_every_anchor_of_its_stream() external view {
        for (uint256 s = 0; s < handler.SUBMITTERS(); ++s) {
            for (uint256 n = 0; n < handler.STREAMS(); ++n) {
                bytes32 id = handler.stream(n);
                AnchorModel.Stream memory stream = handler.streamOf(handler.submitter(s), id);
                bytes32 head = anchors.headOf(handler.submitter(s), id);
                bool open = stream.declared && !stream.continued;
                assertEq(head, open ? _fold(stream, type(uint256).max) : bytes32(0), "head");
                for (uint256 i = 0; i < stream.ids.length && open; ++i) {
                    assertTrue(head != _fold(stream, i), "one left out");
                }
            }
        }
    }

    /// @dev So nothing says that it belongs to a stream and is left out of every chain.
    /// forge-config: default.invariant.check-interval = 10
    function invariant_streamed_record_is_in_one_stream() external view {
        address[] memory accounts = handler.accounts(); // a stream may go on under any of them
        for (uint256 s = 0; s < handler.SUBMITTERS(); ++s) {
            for (uint256 i = 0; i < handler.IDS(); ++i) {
                uint256 times = 0;
                for (uint256 k = 0; k < accounts.length; ++k) {
                    for (uint256 n = 0; n < handler.STREAMS(); ++n) {
                        AnchorModel.Stream memory stream = handler.streamOf(accounts[k], handler.stream(n));
                        if (stream.continued) continue; // it is told of where it went on
                        times += _count(stream.ids, handler.id(i));
                    }
                }
                bool streamed = anchors.anchorOf(handler.submitter(s), handler.id(i)).streamed;
                if (streamed) assertGt(times, 0, "in a stream");
                uint256 holders = 0;
                for (uint256 k = 0; k < handler.SUBMITTERS(); ++k) {
                    if (anchors.anchorOf(handler.submitter(k), handler.id(i)).streamed) ++holders;
                }
                assertEq(times, holders, "once for each submitter");
            }
        }
    }

    // ------------------------------------------------------------------ amendments

    /// forge-config: default.invariant.check-interval = 10
    function invariant_amendments_are_lines_that_agree_both_ways() external view {
        AnchorModel.Amendment[] memory amendments = handler.allAmendments();
        for (uint256 s = 0; s < handler.SUBMITTERS(); ++s) {
            address submitter = handler.submitter(s);
            for (uint256 i = 0; i < handler.IDS(); ++i) {
                bytes32 leaf = handler.id(i);
                IDocumentAnchor.Link memory next = anchors.successorOf(submitter, leaf);
                IDocumentAnchor.Link memory former = anchors.predecessorOf(submitter, leaf);
                assertEq(anchors.anchorOf(submitter, leaf).superseded, next.amendedAt != 0, "superseded");
                if (next.amendedAt != 0) {
                    IDocumentAnchor.Link memory back = anchors.predecessorOf(next.submitter, next.leaf);
                    assertEq(
                        abi.encode(back),
                        abi.encode(IDocumentAnchor.Link(leaf, submitter, next.amendedAt, next.reason)),
                        "back"
                    );
                }
                if (former.amendedAt != 0) {
                    IDocumentAnchor.Link memory forth = anchors.successorOf(former.submitter, former.leaf);
                    assertEq(forth.submitter, submitter, "forth");
                    assertEq(forth.leaf, leaf, "forth");
                }
                _checkLine(submitter, leaf);
            }
        }
        for (uint256 i = 0; i < amendments.length; ++i) {
            AnchorModel.Amendment memory made = amendments[i];
            IDocumentAnchor.Link memory expected =
                IDocumentAnchor.Link(made.nextLeaf, made.nextSubmitter, made.time, made.reason);
            assertEq(abi.encode(anchors.successorOf(made.submitter, made.leaf)), abi.encode(expected), "successor");
        }
    }

    // ------------------------------------------------------------------ others

    function invariant_only_parties_subjects_and_active_members_dispute() external view {
        assertEq(handler.breach(Rule.Disputant), "");
    }

    /// forge-config: default.invariant.check-interval = 20
    function invariant_disputes_are_those_that_stand() external view {
        address[] memory accounts = handler.accounts();
        for (uint256 s = 0; s < handler.SUBMITTERS(); ++s) {
            address submitter = handler.submitter(s);
            for (uint256 i = 0; i < handler.IDS(); ++i) {
                bytes32 leaf = handler.id(i);
                uint256 standing = 0;
                for (uint256 k = 0; k < accounts.length; ++k) {
                    IDocumentAnchor.Dispute memory found = anchors.disputeOf(submitter, leaf, accounts[k]);
                    assertEq(abi.encode(found), abi.encode(handler.disputeOf(submitter, leaf, accounts[k])), "dispute");
                    if (found.raisedAt != 0 && found.withdrawnAt == 0) ++standing;
                    assertEq(
                        anchors.isParty(submitter, leaf, accounts[k]),
                        handler.isParty(submitter, leaf, accounts[k]),
                        "party"
                    );
                }
                assertEq(anchors.anchorOf(submitter, leaf).disputes, standing, "disputes");
            }
        }
    }

    /// forge-config: default.invariant.check-interval = 20
    function invariant_countersignatures_change_only_by_their_organization() external view {
        assertEq(handler.breach(Rule.Countersigner), "");
        for (uint256 s = 0; s < handler.SUBMITTERS(); ++s) {
            address submitter = handler.submitter(s);
            for (uint256 i = 0; i < handler.IDS(); ++i) {
                for (uint256 k = 0; k < handler.ORGANIZATIONS(); ++k) {
                    assertEq(
                        abi.encode(anchors.countersignatureOf(submitter, handler.id(i), handler.organization(k))),
                        abi.encode(handler.countersignature(submitter, handler.id(i), k)),
                        "countersignature"
                    );
                }
            }
        }
    }

    // ------------------------------------------------------------------ not vacuous

    function afterInvariant() external view {
        console.log("calls", handler.calls(), "accepted", handler.accepted());
        assertGt(handler.accepted(), 0);
    }

    /// @dev The handler itself, on a fixed stream of choices and in runs of the usual depth, reaches every kind of act.
    function test_handler_reaches_every_act() external {
        vm.pauseGasMetering();
        string[51] memory acts = [
            "anchor",
            "anchor again",
            "anchor again in stream",
            "anchor batch",
            "anchor by signature",
            "anchor batch by signature",
            "anchor list",
            "anchor list in stream",
            "anchor list after its expiry",
            "anchor in stream",
            "anchor batch in stream",
            "declare stream",
            "declare stream again",
            "continue stream",
            "revoke",
            "revoke of another key",
            "revoke again",
            "revoke leaves",
            "revoke leaves of another key",
            "revoke leaves by a word that comes round",
            "amend",
            "amend in a batch",
            "amend again",
            "name party",
            "answer dispute",
            "answer again",
            "countersign",
            "countersign again",
            "withdraw countersignature",
            "withdraw countersignature again",
            "dispute",
            "dispute as party",
            "dispute as subject",
            "dispute again",
            "withdraw dispute",
            "withdraw dispute again",
            "withdraw dispute by signature",
            "suspend",
            "reinstate",
            "freeze",
            "release",
            "retire key",
            "report key",
            "status Unknown",
            "status Active",
            "status Disputed",
            "status Expired",
            "status Superseded",
            "status Revoked",
            "status Revoked by itself",
            "status of a revoked root"
        ];
        uint256[51] memory reached;
        uint256 refused;
        for (uint256 run = 0; run < 24; ++run) {
            setUp();
            for (uint256 step = 0; step < 100; ++step) {
                _drive(uint256(keccak256(abi.encode(run, step))));
            }
            for (uint256 i = 0; i < acts.length; ++i) {
                reached[i] += handler.reached(acts[i]);
            }
            for (uint256 i = 0; i <= uint256(type(Rule).max); ++i) {
                assertEq(handler.breach(Rule(i)), "");
            }
            refused += handler.calls() - handler.accepted();
        }
        for (uint256 i = 0; i < acts.length; ++i) {
            console.log(reached[i], acts[i]);
            assertGt(reached[i], 0, acts[i]);
        }
        assertGt(refused, 200, "refused calls");
    }

    function _drive(uint256 seed) private {
        uint256 time = seed >> 64;
        uint256 act = seed % 17;
        seed = uint256(keccak256(abi.encode(seed)));
        if (act == 0) handler.anchor(seed, time);
        else if (act == 1) handler.anchorBatch(seed, time);
        else if (act == 2) handler.anchorBySignature(seed, time);
        else if (act == 3) handler.anchorInStream(seed, time);
        else if (act == 4) handler.anchorList(seed, time);
        else if (act == 5) handler.changeStream(seed, time);
        else if (act == 6) handler.revoke(seed, time);
        else if (act == 7) handler.revokeLeaves(seed, time);
        else if (act == 8) handler.amend(seed, time);
        else if (act == 9) handler.nameParty(seed, time);
        else if (act == 10) handler.answerDispute(seed, time);
        else if (act == 11) handler.countersign(seed, time);
        else if (act == 12) handler.withdrawCountersignature(seed, time);
        else if (act == 13) handler.dispute(seed, time);
        else if (act == 14) handler.disputeAsSubject(seed, time);
        else if (act == 15) handler.withdrawDispute(seed, time);
        else handler.changeStanding(seed, time);
    }

    /// @dev A few anchors, so that short runs are deep too. All of it through the handler.
    function _settle() private {
        for (uint256 step = 0; step < 12; ++step) {
            uint256 seed = uint256(keccak256(abi.encode("settle", step)));
            if (step % 3 == 0) handler.anchor(seed, 0);
            else if (step % 3 == 1) handler.anchorBatch(seed, 0);
            else handler.changeStream(seed << 1, 0);
        }
    }

    // ------------------------------------------------------------------ helpers

    function _checkStatus(IDocumentAnchor.Document memory document) private view {
        (IDocumentAnchor.DocumentStatus expected,) = handler.statusOf(document, true);
        _assertStatus(document, expected);
    }

    function _indexes(uint256 tree) private view returns (uint256[6] memory indexes) {
        if (handler.treeSize(tree) > 250) return [uint256(0), 1, 5, 255, 256, 259];
        for (uint256 i = 0; i < 6; ++i) {
            indexes[i] = i % handler.treeSize(tree);
        }
    }

    function _fold(AnchorModel.Stream memory stream, uint256 except) private pure returns (bytes32 head) {
        head = stream.first;
        for (uint256 i = 0; i < stream.ids.length; ++i) {
            if (i != except) head = keccak256(bytes.concat(head, stream.ids[i]));
        }
    }

    function _count(bytes32[] memory list, bytes32 id) private pure returns (uint256 times) {
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i] == id) ++times;
        }
    }

    /// @dev Following successors ends, at what `latest` gives, without passing a document twice.
    function _checkLine(address submitter, bytes32 leaf) private view {
        (address lastSubmitter, bytes32 lastLeaf) = anchors.latest(submitter, leaf);
        uint256 most = handler.SUBMITTERS() * handler.IDS() * 2;
        for (uint256 steps = 0; steps <= most; ++steps) {
            IDocumentAnchor.Link memory next = anchors.successorOf(submitter, leaf);
            if (next.amendedAt == 0) {
                assertEq(submitter, lastSubmitter, "latest");
                assertEq(leaf, lastLeaf, "latest");
                return;
            }
            (submitter, leaf) = (next.submitter, next.leaf);
        }
        assertTrue(false, "a line without an end");
    }
}
