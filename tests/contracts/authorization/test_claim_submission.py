"""submit of a claim: what the rules pay, deny and leave to a person, in the order in which they look."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from ..anchoring.documents import Batch, Complaint, Revocation, Status
from ..support import DAY, ZERO_HASH, Reason, chain_time, events, refusal, send, travel, travel_to
from .claims import (
    DOCUMENT_TERMS,
    EPISODE,
    FREE,
    FUNDS,
    LIMITED,
    MEMBER,
    NESTED,
    OTHER_MEMBER,
    PART,
    PLAIN,
    PRICE,
    PRICELESS,
    SHARED,
    SMALL,
    UNKNOWN_RECORD,
    WHOLE,
    Carc,
    Claim,
    ClaimStatus,
    Finding,
    Record,
    Split,
    adjudicated,
    today,
)
from .payer import MONEY, UNIT, PayerRole

NO_REQUEST = ZERO_HASH
DENIED, APPROVED, MODIFIED = 3, 1, 5
"""Actions of a review of a request."""

FILING_DAYS = 90
VALIDITY_DAYS = 90


def pended(suite, line):
    status, finding = suite.status(line)
    assert status == ClaimStatus.IN_REVIEW
    return finding


# ---------------------------------------------------------------------- the fast track


def test_submit_pays_at_once_what_the_rules_allow(suite, hospital, hospital_key):
    request = suite.request()
    claim, line, document = suite.claim(), suite.line(request), suite.document()
    receipt = suite.submit(claim, line, documents=[document])
    key = line.key(hospital.id)
    assert bytes(suite.settlement.keyOf(hospital.id, line.call())) == key
    assert bytes(suite.settlement.tagOf(claim.call())) == claim.tag()
    assert events(receipt, suite.settlement) == [
        ("ClaimSubmitted", hospital.id, claim.id, hospital_key.address, 1, claim.content, (document[1],)),
        adjudicated(suite, claim, line, ClaimStatus.PAID, Finding.NONE, Split(charge=PRICE, paid=PRICE)),
    ]
    assert events(receipt, suite.vault) == [("ProviderCredited", key, hospital.id, PRICE, 0)]
    assert suite.record(line) == Record(ClaimStatus.PAID, Finding.NONE, claim.tag(), PRICE, 0, 0)
    assert suite.account() == (PRICE, 0)
    assert suite.left_of(request) == (4 * UNIT, 850 * MONEY)


def test_submit_writes_off_what_is_over_the_agreed_price(suite):
    request = suite.request()
    receipt = suite.submit(suite.claim(), suite.line(request, milli_units=1_500, charge=1_000 * MONEY))
    paid = PRICE * 3 // 2
    assert suite.split(receipt) == Split(charge=1_000 * MONEY, paid=paid, contractual=1_000 * MONEY - paid)
    assert suite.left_of(request) == (3_500, 1_000 * MONEY - paid)


def test_submit_pays_no_more_than_the_charge(suite):
    receipt = suite.submit(suite.claim(), suite.line(suite.request(), charge=7))
    assert suite.split(receipt) == Split(charge=7, paid=7)


def test_submit_shares_with_the_patient(suite):
    """Copay 20, deductible 500, coinsurance 10 %."""
    request = suite.request(SHARED, milli_units=9 * UNIT, amount=1_400 * MONEY)
    first = suite.submit(suite.claim(), suite.line(request, milli_units=3 * UNIT, charge=460 * MONEY))
    assert suite.split(first) == Split(
        charge=460 * MONEY, contractual=10 * MONEY, deductible=430 * MONEY, copay=20 * MONEY
    )
    assert suite.shares() == (430 * MONEY, 450 * MONEY)
    second = suite.submit(suite.claim(), suite.line(request, milli_units=2 * UNIT, charge=300 * MONEY))
    # 300: 20 copay, 70 of the deductible left, 10 % of 210
    assert suite.split(second) == Split(
        charge=300 * MONEY, paid=189 * MONEY, deductible=70 * MONEY, coinsurance=21 * MONEY, copay=20 * MONEY
    )
    assert suite.shares() == (500 * MONEY, 561 * MONEY)
    assert suite.account() == (189 * MONEY, 0)


def test_submit_counts_shares_by_member(suite):
    suite.pay(suite.request(SHARED, member=OTHER_MEMBER))
    assert suite.shares() == (0, 0)
    assert suite.shares(OTHER_MEMBER) == (130 * MONEY, 150 * MONEY)


def test_submit_caps_the_patients_share_at_the_out_of_pocket_maximum(suite, open_version):
    version = open_version(out_of_pocket_maximum=520 * MONEY)
    request = suite.request(SHARED, milli_units=9 * UNIT, amount=1_400 * MONEY, version=version)
    suite.pay(request, milli_units=3 * UNIT, charge=450 * MONEY)  # 450 are the patient's
    receipt = suite.submit(suite.claim(), suite.line(request, milli_units=2 * UNIT, charge=300 * MONEY))
    assert suite.split(receipt) == Split(charge=300 * MONEY, paid=230 * MONEY, deductible=50 * MONEY, copay=20 * MONEY)
    receipt = suite.submit(suite.claim(), suite.line(request))
    assert suite.split(receipt) == Split(charge=PRICE, paid=PRICE)


def test_submit_pays_an_episode_its_price(suite):
    request = suite.request(EPISODE, milli_units=UNIT, amount=10_000 * MONEY)
    receipt = suite.submit(suite.claim(), suite.line(request, charge=12_000 * MONEY))
    assert suite.split(receipt) == Split(charge=12_000 * MONEY, paid=9_000 * MONEY, contractual=3_000 * MONEY)


def test_submit_draws_the_last_unit(suite):
    request = suite.request(milli_units=2 * UNIT)
    suite.pay(request, milli_units=2 * UNIT, charge=2 * PRICE)
    assert suite.left_of(request)[0] == 0
    _, line = suite.pay(request)
    assert pended(suite, line) == Finding.UNITS_OVER_AUTHORIZATION


def test_submit_takes_many_lines(suite):
    requests = [suite.request(milli_units=UNIT, amount=200 * MONEY, lines=2) for _ in range(2)]
    lines = [suite.line(request, number=number) for request in requests for number in range(2)]
    receipt = suite.submit(suite.claim(), *lines)
    assert [name for name, *_ in events(receipt, suite.settlement)] == ["ClaimSubmitted"] + 4 * ["ClaimAdjudicated"]
    assert suite.account() == (4 * PRICE, 0)


def test_submit_works_for_a_suspended_or_expelled_provider(
    suite, hospital, registry, registrar, as_policy_administrator
):
    request = suite.request()
    send(registry.suspend, hospital.id, Reason.FRAUD, sender=registrar)
    _, line = suite.pay(request)
    assert suite.status(line)[0] == ClaimStatus.PAID
    as_policy_administrator(registry.expel, hospital.id, Reason.FRAUD)
    _, line = suite.pay(request, charge=PRICE - 1)
    assert suite.status(line)[0] == ClaimStatus.PAID


def test_submit_pays_while_an_enrolment_has_ended(suite, hospital_key):
    """What was authorized is paid by the version under which it was."""
    request = suite.request()
    end = chain_time() + 30 * DAY + 100
    send(suite.policy.endEnrolment, suite.provider, 7, end, sender=hospital_key)
    travel_to(end + 1)
    _, line = suite.pay(request, day=today())
    assert suite.status(line)[0] == ClaimStatus.PAID


# ---------------------------------------------------------------------- refusals


def test_submit_reverts_without_a_claim_id(suite):
    nameless = Claim(ZERO_HASH, keccak(b"content"))
    line = suite.line(suite.request())
    call = suite.submission(nameless, [line])
    assert refusal(suite.settlement.submit, *call, sender=suite.key) == ("ClaimSettlementNoClaimId", nameless.content)


def test_submit_reverts_for_no_lines_or_too_many(suite):
    claim, line = suite.claim(), suite.line(suite.request())
    for lines in ([], 33 * [line]):
        call = suite.submission(claim, lines, [])
        assert refusal(suite.settlement.submit, *call, sender=suite.key) == (
            "ClaimSettlementInvalidLineCount",
            claim.id,
            len(lines),
        )


@pytest.mark.parametrize("nothing", [{"milli_units": 0}, {"charge": 0}], ids=["units", "charge"])
def test_submit_reverts_for_a_line_of_nothing(suite, nothing):
    request = suite.request()
    claim, lines = suite.claim(), [suite.line(request), suite.line(request, **nothing)]
    call = suite.submission(claim, lines)
    assert refusal(suite.settlement.submit, *call, sender=suite.key) == ("ClaimSettlementEmptyLine", claim.id, 1)


def test_submit_reverts_for_a_key_that_does_not_act(suite, hospital, stranger, hospital_other_key, registry):
    line = suite.line(suite.request())
    call = suite.submission(suite.claim(), [line])
    assert refusal(suite.settlement.submit, *call, sender=stranger) == (
        "OrganizationRegistryUnknownKey",
        stranger.address,
    )
    send(registry.retireKey, hospital_other_key, sender=hospital.controller)
    assert refusal(suite.settlement.submit, *call, sender=hospital_other_key)[0] == "OrganizationRegistryKeyRetired"


def test_submit_reverts_while_halted(suite, payer_guardian):
    call = suite.submission(suite.claim(), [suite.line(suite.request())])
    send(suite.settlement.halt, sender=payer_guardian)
    assert refusal(suite.settlement.submit, *call, sender=suite.key)[0] == "HaltableHalted"


def test_submit_reverts_in_a_closed_version(suite, payer_policy_administrator):
    call = suite.submission(suite.claim(), [suite.line(suite.request())])
    send(suite.settlement.closeToNewWork, sender=payer_policy_administrator)
    assert refusal(suite.settlement.submit, *call, sender=suite.key)[0] == "ReplaceableClosed"
    assert suite.settlement.workUnderWay() == 0


def test_submit_reverts_if_the_vault_has_another_writer(suite, payer_policy_administrator):
    call = suite.submission(suite.claim(), [suite.line(suite.request())])
    send(suite.vault.setWriter, "0x" + 40 * "0", sender=payer_policy_administrator)
    assert refusal(suite.settlement.submit, *call, sender=suite.key)[0] == "SingleWriterNotWriter"


def test_submit_reverts_if_it_is_not_the_settlement_of_the_authorizations(suite, stranger, payer_policy_administrator):
    call = suite.submission(suite.claim(), [suite.line(suite.request())])
    send(suite.authorizations.setSettlement, stranger, sender=payer_policy_administrator)
    assert refusal(suite.settlement.submit, *call, sender=suite.key)[0] == "PriorAuthorizationNotTheSettlement"


# ---------------------------------------------------------------------- documents


@pytest.fixture
def bill(suite):
    """A line that would be paid."""
    return suite.line(suite.request())


def refused_document(suite, bill, document, key=None):
    call = suite.submission(suite.claim(), [bill], [document])
    return refusal(suite.settlement.submit, *call, sender=key or suite.key)


def test_submit_takes_documents_of_all_the_providers_keys(suite, hospital_other_key, bill, anchors):
    batch = Batch.of(5)
    send(anchors.anchorBatch, batch.root, 5, DOCUMENT_TERMS, sender=hospital_other_key)
    documents = [suite.document(), suite.document(hospital_other_key), batch.document(hospital_other_key, 3)]
    suite.submit(suite.claim(), bill, documents=documents)
    assert suite.status(bill)[0] == ClaimStatus.PAID


def test_submit_takes_a_disputed_document(suite, bill, anchors, insurer_key):
    document = suite.document()
    send(anchors.dispute, document, Complaint.INACCURATE, ZERO_HASH, sender=insurer_key)
    suite.submit(suite.claim(), bill, documents=[document])
    assert suite.status(bill)[0] == ClaimStatus.PAID


def test_submit_reverts_for_a_document_that_is_unknown_or_revoked(suite, hospital, bill, anchors):
    leaf = keccak(b"not anchored")
    document = (suite.key.address, leaf, ZERO_HASH, 0, [])
    assert refused_document(suite, bill, document) == (
        "ProviderDocumentsInvalid",
        suite.key.address,
        leaf,
        Status.UNKNOWN,
        hospital.id,
        False,
    )
    document = suite.document()
    send(anchors.revoke, document[1], Revocation.ENTERED_IN_ERROR, sender=suite.key)
    assert refused_document(suite, bill, document)[3] == Status.REVOKED


def test_submit_reverts_for_a_document_of_another_organization(suite, laboratory, laboratory_key, bill):
    document = suite.document(laboratory_key)
    assert refused_document(suite, bill, document) == (
        "ProviderDocumentsInvalid",
        laboratory_key.address,
        document[1],
        Status.ACTIVE,
        laboratory.id,
        False,
    )


def test_submit_reverts_for_a_document_under_a_compromised_key(suite, hospital, hospital_other_key, registry, bill):
    travel(DAY)
    document = suite.document(hospital_other_key)
    send(registry.reportCompromise, hospital_other_key, chain_time() - 5, sender=hospital.controller)
    assert refused_document(suite, bill, document)[0] == "ProviderDocumentsInvalid"
    assert refused_document(suite, bill, document)[5] is True


def test_submit_pends_a_claim_without_documents(suite, bill):
    claim = suite.claim()
    receipt = suite.submit(claim, bill, documents=[])
    assert events(receipt, suite.settlement)[1] == (
        "ClaimPended",
        suite.provider,
        claim.id,
        bill.key(suite.provider),
        bill.call(),
        Finding.DOCUMENTS_MISSING,
    )
    assert suite.record(bill) == Record(ClaimStatus.IN_REVIEW, Finding.DOCUMENTS_MISSING, claim.tag(), 0, 0, 0)
    assert suite.left_of(bill.request) == (5 * UNIT, 1_000 * MONEY)


def test_submit_pends_a_document_that_another_claim_rests_on(suite, hospital, hospital_other_key):
    request, document = suite.request(), suite.document()
    first = suite.claim()
    suite.submit(first, suite.line(request), documents=[document])
    assert suite.settlement.claimByDocument(hospital.id, document[1]) == first.id
    line = suite.line(request, charge=PRICE - 1)
    suite.submit(suite.claim(), line, documents=[suite.document(), document])
    assert pended(suite, line) == Finding.DOCUMENT_REUSED
    assert suite.settlement.claimByDocument(hospital.id, document[1]) == first.id
    # The same leaf under another key of the provider's is the same document.
    leaf = "one leaf, two keys"
    suite.submit(suite.claim(), suite.line(request, charge=5), documents=[suite.document(text=leaf)])
    line = suite.line(request, charge=6)
    suite.submit(suite.claim(), line, documents=[suite.document(hospital_other_key, leaf)])
    assert pended(suite, line) == Finding.DOCUMENT_REUSED


def test_submit_takes_a_document_again_for_the_same_claim(suite):
    request, document, claim = suite.request(), suite.document(), suite.claim()
    suite.submit(claim, suite.line(request), documents=[document, document])
    line = suite.line(request, charge=PRICE - 1)
    suite.submit(claim, line, documents=[document])
    assert suite.status(line)[0] == ClaimStatus.PAID


def test_submit_does_not_count_another_providers_copy_of_a_leaf(suite, laboratory_key, bill):
    """Or anybody could have a provider's claims pended, by anchoring its leaves and claiming first."""
    copied = suite.document(laboratory_key, "seen in the pool")
    suite.submit(suite.claim(), suite.line(bill.request), documents=[copied], key=laboratory_key)
    suite.submit(suite.claim(), bill, documents=[suite.document(text="seen in the pool")])
    assert suite.status(bill)[0] == ClaimStatus.PAID


