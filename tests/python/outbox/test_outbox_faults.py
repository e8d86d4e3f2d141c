"""What goes wrong between an outbox and a chain, one fault at a time: nothing is lost, nothing takes effect twice.

The numbers are those of the list of faults in the design notes: 2 answers, 4 restarts, 5 reorgs, 6 dropped
transactions, 7 base fee, 8 replacement, 9 gas, 10 nonces. Kills (1) and two workers (3) have files of their own.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from careledger.chain.development import development_signer
from careledger.chain.outbox import Outbox, Policy, State
from careledger.chain.rpc import HttpRpc, RpcError
from careledger.errors import InvalidInput, OutboxOfAnotherChain
from outbox.stand import CONFIRMATIONS, DEPLOYER, Count, Stand, all_records, quick, stand
from rpc_proxy import RpcProxy

SEND = "eth_sendRawTransaction"
GWEI = 10**9
RECORDS = 12
SETTLE = 30
"""Seconds."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Stand]:
    with stand(f"sqlite:///{tmp_path / 'outbox.db'}") as made:
        yield made


def submit(bench: Stand, outbox: Outbox, count: int = RECORDS) -> list[str]:
    return [record.key for record in outbox.submit_many(bench.intents(count))]


def states(outbox: Outbox) -> set[State]:
    return {state for state, count in outbox.counts().items() if count}


def hashes(outbox: Outbox) -> dict[str, tuple[str, ...]]:
    """The hashes of every attempt, by key."""
    return {record.key: tuple(a.transaction_hash for a in record.attempts) for record in all_records(outbox)}


def alerts(outbox: Outbox) -> set[str]:
    return {alert.kind for sender in outbox.status().senders for alert in sender.alerts}


# ------------------------------------------------------------------ 2: requests and answers


def lose_answers(proxy: RpcProxy) -> None:
    proxy.lose_answers(SEND, times=3)
    proxy.lose_answers("eth_getTransactionReceipt", times=2)
    proxy.lose_answers("eth_getTransactionCount", times=2)


def lose_requests(proxy: RpcProxy) -> None:
    proxy.lose_requests(SEND, times=3)
    proxy.lose_requests("eth_getTransactionCount", times=2)


def too_many_requests(proxy: RpcProxy) -> None:
    proxy.respond(429, times=2)
    proxy.respond(429, SEND, times=3, after=4)


def too_many_requests_with_a_time(proxy: RpcProxy) -> None:
    proxy.respond(429, times=1, headers={"Retry-After": "1"})


def gateway_gives_up(proxy: RpcProxy) -> None:
    """The node gets the batch, the client a 504."""
    proxy.respond(504, SEND, times=3, reaches=True)
    proxy.respond(502, times=2, after=20)


def service_unavailable(proxy: RpcProxy) -> None:
    proxy.respond(503, times=4)


def errors_in_a_batch(proxy: RpcProxy) -> None:
    """Every kind of answer in one batch, some for what the node took all the same."""
    proxy.fail(SEND, "internal error", after=1)
    proxy.fail(SEND, "txpool is full", after=1)
    proxy.fail(SEND, "some words that nobody has sorted yet", after=1)
    proxy.fail(SEND, "already known", after=1, reaches=True)
    proxy.fail(SEND, "nonce too low: next nonce 9, tx nonce 3", after=1, reaches=True)
    proxy.fail(SEND, "nonce too low", after=1)


def no_answer_in_a_batch(proxy: RpcProxy) -> None:
    proxy.fail(SEND, "limit exceeded", code=-32005, times=5, after=3)


def null_for_a_hash(proxy: RpcProxy) -> None:
    proxy.change(SEND, lambda _params, _result: None, times=4)


def receipts_late(proxy: RpcProxy) -> None:
    """A node that has the block before it has its receipts."""
    proxy.change("eth_getTransactionReceipt", lambda _params, _result: None, times=10)
    proxy.change("eth_getBlockReceipts", lambda _params, _result: None, times=3)


def empty_block_receipts(proxy: RpcProxy) -> None:
    proxy.change("eth_getBlockReceipts", lambda _params, _result: [], times=3)


