"""The handover of containers: it takes two, and what was not accepted comes back."""

from __future__ import annotations

import pytest

from ..support import (
    DAY,
    END_OF_TIME,
    ZERO_HASH,
    ZERO_ID,
    MemberRole,
    bits,
    chain_time,
    events,
    refusal,
    send,
    travel,
    travel_to,
)
from .custody import HOLDERS, REDISTRIBUTORS, finds, place, unit
from .lots import NO_CONTAINER, REASON, TERMS, ContainerState, PackFinding, UnitStatus, container_id, today

HELD, IN_TRANSIT, REJECTED, MISSING = (
    ContainerState.HELD,
    ContainerState.IN_TRANSIT,
    ContainerState.REJECTED,
    ContainerState.MISSING,
)


@pytest.fixture
def shipped(supply, pallet, maker, pharmacy):
    """The pallet, on its way to the pharmacy in the maker's own van, to be accepted within five days."""
    supply.ship(pallet, maker, pharmacy)
    return pallet


@pytest.fixture
def deadline(custody, shipped):
    return custody.shipmentOf(shipped).deadline


@pytest.fixture
def returned(supply, delivered, pharmacy, wholesaler):
    """The pallet, sent back by the pharmacy and received by the wholesaler."""
    supply.deliver(delivered, pharmacy, wholesaler, is_return=True)
    return delivered


def shipping(custody, container, receiver, carrier=ZERO_ID, deadline=None, is_return=False):
    """The arguments of `ship`."""
    until = chain_time() + DAY if deadline is None else deadline
    return custody.ship, container, receiver, carrier, until, is_return, TERMS


# ---------------------------------------------------------------------- ship


def test_ship_names_receiver_carrier_and_deadline(custody, maker, pharmacy, carrier, pallet):
    until = chain_time() + 3 * DAY
    receipt = send(*shipping(custody, pallet, pharmacy.id, carrier.id, until), sender=maker.key)
    assert events(receipt, custody) == [
        ("Shipped", pallet, maker.id, pharmacy.id, carrier.id, until, False, TERMS),
    ]
    found = custody.containerOf(pallet)
    assert (found.state, bytes(found.holder), bytes(found.receiver)) == (IN_TRANSIT, maker.id, pharmacy.id)
    shipment = custody.shipmentOf(pallet)
    assert (bytes(shipment.sender), bytes(shipment.carrier), shipment.deadline) == (maker.id, carrier.id, until)
    assert (shipment.day, shipment.isReturn) == (today(), False)


def test_receiver_is_not_the_holder_until_it_accepts(supply, custody, lot, maker, pharmacy, shipped):
    assert finds(custody, lot, 0, shipped) == maker.id
    assert supply.refuses_dispensing(pharmacy, lot, 0, shipped) == ("CustodyForbiddenTransition", shipped, IN_TRANSIT)
    supply.receive(shipped, pharmacy)
    assert finds(custody, lot, 0, shipped) == pharmacy.id
    supply.dispense(pharmacy, lot, 0, shipped)


def test_carrier_never_becomes_the_holder(supply, custody, lot, maker, pharmacy, carrier, pallet):
    supply.ship(pallet, maker, pharmacy, carrier)
    assert place(custody, pallet) == (IN_TRANSIT, maker.id)
    expected = ("OrganizationRegistryMissingMemberRole", carrier.id, HOLDERS)
    assert refusal(custody.receiveShipment, pallet, sender=carrier.key) == expected
    expected = ("CustodyNotTheReceiver", pallet, pharmacy.id, carrier.id)
    assert refusal(custody.reject, pallet, REASON, sender=carrier.key) == expected


def test_ship_reverts_unless_the_caller_may_hold_medicine(custody, maker, pharmacy, pallet, carrier, stranger, suspend):
    call = shipping(custody, pallet, pharmacy.id)
    expected = ("OrganizationRegistryMissingMemberRole", carrier.id, HOLDERS)
    assert refusal(*call, sender=carrier.key) == expected
    assert refusal(*call, sender=stranger) == ("OrganizationRegistryUnknownKey", stranger.address)
    suspend(maker)
    assert refusal(*call, sender=maker.key) == ("OrganizationRegistryNotInGoodStanding", maker.id, 2)


