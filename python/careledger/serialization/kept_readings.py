"""The readings of data loggers with the secrets of their windows, in the vault.

    kept = KeptReadings(vault, SupplyId.of(supply))
    window_readings = kept.keep(device, 3, readings)   # before the window is signed and sent
    kept.found(recorded.window)                        # what was kept for it, None if nothing was

| kind | name | value |
|---|---|---|
| `cold-readings` | supply/device/sequence/SHA-256 of the readings | readings and secret, JSON |
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256

from careledger.anchoring.leaf import new_salt
from careledger.serialization.cold_chain import Window
from careledger.serialization.lot_book_entries import SupplyId
from careledger.serialization.readings import Reading, WindowReadings
from careledger.vault import EntryConflict, EntryMissing, Vault

__all__ = ["READINGS_KIND", "KeptReadings"]

READINGS_KIND = "cold-readings"


class KeptReadings:
    """Those of one supply chain. Methods raise VaultError besides what they say."""

    def __init__(self, vault: Vault, supply_id: SupplyId) -> None:
        self._vault = vault
        self._supply_id = supply_id

    def keep(self, device: str, sequence: int, readings: Sequence[Reading]) -> WindowReadings:
        """Readings for a device's window of that sequence, with a new secret; the same readings give the same secret
        again, so that who is interrupted has the same window signed. Raises InvalidInput for none."""
        rows = [[reading.time, reading.temperature] for reading in readings]
        name = self._prefix(device, sequence) + sha256(json.dumps(rows).encode()).hexdigest()
        try:
            return self._load(name)
        except EntryMissing:
            made = WindowReadings(tuple(readings), new_salt())
        try:
            self._vault.put(READINGS_KIND, name, json.dumps({"secret": made.secret.hex(), "readings": rows}).encode())
        except EntryConflict:  # another process was quicker
            return self._load(name)
        return made

    def found(self, window: Window) -> WindowReadings | None:
        """The readings that lead to a window's root; None if they are not kept here, or there were none."""
        prefix = self._prefix(window.device, window.sequence)
        for name in self._vault.names(READINGS_KIND):
            if name.startswith(prefix):
                kept = self._load(name)
                if kept.root == window.root:
                    return kept
        return None

    def _prefix(self, device: str, sequence: int) -> str:
        return f"{self._supply_id}/{device.lower()}/{sequence}/"

    def _load(self, name: str) -> WindowReadings:
        value = json.loads(self._vault.get(READINGS_KIND, name))
        readings = tuple(Reading(time, temperature) for time, temperature in value["readings"])
        return WindowReadings(readings, bytes.fromhex(value["secret"]))
