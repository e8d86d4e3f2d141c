"""What a node's error about a transaction means.

Nodes give nearly all of them the code -32000, so that only the texts tell them apart. This is the one place that reads
them; a text that is not here means: try again later, and look at the chain meanwhile.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Any

from web3.exceptions import Web3RPCError

from careledger.chain.reverts import revert_data
from careledger.chain.rpc import RpcError

__all__ = ["Meaning", "lacks_method", "meaning", "reverted_with", "words"]

METHOD_CODES = {-32601, -32004}
"""JSON-RPC's and EIP-1474's codes for a method that a node does not have. Ganache gives that for a parse error."""

LONG_DATA = re.compile(r"(0x)?[0-9a-fA-F]{65,}")
"""Hexadecimal digits that are more than a hash."""
WORDS_CHARACTERS = 500
READ_CHARACTERS = 5_000

METHOD_TEXTS = ("does not exist", "not available", "not supported", "not found")


class Meaning(Enum):
    """What to do about an error of `eth_sendRawTransaction`, or of `eth_estimateGas`."""

    KNOWN = auto()
    """The node has these bytes."""
    NONCE_USED = auto()
    """A transaction with this nonce is in a block: these bytes or others."""
    UNDERPRICED = auto()
    """It, or what it is to replace, asks for higher fees."""
    NO_FUNDS = auto()
    REFUSED = auto()
    """No node of this chain will ever take these bytes."""
    LATER = auto()
    """Anything else: a full pool, a limit, a gap before the nonce, a text not known here."""


TEXTS: tuple[tuple[Meaning, tuple[str, ...]], ...] = (
    (Meaning.KNOWN, ("already known", "already imported", " known transaction", "alreadyknown", "already exists")),
    (
        Meaning.NONCE_USED,
        (
            "nonce too low",
            "nonce is too low",
            "oldnonce",
            "correct nonce",
            "invalid nonce",
            "nonce has already been used",
        ),
    ),
    (
        Meaning.UNDERPRICED,
        (
            *("underpriced", "less than block base fee", "lower than the block's base fee", "feetoolow", "fee too low"),
            *("gas price too low", "gas price below", "fee cap less than", "below configured minimum"),
        ),
    ),
    (Meaning.NO_FUNDS, ("insufficient funds", "insufficient balance", "enough funds", "insufficientfunds")),
    (
        Meaning.REFUSED,
        (
            *(
                "intrinsic gas",
                "initcode size",
                "init code size",
                "exceeds block gas limit",
                "exceeds the block gas limit",
            ),
            *("gas limit too high", "gas limit is too high", "exceeds maximum transaction gas", "gas limit exceeded"),
            *("transaction gas limit", "type not supported", "unsupported transaction type", "oversized data"),
            *("unknown transaction type", "transaction size limit", "txn size", "tx size"),
            *("greater than max gas", "gas required exceeds", "out of gas", "outofgas", "gas floor", "floor data gas"),
            *("less than intrinsic", "gas uint64 overflow"),
        ),
    ),
)
"""In the order of the search: the first text that is in the message, in lower case behind a space, decides."""


def meaning(error: RpcError) -> Meaning:
    text = f" {error.message.lower()}"
    for sort, texts in TEXTS:
        if any(part in text for part in texts):
            return sort
    return Meaning.LATER


def words(error: RpcError) -> str:
    """What a node said, for people: printable, short, and without data, which some nodes repeat."""
    text = LONG_DATA.sub("(data)", error.message[:READ_CHARACTERS])
    return "".join(letter if letter.isprintable() else " " for letter in text)[:WORDS_CHARACTERS].strip()


def reverted_with(error: RpcError) -> bytes | None:
    """The data of a contract's refusal; None if the error is none."""
    body: Any = {"error": {"code": error.code, "message": error.message, "data": error.data}}
    return revert_data(Web3RPCError(error.message, rpc_response=body))


def lacks_method(error: RpcError) -> bool:
    """Whether the node does not have the method that was asked."""
    text = error.message.lower()
    return error.code in METHOD_CODES or ("method" in text and any(part in text for part in METHOD_TEXTS))
