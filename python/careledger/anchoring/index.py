"""Documents, their revocations, amendments, disputes and streams from the index, typed.

    index = Index.open("sqlite:///careledger.db")
    documents = DocumentIndex(index.at("finalized"))
    for found in documents.search(organization="mercy.example", status=DocumentStatus.DISPUTED):
        print(found.value.id, found.since.block_number, found.since.transaction_hash)

Every answer holds for the view's block. What depends on the time, such as whether a document has expired, is judged at
that block's time. Where `Documents` has a method of the same name, the answers are equal, but that they come with the
log from which they hold.

The chain does not tell which documents a batch has. A document of one is known here by its leaf alone where it was
amended, disputed or countersigned by itself; whether it is revoked, its `Location` or index tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from careledger.anchoring.index_entries import (
    ActKind,
    AnchorEntry,
    CountersignatureEntry,
    DisputeEntry,
    DocumentAct,
    LeafRevocation,
    LineEntry,
    PartyEntry,
    StreamEntry,
    StreamState,
)
from careledger.anchoring.index_history import acts_on, leaf_revocation
from careledger.anchoring.index_rows import (
    PAGE_ROWS,
    Rows,
    document_key,
    end_of,
    hash_text,
    origin_of,
    successor_of,
)
from careledger.anchoring.read_model import (
    ANCHOR,
    COUNTERSIGNATURE,
    DISPUTE,
    MARKS,
    PARTY,
    REVOKED_LEAVES,
    STREAM,
    STREAM_ENTRY,
    Anchoring,
)
from careledger.anchoring.types import (
    LEAVES_OF_A_WORD,
    ZERO_HASH,
    AmendmentReason,
    Anchor,
    Countersignature,
    Dispute,
    DisputeReason,
    DocumentStatus,
    KeyStatus,
    Link,
    Location,
    RevocationReason,
    Vouched,
)
from careledger.chain.indexer.model import Entity, Key
from careledger.chain.indexer.reader import View
from careledger.chain.values import account_address
from careledger.errors import InvalidInput
from careledger.identity.identifiers import organization_id
from careledger.identity.index import UNKNOWN_ID, Fields, OrganizationIndex, Recorded, recorded

__all__ = [
    "ActKind",
    "AnchorEntry",
    "Anchoring",
    "CountersignatureEntry",
    "DisputeEntry",
    "DocumentAct",
    "DocumentIndex",
    "LeafRevocation",
    "LineEntry",
    "PartyEntry",
    "StreamEntry",
    "StreamState",
]

ROWS_WITH_MARKS = 250
"""So many anchors are read at once with what marks them."""

UNKNOWN = Vouched(DocumentStatus.UNKNOWN, 0, UNKNOWN_ID, KeyStatus.UNKNOWN, False)

T = TypeVar("T")


class DocumentIndex:
    """Raises InvalidInput for a value that cannot be right, DatabaseError if the index cannot be read."""

    def __init__(self, view: View, time: int | None = None) -> None:
        """`time`, Unix seconds, is when what depends on it is judged; by default the time of the view's block."""
        self._view = view
        self._rows = Rows(view)
        self._time = view.block_time if time is None else time
        self._organizations = OrganizationIndex(view, self._time)

    # ------------------------------------------------------------------ anchors

    def anchor(self, submitter: str, anchor_id: str) -> Recorded[AnchorEntry] | None:
        """What a submitter anchored under a leaf or root, since the last act on it; None if nothing."""
        key = account_address("submitter", submitter), hash_text("anchor_id", anchor_id)
        row = self._rows.one(ANCHOR, *key)
        return None if row is None else recorded(row, self._anchor(row, self._rows.one(MARKS, *key)))

    def search(
        self,
        *,
        submitter: str | None = None,
        organization: str | None = None,
        kind: int | None = None,
        how: Anchoring | None = None,
        status: DocumentStatus | None = None,
        stream: str | None = None,
        anchored_from: int | None = None,
        anchored_to: int | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 100,
    ) -> list[Recorded[AnchorEntry]]:
        """Anchors that fit every filter given, by submitter and id; at most `limit`, after the one of the submitter and
        id `after`.

        `organization`, by name or id, finds what was anchored by a key that was its own then. `anchored_from` and
        `anchored_to` are Unix seconds, both included. Of batches, `status` is that of `AnchorEntry`.
        """
        _check_limit(limit)
        equal: dict[str, Any] = {}
        if submitter is not None:
            equal["submitter"] = [account_address("submitter", submitter)]
        owned_since: dict[str, int] | None = None
        if organization is not None:
            owned_since = {
                entry.value.key: entry.value.added_at
                for entry in self._organizations.keys(organization)
                if submitter is None or entry.value.key in equal["submitter"]
            }
            equal["submitter"] = sorted(owned_since)
        if kind is not None:
            equal["kind"] = int(kind)
        if how is not None:
            equal["how"] = how.value
        if stream is not None:
            equal["stream"] = hash_text("stream", stream)
        place = None if after is None else (account_address("after", after[0]), hash_text("after", after[1]))
        found: list[Recorded[AnchorEntry]] = []
        for row, marks in self._anchors(equal, (anchored_from, anchored_to), place):
            if owned_since is not None and row["anchored_at"] < owned_since[row["submitter"]]:
                continue
            entry = self._anchor(row, marks)
            if status is None or entry.status is status:
                found.append(recorded(row, entry))
                if len(found) == limit:
                    break
        return found

    def status(self, location: Location) -> DocumentStatus:
        """What holds of a document, as the contract's `statusOf`; but of a document in a batch the proof is not
        verified: that the leaf is there at that index is for the caller to know. UNKNOWN for an index beyond the batch.
        """
        return self._status_and_anchor(location)[0]

    def vouched(self, location: Location) -> Vouched:
        """The status, and for whom the submitter's key spoke when it anchored. As with `status`, a proof is not
        verified."""
        status, anchor = self._status_and_anchor(location)
        if anchor is None or status is DocumentStatus.UNKNOWN:
            return UNKNOWN
        key = self._organizations.at(location.submitter, anchor["anchored_at"])
        return Vouched(status, anchor["anchored_at"], key.organization, key.status, key.compromised)

    # ------------------------------------------------------------------ leaves of batches

    def revoked_leaves(self, submitter: str, root: str, word: int) -> int:
        """The leaves of a batch that were revoked by themselves: bit n is the one at index `256 * word + n`."""
        row = self._rows.one(REVOKED_LEAVES, account_address("submitter", submitter), hash_text("root", root), word)
        return 0 if row is None else int(row["mask"], 16)

    def is_revoked(self, submitter: str, root: str, index: int) -> bool:
        """Whether the leaf at an index of a batch was revoked by itself. A batch may be revoked as a whole besides."""
        word, bit = divmod(_index(index), LEAVES_OF_A_WORD)
        return bool(self.revoked_leaves(submitter, root, word) >> bit & 1)

    def revocation_of_leaf(self, submitter: str, root: str, index: int) -> Recorded[LeafRevocation] | None:
        """The act that revoked the leaf at an index of a batch: by itself or with the batch, whichever came first; None
        if it is not revoked. Whether the batch has such a leaf is not looked at."""
        return leaf_revocation(
            self._rows, account_address("submitter", submitter), hash_text("root", root), _index(index)
        )

    # ------------------------------------------------------------------ amendments

    def successor(self, submitter: str, leaf: str) -> Recorded[Link] | None:
        """What superseded a document, since the amendment; None if nothing."""
        row = self._rows.amendment(document_key(submitter, leaf))
        return None if row is None else _link(row, *successor_of(row))

    def predecessor(self, submitter: str, leaf: str) -> Recorded[Link] | None:
        """What a document superseded, since the amendment; None if nothing."""
        marks = self._rows.one(MARKS, *document_key(submitter, leaf))
        former = None if marks is None else end_of(marks, "predecessor")
        row = None if former is None else self._rows.amendment(former)
        return None if row is None or former is None else _link(row, *former)

    def latest(self, submitter: str, leaf: str) -> tuple[str, str]:
        """Submitter and leaf of the newest document in a line of amendments; the one given if it has no successor."""
        return self._last(document_key(submitter, leaf), "successor")

    def line(self, submitter: str, leaf: str) -> list[LineEntry]:
        """The whole line of amendments that a document is in, from the first to the newest; itself alone if it is in
        none, whether it is known or not."""
        document: tuple[str, str] | None = self._last(document_key(submitter, leaf), "predecessor")
        found = []
        while document is not None:
            row = self._rows.amendment(document)
            found.append(LineEntry(*document, None if row is None else _link(row, *successor_of(row))))
            document = None if row is None else successor_of(row)
        return found

    # ------------------------------------------------------------------ countersignatures, disputes, parties

    def countersignature(self, submitter: str, leaf: str, organization: str) -> Recorded[CountersignatureEntry] | None:
        """An organization's countersignature, by its name or id; None if it gave none."""
        row = self._rows.one(COUNTERSIGNATURE, *document_key(submitter, leaf), organization_id(organization))
        return None if row is None else recorded(row, _countersignature(row))

    def countersignatures(
        self,
        submitter: str | None = None,
        leaf: str | None = None,
        organization: str | None = None,
        standing: bool | None = None,
        after: tuple[str, str, str] | None = None,
        limit: int = 100,
    ) -> list[Recorded[CountersignatureEntry]]:
        """Countersignatures that fit every filter given, by submitter, leaf and organization's id; at most `limit`,
        after the one of these three. `standing`: not withdrawn."""
        equal = _equal(submitter, leaf)
        if organization is not None:
            equal["organization"] = organization_id(organization)
        place = None if after is None else (*document_key(*after[:2]), organization_id(after[2]))
        return self._listed(COUNTERSIGNATURE, equal, standing, place, limit, _countersignature)

    def dispute_of(self, submitter: str, leaf: str, disputant: str) -> Recorded[DisputeEntry] | None:
        """A party's dispute of a document; None if it raised none."""
        row = self._rows.one(DISPUTE, *document_key(submitter, leaf), account_address("disputant", disputant))
        return None if row is None else recorded(row, _dispute(row))

    def disputes(
        self,
        submitter: str | None = None,
        leaf: str | None = None,
        disputant: str | None = None,
        standing: bool | None = None,
        after: tuple[str, str, str] | None = None,
        limit: int = 100,
    ) -> list[Recorded[DisputeEntry]]:
        """Disputes that fit every filter given, by submitter, leaf and disputant; at most `limit`, after the one of
        these three. `standing`: not withdrawn."""
        equal = _equal(submitter, leaf)
        if disputant is not None:
            equal["disputant"] = account_address("disputant", disputant)
        place = None if after is None else (*document_key(*after[:2]), account_address("after", after[2]))
        return self._listed(DISPUTE, equal, standing, place, limit, _dispute)

    def is_party(self, submitter: str, leaf: str, party: str) -> bool:
        """Whether a party was named that may dispute a document."""
        return self._rows.one(PARTY, *document_key(submitter, leaf), account_address("party", party)) is not None

    def parties(
        self,
        submitter: str | None = None,
        leaf: str | None = None,
        party: str | None = None,
        after: tuple[str, str, str] | None = None,
        limit: int = 100,
    ) -> list[Recorded[PartyEntry]]:
        """Parties named that may dispute a document, by submitter, leaf and party; at most `limit`, after the one of
        these three."""
        equal = _equal(submitter, leaf)
        if party is not None:
            equal["party"] = account_address("party", party)
        place = None if after is None else (*document_key(*after[:2]), account_address("after", after[2]))
        return self._listed(PARTY, equal, None, place, limit, lambda row: PartyEntry(**row))

    # ------------------------------------------------------------------ streams

    def stream(self, submitter: str, stream: str) -> Recorded[StreamState] | None:
        """A key's part of a stream, since the last act on it; None if it neither declared nor continued it."""
        row = self._rows.one(STREAM, account_address("submitter", submitter), hash_text("stream", stream))
        return None if row is None else recorded(row, StreamState(**row))

    def streams(
        self,
        submitter: str | None = None,
        stream: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 100,
    ) -> list[Recorded[StreamState]]:
        """Streams, of one submitter or of one id if given, by submitter and id; at most `limit`, after the one of these
        two. Anybody may declare a stream of any id: which parts belong together, `continues` tells."""
        equal: dict[str, Any] = {}
        if submitter is not None:
            equal["submitter"] = account_address("submitter", submitter)
        if stream is not None:
            equal["stream"] = hash_text("stream", stream)
        place = None if after is None else (account_address("after", after[0]), hash_text("after", after[1]))
        return self._listed(STREAM, equal, None, place, limit, lambda row: StreamState(**row))

    def head(self, submitter: str, stream: str) -> str | None:
        """The head of a stream's hash chain; None if it is not declared or went on under another key."""
        found = self.stream(submitter, stream)
        return None if found is None or found.value.continued_by is not None else found.value.head

    def entries(
        self, submitter: str, stream: str, after: int | None = None, limit: int = 1_000
    ) -> list[Recorded[StreamEntry]]:
        """The anchors of a stream in their order, from the first key's part on, to the last key's; at most `limit`,
        after a position. `submitter` is any of its keys. Empty for a stream that is not there.

        The heads are as the events have them: hash them again to see that none is missing.
        """
        _check_limit(limit)
        identifier = hash_text("stream", stream)
        first = 0 if after is None else after + 1
        found: list[Recorded[StreamEntry]] = []
        for part in self._parts(account_address("submitter", submitter), identifier):
            start, end = max(first, part["first_position"]), part["length"]
            while start < end and len(found) < limit:
                most = min(end, start + min(PAGE_ROWS, limit - len(found))) - 1
                page = self._view.rows(
                    STREAM_ENTRY,
                    {"submitter": part["submitter"], "stream": identifier},
                    limit=PAGE_ROWS,
                    between={"position": (start, most)},
                )
                rows = sorted(map(Fields, page.rows), key=lambda row: int(row["position"]))
                found += [recorded(row, StreamEntry(**row)) for row in rows]
                start = most + 1
        return found

    # ------------------------------------------------------------------ history

    def history(self, submitter: str, leaf: str, root: str | None = None, index: int = 0) -> list[DocumentAct]:
        """Every act on a document, in the order of the chain; with `root` and `index` also those on its batch and on
        its leaf there, whose proof is not verified. An anchor's id instead of a leaf gives the acts on the anchor."""
        document = document_key(submitter, leaf)
        if root is None:
            return acts_on(self._rows, document)
        return acts_on(self._rows, document, (hash_text("root", root), _index(index)))

    # ------------------------------------------------------------------ inner

    def _listed(
        self,
        entity: Entity,
        equal: Mapping[str, Any],
        standing: bool | None,
        after: Key | None,
        limit: int,
        read: Callable[[Fields], T],
    ) -> list[Recorded[T]]:
        _check_limit(limit)
        found: list[Recorded[T]] = []
        for row in self._rows.all(entity, equal, after, limit):
            if standing is None or (row["withdrawn_at"] is None) is standing:
                found.append(recorded(row, read(row)))
                if len(found) == limit:
                    break
        return found

    def _anchors(
        self, equal: Mapping[str, Any], times: tuple[int | None, int | None], after: Key | None
    ) -> Iterator[tuple[Fields, Fields | None]]:
        """Anchors, and for single documents what marks them."""
        while True:
            page = self._view.rows(ANCHOR, equal, after, ROWS_WITH_MARKS, between={"anchored_at": times})
            rows = [Fields(row) for row in page.rows]
            marks = self._marks(row for row in rows if row["count"] == 0)
            for row in rows:
                yield row, marks.get((row["submitter"], row["id"]))
            after = page.next
            if after is None:
                return

    def _marks(self, anchors: Iterable[Fields]) -> dict[tuple[str, str], Fields]:
        leaves: dict[str, list[str]] = {}
        for row in anchors:
            leaves.setdefault(row["submitter"], []).append(row["id"])
        return {
            (submitter, row["leaf"]): row
            for submitter, ids in leaves.items()
            for row in self._rows.all(MARKS, {"submitter": submitter, "leaf": ids})
        }

    def _anchor(self, row: Fields, marks: Fields | None) -> AnchorEntry:
        reason = row["revocation_reason"]
        return AnchorEntry(
            submitter=row["submitter"],
            id=row["id"],
            status=self._status(row, None if row["count"] else marks),
            record=Anchor(
                anchored_at=row["anchored_at"],
                signed_at=row["signed_at"] or 0,
                expiry=row["expiry"] or 0,
                revoked_at=row["revoked_at"] or 0,
                count=row["count"],
                kind=row["kind"],
                disputes=0 if marks is None else marks["disputes"],
                revocation_reason=RevocationReason(reason or 0),
                superseded=marks is not None and marks["amended_at"] is not None,
                streamed=row["stream"] is not None,
            ),
            how=Anchoring(row["how"]),
            stream=row["stream"],
            position=row["position"],
            revoked_by=row["revoked_by"],
        )

    def _status_and_anchor(self, location: Location) -> tuple[DocumentStatus, Fields | None]:
        document = document_key(location.submitter, location.leaf)
        root = None if location.root in (None, ZERO_HASH) else hash_text("root", str(location.root))
        anchor = self._rows.one(ANCHOR, document[0], document[1] if root is None else root)
        is_there = anchor is not None and (
            anchor["count"] == 0 if root is None else 0 <= location.index < anchor["count"]
        )
        if anchor is None or not is_there:
            return DocumentStatus.UNKNOWN, None
        if root is not None and (
            self.is_revoked(document[0], root, location.index) or self._is_revoked_alone(document)
        ):
            return DocumentStatus.REVOKED, anchor
        return self._status(anchor, self._rows.one(MARKS, *document)), anchor

    def _is_revoked_alone(self, document: tuple[str, str]) -> bool:
        """Whether a document was revoked by itself: it stays so in every batch that it is shown in."""
        own = self._rows.one(ANCHOR, *document)
        return own is not None and own["revoked_at"] is not None and not own["count"]

    def _status(self, anchor: Fields, marks: Fields | None) -> DocumentStatus:
        """In the order of the contract's `statusOf`."""
        if anchor["revoked_at"] is not None:
            return DocumentStatus.REVOKED
        if marks is not None and marks["amended_at"] is not None:
            return DocumentStatus.SUPERSEDED
        if anchor["expiry"] is not None and anchor["expiry"] <= self._time:
            return DocumentStatus.EXPIRED
        return DocumentStatus.DISPUTED if marks is not None and marks["disputes"] else DocumentStatus.ACTIVE

    def _last(self, document: tuple[str, str], towards: str) -> tuple[str, str]:
        while (marks := self._rows.one(MARKS, *document)) is not None and (
            following := end_of(marks, towards)
        ) is not None:
            document = following
        return document

    def _parts(self, submitter: str, stream: str) -> Iterator[Fields]:
        """The keys' parts of a stream, from the first key's on."""
        part = self._rows.one(STREAM, submitter, stream)
        while part is not None and part["continues"] is not None:
            part = self._rows.one(STREAM, part["continues"], stream)
        while part is not None:
            yield part
            after = part["continued_by"]
            part = None if after is None else self._rows.one(STREAM, after, stream)


