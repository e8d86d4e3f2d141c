"""What a review of the outbox found: each test failed before its repair."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from careledger.chain.development import development_signer
from careledger.chain.outbox import Alert, Outbox, Record, State, watching
from careledger.chain.outbox.flight import SECONDS_PER_DAY, Changes, Entry, Lane, QueuedRow, Sent
from careledger.chain.outbox.metrics import LABELS, OTHER, Telemetry
from careledger.chain.outbox.node_errors import Meaning, meaning
from careledger.chain.outbox.worker import Worker
from careledger.chain.rpc import Answer, Call, HttpRpc, RpcError
from careledger.chain.signers import LocalSigner
from careledger.errors import DatabaseError, SignerError, WorkerBusy, WrongState
from eth_account import Account
from outbox.stand import Stand, quick, stand
from postgres import postgres
from prometheus_client import CollectorRegistry, generate_latest

SEND = "eth_sendRawTransaction"
GWEI = 10**9


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Stand]:
    with stand(f"sqlite:///{tmp_path / 'outbox.db'}") as made:
        yield made


@pytest.fixture
def postgres_bench() -> Iterator[Stand]:
    with postgres() as url, stand(url) as made:
        yield made


def steps(worker: Worker, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        worker.step()


def alerts(outbox: Outbox) -> dict[str, Alert]:
    return {alert.kind: alert for sender in outbox.status().senders for alert in sender.alerts}


def spent(outbox: Outbox) -> int:
    return sum(sender.spent_today_wei for sender in outbox.status().senders)


def paid(record: Record, value_wei: int = 0) -> int:
    assert record.cost_wei is not None
    return record.cost_wei + value_wei


class TwoNodes:
    """A node, and another behind the same URL that answers some batches."""

    def __init__(self, url: str, other: Callable[[Sequence[Call], list[Answer]], list[Answer] | None]) -> None:
        self._rpc = HttpRpc(url)
        self._other = other
        self.name = self._rpc.name

    def batch(self, calls: Sequence[Call]) -> list[Answer]:
        answers = self._rpc.batch(calls)
        changed = self._other(calls, list(answers))
        return answers if changed is None else changed

    def call(self, method: str, *parameters: Any) -> Any:
        return self._rpc.call(method, *parameters)


def methods(calls: Sequence[Call]) -> set[str]:
    return {method for method, _ in calls}


# ------------------------------------------------------------------ what nodes answer


def test_a_node_that_does_not_say_its_first_block_is_no_other_chain(bench: Stand) -> None:
    outbox = bench.outbox()
    worker = bench.worker(outbox)
    outbox.submit(bench.intent("a"))
    bench.proxy.fail("eth_getBlockByNumber", "rate limit", after=1, times=1)  # the second call of the first batch
    bench.settle(outbox, worker)
    assert outbox.get("a").state is State.CONFIRMED


def test_a_node_that_lags_behind_the_look_replaces_nothing(bench: Stand) -> None:
    """The nonce comes from one node, the receipts from another, which has not seen the block yet."""
    late = 0

    def lagging(calls: Sequence[Call], answers: list[Answer]) -> list[Answer] | None:
        nonlocal late
        asked = methods(calls)
        if late >= 30 or not asked & {"eth_getTransactionReceipt", "eth_getTransactionByHash", "eth_getBlockReceipts"}:
            return None
        late += 1
        return [None] * len(answers)

    outbox = bench.outbox()
    with Worker(outbox, TwoNodes(bench.node.url, lagging), [development_signer(0)], quick(confirmations=1)) as worker:
        outbox.submit(bench.intent("a"))
        worker.step()
        bench.mine()
        steps(worker, 1.5)
        late = 99
        bench.settle(outbox, worker)
    assert bench.check(outbox, ["a"]) == {State.CONFIRMED: 1}
    assert "foreign-nonce" not in alerts(outbox)


def test_a_node_without_history_replaces_nothing(bench: Stand) -> None:
    """It has pruned receipts and transactions while no worker was there. Only the transaction that used a nonce proves
    that it was another program's."""
    outbox = bench.outbox()
    with bench.worker(outbox) as worker:
        outbox.submit(bench.intent("a"))
        worker.step()
    bench.mine(20)
    for method in ("eth_getTransactionReceipt", "eth_getTransactionByHash", "eth_getBlockReceipts"):
        bench.proxy.change(method, lambda _params, _result: None)
    worker = bench.worker(outbox, stuck_after_seconds=0.5)
    bench.rounds(worker, lambda: "stuck" in alerts(outbox) and "no receipt" in alerts(outbox)["stuck"].detail)
    bench.proxy.heal()
    bench.settle(outbox, worker)
    assert bench.check(outbox, ["a"]) == {State.CONFIRMED: 1}


