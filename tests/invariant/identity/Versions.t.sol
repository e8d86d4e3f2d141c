// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";

import {Haltable} from "../../../contracts/identity/Haltable.sol";
import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {Replaceable} from "../../../contracts/identity/Replaceable.sol";
import {GovernanceRoles, MemberRole} from "../../../contracts/identity/Roles.sol";
import {SingleWriter} from "../../../contracts/identity/SingleWriter.sol";
import {RehearsalWork} from "../../../contracts/testing/Rehearsal.sol";

import {IdentityFixture} from "./IdentityFixture.sol";

/// @notice The emergency stop, the change of version and the one writer, on the contracts of the replacement drill.
contract VersionsTest is IdentityFixture {
    address internal insurer = makeAddr("insurer");
    OrganizationId internal acme;
    address internal key;

    function setUp() public override {
        super.setUp();
        acme = _admit("acme", insurer, MemberRole.Payer);
        key = _addKey(acme, "key");
    }

    // ------------------------------------------------------------------ halt, resume

    function test_halt_stops_what_carries_when_running_and_nothing_else() external {
        _begin(firstVersion, "one");
        vm.expectEmit(address(firstVersion));
        emit Haltable.Halted(guardian);
        _halt();
        assertTrue(firstVersion.halted());
        vm.warp(START + 5);
        _expectHalted(key);
        firstVersion.begin("two");
        _expectHalted(key);
        firstVersion.finish("one");
        vm.prank(key);
        firstVersion.withdraw("one");
        assertEq(firstVersion.workUnderWay(), 0);
    }

    function test_halt_reverts_if_halted() external {
        _halt();
        vm.warp(START + 5);
        _expectHalted(guardian);
        firstVersion.halt();
    }

    function test_halt_reverts_unless_guardian_calls() external {
        _expectUnauthorized(policyAdministrator);
        firstVersion.halt();
        _expectUnauthorized(key);
        firstVersion.halt();
    }

    function test_resume_lets_work_go_on() external {
        _begin(firstVersion, "one");
        _halt();
        vm.expectEmit(address(firstVersion));
        emit Haltable.Resumed(policyAdministrator);
        vm.prank(policyAdministrator);
        firstVersion.resume();
        assertFalse(firstVersion.halted());
        vm.prank(key);
        firstVersion.finish("one");
        assertEq(ledger.finishedBy(acme), 1);
    }

    function test_resume_reverts_if_running() external {
        vm.expectRevert(abi.encodeWithSelector(Haltable.HaltableNotHalted.selector));
        vm.prank(policyAdministrator);
        firstVersion.resume();
    }

    function test_resume_reverts_unless_policy_administrator_calls() external {
        _halt();
        _expectUnauthorized(guardian);
        firstVersion.resume();
    }

    function test_resume_waits_for_the_execution_delay_and_the_guardian_can_cancel_it() external {
        address slow = makeAddr("slow policy administrator");
        vm.startPrank(admin);
        manager.grantRole(GovernanceRoles.POLICY_ADMINISTRATOR, slow, 1 days);
        manager.setRoleGuardian(GovernanceRoles.POLICY_ADMINISTRATOR, GovernanceRoles.GUARDIAN);
        vm.stopPrank();
        _halt();
        bytes memory resume = abi.encodeCall(Haltable.resume, ());
        bytes32 operation = manager.hashOperation(slow, address(firstVersion), resume);
        vm.expectRevert(abi.encodeWithSelector(IAccessManager.AccessManagerNotScheduled.selector, operation));
        vm.prank(slow);
        firstVersion.resume();
        vm.prank(slow);
        manager.schedule(address(firstVersion), resume, 0);
        vm.prank(guardian);
        manager.cancel(slow, address(firstVersion), resume);
        vm.prank(slow);
        manager.schedule(address(firstVersion), resume, 0);
        vm.warp(START + 1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(IAccessManager.AccessManagerNotReady.selector, operation));
        vm.prank(slow);
        firstVersion.resume();
        vm.warp(START + 1 days);
        vm.prank(slow);
        firstVersion.resume();
        assertFalse(firstVersion.halted());
    }

    // ------------------------------------------------------------------ open, close

    function test_close_to_new_work_lets_begun_work_end() external {
        _begin(firstVersion, "one");
        _begin(firstVersion, "two");
        vm.expectEmit(address(firstVersion));
        emit Replaceable.ClosedToNewWork();
        vm.prank(policyAdministrator);
        firstVersion.closeToNewWork();
        assertFalse(firstVersion.isOpenToNewWork());
        _expectClosed(START, key);
        firstVersion.begin("three");
        vm.startPrank(key);
        firstVersion.finish("one");
        firstVersion.withdraw("two");
        vm.stopPrank();
        assertEq(firstVersion.workUnderWay(), 0);
    }

    function test_close_to_new_work_reverts_if_closed() external {
        vm.warp(START + 5);
        _expectClosed(START, policyAdministrator);
        nextVersion.closeToNewWork();
    }

    function test_open_to_new_work_opens_a_closed_version() external {
        assertFalse(nextVersion.isOpenToNewWork());
        vm.expectEmit(address(nextVersion));
        emit Replaceable.OpenedToNewWork();
        vm.prank(policyAdministrator);
        nextVersion.openToNewWork();
        assertTrue(nextVersion.isOpenToNewWork());
        _begin(nextVersion, "one");
    }

    function test_open_to_new_work_reverts_if_open() external {
        vm.expectRevert(abi.encodeWithSelector(Replaceable.ReplaceableOpen.selector));
        vm.prank(policyAdministrator);
        firstVersion.openToNewWork();
    }

    function test_open_and_close_revert_unless_policy_administrator_calls() external {
        _expectUnauthorized(guardian);
        firstVersion.closeToNewWork();
        _expectUnauthorized(guardian);
        nextVersion.openToNewWork();
    }

    // ------------------------------------------------------------------ setWriter

    function test_set_writer_hands_the_ledger_to_the_next_version_and_back() external {
        _handOn(firstVersion, nextVersion);
        _begin(nextVersion, "one");
        vm.prank(key);
        nextVersion.finish("one");
        _handOn(nextVersion, firstVersion);
        _begin(firstVersion, "two");
        vm.prank(key);
        firstVersion.finish("two");
        assertEq(ledger.finishedBy(acme), 2);
    }

    function test_finish_reverts_if_another_version_writes() external {
        _begin(firstVersion, "one");
        vm.startPrank(policyAdministrator);
        firstVersion.closeToNewWork();
        ledger.setWriter(address(nextVersion));
        vm.stopPrank();
        vm.expectRevert(
            abi.encodeWithSelector(
                SingleWriter.SingleWriterNotWriter.selector, address(firstVersion), address(nextVersion)
            )
        );
        vm.prank(key);
        firstVersion.finish("one");
    }

    function test_count_reverts_unless_writer_calls() external {
        vm.expectRevert(
            abi.encodeWithSelector(
                SingleWriter.SingleWriterNotWriter.selector, policyAdministrator, address(firstVersion)
            )
        );
        vm.prank(policyAdministrator);
        ledger.count("one", acme);
    }

    function test_set_writer_reverts_while_the_present_version_is_open() external {
        vm.expectRevert(abi.encodeWithSelector(SingleWriter.SingleWriterStillOpen.selector, address(firstVersion)));
        vm.prank(policyAdministrator);
        ledger.setWriter(address(nextVersion));
    }

    function test_set_writer_reverts_while_the_next_version_is_open() external {
        vm.startPrank(policyAdministrator);
        firstVersion.closeToNewWork();
        nextVersion.openToNewWork();
        vm.expectRevert(abi.encodeWithSelector(SingleWriter.SingleWriterStillOpen.selector, address(nextVersion)));
        ledger.setWriter(address(nextVersion));
        vm.stopPrank();
    }

    function test_set_writer_takes_the_ledger_from_everybody_with_zero() external {
        vm.startPrank(policyAdministrator);
        firstVersion.closeToNewWork();
        ledger.setWriter(address(0));
        vm.stopPrank();
        assertEq(ledger.writer(), address(0));
    }

    function test_set_writer_reverts_if_account_is_not_a_version() external {
        vm.startPrank(policyAdministrator);
        firstVersion.closeToNewWork();
        vm.expectRevert(abi.encodeWithSelector(SingleWriter.SingleWriterNotAVersion.selector, stranger));
        ledger.setWriter(stranger);
        vm.expectRevert(abi.encodeWithSelector(SingleWriter.SingleWriterNotAVersion.selector, address(registry)));
        ledger.setWriter(address(registry));
        vm.stopPrank();
    }

    function test_set_writer_reverts_unless_policy_administrator_calls() external {
        _expectUnauthorized(guardian);
        ledger.setWriter(address(nextVersion));
    }

    // ------------------------------------------------------------------ tasks

    function test_finish_counts_a_task_once_for_ever() external {
        for (uint256 i = 0; i < 2; ++i) {
            _begin(firstVersion, "one");
            vm.prank(key);
            firstVersion.finish("one");
        }
        assertEq(ledger.finishedBy(acme), 1);
    }

    function test_begin_reverts_if_task_is_taken() external {
        _begin(firstVersion, "one");
        vm.expectRevert(abi.encodeWithSelector(RehearsalWork.RehearsalWorkTaskTaken.selector, bytes32("one"), acme));
        vm.prank(key);
        firstVersion.begin("one");
    }

    function test_finish_reverts_if_task_is_not_the_callers() external {
        _begin(firstVersion, "one");
        OrganizationId general = _admit("general", makeAddr("hospital"), MemberRole.Payer);
        address foreign = _addKey(general, "foreign");
        vm.expectRevert(abi.encodeWithSelector(RehearsalWork.RehearsalWorkNotYours.selector, bytes32("one"), general));
        vm.prank(foreign);
        firstVersion.finish("one");
    }

    function test_suspended_organization_begins_nothing_and_ends_what_it_began() external {
        _begin(firstVersion, "one");
        vm.prank(registrar);
        registry.suspend(acme, REASON);
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryNotInGoodStanding.selector,
                acme,
                IOrganizationRegistry.Standing.Suspended
            )
        );
        vm.prank(key);
        firstVersion.begin("two");
        vm.prank(key);
        firstVersion.withdraw("one");
    }

    // ------------------------------------------------------------------

    function _begin(RehearsalWork version, bytes32 task) private {
        vm.prank(key);
        version.begin(task);
    }

    function _halt() private {
        vm.prank(guardian);
        firstVersion.halt();
    }

    function _handOn(RehearsalWork from, RehearsalWork to) private {
        vm.startPrank(policyAdministrator);
        from.closeToNewWork();
        assertEq(from.workUnderWay(), 0);
        vm.expectEmit(address(ledger));
        emit SingleWriter.WriterChanged(address(from), address(to));
        ledger.setWriter(address(to));
        to.openToNewWork();
        vm.stopPrank();
        assertEq(ledger.writer(), address(to));
    }

    function _expectHalted(address caller) private {
        vm.expectRevert(abi.encodeWithSelector(Haltable.HaltableHalted.selector, START));
        vm.prank(caller);
    }

    function _expectClosed(uint40 closedAt, address caller) private {
        vm.expectRevert(abi.encodeWithSelector(Replaceable.ReplaceableClosed.selector, closedAt));
        vm.prank(caller);
    }

    function _expectUnauthorized(address caller) private {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
        vm.prank(caller);
    }
}
