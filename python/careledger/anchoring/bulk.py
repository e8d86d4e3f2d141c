"""Anchoring a folder or a list of digests: streamed in flat memory, resumed after a kill, none anchored twice.

    with Job(receipts / "anchoring.db", bulk_settings(ledger.documents, terms, canonicalization)) as job:
        bulk = BulkAnchoring(ledger.documents, job, ReceiptFolder(receipts), outbox, terms, canonicalization)
        summary = bulk.run(files_in(folder, skip=receipts))

Receipts go into a folder, or into the vault (`receipt_vault`).

A document is read once, gets its salt and its leaf, and goes with up to `batch_size` others under one root. What is in
the job is not read again, unless the file changed: then it is another document.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from careledger.anchoring.canonical import Canonicalization, digest
from careledger.anchoring.documents import Documents, batch_of
from careledger.anchoring.fingerprint import Fingerprint
from careledger.anchoring.job import Batch, Job
from careledger.anchoring.leaf import leaves, new_salt
from careledger.anchoring.merkle import MerkleTree
from careledger.anchoring.receipt import Receipt
from careledger.anchoring.sources import FORMER_DIGITS, PARTIAL_SUFFIX, RECEIPT_SUFFIX, Source, check_name, printable
from careledger.anchoring.types import Terms
from careledger.errors import CareLedgerError, InvalidInput, ReceiptError

if TYPE_CHECKING:
    from careledger.chain.outbox import Outbox

__all__ = [
    "BulkAnchoring",
    "Failure",
    "ReceiptFolder",
    "ReceiptStore",
    "Summary",
    "bulk_settings",
    "keep_former",
]

BATCH_SIZE = 65_536
CHUNK = 1_000
READ_AT_ONCE = 65_536
"""Bytes below which a file is read in one piece: `digest` makes a buffer of four times as many for each."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that could not be read."""

    name: str
    problem: str


@dataclass
class Summary:
    """What a run did. `anchored` counts documents, `gas_used` of all its transactions."""

    anchored: int = 0
    known: int = 0
    batches: int = 0
    gas_used: int = 0
    cost_wei: int = 0
    failures: list[Failure] = field(default_factory=list)


class ReceiptStore(Protocol):
    """Where receipts go."""

    def put(self, receipts: Iterable[tuple[str, Receipt]]) -> None:
        """Stores receipts by their documents' names, durably when it returns. Those there already may be written
        again: they are the same."""
        ...


