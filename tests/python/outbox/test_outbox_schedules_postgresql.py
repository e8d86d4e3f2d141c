"""Random schedules of crashes and reorganizations, with the outbox in PostgreSQL.

A failure names its seed. The same order of faults again:
CARELEDGER_SCHEDULE_SEED=n pytest tests/python/outbox/test_outbox_schedules_postgresql.py
"""

from __future__ import annotations

import pytest
from outbox.schedule import run_schedule, seeds
from outbox.stand import Count

SAMPLE, FULL = 4, 100


def run(seed: int, database_url: str, record_property: Count) -> None:
    record_property("seed", seed)
    counts = run_schedule(seed, database_url)
    record_property("counted: outbox, random schedules", 1)
    for name, count in counts.items():
        record_property(f"counted: outbox, random schedules, {name}", count)


@pytest.mark.parametrize("seed", seeds(SAMPLE, fixed=True))
def test_a_schedule_ends_with_one_effect_each(postgres_url: str, record_property: Count, seed: int) -> None:
    run(seed, postgres_url, record_property)


@pytest.mark.full
@pytest.mark.parametrize("number", range(FULL))
def test_many_schedules_end_with_one_effect_each(postgres_url: str, record_property: Count, number: int) -> None:
    run(seeds(1, fixed=False)[0], postgres_url, record_property)