# ---------------------------------------------------------------------- duplicates


def test_submit_again_changes_nothing(suite, anchors):
    claim, line, document = suite.claim(), suite.line(suite.request()), suite.document()
    suite.submit(claim, line, documents=[document])
    send(anchors.revoke, document[1], Revocation.ENTERED_IN_ERROR, sender=suite.key)
    assert suite.submit(claim, line, documents=[document]).logs == []
    assert suite.account() == (PRICE, 0)


def test_submit_leaves_what_the_claim_has_and_takes_what_is_more(suite):
    request, claim = suite.request(), suite.claim()
    first, second = suite.line(request), suite.line(request, charge=PRICE - 1)
    suite.submit(claim, first)
    receipt = suite.submit(claim, first, second)
    names = [name for name, *_ in events(receipt, suite.settlement)]
    assert names == ["ClaimSubmitted", "ClaimAdjudicated"]
    assert suite.account() == (2 * PRICE - 1, 0)


def test_submit_takes_a_line_once_within_a_claim(suite):
    line = suite.line(suite.request())
    suite.submit(suite.claim(), line, line)
    assert suite.account() == (PRICE, 0)


def test_submit_notes_a_line_of_another_claim_as_duplicate(suite, hospital):
    line = suite.line(suite.request())
    first, second = suite.claim(), suite.claim()
    suite.submit(first, line)
    receipt = suite.submit(second, line)
    assert events(receipt, suite.settlement) == [
        ("ClaimDuplicate", hospital.id, second.id, line.key(hospital.id), PRICE)
    ]
    assert events(receipt, suite.vault) == []
    assert suite.record(line).tag == first.tag()
    assert suite.account() == (PRICE, 0)


