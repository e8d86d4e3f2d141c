"""What is refused before a route sees it, and what every answer carries. Pure ASGI: bodies are not held but JSON's."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
import uuid
from typing import Any

import orjson
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from careledger.gateway.fhir_outcomes import FHIR_JSON, is_fhir, outcome_of
from careledger.gateway.problems import PROBLEM, Refused
from careledger.gateway.requested_json import JsonRefused, checked
from careledger.gateway.settings import Settings
from careledger.logs import logger

__all__ = ["Edge", "RequestMetrics"]

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
BODY_SECONDS = 60
"""How long a request's body may take to come."""
LITTLE_BYTES = 65_536
"""JSON of up to this length is read at once, longer in a thread."""
SUBNET_BITS = 64
"""Addresses of IPv6 count by what a provider gives to one customer."""

UNLIMITED = frozenset({"/health", "/ready", "/metrics"})
SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), geolocation=(), microphone=()",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
}


class RequestMetrics:
    """Counts of requests by route, method and status, and how long they took. No address and no id is a label."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("route", "method", "status")
        self._count = Counter("careledger_gateway_requests", "Requests answered.", labels, registry=registry)
        self._seconds = Histogram(
            "careledger_gateway_request_seconds", "Seconds until the answer began.", ("route",), registry=registry
        )

    def took(self, route: str, method: str, status: int, seconds: float) -> None:
        self._count.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class Edge:
    """Gives each request an id; refuses bodies that are too long, packed or nested too deep, and clients that ask too
    often; adds the headers that browsers heed; counts and logs, by the route's pattern and never by its values."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: RequestMetrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._limit = parse(settings.rate_limit)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._log = logger("gateway")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 0

        body = _Body(receive, self._settings, headers.get("content-type", ""))

        async def answer(message: Message) -> None:
            nonlocal status
            if body.refusal is not None and not status:
                return  # whoever read the body took the refusal for a fault of its own
            await begun(message)

        async def begun(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                added = MutableHeaders(scope=message)
                added["x-request-id"] = request_id
                for name, value in SECURITY.items():
                    added.setdefault(name, value)
                if scope["scheme"] == "https":
                    added["strict-transport-security"] = "max-age=31536000"
                if not scope["path"].startswith("/static/"):
                    added.setdefault("cache-control", "no-store")
                self._tell(scope, request_id, status, started)
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal is None:
            try:
                await self._app(scope, await body.receiver(), answer)
                refusal = body.refusal
            except _Refusal as error:
                refusal = error
            except Exception as error:
                # Whoever is told of it further out would print its text, which may hold what was submitted.
                self._log.error("request.ended", request=request_id, error=type(error).__name__)
                refusal = _Refusal(500, "Internal Server Error", "This gateway failed; the request id is in its log.")
        if refusal is not None and not status:
            await _refuse(refusal, scope["path"], request_id, begun)

    def _refusal(self, scope: Scope, headers: Headers) -> _Refusal | None:
        if headers.get("content-encoding", "identity").lower() != "identity":
            return _Refusal(415, "Packed body", "bodies are taken as they are, without Content-Encoding")
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and len(length) < 20 and int(length) > self._settings.body_limit_bytes:
            return _too_long(self._settings)
        if scope["path"] in UNLIMITED:
            return None
        who = _who(scope, headers)
        if self._limiter.hit(self._limit, who):
            return None
        resets_at, _ = self._limiter.get_window_stats(self._limit, who)
        wait = max(1, int(resets_at - time.time()) + 1)
        detail = f"more than {self._settings.rate_limit}: come again in {wait} s"
        return _Refusal(429, "Too many requests", detail, {"retry-after": str(wait)})

    def _tell(self, scope: Scope, request_id: str, status: int, started: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        seconds = time.perf_counter() - started
        method = scope["method"] if scope["method"] in METHODS else OTHER
        self._metrics.took(route, method, status, seconds)
        self._log.info(
            "request.answered",
            request=request_id,
            route=route,
            method=method,
            status=status,
            milliseconds=int(1000 * seconds),
            subject=scope["state"].get("subject"),
        )


class _Refusal(Exception):
    def __init__(self, status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = headers or {}


class _Body:
    """A request's body, counted while it comes. JSON is taken in whole, and its nesting counted before it is read."""

    def __init__(self, receive: Receive, settings: Settings, content_type: str) -> None:
        self._receive = receive
        self._settings = settings
        self._is_json = "json" in content_type.lower()
        self._length = 0
        self._is_whole = False
        self.refusal: _Refusal | None = None
        self._until = asyncio.get_running_loop().time() + BODY_SECONDS

    async def receiver(self) -> Receive:
        if not self._is_json:
            return self._counted
        parts: list[bytes] = []
        while True:
            message = await self._counted()
            if message["type"] != "http.request":
                break
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        content = b"".join(parts)
        try:
            if len(content) <= LITTLE_BYTES:
                checked(content, self._settings.json_depth)
            else:
                await run_in_threadpool(checked, content, self._settings.json_depth)
        except JsonRefused as error:
            raise _Refusal(422, "Bad JSON", error.detail) from None
        given = False

        async def whole() -> Message:
            nonlocal given
            if given:
                return await self._receive()
            given = True
            return {"type": "http.request", "body": content, "more_body": False}

        return whole

    async def _counted(self) -> Message:
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            self.refusal = _Refusal(408, "Too slow", f"a body has {BODY_SECONDS} seconds to come")
            raise self.refusal from None
        if message["type"] == "http.request":
            self._is_whole = not message.get("more_body")
            self._length += len(message.get("body", b""))
            if self._length > self._settings.body_limit_bytes:
                self.refusal = _too_long(self._settings)
                raise self.refusal
        return message


def _who(scope: Scope, headers: Headers) -> str:
    """Whose requests are counted together: a client's by its valid token, all others by their address. What is made up
    counts as the address from which it comes."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        try:
            return f"client {scope['app'].state.services.tokens.read(token).subject}"
        except Refused:
            pass
    host = str((scope.get("client") or ("unknown",))[0])
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return host if address.version == 4 else str(ipaddress.ip_network((int(address), SUBNET_BITS), strict=False))


def _too_long(settings: Settings) -> _Refusal:
    return _Refusal(413, "Too long", f"a body has at most {settings.body_limit_bytes} bytes")


async def _refuse(refusal: _Refusal, path: str, request_id: str, send: Send) -> None:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "request_id": request_id,
    }
    content_type = PROBLEM
    if is_fhir(path):
        content_type, body = FHIR_JSON, outcome_of(body)
    headers = {"content-type": content_type, "connection": "close", **refusal.headers}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": raw})
    await send({"type": "http.response.body", "body": orjson.dumps(body)})