def test_a_node_that_lags_refuses_no_call_for_good(bench: Stand) -> None:
    late = 3

    def lagging(calls: Sequence[Call], answers: list[Answer]) -> list[Answer] | None:
        nonlocal late
        if late <= 0 or "eth_estimateGas" not in methods(calls):
            return None
        late -= 1
        refusal = RpcError(3, "execution reverted", "0x")
        return [refusal if method == "eth_estimateGas" else None for method, _ in calls]

    outbox = bench.outbox()
    with Worker(outbox, TwoNodes(bench.node.url, lagging), [development_signer(0)], quick()) as worker:
        outbox.submit(bench.intent("a", gas=None))
        bench.settle(outbox, worker)
    assert bench.check(outbox, ["a"]) == {State.CONFIRMED: 1}


def test_a_receipt_of_another_fork_is_not_final(bench: Stand) -> None:
    forked = 4

    def fork(_calls: Sequence[Call], answers: list[Answer]) -> list[Answer] | None:
        nonlocal forked
        receipts = [
            part
            for answer in answers
            for part in (answer if isinstance(answer, list) else [answer])
            if isinstance(part, dict) and "effectiveGasPrice" in part
        ]
        if forked <= 0 or not receipts:
            return None
        forked -= 1
        for receipt in receipts:
            receipt |= {"blockHash": "0x" + "f0" * 32, "status": "0x0"}
        return answers

    outbox = bench.outbox()
    with Worker(outbox, TwoNodes(bench.node.url, fork), [development_signer(0)], quick(confirmations=1)) as worker:
        outbox.submit(bench.intent("a"))
        worker.step()
        bench.mine(3)
        bench.settle(outbox, worker)
    assert bench.check(outbox, ["a"]) == {State.CONFIRMED: 1}


@pytest.mark.parametrize("gas", [None, 100_000])
def test_a_text_that_no_column_takes_and_long_data_in_it(postgres_bench: Stand, gas: int | None) -> None:
    bench = postgres_bench
    outbox = bench.outbox()
    worker = bench.worker(outbox)
    outbox.submit(bench.intent("a", gas=gas))
    text = "exceeds block gas limit\x00 of 0x" + "ab" * 400
    bench.proxy.fail("eth_estimateGas" if gas is None else SEND, text)
    bench.settle(outbox, worker)
    record = outbox.get("a")
    assert record.state is State.REFUSED
    assert record.problem is not None
    assert "exceeds block gas limit" in record.problem
    assert "abab" * 20 not in record.problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unknown transaction type: 0x3", Meaning.REFUSED),
        ("known transaction: 0xaa", Meaning.KNOWN),
        ("batch size limit exceeded", Meaning.LATER),
        ("request exceeds the limit allowed by your plan", Meaning.LATER),
        ("oversized data: transaction size 131100, limit 131072", Meaning.REFUSED),
        ("transaction size limit exceeded", Meaning.REFUSED),
    ],
)
def test_texts_that_hold_others(text: str, expected: Meaning) -> None:
    assert meaning(RpcError(-32000, text)) is expected


def test_what_a_node_said_is_in_the_alert(bench: Stand) -> None:
    outbox = bench.outbox()
    worker = bench.worker(outbox, stuck_after_seconds=0.3)
    outbox.submit(bench.intent("a"))
    bench.proxy.fail(SEND, "tx fee (1.20 ether) exceeds the configured cap (1.00 ether)", times=99)
    bench.rounds(worker, lambda: "stuck" in alerts(outbox), mine=False)
    assert "exceeds the configured cap" in alerts(outbox)["stuck"].detail


