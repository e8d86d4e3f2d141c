"""halt and resume: the emergency stop, on the rehearsal's contract."""

from __future__ import annotations

import pytest

from ..support import Reason, events, refusal, send, time_of

TASK, OTHER_TASK = b"\1" * 32, b"\2" * 32


@pytest.fixture
def work(rehearsal, insurer, insurer_key):
    """A running version on which the insurer has begun a task."""
    send(rehearsal.first.begin, TASK, sender=insurer_key)
    return rehearsal.first


def test_halt_stops_at_once(work, guardian):
    receipt = send(work.halt, sender=guardian)
    assert events(receipt, work) == [("Halted", guardian.address)]
    assert work.halted()


def test_halted_contract_moves_nothing(work, guardian, insurer_key):
    halted_at = time_of(send(work.halt, sender=guardian))
    for call in ((work.begin, OTHER_TASK), (work.finish, TASK)):
        assert refusal(*call, sender=insurer_key) == ("HaltableHalted", halted_at)


def test_halted_contract_gives_back(work, registry, registrar, insurer, insurer_key, guardian):
    send(work.halt, sender=guardian)
    send(registry.suspend, insurer.id, Reason.FRAUD, sender=registrar)
    receipt = send(work.withdraw, TASK, sender=insurer_key)
    assert events(receipt, work) == [("TaskWithdrawn", TASK, insurer.id)]
    assert work.workUnderWay() == 0


def test_halt_reverts_if_halted(work, guardian):
    halted_at = time_of(send(work.halt, sender=guardian))
    assert refusal(work.halt, sender=guardian) == ("HaltableHalted", halted_at)


def test_resume_lets_work_go_on(work, guardian, policy_administrator, insurer, insurer_key, as_policy_administrator):
    send(work.halt, sender=guardian)
    receipt = as_policy_administrator(work.resume)
    assert events(receipt, work) == [("Resumed", policy_administrator.address)]
    assert not work.halted()
    receipt = send(work.finish, TASK, sender=insurer_key)
    assert events(receipt, work) == [("TaskFinished", TASK, insurer.id)]


def test_resume_reverts_if_it_runs(work, policy_administrator, schedule):
    schedule(work.resume)
    assert refusal(work.resume, sender=policy_administrator) == ("HaltableNotHalted",)


def test_resumed_contract_may_be_halted_again(work, guardian, as_policy_administrator):
    send(work.halt, sender=guardian)
    as_policy_administrator(work.resume)
    send(work.halt, sender=guardian)
    assert work.halted()
