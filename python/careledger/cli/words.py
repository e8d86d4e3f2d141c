"""Arguments that several groups share, and how enums and times are written on the command line."""

from __future__ import annotations

import datetime
import enum
from typing import Annotated, TypeVar

import typer

from careledger.errors import InvalidInput
from careledger.identity import MemberRole, Reason

__all__ = ["Name", "ReasonName", "RoleNames", "parse_enum", "time_text"]

Name = Annotated[str, typer.Argument(help="Registered name, or id (0x and 24 hex digits).")]
ReasonName = Annotated[
    str, typer.Option("--reason", help=", ".join(reason.name.lower() for reason in Reason if reason))
]
RoleNames = Annotated[
    list[str], typer.Option("--role", help="May be repeated: " + ", ".join(role.name.lower() for role in MemberRole))
]

E = TypeVar("E", bound=enum.IntEnum)


def parse_enum(kind: type[E], text: str) -> E:
    """A member by its name, in any case, with hyphens or underscores. Raises InvalidInput that lists the names."""
    try:
        return kind[text.upper().replace("-", "_")]
    except KeyError:
        names = ", ".join(member.name.lower() for member in kind)
        raise InvalidInput(kind.__name__, text, f"is none of {names}") from None


def time_text(unix_seconds: int) -> str:
    """Unix seconds for a person: UTC, to the second."""
    try:
        moment = datetime.datetime.fromtimestamp(unix_seconds, datetime.UTC)
    except (OSError, OverflowError, ValueError):
        return f"{unix_seconds} s"
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
