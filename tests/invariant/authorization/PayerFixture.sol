// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

import {
    AuthorizationRule,
    BenefitClass,
    BenefitRule,
    ClaimRule,
    Coverage,
    Pricing,
    RuleFlags
} from "../../../contracts/authorization/BenefitRule.sol";
import {CoveragePolicy} from "../../../contracts/authorization/CoveragePolicy.sol";
import {ICoveragePolicy} from "../../../contracts/authorization/ICoveragePolicy.sol";
import {PayerRoles} from "../../../contracts/authorization/PayerRoles.sol";
import {UnitLedger} from "../../../contracts/authorization/UnitLedger.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {MemberRole} from "../../../contracts/identity/Roles.sol";
import {SingleWriter} from "../../../contracts/identity/SingleWriter.sol";

import {IdentityFixture} from "../identity/IdentityFixture.sol";

/// @notice An insurer with its own manager, policy and ledger, and two providers, each with a key.
abstract contract PayerFixture is IdentityFixture {
    uint32 internal constant PLAN = 7;
    uint40 internal constant NOTICE = 30 days;
    uint32 internal constant ONE = 10_000; // a coefficient, in ten-thousandths
    BenefitClass internal constant CLASS = BenefitClass.wrap(11);

    address internal payerAdmin = makeAddr("payer admin");
    address internal payerPolicyAdministrator = makeAddr("payer policy administrator");

    AccessManager internal payerManager;
    CoveragePolicy internal policy;
    UnitLedger internal units;
    OrganizationId internal insurer;
    OrganizationId internal hospital;
    OrganizationId internal clinic;
    address internal insurerKey;
    address internal hospitalKey;
    address internal clinicKey;

    function setUp() public virtual override {
        super.setUp();
        insurer = _admit("northwind-insurance", makeAddr("insurer controller"), MemberRole.Payer);
        hospital = _admit("general-hospital", makeAddr("hospital controller"), MemberRole.Provider);
        clinic = _admit("lakeside-clinic", makeAddr("clinic controller"), MemberRole.Laboratory);
        insurerKey = _addKey(insurer, "insurer key");
        hospitalKey = _addKey(hospital, "hospital key");
        clinicKey = _addKey(clinic, "clinic key");
        payerManager = new AccessManager(payerAdmin);
        policy = new CoveragePolicy(address(payerManager), registry, insurer);
        units = new UnitLedger(address(payerManager));
        bytes4[] memory ruled = new bytes4[](3);
        ruled[0] = ICoveragePolicy.draftVersion.selector;
        ruled[1] = ICoveragePolicy.addRules.selector;
        ruled[2] = ICoveragePolicy.sealVersion.selector;
        vm.startPrank(payerAdmin);
        payerManager.grantRole(PayerRoles.POLICY_ADMINISTRATOR, payerPolicyAdministrator, 0);
        payerManager.setTargetFunctionRole(address(policy), ruled, PayerRoles.POLICY_ADMINISTRATOR);
        payerManager.setTargetFunctionRole(
            address(units), _only(SingleWriter.setWriter.selector), PayerRoles.POLICY_ADMINISTRATOR
        );
        vm.stopPrank();
    }

    // ------------------------------------------------------------------ versions

    function _drafted(ICoveragePolicy.Terms memory terms, BenefitRule[] memory rules)
        internal
        returns (uint16 version)
    {
        vm.startPrank(payerPolicyAdministrator);
        version = policy.draftVersion(terms);
        policy.addRules(version, 0, rules);
        vm.stopPrank();
    }

    function _sealed(uint32 plan, uint32 receiptWindow) internal returns (uint16 version) {
        ICoveragePolicy.Terms memory terms = termsOf(plan);
        terms.receiptWindow = receiptWindow;
        version = _drafted(terms, _one(ruleOf(CLASS)));
        bytes32 digest = policy.versionOf(version).digest;
        vm.prank(payerPolicyAdministrator);
        policy.sealVersion(version, digest);
    }

    function _one(BenefitRule memory rule) internal pure returns (BenefitRule[] memory rules) {
        rules = new BenefitRule[](1);
        rules[0] = rule;
    }

    // ------------------------------------------------------------------ enrolments

    function _enrol(
        OrganizationId provider,
        string memory providerKey,
        uint16 version,
        uint40 start,
        uint32 coefficient
    ) internal {
        (bool done,) = address(policy).call(_enrolment(provider, providerKey, version, start, coefficient));
        assertTrue(done, "enrolled");
    }

    /// @return The call that enrols a provider, with both signatures.
    function _enrolment(
        OrganizationId provider,
        string memory providerKey,
        uint16 version,
        uint40 start,
        uint32 coefficient
    ) internal returns (bytes memory) {
        (address key, uint256 secret) = makeAddrAndKey(providerKey);
        (, uint256 insurerSecret) = makeAddrAndKey("insurer key");
        bytes32 digest = enrolmentDigest(policy, provider, version, start, coefficient, START * 2);
        return abi.encodeWithSelector(
            policy.enrol.selector,
            provider,
            version,
            start,
            coefficient,
            START * 2,
            key,
            _signature(secret, digest),
            insurerKey,
            _signature(insurerSecret, digest)
        );
    }
}

