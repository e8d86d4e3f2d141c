"""What the outbox's users write and read: submission, records, counts, cancellation, retry."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, and_, func, select

from careledger.chain.database import Database
from careledger.chain.outbox.bulk import insert_rows, select_in
from careledger.chain.outbox.flight import SECONDS_PER_DAY
from careledger.chain.outbox.states import FINAL, State
from careledger.chain.outbox.tables import CHAIN, RECORD, SENDER, TRANSACTION
from careledger.chain.outbox.types import (
    NO_OP_KEY,
    Alert,
    Attempt,
    Intent,
    OutboxStatus,
    Record,
    SenderStatus,
    Spent,
)
from careledger.chain.reverts import decode_revert
from careledger.errors import ConfigurationError, IntentConflict, OutboxOfAnotherChain, UnknownIntent, WrongState

__all__ = ["Store"]

NEW = (
    *("sequence", "chain_id", "key", "content_hash", "label", "sender", "receiver", "data", "value_wei", "gas"),
    *("state", "refused", "queued_at"),
)

SHOWN = [
    RECORD.c[name]
    for name in (
        *("sequence", "key", "label", "sender", "receiver", "state", "nonce", "transaction_hash", "block_number"),
        *("block_hash", "gas_used", "cost_wei", "problem", "revert_data", "queued_at", "signed_at", "included_at"),
        *("final_at", "succeeded"),
    )
]

LAST_CHARACTER = "\U0010ffff"
RETRIABLE = {State.REVERTED, State.REFUSED, State.CANCELLED}


class Store:
    """The rows of one chain's outbox. Every method is a transaction of its own; all raise DatabaseError."""

    def __init__(self, database: Database, chain_id: int, genesis_hash: str) -> None:
        self.database = database
        self.chain_id = chain_id
        self.genesis_hash = genesis_hash

    @classmethod
    def bind(cls, database: Database, chain_id: int, genesis_hash: str) -> Store:
        """The store of a chain, which becomes known here with its first use. Raises OutboxOfAnotherChain."""
        with database.write() as connection:
            insert_rows(connection, CHAIN.name, ("chain_id", "genesis_hash"), [(chain_id, genesis_hash)], ignore=True)
            known = connection.execute(select(CHAIN.c.genesis_hash).where(CHAIN.c.chain_id == chain_id)).scalar_one()
        if known != genesis_hash:
            raise OutboxOfAnotherChain(database.name, chain_id, known, genesis_hash)
        return cls(database, chain_id, genesis_hash)

    @classmethod
    def known(cls, database: Database, chain_id: int | None) -> Store:
        """The store of a chain that is in the database already. Raises ConfigurationError."""
        with database.read() as connection:
            chains = {row.chain_id: row.genesis_hash for row in connection.execute(select(CHAIN))}
        if chain_id is None and len(chains) == 1:
            (chain_id,) = chains
        if chain_id is None or chain_id not in chains:
            there = ", ".join(map(str, sorted(chains))) or "none"
            raise ConfigurationError("the chain id of the outbox", f"{database.name} has: {there}; name one of them")
        return cls(database, chain_id, chains[chain_id])

    # ------------------------------------------------------------------ submission

    def submit(self, intents: Sequence[Intent]) -> list[str]:
        """Stores those that are not there yet, in one commit; returns the keys. Raises IntentConflict: then none is."""
        first: dict[str, str] = {}
        for intent in intents:
            content_hash = intent.content_hash()
            if first.setdefault(intent.key, content_hash) != content_hash:
                raise IntentConflict(intent.key)
        keys = [intent.key for intent in intents]
        now = int(time.time())
        with self.database.write() as connection:
            if self.database.dialect == "postgresql":  # the order of acceptance is then the order of commits
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('careledger outbox submit'))")
            for key, content_hash in self._content_hashes(connection, list(first)).items():
                if first.pop(key) != content_hash:
                    raise IntentConflict(key)
            last = connection.execute(select(func.max(RECORD.c.sequence))).scalar() or 0
            rows = []
            for intent in intents:
                if intent.key in first:
                    last += 1
                    rows.append(_new_row(last, self.chain_id, intent, first.pop(intent.key), now))
            insert_rows(connection, RECORD.name, NEW, rows)
        return keys

    def _content_hashes(self, connection: Connection, keys: list[str]) -> dict[str, str]:
        condition = f"t.chain_id = {self.chain_id:d}"
        return {
            row[0]: row[1]
            for row in select_in(connection, RECORD.name, "t.key, t.content_hash", "key", keys, condition)
        }

    # ------------------------------------------------------------------ reading

    def records_of(self, keys: Sequence[str]) -> list[Record]:
        """In the order of the keys. Raises UnknownIntent."""
        wanted = ", ".join(f"t.{column.name}" for column in SHOWN)
        with self.database.read() as connection:
            rows = select_in(connection, RECORD.name, wanted, "key", list(set(keys)), f"t.chain_id = {self.chain_id:d}")
            records = _records(connection, rows)
        found = {record.key: record for record in records}
        for key in keys:
            if key not in found:
                raise UnknownIntent(key)
        return [found[key] for key in keys]

    def keys(self, prefix: str) -> list[str]:
        begins = RECORD.c.key.startswith(prefix, autoescape=True)
        if self.database.dialect == "sqlite":  # its LIKE takes no index
            begins = and_(RECORD.c.key >= prefix, RECORD.c.key < prefix + LAST_CHARACTER)
        query = select(RECORD.c.key).where(RECORD.c.chain_id == self.chain_id, begins).order_by(RECORD.c.sequence)
        with self.database.read() as connection:
            return list(connection.execute(query).scalars())

    def blocks_of(self, keys: Sequence[str]) -> dict[str, tuple[State, str | None]]:
        """State and block of those of the keys that are there."""
        with self.database.read() as connection:
            rows = select_in(
                connection, RECORD.name, "t.key, t.state, t.block_hash", "key", keys, f"t.chain_id = {self.chain_id:d}"
            )
        return {row.key: (State(row.state), row.block_hash) for row in rows}

    def state_of(self, key: str) -> State:
        """Raises UnknownIntent."""
        with self.database.read() as connection:
            return self._state(connection, key)

    def _state(self, connection: Connection, key: str) -> State:
        query = select(RECORD.c.state).where(RECORD.c.chain_id == self.chain_id, RECORD.c.key == key)
        state = connection.execute(query).scalar()
        if state is None:
            raise UnknownIntent(key)
        return State(state)

    def page(
        self, state: State | None, sender: str | None, label: str | None, after: str | None, limit: int
    ) -> list[Record]:
        """Raises UnknownIntent if there is no record `after`."""
        query = select(*SHOWN).where(RECORD.c.chain_id == self.chain_id).order_by(RECORD.c.sequence).limit(limit)
        if state is not None:
            query = query.where(RECORD.c.state == state.value)
        if sender is not None:
            query = query.where(RECORD.c.sender == sender)
        if label is not None:
            query = query.where(RECORD.c.label == label)
        with self.database.read() as connection:
            if after is not None:
                place = select(RECORD.c.sequence).where(RECORD.c.chain_id == self.chain_id, RECORD.c.key == after)
                sequence = connection.execute(place).scalar()
                if sequence is None:
                    raise UnknownIntent(after)
                query = query.where(RECORD.c.sequence > sequence)
            return _records(connection, connection.execute(query).all())

    def counts(self) -> dict[State, int]:
        counts: dict[State, int] = {}
        with self.database.read() as connection:
            for by_state in self._counts(connection).values():
                for state, number in by_state.items():
                    counts[state] = counts.get(state, 0) + number
        return counts

    def spent(self, start: int, end: int) -> Spent:
        query = select(RECORD.c.gas_used, RECORD.c.cost_wei).where(
            RECORD.c.chain_id == self.chain_id, RECORD.c.included_at >= start, RECORD.c.included_at < end
        )
        transactions = gas = cost_wei = 0
        with self.database.read() as connection:
            for row in connection.execute(query):
                transactions += 1
                gas += row.gas_used or 0
                cost_wei += int(row.cost_wei or 0)
        return Spent(transactions, gas, cost_wei)

    def _counts(self, connection: Connection) -> dict[str, dict[State, int]]:
        query = (
            select(RECORD.c.sender, RECORD.c.state, func.count())
            .where(RECORD.c.chain_id == self.chain_id)
            .group_by(RECORD.c.sender, RECORD.c.state)
        )
        counts: dict[str, dict[State, int]] = {}
        for sender, state, number in connection.execute(query):
            counts.setdefault(sender, {})[State(state)] = number
        return counts

    def waiting(self, senders: Collection[str]) -> int:
        """How many records of some senders are not final."""
        query = select(func.count()).where(
            RECORD.c.chain_id == self.chain_id,
            RECORD.c.sender.in_(senders),
            RECORD.c.state.in_([state.value for state in State if state not in FINAL]),
        )
        with self.database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def status(self) -> OutboxStatus:
        waiting = [state.value for state in State if state not in FINAL]
        oldest = (
            select(RECORD.c.sender, func.min(RECORD.c.queued_at))
            .where(RECORD.c.chain_id == self.chain_id, RECORD.c.state.in_(waiting))
            .group_by(RECORD.c.sender)
        )
        now = int(time.time())
        with self.database.read() as connection:
            counts = self._counts(connection)
            queued_at: dict[str, int] = {row[0]: row[1] for row in connection.execute(oldest)}
            rows = {
                row.address: row for row in connection.execute(select(SENDER).where(SENDER.c.chain_id == self.chain_id))
            }
        total: dict[State, int] = {}
        for by_state in counts.values():
            for state, number in by_state.items():
                total[state] = total.get(state, 0) + number
        senders = tuple(
            _sender_status(address, counts.get(address, {}), rows.get(address), queued_at.get(address), now)
            for address in sorted({*counts, *rows})
        )
        return OutboxStatus(self.database.name, self.chain_id, self.genesis_hash, total, senders)

    # ------------------------------------------------------------------ a person's wishes

    def cancel(self, key: str) -> None:
        """Raises UnknownIntent, WrongState."""
        cancelled: dict[str, Any] = {"state": State.CANCELLED.value, "final_at": int(time.time())}
        cancelling: dict[str, Any] = {"state": State.CANCELLING.value}
        changes = {
            State.QUEUED: cancelled,
            State.SIGNED: cancelling,
            State.BROADCAST: cancelling,
            State.DROPPED: cancelling,
        }
        self._move(key, changes, "only what is in no block yet can be cancelled")

    def retry(self, key: str) -> None:
        """Raises UnknownIntent, WrongState."""
        if key.startswith(NO_OP_KEY):
            raise WrongState(
                key, self.state_of(key).value, "it is a no-op of the outbox's own, there is nothing to retry"
            )
        cleared = dict.fromkeys(
            (
                *("nonce", "transaction_hash", "block_number", "block_hash", "succeeded", "gas_used", "cost_wei"),
                *("problem", "revert_data", "signed_at", "included_at", "final_at"),
            )
        )
        values = {**cleared, "state": State.QUEUED.value, "refused": 0}
        self._move(key, dict.fromkeys(RETRIABLE, values), "only what was reverted, refused or cancelled can be retried")

    def _move(self, key: str, changes: Mapping[State, Mapping[str, Any]], problem: str) -> None:
        with self.database.write() as connection:
            for state, values in changes.items():
                moved = connection.execute(
                    RECORD.update()
                    .where(RECORD.c.chain_id == self.chain_id, RECORD.c.key == key, RECORD.c.state == state.value)
                    .values(values)
                )
                if moved.rowcount:
                    return
            raise WrongState(key, self._state(connection, key).value, problem)


