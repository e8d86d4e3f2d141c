"""`careledger anchor`: a file, a folder, a list of digests, or standard input."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from careledger.anchoring import Canonicalization, Terms
from careledger.anchoring.bulk import BATCH_SIZE
from careledger.anchoring.sources import files_in
from careledger.chain.values import account_address
from careledger.cli.documents.bulk import Storage, anchor_many, bulk_answer, lines_of, opened_bulk
from careledger.cli.documents.files import RECEIPTS_SUFFIX, readable, receipts_of_folder
from careledger.cli.documents.kept import KeepInVault, opened_receipts
from careledger.cli.documents.single import Anchored, Request, anchor_one
from careledger.cli.documents.watch import Watch, until_told_to_end
from careledger.cli.documents.words import CanonicalizationName, Expiry, KindName, parse_kind, parse_stream
from careledger.cli.session import Answer, OutboxUrl, parse_time, progress_line, signs, working
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.errors import InvalidInput

if TYPE_CHECKING:
    from careledger.anchoring.receipt_vault import ReceiptVault

__all__ = ["anchor", "anchored_answer"]

STANDARD_INPUT = "-"


@signs
def anchor(
    ledger: CareLedger,
    source: Annotated[str, typer.Argument(help="A file, a folder, or - for standard input.")],
    kind: KindName = "unclassed",
    canonicalization: CanonicalizationName = Canonicalization.RAW.value,
    expiry: Expiry = "",
    subject: Annotated[
        str, typer.Option(help="Address of the key that may dispute for whom it is about.", show_default=False)
    ] = "",
    stream: Annotated[
        str, typer.Option(help="A declared stream: its id, or the file that `stream declare` wrote.")
    ] = "",
    receipts: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the receipts. Default: a file's own folder; a folder's or list's name with .receipts.",
            show_default=False,
        ),
    ] = None,
    vault: KeepInVault = None,
    hash_list: Annotated[
        bool, typer.Option("--hash-list", help="The source is a list of SHA-256 digests, as sha256sum writes it.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Of a folder: anchor also what appears, until Ctrl-C or SIGTERM.")
    ] = False,
    settle: Annotated[
        float, typer.Option(min=0, help="With --watch: seconds without a change after which a file counts as whole.")
    ] = 2.0,
    batch_size: Annotated[
        int, typer.Option(min=1, max=2**32 - 1, help="Of a folder or list: documents of one transaction at most.")
    ] = BATCH_SIZE,
    outbox: OutboxUrl = "",
) -> Answer:
    """Anchor documents of the signer's organization, and write their receipts.

    A file gets a transaction of its own, a folder or list one for each batch, through an outbox: by default an SQLite
    file among the receipts. Stopped or killed, the same command goes on; nothing is anchored twice. Links are not
    followed. Exit code 9 if some documents of a folder could not be read: the others are anchored.

    With --vault, only what is needed to go on is in the folder for the receipts.
    """
    request = Request(
        Terms(parse_kind(kind), parse_time(expiry, ledger.connection) if expiry else 0),
        Canonicalization.named(canonicalization),
        account_address("subject", subject) if subject else None,
        parse_stream(stream) if stream else None,
    )
    path = Path(source)
    is_folder = source != STANDARD_INPUT and path.is_dir()
    if watch and (hash_list or not is_folder):
        raise InvalidInput("--watch", source, "is for a folder")
    with contextlib.nullcontext() if vault is None else opened_receipts(vault) as kept:
        if not hash_list and not is_folder:
            return _single(ledger, source, request, receipts, kept)
        if hash_list:
            storage = Storage(_place_of_list(source, receipts), outbox, batch_size, kept)
            with lines_of(source) as sources:
                return anchor_many(ledger, sources, request, storage)
        folder = path.resolve()
        storage = Storage(_place_of_folder(folder, receipts), outbox, batch_size, kept)
        if watch:
            return _watch(ledger, folder, request, storage, settle)
        return anchor_many(ledger, files_in(folder, skip=storage.folder), request, storage)


def anchored_answer(done: Anchored, title: str) -> Answer:
    """What was done with one document, and its receipt."""
    receipt = done.receipt
    body = {
        "known": done.known,
        "receipt": done.path,
        "former_receipt": done.former,
        "leaf": receipt.leaf,
        "submitter": receipt.submitter,
        "organization": receipt.organization,
        "anchored_at": receipt.anchored_at,
        "block_number": receipt.block_number,
        "transaction_hash": receipt.transaction_hash,
    }

    def render(console: Console) -> None:
        when = f"{time_text(receipt.anchored_at)}, block {receipt.block_number}"
        console.print(f"{title}{' before' if done.known else ''}: {when}", soft_wrap=True)
        console.print(f"  transaction {receipt.transaction_hash}", soft_wrap=True)
        console.print(f"  leaf {receipt.leaf}", soft_wrap=True)
        console.print(f"  receipt {done.path}", soft_wrap=True)
        if done.former is not None:
            console.print(f"  the former receipt is now {done.former}", soft_wrap=True)
        if not done.known:
            console.print("Keep the receipt as the document itself: without it, nothing can be shown.")

    return Answer(body, render)


def _single(
    ledger: CareLedger, source: str, request: Request, receipts: Path | None, vault: ReceiptVault | None
) -> Answer:
    with working(f"anchor {source}"):
        if source == STANDARD_INPUT:
            done = anchor_one(ledger, sys.stdin.buffer.read(), request, receipts or Path(), vault)
        else:
            path = Path(source)
            if not path.is_file():
                problem = (
                    "is no regular file: give it by standard input, `anchor -`" if path.exists() else "is not there"
                )
                raise InvalidInput("source", source, problem)
            done = anchor_one(ledger, path, request, receipts or path.parent, vault)
    return anchored_answer(done, "anchored")


def _place_of_list(source: str, receipts: Path | None) -> Path:
    if receipts is None and source == STANDARD_INPUT:
        raise InvalidInput("--receipts", "", "not given: name a folder for the receipts of a list on standard input")
    path = Path(source)
    return path.with_name(path.name + RECEIPTS_SUFFIX) if receipts is None else receipts


def _place_of_folder(folder: Path, receipts: Path | None) -> Path:
    place = receipts_of_folder(folder) if receipts is None else receipts
    if place.resolve() == folder:
        raise InvalidInput("--receipts", str(place), "is the folder itself: name another, for example one inside it")
    with readable(folder, "folder"):
        folder.iterdir()
    return place


def _watch(ledger: CareLedger, folder: Path, request: Request, storage: Storage, settle: float) -> Answer:
    with (
        until_told_to_end(progress_line) as stop,
        opened_bulk(ledger, request, storage, lambda *_: None) as bulk,
        readable(folder, "folder or receipts"),
    ):
        summary = Watch(bulk, folder, storage.folder, settle, progress_line).run(stop)
    return bulk_answer(summary, storage)
