"""A contract on chain that counts the calls of each id, so that tests see what took effect once, twice or never."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from careledger.chain.connection import Connection
from careledger.chain.rpc import HttpRpc, RpcError
from careledger.chain.signers import Signer
from eth_utils.crypto import keccak

__all__ = ["CALL_GAS", "CountingContract", "call_of"]

CALL_GAS = 100_000
"""Enough for one call: the first of an id uses 45,000."""

RUNTIME = bytes.fromhex(
    "36 6020 14 6011 57"  # if the call data are 32 bytes: go to `count`
    "36 6000 6000 37 36 6000 fd"  # revert with the call data
    "5b 6000 35"  # count: id, the call data
    "80 54 6001 01"  # what is stored for it, plus 1
    "81 55"  # is stored for it
    "6000 6000 a1 00"  # log without data, the id as its topic
)
CREATION = bytes([0x60, len(RUNTIME), 0x80, 0x60, 0x0B, 0x60, 0x00, 0x39, 0x60, 0x00, 0xF3]) + RUNTIME


def call_of(key: str) -> bytes:
    """The call that counts for an outbox record's key."""
    return keccak(text=key)


@dataclass(frozen=True)
class CountingContract:
    """Counts calls with 32 bytes of data, an id; reverts others with their data as the reason."""

    address: str
    url: str

    @classmethod
    def deploy(cls, connection: Connection, signer: Signer, url: str) -> CountingContract:
        """`url` is the node that `calls` asks: no proxy. The node must mine by itself."""
        address = connection.send(signer, None, CREATION).contract_address
        assert address is not None
        return cls(address, url)

    def calls(self, keys: Iterable[str]) -> dict[str, int]:
        """How often each key's call took effect, by the state of the latest block."""
        names = list(keys)
        asked = [("eth_getStorageAt", [self.address, "0x" + call_of(key).hex(), "latest"]) for key in names]
        answers = HttpRpc(self.url).batch(asked) if asked else []
        assert not any(isinstance(answer, RpcError) for answer in answers), answers
        return {key: int(answer[2:] or "0", 16) for key, answer in zip(names, answers, strict=True)}
