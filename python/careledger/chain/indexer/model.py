"""Read models: tables that follow from the events, declared in one module per domain.

    MODEL = ReadModel("identity", version=1)
    LABORATORY = MODEL.entity("laboratory", {"organization": Kind.TEXT}, {"name": Kind.TEXT, "standing": Kind.INTEGER})

    @MODEL.on(OrganizationAdmitted, touches=lambda row: [(LABORATORY, (row.organization,))])
    def _admitted(state: State, row: Row) -> None:
        state.put(LABORATORY, (row.organization,), name=row.name, standing=Standing.ACTIVE)

Every row of an entity's table is a version: what held from one event (`since_*`) until another (`until_*`, null while
it holds). So one query gives the state at any block, a reorganized chain takes versions back, and a rebuild gives the
same rows: a handler may use nothing but its event and the state, no clock and no randomness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from careledger.contract_events import ContractEvent

__all__ = ["VERSION_COLUMNS", "Entity", "Handler", "Key", "Kind", "ReadModel", "Row", "State", "Touches", "Version"]

Row = Any
"""An event in table form, a named tuple: block_number, log_index, block_time (Unix seconds), transaction_hash, address,
then the event's fields: addresses and bytes as lower-case 0x-prefixed text, integers and enums as `int`, arrays as JSON
text."""

Key = tuple[Any, ...]
"""The values of an entity's key columns, in their order."""

Since = tuple[int, int, int, str]
"""Where a version begins: block, log index, time, transaction."""

VERSION_COLUMNS = ("since_block", "since_log", "since_time", "since_transaction", "until_block", "until_log")
"""What every entity's table has besides its key and values: the event that opened the version (block, index of the log
in the block, Unix seconds, transaction hash), and the one that closed it (null while it holds)."""


class Kind(Enum):
    """What a column holds. Every value column may also hold None."""

    TEXT = "text"
    """Text; bytes as lower-case 0x-prefixed hex."""
    ADDRESS = "address"
    """An address: lower-case in the table and in handlers, checksummed by the read API."""
    INTEGER = "integer"
    """An integer of at most 63 bits; enums and Unix seconds too."""
    UINT = "uint"
    """An unsigned integer of up to 256 bits."""
    BOOL = "bool"
    JSON = "json"
    """Lists, dictionaries with text keys, text, integers, booleans; stored as JSON text with sorted keys."""


@dataclass(frozen=True, eq=False)
class Entity:
    """A table of versions, and the handle by which handlers and readers name it."""

    name: str
    key: dict[str, Kind]
    values: dict[str, Kind]
    indexes: tuple[tuple[str, ...], ...] = ()
    """Columns by which readers look for rows other than by the key."""


Touches = Callable[[Row], Iterable[tuple[Entity, Key]]]
"""Which entities a handler may look at or change for an event. They are loaded for many events at once."""

Handler = Callable[["State", Row], None]


@dataclass(eq=False)
class ReadModel:
    """The entities of one domain and the handlers that keep them."""

    name: str
    version: int
    """Raise it when a handler changes: an index built by the old one then asks for a rebuild."""
    entities: dict[str, Entity] = field(default_factory=dict)
    handlers: dict[type[ContractEvent], list[tuple[Touches, Handler]]] = field(default_factory=dict)

    def entity(
        self, name: str, key: dict[str, Kind], values: dict[str, Kind], indexes: Iterable[tuple[str, ...]] = ()
    ) -> Entity:
        """Declares a table. `indexes`: columns by which readers filter often; each index costs at every change. Raises
        ValueError for a name or column given twice or taken."""
        columns = [*key, *values, *VERSION_COLUMNS]
        if name in self.entities or len(columns) != len(set(columns)) or not key:
            raise ValueError(f"entity {name} of read model {self.name}: declared twice, or columns not distinct")
        self.entities[name] = Entity(name, dict(key), dict(values), tuple(indexes))
        return self.entities[name]

    def on(self, *events: type[ContractEvent], touches: Touches) -> Callable[[Handler], Handler]:
        """Has a function handle events of some kinds, in the order of the chain."""

        def register(handler: Handler) -> Handler:
            for event in events:
                self.handlers.setdefault(event, []).append((touches, handler))
            return handler

        return register


