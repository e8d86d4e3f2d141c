"""Disputes by whom a document is about: signed by the subject's own key, sent and paid for by this gateway.

Open to everyone, for nobody else can sign. What the organization pays for is bounded: only documents that it anchored
itself, each disputed once and withdrawn once, and nothing is sent for what the contract would refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from careledger.anchoring import Receipt
from careledger.anchoring.leaf import content_hash
from careledger.anchoring.types import Dispute, DisputeReason, DocumentStatus, Location
from careledger.chain.deployment.suite import ANCHOR
from careledger.chain.signers.digests import Signature, recover, typed_data_digest
from careledger.chain.typed_data import Message, compact_signature
from careledger.errors import InvalidInput
from careledger.gateway.deps import OpenServices
from careledger.gateway.jobs import Handler, JobState
from careledger.gateway.jobs.types import ON_CHAIN
from careledger.gateway.problems import Refused, responses
from careledger.gateway.routes.jobs import require_unfailed
from careledger.gateway.services import Services

__all__ = ["RELAY", "relaying", "router"]

router = APIRouter(
    prefix="/documents/disputes", tags=["documents"], responses=responses(404, 409, 410, 413, 422, 429, 503)
)

RELAY = "documents.disputes"
"""The kind of the jobs that send what a subject signed."""

OWNER = "subject"
"""Whose these jobs are: nobody's who could sign in, for a subject stays unnamed."""

SLOT_SECONDS = 1_800
"""Signatures count until a full half-hour, the next but one: so a document has two jobs of a kind at most at a time."""

Reason = StrEnum("Reason", [(one.name, one.name) for one in DisputeReason if one])  # type: ignore[misc]
WITHDRAWAL = "withdrawal"


class ToDispute(BaseModel):
    """A document, by its receipt, and what is wrong with it; null withdraws the dispute, for good."""

    model_config = ConfigDict(extra="forbid")

    receipt: dict[str, Any] = Field(description="The receipt, as it was given out. It names the key that may sign.")
    reason: Reason | None = Field(description="null: the dispute is withdrawn.")


class SignedDispute(ToDispute):
    """The same with the subject's signature."""

    deadline: int = Field(ge=0, lt=2**40, description="As the message has it.")
    signature: Annotated[str, Field(pattern="^0x[0-9a-fA-F]{130}$")] = Field(
        description="r, s and v of an ordinary key, as `eth_signTypedData_v4` gives it."
    )


class ToSign(BaseModel):
    """The message that the subject's key signs (EIP-712), and until when that counts, Unix seconds."""

    subject: str
    deadline: int
    typed_data: dict[str, Any]


class Relayed(BaseModel):
    """How far it got. The same request again tells how far it is then, and sends nothing more."""

    submitter: str
    leaf: str
    subject: str
    reason: Reason | None
    state: JobState
    final: bool
    block_number: int | None


@dataclass(frozen=True)
class _Asked:
    """What a subject asks for: of which document, and why; None: to withdraw."""

    receipt: Receipt
    subject: str
    reason: DisputeReason | None

    def message(self, services: Services, deadline: int) -> Message:
        documents, place = services.ledger.documents, self.receipt.location
        if self.reason is None:
            return documents.subject_withdrawal(place.submitter, place.leaf, deadline)
        return documents.subject_dispute(place.submitter, place.leaf, self.reason, deadline)


