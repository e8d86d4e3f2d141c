"""Claim lines that the rules did not settle, and what a person decides of them: for the insurer's own systems."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from careledger.anchoring.leaf import new_salt
from careledger.anchoring.types import ZERO_HASH
from careledger.authorization.reviews import ClaimUnderReview, Reviews, SignedClaimReview, SignedReversal
from careledger.chain.indexer.reader import View
from careledger.contract_enums import ClaimStatus
from careledger.gateway.access import Principal
from careledger.gateway.deps import IdempotencyKey, OpenServices, Prefer, allowed, wait_seconds
from careledger.gateway.etags import MinBlock
from careledger.gateway.indexed import AsOf, fields_for
from careledger.gateway.jobs import Handler
from careledger.gateway.problems import Refused, responses
from careledger.gateway.reviewing import TEXT_CHARACTERS, forget_signed, keep_statement, own_payer, signed_once, signs
from careledger.gateway.routes.jobs import ACCEPTED, JobView, answer
from careledger.gateway.services import Services

__all__ = ["CLAIM_REVIEW", "claim_reviewing", "router"]

router = APIRouter(tags=["reviews"], responses=responses(401, 403, 404, 422, 429, 503))

CLAIM_REVIEW = "reviews.claim"
"""The kind of the jobs that decide a claim line."""

Reader = Annotated[Principal, allowed("reviews.read")]
Reviewer = Annotated[Principal, allowed("reviews.write")]
ClaimKey = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$", description="The claim line's key.")]
PrepaidBy = Annotated[
    str | None,
    Field(pattern="^0x[0-9a-fA-F]{40}$", description="Whose prepayment the claim named, if it named one."),
]


class WaitingClaim(BaseModel):
    """A claim line that waits for a person. Amounts are token minor units, times Unix seconds; null is what there is
    not. `finding` says why the rules did not settle it."""

    key: str
    provider: str
    claim: str | None
    request: str | None
    line: int | None
    service_day: int | None = Field(description="Days since 1970-01-01.")
    milli_units: int | None
    charge: int | None
    finding: str
    submitted_at: int | None


class ClaimQueue(BaseModel):
    """What waits, the longest first. `complete` is false if there is more."""

    lines: list[WaitingClaim]
    complete: bool
    signs: bool = Field(description="Whether decisions of whoever asks can be signed here.")
    as_of: AsOf


class ClaimDecision(BaseModel):
    """What is allowed of a line's charge, over the status that the reviewer saw."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["IN_REVIEW", "DENIED"] = Field(description="As the reviewer saw it: 409 if another stands.")
    allowed: int = Field(ge=0, lt=2**64, description="Token minor units, at most the charge; 0 denies it.")
    carc: int = Field(default=0, ge=0, lt=2**16, description="Claim adjustment reason code of what is denied.")
    prepaid_by: PrepaidBy = None
    statement: str | None = Field(
        default=None,
        min_length=1,
        max_length=TEXT_CHARACTERS,
        description="The rationale. It stays in the vault; on chain is a commitment to it.",
    )


class Reversal(BaseModel):
    """Takes a line back that was paid or waits for money. Final: units and the patient's shares come back too."""

    model_config = ConfigDict(extra="forbid")

    reason: int = Field(ge=1, lt=2**16, description="By the insurer's list.")
    prepaid_by: PrepaidBy = None


@router.get("/claim-reviews", responses=responses(412))
def queue(
    services: OpenServices,
    reader: Reader,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    min_block: MinBlock = 0,
) -> ClaimQueue:
    """Claim lines that wait for a person, the longest first."""
    payer = own_payer(services, reader)

    def ask(view: View) -> list[WaitingClaim]:
        from careledger.authorization.index import AuthorizationIndex

        index = AuthorizationIndex(view, payer.insurer)
        entries = [one.value for one in index.claim_lines(status=ClaimStatus.IN_REVIEW, limit=10_000)]
        here = [one for one in entries if one.contract == payer.settlement.address and one.provider is not None]
        return [
            WaitingClaim(**{**fields_for(WaitingClaim, one), "key": one.claim_line, "finding": one.finding.name})
            for one in sorted(here, key=lambda one: (one.submitted_at or 0, one.claim_line))
        ]

    lines, as_of = services.index.read(ask, min_block, payer.settlement.address)
    return ClaimQueue(lines=lines[:limit], complete=len(lines) <= limit, signs=signs(services, reader), as_of=as_of)