/// @notice Valid terms.
function termsOf(uint32 plan) pure returns (ICoveragePolicy.Terms memory) {
    return ICoveragePolicy.Terms({
        plan: plan,
        receiptWindow: 1 days,
        appealDays: 60,
        shadow: false,
        deductible: 500e6,
        outOfPocketMaximum: 4000e6,
        baseRate: 6000e6,
        document: keccak256("policy document"),
        classRoot: keccak256("which code is in which benefitClass")
    });
}

/// @notice A valid rule.
function ruleOf(BenefitClass benefitClass) pure returns (BenefitRule memory rule) {
    rule.benefitClass = benefitClass;
    rule.authorization.coverage = Coverage.Covered;
    rule.authorization.flags = RuleFlags.AUTHORIZATION_NEEDED;
    rule.authorization.validityDays = 90;
    rule.authorization.lastDay = type(uint16).max;
    rule.authorization.maxMilliUnitsPerRequest = 10_000;
    rule.authorization.maxMilliUnitsPerPeriod = 20_000;
    rule.authorization.maxUnitPrice = 200e6;
    rule.authorization.maxAmount = 1500e6;
    rule.claim.fastTrackMaximum = 2000e6;
    rule.claim.unitPrice = 150e6;
    rule.claim.filingDays = 90;
    rule.claim.flags = RuleFlags.AUTHORIZATION_NEEDED;
}

/// @notice Whether a rule holds together, as the interface's documentation and the design say, apart from the
/// contract's own code.
function isSound(BenefitRule memory rule, bool baseRate) pure returns (bool) {
    AuthorizationRule memory a = rule.authorization;
    ClaimRule memory c = rule.claim;
    bool card = (a.flags >> 6) & 1 == 1;
    bool denies = (a.flags >> 3) & 1 == 1;
    uint256 problems = 0;
    if (BenefitClass.unwrap(rule.benefitClass) == 0) ++problems;
    if (BenefitClass.unwrap(rule.benefitClass) == BenefitClass.unwrap(c.partOf)) ++problems;
    if (a.coverage == Coverage.Unset) ++problems;
    if (a.flags >= 1024 || a.flags != c.flags) ++problems;
    if (a.validityDays < 1 || a.lastDay < a.firstDay || c.filingDays < 1) ++problems;
    if (a.maxMilliUnitsPerPeriod < a.maxMilliUnitsPerRequest) ++problems;
    if (a.maxMilliUnitsPerRequest < 1 && (a.coverage == Coverage.Covered || a.coverage == Coverage.Conditional)) {
        ++problems;
    }
    if (denies && (a.coverage == Coverage.Covered || a.coverage == Coverage.Conditional)) ++problems;
    if (card && a.coverage != Coverage.Covered) ++problems;
    if (card && (a.goldCardRequests < 1 || a.goldCardApprovalRate < 1 || a.goldCardWindowDays < 1)) ++problems;
    if (a.goldCardApprovalRate > 100_00 || c.coinsurance > 100_00) ++problems;
    uint64[5] memory amounts = [a.maxUnitPrice, a.maxAmount, c.fastTrackMaximum, c.unitPrice, c.copay];
    for (uint256 i = 0; i < 5; ++i) {
        if (amounts[i] >= 2 ** 56) ++problems;
    }
    if (c.pricing == Pricing.Episode && (c.episodeWeight < 1 || !baseRate)) ++problems;
    return problems == 0;
}

/// @notice The EIP-712 digest of an enrolment that is to be agreed on now, computed apart from the policy's own code.
function enrolmentDigest(
    CoveragePolicy policy,
    OrganizationId provider,
    uint16 version,
    uint40 start,
    uint32 coefficient,
    uint40 deadline
) view returns (bytes32) {
    ICoveragePolicy.Version memory held = policy.versionOf(version);
    bytes32 message = keccak256(
        abi.encode(
            keccak256(
                "Enrolment(bytes12 provider,bytes32 digest,uint16 version,uint40 start,uint32 coefficient,uint32 endings,uint40 deadline)"
            ),
            provider,
            held.digest,
            version,
            start,
            coefficient,
            policy.endingsOf(provider, held.terms.plan),
            deadline
        )
    );
    bytes32 domain = keccak256(
        abi.encode(
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
            keccak256("careledger CoveragePolicy"),
            keccak256("1"),
            block.chainid,
            address(policy)
        )
    );
    return keccak256(abi.encodePacked("\x19\x01", domain, message));
}
