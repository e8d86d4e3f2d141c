"""What once went wrong in the indexer, or would have: nodes that mislead, two indexers at once, readers while the index
is taken back, questions that no row can answer."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from careledger.chain.database import Database
from careledger.chain.development import Node
from careledger.chain.indexer import engine
from careledger.chain.indexer import source as sources
from careledger.chain.indexer.decoder import BadLogs, decode_logs
from careledger.chain.indexer.engine import Indexer, Progress
from careledger.chain.indexer.model import ReadModel
from careledger.chain.indexer.models import READ_MODELS
from careledger.chain.indexer.reader import Index
from careledger.chain.indexer.source import Source
from careledger.chain.indexer.tables import Schema
from careledger.chain.rpc import Answer, HttpRpc, RpcError, quantity
from careledger.contract_events import KeyAdded
from careledger.errors import (
    ChainError,
    DatabaseError,
    IndexMissing,
    IndexOutdated,
    IndexWentBack,
    InvalidInput,
    NodeUnreachable,
    ReadModelFailed,
)
from careledger.identity.governance_read_model import MEMBER, ROLE
from careledger.identity.read_model import KEY
from indexer.emitter import Emitter
from indexer.fake_chain import CONTRACT, Chain, ChainRpc
from indexer.test_engine import Fresh
from indexer.world import content, source
from indexer.world import indexer as indexer_of_emitter
from prometheus_client import CollectorRegistry
from sqlalchemy import inspect, select, update


@contextmanager
def indexer(url: str, *nodes: ChainRpc, **options: Any) -> Iterator[Indexer]:
    """An indexer of a chain in this process, which doesn't wait."""
    of_source = {name: options.pop(name) for name in ("near_blocks", "batch_logs") if name in options}
    of = Source(nodes, [CONTRACT], **{"patience_seconds": 0.3, **of_source})
    with Indexer(Database(url, durable=False), of, **{"lag_patience_seconds": 0, **options}) as keeper:
        yield keeper


def rebuilt(fresh: Fresh, chain: Chain, name: str = "sqlite") -> dict[str, list[tuple[object, ...]]]:
    url = fresh(name)
    with indexer(url, ChainRpc(chain)) as keeper:
        keeper.sync()
    return content(url)


@pytest.fixture
def chain() -> Chain:
    """A hundred blocks; the last five have keys."""
    made = Chain()
    made.mine(count=95)
    made.mine(keys=3, count=5)
    return made


# ------------------------------------------------------------------ read models


def failing() -> Schema:
    model = ReadModel("failing", 1)

    @model.on(KeyAdded, touches=lambda _: ())
    def _fail(state: object, row: Any) -> None:
        if (row.block_number, row.log_index) == (98, 2):
            raise KeyError("colour")

    return Schema((*READ_MODELS, model))


def test_a_read_model_that_fails_is_named_with_its_event_and_keeps_nothing_of_the_batch(
    chain: Chain, fresh: Fresh
) -> None:
    url, schema = fresh("sqlite"), failing()
    database = Database(url)
    schema.metadata.create_all(database.engine)
    database.close()
    with indexer(url, ChainRpc(chain), schema=schema) as keeper:
        keeper.sync(to=97)
        with pytest.raises(ReadModelFailed) as failure:
            keeper.sync()
        assert keeper._cursor().number == 97
        with pytest.raises(ReadModelFailed):
            keeper.follow(threading.Event(), 0.01)
    assert failure.value.fields() == {
        "event": "KeyAdded",
        "block_number": 98,
        "log_index": 2,
        "problem": "KeyError: 'colour'",
    }


def test_a_log_that_cannot_be_read_is_named() -> None:
    chain = Chain()
    chain.mine(keys=2)
    logs = [dict(log) for log in chain.blocks[1]["logs"]]
    logs[1]["topics"] = logs[1]["topics"][:2]
    with pytest.raises(BadLogs, match="log 1 of block 1: "):
        decode_logs(logs, 1, 1, {CONTRACT: CONTRACT}, {})


# ------------------------------------------------------------------ one index, several indexers


