"""review of pended lines: what a person may decide, who is a person, and what a signature is good for."""

from __future__ import annotations

import pytest

from ..support import chain_time, send, time_of
from .claims import MEMBER, RATIONALE, today
from .conftest import OTHER_REVIEWER, REVIEWER
from .payer import MONEY, UNIT
from .requests import (
    ANSWER,
    CONDITIONAL,
    COVERED,
    EXCLUDED,
    HOUR,
    KIND,
    LINE,
    MAX_UNITS,
    NO_RULE,
    QUESTION,
    REASON,
    REVIEWED,
    TWO_OPINIONS,
    UNKNOWN_AMOUNT,
    UNVERIFIED,
    WIDE,
    Action,
    Basis,
    Decision,
    Line,
    LineStatus,
    information_requested,
    pended,
)

DAYS_WITHOUT_RULE = 90


def invalid(action, benefit_class, milli_units, amount):
    return "PriorAuthorizationInvalidGrant", action, benefit_class, milli_units, amount


# ---------------------------------------------------------------------- the actions


def test_review_approves_in_full(office):
    day = today()
    request = pended(office)
    receipt = office.decide(request)
    assert office.decisions(receipt) == [
        Decision(
            sequence=2,
            action=Action.IN_FULL,
            basis=Basis.REVIEWER,
            benefit_class=REVIEWED,
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
            key=office.reviewer_key.address,
            reviewer=REVIEWER,
            commitment=RATIONALE,
        )
    ]
    state = office.state(request)
    assert (state.status, state.action, state.sequence) == (LineStatus.APPROVED, Action.IN_FULL, 2)
    assert (state.decided_at, state.milli_units, state.amount) == (time_of(receipt), 5 * UNIT, 500 * MONEY)
    assert office.deliberation(request).reviewer == REVIEWER
    assert office.balance(REVIEWED) == (5 * UNIT, 0)
    assert office.under_way() == 1


def test_review_approves_in_part(office):
    request = pended(office)
    decision = office.decisions(office.decide(request, Action.IN_PART, 3 * UNIT, 200 * MONEY))[0]
    assert (decision.action, decision.milli_units, decision.amount, decision.reason) == (
        Action.IN_PART,
        3 * UNIT,
        200 * MONEY,
        REASON,
    )
    assert (decision.milli_units_requested, decision.amount_requested) == (5 * UNIT, 500 * MONEY)
    state = office.state(request)
    assert (state.status, state.milli_units, state.amount) == (LineStatus.PARTIAL, 3 * UNIT, 200 * MONEY)
    assert office.balance(REVIEWED) == (3 * UNIT, 0)


def test_review_modifies_units_and_amount(office):
    """Of the same class, more than was asked for may be granted too."""
    request = pended(office)
    decision = office.decisions(office.decide(request, Action.MODIFIED, 6 * UNIT, 700 * MONEY))[0]
    assert (decision.action, decision.milli_units, decision.amount) == (Action.MODIFIED, 6 * UNIT, 700 * MONEY)
    assert office.status(request) == LineStatus.MODIFIED
    assert office.balance(REVIEWED) == (6 * UNIT, 0)


def test_review_modifies_the_class(office):
    """Limit and validity are those of the class that is granted."""
    day = today()
    request = pended(office)
    receipt = office.decide(request, Action.MODIFIED, 5 * UNIT, 500 * MONEY, benefit_class=WIDE)
    decision = office.decisions(receipt)[0]
    assert (decision.benefit_class, decision.valid_from) == (WIDE, day)
    assert decision.valid_to == min(day + 2**16 - 2, 2**16 - 1)
    state = office.state(request)
    assert (state.benefit_class, state.valid_to, state.status) == (WIDE, decision.valid_to, LineStatus.MODIFIED)
    assert (office.balance(REVIEWED), office.balance(WIDE)) == ((0, 0), (5 * UNIT, 0))


