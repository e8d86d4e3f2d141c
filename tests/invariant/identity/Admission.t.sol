// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId, organizationIdOf} from "../../../contracts/identity/OrganizationId.sol";
import {OrganizationRegistry} from "../../../contracts/identity/OrganizationRegistry.sol";
import {MemberRole, MemberRoles} from "../../../contracts/identity/Roles.sol";

import {IdentityFixture} from "./IdentityFixture.sol";

/// @notice Deployment, admission, identifiers and metadata.
contract AdmissionTest is IdentityFixture {
    using MemberRoles for MemberRole;

    address internal insurer = makeAddr("insurer");
    address internal hospital = makeAddr("hospital");

    // ------------------------------------------------------------------ deployment

    function test_deploy_reverts_if_recovery_delay_is_zero() external {
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryInvalidRecoveryDelay.selector, 0)
        );
        new OrganizationRegistry(address(manager), 0);
    }

    function test_deploy_reverts_if_recovery_delay_exceeds_90_days() external {
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryInvalidRecoveryDelay.selector, 90 days + 1)
        );
        new OrganizationRegistry(address(manager), 90 days + 1);
    }

    function test_deploy_accepts_both_bounds_of_the_recovery_delay() external {
        assertEq(new OrganizationRegistry(address(manager), 1).recoveryDelay(), 1);
        assertEq(new OrganizationRegistry(address(manager), 90 days).recoveryDelay(), 90 days);
        assertEq(registry.compromiseWindow(), COMPROMISE_WINDOW);
        assertEq(registry.authority(), address(manager));
    }

    // ------------------------------------------------------------------ admit

    function test_admit_records_what_the_registrar_states() external {
        IOrganizationRegistry.Admission memory admission = _admission("acme", insurer, MemberRole.Payer.bit());
        admission.identifiers = _identifier("NPI", "1234567893");
        OrganizationId expected = organizationIdOf("acme");
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.OrganizationAdmitted(
            expected,
            insurer,
            "acme",
            admission.memberRoles,
            admission.licenceExpiry,
            admission.metadataCommitment,
            admission.reason
        );
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.IdentifierAssigned(expected, "NPI", "1234567893");
        vm.prank(registrar);
        OrganizationId acme = registry.admit(admission);
        assertTrue(acme == expected);
        assertTrue(registry.idOf("acme") == acme);
        IOrganizationRegistry.Membership memory membership = registry.membershipOf(acme);
        assertEq(membership.memberRoles, admission.memberRoles);
        assertEq(membership.licenceExpiry, admission.licenceExpiry);
        assertEq(uint8(membership.standing), uint8(IOrganizationRegistry.Standing.Active));
        assertFalse(membership.frozen);
        assertEq(membership.since, START);
        assertEq(registry.controllerOf(acme), insurer);
        assertEq(registry.pendingControllerOf(acme), address(0));
        assertEq(registry.metadataCommitmentOf(acme), admission.metadataCommitment);
        assertTrue(registry.organizationByIdentifier("NPI", "1234567893") == acme);
    }

    function test_admit_returns_the_same_id_if_repeated() external {
        IOrganizationRegistry.Admission memory admission = _admission("acme", insurer, MemberRole.Payer.bit());
        admission.identifiers = _identifier("GLN", "1");
        vm.startPrank(registrar);
        OrganizationId acme = registry.admit(admission);
        vm.warp(START + 1 hours);
        registry.suspend(acme, REASON);
        vm.recordLogs();
        assertTrue(registry.admit(admission) == acme);
        vm.stopPrank();
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(uint8(registry.membershipOf(acme).standing), uint8(IOrganizationRegistry.Standing.Suspended));
    }

    function test_admit_reverts_if_name_was_admitted_with_other_content() external {
        OrganizationId acme = _admit("acme", insurer, MemberRole.Payer);
        IOrganizationRegistry.Admission memory other = _admission("acme", hospital, MemberRole.Payer.bit());
        _expectAdmitRevert(
            other,
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryAlreadyAdmitted.selector, acme, "acme")
        );
    }

    function test_admit_reverts_if_name_is_empty() external {
        _expectAdmitRevert(
            _admission("", insurer, 1),
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryInvalidName.selector, "")
        );
    }

    function test_admit_reverts_if_name_exceeds_64_bytes() external {
        string memory longest = "a23456789012345678901234567890123456789012345678901234567890abcd";
        _admit(longest, insurer, MemberRole.Payer);
        string memory longer = string.concat(longest, "e");
        _expectAdmitRevert(
            _admission(longer, insurer, 1),
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryInvalidName.selector, longer)
        );
    }

    function test_admit_accepts_every_allowed_character_and_no_other() external {
        for (uint256 i = 0; i < 256; ++i) {
            bytes memory name = abi.encodePacked("a", bytes1(uint8(i)), "b");
            bool allowed = (i >= 0x61 && i <= 0x7a) || (i >= 0x30 && i <= 0x39) || i == 0x2d || i == 0x2e;
            if (!allowed) {
                vm.expectRevert(
                    abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryInvalidName.selector, name)
                );
            }
            vm.prank(registrar);
            registry.admit(_admission(string(name), insurer, 1));
        }
    }

    function test_admit_reverts_if_name_ends_in_a_mark_or_looks_like_an_id() external {
        string[7] memory names = ["-", ".a", "-a", "a.", "a-", "0x", "0x0057f24045fa0d25a1d0eb68"];
        for (uint256 i = 0; i < names.length; ++i) {
            _expectAdmitRevert(
                _admission(names[i], insurer, 1),
                abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryInvalidName.selector, names[i])
            );
        }
    }

    function test_admit_reverts_without_reason() external {
        IOrganizationRegistry.Admission memory admission = _admission("acme", insurer, 1);
        admission.reason = IOrganizationRegistry.Reason.Unspecified;
        _expectAdmitRevert(
            admission, abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryReasonMissing.selector)
        );
    }

    function test_admit_reverts_without_member_roles() external {
        _expectAdmitRevert(
            _admission("acme", insurer, 0),
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryInvalidMemberRoles.selector, 0)
        );
    }

    function test_admit_reverts_if_member_roles_are_unknown() external {
        uint32 unknown = MemberRoles.ALL + 1;
        _expectAdmitRevert(
            _admission("acme", insurer, unknown),
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryInvalidMemberRoles.selector, unknown)
        );
    }

    function test_admit_reverts_if_licence_is_past() external {
        IOrganizationRegistry.Admission memory admission = _admission("acme", insurer, 1);
        admission.licenceExpiry = START;
        _expectAdmitRevert(
            admission,
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryLicencePast.selector, START, START)
        );
    }

    function test_admit_reverts_without_controller() external {
        _expectAdmitRevert(
            _admission("acme", address(0), 1),
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryInvalidAccount.selector, organizationIdOf("acme"), address(0)
            )
        );
    }

    function test_admit_reverts_unless_registrar_calls() external {
        IOrganizationRegistry.Admission memory admission = _admission("acme", insurer, 1);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, insurer));
        vm.prank(insurer);
        registry.admit(admission);
    }

    function test_admit_many_admits_all() external {
        IOrganizationRegistry.Admission[] memory admissions = new IOrganizationRegistry.Admission[](2);
        admissions[0] = _admission("acme", insurer, 1);
        admissions[1] = _admission("general", hospital, 2);
        vm.prank(registrar);
        registry.admitMany(admissions);
        assertEq(registry.controllerOf(registry.idOf("acme")), insurer);
        assertEq(registry.controllerOf(registry.idOf("general")), hospital);
    }

    function test_admit_many_admits_none_if_one_is_invalid() external {
        IOrganizationRegistry.Admission[] memory admissions = new IOrganizationRegistry.Admission[](2);
        admissions[0] = _admission("acme", insurer, 1);
        admissions[1] = _admission("general", hospital, 0);
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryInvalidMemberRoles.selector, 0)
        );
        vm.prank(registrar);
        registry.admitMany(admissions);
        assertEq(registry.controllerOf(registry.idOf("acme")), address(0));
    }

    function test_admit_many_reverts_unless_registrar_calls() external {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, insurer));
        vm.prank(insurer);
        registry.admitMany(new IOrganizationRegistry.Admission[](0));
    }

    // ------------------------------------------------------------------ assignIdentifiers

    function test_assign_identifiers_skips_what_is_held_already() external {
        OrganizationId acme = _admit("acme", insurer, MemberRole.Payer);
        IOrganizationRegistry.Identifier[] memory identifiers = new IOrganizationRegistry.Identifier[](3);
        identifiers[0] = IOrganizationRegistry.Identifier("GLN", "1");
        identifiers[1] = IOrganizationRegistry.Identifier("GLN", "1");
        identifiers[2] = IOrganizationRegistry.Identifier("GLN", "2");
        vm.recordLogs();
        vm.prank(registrar);
        registry.assignIdentifiers(acme, identifiers);
        assertEq(vm.getRecordedLogs().length, 2);
        assertTrue(registry.organizationByIdentifier("GLN", "1") == acme);
        assertTrue(registry.organizationByIdentifier("GLN", "2") == acme);
        assertTrue(registry.organizationByIdentifier("NPI", "1").isZero());
    }

    function test_assign_identifiers_reverts_if_another_organization_holds_one() external {
        OrganizationId acme = _admit("acme", insurer, MemberRole.Payer);
        OrganizationId general = _admit("general", hospital, MemberRole.Provider);
        vm.startPrank(registrar);
        registry.assignIdentifiers(acme, _identifier("GLN", "1"));
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryIdentifierTaken.selector, bytes32("GLN"), bytes32("1"), acme
            )
        );
        registry.assignIdentifiers(general, _identifier("GLN", "1"));
        vm.stopPrank();
    }

    function test_assign_identifiers_reverts_if_scheme_is_empty() external {
        _expectInvalidIdentifier(0, "1");
    }

    function test_assign_identifiers_reverts_if_value_is_empty() external {
        _expectInvalidIdentifier("GLN", 0);
    }

    function test_assign_identifiers_reverts_if_organization_is_unknown() external {
        OrganizationId unknown = registry.idOf("unknown");
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryUnknownOrganization.selector, unknown)
        );
        vm.prank(registrar);
        registry.assignIdentifiers(unknown, _identifier("GLN", "1"));
    }

    function test_assign_identifiers_reverts_unless_registrar_calls() external {
        OrganizationId acme = _admit("acme", insurer, MemberRole.Payer);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, insurer));
        vm.prank(insurer);
        registry.assignIdentifiers(acme, _identifier("GLN", "1"));
    }

    // ------------------------------------------------------------------ withdrawIdentifier

    function test_withdraw_identifier_frees_it_for_its_holder() external {
        OrganizationId acme = _admit("acme", insurer, MemberRole.Payer);
        OrganizationId general = _admit("general", hospital, MemberRole.Provider);
        vm.startPrank(registrar);
        registry.assignIdentifiers(acme, _identifier("GLN", "1"));
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.IdentifierWithdrawn(acme, "GLN", "1", REASON);
        registry.withdrawIdentifier(acme, IOrganizationRegistry.Identifier("GLN", "1"), REASON);
        assertTrue(registry.organizationByIdentifier("GLN", "1").isZero());
        registry.assignIdentifiers(general, _identifier("GLN", "1"));
        vm.stopPrank();
        assertTrue(registry.organizationByIdentifier("GLN", "1") == general);
    }

    function test_withdraw_identifier_reverts_if_nobody_holds_it() external {
        OrganizationId acme = _admit("acme", insurer, MemberRole.Payer);
        _expectNotHeld(OrganizationId.wrap(0));
        registry.withdrawIdentifier(acme, IOrganizationRegistry.Identifier("GLN", "1"), REASON);
    }

    function test_withdraw_identifier_reverts_for_the_zero_organization() external {
        _expectNotHeld(OrganizationId.wrap(0));
        registry.withdrawIdentifier(OrganizationId.wrap(0), IOrganizationRegistry.Identifier("GLN", "1"), REASON);
    }

    function test_withdraw_identifier_reverts_if_another_organization_holds_it() external {
        OrganizationId acme = _admit("acme", insurer, MemberRole.Payer);
        OrganizationId general = _admit("general", hospital, MemberRole.Provider);
        vm.prank(registrar);
        registry.assignIdentifiers(acme, _identifier("GLN", "1"));
        _expectNotHeld(acme);
        registry.withdrawIdentifier(general, IOrganizationRegistry.Identifier("GLN", "1"), REASON);
    }

    function test_withdraw_identifier_reverts_without_reason() external {
        OrganizationId acme = _admit("acme", insurer, MemberRole.Payer);
        vm.expectRevert(abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryReasonMissing.selector));
        vm.prank(registrar);
        registry.withdrawIdentifier(
            acme, IOrganizationRegistry.Identifier("GLN", "1"), IOrganizationRegistry.Reason.Unspecified
        );
    }

    function test_withdraw_identifier_reverts_unless_registrar_calls() external {
        OrganizationId acme = _admit("acme", insurer, MemberRole.Payer);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, insurer));
        vm.prank(insurer);
        registry.withdrawIdentifier(acme, IOrganizationRegistry.Identifier("GLN", "1"), REASON);
    }

    // ------------------------------------------------------------------ commitMetadata

    function test_commit_metadata_replaces_the_commitment() external {
        OrganizationId acme = _admit("acme", insurer, MemberRole.Payer);
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.MetadataCommitted(acme, "changed", REASON);
        vm.prank(registrar);
        registry.commitMetadata(acme, "changed", REASON);
        assertEq(registry.metadataCommitmentOf(acme), "changed");
    }

    function test_commit_metadata_reverts_if_organization_is_unknown() external {
        OrganizationId unknown = registry.idOf("unknown");
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryUnknownOrganization.selector, unknown)
        );
        vm.prank(registrar);
        registry.commitMetadata(unknown, "changed", REASON);
    }

    function test_commit_metadata_reverts_without_reason() external {
        OrganizationId acme = _admit("acme", insurer, MemberRole.Payer);
        vm.expectRevert(abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryReasonMissing.selector));
        vm.prank(registrar);
        registry.commitMetadata(acme, "changed", IOrganizationRegistry.Reason.Unspecified);
    }

    function test_commit_metadata_reverts_unless_registrar_calls() external {
        OrganizationId acme = _admit("acme", insurer, MemberRole.Payer);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, insurer));
        vm.prank(insurer);
        registry.commitMetadata(acme, "changed", REASON);
    }

    // ------------------------------------------------------------------

    function _expectAdmitRevert(IOrganizationRegistry.Admission memory admission, bytes memory revertData) private {
        vm.expectRevert(revertData);
        vm.prank(registrar);
        registry.admit(admission);
    }

    function _expectNotHeld(OrganizationId holder) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryIdentifierNotHeld.selector,
                bytes32("GLN"),
                bytes32("1"),
                holder
            )
        );
        vm.prank(registrar);
    }

    function _expectInvalidIdentifier(bytes32 scheme, bytes32 value) private {
        OrganizationId acme = _admit("acme", insurer, MemberRole.Payer);
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryInvalidIdentifier.selector, scheme, value)
        );
        vm.prank(registrar);
        registry.assignIdentifiers(acme, _identifier(scheme, value));
    }
}
