"""The EIP-712 messages of authorization: what insurers, providers and reviewers sign, for whoever sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from careledger.chain.typed_data import Message, typed_message

if TYPE_CHECKING:
    from careledger.authorization.types import Review

__all__ = [
    "claim_reversal_message",
    "claim_review_message",
    "eligibility_message",
    "enrolment_message",
    "review_message",
]


def eligibility_message(
    chain_id: int, authorizations: str, member_key: str, provider: str, plan: int, period: int, valid_until: int
) -> Message:
    """What an insurer's key signs for a provider about a member. `valid_until` is Unix seconds."""
    return typed_message(
        "PriorAuthorization",
        chain_id,
        authorizations,
        "Eligibility",
        memberKey=("bytes16", member_key),
        provider=("bytes12", provider),
        plan=("uint32", plan),
        period=("uint16", period),
        validUntil=("uint40", valid_until),
    )


def review_message(chain_id: int, authorizations: str, review: Review) -> Message:
    """What a reviewer signs."""
    return typed_message(
        "PriorAuthorization",
        chain_id,
        authorizations,
        "Review",
        provider=("bytes12", review.provider),
        requestId=("bytes32", review.request_id),
        line=("uint8", review.line),
        sequence=("uint16", review.sequence),
        action=("uint8", int(review.action)),
        benefitClass=("uint16", review.benefit_class),
        milliUnits=("uint40", review.milli_units),
        amount=("uint64", review.amount),
        reason=("uint16", review.reason),
        rationale=("bytes32", review.rationale),
    )


def enrolment_message(
    chain_id: int,
    policy: str,
    provider: str,
    digest: str,
    version: int,
    start: int,
    coefficient: int,
    endings: int,
    deadline: int,
) -> Message:
    """What the two sides of an enrolment sign. Times are Unix seconds, the coefficient ten-thousandths; `endings` is
    how often the provider's enrolment in the plan was ended before."""
    return typed_message(
        "CoveragePolicy",
        chain_id,
        policy,
        "Enrolment",
        provider=("bytes12", provider),
        digest=("bytes32", digest),
        version=("uint16", version),
        start=("uint40", start),
        coefficient=("uint32", coefficient),
        endings=("uint32", endings),
        deadline=("uint40", deadline),
    )


def claim_review_message(
    chain_id: int, settlement: str, provider: str, key: str, status: int, allowed: int, carc: int, rationale: str
) -> Message:
    """What a reviewer signs about a claim line in a status. `allowed` is token minor units."""
    return typed_message(
        "ClaimSettlement",
        chain_id,
        settlement,
        "ClaimReview",
        provider=("bytes12", provider),
        key=("bytes32", key),
        status=("uint8", status),
        allowed=("uint64", allowed),
        carc=("uint16", carc),
        rationale=("bytes32", rationale),
    )


def claim_reversal_message(chain_id: int, settlement: str, provider: str, key: str, reason: int) -> Message:
    """What a reviewer signs to reverse a paid claim line."""
    return typed_message(
        "ClaimSettlement",
        chain_id,
        settlement,
        "ClaimReversal",
        provider=("bytes12", provider),
        key=("bytes32", key),
        reason=("uint16", reason),
    )
