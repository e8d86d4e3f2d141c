"""Whether receipts are all of a stream: the hash chain over them against the chain's head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from careledger.anchoring import MerkleTree, Receipt, stream_head
from careledger.anchoring.index import DocumentIndex
from careledger.anchoring.sources import RECEIPT_SUFFIX
from careledger.chain.deployment.suite import ANCHOR
from careledger.chain.indexer.reader import Index
from careledger.chain.values import account_address
from careledger.cli.documents.indexed import open_index
from careledger.client import CareLedger
from careledger.contract_events import StreamExtended
from careledger.errors import InvalidInput, ReceiptError

__all__ = ["Audit", "IncompleteBatch", "Missing", "audit_stream"]

NAMED_LEAVES = 20
PAGE = 1_000


@dataclass(frozen=True)
class Missing:
    """An entry of the stream for which there is no receipt, by an index."""

    position: int
    id: str
    block_number: int
    time: int
    transaction_hash: str


@dataclass(frozen=True)
class IncompleteBatch:
    """A batch of which not all documents have a receipt. `missing` are the first of their indexes."""

    root: str
    count: int
    given: int
    missing: list[int]


@dataclass(frozen=True)
class Audit:
    """`entries` and `documents` count those given. `named`: an index was asked for what is missing. `hiding` are roots
    that the documents given, one for each place, do not make: such a batch holds others. `foreign` are ids that the
    index does not have in the stream, `unreadable` files that are no receipts."""

    whole: bool
    stream: str
    submitters: list[str]
    entries: int
    documents: int
    head: str
    computed_head: str
    as_of_block: int
    named: bool
    missing: list[Missing]
    incomplete: list[IncompleteBatch]
    hiding: list[str]
    foreign: list[str]
    unreadable: list[str]


@dataclass
class _Entry:
    block_number: int
    submitter: str
    count: int
    is_batch: bool
    leaves: dict[int, str] = field(default_factory=dict)

    def makes(self, root: str) -> bool:
        """Whether the leaves, all that the batch counts, are all that its tree is made of."""
        tree = MerkleTree.of(bytes.fromhex(self.leaves[index][2:]) for index in range(self.count))
        return tree.root.hex() == root[2:]


def audit_stream(ledger: CareLedger, stream: str, submitters: Sequence[str], folder: Path, index: str) -> Audit:
    """Raises InvalidInput if the last of the keys has no such stream."""
    keys = [account_address("submitter", key) for key in submitters]
    block = ledger.connection.block_number()
    head = ledger.documents.head(keys[-1], stream, block)
    if head is None:
        problem = "has no such stream, or it went on under another key: name that one too, after this"
        raise InvalidInput("--submitter", keys[-1], problem)
    unreadable: list[str] = []
    entries: dict[str, _Entry] = {}
    place = ledger.documents.place()
    for receipt in _receipts(folder, unreadable):
        fits = all(getattr(receipt, name) == value for name, value in place.items())
        if fits and receipt.stream == stream and receipt.submitter in keys:
            _put(entries, receipt)
    ordered = sorted(entries, key=lambda one: (keys.index(entries[one].submitter), entries[one].block_number))
    ordered = list(_in_blocks(ledger, stream, ordered, entries))
    computed = stream_head(ledger.documents.first_head(keys[0], stream), ordered)
    incomplete = [
        IncompleteBatch(one, entry.count, len(entry.leaves), _gaps(entry))
        for one, entry in entries.items()
        if len(entry.leaves) < entry.count
    ]
    hiding = [
        one
        for one, entry in entries.items()
        if entry.is_batch and len(entry.leaves) == entry.count and not entry.makes(one)
    ]
    missing: list[Missing] = []
    foreign: list[str] = []
    if index:
        with open_index(index, place["genesis_hash"], place["contract"]) as opened:
            missing, foreign = _named(opened, keys[-1], stream, set(entries))
    return Audit(
        whole=computed == head and not incomplete and not hiding,
        stream=stream,
        submitters=keys,
        entries=len(entries),
        documents=sum(len(entry.leaves) for entry in entries.values()),
        head=head,
        computed_head=computed,
        as_of_block=block,
        named=bool(index),
        missing=missing,
        incomplete=incomplete,
        hiding=hiding,
        foreign=foreign,
        unreadable=unreadable,
    )


def _receipts(folder: Path, unreadable: list[str]) -> Iterator[Receipt]:
    if not folder.is_dir():
        raise InvalidInput("--receipts", str(folder), "is no folder")
    for path in sorted(folder.rglob("*" + RECEIPT_SUFFIX)):
        try:
            yield Receipt.load(path)
        except (OSError, ReceiptError):
            unreadable.append(str(path))


def _put(entries: dict[str, _Entry], receipt: Receipt) -> None:
    batch = receipt.batch
    fresh = _Entry(receipt.block_number, receipt.submitter, 1 if batch is None else batch.count, batch is not None)
    entry = entries.setdefault(receipt.location.anchor_id, fresh)
    entry.leaves[0 if batch is None else batch.index] = receipt.leaf


def _in_blocks(ledger: CareLedger, stream: str, ordered: Sequence[str], entries: dict[str, _Entry]) -> Iterator[str]:
    """The ids with those of one block in the order of their logs, which receipts do not tell."""
    blocks: dict[tuple[str, int], list[str]] = {}
    for one in ordered:
        blocks.setdefault((entries[one].submitter, entries[one].block_number), []).append(one)
    anchors = ledger.governance.contract(ANCHOR)
    for (submitter, number), ids in blocks.items():
        if len(ids) > 1:
            logs = ledger.connection.logs(anchors.address, [StreamExtended], number, number)
            events = [entry.event for entry in logs if isinstance(entry.event, StreamExtended)]
            order = [one.id for one in events if one.submitter == submitter and one.stream == stream]
            ids = sorted(ids, key=lambda one: order.index(one) if one in order else len(order))
        yield from ids


def _gaps(entry: _Entry) -> list[int]:
    gaps: list[int] = []
    for index in range(entry.count):
        if index not in entry.leaves:
            gaps.append(index)
            if len(gaps) == NAMED_LEAVES:
                break
    return gaps


def _named(index: Index, submitter: str, stream: str, given: set[str]) -> tuple[list[Missing], list[str]]:
    """The entries that an index has and are not given, and those given that it does not have."""
    documents = DocumentIndex(index.at("latest"))
    missing: list[Missing] = []
    known: set[str] = set()
    after: int | None = None
    while True:
        page = documents.entries(submitter, stream, after, PAGE)
        for entry in page:
            one, since = entry.value, entry.since
            known.add(one.id)
            if one.id not in given:
                missing.append(Missing(one.position, one.id, since.block_number, since.time, since.transaction_hash))
        if len(page) < PAGE:
            return missing, sorted(given - known)
        after = page[-1].value.position
