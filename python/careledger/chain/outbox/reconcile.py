"""What a look at the chain means for a lane: included, final, replaced, dropped, a gap, a reorganization."""

from __future__ import annotations

import time
from typing import Any

from careledger.chain.outbox.flight import Changes, Entry, Included, Lane
from careledger.chain.outbox.observation import LaneSight, Mined, Sight
from careledger.chain.outbox.states import State
from careledger.chain.outbox.types import NO_OP_KEY, Policy

__all__ = ["final_state", "reconcile", "taken_back"]


def reconcile(sight: Sight, lane_sight: LaneSight, policy: Policy, changes: Changes) -> bool:
    """Takes over what a look found that counts. Returns False if a block that was counted on is gone: then the records
    of this lane are to be compared with the chain."""
    lane = lane_sight.question.lane
    deep_enough = sight.number - policy.confirmations + 1
    now = int(time.time())
    lane.begin_day(now)
    for included in list(lane.included.values()):
        if included.block_number <= deep_enough and included.block_number in sight.blocks:
            if sight.blocks[included.block_number] != included.block_hash:
                return False
            del lane.included[included.sequence]
            lane.touched = True
            changes.confirmed.append((included.sequence, included.final.value, now))
            changes.final_count += 1
            changes.moves.append((included.final.value, included, included.transaction_hash))
    moved = False
    for mined in lane_sight.mined:
        if lane.flight.get(mined.entry.nonce) is mined.entry:
            _settle(lane, mined, mined.block_number <= deep_enough, changes, now)
            moved = True
    if lane.has_missing:
        missing = set(map(id, lane_sight.missing))
        for entry in lane.flight.values():
            if id(entry) not in missing:
                entry.missing_since = None
    lane.has_missing = bool(lane_sight.missing)
    for entry in lane_sight.missing:
        if lane.flight.get(entry.nonce) is not entry:
            continue
        entry.missing_since = entry.missing_since or time.monotonic()
        patient = time.monotonic() - entry.missing_since >= policy.lag_patience_seconds
        if not patient:
            continue
        user = lane_sight.users.get(entry.nonce)
        if user is None:
            entry.said = "its nonce is used, and not yet by which transaction"
        elif any(sent.transaction_hash == user for sent in entry.attempts):
            entry.said = f"{user} is in a block, and there is no receipt of it"
        else:
            _replace(lane, entry, user, changes, now)
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
    changes.moves.append((State.INCLUDED.value, entry, sent.transaction_hash))
    if sent.kind == "call":
        changes.waited_seconds.append(max(0, now - entry.queued_at))
    if is_final:
        changes.final_count += 1
        changes.moves.append((final.value, entry, sent.transaction_hash))
    else:
        lane.included[entry.sequence] = Included(
            *(entry.sequence, entry.key, entry.label, entry.nonce, mined.block_number, mined.block_hash),
            *(sent.transaction_hash, final),
        )
    moved_wei = entry.value_wei if sent.kind == "call" and mined.succeeded else 0
    lane.spent_wei = max(0, lane.spent_wei - entry.worst_wei + cost_wei + moved_wei)
    del lane.flight[entry.nonce]


def _replace(lane: Lane, entry: Entry, user: str, changes: Changes, now: int) -> None:
    """A transaction of another program, named by its hash, took the nonce."""
    text = f"nonce {entry.nonce} was used by {user}, which is not the outbox's"
    lane.alert("foreign-nonce", f"{text}; is the key in use elsewhere?")
    if entry.refused:
        row: tuple[Any, ...] = (entry.sequence, State.REFUSED.value, None, None, entry.problem, now)
    elif entry.state is State.CANCELLING or entry.key.startswith(NO_OP_KEY):
        row = (entry.sequence, State.CANCELLED.value, None, None, text, now)
    else:
        row = (entry.sequence, State.QUEUED.value, None, None, text, None)
    changes.replaced.append(row)
    changes.moves.append((State.REPLACED.value, entry, user))
    lane.spent_wei = max(0, lane.spent_wei - entry.worst_wei)
    del lane.flight[entry.nonce]


def taken_back(sight: Sight, count: int, rows: list[Any]) -> list[Any]:
    """Those of the rows (`Claims.taken_back`) whose block is not on the chain of a look."""
    return [
        row
        for row in rows
        if row.nonce >= count
        or row.block_number > sight.number
        or sight.blocks.get(row.block_number, row.block_hash) != row.block_hash
    ]
