"""Sign-in of people: with a wallet, or at the organization's OpenID Connect server; who is signed in; sign-out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from careledger.gateway.access import Principal
from careledger.gateway.access.oidc import RETURN_PATH, Callback, OpenIdSignIn
from careledger.gateway.access.sessions import pseudonym
from careledger.gateway.deps import OpenServices, OpenSession, SessionId, SignedIn
from careledger.gateway.problems import Refused, responses
from careledger.gateway.services import Services
from careledger.gateway.signed_in import of_key, require_same_origin
from careledger.gateway.web import LANGUAGES, TAG, language_of, render
from careledger.gateway.web.words import COOKIE

__all__ = ["router"]

router = APIRouter(prefix="/session", tags=["session"], responses=responses(401, 403, 422, 429, 503))

LONGEST_MESSAGE, LONGEST_SIGNATURE = 2_000, 20_000


class SessionView(BaseModel):
    """Who is signed in, for the pages. `subject` is a pseudonym."""

    subject: str
    organization: str = Field(description="Id of the organization of the register for which the person acts.")
    scopes: list[str]
    csrf_token: str = Field(description="To be sent as X-CSRF-Token with all that changes something.")
    expires_at: int = Field(description="Unix seconds; earlier if it is not used for `idle_seconds`.")
    idle_seconds: int


class Account(BaseModel):
    model_config = ConfigDict(extra="forbid")

    address: str = Field(pattern="^0x[0-9a-fA-F]{40}$", description="Of the wallet's account.")


class ToSign(BaseModel):
    """A message as EIP-4361 has it, to be signed by `personal_sign` within five minutes."""

    message: str


class SignedMessage(BaseModel):
    model_config = ConfigDict(extra="forbid")

    message: str = Field(max_length=LONGEST_MESSAGE, description="As it was given out.")
    signature: str = Field(max_length=LONGEST_SIGNATURE, pattern="^0x([0-9a-fA-F]{2})*$")


@router.get("")
def signed_in(services: OpenServices, session_id: SessionId, who: SignedIn) -> SessionView:
    """Who is signed in; 401 if nobody is."""
    return _view(services, session_id, who)


@router.delete("", status_code=204)
def sign_out(services: OpenServices, session_id: SessionId, _: OpenSession, response: Response) -> None:
    """End the session. What its cookie was is worth nothing from now on."""
    services.sessions.end(session_id)
    services.sessions.cookie.take_away(response)


@router.post("/wallet/nonce")
def wallet_message(services: OpenServices, account: Account) -> ToSign:
    """The message that an account is to sign."""
    return ToSign(message=services.wallets.message(account.address))


@router.post("/wallet", status_code=201)
def sign_in_with_wallet(
    services: OpenServices, request: Request, signed: SignedMessage, response: Response
) -> SessionView:
    """Sign in with a signed message. The account must be an active key of an active organization of the register."""
    require_same_origin(services, request)
    key = services.wallets.signer_of(signed.message, signed.signature)
    who = of_key(services, key)
    return _view(services, begin(services, request, response, who.subject, key), who)


@router.get(
    "/oidc/begin",
    status_code=303,
    tags=[TAG],
    responses={303: {"description": "To the server."}, **responses(404)},
)
def begin_at_server(
    services: OpenServices,
    to: Annotated[str, Query(pattern=RETURN_PATH, max_length=200, description="Page to return to.")] = "/",
) -> Response:
    """Sign in at the organization's OpenID Connect server: where the browser goes, and comes back from."""
    open_id = _open_id(services)
    url, attempt = open_id.begin(to)
    response = RedirectResponse(url, 303)
    open_id.cookie.give(response, attempt, open_id.seconds)
    return response


@router.get("/oidc/callback", response_class=HTMLResponse, tags=[TAG], responses=responses(400, 404))
def end_at_server(
    services: OpenServices,
    request: Request,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str | None, Query(max_length=4_000)] = None,
    error: Annotated[str | None, Query(max_length=200)] = None,
    iss: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """Where the server sends the browser back to. The person must be in this gateway's file of people. The answer is a
    page that goes on by itself: browsers send the session's cookie to where a page of this gateway's leads, and not
    to where another site redirects."""
    open_id = _open_id(services)
    back = Callback(state, None if error else code, iss)
    server_subject, to = open_id.finish(request.cookies.get(open_id.cookie.name), back)
    secret = services.settings.token_secret.get_secret_value()
    subject = pseudonym(secret, open_id.server.issuer, server_subject)
    request.state.subject = subject
    if services.people.known(subject) is None:
        raise Refused(403, "Not known here", "the server knows this person, and this gateway's file of people does not")
    services.require_standing(services.organization)
    response = _going_on(request, to)
    begin(services, request, response, subject)
    open_id.cookie.take_away(response)
    return response


def _going_on(request: Request, to: str) -> Response:
    """A page that leads to another one of this gateway's."""
    asked, in_path = request.headers.get("accept-language", ""), to.split("/")[1]
    language = in_path if in_path in LANGUAGES else language_of(request.cookies.get(COOKIE), asked)
    response = render(request, "signed-in", language, to=to)
    response.headers["Refresh"] = f"0; url={to}"
    response.headers["Cache-Control"] = "no-store"
    return response


def _open_id(services: Services) -> OpenIdSignIn:
    if services.open_id is None:
        raise Refused(404, "No such sign-in", "this gateway has no OpenID Connect server")
    return services.open_id


def begin(services: Services, request: Request, response: Response, subject: str, key: str | None = None) -> str:
    """Begins a session in place of the one that the request has, if any; returns its id."""
    sessions = services.sessions
    before = request.cookies.get(sessions.cookie.name)
    if before is not None:
        sessions.end(before)
    session_id = sessions.begin(subject, key)
    sessions.cookie.give(response, session_id, sessions.seconds)
    request.state.subject = subject
    return session_id


def _view(services: Services, session_id: str, who: Principal) -> SessionView:
    session = services.sessions.find(session_id)
    if session is None:
        raise Refused(401, "Not signed in", "the session has just ended")
    return SessionView(
        subject=who.subject,
        organization=who.organization,
        scopes=sorted(who.scopes),
        csrf_token=services.sessions.csrf_token(session_id),
        expires_at=session.expires_at,
        idle_seconds=services.sessions.idle_seconds,
    )
