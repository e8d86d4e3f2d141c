"""What a demo tells while it runs, and what it ends with. Amounts are in wei, gas in units."""

from __future__ import annotations

from dataclasses import dataclass

from careledger.demo.funding import Funding
from careledger.demo.stage import Answer, Figures, StepRecord

__all__ = ["Audience", "ChainFacts", "ContractFacts", "Leftover", "Performance"]


class Audience:
    """Hears what happens while it happens. Does nothing itself."""

    def funding(self, funding: Funding) -> None:
        """What the demo will cost at the most, before anything is sent."""

    def steps(self, total: int) -> None:
        """How many steps there are, deployment and transfers to the actors included."""

    def step(self, record: StepRecord) -> None:
        """A step is done."""


@dataclass(frozen=True)
class ChainFacts:
    """The chain that the demo ran on."""

    chain_id: int
    where: str
    local: bool


@dataclass(frozen=True)
class ContractFacts:
    """A contract of the suite."""

    name: str
    address: str
    block: int
    transaction_hash: str | None


@dataclass(frozen=True)
class Leftover:
    """What an account has left."""

    account: str
    address: str
    balance_wei: int


@dataclass(frozen=True)
class Performance:
    """A demo that ran to its end. `notice` is what must be said of it, or None."""

    chain: ChainFacts
    notice: str | None
    funding: Funding
    contracts: tuple[ContractFacts, ...]
    steps: tuple[StepRecord, ...]
    answers: tuple[Answer, ...]
    tables: tuple[Figures, ...]
    leftovers: tuple[Leftover, ...]
    transactions_sent: int
    gas_used: int
    cost_wei: int
