// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {IOrganizationRegistry} from "./IOrganizationRegistry.sol";
import {KeyRegister} from "./KeyRegister.sol";
import {MembershipHistory} from "./MembershipHistory.sol";
import {OrganizationId, organizationIdOf} from "./OrganizationId.sol";
import {MemberRole, MemberRoles} from "./Roles.sol";

/// @title OrganizationRegistry
/// @notice See {IOrganizationRegistry}. Functions that are `restricted` answer to the suite's `AccessManager`; the
/// others to an organization's controller or keys; none to both.
contract OrganizationRegistry is KeyRegister, AccessManaged, EIP712 {
    using MembershipHistory for Checkpoints.Trace208;
    using MemberRoles for uint32;

    /// @dev What the registry keeps of an organization. The first slot holds all that {requireActive} reads.
    struct OrganizationRecord {
        // slot 0
        uint32 memberRoles; // bit n = MemberRole n
        uint40 licenceExpiry; // Unix seconds
        Standing standing;
        bool frozen;
        uint40 since; // Unix seconds of the last change of this slot
        bytes16 admissionDigest; // of the admission's content: tells a repeated admission from a different one
        // slot 1
        address controller;
        // slot 2
        address pendingController;
        // slot 3
        address recoveryController; // zero: no recovery under way
        uint40 recoveryReadyAt; // Unix seconds; END_OF_TIME while contested
        // slot 4
        bytes32 metadataCommitment;
        // slot 5: earlier contents of slot 0, each under the second from which it held
        Checkpoints.Trace208 history;
    }

    bytes32 private constant KEY_POSSESSION_TYPEHASH =
        keccak256("KeyPossession(bytes12 organization,address key,uint256 deadline)");

    uint256 private constant MAX_NAME_LENGTH = 64;

    /// @dev Bit n stands for ASCII character n.
    uint256 private constant LETTERS_AND_DIGITS = ((1 << 26) - 1) << 0x61 | ((1 << 10) - 1) << 0x30;
    uint256 private constant DOT_AND_HYPHEN = 1 << 0x2e | 1 << 0x2d;

    uint32 private constant MAX_RECOVERY_DELAY = 90 days;

    uint32 private immutable _recoveryDelay; // seconds

    mapping(OrganizationId organization => OrganizationRecord record) private _organizations;
    mapping(bytes32 scheme => mapping(bytes32 value => OrganizationId organization)) private _identifiers;
    mapping(OrganizationId organization => mapping(bytes32 kind => address published)) private _contracts;

    /// @param authority The suite's `AccessManager`.
    /// @param recoveryDelay_ Seconds from the start of a recovery until it can be completed; 1 second to 90 days.
    constructor(address authority, uint32 recoveryDelay_)
        AccessManaged(authority)
        EIP712("careledger OrganizationRegistry", "1")
    {
        if (recoveryDelay_ == 0 || recoveryDelay_ > MAX_RECOVERY_DELAY) {
            revert OrganizationRegistryInvalidRecoveryDelay(recoveryDelay_);
        }
        _recoveryDelay = recoveryDelay_;
    }

    // ------------------------------------------------------------------ the registrar's

    /// @inheritdoc IOrganizationRegistry
    function admit(Admission calldata admission) external restricted returns (OrganizationId) {
        return _admit(admission);
    }

    /// @inheritdoc IOrganizationRegistry
    function admitMany(Admission[] calldata admissions) external restricted {
        for (uint256 i = 0; i < admissions.length; ++i) {
            _admit(admissions[i]);
        }
    }

    /// @inheritdoc IOrganizationRegistry
    function renew(OrganizationId organization, uint40 licenceExpiry, Reason reason) external restricted {
        OrganizationRecord storage record = _knownOrganization(organization);
        _requireReason(reason);
        _requireFutureLicence(licenceExpiry);
        if (record.standing == Standing.Expelled) {
            revert OrganizationRegistryNotInGoodStanding(organization, Standing.Expelled);
        }
        _keepHistory(record);
        record.licenceExpiry = licenceExpiry;
        emit LicenceRenewed(organization, licenceExpiry, reason);
    }

    /// @inheritdoc IOrganizationRegistry
    function addMemberRoles(OrganizationId organization, uint32 memberRoles, Reason reason) external restricted {
        _setMemberRoles(organization, memberRoles, true, reason);
    }

    /// @inheritdoc IOrganizationRegistry
    function removeMemberRoles(OrganizationId organization, uint32 memberRoles, Reason reason) external restricted {
        _setMemberRoles(organization, memberRoles, false, reason);
    }

    /// @inheritdoc IOrganizationRegistry
    function assignIdentifiers(OrganizationId organization, Identifier[] calldata identifiers) external restricted {
        _knownOrganization(organization);
        _assignIdentifiers(organization, identifiers);
    }

    /// @inheritdoc IOrganizationRegistry
    function commitMetadata(OrganizationId organization, bytes32 metadataCommitment, Reason reason)
        external
        restricted
    {
        OrganizationRecord storage record = _knownOrganization(organization);
        _requireReason(reason);
        record.metadataCommitment = metadataCommitment;
        emit MetadataCommitted(organization, metadataCommitment, reason);
    }

    /// @inheritdoc IOrganizationRegistry
    function withdrawIdentifier(OrganizationId organization, Identifier calldata identifier, Reason reason)
        external
        restricted
    {
        _requireReason(reason);
        OrganizationId holder = _identifiers[identifier.scheme][identifier.value];
        if (holder.isZero() || holder != organization) {
            revert OrganizationRegistryIdentifierNotHeld(identifier.scheme, identifier.value, holder);
        }
        _identifiers[identifier.scheme][identifier.value] = OrganizationId.wrap(0);
        emit IdentifierWithdrawn(organization, identifier.scheme, identifier.value, reason);
    }

    /// @inheritdoc IOrganizationRegistry
    function suspend(OrganizationId organization, Reason reason) external restricted {
        _changeStanding(organization, Standing.Active, Standing.Suspended, reason);
        emit OrganizationSuspended(organization, reason);
    }

    /// @inheritdoc IOrganizationRegistry
    function reinstate(OrganizationId organization, Reason reason) external restricted {
        _changeStanding(organization, Standing.Suspended, Standing.Active, reason);
        emit OrganizationReinstated(organization, reason);
    }

    /// @inheritdoc IOrganizationRegistry
    function reportCompromiseAsRegistrar(address key, uint40 since) external restricted {
        Key storage record = _knownKey(key);
        _reportCompromise(key, record, since, record.addedAt);
    }

    /// @inheritdoc IOrganizationRegistry
    function startRecovery(OrganizationId organization, address newController, Reason reason) external restricted {
        OrganizationRecord storage record = _knownOrganization(organization);
        _requireReason(reason);
        _requireNoRecovery(organization, record);
        if (newController == address(0) || newController == record.controller) {
            revert OrganizationRegistryInvalidAccount(organization, newController);
        }
        uint40 readyAt = _now() + _recoveryDelay;
        record.recoveryController = newController;
        record.recoveryReadyAt = readyAt;
        record.pendingController = address(0);
        emit RecoveryStarted(organization, newController, readyAt, reason);
    }

    /// @inheritdoc IOrganizationRegistry
    function cancelRecovery(OrganizationId organization, Reason reason) external restricted {
        OrganizationRecord storage record = _knownOrganization(organization);
        address newController = _recoveryUnderWay(organization, record);
        _requireReason(reason);
        _requireNotFrozen(organization, record);
        _endRecovery(record);
        emit RecoveryCancelled(organization, newController, reason);
    }

    // ------------------------------------------------------------------ the policy administrator's

    /// @inheritdoc IOrganizationRegistry
    function expel(OrganizationId organization, Reason reason) external restricted {
        Standing from = _organizations[organization].standing;
        if (from != Standing.Suspended) from = Standing.Active;
        _changeStanding(organization, from, Standing.Expelled, reason);
        emit OrganizationExpelled(organization, reason);
    }

    // ------------------------------------------------------------------ the admin's

    /// @inheritdoc IOrganizationRegistry
    function settleRecovery(OrganizationId organization, address proposed, address newController, Reason reason)
        external
        restricted
    {
        OrganizationRecord storage record = _knownOrganization(organization);
        if (proposed != _recoveryUnderWay(organization, record)) revert OrganizationRegistryNoRecovery(organization);
        _requireReason(reason);
        if (newController == address(0)) {
            _endRecovery(record);
            emit RecoverySettled(organization, proposed, false, reason);
        } else {
            if (!record.frozen) revert OrganizationRegistryNoRecovery(organization);
            record.recoveryController = newController;
            record.recoveryReadyAt = _now();
            emit RecoverySettled(organization, newController, true, reason);
        }
    }

    // ------------------------------------------------------------------ the guardian's

    /// @inheritdoc IOrganizationRegistry
    function contestRecoveryAsGuardian(OrganizationId organization, address newController) external restricted {
        _contestRecovery(organization, newController);
    }

    // ------------------------------------------------------------------ the controller's

    /// @inheritdoc IOrganizationRegistry
    function addKey(OrganizationId organization, address key, uint256 deadline, bytes calldata signature) external {
        OrganizationRecord storage record = _controlledOrganization(organization);
        _requireNoRecovery(organization, record);
        if (_isActiveKeyOf(key, organization)) return;
        _requireNewKey(organization, key);
        if (block.timestamp > deadline) revert OrganizationRegistrySignatureExpired(deadline, _now());
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(KEY_POSSESSION_TYPEHASH, organization, key, deadline)));
        if (!SignatureChecker.isValidSignatureNow(key, digest, signature)) {
            revert OrganizationRegistryInvalidSignature(organization, key);
        }
        _addKey(organization, key);
    }

    /// @inheritdoc IOrganizationRegistry
    function retireKey(address key) external {
        Key storage record = _knownKey(key);
        OrganizationId organization = record.organization;
        _requireNoRecovery(organization, _controlledOrganization(organization));
        _requireActiveKey(key, record);
        record.retiredAt = _now();
        emit KeyRetired(organization, key);
    }

    /// @inheritdoc IOrganizationRegistry
    function reportCompromise(address key, uint40 since) external {
        Key storage record = _knownKey(key);
        OrganizationRecord storage member = _organizations[record.organization];
        bool upheld = member.frozen && member.recoveryReadyAt != END_OF_TIME;
        if (msg.sender != (upheld ? member.recoveryController : member.controller)) {
            revert OrganizationRegistryNotController(record.organization, msg.sender);
        }
        _reportCompromise(key, record, since, _earliestCutOff(record));
    }

    /// @inheritdoc IOrganizationRegistry
    function transferController(OrganizationId organization, address newController) external {
        OrganizationRecord storage record = _controlledOrganization(organization);
        _requireNoRecovery(organization, record);
        if (newController == record.controller) revert OrganizationRegistryInvalidAccount(organization, newController);
        record.pendingController = newController;
        emit ControllerTransferStarted(organization, msg.sender, newController);
    }

    /// @inheritdoc IOrganizationRegistry
    function acceptController(OrganizationId organization) external {
        OrganizationRecord storage record = _knownOrganization(organization);
        _requireNoRecovery(organization, record);
        if (msg.sender != record.pendingController) {
            revert OrganizationRegistryNotPendingController(organization, msg.sender);
        }
        _setController(organization, record);
    }

    /// @inheritdoc IOrganizationRegistry
    function contestRecovery(OrganizationId organization, address newController) external {
        if (msg.sender != _knownOrganization(organization).controller && !_isActiveKeyOf(msg.sender, organization)) {
            revert OrganizationRegistryMayNotContest(organization, msg.sender);
        }
        _contestRecovery(organization, newController);
    }

    /// @inheritdoc IOrganizationRegistry
    function completeRecovery(OrganizationId organization) external {
        OrganizationRecord storage record = _knownOrganization(organization);
        if (msg.sender != _recoveryUnderWay(organization, record)) {
            revert OrganizationRegistryNotPendingController(organization, msg.sender);
        }
        if (block.timestamp < record.recoveryReadyAt) {
            revert OrganizationRegistryRecoveryNotReady(organization, record.recoveryReadyAt);
        }
        _endRecovery(record);
        emit RecoveryCompleted(organization, msg.sender);
        _setController(organization, record);
    }

    /// @inheritdoc IOrganizationRegistry
    function publishContract(OrganizationId organization, bytes32 kind, address published) external {
        OrganizationRecord storage record = _controlledOrganization(organization);
        _requireNoRecovery(organization, record);
        if (published != address(0)) {
            _requireInForce(organization, _membership(record));
            if (published.code.length == 0) revert OrganizationRegistryNotAContract(published);
        }
        address previous = _contracts[organization][kind];
        _contracts[organization][kind] = published;
        emit ContractPublished(organization, kind, published, previous);
    }

    // ------------------------------------------------------------------ reads

    /// @inheritdoc IOrganizationRegistry
    function requireActive(address key, uint32 anyOf) external view returns (OrganizationId organization) {
        organization = _organizationOfActiveKey(key);
        _requireMembership(organization, anyOf);
    }

    /// @inheritdoc IOrganizationRegistry
    function requireActiveOrganization(OrganizationId organization, uint32 anyOf) external view {
        _knownOrganization(organization);
        _requireMembership(organization, anyOf);
    }

    /// @inheritdoc IOrganizationRegistry
    function requirePayable(OrganizationId organization) external view {
        if (_knownOrganization(organization).frozen) revert OrganizationRegistryFrozen(organization);
    }

    /// @inheritdoc IOrganizationRegistry
    function requireKey(address key) external view returns (OrganizationId organization) {
        organization = _organizationOfActiveKey(key);
        if (_organizations[organization].frozen) revert OrganizationRegistryFrozen(organization);
    }

    /// @inheritdoc IOrganizationRegistry
    function isActive(OrganizationId organization, MemberRole role) external view returns (bool) {
        Membership memory membership = _membership(_organizations[organization]);
        return membership.standing == Standing.Active && !membership.frozen
            && block.timestamp < membership.licenceExpiry && membership.memberRoles.has(role);
    }

    /// @inheritdoc IOrganizationRegistry
    function membershipOf(OrganizationId organization) external view returns (Membership memory) {
        return _membership(_organizations[organization]);
    }

    /// @inheritdoc IOrganizationRegistry
    function membershipAt(OrganizationId organization, uint40 time) external view returns (Membership memory) {
        _requireNotFuture(time);
        OrganizationRecord storage record = _organizations[organization];
        if (time >= record.since) return _membership(record);
        return record.history.inForceAt(time);
    }

    /// @inheritdoc IOrganizationRegistry
    function controllerOf(OrganizationId organization) external view returns (address) {
        return _organizations[organization].controller;
    }

    /// @inheritdoc IOrganizationRegistry
    function pendingControllerOf(OrganizationId organization) external view returns (address) {
        return _organizations[organization].pendingController;
    }

    /// @inheritdoc IOrganizationRegistry
    function recoveryOf(OrganizationId organization) external view returns (Recovery memory) {
        OrganizationRecord storage record = _organizations[organization];
        return Recovery(record.recoveryController, record.recoveryReadyAt, record.recoveryReadyAt == END_OF_TIME);
    }

    /// @inheritdoc IOrganizationRegistry
    function metadataCommitmentOf(OrganizationId organization) external view returns (bytes32) {
        return _organizations[organization].metadataCommitment;
    }

    /// @inheritdoc IOrganizationRegistry
    function organizationByIdentifier(bytes32 scheme, bytes32 value) external view returns (OrganizationId) {
        return _identifiers[scheme][value];
    }

    /// @inheritdoc IOrganizationRegistry
    function contractOf(OrganizationId organization, bytes32 kind) external view returns (address) {
        return _contracts[organization][kind];
    }

    /// @inheritdoc IOrganizationRegistry
    function recoveryDelay() external view returns (uint32) {
        return _recoveryDelay;
    }

    /// @inheritdoc IOrganizationRegistry
    function idOf(string calldata name) external pure returns (OrganizationId) {
        return organizationIdOf(name);
    }

    // ------------------------------------------------------------------ changes

    function _admit(Admission calldata admission) private returns (OrganizationId organization) {
        if (!_isName(bytes(admission.name))) revert OrganizationRegistryInvalidName(admission.name);
        organization = organizationIdOf(admission.name);
        bytes16 digest = bytes16(keccak256(abi.encode(admission)));
        OrganizationRecord storage record = _organizations[organization];
        if (record.standing != Standing.Unknown) {
            if (record.admissionDigest == digest) return organization;
            revert OrganizationRegistryAlreadyAdmitted(organization, admission.name);
        }
        _requireReason(admission.reason);
        _requireMemberRoles(admission.memberRoles);
        _requireFutureLicence(admission.licenceExpiry);
        if (admission.controller == address(0)) {
            revert OrganizationRegistryInvalidAccount(organization, address(0));
        }
        record.memberRoles = admission.memberRoles;
        record.licenceExpiry = admission.licenceExpiry;
        record.standing = Standing.Active;
        record.since = _now();
        record.admissionDigest = digest;
        record.controller = admission.controller;
        record.metadataCommitment = admission.metadataCommitment;
        emit OrganizationAdmitted(
            organization,
            admission.controller,
            admission.name,
            admission.memberRoles,
            admission.licenceExpiry,
            admission.metadataCommitment,
            admission.reason
        );
        _assignIdentifiers(organization, admission.identifiers);
    }

    function _assignIdentifiers(OrganizationId organization, Identifier[] calldata identifiers) private {
        for (uint256 i = 0; i < identifiers.length; ++i) {
            (bytes32 scheme, bytes32 value) = (identifiers[i].scheme, identifiers[i].value);
            if (scheme == 0 || value == 0) revert OrganizationRegistryInvalidIdentifier(scheme, value);
            OrganizationId holder = _identifiers[scheme][value];
            if (holder == organization) continue;
            if (!holder.isZero()) revert OrganizationRegistryIdentifierTaken(scheme, value, holder);
            _identifiers[scheme][value] = organization;
            emit IdentifierAssigned(organization, scheme, value);
        }
    }

    function _setMemberRoles(OrganizationId organization, uint32 memberRoles, bool add, Reason reason) private {
        OrganizationRecord storage record = _knownOrganization(organization);
        _requireReason(reason);
        _requireMemberRoles(memberRoles);
        uint32 result = add ? record.memberRoles | memberRoles : record.memberRoles & ~memberRoles;
        if (result == record.memberRoles) return;
        _keepHistory(record);
        record.memberRoles = result;
        emit MemberRolesChanged(organization, result, reason);
    }

    function _changeStanding(OrganizationId organization, Standing from, Standing to, Reason reason) private {
        OrganizationRecord storage record = _knownOrganization(organization);
        _requireReason(reason);
        if (record.standing != from) {
            revert OrganizationRegistryForbiddenTransition(organization, record.standing, to);
        }
        _keepHistory(record);
        record.standing = to;
    }

    /// @dev Makes the caller the controller; whatever transfer was offered before is void.
    function _setController(OrganizationId organization, OrganizationRecord storage record) private {
        address previous = record.controller;
        record.controller = msg.sender;
        record.pendingController = address(0);
        emit ControllerTransferred(organization, previous, msg.sender);
    }

    function _contestRecovery(OrganizationId organization, address newController) private {
        OrganizationRecord storage record = _knownOrganization(organization);
        if (newController != _recoveryUnderWay(organization, record)) {
            revert OrganizationRegistryNoRecovery(organization);
        }
        _requireNotFrozen(organization, record);
        _keepHistory(record);
        record.frozen = true;
        record.recoveryReadyAt = END_OF_TIME;
        emit RecoveryContested(organization, newController, msg.sender);
    }

    /// @dev Also ends a freeze.
    function _endRecovery(OrganizationRecord storage record) private {
        record.recoveryController = address(0);
        record.recoveryReadyAt = 0;
        if (record.frozen) {
            _keepHistory(record);
            record.frozen = false;
        }
    }

    /// @dev To be called before slot 0 changes: files what held until now. Several changes in a second leave one entry.
    function _keepHistory(OrganizationRecord storage record) private {
        record.history.file(_membership(record));
        record.since = _now();
    }

    // ------------------------------------------------------------------ checks

    function _knownOrganization(OrganizationId organization) private view returns (OrganizationRecord storage record) {
        record = _organizations[organization];
        if (record.standing == Standing.Unknown) revert OrganizationRegistryUnknownOrganization(organization);
    }

    function _controlledOrganization(OrganizationId organization)
        private
        view
        returns (OrganizationRecord storage record)
    {
        record = _knownOrganization(organization);
        if (msg.sender != record.controller) revert OrganizationRegistryNotController(organization, msg.sender);
    }

    function _requireMembership(OrganizationId organization, uint32 anyOf) private view {
        Membership memory membership = _membership(_organizations[organization]);
        _requireInForce(organization, membership);
        if (membership.memberRoles & anyOf == 0) revert OrganizationRegistryMissingMemberRole(organization, anyOf);
    }

    function _requireInForce(OrganizationId organization, Membership memory membership) private view {
        if (membership.standing != Standing.Active) {
            revert OrganizationRegistryNotInGoodStanding(organization, membership.standing);
        }
        if (membership.frozen) revert OrganizationRegistryFrozen(organization);
        if (block.timestamp >= membership.licenceExpiry) {
            revert OrganizationRegistryLicenceExpired(organization, membership.licenceExpiry);
        }
    }

    function _requireNotFrozen(OrganizationId organization, OrganizationRecord storage record) private view {
        if (record.frozen) revert OrganizationRegistryFrozen(organization);
    }

    function _requireNoRecovery(OrganizationId organization, OrganizationRecord storage record) private view {
        if (record.recoveryController != address(0)) {
            revert OrganizationRegistryRecoveryPending(organization, record.recoveryController);
        }
    }

    function _recoveryUnderWay(OrganizationId organization, OrganizationRecord storage record)
        private
        view
        returns (address newController)
    {
        newController = record.recoveryController;
        if (newController == address(0)) revert OrganizationRegistryNoRecovery(organization);
    }

    function _requireFutureLicence(uint40 licenceExpiry) private view {
        if (licenceExpiry <= block.timestamp) revert OrganizationRegistryLicencePast(licenceExpiry, _now());
    }

    function _membership(OrganizationRecord storage record) private view returns (Membership memory) {
        return Membership(record.memberRoles, record.licenceExpiry, record.standing, record.frozen, record.since);
    }

    function _requireReason(Reason reason) private pure {
        if (reason == Reason.Unspecified) revert OrganizationRegistryReasonMissing();
    }

    function _requireMemberRoles(uint32 memberRoles) private pure {
        if (memberRoles == 0 || memberRoles & ~MemberRoles.ALL != 0) {
            revert OrganizationRegistryInvalidMemberRoles(memberRoles);
        }
    }

    /// @dev See {OrganizationRegistryInvalidName}.
    function _isName(bytes calldata name) private pure returns (bool) {
        uint256 length = name.length;
        if (length == 0 || length > MAX_NAME_LENGTH) return false;
        for (uint256 i = 0; i < length; ++i) {
            uint256 allowed = i == 0 || i == length - 1 ? LETTERS_AND_DIGITS : LETTERS_AND_DIGITS | DOT_AND_HYPHEN;
            if (allowed & (1 << uint8(name[i])) == 0) return false;
        }
        return length == 1 || name[0] != "0" || name[1] != "x";
    }
}
