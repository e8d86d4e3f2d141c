"""A chain in this process, to fork, lengthen and falsify between any two calls of a batch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from careledger.chain.indexer.blocks import bloom_bits
from careledger.chain.rpc import Answer, Call, RpcError, quantity
from careledger.contract_events import KeyAdded
from careledger.errors import NodeRefused, NodeUnreachable

CONTRACT = "0x" + "11" * 20
CHAIN_ID = 77
FINAL_DEPTH = 64
BLOOM = bloom_bits(CONTRACT) | bloom_bits(KeyAdded.TOPIC)

Block = dict[str, Any]
Hook = Callable[[str, list[Any]], None]
Spoil = Callable[[str, list[Any], Answer], Answer]


class Chain:
    """Attributes: `blocks`, each a header as a node gives it with `logs`; `known`, also those of abandoned forks."""

    def __init__(self, name: str = "chain") -> None:
        self.known: dict[str, Block] = {}
        self.blocks: list[Block] = []
        self._name = name
        self.mine()

    @property
    def height(self) -> int:
        return len(self.blocks) - 1

    def mine(self, keys: int = 0, count: int = 1, fork: str = "", seconds: int = 1) -> None:
        """Adds blocks, each with so many KeyAdded."""
        for _ in range(count):
            number = len(self.blocks)
            parent = self.blocks[-1]["hash"] if self.blocks else "0x" + "00" * 32
            time = (quantity(self.blocks[-1]["timestamp"]) if self.blocks else 1_700_000_000) + seconds
            own = _hash(self._name, parent, number, keys, fork)
            block: Block = {"number": hex(number), "hash": own, "parentHash": parent, "timestamp": hex(time)}
            block["logsBloom"] = hex(BLOOM if keys else 0) if number else "0x0"
            # A bit of nobody's, so that an empty filter does not stand for a chain without filters.
            block["logsBloom"] = hex(quantity(block["logsBloom"]) | 1)
            block["logs"] = [self._log(block, index) for index in range(keys)]
            self.blocks.append(block)
            self.known[own] = block

    def back(self, depth: int) -> list[Block]:
        """Takes the last blocks away; gives them."""
        gone = self.blocks[-depth:]
        del self.blocks[-depth:]
        return gone

    def _log(self, block: Block, index: int) -> dict[str, Any]:
        key = _hash(block["hash"], index)[:42]
        return {
            "address": CONTRACT,
            "topics": [KeyAdded.TOPIC, "0x" + "ab" * 12 + "0" * 40, "0x" + "0" * 24 + key[2:]],
            "data": "0x",
            "blockHash": block["hash"],
            "blockNumber": block["number"],
            "blockTimestamp": block["timestamp"],
            "transactionHash": block["hash"],
            "transactionIndex": "0x0",
            "logIndex": hex(index),
            "removed": False,
        }


class ChainRpc:
    """A node of a chain. Attributes: `lag`, by how many blocks it is behind; `before`, called before each call; `spoil`
    changes answers; `asked`, the calls."""

    def __init__(self, chain: Chain, lag: int = 0, name: str = "node") -> None:
        self.chain = chain
        self.lag = lag
        self.name = name
        self.before: Hook | None = None
        self.spoil: Spoil | None = None
        self.is_down = False
        self.asked: list[tuple[str, list[Any]]] = []

    def batch(self, calls: Sequence[Call]) -> list[Answer]:
        if self.is_down:
            raise NodeUnreachable(self.name, "down")
        answers = []
        for method, params in calls:
            if self.before is not None:
                self.before(method, params)
            self.asked.append((method, params))
            answer = self._answer(method, params)
            answers.append(answer if self.spoil is None else self.spoil(method, params, answer))
        return answers

    def call(self, method: str, *parameters: Any) -> Any:
        (answer,) = self.batch([(method, list(parameters))])
        if isinstance(answer, RpcError):
            raise NodeRefused(method, answer.code, answer.message)
        return answer

    def _answer(self, method: str, params: list[Any]) -> Answer:
        blocks = self.chain.blocks[: len(self.chain.blocks) - self.lag]
        if method == "eth_chainId":
            return hex(CHAIN_ID)
        if method == "eth_getBlockByNumber":
            last = len(blocks) - 1
            tags = {"latest": last, "safe": max(0, last - 32), "finalized": max(0, last - FINAL_DEPTH)}
            number = tags[params[0]] if params[0] in tags else quantity(params[0])
            return _header(blocks[number]) if number <= last else None
        if method == "eth_getBlockByHash":
            return next((_header(block) for block in blocks if block["hash"] == params[0]), None)
        if method == "eth_getTransactionReceipt":
            found = next((block for block in blocks if block["hash"] == params[0]), None)
            return found and {"blockNumber": found["number"], "blockHash": found["hash"], "logs": found["logs"]}
        assert method == "eth_getLogs"
        query = params[0]
        if "blockHash" in query:  # as Anvil: of a block that it does not have there are none
            return next((block["logs"] for block in blocks if block["hash"] == query["blockHash"]), [])
        first, last = quantity(query["fromBlock"]), quantity(query["toBlock"])
        return [log for block in blocks[first : last + 1] for log in block["logs"]]


def _header(block: Block) -> Block:
    return {name: value for name, value in block.items() if name != "logs"}


def _hash(*parts: object) -> str:
    return "0x" + hashlib.sha256(repr(parts).encode()).hexdigest()
