"""endUnits, suspect, clear, determineIllegitimate and recordNotice."""

from __future__ import annotations

import pytest

from ..support import DAY, MemberRole, Standing, bits, events, refusal, send, time_of, travel
from .lots import (
    NO_CONTAINER,
    REASON,
    UNITS,
    PackFinding,
    UnitStatus,
    today,
)

UNIT, UNPACKED = 3, 50
"""A unit in `delivered`, which the pharmacy holds, and one that the maker did not pack."""

REGULATOR = bits(MemberRole.REGULATOR)
NOTICE_SECONDS = 24 * 3600
NOTICE = b"\5" * 32
ENDS = [UnitStatus.DESTROYED, UnitStatus.DECOMMISSIONED]
"""By the holder or the maker."""

LEAVES = [UnitStatus.STOLEN, UnitStatus.EXPORTED]
"""By the holder or a regulator."""

OTHERS = ["other_maker", "repackager", "wholesaler", "other_pharmacy", "carrier"]
"""Organizations that the unit is no matter of."""


@pytest.fixture
def refuses_end(supply, lot):
    """What ending a unit is refused with."""

    def call(by, index, status, container=NO_CONTAINER):
        return refusal(supply.lots.endUnits, lot.id, container, [index], status, REASON, sender=by.key)

    return call


@pytest.fixture
def refuses(supply, lot):
    """What an act on a unit is refused with, by the function's name."""

    def call(name, by, *arguments):
        return refusal(getattr(supply.lots, name), lot.id, *arguments, sender=by.key)

    return call


@pytest.fixture
def bring_about(supply, lot, delivered, pharmacy, maker, regulator):
    """Brings a unit of `delivered` into a status; `None` for suspect, which the pharmacy finds."""

    def call(status, index=UNIT):
        if status == UnitStatus.DISPENSED:
            supply.dispense(pharmacy, lot, index, delivered)
        elif status in ENDS:
            supply.end_units(maker, lot, [index], status)
        elif status in LEAVES:
            supply.end_units(regulator, lot, [index], status)
        elif status != UnitStatus.IN_SUPPLY:
            supply.suspect(pharmacy, lot, index, delivered)
            if status == UnitStatus.ILLEGITIMATE:
                supply.find_illegitimate(pharmacy, lot, index)

    return call


def forbidden(lot, index, status, requested, suspect=False):
    return "LotRegistryForbiddenTransition", lot.id, index, status, suspect, requested


def missing_role(organization):
    return "OrganizationRegistryMissingMemberRole", organization.id, REGULATOR


# ---------------------------------------------------------------------- endUnits


@pytest.mark.parametrize("status", [*ENDS, *LEAVES], ids=lambda status: status.name)
def test_end_units_is_for_the_holder(supply, lot, delivered, pharmacy, status):
    receipt = supply.end_units(pharmacy, lot, [2, UNIT], status, delivered)
    wanted = ("UnitsEnded", lot.id, (2, UNIT), status, pharmacy.id, pharmacy.key.address, REASON)
    assert events(receipt, supply.lots) == [wanted]
    assert supply.unit(lot, 2) == supply.unit(lot, UNIT) == (status, False, today())
    assert supply.statuses(lot, [1, 4]) == [UnitStatus.IN_SUPPLY] * 2


@pytest.mark.parametrize("status", [*ENDS, *LEAVES], ids=lambda status: status.name)
def test_end_units_is_for_who_unpacked_them(supply, lot, delivered, pharmacy, other_pharmacy, refuses_end, status):
    supply.unpack_units(pharmacy, lot, [UNIT], delivered)
    assert refuses_end(other_pharmacy, UNIT, status)[0] in (
        "LotRegistryMayNotAct",
        "OrganizationRegistryMissingMemberRole",
    )
    supply.end_units(pharmacy, lot, [UNIT], status)
    assert supply.unit(lot, UNIT)[0] == status


@pytest.mark.parametrize("status", ENDS, ids=lambda status: status.name)
def test_maker_destroys_and_decommissions_wherever_they_are(supply, lot, delivered, maker, status):
    supply.end_units(maker, lot, [UNIT, UNPACKED], status)
    assert supply.statuses(lot, [UNIT, UNPACKED]) == [status] * 2


