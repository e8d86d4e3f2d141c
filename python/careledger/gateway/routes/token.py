"""Tokens for systems, and where a SMART client learns how to get one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from careledger.gateway.access.scopes import SCOPES
from careledger.gateway.access.tokens import ASSERTION_ALGORITHMS, ASSERTION_TYPE
from careledger.gateway.deps import OpenServices
from careledger.gateway.problems import Refused

__all__ = ["router"]

router = APIRouter(tags=["access"])


class Token(BaseModel):
    access_token: str
    token_type: Literal["bearer"]
    expires_in: int
    scope: str


class TokenError(BaseModel):
    """RFC 6749, section 5.2."""

    error: str
    error_description: str


@router.post("/token", responses={400: {"model": TokenError}, 401: {"model": TokenError}})
def token(
    services: OpenServices,
    grant_type: Annotated[str, Form(description="client_credentials")] = "",
    client_assertion_type: Annotated[str, Form(description=ASSERTION_TYPE)] = "",
    client_assertion: Annotated[str, Form(description="The signed assertion.")] = "",
    scope: Annotated[str, Form(description="What is asked for, separated by spaces.")] = "",
) -> Any:
    """An access token for a system that proves itself with its private key (SMART Backend Services)."""
    try:
        if grant_type != "client_credentials":
            raise Refused(400, "unsupported_grant_type", "only client_credentials", error="unsupported_grant_type")
        if client_assertion_type != ASSERTION_TYPE:
            raise Refused(400, "invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}")
        return services.tokens.give(client_assertion, scope)
    except Refused as error:
        body = {"error": error.values.get("error", "invalid_request"), "error_description": error.detail}
        return JSONResponse(body, error.status, {"Cache-Control": "no-store", "Pragma": "no-cache"})


@router.get("/.well-known/smart-configuration")
@router.get("/fhir/.well-known/smart-configuration", include_in_schema=False)
def smart_configuration(services: OpenServices) -> dict[str, Any]:
    """What SMART App Launch 2.2 has clients ask for first."""
    return {
        "issuer": services.settings.public_url,
        "token_endpoint": services.tokens.url,
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": sorted(SCOPES),
        "capabilities": ["client-confidential-asymmetric", "permission-v2"],
    }
