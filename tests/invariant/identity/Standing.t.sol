// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {MemberRole, MemberRoles} from "../../../contracts/identity/Roles.sol";

import {IdentityFixture} from "./IdentityFixture.sol";

/// @notice Every change of standing, allowed and forbidden, and what the registrar changes besides it.
///
/// | from \ to | Active            | Suspended | Expelled |
/// | --------- | ----------------- | --------- | -------- |
/// | Unknown   | only by admission | no        | no       |
/// | Active    | no                | yes       | yes      |
/// | Suspended | yes               | no        | yes      |
/// | Expelled  | no                | no        | no       |
contract StandingTest is IdentityFixture {
    using MemberRoles for MemberRole;

    address internal insurer = makeAddr("insurer");

    // ------------------------------------------------------------------ allowed

    function test_suspend_suspends_an_active_organization() external {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Active);
        vm.warp(START + 5);
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.OrganizationSuspended(acme, REASON);
        vm.prank(registrar);
        registry.suspend(acme, REASON);
        _assertStanding(acme, IOrganizationRegistry.Standing.Suspended, START + 5);
    }

    function test_reinstate_reinstates_a_suspended_organization() external {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Suspended);
        vm.warp(START + 5);
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.OrganizationReinstated(acme, REASON);
        vm.prank(registrar);
        registry.reinstate(acme, REASON);
        _assertStanding(acme, IOrganizationRegistry.Standing.Active, START + 5);
    }

    function test_expel_expels_an_active_organization() external {
        _expectExpelled(IOrganizationRegistry.Standing.Active);
    }

    function test_expel_expels_a_suspended_organization() external {
        _expectExpelled(IOrganizationRegistry.Standing.Suspended);
    }

    // ------------------------------------------------------------------ forbidden

    function test_suspend_reverts_if_organization_is_unknown() external {
        OrganizationId unknown = registry.idOf("unknown");
        _expectUnknown(unknown);
        vm.prank(registrar);
        registry.suspend(unknown, REASON);
    }

    function test_suspend_reverts_if_already_suspended() external {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Suspended);
        _expectForbidden(
            acme, IOrganizationRegistry.Standing.Suspended, IOrganizationRegistry.Standing.Suspended, registrar
        );
        registry.suspend(acme, REASON);
    }

    function test_suspend_reverts_if_expelled() external {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Expelled);
        _expectForbidden(
            acme, IOrganizationRegistry.Standing.Expelled, IOrganizationRegistry.Standing.Suspended, registrar
        );
        registry.suspend(acme, REASON);
    }

    function test_reinstate_reverts_if_organization_is_unknown() external {
        OrganizationId unknown = registry.idOf("unknown");
        _expectUnknown(unknown);
        vm.prank(registrar);
        registry.reinstate(unknown, REASON);
    }

    function test_reinstate_reverts_if_active() external {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Active);
        _expectForbidden(acme, IOrganizationRegistry.Standing.Active, IOrganizationRegistry.Standing.Active, registrar);
        registry.reinstate(acme, REASON);
    }

    function test_reinstate_reverts_if_expelled() external {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Expelled);
        _expectForbidden(
            acme, IOrganizationRegistry.Standing.Expelled, IOrganizationRegistry.Standing.Active, registrar
        );
        registry.reinstate(acme, REASON);
    }

    function test_expel_reverts_if_organization_is_unknown() external {
        OrganizationId unknown = registry.idOf("unknown");
        _expectUnknown(unknown);
        vm.prank(policyAdministrator);
        registry.expel(unknown, REASON);
    }

    function test_expel_reverts_if_already_expelled() external {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Expelled);
        _expectForbidden(
            acme, IOrganizationRegistry.Standing.Expelled, IOrganizationRegistry.Standing.Expelled, policyAdministrator
        );
        registry.expel(acme, REASON);
    }

    function test_admit_again_leaves_an_expelled_organization_expelled() external {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Expelled);
        IOrganizationRegistry.Admission memory admission = _admission("acme", insurer, MemberRole.Payer.bit());
        vm.prank(registrar);
        registry.admit(admission);
        _assertStanding(acme, IOrganizationRegistry.Standing.Expelled, START);
    }

    // ------------------------------------------------------------------ reasons and callers

    function test_standing_acts_revert_without_reason() external {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Active);
        _expectReasonMissing(registrar);
        registry.suspend(acme, IOrganizationRegistry.Reason.Unspecified);
        _expectReasonMissing(registrar);
        registry.reinstate(acme, IOrganizationRegistry.Reason.Unspecified);
        _expectReasonMissing(policyAdministrator);
        registry.expel(acme, IOrganizationRegistry.Reason.Unspecified);
        _expectReasonMissing(registrar);
        registry.renew(acme, START + 1, IOrganizationRegistry.Reason.Unspecified);
        _expectReasonMissing(registrar);
        registry.addMemberRoles(acme, 1, IOrganizationRegistry.Reason.Unspecified);
    }

    function test_standing_acts_revert_unless_their_officer_calls() external {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Active);
        _expectUnauthorized(insurer);
        registry.suspend(acme, REASON);
        _expectUnauthorized(policyAdministrator);
        registry.reinstate(acme, REASON);
        _expectUnauthorized(registrar);
        registry.expel(acme, REASON);
        _expectUnauthorized(admin);
        registry.renew(acme, START + 1, REASON);
        _expectUnauthorized(insurer);
        registry.addMemberRoles(acme, 2, REASON);
        _expectUnauthorized(insurer);
        registry.removeMemberRoles(acme, 1, REASON);
    }

    // ------------------------------------------------------------------ renew

    function test_renew_sets_a_new_licence_expiry() external {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Suspended);
        vm.warp(START + 400 days);
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.LicenceRenewed(acme, START + 800 days, REASON);
        vm.prank(registrar);
        registry.renew(acme, START + 800 days, REASON);
        assertEq(registry.membershipOf(acme).licenceExpiry, START + 800 days);
        assertEq(registry.membershipOf(acme).since, START + 400 days);
    }

    function test_renew_reverts_if_expiry_is_not_in_the_future() external {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Active);
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryLicencePast.selector, START, START)
        );
        vm.prank(registrar);
        registry.renew(acme, START, REASON);
    }

    function test_renew_reverts_if_expelled() external {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Expelled);
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryNotInGoodStanding.selector,
                acme,
                IOrganizationRegistry.Standing.Expelled
            )
        );
        vm.prank(registrar);
        registry.renew(acme, START + 800 days, REASON);
    }

    function test_renew_reverts_if_organization_is_unknown() external {
        OrganizationId unknown = registry.idOf("unknown");
        _expectUnknown(unknown);
        vm.prank(registrar);
        registry.renew(unknown, START + 1, REASON);
    }

    // ------------------------------------------------------------------ member roles

    function test_add_member_roles_adds_to_the_set() external {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Active);
        uint32 added = MemberRole.Auditor.bit() | MemberRole.Payer.bit();
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.MemberRolesChanged(acme, added, REASON);
        vm.prank(registrar);
        registry.addMemberRoles(acme, added, REASON);
        assertEq(registry.membershipOf(acme).memberRoles, added);
    }

    function test_remove_member_roles_removes_from_the_set() external {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Active);
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.MemberRolesChanged(acme, 0, REASON);
        vm.prank(registrar);
        registry.removeMemberRoles(acme, MemberRoles.ALL, REASON);
        assertEq(registry.membershipOf(acme).memberRoles, 0);
    }

    function test_member_roles_stay_unwritten_if_nothing_changes() external {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Active);
        vm.warp(START + 5);
        vm.recordLogs();
        vm.startPrank(registrar);
        registry.addMemberRoles(acme, MemberRole.Payer.bit(), REASON);
        registry.removeMemberRoles(acme, MemberRole.Auditor.bit(), REASON);
        vm.stopPrank();
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(registry.membershipOf(acme).since, START);
    }

    function test_add_member_roles_reverts_if_set_is_empty() external {
        _expectInvalidMemberRoles(0);
    }

    function test_add_member_roles_reverts_if_set_is_unknown() external {
        _expectInvalidMemberRoles(MemberRoles.ALL + 1);
    }

    function test_add_member_roles_reverts_if_organization_is_unknown() external {
        OrganizationId unknown = registry.idOf("unknown");
        _expectUnknown(unknown);
        vm.prank(registrar);
        registry.addMemberRoles(unknown, 1, REASON);
    }

    // ------------------------------------------------------------------

    function _assertStanding(OrganizationId organization, IOrganizationRegistry.Standing standing, uint40 since)
        private
        view
    {
        IOrganizationRegistry.Membership memory membership = registry.membershipOf(organization);
        assertEq(uint8(membership.standing), uint8(standing));
        assertEq(membership.since, since);
    }

    function _expectExpelled(IOrganizationRegistry.Standing from) private {
        OrganizationId acme = _admitInto("acme", insurer, from);
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.OrganizationExpelled(acme, REASON);
        vm.prank(policyAdministrator);
        registry.expel(acme, REASON);
        _assertStanding(acme, IOrganizationRegistry.Standing.Expelled, START);
    }

    function _expectUnknown(OrganizationId organization) private {
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryUnknownOrganization.selector, organization)
        );
    }

    function _expectForbidden(
        OrganizationId organization,
        IOrganizationRegistry.Standing current,
        IOrganizationRegistry.Standing requested,
        address caller
    ) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryForbiddenTransition.selector, organization, current, requested
            )
        );
        vm.prank(caller);
    }

    function _expectReasonMissing(address caller) private {
        vm.expectRevert(abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryReasonMissing.selector));
        vm.prank(caller);
    }

    function _expectUnauthorized(address caller) private {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
        vm.prank(caller);
    }

    function _expectInvalidMemberRoles(uint32 memberRoles) private {
        OrganizationId acme = _admitInto("acme", insurer, IOrganizationRegistry.Standing.Active);
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryInvalidMemberRoles.selector, memberRoles)
        );
        vm.prank(registrar);
        registry.addMemberRoles(acme, memberRoles, REASON);
    }
}
