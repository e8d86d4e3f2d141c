"""Where a job's process may be ended by a test."""

from __future__ import annotations

__all__ = ["POINTS", "reached"]

POINTS = (
    "payload",
    "stored",
    "claimed",
    "submitted",
    "on-chain",
    "performed",
    "included",
    "settling",
    "settled",
    "final",
)
"""In the order in which a job passes them: what was submitted is in the vault; its row is there; a process has it; a
transaction is in the outbox; that is in a block; `perform` has returned; that is stored; all is deep enough; `settle`
has returned; that is stored."""


def _reached(point: str) -> None:
    """For tests, which replace it, to end a process at a point."""


def reached(point: str) -> None:
    """To be called at each point."""
    _reached(point)
