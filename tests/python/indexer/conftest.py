from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from careledger.chain.connection import Connection
from careledger.chain.development import Node
from careledger.chain.indexer import engine
from careledger.chain.indexer import source as sources
from indexer.emitter import Emitter
from indexer.world import DATABASES
from postgres import postgres


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that failed rest for a moment, not for half a second."""
    monkeypatch.setattr(sources, "FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(engine, "POLL_SECONDS", 0.1)


@pytest.fixture
def chain_node() -> Iterator[Node]:
    """A node that the test may reorganize."""
    with Node() as node:
        yield node


@pytest.fixture
def connection(chain_node: Node) -> Connection:
    return chain_node.connect()


@pytest.fixture
def emitter(connection: Connection) -> Emitter:
    return Emitter(connection)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """The URL of a fresh database of a dialect."""
    with ExitStack() as stack:
        count = 0

        def make(dialect: str) -> str:
            nonlocal count
            count += 1
            return f"sqlite:///{tmp_path}/{count}.db" if dialect == "sqlite" else stack.enter_context(postgres())

        yield make


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, fresh: Callable[[str], str]) -> str:
    """A fresh database, of each dialect in turn."""
    return fresh(request.param)
