// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDocumentAnchor} from "../anchoring/IDocumentAnchor.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {AuthorizationBook, Foundations} from "./AuthorizationBook.sol";
import {AuthorizationRule, Coverage} from "./BenefitRule.sol";
import {IAuthorizationDesk} from "./IAuthorizationDesk.sol";
import {ICoveragePolicy} from "./ICoveragePolicy.sol";
import {Deliberation, LineRecord, LineRecords, LineSlots, Marks} from "./LineRecord.sol";

/// @title AuthorizationDesk
/// @notice The part of `PriorAuthorization` that persons use, see {IAuthorizationDesk}. Its code runs for that
/// contract, on what is kept there. Called by itself, it knows no request.
contract AuthorizationDesk is IAuthorizationDesk, AuthorizationBook {
    /// @dev Who decides.
    struct Person {
        address key;
        bytes12 reviewer;
        bytes32 content; // the hash of what it signed
    }

    bytes32 private constant REVIEW_TYPEHASH = keccak256(
        "Review(bytes12 provider,bytes32 requestId,uint8 line,uint16 sequence,uint8 action,uint16 benefitClass,"
        "uint40 milliUnits,uint64 amount,uint16 reason,bytes32 rationale)"
    );

    uint40 private constant EXTENDED_SECONDS = 14 days;
    uint40 private constant STANDARD_APPEAL_SECONDS = 30 days;

    constructor(address authority, Foundations memory foundations) AuthorizationBook(authority, foundations) {}

    // ------------------------------------------------------------------ the provider

    /// @inheritdoc IAuthorizationDesk
    function supplyInformation(
        bytes32 requestId,
        uint8 line,
        bytes32 answer,
        IDocumentAnchor.Document[] calldata documents
    ) external {
        OrganizationId provider = _registry.requireKey(msg.sender);
        (, LineSlots storage slots) = _slotsOf(provider, requestId, line);
        LineRecord held = slots.record;
        if (held.status() != LineStatus.InformationRequested) _revertForbidden(provider, requestId, line, held);
        uint64 kinds = _requireDocuments(provider, documents);
        slots.record = held.withStatus(LineStatus.Pended);
        emit InformationSupplied(provider, requestId, line, answer, kinds);
    }

    /// @inheritdoc IAuthorizationDesk
    function appeal(
        bytes32 requestId,
        uint8 line,
        uint16 sequence,
        bool expedited,
        uint40 receivedAt,
        bytes32 statement
    ) external {
        OrganizationId provider = _registry.requireKey(msg.sender);
        (, LineSlots storage slots) = _slotsOf(provider, requestId, line);
        LineRecord held = slots.record;
        if (held.sequence() != sequence) {
            revert PriorAuthorizationOtherDecision(provider, requestId, line, held.sequence());
        }
        if (held.isAppealed()) return;
        _requireAppealable(provider, requestId, line, held, receivedAt);
        if (!held.isUnderWay()) ++_underWay;
        uint40 dueAt = receivedAt + (expedited ? EXPEDITED_SECONDS : STANDARD_APPEAL_SECONDS);
        uint40 limit = _limitOf(_policy.authorizationRuleOf(held.version(), held.benefitClass()));
        slots.record = held.withAppeal(AppealStatus.Open);
        slots.deliberation = slots.deliberation.withoutMarks().withTimes(receivedAt, dueAt).withPeriodLimit(limit);
        emit LineAppealed(provider, requestId, line, expedited, receivedAt, dueAt, statement);
    }

    // ------------------------------------------------------------------ the insurer

    /// @inheritdoc IAuthorizationDesk
    function review(Review calldata review_, address key, bytes calldata signature) external whenRunning {
        bytes32 content = keccak256(abi.encode(REVIEW_TYPEHASH, review_));
        Person memory person = Person(key, _panel.requireReviewer(key), content);
        _requireSignature(key, content, signature);
        (, LineSlots storage slots) = _slotsOf(review_.provider, review_.requestId, review_.line);
        LineRecord held = slots.record;
        if (held.sequence() != review_.sequence) {
            Deliberation deliberation = slots.deliberation;
            bool again = held.sequence() == uint256(review_.sequence) + 1 && deliberation.reviewer() == person.reviewer
                && deliberation.content() == bytes2(content);
            if (again) return;
            revert PriorAuthorizationOtherDecision(review_.provider, review_.requestId, review_.line, held.sequence());
        }
        if (!_isMeant(review_, held)) _revertInvalidGrant(review_);
        if (review_.reason == 0 && review_.action != Action.ApprovedInFull) revert PriorAuthorizationReasonMissing();
        if (held.isAppealed()) _decideAppeal(review_, person, slots);
        else _decidePended(review_, person, slots);
    }

    /// @inheritdoc IAuthorizationDesk
    function requestInformation(OrganizationId provider, bytes32 requestId, uint8 line, bytes32 question)
        external
        whenRunning
    {
        _requireInsurers(msg.sender, _registry.requireKey(msg.sender));
        (, LineSlots storage slots) = _slotsOf(provider, requestId, line);
        LineRecord held = slots.record;
        if (held.status() != LineStatus.Pended) _revertForbidden(provider, requestId, line, held);
        slots.record = held.withStatus(LineStatus.InformationRequested);
        emit InformationRequested(provider, requestId, line, msg.sender, question);
    }

    /// @inheritdoc IAuthorizationDesk
    function extendDeadline(OrganizationId provider, bytes32 requestId, uint8 line, uint16 reason)
        external
        whenRunning
    {
        _requireInsurers(msg.sender, _registry.requireKey(msg.sender));
        (, LineSlots storage slots) = _slotsOf(provider, requestId, line);
        if (!slots.record.isPended()) _revertForbidden(provider, requestId, line, slots.record);
        if (reason == 0) revert PriorAuthorizationReasonMissing();
        Deliberation held = slots.deliberation;
        if (held.isMarked(Marks.EXTENDED) || block.timestamp > held.dueAt()) {
            revert PriorAuthorizationNotExtendable(provider, requestId, line, held.dueAt());
        }
        uint40 dueAt = held.receivedAt() + EXTENDED_SECONDS;
        slots.deliberation = held.withTimes(held.receivedAt(), dueAt).withMark(Marks.EXTENDED);
        emit DeadlineExtended(provider, requestId, line, dueAt, reason);
    }

    // ------------------------------------------------------------------ anyone

    /// @inheritdoc IAuthorizationDesk
    function markOverdue(OrganizationId provider, bytes32 requestId, uint8 line) external whenRunning {
        (bytes32 request, LineSlots storage slots) = _slotsOf(provider, requestId, line);
        (LineRecord held, Deliberation deliberation) = (slots.record, slots.deliberation);
        if (!held.isPended() && !held.isAppealed()) _revertForbidden(provider, requestId, line, held);
        uint40 dueAt = deliberation.dueAt();
        bool marked = deliberation.isMarked(Marks.OVERDUE);
        // The provider states the receipt; from when the line came in, the insurer has as long.
        bool approves = deliberation.isMarked(Marks.APPROVE_OVERDUE) && !held.isAppealed()
            && block.timestamp > uint256(held.decidedAt()) + dueAt - deliberation.receivedAt()
            && _requests[request].memberKey != 0;
        Decision memory decision = _decisionOf(held, Action.ApprovedInFull, Basis.Overdue);
        if (approves && block.timestamp > dueAt) {
            // What does not fit into the period waits for a person, or for units that come free.
            (decision.milliUnits, decision.milliUnitsBefore) =
                _reserve(request, held, held.milliUnits(), deliberation.periodLimit());
        }
        if (block.timestamp <= dueAt || (marked && decision.milliUnits == 0)) {
            revert PriorAuthorizationNotOverdue(provider, requestId, line, dueAt);
        }
        if (!marked) {
            slots.deliberation = deliberation.withMark(Marks.OVERDUE);
            emit LineOverdue(provider, requestId, line, dueAt);
        }
        if (decision.milliUnits == 0) return;
        decision.amount = held.amount();
        slots.record = held.withDecision(LineStatus.Approved, Action.ApprovedInFull);
        emit LineDecided(provider, requestId, line, decision);
    }

    // ------------------------------------------------------------------ decisions

    /// @dev A person's decision of a pended line.
    function _decidePended(Review calldata review_, Person memory person, LineSlots storage slots) private {
        LineRecord held = slots.record;
        if (!held.isPended()) _revertForbidden(review_.provider, review_.requestId, review_.line, held);
        bool inFull = review_.action == Action.ApprovedInFull;
        Deliberation deliberation = slots.deliberation;
        bool needsTwo = !inFull && deliberation.isMarked(Marks.SECOND_OPINION);
        if (needsTwo && _isFirstOpinion(review_, person)) return;
        if (!held.isShadow()) {
            _countReview(review_.provider, held.benefitClass(), deliberation.goldCardWindowDays(), inFull);
        }
        _decideByPerson(review_, person, slots);
    }

    /// @dev A person's decision of an appeal. What is granted is added to what a grant has left, so that claims drawn
    /// meanwhile take nothing twice.
    function _decideAppeal(Review calldata review_, Person memory person, LineSlots storage slots) private {
        LineRecord held = slots.record;
        _requireAnother(person.reviewer, slots.deliberation.reviewer());
        Opinion storage opinion = _opinions[_keyOf(review_.provider, review_.requestId)][review_.line];
        if (uint256(opinion.sequence) + 1 == held.sequence()) _requireAnother(person.reviewer, opinion.reviewer);
        bool upheld = review_.action == Action.Denied;
        AppealStatus outcome = upheld ? AppealStatus.Upheld : AppealStatus.Overturned;
        LineRecord settled = held.withAppeal(outcome);
        slots.record = settled;
        emit AppealDecided(
            review_.provider,
            review_.requestId,
            review_.line,
            outcome,
            review_.reason,
            person.key,
            person.reviewer,
            review_.rationale
        );
        if (upheld) {
            if (!settled.isUnderWay()) --_underWay;
            slots.record = settled.withNextSequence();
            slots.deliberation = slots.deliberation.withReviewer(person.reviewer, bytes2(person.content));
            return;
        }
        _decideByPerson(review_, person, slots);
    }

    /// @dev Writes a person's decision of a line under way, and reserves what it grants.
    function _decideByPerson(Review calldata review_, Person memory person, LineSlots storage slots) private {
        (LineRecord held, Deliberation deliberation) = (slots.record, slots.deliberation);
        Decision memory decision = _decisionOf(held, review_.action, held.isPended() ? Basis.Reviewer : Basis.Appeal);
        decision.reason = review_.reason;
        decision.key = person.key;
        decision.reviewer = person.reviewer;
        decision.commitment = review_.rationale;
        LineStatus status = _statusOf(review_.action);
        if (status == LineStatus.Denied) {
            (decision.validFrom, decision.validTo) = (0, 0);
            --_underWay;
        } else {
            if (review_.benefitClass != held.benefitClass()) {
                // Units of a grant that were drawn stay those of its class.
                if (review_.action != Action.Modified || !_isOpen(held)) _revertInvalidGrant(review_);
                AuthorizationRule memory rule = _policy.authorizationRuleOf(held.version(), review_.benefitClass);
                // Into a class that the version does not know, a person would grant without its limit.
                if (rule.coverage == Coverage.Unset) _revertInvalidGrant(review_);
                deliberation = deliberation.withPeriodLimit(rule.maxMilliUnitsPerPeriod);
                held = held.withClass(review_.benefitClass, _lastDay(held.validFrom(), rule));
                (decision.benefitClass, decision.validTo) = (review_.benefitClass, held.validTo());
            }
            decision.milliUnitsBefore = _reserveAll(review_, held, deliberation.periodLimit());
            (decision.milliUnits, decision.amount) = (review_.milliUnits, review_.amount);
            if (!_isOpen(held)) {
                decision.milliUnits += held.milliUnits();
                decision.amount = _sum(held.amount(), review_.amount);
            }
            held = held.withGrant(decision.milliUnits, decision.amount);
        }
        slots.record = held.withDecision(status, review_.action);
        slots.deliberation = deliberation.withReviewer(person.reviewer, bytes2(person.content));
        emit LineDecided(review_.provider, review_.requestId, review_.line, decision);
    }

    /// @dev Whether this is the first of two opinions, which is kept, also if it is sent again; the second one decides.
    function _isFirstOpinion(Review calldata review_, Person memory person) private returns (bool) {
        Opinion storage opinion = _opinions[_keyOf(review_.provider, review_.requestId)][review_.line];
        if (opinion.sequence == review_.sequence) {
            if (opinion.reviewer != person.reviewer) return false;
            if (opinion.content == bytes16(person.content)) return true;
            revert PriorAuthorizationSameReviewer(person.reviewer);
        }
        (opinion.reviewer, opinion.sequence, opinion.content) =
        (person.reviewer, review_.sequence, bytes16(person.content));
        emit OpinionGiven(
            review_.provider,
            review_.requestId,
            review_.line,
            review_.action,
            review_.reason,
            person.key,
            person.reviewer,
            review_.rationale
        );
        return true;
    }

    /// @dev Reserves what a person grants.
    /// @return taken What the member had before.
    function _reserveAll(Review calldata review_, LineRecord line, uint40 limit) private returns (uint48 taken) {
        uint40 granted = 0;
        (granted, taken) = _reserve(_keyOf(review_.provider, review_.requestId), line, review_.milliUnits, limit);
        if (granted == 0) {
            revert PriorAuthorizationOverPeriodLimit(review_.benefitClass, review_.milliUnits, taken, limit);
        }
    }

    /// @dev Reserves units in full, or none. Nobody's are refused.
    function _reserve(bytes32 request, LineRecord line, uint40 milliUnits, uint40 limit)
        private
        returns (uint40 granted, uint48 taken)
    {
        if (_requests[request].memberKey == 0) revert PriorAuthorizationCoverageUnverified(request);
        (bytes16 member, uint16 period) = _memberOf(request, line.isShadow());
        return _units.reserve(member, period, line.benefitClass(), milliUnits, limit, milliUnits);
    }

    // ------------------------------------------------------------------ checks

    function _requireAppealable(
        OrganizationId provider,
        bytes32 requestId,
        uint8 number,
        LineRecord line,
        uint40 receivedAt
    ) private view {
        LineStatus status = line.status();
        Action action = line.action();
        bool adverse = action == Action.Denied || action == Action.ApprovedInPart || action == Action.Modified;
        bool stands = status == LineStatus.Denied || status == LineStatus.Exhausted || line.isGrant();
        if (!adverse || !stands) _revertForbidden(provider, requestId, number, line);
        ICoveragePolicy.Terms memory terms = _policy.termsOf(line.version());
        _requireReceipt(receivedAt, terms.receiptWindow);
        if (receivedAt < line.decidedAt()) {
            revert PriorAuthorizationReceiptOutOfRange(receivedAt, line.decidedAt(), uint40(block.timestamp));
        }
        uint256 until = line.decidedAt() + uint256(terms.appealDays) * 1 days;
        if (line.appeal() != AppealStatus.None || block.timestamp > until) {
            revert PriorAuthorizationNotAppealable(provider, requestId, number, until);
        }
    }

    function _decisionOf(LineRecord line, Action action, Basis basis) private pure returns (Decision memory decision) {
        decision.sequence = line.sequence() + 1;
        decision.action = action;
        decision.basis = basis;
        decision.benefitClass = line.benefitClass();
        decision.version = line.version();
        decision.milliUnitsRequested = line.milliUnits();
        decision.amountRequested = line.amount();
        decision.validFrom = line.validFrom();
        decision.validTo = line.validTo();
    }

    /// @dev Whether a review grants what its action means. Of a grant that is appealed it is not known any more what
    /// was asked for: anything is added.
    function _isMeant(Review calldata review_, LineRecord line) private pure returns (bool) {
        (Action action, uint40 milliUnits, uint64 amount) = (review_.action, review_.milliUnits, review_.amount);
        if (action == Action.Denied) return milliUnits == 0 && amount == 0;
        if (!LineRecords.isAGrant(_statusOf(action)) || milliUnits == 0) return false;
        (uint40 held, uint64 heldAmount) = (line.milliUnits(), line.amount());
        if (action == Action.Modified || !_isOpen(line)) return true;
        // Of an amount that was not known, any is all.
        bool all = milliUnits == held && (amount == heldAmount || heldAmount == UNKNOWN_AMOUNT);
        return milliUnits <= held && amount <= heldAmount && all == (action == Action.ApprovedInFull);
    }

    /// @dev Whether the line keeps what was asked for, as nothing was granted.
    function _isOpen(LineRecord line) private pure returns (bool) {
        return line.isPended() || line.status() == LineStatus.Denied;
    }

    /// @dev Two amounts; with one that is not known, or too large to tell, it is not known.
    function _sum(uint64 a, uint64 b) private pure returns (uint64) {
        uint256 sum = uint256(a) + b;
        return sum > UNKNOWN_AMOUNT ? UNKNOWN_AMOUNT : uint64(sum);
    }

    function _requireAnother(bytes12 reviewer, bytes12 other) private pure {
        if (reviewer == other) revert PriorAuthorizationSameReviewer(reviewer);
    }

    function _revertInvalidGrant(Review calldata review_) private pure {
        revert PriorAuthorizationInvalidGrant(review_.action, review_.benefitClass, review_.milliUnits, review_.amount);
    }
}
