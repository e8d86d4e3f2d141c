"""What came of a request that was answered 202."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from careledger.gateway.access import Principal
from careledger.gateway.deps import OpenServices, known
from careledger.gateway.fhir_claims import SUBMIT, Claims
from careledger.gateway.fhir_outcomes import FHIR_JSON, told
from careledger.gateway.jobs import Job, JobState
from careledger.gateway.jobs.types import ON_CHAIN
from careledger.gateway.problems import Refused
from careledger.gateway.routes.documents import ANCHOR
from careledger.gateway.routes.fhir.exchange import FhirResponse, negotiated, outcomes, resource_schema
from careledger.gateway.routes.jobs import require_unfailed
from careledger.gateway.services import Services

__all__ = ["job_response", "router"]

router = APIRouter(responses=outcomes(401, 403, 404, 406, 409, 410, 422, 429, 503))

Reader = Annotated[Principal, Depends(known)]
JobId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
EITHER = {"oneOf": [resource_schema("Bundle"), resource_schema("OperationOutcome")]}


@router.get(
    "/jobs/{job_id}",
    response_class=FhirResponse,
    response_model=None,
    dependencies=[negotiated],
    responses={
        200: {"content": {FHIR_JSON: {"schema": EITHER}}, "description": "What it came to, as the request asked."},
        202: {
            "content": {FHIR_JSON: {"schema": resource_schema("OperationOutcome")}},
            "description": "On its way: come again.",
        },
    },
)
def job(services: OpenServices, reader: Reader, job_id: JobId) -> FhirResponse:
    """The result of one of this client's jobs, or that it is on its way. What failed is answered as its error."""
    response = job_response(services, services.jobs.get(job_id, reader.subject))
    if response.status_code == 201:
        response.status_code = 200
    return response


def job_response(services: Services, found: Job) -> FhirResponse:
    """The answer to the request that made a job: 201 for what is on chain, 202 for what is on its way.

    Raises Refused for what failed, and status 404 for a job of another kind.
    """
    if found.kind not in (SUBMIT, ANCHOR):
        raise Refused(404, "Unknown job", f"{found.job_id} has no answer in FHIR")
    require_unfailed(found)
    address = f"{services.settings.public_url}/fhir/jobs/{found.job_id}"
    headers = {"Content-Location": address, "Location": address}
    if found.state not in ON_CHAIN or found.result is None:
        text = f"It is durably queued, and not in a block yet: its result will be at {address}."
        return FhirResponse(told(text), 202, {**headers, "Retry-After": "2", "X-Progress": found.state.value})
    headers["X-Final"] = "true" if found.state is JobState.FINAL else "false"
    block_number = max(found.blocks.values(), default=None)
    if block_number is not None:
        headers["X-Block-Number"] = str(block_number)
    if found.kind == ANCHOR:
        where = "" if block_number is None else f" in block {block_number}"
        receipt = f"{services.settings.public_url}{found.result['receipt']}"
        text = f"Anchored as {found.result['leaf']}{where}; when that is final, its receipt is at {receipt}."
        return FhirResponse(told(text), 201, headers)
    claims = Claims(services)
    return FhirResponse(claims.answer(claims.kept(found.result["kept"])), 201, headers)
