"""`careledger history`: every act on a document, from an index."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from careledger.anchoring.index import DocumentAct, DocumentIndex
from careledger.cli.documents.files import load_receipt
from careledger.cli.documents.indexed import open_index
from careledger.cli.documents.words import ReceiptPath, kebab
from careledger.cli.output import Json, show, table
from careledger.cli.words import time_text
from careledger.errors import ConfigurationError

__all__ = ["history"]


def history(
    receipt: ReceiptPath,
    index: Annotated[
        str,
        typer.Option(
            "--index",
            envvar="CARELEDGER_INDEX",
            help="sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME.",
            show_default=False,
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Show every act on a document and its batch, from an index, each with its block and transaction."""
    if not index:
        raise ConfigurationError("--index or CARELEDGER_INDEX", "not set; name a database, e.g. sqlite:///index.db")
    found = load_receipt(receipt)
    place = found.location
    with open_index(index, found.genesis_hash, found.contract) as opened:
        view = opened.at("latest")
        acts = DocumentIndex(view).history(place.submitter, place.leaf, place.root, place.index)
        block, time = view.block_number, view.block_time
    body = {"leaf": found.leaf, "as_of_block": block, "as_of_time": time, "acts": [_body(act) for act in acts]}
    columns = ("block", "time", "act", "by", "what", "transaction")
    rows = [
        (
            act.origin.block_number,
            time_text(act.origin.time),
            act.kind.value.replace("_", " ") + (" (batch)" if act.batch else ""),
            act.by or "",
            _what(act),
            act.origin.transaction_hash,
        )
        for act in acts
    ]

    def render(console: Console) -> None:
        if rows:
            console.print(table(str(receipt), columns, rows))
        else:
            console.print("the index knows no act on it")
        console.print(f"as of block {block}, {time_text(time)}")

    show(body, as_json, render)


def _body(act: DocumentAct) -> dict[str, Any]:
    return {
        "act": act.kind.value,
        "by": act.by,
        "reason": None if act.reason is None else act.reason.name,
        "other": None if act.other is None else {"submitter": act.other[0], "leaf": act.other[1]},
        "organization": act.organization,
        "party": act.party,
        "commitment": act.commitment,
        "stream": act.stream,
        "batch": act.batch,
        "block_number": act.origin.block_number,
        "block_time": act.origin.time,
        "log_index": act.origin.log_index,
        "transaction_hash": act.origin.transaction_hash,
    }


def _what(act: DocumentAct) -> str:
    parts = [
        "" if act.reason is None else kebab(act.reason),
        "" if act.other is None else f"{act.other[1]} of {act.other[0]}",
        "" if act.organization is None else f"organization {act.organization}",
        "" if act.party is None else f"party {act.party}",
        "" if act.commitment is None else f"hash {act.commitment}",
        "" if act.stream is None else f"stream {act.stream}",
    ]
    return ", ".join(part for part in parts if part)
