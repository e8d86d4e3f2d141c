"""Traders with stock: each with a book of its own."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from careledger.identity import MemberRole
from careledger.serialization.lot_book import LotBook
from careledger.serialization.lot_book_entries import ReceivedBundle, SupplyId
from careledger.serialization.lots import Lots
from careledger.serialization.stock import EPOCH, Stock
from careledger.vault import ScryptCost, Vault
from identity.suite import DAY
from serialization.supply_stage import SupplyStage, Trader

__all__ = ["GTIN", "PRODUCT", "REASON", "Trade", "sscc", "trade_on"]

GTIN = "00300010000015"
PRODUCT = f"gtin:{GTIN}"
REASON = "0x" + 64 * "5"


@dataclass(frozen=True)
class Trade:
    """Who trades, each with a book of its own."""

    stage: SupplyStage
    vault: Vault
    maker: Trader
    wholesaler: Trader
    pharmacy: Trader
    stocks: dict[str, Stock]
    expiry: dt.date

    def stock(self, of: Trader) -> Stock:
        return self.stocks[of.name]

    def deliver(self, container: str, sender: Trader, receiver: Trader) -> None:
        """Ships, receives, and hands on what belongs to it."""
        given = self.stock(sender)
        identity = given.container(container)
        given.custody.ship(identity, receiver.name, self.stage.suite.soon + DAY)
        handed = given.book.with_shipment([identity])
        lots = tuple(lot.id for lot in handed.lots)
        bundle = ReceivedBundle("0x" + os.urandom(32).hex(), sender.id, 0, "", lots, (identity,))
        self.stock(receiver).book.take_over(handed, bundle, b"")
        self.stock(receiver).custody.receive(identity)


_ssccs = iter(range(1, 100_000))


def sscc() -> str:
    """One that no other test uses."""
    body = f"0030001{next(_ssccs):010}"
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return f"{body}{-weighted % 10}"


@contextmanager
def trade_on(stage: SupplyStage, folder: Path) -> Iterator[Trade]:
    """A maker, whose product is assigned, a wholesaler and a pharmacy."""
    roles = (MemberRole.MANUFACTURER, MemberRole.WHOLESALER, MemberRole.DISPENSER)
    traders = [stage.trader(role) for role in roles]
    Lots(stage.as_(stage.suite.registrar)).assign_product(PRODUCT, traders[0].name)
    with Vault.create(folder / "vault.db", "correct horse", cost=ScryptCost(2**10, 8, 1)) as vault:
        stocks = {}
        for each in traders:
            supply = stage.as_(each.key)
            stocks[each.name] = Stock(supply, LotBook(vault, SupplyId.of(supply), each.name))
        yield Trade(stage, vault, *traders, stocks, EPOCH + dt.timedelta(days=stage.suite.now // DAY + 700))
