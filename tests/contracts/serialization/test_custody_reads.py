"""What custody answers of containers and units."""

from __future__ import annotations

from ..support import ZERO_ID, refusal, send
from .custody import finds
from .lots import REASON


def test_unknown_container_is_all_zero(custody, lots):
    found = custody.containerOf(b"\1" * 12)
    assert (found.state, bytes(found.holder), found.count, found.ended) == (0, ZERO_ID, 0, 0)
    assert bytes(custody.shipmentOf(b"\1" * 12).sender) == ZERO_ID


def test_holder_of_reverts_for_a_unit_that_is_not_there(custody, lot, pharmacy, delivered):
    assert bytes(custody.holderOf(lot.id, 0, delivered)) == pharmacy.id
    expected = ("CustodyNotInContainer", lot.id, 40, delivered)
    assert refusal(custody.holderOf, lot.id, 40, delivered) == expected


def test_require_held_asks_for_every_unit(supply, custody, lot, pharmacy, other_pharmacy, delivered):
    (case,) = supply.unpacked_cases(pharmacy, delivered, [1])
    supply.deliver(case, pharmacy, other_pharmacy)
    supply.unpack_units(pharmacy, lot, [0], delivered)
    supply.unpack_units(other_pharmacy, lot, [10], case)
    expected = ("CustodyNotTheHolder", ZERO_ID, other_pharmacy.id, pharmacy.id)
    assert refusal(custody.requireHeld, lot.id, [0, 10], ZERO_ID, pharmacy.id) == expected
    assert custody.requireHeld(lot.id, [1, 2], delivered, pharmacy.id) is None
    expected = ("CustodyNotInContainer", lot.id, 11, delivered)
    assert refusal(custody.requireHeld, lot.id, [1, 11], delivered, pharmacy.id) == expected
    expected = ("CustodyNotTheHolder", delivered, pharmacy.id, other_pharmacy.id)
    assert refusal(custody.requireHeld, lot.id, [1, 2], delivered, other_pharmacy.id) == expected
    assert finds(custody, lot, 10) == other_pharmacy.id


def test_in_hand_is_the_holder_or_on_its_way_the_carrier(
    supply, custody, lot, maker, pharmacy, wholesaler, carrier, pallet
):
    """Of what is in a container, whoever has what is outermost, whatever shipment it had alone."""
    supply.ship(pallet, maker, wholesaler, carrier)
    assert [bytes(found) for found in custody.inHand(pallet)] == [carrier.id, lot.id]
    supply.receive(pallet, wholesaler)
    tote = supply.packed(wholesaler, [pallet])
    assert [bytes(found) for found in custody.inHand(pallet)] == [wholesaler.id, lot.id]
    supply.ship(tote, wholesaler, pharmacy)
    assert [bytes(found) for found in custody.inHand(pallet)] == [wholesaler.id, lot.id]
    assert [bytes(found) for found in custody.inHand(tote)] == [wholesaler.id, ZERO_ID]
    send(custody.reject, tote, REASON, sender=pharmacy.key)
    assert [bytes(found) for found in custody.inHand(pallet)] == [ZERO_ID, lot.id]
    assert [bytes(found) for found in custody.inHand(b"\1" * 12)] == [ZERO_ID, ZERO_ID]
