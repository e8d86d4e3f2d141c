"""submit: what it keeps, when the same comes again, eligibilities, documents, and what is refused."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from ..anchoring.documents import Amendment, Batch, Complaint, Revocation, leaf
from ..support import (
    DAY,
    ZERO,
    ZERO_HASH,
    Reason,
    Standing,
    bits,
    chain_time,
    next_block_at,
    send,
    time_of,
    travel,
    travel_to,
)
from ..support import MemberRole as Role
from .claims import MEMBER, OTHER_MEMBER, PERIOD, today
from .conftest import enrol_under
from .payer import MONEY, PLAN, UNIT, terms
from .requests import (
    COVERED,
    DOCUMENT_STATUS,
    DOCUMENTED,
    KIND,
    LINE,
    NO_RULE,
    REVIEWED,
    UNVERIFIED,
    Action,
    Basis,
    Decision,
    Deliberation,
    Line,
    LineStatus,
    State,
)

PROVIDERS = bits(Role.PROVIDER, Role.LABORATORY, Role.DISPENSER)


# ---------------------------------------------------------------------- what it keeps


def test_submit_decides_and_keeps_every_line(office):
    day = today()
    lines = Line(day=day), Line(REVIEWED, 2 * UNIT, 90 * MONEY, day=day + 3)
    sent = office.submit(*lines)
    at = time_of(sent.receipt)
    received = at - (at - int(office.events(sent.receipt)[0][6]))
    first = Decision(
        sequence=1,
        action=Action.IN_FULL,
        basis=Basis.WITHIN_RULES,
        benefit_class=COVERED,
        version=office.version,
        milli_units_requested=5 * UNIT,
        milli_units=5 * UNIT,
        milli_units_before=0,
        amount_requested=500 * MONEY,
        amount=500 * MONEY,
        documents=0,
        valid_from=day,
        valid_to=day + 89,
        due_at=0,
        reason=0,
        key=ZERO,
        reviewer=bytes(12),
        commitment=LINE,
    )
    second = Decision(
        sequence=1,
        action=Action.PENDED,
        basis=Basis.REVIEW_REQUIRED,
        benefit_class=REVIEWED,
        version=office.version,
        milli_units_requested=2 * UNIT,
        milli_units=0,
        milli_units_before=0,
        amount_requested=90 * MONEY,
        amount=0,
        documents=0,
        valid_from=0,
        valid_to=0,
        due_at=received + 7 * DAY,
        reason=0,
        key=ZERO,
        reviewer=bytes(12),
        commitment=LINE,
    )
    assert sent.decisions == [first, second]
    shared = {"member": MEMBER, "period": PERIOD, "version": office.version, "sequence": 1, "decided_at": at}
    assert office.state(sent.id, 0) == State(
        LineStatus.APPROVED,
        action=Action.IN_FULL,
        benefit_class=COVERED,
        milli_units=5 * UNIT,
        amount=500 * MONEY,
        valid_from=day,
        valid_to=day + 89,
        **shared,
    )
    assert office.state(sent.id, 1) == State(
        LineStatus.PENDED,
        action=Action.PENDED,
        benefit_class=REVIEWED,
        milli_units=2 * UNIT,
        amount=90 * MONEY,
        valid_from=day + 3,
        valid_to=day + 92,
        **shared,
    )
    assert office.deliberation(sent.id, 0) == Deliberation()
    assert office.deliberation(sent.id, 1) == Deliberation(received_at=received, due_at=received + 7 * DAY)
    assert tuple(office.authorizations.requestOf(office.provider.id, sent.id)) == (2, 0, sent.content[:8])
    assert office.balance(COVERED) == (5 * UNIT, 0)
    assert office.balance(REVIEWED) == (0, 0)
    assert office.under_way() == 2


def test_submit_emits_the_request(office):
    sent = office.submit(received_at=(received := chain_time() - 60), expedited=True)
    assert office.events(sent.receipt)[0] == (
        "RequestSubmitted",
        office.provider.id,
        sent.id,
        office.key.address,
        0,
        office.version,
        received,
        True,
        False,
        sent.content,
    )
    assert office.deliberation(sent.id).expedited


@pytest.mark.parametrize("provider", ["laboratory", "pharmacy"])
def test_submit_is_for_laboratories_and_dispensers_too(request, office, enrol_with_office, provider):
    acting = enrol_with_office(provider)
    assert acting.submit().decision.brief() == (Action.IN_FULL, Basis.WITHIN_RULES)


@pytest.fixture
def enrol_with_office(request, office, insurer_key):
    def call(name):
        member, key = request.getfixturevalue(name), request.getfixturevalue(f"{name}_key")
        if name != "laboratory":
            enrol_under(office.policy, office.version, member, key, insurer_key, office.sender)
        return office.acting_for(member, key)

    return call


# ---------------------------------------------------------------------- the same again, and another's


def test_submit_of_the_same_request_changes_nothing(office):
    call = office.submission(Line(), Line(REVIEWED))
    send(office.authorizations.submit, *call, sender=office.key)
    before = office.state(call[0][0]), office.balance(), office.under_way()
    assert send(office.authorizations.submit, *call, sender=office.key).logs == []
    assert (office.state(call[0][0]), office.balance(), office.under_way()) == before


def test_submit_of_a_copy_that_was_held_up_changes_nothing(office, hospital_other_key):
    """A copy that was held up: what it shows is stale, but it is the same request."""
    call = office.submission()
    send(office.authorizations.submit, *call, sender=office.key)
    travel(9 * DAY)
    assert send(office.authorizations.submit, *call, sender=hospital_other_key).logs == []


def test_submit_reverts_with_other_content(office):
    sent = office.submit()
    call = office.submission(request=sent.id, content=keccak(text="another"))
    assert office.refuses("submit", *call, sender=office.key) == (
        "PriorAuthorizationOtherContent",
        office.provider.id,
        sent.id,
    )


def test_submit_keeps_ids_by_provider(office, laboratory_office):
    """Another provider that takes a request's id first takes nothing."""
    call = office.submission(Line(REVIEWED))
    request = call[0][0]
    laboratory_office.submit(request=request)
    send(office.authorizations.submit, *call, sender=office.key)
    assert office.status(request) == LineStatus.PENDED
    assert laboratory_office.status(request) == LineStatus.APPROVED