@pytest.mark.parametrize("status", LEAVES, ids=lambda status: status.name)
def test_maker_says_stolen_or_exported_of_what_it_holds(supply, lot, delivered, maker, refuses_end, status):
    supply.end_units(maker, lot, [UNPACKED], status)
    for container in (delivered, NO_CONTAINER):
        assert refuses_end(maker, UNIT, status, container) == missing_role(maker)


@pytest.mark.parametrize("status", LEAVES, ids=lambda status: status.name)
def test_regulator_says_stolen_or_exported_wherever_they_are(supply, lot, delivered, regulator, status):
    supply.end_units(regulator, lot, [UNIT], status, delivered)
    supply.end_units(regulator, lot, [UNIT + 1, UNPACKED], status)
    assert supply.statuses(lot, [UNIT, UNIT + 1, UNPACKED]) == [status] * 3


@pytest.mark.parametrize("status", ENDS, ids=lambda status: status.name)
def test_end_units_reverts_if_the_regulator_destroys(lot, delivered, regulator, refuses_end, status):
    for index in (UNIT, UNPACKED):
        for container in (delivered, NO_CONTAINER):
            wanted = ("LotRegistryMayNotAct", lot.id, index, regulator.id)
            assert refuses_end(regulator, index, status, container) == wanted


@pytest.mark.parametrize("who", OTHERS)
def test_end_units_reverts_for_others(lot, delivered, organizations, refuses_end, who):
    caller = organizations[who]
    for index, container in ((UNIT, delivered), (UNIT, NO_CONTAINER), (UNPACKED, NO_CONTAINER), (UNPACKED, delivered)):
        for status in ENDS:
            wanted = ("LotRegistryMayNotAct", lot.id, index, caller.id)
            assert refuses_end(caller, index, status, container) == wanted
        for status in LEAVES:
            assert refuses_end(caller, index, status, container) == missing_role(caller)


def test_end_units_reverts_if_the_holder_names_another_container(lot, delivered, pharmacy, refuses_end):
    wanted = ("LotRegistryMayNotAct", lot.id, UNIT, pharmacy.id)
    for container in (NO_CONTAINER, b"no container"):
        assert refuses_end(pharmacy, UNIT, UnitStatus.DESTROYED, container) == wanted


def test_end_units_reverts_for_who_held_them(supply, lot, delivered, pharmacy, wholesaler, refuses_end):
    supply.deliver(delivered, pharmacy, wholesaler)
    wanted = ("LotRegistryMayNotAct", lot.id, UNIT, pharmacy.id)
    assert refuses_end(pharmacy, UNIT, UnitStatus.DESTROYED, delivered) == wanted
    supply.end_units(wholesaler, lot, [UNIT], UnitStatus.DESTROYED, delivered)


def test_end_units_reverts_in_transit(supply, lot, delivered, pharmacy, wholesaler, refuses_end):
    """Neither who shipped them, and may be paid for them, nor who has not accepted them yet."""
    supply.ship(delivered, pharmacy, wholesaler)
    for by in (pharmacy, wholesaler):
        wanted = ("LotRegistryMayNotAct", lot.id, UNIT, by.id)
        assert refuses_end(by, UNIT, UnitStatus.DECOMMISSIONED, delivered) == wanted
        assert refuses_end(by, UNIT, UnitStatus.STOLEN, delivered) == missing_role(by)


@pytest.mark.parametrize("status", [*ENDS, *LEAVES], ids=lambda status: status.name)
def test_end_units_reverts_if_they_ended_with_their_container(supply, lot, delivered, pharmacy, refuses_end, status):
    send(supply.custody.end, delivered, UnitStatus.DESTROYED, REASON, sender=pharmacy.key)
    refused = refuses_end(pharmacy, UNIT, status, delivered)
    assert refused[:5] == forbidden(lot, UNIT, UnitStatus.DESTROYED, status)[:5]


@pytest.mark.parametrize("requested", [*ENDS, *LEAVES], ids=lambda status: status.name)
@pytest.mark.parametrize(
    "status",
    [UnitStatus.DISPENSED, *ENDS, *LEAVES, UnitStatus.ILLEGITIMATE, None],
    ids=lambda status: status.name if status else "SUSPECT",
)
def test_end_units_takes_only_what_is_in_supply(
    supply, lot, delivered, organizations, bring_about, refuses_end, status, requested
):
    """But for what was decommissioned, which is destroyed. By the holder as by the maker and regulators."""
    bring_about(status)
    callers = ["pharmacy", "maker" if requested in ENDS else "regulator"]
    if (status, requested) == (UnitStatus.DECOMMISSIONED, UnitStatus.DESTROYED):
        bring_about(status, UNIT + 1)
        for who, index in zip(callers, (UNIT, UNIT + 1), strict=True):
            supply.end_units(organizations[who], lot, [index], requested, delivered)
        assert supply.statuses(lot, [UNIT, UNIT + 1]) == [UnitStatus.DESTROYED] * 2
        return
    wanted = forbidden(lot, UNIT, status or UnitStatus.IN_SUPPLY, requested, suspect=status is None)
    for who in callers:
        assert refuses_end(organizations[who], UNIT, requested, delivered) == wanted


