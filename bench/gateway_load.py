"""Concurrent clients of an HTTP server, over connections that stay open. Each sends its next request when its last one
is answered, so that the server is never asked for more than it can do, and waiting counts as its time.

It is aiohttp, and not a load tool, because most requests differ: in their body, their `Idempotency-Key`, and by what
was answered before. It runs on the processors that the server runs on; peers are measured by it too.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp

__all__ = ["NO_ANSWER", "Call", "Load", "drive", "load", "median_load", "session"]

SECONDS = 60
NO_ANSWER = "no answer"
OnAnswer = Callable[[int, bytes], None]


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Load:
    """What came of many requests: `statuses` counts the answers, and `NO_ANSWER` what got none."""

    seconds: float
    milliseconds: tuple[float, ...]
    """Of each answer, ascending."""
    statuses: Counter[str]

    @property
    def per_second(self) -> float:
        """Answers of status 2xx, a second."""
        return sum(count for status, count in self.statuses.items() if status.startswith("2")) / self.seconds

    def percentile(self, percent: float) -> float:
        """Milliseconds within which so many of the answers came, by nearest rank. Raises ValueError if none came."""
        if not self.milliseconds:
            raise ValueError("nothing was answered")
        rank = -(-len(self.milliseconds) * percent // 100)
        return self.milliseconds[max(0, int(rank) - 1)]


def load(url: str, calls: Iterable[Call], clients: int, on_answer: OnAnswer | None = None) -> Load:
    """Sends the calls, so many at a time, and waits for all answers."""
    return asyncio.run(drive(url, calls, clients, on_answer))


async def drive(url: str, calls: Iterable[Call], clients: int, on_answer: OnAnswer | None = None) -> Load:
    """The same in a loop that runs already."""
    waiting = iter(calls)
    took: list[float] = []
    statuses: Counter[str] = Counter()
    async with session(clients) as opened:
        started = time.perf_counter()
        await asyncio.gather(*(_client(opened, url, waiting, took, statuses, on_answer) for _ in range(clients)))
        return Load(time.perf_counter() - started, tuple(sorted(took)), statuses)


def session(clients: int) -> aiohttp.ClientSession:
    """So many connections at most, which stay open."""
    connector = aiohttp.TCPConnector(limit=clients)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=SECONDS))


def median_load(loads: Sequence[Load]) -> tuple[float, float, float]:
    """The medians of several rounds: answers a second, and the 50th and 99th percentile in milliseconds."""
    return (
        statistics.median(one.per_second for one in loads),
        statistics.median(one.percentile(50) for one in loads),
        statistics.median(one.percentile(99) for one in loads),
    )


async def _client(
    opened: aiohttp.ClientSession,
    url: str,
    waiting: Iterator[Call],
    took: list[float],
    statuses: Counter[str],
    on_answer: OnAnswer | None,
) -> None:
    for call in waiting:
        started = time.perf_counter()
        try:
            async with opened.request(call.method, url + call.path, data=call.body, headers=call.headers) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            statuses[NO_ANSWER] += 1
            continue
        took.append(1_000 * (time.perf_counter() - started))
        statuses[str(answer.status)] += 1
        if on_answer is not None:
            on_answer(answer.status, content)
