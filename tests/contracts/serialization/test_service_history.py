"""The service history of devices: who signs, who stands behind it, and that nothing is left out or sent elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ..support import DAY, ZERO_HASH, ZERO_ID, chain_time, events, refusal, send
from .lots import NO_CONTAINER, LotKind, Organization, UnitStatus
from .services import CONTENT, ServiceKind, head_after, signature_of


@dataclass(frozen=True)
class Workshop:
    """A device that the clinic holds, in a crate with nine others, and who services it."""

    supply: Any
    history: Any
    devices: Any
    parts: Any
    crate: bytes
    clinic: Organization
    engineer: Organization

    def service(self, **changes):
        """The next record of the crate's first device."""
        lot, index = changes.get("lot", self.devices.id), changes.get("index", 0)
        stated = {
            "lot": lot,
            "index": index,
            "sequence": self.history.headOf(lot, index)[0] + 1,
            "kind": ServiceKind.MAINTENANCE,
            "servicedAt": chain_time() - DAY,
            "partLot": ZERO_ID,
            "partIndex": 0,
            "content": CONTENT,
        }
        assert changes.keys() <= stated.keys()
        return {**stated, **changes}

    def signed(self, container=None, part_container=NO_CONTAINER, by=None, **changes):
        """The arguments of `append`."""
        service, key = self.service(**changes), (by or self.engineer).key
        where = self.crate if container is None else container
        signature = signature_of(self.history, service, key)
        return [tuple(service.values()), where, part_container, key, signature]

    def append(self, sender=None, **changes):
        return send(self.history.append, *self.signed(**changes), sender=(sender or self.clinic).key)

    def refuses(self, sender=None, **changes):
        return refusal(self.history.append, *self.signed(**changes), sender=(sender or self.clinic).key)

    def replacing(self, part, **changes):
        """A part of `parts`, put in."""
        return {"kind": ServiceKind.PART_REPLACEMENT, "partLot": self.parts.id, "partIndex": part, **changes}


@pytest.fixture(scope="session")
def devices(supply, maker, lot):
    """A lot of devices without an expiry."""
    return supply.commissioned(maker, kind=LotKind.DEVICE, expiry_day=0, depth=5)


@pytest.fixture(scope="session")
def parts(supply, other_maker, lot):
    """A lot of parts of another maker's."""
    return supply.commissioned(other_maker, kind=LotKind.DEVICE, expiry_day=0, depth=5)


@pytest.fixture
def workshop(supply, service_history, devices, parts, maker, clinic, wholesaler):
    crate = supply.packed_range(devices, 0, 10)
    supply.deliver(crate, maker, clinic)
    return Workshop(supply, service_history, devices, parts, crate, clinic, wholesaler)


@pytest.fixture
def box(workshop, supply, other_maker, clinic):
    """Parts that the clinic holds."""
    box = supply.packed_range(workshop.parts, 0, 10)
    supply.deliver(box, other_maker, clinic)
    return box


# ---------------------------------------------------------------------- who


def test_record_is_appended_by_the_holder_and_signed_by_who_did_it(workshop, clinic, wholesaler):
    service = workshop.service()
    receipt = workshop.append()
    head = head_after(ZERO_HASH, wholesaler.key, service)
    (event,) = events(receipt, workshop.history)
    name, lot, index, by, key, stated, said = event
    assert (name, lot, index, by) == ("DeviceServiced", workshop.devices.id, 0, wholesaler.id)
    assert (key, said) == (wholesaler.key.address, head)
    assert stated[:4] == (workshop.devices.id, 0, 1, ServiceKind.MAINTENANCE)
    assert workshop.history.headOf(workshop.devices.id, 0) == (1, head)


def test_head_is_of_all_records_in_their_order(workshop, clinic, wholesaler):
    head = ZERO_HASH
    for sequence, (kind, by) in enumerate(
        ((ServiceKind.INSPECTION, wholesaler), (ServiceKind.CALIBRATION, clinic), (ServiceKind.REPAIR, wholesaler)), 1
    ):
        service = workshop.service(kind=kind)
        workshop.append(kind=kind, by=by)
        head = head_after(head, by.key, service)
        assert workshop.history.headOf(workshop.devices.id, 0) == (sequence, head)
    assert workshop.history.headOf(workshop.devices.id, 1) == (0, ZERO_HASH)


