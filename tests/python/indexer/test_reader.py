"""The read API: state at a block, tag or time, the past, filters, pages, and the check of rows against the chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from careledger.chain.connection import Connection
from careledger.chain.database import Database
from careledger.chain.development import Node
from careledger.chain.indexer.model import Kind, ReadModel, State
from careledger.chain.indexer.reader import EventRow, Index
from careledger.chain.indexer.tables import Schema
from careledger.chain.rpc import HttpRpc
from careledger.contract_enums import KeyStatus
from careledger.contract_events import KeyAdded, KeyRetired, TaskCounted
from careledger.errors import IndexMissing, IndexOutdated, InvalidInput
from careledger.identity.read_model import KEY
from eth_utils.address import is_checksum_address
from indexer.emitter import Emitter
from indexer.world import DATABASES, indexer, mine, request, source
from postgres import postgres
from sqlalchemy import update

COUNTS = ReadModel("counts", 1)
COUNT = COUNTS.entity(
    "count_of",
    {"finished": Kind.UINT, "task": Kind.TEXT},
    {"wide": Kind.UINT, "is_even": Kind.BOOL, "words": Kind.JSON, "remark": Kind.TEXT},
)
ADDED = COUNTS.entity("added_of", {"organization": Kind.TEXT}, {"count": Kind.INTEGER})


@COUNTS.on(TaskCounted, touches=lambda row: [(COUNT, (row.finished, row.task))])
def _counted(state: State, row: Any) -> None:
    state.put(
        COUNT,
        (row.finished, row.task),
        wide=row.finished // 3,
        is_even=row.finished % 2 == 0,
        words={"b": [1, "ä"], "a": row.log_index},
        remark=None,
    )


@COUNTS.on(KeyAdded, touches=lambda row: [(ADDED, (row.organization,))])
def _added(state: State, row: Any) -> None:
    current = state.get(ADDED, (row.organization,)) or {"count": 0}
    state.put(ADDED, (row.organization,), count=current["count"] + 1)


class World:
    """A chain with keys of 3 organizations, some of them retired 100 s later, over two databases."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.connection: Connection = node.connect()
        self.emitter = Emitter(self.connection)
        self.emitter.emit("addKeys", 0, 25)
        self.added_block, self.added_time = self.connection.block_number(), self.connection.block_time()
        request(self.connection, "evm_increaseTime", 100)
        mine(self.connection, 1)
        self.emitter.emit("retireKeys", 5, 10)
        self.retired_block, self.retired_time = self.connection.block_number(), self.connection.block_time()
        request(self.connection, "evm_increaseTime", 100)
        mine(self.connection, 40)
        self.emitter.emit("countTasks", 0, 40)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Node() as node:
        yield World(node)


