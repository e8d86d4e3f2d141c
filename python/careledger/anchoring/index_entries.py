"""What `DocumentIndex` answers with: anchors, acts on documents, streams. Times are Unix seconds, hashes 0x-prefixed
text."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from careledger.anchoring.read_model import Anchoring
from careledger.anchoring.types import (
    AmendmentReason,
    Anchor,
    Countersignature,
    Dispute,
    DisputeReason,
    DocumentStatus,
    Link,
    RevocationReason,
)
from careledger.identity.index import Origin, Recorded

__all__ = [
    "ActKind",
    "AnchorEntry",
    "CountersignatureEntry",
    "DisputeEntry",
    "DocumentAct",
    "LeafRevocation",
    "LineEntry",
    "PartyEntry",
    "StreamEntry",
    "StreamState",
]

Reason = RevocationReason | AmendmentReason | DisputeReason


@dataclass(frozen=True, slots=True)
class AnchorEntry:
    """An anchor: a single document's, or a batch's. `record` is what the contract's `anchorOf` says.

    Of a batch, `status` is that of its documents, but for those that were revoked, amended or disputed by themselves.
    `position` counts from 0 over the whole stream, with the parts of the keys before.
    """

    submitter: str
    id: str
    status: DocumentStatus
    record: Anchor
    how: Anchoring
    stream: str | None
    position: int | None
    revoked_by: str | None


@dataclass(frozen=True, slots=True)
class LeafRevocation:
    """Why, when (Unix seconds) and by which key a leaf of a batch was revoked; `whole_batch`: with all others."""

    reason: RevocationReason
    revoked_at: int
    revoked_by: str
    whole_batch: bool


@dataclass(frozen=True, slots=True)
class LineEntry:
    """A document in a line of amendments, and what superseded it; None for the newest."""

    submitter: str
    leaf: str
    successor: Recorded[Link] | None


@dataclass(frozen=True, slots=True)
class CountersignatureEntry:
    """An organization's countersignature. `record` is what the contract's `countersignatureOf` says."""

    submitter: str
    leaf: str
    organization: str
    record: Countersignature
    withdrawn_by: str | None


@dataclass(frozen=True, slots=True)
class DisputeEntry:
    """A party's dispute. `record` is what the contract's `disputeOf` says."""

    submitter: str
    leaf: str
    disputant: str
    record: Dispute
    replied_by: str | None


@dataclass(frozen=True, slots=True)
class PartyEntry:
    """A party that may dispute a document, and when it was named, Unix seconds."""

    submitter: str
    leaf: str
    party: str
    named_at: int


@dataclass(frozen=True, slots=True)
class StreamState:
    """A key's part of a stream. `head` is that of the hash chain with `length` entries, those of the keys before
    counted; it began here with `first_head` at `first_position`. The keys before and after are None if there is none.

    Unlike the contract's `headOf`, `head` stays when the stream goes on under another key.
    """

    submitter: str
    stream: str
    head: str
    length: int
    first_head: str
    first_position: int
    continues: str | None
    continued_by: str | None


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """An anchor in a stream: `head` is the hash of the head before and `id`. `position` as in `AnchorEntry`."""

    submitter: str
    stream: str
    position: int
    id: str
    head: str


class ActKind(enum.Enum):
    """What was done to a document."""

    ANCHORED = "anchored"
    STREAMED = "streamed"
    REVOKED = "revoked"
    AMENDED = "amended"
    SUCCEEDED = "succeeded"
    COUNTERSIGNED = "countersigned"
    COUNTERSIGNATURE_WITHDRAWN = "countersignature_withdrawn"
    PARTY_NAMED = "party_named"
    DISPUTED = "disputed"
    DISPUTE_ANSWERED = "dispute_answered"
    DISPUTE_WITHDRAWN = "dispute_withdrawn"


@dataclass(frozen=True, slots=True)
class DocumentAct:
    """An act on a document, and the log that tells of it. What an act has nothing of is None.

    `by`: the key that acted, the submitter also where another sent its signature; not told of naming a party. `other`:
    submitter and leaf of the successor (AMENDED) or of what this document succeeds (SUCCEEDED). `party`: who was named
    or disputes. `commitment`: salted hash of a dispute's statement or of the answer. `batch`: the act was on the
    document's batch, or on its leaf in it.
    """

    kind: ActKind
    origin: Origin
    by: str | None
    reason: Reason | None = None
    other: tuple[str, str] | None = None
    organization: str | None = None
    party: str | None = None
    commitment: str | None = None
    stream: str | None = None
    batch: bool = False
