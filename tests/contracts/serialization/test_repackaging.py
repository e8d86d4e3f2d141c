"""repackage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ..support import (
    DAY,
    ZERO_HASH,
    ZERO_ID,
    MemberRole,
    Reason,
    Standing,
    bits,
    events,
    refusal,
    send,
    time_of,
    travel_to,
)
from .lots import (
    DEPTH,
    EXPIRY_DAY,
    REASON,
    ContainerState,
    LotKind,
    PackFinding,
    RecallClass,
    RecallReason,
    UnitStatus,
    lot_terms,
    today,
)

REPACKAGER = bits(MemberRole.REPACKAGER)


@pytest.fixture
def inputs(supply, lot, maker, repackager):
    """Two cases of the lot that the repackager holds."""
    cases = [supply.packed_range(lot, first, 8) for first in (0, 8)]
    for case in cases:
        supply.deliver(case, maker, repackager)
    return cases


@pytest.fixture
def made(supply, repackager):
    """What the repackager makes of them, not commissioned yet."""
    return supply.made(repackager)


def repackage(supply, made, inputs):
    call = (made.reference, made.terms, made.tree.root, inputs)
    return send(supply.lots.repackage, *call, sender=made.maker.key)


def refuses(supply, made, inputs, by=None, **changes):
    fields = {"reference": made.reference, "terms": made.terms, "root": made.tree.root, "inputs": inputs, **changes}
    return refusal(supply.lots.repackage, *fields.values(), sender=(by or made.maker).key)


def test_repackage_makes_a_lot_of_its_inputs(supply, lot, repackager, inputs, made):
    receipt = repackage(supply, made, inputs)
    assert events(receipt, supply.lots) == [
        ("LotCommissioned", made.id, repackager.id, repackager.key.address, made.terms, made.tree.root),
        ("LotRepackaged", made.id, tuple(inputs)),
    ]
    held = (repackager.id, today(), EXPIRY_DAY, 0, DEPTH, 1, LotKind.MEDICINE, 0, 0)
    assert tuple(supply.lots.lotOf(made.id)) == held
    assert {supply.custody.containerOf(case).ended for case in inputs} == {UnitStatus.REPACKAGED}
    assert {supply.finding(lot, index, inputs[index // 8]) for index in range(16)} == {PackFinding.REPACKAGED}


def test_repackaged_units_go_on_as_others_do(supply, registrar, lot, pharmacy, repackager, inputs, made):
    repackage(supply, made, inputs)
    send(supply.lots.assignProduct, made.product, repackager.id, True, sender=registrar)
    case = supply.packed_range(made, 0, 10)
    supply.deliver(case, repackager, pharmacy)
    assert supply.finding(made, 3, case) == PackFinding.VERIFIED
    supply.dispense(pharmacy, made, 3, case)
    for former, index in ((inputs[0], 3), (inputs[1], 9)):
        refused = supply.refuses_dispensing(pharmacy, lot, index, former)
        assert refused == ("CustodyForbiddenTransition", former, ContainerState.ENDED)


def test_repackage_again_changes_nothing(supply, inputs, made):
    repackage(supply, made, inputs)
    for same in (inputs, inputs[::-1], inputs[:1]):
        assert repackage(supply, made, same).logs == []


def test_repackage_again_reverts_with_inputs_that_are_left(supply, lot, maker, repackager, inputs, made):
    repackage(supply, made, inputs[:1])
    assert refuses(supply, made, inputs) == ("LotRegistryLotExists", made.id)
    assert supply.finding(lot, 8, inputs[1]) == PackFinding.VERIFIED


@pytest.mark.parametrize(
    "changes",
    [{"root": REASON}, {"terms": lot_terms(EXPIRY_DAY - 1)}, {"root": ZERO_HASH}, {"terms": lot_terms() | 1 << 40}],
    ids=str,
)
def test_repackage_reverts_if_the_lot_is_another(supply, inputs, made, changes):
    repackage(supply, made, inputs)
    assert refuses(supply, made, inputs, **changes) == ("LotRegistryLotExists", made.id)


def test_repackage_reverts_if_the_lot_was_commissioned(supply, registry, registrar, repackager, inputs, made):
    """By one that is a manufacturer too: nothing is used up unsaid."""
    manufacturer = bits(MemberRole.MANUFACTURER)
    send(registry.addMemberRoles, repackager.id, manufacturer, Reason.SCOPE_CHANGED, sender=registrar)
    supply.commission(made)
    assert refuses(supply, made, inputs) == ("LotRegistryLotExists", made.id)


def test_repackage_reverts_without_inputs(supply, lot, made):
    assert refuses(supply, made, []) == ("LotRegistryInvalidUnits", made.id, 0, 0)


def test_repackage_reverts_if_it_does_not_hold_an_input(supply, lot, maker, repackager, inputs, made):
    """And uses up none."""
    case = supply.packed_range(lot, 16, 8)
    wanted = ("CustodyNotTheHolder", case, maker.id, repackager.id)
    for given in ([case], [*inputs, case]):
        assert refuses(supply, made, given) == wanted
    supply.ship(case, maker, repackager)
    wanted = ("CustodyForbiddenTransition", case, ContainerState.IN_TRANSIT)
    assert refuses(supply, made, [*inputs, case]) == wanted
    supply.receive(case, repackager)
    repackage(supply, made, [*inputs, case])


def test_repackage_reverts_if_an_input_is_in_another(supply, repackager, inputs, made):
    box = supply.packed(repackager, [inputs[1]])
    assert refuses(supply, made, inputs) == ("CustodyNested", inputs[1], box)


def test_repackage_reverts_for_a_mixed_input(supply, repackager, inputs, made):
    """It tells not of which lots it is."""
    box = supply.packed(repackager, [inputs[1]])
    assert refuses(supply, made, [box]) == ("LotRegistryUnknownLot", ZERO_ID)


def test_repackage_reverts_if_an_input_is_used_up(supply, repackager, inputs, made):
    assert refuses(supply, made, [inputs[0], inputs[0]])[:2] == ("CustodyForbiddenTransition", inputs[0])
    repackage(supply, made, inputs[:1])
    other = supply.made(repackager)
    wanted = ("CustodyForbiddenTransition", inputs[0], ContainerState.ENDED)
    assert refuses(supply, other, inputs) == wanted


def test_repackage_reverts_if_an_input_is_unknown(supply, inputs, made):
    unknown = b"no container"
    assert refuses(supply, made, [*inputs, unknown]) == ("CustodyUnknownContainer", unknown)


def test_repackage_reverts_if_an_input_is_of_a_recalled_lot(supply, lot, inputs, made):
    supply.recall(lot, recall_class=RecallClass.CLASS_II, reason=RecallReason.IMPURITY)
    wanted = ("LotRegistryRecalled", lot.id, RecallClass.CLASS_II, RecallReason.IMPURITY)
    assert refuses(supply, made, inputs) == wanted


def test_repackage_reverts_if_an_input_is_expired(supply, lot, inputs, made):
    travel_to((EXPIRY_DAY + 1) * DAY)
    later = replace(made, terms=lot_terms(EXPIRY_DAY + 100))
    assert refuses(supply, later, inputs) == ("LotRegistryExpired", lot.id, EXPIRY_DAY)


@pytest.mark.parametrize(
    "terms", [lot_terms(EXPIRY_DAY + 1), lot_terms(2**16 - 1), lot_terms(0, kind=LotKind.DEVICE)], ids=hex
)
def test_repackage_reverts_if_the_lot_outlasts_an_input(supply, lot, inputs, made, terms):
    assert refuses(supply, made, inputs, terms=terms) == ("LotRegistryExpired", lot.id, EXPIRY_DAY)


def test_repackage_takes_inputs_that_last_longer(supply, maker, repackager, inputs, made):
    lasting = supply.commissioned(maker, expiry_day=0, kind=LotKind.DEVICE)
    case = supply.packed_range(lasting, 0, 4)
    supply.deliver(case, maker, repackager)
    sooner = replace(made, terms=lot_terms(EXPIRY_DAY - 30))
    repackage(supply, sooner, [*inputs, case])
    assert supply.lots.lotOf(made.id).expiryDay == EXPIRY_DAY - 30


def test_repackage_reverts_until_a_returned_input_is_verified(supply, lot, maker, wholesaler, repackager, made):
    case = supply.packed_range(lot, 0, 8)
    supply.deliver(case, maker, wholesaler)
    supply.deliver(case, wholesaler, repackager, is_return=True)
    assert refuses(supply, made, [case]) == ("CustodyNotVerified", case)
    send(supply.custody.verifyReturn, case, sender=repackager.key)
    repackage(supply, made, [case])


def test_consume_reverts_for_what_is_not_whole(supply, lot, maker, repackager, made):
    """Else a lot would be made of nothing, while what was taken out is dispensed."""
    for first, take in ((0, "case"), (8, "unit")):
        container = supply.packed_range(lot, first, 8, cases=2)
        supply.deliver(container, maker, repackager)
        if take == "case":
            send(supply.custody.unpackCases, container, [supply.reference()], [0], 0, sender=repackager.key)
        else:
            send(supply.custody.unpackUnits, [(lot.id, first, container)], sender=repackager.key)
        assert refuses(supply, made, [container]) == ("CustodyNotWhole", container)


@pytest.mark.parametrize(
    ("terms", "root"),
    [
        (lot_terms(expiry_day=0), None),
        (lot_terms(expiry_day=1), None),
        (lot_terms(depth=21), None),
        (lot_terms() | 1 << 32, None),
        (lot_terms(), ZERO_HASH),
    ],
)
def test_repackage_reverts_for_terms_that_mean_nothing(supply, inputs, made, terms, root):
    root = made.tree.root if root is None else root
    wanted = ("LotRegistryInvalidTerms", terms, root)
    assert refuses(supply, made, inputs, terms=terms, root=root) == wanted


@pytest.mark.parametrize("who", ["maker", "wholesaler", "pharmacy", "carrier", "regulator"])
def test_repackage_reverts_for_all_but_repackagers(supply, inputs, made, organizations, who):
    caller = organizations[who]
    wanted = ("OrganizationRegistryMissingMemberRole", caller.id, REPACKAGER)
    assert refuses(supply, made, inputs, by=caller) == wanted


def test_repackage_reverts_if_nobody_knows_the_caller(supply, inputs, made, stranger):
    call = (made.reference, made.terms, made.tree.root, inputs)
    refused = refusal(supply.lots.repackage, *call, sender=stranger)
    assert refused == ("OrganizationRegistryUnknownKey", stranger.address)


def test_repackage_reverts_for_a_suspended_member(supply, repackager, inputs, made, suspend):
    suspend(repackager)
    wanted = ("OrganizationRegistryNotInGoodStanding", repackager.id, Standing.SUSPENDED)
    assert refuses(supply, made, inputs) == wanted


def test_repackage_reverts_while_the_custody_is_halted(supply, inputs, made, guardian):
    at = time_of(send(supply.custody.halt, sender=guardian))
    assert refuses(supply, made, inputs) == ("HaltableHalted", at)


def test_repackaged_lot_has_no_further_tranche(supply, repackager, inputs, made):
    """It would be of nothing that was used up."""
    repackage(supply, made, inputs)
    refused = refusal(supply.lots.addTranche, made.id, 1, REASON, sender=repackager.key)
    assert refused == ("OrganizationRegistryMissingMemberRole", repackager.id, bits(MemberRole.MANUFACTURER))


@pytest.mark.parametrize("status", [UnitStatus.DESTROYED, UnitStatus.STOLEN], ids=lambda status: status.name)
def test_repackaged_units_come_to_no_other_end(supply, lot, repackager, inputs, made, status):
    repackage(supply, made, inputs)
    for method, arguments in (
        (supply.lots.endUnits, (inputs[0], [3], status, REASON)),
        (supply.lots.suspect, (3, inputs[0], REASON)),
    ):
        refused = refusal(method, lot.id, *arguments, sender=repackager.key)
        assert refused[:5] == ("LotRegistryForbiddenTransition", lot.id, 3, UnitStatus.REPACKAGED, False)
