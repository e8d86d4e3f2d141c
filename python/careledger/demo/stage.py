"""Where chapters play: the suite, the actors, and the record of what was done."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from eth_typing import HexAddress, HexStr
from web3.types import Nonce
from web3.utils.address import get_create_address

from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection, TransactionReceipt
from careledger.chain.deployment import Deployment
from careledger.client import CareLedger
from careledger.demo.cast import MEMBERS, Actor, Cast
from careledger.demo.settings import Settings
from careledger.errors import ContractError, UnknownOrganization
from careledger.identity import organization_id

__all__ = ["Answer", "Chapter", "Figures", "Rehearsal", "Stage", "Step", "StepRecord", "creation_gas"]


CREATION_GAS = 250_000  # 53,000 for a creation, 2,600 for a factory, the rest for what a constructor stores
GAS_PER_DEPLOYED_BYTE = 200  # the EVM's code deposit
GAS_PER_CREATION_BYTE = 17  # calldata, as if no byte were zero (EIP-2028), and EIP-3860
RESERVE = (6, 5)  # what a transaction sets aside beyond its estimate


@dataclass(frozen=True)
class StepRecord:
    """One step of the demo. A step that an earlier run did has no transaction, and cost nothing now."""

    chapter: str
    title: str
    actor: str
    done_before: bool
    transaction_hash: str | None = None
    gas_used: int = 0
    cost_wei: int = 0

    @classmethod
    def sent(cls, chapter: str, title: str, actor: str, receipt: TransactionReceipt) -> StepRecord:
        """A step that was done now, by one transaction."""
        return cls(chapter, title, actor, False, receipt.transaction_hash, receipt.gas_used, receipt.cost_wei)


@dataclass(frozen=True)
class Step:
    """What `Stage.step` was told."""

    title: str
    actor: str
    gas: int
    done: Callable[[], bool]
    act: Callable[[], TransactionReceipt]


@dataclass(frozen=True)
class Answer:
    """A question that the chain was asked. `reason` is why, where the answer is a refusal."""

    chapter: str
    name: str
    question: str
    answer: str
    reason: str | None = None


@dataclass(frozen=True)
class Figures:
    """A table that was made of what the chain says. `milliseconds` is how long that took: another in every run."""

    chapter: str
    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    milliseconds: int = field(compare=False)


class Stage:
    """What a chapter plays on.

    A chapter is played twice: first as a rehearsal, which adds up what its steps need, perhaps before the suite stands.
    It must therefore touch the chain only inside the functions that it hands to `step`, `answer` and `figures`.
    """

    def __init__(
        self,
        connection: Connection,
        deployment: Deployment | None,
        cast: Cast,
        report: Callable[[StepRecord], None] = lambda _: None,
        settings: Settings | None = None,
    ) -> None:
        """`deployment` is None only for a rehearsal before the suite stands."""
        self.connection = connection
        self.settings = settings or Settings()
        self.chapter = ""
        self.records: list[StepRecord] = []
        self.answers: list[Answer] = []
        self.tables: list[Figures] = []
        self._suite = None if deployment is None else CareLedger(connection, deployment)
        self._cast = cast
        self._report = report

    def actor(self, name: str) -> Actor:
        """The actor of a name; a name that was not used before makes a new one."""
        return self._cast.actor(name)

    @property
    def suite(self) -> CareLedger:
        """The suite, for reading."""
        if self._suite is None:
            raise RuntimeError(f"chapter {self.chapter} touches the suite outside what it hands to the stage")
        return self._suite

    def acting_as(self, name: str) -> CareLedger:
        """The suite with an actor as its signer."""
        return self.suite.acting_as(self.actor(name).signer)

    def step(
        self,
        title: str,
        *,
        actor: str,
        gas: int,
        done: Callable[[], bool],
        act: Callable[[], TransactionReceipt],
    ) -> None:
        """Does one thing, unless the chain says that it is done.

        `actor` pays for it and gets `gas` units for it beforehand: what the transaction uses, and a fifth more. `done`
        asks the chain; `act` sends one transaction. Raises what they raise.
        """
        self.take(Step(title, actor, gas, done, act))

    def take(self, step: Step) -> None:
        """Does a step that is not done."""
        if step.done():
            self.record(StepRecord(self.chapter, step.title, step.actor, done_before=True))
        else:
            self.record(StepRecord.sent(self.chapter, step.title, step.actor, step.act()))

    def answer(self, name: str, question: str, read: Callable[[], str]) -> None:
        """Asks the chain. A contract's refusal is an answer too: `no`, with the reason; so is `unknown`.

        Raises ChainError if the chain could not be asked: that is no answer.
        """
        reason = None
        try:
            text = read()
        except UnknownOrganization as error:
            text, reason = "unknown", str(error)
        except ContractError as error:
            text, reason = "no", f"{type(error).__name__}: {error.SUMMARY}"
        self.answers.append(Answer(self.chapter, name, question, text, reason))

    def figures(
        self, name: str, title: str, columns: Sequence[str], read: Callable[[], Iterable[Sequence[str]]]
    ) -> None:
        """Makes a table, whose rows `read` asks the chain for. Raises what it raises."""
        started = time.monotonic_ns()
        rows = tuple(tuple(row) for row in read())
        milliseconds = (time.monotonic_ns() - started) // 10**6
        self.tables.append(Figures(self.chapter, name, title, tuple(columns), rows, milliseconds))

    def record(self, record: StepRecord) -> None:
        """Keeps what happened, and reports it."""
        self.records.append(record)
        self._report(record)

    def contract_created_by(self, actor: str, artifact_name: str) -> str | None:
        """The address of the first contract of a kind that an actor created by a plain creation, or None."""
        creator = self.actor(actor).address
        for nonce in range(self.connection.nonce(creator, "latest")):
            address = str(get_create_address(HexAddress(HexStr(creator)), Nonce(nonce)))
            if artifact(artifact_name).matches(self.connection.code(address)):
                return address
        return None

    def name_of(self, organization: str) -> str:
        """The registered name of a member's id; other ids stay as they are."""
        names = {organization_id(member.organization): member.organization for member in MEMBERS}
        return names.get(organization, organization)


