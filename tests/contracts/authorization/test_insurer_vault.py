"""The vault's money: who brings it, who takes it out, what waits for it, and what its writer may do."""

from __future__ import annotations

import ape
import pytest

from ..support import DAY, ZERO, Reason, chain_time, events, refusal, send, time_of, travel, travel_to
from .claims import (
    DAILY_CAP,
    FUNDS,
    MEMBER,
    PERIOD,
    PRICE,
    SHARED,
    ClaimStatus,
    Finding,
    today,
)
from .payer import MAX_AMOUNT, MONEY, UNIT

WEEK = 7 * DAY
MOST = 2**64 - 1


@pytest.fixture
def payee(spare_key):
    """An account that is paid for the hospital."""
    return spare_key


@pytest.fixture
def paid(suite, hospital, payee):
    """A claim line that is credited to the hospital, which has a payee."""
    send(suite.vault.setPayee, hospital.id, payee, sender=hospital.controller)
    _, line = suite.pay(suite.request())
    return line


@pytest.fixture
def drain(suite, treasurer, stranger):
    """Has the treasurer take out all but some money."""

    def call(leave: int) -> None:
        amount = suite.vault.free() - leave
        send(suite.vault.requestWithdrawal, stranger, amount, sender=treasurer)
        travel(WEEK)
        send(suite.vault.withdraw, sender=treasurer)

    return call


@pytest.fixture
def patient_funds(suite, patient, stranger):
    """The patient has coins, tokens, and lets the vault take them."""
    ape.networks.provider.set_balance(patient.address, 10**20)
    send(suite.token.mint, patient, 100 * MONEY, sender=stranger)
    send(suite.token.approve, suite.vault, 2**256 - 1, sender=patient)


