"""The worker: takes intents from the outbox to the chain, in rounds.

A round takes in what the node answered, signs, and commits all of it in one transaction; only then are the new bytes
sent. Two threads talk to the node meanwhile. Killed at any point, the next worker goes on: what was committed is sent
(again), what was not has left nothing on chain.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from prometheus_client import CollectorRegistry

from careledger.chain.connection import LOCAL_CHAIN_IDS
from careledger.chain.memory import rare_collections
from careledger.chain.outbox.claims import Claims, LeaseLost
from careledger.chain.outbox.estimation import Estimation
from careledger.chain.outbox.fees import quote
from careledger.chain.outbox.flight import Changes, Lane
from careledger.chain.outbox.metrics import Telemetry
from careledger.chain.outbox.outbox import Outbox
from careledger.chain.outbox.sending import Sending
from careledger.chain.outbox.signing import HINDRANCES, SigningRound
from careledger.chain.outbox.tasks import Tasks
from careledger.chain.outbox.types import Policy, Progress, Summary
from careledger.chain.outbox.watching import Watching
from careledger.chain.rpc import Rpc
from careledger.chain.signers import Signer
from careledger.errors import (
    ConfigurationError,
    DatabaseError,
    NodeBusy,
    NodeUnreachable,
    WorkerBusy,
)

__all__ = ["POINTS", "Worker"]

POINTS = ("stored", "claimed", "signed", "broadcast", "answered", "receipt", "mined", "confirmed", "committed")
"""Where `_reached` is called, in the order in which a record passes them: in the queue; nonces and bytes in memory;
those committed; about to be sent; the node's answer there; a receipt there; about to commit that; about to commit what
is final; that committed."""

QUEUE_POLL_SECONDS = 0.1
STEP_ROUNDS = 50
ALERT_DAY_SECONDS = 86_400
SIGNING_SHARE = 4
"""A round signs for at most this part of a lease, since signers may be slow."""
LEASE_SHARE = 3
"""A lease is extended, and free ones are looked for, after this part of it."""


def _reached(point: str) -> None:
    """For tests, which replace it, to end a process at a point."""


def _pass(point: str) -> None:
    _reached(point)


class Worker:
    """Sends an outbox's intents with the keys of some signers.

    With SQLite one worker at a time may run; with PostgreSQL any number, also with the same signers: each sender
    belongs to the worker that holds its lease. Not for use from several threads. Use as a context manager, or call
    `close`.
    """

    def __init__(
        self,
        outbox: Outbox,
        rpc: Rpc,
        signers: Sequence[Signer],
        policy: Policy | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        """Does not ask the node. Raises WorkerBusy if another worker has the SQLite file, and ConfigurationError for a
        development-only signer outside a local chain."""
        for signer in signers:
            if signer.development_only and outbox.chain_id not in LOCAL_CHAIN_IDS:
                raise ConfigurationError(
                    signer.describe(), f"for development chains only, this is chain {outbox.chain_id}"
                )
        self.policy = policy or Policy()
        self._outbox = outbox
        self._database = outbox.store.database
        self._rpc = rpc
        self._signers: dict[str, Signer] = {signer.address: signer for signer in signers}
        self._lock = _locked(self._database.path)
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._claims = Claims(self._database, outbox.chain_id, owner, self.policy.lease_seconds)
        self._lanes: dict[str, Lane] = {}
        self._claim_at = 0.0
        self._has_claimed = False
        self._tasks = Tasks()
        self._telemetry = Telemetry(registry)
        self._sending = Sending(self._tasks, rpc, self.policy, self._telemetry, _pass)
        self._estimation = Estimation(self._tasks, rpc, self.policy, self._telemetry)
        self._watching = Watching(self._tasks, rpc, outbox.store, self._claims, self.policy, self._telemetry, _pass)
        self._poll_at = 0.0
        self._signed_looks = 0

    # ------------------------------------------------------------------ for users

    def step(self) -> Progress:
        """One round to its end: looks at the chain, takes in what it finds, signs up to a batch for each sender, sends
        it, and takes in the answers. A node that does not answer ends the round early.

        Raises OutboxOfAnotherChain or WrongChain if the node serves another chain, DatabaseError.
        """
        self._watching.hurry()
        self._poll_at = 0.0
        looks, signed, total = self._watching.looks, 0, Progress()
        for _ in range(STEP_ROUNDS):
            progress = self._tick(may_sign=not signed)
            signed += progress.signed
            total = _sum(total, progress)
            busy = self._tasks.running or self._is_sendable() or self._estimation.is_wanted(self._lanes.values())
            looked = self._watching.looks > looks or not self._watching.is_answered
            if looked and not busy and not self._wants_no_op() and (signed or not self._is_signable()):
                break
        return total

    def drain(self, timeout_seconds: float | None = None) -> Summary:
        """Works until every record of the signers' senders is final, or time is up. Raises what `step` raises."""
        started = time.monotonic()
        final = 0
        with rare_collections():
            while True:
                progress = self._tick()
                final += progress.final
                late = timeout_seconds is not None and time.monotonic() - started > timeout_seconds
                idle = not (progress or progress.waiting or self._tasks.running)
                waiting = self._outbox.store.waiting(list(self._signers)) if idle or late else 1
                if late or not waiting:
                    seconds = time.monotonic() - started
                    return Summary(not waiting, final, waiting, seconds, self._outbox.counts())

    def run(self, stop: threading.Event) -> None:
        """Works until told to stop. A database that fails is tried again. Raises OutboxOfAnotherChain, WrongChain."""
        with rare_collections():
            while not stop.is_set():
                try:
                    self._tick()
                except DatabaseError as error:
                    self._telemetry.event("database.trouble", problem=str(error))
                    stop.wait(self.policy.poll_seconds)

    def close(self) -> None:
        """Gives the leases back (if the database is away, they run out), and waits for what is under way: bytes that
        are stored, whoever has the lease."""
        self._lanes = {}
        try:
            if self._has_claimed:
                self._claims.release(list(self._signers))
                self._has_claimed = False
        except DatabaseError as error:
            self._telemetry.event("database.trouble", problem=str(error))
        finally:
            self._tasks.close()
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------------ a round

    def _tick(self, may_sign: bool = True) -> Progress:
        """Takes in what is ready, signs, commits, and has the next things done."""
        try:
            self._claim()
            changes = Changes()
            self._take_in(changes, self._timeout())
            self._start()  # what earlier rounds committed goes out while this one signs and commits
            if may_sign:
                self._sign(changes)
            self._commit(changes)
            self._start()
        except LeaseLost as lost:
            self._telemetry.event("lease.lost", sender=str(lost))
            self._forget()
            return Progress()
        except BaseException:
            self._forget()
            raise
        self._telemetry.lanes(self._lanes.values())
        return Progress(
            signed=len(changes.signed),
            broadcast=len(changes.broadcast),
            included=changes.included_count,
            final=changes.final_count + len(changes.refused),
            dropped=len(changes.dropped) + len(changes.replaced),
            waiting=sum(len(lane.flight) + len(lane.included) + len(lane.queue) for lane in self._lanes.values()),
        )

    def _claim(self) -> None:
        now = time.monotonic()
        if len(self._lanes) == len(self._signers) or now < self._claim_at:
            return
        missing = {address: signer for address, signer in self._signers.items() if address not in self._lanes}
        exclusive = self._database.dialect == "sqlite"
        self._has_claimed = True
        found = self._claims.claim(missing, len(missing) if exclusive else 1, exclusive)
        for lane in found:
            self._lanes[lane.address] = lane
            self._watching.hurry()
            self._poll_at = 0.0
        if not found:
            self._claim_at = now + min(self.policy.lease_seconds / LEASE_SHARE, self.policy.poll_seconds)

    def _forget(self) -> None:
        """Everything in mind; the database has it."""
        self._lanes = {}
        self._watching.forget()
        self._claim_at = 0.0

    def _timeout(self) -> float:
        if self._is_signable():
            return 0.0
        soonest = min(self._poll_at, time.monotonic() + QUEUE_POLL_SECONDS)
        if "look" not in self._tasks.running and self._lanes:
            soonest = min(soonest, self._watching.next_at)
        return max(0.001, soonest - time.monotonic())

    def _is_signable(self) -> bool:
        return self._watching.may_act and any(
            lane.looked
            and lane.suspects is None
            and time.monotonic() >= lane.sign_at
            and self._has_room(lane)
            and (lane.queue[0].gas is not None or lane.queue[0].sequence in lane.estimates)
            and not lane.alerts.keys() & set(HINDRANCES)
            for lane in self._lanes.values()
        )

    def _has_room(self, lane: Lane) -> bool:
        """Whether there is something to sign, and room for a good part of a batch."""
        enough = min(self.policy.batch_size, len(lane.queue), max(1, self.policy.max_in_flight // 2))
        return bool(lane.queue) and self.policy.max_in_flight - len(lane.flight) >= enough

    def _wants_no_op(self) -> bool:
        """Whether a record is to be cancelled for which no no-op is signed yet, and could be."""
        return self._watching.may_act and any(
            lane.looked and lane.wish and not lane.alerts.keys() & set(HINDRANCES) for lane in self._lanes.values()
        )

    def _is_sendable(self) -> bool:
        return self._watching.may_act and self._sending.is_wanted(self._lanes.values())

    def _start(self) -> None:
        if self._watching.may_act:
            self._sending.start(self._lanes.values())
            self._estimation.start(self._lanes.values())
        self._watching.start(self._lanes.values())

    def _take_in(self, changes: Changes, timeout_seconds: float) -> None:
        for done in self._tasks.collect(timeout_seconds):
            error = done.future.exception()
            if done.name == "send":
                if self._sending.take_in(done, self._lanes, changes):
                    self._watching.hurry()
                elif isinstance(error, NodeUnreachable) and not isinstance(error, NodeBusy):
                    self._watching.distrust()
            elif done.name == "estimate":
                self._estimation.take_in(done, self._lanes, changes)
            else:
                self._watching.take_in(done, self._lanes, changes)

    # ------------------------------------------------------------------ signing

    def _sign(self, changes: Changes) -> None:
        sight = self._watching.sight
        if sight is None or not self._watching.may_act:
            return
        fee = quote(sight, self.policy)
        fresh = self._watching.looks != self._signed_looks
        self._signed_looks = self._watching.looks
        deadline = time.monotonic() + self.policy.lease_seconds / SIGNING_SHARE
        for lane in sorted(self._lanes.values(), key=lambda lane: lane.served_at):
            if not lane.looked or lane.suspects is not None or not (fresh or lane.wish or self._has_room(lane)):
                continue
            signing = SigningRound(lane, self._outbox.chain_id, sight, fee, self.policy, changes, _pass, deadline)
            signing.replace()
            signing.take()
            self._alert(lane, signing.hindrances)

    def _alert(self, lane: Lane, hindrances: dict[str, str]) -> None:
        policy, now = self.policy, int(time.time())
        if "low-funds" not in hindrances:
            next_wei = lane.queue[0].value_wei if lane.queue else 0
            needed = max(policy.low_funds_wei or 0, lane.reserved_wei + next_wei)
            if lane.balance_wei < needed:
                hindrances["low-funds"] = f"{lane.address} has {lane.balance_wei} wei, {needed} are needed"
        stuck_for = time.monotonic() - lane.progress_at
        if lane.flight and stuck_for >= policy.stuck_after_seconds:
            lowest = next(iter(lane.flight.values()))
            said = "" if lowest.said is None else f"; the node says: {lowest.said}"
            hindrances["stuck"] = f"nonce {lowest.nonce} ({lowest.key}) gets into no block{said}"
        for kind in (*HINDRANCES, "stuck"):
            if kind in hindrances:
                if lane.alert(kind, hindrances[kind]):
                    self._telemetry.event(f"alert.{kind}", sender=lane.address, detail=hindrances[kind])
            else:
                lane.calm(kind)
        foreign = lane.alerts.get("foreign-nonce")
        if foreign is not None and now - foreign[0] > ALERT_DAY_SECONDS:
            lane.calm("foreign-nonce")

    # ------------------------------------------------------------------ the commit

    def _commit(self, changes: Changes) -> None:
        """All that the round changed, in one transaction, and the queue as it is after it."""
        now = time.monotonic()
        polled = now >= self._poll_at
        late = now - self.policy.lease_seconds / LEASE_SHARE
        found = self._watching.found
        touched = [
            lane for lane in self._lanes.values() if lane.touched or lane.lease_at <= late or lane.address in found
        ]
        limit = self.policy.batch_size * 2
        if not (changes or touched):
            if polled:
                with self._database.read() as connection:
                    for lane in self._lanes.values():
                        self._claims.refresh(connection, lane, limit)
                self._poll_at = now + QUEUE_POLL_SECONDS
            return
        if changes.settled:
            _pass("mined")
        if changes.final_count:
            _pass("confirmed")
        with self._database.write() as connection:
            self._claims.limit_idleness(connection)
            self._watching.finish(connection, changes)
            for lane in sorted(touched, key=lambda lane: lane.address):
                self._claims.extend(connection, lane)
            self._claims.apply(connection, changes)
            for address in changes.reload:
                self._lanes[address] = self._claims.reload(connection, self._lanes[address])
            for lane in self._lanes.values():
                if polled or len(lane.queue) < self.policy.batch_size:
                    self._claims.refresh(connection, lane, limit)
        self._watching.finished()
        if polled:
            self._poll_at = now + QUEUE_POLL_SECONDS
        for lane in touched:
            lane.touched, lane.lease_at = False, now
        if changes.signed:
            _pass("signed")
        if changes.final_count:
            _pass("committed")
        self._tell(changes)

    def _tell(self, changes: Changes) -> None:
        for lane, nonce in changes.fillers:
            self._telemetry.event("nonce.filled", sender=lane.address, nonce=nonce)
        for row in changes.replaced:
            self._telemetry.event("nonce.foreign", problem=row[4])
        self._telemetry.moved(changes)


def _sum(one: Progress, other: Progress) -> Progress:
    return Progress(
        signed=one.signed + other.signed,
        broadcast=one.broadcast + other.broadcast,
        included=one.included + other.included,
        final=one.final + other.final,
        dropped=one.dropped + other.dropped,
        waiting=other.waiting,
    )


def _locked(path: Path | None) -> IO[str] | None:
    """The lock of an SQLite file's one worker, which ends with the process. Raises WorkerBusy."""
    if path is None:
        return None
    path = path.resolve()  # a link to it is the same file
    file = path.with_name(f"{path.name}.worker").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise WorkerBusy(str(path)) from None
    return file
