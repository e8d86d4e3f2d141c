"""`careledger bundle`: to which key others seal what belongs to goods, and what came sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from careledger.cli.documents.files import readable, write_private
from careledger.cli.output import table, to_plain
from careledger.cli.session import Answer, asks, signs
from careledger.cli.supply.words import ActingOptions, BookOptions, Names, acting, reading
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.serialization.sealed_bundle import open_bundle

__all__ = ["app"]

app = typer.Typer(
    help="What belongs to goods, sealed to who gets them: your card, bundles that came, and what they told.",
    no_args_is_help=True,
)


@app.command("card")
@signs
def card(
    ledger: CareLedger,
    options: ActingOptions,
    out: Annotated[Path, typer.Option(help="Where the card goes.")] = Path("bundle-key.card.json"),
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make a new key first; older bundles still open.", show_default=False)
    ] = False,
) -> Answer:
    """Write the card by which others seal bundles to the signer's organization. It is no secret: send it to them.

    The key stays in the vault, and is made if there is none. Back the vault up.
    """
    with acting(ledger, options, "Signing the card") as house:
        signer = ledger.signer
        assert signer is not None
        if rotate:
            house.keys.rotate()
        made = house.keys.card(house.supply, signer)
    write_private(out, made.dump())
    body = {"file": out, "organization": made.organization, "bundle_key": made.bundle_key}
    text = f"{out}: key {made.bundle_key}; send it to whoever ships to you"
    return Answer(body, lambda console: console.print(text, markup=False, soft_wrap=True))


@app.command("open")
@asks
def open_files(
    ledger: CareLedger,
    file: Annotated[list[Path], typer.Argument(help="Sealed bundles.")],
    options: BookOptions,
) -> Answer:
    """Open sealed bundles, hold them against the chain, and keep what they tell in the vault. The same again changes
    nothing; a bundle in which something is wrong is not kept."""
    names = Names(ledger)
    body, rows = [], []
    with reading(ledger, options, "Opening") as house:
        for path in file:
            with readable(path, "bundle"):
                found = open_bundle(path, house.supply, house.stock.book, house.keys)
            body.append({"file": path, **to_plain(found)})
            rows.append((path, names.of(found.sender), time_text(found.signed_at), len(found.lots), found.reason))
    columns = ("file", "from", "sealed", "lots", "why disclosed")
    return Answer(body, lambda console: console.print(table(None, columns, rows)))


@app.command("list")
@asks
def list_bundles(ledger: CareLedger, options: BookOptions) -> Answer:
    """List the bundles that were opened, and the disclosures that were made."""
    names = Names(ledger)
    with reading(ledger, options) as house:
        bundles, disclosures = house.stock.book.bundles(), house.stock.book.disclosures()
    came = [
        (names.of(one.sender), time_text(one.signed_at), len(one.lots), len(one.containers), one.reason)
        for one in bundles
    ]
    gave = [(names.of(one.receiver), time_text(one.at), one.lot, one.reason) for one in disclosures]

    body = {"opened": bundles, "disclosed": disclosures}

    def render(console: Console) -> None:
        console.print(table("Opened", ("from", "sealed", "lots", "containers", "why disclosed"), came))
        console.print(table("Disclosed", ("to", "at", "lot", "why"), gave))

    return Answer(body, render)
