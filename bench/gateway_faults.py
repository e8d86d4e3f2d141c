"""A gateway under load while its node restarts and its processes are killed.

Clients anchor documents by digest, each with an `Idempotency-Key`, and send the same again until it is accepted, and
some of it after that. At random moments the node is restarted with its state, and one of the gateway's processes is
killed by SIGKILL. A gateway that ends, as when its killed process comes up again without a node, is started again, as a
service manager does. At the end nothing is disturbed until every accepted job is final, and the chain's events are
counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson
from careledger.chain.connection import Connection
from careledger.chain.deployment import Deployment
from careledger.chain.deployment.suite import ANCHOR
from careledger.contract_events import DocumentAnchored

from bench.gateway_load import session
from bench.gateway_promises import PAUSE_SECONDS, Outcome, Promises
from bench.gateway_stage import Gateway, Stand, serving, stand

__all__ = ["FaultRun", "faults"]

WORKERS = 2
CLIENTS = 16
REQUESTS_PER_SECOND = 10.0
"""All clients together: less than the gateway can anchor, so that what waits does not grow without end."""

KILL_SECONDS = 20
RESTART_SECONDS = 45
"""On average, between two faults of a kind; in a short run the first of each comes in its first half."""

MOST_AWAY_SECONDS = 3.0
AGAIN_AFTER_ACCEPTED = 0.1
RETRY_SECONDS = 0.2
GIVE_UP_SECONDS = 180
SETTLE_SECONDS = 420
"""More than the leases of jobs and of the outbox's sender, which those of the killed leave behind."""

CONFIRMATIONS = "3"
ENDED = ("final", "failed")
SETTLE_LOOK_SECONDS = 5


@dataclass(frozen=True)
class FaultRun:
    """What happened, and what was found at the end."""

    seed: int
    minutes: float
    counts: dict[str, int]
    settle_seconds: float
    violations: list[str]


def faults(minutes: float, seed: int, report: Callable[[str], None]) -> FaultRun:
    """Runs for so many minutes and then until all is final, seven minutes at most."""
    with stand() as on:
        first_block = Connection.open(on.node.url).block_number() + 1
        gateway = Gateway(on.home, WORKERS, confirmations=CONFIRMATIONS)
        with serving(gateway, WORKERS):
            run = _Run(on, gateway, seed, report)
            settle_seconds, anchored = asyncio.run(run.whole(60 * minutes, first_block))
        violations = list(run.promises.violations(run.outcomes, anchored))
        counts = {**run.promises.counts, **run.counts, "anchored on chain": sum(anchored.values())}
        return FaultRun(seed, minutes, counts, round(settle_seconds, 1), violations)