def test_ship_reverts_for_all_but_the_holder(custody, maker, pharmacy, wholesaler, pallet):
    call = shipping(custody, pallet, pharmacy.id)
    expected = ("CustodyNotTheHolder", pallet, maker.id, wholesaler.id)
    assert refusal(*call, sender=wholesaler.key) == expected


def test_ship_reverts_while_halted(custody, maker, pharmacy, pallet, guardian):
    send(custody.halt, sender=guardian)
    assert refusal(*shipping(custody, pallet, pharmacy.id), sender=maker.key)[0] == "HaltableHalted"


def test_ship_reverts_without_another_receiver(custody, maker, pallet):
    for receiver in (ZERO_ID, maker.id):
        expected = ("CustodyInvalidReceiver", pallet, receiver)
        assert refusal(*shipping(custody, pallet, receiver), sender=maker.key) == expected


def test_ship_reverts_unless_the_deadline_is_ahead(custody, maker, pharmacy, pallet):
    now = chain_time()
    for past in (0, now - 1, now):
        call = shipping(custody, pallet, pharmacy.id, deadline=past)
        error, container, deadline, time = refusal(*call, sender=maker.key)
        assert (error, container, deadline) == ("CustodyDeadline", pallet, past)
        assert now <= time
    send(*shipping(custody, pallet, pharmacy.id, deadline=END_OF_TIME), sender=maker.key)
    assert custody.shipmentOf(pallet).deadline == END_OF_TIME


def test_what_is_in_a_container_is_shipped_with_it_alone(supply, custody, lot, maker, pharmacy, pallet):
    tote = supply.packed(maker, [pallet])
    expected = ("CustodyNested", pallet, tote)
    assert refusal(*shipping(custody, pallet, pharmacy.id), sender=maker.key) == expected
    supply.ship(tote, maker, pharmacy)
    assert place(custody, pallet) == (IN_TRANSIT, maker.id)
    assert bytes(custody.containerOf(pallet).receiver) == pharmacy.id
    assert refusal(custody.receiveShipment, pallet, sender=pharmacy.key) == ("CustodyForbiddenTransition", pallet, HELD)
    supply.receive(tote, pharmacy)
    assert place(custody, pallet) == (HELD, pharmacy.id)
    assert finds(custody, lot, 0, pallet) == pharmacy.id


def test_shipped_day_goes_with_what_is_taken_out(supply, custody, lot, maker, pharmacy, pallet):
    inner = supply.packed(maker, [pallet])
    tote = supply.packed(maker, [inner])
    assert custody.lastShippedDay(pallet) == 0
    day = today()
    supply.deliver(tote, maker, pharmacy)
    travel(DAY)
    assert custody.lastShippedDay(pallet) == day
    send(custody.unpack, inner, [pallet], sender=pharmacy.key)
    (case,) = supply.unpacked_cases(pharmacy, pallet, [0])
    repacked = supply.packed(pharmacy, [pallet])
    for container in (case, pallet, inner):
        assert custody.lastShippedDay(container) == day
    assert custody.lastShippedDay(repacked) == custody.lastShippedDay(NO_CONTAINER) == 0


# ---------------------------------------------------------------------- handOver


def test_hand_over_goes_from_one_carrier_to_the_next(supply, custody, maker, pharmacy, wholesaler, carrier, pallet):
    supply.ship(pallet, maker, pharmacy)
    for giver, taker in ((maker, carrier), (carrier, wholesaler), (wholesaler, carrier)):
        receipt = send(custody.handOver, pallet, taker.id, sender=giver.key)
        assert events(receipt, custody) == [("HandedOver", pallet, giver.id, taker.id)]
        assert bytes(custody.shipmentOf(pallet).carrier) == taker.id
    assert place(custody, pallet) == (IN_TRANSIT, maker.id)
    assert bytes(custody.containerOf(pallet).receiver) == pharmacy.id


def test_hand_over_reverts_for_all_but_who_has_it(supply, custody, maker, pharmacy, carrier, pallet, stranger):
    supply.ship(pallet, maker, pharmacy, carrier)
    for other in (maker, pharmacy):
        expected = ("CustodyNotTheCarrier", pallet, carrier.id, other.id)
        assert refusal(custody.handOver, pallet, other.id, sender=other.key) == expected
    expected = ("OrganizationRegistryUnknownKey", stranger.address)
    assert refusal(custody.handOver, pallet, carrier.id, sender=stranger) == expected


