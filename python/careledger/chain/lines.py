"""Connections to a node that stay open, one for each thread: what `requests` looks up for each request (proxies, TLS,
headers) is looked up once, and costs as much as the request itself otherwise."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import requests

__all__ = ["Lines"]


@dataclass(frozen=True)
class _Line:
    """An open connection to a URL, the request without its body, and what the environment says of proxies and TLS."""

    url: str
    adapter: requests.adapters.BaseAdapter
    request: requests.PreparedRequest
    settings: dict[str, Any]


class Lines:
    """For use from several threads."""

    def __init__(self) -> None:
        self._own = threading.local()

    def post(self, url: str, content: bytes, timeout_seconds: float, stream: bool = False) -> requests.Response:
        """Sends JSON once, and follows no redirect. Raises requests.RequestException if nothing is answered."""
        line: _Line | None = getattr(self._own, "line", None)
        if line is None or line.url != url:
            line = self._own.line = _line(url)
        request = line.request.copy()
        request.prepare_body(content, None)
        return line.adapter.send(request, stream=stream, timeout=timeout_seconds, **line.settings)


def _line(url: str) -> _Line:
    session = requests.Session()
    request = session.prepare_request(requests.Request("POST", url, headers={"Content-Type": "application/json"}))
    found = session.merge_environment_settings(url, {}, None, None, None)
    settings = {name: found[name] for name in ("verify", "cert", "proxies")}
    return _Line(url, session.get_adapter(url), request, settings)
