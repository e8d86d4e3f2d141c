"""Performs jobs: a thread that takes them, others that perform them, one that keeps their leases, one that settles what
is deep enough, and the outbox's worker."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from careledger.chain.outbox import FINAL, Outbox, Policy, State, Worker
from careledger.chain.rpc import HttpRpc
from careledger.chain.signers import Signer
from careledger.errors import (
    CareLedgerError,
    ChainError,
    DatabaseError,
    IndexerError,
    RecordUnfinished,
    SignerError,
    VaultError,
    WorkerBusy,
    WrongState,
)
from careledger.gateway.durable import Sent, under, wait_for_block
from careledger.gateway.jobs.handler import Handler
from careledger.gateway.jobs.settling import Settling
from careledger.gateway.jobs.store import LEASE_SECONDS, Jobs
from careledger.gateway.jobs.types import Job
from careledger.gateway.points import reached
from careledger.gateway.problems import Refused, problem_of
from careledger.logs import logger
from careledger.vault import EntryConflict, EntryErased, EntryMissing

__all__ = ["Runner"]

IDLE_SECONDS = 0.2
TROUBLE_SECONDS = 1.0
ERASE_SECONDS = 2.0
SWEEP_SECONDS = 1_200.0
WORKER_RETRY_SECONDS = 2.0
STOP_SECONDS = 10.0
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1, 60
MOST_CRASHES = 3
"""So often a job is performed before an error that nobody foresaw counts as its failure."""

TRANSIENT = (
    *(ChainError, DatabaseError, IndexerError, RecordUnfinished, SignerError, VaultError, WorkerBusy, WrongState),
)
"""What says nothing about the job: it is tried again until it goes."""
OF_THE_JOB = (EntryConflict, EntryErased, EntryMissing)
"""What the vault says of an entry."""


class Runner:
    """Start it in every process of the gateway; of several, one sends. Use as a context manager."""

    def __init__(
        self,
        jobs: Jobs,
        outbox: Outbox,
        rpc: Callable[[], HttpRpc],
        signers: Sequence[Signer],
        policy: Policy,
        handlers: Mapping[str, Handler],
        threads: int,
        keep_days: int | None = None,
    ) -> None:
        self.stopping = threading.Event()
        self._jobs = jobs
        self._outbox = outbox
        self._rpc = rpc
        self._signers = signers
        self._policy = policy
        self._handlers = handlers
        self._keep_days = keep_days
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._free = threading.Semaphore(threads)
        self._under_way: set[str] = set()
        self._guard = threading.Lock()
        self._log = logger("gateway")
        self._settling = Settling(jobs, outbox, handlers, self._held)
        loops = {"jobs": self._take, "keeper": self._keep, "settle": self._settle, "sender": self._send}
        self._threads = [
            *(threading.Thread(target=self._work, name=f"job-{number}", daemon=True) for number in range(threads)),
            *(
                threading.Thread(target=self._loop, args=(loop,), name=name, daemon=True)
                for name, loop in loops.items()
            ),
        ]
        self._workers = threads

    def __enter__(self) -> Runner:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._jobs.arrived.set()
        for _worker in range(self._workers):
            self._queue.put(None)
        until = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))
        with contextlib.suppress(CareLedgerError):  # a later sweep erases it
            self._jobs.erase_ended()

    def _loop(self, turn: Callable[[], float]) -> None:
        """Takes turns until told to stop. A turn says how long to pause after it; none ends the loop by failing."""
        while not self.stopping.is_set():
            try:
                pause = turn()
            except Exception as error:  # its text may hold what was submitted
                self._log.error("jobs.trouble", error=type(error).__name__)
                pause = TROUBLE_SECONDS
            if pause:
                self.stopping.wait(pause)

    @contextlib.contextmanager
    def _held(self, job: Job) -> Iterator[None]:
        """Keeps a job's lease alive inside."""
        with self._guard:
            self._under_way.add(job.job_id)
        try:
            yield
        finally:
            with self._guard:
                self._under_way.discard(job.job_id)

    # ------------------------------------------------------------------ performing

    def _take(self) -> float:
        if not self._free.acquire(timeout=IDLE_SECONDS):
            return 0
        job = None
        try:
            self._jobs.arrived.clear()
            job = self._jobs.claim(self._handlers.keys())
        finally:
            if job is None:
                self._free.release()
        if job is None:
            self._jobs.arrived.wait(IDLE_SECONDS)
            return 0
        reached("claimed")
        with self._guard:
            self._under_way.add(job.job_id)
        self._queue.put(job)
        return 0

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                with self._held(job):
                    self._perform(job)
            except Exception as error:  # its lease runs out, and it is taken again
                self._log.error("jobs.trouble", job=job.job_id, error=type(error).__name__)
            finally:
                self._free.release()

    def _perform(self, job: Job) -> None:
        started = time.monotonic()
        with under(f"job/{job.job_id}") as sent:
            try:
                self._come_to(job, sent)
            except OF_THE_JOB as error:
                self._fail(job, sent, problem_of(error))
            except TRANSIENT as error:
                self._postpone(job, error)
            except Refused as error:
                body = {"title": error.title, "status": error.status, "detail": error.detail, **error.values}
                self._fail(job, sent, body)
            except CareLedgerError as error:
                self._fail(job, sent, problem_of(error))
            except Exception as error:
                self._crashed(job, sent, error)
        milliseconds = int(1000 * (time.monotonic() - started))
        self._log.info("job.performed", job=job.job_id, kind=job.kind, milliseconds=milliseconds)

    def _come_to(self, job: Job, sent: Sent) -> None:
        handler = self._handlers[job.kind]
        try:
            payload = self._jobs.payload(job)
        except (EntryErased, EntryMissing):
            raise Refused(410, "Payload erased", "what was submitted is erased") from None
        earlier = self._earlier(job)
        result = handler.perform(payload)
        reached("performed")
        sent.update({key: block for key, block in earlier.items() if key not in sent})
        if not sent:
            try:
                handler.settle(payload)
            except OF_THE_JOB as error:  # what it came to stands, whatever is kept of it
                self._log.error("job.unsettled", job=job.job_id, kind=job.kind, error=type(error).__name__)
        blocks = dict(block for block in sent.values() if block is not None)
        self._jobs.done(job, result, list(sent), blocks)
        reached("included")

    def _earlier(self, job: Job) -> Sent:
        """What earlier tries of a job sent and is on chain. What is on its way is waited for: the job then finds there
        what it did, and does not do it again in other words."""
        if job.attempts == 1:
            return {}
        found: Sent = {}
        for key in self._outbox.keys(f"job/{job.job_id}/"):
            record = wait_for_block(self._outbox, key, self.stopping)
            if record.state in {State.INCLUDED, State.CONFIRMED} and record.error is None and record.block_hash:
                found[key] = (record.block_hash, record.block_number or 0)
        return found

    def _fail(self, job: Job, sent: Sent, problem: dict[str, Any]) -> None:
        """For good, once nothing of it can change: a block that refused a transaction may itself be taken away, and the
        transaction succeed in another."""
        keys = list(sent) if job.attempts == 1 else self._outbox.keys(f"job/{job.job_id}/")
        states = self._outbox.store.blocks_of(keys)
        if all(state in FINAL for state, _ in states.values()):
            self._jobs.failed(job, problem)
        else:
            self._jobs.postpone(job, self._pause(job))

    def _postpone(self, job: Job, error: CareLedgerError) -> None:
        pause = self._pause(job)
        self._log.warning("job.postponed", job=job.job_id, kind=job.kind, error=type(error).__name__, seconds=pause)
        self._jobs.postpone(job, pause)

    def _crashed(self, job: Job, sent: Sent, error: Exception) -> None:
        # Its text may hold what was submitted: only the class is told and logged.
        self._log.error("job.crashed", job=job.job_id, kind=job.kind, error=type(error).__name__)
        if job.attempts < MOST_CRASHES:
            self._jobs.postpone(job, self._pause(job))
            return
        detail = f"the gateway failed at it ({type(error).__name__}); nothing more of it is sent"
        self._fail(job, sent, {"title": "Internal Server Error", "status": 500, "detail": detail})

    def _pause(self, job: Job) -> int:
        if self.stopping.is_set():
            return 0
        doubled: int = FIRST_RETRY_SECONDS << min(job.attempts - 1, 10)
        return min(doubled, LAST_RETRY_SECONDS)

    # ------------------------------------------------------------------ leases, settling, sending

    def _keep(self) -> float:
        """Leases are kept by a thread that does nothing else for long."""
        next_sweep = kept_at = time.monotonic()
        while not self.stopping.wait(ERASE_SECONDS):
            if time.monotonic() - kept_at > LEASE_SECONDS / 6:
                with self._guard:
                    under_way = list(self._under_way)
                if under_way:
                    self._jobs.keep_alive(under_way)
                kept_at = time.monotonic()
            self._jobs.erase_ended()
            if time.monotonic() >= next_sweep:
                self._jobs.sweep()
                if self._keep_days is not None and (count := self._jobs.forget_ended(self._keep_days)):
                    self._log.info("jobs.forgotten", count=count)
                next_sweep = time.monotonic() + SWEEP_SECONDS
        return 0

    def _settle(self) -> float:
        """Goes on at once while there is something to settle; looking alone takes a sixth of the time at most."""
        started = time.monotonic()
        if self._settling.round(self.stopping):
            return IDLE_SECONDS
        return max(TROUBLE_SECONDS, 5 * (time.monotonic() - started))

    def _send(self) -> float:
        """Runs the outbox's worker, or waits for the process that does to end."""
        try:
            with Worker(self._outbox, self._rpc(), self._signers, self._policy) as worker:
                worker.run(self.stopping)
        except WorkerBusy:
            pass
        return WORKER_RETRY_SECONDS