@pytest.mark.parametrize(
    "status",
    [UnitStatus.IN_SUPPLY, UnitStatus.DISPENSED, UnitStatus.ILLEGITIMATE, UnitStatus.REPACKAGED],
    ids=lambda status: status.name,
)
def test_end_units_reverts_for_what_is_no_end(lot, delivered, organizations, refuses_end, status):
    for who in ("pharmacy", "maker", "regulator"):
        wanted = forbidden(lot, UNIT, UnitStatus.IN_SUPPLY, status)
        assert refuses_end(organizations[who], UNIT, status, delivered) == wanted


def test_end_units_goes_across_words(supply, lot, delivered, pharmacy):
    indices = [0, 15, 16, 17, 39]
    supply.end_units(pharmacy, lot, indices, UnitStatus.DESTROYED, delivered)
    assert [index for index, status in enumerate(supply.statuses(lot, range(UNITS))) if status] == indices


def test_end_units_reverts_unless_ascending(supply, lot, delivered, pharmacy, maker):
    for indices, at in (([5, 4], 1), ([4, 4], 1), ([4, 20, 5], 2), ([1, 2, 3, 3], 3)):
        for by in (pharmacy, maker):
            call = (lot.id, delivered, indices, UnitStatus.DESTROYED, REASON)
            refused = refusal(supply.lots.endUnits, *call, sender=by.key)
            assert refused == ("LotRegistryInvalidUnits", lot.id, len(indices), at)


def test_end_units_reverts_for_no_units(supply, lot, delivered, pharmacy):
    call = (lot.id, delivered, [], UnitStatus.DESTROYED, REASON)
    assert refusal(supply.lots.endUnits, *call, sender=pharmacy.key) == ("LotRegistryInvalidUnits", lot.id, 0, 0)


def test_end_units_reverts_if_one_is_not_the_callers(supply, lot, delivered, pharmacy):
    call = (lot.id, delivered, [UNIT, 45, 46], UnitStatus.DECOMMISSIONED, REASON)
    wanted = ("LotRegistryMayNotAct", lot.id, 45, pharmacy.id)
    assert refusal(supply.lots.endUnits, *call, sender=pharmacy.key) == wanted


def test_end_units_reverts_if_one_is_not_commissioned(supply, lot, maker, refuses_end):
    assert refuses_end(maker, UNITS, UnitStatus.DESTROYED) == ("LotRegistryInvalidProof", lot.id, UNITS)
    unknown = (b"unknown lot.", NO_CONTAINER, [0], UnitStatus.DESTROYED, REASON)
    wanted = ("LotRegistryInvalidProof", b"unknown lot.", 0)
    assert refusal(supply.lots.endUnits, *unknown, sender=maker.key) == wanted


def test_end_units_is_stopped_by_nothing(supply, lot, delivered, pharmacy, maker, guardian, suspend):
    """Neither by a stop, nor a suspension, nor a recall."""
    supply.recall(lot)
    send(supply.lots.halt, sender=guardian)
    suspend(pharmacy)
    suspend(maker)
    supply.end_units(pharmacy, lot, [UNIT], UnitStatus.DESTROYED, delivered)
    supply.end_units(maker, lot, [UNIT + 1], UnitStatus.DESTROYED)
    assert supply.statuses(lot, [UNIT, UNIT + 1]) == [UnitStatus.DESTROYED] * 2


def test_end_units_reverts_if_the_regulator_is_suspended(lot, delivered, regulator, refuses_end, suspend):
    suspend(regulator)
    wanted = ("OrganizationRegistryNotInGoodStanding", regulator.id, Standing.SUSPENDED)
    assert refuses_end(regulator, UNIT, UnitStatus.STOLEN) == wanted


