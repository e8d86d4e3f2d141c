"""What the emergency stop and the closing of a version reach: halt, resume, openToNewWork and closeToNewWork."""

from __future__ import annotations

import pytest

from ..support import DAY, ZERO, refusal, send, time_of, travel_to
from .claims import today
from .payer import UNIT
from .requests import (
    QUESTION,
    REASON,
    REVIEWED,
    UNVERIFIED,
    Action,
    AppealStatus,
    Line,
    LineStatus,
    approved,
    denied,
    information_requested,
    partial,
    pended,
)


@pytest.fixture
def halt(office, payer_guardian):
    """Halts the contract; returns when."""
    return lambda: time_of(send(office.authorizations.halt, sender=payer_guardian))


def test_halt_stops_what_decides(office, halt):
    """Also what asks and extends, which is the insurer's, who halted it."""
    request, unverified = pended(office), office.submit(eligibility=UNVERIFIED).id
    grant, provider = approved(office), office.provider.id
    calls = [
        ("submit", office.submission(), office.key),
        ("update", office.amendment(grant, (0, Line())), office.key),
        ("verifyCoverage", [provider, unverified, office.eligibility()], office.key),
        ("review", office.review(request), office.sender),
        ("requestInformation", [provider, request, 0, QUESTION], office.insurer_key),
        ("extendDeadline", [provider, request, 0, REASON], office.insurer_key),
        ("markOverdue", [provider, request, 0], office.sender),
    ]
    receipt_at = halt()
    for name, arguments, sender in calls:
        assert office.refuses(name, *arguments, sender=sender) == ("HaltableHalted", receipt_at), name


def test_halt_emits_and_resume_ends_it(office, payer_guardian, payer_policy_administrator):
    receipt = send(office.authorizations.halt, sender=payer_guardian)
    assert office.events(receipt) == [("Halted", payer_guardian.address)]
    assert office.authorizations.halted()
    receipt = send(office.authorizations.resume, sender=payer_policy_administrator)
    assert office.events(receipt) == [("Resumed", payer_policy_administrator.address)]
    office.submit()
    assert office.refuses("resume", sender=payer_policy_administrator) == ("HaltableNotHalted",)


def test_halt_reaches_no_provider_that_finishes_what_it_began(office, halt):
    """It withdraws, answers and appeals: an insurer that halts its contract lets no appeal lapse by it."""
    grant, asked, refused = approved(office), information_requested(office), denied(office)
    halt()
    office.cancel(grant)
    office.supply(asked)
    office.appeal(refused)
    assert [office.status(request) for request in (grant, asked)] == [LineStatus.CANCELLED, LineStatus.PENDED]
    assert office.state(refused).appeal == AppealStatus.OPEN
    assert office.balance() == (0, 0)


def test_halt_reaches_no_returns(office, halt):
    grant, drawn = approved(office), approved(office)
    office.draw(drawn, 2 * UNIT)
    halt()
    office.put_back(drawn, 2 * UNIT)
    travel_to((today() + 200) * DAY)
    office.expire(grant)
    office.expire(drawn)
    assert office.balance() == (0, 0)
    assert office.under_way() == 0


@pytest.mark.parametrize("who", ["payer_admin", "payer_policy_administrator", "guardian", "insurer_key", "stranger"])
def test_halt_reverts_for_all_but_the_guardian(request, office, who):
    caller = request.getfixturevalue(who)
    assert office.refuses("halt", sender=caller) == ("AccessManagedUnauthorized", caller.address)


@pytest.mark.parametrize("who", ["payer_admin", "payer_guardian", "policy_administrator", "stranger"])
@pytest.mark.parametrize("name", ["resume", "openToNewWork", "closeToNewWork"])
def test_version_functions_revert_for_all_but_the_policy_administrator(request, office, who, name):
    caller = request.getfixturevalue(who)
    assert office.refuses(name, sender=caller) == ("AccessManagedUnauthorized", caller.address)


