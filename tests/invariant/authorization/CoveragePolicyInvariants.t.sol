// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {console} from "forge-std/console.sol";

import {BenefitClass, Coverage} from "../../../contracts/authorization/BenefitRule.sol";
import {ICoveragePolicy} from "../../../contracts/authorization/ICoveragePolicy.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";

import {CoveragePolicyHandler} from "./CoveragePolicyHandler.sol";
import {PayerFixture} from "./PayerFixture.sol";

/// @notice The invariants of `CoveragePolicy`; tests/invariant/README.md lists them in prose.
/// forge-config: default.invariant.fail-on-revert = true
contract CoveragePolicyInvariants is PayerFixture {
    CoveragePolicyHandler internal handler;

    function setUp() public override {
        super.setUp();
        // In each plan a version to begin with.
        _sealed(7, 60);
        _sealed(8, 60);
        CoveragePolicyHandler.Party[] memory parties = new CoveragePolicyHandler.Party[](4);
        parties[0] = _party(insurer, "insurer key", false);
        parties[1] = _party(hospital, "hospital key", true);
        parties[2] = _party(clinic, "clinic key", true);
        parties[3] = _party(OrganizationId.wrap(0), "stranger", false);
        handler = new CoveragePolicyHandler(policy, registry, payerPolicyAdministrator, registrar, parties);
        targetContract(address(handler));
    }

    function invariant_sealed_version_never_changes() external view {
        for (uint16 version = 1; version <= handler.versions(); ++version) {
            if (handler.sealedAt(version) == 0) continue;
            ICoveragePolicy.Version memory held = policy.versionOf(version);
            assertEq(uint8(held.status), uint8(ICoveragePolicy.VersionStatus.Sealed));
            assertEq(held.sealedAt, handler.sealedAt(version));
            assertEq(held.digest, handler.digestOf(version));
        }
    }

    function invariant_digest_commits_to_terms_and_rules() external view {
        for (uint16 version = 1; version <= handler.versions(); ++version) {
            assertEq(policy.versionOf(version).digest, handler.digestOf(version));
            assertEq(policy.versionOf(version).rules, handler.rulesOf(version));
        }
    }

    function invariant_versions_and_rules_equal_the_model() external view {
        uint16 last = handler.versions();
        assertEq(policy.lastVersion(), last);
        for (uint16 version = 0; version <= last + 1; ++version) {
            bool known = version != 0 && version <= last;
            assertEq(uint8(policy.versionOf(version).status), known ? handler.sealedAt(version) == 0 ? 1 : 2 : 0);
            assertEq(policy.versionOf(version).terms.plan, handler.planOf(version));
            for (uint16 benefitClass = 0; benefitClass < 13; ++benefitClass) {
                bytes32 expected = handler.ruleDigest(version, benefitClass);
                BenefitClass benefit = BenefitClass.wrap(benefitClass);
                bytes32 held = keccak256(
                    abi.encode(policy.authorizationRuleOf(version, benefit), policy.claimRuleOf(version, benefit))
                );
                bool set = policy.authorizationRuleOf(version, benefit).coverage != Coverage.Unset;
                assertEq(set, expected != 0);
                assertEq(policy.claimRuleOf(version, benefit).filingDays != 0, set);
                if (set) assertEq(held, expected);
            }
        }
    }

    function invariant_no_unsound_rule_is_held() external view {
        assertEq(handler.ruleBreach(), "");
    }

    function invariant_enrolments_equal_the_model() external view {
        for (uint256 provider = 1; provider < 3; ++provider) {
            for (uint32 plan = 7; plan < 9; ++plan) {
                OrganizationId organization = handler.organizationOf(provider);
                assertEq(
                    keccak256(abi.encode(policy.enrolmentsOf(organization, plan))),
                    keccak256(abi.encode(handler.listOf(provider, plan)))
                );
                assertEq(policy.endingsOf(organization, plan), handler.endings(provider, plan));
            }
        }
    }

    function invariant_enrolments_start_one_after_the_other() external view {
        for (uint256 provider = 1; provider < 3; ++provider) {
            for (uint32 plan = 7; plan < 9; ++plan) {
                ICoveragePolicy.Enrolment[] memory all = policy.enrolmentsOf(handler.organizationOf(provider), plan);
                for (uint256 i = 1; i < all.length; ++i) {
                    assertGt(all[i].start, all[i - 1].start);
                    assertTrue(all[i].version != 0 || all[i - 1].version != 0, "an ending of an ending");
                }
                if (all.length != 0) assertTrue(all[0].version != 0, "an ending of nothing");
            }
        }
    }

    function invariant_enrolment_in_force_is_the_last_that_began() external view {
        uint40 time = uint40(block.timestamp);
        for (uint256 provider = 1; provider < 3; ++provider) {
            OrganizationId organization = handler.organizationOf(provider);
            for (uint16 version = 0; version <= handler.versions() + 1; ++version) {
                uint32 plan = handler.planOf(version);
                (uint16 inForce, uint32 told,,) = policy.submissionTermsOf(organization, version);
                bool isSealed = handler.sealedAt(version) != 0;
                assertEq(inForce, isSealed ? handler.inForceAt(provider, plan, time).version : 0);
                assertEq(told, isSealed ? plan : 0);
            }
        }
    }

    function invariant_what_was_in_force_stays_told() external view {
        CoveragePolicyHandler.Said[] memory said = handler.said();
        for (uint256 i = 0; i < said.length; ++i) {
            ICoveragePolicy.Enrolment memory held =
                policy.enrolmentAt(handler.organizationOf(said[i].provider), said[i].plan, said[i].time);
            assertEq(held.version, said[i].version);
            assertEq(held.coefficient, said[i].coefficient);
        }
    }

    function invariant_ending_gives_notice_and_takes_back_nothing_begun() external view {
        assertEq(handler.noticeBreach(), "");
    }

    function invariant_repeated_enrolment_changes_nothing() external view {
        assertEq(handler.repeatBreach(), "");
    }

    function invariant_call_succeeds_exactly_when_the_rules_allow_it() external view {
        assertEq(handler.callBreach(), "");
    }

    function afterInvariant() external view {
        console.log("policy calls", handler.calls());
    }

    /// @dev The handler itself, on a fixed stream of choices and in runs of the usual depth, reaches every kind of act.
    function test_handler_reaches_every_act() external {
        vm.pauseGasMetering();
        string[12] memory acts = [
            "draft",
            "draft again",
            "add rules",
            "seal",
            "seal again",
            "enrol",
            "enrol again",
            "send again",
            "send after an ending",
            "end",
            "end again",
            "void"
        ];
        uint256[12] memory reached;
        for (uint256 run = 0; run < 12; ++run) {
            setUp();
            for (uint256 step = 0; step < 100; ++step) {
                _drive(uint256(keccak256(abi.encode(run, step))));
            }
            for (uint256 i = 0; i < acts.length; ++i) {
                reached[i] += handler.reached(acts[i]);
            }
        }
        for (uint256 i = 0; i < acts.length; ++i) {
            console.log(reached[i], acts[i]);
            assertGt(reached[i], 0, acts[i]);
        }
    }

    function _drive(uint256 seed) private {
        uint256 act = (seed >> 240) % 12;
        if (act < 1) handler.draft(seed);
        else if (act < 3) handler.addRules(seed);
        else if (act < 4) handler.seal(seed);
        else if (act < 7) handler.enrol(seed);
        else if (act < 9) handler.sendAgain(seed);
        else if (act < 11) handler.endEnrolment(seed);
        else handler.changeStanding(seed);
    }

    function _party(OrganizationId organization, string memory label, bool provides)
        private
        returns (CoveragePolicyHandler.Party memory)
    {
        (address key, uint256 secret) = makeAddrAndKey(label);
        return CoveragePolicyHandler.Party(organization, key, secret, provides, false);
    }
}