def test_hand_over_reverts_unless_the_next_may_have_it(custody, maker, regulator, carrier, shipped, suspend):
    roles = HOLDERS | bits(MemberRole.CARRIER)
    expected = ("OrganizationRegistryMissingMemberRole", regulator.id, roles)
    assert refusal(custody.handOver, shipped, regulator.id, sender=maker.key) == expected
    expected = ("OrganizationRegistryUnknownOrganization", ZERO_ID)
    assert refusal(custody.handOver, shipped, ZERO_ID, sender=maker.key) == expected
    suspend(carrier)
    expected = ("OrganizationRegistryNotInGoodStanding", carrier.id, 2)
    assert refusal(custody.handOver, shipped, carrier.id, sender=maker.key) == expected


def test_suspended_carrier_hands_over(supply, custody, maker, pharmacy, carrier, pallet, suspend):
    supply.ship(pallet, maker, pharmacy, carrier)
    suspend(carrier)
    send(custody.handOver, pallet, pharmacy.id, sender=carrier.key)
    assert bytes(custody.shipmentOf(pallet).carrier) == pharmacy.id


# ---------------------------------------------------------------------- receiveShipment


def test_receive_makes_the_receiver_the_holder(custody, lot, pharmacy, shipped):
    receipt = send(custody.receiveShipment, shipped, sender=pharmacy.key)
    assert events(receipt, custody) == [("Received", shipped, pharmacy.id, pharmacy.key.address)]
    found = custody.containerOf(shipped)
    assert (found.state, bytes(found.holder), bytes(found.receiver)) == (HELD, pharmacy.id, ZERO_ID)


def test_receive_is_for_the_receiver_alone(custody, maker, pharmacy, wholesaler, other_pharmacy, shipped, stranger):
    for other in (maker, wholesaler, other_pharmacy):
        expected = ("CustodyNotTheReceiver", shipped, pharmacy.id, other.id)
        assert refusal(custody.receiveShipment, shipped, sender=other.key) == expected
        part = (custody.receiveInPart, shipped, ZERO_HASH, [shipped], [], 0, REASON)
        assert refusal(*part, sender=other.key) == expected
        assert refusal(custody.reject, shipped, REASON, sender=other.key) == expected
    expected = ("OrganizationRegistryUnknownKey", stranger.address)
    assert refusal(custody.receiveShipment, shipped, sender=stranger) == expected


def test_receive_reverts_for_a_suspended_receiver(custody, pharmacy, shipped, suspend):
    suspend(pharmacy)
    expected = ("OrganizationRegistryNotInGoodStanding", pharmacy.id, 2)
    assert refusal(custody.receiveShipment, shipped, sender=pharmacy.key) == expected
    part = (custody.receiveInPart, shipped, ZERO_HASH, [], [], 0, REASON)
    assert refusal(*part, sender=pharmacy.key) == expected


def test_receive_reverts_while_halted(custody, pharmacy, shipped, guardian):
    send(custody.halt, sender=guardian)
    assert refusal(custody.receiveShipment, shipped, sender=pharmacy.key)[0] == "HaltableHalted"
    part = (custody.receiveInPart, shipped, ZERO_HASH, [], [], 0, REASON)
    assert refusal(*part, sender=pharmacy.key)[0] == "HaltableHalted"


def test_receive_past_the_deadline_is_taken_until_it_is_back(custody, supply, maker, pharmacy, shipped, deadline):
    travel_to(deadline + DAY)
    supply.receive(shipped, pharmacy)
    assert place(custody, shipped) == (HELD, pharmacy.id)
    expected = ("CustodyForbiddenTransition", shipped, HELD)
    assert refusal(custody.confirmReturn, shipped, sender=maker.key) == expected


def test_what_was_received_once_is_not_received_again(supply, custody, maker, pharmacy, shipped):
    supply.receive(shipped, pharmacy)
    expected = ("CustodyForbiddenTransition", shipped, HELD)
    for by in (pharmacy, maker):
        assert refusal(custody.receiveShipment, shipped, sender=by.key) == expected


