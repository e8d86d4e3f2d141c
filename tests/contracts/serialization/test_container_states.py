"""Every call of custody in every state of a container, and how containers come to an end."""

from __future__ import annotations

import pytest

from ..support import DAY, ZERO_ID, chain_time, events, refusal, send, travel
from .custody import place, unit
from .lots import REASON, TERMS, ContainerState, PackFinding, UnitStatus

ENDS = (UnitStatus.DESTROYED, UnitStatus.DECOMMISSIONED, UnitStatus.STOLEN, UnitStatus.EXPORTED)

BY_HOLDER = {
    "pack",
    "add",
    "unpack",
    "unpackCases",
    "unpackUnits",
    "open",
    "ship",
    "verifyReturn",
    "end",
}
BY_RECEIVER = {"receiveShipment", "receiveInPart", "reject"}
BY_SENDER = {"confirmReturn", "reportMissing"}
CALLS = sorted(BY_HOLDER | BY_RECEIVER | BY_SENDER | {"handOver"})
"""All that names a container."""

STATES = {
    "held": (ContainerState.HELD, BY_HOLDER),
    "in transit": (ContainerState.IN_TRANSIT, BY_RECEIVER | {"handOver"}),
    "overdue": (ContainerState.IN_TRANSIT, BY_RECEIVER | BY_SENDER | {"handOver"}),
    "rejected": (ContainerState.REJECTED, BY_SENDER),
    "missing": (ContainerState.MISSING, {"confirmReturn", "end"}),
    "ended": (ContainerState.ENDED, set()),
}
"""How a container stands -> its state, and the calls that are taken of whoever may make them."""


class Stage:
    """A mixed container of the maker's with a pallet and a unit in it, which goes to the pharmacy."""

    def __init__(self, supply, lot, pallet, maker, pharmacy):
        self.supply, self.custody, self.lot, self.maker, self.pharmacy = supply, supply.custody, lot, maker, pharmacy
        self.pallet = pallet
        loose = supply.packed_range(lot, 40, 8)
        self.tote = supply.packed(maker, [pallet], [unit(lot, 40, loose)])

    def bring_to(self, name):
        if name == "ended":
            send(self.custody.end, self.tote, UnitStatus.DESTROYED, REASON, sender=self.maker.key)
        elif name != "held":
            self.supply.ship(self.tote, self.maker, self.pharmacy, days=1)
            if name == "rejected":
                send(self.custody.reject, self.tote, REASON, sender=self.pharmacy.key)
            if name in ("overdue", "missing"):
                travel(2 * DAY)
            if name == "missing":
                send(self.custody.reportMissing, self.tote, sender=self.maker.key)

    def call(self, name, tote=None, pallet=None):
        """A call with the caller who may make it in one of the states."""
        custody, reference = self.custody, self.supply.reference()
        tote, pallet = tote or self.tote, pallet or self.pallet
        deadline = chain_time() + DAY
        arguments = {
            "pack": (reference, [tote], []),
            "add": (tote, [], []),
            "unpack": (tote, [pallet]),
            "unpackCases": (pallet, [reference], [1], 0),
            "unpackUnits": ([unit(self.lot, 40, tote)],),
            "open": (tote,),
            "ship": (tote, self.pharmacy.id, ZERO_ID, deadline, False, TERMS),
            "handOver": (tote, self.pharmacy.id),
            "receiveShipment": (tote,),
            "receiveInPart": (tote, reference, [], [unit(self.lot, 40, tote)], 9_000, REASON),
            "reject": (tote, REASON),
            "confirmReturn": (tote,),
            "reportMissing": (tote,),
            "verifyReturn": (tote,),
            "end": (tote, UnitStatus.DESTROYED, REASON),
        }
        by = self.pharmacy if name in BY_RECEIVER else self.maker
        return (getattr(custody, name), *arguments[name]), by.key


@pytest.fixture
def stage(supply, lot, pallet, maker, pharmacy):
    return Stage(supply, lot, pallet, maker, pharmacy)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("state", STATES)
def test_every_call_in_every_state_is_taken_or_refused(stage, state, call):
    stage.bring_to(state)
    held, allowed = STATES[state]
    call_, key = stage.call(call)
    if call in allowed:
        send(*call_, sender=key)
    elif state == "in transit" and call in BY_SENDER:
        assert refusal(*call_, sender=key)[:2] == ("CustodyDeadline", stage.tote)
    else:
        assert refusal(*call_, sender=key) == ("CustodyForbiddenTransition", stage.tote, held)


