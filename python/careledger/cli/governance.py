"""`careledger governance`: roles, operations and the emergency stop, of the suite, an insurer or a supply chain."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from eth_abi.exceptions import EncodingError
from rich.console import Console

from careledger.authorization.deployment import payer_deployment
from careledger.chain.connection import TransactionReceipt
from careledger.chain.contract import Contract
from careledger.chain.deployment.plan import MANAGER
from careledger.chain.deployment.safe import write_safe_transaction
from careledger.chain.deployment.verify import require_code
from careledger.chain.values import account_address, check_enums
from careledger.cli.output import table
from careledger.cli.session import Answer, progress_line, reads, writes
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.errors import InvalidInput
from careledger.identity import Governance
from careledger.serialization.deployment import SUFFIX, supply_deployment

__all__ = ["app"]

app = typer.Typer(help="Roles, scheduled operations, and the emergency stop.", no_args_is_help=True)

ContractName = Annotated[str, typer.Argument(help="Name in the deployment, or address.")]
Function = Annotated[str, typer.Argument(help="The function's name.")]
Arguments = Annotated[str, typer.Argument(help="Its arguments as a JSON list.")]
OperationId = Annotated[str, typer.Argument(help="The operation's id, as `governance list` shows it.")]
OfPayer = Annotated[
    str,
    typer.Option(
        "--payer",
        metavar="NAME|MANIFEST",
        help="The insurer whose contracts are meant: its name or id, or its manifest. Default: the suite's contracts.",
        show_default=False,
    ),
]
OfSupply = Annotated[
    str,
    typer.Option(
        "--supply",
        metavar="NAME|MANIFEST",
        help="The same for a supply chain's contracts: its operator's name or id, or its manifest.",
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class Whose:
    """Whose contracts are meant. Not from the environment: it is always said."""

    payer: OfPayer = ""
    supply: OfSupply = ""


MANIFEST = ".json"


@app.command("list")
@reads
def list_governance(ledger: CareLedger, whose: Whose) -> Answer:
    """List who holds which role, and every operation that was scheduled."""
    governance = _governance(ledger, whose)
    members = governance.members()
    operations = governance.operations()

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
    function: Function,
    whose: Whose,
    arguments: Arguments = "[]",
) -> TransactionReceipt:
    """Schedule a call for the earliest time that the signer's delay allows."""
    governance = _governance(ledger, whose)
    target, values = _call(governance, contract, function, arguments)
    _, receipt = governance.schedule(target, function, *values)
    return receipt


@app.command("call")
@writes
def call(
    ledger: CareLedger,
    contract: ContractName,
    function: Function,
    whose: Whose,
    arguments: Arguments = "[]",
) -> TransactionReceipt:
    """Call a restricted function: at once where the signer may, else schedule, wait out the delay, execute.

    May be interrupted: the same command again picks up what was scheduled.
    """
    governance = _governance(ledger, whose)
    target, values = _call(governance, contract, function, arguments)
    return governance.perform(target, function, *values, report=progress_line)


@app.command("propose")
@reads
def propose(
    ledger: CareLedger,
    account: Annotated[str, typer.Argument(help="The contract wallet, for example a Safe, that is to call.")],
    contract: ContractName,
    function: Function,
    whose: Whose,
    arguments: Arguments = "[]",
    file: Annotated[Path, typer.Option(help="Where to write the wallet's transaction.")] = Path("proposal.json"),
) -> Answer:
    """Write the next transaction by which a contract wallet calls a restricted function: call, schedule or execute.

    The file is for the import of Safe{Wallet}'s Transaction Builder. Sends nothing.
    """
    governance = _governance(ledger, whose)
    target, values = _call(governance, contract, function, arguments)
    wallet = account_address("account", account)
    to, data, step = governance.proposal(wallet, target, function, *values)
    chain_id = ledger.connection.chain_id
    write_safe_transaction(file, chain_id, wallet, to, data, f"careledger: {step} {target.name}.{function}")
    body = {"step": step, "to": to, "data": data, "file": file}
    text = f"{step} {target.name}.{function}: written to {file}"
    return Answer(body, lambda console: console.print(text, markup=False, soft_wrap=True))


@app.command("execute")
@writes
def execute(ledger: CareLedger, operation: OperationId, whose: Whose) -> TransactionReceipt:
    """Execute a scheduled operation whose time has come."""
    return _governance(ledger, whose).execute(operation)


@app.command("cancel")
@writes
def cancel(ledger: CareLedger, operation: OperationId, whose: Whose) -> TransactionReceipt:
    """Cancel a scheduled operation: for who scheduled it, the guardian, and the admin."""
    return _governance(ledger, whose).cancel(operation)


@app.command("pause")
@writes
def pause(ledger: CareLedger, contract: ContractName, whose: Whose) -> TransactionReceipt:
    """Halt a contract that moves money or custody, at once, as the guardian."""
    governance = _governance(ledger, whose)
    return governance.halt(governance.contract(contract))


@app.command("resume")
@writes
def resume(ledger: CareLedger, contract: ContractName, whose: Whose) -> TransactionReceipt:
    """Let a halted contract go on, as a policy administrator: schedule, wait out the delay, execute."""
    governance = _governance(ledger, whose)
    return governance.resume(governance.contract(contract), report=progress_line)


def _governance(ledger: CareLedger, whose: Whose) -> Governance:
    """That of the suite, or of the insurer or supply chain that is named, by what it published or by its manifest."""
    if whose.payer and whose.supply:
        raise InvalidInput("--supply", whose.supply, "does not go with --payer: one is meant")
    if whose.supply:
        name = _of_manifest(ledger, "--supply", whose.supply, SUFFIX, "a supply chain's")
        if name is None:
            return ledger.supply(whose.supply).governance
        deployment = supply_deployment(Path(whose.supply).parent, ledger.connection.chain_id, name)
    elif whose.payer:
        name = _of_manifest(ledger, "--payer", whose.payer, "", "an insurer's")
        if name is None:
            return ledger.payer(whose.payer).governance
        deployment = payer_deployment(Path(whose.payer).parent, ledger.connection.chain_id, name)
    else:
        return ledger.governance
    require_code(ledger.connection, deployment)
    contracts = {
        name: Contract(ledger.connection, entry.artifact, entry.address) for name, entry in deployment.contracts.items()
    }
    return Governance(contracts[MANAGER], contracts, deployment.first_block, ledger.signer)


def _of_manifest(ledger: CareLedger, option: str, text: str, suffix: str, of_whom: str) -> str | None:
    """The organization of a manifest; None if the text is no file's name. Raises InvalidInput for another file."""
    path, start, end = Path(text), f"{ledger.connection.chain_id}.", f"{suffix}{MANIFEST}"
    if path.suffix != MANIFEST:
        return None
    name = path.name.removeprefix(start).removesuffix(end)
    if not path.is_file() or path.name != f"{start}{name}{end}":
        raise InvalidInput(option, text, f"is no manifest of {of_whom}: that is a file {start}NAME{end}")
    return name


def _call(governance: Governance, contract: str, function: str, arguments: str) -> tuple[Contract, list[Any]]:
    """The contract and the arguments of a call that the contract can encode. Raises InvalidInput."""
    target = governance.contract(contract)
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
