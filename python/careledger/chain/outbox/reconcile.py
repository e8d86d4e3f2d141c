"""What a look at the chain means for a lane: included, final, replaced, dropped, a gap, a reorganization."""

from __future__ import annotations

import time
from typing import Any

from careledger.chain.outbox.flight import Changes, Entry, Included, Lane
from careledger.chain.outbox.observation import LaneSight, Mined, Sight
from careledger.chain.outbox.states import State
from careledger.chain.outbox.store import SECONDS_PER_DAY
from careledger.chain.outbox.types import NO_OP_KEY, Policy

__all__ = ["final_state", "reconcile", "taken_back"]

MISSED_LOOKS = 2
"""How many looks in a row must find none of a record's transactions before its nonce counts as used by another."""


def reconcile(sight: Sight, lane_sight: LaneSight, policy: Policy, changes: Changes) -> bool:
    """Takes over what a look found that counts. Returns False if a block that was counted on is gone: then the records
    of this lane are to be compared with the chain."""
    lane = lane_sight.question.lane
    deep_enough = sight.number - policy.confirmations + 1
    now = int(time.time())
    for included in list(lane.included.values()):
        if included.block_number <= deep_enough and included.block_number in sight.blocks:
            if sight.blocks[included.block_number] != included.block_hash:
                return False
            del lane.included[included.sequence]
            lane.touched = True
            changes.confirmed.append((included.sequence, included.final.value, now))
            changes.final_count += 1
    moved = False
    for mined in lane_sight.mined:
        if lane.flight.get(mined.entry.nonce) is mined.entry:
            _settle(lane, mined, mined.block_number <= deep_enough, changes, now)
            moved = True
    if lane.has_missing:
        missing = set(map(id, lane_sight.missing))
        for entry in lane.flight.values():
            if id(entry) not in missing:
                entry.missing = 0
    lane.has_missing = bool(lane_sight.missing)
    for entry in lane_sight.missing:
        if lane.flight.get(entry.nonce) is not entry:
            continue
        entry.missing += 1
        deep = lane_sight.deep_count
        if entry.missing >= MISSED_LOOKS and deep is not None and deep > entry.nonce:
            _replace(lane, entry, changes, now)
            moved = True
    if moved:
        lane.progress_at = time.monotonic()
    lane.balance_wei = lane_sight.balance_wei
    before = lane.next_nonce
    pooled = 0 if lane.looked else lane_sight.pending_count or 0
    lane.next_nonce = max(lane.next_nonce, lane_sight.count, pooled)
    if lane.seen != (sight.number, sight.block_hash) or moved or lane.next_nonce != before:
        lane.touched = True
    lane.seen = (sight.number, sight.block_hash)
    lane.behind_since = None
    lane.looked = True
    return True


def final_state(mined: Mined) -> State:
    """What a record will be once its block is deep enough."""
    if mined.sent.kind == "no-op":
        return State.REFUSED if mined.entry.refused else State.CANCELLED
    return State.CONFIRMED if mined.succeeded else State.REVERTED


def _settle(lane: Lane, mined: Mined, is_final: bool, changes: Changes, now: int) -> None:
    entry, sent = mined.entry, mined.sent
    final = final_state(mined)
    cost_wei = mined.gas_used * mined.gas_price_wei
    problem = mined.problem
    if final is State.REFUSED:
        problem = entry.problem
    changes.settled.append(
        (
            *(entry.sequence, final.value if is_final else State.INCLUDED.value, sent.transaction_hash),
            *(mined.block_number, mined.block_hash, int(mined.succeeded), mined.gas_used, str(cost_wei), problem),
            *(mined.revert_data, now, now if is_final else None),
        )
    )
    changes.included_count += 1
    if is_final:
        changes.final_count += 1
    else:
        lane.included[entry.sequence] = Included(
            *(entry.sequence, entry.key, entry.label, entry.nonce, mined.block_number, mined.block_hash), final=final
        )
    if lane.spend_day == now // SECONDS_PER_DAY == entry.signed_at // SECONDS_PER_DAY:
        moved_wei = entry.value_wei if sent.kind == "call" and mined.succeeded else 0
        lane.spent_wei = max(0, lane.spent_wei - entry.worst_wei + cost_wei + moved_wei)
    del lane.flight[entry.nonce]


def _replace(lane: Lane, entry: Entry, changes: Changes, now: int) -> None:
    """A transaction of another program took the nonce."""
    text = f"nonce {entry.nonce} was used by a transaction that is not the outbox's"
    lane.alert("foreign-nonce", f"{text}; is the key in use elsewhere?")
    if entry.refused:
        row: tuple[Any, ...] = (entry.sequence, State.REFUSED.value, None, None, entry.problem, now)
    elif entry.state is State.CANCELLING or entry.key.startswith(NO_OP_KEY):
        row = (entry.sequence, State.CANCELLED.value, None, None, text, now)
    else:
        row = (entry.sequence, State.QUEUED.value, None, None, text, None)
    changes.replaced.append(row)
    if lane.spend_day == now // SECONDS_PER_DAY == entry.signed_at // SECONDS_PER_DAY and entry.attempts:
        lane.spent_wei = max(0, lane.spent_wei - entry.worst_wei)
    del lane.flight[entry.nonce]


def taken_back(sight: Sight, count: int, rows: list[Any]) -> list[tuple[Any, ...]]:
    """The rows (`Claims.taken_back`) whose block is not on the chain of a look, as claims.SETTLED has them."""
    gone = [
        row
        for row in rows
        if row.nonce >= count
        or row.block_number > sight.number
        or sight.blocks.get(row.block_number, row.block_hash) != row.block_hash
    ]
    return [
        (row.sequence, State.DROPPED.value, *[None] * 6, row.problem if row.refused else None, None, None, None)
        for row in gone
    ]
