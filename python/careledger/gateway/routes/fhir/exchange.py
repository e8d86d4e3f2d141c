"""What FHIR requests and answers have in common: their media type, bodies and declared errors."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.responses import JSONResponse

from careledger.authorization.fhir.resources import dump
from careledger.gateway.access import Principal
from careledger.gateway.fhir_outcomes import FHIR_JSON
from careledger.gateway.problems import Refused
from careledger.gateway.services import Services
from careledger.identity.identifiers import organization_id

__all__ = ["FhirBody", "FhirResponse", "body_schema", "negotiated", "outcomes", "require_own", "resource_schema"]

JSON_TYPES = frozenset({FHIR_JSON, "application/json"})
FORMATS = JSON_TYPES | {"json"}
ACCEPTED_TYPES = JSON_TYPES | {"application/*", "*/*"}


class FhirResponse(JSONResponse):
    """A resource. Its numbers stand as they came."""

    media_type = FHIR_JSON

    def render(self, content: Any) -> bytes:
        return dump(content)


def resource_schema(resource_type: str) -> dict[str, Any]:
    """What OpenAPI is told of a resource: its shape is FHIR's."""
    return {
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"const": resource_type}},
        "externalDocs": {"url": f"https://hl7.org/fhir/R4/{resource_type.lower()}.html"},
    }


def outcomes(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route declares of its errors."""
    return {status: {"content": {FHIR_JSON: {"schema": resource_schema("OperationOutcome")}}} for status in statuses}


def body_schema(*resource_types: str) -> dict[str, Any]:
    """What a route declares of its body, as `openapi_extra`."""
    kinds = [resource_schema(one) for one in resource_types]
    schema = kinds[0] if len(kinds) == 1 else {"oneOf": kinds}
    return {"requestBody": {"required": True, "content": {FHIR_JSON: {"schema": schema}}}}


def _negotiated(
    request: Request,
    asked_format: Annotated[
        str | None,
        Query(alias="_format", description="Instead of Accept.", json_schema_extra={"enum": sorted(FORMATS)}),
    ] = None,
) -> None:
    if asked_format is not None:
        known = asked_format.replace(" ", "+").lower() in FORMATS
    else:
        wanted = request.headers.get("accept", "*/*").split(",")
        known = any(one.partition(";")[0].strip().lower() in ACCEPTED_TYPES for one in wanted)
    if not known:
        raise Refused(406, "Not in that format", f"answers are {FHIR_JSON}")


negotiated = Depends(_negotiated)
"""The route answers 406 to who does not take JSON."""


async def _body(request: Request) -> bytes:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in JSON_TYPES:
        raise Refused(415, "Not in that format", f"a body must be {FHIR_JSON}")
    return await request.body()


FhirBody = Annotated[bytes, Depends(_body)]


def require_own(services: Services, principal: Principal) -> None:
    """Nobody acts as another organization, or sees what it did. Raises Refused, status 403."""
    if organization_id(principal.organization) != services.organization:
        own = services.settings.organization
        raise Refused(403, "Another organization", f"this gateway acts for {own}, and only its own systems have it act")
