"""Gas for what is queued without: asked in batches, on the node's pending block."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from careledger.chain.connection import TRANSACTION_GAS_CAP
from careledger.chain.outbox.flight import Changes, Lane, QueuedRow
from careledger.chain.outbox.metrics import Telemetry
from careledger.chain.outbox.node_errors import Meaning, meaning, reverted_with, words
from careledger.chain.outbox.states import State
from careledger.chain.outbox.tasks import Backoff, Done, Tasks
from careledger.chain.outbox.types import Policy
from careledger.chain.rpc import Answer, Call, Rpc, RpcError, quantity
from careledger.errors import NodeUnreachable

__all__ = ["Estimation"]

LATER_SECONDS = 1.0
AGAIN_SECONDS = 0.1
FRESH_SECONDS = 60
"""How long an estimate is good for, if fees or limits keep its record in the queue."""


@dataclass(frozen=True)
class _Request:
    lane: Lane
    rows: list[QueuedRow]
    seen: tuple[int, str] | None  # if nothing of the sender was in flight: the newest block by then


class Estimation:
    """One batch is under way at a time, for one sender.

    A refusal is final only if nothing of the sender was in flight, and the node had the newest block that was seen:
    what is ahead may be what the call waits for. Else the sender's queue waits until that is so, and the call is asked
    about again.
    """

    def __init__(self, tasks: Tasks, rpc: Rpc, policy: Policy, telemetry: Telemetry) -> None:
        self._tasks = tasks
        self._rpc = rpc
        self._policy = policy
        self._telemetry = telemetry
        self._backoff = Backoff()

    def is_wanted(self, lanes: Iterable[Lane]) -> bool:
        """Whether something could be asked now."""
        return self._backoff.is_over and any(self._rows(lane) for lane in lanes)

    def start(self, lanes: Iterable[Lane]) -> None:
        """Asks about the head of a queue, unless a batch is under way."""
        if "estimate" in self._tasks.running or not self._backoff.is_over:
            return
        for lane in sorted(lanes, key=lambda lane: len(lane.estimates)):
            rows = self._rows(lane)
            if rows:
                request = _Request(lane, rows, None if lane.flight else lane.seen)
                self._tasks.start("estimate", request, lambda: self._ask(request))  # noqa: B023  returns
                return

    def _rows(self, lane: Lane) -> list[QueuedRow]:
        if not lane.looked or lane.suspects is not None or time.monotonic() < lane.estimate_at:
            return []
        old = time.monotonic() - FRESH_SECONDS
        rows = [row for row in lane.queue if row.gas is None and lane.estimates.get(row.sequence, (0, old))[1] <= old]
        if lane.refused_estimate is not None and lane.flight:
            rows = []  # waits for what is ahead
        return rows[: self._policy.batch_size]

    def _ask(self, request: _Request) -> list[Answer]:
        """The estimates, and whether the node that made them has the block that was seen."""
        calls: list[Call] = []
        for row in request.rows:
            call: dict[str, Any] = {"from": request.lane.address, "data": "0x" + row.data.hex()}
            call["value"] = hex(row.value_wei)
            if row.to is not None:
                call["to"] = row.to
            calls.append(("eth_estimateGas", [call, "pending"]))
        if request.seen is None:
            return [*self._rpc.batch(calls), False]
        *estimates, block = self._rpc.batch([*calls, ("eth_getBlockByNumber", [hex(request.seen[0]), False])])
        return [*estimates, isinstance(block, dict) and block.get("hash") == request.seen[1]]

    def take_in(self, done: Done, lanes: Mapping[str, Lane], changes: Changes) -> None:
        request: _Request = done.context
        lane = request.lane
        error = done.future.exception()
        if isinstance(error, NodeUnreachable):
            self._telemetry.trouble("estimate", str(error))
            self._backoff.failed(error)
            return
        answers: list[Answer]
        *answers, is_up_to_date = done.future.result()
        self._backoff.worked()
        if lanes.get(lane.address) is not lane:
            return
        lane.refused_estimate = None
        kept = {row.sequence for row in lane.queue}
        lane.estimates = {sequence: known for sequence, known in lane.estimates.items() if sequence in kept}
        now = time.monotonic()
        for number, (row, answer) in enumerate(zip(request.rows, answers, strict=True)):
            if isinstance(answer, RpcError):
                is_first = number == 0 and lane.queue[:1] == [row]
                self._refused(lane, row, answer, is_first and is_up_to_date and not lane.flight, changes)
                return
            lane.estimates[row.sequence] = (self._with_margin(quantity(answer)), now)

    def _with_margin(self, gas: int) -> int:
        return max(gas, min(gas * (100 + self._policy.gas_margin_percent) // 100, TRANSACTION_GAS_CAP))

    def _refused(self, lane: Lane, row: QueuedRow, error: RpcError, is_final: bool, changes: Changes) -> None:
        lane.estimates.pop(row.sequence, None)
        data = reverted_with(error)
        if data is None and meaning(error) is not Meaning.REFUSED:  # the node's trouble, not the call's
            lane.estimate_at = time.monotonic() + min(LATER_SECONDS, self._policy.rebroadcast_after_seconds)
            self._telemetry.trouble("estimate", words(error))
        elif is_final:
            problem = None if data is not None else f"the gas estimate failed: {words(error)}"
            changes.refused.append((row.sequence, State.REFUSED.value, problem, data, int(time.time())))
            changes.moves.append((State.REFUSED.value, row, None))
            lane.queue = lane.queue[1:]
            lane.touched = True
        else:
            lane.refused_estimate = row.sequence
            lane.estimate_at = time.monotonic() + AGAIN_SECONDS
