// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IDocumentAnchor} from "../anchoring/IDocumentAnchor.sol";
import {Haltable} from "../identity/Haltable.sol";
import {IOrganizationRegistry} from "../identity/IOrganizationRegistry.sol";
import {KeySignature} from "../identity/KeySignature.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {Replaceable} from "../identity/Replaceable.sol";
import {BenefitClass, ClaimRule, Coverage, Pricing, RuleFlags, Units} from "./BenefitRule.sol";
import {ClaimRecord, ClaimStatus, ClaimWord, Finding} from "./ClaimRecord.sol";
import {CostSharing} from "./CostSharing.sol";
import {IAuthorizationRecords} from "./IAuthorizationRecords.sol";
import {IClaimSettlement} from "./IClaimSettlement.sol";
import {ICoveragePolicy} from "./ICoveragePolicy.sol";
import {IInsurerVault} from "./IInsurerVault.sol";
import {IPriorAuthorization} from "./IPriorAuthorization.sol";
import {IReviewPanel} from "./IReviewPanel.sol";
import {LineRecord} from "./LineRecord.sol";
import {ProviderDocuments} from "./ProviderDocuments.sol";

/// @title ClaimSettlement
/// @notice Adjudicates claims, see {IClaimSettlement}.
contract ClaimSettlement is IClaimSettlement, Haltable, Replaceable, EIP712 {
    using RuleFlags for uint16;

    /// @dev All that is known of a claim line while it is decided.
    struct Case {
        OrganizationId provider;
        bytes32 key;
        bytes8 tag;
        Finding finding;
        bytes12 reviewer; // zero if the rules decide
        LineRecord grant;
        bytes16 memberKey; // zero if coverage is unverified
        uint16 period;
        ClaimWord record;
        IInsurerVault.Accumulators held; // by the member
        uint64 dailyCap;
    }

    /// @dev What the policy says of a service.
    struct Terms {
        ClaimRule rule;
        IInsurerVault.Accumulators caps; // the plan's
        uint64 price; // the charge at most; 0 if none was agreed
    }

    /// @dev What a reviewed claim line drew on its authorization. One that the rules paid drew all.
    struct Drawn {
        uint40 milliUnits;
        uint64 amount; // token minor units
    }

    bytes32 private constant REVIEW_TYPEHASH = keccak256(
        "ClaimReview(bytes12 provider,bytes32 key,uint8 status,uint64 allowed,uint16 carc,bytes32 rationale)"
    );
    bytes32 private constant REVERSAL_TYPEHASH = keccak256("ClaimReversal(bytes12 provider,bytes32 key,uint16 reason)");

    uint256 private constant MAX_LINES = 32;

    // Claim adjustment reason codes.
    uint16 private constant UNKNOWN_AUTHORIZATION = 15;
    uint16 private constant FILED_LATE = 29;
    uint16 private constant OVER_AGREED_PRICE = 45;
    uint16 private constant NO_AUTHORIZATION = 197;

    // What was claimed for a member on a day, as bits: a class that includes others, or one of the others.
    uint8 private constant WHOLE = 1 << 0;
    uint8 private constant PART = 1 << 1;

    IOrganizationRegistry private immutable _registry;
    IDocumentAnchor private immutable _anchors;
    ICoveragePolicy private immutable _policy;
    IPriorAuthorization private immutable _authorizations;
    IInsurerVault private immutable _vault;
    IReviewPanel private immutable _panel;

    mapping(OrganizationId provider => mapping(bytes32 leaf => bytes32 claimId)) private _claims;
    mapping(bytes32 service => uint8 marks) private _services; // of the whole's class, see _serviceKey
    mapping(bytes32 key => Drawn drawn) private _drawn;

    /// @param anchors_ Where the documents are.
    /// @param policy_ The insurer's, as are the others.
    constructor(
        address authority,
        IDocumentAnchor anchors_,
        ICoveragePolicy policy_,
        IPriorAuthorization authorizations_,
        IInsurerVault vault_,
        IReviewPanel panel_
    ) AccessManaged(authority) EIP712("careledger ClaimSettlement", "1") {
        _registry = vault_.registry();
        _anchors = anchors_;
        _policy = policy_;
        _authorizations = authorizations_;
        _vault = vault_;
        _panel = panel_;
    }

    // ------------------------------------------------------------------ the provider

    /// @inheritdoc IClaimSettlement
    // slither-disable-next-line reentrancy-no-eth (the insurer's own contracts and the suite's: they call nobody else)
    function submit(Claim calldata claim, ClaimLine[] calldata lines, IDocumentAnchor.Document[] calldata documents)
        external
        whenOpen
        whenRunning
    {
        if (claim.id == 0) revert ClaimSettlementNoClaimId(claim.content);
        if (lines.length == 0 || lines.length > MAX_LINES) {
            revert ClaimSettlementInvalidLineCount(claim.id, lines.length);
        }
        OrganizationId provider = _registry.requireKey(msg.sender);
        bytes8 tag = tagOf(claim);
        bool accepted = false;
        Finding ofDocuments = Finding.None;
        for (uint256 i = 0; i < lines.length; ++i) {
            ClaimLine memory line = lines[i];
            if (line.milliUnits == 0 || line.charge == 0) revert ClaimSettlementEmptyLine(claim.id, i);
            Case memory found = _caseOf(provider, line, tag);
            if (found.record.status() != ClaimStatus.Unknown) {
                if (found.record.claim() != tag) emit ClaimDuplicate(provider, claim.id, found.key, line.charge);
                continue;
            }
            if (!accepted) {
                ofDocuments = _accept(provider, claim, lines.length, documents);
                accepted = true;
            }
            _adjudicate(found, claim, line, ofDocuments);
        }
    }

    // ------------------------------------------------------------------ the insurer

    /// @inheritdoc IClaimSettlement
    // A line is decoded once, as it is read many times.
    // solhint-disable-next-line gas-calldata-parameters
    function review(
        ClaimReview calldata review_,
        Claim calldata claim,
        ClaimLine memory line,
        address reviewerKey,
        bytes calldata signature
    ) external whenRunning {
        bytes32 structHash = keccak256(abi.encode(REVIEW_TYPEHASH, review_));
        bytes12 reviewer = _requireReviewer(reviewerKey, structHash, signature);
        Case memory found = _caseOf(review_.provider, line, tagOf(claim));
        if (found.key != review_.key) revert ClaimSettlementOtherLine(review_.key, found.key);
        ClaimStatus status = found.record.status();
        if (status != review_.status || (status != ClaimStatus.InReview && status != ClaimStatus.Denied)) {
            revert ClaimSettlementForbiddenTransition(found.key, status);
        }
        if (found.tag != found.record.claim()) {
            revert ClaimSettlementOtherClaim(found.key, found.tag, found.record.claim());
        }
        found.reviewer = reviewer;
        emit ClaimReviewed(found.key, reviewerKey, reviewer, review_.carc, review_.rationale);
        _decide(found, review_, claim, line);
    }

    /// @inheritdoc IClaimSettlement
    // A line is decoded once, as it is read many times.
    // solhint-disable-next-line gas-calldata-parameters
    function reverse(
        OrganizationId provider,
        ClaimLine memory line,
        uint16 reason,
        address reviewerKey,
        bytes calldata signature
    ) external {
        bytes32 key = keyOf(provider, line);
        if (reason == 0) revert ClaimSettlementReasonMissing(key);
        bytes32 structHash = keccak256(abi.encode(REVERSAL_TYPEHASH, provider, key, reason));
        bytes12 reviewer = _requireReviewer(reviewerKey, structHash, signature);
        ClaimRecord memory record = _vault.recordOf(key);
        if (record.status == ClaimStatus.ApprovedUnfunded || record.status == ClaimStatus.PartialUnfunded) {
            _undo(provider, key, line, record);
        } else if (record.status == ClaimStatus.Paid || record.status == ClaimStatus.Partial) {
            _undoCredited(provider, key, line, record);
        } else {
            revert ClaimSettlementForbiddenTransition(key, record.status);
        }
        emit ClaimReversed(provider, key, record.paid, reason, reviewerKey, reviewer);
    }

    // ------------------------------------------------------------------ reads

    /// @inheritdoc IClaimSettlement
    function estimate(
        OrganizationId provider,
        uint16 version,
        bytes16 memberKey,
        uint16 period,
        BenefitClass benefitClass,
        uint40 milliUnits,
        uint64 charge
    ) external view returns (Estimate memory estimated) {
        Coverage coverage = _policy.authorizationRuleOf(version, benefitClass).coverage;
        if (memberKey == 0 || coverage == Coverage.Unset || coverage == Coverage.NotCovered) return estimated;
        Terms memory terms = _termsOf(provider, version, benefitClass, milliUnits, charge);
        if (terms.price == 0) return estimated;
        CostSharing.Shares memory shares = _share(terms, _vault.accumulatorsOf(memberKey, period), terms.price);
        return Estimate({
            known: true,
            allowed: terms.price,
            paid: shares.paid,
            contractual: charge - terms.price,
            deductible: shares.deductible,
            coinsurance: shares.coinsurance,
            copay: shares.copay
        });
    }

    /// @inheritdoc IClaimSettlement
    function claimOf(bytes32 key) external view returns (ClaimRecord memory) {
        return _vault.recordOf(key);
    }

    /// @inheritdoc IClaimSettlement
    function claimByDocument(OrganizationId provider, bytes32 leaf) external view returns (bytes32) {
        return _claims[provider][leaf];
    }

    /// @inheritdoc IClaimSettlement
    function insurer() external view returns (OrganizationId) {
        return _vault.insurer();
    }

    /// @notice None: what a version leaves waiting for a person is kept in the vault, and the next version goes on
    /// with it.
    function workUnderWay() external pure override returns (uint256) {
        return 0;
    }

    /// @inheritdoc IClaimSettlement
    function keyOf(OrganizationId provider, ClaimLine memory line) public pure returns (bytes32) {
        return keccak256(abi.encode(provider, line));
    }

    /// @inheritdoc IClaimSettlement
    function tagOf(Claim calldata claim) public pure returns (bytes8) {
        return bytes8(keccak256(abi.encode(claim.id, claim.payer)));
    }

    // ------------------------------------------------------------------ changes

    /// @dev Takes a claim with a line that is not known yet, and tells whether its documents keep it from the fast
    /// track.
    function _accept(
        OrganizationId provider,
        Claim calldata claim,
        uint256 lines,
        IDocumentAnchor.Document[] calldata documents
    ) private returns (Finding finding) {
        if (documents.length == 0) finding = Finding.DocumentsMissing;
        bytes32[] memory leaves = new bytes32[](documents.length);
        mapping(bytes32 leaf => bytes32 claimId) storage claims = _claims[provider];
        for (uint256 i = 0; i < documents.length; ++i) {
            IDocumentAnchor.Document calldata document = documents[i];
            ProviderDocuments.requireInForce(_anchors, provider, msg.sender, document);
            bytes32 leaf = document.leaf;
            leaves[i] = leaf;
            bytes32 first = claims[leaf];
            if (first == 0) claims[leaf] = claim.id;
            else if (first != claim.id) finding = Finding.DocumentReused;
        }
        emit ClaimSubmitted(provider, claim.id, msg.sender, lines, claim.content, leaves);
    }

    /// @dev Decides a claim line by the rules.
    function _adjudicate(Case memory found, Claim calldata claim, ClaimLine memory line, Finding ofDocuments) private {
        if (line.requestId == 0 || !_binds(found.grant)) {
            found.finding = line.requestId == 0 ? Finding.NoAuthorization : Finding.UnknownAuthorization;
            _deny(found, claim.id, line, line.requestId == 0 ? NO_AUTHORIZATION : UNKNOWN_AUTHORIZATION);
            return;
        }
        Terms memory terms =
            _termsOf(found.provider, found.grant.version(), found.grant.benefitClass(), line.milliUnits, line.charge);
        uint256 today = block.timestamp / 1 days;
        uint256 day = line.serviceDay;
        if (terms.rule.filingDays != 0 && today > day + terms.rule.filingDays) {
            found.finding = Finding.FiledLate;
            _deny(found, claim.id, line, FILED_LATE);
            return;
        }
        bool unbundled = _markService(found, terms.rule, line.serviceDay);
        Finding finding = day > today ? Finding.ImplausibleDate : _findingOfGrant(found.grant, line, terms.price);
        if (finding == Finding.None) finding = _findingOfLine(terms, line.milliUnits, ofDocuments, unbundled);
        CostSharing.Shares memory shares = _share(terms, found.held, terms.price);
        if (finding == Finding.None && shares.paid > found.dailyCap) finding = Finding.OverFastTrackMaximum;
        if (finding != Finding.None) {
            _vault.keepUnpaid(found.key, false, finding, found.tag);
            emit ClaimPended(found.provider, claim.id, found.key, line, finding);
            return;
        }
        _authorizations.draw(found.provider, line.requestId, line.line, line.serviceDay, line.milliUnits, terms.price);
        _pay(found, terms, claim, line, _resultOf(line.charge, terms.price, shares, 0, 0));
    }

    /// @dev Decides a claim line as a person does.
    function _decide(Case memory found, ClaimReview calldata review_, Claim calldata claim, ClaimLine memory line)
        private
    {
        (uint64 allowed, uint64 charge, uint16 carc) = (review_.allowed, line.charge, review_.carc);
        if (allowed > charge) revert ClaimSettlementInvalidReview(found.key, allowed, charge, carc);
        if (allowed == 0) {
            if (carc == 0) revert ClaimSettlementInvalidReview(found.key, allowed, charge, carc);
            _deny(found, claim.id, line, carc);
            return;
        }
        if (line.requestId == 0 || !_binds(found.grant) || found.memberKey == 0) {
            revert ClaimSettlementCoverageUnverified(found.key);
        }
        Terms memory terms =
            _termsOf(found.provider, found.grant.version(), found.grant.benefitClass(), line.milliUnits, charge);
        uint64 agreed = terms.price == 0 ? charge : terms.price;
        uint64 denied = 0;
        if (carc != OVER_AGREED_PRICE) {
            denied = allowed < agreed ? agreed - allowed : 0;
            if ((carc == 0) != (denied == 0)) {
                revert ClaimSettlementInvalidReview(found.key, allowed, charge, carc);
            }
        } else {
            carc = 0;
        }
        _drawWhatIsLeft(found, line, allowed);
        CostSharing.Shares memory shares = _share(terms, found.held, allowed);
        _pay(found, terms, claim, line, _resultOf(charge, allowed, shares, denied, carc));
    }

    function _deny(Case memory found, bytes32 claimId, ClaimLine memory line, uint16 carc) private {
        _vault.keepUnpaid(found.key, true, found.finding, found.tag);
        Adjudication memory result = _resultOf(line.charge, 0, CostSharing.Shares(0, 0, 0, 0), line.charge, carc);
        _emitAdjudicated(found, claimId, line, ClaimStatus.Denied, result);
    }

    /// @dev Has the vault pay, and the patient's share be paid from what was prepaid.
    function _pay(
        Case memory found,
        Terms memory terms,
        Claim calldata claim,
        ClaimLine memory line,
        Adjudication memory result
    ) private {
        uint64 outOfPocket;
        unchecked {
            outOfPocket = result.deductible + result.coinsurance + result.copay; // parts of what is allowed
        }
        IInsurerVault.Payment memory payment = IInsurerVault.Payment({
            claim: found.key,
            provider: found.provider,
            memberKey: found.memberKey,
            period: found.period,
            automatic: found.reviewer == 0,
            inPart: result.denied != 0,
            finding: found.finding,
            tag: found.tag,
            amount: result.paid,
            deductible: result.deductible,
            outOfPocket: outOfPocket
        });
        ClaimStatus status = _vault.settle(payment, terms.caps);
        _emitAdjudicated(found, claim.id, line, status, result);
        if (claim.payer == address(0) || outOfPocket == 0) return;
        // slither-disable-next-line unused-return
        _vault.usePrepayment(found.provider, line.requestId, line.line, claim.payer, outOfPocket);
    }

    function _emitAdjudicated(
        Case memory found,
        bytes32 claimId,
        ClaimLine memory line,
        ClaimStatus status,
        Adjudication memory result
    ) private {
        emit ClaimAdjudicated(found.provider, claimId, found.key, line, status, found.finding, result, found.reviewer);
    }

    /// @dev Draws as much of the grant as it has, if it was in force that day.
    function _drawWhatIsLeft(Case memory found, ClaimLine memory line, uint64 allowed) private {
        (uint40 milliUnits, uint64 amount) = (found.grant.milliUnits(), found.grant.amount());
        if (!found.grant.isGrant() || milliUnits == 0 || !_isInForce(found.grant, line.serviceDay)) return;
        if (line.milliUnits < milliUnits) milliUnits = line.milliUnits;
        if (allowed < amount) amount = allowed;
        _drawn[found.key] = Drawn(milliUnits, amount);
        _authorizations.draw(found.provider, line.requestId, line.line, line.serviceDay, milliUnits, amount);
    }

    /// @dev Takes back what was credited, which a stop holds back.
    function _undoCredited(OrganizationId provider, bytes32 key, ClaimLine memory line, ClaimRecord memory record)
        private
        whenRunning
    {
        _undo(provider, key, line, record);
    }

    function _undo(OrganizationId provider, bytes32 key, ClaimLine memory line, ClaimRecord memory record) private {
        // slither-disable-next-line unused-return
        (, bytes16 memberKey, uint16 period) = _authorizations.grantOf(provider, line.requestId, line.line);
        // slither-disable-next-line unused-return
        _vault.reverse(key, provider, memberKey, period);
        Drawn memory drawn = _drawn[key];
        if (record.finding == Finding.None) drawn = Drawn(line.milliUnits, record.paid + record.outOfPocket);
        if (drawn.milliUnits == 0) return;
        _authorizations.putBack(provider, line.requestId, line.line, drawn.milliUnits, drawn.amount);
    }

    /// @dev Marks a service that includes others, or is included, for its member and day.
    /// @return unbundled Whether the counterpart was claimed already.
    function _markService(Case memory found, ClaimRule memory rule, uint16 day) private returns (bool unbundled) {
        if (found.memberKey == 0) return false;
        if (rule.flags.has(RuleFlags.INCLUDES_OTHERS)) {
            unbundled = _mark(_serviceKey(found.memberKey, found.grant.benefitClass(), day), WHOLE);
        }
        if (BenefitClass.unwrap(rule.partOf) != 0) {
            unbundled = _mark(_serviceKey(found.memberKey, rule.partOf, day), PART) || unbundled;
        }
    }

    /// @return Whether the other mark is there.
    function _mark(bytes32 service, uint8 mark) private returns (bool) {
        uint8 marks = _services[service];
        if (marks & mark == 0) _services[service] = marks | mark;
        return marks & ~mark != 0;
    }

    // ------------------------------------------------------------------ checks

    function _caseOf(OrganizationId provider, ClaimLine memory line, bytes8 tag)
        private
        view
        returns (Case memory found)
    {
        (found.provider, found.key, found.tag) = (provider, keyOf(provider, line), tag);
        (found.grant, found.memberKey, found.period) = _authorizations.grantOf(provider, line.requestId, line.line);
        (found.record, found.held, found.dailyCap) = _vault.claimTermsOf(found.key, found.memberKey, found.period);
        found.finding = found.record.finding();
    }

    /// @dev What the policy says of a service, and the agreed price of it.
    function _termsOf(
        OrganizationId provider,
        uint16 version,
        BenefitClass benefitClass,
        uint40 milliUnits,
        uint64 charge
    ) private view returns (Terms memory terms) {
        uint256 price;
        (terms.rule, terms.caps.deductible, terms.caps.outOfPocket, price) =
            _policy.claimTermsOf(provider, version, benefitClass);
        if (terms.rule.pricing != Pricing.Episode) {
            unchecked {
                price = uint256(terms.rule.unitPrice) * milliUnits / Units.MILLI; // of 64 and 40 bits
            }
        }
        terms.price = price < charge ? uint64(price) : charge;
    }

    function _requireReviewer(address key, bytes32 structHash, bytes calldata signature)
        private
        view
        returns (bytes12 reviewer)
    {
        reviewer = _panel.requireReviewer(key);
        if (!KeySignature.isValid(key, _hashTypedDataV4(structHash), signature)) {
            revert ClaimSettlementInvalidSignature(key);
        }
    }

    /// @dev What of the authorization keeps a claim line from the fast track.
    function _findingOfGrant(LineRecord grant, ClaimLine memory line, uint64 price) private pure returns (Finding) {
        if (!grant.isGrant()) {
            IAuthorizationRecords.LineStatus status = grant.status();
            if (status == IAuthorizationRecords.LineStatus.NotRequired) return Finding.AuthorizationNotRequired;
            if (status != IAuthorizationRecords.LineStatus.Exhausted) return Finding.AuthorizationNotActive;
        }
        if (!_isInForce(grant, line.serviceDay)) return Finding.ServiceOutsideValidity;
        if (line.milliUnits > grant.milliUnits()) return Finding.UnitsOverAuthorization;
        return price > grant.amount() ? Finding.AmountOverAuthorization : Finding.None;
    }

    /// @dev What else does.
    function _findingOfLine(Terms memory terms, uint40 milliUnits, Finding ofDocuments, bool unbundled)
        private
        pure
        returns (Finding)
    {
        uint40 perDay = terms.rule.maxMilliUnitsPerDay;
        if (perDay != 0 && milliUnits > perDay) return Finding.ImplausibleQuantity;
        if (ofDocuments != Finding.None) return ofDocuments;
        if (unbundled) return Finding.Unbundled;
        if (terms.price == 0) return Finding.NoAgreedPrice;
        return terms.price > terms.rule.fastTrackMaximum ? Finding.OverFastTrackMaximum : Finding.None;
    }

    /// @param held By the member.
    function _share(Terms memory terms, IInsurerVault.Accumulators memory held, uint64 allowed)
        private
        pure
        returns (CostSharing.Shares memory)
    {
        bool hasDeductible = terms.rule.flags.has(RuleFlags.DEDUCTIBLE);
        return CostSharing.share(
            allowed,
            CostSharing.Burden({
                copay: terms.rule.copay,
                deductibleLeft: hasDeductible ? CostSharing.left(terms.caps.deductible, held.deductible) : 0,
                coinsurance: terms.rule.coinsurance,
                outOfPocketLeft: CostSharing.left(terms.caps.outOfPocket, held.outOfPocket)
            })
        );
    }

    /// @dev What is neither allowed nor denied is contractual.
    function _resultOf(uint64 charge, uint64 allowed, CostSharing.Shares memory shares, uint64 denied, uint16 carc)
        private
        pure
        returns (Adjudication memory result)
    {
        (result.charge, result.contractual) = (charge, charge - allowed - denied);
        (result.paid, result.deductible) = (shares.paid, shares.deductible);
        (result.coinsurance, result.copay) = (shares.coinsurance, shares.copay);
        (result.denied, result.carc) = (denied, carc);
    }

    /// @dev Whether the line is known, and not of shadow mode.
    function _binds(LineRecord grant) private pure returns (bool) {
        return grant.status() != IAuthorizationRecords.LineStatus.Unknown && !grant.isShadow();
    }

    function _isInForce(LineRecord grant, uint16 day) private pure returns (bool) {
        return day >= grant.validFrom() && day <= grant.validTo();
    }

    function _serviceKey(bytes16 memberKey, BenefitClass benefitClass, uint16 day) private pure returns (bytes32) {
        return bytes32(abi.encodePacked(memberKey, benefitClass, day));
    }
}
