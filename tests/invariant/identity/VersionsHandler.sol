// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CommonBase} from "forge-std/Base.sol";

import {Haltable} from "../../../contracts/identity/Haltable.sol";
import {IOrganizationRegistry} from "../../../contracts/identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {OrganizationRegistry} from "../../../contracts/identity/OrganizationRegistry.sol";
import {Replaceable} from "../../../contracts/identity/Replaceable.sol";
import {RehearsalLedger, RehearsalWork} from "../../../contracts/testing/Rehearsal.sol";

/// @notice What members, officers and strangers can do to two versions of the drill's work and to its ledger.
contract VersionsHandler is CommonBase {
    uint8 private constant TASKS = 4;

    OrganizationRegistry private immutable _registry;
    RehearsalLedger private immutable _ledger;
    RehearsalWork[] private _versions;
    address[] private _keys;
    OrganizationId[] private _organizations; // of the keys, in their order
    address private immutable _policyAdministrator;
    address private immutable _guardian;
    address private immutable _registrar;

    // What the rules say.
    mapping(RehearsalWork version => bool) public isHalted;
    mapping(RehearsalWork version => bool) public isOpen;
    mapping(RehearsalWork version => uint256) public underWay;
    mapping(RehearsalWork version => mapping(bytes32 task => OrganizationId)) public taskOf;
    mapping(OrganizationId organization => uint256) public finished;
    mapping(OrganizationId organization => bool) public suspended;
    mapping(bytes32 task => bool) public counted;
    address public writer;

    uint256 public calls;
    mapping(string what => uint256 times) public reached;

    string public stopBreach;
    string public versionBreach;
    string public writerBreach;
    string public handOverBreach;
    string public officerBreach;
    string public taskBreach;

    constructor(
        OrganizationRegistry registry,
        RehearsalLedger ledger,
        RehearsalWork[] memory versions,
        address[] memory keys,
        address[3] memory officers
    ) {
        _registry = registry;
        _ledger = ledger;
        _versions = versions;
        _keys = keys;
        (_policyAdministrator, _guardian, _registrar) = (officers[0], officers[1], officers[2]);
        for (uint256 i = 0; i < keys.length; ++i) {
            (OrganizationId organization,) = registry.organizationOf(keys[i]);
            _organizations.push(organization);
        }
        for (uint256 i = 0; i < versions.length; ++i) {
            isOpen[versions[i]] = versions[i].isOpenToNewWork();
        }
        writer = ledger.writer();
    }

    // ------------------------------------------------------------------ members

    function begin(uint256 seed) external {
        RehearsalWork version = _version(seed);
        bytes32 task = _task(seed >> 8);
        uint256 k = (seed >> 16) % _keys.length;
        bool free = taskOf[version][task].isZero();
        bool mayBegin = !suspended[_organizations[k]];
        bool done = _call(_keys[k], address(version), abi.encodeCall(version.begin, (task)), "begin");
        if (isHalted[version] && done) stopBreach = "begun while halted";
        if (!isOpen[version] && done) versionBreach = "begun in a closed version";
        bool expected = free && mayBegin && isOpen[version] && !isHalted[version];
        if (done != expected) taskBreach = "begin";
        if (!done) return;
        taskOf[version][task] = _organizations[k];
        ++underWay[version];
    }

    function finish(uint256 seed) external {
        (RehearsalWork version, bytes32 task, uint256 k) = _work(seed);
        bool own = taskOf[version][task] == _organizations[k];
        bool done = _call(_keys[k], address(version), abi.encodeCall(version.finish, (task)), "finish");
        if (isHalted[version] && done) stopBreach = "finished while halted";
        if (address(version) != writer && done) writerBreach = "counted by a version that is not the writer";
        bool expected = own && !isHalted[version] && address(version) == writer;
        if (done != expected) taskBreach = "finish";
        if (!done) return;
        if (!isOpen[version]) ++reached["finish in a closed version"];
        if (!counted[task]) ++finished[_organizations[k]];
        counted[task] = true;
        _end(version, task);
    }

    function withdraw(uint256 seed) external {
        (RehearsalWork version, bytes32 task, uint256 k) = _work(seed);
        bool own = taskOf[version][task] == _organizations[k];
        bool done = _call(_keys[k], address(version), abi.encodeCall(version.withdraw, (task)), "withdraw");
        if (own && !done) stopBreach = "a withdrawal was stopped";
        if (done != own) taskBreach = "withdraw";
        if (!done) return;
        if (isHalted[version]) ++reached["withdraw while halted"];
        _end(version, task);
    }

    // ------------------------------------------------------------------ officers

    function halt(uint256 seed) external {
        RehearsalWork version = _version(seed);
        address caller = _caller(seed >> 8, _guardian);
        if ((seed >> 16) % 2 == 0) return; // so that versions mostly run
        bool done = _call(caller, address(version), abi.encodeCall(Haltable.halt, ()), "halt");
        if (done != (caller == _guardian && !isHalted[version])) officerBreach = "halt";
        if (done) isHalted[version] = true;
    }

    function resume(uint256 seed) external {
        RehearsalWork version = _version(seed);
        address caller = _caller(seed >> 8, _policyAdministrator);
        bool done = _call(caller, address(version), abi.encodeCall(Haltable.resume, ()), "resume");
        if (done != (caller == _policyAdministrator && isHalted[version])) officerBreach = "resume";
        if (done) isHalted[version] = false;
    }

    function open(uint256 seed) external {
        RehearsalWork version = _version(seed);
        address caller = _caller(seed >> 8, _policyAdministrator);
        bool done = _call(caller, address(version), abi.encodeCall(Replaceable.openToNewWork, ()), "open");
        if (done != (caller == _policyAdministrator && !isOpen[version])) officerBreach = "open";
        if (done) isOpen[version] = true;
    }

    function close(uint256 seed) external {
        RehearsalWork version = _version(seed);
        address caller = _caller(seed >> 8, _policyAdministrator);
        bool done = _call(caller, address(version), abi.encodeCall(Replaceable.closeToNewWork, ()), "close");
        if (done != (caller == _policyAdministrator && isOpen[version])) officerBreach = "close";
        if (done) isOpen[version] = false;
    }

    function setWriter(uint256 seed) external {
        address caller = _caller(seed >> 8, _policyAdministrator);
        address next = seed % 8 == 0 ? _guardian : seed % 8 == 1 ? address(0) : address(_version(seed >> 3));
        bool done = _call(caller, address(_ledger), abi.encodeCall(_ledger.setWriter, (next)), "set writer");
        bool closed = next == address(0) || (!isOpen[RehearsalWork(writer)] && !isOpen[RehearsalWork(next)]);
        if (done && !closed) handOverBreach = "the ledger changed hands while a version was open";
        if (done != (caller == _policyAdministrator && next != _guardian && closed)) officerBreach = "set writer";
        if (done) writer = next;
    }

    /// @dev Anybody tries to write the ledger without the work in between; a version itself may only as the writer.
    function count(uint256 seed) external {
        address caller = seed % 4 == 0 ? address(_version(seed >> 2)) : _caller(seed >> 8, address(this));
        if (caller == writer) return;
        OrganizationId organization = _organizations[(seed >> 16) % _organizations.length];
        if (_call(caller, address(_ledger), abi.encodeCall(_ledger.count, (bytes32(seed), organization)), "count")) {
            writerBreach = "counted by another account";
        }
    }

    /// @dev One call in four, so that members are mostly in good standing.
    function changeStanding(uint256 seed) external {
        if ((seed >> 8) % 4 != 0) return;
        OrganizationId organization = _organizations[seed % _organizations.length];
        IOrganizationRegistry.Reason reason = IOrganizationRegistry.Reason.RegulatorOrder;
        vm.prank(_registrar);
        if (suspended[organization]) _registry.reinstate(organization, reason);
        else _registry.suspend(organization, reason);
        suspended[organization] = !suspended[organization];
    }

    // ------------------------------------------------------------------

    function _call(address caller, address target, bytes memory call, string memory what) private returns (bool done) {
        ++calls;
        vm.prank(caller);
        (done,) = target.call(call);
        if (done) ++reached[what];
    }

    function _end(RehearsalWork version, bytes32 task) private {
        taskOf[version][task] = OrganizationId.wrap(0);
        --underWay[version];
    }

    function _version(uint256 seed) private view returns (RehearsalWork) {
        return _versions[seed % _versions.length];
    }

    function _task(uint256 seed) private pure returns (bytes32) {
        return bytes32(seed % TASKS + 1);
    }

    /// @dev Mostly a task that is under way, and mostly one of its organization's keys.
    function _work(uint256 seed) private view returns (RehearsalWork version, bytes32 task, uint256 k) {
        (version, task, k) = (_version(seed), _task(seed >> 8), (seed >> 16) % _keys.length);
        if (seed % 8 == 0) return (version, task, k);
        for (uint256 n = 0; n < TASKS; ++n) {
            task = _task((seed >> 8) % TASKS + n);
            if (!taskOf[version][task].isZero()) break;
        }
        for (uint256 n = 0; n < _keys.length; ++n) {
            if (_organizations[n] == taskOf[version][task]) return (version, task, n);
        }
    }

    function _caller(uint256 seed, address right) private view returns (address) {
        if (seed % 4 != 0) return right;
        address[4] memory others = [_guardian, _policyAdministrator, _registrar, _keys[0]];
        return others[(seed >> 2) % 4];
    }
}
