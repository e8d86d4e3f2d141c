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
import {AuthorizationRule, Coverage} from "./BenefitRule.sol";
import {GoldCards} from "./GoldCards.sol";
import {IAuthorizationRecords} from "./IAuthorizationRecords.sol";
import {ICoveragePolicy} from "./ICoveragePolicy.sol";
import {IReviewPanel} from "./IReviewPanel.sol";
import {IUnitLedger} from "./IUnitLedger.sol";
import {LineRecord, LineSlots} from "./LineRecord.sol";
import {ProviderDocuments} from "./ProviderDocuments.sol";

/// @notice The contracts that prior authorization stands on.
struct Foundations {
    IOrganizationRegistry registry;
    IDocumentAnchor anchors;
    ICoveragePolicy policy;
    IUnitLedger units;
    IReviewPanel panel;
}

/// @title AuthorizationBook
/// @notice What `PriorAuthorization`, its intake and its desk share: all that is kept of requests and lines, and the
/// moves of a line that give or take units. They inherit this and nothing else that stores, so that a part's code finds
/// everything in its place when it runs for the contract.
abstract contract AuthorizationBook is IAuthorizationRecords, Haltable, Replaceable, GoldCards, EIP712 {
    /// @dev One slot.
    struct RequestRecord {
        bytes16 memberKey; // zero while coverage is unverified
        bytes8 content; // the first bytes; only the provider itself could make two alike
        uint16 period;
        uint8 lines;
        uint8 revision;
        bool expedited;
    }

    /// @dev A first opinion, on the decision of that number. One slot.
    struct Opinion {
        bytes12 reviewer;
        uint16 sequence;
        bytes16 content; // the first bytes of the hash of what the reviewer signed
    }

    bytes32 private constant SHADOW_TAG = keccak256("careledger.authorization.shadow.v1");

    uint40 internal constant EXPEDITED_SECONDS = 72 hours;

    /// @dev For which a person's grant holds, where the policy has no rule.
    uint16 internal constant VALIDITY_DAYS_WITHOUT_RULE = 90;

    /// @dev An amount that the provider does not know.
    uint64 internal constant UNKNOWN_AMOUNT = type(uint64).max;

    IOrganizationRegistry internal immutable _registry;
    IDocumentAnchor internal immutable _anchors;
    ICoveragePolicy internal immutable _policy;
    IUnitLedger internal immutable _units;
    IReviewPanel internal immutable _panel;
    OrganizationId internal immutable _insurer;

    // The contract and its parts each write what they have to: what one never writes, another does.
    // slither-disable-start uninitialized-state
    mapping(bytes32 request => RequestRecord record) internal _requests;
    mapping(bytes32 request => mapping(uint256 line => LineSlots)) internal _lines;
    mapping(bytes32 request => mapping(uint256 line => Opinion)) internal _opinions;
    // slither-disable-end uninitialized-state

    address internal _settlement;
    uint64 internal _underWay; // lines that may still change or be drawn on

    constructor(address authority, Foundations memory foundations)
        AccessManaged(authority)
        EIP712("careledger PriorAuthorization", "1")
    {
        _registry = foundations.registry;
        _anchors = foundations.anchors;
        _policy = foundations.policy;
        _units = foundations.units;
        _panel = foundations.panel;
        _insurer = foundations.policy.insurer();
    }

    /// @notice Lines that may still change or be drawn on.
    function workUnderWay() external view override returns (uint256) {
        return _underWay;
    }

    // ------------------------------------------------------------------ moves

    /// @dev Ends a line, and gives back what it has left.
    function _end(bytes32 key, LineSlots storage slots, LineStatus status) internal {
        LineRecord line = slots.record;
        if (line.isUnderWay()) --_underWay;
        LineRecord ended = line.withStatus(status);
        slots.record = line.isAppealed() ? ended.withAppeal(AppealStatus.None) : ended;
        if (line.isGrant()) _release(key, line);
    }

    /// @dev Gives back what a grant has left.
    function _release(bytes32 key, LineRecord line) internal {
        (bytes16 member, uint16 period) = _memberOf(key, line.isShadow());
        _units.release(member, period, line.benefitClass(), line.milliUnits());
    }

    /// @dev The key under which units are counted, and the period. Shadow decisions count under a key of their own.
    function _memberOf(bytes32 key, bool shadow) internal view returns (bytes16 member, uint16 period) {
        RequestRecord storage request = _requests[key];
        (member, period) = (request.memberKey, request.period);
        if (shadow) member = _shadowOf(member);
    }

    function _slotsOf(OrganizationId provider, bytes32 requestId, uint256 number)
        internal
        view
        returns (bytes32 key, LineSlots storage slots)
    {
        key = _keyOf(provider, requestId);
        slots = _lines[key][number];
        if (LineRecord.unwrap(slots.record) == 0) revert PriorAuthorizationUnknown(provider, requestId, number);
    }

    // ------------------------------------------------------------------ checks

    /// @return kinds Bit n: one of kind n is among them.
    function _requireDocuments(OrganizationId provider, IDocumentAnchor.Document[] calldata documents)
        internal
        view
        returns (uint64 kinds)
    {
        for (uint256 index = 0; index < documents.length; ++index) {
            ProviderDocuments.requireInForce(_anchors, provider, msg.sender, documents[index]);
            uint256 kind = ProviderDocuments.kindOf(_anchors, documents[index]);
            if (kind < 64) kinds |= uint64(1 << kind);
        }
    }

    function _requireReceipt(uint40 receivedAt, uint32 receiptWindow) internal view {
        uint40 latest = uint40(block.timestamp);
        uint40 earliest = latest - receiptWindow;
        if (receivedAt < earliest || receivedAt > latest) {
            revert PriorAuthorizationReceiptOutOfRange(receivedAt, earliest, latest);
        }
    }

    function _requireSignature(address key, bytes32 structHash, bytes calldata signature) internal view {
        if (!KeySignature.isValid(key, _hashTypedDataV4(structHash), signature)) {
            revert PriorAuthorizationInvalidSignature(key);
        }
    }

    function _requireInsurers(address key, OrganizationId organization) internal view {
        if (organization != _insurer) revert PriorAuthorizationNotTheInsurers(key, organization);
    }

    // ------------------------------------------------------------------ pure

    function _revertForbidden(OrganizationId provider, bytes32 requestId, uint256 number, LineRecord line)
        internal
        pure
    {
        revert PriorAuthorizationForbiddenTransition(provider, requestId, number, line.status());
    }

    function _shadowOf(bytes16 memberKey) internal pure returns (bytes16) {
        return bytes16(keccak256(abi.encode(SHADOW_TAG, memberKey)));
    }

    function _keyOf(OrganizationId provider, bytes32 requestId) internal pure returns (bytes32) {
        return keccak256(abi.encode(provider, requestId));
    }

    /// @dev Without a rule a person may grant without limit.
    function _limitOf(AuthorizationRule memory rule) internal pure returns (uint40) {
        return rule.coverage == Coverage.Unset ? type(uint40).max : rule.maxMilliUnitsPerPeriod;
    }

    function _lastDay(uint16 firstDay, AuthorizationRule memory rule) internal pure returns (uint16) {
        uint256 days_ = rule.validityDays == 0 ? VALIDITY_DAYS_WITHOUT_RULE : rule.validityDays;
        uint256 last = firstDay + days_ - 1;
        return last > type(uint16).max ? type(uint16).max : uint16(last);
    }

    function _statusOf(Action action) internal pure returns (LineStatus) {
        if (action == Action.ApprovedInFull) return LineStatus.Approved;
        if (action == Action.ApprovedInPart) return LineStatus.Partial;
        if (action == Action.Modified) return LineStatus.Modified;
        if (action == Action.Denied) return LineStatus.Denied;
        if (action == Action.Pended) return LineStatus.Pended;
        if (action == Action.NotRequired) return LineStatus.NotRequired;
        return LineStatus.Unknown;
    }
}