def test_review_of_another_class_meets_that_classs_limit(office):
    request = office.submit(Line(WIDE, 25 * UNIT, UNKNOWN_AMOUNT)).id
    found = office.refuses("review", *office.review(request, Action.MODIFIED, benefit_class=COVERED))
    assert found == ("PriorAuthorizationOverPeriodLimit", COVERED, 25 * UNIT, 0, 20 * UNIT)
    assert office.status(request) == LineStatus.PENDED


def test_review_reverts_if_it_modifies_to_a_class_without_a_rule(office):
    """There a person would grant without limit. Of a line whose own class has none, a person may."""
    request = pended(office)
    for benefit_class in (NO_RULE, 0, 2**16 - 1):
        signed = office.review(request, Action.MODIFIED, 50 * UNIT, 1, benefit_class=benefit_class)
        assert office.refuses("review", *signed) == invalid(Action.MODIFIED, benefit_class, 50 * UNIT, 1)
    unruled = office.submit(Line(NO_RULE)).id
    office.decide(unruled, Action.MODIFIED, 50 * UNIT, 1)
    assert office.balance(NO_RULE) == (50 * UNIT, 0)


def test_review_denies(office):
    request = pended(office)
    decision = office.decisions(office.decide(request, Action.DENIED))[0]
    assert (decision.action, decision.basis, decision.reason) == (Action.DENIED, Basis.REVIEWER, REASON)
    assert (decision.milli_units, decision.amount, decision.valid_from, decision.valid_to) == (0, 0, 0, 0)
    state = office.state(request)
    assert (state.status, state.milli_units, state.amount) == (LineStatus.DENIED, 5 * UNIT, 500 * MONEY)
    assert office.balance(REVIEWED) == (0, 0)
    assert office.under_way() == 0


def test_review_decides_while_information_is_asked_for(office):
    request = information_requested(office)
    office.decide(request)
    assert office.status(request) == LineStatus.APPROVED


def test_review_decides_what_has_no_rule(office):
    """A person may grant it without limit, for 90 days."""
    request = office.submit(Line(NO_RULE, MAX_UNITS, UNKNOWN_AMOUNT)).id
    decision = office.decisions(office.decide(request, amount=UNKNOWN_AMOUNT - 1))[0]
    assert (decision.milli_units, decision.amount) == (MAX_UNITS, UNKNOWN_AMOUNT - 1)
    assert decision.valid_to - decision.valid_from == DAYS_WITHOUT_RULE - 1
    assert office.balance(NO_RULE) == (MAX_UNITS, 0)
    again = office.submit(Line(NO_RULE, 1)).id
    found = office.refuses("review", *office.review(again))
    assert found == ("PriorAuthorizationOverPeriodLimit", NO_RULE, 1, MAX_UNITS, MAX_UNITS)


@pytest.mark.parametrize("line", [Line(CONDITIONAL), Line(unit_code=9), Line(amount=UNKNOWN_AMOUNT), Line(day=20_000)])
def test_review_decides_whatever_the_rules_left_open(office, line):
    request = office.submit(line).id
    office.decide(request)
    assert office.status(request) == LineStatus.APPROVED
    assert office.left(request) == (line.milli_units, line.amount)


# ---------------------------------------------------------------------- what an action may grant


@pytest.mark.parametrize("action", [Action.NONE, Action.PENDED, Action.NOT_REQUIRED])
@pytest.mark.parametrize("benefit_class", [REVIEWED, TWO_OPINIONS])
def test_review_reverts_with_an_action_that_decides_nothing(office, benefit_class, action):
    """Nor is it an opinion."""
    request = office.submit(Line(benefit_class)).id
    for units, amount in ((5 * UNIT, 500 * MONEY), (0, 0)):
        found = office.refuses("review", *office.review(request, action, units, amount))
        assert found == invalid(action, benefit_class, units, amount)


