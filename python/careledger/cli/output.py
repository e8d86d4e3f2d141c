"""What every command shares: `--json`, tables, and how an error ends a command."""

from __future__ import annotations

import dataclasses
import enum
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from careledger.errors import CareLedgerError

__all__ = ["Json", "fail", "progress_console", "show", "table", "to_plain"]

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON on standard output.")]

progress_console = Console(stderr=True, highlight=False, markup=False, emoji=False)
"""Where progress, prompts and errors go, so that standard output holds only the answer."""


def show(result: Any, as_json: bool, render: Callable[[Console], None]) -> None:
    """Prints a command's answer: as JSON, or as `render` writes it for a person."""
    if as_json:
        typer.echo(json.dumps(to_plain(result), indent=2))
    else:
        render(Console(highlight=False, markup=False, emoji=False))


def table(title: str | None, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """A table of plain values, shown as they are."""
    result = Table(title=None if title is None else Text(title), title_justify="left", title_style="bold")
    for column in columns:
        result.add_column(Text(column), overflow="fold")
    for row in rows:
        result.add_row(*(Text(str(value)) for value in row))
    return result


def to_plain(value: Any) -> Any:
    """The JSON form of a result: dataclasses as objects, enums by name, bytes as 0x-prefixed text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, bytes | bytearray):
        return "0x" + bytes(value).hex()
    if isinstance(value, dict):
        return {str(to_plain(key)): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value


def fail(error: CareLedgerError) -> int:
    """Prints an error to standard error, in JSON if the command was asked for it; returns the exit code."""
    if "--json" in sys.argv:
        body = {"type": type(error).__name__, "message": str(error), "fields": to_plain(error.fields())}
        typer.echo(json.dumps({"error": body}, indent=2), err=True)
    else:
        progress_console.print(f"error: {error}", style="red", markup=False)
    return error.exit_code
