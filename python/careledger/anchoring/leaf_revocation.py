"""Why and when one leaf of a batch was revoked. The contract keeps only that it was; its events tell the rest."""

from __future__ import annotations

from careledger.anchoring.answers import Revocation
from careledger.anchoring.receipt import Batch
from careledger.anchoring.stamps import leaves_stamp
from careledger.anchoring.types import LEAVES_OF_A_WORD, RevocationReason
from careledger.chain.contract import Contract
from careledger.contract_events import ContractEvent, LeavesRevoked, LeavesRevokedByOtherKey
from careledger.errors import ContractError, NodeRefused, NotAContract

__all__ = ["find_leaf_revocation"]

MOST_BLOCKS_READ = 1_000_000
"""How many blocks of logs are read, at most, of a node that has no old states to search."""


def find_leaf_revocation(
    anchors: Contract, submitter: str, batch: Batch, first_block: int, last_block: int
) -> Revocation:
    """The revocation of the leaf at `batch.index`, which is revoked at `last_block` and was anchored in `first_block`.

    Reason and time are None if they were not found: the node has neither old states nor old logs. Raises
    NodeUnreachable.
    """
    try:
        start = end = _revoking_block(anchors, submitter, batch, first_block, last_block)
    except (NodeRefused, NotAContract, ContractError):
        start, end = max(first_block, last_block - MOST_BLOCKS_READ), last_block
    connection = anchors.connection
    try:
        for entry in connection.logs(anchors.address, [LeavesRevoked, LeavesRevokedByOtherKey], start, end):
            reason = _reason(entry.event, submitter, batch)
            if reason is not None:
                return Revocation(reason, connection.block_time(entry.block_number), False)
    except (NodeRefused, ValueError):
        pass
    return Revocation(None, None, False)


def _revoking_block(anchors: Contract, submitter: str, batch: Batch, first: int, last: int) -> int:
    """The block in which the leaf's bit was set: it is never taken back."""
    word, bit = divmod(batch.index, LEAVES_OF_A_WORD)
    while first < last:
        middle = (first + last) // 2
        if anchors.read("revokedLeavesOf", submitter, batch.root, word, block=middle) >> bit & 1:
            last = middle
        else:
            first = middle + 1
    return first


def _reason(event: ContractEvent, submitter: str, batch: Batch) -> RevocationReason | None:
    """Why an event revoked the leaf; None if it is about others."""
    word, bit = divmod(batch.index, LEAVES_OF_A_WORD)
    if isinstance(event, LeavesRevoked):
        stamp = leaves_stamp(event.stamp)
        about = event.root, stamp.submitter, stamp.word, event.leaves >> bit & 1
        return stamp.reason if about == (batch.root, submitter, word, 1) else None
    if isinstance(event, LeavesRevokedByOtherKey):
        about = event.root, event.submitter, event.word, event.leaves >> bit & 1
        return event.reason if about == (batch.root, submitter, word, 1) else None
    return None
