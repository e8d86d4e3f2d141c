"""`careledger payer reviewer`: who may decide what the rules leave open."""

from __future__ import annotations

from typing import Annotated

import typer

from careledger.authorization.panel import Panel, new_reviewer_id
from careledger.chain.connection import TransactionReceipt
from careledger.chain.values import account_address
from careledger.cli.authorization.words import PayerName, named_payer
from careledger.cli.output import table
from careledger.cli.session import Answer, progress_line, reads, writes
from careledger.client import CareLedger

__all__ = ["app"]

app = typer.Typer(help="Who may decide what the rules leave open: appoint, dismiss, list.", no_args_is_help=True)

ReviewerKey = Annotated[str, typer.Argument(help="Address of a key of the insurer's.")]


@app.command("appoint")
@writes
def appoint(
    ledger: CareLedger,
    key: ReviewerKey,
    reviewer_id: Annotated[
        str,
        typer.Option("--id", help="The person's pseudonymous id, 0x and 24 digits. Default: a new one, at random."),
    ] = "",
    payer: PayerName = "",
) -> TransactionReceipt:
    """Let a key of the insurer's review, as the medical director. One person has one id, whatever keys."""
    panel = Panel(named_payer(ledger, payer))
    return panel.appoint(account_address("key", key), reviewer_id or new_reviewer_id(), progress_line)


@app.command("dismiss")
@writes
def dismiss(ledger: CareLedger, key: ReviewerKey, payer: PayerName = "") -> TransactionReceipt:
    """End that, as the medical director. Decisions made stay."""
    return Panel(named_payer(ledger, payer)).dismiss(account_address("key", key), progress_line)


@app.command("list")
@reads
def list_reviewers(ledger: CareLedger, payer: PayerName = "") -> Answer:
    """List all keys that review, or did."""
    found = Panel(named_payer(ledger, payer)).reviewers()
    rows = [(one.key, one.id, "reviews" if one.appointed else "dismissed") for one in found]
    return Answer(found, lambda console: console.print(table(None, ("key", "id", ""), rows)))
