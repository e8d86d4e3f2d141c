"""The gateway's migrations make the tables that the code names."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from careledger.chain.database import Database
from careledger.gateway.tables import METADATA


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