@pytest.mark.parametrize("benefit_class", [REVIEWED, TWO_OPINIONS])
def test_review_reverts_if_a_denial_grants_or_a_grant_does_not(office, benefit_class):
    request = office.submit(Line(benefit_class)).id
    rows = [
        (Action.DENIED, 1, 0),
        (Action.DENIED, 0, 1),
        (Action.IN_PART, 0, 0),
        (Action.IN_PART, 0, 500 * MONEY),
        (Action.MODIFIED, 0, 1),
        (Action.IN_FULL, 0, 0),
    ]
    for row in rows:
        assert office.refuses("review", *office.review(request, *row)) == invalid(row[0], benefit_class, *row[1:])


def test_review_reverts_if_in_full_is_not_what_was_asked(office):
    request = pended(office)
    for units, amount in ((5 * UNIT - 1, 500 * MONEY), (5 * UNIT + 1, 500 * MONEY), (5 * UNIT, 499 * MONEY)):
        found = office.refuses("review", *office.review(request, Action.IN_FULL, units, amount))
        assert found == invalid(Action.IN_FULL, REVIEWED, units, amount)


def test_review_reverts_if_in_part_is_more_or_all(office):
    """All of it in part would cost the provider its gold card, and count as adverse."""
    request = pended(office)
    for units, amount in ((5 * UNIT + 1, 1), (1, 500 * MONEY + 1), (5 * UNIT, 500 * MONEY)):
        found = office.refuses("review", *office.review(request, Action.IN_PART, units, amount))
        assert found == invalid(Action.IN_PART, REVIEWED, units, amount)
    unpriced = office.submit(Line(REVIEWED, amount=UNKNOWN_AMOUNT)).id
    found = office.refuses("review", *office.review(unpriced, Action.IN_PART, 5 * UNIT, 400 * MONEY))
    assert found == invalid(Action.IN_PART, REVIEWED, 5 * UNIT, 400 * MONEY)
    office.decide(unpriced, Action.IN_PART, 4 * UNIT, 400 * MONEY)
    assert office.left(unpriced) == (4 * UNIT, 400 * MONEY)


def test_review_sets_an_amount_that_was_not_known(office):
    request = office.submit(Line(amount=UNKNOWN_AMOUNT)).id
    office.decide(request, amount=450 * MONEY)
    assert office.left(request) == (5 * UNIT, 450 * MONEY)
    assert office.state(request).action == Action.IN_FULL


def test_review_reverts_if_another_class_is_granted_without_modifying(office):
    request = pended(office)
    for action, units in ((Action.IN_FULL, 5 * UNIT), (Action.IN_PART, 4 * UNIT)):
        found = office.refuses("review", *office.review(request, action, units, benefit_class=COVERED))
        assert found == invalid(action, COVERED, units, 500 * MONEY)


def test_review_reverts_over_the_periods_limit(office):
    """A person passes no limit either; what is left can be granted in part."""
    office.decide(office.submit(Line(REVIEWED, 18 * UNIT)).id)
    request = pended(office)
    found = office.refuses("review", *office.review(request))
    assert found == ("PriorAuthorizationOverPeriodLimit", REVIEWED, 5 * UNIT, 18 * UNIT, 20 * UNIT)
    office.decide(request, Action.IN_PART, 2 * UNIT, 200 * MONEY)
    assert office.balance(REVIEWED) == (20 * UNIT, 0)


def test_review_reverts_if_it_grants_to_nobody(office):
    from eth_abi.abi import encode
    from eth_utils.crypto import keccak

    request = office.submit(Line(), eligibility=UNVERIFIED).id
    key = keccak(encode(["bytes12", "bytes32"], [office.provider.id, request]))
    refused = ("PriorAuthorizationCoverageUnverified", key)
    rows = (Action.IN_FULL,), (Action.IN_PART, UNIT, 1), (Action.MODIFIED, UNIT, 1)
    for row in rows:
        assert office.refuses("review", *office.review(request, *row)) == refused
    office.decide(request, Action.DENIED)
    assert office.status(request) == LineStatus.DENIED


