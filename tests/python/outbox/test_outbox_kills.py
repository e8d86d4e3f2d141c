"""A worker killed by SIGKILL at every point of its work; another one finishes, and each record takes effect once."""

from __future__ import annotations

import random

import pytest
from careledger.chain.outbox import Outbox, State
from careledger.chain.outbox.worker import POINTS
from outbox.stand import Count, Stand, all_records, is_final, stand
from outbox.worker_process import Orders, WorkerProcess, working

RECORDS = 9
BATCH = 3


def kill_and_finish(bench: Stand, kills: list[tuple[str, int]]) -> int:
    """Runs a worker for each kill, then one to the end. Returns how many kills landed."""
    bench.rpc.call("evm_setIntervalMining", 0)
    intents = bench.intents(RECORDS)
    keys = [intent.key for intent in intents]
    landed = 0
    for point, count in kills:
        orders = Orders(
            bench.database_url,
            bench.proxy.url,
            settings={"batch_size": BATCH},
            intents=tuple(intents),
            die_at=point,
            die_at_count=count,
        )
        with working([orders]) as (process,):
            landed += killed(bench, process)
    outbox = bench.outbox()
    outbox.submit_many(intents)  # again: as who submitted would, who does not know what arrived
    worker = bench.worker(outbox, batch_size=BATCH)
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS}, kills
    assert bench.nonce() == RECORDS, "a nonce was burnt"
    assert [len(record.attempts) for record in all_records(outbox)] == [1] * RECORDS
    worker.close()
    outbox.close()
    return landed


def killed(bench: Stand, process: WorkerProcess) -> bool:
    """Mines until the process has killed itself, or there was nothing left for it to do."""
    look: Outbox | None = None
    for _ in range(600):
        if process.died(0.02):
            break
        bench.mine()
        look = look or bench.outbox()
        if look.counts() and is_final(look) and not process.died(0.5):
            process.stop()
            break
    if look is not None:
        look.close()
    return process.died(0)


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_at_a_point_leaves_what_the_next_one_finishes(
    database_url: str, record_property: Count, point: str
) -> None:
    with stand(database_url) as bench:
        landed = kill_and_finish(bench, [(point, 1), (point, 2)] if point != "stored" else [(point, 1)])
    assert landed >= 1, f"no worker came to {point}"
    record_property(f"counted: outbox, killed at {point}", landed)


@pytest.mark.full
@pytest.mark.parametrize("number", range(20))
def test_workers_killed_at_random_points_leave_what_the_next_one_finishes(
    database_url: str, record_property: Count, number: int
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    record_property("seed", seed)
    print(f"seed {seed}")
    rng = random.Random(seed)
    kills = [(rng.choice(POINTS), rng.randint(1, 3)) for _ in range(6)]
    with stand(database_url) as bench:
        landed = kill_and_finish(bench, kills)
    record_property("counted: outbox, killed at random points", landed)
