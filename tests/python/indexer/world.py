"""What tests of the indexer share: a node that fails on demand, indexers over one contract, the content of tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from careledger.chain.connection import Connection
from careledger.chain.database import Database
from careledger.chain.indexer.engine import Indexer
from careledger.chain.indexer.source import Source
from careledger.chain.indexer.tables import Schema, own_schema
from careledger.chain.rpc import Answer, Call, HttpRpc, Rpc
from careledger.errors import NodeUnreachable
from indexer.emitter import Emitter
from sqlalchemy import select
from web3.types import RPCEndpoint

Spoil = Callable[[str, list[Any], Answer], Answer]
DATABASES = ("sqlite", "postgresql")


class SpoiledRpc:
    """A node behind which answers are changed. Attributes: `spoil`, applied to each answer; `is_down`; `counts`, the
    calls by method."""

    def __init__(self, url: str, spoil: Spoil | None = None) -> None:
        self._rpc = HttpRpc(url)
        self.name = f"{self._rpc.name}/spoiled"
        self.spoil = spoil
        self.is_down = False
        self.counts: dict[str, int] = {}

    def batch(self, calls: Sequence[Call]) -> list[Answer]:
        if self.is_down:
            raise NodeUnreachable(self.name, "down")
        for method, _ in calls:
            self.counts[method] = self.counts.get(method, 0) + 1
        answers = self._rpc.batch(calls)
        if self.spoil is None:
            return answers
        return [self.spoil(method, params, answer) for (method, params), answer in zip(calls, answers, strict=True)]

    def call(self, method: str, *parameters: Any) -> Any:
        return self.batch([(method, list(parameters))])[0]


def source(nodes: str | Sequence[Rpc], emitter: Emitter, **options: Any) -> Source:
    """A source of the emitter's events that gives up soon."""
    rpcs = [HttpRpc(nodes)] if isinstance(nodes, str) else list(nodes)
    return Source(rpcs, [emitter.address], **{"patience_seconds": 2, **options})


@contextmanager
def indexer(url: str, of: Source, emitter: Emitter, **options: Any) -> Iterator[Indexer]:
    """An indexer that doesn't wait for a shorter chain to grow."""
    options = {"lag_patience_seconds": 0, **options}
    with Indexer(Database(url, durable=False), of, emitter.first_block, **options) as engine:
        yield engine


def content(url: str, schema: Schema | None = None) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of all tables of events and entities that have some, sorted, with numbers as `int`."""
    schema = schema or own_schema()
    tables = {table.name: table for table in (*schema.events.values(), *schema.entities.values())}
    filled = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in tables)
    database = Database(url)
    try:
        with database.read() as connection:
            return {
                name: sorted((_plain(tables[name], row) for row in connection.execute(select(tables[name]))), key=repr)
                for name in connection.exec_driver_sql(filled).scalars()
            }
    finally:
        database.close()


def _plain(table: Any, row: Any) -> tuple[Any, ...]:
    return tuple(
        int(value) if isinstance(value, Decimal) or (value is not None and "NUMERIC" in str(column.type)) else value
        for column, value in zip(table.columns, row, strict=True)
    )


def request(connection: Connection, method: str, *parameters: Any) -> Any:
    """One of the node's own calls."""
    return connection.web3.manager.request_blocking(RPCEndpoint(method), list(parameters))


def mine(connection: Connection, blocks: int) -> None:
    request(connection, "anvil_mine", hex(blocks))