@pytest.mark.parametrize("end", ["pended", "denied", "reversed"])
def test_submit_notes_a_duplicate_whatever_became_of_the_first(suite, end):
    request = suite.request()
    line = suite.line(request, day=today() + (end == "pended"))
    if end == "denied":
        line = suite.line(NO_REQUEST)
    suite.submit(suite.claim(), line)
    if end == "reversed":
        suite.reverse(line)
    before = suite.record(line)
    receipt = suite.submit(suite.claim(), line)
    assert [name for name, *_ in events(receipt, suite.settlement)] == ["ClaimDuplicate"]
    assert suite.record(line) == before


def test_submit_of_other_units_or_charge_draws_on_what_is_left(suite):
    """A service claimed twice in other words is paid twice only if it was authorized twice."""
    request = suite.request(milli_units=2 * UNIT)
    for charge in (PRICE, PRICE - 1):
        _, line = suite.pay(request, charge=charge)
        assert suite.status(line)[0] == ClaimStatus.PAID
    _, line = suite.pay(request, charge=PRICE - 2)
    assert pended(suite, line) == Finding.UNITS_OVER_AUTHORIZATION


def test_submit_keeps_providers_apart(suite, hospital, laboratory, laboratory_key):
    """Another organization's claim for the hospital's request is its own, and denied; it blocks nothing."""
    line = suite.line(suite.request())
    claim = suite.claim()
    suite.submit(claim, line, documents=[suite.document(laboratory_key)], key=laboratory_key)
    held = suite.record(line, laboratory.id)
    assert (held.status, held.finding) == (ClaimStatus.DENIED, Finding.UNKNOWN_AUTHORIZATION)
    suite.submit(claim, line)
    assert suite.record(line, hospital.id).status == ClaimStatus.PAID


