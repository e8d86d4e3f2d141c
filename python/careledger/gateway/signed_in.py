"""Who a session stands for now, by the register and the file of people, and whether a request of it is its own."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from careledger.contract_enums import KeyStatus
from careledger.gateway.access import Principal
from careledger.gateway.access.roles import VISITOR_SCOPES, scopes_of
from careledger.gateway.access.sessions import Session
from careledger.gateway.problems import Refused

if TYPE_CHECKING:
    from starlette.requests import Request

    from careledger.gateway.services import Services

__all__ = ["CSRF_HEADER", "SAFE_METHODS", "of_key", "principal_of", "require_own_request", "require_same_origin"]

CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def principal_of(services: Services, session: Session) -> Principal:
    """Who acts in a session. Raises Refused: 401 if the person may sign in no more, 403 as `of_key` and
    `Services.require_standing` do."""
    if session.key is not None:
        return of_key(services, session.key)
    person = services.people.known(session.subject)
    if person is None:
        raise Refused(401, "Not signed in", "this person may sign in no more")
    services.require_standing(services.organization)
    return Principal(session.subject, services.organization, person.scopes, "person")


def of_key(services: Services, key: str) -> Principal:
    """Who acts with a wallet. People of another organization get what the chain shows to everyone.

    Raises Refused, status 403, for a key that is no active one of an active organization's.
    """
    organization, status = services.ledger.organizations.of_key(key)
    if organization is None:
        raise Refused(403, "No member's key", "the register knows this account as nobody's key")
    if status is not KeyStatus.ACTIVE:
        raise Refused(403, "Key not active", f"the key is {status.name.lower()} in the register")
    membership = services.require_standing(organization)
    scopes = scopes_of(membership.member_roles)
    if organization != services.organization:
        scopes &= VISITOR_SCOPES
    return Principal(services.wallets.pseudonym(key), organization, scopes, "person")


def require_own_request(services: Services, request: Request, session_id: str) -> None:
    """Raises Refused, status 403, for a request that changes something and was not made by a page of this gateway's."""
    if request.method in SAFE_METHODS:
        return
    require_same_origin(services, request)
    given = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), services.sessions.csrf_token(session_id).encode()):
        raise Refused(403, "No CSRF token", f"{CSRF_HEADER} must be the csrf_token of GET /session")


def require_same_origin(services: Services, request: Request) -> None:
    """Raises Refused, status 403, for a request that browsers do not tell to be of a page of this gateway's."""
    parts = urlsplit(services.settings.public_url)
    own = f"{parts.scheme}://{parts.netloc}"
    site = request.headers.get("sec-fetch-site", "same-origin")
    if request.headers.get("origin", "") != own or site != "same-origin":
        raise Refused(403, "Another origin", f"only pages of {own} may ask for this")
