"""The outbox as its users see it: hand in intents, look, wait, cancel, retry."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from types import TracebackType

from careledger.chain.connection import Connection, TransactionReceipt
from careledger.chain.database import Database
from careledger.chain.outbox.states import FINAL, State
from careledger.chain.outbox.store import Store
from careledger.chain.outbox.types import Intent, OutboxStatus, Record, Spent
from careledger.errors import ConfigurationError, NodeRefused, RecordUnfinished, WrongState

__all__ = ["Outbox", "receipt"]

FIRST_POLL_SECONDS = 0.01
LAST_POLL_SECONDS = 0.5
PAGE_LIMIT = 10_000


class Outbox:
    """One chain's intents in a database. Any number of processes may use it at the same time; a Worker sends.

    What is stored is on disk when `submit` returns. Each intent has one effect on chain once its record is final,
    unless the key is used elsewhere, a reorganization goes deeper than the policy's confirmations, or the database is
    replaced by an older copy: calls that are idempotent on chain by an id of their own are safe even then.

    Methods raise DatabaseError. Use as a context manager, or call `close`.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    @classmethod
    def open(cls, url: str, connection: Connection) -> Outbox:
        """The outbox of the connection's chain in a database (see careledger.chain.database), which is made if need be.

        Raises OutboxOfAnotherChain if the database knows the chain by another first block, DatabaseOutdated.
        """
        genesis_hash = connection.genesis_hash()
        database = Database(url)
        try:
            database.migrate("outbox")
            return cls(Store.bind(database, connection.chain_id, genesis_hash))
        except BaseException:
            database.close()
            raise

    @classmethod
    def offline(cls, url: str, chain_id: int | None = None) -> Outbox:
        """An outbox that is there already, without a node. `chain_id` may be left out if the database has only one.

        Raises ConfigurationError if there is none.
        """
        database = Database(url)
        try:
            if database.path is not None and not database.path.exists():
                raise ConfigurationError("the outbox's database", f"{database.name} is not there")
            if database.revision("outbox") is None:
                raise ConfigurationError("the outbox's database", f"{database.name} has no outbox")
            database.migrate("outbox")
            return cls(Store.known(database, chain_id))
        except BaseException:
            database.close()
            raise

    @property
    def chain_id(self) -> int:
        return self.store.chain_id

    def submit(self, intent: Intent) -> Record:
        """Stores an intent, durably. If its key is there with the same sender, receiver, data and value, nothing is
        stored, and the record there is returned.

        Raises InvalidInput, IntentConflict.
        """
        return self.submit_many([intent])[0]

    def submit_many(self, intents: Sequence[Intent]) -> list[Record]:
        """Stores intents in one commit, in order. Raises what `submit` raises: then none of them was stored."""
        for intent in intents:
            intent.check()
        return self.store.records_of(self.store.submit(intents))

    def get(self, key: str) -> Record:
        """Raises UnknownIntent."""
        return self.store.records_of([key])[0]

    def keys(self, prefix: str) -> list[str]:
        """The keys that begin with a prefix, in the order of acceptance."""
        return self.store.keys(prefix)

    def records(
        self,
        state: State | None = None,
        sender: str | None = None,
        label: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> list[Record]:
        """A page in the order of acceptance, of up to 10,000 records. `after` is the key of the last one of the page
        before. Raises UnknownIntent if that is none."""
        return self.store.page(state, sender, label, after, max(1, min(limit, PAGE_LIMIT)))

    def counts(self) -> dict[State, int]:
        """How many records are in each state; those with none are left out."""
        return self.store.counts()

    def spent(self, start: int, end: int) -> Spent:
        """What the transactions cost that got into blocks from `start` until before `end`, Unix seconds by the worker's
        clock: those that reverted too."""
        return self.store.spent(start, end)

    def status(self) -> OutboxStatus:
        return self.store.status()

    def cancel(self, key: str) -> Record:
        """Before it has a nonce, a record is cancelled at once. Later it becomes CANCELLING: a no-op with its nonce
        races the call, and the one that gets into a block decides.

        Raises UnknownIntent, WrongState.
        """
        self.store.cancel(key)
        return self.get(key)

    def retry(self, key: str) -> Record:
        """Queues again what was reverted, refused or cancelled, in its old place. Raises UnknownIntent, WrongState."""
        self.store.retry(key)
        return self.get(key)

    def wait(self, key: str, states: Collection[State] = FINAL, timeout_seconds: float = 180) -> Record:
        """Waits until a record is in one of some states, or final. Somewhere a worker must be running.

        Raises UnknownIntent, and RecordUnfinished when time is up.
        """
        started = time.monotonic()
        pause = FIRST_POLL_SECONDS
        while True:
            state = self.store.state_of(key)
            if state in states or state in FINAL:
                return self.get(key)
            if time.monotonic() - started >= timeout_seconds:
                raise RecordUnfinished(key, state.value, int(timeout_seconds))
            time.sleep(pause)
            pause = min(pause * 1.5, LAST_POLL_SECONDS)

    def close(self) -> None:
        self.store.database.close()

    def __enter__(self) -> Outbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def receipt(record: Record, connection: Connection) -> TransactionReceipt:
    """The receipt of a record whose call is in a block.

    Raises the contract's error if it failed there or was refused before, NodeRefused if no node took it, and WrongState
    if it is in no block.
    """
    if record.error is not None:
        raise record.error
    if record.state is State.REFUSED:
        raise NodeRefused("eth_sendRawTransaction", None, record.problem or "refused")
    if record.transaction_hash is None or record.state not in {State.INCLUDED, State.CONFIRMED, State.REVERTED}:
        raise WrongState(record.key, record.state.value, "it has no receipt")
    found = connection.receipt(record.transaction_hash)
    if found is None:
        raise WrongState(record.key, record.state.value, "the node has no receipt of it now; wait for the worker")
    return found
