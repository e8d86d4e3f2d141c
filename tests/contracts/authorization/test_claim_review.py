"""review and reverse of a claim line: what a person decides, by signature."""

from __future__ import annotations

import ape
import pytest
from eth_utils.crypto import keccak

from ..support import DAY, ZERO_HASH, events, refusal, send, travel
from .claims import (
    FREE,
    FUNDS,
    MEMBER,
    PERIOD,
    PLAIN,
    PRICE,
    PRICELESS,
    RATIONALE,
    REASON,
    SHARED,
    SMALL,
    Carc,
    ClaimStatus,
    Finding,
    Record,
    Split,
    adjudicated,
    today,
)
from .conftest import OTHER_REVIEWER, REVIEWER
from .payer import MONEY, UNIT


@pytest.fixture
def waiting(suite):
    """A claim and its line, of 300 where 2 units are agreed at 150 and the fast track pays 100."""
    return suite.pay(suite.request(SMALL), milli_units=2 * UNIT, charge=2 * PRICE + 50)


@pytest.fixture
def patient_funds(suite, patient, stranger, hospital):
    """The patient has tokens and lets the vault take them."""
    ape.networks.provider.set_balance(patient.address, 10**20)
    send(suite.token.mint, patient, 100 * MONEY, sender=stranger)
    send(suite.token.approve, suite.vault, 2**256 - 1, sender=patient)


# ---------------------------------------------------------------------- review


def test_review_pays_what_a_person_allows(suite, hospital, reviewer_key, waiting):
    claim, line = waiting
    receipt = suite.decide(claim, line, 2 * PRICE)
    key = line.key(hospital.id)
    split = Split(charge=2 * PRICE + 50, paid=2 * PRICE, contractual=50)
    found = Finding.OVER_FAST_TRACK_MAXIMUM
    assert events(receipt, suite.settlement) == [
        ("ClaimReviewed", key, reviewer_key.address, REVIEWER, 0, RATIONALE),
        adjudicated(suite, claim, line, ClaimStatus.PAID, found, split, REVIEWER),
    ]
    assert suite.record(line) == Record(ClaimStatus.PAID, found, claim.tag(), 2 * PRICE, 0, 0)
    assert suite.account() == (2 * PRICE, 0)
    assert suite.left_of(line.request) == (3 * UNIT, 700 * MONEY)


def test_review_pays_in_part_with_a_reason(suite, waiting):
    claim, line = waiting
    receipt = suite.decide(claim, line, PRICE, Carc.NOT_NECESSARY)
    assert suite.split(receipt) == Split(
        charge=2 * PRICE + 50, paid=PRICE, contractual=50, denied=PRICE, carc=Carc.NOT_NECESSARY
    )
    assert suite.status(line)[0] == ClaimStatus.PARTIAL
    assert suite.left_of(line.request) == (3 * UNIT, 850 * MONEY)


def test_review_can_call_the_rest_contractual(suite, waiting):
    claim, line = waiting
    receipt = suite.decide(claim, line, PRICE, Carc.OVER_AGREED_PRICE)
    assert suite.split(receipt) == Split(charge=2 * PRICE + 50, paid=PRICE, contractual=PRICE + 50)
    assert suite.status(line)[0] == ClaimStatus.PAID


def test_review_can_allow_more_than_the_agreed_price(suite, waiting):
    claim, line = waiting
    receipt = suite.decide(claim, line, 2 * PRICE + 50)
    assert suite.split(receipt) == Split(charge=2 * PRICE + 50, paid=2 * PRICE + 50)


def test_review_allows_up_to_the_charge_without_an_agreed_price(suite):
    claim, line = suite.pay(suite.request(PRICELESS))
    receipt = suite.decide(claim, line, PRICE - 1, Carc.NOT_NECESSARY)
    assert suite.split(receipt) == Split(charge=PRICE, paid=PRICE - 1, denied=1, carc=Carc.NOT_NECESSARY)


def test_review_denies_with_a_reason(suite, hospital, waiting):
    claim, line = waiting
    receipt = suite.decide(claim, line, 0, Carc.NOT_NECESSARY)
    assert suite.split(receipt) == Split(charge=line.charge, denied=line.charge, carc=Carc.NOT_NECESSARY)
    assert suite.status(line) == (ClaimStatus.DENIED, Finding.OVER_FAST_TRACK_MAXIMUM)
    assert suite.vault.available() == FUNDS
    assert suite.left_of(line.request) == (5 * UNIT, 1_000 * MONEY)