@pytest.mark.parametrize("name", ["endUnits", "suspect", "clear", "determineIllegitimate", "recordNotice"])
def test_acts_on_units_revert_if_nobody_knows_the_caller(supply, lot, delivered, stranger, name):
    arguments = {
        "endUnits": (delivered, [UNIT], UnitStatus.DESTROYED, REASON),
        "suspect": (UNIT, delivered, REASON),
    }.get(name, (UNIT, REASON))
    refused = refusal(getattr(supply.lots, name), lot.id, *arguments, sender=stranger)
    assert refused == ("OrganizationRegistryUnknownKey", stranger.address)


# ---------------------------------------------------------------------- suspect


@pytest.mark.parametrize("who", ["pharmacy", "maker", "regulator"])
@pytest.mark.parametrize("named", [True, False])
def test_suspect_holds_a_unit_back(supply, lot, delivered, organizations, who, named):
    """The holder names the container; maker and regulator need not."""
    by = organizations[who]
    container = delivered if named or who == "pharmacy" else NO_CONTAINER
    receipt = supply.suspect(by, lot, UNIT, container)
    assert events(receipt, supply.lots) == [("UnitSuspected", lot.id, UNIT, by.id, by.key.address, REASON)]
    assert supply.unit(lot, UNIT) == (UnitStatus.IN_SUPPLY, True, 0)
    assert supply.unit(lot, UNIT + 1) == (UnitStatus.IN_SUPPLY, False, 0)
    assert tuple(supply.lots.investigationOf(lot.id, UNIT)) == (by.id, time_of(receipt), 0, 0)
    assert supply.finding(lot, UNIT, delivered) == PackFinding.SUSPECT


def test_suspect_unit_is_not_moved(supply, lot, delivered, pharmacy):
    supply.suspect(pharmacy, lot, UNIT, delivered)
    for method, arguments in (
        (supply.custody.unpackUnits, [[(lot.id, UNIT, delivered)]]),
        (supply.custody.pack, [supply.reference(), [], [(lot.id, UNIT, delivered)]]),
    ):
        refused = refusal(method, *arguments, sender=pharmacy.key)
        assert refused == ("CustodyUnitNotInSupply", lot.id, UNIT)


@pytest.mark.parametrize("who", OTHERS)
def test_suspect_reverts_for_others(lot, delivered, organizations, refuses, who):
    """A rival's word freezes no stock."""
    caller = organizations[who]
    for index, container in ((UNIT, delivered), (UNIT, NO_CONTAINER), (UNPACKED, NO_CONTAINER)):
        assert refuses("suspect", caller, index, container, REASON) == missing_role(caller)


def test_suspect_reverts_in_transit(supply, lot, delivered, pharmacy, wholesaler, refuses):
    supply.ship(delivered, pharmacy, wholesaler)
    for by in (pharmacy, wholesaler):
        assert refuses("suspect", by, UNIT, delivered, REASON) == missing_role(by)


def test_suspect_reverts_for_who_held_it(supply, lot, delivered, pharmacy, wholesaler, refuses):
    supply.deliver(delivered, pharmacy, wholesaler)
    assert refuses("suspect", pharmacy, UNIT, delivered, REASON) == missing_role(pharmacy)
    supply.suspect(wholesaler, lot, UNIT, delivered)


@pytest.mark.parametrize("who", ["pharmacy", "maker", "regulator"])
@pytest.mark.parametrize(
    "status",
    [UnitStatus.DISPENSED, *ENDS, *LEAVES, UnitStatus.ILLEGITIMATE, None],
    ids=lambda status: status.name if status else "SUSPECT",
)
def test_suspect_reverts_unless_in_supply(lot, delivered, organizations, bring_about, refuses, status, who):
    bring_about(status)
    wanted = forbidden(lot, UNIT, status or UnitStatus.IN_SUPPLY, UnitStatus.IN_SUPPLY, suspect=status is None)
    assert refuses("suspect", organizations[who], UNIT, delivered, REASON) == wanted


def test_suspect_reverts_if_it_ended_with_its_container(supply, lot, delivered, pharmacy, refuses):
    send(supply.custody.end, delivered, UnitStatus.EXPORTED, REASON, sender=pharmacy.key)
    refused = refuses("suspect", pharmacy, UNIT, delivered, REASON)
    assert refused[:5] == forbidden(lot, UNIT, UnitStatus.EXPORTED, UnitStatus.IN_SUPPLY)[:5]


