// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice For comparison: units as most repositories keep them, one struct for each with its serial, product and lot
/// as text. It is the least of its kind: no roles, no expiry check, no containers, no recall.
contract UnitBook {
    enum Status {
        Unknown,
        Made,
        Shipped,
        Received,
        Dispensed
    }

    struct Unit {
        string serial;
        string product;
        string lot;
        uint256 expiry;
        address owner;
        address receiver;
        Status status;
        uint256 changedAt;
    }

    event UnitChanged(uint256 indexed unit, address indexed by, Status status);

    error NotTheirs(uint256 unit, address caller);

    mapping(uint256 unit => Unit) public units;
    uint256 public count;

    function create(string calldata serial, string calldata product, string calldata lot, uint256 expiry) external {
        count += 1;
        units[count] = Unit(serial, product, lot, expiry, msg.sender, address(0), Status.Made, block.timestamp);
        emit UnitChanged(count, msg.sender, Status.Made);
    }

    function ship(uint256 unit, address receiver) external {
        if (units[unit].owner != msg.sender) revert NotTheirs(unit, msg.sender);
        units[unit].receiver = receiver;
        _change(unit, Status.Shipped);
    }

    function accept(uint256 unit) external {
        if (units[unit].receiver != msg.sender) revert NotTheirs(unit, msg.sender);
        units[unit].owner = msg.sender;
        _change(unit, Status.Received);
    }

    function dispense(uint256 unit) external {
        if (units[unit].owner != msg.sender) revert NotTheirs(unit, msg.sender);
        _change(unit, Status.Dispensed);
    }

    function _change(uint256 unit, Status status) private {
        units[unit].status = status;
        units[unit].changedAt = block.timestamp;
        emit UnitChanged(unit, msg.sender, status);
    }
}