def test_review_reverts_without_a_reason_unless_all_is_approved(office):
    request = pended(office)
    rows = (Action.DENIED, 0, 0), (Action.IN_PART, UNIT, 1), (Action.MODIFIED, UNIT, 1)
    for row in rows:
        assert office.refuses("review", *office.review(request, *row, reason=0)) == ("PriorAuthorizationReasonMissing",)
    office.decide(request, reason=REASON)
    assert office.status(request) == LineStatus.APPROVED


# ---------------------------------------------------------------------- who decides


@pytest.mark.parametrize("who", ["insurer_key", "hospital_key", "stranger"])
def test_review_reverts_unless_the_key_is_a_reviewers(request, office, who):
    key = request.getfixturevalue(who)
    found = office.refuses("review", *office.review(pended(office), Action.DENIED, key=key))
    assert found == ("ReviewPanelNotAReviewer", key.address)


def test_review_reverts_if_the_reviewer_was_dismissed(office, medical_director):
    request = pended(office)
    signed = office.review(request)
    send(office.panel.dismiss, office.reviewer_key, sender=medical_director)
    assert office.refuses("review", *signed) == ("ReviewPanelNotAReviewer", office.reviewer_key.address)


@pytest.mark.parametrize("how", ["retired", "compromised"])
def test_review_reverts_if_the_reviewers_key_is_not_valid(office, registry, insurer, how):
    signed = office.review(pended(office))
    key = office.reviewer_key
    if how == "retired":
        at = time_of(send(registry.retireKey, key, sender=insurer.controller))
        refused = ("OrganizationRegistryKeyRetired", key.address, at)
    else:
        since = chain_time() - HOUR
        since = max(since, int(registry.keyOf(key).addedAt))
        send(registry.reportCompromise, key, since, sender=insurer.controller)
        refused = ("OrganizationRegistryKeyCompromised", key.address, since)
    assert office.refuses("review", *signed) == refused


FIELDS = {
    "provider": bytes(12),
    "requestId": bytes(32),
    "line": 1,
    "sequence": 2,
    "action": Action.IN_FULL,
    "benefitClass": COVERED,
    "milliUnits": 4 * UNIT,
    "amount": 1,
    "reason": 0,
    "rationale": LINE,
}


@pytest.mark.parametrize("field", FIELDS)
def test_review_reverts_if_it_was_not_signed_so(office, field):
    request = office.submit(Line(REVIEWED), Line(REVIEWED)).id
    signed = office.review(request, Action.MODIFIED, 3 * UNIT, 300 * MONEY)
    stated = list(signed[0])
    stated[list(FIELDS).index(field)] = FIELDS[field]
    found = office.refuses("review", tuple(stated), *signed[1:])
    assert found == ("PriorAuthorizationInvalidSignature", office.reviewer_key.address)


@pytest.mark.parametrize("change", ["signer", "chain", "contract", "name", "empty"])
def test_review_reverts_if_it_was_signed_by_another_or_elsewhere(office, change, other_reviewer_key):
    request = pended(office)
    domains = {
        "chain": {"chainId": 1},
        "contract": {"verifyingContract": office.desk.address},
        "name": {"name": "careledger ClaimSettlement"},
    }
    signer = other_reviewer_key if change == "signer" else None
    signed = office.review(request, signer=signer, domain=domains.get(change))
    if change == "empty":
        signed[2] = b""
    found = office.refuses("review", *signed)
    assert found == ("PriorAuthorizationInvalidSignature", office.reviewer_key.address)


def test_review_takes_a_wallets_signature(office, insurer, medical_director, contract_key):
    wallet, owner = contract_key(insurer)
    send(office.panel.appoint, wallet, b"of a wallet ", sender=medical_director)
    request = pended(office)
    found = office.refuses("review", *office.review(request, key=wallet, signer=office.reviewer_key))
    assert found == ("PriorAuthorizationInvalidSignature", wallet.address)
    office.decide(request, key=wallet, signer=owner)
    assert office.deliberation(request).reviewer == b"of a wallet "


