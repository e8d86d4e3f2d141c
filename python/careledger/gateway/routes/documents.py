"""Documents: anchored, verified, and their receipts. A file is read to be hashed, and never stored."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, File, Form, Path, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from careledger.anchoring import Canonicalization, Receipt
from careledger.anchoring.canonical import digest
from careledger.anchoring.fingerprint import Fingerprint
from careledger.anchoring.leaf import new_salt
from careledger.anchoring.receipt_vault import ReceiptVault
from careledger.anchoring.verification import NodeChecker, verify, verify_digest
from careledger.chain.deployment.suite import ANCHOR as ANCHORS
from careledger.gateway.access import Principal
from careledger.gateway.deps import IdempotencyKey, OpenServices, Prefer, allowed, wait_seconds
from careledger.gateway.jobs import Handler, Job
from careledger.gateway.problems import Refused, responses
from careledger.gateway.routes.jobs import ACCEPTED, JobView, answer
from careledger.gateway.services import Services

__all__ = ["ANCHOR", "Digest", "Expiry", "Kind", "anchor_job", "anchoring", "router"]

router = APIRouter(prefix="/documents", tags=["documents"], responses=responses(401, 403, 413, 422, 429, 503))

ANCHOR = "documents.anchor"
"""The kind of the jobs that anchor one document."""

Word = Annotated[str, Field(pattern="^0x[0-9a-f]{64}$")]
Kind = Annotated[int, Field(ge=0, lt=2**16, description="Coarse class of the document, shown on chain; 0: none.")]
Expiry = Annotated[int, Field(ge=0, lt=2**40, description="Unix seconds from which it is in force no more; 0: never.")]
Writer = Annotated[Principal, allowed("documents.write")]


class Digest(BaseModel):
    """A document that stays where it is: its digest is what comes here."""

    model_config = ConfigDict(extra="forbid")

    digest: Word = Field(description="SHA-256 of the document's canonical bytes.")
    canonicalization: Canonicalization = Canonicalization.RAW
    kind: Kind = 0
    expiry: Expiry = 0


class ToVerify(BaseModel):
    """A receipt, and the digest of the file that is said to be its document, by the receipt's canonicalization."""

    model_config = ConfigDict(extra="forbid")

    receipt: dict[str, Any] = Field(description="The receipt, as it was given out.")
    digest: Word | None = Field(default=None, description="Without it, only the receipt is verified.")


@router.post("/digests", status_code=201, responses={**ACCEPTED, **responses(409)})
def anchor_digest(
    services: OpenServices,
    writer: Writer,
    body: Digest,
    response: Response,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> JobView:
    """Anchor a document by its digest. The salt is made here, and lies in this gateway's vault with the receipt."""
    if body.canonicalization is Canonicalization.JSON_FIELDS:
        raise Refused(422, "Not by digest", "json-fields needs the tree of salted fields: `careledger anchor` makes it")
    job = anchor_job(services, writer, body, idempotency_key)
    return answer(services.jobs.wait(job.job_id, wait_seconds(prefer, services)), response)


@router.post("", status_code=201, responses={**ACCEPTED, **responses(409)})
def anchor_file(
    services: OpenServices,
    writer: Writer,
    file: Annotated[UploadFile, File(description="The document. It is hashed, and not stored.")],
    response: Response,
    canonicalization: Annotated[Canonicalization, Form()] = Canonicalization.RAW,
    kind: Annotated[Kind, Form()] = 0,
    expiry: Annotated[Expiry, Form()] = 0,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> JobView:
    """Anchor a document. With `Idempotency-Key` the same document is anchored once."""
    if canonicalization is Canonicalization.JSON_FIELDS:
        raise Refused(422, "Not here", "json-fields needs a tree of salted fields: `careledger anchor` makes it")
    found = digest(canonicalization, file.file.read())
    terms = Digest(digest="0x" + found.hex(), canonicalization=canonicalization, kind=kind, expiry=expiry)
    job = anchor_job(services, writer, terms, idempotency_key)
    return answer(services.jobs.wait(job.job_id, wait_seconds(prefer, services)), response)


@router.post("/verify")
def verify_receipt(services: OpenServices, body: ToVerify) -> dict[str, Any]:
    """What holds of a receipt's document now, in one of eight distinct answers. Open to everyone.

    That the chain could not be asked is the answer `could not check`, never one about the document.
    """
    receipt = Receipt.load(orjson.dumps(body.receipt))
    checker = _checker(services)
    if body.digest is None:
        return checker.check(receipt).to_dict()
    return verify_digest(bytes.fromhex(body.digest[2:]), receipt, checker).to_dict()


@router.post("/verify/files")
def verify_file(
    services: OpenServices,
    file: Annotated[UploadFile, File(description="The document. It is hashed, and not stored.")],
    receipt: Annotated[UploadFile, File(description="Its receipt.")],
) -> dict[str, Any]:
    """The same for a file that is sent here."""
    loaded = Receipt.load(receipt.file.read())
    return verify(file.file.read(), loaded, _checker(services)).to_dict()


@router.get(
    "/{leaf}/receipt",
    dependencies=[allowed("documents.read")],
    responses={**responses(404, 410), 200: {"content": {"application/json": {}}}},
)
def receipt(services: OpenServices, leaf: Annotated[str, Path(pattern="^0x[0-9a-f]{64}$")]) -> Response:
    """The receipt of a document that was anchored here and is final. It holds the salt: whoever has it and the file
    can verify, and so can guess at the file."""
    found = ReceiptVault(services.vault).get(leaf)
    headers = {"Content-Disposition": f'attachment; filename="{leaf}.receipt.json"'}
    return Response(found.dump(), media_type="application/json", headers=headers)


def anchoring(services: Services) -> Handler:
    """What performs the jobs of ANCHOR."""

    def perform(payload: bytes) -> dict[str, Any]:
        fingerprint, expiry = _load(payload)
        found = services.ledger.documents.anchor(fingerprint, expiry)
        return {
            "leaf": found.leaf,
            "submitter": found.submitter,
            "anchored_at": found.anchored_at,
            "block_number": found.block_number,
            "block_hash": found.block_hash,
            "transaction_hash": found.transaction_hash,
            "receipt": f"/documents/{found.leaf}/receipt",
        }

    def settle(payload: bytes) -> None:
        fingerprint, _ = _load(payload)
        ReceiptVault(services.vault).put([("", services.ledger.documents.receipt(fingerprint))])

    return Handler(perform, settle)


def anchor_job(services: Services, writer: Principal, terms: Digest, key: str | None) -> Job:
    """The job that anchors a document, with a salt made here. Raises Refused as `Jobs.submit` does."""
    payload = {
        "organization": services.organization,
        "kind": terms.kind,
        "canonicalization": terms.canonicalization.value,
        "digest": terms.digest[2:],
        "salt": new_salt().hex(),
        "expiry": terms.expiry,
    }
    content = orjson.dumps({name: value for name, value in payload.items() if name != "salt"})
    return services.jobs.submit(ANCHOR, writer.subject, orjson.dumps(payload), key, content)


def _load(payload: bytes) -> tuple[Fingerprint, int]:
    kept = orjson.loads(payload)
    fingerprint = Fingerprint(
        kept["organization"],
        kept["kind"],
        Canonicalization.named(kept["canonicalization"]),
        bytes.fromhex(kept["digest"]),
        None,
        bytes.fromhex(kept["salt"]),
    )
    return fingerprint, kept["expiry"]


def _checker(services: Services) -> NodeChecker:
    anchors = services.ledger.governance.contract(ANCHORS)
    return NodeChecker(services.connection, anchors, services.ledger.organizations)
