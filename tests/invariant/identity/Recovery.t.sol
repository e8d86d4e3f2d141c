// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {MemberRole, MemberRoles} from "../../../contracts/identity/Roles.sol";

import {IdentityFixture} from "./IdentityFixture.sol";

/// @notice Every step of a recovery in every state of it, allowed and forbidden.
///
/// | state \ step | start | cancel | contest | settle         | complete               |
/// | ------------ | ----- | ------ | ------- | -------------- | ---------------------- |
/// | None         | yes   | no     | no      | no             | no                     |
/// | Waiting      | no    | yes    | yes     | rejection only | once the delay is over |
/// | Contested    | no    | no     | no      | either way     | no                     |
/// | Upheld       | no    | no     | no      | either way     | yes                    |
contract RecoveryTest is IdentityFixture {
    uint40 internal constant READY = START + RECOVERY_DELAY;

    address internal insurer = makeAddr("insurer");
    address internal successor = makeAddr("successor");
    address internal key;
    OrganizationId internal acme;

    function setUp() public override {
        super.setUp();
        acme = _admit("acme", insurer, MemberRole.Payer);
        key = _addKey(acme, "key");
    }

    // ------------------------------------------------------------------ from None

    function test_start_recovery_begins_the_delay() external {
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.RecoveryStarted(acme, successor, READY, REASON);
        _start();
        _assertRecovery(successor, READY, false);
        assertTrue(registry.requireKey(key) == acme);
    }

    function test_start_recovery_reverts_if_new_controller_is_zero() external {
        _expectInvalidAccount(address(0));
    }

    function test_start_recovery_reverts_if_new_controller_is_the_present_one() external {
        _expectInvalidAccount(insurer);
    }

    function test_start_recovery_reverts_without_reason() external {
        _expectReasonMissing(registrar);
        registry.startRecovery(acme, successor, IOrganizationRegistry.Reason.Unspecified);
    }

    function test_start_recovery_reverts_if_organization_is_unknown() external {
        OrganizationId unknown = registry.idOf("unknown");
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryUnknownOrganization.selector, unknown)
        );
        vm.prank(registrar);
        registry.startRecovery(unknown, successor, REASON);
    }

    function test_cancel_recovery_reverts_if_none_is_under_way() external {
        _expectNoRecovery(registrar);
        registry.cancelRecovery(acme, REASON);
    }

    function test_contest_recovery_reverts_if_none_is_under_way() external {
        _expectNoRecovery(insurer);
        registry.contestRecovery(acme, successor);
    }

    function test_settle_recovery_reverts_if_none_is_under_way() external {
        _expectNoRecovery(admin);
        registry.settleRecovery(acme, successor, successor, REASON);
    }

    function test_complete_recovery_reverts_if_none_is_under_way() external {
        _expectNoRecovery(successor);
        registry.completeRecovery(acme);
    }

    // ------------------------------------------------------------------ from Waiting

    function test_complete_recovery_takes_control_once_ready() external {
        _start();
        vm.warp(READY);
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.RecoveryCompleted(acme, successor);
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.ControllerTransferred(acme, insurer, successor);
        vm.prank(successor);
        registry.completeRecovery(acme);
        assertEq(registry.controllerOf(acme), successor);
        assertEq(registry.membershipOf(acme).since, START);
        _assertRecovery(address(0), 0, false);
    }

    function test_start_recovery_voids_an_earlier_offer() external {
        vm.prank(insurer);
        registry.transferController(acme, stranger);
        _start();
        assertEq(registry.pendingControllerOf(acme), address(0));
        vm.prank(registrar);
        registry.cancelRecovery(acme, REASON);
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryNotPendingController.selector, acme, stranger
            )
        );
        vm.prank(stranger);
        registry.acceptController(acme);
    }

    function test_complete_recovery_reverts_before_ready() external {
        _start();
        vm.warp(READY - 1);
        _expectNotReady(READY);
        registry.completeRecovery(acme);
    }

    function test_complete_recovery_reverts_unless_new_controller_calls() external {
        _start();
        vm.warp(READY);
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryNotPendingController.selector, acme, registrar
            )
        );
        vm.prank(registrar);
        registry.completeRecovery(acme);
    }

    function test_start_recovery_reverts_if_one_is_under_way() external {
        _start();
        _expectPending(registrar);
        registry.startRecovery(acme, stranger, REASON);
    }

    function test_cancel_recovery_calls_it_off() external {
        _start();
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.RecoveryCancelled(acme, successor, REASON);
        vm.prank(registrar);
        registry.cancelRecovery(acme, REASON);
        _assertRecovery(address(0), 0, false);
        vm.warp(READY);
        _expectNoRecovery(successor);
        registry.completeRecovery(acme);
    }

    function test_cancel_recovery_reverts_without_reason() external {
        _start();
        _expectReasonMissing(registrar);
        registry.cancelRecovery(acme, IOrganizationRegistry.Reason.Unspecified);
    }

    function test_settle_recovery_ends_one_that_is_not_contested() external {
        _start();
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.RecoverySettled(acme, successor, false, REASON);
        vm.prank(admin);
        registry.settleRecovery(acme, successor, address(0), REASON);
        _assertRecovery(address(0), 0, false);
        assertEq(registry.membershipOf(acme).since, START);
    }

    function test_settle_recovery_reverts_if_one_that_is_not_contested_is_upheld() external {
        _start();
        _expectNoRecovery(admin);
        registry.settleRecovery(acme, successor, successor, REASON);
    }

    function test_contest_recovery_freezes_if_controller_contests() external {
        _expectContested(insurer);
    }

    function test_contest_recovery_freezes_if_active_key_contests() external {
        _expectContested(key);
    }

    function test_contest_recovery_as_guardian_freezes() external {
        _start();
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.RecoveryContested(acme, successor, guardian);
        vm.prank(guardian);
        registry.contestRecoveryAsGuardian(acme, successor);
        _assertRecovery(successor, type(uint40).max, true);
        assertTrue(registry.membershipOf(acme).frozen);
    }

    function test_contest_recovery_reverts_if_another_recovery_is_under_way() external {
        _start();
        _expectNoRecovery(insurer);
        registry.contestRecovery(acme, stranger);
        _expectNoRecovery(guardian);
        registry.contestRecoveryAsGuardian(acme, stranger);
    }

    function test_contest_recovery_as_guardian_reverts_if_none_is_under_way() external {
        _expectNoRecovery(guardian);
        registry.contestRecoveryAsGuardian(acme, successor);
    }

    function test_contest_recovery_as_guardian_reverts_if_contested() external {
        _contest();
        _expectFrozen();
        vm.prank(guardian);
        registry.contestRecoveryAsGuardian(acme, successor);
    }

    function test_contest_recovery_works_after_the_delay_while_not_completed() external {
        _start();
        vm.warp(READY + 1 days);
        vm.prank(insurer);
        registry.contestRecovery(acme, successor);
        _assertRecovery(successor, type(uint40).max, true);
    }

    function test_contest_recovery_reverts_if_a_stranger_contests() external {
        _start();
        _expectMayNotContest(stranger);
        registry.contestRecovery(acme, successor);
    }

    function test_contest_recovery_reverts_if_a_retired_key_contests() external {
        vm.prank(insurer);
        registry.retireKey(key);
        _start();
        _expectMayNotContest(key);
        registry.contestRecovery(acme, successor);
    }

    function test_contest_recovery_reverts_if_a_compromised_key_contests() external {
        _start();
        vm.prank(insurer);
        registry.reportCompromise(key, START);
        _expectMayNotContest(key);
        registry.contestRecovery(acme, successor);
    }

    function test_contest_recovery_reverts_if_a_key_of_another_organization_contests() external {
        OrganizationId general = _admit("general", stranger, MemberRole.Provider);
        address foreign = _addKey(general, "foreign");
        _start();
        _expectMayNotContest(foreign);
        registry.contestRecovery(acme, successor);
    }

    function test_recovery_blocks_keys_and_offers() external {
        vm.prank(insurer);
        registry.transferController(acme, stranger);
        _start();
        _expectPending(insurer);
        registry.addKey(acme, stranger, START, "");
        _expectPending(insurer);
        registry.retireKey(key);
        _expectPending(insurer);
        registry.transferController(acme, address(0));
        _expectPending(stranger);
        registry.acceptController(acme);
    }

    // ------------------------------------------------------------------ from Contested

    function test_contested_recovery_makes_keys_act_for_nobody() external {
        _contest();
        _expectFrozen();
        registry.requireKey(key);
        _expectFrozen();
        registry.requireActive(key, MemberRoles.ALL);
        _expectFrozen();
        registry.requireActiveOrganization(acme, MemberRoles.ALL);
        _expectFrozen();
        registry.requirePayable(acme);
        assertFalse(registry.isActive(acme, MemberRole.Payer));
    }

    function test_settle_recovery_reverts_if_another_recovery_is_under_way() external {
        _contest();
        _expectNoRecovery(admin);
        registry.settleRecovery(acme, stranger, address(0), REASON);
        _expectNoRecovery(admin);
        registry.settleRecovery(acme, stranger, successor, REASON);
    }

    function test_settle_recovery_unfreezes_if_refused() external {
        _contest();
        vm.warp(START + 5);
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.RecoverySettled(acme, successor, false, REASON);
        vm.prank(admin);
        registry.settleRecovery(acme, successor, address(0), REASON);
        _assertRecovery(address(0), 0, false);
        assertFalse(registry.membershipOf(acme).frozen);
        assertEq(registry.membershipOf(acme).since, START + 5);
        assertEq(registry.controllerOf(acme), insurer);
        assertTrue(registry.requireKey(key) == acme);
    }

    function test_settle_recovery_lets_new_controller_complete_if_upheld() external {
        _contest();
        vm.warp(READY + 5);
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.RecoverySettled(acme, successor, true, REASON);
        vm.prank(admin);
        registry.settleRecovery(acme, successor, successor, REASON);
        _assertRecovery(successor, READY + 5, false);
        vm.prank(successor);
        registry.completeRecovery(acme);
        assertEq(registry.controllerOf(acme), successor);
        assertFalse(registry.membershipOf(acme).frozen);
        assertEq(registry.membershipOf(acme).since, READY + 5);
    }

    function test_settle_recovery_corrects_the_new_controller() external {
        _contest();
        address corrected = makeAddr("corrected successor");
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.RecoverySettled(acme, corrected, true, REASON);
        vm.prank(admin);
        registry.settleRecovery(acme, successor, corrected, REASON);
        _assertRecovery(corrected, START, false);
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryNotPendingController.selector, acme, successor
            )
        );
        vm.prank(successor);
        registry.completeRecovery(acme);
        vm.prank(corrected);
        registry.completeRecovery(acme);
        assertEq(registry.controllerOf(acme), corrected);
    }

    function test_settle_recovery_reverts_without_reason() external {
        _contest();
        _expectReasonMissing(admin);
        registry.settleRecovery(acme, successor, successor, IOrganizationRegistry.Reason.Unspecified);
    }

    function test_start_recovery_reverts_if_contested() external {
        _contest();
        _expectPending(registrar);
        registry.startRecovery(acme, stranger, REASON);
    }

    function test_cancel_recovery_reverts_if_contested() external {
        _contest();
        _expectFrozen();
        vm.prank(registrar);
        registry.cancelRecovery(acme, REASON);
    }

    function test_contest_recovery_reverts_if_contested() external {
        _contest();
        _expectFrozen();
        vm.prank(insurer);
        registry.contestRecovery(acme, successor);
    }

    function test_complete_recovery_reverts_if_contested_however_late() external {
        _contest();
        vm.warp(START + 3650 days);
        _expectNotReady(type(uint40).max);
        registry.completeRecovery(acme);
    }

    // ------------------------------------------------------------------ from Upheld

    function test_start_recovery_reverts_if_upheld() external {
        _uphold();
        _expectPending(registrar);
        registry.startRecovery(acme, stranger, REASON);
    }

    function test_cancel_recovery_reverts_if_upheld() external {
        _uphold();
        _expectFrozen();
        vm.prank(registrar);
        registry.cancelRecovery(acme, REASON);
    }

    function test_contest_recovery_reverts_if_upheld() external {
        _uphold();
        _expectFrozen();
        vm.prank(insurer);
        registry.contestRecovery(acme, successor);
    }

    function test_settle_recovery_refuses_one_that_was_upheld_and_never_completed() external {
        _uphold();
        vm.prank(admin);
        registry.settleRecovery(acme, successor, address(0), REASON);
        _assertRecovery(address(0), 0, false);
        _expectNoRecovery(successor);
        registry.completeRecovery(acme);
    }

    // ------------------------------------------------------------------ officers

    function test_recovery_acts_revert_unless_their_officer_calls() external {
        _expectUnauthorized(insurer);
        registry.startRecovery(acme, successor, REASON);
        _start();
        _expectUnauthorized(insurer);
        registry.cancelRecovery(acme, REASON);
        _expectUnauthorized(insurer);
        registry.contestRecoveryAsGuardian(acme, successor);
        vm.prank(insurer);
        registry.contestRecovery(acme, successor);
        _expectUnauthorized(registrar);
        registry.settleRecovery(acme, successor, successor, REASON);
    }

    // ------------------------------------------------------------------

    function _start() private {
        vm.prank(registrar);
        registry.startRecovery(acme, successor, REASON);
    }

    function _contest() private {
        _start();
        vm.prank(insurer);
        registry.contestRecovery(acme, successor);
    }

    function _uphold() private {
        _contest();
        vm.prank(admin);
        registry.settleRecovery(acme, successor, successor, REASON);
    }

    function _expectContested(address contestant) private {
        _start();
        vm.warp(START + 5);
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.RecoveryContested(acme, successor, contestant);
        vm.prank(contestant);
        registry.contestRecovery(acme, successor);
        _assertRecovery(successor, type(uint40).max, true);
        assertTrue(registry.membershipOf(acme).frozen);
        assertEq(registry.membershipOf(acme).since, START + 5);
    }

    function _assertRecovery(address newController, uint40 readyAt, bool contested) private view {
        IOrganizationRegistry.Recovery memory recovery = registry.recoveryOf(acme);
        assertEq(recovery.newController, newController);
        assertEq(recovery.readyAt, readyAt);
        assertEq(recovery.contested, contested);
    }

    function _expectInvalidAccount(address account) private {
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryInvalidAccount.selector, acme, account)
        );
        vm.prank(registrar);
        registry.startRecovery(acme, account, REASON);
    }

    function _expectNoRecovery(address caller) private {
        vm.expectRevert(abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryNoRecovery.selector, acme));
        vm.prank(caller);
    }

    function _expectPending(address caller) private {
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryRecoveryPending.selector, acme, successor)
        );
        vm.prank(caller);
    }

    function _expectNotReady(uint40 readyAt) private {
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryRecoveryNotReady.selector, acme, readyAt)
        );
        vm.prank(successor);
    }

    function _expectMayNotContest(address caller) private {
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryMayNotContest.selector, acme, caller)
        );
        vm.prank(caller);
    }

    function _expectFrozen() private {
        vm.expectRevert(abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryFrozen.selector, acme));
    }

    function _expectReasonMissing(address caller) private {
        vm.expectRevert(abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryReasonMissing.selector));
        vm.prank(caller);
    }

    function _expectUnauthorized(address caller) private {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
        vm.prank(caller);
    }
}
