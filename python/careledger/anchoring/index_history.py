"""What was done to a document, act by act, from the versions of the read model."""

from __future__ import annotations

from collections.abc import Iterator

from careledger.anchoring.index_entries import ActKind, DocumentAct, LeafRevocation
from careledger.anchoring.index_rows import Document, Rows, end_of, first_with, origin_of, successor_of
from careledger.anchoring.read_model import ANCHOR, COUNTERSIGNATURE, DISPUTE, MARKS, PARTY, REVOKED_LEAVES
from careledger.anchoring.types import LEAVES_OF_A_WORD, AmendmentReason, DisputeReason, RevocationReason
from careledger.identity.index import Origin, Recorded

__all__ = ["acts_on", "leaf_revocation"]


def acts_on(rows: Rows, document: Document, place: tuple[str, int] | None = None) -> list[DocumentAct]:
    """Every act on a document, in the order of the chain; of one at a `place`, root and index, also those on its batch
    and on its leaf there."""
    acts = [*_anchor_acts(rows, document, batch=False)]
    if place is not None:
        submitter, (root, index) = document[0], place
        acts += _anchor_acts(rows, (submitter, root), batch=True)
        revocation = leaf_revocation(rows, submitter, root, index)
        if revocation is not None and not revocation.value.whole_batch:
            value = revocation.value
            acts.append(DocumentAct(ActKind.REVOKED, revocation.since, value.revoked_by, value.reason, batch=True))
    acts += _amendment_acts(rows, document)
    acts += _countersignature_acts(rows, document)
    acts += _dispute_acts(rows, document)
    acts += [
        DocumentAct(ActKind.PARTY_NAMED, origin_of(row), None, party=row["party"]) for row in rows.of(PARTY, document)
    ]
    return sorted(acts, key=lambda act: _place(act.origin))


def leaf_revocation(rows: Rows, submitter: str, root: str, index: int) -> Recorded[LeafRevocation] | None:
    """The act that revoked the leaf at an index of a batch: by itself or with the batch, whichever came first."""
    word, bit = divmod(index, LEAVES_OF_A_WORD)
    leaves = rows.versions(REVOKED_LEAVES, submitter, root, word)
    acts = [
        (next((row for row in leaves if int(row["mask"], 16) >> bit & 1), None), "reason", False),
        (first_with(rows.versions(ANCHOR, submitter, root), "revoked_at"), "revocation_reason", True),
    ]
    found = [
        Recorded(
            LeafRevocation(RevocationReason(row[reason]), row["revoked_at"], row["revoked_by"], whole),
            origin_of(row),
            None,
        )
        for row, reason, whole in acts
        if row is not None
    ]
    return min(found, key=lambda entry: _place(entry.since), default=None)


def _anchor_acts(rows: Rows, key: tuple[str, str], batch: bool) -> Iterator[DocumentAct]:
    versions = rows.versions(ANCHOR, *key)
    if anchored := first_with(versions, "anchored_at"):
        yield DocumentAct(ActKind.ANCHORED, origin_of(anchored), key[0], batch=batch)
    if streamed := first_with(versions, "stream"):
        yield DocumentAct(ActKind.STREAMED, origin_of(streamed), key[0], stream=streamed["stream"], batch=batch)
    if revoked := first_with(versions, "revoked_at"):
        reason = RevocationReason(revoked["revocation_reason"])
        yield DocumentAct(ActKind.REVOKED, origin_of(revoked), revoked["revoked_by"], reason, batch=batch)


def _amendment_acts(rows: Rows, document: Document) -> Iterator[DocumentAct]:
    versions = rows.versions(MARKS, *document)
    if amended := first_with(versions, "amended_at"):
        successor, reason = successor_of(amended), AmendmentReason(amended["amendment_reason"])
        # Who amends anchors the successor.
        yield DocumentAct(ActKind.AMENDED, origin_of(amended), successor[0], reason, other=successor)
    if succeeded := first_with(versions, "predecessor_leaf"):
        former = end_of(succeeded, "predecessor")
        link = None if former is None else rows.amendment(former)
        why = None if link is None else AmendmentReason(link["amendment_reason"])
        yield DocumentAct(ActKind.SUCCEEDED, origin_of(succeeded), document[0], why, other=former)


def _countersignature_acts(rows: Rows, document: Document) -> Iterator[DocumentAct]:
    for current in rows.of(COUNTERSIGNATURE, document):
        organization = current["organization"]
        versions = rows.versions(COUNTERSIGNATURE, *document, organization)
        if signed := first_with(versions, "signed_at"):
            yield DocumentAct(ActKind.COUNTERSIGNED, origin_of(signed), signed["signed_by"], organization=organization)
        if withdrawn := first_with(versions, "withdrawn_at"):
            yield DocumentAct(
                ActKind.COUNTERSIGNATURE_WITHDRAWN,
                origin_of(withdrawn),
                withdrawn["withdrawn_by"],
                organization=organization,
            )


def _dispute_acts(rows: Rows, document: Document) -> Iterator[DocumentAct]:
    for current in rows.of(DISPUTE, document):
        party = current["disputant"]
        versions = rows.versions(DISPUTE, *document, party)
        if raised := first_with(versions, "raised_at"):
            yield DocumentAct(
                ActKind.DISPUTED,
                origin_of(raised),
                party,
                DisputeReason(raised["reason"]),
                party=party,
                commitment=raised["statement"],
            )
        if replied := first_with(versions, "replied_at"):
            yield DocumentAct(
                ActKind.DISPUTE_ANSWERED,
                origin_of(replied),
                replied["replied_by"],
                party=party,
                commitment=replied["reply"],
            )
        if withdrawn := first_with(versions, "withdrawn_at"):
            yield DocumentAct(ActKind.DISPUTE_WITHDRAWN, origin_of(withdrawn), party, party=party)


def _place(origin: Origin) -> tuple[int, int]:
    return origin.block_number, origin.log_index
