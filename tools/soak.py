"""A soak of the chain layer: senders, workers and an indexer on a chain that misbehaves all the time.

    python tools/soak.py                 10 minutes; prints a table, writes build/soak.json
    python tools/soak.py --minutes 60 --seed 7

An Anvil with a block a second stands behind a proxy. Three senders' intents go into an outbox in PostgreSQL; two worker
processes, both with the keys of all three, send them; an indexer follows. All the while blocks are taken back, the node
restarts without its pool, the base fee jumps, answers get lost or are errors, and workers and the indexer are killed by
SIGKILL. At the end: every record is final and none is lost; every id took effect once; every nonce was used by a
record; the index equals, row by row, one built afresh. Exits with 1 if anything of that is not so.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "python")]

import structlog  # noqa: E402
from careledger.chain.artifacts import artifact  # noqa: E402
from careledger.chain.connection import Connection  # noqa: E402
from careledger.chain.database import Database  # noqa: E402
from careledger.chain.deployment import Deployer, Deployment, Parameters, suite_plan  # noqa: E402
from careledger.chain.development import Node, development_signer  # noqa: E402
from careledger.chain.indexer.engine import Indexer  # noqa: E402
from careledger.chain.indexer.source import Source  # noqa: E402
from careledger.chain.outbox import FINAL, Intent, Outbox, Record, State  # noqa: E402
from careledger.chain.outbox.types import NO_OP_KEY  # noqa: E402
from careledger.chain.rpc import HttpRpc, quantity  # noqa: E402
from careledger.chain.values import encode_call  # noqa: E402
from careledger.client import CareLedger  # noqa: E402
from careledger.contract_enums import Reason  # noqa: E402
from careledger.contract_events import MetadataCommitted  # noqa: E402
from careledger.errors import NodeRefused, WrongState  # noqa: E402
from careledger.identity import Admission, MemberRole  # noqa: E402
from careledger.identity.identifiers import organization_id  # noqa: E402
from outbox.counting import CountingContract, call_of  # noqa: E402
from outbox.schedule import TEXTS  # noqa: E402
from outbox.worker_process import Orders, WorkerProcess, working  # noqa: E402
from postgres import postgres  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402
from rpc_proxy import EVERY, RpcProxy  # noqa: E402
from sqlalchemy import inspect  # noqa: E402

MINUTES = 10
BLOCK_SECONDS = 1
SENDERS = (0, 1, 2)
REGISTRAR = 1
DEPLOYER = 9
WORKERS = 2
ORGANIZATIONS = 20
CALL_GAS = 200_000
CONFIRMATIONS = 3
MOST_BLOCKS_BACK = 5
MOST_WAITING = 1_000
"""New intents wait while so many records are not final."""

SETTLE_SECONDS = 300
REORG_NEVER_BELOW = 3
GWEI = 10**9
BOOKKEEPING = {"index_state", "index_block", "indexer_revision"}
"""Tables that say how far an index is and what it saw on its way."""

SEND = "eth_sendRawTransaction"
NODE_OPTIONS = ("--prune-history", "300", "--no-request-size-limit", "--timestamp", str(int(time.time())))
"""The time is fixed, so that all nodes have one first block: a node that loads another's state may keep its own."""

POLICY: dict[str, Any] = {
    "confirmations": CONFIRMATIONS,
    "bump_after_seconds": 15,
    "rebroadcast_after_seconds": 3,
    "stuck_after_seconds": 60,
    "lag_patience_seconds": 3,
    "lease_seconds": 5,
    "poll_seconds": 0.2,
}

MEAN_SECONDS: dict[str, float] = {
    "intents submitted": 0.5,
    "reorganizations": 8,
    "rollbacks": 25,
    "transactions dropped": 10,
    "node restarts": 45,
    "base fee jumps": 20,
    "answers lost": 6,
    "requests lost": 9,
    "too many requests": 15,
    "service unavailable": 15,
    "errors in a batch": 7,
    "lagging node": 20,
    "workers killed": 12,
    "indexers killed": 30,
    "cancellations": 10,
}
"""What happens, and how many seconds apart on average."""


@dataclass(frozen=True)
class IndexOrders:
    """What the indexer's process is to do: follow."""

    database_url: str
    rpc_url: str
    addresses: tuple[str, ...]
    first_block: int


class IndexerProcess:
    """Follows the chain until killed."""

    def __init__(self, orders: IndexOrders) -> None:
        self._process = multiprocessing.get_context("forkserver").Process(target=_follow, args=(orders,), daemon=True)
        self._process.start()

    def kill(self) -> None:
        """By SIGKILL."""
        self._process.kill()
        self._process.join()


def _follow(orders: IndexOrders) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with indexer(orders) as following:
        following.follow(threading.Event(), poll_seconds=0.3)