# ---------------------------------------------------------------------- who may


def test_submit_reverts_unless_the_caller_is_an_active_provider(office, stranger, insurer, insurer_key):
    call = office.submission()
    refusals = {
        stranger: ("OrganizationRegistryUnknownKey", stranger.address),
        insurer_key: ("OrganizationRegistryMissingMemberRole", insurer.id, PROVIDERS),
    }
    for caller, refused in refusals.items():
        assert office.refuses("submit", *call, sender=caller) == refused


@pytest.mark.parametrize("how", ["suspended", "lapsed", "retired", "compromised"])
def test_submit_reverts_if_provider_or_key_is_not_valid(office, registry, registrar, hospital, how):
    refused = _disabled(office, registry, registrar, hospital, how)
    assert office.refuses("submit", *office.submission(), sender=office.key) == refused


def _disabled(office, registry, registrar, hospital, how):
    """Disables the provider or its key; returns the register's reason."""
    if how == "suspended":
        send(registry.suspend, hospital.id, Reason.REGULATOR_ORDER, sender=registrar)
        return "OrganizationRegistryNotInGoodStanding", hospital.id, Standing.SUSPENDED
    if how == "lapsed":
        travel_to(hospital.licence_expiry)
        return "OrganizationRegistryLicenceExpired", hospital.id, hospital.licence_expiry
    if how == "retired":
        at = time_of(send(registry.retireKey, office.key, sender=hospital.controller))
        return "OrganizationRegistryKeyRetired", office.key.address, at
    since = chain_time()
    send(registry.reportCompromise, office.key, since, sender=hospital.controller)
    return "OrganizationRegistryKeyCompromised", office.key.address, since


# ---------------------------------------------------------------------- version, lines, receipt