def test_review_shares_with_the_patient(suite):
    claim, line = suite.pay(suite.request(SHARED), day=today() + 1)
    receipt = suite.decide(claim, line, PRICE)
    assert suite.split(receipt) == Split(charge=PRICE, deductible=130 * MONEY, copay=20 * MONEY)
    assert suite.shares() == (130 * MONEY, 150 * MONEY)


def test_review_draws_no_more_than_is_left(suite):
    request = suite.request(milli_units=2 * UNIT, amount=PRICE)
    claim, line = suite.pay(request, milli_units=3 * UNIT, charge=3 * PRICE)
    suite.decide(claim, line, 3 * PRICE)
    assert suite.account() == (3 * PRICE, 0)
    assert suite.left_of(request) == (0, 0)
    assert suite.units.balanceOf(MEMBER, PERIOD, PLAIN).used == 2 * UNIT


def test_review_draws_nothing_outside_the_validity(suite):
    request = suite.request()
    claim, line = suite.pay(request, day=suite.line_state(request)["validFrom"] - 1)
    suite.decide(claim, line, PRICE)
    assert suite.account() == (PRICE, 0)
    assert suite.left_of(request) == (5 * UNIT, 1_000 * MONEY)


def test_review_pays_what_needs_no_authorization(suite):
    claim, line = suite.pay(suite.request(FREE))
    suite.decide(claim, line, PRICE)
    assert suite.status(line) == (ClaimStatus.PAID, Finding.AUTHORIZATION_NOT_REQUIRED)


def test_review_is_not_counted_in_the_daily_cap(suite, treasurer, waiting):
    send(suite.vault.setLimits, 0, 1, sender=treasurer)
    suite.decide(*waiting, 2 * PRICE)
    assert tuple(suite.vault.limits()) == (0, 1, 0)
    assert suite.account() == (2 * PRICE, 0)


def test_review_reconsiders_what_was_denied(suite):
    """A claim that came before its request is denied by the rules; a person can still pay it."""
    request = keccak(b"a request to come")
    _, line = suite.pay(request)
    assert suite.status(line) == (ClaimStatus.DENIED, Finding.UNKNOWN_AUTHORIZATION)
    known = suite.request()
    late_claim, late = suite.pay(known, day=today() + 1)
    suite.decide(late_claim, late, 0, Carc.NOT_NECESSARY)
    suite.decide(late_claim, late, PRICE, status=ClaimStatus.DENIED)
    assert suite.status(late)[0] == ClaimStatus.PAID


def test_review_of_another_status_is_void(suite, waiting):
    """A decision that was signed and not sent does not undo a later one."""
    claim, line = waiting
    held_back = suite.review(claim, line, 2 * PRICE)
    suite.decide(claim, line, 0, Carc.NOT_NECESSARY)
    assert refusal(suite.settlement.review, *held_back) == (
        "ClaimSettlementForbiddenTransition",
        line.key(suite.provider),
        ClaimStatus.DENIED,
    )


@pytest.mark.parametrize("status", [ClaimStatus.UNKNOWN, ClaimStatus.PAID, ClaimStatus.REVERSED])
def test_review_reverts_for_a_line_that_is_unknown_paid_or_reversed(suite, status):
    request = suite.request()
    claim, line = suite.pay(request)
    if status == ClaimStatus.UNKNOWN:
        line = suite.line(request, charge=1)
    if status == ClaimStatus.REVERSED:
        suite.reverse(line)
    for stated in (status, ClaimStatus.IN_REVIEW):
        call = suite.review(claim, line, 1, status=stated)
        assert refusal(suite.settlement.review, *call) == (
            "ClaimSettlementForbiddenTransition",
            line.key(suite.provider),
            status,
        )


def test_review_cannot_be_sent_twice(suite, waiting):
    claim, line = waiting
    call = suite.review(claim, line, PRICE, Carc.NOT_NECESSARY)
    send(suite.settlement.review, *call, sender=suite.sender)
    assert refusal(suite.settlement.review, *call)[0] == "ClaimSettlementForbiddenTransition"


def test_review_reverts_for_another_line_than_its_key(suite, waiting):
    claim, line = waiting
    other = suite.line(line.request, milli_units=2 * UNIT, charge=10**12)
    call = suite.review(claim, line, 2 * PRICE)
    call[2] = other.call()
    assert refusal(suite.settlement.review, *call) == (
        "ClaimSettlementOtherLine",
        line.key(suite.provider),
        other.key(suite.provider),
    )


