// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {console} from "forge-std/console.sol";

import {BenefitClass} from "../../../contracts/authorization/BenefitRule.sol";
import {ClaimRecord} from "../../../contracts/authorization/ClaimRecord.sol";
import {IAuthorizationRecords} from "../../../contracts/authorization/IAuthorizationRecords.sol";
import {IInsurerVault} from "../../../contracts/authorization/IInsurerVault.sol";
import {IUnitLedger} from "../../../contracts/authorization/IUnitLedger.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";

import {
    AuthorizationFixture,
    DEDUCTIBLE,
    OUT_OF_POCKET,
    UNRULED,
    classesWithRules,
    ruleIn
} from "./AuthorizationFixture.sol";
import {AuthorizationHandler} from "./AuthorizationHandler.sol";
import {AuthorizationModel, Broken, Stage} from "./AuthorizationModel.sol";

/// @notice The invariants of prior authorization and the settlement of claims; tests/invariant/README.md lists them in
/// prose.
/// forge-config: default.invariant.fail-on-revert = true
contract AuthorizationInvariants is AuthorizationFixture {
    AuthorizationHandler internal handler;

    function setUp() public override {
        super.setUp();
        Stage memory stage;
        (stage.authorizations, stage.settlement, stage.vault) = (authorizations, settlement, vault);
        (stage.units, stage.anchors, stage.token) = (units, anchors, token);
        (stage.intake, stage.desk, stage.versions) = (address(intake), address(desk), versions);
        (stage.laterFrom[0], stage.laterFrom[1]) = (START + 15 days, START + 30 days);
        (stage.providers[0], stage.providers[1]) = (hospital, clinic);
        (stage.keys[0], stage.keys[1]) = (hospitalKey, clinicKey);
        (stage.insurerKey, stage.insurerSecret) = makeAddrAndKey("insurer key");
        string[4] memory reviewers = ["reviewer", "reviewer's other key", "other reviewer", "nobody's key"];
        for (uint256 i = 0; i < 4; ++i) {
            (stage.reviewerKeys[i], stage.reviewerSecrets[i]) = makeAddrAndKey(reviewers[i]);
            if (i == 3) continue;
            _addKey(insurer, reviewers[i]);
            vm.prank(medicalDirector);
            panel.appoint(stage.reviewerKeys[i], bytes12(uint96(i == 2 ? 2 : 1)));
        }
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(registry.controllerOf(stage.providers[i]));
            vault.setPayee(stage.providers[i], makeAddr("payee"));
        }
        (stage.administrator, stage.guardian) = (payerPolicyAdministrator, payerGuardian);
        (stage.treasurer, stage.stranger) = (treasurer, stranger);
        handler = new AuthorizationHandler(stage);
        targetContract(address(handler));
        for (uint256 step = 0; step < 9; ++step) {
            handler.submit(uint256(keccak256(abi.encode("begin", step))));
        }
    }

    // ------------------------------------------------------------------ decisions

    function invariant_lines_are_what_the_decisions_told() external view {
        _assertLines();
    }

    function invariant_rules_decide_as_they_say() external view {
        assertEq(handler.breach(Broken.Decision), "");
    }

    function invariant_decision_is_only_superseded_by_the_next() external view {
        assertEq(handler.breach(Broken.Sequence), "");
    }

    function invariant_software_denies_only_exclusions_and_claim_edits() external view {
        assertEq(handler.breach(Broken.Denial), "");
    }

    function invariant_work_under_way_is_what_may_still_change_or_be_drawn() external view {
        assertEq(authorizations.workUnderWay(), handler.underWay());
    }

    // ------------------------------------------------------------------ units

    function invariant_units_never_pass_the_periods_limit() external view {
        assertEq(handler.breach(Broken.Limit), "");
        _assertLimits();
    }

    function invariant_ledger_holds_what_grants_have_left_and_claims_drew() external view {
        _assertCounts();
    }

    function invariant_no_more_is_drawn_than_was_granted() external view {
        assertEq(handler.breach(Broken.Draw), "");
    }

    function invariant_shadow_binds_nobody() external view {
        assertEq(handler.breach(Broken.Shadow), "");
        _assertShadows();
    }

    // ------------------------------------------------------------------ money

    function invariant_charge_is_what_is_paid_and_every_adjustment() external view {
        assertEq(handler.breach(Broken.Sum), "");
    }

    function invariant_payment_rests_on_a_grant_or_a_persons_decision() external view {
        assertEq(handler.breach(Broken.Payment), "");
    }

    function invariant_nothing_is_paid_twice() external view {
        assertEq(handler.breach(Broken.Twice), "");
        _assertEarned();
    }

    function invariant_claim_records_are_what_was_told() external view {
        _assertClaims();
    }

    function invariant_shares_never_pass_the_plans_maximum() external view {
        _assertShares();
    }

    function invariant_balance_covers_all_that_is_promised() external view {
        _assertSolvent();
    }

    function invariant_call_succeeds_exactly_when_the_rules_allow_it() external view {
        assertEq(handler.breach(Broken.Outcome), "");
    }

    function afterInvariant() external view {
        console.log("authorization calls, accepted", handler.calls(), handler.accepted());
    }

    /// @dev The handler itself, on a fixed stream of choices and in runs of the usual depth, reaches every kind of act.
    function test_handler_reaches_every_act() external {
        vm.pauseGasMetering();
        string[55] memory acts = _acts();
        uint256[55] memory reached;
        uint256 refused = 0;
        for (uint256 run = 0; run < 24; ++run) {
            setUp();
            for (uint256 step = 0; step < 100; ++step) {
                _drive(uint256(keccak256(abi.encode(run, step))));
            }
            _assertAll();
            for (uint256 i = 0; i < acts.length; ++i) {
                reached[i] += handler.reached(acts[i]);
            }
            refused += handler.calls() - handler.accepted();
        }
        for (uint256 i = 0; i < acts.length; ++i) {
            console.log(reached[i], acts[i]);
        }
        for (uint256 i = 0; i < acts.length; ++i) {
            assertGt(reached[i], 0, acts[i]);
        }
        assertGt(refused, 200, "refused calls");
    }

    function _drive(uint256 seed) private {
        uint256 act = seed % 16;
        if (act == 0) handler.submit(seed);
        else if (act == 1) handler.update(seed);
        else if (act == 2) handler.cancel(seed);
        else if (act == 3) handler.verifyCoverage(seed);
        else if (act == 4) handler.appeal(seed);
        else if (act == 5) handler.ask(seed);
        else if (act == 6) handler.markOverdue(seed);
        else if (act == 7) handler.expire(seed);
        else if (act == 8) handler.review(seed);
        else if (act == 9) handler.reviewAppeal(seed);
        else if (act == 10) handler.reviewAgain(seed);
        else if (act == 11) handler.claim(seed);
        else if (act == 12) handler.reviewClaim(seed);
        else if (act == 13) handler.reverse(seed);
        else if (act == 14) handler.fund(seed);
        else handler.disturb(seed);
    }

    function _acts() private pure returns (string[55] memory) {
        return [
            "submit",
            "submit again",
            "update",
            "cancel",
            "verify coverage",
            "appeal",
            "request information",
            "supply information",
            "extend",
            "mark overdue",
            "expire",
            "review",
            "claim",
            "review claim",
            "reverse",
            "halt",
            "resume",
            "close",
            "open",
            "approved",
            "approved in part",
            "pended",
            "not required",
            "denied by contract",
            "gold card",
            "shadow",
            "approved overdue",
            "reviewed in full",
            "reviewed in part",
            "reviewed modified",
            "reviewed denied",
            "first opinion",
            "second opinion",
            "another class",
            "upheld",
            "overturned",
            "overturned on a grant",
            "overturned when used up",
            "cancelled",
            "superseded",
            "expired",
            "drawn in part",
            "exhausted",
            "back from exhausted",
            "put back after the end",
            "paid by the rules",
            "paid by a person",
            "claim pended",
            "claim denied",
            "claim denied by a person",
            "claim reversed",
            "duplicate",
            "unfunded",
            "credited from the queue",
            "prepayment used"
        ];
    }

    // ------------------------------------------------------------------ what must hold

    function _assertAll() private view {
        for (uint256 i = 0; i <= uint256(type(Broken).max); ++i) {
            assertEq(handler.breach(Broken(i)), "");
        }
        assertEq(authorizations.workUnderWay(), handler.underWay());
        _assertLines();
        _assertLimits();
        _assertCounts();
        _assertShadows();
        _assertEarned();
        _assertClaims();
        _assertShares();
        _assertSolvent();
    }

    function _assertLines() private view {
        for (uint256 i = 0; i < handler.lineCount(); ++i) {
            AuthorizationModel.Entry memory line = handler.lineAt(i);
            IAuthorizationRecords.LineState memory held =
                authorizations.lineOf(_provider(line.provider), line.request, line.number);
            assertEq(keccak256(abi.encode(held)), keccak256(abi.encode(line.state)));
        }
    }

    /// @dev No version has a higher limit than the first.
    function _assertLimits() private view {
        uint16[6] memory classes = classesWithRules();
        for (uint256 member = 0; member < handler.MEMBERS(); ++member) {
            for (uint256 i = 0; i < 6; ++i) {
                IUnitLedger.Balance memory held = _balance(handler.memberKey(member), member, classes[i]);
                uint256 limit = ruleIn(classes[i], false).authorization.maxMilliUnitsPerPeriod;
                assertLe(uint256(held.reserved) + held.used, limit);
            }
        }
    }

    /// @dev By the lines one by one, and by the events in their order.
    function _assertCounts() private view {
        for (uint256 member = 0; member < handler.MEMBERS(); ++member) {
            for (uint16 benefitClass = 11; benefitClass <= UNRULED; ++benefitClass) {
                bytes16 key = handler.memberKey(member);
                _assertCount(key, member, benefitClass);
                _assertCount(handler.shadowOf(key), member, benefitClass);
            }
        }
    }

    function _assertCount(bytes16 key, uint256 member, uint16 benefitClass) private view {
        IUnitLedger.Balance memory held = _balance(key, member, benefitClass);
        uint16 period = handler.periodOf(member);
        AuthorizationModel.Count memory told = handler.countOf(key, period, benefitClass);
        assertEq(held.reserved, told.reserved, "reserved");
        assertEq(held.used, told.used, "used");
        AuthorizationModel.Count memory sum = handler.sumOf(key, period, benefitClass);
        assertEq(held.reserved, sum.reserved, "reserved by lines");
        assertEq(held.used, sum.used, "used by lines");
    }

    function _assertShadows() private view {
        for (uint256 member = 0; member < handler.MEMBERS(); ++member) {
            bytes16 key = handler.shadowOf(handler.memberKey(member));
            for (uint16 benefitClass = 11; benefitClass <= UNRULED; ++benefitClass) {
                assertEq(_balance(key, member, benefitClass).used, 0);
            }
        }
    }

    /// @dev What a provider was paid out and may still draw is what its standing claims paid, its patients' prepayments,
    /// and what it owes.
    function _assertEarned() private view {
        for (uint256 i = 0; i < 2; ++i) {
            IInsurerVault.Account memory account = vault.accountOf(_provider(i));
            uint256 earned = handler.earnedBy(i) + handler.prepaymentsUsed(i) + account.debt;
            assertEq(handler.paidOut(i) + account.credit, earned);
        }
    }

    function _assertClaims() private view {
        for (uint256 i = 0; i < handler.claimCount(); ++i) {
            AuthorizationModel.ClaimEntry memory told = handler.claimAt(i);
            ClaimRecord memory held = settlement.claimOf(handler.claimKey(i));
            assertEq(uint8(held.status), uint8(told.status), "status");
            assertEq(uint8(held.finding), uint8(told.finding), "finding");
            assertEq(held.paid, told.paid, "paid");
            assertEq(held.deductible, told.deductible, "deductible");
            assertEq(held.outOfPocket, told.outOfPocket, "out of pocket");
        }
    }

    function _assertShares() private view {
        for (uint256 member = 0; member < handler.MEMBERS(); ++member) {
            IInsurerVault.Accumulators memory held =
                vault.accumulatorsOf(handler.memberKey(member), handler.periodOf(member));
            assertLe(held.deductible, DEDUCTIBLE);
            assertLe(held.outOfPocket, OUT_OF_POCKET);
            (uint256 deductible, uint256 outOfPocket) = handler.sharesOf(member);
            assertEq(held.deductible, deductible);
            assertEq(held.outOfPocket, outOfPocket);
        }
    }

    /// @dev Prepayments are all by the hospital's key.
    function _assertSolvent() private view {
        uint256 promised = vault.available() + vault.accountOf(hospital).credit + vault.accountOf(clinic).credit;
        for (uint256 i = 0; i < handler.lineCount(); ++i) {
            AuthorizationModel.Entry memory line = handler.lineAt(i);
            (, uint64 amount) = vault.prepaymentOf(_provider(line.provider), line.request, line.number, hospitalKey);
            promised += amount;
        }
        assertGe(token.balanceOf(address(vault)), promised);
    }

    function _balance(bytes16 key, uint256 member, uint16 benefitClass)
        private
        view
        returns (IUnitLedger.Balance memory)
    {
        return units.balanceOf(key, handler.periodOf(member), BenefitClass.wrap(benefitClass));
    }

    function _provider(uint256 index) private view returns (OrganizationId) {
        return index == 0 ? hospital : clinic;
    }
}
