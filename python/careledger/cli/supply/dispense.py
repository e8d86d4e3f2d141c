"""`careledger dispense`: packs go to patients."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from careledger.cli.session import Answer, signs
from careledger.cli.supply.checking import check, exit_code, render_checked
from careledger.cli.supply.words import ActingOptions, Codes, Names, acting, given_codes, pack_in, sent
from careledger.client import CareLedger

__all__ = ["dispense"]


@signs
def dispense(
    ledger: CareLedger,
    options: ActingOptions,
    code: Codes = None,
    undo: Annotated[
        bool,
        typer.Option(
            "--undo", help="Put packs back that the signer dispensed within the last 10 days.", show_default=False
        ),
    ] = False,
) -> Answer:
    """Dispense packs that the signer, a dispenser, holds; by their codes, also scanned to standard input.

    Each is verified first: if one is not verified, nothing is dispensed, and it is told why (exit code 9; 2 if a code
    could not be read). Packs of one tranche and container go in one transaction. A pack scanned twice counts once.
    """
    texts = list(dict.fromkeys(given_codes(code)))
    names = Names(ledger)
    if undo:
        packs = list(dict.fromkeys(pack_in(text)[0] for text in texts))
        with acting(ledger, options, f"Putting back {len(packs)} packs") as house:
            receipts = [house.stock.undo_dispense(pack) for pack in packs]
        return sent("dispense --undo", receipts, {"undone": len(packs)}, [f"{len(packs)} packs are in supply again"])
    with acting(ledger, options, f"Dispensing {len(texts)} packs") as house:
        block = ledger.connection.block_number()
        found = [check(house.stock, text, block) for text in texts]
        body = {"dispensed": 0, "as_of_block": block, "packs": [one.body(names) for one in found]}
        left = exit_code(found)
        if not left:
            packs = list({one.verification.found: one.pack for one in found if one.verification and one.pack}.values())
            done = house.stock.dispense(packs)
    if not left:
        return sent("dispense", done, {**body, "dispensed": len(packs)}, [f"{len(packs)} packs are dispensed"])

    def render(console: Console) -> None:
        render_checked(console, [one for one in found if not one.verified], names)
        console.print("nothing was dispensed", style="bold red")

    return Answer({**body, "transactions": []}, render, left)
