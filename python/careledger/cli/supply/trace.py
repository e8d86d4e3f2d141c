"""`careledger trace`: everything that happened to a pack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from careledger.anchoring.stamps import in_words
from careledger.cli.documents.files import write_private
from careledger.cli.payer.words import IndexOption
from careledger.cli.session import Answer, asks, working
from careledger.cli.supply.indexed import AskedUnit, opened_index, resolved_unit
from careledger.cli.supply.timeline import Timeline, page, render, step
from careledger.cli.supply.words import BookOptions, Names, spoken
from careledger.cli.words import time_text
from careledger.client import CareLedger

if TYPE_CHECKING:
    from careledger.serialization.index_entries import TraceEntry, UnitLocation

__all__ = ["trace"]

UNKNOWN = 9


@asks
def trace(
    ledger: CareLedger,
    code: Annotated[
        str, typer.Argument(metavar="CODE", help="The pack's code, or LOT/NUMBER by the lot's id on the chain.")
    ],
    options: BookOptions,
    html: Annotated[
        Path | None, typer.Option(help="Write it as an HTML page, too, that needs nothing else.", show_default=False)
    ] = None,
    index: IndexOption = "",
) -> Answer:
    """Draw the custody timeline of a pack: its lot, every container that it was in while it was in it, and itself.

    Without --index, the chain's events are read, which takes long on a long chain. Exit code 9 if the lot has no such
    number.
    """
    asked = resolved_unit(ledger, options, code)
    names = Names(ledger)
    with working("Tracing"), opened_index(ledger, asked.supply, index) as opened:
        location = opened.index.where_is(asked.lot, asked.index)
        entries = opened.index.trace(asked.lot, asked.index)
        as_of = opened.as_of
    if location is None:
        text = f"lot {asked.lot} has no number {asked.index}"
        return Answer({"location": None, **as_of}, lambda console: console.print(text, style="bold red"), UNKNOWN)
    steps = tuple(step(entry, names, asked.sscc(entry.container)) for entry in entries)
    at = f"block {as_of['as_of_block']}, {time_text(as_of['as_of_time'])}"
    found = Timeline(asked.title, location, _facts(location, asked, names), steps, at)
    if html is not None:
        write_private(html, page(found))
    body = {"location": location, "steps": [_body(entry) for entry in entries], "page": html, **as_of}

    def show(console: Console) -> None:
        render(console, found)
        if html is not None:
            console.print(f"page: {html}", markup=False, soft_wrap=True)

    return Answer(body, show)


def _facts(location: UnitLocation, asked: AskedUnit, names: Names) -> tuple[tuple[str, str], ...]:
    inside = " in ".join(asked.sscc(each) or each for each in location.containers)
    facts = [
        ("lot", f"{location.lot}, number {location.unit}"),
        ("holder", names.of(location.holder)),
        ("status", spoken(location.status)),
    ]
    if inside:
        facts.append(("in container", f"{inside}, {spoken(location.state)}"))
    if location.receiver is not None and int(location.receiver, 16):
        facts.append(("on its way to", names.of(location.receiver)))
    if location.recall_class:
        facts.append(("recalled", f"{spoken(location.recall_class)}, {spoken(location.recall_reason)}"))
    if location.excursion:
        facts.append(("cold chain", "broken"))
    return tuple(facts)


def _body(entry: TraceEntry) -> dict[str, Any]:
    return {
        "act": entry.act,
        "organization": entry.organization,
        "container": entry.container,
        "time": entry.at.time,
        "block_number": entry.at.block_number,
        "transaction_hash": entry.at.transaction_hash,
        "event": in_words(entry.event),
    }
