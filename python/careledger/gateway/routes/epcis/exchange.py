"""What EPCIS requests and answers have in common: the standard's errors, headers, and pages."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from careledger.errors import CareLedgerError
from careledger.gateway.problems import Refused, problem_of, problem_response, responses, status_of

__all__ = [
    "ERRORS",
    "EpcisRoute",
    "JsonTaken",
    "Next",
    "PerPage",
    "Position",
    "epcis_responses",
    "exception",
    "link",
    "time_text",
    "token_of",
]

VERSIONS = {
    "GS1-EPCIS-Version": "2.0.0",
    "GS1-EPCIS-Min": "1.2.0",
    "GS1-EPCIS-Max": "2.0.0",
    "GS1-CBV-Version": "2.0.0",
    "GS1-CBV-Min": "1.2.0",
    "GS1-CBV-Max": "2.0.0",
}
TOKEN_SECONDS = 86_400
MOST_PER_PAGE = 1_000
JSON_TYPES = frozenset({"application/json", "application/ld+json", "application/*", "*/*"})

ERRORS = {
    400: "ValidationException",
    401: "SecurityException",
    403: "SecurityException",
    404: "NoSuchResourceException",
    406: "NotAcceptableException",
    409: "ResourceAlreadyExistsException",
    413: "CaptureLimitExceededException",
    415: "UnsupportedMediaTypeException",
}
"""What the standard calls errors, by status. Of a query, 400 is a QueryParameterException, and 413 a
QueryTooLargeException."""

QUERY_ERRORS = {**ERRORS, 400: "QueryParameterException", 413: "QueryTooLargeException"}


def epcis_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route declares of its errors."""
    return responses(400, 401, 403, 406, 413, 429, 503, *statuses)


def exception(status: int, kind: str, detail: str) -> dict[str, Any]:
    """A problem as the standard shapes it."""
    return {"type": f"epcisException:{kind}", "title": kind, "status": status, "detail": detail}


class EpcisRoute(APIRoute):
    """Answers with the standard's versions, and its errors. What is the gateway's own trouble, 503, is told as
    elsewhere."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                response = await handler(request)
            except (CareLedgerError, Refused, RequestValidationError) as error:
                response = _refused(error, request)
            for name, value in VERSIONS.items():
                response.headers[name] = value
            return response

        return told


def _refused(error: CareLedgerError | Refused | RequestValidationError, request: Request) -> Response:
    headers: dict[str, str] = {}
    if isinstance(error, RequestValidationError):
        status, more = 400, {}
        detail = "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors())
    elif isinstance(error, Refused):
        status, detail, headers, more = error.status, error.detail, error.headers, error.values
    else:
        status, more = status_of(error), {}
        detail = str(problem_of(error)["detail"])
    kinds = ERRORS if request.method == "POST" else QUERY_ERRORS
    status = 400 if status == 422 else status
    if status not in kinds:
        raise error
    return problem_response({**more, **exception(status, kinds[status], detail)}, request, headers)


def _takes_json(request: Request) -> None:
    wanted = request.headers.get("accept", "*/*").split(",")
    if not any(one.partition(";")[0].strip().lower() in JSON_TYPES for one in wanted):
        raise Refused(406, "Not in that format", "answers are application/json")


JsonTaken = Depends(_takes_json)
"""The route answers 406 to who does not take JSON."""

PerPage = Annotated[int, Query(alias="perPage", ge=1, le=MOST_PER_PAGE, description="At most so many on a page.")]
Next = Annotated[
    str | None,
    Query(alias="nextPageToken", max_length=500, description="From the `Link` of the page before."),
]


@dataclass(frozen=True)
class Position:
    """Where the next page begins: after so many of the first `known` events that were captured. The token that says
    it is good until a time, in Unix seconds."""

    after: int
    known: int
    until: int

    @classmethod
    def following(cls, after: int, known: int) -> Position:
        return cls(after, known, int(time.time()) + TOKEN_SECONDS)

    @classmethod
    def of(cls, token: str) -> Position:
        """Raises Refused, status 400, for what is none or has expired."""
        try:
            after, known, until = orjson.loads(base64.urlsafe_b64decode(token.encode()))
            found = cls(after, known, until)
            if not all(type(one) is int and one >= 0 for one in (after, known, until)):
                raise ValueError
        except (ValueError, TypeError, binascii.Error):
            raise Refused(400, "Bad token", "nextPageToken is none of this gateway's") from None
        if found.until < time.time():
            raise Refused(400, "Bad token", "nextPageToken has expired: begin again")
        return found


def token_of(position: Position) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([position.after, position.known, position.until])).decode()


def link(path: str, parameters: Mapping[str, str | Sequence[str]], token: str) -> str:
    """The `Link` to the next page."""
    query = urlencode({**parameters, "nextPageToken": token}, doseq=True)
    return f'<{path}?{query}>; rel="next"'


def time_text(seconds: int) -> str:
    """Unix seconds as the standard writes times."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
