// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {console} from "forge-std/console.sol";

import {IInsurerVault} from "../../../contracts/authorization/IInsurerVault.sol";
import {InsurerVault} from "../../../contracts/authorization/InsurerVault.sol";
import {PayerRoles} from "../../../contracts/authorization/PayerRoles.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {MemberRole} from "../../../contracts/identity/Roles.sol";
import {SingleWriter} from "../../../contracts/identity/SingleWriter.sol";
import {FeeToken} from "../../../contracts/testing/TestTokens.sol";

import {IdentityFixture} from "../identity/IdentityFixture.sol";
import {VaultHandler, VaultWriter} from "./VaultHandler.sol";

/// @notice The invariants of the vault, over a token that takes a fee; tests/invariant/README.md lists them in prose.
/// forge-config: default.invariant.fail-on-revert = true
contract VaultInvariants is IdentityFixture {
    uint16 internal constant PERIOD = 2027;

    VaultHandler internal handler;
    InsurerVault internal vault;
    FeeToken internal token;
    OrganizationId[] internal providers;
    address[] internal payers;

    function setUp() public override {
        super.setUp();
        delete providers;
        delete payers;
        token = new FeeToken();
        address treasurer = makeAddr("treasurer");
        VaultWriter writer = new VaultWriter();
        vault = new InsurerVault(address(manager), registry, registry.idOf("acme"), token);
        bytes4[] memory selectors = new bytes4[](3);
        selectors[0] = IInsurerVault.setLimits.selector;
        selectors[1] = IInsurerVault.requestWithdrawal.selector;
        selectors[2] = IInsurerVault.withdraw.selector;
        vm.startPrank(admin);
        manager.grantRole(PayerRoles.TREASURER, treasurer, 0);
        manager.setTargetFunctionRole(address(vault), selectors, PayerRoles.TREASURER);
        manager.setTargetFunctionRole(
            address(vault), _only(SingleWriter.setWriter.selector), PayerRoles.POLICY_ADMINISTRATOR
        );
        vm.stopPrank();
        vm.prank(policyAdministrator);
        vault.setWriter(address(writer));
        string[3] memory names = ["hospital", "clinic", "practice"];
        for (uint256 i = 0; i < 3; ++i) {
            address controller = makeAddr(names[i]);
            providers.push(_admit(names[i], controller, MemberRole.Provider));
            vm.prank(controller);
            vault.setPayee(providers[i], makeAddr(string.concat("payee of ", names[i])));
            address payer = makeAddr(string.concat("payer ", names[i]));
            payers.push(payer);
            token.mint(payer, type(uint128).max);
            vm.prank(payer);
            token.approve(address(vault), type(uint256).max);
        }
        vm.prank(treasurer);
        vault.setLimits(100, 3_000);
        handler = new VaultHandler(vault, token, writer, treasurer, providers, payers);
        targetContract(address(handler));
    }

    function invariant_balance_covers_all_that_is_promised() external view {
        _assertSolvent();
    }

    function invariant_providers_have_what_they_earned_and_no_more() external view {
        _assertEarned();
    }

    function invariant_shares_are_those_of_standing_claims() external view {
        _assertShares();
    }

    function invariant_queue_is_what_was_approved_and_not_credited() external view {
        _assertQueue();
    }

    function invariant_records_equal_the_model() external view {
        assertTrue(handler.recordsAgree());
    }

    function invariant_call_succeeds_exactly_when_the_rules_allow_it() external view {
        assertEq(handler.breach(), "");
    }

    function afterInvariant() external view {
        console.log("vault calls", handler.calls());
    }

    /// @dev The handler itself, on a fixed stream of choices and in runs of the usual depth, reaches every kind of act.
    function test_handler_reaches_every_act() external {
        vm.pauseGasMetering();
        string[18] memory acts = [
            "settle",
            "credited at once",
            "queued",
            "passed those that wait",
            "keep unpaid",
            "reverse",
            "reversed in the queue",
            "use prepayment",
            "prepayment used",
            "deposit",
            "prepay",
            "refund",
            "pay out",
            "credit unfunded",
            "credited from the queue",
            "set limits",
            "request withdrawal",
            "withdraw"
        ];
        uint256[18] memory reached;
        for (uint256 run = 0; run < 10; ++run) {
            setUp();
            for (uint256 step = 0; step < 200; ++step) {
                _drive(uint256(keccak256(abi.encode(run, step))));
            }
            _assertSolvent();
            _assertEarned();
            _assertShares();
            _assertQueue();
            assertTrue(handler.recordsAgree());
            assertEq(handler.breach(), "");
            for (uint256 i = 0; i < acts.length; ++i) {
                reached[i] += handler.reached(acts[i]);
            }
        }
        for (uint256 i = 0; i < acts.length; ++i) {
            console.log(reached[i], acts[i]);
            assertGt(reached[i], 0, acts[i]);
        }
    }

    function _drive(uint256 seed) private {
        uint256 act = (seed >> 160) % 20;
        if (act < 6) handler.settle(seed);
        else if (act == 6) handler.keepUnpaid(seed);
        else if (act == 7) handler.reverse(seed);
        else if (act == 8) handler.usePrepayment(seed);
        else if (act == 9) handler.writeAsAnother(seed);
        else if (act == 10) handler.deposit(seed);
        else if (act == 11) handler.prepay(seed);
        else if (act == 12) handler.refund(seed);
        else if (act == 13) handler.payOut(seed);
        else if (act < 16) handler.creditUnfunded(seed);
        else if (act == 16) handler.setLimits(seed);
        else if (act == 17) handler.wait(seed);
        else if (act == 18) (seed % 4 == 0 ? handler.requestWithdrawal : handler.withdraw)(seed);
        else handler.halt(seed);
    }

    /// @dev Nobody sends tokens past the vault here, so that it is the sum exactly.
    function _assertSolvent() private view {
        uint256 promised = vault.available();
        for (uint256 i = 0; i < providers.length; ++i) {
            promised += vault.accountOf(providers[i]).credit;
            for (uint256 j = 0; j < payers.length; ++j) {
                (, uint64 amount) = vault.prepaymentOf(providers[i], keccak256("request"), 0, payers[j]);
                assertEq(amount, handler.held(providers[i], payers[j]));
                promised += amount;
            }
        }
        assertEq(token.balanceOf(address(vault)), promised);
    }

    /// @dev What a provider was paid out and may still draw is what its standing claims paid, its patients' prepayments,
    /// and what it owes.
    function _assertEarned() private view {
        for (uint256 i = 0; i < providers.length; ++i) {
            IInsurerVault.Account memory account = vault.accountOf(providers[i]);
            assertEq(
                handler.paidOut(providers[i]) + account.credit,
                handler.earnedBy(providers[i]) + handler.prepaymentsUsed(providers[i]) + account.debt
            );
        }
    }

    function _assertShares() private view {
        for (uint256 member = 0; member < 2; ++member) {
            (uint256 deductible, uint256 outOfPocket) = handler.sharesOf(member);
            IInsurerVault.Accumulators memory held = vault.accumulatorsOf(handler.memberKey(member), PERIOD);
            assertEq(held.deductible, deductible);
            assertEq(held.outOfPocket, outOfPocket);
        }
    }

    function _assertQueue() private view {
        (uint256 amount, uint256 count) = vault.unfunded();
        (uint256 expectedAmount, uint256 expectedCount) = handler.waiting();
        assertEq(amount, expectedAmount);
        assertEq(count, expectedCount);
        uint256 available = vault.available();
        assertEq(vault.free(), available > amount ? available - amount : 0);
    }
}
