// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {OrganizationId} from "./OrganizationId.sol";
import {MemberRole} from "./Roles.sol";

/// @title The register of organizations and their keys
/// @notice Answers three questions for every other contract of the suite: who is this organization, may it do this,
/// and was this key valid then?
///
/// Terms:
/// - *Organization*: a hospital, insurer, manufacturer, ... known by an `OrganizationId`, the hash of its name.
/// - *Member role*: what it is licensed to do (`MemberRole`); `memberRoles` is a set of them as bits.
/// - *Standing*: whether the registrar has it active, suspended or expelled.
/// - *Controller*: the account, in practice a contract wallet, that governs the organization's keys.
/// - *Key*: an account that acts for the organization. It belongs to one organization for ever.
/// - *Cut-off*: the time from which a compromised key is not to be believed. It judges the time on chain.
/// - *Active*: in good standing, licence not past, not frozen. Only an active organization starts new things.
/// - *Frozen*: a contested recovery waits for the admin; keys act for nobody, and nothing is paid out meanwhile. A
///   freeze ends with the admin's decision, however long that takes.
interface IOrganizationRegistry {
    /// @notice Unknown -> Active -> Suspended -> Active; Active or Suspended -> Expelled, which is final.
    enum Standing {
        Unknown,
        Active,
        Suspended,
        Expelled
    }

    /// @notice Unknown -> Active -> Retired; Active or Retired -> Compromised. None leads back.
    enum KeyStatus {
        Unknown,
        Active,
        Retired,
        Compromised
    }

    /// @notice Why the registrar acted. `Unspecified` is refused.
    enum Reason {
        Unspecified,
        Application,
        LicenceRenewed,
        LicenceLapsed,
        ScopeChanged,
        RegulatorOrder,
        SecurityIncident,
        ContractBreach,
        Fraud,
        OwnRequest,
        Merger,
        Cleared,
        ClericalError,
        ControllerLost
    }

    /// @notice A public identifier, for example scheme `GLN` and value `0614141000005`, both as right-padded ASCII.
    struct Identifier {
        bytes32 scheme;
        bytes32 value;
    }

    /// @notice What the registrar states when admitting an organization.
    struct Admission {
        string name; // see {OrganizationRegistryInvalidName}; its hash is the organization's id
        address controller;
        uint32 memberRoles; // bit n = MemberRole n
        uint40 licenceExpiry; // Unix seconds; active before it
        bytes32 metadataCommitment; // salted hash of what stays off chain
        Identifier[] identifiers;
        Reason reason;
    }

    /// @notice An organization's membership from `since` on. Time alone ends a licence; all else is a registrar's act.
    struct Membership {
        uint32 memberRoles; // bit n = MemberRole n
        uint40 licenceExpiry; // Unix seconds
        Standing standing;
        bool frozen;
        uint40 since; // Unix seconds
    }

    /// @notice A key's record. Zero in a time means that it has not happened.
    struct Key {
        OrganizationId organization;
        uint40 addedAt; // Unix seconds
        uint40 retiredAt; // Unix seconds
        uint40 compromisedSince; // Unix seconds, the cut-off
        uint40 reportedAt; // Unix seconds, when the cut-off was first reported
    }

    /// @notice Both answers about a key at a past time: what a reader could know then, and what is known now. It is the
    /// key's own state at the end of that second; {membershipAt} tells the organization's.
    struct KeyAtTime {
        OrganizationId organization;
        KeyStatus status; // as it stood then: Active means that relying on the key was right
        bool compromised; // whether a cut-off, reported before or after that time, covers it
        uint40 reportedAt; // Unix seconds, of the first report whose cut-off covers that time; 0 if none does
    }

    /// @notice A recovery under way. A contested one has `readyAt` at the end of time until the admin decides; upheld,
    /// it is contested no more, and the organization stays frozen until it is completed.
    struct Recovery {
        address newController;
        uint40 readyAt; // Unix seconds
        bool contested;
    }