def test_a_rebuild_that_no_node_answers_leaves_the_index(chain: Chain, url: str) -> None:
    node = ChainRpc(chain)
    with indexer(url, node) as keeper:
        keeper.sync()
        before = content(url)
        node.is_down = True
        with pytest.raises(NodeUnreachable):
            keeper.rebuild()
    with pytest.raises(NodeUnreachable), indexer(url, node, anew=True):
        pass
    assert content(url) == before
    with Index.open(url) as index:
        assert index.status().block_number == chain.height


def test_a_rebuild_may_be_from_another_chain(chain: Chain, url: str, fresh: Fresh) -> None:
    node = ChainRpc(chain)
    with indexer(url, node) as keeper:
        keeper.sync()
        node.chain = Chain("other")
        node.chain.mine(keys=1, count=4)
        assert keeper.rebuild().events == 4
    assert content(url) == rebuilt(fresh, node.chain)


def test_an_indexer_whose_index_another_version_rebuilt_writes_nothing_more(
    chain: Chain, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = ChainRpc(chain)
    with indexer(url, node) as old:
        old.sync()
        with monkeypatch.context() as newer:
            newer.setattr(Schema, "fingerprint", lambda _: "newer")
            with indexer(url, node, anew=True) as new:
                new.sync()
        chain.mine(keys=1)
        before = content(url)
        with pytest.raises(IndexOutdated):
            old.sync()
        with pytest.raises(IndexOutdated):
            old.follow(threading.Event(), 0.01)
        assert content(url) == before


def test_two_that_begin_an_index_at_once(chain: Chain, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = Source.blocks
    turns: list[int] = []

    def late(self: Source, numbers: Any) -> Any:
        turns.append(1)
        if len(turns) == 1:
            with indexer(url, ChainRpc(chain)) as other:
                other.sync(to=50)
        return blocks(self, numbers)

    monkeypatch.setattr(Source, "blocks", late)
    with indexer(url, ChainRpc(chain)) as keeper:
        assert keeper._cursor().number == 50
        assert keeper.sync().events == 15


def test_one_goes_back_while_another_writes(
    chain: Chain, url: str, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that writes has a block of the old fork, and commits it while the other takes the fork back."""
    node, other_node = ChainRpc(chain), ChainRpc(chain)
    with indexer(url, node) as one, indexer(url, other_node) as other:
        one.sync()
        chain.mine(keys=2)
        threads = []

        def reached(point: str) -> None:
            if point == "written" and not threads:
                chain.back(3)
                chain.mine(keys=1, count=4, fork="b")
                threads.append(threading.Thread(target=other.sync))
                threads[0].start()
                time.sleep(0.5)

        monkeypatch.setattr(engine, "_reached", reached)
        one.sync()
        threads[0].join()
        one.sync()
        other.sync()
    assert content(url) == rebuilt(fresh, chain)


# ------------------------------------------------------------------ reorganizations


@pytest.mark.parametrize("seed", [0, *[pytest.param(seed, marks=pytest.mark.full) for seed in range(1, 60)]])
def test_forks_back_and_forth(seed: int, fresh: Fresh) -> None:
    """Also to forks that were there before, while blocks are fetched, and far below what is remembered exactly."""
    chance = random.Random(seed)
    chain, url = Chain(), fresh("sqlite")
    chain.mine(count=20)
    node = ChainRpc(chain)
    forks: list[list[Any]] = []

    def act() -> None:
        choice = chance.random()
        if choice < 0.5 or chain.height < 12:
            chain.mine(chance.choice([0, 0, 1, 4]), chance.choice([1, 3, 90]), str(chance.random()))
        elif choice < 0.75 or not forks:
            depth = chance.choice([1, 2, 7, min(150, chain.height - 2)])
            forks.append(list(chain.blocks))
            chain.back(depth)
            chain.mine(chance.choice([0, 2]), chance.choice([1, depth, depth + 1]), str(chance.random()))
        else:  # to a fork that was there
            old = chance.choice(forks)
            forks.append(list(chain.blocks))
            chain.blocks[:] = old

    def before(method: str, params: list[Any]) -> None:
        if chance.random() < 0.03:
            act()

    for _ in range(15):
        node.before = None
        act()
        node.before = before if chance.random() < 0.7 else None
        near = chance.choice([1, 8, 64])
        with indexer(url, node, near_blocks=near, batch_logs=chance.choice([1, 10_000])) as keeper:
            try:
                keeper.sync()
            except ChainError:  # it changed too often
                assert node.before is not None
    node.before = None
    with indexer(url, node) as keeper:
        keeper.sync()
        assert keeper.verify() == []
    assert content(url) == rebuilt(fresh, chain)


def test_a_range_is_of_one_fork_with_the_block_before_it(fresh: Fresh) -> None:
    """The chain forks below the range after the block before it was looked at, and before the range's own were."""
    chain, url = Chain(), fresh("sqlite")
    chain.mine(keys=1, count=10)
    chain.mine(count=100)
    node = ChainRpc(chain)
    with indexer(url, node) as keeper:
        keeper.sync(to=10)
        seen = []

        def before(method: str, params: list[Any]) -> None:
            # Right after the header of the block that the index ends with was given.
            if seen and seen[-1] == ("eth_getBlockByNumber", [hex(10), False]) and len(seen) > 5:
                node.before = None
                chain.back(105)
                chain.mine(keys=2, count=105, fork="b")
            seen.append((method, params))

        node.before = before
        keeper.sync()
    assert content(url) == rebuilt(fresh, chain)


def test_no_logs_of_a_block_that_left_the_chain_and_came_back(fresh: Fresh) -> None:
    chain, url = Chain(), fresh("sqlite")
    chain.mine(count=5)
    chain.mine(keys=2)
    node = ChainRpc(chain)
    gone: list[Any] = []

    def before(method: str, params: list[Any]) -> None:
        if method == "eth_getLogs" and not gone:
            gone.extend(chain.back(1))
        elif method != "eth_getLogs" and method != "eth_getBlockByHash" and gone and chain.height == 5:
            chain.blocks.extend(gone)

    node.before = before
    with indexer(url, node) as keeper:
        keeper.sync()
    assert gone
    assert content(url) == rebuilt(fresh, chain)


# ------------------------------------------------------------------ nodes that lag


def test_a_first_node_that_lags_does_not_take_the_index_back(chain: Chain, fresh: Fresh) -> None:
    nodes = ChainRpc(chain, name="first"), ChainRpc(chain, name="second")
    with indexer(fresh("sqlite"), *nodes) as keeper:
        keeper.sync()
        chain.mine(keys=1, count=2)
        nodes[0].lag = 7
        assert keeper.sync(to=100).reorganizations == 0
        assert keeper.sync().reorganizations == 0


def test_a_node_far_behind_does_not_say_how_far_a_fork_goes_back(chain: Chain, fresh: Fresh) -> None:
    nodes = ChainRpc(chain, name="first"), ChainRpc(chain, name="second")
    with indexer(fresh("sqlite"), *nodes) as keeper:
        keeper.sync()
        chain.back(1)
        chain.mine(keys=2, count=2, fork="b")
        nodes[0].lag = 80
        done = keeper.sync()
        assert (done.reorganizations, done.blocks_back) == (1, 1)


def test_what_was_final_is_not_given_up_for_a_node_that_is_far_behind(fresh: Fresh) -> None:
    chain, url = Chain(), fresh("sqlite")
    chain.mine(keys=1, count=2)
    chain.mine(count=1_300)
    node = ChainRpc(chain)
    with indexer(url, node) as keeper:
        keeper.sync()
        node.lag = 1_250
        with pytest.raises(NodeUnreachable, match="rebuild"):
            keeper.sync()
        assert keeper._cursor().number == chain.height
        node.lag = 0
        chain.back(100)  # near enough to have happened, and cheap to mend
        assert keeper.sync().blocks_back >= 100


# ------------------------------------------------------------------ nodes that answer strangely


@pytest.mark.parametrize("bloom", ["0xzz", "nonsense", [], {}, 12, "0x" + "g" * 512])
def test_a_bloom_filter_that_is_none(chain: Chain, fresh: Fresh, bloom: Any) -> None:
    node = ChainRpc(chain)

    def spoil(method: str, params: list[Any], answer: Answer) -> Answer:
        return {**answer, "logsBloom": bloom} if method == "eth_getBlockByNumber" and answer else answer

    url = fresh("sqlite")
    with indexer(url, node) as keeper:
        node.spoil = spoil
        if bloom in ([], {}):  # as good as none
            keeper.sync()
            return
        with pytest.raises(ChainError):
            keeper.sync()
        node.spoil = None
        assert keeper.sync().events == 15


def test_times_of_logs_that_the_blocks_do_not_have(fresh: Fresh) -> None:
    """An Anvil that had loaded its state was seen to give such ones: the headers then tell the times."""
    chain, url, honest = Chain(), fresh("sqlite"), fresh("sqlite")
    chain.mine(keys=1, count=10)
    chain.mine(count=100)
    node = ChainRpc(chain)

    def spoil(method: str, params: list[Any], answer: Answer) -> Answer:
        return [{**log, "blockTimestamp": "0x0"} for log in answer] if method == "eth_getLogs" else answer

    with indexer(honest, ChainRpc(chain)) as keeper:
        keeper.sync()
    with indexer(url, node) as keeper:
        node.spoil = spoil
        keeper.sync()
    assert content(honest)
    assert content(url) == content(honest)


RATE_LIMITS = (
    RpcError(429, "Your app has exceeded its compute units per second capacity."),
    RpcError(-32005, "daily request count exceeded, request rate limited"),
    RpcError(-32007, "50/second request limit reached - reduce calls per second: too many requests"),
)
RANGE_LIMITS = (
    "query returned more than 10000 results",
    "query exceeds max results 20000, retry with the range 1-5",
    "eth_getLogs is limited to a 10,000 range",
    "block range is too wide",
    "exceed maximum block range: 5000",
    "requested too many blocks from 1 to 9, maximum is set to 2048",
    "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range.",
    "logs matched by query exceeds limit of 10000",
    "query timeout exceeded",
    "response size should not greater than 10000000 bytes",
    "Block range limit exceeded.",
    "ranges over 10000 blocks are not supported on freetier",
    "limit exceeded",
    "backend response too large",
)


@pytest.mark.parametrize("limit", RATE_LIMITS, ids=lambda limit: str(limit.code))
def test_a_rate_limit_gives_the_node_time_and_keeps_the_range(fresh: Fresh, limit: RpcError) -> None:
    chain = Chain()
    chain.mine(count=2_000)
    node = ChainRpc(chain)
    refusals = 2

    def spoil(method: str, params: list[Any], answer: Answer) -> Answer:
        nonlocal refusals
        if method == "eth_getLogs" and refusals:
            refusals -= 1
            return limit
        return answer

    with indexer(fresh("sqlite"), node, near_blocks=1) as keeper:
        keeper.sync(to=500)
        width = keeper._source._nodes[0].span
        node.spoil = spoil
        keeper.sync(to=600)
        assert keeper._source._nodes[0].span >= width > 100


def test_a_range_limit_narrows_the_range_at_once(fresh: Fresh) -> None:
    chain = Chain()
    chain.mine(count=1_000)
    node = ChainRpc(chain)
    words = iter(RANGE_LIMITS * 9)

    def spoil(method: str, params: list[Any], answer: Answer) -> Answer:
        if method != "eth_getLogs" or "toBlock" not in params[0]:
            return answer
        wide = quantity(params[0]["toBlock"]) - quantity(params[0]["fromBlock"]) >= 10
        return RpcError(-32000, next(words)) if wide else answer

    node.spoil = spoil
    with indexer(fresh("sqlite"), node, near_blocks=1) as keeper:
        assert keeper.sync().block_number == 1_000
        assert keeper._source._nodes[0].ready_at == 0
    assert sum(method == "eth_getLogs" for method, _ in node.asked) > 100
    assert [text for text in RANGE_LIMITS if sources.TOO_FAST.search(text)] == []


def test_an_answer_that_is_too_large_is_asked_for_in_parts(chain_node: Node, emitter: Emitter, fresh: Fresh) -> None:
    for i in range(12):
        emitter.emit("addKeys", 20 * i, 20)
    rpc = HttpRpc(chain_node.url, most_bytes=40_000)  # of about 50 logs
    url = fresh("sqlite")
    with indexer_of_emitter(url, source([rpc], emitter, near_blocks=1), emitter) as keeper:
        started = time.monotonic()
        assert keeper.sync().events == 240
        assert time.monotonic() - started < 10
        assert keeper._source._nodes[0].pause_seconds == sources.FIRST_PAUSE_SECONDS


def test_a_key_in_a_url_is_in_no_error_and_no_log(fresh: Fresh, caplog: pytest.LogCaptureFixture) -> None:
    rpcs = [HttpRpc("http://user:hunter2@127.0.0.1:9/v3/hunter2?key=hunter2", timeout_seconds=1)]
    with caplog.at_level(logging.DEBUG), pytest.raises(NodeUnreachable) as failure:
        Indexer(Database(fresh("sqlite")), Source(rpcs, [CONTRACT], patience_seconds=0.1))
    assert "127.0.0.1:9" in caplog.text
    assert "hunter2" not in caplog.text.replace("urllib3", "") + str(failure.value) + str(failure.value.fields())


def test_a_password_in_a_database_url_is_in_no_error(tmp_path: Any) -> None:
    for url in (
        f"postgresql://user:hunter2@/index?host={tmp_path}",
        f"postgresql://user@/index?host={tmp_path}&password=hunter2",
    ):
        with pytest.raises(DatabaseError) as failure:
            Index.open(url)
        assert "hunter2" not in str(failure.value) + str(failure.value.fields())


# ------------------------------------------------------------------ edges


def test_a_chain_without_blocks_and_a_deployment_in_its_first(fresh: Fresh) -> None:
    chain, url = Chain(), fresh("sqlite")
    with indexer(url, ChainRpc(chain), first_block=0) as keeper:
        assert keeper.sync().block_number == 0
        chain.mine(keys=1)
        assert keeper.sync().events == 1
    with Index.open(url) as index:
        assert index.at(0).count(KEY) == 0
        assert index.at(1).count(KEY) == 1


def test_a_deployment_beyond_the_head_is_said_and_may_be_tried_again(chain: Chain, fresh: Fresh) -> None:
    url = fresh("sqlite")
    with pytest.raises(NodeUnreachable, match="block 101"), indexer(url, ChainRpc(chain), first_block=102):
        pass
    chain.mine()
    with indexer(url, ChainRpc(chain), first_block=102) as keeper:
        assert keeper.sync().block_number == 101


def test_a_long_range_without_events_takes_few_steps_and_tells_each(fresh: Fresh) -> None:
    class Empty(ChainRpc):
        """Two million blocks."""

        def _answer(self, method: str, params: list[Any]) -> Answer:
            if method == "eth_getLogs":
                return []
            if method == "eth_getBlockByNumber" and params[0] != "0x0":
                number = 2_000_000 if not params[0].startswith("0x") else quantity(params[0])
                own = {"hash": f"0x{number:064x}", "parentHash": f"0x{max(0, number - 1):064x}", "logsBloom": "0x0"}
                return {**own, "number": hex(number), "timestamp": hex(number)}
            if method == "eth_getBlockByNumber":
                return {"number": "0x0", "timestamp": "0x0", "hash": "0x" + "0" * 64, "parentHash": "0x" + "0" * 64}
            return super()._answer(method, params)

    steps: list[Progress] = []
    with indexer(fresh("sqlite"), Empty(Chain())) as keeper:
        assert keeper.sync(progress=steps.append).block_number == 2_000_000
    assert len(steps) < 50
    assert [step.block_number for step in steps] == sorted({step.block_number for step in steps})


@pytest.mark.parametrize("near", [1, 64])
def test_a_block_with_many_logs(fresh: Fresh, near: int) -> None:
    chain, url = Chain(), fresh("sqlite")
    chain.mine()
    chain.mine(keys=25_000)
    chain.mine(keys=2, count=3)
    with indexer(url, ChainRpc(chain), near_blocks=near) as keeper:
        assert keeper.sync().events == 25_006
    with Index.open(url) as index:
        assert index.at().count(KEY) == 25_006


def test_times_that_several_blocks_share(url: str) -> None:
    chain = Chain()
    chain.mine(keys=1)
    chain.mine(keys=1, count=3, seconds=0)
    chain.mine(count=2, seconds=0)
    chain.mine(keys=1)
    with indexer(url, ChainRpc(chain)) as keeper:
        keeper.sync()
    shared = quantity(chain.blocks[1]["timestamp"])
    with Index.open(url) as index:
        assert index.at(time=shared).count(KEY) == 4
        assert index.at(time=shared - 1).count(KEY) == 0
        assert len(index.at().events(KeyAdded, from_time=shared, to_time=shared).rows) == 4
        assert len(index.at().events(KeyAdded, from_time=shared + 1).rows) == 1


MIGRATION_KILLED = """
import os, signal, sys
from alembic.operations import Operations
from careledger.chain.database import Database
made, real = 0, Operations.create_table
def create(*arguments, **options):
    global made
    made += 1
    if made == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **options)
from alembic import op
op.create_table = lambda *a, **o: create(op._proxy, *a, **o)
Database(sys.argv[1]).migrate("indexer")
"""


def test_killed_in_a_migration(chain: Chain, database_url: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    code = subprocess.run(
        [sys.executable, "-c", MIGRATION_KILLED, database_url], env=environment, check=False
    ).returncode
    assert code == -signal.SIGKILL
    database = Database(database_url)
    try:
        assert inspect(database.engine).get_table_names() == []
    finally:
        database.close()
    with indexer(database_url, ChainRpc(chain)) as keeper:
        assert keeper.sync().events == 15


# ------------------------------------------------------------------ readers


def test_a_view_of_a_block_that_was_taken_back_says_so(chain: Chain, url: str) -> None:
    node = ChainRpc(chain)
    with indexer(url, node) as keeper:
        keeper.sync()
        with Index.open(url) as index:
            view = index.at()
            assert view.count(KEY) == 15
            asks: list[Callable[[], object]] = [
                lambda: view.count(KEY),
                lambda: view.rows(KEY),
                lambda: view.events(KeyAdded),
                lambda: view.history(KEY, ("0x" + "11" * 20,)),
                lambda: view.block_time,
            ]
            chain.back(2)
            keeper.sync()
            for ask in asks:
                with pytest.raises(IndexWentBack, match=r"block 100 .* 98"):
                    ask()
            with keeper._write() as connection:
                keeper._empty(connection)
            for ask in asks:
                with pytest.raises(IndexMissing):
                    ask()
            with pytest.raises(IndexMissing):
                keeper.sync()


def test_a_reader_sees_no_part_of_a_rebuild(chain: Chain, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with indexer(url, ChainRpc(chain), near_blocks=1, batch_logs=1) as keeper, Index.open(url) as index:
        keeper.sync()
        view, seen = index.at(), []

        def reached(point: str) -> None:
            try:
                seen.append(view.count(KEY))
            except IndexWentBack:
                seen.append(None)

        monkeypatch.setattr(engine, "_reached", reached)
        keeper.rebuild()
        reached("end")
    assert set(seen) == {None, 15}
    assert seen == sorted(seen, key=lambda count: count or 0)


NO_FILTERS: tuple[tuple[Any, dict[str, Any]], ...] = (
    (ROLE, {"role": "abc"}),
    (ROLE, {"role": 2**256}),
    (ROLE, {"role": 1.5}),
    (KEY, {"status": "active"}),
    (KEY, {"status": 2**63}),
    (KEY, {"status": [1, "x"]}),
    (KEY, {"organization": "a\0b"}),
    (KEY, {"organization": "\ud800"}),
    (KEY, {"key": "a\0b"}),
    (KEY, {"key; DROP TABLE organization_key": 1}),
    (KEY, {'status" = 1 OR "status': 1}),
    ("organization_key; DROP TABLE organization_key", {}),
    ("target", {"closed": "perhaps"}),
)


def test_filters_that_no_row_can_fit_are_refused(chain: Chain, url: str) -> None:
    with indexer(url, ChainRpc(chain)) as keeper:
        keeper.sync()
    with Index.open(url) as index:
        view = index.at()
        for entity, filters in NO_FILTERS:
            with pytest.raises(InvalidInput):
                view.rows(entity, filters)
        assert view.rows("target", {"closed": []}).rows == []
        assert view.count(KEY, {"organization": "'; DROP TABLE organization_key; --"}) == 0
        assert view.count(KEY, {"organization": 7}) == view.count(KEY, {"status": True, "key": 12}) == 0
        assert view.count(KEY, {"status": "1"}) == 15


def test_places_that_no_page_gave_are_refused(chain: Chain, url: str) -> None:
    with indexer(url, ChainRpc(chain)) as keeper:
        keeper.sync()
    key = ("0x" + "11" * 20,)
    with Index.open(url) as index:
        view = index.at()
        for after in ((), (1,), (1, 2, 3), ("a", "b"), (1, None), (2**63, 0)):
            with pytest.raises(InvalidInput):
                view.events(KeyAdded, after=after)
            with pytest.raises(InvalidInput):
                view.history(KEY, key, after=after)
        for role in ("x", 2**256, -(2**256)):
            with pytest.raises(InvalidInput):
                view.rows(MEMBER, after=(role, key[0]))
        for times in ({"from_time": "x"}, {"to_time": 2**63}):
            with pytest.raises(InvalidInput):
                view.events(KeyAdded, **times)  # type: ignore[arg-type]


def test_pages_stay_in_step_while_the_index_grows(chain: Chain, url: str) -> None:
    with indexer(url, ChainRpc(chain)) as keeper:
        keeper.sync()
        with Index.open(url) as index:
            view = index.at()
            whole = [row.key for row in view.rows(KEY).rows]
            found, after = [], None
            while True:
                page = view.rows(KEY, after=after, limit=2)
                found += [row.key for row in page.rows]
                chain.mine(keys=3)
                keeper.sync()
                after = page.next
                if after is None:
                    break
            assert found == whole


def test_a_version_is_borne_out_only_by_an_event_of_its_own(chain: Chain, url: str) -> None:
    node = ChainRpc(chain)
    with indexer(url, node) as keeper:
        keeper.sync()
    with Index.open(url) as index:
        rows = index.at().rows(KEY).rows
        events = index.at().events(KeyAdded).rows
        assert index.verify([*rows, *events], node) == []
        forged = [
            replace(rows[0], key=rows[1].key),
            replace(rows[0], entity="recovery", key={"organization": "0x" + "00" * 12}),
        ]
        assert [found.claim.entity for found in index.verify(forged, node)] == ["organization_key", "recovery"]

        def foreign(method: str, params: list[Any], answer: Answer) -> Answer:
            if method != "eth_getTransactionReceipt":
                return answer
            return {**answer, "logs": [{**log, "address": "0x" + "99" * 20} for log in answer["logs"]]}

        node.spoil = foreign
        assert len(index.verify([*rows, *events], node)) == len(rows) + len(events)


# ------------------------------------------------------------------ what is told


def test_metrics(chain: Chain, fresh: Fresh) -> None:
    registry = CollectorRegistry()
    nodes = ChainRpc(chain, name="first"), ChainRpc(chain, name="second")
    with indexer(fresh("sqlite"), *nodes, registry=registry) as keeper:

        def value(name: str, **labels: str) -> float | None:
            return registry.get_sample_value(f"careledger_index_{name}", labels)

        keeper.sync(to=98)
        assert (value("block_number"), value("blocks_behind")) == (98, 2)
        assert value("block_time_seconds") == quantity(chain.blocks[98]["timestamp"])
        keeper.sync()
        assert (value("blocks_behind"), value("events_total", event="KeyAdded")) == (0, 15)
        assert value("node_failovers_total") == 0
        nodes[0].is_down = True
        chain.back(2)
        chain.mine(keys=1, count=4, fork="b")
        keeper.sync()
        assert (value("reorganizations_total"), value("blocks_back_total")) == (1, 2)
        assert value("node_failovers_total") == 1
        assert (value("node_failures_total", node="first", problem="unreachable") or 0) >= 1
        assert value("events_total", event="KeyAdded") == 19
        assert value("block_number") == chain.height


def test_nothing_is_printed(chain: Chain, fresh: Fresh, capfd: pytest.CaptureFixture[str]) -> None:
    node = ChainRpc(chain)
    with indexer(fresh("sqlite"), node) as keeper:
        keeper.sync()
        chain.back(2)
        chain.mine(count=3, fork="b")
        assert keeper.sync().reorganizations == 1
        node.is_down = True
        with pytest.raises(NodeUnreachable):
            keeper.sync()
    assert capfd.readouterr() == ("", "")


def test_what_was_final_is_still_known_after_an_update(chain: Chain, url: str) -> None:
    with indexer(url, ChainRpc(chain)) as keeper:
        keeper.sync()
        state = keeper.schema.state
        with keeper._write() as connection:
            connection.execute(update(state).values(finalized_number=None))
        keeper.sync()
        with keeper._database.read() as connection:
            assert connection.execute(select(state.c.finalized_number)).scalar_one() == 100 - 64
