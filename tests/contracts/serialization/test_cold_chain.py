"""The cold chain: devices of both curves, limits, windows without gaps, and what is flagged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak

from ..support import MemberRole, Reason, bits, chain_time, events, refusal, send, time_of, travel
from .lots import NO_CONTAINER, Lot, Organization
from .sensors import HOUR, LIMITS, NO_LIMITS, ORDER, ROOT, WINDOW_FIELDS, Curve, Sensor, digest_of

OPERATOR = bits(MemberRole.DEVICE_OPERATOR)


def device_id(operator, curve, x, y):
    return keccak(encode(["bytes12", "uint8", "bytes32", "bytes32"], [operator.id, curve, x, y]))


@dataclass(frozen=True)
class ColdRoom:
    """A sensor of the courier's and the pallet, which the courier carries to the pharmacy."""

    contract: Any
    custody: Any
    courier: Organization
    lot: Lot
    container: bytes
    sensor: Sensor
    device: bytes

    def bind(self, container=None, limits=LIMITS):
        arguments = (self.device, container or self.container, limits)
        return send(self.contract.bindDevice, *arguments, sender=self.courier.key)

    def window(self, **changes):
        """The next window, an hour long."""
        binding = self.contract.bindingOf(self.device)
        stated = {
            "device": self.device,
            "container": bytes(binding.container),
            "sequence": binding.sequence + 1,
            "start": binding.end,
            "end": binding.end + HOUR,
            "lowest": 300,
            "highest": 600,
            "mean": 450,
            "root": ROOT,
        }
        assert changes.keys() <= WINDOW_FIELDS.keys()
        return {**stated, **changes}

    def signed(self, signer=None, **changes):
        """A window with its signature, as arguments."""
        window = self.window(**changes)
        return tuple(window.values()), (signer or self.sensor).sign(digest_of(self.contract, window))

    def record(self, sender, **changes):
        """The next window, once it is over."""
        travel(HOUR)
        return send(self.contract.recordWindow, *self.signed(**changes), sender=sender)

    def flagged(self, container=None):
        return self.custody.containerOf(container or self.container).excursion


@pytest.fixture
def carried(supply, pallet, maker, pharmacy, courier):
    """The pallet, on its way to the pharmacy by the courier."""
    supply.ship(pallet, maker, pharmacy, courier)
    return pallet


@pytest.fixture(params=[Curve.P256, Curve.SECP256K1], ids=lambda curve: curve.name.lower())
def room(request, cold_chain, custody, courier, lot, carried):
    sensor = Sensor(request.param, 77)
    return ColdRoom(cold_chain, custody, courier, lot, carried, sensor, sensor.id(cold_chain, courier))


@pytest.fixture
def bound(room):
    """The sensor goes with the pallet."""
    room.bind()
    return room


# ---------------------------------------------------------------------- registerDevice, retireDevice


@pytest.mark.parametrize("curve", [Curve.P256, Curve.SECP256K1])
def test_register_device_keeps_its_key(cold_chain, lots, courier, curve):
    x, y = Sensor(curve, 5).coordinates
    receipt = send(cold_chain.registerDevice, curve, x, y, sender=courier.key)
    device = device_id(courier, curve, x, y)
    assert events(receipt, cold_chain) == [("DeviceRegistered", device, courier.id, curve, x, y)]
    found = cold_chain.deviceOf(device)
    assert (bytes(found.operator), found.curve, found.retired) == (courier.id, curve, False)
    assert (bytes(found.x), bytes(found.y)) == (x, y)
    assert events(send(cold_chain.registerDevice, curve, x, y, sender=courier.key), cold_chain) == []


def test_register_device_reverts_for_what_is_no_key(cold_chain, lots, courier):
    x, y = Sensor(Curve.P256, 5).coordinates
    address, _ = Sensor(Curve.SECP256K1, 5).coordinates
    for key in (
        (Curve.NONE, x, y),
        (Curve.P256, y, x),
        (Curve.P256, bytes(32), bytes(32)),
        (Curve.P256, x, bytes(32)),
        (Curve.SECP256K1, bytes(32), bytes(32)),
        (Curve.SECP256K1, address, b"\1".rjust(32, b"\0")),
        (Curve.SECP256K1, x, bytes(32)),
    ):
        assert refusal(cold_chain.registerDevice, *key, sender=courier.key) == ("ColdChainInvalidKey", *key)


def test_register_device_is_for_device_operators(cold_chain, maker, courier, suspend, stranger):
    call = (cold_chain.registerDevice, Curve.P256, *Sensor(Curve.P256, 5).coordinates)
    expected = ("OrganizationRegistryMissingMemberRole", maker.id, OPERATOR)
    assert refusal(*call, sender=maker.key) == expected
    assert refusal(*call, sender=stranger) == ("OrganizationRegistryUnknownKey", stranger.address)
    suspend(courier)
    assert refusal(*call, sender=courier.key)[0] == "OrganizationRegistryNotInGoodStanding"


