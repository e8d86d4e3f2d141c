"""What the index answers to the questions that `document_acts` asks the contract."""

from __future__ import annotations

from typing import Any

from careledger.anchoring.index import DocumentIndex
from careledger.anchoring.types import ZERO_HASH, Anchor, DocumentStatus, Link, Location
from careledger.chain.indexer.reader import View
from careledger.identity.index import Recorded
from careledger.identity.types import ZERO_ADDRESS
from indexer.stand import Question

NO_LINK = {"leaf": ZERO_HASH, "submitter": ZERO_ADDRESS, "amended_at": 0, "reason": 0}
NO_COUNTERSIGNATURE = {"key": ZERO_ADDRESS, "signed_at": 0, "withdrawn_at": 0}
NO_DISPUTE = {
    "raised_at": 0,
    "replied_at": 0,
    "withdrawn_at": 0,
    "reason": 0,
    "statement": ZERO_HASH,
    "reply": ZERO_HASH,
}
IN_FORCE = {DocumentStatus.ACTIVE, DocumentStatus.DISPUTED}


class IndexAnswers:
    """Each method is named for the contract's function, and answers as that does."""

    def __init__(self, view: View, time: int) -> None:
        """`time` is the block's: the index does not keep the times of all."""
        self.documents = DocumentIndex(view, time)

    def to(self, question: Question) -> Any:
        function, *given = question
        return getattr(self, function)(*given)

    def anchorOf(self, submitter: str, anchor_id: str) -> dict[str, Any]:
        found = self.documents.anchor(submitter, anchor_id)
        if found is not None:
            return fields(found.value.record)
        # Of a document in a batch that was amended or disputed, the contract has a record of that alone.
        standing = self.documents.disputes(submitter, anchor_id, standing=True)
        superseded = self.documents.successor(submitter, anchor_id) is not None
        nothing = dict.fromkeys(Anchor.__slots__, 0)
        return {**nothing, "disputes": len(standing), "superseded": superseded, "streamed": False}

    def statusOf(self, location: Location) -> int:
        return int(self.documents.status(location))

    def isInForce(self, location: Location) -> bool:
        return self.documents.status(location) in IN_FORCE

    def verify(self, location: Location) -> dict[str, Any]:
        return fields(self.documents.vouched(location))

    def latest(self, submitter: str, leaf: str) -> tuple[str, str]:
        return self.documents.latest(submitter, leaf)

    def successorOf(self, submitter: str, leaf: str) -> dict[str, Any]:
        return link(self.documents.successor(submitter, leaf))

    def predecessorOf(self, submitter: str, leaf: str) -> dict[str, Any]:
        return link(self.documents.predecessor(submitter, leaf))

    def revokedLeavesOf(self, submitter: str, root: str, word: int) -> int:
        return self.documents.revoked_leaves(submitter, root, word)

    def countersignatureOf(self, submitter: str, leaf: str, organization: str) -> dict[str, Any]:
        found = self.documents.countersignature(submitter, leaf, organization)
        return NO_COUNTERSIGNATURE if found is None else fields(found.value.record)

    def isParty(self, submitter: str, leaf: str, party: str) -> bool:
        return self.documents.is_party(submitter, leaf, party)

    def disputeOf(self, submitter: str, leaf: str, disputant: str) -> dict[str, Any]:
        found = self.documents.dispute_of(submitter, leaf, disputant)
        return NO_DISPUTE if found is None else fields(found.value.record)

    def headOf(self, submitter: str, stream: str) -> str:
        return self.documents.head(submitter, stream) or ZERO_HASH


def fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in type(value).__slots__}


def link(found: Recorded[Link] | None) -> dict[str, Any]:
    return NO_LINK if found is None else fields(found.value)
