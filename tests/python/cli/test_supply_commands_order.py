"""`careledger order`: paid in before shipping, paid out on receipt."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from careledger.chain.artifacts import artifact
from careledger.chain.contract import Contract
from careledger.chain.development import development_signer
from careledger.chain.token import Token
from cli.supply_world import MAKER, ROLES, WHOLESALER, SupplyWorld
from serialization.trade_stage import sscc

MINTER = development_signer(7)


@pytest.fixture
def token(trade: SupplyWorld) -> str:
    """Of which the wholesaler has 1,000."""
    connection = trade.stage.connection
    address = connection.send(MINTER, None, artifact("StableToken").creation_code([])).contract_address
    assert address is not None
    decimals = Token(connection, address).decimals()
    buyer = development_signer(ROLES[WHOLESALER][0]).address
    Contract(connection, "StableToken", address).send(MINTER, "mint", buyer, 1_000 * 10**decimals)
    return address


def ordered(trade: SupplyWorld, token: str, amount: str = "250.00") -> tuple[str, Path]:
    """An order of the wholesaler's: its id, and its file."""
    number = f"PO-{os.urandom(4).hex()}"
    file = trade.folder / f"{number}.order.json"
    arguments = ("order", "open", number, "--seller", trade.names[MAKER], "--token", token)
    rest = ("--amount", amount, "--deadline", trade.deadline, "--file", file)
    return trade.ok(WHOLESALER, *arguments, *rest)["order"], file


def test_accepting_pays_the_seller(trade: SupplyWorld, token: str) -> None:
    order, file = ordered(trade, token)
    assert file.stat().st_mode & 0o777 == 0o600
    shown = trade.ok(MAKER, "order", "show", order)
    assert (shown["status"], shown["amount"], shown["paid"]) == ("OPEN", "250.00", "0.00")
    assert trade.names[WHOLESALER] in trade.shown(MAKER, "order", "show", order)
    carton = trade.carton(trade.lot(20))
    bundle = trade.ship(carton, MAKER, WHOLESALER, "--order", order)
    assert trade.ok(MAKER, "order", "show", order)["status"] == "SHIPPED"
    trade.ok(WHOLESALER, "receive", carton, "--bundle", bundle)
    assert trade.ok(MAKER, "order", "show", order)["status"] == "PAID"
    credit = ("order", "credit", trade.names[MAKER], "--token", token)
    assert trade.ok(MAKER, *credit) == {"credit": "250.00"}
    account = development_signer(2).address
    trade.ok(MAKER, "order", "pay-out", "--token", token, "--to", account)
    assert Token(trade.stage.connection, token).balance_of(account) > 0
    assert trade.ok(MAKER, *credit) == {"credit": "0.00"}


def test_what_is_received_in_part_is_paid_in_part(trade: SupplyWorld, token: str) -> None:
    order, _ = ordered(trade, token, "100")
    made = trade.lot(20)
    carton = trade.carton(made)
    bundle = trade.ship(carton, MAKER, WHOLESALER, "--order", order)
    arguments = ("--except", made.code(3), "--rejected-sscc", sscc(), "--share", "9000")
    trade.ok(WHOLESALER, "receive", carton, "--bundle", bundle, *arguments)
    assert trade.ok(MAKER, "order", "show", order)["paid"] == "90.00"
    trade.ok(WHOLESALER, "order", "concede", order)
    assert trade.ok(MAKER, "order", "credit", trade.names[MAKER], "--token", token) == {"credit": "100.00"}


def test_an_order_is_called_off_and_never_opened_twice(trade: SupplyWorld, token: str) -> None:
    order, file = ordered(trade, token)
    number = file.name.removesuffix(".order.json")
    arguments = ("--seller", trade.names[MAKER], "--token", token, "--amount", "250", "--deadline", trade.deadline)
    again = trade(WHOLESALER, "order", "open", number, *arguments, "--file", file)
    assert (again.exit_code, again.error["type"]) == (5, "PurchaseEscrowOrderExists")
    other = trade(WHOLESALER, "order", "open", "another", *arguments, "--file", file)
    assert (other.exit_code, "another number" in other.error["message"]) == (2, True)
    trade.ok(MAKER, "order", "refund", order)
    assert trade.ok(MAKER, "order", "show", order)["status"] == "REFUNDED"
    unknown = trade(MAKER, "order", "show", "0x" + 64 * "1")
    assert (unknown.exit_code, unknown.body) == (9, None)


@pytest.mark.parametrize(("amount", "deadline"), [("0", "now"), ("-1", "now"), ("5", "soon")])
def test_wrong_values_are_named(trade: SupplyWorld, token: str, amount: str, deadline: str) -> None:
    arguments = ("--seller", trade.names[MAKER], "--token", token, "--amount", amount, "--deadline", deadline)
    file = trade.folder / "x.order.json"
    assert trade(WHOLESALER, "order", "open", "X", *arguments, "--file", file).exit_code == 2
    assert not file.exists()
