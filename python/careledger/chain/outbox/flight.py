"""What a worker keeps in mind about the senders whose leases it holds. All of it can be loaded again at any time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from careledger.chain.outbox.states import State
from careledger.chain.outbox.types import Kind
from careledger.chain.signers import Signer

__all__ = ["SECONDS_PER_DAY", "Changes", "Entry", "Included", "Lane", "QueuedRow", "Sent", "worst_wei"]

SECONDS_PER_DAY = 86_400


@dataclass(slots=True)
class Sent:
    """Signed bytes."""

    transaction_hash: str
    kind: Kind
    raw: bytes
    gas: int
    max_fee_wei: int
    tip_wei: int | None
    signed_at: int
    broadcast_at: int | None = None


def worst_wei(attempts: list[Sent], value_wei: int) -> int:
    """The most that can be spent under one nonce: any of its transactions may be the one that gets into a block."""
    return max(
        (sent.gas * sent.max_fee_wei + (value_wei if sent.kind == "call" else 0) for sent in attempts), default=0
    )


@dataclass(slots=True, eq=False)
class Entry:
    """A record that owns a nonce and waits for a block. Times to act at are those of `time.monotonic`."""

    sequence: int
    key: str
    label: str
    state: State
    nonce: int
    to: str | None
    data: bytes
    value_wei: int
    signed_at: int
    refused: bool
    problem: str | None
    attempts: list[Sent]
    queued_at: int = 0
    due_at: float = 0.0
    bump_at: float = 0.0
    old_at: float = 0.0  # when its last offer has waited long enough
    signed_block: int = -1  # the newest block when its last offer was made
    said: str | None = None  # what the node last had against it
    posting: bool = False
    underpriced: bool = False
    is_held_back: bool = False  # whether the node's pool seems to hold it as if a nonce before it were missing
    missing_since: float | None = None
    _worst: tuple[int, int] = (0, 0)  # how many attempts it was reckoned from, and the most that they can cost

    @property
    def last(self) -> Sent:
        """The bytes to send: those that were made last."""
        return self.attempts[-1]

    @property
    def worst_wei(self) -> int:
        """The most that it can cost."""
        if self._worst[0] != len(self.attempts):
            self._worst = (len(self.attempts), worst_wei(self.attempts, self.value_wei))
        return self._worst[1]


@dataclass(slots=True, eq=False)
class Included:
    """A record in a block that is not deep enough; `final` is what it will be."""

    sequence: int
    key: str
    label: str
    nonce: int
    block_number: int
    block_hash: str
    transaction_hash: str
    final: State


@dataclass(slots=True, frozen=True)
class QueuedRow:
    """A record without a nonce."""

    sequence: int
    key: str
    label: str
    to: str | None
    data: bytes
    value_wei: int
    gas: int | None
    queued_at: int


@dataclass(slots=True, eq=False)
class Lane:
    """One sender."""

    address: str
    signer: Signer
    next_nonce: int
    seen: tuple[int, str] | None
    alerts: dict[str, list[Any]]
    spend_day: int
    spent_wei: int
    flight: dict[int, Entry] = field(default_factory=dict)  # by nonce, in order
    included: dict[int, Included] = field(default_factory=dict)  # by sequence
    queue: list[QueuedRow] = field(default_factory=list)  # the first ones in order
    estimates: dict[int, tuple[int, float]] = field(default_factory=dict)  # by sequence: gas, and when it was asked
    lease_at: float = 0.0  # when the lease was extended last
    progress_at: float = field(default_factory=time.monotonic)  # when its lowest nonce moved last
    answered_at: float = 0.0  # when a broadcast was answered last
    looked: bool = False  # whether a look at the chain counted since the lane was loaded
    behind_since: float | None = None
    gap_since: float | None = None
    suspects: list[tuple[int, str]] | None = None  # the blocks to compare after a reorganization
    wish: bool = False  # whether there may be a record to cancel, without a no-op yet
    has_missing: bool = False
    balance_wei: int = 0
    refused_estimate: int | None = None  # the record whose estimation is asked again once nothing is in flight
    estimate_at: float = 0.0
    sign_at: float = 0.0
    served_at: float = 0.0  # when something of its queue was signed last
    idle_since: float | None = None
    touched: bool = False  # whether its row is to be written

    def alert(self, kind: str, detail: str) -> bool:
        """Raises an alert; whether it is new."""
        known = self.alerts.get(kind)
        if known is not None and known[1] == detail:
            return False
        self.alerts[kind] = [int(time.time()) if known is None else known[0], detail]
        self.touched = True
        return known is None

    def calm(self, kind: str) -> None:
        """Takes an alert back."""
        if self.alerts.pop(kind, None) is not None:
            self.touched = True

    def begin_day(self, now: int) -> None:
        """On a new day, at a Unix time: what is in flight counts for the day on which it may get into a block. A clock
        a little behind the last worker's begins no day."""
        today = now // SECONDS_PER_DAY
        if self.spend_day not in (today, today + 1):
            self.spend_day, self.spent_wei = today, self.reserved_wei

    def due(self, now: float, patience_seconds: float) -> Iterator[Entry]:
        """What is to be sent, lowest nonce first: what never was, and again, if nothing got into a block for as long as
        patience goes, everything. A call that is to be cancelled and was never sent is not."""
        stalled = now - self.progress_at >= patience_seconds
        for entry in self.flight.values():
            if entry.due_at > now or entry.posting or not entry.attempts:
                continue
            was_sent = entry.last.broadcast_at is not None
            if was_sent and entry.due_at and not stalled:
                continue
            if entry.state is State.CANCELLING and entry.last.kind == "call" and not was_sent:
                continue
            yield entry

    @property
    def reserved_wei(self) -> int:
        """The most that all in flight can cost."""
        return sum(entry.worst_wei for entry in self.flight.values())


@dataclass(slots=True)
class Changes:
    """What one round writes, in one transaction."""

    signed: list[tuple[int, int, int]] = field(default_factory=list)  # sequence, nonce, signed_at
    attempts: list[tuple[Any, ...]] = field(default_factory=list)  # outbox_transaction's columns
    sent: list[tuple[str, int]] = field(default_factory=list)  # transaction_hash, broadcast_at
    broadcast: list[tuple[int, str]] = field(default_factory=list)  # sequence, state
    settled: list[tuple[Any, ...]] = field(default_factory=list)  # claims.SETTLED's columns
    confirmed: list[tuple[int, str, int]] = field(default_factory=list)  # sequence, state, final_at
    cancelling: list[tuple[int, str, int, str]] = field(default_factory=list)  # sequence, state, refused, problem
    refused: list[tuple[Any, ...]] = field(default_factory=list)  # sequence, state, problem, revert_data, final_at
    replaced: list[tuple[Any, ...]] = field(default_factory=list)  # sequence, state, nonce, problem, final_at
    dropped: list[tuple[Any, ...]] = field(default_factory=list)  # claims.DROPPED's columns
    fillers: list[tuple[Lane, int]] = field(default_factory=list)  # a nonce that no record owns
    moves: list[tuple[str, Any, str | None]] = field(default_factory=list)  # state, what, transaction_hash: to tell
    waited_seconds: list[int] = field(default_factory=list)  # from the queue to a block
    reload: set[str] = field(default_factory=set)  # senders whose lanes are read again after the commit
    included_count: int = 0
    final_count: int = 0

    def __bool__(self) -> bool:
        return any(
            (
                *(self.signed, self.attempts, self.sent, self.broadcast, self.settled, self.confirmed),
                *(self.cancelling, self.refused, self.replaced, self.dropped, self.fillers),
            )
        )
