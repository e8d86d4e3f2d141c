"""Sensor data of EPCIS events as windows of the cold chain.

A device is named in events by a URI, and on chain by an id; who captures says which is which, and gives the key of a
device that signs here. The temperatures in degrees Celsius that an event's sensor reports have, each with its time, are
one window of their device; the window's secret is kept, so that a reading can be proved. Reports without a time, of
another quantity or unit, and bounds without readings stay in the event: a window needs readings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from careledger.anchoring.leaf import new_salt
from careledger.chain.connection import TransactionReceipt
from careledger.errors import InvalidInput
from careledger.serialization.cold_chain import ColdChain, DeviceKey, Limits
from careledger.serialization.epcis.event_log import object_key
from careledger.serialization.epcis.events import Event
from careledger.serialization.epcis.times import instant_ms
from careledger.serialization.readings import Reading, WindowReadings
from careledger.serialization.supply import SupplyChain
from careledger.vault import Vault

__all__ = ["WINDOW_KIND", "Sensed", "SensorDevice", "Sensors", "readings_of"]

WINDOW_KIND = "cold-chain-window"
"""Of the vault's entries: a window's secret and readings, named by device and sequence."""

HUNDREDTH = Decimal("0.01")
CELSIUS = "CEL"


@dataclass(frozen=True)
class SensorDevice:
    """A registered device; with `key`, its windows are signed here. `limits` are stated when it is bound to a container
    whose lot has none."""

    id: str
    key: DeviceKey | None = None
    limits: Limits | None = None


@dataclass(frozen=True)
class Sensed:
    """What became of an event's sensor data."""

    receipts: tuple[TransactionReceipt, ...]
    notes: tuple[str, ...]


class Sensors:
    """Devices by their URIs in events. Methods raise ContractError, InvalidInput, VaultError and ChainError."""

    def __init__(self, supply: SupplyChain, vault: Vault, devices: Mapping[str, SensorDevice]) -> None:
        self._cold_chain = ColdChain(supply)
        self._vault = vault
        self._devices = {object_key(uri): device for uri, device in devices.items()}

    def tie(self, uri: str, container: str, added: bool) -> TransactionReceipt | None:
        """Has a device go with a container, or no more; None if it is so already. Raises InvalidInput for a URI that
        nobody named a device for."""
        device = self._devices.get(object_key(uri))
        if device is None:
            raise InvalidInput("device", uri, "is not known here: name it with its id on chain")
        binding = self._cold_chain.binding(device.id)
        if added:
            bound = binding is not None and binding.container == container
            return None if bound else self._cold_chain.bind(device.id, container, device.limits)
        return None if binding is None else self._cold_chain.unbind(device.id)

    def record(self, event: Event) -> Sensed:
        """Records what an event's sensors told, a window for each device."""
        receipts: list[TransactionReceipt] = []
        notes: list[str] = []
        found = readings_of(event)
        if event.sensor_elements and not found:
            notes.append("its sensor data have no temperatures in degrees Celsius with a time")
        for uri, readings in found.items():
            device = self._devices.get(object_key(uri))
            if device is None:
                notes.append(f"the device {uri} is not known here")
            elif device.key is None:
                notes.append(f"the device {uri} does not sign here")
            else:
                receipts += self._window(device, device.key, readings, uri, notes)
        return Sensed(tuple(receipts), tuple(notes))

    def _window(
        self, device: SensorDevice, key: DeviceKey, readings: tuple[Reading, ...], uri: str, notes: list[str]
    ) -> list[TransactionReceipt]:
        binding = self._cold_chain.binding(device.id)
        if binding is None:
            notes.append(f"the device {uri} goes with no container")
            return []
        fresh = tuple(reading for reading in readings if reading.time > binding.end)
        if not fresh:
            notes.append(f"the device {uri} has told later readings already")
            return []
        window_readings = WindowReadings(fresh, new_salt())
        window = self._cold_chain.next_window(device.id, window_readings)
        kept = {"secret": window_readings.secret.hex(), "readings": [[one.time, one.temperature] for one in fresh]}
        name = f"{device.id}/{binding.container}/{window.sequence}/{window.root}"
        self._vault.put(WINDOW_KIND, name, json.dumps(kept).encode())
        return [self._cold_chain.record(window, self._cold_chain.sign(window, key))]


def readings_of(event: Event) -> dict[str, tuple[Reading, ...]]:
    """The temperatures of an event by the URI of their device, in the order of their times; in hundredths of a degree,
    rounded half to even. Of readings at one second the last one stays."""
    found: dict[str, dict[int, Reading]] = {}
    for element in event.sensor_elements:
        for report in element.reports:
            uri = report.device_id or (element.metadata.device_id if element.metadata else None)
            time = report.time or (element.metadata.time if element.metadata else None)
            measured = report.type == "Temperature" and report.uom == CELSIUS and report.value is not None
            if uri is None or time is None or not measured or report.value is None:
                continue
            second = instant_ms(time) // 1000
            hundredths = int(report.value.quantize(HUNDREDTH, rounding=ROUND_HALF_EVEN) * 100)
            found.setdefault(uri, {})[second] = Reading(second, hundredths)
    return {uri: tuple(by_time[second] for second in sorted(by_time)) for uri, by_time in found.items()}
