"""`careledger forget`, which erases, and `careledger disclose`, which shows some fields. Neither asks a chain."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from careledger.anchoring import Canonicalization, FieldTree, Receipt
from careledger.anchoring.job import Job
from careledger.anchoring.receipt_vault import RECEIPT_KIND
from careledger.anchoring.sources import PENDING_SUFFIX
from careledger.cli.documents.files import (
    JOB_NAME,
    fields_path,
    find_receipt,
    kept_tree,
    load_receipt,
    readable,
    write_private,
)
from careledger.cli.documents.kept import leaf_in_vault, opened_receipts
from careledger.cli.documents.words import ReceiptOption, ReceiptPath
from careledger.cli.output import Json, show
from careledger.errors import InvalidInput

__all__ = ["disclose", "forget"]

REMAINS = (
    "on the chain, the leaf and what was done to it: with the salt gone, nothing links it to the document any more",
    "the document itself, wherever it is: in a folder that is anchored again, it is anchored anew",
    "copies of the receipt that were handed on, and backups of this folder or the vault, until they are destroyed",
)
IN_A_JOB = "if it was anchored with a folder or list, name and digest in the job there: name its folder by --receipts"


def forget(
    receipt: ReceiptPath,
    vault: Annotated[
        Path | None,
        typer.Option(help="Erase it from this vault too: its entry `receipt`, named by the leaf.", show_default=False),
    ] = None,
    receipts: Annotated[
        Path | None,
        typer.Option(
            help="Of a receipt in a vault, anchored with a folder or list: the folder of its job, to erase it there.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Erase the link between a document and its anchor: the receipt with its salt, and what is kept of it here.

    It cannot be undone: nobody can show by this receipt's folder any more that the document was anchored.
    """
    leaf = leaf_in_vault(receipt)
    with contextlib.ExitStack() as stack:
        kept = None
        if leaf is not None or vault is not None:  # first of all: with a wrong passphrase nothing is erased
            kept = stack.enter_context(opened_receipts(vault))
        found = load_receipt(receipt) if kept is None or leaf is None else kept.get(leaf)
        _confirm(receipt, yes)
        folders = receipt.resolve().parents if leaf is None else [] if receipts is None else [receipts]
        erased = _forget_in_job(folders, found)
        if kept is not None and kept.forget(found.leaf):
            erased.append(f"{RECEIPT_KIND} {found.leaf} in {kept.path}")
    for path in (fields_path(receipt), receipt.with_name(receipt.name + PENDING_SUFFIX), receipt):
        with readable(path):
            if path.exists():
                path.unlink()
                erased.append(str(path))
    remains = [*REMAINS, IN_A_JOB] if leaf is not None and receipts is None else REMAINS
    body = {"leaf": found.leaf, "submitter": found.submitter, "erased": erased, "remains": list(remains)}

    def render(console: Console) -> None:
        for line in erased:
            console.print(f"erased: {line}", soft_wrap=True)
        for line in remains:
            console.print(f"remains: {line}", soft_wrap=True)

    show(body, as_json, render)


def disclose(
    file: Annotated[Path, typer.Argument(help="The document, anchored by its fields.", metavar="FILE")],
    fields: Annotated[
        list[str],
        typer.Option(
            help="What to show, e.g. entry[*].resource.status, or birthDate; ** for any depth. May be repeated."
        ),
    ],
    receipt: ReceiptOption = None,
    output: Annotated[
        Path | None, typer.Option(help="Where to write the disclosure; by default FILE.disclosure.json.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show some fields of a document, proved to stand in it, and keep the others hidden.

    Hand on the disclosure with the receipt: `careledger verify DISCLOSURE --receipt RECEIPT`. Needs a document that
    was anchored with --canonicalization json-fields.
    """
    path = find_receipt(file, receipt)
    found = load_receipt(path)
    if found.canonicalization is not Canonicalization.JSON_FIELDS:
        raise InvalidInput(
            "receipt", str(path), f"is of a {found.canonicalization.value} document, which has no fields"
        )
    tree = kept_tree(fields_path(path))
    if "0x" + tree.digest.hex() != found.digest:
        raise InvalidInput("tree of fields", str(fields_path(path)), "is not of the receipt's document")
    with readable(file):
        content = file.read_bytes()
    if FieldTree.of(content).fields != tree.fields:
        raise InvalidInput("file", str(file), "is not the receipt's document: it was altered, or is another one")
    disclosure = tree.disclose(*fields)
    place = output or file.with_name(file.name + ".disclosure.json")
    write_private(place, disclosure.to_json().encode())
    shown = [field.path for field in disclosure.fields]
    body = {"disclosure": place, "receipt": path, "shown": shown, "fields": disclosure.count}

    def render(console: Console) -> None:
        console.print(f"{place}: shows {len(shown)} of {disclosure.count} fields", soft_wrap=True)
        for name in shown:
            console.print(f"  {name}", soft_wrap=True)
        console.print(f"hand it on with {path}", soft_wrap=True)

    show(body, as_json, render)


def _confirm(receipt: Path, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise InvalidInput("--yes", "", "not given, and there is no terminal to ask at; nothing was erased")
    typer.confirm(f"Erase {receipt} and what links its document to the chain, for good?", abort=True, err=True)


def _forget_in_job(folders: Iterable[Path], receipt: Receipt) -> list[str]:
    """Takes the document out of the job in the first of the folders that has one."""
    for folder in folders:
        job = folder / JOB_NAME
        if job.is_file():
            with Job(job, {}) as opened:
                return [f"{receipt.leaf} in {job}"] if opened.forget(bytes.fromhex(receipt.leaf[2:])) else []
    return []
