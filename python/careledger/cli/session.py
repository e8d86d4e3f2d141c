"""The options by which every command finds its chain, its deployment and its key, and the kinds of command.

A command is a function of a `CareLedger` and its own arguments. One that sends a single transaction returns its
receipt, any other an `Answer`. The decorators `reads`, `signs` and `writes` add the shared options. An argument that
is a dataclass stands for its fields: that is how some commands share what others lack.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import inspect
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from rich.console import Console
from rich.text import Text

from careledger.anchoring.stamps import in_words
from careledger.chain.connection import Connection, TransactionReceipt
from careledger.chain.development import development_signer
from careledger.chain.signers import Signer, signer_from_uri
from careledger.cli.output import Json, progress_console, show
from careledger.client import CareLedger
from careledger.errors import ConfigurationError, InvalidInput

__all__ = [
    "Answer",
    "ChainId",
    "Deployments",
    "OutboxUrl",
    "Rpc",
    "SignerUri",
    "asks",
    "connect",
    "open_signer",
    "parse_time",
    "progress_line",
    "reads",
    "receipt_body",
    "render_receipt",
    "signs",
    "working",
    "writes",
]

Rpc = Annotated[
    str, typer.Option("--rpc", envvar="CARELEDGER_RPC", help="URL of an Ethereum node.", show_default=False)
]
SignerUri = Annotated[
    str,
    typer.Option(
        "--signer",
        envvar="CARELEDGER_SIGNER",
        help="keystore:PATH, kms:KEY, web3signer:URL#ADDRESS, env:VARIABLE, or development:N on a local chain.",
        show_default=False,
    ),
]
Deployments = Annotated[
    Path, typer.Option("--deployments", envvar="CARELEDGER_DEPLOYMENTS", help="Folder of deployment manifests.")
]
ChainId = Annotated[
    int | None, typer.Option("--chain-id", envvar="CARELEDGER_CHAIN_ID", help="Refuse a node of another chain.")
]

OutboxUrl = Annotated[
    str,
    typer.Option(
        "--outbox",
        envvar="CARELEDGER_OUTBOX",
        help="sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME.",
        show_default=False,
    ),
]

DEVELOPMENT = "development:"
DEFAULT_DEPLOYMENTS = Path("deployments")


CHAIN_OPTIONS: dict[str, Any] = {"rpc": Rpc, "deployments": Deployments, "chain_id": ChainId, "as_json": Json}


@dataclass(frozen=True)
class Answer:
    """What a reading command found: the body of `--json`, how to show it to a person, and the exit code."""

    body: Any
    render: Callable[[Console], None]
    exit_code: int = 0


def reads(command: Callable[..., Answer]) -> Callable[..., None]:
    """Makes a command of `command(ledger, ...)`: adds the options for the chain, and prints the answer."""

    def run(arguments: dict[str, Any], options: dict[str, Any]) -> None:
        with working("Reading the chain"):
            answer = command(_ledger(options), **arguments)
        _show_answer(answer, options)

    return _with_options(command, run, CHAIN_OPTIONS)


def asks(command: Callable[..., Answer]) -> Callable[..., None]:
    """The same for a command that may ask for a passphrase first, and says by itself what is under way."""

    def run(arguments: dict[str, Any], options: dict[str, Any]) -> None:
        _show_answer(command(_ledger(options), **arguments), options)

    return _with_options(command, run, CHAIN_OPTIONS)


def signs(command: Callable[..., Answer]) -> Callable[..., None]:
    """Makes a command of `command(ledger, ...)` that needs a key: adds its option too, and prints the answer."""

    def run(arguments: dict[str, Any], options: dict[str, Any]) -> None:
        _show_answer(command(_ledger(options), **arguments), options)

    return _with_options(command, run, {"signer": SignerUri, **CHAIN_OPTIONS})


def writes(command: Callable[..., TransactionReceipt]) -> Callable[..., None]:
    """Makes a command of `command(ledger, ...)` that sends a transaction, and prints the receipt."""

    def run(arguments: dict[str, Any], options: dict[str, Any]) -> None:
        title = " ".join([command.__name__.replace("_", " "), *map(str, _values(arguments)[:1])])
        with working(title):
            receipt = command(_ledger(options), **arguments)
        show(receipt_body(receipt), options["as_json"], lambda console: render_receipt(console, title, receipt))

    return _with_options(command, run, {"signer": SignerUri, **CHAIN_OPTIONS})


def connect(rpc: str, chain_id: int | None = None) -> Connection:
    """The node that the settings name. Raises ConfigurationError if they name none."""
    return Connection.open(_required_rpc(rpc), chain_id)


def open_signer(uri: str) -> Signer:
    """The signer that the settings name. Raises ConfigurationError if they name none."""
    if not uri:
        raise ConfigurationError(
            "--signer or CARELEDGER_SIGNER", "not set; name a key, e.g. keystore:PATH (see `careledger keys new`)"
        )
    if uri.startswith(DEVELOPMENT):
        index = uri.removeprefix(DEVELOPMENT)
        if not re.fullmatch(r"[0-9]{1,9}", index):
            raise InvalidInput("development account", index, "must be a number")
        return development_signer(int(index))
    return signer_from_uri(uri)


def parse_time(text: str, connection: Connection | None = None) -> int:
    """Unix seconds from Unix seconds, an ISO 8601 date (midnight UTC) or date and time, or `now`.

    With a connection, `now` is the chain's: the time of its last block. Raises InvalidInput.
    """
    if text == "now":
        return int(time.time()) if connection is None else connection.block_time()
    try:
        if text.isascii() and text.isdigit():
            return int(text)  # ValueError for thousands of digits
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput("time", text, "must be Unix seconds, an ISO 8601 date or date and time, or now") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return int(moment.timestamp())


@contextmanager
def working(text: str) -> Iterator[None]:
    """Shows on standard error that something is under way."""
    with progress_console.status(Text(text)):
        yield


def progress_line(text: str) -> None:
    """One line of progress on standard error."""
    progress_console.print(text, markup=False)


def _ledger(options: dict[str, Any]) -> CareLedger:
    """The deployed suite that the options name, with a signer if the command has one."""
    url = _required_rpc(options["rpc"])
    signer = open_signer(options["signer"]) if "signer" in options else None
    return CareLedger.connect(url, signer, options["deployments"], options["chain_id"])


def _show_answer(answer: Answer, options: dict[str, Any]) -> None:
    show(answer.body, options["as_json"], answer.render)
    if answer.exit_code:
        raise typer.Exit(answer.exit_code)


def _required_rpc(rpc: str) -> str:
    if not rpc:
        raise ConfigurationError("--rpc or CARELEDGER_RPC", "not set; give a node's URL, or start `careledger node`")
    return rpc


def _with_options(
    command: Callable[..., Any], run: Callable[[dict[str, Any], dict[str, Any]], None], options: dict[str, Any]
) -> Callable[..., None]:
    """A function whose signature is the command's, without the ledger, and with the shared options."""
    hints = get_type_hints(command, include_extras=True)
    declared = list(inspect.signature(command).parameters.values())[1:]
    own: list[inspect.Parameter] = []
    for parameter in declared:
        kind = hints[parameter.name]
        if dataclasses.is_dataclass(kind):
            own += _fields(kind)
        else:
            own.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))
    defaults: dict[str, Any] = {"deployments": DEFAULT_DEPLOYMENTS, "chain_id": None, "as_json": False}
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults.get(name, ""), annotation=annotation)
        for name, annotation in options.items()
    ]

    @functools.wraps(command)
    def wrapper(**values: Any) -> None:
        chosen = {name: values.pop(name) for name in options}
        arguments = {
            parameter.name: _grouped(hints[parameter.name], values)
            if dataclasses.is_dataclass(hints[parameter.name])
            else values[parameter.name]
            for parameter in declared
        }
        run(arguments, chosen)

    wrapper.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *shared]}
    return wrapper