def test_submit_reverts_if_another_version_is_in_force(office, put_in_force):
    later = put_in_force()
    assert office.refuses("submit", *office.submission(), sender=office.key) == (
        "PriorAuthorizationOtherVersion",
        office.provider.id,
        office.version,
        later.version,
    )


@pytest.mark.parametrize("version", [0, 999])
def test_submit_reverts_if_the_version_is_unknown(office, version):
    call = office.submission(version=version)
    refused = ("PriorAuthorizationOtherVersion", office.provider.id, version, 0)
    assert office.refuses("submit", *call, sender=office.key) == refused


def test_submit_reverts_if_the_version_is_a_draft(office, payer_policy_administrator):
    send(office.policy.draftVersion, terms(plan=8), sender=payer_policy_administrator)
    version = int(office.policy.lastVersion())
    call = office.submission(version=version)
    refused = ("PriorAuthorizationOtherVersion", office.provider.id, version, 0)
    assert office.refuses("submit", *call, sender=office.key) == refused


def test_submit_reverts_once_the_enrolment_has_ended(office):
    end = chain_time() + 31 * DAY
    send(office.policy.endEnrolment, office.provider.id, PLAN, end, sender=office.key)
    travel_to(end - 60)
    office.submit()
    travel_to(end)
    refused = ("PriorAuthorizationOtherVersion", office.provider.id, office.version, 0)
    assert office.refuses("submit", *office.submission(), sender=office.key) == refused


def test_submit_reverts_if_the_provider_is_not_enrolled(office, pharmacy, pharmacy_key):
    theirs = office.acting_for(pharmacy, pharmacy_key)
    refused = ("PriorAuthorizationOtherVersion", pharmacy.id, office.version, 0)
    assert office.refuses("submit", *theirs.submission(), sender=pharmacy_key) == refused


def test_submit_reverts_without_lines(office):
    call = office.submission()
    call[2] = []
    refused = ("PriorAuthorizationInvalidLineCount", call[0][0], 0)
    assert office.refuses("submit", *call, sender=office.key) == refused


def test_submit_takes_255_lines_and_not_more(office):
    lines = [Line(REVIEWED)] * 254 + [Line(REVIEWED, 7 * UNIT)]
    sent = office.submit(*lines, gas=25_000_000)
    assert len(sent.decisions) == 255
    assert office.left(sent.id, 254)[0] == 7 * UNIT
    assert office.under_way() == 255
    call = office.submission(*lines, Line())
    refused = ("PriorAuthorizationInvalidLineCount", call[0][0], 256)
    assert office.refuses("submit", *call, sender=office.key) == refused


def test_submit_reverts_if_a_line_has_no_units(office):
    call = office.submission(Line(), Line(milli_units=0))
    refused = ("PriorAuthorizationNoUnits", call[0][0], 1)
    assert office.refuses("submit", *call, sender=office.key) == refused


def test_submit_reverts_if_a_service_is_too_far(office):
    """Counted from the receipt: units of a member are kept for no day that nobody plans for."""
    received = today() * DAY - 1
    latest = today() - 1 + 366
    call = office.submission(Line(day=latest), Line(day=latest + 1), received_at=received)
    refused = ("PriorAuthorizationServiceTooFar", call[0][0], 1, latest + 1, latest)
    assert office.refuses("submit", *call, sender=office.key) == refused
    assert office.submit(Line(day=latest), received_at=received).decision.valid_from == latest


def test_submit_takes_a_receipt_within_the_window_only(office):
    now = chain_time()
    for received_at in (now + 1, now - DAY - 1):
        call = office.submission(received_at=received_at)
        refused = ("PriorAuthorizationReceiptOutOfRange", received_at, now - DAY, now)
        assert office.refuses("submit", *call, sender=office.key) == refused
    sent = office.submit(Line(REVIEWED), received_at=now - DAY + 600)
    assert sent.decision.due_at == now + 6 * DAY + 600


