"""How a deployment's transactions are sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from careledger.chain.connection import Connection, TransactionReceipt
from careledger.chain.signers import Signer

__all__ = ["AtOnce", "Sending"]


class Sending(Protocol):
    """Sends the transactions of a plan's steps, each named by its subject."""

    def earlier(self, subject: str, signer: Signer, to: str | None, data: bytes) -> TransactionReceipt | None:
        """The receipt of what an earlier run signed for the same step; None if there is nothing, or it left nothing."""
        ...

    def send(
        self, subject: str, signer: Signer, to: str | None, data: bytes, before: Callable[[], None]
    ) -> TransactionReceipt:
        """Sends a step's transaction and waits for it; `before` is called when nothing speaks against sending it."""
        ...


class AtOnce:
    """Without memory: for a chain in this process, or a deployment that leaves no files."""

    def __init__(self, connection: Connection, confirmation_timeout_seconds: int) -> None:
        self._connection = connection
        self._timeout_seconds = confirmation_timeout_seconds

    def earlier(self, subject: str, signer: Signer, to: str | None, data: bytes) -> TransactionReceipt | None:  # noqa: ARG002
        return None

    def send(
        self,
        subject: str,  # noqa: ARG002
        signer: Signer,
        to: str | None,
        data: bytes,
        before: Callable[[], None],
    ) -> TransactionReceipt:
        """Raises what `prepare`, `broadcast` and `wait` of the connection raise."""
        transaction = self._connection.prepare(signer, to, data)
        before()
        sent = self._connection.broadcast(signer.sign_transaction(transaction))
        return self._connection.wait(sent, self._timeout_seconds)
