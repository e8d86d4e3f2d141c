"""A node that mines when told, a proxy in front of it, a contract that counts, and an outbox between."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from careledger.chain.connection import Connection
from careledger.chain.development import Node, development_signer
from careledger.chain.outbox import FINAL, Intent, Outbox, Policy, Record, State
from careledger.chain.outbox.types import NO_OP_KEY
from careledger.chain.outbox.worker import Worker
from careledger.chain.rpc import HttpRpc
from outbox.counting import CALL_GAS, CountingContract, call_of
from rpc_proxy import RpcProxy

__all__ = ["CONFIRMATIONS", "DEPLOYER", "SETTLE_SECONDS", "Count", "Stand", "quick", "stand", "stand_at"]

Count = Callable[[str, object], None]
"""`record_property`."""

CONFIRMATIONS = 2
DEPLOYER = 9
"""The development account that no outbox sends from."""
SETTLE_SECONDS = 60
NODE_OPTIONS = ("--no-mining", "--prune-history", "200", "--timestamp", "1800000000")

QUICK: dict[str, Any] = {
    "confirmations": CONFIRMATIONS,
    "bump_after_seconds": 1.5,
    "rebroadcast_after_seconds": 0.3,
    "stuck_after_seconds": 3,
    "lag_patience_seconds": 0.3,
    "lease_seconds": 3,
    "poll_seconds": 0.02,
}


def quick(**settings: Any) -> Policy:
    """A policy that waits for nothing long."""
    return Policy(**{**QUICK, **settings})


@dataclass
class Stand:
    """Attributes: `node`, which `restart` replaces; `proxy`, whose URL stays; `rpc`, straight to the node; `contract`;
    `first_block`, that of the contract, or the head of the last restart: faults may take away any after it."""

    node: Node | _Running
    proxy: RpcProxy
    contract: CountingContract
    first_block: int
    database_url: str
    _stack: ExitStack = field(repr=False)

    @property
    def rpc(self) -> HttpRpc:
        return HttpRpc(self.node.url)

    # ------------------------------------------------------------------ the outbox

    def connect(self) -> Connection:
        return Connection.open(self.proxy.url)

    def outbox(self) -> Outbox:
        """Another handle on the outbox; closed with the stand."""
        outbox = Outbox.open(self.database_url, self.connect())
        self._stack.callback(outbox.close)
        return outbox

    def worker(
        self, outbox: Outbox, signers: Sequence[int] = (0,), timeout_seconds: float = 30, **settings: Any
    ) -> Worker:
        """A worker that talks to the proxy; closed with the stand, before the outbox."""
        rpc = HttpRpc(self.proxy.url, timeout_seconds=timeout_seconds)
        worker = Worker(outbox, rpc, [development_signer(index) for index in signers], quick(**settings))
        self._stack.callback(worker.close)
        return worker

    def intent(self, key: str, signer: int = 0, **changes: Any) -> Intent:
        """One call that counts."""
        content = {"to": self.contract.address, "data": call_of(key), "gas": CALL_GAS, "label": "count", **changes}
        return Intent(key=key, sender=development_signer(signer).address, **content)

    def intents(self, count: int, signer: int = 0, prefix: str = "intent") -> list[Intent]:
        return [self.intent(f"{prefix}-{signer}-{number}", signer) for number in range(count)]

    # ------------------------------------------------------------------ the chain

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.rpc.call("evm_mine")

    def head(self) -> int:
        return int(self.rpc.call("eth_blockNumber"), 16)

    def nonce(self, signer: int = 0, block: str = "latest") -> int:
        return int(self.rpc.call("eth_getTransactionCount", development_signer(signer).address, block), 16)

    def pending(self) -> list[str]:
        """The hashes in the node's pool that could go into the next block."""
        block: dict[str, Any] = self.rpc.call("eth_getBlockByNumber", "pending", False)
        return list(block["transactions"])

    def restart(self, fresh: bool = False) -> None:
        """Another node behind the same URL: with the old one's blocks and none of its pool, or a `fresh` chain."""
        state = None if fresh else self.rpc.call("anvil_dumpState")
        self.first_block = self.head()  # the state before is not in it
        self.node.stop()
        options = NODE_OPTIONS if not fresh else (*NODE_OPTIONS[:-1], "1800000001")
        node = Node(options=options)
        self._stack.callback(node.stop)
        self.node = node
        if state is not None:
            self.rpc.call("anvil_loadState", state)
        self.contract = CountingContract(self.contract.address, self.node.url)
        self.proxy.upstream = self.node.url

    # ------------------------------------------------------------------ how it ends

    def rounds(
        self, worker: Worker, until: Callable[[], bool], mine: bool = True, seconds: float = SETTLE_SECONDS
    ) -> None:
        """Lets a worker work, a block a round, until something is so."""
        deadline = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline, "not so in time"
            worker.step()
            if mine:
                self.mine()

    def settle(self, outbox: Outbox, worker: Worker, seconds: float = SETTLE_SECONDS) -> None:
        """Lets a worker work, a block a round, until every record is final."""
        deadline = time.monotonic() + seconds
        while not is_final(outbox):
            assert time.monotonic() < deadline, (outbox.counts(), outbox.status())
            worker.step()
            self.mine()

    def check(self, outbox: Outbox, keys: Sequence[str]) -> dict[State, int]:
        """That no record was lost, each took effect exactly once or, where it says so, never, and that what it says of
        its block is true. Returns how many ended in each state."""
        records = {record.key: record for record in all_records(outbox)}
        assert sorted(records) == sorted(keys)
        calls = self.contract.calls(keys)
        for key, record in records.items():
            expected = int(record.state in (State.CONFIRMED, State.INCLUDED))
            assert calls[key] == expected, f"{key} is {record.state} and took effect {calls[key]} times: {record}"
        mined = [record for record in records.values() if record.block_number is not None]
        hashes = [record.transaction_hash for record in mined]
        receipts = self.rpc.batch([("eth_getTransactionReceipt", [found]) for found in hashes]) if mined else []
        for record, receipt in zip(mined, receipts, strict=True):
            assert receipt is not None, f"{record.key} names a transaction that is in no block: {record}"
            assert int(receipt["blockNumber"], 16) == record.block_number
            assert receipt["blockHash"] == record.block_hash
            assert int(receipt["gasUsed"], 16) == record.gas_used
            assert record.transaction_hash in {attempt.transaction_hash for attempt in record.attempts}
        nonces = [(record.sender, record.nonce) for record in records.values() if record.nonce is not None]
        assert len(nonces) == len(set(nonces)), "two records own one nonce"
        return dict(Counter(record.state for record in records.values()))


