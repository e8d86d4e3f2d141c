"""Why a demo did not begin, or its gateways did not.

CareLedgerError
├── GatewayNotUp              a gateway that the demo started does not answer
├── InvalidInput
│   └── BudgetTooSmall        the demo would cost more than it may
└── ChainError
    └── TransactionsPending   what an earlier run sent is in no block yet
"""

from __future__ import annotations

from dataclasses import dataclass

from careledger.demo.ether import format_ether
from careledger.errors import CareLedgerError, ChainError, InvalidInput

__all__ = ["BudgetTooSmall", "GatewayNotUp", "TransactionsPending"]


@dataclass(eq=False)
class BudgetTooSmall(InvalidInput):
    """The demo would cost more than it may; nothing was sent. `value` is the budget in ether, `needed_wei` what it
    takes at the most."""

    needed_wei: int

    def __str__(self) -> str:
        needed = format_ether(self.needed_wei)
        return f"{self.name} {self.value}: the demo needs up to {needed} ETH at the present fee; nothing was sent"


@dataclass(eq=False)
class TransactionsPending(ChainError):
    """Transactions of an account were sent before and are in no block yet."""

    account: str
    count: int
    waited_seconds: int

    def __str__(self) -> str:
        return (
            f"{self.count} transactions of {self.account} are in no block after {self.waited_seconds} s; "
            "they may still be included: run again later"
        )


@dataclass(eq=False)
class GatewayNotUp(CareLedgerError):
    """A gateway that the demo started does not answer. `last_line` is the last that it said."""

    url: str
    last_line: str

    def __str__(self) -> str:
        return f"the gateway at {self.url} does not answer: {self.last_line}"
