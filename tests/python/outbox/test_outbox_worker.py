"""A worker on nodes that mine by themselves: what becomes of intents when nothing goes wrong, and what limits do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from careledger.chain.connection import Connection
from careledger.chain.development import Node, development_signer
from careledger.chain.outbox import (
    NO_OP_KEY,
    Intent,
    Outbox,
    Policy,
    Record,
    Spent,
    State,
    Worker,
    receipt,
)
from careledger.chain.outbox.fees import Fee, bumped
from careledger.chain.outbox.flight import Sent
from careledger.chain.outbox.node_errors import Meaning, lacks_method, meaning, reverted_with
from careledger.chain.outbox.types import intrinsic_gas
from careledger.chain.rpc import HttpRpc, RpcError
from careledger.errors import (
    ConfigurationError,
    NodeUnreachable,
    SignerError,
    UnknownRefusal,
    WorkerBusy,
    WrongState,
)
from prometheus_client import CollectorRegistry, generate_latest

GWEI = 10**9
REVERTING = bytes.fromhex("600580600b6000396000f3" + "60006000fd")
"""Creates a contract that refuses every call, without data."""
RETURNING = bytes.fromhex("600180600b6000396000f300")
"""Creates a contract that takes every call."""
SECONDS = 30


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as node:
        yield node


@pytest.fixture
def slow_node() -> Iterator[Node]:
    with Node(block_time_seconds=1) as node:
        yield node


class Bench:
    """An outbox on a node; `worker` makes one, which is closed at the end."""

    def __init__(self, node: Node, url: str) -> None:
        self.rpc = HttpRpc(node.url)
        self.connection = Connection.open(node.url)
        self.outbox = Outbox.open(url, self.connection)
        self._workers: list[Worker] = []

    def worker(self, signers: Any = None, registry: CollectorRegistry | None = None, **settings: Any) -> Worker:
        policy = Policy(**{"confirmations": 1, "poll_seconds": 0.05, "rebroadcast_after_seconds": 0.5, **settings})
        chosen = [development_signer(0)] if signers is None else signers
        worker = Worker(self.outbox, self.rpc, chosen, policy, registry)
        self._workers.append(worker)
        return worker

    def worker_again(self) -> None:
        """Has the worker that is there do what has come since."""
        assert self._workers[-1].drain(SECONDS).drained

    def close(self) -> None:
        for worker in self._workers:
            worker.close()
        self.outbox.close()

    def left(self) -> str:
        """What is not confirmed, and what the node says of it: for the message of a test that fails."""
        records = [record for record in self.outbox.records(limit=1000) if record.state is not State.CONFIRMED]
        address = development_signer(0).address
        calls: list[tuple[str, list[Any]]] = [
            *(("eth_getTransactionCount", [address, block]) for block in ("latest", "pending")),
            *((method, []) for method in ("eth_blockNumber", "anvil_getAutomine", "txpool_inspect")),
        ]
        try:
            answers: object = self.rpc.batch(calls)
        except NodeUnreachable as error:
            answers = error
        return f"{records}; {self.outbox.status()}; the node: {answers}"

    def submit(self, key: str, signer: int = 0, **changes: Any) -> Record:
        content = {"to": development_signer(5).address, "gas": 30_000, **changes}
        return self.outbox.submit(Intent(key=key, sender=development_signer(signer).address, **content))


@pytest.fixture
def bench(node: Node, database_url: str) -> Iterator[Bench]:
    made = Bench(node, database_url)
    yield made
    made.close()


# ------------------------------------------------------------------ what becomes of intents


def test_intents_are_confirmed_in_their_order(bench: Bench) -> None:
    keys = [bench.submit(f"k{number}", value_wei=number).key for number in range(250)]
    summary = bench.worker().drain(SECONDS)
    assert (summary.drained, summary.final, summary.waiting) == (True, 250, 0), bench.left()
    records = bench.outbox.records(limit=1000)
    assert [record.key for record in records] == keys
    assert [record.nonce for record in records] == list(range(250))
    assert {record.state for record in records} == {State.CONFIRMED}
    for record in records[::50]:
        found = bench.rpc.call("eth_getTransactionReceipt", record.transaction_hash)
        assert found["blockHash"] == record.block_hash
        assert int(found["blockNumber"], 16) == record.block_number
        assert int(found["gasUsed"], 16) * int(found["effectiveGasPrice"], 16) == record.cost_wei
        assert [attempt.transaction_hash for attempt in record.attempts] == [record.transaction_hash]
        assert record.attempts[0].broadcast_at is not None
        assert receipt(record, bench.connection).gas_used == record.gas_used
    included = [record.included_at or 0 for record in records]
    spent = bench.outbox.spent(min(included), max(included) + 1)
    assert spent == Spent(
        250, sum(record.gas_used or 0 for record in records), sum(record.cost_wei or 0 for record in records)
    )
    assert bench.outbox.spent(0, min(included)) == Spent(0, 0, 0)


def test_several_senders_run_side_by_side(bench: Bench) -> None:
    for number in range(20):
        for signer in range(3):
            bench.submit(f"{signer}-{number}", signer)
    bench.worker([development_signer(index) for index in range(3)], batch_size=7).drain(SECONDS)
    assert bench.outbox.counts() == {State.CONFIRMED: 60}
    assert [bench.connection.nonce(development_signer(index).address) for index in range(3)] == [20] * 3


def test_blocks_that_come_every_second(slow_node: Node, database_url: str) -> None:
    bench = Bench(slow_node, database_url)
    for number in range(30):
        bench.submit(f"k{number}")
    worker = bench.worker(confirmations=2)
    seen = set()
    deadline = time.monotonic() + SECONDS
    while bench.outbox.counts() != {State.CONFIRMED: 30}:
        assert time.monotonic() < deadline
        worker.step()
        seen |= set(bench.outbox.counts())
        time.sleep(0.05)
    assert {State.BROADCAST, State.INCLUDED} <= seen
    assert all(len(record.attempts) == 1 for record in bench.outbox.records())
    bench.close()


def test_a_contract_is_created_and_called_with_estimated_gas(bench: Bench) -> None:
    bench.submit("create", to=None, data=RETURNING, gas=None)
    bench.worker().drain(SECONDS)
    created = receipt(bench.outbox.get("create"), bench.connection).contract_address
    assert created is not None
    bench.submit("call", to=created, data=b"\x01", gas=None)
    bench.worker_again()
    record = bench.outbox.get("call")
    assert record.state == State.CONFIRMED
    (attempt,) = record.attempts
    assert intrinsic_gas(created, b"\x01") * 1.19 < attempt.gas < 30_000


def test_a_call_that_depends_on_the_one_before_is_estimated_after_it(slow_node: Node, database_url: str) -> None:
    """The refusal of an estimate does not count while something is ahead of it."""
    bench = Bench(slow_node, database_url)
    poor = development_signer(0)
    balance = bench.connection.balance_wei(poor.address)
    bench.submit("first", gas=30_000)
    bench.submit("too-much", value_wei=2 * balance, gas=None)
    worker = bench.worker()
    worker.step()
    assert bench.outbox.get("too-much").state == State.QUEUED
    bench.outbox.cancel("too-much")
    worker.drain(SECONDS)
    assert bench.outbox.counts() == {State.CONFIRMED: 1, State.CANCELLED: 1}
    bench.close()


def test_a_refused_estimate_ends_without_a_transaction(bench: Bench) -> None:
    bench.submit("create", to=None, data=REVERTING, gas=None)
    bench.worker().drain(SECONDS)
    contract = receipt(bench.outbox.get("create"), bench.connection).contract_address
    bench.submit("refused", to=contract, gas=None)
    bench.submit("behind", gas=None)
    bench.worker_again()
    refused = bench.outbox.get("refused")
    assert (refused.state, refused.nonce) == (State.REFUSED, None)
    with pytest.raises(UnknownRefusal):
        receipt(refused, bench.connection)
    assert bench.outbox.get("behind").state == State.CONFIRMED


def test_a_call_that_fails_in_its_block_is_reverted_and_can_be_retried(bench: Bench) -> None:
    bench.submit("create", to=None, data=REVERTING, gas=None)
    bench.worker().drain(SECONDS)
    contract = receipt(bench.outbox.get("create"), bench.connection).contract_address
    bench.submit("fails", to=contract, gas=50_000)
    bench.worker_again()
    first = bench.outbox.get("fails")
    assert first.state == State.REVERTED
    with pytest.raises(UnknownRefusal):
        receipt(first, bench.connection)
    assert bench.outbox.retry("fails").state == State.QUEUED
    bench.worker_again()
    again = bench.outbox.get("fails")
    assert again.state == State.REVERTED
    assert (again.nonce, len(again.attempts)) == (2, 2)


def test_legacy_transactions_where_they_are_wanted(bench: Bench) -> None:
    bench.submit("a")
    bench.worker(legacy=True).drain(SECONDS)
    (attempt,) = bench.outbox.get("a").attempts
    assert attempt.tip_wei is None
    found = bench.rpc.call("eth_getTransactionByHash", attempt.transaction_hash)
    assert int(found["type"], 16) == 0


def test_a_signer_without_raw_signing_signs_as_well(bench: Bench) -> None:
    class Remote:
        """As a key in a service: knows `sign_transaction` only."""

        def __init__(self) -> None:
            self._signer = development_signer(0)
            self.development_only = False
            self.fails = True

        @property
        def address(self) -> Any:
            return self._signer.address

        def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
            if self.fails:
                raise SignerError("remote", "is away")
            return self._signer.sign_transaction(transaction)

        def sign_typed_data(self, _typed_data: dict[str, Any]) -> bytes:
            raise SignerError("remote", "signs transactions only")

        def describe(self) -> str:
            return "remote"

    remote = Remote()
    worker = bench.worker([remote])
    bench.submit("a")
    worker.step()
    assert alerts(bench.outbox) == {"signer-failed"}
    assert bench.outbox.get("a").state == State.QUEUED
    remote.fails = False
    assert worker.drain(SECONDS).drained
    assert alerts(bench.outbox) == set()


# ------------------------------------------------------------------ limits and alerts


def alerts(outbox: Outbox) -> set[str]:
    return {alert.kind for sender in outbox.status().senders for alert in sender.alerts}


def test_nothing_is_signed_beyond_the_daily_limit(bench: Bench) -> None:
    for number in range(5):
        bench.submit(f"k{number}", value_wei=10**18)
    worker = bench.worker(daily_limit_wei=3 * 10**18 + 10**16)
    assert not worker.drain(1.5).drained
    assert bench.outbox.counts() == {State.CONFIRMED: 3, State.QUEUED: 2}
    assert alerts(bench.outbox) == {"daily-limit"}
    spent = bench.outbox.status().senders[0].spent_today_wei
    assert spent == 3 * 10**18 + sum(record.cost_wei or 0 for record in bench.outbox.records())
    worker.close()
    assert bench.worker(daily_limit_wei=6 * 10**18).drain(SECONDS).drained
    assert alerts(bench.outbox) == set()


def test_nothing_is_signed_that_the_balance_does_not_cover(bench: Bench) -> None:
    sender = development_signer(0).address
    bench.rpc.call("anvil_setBalance", sender, hex(10**18))
    bench.submit("a", value_wei=9 * 10**17)
    bench.submit("b", value_wei=9 * 10**17)
    worker = bench.worker()
    assert not worker.drain(1).drained
    assert bench.outbox.counts() == {State.CONFIRMED: 1, State.QUEUED: 1}
    assert alerts(bench.outbox) == {"low-funds"}
    bench.rpc.call("anvil_setBalance", sender, hex(10**18))
    assert worker.drain(SECONDS).drained
    assert alerts(bench.outbox) == set()


def test_an_alert_before_the_funds_run_out(bench: Bench) -> None:
    bench.submit("a")
    bench.worker(low_funds_wei=10**23).drain(SECONDS)
    assert alerts(bench.outbox) == {"low-funds"}
    assert bench.outbox.counts() == {State.CONFIRMED: 1}


def test_nothing_is_signed_above_the_fee_cap(bench: Bench) -> None:
    bench.submit("a")
    worker = bench.worker(fee_cap_wei=1)
    assert not worker.drain(0.5).drained
    assert alerts(bench.outbox) == {"fee-above-cap"}
    worker.close()
    assert bench.worker(fee_cap_wei=100 * GWEI).drain(SECONDS).drained


def test_a_stuck_transaction_is_said_and_cancelled(node: Node, database_url: str) -> None:
    bench = Bench(node, database_url)
    bench.rpc.call("evm_setAutomine", False)
    bench.submit("a")
    worker = bench.worker(stuck_after_seconds=0.3)
    deadline = time.monotonic() + SECONDS
    while "stuck" not in alerts(bench.outbox):
        assert time.monotonic() < deadline
        worker.step()
    assert bench.outbox.cancel("a").state == State.CANCELLING
    worker.step()
    assert [attempt.kind for attempt in bench.outbox.get("a").attempts] == ["call", "no-op"]
    bench.rpc.call("evm_mine")
    worker.drain(SECONDS)
    record = bench.outbox.get("a")
    assert record.state == State.CANCELLED
    assert record.transaction_hash == record.attempts[1].transaction_hash
    assert alerts(bench.outbox) == set()
    with pytest.raises(WrongState):
        receipt(record, bench.connection)
    bench.close()


def test_nonces_that_nothing_has_are_filled_with_no_ops(node: Node, database_url: str) -> None:
    """Another program's transactions, behind which the outbox went on, leave the pool."""
    bench = Bench(node, database_url)
    bench.rpc.call("evm_setAutomine", False)
    signer = development_signer(0)
    fields = {"chainId": 31337, "to": signer.address, "gas": 21_000, "value": 0, "data": b""}
    raws = [signer.sign_transaction({**fields, "nonce": nonce, "gasPrice": 10 * GWEI}) for nonce in range(2)]
    foreign = [bench.rpc.call("eth_sendRawTransaction", "0x" + raw.hex()) for raw in raws]
    bench.submit("a")
    worker = bench.worker()
    worker.step()
    assert bench.outbox.get("a").nonce == 2  # behind what waits in the pool
    for found in foreign:
        bench.rpc.call("anvil_dropTransaction", found)
    bench.rpc.call("evm_setAutomine", True)
    worker.drain(SECONDS)
    assert bench.outbox.get("a").state == State.CONFIRMED
    fillers = [record for record in bench.outbox.records() if record.key.startswith(NO_OP_KEY)]
    assert [(record.nonce, record.state) for record in fillers] == [(0, State.CANCELLED), (1, State.CANCELLED)]
    bench.close()