def test_suspect_reverts_if_not_commissioned(supply, lot, maker, refuses):
    for index in (UNITS, 2**160, 2**256 - 1):
        refused = refuses("suspect", maker, index, NO_CONTAINER, REASON)
        assert refused == ("LotRegistryInvalidProof", lot.id, index)
    refused = refusal(supply.lots.suspect, b"unknown lot.", 0, NO_CONTAINER, REASON, sender=maker.key)
    assert refused == ("LotRegistryInvalidProof", b"unknown lot.", 0)


def test_suspicion_is_stopped_by_nothing(supply, lot, delivered, pharmacy, guardian, suspend):
    """Neither it nor what follows from it: a stop, a suspension and a recall let it through."""
    supply.recall(lot)
    send(supply.lots.halt, sender=guardian)
    suspend(pharmacy)
    for index in (UNIT, UNIT + 1):
        supply.suspect(pharmacy, lot, index, delivered)
    supply.clear(pharmacy, lot, UNIT)
    supply.find_illegitimate(pharmacy, lot, UNIT + 1)
    send(supply.lots.recordNotice, lot.id, UNIT + 1, NOTICE, sender=pharmacy.key)
    assert supply.statuses(lot, [UNIT, UNIT + 1]) == [UnitStatus.IN_SUPPLY, UnitStatus.ILLEGITIMATE]


# ---------------------------------------------------------------------- clear, determineIllegitimate


@pytest.mark.parametrize("finder", ["pharmacy", "maker", "regulator"])
@pytest.mark.parametrize("by_regulator", [False, True])
def test_clear_makes_the_unit_what_it_was(supply, lot, delivered, pharmacy, organizations, finder, by_regulator):
    supply.suspect(organizations[finder], lot, UNIT, delivered)
    by = organizations["regulator" if by_regulator else finder]
    receipt = supply.clear(by, lot, UNIT)
    assert events(receipt, supply.lots) == [("UnitCleared", lot.id, UNIT, by.id, by.key.address, REASON)]
    assert supply.unit(lot, UNIT) == (UnitStatus.IN_SUPPLY, False, 0)
    supply.dispense(pharmacy, lot, UNIT, delivered)


@pytest.mark.parametrize("finder", ["pharmacy", "maker", "regulator"])
@pytest.mark.parametrize("by_regulator", [False, True])
def test_illegitimate_starts_the_clock_of_a_day(supply, lot, delivered, organizations, finder, by_regulator):
    raised = time_of(supply.suspect(organizations[finder], lot, UNIT, delivered))
    by = organizations["regulator" if by_regulator else finder]
    travel(3 * DAY)
    receipt = supply.find_illegitimate(by, lot, UNIT)
    at = time_of(receipt)
    wanted = ("UnitIllegitimate", lot.id, UNIT, by.id, by.key.address, REASON, at + NOTICE_SECONDS)
    assert events(receipt, supply.lots) == [wanted]
    assert supply.unit(lot, UNIT) == (UnitStatus.ILLEGITIMATE, False, today())
    assert tuple(supply.lots.investigationOf(lot.id, UNIT)) == (organizations[finder].id, raised, at, 0)


@pytest.mark.parametrize("name", ["clear", "determineIllegitimate"])
@pytest.mark.parametrize(
    ("finder", "others"),
    [
        ("pharmacy", ["maker", *OTHERS]),
        ("maker", ["pharmacy", *OTHERS]),
        ("regulator", ["pharmacy", "maker", *OTHERS]),
    ],
    ids=["pharmacy", "maker", "regulator"],
)
def test_suspicion_is_settled_by_nobody_else(supply, lot, delivered, organizations, refuses, name, finder, others):
    supply.suspect(organizations[finder], lot, UNIT, delivered)
    for other in others:
        assert refuses(name, organizations[other], UNIT, REASON) == missing_role(organizations[other])


@pytest.mark.parametrize("name", ["clear", "determineIllegitimate"])
@pytest.mark.parametrize(
    "status",
    [UnitStatus.IN_SUPPLY, UnitStatus.DISPENSED, *ENDS, *LEAVES, UnitStatus.ILLEGITIMATE],
    ids=lambda status: status.name,
)
def test_settling_reverts_unless_suspect(lot, organizations, bring_about, refuses, name, status):
    bring_about(status)
    requested = UnitStatus.IN_SUPPLY if name == "clear" else UnitStatus.ILLEGITIMATE
    for who in ("pharmacy", "maker", "regulator"):
        assert refuses(name, organizations[who], UNIT, REASON) == forbidden(lot, UNIT, status, requested)


