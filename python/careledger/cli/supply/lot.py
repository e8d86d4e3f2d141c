"""`careledger lot`: lots, as their makers commission them and everybody looks at them."""

from __future__ import annotations

import datetime as dt
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from careledger.cli.documents.files import readable, write_private
from careledger.cli.output import table
from careledger.cli.session import Answer, asks, signs
from careledger.cli.supply.words import (
    STANDARD_INPUT,
    ActingOptions,
    BookOptions,
    CardFile,
    LotName,
    Names,
    Product,
    acting,
    celsius,
    celsius_text,
    date_text,
    find_container,
    find_lot,
    load_card,
    reading,
    sent,
    spoken,
)
from careledger.client import CareLedger
from careledger.contract_enums import LotKind, RecallClass
from careledger.errors import InvalidInput, NotInBook
from careledger.serialization.cold_chain import ColdChain, Limits
from careledger.serialization.lot_book_entries import KeptLot
from careledger.serialization.sealed_bundle import disclose as sealed_disclosure
from careledger.serialization.stock import Stock, day_of
from careledger.serialization.types import Lot

__all__ = ["app"]

app = typer.Typer(
    help="Lots: commission, look at, disclose to a regulator, say what temperature they may have.",
    no_args_is_help=True,
)

NUMBERS = re.compile("([0-9]{1,8})(?:-([0-9]{1,8}))?")
LotNumber = Annotated[str, typer.Argument(metavar="LOT_NUMBER", help="As printed on the packs, up to 20 characters.")]
SerialsFile = Annotated[
    Path,
    typer.Option("--serials", help="Serials, one per line, in the order of the units; - for standard input."),
]


@app.command("commission")
@signs
def commission(
    ledger: CareLedger,
    product: Product,
    lot_number: LotNumber,
    serials: SerialsFile,
    options: ActingOptions,
    expiry: Annotated[
        str, typer.Option(help="Last day of use: YYYY-MM-DD. A device may have none.", show_default=False)
    ] = "",
    depth: Annotated[
        int | None,
        typer.Option(
            min=0, max=20, help="Of the tree: room for 2^DEPTH numbers. Default: the least of 10, 14, 17, 20."
        ),
    ] = None,
    device: Annotated[bool, typer.Option("--device", help="Units are medical devices.", show_default=False)] = False,
) -> Answer:
    """Commission a lot of the signer's, a maker of the product. What is sent is kept first.

    On the chain stands one root: neither product, lot number nor serials. The same again sends what is missing. Numbers
    are the places of the serials, from 0.
    """
    units = _read_serials(serials)
    day = _day(expiry) if expiry else 0
    kind = LotKind.DEVICE if device else LotKind.MEDICINE
    with acting(ledger, options, f"Commissioning {len(units):,} units") as house:
        made = house.stock.commission(product, lot_number, day, units, depth, kind)
    body = {"lot": made.lot.id, "units": len(units), "depth": made.lot.depth}
    return sent("lot commission", made.receipts, body, [f"lot {made.lot.id}: {len(units):,} units"])


@app.command("extend")
@signs
def extend(ledger: CareLedger, lot: LotName, serials: SerialsFile, options: ActingOptions) -> Answer:
    """Commission further units of a lot of the signer's, in as many further tranches as they need."""
    units = _read_serials(serials)
    with acting(ledger, options, f"Commissioning {len(units):,} units") as house:
        identity = find_lot(house.stock, lot)
        receipts = house.stock.extend(identity, units)
    return sent("lot extend", receipts, {"lot": identity, "units": len(units)}, [f"{len(units):,} units more"])


