"""A maker's gateway on a chain with a supply chain, and a pharmacy that receives and dispenses beside it."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from careledger.chain.development import Node, development_signer
from careledger.gateway.access import SCOPES
from careledger.serialization.barcodes import Pack
from careledger.serialization.lot_book import LotBook
from careledger.serialization.lot_book_entries import ReceivedBundle, SupplyId
from careledger.serialization.stock import Stock
from careledger.vault import Vault
from cli.supply_world import EXPIRY, MAKER, PASSPHRASE, PHARMACY, ROLES, WHOLESALER, set_up
from gateway_stage import SECONDS, Served, serve
from serialization.supply_stage import SupplyStage
from serialization.told_events import commissioning, document, master_data, pack_uri, packing, shipping
from serialization.trade_stage import GTIN, sscc

__all__ = ["Goods", "SupplyGateway", "supply_gateway", "supply_settings"]


@dataclass(frozen=True)
class Goods:
    """A lot that was told of, and the case that its packs are in."""

    number: str
    serials: list[str]
    case: str

    def code(self, index: int = 0, **changes: str) -> str:
        """The bracketed line on a pack."""
        values = {"serial": self.serials[index], "expiry": "500131", "lot": self.number, **changes}
        return f"(01){GTIN}(21){values['serial']}(17){values['expiry']}(10){values['lot']}"

    def begun(self) -> list[dict[str, Any]]:
        """Its commissioning and packing."""
        packs = [pack_uri(serial) for serial in self.serials]
        return [commissioning(dt.date.fromisoformat(EXPIRY), self.serials, self.number), packing(self.case, packs)]

    def told(self) -> list[dict[str, Any]]:
        """Shipped to the pharmacy, too."""
        return [*self.begun(), shipping(self.case, "maker", "pharmacy")]

    @classmethod
    def made_up(cls, count: int = 3) -> Goods:
        return cls(f"L-{os.urandom(3).hex()}", [f"Sn{os.urandom(5).hex()}z" for _ in range(count)], sscc())


@dataclass(frozen=True)
class SupplyGateway:
    served: Served
    stage: SupplyStage
    names: dict[str, str]
    folder: Path

    def call(self, method: str, path: str, scope: str | None, **options: Any) -> requests.Response:
        answer: requests.Response = self.served.call(method, path, scope, **options)
        return answer

    def post(self, content: bytes, **headers: str) -> requests.Response:
        """A document to capture; names of headers with `_` for `-`."""
        given = {"Content-Type": "application/ld+json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.call("POST", "/capture", "epcis.capture", data=content, headers=given)

    def capture(self, *events: dict[str, Any], **headers: str) -> dict[str, Any]:
        """What a capture came to."""
        answer = self.post(document(*events), **headers)
        assert answer.status_code == 202, answer.text
        return self.captured(answer.headers["Location"])

    def captured(self, location: str) -> dict[str, Any]:
        until = time.monotonic() + 90
        while True:
            found: dict[str, Any] = self.call("GET", location, "epcis.capture").json()
            if not found["running"]:
                return found
            assert time.monotonic() < until, found
            time.sleep(0.05)

    def made(self, count: int = 3) -> Goods:
        """A new lot, packed."""
        goods = Goods.made_up(count)
        assert self.capture(*goods.begun())["success"]
        return goods

    def verify(self, code: str) -> dict[str, Any]:
        answer = self.call("POST", "/units/verify", "units.read", json={"code": code})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def sent(self) -> int:
        """How many transactions the maker's key has sent."""
        return self.stage.connection.nonce(development_signer(ROLES[MAKER][0]).address)

    def receive(self, goods: Goods, dispensed: int) -> None:
        """The pharmacy receives a case that was shipped to it, and dispenses so many of its packs."""
        supply = self.stage.as_(development_signer(ROLES[PHARMACY][0]))
        with (
            Vault.open(self.folder / f"{MAKER}.db", PASSPHRASE) as makers,
            Vault.open(self.folder / f"{PHARMACY}.db", PASSPHRASE) as own,
        ):
            kept = LotBook(makers, SupplyId.of(supply), self.names[MAKER])
            stock = Stock(supply, LotBook(own, SupplyId.of(supply), self.names[PHARMACY]))
            (container,) = kept.containers_with(goods.case)
            handed = kept.with_shipment([container.id])
            lots = tuple(lot.id for lot in handed.lots)
            digest = "0x" + os.urandom(32).hex()
            stock.book.take_over(handed, ReceivedBundle(digest, kept.organization, 0, "", lots, (container.id,)), b"")
            stock.custody.receive(container.id)
            packs = [Pack(GTIN, serial, goods.number) for serial in goods.serials[:dispensed]]
            if packs:
                stock.dispense(packs)


@contextmanager
def supply_settings(folder: Path) -> Iterator[tuple[SupplyStage, dict[str, str], dict[str, Any]]]:
    """A supply chain, what its organizations are called, and the settings of the maker's gateway."""
    with Node() as node:
        stage, names = set_up(node, folder)
        known = {who: names[who] for who in (MAKER, WHOLESALER, PHARMACY)}
        (folder / "master.json").write_bytes(master_data(known))
        settings: dict[str, Any] = {
            "organization": names[MAKER],
            "rpc": stage.connection.url,
            "signer": f"development:{ROLES[MAKER][0]}",
            "vault": folder / f"{MAKER}.db",
            "passphrase": PASSPHRASE,
            "deployments": folder,
            "database": f"sqlite:///{folder / 'gateway.db'}",
            "confirmations": 1,
            "supply": stage.operator,
            "master_data": folder / "master.json",
            "wait_seconds": SECONDS,
        }
        yield stage, names, settings


@contextmanager
def supply_gateway(folder: Path) -> Iterator[SupplyGateway]:
    """With a client `ehr` of the maker's that may do everything, and `guest`, the pharmacy's."""
    with supply_settings(folder) as (stage, names, settings):
        clients: dict[str, tuple[str, Iterable[str]]] = {
            "ehr": (names[MAKER], SCOPES),
            "guest": (names[PHARMACY], SCOPES),
        }
        with serve(folder / "served", clients, **settings) as served:
            yield SupplyGateway(served, stage, names, folder)