def test_submit_counts_three_days_for_an_expedited_request(office):
    sent = office.submit(Line(REVIEWED), received_at=(received := chain_time()), expedited=True)
    assert sent.decision.due_at == received + 3 * DAY
    assert office.deliberation(sent.id).due_at == received + 3 * DAY


# ---------------------------------------------------------------------- eligibility


def test_submit_without_an_eligibility_pends(office):
    sent = office.submit(eligibility=UNVERIFIED)
    assert sent.decision.brief() == (Action.PENDED, Basis.COVERAGE_UNVERIFIED)
    assert office.state(sent.id).member == bytes(16)
    assert office.balance() == (0, 0)


def test_submit_with_a_stale_eligibility_pends(office):
    shown = office.eligibility(until=(until := chain_time() + 100))
    travel_to(until + 1)
    sent = office.submit(eligibility=shown)
    assert sent.decision.brief() == (Action.PENDED, Basis.COVERAGE_UNVERIFIED)
    assert office.state(sent.id).member == bytes(16)


def test_submit_with_an_eligibility_in_its_last_second_counts(office):
    shown = office.eligibility(until=(until := chain_time() + 100))
    call = office.submission(eligibility=shown)
    next_block_at(until)
    send(office.authorizations.submit, *call, sender=office.key)
    assert office.status(call[0][0]) == LineStatus.APPROVED


def test_submit_for_no_member_pends(office):
    """A signature over the zero key names nobody."""
    sent = office.submit(eligibility=office.eligibility(bytes(16)))
    assert sent.decision.basis == Basis.COVERAGE_UNVERIFIED


FORGERIES = ["member", "plan", "period", "until", "signature", "another's signature", "chain", "contract", "name"]


@pytest.mark.parametrize("what", FORGERIES)
def test_submit_reverts_with_a_forged_eligibility(office, what):
    shown = list(office.eligibility())
    changed = {"member": (0, OTHER_MEMBER), "period": (2, PERIOD + 1), "until": (3, shown[3] + 1)}
    if what in changed:
        index, value = changed[what]
        shown[index] = value
    elif what == "plan":
        shown[1] = PLAN + 1
    elif what == "signature":
        shown[5] = shown[5][:-1] + bytes([shown[5][-1] ^ 1])
    elif what == "another's signature":
        shown = list(office.eligibility(signer=office.key))
    else:
        domain = {"chain": {"chainId": 1}, "contract": {"verifyingContract": office.intake.address}}
        shown = list(office.eligibility(**domain.get(what, {"name": "careledger ClaimSettlement"})))
    call = office.submission(eligibility=tuple(shown))
    refused = ("PriorAuthorizationInvalidSignature", office.insurer_key.address)
    assert office.refuses("submit", *call, sender=office.key) == refused


def test_submit_reverts_with_a_provider_that_says_so_itself(office):
    """A provider that chose the member key would get fresh limits at will."""
    call = office.submission(eligibility=office.eligibility(keccak(text="made up")[:16], key=office.key))
    refused = ("OrganizationRegistryMissingMemberRole", office.provider.id, bits(Role.PAYER))
    assert office.refuses("submit", *call, sender=office.key) == refused


def test_submit_reverts_with_another_insurers_eligibility(office, other_insurer, other_insurer_key):
    call = office.submission(eligibility=office.eligibility(key=other_insurer_key))
    refused = ("PriorAuthorizationNotTheInsurers", other_insurer_key.address, other_insurer.id)
    assert office.refuses("submit", *call, sender=office.key) == refused


def test_submit_reverts_with_another_providers_eligibility(office, laboratory_office):
    call = office.submission(eligibility=laboratory_office.eligibility())
    refused = ("PriorAuthorizationInvalidSignature", office.insurer_key.address)
    assert office.refuses("submit", *call, sender=office.key) == refused


def test_submit_reverts_with_another_plans_eligibility(office):
    call = office.submission(eligibility=office.eligibility(plan=PLAN + 1))
    refused = ("PriorAuthorizationOtherPlan", PLAN + 1, PLAN)
    assert office.refuses("submit", *call, sender=office.key) == refused