def test_receiver_of_an_earlier_shipment_has_no_part_in_the_next(supply, custody, maker, pharmacy, wholesaler, shipped):
    supply.receive(shipped, pharmacy)
    supply.ship(shipped, pharmacy, wholesaler)
    expected = ("CustodyNotTheReceiver", shipped, wholesaler.id, pharmacy.id)
    assert refusal(custody.receiveShipment, shipped, sender=pharmacy.key) == expected
    send(custody.reject, shipped, REASON, sender=wholesaler.key)
    expected = ("CustodyNotTheSender", shipped, pharmacy.id, maker.id)
    assert refusal(custody.confirmReturn, shipped, sender=maker.key) == expected


# ---------------------------------------------------------------------- receiveInPart


def test_receive_in_part_accepts_all_but_what_is_named(supply, custody, lot, maker, pharmacy, pallet):
    damaged = supply.packed_range(lot, 40, 8)
    tote = supply.packed(maker, [pallet, damaged])
    supply.ship(tote, maker, pharmacy)
    reference = supply.reference()
    part = (custody.receiveInPart, tote, reference, [damaged], [unit(lot, 3, pallet)], 8_000, REASON)
    receipt = send(*part, sender=pharmacy.key)
    rejected = container_id(pharmacy.id, reference)
    key = pharmacy.key.address
    assert events(receipt, custody) == [
        ("Received", tote, pharmacy.id, key),
        ("MixedPacked", rejected, pharmacy.id, key),
        ("ContainerUnpacked", damaged, tote, pharmacy.id),
        ("ContainerNested", damaged, rejected),
        ("UnitsMoved", lot.id, 3, rejected, pharmacy.id),
        ("Rejected", rejected, pharmacy.id, key, REASON),
    ]
    assert place(custody, tote) == (HELD, pharmacy.id)
    assert place(custody, rejected) == place(custody, damaged) == (REJECTED, maker.id)
    assert finds(custody, lot, 3, rejected) == maker.id
    assert finds(custody, lot, 4, pallet) == pharmacy.id
    assert bytes(custody.shipmentOf(rejected).sender) == maker.id


def test_what_was_rejected_in_part_comes_back(supply, custody, lot, maker, pharmacy, shipped):
    reference = supply.reference()
    part = (custody.receiveInPart, shipped, reference, [], [unit(lot, 3, shipped)], 9_000, REASON)
    send(*part, sender=pharmacy.key)
    rejected = container_id(pharmacy.id, reference)
    assert refusal(custody.unpackUnits, [unit(lot, 3, rejected)], sender=pharmacy.key) == (
        "CustodyForbiddenTransition",
        rejected,
        REJECTED,
    )
    send(custody.confirmReturn, rejected, sender=maker.key)
    assert place(custody, rejected) == (HELD, maker.id)
    supply.unpack_units(maker, lot, [3], rejected)
    assert finds(custody, lot, 3) == maker.id


def test_receive_in_part_reverts_for_a_reference_that_is_used(supply, custody, lot, pharmacy, shipped):
    reference = supply.reference()
    send(custody.pack, reference, [], [], sender=pharmacy.key)
    part = (custody.receiveInPart, shipped, reference, [], [unit(lot, 3, shipped)], 9_000, REASON)
    expected = ("CustodyContainerExists", container_id(pharmacy.id, reference))
    assert refusal(*part, sender=pharmacy.key) == expected


def test_receive_in_part_reverts_if_nothing_is_rejected(supply, custody, pharmacy, shipped):
    for share in (0, 10_000):
        part = (custody.receiveInPart, shipped, supply.reference(), [], [], share, REASON)
        assert refusal(*part, sender=pharmacy.key) == ("CustodyNothingRejected", shipped)


def test_receive_in_part_reverts_for_what_is_not_of_the_shipment(supply, custody, lot, maker, pharmacy, shipped):
    """Neither what the receiver has besides, in a container or in none, nor what another has."""
    theirs, others = supply.packed_range(lot, 40, 8), supply.packed_range(lot, 48, 8)
    supply.deliver(theirs, maker, pharmacy)
    supply.unpack_units(pharmacy, lot, [47], theirs)
    for containers, units, named in (
        ([theirs], [], theirs),
        ([], [unit(lot, 40, theirs)], theirs),
        ([], [unit(lot, 47)], NO_CONTAINER),
    ):
        part = (custody.receiveInPart, shipped, supply.reference(), containers, units, 9_000, REASON)
        assert refusal(*part, sender=pharmacy.key) == ("CustodyNotNested", named, shipped)
    for containers, units in (([others], []), ([], [unit(lot, 48, others)])):
        part = (custody.receiveInPart, shipped, supply.reference(), containers, units, 9_000, REASON)
        assert refusal(*part, sender=pharmacy.key)[0] in ("CustodyNotTheHolder", "CustodyNotNested")


