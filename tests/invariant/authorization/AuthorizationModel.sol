// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CommonBase} from "forge-std/Base.sol";
import {Vm} from "forge-std/Vm.sol";

import {DocumentAnchor} from "../../../contracts/anchoring/DocumentAnchor.sol";
import {
    AuthorizationRule,
    BenefitClass,
    BenefitRule,
    ClaimRule,
    Coverage,
    RuleFlags
} from "../../../contracts/authorization/BenefitRule.sol";
import {ClaimStatus, Finding} from "../../../contracts/authorization/ClaimRecord.sol";
import {ClaimSettlement} from "../../../contracts/authorization/ClaimSettlement.sol";
import {IAuthorizationRecords} from "../../../contracts/authorization/IAuthorizationRecords.sol";
import {IClaimSettlement} from "../../../contracts/authorization/IClaimSettlement.sol";
import {IInsurerVault} from "../../../contracts/authorization/IInsurerVault.sol";
import {InsurerVault} from "../../../contracts/authorization/InsurerVault.sol";
import {PriorAuthorization} from "../../../contracts/authorization/PriorAuthorization.sol";
import {UnitLedger} from "../../../contracts/authorization/UnitLedger.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {StableToken} from "../../../contracts/testing/TestTokens.sol";

import {UNRULED, ruleIn} from "./AuthorizationFixture.sol";

/// @notice What a call broke; each belongs to one invariant.
enum Broken {
    Outcome,
    Decision,
    Sequence,
    Denial,
    Limit,
    Draw,
    Shadow,
    Sum,
    Payment,
    Twice
}

/// @notice Whom the handler lets act, and on what.
struct Stage {
    PriorAuthorization authorizations;
    ClaimSettlement settlement;
    InsurerVault vault;
    UnitLedger units;
    DocumentAnchor anchors;
    StableToken token;
    address intake;
    address desk;
    uint16[3] versions; // the plan's two, and the shadow's
    uint40[2] laterFrom; // when the plan's second is in force, by provider
    OrganizationId[2] providers;
    address[2] keys; // theirs
    address insurerKey;
    uint256 insurerSecret;
    address[4] reviewerKeys; // the last is nobody's
    uint256[4] reviewerSecrets;
    address administrator;
    address guardian;
    address treasurer;
    address stranger;
}

