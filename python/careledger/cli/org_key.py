"""`careledger org key`: the keys that act for an organization."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from careledger.anchoring.canonical_json import parse
from careledger.chain.connection import TransactionReceipt
from careledger.chain.signers.signer import required
from careledger.cli.output import table, to_plain
from careledger.cli.session import Answer, parse_time, reads, signs, writes
from careledger.cli.words import Name, time_text
from careledger.client import CareLedger
from careledger.errors import InvalidInput
from careledger.identity import KeyRecord
from careledger.identity.organizations import PossessionProof

__all__ = ["app", "render_keys"]

app = typer.Typer(help="Keys of organizations: prove, add, retire, report, look up.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(help="The key's address.")]
DEFAULT_PROOF_SECONDS = 3600
MOST_PROOF_SECONDS = 366 * 86_400


@app.command("prove")
@signs
def prove(
    ledger: CareLedger,
    name: Name,
    valid_for: Annotated[
        int, typer.Option(min=1, max=MOST_PROOF_SECONDS, help="Seconds until the proof expires.")
    ] = DEFAULT_PROOF_SECONDS,
) -> Answer:
    """Sign, as the new key, that it agrees to act for an organization. Sends nothing; prints JSON for `key add`."""
    deadline = ledger.connection.now() + valid_for
    proof = ledger.organizations.prove_possession(ledger.organizations.known(name), required(ledger.signer), deadline)
    return Answer(proof, lambda console: console.print_json(data=to_plain(proof)))


@app.command("add")
@writes
def add(
    ledger: CareLedger, proof: Annotated[Path, typer.Argument(help="File with what `key prove` printed.")]
) -> TransactionReceipt:
    """Add a key, as the organization's controller."""
    try:
        content = proof.read_bytes()
        parse(content)  # refuses what is nested too deep
        shown = PossessionProof(**json.loads(content))
    except (OSError, ValueError, TypeError, InvalidInput) as error:
        raise InvalidInput("proof", str(proof), f"is not what `careledger org key prove` prints: {error}") from None
    try:
        return ledger.organizations.add_key(shown)
    except (ValueError, TypeError) as error:
        raise InvalidInput("proof", str(proof), f"is not what `careledger org key prove` prints: {error}") from None


@app.command("retire")
@writes
def retire(ledger: CareLedger, key: Key) -> TransactionReceipt:
    """Retire a key: it acts no more, and what it did stays valid."""
    return ledger.organizations.retire_key(key)


@app.command("report")
@writes
def report(
    ledger: CareLedger,
    key: Key,
    since: Annotated[str, typer.Option(help="Not to be believed from this time on: Unix seconds, or ISO 8601.")],
    as_registrar: Annotated[bool, typer.Option("--as-registrar", help="More than 30 days back.")] = False,
) -> TransactionReceipt:
    """Report a key compromised since a time, as the controller."""
    organizations = ledger.organizations
    act = organizations.report_compromise_as_registrar if as_registrar else organizations.report_compromise
    return act(key, parse_time(since, ledger.connection))


@app.command("show")
@reads
def show_key(
    ledger: CareLedger,
    key: Key,
    at: Annotated[str, typer.Option(help="As it was at a past time: Unix seconds, or ISO 8601.")] = "",
) -> Answer:
    """Show whose key an address is, now or at a past time."""
    if not at:
        record = ledger.organizations.key(key)
        return Answer(record, lambda console: render_keys(console, [record]))
    reading = ledger.organizations.at(key, parse_time(at, ledger.connection))
    rows = [
        ("organization", reading.organization),
        ("status then", reading.status.name.lower()),
        ("covered by a cut-off", "yes" if reading.compromised else "no"),
        ("reported", time_text(reading.reported_at) if reading.reported_at else "never"),
    ]
    return Answer(reading, lambda console: console.print(table(None, ("", ""), rows)))


def render_keys(console: Console, keys: Iterable[KeyRecord]) -> None:
    """Prints keys as a table."""
    rows = [
        (
            key.key,
            key.status.name.lower(),
            time_text(key.added_at) if key.added_at else "",
            time_text(key.retired_at) if key.retired_at else "",
            time_text(key.compromised_since) if key.compromised_since else "",
            time_text(key.reported_at) if key.reported_at else "",
        )
        for key in keys
    ]
    columns = ("key", "status", "added", "retired", "not believed since", "reported")
    console.print(table("Keys", columns, rows))
