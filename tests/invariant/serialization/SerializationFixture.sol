// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

import {Haltable} from "../../../contracts/identity/Haltable.sol";
import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {OrganizationRegistry} from "../../../contracts/identity/OrganizationRegistry.sol";
import {Replaceable} from "../../../contracts/identity/Replaceable.sol";
import {GovernanceRoles, MemberRole} from "../../../contracts/identity/Roles.sol";
import {Custody} from "../../../contracts/serialization/Custody.sol";
import {IColdChain} from "../../../contracts/serialization/IColdChain.sol";
import {LotRegistry} from "../../../contracts/serialization/LotRegistry.sol";
import {PurchaseEscrow} from "../../../contracts/serialization/PurchaseEscrow.sol";
import {FeeToken, StableToken} from "../../../contracts/testing/TestTokens.sol";

import {IdentityFixture} from "../identity/IdentityFixture.sol";

uint256 constant MEMBERS = 9;

/// @notice The contracts of serialization and those who call them.
struct Stage {
    LotRegistry lots;
    Custody custody;
    PurchaseEscrow escrow;
    IColdChain coldChain;
    OrganizationRegistry registry;
    StableToken[2] tokens; // the second one takes a fee
    address registrar;
    address guardian;
    address administrator;
    address stranger;
    OrganizationId[MEMBERS] members;
    address[MEMBERS] keys;
    uint32[MEMBERS] roles;
}

/// @notice The contracts of serialization as they are deployed, and the organizations of a supply chain: two makers, a
/// repackager, a wholesaler, two pharmacies, a clinic, a carrier and a regulator. The wholesaler, the second maker and
/// the carrier have devices.
abstract contract SerializationFixture is IdentityFixture {
    Stage internal stage;

    function setUp() public virtual override {
        super.setUp();
        stage.registry = registry;
        stage.custody = new Custody(address(manager), registry);
        stage.lots = new LotRegistry(address(manager), registry, stage.custody);
        stage.escrow = new PurchaseEscrow(registry, address(stage.custody));
        stage.coldChain = _newColdChain();
        stage.tokens = [new StableToken(), StableToken(new FeeToken())];
        (stage.registrar, stage.guardian) = (registrar, guardian);
        (stage.administrator, stage.stranger) = (policyAdministrator, stranger);
        _govern();
        vm.startPrank(policyAdministrator);
        stage.custody.setLots(address(stage.lots));
        stage.custody.setEscrow(address(stage.escrow));
        stage.custody.setColdChain(address(stage.coldChain));
        stage.lots.openToNewWork();
        vm.stopPrank();
        _admitAll();
    }

    /// @dev An account that flags by itself. The contract does not compile without the optimizer, which coverage does.
    function _newColdChain() internal virtual returns (IColdChain) {
        return IColdChain(makeAddr("cold chain"));
    }

    function _govern() private {
        bytes4[] memory rare = new bytes4[](4);
        rare[0] = Haltable.resume.selector;
        rare[1] = Custody.setLots.selector;
        rare[2] = Custody.setEscrow.selector;
        rare[3] = Custody.setColdChain.selector;
        bytes4[] memory versions = new bytes4[](3);
        versions[0] = Haltable.resume.selector;
        versions[1] = Replaceable.openToNewWork.selector;
        versions[2] = Replaceable.closeToNewWork.selector;
        bytes4[] memory halts = _only(Haltable.halt.selector);
        AccessManager held = manager;
        vm.startPrank(admin);
        held.setTargetFunctionRole(address(stage.custody), rare, GovernanceRoles.POLICY_ADMINISTRATOR);
        held.setTargetFunctionRole(address(stage.custody), halts, GovernanceRoles.GUARDIAN);
        held.setTargetFunctionRole(address(stage.lots), versions, GovernanceRoles.POLICY_ADMINISTRATOR);
        held.setTargetFunctionRole(address(stage.lots), halts, GovernanceRoles.GUARDIAN);
        held.setTargetFunctionRole(
            address(stage.lots), _only(LotRegistry.assignProduct.selector), GovernanceRoles.REGISTRAR
        );
        vm.stopPrank();
    }

    function _admitAll() private {
        string[MEMBERS] memory names = [
            "sundial-pharma",
            "moonrise-pharma",
            "small-packs",
            "midway-wholesale",
            "riverside-pharmacy",
            "harbour-pharmacy",
            "lakeside-clinic",
            "northbound-freight",
            "medicines-agency"
        ];
        stage.roles = [
            _bit(MemberRole.Manufacturer),
            _bit(MemberRole.Manufacturer) | _bit(MemberRole.DeviceOperator),
            _bit(MemberRole.Repackager),
            _bit(MemberRole.Wholesaler) | _bit(MemberRole.DeviceOperator),
            _bit(MemberRole.Dispenser),
            _bit(MemberRole.Dispenser),
            _bit(MemberRole.Provider),
            _bit(MemberRole.Carrier) | _bit(MemberRole.DeviceOperator),
            _bit(MemberRole.Regulator)
        ];
        for (uint256 i = 0; i < MEMBERS; ++i) {
            IOrganizationRegistry.Admission memory admission =
                _admission(names[i], makeAddr(string.concat(names[i], " controller")), stage.roles[i]);
            admission.licenceExpiry = START * 2;
            vm.prank(registrar);
            stage.members[i] = registry.admit(admission);
            stage.keys[i] = _addKey(stage.members[i], string.concat(names[i], " key"));
            for (uint256 token = 0; token < 2; ++token) {
                stage.tokens[token].mint(stage.keys[i], type(uint96).max);
                vm.prank(stage.keys[i]);
                stage.tokens[token].approve(address(stage.escrow), type(uint256).max);
            }
        }
    }

    function _bit(MemberRole role) private pure returns (uint32) {
        return uint32(1) << uint8(role);
    }
}
