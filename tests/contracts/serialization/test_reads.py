"""verify, and the register's other reads."""

from __future__ import annotations

import pytest

from ..support import DAY, ZERO_HASH, ZERO_ID, chain_time, send, travel, travel_to
from .lots import (
    EXPIRY_DAY,
    NO_CONTAINER,
    OTHER_PRODUCT,
    REASON,
    LotKind,
    PackFinding,
    RecallClass,
    RecallReason,
    UnitStatus,
    today,
)

UNIT = 3
"""The unit that is verified, in `delivered`."""


def nothing(finding):
    """An answer that tells a finding alone."""
    return (finding, ZERO_ID, ZERO_ID, 0, 0, 0, False, False, 0)


def ended(status):
    """The unit is ended by the regulator or the maker, whoever may."""
    leaves = status in (UnitStatus.STOLEN, UnitStatus.EXPORTED)
    return lambda stage: stage.supply.end_units(stage.regulator if leaves else stage.maker, stage.lot, [UNIT], status)


def container_ended(status):
    """Its holder ends the container."""
    return lambda stage: send(stage.supply.custody.end, stage.delivered, status, REASON, sender=stage.pharmacy.key)


def illegitimate(stage):
    stage.supply.suspect(stage.maker, stage.lot, UNIT)
    stage.supply.find_illegitimate(stage.maker, stage.lot, UNIT)


def returned(stage):
    stage.supply.deliver(stage.delivered, stage.pharmacy, stage.wholesaler, is_return=True)


def missing(stage):
    stage.supply.ship(stage.delivered, stage.pharmacy, stage.wholesaler, days=2)
    travel(3 * DAY)
    send(stage.supply.custody.reportMissing, stage.delivered, sender=stage.pharmacy.key)


def repackaged(stage):
    stage.supply.deliver(stage.delivered, stage.pharmacy, stage.repackager)
    made = stage.supply.made(stage.repackager)
    arguments = (made.reference, made.terms, made.tree.root, [stage.delivered])
    send(stage.supply.lots.repackage, *arguments, sender=stage.repackager.key)


BROUGHT_ABOUT = {
    PackFinding.VERIFIED: lambda _: None,
    PackFinding.RECALLED: lambda stage: stage.supply.recall(stage.lot),
    PackFinding.EXPIRED: lambda _: travel_to((EXPIRY_DAY + 1) * DAY),
    PackFinding.ILLEGITIMATE: illegitimate,
    PackFinding.SUSPECT: lambda stage: stage.supply.suspect(stage.maker, stage.lot, UNIT),
    PackFinding.DISPENSED: lambda stage: stage.supply.dispense(stage.pharmacy, stage.lot, UNIT, stage.delivered),
    PackFinding.DESTROYED: ended(UnitStatus.DESTROYED),
    PackFinding.DECOMMISSIONED: ended(UnitStatus.DECOMMISSIONED),
    PackFinding.STOLEN: ended(UnitStatus.STOLEN),
    PackFinding.EXPORTED: ended(UnitStatus.EXPORTED),
    PackFinding.REPACKAGED: repackaged,
    PackFinding.MISSING: missing,
    PackFinding.NOT_IN_CONTAINER: lambda stage: stage.supply.unpack_units(
        stage.pharmacy, stage.lot, [UNIT], stage.delivered
    ),
    PackFinding.NOT_FOR_REDISTRIBUTION: returned,
}
"""Finding of a pack that matches -> what brings it about."""


class Stage:
    """A lot of which a pallet is delivered, and who acts on it."""

    def __init__(self, supply, lot, delivered, organizations):
        self.supply, self.lot, self.delivered = supply, lot, delivered
        vars(self).update(organizations)

    def finding(self):
        return self.supply.finding(self.lot, UNIT, self.delivered)


@pytest.fixture
def stage(supply, lot, delivered, organizations):
    return Stage(supply, lot, delivered, organizations)


# ---------------------------------------------------------------------- verify


def test_verify_tells_where_a_pack_is(supply, lot, delivered, pharmacy):
    wanted = (PackFinding.VERIFIED, lot.id, pharmacy.id, 0, 0, UnitStatus.IN_SUPPLY, False, False, 0)
    assert tuple(supply.verify(lot, UNIT, delivered)) == wanted


