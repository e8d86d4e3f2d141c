"""The chain in batches of rows, from one or several nodes, none of which is trusted alone.

Far behind the head, logs come by ranges of blocks, as wide as the node allows: an error of any code or wording halves
the range. The last `near_blocks` come block by block, by hash, where a reorganization is possible: a node that lags
cannot answer for a block that it does not have. What is checked of every batch:

- the block before it is still the one that the index ends with, and the parent hashes link up;
- a range's last block is the same before and after its logs were given;
- every log is from a contract and a block that was asked for, in order, once, and of the block's hash;
- near the head, a block's bloom filter does not contradict its logs;
- another node, if there is one that answers, has the same hash for the last block.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from careledger.chain.indexer.blocks import (
    Block,
    Head,
    Identity,
    Unfit,
    block_in,
    bloom_bits,
    bloom_in,
    header_in,
    identity_in,
    read_blocks,
)
from careledger.chain.indexer.decoder import DECODERS, BadLogs, Log, decode_logs
from careledger.chain.indexer.metrics import Metrics
from careledger.chain.indexer.model import Row
from careledger.chain.rpc import Answer, Call, HttpRpc, Rpc, RpcError
from careledger.errors import ChainDisagrees, ChainError, ConfigurationError, NodeBusy, NodeRefused, NodeUnreachable
from careledger.logs import logger

__all__ = ["AnotherChain", "Batch", "Behind", "Reorganized", "Source"]

Result = TypeVar("Result")

FIRST_SPAN_BLOCKS = 8
MOST_SPAN_BLOCKS = 100_000
GROWTH = 4
LONG_DATA_DIGITS = 512
"""So many hex digits of a log's data count as one more log: an event of hundreds of values may make as many rows."""

CAUTIOUS_BATCHES = 16
"""After so many batches that went well, a range that was once refused is tried again."""

FIRST_PAUSE_SECONDS = 0.5
LAST_PAUSE_SECONDS = 60.0
ATTEMPTS = 40
"""How often a node is asked for a range before it is left alone: halving the widest one to a block takes 17."""

TOO_MANY_REQUESTS = 429
TOO_FAST = re.compile(
    r"rate.?limit|too many requests|(requests|units|queries) per (second|minute|day)|throughput|daily request|quota",
    re.IGNORECASE,
)
"""Errors of a call that ask for fewer requests, not for a narrower range."""

BUSY_BEFORE_HALVING = 4
"""So often a busy node is given time before its range is halved too."""

log = logger("indexer")


@dataclass(frozen=True, slots=True)
class Batch:
    """The events of the blocks `first` to `blocks[-1]`, in order. `blocks` are those whose headers were seen: all that
    are near the head, else the last alone."""

    first: int
    blocks: tuple[Block, ...]
    rows: list[Row]
    is_near: bool

    @property
    def last(self) -> Block:
        return self.blocks[-1]


class Reorganized(Exception):
    """The chain does not have the block that the index ends with."""


class Behind(Exception):
    """No node has the blocks that were asked for, of which one told before."""


class AnotherChain(Exception):
    """No node is of the chain expected."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(str(identity))
        self.identity = identity


class _Lags(Unfit):
    """A node does not have a block yet, or not any more."""


class _OtherChain(Unfit):
    """A node serves another chain than the one expected."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(f"it serves another chain: {identity}")
        self.identity = identity


class _Contradicted(Exception):
    """Two nodes have different blocks of one number. May pass: one of them follows a fork."""

    def __init__(self, number: int, names: str) -> None:
        super().__init__(f"block {number} has different hashes on {names}")
        self.number = number