@pytest.mark.parametrize("how", ["retired", "compromised"])
def test_submit_reverts_if_the_insurers_key_is_not_valid(office, registry, insurer, insurer_other_key, how):
    call = office.submission(eligibility=office.eligibility(key=insurer_other_key))
    if how == "retired":
        at = time_of(send(registry.retireKey, insurer_other_key, sender=insurer.controller))
        refused = ("OrganizationRegistryKeyRetired", insurer_other_key.address, at)
    else:
        since = chain_time()
        send(registry.reportCompromise, insurer_other_key, since, sender=insurer.controller)
        refused = ("OrganizationRegistryKeyCompromised", insurer_other_key.address, since)
    assert office.refuses("submit", *call, sender=office.key) == refused


def test_submit_reverts_if_the_insurer_is_not_active(office, registry, registrar, insurer):
    """It vouches for nobody then; without its word a request pends, and is not lost."""
    shown = office.eligibility()
    send(registry.suspend, insurer.id, Reason.REGULATOR_ORDER, sender=registrar)
    found = office.refuses("submit", *office.submission(eligibility=shown), sender=office.key)
    assert found == ("OrganizationRegistryNotInGoodStanding", insurer.id, Standing.SUSPENDED)
    request = office.submit(eligibility=UNVERIFIED).id
    office.decide(request, Action.DENIED)
    assert office.status(request) == LineStatus.DENIED


def test_submit_takes_an_eligibility_for_several_requests(office):
    """It says that a member is covered, not for what; the period's limit counts them together."""
    shown = office.eligibility()
    for _ in range(4):
        office.submit(eligibility=shown)
    assert office.balance() == (20 * UNIT, 0)
    assert office.submit(eligibility=shown).decision.basis == Basis.UNITS_OVER_PERIOD_LIMIT


def test_submit_takes_a_wallets_eligibility(office, insurer, contract_key):
    wallet, owner = contract_key(insurer)
    sent = office.submit(eligibility=office.eligibility(key=wallet, signer=owner))
    assert sent.decision.basis == Basis.WITHIN_RULES
    call = office.submission(eligibility=office.eligibility(key=wallet, signer=office.key))
    refused = ("PriorAuthorizationInvalidSignature", wallet.address)
    assert office.refuses("submit", *call, sender=office.key) == refused


def test_submit_takes_a_short_signature(office):
    """64 bytes, EIP-2098."""
    shown = list(office.eligibility())
    r, s, v = shown[5][:32], int.from_bytes(shown[5][32:64], "big"), shown[5][64]
    shown[5] = r + (s | (v - 27) << 255).to_bytes(32, "big")
    assert office.submit(eligibility=tuple(shown)).decision.basis == Basis.WITHIN_RULES


# ---------------------------------------------------------------------- documents


def test_submit_tells_the_kinds_of_its_documents(office, hospital_other_key):
    documents = [office.document(), office.document(hospital_other_key, kind=63), office.document(kind=64)]
    sent = office.submit(Line(DOCUMENTED), documents=documents)
    assert sent.decision.brief() == (Action.IN_FULL, Basis.WITHIN_RULES)
    assert sent.decision.documents == 1 << KIND | 1 << 63


@pytest.mark.parametrize("which", ["own key", "other key"])
def test_submit_takes_a_document_of_a_batch_by_its_proof(office, hospital_other_key, which):
    submitter = office.key if which == "own key" else hospital_other_key
    batch = Batch.of(5, f"of {which}")
    send(office.anchors.anchorBatch, batch.root, batch.count, KIND << 40, sender=submitter)
    sent = office.submit(Line(DOCUMENTED), documents=[batch.document(submitter, 4)])
    assert sent.decision.documents == 1 << KIND
    forged = batch.document(submitter, 4, leaf=leaf("not in it"))
    call = office.submission(documents=[forged])
    organization = office.provider.id if which == "own key" else bytes(12)
    refused = ("ProviderDocumentsInvalid", submitter.address, leaf("not in it"), 0, organization, False)
    assert office.refuses("submit", *call, sender=office.key) == refused