@pytest.mark.parametrize("finding", BROUGHT_ABOUT, ids=lambda finding: finding.name)
def test_verify_reaches_each_finding_of_a_pack_that_matches(stage, finding):
    BROUGHT_ABOUT[finding](stage)
    assert stage.finding() == finding
    assert bytes(stage.supply.verify(stage.lot, UNIT, stage.delivered).lot) == stage.lot.id


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"product": OTHER_PRODUCT}, PackFinding.NO_MATCH_PRODUCT),
        ({"product": ZERO_HASH}, PackFinding.NO_MATCH_PRODUCT),
        ({"maker": ZERO_ID}, PackFinding.NO_MATCH_PRODUCT),
        ({"maker": b"unknown ones"}, PackFinding.NO_MATCH_PRODUCT),
        ({"reference": ZERO_HASH}, PackFinding.NO_MATCH_LOT),
        ({"inner": ZERO_HASH}, PackFinding.NO_MATCH_SERIAL),
        ({"index": UNIT + 1}, PackFinding.NO_MATCH_SERIAL),
        ({"index": UNIT + 64}, PackFinding.NO_MATCH_SERIAL),
        ({"index": 2**256 - 1}, PackFinding.NO_MATCH_SERIAL),
        ({"proof": []}, PackFinding.NO_MATCH_SERIAL),
        ({"proof": [ZERO_HASH] * 6}, PackFinding.NO_MATCH_SERIAL),
        ({"proof": [ZERO_HASH] * 300}, PackFinding.NO_MATCH_SERIAL),
        ({"expiry_day": EXPIRY_DAY + 1}, PackFinding.NO_MATCH_EXPIRY),
        ({"expiry_day": 0}, PackFinding.NO_MATCH_EXPIRY),
    ],
)
def test_verify_tells_nothing_of_what_does_not_match(supply, lot, delivered, changes, finding):
    supply.recall(lot)
    assert tuple(supply.verify(lot, UNIT, delivered, **changes)) == nothing(finding)


def test_findings_are_all_reached():
    """By the two tests above."""
    unmatched = {finding for finding in PackFinding if finding.name.startswith("NO_MATCH")}
    assert BROUGHT_ABOUT.keys() | unmatched == set(PackFinding)


def test_verify_matches_the_product_with_its_makers(supply, lot, delivered, other_maker, registrar):
    """It may have several: what one of them made stays genuine."""
    assert supply.finding(lot, UNIT, delivered, maker=other_maker.id) == PackFinding.NO_MATCH_PRODUCT
    send(supply.lots.assignProduct, lot.product, other_maker.id, True, sender=registrar)
    assert supply.finding(lot, UNIT, delivered, maker=other_maker.id) == PackFinding.NO_MATCH_LOT
    assert supply.finding(lot, UNIT, delivered) == PackFinding.VERIFIED
    send(supply.lots.assignProduct, lot.product, lot.maker.id, False, sender=registrar)
    assert supply.finding(lot, UNIT, delivered) == PackFinding.NO_MATCH_PRODUCT


def test_verify_finds_a_copied_serial_in_no_other_lot(supply, maker, lot, delivered):
    """A pack of a counterfeiter's that bears a genuine serial under another lot number."""
    other = supply.commissioned(maker)
    copied = {"inner": lot.inner(UNIT), "proof": lot.proof(UNIT)}
    assert supply.finding(other, UNIT, **copied) == PackFinding.NO_MATCH_SERIAL


CELLS = [
    PackFinding.ILLEGITIMATE,
    PackFinding.SUSPECT,
    PackFinding.DISPENSED,
    PackFinding.DESTROYED,
    PackFinding.DECOMMISSIONED,
    PackFinding.STOLEN,
    PackFinding.EXPORTED,
]


@pytest.mark.parametrize(
    "finding", [*CELLS, PackFinding.MISSING, PackFinding.NOT_IN_CONTAINER, PackFinding.NOT_FOR_REDISTRIBUTION]
)
def test_recall_comes_before_expiry_and_expiry_before_the_unit(stage, finding):
    BROUGHT_ABOUT[finding](stage)
    travel_to((EXPIRY_DAY + 1) * DAY)
    assert stage.finding() == PackFinding.EXPIRED
    stage.supply.recall(stage.lot, recall_class=RecallClass.CLASS_II)
    answer = stage.supply.verify(stage.lot, UNIT, stage.delivered)
    assert (answer.finding, answer.recallClass) == (PackFinding.RECALLED, RecallClass.CLASS_II)
    assert answer.recallReason == RecallReason.CONTAMINATION


@pytest.mark.parametrize("finding", CELLS)
def test_unit_comes_before_its_container(stage, finding):
    """Whether the container is returned, or ended."""
    BROUGHT_ABOUT[finding](stage)
    returned(stage)
    assert stage.finding() == finding
    send(stage.supply.custody.end, stage.delivered, UnitStatus.EXPORTED, REASON, sender=stage.wholesaler.key)
    assert stage.finding() == finding


@pytest.mark.parametrize("finding", CELLS)
def test_unit_is_what_it_is_whatever_container_is_named(stage, finding):
    BROUGHT_ABOUT[finding](stage)
    for container in (NO_CONTAINER, b"no container"):
        answer = stage.supply.verify(stage.lot, UNIT, container)
        assert (answer.finding, bytes(answer.holder)) == (finding, ZERO_ID)


@pytest.mark.parametrize(
    ("status", "finding"),
    [
        (UnitStatus.DESTROYED, PackFinding.DESTROYED),
        (UnitStatus.DECOMMISSIONED, PackFinding.DECOMMISSIONED),
        (UnitStatus.STOLEN, PackFinding.STOLEN),
        (UnitStatus.EXPORTED, PackFinding.EXPORTED),
    ],
)
def test_verify_tells_the_end_of_a_container_of_what_is_in_it(stage, status, finding):
    container_ended(status)(stage)
    answer = stage.supply.verify(stage.lot, UNIT, stage.delivered)
    assert (answer.finding, answer.status, bytes(answer.holder)) == (finding, status, stage.pharmacy.id)
    assert stage.supply.finding(stage.lot, 50) == PackFinding.VERIFIED


