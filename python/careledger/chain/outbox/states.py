"""The states of an outbox record, and which may follow which.

              submit
                |
                v     refused by estimation, nothing sent
             QUEUED ---------------------------------------> REFUSED  (final; retry -> QUEUED)
              |  ^ \\
              |  |  \\ cancel: no nonce taken yet
              |  |   `-------------------------------------> CANCELLED  (final; retry -> QUEUED)
    nonce     |  |                                             ^
    and bytes |  | another transaction took the nonce          | the no-op is in a block, n deep
    stored    |  |                                             |
              v  |              cancel                         |
           SIGNED --- REPLACED <------.------------------> CANCELLING
              |          ^            |  no-op under the same nonce; the one that is mined decides
              |          |            |
    a node    |   nonce used, none    |
    took it   v   of our hashes mined |
          BROADCAST ------------------+
              |  ^
              |  | sent again, same bytes
              |  |            the node has it no more
              |  `--- DROPPED <---------------------- (from BROADCAST, or a reorg from INCLUDED)
    in a      |
    block     v    n blocks deep
          INCLUDED ----------------> CONFIRMED   (succeeded)
              ^                 `--> REVERTED    (failed in its block; error decoded; retry -> QUEUED)
              |                         |
              `------- reorg -----------'  a confirmation is reversible as deep as blocks are watched
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["FINAL", "IN_FLIGHT", "TRANSITIONS", "State"]


class State(StrEnum):
    """Where a record stands."""

    QUEUED = "queued"
    """Stored durably; no nonce taken."""
    SIGNED = "signed"
    """It owns a nonce, and the signed bytes are stored. Both became durable in one commit."""
    BROADCAST = "broadcast"
    """A node took the bytes, or knew them already."""
    DROPPED = "dropped"
    """It was broadcast or included, and the node has it no more: the same bytes are sent again."""
    REPLACED = "replaced"
    """Its nonce is used up by a transaction that is none of its own. The same commit puts it back into the queue for
    another nonce, or ends it if it was to be cancelled: no record stays in this state."""
    CANCELLING = "cancelling"
    """It is to be cancelled by a no-op under its nonce. Whichever of the two is mined decides."""
    INCLUDED = "included"
    """In a block, which is not yet deep enough."""
    CONFIRMED = "confirmed"
    """In a block, deep enough, and succeeded."""
    REVERTED = "reverted"
    """In a block, deep enough, and failed."""
    REFUSED = "refused"
    """It would fail, said the estimation, or no node takes it; nothing of it is on chain."""
    CANCELLED = "cancelled"
    """Nothing of it is on chain, and nothing will be."""


IN_FLIGHT = frozenset({State.SIGNED, State.BROADCAST, State.DROPPED, State.CANCELLING})
"""States that own a nonce and wait for a block."""

FINAL = frozenset({State.CONFIRMED, State.REVERTED, State.REFUSED, State.CANCELLED})
"""States in which a worker leaves a record, unless a reorg takes its block away."""

TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.SIGNED, State.REFUSED, State.CANCELLED}),
    State.SIGNED: frozenset({State.BROADCAST, State.INCLUDED, State.CANCELLING, State.REPLACED, State.DROPPED}),
    State.BROADCAST: frozenset({State.INCLUDED, State.DROPPED, State.REPLACED, State.CANCELLING}),
    State.DROPPED: frozenset({State.BROADCAST, State.INCLUDED, State.REPLACED, State.CANCELLING}),
    State.REPLACED: frozenset({State.QUEUED, State.CANCELLED, State.REFUSED}),
    State.CANCELLING: frozenset({State.INCLUDED, State.REPLACED, State.CANCELLED, State.REFUSED}),
    State.INCLUDED: frozenset({State.CONFIRMED, State.REVERTED, State.DROPPED, State.CANCELLED, State.REFUSED}),
    State.CONFIRMED: frozenset({State.DROPPED}),
    State.REVERTED: frozenset({State.QUEUED, State.DROPPED}),
    State.REFUSED: frozenset({State.QUEUED, State.DROPPED}),
    State.CANCELLED: frozenset({State.QUEUED, State.DROPPED}),
}
"""Every transition that a record may take; a round may take several at once. `retry` takes those from a final state to
QUEUED, a reorganization those to DROPPED."""