def test_review_reverts_for_another_claim_or_payer(suite, hospital, patient, patient_funds):
    """Who sends a review does not choose whose prepayment pays the patient's share."""
    request = suite.request(SHARED)
    send(suite.vault.prepay, hospital.id, request, 0, 100 * MONEY, sender=patient)
    claim, line = suite.pay(request, day=today() + 1)
    for other in (suite.claim(), type(claim)(claim.id, claim.content, patient.address)):
        call = suite.review(claim, line, PRICE)
        call[1] = other.call()
        assert refusal(suite.settlement.review, *call) == (
            "ClaimSettlementOtherClaim",
            line.key(suite.provider),
            other.tag(),
            claim.tag(),
        )
    suite.decide(claim, line, PRICE)
    assert suite.vault.prepaymentOf(hospital.id, request, 0, patient).amount == 100 * MONEY


def test_review_uses_what_the_claims_payer_prepaid(suite, hospital, patient, patient_funds):
    request = suite.request(SHARED)
    send(suite.vault.prepay, hospital.id, request, 0, 100 * MONEY, sender=patient)
    claim, line = suite.claim(payer=patient), suite.line(request, day=today() + 1)
    suite.submit(claim, line)
    suite.decide(claim, line, PRICE)
    assert suite.account() == (100 * MONEY, 0)


@pytest.mark.parametrize(
    ("allowed", "carc"),
    [(2 * PRICE + 51, 0), (2 * PRICE - 1, 0), (0, 0), (2 * PRICE, 50), (2 * PRICE + 50, 50)],
    ids=["over the charge", "less without a reason", "nothing without a reason", "all with one", "more with one"],
)
def test_review_reverts_if_it_contradicts_itself(suite, waiting, allowed, carc):
    claim, line = waiting
    call = suite.review(claim, line, allowed, carc)
    assert refusal(suite.settlement.review, *call) == (
        "ClaimSettlementInvalidReview",
        line.key(suite.provider),
        allowed,
        line.charge,
        carc,
    )


def test_review_reverts_if_it_would_pay_without_a_member(suite, open_version):
    unknown = suite.pay(ZERO_HASH)
    nameless = suite.pay(suite.request(member=None))
    shadow = suite.pay(suite.request(version=open_version(shadow=True)))
    for (claim, line), status in zip(
        (unknown, shadow, nameless), (ClaimStatus.DENIED, ClaimStatus.DENIED, ClaimStatus.IN_REVIEW), strict=True
    ):
        call = suite.review(claim, line, PRICE, status=status)
        assert refusal(suite.settlement.review, *call) == (
            "ClaimSettlementCoverageUnverified",
            line.key(suite.provider),
        )
        suite.decide(claim, line, 0, Carc.NO_AUTHORIZATION, status=status)


def test_review_reverts_for_a_key_that_is_not_a_reviewers(suite, waiting, insurer_other_key, medical_director):
    claim, line = waiting
    call = suite.review(claim, line, 1, key=insurer_other_key)
    assert refusal(suite.settlement.review, *call) == ("ReviewPanelNotAReviewer", insurer_other_key.address)
    signed_before = suite.review(claim, line, 2 * PRICE)
    send(suite.panel.dismiss, suite.reviewer_key, sender=medical_director)
    assert refusal(suite.settlement.review, *signed_before)[0] == "ReviewPanelNotAReviewer"


def test_review_reverts_for_anothers_signature(suite, waiting, insurer_other_key):
    call = suite.review(*waiting, 2 * PRICE, signer=insurer_other_key)
    invalid = ("ClaimSettlementInvalidSignature", suite.reviewer_key.address)
    assert refusal(suite.settlement.review, *call) == invalid


@pytest.mark.parametrize(("field", "value"), [(3, 2 * PRICE - 1), (4, 45), (5, ZERO_HASH)])
def test_review_reverts_for_another_content_than_was_signed(suite, waiting, field, value):
    call = suite.review(*waiting, 2 * PRICE)
    call[0] = (*call[0][:field], value, *call[0][field + 1 :])
    invalid = ("ClaimSettlementInvalidSignature", suite.reviewer_key.address)
    assert refusal(suite.settlement.review, *call) == invalid


def test_review_reverts_while_halted(suite, waiting, payer_guardian):
    call = suite.review(*waiting, 2 * PRICE)
    send(suite.settlement.halt, sender=payer_guardian)
    assert refusal(suite.settlement.review, *call)[0] == "HaltableHalted"


def test_review_works_in_a_closed_version(suite, waiting, payer_policy_administrator):
    send(suite.settlement.closeToNewWork, sender=payer_policy_administrator)
    suite.decide(*waiting, 2 * PRICE)
    assert suite.account() == (2 * PRICE, 0)


