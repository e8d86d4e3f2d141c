"""Requests and what became of them, on an Anvil: submitted, sent again, updated, cancelled, appealed."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from careledger.authorization.claim_submission import FINDINGS
from careledger.authorization.commitments import Subject, commitment
from careledger.authorization.decision import UNKNOWN_AMOUNT
from careledger.authorization.eligibility_file import dump_eligibility, parse_eligibility
from careledger.authorization.idempotency import Arrival
from careledger.authorization.outcome import ReviewAction
from careledger.authorization.outcomes import (
    ACTIONS,
    BASIS_SYSTEM,
    PENDED,
    RequestReport,
    authorization_number,
    reason_system,
    request_report,
)
from careledger.authorization.request import AuthorizationRequest, CertificationType, RequestLine
from careledger.authorization.request import Change as Marked
from careledger.authorization.request_book import REQUEST_KIND, Revision
from careledger.authorization.rule_file import load_rule_file
from careledger.authorization.submission import Submissions
from careledger.authorization.tariff import Tariff
from careledger.contract_enums import Action, AppealStatus, Basis, Finding, LineStatus
from careledger.contract_errors import PriorAuthorizationReceiptOutOfRange
from careledger.contract_events import LineDecided, RequestSubmitted
from careledger.errors import InvalidInput, RequestConflict
from careledger.vault import ScryptCost, Vault
from eth_utils.crypto import keccak
from identity.suite import travel
from provider_requests import COSMETIC, DOLLAR, VISIT, identifier, line, request, unused_member
from provider_world import RULES, ProviderWorld

TARIFF = b"""
format: careledger-tariff
version: 1
currency: USD
prices:
  - {system: HCPCS, code: E0601, unit_system: UCUM, unit: mo, unit_price: 80.00}