def _values(arguments: dict[str, Any]) -> list[Any]:
    """The values of a command's arguments, with the fields of those that stand for several."""
    return [
        value
        for argument in arguments.values()
        for value in (vars(argument).values() if dataclasses.is_dataclass(argument) else [argument])
    ]


def _grouped(kind: Any, values: dict[str, Any]) -> Any:
    """The dataclass with what its fields were given."""
    return kind(**{field.name: values[field.name] for field in dataclasses.fields(kind)})


def _fields(kind: Any) -> list[inspect.Parameter]:
    """The fields of a dataclass as parameters."""
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in dataclasses.fields(kind)
    ]


def receipt_body(receipt: TransactionReceipt) -> dict[str, Any]:
    """What `--json` tells of a transaction."""
    return {
        "transaction_hash": receipt.transaction_hash,
        "block_number": receipt.block_number,
        "gas_used": receipt.gas_used,
        "cost_wei": receipt.cost_wei,
        "events": [{"event": type(event).__name__, **in_words(event)} for event in receipt.events],
    }


def render_receipt(console: Console, title: str, receipt: TransactionReceipt) -> None:
    """What a person is told of a transaction."""
    lines = [f"{title}: done", f"  transaction {receipt.transaction_hash}"]
    lines += [f"  block {receipt.block_number}, {receipt.gas_used:,} gas"]
    for event in receipt.events:
        values = {name: value.name if isinstance(value, Enum) else value for name, value in in_words(event).items()}
        lines += [f"  {type(event).__name__} " + ", ".join(f"{name} {value}" for name, value in values.items())]
    console.print("\n".join(lines), markup=False, soft_wrap=True)
