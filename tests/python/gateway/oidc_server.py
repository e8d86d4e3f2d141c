"""A real OpenID Connect server for the tests, npm's `oidc-provider`, and a person's browser that signs in there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
import requests
from gateway_stage import SECONDS

__all__ = ["CLIENT_SECRET", "OidcServer", "begin", "changed", "log_in", "oidc_server"]

CLIENT_SECRET = "a secret: of 100%"
SCRIPT = Path(__file__).with_name("oidc_server.mjs")
ROOT = SCRIPT.parents[3]
MOST_STEPS = 20


@dataclass(frozen=True)
class OidcServer:
    """A server that answers."""

    issuer: str
    process: subprocess.Popen[str]

    def serve(self, gateway_url: str) -> None:
        """Has it sign people in for a gateway, with a new key; it knows the old one no more."""
        assert self.process.stdin is not None
        redirect_uri = f"{gateway_url}/session/oidc/callback"
        print(redirect_uri, file=self.process.stdin, flush=True)
        assert _told(self.process) == {"redirectUri": redirect_uri}


@contextmanager
def oidc_server() -> Iterator[OidcServer]:
    """A server until the context ends. Skips the test, and says why, where there is no Node or no such package."""
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("no OpenID Connect server: `make setup` installs one where there is Node")
    process = subprocess.Popen(
        [node, str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            yield OidcServer(_told(process)["issuer"], process)
        finally:
            process.kill()


def _told(process: subprocess.Popen[str]) -> Any:
    """What the script tells next, between the package's own notices."""
    assert process.stdout is not None
    return json.loads(next(line for line in process.stdout if line.startswith("{")))


def begin(browser: requests.Session, gateway_url: str, **query: str) -> requests.Response:
    """The gateway's answer that sends the browser to the server."""
    return browser.get(f"{gateway_url}/session/oidc/begin", params=query, allow_redirects=False, timeout=SECONDS)


def log_in(browser: requests.Session, url: str, login: str, until: str) -> str:
    """Goes where the server sends the browser, fills its forms in, and returns the address under `until` to which it
    comes at last, which it does not ask for."""
    answer = browser.get(url, allow_redirects=False, timeout=SECONDS)
    for _ in range(MOST_STEPS):
        if answer.is_redirect:
            url = urljoin(answer.url, answer.headers["location"])
            if url.startswith(until):
                return url
            answer = browser.get(url, allow_redirects=False, timeout=SECONDS)
            continue
        assert answer.status_code == 200, answer.text
        form = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
        prompt = re.search(r'name="prompt" value="([^"]+)"', answer.text)
        assert form is not None
        assert prompt is not None
        given = {"prompt": prompt[1], "login": login, "password": "any"}
        answer = browser.post(urljoin(answer.url, form[1]), data=given, allow_redirects=False, timeout=SECONDS)
    raise AssertionError(f"no way back from {answer.url}")


def changed(url: str, **query: str | None) -> str:
    """An address with some values of its query changed; None leaves one out."""
    parts = urlsplit(url)
    values = {name: found[0] for name, found in parse_qs(parts.query).items()} | query
    return parts._replace(
        query=urlencode({name: value for name, value in values.items() if value is not None})
    ).geturl()
