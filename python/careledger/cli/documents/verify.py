"""`careledger verify` and `careledger prove`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from careledger.anchoring import Canonicalization, Disclosure, FieldTree, Receipt, StateProof
from careledger.anchoring.answers import Verification
from careledger.anchoring.verification import Source, verify
from careledger.cli.documents.checking import Node, offline
from careledger.cli.documents.files import (
    fields_path,
    find_receipt,
    kept_tree,
    load_receipt,
    readable,
    receipt_here,
    write_private,
)
from careledger.cli.documents.kept import leaf_in_vault, load_from_vault, path_in_vault, receipt_of_document
from careledger.cli.documents.sentences import exit_code, render
from careledger.cli.documents.words import ReceiptOption, ReceiptPath, parse_hash
from careledger.cli.output import Json, show
from careledger.cli.session import (
    DEFAULT_DEPLOYMENTS,
    Answer,
    Deployments,
    Rpc,
    progress_line,
    reads,
    working,
)
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.errors import ConfigurationError, InvalidInput

__all__ = ["prove", "verify_document"]

STANDARD_INPUT = "-"
TAGS = ("latest", "safe", "finalized")


def verify_document(
    file: Annotated[str, typer.Argument(help="The document, or - for standard input.", metavar="FILE")],
    receipt: ReceiptOption = None,
    vault: Annotated[
        Path | None,
        typer.Option(help="Find the document's receipt in this vault, by its content.", show_default=False),
    ] = None,
    offline_only: Annotated[
        bool, typer.Option("--offline", help="Ask no node: use the state proof that `careledger prove` added.")
    ] = False,
    trusted_block_hash: Annotated[
        str,
        typer.Option(
            help="With --offline: hash of the proof's block, as you know it from elsewhere.", show_default=False
        ),
    ] = "",
    contract: Annotated[
        str,
        typer.Option(
            help="With --offline: the DocumentAnchor that you trust; by default that of the chain's manifest.",
            show_default=False,
        ),
    ] = "",
    index: Annotated[
        str,
        typer.Option(
            "--index",
            envvar="CARELEDGER_INDEX",
            help="An index, to name the organizations, who disputes and who countersigned; the node is asked for each.",
            show_default=False,
        ),
    ] = "",
    rpc: Rpc = "",
    deployments: Deployments = DEFAULT_DEPLOYMENTS,
    as_json: Json = False,
) -> None:
    """Say whether a file is the document of its receipt, and what holds of it now.

    Exit code 0: in force, also if disputed, and anchored by an organization's key that could be relied on (with
    --offline that is not checked); 9: unknown, expired, superseded, revoked, altered, or not to be relied on; 4: could
    not be checked, which says nothing about the document. A pack of medicine is verified by `careledger unit verify`.
    """
    path, found = _receipt(file, receipt, vault)
    checker: Any
    if offline_only:
        if not trusted_block_hash:
            stands = "" if found.state_proof is None else f" of block {found.state_proof.block_number}"
            raise InvalidInput(
                "--trusted-block-hash", "", f"not given: name the hash{stands} as you know it from elsewhere"
            )
        checker = offline(found, parse_hash("--trusted-block-hash", trusted_block_hash), contract, deployments)
    else:
        if trusted_block_hash or contract:
            raise InvalidInput("--offline", "", "not given: --trusted-block-hash and --contract are for it")
        if not rpc:
            problem = "not set; give a node's URL, or --offline with --trusted-block-hash"
            raise ConfigurationError("--rpc or CARELEDGER_RPC", problem)
        checker = Node(rpc, deployments, index)
    with working("Verifying"):
        answer = _verified(file, path, found, checker)
    key_now = None if offline_only else checker.key_status_now
    body = {"file": file, "receipt": path, **answer.to_dict()}
    body["who"]["key_status_now"] = None if key_now is None else key_now.name.lower()
    show(body, as_json, lambda console: render(console, file, found, answer, key_now))
    code = exit_code(answer)
    if code:
        raise typer.Exit(code)


@reads
def prove(
    ledger: CareLedger,
    receipt: ReceiptPath,
    block: Annotated[str, typer.Option(help="The block of the proof: a number, latest, safe or finalized.")] = "latest",
    output: Annotated[
        Path | None, typer.Option(help="Where to write the receipt with its proof; by default in its place.")
    ] = None,
) -> Answer:
    """Add a state proof to a receipt: it then verifies without a node, by the hash of one block.

    The proof shows what holds as of its block. A node keeps the states of recent blocks only, unless it is an archive.
    """
    found = receipt_here(ledger, receipt)
    number = _block(block)
    if isinstance(number, int) and number < found.block_number:
        raise InvalidInput("--block", block, f"is before block {found.block_number}, in which it was anchored")
    proof = StateProof.fetch(ledger.connection.rpc(), found.contract, found.slots, number)
    if output is None and leaf_in_vault(receipt) is not None:
        raise InvalidInput("--output", "", "not given: what is in a vault is never written over; name a file")
    place = output or receipt
    write_private(place, found.with_state_proof(proof).dump())
    body = {
        "receipt": place,
        "block_number": proof.block_number,
        "block_hash": proof.block_hash,
        "block_time": proof.block_time,
    }

    def said(console: Console) -> None:
        console.print(f"{place}: proof of block {proof.block_number}, {time_text(proof.block_time)}", soft_wrap=True)
        console.print(f"  to verify: --offline --trusted-block-hash {proof.block_hash}", soft_wrap=True)
        console.print("  whoever verifies must know from elsewhere that the block has this hash")

    return Answer(body, said)


def _receipt(file: str, given: Path | None, vault: Path | None) -> tuple[Path, Receipt]:
    """The document's receipt, and what names it."""
    if given is None and file == STANDARD_INPUT:
        raise InvalidInput("--receipt", "", "not given: a document on standard input has none beside it")
    if vault is not None:
        leaf = None if given is None else leaf_in_vault(given)
        if given is not None and leaf is None:
            raise InvalidInput("--vault", str(vault), "goes with no receipt, or with one as vault:LEAF")
        with readable(Path(file)):
            found = receipt_of_document(Path(file), vault) if leaf is None else load_from_vault(leaf, vault)
        return path_in_vault(found.leaf), found
    path = find_receipt(Path(file), given)
    return path, load_receipt(path)