def indexer(orders: IndexOrders) -> Indexer:
    source = Source.open([orders.rpc_url], orders.addresses)
    return Indexer(Database(orders.database_url, durable=False), source, orders.first_block, lag_patience_seconds=3)


class Soak:
    """The chain, the outbox and the index, and what happens to them."""

    def __init__(self, seed: int, stack: ExitStack) -> None:
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.keys: dict[str, int] = {}
        self.node = Node(options=NODE_OPTIONS)
        self._stack = stack
        stack.callback(lambda: self.node.stop())
        connection = self.node.connect()
        self.deployment, self.organizations = _suite(connection)
        self.contract = CountingContract.deploy(connection, development_signer(DEPLOYER), self.node.url)
        self.first_block = connection.block_number() + REORG_NEVER_BELOW
        self.first_nonces = [self.nonce(sender) for sender in SENDERS]
        self.call("anvil_mine", hex(REORG_NEVER_BELOW))
        self.call("evm_setIntervalMining", BLOCK_SECONDS)
        self.proxy = stack.enter_context(RpcProxy(self.node.url))
        self.outbox_url = stack.enter_context(postgres(durable=True))
        self.index_url = stack.enter_context(postgres(durable=True))
        self.rebuilt_url = stack.enter_context(postgres(durable=True))
        self.outbox = Outbox.open(self.outbox_url, Connection.open(self.proxy.url))
        stack.callback(self.outbox.close)
        self._orders = Orders(self.outbox_url, self.proxy.url, SENDERS, POLICY, life_seconds=24 * 3600)
        self._workers = stack.enter_context(working([self._orders] * WORKERS))
        self._indexer = IndexerProcess(self.index_orders(self.index_url, self.proxy.url))
        stack.callback(lambda: self._indexer.kill())

    # ------------------------------------------------------------------ parts

    def call(self, method: str, *parameters: Any) -> Any:
        """Straight to the node."""
        return HttpRpc(self.node.url).call(method, *parameters)

    def nonce(self, sender: int) -> int:
        return quantity(self.call("eth_getTransactionCount", development_signer(sender).address, "latest"))

    def head(self) -> int:
        return quantity(self.call("eth_blockNumber"))

    def index_orders(self, database_url: str, rpc_url: str) -> IndexOrders:
        addresses = tuple(self.deployment.addresses.values())
        return IndexOrders(database_url, rpc_url, addresses, self.deployment.first_block)

    def waiting(self) -> int:
        return sum(count for state, count in self.outbox.counts().items() if state not in FINAL)

    # ------------------------------------------------------------------ what happens

    def run(self, seconds: float, report: Callable[[str], None]) -> None:
        """Lets everything happen for so long."""
        acts: dict[str, Callable[[], int]] = {
            "intents submitted": self._submit,
            "reorganizations": lambda: self._take_back("anvil_reorg", []),
            "rollbacks": lambda: self._take_back("anvil_rollback"),
            "transactions dropped": self._drop,
            "node restarts": self._restart,
            "base fee jumps": self._jump,
            "answers lost": lambda: self._fault(self.proxy.lose_answers),
            "requests lost": lambda: self._fault(self.proxy.lose_requests),
            "too many requests": lambda: self._refuse(429),
            "service unavailable": lambda: self._refuse(503),
            "errors in a batch": self._errors,
            "lagging node": self._lag,
            "workers killed": self._kill_worker,
            "indexers killed": self._kill_indexer,
            "cancellations": self._cancel,
        }
        started = time.monotonic()
        next_at = {name: started + self.random.expovariate(1 / mean) for name, mean in MEAN_SECONDS.items()}
        reported = started
        while (now := time.monotonic()) < started + seconds:
            for name, at in next_at.items():
                if at <= now:
                    self.counts[name] += acts[name]()
                    next_at[name] = time.monotonic() + self.random.expovariate(1 / MEAN_SECONDS[name])
            if now > reported + 30:
                reported = now
                report(f"{now - started:.0f} s: {len(self.keys):,} intents, {self.waiting():,} waiting")
            time.sleep(0.02)

    def _submit(self) -> int:
        if self.waiting() > MOST_WAITING:
            return 0
        sender = self.random.choice(SENDERS)
        keys = [f"{sender}-{len(self.keys) + number}" for number in range(self.random.randint(1, 40))]
        self.outbox.submit_many([self._intent(key, sender) for key in keys])
        self.keys.update(dict.fromkeys(keys, sender))
        return len(keys)

    def _intent(self, key: str, sender: int) -> Intent:
        """The registrar's change the registry, and are indexed; the others' are counted by a contract of their own."""
        to, data, label = self.contract.address, call_of(key), "count"
        if sender == REGISTRAR:
            function = artifact("OrganizationRegistry").function("commitMetadata")
            organization = self.random.choice(self.organizations)
            data = encode_call(function, (organization, "0x" + call_of(key).hex(), Reason.SCOPE_CHANGED))
            to, label = self.deployment.addresses["OrganizationRegistry"], "OrganizationRegistry.commitMetadata"
        return Intent(key, development_signer(sender).address, to, data, gas=CALL_GAS, label=label)

    def _take_back(self, method: str, *parameters: Any) -> int:
        most = min(MOST_BLOCKS_BACK, self.head() - self.first_block)
        if most < 1:
            return 0
        try:
            self.call(method, self.random.randint(1, most), *parameters)
        except NodeRefused:  # Anvil no longer has the state of the block before
            self.counts["refused by Anvil"] += 1
            return 0
        return 1

    def _drop(self) -> int:
        pool = self.call("txpool_content")["pending"].values()
        hashes = [transaction["hash"] for by_nonce in pool for transaction in by_nonce.values()]
        chosen = self.random.sample(hashes, min(3, len(hashes)))
        for transaction_hash in chosen:
            self.call("anvil_dropTransaction", transaction_hash)
        return len(chosen)

    def _restart(self) -> int:
        """With its blocks, without its pool, after a moment away."""
        self.call("evm_setIntervalMining", 0)
        state = self.call("anvil_dumpState")
        self.first_block = self.head()  # the state before is not in it
        self.node.stop()
        time.sleep(self.random.uniform(0, 1))
        self.node = Node(options=NODE_OPTIONS)
        self.call("anvil_loadState", state)
        self.call("evm_setIntervalMining", BLOCK_SECONDS)
        self.proxy.upstream = self.node.url
        self.contract = CountingContract(self.contract.address, self.node.url)
        return 1

    def _jump(self) -> int:
        self.call("anvil_setNextBlockBaseFeePerGas", hex(self.random.choice((1, 3, 20, 60)) * GWEI))
        return 1

    def _fault(self, order: Callable[[str, float], None]) -> int:
        times = self.random.randint(1, 4)
        order(self.random.choice((SEND, EVERY)), times)
        return times

    def _refuse(self, status: int) -> int:
        times = self.random.randint(1, 5)
        self.proxy.respond(status, times=times, reaches=self.random.random() < 0.5)
        return times

    def _errors(self) -> int:
        times = self.random.randint(1, 5)
        self.proxy.fail(SEND, self.random.choice(TEXTS), times=times, reaches=self.random.random() < 0.5)
        return times

    def _lag(self) -> int:
        self.proxy.lag(self.random.choice((0, 1, 2)))
        return 1

    def _kill_worker(self) -> int:
        victim = self.random.randrange(WORKERS)
        self._workers[victim].kill()
        self._workers[victim] = WorkerProcess(self._orders)
        return 1

    def _kill_indexer(self) -> int:
        self._indexer.kill()
        self._indexer = IndexerProcess(self.index_orders(self.index_url, self.proxy.url))
        return 1

    def _cancel(self) -> int:
        if not self.keys:
            return 0
        try:
            self.outbox.cancel(self.random.choice(list(self.keys)[-50:]))
        except WrongState:
            return 0
        return 1

    # ------------------------------------------------------------------ how it ends

    def settle(self) -> None:
        """Without faults, with both workers, until all is final; then ends the workers and the indexer."""
        self.proxy.heal()
        deadline = time.monotonic() + SETTLE_SECONDS
        calm_since = self.head()
        while self.waiting() or self.head() < calm_since + CONFIRMATIONS + 5:
            if time.monotonic() > deadline:
                break
            time.sleep(0.5)
        for worker in self._workers:
            worker.stop()
        self._indexer.kill()

    def violations(self) -> Iterator[str]:
        """What is not as it should be."""
        records = {record.key: record for record in _records(self.outbox)}
        fillers = sum(key.startswith(NO_OP_KEY) for key in records)
        self.counts["no-ops in gaps"] = fillers
        records = {key: record for key, record in records.items() if not key.startswith(NO_OP_KEY)}
        if missing := self.keys.keys() - records.keys():
            yield f"{len(missing)} records lost, such as {sorted(missing)[:3]}"
        effects = self.contract.calls(key for key, sender in self.keys.items() if sender != REGISTRAR)
        commitments = self._commitments()
        effects |= {key: commitments[call_of(key)] for key, sender in self.keys.items() if sender == REGISTRAR}
        for key, record in records.items():
            expected = {State.CONFIRMED: 1, State.CANCELLED: 0}.get(record.state)
            if expected is None:
                yield f"{key} is {record.state}"
            elif effects[key] != expected:
                yield f"{key} is {record.state} and took effect {effects[key]} times"
            if len(record.attempts) > 1:
                self.counts["records with several attempts"] += 1
        self.counts.update({f"records {state}": n for state, n in Counter(r.state for r in records.values()).items()})
        for sender, first in zip(SENDERS, self.first_nonces, strict=True):
            address = development_signer(sender).address
            owned = sum(r.nonce is not None for r in _records(self.outbox) if r.sender == address)
            if self.nonce(sender) - first != owned:
                yield f"sender {sender}: {self.nonce(sender) - first} nonces used, {owned} owned by records"
        yield from self._index_violations()

    def _commitments(self) -> Counter[bytes]:
        """How often the registry was told each commitment, by its events."""
        found: Counter[bytes] = Counter()
        address = self.deployment.addresses["OrganizationRegistry"]
        for start in range(self.deployment.first_block, self.head() + 1, 1_000):
            query = {"address": address, "topics": [MetadataCommitted.TOPIC]}
            query |= {"fromBlock": hex(start), "toBlock": hex(start + 999)}
            found.update(bytes.fromhex(entry["data"][2:66]) for entry in self.call("eth_getLogs", query))
        return found

    def _index_violations(self) -> Iterator[str]:
        followed = self.index_orders(self.index_url, self.node.url)
        self.call("evm_setIntervalMining", 0)
        with indexer(followed) as following, indexer(self.index_orders(self.rebuilt_url, self.node.url)) as rebuilt:
            end = self.head()
            following.sync(to=end)
            self.counts["events indexed"] = rebuilt.sync(to=end).events
            if mismatches := following.verify(sample=200):
                yield f"{len(mismatches)} indexed events are not on chain, such as {mismatches[0]}"
        one, other = _tables(self.index_url), _tables(self.rebuilt_url)
        self.counts["index rows compared"] = sum(map(len, other.values()))
        for name in sorted(one.keys() | other.keys()):
            if one.get(name) != other.get(name):
                differing = set(one.get(name, [])) ^ set(other.get(name, []))
                yield f"{name}: {len(differing)} rows differ from a rebuild's"


