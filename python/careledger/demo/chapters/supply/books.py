"""What each of three organizations has at home of the lot: a vault each, in a folder that does not stay unless asked.

The maker's book is made again in each run. What the others have came sealed, from the one before.
"""

from __future__ import annotations

import contextlib
from functools import cached_property
from pathlib import Path
from types import TracebackType

from eth_utils.crypto import keccak

from careledger.demo.cast import DISTRIBUTOR, MANUFACTURER, PHARMACY, Member
from careledger.demo.chapters.supply.goods import Goods
from careledger.demo.chapters.supply.operator import Operator
from careledger.serialization.bundle_keys import BundleKeys
from careledger.serialization.lot_book import LotBook
from careledger.serialization.lot_book_entries import Contents, HandedOn, ReceivedBundle, SupplyId, WholeTranche
from careledger.serialization.partial_tree import Tranche
from careledger.serialization.sealed_bundle import open_bundle, seal
from careledger.serialization.stock import Stock
from careledger.vault import ScryptCost, Vault

__all__ = ["PASSPHRASE", "Books", "create_vault", "vault_path"]

PASSPHRASE = "made up, for a vault that is gone in a minute"  # noqa: S105
COST = ScryptCost(2**10, 8, 1)


def vault_path(folder: Path, of: Member) -> Path:
    """Where an organization's vault lies."""
    return folder / f"{of.name}.vault"


def create_vault(path: Path) -> Vault:
    """A new vault, as weakly locked as made-up content deserves. Raises VaultError."""
    return Vault.create(path, PASSPHRASE, cost=COST)


class Books:
    """The stocks of the three. They read the chain when they are first asked for. A context manager."""

    def __init__(self, operator: Operator, folder: Path) -> None:
        self.goods = Goods(operator.stage.settings.lot_units)
        self._operator = operator
        self._folder = folder
        self._vaults: dict[Member, Vault] = {}
        self._opened = contextlib.ExitStack()

    def __enter__(self) -> Books:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    @cached_property
    def maker(self) -> Stock:
        """The manufacturer's: the lot with its secret and all serials, and what is on which pallet."""
        goods, stock = self.goods, self._stock(MANUFACTURER)
        supply_id = stock.book.supply_id
        tranche = Tranche(supply_id.chain_id, supply_id.registry, goods.lot.id, goods.lot.depth)
        self._keep(
            stock,
            HandedOn(
                lots=(goods.lot,),
                containers=tuple(goods.pallets),
                contents={
                    pallet.id: Contents((goods.pallet_range(number),)) for number, pallet in enumerate(goods.pallets)
                },
                cases={pallet.id: tuple(goods.case_ssccs(number)) for number, pallet in enumerate(goods.pallets)},
                tranches=(WholeTranche(tranche, goods.secret, tuple(enumerate(goods.serials))),),
            ),
        )
        return stock

    @cached_property
    def distributor(self) -> Stock:
        """The distributor's, once the lot stands: what came with the pallet, and how it names cases."""
        stock = self._stock(DISTRIBUTOR)
        self._hand_on(self.maker, MANUFACTURER, self.goods.pallets[0].id, stock, DISTRIBUTOR)
        self._keep(stock, HandedOn(lots=(), containers=tuple(self.goods.cases)))
        return stock

    @cached_property
    def pharmacy(self) -> Stock:
        """The pharmacy's, once its case was taken out: what came with it."""
        goods, stock = self.goods, self._stock(PHARMACY)
        self.distributor.book.move(goods.cases[0].id, [goods.case_range(0)])
        self._hand_on(self.distributor, DISTRIBUTOR, goods.cases[0].id, stock, PHARMACY)
        return stock

    def _stock(self, of: Member) -> Stock:
        supply = self._operator.acting_as(of.key(1))
        return Stock(supply, LotBook(self._vault(of), SupplyId.of(supply), of.organization))

    def _vault(self, of: Member) -> Vault:
        if of not in self._vaults:
            self._vaults[of] = self._opened.enter_context(create_vault(vault_path(self._folder, of)))
        return self._vaults[of]

    def _hand_on(self, giver: Stock, sender: Member, container: str, taker: Stock, receiver: Member) -> None:
        """Seals what belongs to a shipment, and opens it: all is held against the chain, and kept."""
        stage, keys = self._operator.stage, BundleKeys(self._vault(receiver), receiver.organization)
        card = keys.card(self._operator.supply, stage.actor(receiver.key(1)).signer)
        signer = stage.actor(sender.key(1)).signer
        bundle = seal(self._operator.supply, signer, card, giver.book.with_shipment([container]))
        open_bundle(bundle.dump(), self._operator.supply, taker.book, keys)

    def _keep(self, stock: Stock, found: HandedOn) -> None:
        """Keeps what an organization would have made itself, at random."""
        name = f"careledger demo book of {stock.book.organization}"
        containers = tuple(container.id for container in found.containers)
        lots = tuple(lot.id for lot in found.lots)
        origin = ReceivedBundle("0x" + keccak(text=name).hex(), stock.book.organization, 0, "", lots, containers)
        stock.book.take_over(found, origin, b"")