@app.command("repackage")
@signs
def repackage(
    ledger: CareLedger,
    product: Product,
    lot_number: LotNumber,
    serials: SerialsFile,
    expiry: Annotated[str, typer.Option(help="Last day of use: YYYY-MM-DD.", show_default=False)],
    container: Annotated[
        list[str], typer.Option(help="What is used up, whole: SSCC or id. May be repeated.", show_default=False)
    ],
    options: ActingOptions,
) -> Answer:
    """Commission a lot of what the signer, a repackager, holds in containers of lots; these are used up."""
    units, day = _read_serials(serials), _day(expiry)
    with acting(ledger, options, f"Repackaging {len(container)} containers") as house:
        inputs = [find_container(house.stock, each) for each in container]
        made = house.stock.repackage(product, lot_number, day, units, inputs)
    body = {"lot": made.lot.id, "units": len(units), "inputs": inputs}
    return sent("lot repackage", made.receipts, body, [f"lot {made.lot.id}: {len(units):,} units"])


@app.command("list")
@asks
def list_lots(ledger: CareLedger, options: BookOptions) -> Answer:
    """List the lots of which the vault knows something, with what the chain says of each."""
    names = Names(ledger)
    with reading(ledger, options) as house:
        found = [(kept, house.stock.lots.lot(kept.id)) for kept in house.stock.book.lots()]
    body = [_body(kept.id, kept, lot) for kept, lot in found]
    columns = ("product", "lot number", "maker", "expires", "standing", "id")
    rows = [
        (kept.product, kept.lot_number, names.of(kept.maker), _date(kept.expiry_day), _standing(lot), kept.id)
        for kept, lot in found
    ]
    return Answer(body, lambda console: console.print(table(None, columns, rows)))


@app.command("show")
@asks
def show_lot(ledger: CareLedger, lot: LotName, options: BookOptions) -> Answer:
    """Show a lot: what the vault knows, and what the chain says. Exit code 9 if the chain knows none."""
    names = Names(ledger)
    with reading(ledger, options) as house:
        stock = house.stock
        identity = find_lot(stock, lot)
        standing, kept = stock.lots.lot(identity), _kept(stock, identity)
        limits = ColdChain(house.supply).limits(identity)
        disclosures = stock.book.disclosures(identity)
    body = {**_body(identity, kept, standing), "limits": limits, "disclosures": disclosures}

    def render(console: Console) -> None:
        rows: list[tuple[str, object]] = []
        if kept is not None:
            rows += [("product", kept.product), ("lot number", kept.lot_number)]
        if standing is not None:
            rows += [
                ("maker", names.of(standing.maker)),
                ("kind", standing.kind.name.lower()),
                ("expires", _date(standing.expiry_day)),
                ("standing", _standing(standing)),
                ("numbers", f"{standing.numbers:,}, used or not; tranches: {standing.tranches}"),
                ("packed", f"up to {standing.packed:,}"),
            ]
        if limits is not None:
            rows.append(("temperature", _limits_text(limits)))
        rows += [
            ("disclosed", f"{dt.datetime.fromtimestamp(one.at, dt.UTC):%Y-%m-%d} to {names.of(one.receiver)}")
            for one in disclosures
        ]
        console.print(table(f"Lot {identity}", ("what", "value"), rows))
        if standing is None:
            console.print("the chain knows no such lot", style="bold red")

    return Answer(body, render, 0 if standing is not None else 9)


@app.command("disclose")
@signs
def disclose(
    ledger: CareLedger,
    lot: LotName,
    card: CardFile,
    reason: Annotated[str, typer.Option(help="Why; goes into the bundle, and into the list of disclosures.")],
    options: ActingOptions,
    number: Annotated[
        list[str] | None,
        typer.Option(help="Units of it, by number: 17, or 0-99. May be repeated. Default: all.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the sealed bundle goes.", show_default="LOT.bundle.json")
    ] = None,
) -> Answer:
    """Disclose a lot to a regulator: a bundle that only it can open. Sends nothing; the vault lists it."""
    indices = [index for text in number or () for index in _numbers(text)] or None
    with acting(ledger, options, "Sealing") as house:
        identity = find_lot(house.stock, lot)
        signer = ledger.signer
        assert signer is not None
        bundle = sealed_disclosure(house.supply, signer, house.stock.book, identity, load_card(card), reason, indices)
    path = out or Path(f"{identity}.bundle.json")
    write_private(path, bundle.dump())
    body = {"lot": identity, "receiver": bundle.receiver, "file": path, "digest": bundle.digest}
    text = f"{path}: sealed to {Names(ledger).of(bundle.receiver)}; hand it over by any way"
    return Answer(body, lambda console: console.print(text, markup=False, soft_wrap=True))