def _new_row(sequence: int, chain_id: int, intent: Intent, content_hash: str, now: int) -> tuple[Any, ...]:
    return (
        *(sequence, chain_id, intent.key, content_hash, intent.label, intent.sender, intent.to, intent.data),
        *(str(intent.value_wei), intent.gas, State.QUEUED.value, 0, now),
    )


def _records(connection: Connection, rows: Sequence[Row[Any]]) -> list[Record]:
    attempts: dict[int, list[Attempt]] = {}
    wanted = (
        "t.record, t.transaction_hash, t.kind, t.gas, t.max_fee_wei, t.tip_wei, t.signed_at, t.broadcast_at, t.nonce"
    )
    signed = [row.sequence for row in rows if row.state != State.QUEUED.value]
    found = select_in(connection, TRANSACTION.name, wanted, "record", signed)
    for row in sorted(found, key=lambda row: (row.signed_at, row.nonce, row.max_fee_wei)):
        attempts.setdefault(row.record, []).append(Attempt(*row[1:8]))
    return [_record(row, tuple(attempts.get(row.sequence, ()))) for row in rows]


def _record(row: Row[Any], attempts: tuple[Attempt, ...]) -> Record:
    return Record(
        key=row.key,
        label=row.label,
        sender=row.sender,
        to=row.receiver,
        state=State(row.state),
        nonce=row.nonce,
        transaction_hash=row.transaction_hash,
        block_number=row.block_number,
        block_hash=row.block_hash,
        gas_used=row.gas_used,
        cost_wei=None if row.cost_wei is None else int(row.cost_wei),
        problem=row.problem,
        error=None if row.revert_data is None else decode_revert(bytes(row.revert_data)),
        queued_at=row.queued_at,
        signed_at=row.signed_at,
        included_at=row.included_at,
        final_at=row.final_at,
        attempts=attempts,
    )


def _sender_status(
    address: str, counts: Mapping[State, int], row: Row[Any] | None, queued_at: int | None, now: int
) -> SenderStatus:
    alerts: dict[str, list[Any]] = {} if row is None else orjson.loads(row.alerts)
    today = row is not None and row.spend_day == now // SECONDS_PER_DAY
    return SenderStatus(
        address=address,
        counts=counts,
        next_nonce=None if row is None else row.next_nonce,
        lease_owner=None if row is None else row.lease_owner,
        lease_until=None if row is None else row.lease_until,
        alerts=tuple(Alert(kind, since, detail) for kind, (since, detail) in sorted(alerts.items())),
        spent_today_wei=int(row.spent_wei) if row is not None and today else 0,
        oldest_waiting_seconds=None if queued_at is None else max(0, now - queued_at),
    )
