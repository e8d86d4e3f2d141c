"""What the indexer tells of its work, as Prometheus metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge

if TYPE_CHECKING:
    from careledger.chain.indexer.blocks import Block

__all__ = ["Metrics"]


class Metrics:
    """Counts in a registry; without one it does nothing."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._is_on = registry is not None
        if registry is None:
            return
        prefix = "careledger_index"
        self._number = Gauge(f"{prefix}_block_number", "The index's last block.", registry=registry)
        self._time = Gauge(f"{prefix}_block_time_seconds", "Its time, in Unix seconds.", registry=registry)
        self._behind = Gauge(
            f"{prefix}_blocks_behind", "Blocks between it and the head, as a node last said.", registry=registry
        )
        self._events = Counter(f"{prefix}_events", "Events stored since the start.", ["event"], registry=registry)
        self._reorganizations = Counter(
            f"{prefix}_reorganizations", "How often blocks were taken back.", registry=registry
        )
        self._blocks_back = Counter(f"{prefix}_blocks_back", "How many blocks were taken back.", registry=registry)
        self._failures = Counter(
            f"{prefix}_node_failures", "How often a node was set aside.", ["node", "problem"], registry=registry
        )
        self._failovers = Counter(
            f"{prefix}_node_failovers", "How often another node than before gave the answer.", registry=registry
        )

    def at(self, last: Block, head: Block) -> None:
        """The index ends with a block, and the chain with another."""
        if self._is_on:
            self._number.set(last.number)
            self._time.set(last.time)
            self._behind.set(max(0, head.number - last.number))

    def stored(self, counts: Mapping[str, int]) -> None:
        """So many events of each kind are in the database."""
        if self._is_on:
            for event, count in counts.items():
                self._events.labels(event).inc(count)

    def went_back(self, blocks: int) -> None:
        """The index gave up its last blocks."""
        if self._is_on:
            self._reorganizations.inc()
            self._blocks_back.inc(blocks)

    def failed(self, node: str, problem: str) -> None:
        """A node is left alone for a while: it was `unreachable`, `busy` or `behind`, it `refused`, it was of another
        chain (`foreign`), or its answer was `unfit`."""
        if self._is_on:
            self._failures.labels(node, problem).inc()

    def failed_over(self) -> None:
        """Another node than before gave the answer."""
        if self._is_on:
            self._failovers.inc()