"""


@pytest.fixture
def submissions(world: ProviderWorld, vault: Vault) -> Submissions:
    return Submissions(world.payer_as(world.hospital), world.rule_set, vault)


def report(submissions: Submissions, world: ProviderWorld, revision: Revision) -> RequestReport:
    return submissions.report(revision, world.rule_set)


def actions(found: RequestReport) -> list[str | None]:
    return [None if one.action is None else one.action.value for one in found.lines]


# ---------------------------------------------------------------------- submitted


def test_a_request_is_decided_by_the_rules_and_its_dry_run_said_so(
    world: ProviderWorld, submissions: Submissions
) -> None:
    asked = request(line(1), line(2, "B4184", unit=None), line(5, COSMETIC), line(7, "E9999"))
    plan = submissions.plan(asked, world.eligibility(unused_member()))
    assert plan.arrival is Arrival.NEW
    assert plan.notes[7] == ("its code is in no class of the rules, so it goes without a class",)
    before = world.connection.block_number()
    foretold = submissions.dry_run(plan)
    assert world.connection.block_number() == before
    found = report(submissions, world, submissions.send(plan))
    assert actions(found) == ["A1", "A4", "A3", "A4"]
    assert [one.sequence for one in found.lines] == [1, 2, 5, 7]
    assert [one.number for one in found.lines] == [0, 1, 2, 3]
    assert [one.why for one in found.lines] == [one.why for one in foretold]
    assert [one.why for one in found.lines] == [
        "Approved in full: 3 month of equipment are within the rules.",
        "Waits for a person: a person decides every request of nutrition.",
        "Denied: the contract between insurer and provider excludes cosmetic.",
        "Waits for a person: the code is in no class of this policy.",
    ]
    approved, pended, denied, _ = (one.outcome for one in found.lines)
    assert approved.grant is not None
    assert (approved.grant.milli_units, approved.grant.amount) == (3000, 240 * DOLLAR)
    assert approved.grant.unit_price == 80 * DOLLAR
    assert (approved.valid_from, approved.human_reviewed) == (line(1).first_day, False)
    assert approved.authorization_number
    assert re.fullmatch("[A-Z2-7]{16}", approved.authorization_number)
    assert pended.pend_number
    assert pended.authorization_number is None
    assert [code.code for code in denied.reasons] == ["contract-exclusion"]
    assert denied.reasons[0].system == BASIS_SYSTEM
    assert found.lines[1].due_at == plan.received_at + 7 * 86_400
    for one in found.outcome.lines:
        one.check()


def test_the_chain_shows_nothing_of_the_content(world: ProviderWorld, submissions: Submissions, vault: Vault) -> None:
    asked = request()
    revision = submissions.send(submissions.plan(asked, world.eligibility(unused_member())))
    history = submissions.authorizations.history(world.provider, revision.request_id)
    (submitted,) = (event for event in history if isinstance(event, RequestSubmitted))
    (decided,) = (event for event in history if isinstance(event, LineDecided))
    content = asked.content_bytes()
    assert submitted.content == commitment(Subject.REQUEST, content, revision.salt) == revision.commitment
    assert decided.commitment == commitment(Subject.LINE, asked.lines[0].content_bytes(), revision.lines[0].salt)
    assert commitment(Subject.REQUEST, content, bytes(32)) != revision.commitment
    assert submissions.find(asked.identifier) == revision
    kept = [name for name in vault.names(REQUEST_KIND) if revision.request_id in name]
    assert kept == [f"{submissions.authorizations.address.lower()}/{revision.request_id}/0.0"]
    assert not any(asked.identifier.value in name for kind in vault.kinds() for name in vault.names(kind))


def test_the_number_of_an_authorization_is_made_of_what_the_chain_shows() -> None:
    message = b"careledger.authorization.number.v1" + (31337).to_bytes(32, "big")
    message += bytes.fromhex("11" * 20 + "22" * 12 + "33" * 32 + "04")
    found = authorization_number(31337, "0x" + "11" * 20, "0x" + "22" * 12, "0x" + "33" * 32, 4)
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    number = int.from_bytes(keccak(message)[:10], "big")
    assert found == "".join(digits[number >> shift & 31] for shift in range(75, -1, -5))


def test_the_same_request_again_sends_nothing(world: ProviderWorld, submissions: Submissions) -> None:
    asked = request()
    eligibility = world.eligibility(unused_member())
    first = submissions.send(submissions.plan(asked, eligibility))
    before = world.connection.block_number()
    plan = submissions.plan(asked, eligibility)
    assert plan.arrival is Arrival.REPEATED
    assert submissions.dry_run(plan) == []
    assert submissions.send(plan) == first
    assert world.connection.block_number() == before
    with pytest.raises(RequestConflict) as conflict:
        submissions.plan(dataclasses.replace(asked, expedited=True), eligibility)
    assert conflict.value.request_id == first.request_id


def test_what_was_refused_is_sent_again_with_the_same_salts(world: ProviderWorld, submissions: Submissions) -> None:
    asked = request()
    eligibility = world.eligibility(unused_member())
    plan = submissions.plan(asked, eligibility)
    too_late = dataclasses.replace(plan, received_at=plan.received_at - 10 * 86_400)
    with pytest.raises(PriorAuthorizationReceiptOutOfRange):
        submissions.send(too_late)
    again = submissions.plan(asked, eligibility)
    sent = submissions.send(again)
    assert (sent.salt, sent.lines) == (plan.revision.salt, plan.revision.lines)
    corrected = request(line(1, milli_units=2000), identifier=identifier())
    with pytest.raises(PriorAuthorizationReceiptOutOfRange):
        submissions.send(dataclasses.replace(submissions.plan(corrected, eligibility), received_at=1))
    corrected = dataclasses.replace(corrected, lines=(line(1, milli_units=1000),))
    assert submissions.send(submissions.plan(corrected, eligibility)).lines[0].service.milli_units == 1000
    assert submissions.plan(corrected, eligibility).arrival is Arrival.REPEATED


def test_a_document_that_the_rules_ask_for_and_units_that_are_left_decide(
    world: ProviderWorld, submissions: Submissions
) -> None:
    eligibility = world.eligibility(unused_member())
    visits = line(1, "G0299", unit=VISIT, milli_units=20_000, unit_price=165_500_000)
    without = submissions.plan(request(visits), eligibility)
    found = report(submissions, world, submissions.send(without))
    assert found.lines[0].why == "Waits for a person: documents are missing: plan-of-care."
    receipt = world.anchored(b"a plan of care")
    for expected in ("A1", "A2"):
        plan = submissions.plan(request(visits), eligibility, [receipt])
        foretold = submissions.dry_run(plan)
        found = report(submissions, world, submissions.send(plan))
        assert actions(found) == [expected]
        assert found.lines[0].why == foretold[0].why
    assert found.lines[0].why == "Approved in part: 10 of 20 visit of home-nursing, which is what the period has left."
    assert found.outcome.lines[0].reasons[0].code == "units-over-period-limit"


def test_a_tariff_fills_in_the_amount(world: ProviderWorld, submissions: Submissions, vault: Vault) -> None:
    eligibility = world.eligibility(unused_member())
    asked = request(line(1, unit_price=None))
    plan = submissions.plan(asked, eligibility)
    assert plan.lines[0].kept.service.amount == UNKNOWN_AMOUNT
    assert plan.notes[1] == ("neither request nor tariff has its price, so the amount is not known",)
    assert "the amount is not known" in submissions.dry_run(plan)[0].why
    tariff = Tariff.parse(TARIFF, world.rule_set.settlement)
    priced = Submissions(world.payer_as(world.hospital), world.rule_set, vault, tariff)
    plan = priced.plan(asked, eligibility)
    assert plan.lines[0].kept.service.amount == 240 * DOLLAR
    assert priced.dry_run(plan)[0].decision.action is Action.APPROVED_IN_FULL
    assert actions(report(priced, world, priced.send(plan))) == ["A1"]


def test_without_a_word_of_the_insurer_a_request_waits(world: ProviderWorld, submissions: Submissions) -> None:
    revision = submissions.send(submissions.plan(request()))
    found = report(submissions, world, revision)
    assert found.lines[0].why == "Waits for a person: the insurer has not confirmed that the member is covered."
    eligibility = world.eligibility(unused_member())
    submissions.authorizations.verify_coverage(world.provider, revision.request_id, eligibility)
    assert "The insurer has confirmed the coverage since." in report(submissions, world, revision).lines[0].notes


def test_words_without_the_rule_file_are_general(world: ProviderWorld, submissions: Submissions) -> None:
    revision = submissions.send(submissions.plan(request(line(1), line(2, COSMETIC), line(3, "G0299", unit=VISIT))))
    found = request_report(submissions.authorizations, world.provider, revision, None)
    assert {one.why for one in found.lines} == {
        "Waits for a person: the insurer has not confirmed that the member is covered."
    }
    revision = submissions.send(
        submissions.plan(
            request(line(1), line(2, COSMETIC), line(3, "G0299", unit=VISIT)), world.eligibility(unused_member())
        )
    )
    found = request_report(submissions.authorizations, world.provider, revision, world.rule_set, versions=())
    assert [one.why for one in found.lines] == [
        "Approved in full: 3 units.",
        "Denied: the contract between insurer and provider excludes the class.",
        "Waits for a person: documents are missing.",
    ]


def test_rules_that_are_not_in_force_are_refused(world: ProviderWorld, vault: Vault, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(RULES.read_text().replace("max_amount: 1200.00", "max_amount: 1300.00"))
    submissions = Submissions(world.payer_as(world.hospital), load_rule_file(other), vault)
    with pytest.raises(InvalidInput, match="are not those of version 1"):
        submissions.plan(request(), world.eligibility())
    other.write_text(RULES.read_text().replace("plan: 1001", "plan: 1002"))
    submissions = Submissions(world.payer_as(world.hospital), load_rule_file(other), vault)
    with pytest.raises(InvalidInput, match="is not enrolled in plan 1002"):
        submissions.plan(request(), world.eligibility())
    with pytest.raises(InvalidInput, match="is a key of no organization"):
        Submissions(world.payer_as(world.patient), world.rule_set, vault)


def test_another_vault_does_not_know_the_request(
    world: ProviderWorld, submissions: Submissions, tmp_path: Path
) -> None:
    asked = request()
    submissions.send(submissions.plan(asked, world.eligibility(unused_member())))
    with Vault.create(tmp_path / "other.db", "passphrase", cost=ScryptCost(n=2)) as other:
        stranger = Submissions(world.payer_as(world.hospital), world.rule_set, other)
        with pytest.raises(InvalidInput, match="was not sent with this vault"):
            stranger.find(asked.identifier)
        assert other.kinds() == {}


def test_every_action_and_basis_has_its_code_and_words() -> None:
    codes = {Action.APPROVED_IN_FULL: "A1", Action.APPROVED_IN_PART: "A2", Action.DENIED: "A3", Action.PENDED: "A4"}
    codes |= {Action.MODIFIED: "A6", Action.NOT_REQUIRED: "NA"}
    assert {action: code.value for action, code in ACTIONS.items()} == codes
    assert ACTIONS.keys() == set(Action) - {Action.NONE_}
    decided = {Basis.NOT_REQUIRED, Basis.GOLD_CARD, Basis.CONTRACT_EXCLUSION, Basis.WITHIN_RULES}
    by_persons = {Basis.REVIEWER, Basis.APPEAL, Basis.OVERDUE}
    assert PENDED.keys() == set(Basis) - decided - by_persons - {Basis.NONE_}
    assert FINDINGS.keys() == set(Finding) - {Finding.NONE_}


def test_an_eligibility_comes_and_goes_as_a_file(world: ProviderWorld) -> None:
    eligibility = world.eligibility()
    assert parse_eligibility(dump_eligibility(eligibility)) == eligibility
    with pytest.raises(InvalidInput, match="member_key"):
        parse_eligibility(dump_eligibility(dataclasses.replace(eligibility, member_key="0x12")))


# ---------------------------------------------------------------------- updated and cancelled


def updated(before: AuthorizationRequest, *lines: RequestLine) -> AuthorizationRequest:
    named = identifier()
    return dataclasses.replace(before, identifier=named, prior=before.identifier, lines=lines)


def test_an_update_leaves_supersedes_adds_and_cancels(world: ProviderWorld, submissions: Submissions) -> None:
    eligibility = world.eligibility(unused_member())
    asked = request(line(1), line(2, "A7030"), line(3, "A7037"))
    first = submissions.send(submissions.plan(asked, eligibility))
    gone = line(3, "A7037", cancelled=True, certification_type=CertificationType.CANCEL)
    update = updated(asked, line(1), line(2, "A7030", milli_units=9000), gone, line(4, "B4184", unit=None))
    plan = submissions.plan(update, eligibility)
    assert plan.arrival is Arrival.UPDATE
    assert (plan.unchanged, plan.cancelled) == ((1,), (3,))
    assert [(one.kept.sequence, one.kept.number, one.supersedes) for one in plan.lines] == [(2, 3, 1), (4, 4, None)]
    foretold = submissions.dry_run(plan)  # 3 of 12 months stay, 6 come back
    assert foretold[0].decision.milli_units == 9000
    second = submissions.send(plan)
    found = report(submissions, world, second)
    assert actions(found) == ["A1", "A1", None, "A4"]
    assert [one.number for one in found.lines] == [0, 3, 2, 4]
    assert second.request_id == first.request_id
    assert second.line(1) == first.line(1)
    states = submissions.authorizations.lines(world.provider, first.request_id)
    assert [state.status for state in states] == [
        LineStatus.APPROVED,
        LineStatus.SUPERSEDED,
        LineStatus.CANCELLED,
        LineStatus.APPROVED,
        LineStatus.PENDED,
    ]
    assert submissions.plan(update, eligibility).arrival is Arrival.REPEATED
    for named in (asked.identifier, update.identifier):
        assert submissions.find(named) == second
    again = updated(update, *update.lines[:2], gone, dataclasses.replace(update.lines[3], change=Marked.CHANGED))
    plan = submissions.plan(again, eligibility)  # marked as changed: decided anew
    assert [(one.kept.sequence, one.kept.number, one.supersedes) for one in plan.lines] == [(4, 5, 4)]
    assert plan.cancelled == ()
    third = submissions.send(plan)
    assert (third.revision, third.line(4).number, third.line(3).number) == (2, 5, 2)
    with pytest.raises(InvalidInput, match="was sent like this as revision 1, and revision 2 stands"):
        submissions.plan(update, eligibility)
    back = updated(again, *again.lines[:2], line(3, "A7037"), again.lines[3])
    plan = submissions.plan(back, eligibility)
    assert [(one.kept.sequence, one.supersedes) for one in plan.lines] == [(3, None), (4, 5)]


def test_an_update_that_leaves_out_an_item_or_comes_first_is_refused(
    world: ProviderWorld, submissions: Submissions
) -> None:
    eligibility = world.eligibility(unused_member())
    asked = request(line(1), line(2))
    with pytest.raises(InvalidInput, match="was never sent, and this is an update"):
        submissions.plan(updated(asked, line(1)), eligibility)
    submissions.send(submissions.plan(asked, eligibility))
    with pytest.raises(InvalidInput, match="is missing: an update has every item"):
        submissions.plan(updated(asked, line(1)), eligibility)
    update = updated(asked, line(1), line(2, milli_units=1000))
    submissions.send(submissions.plan(update, eligibility))
    taken = dataclasses.replace(asked, identifier=update.identifier)
    with pytest.raises(RequestConflict):
        submissions.plan(taken, eligibility)


def test_salts_that_were_erased_are_not_made_up(world: ProviderWorld, submissions: Submissions, vault: Vault) -> None:
    asked = request()
    revision = submissions.send(submissions.plan(asked, world.eligibility(unused_member())))
    vault.forget(REQUEST_KIND, f"{submissions.authorizations.address.lower()}/{revision.request_id}/0.0")
    with pytest.raises(InvalidInput, match="this vault has no salts of its revision 0"):
        submissions.find(asked.identifier)
    with pytest.raises(InvalidInput, match="this vault has no salts of its revision 0"):
        submissions.plan(asked)


def test_items_are_cancelled_by_number(world: ProviderWorld, submissions: Submissions) -> None:
    asked = request(line(1), line(2), line(3, COSMETIC))
    revision = submissions.send(submissions.plan(asked, world.eligibility(unused_member())))
    assert submissions.cancel(revision, [2]) == (2,)
    assert submissions.cancel(revision, [2]) == ()
    with pytest.raises(InvalidInput, match="is denied: there is nothing to cancel"):
        submissions.cancel(revision, [3])
    with pytest.raises(InvalidInput, match="is not in the request, which has 1, 2, 3"):
        submissions.cancel(revision, [4])
    assert submissions.cancel(revision) == (1,)
    found = report(submissions, world, revision)
    assert actions(found) == [None, None, "A3"]
    assert found.lines[0].why == "Cancelled."


# ---------------------------------------------------------------------- persons


def test_persons_decide_and_their_reasons_are_told(world: ProviderWorld, submissions: Submissions) -> None:
    eligibility = world.eligibility(unused_member())
    pended = [line(number, "B4184", unit=None) for number in (1, 2, 3, 4)]
    revision = submissions.send(submissions.plan(request(*pended), eligibility))
    world.review(revision.request_id, 0, Action.APPROVED_IN_FULL, milli_units=3000, amount=240 * DOLLAR)
    world.review(revision.request_id, 1, Action.APPROVED_IN_PART, milli_units=1000, amount=80 * DOLLAR, reason=4)
    world.review(revision.request_id, 2, Action.DENIED, reason=7)
    world.review(
        revision.request_id, 3, Action.MODIFIED, benefit_class=20, milli_units=3000, amount=200 * DOLLAR, reason=5
    )
    found = report(submissions, world, revision)
    assert actions(found) == ["A1", "A2", "A3", "A6"]
    assert [one.why for one in found.lines] == [
        "Approved in full by a person: 3 units.",
        "Approved in part by a person, for reason 4 of the insurer's list: 1 of 3 units.",
        "Denied by a person, for reason 7 of the insurer's list.",
        "Approved with changes by a person, for reason 5 of the insurer's list: 3 units.",
    ]
    assert found.lines[3].notes == ("Granted is equipment.",)
    assert found.outcome.human_reviewed
    assert found.lines[2].outcome.reasons[0].system == reason_system(world.payer.insurer)
    for one in found.outcome.lines:
        one.check()


def test_an_appeal_is_decided_by_another(world: ProviderWorld, submissions: Submissions) -> None:
    eligibility = world.eligibility(unused_member())
    asked = request(line(1, "B4184", unit=None), line(2, "B4184", unit=None), line(3))
    revision = submissions.send(submissions.plan(asked, eligibility))
    for number in (0, 1):
        world.review(revision.request_id, number, Action.DENIED, reason=7)
    with pytest.raises(InvalidInput, match="only what was denied, approved in part or modified"):
        submissions.appealable(revision, 3)
    appeal = dataclasses.replace(asked, certification_type=CertificationType.STANDARD_APPEAL, expedited=True)
    plan = submissions.plan(appeal)
    assert plan.arrival is Arrival.APPEAL
    assert [(one.sequence, one.number, one.decision) for one in plan.appeals] == [(1, 0, 2), (2, 1, 2)]
    submissions.send(plan)
    before = world.connection.block_number()
    submissions.send(submissions.plan(appeal))
    with pytest.raises(InvalidInput, match="is appealed already, with another statement"):
        submissions.appeal(revision, plan.appeals[0], b"something else")
    assert world.connection.block_number() == before
    found = report(submissions, world, revision)
    assert found.lines[0].state is not None
    assert found.lines[0].state.appeal is AppealStatus.OPEN
    assert found.lines[0].notes[0].startswith("An appeal is open, due ")
    assert found.lines[0].due_at > 0
    world.review(revision.request_id, 0, Action.DENIED, reviewer=1, reason=8)
    world.review(revision.request_id, 1, Action.APPROVED_IN_FULL, reviewer=1, milli_units=3000, amount=240 * DOLLAR)
    found = report(submissions, world, revision)
    assert actions(found) == ["A3", "A1", "A1"]
    assert found.lines[0].notes == ("Upheld on appeal by another person, for reason 8 of the insurer's list.",)
    assert found.lines[1].why == "Approved in full by another person, on appeal: 3 units."
    assert found.lines[1].basis is Basis.APPEAL
    with pytest.raises(InvalidInput, match="was appealed before"):
        submissions.appealable(revision, 1)
    with pytest.raises(InvalidInput, match="no line of it can be appealed"):
        submissions.plan(appeal)


def test_a_line_that_is_late_says_so(world: ProviderWorld, submissions: Submissions) -> None:
    revision = submissions.send(
        submissions.plan(request(line(1, "B4184", unit=None), expedited=True), world.eligibility(unused_member()))
    )
    travel(world.connection, 73 * 3600)
    submissions.authorizations.mark_overdue(world.provider, revision.request_id, 0)
    assert report(submissions, world, revision).lines[0].notes[-1] == "It was not decided in time."
    assert report(submissions, world, revision).lines[0].action is ReviewAction.PENDED


def test_in_shadow_mode_a_dry_run_counts_the_shadows_units(
    world: ProviderWorld, submissions: Submissions, vault: Vault, tmp_path: Path
) -> None:
    """The last test: the hospital is under the new version from here on."""
    eligibility = world.eligibility(unused_member())
    submissions.send(submissions.plan(request(line(1, milli_units=9000, unit_price=DOLLAR)), eligibility))
    shadow = tmp_path / "shadow.yaml"
    shadow.write_text(RULES.read_text().replace("shadow: false", "shadow: true"))
    world.rule_set = load_rule_file(shadow)
    world.enrol(world.publish_rules())
    with pytest.raises(InvalidInput, match="are not those of version 2"):
        submissions.plan(request(), eligibility)
    shadows = Submissions(world.payer_as(world.hospital), world.rule_set, vault)
    for expected in ("A1", "A4"):  # the shadow has 12 months of its own
        plan = shadows.plan(request(line(1, milli_units=9000, unit_price=DOLLAR)), eligibility)
        foretold = shadows.dry_run(plan)
        found = report(shadows, world, shadows.send(plan))
        assert (actions(found), found.lines[0].why) == ([expected], foretold[0].why)
        assert found.shadow
        assert found.lines[0].notes[-1] == "Shadow mode: this binds nobody."
