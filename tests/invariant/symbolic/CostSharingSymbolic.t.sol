// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";

import {CostSharing} from "../../../contracts/authorization/CostSharing.sol";

/// @notice Proofs over every amount, by halmos, where there is no coinsurance: multiplied and divided amounts are beyond
/// the solver. `authorization/CostSharing.t.sol` samples those.
contract CostSharingSymbolicTest is Test {
    function check_shares_add_up_without_coinsurance(uint64 allowed, uint64 copay, uint64 deductible, uint64 room)
        public
        pure
    {
        CostSharing.Shares memory shares = CostSharing.share(allowed, CostSharing.Burden(copay, deductible, 0, room));
        uint256 patients = uint256(shares.copay) + shares.deductible;
        assertEq(patients + shares.paid, allowed);
        assertLe(patients, room);
        assertLe(shares.copay, copay);
        assertLe(shares.deductible, deductible);
        assertEq(shares.coinsurance, 0);
    }

    function check_left_is_the_difference_or_nothing(uint64 limit, uint64 used) public pure {
        assertEq(CostSharing.left(limit, used), limit > used ? limit - used : 0);
    }
}
