"""Rows in bulk: statements of many rows in SQLite, COPY and arrays in PostgreSQL.

Values come in table form as Python has it: integers of any width, booleans, text, None; JSON values as such.
"""
# ruff: noqa: S608  the names in the statements are from our own declarations

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import chain, islice
from operator import itemgetter
from typing import Any, Literal

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from careledger.chain.indexer.model import Entity, Key, Kind, Version
from careledger.chain.indexer.tables import column_kinds

__all__ = ["Dialect", "close_versions", "insert", "load_versions", "python_form", "rows_of", "stored_form"]

Dialect = Literal["sqlite", "postgresql"]

SQLITE_VARIABLES = 8_000
"""The most variables in one statement. Its steps run without Python's lock: the next batch is fetched meanwhile."""

LOOKUPS = 5_000
ARRAY_TYPES = {Kind.INTEGER: "bigint", Kind.UINT: "numeric", Kind.BOOL: "boolean"}


def stored_form(kind: Kind, dialect: Dialect) -> Callable[[Any], Any] | None:
    """What makes a value fit for its column; None if it is as it is. Leaves None alone."""
    if kind is Kind.JSON:
        return lambda value: None if value is None else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    if kind is Kind.UINT and dialect == "sqlite":
        return lambda value: None if value is None else str(int(value))
    return None


def python_form(kind: Kind, dialect: Dialect) -> Callable[[Any], Any] | None:
    """The reverse."""
    if kind is Kind.JSON:
        return lambda value: None if value is None else orjson.loads(value)
    if kind is Kind.UINT:
        return lambda value: None if value is None else int(value)
    if kind is Kind.BOOL and dialect == "sqlite":
        return lambda value: None if value is None else bool(value)
    return None


def insert(
    connection: Connection, dialect: Dialect, table: str, columns: Mapping[str, Kind], rows: Iterable[Sequence[Any]]
) -> None:
    """Inserts rows, whose values are in the order of the columns."""
    rows = _converted(columns, dialect, rows)
    names = ", ".join(f'"{name}"' for name in columns)
    if dialect == "postgresql":
        driver: Any = connection.connection.driver_connection
        statement = f'COPY "{table}" ({names}) FROM STDIN'
        try:
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
        except connection.dialect.loaded_dbapi.Error as error:
            raise DBAPIError(statement, None, error) from error
        return
    at_once = SQLITE_VARIABLES // len(columns)
    head = f'INSERT INTO "{table}" ({names}) VALUES '
    marks = f"({', '.join('?' * len(columns))})"
    many = head + ", ".join([marks] * at_once)
    remaining = iter(rows)
    while len(part := list(islice(remaining, at_once))) == at_once:
        connection.exec_driver_sql(many, tuple(chain.from_iterable(part)))
    if part:
        connection.exec_driver_sql(head + marks, [tuple(row) for row in part])


def rows_of(entity: Entity, versions: Iterable[tuple[Key, Version]]) -> Iterable[tuple[Any, ...]]:
    """Versions as rows of their table."""
    names = tuple(entity.values)
    in_order: Callable[[dict[str, Any]], tuple[Any, ...]]
    in_order = itemgetter(*names) if len(names) > 1 else lambda values: tuple(values.values())
    open_end = (None, None)
    for key, version in versions:
        yield key + version.since + (version.until or open_end) + in_order(version.values)


def load_versions(
    connection: Connection, dialect: Dialect, entity: Entity, keys: Sequence[Key]
) -> list[tuple[Key, Version]]:
    """The current versions of some entities."""
    found: list[tuple[Key, Version]] = []
    columns = column_kinds(entity)
    back = [(i, form) for i, kind in enumerate(columns.values()) if (form := python_form(kind, dialect))]
    width, since = len(entity.key), len(entity.key) + 4
    names = tuple(entity.values)
    for start in range(0, len(keys), LOOKUPS):
        for row in _matching(connection, dialect, entity, keys[start : start + LOOKUPS]):
            values = list(row)
            for i, form in back:
                values[i] = form(values[i])
            version = Version(
                (values[width], values[width + 1], values[width + 2], values[width + 3]),
                dict(zip(names, values[since + 2 :], strict=True)),
                stored=True,
            )
            found.append((tuple(values[:width]), version))
    return found


