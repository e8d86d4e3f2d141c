"""Reading an index: the state at a block or time, the past of an entity, events; each row names where it comes from.

index = Index.open("sqlite:///index.db")
view = index.at("finalized")
page = view.rows(ORGANIZATION, {"standing": Standing.ACTIVE}, limit=50)
page = view.rows(ORGANIZATION, {"standing": Standing.ACTIVE}, limit=50, after=page.next)
index.verify(page.rows, HttpRpc(url))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar

import orjson
from eth_utils.address import to_checksum_address
from sqlalchemy import Column, ColumnElement, Connection, Select, and_, false, func, or_, select, tuple_

from careledger.chain.database import Database
from careledger.chain.indexer.checking import Claim, Mismatch, check
from careledger.chain.indexer.decoder import to_event
from careledger.chain.indexer.model import Entity, Key, Kind, Row
from careledger.chain.indexer.tables import (
    BIGINT_BITS,
    EVENT_COLUMNS,
    Schema,
    column_kinds,
    event_column_kinds,
    own_schema,
)
from careledger.chain.indexer.writing import python_form, stored_form
from careledger.chain.rpc import Rpc
from careledger.contract_events import ContractEvent
from careledger.errors import IndexMissing, IndexOutdated, IndexWentBack, InvalidInput

__all__ = ["EntityRow", "EventRow", "Index", "IndexStatus", "Page", "View", "claim_of", "event_row"]

Tag = Literal["latest", "safe", "finalized"]
Cursor = tuple[Any, ...]
RowType = TypeVar("RowType")

MOST_ROWS = 10_000
UINT_BITS = 256


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """What an index is of and how far it is. Times in Unix seconds; `safe` and `finalized` are block numbers, None if
    the node could not say."""

    chain_id: int
    genesis_hash: str
    contracts: tuple[str, ...]
    block_number: int
    block_hash: str
    block_time: int
    safe: int | None
    finalized: int | None


@dataclass(frozen=True, slots=True)
class EntityRow:
    """A version of an entity: its key and values (addresses checksummed), the event since which it holds, and the one
    that ended it, None while it holds at the view's block."""

    entity: str
    key: dict[str, Any]
    values: dict[str, Any]
    since_block: int
    since_log: int
    since_time: int
    since_transaction: str
    until_block: int | None
    until_log: int | None


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event and where it stands: block, its time in Unix seconds, index of the log in the block, transaction, and
    the contract."""

    event: ContractEvent
    block_number: int
    log_index: int
    block_time: int
    transaction_hash: str
    address: str


@dataclass(frozen=True, slots=True)
class Page(Generic[RowType]):
    """Some rows, and what to give as `after` for the next ones, None after the last."""

    rows: list[RowType]
    next: Cursor | None


class Index:
    """An index to read, while an indexer may be writing it. A context manager; leaving it closes the database."""

    def __init__(self, database: Database, schema: Schema | None = None) -> None:
        """Raises IndexMissing if the database has none, IndexOutdated if another version built it."""
        self._database = database
        self.schema = schema or own_schema()
        if schema is None and database.revision("indexer") is None:
            raise IndexMissing(database.name)
        with database.read() as connection:
            state = self.schema.state
            fingerprint = connection.execute(select(state.c.fingerprint)).scalar_one_or_none()
        if fingerprint is None:
            raise IndexMissing(database.name)
        if fingerprint != self.schema.fingerprint():
            raise IndexOutdated(database.name, "was built by another version")

    @classmethod
    def open(cls, url: str) -> Index:
        """The index in a database. Raises ConfigurationError, DatabaseError, IndexMissing, IndexOutdated."""
        database = Database(url, durable=False)
        if database.path is not None and not database.path.exists():  # else SQLite would make an empty one
            raise IndexMissing(database.name)
        return cls(database)

    def status(self) -> IndexStatus:
        """What the index is of and how far it is. Raises DatabaseError, IndexMissing."""
        with self._database.read() as connection:
            return self._status(connection)

    def at(self, block: Tag | int = "latest", *, time: int | None = None) -> View:
        """The state after a block: the index's last, the node's safe or finalized one as the indexer last heard, or one
        by number; or the state at a time, Unix seconds.

        Raises InvalidInput for a block that the index does not have, or a tag that its node does not know.
        """
        with self._database.read() as connection:
            status = self._status(connection)
            if time is not None:
                return View(self, self._block_at(connection, time, status))
        number: int | str | None = status.block_number if block == "latest" else block
        if block in {"safe", "finalized"}:
            number = status.safe if block == "safe" else status.finalized
            if number is None:
                raise InvalidInput("block", str(block), "the node that the index is from does not say which it is")
            number = min(number, status.block_number)
        if not isinstance(number, int) or not 0 <= number <= status.block_number:
            raise InvalidInput("block", str(block), f"the index has the blocks up to {status.block_number}")
        return View(self, number)

    def verify(self, rows: Iterable[EventRow | EntityRow], rpc: Rpc) -> list[Mismatch]:
        """Asks a node, which need not be the index's, for the receipts that rows come from; returns what differs. Of an
        entity's version it is the event since which it holds: one that concerns this entity, from one of the index's
        contracts. Raises ChainError, DatabaseError, IndexMissing."""
        contracts = frozenset(address.lower() for address in self.status().contracts)
        return check(rpc, [self._claim_of(row) for row in rows], contracts, self._touched)

    def close(self) -> None:
        """Closes the database."""
        self._database.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _claim_of(self, row: EventRow | EntityRow) -> Claim:
        if isinstance(row, EventRow):
            return claim_of(row)
        kinds = next(entity.key for entity in self.schema.entities if entity.name == row.entity)
        key = tuple(row.key[name].lower() if kind is Kind.ADDRESS else row.key[name] for name, kind in kinds.items())
        return Claim(row.since_block, row.since_log, row.since_transaction, entity=row.entity, key=key)

    def _touched(self, kind: type[ContractEvent], row: Row) -> set[tuple[str, Key]]:
        """The entities that an event concerns."""
        return {
            (entity.name, key)
            for model in self.schema.models
            for touches, _ in model.handlers.get(kind, ())
            for entity, key in touches(row)
        }

    def _status(self, connection: Connection) -> IndexStatus:
        state, block = self.schema.state, self.schema.block
        query = select(state, block.c.hash, block.c.time).join(block, block.c.number == state.c.cursor_number)
        found = connection.execute(query).one_or_none()
        if found is None:
            raise IndexMissing(self._database.name)
        return IndexStatus(
            found.chain_id,
            found.genesis_hash,
            tuple(map(to_checksum_address, orjson.loads(found.contracts))),
            found.cursor_number,
            found.hash,
            found.time,
            found.safe_number,
            found.finalized_number,
        )

    def _block_at(self, connection: Connection, time: int, status: IndexStatus) -> int:
        """The last block with an event, or with a row of its own, that is not after a time."""
        if time >= status.block_time:
            return status.block_number
        block = self.schema.block
        before = connection.execute(
            select(block.c.number).where(block.c.time <= time).order_by(block.c.number.desc()).limit(1)
        ).scalar_one_or_none()
        after = connection.execute(
            select(block.c.number).where(block.c.time > time).order_by(block.c.number).limit(1)
        ).scalar_one()
        if before is None:
            return 0
        found = [
            connection.execute(
                select(func.max(table.c.block_number)).where(
                    table.c.block_number > before, table.c.block_number < after, table.c.block_time <= time
                )
            ).scalar_one()
            for table in self.schema.events.values()
        ]
        return max([int(before), *(int(number) for number in found if number is not None)])


class View:
    """The state after a block. Attribute: `block_number`.

    A reorganization changes what a view of a block that is not final shows, from one call to the next. Each call raises
    IndexWentBack while the index does not reach the view's block again, also during a rebuild; IndexMissing if there is
    none any more; DatabaseError.
    """

    def __init__(self, index: Index, block_number: int) -> None:
        self.block_number = block_number
        self._database = index._database
        self._schema = index.schema

    @property
    def block_time(self) -> int:
        """The block's time, Unix seconds. Raises InvalidInput for an old block of which the index keeps neither the
        header nor an event."""
        block = self._schema.block
        queries = [select(block.c.time).where(block.c.number == self.block_number)]
        queries += [
            select(table.c.block_time).where(table.c.block_number == self.block_number).limit(1)
            for table in self._schema.events.values()
        ]
        with self._read() as connection:
            for query in queries:
                time = connection.execute(query).scalar_one_or_none()
                if time is not None:
                    return int(time)
        raise InvalidInput("block", str(self.block_number), "the index does not keep its time")

    @property
    def block_hash(self) -> str | None:
        """The hash of the block of this number, which a reorganization changes; None for an old block of which the
        index keeps no header."""
        block = self._schema.block
        with self._read() as connection:
            found = connection.execute(select(block.c.hash).where(block.c.number == self.block_number))
            return found.scalar_one_or_none()

    def get(self, entity: Entity | str, key: Key) -> EntityRow | None:
        """The version of one entity that holds, or None. Raises InvalidInput for another entity or key."""
        entity = self._entity(entity)
        page = self.rows(entity, dict(zip(entity.key, self._checked(entity, key), strict=True)), limit=1)
        return page.rows[0] if page.rows else None

    def rows(
        self,
        entity: Entity | str,
        filters: Mapping[str, Any] | None = None,
        after: Cursor | None = None,
        limit: int = 100,
        between: Mapping[str, tuple[Any, Any]] | None = None,
    ) -> Page[EntityRow]:
        """The entities that there are, in the order of their keys. `filters`: a value for a column, None, or a list or
        tuple of values. `between`: for an integer column, the least and the most that it may have, None for no bound.
        Raises InvalidInput for what is no entity, column or limit."""
        entity = self._entity(entity)
        table = self._schema.entities[entity]
        kinds = column_kinds(entity)
        order = [table.c[name] for name in entity.key]
        query = self._filtered(select(*[table.c[name] for name in kinds]), table.c, kinds, filters)
        query = self._bounded(query, table.c, kinds, between)
        query = query.where(table.c.since_block <= self.block_number, self._is_open(table.c))
        if after is not None:
            query = query.where(self._after(order, list(entity.key.values()), self._checked(entity, after)))
        return self._entity_page(entity, self._ordered(query, order, list(entity.key.values())), limit)

    def history(self, entity: Entity | str, key: Key, after: Cursor | None = None, limit: int = 100) -> Page[EntityRow]:
        """The versions of one entity up to the view's block, oldest first. Raises InvalidInput."""
        entity = self._entity(entity)
        table = self._schema.entities[entity]
        kinds = column_kinds(entity)
        filters = dict(zip(entity.key, self._checked(entity, key), strict=True))
        query = self._filtered(select(*[table.c[name] for name in kinds]), table.c, kinds, filters)
        query = query.where(table.c.since_block <= self.block_number)
        if after is not None:
            query = query.where(tuple_(table.c.since_block, table.c.since_log) > tuple_(*_checked_place(after)))
        query = query.order_by(table.c.since_block, table.c.since_log)
        page = self._entity_page(entity, query, limit)
        last = page.rows[-1] if page.next is not None else None
        return Page(page.rows, None if last is None else (last.since_block, last.since_log))

    def events(
        self,
        kind: type[ContractEvent],
        filters: Mapping[str, Any] | None = None,
        from_time: int | None = None,
        to_time: int | None = None,
        after: Cursor | None = None,
        limit: int = 100,
    ) -> Page[EventRow]:
        """The events of a kind up to the view's block, in the order of the chain, from and to a time (Unix seconds,
        both included). Raises InvalidInput."""
        if kind not in self._schema.events:
            raise InvalidInput("event", getattr(kind, "__name__", str(kind)), "is no event of the suite")
        table, kinds = self._schema.events[kind], event_column_kinds(kind)
        query = self._filtered(select(*[table.c[name] for name in kinds]), table.c, kinds, filters)
        query = query.where(table.c.block_number <= self.block_number)
        limit = _checked_limit(limit)
        for name, time in (("from_time", from_time), ("to_time", to_time)):
            if time is not None:
                self._stored(name, Kind.INTEGER, time)
        with self._read() as connection:
            # The table is in the order of block numbers: the blocks known around a time narrow it down.
            block = self._schema.block
            if from_time is not None:
                before = connection.execute(select(func.max(block.c.number)).where(block.c.time < from_time)).scalar()
                query = query.where(table.c.block_number > (-1 if before is None else before))
                query = query.where(table.c.block_time >= from_time)
            if to_time is not None:
                past = connection.execute(select(func.min(block.c.number)).where(block.c.time > to_time)).scalar()
                query = query.where(table.c.block_time <= to_time)
                if past is not None:
                    query = query.where(table.c.block_number < past)
            if after is not None:
                query = query.where(tuple_(table.c.block_number, table.c.log_index) > tuple_(*_checked_place(after)))
            query = query.order_by(table.c.block_number, table.c.log_index).limit(limit + 1)
            found = connection.execute(query).all()
        rows = [event_row(kind, row, self._database.dialect) for row in found[:limit]]
        return Page(rows, (rows[-1].block_number, rows[-1].log_index) if len(found) > limit else None)

    def count(self, entity: Entity | str, filters: Mapping[str, Any] | None = None) -> int:
        """How many there are. Raises InvalidInput."""
        entity = self._entity(entity)
        table = self._schema.entities[entity]
        query = self._filtered(select(func.count()), table.c, column_kinds(entity), filters)
        query = query.where(table.c.since_block <= self.block_number, self._is_open(table.c))
        with self._read() as connection:
            return int(connection.execute(query).scalar_one())

    # ------------------------------------------------------------------ inner

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """A transaction in which the index has the view's block."""
        with self._database.read() as connection:
            last = connection.execute(select(self._schema.state.c.cursor_number)).scalar_one_or_none()
            if last is None:
                raise IndexMissing(self._database.name)
            if last < self.block_number:
                raise IndexWentBack(self.block_number, last)
            yield connection

    def _entity(self, entity: Entity | str) -> Entity:
        found = next((known for known in self._schema.entities if entity in (known, known.name)), None)
        if found is None:
            raise InvalidInput("entity", entity if isinstance(entity, str) else entity.name, "is not in the index")
        return found

    def _checked(self, entity: Entity, key: Sequence[Any]) -> tuple[Any, ...]:
        if len(key) != len(entity.key):
            raise InvalidInput("key", str(key), f"{entity.name} is found by {', '.join(entity.key)}")
        return tuple(key)

    def _is_open(self, columns: Any) -> ColumnElement[bool]:
        return or_(columns.until_block.is_(None), columns.until_block > self.block_number)

    def _filtered(
        self, query: Select[Any], columns: Any, kinds: Mapping[str, Kind], filters: Mapping[str, Any] | None
    ) -> Select[Any]:
        for name, value in (filters or {}).items():
            if name not in kinds:
                raise InvalidInput("filter", name, f"is none of {', '.join(kinds)}")
            if isinstance(value, (list, tuple, set, frozenset)):
                values = [self._stored(name, kinds[name], item) for item in value]
                query = query.where(columns[name].in_(values) if values else false())
            elif value is None:
                query = query.where(columns[name].is_(None))
            else:
                query = query.where(columns[name] == self._stored(name, kinds[name], value))
        return query

    def _bounded(
        self,
        query: Select[Any],
        columns: Any,
        kinds: Mapping[str, Kind],
        between: Mapping[str, tuple[Any, Any]] | None,
    ) -> Select[Any]:
        for name, (least, most) in (between or {}).items():
            if kinds.get(name) is not Kind.INTEGER:
                integers = ", ".join(column for column, kind in kinds.items() if kind is Kind.INTEGER)
                raise InvalidInput("between", name, f"is none of {integers}")
            if least is not None:
                query = query.where(columns[name] >= self._stored(name, Kind.INTEGER, least))
            if most is not None:
                query = query.where(columns[name] <= self._stored(name, Kind.INTEGER, most))
        return query

    def _stored(self, name: str, kind: Kind, value: Any) -> Any:
        """A value as its column has it. Raises InvalidInput for one that the column cannot have."""
        if value is None:
            return None
        if kind in {Kind.TEXT, Kind.ADDRESS}:
            value = _checked_text(name, value)
            return value.lower() if kind is Kind.ADDRESS else value
        if kind in {Kind.INTEGER, Kind.UINT}:
            value = _checked_integer(name, value, BIGINT_BITS if kind is Kind.INTEGER else UINT_BITS)
            if kind is Kind.UINT and self._database.dialect == "postgresql":
                return Decimal(value)  # as an int it would be sent as one of 64 bits
        elif kind is Kind.BOOL and value not in (0, 1):
            raise InvalidInput(name, str(value), "must be true or false")
        elif kind is Kind.BOOL:
            return bool(value)
        form = stored_form(kind, self._database.dialect)
        return value if form is None else form(value)

    def _parts(self, columns: Sequence[Column[Any]], kinds: Sequence[Kind]) -> list[Any]:
        """What to order by. Decimal text is ordered by its length first."""
        parts: list[Any] = []
        for column, kind in zip(columns, kinds, strict=True):
            if kind is Kind.UINT and self._database.dialect == "sqlite":
                parts.append(func.length(column))
            parts.append(column)
        return parts

    def _ordered(self, query: Select[Any], columns: Sequence[Column[Any]], kinds: Sequence[Kind]) -> Select[Any]:
        return query.order_by(*self._parts(columns, kinds))

    def _after(self, columns: Sequence[Column[Any]], kinds: Sequence[Kind], key: Sequence[Any]) -> ColumnElement[bool]:
        values: list[Any] = []
        for column, kind, value in zip(columns, kinds, key, strict=True):
            stored = self._stored(column.name, kind, value)
            if kind is Kind.UINT and self._database.dialect == "sqlite":
                values.append(len(stored))
            values.append(stored)
        return and_(tuple_(*self._parts(columns, kinds)) > tuple_(*values))

    def _entity_page(self, entity: Entity, query: Select[Any], limit: int) -> Page[EntityRow]:
        limit = _checked_limit(limit)
        kinds = column_kinds(entity)
        forms = {name: form for name, kind in kinds.items() if (form := python_form(kind, self._database.dialect))}
        addresses = [name for name, kind in kinds.items() if kind is Kind.ADDRESS]
        with self._read() as connection:
            found = connection.execute(query.limit(limit + 1)).all()
        rows = []
        for raw in found[:limit]:
            values = dict(zip(kinds, raw, strict=True))
            for name, form in forms.items():
                values[name] = form(values[name])
            for name in addresses:
                values[name] = values[name] and to_checksum_address(values[name])
            is_open = values["until_block"] is None or values["until_block"] > self.block_number
            rows.append(
                EntityRow(
                    entity.name,
                    {name: values[name] for name in entity.key},
                    {name: values[name] for name in entity.values},
                    values["since_block"],
                    values["since_log"],
                    values["since_time"],
                    values["since_transaction"],
                    None if is_open else values["until_block"],
                    None if is_open else values["until_log"],
                )
            )
        return Page(rows, tuple(rows[-1].key.values()) if len(found) > limit else None)


