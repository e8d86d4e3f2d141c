"""The gateway's migrations make the tables that the code names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from careledger.chain.database import Database
from careledger.gateway.tables import METADATA
from sqlalchemy import inspect


def test_the_migrations_make_these_tables(database_url: str) -> None:
    database = Database(database_url)
    database.migrate("gateway")
    names = set(METADATA.tables)
    options = {
        "version_table": "gateway_revision",
        "include_object": lambda _thing, name, kind, *_: kind != "table" or name in names,
    }
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []
    database.close()


def test_threads_that_migrate_databases_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    def migrate(number: int) -> set[str]:
        database = Database(f"sqlite:///{tmp_path / f'{number}.db'}")
        try:
            for component in ("outbox", "indexer", "gateway"):
                database.migrate(component)
            return set(inspect(database.engine).get_table_names())
        finally:
            database.close()

    with ThreadPoolExecutor(8) as pool:
        first, *others = pool.map(migrate, range(16))
    assert {"outbox_revision", "indexer_revision", "gateway_revision"} <= first
    assert all(one == first for one in others)
