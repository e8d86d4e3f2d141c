"""The three kinds of chain that the client works on, each started once, and the two kinds of database."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest
from careledger.chain.connection import Connection
from careledger.chain.development import MNEMONIC, Node, embedded_connection
from careledger.logs import ROOT as LOG_ROOT
from postgres import postgres

ROOT = Path(__file__).resolve().parents[2]
GANACHE = ROOT / "node_modules" / "ganache" / "dist" / "node" / "cli.js"
GANACHE_START_SECONDS = 60
CHAINS = ("anvil", "ganache", pytest.param("embedded", marks=pytest.mark.full))
"""py-evm takes ten times as long: daily, the demo of the installed wheel runs on it."""
DATABASES = ("sqlite", "postgresql")


@contextmanager
def ganache() -> Iterator[Connection]:
    """A Ganache with the accounts of every development chain, as chain 1337."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    node = shutil.which("node")
    assert node is not None, "Ganache needs Node.js"
    command = [node, str(GANACHE), "--logging.quiet", "--server.host", "127.0.0.1", "--server.port", str(port)]
    command += ["--chain.chainId", "1337", "--wallet.mnemonic", MNEMONIC]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + GANACHE_START_SECONDS
        while True:
            assert process.poll() is None, "Ganache ended at once"
            assert time.monotonic() < deadline, "Ganache does not answer"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield Connection.open(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


@contextmanager
def anvil() -> Iterator[Connection]:
    with Node() as node:
        yield Connection.open(node.url)


@contextmanager
def embedded() -> Iterator[Connection]:
    yield embedded_connection()


STARTS: dict[str, Callable[[], AbstractContextManager[Connection]]] = {
    "anvil": anvil,
    "ganache": ganache,
    "embedded": embedded,
}


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """A command that logs to standard error does so for its own test only."""
    root = logging.getLogger(LOG_ROOT)
    handlers, level, propagate = list(root.handlers), root.level, root.propagate
    yield
    root.handlers, root.propagate = handlers, propagate
    root.setLevel(level)


@pytest.fixture(scope="session")
def anvil_node() -> Iterator[Node]:
    with Node() as node:
        yield node


@pytest.fixture(scope="session")
def chains(anvil_node: Node) -> Iterator[Callable[[str], Connection]]:
    """The chain of each kind, started when first asked for."""
    with ExitStack() as stack:
        started: dict[str, Connection] = {"anvil": anvil_node.connect()}

        def chain_of(kind: str) -> Connection:
            if kind not in started:
                started[kind] = stack.enter_context(STARTS[kind]())
            return started[kind]

        yield chain_of


@pytest.fixture(scope="session", params=CHAINS)
def chain(request: pytest.FixtureRequest, chains: Callable[[str], Connection]) -> Connection:
    """Each kind of chain in turn. Its clock is the machine's, or, in process, ahead of it."""
    return chains(request.param)


@pytest.fixture(scope="module", params=CHAINS)
def travelling_chain(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """Each kind of chain in turn, for tests that move its clock far ahead."""
    with STARTS[request.param]() as connection:
        yield connection


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A fresh PostgreSQL database."""
    with postgres() as url:
        yield url


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh database of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'careledger.db'}"
        return
    with postgres() as url:
        yield url