def test_receive_in_part_rejects_what_is_suspect_or_ended(supply, custody, lot, maker, pharmacy, shipped):
    supply.suspect(maker, lot, 1)
    supply.end_units(maker, lot, [2], UnitStatus.DECOMMISSIONED)
    reference = supply.reference()
    units = [unit(lot, 1, shipped), unit(lot, 2, shipped)]
    send(custody.receiveInPart, shipped, reference, [], units, 9_000, REASON, sender=pharmacy.key)
    assert finds(custody, lot, 1, container_id(pharmacy.id, reference)) == maker.id


def test_receive_in_part_rejects_units_of_a_return(supply, custody, lot, pharmacy, wholesaler, delivered):
    supply.ship(delivered, pharmacy, wholesaler, is_return=True)
    reference = supply.reference()
    part = (custody.receiveInPart, delivered, reference, [], [unit(lot, 1, delivered)], 0, REASON)
    send(*part, sender=wholesaler.key)
    rejected = container_id(wholesaler.id, reference)
    assert place(custody, rejected) == (REJECTED, pharmacy.id)
    assert custody.containerOf(rejected).returned


# ---------------------------------------------------------------------- reject


def test_reject_leaves_it_to_the_sender(custody, maker, pharmacy, shipped):
    receipt = send(custody.reject, shipped, REASON, sender=pharmacy.key)
    assert events(receipt, custody) == [("Rejected", shipped, pharmacy.id, pharmacy.key.address, REASON)]
    assert place(custody, shipped) == (REJECTED, maker.id)


def test_reject_stops_for_no_suspension_and_no_halt(custody, maker, pharmacy, shipped, suspend, guardian):
    suspend(pharmacy)
    send(custody.halt, sender=guardian)
    send(custody.reject, shipped, REASON, sender=pharmacy.key)
    assert place(custody, shipped) == (REJECTED, maker.id)


# ---------------------------------------------------------------------- confirmReturn


def test_confirm_return_makes_the_sender_the_holder_again(custody, maker, pharmacy, shipped):
    send(custody.reject, shipped, REASON, sender=pharmacy.key)
    receipt = send(custody.confirmReturn, shipped, sender=maker.key)
    assert events(receipt, custody) == [("CameBack", shipped, maker.id, maker.key.address)]
    assert place(custody, shipped) == (HELD, maker.id)


def test_confirm_return_waits_for_the_deadline(custody, maker, pharmacy, shipped, deadline):
    travel_to(deadline)
    for method in (custody.confirmReturn, custody.reportMissing):
        error, *rest, time = refusal(method, shipped, sender=maker.key)
        assert (error, *rest) == ("CustodyDeadline", shipped, deadline)
        assert time <= deadline
    travel_to(deadline + 1)
    send(custody.confirmReturn, shipped, sender=maker.key)
    assert place(custody, shipped) == (HELD, maker.id)
    expected = ("CustodyForbiddenTransition", shipped, HELD)
    assert refusal(custody.receiveShipment, shipped, sender=pharmacy.key) == expected


def test_confirm_return_is_for_the_sender_alone(custody, maker, pharmacy, wholesaler, shipped, stranger):
    send(custody.reject, shipped, REASON, sender=pharmacy.key)
    for other in (pharmacy, wholesaler):
        for method in (custody.confirmReturn, custody.reportMissing):
            expected = ("CustodyNotTheSender", shipped, maker.id, other.id)
            assert refusal(method, shipped, sender=other.key) == expected
    expected = ("OrganizationRegistryUnknownKey", stranger.address)
    assert refusal(custody.confirmReturn, shipped, sender=stranger) == expected


def test_confirm_return_stops_for_no_suspension_and_no_halt(custody, maker, shipped, deadline, suspend, guardian):
    suspend(maker)
    send(custody.halt, sender=guardian)
    travel_to(deadline + 1)
    send(custody.confirmReturn, shipped, sender=maker.key)
    assert place(custody, shipped) == (HELD, maker.id)