def test_retire_device_ends_its_part(bound, stranger, suspend):
    travel(HOUR)
    signed = bound.signed()
    suspend(bound.courier)
    receipt = send(bound.contract.retireDevice, bound.device, sender=bound.courier.key)
    assert events(receipt, bound.contract) == [("DeviceRetired", bound.device, bound.courier.id)]
    assert events(send(bound.contract.retireDevice, bound.device, sender=bound.courier.key), bound.contract) == []
    expected = ("ColdChainInvalidSignature", bound.device)
    assert refusal(bound.contract.recordWindow, *signed, sender=stranger) == expected


def test_retired_device_is_not_bound(room):
    send(room.contract.retireDevice, room.device, sender=room.courier.key)
    call = (room.contract.bindDevice, room.device, room.container, LIMITS)
    assert refusal(*call, sender=room.courier.key) == ("ColdChainUnknownDevice", room.device)


def test_device_is_its_operators_alone(bound, maker):
    unknown = b"\1" * 32
    for method, *rest in (
        (bound.contract.retireDevice,),
        (bound.contract.unbindDevice,),
    ):
        expected = ("ColdChainNotTheOperator", bound.device, bound.courier.id, maker.id)
        assert refusal(method, bound.device, *rest, sender=maker.key) == expected
        expected = ("ColdChainUnknownDevice", unknown)
        assert refusal(method, unknown, *rest, sender=bound.courier.key) == expected


# ---------------------------------------------------------------------- bindDevice, unbindDevice


def test_bind_device_goes_with_what_is_carried(room):
    receipt = room.bind()
    assert events(receipt, room.contract) == [("DeviceBound", room.device, room.container, room.courier.id, *LIMITS)]
    found = room.contract.bindingOf(room.device)
    assert (bytes(found.container), found.end, found.sequence) == (room.container, time_of(receipt), 0)
    assert (found.excursions, found.lowest, found.highest, found.highestMean) == (0, *LIMITS)


def test_bind_device_goes_with_what_is_held(room, supply, registry, registrar, maker, pharmacy, lot):
    send(registry.addMemberRoles, maker.id, OPERATOR, Reason.SCOPE_CHANGED, sender=registrar)
    held = supply.packed_range(lot, 40, 8)
    device = Sensor(Curve.P256, 78).id(room.contract, maker)
    send(room.contract.bindDevice, device, held, LIMITS, sender=maker.key)
    assert bytes(room.contract.bindingOf(device).container) == held


def test_bind_device_reverts_for_a_device_of_anothers(room, registry, registrar, maker):
    send(registry.addMemberRoles, maker.id, OPERATOR, Reason.SCOPE_CHANGED, sender=registrar)
    call = (room.contract.bindDevice, room.device, room.container, LIMITS)
    expected = ("ColdChainNotTheOperator", room.device, room.courier.id, maker.id)
    assert refusal(*call, sender=maker.key) == expected


def test_bind_device_reverts_for_what_is_not_in_hand(room, supply, lot, pharmacy):
    other = supply.packed_range(lot, 40, 8)
    supply.receive(room.container, pharmacy)
    for container in (other, room.container, NO_CONTAINER, b"\1" * 12):
        call = (room.contract.bindDevice, room.device, container, LIMITS)
        assert refusal(*call, sender=room.courier.key) == ("ColdChainNotInHand", container, room.courier.id)


def test_bind_device_reverts_for_a_rivals_container_that_was_carried_once(
    room, supply, pharmacy, other_pharmacy, carrier
):
    """It is in another now, which somebody else carries."""
    supply.receive(room.container, pharmacy)
    tote = supply.packed(pharmacy, [room.container])
    supply.ship(tote, pharmacy, other_pharmacy, carrier)
    call = (room.contract.bindDevice, room.device, room.container, LIMITS)
    assert refusal(*call, sender=room.courier.key) == ("ColdChainNotInHand", room.container, room.courier.id)


def test_bind_device_reverts_if_it_goes_with_one(bound):
    call = (bound.contract.bindDevice, bound.device, bound.container, LIMITS)
    assert refusal(*call, sender=bound.courier.key) == ("ColdChainOtherContainer", bound.device, bound.container)


def test_bind_device_takes_the_lots_own_limits(room, maker):
    own = (-2000, -1500, -1800)
    send(room.contract.setLimits, room.lot.id, own, sender=maker.key)
    call = (room.contract.bindDevice, room.device, room.container, LIMITS)
    assert refusal(*call, sender=room.courier.key) == ("ColdChainInvalidLimits", *LIMITS)
    room.bind(limits=NO_LIMITS)
    found = room.contract.bindingOf(room.device)
    assert (found.lowest, found.highest, found.highestMean) == own


