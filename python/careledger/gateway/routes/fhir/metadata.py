"""What this gateway serves of FHIR, as it stands."""

from __future__ import annotations

import datetime as dt
from typing import Any

from fastapi import APIRouter

from careledger._version import __version__
from careledger.gateway.deps import OpenServices
from careledger.gateway.fhir_outcomes import FHIR_JSON
from careledger.gateway.fhir_subscriptions import TOPIC
from careledger.gateway.routes.fhir.exchange import FhirResponse, negotiated, outcomes, resource_schema
from careledger.gateway.services import Services

__all__ = ["router"]

router = APIRouter(responses=outcomes(406, 429))

PAS = "http://hl7.org/fhir/us/davinci-pas/"
SECURITY_SERVICE = "http://terminology.hl7.org/CodeSystem/restful-security-service"
OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"

SUBMIT = {
    "name": "submit",
    "definition": f"{PAS}OperationDefinition/Claim-submit",
    "documentation": "By systems of the organization that the gateway acts for. 202 if it is not in a block in time.",
}
INQUIRE = {"name": "inquire", "definition": f"{PAS}OperationDefinition/Claim-inquiry"}
TOLD = f"Rest-hook, to {TOPIC}, with an empty payload. The endpoint's host must be allowed by this gateway's settings."
SUBSCRIPTION = [{"code": code} for code in ("create", "read", "delete")]
ANCHORED = "Anchored by its digest (fhir-json-static); the resource is not stored, and cannot be read."


@router.get(
    "/metadata",
    response_class=FhirResponse,
    response_model=None,
    dependencies=[negotiated],
    responses={200: {"content": {FHIR_JSON: {"schema": resource_schema("CapabilityStatement")}}}},
)
def metadata(services: OpenServices) -> FhirResponse:
    """The CapabilityStatement. Open to everyone."""
    return FhirResponse(capability_statement(services))


def capability_statement(services: Services) -> dict[str, Any]:
    """What is served: claims only if an insurer and its rules are set."""
    settings = services.settings
    resources: list[dict[str, Any]] = [_anchored("Bundle"), _anchored("DocumentReference")]
    if settings.payer is not None and settings.rules is not None:
        resources.append({"type": "Claim", "operation": [SUBMIT, INQUIRE]})
        resources.append({"type": "Subscription", "documentation": TOLD, "interaction": SUBSCRIPTION})
    security = {
        "cors": bool(settings.cors_origins),
        "service": [{"coding": [{"system": SECURITY_SERVICE, "code": "SMART-on-FHIR"}]}],
        "description": "SMART Backend Services: a token of the token endpoint, for each request.",
        "extension": [{"url": OAUTH_URIS, "extension": [{"url": "token", "valueUri": services.tokens.url}]}],
    }
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": dt.datetime.fromtimestamp(services.started_at, dt.UTC).isoformat(),
        "kind": "instance",
        "software": {"name": "careledger gateway", "version": __version__},
        "implementation": {
            "description": f"The gateway of {settings.organization}",
            "url": f"{settings.public_url}/fhir",
        },
        "fhirVersion": "4.0.1",
        "format": [FHIR_JSON, "json"],
        "rest": [{"mode": "server", "security": security, "resource": resources}],
    }


def _anchored(resource_type: str) -> dict[str, Any]:
    interaction = {"code": "create", "documentation": ANCHORED}
    return {"type": resource_type, "interaction": [interaction], "versioning": "no-version"}
