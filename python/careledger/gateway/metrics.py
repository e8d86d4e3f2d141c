"""What Prometheus reads: of one process, or summed over all of them."""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

__all__ = ["FOLDER", "exposition", "forget_dead"]

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
