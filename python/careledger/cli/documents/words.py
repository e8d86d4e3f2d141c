"""Options and arguments that the commands on documents share, and how their values are read."""

from __future__ import annotations

import json
import re
from enum import IntEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from careledger.anchoring import AmendmentReason, Canonicalization, DisputeReason, DocumentKind, RevocationReason
from careledger.cli.words import parse_enum
from careledger.errors import InvalidInput

__all__ = [
    "DONE",
    "NO",
    "AmendmentReasonName",
    "CanonicalizationName",
    "DisputeReasonName",
    "Expiry",
    "KindName",
    "ReceiptOption",
    "ReceiptPath",
    "RevocationReasonName",
    "StreamText",
    "Submitter",
    "kebab",
    "parse_hash",
    "parse_kind",
    "parse_reason",
    "parse_stream",
]

DONE, NO = 0, 9
HASH = re.compile("0x[0-9a-fA-F]{64}")

E = TypeVar("E", bound=IntEnum)


def kebab(value: IntEnum) -> str:
    """A member's name as it is written on the command line."""
    return value.name.lower().replace("_", "-")


def _names(kind: type[IntEnum], first: int) -> str:
    return ", ".join(kebab(member) for member in kind if member >= first)


ReceiptPath = Annotated[Path, typer.Argument(help="The document's receipt: a file, or vault:LEAF.", metavar="RECEIPT")]
ReceiptOption = Annotated[
    Path | None,
    typer.Option(
        "--receipt",
        help="The document's receipt: a file, or vault:LEAF. Default: FILE.receipt.json, or that in FOLDER.receipts.",
        show_default=False,
    ),
]
KindName = Annotated[str, typer.Option("--kind", help=_names(DocumentKind, 0) + ", or a number below 65536.")]
CanonicalizationName = Annotated[
    str, typer.Option("--canonicalization", help=", ".join(one.value for one in Canonicalization) + ".")
]
Expiry = Annotated[
    str, typer.Option("--expiry", help="From when it is in force no more: Unix seconds, or ISO 8601. Default: never.")
]
RevocationReasonName = Annotated[str, typer.Option("--reason", help=_names(RevocationReason, 1) + ".")]
AmendmentReasonName = Annotated[str, typer.Option("--reason", help=_names(AmendmentReason, 1) + ".")]
DisputeReasonName = Annotated[str, typer.Option("--reason", help=_names(DisputeReason, 1) + ".")]
StreamText = Annotated[
    str, typer.Argument(metavar="STREAM", help="The stream's id, or the file that `stream declare` wrote.")
]
Submitter = Annotated[str, typer.Option("--submitter", help="The key that anchored.", show_default=False)]


def parse_kind(text: str) -> int:
    """A kind by its name or number. Raises InvalidInput."""
    if text.isascii() and text.isdigit() and len(text) < len("100000"):
        return int(text)
    return int(parse_enum(DocumentKind, text))


def parse_reason(kind: type[E], text: str) -> E:
    """A reason by its name; not UNSPECIFIED, which contracts refuse. Raises InvalidInput."""
    found = parse_enum(kind, text)
    if not found:
        raise InvalidInput("--reason", text, "must say something: one of " + _names(kind, 1))
    return found


def parse_hash(name: str, text: str) -> str:
    """32 bytes in lower case. Raises InvalidInput."""
    if not HASH.fullmatch(text):
        raise InvalidInput(name, text, "must be 0x and 64 hex digits")
    return text.lower()


def parse_stream(text: str) -> str:
    """A stream's id: itself, or from the file that `stream declare` wrote. Raises InvalidInput."""
    if HASH.fullmatch(text):
        return text.lower()
    try:
        return parse_hash("stream", json.loads(Path(text).read_bytes())["stream"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        raise InvalidInput(
            "stream", text, "is neither an id, 0x and 64 hex digits, nor a file that `careledger stream declare` wrote"
        ) from None
