"""What routes ask for, by type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.security import APIKeyCookie, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from careledger.gateway.access import Principal
from careledger.gateway.access.scopes import SCOPES
from careledger.gateway.access.sessions import Session
from careledger.gateway.problems import Refused
from careledger.gateway.services import Services
from careledger.gateway.signed_in import principal_of, require_own_request

__all__ = [
    "IdempotencyKey",
    "OpenServices",
    "OpenSession",
    "Prefer",
    "SessionId",
    "SignedIn",
    "allowed",
    "known",
    "wait_seconds",
]


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


OpenServices = Annotated[Services, Depends(_services)]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="The same key with the same content is the same job; with other content it is refused.",
        min_length=1,
        max_length=200,
    ),
]
Prefer = Annotated[
    str | None,
    Header(description="`respond-async` answers 202 at once; `wait=N` waits up to N seconds for the block (RFC 7240)."),
]

_bearer = HTTPBearer(auto_error=False, description="An access token of POST /token.", scheme_name="token")
_cookie = APIKeyCookie(
    name="__Host-careledger",
    auto_error=False,
    description="A session of a person; what changes something needs X-CSRF-Token.",
    scheme_name="session",
)


def _session_id(request: Request, services: OpenServices, _: Annotated[str | None, Depends(_cookie)]) -> str | None:
    return request.cookies.get(services.sessions.cookie.name)


def _session(
    request: Request, services: OpenServices, session_id: Annotated[str | None, Depends(_session_id)]
) -> Session:
    session = None if session_id is None else services.sessions.find(session_id)
    if session is None or session_id is None:
        raise Refused(401, "Not signed in", "a session is needed", ways=services.ways_to_sign_in)
    request.state.subject = session.subject
    require_own_request(services, request, session_id)
    return session


def _person(services: OpenServices, session: Annotated[Session, Depends(_session)]) -> Principal:
    return principal_of(services, session)


SessionId = Annotated[str, Depends(_session_id)]
OpenSession = Annotated[Session, Depends(_session)]
"""A session that a request has. The route answers 401 without one, and 403 for a request that changes something without
the session's CSRF token. `SessionId` is its id, beside this."""

SignedIn = Annotated[Principal, Depends(_person)]
"""Who is signed in. The route answers as for a session, and 403 if the register says that the organization is not
active."""


def _principal(
    request: Request,
    services: OpenServices,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    session_id: Annotated[str | None, Depends(_session_id)],
) -> Principal:
    if credentials is None and session_id is not None:
        return _person(services, _session(request, services, session_id))
    if credentials is None:
        raise Refused(
            401, "No token", "an access token of POST /token, or a session, is needed", {"WWW-Authenticate": "Bearer"}
        )
    principal = services.tokens.read(credentials.credentials)
    request.state.subject = principal.subject
    services.require_standing(principal.organization)
    return principal


def known(principal: Annotated[Principal, Depends(_principal)]) -> Principal:
    """The principal of a request, whatever its token or session may be used for."""
    return principal


def allowed(scope: str) -> Any:
    """The principal of a request, whose token or session must have a scope, or who is refused:
    `Annotated[Principal, allowed("documents.write")]`, or in a route's `dependencies` if it is not looked at.

    The route answers 401 without a valid token or session, 403 without the scope or the session's CSRF token, or if the
    register says that the organization is not active.
    """
    assert scope in SCOPES, scope

    def check(principal: Annotated[Principal, Depends(_principal)]) -> Principal:
        if scope not in principal.scopes:
            challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
            held = "token" if principal.kind == "system" else "session"
            raise Refused(
                403, "insufficient_scope", f"the {held} has no scope {scope}", challenge if held == "token" else None
            )
        return principal

    checked: Callable[..., Principal] = check
    return Depends(checked)


def wait_seconds(prefer: str | None, services: Services) -> float:
    """How long a request that asked for a job waits for it."""
    most = services.settings.wait_seconds
    for part in (prefer or "").split(","):
        name, _, value = part.strip().partition("=")
        if name == "respond-async":
            return 0
        if name == "wait" and value.isascii() and value.isdigit() and len(value) < 6:
            return min(int(value), most)
    return most
