from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from careledger.chain.connection import Connection
from careledger.chain.database import Database
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


@pytest.fixture(scope="session")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """The URL of a database of a dialect that has the index's tables and is only copied: to lay 170 tables out takes
    longer than most tests."""
    with ExitStack() as stack:

        @cache
        def make(dialect: str) -> str:
            path = tmp_path_factory.mktemp("laid-out") / "index.db"
            url = f"sqlite:///{path}" if dialect == "sqlite" else stack.enter_context(postgres())
            database = Database(url)
            database.migrate("indexer")
            database.close()
            return url

        yield make


@pytest.fixture
def fresh(tmp_path: Path, laid_out: Callable[[str], str]) -> Iterator[Callable[[str], str]]:
    """The URL of a fresh database of a dialect, with the index's tables."""
    with ExitStack() as stack:
        count = 0

        def make(dialect: str) -> str:
            nonlocal count
            count += 1
            if dialect == "postgresql":
                return stack.enter_context(postgres(template=laid_out(dialect)))
            path = tmp_path / f"{count}.db"
            shutil.copyfile(laid_out(dialect).removeprefix("sqlite:///"), path)
            return f"sqlite:///{path}"

        yield make


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, fresh: Callable[[str], str]) -> str:
    """A fresh database with the index's tables, of each dialect in turn."""
    return fresh(request.param)
