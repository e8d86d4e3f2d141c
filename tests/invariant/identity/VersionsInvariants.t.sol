// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {console} from "forge-std/console.sol";

import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {MemberRole} from "../../../contracts/identity/Roles.sol";
import {RehearsalWork} from "../../../contracts/testing/Rehearsal.sol";

import {IdentityFixture} from "./IdentityFixture.sol";
import {VersionsHandler} from "./VersionsHandler.sol";

/// @notice The invariants of `Haltable`, `Replaceable` and `SingleWriter`, on the contracts of the replacement drill;
/// tests/invariant/README.md lists them in prose.
/// forge-config: default.invariant.fail-on-revert = true
contract VersionsInvariants is IdentityFixture {
    VersionsHandler internal handler;
    RehearsalWork[] internal versions;
    OrganizationId[] internal organizations;

    function setUp() public override {
        super.setUp();
        versions = [firstVersion, nextVersion];
        organizations = [
            _admit("acme", makeAddr("insurer"), MemberRole.Payer), _admit("zenith", makeAddr("plan"), MemberRole.Payer)
        ];
        address[] memory keys = new address[](4);
        keys[0] = _addKey(organizations[0], "acme key");
        keys[1] = _addKey(organizations[0], "acme spare key");
        keys[2] = _addKey(organizations[1], "zenith key");
        keys[3] = _addKey(organizations[1], "zenith spare key");
        address[3] memory officers = [policyAdministrator, guardian, registrar];
        handler = new VersionsHandler(registry, ledger, versions, keys, officers);
        targetContract(address(handler));
    }

    function invariant_stop_reaches_what_runs_and_nothing_else() external view {
        assertEq(handler.stopBreach(), "");
        for (uint256 i = 0; i < versions.length; ++i) {
            assertEq(versions[i].halted(), handler.isHalted(versions[i]));
        }
    }

    function invariant_closed_version_takes_no_new_work() external view {
        assertEq(handler.versionBreach(), "");
        for (uint256 i = 0; i < versions.length; ++i) {
            assertEq(versions[i].isOpenToNewWork(), handler.isOpen(versions[i]));
        }
    }

    function invariant_task_begins_and_ends_exactly_when_the_rules_allow_it() external view {
        assertEq(handler.taskBreach(), "");
    }

    function invariant_work_under_way_is_what_began_and_has_not_ended() external view {
        for (uint256 i = 0; i < versions.length; ++i) {
            assertEq(versions[i].workUnderWay(), handler.underWay(versions[i]));
        }
    }

    function invariant_ledger_counts_only_what_its_writer_finished() external view {
        assertEq(handler.writerBreach(), "");
        for (uint256 i = 0; i < organizations.length; ++i) {
            assertEq(ledger.finishedBy(organizations[i]), handler.finished(organizations[i]));
        }
    }

    function invariant_ledger_has_the_one_writer_that_was_named() external view {
        assertEq(ledger.writer(), handler.writer());
    }

    function invariant_ledger_changes_hands_only_between_closed_versions() external view {
        assertEq(handler.handOverBreach(), "");
    }

    function invariant_officers_act_within_their_role_only() external view {
        assertEq(handler.officerBreach(), "");
    }

    function afterInvariant() external view {
        console.log("version calls", handler.calls());
    }

    /// @dev The handler itself, on a fixed stream of choices and in runs of the usual depth, reaches every kind of act.
    function test_handler_reaches_every_act() external {
        vm.pauseGasMetering();
        string[10] memory acts = [
            "begin",
            "finish",
            "withdraw",
            "halt",
            "resume",
            "open",
            "close",
            "set writer",
            "finish in a closed version",
            "withdraw while halted"
        ];
        uint256[10] memory reached;
        for (uint256 run = 0; run < 10; ++run) {
            setUp();
            for (uint256 step = 0; step < 100; ++step) {
                _drive(uint256(keccak256(abi.encode(run, step))));
            }
            for (uint256 i = 0; i < acts.length; ++i) {
                reached[i] += handler.reached(acts[i]);
            }
        }
        for (uint256 i = 0; i < acts.length; ++i) {
            console.log(reached[i], acts[i]);
            assertGt(reached[i], 0, acts[i]);
        }
    }

    function _drive(uint256 seed) private {
        uint256 act = (seed >> 128) % 13;
        if (act < 3) handler.begin(seed);
        else if (act < 5) handler.finish(seed);
        else if (act == 5) handler.withdraw(seed);
        else if (act == 6) handler.halt(seed);
        else if (act == 7) handler.resume(seed);
        else if (act == 8) handler.open(seed);
        else if (act == 9) handler.close(seed);
        else if (act == 10) handler.setWriter(seed);
        else if (act == 11) handler.count(seed);
        else handler.changeStanding(seed);
    }
}