def test_close_to_new_work_lets_all_begun_work_finish(office, payer_policy_administrator, other_reviewer_key):
    """The version runs off to no work under way, and its ledger can be handed on."""
    waiting, asked, refused, part = pended(office), information_requested(office), denied(office), partial(office)
    grant, unverified = approved(office), office.submit(eligibility=UNVERIFIED).id
    receipt = send(office.authorizations.closeToNewWork, sender=payer_policy_administrator)
    assert office.events(receipt) == [("ClosedToNewWork",)]
    assert not office.authorizations.isOpenToNewWork()
    refused_again = office.refuses("closeToNewWork", sender=payer_policy_administrator)
    assert refused_again == ("ReplaceableClosed", time_of(receipt))
    provider = office.provider.id
    send(office.authorizations.verifyCoverage, provider, unverified, office.eligibility(), sender=office.insurer_key)
    office.decide(unverified)
    office.supply(asked)
    office.decide(asked, Action.DENIED)
    office.extend(waiting)
    office.decide(waiting)
    office.appeal(refused)
    office.decide(refused, Action.DENIED, key=other_reviewer_key)
    office.appeal(part)
    office.decide(part, Action.MODIFIED, 4 * UNIT, 10**9, key=other_reviewer_key)
    office.draw(grant, 5 * UNIT)
    office.cancel(unverified)
    travel_to((today() + 200) * DAY)
    office.expire(waiting)
    office.expire(part)
    assert office.under_way() == 0
    send(office.units.setWriter, ZERO, sender=payer_policy_administrator)
    receipt = send(office.authorizations.openToNewWork, sender=payer_policy_administrator)
    assert office.events(receipt) == [("OpenedToNewWork",)]
    assert office.refuses("openToNewWork", sender=payer_policy_administrator) == ("ReplaceableOpen",)


def test_ledger_is_handed_on_only_by_a_closed_version(office, payer_policy_administrator):
    found = refusal(office.units.setWriter, office.authorizations, sender=payer_policy_administrator)
    assert found == ("SingleWriterStillOpen", office.authorizations.address)


def test_units_are_counted_on_by_the_next_version(office, deploy_payers, govern, payer_policy_administrator):
    """Counters outlive a version: the next one takes them over, instead of beginning anew."""
    from dataclasses import replace

    from .payer import PayerRole

    request = office.submit(Line(milli_units=9 * UNIT), Line(milli_units=9 * UNIT)).id
    registry, anchors = office.anchors.registry(), office.anchors
    foundations = (registry, anchors, office.policy, office.units, office.panel)
    parts = [deploy_payers(name, foundations) for name in ("AuthorizationIntake", "AuthorizationDesk")]
    contract = deploy_payers("PriorAuthorization", foundations, *parts)
    govern(PayerRole.POLICY_ADMINISTRATOR, contract.openToNewWork)
    following = replace(office, authorizations=contract, intake=parts[0], desk=parts[1])
    assert following.refuses("submit", *following.submission(), sender=office.key)[0] == "ReplaceableClosed"
    send(office.authorizations.closeToNewWork, sender=payer_policy_administrator)
    send(office.units.setWriter, contract, sender=payer_policy_administrator)
    send(contract.openToNewWork, sender=payer_policy_administrator)
    sent = following.submit(Line(milli_units=2 * UNIT), Line(milli_units=3 * UNIT))
    assert [decision.milli_units_before for decision in sent.decisions] == [18 * UNIT, 20 * UNIT]
    assert following.status(request) == LineStatus.UNKNOWN
    stale = following.submission(eligibility=office.eligibility())
    assert following.refuses("submit", *stale, sender=office.key)[0] == "PriorAuthorizationInvalidSignature"
    found = office.refuses("cancel", request, 1, sender=office.key)
    assert found == ("SingleWriterNotWriter", office.authorizations.address, contract.address)


def test_line_that_pends_is_cancelled_without_the_ledger(office, payer_policy_administrator):
    request = office.submit(Line(REVIEWED)).id
    send(office.units.setWriter, ZERO, sender=payer_policy_administrator)
    office.cancel(request)
    assert office.under_way() == 0
