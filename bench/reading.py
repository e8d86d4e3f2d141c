"""Events a second from the chain to committed rows, each contestant into a fresh database.

The chain: 1,000 blocks of 100 events of one kind on Anvil. The read models' rate and the memory are measured on a chain
that a local server makes up (`bench.generated_chain`), since no node holds five million events.
"""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from careledger.chain.database import Database
from careledger.chain.development import Node, development_signer
from careledger.chain.indexer.engine import Indexer, Progress
from careledger.chain.indexer.source import Source
from careledger.chain.rpc import HttpRpc, quantity
from careledger.chain.signers.raw import RawTransaction
from careledger.chain.values import encode_call
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from bench.databases import postgres, sqlite
from bench.generated_chain import ADDRESS, Content, generated_chain
from bench.harness import Result, alone, compare, effort, interleave
from bench.peers import web3_py
from bench.peers.ponder import Ponder
from tools.gas import testing_contract

__all__ = ["memory", "read_models", "reading"]

ROUNDS = 3
BLOCKS, EVENTS_PER_BLOCK = 1_000, 100
WEB3_BLOCKS = 150
"""web3.py reads this part of the chain alone: its speed does not depend on how much there is, and it is slow."""

EMIT_GAS = 1_000_000
MAX_FEE_WEI, TIP_WEI = 3 * 10**9, 10**9
MODEL_EVENTS = 50_000
LEAST_DOCUMENT_EVENTS = 25_000
"""A second, with the documents' read model."""

MEMORY_EVENTS = 5_000_000
FIRST_EVENTS = 1_000_000
SAMPLE_SECONDS = 0.05
MEBIBYTE = 2**20
STATM = Path("/proc/self/statm")


@dataclass(frozen=True)
class Emitted:
    """A chain whose blocks `first` to `last` have the events."""

    url: str
    chain_id: int
    address: ChecksumAddress
    abi: list[dict[str, Any]]
    first: int
    last: int


@contextmanager
def emitted() -> Iterator[Emitted]:
    contract, signer = testing_contract("EventEmitter"), development_signer(0)
    with Node(options=("--no-mining",)) as node:
        rpc = HttpRpc(node.url)
        chain_id = quantity(rpc.call("eth_chainId"))

        def mine(nonce: int, to: str | None, data: bytes, gas: int) -> Any:
            target = None if to is None else bytes.fromhex(to[2:])
            transaction = RawTransaction(chain_id, nonce, gas, target, 0, data, MAX_FEE_WEI, TIP_WEI)
            transaction_hash = rpc.call("eth_sendRawTransaction", "0x" + signer.sign_raw(transaction)[0].hex())
            rpc.call("evm_mine")
            return transaction_hash

        created = mine(0, None, bytes.fromhex(contract["evm"]["bytecode"]["object"]), 10 * EMIT_GAS)
        address = rpc.call("eth_getTransactionReceipt", created)["contractAddress"]
        function = next(entry for entry in contract["abi"] if entry.get("name") == "countTasks")
        for number in range(BLOCKS):
            mine(1 + number, address, encode_call(function, (number * EVENTS_PER_BLOCK, EVENTS_PER_BLOCK)), EMIT_GAS)
        rpc.call("anvil_mine", "0x80")  # so that all of them are far behind the head, and final
        yield Emitted(node.url, chain_id, to_checksum_address(address), contract["abi"], 2, 1 + BLOCKS)


def index(url: str, address: str, database: str, to: int | None, expected: int) -> float:
    """Events a second by our indexer, in a process of its own."""
    with Indexer(Database(database, durable=False), Source.open([url], [address])) as indexer:
        found = effort(lambda: indexer.sync(to).events)
        counts = count_rows(indexer)
    assert counts == expected, f"{counts} events of {expected}"
    return found.per_second


def count_rows(indexer: Indexer) -> int:
    """The rows in all events' tables."""
    with indexer._database.read() as connection:
        return sum(
            int(connection.exec_driver_sql(f"SELECT count(*) FROM {table.name}").scalar_one())
            for table in indexer.schema.events.values()
        )


Databases = Callable[[], AbstractContextManager[str]]