# ---------------------------------------------------------------------- reverse


@pytest.fixture
def paid(suite):
    """A claim and its line with a patient's share, of which the insurer paid 18 of 170."""
    request = suite.request(SHARED, milli_units=9 * UNIT, amount=1_400 * MONEY)
    suite.pay(request, milli_units=3 * UNIT, charge=3 * PRICE)  # 430 of the deductible
    return suite.pay(request, milli_units=2 * UNIT, charge=2 * PRICE - 80 * MONEY)


def test_reverse_takes_all_back(suite, hospital, other_reviewer_key, paid):
    _, line = paid
    held = suite.record(line)
    assert (held.paid, held.deductible, held.out_of_pocket) == (117 * MONEY, 70 * MONEY, 103 * MONEY)
    call = suite.reversal(line, key=other_reviewer_key)
    receipt = send(suite.settlement.reverse, *call, sender=suite.sender)
    key = line.key(hospital.id)
    assert events(receipt, suite.settlement) == [
        ("ClaimReversed", hospital.id, key, 117 * MONEY, REASON, other_reviewer_key.address, OTHER_REVIEWER)
    ]
    assert events(receipt, suite.vault) == [
        ("ProviderDebited", key, hospital.id, 117 * MONEY, 0),
        ("AccumulatorsChanged", MEMBER, PERIOD, 430 * MONEY, 450 * MONEY),
    ]
    assert suite.status(line) == (ClaimStatus.REVERSED, Finding.NONE)
    assert suite.account() == (0, 0)
    assert suite.vault.available() == FUNDS
    assert suite.left_of(line.request) == (6 * UNIT, 950 * MONEY)


def test_reverse_leaves_a_debt_of_what_was_paid_out(suite, hospital, spare_key):
    send(suite.vault.setPayee, hospital.id, spare_key, sender=hospital.controller)
    request = suite.request()
    _, line = suite.pay(request)
    send(suite.vault.payOut, hospital.id, sender=suite.sender)
    suite.pay(request, charge=50 * MONEY)
    receipt = suite.reverse(line)
    key = line.key(hospital.id)
    assert events(receipt, suite.vault) == [("ProviderDebited", key, hospital.id, 50 * MONEY, 100 * MONEY)]
    assert suite.account() == (0, 100 * MONEY)
    assert suite.vault.available() == FUNDS - PRICE


def test_reverse_takes_a_waiting_payment_out(suite, hospital, treasurer):
    send(suite.vault.setLimits, 0, PRICE, sender=treasurer)
    request = suite.request()
    suite.pay(request)
    _, line = suite.pay(request, charge=PRICE - 1)
    receipt = suite.reverse(line)
    assert events(receipt, suite.vault) == [("QueuedPaymentDropped", line.key(hospital.id))]
    assert tuple(suite.vault.unfunded()) == (0, 0)
    assert suite.account() == (PRICE, 0)
    assert suite.left_of(request) == (4 * UNIT, 850 * MONEY)
    # Nothing waits any more, so the next one passes the empty place.
    claim, other = suite.pay(request, day=today() + 1)
    suite.decide(claim, other, PRICE)
    assert suite.status(other)[0] == ClaimStatus.PAID


def test_reverse_puts_back_what_a_person_drew(suite):
    request = suite.request(milli_units=2 * UNIT, amount=PRICE)
    claim, line = suite.pay(request, milli_units=3 * UNIT, charge=3 * PRICE)
    suite.decide(claim, line, 3 * PRICE)
    suite.reverse(line)
    assert suite.left_of(request) == (2 * UNIT, PRICE)
    free = suite.request(FREE)
    claim, line = suite.pay(free)
    suite.decide(claim, line, PRICE)
    suite.reverse(line)
    assert suite.status(line)[0] == ClaimStatus.REVERSED


def test_reverse_gives_units_back_to_a_member_whose_grant_has_ended(suite):
    request = suite.request()
    _, line = suite.pay(request)
    send(suite.authorizations.cancel, request, 1, sender=suite.key)
    suite.reverse(line)
    assert tuple(suite.units.balanceOf(MEMBER, PERIOD, PLAIN)) == (0, 0)


def test_reverse_in_any_order_leaves_no_shares(suite):
    """The accumulators have moved on meanwhile, and come back to nothing."""
    request = suite.request(SHARED, milli_units=9 * UNIT, amount=1_400 * MONEY)
    lines = [suite.pay(request, milli_units=2 * UNIT, charge=charge * MONEY)[1] for charge in (300, 280, 260)]
    travel(40 * DAY)
    later = suite.request(SHARED)
    lines.append(suite.pay(later)[1])
    for line in (lines[0], lines[3], lines[2], lines[1]):
        suite.reverse(line)
    assert suite.shares() == (0, 0)
    assert suite.account() == (0, 0)
    assert suite.vault.available() == FUNDS


