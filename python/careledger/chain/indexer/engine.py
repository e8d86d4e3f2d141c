"""The indexer: keeps the tables in step with the chain.

    fetch (a thread)             commit (one transaction a batch)
    source -> rows of a batch -> event tables, read models, blocks, cursor -> next batch
                 ^                                                             |
                 `------- the chain has another block: back to the last common one

A batch is in the database as a whole or not at all, with the cursor: after any kill it goes on from there.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import orjson
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection, Select, Table, delete, insert, select, update

from careledger.chain.database import Database
from careledger.chain.indexer.blocks import Block, Head, Identity
from careledger.chain.indexer.checking import Mismatch, check
from careledger.chain.indexer.decoder import ROW_TYPES
from careledger.chain.indexer.metrics import Metrics
from careledger.chain.indexer.model import Entity, Handler, Key, Row, State, Touches
from careledger.chain.indexer.reader import EventRow, claim_of, event_row
from careledger.chain.indexer.source import AnotherChain, Batch, Behind, Reorganized, Source
from careledger.chain.indexer.tables import Schema, column_kinds, event_column_kinds, own_schema
from careledger.chain.indexer.writing import close_versions, load_versions, rows_of
from careledger.chain.indexer.writing import insert as insert_rows
from careledger.chain.memory import rare_collections
from careledger.errors import (
    ChainDisagrees,
    ChainError,
    DatabaseError,
    IndexMissing,
    IndexOfAnotherChain,
    IndexOutdated,
    NodeUnreachable,
    ReadModelFailed,
)
from careledger.logs import logger

__all__ = ["Indexer", "Progress", "Summary"]

BATCHES_AHEAD = 1
RECENT_BLOCKS = 1_024
"""So many blocks below the head keep their row, so that the last common one is found exactly."""

MILESTONE_BLOCKS = 256
"""Of older ones followed one by one, every so many keep it."""

ANCESTORS_AT_ONCE = 100
POLL_SECONDS = 1.0
SQLITE_CACHE_KIBIBYTES = 65_536

ALONE = "SELECT pg_advisory_xact_lock(hashtext('careledger index'))"
"""Has one indexer write at a time; SQLite does so by itself."""

log = logger("indexer")


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a sync stands after a batch. `events` since its start."""

    block_number: int
    target: int
    events: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a sync did. `reorganizations`: how often it went back, by `blocks_back` in all."""

    block_number: int
    events: int = 0
    reorganizations: int = 0
    blocks_back: int = 0


class Indexer:
    """Writes the index of one deployment into a database. One at a time: a second one that moves the same index makes
    the first go on from where the second is.

    A context manager; leaving it closes the database.
    """

    def __init__(
        self,
        database: Database,
        source: Source,
        first_block: int = 1,
        schema: Schema | None = None,
        lag_patience_seconds: float = 15,
        anew: bool = False,
        registry: CollectorRegistry | None = None,
    ) -> None:
        """Makes the tables, if they are not there. `first_block`: the first that can have an event. A head below the
        index's is waited for `lag_patience_seconds`: a node may lag; then the chain is taken to have gone back. `anew`
        empties the index first, whatever chain, contracts or version it is of. Metrics go to `registry`.

        Raises DatabaseError, DatabaseOutdated, ChainError; IndexOfAnotherChain or IndexOutdated if what is there is of
        another chain, of other contracts or by another version.
        """
        self.schema = schema or own_schema()
        self._database = database
        self._source = source
        self._first_block = max(1, first_block)
        self._lag_patience_seconds = lag_patience_seconds
        self._handlers = _handlers_of(self.schema)
        if schema is None:
            database.migrate("indexer")
        self._fingerprint = self.schema.fingerprint()
        self._contracts = orjson.dumps(source.contracts).decode()
        self._metrics = source.metrics = Metrics(registry)
        self._chain = self._require_own(anew)
        source.expect(self._chain)

    # ------------------------------------------------------------------ keeping

    def sync(
        self,
        to: int | None = None,
        progress: Callable[[Progress], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Summary:
        """Brings the index to a block, by default to the head that the chain has now; until the next commit, if `stop`
        is set.

        Raises ChainError if no node answers, ChainDisagrees, IndexOfAnotherChain, IndexOutdated, IndexMissing,
        ReadModelFailed, DatabaseError. What was committed stays.
        """
        done = Summary(self._cursor().number)
        goal: int | None = None
        behind_since: float | None = None
        while True:
            cursor = self._cursor()
            if self._source.interrupted.is_set() or (stop is not None and stop.is_set()):
                return replace(done, block_number=cursor.number)
            try:
                head = self._head(cursor)
                if goal is None or goal > head.latest.number:
                    goal = head.latest.number if to is None else min(to, head.latest.number)
                if cursor.number >= goal:
                    self._require_on_chain(cursor, head)
                    self._keep_tags(head)
                    self._metrics.at(cursor, head.latest)
                    return replace(done, block_number=cursor.number)
                with rare_collections(), closing(_Ahead(self._source, cursor, goal, head.latest.number)) as batches:
                    for batch in batches:
                        _reached("fetched")
                        if not self._commit(batch, cursor, head):
                            log.info("index.moved", by="another indexer")
                            break
                        cursor, behind_since = batch.last, None
                        self._metrics.at(cursor, head.latest)
                        done = replace(done, block_number=cursor.number, events=done.events + len(batch.rows))
                        if progress is not None:
                            progress(Progress(cursor.number, goal, done.events))
                        if stop is not None and stop.is_set():
                            break
            except Reorganized:
                back = self._go_back()
                self._metrics.went_back(back)
                done = replace(done, reorganizations=done.reorganizations + 1, blocks_back=done.blocks_back + back)
                behind_since = None
            except Behind:
                behind_since = behind_since or time.monotonic()
                if time.monotonic() - behind_since > self._source.patience_seconds:
                    names = ", ".join(rpc.name for rpc in self._source.rpcs)
                    raise NodeUnreachable(
                        names, f"no node has the blocks after {cursor.number}, named as there"
                    ) from None
                self._source.interrupted.wait(POLL_SECONDS / 4)
            except AnotherChain as other:
                raise IndexOfAnotherChain(self._database.name, str(self._chain), str(other.identity)) from None

    def follow(
        self,
        stop: threading.Event,
        poll_seconds: float = POLL_SECONDS,
        progress: Callable[[Progress], None] | None = None,
    ) -> Summary:
        """Keeps up with the chain until `stop` is set. While no node answers, nodes disagree, or the database fails, it
        waits.

        Raises IndexOfAnotherChain, IndexOutdated, IndexMissing, ReadModelFailed; at the start also DatabaseError.
        """
        done = Summary(self._cursor().number)
        pause = poll_seconds
        while not stop.is_set():
            try:
                round_ = self.sync(progress=progress, stop=stop)
                pause = poll_seconds
            except (ChainError, ChainDisagrees, DatabaseError) as error:
                pause = min(2 * pause, 60 * poll_seconds)
                what = "database" if isinstance(error, DatabaseError) else "chain"
                log.warning(f"{what}.unavailable", problem=str(error), seconds=pause)
            else:
                done = Summary(
                    round_.block_number,
                    done.events + round_.events,
                    done.reorganizations + round_.reorganizations,
                    done.blocks_back + round_.blocks_back,
                )
            stop.wait(pause)
        return done

    def rebuild(self, progress: Callable[[Progress], None] | None = None) -> Summary:
        """Empties the index and builds it from the chain. Raises what `sync` raises."""
        self._source.expect(None)
        self._chain = self._require_own(anew=True)
        self._source.expect(self._chain)
        return self.sync(progress=progress)

    def verify(self, sample: int = 100) -> list[Mismatch]:
        """Checks some events of the index, spread over it, against the chain's receipts; returns those that differ.

        Raises ChainError, DatabaseError.
        """
        found: list[EventRow] = []
        first, last = self._first_block, self._cursor().number
        with self._database.read() as connection:
            held = [event for event, table in self.schema.events.items() if connection.execute(_any(table)).first()]
            for i, event in enumerate(held):
                table = self.schema.events[event]
                order = select(*table.c).order_by(table.c.block_number, table.c.log_index).limit(1)
                share = sample // len(held) + (i < sample % len(held))
                for part in range(share):
                    start = first + (last - first) * part // share
                    row = connection.execute(order.where(table.c.block_number >= start)).one_or_none()
                    if row is not None:
                        found.append(event_row(event, row, self._database.dialect))
        claims = list(dict.fromkeys(map(claim_of, found)))
        return self._source.ask(lambda rpc: check(rpc, claims))

    def close(self) -> None:
        """Closes the database."""
        self._source.interrupted.set()
        self._database.close()

    def __enter__(self) -> Indexer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------------ what the index is of

    def _require_own(self, anew: bool = False) -> Identity:
        """Begins the index, or checks that it is of this chain, these contracts and this version."""
        state = self.schema.state
        identity = self._source.identity()
        with self._database.read() as connection:
            found = connection.execute(select(state)).one_or_none()
        if found is None or anew:
            self._begin(identity, anew)
            return self._require_own()
        own = Identity(found.chain_id, found.genesis_hash)
        if own != identity:
            raise IndexOfAnotherChain(self._database.name, str(own), str(identity))
        self._require_same(found.fingerprint, found.contracts)
        return own

    def _require_same(self, fingerprint: str, contracts: str) -> None:
        if fingerprint != self._fingerprint:
            raise IndexOutdated(self._database.name, "was built by another version")
        if contracts != self._contracts:
            raise IndexOutdated(self._database.name, "is of other contracts (is `--payer` as it was?)")

    def _begin(self, identity: Identity, anew: bool) -> None:
        """Makes the index that of a chain, before its first block, unless it is begun. `anew` empties it in the same
        transaction: a node that does not answer, or a kill, leaves it as it was."""
        schema, number = self.schema, self._first_block - 1
        start, genesis = self._source.blocks([number, 0])
        if start is None or genesis is None:
            names = ", ".join(rpc.name for rpc in self._source.rpcs)
            raise NodeUnreachable(names, f"no node has block {number}, after which the contracts were made")
        with self._write() as connection:
            if anew:
                self._empty(connection)
            elif connection.execute(select(schema.state.c.chain_id)).first() is not None:
                return
            blocks = {block.number: block for block in (genesis, start)}.values()
            connection.execute(insert(schema.block), [_values(block, milestone=True) for block in blocks])
            connection.execute(
                insert(schema.state).values(
                    chain_id=identity.chain_id,
                    genesis_hash=identity.genesis_hash,
                    fingerprint=self._fingerprint,
                    contracts=self._contracts,
                    cursor_number=start.number,
                )
            )

    def _empty(self, connection: Connection) -> None:
        schema = self.schema
        tables = [*schema.events.values(), *schema.entities.values(), schema.block, schema.state]
        if self._database.dialect == "postgresql":
            # With `index_state` among them, which every reader looks at first, none sees half of it.
            names = ", ".join(f'"{table.name}"' for table in tables)
            connection.exec_driver_sql(f"TRUNCATE {names}")
            return
        for table in tables:
            connection.execute(delete(table))

    def _cursor(self) -> Block:
        """The block that the index ends with."""
        with self._database.read() as connection:
            return self._cursor_in(connection)

    def _cursor_in(self, connection: Connection) -> Block:
        """The block that the index ends with. Raises what says that another indexer made it another index."""
        block, state = self.schema.block, self.schema.state
        query = select(block.c.number, block.c.hash, block.c.parent_hash, block.c.time, state)
        found = connection.execute(query.join(state, state.c.cursor_number == block.c.number)).one_or_none()
        if found is None:
            raise IndexMissing(self._database.name)
        own = Identity(found.chain_id, found.genesis_hash)
        if own != self._chain:
            raise IndexOfAnotherChain(self._database.name, str(own), str(self._chain))
        self._require_same(found.fingerprint, found.contracts)
        return Block(*found[:4])

    # ------------------------------------------------------------------ forward

    def _head(self, cursor: Block) -> Head:
        """The chain's head. One below the index's end is waited for: the node may lag. Raises Reorganized if it stays
        there, or if its block is not the index's."""
        deadline = time.monotonic() + self._lag_patience_seconds
        while True:
            head = self._source.head(cursor.number)
            if head.latest.number >= cursor.number:
                return head
            self._metrics.at(cursor, head.latest)
            if not self._is_on_chain(head.latest) or time.monotonic() >= deadline:
                self._require_near(cursor, head)
                log.warning("chain.shorter", head=head.latest.number, index=cursor.number)
                raise Reorganized
            if self._source.interrupted.wait(min(POLL_SECONDS, max(0.01, self._lag_patience_seconds / 10))):
                raise Behind

    def _require_near(self, cursor: Block, head: Head) -> None:
        """Refuses to take back what was final, and much, for a node that may merely be far behind."""
        with self._database.read() as connection:
            final = connection.execute(select(self.schema.state.c.finalized_number)).scalar_one()
        number = head.latest.number
        if final is not None and number < final and number < cursor.number - RECENT_BLOCKS:
            names = ", ".join(rpc.name for rpc in self._source.rpcs)
            raise NodeUnreachable(
                names,
                f"the last block that a node has is {number}, far below block {final}, which was final: it lags; "
                "if the chain was set back, run `careledger index rebuild`",
            )

    def _is_on_chain(self, head: Block) -> bool:
        """Whether the index knows a block, or nothing of that number."""
        block = self.schema.block
        with self._database.read() as connection:
            known = connection.execute(select(block.c.hash).where(block.c.number == head.number)).scalar_one_or_none()
        return known in (None, head.hash)

    def _require_on_chain(self, cursor: Block, head: Head) -> None:
        current = head.latest if head.latest.number == cursor.number else self._source.block(cursor.number)
        if current is None:  # the head is another node's
            raise Behind
        if current.hash != cursor.hash:
            raise Reorganized

    def _commit(self, batch: Batch, cursor: Block, head: Head) -> bool:
        """Writes a batch; False if the index does not end with `cursor` any more."""
        schema, dialect = self.schema, self._database.dialect
        by_kind: dict[type[Any], list[Row]] = {}
        for row in batch.rows:
            kind = type(row)
            if kind not in by_kind:
                by_kind[kind] = []
            by_kind[kind].append(row)
        with self._write() as connection:
            if self._cursor_in(connection) != cursor:
                return False
            for event, table in schema.events.items():
                rows = by_kind.get(ROW_TYPES[event])
                if rows:
                    insert_rows(connection, dialect, table.name, event_column_kinds(event), rows)
            self._apply(connection, batch.rows, by_kind)
            self._remember(connection, batch, head)
            self._set_state(connection, head, cursor_number=batch.last.number)
            _reached("written")
        _reached("committed")
        self._metrics.stored({kind.__name__: len(rows) for kind, rows in by_kind.items()})
        return True

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._database.write() as connection:
            is_sqlite = self._database.dialect == "sqlite"
            connection.exec_driver_sql(f"PRAGMA cache_size = -{SQLITE_CACHE_KIBIBYTES}" if is_sqlite else ALONE)
            yield connection

    def _apply(self, connection: Connection, rows: Sequence[Row], by_kind: dict[type[Any], list[Row]]) -> None:
        """Runs the read models' handlers."""
        dialect = self._database.dialect
        wanted: dict[Entity, dict[Key, None]] = {}
        row: Row = None
        try:
            for kind, found in by_kind.items():
                for touches, _ in self._handlers.get(kind, ()):
                    for row in found:
                        for entity, key in touches(row):
                            wanted.setdefault(entity, {})[key] = None
        except Exception as error:
            raise _failure(row, error) from error
        state = State()
        for entity, keys in wanted.items():
            missing = state.missing(entity, keys)
            state.load(entity, missing, load_versions(connection, dialect, entity, missing))
        handlers = {kind: [handler for _, handler in found] for kind, found in self._handlers.items()}
        nothing: list[Handler] = []
        try:
            for row in rows:
                if run := handlers.get(type(row), nothing):
                    state.handle(row, run)
        except Exception as error:
            raise _failure(row, error) from error
        for entity in state.entities():
            close_versions(connection, dialect, entity, state.closed(entity))
            # In the order of the index, which has them side by side then.
            opened = sorted(rows_of(entity, state.opened(entity)))
            if opened:
                insert_rows(connection, dialect, entity.name, column_kinds(entity), opened)

    def _remember(self, connection: Connection, batch: Batch, head: Head) -> None:
        block = self.schema.block
        connection.execute(
            insert(block),
            [
                _values(seen, milestone=not batch.is_near or seen.number % MILESTONE_BLOCKS == 0)
                for seen in batch.blocks
            ],
        )
        settled = min(head.finalized if head.finalized is not None else batch.first, batch.first) - RECENT_BLOCKS
        # The span is bounded, so that a batch does not look through all of the past.
        old = (block.c.number < settled) & (block.c.number >= settled - 2 * RECENT_BLOCKS)
        connection.execute(delete(block).where(old, block.c.milestone.is_(False)))

    def _keep_tags(self, head: Head) -> None:
        state = self.schema.state
        with self._database.read() as connection:
            known = connection.execute(select(state.c.safe_number, state.c.finalized_number)).one()
        if tuple(known) != (head.safe, head.finalized):
            with self._write() as connection:
                self._set_state(connection, head)

    def _set_state(self, connection: Connection, head: Head, **values: int) -> None:
        connection.execute(
            update(self.schema.state).values(safe_number=head.safe, finalized_number=head.finalized, **values)
        )

    # ------------------------------------------------------------------ back

    def _go_back(self) -> int:
        """Takes back what is not on the chain any more; returns by how many blocks. Raises ChainError."""
        cursor = self._cursor()
        ancestor = self._ancestor()
        schema = self.schema
        with self._write() as connection:
            if self._cursor_in(connection) != cursor:
                return 0
            for table in schema.events.values():
                connection.execute(delete(table).where(table.c.block_number > ancestor.number))
            for table in schema.entities.values():
                connection.execute(delete(table).where(table.c.since_block > ancestor.number))
                reopened = update(table).where(table.c.until_block > ancestor.number)
                connection.execute(reopened.values(until_block=None, until_log=None))
            connection.execute(delete(schema.block).where(schema.block.c.number > ancestor.number))
            connection.execute(update(schema.state).values(cursor_number=ancestor.number))
        log.info("index.back", block=ancestor.number, blocks=cursor.number - ancestor.number)
        return cursor.number - ancestor.number

    def _ancestor(self) -> Block:
        """The last block that both the index and the chain have."""
        block = self.schema.block
        below: int | None = None
        while True:
            query = select(block.c.number, block.c.hash, block.c.parent_hash, block.c.time)
            if below is not None:
                query = query.where(block.c.number < below)
            with self._database.read() as connection:
                rows = connection.execute(query.order_by(block.c.number.desc()).limit(ANCESTORS_AT_ONCE)).all()
            if not rows:
                raise IndexOfAnotherChain(self._database.name, str(self._chain), "with another block 0")
            known = [Block(*row) for row in rows]
            for own, current in zip(known, self._source.blocks([b.number for b in known]), strict=True):
                if current is not None and current.hash == own.hash:
                    return own
            below = known[-1].number


