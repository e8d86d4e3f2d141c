"""The EIP-712 messages of anchoring, for those who sign and let another send, and the 64 bytes of EIP-2098."""

from __future__ import annotations

from typing import Any

from careledger.errors import InvalidInput

__all__ = [
    "anchoring_message",
    "batch_anchoring_message",
    "compact_signature",
    "subject_dispute_message",
    "subject_withdrawal_message",
]

DOMAIN_NAME, DOMAIN_VERSION = "careledger DocumentAnchor", "1"
DOMAIN_TYPE = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
SIGNATURE_LENGTH = 65

Message = dict[str, Any]


def anchoring_message(
    chain_id: int, contract: str, leaf: str, packed_terms: int, signed_at: int, deadline: int
) -> Message:
    """What a submitter signs for `anchorBySignature`. Times are Unix seconds."""
    return _message(
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
    return _message(
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
    return _message(
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
    return _message(
        chain_id,
        contract,
        "SubjectWithdrawal",
        submitter=("address", submitter),
        leaf=("bytes32", leaf),
        deadline=("uint40", deadline),
    )


def compact_signature(signature: bytes) -> bytes:
    """An ordinary key's signature in the 64 bytes of EIP-2098, which cost the contract no look at the account.

    Takes r, s, v of 65 bytes. Raises InvalidInput for another length or another v than 27 or 28.
    """
    if len(signature) != SIGNATURE_LENGTH or signature[64] not in (27, 28):
        raise InvalidInput("signature", "0x" + signature.hex(), "must be 65 bytes that end with 27 or 28")
    odd = signature[64] - 27
    return signature[:32] + (int.from_bytes(signature[32:64], "big") | odd << 255).to_bytes(32, "big")


def _message(chain_id: int, contract: str, kind: str, **fields: tuple[str, Any]) -> Message:
    return {
        "types": {
            "EIP712Domain": DOMAIN_TYPE,
            kind: [{"name": name, "type": solidity} for name, (solidity, _) in fields.items()],
        },
        "primaryType": kind,
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": chain_id,
            "verifyingContract": contract,
        },
        "message": {name: value for name, (_, value) in fields.items()},
    }