# ------------------------------------------------------------------ fees and limits


def test_an_offer_is_not_raised_without_end(bench: Stand) -> None:
    outbox = bench.outbox()
    worker = bench.worker(outbox, bump_after_seconds=0.1, rebroadcast_after_seconds=0.1, bump_percent_tenths=10**13)
    outbox.submit(bench.intent("a"))
    bench.proxy.fail(SEND, "replacement transaction underpriced", times=999)
    steps(worker, 1)
    bench.proxy.heal()
    bench.settle(outbox, worker)
    attempts = outbox.get("a").attempts
    assert attempts[-1].max_fee_wei <= 10 * attempts[0].max_fee_wei


def test_without_a_new_block_no_offer_is_raised(bench: Stand) -> None:
    outbox = bench.outbox()
    worker = bench.worker(outbox, bump_after_seconds=0.1, rebroadcast_after_seconds=0.1)
    outbox.submit(bench.intent("a"))
    bench.proxy.change("eth_getTransactionCount", lambda params, result: hex(99) if params[1] == "pending" else result)
    bench.rounds(worker, lambda: bool(outbox.get("a").attempts), mine=False)
    steps(worker, 3)
    assert len(outbox.get("a").attempts) == 1
    bench.proxy.heal()
    bench.settle(outbox, worker)