def test_reverse_leaves_what_a_prepayment_paid_to_the_provider(suite, hospital, patient, patient_funds):
    request = suite.request(SHARED)
    send(suite.vault.prepay, hospital.id, request, 0, 100 * MONEY, sender=patient)
    claim, line = suite.claim(payer=patient), suite.line(request)
    suite.submit(claim, line)
    suite.reverse(line)
    assert suite.account() == (100 * MONEY, 0)
    assert suite.shares() == (0, 0)


def test_reverse_reverts_twice(suite, paid):
    _, line = paid
    call = suite.reversal(line)
    send(suite.settlement.reverse, *call, sender=suite.sender)
    key = line.key(suite.provider)
    assert refusal(suite.settlement.reverse, *call) == (
        "ClaimSettlementForbiddenTransition",
        key,
        ClaimStatus.REVERSED,
    )
    assert refusal(suite.vault.reverse, key, suite.provider, MEMBER, PERIOD, sender=suite.settlement) == (
        "InsurerVaultNotPaid",
        key,
        ClaimStatus.REVERSED,
    )


def test_reverse_reverts_for_what_was_not_paid(suite):
    unknown = suite.line(suite.request(), charge=1)
    _, denied = suite.pay(ZERO_HASH)
    _, waiting = suite.pay(suite.request(), day=today() + 1)
    for line, status in (
        (unknown, ClaimStatus.UNKNOWN),
        (denied, ClaimStatus.DENIED),
        (waiting, ClaimStatus.IN_REVIEW),
    ):
        assert refusal(suite.settlement.reverse, *suite.reversal(line)) == (
            "ClaimSettlementForbiddenTransition",
            line.key(suite.provider),
            status,
        )


def test_reverse_reverts_for_the_shares_of_another_member(suite, hospital, paid):
    """The writer says whose shares they are; the vault gives back no more than it counted."""
    key = paid[1].key(hospital.id)
    assert refusal(suite.vault.reverse, key, hospital.id, bytes(16), PERIOD, sender=suite.settlement) == (
        "InsurerVaultAccumulatorsOutOfRange",
        bytes(16),
        PERIOD,
    )


def test_reverse_reverts_without_a_reason(suite, paid):
    _, line = paid
    assert refusal(suite.settlement.reverse, *suite.reversal(line, 0)) == (
        "ClaimSettlementReasonMissing",
        line.key(suite.provider),
    )


def test_reverse_reverts_for_a_key_that_is_not_a_reviewers(suite, paid, insurer_other_key, hospital_key):
    _, line = paid
    for key in (insurer_other_key, hospital_key):
        call = suite.reversal(line, key=key)
        assert refusal(suite.settlement.reverse, *call) == ("ReviewPanelNotAReviewer", key.address)


def test_reverse_reverts_for_anothers_signature_or_content(suite, paid, insurer_other_key):
    _, line = paid
    invalid = ("ClaimSettlementInvalidSignature", suite.reviewer_key.address)
    assert refusal(suite.settlement.reverse, *suite.reversal(line, signer=insurer_other_key)) == invalid
    call = suite.reversal(line)
    call[2] = REASON + 1
    assert refusal(suite.settlement.reverse, *call) == invalid


def test_reverse_of_what_was_credited_reverts_while_halted(suite, paid, payer_guardian):
    send(suite.settlement.halt, sender=payer_guardian)
    assert refusal(suite.settlement.reverse, *suite.reversal(paid[1]))[0] == "HaltableHalted"


def test_reverse_of_what_waits_works_while_halted(suite, treasurer, payer_guardian):
    """So that what a stop held back can be taken out before it ends."""
    send(suite.vault.setLimits, 0, PRICE, sender=treasurer)
    request = suite.request()
    suite.pay(request)
    _, line = suite.pay(request, charge=PRICE - 1)
    send(suite.settlement.halt, sender=payer_guardian)
    suite.reverse(line)
    assert suite.status(line)[0] == ClaimStatus.REVERSED


def test_reverse_works_in_a_closed_version(suite, paid, payer_policy_administrator):
    send(suite.settlement.closeToNewWork, sender=payer_policy_administrator)
    suite.reverse(paid[1])
    assert suite.status(paid[1])[0] == ClaimStatus.REVERSED
