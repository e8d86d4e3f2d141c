"""What a worker tells of its work: Prometheus metrics, and log events without data of the calls."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from careledger.chain.outbox.flight import Changes, Lane

__all__ = ["Telemetry"]

_standard = logging.getLogger("careledger.outbox")
_standard.addHandler(logging.NullHandler())


class Telemetry:
    """Log events go to the standard logger `careledger.outbox` through structlog: those of single records at DEBUG.
    Metrics go to the registry, if there is one."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        self._log: structlog.stdlib.BoundLogger = structlog.wrap_logger(
            _standard,
            wrapper_class=structlog.stdlib.BoundLogger,
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(),
            ],
        )
        self._moves: Counter | None = None
        if registry is not None:
            self._moves = Counter(
                "careledger_outbox_records", "Records that reached a state.", ["state"], registry=registry
            )
            self._answers = Counter(
                "careledger_outbox_answers", "Nodes' answers to broadcasts.", ["meaning"], registry=registry
            )
            self._troubles = Counter(
                "careledger_outbox_troubles", "Requests to the node that got no answer.", ["request"], registry=registry
            )
            self._gauges = {
                name: Gauge(f"careledger_outbox_{name}", text, ["sender"], registry=registry)
                for name, text in (
                    ("in_flight", "Records that own a nonce and wait for a block."),
                    ("unconfirmed", "Records in blocks that are not deep enough."),
                    ("next_nonce", "The nonce that the next record gets."),
                    ("balance_ether", "The sender's balance."),
                    ("spent_today_ether", "Spent or reserved in this UTC day."),
                    ("alerts", "Alerts that stand."),
                )
            }

    def moved(self, changes: Changes) -> None:
        """Records reached other states."""
        if self._moves is None and not _standard.isEnabledFor(logging.DEBUG):
            return
        found: list[tuple[str, int]] = [("signed", row[0]) for row in changes.signed]
        found += [(row[1], row[0]) for row in changes.broadcast]
        found += [(row[1], row[0]) for row in changes.settled]
        found += [(row[1], row[0]) for row in changes.confirmed]
        found += [(row[1], row[0]) for row in changes.refused]
        found += [(row[1], row[0]) for row in changes.cancelling]
        for state, sequence in found:
            if self._moves is not None:
                self._moves.labels(state).inc()
            self._log.debug(f"record.{state}", sequence=sequence)

    def answered(self, meaning: str, count: int = 1) -> None:
        if self._moves is not None:
            self._answers.labels(meaning).inc(count)

    def trouble(self, request: str, problem: str) -> None:
        """The node could not be asked."""
        if self._moves is not None:
            self._troubles.labels(request).inc()
        self._log.warning("node.trouble", request=request, problem=problem)

    def event(self, name: str, **fields: Any) -> None:
        """Something that happens seldom."""
        self._log.warning(name, **fields)

    def lanes(self, lanes: Iterable[Lane]) -> None:
        """How the senders stand after a round."""
        if self._moves is None:
            return
        for lane in lanes:
            values = {
                "in_flight": len(lane.flight),
                "unconfirmed": len(lane.included),
                "next_nonce": lane.next_nonce,
                "balance_ether": lane.balance_wei / 10**18,
                "spent_today_ether": lane.spent_wei / 10**18,
                "alerts": len(lane.alerts),
            }
            for name, value in values.items():
                self._gauges[name].labels(lane.address).set(value)