# ---------------------------------------------------------------------- what the rules deny


def denial(suite, claim, line, finding, carc):
    split = Split(charge=line.charge, denied=line.charge, carc=carc)
    return adjudicated(suite, claim, line, ClaimStatus.DENIED, finding, split)


def test_submit_denies_a_line_without_a_request(suite):
    claim, line = suite.claim(), suite.line(NO_REQUEST)
    receipt = suite.submit(claim, line)
    expected = denial(suite, claim, line, Finding.NO_AUTHORIZATION, Carc.NO_AUTHORIZATION)
    assert events(receipt, suite.settlement)[1] == expected
    assert suite.record(line) == Record(ClaimStatus.DENIED, Finding.NO_AUTHORIZATION, claim.tag(), 0, 0, 0)


def test_submit_denies_an_unknown_request_or_line(suite):
    known = suite.request()
    for line in (suite.line(keccak(b"unknown")), suite.line(known, number=1)):
        claim = suite.claim()
        receipt = suite.submit(claim, line)
        expected = denial(suite, claim, line, Finding.UNKNOWN_AUTHORIZATION, Carc.UNKNOWN_AUTHORIZATION)
        assert events(receipt, suite.settlement)[1] == expected


def test_submit_denies_a_line_of_shadow_mode(suite, open_version):
    request = suite.request(version=open_version(shadow=True))
    assert suite.line_state(request)["shadow"]
    _, line = suite.pay(request)
    assert suite.status(line) == (ClaimStatus.DENIED, Finding.UNKNOWN_AUTHORIZATION)
    assert suite.vault.available() == FUNDS


