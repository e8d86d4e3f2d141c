"""The migrations give the tables that the code declares; the fingerprint tells versions apart."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from careledger.chain.database import Database
from careledger.chain.indexer.model import Kind, ReadModel
from careledger.chain.indexer.models import READ_MODELS
from careledger.chain.indexer.tables import Schema
from sqlalchemy import inspect


def test_migrations_and_tables_agree(database_url: str) -> None:
    metadata = Schema().metadata
    database = Database(database_url)
    database.migrate("indexer")
    database.migrate("indexer")
    options = {
        "compare_type": True,
        "version_table": "indexer_revision",
        "include_name": lambda name, kind, _: kind != "table" or name in metadata.tables,
    }
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
    database.close()


def test_the_fingerprint_changes_with_a_model() -> None:
    def model(version: int, kind: Kind) -> ReadModel:
        made = ReadModel("extra", version)
        made.entity("extra", {"id": Kind.TEXT}, {"value": kind})
        return made

    known = {
        Schema(models).fingerprint()
        for models in (
            READ_MODELS,
            (*READ_MODELS, model(1, Kind.TEXT)),
            (*READ_MODELS, model(2, Kind.TEXT)),
            (*READ_MODELS, model(1, Kind.UINT)),
        )
    }
    assert len(known) == 4
    assert Schema().fingerprint() == Schema().fingerprint()


def test_two_models_with_one_table_are_refused() -> None:
    first, second = ReadModel("first", 1), ReadModel("second", 1)
    for model in (first, second):
        model.entity("same", {"id": Kind.TEXT}, {})
    with pytest.raises(ValueError, match="same"):
        Schema((first, second))


def test_declared_indexes_are_made(database_url: str) -> None:
    model = ReadModel("indexed", 1)
    entity = model.entity("thing", {"id": Kind.TEXT}, {"a": Kind.INTEGER, "b": Kind.TEXT}, indexes=[("a", "b")])
    schema = Schema((model,))
    database = Database(database_url)
    schema.metadata.create_all(database.engine)
    names = {index["name"] for index in inspect(database.engine).get_indexes(schema.entities[entity].name)}
    database.close()
    assert names == {"thing_since", "thing_until", "thing_by_a_b"}