def no_block_receipts(proxy: RpcProxy) -> None:
    proxy.fail("eth_getBlockReceipts", "the method does not exist", code=-32601, times=float("inf"))


@pytest.mark.parametrize(
    "fault",
    [
        lose_answers,
        lose_requests,
        too_many_requests,
        too_many_requests_with_a_time,
        gateway_gives_up,
        service_unavailable,
        errors_in_a_batch,
        no_answer_in_a_batch,
        null_for_a_hash,
        receipts_late,
        empty_block_receipts,
        no_block_receipts,
    ],
    ids=lambda fault: fault.__name__,
)
def test_a_fault_of_the_node_loses_and_doubles_nothing(
    bench: Stand, record_property: Count, fault: Callable[[RpcProxy], None]
) -> None:
    outbox = bench.outbox()
    keys = submit(bench, outbox)
    worker = bench.worker(outbox, batch_size=5)
    fault(bench.proxy)
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS}
    assert bench.nonce() == RECORDS  # no nonce was burnt
    assert all(len(attempts) == 1 for attempts in hashes(outbox).values())  # the same bytes each time
    injected = sum(bench.proxy.faults().values())
    assert injected > 0
    record_property(f"counted: outbox, {fault.__name__.replace('_', ' ')}, faults", injected)


def test_an_answer_slower_than_the_client_waits_is_no_second_transaction(bench: Stand, record_property: Count) -> None:
    outbox = bench.outbox()
    keys = submit(bench, outbox)
    worker = bench.worker(outbox, timeout_seconds=0.2, batch_size=5)
    bench.proxy.delay(SEND, 0.5)
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        worker.step()
    bench.proxy.heal()
    time.sleep(0.5)
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS}
    assert bench.nonce() == RECORDS
    record_property("counted: outbox, answers slower than the client waits, broadcasts", bench.proxy.count(SEND))


def test_a_node_behind_the_others_takes_nothing_back(bench: Stand, record_property: Count) -> None:
    outbox = bench.outbox()
    keys = submit(bench, outbox)
    worker = bench.worker(outbox, lag_patience_seconds=60)
    bench.settle(outbox, worker)
    sent = bench.proxy.count(SEND)
    bench.proxy.lag(bench.head() - bench.first_block)
    for _ in range(10):
        worker.step()
    assert states(outbox) == {State.CONFIRMED}
    assert bench.proxy.count(SEND) == sent
    bench.proxy.heal()
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS}
    record_property("counted: outbox, rounds against a lagging node", 10)


def test_a_node_that_stays_behind_costs_no_second_effect(bench: Stand) -> None:
    """Taken for a rollback once patience is over: the same bytes go again, which changes nothing."""
    outbox = bench.outbox()
    keys = submit(bench, outbox)
    worker = bench.worker(outbox, lag_patience_seconds=0.1)
    bench.settle(outbox, worker)
    bench.proxy.lag(bench.head() - bench.first_block)
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        worker.step()
        bench.mine()
    bench.proxy.heal()
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS}
    assert bench.nonce() == RECORDS


@pytest.mark.parametrize("blocks", [1, 4])
def test_nodes_behind_one_url_that_lag_behind_each_other(bench: Stand, record_property: Count, blocks: int) -> None:
    """Every other request, on average, is answered by a node that is some blocks behind: fewer than, and more than,
    confirmations."""
    outbox = bench.outbox()
    keys: list[str] = []
    worker = bench.worker(outbox, batch_size=4)
    bench.mine(blocks)
    bench.proxy.lag(blocks, share=0.5)
    for part in range(15):
        keys += [record.key for record in outbox.submit_many(bench.intents(4, prefix=f"part-{part}"))]
        for _ in range(6):
            worker.step()
            bench.mine()
    bench.proxy.heal()
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: 60}
    assert bench.nonce() == 60
    record_property("counted: outbox, rounds against nodes that lag behind each other", 90)


# ------------------------------------------------------------------ 4: the node restarts


