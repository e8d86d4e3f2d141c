"""A deployment by the command line, killed by SIGKILL at random moments and run again until it is done.

The program talks to its node through a relay of this test, which kills it before or after a chosen request: so kills
land, whatever the machine's speed, before a transaction is broadcast, between broadcast and inclusion, and between
inclusion and the writing of the manifest.
"""

from __future__ import annotations

import collections
import http.server
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from careledger.chain.connection import Connection
from careledger.chain.deployment import manifest_path
from careledger.chain.deployment.deployer import CREATE2_DEPLOYER
from careledger.chain.deployment.through_outbox import outbox_path
from careledger.chain.development import Node, development_signer
from careledger.chain.outbox import Outbox
from web3.types import RPCEndpoint

__all__ = ["DEPLOYER", "Job", "Record", "kill_and_resume", "report"]

DEPLOYER = development_signer(0).address
BLOCK_SECONDS = "0.3"
DEADLINE_SECONDS = 90
REQUESTS_FOR_A_TRANSACTION = 45

Record = Callable[[str, object], None]

Moment = Callable[[str, Any, int], bool]
"""Whether to kill at a call's end: its method, the node's result, and how many requests, batches or not, there were."""


@dataclass(frozen=True)
class Job:
    """What is deployed: by which command, how many contracts, under which name, and what stands on a chain before."""

    command: tuple[str, ...]
    contracts: int
    name: str = ""
    prepare: Callable[[Connection, Path], object] = lambda *_: None

    @property
    def transactions(self) -> int:
        """The contracts, and the settings."""
        return self.contracts + 1


def at_request(number: int) -> Moment:
    return lambda _method, _result, count: count == number


def at_broadcast(number: int) -> Moment:
    """After the node took a run's n-th transaction."""
    seen = 0

    def moment(method: str, _result: Any, _count: int) -> bool:
        nonlocal seen
        seen += method == "eth_sendRawTransaction"
        return seen == number

    return moment


def at_inclusion(number: int) -> Moment:
    """When a run is about to hear that its n-th transaction is in a block."""
    seen: set[str] = set()

    def moment(method: str, result: Any, _count: int) -> bool:
        if method == "eth_getTransactionReceipt" and result is not None:
            seen.add(result["transactionHash"])
        if method == "eth_getBlockReceipts" and result is not None:
            seen.update(receipt["transactionHash"] for receipt in result)
        return len(seen) == number

    return moment


@dataclass
class Relay:
    """Hands a program's requests to a node, and kills the program at a moment.

    `block` is the chain's last block at that moment: the chain goes on while the test looks at what the kill left.
    """

    node_url: str
    url: str = ""
    process: subprocess.Popen[bytes] | None = None
    moment: Moment = lambda _method, _result, _count: False
    before_broadcast: int = 0
    broadcasts: int = 0
    count: int = 0
    killed: bool = False
    block: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def aim(self, moment: Moment | None = None, before_broadcast: int = 0) -> None:
        """`before_broadcast` n kills before the node gets a run's n-th transaction."""
        self.moment = moment or (lambda _method, _result, _count: False)
        self.before_broadcast, self.broadcasts, self.count, self.killed = before_broadcast, 0, 0, False

    def kill(self, block: int) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.killed, self.block = True, block

    def last_block(self) -> int:
        call = {"jsonrpc": "2.0", "id": 0, "method": "eth_blockNumber", "params": []}
        return int(requests.post(self.node_url, json=call, timeout=30).json()["result"], 16)

    def answer(self, body: bytes) -> bytes | None:
        """The node's answer; None if the program was killed."""
        with self.lock:
            if self.killed:
                return None
            content = json.loads(body)
            methods = [call["method"] for call in (content if isinstance(content, list) else [content])]
            self.count += 1
            broadcasts = methods.count("eth_sendRawTransaction")
            before = self.last_block() if broadcasts else None  # what is broadcast now is in a later one
            for _ in range(broadcasts):
                self.broadcasts += 1
                if self.broadcasts == self.before_broadcast:
                    self.kill(self.last_block())
                    return None
            headers = {"Content-Type": "application/json"}
            answer = requests.post(self.node_url, data=body, headers=headers, timeout=30).content
            answered = json.loads(answer)
            for method, one in zip(methods, answered if isinstance(content, list) else [answered], strict=True):
                if self.moment(method, one.get("result"), self.count):
                    self.kill(self.last_block() if before is None else before)
                    return None
            return answer


@contextmanager
def relayed(node_url: str) -> Iterator[Relay]:
    relay = Relay(node_url)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            answer = relay.answer(self.rfile.read(int(self.headers["Content-Length"])))
            if answer is None:
                self.close_connection = True
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        relay.url = f"http://127.0.0.1:{server.server_port}"
        yield relay
        server.shutdown()


def deploy(job: Job, relay: Relay, folder: Path) -> int:
    """Runs the program until it ends or is killed; returns its exit code."""
    command = [sys.executable, "-m", "careledger", *job.command, "--rpc", relay.url, "--signer", "development:0"]
    command += ["--deployments", str(folder), "--json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARELEDGER_")}
    with relay.lock:
        relay.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _, printed = relay.process.communicate(timeout=DEADLINE_SECONDS)
    finally:
        relay.process.kill()
    code = relay.process.returncode
    assert relay.killed or code == 0, printed.decode()
    return code


