"""`Claim/$submit` and `Claim/$inquire`, as Da Vinci PAS 2.2.1 has them."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter

from careledger.authorization.fhir.response_bundle import inquiry_result
from careledger.authorization.idempotency import Arrival
from careledger.gateway.access import Principal
from careledger.gateway.deps import IdempotencyKey, OpenServices, Prefer, allowed, wait_seconds
from careledger.gateway.fhir_claims import SUBMIT, Claims, read_sent, submission_payload
from careledger.gateway.fhir_outcomes import FHIR_JSON
from careledger.gateway.routes.fhir.exchange import (
    FhirBody,
    FhirResponse,
    body_schema,
    negotiated,
    outcomes,
    require_own,
    resource_schema,
)
from careledger.gateway.routes.fhir.jobs import job_response

__all__ = ["router"]

router = APIRouter(responses=outcomes(401, 403, 404, 406, 413, 415, 422, 429, 503))

BUDGET_SECONDS = 15
"""PAS: the answer comes within it. What remains when the job was waited for is for the answer."""
ANSWER_SECONDS = 2

Submitter = Annotated[Principal, allowed("system/Claim.c")]
Inquirer = Annotated[Principal, allowed("system/Claim.r")]

ANSWER: dict[str, Any] = {"content": {FHIR_JSON: {"schema": resource_schema("Bundle")}}}
SUBMITTED: dict[int | str, dict[str, Any]] = {
    200: {**ANSWER, "description": "It stood already: the ClaimResponse bundle, by what stands now."},
    201: {**ANSWER, "description": "In a block: the ClaimResponse bundle. What waits for a person is A4."},
    202: {
        "content": {FHIR_JSON: {"schema": resource_schema("OperationOutcome")}},
        "description": "On disk, to be done: the result is at Content-Location.",
    },
    **outcomes(409),
}


@router.post(
    "/Claim/$submit",
    response_class=FhirResponse,
    response_model=None,
    dependencies=[negotiated],
    responses=SUBMITTED,
    openapi_extra=body_schema("Bundle", "Parameters"),
)
def submit(
    services: OpenServices,
    submitter: Submitter,
    body: FhirBody,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> FhirResponse:
    """Submit a request, an update or an appeal: a PAS request Bundle, or Parameters with it as `resource`.

    The rules on chain decide it at once, or it waits for a person: A4. The same bundle again gets what stands; other
    content under its identifier is 409. Only systems of this gateway's own organization may.
    """
    until = time.monotonic() + BUDGET_SECONDS - ANSWER_SECONDS
    require_own(services, submitter)
    sent = read_sent(body)
    claims = Claims(services)
    asked = claims.parse(sent.bundle)
    plan = claims.plan(sent, asked)
    if plan.arrival is Arrival.REPEATED:
        claims.keep(plan.revision, asked, sent.bundle)  # it may have been sent another way
        return FhirResponse(claims.answer(asked))
    payload = submission_payload(sent, plan.received_at)
    job = services.jobs.submit(SUBMIT, submitter.subject, payload, idempotency_key, body)
    seconds = min(wait_seconds(prefer, services), max(0.0, until - time.monotonic()))
    return job_response(services, services.jobs.wait(job.job_id, seconds))


@router.post(
    "/Claim/$inquire",
    response_class=FhirResponse,
    response_model=None,
    dependencies=[negotiated],
    responses={200: {"content": {FHIR_JSON: {"schema": resource_schema("Parameters")}}}},
    openapi_extra=body_schema("Bundle"),
)
def inquire(services: OpenServices, inquirer: Inquirer, body: FhirBody) -> FhirResponse:
    """Ask how requests stand, by example: a PAS inquiry Bundle. Answered by Parameters with a bundle for each request
    of that patient that was submitted here, by identifier or all, or with none."""
    require_own(services, inquirer)
    return FhirResponse(inquiry_result(list(Claims(services).inquire(body))))
