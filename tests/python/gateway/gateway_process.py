"""A gateway in a process of its own, which kills itself by SIGKILL at a chosen point of its jobs' work."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests
import uvicorn
from careledger.chain.outbox import Policy
from careledger.gateway import Settings, create_app, points, services
from careledger.gateway.jobs import runner, store

__all__ = ["GatewayProcess", "Orders", "running"]

LIFE_SECONDS = 300
"""After which a process ends by itself, so that none outlives its test."""
START_SECONDS = 60

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["careledger.gateway", "careledger.gateway.app", "psycopg", "uvicorn"])


@dataclass(frozen=True)
class Orders:
    """`die_at` is a point of a job's way, at whose `die_at_count`-th passing the process kills itself."""

    settings: dict[str, Any]
    port: int
    die_at: str | None = None
    die_at_count: int = 1
    lease_seconds: int = 3


class GatewayProcess:
    """Starts at construction."""

    def __init__(self, orders: Orders) -> None:
        self.url = f"http://127.0.0.1:{orders.port}"
        self.process = _context.Process(target=_serve, args=(orders,), daemon=True)
        self.process.start()

    def await_health(self) -> bool:
        """Waits until it answers; False if it died before."""
        until = time.monotonic() + START_SECONDS
        while self.process.is_alive():
            with contextlib.suppress(requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                if requests.get(f"{self.url}/health", timeout=30).ok:
                    return True
            assert time.monotonic() < until, "the gateway is not up"
            time.sleep(0.05)
        return False

    def died(self, seconds: float) -> bool:
        """Waits until it ended; whether by SIGKILL."""
        self.process.join(seconds)
        return self.process.exitcode == -signal.SIGKILL

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def stop(self, seconds: float = 60) -> None:
        """As Ctrl-C does. Raises if it did not end well."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGINT)
        self.process.join(seconds)
        assert self.process.exitcode == 0, f"the gateway ended with {self.process.exitcode}"


@contextmanager
def running(orders: Orders) -> Iterator[GatewayProcess]:
    """A process that is killed at the end if it still lives."""
    process = GatewayProcess(orders)
    try:
        yield process
    finally:
        if process.process.is_alive():
            process.kill()


def _serve(orders: Orders) -> None:
    signal.alarm(LIFE_SECONDS)
    logging.getLogger("careledger").setLevel(logging.CRITICAL)
    store.LEASE_SECONDS = orders.lease_seconds
    runner.LEASE_SECONDS = orders.lease_seconds  # type: ignore[attr-defined]
    runner.ERASE_SECONDS = 0.3
    services.Policy = partial(Policy, lease_seconds=orders.lease_seconds)  # type: ignore[assignment, attr-defined]
    if orders.die_at is not None:
        points._reached = _Executioner(orders.die_at, orders.die_at_count)
    settings = {**orders.settings, "public_url": f"http://127.0.0.1:{orders.port}"}
    if "clients" in settings:
        settings["clients"] = Path(settings["clients"])
    app = create_app(Settings.load(**settings))
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn passes the signal on when it has ended well
        uvicorn.run(app, port=orders.port, log_level="error", timeout_graceful_shutdown=5)


class _Executioner:
    def __init__(self, point: str, count: int) -> None:
        self._point = point
        self._left = count

    def __call__(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
