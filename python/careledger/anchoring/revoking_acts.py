"""By which key an anchor was revoked; of one leaf of a batch also why and when. The contract keeps nothing of it: its
events tell."""

from __future__ import annotations

from careledger.anchoring.answers import Revocation
from careledger.anchoring.block_search import blocks_at
from careledger.anchoring.receipt import Batch
from careledger.anchoring.stamps import leaves_stamp, revoked_stamp
from careledger.anchoring.types import LEAVES_OF_A_WORD, RevocationReason
from careledger.chain.contract import Contract
from careledger.contract_events import (
    AnchorRevoked,
    AnchorRevokedByOtherKey,
    ContractEvent,
    LeavesRevoked,
    LeavesRevokedByOtherKey,
)
from careledger.errors import ContractError, NodeRefused, NotAContract

__all__ = ["find_leaf_revocation", "find_revoking_key"]

MOST_BLOCKS_READ = 1_000_000
"""How many blocks of logs are read, at most, of a node that has no old states to search."""


def find_revoking_key(
    anchors: Contract, submitter: str, anchor_id: str, revoked_at: int, first_block: int, last_block: int
) -> str | None:
    """The key that revoked a leaf or root at `revoked_at`, between two blocks; None if it was not found: the node has
    no logs as old. Raises NodeUnreachable."""
    connection = anchors.connection
    try:
        for number in blocks_at(connection, revoked_at, first_block, last_block):
            for entry in connection.logs(anchors.address, [AnchorRevoked, AnchorRevokedByOtherKey], number, number):
                event = entry.event
                if not isinstance(event, AnchorRevoked | AnchorRevokedByOtherKey) or event.id != anchor_id:
                    continue
                if revoked_stamp(event.stamp).submitter == submitter:
                    return submitter if isinstance(event, AnchorRevoked) else event.key
    except (NodeRefused, ValueError):
        pass
    return None


def find_leaf_revocation(
    anchors: Contract, submitter: str, batch: Batch, first_block: int, last_block: int
) -> tuple[Revocation, str | None]:
    """The revocation of the leaf at `batch.index`, which is revoked at `last_block` and was anchored in `first_block`,
    and the key that did it.

    Reason, time and key are None if they were not found: the node has neither old states nor old logs. Raises
    NodeUnreachable.
    """
    try:
        start = end = _revoking_block(anchors, submitter, batch, first_block, last_block)
    except (NodeRefused, NotAContract, ContractError):
        start, end = max(first_block, last_block - MOST_BLOCKS_READ), last_block
    connection = anchors.connection
    try:
        for entry in connection.logs(anchors.address, [LeavesRevoked, LeavesRevokedByOtherKey], start, end):
            act = _act(entry.event, submitter, batch)
            if act is not None:
                reason, key = act
                return Revocation(reason, connection.block_time(entry.block_number), False), key
    except (NodeRefused, ValueError):
        pass
    return Revocation(None, None, False), None


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


def _act(event: ContractEvent, submitter: str, batch: Batch) -> tuple[RevocationReason, str] | None:
    """Why an event revoked the leaf, and by which key; None if it is about others."""
    word, bit = divmod(batch.index, LEAVES_OF_A_WORD)
    if isinstance(event, LeavesRevoked):
        stamp = leaves_stamp(event.stamp)
        about = event.root, stamp.submitter, stamp.word, event.leaves >> bit & 1
        return (stamp.reason, submitter) if about == (batch.root, submitter, word, 1) else None
    if isinstance(event, LeavesRevokedByOtherKey):
        about = event.root, event.submitter, event.word, event.leaves >> bit & 1
        return (event.reason, event.key) if about == (batch.root, submitter, word, 1) else None
    return None
