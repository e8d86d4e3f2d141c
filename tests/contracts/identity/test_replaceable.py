"""openToNewWork, closeToNewWork, setWriter: the replacement drill, there and back."""

from __future__ import annotations

import pytest

from ..support import ZERO, chain_time, events, refusal, send, time_of

TASK, OTHER_TASK = b"\1" * 32, b"\2" * 32


@pytest.fixture
def first_closed(rehearsal, as_policy_administrator):
    """The rehearsal with both versions closed; the first still writes."""
    as_policy_administrator(rehearsal.first.closeToNewWork)
    return rehearsal


# ---------------------------------------------------------------------- closeToNewWork


def test_version_starts_closed(contracts, manager, registry, rehearsal, admin, insurer, insurer_key):
    version = admin.deploy(
        contracts["RehearsalWork"], manager, registry, rehearsal.ledger, gas=2_000_000, gas_price=10**10
    )
    assert not version.isOpenToNewWork()
    assert refusal(version.begin, TASK, sender=insurer_key) == ("ReplaceableClosed", chain_time())


def test_close_to_new_work_takes_no_more(rehearsal, insurer, insurer_key, as_policy_administrator):
    receipt = as_policy_administrator(rehearsal.first.closeToNewWork)
    assert events(receipt, rehearsal.first) == [("ClosedToNewWork",)]
    assert not rehearsal.first.isOpenToNewWork()
    assert refusal(rehearsal.first.begin, TASK, sender=insurer_key) == ("ReplaceableClosed", time_of(receipt))


def test_closed_version_runs_off_what_it_has(rehearsal, insurer, insurer_key, as_policy_administrator):
    first, ledger = rehearsal.first, rehearsal.ledger
    send(first.begin, TASK, sender=insurer_key)
    as_policy_administrator(first.closeToNewWork)
    assert first.workUnderWay() == 1
    receipt = send(first.finish, TASK, sender=insurer_key)
    assert events(receipt, ledger) == [("TaskCounted", TASK, insurer.id, 1)]
    assert first.workUnderWay() == 0


def test_close_to_new_work_reverts_if_closed(first_closed, policy_administrator, schedule):
    schedule(first_closed.second.closeToNewWork)
    kind, closed_at = refusal(first_closed.second.closeToNewWork, sender=policy_administrator)
    assert kind == "ReplaceableClosed"
    assert 0 < closed_at < chain_time()


# ---------------------------------------------------------------------- openToNewWork


def test_open_to_new_work_takes_it_again(first_closed, insurer, insurer_key, as_policy_administrator):
    receipt = as_policy_administrator(first_closed.first.openToNewWork)
    assert events(receipt, first_closed.first) == [("OpenedToNewWork",)]
    receipt = send(first_closed.first.begin, TASK, sender=insurer_key)
    assert events(receipt, first_closed.first) == [("TaskBegun", TASK, insurer.id)]


def test_open_to_new_work_reverts_if_open(rehearsal, policy_administrator, schedule):
    schedule(rehearsal.first.openToNewWork)
    assert refusal(rehearsal.first.openToNewWork, sender=policy_administrator) == ("ReplaceableOpen",)


# ---------------------------------------------------------------------- setWriter


def test_set_writer_hands_the_ledger_over(first_closed, as_policy_administrator):
    first, second, ledger = first_closed.first, first_closed.second, first_closed.ledger
    receipt = as_policy_administrator(ledger.setWriter, second)
    assert events(receipt, ledger) == [("WriterChanged", first.address, second.address)]
    assert ledger.writer() == second.address


@pytest.mark.parametrize("state", ["rehearsal", "first_closed"])
def test_set_writer_to_zero_leaves_none(request, state, insurer, insurer_key, as_policy_administrator):
    versions = request.getfixturevalue(state)
    first, ledger = versions.first, versions.ledger
    receipt = as_policy_administrator(ledger.setWriter, ZERO)
    assert events(receipt, ledger) == [("WriterChanged", first.address, ZERO)]
    assert refusal(ledger.count, TASK, insurer.id, sender=first) == ("SingleWriterNotWriter", first.address, ZERO)