@dataclass(eq=False)
class _Node:
    rpc: Rpc
    span: int = FIRST_SPAN_BLOCKS
    ceiling: int = MOST_SPAN_BLOCKS
    good_batches: int = 0
    busy: int = 0
    pause_seconds: float = field(default_factory=lambda: FIRST_PAUSE_SECONDS)
    ready_at: float = 0.0
    metrics: Metrics = field(default_factory=Metrics)

    @property
    def is_ready(self) -> bool:
        return self.ready_at <= time.monotonic()

    def failed(self, error: Exception) -> None:
        """Leaves the node alone for a while, longer each time."""
        pause = self.pause_seconds
        if isinstance(error, _Lags):
            pause = FIRST_PAUSE_SECONDS
        elif isinstance(error, NodeBusy) and error.retry_after_seconds is not None:
            pause = error.retry_after_seconds
        self.ready_at = time.monotonic() + pause
        self.pause_seconds = min(self.pause_seconds * 2, LAST_PAUSE_SECONDS)
        self.metrics.failed(self.rpc.name, _kind(error))
        log.warning("node.set_aside", node=self.rpc.name, seconds=pause, problem=str(error))

    def was_busy(self, asked: int) -> None:
        """The node asks for fewer requests. It may mean that there was too much in one."""
        self.busy += 1
        if self.busy % BUSY_BEFORE_HALVING == 0:
            self.halve(asked)

    def halve(self, asked: int) -> None:
        """The node did not give so many blocks at once."""
        self.span = max(1, asked // 2)
        self.ceiling = self.span
        self.good_batches = 0

    def adapt(self, asked: int, found: int, target: int) -> None:
        """The node gave so many logs for so many blocks."""
        self.busy = 0
        self.good_batches += 1
        if self.good_batches % CAUTIOUS_BATCHES == 0:
            self.ceiling = min(self.ceiling * 2, MOST_SPAN_BLOCKS)
        if found > target:
            self.span = max(1, asked * target // found)
        elif asked >= self.span:
            growth = min(GROWTH, target // found) if found else GROWTH
            self.span = max(1, min(self.span * max(1, growth), self.ceiling))


class Source:
    """The nodes, in order of preference, and the contracts whose events are wanted."""

    def __init__(
        self,
        nodes: Sequence[Rpc],
        contracts: Iterable[str],
        near_blocks: int = 64,
        batch_logs: int = 10_000,
        patience_seconds: float = 60,
    ) -> None:
        """`near_blocks`: how far below the head blocks are taken one by one. `batch_logs`: what a range should hold.
        `patience_seconds`: how long to wait for a node that answers before its error is raised.

        Raises ConfigurationError without a node or a contract."""
        self.contracts = tuple(sorted({address.lower() for address in contracts}))
        if not nodes or not self.contracts:
            raise ConfigurationError("the indexer", "names no node, or no contract whose events are wanted")
        self.interrupted = threading.Event()
        self._nodes = [_Node(rpc) for rpc in nodes]
        self._addresses = {address: address for address in self.contracts}
        self._near_blocks = max(1, near_blocks)
        self._batch_logs = batch_logs
        self.patience_seconds = patience_seconds
        self._address_blooms = [bloom_bits(address) for address in self.contracts]
        self._topic_blooms = [bloom_bits(topic) for topic in DECODERS]
        self._identity: Identity | None = None
        self._answered: _Node | None = None
        self._metrics = Metrics()

    @classmethod
    def open(cls, urls: Sequence[str], contracts: Iterable[str]) -> Source:
        """A source of the nodes at some HTTP URLs."""
        return cls([HttpRpc(url) for url in urls], contracts)

    @property
    def rpcs(self) -> list[Rpc]:
        return [node.rpc for node in self._nodes]

    @property
    def metrics(self) -> Metrics:
        return self._metrics

    @metrics.setter
    def metrics(self, metrics: Metrics) -> None:
        self._metrics = metrics
        for node in self._nodes:
            node.metrics = metrics

    def expect(self, identity: Identity | None) -> None:
        """From now on a node of another chain is left out; None for any chain."""
        self._identity = identity

    def identity(self) -> Identity:
        """The chain of the first node that answers. Raises ChainError."""
        return self._first(_identity_of)

    def head(self, at_least: int = 0) -> Head:
        """The head by the first node whose latest block has at least that number, else the highest head there is.

        Raises AnotherChain if no node is of the chain expected, ChainError if none answers.
        """
        heads: list[Head] = []
        for node in self._nodes:
            if not node.is_ready:
                continue
            try:
                head = self._head_of(node)
            except (ChainError, Unfit) as error:
                node.failed(error)
                continue
            if head.latest.number >= at_least:
                return head
            heads.append(head)
        return max(heads, key=lambda head: head.latest.number) if heads else self._first(self._head_of)

    def block(self, number: int) -> Block | None:
        """A block's header; None if no node has it. Raises ChainError."""
        return self.blocks([number])[0]

    def blocks(self, numbers: Sequence[int]) -> list[Block | None]:
        """The headers of several, the highest first, by a node that has that one, if any has it. Raises ChainError."""

        def attempt(node: _Node) -> list[Block | None]:
            found = read_blocks(node.rpc, numbers)
            if found[0] is None and any(self._has(other, numbers[0]) for other in self._others(node)):
                raise _Lags(f"it does not have block {numbers[0]}")
            return found

        return self._first(attempt)

    def ask(self, question: Callable[[Rpc], Result]) -> Result:
        """What a question gives at the first node that answers it. Raises ChainError."""
        return self._first(lambda node: question(node.rpc))

    def fetch(self, after: Block, to: int, head: int) -> Batch:
        """The next batch after a block, up to the block `to`; `head` is the chain's latest.

        Raises Reorganized if the chain does not have the block `after`, Behind if no node has the next ones,
        ChainDisagrees if nodes contradict each other, ChainError if none answers well.
        """
        far = head - self._near_blocks

        def attempt(node: _Node) -> Batch:
            try:
                if after.number < far:
                    return self._range(node, after, min(to, far))
                return self._one_by_one(node, after, to)
            except Reorganized:
                if self._is_known_elsewhere(node, after, to):
                    raise Unfit(f"it does not have block {after.number} of the chain that another node has") from None
                raise

        return self._first(attempt)

    # ------------------------------------------------------------------ which node

    def _first(self, action: Callable[[_Node], Result]) -> Result:
        """What the first usable node gives, tried again while there is patience."""
        deadline = time.monotonic() + self.patience_seconds
        errors: dict[str, Exception] = {}
        while True:
            for node in self._nodes:
                if not node.is_ready:
                    continue
                try:
                    result = action(node)
                except _Contradicted as error:  # nobody knows which of the nodes is wrong
                    errors[node.rpc.name] = error
                except (NodeUnreachable, NodeRefused, Unfit, BadLogs) as error:
                    errors[node.rpc.name] = error
                    node.failed(error)
                else:
                    node.pause_seconds = FIRST_PAUSE_SECONDS
                    if self._answered not in (None, node):
                        self._metrics.failed_over()
                    self._answered = node
                    return result
            if errors and all(isinstance(problem, _Lags) for problem in errors.values()):
                raise Behind
            if len(others := [problem for problem in errors.values() if isinstance(problem, _OtherChain)]) == len(
                self._nodes
            ):
                raise AnotherChain(others[0].identity)
            now = time.monotonic()
            if now > deadline or self.interrupted.is_set():
                break
            soonest = min(node.ready_at for node in self._nodes) - now
            self.interrupted.wait(min(max(soonest, FIRST_PAUSE_SECONDS / 2), deadline - now + 0.01))
        for problem in errors.values():
            if isinstance(problem, _Contradicted):
                raise ChainDisagrees(problem.number, str(problem)) from None
        for problem in errors.values():
            if isinstance(problem, ChainError):
                raise problem
        raise NodeUnreachable(", ".join(errors) or self._nodes[0].rpc.name, "; ".join(map(str, errors.values())))

    def _others(self, node: _Node) -> list[_Node]:
        return [other for other in self._nodes if other is not node and other.is_ready]

    def _has(self, node: _Node, number: int) -> bool:
        try:
            return read_blocks(node.rpc, [number])[0] is not None
        except (ChainError, Unfit) as error:
            node.failed(error)
            return False

    def _is_known_elsewhere(self, node: _Node, block: Block, to: int) -> bool:
        """Whether another node that is not behind has a block on its chain."""
        for other in self._others(node):
            try:
                found, later = read_blocks(other.rpc, [block.number, to])
            except (ChainError, Unfit) as error:
                other.failed(error)
                continue
            if found is not None and found.hash == block.hash and later is not None:
                return True
        return False

    def _confirm(self, node: _Node, block: Block) -> None:
        """Compares a block with the other nodes': one that agrees is enough, those that do not answer or lag do not
        count. Raises Unfit if most have another block, _Contradicted if it cannot be decided."""
        different: Counter[str] = Counter()
        for other in self._others(node):
            try:
                found = read_blocks(other.rpc, [block.number])[0]
            except (ChainError, Unfit) as error:
                other.failed(error)
                continue
            if found is None:
                continue
            if found.hash == block.hash:
                return
            different[found.hash] += 1
        if different and max(different.values()) > 1:
            raise Unfit(f"it has another block {block.number} than the other nodes")
        if different:
            raise _Contradicted(block.number, ", ".join(known.rpc.name for known in self._nodes))

    # ------------------------------------------------------------------ one node

    def _head_of(self, node: _Node) -> Head:
        tags = ("latest", "safe", "finalized")
        headers: list[Call] = [("eth_getBlockByNumber", [tag, False]) for tag in ("0x0", *tags)]
        chain_id, genesis, latest, *others = node.rpc.batch([("eth_chainId", []), *headers])
        identity = identity_in(chain_id, genesis)
        if self._identity not in (None, identity):
            raise _OtherChain(identity)
        block = header_in(latest)
        if block is None:
            raise Unfit("it has no latest block")
        safe, final = (None if isinstance(answer, RpcError) else block_in(answer) for answer in others)
        return Head(block, None if safe is None else safe.number, None if final is None else final.number)

    def _range(self, node: _Node, after: Block, limit: int) -> Batch:
        """The logs of as many blocks as the node gives at once."""
        first = after.number + 1
        before: Call = ("eth_getBlockByNumber", [hex(after.number), False])
        for _ in range(ATTEMPTS):
            last = min(after.number + node.span, limit)
            asked = last - after.number
            query = {"address": list(self.contracts), "fromBlock": hex(first), "toBlock": hex(last)}
            header: Call = ("eth_getBlockByNumber", [hex(last), False])
            try:
                # Between the two headers the chain has the range's last block: `before` is that block's ancestor.
                answers = node.rpc.batch([header, ("eth_getLogs", [query]), before, header])
            except NodeBusy:
                node.was_busy(asked)
                raise
            except NodeUnreachable:
                node.halve(asked)  # it may have been too much
                raise
            logs = answers[1]
            if isinstance(logs, RpcError):
                self._heed_rate(node, logs, asked)
                if asked == 1:
                    raise NodeRefused("eth_getLogs", logs.code, logs.message)
                node.halve(asked)
                continue
            block, start, again = (header_in(answers[i]) for i in (0, 2, 3))
            if start is not None and start.hash != after.hash:
                raise Reorganized
            if start is None or block is None or again is None:
                raise _Lags(f"it does not have block {last}")
            if block != again:
                continue
            rows = self._decoded(node, logs, first, block)
            if rows and not after.time <= rows[0].block_time <= rows[-1].block_time <= block.time:
                rows = self._decoded(node, logs, first, block, by_headers=True)
            self._confirm(node, block)
            node.adapt(asked, _weight(logs), self._batch_logs)
            return Batch(first, (block,), rows, is_near=False)
        raise Unfit(f"its chain changed each time that it was asked for the blocks after {after.number}")

    def _decoded(self, node: _Node, logs: Answer, first: int, last: Block, by_headers: bool = False) -> list[Row]:
        """The rows of a range's logs. `by_headers` asks for the headers of their blocks even if they name times: some
        nodes give times there that the blocks do not have."""
        if not isinstance(logs, list):
            raise Unfit("its answer to eth_getLogs is no list")
        hashes, times = {last.number: last.hash}, None
        if logs and (by_headers or not isinstance(logs[0], dict) or logs[0].get("blockTimestamp") is None):
            times = {}
            try:
                numbers = list(dict.fromkeys(int(entry["blockNumber"], 16) for entry in logs))
            except (ValueError, TypeError, LookupError):
                raise BadLogs("logs without block numbers") from None
            for number, block in zip(numbers, read_blocks(node.rpc, numbers), strict=True):
                if block is None:
                    raise _Lags(f"it does not have block {number}")
                hashes[number], times[number] = block.hash, block.time
        return decode_logs(logs, first, last.number, self._addresses, hashes, times)

    def _one_by_one(self, node: _Node, after: Block, to: int) -> Batch:
        """The logs of some blocks, each by its hash."""
        first, last = after.number + 1, min(after.number + min(node.span, self._near_blocks), to)
        asked = last - first + 1
        blocks: list[Block] = []
        blooms: list[int] = []
        previous = after
        for answer in node.rpc.batch([("eth_getBlockByNumber", [hex(n), False]) for n in range(first, last + 1)]):
            block = header_in(answer)
            if block is None:
                if previous is after and not self._still_has(node, after):
                    raise Reorganized
                raise _Lags(f"it does not have block {last}")
            if block.parent_hash != previous.hash:
                if previous is after:
                    raise Reorganized
                raise Unfit(f"its block {block.number} is not the child of its block {previous.number}")
            blocks.append(block)
            blooms.append(bloom_in(answer))
            previous = block
        logs: list[Log] = []
        for block, bloom, found in zip(blocks, blooms, self._logs_of(node, blocks, asked), strict=True):
            self._check_bloom(node, block, bloom, found)
            logs += found
        hashes = {block.number: block.hash for block in blocks}
        times = {block.number: block.time for block in blocks}
        rows = decode_logs(logs, first, last, self._addresses, hashes, times)
        self._confirm(node, blocks[-1])
        node.adapt(asked, len(logs), self._batch_logs)
        return Batch(first, tuple(blocks), rows, is_near=True)

    def _logs_of(self, node: _Node, blocks: Sequence[Block], asked: int) -> list[list[Log]]:
        calls = [self._logs_call(block) for block in blocks]
        try:
            answers = node.rpc.batch(calls)
        except NodeBusy:
            node.was_busy(asked)
            raise
        except NodeUnreachable:
            node.halve(asked)
            raise
        for answer in answers:
            if isinstance(answer, RpcError):
                self._heed_rate(node, answer, asked)
                node.halve(asked)
                raise NodeRefused("eth_getLogs", answer.code, answer.message)
            if not isinstance(answer, list):
                raise Unfit("its answer to eth_getLogs is no list")
        return answers

    def _heed_rate(self, node: _Node, error: RpcError, asked: int) -> None:
        """Raises NodeBusy for an error that asks for fewer requests."""
        if error.code == TOO_MANY_REQUESTS or TOO_FAST.search(error.message):
            node.was_busy(asked)
            raise NodeBusy(node.rpc.name, error.message)

    def _logs_call(self, block: Block) -> Call:
        return ("eth_getLogs", [{"address": list(self.contracts), "blockHash": block.hash}])

    def _still_has(self, node: _Node, block: Block) -> bool:
        """Whether a node that lacks the next block has this one: then it merely lags."""
        found = read_blocks(node.rpc, [block.number])[0]
        return found is None or found.hash == block.hash

    def _check_bloom(self, node: _Node, block: Block, bloom: int, logs: list[Log]) -> None:
        """Compares a block's bloom filter with its logs. A filter may say yes by chance, never no: where it says yes
        and there are no logs, they are asked for once more, from another node if there is one. A chain that leaves its
        filters empty has none. Raises Unfit."""
        if bloom == 0:
            return
        is_possible = any(bloom & bits == bits for bits in self._address_blooms)
        if logs and not is_possible:
            raise Unfit(f"its logs of block {block.number} contradict the block's bloom filter")
        if logs or not is_possible or not any(bloom & bits == bits for bits in self._topic_blooms):
            return
        for other in [*self._others(node), node]:
            try:
                # One that does not have the block, or not any more, may say that there is none.
                header: Call = ("eth_getBlockByHash", [block.hash, False])
                answer, holds = other.rpc.batch([self._logs_call(block), header])
            except ChainError as error:
                other.failed(error)
                continue
            if isinstance(answer, list) and isinstance(holds, dict):
                if answer:
                    raise Unfit(f"it gave no logs of block {block.number}, and there are")
                return
        raise _Lags(f"it does not have block {block.number} any more")


def _kind(error: Exception) -> str:
    kinds = (
        (NodeBusy, "busy"),
        (NodeUnreachable, "unreachable"),
        (NodeRefused, "refused"),
        (_Lags, "behind"),
        (_OtherChain, "foreign"),
    )
    return next((word for kind, word in kinds if isinstance(error, kind)), "unfit")


def _identity_of(node: _Node) -> Identity:
    chain_id, genesis = node.rpc.batch([("eth_chainId", []), ("eth_getBlockByNumber", ["0x0", False])])
    return identity_in(chain_id, genesis)


def _weight(logs: Sequence[Log]) -> int:
    """How many logs these are, long ones counted for more."""
    return len(logs) + sum(len(str(entry.get("data"))) // LONG_DATA_DIGITS for entry in logs)