def test_verify_tells_the_day_of_a_units_status(stage):
    travel(20 * DAY)
    illegitimate(stage)
    day = today()
    travel(DAY)
    assert stage.supply.verify(stage.lot, UNIT, stage.delivered).statusDay == day


def test_verify_names_the_maker_of_what_it_did_not_pack(supply, lot, pallet, maker):
    answer = supply.verify(lot, 50)
    assert (answer.finding, bytes(answer.holder)) == (PackFinding.VERIFIED, maker.id)
    assert supply.finding(lot, 50, pallet) == PackFinding.NOT_IN_CONTAINER
    assert supply.finding(lot, UNIT, NO_CONTAINER) == PackFinding.NOT_IN_CONTAINER


def test_verify_finds_numbers_left_out_nowhere(supply, lot, pallet, maker):
    later = supply.packed_range(lot, 50, 4)
    assert supply.finding(lot, 50, later) == PackFinding.VERIFIED
    for container in (NO_CONTAINER, pallet, later):
        assert supply.finding(lot, 45, container) == PackFinding.NOT_IN_CONTAINER


def test_verify_names_the_sender_until_the_receiver_accepts(supply, lot, pallet, maker, wholesaler):
    supply.ship(pallet, maker, wholesaler)
    answer = supply.verify(lot, UNIT, pallet)
    assert (answer.finding, bytes(answer.holder)) == (PackFinding.VERIFIED, maker.id)
    supply.receive(pallet, wholesaler)
    assert bytes(supply.verify(lot, UNIT, pallet).holder) == wholesaler.id


def test_verify_names_the_sender_of_what_is_missing(stage):
    missing(stage)
    answer = stage.supply.verify(stage.lot, UNIT, stage.delivered)
    assert (answer.finding, bytes(answer.holder)) == (PackFinding.MISSING, stage.pharmacy.id)
    send(stage.supply.custody.confirmReturn, stage.delivered, sender=stage.pharmacy.key)
    assert stage.finding() == PackFinding.VERIFIED


def test_verify_finds_what_was_returned_for_redistribution_once_verified(stage):
    returned(stage)
    send(stage.supply.custody.verifyReturn, stage.delivered, sender=stage.wholesaler.key)
    assert stage.finding() == PackFinding.VERIFIED


def test_verify_tells_that_the_cold_chain_was_broken(stage, custody, stranger, as_policy_administrator):
    """It is for the dispenser to judge: a finding it is not."""
    as_policy_administrator(custody.setColdChain, stranger)
    send(custody.flagExcursion, stage.delivered, sender=stranger)
    stage.supply.unpack_units(stage.pharmacy, stage.lot, [UNIT], stage.delivered)
    for index, container in ((UNIT + 1, stage.delivered), (UNIT, NO_CONTAINER)):
        answer = stage.supply.verify(stage.lot, index, container)
        assert (answer.finding, answer.excursion) == (PackFinding.VERIFIED, True)


def test_verify_works_while_halted(stage, guardian):
    send(stage.supply.lots.halt, sender=guardian)
    send(stage.supply.custody.halt, sender=guardian)
    assert stage.finding() == PackFinding.VERIFIED


def test_verify_knows_expiry_to_the_day(stage):
    travel_to(EXPIRY_DAY * DAY + DAY - 1)
    assert stage.finding() == PackFinding.VERIFIED
    travel_to(EXPIRY_DAY * DAY + DAY)
    assert stage.finding() == PackFinding.EXPIRED


def test_device_without_expiry_never_expires(supply, maker, lot):
    device = supply.commissioned(maker, expiry_day=0, kind=LotKind.DEVICE)
    travel(40_000 * DAY)
    assert supply.finding(device, 0) == PackFinding.VERIFIED


# ---------------------------------------------------------------------- other reads


def test_reads_of_the_unknown_are_zero(supply, lot):
    unknown = b"unknown lot."
    assert tuple(supply.lots.lotOf(unknown)) == (ZERO_ID, 0, 0, 0, 0, 0, 0, 0, 0)
    assert bytes(supply.lots.rootOf(unknown, 0)) == bytes(supply.lots.rootOf(lot.id, 1)) == ZERO_HASH
    assert tuple(supply.lots.unitOf(unknown, 7)) == (UnitStatus.IN_SUPPLY, False, 0)
    assert tuple(supply.lots.investigationOf(unknown, 7)) == (ZERO_ID, 0, 0, 0)
    assert not supply.lots.isMakerOf(OTHER_PRODUCT, lot.maker.id)


def test_register_has_no_work_under_way(supply, lot):
    assert supply.lots.workUnderWay() == 0


def test_stage_begins_well_before_the_expiry(lot):
    assert chain_time() < (EXPIRY_DAY - 100) * DAY