class Version:
    """An entity's values between two events. `since` is the block, log, time and transaction of the first, `until`
    block and log of the second; `stored` if the database has it, perhaps still open."""

    __slots__ = ("since", "stored", "until", "values")

    def __init__(self, since: Since, values: dict[str, Any], stored: bool) -> None:
        self.since = since
        self.values = values
        self.stored = stored
        self.until: tuple[int, int] | None = None


class State:
    """The current versions of the entities that a batch of events touches, and what the handlers changed of them."""

    def __init__(self) -> None:
        self._current: dict[Entity, dict[Key, Version | None]] = {}
        self._opened: dict[Entity, list[tuple[Key, Version]]] = {}
        self._closed: dict[Entity, list[tuple[Key, Version]]] = {}
        self._since: Since = (0, 0, 0, "")

    # ------------------------------------------------------------------ for handlers

    def get(self, entity: Entity, key: Key) -> dict[str, Any] | None:
        """The current values; None if there is no such entity. Raises LookupError for a key that `touches` did not
        name."""
        version = self._version(entity, key)
        return None if version is None else dict(version.values)

    def put(self, entity: Entity, key: Key, **values: Any) -> None:
        """Opens a version: the given values over the current ones. The first needs all of them. Changes nothing if they
        are what they were. Raises LookupError for a key that `touches` did not name, TypeError for wrong names."""
        current = self._version(entity, key)
        merged = values if current is None else {**current.values, **values}
        if len(merged) != len(entity.values) or (current is None and merged.keys() != entity.values.keys()):
            wrong = sorted(merged.keys() ^ entity.values.keys())
            raise TypeError(f"{entity.name}: values missing or unknown: {', '.join(wrong)}")
        if current is not None:
            if merged == current.values:
                return
            if current.since[:2] == self._since[:2]:
                current.values = merged
                return
            self._close(entity, key, current)
        version = Version(self._since, merged, False)
        self._current[entity][key] = version
        self._opened[entity].append((key, version))

    def remove(self, entity: Entity, key: Key) -> None:
        """Closes the current version; does nothing if there is none. Raises LookupError for a key that `touches` did
        not name."""
        current = self._version(entity, key)
        if current is not None:
            self._close(entity, key, current)
            self._current[entity][key] = None

    # ------------------------------------------------------------------ for the engine

    def missing(self, entity: Entity, keys: Iterable[Key]) -> list[Key]:
        """Those keys that were not loaded yet."""
        known = self._current.setdefault(entity, {})
        self._opened.setdefault(entity, [])
        self._closed.setdefault(entity, [])
        return [key for key in keys if key not in known]

    def load(self, entity: Entity, keys: Iterable[Key], found: Iterable[tuple[Key, Version]]) -> None:
        """What the database has for some keys: their open versions."""
        known = self._current[entity]
        known.update(dict.fromkeys(keys))
        known.update(found)

    def handle(self, row: Row, handlers: Iterable[Handler]) -> None:
        """Runs an event's handlers."""
        self._since = row.block_number, row.log_index, row.block_time, row.transaction_hash
        for handler in handlers:
            handler(self, row)

    def opened(self, entity: Entity) -> list[tuple[Key, Version]]:
        """The versions that the database does not have, in the order of the chain."""
        # A version that its own event closed again never held.
        return [
            (key, version)
            for key, version in self._opened.get(entity, ())
            if version.until is None or version.until != version.since[:2]
        ]

    def closed(self, entity: Entity) -> list[tuple[Key, Version]]:
        """The versions that are still open in the database and closed here."""
        return self._closed.get(entity, [])

    def entities(self) -> list[Entity]:
        """The entities touched, in the order in which they were."""
        return list(self._current)

    def _version(self, entity: Entity, key: Key) -> Version | None:
        try:
            return self._current[entity][key]
        except KeyError:
            raise LookupError(f"{entity.name} {key}: the handler's `touches` did not name it") from None

    def _close(self, entity: Entity, key: Key, version: Version) -> None:
        version.until = self._since[:2]
        if version.stored:
            self._closed[entity].append((key, version))