def test_submit_denies_a_line_filed_late(suite):
    request = suite.request()
    lines = [suite.line(request), suite.line(request, charge=PRICE - 1)]
    last = (lines[0].day + FILING_DAYS + 1) * DAY - 30
    travel_to(last)
    suite.submit(suite.claim(), lines[0])
    assert suite.status(lines[0])[0] == ClaimStatus.PAID
    travel_to(last + 30)
    claim = suite.claim()
    receipt = suite.submit(claim, lines[1])
    expected = denial(suite, claim, lines[1], Finding.FILED_LATE, Carc.FILED_LATE)
    assert events(receipt, suite.settlement)[1] == expected


# ---------------------------------------------------------------------- what a person decides


def test_submit_pends_a_day_to_come(suite):
    _, line = suite.pay(suite.request(), day=today() + 1)
    assert pended(suite, line) == Finding.IMPLAUSIBLE_DATE


def test_submit_pends_a_service_that_needs_no_authorization(suite):
    _, line = suite.pay(suite.request(FREE))
    assert pended(suite, line) == Finding.AUTHORIZATION_NOT_REQUIRED


@pytest.mark.parametrize("end", ["pended", "denied", "cancelled"])
def test_submit_pends_a_request_that_is_no_grant(suite, end):
    request = suite.request(member=None if end == "pended" else MEMBER, amount=10**15 if end == "denied" else MONEY)
    if end == "denied":
        suite.decide_request(request, DENIED, PLAIN, 0, 0)
    if end == "cancelled":
        send(suite.authorizations.cancel, request, 1, sender=suite.key)
    _, line = suite.pay(request)
    assert pended(suite, line) == Finding.AUTHORIZATION_NOT_ACTIVE


