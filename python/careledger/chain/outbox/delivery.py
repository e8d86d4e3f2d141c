"""Sending through an outbox while the caller waits: for programs that send a few transactions and then end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

from careledger.chain.connection import Connection, TransactionReceipt
from careledger.chain.outbox.outbox import Outbox, receipt
from careledger.chain.outbox.signing import HINDRANCES
from careledger.chain.outbox.states import FINAL, IN_FLIGHT, State
from careledger.chain.outbox.types import Intent, Policy, Record
from careledger.chain.outbox.worker import Worker
from careledger.chain.signers import Signer
from careledger.errors import NodeUnreachable, RecordUnfinished, TransactionUnconfirmed, WrongState

__all__ = ["deliver"]

ENDED_WITHOUT_EFFECT = frozenset({State.REVERTED, State.REFUSED, State.CANCELLED})
WAITING = IN_FLIGHT | {State.QUEUED}
FIRST_PAUSE_SECONDS = 0.01
LAST_PAUSE_SECONDS = 0.5


def deliver(
    outbox: Outbox,
    connection: Connection,
    signers: Sequence[Signer],
    intents: Sequence[Intent],
    policy: Policy,
    timeout_seconds: float = 180,
    report: Callable[[int], None] = lambda _final: None,
) -> list[TransactionReceipt]:
    """Submits intents, works on the outbox until all of them are final, and returns their receipts in order.

    Those that an earlier call submitted go on where they were; those that ended without effect are tried again.
    `report` is called with how many are final. `timeout_seconds` counts from the last change of a record's state.
    Meanwhile the node may be away.

    Raises the contract's error of the first that was refused or reverted, and NodeRefused for one that no node takes:
    the others that own no nonce yet are then cancelled. Raises what `Connection.prepare` and the signer raise if
    nothing can be signed: no funds, fees above the cap, no key. When time is up, raises NodeUnreachable if no node
    answers, TransactionUnconfirmed for what is in no block, and RecordUnfinished for what was not signed or is not deep
    enough. What is not final stays in the outbox, for the same call again or any worker. Raises what Worker raises,
    before anything is stored.
    """
    rpc = connection.rpc()
    with Worker(outbox, rpc, signers, policy) as worker:
        delivery = _Delivery(outbox, connection, signers, intents)
        delivery.submit()
        seen: list[State] | None = None
        final = 0
        changed_at, pause = time.monotonic(), FIRST_PAUSE_SECONDS
        while True:
            worker.step()
            records = delivery.records()
            now_final = sum(record.state in FINAL for record in records)
            if now_final > final:
                final = now_final
                report(final)
            receipts = delivery.receipts(records)
            if receipts is not None:
                return receipts
            states = [record.state for record in records]
            if states != seen:
                seen, changed_at, pause = states, time.monotonic(), FIRST_PAUSE_SECONDS
                continue
            if IN_FLIGHT.isdisjoint(states):
                delivery.raise_hindrance(records)
            if time.monotonic() - changed_at > timeout_seconds:
                rpc.call("eth_blockNumber")
                delivery.raise_hindrance(records)
                raise _late(records, timeout_seconds)
            time.sleep(pause)
            pause = min(pause * 1.5, LAST_PAUSE_SECONDS)


class _Delivery:
    """Some intents, on their way."""

    def __init__(
        self, outbox: Outbox, connection: Connection, signers: Sequence[Signer], intents: Sequence[Intent]
    ) -> None:
        self._outbox = outbox
        self._connection = connection
        self._signers: dict[str, Signer] = {signer.address: signer for signer in signers}
        self._intents = intents

    def submit(self) -> None:
        states = {record.key: record.state for record in self._outbox.submit_many(self._intents)}
        for key, state in states.items():
            if state in ENDED_WITHOUT_EFFECT:
                self._outbox.retry(key)

    def records(self) -> list[Record]:
        """In the order of the intents. Raises the error of the first that ended without effect, and cancels those that
        own no nonce: whoever repairs the call must not have its old version sent as well."""
        records = self._outbox.store.records_of([intent.key for intent in self._intents])
        failed = next((record for record in records if record.state in ENDED_WITHOUT_EFFECT), None)
        if failed is not None:
            for key in {record.key for record in records if record.state is State.QUEUED}:
                with contextlib.suppress(WrongState):  # another worker has signed it meanwhile
                    self._outbox.cancel(key)
            receipt(failed, self._connection)
        return records

    def receipts(self, records: list[Record]) -> list[TransactionReceipt] | None:
        """None if not all are final, or if the node does not give them: it is away or lags, or the chain changed."""
        if any(record.state is not State.CONFIRMED for record in records):
            return None
        found: list[TransactionReceipt] = []
        with contextlib.suppress(NodeUnreachable):
            for record in records:
                one = self._connection.receipt(str(record.transaction_hash))
                if one is None:
                    break
                found.append(one)
        return found if len(found) == len(records) else None

    def raise_hindrance(self, records: list[Record]) -> None:
        """Raises why nothing is signed, if the worker says that something is in its way: found out, with the details,
        by preparing the first transaction that waits."""
        hindered = {
            sender.address: {alert.kind for alert in sender.alerts}.intersection(HINDRANCES)
            for sender in self._outbox.status().senders
        }
        for record, intent in zip(records, self._intents, strict=True):
            signer, hindrances = self._signers.get(record.sender), hindered.get(record.sender)
            if record.state not in WAITING or signer is None or not hindrances:
                continue
            gas = record.attempts[-1].gas if record.attempts else intent.gas
            with contextlib.suppress(NodeUnreachable):
                transaction = self._connection.prepare(signer, intent.to, intent.data, intent.value_wei, gas)
                if "signer-failed" in hindrances:
                    signer.sign_transaction(transaction)
            return


def _late(records: list[Record], timeout_seconds: float) -> TransactionUnconfirmed | RecordUnfinished:
    record = next((record for record in records if record.state not in FINAL), records[-1])
    if record.attempts and record.state is not State.INCLUDED:
        return TransactionUnconfirmed(record.attempts[-1].transaction_hash, int(timeout_seconds))
    return RecordUnfinished(record.key, record.state.value, int(timeout_seconds))