@pytest.mark.parametrize("call", sorted(set(CALLS) - {"unpackUnits"}))
def test_every_call_of_an_unknown_container_is_refused(stage, call):
    call_, key = stage.call(call, b"\1" * 12, b"\1" * 12)
    assert refusal(*call_, sender=key) == ("CustodyUnknownContainer", b"\1" * 12)


@pytest.mark.parametrize("call", ["ship", "end", *sorted(BY_RECEIVER | BY_SENDER), "handOver"])
def test_what_is_in_a_container_is_not_handed_over_or_ended_alone(stage, call):
    call_, key = stage.call(call, tote=stage.pallet)
    expected = {
        "ship": ("CustodyNested", stage.pallet, stage.tote),
        "end": ("CustodyNested", stage.pallet, stage.tote),
    }
    forbidden = ("CustodyForbiddenTransition", stage.pallet, ContainerState.HELD)
    assert refusal(*call_, sender=key) == expected.get(call, forbidden)


# ---------------------------------------------------------------------- end


@pytest.mark.parametrize("status", ENDS)
def test_end_is_one_for_all_that_is_inside(stage, custody, supply, lot, maker, status):
    receipt = send(custody.end, stage.tote, status, REASON, sender=maker.key)
    assert events(receipt, custody) == [
        ("ContainerEnded", stage.tote, status, maker.id, maker.key.address, REASON),
    ]
    for container in (stage.tote, stage.pallet):
        found = custody.containerOf(container)
        assert (found.state, bytes(found.holder), found.ended) == (ContainerState.ENDED, maker.id, status)
    finding = PackFinding[status.name]
    assert supply.finding(lot, 40, stage.tote) == supply.finding(lot, 0, stage.pallet) == finding


@pytest.mark.parametrize("status", sorted(set(UnitStatus) - set(ENDS)))
def test_end_reverts_for_what_is_no_end_of_a_container(stage, custody, maker, status):
    expected = ("CustodyInvalidEnd", stage.tote, status)
    assert refusal(custody.end, stage.tote, status, REASON, sender=maker.key) == expected


def test_end_is_for_the_holder_alone(supply, custody, lot, maker, pharmacy, delivered, stranger):
    arguments = (custody.end, delivered, UnitStatus.DESTROYED, REASON)
    assert refusal(*arguments, sender=maker.key) == ("CustodyNotTheHolder", delivered, pharmacy.id, maker.id)
    assert refusal(*arguments, sender=stranger) == ("OrganizationRegistryUnknownKey", stranger.address)


def test_missing_container_is_ended_by_its_sender_alone(stage, custody, maker, pharmacy):
    stage.bring_to("missing")
    arguments = (custody.end, stage.tote, UnitStatus.STOLEN, REASON)
    expected = ("CustodyForbiddenTransition", stage.tote, ContainerState.MISSING)
    assert refusal(*arguments, sender=pharmacy.key) == expected
    send(*arguments, sender=maker.key)
    assert custody.containerOf(stage.pallet).ended == UnitStatus.STOLEN


def test_end_stops_for_no_suspension_and_no_halt(custody, pharmacy, delivered, suspend, guardian):
    suspend(pharmacy)
    send(custody.halt, sender=guardian)
    send(custody.end, delivered, UnitStatus.DESTROYED, REASON, sender=pharmacy.key)
    assert place(custody, delivered) == (ContainerState.ENDED, pharmacy.id)


def test_what_was_taken_out_before_does_not_end_with_its_container(supply, custody, lot, pharmacy, delivered):
    (case,) = supply.unpacked_cases(pharmacy, delivered, [2])
    supply.unpack_units(pharmacy, lot, [3], delivered)
    send(custody.end, delivered, UnitStatus.DESTROYED, REASON, sender=pharmacy.key)
    assert supply.finding(lot, 20, case) == supply.finding(lot, 3) == PackFinding.VERIFIED
    assert supply.finding(lot, 0, delivered) == PackFinding.DESTROYED
    assert supply.finding(lot, 20, delivered) == PackFinding.NOT_IN_CONTAINER


# ---------------------------------------------------------------------- consume, flagExcursion


