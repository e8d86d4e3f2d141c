"""`careledger order`: money that a buyer pays in, and that accepting the goods pays to the seller."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer
from eth_utils.crypto import keccak
from rich.console import Console

from careledger.anchoring.canonical_json import parse
from careledger.anchoring.leaf import new_salt
from careledger.authorization.amounts import Settlement
from careledger.chain.connection import TransactionReceipt
from careledger.chain.signers.signer import required
from careledger.chain.token import Token
from careledger.chain.values import account_address
from careledger.cli.authorization.words import id_on_chain, positive
from careledger.cli.documents.files import write_private
from careledger.cli.documents.words import parse_hash
from careledger.cli.output import table, to_plain
from careledger.cli.session import Answer, parse_time, progress_line, reads, signs, working, writes
from careledger.cli.supply.words import Names, SupplyName, named_supply, sent, spoken
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.errors import InvalidInput
from careledger.serialization.orders import Orders
from careledger.serialization.supply import SupplyChain

__all__ = ["app"]

app = typer.Typer(
    help="Payment on receipt: pay an order in, look at it, call it off, draw what was paid.", no_args_is_help=True
)

NUMBER = re.compile(r"[^/\x00]{1,200}")
REFERENCE_TAG = keccak(text="careledger.serialization.order-reference.v1")
NO_CURRENCY = "XXX"


def _order_id(text: str) -> str:
    return id_on_chain("order", text)


OrderId = Annotated[
    str, typer.Argument(metavar="ORDER", help="Id on the chain: 0x and 64 hex digits.", callback=_order_id)
]
TokenAddress = Annotated[str, typer.Option("--token", help="Address of the ERC-20 token.", show_default=False)]


@app.command("open")
@signs
def open_order(
    ledger: CareLedger,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The buyer's order number, which stays at home.")],
    seller: Annotated[str, typer.Option(help="The seller's registered name, or its id.", show_default=False)],
    token: TokenAddress,
    amount: Annotated[str, typer.Option(help="In the token's own unit: 1250.00.", show_default=False)],
    deadline: Annotated[
        str, typer.Option(help="Until when the seller ships: Unix seconds, or ISO 8601.", show_default=False)
    ],
    file: Annotated[
        Path | None, typer.Option(help="Where number and salt are kept.", show_default="NUMBER.order.json")
    ] = None,
    supply: SupplyName = "",
) -> Answer:
    """Order from a seller, and pay in. The seller ships against it, and accepting the goods pays.

    What is sent follows from the file, which is kept first: an order that stands is not opened twice.
    """
    with working("Ordering"):
        chain = named_supply(ledger, supply)
        orders = Orders(chain)
        minor = positive(_money(chain, token), amount)
        to, due = ledger.organizations.known(seller), parse_time(deadline, ledger.connection)
        required(ledger.signer)
        identity, receipt = orders.open(_reference(number, file), to, token, minor, due)
    body = {"order": identity, "seller": to, "amount": amount, "deadline": due}
    return sent("order open", [receipt], body, [f"order {identity}: tell it to {seller}"])


@app.command("show")
@reads
def show_order(ledger: CareLedger, order: OrderId, supply: SupplyName = "") -> Answer:
    """Show an order: who, how much, and how far it is. Exit code 9 if the chain knows none."""
    chain = named_supply(ledger, supply)
    found = Orders(chain).order(order)
    names = Names(ledger)
    if found is None:
        return Answer(None, lambda console: console.print("the chain knows no such order", style="bold red"), 9)
    money = _money(chain, found.token)
    paid = {"amount": money.text(found.amount), "paid": money.text(found.paid)}
    body = {"order": order, **to_plain(found), **paid}

    def render(console: Console) -> None:
        rows = [
            ("status", spoken(found.status) + (", received" if found.received else "")),
            ("buyer", names.of(found.buyer)),
            ("seller", names.of(found.seller)),
            ("amount", f"{money.text(found.amount)} of token {found.token}"),
            ("paid", money.text(found.paid)),
            ("deadline", time_text(found.deadline)),
            ("container", found.container if int(found.container, 16) else "none"),
        ]
        console.print(table(f"Order {order}", ("what", "value"), rows))

    return Answer(body, render)


@app.command("refund")
@writes
def refund(ledger: CareLedger, order: OrderId, supply: SupplyName = "") -> TransactionReceipt:
    """Call off an order that is not shipped: the seller at any time, the buyer past its deadline. Of one received in
    part, the seller leaves the rest to the buyer."""
    return Orders(named_supply(ledger, supply)).refund(order)


@app.command("concede")
@writes
def concede(ledger: CareLedger, order: OrderId, supply: SupplyName = "") -> TransactionReceipt:
    """Pay the seller the rest of an order received in part, as the buyer."""
    return Orders(named_supply(ledger, supply)).concede(order)


@app.command("credit")
@reads
def credit(
    ledger: CareLedger,
    organization: Annotated[str, typer.Argument(help="Registered name, or id.")],
    token: TokenAddress,
    supply: SupplyName = "",
) -> Answer:
    """Show what an organization can draw of a token."""
    chain = named_supply(ledger, supply)
    amount = Orders(chain).credit(ledger.organizations.known(organization), token)
    text = _money(chain, token).text(amount)
    return Answer({"credit": text}, lambda console: console.print(f"{text} can be drawn"))


@app.command("pay-out")
@writes
def pay_out(
    ledger: CareLedger,
    token: TokenAddress,
    to: Annotated[str, typer.Option(help="Address of the account that gets it.", show_default=False)],
    supply: SupplyName = "",
) -> TransactionReceipt:
    """Draw what the signer's organization has of a token, to an account."""
    return Orders(named_supply(ledger, supply)).pay_out(token, to)


# ---------------------------------------------------------------------- helpers


def _money(supply: SupplyChain, token: str) -> Settlement:
    return Settlement(NO_CURRENCY, Token(supply.connection, account_address("token", token)).decimals())


def _reference(number: str, file: Path | None) -> bytes:
    """The salted hash of an order's number, kept with its salt before anything is sent; the same for the same file."""
    if not NUMBER.fullmatch(number):
        raise InvalidInput("order number", number, "must be 1 to 200 characters without a slash")
    path = file or Path(f"{number}.order.json")
    if path.exists():
        try:
            content = path.read_bytes()
            parse(content)  # refuses what is nested too deep
            kept = json.loads(content)
            if kept["number"] == number:
                return bytes.fromhex(parse_hash("reference", kept["reference"])[2:])
        except (OSError, ValueError, LookupError, TypeError, InvalidInput):
            raise InvalidInput("order", str(path), "is there, and not what this command writes") from None
        raise InvalidInput("order", str(path), "is of another number: name another file by --file")
    salt = new_salt()
    reference = keccak(REFERENCE_TAG + keccak(text=number) + salt)
    body = {"version": 1, "number": number, "salt": "0x" + salt.hex(), "reference": "0x" + reference.hex()}
    write_private(path, json.dumps(body, indent=2).encode() + b"\n")
    progress_line(f"number and salt of the order: {path}; keep it")
    return reference
