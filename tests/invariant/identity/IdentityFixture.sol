// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {Test} from "forge-std/Test.sol";

import {Haltable} from "../../../contracts/identity/Haltable.sol";
import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {OrganizationRegistry} from "../../../contracts/identity/OrganizationRegistry.sol";
import {Replaceable} from "../../../contracts/identity/Replaceable.sol";
import {GovernanceRoles, MemberRole, MemberRoles} from "../../../contracts/identity/Roles.sol";
import {SingleWriter} from "../../../contracts/identity/SingleWriter.sol";
import {RehearsalLedger, RehearsalWork} from "../../../contracts/testing/Rehearsal.sol";

/// @notice The suite as it is deployed, with one account per role, and what most tests need of it.
abstract contract IdentityFixture is Test {
    using MemberRoles for MemberRole;

    uint40 internal constant START = 1_800_000_000; // Unix seconds
    uint32 internal constant RECOVERY_DELAY = 7 days;
    uint40 internal constant COMPROMISE_WINDOW = 30 days;
    IOrganizationRegistry.Reason internal constant REASON = IOrganizationRegistry.Reason.RegulatorOrder;

    address internal admin = makeAddr("admin");
    address internal registrar = makeAddr("registrar");
    address internal policyAdministrator = makeAddr("policy administrator");
    address internal guardian = makeAddr("guardian");
    address internal stranger = makeAddr("stranger");

    AccessManager internal manager;
    OrganizationRegistry internal registry;
    RehearsalLedger internal ledger;
    RehearsalWork internal firstVersion;
    RehearsalWork internal nextVersion;

    function setUp() public virtual {
        vm.warp(START);
        manager = new AccessManager(admin);
        registry = new OrganizationRegistry(address(manager), RECOVERY_DELAY);
        ledger = new RehearsalLedger(address(manager));
        firstVersion = new RehearsalWork(address(manager), registry, ledger);
        nextVersion = new RehearsalWork(address(manager), registry, ledger);
        vm.startPrank(admin);
        manager.grantRole(GovernanceRoles.REGISTRAR, registrar, 0);
        manager.grantRole(GovernanceRoles.POLICY_ADMINISTRATOR, policyAdministrator, 0);
        manager.grantRole(GovernanceRoles.GUARDIAN, guardian, 0);
        manager.setTargetFunctionRole(address(registry), _registrarFunctions(), GovernanceRoles.REGISTRAR);
        manager.setTargetFunctionRole(
            address(registry), _only(registry.expel.selector), GovernanceRoles.POLICY_ADMINISTRATOR
        );
        manager.setTargetFunctionRole(
            address(registry), _only(registry.contestRecoveryAsGuardian.selector), GovernanceRoles.GUARDIAN
        );
        manager.setTargetFunctionRole(
            address(ledger), _only(SingleWriter.setWriter.selector), GovernanceRoles.POLICY_ADMINISTRATOR
        );
        _governVersion(firstVersion);
        _governVersion(nextVersion);
        vm.stopPrank();
        vm.startPrank(policyAdministrator);
        ledger.setWriter(address(firstVersion));
        firstVersion.openToNewWork();
        vm.stopPrank();
    }

    // ------------------------------------------------------------------ organizations

    function _admission(string memory name, address controller, uint32 memberRoles)
        internal
        view
        returns (IOrganizationRegistry.Admission memory)
    {
        return IOrganizationRegistry.Admission({
            name: name,
            controller: controller,
            memberRoles: memberRoles,
            licenceExpiry: uint40(block.timestamp) + 365 days,
            metadataCommitment: keccak256(abi.encode("metadata of", name)),
            identifiers: new IOrganizationRegistry.Identifier[](0),
            reason: IOrganizationRegistry.Reason.Application
        });
    }

    function _admit(string memory name, address controller, MemberRole role) internal returns (OrganizationId) {
        IOrganizationRegistry.Admission memory admission = _admission(name, controller, role.bit());
        vm.prank(registrar);
        return registry.admit(admission);
    }

    /// @dev Brings a fresh organization into a standing.
    function _admitInto(string memory name, address controller, IOrganizationRegistry.Standing standing)
        internal
        returns (OrganizationId organization)
    {
        organization = registry.idOf(name);
        if (standing == IOrganizationRegistry.Standing.Unknown) return organization;
        _admit(name, controller, MemberRole.Payer);
        if (standing == IOrganizationRegistry.Standing.Suspended) {
            vm.prank(registrar);
            registry.suspend(organization, REASON);
        } else if (standing == IOrganizationRegistry.Standing.Expelled) {
            vm.prank(policyAdministrator);
            registry.expel(organization, REASON);
        }
    }

    function _identifier(bytes32 scheme, bytes32 value)
        internal
        pure
        returns (IOrganizationRegistry.Identifier[] memory identifiers)
    {
        identifiers = new IOrganizationRegistry.Identifier[](1);
        identifiers[0] = IOrganizationRegistry.Identifier(scheme, value);
    }

    // ------------------------------------------------------------------ keys

    /// @dev Adds the key named `label` to an organization.
    function _addKey(OrganizationId organization, string memory label) internal returns (address key) {
        uint256 secret;
        (key, secret) = makeAddrAndKey(label);
        bytes memory signature = _possession(secret, organization, key, block.timestamp);
        vm.prank(registry.controllerOf(organization));
        registry.addKey(organization, key, block.timestamp, signature);
    }

    function _possession(uint256 secret, OrganizationId organization, address key, uint256 deadline)
        internal
        view
        returns (bytes memory)
    {
        return _signature(
            secret,
            possessionDigest(address(registry), block.chainid, OrganizationId.unwrap(organization), key, deadline)
        );
    }

    function _signature(uint256 secret, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(secret, digest);
        return abi.encodePacked(r, s, v);
    }

    // ------------------------------------------------------------------ governance

    function _governVersion(RehearsalWork version) private {
        bytes4[] memory selectors = new bytes4[](3);
        selectors[0] = Haltable.resume.selector;
        selectors[1] = Replaceable.openToNewWork.selector;
        selectors[2] = Replaceable.closeToNewWork.selector;
        manager.setTargetFunctionRole(address(version), selectors, GovernanceRoles.POLICY_ADMINISTRATOR);
        manager.setTargetFunctionRole(address(version), _only(Haltable.halt.selector), GovernanceRoles.GUARDIAN);
    }

    function _only(bytes4 selector) internal pure returns (bytes4[] memory selectors) {
        selectors = new bytes4[](1);
        selectors[0] = selector;
    }

    function _registrarFunctions() internal pure returns (bytes4[] memory selectors) {
        selectors = new bytes4[](13);
        selectors[0] = IOrganizationRegistry.admit.selector;
        selectors[1] = IOrganizationRegistry.admitMany.selector;
        selectors[2] = IOrganizationRegistry.renew.selector;
        selectors[3] = IOrganizationRegistry.addMemberRoles.selector;
        selectors[4] = IOrganizationRegistry.removeMemberRoles.selector;
        selectors[5] = IOrganizationRegistry.assignIdentifiers.selector;
        selectors[6] = IOrganizationRegistry.commitMetadata.selector;
        selectors[7] = IOrganizationRegistry.suspend.selector;
        selectors[8] = IOrganizationRegistry.reinstate.selector;
        selectors[9] = IOrganizationRegistry.reportCompromiseAsRegistrar.selector;
        selectors[10] = IOrganizationRegistry.startRecovery.selector;
        selectors[11] = IOrganizationRegistry.cancelRecovery.selector;
        selectors[12] = IOrganizationRegistry.withdrawIdentifier.selector;
    }
}

/// @notice The EIP-712 digest that a key signs, computed apart from the registry's own code.
function possessionDigest(address verifier, uint256 chainId, bytes12 organization, address key, uint256 deadline)
    pure
    returns (bytes32)
{
    bytes32 domain = keccak256(
        abi.encode(
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
            keccak256("careledger OrganizationRegistry"),
            keccak256("1"),
            chainId,
            verifier
        )
    );
    bytes32 message = keccak256(
        abi.encode(
            keccak256("KeyPossession(bytes12 organization,address key,uint256 deadline)"), organization, key, deadline
        )
    );
    return keccak256(abi.encodePacked("\x19\x01", domain, message));
}
