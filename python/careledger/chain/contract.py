"""A contract at an address: reads, calldata and transactions by function name."""

from __future__ import annotations

from typing import Any

from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection, TransactionReceipt
from careledger.chain.signers import Signer
from careledger.chain.values import decode_outputs, encode_call
from careledger.errors import NotAContract

__all__ = ["Contract"]


class Contract:
    """One of the suite's contracts. Functions are named as in Solidity; values are in the form of `chain.values`."""

    def __init__(self, connection: Connection, name: str, address: str) -> None:
        """`name` is the artifact's; raises KeyError if the wheel carries none."""
        self.connection = connection
        self.artifact = artifact(name)
        self.name = name
        self.address = address

    def encode(self, function: str, *arguments: Any) -> bytes:
        """The calldata of a call."""
        return encode_call(self.artifact.function(function), arguments)

    def read(self, function: str, *arguments: Any, block: int | str = "latest", sender: str | None = None) -> Any:
        """A view call's result. Raises ContractError if the contract refuses, NotAContract if there is none, and
        NodeRefused for an answer that is no such result."""
        data = self.connection.call(self.address, self.encode(function, *arguments), sender=sender, block=block)
        declared = self.artifact.function(function)
        if not data and declared["outputs"]:
            raise NotAContract(self.name, self.address)
        with self.connection.failures("eth_call"):
            return decode_outputs(declared, data)

    def send(self, signer: Signer, function: str, *arguments: Any, gas: int | None = None) -> TransactionReceipt:
        """Calls in a transaction and waits for it. Raises what `Connection.send` raises."""
        return self.connection.send(signer, self.address, self.encode(function, *arguments), gas=gas)