@pytest.mark.parametrize("when", ["pooled", "included", "confirmed"])
def test_a_node_restarted_with_its_state_gets_the_same_bytes_again(
    bench: Stand, record_property: Count, when: str
) -> None:
    outbox = bench.outbox()
    keys = submit(bench, outbox)
    worker = bench.worker(outbox)
    wanted = {"pooled": State.BROADCAST, "included": State.INCLUDED, "confirmed": State.CONFIRMED}[when]
    bench.rounds(worker, lambda: states(outbox) == {wanted}, mine=when != "pooled")
    before = hashes(outbox)
    bench.restart()
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS}
    assert hashes(outbox) == before
    record_property("counted: outbox, node restarted with its state", 1)


def test_a_node_that_is_away_for_a_while(bench: Stand) -> None:
    outbox = bench.outbox()
    keys = submit(bench, outbox)
    worker = bench.worker(outbox)
    upstream = bench.proxy.upstream
    bench.proxy.upstream = "http://127.0.0.1:9"
    for _ in range(3):
        worker.step()
    assert states(outbox) <= {State.QUEUED, State.SIGNED}
    bench.proxy.upstream = upstream
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS}


def test_a_fresh_chain_under_the_same_url_is_refused_at_open(bench: Stand, record_property: Count) -> None:
    outbox = bench.outbox()
    keys = submit(bench, outbox)
    bench.settle(outbox, bench.worker(outbox))
    bench.restart(fresh=True)
    with pytest.raises(OutboxOfAnotherChain):
        bench.outbox()
    assert sorted(record.key for record in all_records(outbox)) == sorted(keys)
    record_property("counted: outbox, fresh chain under the same URL refused", 1)


def test_a_fresh_chain_under_the_same_url_is_refused_at_work(bench: Stand, record_property: Count) -> None:
    outbox = bench.outbox()
    submit(bench, outbox, 3)
    worker = bench.worker(outbox, lag_patience_seconds=0.1)
    bench.settle(outbox, worker)
    submit_more = bench.intents(3, prefix="later")
    bench.restart(fresh=True)
    outbox.submit_many(submit_more)
    deadline = time.monotonic() + 5

    def work() -> None:
        while time.monotonic() < deadline:
            worker.step()

    with pytest.raises(OutboxOfAnotherChain):
        work()
    assert bench.nonce() == 0  # nothing was sent there
    assert bench.pending() == []
    record_property("counted: outbox, fresh chain under the same URL refused", 1)


# ------------------------------------------------------------------ 5: reorgs


def reorg(bench: Stand) -> None:
    bench.rpc.call("anvil_reorg", bench.head() - bench.first_block, [])


def rollback(bench: Stand) -> None:
    bench.rpc.call("anvil_rollback", bench.head() - bench.first_block)


@pytest.mark.parametrize("when", ["included", "confirmed"])
@pytest.mark.parametrize("kind", ["reorg", "rollback", "revert"])
def test_a_reorg_takes_records_back_and_the_same_bytes_in_again(
    bench: Stand, record_property: Count, kind: str, when: str
) -> None:
    outbox = bench.outbox()
    keys = submit(bench, outbox)
    worker = bench.worker(outbox)
    snapshot = bench.rpc.call("evm_snapshot")
    wanted = State.INCLUDED if when == "included" else State.CONFIRMED
    bench.rounds(worker, lambda: states(outbox) == {wanted})
    before = hashes(outbox)
    if kind == "revert":
        assert bench.rpc.call("evm_revert", snapshot)
    else:
        {"reorg": reorg, "rollback": rollback}[kind](bench)
    assert bench.nonce() == 0
    bench.mine(2)
    bench.rounds(worker, lambda: states(outbox) <= {State.DROPPED, State.BROADCAST}, mine=False)
    assert all(record.block_hash is None for record in all_records(outbox))
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS}
    assert hashes(outbox) == before
    record_property(f"counted: outbox, {kind} of {when} records", RECORDS)