class ReceiptFolder:
    """Receipts as files, readable by their owner alone: `<name>.receipt.json` under a folder. If a document changed,
    the receipt of what it was is kept beside, see `keep_former`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where a document's receipt is."""
        return self.folder / (name + RECEIPT_SUFFIX)

    def put(self, receipts: Iterable[tuple[str, Receipt]]) -> None:
        made: set[Path] = set()
        for name, receipt in receipts:
            path = self.path(name)
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            content = receipt.dump()
            if path.exists():
                if path.read_bytes() == content:
                    continue
                keep_former(path, receipt.leaf)
            partial = path.with_name(path.name + PARTIAL_SUFFIX)
            with os.fdopen(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
                file.write(content)
            partial.replace(path)
        os.sync()  # once, where a file each would take longer than all the rest


def keep_former(path: Path, leaf: str) -> Path | None:
    """Moves a receipt that is at a path, unless it is the leaf's own, so that another can be written there. Returns to
    where: `<name>.<8 digits of its leaf>.receipt.json`. What is no receipt is left. Raises OSError."""
    try:
        held = Receipt.load(path)
    except (FileNotFoundError, ReceiptError):
        return None
    if held.leaf == leaf:
        return None
    digits = held.leaf[2 : 2 + FORMER_DIGITS]
    return path.rename(path.with_name(f"{path.name.removesuffix(RECEIPT_SUFFIX)}.{digits}{RECEIPT_SUFFIX}"))


class BulkAnchoring:
    """`subject` and `stream` are for all documents. `report` is called with a stage (`reading`, `anchoring`,
    `receipts`), how many are done, and of how many (None while it is not known)."""

    def __init__(
        self,
        documents: Documents,
        job: Job,
        receipts: ReceiptStore,
        outbox: Outbox,
        terms: Terms,
        canonicalization: Canonicalization = Canonicalization.RAW,
        batch_size: int = BATCH_SIZE,
        report: Callable[[str, int, int | None], None] = lambda _stage, _done, _total: None,
        subject: str | None = None,
        stream: str | None = None,
    ) -> None:
        if not 0 < batch_size < 2**32:
            raise InvalidInput("batch size", str(batch_size), "must be 1 to 2^32 - 1")
        self._documents = documents
        self._organization = documents.organization()
        self._job = job
        self._receipts = receipts
        self._outbox = outbox
        self._terms = terms
        self._canonicalization = canonicalization
        self._batch_size = batch_size
        self._report = report
        self._subject = subject
        self._stream = stream

    def run(self, sources: Iterable[Source]) -> Summary:
        """Anchors what is new, after what an earlier run left unfinished.

        A document that cannot be read is among the summary's failures, the others are anchored. Raises what `deliver`
        of the outbox raises, DatabaseError, and OSError if receipts cannot be written: the same call goes on later.
        """
        summary = Summary()
        for batch in self._job.unfinished():
            self._finish(batch, summary)
        self._report("reading", 0, None)
        pending = self._job.waiting()
        remaining = iter(sources)
        while chunk := list(islice(remaining, CHUNK)):
            pending += self._read(chunk, summary)
            self._report("reading", self._job.count(), None)
            while pending >= self._batch_size:
                pending -= self._anchor_next(summary)
        while pending:
            pending -= self._anchor_next(summary)
        return summary

    def _read(self, sources: list[Source], summary: Summary) -> int:
        found: list[tuple[str, int | None, int | None, bytes]] = []
        for source in sources:
            try:
                one = self._fingerprinted(source)
            except (OSError, CareLedgerError) as error:
                problem = error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
                summary.failures.append(Failure(printable(source.name), problem))
                continue
            if one is None:
                summary.known += 1
            else:
                found.append(one)
        salts = [new_salt() for _ in found]
        made = leaves(
            self._organization,
            self._terms.kind,
            self._canonicalization,
            [one[3] for one in found],
            salts,
            None if self._subject is None else [self._subject] * len(found),
        )
        new = self._job.add((*one, leaf, salt) for one, leaf, salt in zip(found, made, salts, strict=True))
        summary.known += len(found) - new
        return new

    def _fingerprinted(self, source: Source) -> tuple[str, int | None, int | None, bytes] | None:
        """What the job keeps of a document; None if it is known as it is."""
        check_name(source.name)
        if source.path is None:
            assert source.digest is not None
            return source.name, None, None, source.digest
        about = source.path.stat()
        if self._job.known(source.name, about.st_size, about.st_mtime_ns):
            return None
        with source.path.open("rb") as file:
            about = os.fstat(file.fileno())  # of the very file that is read
            content = file.read() if about.st_size < READ_AT_ONCE else file
            return source.name, about.st_size, about.st_mtime_ns, digest(self._canonicalization, content)

    def _anchor_next(self, summary: Summary) -> int:
        rows = self._job.next_leaves(self._batch_size)
        tree = MerkleTree.of(leaf for _, leaf in rows)
        self._job.close_batch(tree.root, [number for number, _ in rows])
        self._finish(self._job.unfinished()[-1], summary, tree)
        return len(rows)

    def _finish(self, batch: Batch, summary: Summary, tree: MerkleTree | None = None) -> None:
        """Anchors a batch, unless that was done, and stores its receipts."""
        if tree is None:
            tree = MerkleTree.of(row.leaf for row in self._job.documents(batch.number))
        root = "0x" + batch.root.hex()
        self._report("anchoring", 0, batch.count)
        sent = self._documents.anchor_root(root, batch.count, self._terms, self._outbox, stream=self._stream)
        self._report("anchoring", batch.count, batch.count)
        self._receipts.put(self._receipts_of(batch, tree))
        self._job.finish(batch.number)
        summary.anchored += batch.count
        summary.batches += 1
        summary.gas_used += sent.gas_used
        summary.cost_wei += sent.cost_wei

    def _receipts_of(self, batch: Batch, tree: MerkleTree) -> Iterator[tuple[str, Receipt]]:
        make = self._documents.batch_receipts("0x" + batch.root.hex(), self._stream)
        for done, row in enumerate(self._job.documents(batch.number), 1):
            assert row.salt is not None
            assert row.place is not None
            fingerprint = Fingerprint(
                self._organization, self._terms.kind, self._canonicalization, row.digest, self._subject, row.salt
            )
            yield row.name, make(fingerprint, batch_of(tree, row.place))
            if done % CHUNK == 0 or done == batch.count:
                self._report("receipts", done, batch.count)


def bulk_settings(
    documents: Documents,
    terms: Terms,
    canonicalization: Canonicalization,
    subject: str | None = None,
    stream: str | None = None,
    vault: str | None = None,
) -> dict[str, Any]:
    """What all runs of one job must agree on. `vault` is the identity of the one that the receipts go to."""
    return {
        **documents.place(),
        "organization": documents.organization(),
        "kind": int(terms.kind),
        "expiry": terms.expiry,
        "canonicalization": canonicalization.value,
        "subject": subject,
        "stream": stream,
        "vault": vault,
    }
