"""An insurer's vault for Python: money in, limits, withdrawals, and what waits for money.

treasury = Treasury(ledger.acting_as(treasurer).payer("northwind-insurance"))
treasury.deposit(2_000_000)  # of the token's minor units
treasury.figures().free
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from careledger.authorization.claims import Claims, require_held
from careledger.authorization.payer import Payer
from careledger.chain.connection import TransactionReceipt
from careledger.chain.signers.signer import required
from careledger.chain.token import Token
from careledger.chain.values import account_address

__all__ = ["Figures", "Treasury", "Withdrawal"]


@dataclass(frozen=True)
class Withdrawal:
    """A withdrawal that waits until `ready_at` (Unix seconds)."""

    amount: int
    recipient: str
    ready_at: int


@dataclass(frozen=True)
class Figures:
    """An insurer's money, token minor units: `balance` is the token's, `available` the insurer's own of it, `free` what
    of that is not promised. `unfunded` are payments that wait, `waiting` of them. The rest is the treasurer's limits,
    what the rules credited today (UTC), and a withdrawal that waits."""

    token: str
    decimals: int
    balance: int
    available: int
    free: int
    unfunded: int
    waiting: int
    floor: int
    daily_cap: int
    credited_today: int
    withdrawal: Withdrawal | None


class Treasury:
    """Calls that change something need the treasurer as the signer, or whoever the method names. Every method raises
    ContractError with the contract's reason if it refuses, and ChainError if the chain could not be asked."""

    def __init__(self, payer: Payer) -> None:
        self._payer = payer
        self._vault = payer.vault
        self._claims = Claims(payer)
        self.token = Token(payer.vault.connection, payer.vault.read("token"))

    # ------------------------------------------------------------------ anyone

    def deposit(self, amount: int) -> TransactionReceipt:
        """Adds to the insurer's money, from the signer's account, which lets the vault take it first. What comes in is
        in the event `Deposited`: less for a token that takes a fee.

        Raises InvalidInput if the account has less.
        """
        signer = required(self._payer.signer)
        require_held(self.token, signer.address, amount)
        self.token.allow(signer, self._vault.address, amount)
        return self._vault.send(signer, "deposit", amount)

    def credit_unfunded(self, count: int) -> TransactionReceipt:
        """Credits at most so many payments that wait for money, in their order."""
        return self._claims.credit_unfunded(count)

    # ------------------------------------------------------------------ the treasurer

    def set_limits(
        self,
        floor: int | None = None,
        daily_cap: int | None = None,
        report: Callable[[str], None] = lambda _: None,
    ) -> TransactionReceipt:
        """Sets what is left in when withdrawing, and what the rules alone credit in a day; one that is not given stays
        as it is."""
        now_floor, now_cap, _ = self._vault.read("limits")
        chosen = (now_floor if floor is None else floor, now_cap if daily_cap is None else daily_cap)
        return self._perform("setLimits", *chosen, report=report)

    def request_withdrawal(
        self, recipient: str, amount: int, report: Callable[[str], None] = lambda _: None
    ) -> TransactionReceipt:
        """Asks for a withdrawal, which replaces one that waits; zero calls it off."""
        return self._perform("requestWithdrawal", account_address("recipient", recipient), amount, report=report)

    def withdraw(self, report: Callable[[str], None] = lambda _: None) -> TransactionReceipt:
        """Takes out what was asked for, when it is ready and free."""
        return self._perform("withdraw", report=report)

    # ------------------------------------------------------------------ reads

    def figures(self) -> Figures:
        """What is in the vault, promised, and free."""
        funds = self._claims.funds()
        waits = self._vault.read("withdrawal")
        return Figures(
            token=self.token.address,
            decimals=self.token.decimals(),
            balance=self.token.balance_of(self._vault.address),
            available=funds.available,
            free=funds.free,
            unfunded=funds.unfunded,
            waiting=funds.waiting,
            floor=funds.floor,
            daily_cap=funds.daily_cap,
            credited_today=funds.credited_today,
            withdrawal=Withdrawal(waits["amount"], waits["recipient"], waits["ready_at"]) if waits["amount"] else None,
        )

    def _perform(self, function: str, *arguments: Any, report: Callable[[str], None]) -> TransactionReceipt:
        return self._payer.governance.perform(self._vault, function, *arguments, report=report)
