"""Errors as answers: problem+json (RFC 9457), whose status says whose fault it is.

What a caller sent wrong is 4xx and names the value. What the chain or the node could not do is 503 and says to come
again: an outage is never an answer about a document, a request or a pack.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from careledger.errors import (
    BookConflict,
    CareLedgerError,
    ChainError,
    ConfigurationError,
    ContractError,
    ContractUnpublished,
    DatabaseError,
    FeeTooHigh,
    IndexerError,
    InsufficientFunds,
    IntentConflict,
    InvalidInput,
    NodeBusy,
    NodeRefused,
    NodeUnreachable,
    NotAnchored,
    NotInBook,
    RequestConflict,
    UnknownOrganization,
    VaultError,
)
from careledger.gateway.fhir_outcomes import FHIR_JSON, is_fhir, outcome_of
from careledger.logs import logger
from careledger.vault import EntryConflict, EntryErased, EntryMissing

__all__ = [
    "PROBLEM",
    "Problem",
    "Refused",
    "detail_of",
    "install_problems",
    "problem_of",
    "problem_response",
    "responses",
]

PROBLEM = "application/problem+json"
TYPES = "urn:careledger:problem:"

STATUSES: tuple[tuple[type[CareLedgerError], int], ...] = (
    (ConfigurationError, 503),
    (UnknownOrganization, 422),
    (InvalidInput, 422),
    (RequestConflict, 409),
    (BookConflict, 409),
    (IntentConflict, 409),
    (ContractError, 409),
    (ContractUnpublished, 404),
    (EntryConflict, 409),
    (EntryErased, 410),
    (EntryMissing, 404),
    (NotInBook, 404),
    (NotAnchored, 404),
    (InsufficientFunds, 503),
    (FeeTooHigh, 503),
    (ChainError, 503),
    (IndexerError, 503),
    (DatabaseError, 503),
    (VaultError, 503),
    (CareLedgerError, 422),
)
"""By the first class that fits."""

INNER: tuple[tuple[type[CareLedgerError], str], ...] = (
    (NodeUnreachable, "the node of the chain does not answer; try again"),
    (NodeRefused, "the node of the chain cannot answer this now; try again"),
    (DatabaseError, "the gateway's database cannot be used now; try again"),
    (IndexerError, "the gateway's index cannot be used now; try again"),
    (VaultError, "the gateway's vault cannot be used now; try again"),
)
"""Errors whose own words name paths and hosts, which are nobody's business outside: they are in the log."""

RETRY_SECONDS = 5
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


class Problem(BaseModel):
    """RFC 9457, with the error's class and its values."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="The error's class, as a URN.")
    title: str
    status: int
    detail: str
    request_id: str | None = None


class Refused(Exception):
    """An answer that is a problem, raised by a route: `status`, and what is wrong in words."""

    def __init__(
        self, status: int, title: str, detail: str, headers: dict[str, str] | None = None, **values: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = headers or {}
        self.values = values


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route declares of its problems."""
    return {
        status: {"model": Problem, "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
        for status in statuses
    }


def status_of(error: CareLedgerError) -> int:
    """The HTTP status of an error."""
    return next(status for kind, status in STATUSES if isinstance(error, kind))


def problem_of(error: CareLedgerError) -> dict[str, Any]:
    """The body for an error: its class, what it says, and its fields."""
    kind = type(error).__name__
    body: dict[str, Any] = {"type": TYPES + kind, "title": kind, "status": status_of(error), "detail": str(error)}
    if isinstance(error, (EntryConflict, EntryErased, EntryMissing)):
        return {**body, "detail": error.problem}
    for inner, detail in INNER:
        if isinstance(error, inner):
            return {**body, "detail": detail}
    return {**{name: _plain(value) for name, value in error.fields().items()}, **body}


def detail_of(error: CareLedgerError) -> str:
    """What may be told of an error to anyone."""
    return str(problem_of(error)["detail"])


def problem_response(body: dict[str, Any], request: Request, headers: dict[str, str] | None = None) -> Response:
    """An answer with a problem's body; under /fhir it is an OperationOutcome."""
    body = {**body, "request_id": getattr(request.state, "request_id", None)}
    headers = dict(headers or {})
    if body["status"] == 503:
        headers.setdefault("Retry-After", str(RETRY_SECONDS))
    if is_fhir(request.url.path):
        return JSONResponse(outcome_of(body), body["status"], headers, media_type=FHIR_JSON)
    return JSONResponse(body, body["status"], headers, media_type=PROBLEM)


def install_problems(app: FastAPI) -> None:
    """Has an application answer its errors this way."""

    @app.exception_handler(CareLedgerError)
    def refuse(request: Request, error: CareLedgerError) -> Response:
        if isinstance(error, (DatabaseError, IndexerError)):
            logger("gateway").error("request.failed", error=type(error).__name__, detail=str(error))
        elif isinstance(error, VaultError):  # its words may name an entry
            logger("gateway").error("request.failed", error=type(error).__name__)
        headers = {"Retry-After": "30"} if isinstance(error, NodeBusy) else None
        return problem_response(problem_of(error), request, headers)

    @app.exception_handler(Refused)
    def refused(request: Request, error: Refused) -> Response:
        body = {"type": TYPES + error.title.replace(" ", "-").lower(), "title": error.title, "status": error.status}
        return problem_response({**body, "detail": error.detail, **error.values}, request, error.headers)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        wrong = [{"in": ".".join(str(part) for part in one["loc"]), "problem": one["msg"]} for one in error.errors()]
        detail = "; ".join(f"{one['in']}: {one['problem']}" for one in wrong)
        body = {"type": TYPES + "InvalidInput", "title": "InvalidInput", "status": 422, "detail": detail}
        return problem_response({**body, "errors": wrong}, request)

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        body = {"type": "about:blank", "title": str(error.detail), "status": error.status_code}
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_methods_of(request))
        return problem_response({**body, "detail": str(error.detail)}, request, headers)

    @app.exception_handler(Exception)
    def failed(request: Request, error: Exception) -> Response:
        # Its text may hold what was submitted: only the class is told and logged.
        logger("gateway").error("request.crashed", error=type(error).__name__, path=_route_of(request))
        body = {"type": "about:blank", "title": "Internal Server Error", "status": 500}
        return problem_response({**body, "detail": "This gateway failed; the request id is in its log."}, request)


def _methods_of(request: Request) -> list[str]:
    """What can be asked of a path: each method may have a route of its own."""
    routes = request.app.routes
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _route_of(request: Request) -> str:
    route = request.scope.get("route")
    return str(getattr(route, "path", "unknown"))


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, (str, int, bool)) or value is None:
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return str(value)
