"""What is kept of a job."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["ENDED", "ON_CHAIN", "Job", "JobEvent", "JobState"]


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    """On disk."""
    RUNNING = "running"
    """A process has it; if that one dies, another takes it over when the lease is out."""
    INCLUDED = "included"
    """Done: what it sent is in blocks, which are not all deep enough yet."""
    FINAL = "final"
    """Done for good. Also what needed no transaction, because it stood already."""
    FAILED = "failed"
    """Refused: nothing of it will happen."""


ON_CHAIN = frozenset({JobState.INCLUDED, JobState.FINAL})
ENDED = frozenset({JobState.FINAL, JobState.FAILED})


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that happened to a job, number 0 first. `name` is the state that it came to, or `reorganized`: a block
    that it was in is gone, and it is performed again; then `result` follows anew."""

    number: int
    time: int
    name: str


@dataclass(frozen=True, slots=True)
class Job:
    """One job. Times are Unix seconds. `owner` is the client that asked. `result` is what it came to and `problem` why
    it failed, both without what was submitted; `blocks` of its transactions, by their hash."""

    job_id: str
    kind: str
    owner: str
    state: JobState
    created_at: int
    updated_at: int
    attempts: int
    result: dict[str, Any] | None
    problem: dict[str, Any] | None
    intents: tuple[str, ...]
    blocks: dict[str, int]
    events: tuple[JobEvent, ...]
