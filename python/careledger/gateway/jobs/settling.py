"""What becomes of jobs that are on chain: final when they are deep enough, performed again when a block is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from careledger.chain.outbox import FINAL, Outbox, State
from careledger.gateway.jobs.handler import Handler
from careledger.gateway.jobs.store import Jobs
from careledger.gateway.jobs.types import Job
from careledger.gateway.points import reached
from careledger.logs import logger
from careledger.vault import EntryConflict, EntryErased, EntryMissing

__all__ = ["Settling"]

RETRY_SECONDS = 15
CHUNK = 500


class Settling:
    """One job that cannot be settled stands in no other's way."""

    def __init__(
        self,
        jobs: Jobs,
        outbox: Outbox,
        handlers: Mapping[str, Handler],
        held: Callable[[Job], AbstractContextManager[None]],
    ) -> None:
        """`held` keeps the lease of a job alive."""
        self._jobs = jobs
        self._outbox = outbox
        self._handlers = handlers
        self._held = held
        self._log = logger("gateway")

    def round(self, stopping: threading.Event) -> int:
        """Looks at all of them once; returns how many were settled. Raises DatabaseError."""
        settled = 0
        jobs = self._jobs.included(self._handlers.keys())
        for start in range(0, len(jobs), CHUNK):
            part = jobs[start : start + CHUNK]
            found = self._outbox.store.blocks_of(sorted({key for job in part for key in job.intents}))
            for job in part:
                if stopping.is_set():
                    return settled
                settled += self._look(job, [found.get(key) for key in job.intents])
        return settled

    def _look(self, job: Job, records: list[tuple[State, str | None] | None]) -> bool:
        """Whether it is settled."""
        there = [record for record in records if record is not None]
        states = {state for state, _ in there}
        stands = {block for _, block in there} <= job.blocks.keys()
        is_lost = len(there) < len(records)  # the outbox was replaced: performing it again finds what is on chain
        if is_lost or states & FINAL - {State.CONFIRMED}:
            self._jobs.reorganized(job)
        elif states <= {State.CONFIRMED} and stands:
            return self._settle(job)
        elif states <= {State.INCLUDED, State.CONFIRMED} and not stands:
            self._jobs.reorganized(job)
        return False

    def _settle(self, job: Job) -> bool:
        if not self._jobs.take_to_settle(job):
            return False
        reached("settling")
        with self._held(job):
            try:
                self._handlers[job.kind].settle(self._jobs.payload(job))
            except (EntryConflict, EntryErased, EntryMissing) as error:  # it stands on chain, whatever is kept of it
                self._log.error("job.unsettled", job=job.job_id, kind=job.kind, error=type(error).__name__)
            except Exception as error:  # its text may hold what was submitted
                self._log.error("job.settle.postponed", job=job.job_id, kind=job.kind, error=type(error).__name__)
                self._jobs.settle_later(job, RETRY_SECONDS)
                return False
            reached("settled")
            self._jobs.final(job)
            reached("final")
        return True
