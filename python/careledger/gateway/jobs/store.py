"""Where jobs lie: their rows in the database, what was submitted in the vault."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import Connection, Row, and_, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from careledger.chain.database import Database
from careledger.gateway.jobs.sealing import Seal
from careledger.gateway.jobs.types import ENDED, ON_CHAIN, Job, JobEvent, JobState
from careledger.gateway.points import reached
from careledger.gateway.problems import Refused
from careledger.gateway.tables import JOB, JOB_EVENT
from careledger.vault import Vault

__all__ = ["Jobs"]

PAYLOAD = "gateway-job"
LEASE_SECONDS = 60
KEY_CHARACTERS = 200
PAGE_MOST = 200
CHUNK = 500
ORPHAN_SECONDS = 3_600
DAY_SECONDS = 86_400
MOST_WAITING = 32
"""How many requests of a process may wait for their jobs; further ones are answered at once, so that there are always
threads for others."""

FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.02, 0.4


class Jobs:
    """Every method raises DatabaseError, and those that read or write what was submitted VaultError.

    Times are the machine's, Unix seconds. Any number of processes may use the same database and vault.
    """

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._seal = Seal(vault)
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.arrived = threading.Event()
        """Set when a job was submitted in this process."""
        self._guard = threading.Lock()
        self._watching: dict[str, list[threading.Event]] = {}
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)
        self._ended: set[str] = set()
        self._orphans: set[str] = set()
        self._orphans_seen_at = -float("inf")

    # ------------------------------------------------------------------ for routes

    def submit(self, kind: str, owner: str, payload: bytes, key: str | None = None, content: bytes = b"") -> Job:
        """Stores a job durably. With the key of an earlier request of the same client it is that one's job.

        `content` is by what two requests of a key are compared, by default the payload. Raises Refused, status 409 if
        the key came with other content, 422 for one that is too long or not printable.
        """
        if key is not None and (not 0 < len(key) <= KEY_CHARACTERS or not key.isprintable()):
            raise Refused(422, "Bad idempotency key", f"must be 1 to {KEY_CHARACTERS} printable characters")
        job_id = uuid.uuid4().hex
        request_key = self._seal.hash(kind, owner, key or f"once:{job_id}")
        content_hash = self._seal.hash(kind, owner, hashlib.sha256(content or payload).hexdigest())
        known = self._known(request_key, content_hash)
        if known is not None:
            return known
        # The payload first: a job without one could never be done, a payload without a job is swept.
        self._vault.put(PAYLOAD, job_id, payload)
        reached("payload")
        now = int(time.time())
        row = {
            "job_id": job_id,
            "request_key": request_key,
            "content_hash": content_hash,
            "kind": kind,
            "owner": owner,
            "state": JobState.QUEUED.value,
            "created_at": now,
            "updated_at": now,
            "due_at": now,
            "attempts": 0,
            "intents": "[]",
            "blocks": "{}",
        }
        with self._database.write() as connection:
            insert = sqlite.insert if self._database.dialect == "sqlite" else postgresql.insert
            new = insert(JOB).values(row).on_conflict_do_nothing().returning(JOB.c.job_id)
            is_first = connection.execute(new).first() is not None
            if is_first:
                _tell(connection, job_id, now, JobState.QUEUED.value)
        if not is_first:  # another request of the same key was faster
            self._vault.forget_many([(PAYLOAD, job_id)])
            found = self._known(request_key, content_hash)
            assert found is not None
            return found
        reached("stored")
        self.arrived.set()
        return self.get(job_id)

    def get(self, job_id: str, owner: str | None = None) -> Job:
        """A job, of one client if that is named. Raises Refused, status 404."""
        with self._database.read() as connection:
            row = connection.execute(select(JOB).where(JOB.c.job_id == job_id)).first()
            if row is None or (owner is not None and row.owner != owner):
                raise Refused(404, "Unknown job", f"there is no job {job_id}")
            return self._jobs(connection, [row])[0]

    def page(
        self,
        owner: str | None = None,
        state: JobState | None = None,
        limit: int = 50,
        after: str | None = None,
        kinds: Collection[str] = (),
    ) -> list[Job]:
        """The newest jobs first, of some kinds or of all; those that come `after` a job. Raises Refused, status 404, if
        that is none."""
        wanted = [] if owner is None else [JOB.c.owner == owner]
        wanted += [JOB.c.kind.in_(kinds)] if kinds else []
        wanted += [] if state is None else [JOB.c.state == state.value]
        if after is not None:
            last = self.get(after, owner)
            older = JOB.c.created_at < last.created_at
            wanted.append(or_(older, and_(JOB.c.created_at == last.created_at, JOB.c.job_id > last.job_id)))
        page = select(JOB).where(*wanted).order_by(JOB.c.created_at.desc(), JOB.c.job_id).limit(min(limit, PAGE_MOST))
        with self._database.read() as connection:
            return self._jobs(connection, connection.execute(page).all())

    def wait(self, job_id: str, seconds: float) -> Job:
        """The job when it is on chain or has failed, or as it is when time is up or too many wait already."""
        if seconds <= 0 or not self._waiting.acquire(blocking=False):
            return self.get(job_id)
        try:
            with self._watched(job_id) as moved:
                until, pause = time.monotonic() + seconds, FIRST_PAUSE_SECONDS
                job = self.get(job_id)
                while job.state not in ON_CHAIN | ENDED and (left := until - time.monotonic()) > 0:
                    moved.wait(min(pause, left))
                    moved.clear()
                    pause = min(pause * 1.5, LAST_PAUSE_SECONDS)
                    job = self.get(job_id)
        finally:
            self._waiting.release()
        return job

    @contextmanager
    def _watched(self, job_id: str) -> Iterator[threading.Event]:
        """Set when this process moves the job. What others do is found by looking."""
        moved = threading.Event()
        with self._guard:
            self._watching.setdefault(job_id, []).append(moved)
        try:
            yield moved
        finally:
            with self._guard:
                self._watching[job_id].remove(moved)
                if not self._watching[job_id]:
                    del self._watching[job_id]

    def counts(self) -> dict[JobState, int]:
        """How many jobs are in each state."""
        with self._database.read() as connection:
            rows = connection.execute(select(JOB.c.state, func.count()).group_by(JOB.c.state)).all()
        return {JobState(state): count for state, count in rows}

    def oldest_waiting_seconds(self) -> int:
        """The age of the oldest job that is not on chain yet; 0 if there is none."""
        waiting = [JobState.QUEUED.value, JobState.RUNNING.value]
        with self._database.read() as connection:
            oldest = connection.execute(select(func.min(JOB.c.created_at)).where(JOB.c.state.in_(waiting))).scalar()
        return 0 if oldest is None else max(0, int(time.time()) - oldest)

    def check_vault(self) -> str:
        """That the vault is there and opens, without reading it through. Raises VaultError."""
        Seal(self._vault)
        return "opens"

    # ------------------------------------------------------------------ for the runner

    def claim(self, kinds: Collection[str]) -> Job | None:
        """A job that is due, now this process's for as long as the lease: one that waits, or whose process died."""
        now = int(time.time())
        waits = JOB.c.state.in_([JobState.QUEUED.value, JobState.RUNNING.value])
        first = (
            select(JOB)
            .where(waits, JOB.c.due_at <= now, JOB.c.kind.in_(kinds))
            .order_by(JOB.c.due_at, JOB.c.created_at, JOB.c.job_id)
            .limit(1)
        )
        with self._database.read() as connection:
            if connection.execute(first).first() is None:  # without taking the write lock
                return None
        with self._database.write() as connection:
            row = connection.execute(first.with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            connection.execute(
                JOB.update()
                .where(JOB.c.job_id == row.job_id)
                .values(
                    state=JobState.RUNNING.value,
                    lease_owner=self.worker,
                    due_at=now + LEASE_SECONDS,
                    updated_at=now,
                    attempts=row.attempts + 1,
                )
            )
            if row.state == JobState.QUEUED.value:
                _tell(connection, row.job_id, now, JobState.RUNNING.value)
            return self._jobs(connection, connection.execute(select(JOB).where(JOB.c.job_id == row.job_id)).all())[0]

    def keep_alive(self, job_ids: Sequence[str]) -> None:
        """Prolongs the leases of jobs that are being performed or settled here."""
        with self._database.write() as connection:
            connection.execute(
                JOB.update()
                .where(JOB.c.job_id.in_(job_ids), JOB.c.lease_owner == self.worker)
                .values(due_at=int(time.time()) + LEASE_SECONDS)
            )

    def payload(self, job: Job) -> bytes:
        """What was submitted. Raises EntryMissing or EntryErased if it is gone."""
        return self._vault.get(PAYLOAD, job.job_id)

    def done(self, job: Job, result: dict[str, Any], intents: Sequence[str], blocks: Mapping[str, int]) -> None:
        """It is on chain; final at once if nothing was sent."""
        values = {"result": self._seal.seal(f"result {job.job_id}", result)}
        values |= {"intents": orjson.dumps(intents).decode(), "blocks": orjson.dumps(blocks).decode()}
        self._move(job, JobState.RUNNING, JobState.INCLUDED if intents else JobState.FINAL, values)

    def failed(self, job: Job, problem: dict[str, Any]) -> None:
        """It was refused for good."""
        values = {"problem": self._seal.seal(f"problem {job.job_id}", problem)}
        self._move(job, JobState.RUNNING, JobState.FAILED, values)

    def postpone(self, job: Job, seconds: int) -> None:
        """Something stood in the way: again in a while."""
        self._move(job, JobState.RUNNING, JobState.QUEUED, {"due_at": int(time.time()) + seconds})

    def included(self, kinds: Collection[str]) -> list[Job]:
        """Jobs that are on chain and not final, without their events; not those that another process settles."""
        due = (JOB.c.state == JobState.INCLUDED.value, JOB.c.due_at <= int(time.time()), JOB.c.kind.in_(kinds))
        with self._database.read() as connection:
            rows = connection.execute(select(JOB).where(*due).order_by(JOB.c.updated_at)).all()
        return [self._job(row, ()) for row in rows]

    def take_to_settle(self, job: Job) -> bool:
        """Whether it is now for this process to settle, for as long as the lease."""
        now = int(time.time())
        mine = (JOB.c.job_id == job.job_id, JOB.c.state == JobState.INCLUDED.value, JOB.c.due_at <= now)
        values = {"lease_owner": self.worker, "due_at": now + LEASE_SECONDS}
        with self._database.write() as connection:
            return bool(connection.execute(JOB.update().where(*mine).values(values)).rowcount)

    def settle_later(self, job: Job, seconds: int) -> None:
        """Something stood in the way of settling."""
        values = {"lease_owner": None, "due_at": int(time.time()) + seconds}
        mine = (JOB.c.job_id == job.job_id, JOB.c.lease_owner == self.worker, JOB.c.state == JobState.INCLUDED.value)
        with self._database.write() as connection:
            connection.execute(JOB.update().where(*mine).values(values))

    def final(self, job: Job) -> None:
        """All its blocks are deep enough; what was submitted is not needed any more, and erased."""
        self._move(job, JobState.INCLUDED, JobState.FINAL, {})

    def reorganized(self, job: Job) -> None:
        """A block of its is gone: it is performed again, by the same intents."""
        now = int(time.time())
        mine = (JOB.c.job_id == job.job_id, JOB.c.state == JobState.INCLUDED.value, JOB.c.due_at <= now)
        values = {"state": JobState.QUEUED.value, "due_at": now, "updated_at": now, "lease_owner": None}
        with self._database.write() as connection:
            if connection.execute(JOB.update().where(*mine).values(values)).rowcount:
                _tell(connection, job.job_id, now, "reorganized")

    def _move(self, job: Job, expected: JobState, state: JobState, values: dict[str, Any]) -> None:
        """Does nothing if the lease ran out and another process has the job."""
        now = int(time.time())
        mine = (JOB.c.job_id == job.job_id, JOB.c.state == expected.value, JOB.c.lease_owner == self.worker)
        values = {"state": state.value, "updated_at": now, "due_at": now, "lease_owner": None, **values}
        with self._database.write() as connection:
            if not connection.execute(JOB.update().where(*mine).values(values)).rowcount:
                return
            _tell(connection, job.job_id, now, state.value)
        with self._guard:
            if state in ENDED:
                self._ended.add(job.job_id)
            for moved in self._watching.get(job.job_id, ()):
                moved.set()

    # ------------------------------------------------------------------ erasing what was submitted

    def erase_ended(self) -> None:
        """Erases what was submitted for jobs that ended in this process."""
        with self._guard:
            ended, self._ended = self._ended, set()
        if not ended:
            return
        try:
            self._vault.forget_many((PAYLOAD, job_id) for job_id in ended)
        except BaseException:
            with self._guard:
                self._ended |= ended
            raise

    def sweep(self) -> None:
        """Erases what was submitted for jobs that ended in processes that were killed, and what has had no job for an
        hour: it never got one."""
        kept = set(self._vault.names(PAYLOAD))
        states: dict[str, str] = {}
        listed = sorted(kept)
        with self._database.read() as connection:
            for start in range(0, len(listed), CHUNK):
                part = JOB.c.job_id.in_(listed[start : start + CHUNK])
                states |= {
                    row.job_id: row.state for row in connection.execute(select(JOB.c.job_id, JOB.c.state).where(part))
                }
        ended = {job_id for job_id, state in states.items() if JobState(state) in ENDED}
        orphans = kept - states.keys()
        erasable = set(ended)
        if time.monotonic() - self._orphans_seen_at >= ORPHAN_SECONDS:
            erasable |= orphans & self._orphans
            self._orphans, self._orphans_seen_at = orphans, time.monotonic()
        if erasable:
            self._vault.forget_many((PAYLOAD, job_id) for job_id in erasable)

    def forget_ended(self, days: int) -> int:
        """Deletes jobs that ended more than so many days ago; how many. Their idempotency keys are forgotten too."""
        ended = JOB.c.state.in_([state.value for state in ENDED])
        old = select(JOB.c.job_id).where(ended, JOB.c.updated_at < int(time.time()) - days * DAY_SECONDS).limit(CHUNK)
        forgotten = 0
        while True:
            with self._database.write() as connection:
                part = connection.execute(old).scalars().all()
                connection.execute(JOB_EVENT.delete().where(JOB_EVENT.c.job_id.in_(part)))
                forgotten += connection.execute(JOB.delete().where(JOB.c.job_id.in_(part))).rowcount
            if len(part) < CHUNK:
                return forgotten

    # ------------------------------------------------------------------ inner

    def _known(self, request_key: str, content_hash: str) -> Job | None:
        with self._database.read() as connection:
            row = connection.execute(select(JOB).where(JOB.c.request_key == request_key)).first()
            if row is None:
                return None
            if row.content_hash != content_hash:
                raise Refused(409, "Idempotency key used", "this key came with other content before: use a new one")
            return self._jobs(connection, [row])[0]

    def _jobs(self, connection: Connection, rows: Sequence[Row[Any]]) -> list[Job]:
        wanted = JOB_EVENT.c.job_id.in_([row.job_id for row in rows])
        events: dict[str, list[JobEvent]] = {row.job_id: [] for row in rows}
        for one in connection.execute(select(JOB_EVENT).where(wanted).order_by(JOB_EVENT.c.job_id, JOB_EVENT.c.number)):
            events[one.job_id].append(JobEvent(one.number, one.time, one.name))
        return [self._job(row, tuple(events[row.job_id])) for row in rows]

    def _job(self, row: Row[Any], events: tuple[JobEvent, ...]) -> Job:
        return Job(
            job_id=row.job_id,
            kind=row.kind,
            owner=row.owner,
            state=JobState(row.state),
            created_at=row.created_at,
            updated_at=row.updated_at,
            attempts=row.attempts,
            result=None if row.result is None else self._seal.open(f"result {row.job_id}", row.result),
            problem=None if row.problem is None else self._seal.open(f"problem {row.job_id}", row.problem),
            intents=tuple(orjson.loads(row.intents)),
            blocks=orjson.loads(row.blocks),
            events=events,
        )


def _tell(connection: Connection, job_id: str, now: int, name: str) -> None:
    number = connection.execute(select(func.count()).where(JOB_EVENT.c.job_id == job_id)).scalar_one()
    connection.execute(JOB_EVENT.insert().values(job_id=job_id, number=number, time=now, name=name))