def test_review_is_sent_by_anyone(office, laboratory_office, stranger):
    for sender in (stranger, laboratory_office.key, office.key):
        request = pended(office)
        send(office.authorizations.review, *office.review(request), sender=sender)
        assert office.status(request) == LineStatus.APPROVED


# ---------------------------------------------------------------------- once


ROWS = {
    "in full": (Action.IN_FULL,),
    "in part": (Action.IN_PART, 3 * UNIT, 300 * MONEY),
    "modified": (Action.MODIFIED, 4 * UNIT, 400 * MONEY),
    "denied": (Action.DENIED,),
}


@pytest.mark.parametrize("row", ROWS)
def test_review_again_changes_nothing(office, row):
    """Whoever sends a signature first takes nothing from who sends it next."""
    request = pended(office)
    signed = office.review(request, *ROWS[row])
    send(office.authorizations.review, *signed, sender=office.sender)
    before = office.state(request), office.balance(REVIEWED), office.under_way()
    assert send(office.authorizations.review, *signed, sender=office.insurer_key).logs == []
    assert (office.state(request), office.balance(REVIEWED), office.under_way()) == before


def test_review_again_changes_nothing_once_the_grant_was_used_or_ended(office):
    request = pended(office)
    signed = office.review(request)
    send(office.authorizations.review, *signed, sender=office.sender)
    office.draw(request, 5 * UNIT)
    assert send(office.authorizations.review, *signed, sender=office.sender).logs == []
    office.put_back(request, 5 * UNIT)
    office.cancel(request)
    assert send(office.authorizations.review, *signed, sender=office.sender).logs == []
    assert office.balance(REVIEWED) == (0, 0)


def test_review_reverts_if_the_line_was_decided_otherwise(office, other_reviewer_key):
    """Also by the same reviewer, with the same action: another grant is another decision."""
    request = pended(office)
    others = [
        office.review(request, Action.IN_PART, 2 * UNIT, 200 * MONEY),
        office.review(request, Action.DENIED),
        office.review(request, Action.IN_PART, 3 * UNIT, 300 * MONEY, key=other_reviewer_key),
        office.review(request, Action.IN_PART, 3 * UNIT, 300 * MONEY, sequence=0),
        office.review(request, Action.IN_PART, 3 * UNIT, 300 * MONEY, sequence=3),
        office.review(request, Action.IN_PART, 3 * UNIT, 300 * MONEY, sequence=2**16 - 1),
    ]
    office.decide(request, Action.IN_PART, 3 * UNIT, 300 * MONEY)
    refused = ("PriorAuthorizationOtherDecision", office.provider.id, request, 0, 2)
    for signed in others:
        assert office.refuses("review", *signed) == refused


def test_review_reverts_for_a_line_that_an_update_replaced(office):
    """It can't be sent for the line that came instead: that has another number."""
    request = pended(office)
    signed = office.review(request)
    office.update(request, (0, Line(REVIEWED, 9 * UNIT)))
    assert office.refuses("review", *signed) == office.forbidden(request, LineStatus.SUPERSEDED)
    moved = (*signed[0][:2], 1, *signed[0][3:])
    found = office.refuses("review", moved, *signed[1:])
    assert found == ("PriorAuthorizationInvalidSignature", office.reviewer_key.address)
    assert office.status(request, 1) == LineStatus.PENDED


def test_review_reverts_once_the_line_is_cancelled(office):
    request = pended(office)
    signed = office.review(request, Action.DENIED)
    office.cancel(request)
    assert office.refuses("review", *signed) == office.forbidden(request, LineStatus.CANCELLED)


