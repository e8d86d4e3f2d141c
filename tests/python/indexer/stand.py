"""What the tests of read models share: a suite on an Anvil on which random acts are played, the contracts' own answers,
and an index of it.

Acts go several to a block, many of them refused; time passes between blocks. What the contracts then say is a
dictionary question -> answer, which a read model has to equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol, TypeVar

from careledger.chain.contract import Contract
from careledger.chain.database import Database
from careledger.chain.development import Node
from careledger.chain.indexer.engine import Indexer
from careledger.chain.indexer.reader import Index
from careledger.chain.indexer.source import Source
from careledger.chain.rpc import HttpRpc, RpcError
from careledger.chain.signers.local import LocalSigner
from careledger.chain.values import decode_outputs
from eth_account import Account
from identity.suite import DAY, Suite
from postgres import postgres
from sqlalchemy import select

__all__ = [
    "Act",
    "Answers",
    "Question",
    "Stand",
    "check_answers",
    "contents",
    "index_by_parts",
    "indexer",
    "played",
    "reorganized",
]

GAS = 2_500_000
REORGANIZED_BLOCKS = 8
"""So many are played on a reorganized chain."""

Question = tuple[Any, ...]
"""A function's name and what it is asked about."""

Asked = tuple[Question, Contract, str, tuple[Any, ...]]
"""A question, and the call that answers it: contract, function, arguments."""


@dataclass(frozen=True)
class Act:
    """A transaction; `label` is what it is called in the count."""

    sender: str
    to: str
    data: bytes
    label: str
    gas: int = GAS


class Answers(Protocol):
    """What an index answers at a block."""

    def to(self, question: Question) -> Any: ...


