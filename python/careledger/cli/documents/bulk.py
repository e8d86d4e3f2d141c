"""Many documents: a folder, or a list of digests, with progress on standard error."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from careledger.anchoring import Canonicalization
from careledger.anchoring.bulk import BulkAnchoring, ReceiptFolder, Summary, bulk_settings
from careledger.anchoring.job import Job
from careledger.anchoring.sources import Source, digests_in
from careledger.cli.documents.files import JOB_NAME, readable
from careledger.cli.documents.single import Request
from careledger.cli.documents.words import DONE, NO
from careledger.cli.output import progress_console, table
from careledger.cli.session import Answer
from careledger.client import CareLedger
from careledger.errors import InvalidInput

if TYPE_CHECKING:
    from careledger.anchoring.receipt_vault import ReceiptVault

__all__ = ["Storage", "anchor_many", "bulk_answer", "lines_of", "opened_bulk"]

OUTBOX_NAME = "outbox.db"
WEI_PER_ETHER = 10**18

Report = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Storage:
    """Where a job is kept: its folder, which holds the receipts too unless there is a vault for them, and its outbox,
    by default in the folder. `batch_size` is of one transaction."""

    folder: Path
    outbox: str
    batch_size: int
    vault: ReceiptVault | None = None


def anchor_many(
    ledger: CareLedger,
    sources: Iterable[Source],
    request: Request,
    storage: Storage,
) -> Answer:
    """Anchors what is new among the sources. May be interrupted: the same again goes on."""
    with (
        _bars() as report,
        opened_bulk(ledger, request, storage, report) as bulk,
        readable(storage.folder, "receipts or folder"),
    ):
        summary = bulk.run(sources)
    return bulk_answer(summary, storage)


@contextmanager
def opened_bulk(
    ledger: CareLedger,
    request: Request,
    storage: Storage,
    report: Report,
) -> Iterator[BulkAnchoring]:
    """The job of a folder of receipts, ready to run."""
    if request.canonicalization is Canonicalization.JSON_FIELDS:
        raise InvalidInput(
            "--canonicalization", "json-fields", "is for one file at a time: each keeps a tree of its own"
        )
    from careledger.chain.outbox import Outbox  # with it comes SQLAlchemy, which a single document does not need

    settings = bulk_settings(
        ledger.documents,
        request.terms,
        request.canonicalization,
        request.subject,
        request.stream,
        None if storage.vault is None else storage.vault.identity,
    )
    folder = storage.folder
    with readable(folder, "receipts"):
        folder.mkdir(parents=True, exist_ok=True)
        job = Job(folder / JOB_NAME, settings)
    url = storage.outbox or f"sqlite:///{folder.resolve() / OUTBOX_NAME}"
    with job, contextlib.closing(Outbox.open(url, ledger.connection)) as opened:
        yield BulkAnchoring(
            ledger.documents,
            job,
            storage.vault or ReceiptFolder(folder),
            opened,
            request.terms,
            request.canonicalization,
            storage.batch_size,
            report,
            request.subject,
            request.stream,
        )


def bulk_answer(summary: Summary, storage: Storage) -> Answer:
    """Exit code 9 if a document could not be read."""
    body = {
        "anchored": summary.anchored,
        "known": summary.known,
        "batches": summary.batches,
        "gas_used": summary.gas_used,
        "cost_wei": summary.cost_wei,
        "failures": summary.failures,
        "receipts": storage.folder if storage.vault is None else None,
        "vault": None if storage.vault is None else storage.vault.path,
    }

    def render(console: Console) -> None:
        text = f"anchored: {summary.anchored:,}; batches: {summary.batches:,}; known before: {summary.known:,}"
        if summary.anchored:
            each = summary.gas_used / summary.anchored
            text += (
                f"; gas: {summary.gas_used:,}, {each:,.1f} a document; cost: {summary.cost_wei / WEI_PER_ETHER:f} ether"
            )
        console.print(text, soft_wrap=True)
        console.print(f"receipts: {storage.folder if storage.vault is None else storage.vault.path}", soft_wrap=True)
        if summary.failures:
            rows = [(failure.name, failure.problem) for failure in summary.failures]
            console.print(table(f"Not anchored: {len(rows)}", ("document", "problem"), rows))

    return Answer(body, render, NO if summary.failures else DONE)


@contextmanager
def lines_of(source: str) -> Iterator[Iterator[Source]]:
    """The digests in a file as `sha256sum` writes it, or on standard input."""
    with contextlib.ExitStack() as stack:
        if source == "-":
            lines = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="surrogateescape")
            stack.callback(lines.detach)
        else:
            with readable(Path(source), "list"):
                lines = stack.enter_context(Path(source).open(encoding="utf-8", errors="surrogateescape"))
        yield digests_in(lines)


@contextmanager
def _bars() -> Iterator[Report]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=progress_console, transient=True) as progress:
        tasks: dict[str, TaskID] = {}
        before: dict[str, int] = {}

        def report(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=None)
            base = before.get(stage, 0)
            progress.update(tasks[stage], completed=base + done, total=None if total is None else base + total)
            if total is not None and done == total:
                before[stage] = base + total

        yield report
