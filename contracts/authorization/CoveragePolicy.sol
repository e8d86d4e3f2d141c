// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IOrganizationRegistry} from "../identity/IOrganizationRegistry.sol";
import {KeySignature} from "../identity/KeySignature.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {MemberRole} from "../identity/Roles.sol";
import {
    AuthorizationRule,
    BenefitClass,
    BenefitRule,
    ClaimRule,
    Coverage,
    Pricing,
    RuleFlags,
    Units
} from "./BenefitRule.sol";
import {ICoveragePolicy} from "./ICoveragePolicy.sol";

/// @title CoveragePolicy
/// @notice See {ICoveragePolicy}. Functions that are `restricted` answer to the insurer's own `AccessManager`; the
/// others to keys of insurer and provider; none to both.
contract CoveragePolicy is ICoveragePolicy, AccessManaged, EIP712 {
    using RuleFlags for uint16;

    /// @dev What the policy keeps of a version. Slot 0 is all that {submissionTermsOf} reads of it.
    struct VersionRecord {
        // slot 0
        uint32 plan;
        uint32 receiptWindow; // seconds
        uint16 appealDays;
        bool shadow;
        VersionStatus status;
        uint64 deductible; // token minor units
        uint64 outOfPocketMaximum; // token minor units
        uint16 rules; // how many classes have one
        // slot 1
        uint64 baseRate; // token minor units
        uint40 sealedAt; // Unix seconds; 0 for a draft
        // slot 2
        bytes32 digest; // of terms and rules; of a draft, as far as it goes
        // slot 3
        bytes32 document;
        // slot 4
        bytes32 classRoot;
    }

    /// @dev A class's rule in a version; four slots. The last is mostly empty: it is read only if `flags` of `claim`
    /// have `LAST_SLOT`.
    struct RuleRecord {
        AuthorizationRule authorization;
        ClaimRule claim;
    }

    /// @dev The enrolments of a provider in a plan. The last is apart from those before, so that {submissionTermsOf}
    /// mostly reads one slot.
    struct EnrolmentRecord {
        // slot 0
        uint16 version; // of the last; 0 if it is an ending
        uint40 start; // of the last, Unix seconds; 0 if there is none
        uint32 coefficient; // of the last; ten-thousandths
        uint32 endings; // see {endingsOf}
        // slot 1
        Enrolment[] earlier; // one slot each, by the time they begin; version 0 is an ending
    }

    bytes32 private constant ENROLMENT_TYPEHASH = keccak256(
        "Enrolment(bytes12 provider,bytes32 digest,uint16 version,uint40 start,uint32 coefficient,"
        "uint32 endings,uint40 deadline)"
    );

    /// @dev In the flags of a claim rule that is kept, and nowhere else.
    uint16 private constant LAST_SLOT = 1 << 15;

    uint40 private constant NOTICE = 30 days;
    uint32 private constant MAX_RECEIPT_WINDOW = 7 days;

    /// @dev What those who settle claims pack an amount in.
    uint64 private constant MAX_AMOUNT = type(uint56).max;

    /// @dev Of weights and coefficients together: each is in ten-thousandths.
    uint256 private constant EPISODE_UNIT = 10_000 * 10_000;

    uint32 private constant PAYERS = uint32(1) << uint8(MemberRole.Payer);
    uint32 private constant PROVIDERS = (uint32(1) << uint8(MemberRole.Provider))
        | (uint32(1) << uint8(MemberRole.Laboratory)) | (uint32(1) << uint8(MemberRole.Dispenser));

    IOrganizationRegistry private immutable _registry;
    OrganizationId private immutable _insurer;

    uint16 private _lastVersion;
    mapping(uint16 version => VersionRecord record) private _versions;
    mapping(uint16 version => mapping(BenefitClass benefitClass => RuleRecord rule)) private _rules;
    mapping(OrganizationId provider => mapping(uint32 plan => EnrolmentRecord record)) private _enrolments;

    /// @param authority The insurer's own `AccessManager`.
    /// @param registry_ The register that says for whom a key speaks.
    /// @param insurer_ Whose policy this is.
    constructor(address authority, IOrganizationRegistry registry_, OrganizationId insurer_)
        AccessManaged(authority)
        EIP712("careledger CoveragePolicy", "1")
    {
        _registry = registry_;
        _insurer = insurer_;
    }

    // ------------------------------------------------------------------ the insurer's policy administrator

    /// @inheritdoc ICoveragePolicy
    function draftVersion(Terms calldata terms) external restricted returns (uint16 version) {
        _requireTerms(terms);
        bytes32 digest = keccak256(abi.encode(terms));
        version = _lastVersion;
        if (_versions[version].status == VersionStatus.Draft && _versions[version].digest == digest) return version;
        _lastVersion = ++version;
        _versions[version] = VersionRecord({
            plan: terms.plan,
            receiptWindow: terms.receiptWindow,
            appealDays: terms.appealDays,
            shadow: terms.shadow,
            status: VersionStatus.Draft,
            deductible: terms.deductible,
            outOfPocketMaximum: terms.outOfPocketMaximum,
            rules: 0,
            baseRate: terms.baseRate,
            sealedAt: 0,
            digest: digest,
            document: terms.document,
            classRoot: terms.classRoot
        });
        emit VersionDrafted(version, terms);
    }

    /// @inheritdoc ICoveragePolicy
    function addRules(uint16 version, uint16 rulesBefore, BenefitRule[] calldata rules) external restricted {
        VersionRecord storage record = _knownVersion(version);
        if (record.status == VersionStatus.Sealed) revert CoveragePolicySealed(version);
        uint16 count = record.rules;
        if (count != rulesBefore) revert CoveragePolicyUnexpectedRules(version, count, rulesBefore);
        bool episodes = record.baseRate != 0;
        bytes32 digest = record.digest;
        for (uint256 i = 0; i < rules.length; ++i) {
            BenefitClass benefitClass = rules[i].benefitClass;
            if (!_isRule(rules[i], episodes)) revert CoveragePolicyInvalidRule(benefitClass);
            RuleRecord storage rule = _rules[version][benefitClass];
            if (rule.authorization.coverage != Coverage.Unset) revert CoveragePolicyRuleExists(version, benefitClass);
            rule.authorization = rules[i].authorization;
            _keep(rule.claim, rules[i].claim);
            digest = _fold(digest, rules[i]);
            ++count;
            emit RuleAdded(version, rules[i]);
        }
        record.rules = count;
        record.digest = digest;
    }

    /// @inheritdoc ICoveragePolicy
    function sealVersion(uint16 version, bytes32 digest) external restricted {
        VersionRecord storage record = _knownVersion(version);
        if (record.digest != digest) revert CoveragePolicyOtherDigest(version, record.digest, digest);
        if (record.status == VersionStatus.Sealed) return;
        record.status = VersionStatus.Sealed;
        record.sealedAt = uint40(block.timestamp);
        emit VersionSealed(version, digest, record.rules);
    }

    // ------------------------------------------------------------------ the two sides

    /// @inheritdoc ICoveragePolicy
    function enrol(
        OrganizationId provider,
        uint16 version,
        uint40 start,
        uint32 coefficient,
        uint40 deadline,
        address providerKey,
        bytes calldata providerSignature,
        address insurerKey,
        bytes calldata insurerSignature
    ) external {
        Enrolment memory agreed = Enrolment(version, start, coefficient);
        uint32 plan = _sealedVersion(version).plan;
        if (_isHeld(_enrolments[provider][plan], agreed)) return;
        if (block.timestamp > deadline) revert CoveragePolicySignatureExpired(deadline, uint40(block.timestamp));
        bytes32 digest = _enrolmentDigest(provider, plan, agreed, deadline);
        _requireAgreement(digest, provider, PROVIDERS, providerKey, providerSignature);
        _requireAgreement(digest, _insurer, PAYERS, insurerKey, insurerSignature);
        _append(provider, plan, agreed);
        emit ProviderEnrolled(provider, plan, version, start, coefficient, providerKey, insurerKey);
    }

    /// @inheritdoc ICoveragePolicy
    function endEnrolment(OrganizationId provider, uint32 plan, uint40 end) external {
        OrganizationId by = _registry.requireKey(msg.sender);
        if (by != provider && by != _insurer) revert CoveragePolicyNotAParty(provider, msg.sender);
        EnrolmentRecord storage held = _enrolments[provider][plan];
        if (end != 0 && _isHeld(held, Enrolment(0, end, 0))) return;
        uint40 earliest = uint40(block.timestamp) + NOTICE;
        if (end < earliest) revert CoveragePolicyEnrolmentTooEarly(provider, plan, end, earliest);
        bool voided = _removeSince(held, end);
        if (held.version != 0) _push(held, Enrolment(0, end, 0));
        else if (!voided) revert CoveragePolicyNotEnrolled(provider, plan);
        ++held.endings;
        emit EnrolmentEnded(provider, plan, end, by);
    }

    // ------------------------------------------------------------------ reads

    /// @inheritdoc ICoveragePolicy
    function insurer() external view returns (OrganizationId) {
        return _insurer;
    }

    /// @inheritdoc ICoveragePolicy
    function lastVersion() external view returns (uint16) {
        return _lastVersion;
    }

    /// @inheritdoc ICoveragePolicy
    function versionOf(uint16 version) external view returns (Version memory) {
        VersionRecord storage record = _versions[version];
        return Version(record.status, record.sealedAt, record.rules, record.digest, _terms(record));
    }

    /// @inheritdoc ICoveragePolicy
    function termsOf(uint16 version) external view returns (Terms memory) {
        return _terms(_sealedVersion(version));
    }

    /// @inheritdoc ICoveragePolicy
    function submissionTermsOf(OrganizationId provider, uint16 version)
        external
        view
        returns (uint16 inForce, uint32 plan, uint32 receiptWindow, bool shadow)
    {
        VersionRecord storage record = _versions[version];
        if (record.status != VersionStatus.Sealed) return (0, 0, 0, false);
        (plan, receiptWindow, shadow) = (record.plan, record.receiptWindow, record.shadow);
        inForce = _enrolmentAt(_enrolments[provider][plan], uint40(block.timestamp)).version;
    }

    /// @inheritdoc ICoveragePolicy
    function claimTermsOf(OrganizationId provider, uint16 version, BenefitClass benefitClass)
        external
        view
        returns (ClaimRule memory rule, uint64 deductible, uint64 outOfPocketMaximum, uint64 episodePrice)
    {
        VersionRecord storage record = _versions[version];
        if (record.status != VersionStatus.Sealed) return (rule, 0, 0, 0);
        rule = _claimRule(_rules[version][benefitClass].claim);
        (deductible, outOfPocketMaximum) = (record.deductible, record.outOfPocketMaximum);
        if (rule.pricing == Pricing.Episode) {
            uint256 coefficient = _coefficientOf(_enrolments[provider][record.plan], version);
            uint256 price = uint256(rule.episodeWeight) * record.baseRate * coefficient / EPISODE_UNIT;
            episodePrice = uint64(Math.min(price, MAX_AMOUNT));
        }
    }

    /// @inheritdoc ICoveragePolicy
    function authorizationRuleOf(uint16 version, BenefitClass benefitClass)
        external
        view
        returns (AuthorizationRule memory)
    {
        return _rules[version][benefitClass].authorization;
    }

    /// @inheritdoc ICoveragePolicy
    function claimRuleOf(uint16 version, BenefitClass benefitClass) external view returns (ClaimRule memory) {
        return _claimRule(_rules[version][benefitClass].claim);
    }

    /// @inheritdoc ICoveragePolicy
    function enrolmentAt(OrganizationId provider, uint32 plan, uint40 time) external view returns (Enrolment memory) {
        return _enrolmentAt(_enrolments[provider][plan], time);
    }

    /// @inheritdoc ICoveragePolicy
    function enrolmentsOf(OrganizationId provider, uint32 plan) external view returns (Enrolment[] memory all) {
        EnrolmentRecord storage held = _enrolments[provider][plan];
        if (held.start == 0) return all;
        uint256 earlier = held.earlier.length;
        all = new Enrolment[](earlier + 1);
        for (uint256 i = 0; i < earlier; ++i) {
            all[i] = held.earlier[i];
        }
        all[earlier] = _last(held);
    }

    /// @inheritdoc ICoveragePolicy
    function endingsOf(OrganizationId provider, uint32 plan) external view returns (uint32) {
        return _enrolments[provider][plan].endings;
    }

    /// @inheritdoc ICoveragePolicy
    function digestOf(Terms calldata terms, BenefitRule[] calldata rules) external pure returns (bytes32 digest) {
        digest = keccak256(abi.encode(terms));
        for (uint256 i = 0; i < rules.length; ++i) {
            digest = _fold(digest, rules[i]);
        }
    }

    /// @inheritdoc ICoveragePolicy
    function noticeSeconds() external pure returns (uint40) {
        return NOTICE;
    }

    // ------------------------------------------------------------------ changes

    function _keep(ClaimRule storage slots, ClaimRule calldata rule) private {
        (slots.fastTrackMaximum, slots.unitPrice, slots.copay) = (rule.fastTrackMaximum, rule.unitPrice, rule.copay);
        (slots.coinsurance, slots.filingDays, slots.pricing) = (rule.coinsurance, rule.filingDays, rule.pricing);
        (uint40 perDay, uint32 weight, BenefitClass partOf) =
            (rule.maxMilliUnitsPerDay, rule.episodeWeight, rule.partOf);
        bool needsLast = perDay != 0 || weight != 0 || BenefitClass.unwrap(partOf) != 0;
        slots.flags = needsLast ? rule.flags | LAST_SLOT : rule.flags;
        if (!needsLast) return;
        (slots.maxMilliUnitsPerDay, slots.episodeWeight, slots.partOf) = (perDay, weight, partOf);
    }

    function _append(OrganizationId provider, uint32 plan, Enrolment memory agreed) private {
        EnrolmentRecord storage held = _enrolments[provider][plan];
        uint256 earliest = Math.max(block.timestamp, uint256(held.start) + 1);
        if (agreed.start < earliest) {
            uint40 capped = uint40(Math.min(earliest, type(uint40).max));
            revert CoveragePolicyEnrolmentTooEarly(provider, plan, agreed.start, capped);
        }
        _push(held, agreed);
    }

    function _push(EnrolmentRecord storage held, Enrolment memory next) private {
        if (held.start != 0) held.earlier.push(_last(held));
        _setLast(held, next);
    }

    /// @dev Takes out what begins at a time or later, which is in the future: what has begun stays.
    function _removeSince(EnrolmentRecord storage held, uint40 time) private returns (bool removed) {
        while (held.start >= time) {
            uint256 earlier = held.earlier.length;
            if (earlier == 0) {
                _setLast(held, Enrolment(0, 0, 0));
            } else {
                _setLast(held, held.earlier[earlier - 1]);
                held.earlier.pop();
            }
            removed = true;
        }
    }

    function _setLast(EnrolmentRecord storage held, Enrolment memory last) private {
        (held.version, held.start, held.coefficient) = (last.version, last.start, last.coefficient);
    }

    // ------------------------------------------------------------------ checks

    function _knownVersion(uint16 version) private view returns (VersionRecord storage record) {
        record = _versions[version];
        if (record.status == VersionStatus.Unknown) revert CoveragePolicyUnknownVersion(version);
    }

    function _sealedVersion(uint16 version) private view returns (VersionRecord storage record) {
        record = _knownVersion(version);
        if (record.status != VersionStatus.Sealed) revert CoveragePolicyNotSealed(version);
    }

    /// @dev A key of the organization that may start something signed.
    function _requireAgreement(
        bytes32 digest,
        OrganizationId organization,
        uint32 roles,
        address key,
        bytes calldata signature
    ) private view {
        if (_registry.requireActive(key, roles) != organization) {
            revert CoveragePolicyNotTheirKey(organization, key);
        }
        if (!KeySignature.isValid(key, digest, signature)) revert CoveragePolicyInvalidSignature(key);
    }

    /// @dev What the two sides sign.
    function _enrolmentDigest(OrganizationId provider, uint32 plan, Enrolment memory agreed, uint40 deadline)
        private
        view
        returns (bytes32)
    {
        bytes32 structHash = keccak256(
            abi.encode(
                ENROLMENT_TYPEHASH,
                provider,
                _versions[agreed.version].digest,
                agreed.version,
                agreed.start,
                agreed.coefficient,
                _enrolments[provider][plan].endings,
                deadline
            )
        );
        return _hashTypedDataV4(structHash);
    }

    function _isHeld(EnrolmentRecord storage held, Enrolment memory one) private view returns (bool) {
        Enrolment memory found = _enrolmentAt(held, one.start);
        return found.start == one.start && found.version == one.version && found.coefficient == one.coefficient;
    }

    /// @dev The last that has begun at a time; all zero if none has.
    function _enrolmentAt(EnrolmentRecord storage held, uint40 time) private view returns (Enrolment memory found) {
        found = _last(held);
        for (uint256 i = found.start <= time ? 0 : held.earlier.length; i > 0; --i) {
            found = held.earlier[i - 1];
            if (found.start <= time) return found;
        }
        if (found.start > time) return Enrolment(0, 0, 0);
    }

    /// @dev Of the last enrolment under a version that has begun; 0 if none has.
    function _coefficientOf(EnrolmentRecord storage held, uint16 version) private view returns (uint32) {
        if (held.version == version && held.start <= block.timestamp) return held.coefficient;
        for (uint256 i = held.earlier.length; i > 0; --i) {
            Enrolment memory one = held.earlier[i - 1];
            if (one.version == version && one.start <= block.timestamp) return one.coefficient;
        }
        return 0;
    }

    function _claimRule(ClaimRule storage slots) private view returns (ClaimRule memory rule) {
        uint16 flags = slots.flags;
        rule.flags = flags & ~LAST_SLOT;
        (rule.fastTrackMaximum, rule.unitPrice, rule.copay) = (slots.fastTrackMaximum, slots.unitPrice, slots.copay);
        (rule.coinsurance, rule.filingDays) = (slots.coinsurance, slots.filingDays);
        rule.pricing = slots.pricing;
        if (!flags.has(LAST_SLOT)) return rule;
        (rule.maxMilliUnitsPerDay, rule.episodeWeight) = (slots.maxMilliUnitsPerDay, slots.episodeWeight);
        rule.partOf = slots.partOf;
    }

    function _last(EnrolmentRecord storage held) private view returns (Enrolment memory) {
        return Enrolment(held.version, held.start, held.coefficient);
    }

    function _terms(VersionRecord storage record) private view returns (Terms memory) {
        return Terms({
            plan: record.plan,
            receiptWindow: record.receiptWindow,
            appealDays: record.appealDays,
            shadow: record.shadow,
            deductible: record.deductible,
            outOfPocketMaximum: record.outOfPocketMaximum,
            baseRate: record.baseRate,
            document: record.document,
            classRoot: record.classRoot
        });
    }

    function _fold(bytes32 digest, BenefitRule calldata rule) private pure returns (bytes32) {
        return keccak256(abi.encode(digest, rule.benefitClass, rule.authorization, rule.claim));
    }

    function _requireTerms(Terms calldata terms) private pure {
        bool named = terms.document != 0 && terms.classRoot != 0;
        bool timed = terms.receiptWindow > 0 && terms.receiptWindow <= MAX_RECEIPT_WINDOW && terms.appealDays > 0;
        bool shared = terms.deductible <= terms.outOfPocketMaximum && terms.outOfPocketMaximum <= MAX_AMOUNT;
        if (!named || !timed || !shared || terms.baseRate > MAX_AMOUNT) revert CoveragePolicyInvalidTerms(terms.plan);
    }

    /// @param episodes Whether the version has a base rate.
    function _isRule(BenefitRule calldata rule, bool episodes) private pure returns (bool) {
        uint16 flags = rule.authorization.flags;
        return BenefitClass.unwrap(rule.benefitClass) != 0 && flags & ~RuleFlags.ALL == 0 && flags == rule.claim.flags
            && rule.claim.partOf != rule.benefitClass && _isAuthorizationRule(rule.authorization)
            && _isGoldCardRule(rule.authorization) && _isClaimRule(rule.claim, episodes);
    }

    function _isAuthorizationRule(AuthorizationRule calldata rule) private pure returns (bool) {
        if (rule.coverage == Coverage.Unset) return false;
        if (rule.flags.has(RuleFlags.DENY_NOT_COVERED) && rule.coverage != Coverage.NotCovered) return false;
        if (rule.coverage != Coverage.NotCovered && rule.maxMilliUnitsPerRequest == 0) return false;
        return rule.maxMilliUnitsPerRequest <= rule.maxMilliUnitsPerPeriod && rule.validityDays > 0
            && rule.firstDay <= rule.lastDay && rule.maxUnitPrice <= MAX_AMOUNT && rule.maxAmount <= MAX_AMOUNT;
    }

    function _isGoldCardRule(AuthorizationRule calldata rule) private pure returns (bool) {
        if (rule.goldCardApprovalRate > Units.BASIS_POINTS) return false;
        return !rule.flags.has(RuleFlags.GOLD_CARD_OK)
            || (rule.coverage == Coverage.Covered
                && rule.goldCardRequests > 0
                && rule.goldCardApprovalRate > 0
                && rule.goldCardWindowDays > 0);
    }

    function _isClaimRule(ClaimRule calldata rule, bool episodes) private pure returns (bool) {
        if (rule.pricing == Pricing.Episode && (!episodes || rule.episodeWeight == 0)) return false;
        return rule.fastTrackMaximum <= MAX_AMOUNT && rule.unitPrice <= MAX_AMOUNT && rule.copay <= MAX_AMOUNT
            && rule.coinsurance <= Units.BASIS_POINTS && rule.filingDays > 0;
    }
}