    /// @notice An organization was admitted; its identifiers follow as `IdentifierAssigned`.
    event OrganizationAdmitted(
        OrganizationId indexed organization,
        address indexed controller,
        string name,
        uint32 memberRoles,
        uint40 licenceExpiry,
        bytes32 metadataCommitment,
        Reason reason
    );
    /// @notice An organization was given a public identifier.
    event IdentifierAssigned(OrganizationId indexed organization, bytes32 indexed scheme, bytes32 indexed value);
    /// @notice The commitment to an organization's metadata changed.
    event MetadataCommitted(OrganizationId indexed organization, bytes32 metadataCommitment, Reason reason);
    /// @notice A public identifier was taken from an organization.
    event IdentifierWithdrawn(
        OrganizationId indexed organization, bytes32 indexed scheme, bytes32 indexed value, Reason reason
    );
    /// @notice A licence got a new expiry, Unix seconds.
    event LicenceRenewed(OrganizationId indexed organization, uint40 licenceExpiry, Reason reason);
    /// @notice An organization's member roles changed to `memberRoles`, bit n = MemberRole n.
    event MemberRolesChanged(OrganizationId indexed organization, uint32 memberRoles, Reason reason);
    /// @notice An organization was suspended.
    event OrganizationSuspended(OrganizationId indexed organization, Reason reason);
    /// @notice A suspended organization was reinstated.
    event OrganizationReinstated(OrganizationId indexed organization, Reason reason);
    /// @notice An organization was expelled for good.
    event OrganizationExpelled(OrganizationId indexed organization, Reason reason);
    /// @notice A key began to act for an organization.
    event KeyAdded(OrganizationId indexed organization, address indexed key);
    /// @notice A key was retired.
    event KeyRetired(OrganizationId indexed organization, address indexed key);
    /// @notice A key was reported compromised, or its cut-off moved back. Through `AccessManager.execute` the reporter
    /// is the manager.
    event KeyCompromised(
        OrganizationId indexed organization, address indexed key, uint40 compromisedSince, address reporter
    );
    /// @notice An organization was offered to another controller; zero withdrew the offer.
    event ControllerTransferStarted(
        OrganizationId indexed organization, address indexed controller, address indexed pendingController
    );
    /// @notice An organization has a new controller; an offer made before is void.
    event ControllerTransferred(
        OrganizationId indexed organization, address indexed previousController, address indexed controller
    );
    /// @notice A recovery began. It can be completed from `readyAt` on, Unix seconds; an offer made before is void.
    event RecoveryStarted(
        OrganizationId indexed organization, address indexed newController, uint40 readyAt, Reason reason
    );
    /// @notice The registrar called off a recovery.
    event RecoveryCancelled(OrganizationId indexed organization, address indexed newController, Reason reason);
    /// @notice A recovery was contested: the organization is frozen.
    event RecoveryContested(OrganizationId indexed organization, address indexed newController, address contestant);
    /// @notice The admin decided. Upheld, `newController` may complete the recovery; else it and a freeze ended.
    event RecoverySettled(
        OrganizationId indexed organization, address indexed newController, bool upheld, Reason reason
    );
    /// @notice A recovery was completed, and with it a freeze ended.
    event RecoveryCompleted(OrganizationId indexed organization, address indexed newController);
    /// @notice An organization published where its contract of a kind is; zero withdrew it.
    event ContractPublished(
        OrganizationId indexed organization, bytes32 indexed kind, address indexed published, address previous
    );

