"""`careledger unit`: packs and devices in hand: verify them, look at them, and say what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from careledger.cli.output import table
from careledger.cli.payer.words import said
from careledger.cli.session import Answer, asks, signs
from careledger.cli.supply.checking import check, exit_code, render_checked
from careledger.cli.supply.words import (
    ActingOptions,
    BookOptions,
    Codes,
    Names,
    acting,
    as_unit,
    date_text,
    given_codes,
    pack_in,
    reading,
    sent,
    spoken,
)
from careledger.cli.words import parse_enum, time_text
from careledger.client import CareLedger
from careledger.contract_enums import UnitStatus
from careledger.contract_events import UnitIllegitimate
from careledger.serialization.lots import ENDS

__all__ = ["EndStatus", "ReasonFile", "app"]

app = typer.Typer(
    help="Packs and devices in hand: verify, look at, find suspect, clear, report, and end.", no_args_is_help=True
)

UnitCode = Annotated[
    str, typer.Argument(metavar="CODE", help="The pack's code, or LOT/NUMBER by the lot's id on the chain.")
]
ReasonFile = Annotated[
    Path | None,
    typer.Option(
        "--reason",
        help="File with why: a salted hash of it is published. Salt and hash go to FILE.statement.json.",
        show_default=False,
    ),
]
EndStatus = Annotated[
    str,
    typer.Option("--as", help=", ".join(sorted(status.name.lower() for status in ENDS)) + ".", show_default=False),
]


@app.command("verify")
@asks
def verify(
    ledger: CareLedger,
    options: BookOptions,
    code: Codes = None,
) -> Answer:
    """Say of packs whether they are genuine and may be dispensed, who holds them, and if not, the likelier cause.

    All as of one block. Exit code 0: all are verified; 9: one is not; 2: a code could not be read, which says nothing
    about the pack; 4: the chain could not be asked.
    """
    texts = given_codes(code)
    names = Names(ledger)
    with reading(ledger, options, "Verifying") as house:
        block = ledger.connection.block_number()
        found = [check(house.stock, text, block) for text in texts]
        now = ledger.connection.block_time(block)
        body = {"as_of_block": block, "as_of_time": now, "packs": [one.body(names) for one in found]}

    def render(console: Console) -> None:
        render_checked(console, found, names)
        console.print(f"as of block {block}, {time_text(now)}")

    return Answer(body, render, exit_code(found))


@app.command("show")
@asks
def show_unit(ledger: CareLedger, code: UnitCode, options: BookOptions) -> Answer:
    """Show where the chain has a pack, what became of it, and the last investigation of it."""
    names = Names(ledger)
    with reading(ledger, options) as house:
        stock = house.stock
        unit = as_unit(stock, code)
        state = stock.lots.unit(unit.lot, unit.index)
        place = stock.custody.find(unit)
        investigation = stock.lots.investigation(unit.lot, unit.index)
    container = unit.container if int(unit.container, 16) else None
    holder = place.holder if int(place.holder, 16) else None
    body = {
        "lot": unit.lot,
        "number": unit.index,
        "container": container,
        "holder": holder,
        "container_state": place.container.state if container else None,
        "state": state,
        "investigation": investigation,
    }

    def render(console: Console) -> None:
        since = f" since {date_text(state.day)}" if state.day else ""
        rows: list[tuple[str, object]] = [
            ("lot", unit.lot),
            ("number", unit.index),
            ("status", spoken(state.status) + since + (", SUSPECT" if state.suspect else "")),
            ("container", container or "none"),
            ("holder", names.of(holder) if holder else "not where it is known to be"),
        ]
        if container:
            rows.append(("the container", spoken(place.container.state)))
        if investigation is not None:
            rows.append(("found suspect", f"{time_text(investigation.raised_at)} by {names.of(investigation.by)}"))
            for name, at in (
                ("found illegitimate", investigation.determined_at),
                ("notice given", investigation.notified_at),
            ):
                rows.append((name, time_text(at) if at else "no"))
        console.print(table(None, ("what", "value"), rows))

    return Answer(body, render)


@app.command("suspect")
@signs
def suspect(ledger: CareLedger, code: UnitCode, options: ActingOptions, reason: ReasonFile = None) -> Answer:
    """Find a pack suspect, as its holder, maker or a regulator: it is neither dispensed nor moved on until cleared."""
    stated = said(reason)
    with acting(ledger, options, "Finding it suspect") as house:
        unit = as_unit(house.stock, code)
        receipt = house.stock.lots.suspect(unit.lot, unit.index, unit.container, stated)
    return sent("unit suspect", [receipt], _named(unit))


@app.command("clear")
@signs
def clear(ledger: CareLedger, code: UnitCode, options: ActingOptions, reason: ReasonFile = None) -> Answer:
    """Clear a suspect pack, as who found it so, or a regulator."""
    stated = said(reason)
    with acting(ledger, options, "Clearing it") as house:
        unit = as_unit(house.stock, code)
        receipt = house.stock.lots.clear(unit.lot, unit.index, stated)
    return sent("unit clear", [receipt], _named(unit))


@app.command("illegitimate")
@signs
def illegitimate(ledger: CareLedger, code: UnitCode, options: ActingOptions, reason: ReasonFile = None) -> Answer:
    """Find a suspect pack illegitimate, for good. From then on, trading partners and regulator are told in 24 hours."""
    stated = said(reason)
    with acting(ledger, options, "Finding it illegitimate") as house:
        unit = as_unit(house.stock, code)
        receipt = house.stock.lots.determine_illegitimate(unit.lot, unit.index, stated)
    due = receipt.event(UnitIllegitimate).notice_due_at
    body = {**_named(unit), "notice_due_at": due}
    line = f"tell trading partners and regulator until {time_text(due)}, then run `careledger unit notice`"
    return sent("unit illegitimate", [receipt], body, [line])


@app.command("notice")
@signs
def notice(
    ledger: CareLedger,
    code: UnitCode,
    file: Annotated[Path, typer.Option("--notice", help="The notice that was given: a salted hash of it is recorded.")],
    options: ActingOptions,
) -> Answer:
    """Record that trading partners and regulator were told of an illegitimate pack."""
    stated = said(file)
    with acting(ledger, options, "Recording the notice") as house:
        unit = as_unit(house.stock, code)
        receipt = house.stock.lots.record_notice(unit.lot, unit.index, stated)
    return sent("unit notice", [receipt], {**_named(unit), "notice": stated})


@app.command("end")
@signs
def end(
    ledger: CareLedger, status: EndStatus, options: ActingOptions, code: Codes = None, reason: ReasonFile = None
) -> Answer:
    """End packs: destroyed, decommissioned, stolen or exported. Those of one container go in one transaction."""
    ended = parse_enum(UnitStatus, status)
    packs = list(dict.fromkeys(pack_in(text)[0] for text in given_codes(code)))
    stated = said(reason)
    with acting(ledger, options, f"Ending {len(packs)} packs") as house:
        receipts = house.stock.end(packs, ended, stated)
    return sent("unit end", receipts, {"packs": len(packs), "status": ended}, [f"{len(packs)} packs: {spoken(ended)}"])


def _named(unit: Any) -> dict[str, Any]:
    return {"lot": unit.lot, "number": unit.index}
