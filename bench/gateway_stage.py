"""A gateway as its operator starts it: processes of `careledger gateway`, a node with a block a second, PostgreSQL."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import requests
from careledger.chain.development import Node
from careledger.chain.rpc import HttpRpc
from careledger.gateway.access import SCOPES
from careledger.gateway.client import GatewayClient, new_key
from careledger.gateway.local import local_settings

from bench.databases import postgres

__all__ = ["BLOCK_SECONDS", "Gateway", "Home", "Process", "Stand", "constant_app", "free_port", "serving", "stand"]

BLOCK_SECONDS = 1
CLIENT = "load"
TOKEN_SECONDS = 3_600
START_SECONDS = 120
STOP_SECONDS = 60
UNLIMITED = "100000000/minute"
NODE_OPTIONS = ("--prune-history", "300", "--no-request-size-limit")


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@dataclass(frozen=True)
class Home:
    """Where a gateway has its files, and its settings by their names in lower case."""

    folder: Path
    settings: Mapping[str, str]


class Stand:
    """A node that can be restarted with its state, and the settings of a gateway on it."""

    def __init__(self, folder: Path, settings: Mapping[str, str], state: Mapping[str, Any]) -> None:
        """`state` is of `dumped_state`."""
        self.folder = folder
        self.node = self._node(None, state)
        self.settings = {**settings, "rpc": self.node.url}

    @property
    def home(self) -> Home:
        return Home(self.folder, self.settings)

    def _node(self, port: int | None, state: Mapping[str, Any]) -> Node:
        """It has the state before it has its port: nobody ever sees another chain there."""
        file = self.folder / "node-state.json"
        file.write_bytes(orjson.dumps(state))
        return Node(port=port, block_time_seconds=BLOCK_SECONDS, options=(*NODE_OPTIONS, "--load-state", str(file)))

    def restart_node(self, away_seconds: float) -> None:
        """With its blocks, without its pool, at the same address."""
        rpc = HttpRpc(self.node.url)
        rpc.call("evm_setIntervalMining", 0)
        state = dumped_state(rpc)
        self.node.stop()
        time.sleep(away_seconds)
        self.node = self._node(self.node.port, state)


def dumped_state(rpc: HttpRpc) -> dict[str, Any]:
    """Anvil's state with all blocks. Of one that was itself loaded, the dump has two blocks 0, and whoever loads it
    takes either: only that of the chain is left."""
    state: dict[str, Any] = orjson.loads(gzip.decompress(bytes.fromhex(rpc.call("anvil_dumpState")[2:])))
    first = rpc.call("eth_getBlockByNumber", "0x0", False)

    def is_of_the_chain(header: dict[str, Any]) -> bool:
        return int(header["number"], 16) > 0 or all(header[name] == first[name] for name in ("timestamp", "stateRoot"))

    state["blocks"] = [block for block in state["blocks"] if is_of_the_chain(block["header"])]
    return state


@contextmanager
def stand() -> Iterator[Stand]:
    """A fresh suite with one organization, and a database."""
    with tempfile.TemporaryDirectory(prefix="careledger-bench-") as name, postgres() as database:
        folder = Path(name)
        with local_settings(folder) as settings:
            state = dumped_state(HttpRpc(settings["rpc"]))
        found = Stand(folder, {**settings, "database": database}, state)
        try:
            yield found
        finally:
            found.node.stop()


class Process:
    """A server in processes of its own. Its lines go into a file."""

    def __init__(self, command: list[str], environment: Mapping[str, str], port: int, log: Path, probe: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._command = command
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CARELEDGER_")},
            **environment,
        }
        self._log = log
        self._probe = probe
        self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)

    def await_ready(self, processes: int) -> None:
        """Until it answers in so many processes. Raises RuntimeError if it ends or does not come up."""
        until = time.monotonic() + START_SECONDS
        while True:
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the server is not up: {self._log.read_text()[-2_000:]}")
            with contextlib.suppress(requests.RequestException):
                ready = requests.get(self.url + self._probe, headers={"Connection": "close"}, timeout=30).status_code
                if ready < 500 and len(self.answering()) == processes:
                    return
            time.sleep(0.1)

    def answering(self) -> list[int]:
        """Ids of the processes that answer: the children, if there are any."""
        found = []
        for child in _descendants(self._process.pid):
            with contextlib.suppress(OSError):
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(child)
        return sorted(found) or [self._process.pid]

    def kill(self, process_id: int) -> None:
        """Kills one that answers by SIGKILL. Its supervisor replaces it; without one it is started again here."""
        os.kill(process_id, signal.SIGKILL)
        if process_id == self._process.pid:
            self._process.wait()
            self._process = self._started()

    def revive(self) -> bool:
        """Starts it again if it has ended; whether it had."""
        if self._process.poll() is None:
            return False
        self._process = self._started()
        return True

    def stop(self) -> None:
        """As Ctrl-C does, and if that does not end it, by SIGKILL."""
        below = _descendants(self._process.pid)
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for one in [self._process.pid, *below]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)
            self._process.wait()


class Gateway(Process):
    """`careledger gateway` with a client that may do everything."""

    def __init__(self, on: Home, workers: int, **settings: str) -> None:
        port = free_port()
        self._client = GatewayClient(f"http://127.0.0.1:{port}", CLIENT, new_key())
        clients = on.folder / f"clients-{port}.yaml"
        clients.write_text(json.dumps({"clients": [self._client.registration(on.settings["organization"], SCOPES)]}))
        given = {**on.settings, "clients": str(clients), "public_url": f"http://127.0.0.1:{port}"}
        given |= {"rate_limit": UNLIMITED, "token_seconds": str(TOKEN_SECONDS), **settings}
        environment = {f"CARELEDGER_{name.upper()}": value for name, value in given.items()}
        command = [sys.executable, "-m", "careledger", "gateway", "--workers", str(workers), "--port", str(port)]
        super().__init__(command, environment, port, on.folder / f"gateway-{port}.log", "/health")

    def token(self, scope: str) -> str:
        """An access token for an hour. Raises requests.HTTPError."""
        return self._client.token(scope)


@contextmanager
def serving(process: Process, processes: int) -> Iterator[None]:
    """A server that answers in so many processes, until the context ends."""
    try:
        process.await_ready(processes)
        yield
    finally:
        process.stop()


def constant_app(workers: int, log: Path) -> Process:
    """The bare application of `bench.peers.constant_app`, served the same way."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.peers.constant_app:app", "--port", str(port)]
    command += ["--workers", str(workers), "--no-access-log", "--log-level", "warning"]
    return Process(command, {}, port, log, "/")


def _descendants(process_id: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{process_id}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *_descendants(child)]
    return found
