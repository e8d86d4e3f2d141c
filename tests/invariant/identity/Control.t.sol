// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {MemberRole} from "../../../contracts/identity/Roles.sol";

import {IdentityFixture} from "./IdentityFixture.sol";

/// @notice The controller's offers and publications.
contract ControlTest is IdentityFixture {
    address internal insurer = makeAddr("insurer");
    address internal successor = makeAddr("successor");
    OrganizationId internal acme;

    function setUp() public override {
        super.setUp();
        acme = _admit("acme", insurer, MemberRole.Payer);
    }

    // ------------------------------------------------------------------ transferController

    function test_transfer_controller_offers_control() external {
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.ControllerTransferStarted(acme, insurer, successor);
        _offer(successor);
        assertEq(registry.pendingControllerOf(acme), successor);
        assertEq(registry.controllerOf(acme), insurer);
    }

    function test_transfer_controller_withdraws_the_offer_with_zero() external {
        _offer(successor);
        _offer(address(0));
        assertEq(registry.pendingControllerOf(acme), address(0));
        _expectNotPending(successor);
        registry.acceptController(acme);
    }

    function test_transfer_controller_reverts_if_offered_to_itself() external {
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryInvalidAccount.selector, acme, insurer)
        );
        _offer(insurer);
    }

    function test_transfer_controller_reverts_unless_controller_calls() external {
        _expectNotController(successor);
        registry.transferController(acme, successor);
    }

    function test_transfer_controller_reverts_if_organization_is_unknown() external {
        OrganizationId unknown = registry.idOf("unknown");
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryUnknownOrganization.selector, unknown)
        );
        vm.prank(insurer);
        registry.transferController(unknown, successor);
    }

    // ------------------------------------------------------------------ acceptController

    function test_accept_controller_takes_control() external {
        _offer(successor);
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.ControllerTransferred(acme, insurer, successor);
        vm.prank(successor);
        registry.acceptController(acme);
        assertEq(registry.controllerOf(acme), successor);
        assertEq(registry.pendingControllerOf(acme), address(0));
        _expectNotController(insurer);
        registry.transferController(acme, insurer);
    }

    function test_accept_controller_reverts_if_accepted_before() external {
        _offer(successor);
        vm.prank(successor);
        registry.acceptController(acme);
        _expectNotPending(successor);
        registry.acceptController(acme);
    }

    function test_accept_controller_reverts_if_a_later_offer_names_another() external {
        _offer(successor);
        _offer(stranger);
        _expectNotPending(successor);
        registry.acceptController(acme);
    }

    function test_accept_controller_reverts_without_offer() external {
        _expectNotPending(successor);
        registry.acceptController(acme);
    }

    function test_accept_controller_reverts_if_organization_is_unknown() external {
        OrganizationId unknown = registry.idOf("unknown");
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryUnknownOrganization.selector, unknown)
        );
        vm.prank(successor);
        registry.acceptController(unknown);
    }

    // ------------------------------------------------------------------ publishContract

    function test_publish_contract_publishes_replaces_and_withdraws() external {
        _expectPublished(address(ledger), address(0));
        _expectPublished(address(firstVersion), address(ledger));
        _expectPublished(address(0), address(firstVersion));
    }

    function test_publish_contract_reverts_if_address_has_no_code() external {
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryNotAContract.selector, stranger)
        );
        vm.prank(insurer);
        registry.publishContract(acme, "Vault", stranger);
    }

    function test_publish_contract_reverts_if_suspended() external {
        vm.prank(registrar);
        registry.suspend(acme, REASON);
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryNotInGoodStanding.selector,
                acme,
                IOrganizationRegistry.Standing.Suspended
            )
        );
        vm.prank(insurer);
        registry.publishContract(acme, "Vault", address(ledger));
    }

    function test_publish_contract_reverts_if_licence_is_past() external {
        uint40 licenceExpiry = registry.membershipOf(acme).licenceExpiry;
        vm.warp(licenceExpiry);
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryLicenceExpired.selector, acme, licenceExpiry
            )
        );
        vm.prank(insurer);
        registry.publishContract(acme, "Vault", address(ledger));
    }

    function test_publish_contract_reverts_during_a_recovery() external {
        vm.prank(registrar);
        registry.startRecovery(acme, successor, REASON);
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryRecoveryPending.selector, acme, successor)
        );
        vm.prank(insurer);
        registry.publishContract(acme, "Vault", address(0));
    }

    function test_publish_contract_withdraws_while_not_in_force() external {
        _expectPublished(address(ledger), address(0));
        vm.prank(policyAdministrator);
        registry.expel(acme, REASON);
        _expectPublished(address(0), address(ledger));
    }

    function test_publish_contract_reverts_unless_controller_calls() external {
        _expectNotController(stranger);
        registry.publishContract(acme, "Vault", address(ledger));
    }

    // ------------------------------------------------------------------

    function _offer(address to) private {
        vm.prank(insurer);
        registry.transferController(acme, to);
    }

    function _expectPublished(address published, address previous) private {
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.ContractPublished(acme, "Vault", published, previous);
        vm.prank(insurer);
        registry.publishContract(acme, "Vault", published);
        assertEq(registry.contractOf(acme, "Vault"), published);
        assertEq(registry.contractOf(acme, "Other"), address(0));
    }

    function _expectNotController(address caller) private {
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryNotController.selector, acme, caller)
        );
        vm.prank(caller);
    }

    function _expectNotPending(address caller) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryNotPendingController.selector, acme, caller
            )
        );
        vm.prank(caller);
    }
}