def test_maker_stands_behind_a_record_without_the_device(workshop, maker, suspend):
    suspend(maker)
    workshop.append(maker, container=NO_CONTAINER)
    assert workshop.history.headOf(workshop.devices.id, 0)[0] == 1


def test_append_reverts_for_who_neither_made_nor_holds_the_device(workshop, wholesaler, other_maker, stranger):
    for other in (wholesaler, other_maker):
        expected = ("ServiceHistoryNotInHand", workshop.devices.id, 0, other.id)
        assert workshop.refuses(other) == expected
    call = (workshop.history.append, *workshop.signed())
    assert refusal(*call, sender=stranger) == ("OrganizationRegistryUnknownKey", stranger.address)


def test_append_reverts_for_a_device_that_is_not_in_the_container(workshop, clinic):
    for named in (NO_CONTAINER, b"\1" * 12):
        expected = ("ServiceHistoryNotInHand", workshop.devices.id, 0, clinic.id)
        assert workshop.refuses(container=named) == expected
    assert workshop.refuses(index=10) == ("ServiceHistoryNotInHand", workshop.devices.id, 10, clinic.id)


def test_holder_of_before_appends_no_more(workshop, supply, clinic, pharmacy):
    signed = workshop.signed()
    supply.deliver(workshop.crate, clinic, pharmacy)
    expected = ("ServiceHistoryNotInHand", workshop.devices.id, 0, clinic.id)
    assert refusal(workshop.history.append, *signed, sender=clinic.key) == expected
    send(workshop.history.append, *signed, sender=pharmacy.key)


def test_append_reverts_unless_the_signer_is_active(workshop, wholesaler, stranger, suspend):
    forged = workshop.signed()
    forged[3] = stranger
    expected = ("OrganizationRegistryUnknownKey", stranger.address)
    assert refusal(workshop.history.append, *forged, sender=workshop.clinic.key) == expected
    suspend(wholesaler)
    assert workshop.refuses() == ("OrganizationRegistryNotInGoodStanding", wholesaler.id, 2)


def test_append_reverts_unless_the_signer_signed_it(workshop, clinic, wholesaler):
    service = workshop.service()
    arguments = workshop.signed()
    elsewhere = {"verifyingContract": workshop.supply.custody.address}
    for signature in (
        signature_of(workshop.history, service, clinic.key),
        signature_of(workshop.history, {**service, "content": ZERO_HASH[:31] + b"\1"}, wholesaler.key),
        signature_of(workshop.history, service, wholesaler.key, **elsewhere),
        signature_of(workshop.history, service, wholesaler.key, chainId=1),
        b"",
    ):
        call = (workshop.history.append, *arguments[:4], signature)
        expected = ("ServiceHistoryInvalidSignature", wholesaler.key.address)
        assert refusal(*call, sender=clinic.key) == expected


def test_record_of_one_device_is_not_anothers(workshop, clinic, wholesaler):
    """Neither of the same lot nor of another one."""
    service, signature = workshop.service(), workshop.signed()[-1]
    for changes in ({"index": 1}, {"lot": workshop.parts.id}):
        call = [tuple({**service, **changes}.values()), workshop.crate, NO_CONTAINER, wholesaler.key, signature]
        by = clinic if "index" in changes else workshop.parts.maker
        expected = ("ServiceHistoryInvalidSignature", wholesaler.key.address)
        assert refusal(workshop.history.append, *call, sender=by.key) == expected


# ---------------------------------------------------------------------- what


def test_record_that_is_sent_again_changes_nothing(workshop, clinic, maker):
    signed = workshop.signed()
    send(workshop.history.append, *signed, sender=clinic.key)
    for by in (clinic, maker):
        receipt = send(workshop.history.append, *signed, sender=by.key)
        assert events(receipt, workshop.history) == []
    assert workshop.history.headOf(workshop.devices.id, 0)[0] == 1