def test_a_record_that_moved_to_another_block_is_not_confirmed_by_the_old_one(bench: Stand) -> None:
    """A reorg that puts the transaction into another block: its depth counts anew."""
    outbox = bench.outbox()
    keys = submit(bench, outbox, 1)
    worker = bench.worker(outbox, confirmations=4)
    bench.rounds(worker, lambda: states(outbox) == {State.INCLUDED})
    worker.step()
    first = outbox.get(keys[0])
    raw = bench.rpc.call("eth_getRawTransactionByHash", first.transaction_hash)
    bench.rpc.call("anvil_reorg", bench.head() - bench.first_block, [[raw, bench.head() - bench.first_block - 1]])
    bench.mine()
    bench.rounds(worker, lambda: outbox.get(keys[0]).block_hash not in (None, first.block_hash), mine=False)
    assert outbox.get(keys[0]).transaction_hash == first.transaction_hash
    bench.settle(outbox, worker)
    bench.check(outbox, keys)


def test_a_reorg_between_the_answers_of_one_look_leaves_no_false_block(bench: Stand, record_property: Count) -> None:
    """The node answers with receipts whose blocks are gone before the look is over."""
    outbox = bench.outbox()
    keys = submit(bench, outbox)
    worker = bench.worker(outbox)
    bench.rounds(worker, lambda: states(outbox) == {State.BROADCAST}, mine=False)
    bench.mine(CONFIRMATIONS)
    gone: set[str] = set()

    def vanish(_params: list[Any], result: Any) -> Any:
        if not gone:
            for number in range(bench.first_block + 1, bench.head() + 1):
                gone.add(bench.rpc.call("eth_getBlockByNumber", hex(number), False)["hash"])
            reorg(bench)
        return result

    for method in ("eth_getBlockReceipts", "eth_getTransactionReceipt"):
        bench.proxy.change(method, vanish, times=1)
    seen: set[State] = set()
    bench.rounds(worker, lambda: bool(gone), mine=False)
    for _ in range(3):
        seen |= states(outbox)
        assert not {record.block_hash for record in all_records(outbox)} & gone
        worker.step()
    assert seen <= {State.BROADCAST, State.DROPPED}
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS}
    record_property("counted: outbox, reorgs in the middle of a look", 1)


# ------------------------------------------------------------------ 6: the pool forgets


@pytest.mark.parametrize("which", ["first", "last", "all"])
def test_dropped_transactions_are_sent_again(bench: Stand, record_property: Count, which: str) -> None:
    outbox = bench.outbox()
    keys = submit(bench, outbox)
    worker = bench.worker(outbox)
    bench.rounds(worker, lambda: states(outbox) == {State.BROADCAST}, mine=False)
    before = hashes(outbox)
    chosen = {"first": keys[:1], "last": keys[-1:], "all": keys}[which]
    for key in chosen:
        bench.rpc.call("anvil_dropTransaction", before[key][0])
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS}
    assert hashes(outbox) == before
    record_property("counted: outbox, transactions dropped from the pool", len(chosen))


# ------------------------------------------------------------------ 7: the base fee jumps


def jump(bench: Stand, wei: int) -> None:
    bench.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(wei))
    bench.mine()


def test_a_base_fee_above_the_offer_is_met(bench: Stand, record_property: Count) -> None:
    outbox = bench.outbox()
    keys = submit(bench, outbox)
    worker = bench.worker(outbox)
    bench.rounds(worker, lambda: states(outbox) == {State.BROADCAST}, mine=False)
    for key in keys:  # as a node does whose pool is full
        bench.rpc.call("anvil_dropTransaction", hashes(outbox)[key][0])
    jump(bench, 100 * GWEI)
    deadline = time.monotonic() + SETTLE
    while states(outbox) != {State.CONFIRMED}:
        assert time.monotonic() < deadline, all_records(outbox)
        worker.step()
        jump(bench, 100 * GWEI)
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS}
    record_property("counted: outbox, records bumped over a base fee", sum(len(a) > 1 for a in hashes(outbox).values()))


