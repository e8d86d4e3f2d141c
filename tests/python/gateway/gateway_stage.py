"""A gateway that is served on a port of this machine, and systems that call it with tokens of their own."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import uvicorn
from careledger.gateway import Settings, create_app
from careledger.gateway.client import GatewayClient, new_key
from joserfc.jwk import ECKey

__all__ = ["Served", "free_port", "serve", "write_clients"]

SECONDS = 30


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@dataclass(frozen=True)
class Served:
    """A gateway that answers."""

    url: str
    settings: Settings
    app: Any
    systems: dict[str, GatewayClient]

    def system(self, client_id: str = "ehr") -> GatewayClient:
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
        keys[client_id] = new_key()
        listed.append(GatewayClient("", client_id, keys[client_id]).registration(organization, scopes))
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
        yield Served(url, loaded, app, {name: GatewayClient(url, name, key) for name, key in keys.items()})
    finally:
        server.should_exit = True
        thread.join(timeout=SECONDS)