def test_what_came_back_is_shipped_again(supply, custody, maker, pharmacy, other_pharmacy, shipped):
    send(custody.reject, shipped, REASON, sender=pharmacy.key)
    send(custody.confirmReturn, shipped, sender=maker.key)
    supply.deliver(shipped, maker, other_pharmacy)
    assert place(custody, shipped) == (HELD, other_pharmacy.id)


# ---------------------------------------------------------------------- reportMissing


@pytest.mark.parametrize("rejected", [True, False])
def test_report_missing_is_the_senders_word(custody, maker, pharmacy, shipped, deadline, rejected):
    if rejected:
        send(custody.reject, shipped, REASON, sender=pharmacy.key)
    travel_to(deadline + 1)
    receipt = send(custody.reportMissing, shipped, sender=maker.key)
    assert events(receipt, custody) == [("ReportedMissing", shipped, maker.id, maker.key.address)]
    assert place(custody, shipped) == (MISSING, maker.id)


def test_what_is_missing_is_found_by_the_sender(custody, maker, pharmacy, shipped, deadline):
    travel_to(deadline + 1)
    send(custody.reportMissing, shipped, sender=maker.key)
    expected = ("CustodyForbiddenTransition", shipped, MISSING)
    assert refusal(custody.receiveShipment, shipped, sender=pharmacy.key) == expected
    assert refusal(custody.reportMissing, shipped, sender=maker.key) == expected
    send(custody.confirmReturn, shipped, sender=maker.key)
    assert place(custody, shipped) == (HELD, maker.id)


def test_report_missing_stops_for_no_suspension_and_no_halt(custody, maker, shipped, deadline, suspend, guardian):
    suspend(maker)
    send(custody.halt, sender=guardian)
    travel_to(deadline + 1)
    send(custody.reportMissing, shipped, sender=maker.key)
    assert place(custody, shipped) == (MISSING, maker.id)


# ---------------------------------------------------------------------- returns, and verifyReturn


def test_what_goes_back_is_not_for_redistribution_until_verified(
    supply, custody, lot, wholesaler, other_pharmacy, returned
):
    assert custody.containerOf(returned).returned
    assert custody.shipmentOf(returned).isReturn
    assert supply.finding(lot, 3, returned) == PackFinding.NOT_FOR_REDISTRIBUTION
    call = shipping(custody, returned, other_pharmacy.id)
    assert refusal(*call, sender=wholesaler.key) == ("CustodyNotVerified", returned)
    call = (custody.unpackUnits, [unit(lot, 3, returned)])
    assert refusal(*call, sender=wholesaler.key) == ("CustodyNotVerified", returned)
    receipt = send(custody.verifyReturn, returned, sender=wholesaler.key)
    assert events(receipt, custody) == [("ReturnVerified", returned, wholesaler.id, wholesaler.key.address)]
    assert not custody.containerOf(returned).returned
    supply.deliver(returned, wholesaler, other_pharmacy)
    assert supply.finding(lot, 3, returned) == PackFinding.VERIFIED


def test_what_goes_back_may_go_further_back(supply, custody, maker, wholesaler, returned):
    supply.deliver(returned, wholesaler, maker, is_return=True)
    assert custody.containerOf(returned).returned


def test_returned_pack_is_not_dispensed(supply, lot, pharmacy, other_pharmacy, delivered):
    supply.deliver(delivered, pharmacy, other_pharmacy, is_return=True)
    assert supply.refuses_dispensing(other_pharmacy, lot, 3, delivered) == ("CustodyNotVerified", delivered)


def test_return_is_not_laundered_by_repacking(supply, custody, lot, wholesaler, pharmacy, returned):
    """By cases, by a new container, and out of that again."""
    (case,) = supply.unpacked_cases(wholesaler, returned, [0])
    tote = supply.packed(wholesaler, [returned])
    other = supply.packed(wholesaler)
    send(custody.add, other, [case], [], sender=wholesaler.key)
    for container in (case, tote, other, returned):
        assert custody.containerOf(container).returned
    for container in (tote, other):
        call = shipping(custody, container, pharmacy.id)
        assert refusal(*call, sender=wholesaler.key) == ("CustodyNotVerified", container)
    send(custody.unpack, tote, [returned], sender=wholesaler.key)
    call = shipping(custody, returned, pharmacy.id)
    assert refusal(*call, sender=wholesaler.key) == ("CustodyNotVerified", returned)