@app.command("open")
@signs
def open_lot(ledger: CareLedger, lot: LotName, options: ActingOptions) -> Answer:
    """Tell everybody which product and lot number a lot of the signer's is, for good. `recall` does that too."""
    with acting(ledger, options, "Opening the lot") as house:
        identity = find_lot(house.stock, lot)
        receipt = house.stock.open(identity)
    return sent("lot open", [receipt], {"lot": identity})


@app.command("limits")
@signs
def limits(
    ledger: CareLedger,
    lot: LotName,
    lowest: Annotated[str, typer.Option(help="In degrees Celsius: 2, -20.5.", show_default=False)],
    highest: Annotated[str, typer.Option(help="In degrees Celsius.", show_default=False)],
    highest_mean: Annotated[
        str, typer.Option(help="The mean kinetic temperature at most, in degrees Celsius.", show_default=False)
    ],
    options: ActingOptions,
) -> Answer:
    """Say what temperature a lot of the signer's may have. Loggers that go with containers keep what they had."""
    chosen = Limits(celsius(lowest), celsius(highest), celsius(highest_mean))
    with acting(ledger, options, "Setting limits") as house:
        identity = find_lot(house.stock, lot)
        receipt = ColdChain(house.supply).set_limits(identity, chosen)
    return sent("lot limits", [receipt], {"lot": identity, "limits": chosen}, [_limits_text(chosen)])


# ---------------------------------------------------------------------- helpers


def _limits_text(limits: Limits) -> str:
    ends = f"{celsius_text(limits.lowest)} to {celsius_text(limits.highest)}"
    return f"{ends}, mean kinetic temperature up to {celsius_text(limits.highest_mean)}"


def _read_serials(path: Path) -> list[str]:
    if str(path) == STANDARD_INPUT:
        text = sys.stdin.read()
    else:
        with readable(path, "serials"):
            try:
                text = path.read_text(encoding="ascii")
            except UnicodeDecodeError:
                raise InvalidInput("serials", str(path), "must be ASCII, one serial per line") from None
    return [line for line in (line.strip() for line in text.split("\n")) if line]


def _day(text: str) -> int:
    try:
        return day_of(dt.date.fromisoformat(text))
    except ValueError:
        raise InvalidInput("expiry", text, "must be a day: YYYY-MM-DD") from None


def _date(day: int) -> str:
    return date_text(day) if day else "never"


def _numbers(text: str) -> range:
    found = NUMBERS.fullmatch(text)
    if found is None or (found[2] and int(found[2]) < int(found[1])):
        raise InvalidInput("number", text, "must be a unit's number, or the first and last of several: 0-99")
    return range(int(found[1]), int(found[2] or found[1]) + 1)


def _kept(stock: Stock, lot: str) -> KeptLot | None:
    try:
        return stock.book.lot(lot)
    except NotInBook:
        return None


def _standing(lot: Lot | None) -> str:
    if lot is None:
        return "not on chain"
    if lot.recall_class is RecallClass.NOT_RECALLED:
        return "not recalled"
    return f"RECALLED, {spoken(lot.recall_class)}: {spoken(lot.recall_reason)}"


def _body(identity: str, kept: KeptLot | None, lot: Lot | None) -> dict[str, Any]:
    told = None if kept is None else {"product": kept.product, "lot_number": kept.lot_number}
    expiry = _date(lot.expiry_day) if lot is not None and lot.expiry_day else None
    return {"lot": identity, "kept": told, "expires": expiry, "on_chain": lot}
