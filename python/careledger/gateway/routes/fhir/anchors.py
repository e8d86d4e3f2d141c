"""FHIR resources as documents: anchored by their digest, and not stored."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from careledger.anchoring import Canonicalization
from careledger.anchoring.canonical import digest
from careledger.authorization.fhir.resources import parse_resource
from careledger.gateway.access import Principal
from careledger.gateway.deps import IdempotencyKey, OpenServices, Prefer, allowed, wait_seconds
from careledger.gateway.fhir_outcomes import FHIR_JSON
from careledger.gateway.routes.documents import Digest, Expiry, Kind, anchor_job
from careledger.gateway.routes.fhir.exchange import (
    FhirBody,
    FhirResponse,
    body_schema,
    negotiated,
    outcomes,
    resource_schema,
)
from careledger.gateway.routes.fhir.jobs import job_response
from careledger.gateway.services import Services

__all__ = ["router"]

OUTCOME = {"content": {FHIR_JSON: {"schema": resource_schema("OperationOutcome")}}}
router = APIRouter(
    responses={
        201: {**OUTCOME, "description": "In a block; the OperationOutcome names the leaf and the receipt."},
        202: {**OUTCOME, "description": "On disk, to be done: the result is at Content-Location."},
        **outcomes(401, 403, 406, 409, 413, 415, 422, 429, 503),
    }
)

DocumentKind = Annotated[Kind, Query()]
DocumentExpiry = Annotated[Expiry, Query()]
OPTIONS: dict[str, Any] = {
    "status_code": 201,
    "response_class": FhirResponse,
    "response_model": None,
    "dependencies": [negotiated],
}


@router.post("/DocumentReference", openapi_extra=body_schema("DocumentReference"), **OPTIONS)
def document_reference(
    services: OpenServices,
    writer: Annotated[Principal, allowed("system/DocumentReference.c")],
    body: FhirBody,
    kind: DocumentKind = 0,
    expiry: DocumentExpiry = 0,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> FhirResponse:
    """Anchor a DocumentReference by its `fhir-json-static` digest. It is not stored."""
    terms = _terms("DocumentReference", body, kind, expiry)
    return _anchor(services, writer, terms, idempotency_key, prefer)


@router.post("/Bundle", openapi_extra=body_schema("Bundle"), **OPTIONS)
def bundle(
    services: OpenServices,
    writer: Annotated[Principal, allowed("system/Bundle.c")],
    body: FhirBody,
    kind: DocumentKind = 0,
    expiry: DocumentExpiry = 0,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> FhirResponse:
    """Anchor a Bundle by its `fhir-json-static` digest. It is not stored."""
    return _anchor(services, writer, _terms("Bundle", body, kind, expiry), idempotency_key, prefer)


def _terms(resource_type: str, body: bytes, kind: int, expiry: int) -> Digest:
    """Raises BundleRefused for what is no such resource."""
    parse_resource(body, resource_type)
    found = digest(Canonicalization.FHIR_JSON_STATIC, body)
    return Digest(
        digest="0x" + found.hex(), canonicalization=Canonicalization.FHIR_JSON_STATIC, kind=kind, expiry=expiry
    )


def _anchor(services: Services, writer: Principal, terms: Digest, key: str | None, prefer: str | None) -> FhirResponse:
    job = anchor_job(services, writer, terms, key)
    return job_response(services, services.jobs.wait(job.job_id, wait_seconds(prefer, services)))
