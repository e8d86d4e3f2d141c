// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {MemberRole, MemberRoles} from "../../../contracts/identity/Roles.sol";

import {IdentityFixture} from "./IdentityFixture.sol";

/// @notice What the registry answers, now and about the past.
contract ReadsTest is IdentityFixture {
    using MemberRoles for MemberRole;

    uint32 internal constant PAYER = 1;

    address internal insurer = makeAddr("insurer");
    OrganizationId internal acme;
    address internal key;

    function setUp() public override {
        super.setUp();
        acme = _admit("acme", insurer, MemberRole.Payer);
        key = _addKey(acme, "key");
    }

    // ------------------------------------------------------------------ requireActive

    function test_require_active_names_the_organization() external view {
        assertTrue(registry.requireActive(key, PAYER) == acme);
        assertTrue(registry.isActive(acme, MemberRole.Payer));
    }

    function test_require_active_reverts_if_key_is_unknown() external {
        _expectRevert(abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryUnknownKey.selector, stranger));
        registry.requireActive(stranger, PAYER);
    }

    function test_require_active_reverts_if_key_is_retired() external {
        vm.prank(insurer);
        registry.retireKey(key);
        _expectRevert(abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryKeyRetired.selector, key, START));
        registry.requireActive(key, PAYER);
    }

    function test_require_active_reverts_if_key_is_compromised() external {
        vm.prank(insurer);
        registry.reportCompromise(key, START);
        _expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryKeyCompromised.selector, key, START)
        );
        registry.requireActive(key, PAYER);
    }

    function test_require_active_reverts_if_suspended() external {
        vm.prank(registrar);
        registry.suspend(acme, REASON);
        _expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryNotInGoodStanding.selector,
                acme,
                IOrganizationRegistry.Standing.Suspended
            )
        );
        registry.requireActive(key, PAYER);
        assertFalse(registry.isActive(acme, MemberRole.Payer));
    }

    function test_require_active_reverts_at_the_second_of_licence_expiry() external {
        uint40 licenceExpiry = START + 365 days;
        vm.warp(licenceExpiry - 1);
        assertTrue(registry.requireActive(key, PAYER) == acme);
        vm.warp(licenceExpiry);
        _expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryLicenceExpired.selector, acme, licenceExpiry
            )
        );
        registry.requireActive(key, PAYER);
        assertFalse(registry.isActive(acme, MemberRole.Payer));
    }

    function test_require_active_reverts_without_the_member_role() external {
        _expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryMissingMemberRole.selector, acme, MemberRole.Auditor.bit()
            )
        );
        registry.requireActive(key, MemberRole.Auditor.bit());
        assertFalse(registry.isActive(acme, MemberRole.Auditor));
    }

    function test_require_active_asks_for_one_of_several_roles() external {
        assertTrue(registry.requireActive(key, MemberRole.Auditor.bit() | PAYER) == acme);
        _expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryMissingMemberRole.selector, acme, 0)
        );
        registry.requireActive(key, 0);
    }

    function test_is_active_is_false_if_organization_is_unknown() external view {
        assertFalse(registry.isActive(registry.idOf("unknown"), MemberRole.Payer));
    }

    // ------------------------------------------------------------------ requireActiveOrganization, requirePayable

    function test_require_active_organization_passes_an_active_one() external view {
        registry.requireActiveOrganization(acme, PAYER);
    }

    function test_require_active_organization_reverts_if_unknown() external {
        OrganizationId unknown = registry.idOf("unknown");
        _expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryUnknownOrganization.selector, unknown)
        );
        registry.requireActiveOrganization(unknown, PAYER);
    }

    function test_require_active_organization_reverts_without_the_member_role() external {
        uint32 auditor = MemberRole.Auditor.bit();
        _expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryMissingMemberRole.selector, acme, auditor)
        );
        registry.requireActiveOrganization(acme, auditor);
    }

    function test_require_payable_passes_whatever_the_standing_and_licence() external {
        vm.prank(policyAdministrator);
        registry.expel(acme, REASON);
        vm.warp(START + 400 days);
        registry.requirePayable(acme);
    }

    function test_require_payable_reverts_if_unknown() external {
        OrganizationId unknown = registry.idOf("unknown");
        _expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryUnknownOrganization.selector, unknown)
        );
        registry.requirePayable(unknown);
    }

    // ------------------------------------------------------------------ requireKey

    function test_require_key_answers_whatever_the_standing_and_licence() external {
        vm.prank(policyAdministrator);
        registry.expel(acme, REASON);
        vm.warp(START + 400 days);
        assertTrue(registry.requireKey(key) == acme);
    }

    function test_require_key_reverts_if_key_is_unknown() external {
        _expectRevert(abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryUnknownKey.selector, stranger));
        registry.requireKey(stranger);
    }

    function test_require_key_reverts_if_key_is_retired() external {
        vm.prank(insurer);
        registry.retireKey(key);
        _expectRevert(abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryKeyRetired.selector, key, START));
        registry.requireKey(key);
    }

    function test_require_key_reverts_if_key_is_compromised() external {
        vm.prank(insurer);
        registry.reportCompromise(key, START);
        _expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryKeyCompromised.selector, key, START)
        );
        registry.requireKey(key);
    }

    // ------------------------------------------------------------------ organizationOf, organizationAt

    function test_organization_of_answers_zero_if_key_is_unknown() external view {
        (OrganizationId organization, IOrganizationRegistry.KeyStatus status) = registry.organizationOf(stranger);
        assertTrue(organization.isZero());
        assertEq(uint8(status), uint8(IOrganizationRegistry.KeyStatus.Unknown));
    }

    function test_organization_at_answers_what_was_known_then_and_what_is_known_now() external {
        vm.warp(START + 100);
        vm.prank(insurer);
        registry.retireKey(key);
        vm.warp(START + 200);
        vm.prank(insurer);
        registry.reportCompromise(key, START + 50);
        _assertKeyAt(START - 1, IOrganizationRegistry.KeyStatus.Unknown, false);
        _assertKeyAt(START, IOrganizationRegistry.KeyStatus.Active, false);
        _assertKeyAt(START + 49, IOrganizationRegistry.KeyStatus.Active, false);
        _assertKeyAt(START + 50, IOrganizationRegistry.KeyStatus.Active, true);
        _assertKeyAt(START + 99, IOrganizationRegistry.KeyStatus.Active, true);
        _assertKeyAt(START + 100, IOrganizationRegistry.KeyStatus.Retired, true);
        _assertKeyAt(START + 199, IOrganizationRegistry.KeyStatus.Retired, true);
        _assertKeyAt(START + 200, IOrganizationRegistry.KeyStatus.Compromised, true);
        assertEq(registry.organizationAt(key, START + 49).reportedAt, 0);
        assertEq(registry.organizationAt(key, START + 50).reportedAt, START + 200);
    }

    function test_organization_at_names_the_first_report_that_covers_the_time() external {
        vm.warp(START + 100);
        vm.prank(insurer);
        registry.reportCompromise(key, START + 80);
        vm.warp(START + 200);
        vm.prank(insurer);
        registry.reportCompromise(key, START + 50);
        vm.warp(START + 300);
        vm.prank(registrar);
        registry.reportCompromiseAsRegistrar(key, START + 10);
        assertEq(registry.organizationAt(key, START + 9).reportedAt, 0);
        assertEq(registry.organizationAt(key, START + 10).reportedAt, START + 300);
        assertEq(registry.organizationAt(key, START + 49).reportedAt, START + 300);
        assertEq(registry.organizationAt(key, START + 50).reportedAt, START + 200);
        assertEq(registry.organizationAt(key, START + 79).reportedAt, START + 200);
        assertEq(registry.organizationAt(key, START + 80).reportedAt, START + 100);
        assertEq(registry.organizationAt(key, START + 300).reportedAt, START + 100);
    }

    function test_organization_at_answers_zero_if_key_is_unknown() external view {
        IOrganizationRegistry.KeyAtTime memory none;
        assertEq(keccak256(abi.encode(registry.organizationAt(stranger, START))), keccak256(abi.encode(none)));
    }

    function test_organization_at_reverts_about_the_future() external {
        _expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryTimeInFuture.selector, START + 1, START)
        );
        registry.organizationAt(key, START + 1);
    }

    // ------------------------------------------------------------------ membershipAt

    function test_membership_at_answers_for_the_end_of_a_second_with_several_changes() external {
        vm.startPrank(registrar);
        registry.suspend(acme, REASON);
        vm.warp(START + 10);
        registry.reinstate(acme, REASON);
        registry.addMemberRoles(acme, MemberRole.Auditor.bit(), REASON);
        registry.suspend(acme, REASON);
        vm.warp(START + 20);
        registry.reinstate(acme, REASON);
        vm.stopPrank();
        vm.warp(START + 30);
        _assertMembershipAt(START - 1, IOrganizationRegistry.Standing.Unknown, 0, 0);
        _assertMembershipAt(START, IOrganizationRegistry.Standing.Suspended, 1, START);
        _assertMembershipAt(START + 9, IOrganizationRegistry.Standing.Suspended, 1, START);
        uint32 both = MemberRole.Payer.bit() | MemberRole.Auditor.bit();
        _assertMembershipAt(START + 10, IOrganizationRegistry.Standing.Suspended, both, START + 10);
        _assertMembershipAt(START + 19, IOrganizationRegistry.Standing.Suspended, both, START + 10);
        _assertMembershipAt(START + 20, IOrganizationRegistry.Standing.Active, both, START + 20);
        _assertMembershipAt(START + 30, IOrganizationRegistry.Standing.Active, both, START + 20);
    }

    function test_membership_at_answers_zero_if_organization_is_unknown() external view {
        IOrganizationRegistry.Membership memory none;
        OrganizationId unknown = registry.idOf("unknown");
        assertEq(keccak256(abi.encode(registry.membershipAt(unknown, START))), keccak256(abi.encode(none)));
        assertEq(keccak256(abi.encode(registry.membershipOf(unknown))), keccak256(abi.encode(none)));
    }

    function test_membership_at_reverts_about_the_future() external {
        _expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryTimeInFuture.selector, START + 1, START)
        );
        registry.membershipAt(acme, START + 1);
    }

    /// @dev Any number of changes at any distances: each stretch between two is answered with what was said in it.
    function testFuzz_membership_at_repeats_what_was_said(uint32[12] calldata gaps, uint32 sets) external {
        uint40[12] memory times;
        IOrganizationRegistry.Membership[12] memory said;
        for (uint256 i = 0; i < 12; ++i) {
            vm.warp(block.timestamp + gaps[i] % 100);
            uint32 memberRoles = uint32(1) << uint32((sets >> i) % 11);
            vm.prank(registrar);
            if ((sets >> i) % 2 == 0) registry.addMemberRoles(acme, memberRoles, REASON);
            else registry.removeMemberRoles(acme, memberRoles, REASON);
            times[i] = uint40(block.timestamp);
            said[i] = registry.membershipOf(acme);
        }
        for (uint256 i = 0; i < 12; ++i) {
            uint40 next = i == 11 ? uint40(block.timestamp) + 1 : times[i + 1];
            if (next == times[i]) continue; // a later change in the same second
            _assertSaid(times[i], said[i]);
            _assertSaid(next - 1, said[i]);
        }
    }

    // ------------------------------------------------------------------

    function _assertSaid(uint40 time, IOrganizationRegistry.Membership memory said) private view {
        assertEq(keccak256(abi.encode(registry.membershipAt(acme, time))), keccak256(abi.encode(said)));
    }

    function _assertKeyAt(uint40 time, IOrganizationRegistry.KeyStatus status, bool compromised) private view {
        IOrganizationRegistry.KeyAtTime memory answer = registry.organizationAt(key, time);
        assertEq(uint8(answer.status), uint8(status));
        assertEq(answer.compromised, compromised);
        assertEq(answer.organization == acme, status != IOrganizationRegistry.KeyStatus.Unknown);
    }

    function _assertMembershipAt(uint40 time, IOrganizationRegistry.Standing standing, uint32 memberRoles, uint40 since)
        private
        view
    {
        IOrganizationRegistry.Membership memory answer = registry.membershipAt(acme, time);
        assertEq(uint8(answer.standing), uint8(standing));
        assertEq(answer.memberRoles, memberRoles);
        assertEq(answer.since, since);
    }

    function _expectRevert(bytes memory revertData) private {
        vm.expectRevert(revertData);
    }
}