def event_row(kind: type[ContractEvent], row: Sequence[Any], dialect: Literal["sqlite", "postgresql"]) -> EventRow:
    """A row of an event's table as the read API gives it."""
    values = list(row)
    for i, column in enumerate(event_column_kinds(kind).values()):
        if form := python_form(column, dialect):
            values[i] = form(values[i])
    number, log_index, time, transaction_hash, address = values[: len(EVENT_COLUMNS)]
    return EventRow(to_event(kind, values), number, log_index, time, transaction_hash, to_checksum_address(address))


def claim_of(row: EventRow) -> Claim:
    """What an event's row says about the chain."""
    return Claim(row.block_number, row.log_index, row.transaction_hash, row.address.lower(), row.event)


def _checked_text(name: str, value: Any) -> str:
    """Text, or a number as text. Raises InvalidInput for what no database can hold."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(name, ascii(value), "is no text") from None
    if "\0" in text:
        raise InvalidInput(name, text, "has a zero character, which nothing in the index has")
    return text


def _checked_integer(name: str, value: Any, bits: int) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= bits:
        value = int(value)
    if not isinstance(value, int) or abs(value) >= 1 << bits:
        raise InvalidInput(name, str(value), f"must be an integer of at most {bits} bits")
    return int(value)


def _checked_place(after: Cursor) -> tuple[int, int]:
    """A block's number and the index of a log, after which a page begins."""
    if len(after) != 2:
        raise InvalidInput("after", str(after), "must be what the page before gave as `next`")
    return _checked_integer("after", after[0], BIGINT_BITS), _checked_integer("after", after[1], BIGINT_BITS)


def _checked_limit(limit: int) -> int:
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidInput("limit", str(limit), f"must be 1 to {MOST_ROWS}")
    return limit
