// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    AuthorizationRule,
    BenefitClass,
    BenefitRule,
    ClaimRule,
    Coverage,
    Pricing,
    RuleFlags
} from "../../../contracts/authorization/BenefitRule.sol";
import {ICoveragePolicy} from "../../../contracts/authorization/ICoveragePolicy.sol";

import {PayerFixture, isSound, ruleOf, termsOf} from "./PayerFixture.sol";

/// @notice Versions and enrolments, each way that is refused with its exact error.
///
/// | from \ to | Draft         | Sealed        |
/// | --------- | ------------- | ------------- |
/// | Unknown   | `draftVersion` | no           |
/// | Draft     | `addRules`    | `sealVersion` |
/// | Sealed    | no            | changes none  |
contract CoveragePolicyTest is PayerFixture {
    // ------------------------------------------------------------------ versions

    function test_unknown_version_is_neither_changed_nor_sealed() external {
        vm.startPrank(payerPolicyAdministrator);
        vm.expectRevert(abi.encodeWithSelector(ICoveragePolicy.CoveragePolicyUnknownVersion.selector, 1));
        policy.addRules(1, 0, new BenefitRule[](0));
        vm.expectRevert(abi.encodeWithSelector(ICoveragePolicy.CoveragePolicyUnknownVersion.selector, 1));
        policy.sealVersion(1, 0);
    }

    function test_sealed_version_takes_no_rules() external {
        uint16 version = _sealed(PLAN, 60);
        vm.prank(payerPolicyAdministrator);
        vm.expectRevert(abi.encodeWithSelector(ICoveragePolicy.CoveragePolicySealed.selector, version));
        policy.addRules(version, 1, new BenefitRule[](0));
    }

    function test_sealed_version_is_sealed_again_without_effect() external {
        uint16 version = _sealed(PLAN, 60);
        ICoveragePolicy.Version memory held = policy.versionOf(version);
        vm.warp(block.timestamp + 9);
        vm.recordLogs();
        vm.startPrank(payerPolicyAdministrator);
        policy.sealVersion(version, held.digest);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(keccak256(abi.encode(policy.versionOf(version))), keccak256(abi.encode(held)));
    }

    /// @dev A draft can't be agreed on.
    function test_draft_is_not_enrolled_in() external {
        uint16 version = _drafted(termsOf(PLAN), _one(ruleOf(CLASS)));
        vm.expectRevert(abi.encodeWithSelector(ICoveragePolicy.CoveragePolicyNotSealed.selector, version));
        policy.enrol(hospital, version, START, ONE, START, hospitalKey, "", insurerKey, "");
    }

    function testFuzz_terms_are_taken_exactly_if_sound(ICoveragePolicy.Terms memory terms, uint8 near) external {
        // Mostly near the bounds, where random values never are.
        if (near & 1 != 0) terms.receiptWindow = terms.receiptWindow % uint32(8 days);
        if (near & 2 != 0) terms.outOfPocketMaximum %= 2 ** 57;
        if (near & 4 != 0) terms.deductible = terms.outOfPocketMaximum ^ (terms.deductible % 2);
        if (near & 8 != 0) terms.baseRate %= 2 ** 57;
        if (near & 16 != 0) terms.appealDays %= 2;
        if (near & 96 == 32) terms.document = 0;
        if (near & 96 == 64) terms.classRoot = 0;
        bool named = terms.document != 0 && terms.classRoot != 0;
        bool timed = terms.receiptWindow >= 1 && terms.receiptWindow <= 604_800 && terms.appealDays >= 1;
        bool shared = terms.deductible <= terms.outOfPocketMaximum && terms.outOfPocketMaximum < 2 ** 56;
        vm.startPrank(payerPolicyAdministrator);
        if (!named || !timed || !shared || terms.baseRate >= 2 ** 56) {
            vm.expectRevert(abi.encodeWithSelector(ICoveragePolicy.CoveragePolicyInvalidTerms.selector, terms.plan));
            policy.draftVersion(terms);
        } else {
            assertEq(policy.draftVersion(terms), 1);
            ICoveragePolicy.Version memory held = policy.versionOf(1);
            assertEq(keccak256(abi.encode(held.terms)), keccak256(abi.encode(terms)));
            assertEq(held.digest, keccak256(abi.encode(terms)));
            assertEq(policy.draftVersion(terms), 1, "again");
        }
    }

    /// @dev Any two fields of a sound rule at a time get any value, mostly one near a bound.
    function testFuzz_rule_is_taken_exactly_if_sound(uint256 seed, bool baseRate) external {
        BenefitRule memory rule = ruleOf(CLASS);
        _change(rule, seed);
        _change(rule, seed >> 128);
        ICoveragePolicy.Terms memory terms = termsOf(PLAN);
        if (!baseRate) terms.baseRate = 0;
        vm.startPrank(payerPolicyAdministrator);
        uint16 version = policy.draftVersion(terms);
        bool sound = isSound(rule, baseRate);
        if (!sound) {
            vm.expectRevert(
                abi.encodeWithSelector(ICoveragePolicy.CoveragePolicyInvalidRule.selector, rule.benefitClass)
            );
        }
        policy.addRules(version, 0, _one(rule));
        if (!sound) return;
        AuthorizationRule memory authorization = policy.authorizationRuleOf(version, rule.benefitClass);
        assertEq(keccak256(abi.encode(authorization)), keccak256(abi.encode(rule.authorization)));
        assertEq(
            keccak256(abi.encode(policy.claimRuleOf(version, rule.benefitClass))), keccak256(abi.encode(rule.claim))
        );
        assertEq(policy.versionOf(version).digest, policy.digestOf(terms, _one(rule)));
    }

    /// @dev A rule is three slots, and a fourth if it has a limit per day, a weight, or a class that it is part of.
    function test_rule_is_three_slots_or_four() external {
        vm.prank(payerPolicyAdministrator);
        uint16 version = policy.draftVersion(termsOf(PLAN));
        BenefitRule memory rule = ruleOf(CLASS);
        assertEq(_slotsToAdd(version, 0, rule), 3 + 2); // and the version's count and digest
        rule.benefitClass = BenefitClass.wrap(BenefitClass.unwrap(CLASS) + 1);
        rule.claim.maxMilliUnitsPerDay = 1;
        assertEq(_slotsToAdd(version, 1, rule), 4 + 2);
        vm.record();
        policy.submissionTermsOf(hospital, version);
        policy.authorizationRuleOf(version, CLASS);
        (bytes32[] memory reads,) = vm.accesses(address(policy));
        assertEq(_distinct(reads), 1 + 2);
        vm.record();
        assertEq(policy.claimRuleOf(version, CLASS).maxMilliUnitsPerDay, 0);
        (reads,) = vm.accesses(address(policy));
        assertEq(_distinct(reads), 1);
        vm.record();
        assertEq(policy.claimRuleOf(version, rule.benefitClass).maxMilliUnitsPerDay, 1);
        (reads,) = vm.accesses(address(policy));
        assertEq(_distinct(reads), 2);
    }

    function testFuzz_digest_tells_rules_and_their_order_apart(uint256 seed, uint16 first, uint16 second)
        external
        view
    {
        vm.assume(first != second);
        ICoveragePolicy.Terms memory terms = termsOf(PLAN);
        BenefitRule[] memory rules = new BenefitRule[](2);
        (rules[0], rules[1]) = (ruleOf(BenefitClass.wrap(first)), ruleOf(BenefitClass.wrap(second)));
        bytes32 digest = policy.digestOf(terms, rules);
        (rules[0], rules[1]) = (rules[1], rules[0]);
        assertTrue(policy.digestOf(terms, rules) != digest, "another order");
        (rules[0], rules[1]) = (rules[1], rules[0]);
        bytes32 before = keccak256(abi.encode(rules));
        _change(rules[seed >> 255], seed);
        assertEq(policy.digestOf(terms, rules) == digest, keccak256(abi.encode(rules)) == before, "another rule");
        assertTrue(policy.digestOf(terms, _one(rules[0])) != digest, "one less");
    }

    // ------------------------------------------------------------------ enrolments

    /// @dev Enrolments at any times, then an ending at any time: who asks at any time gets what a plain list says.
    function testFuzz_enrolments_are_told_as_a_list_says(uint32[6] memory gaps, uint40 end, uint40 asked) external {
        uint16[2] memory versions = [_sealed(PLAN, 60), _sealed(PLAN, 61)];
        uint40[6] memory starts;
        uint40 time = START;
        for (uint256 i = 0; i < 6; ++i) {
            time += 1 + gaps[i] % 20 days;
            starts[i] = time;
            _enrol(hospital, "hospital key", versions[i % 2], time, uint32(i + 1));
        }
        asked = uint40(bound(asked, START - 1, START + 150 days));
        assertEq(policy.enrolmentAt(hospital, PLAN, asked).coefficient, _latest(starts, asked, type(uint40).max));
        end = uint40(bound(end, START + NOTICE, START + 150 days));
        vm.prank(hospitalKey);
        try policy.endEnrolment(hospital, PLAN, end) {
            assertEq(policy.enrolmentAt(hospital, PLAN, asked).coefficient, _latest(starts, asked, end));
            assertEq(policy.endingsOf(hospital, PLAN), 1);
        } catch {
            fail();
        }
        vm.warp(asked);
        (uint16 inForce, uint32 plan,,) = policy.submissionTermsOf(hospital, versions[0]);
        uint256 place = _latest(starts, asked, end);
        assertEq(inForce, place == 0 ? 0 : versions[(place - 1) % 2]);
        assertEq(plan, PLAN);
    }

    /// @dev Around the time of the last one and the present.
    function testFuzz_enrolment_starts_after_the_last_and_not_in_the_past(uint40 last, uint40 now_, uint40 start)
        external
    {
        uint16[2] memory versions = [_sealed(PLAN, 60), _sealed(PLAN, 61)];
        last = START + last % 4;
        now_ = START + now_ % 4;
        start = START + start % 6;
        _enrol(hospital, "hospital key", versions[0], last, ONE);
        vm.warp(now_);
        uint40 earliest = last + 1 > now_ ? last + 1 : now_;
        (bool done, bytes memory reason) =
            address(policy).call(_enrolment(hospital, "hospital key", versions[1], start, ONE));
        assertEq(done, start >= earliest);
        assertEq(policy.enrolmentsOf(hospital, PLAN).length, done ? 2 : 1);
        if (done) return;
        bytes4 selector = ICoveragePolicy.CoveragePolicyEnrolmentTooEarly.selector;
        assertEq(reason, abi.encodeWithSelector(selector, hospital, PLAN, start, earliest));
    }

    /// @dev What both sides signed before an ending is worth nothing after it, whether it was sent or not.
    function testFuzz_no_signature_outlives_an_ending(uint40 start, uint40 end, uint40 wait, bool sent) external {
        uint16[2] memory versions = [_sealed(PLAN, 60), _sealed(PLAN, 61)];
        _enrol(hospital, "hospital key", versions[0], START, ONE);
        end = START + NOTICE + end % 10 days;
        start = end + start % 10 days; // what the ending makes void
        bytes memory kept = _enrolment(hospital, "hospital key", versions[1], start, ONE);
        if (sent) {
            (bool agreed,) = address(policy).call(kept);
            assertTrue(agreed);
        }
        vm.prank(hospitalKey);
        policy.endEnrolment(hospital, PLAN, end);
        vm.warp(START + wait % 50 days);
        (bool done,) = address(policy).call(kept);
        assertFalse(done);
        assertEq(policy.enrolmentAt(hospital, PLAN, type(uint40).max).version, 0);
    }

    function testFuzz_ending_needs_notice(uint40 end) external {
        _enrol(hospital, "hospital key", _sealed(PLAN, 60), START, ONE);
        if (end < START + NOTICE) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    ICoveragePolicy.CoveragePolicyEnrolmentTooEarly.selector, hospital, PLAN, end, START + NOTICE
                )
            );
        }
        vm.prank(insurerKey);
        policy.endEnrolment(hospital, PLAN, end);
    }

    function testFuzz_episode_price_is_the_formula(uint56 baseRate, uint32 weight, uint32 coefficient) external {
        vm.assume(baseRate != 0 && weight != 0);
        ICoveragePolicy.Terms memory terms = termsOf(PLAN);
        terms.baseRate = baseRate;
        BenefitRule memory rule = ruleOf(CLASS);
        (rule.claim.pricing, rule.claim.episodeWeight) = (Pricing.Episode, weight);
        uint16 version = _drafted(terms, _one(rule));
        bytes32 digest = policy.digestOf(terms, _one(rule));
        vm.prank(payerPolicyAdministrator);
        policy.sealVersion(version, digest);
        _enrol(hospital, "hospital key", version, START, coefficient);
        (ClaimRule memory held, uint64 deductible, uint64 maximum, uint64 price) =
            policy.claimTermsOf(hospital, version, CLASS);
        uint256 expected = uint256(baseRate) * weight * coefficient / 1e8;
        assertEq(price, expected < 2 ** 56 ? expected : 2 ** 56 - 1);
        assertEq(keccak256(abi.encode(held)), keccak256(abi.encode(rule.claim)));
        assertEq(deductible, terms.deductible);
        assertEq(maximum, terms.outOfPocketMaximum);
    }

    // ------------------------------------------------------------------

    /// @dev The number of the last that starts by a time, from 1; 0 if none does, or it is ended.
    function _latest(uint40[6] memory starts, uint40 time, uint40 end) private pure returns (uint32 place) {
        if (time >= end) return 0;
        for (uint32 i = 0; i < 6; ++i) {
            if (starts[i] <= time) place = i + 1;
        }
    }

    function _change(BenefitRule memory rule, uint256 seed) private pure {
        AuthorizationRule memory a = rule.authorization;
        ClaimRule memory c = rule.claim;
        uint256 value = seed >> 16 & type(uint64).max;
        uint64 amount = seed >> 84 & 1 == 0 ? uint64(value) : uint64(2 ** 56 - 1 + value % 2);
        uint16 small = uint16(value % 3);
        uint16 share = seed >> 84 & 1 == 0 ? uint16(value) : uint16(9_999 + value % 3);
        uint16 flags = seed >> 84 & 1 == 0 ? uint16(value) : uint16(1 << value % 11);
        uint256 what = uint8(seed) % 26;
        if (what == 0) rule.benefitClass = BenefitClass.wrap(small);
        else if (what == 1) a.coverage = Coverage(value % 4);
        else if (what == 2) a.flags = flags;
        else if (what == 3) (a.flags, c.flags) = (flags, flags);
        else if (what == 4) a.unitCode = uint16(value);
        else if (what == 5) a.validityDays = small;
        else if (what == 6) a.firstDay = uint16(value);
        else if (what == 7) a.lastDay = uint16(value);
        else if (what == 8) a.requiredDocuments = uint64(value);
        else if (what == 9) a.maxMilliUnitsPerRequest = uint40(value % 3);
        else if (what == 10) a.maxMilliUnitsPerPeriod = uint40(9_999 + value % 3);
        else if (what == 11) a.maxUnitPrice = amount;
        else if (what == 12) a.maxAmount = amount;
        else if (what == 13) a.goldCardRequests = small;
        else if (what == 14) a.goldCardApprovalRate = share;
        else if (what == 15) a.goldCardWindowDays = small;
        else if (what == 16) _makeGoldCard(rule);
        else if (what == 17) c.fastTrackMaximum = amount;
        else if (what == 18) c.unitPrice = amount;
        else if (what == 19) c.copay = amount;
        else if (what == 20) c.coinsurance = share;
        else if (what == 21) c.filingDays = small;
        else if (what == 22) c.pricing = Pricing(value % 2);
        else if (what == 23) c.episodeWeight = small;
        else if (what == 24) c.maxMilliUnitsPerDay = uint40(value);
        else c.partOf = BenefitClass.wrap(uint16(10 + value % 3));
    }

    function _makeGoldCard(BenefitRule memory rule) private pure {
        (rule.authorization.flags, rule.claim.flags) = (RuleFlags.GOLD_CARD_OK, RuleFlags.GOLD_CARD_OK);
        rule.authorization.goldCardRequests = 10;
        rule.authorization.goldCardApprovalRate = 9_000;
        rule.authorization.goldCardWindowDays = 365;
    }

    function _slotsToAdd(uint16 version, uint16 before, BenefitRule memory rule) private returns (uint256) {
        vm.record();
        vm.prank(payerPolicyAdministrator);
        policy.addRules(version, before, _one(rule));
        return _slotsWritten();
    }

    function _slotsWritten() private returns (uint256) {
        (, bytes32[] memory writes) = vm.accesses(address(policy));
        return _distinct(writes);
    }

    function _distinct(bytes32[] memory slots) private pure returns (uint256 count) {
        for (uint256 i = 0; i < slots.length; ++i) {
            bool seen = false;
            for (uint256 j = 0; j < i; ++j) {
                seen = seen || slots[j] == slots[i];
            }
            if (!seen) ++count;
        }
    }
}