@pytest.mark.parametrize("limits", [NO_LIMITS, (500, 400, 450), (500, 800, 400), (200, 800, 801)])
def test_limits_that_contradict_each_other_are_refused(room, maker, limits):
    expected = ("ColdChainInvalidLimits", *limits)
    call = (room.contract.bindDevice, room.device, room.container, limits)
    assert refusal(*call, sender=room.courier.key) == expected
    assert refusal(room.contract.setLimits, room.lot.id, limits, sender=maker.key) == expected


def test_bind_device_reverts_for_a_suspended_operator(room, suspend):
    suspend(room.courier)
    call = (room.contract.bindDevice, room.device, room.container, LIMITS)
    assert refusal(*call, sender=room.courier.key)[0] == "OrganizationRegistryNotInGoodStanding"


def test_unbind_device_ends_the_binding(bound, suspend):
    suspend(bound.courier)
    receipt = send(bound.contract.unbindDevice, bound.device, sender=bound.courier.key)
    assert events(receipt, bound.contract) == [("DeviceUnbound", bound.device, bound.container)]
    assert bytes(bound.contract.bindingOf(bound.device).container) == NO_CONTAINER
    expected = ("ColdChainOtherContainer", bound.device, NO_CONTAINER)
    assert refusal(bound.contract.unbindDevice, bound.device, sender=bound.courier.key) == expected


# ---------------------------------------------------------------------- setLimits


def test_set_limits_is_the_makers_alone(cold_chain, lot, maker, other_maker, pharmacy, suspend):
    receipt = send(cold_chain.setLimits, lot.id, LIMITS, sender=maker.key)
    assert events(receipt, cold_chain) == [("LimitsSet", lot.id, *LIMITS)]
    found = cold_chain.limitsOf(lot.id)
    assert (found.lowest, found.highest, found.highestMean) == LIMITS
    for other in (other_maker, pharmacy):
        expected = ("ColdChainNotTheMaker", lot.id, maker.id, other.id)
        assert refusal(cold_chain.setLimits, lot.id, LIMITS, sender=other.key) == expected
    expected = ("ColdChainNotTheMaker", b"\1" * 12, NO_CONTAINER, maker.id)
    assert refusal(cold_chain.setLimits, b"\1" * 12, LIMITS, sender=maker.key) == expected
    suspend(maker)
    call = (cold_chain.setLimits, lot.id, LIMITS)
    assert refusal(*call, sender=maker.key)[0] == "OrganizationRegistryNotInGoodStanding"


# ---------------------------------------------------------------------- recordWindow


def test_record_window_takes_the_devices_word_from_anybody(bound, stranger):
    travel(HOUR)
    signed, signature = bound.signed()
    receipt = send(bound.contract.recordWindow, signed, signature, sender=stranger)
    expected = [("WindowRecorded", bound.device, bound.container, signed, False)]
    assert events(receipt, bound.contract) == expected
    found = bound.contract.bindingOf(bound.device)
    assert (found.sequence, found.end, found.excursions) == (1, signed[4], 0)
    assert not bound.flagged()


@pytest.mark.parametrize("edge", [{"lowest": 200}, {"highest": 800}, {"highest": 500, "mean": 500}])
def test_record_window_at_the_limits_is_no_excursion(bound, stranger, edge):
    (event,) = events(bound.record(stranger, **edge), bound.contract)
    assert (event[0], event[-1], bound.flagged()) == ("WindowRecorded", False, False)


@pytest.mark.parametrize("beyond", [{"lowest": 199}, {"highest": 801}, {"mean": 501}, {"root": bytes(32)}])
def test_record_window_flags_an_excursion(bound, custody, stranger, beyond):
    receipt = bound.record(stranger, **beyond)
    assert events(receipt, custody) == [("ExcursionFlagged", bound.container)]
    ((*_, excursion),) = events(receipt, bound.contract)
    assert excursion
    assert bound.flagged()
    assert bound.contract.bindingOf(bound.device).excursions == 1
    bound.record(stranger)
    assert bound.flagged()


def test_record_window_flags_what_the_receiver_is_to_accept(bound, supply, lot, maker, pharmacy, courier, stranger):
    """A sensor inside: the outermost shows it."""
    send(bound.contract.unbindDevice, bound.device, sender=courier.key)
    inner = supply.packed_range(lot, 40, 8)
    tote = supply.packed(maker, [inner])
    supply.ship(tote, maker, pharmacy, courier)
    bound.bind(inner)
    bound.record(stranger, highest=801)
    assert bound.flagged(inner)
    assert bound.flagged(tote)


