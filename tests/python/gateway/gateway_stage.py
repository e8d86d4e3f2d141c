"""A gateway that is served on a port of this machine, and systems that call it with tokens of their own."""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import uvicorn
from careledger.gateway import Settings, create_app
from careledger.gateway.access.tokens import ASSERTION_TYPE
from joserfc import jwt
from joserfc.jwk import ECKey

__all__ = ["Served", "System", "assertion", "free_port", "serve", "write_clients"]

SECONDS = 30


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def assertion(client_id: str, key: ECKey, url: str, **changes: Any) -> str:
    """A client's signed assertion for the token endpoint; a claim that is changed to None is left out."""
    claims: dict[str, Any] = {"iss": client_id, "sub": client_id, "aud": f"{url}/token", "jti": uuid.uuid4().hex}
    claims = {**claims, "exp": int(time.time()) + 200, **changes}
    stated = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": "ES384", "kid": key.kid}, stated, key, algorithms=["ES384"])


@dataclass(frozen=True)
class System:
    """A client that calls the gateway with a token for some scopes."""

    url: str
    client_id: str
    key: ECKey
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, scope: str) -> str:
        if scope not in self.tokens:
            answer = requests.post(
                f"{self.url}/token",
                data={
                    "grant_type": "client_credentials",
                    "client_assertion_type": ASSERTION_TYPE,
                    "client_assertion": assertion(self.client_id, self.key, self.url),
                    "scope": scope,
                },
                timeout=SECONDS,
            )
            assert answer.status_code == 200, answer.text
            self.tokens[scope] = answer.json()["access_token"]
        return self.tokens[scope]

    def call(self, method: str, path: str, scope: str | None, **options: Any) -> requests.Response:
        """Without a scope the call carries no token."""
        headers = dict(options.pop("headers", {}))
        if scope is not None:
            headers["Authorization"] = f"Bearer {self.token(scope)}"
        options.setdefault("timeout", SECONDS)
        return requests.request(method, self.url + path, headers=headers, **options)


@dataclass(frozen=True)
class Served:
    """A gateway that answers."""

    url: str
    settings: Settings
    app: Any
    systems: dict[str, System]

    def system(self, client_id: str = "ehr") -> System:
        return self.systems[client_id]

    def call(self, method: str, path: str, scope: str | None = None, **options: Any) -> requests.Response:
        """As the system `ehr`."""
        return self.system().call(method, path, scope, **options)

    def job(self, href: str, scope: str, state: str = "final", seconds: float = 60) -> dict[str, Any]:
        """The job when it has come to a state."""
        until = time.monotonic() + seconds
        while True:
            found: dict[str, Any] = self.call("GET", href, scope).json()
            if found["state"] == state:
                return found
            assert time.monotonic() < until, found
            time.sleep(0.05)


def write_clients(folder: Path, clients: dict[str, tuple[str, Iterable[str]]]) -> dict[str, ECKey]:
    """A file of clients, by their id with organization and scopes; returns their keys."""
    keys, listed = {}, []
    for client_id, (organization, scopes) in clients.items():
        key = ECKey.generate_key("P-384", private=True)
        key.ensure_kid()
        keys[client_id] = key
        public = {"keys": [key.as_dict(private=False)]}
        listed.append({"client_id": client_id, "organization": organization, "scopes": sorted(scopes), "jwks": public})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "clients.yaml").write_text(json.dumps({"clients": listed}))
    return keys


@contextmanager
def serve(
    folder: Path, clients: dict[str, tuple[str, Iterable[str]]], port: int | None = None, **settings: Any
) -> Iterator[Served]:
    """Serves a gateway with these settings and clients until the context ends."""
    keys = write_clients(folder, clients)
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    loaded = Settings.load(**{"public_url": url, "clients": folder / "clients.yaml", **settings})
    app = create_app(loaded)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + SECONDS
    while not server.started:
        assert thread.is_alive(), "the gateway did not start"
        assert time.monotonic() < until, "the gateway is not up"
        time.sleep(0.01)
    try:
        yield Served(url, loaded, app, {name: System(url, name, key) for name, key in keys.items()})
    finally:
        server.should_exit = True
        thread.join(timeout=SECONDS)
