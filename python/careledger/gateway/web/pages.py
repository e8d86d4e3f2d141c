"""Pages out of templates, the static files they name, and errors as pages for those who ask for HTML."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException

from careledger.errors import CareLedgerError, ChainError, DatabaseError
from careledger.gateway.access import Principal
from careledger.gateway.problems import Refused
from careledger.gateway.services import Services
from careledger.gateway.signed_in import principal_of
from careledger.gateway.web.words import COOKIE, LANGUAGES, Words, language_of, words

__all__ = ["PAGES", "TAG", "Page", "install_error_pages", "render", "static_file"]

TAG = "console"
"""Of the routes whose errors are pages."""

TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Page:
    """A page of the console.

    `path` is its address after the language, `name` that of its template, and `groups` are those of the words that its
    script says. `scope` is what a person must be allowed to see it, and `setting` what the gateway must have set:
    without it the page is not served.
    """

    path: str
    name: str
    groups: tuple[str, ...] = ()
    scope: str | None = None
    setting: str | None = None
    is_in_navigation: bool = True

    def is_served(self, services: Services) -> bool:
        return self.setting is None or getattr(services.settings, self.setting) is not None

    def is_shown_to(self, reader: Reader) -> bool:
        """Whether the navigation names it: to those who are not signed in, every page that signing in may open."""
        return self.is_in_navigation and (reader.who is None or reader.may(self.scope))


_OF_DOCUMENTS = ("files", "verify", "answers", "doubts", "parts", "reasons")
_OF_REGISTER = ("organizations", "standings", "member_roles", "key_statuses")
_OF_GOVERNANCE = ("governance", "contract_roles", "operation_states")
_OF_GOODS = ("unit_statuses", "recall_classes", "recall_reasons")
_OF_CLAIMS = (
    "claims",
    "line_statuses",
    "line_actions",
    "line_bases",
    "claim_statuses",
    "claim_findings",
    "quantities",
    "files",
)
_OF_COSTS = ("explaining", "estimating", "claims", "claim_statuses", "claim_findings", "quantities")
_OF_DESK = (
    "desk",
    "desk_waits",
    "desk_bases",
    "desk_steps",
    "desk_refusals",
    "claimdesk",
    "claim_findings",
    "quantities",
)
_OF_PACKS = ("packs", "pack_answers", "code_faults", "trace", "pack_acts", "cold")
PAGES = (
    Page("/verify", "verify", _OF_DOCUMENTS),
    Page("/history", "history", ("files", "history", "document_acts", "timeline", "reasons")),
    Page("/patient", "patient", ("patient", "disputing", *_OF_DOCUMENTS, "document_acts", "timeline", *_OF_COSTS)),
    Page("/organizations", "organizations", (*_OF_REGISTER, *_OF_GOVERNANCE)),
    Page("/claims", "claims", _OF_CLAIMS, "claims.read", "payer"),
    Page("/packs", "packs", (*_OF_PACKS, *_OF_GOODS), "units.read", "supply"),
    Page("/recalls", "recalls", ("recalls", *_OF_GOODS), "recalls.read", "supply"),
    Page("/pilot", "pilot", ("pilot", "alerts", "alert_rules", "line_bases"), "reports.read"),
    Page("/desk", "desk", _OF_DESK, "reviews.read", "payer"),
    Page("/sign-in", "sign-in", ("sign_in",), is_in_navigation=False),
)
"""In the order of the navigation."""


SIGN_IN = "/sign-in"


@dataclass(frozen=True)
class Reader:
    """Who looks at a page: nobody, or a person with a session. `csrf_token` is that of the session, and `refused` says
    why the register no longer lets its person in."""

    who: Principal | None = None
    csrf_token: str = ""
    refused: str | None = None

    def may(self, scope: str | None) -> bool:
        return scope is None or (self.who is not None and scope in self.who.scopes)


def _reader(request: Request, services: Services) -> Reader:
    session_id = request.cookies.get(services.sessions.cookie.name)
    try:
        session = None if session_id is None else services.sessions.find(session_id)
    except DatabaseError:
        session = None
    if session is None or session_id is None:
        return Reader()
    csrf_token = services.sessions.csrf_token(session_id)
    try:
        return Reader(principal_of(services, session), csrf_token)
    except Refused as refusal:
        return Reader(csrf_token=csrf_token, refused=refusal.detail)
    except ChainError:
        return Reader(csrf_token=csrf_token)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("careledger.gateway.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


@cache
def _static() -> tuple[str, dict[str, bytes]]:
    """The static files by name, and a word that changes with any of them: it is in their address, so that browsers
    may keep them."""
    folder = resources.files(__package__).joinpath("static")
    files = {one.name: one.read_bytes() for one in sorted(folder.iterdir(), key=lambda one: one.name)}
    together = hashlib.sha256(b"".join(name.encode() + content for name, content in files.items()))
    return together.hexdigest()[:16], files


def static_file(version: str, name: str) -> Response:
    """A static file of this version. Raises HTTPException, status 404."""
    current, files = _static()
    if version != current or name not in files:
        raise HTTPException(404)
    suffix = name[name.rfind(".") :]
    kind = TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")
    return Response(files[name], media_type=kind, headers={"Cache-Control": "public, max-age=31536000, immutable"})


def render(
    request: Request, template: str, language: str, *, page: Page | None = None, status: int = 200, **values: Any
) -> Response:
    """A page, in a language that is remembered for the next visit. Who is not signed in where that is needed is sent
    there first, and who may not see it gets a page that says so. Raises HTTPException, status 404, for one that this
    gateway does not serve."""
    services: Services = request.app.state.services
    if page is not None and not page.is_served(services):
        raise HTTPException(404)
    reader = _reader(request, services)
    if page is not None and not reader.may(page.scope):
        if not reader.csrf_token:
            return RedirectResponse(f"/{language}{SIGN_IN}?{urlencode({'to': f'/{language}{page.path}'})}", 303)
        template, status = "closed", 403
    say = words(language)
    other = next(one for one in LANGUAGES if one != language)
    html = (
        _templates()
        .get_template(f"{template}.html")
        .render(
            say=say,
            language=language,
            other=other,
            pages=[one for one in PAGES if one.is_served(services) and one.is_shown_to(reader)],
            page=page,
            reader=reader,
            ways=services.ways_to_sign_in,
            there=f"/{other}{page.path}{_query(request)}" if page else f"/{other}/verify",
            sign_in=f"/{language}{SIGN_IN}?{urlencode({'to': f'/{language}{(page or PAGES[0]).path}'})}",
            static=f"/static/{_static()[0]}",
            organization=services.settings.organization,
            organization_id=services.organization,
            chain=services.connection.chain_id,
            settings=services.settings,
            texts=_texts(say, page),
            **values,
        )
    )
    response = HTMLResponse(html, status)
    response.headers["Content-Language"] = language
    response.headers["Vary"] = "Accept, Accept-Language, Cookie"
    response.headers["Cache-Control"] = "no-store" if reader.csrf_token else "no-cache"
    if page is not None and request.cookies.get(COOKIE) != language:
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, language, 365 * 86_400, httponly=True, samesite="lax", secure=secure)
    return response


def _query(request: Request) -> str:
    return f"?{request.url.query}" if request.url.query else ""


def install_error_pages(app: FastAPI) -> None:
    """Has an application tell its errors as pages to browsers: where there is no route, and on the console's own. All
    other errors stay as they are."""
    for kind in (HTTPException, RequestValidationError, CareLedgerError, Refused, Exception):
        app.add_exception_handler(kind, _paged(app.exception_handlers[kind]))


def _paged(handler: Callable[..., Any]) -> Callable[[Request, Exception], Response]:
    def answer(request: Request, error: Exception) -> Response:
        found: Response = handler(request, error)
        if not _is_for_people(request):
            return found
        path = request.url.path.split("/")
        in_path = path[1] if path[1] in LANGUAGES else None
        language = in_path or language_of(request.cookies.get(COOKIE), request.headers.get("accept-language", ""))
        template = "not-signed-in" if request.url.path.startswith("/session/oidc/") else "error"
        told: dict[str, Any] = {
            "number": found.status_code,
            "title": error.title if isinstance(error, Refused) else "",
            "id": getattr(request.state, "request_id", ""),
        }
        return render(request, template, language, status=found.status_code, **told)

    return answer


def _is_for_people(request: Request) -> bool:
    if request.method not in {"GET", "HEAD"} or "text/html" not in request.headers.get("accept", ""):
        return False
    route = request.scope.get("route")
    return route is None or TAG in getattr(route, "tags", ())


def _texts(say: Words, page: Page | None) -> dict[str, str]:
    return say.of("site", *(page.groups if page else ()))