@pytest.fixture(scope="module", params=DATABASES)
def index(request: pytest.FixtureRequest, world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    schema = Schema((*Schema().models, COUNTS))

    def built(url: str) -> Iterator[Index]:
        database = Database(url)
        schema.metadata.create_all(database.engine)
        with indexer(url, source(world.node.url, world.emitter), world.emitter, schema=schema) as keeper:
            keeper.sync()
        yield Index(database, schema)
        database.close()

    if request.param == "sqlite":
        yield from built(f"sqlite:///{tmp_path_factory.mktemp('index')}/a.db")
    else:
        with postgres() as url:
            yield from built(url)


def all_pages(page_of: Callable[[Any], Any]) -> list[Any]:
    rows, after = [], None
    while True:
        page = page_of(after)
        rows += page.rows
        if page.next is None:
            return rows
        after = page.next


def test_the_state_at_blocks_and_times(index: Index, world: World) -> None:
    def active(**at: Any) -> int:
        return index.at(**at).count(KEY, {"status": KeyStatus.ACTIVE})

    assert active() == active(block="latest") == 15
    assert active(block=world.retired_block) == 15
    assert active(block=world.retired_block - 1) == active(block=world.added_block) == 25
    assert active(block=world.added_block - 1) == active(block=0) == 0
    assert active(time=world.added_time) == active(time=world.retired_time - 1) == 25
    assert active(time=world.retired_time) == active(time=2**40) == 15
    assert active(time=world.added_time - 1) == active(time=0) == 0


def test_a_block_has_the_hash_that_the_chain_has(index: Index, world: World) -> None:
    for number in (world.added_block, index.status().block_number):
        assert index.at(number).block_hash == world.connection.block_hash(number)


def test_tags_are_blocks_below_the_head(index: Index, world: World) -> None:
    status = index.status()
    assert status.block_number == world.connection.block_number()
    assert status.safe == status.block_number - 32
    assert status.contracts == (world.emitter.address,)
    assert index.at("safe").block_number == status.safe
    assert index.at("safe").count(COUNT) == 0
    assert index.at("latest").count(COUNT) == 40
    assert index.at("finalized").block_number == status.finalized


def test_a_node_without_tags(index: Index, world: World) -> None:
    state = index.schema.state
    before = index.status()
    with index._database.write() as connection:
        connection.execute(update(state).values(safe_number=None))
    with pytest.raises(InvalidInput, match="safe"):
        index.at("safe")
    with index._database.write() as connection:
        connection.execute(update(state).values(safe_number=before.safe))


@pytest.mark.parametrize("limit", [1, 7, 25, 1_000])
def test_pages_give_every_row_once(index: Index, limit: int) -> None:
    view = index.at()
    keys = all_pages(lambda after: view.rows(KEY, after=after, limit=limit))
    assert len({row.key["key"] for row in keys}) == len(keys) == 25
    assert [row.key["key"].lower() for row in keys] == sorted(row.key["key"].lower() for row in keys)
    wide = all_pages(lambda after: view.rows(COUNT, after=after, limit=limit))
    numbers = [row.key["finished"] for row in wide]
    assert numbers == sorted(2**256 - 1 >> i for i in range(40))
    events = all_pages(lambda after: view.events(KeyAdded, after=after, limit=limit))
    assert [row.log_index for row in events] == list(range(25))


def test_values_come_back_as_they_were_put(index: Index) -> None:
    page = index.at().rows(COUNT, {"is_even": False}, limit=1)
    (row,) = page.rows
    assert row.values == {
        "wide": row.key["finished"] // 3,
        "is_even": False,
        "words": {"a": row.since_log, "b": [1, "ä"]},
        "remark": None,
    }
    assert index.at().rows(COUNT, {"wide": row.values["wide"]}).rows == [row]
    assert index.at().get(COUNT, tuple(row.key.values())) == row


def test_filters(index: Index) -> None:
    view = index.at()
    some = view.rows(KEY, limit=3).rows
    wanted = [row.key["key"] for row in some]
    assert all(is_checksum_address(address) for address in wanted)
    assert view.rows(KEY, {"key": wanted}).rows == some
    assert view.rows(KEY, {"key": []}).rows == []
    assert view.rows("organization_key", {"key": wanted[0].lower()}).rows == some[:1]
    assert view.count(KEY, {"retired_at": None}) == 15
    assert view.count(COUNT, {"remark": None, "is_even": [True, False]}) == 40
    by_organization = view.events(KeyAdded, {"organization": some[0].values["organization"]}).rows
    assert 0 < len(by_organization) < 25


def test_history(index: Index, world: World) -> None:
    retired = index.at().rows(KEY, {"status": KeyStatus.RETIRED}, limit=1).rows[0]
    key = (retired.key["key"],)
    added, ended = index.at().history(KEY, key).rows
    assert (added.since_block, added.until_block) == (world.added_block, world.retired_block)
    assert (added.until_block, added.until_log) == (ended.since_block, ended.since_log)
    assert ended == retired
    (then,) = index.at(world.added_block).history(KEY, key).rows
    assert then == replace(added, until_block=None, until_log=None)
    organization = retired.values["organization"]
    counts = all_pages(lambda after: index.at().history(ADDED, (organization,), after=after, limit=3))
    assert [row.values["count"] for row in counts] == list(range(1, 11))
    assert index.at().get(KEY, ("0x" + "00" * 20,)) is None


def test_time_ranges_of_events(index: Index, world: World) -> None:
    view = index.at()

    def count(**times: int) -> int:
        return len(view.events(KeyRetired, **times).rows)

    assert count(from_time=world.retired_time) == count(to_time=world.retired_time) == count() == 10
    assert count(from_time=world.retired_time, to_time=world.retired_time) == 10
    assert count(from_time=world.retired_time + 1) == count(to_time=world.retired_time - 1) == 0
    assert len(index.at(world.retired_block - 1).events(KeyRetired).rows) == 0


def test_rows_are_checked_on_chain(index: Index, world: World) -> None:
    rpc = HttpRpc(world.node.url)
    view = index.at()
    events, keys = view.events(KeyRetired).rows, view.rows(KEY).rows
    assert index.verify([*events, *keys], rpc) == []
    event = events[0]
    forged = [
        replace(event, event=KeyRetired("0x" + "00" * 12, event.event.key)),  # type: ignore[attr-defined]
        replace(event, log_index=99),
        replace(event, address="0x" + "11" * 20),
        replace(event, block_number=event.block_number - 1),
        replace(event, transaction_hash="0x" + "11" * 32),
        replace(keys[0], since_log=77),
    ]
    found = index.verify([event, *forged], rpc)
    assert len(found) == len(forged)
    assert len({mismatch.problem for mismatch in found}) == 5


def test_rows_of_a_block_that_is_gone_are_told(fresh: Callable[[str], str]) -> None:
    with Node() as node:
        emitter = Emitter(node.connect())
        emitter.emit("addKeys", 0, 2)
        url = fresh("sqlite")
        with indexer(url, source(node.url, emitter), emitter) as keeper:
            keeper.sync()
        with Index.open(url) as index:
            rows: list[EventRow] = index.at().events(KeyAdded).rows
            request(node.connect(), "anvil_reorg", 1, [])
            assert len(index.verify(rows, HttpRpc(node.url))) == 2


@pytest.mark.parametrize(
    "ask",
    [
        lambda index: index.at(10**9),
        lambda index: index.at(-1),
        lambda index: index.at("pending"),
        lambda index: index.at().rows("nothing"),
        lambda index: index.at().rows(KEY, {"nothing": 1}),
        lambda index: index.at().rows(KEY, limit=0),
        lambda index: index.at().rows(KEY, after=("a", "b")),
        lambda index: index.at().history(KEY, ()),
        lambda index: index.at().events(KeyAdded, limit=10**9),
        lambda index: index.at().events(int),
    ],
)
def test_questions_that_make_no_sense_are_refused(index: Index, ask: Callable[[Index], Any]) -> None:
    with pytest.raises(InvalidInput):
        ask(index)


def test_a_database_without_an_index(url: str) -> None:
    with pytest.raises(IndexMissing):
        Index.open(url)
    database = Database(url)
    database.migrate("indexer")
    database.close()
    with pytest.raises(IndexMissing):
        Index.open(url)


def test_a_file_that_is_not_there_stays_away(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        Index.open(f"sqlite:///{tmp_path}/none.db")
    assert list(tmp_path.iterdir()) == []


def test_an_index_of_another_version(fresh: Callable[[str], str], world: World) -> None:
    url = fresh("sqlite")
    with indexer(url, source(world.node.url, world.emitter), world.emitter) as keeper:
        keeper.sync()
        with keeper._database.write() as connection:
            connection.execute(update(keeper.schema.state).values(fingerprint="old"))
    with pytest.raises(IndexOutdated):
        Index.open(url)