def close_versions(
    connection: Connection, dialect: Dialect, entity: Entity, closed: Sequence[tuple[Key, Version]]
) -> None:
    """Writes the ends of versions that the database has."""
    kinds = {**entity.key, "since_block": Kind.INTEGER, "since_log": Kind.INTEGER}
    forms = [stored_form(kind, dialect) for kind in entity.key.values()]
    rows = [
        (
            *(version.until or (None, None)),
            *[value if form is None else form(value) for value, form in zip(key, forms, strict=True)],
            *version.since[:2],
        )
        for key, version in closed
    ]
    if not rows:
        return
    if dialect == "sqlite":
        same = " AND ".join(f'"{name}" = ?' for name in kinds)
        connection.exec_driver_sql(f'UPDATE "{entity.name}" SET until_block = ?, until_log = ? WHERE {same}', rows)
        return
    arrays = _arrays((Kind.INTEGER, Kind.INTEGER, *kinds.values()))
    same = " AND ".join(f'kept."{name}" = ended."{name}"' for name in kinds)
    names = ", ".join(["ends_block", "ends_log", *(f'"{name}"' for name in kinds)])
    connection.exec_driver_sql(
        f'UPDATE "{entity.name}" AS kept SET until_block = ends_block, until_log = ends_log '
        f"FROM unnest({arrays}) AS ended({names}) WHERE {same}",
        tuple(list(column) for column in zip(*rows, strict=True)),
    )


def _matching(connection: Connection, dialect: Dialect, entity: Entity, keys: Sequence[Key]) -> Iterable[Sequence[Any]]:
    names = ", ".join(f'kept."{name}"' for name in column_kinds(entity))
    forms = [stored_form(kind, dialect) for kind in entity.key.values()]
    wanted = [[value if form is None else form(value) for value, form in zip(key, forms, strict=True)] for key in keys]
    if dialect == "sqlite":
        same = " AND ".join(
            f"kept.\"{name}\" = json_extract(wanted.value, '$[{i}]')" for i, name in enumerate(entity.key)
        )
        # CROSS JOIN keeps SQLite from scanning the table.
        query = f'SELECT {names} FROM json_each(?) AS wanted CROSS JOIN "{entity.name}" AS kept'
        return connection.exec_driver_sql(
            f"{query} ON {same} WHERE kept.until_block IS NULL", (orjson.dumps(wanted).decode(),)
        ).all()
    arrays = _arrays(entity.key.values())
    columns = ", ".join(f'"{name}"' for name in entity.key)
    same = " AND ".join(f'kept."{name}" = wanted."{name}"' for name in entity.key)
    return connection.exec_driver_sql(
        f'SELECT {names} FROM unnest({arrays}) AS wanted({columns}) JOIN "{entity.name}" AS kept ON {same} '
        "WHERE kept.until_block IS NULL",
        tuple(list(column) for column in zip(*wanted, strict=True)),
    ).all()


def _arrays(kinds: Iterable[Kind]) -> str:
    """Parameters that are arrays. In binary (`%b`), the driver need not look through each text for what to escape."""
    return ", ".join(f"%b::{ARRAY_TYPES.get(kind, 'text')}[]" for kind in kinds)


def _converted(columns: Mapping[str, Kind], dialect: Dialect, rows: Iterable[Sequence[Any]]) -> Iterable[Sequence[Any]]:
    forms = [(i, form) for i, kind in enumerate(columns.values()) if (form := stored_form(kind, dialect))]
    return map(_converter(tuple(forms)), rows) if forms else rows


@cache
def _converter(forms: tuple[tuple[int, Callable[[Any], Any]], ...]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    def convert(row: Sequence[Any]) -> Sequence[Any]:
        values = list(row)
        for i, form in forms:
            values[i] = form(values[i])
        return values

    return convert