def test_only_a_development_node_is_nudged_by_a_higher_offer(bench: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere `pending` often is `latest`, and a pool that has the bytes is no reason to pay more."""
    monkeypatch.setattr(watching, "LOCAL_CHAIN_IDS", frozenset())
    outbox = bench.outbox()
    worker = bench.worker(outbox, bump_after_seconds=60, rebroadcast_after_seconds=0.1)
    outbox.submit(bench.intent("a"))
    bench.proxy.change("eth_getTransactionCount", lambda params, result: hex(0) if params[1] == "pending" else result)
    bench.rounds(worker, lambda: bool(outbox.get("a").attempts), mine=False)
    steps(worker, 2)
    bench.proxy.heal()
    bench.settle(outbox, worker)
    assert len(outbox.get("a").attempts) == 1


def test_a_reorganization_gives_no_allowance_back(bench: Stand) -> None:
    outbox = bench.outbox()
    worker = bench.worker(outbox, bump_after_seconds=60)
    keys = [record.key for record in outbox.submit_many(bench.intents(5))]
    bench.rounds(worker, lambda: outbox.counts().keys() <= {State.INCLUDED, State.CONFIRMED})
    bench.rpc.call("anvil_reorg", bench.head() - bench.first_block, [])
    bench.mine(4)
    bench.settle(outbox, worker)
    records = [outbox.get(key) for key in keys]
    assert spent(outbox) == sum(paid(record) for record in records)


def test_every_signed_transaction_counts_until_one_is_in_a_block() -> None:
    call = Sent("0x1", "call", b"", 100_000, 10, 1, 0)
    no_op = Sent("0x2", "no-op", b"", 21_000, 12, 2, 0)
    entry = Entry(1, "a", "", State.CANCELLING, 0, None, b"", 10**18, 0, False, None, [call, no_op])
    assert entry.worst_wei == 10**18 + 1_000_000


def test_a_new_day_begins_with_what_is_in_flight() -> None:
    sent = Sent("0x1", "call", b"", 100_000, 10, 1, 0)
    entry = Entry(1, "a", "", State.BROADCAST, 0, None, b"", 5, 0, False, None, [sent])
    lane = Lane("0x0", development_signer(0), 1, None, {}, 10, 77, flight={0: entry})
    lane.begin_day(10 * SECONDS_PER_DAY)
    assert lane.spent_wei == 77
    lane.begin_day(11 * SECONDS_PER_DAY)
    assert (lane.spend_day, lane.spent_wei) == (11, 1_000_005)
    lane.begin_day(11 * SECONDS_PER_DAY - 1)  # by another worker's clock
    assert lane.spend_day == 11


def test_a_value_above_the_balance_is_said_where_gas_is_estimated(bench: Stand) -> None:
    outbox = bench.outbox()
    worker = bench.worker(outbox)
    outbox.submit(bench.intent("a", gas=None, value_wei=10**30))
    bench.rounds(worker, lambda: "low-funds" in alerts(outbox), mine=False)
    outbox.cancel("a")
    bench.rounds(worker, lambda: "low-funds" not in alerts(outbox), mine=False)


# ------------------------------------------------------------------ signers


class SlowSigner(LocalSigner):
    """As a key service is: it takes its time, and may be out of order. Attribute `calls`."""

    def __init__(self, index: int, seconds: float) -> None:
        super().__init__(Account.from_key(development_signer(index)._account.key), f"slow:{index}")
        self.seconds = seconds
        self.broken = False
        self.calls = 0

    def sign_raw(self, transaction: Any) -> tuple[bytes, bytes]:
        self.calls += 1
        time.sleep(self.seconds)
        if self.broken:
            raise SignerError(self.describe(), "out of order")
        return super().sign_raw(transaction)


def test_a_signer_that_fails_is_not_asked_for_every_record(bench: Stand) -> None:
    signer = SlowSigner(0, 0)
    outbox = bench.outbox()
    with Worker(outbox, HttpRpc(bench.proxy.url), [signer], quick()) as worker:
        keys = [record.key for record in outbox.submit_many(bench.intents(40))]
        worker.step()
        for key in keys:
            outbox.cancel(key)
        signer.broken, signer.calls = True, 0
        worker.step()
        worker.step()
        assert signer.calls <= 2
        assert "signer-failed" in alerts(outbox)


def test_slow_signers_lose_no_leases(postgres_bench: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round must end before the lease does, or another worker takes the sender, with the same end."""
    bench = postgres_bench
    outbox = bench.outbox()
    keys = [record.key for record in outbox.submit_many(bench.intents(40))]
    with bench.worker(outbox) as worker:
        worker.step()
    for key in keys:
        outbox.cancel(key)
    lost: list[str] = []
    forget = Worker._forget
    monkeypatch.setattr(Worker, "_forget", lambda worker: (lost.append("lease"), forget(worker)))
    stop = threading.Event()

    def work() -> None:
        settings = quick(lease_seconds=1, bump_after_seconds=60)
        with Worker(bench.outbox(), HttpRpc(bench.proxy.url), [SlowSigner(0, 0.05)], settings) as worker:
            worker.run(stop)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while outbox.counts() != {State.CANCELLED: 40} and time.monotonic() < deadline:
        time.sleep(0.5)
        attempts = [attempt for key in keys for attempt in outbox.get(key).attempts]
        no_ops = {attempt.transaction_hash for attempt in attempts if attempt.kind == "no-op"}
        if len(no_ops) == 40 and no_ops.issuperset(bench.pending()):  # signed, and in the place of what they cancel
            bench.mine()
    stop.set()
    for thread in threads:
        thread.join()
    assert not lost
    assert outbox.counts() == {State.CANCELLED: 40}


# ------------------------------------------------------------------ the database


def test_a_clock_that_was_wrong_does_not_change_the_order_of_attempts(bench: Stand) -> None:
    outbox = bench.outbox()
    with bench.worker(outbox) as worker:
        outbox.submit(bench.intent("a"))
        worker.step()
    with outbox.store.database.write() as connection:
        connection.exec_driver_sql("UPDATE outbox_transaction SET signed_at = signed_at + 1000")
    outbox.cancel("a")
    with bench.worker(outbox) as worker:
        worker.step()
    worker = bench.worker(outbox)
    worker.step()
    (entry,) = worker._lanes[development_signer(0).address].flight.values()
    assert entry.last.kind == "no-op"


def test_a_worker_that_failed_gives_its_leases_back(postgres_bench: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = postgres_bench
    outbox = bench.outbox()
    worker = bench.worker(outbox, lease_seconds=60)
    worker.step()
    monkeypatch.setattr(worker._watching, "take_in", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        worker.step()
    worker.close()
    assert [sender.lease_owner for sender in outbox.status().senders] == [None]


def test_a_worker_that_vanishes_inside_a_transaction_is_replaced(
    postgres_bench: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = postgres_bench
    outbox, other = bench.outbox(), bench.outbox()
    vanishing, successor = bench.worker(outbox), bench.worker(other)
    vanishing.step()
    outbox.submit(bench.intent("a"))
    gone, back = threading.Event(), threading.Event()

    def vanish(*_: object) -> None:
        gone.set()
        back.wait(30)

    monkeypatch.setattr(vanishing._claims, "apply", vanish)

    def fail() -> None:
        with pytest.raises(DatabaseError):
            vanishing.step()

    thread = threading.Thread(target=fail)
    thread.start()
    try:
        assert gone.wait(10)
        bench.rounds(successor, lambda: other.get("a").state is State.CONFIRMED, seconds=10)
    finally:
        back.set()
        thread.join()


def test_two_names_of_one_file_have_one_worker(bench: Stand, tmp_path: Path) -> None:
    outbox = bench.outbox()
    with bench.worker(outbox):
        (tmp_path / "other.db").symlink_to(tmp_path / "outbox.db")
        bench.database_url = f"sqlite:///{tmp_path / 'other.db'}"
        with pytest.raises(WorkerBusy):
            bench.worker(bench.outbox())


def test_a_no_op_of_the_outbox_is_not_retried(bench: Stand) -> None:
    outbox = bench.outbox()
    outbox.submit(bench.intent("a"))
    outbox.cancel("a")
    with outbox.store.database.write() as connection:
        connection.exec_driver_sql("UPDATE outbox_record SET key = 'no-op:1'")
    with pytest.raises(WrongState):
        outbox.retry("no-op:1")


# ------------------------------------------------------------------ telemetry


def test_each_record_is_told_with_its_names_and_without_data(bench: Stand, caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    outbox = bench.outbox()
    signers, rpc = [development_signer(0)], HttpRpc(bench.node.url)
    with (
        Worker(outbox, rpc, signers, quick(), registry) as worker,
        caplog.at_level(logging.INFO, "careledger.outbox"),
    ):
        intent = bench.intent("a", label="Count.count")
        outbox.submit(intent)
        bench.settle(outbox, worker)
    record = outbox.get("a")
    told = [orjson.loads(line.message) for line in caplog.records]
    moves = [event for event in told if event["event"].startswith("record.")]
    assert [event["event"] for event in moves] == [
        f"record.{state}" for state in ("signed", "broadcast", "included", "confirmed")
    ]
    for event in moves:
        assert (event["key"], event["label"], event["nonce"]) == ("a", "Count.count", 0)
        assert event["transaction_hash"] == record.transaction_hash
    assert intent.data.hex() not in caplog.text
    metrics = generate_latest(registry).decode()
    assert 'careledger_outbox_records_total{label="Count.count",state="confirmed"} 1.0' in metrics
    assert "careledger_outbox_inclusion_seconds_count 1.0" in metrics
    sender = development_signer(0).address
    assert registry.get_sample_value("careledger_outbox_spent_today_wei", {"sender": sender}) == record.cost_wei
    balance = int(rpc.call("eth_getBalance", sender, "latest"), 16)
    assert registry.get_sample_value("careledger_outbox_balance_wei", {"sender": sender}) == float(balance)


def test_only_so_many_labels_are_told_apart() -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry)
    rows = [QueuedRow(n, f"key-{n}", f"label-{n}", None, b"", 0, None, 0) for n in range(LABELS + 5)]
    telemetry.moved(Changes(moves=[("refused", row, None) for row in rows]))
    telemetry.moved(Changes(moves=[("refused", rows[0], None)]))
    labelled = {"state": "refused", "label": "label-0"}
    assert registry.get_sample_value("careledger_outbox_records_total", labelled) == 2
    labelled["label"] = OTHER
    assert registry.get_sample_value("careledger_outbox_records_total", labelled) == 5
