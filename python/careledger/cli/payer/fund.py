"""`careledger payer fund`: an insurer's money."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from careledger.authorization.treasury import Treasury
from careledger.chain.connection import TransactionReceipt
from careledger.cli.authorization.words import PayerName, money_of, named_payer, positive
from careledger.cli.output import table
from careledger.cli.session import Answer, progress_line, reads, writes
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.errors import InvalidInput

__all__ = ["app"]

app = typer.Typer(help="The insurer's money: figures, deposits, limits, withdrawals.", no_args_is_help=True)

Amount = Annotated[str, typer.Argument(help="In the token's units, such as 1000.00.")]


@app.command("show")
@reads
def show_funds(ledger: CareLedger, payer: PayerName = "") -> Answer:
    """Show what is in the vault, what of it is promised, and what waits."""
    asked = named_payer(ledger, payer)
    found = Treasury(asked).figures()
    money = money_of(asked)

    def render(console: Console) -> None:
        rows = [
            ("token", found.token),
            ("in the vault", money.text(found.balance)),
            ("the insurer's own", money.text(found.available)),
            ("free", money.text(found.free)),
            ("waits for money", f"{money.text(found.unfunded)}, {found.waiting} payments"),
            ("left in when withdrawing", money.text(found.floor)),
            ("credited by the rules in a day, at most", money.text(found.daily_cap)),
            ("credited by the rules today", money.text(found.credited_today)),
        ]
        waits = found.withdrawal
        if waits is not None:
            said = f"{money.text(waits.amount)} to {waits.recipient}, from {time_text(waits.ready_at)} on"
            rows.append(("withdrawal", said))
        console.print(table(None, ("what", "value"), rows))

    return Answer(found, render)


@app.command("deposit")
@writes
def deposit(ledger: CareLedger, amount: Amount, payer: PayerName = "") -> TransactionReceipt:
    """Add to the insurer's money, from the signer's account: approves the vault in the token, then deposits."""
    asked = named_payer(ledger, payer)
    return Treasury(asked).deposit(positive(money_of(asked), amount))


@app.command("limits")
@writes
def limits(
    ledger: CareLedger,
    floor: Annotated[
        str, typer.Option(help="What is left in when withdrawing. Default: as it is.", show_default=False)
    ] = "",
    daily_cap: Annotated[
        str, typer.Option(help="What the rules alone credit in a day. Default: as it is.", show_default=False)
    ] = "",
    payer: PayerName = "",
) -> TransactionReceipt:
    """Set the floor, the daily cap, or both, as the treasurer."""
    if not floor and not daily_cap:
        raise InvalidInput("limits", "none", "say --floor, --daily-cap or both")
    asked = named_payer(ledger, payer)
    money = money_of(asked)
    return Treasury(asked).set_limits(
        money.parse(floor, "floor") if floor else None,
        money.parse(daily_cap, "daily cap") if daily_cap else None,
        progress_line,
    )


@app.command("request-withdrawal")
@writes
def request_withdrawal(
    ledger: CareLedger,
    amount: Amount,
    recipient: Annotated[str, typer.Argument(help="The account that gets it.")],
    payer: PayerName = "",
) -> TransactionReceipt:
    """Ask for a withdrawal, as the treasurer; it is ready after 7 days. Replaces one that waits; 0 calls it off."""
    asked = named_payer(ledger, payer)
    return Treasury(asked).request_withdrawal(recipient, money_of(asked).parse(amount), progress_line)


@app.command("withdraw")
@writes
def withdraw(ledger: CareLedger, payer: PayerName = "") -> TransactionReceipt:
    """Take out what was asked for, as the treasurer, when it is ready and free."""
    return Treasury(named_payer(ledger, payer)).withdraw(progress_line)


@app.command("credit")
@writes
def credit(
    ledger: CareLedger,
    count: Annotated[int, typer.Option(help="At most so many.", min=1, max=1_000)] = 50,
    payer: PayerName = "",
) -> TransactionReceipt:
    """Credit payments that waited for money, in their order, as far as there is some. Anyone may."""
    return Treasury(named_payer(ledger, payer)).credit_unfunded(count)