def test_review_reverts_for_what_the_rules_decided(office):
    """Nobody asked a person: a grant is not taken back, and a denial takes an appeal."""
    approved = office.submit().id
    found = office.refuses("review", *office.review(approved, Action.DENIED))
    assert found == office.forbidden(approved, LineStatus.APPROVED)
    denied = office.submit(Line(EXCLUDED)).id
    found = office.refuses("review", *office.review(denied, Action.IN_FULL))
    assert found == office.forbidden(denied, LineStatus.DENIED)


def test_review_reverts_if_the_line_is_unknown(office):
    request = office.request_id()
    found = office.refuses("review", *office.review(request, sequence=1, milli_units=1, benefit_class=1))
    assert found == office.unknown(request)


# ---------------------------------------------------------------------- two opinions


def test_review_keeps_a_first_adverse_opinion(office):
    request = office.submit(Line(TWO_OPINIONS)).id
    receipt = office.decide(request, Action.DENIED)
    assert office.events(receipt) == [
        (
            "OpinionGiven",
            office.provider.id,
            request,
            0,
            Action.DENIED,
            REASON,
            office.reviewer_key.address,
            REVIEWER,
            RATIONALE,
        )
    ]
    assert office.status(request) == LineStatus.PENDED
    assert office.state(request).sequence == 1
    deliberation = office.deliberation(request)
    assert (deliberation.first_opinion, deliberation.reviewer) == (REVIEWER, bytes(12))
    assert office.under_way() == 1


@pytest.mark.parametrize("row", ["in part", "modified", "denied"])
def test_review_decides_by_the_second_opinion(office, other_reviewer_key, row):
    request = office.submit(Line(TWO_OPINIONS)).id
    office.decide(request, Action.DENIED)
    receipt = office.decide(request, *ROWS[row], key=other_reviewer_key)
    decision = office.decisions(receipt)[0]
    assert (decision.action, decision.reviewer, decision.sequence) == (ROWS[row][0], OTHER_REVIEWER, 2)
    deliberation = office.deliberation(request)
    assert (deliberation.first_opinion, deliberation.reviewer) == (REVIEWER, OTHER_REVIEWER)


def test_review_reverts_if_both_opinions_are_one_persons(office, second_key_of_reviewer):
    """Also with another key; the same opinion with another key is the same."""
    request = office.submit(Line(TWO_OPINIONS)).id
    office.decide(request, Action.DENIED)
    refused = ("PriorAuthorizationSameReviewer", REVIEWER)
    for key in (office.reviewer_key, second_key_of_reviewer):
        found = office.refuses("review", *office.review(request, Action.IN_PART, UNIT, 1, key=key))
        assert found == refused
        found = office.refuses("review", *office.review(request, Action.DENIED, reason=REASON + 1, key=key))
        assert found == refused
    assert office.decide(request, Action.DENIED, key=second_key_of_reviewer).logs == []
    assert office.status(request) == LineStatus.PENDED


def test_review_again_of_a_first_opinion_changes_nothing(office, other_reviewer_key):
    """It is there already; and stays, once the line is decided."""
    request = office.submit(Line(TWO_OPINIONS)).id
    signed = office.review(request, Action.DENIED)
    send(office.authorizations.review, *signed, sender=office.sender)
    assert send(office.authorizations.review, *signed, sender=office.insurer_key).logs == []
    assert office.status(request) == LineStatus.PENDED
    office.decide(request, Action.DENIED, key=other_reviewer_key)
    assert office.status(request) == LineStatus.DENIED


def test_review_of_one_approves_in_full_whatever_the_first_opinion(office):
    request = office.submit(Line(TWO_OPINIONS)).id
    office.decide(request, Action.DENIED)
    office.decide(request, Action.IN_FULL)
    assert office.status(request) == LineStatus.APPROVED


