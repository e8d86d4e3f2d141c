// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CommonBase} from "forge-std/Base.sol";
import {StdUtils} from "forge-std/StdUtils.sol";

import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {OrganizationRegistry} from "../../../contracts/identity/OrganizationRegistry.sol";

/// @notice What a call broke; each belongs to one invariant.
enum Rule {
    KeyOrganization,
    KeyStatus,
    KeyCutOff,
    KeyTimes,
    KeyAuthority,
    KeyPossession,
    CutOffWindow,
    Standing,
    MembershipAuthority,
    Repetition,
    Identifier,
    Publication,
    Control,
    RecoveryDelay,
    RecoveryStandstill,
    Freeze,
    Outcome
}

/// @notice The accounts that hold a role in the suite's `AccessManager`.
struct Officers {
    address registrar;
    address policyAdministrator;
    address guardian;
    address admin;
}

/// @notice A second account of the registry, kept from the rules in prose: what each accepted call must have led to, what
/// was read at the end of each second, and which call broke a rule. It shares no code with the registry.
abstract contract RegistryModel is CommonBase, StdUtils {
    struct Organization {
        OrganizationId id;
        IOrganizationRegistry.Membership membership; // standing Unknown: not admitted
        address controller;
        address pendingController;
        address recoveryController;
        uint40 recoveryStartedAt; // Unix seconds
        uint40 recoveryReadyAt; // Unix seconds
        bool upheld;
        bytes32 metadataCommitment;
        bytes admission; // ABI-encoded
    }

    /// @dev What `membershipOf` said from one second to another.
    struct MembershipReading {
        uint256 organization;
        uint40 from; // Unix seconds
        uint40 to; // Unix seconds, inclusive
        IOrganizationRegistry.Membership said;
    }

    /// @dev What `organizationOf` said from one second to another.
    struct KeyReading {
        address key;
        uint40 from; // Unix seconds
        uint40 to; // Unix seconds, inclusive
        OrganizationId organization;
        IOrganizationRegistry.KeyStatus said;
    }

    /// @dev A report of a compromise that set or moved a cut-off.
    struct Report {
        uint40 cutOff; // Unix seconds
        uint40 reportedAt; // Unix seconds
    }

    /// @dev All that a call could have changed.
    struct View {
        IOrganizationRegistry.Key[] keys;
        IOrganizationRegistry.Membership[] memberships;
        IOrganizationRegistry.Recovery[] recoveries;
        address[] controllers;
        address[] pendingControllers;
    }

    uint256 public constant ORGANIZATIONS = 6;
    uint256 public constant KEYS = 16;
    uint256 internal constant FIRST_SECRET = 0xC0FFEE;

    OrganizationRegistry internal immutable registry;
    uint32 internal immutable recoveryDelay;
    Officers internal officers;

    Organization[] internal organizations;
    string[] internal names;
    address[] internal keys;
    uint256[] internal secrets;
    address[] internal accounts; // whoever may call: officers, controllers, keys, strangers
    mapping(address key => IOrganizationRegistry.Key record) internal keyRecords;
    mapping(address key => Report[] reports) internal reports;
    mapping(bytes32 scheme => mapping(bytes32 value => OrganizationId organization)) internal holders;
    mapping(OrganizationId organization => mapping(bytes32 kind => address published)) internal publications;

    MembershipReading[] internal membershipReadings;
    KeyReading[] internal keyReadings;
    mapping(uint256 organization => uint256 countedFromOne) private _latestMembershipReading;
    mapping(address key => uint256 countedFromOne) private _latestKeyReading;

    uint256 public calls;
    uint256 public accepted;
    mapping(string what => uint256 times) public reached;
    mapping(Rule rule => string first) private _breaches;

    constructor(OrganizationRegistry registry_, Officers memory officers_) {
        registry = registry_;
        recoveryDelay = registry_.recoveryDelay();
        officers = officers_;
        accounts.push(officers_.registrar);
        accounts.push(officers_.policyAdministrator);
        accounts.push(officers_.guardian);
        accounts.push(officers_.admin);
        for (uint256 i = 0; i < ORGANIZATIONS; ++i) {
            names.push(string.concat("organization-", vm.toString(i)));
            organizations.push();
            organizations[i].id = OrganizationId.wrap(bytes12(keccak256(bytes(names[i]))));
            accounts.push(address(uint160(0xA11CE000 + i)));
        }
        for (uint256 i = 0; i < KEYS; ++i) {
            secrets.push(FIRST_SECRET + i);
            keys.push(vm.addr(FIRST_SECRET + i));
            accounts.push(keys[i]);
        }
    }

    // ------------------------------------------------------------------ what the invariants read

    /// @return What broke the rule first; empty if nothing did.
    function breach(Rule rule) external view returns (string memory) {
        return _breaches[rule];
    }

    function organization(uint256 i) external view returns (Organization memory) {
        return organizations[i];
    }

    function key(uint256 i) external view returns (address account, IOrganizationRegistry.Key memory record) {
        return (keys[i], keyRecords[keys[i]]);
    }

    function reportsOf(address account) external view returns (Report[] memory) {
        return reports[account];
    }

    function holder(bytes32 scheme, bytes32 value) external view returns (OrganizationId) {
        return holders[scheme][value];
    }

    function publication(OrganizationId id, bytes32 kind) external view returns (address) {
        return publications[id][kind];
    }

    function readings() external view returns (MembershipReading[] memory, KeyReading[] memory) {
        return (membershipReadings, keyReadings);
    }

    /// @return status What the rules say about a key's status now.
    function statusOf(address account) public view returns (IOrganizationRegistry.KeyStatus status) {
        IOrganizationRegistry.Key storage record = keyRecords[account];
        if (record.addedAt != 0) status = IOrganizationRegistry.KeyStatus.Active;
        if (record.retiredAt != 0) status = IOrganizationRegistry.KeyStatus.Retired;
        if (record.reportedAt != 0) status = IOrganizationRegistry.KeyStatus.Compromised;
    }

    // ------------------------------------------------------------------ calls

    /// @dev Makes a call, compares its outcome with what the rules allow, and what it changed with who may change it.
    function _act(address caller, bool allowed, string memory what, bytes memory call) internal returns (bool done) {
        View memory before = _remembered();
        vm.prank(caller);
        (done,) = address(registry).call(call);
        ++calls;
        if (done) {
            ++accepted;
            ++reached[what];
        }
        if (done != allowed) {
            _break(
                Rule.Outcome,
                string.concat(what, done ? " was accepted from " : " was refused to ", vm.toString(caller))
            );
        }
        View memory present = _view();
        for (uint256 i = 0; i < KEYS; ++i) {
            _compareKey(caller, before, before.keys[i], present.keys[i], what);
        }
        for (uint256 i = 0; i < ORGANIZATIONS; ++i) {
            _compareMembership(caller, before, present, i, what);
            _compareControl(caller, before, present, i, what);
        }
    }

    function _break(Rule rule, string memory what) internal {
        if (bytes(_breaches[rule]).length == 0) {
            _breaches[rule] = string.concat("call ", vm.toString(calls), ": ", what);
        }
    }

    function _require(bool holds, Rule rule, string memory what) internal {
        if (!holds) _break(rule, what);
    }

    function _compareKey(
        address caller,
        View memory before,
        IOrganizationRegistry.Key memory old,
        IOrganizationRegistry.Key memory present,
        string memory what
    ) private {
        if (keccak256(abi.encode(old)) == keccak256(abi.encode(present))) return;
        if (!old.organization.isZero()) {
            _require(present.organization == old.organization, Rule.KeyOrganization, what);
        }
        _require(old.addedAt == 0 || present.addedAt == old.addedAt, Rule.KeyTimes, what);
        _require(old.retiredAt == 0 || present.retiredAt == old.retiredAt, Rule.KeyTimes, what);
        _require(old.reportedAt == 0 || present.reportedAt == old.reportedAt, Rule.KeyTimes, what);
        _require(old.compromisedSince == 0 || present.compromisedSince != 0, Rule.KeyStatus, what);
        _require(present.retiredAt == old.retiredAt || old.compromisedSince == 0, Rule.KeyStatus, what);
        if (present.compromisedSince != old.compromisedSince) {
            _require(old.compromisedSince == 0 || present.compromisedSince < old.compromisedSince, Rule.KeyCutOff, what);
            _require(
                present.compromisedSince >= present.addedAt && present.compromisedSince <= present.reportedAt,
                Rule.KeyCutOff,
                what
            );
            if (caller != officers.registrar) {
                _require(present.compromisedSince + 30 days >= block.timestamp, Rule.CutOffWindow, what);
            }
        }
        bool onlyReported = present.addedAt == old.addedAt && present.retiredAt == old.retiredAt;
        uint256 i = _indexOf(present.organization);
        bool reporter =
            caller == officers.registrar || (organizations[i].upheld && caller == before.recoveries[i].newController);
        _require(caller == before.controllers[i] || (onlyReported && reporter), Rule.KeyAuthority, what);
        if (!onlyReported) {
            _require(before.recoveries[i].newController == address(0), Rule.RecoveryStandstill, what);
        }
    }

    function _compareMembership(address caller, View memory before, View memory present, uint256 i, string memory what)
        private
    {
        IOrganizationRegistry.Membership memory old = before.memberships[i];
        IOrganizationRegistry.Membership memory now_ = present.memberships[i];
        if (now_.standing != old.standing) {
            _require(_mayFollow(old.standing, now_.standing), Rule.Standing, what);
            bool byExpulsion = now_.standing == IOrganizationRegistry.Standing.Expelled;
            address officer = byExpulsion ? officers.policyAdministrator : officers.registrar;
            _require(caller == officer, Rule.MembershipAuthority, what);
        }
        if (now_.memberRoles != old.memberRoles || now_.licenceExpiry != old.licenceExpiry) {
            _require(caller == officers.registrar, Rule.MembershipAuthority, what);
        }
        if (now_.frozen && !old.frozen) {
            _require(before.recoveries[i].newController != address(0), Rule.Freeze, what);
            if (caller != present.controllers[i] && caller != officers.guardian) {
                _require(statusOf(caller) == IOrganizationRegistry.KeyStatus.Active, Rule.Freeze, what);
                _require(keyRecords[caller].organization == organizations[i].id, Rule.Freeze, what);
            }
        }
        if (old.frozen && !now_.frozen) {
            bool byCompletion = caller == before.recoveries[i].newController && organizations[i].upheld;
            _require(caller == officers.admin || byCompletion, Rule.Freeze, what);
        }
        bool changed = keccak256(abi.encode(old)) != keccak256(abi.encode(now_));
        _require(now_.since == (changed ? block.timestamp : old.since), Rule.MembershipAuthority, what);
    }

    function _compareControl(address caller, View memory before, View memory present, uint256 i, string memory what)
        private
    {
        IOrganizationRegistry.Recovery memory recovery = before.recoveries[i];
        bool underRecovery = recovery.newController != address(0);
        address controller = present.controllers[i];
        bool admitted = before.memberships[i].standing != IOrganizationRegistry.Standing.Unknown;
        if (admitted && controller != before.controllers[i]) {
            address named = underRecovery ? recovery.newController : before.pendingControllers[i];
            _require(caller == controller && controller == named, Rule.Control, what);
            _require(present.pendingControllers[i] == address(0), Rule.Control, what);
            if (underRecovery) {
                uint256 startedAt = organizations[i].recoveryStartedAt;
                _require(block.timestamp >= recovery.readyAt, Rule.RecoveryDelay, what);
                _require(
                    organizations[i].upheld || block.timestamp >= startedAt + recoveryDelay, Rule.RecoveryDelay, what
                );
            }
        } else if (present.pendingControllers[i] != before.pendingControllers[i]) {
            _require(!underRecovery, Rule.RecoveryStandstill, what);
            bool voided = present.pendingControllers[i] == address(0) && caller == officers.registrar
                && present.recoveries[i].newController != address(0);
            _require(voided || caller == controller, Rule.Control, what);
        }
    }

    function _mayFollow(IOrganizationRegistry.Standing from, IOrganizationRegistry.Standing to)
        private
        pure
        returns (bool)
    {
        if (to == IOrganizationRegistry.Standing.Unknown) return false;
        if (to == IOrganizationRegistry.Standing.Suspended) return from == IOrganizationRegistry.Standing.Active;
        if (to == IOrganizationRegistry.Standing.Active) {
            return from == IOrganizationRegistry.Standing.Unknown || from == IOrganizationRegistry.Standing.Suspended;
        }
        return from == IOrganizationRegistry.Standing.Active || from == IOrganizationRegistry.Standing.Suspended;
    }

    function _view() private view returns (View memory present) {
        present.keys = new IOrganizationRegistry.Key[](KEYS);
        for (uint256 i = 0; i < KEYS; ++i) {
            present.keys[i] = registry.keyOf(keys[i]);
        }
        present.memberships = new IOrganizationRegistry.Membership[](ORGANIZATIONS);
        present.recoveries = new IOrganizationRegistry.Recovery[](ORGANIZATIONS);
        present.controllers = new address[](ORGANIZATIONS);
        present.pendingControllers = new address[](ORGANIZATIONS);
        for (uint256 i = 0; i < ORGANIZATIONS; ++i) {
            OrganizationId id = organizations[i].id;
            present.memberships[i] = registry.membershipOf(id);
            present.recoveries[i] = registry.recoveryOf(id);
            present.controllers[i] = registry.controllerOf(id);
            present.pendingControllers[i] = registry.pendingControllerOf(id);
        }
    }

    /// @dev The same as the model has it, which invariant 18 holds equal to what the registry said before the call.
    function _remembered() private view returns (View memory before) {
        before.keys = new IOrganizationRegistry.Key[](KEYS);
        for (uint256 i = 0; i < KEYS; ++i) {
            before.keys[i] = keyRecords[keys[i]];
        }
        before.memberships = new IOrganizationRegistry.Membership[](ORGANIZATIONS);
        before.recoveries = new IOrganizationRegistry.Recovery[](ORGANIZATIONS);
        before.controllers = new address[](ORGANIZATIONS);
        before.pendingControllers = new address[](ORGANIZATIONS);
        for (uint256 i = 0; i < ORGANIZATIONS; ++i) {
            Organization storage member = organizations[i];
            before.memberships[i] = member.membership;
            before.recoveries[i] = IOrganizationRegistry.Recovery(
                member.recoveryController, member.recoveryReadyAt, member.membership.frozen
            );
            before.controllers[i] = member.controller;
            before.pendingControllers[i] = member.pendingController;
        }
    }

    function _indexOf(OrganizationId id) internal view returns (uint256 i) {
        while (organizations[i].id != id) ++i;
    }

    // ------------------------------------------------------------------ time

    /// @dev Notes what was said in the second that ends, then lets time pass.
    function _passTime(uint40 gap) internal {
        if (gap == 0) return;
        uint40 from = uint40(block.timestamp);
        uint40 to = from + gap - 1;
        for (uint256 i = 0; i < ORGANIZATIONS; ++i) {
            IOrganizationRegistry.Membership memory said = registry.membershipOf(organizations[i].id);
            uint256 latest = _latestMembershipReading[i];
            if (
                latest != 0 && keccak256(abi.encode(membershipReadings[latest - 1].said)) == keccak256(abi.encode(said))
            ) {
                membershipReadings[latest - 1].to = to;
            } else {
                membershipReadings.push(MembershipReading(i, from, to, said));
                _latestMembershipReading[i] = membershipReadings.length;
            }
        }
        for (uint256 i = 0; i < KEYS; ++i) {
            (OrganizationId id, IOrganizationRegistry.KeyStatus said) = registry.organizationOf(keys[i]);
            uint256 latest = _latestKeyReading[keys[i]];
            if (latest != 0 && keyReadings[latest - 1].said == said && keyReadings[latest - 1].organization == id) {
                keyReadings[latest - 1].to = to;
            } else {
                keyReadings.push(KeyReading(keys[i], from, to, id, said));
                _latestKeyReading[keys[i]] = keyReadings.length;
            }
        }
        vm.warp(from + gap);
    }
}