@router.post("/message")
def message(services: OpenServices, body: ToDispute) -> ToSign:
    """What the subject's wallet is to sign, to dispute a document or to withdraw that. Nothing is sent yet."""
    asked = _asked(services, body)
    deadline = (services.connection.block_time() // SLOT_SECONDS + 2) * SLOT_SECONDS
    return ToSign(subject=asked.subject, deadline=deadline, typed_data=asked.message(services, deadline))


@router.post(
    "",
    status_code=201,
    responses={
        201: {"description": "In a block: see `block_number` and `final`."},
        202: {"model": Relayed, "description": "On disk, to be sent: ask the same again."},
    },
)
def dispute(services: OpenServices, body: SignedDispute, response: Response) -> Relayed:
    """Send a subject's dispute of a document that this organization anchored, or its withdrawal, and pay for it.

    On chain it publishes the subject's address and the document's content hash, never the salt.
    """
    asked = _asked(services, body)
    signature = _signature(services, asked, body)
    place, receipt = asked.receipt.location, asked.receipt
    why = WITHDRAWAL if asked.reason is None else asked.reason.name
    content = content_hash(
        receipt.organization, receipt.kind, receipt.canonicalization, _bytes(receipt.digest), _bytes(receipt.salt)
    )
    payload = {
        "place": [place.submitter, place.leaf, place.root, place.index, list(place.proof)],
        "content": content.hex(),
        "subject": asked.subject,
        "reason": why,
        "deadline": body.deadline,
        "signature": signature.hex(),
    }
    kind = WITHDRAWAL if asked.reason is None else "dispute"
    key = f"{kind} {place.submitter} {place.leaf} {body.deadline}"
    job = services.jobs.submit(RELAY, OWNER, orjson.dumps(payload), key, why.encode())
    job = services.jobs.wait(job.job_id, services.settings.wait_seconds)
    require_unfailed(job)
    response.status_code = 201 if job.state in ON_CHAIN else 202
    return Relayed(
        submitter=place.submitter,
        leaf=place.leaf,
        subject=asked.subject,
        reason=body.reason,
        state=job.state,
        final=job.state is JobState.FINAL,
        block_number=max(job.blocks.values(), default=None),
    )


def relaying(services: Services) -> Handler:
    """What performs the jobs of RELAY. What stands already is not sent again."""

    def perform(payload: bytes) -> dict[str, Any]:
        asked = orjson.loads(payload)
        submitter, leaf, root, index, proof = asked["place"]
        place = Location(submitter, leaf, root, index, tuple(proof))
        documents = services.ledger.documents
        subject, deadline, signature = asked["subject"], asked["deadline"], bytes.fromhex(asked["signature"])
        raised = documents.dispute_of(submitter, leaf, subject)
        if asked["reason"] == WITHDRAWAL:
            if _to_withdraw(raised):
                documents.relay_withdrawal(submitter, leaf, subject, deadline, signature)
        elif _to_raise(raised, reason := DisputeReason[asked["reason"]]):
            content = bytes.fromhex(asked["content"])
            documents.relay_dispute(place, content, subject, reason, deadline, signature)
        return {"submitter": submitter, "leaf": leaf, "subject": subject, "reason": asked["reason"]}

    return Handler(perform)


# ---------------------------------------------------------------------- inner


def _asked(services: Services, body: ToDispute) -> _Asked:
    """Raises what `Receipt.load` raises, InvalidInput for a receipt of elsewhere, ChainError; and Refused, status
    422 for a document without a subject or of another organization, 404 for one that is not anchored."""
    receipt = Receipt.load(orjson.dumps(body.receipt))
    anchors = services.ledger.governance.contract(ANCHOR).address
    if receipt.genesis_hash != services.ledger.deployment.genesis_hash or receipt.contract != anchors:
        raise InvalidInput("receipt", receipt.contract, "is of another chain, or of other contracts, than this gateway")
    if receipt.subject is None:
        raise Refused(422, "No subject", "the receipt names no key that may dispute the document")
    owner, _ = services.ledger.organizations.of_key(receipt.submitter)
    if owner != services.organization:
        raise Refused(422, "Not anchored here", "another organization anchored the document: dispute it at its gateway")
    if services.ledger.documents.status(receipt.location) is DocumentStatus.UNKNOWN:
        raise Refused(404, "Not anchored", "the chain knows no such document")
    return _Asked(receipt, receipt.subject, None if body.reason is None else DisputeReason[body.reason.name])


def _signature(services: Services, asked: _Asked, body: SignedDispute) -> bytes:
    """The signature in 64 bytes. Only an ordinary key's is sent: a contract account would be asked at this gateway's
    expense. Raises Refused, status 422, if it is another's, of another message, or over."""
    now = services.connection.block_time()
    if body.deadline % SLOT_SECONDS or not now < body.deadline <= now + 2 * SLOT_SECONDS:
        raise Refused(422, "Wrong deadline", "the time to sign is over, or not as this gateway gave it: sign anew")
    given = _bytes(body.signature)
    r, s = (int.from_bytes(given[start : start + 32], "big") for start in (0, 32))
    made = Signature(r, s, given[64] - 27)
    digest = typed_data_digest(asked.message(services, body.deadline))
    is_whole = made.parity in (0, 1) and made == made.in_lower_half()
    if not is_whole or recover(digest, made) != asked.subject:
        raise Refused(422, "Not the subject's", "the signature is not that of the key that the receipt names")
    return compact_signature(given)


def _to_raise(raised: Dispute | None, reason: DisputeReason) -> bool:
    """Raises Refused, status 409, if the subject disputed otherwise, or withdrew it: that is for good."""
    if raised is None:
        return True
    if raised.withdrawn_at or raised.reason is not reason:
        stands = "was withdrawn, for good" if raised.withdrawn_at else f"stands, as {raised.reason.name}"
        raise Refused(409, "Disputed already", f"the subject's dispute of this document {stands}")
    return False


def _to_withdraw(raised: Dispute | None) -> bool:
    """Raises Refused, status 409, if the subject did not dispute."""
    if raised is None:
        raise Refused(409, "Not disputed", "the subject has not disputed this document")
    return not raised.withdrawn_at


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