def test_consume_uses_up_what_a_repackager_holds(supply, custody, lot, maker, repackager, pallet):
    supply.deliver(pallet, maker, repackager)
    made = supply.made(repackager)
    call = (supply.lots.repackage, made.reference, made.terms, made.tree.root, [pallet])
    receipt = send(*call, sender=repackager.key)
    ((name, container, status, by, _, _),) = events(receipt, custody)
    assert (name, container, status, by) == ("ContainerEnded", pallet, UnitStatus.REPACKAGED, repackager.id)
    assert custody.containerOf(pallet).ended == UnitStatus.REPACKAGED
    other = supply.made(repackager)
    again = (supply.lots.repackage, other.reference, other.terms, other.tree.root, [pallet])
    expected = ("CustodyForbiddenTransition", pallet, ContainerState.ENDED)
    assert refusal(*again, sender=repackager.key) == expected


def test_consume_reverts_for_what_the_repackager_does_not_hold(supply, custody, lot, maker, repackager, pallet):
    made = supply.made(repackager)
    call = (supply.lots.repackage, made.reference, made.terms, made.tree.root, [pallet])
    expected = ("CustodyNotTheHolder", pallet, maker.id, repackager.id)
    assert refusal(*call, sender=repackager.key) == expected


def test_consume_reverts_for_what_is_in_a_container(supply, custody, lot, maker, repackager, pallet):
    tote = supply.packed(maker, [pallet])
    supply.deliver(tote, maker, repackager)
    made = supply.made(repackager)
    call = (supply.lots.repackage, made.reference, made.terms, made.tree.root, [pallet])
    assert refusal(*call, sender=repackager.key) == ("CustodyNested", pallet, tote)


def test_consume_reverts_for_a_return_that_is_not_verified(supply, custody, lot, maker, repackager, pallet):
    supply.deliver(pallet, maker, repackager, is_return=True)
    made = supply.made(repackager)
    call = (supply.lots.repackage, made.reference, made.terms, made.tree.root, [pallet])
    assert refusal(*call, sender=repackager.key) == ("CustodyNotVerified", pallet)


def test_consume_is_for_the_register_of_lots_alone(custody, lots, maker, pallet, admin):
    for by in (maker.key, admin):
        expected = ("CustodyNotTheContract", by.address, lots.address)
        assert refusal(custody.consume, pallet, maker.id, sender=by) == expected


def test_flag_excursion_is_for_the_cold_chain_alone(custody, lots, cold_chain, maker, pallet, admin):
    for by in (maker.key, admin, lots.address):
        expected = ("CustodyNotTheContract", str(by), cold_chain.address)
        assert refusal(custody.flagExcursion, pallet, sender=by) == expected


@pytest.fixture
def flag(custody, lots, as_policy_administrator, stranger):
    """Has an account that stands for the cold chain flag a container."""
    as_policy_administrator(custody.setColdChain, stranger)
    return lambda container: send(custody.flagExcursion, container, sender=stranger)


def test_excursion_is_flagged_once_and_for_good(supply, custody, flag, maker, pharmacy, pallet):
    assert events(flag(pallet), custody) == [("ExcursionFlagged", pallet)]
    assert events(flag(pallet), custody) == []
    supply.deliver(pallet, maker, pharmacy)
    supply.deliver(pallet, pharmacy, maker, is_return=True)
    send(custody.verifyReturn, pallet, sender=maker.key)
    assert custody.containerOf(pallet).excursion


def test_excursion_is_not_laundered_by_repacking(supply, custody, flag, lot, pharmacy, delivered):
    """By units, cases, containers and out of these again; what was never with it is without it."""
    flag(delivered)
    supply.unpack_units(pharmacy, lot, [30], delivered)
    (case,) = supply.unpacked_cases(pharmacy, delivered, [0])
    (box,) = supply.unpacked_cases(pharmacy, supply.unpacked_cases(pharmacy, delivered, [1], 2)[0], [1])
    by_unit = supply.packed(pharmacy, units=[unit(lot, 30)])
    by_case, by_whole = supply.packed(pharmacy, [case]), supply.packed(pharmacy, [delivered])
    send(custody.unpack, by_case, [case], sender=pharmacy.key)
    clean = supply.packed(pharmacy)
    for container in (case, box, by_unit, by_case, by_whole, delivered):
        assert custody.containerOf(container).excursion
    assert not custody.containerOf(clean).excursion
    supply.unpack_units(pharmacy, lot, [30], by_unit)
    _, (*_, excursion, _) = custody.find(lot.id, 30, bytes(12))
    assert excursion
    send(custody.add, clean, [], [unit(lot, 30)], sender=pharmacy.key)
    assert custody.containerOf(clean).excursion


