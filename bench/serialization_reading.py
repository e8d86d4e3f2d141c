"""Verifying packs in hand, and locating a lot at a recall.

Peers, in the same run: a plain web3.py call of `verify` with all arguments at hand; the hashing of proofs by
`Web3.keccak`; and asking the chain where each container or unit is, instead of an index.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from careledger.chain.artifacts import artifact
from careledger.chain.database import Database
from careledger.chain.indexer.engine import Indexer
from careledger.chain.indexer.reader import Index
from careledger.chain.indexer.source import Source
from careledger.contract_enums import PackFinding, RecallClass, RecallReason
from careledger.identity.identifiers import to_padded
from careledger.serialization import barcodes
from careledger.serialization.custody import Custody
from careledger.serialization.deployment import LOTS
from careledger.serialization.identifiers import container_id, lot_id, lot_reference
from careledger.serialization.index import SerializationIndex
from careledger.serialization.index_entries import RecallReport
from careledger.serialization.lot_book_entries import ReceivedBundle
from careledger.serialization.lots import Lots
from careledger.serialization.published import supply_contracts
from careledger.serialization.stock import Stock
from careledger.serialization.types import LotTerms, Pack, Unit
from careledger.serialization.units import LotSecret, inner_hash, proof_root, unit_leaf
from eth_utils.crypto import keccak
from web3 import Web3

from bench.databases import sqlite
from bench.harness import Result, compare, interleave, seconds
from bench.serialization_stage import GTIN, PRODUCT, Market, Trader, market, serials, vault_in

__all__ = ["recall_location", "verifications"]

LOT_NUMBER = "L-0042"
SSCC = "003000100000000015"
PALLET = 2_000
PROOFS = 20_000


def verifications(units: int, count: int, rounds: int) -> list[Result]:
    """Of packs of one lot, from what was read off a pack to the contract's answer: by the maker, who has the whole lot,
    and by a pharmacy, which has what came with one pallet of 2,000."""
    with (
        market() as place,
        tempfile.TemporaryDirectory(prefix="careledger-bench-") as folder,
        vault_in(Path(folder)) as vault,
    ):
        (pharmacy,) = place.dispensers(1)
        maker_stock, pharmacy_stock = place.stock(place.maker, vault), place.stock(pharmacy, vault)
        lot = maker_stock.commission(PRODUCT, LOT_NUMBER, place.expiry_day, serials(units)).lot.id
        pallet = maker_stock.pack_range(lot, SSCC, PALLET).container.id
        _deliver(place, maker_stock, pharmacy_stock, pallet, pharmacy)
        in_hand = [_pack(place, number) for number in _spread(PALLET, count)]
        anywhere = [_pack(place, number) for number in _spread(units, count)]
        stated = [_stated(pharmacy_stock, pack) for pack in in_hand]
        plain = Web3(Web3.HTTPProvider(place.node.url)).eth.contract(
            address=Web3.to_checksum_address(maker_stock.supply.lots.address), abi=artifact(LOTS).abi
        )

        def by_stock(stock: Stock, packs: Sequence[barcodes.Pack]) -> Callable[[int], float]:
            def run() -> None:
                for pack in packs:
                    assert stock.verify(pack).answer.verified

            return lambda _: len(packs) / seconds(run)

        def one_call(_: int) -> float:
            def run() -> None:
                for pack in stated:
                    assert plain.functions.verify(pack.to_abi()).call()[0] == PackFinding.VERIFIED

            return len(stated) / seconds(run)

        units_in_hand = [
            (serial, pharmacy_stock.book.unit(lot, pack.index).salt, pack.index, pack.proof)
            for serial, pack in zip([pack.serial or "" for pack in in_hand], stated, strict=True)
        ]
        root, registry = maker_stock.lots.root(lot), maker_stock.supply.lots.address

        def proofs(check: Callable[..., bytes]) -> Callable[[int], float]:
            def run() -> None:
                for number in range(PROOFS):
                    serial, salt, index, proof = units_in_hand[number % len(units_in_hand)]
                    leaf = check(place.connection.chain_id, registry, lot, index, serial, salt, proof)
                    assert leaf == root

            return lambda _: PROOFS / seconds(run)

        rates = interleave(
            rounds,
            {
                "pharmacy": by_stock(pharmacy_stock, in_hand),
                "maker": by_stock(maker_stock, anywhere),
                "call": one_call,
                "proof": proofs(_by_careledger),
                "web3": proofs(_by_web3),
            },
        )
    peer = "one plain web3.py call of `verify`"
    return [
        compare(f"verify: what came with {PALLET:,}", rates["pharmacy"], "packs/s", peer, rates["call"]),
        compare(f"verify: a whole lot of {units:,}", rates["maker"], "packs/s", peer, rates["call"]),
        compare(f"verify: proof alone, lot of {units:,}", rates["proof"], "proofs/s", "by Web3.keccak", rates["web3"]),
    ]


def _deliver(place: Market, sender: Stock, receiver: Stock, container: str, to: Trader) -> None:
    """Ships and receives, and hands on what belongs to it."""
    sender.custody.ship(container, to.name, place.deadline)
    handed = sender.book.with_shipment([container])
    lots = tuple(lot.id for lot in handed.lots)
    bundle = ReceivedBundle("0x" + os.urandom(32).hex(), place.maker.id, 0, "", lots, (container,))
    receiver.book.take_over(handed, bundle, b"")
    receiver.custody.receive(container)


def _spread(units: int, count: int) -> list[int]:
    return [number * units // count for number in range(count)]


def _pack(place: Market, number: int) -> barcodes.Pack:
    return barcodes.Pack(GTIN, serial=f"SN{number:010}", lot=LOT_NUMBER, expires=place.expires)


def _stated(stock: Stock, pack: barcodes.Pack) -> Pack:
    """What `Stock.verify` asks the contract."""
    found = stock.find(pack)
    return Pack(
        product=to_padded(found.lot.product),
        maker=found.lot.maker,
        reference=found.lot.reference,
        expiry_day=found.lot.expiry_day,
        index=found.index,
        inner=stock.book.unit(found.lot.id, found.index).inner,
        proof=tuple(stock.book.proof(found.lot.id, found.index)),
        container=found.unit.container,
    )


def _by_careledger(
    chain_id: int, registry: str, lot: str, index: int, serial: str, salt: bytes, proof: Sequence[bytes]
) -> bytes:
    return proof_root(unit_leaf(chain_id, registry, lot, index, inner_hash(serial, salt)), index, proof)


UNIT_TAG = keccak(b"careledger.serialization.unit.v1")


def _by_web3(
    chain_id: int, registry: str, lot: str, index: int, serial: str, salt: bytes, proof: Sequence[bytes]
) -> bytes:
    """As tutorials have it."""
    inner = bytes(Web3.keccak(serial.encode().ljust(32, b"\0") + salt))
    address, lot_word = bytes.fromhex(registry[2:]).rjust(32, b"\0"), bytes.fromhex(lot[2:]).ljust(32, b"\0")
    head = UNIT_TAG + chain_id.to_bytes(32, "big") + address + lot_word
    node = bytes(Web3.keccak(head + index.to_bytes(32, "big") + inner))
    for level, sibling in enumerate(proof):
        node = bytes(Web3.keccak(sibling + node if index >> level & 1 else node + sibling))
    return node


def recall_location(units: int, holders: int, asked: int, rounds: int) -> list[Result]:
    """Who has what of a recalled lot, of which each holder has one container, from an index in SQLite; beside the
    chain, asked where each unit is, some of them for all, or, if somebody knows the containers, where each of these
    is."""
    with market() as place, sqlite() as url:
        lot, containers = _spread_lot(place, units, holders)
        addresses = [place.ledger.organizations.address, *supply_contracts(place.ledger, place.operator)]
        with Indexer(Database(url, durable=False), Source.open([place.node.url], addresses)) as indexer:
            indexing = seconds(indexer.sync)
        custody, share = Custody(place.supply(place.maker)), units // holders

        def report(_: int) -> float:
            found: list[RecallReport | None] = []

            def run() -> None:
                view = Index.open(url).at("latest")
                found.append(SerializationIndex(view, place.operator).recall_report(lot))

            taken = seconds(run)
            told = found[0]
            assert told is not None
            assert [holder.units for holder in told.holders] == [share] * holders
            return taken * 1000

        def by_unit(_: int) -> float:
            def run() -> None:
                for number in _spread(units, asked):
                    assert int(custody.find(Unit(lot, number, containers[number // share])).holder, 16)

            return seconds(run) * units / asked * 1000

        def by_container(_: int) -> float:
            def run() -> None:
                assert len({told.holder for each in containers if (told := custody.container(each))}) == holders

            return seconds(run) * 1000

        taken = interleave(rounds, {"report": report, "unit": by_unit, "container": by_container})
    name = f"recall: {units:,} units at {holders} holders"
    by_units, by_containers = f"each unit asked for, from {asked:,}", f"each of {holders} known containers asked for"
    return [
        compare(f"{name}: report", taken["report"], "ms", by_units, taken["unit"]),
        compare(f"{name}: report", taken["report"], "ms", by_containers, taken["container"]),
        compare(f"{name}: indexing the chain once", indexing * 1000, "ms", by_units, taken["unit"]),
    ]


def _spread_lot(place: Market, units: int, holders: int) -> tuple[str, list[str]]:
    """A recalled lot, and the container of each holder."""
    secret, depth, share = LotSecret(bytes(range(32))), (units - 1).bit_length(), units // holders
    supply = place.supply(place.maker)
    lots, custody = Lots(supply), Custody(supply)
    reference = lot_reference(PRODUCT, LOT_NUMBER, secret.lot_salt())
    lots.commission(reference, LotTerms(place.expiry_day, depth), keccak(text="where units are does not depend on it"))
    lot = lot_id(place.maker.name, reference)
    containers = []
    for number, holder in enumerate(place.dispensers(holders, "holder")):
        opening = keccak(text=f"container {number}")
        container = container_id(place.maker.name, opening)
        custody.pack_range(opening, lot, number * share, share)
        custody.ship(container, holder.name, place.deadline)
        Custody(place.supply(holder)).receive(container)
        containers.append(container)
    lots.recall(lot, RecallClass.CLASS_I, RecallReason.CONTAMINATION)
    return lot, containers
