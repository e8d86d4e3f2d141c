"""The EPCIS events that an organization captured, in its vault: what became of each, and how it is anchored.

| kind | name | value |
|---|---|---|
| `epcis-events` | supply/organization/page | a list of captured events, compressed |

Pages are appended to, one for each capture. Events are never changed: a correction is an event of its own.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from careledger.anchoring.canonical_json import write
from careledger.identity.identifiers import organization_id
from careledger.serialization.epcis.event_hash import strict_hash
from careledger.serialization.epcis.events import Event
from careledger.serialization.epcis.json_form import event_json, read_json
from careledger.serialization.epcis.mapping import objects_of
from careledger.serialization.lot_book_entries import SupplyId
from careledger.vault import EntryConflict, EntryErased, EntryMissing, Vault

__all__ = ["CapturedEvent", "EventLog", "Outcome", "identity", "object_key"]

EVENTS_KIND = "epcis-events"


class Outcome(StrEnum):
    """What became of an event."""

    APPLIED = "applied"
    """The chain was changed."""
    STANDING = "standing"
    """The chain said so already."""
    ANCHORED = "anchored"
    """Nothing to change; it is anchored and kept."""
    REFUSED = "refused"
    """It is not kept."""
    PLANNED = "planned"
    """It would be taken; nothing was sent."""
    NOT_CAPTURED = "not captured"
    """Another event of its document was refused, and all or none was asked for."""


@dataclass(frozen=True)
class CapturedEvent:
    """An event that was kept. `hash` is its CBV hash; `act` what was done, `note` why nothing, `transactions` the
    hashes of what was sent; `leaf` is anchored, with a receipt in the vault, None without. `recorded_at` is Unix
    seconds."""

    event: Event
    hash: str
    outcome: Outcome
    act: str
    note: str
    transactions: tuple[str, ...]
    leaf: str | None
    recorded_at: int


class EventLog:
    """Of one organization in one supply chain. Methods raise VaultError."""

    def __init__(self, vault: Vault, supply_id: SupplyId, organization: str) -> None:
        """`organization` is a name or id. Raises InvalidInput."""
        self._vault = vault
        self._prefix = f"{supply_id}/{organization_id(organization)}"
        self._events: list[CapturedEvent] = []
        self._by_hash: dict[str, CapturedEvent] = {}
        self._by_id: dict[str, CapturedEvent] = {}
        self._identities: set[str] = set()
        self._last_ms: dict[str, int] = {}
        self._next_page = 0
        self.refresh()

    def refresh(self) -> None:
        """Reads what was written since."""
        while True:
            try:
                page = self._vault.get(EVENTS_KIND, f"{self._prefix}/{self._next_page}")
            except EntryErased:
                self._next_page += 1
                continue
            except EntryMissing:
                return
            for kept in json.loads(zlib.decompress(page)):
                self._take(_from_json(kept))
            self._next_page += 1

    def __iter__(self) -> Iterator[CapturedEvent]:
        """In the order of their capture."""
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def __contains__(self, known: object) -> bool:
        """Whether an event of an `identity` was captured."""
        return known in self._identities

    def by_hash(self, event_hash: str) -> CapturedEvent | None:
        """By the CBV hash, of those that declare no error."""
        return self._by_hash.get(event_hash)

    def by_id(self, event_id: str) -> CapturedEvent | None:
        """By the eventID that it came with, or its hash, of those that declare no error."""
        return self._by_id.get(event_id) or self._by_hash.get(event_id)

    def last_ms(self, uri: str) -> int | None:
        """When the last event that changed something of an object happened, milliseconds since 1970 UTC."""
        return self._last_ms.get(object_key(uri))

    def append(self, events: Sequence[CapturedEvent]) -> None:
        """Keeps events, all or none."""
        content = zlib.compress(json.dumps([_to_json(each) for each in events]).encode())
        while True:
            try:
                self._vault.put(EVENTS_KIND, f"{self._prefix}/{self._next_page}", content)
            except (EntryConflict, EntryErased):
                before = self._next_page
                self.refresh()
                if self._next_page == before:
                    raise
                continue
            self._next_page += 1
            for each in events:
                self._take(each)
            return

    def _take(self, kept: CapturedEvent) -> None:
        self._events.append(kept)
        self._identities.add(identity(kept.event, kept.hash))
        if kept.event.error_declaration is None:
            self._by_hash[kept.hash] = kept
            if kept.event.event_id:
                self._by_id[kept.event.event_id] = kept
        if kept.outcome in (Outcome.APPLIED, Outcome.STANDING):
            for uri in objects_of(kept.event):
                key = object_key(uri)
                self._last_ms[key] = max(kept.event.time_ms, self._last_ms.get(key, kept.event.time_ms))


def identity(event: Event, hashed: str) -> str:
    """By what an event is known again: its CBV hash. That leaves out an error declaration: an event that declares one
    is known by its strict hash."""
    return hashed if event.error_declaration is None else f"{hashed}#0x{strict_hash(event).hex()}"


def object_key(uri: str) -> str:
    """One text for all URIs of an object: its Digital Link if it has a GS1 key, else the URI."""
    from careledger.serialization.epcis.epc import digital_link

    return digital_link(uri) or uri


def _to_json(kept: CapturedEvent) -> dict[str, object]:
    return {**vars(kept), "event": write(event_json(kept.event)), "outcome": kept.outcome.value}


def _from_json(value: dict[str, object]) -> CapturedEvent:
    (event,) = read_json(str(value["event"]).encode()).events
    fields = {**value, "event": event, "outcome": Outcome(str(value["outcome"]))}
    fields["transactions"] = tuple(value["transactions"])  # type: ignore[arg-type]
    return CapturedEvent(**fields)  # type: ignore[arg-type]
