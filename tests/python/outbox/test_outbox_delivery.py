"""`deliver`: what its caller is told, and when, if something is in the way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from careledger.chain.connection import Connection
from careledger.chain.development import Node, development_signer
from careledger.chain.outbox import Intent, Outbox, Policy, State, deliver
from careledger.chain.outbox.worker import Worker
from careledger.chain.signers import Signer
from careledger.chain.signers.local import LocalSigner
from careledger.errors import (
    ConfigurationError,
    ContractError,
    FeeTooHigh,
    InsufficientFunds,
    NodeUnreachable,
    RecordUnfinished,
    SignerError,
    TransactionUnconfirmed,
    WorkerBusy,
)
from eth_account import Account
from eth_utils.address import to_checksum_address
from rpc_proxy import RpcProxy

SENDER = development_signer(3)
RECEIVER = development_signer(7).address
POLICY = Policy(confirmations=1)
AT_ONCE_SECONDS = 10
SEPOLIA = 11155111
REVERTING = to_checksum_address("0x" + 20 * "ab")


def rpc(connection: Connection, method: str, *parameters: Any) -> Any:
    answer = connection.web3.provider.make_request(method, list(parameters))  # type: ignore[arg-type]
    assert "error" not in answer, answer
    return answer["result"]


def payment(key: str, sender: Signer = SENDER, **changes: Any) -> Intent:
    return Intent(key, sender.address, **{"to": RECEIVER, "value_wei": 1, **changes})


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as node:
        yield node


@pytest.fixture
def connection(node: Node) -> Connection:
    return node.connect()


@pytest.fixture
def outbox(connection: Connection, tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(f"sqlite:///{tmp_path / 'outbox.db'}", connection) as outbox:
        yield outbox


@pytest.fixture
def poor(connection: Connection) -> LocalSigner:
    """Has enough for no transaction."""
    signer = LocalSigner(Account.create())
    rpc(connection, "anvil_setBalance", signer.address, hex(1000))
    return signer


class Locked(LocalSigner):
    """A key that cannot be used while it is locked."""

    locked = True

    def sign_raw(self, transaction: Any) -> tuple[bytes, bytes]:
        self._require_open()
        return super().sign_raw(transaction)

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        self._require_open()
        return super().sign_transaction(transaction)

    def _require_open(self) -> None:
        if self.locked:
            raise SignerError("the key", "is locked")


def test_receipts_come_in_order_and_progress_is_told(outbox: Outbox, connection: Connection) -> None:
    intents = [payment(f"payment-{number}", value_wei=number) for number in range(5)]
    told: list[int] = []
    receipts = deliver(outbox, connection, [SENDER], intents, POLICY, report=told.append)
    hashes = [outbox.get(intent.key).transaction_hash for intent in intents]
    assert [receipt.transaction_hash for receipt in receipts] == hashes
    assert told == sorted(set(told))
    assert told[-1] == 5
    assert deliver(outbox, connection, [SENDER], intents, POLICY) == receipts
    assert connection.nonce(SENDER.address) == 5
    assert deliver(outbox, connection, [SENDER], [], POLICY) == []


def test_missing_funds_are_told_at_once(outbox: Outbox, connection: Connection, poor: LocalSigner) -> None:
    started = time.monotonic()
    with pytest.raises(InsufficientFunds) as raised:
        deliver(outbox, connection, [poor], [payment("poor", poor)], POLICY)
    assert time.monotonic() - started < AT_ONCE_SECONDS
    assert (raised.value.address, raised.value.balance_wei) == (poor.address, 1000)
    rpc(connection, "anvil_setBalance", poor.address, hex(10**18))
    assert len(deliver(outbox, connection, [poor], [payment("poor", poor)], POLICY)) == 1


def test_funds_for_one_at_a_time_are_enough(outbox: Outbox, connection: Connection, poor: LocalSigner) -> None:
    """What is reserved for the first is free again once it is in a block."""
    rpc(connection, "anvil_setBalance", poor.address, hex(21_000 * 8 * 10**9))
    intents = [payment(f"poor-{number}", poor, gas=21_000) for number in range(3)]
    assert len(deliver(outbox, connection, [poor], intents, POLICY)) == 3


def test_a_fee_above_the_cap_is_told_at_once(outbox: Outbox, connection: Connection) -> None:
    connection.fee_cap_wei = 1
    policy = Policy(confirmations=1, fee_cap_wei=1)
    started = time.monotonic()
    with pytest.raises(FeeTooHigh):
        deliver(outbox, connection, [SENDER], [payment("dear")], policy)
    assert time.monotonic() - started < AT_ONCE_SECONDS
    assert outbox.get("dear").attempts == ()
    connection.fee_cap_wei = None
    assert len(deliver(outbox, connection, [SENDER], [payment("dear")], POLICY)) == 1


def test_a_key_that_does_not_sign_is_told_at_once(outbox: Outbox, connection: Connection) -> None:
    signer = Locked(Account.create())
    rpc(connection, "anvil_setBalance", signer.address, hex(10**18))
    started = time.monotonic()
    with pytest.raises(SignerError) as raised:
        deliver(outbox, connection, [signer], [payment("locked", signer)], POLICY)
    assert time.monotonic() - started < AT_ONCE_SECONDS
    assert raised.value.problem == "is locked"
    signer.locked = False
    assert len(deliver(outbox, connection, [signer], [payment("locked", signer)], POLICY)) == 1


def test_after_a_refusal_nothing_of_the_call_waits(outbox: Outbox, connection: Connection, poor: LocalSigner) -> None:
    rpc(connection, "anvil_setCode", REVERTING, "0x60006000fd")
    intents = [payment("waits", poor), payment("refused", to=REVERTING), payment("waits too", poor)]
    with pytest.raises(ContractError):
        deliver(outbox, connection, [SENDER, poor], intents, POLICY)
    states = {record.key: record.state for record in outbox.records()}
    assert states == {"waits": State.CANCELLED, "refused": State.REFUSED, "waits too": State.CANCELLED}
    rpc(connection, "anvil_setCode", REVERTING, "0x00")
    rpc(connection, "anvil_setBalance", poor.address, hex(10**18))
    assert len(deliver(outbox, connection, [SENDER, poor], intents, POLICY)) == 3


def test_a_node_that_is_away_is_named_when_time_is_up(outbox: Outbox, node: Node) -> None:
    with RpcProxy(node.url) as proxy:
        connection = Connection.open(proxy.url)
        proxy.lose_requests(times=float("inf"))
        started = time.monotonic()
        with pytest.raises(NodeUnreachable) as raised:
            deliver(outbox, connection, [SENDER], [payment("away")], POLICY, timeout_seconds=1)
        assert 1 < time.monotonic() - started < AT_ONCE_SECONDS
        assert raised.value.url == proxy.url
        proxy.heal()
        assert len(deliver(outbox, connection, [SENDER], [payment("away")], POLICY)) == 1


def test_what_no_block_takes_in_time_is_named(outbox: Outbox, connection: Connection) -> None:
    rpc(connection, "evm_setAutomine", False)
    with pytest.raises(TransactionUnconfirmed) as raised:
        deliver(outbox, connection, [SENDER], [payment("slow")], POLICY, timeout_seconds=1)
    (attempt,) = outbox.get("slow").attempts
    assert raised.value.transaction_hash == attempt.transaction_hash
    rpc(connection, "evm_mine")
    with pytest.raises(RecordUnfinished) as unfinished:
        deliver(outbox, connection, [SENDER], [payment("slow")], Policy(confirmations=2), timeout_seconds=1)
    assert unfinished.value.state == State.INCLUDED
    rpc(connection, "evm_mine")
    (receipt,) = deliver(outbox, connection, [SENDER], [payment("slow")], Policy(confirmations=2))
    assert receipt.transaction_hash == attempt.transaction_hash


def test_a_final_record_that_the_chain_has_lost_is_sent_again(outbox: Outbox, connection: Connection) -> None:
    snapshot = rpc(connection, "evm_snapshot")
    policy = Policy(confirmations=1, lag_patience_seconds=0.5)
    (before,) = deliver(outbox, connection, [SENDER], [payment("lost")], policy)
    assert rpc(connection, "evm_revert", snapshot)
    assert connection.receipt(before.transaction_hash) is None
    (after,) = deliver(outbox, connection, [SENDER], [payment("lost")], policy)
    assert after.transaction_hash == before.transaction_hash
    assert connection.nonce(SENDER.address) == 1


def test_nothing_is_stored_while_another_worker_has_the_file(outbox: Outbox, connection: Connection) -> None:
    with Worker(outbox, connection.rpc(), [SENDER], POLICY), pytest.raises(WorkerBusy):
        deliver(outbox, connection, [SENDER], [payment("busy")], POLICY)
    assert outbox.records() == []


def test_nothing_is_stored_for_a_development_key_outside_a_local_chain(tmp_path: Path) -> None:
    with Node(chain_id=SEPOLIA) as node:
        connection = node.connect()
        with Outbox.open(f"sqlite:///{tmp_path / 'public.db'}", connection) as outbox:
            with pytest.raises(ConfigurationError):
                deliver(outbox, connection, [SENDER], [payment("development")], POLICY)
            assert outbox.records() == []
