"""Several processes on one outbox: one id submitted by all, one sender that all may send from."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from careledger.chain.outbox import State
from careledger.errors import CareLedgerError, IntentConflict
from outbox.stand import SETTLE_SECONDS, Count, Stand, is_final, stand
from outbox.worker_process import Orders, WorkerProcess, working

RECORDS = 40
SENDERS = (0, 1, 2)


@pytest.fixture
def bench(postgres_url: str) -> Iterator[Stand]:
    with stand(postgres_url) as made:
        yield made


def until_final(bench: Stand, processes: list[WorkerProcess]) -> None:
    """Mines until every record is final; the processes must live."""
    outbox = bench.outbox()
    deadline = time.monotonic() + SETTLE_SECONDS
    while not is_final(outbox):
        assert time.monotonic() < deadline, (outbox.counts(), outbox.status())
        assert all(process.is_alive for process in processes)
        bench.mine()
        time.sleep(0.02)


def test_an_id_submitted_by_several_threads_and_handles_is_one_record(database_url: str) -> None:
    with stand(database_url) as bench:
        handles = [bench.outbox() for _ in range(4)]
        start = threading.Barrier(len(handles))
        found: list[str] = []

        def submit(index: int) -> None:
            start.wait()
            for number in range(10):
                found.append(handles[index].submit(bench.intent(f"same-{number}")).key)

        threads = [threading.Thread(target=submit, args=(index,)) for index in range(len(handles))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 40
        keys = [f"same-{number}" for number in range(10)]
        bench.settle(handles[0], bench.worker(handles[0]))
        assert bench.check(handles[0], keys) == {State.CONFIRMED: 10}
        with pytest.raises(IntentConflict):
            handles[1].submit(bench.intent("same-1", value_wei=1))


def test_two_workers_on_the_same_ids_and_senders(bench: Stand, record_property: Count) -> None:
    """Both submit the same intents, and both hold the keys of all senders."""
    intents = [intent for sender in SENDERS for intent in bench.intents(RECORDS, sender)]
    bench.outbox()  # the tables
    orders = [
        Orders(bench.database_url, bench.proxy.url, SENDERS, {"batch_size": 10}, tuple(intents)) for _ in range(2)
    ]
    with working(orders) as processes:
        deadline = time.monotonic() + SETTLE_SECONDS
        outbox = bench.outbox()
        while sum(outbox.counts().values()) < len(intents):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        until_final(bench, processes)
        for process in processes:
            process.stop()
    assert bench.check(outbox, [intent.key for intent in intents]) == {State.CONFIRMED: len(intents)}
    assert [bench.nonce(sender) for sender in SENDERS] == [RECORDS] * 3
    record_property("counted: outbox, records of two workers on one sender", len(intents))


def test_a_sender_passes_to_the_other_worker_when_its_own_is_killed(bench: Stand, record_property: Count) -> None:
    outbox = bench.outbox()
    intents = bench.intents(RECORDS)
    rng = random.Random(7)
    orders = Orders(bench.database_url, bench.proxy.url, (0,), {"batch_size": 5})
    kills = 0
    with working([orders, orders]) as processes:
        for start in range(0, RECORDS, 8):
            outbox.submit_many(intents[start : start + 8])
            for _ in range(10):
                bench.mine()
                time.sleep(0.02)
            victim = rng.randrange(2)
            processes[victim].kill()
            kills += 1
            processes[victim] = WorkerProcess(orders)
        until_final(bench, processes)
        for process in processes:
            process.stop()
    assert bench.check(outbox, [intent.key for intent in intents]) == {State.CONFIRMED: RECORDS}
    assert bench.nonce() == RECORDS
    record_property("counted: outbox, workers killed beside another on one sender", kills)


def test_a_second_worker_on_a_sqlite_file_is_refused(tmp_path: Path) -> None:
    with stand(f"sqlite:///{tmp_path / 'outbox.db'}") as bench:
        first = bench.worker(bench.outbox())
        other = bench.outbox()
        with pytest.raises(CareLedgerError, match="worker"):
            bench.worker(other).step()
        other.submit(bench.intent("from-elsewhere"))  # submitting is open to all
        bench.settle(other, first)
        assert bench.check(other, ["from-elsewhere"]) == {State.CONFIRMED: 1}


def test_a_worker_that_stood_still_past_its_lease_writes_nothing(bench: Stand) -> None:
    """Its lease goes to another while it waits for an answer of the node."""
    outbox, other = bench.outbox(), bench.outbox()
    keys = [record.key for record in outbox.submit_many(bench.intents(10))]
    slow, quick = bench.worker(outbox, batch_size=2), bench.worker(other, batch_size=2)
    slow.step()
    time.sleep(1.2)  # longer than the lease
    quick.step()
    for _ in range(5):
        slow.step()
        quick.step()
    bench.settle(other, quick)
    assert bench.check(outbox, keys) == {State.CONFIRMED: 10}
    assert bench.nonce() == 10
