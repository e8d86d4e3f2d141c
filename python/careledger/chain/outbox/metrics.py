"""What a worker tells of its work: Prometheus metrics, and log events without data of the calls."""

from __future__ import annotations

import logging
from collections import Counter as Tally
from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from careledger import logs
from careledger.chain.outbox.flight import Changes, Lane

__all__ = ["LABELS", "OTHER", "Telemetry"]

LABELS = 100
"""How many labels of intents the metrics tell apart; all further ones are counted as OTHER."""
OTHER = "other"

INCLUSION_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 21_600, 86_400)
COMPONENT = "outbox"


class Telemetry:
    """Log events go to careledger.logs: at INFO each record that reached a state, at WARNING what is out of order.
    Metrics go to the registry, if there is one."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        self._log = logs.logger(COMPONENT)
        self._standard = logging.getLogger(f"{logs.ROOT}.{COMPONENT}")
        self._labels: set[str] = set()
        self._moves: Counter | None = None
        if registry is not None:
            self._moves = Counter(
                "careledger_outbox_records", "Records that reached a state.", ["state", "label"], registry=registry
            )
            self._answers = Counter(
                "careledger_outbox_answers", "Nodes' answers to broadcasts.", ["meaning"], registry=registry
            )
            self._troubles = Counter(
                "careledger_outbox_troubles",
                "Requests to the node that got no answer, or one to ask again for.",
                ["request"],
                registry=registry,
            )
            self._waited = Histogram(
                "careledger_outbox_inclusion_seconds",
                "From the queue to a block, for intents that got into one.",
                buckets=INCLUSION_SECONDS,
                registry=registry,
            )
            self._gauges = {
                name: Gauge(f"careledger_outbox_{name}", text, ["sender"], registry=registry)
                for name, text in (
                    ("in_flight", "Records that own a nonce and wait for a block."),
                    ("unconfirmed", "Records in blocks that are not deep enough."),
                    ("next_nonce", "The nonce that the next record gets."),
                    ("balance_wei", "The sender's balance."),
                    ("spent_today_wei", "Spent or reserved in this UTC day."),
                    ("alerts", "Alerts that stand."),
                )
            }

    def moved(self, changes: Changes) -> None:
        """Records reached other states, as was committed."""
        if self._moves is not None:
            tally = Tally((state, self._label(what.label)) for state, what, _ in changes.moves)
            for (state, label), count in tally.items():
                self._moves.labels(state, label).inc(count)
            for seconds in changes.waited_seconds:
                self._waited.observe(seconds)
        if changes.moves and self._standard.isEnabledFor(logging.INFO):
            for state, what, transaction_hash in changes.moves:
                fields = {"nonce": getattr(what, "nonce", None), "transaction_hash": transaction_hash}
                known = {name: value for name, value in fields.items() if value is not None}
                self._log.info(f"record.{state}", key=what.key, label=what.label, **known)

    def _label(self, label: str) -> str:
        if label not in self._labels:
            if len(self._labels) >= LABELS:
                return OTHER
            self._labels.add(label)
        return label

    def answered(self, meaning: str, count: int = 1) -> None:
        if self._moves is not None:
            self._answers.labels(meaning).inc(count)

    def trouble(self, request: str, problem: str) -> None:
        """The node could not be asked, or would not do it."""
        self._count_trouble(request)
        self._log.warning("node.trouble", request=request, problem=problem)

    def unsettled(self, problem: str) -> None:
        """A look at the chain is to be repeated, as happens whenever a block comes in between."""
        self._count_trouble("look")
        self._log.debug("look.repeated", problem=problem)

    def _count_trouble(self, request: str) -> None:
        if self._moves is not None:
            self._troubles.labels(request).inc()

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
                "balance_wei": lane.balance_wei,
                "spent_today_wei": lane.spent_wei,
                "alerts": len(lane.alerts),
            }
            for name, value in values.items():
                self._gauges[name].labels(lane.address).set(value)
