"""Gas for what is queued without: asked in batches, on the node's pending block."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from careledger.chain.connection import TRANSACTION_GAS_CAP
from careledger.chain.outbox.flight import Changes, Lane, QueuedRow
from careledger.chain.outbox.metrics import Telemetry
from careledger.chain.outbox.node_errors import Meaning, meaning, reverted_with
from careledger.chain.outbox.states import State
from careledger.chain.outbox.tasks import Backoff, Done, Tasks
from careledger.chain.outbox.types import Policy
from careledger.chain.rpc import Answer, Call, Rpc, RpcError, quantity
from careledger.errors import NodeUnreachable

__all__ = ["Estimation"]

LATER_SECONDS = 1.0
AGAIN_SECONDS = 0.1


@dataclass(frozen=True)
class _Request:
    lane: Lane
    rows: list[QueuedRow]
    alone: bool  # nothing of the sender was in flight


class Estimation:
    """One batch is under way at a time, for one sender.

    A refusal is final only if nothing of the sender was in flight: what is ahead may be what the call waits for. Else
    the sender's queue waits until nothing is, and the call is asked about again.
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
                request = _Request(lane, rows, not lane.flight)
                self._tasks.start("estimate", request, lambda: self._ask(lane.address, rows))  # noqa: B023  returns
                return

    def _rows(self, lane: Lane) -> list[QueuedRow]:
        if not lane.looked or lane.suspects is not None or time.monotonic() < lane.estimate_at:
            return []
        rows = [row for row in lane.queue if row.gas is None and row.sequence not in lane.estimates]
        if lane.refused_estimate is not None and lane.flight:
            rows = []  # waits for what is ahead
        return rows[: self._policy.batch_size]

    def _ask(self, sender: str, rows: list[QueuedRow]) -> list[Answer]:
        calls: list[Call] = []
        for row in rows:
            request: dict[str, Any] = {"from": sender, "data": "0x" + row.data.hex(), "value": hex(row.value_wei)}
            if row.to is not None:
                request["to"] = row.to
            calls.append(("eth_estimateGas", [request, "pending"]))
        return self._rpc.batch(calls)

    def take_in(self, done: Done, lanes: Mapping[str, Lane], changes: Changes) -> None:
        request: _Request = done.context
        lane = request.lane
        error = done.future.exception()
        if isinstance(error, NodeUnreachable):
            self._telemetry.trouble("estimate", str(error))
            self._backoff.failed(error)
            return
        answers: list[Answer] = done.future.result()
        self._backoff.worked()
        if lanes.get(lane.address) is not lane:
            return
        lane.refused_estimate = None
        for number, (row, answer) in enumerate(zip(request.rows, answers, strict=True)):
            if isinstance(answer, RpcError):
                is_first = number == 0 and lane.queue[:1] == [row]
                self._refused(lane, row, answer, is_first and request.alone and not lane.flight, changes)
                return
            lane.estimates[row.sequence] = self._with_margin(quantity(answer))

    def _with_margin(self, gas: int) -> int:
        return max(gas, min(gas * (100 + self._policy.gas_margin_percent) // 100, TRANSACTION_GAS_CAP))

    def _refused(self, lane: Lane, row: QueuedRow, error: RpcError, is_final: bool, changes: Changes) -> None:
        data = reverted_with(error)
        if data is None and meaning(error) is not Meaning.REFUSED:  # the node's trouble, not the call's
            lane.estimate_at = time.monotonic() + min(LATER_SECONDS, self._policy.rebroadcast_after_seconds)
            self._telemetry.trouble("estimate", error.message)
        elif is_final:
            problem = None if data is not None else f"the gas estimate failed: {error.message}"
            changes.refused.append((row.sequence, State.REFUSED.value, problem, data, int(time.time())))
            lane.queue = lane.queue[1:]
            lane.touched = True
        else:
            lane.refused_estimate = row.sequence
            lane.estimate_at = time.monotonic() + AGAIN_SECONDS
