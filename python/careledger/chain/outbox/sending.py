"""Handing stored bytes to the node, lowest nonce first, and what its answers mean."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from careledger.chain.outbox.flight import Changes, Entry, Lane, Sent
from careledger.chain.outbox.metrics import Telemetry
from careledger.chain.outbox.node_errors import Meaning, meaning, words
from careledger.chain.outbox.states import State
from careledger.chain.outbox.tasks import Backoff, Done, Tasks
from careledger.chain.outbox.types import Policy
from careledger.chain.rpc import Answer, Call, Rpc, RpcError
from careledger.errors import NodeUnreachable

__all__ = ["Sending"]

LATER_SECONDS = 1.0

Parcel = list[tuple[Lane, Entry, Sent]]


class Sending:
    """One batch is under way at a time."""

    def __init__(
        self, tasks: Tasks, rpc: Rpc, policy: Policy, telemetry: Telemetry, reached: Callable[[str], None]
    ) -> None:
        self._tasks = tasks
        self._rpc = rpc
        self._policy = policy
        self._telemetry = telemetry
        self._reached = reached
        self._backoff = Backoff()

    def is_wanted(self, lanes: Iterable[Lane]) -> bool:
        """Whether something is to be sent now."""
        return self._backoff.is_over and bool(self._parcel(lanes, 1))

    def start(self, lanes: Iterable[Lane]) -> None:
        """Sends the next batch of what is due, unless one is under way. Only of what is committed."""
        if "send" in self._tasks.running or not self._backoff.is_over:
            return
        parcel = self._parcel(lanes, self._policy.batch_size)
        if parcel:
            for _, entry, _ in parcel:
                entry.posting = True
            self._tasks.start("send", parcel, lambda: self._send(parcel))

    def _parcel(self, lanes: Iterable[Lane], limit: int) -> Parcel:
        now = time.monotonic()
        ready = [lane for lane in lanes if lane.looked and lane.suspects is None]
        parcel: Parcel = []
        for number, lane in enumerate(ready):
            share = -(-(limit - len(parcel)) // (len(ready) - number))
            for entry in islice(lane.due(now, self._policy.rebroadcast_after_seconds), share):
                parcel.append((lane, entry, entry.last))
        return parcel

    def _send(self, parcel: Parcel) -> list[Answer]:
        calls: list[Call] = [("eth_sendRawTransaction", ["0x" + sent.raw.hex()]) for _, _, sent in parcel]
        self._reached("broadcast")
        return self._rpc.batch(calls)

    def take_in(self, done: Done, lanes: Mapping[str, Lane], changes: Changes) -> bool:
        """Takes in the answers. False if there are none: it is unknown what arrived, and all of it goes again."""
        parcel: Parcel = done.context
        for _, entry, _ in parcel:
            entry.posting = False
        error = done.future.exception()
        if isinstance(error, NodeUnreachable):
            self._telemetry.trouble("send", str(error))
            self._backoff.failed(error)
            return False
        answers: list[Answer] = done.future.result()
        self._backoff.worked()
        self._reached("answered")
        now, clock = time.monotonic(), int(time.time())
        problem: str | None = None
        for (lane, entry, sent), answer in zip(parcel, answers, strict=True):
            if lanes.get(lane.address) is not lane:
                continue
            lane.touched = True
            lane.answered_at = now
            if lane.flight.get(entry.nonce) is entry:
                self._judge(lane, entry, sent, answer, changes, now, clock)
                problem = entry.said or problem
            elif isinstance(answer, str) and sent.broadcast_at is None:  # a look found it in a block first
                changes.sent.append((sent.transaction_hash, clock))
        if problem is not None:
            self._telemetry.trouble("send", problem)
        return True

    def _judge(
        self, lane: Lane, entry: Entry, sent: Sent, answer: Answer, changes: Changes, now: float, clock: int
    ) -> None:
        entry.due_at = now + self._policy.rebroadcast_after_seconds
        said = meaning(answer) if isinstance(answer, RpcError) else None
        entry.said = None if said in (None, Meaning.KNOWN) else words(answer)
        self._telemetry.answered("accepted" if said is None else said.name.lower())
        if said is None or said is Meaning.KNOWN:
            if said is not None and entry.is_held_back:
                entry.underpriced = True
            if sent.broadcast_at is None:
                sent.broadcast_at = clock
                changes.sent.append((sent.transaction_hash, clock))
            if entry.state in (State.SIGNED, State.DROPPED):
                entry.state = State.CANCELLING if sent.kind == "no-op" else State.BROADCAST
                changes.broadcast.append((entry.sequence, entry.state.value))
                changes.moves.append((State.BROADCAST.value, entry, sent.transaction_hash))
        elif said is Meaning.UNDERPRICED:
            entry.underpriced = True
        elif said is Meaning.REFUSED and sent.kind == "call":
            entry.state, entry.refused = State.CANCELLING, True
            entry.problem = f"no node takes it: {entry.said}"
            changes.cancelling.append((entry.sequence, State.CANCELLING.value, 1, entry.problem))
            changes.moves.append((State.CANCELLING.value, entry, None))
            lane.wish = True
        elif said is not Meaning.NONCE_USED:
            entry.due_at = now + min(LATER_SECONDS, self._policy.rebroadcast_after_seconds)
        entry.is_held_back = False
