"""Statements over many rows, in SQLite's dialect and in PostgreSQL's: one statement, one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Connection, LargeBinary, SmallInteger, Text

from careledger.chain.outbox.tables import METADATA

__all__ = ["insert_rows", "select_in", "update_rows"]

CHUNK = 10_000
"""Rows per statement: bounds the memory of drivers."""

Rows = Sequence[tuple[Any, ...]]


def insert_rows(connection: Connection, table: str, columns: Sequence[str], rows: Rows, ignore: bool = False) -> int:
    """Inserts rows in order; returns how many. With `ignore`, rows that a unique constraint forbids are left out."""
    if not rows:
        return 0
    return _run(connection, _insert(connection.dialect.name, table, tuple(columns), ignore), rows)


def update_rows(connection: Connection, table: str, columns: Sequence[str], rows: Rows, condition: str = "") -> int:
    """Sets `columns[1:]` where `columns[0]` has a row's first value and the condition (over the table `t`, in literal
    SQL) holds; returns how many rows that were."""
    if not rows:
        return 0
    sql = _update(connection.dialect.name, table, tuple(columns), condition)
    if connection.dialect.name == "sqlite":
        rows = [(*row[1:], row[0]) for row in rows]
    return _run(connection, sql, rows)


def select_in(
    connection: Connection, table: str, wanted: str, column: str, values: Sequence[Any], condition: str = ""
) -> list[Any]:
    """The `wanted` of the rows of a table `t` whose column has one of the values, and for which a condition holds."""
    found: list[Any] = []
    extra = f" AND {condition}" if condition else ""
    for start in range(0, len(values), CHUNK):
        part = list(values[start : start + CHUNK])
        if connection.dialect.name == "sqlite":
            marks = ",".join("?" * len(part))
            sql = f"SELECT {wanted} FROM {table} AS t WHERE t.{column} IN ({marks}){extra}"  # noqa: S608
            found += connection.exec_driver_sql(sql, tuple(part)).all()
        else:
            sql = f"SELECT {wanted} FROM {table} AS t WHERE t.{column} = ANY(%s){extra}"  # noqa: S608
            found += connection.exec_driver_sql(sql, (part,)).all()
    return found


def _run(connection: Connection, sql: str, rows: Rows) -> int:
    count = 0
    for start in range(0, len(rows), CHUNK):
        part = list(rows[start : start + CHUNK])
        if connection.dialect.name == "sqlite":
            count += connection.exec_driver_sql(sql, part).rowcount
        else:
            columns = tuple(list(column) for column in zip(*part, strict=True))
            count += connection.exec_driver_sql(sql, columns).rowcount
    return count


@lru_cache
def _insert(dialect: str, table: str, columns: tuple[str, ...], ignore: bool) -> str:
    names = ", ".join(columns)
    ending = " ON CONFLICT DO NOTHING" if ignore else ""
    if dialect == "sqlite":
        return f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))}){ending}"  # noqa: S608
    return f"INSERT INTO {table} ({names}) SELECT * FROM {_unnest(table, columns)}{ending}"  # noqa: S608


@lru_cache
def _update(dialect: str, table: str, columns: tuple[str, ...], condition: str) -> str:
    extra = f" AND {condition}" if condition else ""
    key, *others = columns
    if dialect == "sqlite":
        sets = ", ".join(f"{name} = ?" for name in others)
        return f"UPDATE {table} AS t SET {sets} WHERE t.{key} = ?{extra}"  # noqa: S608
    sets = ", ".join(f"{name} = v.{name}" for name in others)
    source = f"{_unnest(table, columns)} AS v({', '.join(columns)})"
    return f"UPDATE {table} AS t SET {sets} FROM {source} WHERE t.{key} = v.{key}{extra}"  # noqa: S608


def _unnest(table: str, columns: tuple[str, ...]) -> str:
    return f"unnest({', '.join(f'%s::{_postgres_type(table, name)}[]' for name in columns)})"


def _postgres_type(table: str, column: str) -> str:
    kind = METADATA.tables[table].columns[column].type
    for sort, name in ((BigInteger, "bigint"), (SmallInteger, "smallint"), (LargeBinary, "bytea"), (Text, "text")):
        if isinstance(kind, sort):
            return name
    raise LookupError(f"{table}.{column}")
