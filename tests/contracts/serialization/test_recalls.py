"""recall."""

from __future__ import annotations

import pytest

from ..support import MemberRole, Standing, bits, events, refusal, send
from .lots import REASON, PackFinding, RecallClass, RecallReason, UnitStatus

SLIGHT, GRAVE, GRAVEST = RecallClass.CLASS_III, RecallClass.CLASS_II, RecallClass.CLASS_I
STERILITY, POTENCY = RecallReason.LACK_OF_STERILITY, RecallReason.POTENCY
UNIT = 3


@pytest.fixture
def refuses(supply, lot):
    """What a recall of the lot is refused with."""

    def call(by, recall_class=GRAVEST, reason=POTENCY):
        return refusal(supply.lots.recall, lot.id, recall_class, reason, sender=by.key)

    return call


def stated(supply, lot):
    """Class and reason as the lot has them."""
    held = supply.lots.lotOf(lot.id)
    return held.recallClass, held.recallReason


@pytest.mark.parametrize("who", ["maker", "regulator"])
@pytest.mark.parametrize("recall_class", [GRAVEST, GRAVE, SLIGHT])
def test_recall_is_for_the_maker_and_regulators(supply, lot, organizations, who, recall_class):
    by = organizations[who]
    before = supply.lots.lotOf(lot.id)
    receipt = supply.recall(lot, by, recall_class, STERILITY)
    assert events(receipt, supply.lots) == [
        ("LotRecalled", lot.id, by.id, by.key.address, recall_class, STERILITY),
    ]
    assert tuple(supply.lots.lotOf(lot.id)) == (*tuple(before)[:7], recall_class, STERILITY)


@pytest.mark.parametrize("reason", list(RecallReason)[1:], ids=lambda reason: reason.name)
def test_recall_takes_every_reason(supply, lot, reason):
    supply.recall(lot, reason=reason)
    assert stated(supply, lot) == (GRAVEST, reason)


def test_recall_is_of_one_lot(supply, lot, delivered, maker, pharmacy):
    other = supply.commissioned(maker)
    supply.recall(other)
    assert supply.finding(lot, UNIT, delivered) == PackFinding.VERIFIED
    supply.dispense(pharmacy, lot, UNIT, delivered)


@pytest.mark.parametrize("who", ["maker", "regulator"])
def test_recall_becomes_graver(supply, lot, regulator, organizations, who):
    """By either, whoever recalled before."""
    supply.recall(lot, regulator, SLIGHT, POTENCY)
    for recall_class, reason in ((GRAVE, STERILITY), (GRAVEST, STERILITY)):
        supply.recall(lot, organizations[who], recall_class, reason)
        assert stated(supply, lot) == (recall_class, reason)


@pytest.mark.parametrize("who", ["maker", "regulator"])
def test_recall_reverts_if_it_is_less_grave(supply, lot, maker, organizations, refuses, who):
    supply.recall(lot, maker, GRAVE, POTENCY)
    for recall_class in (SLIGHT, RecallClass.NOT_RECALLED):
        for reason in (POTENCY, STERILITY):
            wanted = ("LotRegistryInvalidRecall", lot.id, recall_class, reason, GRAVE)
            assert refuses(organizations[who], recall_class, reason) == wanted


@pytest.mark.parametrize("who", ["maker", "regulator"])
def test_recall_reverts_if_only_its_reason_changes(supply, lot, maker, organizations, refuses, who):
    supply.recall(lot, maker, GRAVE, POTENCY)
    wanted = ("LotRegistryInvalidRecall", lot.id, GRAVE, STERILITY, GRAVE)
    assert refuses(organizations[who], GRAVE, STERILITY) == wanted


@pytest.mark.parametrize("who", ["maker", "regulator"])
def test_recall_again_changes_nothing(supply, lot, maker, organizations, who):
    supply.recall(lot, maker, GRAVE, POTENCY)
    assert supply.recall(lot, organizations[who], GRAVE, POTENCY).logs == []
    assert stated(supply, lot) == (GRAVE, POTENCY)