def _link(amended: Fields, submitter: str, leaf: str) -> Recorded[Link]:
    """A link to a document, by the version that the amendment opened."""
    value = Link(leaf, submitter, amended["amended_at"], AmendmentReason(amended["amendment_reason"]))
    return Recorded(value, origin_of(amended), None)


def _countersignature(row: Fields) -> CountersignatureEntry:
    return CountersignatureEntry(
        row["submitter"],
        row["leaf"],
        row["organization"],
        Countersignature(row["signed_by"], row["signed_at"], row["withdrawn_at"] or 0),
        row["withdrawn_by"],
    )


def _dispute(row: Fields) -> DisputeEntry:
    return DisputeEntry(
        row["submitter"],
        row["leaf"],
        row["disputant"],
        Dispute(
            raised_at=row["raised_at"],
            replied_at=row["replied_at"] or 0,
            withdrawn_at=row["withdrawn_at"] or 0,
            reason=DisputeReason(row["reason"]),
            statement=row["statement"] or ZERO_HASH,
            reply=row["reply"] or ZERO_HASH,
        ),
        row["replied_by"],
    )


def _equal(submitter: str | None, leaf: str | None) -> dict[str, Any]:
    equal: dict[str, Any] = {}
    if submitter is not None:
        equal["submitter"] = account_address("submitter", submitter)
    if leaf is not None:
        equal["leaf"] = hash_text("leaf", leaf)
    return equal


def _index(index: int) -> int:
    if index < 0:
        raise InvalidInput("index", str(index), "must be 0 or more")
    return index


def _check_limit(limit: int) -> None:
    if limit < 1:
        raise InvalidInput("limit", str(limit), "must be 1 or more")
