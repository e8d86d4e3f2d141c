"""`careledger audit`: what was changed and decided in a time, for an auditor."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from careledger.chain.deployment.suite import REGISTRY
from careledger.cli.audit.page import page
from careledger.cli.audit.words import Words, counted, decided, spoken_event
from careledger.cli.documents.files import write_private
from careledger.cli.documents.indexed import open_index
from careledger.cli.output import table, to_plain
from careledger.cli.payer.words import IndexOption
from careledger.cli.session import Answer, asks, parse_time, working
from careledger.cli.supply.words import BookOptions, Names, reading
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.errors import ConfigurationError

if TYPE_CHECKING:
    from careledger.audit import AuditReport
    from careledger.serialization.lot_book_entries import Disclosure

__all__ = ["app"]

app = typer.Typer(help="What was changed, decided and stopped in a time, for an auditor.", no_args_is_help=True)

TOLD_ON_A_TERMINAL = 40


@app.callback()
def audit() -> None:
    """What was changed, decided and stopped in a time, for an auditor."""


@app.command("report")
@asks
def report(
    ledger: CareLedger,
    options: BookOptions,
    begin: Annotated[str, typer.Option("--from", help="Unix seconds, or an ISO 8601 date or date and time, in UTC.")],
    end: Annotated[str, typer.Option("--to", help="The same; the end is included.")],
    index: IndexOption = "",
    html: Annotated[
        Path | None, typer.Option(help="Write it as an HTML page, too, that needs nothing else.", show_default=False)
    ] = None,
) -> Answer:
    """Changes of rules, members, keys and roles, stops, decisions and recalls in a time, from an index.

    Lines that people decided are told one by one, with the reviewer's pseudonym; those by the rules are counted. With
    --supply and --vault, the disclosures to regulators that the vault's organization made are told as well.
    """
    from careledger.audit import audit_report  # with it comes SQLAlchemy

    if not index:
        raise ConfigurationError("--index or CARELEDGER_INDEX", "not set; name a database, e.g. sqlite:///index.db")
    begins, ends = parse_time(begin), parse_time(end, ledger.connection)
    registry = ledger.governance.contract(REGISTRY).address
    with (
        working("Reading the index"),
        open_index(index, ledger.connection.genesis_hash(), registry) as opened,
    ):
        found = audit_report(opened.at("latest"), begins, ends)
    disclosures = _disclosures(ledger, options, begins, ends)
    words = Words(Names(ledger))
    if html is not None:
        write_private(html, page(found, disclosures, words))
    body = {**to_plain(found), "disclosures": disclosures, "page": html}

    def render(console: Console) -> None:
        _render(console, found, disclosures, words)
        if html is not None:
            console.print(f"page: {html}", markup=False, soft_wrap=True)

    return Answer(body, render)


def _disclosures(ledger: CareLedger, options: BookOptions, begins: int, ends: int) -> tuple[Disclosure, ...] | None:
    """Those of a time; None if no vault was named."""
    if options.vault is None or not options.supply:
        return None
    with reading(ledger, options) as house:
        return tuple(one for one in house.stock.book.disclosures() if begins <= one.at <= ends)


def _render(console: Console, found: AuditReport, disclosures: tuple[Disclosure, ...] | None, words: Words) -> None:
    for name, entries in found.sections.items():
        if not entries:
            continue
        rows = [
            (time_text(entry.time), spoken_event(entry.event), words.values(entry), entry.block_number)
            for entry in entries[:TOLD_ON_A_TERMINAL]
        ]
        console.print(table(f"{name}: {len(entries)}", ("time", "what", "with", "block"), rows))
        if len(entries) > TOLD_ON_A_TERMINAL:
            kinds = Counter(spoken_event(entry.event) for entry in entries)
            told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
            console.print(f"  the first {TOLD_ON_A_TERMINAL} of: {told}; all of them with --json or --html")
    quiet = [name for name, entries in found.sections.items() if not entries]
    if found.decisions:
        console.print(table("lines decided", ("action", "basis", "by", "lines"), decided(found)))
    if disclosures:
        shown = [(time_text(one.at), words.of(one.receiver), one.lot, one.reason) for one in disclosures]
        console.print(table(f"disclosures: {len(shown)}", ("time", "to", "lot", "why"), shown))
    if quiet:
        console.print(f"none: {', '.join(quiet)}", markup=False, soft_wrap=True)
    console.print(f"claims decided: {found.claims}; disclosures: {counted(disclosures)}")
    console.print(f"as of block {found.as_of_block}, {time_text(found.as_of_time)}")