# ------------------------------------------------------------------ workers


def test_a_worker_in_a_thread_serves_who_waits(bench: Bench) -> None:
    worker, stop = bench.worker(), threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        for number in range(3):
            bench.submit(f"k{number}")
            assert bench.outbox.wait(f"k{number}", timeout_seconds=SECONDS).state == State.CONFIRMED
    finally:
        stop.set()
        thread.join()


def test_a_closed_worker_has_given_its_leases_back(bench: Bench) -> None:
    bench.submit("a")
    worker = bench.worker(lease_seconds=60)
    worker.drain(SECONDS)
    assert bench.outbox.status().senders[0].lease_owner is not None
    worker.close()
    worker.close()
    assert bench.outbox.status().senders[0].lease_owner is None
    bench.submit("b")
    assert bench.worker().drain(SECONDS).drained


def test_two_workers_share_the_senders(bench: Bench, database_url: str) -> None:
    signers = [development_signer(index) for index in range(4)]
    for number in range(30):
        for index in range(4):
            bench.submit(f"{index}-{number}", index)
    if database_url.startswith("sqlite"):
        bench.worker(signers)
        with pytest.raises(WorkerBusy):
            bench.worker(signers)
        return
    workers = [bench.worker(signers, batch_size=5) for _ in range(2)]
    threads = [threading.Thread(target=worker.drain, args=(SECONDS,)) for worker in workers]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + SECONDS
    owners: set[str | None] = set()
    while any(thread.is_alive() for thread in threads) and time.monotonic() < deadline:
        owners |= {sender.lease_owner for sender in bench.outbox.status().senders}
        time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert bench.outbox.counts() == {State.CONFIRMED: 120}
    assert len(owners - {None}) == 2
    assert [bench.connection.nonce(signer.address) for signer in signers] == [30] * 4


