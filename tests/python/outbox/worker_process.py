"""A worker in a process of its own, which a test kills, or which kills itself at a chosen point of its work.

Processes are forked from one that has imported everything already, so that a start costs hundredths of a second.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import Any

from careledger.chain.connection import Connection
from careledger.chain.development import development_signer
from careledger.chain.outbox import Intent, Outbox, worker
from careledger.chain.outbox.worker import Worker
from careledger.chain.rpc import HttpRpc
from careledger.errors import ChainError
from outbox.stand import quick

__all__ = ["Orders", "WorkerProcess", "working"]

LIFE_SECONDS = 120
"""After which a process ends by itself, so that none outlives its test."""
RETRY_SECONDS = 0.05

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["careledger.chain.outbox", "careledger.chain.development", "careledger.chain.database", "psycopg", "requests"]
)


@dataclass(frozen=True)
class Orders:
    """What a process is to do: submit, then work until told to stop.

    `die_at` is a point of the outbox's work, at whose `die_at_count`-th passing it kills itself by SIGKILL.
    """

    database_url: str
    rpc_url: str
    signers: tuple[int, ...] = (0,)
    settings: dict[str, Any] = field(default_factory=dict)
    intents: tuple[Intent, ...] = ()
    die_at: str | None = None
    die_at_count: int = 1
    life_seconds: int = LIFE_SECONDS


class WorkerProcess:
    """Starts at construction."""

    def __init__(self, orders: Orders) -> None:
        self._pipe, other = _context.Pipe()
        self._process = _context.Process(target=_work, args=(orders, other), daemon=True)
        self._process.start()
        other.close()

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> None:
        """By SIGKILL."""
        self._process.kill()
        self._process.join()

    def stop(self, timeout_seconds: float = 30) -> None:
        """Lets it finish its round and leave. Raises if it failed."""
        self._pipe.close()
        self._process.join(timeout_seconds)
        assert self._process.exitcode == 0, f"a worker process ended with {self._process.exitcode}"

    def died(self, timeout_seconds: float) -> bool:
        """Waits until it ended; whether by SIGKILL."""
        self._process.join(timeout_seconds)
        return self._process.exitcode == -signal.SIGKILL


@contextmanager
def working(orders: Sequence[Orders]) -> Iterator[list[WorkerProcess]]:
    """Processes that are killed at the end if they still live."""
    processes: list[WorkerProcess] = []
    try:
        for order in orders:
            processes.append(WorkerProcess(order))
        yield processes
    finally:
        for process in processes:
            if process.is_alive:
                process.kill()


def _work(orders: Orders, pipe: Pipe) -> None:
    signal.alarm(orders.life_seconds)
    logging.getLogger("careledger").setLevel(logging.ERROR)  # of warnings there will be many
    if orders.die_at is not None:
        worker._reached = _Executioner(orders.die_at, orders.die_at_count)
    outbox = _opened(orders)
    if orders.intents:
        outbox.submit_many(orders.intents)
    signers = [development_signer(index) for index in orders.signers]
    stop = threading.Event()
    threading.Thread(target=_wait_for_end, args=(pipe, stop), daemon=True).start()
    at_work = Worker(outbox, HttpRpc(orders.rpc_url), signers, quick(**orders.settings))
    at_work.run(stop)
    at_work.close()
    outbox.close()


def _opened(orders: Orders) -> Outbox:
    """The outbox, once the node answers."""
    while True:
        try:
            return Outbox.open(orders.database_url, Connection.open(orders.rpc_url))
        except ChainError:
            time.sleep(RETRY_SECONDS)


def _wait_for_end(pipe: Pipe, stop: threading.Event) -> None:
    """Until the other end of the pipe closes, at the test's word or its death."""
    try:
        pipe.recv()
    except (EOFError, OSError):
        stop.set()


class _Executioner:
    def __init__(self, point: str, count: int) -> None:
        self._point = point
        self._left = count

    def __call__(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
