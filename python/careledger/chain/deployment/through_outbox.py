"""A deployment sends through an outbox beside the manifest, so that a killed run goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from eth_utils.crypto import keccak

from careledger.chain.connection import Connection, TransactionReceipt
from careledger.chain.deployment.manifest import plan_file
from careledger.chain.deployment.plan import PlanParameters
from careledger.chain.outbox import Intent, Outbox, Policy, Record, State, deliver
from careledger.chain.signers import Signer
from careledger.errors import ContractError, DeploymentChanged, OutboxOfAnotherChain

__all__ = ["ThroughOutbox", "outbox_path"]

CONFIRMATIONS = 1
"""A step needs the one before it in a block, no more: the next run checks all code again."""

LOCAL_LAG_PATIENCE_SECONDS = 1
"""A local chain that is shorter than it was has been started anew or rolled back: no other node lags behind its URL."""

WITHOUT_EFFECT = frozenset({State.QUEUED, State.REVERTED, State.REFUSED, State.CANCELLED})
MOST_RECORDS = 10_000


class ThroughOutbox:
    """Through `<chainId>.outbox.db`, or `<chainId>.<name>.outbox.db`, in the folder of the manifests. Its records
    belong to the parameters of the plan: a run with others begins with none."""

    def __init__(
        self,
        connection: Connection,
        folder: Path,
        parameters: PlanParameters,
        signers: Sequence[Signer],
        confirmation_timeout_seconds: int,
    ) -> None:
        self._connection = connection
        self._path = outbox_path(folder, connection.chain_id, parameters.name)
        self._parameters = parameters
        self._signers = list({signer.address: signer for signer in signers}.values())
        self._timeout_seconds = confirmation_timeout_seconds
        self._opened: Outbox | None = None

    def earlier(self, subject: str, signer: Signer, to: str | None, data: bytes) -> TransactionReceipt | None:
        """Raises DeploymentChanged if another account has signed the creation of a contract at an address of its own,
        and it is in no block; what `deliver` raises, but ContractError; DatabaseError, OutboxOfAnotherChain."""
        step = self._step(subject, to, data)
        for record in self._outbox().records(label=_label(subject), limit=MOST_RECORDS):
            if not record.key.startswith(step) or record.state in WITHOUT_EFFECT:
                continue
            try:
                if record.sender == signer.address:
                    return self._deliver(self._intent(subject, signer, to, data))
                found = self._receipt_of(record)
            except ContractError:  # it failed in its block: it left nothing
                continue
            if found is not None:
                return found
            if to is None:
                raise DeploymentChanged(
                    f"{self._path}: the sender of {subject}",
                    record.sender,
                    f"{signer.address}; what {record.sender} signed may still be included: run again with its key, or "
                    f"remove {self._path} once nothing of it is pending",
                )
        return None

    def send(
        self, subject: str, signer: Signer, to: str | None, data: bytes, before: Callable[[], None]
    ) -> TransactionReceipt:
        """Raises what `Connection.prepare` and `deliver` raise; DatabaseError, OutboxOfAnotherChain."""
        gas = self._connection.prepare(signer, to, data)["gas"]
        before()
        return self._deliver(self._intent(subject, signer, to, data, gas))

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()

    def _outbox(self) -> Outbox:
        """The outbox, opened when first needed. On a local chain that was started anew, it is begun anew too."""
        if self._opened is None:
            url = f"sqlite:///{self._path}"
            try:
                self._opened = Outbox.open(url, self._connection)
            except OutboxOfAnotherChain:
                if not self._connection.is_local:
                    raise
                for ending in ("-wal", "-shm", ""):  # the database last: killed in between, this is done again
                    self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
                self._opened = Outbox.open(url, self._connection)
        return self._opened

    def _deliver(self, intent: Intent) -> TransactionReceipt:
        self._give_up_others(intent.key)
        policy = Policy(confirmations=CONFIRMATIONS, fee_cap_wei=self._connection.fee_cap_wei)
        if self._connection.is_local:
            policy = replace(policy, lag_patience_seconds=LOCAL_LAG_PATIENCE_SECONDS)
        (found,) = deliver(
            self._outbox(), self._connection, self._signers, [intent], policy, timeout_seconds=self._timeout_seconds
        )
        return found

    def _give_up_others(self, key: str) -> None:
        """Cancels what an earlier run left without a nonce, for a plan that is not pursued any more."""
        for record in self._outbox().records(state=State.QUEUED, limit=MOST_RECORDS):
            if record.key != key:
                self._outbox().cancel(record.key)

    def _receipt_of(self, record: Record) -> TransactionReceipt | None:
        """Of what another account sent. Raises ContractError if it failed in its block."""
        calls = (attempt.transaction_hash for attempt in record.attempts if attempt.kind == "call")
        return next(filter(None, map(self._connection.receipt, calls)), None)

    def _intent(self, subject: str, signer: Signer, to: str | None, data: bytes, gas: int | None = None) -> Intent:
        key = f"{self._step(subject, to, data)}{signer.address}"
        return Intent(key, signer.address, to, data, gas=gas, label=_label(subject))

    def _step(self, subject: str, to: str | None, data: bytes) -> str:
        """How the keys of a step's records begin, whoever sends them."""
        digest = keccak(self._parameters.salt(subject) + (to or "").encode() + b"|" + data).hex()[:32]
        return f"deploy/{subject}/{digest}/"


def outbox_path(folder: Path, chain_id: int, name: str = "") -> Path:
    """Where the outbox of a chain's deployment is: the suite's, or that of the plan with a name."""
    return plan_file(folder, chain_id, name, "outbox.db")


def _label(subject: str) -> str:
    return f"deploy {subject}"
