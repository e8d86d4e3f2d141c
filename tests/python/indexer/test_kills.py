"""Indexers killed at every point of a batch, and random schedules of forks, kills and restarts: afterwards every row is
what a rebuild gives."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from careledger.chain.connection import Connection
from careledger.chain.development import Node
from indexer.emitter import Emitter
from indexer.killing import killed
from indexer.world import DATABASES, content, indexer, mine, request, source

Record = Callable[[str, object], None]
POINTS = ("fetched", "written", "committed")


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.daily("sqlite")
def test_killed_and_gone_on(
    chain_node: Node,
    connection: Connection,
    emitter: Emitter,
    url: str,
    fresh: Callable[[str], str],
    point: str,
    record_property: Record,
) -> None:
    for i in range(6):
        emitter.emit("addKeys", 10 * i, 5)
        emitter.emit("retireKeys", 10 * i, 2)
        mine(connection, 3)
    kills = 0
    for turn in (1, 2, 3):
        kills += killed(url, chain_node.url, emitter.address, emitter.first_block, point, turn)
        if turn == 2:
            request(connection, "anvil_reorg", 5, [])
    with indexer(url, source(chain_node.url, emitter), emitter) as keeper:
        keeper.sync()
        assert keeper.verify(20) == []
    again = fresh("sqlite")
    with indexer(again, source(chain_node.url, emitter), emitter) as keeper:
        keeper.sync()
    assert content(url) == content(again)
    assert kills >= 2
    record_property("counted: indexers killed", kills)


def play(seed: int, urls: dict[str, str], again: str) -> tuple[int, int]:
    """A random schedule over both databases; the numbers of forks and kills."""
    chance = random.Random(seed)
    forks = kills = 0
    with Node() as node:
        connection = node.connect()
        emitter = Emitter(connection)
        first = 0
        for _ in range(chance.randint(8, 16)):
            act = chance.choice(
                ["keys", "keys", "tasks", "mine", "reorg", "rollback", "revert", "sync", "sync", "kill"]
            )
            height = connection.block_number() - emitter.first_block
            if act == "keys":
                count = chance.randint(1, 20)
                emitter.emit("addKeys", first, count)
                if chance.random() < 0.7:
                    emitter.emit("retireKeys", first, chance.randint(1, count))
                first += count
            elif act == "tasks":
                emitter.emit("countTasks", chance.randint(0, 300), chance.randint(1, 20))
            elif act == "mine":
                mine(connection, chance.choice([1, 2, 40, 100]))
            elif act in {"reorg", "rollback"} and height > 0:
                depth = chance.randint(1, min(height, 12))
                arguments = (depth, []) if act == "reorg" else (depth,)
                request(connection, f"anvil_{act}", *arguments)
                forks += 1
            elif act == "revert":
                snapshot = request(connection, "evm_snapshot")
                emitter.emit("addKeys", first, 3)
                for url in urls.values():
                    with indexer(url, source(node.url, emitter), emitter) as keeper:
                        keeper.sync()
                request(connection, "evm_revert", snapshot)
                emitter.emit("countTasks", 7, 1)
                forks += 1
            elif act == "sync":
                for url in urls.values():
                    options = {"batch_logs": chance.choice([1, 10_000]), "near_blocks": chance.choice([1, 8, 64])}
                    with indexer(url, source(node.url, emitter, **options), emitter) as keeper:
                        keeper.sync()
            elif act == "kill":
                url = urls[chance.choice(DATABASES)]
                point, turn = chance.choice(POINTS), chance.randint(1, 3)
                kills += killed(url, node.url, emitter.address, emitter.first_block, point, turn)
        for url in (*urls.values(), again):
            with indexer(url, source(node.url, emitter), emitter) as keeper:
                keeper.sync()
                assert keeper.verify(10) == []
    expected = content(again)
    for url in urls.values():
        assert content(url) == expected
    return forks, kills


@pytest.mark.parametrize("seed", [*range(2), *[pytest.param(seed, marks=pytest.mark.full) for seed in range(2, 100)]])
def test_random_forks_and_kills(seed: int, fresh: Callable[[str], str], record_property: Record) -> None:
    forks, kills = play(seed, {dialect: fresh(dialect) for dialect in DATABASES}, fresh("sqlite"))
    record_property("counted: random schedules of the indexer", 1)
    record_property("counted: forks in them", forks)
    record_property("counted: kills in them", kills)
