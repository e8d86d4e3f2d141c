"""An ERC-20 token that the suite's contracts pay in."""

from __future__ import annotations

from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from careledger.chain.connection import Connection, TransactionReceipt
from careledger.chain.signers import Signer
from careledger.errors import NodeRefused

__all__ = ["Token"]

MAX_TOKEN_DECIMALS = 18
WORD = 32


class Token:
    """An ERC-20 token (EIP-20). Amounts are minor units."""

    def __init__(self, connection: Connection, address: str) -> None:
        self._connection = connection
        self.address = address

    def decimals(self) -> int:
        """Of the unit in which people count it. Raises NodeRefused if the token does not say, or says nonsense."""
        found = self._read("decimals()", [], [], "uint8")
        if found > MAX_TOKEN_DECIMALS:
            raise NodeRefused("eth_call", None, f"the token at {self.address} has {found} decimals")
        return found

    def balance_of(self, account: str) -> int:
        return self._read("balanceOf(address)", ["address"], [account], "uint256")

    def allowance(self, owner: str, spender: str) -> int:
        return self._read("allowance(address,address)", ["address", "address"], [owner, spender], "uint256")

    def allow(self, owner: Signer, spender: str, amount: int) -> tuple[TransactionReceipt, ...]:
        """Lets a spender take at least an amount; sends nothing if it may already. Some tokens change an allowance only
        from zero, so that it is set to that first."""
        allowed = self.allowance(owner.address, spender)
        if allowed >= amount:
            return ()
        steps = (amount,) if allowed == 0 else (0, amount)
        return tuple(
            self._connection.send(
                owner,
                self.address,
                _selector("approve(address,uint256)") + encode(["address", "uint256"], [spender, step]),
            )
            for step in steps
        )

    def _read(self, signature: str, types: list[str], values: list[Any], answer: str) -> int:
        told = self._connection.call(self.address, _selector(signature) + encode(types, values))
        if len(told) < WORD:
            raise NodeRefused("eth_call", None, f"the token at {self.address} does not answer {signature}")
        try:
            (found,) = decode([answer], told)
        except DecodingError:
            raise NodeRefused("eth_call", None, f"the token at {self.address} answers {signature} wrongly") from None
        return int(found)


def _selector(signature: str) -> bytes:
    return bytes(keccak(text=signature)[:4])