def _verified(file: str, path: Path, receipt: Receipt, checker: Any) -> Verification:
    source: Source = Path(file)
    with readable(Path(file)):
        if file == STANDARD_INPUT:
            source = sys.stdin.buffer.read()
        if receipt.canonicalization is Canonicalization.JSON_FIELDS:
            source = _of_fields(source if isinstance(source, bytes) else Path(file).read_bytes(), path)
    with readable(Path(file)):
        return verify(source, receipt, checker)


def _of_fields(content: bytes, receipt: Path) -> bytes:
    """What stands for a document of salted fields: a disclosure or kept tree, or for the document itself the tree that
    is kept beside its receipt, if it has the same fields."""
    try:
        shown = Disclosure.from_json(content)
    except InvalidInput:
        pass
    else:
        progress_line(f"shows {len(shown.fields)} of {shown.count} fields")
        return content
    try:
        tree = FieldTree.of(content)
    except InvalidInput:
        return content  # no JSON: altered
    path = fields_path(receipt)
    if any(field.path == "canonicalization" and field.value == '"json-fields"' for field in tree.fields):
        return content  # a kept tree
    if not path.exists():
        raise InvalidInput(
            "file",
            "the document",
            f"cannot be told by itself, its fields are salted: give the disclosure, or keep {path}",
        )
    return path.read_bytes() if kept_tree(path).fields == tree.fields else content


def _block(text: str) -> int | str:
    if text in TAGS:
        return text
    if text.isascii() and text.isdigit() and len(text) < len(str(2**53)):
        return int(text)
    raise InvalidInput("--block", text, f"is no number, and none of {', '.join(TAGS)}")