class _Run:
    def __init__(self, on: Stand, gateway: Gateway, seed: int, report: Callable[[str], None]) -> None:
        self.promises = Promises()
        self.counts: Counter[str] = Counter()
        self.outcomes: dict[str, Outcome] = {}
        self._on = on
        self._gateway = gateway
        self._random = random.Random(seed)
        self._report = report
        self._number = 0
        self._write = {"Authorization": f"Bearer {gateway.token('documents.write documents.read')}"}

    async def whole(self, seconds: float, first_block: int) -> tuple[float, Counter[str]]:
        """Load and faults, then calm until all is final. Returns how long the calm took, and how often each leaf was
        anchored: a node that a thread of this loop started ends with the loop."""
        until = time.monotonic() + seconds
        async with session(CLIENTS) as opened:
            clients = [asyncio.create_task(self._client(opened, until)) for _ in range(CLIENTS)]
            keeper = asyncio.create_task(self._keep())
            await self._disturb(seconds, until)
            await asyncio.gather(*clients)
            self._report("no more faults; waiting until all is final")
            started = time.monotonic()
            await self._settle(opened)
            keeper.cancel()
            calm = time.monotonic() - started
            return calm, await asyncio.to_thread(_anchored, self._on, first_block)

    # ------------------------------------------------------------------ load

    async def _client(self, opened: aiohttp.ClientSession, until: float) -> None:
        while time.monotonic() < until:
            self._number += 1
            key = f"document {self._number}"
            await self._submit(opened, key)
            if self._random.random() < AGAIN_AFTER_ACCEPTED:
                self.counts["accepted ones sent again"] += 1
                await self._submit(opened, key)
            await asyncio.sleep(self._random.expovariate(REQUESTS_PER_SECOND / CLIENTS))

    async def _submit(self, opened: aiohttp.ClientSession, key: str) -> None:
        """Until it is accepted, or three minutes are over."""
        body = orjson.dumps({"digest": "0x" + hashlib.sha256(key.encode()).hexdigest()})
        headers = {**self._write, "Idempotency-Key": key, "Prefer": "respond-async", "Content-Type": "application/json"}
        give_up = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < give_up:
            self.promises.sending(key)
            try:
                async with opened.post(f"{self._gateway.url}/documents/digests", data=body, headers=headers) as answer:
                    content = await answer.read()
            except (aiohttp.ClientError, TimeoutError):
                self.promises.unanswered(key)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            told = orjson.loads(content) if answer.status < 300 else {}
            job, created_at = told.get("job"), told.get("created_at", 0)
            if self.promises.answered(key, answer.status, int(time.time()), job, created_at):
                return
            await asyncio.sleep(PAUSE_SECONDS)
        self.counts["given up"] += 1

    # ------------------------------------------------------------------ faults

    async def _disturb(self, seconds: float, until: float) -> None:
        started = reported = time.monotonic()
        means = {self._kill: KILL_SECONDS, self._restart: RESTART_SECONDS}
        next_at = {act: started + self._random.uniform(0, min(mean, seconds / 2)) for act, mean in means.items()}
        while (now := time.monotonic()) < until:
            for act, mean in means.items():
                if next_at[act] <= now:
                    await asyncio.to_thread(act)
                    next_at[act] = time.monotonic() + self._random.expovariate(1 / mean)
            if now > reported + 30:
                reported = now
                self._report(f"{now - started:.0f} s: {self.promises.counts['accepted']:,} accepted")
            await asyncio.sleep(0.05)

    async def _keep(self) -> None:
        """Starts the gateway again whenever it has ended."""
        while True:
            if self._gateway.revive():
                self.counts["gateways started again"] += 1
            await asyncio.sleep(1)

    def _kill(self) -> None:
        self._gateway.kill(self._random.choice(self._gateway.answering()))
        self.counts["processes killed"] += 1

    def _restart(self) -> None:
        self._on.restart_node(self._random.uniform(0, MOST_AWAY_SECONDS))
        self.counts["node restarts"] += 1

    # ------------------------------------------------------------------ how it ends

    async def _settle(self, opened: aiohttp.ClientSession) -> None:
        waiting = set(self.promises.jobs.values())
        until = time.monotonic() + SETTLE_SECONDS
        while waiting and time.monotonic() < until:
            for job in sorted(waiting):
                outcome = await self._outcome(opened, job)
                if outcome is not None:
                    self.outcomes[job] = outcome
                if outcome is not None and outcome.state in ENDED:
                    waiting.discard(job)
            if waiting:
                states = Counter(self.outcomes[job].state if job in self.outcomes else "unknown" for job in waiting)
                self._report(f"not final: {dict(states)}")
                await asyncio.sleep(SETTLE_LOOK_SECONDS)

    async def _outcome(self, opened: aiohttp.ClientSession, job: str) -> Outcome | None:
        """How far a job is; None if it is not known, or nothing is answered."""
        try:
            async with opened.get(f"{self._gateway.url}/jobs/{job}", headers=self._write) as answer:
                if answer.status != 200:
                    return None
                found = orjson.loads(await answer.read())
        except (aiohttp.ClientError, TimeoutError):
            return None
        return Outcome(found["state"], (found["result"] or {}).get("leaf"))


def _anchored(on: Stand, first_block: int) -> Counter[str]:
    """How often each leaf was anchored, by the chain's events."""
    connection = Connection.open(on.node.url)
    anchors = Deployment.load(Path(on.settings["deployments"]), connection.chain_id).addresses[ANCHOR]
    events = (entry.event for entry in connection.logs(anchors, [DocumentAnchored], first_block))
    return Counter(event.leaf for event in events if isinstance(event, DocumentAnchored))
