"""What a stop and the closing of the register of lots reach: halt, resume, openToNewWork and closeToNewWork."""

from __future__ import annotations

from types import SimpleNamespace

import ape
import pytest

from ..support import chain_time, events, refusal, send, time_of
from .lots import REASON, UNITS, PackFinding, UnitStatus

OFFICERS = ["admin", "registrar", "policy_administrator", "guardian"]


@pytest.fixture
def halt(supply, guardian):
    """Halts the register; returns when."""
    return lambda: time_of(send(supply.lots.halt, sender=guardian))


@pytest.fixture
def work(supply, maker, repackager, pharmacy, lot, delivered):
    """Every call that a stop reaches, which else is taken: its name -> method, arguments and sender."""
    lots = supply.lots
    enlarged = supply.made(maker, tranches=2)
    supply.commission(enlarged)
    made, remade = supply.made(maker), supply.made(repackager)
    case = supply.packed_range(lot, 40, 4)
    supply.deliver(case, maker, repackager)
    supply.dispense(pharmacy, lot, 1, delivered)
    return {
        "commission": (lots.commission, [made.reference, made.terms, made.tree.root], maker),
        "repackage": (lots.repackage, [remade.reference, remade.terms, remade.tree.root, [case]], repackager),
        "addTranche": (lots.addTranche, [enlarged.id, 1, enlarged.trees[1].root], maker),
        "packRange": (supply.custody.packRange, [supply.reference(), lot.id, 50, 4, 0], maker),
        "dispense": (lots.dispense, supply.dispensing(lot, 2, delivered), pharmacy),
        "dispenseMany": (lots.dispenseMany, supply.dispensing_many(lot, [3, 4], delivered), pharmacy),
        "undoDispense": (lots.undoDispense, [lot.id, 1, delivered], pharmacy),
    }


def test_halt_stops_what_commissions_packs_and_dispenses(work, halt):
    at = halt()
    for name, (method, arguments, sender) in work.items():
        assert refusal(method, *arguments, sender=sender.key) == ("HaltableHalted", at), name


def test_halt_stops_no_report(supply, lot, delivered, maker, pharmacy, regulator, halt):
    halt()
    supply.suspect(pharmacy, lot, 1, delivered)
    supply.clear(regulator, lot, 1)
    supply.suspect(maker, lot, 1)
    supply.find_illegitimate(maker, lot, 1)
    send(supply.lots.recordNotice, lot.id, 1, REASON, sender=maker.key)
    supply.end_units(pharmacy, lot, [2], UnitStatus.DESTROYED, delivered)
    send(supply.lots.open, lot.id, lot.product, lot.number, lot.salt, sender=maker.key)
    supply.recall(lot, regulator)
    assert supply.statuses(lot, [1, 2]) == [UnitStatus.ILLEGITIMATE, UnitStatus.DESTROYED]
    assert supply.finding(lot, 3, delivered) == PackFinding.RECALLED


def test_halt_emits_and_resume_ends_it(supply, work, guardian, as_policy_administrator):
    receipt = send(supply.lots.halt, sender=guardian)
    assert events(receipt, supply.lots) == [("Halted", guardian.address)]
    assert supply.lots.halted()
    receipt = as_policy_administrator(supply.lots.resume)
    assert [name for name, *_ in events(receipt, supply.lots)] == ["Resumed"]
    assert not supply.lots.halted()
    for method, arguments, sender in work.values():
        send(method, *arguments, sender=sender.key)


def test_halt_reverts_if_the_register_is_halted(supply, guardian, halt):
    at = halt()
    assert refusal(supply.lots.halt, sender=guardian) == ("HaltableHalted", at)


def test_resume_reverts_unless_the_register_is_halted(supply, schedule, policy_administrator):
    schedule(supply.lots.resume)
    assert refusal(supply.lots.resume, sender=policy_administrator) == ("HaltableNotHalted",)


@pytest.mark.parametrize("who", [*OFFICERS, "stranger"])
def test_register_is_halted_by_the_guardian_alone(request, supply, lots, who):
    caller = request.getfixturevalue(who)
    if who == "guardian":
        send(supply.lots.halt, sender=caller)
    else:
        assert refusal(supply.lots.halt, sender=caller) == ("AccessManagedUnauthorized", caller.address)


@pytest.mark.parametrize("name", ["resume", "openToNewWork", "closeToNewWork"])
@pytest.mark.parametrize("who", ["admin", "registrar", "guardian", "stranger"])
def test_register_is_ruled_by_the_policy_administrator_alone(request, supply, who, name):
    caller = request.getfixturevalue(who)
    refused = refusal(getattr(supply.lots, name), sender=caller)
    assert refused == ("AccessManagedUnauthorized", caller.address)


def test_makers_and_regulators_rule_nothing(supply, maker, regulator):
    for caller in (maker.key, regulator.key):
        for name in ("halt", "resume", "openToNewWork", "closeToNewWork"):
            refused = refusal(getattr(supply.lots, name), sender=caller)
            assert refused == ("AccessManagedUnauthorized", caller.address)


# ---------------------------------------------------------------------- versions


def test_register_begins_closed(supply, deploy, manager, registry, custody, maker):
    fresh = deploy("LotRegistry", manager, registry, custody)
    closed_at = chain_time()
    logs = ape.networks.provider.web3.eth.get_logs({"address": fresh.address})
    assert ("ClosedToNewWork",) in events(SimpleNamespace(logs=logs), fresh)
    assert not fresh.isOpenToNewWork()
    made = supply.made(maker)
    refused = refusal(fresh.commission, made.reference, made.terms, made.tree.root, sender=maker.key)
    assert refused == ("ReplaceableClosed", closed_at)


def test_closed_register_begins_no_lots(supply, work, as_policy_administrator):
    receipt = as_policy_administrator(supply.lots.closeToNewWork)
    assert events(receipt, supply.lots) == [("ClosedToNewWork",)]
    for name in ("commission", "repackage"):
        method, arguments, sender = work[name]
        assert refusal(method, *arguments, sender=sender.key) == ("ReplaceableClosed", time_of(receipt))


def test_closed_register_serves_the_lots_that_it_has(supply, lot, work, as_policy_administrator):
    as_policy_administrator(supply.lots.closeToNewWork)
    for name, (method, arguments, sender) in work.items():
        if name not in ("commission", "repackage"):
            send(method, *arguments, sender=sender.key)
    supply.recall(lot)
    assert [index for index, status in enumerate(supply.statuses(lot, range(UNITS))) if status] == [2, 3, 4]


def test_register_opens_again(supply, maker, as_policy_administrator):
    as_policy_administrator(supply.lots.closeToNewWork)
    receipt = as_policy_administrator(supply.lots.openToNewWork)
    assert events(receipt, supply.lots) == [("OpenedToNewWork",)]
    assert supply.lots.isOpenToNewWork()
    supply.commissioned(maker)


def test_register_is_neither_opened_nor_closed_twice(supply, schedule, policy_administrator, as_policy_administrator):
    schedule(supply.lots.openToNewWork)
    assert refusal(supply.lots.openToNewWork, sender=policy_administrator) == ("ReplaceableOpen",)
    closed_at = time_of(as_policy_administrator(supply.lots.closeToNewWork))
    schedule(supply.lots.closeToNewWork)
    refused = refusal(supply.lots.closeToNewWork, sender=policy_administrator)
    assert refused == ("ReplaceableClosed", closed_at)