/// @notice A second account of an insurer's authorizations and claims: what the events tell, in their order, and what
/// the rules in prose say of each. It shares no code with the contracts.
abstract contract AuthorizationModel is CommonBase, IAuthorizationRecords {
    /// @dev A line, as decisions and what happened since tell.
    struct Entry {
        uint8 provider;
        uint8 number;
        bool extended;
        bool overdue;
        bool approvesOverdue;
        bool needsTwo;
        bool cards; // reviews of it count for gold cards
        uint16 opinionSequence;
        uint40 receivedAt;
        uint40 dueAt;
        bytes12 opinion;
        bytes12 reviewer;
        bytes32 request;
        bytes32 opinionContent;
        bytes32 content; // what the reviewer who decided last signed
        LineState state;
        uint256 granted; // milli-units, ever
        uint256 grantedAmount; // ever
        bool anyAmount; // granted at some time
        uint256 drawn; // milli-units, less what was put back
        uint256 drawnAmount;
    }

    struct RequestEntry {
        uint8 provider;
        uint8 lines;
        uint8 revision;
        bool expedited;
        uint8 member; // counted from one; zero while nobody's
        bytes32 id;
        bytes32 content;
    }

    struct ClaimEntry {
        uint8 provider;
        ClaimStatus status;
        Finding finding;
        IClaimSettlement.Claim claim;
        IClaimSettlement.ClaimLine line;
        uint64 paid;
        uint64 deductible;
        uint64 outOfPocket;
        uint256 drawn; // milli-units
        uint256 drawnAmount;
        uint256 payments; // how often it was adjudicated to be paid
        uint256 credits; // how often it was credited
        uint256 credited;
        uint256 debits;
    }

    struct Count {
        uint256 reserved;
        uint256 used;
    }

    /// @dev Who reviewed how many, and approved in full.
    struct Reviews {
        uint32 all;
        uint32 inFull;
    }

    /// @dev What is being submitted, which the events do not tell in full.
    struct Submitted {
        uint16 version;
        bool covered;
        uint8 member; // counted from one
        uint40 receivedAt;
    }

    uint256 public constant MEMBERS = 2;
    uint64 internal constant UNKNOWN_AMOUNT = type(uint64).max;
    uint16 internal constant WINDOW_DAYS = 7;

    Stage internal stage;

    Entry[] internal entries;
    mapping(bytes32 key => uint256 countedFromOne) internal entryOf;
    RequestEntry[] internal requests;
    mapping(bytes32 key => uint256 countedFromOne) internal requestEntryOf;
    ClaimEntry[] internal claimed;
    mapping(bytes32 key => uint256 countedFromOne) internal claimEntryOf;
    mapping(bytes16 member => mapping(uint16 period => mapping(uint16 benefitClass => Count))) internal counts;
    mapping(uint256 provider => mapping(uint16 benefitClass => mapping(uint256 window => Reviews))) internal reviews;
    mapping(uint256 provider => uint256) public paidOut;
    mapping(uint256 provider => uint256) public prepaymentsUsed;

    // The call under way.
    Submitted internal submitted;
    Line[] internal asked; // by the number of the line, from `askedFrom` on
    uint256 internal askedFrom;
    bytes12 internal reviewing; // the person whose valid signature is sent
    bytes32 internal signedContent;
    IClaimSettlement.Claim internal claiming;
    uint256 private _drawnUnits;
    uint256 private _drawnAmount;
    bool private _drew;

    uint256 public calls;
    uint256 public accepted;
    mapping(string what => uint256 times) public reached;
    mapping(Broken rule => string first) private _breaches;

    // ------------------------------------------------------------------ reads

    function breach(Broken rule) external view returns (string memory) {
        return _breaches[rule];
    }

    function lineCount() external view returns (uint256) {
        return entries.length;
    }

    function lineAt(uint256 index) external view returns (Entry memory) {
        return entries[index];
    }

    function claimCount() external view returns (uint256) {
        return claimed.length;
    }

    function claimAt(uint256 index) external view returns (ClaimEntry memory) {
        return claimed[index];
    }

    function claimKey(uint256 index) external view returns (bytes32) {
        ClaimEntry storage one = claimed[index];
        return _claimKey(one.provider, one.line);
    }

    /// @return count By the events.
    function countOf(bytes16 member, uint16 period, uint16 benefitClass) external view returns (Count memory count) {
        return counts[member][period][benefitClass];
    }

    /// @return count What the lines add up to.
    function sumOf(bytes16 member, uint16 period, uint16 benefitClass) external view returns (Count memory count) {
        for (uint256 i = 0; i < entries.length; ++i) {
            Entry storage line = entries[i];
            if (BenefitClass.unwrap(line.state.benefitClass) != benefitClass) continue;
            if (line.state.period != period || _countedFor(line.state) != member) continue;
            if (_isGrant(line.state.status)) count.reserved += line.state.milliUnits;
            count.used += line.drawn;
        }
    }

    /// @return lines That may still be decided or drawn on.
    function underWay() external view returns (uint256 lines) {
        for (uint256 i = 0; i < entries.length; ++i) {
            LineStatus status = entries[i].state.status;
            bool waits = _isPended(status) || entries[i].state.appeal == AppealStatus.Open;
            if (waits || _isGrant(status)) ++lines;
        }
    }

    /// @return earned What of the claims credited to a provider stands.
    function earnedBy(uint256 provider) external view returns (uint256 earned) {
        for (uint256 i = 0; i < claimed.length; ++i) {
            if (claimed[i].provider != provider || claimed[i].status == ClaimStatus.Reversed) continue;
            earned += claimed[i].credited;
        }
    }

    function sharesOf(uint256 member) external view returns (uint256 deductible, uint256 outOfPocket) {
        for (uint256 i = 0; i < claimed.length; ++i) {
            ClaimEntry storage one = claimed[i];
            if (!_isPaid(one.status)) continue;
            uint256 index = entryOf[_lineKey(one.provider, one.line.requestId, one.line.line)];
            if (index == 0 || entries[index - 1].state.memberKey != memberKey(member)) continue;
            deductible += one.deductible;
            outOfPocket += one.outOfPocket;
        }
    }

    function memberKey(uint256 member) public pure returns (bytes16) {
        return bytes16(keccak256(abi.encode("member", member)));
    }

    function periodOf(uint256 member) public pure returns (uint16) {
        return uint16(2026 + member % 2);
    }

    function shadowOf(bytes16 member) public pure returns (bytes16) {
        return bytes16(keccak256(abi.encode(keccak256("careledger.authorization.shadow.v1"), member)));
    }

    // ------------------------------------------------------------------ events

    /// @dev Takes what a call told, one event after the other.
    function _take(Vm.Log[] memory logs) internal {
        (_drawnUnits, _drawnAmount, _drew) = (0, 0, false);
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter == address(stage.authorizations)) _takeOfLine(logs[i]);
            else if (logs[i].emitter == address(stage.settlement)) _takeOfClaim(logs[i]);
            else if (logs[i].emitter == address(stage.vault)) _takeOfMoney(logs[i]);
        }
        if (_drew) _break(Broken.Draw, "drawn, or put back, without a claim");
    }

    function _takeOfLine(Vm.Log memory log) private {
        bytes32 what = log.topics[0];
        if (what == LineDecided.selector) {
            (uint8 number, Decision memory decision) = abi.decode(log.data, (uint8, Decision));
            _takeDecision(_providerOf(log), log.topics[2], number, decision);
            return;
        }
        if (what == RequestSubmitted.selector || what == CoverageVerified.selector) return;
        if (what == SettlementChanged.selector || log.topics.length < 3) return;
        uint8 line = abi.decode(log.data, (uint8));
        Entry storage entry = _entry(_providerOf(log), log.topics[2], line);
        if (what == GrantChanged.selector) _takeGrant(entry, log.data);
        else if (what == AppealDecided.selector) _takeAppeal(entry, log.data);
        else _takeMove(entry, what, log.data);
    }

    function _takeMove(Entry storage entry, bytes32 what, bytes memory data) private {
        if (what == LineCancelled.selector) {
            _end(entry, LineStatus.Cancelled);
        } else if (what == LineSuperseded.selector) {
            _end(entry, LineStatus.Superseded);
        } else if (what == GrantExpired.selector) {
            (, uint40 left) = abi.decode(data, (uint8, uint40));
            if (left != entry.state.milliUnits) _break(Broken.Decision, "expired with other units");
            _end(entry, LineStatus.Expired);
        } else if (what == InformationRequested.selector) {
            entry.state.status = LineStatus.InformationRequested;
        } else if (what == InformationSupplied.selector) {
            entry.state.status = LineStatus.Pended;
        } else if (what == DeadlineExtended.selector) {
            (entry.extended, entry.dueAt) = (true, entry.receivedAt + 14 days);
        } else if (what == LineOverdue.selector) {
            entry.overdue = true;
        } else if (what == OpinionGiven.selector) {
            (entry.opinion, entry.opinionSequence) = (reviewing, entry.state.sequence);
            entry.opinionContent = signedContent;
            ++reached["first opinion"];
        } else if (what == LineAppealed.selector) {
            (,, uint40 receivedAt, uint40 dueAt,) = abi.decode(data, (uint8, bool, uint40, uint40, bytes32));
            entry.state.appeal = AppealStatus.Open;
            (entry.receivedAt, entry.dueAt) = (receivedAt, dueAt);
            (entry.extended, entry.overdue, entry.approvesOverdue, entry.needsTwo) = (false, false, false, false);
        }
    }

    function _takeAppeal(Entry storage entry, bytes memory data) private {
        (, AppealStatus outcome,,, bytes12 reviewer,) =
            abi.decode(data, (uint8, AppealStatus, uint16, address, bytes12, bytes32));
        if (entry.state.appeal != AppealStatus.Open) _break(Broken.Decision, "an appeal that was not open");
        if (reviewer == 0 || reviewer == entry.reviewer) _break(Broken.Decision, "an appeal decided by the same");
        entry.state.appeal = outcome;
        if (outcome != AppealStatus.Upheld) {
            ++reached["overturned"];
            if (_isGrant(entry.state.status)) ++reached["overturned on a grant"];
            if (entry.state.status == LineStatus.Exhausted) ++reached["overturned when used up"];
            return;
        }
        ++reached["upheld"];
        ++entry.state.sequence;
        (entry.reviewer, entry.content) = (reviewing, signedContent);
    }

    /// @dev A draw, or what was put back.
    function _takeGrant(Entry storage entry, bytes memory data) private {
        (, uint40 left, uint64 amount) = abi.decode(data, (uint8, uint40, uint64));
        LineState storage state = entry.state;
        bool known = state.amount != UNKNOWN_AMOUNT;
        if (state.shadow) _break(Broken.Shadow, "drawn on a shadow");
        _drew = true;
        Count storage count = counts[state.memberKey][state.period][BenefitClass.unwrap(state.benefitClass)];
        if (left < state.milliUnits) {
            if (!_isGrant(state.status)) _break(Broken.Draw, "drawn on no grant");
            _drawnUnits = state.milliUnits - left;
            _drawnAmount = known ? _less(state.amount, amount) : 0;
            (count.reserved, count.used) = (_less(count.reserved, _drawnUnits), count.used + _drawnUnits);
            entry.drawn += _drawnUnits;
            entry.drawnAmount += _drawnAmount;
            if (left == 0) state.status = LineStatus.Exhausted;
            ++reached[left == 0 ? "exhausted" : "drawn in part"];
        } else {
            _drawnUnits = left - state.milliUnits;
            _drawnAmount = known ? _less(amount, state.amount) : 0;
            (count.reserved, count.used) = (count.reserved + _drawnUnits, _less(count.used, _drawnUnits));
            entry.drawn = _less(entry.drawn, _drawnUnits);
            entry.drawnAmount = _less(entry.drawnAmount, _drawnAmount);
            if (state.status == LineStatus.Exhausted) {
                state.status = _statusOf(state.action);
                ++reached["back from exhausted"];
            }
        }
        (state.milliUnits, state.amount) = (left, amount);
        if (entry.drawn > entry.granted) _break(Broken.Draw, "more units drawn than granted");
        if (!entry.anyAmount && entry.drawnAmount > entry.grantedAmount) {
            _break(Broken.Draw, "more drawn than the amount granted");
        }
    }

    // ------------------------------------------------------------------ decisions

    function _takeDecision(uint8 provider, bytes32 request, uint8 number, Decision memory decision) private {
        bytes32 key = _lineKey(provider, request, number);
        if (entryOf[key] == 0) {
            _takeNew(provider, request, number, decision);
            return;
        }
        Entry storage entry = entries[entryOf[key] - 1];
        LineState storage state = entry.state;
        if (decision.sequence != state.sequence + 1) _break(Broken.Sequence, "a decision skipped");
        if (decision.reviewer != reviewing) _break(Broken.Decision, "decided by another than who signed");
        if (decision.reviewer == 0) _checkOverdue(entry, decision);
        else if (_isPended(state.status)) _reachReview(entry, decision.action);
        bool wasGrant = _isGrant(state.status);
        bool wasUsed = state.status == LineStatus.Exhausted;
        if (_isPended(state.status) && decision.reviewer != 0 && entry.cards && !state.shadow) {
            Reviews storage counted =
                reviews[provider][BenefitClass.unwrap(state.benefitClass)][block.timestamp / 1 days / WINDOW_DAYS];
            ++counted.all;
            if (decision.action == Action.ApprovedInFull) ++counted.inFull;
        }
        (state.sequence, state.action) = (decision.sequence, decision.action);
        (state.status, state.decidedAt) = (_statusOf(decision.action), uint40(block.timestamp));
        if (decision.reviewer != 0) (entry.reviewer, entry.content) = (reviewing, signedContent);
        if (decision.action == Action.Denied) return;
        if (decision.benefitClass != state.benefitClass) {
            ++reached["another class"];
            (state.benefitClass, state.validTo) = (decision.benefitClass, decision.validTo);
        }
        uint256 before = wasGrant ? state.milliUnits : 0;
        if (decision.milliUnits <= before) _break(Broken.Decision, "an appeal took units");
        _addGrant(entry, _less(decision.milliUnits, before), decision.amount, wasGrant || wasUsed ? state.amount : 0);
        (state.milliUnits, state.amount) = (decision.milliUnits, decision.amount);
    }

    function _reachReview(Entry storage entry, Action action) private {
        string[6] memory names =
            ["", "reviewed in full", "reviewed in part", "reviewed denied", "", "reviewed modified"];
        ++reached[names[uint256(action)]];
        if (entry.needsTwo && action != Action.ApprovedInFull) {
            bool differs = entry.opinionSequence == entry.state.sequence && entry.opinion != reviewing;
            if (entry.opinion == 0 || !differs) {
                _break(Broken.Decision, "an adverse decision without a second opinion");
            }
            ++reached["second opinion"];
        }
    }

    function _takeNew(uint8 provider, bytes32 request, uint8 number, Decision memory decision) private {
        entries.push();
        Entry storage entry = entries[entries.length - 1];
        entryOf[_lineKey(provider, request, number)] = entries.length;
        Line storage line = asked[number - askedFrom];
        uint16 benefitClass = BenefitClass.unwrap(line.benefitClass);
        AuthorizationRule memory rule = _ruleOf(submitted.version, line.benefitClass).authorization;
        (entry.provider, entry.request, entry.number) = (provider, request, number);
        _fill(entry.state, line, rule);
        if (decision.sequence != 1 || decision.reviewer != 0) _break(Broken.Sequence, "begins with another decision");
        (entry.state.status, entry.state.action) = (_statusOf(decision.action), decision.action);
        (Action action, Basis basis, uint256 milliUnits) = _judged(provider, line, rule, benefitClass);
        if (decision.action != action || decision.basis != basis || decision.milliUnits != milliUnits) {
            _break(Broken.Decision, "the rules say otherwise");
        }
        if (decision.action == Action.Denied) _checkExclusion(rule);
        if (decision.action == Action.Pended) {
            (entry.receivedAt, entry.dueAt) = (submitted.receivedAt, decision.dueAt);
            entry.approvesOverdue = _has(rule.flags, RuleFlags.APPROVE_OVERDUE);
            entry.needsTwo = _has(rule.flags, RuleFlags.SECOND_OPINION);
            entry.cards = _has(rule.flags, RuleFlags.GOLD_CARD_OK);
        }
        if (basis == Basis.GoldCard) ++reached["gold card"];
        if (decision.action == Action.Denied) ++reached["denied by contract"];
        ++reached[_nameOf(decision.action)];
        if (submitted.covered && entry.state.shadow) ++reached["shadow"];
        if (decision.milliUnits == 0) return;
        (entry.state.milliUnits, entry.state.amount) = (decision.milliUnits, decision.amount);
        _addGrant(entry, decision.milliUnits, decision.amount, 0);
    }

    function _fill(LineState storage state, Line storage line, AuthorizationRule memory rule) private {
        state.sequence = 1;
        state.shadow = submitted.version == stage.versions[2];
        if (submitted.member != 0) {
            (state.memberKey, state.period) = (memberKey(submitted.member - 1), periodOf(submitted.member - 1));
        }
        (state.version, state.benefitClass) = (submitted.version, line.benefitClass);
        (state.milliUnits, state.amount) = (line.milliUnits, line.amount);
        uint16 lasts = rule.coverage == Coverage.Unset ? 90 : rule.validityDays;
        (state.validFrom, state.validTo) = (line.serviceDay, line.serviceDay + lasts - 1);
        state.decidedAt = uint40(block.timestamp);
    }

    /// @dev What the rules make of a line, first hit first.
    function _judged(uint256 provider, Line storage line, AuthorizationRule memory rule, uint16 benefitClass)
        private
        view
        returns (Action, Basis, uint256 milliUnits)
    {
        if (!submitted.covered) return (Action.Pended, Basis.CoverageUnverified, 0);
        if (rule.coverage == Coverage.Unset) return (Action.Pended, Basis.NoRule, 0);
        if (!_has(rule.flags, RuleFlags.AUTHORIZATION_NEEDED)) return (Action.NotRequired, Basis.NotRequired, 0);
        uint256 left = _left(rule, benefitClass);
        bool sameUnit = line.unitCode == rule.unitCode;
        if (sameUnit && _hasCard(provider, benefitClass, rule) && left >= line.milliUnits) {
            return (Action.ApprovedInFull, Basis.GoldCard, line.milliUnits);
        }
        if (rule.coverage == Coverage.NotCovered) {
            bool denies = _has(rule.flags, RuleFlags.DENY_NOT_COVERED);
            return denies ? (Action.Denied, Basis.ContractExclusion, 0) : (Action.Pended, Basis.NotCovered, 0);
        }
        if (rule.coverage == Coverage.Conditional) return (Action.Pended, Basis.ConditionalCoverage, 0);
        if (_has(rule.flags, RuleFlags.NO_AUTO)) return (Action.Pended, Basis.ReviewRequired, 0);
        if (line.serviceDay < submitted.receivedAt / 1 days) return (Action.Pended, Basis.Retrospective, 0);
        if (!sameUnit) return (Action.Pended, Basis.UnitMismatch, 0);
        if (line.amount == UNKNOWN_AMOUNT) return (Action.Pended, Basis.AmountUnknown, 0);
        bool dear = uint256(line.amount) * 1_000 > uint256(line.milliUnits) * rule.maxUnitPrice;
        if (dear || line.amount > rule.maxAmount) return (Action.Pended, Basis.AmountOverLimit, 0);
        if (line.milliUnits > rule.maxMilliUnitsPerRequest) return (Action.Pended, Basis.UnitsOverRequestLimit, 0);
        if (left >= line.milliUnits) return (Action.ApprovedInFull, Basis.WithinRules, line.milliUnits);
        bool inPart = left != 0 && _has(rule.flags, RuleFlags.ALLOW_PARTIAL);
        return (inPart ? Action.ApprovedInPart : Action.Pended, Basis.UnitsOverPeriodLimit, inPart ? left : 0);
    }

    function _left(AuthorizationRule memory rule, uint16 benefitClass) private view returns (uint256) {
        bytes16 member = memberKey(submitted.member - 1);
        if (submitted.version == stage.versions[2]) member = shadowOf(member);
        Count storage count = counts[member][periodOf(submitted.member - 1)][benefitClass];
        uint256 taken = count.reserved + count.used;
        return taken < rule.maxMilliUnitsPerPeriod ? rule.maxMilliUnitsPerPeriod - taken : 0;
    }

    /// @dev Whether enough was reviewed in the window before, and approved.
    function _hasCard(uint256 provider, uint16 benefitClass, AuthorizationRule memory rule)
        private
        view
        returns (bool)
    {
        if (!_has(rule.flags, RuleFlags.GOLD_CARD_OK)) return false;
        uint256 window = block.timestamp / 1 days / WINDOW_DAYS;
        Reviews storage counted = reviews[provider][benefitClass][window - 1];
        return counted.all >= rule.goldCardRequests
            && uint256(counted.inFull) * 10_000 >= uint256(counted.all) * rule.goldCardApprovalRate;
    }

    /// @dev Units that a decision grants, over what was left.
    function _addGrant(Entry storage entry, uint256 more, uint64 amount, uint64 before) private {
        LineState storage state = entry.state;
        uint16 benefitClass = BenefitClass.unwrap(state.benefitClass);
        if (state.memberKey == 0) _break(Broken.Decision, "granted to nobody");
        Count storage count = counts[_countedFor(state)][state.period][benefitClass];
        count.reserved += more;
        AuthorizationRule memory rule = _ruleOf(state.version, state.benefitClass).authorization;
        bool limited = rule.coverage != Coverage.Unset;
        if (limited && count.reserved + count.used > rule.maxMilliUnitsPerPeriod) {
            _break(Broken.Limit, "granted beyond the period's limit");
        }
        entry.granted += more;
        if (amount == UNKNOWN_AMOUNT) entry.anyAmount = true;
        else entry.grantedAmount += _less(amount, before);
    }

    function _end(Entry storage entry, LineStatus status) private {
        LineState storage state = entry.state;
        if (_isGrant(state.status)) {
            Count storage count = counts[_countedFor(state)][state.period][BenefitClass.unwrap(state.benefitClass)];
            count.reserved = _less(count.reserved, state.milliUnits);
        }
        state.status = status;
        if (state.appeal == AppealStatus.Open) state.appeal = AppealStatus.None;
        ++reached[
            status == LineStatus.Cancelled ? "cancelled" : status == LineStatus.Expired ? "expired" : "superseded"
        ];
    }

    function _checkExclusion(AuthorizationRule memory rule) private {
        bool excluded = rule.coverage == Coverage.NotCovered && _has(rule.flags, RuleFlags.DENY_NOT_COVERED);
        if (!excluded) _break(Broken.Denial, "denied without a contract's exclusion");
    }

    /// @dev After the first one, time alone decides only by approving.
    function _checkOverdue(Entry storage entry, Decision memory decision) private {
        bool late = _isPended(entry.state.status) && block.timestamp > entry.dueAt && entry.approvesOverdue;
        if (decision.action == Action.Denied) _break(Broken.Denial, "denied by nobody");
        if (!late || decision.action != Action.ApprovedInFull || decision.basis != Basis.Overdue) {
            _break(Broken.Decision, "decided by nobody");
        }
        ++reached["approved overdue"];
    }

    // ------------------------------------------------------------------ claims

    function _takeOfClaim(Vm.Log memory log) private {
        bytes32 what = log.topics[0];
        if (what == IClaimSettlement.ClaimPended.selector) {
            (IClaimSettlement.ClaimLine memory line, Finding finding) =
                abi.decode(log.data, (IClaimSettlement.ClaimLine, Finding));
            ClaimEntry storage entry = _claimEntry(_providerOf(log), log.topics[3], line);
            if (entry.status != ClaimStatus.Unknown) _break(Broken.Twice, "taken in again");
            (entry.status, entry.finding) = (ClaimStatus.InReview, finding);
            ++reached["claim pended"];
        } else if (what == IClaimSettlement.ClaimAdjudicated.selector) {
            _takeAdjudication(log);
        } else if (what == IClaimSettlement.ClaimReversed.selector) {
            _takeReversal(claimed[claimEntryOf[log.topics[2]] - 1]);
        } else if (what == IClaimSettlement.ClaimDuplicate.selector) {
            ++reached["duplicate"];
        }
    }

    function _takeAdjudication(Vm.Log memory log) private {
        (
            IClaimSettlement.ClaimLine memory line,
            ClaimStatus status,
            Finding finding,
            IClaimSettlement.Adjudication memory result,
            bytes12 reviewer
        ) = abi.decode(
            log.data, (IClaimSettlement.ClaimLine, ClaimStatus, Finding, IClaimSettlement.Adjudication, bytes12)
        );
        ClaimEntry storage entry = _claimEntry(_providerOf(log), log.topics[3], line);
        _checkSum(result, line.charge);
        if (reviewer != reviewing) _break(Broken.Payment, "adjudicated by another than who signed");
        if (status == ClaimStatus.Denied) {
            if (reviewer == 0) _checkDenial(entry, finding, result.carc);
            if (result.paid != 0) _break(Broken.Payment, "paid what was denied");
        } else {
            _takePayment(entry, finding, result, reviewer);
        }
        entry.status = status;
        if (reviewer == 0) entry.finding = finding;
        else if (entry.finding != finding) _break(Broken.Decision, "a finding changed");
        if (status != ClaimStatus.Denied) ++reached[reviewer == 0 ? "paid by the rules" : "paid by a person"];
        if (status == ClaimStatus.ApprovedUnfunded || status == ClaimStatus.PartialUnfunded) ++reached["unfunded"];
        if (status == ClaimStatus.Denied) ++reached[reviewer == 0 ? "claim denied" : "claim denied by a person"];
    }

    function _takePayment(
        ClaimEntry storage entry,
        Finding finding,
        IClaimSettlement.Adjudication memory result,
        bytes12 reviewer
    ) private {
        if (++entry.payments != 1) {
            _break(Broken.Twice, "a line paid twice");
        }
        uint256 allowed = uint256(result.paid) + result.deductible + result.coinsurance + result.copay;
        uint256 index = entryOf[_lineKey(entry.provider, entry.line.requestId, entry.line.line)];
        if (index == 0) {
            _break(Broken.Payment, "paid without a request");
            return;
        }
        Entry storage line = entries[index - 1];
        if (line.state.shadow) _break(Broken.Shadow, "paid for a shadow");
        if (reviewer == 0) {
            _checkFastTrack(entry, line, finding, allowed);
        } else if (_drawnUnits > entry.line.milliUnits || _drawnAmount > allowed) {
            _break(Broken.Draw, "a person's decision drew more than was claimed");
        }
        (entry.paid, entry.deductible) = (result.paid, result.deductible);
        entry.outOfPocket = result.deductible + result.coinsurance + result.copay;
        (entry.drawn, entry.drawnAmount) = (_drawnUnits, _drawnAmount);
        (_drawnUnits, _drawnAmount, _drew) = (0, 0, false);
    }

    /// @dev What the rules alone paid drew all of it, from a grant in force; and there was nothing to find.
    function _checkFastTrack(ClaimEntry storage entry, Entry storage line, Finding finding, uint256 allowed) private {
        LineState storage state = line.state;
        uint16 day = entry.line.serviceDay;
        if (!_drew || _drawnUnits != entry.line.milliUnits) _break(Broken.Payment, "paid without an authorization");
        if (state.amount != UNKNOWN_AMOUNT && _drawnAmount != allowed) _break(Broken.Payment, "drawn another amount");
        if (day < state.validFrom || day > state.validTo || day > block.timestamp / 1 days) {
            _break(Broken.Payment, "paid for another day");
        }
        ClaimRule memory rule = _ruleOf(state.version, state.benefitClass).claim;
        if (allowed > rule.fastTrackMaximum) _break(Broken.Payment, "paid over the fast track's maximum");
        if (finding != Finding.None) _break(Broken.Payment, "paid with a finding");
    }

    /// @dev The rules deny only plain claim edits, and only where they hold.
    function _checkDenial(ClaimEntry storage entry, Finding finding, uint16 carc) private {
        uint256 index = entryOf[_lineKey(entry.provider, entry.line.requestId, entry.line.line)];
        bool right = false;
        if (finding == Finding.NoAuthorization) {
            right = carc == 197 && entry.line.requestId == 0;
        } else if (finding == Finding.UnknownAuthorization) {
            right = carc == 15 && (index == 0 || entries[index - 1].state.shadow);
        } else if (finding == Finding.FiledLate && index != 0) {
            LineState storage state = entries[index - 1].state;
            uint256 filingDays = _ruleOf(state.version, state.benefitClass).claim.filingDays;
            right = carc == 29 && block.timestamp / 1 days > entry.line.serviceDay + filingDays;
        }
        if (!right) _break(Broken.Denial, "a claim denied by more than an edit");
    }

    function _takeReversal(ClaimEntry storage entry) private {
        if (!_isPaid(entry.status) || reviewing == 0) {
            _break(Broken.Payment, "reversed what was not paid, or by nobody");
        }
        entry.status = ClaimStatus.Reversed;
        ++reached["claim reversed"];
        if (entry.drawn == 0) {
            if (_drew) _break(Broken.Draw, "put back what was not drawn");
            return;
        }
        Entry storage line = entries[entryOf[_lineKey(entry.provider, entry.line.requestId, entry.line.line)] - 1];
        LineState storage state = line.state;
        if (_drew) {
            if (_drawnUnits != entry.drawn) _break(Broken.Draw, "put back other units than were drawn");
            (_drawnUnits, _drawnAmount, _drew) = (0, 0, false);
        } else if (_isGrant(state.status) || state.status == LineStatus.Exhausted) {
            _break(Broken.Draw, "nothing was put back");
        } else {
            line.drawn = _less(line.drawn, entry.drawn);
            line.drawnAmount = _less(line.drawnAmount, entry.drawnAmount);
            Count storage count = counts[state.memberKey][state.period][BenefitClass.unwrap(state.benefitClass)];
            count.used = _less(count.used, entry.drawn);
            ++reached["put back after the end"];
        }
    }

    function _checkSum(IClaimSettlement.Adjudication memory result, uint64 charge) private {
        uint256 sum = uint256(result.paid) + result.contractual + result.deductible;
        sum += uint256(result.coinsurance) + result.copay + result.denied;
        if (result.charge != charge || sum != charge) _break(Broken.Sum, "a charge that does not add up");
        if ((result.carc == 0) != (result.denied == 0)) _break(Broken.Sum, "denied without a reason, or the reverse");
    }

    // ------------------------------------------------------------------ money

    function _takeOfMoney(Vm.Log memory log) private {
        bytes32 what = log.topics[0];
        if (what == IInsurerVault.ProviderCredited.selector) {
            (uint64 amount,) = abi.decode(log.data, (uint64, uint64));
            _takeCredit(log.topics[1], amount);
        } else if (what == IInsurerVault.ProviderDebited.selector) {
            ClaimEntry storage entry = claimed[claimEntryOf[log.topics[1]] - 1];
            (uint64 fromCredit, uint64 asDebt) = abi.decode(log.data, (uint64, uint64));
            bool right = ++entry.debits == 1 && uint256(fromCredit) + asDebt == entry.credited;
            if (!right) _break(Broken.Twice, "taken back what was not credited");
        } else if (what == IInsurerVault.CreditPaid.selector) {
            paidOut[_indexOf(log.topics[1])] += abi.decode(log.data, (uint64));
        } else if (what == IInsurerVault.PrepaymentUsed.selector) {
            prepaymentsUsed[_indexOf(log.topics[2])] += abi.decode(log.data, (uint64));
            ++reached["prepayment used"];
        }
    }

    /// @dev At once, before the claim's own event is told, or from the queue.
    function _takeCredit(bytes32 key, uint64 amount) private {
        if (claimEntryOf[key] == 0) {
            claimed.push();
            claimEntryOf[key] = claimed.length;
        }
        ClaimEntry storage entry = claimed[claimEntryOf[key] - 1];
        if (++entry.credits != 1) _break(Broken.Twice, "a line credited twice");
        entry.credited = amount;
        if (entry.status != ClaimStatus.ApprovedUnfunded && entry.status != ClaimStatus.PartialUnfunded) return;
        entry.status = entry.status == ClaimStatus.ApprovedUnfunded ? ClaimStatus.Paid : ClaimStatus.Partial;
        ++reached["credited from the queue"];
    }

    // ------------------------------------------------------------------ helpers

    /// @dev A difference of what was never less.
    function _less(uint256 a, uint256 b) private returns (uint256) {
        if (b <= a) return a - b;
        _break(Broken.Draw, "more was taken than there was");
        return 0;
    }

    function _break(Broken rule, string memory what) internal {
        if (bytes(_breaches[rule]).length == 0) _breaches[rule] = what;
    }

    function _entry(uint8 provider, bytes32 request, uint8 line) internal view returns (Entry storage) {
        return entries[entryOf[_lineKey(provider, request, line)] - 1];
    }

    function _claimEntry(uint8 provider, bytes32 key, IClaimSettlement.ClaimLine memory line)
        private
        returns (ClaimEntry storage entry)
    {
        if (key != _claimKey(provider, line)) _break(Broken.Twice, "a claim line under another key");
        if (claimEntryOf[key] == 0) {
            claimed.push();
            claimEntryOf[key] = claimed.length;
        }
        entry = claimed[claimEntryOf[key] - 1];
        if (entry.status == ClaimStatus.Unknown) {
            (entry.provider, entry.line, entry.claim) = (provider, line, claiming);
        }
    }

    function _ruleOf(uint16 version, BenefitClass benefitClass) internal view returns (BenefitRule memory) {
        return ruleIn(BenefitClass.unwrap(benefitClass), version == stage.versions[1]);
    }

    function _providerOf(Vm.Log memory log) private view returns (uint8) {
        return _indexOf(log.topics[1]);
    }

    function _indexOf(bytes32 provider) private view returns (uint8) {
        return bytes12(provider) == OrganizationId.unwrap(stage.providers[0]) ? 0 : 1;
    }

    /// @dev Under whose key the units of a line count.
    function _countedFor(LineState storage state) internal view returns (bytes16) {
        return state.shadow ? shadowOf(state.memberKey) : state.memberKey;
    }

    function _claimKey(uint8 provider, IClaimSettlement.ClaimLine memory line) internal view returns (bytes32) {
        return keccak256(abi.encode(stage.providers[provider], line));
    }

    function _lineKey(uint8 provider, bytes32 request, uint8 line) internal pure returns (bytes32) {
        return keccak256(abi.encode(provider, request, line));
    }

    function _isGrant(LineStatus status) internal pure returns (bool) {
        return status == LineStatus.Approved || status == LineStatus.Partial || status == LineStatus.Modified;
    }

    function _isPended(LineStatus status) internal pure returns (bool) {
        return status == LineStatus.Pended || status == LineStatus.InformationRequested;
    }

    function _isPaid(ClaimStatus status) internal pure returns (bool) {
        return status == ClaimStatus.Paid || status == ClaimStatus.Partial || status == ClaimStatus.ApprovedUnfunded
            || status == ClaimStatus.PartialUnfunded;
    }

    function _has(uint16 flags, uint16 flag) internal pure returns (bool) {
        return flags & flag != 0;
    }

    function _statusOf(Action action) internal pure returns (LineStatus) {
        LineStatus[7] memory statuses = [
            LineStatus.Unknown,
            LineStatus.Approved,
            LineStatus.Partial,
            LineStatus.Denied,
            LineStatus.Pended,
            LineStatus.Modified,
            LineStatus.NotRequired
        ];
        return statuses[uint256(action)];
    }

    function _nameOf(Action action) private pure returns (string memory) {
        if (action == Action.ApprovedInFull) return "approved";
        if (action == Action.ApprovedInPart) return "approved in part";
        if (action == Action.Pended) return "pended";
        return action == Action.NotRequired ? "not required" : "denied";
    }
}