def test_set_writer_reverts_if_the_present_one_is_open(rehearsal, policy_administrator, schedule):
    schedule(rehearsal.ledger.setWriter, rehearsal.second)
    assert refusal(rehearsal.ledger.setWriter, rehearsal.second, sender=policy_administrator) == (
        "SingleWriterStillOpen",
        rehearsal.first.address,
    )


def test_set_writer_reverts_if_the_next_one_is_open(
    first_closed, policy_administrator, schedule, as_policy_administrator
):
    as_policy_administrator(first_closed.second.openToNewWork)
    schedule(first_closed.ledger.setWriter, first_closed.second)
    assert refusal(first_closed.ledger.setWriter, first_closed.second, sender=policy_administrator) == (
        "SingleWriterStillOpen",
        first_closed.second.address,
    )


@pytest.mark.parametrize("account", ["stranger", "registry"])
def test_set_writer_reverts_if_the_next_one_is_no_version(
    request, first_closed, stranger, registry, policy_administrator, schedule, account
):
    """An account without code, and a contract of another kind."""
    other = request.getfixturevalue(account)
    schedule(first_closed.ledger.setWriter, other)
    assert refusal(first_closed.ledger.setWriter, other, sender=policy_administrator) == (
        "SingleWriterNotAVersion",
        other.address,
    )


def test_ledger_refuses_all_but_its_writer(rehearsal, insurer, insurer_key, admin):
    for caller in (rehearsal.second, insurer_key, admin):
        assert refusal(rehearsal.ledger.count, TASK, insurer.id, sender=caller) == (
            "SingleWriterNotWriter",
            caller.address,
            rehearsal.first.address,
        )


def test_version_that_lost_the_ledger_finishes_nothing(first_closed, insurer, insurer_key, as_policy_administrator):
    first, second, ledger = first_closed.first, first_closed.second, first_closed.ledger
    as_policy_administrator(first.openToNewWork)
    send(first.begin, TASK, sender=insurer_key)
    as_policy_administrator(first.closeToNewWork)
    as_policy_administrator(ledger.setWriter, second)
    assert refusal(first.finish, TASK, sender=insurer_key) == ("SingleWriterNotWriter", first.address, second.address)
    send(first.withdraw, TASK, sender=insurer_key)
    assert first.workUnderWay() == 0


def test_replacement_goes_there_and_back(first_closed, insurer, insurer_key, as_policy_administrator):
    first, second, ledger = first_closed.first, first_closed.second, first_closed.ledger
    as_policy_administrator(ledger.setWriter, second)
    as_policy_administrator(second.openToNewWork)
    send(second.begin, TASK, sender=insurer_key)
    send(second.finish, TASK, sender=insurer_key)
    as_policy_administrator(second.closeToNewWork)
    as_policy_administrator(ledger.setWriter, first)
    as_policy_administrator(first.openToNewWork)
    send(first.begin, OTHER_TASK, sender=insurer_key)
    send(first.finish, OTHER_TASK, sender=insurer_key)
    assert ledger.finishedBy(insurer.id) == 2


# ---------------------------------------------------------------------- the rehearsal's own refusals


def test_begin_reverts_if_the_task_is_taken(rehearsal, insurer, insurer_key):
    send(rehearsal.first.begin, TASK, sender=insurer_key)
    assert refusal(rehearsal.first.begin, TASK, sender=insurer_key) == ("RehearsalWorkTaskTaken", TASK, insurer.id)


def test_end_of_a_task_reverts_for_another_organization(rehearsal, hospital, insurer_key, spare_key, add_key):
    send(rehearsal.first.begin, TASK, sender=insurer_key)
    add_key(hospital, spare_key)
    for method in (rehearsal.first.finish, rehearsal.first.withdraw):
        assert refusal(method, TASK, sender=spare_key) == ("RehearsalWorkNotYours", TASK, hospital.id)


def test_task_is_counted_once_for_ever(rehearsal, insurer, insurer_key):
    for _ in ("first", "again"):
        send(rehearsal.first.begin, TASK, sender=insurer_key)
        send(rehearsal.first.finish, TASK, sender=insurer_key)
    assert rehearsal.ledger.finishedBy(insurer.id) == 1
