"""What a gateway promised to its clients, and whether it kept it: what was accepted is on chain once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["PAUSE_SECONDS", "Outcome", "Promises"]

PAUSE_SECONDS = 1.1
"""Between an answer of 5xx and the next try: over a second, so that a job's time tells which of the two it is of."""

ACCEPTED = (201, 202)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended."""

    state: str
    leaf: str | None


@dataclass(slots=True)
class _Told:
    """What a client was told of one key. `refused_at` is the second of the last 5xx."""

    job: str | None = None
    refused_at: int | None = None
    lost_an_answer: bool = False


class Promises:
    """Tell it of every try. A key is a request's `Idempotency-Key`."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._told: dict[str, _Told] = {}
        self._broken: list[str] = []

    def sending(self, key: str) -> None:
        """A request goes out."""
        self.counts["requests sent"] += 1
        self._told.setdefault(key, _Told())

    def unanswered(self, key: str) -> None:
        """The connection broke, or nothing came in time: the request may have been stored or not."""
        self.counts["requests without an answer"] += 1
        self._told[key].lost_an_answer = True

    def answered(self, key: str, status: int, at: int, job: str | None = None, created_at: int = 0) -> bool:
        """An answer, at a Unix second; whether the request is accepted now, and need not be sent again."""
        self.counts[f"answers {status}"] += 1
        told = self._told[key]
        if status in ACCEPTED and job is not None:
            if told.job is None:
                self.counts["accepted"] += 1
                if told.refused_at is not None and not told.lost_an_answer and created_at <= told.refused_at:
                    self._broken.append(f"{key} was stored, and answered 5xx")
                told.job = job
            elif told.job != job:
                self._broken.append(f"{key} was the job {told.job}, and is {job}")
            return True
        if status >= 500:
            told.refused_at = at
        else:
            self._broken.append(f"{key} was answered {status}")
        return False

    @property
    def jobs(self) -> dict[str, str]:
        """The job of each key that was accepted."""
        return {key: told.job for key, told in self._told.items() if told.job is not None}

    def violations(self, outcomes: Mapping[str, Outcome], anchored: Mapping[str, int]) -> Iterator[str]:
        """What is not as it was promised, by how each job ended and how often each leaf was anchored."""
        yield from self._broken
        wanted: Counter[str] = Counter()
        for key, job in self.jobs.items():
            outcome = outcomes.get(job)
            if outcome is not None and outcome.leaf is not None:
                wanted[outcome.leaf] += 1
            if outcome is None or outcome.state != "final" or outcome.leaf is None:
                yield f"{key} was accepted, and is {'lost' if outcome is None else outcome.state}"
            elif anchored.get(outcome.leaf, 0) != 1:
                yield f"{key} is final, and was anchored {anchored.get(outcome.leaf, 0)} times"
        for leaf, count in wanted.items():
            if count > 1:
                yield f"{count} keys have one leaf, {leaf}"
        unclear = sum(told.job is None and told.lost_an_answer for told in self._told.values())
        if len(anchored.keys() - wanted.keys()) > unclear:
            yield f"{len(anchored.keys() - wanted.keys())} documents were anchored that nobody was promised"