@router.post("/claim-reviews/{key}", status_code=201, responses={**ACCEPTED, **responses(409, 410)})
def decide(
    services: OpenServices,
    reviewer: Reviewer,
    key: ClaimKey,
    body: ClaimDecision,
    response: Response,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> JobView:
    """Decide a claim line that waits for a person or was denied. It is signed over all that it says, by the person's
    own key, or for a system by that of the setting `reviewer`."""
    own_payer(services, reviewer)
    services.reviewer_for(reviewer.subject)
    asked = {"act": "decide", "key": key, **body.model_dump(mode="json")}
    return _submitted(services, reviewer, asked, response, idempotency_key, prefer)


@router.post("/claim-reviews/{key}/reversal", status_code=201, responses={**ACCEPTED, **responses(409, 410)})
def reverse(
    services: OpenServices,
    reviewer: Reviewer,
    key: ClaimKey,
    body: Reversal,
    response: Response,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> JobView:
    """Take a line back that was paid or waits for money. Final; signed as a decision is."""
    own_payer(services, reviewer)
    services.reviewer_for(reviewer.subject)
    if services.settings.reasons is not None:
        services.reasons.number(str(body.reason))
    asked = {"act": "reverse", "key": key, **body.model_dump(mode="json")}
    return _submitted(services, reviewer, asked, response, idempotency_key, prefer)


# ---------------------------------------------------------------------- jobs


def claim_reviewing(services: Services) -> Handler:
    """What performs the jobs of CLAIM_REVIEW."""

    def perform(payload: bytes) -> dict[str, Any]:
        asked = orjson.loads(payload)
        payer = services.payer
        reviews = Reviews(payer)
        subject = reviews.claim(asked["key"], asked["prepaid_by"])
        reviewer = services.reviewer_for(asked["reviewer"])
        said = ZERO_HASH
        signed: SignedClaimReview | SignedReversal
        if asked["act"] == "decide":
            said = keep_statement(services, asked)

            def sign() -> SignedClaimReview:
                _require_status(subject, asked["status"])
                return reviews.sign_claim(subject, reviewer, asked["allowed"], asked["carc"], said)

            signed = signed_once(services, payer, asked["review"], SignedClaimReview, sign)
        else:
            signed = signed_once(
                services,
                payer,
                asked["review"],
                SignedReversal,
                lambda: reviews.sign_reversal(subject, reviewer, asked["reason"]),
            )
        receipt = reviews.send_signed(signed)
        return {
            "key": asked["key"],
            "reviewer_key": signed.key,
            "statement": None if said == ZERO_HASH else said,
            "events": [type(event).__name__ for event in receipt.events],
            "transaction_hash": receipt.transaction_hash,
            "block_number": receipt.block_number,
        }

    return Handler(perform, lambda payload: forget_signed(services, orjson.loads(payload)["review"]))


# ---------------------------------------------------------------------- inner


def _submitted(
    services: Services,
    reviewer: Principal,
    asked: dict[str, Any],
    response: Response,
    idempotency_key: str | None,
    prefer: str | None,
) -> JobView:
    payload = {**asked, "reviewer": reviewer.subject, "review": new_salt().hex(), "salt": new_salt().hex()}
    job = services.jobs.submit(
        CLAIM_REVIEW, reviewer.subject, orjson.dumps(payload), idempotency_key, orjson.dumps(asked)
    )
    return answer(services.jobs.wait(job.job_id, wait_seconds(prefer, services)), response)


def _require_status(subject: ClaimUnderReview, status: str) -> None:
    """Raises Refused if the line was decided since the reviewer saw it."""
    if subject.record.status.name != status:
        stands = subject.record.status.name
        raise Refused(409, "Decided meanwhile", f"{stands} stands, and not {status}: look again", standing=stands)
