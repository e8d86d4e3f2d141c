"""Goods by product, lot number, serial and SSCC: what is kept at home and what the chain says go together."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from careledger.contract_enums import LotKind, PackFinding, RecallClass, RecallReason, UnitStatus
from careledger.contract_errors import CustodyContainerExists, LotRegistryForbiddenTransition
from careledger.contract_events import LotOpened
from careledger.errors import InvalidInput, NotInBook
from careledger.identity import MemberRole
from careledger.serialization import barcodes
from careledger.serialization.lot_book import LotBook
from careledger.serialization.lot_book_entries import SupplyId
from careledger.serialization.lots import Lots
from careledger.serialization.stock import Stock, day_of
from identity.suite import DAY, travel
from serialization.supply_stage import SupplyStage
from serialization.trade_stage import GTIN, PRODUCT, REASON, Trade, sscc, trade_on


@pytest.fixture(scope="module")
def trade(supply_on_anvil: SupplyStage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trade]:
    with trade_on(supply_on_anvil, tmp_path_factory.mktemp("trade")) as made:
        yield made


def made(trade: Trade, count: int = 40, **changes: Any) -> tuple[str, str, list[str]]:
    """A commissioned lot: its id, number, and serials."""
    number, serials = f"L-{os.urandom(3).hex()}", [f"SN{index:04}x" for index in range(count)]
    lot = trade.stock(trade.maker).commission(PRODUCT, number, day_of(trade.expiry), serials, **changes).lot
    return lot.id, number, serials


def scan(trade: Trade, number: str, serial: str, **changes: Any) -> barcodes.Pack:
    return replace(barcodes.Pack(GTIN, serial, number, trade.expiry), **changes)


def test_a_pack_is_verified_and_dispensed_with_only_what_came_with_its_shipment(trade: Trade) -> None:
    lot, number, serials = made(trade)
    pallet, cases = sscc(), [sscc() for _ in range(4)]
    trade.stock(trade.maker).pack_range(lot, pallet, 40, case_ssccs=cases)
    trade.deliver(pallet, trade.maker, trade.wholesaler)
    wholesaler, pharmacy = trade.stock(trade.wholesaler), trade.stock(trade.pharmacy)
    (case,) = wholesaler.unpack_cases(pallet, [2]).containers
    assert case.sscc == cases[2]
    trade.deliver(case.sscc, trade.wholesaler, trade.pharmacy)
    pack = scan(trade, number, serials[25])
    verified = pharmacy.verify(pack)
    assert (verified.answer.finding, verified.answer.holder) == (PackFinding.VERIFIED, trade.pharmacy.id)
    assert (verified.found.index, verified.found.container) == (25, case.id)
    with pytest.raises(NotInBook, match=serials[5]):
        pharmacy.verify(scan(trade, number, serials[5]))
    (receipt,) = pharmacy.dispense([pack])
    assert receipt.events
    (many,) = pharmacy.dispense([scan(trade, number, serials[index]) for index in (29, 20, 21)])
    assert many.events
    assert [pharmacy.lots.unit(lot, index).status for index in (20, 21, 22, 25, 29)] == [
        UnitStatus.DISPENSED,
        UnitStatus.DISPENSED,
        UnitStatus.IN_SUPPLY,
        UnitStatus.DISPENSED,
        UnitStatus.DISPENSED,
    ]
    with pytest.raises(LotRegistryForbiddenTransition):
        pharmacy.dispense([pack])


def test_a_dispensing_is_undone(trade: Trade) -> None:
    lot, number, serials = made(trade)
    carton = sscc()
    trade.stock(trade.maker).pack_range(lot, carton, 10)
    trade.deliver(carton, trade.maker, trade.pharmacy)
    travel(trade.stage.connection, DAY)
    pharmacy, pack = trade.stock(trade.pharmacy), scan(trade, number, serials[3])
    pharmacy.dispense([pack])
    pharmacy.undo_dispense(pack)
    assert pharmacy.verify(pack).answer.verified


def test_packs_of_several_containers_go_each_in_a_transaction(trade: Trade) -> None:
    lot, number, serials = made(trade, depth=4)
    assert trade.stock(trade.maker).lots.lot(lot).tranches == 3  # type: ignore[union-attr]
    cartons = [sscc(), sscc()]
    for carton in cartons:
        trade.stock(trade.maker).pack_range(lot, carton, 20)
        trade.deliver(carton, trade.maker, trade.pharmacy)
    pharmacy = trade.stock(trade.pharmacy)
    chosen = (0, 1, 17, 25, 33, 34)
    receipts = pharmacy.dispense([scan(trade, number, serials[index]) for index in chosen])
    assert len(receipts) == 4
    assert all(pharmacy.lots.unit(lot, index).status is UnitStatus.DISPENSED for index in chosen)


def test_single_packs_are_packed_with_others(trade: Trade) -> None:
    lot, number, serials = made(trade)
    maker, carton, other, tote = trade.stock(trade.maker), sscc(), sscc(), sscc()
    maker.pack_range(lot, carton, 10)
    maker.pack_range(lot, other, 10)
    loose = scan(trade, number, serials[12])
    maker.unpack_packs([loose])
    assert maker.find(loose).container is None
    packed = maker.pack(tote, [carton], [loose]).container
    assert maker.find(loose).container == packed.id
    again = maker.pack(tote, [carton], [loose])
    assert (again.container, again.receipt) == (packed, None)
    trade.deliver(tote, trade.maker, trade.pharmacy)
    pharmacy = trade.stock(trade.pharmacy)
    assert pharmacy.verify(loose).answer.verified
    inside = scan(trade, number, serials[4])
    assert pharmacy.verify(inside).answer.verified
    pharmacy.unpack(tote, [carton])
    assert pharmacy.book.parent_of(pharmacy.container(carton)) is None
    pharmacy.dispense([inside, loose])


def test_the_same_again_sends_nothing(trade: Trade) -> None:
    lot, number, serials = made(trade)
    maker, carton = trade.stock(trade.maker), sscc()
    again = maker.commission(PRODUCT, number, day_of(trade.expiry), serials)
    assert (again.lot.id, again.receipts) == (lot, ())
    first = maker.pack_range(lot, carton, 10)
    assert first.receipt is not None
    second = maker.pack_range(lot, carton, 10)
    assert (second.container, second.receipt) == (first.container, None)
    with pytest.raises(CustodyContainerExists):
        maker.pack_range(lot, carton, 11)
    standing = maker.lots.lot(lot)
    assert standing is not None
    assert standing.packed == 10


def test_what_the_chain_refuses_is_not_kept_as_done(trade: Trade) -> None:
    lot, number, serials = made(trade)
    maker, carton = trade.stock(trade.maker), sscc()
    maker.pack_range(lot, carton, 10)
    with pytest.raises(InvalidInput, match="commission it first"):
        maker.pack_range("0x" + 24 * "7", sscc(), 10)
    trade.deliver(carton, trade.maker, trade.pharmacy)
    with pytest.raises(Exception, match="CustodyNotTheHolder"):
        maker.unpack_packs([scan(trade, number, serials[1])])
    assert maker.find(scan(trade, number, serials[1])).container == maker.container(carton)


def test_suspects_and_ends(trade: Trade) -> None:
    lot, number, serials = made(trade)
    maker, carton = trade.stock(trade.maker), sscc()
    maker.pack_range(lot, carton, 20)
    packs = [scan(trade, number, serials[index]) for index in (1, 2, 30)]
    maker.suspect(packs[0], REASON)
    assert maker.verify(packs[0]).answer.finding is PackFinding.SUSPECT
    receipts = maker.end(packs[1:], UnitStatus.DESTROYED, REASON)
    assert len(receipts) == 2
    assert [maker.verify(pack).answer.finding for pack in packs[1:]] == [PackFinding.DESTROYED] * 2


def test_a_recall_tells_which_lot_it_is(trade: Trade) -> None:
    lot, number, serials = made(trade)
    maker, carton = trade.stock(trade.maker), sscc()
    maker.pack_range(lot, carton, 10)
    recalled, opened = maker.recall(lot, RecallClass.CLASS_I, RecallReason.CONTAMINATION)
    assert recalled.events
    assert bytes.fromhex(opened.event(LotOpened).lot_number[2:]).rstrip(b"\0").decode() == number
    assert maker.verify(scan(trade, number, serials[1])).answer.finding is PackFinding.RECALLED


def test_another_expiry_than_the_lot_s_is_no_match(trade: Trade) -> None:
    lot, number, serials = made(trade)
    maker, carton = trade.stock(trade.maker), sscc()
    maker.pack_range(lot, carton, 10)
    late = scan(trade, number, serials[0], expires=trade.expiry + dt.timedelta(days=1))
    assert maker.verify(late).answer.finding is PackFinding.NO_MATCH_EXPIRY
    without = scan(trade, number, serials[0], expires=None)
    assert maker.verify(without).answer.verified


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"serial": "sn0001X"}, "SN0001x"), ({"serial": None}, "serial")],
)
def test_a_code_that_is_not_the_pack_s_is_told_why(trade: Trade, changes: dict[str, Any], named: str) -> None:
    _, number, serials = made(trade)
    with pytest.raises(InvalidInput, match=named):
        trade.stock(trade.maker).find(replace(scan(trade, number, serials[1]), **changes))


def test_a_lot_number_in_another_case_is_told(trade: Trade) -> None:
    _, number, serials = made(trade)
    with pytest.raises(InvalidInput, match="caps lock"):
        trade.stock(trade.maker).find(scan(trade, number.swapcase(), serials[1]))
    with pytest.raises(NotInBook, match="L-unknown"):
        trade.stock(trade.maker).find(scan(trade, "L-unknown", serials[1]))


@pytest.mark.parametrize(
    ("serials", "named"), [([], "none"), (["A", "B", "A"], "A"), (["A", "x" * 21], "21 characters")]
)
def test_wrong_serials_are_refused_before_anything_is_sent(trade: Trade, serials: list[str], named: str) -> None:
    sent = trade.stage.connection.nonce(trade.maker.key.address)
    with pytest.raises(InvalidInput, match=named):
        trade.stock(trade.maker).commission(PRODUCT, "L-wrong", day_of(trade.expiry), serials)
    assert trade.stage.connection.nonce(trade.maker.key.address) == sent


def test_a_container_of_two_packers_is_the_one_that_is_held(trade: Trade) -> None:
    lot, _, _ = made(trade)
    shared, own = sscc(), sscc()
    maker, wholesaler = trade.stock(trade.maker), trade.stock(trade.wholesaler)
    theirs = maker.pack_range(lot, shared, 10).container
    trade.deliver(shared, trade.maker, trade.wholesaler)
    other = wholesaler.pack(own).container
    assert wholesaler.container(shared) == theirs.id
    assert wholesaler.container(other.id) == other.id
    wholesaler.pack(shared)
    with pytest.raises(InvalidInput, match="names 2 containers, of which 2"):
        wholesaler.container(shared)
    with pytest.raises(NotInBook):
        wholesaler.container(sscc())


def test_a_device_has_no_expiry(trade: Trade) -> None:
    number = f"D-{os.urandom(3).hex()}"
    lot = trade.stock(trade.maker).commission(PRODUCT, number, 0, ["D1", "D2"], kind=LotKind.DEVICE).lot
    standing = trade.stock(trade.maker).lots.lot(lot.id)
    assert standing is not None
    assert (standing.kind, standing.expiry_day) == (LotKind.DEVICE, 0)
    assert trade.stock(trade.maker).verify(barcodes.Pack(GTIN, "D1", number)).answer.verified


def test_a_pack_is_found_without_its_lot_number_unless_two_lots_claim_it(trade: Trade) -> None:
    maker, serials = trade.stock(trade.maker), [f"U{os.urandom(4).hex()}" for _ in range(3)]
    first = maker.commission(PRODUCT, f"L-{os.urandom(3).hex()}", day_of(trade.expiry), serials[:2]).lot
    pack = barcodes.Pack(GTIN, serials[1])
    found = maker.find(pack)
    assert (found.lot.id, found.index) == (first.id, 1)
    assert maker.verify(pack).answer.lot == first.id
    with pytest.raises(NotInBook, match=serials[2]):
        maker.find(barcodes.Pack(GTIN, serials[2]))
    maker.commission(PRODUCT, f"L-{os.urandom(3).hex()}", day_of(trade.expiry), serials[1:])
    with pytest.raises(InvalidInput, match="several lots"):
        maker.find(pack)


def test_a_lot_is_extended_by_tranches(trade: Trade) -> None:
    lot, number, _ = made(trade, 16, depth=4)
    maker = trade.stock(trade.maker)
    more = [f"M{index}" for index in range(20)]
    assert len(maker.extend(lot, more)) == 2
    maker.pack_range(lot, sscc(), 36)
    assert maker.verify(scan(trade, number, "M19")).found.index == 35
    assert maker.verify(scan(trade, number, "M19")).answer.verified
    with pytest.raises(InvalidInput, match="M3"):
        maker.extend(lot, ["M30", "M3"])
    with pytest.raises(NotInBook):
        maker.extend("0x" + 24 * "7", ["A"])


def test_a_repackaged_lot_is_made_of_containers(trade: Trade) -> None:
    repackager = trade.stage.trader(MemberRole.REPACKAGER)
    supply = trade.stage.as_(repackager.key)
    book = LotBook(trade.vault, SupplyId.of(supply), repackager.name)
    trade.stocks[repackager.name] = stock = Stock(supply, book)
    lot, _, _ = made(trade)
    carton = sscc()
    trade.stock(trade.maker).pack_range(lot, carton, 10)
    trade.deliver(carton, trade.maker, repackager)
    Lots(trade.stage.as_(trade.stage.suite.registrar)).assign_product(PRODUCT, repackager.name)
    made_lot = stock.repackage(PRODUCT, "R-1", day_of(trade.expiry), ["R1", "R2"], [carton]).lot
    stock.pack_range(made_lot.id, sscc(), 2)
    assert stock.verify(barcodes.Pack(GTIN, "R2", "R-1", trade.expiry)).answer.verified
    with pytest.raises(InvalidInput, match="each once"):
        stock.repackage(PRODUCT, "R-2", day_of(trade.expiry), ["A", "A"], [carton])
