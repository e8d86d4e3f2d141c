"""Random schedules of crashes and reorganizations, with the outbox in SQLite.

A failure names its seed. The same order of faults again:
CARELEDGER_SCHEDULE_SEED=n pytest tests/python/outbox/test_outbox_schedules_sqlite.py
"""

from __future__ import annotations

from pathlib import Path

import pytest
from outbox.schedule import play, seeds
from outbox.stand import Count

SAMPLE, FULL = 4, 100


@pytest.mark.parametrize("seed", seeds(SAMPLE, fixed=True))
def test_a_schedule_ends_with_one_effect_each(tmp_path: Path, record_property: Count, seed: int) -> None:
    play(seed, f"sqlite:///{tmp_path / 'outbox.db'}", record_property)


@pytest.mark.full
@pytest.mark.parametrize("number", range(FULL))
def test_many_schedules_end_with_one_effect_each(tmp_path: Path, record_property: Count, number: int) -> None:
    play(seeds(1, fixed=False)[0], f"sqlite:///{tmp_path / 'outbox.db'}", record_property)