    /// @notice Thrown when a name is not 1 to 64 of a-z, 0-9, dot and hyphen, with a letter or digit at both ends, or
    /// starts with 0x as an id does.
    error OrganizationRegistryInvalidName(string name);
    /// @notice Thrown when an address that must be set is zero, or an account proposed anew is the present one.
    error OrganizationRegistryInvalidAccount(OrganizationId organization, address account);
    /// @notice Thrown when a set of member roles is empty or has bits beyond `MemberRole`.
    error OrganizationRegistryInvalidMemberRoles(uint32 memberRoles);
    /// @notice Thrown when a licence would already be past.
    error OrganizationRegistryLicencePast(uint40 licenceExpiry, uint40 blockTime);
    /// @notice Thrown when an act of the registrar states no reason.
    error OrganizationRegistryReasonMissing();
    /// @notice Thrown when the name was admitted before with other content.
    error OrganizationRegistryAlreadyAdmitted(OrganizationId organization, string name);
    /// @notice Thrown when an identifier's scheme or value is empty.
    error OrganizationRegistryInvalidIdentifier(bytes32 scheme, bytes32 value);
    /// @notice Thrown when another organization holds the identifier.
    error OrganizationRegistryIdentifierTaken(bytes32 scheme, bytes32 value, OrganizationId holder);
    /// @notice Thrown when the organization does not hold the identifier.
    error OrganizationRegistryIdentifierNotHeld(bytes32 scheme, bytes32 value, OrganizationId holder);
    /// @notice Thrown when no organization has this id.
    error OrganizationRegistryUnknownOrganization(OrganizationId organization);
    /// @notice Thrown when a change of standing is not in the state table.
    error OrganizationRegistryForbiddenTransition(OrganizationId organization, Standing current, Standing requested);
    /// @notice Thrown when an organization that must be in good standing is not.
    error OrganizationRegistryNotInGoodStanding(OrganizationId organization, Standing standing);
    /// @notice Thrown when an organization's licence is past.
    error OrganizationRegistryLicenceExpired(OrganizationId organization, uint40 licenceExpiry);
    /// @notice Thrown when an organization has none of the member roles asked for.
    error OrganizationRegistryMissingMemberRole(OrganizationId organization, uint32 anyOf);
    /// @notice Thrown when a contested recovery has frozen the organization.
    error OrganizationRegistryFrozen(OrganizationId organization);
    /// @notice Thrown when the caller is not the organization's controller.
    error OrganizationRegistryNotController(OrganizationId organization, address caller);
    /// @notice Thrown when the caller is not the proposed controller.
    error OrganizationRegistryNotPendingController(OrganizationId organization, address caller);
    /// @notice Thrown when a key has never been added.
    error OrganizationRegistryUnknownKey(address key);
    /// @notice Thrown when a key belongs to an organization already, or did once.
    error OrganizationRegistryKeyTaken(address key, OrganizationId organization);
    /// @notice Thrown when a key has been retired.
    error OrganizationRegistryKeyRetired(address key, uint40 retiredAt);
    /// @notice Thrown when a key has been reported compromised.
    error OrganizationRegistryKeyCompromised(address key, uint40 compromisedSince);
    /// @notice Thrown when the proof of possession is past its deadline.
    error OrganizationRegistrySignatureExpired(uint256 deadline, uint40 blockTime);
    /// @notice Thrown when the proof of possession is not the key's, or is for another organization, chain or contract.
    error OrganizationRegistryInvalidSignature(OrganizationId organization, address key);
    /// @notice Thrown when a cut-off lies outside what the caller may report.
    error OrganizationRegistryCutOffOutOfRange(address key, uint40 since, uint40 earliest, uint40 latest);
    /// @notice Thrown when a recovery is under way that must end first.
    error OrganizationRegistryRecoveryPending(OrganizationId organization, address newController);
    /// @notice Thrown when no recovery is under way, or none to that controller or in the state that the call needs.
    error OrganizationRegistryNoRecovery(OrganizationId organization);
    /// @notice Thrown when a recovery's delay is not over.
    error OrganizationRegistryRecoveryNotReady(OrganizationId organization, uint40 readyAt);
    /// @notice Thrown when the caller may not contest a recovery.
    error OrganizationRegistryMayNotContest(OrganizationId organization, address caller);
    /// @notice Thrown when a published address has no code.
    error OrganizationRegistryNotAContract(address published);
    /// @notice Thrown when a question is about the future.
    error OrganizationRegistryTimeInFuture(uint40 time, uint40 blockTime);
    /// @notice Thrown when the recovery delay given at deployment is outside its bounds.
    error OrganizationRegistryInvalidRecoveryDelay(uint32 recoveryDelay);

    // ------------------------------------------------------------------ the registrar's

    /// @notice Admits an organization. The same admission again changes nothing and returns the same id.
    /// @param admission What the registrar states.
    /// @return organization The organization's id.
    function admit(Admission calldata admission) external returns (OrganizationId organization);