def test_review_takes_opinions_per_line(office, other_reviewer_key):
    request = office.submit(Line(TWO_OPINIONS), Line(TWO_OPINIONS)).id
    office.decide(request, Action.DENIED)
    office.decide(request, Action.DENIED, line=1, key=other_reviewer_key)
    assert [office.status(request, line) for line in range(2)] == 2 * [LineStatus.PENDED]
    office.decide(request, Action.DENIED, line=1)
    assert [office.status(request, line) for line in range(2)] == [LineStatus.PENDED, LineStatus.DENIED]


# ---------------------------------------------------------------------- information


def test_request_information_asks(office, insurer_other_key):
    request = pended(office)
    before = office.deliberation(request)
    receipt = office.ask(request, sender=insurer_other_key)
    assert office.events(receipt) == [
        ("InformationRequested", office.provider.id, request, 0, insurer_other_key.address, QUESTION)
    ]
    assert office.status(request) == LineStatus.INFORMATION_REQUESTED
    assert office.deliberation(request) == before
    assert office.under_way() == 1


def test_request_information_reverts_unless_the_key_is_the_insurers(office, other_insurer, other_insurer_key, stranger):
    request = pended(office)
    call = office.provider.id, request, 0, QUESTION
    for name, last in (("requestInformation", QUESTION), ("extendDeadline", REASON)):
        rows = {
            office.key: ("PriorAuthorizationNotTheInsurers", office.key.address, office.provider.id),
            other_insurer_key: ("PriorAuthorizationNotTheInsurers", other_insurer_key.address, other_insurer.id),
            stranger: ("OrganizationRegistryUnknownKey", stranger.address),
        }
        for sender, refused in rows.items():
            assert office.refuses(name, *call[:3], last, sender=sender) == refused


def test_request_information_twice_reverts(office):
    request = information_requested(office)
    call = office.provider.id, request, 0, QUESTION
    found = office.refuses("requestInformation", *call, sender=office.insurer_key)
    assert found == office.forbidden(request, LineStatus.INFORMATION_REQUESTED)


def test_request_information_reverts_if_the_line_is_unknown(office):
    request = office.request_id()
    for name, last in (("requestInformation", QUESTION), ("extendDeadline", REASON)):
        found = office.refuses(name, office.provider.id, request, 0, last, sender=office.insurer_key)
        assert found == office.unknown(request)


def test_supply_information_answers(office, hospital_other_key):
    request = information_requested(office)
    document = office.document()
    receipt = office.supply(request, documents=[document], sender=hospital_other_key)
    assert office.events(receipt) == [
        ("InformationSupplied", office.provider.id, request, 0, ANSWER, 1 << KIND),
    ]
    state = office.state(request)
    assert (state.status, state.sequence, state.member) == (LineStatus.PENDED, 1, MEMBER)
    office.ask(request)
    office.supply(request)
    office.decide(request)
    assert office.status(request) == LineStatus.APPROVED


def test_supply_information_twice_reverts(office):
    request = information_requested(office)
    office.supply(request)
    found = office.refuses("supplyInformation", request, 0, ANSWER, [], sender=office.key)
    assert found == office.forbidden(request, LineStatus.PENDED)


def test_supply_information_reverts_with_documents_that_are_not_the_providers(office, laboratory_office, laboratory):
    request = information_requested(office)
    theirs = laboratory_office.document()
    found = office.refuses("supplyInformation", request, 0, ANSWER, [theirs], sender=office.key)
    assert found == ("ProviderDocumentsInvalid", theirs[0], theirs[1], 1, laboratory.id, False)


def test_supply_information_is_for_the_provider_alone(office, laboratory_office, stranger):
    request = information_requested(office)
    call = request, 0, ANSWER, []
    found = office.refuses("supplyInformation", *call, sender=laboratory_office.key)
    assert found == laboratory_office.unknown(request)
    found = office.refuses("supplyInformation", *call, sender=office.insurer_key)
    assert found[0] == "PriorAuthorizationUnknown"
    found = office.refuses("supplyInformation", *call, sender=stranger)
    assert found == ("OrganizationRegistryUnknownKey", stranger.address)