@pytest.mark.parametrize("who", ["maker", "regulator"])
def test_recall_reverts_without_class_or_reason(supply, lot, organizations, refuses, who):
    by = organizations[who]
    for recall_class, reason in ((GRAVEST, 0), (RecallClass.NOT_RECALLED, POTENCY), (0, 0)):
        wanted = ("LotRegistryInvalidRecall", lot.id, recall_class, reason, RecallClass.NOT_RECALLED)
        assert refuses(by, recall_class, reason) == wanted
    supply.recall(lot, by, GRAVE, POTENCY)
    for recall_class in (GRAVEST, GRAVE, SLIGHT):
        assert refuses(by, recall_class, 0) == ("LotRegistryInvalidRecall", lot.id, recall_class, 0, GRAVE)


def test_recall_is_stopped_by_nothing(supply, lot, maker, guardian, suspend, as_policy_administrator):
    """Neither by the maker's suspension, nor a stop, nor a version that is closed."""
    as_policy_administrator(supply.lots.closeToNewWork)
    suspend(maker)
    send(supply.lots.halt, sender=guardian)
    supply.recall(lot, maker)
    assert stated(supply, lot) == (GRAVEST, RecallReason.CONTAMINATION)


def test_recall_by_a_regulator_is_not_stopped_either(supply, lot, regulator, guardian):
    send(supply.lots.halt, sender=guardian)
    supply.recall(lot, regulator)
    assert stated(supply, lot)[0] == GRAVEST


def test_recall_reverts_if_the_regulator_is_suspended(lot, regulator, refuses, suspend):
    suspend(regulator)
    assert refuses(regulator) == ("OrganizationRegistryNotInGoodStanding", regulator.id, Standing.SUSPENDED)


@pytest.mark.parametrize("who", ["other_maker", "repackager", "wholesaler", "pharmacy", "other_pharmacy", "carrier"])
def test_recall_reverts_for_all_others(delivered, organizations, refuses, who):
    """Also for who holds what the lot is."""
    caller = organizations[who]
    wanted = ("OrganizationRegistryMissingMemberRole", caller.id, bits(MemberRole.REGULATOR))
    assert refuses(caller) == wanted


def test_recall_reverts_if_nobody_knows_the_caller(supply, lot, stranger):
    refused = refusal(supply.lots.recall, lot.id, GRAVEST, POTENCY, sender=stranger)
    assert refused == ("OrganizationRegistryUnknownKey", stranger.address)


def test_recall_reverts_if_the_lot_is_unknown(supply, maker, regulator):
    unknown = supply.made(maker)
    for by in (maker, regulator):
        refused = refusal(supply.lots.recall, unknown.id, GRAVEST, POTENCY, sender=by.key)
        assert refused == ("LotRegistryUnknownLot", unknown.id)


def test_recalled_lot_is_neither_enlarged_nor_packed(supply, lot, maker):
    supply.recall(lot, recall_class=SLIGHT, reason=POTENCY)
    wanted = ("LotRegistryRecalled", lot.id, SLIGHT, POTENCY)
    assert refusal(supply.lots.addTranche, lot.id, 1, b"\1" * 32, sender=maker.key) == wanted
    call = (supply.reference(), lot.id, 0, 8, 0)
    assert refusal(supply.custody.packRange, *call, sender=maker.key) == wanted


def test_recalled_lot_is_returned_and_destroyed(supply, lot, delivered, maker, pharmacy):
    supply.recall(lot)
    supply.deliver(delivered, pharmacy, maker, is_return=True)
    supply.end_units(maker, lot, [UNIT], UnitStatus.DESTROYED)
    send(supply.custody.end, delivered, UnitStatus.DESTROYED, REASON, sender=maker.key)
    assert supply.unit(lot, UNIT)[0] == UnitStatus.DESTROYED
    assert supply.finding(lot, UNIT + 1, delivered) == PackFinding.RECALLED
