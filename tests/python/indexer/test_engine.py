"""The index keeps in step with a chain that grows, goes back and forks; a rebuild gives the same rows everywhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from careledger.chain.connection import Connection
from careledger.chain.database import Database
from careledger.chain.development import Node
from careledger.chain.indexer import engine
from careledger.chain.indexer.model import ReadModel
from careledger.chain.indexer.models import READ_MODELS
from careledger.chain.indexer.tables import Schema
from careledger.client import CareLedger
from careledger.contract_events import KeyAdded, RoleGranted
from careledger.errors import DatabaseError, IndexOfAnotherChain, IndexOutdated, NodeUnreachable, ReadModelFailed
from indexer.emitter import Emitter
from indexer.world import DATABASES, SpoiledRpc, content, indexer, mine, request, source
from sqlalchemy import delete, select, update

Fresh = Callable[[str], str]


def rebuilt(fresh: Fresh, url: str, emitter: Emitter, dialect: str = "sqlite") -> dict[str, list[tuple[object, ...]]]:
    """The content of a fresh index of the chain as it is now."""
    made = fresh(dialect)
    with indexer(made, source(url, emitter), emitter) as fresh_indexer:
        fresh_indexer.sync()
    return content(made)


def test_sync_takes_everything_and_goes_on_from_its_cursor(
    chain_node: Node, connection: Connection, emitter: Emitter, url: str
) -> None:
    emitter.emit("addKeys", 0, 30)
    node = SpoiledRpc(chain_node.url)
    with indexer(url, source([node], emitter), emitter) as first:
        assert first.sync().events == 30
    emitter.emit("retireKeys", 0, 10)
    emitter.emit("countTasks", 0, 260)
    asked = []
    node.spoil = lambda method, params, answer: (asked.append((method, params)), answer)[1]
    with indexer(url, source([node], emitter), emitter) as second:
        done = second.sync()
        assert (done.events, done.block_number) == (270, connection.block_number())
        assert second.sync().events == 0
    logs = [params[0] for method, params in asked if method == "eth_getLogs"]
    assert len(logs) == 2
    held = content(url)
    assert {name: len(rows) for name, rows in held.items()} == {
        "event_key_added": 30,
        "event_key_retired": 10,
        "event_task_counted": 260,
        "organization_key": 40,
    }
    assert {row[-1] for row in held["event_task_counted"]} == {2**256 - 1 >> (i % 256) for i in range(260)}


def test_sync_to_a_block(chain_node: Node, emitter: Emitter, url: str) -> None:
    for i in range(5):
        emitter.emit("addKeys", i, 1)
    with indexer(url, source(chain_node.url, emitter), emitter) as keeper:
        assert keeper.sync(to=emitter.first_block + 3).block_number == emitter.first_block + 3
        assert len(content(url)["event_key_added"]) == 3
        assert keeper.sync().events == 2


def test_both_databases_have_the_same_rows(
    chain_node: Node, connection: Connection, emitter: Emitter, fresh: Fresh
) -> None:
    emitter.emit("addKeys", 0, 50)
    emitter.emit("retireKeys", 5, 20)
    emitter.emit("countTasks", 0, 256)
    mine(connection, 200)  # so that ranges are taken too
    emitter.emit("addKeys", 50, 5)
    one, other = (rebuilt(fresh, chain_node.url, emitter, dialect) for dialect in DATABASES)
    assert one == other
    assert sum(map(len, one.values())) == 331 + 75


def test_the_suite(fresh: Fresh) -> None:
    with CareLedger.local() as ledger:
        contracts = [entry.address for entry in ledger.deployment.contracts.values()]
        for dialect in DATABASES:
            of = engine.Source.open([ledger.connection.url], contracts)
            with engine.Indexer(Database(fresh(dialect)), of, ledger.deployment.first_block) as keeper:
                assert keeper.sync().events == sum(
                    len(list(ledger.connection.logs(address, list(Schema().events)))) for address in contracts
                )
                assert keeper.verify() == []
                with keeper._database.read() as held:
                    granted = keeper.schema.events[RoleGranted]
                    assert held.execute(select(granted.c.delay)).all()


# ------------------------------------------------------------------ reorganizations


@pytest.mark.parametrize("depth", [1, 3, 12])
def test_a_fork_takes_events_back(
    chain_node: Node, connection: Connection, emitter: Emitter, url: str, fresh: Fresh, depth: int
) -> None:
    for i in range(15):
        emitter.emit("addKeys" if i % 3 else "countTasks", i, 3)
        emitter.emit("addKeys", 100 + i, 1)
    with indexer(url, source(chain_node.url, emitter), emitter) as keeper:
        keeper.sync()
        before = content(url)
        request(connection, "anvil_reorg", depth, [])
        done = keeper.sync()
        assert (done.reorganizations, done.blocks_back) == (1, depth)
        emitter.emit("addKeys", 500, 2)
        keeper.sync()
    after = content(url)
    assert after != before
    assert after == rebuilt(fresh, chain_node.url, emitter)


def test_a_fork_while_nobody_looked(
    chain_node: Node, connection: Connection, emitter: Emitter, url: str, fresh: Fresh
) -> None:
    emitter.emit("addKeys", 0, 10)
    emitter.emit("retireKeys", 0, 10)
    with indexer(url, source(chain_node.url, emitter), emitter) as keeper:
        keeper.sync()
    request(connection, "anvil_reorg", 1, [])
    mine(connection, 100)
    emitter.emit("retireKeys", 3, 4)
    with indexer(url, source(chain_node.url, emitter), emitter) as keeper:
        assert keeper.sync().reorganizations == 1
    assert content(url) == rebuilt(fresh, chain_node.url, emitter)


def test_a_fork_below_what_is_remembered_of_ranges(
    chain_node: Node, connection: Connection, emitter: Emitter, url: str, fresh: Fresh
) -> None:
    emitter.emit("addKeys", 0, 10)
    mine(connection, 150)
    emitter.emit("retireKeys", 0, 10)
    mine(connection, 3)
    near = {"near_blocks": 2}
    with indexer(url, source(chain_node.url, emitter, **near), emitter) as keeper:
        keeper.sync()
        request(connection, "anvil_reorg", 30, [])
        done = keeper.sync()
        assert done.reorganizations == 1
        assert done.blocks_back >= 30
    after = content(url)
    assert "event_key_retired" not in after
    assert after == rebuilt(fresh, chain_node.url, emitter)


def test_a_chain_that_went_back(
    chain_node: Node, connection: Connection, emitter: Emitter, url: str, fresh: Fresh
) -> None:
    for i in range(6):
        emitter.emit("addKeys", i, 2)
    with indexer(url, source(chain_node.url, emitter), emitter) as keeper:
        keeper.sync()
        request(connection, "anvil_rollback", 4)
        done = keeper.sync()
        assert done.blocks_back == 4
        assert done.block_number == connection.block_number()
    assert content(url) == rebuilt(fresh, chain_node.url, emitter)


def test_a_chain_that_went_back_and_grew_again(
    chain_node: Node, connection: Connection, emitter: Emitter, url: str, fresh: Fresh
) -> None:
    emitter.emit("addKeys", 0, 2)
    snapshot = request(connection, "evm_snapshot")
    emitter.emit("addKeys", 2, 2)
    emitter.emit("retireKeys", 0, 2)
    with indexer(url, source(chain_node.url, emitter), emitter) as keeper:
        keeper.sync()
        request(connection, "evm_revert", snapshot)
        emitter.emit("retireKeys", 1, 1)
        emitter.emit("addKeys", 7, 1)
        emitter.emit("addKeys", 8, 1)
        assert keeper.sync().reorganizations == 1
    assert content(url) == rebuilt(fresh, chain_node.url, emitter)


def test_a_fork_in_the_middle_of_a_sync(
    chain_node: Node, connection: Connection, emitter: Emitter, url: str, fresh: Fresh
) -> None:
    for i in range(10):
        emitter.emit("addKeys", i, 1)
    of = source(chain_node.url, emitter, batch_logs=1)
    with indexer(url, of, emitter) as keeper:
        keeper.sync(to=emitter.first_block + 4)
        forked = []

        def fork(_: object) -> None:
            if not forked:
                forked.append(True)
                request(connection, "anvil_reorg", 9, [])

        keeper.sync(progress=fork)
        keeper.sync()
    assert forked
    assert content(url) == rebuilt(fresh, chain_node.url, emitter)


def test_a_lagging_node_is_waited_for(chain_node: Node, emitter: Emitter, url: str) -> None:
    emitter.emit("addKeys", 0, 2)
    emitter.emit("addKeys", 2, 2)
    node = SpoiledRpc(chain_node.url)
    with indexer(url, source([node], emitter), emitter, lag_patience_seconds=5) as keeper:
        keeper.sync()
        behind = keeper._source.block(emitter.first_block + 1)
        real = keeper._source.head()
        answers = iter([replace(real, latest=behind)] * 3)
        keeper._source.head = lambda _=0: next(answers, real)  # type: ignore[method-assign]
        assert keeper.sync().reorganizations == 0
    assert len(content(url)["event_key_added"]) == 4


def test_rows_of_old_blocks_are_thinned_out(
    chain_node: Node,
    connection: Connection,
    emitter: Emitter,
    url: str,
    fresh: Fresh,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "RECENT_BLOCKS", 20)
    monkeypatch.setattr(engine, "MILESTONE_BLOCKS", 16)
    with indexer(url, source(chain_node.url, emitter, near_blocks=1_000, batch_logs=1), emitter) as keeper:
        for i in range(4):
            mine(connection, 60)
            emitter.emit("addKeys", i, 1)
            keeper.sync()
        block = keeper.schema.block
        with keeper._database.read() as held:
            numbers = list(held.execute(select(block.c.number)).scalars())
        assert len(numbers) < 180
        assert set(range(16, 240, 16)) < set(numbers)
        assert set(range(max(numbers) - 20, max(numbers))) < set(numbers)
        request(connection, "anvil_reorg", 160, [])
        done = keeper.sync()
        assert 160 <= done.blocks_back < 176
    assert content(url) == rebuilt(fresh, chain_node.url, emitter)


# ------------------------------------------------------------------ what an index is of


def test_another_chain_is_refused_until_rebuilt(chain_node: Node, emitter: Emitter, url: str) -> None:
    emitter.emit("addKeys", 0, 2)
    with indexer(url, source(chain_node.url, emitter), emitter) as keeper:
        keeper.sync()
    with Node(options=("--timestamp", "1800000000")) as other:
        Emitter(other.connect())
        with pytest.raises(IndexOfAnotherChain), indexer(url, source(other.url, emitter), emitter):
            pass
        assert len(content(url)["event_key_added"]) == 2
        with indexer(url, source(other.url, emitter), emitter, anew=True) as keeper:
            keeper.sync()
        assert content(url) == {}


def test_a_fresh_chain_under_the_same_url_is_refused_while_running(url: str) -> None:
    with Node() as node:
        emitter, port = Emitter(node.connect()), node.port
        emitter.emit("addKeys", 0, 1)
        keeper = indexer(url, source(node.url, emitter), emitter)
        running = keeper.__enter__()
        running.sync()
    with Node(port=port, options=("--timestamp", "1800000000")), pytest.raises(IndexOfAnotherChain):
        running.sync()
    keeper.__exit__(None, None, None)
    assert len(content(url)["event_key_added"]) == 1


def test_another_version_or_contract_asks_for_a_rebuild(chain_node: Node, emitter: Emitter, fresh: Fresh) -> None:
    url = fresh("sqlite")
    emitter.emit("addKeys", 0, 2)
    with indexer(url, source(chain_node.url, emitter), emitter) as keeper:
        keeper.sync()
    with pytest.raises(IndexOutdated, match="other contracts"):
        engine.Indexer(Database(url), engine.Source.open([chain_node.url], ["0x" + "11" * 20]))
    database = Database(url)
    with database.write() as changed:
        changed.execute(update(Schema().state).values(fingerprint="old"))
    database.close()
    with (
        pytest.raises(IndexOutdated, match="careledger index rebuild"),
        indexer(url, source(chain_node.url, emitter), emitter),
    ):
        pass
    with indexer(url, source(chain_node.url, emitter), emitter, anew=True) as keeper:
        assert keeper.sync().events == 2


def test_rebuild_mends_what_was_changed_by_hand(chain_node: Node, emitter: Emitter, url: str) -> None:
    emitter.emit("addKeys", 0, 20)
    with indexer(url, source(chain_node.url, emitter), emitter) as keeper:
        keeper.sync()
        whole = content(url)
        table = keeper.schema.events[KeyAdded]
        with keeper._database.write() as changed:
            changed.execute(delete(table).where(table.c.log_index < 5))
            changed.execute(update(table).values(key="0x" + "11" * 20))
        assert len(keeper.verify()) > 0
        assert keeper.rebuild().events == 20
        assert keeper.verify() == []
    assert content(url) == whole


def test_a_failing_handler_leaves_nothing(chain_node: Node, emitter: Emitter, fresh: Fresh) -> None:
    broken = ReadModel("broken", 1)

    @broken.on(KeyAdded, touches=lambda _: ())
    def _fail(state: object, row: object) -> None:
        raise RuntimeError("a handler's own fault")

    url, schema = fresh("sqlite"), Schema((*READ_MODELS, broken))
    database = Database(url)
    schema.metadata.create_all(database.engine)
    database.close()
    emitter.emit("addKeys", 0, 2)
    with indexer(url, source(chain_node.url, emitter), emitter, schema=schema) as keeper:
        with pytest.raises(ReadModelFailed, match="a handler's own fault"):
            keeper.sync()
        assert content(url, schema) == {}
        assert keeper._cursor().number == emitter.first_block - 1


def test_two_indexers_over_one_index(
    chain_node: Node, emitter: Emitter, url: str, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(12):
        emitter.emit("addKeys", i, 1)
    options = {"batch_logs": 1}
    with (
        indexer(url, source(chain_node.url, emitter, **options), emitter) as one,
        indexer(url, source(chain_node.url, emitter, **options), emitter) as other,
    ):
        turns = []

        def reached(point: str) -> None:
            if point == "fetched" and len(turns) == 2:
                turns.append(point)
                other.sync(to=emitter.first_block + 10)
            turns.append(point)

        monkeypatch.setattr(engine, "_reached", reached)
        one.sync()
    assert len(turns) > 3
    assert content(url) == rebuilt(fresh, chain_node.url, emitter)


# ------------------------------------------------------------------ following


def test_follow_keeps_up_and_survives_a_node_that_goes_away(
    chain_node: Node, connection: Connection, emitter: Emitter, url: str, fresh: Fresh
) -> None:
    node = SpoiledRpc(chain_node.url)
    stop = threading.Event()
    with indexer(url, source([node], emitter, patience_seconds=0.2), emitter) as keeper:
        thread = threading.Thread(target=keeper.follow, args=(stop, 0.02))
        thread.start()
        try:
            for i in range(5):
                emitter.emit("addKeys", i, 2)
                node.is_down = i == 2
                if i == 3:
                    request(connection, "anvil_reorg", 2, [])
                time.sleep(0.1)
            node.is_down = False
            deadline = time.monotonic() + 20
            while keeper._cursor().number < connection.block_number() and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            stop.set()
            thread.join()
        keeper.sync()
    assert content(url) == rebuilt(fresh, chain_node.url, emitter)


def test_a_stop_is_heeded_between_two_batches(chain_node: Node, emitter: Emitter, url: str) -> None:
    for i in range(10):
        emitter.emit("addKeys", i, 2)
    stop = threading.Event()
    with indexer(url, source(chain_node.url, emitter, batch_logs=1), emitter) as keeper:
        keeper.sync(to=emitter.first_block + 2)
        done = keeper.follow(stop, progress=lambda _: stop.set())
        assert done.events < 20
        stop.clear()
        assert keeper.sync().events > 0
    assert len(content(url)["event_key_added"]) == 20


def test_a_node_that_is_gone_is_said(chain_node: Node, emitter: Emitter, url: str) -> None:
    node = SpoiledRpc(chain_node.url)
    with indexer(url, source([node], emitter, patience_seconds=0.2), emitter) as keeper:
        node.is_down = True
        with pytest.raises(NodeUnreachable):
            keeper.sync()


def test_a_database_that_fails_is_said(chain_node: Node, emitter: Emitter, url: str) -> None:
    emitter.emit("addKeys", 0, 2)
    with indexer(url, source(chain_node.url, emitter), emitter) as keeper:
        with keeper._database.write() as changed:
            changed.exec_driver_sql("DROP TABLE event_key_added")
        with pytest.raises(DatabaseError):
            keeper.sync()


def test_ganache(chains: Callable[[str], Connection], fresh: Fresh) -> None:
    connection = chains("ganache")
    emitter = Emitter(connection)
    emitter.emit("addKeys", 0, 20)
    emitter.emit("retireKeys", 3, 5)
    for near in (64, 1):
        url = fresh("sqlite")
        with indexer(url, source(connection.url, emitter, near_blocks=near), emitter) as keeper:
            assert keeper.sync().events == 25
            assert keeper.verify() == []
            first = content(url)
            snapshot = request(connection, "evm_snapshot")
            emitter.emit("retireKeys", 10, 5)
            keeper.sync()
            request(connection, "evm_revert", snapshot)
            assert keeper.sync().reorganizations == 1
        assert content(url) == first