def reading(ponder: Ponder | None) -> list[Result]:
    with emitted() as chain:

        def with_web3(_: int) -> float:
            with sqlite() as url:
                end = chain.first + WEB3_BLOCKS - 1
                return alone(web3_py.read, chain.url, chain.address, chain.abi, chain.first, end, url).per_second

        def with_ponder(_: int) -> float:
            assert ponder is not None
            with postgres() as url:
                found = ponder.read(chain.url, chain.chain_id, chain.address, chain.first, chain.last, url)
            assert found.events == BLOCKS * EVENTS_PER_BLOCK, f"Ponder found {found.events} events"
            return found.events / found.seconds

        def with_ours(databases: Databases) -> Callable[[int], float]:
            def run(_: int) -> float:
                with databases() as url:
                    return alone(index, chain.url, chain.address, url, chain.last, BLOCKS * EVENTS_PER_BLOCK)

            return run

        contestants: dict[str, Callable[[int], float]] = {
            "web3": with_web3,
            "sqlite": with_ours(sqlite),
            "postgres": with_ours(postgres),
        }
        if ponder is not None:
            contestants["ponder"] = with_ponder
        rates = interleave(ROUNDS, contestants)
    peers = {"web3": "web3.py and SQLAlchemy ORM, SQLite"}
    if ponder is not None:
        peers["ponder"] = "Ponder, PostgreSQL"
    return [
        compare(f"index: {title}", rates[name], "events/s", peer_title, rates[peer])
        for name, title in (("sqlite", "SQLite"), ("postgres", "PostgreSQL"))
        for peer, peer_title in peers.items()
    ]


def read_models() -> list[Result]:
    """Acts on organizations and on documents, whose read models are written with the events, beside events that no read
    model knows."""
    titles: dict[str, Databases] = {"SQLite": sqlite, "PostgreSQL": postgres}
    modelled: dict[Content, str] = {"organizations": "index with read models", "documents": "index with documents"}
    contents: tuple[Content, ...] = (*modelled, "tasks")
    with ExitStack() as stack:
        contestants: dict[tuple[str, Content], Callable[[int], float]] = {}
        for content in contents:
            url = stack.enter_context(generated_chain(MODEL_EVENTS, content))
            contestants |= {(title, content): _of_generated(url, databases) for title, databases in titles.items()}
        found = interleave(ROUNDS, contestants)
    results = [
        compare(f"{name}: {title}", found[title, content], "events/s", "events without", found[title, "tasks"])
        for content, name in modelled.items()
        for title in titles
    ]
    for title in titles:
        rate = found[title, "documents"]
        results.append(
            compare(f"{modelled['documents']}: {title}", rate, "events/s", "the least promised", LEAST_DOCUMENT_EVENTS)
        )
    return results


def _of_generated(chain: str, databases: Databases) -> Callable[[int], float]:
    def run(_: int) -> float:
        with databases() as url:
            return alone(index, chain, ADDRESS, url, None, MODEL_EVENTS)

    return run


@dataclass
class Phase:
    """Some of the events: how many, in how long, and the most memory that the process had resident meanwhile."""

    events: int = 0
    seconds: float = 0.0
    peak_bytes: int = 0


def index_watched(url: str, database: str) -> tuple[Phase, Phase]:
    """The first million events and all later ones, by the indexer in a process of its own."""
    watch = Watch()
    with Indexer(Database(database, durable=False), Source.open([url], [ADDRESS])) as indexer:
        watch.start()
        indexer.sync(progress=watch.progressed)
        watch.stop()
        assert count_rows(indexer) == MEMORY_EVENTS
    return watch.first, watch.later


class Watch(threading.Thread):
    """Samples the memory of this process while the indexer works."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.first, self.later = Phase(), Phase()
        self._current = self.first
        self._phase_started = time.perf_counter()
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(SAMPLE_SECONDS):
            self._current.peak_bytes = max(self._current.peak_bytes, resident_bytes())

    def progressed(self, done: Progress) -> None:
        """Takes note of a batch."""
        now = time.perf_counter()
        self._current.events = done.events - (self.first.events if self._current is self.later else 0)
        self._current.seconds = now - self._phase_started
        if self._current is self.first and done.events >= FIRST_EVENTS:
            self._current, self._phase_started = self.later, now

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def resident_bytes() -> int:
    """The resident memory of this process. Linux only."""
    return int(STATM.read_text().split()[1]) * resource.getpagesize()


def memory() -> list[Result]:
    """The indexer's memory and speed over five million events into SQLite."""
    if not STATM.exists():
        print("bench chain: memory is measured on Linux alone")
        return []
    with generated_chain(MEMORY_EVENTS, "tasks") as chain, sqlite() as url:
        first, later = alone(index_watched, chain, url)
    title, peer = f"index {MEMORY_EVENTS:,} events, SQLite", f"the first {FIRST_EVENTS:,}"
    return [
        compare(f"{title}: memory", later.peak_bytes / MEBIBYTE, "MiB", peer, first.peak_bytes / MEBIBYTE),
        compare(f"{title}: speed", later.events / later.seconds, "events/s", peer, first.events / first.seconds),
    ]