class Rehearsal(Stage):
    """Adds up what is still to do, and sends nothing.

    The first step that is not done, and all after it, count as to do: they come in that order. `deployment` is None as
    long as the suite does not stand; then all is to do.
    """

    def __init__(
        self, connection: Connection, deployment: Deployment | None, cast: Cast, settings: Settings | None = None
    ) -> None:
        super().__init__(connection, deployment, cast, settings=settings)
        self.gas: Counter[str] = Counter()
        """Units of gas that each actor still needs; every actor that pays for a step is here, also with 0."""
        self.planned: list[Step] = []
        self._reached = deployment is None

    def take(self, step: Step) -> None:
        self.planned.append(step)
        self._reached = self._reached or not step.done()
        self.gas[step.actor] += step.gas if self._reached else 0

    def answer(self, name: str, question: str, read: Callable[[], str]) -> None:
        pass

    def figures(
        self, name: str, title: str, columns: Sequence[str], read: Callable[[], Iterable[Sequence[str]]]
    ) -> None:
        pass


@dataclass(frozen=True)
class Chapter:
    """One domain's part of the demo: `play` is a list of steps, each idempotent, and of questions and tables.

    The actors it needs, and the gas of each, are those of its steps.
    """

    name: str
    title: str
    play: Callable[[Stage], None]


def creation_gas(artifact_name: str) -> int:
    """Units of gas for a step that deploys a contract, by its size."""
    code = artifact(artifact_name)
    needed = CREATION_GAS + GAS_PER_DEPLOYED_BYTE * len(code.runtime) + GAS_PER_CREATION_BYTE * len(code.bytecode)
    return needed * RESERVE[0] // RESERVE[1]