    /// @notice Admits many organizations; all of them, or none.
    /// @param admissions What the registrar states of each.
    function admitMany(Admission[] calldata admissions) external;

    /// @notice Sets a new licence expiry.
    /// @param licenceExpiry Unix seconds, in the future.
    function renew(OrganizationId organization, uint40 licenceExpiry, Reason reason) external;

    /// @notice Adds member roles.
    /// @param memberRoles The set to add, bit n = MemberRole n.
    function addMemberRoles(OrganizationId organization, uint32 memberRoles, Reason reason) external;

    /// @notice Removes member roles.
    /// @param memberRoles The set to remove, bit n = MemberRole n.
    function removeMemberRoles(OrganizationId organization, uint32 memberRoles, Reason reason) external;

    /// @notice Assigns further public identifiers. One that the organization has already is skipped.
    function assignIdentifiers(OrganizationId organization, Identifier[] calldata identifiers) external;

    /// @notice Withdraws a public identifier that was assigned by mistake or has passed on, so another may hold it.
    function withdrawIdentifier(OrganizationId organization, Identifier calldata identifier, Reason reason) external;

    /// @notice Commits to changed metadata.
    function commitMetadata(OrganizationId organization, bytes32 metadataCommitment, Reason reason) external;

    /// @notice Suspends an active organization.
    function suspend(OrganizationId organization, Reason reason) external;

    /// @notice Reinstates a suspended organization.
    function reinstate(OrganizationId organization, Reason reason) external;

    /// @notice Reports a key compromised on its organization's behalf, as far back as the key goes.
    /// @param since The cut-off, Unix seconds. It may later be moved back, never forward.
    function reportCompromiseAsRegistrar(address key, uint40 since) external;

    /// @notice Starts handing an organization whose controller is lost to a new one. Voids a transfer on offer.
    /// @param newController The account that completes the recovery after the delay.
    function startRecovery(OrganizationId organization, address newController, Reason reason) external;

    /// @notice Calls off a recovery that is not contested.
    function cancelRecovery(OrganizationId organization, Reason reason) external;

    // ------------------------------------------------------------------ the policy administrator's

    /// @notice Expels an organization for good.
    function expel(OrganizationId organization, Reason reason) external;

    // ------------------------------------------------------------------ the admin's

    /// @notice Decides a contested recovery, or ends one that is not contested.
    /// @param proposed Whose recovery is settled, so that the call, if delayed, cannot hit another one.
    /// @param newController Who gets the organization: the one contested or, corrected, another; it stays frozen until
    /// that controller completes the recovery, which it may at once. Zero rejects the recovery and ends a freeze.
    function settleRecovery(OrganizationId organization, address proposed, address newController, Reason reason)
        external;

    // ------------------------------------------------------------------ the guardian's

    /// @notice Contests a recovery on the organization's behalf, which freezes it: for when neither its controller nor
    /// its keys can be trusted or reached.
    function contestRecoveryAsGuardian(OrganizationId organization, address newController) external;

    // ------------------------------------------------------------------ the controller's

    /// @notice Adds a key, which proves possession by its signature over
    /// `KeyPossession(bytes12 organization,address key,uint256 deadline)`. An ERC-1271 wallet can be a key.
    /// A key that is active for the organization already is left as it is. Standing does not matter: an organization
    /// that is to finish what it began needs a key.
    /// @param deadline Unix seconds until which the signature counts.
    /// @param signature The key's signature.
    function addKey(OrganizationId organization, address key, uint256 deadline, bytes calldata signature) external;

    /// @notice Retires a key: it acts no more, and what it did stays valid.
    function retireKey(address key) external;

    /// @notice Reports a key compromised. Works in every state of the organization. Once a contested recovery is
    /// upheld, the new controller may report, and the old one no more.
    /// @param since The cut-off, Unix seconds, at most 30 days back. It may later be moved back, never forward.
    function reportCompromise(address key, uint40 since) external;

    /// @notice Offers the organization to another controller, who accepts; zero withdraws the offer.
    function transferController(OrganizationId organization, address newController) external;

