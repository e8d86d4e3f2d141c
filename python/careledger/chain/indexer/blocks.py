"""What a node says of blocks and of its chain, read from its answers, or refused as unfit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from careledger.chain.indexer.tables import BIGINT_BITS
from careledger.chain.rpc import Answer, Rpc, RpcError, quantity
from careledger.errors import NodeRefused

__all__ = [
    "Block",
    "Head",
    "Identity",
    "Unfit",
    "block_in",
    "bloom_bits",
    "bloom_in",
    "header_in",
    "identity_in",
    "read_blocks",
]

BLOOM_BITS = 2048
HASH_TEXT = 66


@dataclass(frozen=True, slots=True)
class Block:
    """A block's header; `time` in Unix seconds."""

    number: int
    hash: str
    parent_hash: str
    time: int


@dataclass(frozen=True, slots=True)
class Head:
    """A node's latest block, and the numbers of those that it says are safe and final, None if it cannot say."""

    latest: Block
    safe: int | None
    finalized: int | None


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells a chain from all others."""

    chain_id: int
    genesis_hash: str

    def __str__(self) -> str:
        return f"{self.chain_id} with block 0 {self.genesis_hash}"


class Unfit(Exception):
    """A node's answer cannot be used now: it contradicts itself or others, or is wrong."""


def identity_in(chain_id: Answer, genesis: Answer) -> Identity:
    if isinstance(chain_id, RpcError):
        raise NodeRefused("eth_chainId", chain_id.code, chain_id.message)
    block = header_in(genesis)
    if block is None:
        raise Unfit("it has no block 0")
    try:
        return Identity(quantity(chain_id), block.hash)
    except ValueError:
        raise Unfit("its answer to eth_chainId is no number") from None


def read_blocks(rpc: Rpc, numbers: Sequence[int]) -> list[Block | None]:
    """The headers of blocks; None for those that the node does not have. Raises NodeRefused, Unfit."""
    answers = rpc.batch([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
    found = [header_in(answer) for answer in answers]
    for number, block in zip(numbers, found, strict=True):
        if block is not None and block.number != number:
            raise Unfit(f"it gave block {block.number} for block {number}")
    return found


def header_in(answer: Answer) -> Block | None:
    if isinstance(answer, RpcError):
        raise NodeRefused("eth_getBlockByNumber", answer.code, answer.message)
    return block_in(answer)


def block_in(answer: Any) -> Block | None:
    """A block of an answer. Raises Unfit for what is none."""
    if answer is None:
        return None
    try:
        number, own_hash, parent = quantity(answer["number"]), answer["hash"].lower(), answer["parentHash"].lower()
        if len(own_hash) != HASH_TEXT or len(parent) != HASH_TEXT or not (own_hash + parent).isalnum():
            raise ValueError
        seconds = quantity(answer["timestamp"])
        if max(number, seconds) >= 1 << BIGINT_BITS:
            raise ValueError
        return Block(number, own_hash, parent, seconds)
    except (ValueError, TypeError, LookupError, AttributeError):
        raise Unfit("its answer to eth_getBlockByNumber is no block") from None


def bloom_in(answer: Any) -> int:
    """A block's bloom filter; 0 if it has none. Raises Unfit."""
    try:
        return quantity(answer.get("logsBloom") or "0x0")
    except ValueError:
        raise Unfit("its answer to eth_getBlockByNumber has no bloom filter") from None


def bloom_bits(value: str) -> int:
    """The bits of an address or topic in a block's bloom filter (Yellow Paper, 4.3.1)."""
    digest = keccak(hexstr=value)
    bits = 0
    for i in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[i : i + 2], "big") % BLOOM_BITS)
    return bits
