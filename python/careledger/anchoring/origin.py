"""Which transaction anchored: found by the record's own time, without reading all logs."""

from __future__ import annotations

from dataclasses import dataclass

from careledger.anchoring.block_search import blocks_at
from careledger.anchoring.stamps import anchored_stamp
from careledger.chain.connection import TransactionReceipt
from careledger.chain.contract import Contract
from careledger.contract_events import BatchAnchored, ContractEvent, DocumentAnchored, DocumentsAnchored
from careledger.errors import NotAnchored

__all__ = ["Origin", "find_origin", "origin_of"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where and when something was anchored. Times are Unix seconds; `signed_at` is 0 unless a signature was sent by
    another, `expiry` 0 for never."""

    submitter: str
    anchored_at: int
    signed_at: int
    expiry: int
    transaction_hash: str
    block_number: int
    block_hash: str


def find_origin(anchors: Contract, submitter: str, anchor_id: str, first_block: int) -> Origin:
    """The transaction that anchored an id under a submitter, from the contract's first block on.

    Raises NotAnchored if there is no record, or its event is not in the blocks of its time.
    """
    connection = anchors.connection
    record = anchors.read("anchorOf", submitter, anchor_id)
    anchored_at = record["anchored_at"]
    if not anchored_at:
        raise NotAnchored(submitter, anchor_id)
    for number in blocks_at(connection, anchored_at, first_block, connection.block_number()):
        for entry in connection.logs(
            anchors.address, [DocumentAnchored, DocumentsAnchored, BatchAnchored], number, number
        ):
            if _anchors(entry.event, submitter, anchor_id):
                return Origin(
                    submitter=submitter,
                    anchored_at=anchored_at,
                    signed_at=record["signed_at"],
                    expiry=record["expiry"],
                    transaction_hash=entry.transaction_hash,
                    block_number=number,
                    block_hash=connection.block_hash(number),
                )
    raise NotAnchored(submitter, anchor_id)


def origin_of(sent: TransactionReceipt, anchors: Contract, submitter: str, anchor_id: str) -> Origin | None:
    """The same of a transaction that anchored a document by itself, by its event and its block alone. None if it did
    not, or its block was replaced meanwhile."""
    for event in sent.events:
        if isinstance(event, DocumentAnchored) and _anchors(event, submitter, anchor_id):
            block, stamp = anchors.connection.block(sent.block_number), anchored_stamp(event.stamp)
            if sent.transaction_hash not in block.transactions:
                return None
            return Origin(
                submitter=submitter,
                anchored_at=block.time,
                signed_at=stamp.signed_at,
                expiry=stamp.terms.expiry,
                transaction_hash=sent.transaction_hash,
                block_number=block.number,
                block_hash=block.hash,
            )
    return None


def _anchors(event: ContractEvent, submitter: str, anchor_id: str) -> bool:
    if isinstance(event, DocumentAnchored):
        return event.leaf == anchor_id and anchored_stamp(event.stamp).submitter == submitter
    if isinstance(event, DocumentsAnchored):
        return event.submitter == submitter and anchor_id in event.leaves
    return isinstance(event, BatchAnchored) and event.submitter == submitter and event.root == anchor_id