@pytest.mark.parametrize("which", ["own key", "other key"])
@pytest.mark.parametrize("what", ["unknown", "revoked", "expired", "superseded"])
def test_submit_reverts_if_a_document_is_not_in_force(office, hospital_other_key, which, what):
    submitter = office.key if which == "own key" else hospital_other_key
    document = _spoiled(office, submitter, what)
    call = office.submission(documents=[office.document(), document])
    known = which == "own key" or what != "unknown"
    organization = office.provider.id if known else bytes(12)
    refused = ("ProviderDocumentsInvalid", submitter.address, document[1], DOCUMENT_STATUS[what], organization, False)
    assert office.refuses("submit", *call, sender=office.key) == refused


def _spoiled(office, submitter, what):
    if what == "unknown":
        return submitter.address, leaf("never anchored"), ZERO_HASH, 0, []
    document = office.document(submitter, expiry=chain_time() + 100 if what == "expired" else 0)
    if what == "expired":
        travel(100)
    elif what == "revoked":
        send(office.anchors.revoke, document[1], Revocation.ENTERED_IN_ERROR, sender=submitter)
    elif what == "superseded":
        send(office.anchors.amend, document, leaf("successor"), KIND << 40, Amendment.CORRECTION, sender=submitter)
    return document


def test_submit_takes_a_document_in_dispute(office, hospital_other_key, stranger):
    for submitter in (office.key, hospital_other_key):
        document = office.document(submitter)
        send(office.anchors.nameParty, document, stranger, sender=submitter)
        send(office.anchors.dispute, document, Complaint.INACCURATE, ZERO_HASH, sender=stranger)
        assert office.submit(Line(DOCUMENTED), documents=[document]).decision.documents == 1 << KIND


def test_submit_reverts_with_another_providers_document(office, laboratory_office, laboratory, stranger):
    theirs, nobodys = laboratory_office.document(), laboratory_office.document(stranger)
    for document, organization in ((theirs, laboratory.id), (nobodys, bytes(12))):
        call = office.submission(documents=[document])
        refused = ("ProviderDocumentsInvalid", document[0], document[1], 1, organization, False)
        assert office.refuses("submit", *call, sender=office.key) == refused


def test_submit_reverts_with_a_compromised_keys_document(office, registry, hospital, hospital_other_key):
    since = chain_time()
    document = office.document(hospital_other_key)
    send(registry.reportCompromise, hospital_other_key, since, sender=hospital.controller)
    call = office.submission(documents=[document])
    refused = ("ProviderDocumentsInvalid", document[0], document[1], 1, hospital.id, True)
    assert office.refuses("submit", *call, sender=office.key) == refused


def test_submit_takes_a_document_from_before_a_compromise(office, registry, hospital, hospital_other_key):
    document = office.document(hospital_other_key)
    travel(100)
    send(registry.reportCompromise, hospital_other_key, chain_time(), sender=hospital.controller)
    assert office.submit(Line(DOCUMENTED), documents=[document]).decision.documents == 1 << KIND


# ---------------------------------------------------------------------- the stop, and versions of the contract


def test_submit_and_update_revert_while_closed(office, payer_policy_administrator):
    sent = office.submit()
    closed_at = time_of(send(office.authorizations.closeToNewWork, sender=payer_policy_administrator))
    for name, call in (("submit", office.submission()), ("update", office.amendment(sent.id, (0, Line())))):
        assert office.refuses(name, *call, sender=office.key) == ("ReplaceableClosed", closed_at)


def test_submit_pends_without_the_ledger_and_reverts_with_units(office, payer_policy_administrator):
    """A version that lost its ledger can reserve nothing."""
    send(office.units.setWriter, ZERO, sender=payer_policy_administrator)
    refused = ("SingleWriterNotWriter", office.authorizations.address, ZERO)
    assert office.refuses("submit", *office.submission(), sender=office.key) == refused
    assert office.submit(Line(NO_RULE)).decision.brief() == (Action.PENDED, Basis.NO_RULE)
