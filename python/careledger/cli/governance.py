"""`careledger governance`: roles, scheduled operations and the emergency stop."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console

from careledger.chain.connection import TransactionReceipt
from careledger.cli.output import table
from careledger.cli.session import Answer, progress_line, reads, writes
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.errors import InvalidInput

__all__ = ["app"]

app = typer.Typer(help="Roles, scheduled operations, and the emergency stop.", no_args_is_help=True)

ContractName = Annotated[str, typer.Argument(help="Name in the deployment, or address.")]
OperationId = Annotated[str, typer.Argument(help="The operation's id, as `governance list` shows it.")]


@app.command("list")
@reads
def list_governance(ledger: CareLedger) -> Answer:
    """List who holds which role, and every operation that was scheduled."""
    members = ledger.governance.members()
    operations = ledger.governance.operations()

    def render(console: Console) -> None:
        columns = ("role", "account", "delay")
        rows = [(f"{member.role} {member.label}", member.account, f"{member.delay_seconds} s") for member in members]
        console.print(table("Roles", columns, rows))
        if operations:
            heads = ("id", "state", "may run from", "call")
            lines = [(item.id, item.state.value, time_text(item.ready_at), item.description) for item in operations]
            console.print(table("Operations", heads, lines))

    return Answer({"members": members, "operations": operations}, render)


@app.command("schedule")
@writes
def schedule(
    ledger: CareLedger,
    contract: ContractName,
    function: Annotated[str, typer.Argument(help="The function's name.")],
    arguments: Annotated[str, typer.Argument(help="Its arguments as a JSON list.")] = "[]",
) -> TransactionReceipt:
    """Schedule a call for the earliest time that the signer's delay allows."""
    values = _arguments(arguments)
    target = ledger.governance.contract(contract)
    try:
        _, receipt = ledger.governance.schedule(target, function, *values)
    except KeyError as error:
        raise InvalidInput("function", function, str(error.args[0])) from None
    except (TypeError, ValueError) as error:
        raise InvalidInput("arguments", arguments, str(error)) from None
    return receipt


@app.command("execute")
@writes
def execute(ledger: CareLedger, operation: OperationId) -> TransactionReceipt:
    """Execute a scheduled operation whose time has come."""
    return ledger.governance.execute(operation)


@app.command("cancel")
@writes
def cancel(ledger: CareLedger, operation: OperationId) -> TransactionReceipt:
    """Cancel a scheduled operation: for who scheduled it, the guardian, and the admin."""
    return ledger.governance.cancel(operation)


@app.command("pause")
@writes
def pause(ledger: CareLedger, contract: ContractName) -> TransactionReceipt:
    """Halt a contract that moves money or custody, at once, as the guardian."""
    return ledger.governance.halt(ledger.governance.contract(contract))


@app.command("resume")
@writes
def resume(ledger: CareLedger, contract: ContractName) -> TransactionReceipt:
    """Let a halted contract go on, as a policy administrator: schedule, wait out the delay, execute."""
    return ledger.governance.resume(ledger.governance.contract(contract), report=progress_line)


def _arguments(text: str) -> list[Any]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise InvalidInput("arguments", text, f"is not JSON: {error}") from None
    if not isinstance(values, list):
        raise InvalidInput("arguments", text, "must be a JSON list")
    return values