def test_excursion_of_what_is_inside_shows_on_the_outermost(supply, custody, flag, maker, pharmacy, pallet):
    """The receiver sees it before it accepts."""
    inner = supply.packed(maker, [pallet])
    outer = supply.packed(maker, [inner])
    supply.ship(outer, maker, pharmacy)
    flag(pallet)
    for container in (pallet, inner, outer):
        assert custody.containerOf(container).excursion


def test_what_is_taken_out_of_a_flagged_container_is_flagged(supply, custody, flag, lot, maker, pallet):
    tote = supply.packed(maker, [pallet])
    flag(tote)
    send(custody.unpack, tote, [pallet], sender=maker.key)
    assert custody.containerOf(pallet).excursion


# ---------------------------------------------------------------------- the administrator's


@pytest.mark.parametrize("setter", ["setLots", "setColdChain", "setEscrow"])
def test_setters_of_custody_revert_for_all_but_the_policy_administrator(
    custody, lots, admin, guardian, registrar, maker, stranger, setter
):
    for by in (admin, guardian, registrar, maker.key, stranger):
        assert refusal(getattr(custody, setter), stranger, sender=by) == ("AccessManagedUnauthorized", by.address)


def test_set_lots_says_once_which_register_the_lots_are_in(
    deploy, govern, manager, registry, schedule, as_policy_administrator, policy_administrator
):
    custody = deploy("Custody", manager, registry)
    register = deploy("LotRegistry", manager, registry, custody)
    govern(2, custody.setLots)
    receipt = as_policy_administrator(custody.setLots, register)
    assert events(receipt, custody) == [("LotsSet", register.address)]
    assert custody.lots() == register.address
    schedule(custody.setLots, manager)
    expected = ("CustodyContractSet", register.address)
    assert refusal(custody.setLots, manager, sender=policy_administrator) == expected


def test_set_escrow_says_once_which_contract_pays(
    deploy, govern, manager, registry, schedule, as_policy_administrator, policy_administrator
):
    custody = deploy("Custody", manager, registry)
    paying = deploy("PurchaseEscrow", registry, custody)
    govern(2, custody.setEscrow)
    receipt = as_policy_administrator(custody.setEscrow, paying)
    assert events(receipt, custody) == [("EscrowSet", paying.address)]
    assert custody.escrow() == paying.address
    schedule(custody.setEscrow, manager)
    expected = ("CustodyContractSet", paying.address)
    assert refusal(custody.setEscrow, manager, sender=policy_administrator) == expected


def test_set_cold_chain_replaces_it(custody, lots, as_policy_administrator, stranger, admin):
    as_policy_administrator(custody.setColdChain, admin)
    receipt = as_policy_administrator(custody.setColdChain, stranger)
    assert events(receipt, custody) == [("ColdChainChanged", admin.address, stranger.address)]
    assert custody.coldChain() == stranger.address


def test_custody_is_halted_by_the_guardian_and_resumed_with_a_delay(
    custody, lots, guardian, as_policy_administrator, policy_administrator, stranger, supply, lot, maker
):
    for method in (custody.halt, custody.resume):
        assert refusal(method, sender=stranger) == ("AccessManagedUnauthorized", stranger.address)
    assert refusal(custody.resume, sender=policy_administrator)[0] == "AccessManagerNotScheduled"
    assert events(send(custody.halt, sender=guardian), custody) == [("Halted", guardian.address)]
    assert custody.halted()
    assert refusal(custody.halt, sender=guardian) == ("HaltableHalted", chain_time())
    receipt = as_policy_administrator(custody.resume)
    assert events(receipt, custody) == [("Resumed", policy_administrator.address)]
    supply.packed_range(lot, 0, 4)


def test_custody_that_runs_is_not_resumed(custody, lots, schedule, policy_administrator):
    schedule(custody.resume)
    assert refusal(custody.resume, sender=policy_administrator) == ("HaltableNotHalted",)
