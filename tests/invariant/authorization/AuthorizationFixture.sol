// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DocumentAnchor} from "../../../contracts/anchoring/DocumentAnchor.sol";
import {Foundations} from "../../../contracts/authorization/AuthorizationBook.sol";
import {AuthorizationDesk} from "../../../contracts/authorization/AuthorizationDesk.sol";
import {AuthorizationIntake} from "../../../contracts/authorization/AuthorizationIntake.sol";
import {BenefitClass, BenefitRule, Coverage, RuleFlags} from "../../../contracts/authorization/BenefitRule.sol";
import {ClaimSettlement} from "../../../contracts/authorization/ClaimSettlement.sol";
import {ICoveragePolicy} from "../../../contracts/authorization/ICoveragePolicy.sol";
import {IInsurerVault} from "../../../contracts/authorization/IInsurerVault.sol";
import {IReviewPanel} from "../../../contracts/authorization/IReviewPanel.sol";
import {InsurerVault} from "../../../contracts/authorization/InsurerVault.sol";
import {PayerRoles} from "../../../contracts/authorization/PayerRoles.sol";
import {PriorAuthorization} from "../../../contracts/authorization/PriorAuthorization.sol";
import {ReviewPanel} from "../../../contracts/authorization/ReviewPanel.sol";
import {Haltable} from "../../../contracts/identity/Haltable.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {Replaceable} from "../../../contracts/identity/Replaceable.sol";
import {SingleWriter} from "../../../contracts/identity/SingleWriter.sol";
import {StableToken} from "../../../contracts/testing/TestTokens.sol";

import {PayerFixture, ruleOf, termsOf} from "./PayerFixture.sol";

/// @notice All of an insurer's contracts, as they are deployed. Hospital and clinic are enrolled in a plan whose next
/// version comes into force later, each on a day of its own, and in another plan's version of shadow mode.
abstract contract AuthorizationFixture is PayerFixture {
    uint32 internal constant SHADOW_PLAN = 9;

    address internal payerGuardian = makeAddr("payer guardian");
    address internal medicalDirector = makeAddr("medical director");
    address internal treasurer = makeAddr("treasurer");

    DocumentAnchor internal anchors;
    ReviewPanel internal panel;
    AuthorizationIntake internal intake;
    AuthorizationDesk internal desk;
    PriorAuthorization internal authorizations;
    StableToken internal token;
    InsurerVault internal vault;
    ClaimSettlement internal settlement;
    uint16[3] internal versions; // the plan's two, and the shadow's

    function setUp() public virtual override {
        super.setUp();
        anchors = new DocumentAnchor(registry);
        panel = new ReviewPanel(address(payerManager), registry, insurer);
        Foundations memory foundations = Foundations(registry, anchors, policy, units, panel);
        intake = new AuthorizationIntake(address(payerManager), foundations);
        desk = new AuthorizationDesk(address(payerManager), foundations);
        authorizations = new PriorAuthorization(address(payerManager), foundations, intake, desk);
        token = new StableToken();
        vault = new InsurerVault(address(payerManager), registry, insurer, token);
        settlement = new ClaimSettlement(address(payerManager), anchors, policy, authorizations, vault, panel);
        _govern();
        _wire();
        versions[0] = _sealedBy(PLAN, false, false);
        versions[1] = _sealedBy(PLAN, true, false);
        versions[2] = _sealedBy(SHADOW_PLAN, false, true);
        _enrolIn(hospital, "hospital key", START + 15 days);
        _enrolIn(clinic, "clinic key", START + 30 days);
        vm.startPrank(registrar);
        registry.renew(insurer, START * 2, REASON);
        registry.renew(hospital, START * 2, REASON);
        registry.renew(clinic, START * 2, REASON);
        vm.stopPrank();
    }

    function _govern() private {
        vm.startPrank(payerAdmin);
        payerManager.grantRole(PayerRoles.GUARDIAN, payerGuardian, 0);
        payerManager.grantRole(PayerRoles.MEDICAL_DIRECTOR, medicalDirector, 0);
        payerManager.grantRole(PayerRoles.TREASURER, treasurer, 0);
        payerManager.setTargetFunctionRole(
            address(authorizations), _only(authorizations.setSettlement.selector), PayerRoles.POLICY_ADMINISTRATOR
        );
        payerManager.setTargetFunctionRole(
            address(vault), _only(SingleWriter.setWriter.selector), PayerRoles.POLICY_ADMINISTRATOR
        );
        payerManager.setTargetFunctionRole(
            address(vault), _only(IInsurerVault.setLimits.selector), PayerRoles.TREASURER
        );
        payerManager.setTargetFunctionRole(
            address(panel), _only(IReviewPanel.appoint.selector), PayerRoles.MEDICAL_DIRECTOR
        );
        payerManager.setTargetFunctionRole(
            address(panel), _only(IReviewPanel.dismiss.selector), PayerRoles.MEDICAL_DIRECTOR
        );
        _governWork(address(authorizations));
        _governWork(address(settlement));
        vm.stopPrank();
    }

    function _governWork(address version) private {
        bytes4[] memory selectors = new bytes4[](3);
        selectors[0] = Haltable.resume.selector;
        selectors[1] = Replaceable.openToNewWork.selector;
        selectors[2] = Replaceable.closeToNewWork.selector;
        payerManager.setTargetFunctionRole(version, selectors, PayerRoles.POLICY_ADMINISTRATOR);
        payerManager.setTargetFunctionRole(version, _only(Haltable.halt.selector), PayerRoles.GUARDIAN);
    }

    function _wire() private {
        vm.startPrank(payerPolicyAdministrator);
        units.setWriter(address(authorizations));
        vault.setWriter(address(settlement));
        authorizations.setSettlement(address(settlement));
        authorizations.openToNewWork();
        settlement.openToNewWork();
        vm.stopPrank();
    }

    // ------------------------------------------------------------------ versions

    function _sealedBy(uint32 plan, bool later, bool shadow) private returns (uint16 version) {
        uint16[6] memory classes = classesWithRules();
        BenefitRule[] memory rules = new BenefitRule[](6);
        for (uint256 i = 0; i < 6; ++i) {
            rules[i] = ruleIn(classes[i], later);
        }
        ICoveragePolicy.Terms memory terms = termsOf(plan);
        (terms.shadow, terms.deductible, terms.outOfPocketMaximum) = (shadow, DEDUCTIBLE, OUT_OF_POCKET);
        version = _drafted(terms, rules);
        bytes32 digest = policy.versionOf(version).digest;
        vm.prank(payerPolicyAdministrator);
        policy.sealVersion(version, digest);
    }

    function _enrolIn(OrganizationId provider, string memory key, uint40 later) private {
        _enrol(provider, key, versions[0], START, ONE);
        _enrol(provider, key, versions[1], later, ONE);
        _enrol(provider, key, versions[2], START, ONE);
    }
}

