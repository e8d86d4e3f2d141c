"""A document's records at one block, from wherever they were read, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from careledger.anchoring.answers import Answer, AsOf, Difference, Revocation, Verification, claimed
from careledger.anchoring.receipt import Receipt
from careledger.anchoring.storage import record_slot, revoked_leaves_slot, status_of, unpack_record
from careledger.anchoring.types import LEAVES_OF_A_WORD, Anchor, DocumentStatus, Location

__all__ = ["Records", "answer_by_records", "records_of"]


@dataclass(frozen=True, slots=True)
class Records:
    """The record under the document's leaf, the anchor's, which is the same unless it is in a batch, and whether the
    leaf is marked as revoked in the batch."""

    location: Location
    own: Anchor
    anchor: Anchor
    leaf_revoked: bool

    def status(self, time: int) -> DocumentStatus:
        """The document's status at a time, Unix seconds."""
        return status_of(self.location, self.own, self.anchor, self.leaf_revoked, time)

    def revocation(self) -> Revocation | None:
        """How it was revoked; None if it was not."""
        anchor, own = self.anchor, self.own
        if anchor.revoked_at:
            return Revocation(anchor.revocation_reason, anchor.revoked_at, self.location.root is not None)
        if own.revoked_at and not own.count:
            return Revocation(own.revocation_reason, own.revoked_at, False)
        return Revocation(None, None, False) if self.leaf_revoked else None


def records_of(location: Location, slots: Mapping[str, int]) -> Records:
    """From the contract's storage. Raises KeyError for a slot that is not there, ValueError for a word that is no
    record."""
    own = unpack_record(slots[record_slot(location.submitter, location.leaf)])
    if location.root is None:
        return Records(location, own, own, False)
    anchor = unpack_record(slots[record_slot(location.submitter, location.root)])
    word = slots[revoked_leaves_slot(location.submitter, location.root, location.index)]
    return Records(location, own, anchor, bool(word >> location.index % LEAVES_OF_A_WORD & 1))


def answer_by_records(receipt: Receipt, records: Records, as_of: AsOf) -> Verification:
    """All that a document's records tell, as of a block. Who is behind them is what the receipt says."""
    who, when = claimed(receipt)
    answer = Answer[records.status(as_of.block_time).name]
    if answer is Answer.UNKNOWN:
        return Verification(answer, who, when, as_of=as_of)
    anchor = records.anchor
    return Verification(
        answer=answer,
        who=who,
        when=replace(
            when, anchored_at=anchor.anchored_at, signed_at=anchor.signed_at, expiry=anchor.expiry, checked=True
        ),
        as_of=as_of,
        revocation=records.revocation(),
        differences=tuple(_differences(receipt, records.anchor)),
        disputes=records.own.disputes,
    )


def _differences(receipt: Receipt, anchor: Anchor) -> Iterator[Difference]:
    count = 0 if receipt.batch is None else receipt.batch.count
    for name, stated, recorded in (
        ("anchored_at", receipt.anchored_at, anchor.anchored_at),
        ("signed_at", receipt.signed_at, anchor.signed_at),
        ("expiry", receipt.expiry, anchor.expiry),
        ("kind", receipt.kind, anchor.kind),
        ("batch.count", count, anchor.count),
    ):
        if stated != recorded:
            yield Difference(name, str(stated), str(recorded))
    if (receipt.stream is not None) != anchor.streamed:
        yield Difference("stream", receipt.stream or "none", "a stream" if anchor.streamed else "none")