def test_a_development_key_works_on_development_chains_only(database_url: str) -> None:
    with (
        Node(chain_id=5) as node,
        Outbox.open(database_url, node.connect()) as outbox,
        pytest.raises(ConfigurationError),
    ):
        Worker(outbox, HttpRpc(node.url), [development_signer(0)])


def test_metrics_name_senders_and_states_and_no_data(bench: Bench) -> None:
    registry = CollectorRegistry()
    bench.submit("a", data=b"\xaa\xbb\xcc\xdd", label="Test.call")
    bench.worker(registry=registry).drain(SECONDS)
    text = generate_latest(registry).decode()
    assert 'careledger_outbox_records_total{label="Test.call",state="confirmed"} 1.0' in text
    assert 'careledger_outbox_answers_total{meaning="accepted"} 1.0' in text
    assert f'careledger_outbox_in_flight{{sender="{development_signer(0).address}"}} 0.0' in text
    assert "aabbccdd" not in text


# ------------------------------------------------------------------ parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("already known", Meaning.KNOWN),
        ("transaction already imported", Meaning.KNOWN),
        ("nonce too low: next nonce 5, tx nonce 4", Meaning.NONCE_USED),
        ("the tx doesn't have the correct nonce. account has nonce of: 2 tx has nonce of: 1", Meaning.NONCE_USED),
        ("replacement transaction underpriced", Meaning.UNDERPRICED),
        ("max fee per gas less than block base fee: address 0x1, maxFeePerGas: 1, baseFee: 2", Meaning.UNDERPRICED),
        ("insufficient funds for gas * price + value", Meaning.NO_FUNDS),
        ("intrinsic gas too low: have 1, want 21000", Meaning.REFUSED),
        ("max initcode size exceeded", Meaning.REFUSED),
        ("txpool is full", Meaning.LATER),
        ("nonce too high", Meaning.LATER),
        ("something that nobody has seen", Meaning.LATER),
    ],
)
def test_what_nodes_say(text: str, expected: Meaning) -> None:
    assert meaning(RpcError(-32000, text)) is expected