def test_what_was_in_a_returned_container_stays_returned(supply, custody, lot, maker, wholesaler, pharmacy, pallet):
    tote = supply.packed(maker, [pallet])
    supply.deliver(tote, maker, pharmacy)
    supply.deliver(tote, pharmacy, wholesaler, is_return=True)
    send(custody.unpack, tote, [pallet], sender=wholesaler.key)
    assert custody.containerOf(pallet).returned
    repacked = supply.packed(wholesaler, [pallet])
    assert custody.containerOf(repacked).returned


def test_rejected_return_stays_one(supply, custody, pharmacy, wholesaler, delivered, other_pharmacy):
    supply.ship(delivered, pharmacy, wholesaler, is_return=True)
    send(custody.reject, delivered, REASON, sender=wholesaler.key)
    send(custody.confirmReturn, delivered, sender=pharmacy.key)
    assert custody.containerOf(delivered).returned
    call = shipping(custody, delivered, other_pharmacy.id)
    assert refusal(*call, sender=pharmacy.key) == ("CustodyNotVerified", delivered)


def test_suspended_holder_returns_and_so_does_anyone_while_halted(
    supply, custody, pharmacy, wholesaler, delivered, suspend, guardian
):
    suspend(pharmacy)
    send(custody.halt, sender=guardian)
    supply.ship(delivered, pharmacy, wholesaler, is_return=True)
    assert place(custody, delivered) == (IN_TRANSIT, pharmacy.id)
    assert custody.containerOf(delivered).returned


def test_return_reaches_all_that_it_is_put_into(supply, custody, wholesaler, pharmacy, returned):
    """Also through a container that is inside another."""
    inner = supply.packed(wholesaler)
    outer = supply.packed(wholesaler, [inner])
    send(custody.add, inner, [returned], [], sender=wholesaler.key)
    for container in (inner, outer):
        assert custody.containerOf(container).returned
    call = shipping(custody, outer, pharmacy.id)
    assert refusal(*call, sender=wholesaler.key) == ("CustodyNotVerified", outer)
    for container in (returned, inner, outer):
        send(custody.verifyReturn, container, sender=wholesaler.key)
    supply.deliver(outer, wholesaler, pharmacy)
    assert not custody.containerOf(returned).returned


def test_verify_return_changes_nothing_for_what_was_not_returned(custody, maker, pallet):
    assert events(send(custody.verifyReturn, pallet, sender=maker.key), custody) == []


def test_return_of_a_suspended_holder_is_not_verified_by_a_pharmacy(
    supply, custody, lot, wholesaler, pharmacy, other_pharmacy, delivered, suspend
):
    suspend(pharmacy)
    supply.deliver(delivered, pharmacy, other_pharmacy, is_return=True)
    expected = ("OrganizationRegistryMissingMemberRole", other_pharmacy.id, REDISTRIBUTORS)
    assert refusal(custody.verifyReturn, delivered, sender=other_pharmacy.key) == expected
    supply.deliver(delivered, other_pharmacy, wholesaler, is_return=True)
    send(custody.verifyReturn, delivered, sender=wholesaler.key)
    supply.deliver(delivered, wholesaler, other_pharmacy)
    supply.dispense(other_pharmacy, lot, 3, delivered)


def test_verify_return_is_for_the_holder_alone(
    custody, maker, pharmacy, wholesaler, carrier, returned, suspend, guardian
):
    expected = ("CustodyNotTheHolder", returned, wholesaler.id, maker.id)
    assert refusal(custody.verifyReturn, returned, sender=maker.key) == expected
    for other in (pharmacy, carrier):
        expected = ("OrganizationRegistryMissingMemberRole", other.id, REDISTRIBUTORS)
        assert refusal(custody.verifyReturn, returned, sender=other.key) == expected
    suspend(wholesaler)
    expected = ("OrganizationRegistryNotInGoodStanding", wholesaler.id, 2)
    assert refusal(custody.verifyReturn, returned, sender=wholesaler.key) == expected
    send(custody.halt, sender=guardian)
    assert refusal(custody.verifyReturn, returned, sender=wholesaler.key)[0] == "HaltableHalted"
