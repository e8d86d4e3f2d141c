"""`careledger payer metrics`: how prior authorizations and claims went, from the contracts' events alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from careledger.cli.authorization.words import PayerName, RulesFile, load_rules, money_of, named_payer
from careledger.cli.documents.files import readable
from careledger.cli.payer.words import IndexOption
from careledger.cli.session import Answer, parse_time, reads
from careledger.client import CareLedger
from careledger.errors import InvalidInput

__all__ = ["metrics"]

FORMATS = ("table", "csv")


@reads
def metrics(
    ledger: CareLedger,
    start: Annotated[str, typer.Option("--from", help="First second: Unix seconds, or ISO 8601.", show_default=False)],
    end: Annotated[
        str, typer.Option("--until", help="Second after the last: Unix seconds, or ISO 8601.", show_default=False)
    ],
    exclude: Annotated[
        list[int] | None,
        typer.Option(help="Number of a class that does not count, such as drugs. May be repeated.", show_default=False),
    ] = None,
    shadow: Annotated[bool, typer.Option("--shadow", help="Count the lines of shadow mode instead.")] = False,
    form: Annotated[str, typer.Option("--format", help="table or csv.")] = "table",
    baseline: Annotated[
        Path | None,
        typer.Option(help="What was before, in YAML: show what a pilot changed of it instead.", show_default=False),
    ] = None,
    rules: RulesFile = None,
    index: IndexOption = "",
    payer: PayerName = "",
) -> Answer:
    """Count what CMS-0057-F asks for, and how claims went, in a period.

    From the contracts' events alone, so that anyone gets the same. With --index from an index, else from the chain.
    """
    # With it comes SQLAlchemy.
    from careledger.authorization.metrics import Period, events_of, events_on_chain, measure
    from careledger.authorization.metrics_report import render_csv, render_table, to_body
    from careledger.authorization.pilot import pilot_report, read_baseline
    from careledger.authorization.published import published_contracts

    if form not in FORMATS:
        raise InvalidInput("--format", form, f"is none of {', '.join(FORMATS)}; for JSON say --json")
    asked = named_payer(ledger, payer)
    period = Period(parse_time(start, ledger.connection), parse_time(end, ledger.connection))
    if index:
        from careledger.cli.documents.indexed import open_index

        with open_index(index, ledger.connection.genesis_hash(), asked.authorizations.address) as opened:
            events = events_of(opened.at("latest"), asked.insurer)
    else:
        events = events_on_chain(ledger.connection, published_contracts(ledger, asked.insurer), asked.first_block)
    found = measure(events, period, exclude or (), shadow)
    if baseline is not None:
        with readable(baseline, "baseline"):
            report = pilot_report(found, read_baseline(baseline))
        compared = report.render_csv() if form == "csv" else report.render_table()
        return Answer(report.to_body(), lambda console: console.print(compared, markup=False, soft_wrap=True))
    decimals = money_of(asked).decimals
    names = None if rules is None else load_rules(rules).class_names
    render = render_csv if form == "csv" else render_table
    text = render(found, names, decimals)
    return Answer(to_body(found), lambda console: console.print(text, markup=False, soft_wrap=True))