class _Ahead:
    """Fetches batches in a thread, one ahead of the one that is being written."""

    def __init__(self, source: Source, after: Block, to: int, head: int) -> None:
        self._source = source
        self._queue: queue.Queue[Batch | BaseException | None] = queue.Queue(BATCHES_AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(source, after, to, head), daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Batch]:
        while (found := self._queue.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found

    def close(self) -> None:
        """Ends the thread, after the request that it is at."""
        self._stopped.set()
        was_interrupted = self._source.interrupted.is_set()
        self._source.interrupted.set()
        self._thread.join()
        if not was_interrupted:
            self._source.interrupted.clear()

    def _run(self, source: Source, after: Block, to: int, head: int) -> None:
        try:
            while after.number < to and not self._stopped.is_set():
                batch = source.fetch(after, to, head)
                after = batch.last
                self._put(batch)
                del batch
            self._put(None)
        except BaseException as error:  # raised where the batches are taken
            self._put(error)

    def _put(self, item: Batch | BaseException | None) -> None:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=0.1)
                return
            except queue.Full:
                continue


def _reached(point: str) -> None:
    """Nothing. Tests put a kill here: `fetched`, `written` (before the commit), `committed`."""


def _failure(row: Row, error: Exception) -> ReadModelFailed:
    return ReadModelFailed(type(row).__name__, row.block_number, row.log_index, f"{type(error).__name__}: {error}")


def _any(table: Table) -> Select[Any]:
    return select(table.c.block_number).limit(1)


def _handlers_of(schema: Schema) -> dict[type[Any], list[tuple[Touches, Handler]]]:
    handlers: dict[type[Any], list[tuple[Touches, Handler]]] = {}
    for model in schema.models:
        for event, found in model.handlers.items():
            handlers.setdefault(ROW_TYPES[event], []).extend(found)
    return handlers


def _values(block: Block, milestone: bool) -> dict[str, Any]:
    return {
        "number": block.number,
        "hash": block.hash,
        "parent_hash": block.parent_hash,
        "time": block.time,
        "milestone": milestone,
    }
