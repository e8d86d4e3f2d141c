"""Gas for each unit of a lot on its way from its maker to patients: commissioned, packed in pallets of cases, shipped,
received, and 1 % of it dispensed in a row, 50 at once. No transaction uses over 2^24 gas: the node refuses it.

Peer, in the same run: a struct for each unit (`bench/peers/UnitBook.sol`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from careledger.serialization.identifiers import container_id
from careledger.serialization.stock import Stock
from eth_utils.crypto import keccak

from bench.harness import Result
from bench.peers.unit_structs import PUBLISHED_CREATION, PUBLISHED_HANDOVER, UnitGas, unit_gas
from bench.serialization_stage import PRODUCT, Market, market, serials, vault_in

__all__ = ["gas"]

PALLET, CASES = 2_000, 40
"""Units of a pallet, and equal cases of 50 in it."""

AT_ONCE = 50
PERCENT = 100
PALLETS_MEASURED = 50
DISPENSINGS_MEASURED = 40
"""Of a larger lot so many are measured, and their mean stands for all: pallets spread over the lot, and dispensings in
a row, of a whole pallet."""

PER = 1_000


@dataclass(frozen=True)
class LotGas:
    """Gas of all transactions for a lot; `pallets` and `dispensings` are how many there are, `measured` says how many
    of them were made."""

    units: int
    commission: float
    pack: float
    ship: float
    receive: float
    dispense: float
    pallets: int
    dispensings: int
    measured: str

    @property
    def total(self) -> float:
        return self.commission + self.pack + self.ship + self.receive + self.dispense


def gas(lots: Sequence[int], peer_units: int) -> list[Result]:
    """Each lot beside a struct for each unit, and the published peers."""
    with (
        market() as place,
        tempfile.TemporaryDirectory(prefix="careledger-bench-") as folder,
        vault_in(Path(folder)) as vault,
    ):
        (pharmacy,) = place.dispensers(1)
        stock, receiving = place.stock(place.maker, vault), place.stock(pharmacy, vault)
        found = [_of_lot(place, stock, receiving, units) for units in lots]
        peer = unit_gas(place.connection, place.maker.key, pharmacy.key, peer_units, PRODUCT, "L-0042")
    return [result for lot in found for result in _compared(lot, peer, peer_units)]


def _of_lot(place: Market, stock: Stock, receiving: Stock, units: int) -> LotGas:
    commissioned = stock.commission(PRODUCT, f"L-{units}", place.expiry_day, serials(units))
    lot, pallets = commissioned.lot.id, units // PALLET
    tried = min(pallets, PALLETS_MEASURED)
    chosen = [number * pallets // tried for number in range(tried)]
    packed, shipped, received = [], [], []
    containers = {}
    for number in chosen:
        reference = keccak(text=f"pallet {number} of {units}")
        containers[number] = container = container_id(place.maker.name, reference)
        packed.append(stock.custody.pack_range(reference, lot, number * PALLET, PALLET, CASES).gas_used)
        shipped.append(stock.custody.ship(container, receiving.book.organization, place.deadline).gas_used)
        received.append(receiving.custody.receive(container).gas_used)
    dispensings = units // PERCENT // AT_ONCE
    made = min(dispensings, DISPENSINGS_MEASURED)
    dispensed = []
    for first in range(0, made * AT_ONCE, AT_ONCE):
        indices = range(first, first + AT_ONCE)
        inners = [stock.book.unit(lot, index).inner for index in indices]
        proof = stock.book.multiproof(lot, indices)
        receipt = receiving.lots.dispense_many(lot, indices, inners, proof, containers[first // PALLET])
        dispensed.append(receipt.gas_used)
    return LotGas(
        units=units,
        commission=sum(receipt.gas_used for receipt in commissioned.receipts),
        pack=mean(packed) * pallets,
        ship=mean(shipped) * pallets,
        receive=mean(received) * pallets,
        dispense=mean(dispensed) * dispensings,
        pallets=pallets,
        dispensings=dispensings,
        measured=f"{len(chosen):,} of {pallets:,} pallets, {made:,} of {dispensings:,} dispensings measured",
    )


def _compared(lot: LotGas, peer: UnitGas, peer_units: int) -> list[Result]:
    name, struct = f"lot of {lot.units:,}", f"a struct per unit (mean of {peer_units})"
    whole = peer.create + peer.ship + peer.accept + peer.dispense / PERCENT

    def beside(step: str, ours: float, title: str, per_unit: float) -> Result:
        value = ours / lot.units * PER
        peer_value = per_unit * PER
        ratio = float(f"{value / peer_value:.3g}")
        return Result(f"{name}: {step}", round(value, 1), "gas/1,000 units", title, round(peer_value, 1), ratio)

    published = [
        (step, ours, f"published peers, the {which}", value)
        for step, ours, bounds in (
            ("commission", lot.commission, PUBLISHED_CREATION),
            ("ship and receive", lot.ship + lot.receive, PUBLISHED_HANDOVER),
        )
        for which, value in zip(("least", "most"), bounds, strict=True)
    ]
    return [
        beside("commission", lot.commission, f"{struct}: create", peer.create),
        beside(f"pack in {lot.pallets:,} pallets", lot.pack, f"{struct}: create", peer.create),
        beside(f"ship {lot.pallets:,} pallets", lot.ship, f"{struct}: ship", peer.ship),
        beside(f"receive {lot.pallets:,} pallets", lot.receive, f"{struct}: accept", peer.accept),
        beside(f"dispense 1 %, {AT_ONCE} at once", lot.dispense, f"{struct}: dispense", peer.dispense / PERCENT),
        beside(f"all of it ({lot.measured})", lot.total, f"{struct}: all of it", whole),
        *(beside(*each) for each in published),
    ]