uint64 constant DEDUCTIBLE = 400;
uint64 constant OUT_OF_POCKET = 1_500;

uint16 constant AUTOMATIC = 11; // granted by the rules, in part if need be
uint16 constant REVIEWED = 12; // by a person, or with a gold card
uint16 constant EXCLUDED = 13; // denied by the contract
uint16 constant LENIENT = 14; // conditional, approved when overdue
uint16 constant TWICE = 15; // conditional, with a second opinion
uint16 constant FREE = 16; // needs no authorization
uint16 constant UNRULED = 17;

function classesWithRules() pure returns (uint16[6] memory) {
    return [AUTOMATIC, REVIEWED, EXCLUDED, LENIENT, TWICE, FREE];
}

/// @notice A class's rule in the plan's first version, or its later one.
function ruleIn(uint16 benefitClass, bool later) pure returns (BenefitRule memory rule) {
    if (benefitClass == UNRULED) return rule;
    rule = ruleOf(BenefitClass.wrap(benefitClass));
    rule.authorization.validityDays = 20;
    rule.authorization.maxMilliUnitsPerRequest = 8_000;
    rule.authorization.maxMilliUnitsPerPeriod = later ? 10_000 : 14_000;
    rule.authorization.maxUnitPrice = 150;
    rule.authorization.maxAmount = 1_200;
    rule.claim.fastTrackMaximum = later ? 200 : 250;
    rule.claim.unitPrice = 100;
    rule.claim.filingDays = 15;
    rule.claim.maxMilliUnitsPerDay = 6_000;
    uint16 flags = RuleFlags.AUTHORIZATION_NEEDED;
    if (benefitClass == AUTOMATIC) {
        flags |= RuleFlags.ALLOW_PARTIAL | RuleFlags.DEDUCTIBLE | RuleFlags.INCLUDES_OTHERS;
        (rule.claim.copay, rule.claim.coinsurance) = (20, 2_000);
    } else if (benefitClass == REVIEWED) {
        flags |= RuleFlags.NO_AUTO | RuleFlags.GOLD_CARD_OK;
        rule.authorization.goldCardRequests = 1;
        rule.authorization.goldCardApprovalRate = 5_000;
        rule.authorization.goldCardWindowDays = 7;
        (rule.claim.coinsurance, rule.claim.partOf) = (1_000, BenefitClass.wrap(AUTOMATIC));
    } else if (benefitClass == EXCLUDED) {
        flags |= RuleFlags.DENY_NOT_COVERED;
        rule.authorization.coverage = Coverage.NotCovered;
    } else if (benefitClass == LENIENT) {
        flags |= RuleFlags.APPROVE_OVERDUE | RuleFlags.DEDUCTIBLE;
        rule.authorization.coverage = Coverage.Conditional;
        rule.claim.copay = 50;
    } else if (benefitClass == TWICE) {
        flags |= RuleFlags.SECOND_OPINION;
        rule.authorization.coverage = Coverage.Conditional;
    } else {
        flags = 0;
    }
    (rule.authorization.flags, rule.claim.flags) = (flags, flags);
}
