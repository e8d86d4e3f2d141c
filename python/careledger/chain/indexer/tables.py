"""The indexer's tables: one per event kind, generated from its dataclass; one per entity; the indexer's own state.

Text columns hold what JSON-RPC gives, lower-case. Integers of up to 63 bits and enums are BIGINT; wider ones are
NUMERIC(78, 0) in PostgreSQL and decimal text in SQLite, which has no such numbers.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from careledger.chain.indexer.model import VERSION_COLUMNS, Entity, Kind, ReadModel
from careledger.chain.indexer.models import READ_MODELS
from careledger.chain.values import snake_case
from careledger.contract_events import BY_TOPIC, ContractEvent

__all__ = [
    "BIGINT_BITS",
    "EVENT_COLUMNS",
    "EVENT_KINDS",
    "Schema",
    "column_kinds",
    "event_column_kinds",
    "event_fields",
    "kind_of",
    "own_schema",
]

EVENT_COLUMNS = ("block_number", "log_index", "block_time", "transaction_hash", "address")
"""What every event's table has before the event's fields."""

EVENT_KINDS: tuple[type[ContractEvent], ...] = tuple(sorted(BY_TOPIC.values(), key=lambda event: event.__name__))
"""Every event of the suite."""

UINT_DIGITS = 78
BIGINT_BITS = 63

_EVENT_COLUMN_KINDS = (Kind.INTEGER, Kind.INTEGER, Kind.INTEGER, Kind.TEXT, Kind.ADDRESS)
_VERSION_COLUMN_KINDS = (Kind.INTEGER, Kind.INTEGER, Kind.INTEGER, Kind.TEXT, Kind.INTEGER, Kind.INTEGER)


def kind_of(abi_type: str) -> Kind:
    """What a column for an ABI type holds. Arrays are JSON text."""
    if integer := re.fullmatch(r"(u?)int(\d+)", abi_type):
        return Kind.INTEGER if int(integer[2]) <= BIGINT_BITS + (integer[1] == "") else Kind.UINT
    return {"address": Kind.ADDRESS, "bool": Kind.BOOL}.get(abi_type, Kind.TEXT)


def event_fields(event: type[ContractEvent]) -> tuple[str, ...]:
    """The names of an event's fields, in order."""
    return tuple(field.name for field in dataclasses.fields(cast(Any, event)))


def event_column_kinds(event: type[ContractEvent]) -> dict[str, Kind]:
    """What an event's table holds, by column."""
    fields = zip(event_fields(event), map(kind_of, event.TYPES), strict=True)
    return {**dict(zip(EVENT_COLUMNS, _EVENT_COLUMN_KINDS, strict=True)), **dict(fields)}


def column_kinds(entity: Entity) -> dict[str, Kind]:
    """What an entity's table holds, by column."""
    return {**entity.key, **dict(zip(VERSION_COLUMNS, _VERSION_COLUMN_KINDS, strict=True)), **entity.values}


class Schema:
    """The tables for some read models. Attributes: `metadata`; `events` and `entities`, the tables by what they hold;
    `block` and `state`."""

    def __init__(self, models: Sequence[ReadModel] = READ_MODELS) -> None:
        """Raises ValueError if two models have an entity of the same name."""
        self.models = tuple(models)
        self.metadata = MetaData()
        self.block = Table(
            "index_block",
            self.metadata,
            Column("number", BigInteger, primary_key=True, autoincrement=False),
            Column("hash", Text, nullable=False),
            Column("parent_hash", Text, nullable=False),
            Column("time", BigInteger, nullable=False),
            # One that stays when it is no longer recent.
            Column("milestone", Boolean, nullable=False),
        )
        self.state = Table(
            "index_state",
            self.metadata,
            Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
            Column("genesis_hash", Text, nullable=False),
            Column("fingerprint", Text, nullable=False),
            Column("contracts", Text, nullable=False),
            Column("cursor_number", BigInteger, nullable=False),
            Column("safe_number", BigInteger),
            Column("finalized_number", BigInteger),
        )
        self.events = {event: _event_table(event, self.metadata) for event in EVENT_KINDS}
        self.entities = {
            entity: _entity_table(entity, self.metadata) for model in models for entity in model.entities.values()
        }

    def fingerprint(self) -> str:
        """A hash of what the content of the tables depends on besides the chain and the contracts: the kinds of events,
        and the read models with their versions."""
        events = [[event.TOPIC, event.TYPES, event.INDEXED, event_fields(event)] for event in EVENT_KINDS]
        models = [
            [model.name, model.version, [[entity.name, _kinds(column_kinds(entity))] for entity in entities.values()]]
            for model, entities in ((model, model.entities) for model in self.models)
        ]
        return hashlib.sha256(orjson.dumps([events, models])).hexdigest()


@cache
def own_schema() -> Schema:
    """The tables of this version's read models."""
    return Schema()


def _kinds(columns: Mapping[str, Kind]) -> list[tuple[str, str]]:
    return [(name, kind.value) for name, kind in columns.items()]


def _event_table(event: type[ContractEvent], metadata: MetaData) -> Table:
    columns = [Column(name, _type(name, kind), nullable=False) for name, kind in event_column_kinds(event).items()]
    name = f"event_{snake_case(event.__name__).lower()}"
    key = PrimaryKeyConstraint("block_number", "log_index", name=f"{name}_pkey")
    return Table(name, metadata, *columns, key, sqlite_with_rowid=False)


def _entity_table(entity: Entity, metadata: MetaData) -> Table:
    if entity.name in metadata.tables:
        raise ValueError(f"two tables are named {entity.name}")
    optional = {"until_block", "until_log", *entity.values}
    columns = [
        Column(name, _type(name, kind), nullable=name in optional) for name, kind in column_kinds(entity).items()
    ]
    key = PrimaryKeyConstraint(*entity.key, "since_block", "since_log", name=f"{entity.name}_pkey")
    table = Table(entity.name, metadata, *columns, key)
    # What a reorganized chain takes back is found by these.
    Index(f"{entity.name}_since", table.c.since_block)
    Index(
        f"{entity.name}_until",
        table.c.until_block,
        sqlite_where=table.c.until_block.is_not(None),
        postgresql_where=table.c.until_block.is_not(None),
    )
    for names in entity.indexes:
        Index(f"{entity.name}_by_{'_'.join(names)}", *[table.c[name] for name in names])
    return table


def _type(name: str, kind: Kind) -> Any:
    if name in {"log_index", "since_log", "until_log"}:
        return Integer()
    if kind is Kind.UINT:
        return Numeric(UINT_DIGITS, 0).with_variant(Text(), "sqlite")
    return {Kind.INTEGER: BigInteger, Kind.BOOL: Boolean}.get(kind, Text)()