def test_a_base_fee_above_the_cap_is_waited_out(bench: Stand, record_property: Count) -> None:
    outbox = bench.outbox()
    worker = bench.worker(outbox, fee_cap_wei=20 * GWEI, bump_after_seconds=0.2)
    first = submit(bench, outbox, 4)
    bench.rounds(worker, lambda: states(outbox) == {State.BROADCAST}, mine=False)
    later = [record.key for record in outbox.submit_many(bench.intents(4, prefix="later"))]
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        jump(bench, 50 * GWEI)
        worker.step()
    assert "fee-above-cap" in alerts(outbox)
    assert states(outbox) <= {State.QUEUED, State.BROADCAST, State.SIGNED, State.DROPPED}
    assert all(a.max_fee_wei <= 20 * GWEI for record in all_records(outbox) for a in record.attempts)
    jump(bench, GWEI)
    bench.settle(outbox, worker)
    assert bench.check(outbox, first + later) == {State.CONFIRMED: 8}
    assert "fee-above-cap" not in alerts(outbox)
    record_property("counted: outbox, records that waited for a fee under the cap", 8)


# ------------------------------------------------------------------ 8: replacing


def test_a_replacement_that_the_node_finds_too_cheap_is_raised_or_left(bench: Stand, record_property: Count) -> None:
    outbox = bench.outbox()
    keys = submit(bench, outbox, 3)
    worker = bench.worker(outbox, bump_after_seconds=0.3, rebroadcast_after_seconds=0.1)
    bench.rounds(worker, lambda: states(outbox) == {State.BROADCAST}, mine=False)
    bench.proxy.fail(SEND, "replacement transaction underpriced", times=6)
    bench.rounds(worker, lambda: all(len(a) > 2 for a in hashes(outbox).values()), mine=False)
    for record in all_records(outbox):
        pairs = zip(record.attempts, record.attempts[1:], strict=False)
        for old, new in pairs:  # geth wants a tenth more on both fields
            assert new.max_fee_wei * 10 >= old.max_fee_wei * 11
            assert old.tip_wei is not None
            assert new.tip_wei is not None
            assert new.tip_wei * 10 >= old.tip_wei * 11
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: 3}
    assert bench.nonce() == 3
    record_property("counted: outbox, replacements refused as underpriced", bench.proxy.faults()["error"])


def test_the_older_attempt_may_win(bench: Stand, record_property: Count) -> None:
    """The bump is stored and never reaches a node; the first bytes are mined."""
    outbox = bench.outbox()
    keys = submit(bench, outbox, 3)
    worker = bench.worker(outbox, bump_after_seconds=0.3)
    bench.rounds(worker, lambda: states(outbox) == {State.BROADCAST}, mine=False)
    first = {key: attempts[0] for key, attempts in hashes(outbox).items()}
    bench.proxy.lose_requests(SEND, times=float("inf"))
    bench.rpc.call("evm_setBlockGasLimit", hex(21_000))  # too little for any of them: they were not in the next block
    bench.rounds(worker, lambda: all(len(a) > 1 for a in hashes(outbox).values()))
    bench.rpc.call("evm_setBlockGasLimit", hex(30_000_000))
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: 3}
    assert {record.key: record.transaction_hash for record in all_records(outbox)} == first
    record_property("counted: outbox, older attempts mined", 3)


def test_cancelling_what_is_on_its_way_ends_as_the_chain_says(bench: Stand, record_property: Count) -> None:
    outbox = bench.outbox()
    keys = submit(bench, outbox, 6)
    worker = bench.worker(outbox)
    bench.rounds(worker, lambda: states(outbox) == {State.BROADCAST}, mine=False)
    for key in keys[::2]:
        assert outbox.cancel(key).state == State.CANCELLING
    worker.step()
    bench.settle(outbox, worker)
    ended = bench.check(outbox, keys)
    assert ended.get(State.CANCELLED, 0) == 3
    bench.proxy.lose_requests(SEND, times=float("inf"))  # now the no-op comes too late
    late = [record.key for record in outbox.submit_many(bench.intents(2, prefix="late"))]
    bench.proxy.heal()
    bench.rounds(worker, lambda: outbox.get(late[-1]).state == State.BROADCAST, mine=False)
    bench.proxy.lose_requests(SEND, times=float("inf"))
    for key in late:
        outbox.cancel(key)
    bench.settle(outbox, worker)
    assert {outbox.get(key).state for key in late} == {State.CONFIRMED}
    bench.check(outbox, keys + late)
    record_property("counted: outbox, cancelled on their way", 5)


