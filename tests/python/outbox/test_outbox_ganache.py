"""The outbox on Ganache: a node that has no block receipts, and hangs where a nonce is missing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from careledger.chain.connection import Connection
from careledger.chain.outbox import State
from outbox.stand import SETTLE_SECONDS, Count, Stand, is_final, stand_at

SEND = "eth_sendRawTransaction"
RECORDS = 10


@pytest.fixture
def bench(chains: Callable[[str], Connection], database_url: str) -> Iterator[Stand]:
    with stand_at(chains("ganache").url, database_url) as made:
        yield made


def test_ganache_takes_and_confirms(bench: Stand, record_property: Count) -> None:
    outbox = bench.outbox()
    before = bench.nonce(7)
    keys = [record.key for record in outbox.submit_many(bench.intents(RECORDS, 7))]
    worker = bench.worker(outbox, (7,))
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS}
    assert bench.nonce(7) == before + RECORDS
    record_property("counted: outbox, records on Ganache", RECORDS)


def test_ganache_is_asked_once_for_block_receipts(bench: Stand) -> None:
    """They are asked for where a look finds at least as many records mined as there are new blocks."""
    outbox = bench.outbox()
    worker = bench.worker(outbox, (7,))
    outbox.submit(bench.intent("first", 7))
    bench.settle(outbox, worker)
    rounds = 0
    while not (asked := bench.proxy.count("eth_getBlockReceipts")):
        assert rounds < RECORDS, "never asked for"
        outbox.submit_many(bench.intents(RECORDS, 7, f"round-{rounds}"))
        worker.step()  # all are sent, and in blocks, before the next look
        bench.settle(outbox, worker)
        rounds += 1
    outbox.submit_many(bench.intents(RECORDS, 7, "more"))
    bench.settle(outbox, worker)
    assert bench.proxy.count("eth_getBlockReceipts") == asked


def test_a_hole_in_a_batch_hangs_ganache_and_costs_nothing(bench: Stand, record_property: Count) -> None:
    """One call of a batch gets lost, those behind it wait for its nonce for ever, and the request with them."""
    outbox = bench.outbox()
    before = bench.nonce(8)
    keys = [record.key for record in outbox.submit_many(bench.intents(RECORDS, 8))]
    worker = bench.worker(outbox, (8,), timeout_seconds=1)
    bench.proxy.fail(SEND, "internal error", times=1, after=3)
    deadline = time.monotonic() + SETTLE_SECONDS
    while not is_final(outbox):
        assert time.monotonic() < deadline, outbox.counts()
        worker.step()
        if bench.nonce(8) > before:
            bench.mine()
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS}
    assert bench.nonce(8) == before + RECORDS
    record_property("counted: outbox, holes in a batch to Ganache", 1)


def test_a_call_that_fails_in_its_block_is_an_error_and_mined(bench: Stand) -> None:
    """Ganache mines it and answers with an error all the same."""
    outbox = bench.outbox()
    before = bench.nonce(7)
    outbox.submit(bench.intent("fails", 7, data=bytes.fromhex("deadbeef")))
    outbox.submit(bench.intent("works", 7))
    bench.settle(outbox, bench.worker(outbox, (7,)))
    assert bench.check(outbox, ["fails", "works"]) == {State.CONFIRMED: 1, State.REVERTED: 1}
    assert bench.nonce(7) == before + 2
