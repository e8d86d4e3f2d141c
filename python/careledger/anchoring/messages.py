"""The EIP-712 messages of anchoring, for those who sign and let another send."""

from __future__ import annotations

from careledger.chain.typed_data import Message, typed_message

__all__ = [
    "anchoring_message",
    "batch_anchoring_message",
    "subject_dispute_message",
    "subject_withdrawal_message",
]

CONTRACT = "DocumentAnchor"


def anchoring_message(
    chain_id: int, contract: str, leaf: str, packed_terms: int, signed_at: int, deadline: int
) -> Message:
    """What a submitter signs for `anchorBySignature`. Times are Unix seconds."""
    return typed_message(
        CONTRACT,
        chain_id,
        contract,
        "Anchoring",
        leaf=("bytes32", leaf),
        terms=("uint256", packed_terms),
        signedAt=("uint40", signed_at),
        deadline=("uint40", deadline),
    )


def batch_anchoring_message(
    chain_id: int, contract: str, root: str, count: int, packed_terms: int, signed_at: int, deadline: int
) -> Message:
    """What a submitter signs for `anchorBatchBySignature`. Times are Unix seconds."""
    return typed_message(
        CONTRACT,
        chain_id,
        contract,
        "BatchAnchoring",
        root=("bytes32", root),
        count=("uint32", count),
        terms=("uint256", packed_terms),
        signedAt=("uint40", signed_at),
        deadline=("uint40", deadline),
    )


def subject_dispute_message(
    chain_id: int, contract: str, submitter: str, leaf: str, reason: int, statement: str, deadline: int
) -> Message:
    """What a document's subject signs for `disputeAsSubject`."""
    return typed_message(
        CONTRACT,
        chain_id,
        contract,
        "SubjectDispute",
        submitter=("address", submitter),
        leaf=("bytes32", leaf),
        reason=("uint8", int(reason)),
        statement=("bytes32", statement),
        deadline=("uint40", deadline),
    )


def subject_withdrawal_message(chain_id: int, contract: str, submitter: str, leaf: str, deadline: int) -> Message:
    """What a document's subject signs for `withdrawDisputeAsSubject`."""
    return typed_message(
        CONTRACT,
        chain_id,
        contract,
        "SubjectWithdrawal",
        submitter=("address", submitter),
        leaf=("bytes32", leaf),
        deadline=("uint40", deadline),
    )
