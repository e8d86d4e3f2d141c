// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";

import {CostSharing} from "../../../contracts/authorization/CostSharing.sol";

/// @notice How an allowed amount is shared, on random amounts; `symbolic/CostSharingSymbolic.t.sol` proves what it can
/// for all of them.
contract CostSharingTest is Test {
    struct Input {
        uint64 allowed;
        uint64 copay;
        uint64 deductibleLeft;
        uint16 coinsurance;
        uint64 outOfPocketLeft;
    }

    // ------------------------------------------------------------------ examples

    function test_shares_in_order() external pure {
        // copay 20, then 30 of deductible, then a tenth of the remaining 150
        _assertShares(_share(Input(200, 20, 30, 1_000, 1_000)), 135, 30, 15, 20);
    }

    function test_out_of_pocket_maximum_cuts_the_last_share_first() external pure {
        _assertShares(_share(Input(200, 20, 30, 1_000, 60)), 140, 30, 10, 20);
        _assertShares(_share(Input(200, 20, 30, 1_000, 45)), 155, 25, 0, 20);
        _assertShares(_share(Input(200, 20, 30, 1_000, 15)), 185, 0, 0, 15);
        _assertShares(_share(Input(200, 20, 30, 1_000, 0)), 200, 0, 0, 0);
    }

    function test_copay_and_deductible_are_at_most_what_is_allowed() external pure {
        _assertShares(_share(Input(15, 20, 30, 1_000, 100)), 0, 0, 0, 15);
        _assertShares(_share(Input(40, 20, 30, 1_000, 100)), 0, 20, 0, 20);
    }

    function test_fraction_of_a_unit_is_the_insurers() external pure {
        _assertShares(_share(Input(9, 0, 0, 1_000, 100)), 9, 0, 0, 0);
        _assertShares(_share(Input(19, 0, 0, 1_000, 100)), 18, 0, 1, 0);
    }

    function test_coinsurance_of_all_leaves_the_insurer_nothing() external pure {
        _assertShares(_share(Input(200, 0, 0, 10_000, 1_000)), 0, 0, 200, 0);
    }

    // ------------------------------------------------------------------ properties

    function testFuzz_shares_add_up_to_what_is_allowed(Input memory input) external pure {
        CostSharing.Shares memory shares = _share(_bounded(input));
        uint256 sum = uint256(shares.paid) + shares.deductible + shares.coinsurance + shares.copay;
        assertEq(sum, input.allowed);
    }

    function testFuzz_no_share_passes_its_limit(Input memory input) external pure {
        CostSharing.Shares memory shares = _share(_bounded(input));
        assertLe(shares.copay, input.copay);
        assertLe(shares.deductible, input.deductibleLeft);
        assertLe(uint256(shares.coinsurance), uint256(input.allowed) * input.coinsurance / 10_000);
        assertLe(uint256(shares.deductible) + shares.coinsurance + shares.copay, input.outOfPocketLeft);
    }

    /// @dev The same by another way: each share in turn, then the excess over the maximum off the last ones.
    function testFuzz_shares_equal_the_model(Input memory input) external pure {
        CostSharing.Shares memory shares = _share(_bounded(input));
        uint256 copay = _least(input.copay, input.allowed);
        uint256 deductible = _least(input.deductibleLeft, input.allowed - copay);
        uint256 coinsurance = (input.allowed - copay - deductible) * input.coinsurance / 10_000;
        uint256 total = copay + deductible + coinsurance;
        uint256 excess = total > input.outOfPocketLeft ? total - input.outOfPocketLeft : 0;
        uint256 cut = _least(excess, coinsurance);
        (coinsurance, excess) = (coinsurance - cut, excess - cut);
        cut = _least(excess, deductible);
        (deductible, excess) = (deductible - cut, excess - cut);
        copay -= excess;
        uint256 paid = input.allowed - copay - deductible - coinsurance;
        _assertShares(shares, paid, deductible, coinsurance, copay);
    }

    function testFuzz_more_left_of_the_maximum_is_never_less_for_the_patient(Input memory input, uint64 more)
        external
        pure
    {
        CostSharing.Shares memory fewer = _share(_bounded(input));
        input.outOfPocketLeft = uint64(bound(more, input.outOfPocketLeft, type(uint64).max));
        assertLe(_share(input).paid, fewer.paid);
    }

    function testFuzz_left_is_the_difference_or_nothing(uint64 limit, uint64 used) external pure {
        assertEq(CostSharing.left(limit, used), limit > used ? limit - used : 0);
    }

    // ------------------------------------------------------------------ helpers

    /// @dev Also small amounts, of which the limits meet.
    function _bounded(Input memory input) private pure returns (Input memory) {
        if (input.allowed % 2 == 0) {
            input.allowed %= 1_000;
            input.copay %= 1_000;
            input.deductibleLeft %= 1_000;
            input.outOfPocketLeft %= 1_000;
        }
        input.coinsurance %= 10_001;
        return input;
    }

    function _share(Input memory input) private pure returns (CostSharing.Shares memory) {
        return CostSharing.share(
            input.allowed,
            CostSharing.Burden(input.copay, input.deductibleLeft, input.coinsurance, input.outOfPocketLeft)
        );
    }

    function _assertShares(
        CostSharing.Shares memory shares,
        uint256 paid,
        uint256 deductible,
        uint256 coinsurance,
        uint256 copay
    ) private pure {
        assertEq(shares.paid, paid, "paid");
        assertEq(shares.deductible, deductible, "deductible");
        assertEq(shares.coinsurance, coinsurance, "coinsurance");
        assertEq(shares.copay, copay, "copay");
    }

    function _least(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
