// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {Haltable} from "../identity/Haltable.sol";
import {IOrganizationRegistry} from "../identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {Replaceable} from "../identity/Replaceable.sol";
import {MemberRole, MemberRoles} from "../identity/Roles.sol";
import {SingleWriter} from "../identity/SingleWriter.sol";

/// @notice The permanent part of the replacement drill: how many tasks each organization has finished.
contract RehearsalLedger is SingleWriter {
    mapping(OrganizationId organization => uint256 count) private _finished;
    mapping(bytes32 task => bool counted) private _counted;

    event TaskCounted(bytes32 indexed task, OrganizationId indexed organization, uint256 finished);

    constructor(address authority) AccessManaged(authority) {}

    /// @notice Counts a finished task, once for ever.
    function count(bytes32 task, OrganizationId organization) external onlyWriter {
        if (_counted[task]) return;
        _counted[task] = true;
        uint256 finished = ++_finished[organization];
        emit TaskCounted(task, organization, finished);
    }

    /// @return How many tasks the organization finished, under whichever version.
    function finishedBy(OrganizationId organization) external view returns (uint256) {
        return _finished[organization];
    }
}

/// @notice The versioned part of the replacement drill: a member begins a task, then finishes or withdraws it.
contract RehearsalWork is Haltable, Replaceable {
    IOrganizationRegistry private immutable _registry;
    RehearsalLedger private immutable _ledger;

    mapping(bytes32 task => OrganizationId organization) private _tasks;
    uint256 private _underWay;

    event TaskBegun(bytes32 indexed task, OrganizationId indexed organization);
    event TaskFinished(bytes32 indexed task, OrganizationId indexed organization);
    event TaskWithdrawn(bytes32 indexed task, OrganizationId indexed organization);

    /// @notice Thrown when a task is begun that an organization has begun already.
    error RehearsalWorkTaskTaken(bytes32 task, OrganizationId organization);
    /// @notice Thrown when a task is not one that the caller's organization has under way.
    error RehearsalWorkNotYours(bytes32 task, OrganizationId organization);

    constructor(address authority, IOrganizationRegistry registry, RehearsalLedger ledger) AccessManaged(authority) {
        _registry = registry;
        _ledger = ledger;
    }

    /// @notice Begins a task. New work: needs an active payer, an open version and no stop.
    function begin(bytes32 task) external whenOpen whenRunning {
        OrganizationId organization = _registry.requireActive(msg.sender, MemberRoles.bit(MemberRole.Payer));
        if (!_tasks[task].isZero()) revert RehearsalWorkTaskTaken(task, _tasks[task]);
        _tasks[task] = organization;
        ++_underWay;
        emit TaskBegun(task, organization);
    }

    /// @notice Finishes a task. Begun work: a stop reaches it, a closed version does not.
    function finish(bytes32 task) external whenRunning {
        OrganizationId organization = _end(task);
        emit TaskFinished(task, organization);
        _ledger.count(task, organization);
    }

    /// @notice Withdraws a task. Like a refund or a return, it works during a stop and after a suspension.
    function withdraw(bytes32 task) external {
        emit TaskWithdrawn(task, _end(task));
    }

    /// @inheritdoc Replaceable
    function workUnderWay() external view override returns (uint256) {
        return _underWay;
    }

    function _end(bytes32 task) private returns (OrganizationId organization) {
        organization = _registry.requireKey(msg.sender);
        if (_tasks[task] != organization) revert RehearsalWorkNotYours(task, organization);
        _tasks[task] = OrganizationId.wrap(0);
        --_underWay;
    }
}
