"""`careledger claim prepay`, `prepaid` and `refund`: a payer's money for its share of a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from careledger.authorization.claims import Claims
from careledger.chain.connection import TransactionReceipt
from careledger.chain.values import account_address
from careledger.cli.authorization.words import (
    LineNumber,
    PayerName,
    Provider,
    RequestId,
    money_of,
    named_payer,
    positive,
)
from careledger.cli.session import Answer, reads, writes
from careledger.client import CareLedger

__all__ = ["prepaid", "prepay", "refund"]


@dataclass(frozen=True, kw_only=True)
class PrepaidLine:
    """The line that a prepayment is for."""

    provider: Provider
    request: RequestId
    line: LineNumber
    payer: PayerName = ""


@writes
def prepay(
    ledger: CareLedger,
    of: PrepaidLine,
    amount: Annotated[str, typer.Argument(help="In the token's units, such as 25.00. It adds up with what is held.")],
) -> TransactionReceipt:
    """Have the insurer's vault hold the signer's money for the patient's share of a line.

    Approves the vault in the token first. A claim that names the signer as its payer uses it; what is left comes back
    by `claim refund`. Run again, it pays again: `claim prepaid` shows what is held.
    """
    asked = named_payer(ledger, of.payer)
    paid = positive(money_of(asked), amount)
    return Claims(asked).prepay(ledger.organizations.known(of.provider), of.request, of.line, paid)


@reads
def prepaid(
    ledger: CareLedger,
    of: PrepaidLine,
    account: Annotated[str, typer.Argument(help="Address of the account that prepaid.")],
) -> Answer:
    """Show what is held of an account's money for a line."""
    asked = named_payer(ledger, of.payer)
    named = account_address("account", account)
    held = Claims(asked).prepaid(ledger.organizations.known(of.provider), of.request, of.line, named)
    text = money_of(asked).text(held)
    body = {"account": named, "held": held, "amount": text}
    return Answer(body, lambda console: console.print(f"{text} of {named}'s are held", markup=False, soft_wrap=True))


@writes
def refund(ledger: CareLedger, of: PrepaidLine) -> TransactionReceipt:
    """Give back to the signer all that is held of its money for a line."""
    return Claims(named_payer(ledger, of.payer)).refund(ledger.organizations.known(of.provider), of.request, of.line)
