"""What the demo costs at the most, who gets how much of it, and what goes back. Amounts are integers of wei."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from careledger.chain.connection import Connection, TransactionReceipt
from careledger.chain.deployment import Deployment, Plan
from careledger.chain.signers import Signer
from careledger.demo.cast import Cast
from careledger.demo.errors import BudgetTooSmall, TransactionsPending
from careledger.demo.ether import format_ether
from careledger.demo.stage import creation_gas
from careledger.errors import InsufficientFunds

__all__ = [
    "FUNDER",
    "FUNDING",
    "REFUND",
    "Funding",
    "FundingRow",
    "check",
    "deployment_gas",
    "fund",
    "plan_funding",
    "refund",
    "settle",
]

FUNDER = "funder"
"""Who deploys, is the suite's admin, and funds the actors."""

FUNDING = "funding"
REFUND = "refund"
"""The names under which transfers stand among the steps, beside the chapters'."""

TRANSFER_GAS = 21_000
MARGIN = (3, 2)
"""Times the fee cap of now, since fees rise while the demo runs."""

REFUND_MARGIN = (5, 4)
"""As MARGIN, for the one block until a refund is sent."""

SETTLE_TIMEOUT_SECONDS = 180
POLL_SECONDS = 0.5

SETTINGS_GAS = 50_000
GAS_PER_SETTING = 60_000
GAS_PER_LIST_ITEM = 28_000  # a function's role


@dataclass(frozen=True)
class FundingRow:
    """What one account still needs, what it has, and what it is sent. Gas in units."""

    account: str
    address: str
    gas: int
    needed_wei: int
    balance_wei: int
    to_send_wei: int


@dataclass(frozen=True)
class Funding:
    """The funder's own row comes first; `total_wei` is what the demo costs the funder at the most."""

    fee_cap_wei: int
    rows: tuple[FundingRow, ...]
    total_wei: int
    budget_wei: int | None

    @property
    def funder(self) -> FundingRow:
        return self.rows[0]

    @property
    def fee_limit_wei(self) -> int | None:
        """The most to pay for a unit of gas so that the funder keeps to the budget, beside what it sends the actors.

        None if there is no budget or the funder pays for nothing; actors spend no more than they are sent.
        """
        if self.budget_wei is None or self.funder.gas == 0:
            return None
        return (self.budget_wei - sum(row.to_send_wei for row in self.rows)) // self.funder.gas


def deployment_gas(plan: Plan, known: Deployment | None) -> int:
    """Units of gas, rather too many, that a plan's deployment takes beyond what a manifest says is there."""
    present = {} if known is None else known.contracts
    total = 0
    for step in plan.contracts:
        if step.name not in present:
            total += creation_gas(step.artifact)
    if known is None or not known.configured:
        placeholders = {step.name: plan.admin for step in plan.contracts}
        total += SETTINGS_GAS
        for setting in plan.settings(placeholders, 0):
            items = sum(len(argument) for argument in setting.arguments if isinstance(argument, list))
            total += GAS_PER_SETTING + GAS_PER_LIST_ITEM * items
    return total


def plan_funding(
    connection: Connection, cast: Cast, funder_gas: int, gas: Mapping[str, int], budget_wei: int | None
) -> Funding:
    """Who needs how much at the present fee. `gas` has the units that each actor still needs."""
    fee_cap = connection.fee_per_gas_wei()
    rows = []
    for name, units in gas.items():
        actor = cast.actor(name)
        needed = _with_margin(units * fee_cap)
        balance = connection.balance_wei(actor.address)
        rows.append(FundingRow(name, actor.address, units, needed, balance, max(0, needed - balance)))
    funder_gas += TRANSFER_GAS * sum(1 for row in rows if row.to_send_wei)
    needed = _with_margin(funder_gas * fee_cap)
    balance = connection.balance_wei(cast.funder.address)
    own = FundingRow(FUNDER, cast.funder.address, funder_gas, needed, balance, 0)
    return Funding(fee_cap, (own, *rows), needed + sum(row.to_send_wei for row in rows), budget_wei)


def check(funding: Funding) -> None:
    """Raises BudgetTooSmall or InsufficientFunds."""
    budget = funding.budget_wei
    if budget is not None and funding.total_wei > budget:
        raise BudgetTooSmall("--budget", format_ether(budget, 30), "is too small", funding.total_wei)
    if funding.total_wei > funding.funder.balance_wei:
        raise InsufficientFunds(funding.funder.address, funding.funder.balance_wei, funding.total_wei)


def fund(connection: Connection, cast: Cast, funding: Funding) -> list[tuple[FundingRow, TransactionReceipt]]:
    """Sends the actors what they lack, all at once, and waits."""
    rows = [row for row in funding.rows if row.to_send_wei]
    hashes = []
    nonce = connection.nonce(cast.funder.address)
    for offset, row in enumerate(rows):
        hashes.append(_transfer(connection, cast.funder, row.address, row.to_send_wei, nonce + offset))
    return [(row, connection.wait(sent)) for row, sent in zip(rows, hashes, strict=True)]


def refund(connection: Connection, cast: Cast, names: Iterable[str]) -> list[tuple[str, int, TransactionReceipt]]:
    """Sends back to the funder what actors have left, where it is more than sending it costs.

    Returns name, amount and receipt of each.
    """
    sent = []
    for name in names:
        actor = cast.actor(name)
        cost = TRANSFER_GAS * connection.fee_per_gas_wei() * REFUND_MARGIN[0] // REFUND_MARGIN[1]
        amount = connection.balance_wei(actor.address) - cost
        if amount > cost:
            nonce = connection.nonce(actor.address)
            sent.append((name, amount, _transfer(connection, actor.signer, cast.funder.address, amount, nonce)))
    return [(name, amount, connection.wait(transaction_hash)) for name, amount, transaction_hash in sent]


def settle(connection: Connection, addresses: Iterable[str]) -> None:
    """Waits until all that accounts have sent is in blocks, so that what the chain says of a step is what holds.

    Raises TransactionsPending when time is up.
    """
    started = time.monotonic()
    for address in addresses:
        while (waiting := connection.nonce(address, "pending") - connection.nonce(address, "latest")) > 0:
            if time.monotonic() - started > SETTLE_TIMEOUT_SECONDS:
                raise TransactionsPending(address, waiting, SETTLE_TIMEOUT_SECONDS)
            time.sleep(POLL_SECONDS)


def _transfer(connection: Connection, sender: Signer, to: str, amount_wei: int, nonce: int) -> str:
    transaction = connection.prepare(sender, to, value_wei=amount_wei, gas=TRANSFER_GAS)
    return connection.broadcast(sender.sign_transaction({**transaction, "nonce": nonce}))


def _with_margin(wei: int) -> int:
    return wei * MARGIN[0] // MARGIN[1]