@pytest.mark.parametrize("name", ["clear", "determineIllegitimate"])
def test_settling_reverts_once_cleared(supply, lot, delivered, pharmacy, refuses, name):
    supply.suspect(pharmacy, lot, UNIT, delivered)
    supply.clear(pharmacy, lot, UNIT)
    assert refuses(name, pharmacy, UNIT, REASON)[0] == "LotRegistryForbiddenTransition"


def test_cleared_unit_is_found_suspect_anew(supply, lot, delivered, pharmacy, maker, refuses):
    """By another, whose matter it is from then on."""
    supply.suspect(pharmacy, lot, UNIT, delivered)
    supply.clear(pharmacy, lot, UNIT)
    travel(DAY)
    at = time_of(supply.suspect(maker, lot, UNIT))
    assert tuple(supply.lots.investigationOf(lot.id, UNIT)) == (maker.id, at, 0, 0)
    assert refuses("clear", pharmacy, UNIT, REASON) == missing_role(pharmacy)


def test_finder_settles_after_the_goods_are_gone(supply, lot, delivered, pharmacy, wholesaler, refuses):
    """A case with a suspect unit is sent back: the matter stays its finder's."""
    supply.suspect(pharmacy, lot, UNIT, delivered)
    supply.deliver(delivered, pharmacy, wholesaler, is_return=True)
    assert refuses("clear", wholesaler, UNIT, REASON) == missing_role(wholesaler)
    supply.clear(pharmacy, lot, UNIT)
    assert supply.finding(lot, UNIT, delivered) == PackFinding.NOT_FOR_REDISTRIBUTION


def test_suspended_regulator_settles_nothing(supply, lot, delivered, pharmacy, regulator, refuses, suspend):
    supply.suspect(pharmacy, lot, UNIT, delivered)
    suspend(regulator)
    wanted = ("OrganizationRegistryNotInGoodStanding", regulator.id, Standing.SUSPENDED)
    for name in ("clear", "determineIllegitimate"):
        assert refuses(name, regulator, UNIT, REASON) == wanted


# ---------------------------------------------------------------------- recordNotice


@pytest.fixture
def illegitimate(bring_about):
    """The unit was found so by the pharmacy."""
    bring_about(UnitStatus.ILLEGITIMATE)


@pytest.mark.parametrize("who", ["pharmacy", "regulator"])
@pytest.mark.parametrize("days", [0, 5])
def test_notice_is_recorded_in_time_or_late(supply, lot, illegitimate, organizations, who, days):
    by = organizations[who]
    travel(1 + days * DAY)
    receipt = send(supply.lots.recordNotice, lot.id, UNIT, NOTICE, sender=by.key)
    assert events(receipt, supply.lots) == [("IllegitimateNotified", lot.id, UNIT, by.id, NOTICE)]
    assert supply.lots.investigationOf(lot.id, UNIT).notifiedAt == time_of(receipt)


def test_notice_reverts_if_recorded(supply, lot, illegitimate, pharmacy, regulator, refuses):
    send(supply.lots.recordNotice, lot.id, UNIT, NOTICE, sender=pharmacy.key)
    for by in (pharmacy, regulator):
        assert refuses("recordNotice", by, UNIT, NOTICE) == ("LotRegistryNoNoticeDue", lot.id, UNIT)


def test_notice_reverts_if_none_is_due(supply, lot, delivered, pharmacy, regulator, refuses):
    """Of no suspicion, of one that is not settled, and of one that was cleared."""
    supply.suspect(pharmacy, lot, UNIT, delivered)
    supply.suspect(pharmacy, lot, UNIT + 1, delivered)
    supply.clear(pharmacy, lot, UNIT + 1)
    for index in (UNIT, UNIT + 1, UNIT + 2, UNITS):
        for by in (pharmacy, regulator):
            assert refuses("recordNotice", by, index, NOTICE) == ("LotRegistryNoNoticeDue", lot.id, index)


@pytest.mark.parametrize("who", ["maker", *OTHERS])
def test_notice_reverts_for_others(illegitimate, organizations, refuses, who):
    caller = organizations[who]
    assert refuses("recordNotice", caller, UNIT, NOTICE) == missing_role(caller)
