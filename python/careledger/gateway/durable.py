"""A connection whose transactions go through the outbox: stored before they are sent, and sent once.

The domains' code calls `Connection.send` and waits for a receipt. With this connection it does the same, and a process
that is killed in between finds its transaction again: the intent's key is the job's and the call's own content.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from careledger.chain.connection import Connection, TransactionReceipt
from careledger.chain.outbox import FINAL, Intent, Outbox, Record, State, receipt
from careledger.chain.signers import Signer
from careledger.errors import ConfigurationError, RecordUnfinished, WrongState
from careledger.gateway.points import reached
from careledger.gateway.problems import Refused

__all__ = ["DurableConnection", "Sent", "under", "wait_for_block"]

IN_A_BLOCK = frozenset({State.INCLUDED}) | FINAL
WAIT_SECONDS = 600
LOOK_SECONDS = 1.0
"""How soon a wait notices that the process is to end."""

Sent = dict[str, tuple[str, int] | None]
"""Keys of intents, with hash and number of the block that each was in when its receipt was read."""

_scope: ContextVar[tuple[str, Sent] | None] = ContextVar("careledger_gateway_job", default=None)


@contextmanager
def under(job: str) -> Iterator[Sent]:
    """What is sent inside belongs to a job. Gives the intents, to which those inside are added."""
    sent: Sent = {}
    token = _scope.set((job, sent))
    try:
        yield sent
    finally:
        _scope.reset(token)


def wait_for_block(outbox: Outbox, key: str, stopping: threading.Event) -> Record:
    """A record that is in a block, or final. Raises RecordUnfinished after ten minutes, or when the process is to end:
    the record goes its way all the same."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return outbox.wait(key, IN_A_BLOCK, LOOK_SECONDS)
        except RecordUnfinished:
            if stopping.is_set() or time.monotonic() >= until:
                raise


class DurableConnection(Connection):
    """Set `outbox` before anything is sent, and `stopping` to have waits end early. A worker of that outbox must be
    running, here or in another process."""

    outbox: Outbox | None = None
    stopping: threading.Event = threading.Event()

    def send(
        self, signer: Signer, to: str | None, data: bytes = b"", value_wei: int = 0, gas: int | None = None
    ) -> TransactionReceipt:
        """Stores the transaction, and waits until it is in a block. The same call of the same job is the same
        transaction; one that failed in an earlier try of the job is tried again.

        Raises ContractError if it was refused; Refused, status 409, if it was cancelled in the outbox, 502 if no node
        takes it; and RecordUnfinished when ten minutes are over: it is on its way, and the job goes on later.
        """
        if self.outbox is None:
            raise ConfigurationError("the outbox", "not set")
        scope = _scope.get()
        if scope is None:
            raise ConfigurationError("the job", "nothing is sent outside one")
        job, sent = scope
        content = b"|".join((signer.address.encode(), str(to).encode(), str(value_wei).encode(), data))
        key = f"{job}/{hashlib.sha256(content).hexdigest()[:32]}"
        record = self.outbox.submit(Intent(key, signer.address, to, data, value_wei, gas, label="gateway"))
        sent.setdefault(key, None)
        reached("submitted")
        if record.state in {State.REVERTED, State.REFUSED}:
            with contextlib.suppress(WrongState):  # another process was faster
                self.outbox.retry(key)
        record = wait_for_block(self.outbox, key, self.stopping)
        if record.state is State.CANCELLED:
            raise Refused(409, "Cancelled", "its transaction was cancelled in the outbox")
        if record.state is State.REFUSED and record.error is None:
            raise Refused(502, "Not taken", "no node of the chain takes its transaction")
        found = receipt(record, self)
        if record.block_hash is not None:
            sent[key] = (record.block_hash, record.block_number or 0)
        reached("on-chain")
        return found