# ------------------------------------------------------------------ 9: gas, and what no node takes


def test_gas_below_the_intrinsic_cost_is_refused_at_submission(bench: Stand) -> None:
    outbox = bench.outbox()
    for gas in (0, 20_999, 21_000, 2**24 + 1):
        with pytest.raises(InvalidInput):
            outbox.submit(bench.intent("cheap", gas=gas))
    assert outbox.counts().get(State.QUEUED, 0) == 0


@pytest.mark.parametrize("text", ["intrinsic gas too low", "exceeds block gas limit", "max initcode size exceeded"])
def test_what_no_node_takes_is_refused_and_stops_nothing_behind_it(
    bench: Stand, record_property: Count, text: str
) -> None:
    outbox = bench.outbox()
    keys = submit(bench, outbox)
    worker = bench.worker(outbox)
    bench.proxy.fail(SEND, text, times=1, after=3)
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS - 1, State.REFUSED: 1}
    refused = outbox.get(keys[3])
    assert refused.state == State.REFUSED
    assert refused.problem
    assert bench.nonce() == RECORDS  # a no-op took the nonce
    outbox.retry(keys[3])
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS}
    record_property("counted: outbox, refused by the node for good", 1)


def test_a_transaction_that_a_node_took_and_lost_is_sent_again(bench: Stand, record_property: Count) -> None:
    """As Anvil does with what lacks gas: a hash is answered, and nothing is in the pool."""
    outbox = bench.outbox()
    keys = submit(bench, outbox)
    worker = bench.worker(outbox)
    raw_hashes: list[str] = []

    def swallow(params: list[Any], result: Any) -> Any:
        bench.rpc.call("anvil_dropTransaction", result)
        raw_hashes.append(result)
        return result

    bench.proxy.change(SEND, swallow, times=5, after=2)
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS}
    assert len(raw_hashes) == 5
    record_property("counted: outbox, taken and swallowed by the node", 5)


def test_a_call_that_fails_in_its_block_is_reverted_and_says_why(bench: Stand) -> None:
    outbox = bench.outbox()
    keys = submit(bench, outbox, 2)
    outbox.submit(bench.intent("fails", data=bytes.fromhex("deadbeef")))
    worker = bench.worker(outbox)
    bench.settle(outbox, worker)
    assert bench.check(outbox, [*keys, "fails"]) == {State.CONFIRMED: 2, State.REVERTED: 1}
    error = outbox.get("fails").error
    assert error is not None
    assert "deadbeef" in str(error)


def test_a_call_that_its_estimate_refuses_is_refused_without_a_transaction(bench: Stand) -> None:
    outbox = bench.outbox()
    outbox.submit(bench.intent("fails", data=bytes.fromhex("deadbeef"), gas=None))
    outbox.submit(bench.intent("works", gas=None))
    worker = bench.worker(outbox)
    bench.settle(outbox, worker)
    assert bench.check(outbox, ["fails", "works"]) == {State.CONFIRMED: 1, State.REFUSED: 1}
    assert outbox.get("fails").nonce is None
    assert bench.nonce() == 1


# ------------------------------------------------------------------ 10: nonces


def foreign(bench: Stand, nonce: int, fee_wei: int = 100 * GWEI) -> str:
    """Another program's transaction with the outbox's key."""
    transaction = {"chainId": 31337, "to": development_signer(DEPLOYER).address, "value": 1, "data": b"", "gas": 21_000}
    transaction |= {"nonce": nonce, "maxFeePerGas": fee_wei, "maxPriorityFeePerGas": fee_wei}
    raw = development_signer(0).sign_transaction(transaction)
    return str(bench.rpc.call(SEND, "0x" + raw.hex()))


