"""update and cancel."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from ..support import Reason, Standing, chain_time, send
from .claims import MEMBER, OTHER_MEMBER, PERIOD, today
from .payer import MONEY, UNIT
from .requests import (
    COVERED,
    EXCLUDED,
    NO_LINE,
    REVIEWED,
    UNVERIFIED,
    Action,
    AppealStatus,
    Basis,
    Line,
    LineStatus,
    appealed,
    approved,
    denied,
    exhausted,
    exhausted_in_part,
    information_requested,
    modified,
    not_required,
    partial,
    pended,
)

SUPERSEDABLE = {
    "pended": pended,
    "information requested": information_requested,
    "approved": approved,
    "partial": partial,
    "modified": modified,
    "denied": denied,
    "denied and appealed": appealed(denied),
    "partial and appealed": appealed(partial),
    "exhausted": exhausted,
    "exhausted and appealed": appealed(exhausted_in_part),
    "not required": not_required,
}
CANCELLABLE = {name: SUPERSEDABLE[name] for name in list(SUPERSEDABLE)[:5]} | {"appealed": appealed(partial)}


# ---------------------------------------------------------------------- update


def test_update_supersedes_adds_and_cancels(office):
    request = office.submit(Line(), Line(REVIEWED), Line(milli_units=1 * UNIT), expedited=True).id
    sent = office.update(
        request,
        (0, Line(milli_units=7 * UNIT)),
        (NO_LINE, Line(milli_units=2 * UNIT)),
        cancelled=0b10,
        content=keccak(text="changed"),
    )
    assert office.events(sent.receipt)[0][:5] == (
        "RequestSubmitted",
        office.provider.id,
        request,
        office.key.address,
        1,
    )
    plain = [event for event in office.events(sent.receipt) if event[0] not in ("RequestSubmitted", "LineDecided")]
    assert plain == [
        ("LineCancelled", office.provider.id, request, 1),
        ("LineSuperseded", office.provider.id, request, 0, 3),
    ]
    assert [decision.brief() for decision in sent.decisions] == 2 * [(Action.IN_FULL, Basis.WITHIN_RULES)]
    assert [office.status(request, line) for line in range(6)] == [
        LineStatus.SUPERSEDED,
        LineStatus.CANCELLED,
        LineStatus.APPROVED,
        LineStatus.APPROVED,
        LineStatus.APPROVED,
        LineStatus.UNKNOWN,
    ]
    assert [office.left(request, line)[0] for line in (2, 3, 4)] == [1 * UNIT, 7 * UNIT, 2 * UNIT]
    assert office.balance() == (10 * UNIT, 0)
    assert office.under_way() == 3
    held = tuple(office.authorizations.requestOf(office.provider.id, request))
    assert held == (5, 1, keccak(text="changed")[:8])


@pytest.mark.parametrize("state", SUPERSEDABLE)
def test_update_supersedes_every_line_that_is_not_at_its_end(office, state):
    request = SUPERSEDABLE[state](office)
    before = office.state(request)
    reserved, used = office.balance(before.benefit_class)
    office.update(request, (0, Line(REVIEWED)))
    after = office.state(request)
    assert (after.status, after.appeal) == (LineStatus.SUPERSEDED, AppealStatus.NONE)
    left = before.milli_units if before.is_grant else 0
    assert office.balance(before.benefit_class) == (reserved - left, used)
    assert office.under_way() == 1


def test_update_gives_back_before_it_decides(office):
    """So that a line can be replaced in a full period."""
    sent = office.submit(Line(milli_units=10 * UNIT), Line(milli_units=10 * UNIT))
    changed = office.update(sent.id, (1, Line(milli_units=10 * UNIT)))
    assert changed.decision.brief() == (Action.IN_FULL, Basis.WITHIN_RULES)
    assert changed.decision.milli_units_before == 10 * UNIT
    assert office.balance() == (20 * UNIT, 0)


def test_update_dodges_no_limit_by_superseding_what_was_used(office):
    """Units that were drawn stay used, whatever supersedes the line."""
    request = office.submit(Line(milli_units=10 * UNIT), Line(milli_units=10 * UNIT)).id
    office.draw(request, 9 * UNIT)
    for number in (1, 2):
        office.update(request, (number, Line()))
    assert office.balance() == (6 * UNIT, 9 * UNIT)
    sent = office.update(request, (0, Line(milli_units=6 * UNIT)), (NO_LINE, Line(milli_units=1)))
    assert [one.basis for one in sent.decisions] == [Basis.WITHIN_RULES, Basis.UNITS_OVER_PERIOD_LIMIT]
    assert office.balance() == (11 * UNIT, 9 * UNIT)


def test_update_again_changes_nothing(office):
    request = office.submit().id
    call = office.amendment(request, (0, Line()))
    send(office.authorizations.update, *call, sender=office.key)
    before = office.balance(), office.under_way(), tuple(office.authorizations.requestOf(office.provider.id, request))
    assert send(office.authorizations.update, *call, sender=office.key).logs == []
    after = office.balance(), office.under_way(), tuple(office.authorizations.requestOf(office.provider.id, request))
    assert after == before


def test_update_reverts_for_another_revision(office):
    request = office.submit().id
    office.update(request, (0, Line()))
    refused = ("PriorAuthorizationOtherRevision", office.provider.id, request, 1)
    for revision, content in ((0, keccak(text="other")), (2, None), (7, None), (255, None)):
        call = office.amendment(request, (1, Line()), revision=revision, content=content)
        assert office.refuses("update", *call, sender=office.key) == refused


def test_update_reverts_after_255_revisions(office):
    """The last number is followed by a refusal that says so, not by a panic."""
    request = office.submit(Line(REVIEWED)).id
    for _ in range(255):
        office.update(request)
    assert int(office.authorizations.requestOf(office.provider.id, request)[1]) == 255
    call = office.amendment(request, revision=255, content=keccak(text="one more"))
    refused = ("PriorAuthorizationTooManyRevisions", office.provider.id, request)
    assert office.refuses("update", *call, sender=office.key) == refused
    office.cancel(request)


def test_update_reverts_if_the_request_is_unknown(office, laboratory_office):
    theirs = laboratory_office.submit().id
    for request in (office.request_id(), theirs):
        call = office.amendment(request, (0, Line()))
        assert office.refuses("update", *call, sender=office.key) == office.unknown(request)


def test_update_reverts_if_a_line_is_unknown(office):
    request = office.submit().id
    for number in (1, 2, 254):
        call = office.amendment(request, (number, Line()))
        assert office.refuses("update", *call, sender=office.key) == office.unknown(request, number)
    call = office.amendment(request, cancelled=1 << 255)
    assert office.refuses("update", *call, sender=office.key) == office.unknown(request, 255)


def test_update_reverts_if_a_line_is_superseded_twice(office):
    request = office.submit().id
    call = office.amendment(request, (0, Line()), (0, Line()))
    assert office.refuses("update", *call, sender=office.key) == office.forbidden(request, LineStatus.SUPERSEDED)
    call = office.amendment(request, (0, Line()), cancelled=1)
    assert office.refuses("update", *call, sender=office.key) == office.forbidden(request, LineStatus.CANCELLED)


def test_update_reverts_beyond_255_lines(office):
    request = office.submit(*[Line(REVIEWED)] * 254, gas=25_000_000).id
    call = office.amendment(request, (NO_LINE, Line()), (NO_LINE, Line()))
    refused = ("PriorAuthorizationInvalidLineCount", request, 256)
    assert office.refuses("update", *call, sender=office.key) == refused
    office.update(request, (253, Line()))
    assert office.status(request, 253) == LineStatus.SUPERSEDED
    assert office.status(request, 254) == LineStatus.APPROVED
    assert office.authorizations.requestOf(office.provider.id, request)[0] == 255
    call = office.amendment(request, (254, Line()))
    assert office.refuses("update", *call, sender=office.key) == refused
    office.update(request, cancelled=1 << 254)
    assert office.status(request, 254) == LineStatus.CANCELLED


def test_update_reverts_if_a_line_has_no_units(office):
    request = office.submit().id
    call = office.amendment(request, (0, Line(milli_units=0)))
    assert office.refuses("update", *call, sender=office.key) == ("PriorAuthorizationNoUnits", request, 1)


def test_update_reverts_if_a_service_is_too_far(office):
    request = office.submit().id
    latest = today() + 366
    call = office.amendment(request, (0, Line(day=latest + 1)))
    refused = ("PriorAuthorizationServiceTooFar", request, 1, latest + 1, latest)
    assert office.refuses("update", *call, sender=office.key) == refused


def test_update_names_the_member_of_an_unverified_request(office):
    request = office.submit(eligibility=UNVERIFIED).id
    office.update(request, (0, Line()))
    assert (office.state(request).member, office.state(request).period) == (MEMBER, PERIOD)
    assert office.status(request, 1) == LineStatus.APPROVED


def test_update_reverts_for_another_member_or_period(office):
    """A request is about one member, so that nobody's units are taken back from another's."""
    request = office.submit().id
    refused = ("PriorAuthorizationOtherMember", office.provider.id, request)
    for shown in (office.eligibility(OTHER_MEMBER), office.eligibility(period=PERIOD + 1)):
        call = office.amendment(request, (0, Line()), eligibility=shown)
        assert office.refuses("update", *call, sender=office.key) == refused


def test_update_without_an_eligibility_pends_what_is_new(office):
    request = office.submit().id
    sent = office.update(request, (NO_LINE, Line()), eligibility=UNVERIFIED)
    assert sent.decision.brief() == (Action.PENDED, Basis.COVERAGE_UNVERIFIED)
    assert office.state(request).member == MEMBER
    office.decide(request, line=1)
    assert office.balance() == (10 * UNIT, 0)


def test_update_judges_by_the_version_now_in_force(office, put_in_force):
    """The old line keeps its version, and is finished under it."""
    request = office.submit(Line(REVIEWED), Line(REVIEWED), Line()).id
    later = put_in_force()
    call = office.amendment(request, (0, Line()))
    refused = ("PriorAuthorizationOtherVersion", office.provider.id, office.version, later.version)
    assert office.refuses("update", *call, sender=office.key) == refused
    later.update(request, (0, Line()), (2, Line()))
    assert [office.state(request, line).version for line in range(5)] == [
        *3 * [office.version],
        *2 * [later.version],
    ]
    receipt = office.decide(request, line=1)
    assert office.decisions(receipt)[0].version == office.version
    assert office.balance() == (10 * UNIT, 0)


def test_update_reverts_if_the_provider_is_suspended_and_cancel_does_not(office, registry, registrar, hospital):
    request = office.submit().id
    call = office.amendment(request, (0, Line()))
    send(registry.suspend, hospital.id, Reason.REGULATOR_ORDER, sender=registrar)
    refused = ("OrganizationRegistryNotInGoodStanding", hospital.id, Standing.SUSPENDED)
    assert office.refuses("update", *call, sender=office.key) == refused
    office.cancel(request)
    assert office.balance() == (0, 0)


def test_update_checks_receipt_and_documents_as_a_submission_does(office, laboratory_office):
    request = office.submit().id
    now = chain_time()
    call = office.amendment(request, (0, Line()), received_at=now + 1)
    found = office.refuses("update", *call, sender=office.key)
    assert found == ("PriorAuthorizationReceiptOutOfRange", now + 1, now - 86_400, now)
    theirs = laboratory_office.document()
    call = office.amendment(request, (0, Line()), documents=[theirs])
    assert office.refuses("update", *call, sender=office.key)[0] == "ProviderDocumentsInvalid"


# ---------------------------------------------------------------------- cancel


@pytest.mark.parametrize("state", CANCELLABLE)
def test_cancel_ends_a_line_and_gives_back_what_is_left(office, state):
    request = CANCELLABLE[state](office)
    receipt = office.cancel(request)
    assert office.events(receipt) == [("LineCancelled", office.provider.id, request, 0)]
    held = office.state(request)
    assert (held.status, held.appeal) == (LineStatus.CANCELLED, AppealStatus.NONE)
    assert office.balance(held.benefit_class) == (0, 0)
    assert office.under_way() == 0


def test_cancel_ends_the_lines_of_its_bitmap(office):
    request = office.submit(*[Line(REVIEWED)] * 9).id
    office.cancel(request, 0b1_0001_0010)
    found = [line for line in range(9) if office.status(request, line) == LineStatus.CANCELLED]
    assert found == [1, 4, 8]
    assert office.under_way() == 6


def test_cancel_ends_all_lines_of_a_full_request(office):
    """255 grants are given back in one call that a block takes."""
    request = office.submit(*[Line(milli_units=1, amount=0)] * 255, gas=29_000_000).id
    assert (office.balance(), office.under_way()) == ((255, 0), 255)
    receipt = send(office.authorizations.cancel, request, 2**255 - 1, sender=office.key, gas=15_000_000)
    assert len(office.events(receipt)) == 255
    assert (office.balance(), office.under_way()) == ((0, 0), 0)


def test_cancel_again_changes_nothing(office):
    request = office.submit(Line(), Line()).id
    office.cancel(request)
    assert office.cancel(request).logs == []
    receipt = office.cancel(request, 0b11)
    assert office.events(receipt) == [("LineCancelled", office.provider.id, request, 1)]


def test_cancel_of_no_lines_changes_nothing(office):
    assert office.cancel(office.request_id(), 0).logs == []


def test_cancel_gives_back_only_what_was_not_drawn(office):
    request = office.submit().id
    office.draw(request, 2 * UNIT, 100 * MONEY)
    office.cancel(request)
    assert office.balance() == (0, 2 * UNIT)


def test_cancel_reverts_if_a_line_is_unknown(office, laboratory_office):
    request = laboratory_office.submit().id
    assert office.refuses("cancel", request, 1, sender=office.key) == office.unknown(request)
    mine = office.submit().id
    for number in (1, 254, 255):
        assert office.refuses("cancel", mine, 1 << number, sender=office.key) == office.unknown(mine, number)


def test_cancel_reverts_unless_the_key_is_valid(office, registry, hospital, stranger):
    request = office.submit().id
    found = office.refuses("cancel", request, 1, sender=stranger)
    assert found == ("OrganizationRegistryUnknownKey", stranger.address)
    since = chain_time()
    send(registry.reportCompromise, office.key, since, sender=hospital.controller)
    found = office.refuses("cancel", request, 1, sender=office.key)
    assert found == ("OrganizationRegistryKeyCompromised", office.key.address, since)


def test_cancel_is_for_all_keys_of_the_provider(office, hospital_other_key):
    request = office.submit().id
    office.cancel(request, sender=hospital_other_key)
    assert office.status(request) == LineStatus.CANCELLED


def test_cancel_stops_a_denied_line_from_nothing(office):
    """It has nothing to give back; an appeal of it stays."""
    request = appealed(denied)(office)
    found = office.refuses("cancel", request, 1, sender=office.key)
    assert found == office.forbidden(request, LineStatus.DENIED)
    assert office.state(request).appeal == AppealStatus.OPEN
    assert office.state(request).benefit_class == EXCLUDED != COVERED
