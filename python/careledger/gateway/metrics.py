"""What Prometheus reads: of one process, or summed over all of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from careledger.gateway.alerts import Finding, Standing

__all__ = ["FOLDER", "alert_gauges", "exposition", "forget_dead"]

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder in which the processes of a gateway keep their counts, if there are several."""


def exposition(own: CollectorRegistry) -> bytes:
    """The counts of all processes, or of this one if there is no other."""
    if FOLDER not in os.environ:
        return generate_latest(own)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def forget_dead() -> None:
    """Drops what only a live process may say, of those that are gone. Their counts stay."""
    if FOLDER not in os.environ:
        return
    for path in Path(os.environ[FOLDER]).glob("gauge_live*_*.db"):
        process_id = int(path.stem.rpartition("_")[2])
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            mark_process_dead(process_id)  # type: ignore[no-untyped-call]
        except PermissionError:  # it lives, as another user's
            continue


def alert_gauges(found: Iterable[Finding]) -> list[Metric]:
    """1 for a rule that is raised, 0 for one that is clear. One that could not be checked has no such sample, but 1 in
    the other gauge; one that is not watched here has neither."""
    raised = GaugeMetricFamily("careledger_alert", "Whether an alert is raised.", labels=["rule"])
    unchecked = GaugeMetricFamily(
        "careledger_alert_not_checked", "Whether a rule could not be checked.", labels=["rule"]
    )
    for one in found:
        if one.standing is Standing.NOT_WATCHED:
            continue
        is_checked = one.standing is not Standing.NOT_CHECKED
        unchecked.add_metric([one.rule.value], not is_checked)
        if is_checked:
            raised.add_metric([one.rule.value], one.standing is Standing.RAISED)
    return [raised, unchecked]
