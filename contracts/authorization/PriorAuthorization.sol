// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IDocumentAnchor} from "../anchoring/IDocumentAnchor.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {AuthorizationBook, Foundations} from "./AuthorizationBook.sol";
import {BenefitClass} from "./BenefitRule.sol";
import {IAuthorizationDesk} from "./IAuthorizationDesk.sol";
import {IAuthorizationIntake} from "./IAuthorizationIntake.sol";
import {IPriorAuthorization} from "./IPriorAuthorization.sol";
import {Deliberation, LineRecord, LineSlots, Marks} from "./LineRecord.sol";

/// @title PriorAuthorization
/// @notice An insurer's prior authorizations, see {IPriorAuthorization}. It keeps them, and has two parts with code for
/// it, fixed when it is deployed: the intake, where the rules decide, and the desk, where persons do. One contract has
/// not room for all.
contract PriorAuthorization is IPriorAuthorization, AuthorizationBook {
    IAuthorizationIntake private immutable _intake;
    IAuthorizationDesk private immutable _desk;

    /// @param foundations The same that intake and desk have.
    constructor(address authority, Foundations memory foundations, IAuthorizationIntake intake, IAuthorizationDesk desk)
        AuthorizationBook(authority, foundations)
    {
        _intake = intake;
        _desk = desk;
    }

    // ------------------------------------------------------------------ at the intake

    /// @inheritdoc IAuthorizationIntake
    function submit(Request calldata, Eligibility calldata, Line[] calldata, IDocumentAnchor.Document[] calldata)
        external
    {
        _runAt(address(_intake));
    }

    /// @inheritdoc IAuthorizationIntake
    function update(
        Request calldata,
        uint8,
        Eligibility calldata,
        Change[] calldata,
        uint256,
        IDocumentAnchor.Document[] calldata
    ) external {
        _runAt(address(_intake));
    }

    /// @inheritdoc IAuthorizationIntake
    function cancel(bytes32, uint256) external {
        _runAt(address(_intake));
    }

    /// @inheritdoc IAuthorizationIntake
    function verifyCoverage(OrganizationId, bytes32, Eligibility calldata) external {
        _runAt(address(_intake));
    }

    // ------------------------------------------------------------------ at the desk

    /// @inheritdoc IAuthorizationDesk
    function supplyInformation(bytes32, uint8, bytes32, IDocumentAnchor.Document[] calldata) external {
        _runAt(address(_desk));
    }

    /// @inheritdoc IAuthorizationDesk
    function appeal(bytes32, uint8, uint16, bool, uint40, bytes32) external {
        _runAt(address(_desk));
    }

    /// @inheritdoc IAuthorizationDesk
    function review(Review calldata, address, bytes calldata) external {
        _runAt(address(_desk));
    }

    /// @inheritdoc IAuthorizationDesk
    function requestInformation(OrganizationId, bytes32, uint8, bytes32) external {
        _runAt(address(_desk));
    }

    /// @inheritdoc IAuthorizationDesk
    function extendDeadline(OrganizationId, bytes32, uint8, uint16) external {
        _runAt(address(_desk));
    }

    /// @inheritdoc IAuthorizationDesk
    function markOverdue(OrganizationId, bytes32, uint8) external {
        _runAt(address(_desk));
    }

    // ------------------------------------------------------------------ anyone

    /// @inheritdoc IPriorAuthorization
    function expire(OrganizationId provider, bytes32 requestId, uint8 line) external {
        (bytes32 request, LineSlots storage slots) = _slotsOf(provider, requestId, line);
        LineRecord held = slots.record;
        if (!held.isGrant() || held.isAppealed()) _revertForbidden(provider, requestId, line, held);
        uint256 lastFilingDay =
            uint256(held.validTo()) + _policy.claimRuleOf(held.version(), held.benefitClass()).filingDays;
        if (block.timestamp / 1 days <= lastFilingDay) {
            revert PriorAuthorizationNotExpired(provider, requestId, line, lastFilingDay);
        }
        _end(request, slots, LineStatus.Expired);
        emit GrantExpired(provider, requestId, line, held.milliUnits());
    }

    // ------------------------------------------------------------------ the settlement

    /// @inheritdoc IPriorAuthorization
    function draw(
        OrganizationId provider,
        bytes32 requestId,
        uint8 line,
        uint16 serviceDay,
        uint40 milliUnits,
        uint64 amount
    ) external {
        _requireSettlement();
        bytes32 request = _keyOf(provider, requestId);
        LineSlots storage slots = _lines[request][line];
        LineRecord held = slots.record;
        if (
            !held.isGrant() || held.isShadow() || serviceDay < held.validFrom() || serviceDay > held.validTo()
                || milliUnits > held.milliUnits() || amount > held.amount()
        ) {
            revert PriorAuthorizationNotDrawable(provider, requestId, line, milliUnits, amount, serviceDay);
        }
        uint40 left = held.milliUnits() - milliUnits;
        uint64 amountLeft = held.amount() == UNKNOWN_AMOUNT ? UNKNOWN_AMOUNT : held.amount() - amount;
        LineRecord drawn = held.withGrant(left, amountLeft);
        if (left == 0) {
            drawn = drawn.withStatus(LineStatus.Exhausted);
            if (!held.isAppealed()) --_underWay;
        }
        slots.record = drawn;
        emit GrantChanged(provider, requestId, line, left, amountLeft);
        (bytes16 member, uint16 period) = _memberOf(request, false);
        _units.consume(member, period, held.benefitClass(), milliUnits);
    }

    /// @inheritdoc IPriorAuthorization
    function putBack(OrganizationId provider, bytes32 requestId, uint8 line, uint40 milliUnits, uint64 amount)
        external
    {
        _requireSettlement();
        (bytes32 request, LineSlots storage slots) = _slotsOf(provider, requestId, line);
        LineRecord held = slots.record;
        (bytes16 member, uint16 period) = _memberOf(request, false);
        _units.restore(member, period, held.benefitClass(), milliUnits);
        bool exhausted = held.status() == LineStatus.Exhausted;
        if (!held.isGrant() && !exhausted) return _units.release(member, period, held.benefitClass(), milliUnits);
        // A refund never fails for an amount: known, it stays so.
        uint64 amountLeft = held.amount() == UNKNOWN_AMOUNT
            ? UNKNOWN_AMOUNT
            : uint64(Math.min(uint256(held.amount()) + amount, UNKNOWN_AMOUNT - 1));
        LineRecord filled = held.withGrant(held.milliUnits() + milliUnits, amountLeft);
        if (exhausted) {
            filled = filled.withStatus(_statusOf(held.action()));
            if (!held.isAppealed()) ++_underWay;
        }
        slots.record = filled;
        emit GrantChanged(provider, requestId, line, filled.milliUnits(), amountLeft);
    }

    // ------------------------------------------------------------------ the insurer's policy administrator

    /// @inheritdoc IPriorAuthorization
    function setSettlement(address settlement_) external restricted {
        emit SettlementChanged(_settlement, settlement_);
        _settlement = settlement_;
    }

    // ------------------------------------------------------------------ reads

    /// @inheritdoc IPriorAuthorization
    function hasGoldCard(OrganizationId provider, uint16 version, BenefitClass benefitClass)
        external
        view
        returns (bool)
    {
        return _hasGoldCard(provider, benefitClass, _policy.authorizationRuleOf(version, benefitClass));
    }

    /// @inheritdoc IPriorAuthorization
    function insurer() external view returns (OrganizationId) {
        return _insurer;
    }

    /// @inheritdoc IPriorAuthorization
    function lineOf(OrganizationId provider, bytes32 requestId, uint8 line)
        external
        view
        returns (LineState memory state)
    {
        bytes32 request = _keyOf(provider, requestId);
        LineRecord held = _lines[request][line].record;
        if (LineRecord.unwrap(held) == 0) return state;
        state.memberKey = _requests[request].memberKey;
        state.period = _requests[request].period;
        state.status = held.status();
        state.appeal = held.appeal();
        state.action = held.action();
        state.sequence = held.sequence();
        state.shadow = held.isShadow();
        state.version = held.version();
        state.benefitClass = held.benefitClass();
        state.milliUnits = held.milliUnits();
        state.amount = held.amount();
        state.validFrom = held.validFrom();
        state.validTo = held.validTo();
        state.decidedAt = held.decidedAt();
    }

    /// @inheritdoc IPriorAuthorization
    function grantOf(OrganizationId provider, bytes32 requestId, uint8 line)
        external
        view
        returns (LineRecord record, bytes16 memberKey, uint16 period)
    {
        bytes32 request = _keyOf(provider, requestId);
        record = _lines[request][line].record;
        if (LineRecord.unwrap(record) != 0) (memberKey, period) = _memberOf(request, false);
    }

    /// @inheritdoc IPriorAuthorization
    function deliberationOf(OrganizationId provider, bytes32 requestId, uint8 line)
        external
        view
        returns (DeliberationState memory state)
    {
        bytes32 request = _keyOf(provider, requestId);
        Deliberation held = _lines[request][line].deliberation;
        state.expedited = _requests[request].expedited;
        state.receivedAt = held.receivedAt();
        state.dueAt = held.dueAt();
        state.extended = held.isMarked(Marks.EXTENDED);
        state.overdue = held.isMarked(Marks.OVERDUE);
        state.reviewer = held.reviewer();
        state.firstOpinion = _opinions[request][line].reviewer;
    }

    /// @inheritdoc IPriorAuthorization
    function requestOf(OrganizationId provider, bytes32 requestId)
        external
        view
        returns (uint8 lines, uint8 revision, bytes8 content)
    {
        RequestRecord storage request = _requests[_keyOf(provider, requestId)];
        return (request.lines, request.revision, request.content);
    }

    /// @inheritdoc IPriorAuthorization
    function settlement() external view returns (address) {
        return _settlement;
    }

    // ------------------------------------------------------------------ parts

    /// @dev Runs the call by a part's code on what is kept here.
    function _runAt(address part) private {
        // slither-disable-next-line unused-return
        Address.functionDelegateCall(part, msg.data);
    }

    function _requireSettlement() private view {
        if (msg.sender != _settlement) revert PriorAuthorizationNotTheSettlement(msg.sender, _settlement);
    }
}