    /// @notice Accepts an offer made by `transferController`.
    function acceptController(OrganizationId organization) external;

    /// @notice Contests a recovery, which freezes the organization until the admin settles it. For the controller and
    /// the organization's active keys.
    /// @param newController Whose recovery is contested, so that the call cannot hit another one.
    function contestRecovery(OrganizationId organization, address newController) external;

    /// @notice Takes over an organization, as the new controller, once its recovery is ready.
    function completeRecovery(OrganizationId organization) external;

    /// @notice Publishes where a contract of the organization is found, or withdraws it with zero. What was published
    /// stays so through a suspension: who relies on it checks {requireActiveOrganization} too.
    /// @param kind The contract's name as right-padded ASCII, for example `PriorAuthorization`.
    function publishContract(OrganizationId organization, bytes32 kind, address published) external;

    // ------------------------------------------------------------------ reads

    /// @notice The organization for which a key may start something new, in one call.
    /// @param anyOf The set of member roles of which the organization must have one, bit n = MemberRole n.
    /// @return organization Whose active key `key` is. Reverts with the reason otherwise.
    function requireActive(address key, uint32 anyOf) external view returns (OrganizationId organization);

    /// @notice The same check of an organization that is named, for example as a receiver. Reverts with the reason.
    /// @param anyOf The set of member roles of which the organization must have one, bit n = MemberRole n.
    function requireActiveOrganization(OrganizationId organization, uint32 anyOf) external view;

    /// @notice Reverts with the reason unless an organization may be paid what it is owed: it is known and not frozen.
    function requirePayable(OrganizationId organization) external view;

    /// @notice The organization for which a key may finish what was begun: receive back, return, destroy, refund, be
    /// paid. Standing and licence do not matter, the key's state and a freeze do.
    /// @return organization Whose valid key `key` is. Reverts with the reason otherwise.
    function requireKey(address key) external view returns (OrganizationId organization);

    /// @return Whether the organization may start something new in a role now.
    function isActive(OrganizationId organization, MemberRole role) external view returns (bool);

    /// @return organization Whose key this is or was; zero if never added.
    /// @return status The key's status now.
    function organizationOf(address key) external view returns (OrganizationId organization, KeyStatus status);

    /// @notice Whose key this was at a time, whether relying on it then was right, and whether it is covered by a
    /// cut-off.
    /// @param time Unix seconds, not in the future.
    function organizationAt(address key, uint40 time) external view returns (KeyAtTime memory);

    /// @return The key's record; all zero if never added.
    function keyOf(address key) external view returns (Key memory);

    /// @return The organization's membership now; all zero if unknown.
    function membershipOf(OrganizationId organization) external view returns (Membership memory);

    /// @param time Unix seconds, not in the future.
    /// @return The organization's membership at the end of that second; all zero before its admission.
    function membershipAt(OrganizationId organization, uint40 time) external view returns (Membership memory);

    /// @return The controller; zero if the organization is unknown.
    function controllerOf(OrganizationId organization) external view returns (address);

    /// @return The account that was offered the controllership; zero if none.
    function pendingControllerOf(OrganizationId organization) external view returns (address);

    /// @return The recovery under way; all zero if none.
    function recoveryOf(OrganizationId organization) external view returns (Recovery memory);

    /// @return The commitment to the organization's metadata.
    function metadataCommitmentOf(OrganizationId organization) external view returns (bytes32);

    /// @return The organization that holds a public identifier; zero if none.
    function organizationByIdentifier(bytes32 scheme, bytes32 value) external view returns (OrganizationId);

    /// @return Where the organization's contract of this kind is; zero if it published none.
    function contractOf(OrganizationId organization, bytes32 kind) external view returns (address);

    /// @return Seconds from the start of a recovery until it can be completed.
    function recoveryDelay() external view returns (uint32);

    /// @return The id that a name has, admitted or not.
    function idOf(string calldata name) external pure returns (OrganizationId);

    /// @return Seconds that a controller may set a cut-off back; further back needs the registrar.
    function compromiseWindow() external pure returns (uint40);
}