def where_it_landed(job: Job, connection: Connection, folder: Path, block: int) -> str:
    """What a kill left when a block was the last: told by the files and the chain, not by where it was aimed."""
    path = outbox_path(folder, connection.chain_id, job.name)
    manifest = manifest_path(folder, connection.chain_id, job.name)
    if not path.exists() or not manifest.exists():
        return "between two transactions"
    body = json.loads(manifest.read_text())
    done = {f"deploy {name}" for name in [*body["contracts"], *(["settings"] if body["configured"] else [])]}
    with Outbox.offline(f"sqlite:///{path}") as outbox:
        under_way = [record for record in outbox.records() if record.label not in done]
    if not under_way:
        return "between two transactions"
    (record,) = under_way
    if not record.attempts:
        return "stored, before it is signed"
    known = [found for attempt in record.attempts if (found := known_to_node(connection, attempt.transaction_hash))]
    if any(found["blockNumber"] is not None and int(found["blockNumber"], 16) <= block for found in known):
        return "after inclusion, before the manifest is written"
    return "between broadcast and inclusion" if known else "signed, before broadcast"


def known_to_node(connection: Connection, transaction_hash: str) -> dict[str, Any] | None:
    """A transaction in a block or in the node's pool."""
    answer: Any = connection.web3.provider.make_request(RPCEndpoint("eth_getTransactionByHash"), [transaction_hash])
    found: dict[str, Any] | None = answer["result"]
    return found


def essence(job: Job, folder: Path, chain_id: int) -> dict[str, Any]:
    """A manifest without what differs from chain to chain: hashes, and the numbers of blocks."""
    body: dict[str, Any] = json.loads(manifest_path(folder, chain_id, job.name).read_text())
    del body["genesis_hash"]
    for contract in body["contracts"].values():
        assert contract.pop("block") > 0
        assert contract.pop("transaction_hash").startswith("0x")
    return body


def creations(connection: Connection) -> int:
    """How many contracts were ever created on a chain by transactions of the deployer."""
    by_factory = 0
    by_transaction = 0
    for number in range(1, connection.block_number() + 1):
        block: Any = connection.web3.eth.get_block(number, full_transactions=True)
        for transaction in block["transactions"]:
            assert connection.receipt("0x" + bytes(transaction["hash"]).hex()) is not None  # none failed
            by_transaction += transaction.get("to") is None
            by_factory += transaction.get("to") == CREATE2_DEPLOYER
    return by_factory + by_transaction


@contextmanager
def fresh_chain(create2: bool) -> Iterator[Connection]:
    options: tuple[str, ...] = ("--block-time", BLOCK_SECONDS)
    if not create2:
        options += ("--disable-default-create2-deployer",)
    with Node(options=options) as node:
        yield Connection.open(node.url)


def moments(rng: random.Random, job: Job) -> Iterator[dict[str, Any]]:
    """Where to kill, for ever: each kind of moment in turn, at a random transaction or request."""
    while True:
        yield {"before_broadcast": rng.randint(1, job.contracts)}
        yield {"moment": at_broadcast(rng.randint(1, job.contracts))}
        yield {"moment": at_inclusion(rng.randint(1, job.contracts))}
        yield {"moment": at_request(rng.randint(1, REQUESTS_FOR_A_TRANSACTION * job.transactions))}


def uninterrupted(job: Job, create2: bool, folder: Path) -> dict[str, Any]:
    """What a run writes that nothing interrupts."""
    with fresh_chain(create2) as connection, relayed(connection.web3.provider.endpoint_uri) as relay:  # type: ignore[attr-defined]
        job.prepare(connection, folder)
        before = creations(connection)
        assert deploy(job, relay, folder) == 0
        assert creations(connection) == before + job.contracts
        return essence(job, folder, connection.chain_id)


def kill_and_resume(
    job: Job, kills: int, create2: bool, folder: Path, seed: int, kills_on_a_chain: int
) -> collections.Counter[str]:
    """Kills a number of runs, then lets one finish on each chain. Returns where the kills landed."""
    rng = random.Random(seed)
    aims = moments(rng, job)
    landed: collections.Counter[str] = collections.Counter()
    expected = uninterrupted(job, create2, folder / "whole")
    rounds = 0
    while landed.total() < kills:
        rounds += 1
        into = folder / str(rounds)
        with fresh_chain(create2) as connection, relayed(connection.web3.provider.endpoint_uri) as relay:  # type: ignore[attr-defined]
            job.prepare(connection, into)
            created, nonce = creations(connection), connection.nonce(DEPLOYER)
            files = {path.name for path in into.iterdir()} if into.exists() else set()
            for _ in range(min(kills_on_a_chain, kills - landed.total())):
                relay.aim(**next(aims))
                deploy(job, relay, into)
                if relay.killed:
                    landed[where_it_landed(job, connection, into, relay.block)] += 1
            relay.aim()
            assert deploy(job, relay, into) == 0
            assert essence(job, into, connection.chain_id) == expected
            assert creations(connection) == created + job.contracts
            nonce += job.transactions
            assert connection.nonce(DEPLOYER, "latest") == connection.nonce(DEPLOYER) == nonce
            stem = ".".join(filter(None, (str(connection.chain_id), job.name)))
            kinds = ("json", "lock", "outbox.db", "outbox.db.worker")
            assert {path.name for path in into.iterdir()} == files | {f"{stem}.{kind}" for kind in kinds}
    return landed


def report(record: Record, title: str, landed: collections.Counter[str]) -> None:
    """Counts the kills in the summary of the run, by where they landed."""
    for where, count in landed.items():
        record(f"counted: {title} killed {where}", count)
