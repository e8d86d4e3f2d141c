"""Python's memory management, where very many objects come and go."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["rare_collections"]

ALLOCATIONS_BETWEEN_COLLECTIONS = 100_000


@contextmanager
def rare_collections() -> Iterator[None]:
    """Makes Python's search for cycles rare, in the whole process, while it lasts: with rows and transactions by the
    thousand it costs up to as much as all the rest. What is in no cycle is freed as ever."""
    before = gc.get_threshold()
    gc.set_threshold(ALLOCATIONS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
