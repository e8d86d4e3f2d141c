"""`careledger governance`: roles, scheduled operations and the emergency stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from eth_abi.exceptions import EncodingError
from rich.console import Console

from careledger.chain.connection import TransactionReceipt
from careledger.chain.contract import Contract
from careledger.chain.deployment.safe import write_safe_transaction
from careledger.chain.values import account_address, check_enums
from careledger.cli.output import table
from careledger.cli.session import Answer, progress_line, reads, writes
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.errors import InvalidInput

__all__ = ["app"]

app = typer.Typer(help="Roles, scheduled operations, and the emergency stop.", no_args_is_help=True)

ContractName = Annotated[str, typer.Argument(help="Name in the deployment, or address.")]
Function = Annotated[str, typer.Argument(help="The function's name.")]
Arguments = Annotated[str, typer.Argument(help="Its arguments as a JSON list.")]
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
    ledger: CareLedger, contract: ContractName, function: Function, arguments: Arguments = "[]"
) -> TransactionReceipt:
    """Schedule a call for the earliest time that the signer's delay allows."""
    target, values = _call(ledger, contract, function, arguments)
    _, receipt = ledger.governance.schedule(target, function, *values)
    return receipt


@app.command("call")
@writes
def call(
    ledger: CareLedger, contract: ContractName, function: Function, arguments: Arguments = "[]"
) -> TransactionReceipt:
    """Call a restricted function: at once where the signer may, else schedule, wait out the delay, execute.

    May be interrupted: the same command again picks up what was scheduled.
    """
    target, values = _call(ledger, contract, function, arguments)
    return ledger.governance.perform(target, function, *values, report=progress_line)


@app.command("propose")
@reads
def propose(
    ledger: CareLedger,
    account: Annotated[str, typer.Argument(help="The contract wallet, for example a Safe, that is to call.")],
    contract: ContractName,
    function: Function,
    arguments: Arguments = "[]",
    file: Annotated[Path, typer.Option(help="Where to write the wallet's transaction.")] = Path("proposal.json"),
) -> Answer:
    """Write the next transaction by which a contract wallet calls a restricted function: call, schedule or execute.

    The file is for the import of Safe{Wallet}'s Transaction Builder. Sends nothing.
    """
    target, values = _call(ledger, contract, function, arguments)
    wallet = account_address("account", account)
    to, data, step = ledger.governance.proposal(wallet, target, function, *values)
    chain_id = ledger.connection.chain_id
    write_safe_transaction(file, chain_id, wallet, to, data, f"careledger: {step} {target.name}.{function}")
    body = {"step": step, "to": to, "data": data, "file": file}
    text = f"{step} {target.name}.{function}: written to {file}"
    return Answer(body, lambda console: console.print(text, markup=False, soft_wrap=True))


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


def _call(ledger: CareLedger, contract: str, function: str, arguments: str) -> tuple[Contract, list[Any]]:
    """The contract and the arguments of a call that the contract can encode. Raises InvalidInput."""
    target = ledger.governance.contract(contract)
    values = _arguments(arguments)
    try:
        declared = target.artifact.function(function)
        target.encode(function, *values)
    except KeyError as error:
        raise InvalidInput("function", function, str(error.args[0])) from None
    except (TypeError, ValueError, EncodingError) as error:
        raise InvalidInput("arguments", arguments, str(error)) from None
    if declared["stateMutability"] in {"view", "pure"}:
        raise InvalidInput("function", function, "only reads, so that nobody needs permission and nothing would change")
    check_enums(declared, values)
    return target, values


def _arguments(text: str) -> list[Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("arguments", text, f"is not JSON: {error}") from None
    if not isinstance(values, list):
        raise InvalidInput("arguments", text, "must be a JSON list")
    return values