@contextmanager
def stand(database_url: str) -> Iterator[Stand]:
    """On an Anvil of its own. The contract is there; the outbox is not yet."""
    with ExitStack() as stack:
        node = Node(options=NODE_OPTIONS)
        stack.callback(node.stop)
        rpc = HttpRpc(node.url)
        rpc.call("evm_setAutomine", True)
        contract = CountingContract.deploy(Connection.open(node.url), development_signer(DEPLOYER), node.url)
        rpc.call("evm_setAutomine", False)
        head = int(rpc.call("eth_blockNumber"), 16)
        yield Stand(node, stack.enter_context(RpcProxy(node.url)), contract, head, database_url, stack)


@contextmanager
def stand_at(url: str, database_url: str) -> Iterator[Stand]:
    """On a development node that runs already, mines by itself, and is not Anvil."""
    with ExitStack() as stack:
        connection = Connection.open(url)
        contract = CountingContract.deploy(connection, development_signer(DEPLOYER), url)
        proxy = stack.enter_context(RpcProxy(url))
        yield Stand(_Running(url), proxy, contract, connection.block_number(), database_url, stack)


@dataclass(frozen=True)
class _Running:
    url: str

    def stop(self) -> None:
        """Who started it ends it."""


def all_records(outbox: Outbox) -> list[Record]:
    """Every record of an intent, page by page; not the outbox's own no-ops."""
    records: list[Record] = []
    while page := outbox.records(after=records[-1].key if records else None):
        records += page
    return [record for record in records if not record.key.startswith(NO_OP_KEY)]


def is_final(outbox: Outbox) -> bool:
    """Whether every record is in a final state."""
    return all(state in FINAL for state, count in outbox.counts().items() if count)