def test_a_nonce_that_another_program_took_costs_no_record(bench: Stand, record_property: Count) -> None:
    outbox = bench.outbox()
    keys = submit(bench, outbox)
    worker = bench.worker(outbox)
    bench.rounds(worker, lambda: states(outbox) == {State.BROADCAST}, mine=False)
    taken = [outbox.get(keys[index]).nonce for index in (0, 5, 11)]
    for nonce in taken:
        assert nonce is not None
        foreign(bench, nonce)
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: RECORDS}
    assert bench.nonce() == RECORDS + 3
    record_property("counted: outbox, nonces used by another program", 3)


def test_a_key_used_elsewhere_while_the_worker_is_away(bench: Stand, record_property: Count) -> None:
    outbox = bench.outbox()
    worker = bench.worker(outbox)
    keys = submit(bench, outbox, 4)
    bench.settle(outbox, worker)
    worker.close()
    for nonce in range(4, 7):
        foreign(bench, nonce)
    bench.mine(2)
    foreign(bench, 7)  # one still waits
    more = [record.key for record in outbox.submit_many(bench.intents(4, prefix="more"))]
    bench.settle(outbox, bench.worker(outbox))
    assert bench.check(outbox, keys + more) == {State.CONFIRMED: 8}
    assert bench.nonce() == 12
    assert [outbox.get(key).nonce for key in more] == [8, 9, 10, 11]
    assert all(len(outbox.get(key).attempts) == 1 for key in more)  # none was signed for a nonce that was taken
    record_property("counted: outbox, nonces used by another program", 4)


def test_a_gap_of_two_nonces_is_closed(bench: Stand, record_property: Count) -> None:
    """Another program's transaction stands two nonces ahead; ours fill the gap before it, and go on behind it."""
    outbox = bench.outbox()
    worker = bench.worker(outbox)
    foreign(bench, 2)
    keys = submit(bench, outbox, 6)
    bench.settle(outbox, worker)
    assert bench.check(outbox, keys) == {State.CONFIRMED: 6}
    assert bench.nonce() == 7
    record_property("counted: outbox, gaps before another program's transaction", 1)


def test_a_database_restored_from_before_doubles_nothing_that_it_signed(
    bench: Stand, tmp_path: Path, record_property: Count
) -> None:
    """The backup holds signed records that the chain has since taken, and a counter behind the chain."""
    outbox = bench.outbox()
    worker = bench.worker(outbox)
    keys = submit(bench, outbox, 6)
    bench.rounds(worker, lambda: states(outbox) == {State.BROADCAST}, mine=False)
    copy = tmp_path / "backup.db"
    with sqlite3.connect(tmp_path / "outbox.db") as source, sqlite3.connect(copy) as target:
        source.backup(target)
    bench.settle(outbox, worker)
    outbox.submit_many(bench.intents(4, prefix="forgotten"))
    bench.settle(outbox, worker)
    worker.close()
    outbox.close()
    for leftover in tmp_path.glob("outbox.db*"):
        leftover.unlink()
    shutil.copy(copy, tmp_path / "outbox.db")
    restored = bench.outbox()
    again = bench.worker(restored)
    more = [record.key for record in restored.submit_many(bench.intents(3, prefix="more"))]
    bench.settle(restored, again)
    assert bench.check(restored, keys + more) == {State.CONFIRMED: 9}
    assert bench.nonce() == 13
    assert [restored.get(key).nonce for key in more] == [10, 11, 12]
    assert all(len(record.attempts) == 1 for record in all_records(restored))
    assert set(bench.contract.calls([f"forgotten-0-{n}" for n in range(4)]).values()) == {1}
    record_property("counted: outbox, databases restored from before", 1)


def test_the_policy_of_these_tests_differs_from_the_default_in_times_only() -> None:
    assert quick().confirmations == CONFIRMATIONS
    assert quick().max_in_flight == Policy().max_in_flight


def test_the_node_of_these_tests_mines_when_told(bench: Stand) -> None:
    head = bench.head()
    foreign(bench, 0)
    assert bench.head() == head
    assert len(bench.pending()) == 1
    answer = HttpRpc(bench.proxy.url).batch([("evm_mine", [])])[0]
    assert isinstance(answer, RpcError)  # the outbox sees what a public node offers
