"""`careledger container`: cases, pallets and totes: pack, take out, look at, hand to a carrier, end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from careledger.chain.connection import TransactionReceipt
from careledger.cli.documents.files import readable
from careledger.cli.output import table
from careledger.cli.payer.words import said
from careledger.cli.session import Answer, asks, signs
from careledger.cli.supply.unit import EndStatus, ReasonFile
from careledger.cli.supply.words import (
    ActingOptions,
    BookOptions,
    Codes,
    ContainerName,
    Names,
    acting,
    find_container,
    find_lot,
    given_codes,
    kept_sscc,
    reading,
    sent,
    spoken,
    sscc_in,
    things,
)
from careledger.cli.words import parse_enum, time_text
from careledger.client import CareLedger
from careledger.contract_enums import UnitStatus
from careledger.errors import InvalidInput
from careledger.serialization.lot_book_entries import KeptContainer

__all__ = ["app"]

app = typer.Typer(help="Cases, pallets, totes: pack, take out, look at, hand to a carrier, end.", no_args_is_help=True)

NewSscc = Annotated[str, typer.Argument(metavar="SSCC", help="Of the new container: 18 digits, or its barcode.")]


@app.command("pack")
@signs
def pack(
    ledger: CareLedger,
    sscc: NewSscc,
    options: ActingOptions,
    code: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CODE]...",
            help="What goes in: SSCCs of containers, codes of packs; - for standard input, one per line.",
            show_default=False,
        ),
    ] = None,
    lot: Annotated[
        str, typer.Option(help="Instead of codes, as the lot's maker: pack numbers of this lot.", show_default=False)
    ] = "",
    count: Annotated[int, typer.Option(help="With --lot: how many numbers.", min=0, show_default=False)] = 0,
    first: Annotated[
        int | None, typer.Option(help="With --lot: from which number on. Default: from those packed on.", min=0)
    ] = None,
    cases: Annotated[
        Path | None,
        typer.Option(help="With --lot: file of SSCCs, one per line, of equal cases that it has.", show_default=False),
    ] = None,
) -> Answer:
    """Pack a new container: numbers of the signer's own lot, or containers and packs that it holds.

    Numbers of a lot need no proof, and their cases are told one by one only when they are taken out. The same SSCC
    again with the same content sends nothing.
    """
    new = sscc_in(sscc)
    if bool(lot) == bool(code):
        raise InvalidInput("code", " ".join(code or ()), "or --lot says what goes in: one of the two")
    if bool(lot) != bool(count):
        raise InvalidInput("--count", str(count), "goes with --lot, and is 1 or more")
    case_ssccs = [] if cases is None else _read_ssccs(cases)
    codes = given_codes(code) if code else []
    with acting(ledger, options, f"Packing {new}") as house:
        if lot:
            packed = house.stock.pack_range(find_lot(house.stock, lot), new, count, first, case_ssccs)
        else:
            found = things(house.stock, codes)
            packed = house.stock.pack(new, found.containers, found.packs)
    kept = packed.container
    body = {"container": kept.id, "sscc": kept.sscc}
    receipts = [] if packed.receipt is None else [packed.receipt]
    return sent("container pack", receipts, body, [f"container {kept.id}: SSCC {kept.sscc}"])


@app.command("add")
@signs
def add(ledger: CareLedger, container: ContainerName, options: ActingOptions, code: Codes = None) -> Answer:
    """Add containers and packs, by their codes, to a mixed container."""
    codes = given_codes(code)
    with acting(ledger, options, "Packing") as house:
        parent, found = find_container(house.stock, container), things(house.stock, codes)
        receipt = house.stock.add(parent, found.containers, found.packs)
    return sent("container add", [receipt], {"container": parent})


@app.command("unpack")
@signs
def unpack(
    ledger: CareLedger,
    container: ContainerName,
    options: ActingOptions,
    code: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CODE]...", help="What is taken out: SSCCs, codes of packs; - for standard input."),
    ] = None,
    case: Annotated[
        list[int] | None,
        typer.Option(help="Number of an equal case, from 0. May be repeated.", show_default=False),
    ] = None,
    sscc: Annotated[
        list[str] | None,
        typer.Option(
            help="With --case, in the same order: the SSCCs, if they did not come with it.", show_default=False
        ),
    ] = None,
) -> Answer:
    """Take containers, packs, or equal cases out of a container. A case is named by its SSCC, too."""
    codes = given_codes(code) if code or not case else []
    with acting(ledger, options, "Taking out") as house:
        stock, receipts = house.stock, []
        parent = find_container(stock, container)
        numbers = list(case or ())
        known = stock.book.cases(parent)
        inside = {stock.book.container(each).sscc for each in stock.book.contents(parent).containers}
        rest = []
        for text in codes:
            found = _sscc_or_none(text)
            if found in known and found not in inside:
                numbers.append(known.index(found))
            else:
                rest.append(text)
        named = things(stock, rest)
        taken: tuple[KeptContainer, ...] = ()
        if numbers:
            cases = stock.unpack_cases(parent, numbers, [sscc_in(each) for each in sscc or ()])
            taken = cases.containers
            receipts.append(cases.receipt)
        if named.containers:
            receipts.append(stock.unpack(parent, named.containers))
        if named.packs:
            receipts.append(stock.unpack_packs(named.packs))
    body = {
        "container": parent,
        "cases": [{"container": each.id, "sscc": each.sscc} for each in taken],
        "containers": named.containers,
        "packs": len(named.packs),
    }
    return sent("container unpack", receipts, body, [f"case {each.sscc}: container {each.id}" for each in taken])


@app.command("open")
@signs
def open_container(ledger: CareLedger, container: ContainerName, options: ActingOptions) -> Answer:
    """Open a container: all in it is at hand, and as a whole it is only returned."""
    return _act(ledger, container, options, "container open", lambda custody, identity: custody.open(identity))


@app.command("verify-return")
@signs
def verify_return(ledger: CareLedger, container: ContainerName, options: ActingOptions) -> Answer:
    """Say that a return was verified, as a manufacturer, repackager or wholesaler who holds it."""
    return _act(
        ledger, container, options, "container verify-return", lambda custody, identity: custody.verify_return(identity)
    )


@app.command("confirm-return")
@signs
def confirm_return(ledger: CareLedger, container: ContainerName, options: ActingOptions) -> Answer:
    """Confirm as the sender that a shipment is back: rejected, not accepted in time, or found."""
    return _act(
        ledger,
        container,
        options,
        "container confirm-return",
        lambda custody, identity: custody.confirm_return(identity),
    )


@app.command("report-missing")
@signs
def report_missing(ledger: CareLedger, container: ContainerName, options: ActingOptions) -> Answer:
    """Say as the sender that a shipment is missing: rejected, or not accepted in time."""
    return _act(
        ledger,
        container,
        options,
        "container report-missing",
        lambda custody, identity: custody.report_missing(identity),
    )


@app.command("hand-over")
@signs
def hand_over(
    ledger: CareLedger,
    container: ContainerName,
    to: Annotated[str, typer.Option(help="The carrier's registered name, or its id.", show_default=False)],
    options: ActingOptions,
) -> Answer:
    """Hand a shipment to another carrier, as who has it. The owner stays who it is."""
    carrier = ledger.organizations.known(to)
    return _act(
        ledger,
        container,
        options,
        "container hand-over",
        lambda custody, identity: custody.hand_over(identity, carrier),
    )


@app.command("end")
@signs
def end(
    ledger: CareLedger,
    container: ContainerName,
    status: EndStatus,
    options: ActingOptions,
    reason: ReasonFile = None,
) -> Answer:
    """End a container with all in it, as its holder: destroyed, decommissioned, stolen or exported."""
    ended, stated = parse_enum(UnitStatus, status), said(reason)
    return _act(
        ledger,
        container,
        options,
        "container end",
        lambda custody, identity: custody.end(identity, ended, stated),
    )


@app.command("show")
@asks
def show_container(ledger: CareLedger, container: ContainerName, options: BookOptions) -> Answer:
    """Show where a container is, on its way from and to whom, what is known to be in it, and its cold chain. Exit code
    9 if the chain knows none."""
    names = Names(ledger)
    with reading(ledger, options) as house:
        stock = house.stock
        identity = find_container(stock, container)
        told, shipment = stock.custody.container(identity), stock.custody.shipment(identity)
        in_hand = stock.custody.in_hand(identity)[0] if told is not None else None
        contents = stock.book.contents(identity)
        sscc = kept_sscc(stock.book, identity)
        inside = [(each, kept_sscc(stock.book, each)) for each in contents.containers]
    body: dict[str, Any] = {
        "container": identity,
        "sscc": sscc,
        "on_chain": told,
        "in_hand": in_hand,
        "shipment": shipment,
        "known_ranges": contents.ranges,
        "known_containers": [{"container": each, "sscc": known} for each, known in inside],
    }

    def render(console: Console) -> None:
        rows: list[tuple[str, object]] = [("SSCC", sscc or "not known here")]
        if told is not None:
            rows += [
                ("state", spoken(told.state)),
                ("holder", names.of(told.holder)),
                ("in hand of", names.of(in_hand)),
                ("in container", told.parent if int(told.parent, 16) else "none"),
                ("marks", ", ".join(_marks(told)) or "none"),
            ]
            if told.count:
                last = told.first + told.count - 1
                rows.append(("numbers", f"{told.first} to {last} of lot {told.lot}, {told.cases or 'no'} equal cases"))
        if shipment is not None:
            rows += [
                ("last shipment", f"from {names.of(shipment.sender)}, due {time_text(shipment.deadline)}"),
                ("carrier", names.of(shipment.carrier)),
            ]
        if told is not None and int(told.receiver, 16):
            rows.append(("receiver", names.of(told.receiver)))
        rows += [("known in it", f"container {each} {known or ''}") for each, known in inside]
        rows += [("known in it", f"{part.count} of lot {part.lot} from {part.first} on") for part in contents.ranges]
        console.print(table(f"Container {identity}", ("what", "value"), rows))
        if told is None:
            console.print("the chain knows no such container", style="bold red")

    return Answer(body, render, 0 if told is not None else 9)


# ---------------------------------------------------------------------- helpers


def _act(ledger: CareLedger, container: str, options: ActingOptions, title: str, act: Any) -> Answer:
    with acting(ledger, options, title) as house:
        identity = find_container(house.stock, container)
        receipt: TransactionReceipt = act(house.stock.custody, identity)
    return sent(title, [receipt], {"container": identity})


def _marks(told: Any) -> list[str]:
    marks = [name for name in ("opened", "returned") if getattr(told, name)]
    return [*marks, "COLD CHAIN BROKEN"] if told.excursion else marks


def _sscc_or_none(text: str) -> str | None:
    try:
        return sscc_in(text)
    except InvalidInput:
        return None


def _read_ssccs(path: Path) -> list[str]:
    with readable(path, "cases"):
        lines = path.read_text(encoding="ascii", errors="replace").split("\n")
    return [sscc_in(line) for line in (line.strip(" \t\r") for line in lines) if line]