def test_submit_pends_an_expired_grant(suite):
    request = suite.request()
    travel((VALIDITY_DAYS + FILING_DAYS + 2) * DAY)
    send(suite.authorizations.expire, suite.provider, request, 0, sender=suite.sender)
    _, line = suite.pay(request, day=today() - 1)
    assert pended(suite, line) == Finding.AUTHORIZATION_NOT_ACTIVE


def test_submit_pends_a_service_outside_the_validity(suite):
    request = suite.request()
    state = suite.line_state(request)
    first_day, last_day = state["validFrom"], state["validTo"]
    _, early = suite.pay(request, day=first_day - 1)
    travel_to((last_day + 1) * DAY)
    _, last = suite.pay(request, day=last_day)
    _, late = suite.pay(request, day=last_day + 1)
    assert [pended(suite, line) for line in (early, late)] == 2 * [Finding.SERVICE_OUTSIDE_VALIDITY]
    assert suite.status(last)[0] == ClaimStatus.PAID


def test_submit_pends_units_over_what_is_left(suite):
    request = suite.request(milli_units=2 * UNIT)
    _, line = suite.pay(request, milli_units=2 * UNIT + 1)
    assert pended(suite, line) == Finding.UNITS_OVER_AUTHORIZATION
    assert suite.left_of(request)[0] == 2 * UNIT


def test_submit_pends_an_amount_over_what_is_left(suite):
    request = suite.request(amount=PRICE)
    _, line = suite.pay(request, milli_units=2 * UNIT, charge=PRICE + 1)
    assert pended(suite, line) == Finding.AMOUNT_OVER_AUTHORIZATION
    _, line = suite.pay(request, milli_units=2 * UNIT, charge=PRICE)
    assert suite.status(line)[0] == ClaimStatus.PAID


def test_submit_pends_more_units_than_a_day_has(suite):
    request = suite.request(LIMITED)
    _, line = suite.pay(request, milli_units=2 * UNIT + 1)
    assert pended(suite, line) == Finding.IMPLAUSIBLE_QUANTITY
    _, line = suite.pay(request, milli_units=2 * UNIT)
    assert suite.status(line)[0] == ClaimStatus.PAID


def test_submit_pends_a_service_without_an_agreed_price(suite):
    _, line = suite.pay(suite.request(PRICELESS))
    assert pended(suite, line) == Finding.NO_AGREED_PRICE


def test_submit_pends_more_than_the_fast_track_pays(suite):
    request = suite.request(SMALL)
    _, line = suite.pay(request, charge=100 * MONEY + 1)
    assert pended(suite, line) == Finding.OVER_FAST_TRACK_MAXIMUM
    _, line = suite.pay(request, charge=100 * MONEY)
    assert suite.status(line)[0] == ClaimStatus.PAID


def test_submit_pends_more_than_a_whole_days_cap(suite, treasurer):
    """It could never be credited, and would hold up those behind it."""
    send(suite.vault.setLimits, 0, PRICE - 1, sender=treasurer)
    _, line = suite.pay(suite.request())
    assert pended(suite, line) == Finding.OVER_FAST_TRACK_MAXIMUM


def test_submit_pends_by_the_first_finding(suite):
    _, line = suite.pay(suite.request(LIMITED, milli_units=3 * UNIT), milli_units=4 * UNIT, day=today() + 1)
    assert pended(suite, line) == Finding.IMPLAUSIBLE_DATE


# ---------------------------------------------------------------------- unbundling


