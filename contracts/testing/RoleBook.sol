// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

/// @notice For comparison: membership as most repositories keep it, one OpenZeppelin role per kind of member, with no
/// name, licence, history or keys.
contract RoleBook is AccessControl {
    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }
}
