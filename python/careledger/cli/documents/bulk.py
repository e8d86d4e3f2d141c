"""Many documents: a folder, or a list of digests, with progress on standard error."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from careledger.anchoring import Canonicalization
from careledger.anchoring.bulk import BulkAnchoring, ReceiptFolder, Summary, bulk_settings
from careledger.anchoring.job import Job
from careledger.anchoring.sources import Source, digests_in
from careledger.chain.outbox import Outbox
from careledger.cli.documents.files import JOB_NAME, readable
from careledger.cli.documents.single import Request
from careledger.cli.documents.words import DONE, NO
from careledger.cli.output import progress_console, table
from careledger.cli.session import Answer
from careledger.client import CareLedger
from careledger.errors import InvalidInput

__all__ = ["anchor_many", "bulk_answer", "lines_of", "opened_bulk"]

OUTBOX_NAME = "outbox.db"
WEI_PER_ETHER = 10**18

Report = Callable[[str, int, int | None], None]


def anchor_many(
    ledger: CareLedger, sources: Iterable[Source], request: Request, receipts: Path, outbox: str, batch_size: int
) -> Answer:
    """Anchors what is new among the sources. May be interrupted: the same again goes on."""
    with (
        _bars() as report,
        opened_bulk(ledger, request, receipts, outbox, batch_size, report) as bulk,
        readable(receipts, "receipts or folder"),
    ):
        summary = bulk.run(sources)
    return bulk_answer(summary, receipts)


@contextmanager
def opened_bulk(
    ledger: CareLedger, request: Request, receipts: Path, outbox: str, batch_size: int, report: Report
) -> Iterator[BulkAnchoring]:
    """The job of a folder of receipts, ready to run."""
    if request.canonicalization is Canonicalization.JSON_FIELDS:
        raise InvalidInput(
            "--canonicalization", "json-fields", "is for one file at a time: each keeps a tree of its own"
        )
    settings = bulk_settings(ledger.documents, request.terms, request.canonicalization, request.subject, request.stream)
    with readable(receipts, "receipts"):
        receipts.mkdir(parents=True, exist_ok=True)
        job = Job(receipts / JOB_NAME, settings)
    url = outbox or f"sqlite:///{receipts.resolve() / OUTBOX_NAME}"
    with job, contextlib.closing(Outbox.open(url, ledger.connection)) as opened:
        yield BulkAnchoring(
            ledger.documents,
            job,
            ReceiptFolder(receipts),
            opened,
            request.terms,
            request.canonicalization,
            batch_size,
            report,
            request.subject,
            request.stream,
        )


def bulk_answer(summary: Summary, receipts: Path) -> Answer:
    """Exit code 9 if a document could not be read."""
    body = {
        "anchored": summary.anchored,
        "known": summary.known,
        "batches": summary.batches,
        "gas_used": summary.gas_used,
        "cost_wei": summary.cost_wei,
        "failures": summary.failures,
        "receipts": receipts,
    }

    def render(console: Console) -> None:
        text = f"anchored: {summary.anchored:,}; batches: {summary.batches:,}; known before: {summary.known:,}"
        if summary.anchored:
            each = summary.gas_used / summary.anchored
            text += (
                f"; gas: {summary.gas_used:,}, {each:,.1f} a document; cost: {summary.cost_wei / WEI_PER_ETHER:f} ether"
            )
        console.print(text, soft_wrap=True)
        console.print(f"receipts: {receipts}", soft_wrap=True)
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
