"""Looking at the chain over and over: when, for which lanes, and what is done about what was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from functools import partial

from sqlalchemy import Connection

from careledger.chain.connection import LOCAL_CHAIN_IDS
from careledger.chain.outbox.claims import Claims
from careledger.chain.outbox.flight import Changes, Lane
from careledger.chain.outbox.metrics import Telemetry
from careledger.chain.outbox.observation import Abilities, LaneSight, NoCount, Question, Sight, look
from careledger.chain.outbox.reconcile import reconcile, taken_back
from careledger.chain.outbox.states import State
from careledger.chain.outbox.store import Store
from careledger.chain.outbox.tasks import Backoff, Done, Tasks
from careledger.chain.outbox.types import Policy
from careledger.chain.rpc import Rpc
from careledger.errors import NodeBusy, NodeUnreachable, OutboxOfAnotherChain, WrongChain

__all__ = ["Watching"]

FIRST_LOOK_SECONDS = 0.01
IDLE_LOOKS = 4
"""How many times longer the pause between looks is while nothing is on its way."""
LOCAL_PATIENCE_SECONDS = 0.5
"""After so long without progress a development chain's pool is asked about the lowest nonce; others' after the policy's
`rebroadcast_after_seconds`."""
NO_NONCE = 2**63 - 1


class Watching:
    """One look is under way at a time. Attributes: `sight`, the last one; `looks`, how many there were."""

    def __init__(
        self,
        tasks: Tasks,
        rpc: Rpc,
        store: Store,
        claims: Claims,
        policy: Policy,
        telemetry: Telemetry,
        reached: Callable[[str], None],
    ) -> None:
        self._tasks = tasks
        self._rpc = rpc
        self._store = store
        self._claims = claims
        self._policy = policy
        self._telemetry = telemetry
        self._reached = reached
        self._is_local = store.chain_id in LOCAL_CHAIN_IDS
        self._patience_seconds = LOCAL_PATIENCE_SECONDS if self._is_local else policy.rebroadcast_after_seconds
        self._abilities = Abilities()
        self._backoff = Backoff()
        self._look_at = 0.0
        self._ended_at = self._took_seconds = 0.0
        self._pause = FIRST_LOOK_SECONDS
        self._recheck = True  # whether the node's chain is to be identified before anything else
        self._searches: list[tuple[Lane, Sight, int]] = []
        self._gaps: list[tuple[Lane, Sight, int, int]] = []
        self.sight: Sight | None = None
        self.looks = 0

    # ------------------------------------------------------------------ when

    @property
    def may_act(self) -> bool:
        """Whether the node is known to serve the outbox's chain."""
        return self.sight is not None and not self._recheck

    @property
    def is_answered(self) -> bool:
        """Whether the node answered when it was asked last."""
        return self._backoff.is_over

    @property
    def next_at(self) -> float:
        """When the next look is due."""
        return max(self._look_at, self._backoff.until)

    def hurry(self) -> None:
        """Something may have happened on the chain. Between looks is at least as much time as the last one took."""
        self._look_at = self._ended_at + self._took_seconds
        self._pause = FIRST_LOOK_SECONDS

    def distrust(self) -> None:
        """The connection was lost: whoever answers next may be another node, or another chain."""
        self._recheck = True
        self._look_at = 0.0

    def forget(self) -> None:
        """What was found for lanes that are not in mind any more."""
        self._searches, self._gaps = [], []
        self._look_at = 0.0

    def start(self, lanes: Collection[Lane]) -> None:
        """Looks, if that is due and no look is under way."""
        if lanes and "look" not in self._tasks.running and time.monotonic() >= self.next_at:
            questions = [_question(lane, self._patience_seconds) for lane in lanes]
            settings = (self._abilities, self._policy.confirmations, self._policy.legacy, self._recheck)
            self._tasks.start("look", questions, partial(look, self._rpc, questions, *settings))

    @property
    def _depth(self) -> int:
        return max(self._policy.watch_blocks, self._policy.confirmations)

    def _wait(self, lanes: Collection[Lane]) -> None:
        on_its_way = any(lane.flight or lane.included for lane in lanes)
        most = self._policy.poll_seconds * (1 if on_its_way else IDLE_LOOKS)
        self._pause = min(self._pause * 2, most)
        self._look_at = time.monotonic() + max(self._pause, self._took_seconds)

    # ------------------------------------------------------------------ what was found

    def take_in(self, done: Done, lanes: Mapping[str, Lane], changes: Changes) -> None:
        """Raises OutboxOfAnotherChain or WrongChain."""
        error = done.future.exception()
        if isinstance(error, NodeUnreachable):
            self._telemetry.trouble("look", str(error))
            self._recheck = self._recheck or not isinstance(error, NodeBusy)
            self._backoff.failed(error)
        elif isinstance(error, NoCount):
            self._telemetry.unsettled(str(error))
            self._wait(lanes.values())
        else:
            self._backoff.worked()
            self._saw(done.future.result(), lanes, changes)

    def _saw(self, sight: Sight, lanes: Mapping[str, Lane], changes: Changes) -> None:
        self.looks += 1
        self._ended_at = time.monotonic()
        asked_at = min((lane.question.asked_at for lane in sight.lanes), default=self._ended_at)
        self._took_seconds = min(self._ended_at - asked_at, self._policy.poll_seconds)
        store = self._store
        if sight.chain_id is not None:
            if sight.chain_id != store.chain_id:
                raise WrongChain(store.chain_id, sight.chain_id)
            if sight.genesis_hash != store.genesis_hash:
                raise OutboxOfAnotherChain(
                    store.database.name, store.chain_id, store.genesis_hash, str(sight.genesis_hash)
                )
            self._recheck = False
        self.sight = sight
        before = (changes.included_count, changes.final_count)
        for lane_sight in sight.lanes:
            lane = lane_sight.question.lane
            if lanes.get(lane.address) is lane:
                self._saw_lane(sight, lane_sight, changes)
        if (changes.included_count, changes.final_count) != before:
            self._reached("receipt")
            self._pause = FIRST_LOOK_SECONDS
        self._wait(lanes.values())

    def _saw_lane(self, sight: Sight, lane_sight: LaneSight, changes: Changes) -> None:
        lane, now = lane_sight.question.lane, time.monotonic()
        if lane_sight.question.is_search:
            self._searches.append((lane, sight, lane_sight.count))
            return
        if lane.suspects is not None:
            return  # asked before the search began
        if lane_sight.behind:
            self._recheck = self._recheck or sight.chain_id is None
            lane.looked = False
            lane.behind_since = lane.behind_since or now
            if now - lane.behind_since >= self._policy.lag_patience_seconds:
                self._search(lane)
            return
        if not lane_sight.same or not reconcile(sight, lane_sight, self._policy, changes):
            self._recheck = self._recheck or sight.chain_id is None
            self._search(lane)
            return
        self._notice_gap(lane, sight, lane_sight, now)
        self._notice_stall(lane, lane_sight, now)

    def _search(self, lane: Lane) -> None:
        """Begins to compare the lane's records with the chain: their blocks are asked for in the next look."""
        self._telemetry.event(
            "chain.reorganized", sender=lane.address, seen=None if lane.seen is None else lane.seen[0]
        )
        lane.looked = False
        lane.touched = True
        least = (lane.seen[0] if lane.seen is not None else 0) - self._depth
        with self._store.database.read() as connection:
            rows = self._claims.taken_back(connection, lane, least, NO_NONCE)
        lane.suspects = [(row.block_number, row.block_hash) for row in rows]
        self._look_at = 0.0

    def _notice_stall(self, lane: Lane, lane_sight: LaneSight, now: float) -> None:
        """The lowest nonce is sent again if the node's pool does not count it. If a development node then says that it
        knows the bytes, it holds them as if a nonce before them were missing, as Anvil does now and then when a block
        comes in between: only other bytes with this nonce get it going again. Elsewhere many nodes never count their
        pools, and knowing the bytes is no reason to offer more."""
        lowest = next(iter(lane.flight.values()), None)
        pending = lane_sight.pending_count
        if (
            lowest is not None
            and pending is not None
            and lane_sight.count == lowest.nonce >= pending
            and lowest.attempts
            and lowest.last.broadcast_at is not None
            and now - lane.progress_at >= self._patience_seconds
            and lane.answered_at < lane_sight.question.asked_at
        ):
            lowest.due_at = 0.0
            lowest.is_held_back = self._is_local

    def _notice_gap(self, lane: Lane, sight: Sight, lane_sight: LaneSight, now: float) -> None:
        """Nonces that the chain waits for, and that nothing in flight has."""
        expected = next(iter(lane.flight), lane.next_nonce)
        if lane_sight.count >= expected or lane_sight.missing:
            lane.gap_since = None
        elif lane.gap_since is None:
            lane.gap_since = now
        elif now - lane.gap_since >= self._policy.rebroadcast_after_seconds:
            pending = lane_sight.pending_count
            if pending is not None and pending < expected:
                self._gaps.append((lane, sight, max(lane_sight.count, pending), expected))
                lane.gap_since = None

    # ------------------------------------------------------------------ inside the commit

    @property
    def found(self) -> set[str]:
        """The senders whose lanes `finish` is about."""
        return {found[0].address for found in self._searches} | {found[0].address for found in self._gaps}

    def finish(self, connection: Connection, changes: Changes) -> None:
        """Ends searches and closes gaps: adds to the changes what follows from the records in the database."""
        for lane, sight, count in self._searches:
            self._finish_search(connection, lane, sight, count, changes)
        for lane, sight, low, high in self._gaps:
            self._close_gap(connection, lane, sight, low, high, changes)

    def finished(self) -> None:
        """That was committed."""
        self._searches, self._gaps = [], []

    def _finish_search(self, connection: Connection, lane: Lane, sight: Sight, count: int, changes: Changes) -> None:
        """Drops what the chain has no more; the lane is read again, and goes on from the block that was looked at."""
        seen = sight.number if lane.seen is None else min(sight.number, lane.seen[0])
        rows = self._claims.taken_back(connection, lane, seen - self._depth, count)
        gone = taken_back(sight, count, rows)
        lane.begin_day(int(time.time()))
        lane.spent_wei = max(0, lane.spent_wei + self._claims.reserved_again(connection, gone, lane.spend_day))
        for row in gone:
            problem = row.problem if row.refused else None
            changes.dropped.append((row.sequence, State.DROPPED.value, *[None] * 6, problem, None, None, None))
            changes.moves.append((State.DROPPED.value, row, row.transaction_hash))
        lane.seen = (sight.number, sight.block_hash)
        lane.next_nonce = max(lane.next_nonce, count)
        changes.reload.add(lane.address)

    def _close_gap(
        self, connection: Connection, lane: Lane, sight: Sight, low: int, high: int, changes: Changes
    ) -> None:
        if self._claims.owned(connection, lane, low, high):  # by records that claim blocks which are not there
            self._finish_search(connection, lane, sight, low, changes)
        elif lane.flight:
            changes.fillers += [(lane, nonce) for nonce in range(low, min(high, low + self._policy.max_in_flight))]
        else:
            lane.next_nonce = low
        changes.reload.add(lane.address)


def _question(lane: Lane, patience_seconds: float) -> Question:
    now = time.monotonic()
    suspects = lane.suspects
    blocks = [number for number, _ in suspects] if suspects is not None else _block_numbers(lane)
    return Question(
        lane=lane,
        seen=lane.seen if suspects is None else None,
        wanted=tuple(lane.flight.values()) if suspects is None else (),
        blocks=frozenset(blocks),
        is_search=suspects is not None,
        asks_pool=not lane.looked or lane.gap_since is not None or now - lane.progress_at >= patience_seconds,
        asked_at=now,
    )


def _block_numbers(lane: Lane) -> set[int]:
    return {included.block_number for included in lane.included.values()}