def test_refusals_and_missing_methods_are_told_from_trouble() -> None:
    reason = "0x08c379a0" + "20".rjust(64, "0") + "2".rjust(64, "0") + "6e6f".ljust(64, "0")
    assert reverted_with(RpcError(3, "execution reverted: no", reason)) == bytes.fromhex(reason[2:])
    assert reverted_with(RpcError(-32000, "execution reverted")) == b""
    assert reverted_with(RpcError(-32000, "insufficient funds for transfer")) is None
    assert lacks_method(RpcError(-32601, "the method eth_x does not exist"))
    assert lacks_method(RpcError(-32700, "The method eth_x does not exist/is not available"))
    assert not lacks_method(RpcError(-32000, "header not found"))


def test_a_bump_raises_both_fees_enough_for_geth() -> None:
    last = Sent("0x", "call", b"", 21_000, 30 * GWEI, GWEI, 0)
    fee = bumped(last, Fee(20 * GWEI, 1), Policy())
    assert fee.tip_wei is not None
    assert fee.max_fee_wei * 10 >= last.max_fee_wei * 11
    assert fee.tip_wei * 10 >= GWEI * 11
    assert bumped(last, Fee(90 * GWEI, 5 * GWEI), Policy()) == Fee(90 * GWEI, 5 * GWEI)
    legacy = bumped(Sent("0x", "call", b"", 21_000, 30 * GWEI, None, 0), Fee(GWEI, None), Policy())
    assert (legacy.max_fee_wei * 10 >= 33 * 10 * GWEI, legacy.tip_wei) == (True, None)
