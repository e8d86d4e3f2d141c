"""`careledger stream`: sequences of anchors of which none can be left out unseen."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer
from eth_utils.crypto import keccak
from rich.console import Console

from careledger.anchoring.leaf import new_salt
from careledger.chain.connection import TransactionReceipt
from careledger.chain.values import account_address
from careledger.cli.documents.audit import Audit, audit_stream
from careledger.cli.documents.files import readable, write_private
from careledger.cli.documents.words import DONE, NO, StreamText, Submitter, parse_hash, parse_stream
from careledger.cli.output import table
from careledger.cli.session import Answer, progress_line, reads, writes
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.errors import InvalidInput

__all__ = ["app"]

NAME_TAG = keccak(text="careledger.document.stream-name.v1")
NAME = re.compile(r"[^/\x00]{1,200}")
STREAM_SUFFIX = ".stream.json"

app = typer.Typer(
    help="Sequences of anchors, such as a trial's enrolment log, of which none can be left out unseen.",
    no_args_is_help=True,
)


@app.command("declare")
@writes
def declare(
    ledger: CareLedger,
    name: Annotated[str, typer.Argument(help="Its name, which stays at home; or an id, 0x and 64 hex digits.")],
    output: Annotated[
        Path | None, typer.Option(help="Where name, salt and id are kept; by default NAME.stream.json.")
    ] = None,
) -> TransactionReceipt:
    """Declare a stream of the signer's. On the chain it has a salted hash of its name."""
    return ledger.documents.declare_stream(_identifier(name, output))


@app.command("continue")
@writes
def continue_stream(
    ledger: CareLedger,
    stream: StreamText,
    former: Annotated[str, typer.Option(help="The key that added to it until now; it can add nothing more.")],
) -> TransactionReceipt:
    """Go on with a stream under the signer, another key of the same organization."""
    return ledger.documents.continue_stream(former, parse_stream(stream))


@app.command("head")
@reads
def head(ledger: CareLedger, stream: StreamText, submitter: Submitter) -> Answer:
    """Show the head of a stream's hash chain. Exit code 9 if there is no such stream of the key."""
    block = ledger.connection.block_number()
    found = ledger.documents.head(account_address("submitter", submitter), parse_stream(stream), block)
    text = found or "no such stream of this key, or it went on under another"
    body = {"head": found, "as_of_block": block}
    return Answer(body, lambda console: console.print(text), NO if found is None else DONE)


@app.command("audit")
@reads
def audit(
    ledger: CareLedger,
    stream: StreamText,
    submitter: Annotated[
        list[str], typer.Option(help="The key that anchored; where the stream went on under others, each in order.")
    ],
    receipts: Annotated[Path, typer.Option(help="Folder with the receipts of all that is in the stream.")],
    index: Annotated[
        str,
        typer.Option(
            "--index",
            envvar="CARELEDGER_INDEX",
            help="An index, to name what is missing; the chain decides whether something is.",
            show_default=False,
        ),
    ] = "",
) -> Answer:
    """Tell whether some receipts are all of a stream: one left out shows. Exit code 9 if they are not.

    The hash chain over them is computed anew and compared with the chain's; of a batch, every document is asked for.
    """
    with readable(receipts, "receipts"):
        found = audit_stream(ledger, parse_stream(stream), submitter, receipts, index)
    return Answer(found, lambda console: _render(console, found), DONE if found.whole else NO)


def _render(console: Console, found: Audit) -> None:
    if found.whole:
        text = f"all there: {found.documents} documents in {found.entries} entries"
        console.print(f"{text}; as of block {found.as_of_block}", style="bold green")
        return
    console.print(f"NOT all of the stream; as of block {found.as_of_block}", style="bold red")
    if found.head != found.computed_head:
        console.print("  by the hash chain, an entry at least is missing, or there is one that is not of the stream")
    rows = [
        (one.position, one.id, one.block_number, time_text(one.time), one.transaction_hash) for one in found.missing
    ]
    if rows:
        console.print(table("Missing", ("position", "id", "block", "time", "transaction"), rows))
    elif not found.named and found.head != found.computed_head:
        console.print("  --index names what is missing")
    for batch in found.incomplete:
        some = ", ".join(map(str, batch.missing))
        console.print(f"  batch {batch.root}: {batch.given} of {batch.count} given; missing, among others: {some}")
    for root in found.hiding:
        console.print(
            f"  batch {root}: its root is not made of the documents given for its places alone: it hides others"
        )
    for identifier in found.foreign:
        console.print(f"  not of the stream: {identifier}")
    for file in found.unreadable:
        console.print(f"  no receipt: {file}")


def _identifier(name: str, output: Path | None) -> str:
    """The id of a name, which is kept with its salt before anything is sent; the same for the same file."""
    if name.startswith("0x"):
        return parse_hash("stream", name)
    if not NAME.fullmatch(name):
        raise InvalidInput("name", name, "must be 1 to 200 characters without a slash")
    path = output or Path(name + STREAM_SUFFIX)
    if path.exists():
        try:
            kept = json.loads(path.read_bytes())
            if kept["name"] != name:
                raise InvalidInput("stream", str(path), "is of another name: name another file by --output")
            return parse_hash("stream", kept["stream"])
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            raise InvalidInput("stream", str(path), "is there, and not what this command writes") from None
    salt = new_salt()
    identifier = "0x" + keccak(NAME_TAG + keccak(text=name) + salt).hex()
    body = {"version": 1, "name": name, "salt": "0x" + salt.hex(), "stream": identifier}
    write_private(path, json.dumps(body, indent=2).encode() + b"\n")
    progress_line(f"name, salt and id of the stream: {path}; keep it")
    return identifier
