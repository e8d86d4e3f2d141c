"""What the index keeps of anchored documents: anchors, revoked leaves, amendments, countersignatures, disputes, parties
and streams over time.

Each table's row is a version: what held from one log until another. Times in values are Unix seconds; nothing that time
alone changes (an expired document) is stored. Which documents a batch has is not on the chain: of those, only the ones
that were amended, disputed or countersigned by themselves have rows here.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

import orjson

from careledger.anchoring.stamps import packed_terms, reason_number, signing_time, submitter_text, word_number
from careledger.anchoring.types import EXPIRY_BITS, TIME_LIMIT, ZERO_HASH
from careledger.chain.indexer.model import Entity, Key, Kind, ReadModel, Row, State
from careledger.contract_events import (
    AnchorRevoked,
    AnchorRevokedByOtherKey,
    BatchAnchored,
    CountersignatureWithdrawn,
    DisputeAnswered,
    DisputeWithdrawn,
    DocumentAmended,
    DocumentAnchored,
    DocumentCountersigned,
    DocumentDisputed,
    DocumentsAnchored,
    LeavesRevoked,
    LeavesRevokedByOtherKey,
    PartyNamed,
    StreamContinued,
    StreamDeclared,
    StreamExtended,
)

__all__ = [
    "ANCHOR",
    "COUNTERSIGNATURE",
    "DISPUTE",
    "MARKS",
    "MODEL",
    "PARTY",
    "REVOKED_LEAVES",
    "STREAM",
    "STREAM_ENTRY",
    "Anchoring",
]

MODEL = ReadModel("documents", version=1)

ANCHOR = MODEL.entity(
    "document_anchor",
    key={"submitter": Kind.ADDRESS, "id": Kind.TEXT},  # the leaf, or the root of a batch
    values={
        "kind": Kind.INTEGER,
        "expiry": Kind.INTEGER,  # None: never
        "signed_at": Kind.INTEGER,  # None: the submitter sent it itself
        "anchored_at": Kind.INTEGER,
        "count": Kind.INTEGER,  # leaves of a batch; 0 for a single document
        "how": Kind.TEXT,  # Anchoring
        "stream": Kind.TEXT,  # None: in none
        "position": Kind.INTEGER,  # in the stream, from 0
        "revoked_at": Kind.INTEGER,
        "revocation_reason": Kind.INTEGER,  # RevocationReason
        "revoked_by": Kind.ADDRESS,
    },
    indexes=[("stream",), ("anchored_at",)],
)
REVOKED_LEAVES = MODEL.entity(
    "document_revoked_leaves",
    key={"submitter": Kind.ADDRESS, "root": Kind.TEXT, "word": Kind.INTEGER},
    values={
        "mask": Kind.TEXT,  # 256 bits: bit n is the leaf at index 256 * word + n
        "reason": Kind.INTEGER,  # RevocationReason, of those that this version has and the one before has not
        "revoked_at": Kind.INTEGER,  # likewise
        "revoked_by": Kind.ADDRESS,  # likewise
    },
)
MARKS = MODEL.entity(
    "document_marks",
    key={"submitter": Kind.ADDRESS, "leaf": Kind.TEXT},
    values={
        "successor_submitter": Kind.ADDRESS,
        "successor_leaf": Kind.TEXT,
        "amended_at": Kind.INTEGER,  # when it got its successor
        "amendment_reason": Kind.INTEGER,  # AmendmentReason, likewise
        "predecessor_submitter": Kind.ADDRESS,
        "predecessor_leaf": Kind.TEXT,
        "disputes": Kind.INTEGER,  # those not withdrawn
    },
)
COUNTERSIGNATURE = MODEL.entity(
    "document_countersignature",
    key={"submitter": Kind.ADDRESS, "leaf": Kind.TEXT, "organization": Kind.TEXT},
    values={
        "signed_by": Kind.ADDRESS,
        "signed_at": Kind.INTEGER,
        "withdrawn_at": Kind.INTEGER,
        "withdrawn_by": Kind.ADDRESS,
    },
    indexes=[("organization",)],
)
DISPUTE = MODEL.entity(
    "document_dispute",
    key={"submitter": Kind.ADDRESS, "leaf": Kind.TEXT, "disputant": Kind.ADDRESS},
    values={
        "reason": Kind.INTEGER,  # DisputeReason
        "statement": Kind.TEXT,  # None: nothing was stated
        "raised_at": Kind.INTEGER,
        "reply": Kind.TEXT,
        "replied_at": Kind.INTEGER,
        "replied_by": Kind.ADDRESS,
        "withdrawn_at": Kind.INTEGER,
    },
    indexes=[("disputant",)],
)
PARTY = MODEL.entity(
    "document_party",
    key={"submitter": Kind.ADDRESS, "leaf": Kind.TEXT, "party": Kind.ADDRESS},
    values={"named_at": Kind.INTEGER},
    indexes=[("party",)],
)
STREAM = MODEL.entity(
    "document_stream",
    key={"submitter": Kind.ADDRESS, "stream": Kind.TEXT},
    values={
        "first_head": Kind.TEXT,  # where this key's part of the hash chain begins
        "first_position": Kind.INTEGER,  # likewise; 0 unless it continues another key's
        "head": Kind.TEXT,
        "length": Kind.INTEGER,  # with the parts of the keys before: the position of the next entry
        "continues": Kind.ADDRESS,  # the key before
        "continued_by": Kind.ADDRESS,  # the key after, since when nothing more can be added here
    },
    indexes=[("stream",)],
)
STREAM_ENTRY = MODEL.entity(
    "document_stream_entry",
    key={"submitter": Kind.ADDRESS, "stream": Kind.TEXT, "id": Kind.TEXT},
    values={"position": Kind.INTEGER, "head": Kind.TEXT},  # the head with this entry in it
    indexes=[("submitter", "stream", "position")],
)

UNMARKED = {**dict.fromkeys(MARKS.values), "disputes": 0}


class Anchoring(enum.Enum):
    """How an anchor was made. Another's transaction with the submitter's signature is SIGNATURE, also of a batch;
    where the submitter stated no time of signing, it cannot be told from its own transaction."""

    SINGLE = "single"
    LIST = "list"
    BATCH = "batch"
    SIGNATURE = "signature"


SINGLE, LIST, BATCH, SIGNATURE = (how.value for how in Anchoring)


def _put_anchor(state: State, key: Key, time: int, terms: int, how: str, count: int = 0, signed_at: int = 0) -> None:
    state.put(
        ANCHOR,
        key,
        kind=terms >> EXPIRY_BITS,
        expiry=terms & (TIME_LIMIT - 1) or None,
        signed_at=signed_at or None,
        anchored_at=time,
        count=count,
        how=SIGNATURE if signed_at else how,
        stream=None,
        position=None,
        revoked_at=None,
        revocation_reason=None,
        revoked_by=None,
    )


def _mark(state: State, key: Key, **values: Any) -> None:
    current = state.get(MARKS, key)
    state.put(MARKS, key, **(UNMARKED if current is None else {}) | values)


def _dispute(row: Row) -> Iterable[tuple[Entity, Key]]:
    return (
        (DISPUTE, (row.submitter, row.leaf, row.disputant)),
        (MARKS, (row.submitter, row.leaf)),
    )


def _given(value: str) -> str | None:
    """A hash; None for zero."""
    return None if value == ZERO_HASH else value


# ------------------------------------------------------------------ anchoring


@MODEL.on(DocumentAnchored, touches=lambda row: ((ANCHOR, (submitter_text(row.stamp), row.leaf)),))
def _anchored(state: State, row: Row) -> None:
    stamp = row.stamp
    key = submitter_text(stamp), row.leaf
    _put_anchor(state, key, row.block_time, packed_terms(stamp), SINGLE, signed_at=signing_time(stamp))


@MODEL.on(DocumentsAnchored, touches=lambda row: ((ANCHOR, (row.submitter, leaf)) for leaf in orjson.loads(row.leaves)))
def _list_anchored(state: State, row: Row) -> None:
    for leaf in orjson.loads(row.leaves):
        _put_anchor(state, (row.submitter, leaf), row.block_time, row.terms, LIST)


@MODEL.on(BatchAnchored, touches=lambda row: ((ANCHOR, (row.submitter, row.root)),))
def _batch_anchored(state: State, row: Row) -> None:
    _put_anchor(state, (row.submitter, row.root), row.block_time, row.terms, BATCH, row.count, row.signed_at)


# ------------------------------------------------------------------ streams


@MODEL.on(StreamDeclared, touches=lambda row: ((STREAM, (row.submitter, row.stream)),))
def _stream_declared(state: State, row: Row) -> None:
    state.put(
        STREAM,
        (row.submitter, row.stream),
        first_head=row.head,
        first_position=0,
        head=row.head,
        length=0,
        continues=None,
        continued_by=None,
    )


@MODEL.on(
    StreamContinued,
    touches=lambda row: ((STREAM, (row.submitter, row.stream)), (STREAM, (row.former_submitter, row.stream))),
)
def _stream_continued(state: State, row: Row) -> None:
    former_key = row.former_submitter, row.stream
    former = state.get(STREAM, former_key)
    assert former is not None
    state.put(STREAM, former_key, continued_by=row.submitter)
    state.put(
        STREAM,
        (row.submitter, row.stream),
        first_head=row.head,
        first_position=former["length"],
        head=row.head,
        length=former["length"],
        continues=row.former_submitter,
        continued_by=None,
    )


@MODEL.on(
    StreamExtended,
    touches=lambda row: (
        (STREAM, (row.submitter, row.stream)),
        (STREAM_ENTRY, (row.submitter, row.stream, row.id)),
        (ANCHOR, (row.submitter, row.id)),
    ),
)
def _stream_extended(state: State, row: Row) -> None:
    submitter, stream, anchor = row.submitter, row.stream, row.id
    current = state.get(STREAM, (submitter, stream))
    assert current is not None
    position = current["length"]
    state.put(STREAM, (submitter, stream), head=row.head, length=position + 1)
    state.put(STREAM_ENTRY, (submitter, stream, anchor), position=position, head=row.head)
    # The log before, of the same transaction, anchored it.
    state.put(ANCHOR, (submitter, anchor), stream=stream, position=position)


# ------------------------------------------------------------------ revocations


@MODEL.on(AnchorRevoked, AnchorRevokedByOtherKey, touches=lambda row: ((ANCHOR, (submitter_text(row.stamp), row.id)),))
def _revoked(state: State, row: Row) -> None:
    submitter = submitter_text(row.stamp)
    state.put(
        ANCHOR,
        (submitter, row.id),
        revoked_at=row.block_time,
        revocation_reason=reason_number(row.stamp),
        revoked_by=getattr(row, "key", submitter),
    )


@MODEL.on(
    LeavesRevoked,
    touches=lambda row: ((REVOKED_LEAVES, (submitter_text(row.stamp), row.root, word_number(row.stamp))),),
)
def _leaves_revoked(state: State, row: Row) -> None:
    submitter = submitter_text(row.stamp)
    _add_revoked(state, row, (submitter, row.root, word_number(row.stamp)), reason_number(row.stamp), submitter)


@MODEL.on(LeavesRevokedByOtherKey, touches=lambda row: ((REVOKED_LEAVES, (row.submitter, row.root, row.word)),))
def _leaves_revoked_by_other_key(state: State, row: Row) -> None:
    _add_revoked(state, row, (row.submitter, row.root, row.word), row.reason, row.key)


def _add_revoked(state: State, row: Row, key: Key, reason: int, by: str) -> None:
    current = state.get(REVOKED_LEAVES, key)
    mask = row.leaves if current is None else row.leaves | int(current["mask"], 16)
    state.put(REVOKED_LEAVES, key, mask=f"0x{mask:064x}", reason=reason, revoked_at=row.block_time, revoked_by=by)


# ------------------------------------------------------------------ amendments


@MODEL.on(
    DocumentAmended,
    touches=lambda row: (
        (MARKS, (row.submitter, row.leaf)),
        (MARKS, (row.successor_submitter, row.successor_leaf)),
    ),
)
def _amended(state: State, row: Row) -> None:
    former, successor = (row.submitter, row.leaf), (row.successor_submitter, row.successor_leaf)
    _mark(
        state,
        former,
        successor_submitter=successor[0],
        successor_leaf=successor[1],
        amended_at=row.block_time,
        amendment_reason=row.reason,
    )
    _mark(state, successor, predecessor_submitter=former[0], predecessor_leaf=former[1])


# ------------------------------------------------------------------ countersignatures


def _countersignature(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((COUNTERSIGNATURE, (row.submitter, row.leaf, row.organization)),)


@MODEL.on(DocumentCountersigned, touches=_countersignature)
def _countersigned(state: State, row: Row) -> None:
    key = row.submitter, row.leaf, row.organization
    state.put(COUNTERSIGNATURE, key, signed_by=row.key, signed_at=row.block_time, withdrawn_at=None, withdrawn_by=None)


@MODEL.on(CountersignatureWithdrawn, touches=_countersignature)
def _countersignature_withdrawn(state: State, row: Row) -> None:
    key = row.submitter, row.leaf, row.organization
    state.put(COUNTERSIGNATURE, key, withdrawn_at=row.block_time, withdrawn_by=row.key)


# ------------------------------------------------------------------ disputes


@MODEL.on(PartyNamed, touches=lambda row: ((PARTY, (row.submitter, row.leaf, row.party)),))
def _party_named(state: State, row: Row) -> None:
    state.put(PARTY, (row.submitter, row.leaf, row.party), named_at=row.block_time)


@MODEL.on(DocumentDisputed, touches=_dispute)
def _disputed(state: State, row: Row) -> None:
    state.put(
        DISPUTE,
        (row.submitter, row.leaf, row.disputant),
        reason=row.reason,
        statement=_given(row.statement),
        raised_at=row.block_time,
        reply=None,
        replied_at=None,
        replied_by=None,
        withdrawn_at=None,
    )
    _count_disputes(state, row, 1)


@MODEL.on(DisputeAnswered, touches=lambda row: ((DISPUTE, (row.submitter, row.leaf, row.disputant)),))
def _dispute_answered(state: State, row: Row) -> None:
    key = row.submitter, row.leaf, row.disputant
    state.put(DISPUTE, key, reply=_given(row.reply), replied_at=row.block_time, replied_by=row.key)


@MODEL.on(DisputeWithdrawn, touches=_dispute)
def _dispute_withdrawn(state: State, row: Row) -> None:
    state.put(DISPUTE, (row.submitter, row.leaf, row.disputant), withdrawn_at=row.block_time)
    _count_disputes(state, row, -1)


def _count_disputes(state: State, row: Row, change: int) -> None:
    key = row.submitter, row.leaf
    current = state.get(MARKS, key)
    _mark(state, key, disputes=change if current is None else current["disputes"] + change)
