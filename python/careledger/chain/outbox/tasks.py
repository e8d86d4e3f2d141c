"""What a worker has others do meanwhile: one thread sends, one looks at the chain, one estimates gas.

Each does one thing at a time; results come back through one queue, in the order in which they were ready.
"""

from __future__ import annotations

import contextlib
import queue
import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from careledger.errors import NodeBusy, NodeUnreachable

__all__ = ["Backoff", "Done", "Tasks"]

TaskName = Literal["send", "look", "estimate"]

FIRST_BACKOFF_SECONDS = 0.1
LAST_BACKOFF_SECONDS = 15.0
COALESCE_SECONDS = 0.03
"""How long a look's result may wait for the answer to a broadcast that is under way, to share its commit."""


@dataclass(frozen=True)
class Done:
    """`context` is what the task was about. `result` raises what the task raised."""

    name: TaskName
    context: Any
    future: Future[Any]


class Tasks:
    def __init__(self) -> None:
        names: tuple[TaskName, ...] = ("send", "look", "estimate")
        self._threads = {name: ThreadPoolExecutor(1, f"outbox-{name}") for name in names}
        self._done: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self.running: set[TaskName] = set()

    def start(self, name: TaskName, context: Any, work: Callable[[], Any]) -> None:
        """Has a thread do something. It must be idle."""
        self.running.add(name)
        future = self._threads[name].submit(work)
        future.add_done_callback(lambda done: self._done.put(Done(name, context, done)))

    def collect(self, timeout_seconds: float) -> list[Done]:
        """Waits for the first result, if any is under way or the time is not up; then takes all that are there."""
        found: list[Done] = []
        self._take(found, timeout_seconds)
        if found and found[0].name != "send" and "send" in self.running:
            self._take(found, COALESCE_SECONDS)
        while not self._done.empty():
            self._take(found, 0)
        self.running.difference_update(done.name for done in found)
        return found

    def _take(self, found: list[Done], timeout_seconds: float) -> None:
        with contextlib.suppress(queue.Empty):
            found.append(self._done.get(timeout=timeout_seconds) if timeout_seconds > 0 else self._done.get_nowait())

    def close(self) -> None:
        """Waits for what is under way."""
        for thread in self._threads.values():
            thread.shutdown(wait=True, cancel_futures=True)


class Backoff:
    """Longer pauses after each failure, with jitter. `until` is a time of `time.monotonic`."""

    def __init__(self) -> None:
        self.until = 0.0
        self._seconds = 0.0

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until

    def failed(self, error: NodeUnreachable) -> None:
        self._seconds = min(max(FIRST_BACKOFF_SECONDS, self._seconds * 2), LAST_BACKOFF_SECONDS)
        pause = self._seconds * random.uniform(0.5, 1.0)  # noqa: S311  jitter, no secret
        if isinstance(error, NodeBusy) and error.retry_after_seconds is not None:
            pause = max(pause, min(error.retry_after_seconds, 60))
        self.until = time.monotonic() + pause

    def worked(self) -> None:
        self.until = self._seconds = 0.0
