// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {console} from "forge-std/console.sol";

import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {MemberRole, MemberRoles} from "../../../contracts/identity/Roles.sol";

import {IdentityFixture} from "./IdentityFixture.sol";
import {RegistryHandler} from "./RegistryHandler.sol";
import {Officers, RegistryModel, Rule} from "./RegistryModel.sol";

/// @notice The invariants of `OrganizationRegistry`; tests/invariant/README.md lists them in prose.
/// forge-config: default.invariant.fail-on-revert = true
contract OrganizationRegistryInvariants is IdentityFixture {
    using MemberRoles for uint32;

    RegistryHandler internal handler;

    function setUp() public override {
        super.setUp();
        handler = new RegistryHandler(registry, Officers(registrar, policyAdministrator, guardian, admin));
        _settle();
        targetContract(address(handler));
    }

    // ------------------------------------------------------------------ keys

    function invariant_key_keeps_its_organization() external view {
        assertEq(handler.breach(Rule.KeyOrganization), "");
    }

    function invariant_key_status_only_moves_forward() external view {
        assertEq(handler.breach(Rule.KeyStatus), "");
    }

    function invariant_cut_off_never_moves_forward() external view {
        assertEq(handler.breach(Rule.KeyCutOff), "");
    }

    function invariant_key_times_are_written_once() external view {
        assertEq(handler.breach(Rule.KeyTimes), "");
    }

    function invariant_keys_change_only_by_their_controller() external view {
        assertEq(handler.breach(Rule.KeyAuthority), "");
    }

    function invariant_key_needs_proof_of_possession() external view {
        assertEq(handler.breach(Rule.KeyPossession), "");
    }

    function invariant_controller_cut_off_stays_in_its_window() external view {
        assertEq(handler.breach(Rule.CutOffWindow), "");
    }

    /// forge-config: default.invariant.check-interval = 0
    function invariant_key_history_repeats_what_was_said() external view {
        (, RegistryModel.KeyReading[] memory readings) = handler.readings();
        for (uint256 i = 0; i < readings.length; ++i) {
            RegistryModel.KeyReading memory reading = readings[i];
            uint40[3] memory times = [reading.from, reading.to, (reading.from + reading.to) / 2];
            for (uint256 n = 0; n < 3; ++n) {
                IOrganizationRegistry.KeyAtTime memory answer = registry.organizationAt(reading.key, times[n]);
                assertEq(uint8(answer.status), uint8(reading.said), "status");
                assertTrue(answer.organization == reading.organization, "organization");
            }
        }
    }

    /// forge-config: default.invariant.check-interval = 0
    function invariant_cut_off_covers_every_later_time_since_its_report() external view {
        (, RegistryModel.KeyReading[] memory readings) = handler.readings();
        for (uint256 i = 0; i < readings.length; ++i) {
            address key = readings[i].key;
            IOrganizationRegistry.Key memory record = registry.keyOf(key);
            uint40[4] memory times =
                [readings[i].from, readings[i].to, record.compromisedSince, uint40(block.timestamp)];
            for (uint256 n = 0; n < 4; ++n) {
                IOrganizationRegistry.KeyAtTime memory answer = registry.organizationAt(key, times[n]);
                assertEq(answer.compromised, answer.reportedAt != 0, "compromised");
                assertEq(answer.reportedAt, _firstReport(key, record.addedAt, times[n]), "reported");
            }
        }
    }

    // ------------------------------------------------------------------ organizations

    function invariant_standing_follows_its_table() external view {
        assertEq(handler.breach(Rule.Standing), "");
    }

    function invariant_membership_changes_only_by_its_authority() external view {
        assertEq(handler.breach(Rule.MembershipAuthority), "");
    }

    /// forge-config: default.invariant.check-interval = 0
    function invariant_membership_history_repeats_what_was_said() external view {
        (RegistryModel.MembershipReading[] memory readings,) = handler.readings();
        for (uint256 i = 0; i < readings.length; ++i) {
            RegistryModel.MembershipReading memory reading = readings[i];
            OrganizationId id = handler.organization(reading.organization).id;
            bytes32 said = keccak256(abi.encode(reading.said));
            assertEq(keccak256(abi.encode(registry.membershipAt(id, reading.from))), said, "from");
            assertEq(keccak256(abi.encode(registry.membershipAt(id, reading.to))), said, "to");
            uint40 between = (reading.from + reading.to) / 2;
            assertEq(keccak256(abi.encode(registry.membershipAt(id, between))), said, "between");
        }
    }

    function invariant_member_roles_are_known_ones() external view {
        for (uint256 i = 0; i < handler.ORGANIZATIONS(); ++i) {
            uint32 memberRoles = registry.membershipOf(handler.organization(i).id).memberRoles;
            assertEq(memberRoles & ~MemberRoles.ALL, 0);
        }
    }

    function invariant_identifier_keeps_its_holder() external view {
        assertEq(handler.breach(Rule.Identifier), "");
        for (uint256 value = 0; value <= 4; ++value) {
            assertTrue(
                registry.organizationByIdentifier("GLN", bytes32(value)) == handler.holder("GLN", bytes32(value))
            );
            assertTrue(
                registry.organizationByIdentifier("NPI", bytes32(value)) == handler.holder("NPI", bytes32(value))
            );
        }
    }

    function invariant_repeated_admission_changes_nothing() external view {
        assertEq(handler.breach(Rule.Repetition), "");
    }

    function invariant_contracts_are_published_only_in_force() external view {
        assertEq(handler.breach(Rule.Publication), "");
        for (uint256 i = 0; i < handler.ORGANIZATIONS(); ++i) {
            OrganizationId id = handler.organization(i).id;
            for (uint256 kind = 1; kind <= 3; ++kind) {
                assertEq(registry.contractOf(id, bytes32(kind)), handler.publication(id, bytes32(kind)));
            }
        }
    }

    function invariant_unadmitted_organization_has_nothing() external view {
        for (uint256 i = 0; i < handler.ORGANIZATIONS(); ++i) {
            OrganizationId id = handler.organization(i).id;
            bool known = registry.membershipOf(id).standing != IOrganizationRegistry.Standing.Unknown;
            assertEq(registry.controllerOf(id) != address(0), known, "controller");
            if (known) continue;
            IOrganizationRegistry.Membership memory none;
            assertEq(keccak256(abi.encode(registry.membershipOf(id))), keccak256(abi.encode(none)), "membership");
            assertEq(registry.recoveryOf(id).newController, address(0), "recovery");
            assertEq(registry.metadataCommitmentOf(id), 0, "metadata");
        }
    }

    function invariant_records_equal_the_model() external view {
        for (uint256 i = 0; i < handler.ORGANIZATIONS(); ++i) {
            RegistryModel.Organization memory expected = handler.organization(i);
            IOrganizationRegistry.Membership memory membership = registry.membershipOf(expected.id);
            assertEq(keccak256(abi.encode(membership)), keccak256(abi.encode(expected.membership)), "membership");
            assertEq(registry.controllerOf(expected.id), expected.controller, "controller");
            assertEq(registry.pendingControllerOf(expected.id), expected.pendingController, "pending controller");
            assertEq(registry.metadataCommitmentOf(expected.id), expected.metadataCommitment, "metadata");
            IOrganizationRegistry.Recovery memory recovery = registry.recoveryOf(expected.id);
            assertEq(recovery.newController, expected.recoveryController, "recovery");
            assertEq(recovery.readyAt, expected.recoveryReadyAt, "ready");
        }
        for (uint256 i = 0; i < handler.KEYS(); ++i) {
            (address key, IOrganizationRegistry.Key memory expected) = handler.key(i);
            assertEq(keccak256(abi.encode(registry.keyOf(key))), keccak256(abi.encode(expected)), "key");
        }
    }

    // ------------------------------------------------------------------ answers

    function invariant_require_active_answers_for_active_organizations_only() external view {
        for (uint256 i = 0; i < handler.KEYS(); ++i) {
            (address key, IOrganizationRegistry.Key memory record) = handler.key(i);
            uint32 anyOf = _set(i);
            bool expected = handler.statusOf(key) == IOrganizationRegistry.KeyStatus.Active
                && _active(_membership(record.organization), anyOf);
            try registry.requireActive(key, anyOf) returns (OrganizationId organization) {
                assertTrue(expected, "answered");
                assertTrue(organization == record.organization, "organization");
            } catch {
                assertFalse(expected, "refused");
            }
        }
    }

    function invariant_require_active_organization_passes_active_ones_only() external view {
        for (uint256 i = 0; i < handler.ORGANIZATIONS(); ++i) {
            RegistryModel.Organization memory member = handler.organization(i);
            uint32 anyOf = _set(i);
            bool expected = _active(member.membership, anyOf);
            try registry.requireActiveOrganization(member.id, anyOf) {
                assertTrue(expected, "passed");
            } catch {
                assertFalse(expected, "refused");
            }
        }
    }

    function invariant_require_payable_passes_known_and_not_frozen_ones_only() external view {
        for (uint256 i = 0; i < handler.ORGANIZATIONS(); ++i) {
            RegistryModel.Organization memory member = handler.organization(i);
            bool expected =
                member.membership.standing != IOrganizationRegistry.Standing.Unknown && !member.membership.frozen;
            try registry.requirePayable(member.id) {
                assertTrue(expected, "passed");
            } catch {
                assertFalse(expected, "refused");
            }
        }
    }

    function invariant_require_key_answers_for_valid_keys_only() external view {
        for (uint256 i = 0; i < handler.KEYS(); ++i) {
            (address key, IOrganizationRegistry.Key memory record) = handler.key(i);
            bool expected = handler.statusOf(key) == IOrganizationRegistry.KeyStatus.Active
                && !_membership(record.organization).frozen;
            try registry.requireKey(key) returns (OrganizationId organization) {
                assertTrue(expected, "answered");
                assertTrue(organization == record.organization, "organization");
            } catch {
                assertFalse(expected, "refused");
            }
        }
    }

    function invariant_is_active_says_what_require_active_does() external view {
        for (uint256 i = 0; i < handler.ORGANIZATIONS(); ++i) {
            RegistryModel.Organization memory member = handler.organization(i);
            MemberRole role = MemberRole((handler.calls() + i) % (uint256(type(MemberRole).max) + 1));
            assertEq(registry.isActive(member.id, role), _active(member.membership, uint32(1) << uint8(role)));
        }
    }

    // ------------------------------------------------------------------ control

    function invariant_frozen_exactly_while_a_contested_recovery_waits() external view {
        assertEq(handler.breach(Rule.Freeze), "");
        for (uint256 i = 0; i < handler.ORGANIZATIONS(); ++i) {
            RegistryModel.Organization memory expected = handler.organization(i);
            IOrganizationRegistry.Recovery memory recovery = registry.recoveryOf(expected.id);
            bool frozen = registry.membershipOf(expected.id).frozen;
            assertEq(recovery.contested, recovery.readyAt == type(uint40).max, "contested");
            bool waits = recovery.newController != address(0) && (recovery.contested || expected.upheld);
            assertEq(frozen, waits, "frozen");
        }
    }

    function invariant_control_passes_only_to_the_named_account() external view {
        assertEq(handler.breach(Rule.Control), "");
    }

    function invariant_recovery_waits_for_its_delay_or_the_admin() external view {
        assertEq(handler.breach(Rule.RecoveryDelay), "");
    }

    function invariant_recovery_holds_keys_and_offers_still() external view {
        assertEq(handler.breach(Rule.RecoveryStandstill), "");
    }

    function invariant_call_succeeds_exactly_when_the_rules_allow_it() external view {
        assertEq(handler.breach(Rule.Outcome), "");
    }

    // ------------------------------------------------------------------ not vacuous

    function afterInvariant() external view {
        console.log("registry calls", handler.calls(), "accepted", handler.accepted());
        assertGt(handler.accepted(), 0);
    }

    /// @dev The handler itself, on a fixed stream of choices and in runs of the usual depth, reaches every kind of act.
    function test_handler_reaches_every_act() external {
        vm.pauseGasMetering();
        string[31] memory acts = [
            "admit",
            "admit again",
            "renew",
            "change member roles",
            "assign identifier",
            "withdraw identifier",
            "commit metadata",
            "suspend",
            "reinstate",
            "expel",
            "add key",
            "add key again",
            "retire key",
            "report as registrar",
            "report as controller",
            "cut-off moved back",
            "report a retired key",
            "offer control",
            "accept control",
            "start recovery",
            "cancel recovery",
            "contest as controller",
            "contest by key",
            "contest as guardian",
            "uphold recovery",
            "correct recovery",
            "reject recovery",
            "complete recovery",
            "complete upheld recovery",
            "publish contract",
            "withdraw a contract while not in force"
        ];
        uint256[31] memory reached;
        uint256 refused;
        for (uint256 run = 0; run < 30; ++run) {
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
        uint40 wide = uint40(seed >> 160);
        uint32 set = uint32(seed >> 200);
        uint256 act = seed % 19;
        seed = uint256(keccak256(abi.encode(seed)));
        if (act == 0) handler.admit(seed, time, set, wide);
        else if (act == 1) handler.renew(seed, time, wide);
        else if (act == 2) handler.changeMemberRoles(seed, time, set, set % 2 == 0);
        else if (act == 3) handler.assignIdentifier(seed, time);
        else if (act == 4) handler.commitMetadata(seed, time);
        else if (act == 5) handler.changeStanding(seed, time);
        else if (act == 6) handler.addKey(seed, time, set);
        else if (act == 7) handler.retireKey(seed, time);
        else if (act == 8) handler.reportCompromise(seed, time, wide);
        else if (act == 9) handler.transferController(seed, time);
        else if (act == 10) handler.acceptController(seed, time);
        else if (act == 11) handler.startRecovery(seed, time);
        else if (act == 12) handler.cancelRecovery(seed, time);
        else if (act == 13) handler.contestRecovery(seed, time);
        else if (act == 14) handler.settleRecovery(seed, time, set);
        else if (act == 15) handler.completeRecovery(seed, time);
        else if (act == 16) handler.contestRecoveryAsGuardian(seed, time);
        else if (act == 17) handler.withdrawIdentifier(seed, time);
        else handler.publishContract(seed, time);
    }

    /// @dev A few organizations with keys, so that short runs are deep too. All of it through the handler.
    function _settle() private {
        for (uint256 step = 0; handler.reached("add key") < 3; ++step) {
            uint256 seed = uint256(keccak256(abi.encode("settle", step)));
            if (step % 2 == 0) handler.admit(seed, 0, uint32(seed), uint40(seed >> 64));
            else handler.addKey(seed, 0, 0);
        }
    }

    // ------------------------------------------------------------------ rules

    /// @dev When it was first reported that the key was compromised at `time` already; zero if it never was.
    function _firstReport(address key, uint40 addedAt, uint40 time) private view returns (uint40) {
        RegistryModel.Report[] memory reports = handler.reportsOf(key);
        for (uint256 i = 0; i < reports.length && time >= addedAt; ++i) {
            if (reports[i].cutOff <= time) return reports[i].reportedAt;
        }
        return 0;
    }

    function _membership(OrganizationId id) private view returns (IOrganizationRegistry.Membership memory membership) {
        for (uint256 i = 0; i < handler.ORGANIZATIONS(); ++i) {
            if (handler.organization(i).id == id) return handler.organization(i).membership;
        }
    }

    /// @dev A set of member roles that changes from call to call: one role, two, none, or all.
    function _set(uint256 i) private view returns (uint32) {
        uint256 n = handler.calls() + i;
        if (n % 16 == 0) return 0;
        if (n % 16 == 1) return type(uint32).max;
        return uint32(1) << uint32(n % 11) | uint32(1) << uint32((n / 11) % 11);
    }

    function _active(IOrganizationRegistry.Membership memory membership, uint32 anyOf) private view returns (bool) {
        return membership.standing == IOrganizationRegistry.Standing.Active && !membership.frozen
            && block.timestamp < membership.licenceExpiry && membership.memberRoles & anyOf != 0;
    }
}
