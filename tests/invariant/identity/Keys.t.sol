// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {MemberRole} from "../../../contracts/identity/Roles.sol";

import {IdentityFixture, possessionDigest} from "./IdentityFixture.sol";

/// @notice A contract wallet that answers for one digest.
contract Wallet is IERC1271 {
    bytes32 private immutable _agreed;

    constructor(bytes32 agreed) {
        _agreed = agreed;
    }

    function isValidSignature(bytes32 hash, bytes memory) external view returns (bytes4) {
        return hash == _agreed ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

/// @notice Every change of a key, allowed and forbidden.
///
/// | from \ to   | Active              | Retired | Compromised                |
/// | ----------- | ------------------- | ------- | -------------------------- |
/// | Unknown     | by addKey           | no      | no                         |
/// | Active      | addKey changes none | yes     | yes                        |
/// | Retired     | no                  | no      | yes                        |
/// | Compromised | no                  | no      | only a cut-off moved back  |
contract KeysTest is IdentityFixture {
    address internal insurer = makeAddr("insurer");
    address internal hospital = makeAddr("hospital");
    OrganizationId internal acme;
    OrganizationId internal general;
    address internal key;
    uint256 internal secret;

    function setUp() public override {
        super.setUp();
        acme = _admit("acme", insurer, MemberRole.Payer);
        general = _admit("general", hospital, MemberRole.Provider);
        (key, secret) = makeAddrAndKey("key");
    }

    // ------------------------------------------------------------------ addKey

    function test_add_key_records_the_key() external {
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.KeyAdded(acme, key);
        _addKey(acme, "key");
        IOrganizationRegistry.Key memory record = registry.keyOf(key);
        assertTrue(record.organization == acme);
        assertEq(record.addedAt, START);
        assertEq(record.retiredAt, 0);
        assertEq(record.compromisedSince, 0);
        assertEq(record.reportedAt, 0);
        _assertStatus(IOrganizationRegistry.KeyStatus.Active);
    }

    function test_add_key_accepts_a_contract_wallet() external {
        uint256 deadline = START + 1;
        bytes12 id = OrganizationId.unwrap(acme);
        address expected = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        Wallet wallet = new Wallet(possessionDigest(address(registry), block.chainid, id, expected, deadline));
        vm.prank(insurer);
        registry.addKey(acme, address(wallet), deadline, "");
        assertTrue(registry.requireKey(address(wallet)) == acme);
    }

    function test_add_key_reverts_if_contract_wallet_disagrees() external {
        Wallet wallet = new Wallet(0);
        _expectInvalidSignature(address(wallet));
        vm.prank(insurer);
        registry.addKey(acme, address(wallet), START, "");
    }

    function test_add_key_changes_nothing_if_active_already() external {
        _addKey(acme, "key");
        vm.warp(START + 1 hours);
        vm.recordLogs();
        vm.prank(insurer);
        registry.addKey(acme, key, 0, "");
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(registry.keyOf(key).addedAt, START);
    }

    function test_add_key_works_for_a_suspended_organization() external {
        vm.prank(registrar);
        registry.suspend(acme, REASON);
        _addKey(acme, "key");
        _assertStatus(IOrganizationRegistry.KeyStatus.Active);
    }

    function test_add_key_reverts_if_key_is_retired() external {
        _addKey(acme, "key");
        vm.prank(insurer);
        registry.retireKey(key);
        _expectKeyTaken(acme, insurer, acme);
    }

    function test_add_key_reverts_if_key_is_compromised() external {
        _addKey(acme, "key");
        vm.prank(insurer);
        registry.reportCompromise(key, START);
        _expectKeyTaken(acme, insurer, acme);
    }

    function test_add_key_reverts_if_another_organization_has_the_key() external {
        _addKey(acme, "key");
        _expectKeyTaken(general, hospital, acme);
    }

    function test_add_key_reverts_if_another_organization_had_the_key() external {
        _addKey(acme, "key");
        vm.prank(insurer);
        registry.retireKey(key);
        _expectKeyTaken(general, hospital, acme);
    }

    function test_add_key_reverts_after_the_deadline() external {
        bytes memory signature = _possession(secret, acme, key, START - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistrySignatureExpired.selector, START - 1, START
            )
        );
        vm.prank(insurer);
        registry.addKey(acme, key, START - 1, signature);
    }

    function test_add_key_reverts_if_another_key_signed() external {
        (, uint256 other) = makeAddrAndKey("other");
        bytes memory signature = _possession(other, acme, key, START);
        _expectInvalidSignature(key);
        vm.prank(insurer);
        registry.addKey(acme, key, START, signature);
    }

    function test_add_key_reverts_if_signed_for_another_organization() external {
        bytes memory signature = _possession(secret, general, key, START);
        _expectInvalidSignature(key);
        vm.prank(insurer);
        registry.addKey(acme, key, START, signature);
    }

    function test_add_key_reverts_if_signed_for_another_chain_or_registry() external {
        bytes12 id = OrganizationId.unwrap(acme);
        bytes memory signature =
            _signature(secret, possessionDigest(address(registry), block.chainid + 1, id, key, START));
        _expectInvalidSignature(key);
        vm.prank(insurer);
        registry.addKey(acme, key, START, signature);
        signature = _signature(secret, possessionDigest(address(ledger), block.chainid, id, key, START));
        _expectInvalidSignature(key);
        vm.prank(insurer);
        registry.addKey(acme, key, START, signature);
    }

    function test_add_key_reverts_if_signed_with_another_deadline() external {
        bytes memory signature = _possession(secret, acme, key, START);
        _expectInvalidSignature(key);
        vm.prank(insurer);
        registry.addKey(acme, key, START + 1, signature);
    }

    function test_add_key_reverts_if_key_is_zero() external {
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryInvalidAccount.selector, acme, address(0))
        );
        vm.prank(insurer);
        registry.addKey(acme, address(0), START, "");
    }

    function test_add_key_works_for_an_expelled_organization_that_still_has_to_finish() external {
        vm.prank(policyAdministrator);
        registry.expel(acme, REASON);
        _addKey(acme, "key");
        assertTrue(registry.requireKey(key) == acme);
    }

    function test_add_key_reverts_if_organization_is_unknown() external {
        OrganizationId unknown = registry.idOf("unknown");
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryUnknownOrganization.selector, unknown)
        );
        vm.prank(insurer);
        registry.addKey(unknown, key, START, "");
    }

    function test_add_key_reverts_unless_controller_calls() external {
        _expectNotController(hospital);
        registry.addKey(acme, key, START, "");
        _expectNotController(registrar);
        registry.addKey(acme, key, START, "");
    }

    // ------------------------------------------------------------------ retireKey

    function test_retire_key_retires_an_active_key() external {
        _addKey(acme, "key");
        vm.warp(START + 5);
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.KeyRetired(acme, key);
        vm.prank(insurer);
        registry.retireKey(key);
        assertEq(registry.keyOf(key).retiredAt, START + 5);
        _assertStatus(IOrganizationRegistry.KeyStatus.Retired);
    }

    function test_retire_key_reverts_if_key_is_unknown() external {
        _expectUnknownKey();
        vm.prank(insurer);
        registry.retireKey(key);
    }

    function test_retire_key_reverts_if_already_retired() external {
        _addKey(acme, "key");
        vm.startPrank(insurer);
        registry.retireKey(key);
        vm.warp(START + 5);
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryKeyRetired.selector, key, START)
        );
        registry.retireKey(key);
        vm.stopPrank();
    }

    function test_retire_key_reverts_if_compromised() external {
        _addKey(acme, "key");
        vm.startPrank(insurer);
        registry.reportCompromise(key, START);
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryKeyCompromised.selector, key, START)
        );
        registry.retireKey(key);
        vm.stopPrank();
    }

    function test_retire_key_reverts_unless_controller_calls() external {
        _addKey(acme, "key");
        _expectNotController(key);
        registry.retireKey(key);
        _expectNotController(registrar);
        registry.retireKey(key);
    }

    // ------------------------------------------------------------------ reportCompromise

    function test_report_compromise_sets_the_cut_off() external {
        _addKey(acme, "key");
        vm.warp(START + 5);
        vm.expectEmit(address(registry));
        emit IOrganizationRegistry.KeyCompromised(acme, key, START + 2, insurer);
        vm.prank(insurer);
        registry.reportCompromise(key, START + 2);
        assertEq(registry.keyOf(key).compromisedSince, START + 2);
        assertEq(registry.keyOf(key).reportedAt, START + 5);
        _assertStatus(IOrganizationRegistry.KeyStatus.Compromised);
    }

    function test_report_compromise_reaches_a_retired_key() external {
        _addKey(acme, "key");
        vm.startPrank(insurer);
        registry.retireKey(key);
        registry.reportCompromise(key, START);
        vm.stopPrank();
        _assertStatus(IOrganizationRegistry.KeyStatus.Compromised);
    }

    function test_report_compromise_works_for_an_expelled_organization_under_recovery() external {
        _addKey(acme, "key");
        vm.prank(policyAdministrator);
        registry.expel(acme, REASON);
        vm.prank(registrar);
        registry.startRecovery(acme, hospital, REASON);
        vm.prank(insurer);
        registry.reportCompromise(key, START);
        _assertStatus(IOrganizationRegistry.KeyStatus.Compromised);
    }

    function test_report_compromise_works_for_the_new_controller_of_an_upheld_recovery() external {
        _addKey(acme, "key");
        vm.prank(registrar);
        registry.startRecovery(acme, hospital, REASON);
        _expectNotController(hospital);
        registry.reportCompromise(key, START);
        vm.prank(guardian);
        registry.contestRecoveryAsGuardian(acme, hospital);
        _expectNotController(hospital);
        registry.reportCompromise(key, START);
        vm.prank(admin);
        registry.settleRecovery(acme, hospital, hospital, REASON);
        _expectNotController(stranger);
        registry.reportCompromise(key, START);
        vm.prank(hospital);
        registry.reportCompromise(key, START);
        _assertStatus(IOrganizationRegistry.KeyStatus.Compromised);
    }

    function test_report_compromise_moves_a_cut_off_back_only() external {
        _addKey(acme, "key");
        vm.warp(START + 10);
        vm.prank(insurer);
        registry.reportCompromise(key, START + 5);
        vm.warp(START + 20);
        _expectCutOff(insurer, START + 6, START, START + 5);
        registry.reportCompromise(key, START + 6);
        vm.prank(insurer);
        registry.reportCompromise(key, START + 3);
        assertEq(registry.keyOf(key).compromisedSince, START + 3);
        assertEq(registry.keyOf(key).reportedAt, START + 10);
    }

    function test_report_compromise_changes_nothing_if_repeated() external {
        _addKey(acme, "key");
        vm.prank(insurer);
        registry.reportCompromise(key, START);
        vm.warp(START + 60 days);
        vm.recordLogs();
        vm.prank(insurer);
        registry.reportCompromise(key, START);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(registry.keyOf(key).reportedAt, START);
    }

    function test_report_compromise_reverts_if_cut_off_is_in_the_future() external {
        _addKey(acme, "key");
        _expectCutOff(insurer, START + 1, START, START);
        registry.reportCompromise(key, START + 1);
    }

    function test_report_compromise_reverts_if_cut_off_precedes_the_key() external {
        _addKey(acme, "key");
        _expectCutOff(insurer, START - 1, START, START);
        registry.reportCompromise(key, START - 1);
    }

    function test_report_compromise_reverts_beyond_the_window() external {
        _addKey(acme, "key");
        uint40 present = START + 40 days;
        vm.warp(present);
        _expectCutOff(insurer, present - COMPROMISE_WINDOW - 1, present - COMPROMISE_WINDOW, present);
        registry.reportCompromise(key, present - COMPROMISE_WINDOW - 1);
        vm.prank(insurer);
        registry.reportCompromise(key, present - COMPROMISE_WINDOW);
        _assertStatus(IOrganizationRegistry.KeyStatus.Compromised);
    }

    function test_report_compromise_reverts_if_key_is_unknown() external {
        _expectUnknownKey();
        vm.prank(insurer);
        registry.reportCompromise(key, START);
    }

    function test_report_compromise_reverts_unless_controller_calls() external {
        _addKey(acme, "key");
        _expectNotController(registrar);
        registry.reportCompromise(key, START);
    }

    // ------------------------------------------------------------------ reportCompromiseAsRegistrar

    function test_report_compromise_as_registrar_reaches_back_to_the_start_of_the_key() external {
        _addKey(acme, "key");
        vm.warp(START + 400 days);
        vm.prank(registrar);
        registry.reportCompromiseAsRegistrar(key, START);
        assertEq(registry.keyOf(key).compromisedSince, START);
        assertEq(registry.keyOf(key).reportedAt, START + 400 days);
    }

    function test_report_compromise_as_registrar_reverts_before_the_start_of_the_key() external {
        _addKey(acme, "key");
        _expectCutOff(registrar, START - 1, START, START);
        registry.reportCompromiseAsRegistrar(key, START - 1);
    }

    function test_report_compromise_as_registrar_reverts_if_cut_off_moves_forward() external {
        _addKey(acme, "key");
        vm.warp(START + 5);
        vm.prank(insurer);
        registry.reportCompromise(key, START + 1);
        _expectCutOff(registrar, START + 2, START, START + 1);
        registry.reportCompromiseAsRegistrar(key, START + 2);
    }

    function test_report_compromise_as_registrar_reverts_if_key_is_unknown() external {
        _expectUnknownKey();
        vm.prank(registrar);
        registry.reportCompromiseAsRegistrar(key, START);
    }

    function test_report_compromise_as_registrar_reverts_unless_registrar_calls() external {
        _addKey(acme, "key");
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, insurer));
        vm.prank(insurer);
        registry.reportCompromiseAsRegistrar(key, START);
    }

    // ------------------------------------------------------------------

    function _assertStatus(IOrganizationRegistry.KeyStatus expected) private view {
        (OrganizationId organization, IOrganizationRegistry.KeyStatus status) = registry.organizationOf(key);
        assertTrue(organization == acme);
        assertEq(uint8(status), uint8(expected));
    }

    function _expectKeyTaken(OrganizationId by, address controller, OrganizationId holder) private {
        bytes memory signature = _possession(secret, by, key, START);
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryKeyTaken.selector, key, holder)
        );
        vm.prank(controller);
        registry.addKey(by, key, START, signature);
    }

    function _expectInvalidSignature(address account) private {
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryInvalidSignature.selector, acme, account)
        );
    }

    function _expectUnknownKey() private {
        vm.expectRevert(abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryUnknownKey.selector, key));
    }

    function _expectNotController(address caller) private {
        vm.expectRevert(
            abi.encodeWithSelector(IOrganizationRegistry.OrganizationRegistryNotController.selector, acme, caller)
        );
        vm.prank(caller);
    }

    function _expectCutOff(address caller, uint40 since, uint40 earliest, uint40 latest) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrganizationRegistry.OrganizationRegistryCutOffOutOfRange.selector, key, since, earliest, latest
            )
        );
        vm.prank(caller);
    }
}
