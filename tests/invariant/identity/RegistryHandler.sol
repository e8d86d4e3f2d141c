// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {OrganizationRegistry} from "../../../contracts/identity/OrganizationRegistry.sol";
import {MemberRoles} from "../../../contracts/identity/Roles.sol";

import {possessionDigest} from "./IdentityFixture.sol";
import {Officers, RegistryModel, Rule} from "./RegistryModel.sol";

/// @notice What anybody can do to the registry, one function for each kind of act. Every function lets some time pass
/// (none, half of the time, so that several acts share a second), picks a caller (mostly one that may, otherwise anyone),
/// foretells the outcome from the model, calls, and keeps the model in step.
contract RegistryHandler is RegistryModel {
    uint32 private constant KNOWN_ROLES = MemberRoles.ALL;
    uint8 private constant SCHEMES = 2;
    uint8 private constant VALUES = 4;
    uint8 private constant KINDS = 3;

    modifier later(uint256 seed) {
        _passTime(_gap(seed));
        _;
    }

    constructor(OrganizationRegistry registry_, Officers memory officers_) RegistryModel(registry_, officers_) {}

    // ------------------------------------------------------------------ the registrar's acts

    function admit(uint256 seed, uint256 time, uint32 memberRoles, uint40 term) external later(time) {
        uint256 i = uint256(keccak256(abi.encode(seed, "organization"))) % ORGANIZATIONS;
        bool known = _known(i);
        if (known && seed % 4 != 0) return _admitAgain(i, seed);
        IOrganizationRegistry.Admission memory admission = IOrganizationRegistry.Admission({
            name: names[i],
            controller: seed % 32 == 1 ? address(0) : _account(seed >> 8),
            memberRoles: seed % 8 == 2 ? memberRoles : memberRoles & KNOWN_ROLES,
            licenceExpiry: uint40(block.timestamp) + term % 200 days,
            metadataCommitment: bytes32(seed),
            identifiers: new IOrganizationRegistry.Identifier[](seed % 3),
            reason: _reason(seed >> 16)
        });
        bool allowed = admission.controller != address(0) && admission.memberRoles != 0
            && admission.memberRoles & ~KNOWN_ROLES == 0 && admission.licenceExpiry > block.timestamp
            && admission.reason != IOrganizationRegistry.Reason.Unspecified;
        for (uint256 n = 0; n < admission.identifiers.length; ++n) {
            admission.identifiers[n] = _identifier((seed >> 24) + n * 3);
            allowed = allowed && _assignable(organizations[i].id, admission.identifiers[n]);
        }
        address caller = _caller(seed >> 32, officers.registrar);
        allowed = allowed && !known && caller == officers.registrar;
        if (!_act(caller, allowed, "admit", abi.encodeCall(registry.admit, (admission)))) return;
        organizations[i].membership = IOrganizationRegistry.Membership({
            memberRoles: admission.memberRoles,
            licenceExpiry: admission.licenceExpiry,
            standing: IOrganizationRegistry.Standing.Active,
            frozen: false,
            since: uint40(block.timestamp)
        });
        organizations[i].controller = admission.controller;
        organizations[i].metadataCommitment = admission.metadataCommitment;
        organizations[i].admission = abi.encode(admission);
        for (uint256 n = 0; n < admission.identifiers.length; ++n) {
            _hold(organizations[i].id, admission.identifiers[n]);
        }
    }

    /// @dev A repeated admission, in any state of the organization, is accepted and changes nothing.
    function _admitAgain(uint256 i, uint256 seed) private {
        IOrganizationRegistry.Admission memory admission =
            abi.decode(organizations[i].admission, (IOrganizationRegistry.Admission));
        bytes32 before = _fingerprint(i);
        if (seed % 2 == 0) {
            _act(officers.registrar, true, "admit again", abi.encodeCall(registry.admit, (admission)));
        } else {
            IOrganizationRegistry.Admission[] memory admissions = new IOrganizationRegistry.Admission[](2);
            admissions[0] = admission;
            admissions[1] = admission;
            _act(officers.registrar, true, "admit again", abi.encodeCall(registry.admitMany, (admissions)));
        }
        _require(_fingerprint(i) == before, Rule.Repetition, "a repeated admission changed something");
    }

    function renew(uint256 seed, uint256 time, uint40 term) external later(time) {
        uint256 i = _organization(seed);
        uint40 licenceExpiry = uint40(block.timestamp) + term % 200 days;
        IOrganizationRegistry.Reason reason = _reason(seed >> 8);
        address caller = _caller(seed >> 16, officers.registrar);
        bool allowed = caller == officers.registrar && _known(i) && _given(reason) && licenceExpiry > block.timestamp
            && organizations[i].membership.standing != IOrganizationRegistry.Standing.Expelled;
        bytes memory call = abi.encodeCall(registry.renew, (organizations[i].id, licenceExpiry, reason));
        if (!_act(caller, allowed, "renew", call)) return;
        organizations[i].membership.licenceExpiry = licenceExpiry;
        _touch(i);
    }

    function changeMemberRoles(uint256 seed, uint256 time, uint32 memberRoles, bool add) external later(time) {
        uint256 i = _organization(seed);
        if (seed % 8 != 0) memberRoles &= KNOWN_ROLES;
        IOrganizationRegistry.Reason reason = _reason(seed >> 8);
        address caller = _caller(seed >> 16, officers.registrar);
        bool allowed = caller == officers.registrar && _known(i) && _given(reason) && memberRoles != 0
            && memberRoles & ~KNOWN_ROLES == 0;
        bytes memory call = add
            ? abi.encodeCall(registry.addMemberRoles, (organizations[i].id, memberRoles, reason))
            : abi.encodeCall(registry.removeMemberRoles, (organizations[i].id, memberRoles, reason));
        if (!_act(caller, allowed, "change member roles", call)) return;
        IOrganizationRegistry.Membership storage membership = organizations[i].membership;
        uint32 result = add ? membership.memberRoles | memberRoles : membership.memberRoles & ~memberRoles;
        if (result != membership.memberRoles) _touch(i);
        membership.memberRoles = result;
    }

    function assignIdentifier(uint256 seed, uint256 time) external later(time) {
        uint256 i = _organization(seed);
        IOrganizationRegistry.Identifier[] memory identifiers = new IOrganizationRegistry.Identifier[](1);
        identifiers[0] = _identifier(seed >> 8);
        address caller = _caller(seed >> 16, officers.registrar);
        bool allowed = caller == officers.registrar && _known(i) && _assignable(organizations[i].id, identifiers[0]);
        bytes memory call = abi.encodeCall(registry.assignIdentifiers, (organizations[i].id, identifiers));
        if (_act(caller, allowed, "assign identifier", call)) _hold(organizations[i].id, identifiers[0]);
    }

    function withdrawIdentifier(uint256 seed, uint256 time) external later(time) {
        uint256 i = _organization(seed);
        IOrganizationRegistry.Identifier memory identifier = _identifier(seed >> 8);
        OrganizationId present = holders[identifier.scheme][identifier.value];
        if (seed % 4 != 0 && !present.isZero()) i = _indexOf(present);
        IOrganizationRegistry.Reason reason = _reason(seed >> 16);
        address caller = _caller(seed >> 24, officers.registrar);
        bool allowed =
            caller == officers.registrar && _given(reason) && !present.isZero() && present == organizations[i].id;
        bytes memory call = abi.encodeCall(registry.withdrawIdentifier, (organizations[i].id, identifier, reason));
        if (!_act(caller, allowed, "withdraw identifier", call)) return;
        holders[identifier.scheme][identifier.value] = OrganizationId.wrap(0);
    }

    function commitMetadata(uint256 seed, uint256 time) external later(time) {
        uint256 i = _organization(seed);
        IOrganizationRegistry.Reason reason = _reason(seed >> 8);
        address caller = _caller(seed >> 16, officers.registrar);
        bool allowed = caller == officers.registrar && _known(i) && _given(reason);
        bytes memory call = abi.encodeCall(registry.commitMetadata, (organizations[i].id, bytes32(seed), reason));
        if (_act(caller, allowed, "commit metadata", call)) organizations[i].metadataCommitment = bytes32(seed);
    }

    /// @dev One act of standing in sixteen is an expulsion, so that organizations live long enough.
    function changeStanding(uint256 seed, uint256 time) external later(time) {
        uint256 act = (seed >> 12) % 16;
        uint256 i = act < 8 ? _organization(seed) : _suspended(seed);
        IOrganizationRegistry.Reason reason = _reason(seed >> 8);
        IOrganizationRegistry.Standing present = organizations[i].membership.standing;
        bool inForce = present == IOrganizationRegistry.Standing.Active;
        bool suspended = present == IOrganizationRegistry.Standing.Suspended;
        if (act == 0) {
            address caller = _caller(seed >> 16, officers.policyAdministrator);
            bool allowed = caller == officers.policyAdministrator && _given(reason) && (inForce || suspended);
            bytes memory call = abi.encodeCall(registry.expel, (organizations[i].id, reason));
            if (!_act(caller, allowed, "expel", call)) return;
            organizations[i].membership.standing = IOrganizationRegistry.Standing.Expelled;
        } else if (act < 8) {
            address caller = _caller(seed >> 16, officers.registrar);
            bool allowed = caller == officers.registrar && _given(reason) && inForce;
            bytes memory call = abi.encodeCall(registry.suspend, (organizations[i].id, reason));
            if (!_act(caller, allowed, "suspend", call)) return;
            organizations[i].membership.standing = IOrganizationRegistry.Standing.Suspended;
        } else {
            address caller = _caller(seed >> 16, officers.registrar);
            bool allowed = caller == officers.registrar && _given(reason) && suspended;
            bytes memory call = abi.encodeCall(registry.reinstate, (organizations[i].id, reason));
            if (!_act(caller, allowed, "reinstate", call)) return;
            organizations[i].membership.standing = IOrganizationRegistry.Standing.Active;
        }
        _touch(i);
    }

    // ------------------------------------------------------------------ keys

    /// @param proof 0 to 5: what is wrong with the signature, if anything.
    function addKey(uint256 seed, uint256 time, uint256 proof) external later(time) {
        uint256 i = _organization(seed);
        uint256 k = (seed >> 8) % KEYS;
        proof = proof % 12;
        Organization storage member = organizations[i];
        uint256 deadline = proof == 1 ? block.timestamp - 1 : block.timestamp + (seed >> 16) % 3;
        bytes memory signature = _sign(i, k, deadline, proof);
        address caller = _caller(seed >> 24, member.controller);
        bool mayAdd = _known(i) && caller == member.controller && member.recoveryController == address(0);
        IOrganizationRegistry.Key storage record = keyRecords[keys[k]];
        bool there = record.organization == member.id && statusOf(keys[k]) == IOrganizationRegistry.KeyStatus.Active;
        bool proven = proof == 0 || proof > 5;
        bool allowed = mayAdd && (there || (record.organization.isZero() && proven));
        bytes memory call = abi.encodeCall(registry.addKey, (member.id, keys[k], deadline, signature));
        bool done = _act(caller, allowed, there ? "add key again" : "add key", call);
        if (!done || there) return;
        _require(proven, Rule.KeyPossession, "a key was added without its signature");
        keyRecords[keys[k]] = IOrganizationRegistry.Key(member.id, uint40(block.timestamp), 0, 0, 0);
    }

    function _sign(uint256 i, uint256 k, uint256 deadline, uint256 proof) private view returns (bytes memory) {
        address verifier = proof == 2 ? address(this) : address(registry);
        uint256 chainId = proof == 3 ? block.chainid + 1 : block.chainid;
        OrganizationId id = organizations[proof == 4 ? (i + 1) % ORGANIZATIONS : i].id;
        uint256 signer = secrets[proof == 5 ? (k + 1) % KEYS : k];
        bytes32 digest = possessionDigest(verifier, chainId, OrganizationId.unwrap(id), keys[k], deadline);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(signer, digest);
        return abi.encodePacked(r, s, v);
    }

    function retireKey(uint256 seed, uint256 time) external later(time) {
        address account = _key(seed);
        address controller = _controllerOfKey(account);
        address caller = _caller(seed >> 16, controller);
        bool allowed = caller == controller && statusOf(account) == IOrganizationRegistry.KeyStatus.Active
            && organizations[_indexOf(keyRecords[account].organization)].recoveryController == address(0);
        if (!_act(caller, allowed, "retire key", abi.encodeCall(registry.retireKey, (account)))) return;
        keyRecords[account].retiredAt = uint40(block.timestamp);
    }

    function reportCompromise(uint256 seed, uint256 time, uint40 back) external later(time) {
        address account = (seed >> 40) % 2 == 0 ? _reportedKey(seed) : _key(seed);
        IOrganizationRegistry.Key storage record = keyRecords[account];
        bool asRegistrar = (seed >> 12) % 2 == 0;
        address officer = asRegistrar ? officers.registrar : _reporterOfKey(account, seed >> 13);
        address caller = _caller(seed >> 16, officer);
        uint40 latest = record.compromisedSince == 0 ? uint40(block.timestamp) : record.compromisedSince;
        uint40 since = latest - back % 45 days;
        if ((seed >> 24) % 4 == 0) since = latest + 1 + back % 2 days; // forward
        if ((seed >> 24) % 4 == 1) since = uint40(block.timestamp);
        if ((seed >> 28) % 4 == 0 && record.addedAt != 0) since = record.addedAt; // to its edge
        bool inRange =
            since >= record.addedAt && since <= latest && (asRegistrar || since + 30 days >= uint40(block.timestamp));
        bool mayReport = asRegistrar ? caller == officers.registrar : _mayReport(account, caller);
        bool allowed = record.addedAt != 0 && mayReport && (inRange || since == record.compromisedSince);
        bytes memory call = asRegistrar
            ? abi.encodeCall(registry.reportCompromiseAsRegistrar, (account, since))
            : abi.encodeCall(registry.reportCompromise, (account, since));
        if (!_act(caller, allowed, asRegistrar ? "report as registrar" : "report as controller", call)) return;
        if (record.compromisedSince != 0 && since < record.compromisedSince) ++reached["cut-off moved back"];
        if (record.retiredAt != 0) ++reached["report a retired key"];
        if (since != record.compromisedSince) reports[account].push(Report(since, uint40(block.timestamp)));
        record.compromisedSince = since;
        if (record.reportedAt == 0) record.reportedAt = uint40(block.timestamp);
    }

    // ------------------------------------------------------------------ control

    function transferController(uint256 seed, uint256 time) external later(time) {
        uint256 i = _organization(seed);
        Organization storage member = organizations[i];
        address caller = _caller(seed >> 16, member.controller);
        address to = (seed >> 8) % 8 == 0 ? address(0) : _account(seed >> 24);
        bool allowed = _known(i) && caller == member.controller && member.recoveryController == address(0)
            && to != member.controller;
        bytes memory call = abi.encodeCall(registry.transferController, (member.id, to));
        if (_act(caller, allowed, "offer control", call)) member.pendingController = to;
    }

    function acceptController(uint256 seed, uint256 time) external later(time) {
        uint256 i = _organization(seed);
        Organization storage member = organizations[i];
        address caller = _caller(seed >> 16, member.pendingController);
        bool allowed = _known(i) && caller == member.pendingController && caller != address(0)
            && member.recoveryController == address(0);
        if (!_act(caller, allowed, "accept control", abi.encodeCall(registry.acceptController, (member.id)))) return;
        member.controller = caller;
        member.pendingController = address(0);
    }

    function startRecovery(uint256 seed, uint256 time) external later(time) {
        uint256 i = _organizationWithKey(seed);
        Organization storage member = organizations[i];
        IOrganizationRegistry.Reason reason = _reason(seed >> 8);
        address caller = _caller(seed >> 16, officers.registrar);
        address to = (seed >> 12) % 16 == 0 ? address(0) : _account(seed >> 24);
        bool allowed = caller == officers.registrar && _known(i) && _given(reason) && to != address(0)
            && to != member.controller && member.recoveryController == address(0);
        bytes memory call = abi.encodeCall(registry.startRecovery, (member.id, to, reason));
        if (!_act(caller, allowed, "start recovery", call)) return;
        member.pendingController = address(0);
        member.recoveryController = to;
        member.recoveryStartedAt = uint40(block.timestamp);
        member.recoveryReadyAt = uint40(block.timestamp) + recoveryDelay;
        member.upheld = false;
    }

    function cancelRecovery(uint256 seed, uint256 time) external later(time) {
        uint256 i = _underRecovery(seed);
        Organization storage member = organizations[i];
        IOrganizationRegistry.Reason reason = _reason(seed >> 8);
        address caller = _caller(seed >> 16, officers.registrar);
        bool allowed = caller == officers.registrar && member.recoveryController != address(0) && _given(reason)
            && !member.membership.frozen;
        bytes memory call = abi.encodeCall(registry.cancelRecovery, (member.id, reason));
        if (_act(caller, allowed, "cancel recovery", call)) _endRecovery(i);
    }

    function contestRecovery(uint256 seed, uint256 time) external later(time) {
        uint256 i = _underRecovery(seed);
        Organization storage member = organizations[i];
        address right = seed % 4 == 0 ? member.controller : _keyOfOrganization(member.id, seed >> 8);
        address caller = _caller(seed >> 16, right);
        address contested = (seed >> 24) % 16 == 0 ? _account(seed >> 28) : member.recoveryController;
        bool byKey =
            statusOf(caller) == IOrganizationRegistry.KeyStatus.Active && keyRecords[caller].organization == member.id;
        bool allowed = _contestable(member, contested) && (caller == member.controller || byKey);
        string memory what = caller == member.controller ? "contest as controller" : "contest by key";
        bytes memory call = abi.encodeCall(registry.contestRecovery, (member.id, contested));
        if (_act(caller, allowed, what, call)) _freeze(i);
    }

    function contestRecoveryAsGuardian(uint256 seed, uint256 time) external later(time) {
        uint256 i = _underRecovery(seed);
        Organization storage member = organizations[i];
        address caller = _caller(seed >> 16, officers.guardian);
        address contested = (seed >> 24) % 16 == 0 ? _account(seed >> 28) : member.recoveryController;
        bool allowed = caller == officers.guardian && _contestable(member, contested);
        bytes memory call = abi.encodeCall(registry.contestRecoveryAsGuardian, (member.id, contested));
        if (_act(caller, allowed, "contest as guardian", call)) _freeze(i);
    }

    /// @param choice 0: reject it; 1: correct it, to another account; otherwise: uphold it.
    function settleRecovery(uint256 seed, uint256 time, uint256 choice) external later(time) {
        uint256 i = _underRecovery(seed);
        Organization storage member = organizations[i];
        IOrganizationRegistry.Reason reason = _reason(seed >> 8);
        address caller = _caller(seed >> 16, officers.admin);
        choice %= 4;
        address to = choice == 0 ? address(0) : choice == 1 ? _account(seed >> 24) : member.recoveryController;
        address proposed = (seed >> 40) % 16 == 0 ? _account(seed >> 44) : member.recoveryController;
        bool allowed = caller == officers.admin && member.recoveryController != address(0)
            && proposed == member.recoveryController && _given(reason) && (to == address(0) || member.membership.frozen);
        string memory what = choice == 0 ? "reject recovery" : choice == 1 ? "correct recovery" : "uphold recovery";
        bytes memory call = abi.encodeCall(registry.settleRecovery, (member.id, proposed, to, reason));
        if (!_act(caller, allowed, what, call)) return;
        if (to == address(0)) {
            _endRecovery(i);
        } else {
            member.upheld = true;
            member.recoveryController = to;
            member.recoveryReadyAt = uint40(block.timestamp);
        }
    }

    function completeRecovery(uint256 seed, uint256 time) external later(time) {
        uint256 i = _underRecovery(seed);
        Organization storage member = organizations[i];
        if ((seed >> 32) % 2 == 0) _passTime(_gapTo(member.recoveryReadyAt, seed >> 33));
        address caller = _caller(seed >> 16, member.recoveryController);
        bool allowed =
            caller != address(0) && caller == member.recoveryController && block.timestamp >= member.recoveryReadyAt;
        string memory what = member.upheld ? "complete upheld recovery" : "complete recovery";
        if (!_act(caller, allowed, what, abi.encodeCall(registry.completeRecovery, (member.id)))) return;
        member.controller = caller;
        member.pendingController = address(0);
        _endRecovery(i);
    }

    function publishContract(uint256 seed, uint256 time) external later(time) {
        uint256 i = _organization(seed);
        Organization storage member = organizations[i];
        address caller = _caller(seed >> 16, member.controller);
        bytes32 kind = bytes32((seed >> 8) % KINDS + 1);
        address published = [address(registry), address(this), address(0), officers.admin][(seed >> 12) % 4];
        bool inForce = member.membership.standing == IOrganizationRegistry.Standing.Active && !member.membership.frozen
            && block.timestamp < member.membership.licenceExpiry;
        bool allowed = _known(i) && caller == member.controller && member.recoveryController == address(0)
            && (published == address(0) || (inForce && published != officers.admin));
        bytes memory call = abi.encodeCall(registry.publishContract, (member.id, kind, published));
        if (!_act(caller, allowed, "publish contract", call)) return;
        _require(caller == member.controller, Rule.Publication, "published by another account");
        _require(inForce || published == address(0), Rule.Publication, "published while not in force");
        if (!inForce) ++reached["withdraw a contract while not in force"];
        publications[member.id][kind] = published;
    }

    // ------------------------------------------------------------------ choices

    /// @dev Half of the time none, otherwise a second, up to an hour, up to three days, up to forty days, or to the edge of
    /// something that time ends.
    function _gap(uint256 seed) private view returns (uint40) {
        uint256 kind = seed % 16;
        uint256 length = seed >> 4;
        if (kind < 8) return 0;
        if (kind < 10) return 1;
        if (kind < 12) return uint40(1 + length % 1 hours);
        if (kind < 13) return uint40(1 + length % 3 days);
        if (kind < 15) return _gapToEdge(length);
        return uint40(1 + length % 40 days);
    }

    /// @dev To the last second before a recovery is ready or a licence is past, or to the very second.
    function _gapToEdge(uint256 seed) private view returns (uint40) {
        uint256 i = seed % 2 == 0 ? _underRecovery(seed >> 2) : _organization(seed >> 2);
        bool ofRecovery = organizations[i].recoveryReadyAt != 0;
        return
            _gapTo(ofRecovery ? organizations[i].recoveryReadyAt : organizations[i].membership.licenceExpiry, seed >> 1);
    }

    /// @dev To the second `edge`, or the one before it; none if it is past or far.
    function _gapTo(uint40 edge, uint256 seed) private view returns (uint40) {
        uint40 to = edge - (edge != 0 && seed % 2 == 0 ? 1 : 0);
        if (to <= block.timestamp || to > block.timestamp + 400 days) return 0;
        return to - uint40(block.timestamp);
    }

    function _caller(uint256 seed, address right) private view returns (address) {
        return seed % 4 != 0 && right != address(0) ? right : _account(seed >> 2);
    }

    function _account(uint256 seed) private view returns (address) {
        return accounts[seed % accounts.length];
    }

    function _organization(uint256 seed) private view returns (uint256) {
        return uint256(keccak256(abi.encode(seed, "organization"))) % ORGANIZATIONS;
    }

    /// @dev Mostly an organization that has a key, if there is one.
    function _organizationWithKey(uint256 seed) private view returns (uint256) {
        address account = _key(seed);
        if (seed % 4 == 0 || keyRecords[account].addedAt == 0) return _organization(seed);
        return _indexOf(keyRecords[account].organization);
    }

    /// @dev Mostly a suspended organization, if there is one.
    function _suspended(uint256 seed) private view returns (uint256 i) {
        i = _organization(seed);
        for (uint256 n = 0; n < ORGANIZATIONS && seed % 8 != 0; ++n) {
            uint256 next = (i + n) % ORGANIZATIONS;
            if (organizations[next].membership.standing == IOrganizationRegistry.Standing.Suspended) return next;
        }
    }

    /// @dev Mostly an organization under recovery, if there is one.
    function _underRecovery(uint256 seed) private view returns (uint256 i) {
        i = _organization(seed);
        for (uint256 n = 0; n < ORGANIZATIONS && seed % 8 != 0; ++n) {
            if (organizations[(i + n) % ORGANIZATIONS].recoveryController != address(0)) {
                return (i + n) % ORGANIZATIONS;
            }
        }
    }

    /// @dev Mostly a key that has been added, if there is one.
    function _key(uint256 seed) private view returns (address account) {
        uint256 k = uint256(keccak256(abi.encode(seed, "key"))) % KEYS;
        for (uint256 n = 0; n < KEYS && seed % 8 != 0; ++n) {
            if (keyRecords[keys[(k + n) % KEYS]].addedAt != 0) return keys[(k + n) % KEYS];
        }
        return keys[k];
    }

    /// @dev A key that was reported compromised, if there is one.
    function _reportedKey(uint256 seed) private view returns (address account) {
        uint256 k = uint256(keccak256(abi.encode(seed, "key"))) % KEYS;
        for (uint256 n = 0; n < KEYS; ++n) {
            if (keyRecords[keys[(k + n) % KEYS]].reportedAt != 0) return keys[(k + n) % KEYS];
        }
        return keys[k];
    }

    /// @dev An active key of the organization, if it has one.
    function _keyOfOrganization(OrganizationId id, uint256 seed) private view returns (address) {
        for (uint256 n = 0; n < KEYS; ++n) {
            address account = keys[(seed % KEYS + n) % KEYS];
            bool active = statusOf(account) == IOrganizationRegistry.KeyStatus.Active;
            if (active && keyRecords[account].organization == id) return account;
        }
        return keys[seed % KEYS];
    }

    function _controllerOfKey(address account) private view returns (address) {
        if (keyRecords[account].addedAt == 0) return address(0);
        return organizations[_indexOf(keyRecords[account].organization)].controller;
    }

    function _reporterOfKey(address account, uint256 seed) private view returns (address) {
        if (keyRecords[account].addedAt == 0) return address(0);
        Organization storage member = organizations[_indexOf(keyRecords[account].organization)];
        bool byNewOne = member.recoveryController != address(0) && seed % 2 == 0;
        return byNewOne ? member.recoveryController : member.controller;
    }

    /// @dev One reason in sixteen is missing.
    function _reason(uint256 seed) private pure returns (IOrganizationRegistry.Reason) {
        if (seed % 16 == 0) return IOrganizationRegistry.Reason.Unspecified;
        return IOrganizationRegistry.Reason(1 + seed % uint256(type(IOrganizationRegistry.Reason).max));
    }

    function _identifier(uint256 seed) private pure returns (IOrganizationRegistry.Identifier memory) {
        if (seed % 32 == 31) return IOrganizationRegistry.Identifier("GLN", 0);
        return IOrganizationRegistry.Identifier(
            seed % SCHEMES == 0 ? bytes32("GLN") : bytes32("NPI"), bytes32(1 + (seed >> 5) % VALUES)
        );
    }

    // ------------------------------------------------------------------ rules

    function _known(uint256 i) private view returns (bool) {
        return organizations[i].membership.standing != IOrganizationRegistry.Standing.Unknown;
    }

    function _given(IOrganizationRegistry.Reason reason) private pure returns (bool) {
        return reason != IOrganizationRegistry.Reason.Unspecified;
    }

    function _assignable(OrganizationId id, IOrganizationRegistry.Identifier memory identifier)
        private
        view
        returns (bool)
    {
        OrganizationId present = holders[identifier.scheme][identifier.value];
        return identifier.value != 0 && (present.isZero() || present == id);
    }

    function _hold(OrganizationId id, IOrganizationRegistry.Identifier memory identifier) private {
        OrganizationId present = holders[identifier.scheme][identifier.value];
        _require(present.isZero() || present == id, Rule.Identifier, "an identifier changed hands");
        holders[identifier.scheme][identifier.value] = id;
    }

    function _touch(uint256 i) private {
        organizations[i].membership.since = uint40(block.timestamp);
    }

    function _contestable(Organization storage member, address contested) private view returns (bool) {
        return contested != address(0) && contested == member.recoveryController && !member.membership.frozen;
    }

    /// @dev The controller, or once a contested recovery is upheld, the account whose it is, alone.
    function _mayReport(address account, address caller) private view returns (bool) {
        if (keyRecords[account].addedAt == 0) return false;
        Organization storage member = organizations[_indexOf(keyRecords[account].organization)];
        return caller == (member.upheld ? member.recoveryController : member.controller);
    }

    function _freeze(uint256 i) private {
        organizations[i].membership.frozen = true;
        organizations[i].recoveryReadyAt = type(uint40).max;
        _touch(i);
    }

    /// @dev Also ends a freeze.
    function _endRecovery(uint256 i) private {
        Organization storage member = organizations[i];
        member.recoveryController = address(0);
        member.recoveryStartedAt = 0;
        member.recoveryReadyAt = 0;
        member.upheld = false;
        if (!member.membership.frozen) return;
        member.membership.frozen = false;
        _touch(i);
    }

    /// @dev All that the registry says about an organization and its history.
    function _fingerprint(uint256 i) private view returns (bytes32) {
        OrganizationId id = organizations[i].id;
        return keccak256(
            abi.encode(
                registry.membershipOf(id),
                registry.membershipAt(id, uint40(block.timestamp) - 1),
                registry.recoveryOf(id),
                registry.controllerOf(id),
                registry.pendingControllerOf(id),
                registry.metadataCommitmentOf(id)
            )
        );
    }
}