def _suite(connection: Connection) -> tuple[Deployment, list[str]]:
    """A deployed suite with some organizations, by id."""
    parameters = Parameters(
        admin=development_signer(0).address,
        registrar=development_signer(REGISTRAR).address,
        policy_administrator=development_signer(3).address,
        guardian=development_signer(3).address,
        rule_delay_seconds=1,
        admin_delay_seconds=0,
    )
    deployment = Deployer(connection, development_signer(0), suite_plan(parameters)).run()
    organizations = CareLedger(connection, deployment).acting_as(development_signer(REGISTRAR)).organizations
    names = [f"organization-{number}" for number in range(ORGANIZATIONS)]
    expiry = int(time.time()) + 365 * 24 * 3600
    controller, roles = development_signer(4).address, frozenset({MemberRole.PAYER})
    organizations.admit_many([Admission(name, controller, roles, expiry) for name in names])
    return deployment, [organization_id(name) for name in names]


def _records(outbox: Outbox) -> list[Record]:
    records: list[Record] = []
    while page := outbox.records(after=records[-1].key if records else None, limit=5_000):
        records += page
    return records


def _tables(database_url: str) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every table of an index that follows from the chain alone, in order."""
    database = Database(database_url)
    tables = {}
    with database.read() as connection:
        names = [name for name in inspect(connection).get_table_names() if name not in BOOKKEEPING]
        for name in names:
            rows = connection.exec_driver_sql(f'SELECT * FROM "{name}"').all()
            tables[name] = sorted(tuple(map(str, row)) for row in rows)
    database.close()
    return tables


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    arguments = parser.parse_args()
    console = Console()
    console.print(f"seed {arguments.seed}, {arguments.minutes:g} minutes")
    with ExitStack() as stack:
        soak = Soak(arguments.seed, stack)
        soak.run(60 * arguments.minutes, console.print)
        console.print("no more faults; waiting until all is final")
        soak.settle()
        violations = list(soak.violations())
    table = Table("what happened", "count")
    for name, count in soak.counts.items():
        table.add_row(name, f"{count:,}")
    for kind, count in sorted(soak.proxy.faults().items()):
        table.add_row(f"seen by clients: {kind}", f"{count:,}")
    console.print(table)
    for violation in violations[:20]:
        console.print(f"violation: {violation}", style="red")
    console.print(f"{len(violations)} violations")
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "soak.json").write_text(
        json.dumps(
            {
                "seed": arguments.seed,
                "minutes": arguments.minutes,
                "counts": dict(soak.counts),
                "faults": soak.proxy.faults(),
                "violations": violations,
            },
            indent=2,
        )
        + "\n"
    )
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