class Stand:
    """A suite on an Anvil, and what is played on it. Attributes that tests read: `mined` and `refused`, acts by label;
    `topics` of the events that they led to; `opened`, the blocks of the opening."""

    ACTS_OF_A_BLOCK: Sequence[int] = (1, 2, 3, 6)
    PAUSES: Sequence[int] = (1, 1, 60, 3600, DAY // 2, DAY)
    """Seconds between blocks; each of these lists is drawn from."""
    NODE_OPTIONS: Sequence[str] = ()

    suite: Suite

    def __init__(self, node: Node, random: Random) -> None:
        self.node = node
        self.random = random
        self.connection = node.connect()
        self.rpc = HttpRpc(node.url)
        self.mined: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.topics: set[str] = set()
        self.first_block = 0
        self.opened = range(0)

    @property
    def contracts(self) -> list[str]:
        """Whose events count."""
        raise NotImplementedError

    @property
    def head(self) -> int:
        return int(self.rpc.call("eth_blockNumber"), 16)

    def time_of(self, block: int) -> int:
        return int(self.rpc.call("eth_getBlockByNumber", hex(block), False)["timestamp"], 16)

    def new_keys(self, count: int) -> list[LocalSigner]:
        """Keys with ether, of which the node takes transactions without a signature."""
        keys = [LocalSigner(Account.from_key(self.random.randbytes(32))) for _ in range(count)]
        for key in keys:
            calls = [("anvil_setBalance", [key.address, hex(10**20)]), ("anvil_impersonateAccount", [key.address])]
            self.rpc.batch(calls)
        return keys

    # ------------------------------------------------------------------ acts

    def open(self) -> None:
        """Plays the opening. From here on, blocks are mined by `mine`."""
        self.rpc.call("evm_setAutomine", False)
        self.first_block = self.head
        for seconds, act in self.opening():
            self.mine([act], seconds)
        assert not self.refused, self.refused
        self.opened = range(self.first_block + 1, self.head + 1)

    def opening(self) -> Iterator[tuple[int | None, Act]]:
        """What chance seldom brings about, with the seconds that pass before each act (None: any)."""
        raise NotImplementedError

    def play(self, blocks: int) -> None:
        """Mines blocks with some acts each."""
        for _ in range(blocks):
            self.mine([self.chance() for _ in range(self.random.choice(self.ACTS_OF_A_BLOCK))])

    def chance(self) -> Act:
        """A random act."""
        raise NotImplementedError

    def mine(self, acts: list[Act], seconds: int | None = None) -> None:
        """Mines a block of acts, some time after the one before."""
        if seconds is None:
            seconds = self.random.choice(self.PAUSES)
        calls = [
            ("eth_sendTransaction", [{"from": a.sender, "to": a.to, "data": "0x" + a.data.hex(), "gas": hex(a.gas)}])
            for a in acts
        ]
        answers = self.rpc.batch([*calls, ("evm_increaseTime", [seconds]), ("evm_mine", [])])
        for answer in answers:
            assert not isinstance(answer, RpcError), answer
        receipts = self.rpc.batch([("eth_getTransactionReceipt", [hash_]) for hash_ in answers[: len(acts)]])
        for act, receipt in zip(acts, receipts, strict=True):
            assert receipt is not None, act.label
            (self.mined if receipt["status"] == "0x1" else self.refused)[act.label] += 1
            self.topics.update(entry["topics"][0] for entry in receipt["logs"])

    # ------------------------------------------------------------------ what the contracts answer

    def answers(self, block: int) -> dict[Question, Any]:
        """What the contracts say at a block."""
        return self.ask(self.questions(), hex(block))

    def questions(self) -> Iterator[Asked]:
        """Everything that there is to ask."""
        raise NotImplementedError

    def ask(self, questions: Iterable[Asked], block: str) -> dict[Question, Any]:
        asked = list(questions)
        results = self.rpc.batch(
            [
                ("eth_call", [{"to": contract.address, "data": "0x" + contract.encode(function, *given).hex()}, block])
                for _, contract, function, given in asked
            ]
        )
        found: dict[Question, Any] = {}
        for (question, contract, function, _), result in zip(asked, results, strict=True):
            assert not isinstance(result, RpcError), (question, result)
            found[question] = decode_outputs(contract.artifact.function(function), bytes.fromhex(result[2:]))
        return found


S = TypeVar("S", bound=Stand)


@contextmanager
def played(kind: type[S], seed: int, blocks: int) -> Iterator[S]:
    """A stand of a kind with its opening and so many random blocks."""
    print(f"seed {seed}")
    with Node(options=tuple(kind.NODE_OPTIONS)) as node:
        stand = kind(node, Random(seed))
        stand.play(blocks)
        yield stand


# ---------------------------------------------------------------------- its index


@contextmanager
def indexer(url: str, stand: Stand) -> Iterator[Indexer]:
    source = Source.open([stand.node.url], stand.contracts)
    with Indexer(Database(url, durable=False), source, lag_patience_seconds=0) as engine:
        yield engine


@contextmanager
def index_by_parts(stand: Stand, folder: Path) -> Iterator[Index]:
    """What an indexer made of it that looked three times."""
    url = f"sqlite:///{folder / 'index.db'}"
    with indexer(url, stand) as engine:
        for part in (3, 2, 1):
            engine.sync(to=stand.head // part)
    with Index.open(url) as found:
        yield found


def check_answers(answers: Answers, truth: dict[Question, Any], about: str) -> int:
    """That an index says what the contracts say. Returns how many answers that were."""
    assert {question: answers.to(question) for question in truth} == truth, about
    return len(truth)


def reorganized(stand: Stand, url: str, folder: Path, depths: Sequence[int]) -> Iterator[Index]:
    """After each reorganization, which so many blocks were lost to, the index; it holds what a rebuild holds."""
    with indexer(url, stand) as engine:
        engine.sync()
        for depth in depths:
            stand.rpc.call("anvil_reorg", depth, [])
            stand.play(REORGANIZED_BLOCKS)
            assert engine.sync().reorganizations == 1
            with fresh_like(url, folder / f"rebuilt-{depth}.db") as rebuilt:
                with indexer(rebuilt, stand) as other:
                    other.sync()
                assert contents(url) == contents(rebuilt)
            with Index.open(url) as index:
                yield index


def contents(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of the read models and events."""
    with Index.open(url) as index, index._database.read() as connection:
        tables = [*index.schema.events.values(), *index.schema.entities.values()]
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for table in tables
        }


@contextmanager
def fresh_like(url: str, file: Path) -> Iterator[str]:
    """An empty database of the same kind as another."""
    if url.startswith("sqlite"):
        yield f"sqlite:///{file}"
        return
    with postgres() as fresh:
        yield fresh
