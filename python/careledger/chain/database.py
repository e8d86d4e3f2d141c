"""A SQLite file or a PostgreSQL database, by URL: connections, transactions, and the schema by Alembic migrations.

sqlite:///careledger.db                        a file, in WAL mode
sqlite://                                      in memory, for this object alone
postgresql://user:password@host:5432/name      needs `pip install careledger[postgres]`
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import URL, Connection, Engine, StaticPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from careledger.errors import ConfigurationError, DatabaseError, DatabaseOutdated, MissingPrerequisite

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["Component", "Database"]

Component = Literal["outbox", "indexer", "gateway"]
"""A part of the client with tables of its own. Several may share a database."""

PACKAGES: dict[Component, str] = {
    "outbox": "careledger.chain.outbox",
    "indexer": "careledger.chain.indexer",
    "gateway": "careledger.gateway",
}

SQLITE_BUSY_SECONDS = 30
CONNECT_TIMEOUT_SECONDS = 10

_upgrading = threading.Lock()
"""Alembic keeps what it is at in globals: one thread at a time."""


class Database:
    """Attributes: `engine`; `dialect`, `sqlite` or `postgresql`; `path`, the SQLite file, None for others; `name`, the
    URL without its password, for messages."""

    def __init__(self, url: str, durable: bool = True) -> None:
        """`durable` has SQLite force each commit to the disk (`synchronous=FULL`); without it a power cut may take the
        last commits, never the file: right for what can be rebuilt. PostgreSQL keeps its own setting.

        Raises ConfigurationError for a URL of another kind, MissingPrerequisite without the PostgreSQL driver.
        """
        parsed = _parsed(url)
        self.dialect: Literal["sqlite", "postgresql"] = (
            "sqlite" if parsed.get_backend_name() == "sqlite" else "postgresql"
        )
        secrets = [name for name in parsed.query if "password" in name.lower()]
        self.name = parsed.difference_update_query(secrets).render_as_string(hide_password=True)
        self.path: Path | None = None
        options: dict[str, Any] = {}
        if self.dialect == "sqlite":
            options["connect_args"] = {"isolation_level": None, "timeout": SQLITE_BUSY_SECONDS}
            if parsed.database in (None, "", ":memory:"):
                options["poolclass"] = StaticPool
                options["connect_args"]["check_same_thread"] = False
            else:
                self.path = Path(str(parsed.database)).expanduser()
                parsed = parsed.set(database=str(self.path))
        else:
            options["connect_args"] = {"connect_timeout": CONNECT_TIMEOUT_SECONDS}
            options["pool_pre_ping"] = True
        try:
            self.engine: Engine = create_engine(parsed, **options)
        except ModuleNotFoundError as error:
            raise MissingPrerequisite("psycopg", f"{error}; pip install 'careledger[postgres]'") from None
        if self.dialect == "sqlite":
            _configure_sqlite(self.engine, durable)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, and sees one state of the database. Raises DatabaseError."""
        with self.failures(), self.engine.connect() as connection:
            if self.dialect == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits at the end, or on an exception leaves nothing. On SQLite it holds the write lock
        from its start. Raises DatabaseError."""
        with self.failures(), self.engine.connect() as connection:
            connection = connection.execution_options(careledger_write=True)
            with connection.begin():
                yield connection

    def migrate(self, component: Component) -> None:
        """Brings a component's tables to this version's schema; does nothing if they are there. Raises DatabaseError,
        DatabaseOutdated if they were made by a newer careledger."""
        from alembic import command  # slow to import, and only needed here

        revision, known = self.revision(component), _revisions(component)
        if revision == known[0]:
            return
        if revision is not None and revision not in known:
            raise DatabaseOutdated(
                self.name,
                f"the {component} tables are at revision {revision}, unknown here: "
                "use the newer careledger that made them, or another database",
            )
        config = _alembic(component)
        with self.write() as connection:
            if self.dialect == "postgresql":  # two processes may start at once
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock(hashtext('careledger {component}'))")
            config.attributes["connection"] = connection
            with _upgrading:
                command.upgrade(config, "head")

    def revision(self, component: Component) -> str | None:
        """The schema revision of a component's tables; None if there are none."""
        from alembic.runtime.migration import MigrationContext

        with self.read() as connection:
            return MigrationContext.configure(
                connection, opts={"version_table": f"{component}_revision"}
            ).get_current_revision()

    def close(self) -> None:
        """Closes all connections. Data in memory are gone."""
        self.engine.dispose()

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Turns what the driver raises inside into DatabaseError."""
        try:
            yield
        except DBAPIError as error:
            raise DatabaseError(self.name, _problem(error.orig)) from error
        except (SQLAlchemyError, OverflowError) as error:  # SQLite's driver overflows by itself
            raise DatabaseError(self.name, _problem(error)) from error


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except ArgumentError:
        backend = ""
    if backend == "sqlite":
        return parsed
    if backend in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    raise ConfigurationError("the database URL", "neither sqlite:///PATH nor postgresql://USER:PASSWORD@HOST/NAME")


def _configure_sqlite(engine: Engine, durable: bool) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("careledger_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _alembic(component: Component) -> Config:
    from alembic.config import Config

    config = Config()
    folder = resources.files(PACKAGES[component]).joinpath("migrations")
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@cache
def _revisions(component: Component) -> tuple[str, ...]:
    """The revisions that a component's tables have had, the newest first."""
    from alembic.script import ScriptDirectory

    return tuple(script.revision for script in ScriptDirectory.from_config(_alembic(component)).walk_revisions())


def _problem(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {error}".strip().partition("\n")[0]