@pytest.fixture
def freeze(registry, registrar, hospital, new_controller):
    """A contested recovery freezes the hospital."""

    def call() -> None:
        send(registry.startRecovery, hospital.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
        send(registry.contestRecovery, hospital.id, new_controller, sender=hospital.controller)

    return call


def solvent(suite):
    """Whether the token's balance covers all that is promised, of one provider and without prepayments."""
    return suite.token.balanceOf(suite.vault) >= suite.vault.available() + suite.account()[0]


# ---------------------------------------------------------------------- deposit


def test_deposit_adds_to_the_insurers_money(suite, stranger):
    send(suite.token.mint, stranger, 7, sender=stranger)
    send(suite.token.approve, suite.vault, 7, sender=stranger)
    receipt = send(suite.vault.deposit, 7, sender=stranger)
    assert events(receipt, suite.vault) == [("Deposited", stranger.address, 7)]
    assert suite.vault.available() == suite.vault.free() == FUNDS + 7
    assert suite.token.balanceOf(suite.vault) == FUNDS + 7


def test_deposit_counts_what_came_in(contracts, deploy_payers, registry, insurer, payer_admin, deposit):
    token = payer_admin.deploy(contracts["FeeToken"])
    vault = deploy_payers("InsurerVault", registry, insurer.id, token)
    receipt = deposit(token, vault, 1_000)
    assert events(receipt, vault)[0][2] == 990
    assert vault.available() == token.balanceOf(vault) == 990


def test_deposit_reverts_if_nothing_comes_in(suite, stranger):
    assert refusal(suite.vault.deposit, 0, sender=stranger) == ("InsurerVaultNothingReceived", stranger.address)


def test_deposit_reverts_for_more_than_the_vault_counts(suite, stranger):
    send(suite.token.mint, stranger, 2**96, sender=stranger)
    send(suite.token.approve, suite.vault, 2**96, sender=stranger)
    assert refusal(suite.vault.deposit, 2**96 - FUNDS, sender=stranger) == (
        "InsurerVaultAmountTooLarge",
        2**96 - FUNDS,
    )


def test_deposit_reverts_without_an_allowance(suite, stranger):
    send(suite.token.mint, stranger, 5, sender=stranger)
    assert refusal(suite.vault.deposit, 5, sender=stranger)[0] == "ERC20InsufficientAllowance"


@pytest.fixture
def hooked(contracts, deploy_payers, registry, insurer, payer_admin, deposit):
    """A vault over a token that calls its holders, and a holder that calls back."""
    token = payer_admin.deploy(contracts["HookToken"])
    vault = deploy_payers("InsurerVault", registry, insurer.id, token)
    holder = payer_admin.deploy(contracts["ReenteringHolder"], token)
    deposit(token, vault, 1_000)
    send(token.mint, holder, 100, sender=payer_admin)
    send(holder.execute, token, token.approve.encode_input(vault, 100), sender=payer_admin)
    return token, vault, holder


def test_deposit_counts_nothing_twice_for_a_token_with_hooks(hooked, payer_admin):
    token, vault, holder = hooked
    send(holder.setCall, vault, vault.deposit.encode_input(40), sender=payer_admin)
    send(holder.execute, vault, vault.deposit.encode_input(60), sender=payer_admin)
    assert not holder.accepted()
    assert vault.available() == token.balanceOf(vault) == 1_060


# ---------------------------------------------------------------------- payOut


def test_pay_out_pays_the_credit_to_the_payee(suite, hospital, payee, paid, stranger):
    receipt = send(suite.vault.payOut, hospital.id, sender=stranger)
    assert events(receipt, suite.vault) == [("CreditPaid", hospital.id, payee.address, PRICE)]
    assert suite.token.balanceOf(payee) == PRICE
    assert suite.account() == (0, 0)
    assert suite.token.balanceOf(suite.vault) == suite.vault.available() == FUNDS - PRICE


def test_pay_out_reverts_without_a_credit(suite, hospital, payee, paid, stranger):
    send(suite.vault.payOut, hospital.id, sender=stranger)
    assert refusal(suite.vault.payOut, hospital.id) == ("InsurerVaultNothingToPay", hospital.id, payee.address)


def test_pay_out_reverts_without_a_payee(suite, hospital, paid):
    send(suite.vault.setPayee, hospital.id, ZERO, sender=hospital.controller)
    assert refusal(suite.vault.payOut, hospital.id) == ("InsurerVaultNothingToPay", hospital.id, ZERO)
    assert suite.account() == (PRICE, 0)


def test_pay_out_reverts_for_an_unknown_organization(suite):
    unknown = bytes(11) + b"\1"
    assert refusal(suite.vault.payOut, unknown) == ("OrganizationRegistryUnknownOrganization", unknown)


def test_pay_out_reverts_while_the_provider_is_frozen(suite, hospital, paid, freeze):
    freeze()
    assert refusal(suite.vault.payOut, hospital.id) == ("OrganizationRegistryFrozen", hospital.id)


def test_pay_out_works_for_a_suspended_provider(suite, hospital, payee, paid, registry, registrar, stranger):
    send(registry.suspend, hospital.id, Reason.FRAUD, sender=registrar)
    send(suite.vault.payOut, hospital.id, sender=stranger)
    assert suite.token.balanceOf(payee) == PRICE


def test_pay_out_works_during_a_stop(suite, hospital, payee, paid, payer_guardian, stranger):
    send(suite.settlement.halt, sender=payer_guardian)
    send(suite.vault.payOut, hospital.id, sender=stranger)
    assert suite.token.balanceOf(payee) == PRICE


@pytest.fixture
def hooked_suite(contracts, open_suite, payer_admin, hospital):
    """A suite over a token that calls its holders, with a credit of the hospital's, whose payee calls back."""
    token = payer_admin.deploy(contracts["HookToken"])
    suite = open_suite(token, FUNDS)
    holder = payer_admin.deploy(contracts["ReenteringHolder"], token)
    send(suite.vault.setPayee, hospital.id, holder, sender=hospital.controller)
    suite.pay(suite.request())
    return suite, holder


def test_pay_out_pays_once_to_a_payee_that_calls_back(hooked_suite, hospital, stranger):
    suite, holder = hooked_suite
    send(holder.setCall, suite.vault, suite.vault.payOut.encode_input(hospital.id), sender=stranger)
    send(suite.vault.payOut, hospital.id, sender=stranger)
    assert not holder.accepted()
    assert suite.token.balanceOf(holder) == PRICE
    assert suite.token.balanceOf(suite.vault) == suite.vault.available() == FUNDS - PRICE


def test_pay_out_reverts_for_a_token_that_takes_more(contracts, open_suite, payer_admin, hospital, payee, stranger):
    token = payer_admin.deploy(contracts["FeeToken"])
    suite = open_suite(token, FUNDS)
    suite.pay(suite.request())
    send(suite.vault.setPayee, hospital.id, payee, sender=hospital.controller)
    send(token.setOnTop, True, sender=stranger)
    taken = PRICE + PRICE // 100
    assert refusal(suite.vault.payOut, hospital.id) == ("InsurerVaultOvercharged", PRICE, taken)
    send(token.setOnTop, False, sender=stranger)
    send(suite.vault.payOut, hospital.id, sender=stranger)
    assert token.balanceOf(payee) == PRICE - PRICE // 100


# ---------------------------------------------------------------------- setPayee


def test_set_payee_names_the_account_that_is_paid(suite, hospital, payee, stranger):
    receipt = send(suite.vault.setPayee, hospital.id, payee, sender=hospital.controller)
    assert events(receipt, suite.vault) == [("PayeeChanged", hospital.id, ZERO, payee.address)]
    receipt = send(suite.vault.setPayee, hospital.id, stranger, sender=hospital.controller)
    assert events(receipt, suite.vault) == [("PayeeChanged", hospital.id, payee.address, stranger.address)]
    assert tuple(suite.vault.accountOf(hospital.id)) == (0, 0, stranger.address)


@pytest.mark.parametrize("role", ["hospital_key", "insurer_controller", "treasurer"])
def test_set_payee_reverts_for_others_than_the_controller(suite, hospital, payee, role, request):
    caller = request.getfixturevalue(role)
    assert refusal(suite.vault.setPayee, hospital.id, payee, sender=caller) == (
        "InsurerVaultNotController",
        hospital.id,
        caller.address,
    )


def test_set_payee_reverts_during_a_recovery(suite, hospital, payee, registry, registrar, new_controller):
    send(registry.startRecovery, hospital.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
    assert refusal(suite.vault.setPayee, hospital.id, payee, sender=hospital.controller) == (
        "InsurerVaultRecoveryPending",
        hospital.id,
        new_controller.address,
    )


# ---------------------------------------------------------------------- setLimits


def test_set_limits_sets_floor_and_cap(suite, treasurer):
    receipt = send(suite.vault.setLimits, 5, 6, sender=treasurer)
    assert events(receipt, suite.vault) == [("LimitsChanged", 5, 6)]
    assert tuple(suite.vault.limits()) == (5, 6, 0)


def test_set_limits_reverts_for_others_than_the_treasurer(suite, payer_policy_administrator):
    assert refusal(suite.vault.setLimits, 5, 6, sender=payer_policy_administrator)[0] == "AccessManagedUnauthorized"


def test_set_limits_reverts_for_a_cap_beyond_all_amounts(suite, treasurer):
    cap = MAX_AMOUNT + 1
    assert refusal(suite.vault.setLimits, 0, cap, sender=treasurer) == ("InsurerVaultAmountTooLarge", cap)


# ---------------------------------------------------------------------- requestWithdrawal, withdraw


def test_request_withdrawal_waits_a_week(suite, treasurer, stranger):
    assert suite.vault.withdrawalDelay() == WEEK
    receipt = send(suite.vault.requestWithdrawal, stranger, 9, sender=treasurer)
    ready = time_of(receipt) + WEEK
    assert events(receipt, suite.vault) == [("WithdrawalRequested", stranger.address, 9, ready)]
    assert tuple(suite.vault.withdrawal()) == (9, ready, stranger.address)


def test_request_withdrawal_replaces_one_that_waits(suite, treasurer, stranger, admin):
    send(suite.vault.requestWithdrawal, stranger, 9, sender=treasurer)
    travel(WEEK)
    ready = time_of(send(suite.vault.requestWithdrawal, admin, 10, sender=treasurer)) + WEEK
    assert tuple(suite.vault.withdrawal()) == (10, ready, admin.address)
    assert refusal(suite.vault.withdraw, sender=treasurer) == ("InsurerVaultNotReady", ready)


def test_request_withdrawal_of_nothing_calls_it_off(suite, treasurer, stranger):
    send(suite.vault.requestWithdrawal, stranger, 9, sender=treasurer)
    receipt = send(suite.vault.requestWithdrawal, ZERO, 0, sender=treasurer)
    assert events(receipt, suite.vault) == [("WithdrawalRequested", ZERO, 0, 0)]
    assert tuple(suite.vault.withdrawal()) == (0, 0, ZERO)


def test_request_withdrawal_reverts_without_a_recipient(suite, treasurer):
    assert refusal(suite.vault.requestWithdrawal, ZERO, 9, sender=treasurer) == ("InsurerVaultNoRecipient", 9)


def test_request_withdrawal_reverts_for_others_than_the_treasurer(suite, stranger, payer_admin):
    assert refusal(suite.vault.requestWithdrawal, stranger, 9, sender=stranger)[0] == "AccessManagedUnauthorized"
    assert refusal(suite.vault.withdraw, sender=payer_admin)[0] == "AccessManagedUnauthorized"


def test_withdraw_takes_out_what_was_asked_for(suite, treasurer, stranger):
    ready = time_of(send(suite.vault.requestWithdrawal, stranger, 9, sender=treasurer)) + WEEK
    travel_to(ready)
    receipt = send(suite.vault.withdraw, sender=treasurer)
    assert events(receipt, suite.vault) == [("Withdrawn", stranger.address, 9)]
    assert suite.token.balanceOf(stranger) == 9
    assert suite.vault.available() == suite.token.balanceOf(suite.vault) == FUNDS - 9
    assert refusal(suite.vault.withdraw, sender=treasurer) == ("InsurerVaultNotReady", 0)


def test_withdraw_reverts_before_its_time(suite, treasurer, stranger):
    ready = time_of(send(suite.vault.requestWithdrawal, stranger, 9, sender=treasurer)) + WEEK
    travel_to(ready - 1)
    assert refusal(suite.vault.withdraw, sender=treasurer) == ("InsurerVaultNotReady", ready)


def test_withdraw_reverts_without_a_request(suite, treasurer):
    assert refusal(suite.vault.withdraw, sender=treasurer) == ("InsurerVaultNotReady", 0)


def test_withdraw_leaves_the_floor(suite, treasurer, stranger):
    send(suite.vault.setLimits, 100, DAILY_CAP, sender=treasurer)
    send(suite.vault.requestWithdrawal, stranger, FUNDS - 99, sender=treasurer)
    travel(WEEK)
    assert refusal(suite.vault.withdraw, sender=treasurer) == ("InsurerVaultNotFree", FUNDS - 99, FUNDS)
    send(suite.vault.setLimits, 99, DAILY_CAP, sender=treasurer)
    send(suite.vault.withdraw, sender=treasurer)
    assert suite.vault.available() == 99


def test_withdraw_leaves_what_is_unfunded_and_credited(suite, treasurer, stranger):
    request = suite.request()
    suite.pay(request, charge=PRICE)  # credited
    send(suite.vault.setLimits, 0, PRICE, sender=treasurer)
    suite.pay(request, charge=PRICE - 1)  # waits for tomorrow's cap
    assert tuple(suite.vault.unfunded()) == (PRICE - 1, 1)
    assert suite.vault.free() == FUNDS - 2 * PRICE + 1
    send(suite.vault.requestWithdrawal, stranger, FUNDS, sender=treasurer)
    travel(WEEK)
    free = suite.vault.free()
    assert refusal(suite.vault.withdraw, sender=treasurer) == ("InsurerVaultNotFree", FUNDS, free)
    send(suite.vault.requestWithdrawal, stranger, free, sender=treasurer)
    travel(WEEK)
    send(suite.vault.withdraw, sender=treasurer)
    assert suite.vault.free() == 0
    assert suite.token.balanceOf(suite.vault) == 2 * PRICE - 1


# ---------------------------------------------------------------------- prepay, refund


def test_prepay_holds_the_callers_money(suite, hospital, patient, patient_funds):
    request = suite.request(SHARED)
    key = suite.vault.prepaymentOf(hospital.id, request, 0, patient).prepayment
    receipt = send(suite.vault.prepay, hospital.id, request, 0, 30, sender=patient)
    assert events(receipt, suite.vault) == [("PrepaymentHeld", key, patient.address, 30)]
    send(suite.vault.prepay, hospital.id, request, 0, 12, sender=patient)
    assert suite.vault.prepaymentOf(hospital.id, request, 0, patient).amount == 42
    assert suite.vault.available() == FUNDS
    assert suite.token.balanceOf(suite.vault) == FUNDS + 42


def test_prepay_is_apart_for_each_line_and_payer(suite, hospital, laboratory, patient, stranger):
    request, other = suite.request(), suite.request()
    named = [(hospital.id, request, 0, patient), (hospital.id, request, 1, patient), (hospital.id, other, 0, patient)]
    named += [(laboratory.id, request, 0, patient), (hospital.id, request, 0, stranger)]
    assert len({bytes(suite.vault.prepaymentOf(*one).prepayment) for one in named}) == len(named)


def test_prepay_counts_what_came_in(contracts, deploy_payers, registry, insurer, payer_admin, hospital, stranger):
    token = payer_admin.deploy(contracts["FeeToken"])
    vault = deploy_payers("InsurerVault", registry, insurer.id, token)
    send(token.mint, stranger, 1_000, sender=stranger)
    send(token.approve, vault, 1_000, sender=stranger)
    send(vault.prepay, hospital.id, bytes(32), 0, 1_000, sender=stranger)
    assert vault.prepaymentOf(hospital.id, bytes(32), 0, stranger).amount == token.balanceOf(vault) == 990
    send(vault.refund, hospital.id, bytes(32), 0, sender=stranger)
    assert token.balanceOf(vault) == 0


def test_prepay_reverts_if_nothing_comes_in(suite, hospital, stranger):
    assert refusal(suite.vault.prepay, hospital.id, bytes(32), 0, 0, sender=stranger) == (
        "InsurerVaultNothingReceived",
        stranger.address,
    )


def test_prepay_reverts_for_more_than_the_vault_counts(suite, hospital, stranger):
    send(suite.token.mint, stranger, 2**64, sender=stranger)
    send(suite.token.approve, suite.vault, 2**64, sender=stranger)
    assert refusal(suite.vault.prepay, hospital.id, bytes(32), 0, 2**64, sender=stranger) == (
        "InsurerVaultAmountTooLarge",
        2**64,
    )


def test_refund_gives_all_back(suite, hospital, patient, patient_funds, payer_guardian):
    request = suite.request()
    send(suite.vault.prepay, hospital.id, request, 0, 30, sender=patient)
    send(suite.settlement.halt, sender=payer_guardian)  # no stop reaches it
    key = suite.vault.prepaymentOf(hospital.id, request, 0, patient).prepayment
    receipt = send(suite.vault.refund, hospital.id, request, 0, sender=patient)
    assert events(receipt, suite.vault) == [("PrepaymentRefunded", key, patient.address, 30)]
    assert suite.token.balanceOf(patient) == 100 * MONEY
    assert suite.token.balanceOf(suite.vault) == FUNDS


def test_refund_reverts_for_others_and_twice(suite, hospital, patient, patient_funds, stranger, treasurer):
    request = suite.request()
    send(suite.vault.prepay, hospital.id, request, 0, 30, sender=patient)
    for caller in (stranger, treasurer):
        key = bytes(suite.vault.prepaymentOf(hospital.id, request, 0, caller).prepayment)
        assert refusal(suite.vault.refund, hospital.id, request, 0, sender=caller) == (
            "InsurerVaultNoPrepayment",
            key,
            caller.address,
        )
    send(suite.vault.refund, hospital.id, request, 0, sender=patient)
    assert refusal(suite.vault.refund, hospital.id, request, 0, sender=patient)[0] == "InsurerVaultNoPrepayment"


def test_refund_pays_once_to_a_payer_that_calls_back(hooked, hospital, payer_admin):
    token, vault, holder = hooked
    send(holder.execute, vault, vault.prepay.encode_input(hospital.id, bytes(32), 0, 100), sender=payer_admin)
    refund = vault.refund.encode_input(hospital.id, bytes(32), 0)
    send(holder.setCall, vault, refund, sender=payer_admin)
    send(holder.execute, vault, refund, sender=payer_admin)
    assert not holder.accepted()
    assert token.balanceOf(holder) == 100
    assert token.balanceOf(vault) == vault.available() == 1_000


def test_refund_from_within_a_deposit_is_refused(hooked, hospital, payer_admin):
    """Else what goes out would hide what comes in."""
    token, vault, holder = hooked
    send(holder.execute, vault, vault.prepay.encode_input(hospital.id, bytes(32), 0, 50), sender=payer_admin)
    send(holder.setCall, vault, vault.refund.encode_input(hospital.id, bytes(32), 0), sender=payer_admin)
    send(holder.execute, vault, vault.deposit.encode_input(50), sender=payer_admin)
    assert not holder.accepted()
    assert vault.available() == 1_050
    assert token.balanceOf(vault) == 1_100


# ---------------------------------------------------------------------- settle


@pytest.mark.parametrize("method", ["settle", "keepUnpaid", "reverse", "usePrepayment"])
def test_writing_reverts_for_others_than_the_writer(suite, hospital, treasurer, method):
    nothing = bytes(32)
    payment = (nothing, hospital.id, MEMBER, PERIOD, True, False, 0, bytes(8), 5, 0, 0)
    arguments = {
        "settle": (payment, (0, 0)),
        "keepUnpaid": (nothing, True, 0, bytes(8)),
        "reverse": (nothing, hospital.id, MEMBER, PERIOD),
        "usePrepayment": (hospital.id, nothing, 0, treasurer, 5),
    }[method]
    assert refusal(getattr(suite.vault, method), *arguments, sender=treasurer) == (
        "SingleWriterNotWriter",
        treasurer.address,
        suite.settlement.address,
    )


def test_settle_credits_and_counts(suite, hospital):
    request = suite.request(SHARED)
    claim, line = suite.claim(), suite.line(request)
    receipt = suite.submit(claim, line)
    # 150: copay 20, the rest is deductible
    assert events(receipt, suite.vault) == [("AccumulatorsChanged", MEMBER, PERIOD, 130 * MONEY, 150 * MONEY)]
    receipt = suite.submit(suite.claim(), suite.line(suite.request(), charge=PRICE + 1))
    credited = [event for event in events(receipt, suite.vault) if event[0] == "ProviderCredited"]
    assert credited == [("ProviderCredited", credited[0][1], hospital.id, PRICE, 0)]
    assert suite.account() == (PRICE, 0)
    assert suite.vault.available() == FUNDS - PRICE
    assert tuple(suite.vault.limits()) == (0, DAILY_CAP, PRICE)


def test_settle_reverts_for_a_line_that_was_paid(suite, hospital):
    _, line = suite.pay(suite.request())
    key = line.key(hospital.id)
    payment = (key, hospital.id, MEMBER, PERIOD, False, False, 0, bytes(8), 5, 0, 0)
    again = ("InsurerVaultAlreadyPaid", key, ClaimStatus.PAID)
    assert refusal(suite.vault.settle, payment, (0, 0), sender=suite.settlement) == again
    assert refusal(suite.vault.keepUnpaid, key, True, 0, bytes(8), sender=suite.settlement) == again
    suite.reverse(line)
    assert refusal(suite.vault.settle, payment, (0, 0), sender=suite.settlement) == (
        "InsurerVaultAlreadyPaid",
        key,
        ClaimStatus.REVERSED,
    )


@pytest.mark.parametrize(
    ("deductible", "out_of_pocket"), [(11, 11), (5, 21), (6, 5)], ids=["deductible", "out of pocket", "contradiction"]
)
def test_settle_reverts_if_shares_pass_their_caps(suite, hospital, deductible, out_of_pocket):
    payment = (b"\1" * 32, hospital.id, MEMBER, PERIOD, False, False, 0, bytes(8), 5, deductible, out_of_pocket)
    assert refusal(suite.vault.settle, payment, (10, 20), sender=suite.settlement) == (
        "InsurerVaultAccumulatorsOutOfRange",
        MEMBER,
        PERIOD,
    )


def test_settle_reverts_for_a_share_beyond_all_amounts(suite, hospital):
    share = MAX_AMOUNT + 1
    payment = (b"\1" * 32, hospital.id, MEMBER, PERIOD, False, False, 0, bytes(8), 5, 0, share)
    assert refusal(suite.vault.settle, payment, (0, MOST), sender=suite.settlement) == (
        "InsurerVaultAmountTooLarge",
        share,
    )


def test_settle_queues_over_the_daily_cap(suite, hospital, treasurer):
    send(suite.vault.setLimits, 0, 2 * PRICE - 1, sender=treasurer)
    request = suite.request()
    suite.pay(request)
    claim, line = suite.claim(), suite.line(request, charge=PRICE + 1)
    receipt = suite.submit(claim, line)
    key = line.key(hospital.id)
    assert ("PaymentQueued", key, hospital.id, PRICE, 0) in events(receipt, suite.vault)
    assert suite.status(line) == (ClaimStatus.APPROVED_UNFUNDED, Finding.NONE)
    assert suite.account() == (PRICE, 0)
    assert tuple(suite.vault.unfunded()) == (PRICE, 1)
    assert suite.vault.free() == FUNDS - 2 * PRICE


def test_settle_queues_behind_those_that_wait(suite, treasurer):
    """A small payment does not pass a large one."""
    send(suite.vault.setLimits, 0, 3 * PRICE, sender=treasurer)
    request = suite.request()
    suite.pay(request, milli_units=2 * UNIT, charge=2 * PRICE)
    _, large = suite.pay(request, milli_units=2 * UNIT, charge=2 * PRICE + 1)
    _, small = suite.pay(request, charge=10 * MONEY)
    assert [suite.status(line)[0] for line in (large, small)] == 2 * [ClaimStatus.APPROVED_UNFUNDED]


def test_settle_queues_without_money(suite, drain):
    drain(PRICE - 1)
    _, line = suite.pay(suite.request())
    assert suite.status(line)[0] == ClaimStatus.APPROVED_UNFUNDED
    assert suite.vault.available() == PRICE - 1
    assert suite.vault.free() == 0


def test_settle_lets_a_persons_payment_pass_what_waits_for_the_cap(suite, treasurer):
    send(suite.vault.setLimits, 0, PRICE, sender=treasurer)
    request = suite.request()
    suite.pay(request)
    _, waiting = suite.pay(request, charge=PRICE - 1)
    claim, line = suite.pay(request, day=today() + 1)
    assert suite.status(line)[0] == ClaimStatus.IN_REVIEW
    suite.decide(claim, line, PRICE)
    assert suite.status(line)[0] == ClaimStatus.PAID
    assert suite.status(waiting)[0] == ClaimStatus.APPROVED_UNFUNDED
    assert tuple(suite.vault.limits())[2] == PRICE  # a person's is not counted


def test_settle_has_a_persons_payment_wait_if_it_would_take_others_money(suite, treasurer, drain):
    drain(2 * PRICE)
    send(suite.vault.setLimits, 0, PRICE, sender=treasurer)
    request = suite.request()
    suite.pay(request)
    suite.pay(request, charge=PRICE - 1)
    claim, line = suite.pay(request, day=today() + 1)
    suite.decide(claim, line, PRICE)
    assert suite.vault.available() == PRICE
    assert suite.status(line)[0] == ClaimStatus.APPROVED_UNFUNDED


def test_settle_starts_the_cap_anew_each_day(suite, treasurer):
    send(suite.vault.setLimits, 0, PRICE, sender=treasurer)
    request = suite.request()
    suite.pay(request)
    assert tuple(suite.vault.limits())[2] == PRICE
    travel_to((chain_time() // DAY + 1) * DAY)
    assert tuple(suite.vault.limits())[2] == 0
    _, line = suite.pay(request)
    assert suite.status(line)[0] == ClaimStatus.PAID


def test_settle_makes_up_a_debt_first(suite, hospital, payee, stranger):
    send(suite.vault.setPayee, hospital.id, payee, sender=hospital.controller)
    request = suite.request()
    _, first = suite.pay(request)
    send(suite.vault.payOut, hospital.id, sender=stranger)
    suite.reverse(first)
    assert suite.account() == (0, PRICE)
    receipt = suite.submit(suite.claim(), suite.line(request, charge=100 * MONEY))
    assert [event[3:] for event in events(receipt, suite.vault)] == [(100 * MONEY, 100 * MONEY)]
    assert suite.account() == (0, 50 * MONEY)
    suite.submit(suite.claim(), suite.line(request, charge=120 * MONEY))
    assert suite.account() == (70 * MONEY, 0)
    assert suite.vault.available() == FUNDS - PRICE - 70 * MONEY
    assert suite.token.balanceOf(suite.vault) == suite.vault.available() + 70 * MONEY


# ---------------------------------------------------------------------- keepUnpaid


def test_keep_unpaid_keeps_what_waits_or_is_denied(suite):
    claim, line = suite.claim(), suite.line(suite.request(), day=today() + 1)
    suite.submit(claim, line)
    held = suite.record(line)
    assert (held.status, held.finding, held.tag) == (ClaimStatus.IN_REVIEW, Finding.IMPLAUSIBLE_DATE, claim.tag())
    assert (held.paid, held.deductible, held.out_of_pocket) == (0, 0, 0)
    suite.decide(claim, line, 0, 50)
    assert suite.status(line) == (ClaimStatus.DENIED, Finding.IMPLAUSIBLE_DATE)


# ---------------------------------------------------------------------- creditUnfunded


@pytest.fixture
def queue(suite, treasurer, drain):
    """Three payments of the hospital's that wait for money, of 150, 50 and 100, and the cap is 200 a day."""
    send(suite.vault.setLimits, 0, 200 * MONEY, sender=treasurer)
    drain(0)
    request = suite.request()
    return [suite.pay(request, charge=charge * MONEY)[1] for charge in (150, 50, 100)]


def statuses(suite, lines):
    return [suite.status(line)[0] for line in lines]


WAITING, CREDITED = ClaimStatus.APPROVED_UNFUNDED, ClaimStatus.PAID


def test_credit_unfunded_goes_in_order_as_far_as_there_is_money(suite, hospital, queue, deposit, stranger):
    deposit(suite.token, suite.vault, 199 * MONEY)
    receipt = send(suite.vault.creditUnfunded, 10, sender=stranger)
    assert events(receipt, suite.vault) == [
        ("ProviderCredited", queue[0].key(hospital.id), hospital.id, 150 * MONEY, 0)
    ]
    assert statuses(suite, queue) == [CREDITED, WAITING, WAITING]
    assert suite.account() == (150 * MONEY, 0)
    assert tuple(suite.vault.unfunded()) == (150 * MONEY, 2)
    assert suite.vault.available() == 49 * MONEY


def test_credit_unfunded_goes_no_further_than_it_is_told(suite, queue, deposit, stranger):
    deposit(suite.token, suite.vault, 1_000 * MONEY)
    send(suite.vault.creditUnfunded, 1, sender=stranger)
    assert statuses(suite, queue) == [CREDITED, WAITING, WAITING]


def test_credit_unfunded_counts_towards_the_cap_of_its_day(suite, queue, deposit, stranger):
    deposit(suite.token, suite.vault, 1_000 * MONEY)
    send(suite.vault.creditUnfunded, 10, sender=stranger)
    assert statuses(suite, queue) == [CREDITED, CREDITED, WAITING]
    assert tuple(suite.vault.limits())[2] == 200 * MONEY
    assert refusal(suite.vault.creditUnfunded, 10) == ("InsurerVaultNothingFunded", 1)
    travel_to((chain_time() // DAY + 1) * DAY)
    send(suite.vault.creditUnfunded, 10, sender=stranger)
    assert statuses(suite, queue) == [CREDITED] * 3
    assert tuple(suite.vault.limits())[2] == 100 * MONEY
    assert tuple(suite.vault.unfunded()) == (0, 0)


def test_credit_unfunded_skips_what_was_taken_out(suite, queue, deposit, stranger):
    suite.reverse(queue[0])
    suite.reverse(queue[1])
    deposit(suite.token, suite.vault, 100 * MONEY)
    send(suite.vault.creditUnfunded, 1, sender=stranger)  # only skips, and gets on
    assert statuses(suite, queue)[2] == WAITING
    send(suite.vault.creditUnfunded, 2, sender=stranger)
    assert statuses(suite, queue) == [ClaimStatus.REVERSED, ClaimStatus.REVERSED, CREDITED]
    assert suite.account() == (100 * MONEY, 0)


def test_credit_unfunded_keeps_whether_all_was_allowed(suite, drain, deposit, stranger):
    drain(0)
    claim, line = suite.pay(suite.request(), day=today() + 1)
    suite.decide(claim, line, 90 * MONEY, 50)
    assert suite.status(line)[0] == ClaimStatus.PARTIAL_UNFUNDED
    deposit(suite.token, suite.vault, 90 * MONEY)
    send(suite.vault.creditUnfunded, 1, sender=stranger)
    assert suite.status(line)[0] == ClaimStatus.PARTIAL


def test_credit_unfunded_reverts_if_nothing_can_be_credited(suite, queue):
    assert refusal(suite.vault.creditUnfunded, 10) == ("InsurerVaultNothingFunded", 3)
    assert refusal(suite.vault.creditUnfunded, 0) == ("InsurerVaultNothingFunded", 3)


def test_credit_unfunded_reverts_while_the_writer_is_halted(suite, queue, deposit, payer_guardian):
    deposit(suite.token, suite.vault, 1_000 * MONEY)
    send(suite.settlement.halt, sender=payer_guardian)
    assert refusal(suite.vault.creditUnfunded, 10) == ("InsurerVaultHalted", suite.settlement.address)


def test_credit_unfunded_works_without_a_writer(suite, queue, deposit, stranger, payer_policy_administrator):
    deposit(suite.token, suite.vault, 1_000 * MONEY)
    send(suite.vault.setWriter, ZERO, sender=payer_policy_administrator)
    send(suite.vault.creditUnfunded, 1, sender=stranger)
    assert statuses(suite, queue) == [CREDITED, WAITING, WAITING]


def test_credit_unfunded_nets_a_debt_without_money(suite, hospital, payee, treasurer, stranger, drain):
    send(suite.vault.setPayee, hospital.id, payee, sender=hospital.controller)
    request = suite.request()
    _, first = suite.pay(request)
    send(suite.vault.payOut, hospital.id, sender=stranger)
    send(suite.vault.setLimits, 0, PRICE, sender=treasurer)
    _, waiting = suite.pay(request, charge=PRICE - 1)
    suite.reverse(first)
    drain(0)
    assert suite.vault.available() == PRICE - 1
    send(suite.vault.creditUnfunded, 1, sender=stranger)
    assert suite.status(waiting)[0] == CREDITED
    assert suite.account() == (0, 1)
    assert suite.vault.available() == PRICE - 1


# ---------------------------------------------------------------------- usePrepayment


@pytest.fixture
def prepaid(suite, hospital, patient, patient_funds):
    """A request of whose first line the patient has prepaid 100."""
    request = suite.request(SHARED)
    send(suite.vault.prepay, hospital.id, request, 0, 100 * MONEY, sender=patient)
    return request


def test_use_prepayment_pays_the_patients_share(suite, hospital, patient, prepaid, stranger):
    claim = suite.claim(payer=patient)
    receipt = suite.submit(claim, suite.line(prepaid))
    key = bytes(suite.vault.prepaymentOf(hospital.id, prepaid, 0, patient).prepayment)
    assert events(receipt, suite.vault)[-1] == ("PrepaymentUsed", key, hospital.id, 100 * MONEY)
    assert suite.account() == (100 * MONEY, 0)
    assert suite.vault.prepaymentOf(hospital.id, prepaid, 0, patient).amount == 0
    assert refusal(suite.vault.refund, hospital.id, prepaid, 0, sender=patient)[0] == "InsurerVaultNoPrepayment"
    assert solvent(suite)


def test_use_prepayment_takes_no_more_than_the_share(suite, hospital, patient, prepaid):
    suite.submit(suite.claim(payer=patient), suite.line(prepaid, charge=60 * MONEY))
    assert suite.account() == (60 * MONEY, 0)
    assert suite.vault.prepaymentOf(hospital.id, prepaid, 0, patient).amount == 40 * MONEY


def test_use_prepayment_leaves_it_if_the_claim_names_another_payer(suite, hospital, patient, prepaid, stranger):
    suite.submit(suite.claim(payer=stranger), suite.line(prepaid))
    suite.submit(suite.claim(), suite.line(prepaid, charge=PRICE - 1))
    assert suite.vault.prepaymentOf(hospital.id, prepaid, 0, patient).amount == 100 * MONEY


def test_use_prepayment_leaves_another_providers(
    suite, hospital, laboratory, laboratory_key, patient, patient_funds, prepaid
):
    """A provider reaches what was prepaid to itself only: an unknown line of its own is denied."""
    line = suite.line(prepaid)
    suite.submit(suite.claim(payer=patient), line, documents=[suite.document(laboratory_key)], key=laboratory_key)
    assert suite.record(line, laboratory.id).finding == Finding.UNKNOWN_AUTHORIZATION
    assert suite.vault.prepaymentOf(hospital.id, prepaid, 0, patient).amount == 100 * MONEY


def test_use_prepayment_does_not_make_up_a_debt(suite, hospital, payee, patient, prepaid, stranger):
    send(suite.vault.setPayee, hospital.id, payee, sender=hospital.controller)
    _, first = suite.pay(suite.request())
    send(suite.vault.payOut, hospital.id, sender=stranger)
    suite.reverse(first)
    suite.submit(suite.claim(payer=patient), suite.line(prepaid))
    assert suite.account() == (100 * MONEY, PRICE)