def test_append_reverts_unless_it_is_the_next(workshop):
    first = workshop.signed()
    workshop.append()
    workshop.append()
    lot = workshop.devices.id
    for sequence in (0, 1, 2, 4, 2**32 - 1):
        found = workshop.refuses(sequence=sequence, kind=ServiceKind.REPAIR)
        assert found == ("ServiceHistoryNotTheNext", lot, 0, sequence, 2)
    expected = ("ServiceHistoryNotTheNext", lot, 0, 1, 2)
    assert refusal(workshop.history.append, *first, sender=workshop.clinic.key) == expected


def test_append_reverts_for_a_record_that_says_nothing_or_too_much(workshop):
    soon = chain_time() + DAY
    parts = workshop.parts.id
    for changes in (
        {"kind": ServiceKind.UNSPECIFIED},
        {"content": ZERO_HASH},
        {"servicedAt": soon},
        {"partLot": parts},
        {"partIndex": 3},
        {"kind": ServiceKind.PART_REPLACEMENT},
    ):
        service = workshop.service(**changes)
        values = [service[name] for name in ("kind", "servicedAt", "content", "partLot")]
        assert workshop.refuses(**changes) == ("ServiceHistoryInvalidService", *values)


def test_append_reverts_for_what_is_no_device(workshop, supply, lot, pallet, maker):
    """A medicine, a number that is not commissioned, and an unknown lot."""
    for stated in ((lot.id, 0), (workshop.devices.id, 32), (workshop.devices.id, 2**256 - 1), (b"\1" * 12, 0)):
        found = workshop.refuses(maker, lot=stated[0], index=stated[1], container=NO_CONTAINER)
        assert found == ("ServiceHistoryNotADevice", *stated)


# ---------------------------------------------------------------------- parts


def test_part_is_put_into_one_device(workshop, box, clinic):
    workshop.append(part_container=box, **workshop.replacing(3))
    held = workshop.history
    for index in (0, 1):
        name, *found, device = workshop.refuses(part_container=box, **workshop.replacing(3, index=index))
        assert (name, *found) == ("ServiceHistoryPartNotUsable", workshop.parts.id, 3, UnitStatus.IN_SUPPLY, False)
        assert device != ZERO_HASH
    workshop.append(part_container=box, **workshop.replacing(4))
    assert held.headOf(workshop.devices.id, 0)[0] == 2


def test_part_reverts_unless_the_caller_has_it(workshop, box, supply, clinic, other_pharmacy):
    """A rival's parts are not used up."""
    supply.deliver(box, clinic, other_pharmacy)
    for named in (box, NO_CONTAINER, workshop.crate):
        expected = ("ServiceHistoryNotInHand", workshop.parts.id, 3, clinic.id)
        assert workshop.refuses(part_container=named, **workshop.replacing(3)) == expected


def test_part_reverts_if_it_is_no_device_or_the_device_itself(workshop, lot, box, maker):
    expected = ("ServiceHistoryNotADevice", workshop.parts.id, 32)
    assert workshop.refuses(part_container=box, **workshop.replacing(32)) == expected
    medicine = workshop.replacing(0, partLot=lot.id)
    assert workshop.refuses(part_container=box, **medicine) == ("ServiceHistoryNotADevice", lot.id, 0)
    itself = workshop.replacing(0, partLot=workshop.devices.id)
    expected = ("ServiceHistoryPartNotUsable", workshop.devices.id, 0, UnitStatus.IN_SUPPLY, False, ZERO_HASH)
    assert workshop.refuses(part_container=workshop.crate, **itself) == expected


def test_part_reverts_if_it_came_to_an_end_or_is_suspect(workshop, supply, box, clinic, other_maker):
    supply.end_units(other_maker, workshop.parts, [3], UnitStatus.DECOMMISSIONED)
    supply.suspect(other_maker, workshop.parts, 4)
    for index, status, suspect in ((3, UnitStatus.DECOMMISSIONED, False), (4, UnitStatus.IN_SUPPLY, True)):
        expected = ("ServiceHistoryPartNotUsable", workshop.parts.id, index, status, suspect, ZERO_HASH)
        assert workshop.refuses(part_container=box, **workshop.replacing(index)) == expected


def test_history_outlives_a_stop_of_custody_and_lots(workshop, supply, guardian):
    for contract in (supply.custody, supply.lots):
        send(contract.halt, sender=guardian)
    workshop.append()
    assert workshop.history.headOf(workshop.devices.id, 0)[0] == 1
