// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CommonBase} from "forge-std/Base.sol";

import {
    AuthorizationRule,
    BenefitClass,
    BenefitRule,
    ClaimRule,
    Coverage,
    Pricing
} from "../../../contracts/authorization/BenefitRule.sol";
import {CoveragePolicy} from "../../../contracts/authorization/CoveragePolicy.sol";
import {ICoveragePolicy} from "../../../contracts/authorization/ICoveragePolicy.sol";
import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {OrganizationRegistry} from "../../../contracts/identity/OrganizationRegistry.sol";

import {enrolmentDigest, isSound, ruleOf, termsOf} from "./PayerFixture.sol";

/// @notice What the policy administrator, the two sides and strangers can do to a policy, with a model of it that is a
/// plain list of what was accepted.
contract CoveragePolicyHandler is CommonBase {
    uint40 internal constant NOTICE = 30 days;
    uint16 internal constant CLASSES = 12;

    /// @dev An organization, its key and the key's secret. The insurer is the first, the stranger the last.
    struct Party {
        OrganizationId organization;
        address key;
        uint256 secret;
        bool provides;
        bool suspended;
    }

    /// @dev What two keys signed.
    struct Signed {
        uint256 provider; // of the parties
        uint256 providerSigner;
        uint256 insurerSigner;
        uint16 version;
        uint40 start;
        uint32 coefficient;
        uint40 deadline;
        uint256 endings;
        bool truly; // else the provider signed another coefficient
        bytes providerSignature;
        bytes insurerSignature;
    }

    /// @dev What was in force at the end of a second.
    struct Said {
        uint256 provider;
        uint32 plan;
        uint40 time;
        uint16 version;
        uint32 coefficient;
    }

    CoveragePolicy private immutable _policy;
    OrganizationRegistry private immutable _registry;
    address private immutable _administrator;
    address private immutable _registrar;
    Party[] private _parties;

    // The model.
    uint16 public versions;
    mapping(uint16 version => bytes32 digest) public digestOf;
    mapping(uint16 version => uint32 plan) public planOf;
    mapping(uint16 version => uint16 count) public rulesOf;
    mapping(uint16 version => uint40 time) public sealedAt;
    mapping(uint16 version => mapping(uint16 benefitClass => bytes32 digest)) public ruleDigest;
    mapping(uint256 provider => mapping(uint32 plan => ICoveragePolicy.Enrolment[])) private _lists;
    mapping(uint256 provider => mapping(uint32 plan => uint256)) public endings;
    Signed[] private _signed;
    Said[] private _said;

    uint256 public calls;
    mapping(string what => uint256 times) public reached;

    string public callBreach;
    string public repeatBreach;
    string public noticeBreach;
    string public ruleBreach;

    constructor(
        CoveragePolicy policy,
        OrganizationRegistry registry,
        address administrator,
        address registrar,
        Party[] memory parties
    ) {
        (_policy, _registry, _administrator, _registrar) = (policy, registry, administrator, registrar);
        for (uint256 i = 0; i < parties.length; ++i) {
            _parties.push(parties[i]);
        }
        // What the fixture sealed, one rule each.
        versions = policy.lastVersion();
        for (uint16 version = 1; version <= versions; ++version) {
            ICoveragePolicy.Version memory held = policy.versionOf(version);
            (digestOf[version], planOf[version], rulesOf[version]) = (held.digest, held.terms.plan, held.rules);
            sealedAt[version] = held.sealedAt;
            BenefitRule memory rule = ruleOf(BenefitClass.wrap(11));
            ruleDigest[version][11] = keccak256(abi.encode(rule.authorization, rule.claim));
        }
    }

    // ------------------------------------------------------------------ the policy administrator

    function draft(uint256 seed) external {
        _wait(seed);
        if (versions > 14) return;
        ICoveragePolicy.Terms memory terms = termsOf(7 + uint32(seed >> 8 & 1));
        terms.receiptWindow = uint32(1 + (seed >> 16) % 3);
        if (seed >> 24 & 3 == 0) terms.baseRate = 0;
        bool sound = seed >> 32 & 7 != 0;
        if (!sound) terms = _unsound(terms, seed >> 40);
        bytes32 digest = keccak256(abi.encode(terms));
        address caller = _officer(seed >> 48);
        bool known = versions != 0 && sealedAt[versions] == 0 && digestOf[versions] == digest;
        bool expected = sound && caller == _administrator;
        if (!_call(caller, abi.encodeCall(_policy.draftVersion, (terms)), expected, "draft")) return;
        if (known) {
            ++reached["draft again"];
            return;
        }
        ++versions;
        (digestOf[versions], planOf[versions]) = (digest, terms.plan);
    }

    function addRules(uint256 seed) external {
        _wait(seed);
        uint16 version = _version(seed >> 8);
        BenefitRule[] memory rules = new BenefitRule[]((seed >> 16) % 3);
        bytes32 digest = digestOf[version];
        bool sound = true;
        for (uint256 i = 0; i < rules.length; ++i) {
            rules[i] = _rule(uint256(keccak256(abi.encode(seed, i))));
            uint16 benefitClass = BenefitClass.unwrap(rules[i].benefitClass);
            bool baseRate = _policy.versionOf(version).terms.baseRate != 0;
            sound = sound && isSound(rules[i], baseRate) && ruleDigest[version][benefitClass] == 0;
            for (uint256 j = 0; j < i; ++j) {
                sound = sound && BenefitClass.unwrap(rules[j].benefitClass) != benefitClass;
            }
            digest = keccak256(abi.encode(digest, rules[i].benefitClass, rules[i].authorization, rules[i].claim));
        }
        uint16 before = seed >> 24 & 7 == 0 ? uint16(seed >> 32) : rulesOf[version];
        address caller = _officer(seed >> 48);
        bool expected = sound && caller == _administrator && version != 0 && version <= versions
            && sealedAt[version] == 0 && before == rulesOf[version];
        bytes memory call = abi.encodeCall(_policy.addRules, (version, before, rules));
        if (!_call(caller, call, expected, "add rules")) return;
        digestOf[version] = digest;
        rulesOf[version] += uint16(rules.length);
        for (uint256 i = 0; i < rules.length; ++i) {
            ruleDigest[version][BenefitClass.unwrap(rules[i].benefitClass)] =
                keccak256(abi.encode(rules[i].authorization, rules[i].claim));
            if (!isSound(rules[i], true)) ruleBreach = "an unsound rule was taken";
        }
    }

    function seal(uint256 seed) external {
        _wait(seed);
        uint16 version = _version(seed >> 8);
        if (rulesOf[version] == 0 && seed >> 20 & 3 != 0) return; // mostly once it has rules
        bytes32 digest = seed >> 16 & 7 == 0 ? bytes32(seed) : digestOf[version];
        address caller = _officer(seed >> 48);
        bool expected = caller == _administrator && version != 0 && version <= versions && digest == digestOf[version];
        if (!_call(caller, abi.encodeCall(_policy.sealVersion, (version, digest)), expected, "seal")) return;
        if (sealedAt[version] != 0) ++reached["seal again"];
        else sealedAt[version] = _now();
    }

    // ------------------------------------------------------------------ the two sides

    /// @dev Signs an enrolment and mostly sends it; some are kept for later.
    function enrol(uint256 seed) external {
        _wait(seed);
        Signed memory one;
        one.provider = 1 + (seed >> 8) % 2;
        one.providerSigner = seed >> 16 & 7 == 0 ? (seed >> 20) % _parties.length : one.provider;
        one.insurerSigner = seed >> 24 & 7 == 0 ? (seed >> 28) % _parties.length : 0;
        one.version = _sealedVersion(seed >> 32);
        uint32 plan = planOf[one.version];
        ICoveragePolicy.Enrolment[] storage list = _lists[one.provider][plan];
        one.start = _now() + uint40(seed >> 40) % (seed >> 39 & 1 == 0 ? 20 days : 120 days);
        if (seed >> 80 & 1 == 0 && list.length != 0) one.start = list[list.length - 1].start + uint40(seed >> 84) % 3;
        if (seed >> 88 & 31 == 0) one.start = _now() - uint40(seed >> 96) % 2;
        one.coefficient = uint32(seed >> 104) % 3;
        one.deadline = _now() + uint40(seed >> 120) % 20 days;
        one.endings = endings[one.provider][plan];
        one.truly = seed >> 136 & 7 != 0;
        uint32 signedCoefficient = one.truly ? one.coefficient : one.coefficient + 1;
        one.providerSignature = _sign(one, one.providerSigner, signedCoefficient);
        one.insurerSignature = _sign(one, one.insurerSigner, one.coefficient);
        _signed.push(one);
        if (seed >> 140 & 3 != 0) _send(one, seed >> 144);
    }

    /// @dev Sends again, or for the first time, what was signed before.
    function sendAgain(uint256 seed) external {
        _wait(seed);
        if (_signed.length == 0) return;
        _send(_signed[(seed >> 8) % _signed.length], seed >> 144);
        ++reached["send again"];
    }

    function endEnrolment(uint256 seed) external {
        _wait(seed);
        uint256 provider = 1 + (seed >> 8) % 2;
        uint32 plan = 7 + uint32(seed >> 16 & 1);
        uint256 caller = seed >> 24 & 7 == 0 ? (seed >> 28) % _parties.length : (seed >> 28) % 2 * provider;
        uint40 end = _now() + NOTICE + uint40(seed >> 40) % 20 days;
        if (seed >> 80 & 7 == 0) end = _now() + uint40(seed >> 84) % NOTICE;
        ICoveragePolicy.Enrolment[] storage list = _lists[provider][plan];
        if (seed >> 130 & 3 == 0 && list.length != 0) end = list[(seed >> 140) % list.length].start;
        bytes memory call = abi.encodeCall(_policy.endEnrolment, (_parties[provider].organization, plan, end));
        bool known = end != 0 && _find(list, end, 0, 0);
        uint256 kept = _before(list, end);
        bool ends = end >= _now() + NOTICE && (kept != list.length || (kept != 0 && list[kept - 1].version != 0));
        bool party = caller == 0 || caller == provider;
        if (!_call(_parties[caller].key, call, party && (known || ends), "end")) return;
        if (known) {
            ++reached["end again"];
            return;
        }
        if (end < _now() + NOTICE) noticeBreach = "ended within the notice";
        if (kept != list.length) ++reached["void"];
        while (list.length > kept) {
            if (list[list.length - 1].start <= _now()) noticeBreach = "took back what had begun";
            list.pop();
        }
        if (list.length != 0 && list[list.length - 1].version != 0) list.push(ICoveragePolicy.Enrolment(0, end, 0));
        ++endings[provider][plan];
    }

    // ------------------------------------------------------------------ the registrar

    /// @dev One call in four, so that members are mostly in good standing.
    function changeStanding(uint256 seed) external {
        _wait(seed);
        if (seed >> 8 & 3 != 0) return;
        Party storage party = _parties[(seed >> 16) % 3];
        vm.prank(_registrar);
        if (party.suspended) _registry.reinstate(party.organization, IOrganizationRegistry.Reason.Cleared);
        else _registry.suspend(party.organization, IOrganizationRegistry.Reason.RegulatorOrder);
        party.suspended = !party.suspended;
    }

    // ------------------------------------------------------------------ what the model says

    function listOf(uint256 provider, uint32 plan) external view returns (ICoveragePolicy.Enrolment[] memory) {
        return _lists[provider][plan];
    }

    function organizationOf(uint256 party) external view returns (OrganizationId) {
        return _parties[party].organization;
    }

    function said() external view returns (Said[] memory) {
        return _said;
    }

    /// @dev The last of a list that has begun.
    function inForceAt(uint256 provider, uint32 plan, uint40 time)
        public
        view
        returns (ICoveragePolicy.Enrolment memory found)
    {
        ICoveragePolicy.Enrolment[] storage list = _lists[provider][plan];
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i].start <= time) found = list[i];
        }
    }

    // ------------------------------------------------------------------

    function _send(Signed memory one, uint256 seed) private {
        uint32 plan = planOf[one.version];
        ICoveragePolicy.Enrolment[] storage list = _lists[one.provider][plan];
        bool known = _find(list, one.start, one.version, one.coefficient);
        bool later = list.length == 0 || one.start > list[list.length - 1].start;
        bool sealed_ = one.version != 0 && one.version <= versions && sealedAt[one.version] != 0;
        bool agreed = one.truly && one.providerSigner == one.provider && one.insurerSigner == 0
            && one.endings == endings[one.provider][plan] && !_parties[one.provider].suspended && !_parties[0].suspended;
        bool expected = sealed_ && (known || (agreed && later && one.start >= _now() && one.deadline >= _now()));
        if (one.endings != endings[one.provider][plan]) ++reached["send after an ending"];
        uint256 length = _policy.enrolmentsOf(_parties[one.provider].organization, plan).length;
        if (!_call(_parties[seed % _parties.length].key, _enrolment(one), expected, "enrol")) return;
        uint256 grown = _policy.enrolmentsOf(_parties[one.provider].organization, plan).length - length;
        if (known) {
            ++reached["enrol again"];
            if (grown != 0) repeatBreach = "a repeated enrolment changed something";
            return;
        }
        if (grown != 1) repeatBreach = "an enrolment is not one entry";
        list.push(ICoveragePolicy.Enrolment(one.version, one.start, one.coefficient));
    }

    function _enrolment(Signed memory one) private view returns (bytes memory) {
        return abi.encodeWithSelector(
            _policy.enrol.selector,
            _parties[one.provider].organization,
            one.version,
            one.start,
            one.coefficient,
            one.deadline,
            _parties[one.providerSigner].key,
            one.providerSignature,
            _parties[one.insurerSigner].key,
            one.insurerSignature
        );
    }

    function _sign(Signed memory one, uint256 signer, uint32 coefficient) private view returns (bytes memory) {
        bytes32 digest = enrolmentDigest(
            _policy, _parties[one.provider].organization, one.version, one.start, coefficient, one.deadline
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_parties[signer].secret, digest);
        return abi.encodePacked(r, s, v);
    }

    function _find(ICoveragePolicy.Enrolment[] storage list, uint40 start, uint16 version, uint32 coefficient)
        private
        view
        returns (bool)
    {
        for (uint256 i = 0; i < list.length; ++i) {
            ICoveragePolicy.Enrolment memory one = list[i];
            if (one.start == start && one.version == version && one.coefficient == coefficient) return true;
        }
        return false;
    }

    /// @dev How many of a list start before a time.
    function _before(ICoveragePolicy.Enrolment[] storage list, uint40 time) private view returns (uint256 count) {
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i].start < time) ++count;
        }
    }

    function _call(address caller, bytes memory call, bool expected, string memory what) private returns (bool done) {
        ++calls;
        vm.prank(caller);
        (done,) = address(_policy).call(call);
        if (done != expected) callBreach = what;
        if (done) ++reached[what];
    }

    /// @dev Half of the time none passes. Else what is said at the end of this second is kept.
    function _wait(uint256 seed) private {
        if (seed & 1 == 0) return;
        for (uint256 provider = 1; provider < 3; ++provider) {
            for (uint32 plan = 7; plan < 9; ++plan) {
                ICoveragePolicy.Enrolment memory held =
                    _policy.enrolmentAt(_parties[provider].organization, plan, _now());
                _said.push(Said(provider, plan, _now(), held.version, held.coefficient));
            }
        }
        vm.warp(block.timestamp + 1 + (seed >> 200) % (seed & 2 == 0 ? 5 : 10 days));
    }

    function _officer(uint256 seed) private view returns (address) {
        return seed & 7 == 0 ? _parties[(seed >> 3) % _parties.length].key : _administrator;
    }

    /// @dev Mostly a known one, the last more often.
    function _version(uint256 seed) private view returns (uint16) {
        if (seed & 15 == 0) return uint16(seed >> 4) % (versions + 3);
        return seed & 1 == 0 || versions == 0 ? versions : uint16(1 + (seed >> 4) % versions);
    }

    /// @dev Mostly a sealed one, if there is any.
    function _sealedVersion(uint256 seed) private view returns (uint16 version) {
        version = _version(seed);
        for (uint16 i = 0; seed & 7 != 0 && i < versions; ++i) {
            uint16 next = uint16(1 + (version + i) % versions);
            if (sealedAt[next] != 0) return next;
        }
    }

    function _unsound(ICoveragePolicy.Terms memory terms, uint256 seed)
        private
        pure
        returns (ICoveragePolicy.Terms memory)
    {
        uint256 what = seed % 6;
        if (what == 0) terms.document = 0;
        else if (what == 1) terms.classRoot = 0;
        else if (what == 2) terms.receiptWindow = 7 days + 1;
        else if (what == 3) terms.deductible = terms.outOfPocketMaximum + 1;
        else if (what == 4) terms.baseRate = 2 ** 56;
        else terms.appealDays = 0;
        return terms;
    }

    /// @dev A sound rule, of which a field is often changed to one that may not be.
    function _rule(uint256 seed) private pure returns (BenefitRule memory rule) {
        rule = ruleOf(BenefitClass.wrap(uint16(seed % CLASSES)));
        AuthorizationRule memory authorization = rule.authorization;
        ClaimRule memory claim = rule.claim;
        if (seed >> 8 & 3 != 0) return rule;
        uint256 what = (seed >> 16) % 10;
        if (what == 0) authorization.coverage = Coverage((seed >> 24) % 4);
        else if (what == 1) authorization.flags = claim.flags = uint16(1 << (seed >> 24) % 12);
        else if (what == 2) claim.flags = uint16(1 << (seed >> 24) % 11);
        else if (what == 3) authorization.maxMilliUnitsPerRequest = uint40((seed >> 24) % 2 * 20_001);
        else if (what == 4) claim.pricing = Pricing.Episode;
        else if (what == 5) (claim.pricing, claim.episodeWeight) = (Pricing.Episode, 15_000);
        else if (what == 6) claim.coinsurance = uint16(9_999 + (seed >> 24) % 3);
        else if (what == 7) claim.partOf = BenefitClass.wrap(uint16((seed >> 24) % CLASSES));
        else if (what == 8) authorization.firstDay = uint16(65_534 + (seed >> 24) % 2);
        else (authorization.firstDay, authorization.lastDay) = (uint16(seed >> 24), uint16(seed >> 40));
    }

    function _now() private view returns (uint40) {
        return uint40(block.timestamp);
    }
}
