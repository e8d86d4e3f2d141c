// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDocumentAnchor} from "../anchoring/IDocumentAnchor.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {MemberRole, MemberRoles} from "../identity/Roles.sol";
import {AuthorizationBook, Foundations} from "./AuthorizationBook.sol";
import {AuthorizationRule, Coverage, RuleFlags, Units} from "./BenefitRule.sol";
import {IAuthorizationIntake} from "./IAuthorizationIntake.sol";
import {Deliberation, Deliberations, LineRecord, LineRecords, LineSlots, Marks} from "./LineRecord.sol";

/// @title AuthorizationIntake
/// @notice The part of `PriorAuthorization` that takes requests in and decides them by the rules, see
/// {IAuthorizationIntake}. Its code runs for that contract, on what is kept there.
contract AuthorizationIntake is IAuthorizationIntake, AuthorizationBook {
    using RuleFlags for uint16;

    /// @dev What the lines of one submission share.
    struct Submission {
        OrganizationId provider;
        bytes32 requestId;
        bytes32 key;
        bytes16 member; // under which units are counted; zero if coverage is unverified
        uint16 period;
        uint16 version;
        bool covered;
        bool expedited;
        bool shadow;
        uint40 receivedAt;
        uint64 documents;
    }

    bytes32 private constant ELIGIBILITY_TYPEHASH =
        keccak256("Eligibility(bytes16 memberKey,bytes12 provider,uint32 plan,uint16 period,uint40 validUntil)");

    uint40 private constant STANDARD_SECONDS = 7 days;

    /// @dev After the receipt, for the first day of service: nothing is reserved for a day that nobody plans for.
    uint256 private constant PLANNED_DAYS = 366;

    /// @dev In `Change.supersedes`: a line that is added.
    uint8 private constant NO_LINE = type(uint8).max;

    uint32 private constant PROVIDERS = uint32(
        (1 << uint8(MemberRole.Provider)) | (1 << uint8(MemberRole.Laboratory)) | (1 << uint8(MemberRole.Dispenser))
    );

    constructor(address authority, Foundations memory foundations) AuthorizationBook(authority, foundations) {}

    // ------------------------------------------------------------------ the provider

    /// @inheritdoc IAuthorizationIntake
    function submit(
        Request calldata request,
        Eligibility calldata eligibility,
        Line[] calldata lines,
        IDocumentAnchor.Document[] calldata documents
    ) external whenRunning whenOpen {
        OrganizationId provider = _registry.requireActive(msg.sender, PROVIDERS);
        RequestRecord storage record = _requests[_keyOf(provider, request.id)];
        if (record.lines != 0) {
            if (record.content == bytes8(request.content)) return;
            revert PriorAuthorizationOtherContent(provider, request.id);
        }
        if (lines.length == 0 || lines.length > NO_LINE) {
            revert PriorAuthorizationInvalidLineCount(request.id, lines.length);
        }
        Submission memory submission = _begin(provider, request, eligibility, documents);
        _requests[submission.key] = RequestRecord({
            memberKey: submission.covered ? eligibility.memberKey : bytes16(0),
            content: bytes8(request.content),
            period: submission.period,
            lines: uint8(lines.length),
            revision: 0,
            expedited: request.expedited
        });
        _emitSubmitted(submission, request, 0);
        for (uint256 number = 0; number < lines.length; ++number) {
            _decide(submission, uint8(number), lines[number]);
        }
    }

    /// @inheritdoc IAuthorizationIntake
    // slither-disable-next-line reentrancy-no-eth (the ledger is the insurer's own and calls nobody)
    function update(
        Request calldata request,
        uint8 revision,
        Eligibility calldata eligibility,
        Change[] calldata changes,
        uint256 cancelled,
        IDocumentAnchor.Document[] calldata documents
    ) external whenRunning whenOpen {
        OrganizationId provider = _registry.requireActive(msg.sender, PROVIDERS);
        RequestRecord storage record = _requests[_keyOf(provider, request.id)];
        uint256 lines = record.lines;
        if (lines == 0) revert PriorAuthorizationUnknown(provider, request.id, 0);
        if (record.revision != revision) {
            bool again = record.revision == uint256(revision) + 1 && record.content == bytes8(request.content);
            if (again) return;
            revert PriorAuthorizationOtherRevision(provider, request.id, record.revision);
        }
        if (revision == type(uint8).max) revert PriorAuthorizationTooManyRevisions(provider, request.id);
        if (lines + changes.length > NO_LINE) {
            revert PriorAuthorizationInvalidLineCount(request.id, lines + changes.length);
        }
        Submission memory submission = _begin(provider, request, eligibility, documents);
        if (submission.covered) _setMember(provider, request.id, record, eligibility);
        record.content = bytes8(request.content);
        record.lines = uint8(lines + changes.length);
        record.revision = revision + 1;
        record.expedited = request.expedited;
        _emitSubmitted(submission, request, revision + 1);
        _cancel(provider, request.id, cancelled);
        for (uint256 index = 0; index < changes.length; ++index) {
            _supersede(submission, changes[index].supersedes, uint8(lines + index));
            _decide(submission, uint8(lines + index), changes[index].content);
        }
    }

    /// @inheritdoc IAuthorizationIntake
    function cancel(bytes32 requestId, uint256 lines) external {
        _cancel(_registry.requireKey(msg.sender), requestId, lines);
    }

    // ------------------------------------------------------------------ the two sides

    /// @inheritdoc IAuthorizationIntake
    function verifyCoverage(OrganizationId provider, bytes32 requestId, Eligibility calldata eligibility)
        external
        whenRunning
    {
        OrganizationId by = _registry.requireKey(msg.sender);
        if (by != provider && by != _insurer) revert PriorAuthorizationNotAParty(provider, msg.sender);
        RequestRecord storage record = _requests[_keyOf(provider, requestId)];
        if (record.lines == 0) revert PriorAuthorizationUnknown(provider, requestId, 0);
        if (!_isCovered(provider, eligibility)) {
            revert PriorAuthorizationCoverageUnverified(_keyOf(provider, requestId));
        }
        _requirePlan(eligibility.plan, _policy.termsOf(_lines[_keyOf(provider, requestId)][0].record.version()).plan);
        if (_setMember(provider, requestId, record, eligibility)) emit CoverageVerified(provider, requestId);
    }

    // ------------------------------------------------------------------ the rules

    /// @dev Decides a new line, and writes it.
    function _decide(Submission memory submission, uint8 number, Line calldata asked) private {
        _requireLine(submission, number, asked);
        AuthorizationRule memory rule = _policy.authorizationRuleOf(submission.version, asked.benefitClass);
        // slither-disable-next-line uninitialized-local (zeros are what a decision starts from)
        Decision memory decision;
        decision.sequence = 1;
        decision.benefitClass = asked.benefitClass;
        decision.version = submission.version;
        decision.milliUnitsRequested = asked.milliUnits;
        decision.amountRequested = asked.amount;
        decision.documents = submission.documents;
        decision.commitment = asked.commitment;
        _judge(submission, asked, rule, decision);
        LineSlots storage slots = _lines[submission.key][number];
        uint16 validTo = _lastDay(asked.serviceDay, rule);
        LineStatus status = _statusOf(decision.action);
        LineRecord line = LineRecords.decided(
                status, decision.action, submission.shadow, submission.version, asked.benefitClass
            ).withValidity(asked.serviceDay, validTo);
        if (decision.milliUnits != 0) {
            (decision.validFrom, decision.validTo) = (asked.serviceDay, validTo);
            line = line.withGrant(decision.milliUnits, decision.amount);
        } else {
            line = line.withGrant(asked.milliUnits, asked.amount);
        }
        slots.record = line;
        if (decision.action == Action.Pended) {
            decision.dueAt = submission.receivedAt + (submission.expedited ? EXPEDITED_SECONDS : STANDARD_SECONDS);
            slots.deliberation = _pended(submission.receivedAt, decision.dueAt, rule);
        }
        if (line.isUnderWay()) ++_underWay;
        emit LineDecided(submission.provider, submission.requestId, number, decision);
    }

    /// @dev The first rule that holds decides, in the order of `Basis`.
    function _judge(
        Submission memory submission,
        Line calldata asked,
        AuthorizationRule memory rule,
        Decision memory decision
    ) private {
        decision.action = Action.Pended;
        decision.basis = _beforeRule(submission, rule);
        if (decision.basis == Basis.NotRequired) decision.action = Action.NotRequired;
        if (decision.basis != Basis.None) return;
        if (asked.unitCode == rule.unitCode && _hasGoldCard(submission.provider, asked.benefitClass, rule)) {
            if (_grant(submission, asked, rule, decision, asked.milliUnits)) {
                (decision.action, decision.basis) = (Action.ApprovedInFull, Basis.GoldCard);
                return;
            }
        }
        decision.basis = _byCoverage(submission, asked, rule);
        if (decision.basis == Basis.ContractExclusion) decision.action = Action.Denied;
        if (decision.basis != Basis.None) return;
        decision.basis = _byQuantity(asked, rule);
        if (decision.basis != Basis.None) return;
        uint40 minimum = rule.flags.has(RuleFlags.ALLOW_PARTIAL) ? 1 : asked.milliUnits;
        bool granted = _grant(submission, asked, rule, decision, minimum);
        bool inFull = decision.milliUnits == asked.milliUnits;
        decision.basis = inFull ? Basis.WithinRules : Basis.UnitsOverPeriodLimit;
        if (granted) decision.action = inFull ? Action.ApprovedInFull : Action.ApprovedInPart;
    }

    /// @dev Reserves as many units as the period leaves, if they are the minimum, and grants them.
    function _grant(
        Submission memory submission,
        Line calldata asked,
        AuthorizationRule memory rule,
        Decision memory decision,
        uint40 minimum
    ) private returns (bool) {
        (uint40 granted, uint48 taken) = _units.reserve(
            submission.member,
            submission.period,
            asked.benefitClass,
            asked.milliUnits,
            rule.maxMilliUnitsPerPeriod,
            minimum
        );
        decision.milliUnitsBefore = taken;
        if (granted == 0) return false;
        decision.milliUnits = granted;
        bool inFull = granted == asked.milliUnits;
        decision.amount = inFull ? asked.amount : uint64(uint256(asked.amount) * granted / asked.milliUnits);
        return true;
    }

    // ------------------------------------------------------------------ moves

    function _supersede(Submission memory submission, uint8 number, uint8 successor) private {
        if (number == NO_LINE) return;
        LineSlots storage slots = _lines[submission.key][number];
        LineRecord line = slots.record;
        if (LineRecord.unwrap(line) == 0) {
            revert PriorAuthorizationUnknown(submission.provider, submission.requestId, number);
        }
        LineStatus status = line.status();
        if (status == LineStatus.Superseded || status == LineStatus.Cancelled || status == LineStatus.Expired) {
            _revertForbidden(submission.provider, submission.requestId, number, line);
        }
        _end(submission.key, slots, LineStatus.Superseded);
        emit LineSuperseded(submission.provider, submission.requestId, number, successor);
    }

    function _cancel(OrganizationId provider, bytes32 requestId, uint256 lines) private {
        bytes32 request = _keyOf(provider, requestId);
        for (uint256 number = 0; lines != 0; (++number, lines >>= 1)) {
            if (lines & 1 == 0) continue;
            LineSlots storage slots = _lines[request][number];
            LineRecord line = slots.record;
            if (line.status() == LineStatus.Cancelled) continue;
            if (LineRecord.unwrap(line) == 0) revert PriorAuthorizationUnknown(provider, requestId, number);
            if (!line.isPended() && !line.isGrant()) _revertForbidden(provider, requestId, number, line);
            _end(request, slots, LineStatus.Cancelled);
            emit LineCancelled(provider, requestId, uint8(number));
        }
    }

    /// @return Whether that was news.
    function _setMember(
        OrganizationId provider,
        bytes32 requestId,
        RequestRecord storage record,
        Eligibility calldata eligibility
    ) private returns (bool) {
        if (record.memberKey == 0) {
            (record.memberKey, record.period) = (eligibility.memberKey, eligibility.period);
            return true;
        }
        if (record.memberKey != eligibility.memberKey || record.period != eligibility.period) {
            revert PriorAuthorizationOtherMember(provider, requestId);
        }
        return false;
    }

    function _emitSubmitted(Submission memory submission, Request calldata request, uint8 revision) private {
        emit RequestSubmitted(
            submission.provider,
            request.id,
            msg.sender,
            revision,
            request.version,
            request.receivedAt,
            request.expedited,
            submission.shadow,
            request.content
        );
    }

    // ------------------------------------------------------------------ checks

    /// @dev Checks all that the lines share.
    function _begin(
        OrganizationId provider,
        Request calldata request,
        Eligibility calldata eligibility,
        IDocumentAnchor.Document[] calldata documents
    ) private view returns (Submission memory submission) {
        (uint16 inForce, uint32 plan, uint32 receiptWindow, bool shadow) =
            _policy.submissionTermsOf(provider, request.version);
        if (inForce == 0 || inForce != request.version) {
            revert PriorAuthorizationOtherVersion(provider, request.version, inForce);
        }
        _requireReceipt(request.receivedAt, receiptWindow);
        submission.provider = provider;
        submission.requestId = request.id;
        submission.key = _keyOf(provider, request.id);
        submission.version = request.version;
        submission.expedited = request.expedited;
        submission.shadow = shadow;
        submission.receivedAt = request.receivedAt;
        if (_isCovered(provider, eligibility)) {
            _requirePlan(eligibility.plan, plan);
            submission.covered = true;
            submission.member = shadow ? _shadowOf(eligibility.memberKey) : eligibility.memberKey;
            submission.period = eligibility.period;
        }
        submission.documents = _requireDocuments(provider, documents);
    }

    /// @dev Whether the insurer says so, and still does. Another's word reverts.
    function _isCovered(OrganizationId provider, Eligibility calldata eligibility) private view returns (bool) {
        if (eligibility.signature.length == 0 || eligibility.memberKey == 0) return false;
        if (block.timestamp > eligibility.validUntil) return false;
        _requireInsurers(eligibility.key, _registry.requireActive(eligibility.key, MemberRoles.bit(MemberRole.Payer)));
        bytes32 structHash = keccak256(
            abi.encode(
                ELIGIBILITY_TYPEHASH,
                eligibility.memberKey,
                provider,
                eligibility.plan,
                eligibility.period,
                eligibility.validUntil
            )
        );
        _requireSignature(eligibility.key, structHash, eligibility.signature);
        return true;
    }

    /// @dev What a person finds of a line that pends.
    function _pended(uint40 receivedAt, uint40 dueAt, AuthorizationRule memory rule)
        private
        pure
        returns (Deliberation)
    {
        uint16 windowDays = rule.flags.has(RuleFlags.GOLD_CARD_OK) ? rule.goldCardWindowDays : 0;
        uint256 marks = (rule.flags.has(RuleFlags.SECOND_OPINION) ? Marks.SECOND_OPINION : 0)
            | (rule.flags.has(RuleFlags.APPROVE_OVERDUE) ? Marks.APPROVE_OVERDUE : 0);
        return Deliberations.pended(receivedAt, dueAt, _limitOf(rule), windowDays, marks);
    }

    /// @return Why a line is not judged by its rule; `None` if it is.
    function _beforeRule(Submission memory submission, AuthorizationRule memory rule) private pure returns (Basis) {
        if (!submission.covered) return Basis.CoverageUnverified;
        uint256 day = submission.receivedAt / 1 days;
        if (rule.coverage == Coverage.Unset || day < rule.firstDay || day > rule.lastDay) return Basis.NoRule;
        return rule.flags.has(RuleFlags.AUTHORIZATION_NEEDED) ? Basis.None : Basis.NotRequired;
    }

    /// @return What stands against the service at all; `None` if nothing does.
    function _byCoverage(Submission memory submission, Line calldata asked, AuthorizationRule memory rule)
        private
        pure
        returns (Basis)
    {
        if (rule.coverage == Coverage.NotCovered) {
            return rule.flags.has(RuleFlags.DENY_NOT_COVERED) ? Basis.ContractExclusion : Basis.NotCovered;
        }
        if (rule.coverage == Coverage.Conditional) return Basis.ConditionalCoverage;
        if (rule.requiredDocuments & ~submission.documents != 0) return Basis.DocumentsMissing;
        if (rule.flags.has(RuleFlags.NO_AUTO)) return Basis.ReviewRequired;
        if (rule.flags.has(RuleFlags.EXPEDITED_ONLY) && !submission.expedited) return Basis.ExpeditedOnly;
        return asked.serviceDay < submission.receivedAt / 1 days ? Basis.Retrospective : Basis.None;
    }

    /// @return What stands against the quantity or the amount; `None` if nothing does.
    function _byQuantity(Line calldata asked, AuthorizationRule memory rule) private pure returns (Basis) {
        if (asked.unitCode != rule.unitCode) return Basis.UnitMismatch;
        if (asked.amount == UNKNOWN_AMOUNT) return Basis.AmountUnknown;
        bool overPrice = uint256(asked.amount) * Units.MILLI > uint256(rule.maxUnitPrice) * asked.milliUnits;
        if (overPrice || asked.amount > rule.maxAmount) return Basis.AmountOverLimit;
        return asked.milliUnits > rule.maxMilliUnitsPerRequest ? Basis.UnitsOverRequestLimit : Basis.None;
    }

    function _requireLine(Submission memory submission, uint8 number, Line calldata asked) private pure {
        if (asked.milliUnits == 0) revert PriorAuthorizationNoUnits(submission.requestId, number);
        uint256 latest = submission.receivedAt / 1 days + PLANNED_DAYS;
        if (asked.serviceDay > latest) {
            revert PriorAuthorizationServiceTooFar(submission.requestId, number, asked.serviceDay, latest);
        }
    }

    function _requirePlan(uint32 plan, uint32 expected) private pure {
        if (plan != expected) revert PriorAuthorizationOtherPlan(plan, expected);
    }
}