def test_record_window_flags_only_while_it_is_in_hand(bound, custody, supply, pharmacy, stranger):
    supply.receive(bound.container, pharmacy)
    receipt = bound.record(stranger, highest=801)
    ((name, *_, excursion),) = events(receipt, bound.contract)
    assert (name, excursion) == ("WindowRecorded", True)
    assert events(receipt, custody) == []
    assert not bound.flagged()
    assert bound.contract.bindingOf(bound.device).excursions == 1


def test_record_window_refuses_replays_and_gaps(bound, stranger):
    travel(HOUR)
    first = bound.signed()
    send(bound.contract.recordWindow, *first, sender=stranger)
    end = first[0][4]
    expected = ("ColdChainNotTheNext", bound.device, 1, end - HOUR, 1, end)
    assert refusal(bound.contract.recordWindow, *first, sender=stranger) == expected
    travel(2 * HOUR)
    for changes in ({"sequence": 3}, {"sequence": 1}, {"start": end + 1}, {"start": end - 1}):
        window = bound.signed(**changes)
        expected = ("ColdChainNotTheNext", bound.device, window[0][2], window[0][3], 1, end)
        assert refusal(bound.contract.recordWindow, *window, sender=stranger) == expected


def test_windows_of_an_earlier_binding_are_not_recorded_again(bound, stranger):
    travel(HOUR)
    first = bound.signed()
    send(bound.contract.recordWindow, *first, sender=stranger)
    send(bound.contract.unbindDevice, bound.device, sender=bound.courier.key)
    expected = ("ColdChainOtherContainer", bound.device, NO_CONTAINER)
    assert refusal(bound.contract.recordWindow, *first, sender=stranger) == expected
    bound.bind()
    assert refusal(bound.contract.recordWindow, *first, sender=stranger)[0] == "ColdChainNotTheNext"


def test_record_window_reverts_for_another_container(bound, supply, lot, stranger):
    other = supply.packed_range(lot, 40, 8)
    travel(HOUR)
    for named in (other, NO_CONTAINER):
        expected = ("ColdChainOtherContainer", bound.device, bound.container)
        assert refusal(bound.contract.recordWindow, *bound.signed(container=named), sender=stranger) == expected


def test_record_window_reverts_for_a_window_that_cannot_be(bound, stranger):
    travel(HOUR)
    start = bound.window()["start"]
    for changes in (
        {"end": start},
        {"end": start - 1},
        {"end": chain_time() + HOUR},
        {"mean": 299},
        {"mean": 601},
        {"lowest": 700},
    ):
        expected = ("ColdChainInvalidWindow", bound.device, 1)
        assert refusal(bound.contract.recordWindow, *bound.signed(**changes), sender=stranger) == expected


def test_record_window_reverts_unless_the_device_signed_it(bound, stranger):
    travel(HOUR)
    expected = ("ColdChainInvalidSignature", bound.device)
    window, signature = bound.signed()
    _, others = bound.signed(Sensor(bound.sensor.curve, 78))
    warmer = (*window[:5], 250, *window[6:])
    other_contract = bound.sensor.sign(digest_of(bound.custody, bound.window()))
    for said, signed in (
        (window, others),
        (warmer, signature),
        (window, other_contract),
        (window, signature[:63]),
        (window, signature + b"\0"),
        (window, b""),
        (window, bytes(64)),
    ):
        assert refusal(bound.contract.recordWindow, said, signed, sender=stranger) == expected


def test_record_window_refuses_a_high_s(bound, stranger):
    """The same signature in another form."""
    travel(HOUR)
    window = bound.window()
    if bound.sensor.curve == Curve.P256:
        high = bound.sensor.sign(digest_of(bound.contract, window), high=True)
        assert int.from_bytes(high[32:]) > ORDER // 2
    else:
        order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
        low = bound.sensor.sign(digest_of(bound.contract, window))
        high = low[:32] + (order - int.from_bytes(low[32:64])).to_bytes(32) + bytes([55 - low[64]])
    call = (bound.contract.recordWindow, tuple(window.values()), high)
    assert refusal(*call, sender=stranger) == ("ColdChainInvalidSignature", bound.device)


def test_secp256k1_device_signs_in_64_bytes_too(cold_chain, custody, courier, lot, carried, stranger):
    sensor = Sensor(Curve.SECP256K1, 79)
    room = ColdRoom(cold_chain, custody, courier, lot, carried, sensor, sensor.id(cold_chain, courier))
    room.bind()
    travel(HOUR)
    window, _ = room.signed()
    signed = Account.unsafe_sign_hash(digest_of(cold_chain, room.window()), sensor.secret.to_bytes(32))
    short = signed.r.to_bytes(32) + (signed.s | (signed.v - 27) << 255).to_bytes(32)
    send(cold_chain.recordWindow, window, short, sender=stranger)
    assert cold_chain.bindingOf(room.device).sequence == 1