@pytest.mark.parametrize("order", [(WHOLE, PART), (PART, WHOLE)], ids=["whole first", "part first"])
def test_submit_pends_a_part_and_its_whole_on_one_day(suite, order):
    first, second = (suite.pay(suite.request(one))[1] for one in order)
    assert suite.status(first)[0] == ClaimStatus.PAID
    assert pended(suite, second) == Finding.UNBUNDLED


def test_submit_pends_a_part_and_its_whole_in_one_claim(suite):
    lines = [suite.line(suite.request(one)) for one in (PART, WHOLE)]
    suite.submit(suite.claim(), *lines)
    assert pended(suite, lines[1]) == Finding.UNBUNDLED


def test_submit_pends_a_part_whose_whole_waits(suite):
    """Else the part is paid before anybody looks at the whole."""
    request = suite.request(WHOLE, milli_units=UNIT)
    _, whole = suite.pay(request, milli_units=2 * UNIT)
    assert pended(suite, whole) == Finding.UNITS_OVER_AUTHORIZATION
    _, part = suite.pay(suite.request(PART))
    assert pended(suite, part) == Finding.UNBUNDLED


def test_submit_pends_what_is_part_and_whole(suite):
    suite.pay(suite.request(WHOLE))
    _, nested = suite.pay(suite.request(NESTED))
    assert pended(suite, nested) == Finding.UNBUNDLED


def test_submit_tells_wholes_apart_by_member_and_day(suite):
    suite.pay(suite.request(WHOLE))
    _, other = suite.pay(suite.request(PART, member=OTHER_MEMBER))
    request = suite.request(PART)
    travel(DAY)
    _, later = suite.pay(request)
    assert [suite.status(line)[0] for line in (other, later)] == 2 * [ClaimStatus.PAID]


def test_submit_takes_two_of_the_same_kind_on_one_day(suite):
    for one in (WHOLE, PART):
        request = suite.request(one, member=keccak(one.to_bytes(1))[:16])
        lines = [suite.pay(request, charge=charge)[1] for charge in (5, 6)]
        assert [suite.status(line)[0] for line in lines] == 2 * [ClaimStatus.PAID]


def test_submit_marks_nothing_for_a_line_that_is_denied(suite):
    request = suite.request(WHOLE)
    part = suite.request(PART)
    day = today()
    travel_to((day + FILING_DAYS) * DAY)
    _, paid = suite.pay(part, day=day)
    travel_to((day + FILING_DAYS + 1) * DAY)
    _, denied = suite.pay(request, day=day)
    assert suite.status(denied) == (ClaimStatus.DENIED, Finding.FILED_LATE)
    assert suite.status(paid)[0] == ClaimStatus.PAID


# ---------------------------------------------------------------------- another version


def test_submit_knows_what_another_version_paid(suite, deploy_payers, payer_policy_administrator, payer_admin, govern):
    """The next version takes the vault over: it pays nothing again, and goes on with what waited."""
    request = suite.request()
    _, line = suite.pay(request)
    waiting_claim, waiting = suite.pay(request, day=today() + 1)
    following = next_version(suite, deploy_payers, payer_policy_administrator, govern)
    receipt = following.submit(following.claim(), line)
    assert [name for name, *_ in events(receipt, following.settlement)] == ["ClaimDuplicate"]
    following.decide(waiting_claim, waiting, PRICE)
    assert following.status(waiting) == (ClaimStatus.PAID, Finding.IMPLAUSIBLE_DATE)
    following.reverse(line)
    assert following.account() == (PRICE, 0)
    assert following.left_of(request)[0] == 4 * UNIT  # less what was reviewed
    assert suite.record(suite.line(request, charge=1)) == UNKNOWN_RECORD


def next_version(suite, deploy_payers, administrator, govern):
    """The suite with another settlement, which writes and is open; the first is closed."""
    stands = (suite.anchors, suite.policy, suite.authorizations, suite.vault, suite.panel)
    settlement = deploy_payers("ClaimSettlement", *stands)
    govern(PayerRole.POLICY_ADMINISTRATOR, settlement.openToNewWork)
    send(suite.settlement.closeToNewWork, sender=administrator)
    send(suite.vault.setWriter, settlement, sender=administrator)
    send(suite.authorizations.setSettlement, settlement, sender=administrator)
    send(settlement.openToNewWork, sender=administrator)
    return replace(suite, settlement=settlement)
