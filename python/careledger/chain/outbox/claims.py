"""What a worker reads and writes: leases, the lanes it has leased, and what each round changed."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Row, func, or_, select

from careledger.chain.database import Database
from careledger.chain.outbox.bulk import insert_rows, select_in, update_rows
from careledger.chain.outbox.flight import SECONDS_PER_DAY, Changes, Entry, Included, Lane, QueuedRow, Sent, worst_wei
from careledger.chain.outbox.states import FINAL, IN_FLIGHT, State
from careledger.chain.outbox.tables import RECORD, SENDER, TRANSACTION
from careledger.chain.outbox.types import NO_OP_KEY
from careledger.chain.signers import Signer

__all__ = ["ATTEMPT", "SETTLED", "Claims", "LeaseLost"]

ATTEMPT = (
    *("transaction_hash", "record", "nonce", "raw", "kind", "gas", "max_fee_wei", "tip_wei", "signed_at"),
    "broadcast_at",
)
SETTLED = (
    *("sequence", "state", "transaction_hash", "block_number", "block_hash", "succeeded", "gas_used", "cost_wei"),
    *("problem", "revert_data", "included_at", "final_at"),
)
"""The columns that a block gives to a record, and that a reorganization takes back."""

TAKEN_BACK = ("refused", "problem", "transaction_hash", "succeeded", "cost_wei", "value_wei", "included_at")
REFUSED = ("sequence", "state", "problem", "revert_data", "final_at")
REPLACED = ("sequence", "state", "nonce", "signed_at", "problem", "final_at")
FILLER: tuple[str, ...] = (
    *("sequence", "chain_id", "key", "content_hash", "label", "sender", "receiver", "data", "value_wei", "gas"),
    *("state", "refused", "nonce", "queued_at", "signed_at"),
)


def _states(states: Collection[State]) -> str:
    return "t.state IN (" + ", ".join(f"'{state.value}'" for state in sorted(states)) + ")"


SEARCHED_ROWS = 1_000
MOST = 2**63 - 1

IS_QUEUED = _states({State.QUEUED})
IS_IN_FLIGHT = _states(IN_FLIGHT)
IS_UNSENT = _states({State.SIGNED, State.DROPPED})
IS_INCLUDED = _states({State.INCLUDED})
HAS_BLOCK = f"{_states({State.INCLUDED, *FINAL})} AND t.block_hash IS NOT NULL"


class LeaseLost(Exception):
    """Another worker has the sender, or what this worker had in mind is no longer so: nothing of the round counts."""


class Claims:
    """One worker's view of one chain's outbox. Methods other than `claim` and `release` run inside the caller's
    transaction."""

    def __init__(self, database: Database, chain_id: int, owner: str, lease_seconds: float) -> None:
        self.database = database
        self.chain_id = chain_id
        self.owner = owner
        self.lease_seconds = lease_seconds

    # ------------------------------------------------------------------ leases

    def claim(self, signers: dict[str, Signer], most: int, exclusive: bool) -> list[Lane]:
        """Takes leases that are free or have run out, first of senders with work, and loads their lanes. `exclusive`
        takes them from anyone: the caller knows that no other worker lives."""
        addresses = list(signers)
        with self.database.write() as connection:
            self.limit_idleness(connection)
            self._introduce(connection, addresses)
            free = () if exclusive else (self._is_free(),)
            query = select(SENDER.c.address).where(
                SENDER.c.chain_id == self.chain_id, SENDER.c.address.in_(addresses), *free
            )
            if self.database.dialect == "postgresql":
                query = query.with_for_update(skip_locked=True)
            found = list(connection.execute(query).scalars())
            busy = self._with_work(connection, found) if len(found) > most else set()
            taken = sorted(found, key=lambda address: (address not in busy, addresses.index(address)))[:most]
            if not taken:
                return []
            rows = connection.execute(
                SENDER.update()
                .where(SENDER.c.chain_id == self.chain_id, SENDER.c.address.in_(taken))
                .values(lease_owner=self.owner, lease_until=self._now() + self.lease_seconds)
                .returning(SENDER)
            ).all()
            return [self.load(connection, signers[row.address], row) for row in rows]

    def limit_idleness(self, connection: Connection) -> None:
        """In a transaction of the worker: should its machine vanish now, the server frees the rows within a lease, and
        not when it notices that the connection is dead, which takes hours."""
        if self.database.dialect == "postgresql":
            most = max(1, int(self.lease_seconds * 1000))
            connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = {most}")

    def release(self, addresses: Collection[str]) -> None:
        """Gives leases back, if they are still held."""
        with self.database.write() as connection:
            connection.execute(
                SENDER.update()
                .where(
                    SENDER.c.chain_id == self.chain_id,
                    SENDER.c.address.in_(addresses),
                    SENDER.c.lease_owner == self.owner,
                )
                .values(lease_owner=None, lease_until=None)
            )

    def extend(self, connection: Connection, lane: Lane) -> None:
        """Extends a lease and writes the sender's row. Raises LeaseLost if another worker has the lease."""
        number, block_hash = lane.seen or (None, None)
        extended = connection.execute(
            SENDER.update()
            .where(
                SENDER.c.chain_id == self.chain_id,
                SENDER.c.address == lane.address,
                SENDER.c.lease_owner == self.owner,
            )
            .values(
                lease_until=self._now() + self.lease_seconds,
                next_nonce=lane.next_nonce,
                seen_number=number,
                seen_hash=block_hash,
                alerts=orjson.dumps(lane.alerts).decode(),
                spend_day=lane.spend_day,
                spent_wei=str(lane.spent_wei),
            )
        )
        if extended.rowcount != 1:
            raise LeaseLost(lane.address)

    def _introduce(self, connection: Connection, addresses: list[str]) -> None:
        rows = [(self.chain_id, address, "{}", 0, "0") for address in sorted(addresses)]  # in one order: no deadlock
        columns = ("chain_id", "address", "alerts", "spend_day", "spent_wei")
        insert_rows(connection, SENDER.name, columns, rows, ignore=True)

    def _with_work(self, connection: Connection, addresses: list[str]) -> set[str]:
        query = (
            select(RECORD.c.sender)
            .distinct()
            .where(
                RECORD.c.chain_id == self.chain_id,
                RECORD.c.sender.in_(addresses),
                RECORD.c.state.in_([state.value for state in State if state not in FINAL]),
            )
        )
        return set(connection.execute(query).scalars())

    def _is_free(self) -> ColumnElement[bool]:
        owner = SENDER.c.lease_owner
        return or_(owner.is_(None), owner == self.owner, SENDER.c.lease_until < self._now())

    def _now(self) -> ColumnElement[Any] | Any:
        if self.database.dialect == "postgresql":
            return func.date_part("epoch", func.clock_timestamp())
        return time.time()

    # ------------------------------------------------------------------ reading

    def load(self, connection: Connection, signer: Signer, row: Row[Any]) -> Lane:
        """A sender with all that it has in flight or in blocks that are not deep enough."""
        lane = Lane(
            address=row.address,
            signer=signer,
            next_nonce=row.next_nonce or 0,
            seen=None if row.seen_number is None else (row.seen_number, row.seen_hash),
            alerts=orjson.loads(row.alerts),
            spend_day=row.spend_day,
            spent_wei=int(row.spent_wei),
            lease_at=time.monotonic(),
        )
        open_states = [state.value for state in (*IN_FLIGHT, State.INCLUDED)]
        query = (
            select(RECORD)
            .where(RECORD.c.chain_id == self.chain_id, RECORD.c.sender == row.address, RECORD.c.state.in_(open_states))
            .order_by(RECORD.c.nonce)
        )
        records = connection.execute(query).all()
        in_flight = [record for record in records if record.state != State.INCLUDED.value]
        attempts = self._attempts(connection, [record.sequence for record in in_flight])
        for record in in_flight:
            made = [sent for nonce, sent in attempts.get(record.sequence, ()) if nonce == record.nonce]
            lane.flight[record.nonce] = _entry(record, made)
        included = [record for record in records if record.state == State.INCLUDED.value]
        kinds = dict(
            select_in(
                connection,
                TRANSACTION.name,
                "t.transaction_hash, t.kind",
                "transaction_hash",
                [record.transaction_hash for record in included],
            )
        )
        for record in included:
            final = _final_state(kinds.get(record.transaction_hash) == "no-op", bool(record.refused), record.succeeded)
            lane.included[record.sequence] = Included(
                *(record.sequence, record.key, record.label, record.nonce, record.block_number, record.block_hash),
                *(record.transaction_hash, final),
            )
        return lane

    def reload(self, connection: Connection, lane: Lane) -> Lane:
        row = connection.execute(
            select(SENDER).where(SENDER.c.chain_id == self.chain_id, SENDER.c.address == lane.address)
        ).one()
        return self.load(connection, lane.signer, row)

    def _attempts(self, connection: Connection, sequences: list[int]) -> dict[int, list[tuple[int, Sent]]]:
        wanted = ", ".join(f"t.{name}" for name in ATTEMPT)
        found: dict[int, list[tuple[int, Sent]]] = {}
        rows = select_in(connection, TRANSACTION.name, wanted, "record", sequences)
        for row in sorted(rows, key=lambda row: (row.kind == "no-op", row.max_fee_wei, row.tip_wei or 0)):
            sent = Sent(
                *(row.transaction_hash, row.kind, bytes(row.raw), row.gas, row.max_fee_wei, row.tip_wei, row.signed_at),
                broadcast_at=row.broadcast_at,
            )
            found.setdefault(row.record, []).append((row.nonce, sent))
        return found

    def refresh(self, connection: Connection, lane: Lane, limit: int) -> None:
        """Reads the head of a lane's queue, and what is to be cancelled."""
        columns = RECORD.c
        query = (
            select(
                columns.sequence,
                columns.key,
                columns.label,
                columns.receiver,
                columns.data,
                columns.value_wei,
                columns.gas,
                columns.queued_at,
            )
            .where(
                columns.chain_id == self.chain_id, columns.sender == lane.address, columns.state == State.QUEUED.value
            )
            .order_by(columns.sequence)
            .limit(limit)
        )
        lane.queue = [
            QueuedRow(row[0], row[1], row[2], row[3], bytes(row[4]), int(row[5]), *row[6:])
            for row in connection.execute(query)
        ]
        wishes = select(columns.nonce).where(
            columns.chain_id == self.chain_id, columns.sender == lane.address, columns.state == State.CANCELLING.value
        )
        for nonce in connection.execute(wishes).scalars():
            entry = lane.flight.get(nonce)
            if entry is not None:
                entry.state = State.CANCELLING
                lane.wish = lane.wish or not entry.attempts or entry.last.kind == "call"

    def taken_back(self, connection: Connection, lane: Lane, least_block: int, least_nonce: int) -> list[Row[Any]]:
        """The records with a block at or above a number, or a nonce at or above one; highest nonce first, which is also
        newest block first."""
        columns = RECORD.c
        wanted = (columns.sequence, columns.key, columns.label, columns.nonce, columns.block_number, columns.block_hash)
        query = (
            select(*wanted, *(columns[name] for name in TAKEN_BACK))
            .where(columns.chain_id == self.chain_id, columns.sender == lane.address, columns.block_hash.is_not(None))
            .order_by(columns.nonce.desc())
            .limit(SEARCHED_ROWS)
        )
        found: list[Any] = []
        below = MOST
        while rows := connection.execute(query.where(columns.nonce < below)).all():
            within = [row for row in rows if row.block_number >= least_block or row.nonce >= least_nonce]
            found += within
            if len(within) < len(rows):
                break
            below = rows[-1].nonce
        return found

    def reserved_again(self, connection: Connection, rows: Collection[Row[Any]], spend_day: int) -> int:
        """What is to be added to a day's spending for records (`taken_back`) that are in flight again: the most that
        each can cost, less what it cost in its block that day. In wei."""
        attempts = self._attempts(connection, [row.sequence for row in rows])
        total = 0
        for row in rows:
            made = [sent for nonce, sent in attempts.get(row.sequence, ()) if nonce == row.nonce]
            total += worst_wei(made, int(row.value_wei))
            if row.included_at // SECONDS_PER_DAY == spend_day:
                is_call = any(sent.kind == "call" and sent.transaction_hash == row.transaction_hash for sent in made)
                total -= int(row.cost_wei) + (int(row.value_wei) if is_call and row.succeeded else 0)
        return total

    def owned(self, connection: Connection, lane: Lane, low: int, high: int) -> set[int]:
        """The nonces from `low` to `high` - 1 that records own."""
        columns = RECORD.c
        query = select(columns.nonce).where(
            columns.chain_id == self.chain_id, columns.sender == lane.address, columns.nonce.between(low, high - 1)
        )
        return set(connection.execute(query).scalars())

    # ------------------------------------------------------------------ writing

    def apply(self, connection: Connection, changes: Changes) -> None:
        """Writes what a round changed. Raises LeaseLost if what was signed is not in the queue any more."""
        record, transaction = RECORD.name, TRANSACTION.name
        signed = [
            (sequence, State.SIGNED.value, nonce, signed_at, None) for sequence, nonce, signed_at in changes.signed
        ]
        columns = ("sequence", "state", "nonce", "signed_at", "problem")
        if update_rows(connection, record, columns, signed, IS_QUEUED) != len(signed):
            raise LeaseLost
        insert_rows(connection, transaction, ATTEMPT, changes.attempts, ignore=True)  # equal bytes may be made twice
        update_rows(connection, transaction, ("transaction_hash", "broadcast_at"), changes.sent)
        update_rows(connection, record, ("sequence", "state"), changes.broadcast, IS_UNSENT)
        update_rows(connection, record, ("sequence", "state", "refused", "problem"), changes.cancelling, IS_IN_FLIGHT)
        update_rows(connection, record, SETTLED, changes.settled, IS_IN_FLIGHT)
        update_rows(connection, record, ("sequence", "state", "final_at"), changes.confirmed, IS_INCLUDED)
        update_rows(connection, record, REFUSED, changes.refused, IS_QUEUED)
        update_rows(connection, record, REPLACED, changes.replaced, IS_IN_FLIGHT)
        update_rows(connection, record, SETTLED, changes.dropped, HAS_BLOCK)
        self._fill(connection, changes)

    def _fill(self, connection: Connection, changes: Changes) -> None:
        if not changes.fillers:
            return
        if self.database.dialect == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('careledger outbox submit'))")
        last = connection.execute(select(func.max(RECORD.c.sequence))).scalar() or 0
        now = int(time.time())
        rows = []
        for number, (lane, nonce) in enumerate(changes.fillers, last + 1):
            rows.append(
                (
                    *(number, self.chain_id, f"{NO_OP_KEY}{number}", "", "no-op", lane.address, lane.address, b"", "0"),
                    *(None, State.CANCELLING.value, 0, nonce, now, now),
                )
            )
        insert_rows(connection, RECORD.name, FILLER, rows)


def _entry(record: Row[Any], attempts: list[Sent]) -> Entry:
    return Entry(
        sequence=record.sequence,
        key=record.key,
        label=record.label,
        state=State(record.state),
        nonce=record.nonce,
        to=record.receiver,
        data=bytes(record.data),
        value_wei=int(record.value_wei),
        signed_at=record.signed_at or 0,
        refused=bool(record.refused),
        problem=record.problem,
        attempts=attempts,
        queued_at=record.queued_at,
    )


def _final_state(is_no_op: bool, refused: bool, succeeded: int | None) -> State:
    if is_no_op:
        return State.REFUSED if refused else State.CANCELLED
    return State.CONFIRMED if succeeded else State.REVERTED
