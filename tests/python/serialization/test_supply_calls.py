"""Every call of the clients of lots, custody and orders, and what it raises."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.development import development_signer
from careledger.chain.token import Token
from careledger.contract_enums import (
    ContainerState,
    LotKind,
    OrderStatus,
    PackFinding,
    RecallClass,
    RecallReason,
    UnitStatus,
)
from careledger.contract_errors import (
    CustodyContainerExists,
    CustodyNotTheReceiver,
    LotRegistryForbiddenTransition,
    LotRegistryLotExists,
    LotRegistryRecalled,
)
from careledger.contract_events import ContainerUnpacked, LotCommissioned, Shipped, UnitDispensed, UnitIllegitimate
from careledger.errors import InvalidInput
from careledger.identity import MemberRole
from careledger.identity.identifiers import to_padded
from careledger.serialization.custody import Custody
from careledger.serialization.identifiers import container_id, lot_id, lot_reference
from careledger.serialization.lots import Lots
from careledger.serialization.orders import Orders
from careledger.serialization.types import NO_CONTAINER, NO_ORGANIZATION, LotTerms, Pack, Unit
from careledger.serialization.units import LotSecret, UnitTree, inner_hash
from identity.suite import DAY, travel
from serialization.supply_stage import SupplyStage, Trader

PRODUCT = "gtin:00300010000015"
DEPTH = 6
UNITS = 50
DAYS_OF_LIFE = 700
REASON = "0x" + 64 * "5"


@dataclass(frozen=True)
class Batch:
    """A lot with its tree."""

    id: str
    number: str
    reference: bytes
    secret: LotSecret
    terms: LotTerms
    tree: UnitTree

    def inner(self, index: int) -> bytes:
        return inner_hash(f"S{index:05}", self.secret.salt(index))

    def pack(self, maker: Trader, index: int, container: str = NO_CONTAINER) -> Pack:
        """As it is in hand."""
        return Pack(
            product=to_padded(PRODUCT),
            maker=maker.id,
            reference=self.reference,
            expiry_day=self.terms.expiry_day,
            index=index,
            inner=self.inner(index),
            proof=tuple(self.tree.proof(index)),
            container=container,
        )


@dataclass(frozen=True)
class Chain:
    """Maker, wholesaler, pharmacy and carrier."""

    stage: SupplyStage
    maker: Trader
    wholesaler: Trader
    pharmacy: Trader
    carrier: Trader

    def lots(self, by: Trader | None = None) -> Lots:
        return Lots(self.stage.as_(by.key if by else None))

    def custody(self, by: Trader | None = None) -> Custody:
        return Custody(self.stage.as_(by.key if by else None))

    def orders(self, by: Trader | None = None) -> Orders:
        return Orders(self.stage.as_(by.key if by else None))

    @property
    def soon(self) -> int:
        return self.stage.suite.soon + DAY

    def batch(self, number: str | None = None, kind: LotKind = LotKind.MEDICINE) -> Batch:
        """A lot that is not commissioned yet."""
        number, secret = number or f"L{os.urandom(4).hex()}", LotSecret(os.urandom(32))
        reference = lot_reference(PRODUCT, number, secret.lot_salt())
        identity = lot_id(self.maker.id, reference)
        supply = self.stage.as_(None)
        tree = UnitTree.of(
            ((index, f"S{index:05}") for index in range(UNITS)),
            secret,
            DEPTH,
            chain_id=supply.connection.chain_id,
            registry=supply.lots.address,
            lot=identity,
        )
        expiry = 0 if kind is LotKind.DEVICE else self.stage.suite.now // DAY + DAYS_OF_LIFE
        return Batch(identity, number, reference, secret, LotTerms(expiry, DEPTH, kind), tree)

    def commissioned(self) -> Batch:
        batch = self.batch()
        self.lots(self.maker).commission(batch.reference, batch.terms, batch.tree.root)
        return batch

    def packed(self, batch: Batch, first: int = 0, count: int = 40, cases: int = 4) -> str:
        reference = os.urandom(32)
        self.custody(self.maker).pack_range(reference, batch.id, first, count, cases)
        return container_id(self.maker.id, reference)

    def deliver(self, container: str, sender: Trader, receiver: Trader) -> None:
        self.custody(sender).ship(container, receiver.name, self.soon)
        self.custody(receiver).receive(container)


def chain_on(stage: SupplyStage) -> Chain:
    roles = (MemberRole.MANUFACTURER, MemberRole.WHOLESALER, MemberRole.DISPENSER, MemberRole.CARRIER)
    traders = [stage.trader(role) for role in roles]
    made = Chain(stage, *traders)
    Lots(stage.as_(stage.suite.registrar)).assign_product(PRODUCT, made.maker.name)
    return made


@pytest.fixture(scope="module")
def everywhere(supply: SupplyStage) -> Chain:
    return chain_on(supply)


@pytest.fixture(scope="module")
def trade(supply_on_anvil: SupplyStage) -> Chain:
    return chain_on(supply_on_anvil)


# ---------------------------------------------------------------------- from maker to patient


def test_a_pack_goes_from_maker_to_patient(everywhere: Chain) -> None:
    """On each kind of chain."""
    trade, batch = everywhere, everywhere.batch()
    receipt = trade.lots(trade.maker).commission(batch.reference, batch.terms, batch.tree.root)
    assert receipt.event(LotCommissioned).lot == batch.id
    assert trade.lots().is_maker(PRODUCT, trade.maker.name)
    pallet = trade.packed(batch)
    shipped = trade.custody(trade.maker).ship(
        pallet, trade.wholesaler.name, trade.soon, carrier=trade.carrier.name, terms=REASON
    )
    assert shipped.event(Shipped).carrier == trade.carrier.id
    on_its_way = trade.custody().container(pallet)
    assert on_its_way is not None
    assert (on_its_way.state, on_its_way.holder, on_its_way.receiver) == (
        ContainerState.IN_TRANSIT,
        trade.maker.id,
        trade.wholesaler.id,
    )
    trade.custody(trade.wholesaler).receive(pallet)
    case = os.urandom(32)
    unpacked = trade.custody(trade.wholesaler).unpack_cases(pallet, [case], [2])
    container = unpacked.event(ContainerUnpacked).container
    assert container == container_id(trade.wholesaler.id, case)
    trade.deliver(container, trade.wholesaler, trade.pharmacy)
    answer = trade.lots().verify(batch.pack(trade.maker, 25, container))
    assert (answer.finding, answer.holder, answer.lot) == (PackFinding.VERIFIED, trade.pharmacy.id, batch.id)
    assert answer.verified
    proof = batch.tree.proof(25)
    dispensed = trade.lots(trade.pharmacy).dispense(batch.id, 25, batch.inner(25), proof, container)
    assert dispensed.event(UnitDispensed).index == 25
    assert trade.lots().unit(batch.id, 25).status is UnitStatus.DISPENSED
    assert trade.lots().verify(batch.pack(trade.maker, 25, container)).finding is PackFinding.DISPENSED
    indices = [20, 21, 29]
    trade.lots(trade.pharmacy).dispense_many(
        batch.id, indices, [batch.inner(index) for index in indices], batch.tree.multiproof(indices), container
    )
    assert trade.lots().unit(batch.id, 29).status is UnitStatus.DISPENSED


# ---------------------------------------------------------------------- lots


def test_a_lot_is_read_back(trade: Chain) -> None:
    batch = trade.commissioned()
    second = UnitTree.of(
        ((index, f"T{index}") for index in range(64, 70)),
        batch.secret,
        DEPTH,
        1,
        chain_id=trade.stage.connection.chain_id,
        registry=trade.stage.as_(None).lots.address,
        lot=batch.id,
    )
    trade.lots(trade.maker).add_tranche(batch.id, 1, second.root)
    trade.packed(batch, count=10, cases=0)
    lot = trade.lots().lot_of(trade.maker.name, batch.reference)
    assert lot is not None
    assert (lot.maker, lot.kind, lot.expiry_day, lot.depth) == (
        trade.maker.id,
        LotKind.MEDICINE,
        batch.terms.expiry_day,
        DEPTH,
    )
    assert (lot.tranches, lot.numbers, lot.packed, lot.recall_class) == (2, 128, 10, RecallClass.NOT_RECALLED)
    assert (trade.lots().root(batch.id), trade.lots().root(batch.id, 1)) == (batch.tree.root, second.root)
    assert trade.lots().root(batch.id, 2) == bytes(32)
    assert trade.lots().lot("0x" + 24 * "7") is None


def test_a_lot_with_another_content_is_refused(trade: Chain) -> None:
    batch = trade.commissioned()
    lots = trade.lots(trade.maker)
    assert lots.commission(batch.reference, batch.terms, batch.tree.root).events == ()
    with pytest.raises(LotRegistryLotExists):
        lots.commission(batch.reference, batch.terms, os.urandom(32))


def test_a_recalled_lot_is_not_dispensed(trade: Chain) -> None:
    batch = trade.commissioned()
    pallet = trade.packed(batch)
    trade.deliver(pallet, trade.maker, trade.pharmacy)
    trade.lots(trade.maker).recall(batch.id, RecallClass.CLASS_II, RecallReason.POTENCY)
    trade.lots(trade.maker).open(batch.id, PRODUCT, batch.number, batch.secret.lot_salt())
    answer = trade.lots().verify(batch.pack(trade.maker, 1, pallet))
    assert (answer.finding, answer.recall_class, answer.recall_reason) == (
        PackFinding.RECALLED,
        RecallClass.CLASS_II,
        RecallReason.POTENCY,
    )
    with pytest.raises(LotRegistryRecalled):
        trade.lots(trade.pharmacy).dispense(batch.id, 1, batch.inner(1), batch.tree.proof(1), pallet)


def test_a_dispensing_is_undone(trade: Chain) -> None:
    batch = trade.commissioned()
    pallet = trade.packed(batch)
    trade.deliver(pallet, trade.maker, trade.pharmacy)
    travel(trade.stage.connection, DAY)
    trade.lots(trade.pharmacy).dispense(batch.id, 3, batch.inner(3), batch.tree.proof(3), pallet)
    trade.lots(trade.pharmacy).undo_dispense(batch.id, 3, pallet)
    assert trade.lots().unit(batch.id, 3).status is UnitStatus.IN_SUPPLY


def test_a_suspect_unit_is_cleared_or_found_illegitimate(trade: Chain) -> None:
    batch = trade.commissioned()
    pallet = trade.packed(batch)
    trade.deliver(pallet, trade.maker, trade.pharmacy)
    pharmacy = trade.lots(trade.pharmacy)
    assert pharmacy.investigation(batch.id, 4) is None
    for index in (4, 5):
        pharmacy.suspect(batch.id, index, pallet, REASON)
    assert pharmacy.unit(batch.id, 4).suspect
    pharmacy.clear(batch.id, 4, REASON)
    assert not pharmacy.unit(batch.id, 4).suspect
    found = pharmacy.determine_illegitimate(batch.id, 5, REASON)
    due = found.event(UnitIllegitimate).notice_due_at
    pharmacy.record_notice(batch.id, 5, REASON)
    told = pharmacy.investigation(batch.id, 5)
    assert told is not None
    assert (told.by, due - told.determined_at) == (trade.pharmacy.id, DAY)
    assert told.raised_at <= told.determined_at <= told.notified_at
    assert pharmacy.unit(batch.id, 5).status is UnitStatus.ILLEGITIMATE


def test_units_end(trade: Chain) -> None:
    batch = trade.commissioned()
    pallet = trade.packed(batch)
    maker = trade.lots(trade.maker)
    maker.end_units(batch.id, [6, 7], UnitStatus.DESTROYED, pallet, REASON)
    assert [maker.unit(batch.id, index).status for index in (6, 7)] == [UnitStatus.DESTROYED] * 2
    with pytest.raises(LotRegistryForbiddenTransition):
        maker.end_units(batch.id, [7], UnitStatus.STOLEN, pallet)
    with pytest.raises(InvalidInput, match="dispensed"):
        maker.end_units(batch.id, [8], UnitStatus.DISPENSED, pallet)


def test_a_repackaged_lot_uses_its_inputs_up(trade: Chain) -> None:
    repackager = trade.stage.trader(MemberRole.REPACKAGER)
    batch = trade.commissioned()
    pallet = trade.packed(batch)
    trade.deliver(pallet, trade.maker, repackager)
    again = Chain(trade.stage, repackager, *[trade.wholesaler] * 3).batch()
    terms = replace(again.terms, expiry_day=batch.terms.expiry_day)
    trade.lots(repackager).repackage(again.reference, terms, again.tree.root, [pallet])
    used = trade.custody().container(pallet)
    assert used is not None
    assert (used.state, used.ended) == (ContainerState.ENDED, UnitStatus.REPACKAGED)
    assert trade.lots().lot(again.id) is not None


# ---------------------------------------------------------------------- custody


def test_containers_go_into_others_and_out_again(trade: Chain) -> None:
    batch, custody = trade.commissioned(), trade.custody(trade.maker)
    carton, other = trade.packed(batch, 0, 10, 0), trade.packed(batch, 10, 10, 0)
    custody.unpack_units([Unit(batch.id, 12, other)])
    reference = os.urandom(32)
    custody.pack(reference, [carton], [Unit(batch.id, 12)])
    tote = container_id(trade.maker.id, reference)
    custody.add(tote, [other])
    place = custody.find(Unit(batch.id, 12, tote))
    assert place.holder == trade.maker.id
    assert place.container.mixed
    assert custody.find(Unit(batch.id, 12, other)).holder == NO_ORGANIZATION
    nested = custody.container(carton)
    assert nested is not None
    assert (nested.parent, nested.lot, nested.first, nested.count) == (tote, batch.id, 0, 10)
    custody.unpack(tote, [carton, other])
    custody.open(carton)
    opened = custody.container(carton)
    assert opened is not None
    assert opened.opened
    assert custody.in_hand(carton) == (trade.maker.id, batch.id)
    with pytest.raises(CustodyContainerExists):
        custody.pack(reference)
    assert custody.container("0x" + 24 * "7") is None


def test_a_shipment_is_rejected_comes_back_and_goes_missing(trade: Chain) -> None:
    batch, maker = trade.commissioned(), trade.custody(trade.maker)
    pallet = trade.packed(batch)
    assert maker.shipment(pallet) is None
    maker.ship(pallet, trade.pharmacy.name, trade.soon, carrier=trade.carrier.name)
    other = trade.stage.trader(MemberRole.CARRIER)
    trade.custody(trade.carrier).hand_over(pallet, other.name)
    shipment = maker.shipment(pallet)
    assert shipment is not None
    assert (shipment.sender, shipment.carrier, shipment.is_return) == (trade.maker.id, other.id, False)
    with pytest.raises(CustodyNotTheReceiver):
        trade.custody(trade.wholesaler).receive(pallet)
    trade.custody(trade.pharmacy).reject(pallet, REASON)
    maker.confirm_return(pallet)
    maker.ship(pallet, trade.pharmacy.name, trade.soon)
    trade.custody(trade.pharmacy).reject(pallet, REASON)
    maker.report_missing(pallet)
    lost = maker.container(pallet)
    assert lost is not None
    assert lost.state is ContainerState.MISSING


def test_a_part_is_rejected_and_a_return_verified(trade: Chain) -> None:
    batch = trade.commissioned()
    pallet = trade.packed(batch)
    trade.custody(trade.maker).ship(pallet, trade.wholesaler.name, trade.soon)
    reference = os.urandom(32)
    wholesaler = trade.custody(trade.wholesaler)
    with pytest.raises(InvalidInput, match="10001"):
        wholesaler.receive_in_part(
            pallet, reference, units=[Unit(batch.id, 0, pallet)], accepted_share_basis_points=10_001
        )
    wholesaler.receive_in_part(pallet, reference, units=[Unit(batch.id, 0, pallet)], reason=REASON)
    rejected = wholesaler.container(container_id(trade.wholesaler.id, reference))
    assert rejected is not None
    assert (rejected.state, rejected.holder) == (ContainerState.REJECTED, trade.maker.id)
    trade.deliver(pallet, trade.wholesaler, trade.pharmacy)
    trade.custody(trade.pharmacy).ship(pallet, trade.wholesaler.name, trade.soon, is_return=True)
    wholesaler.receive(pallet)
    assert trade.lots().verify(batch.pack(trade.maker, 1, pallet)).finding is PackFinding.NOT_FOR_REDISTRIBUTION
    wholesaler.verify_return(pallet)
    assert trade.lots().verify(batch.pack(trade.maker, 1, pallet)).finding is PackFinding.VERIFIED
    wholesaler.end(pallet, UnitStatus.DESTROYED, REASON)
    assert trade.lots().verify(batch.pack(trade.maker, 1, pallet)).finding is PackFinding.DESTROYED
    with pytest.raises(InvalidInput, match="repackaged"):
        wholesaler.end(pallet, UnitStatus.REPACKAGED)


# ---------------------------------------------------------------------- orders


@pytest.fixture(scope="module")
def token(trade: Chain) -> str:
    """Of which the wholesaler has a million."""
    return token_for(trade.stage.connection, [trade.wholesaler.key.address])


def token_for(connection: Connection, holders: Sequence[str]) -> str:
    creation = artifact("StableToken").creation_code([])
    address = connection.send(development_signer(9), None, creation).contract_address
    assert address is not None
    contract = Contract(connection, "StableToken", address)
    for holder in holders:
        contract.send(development_signer(9), "mint", holder, 1_000_000)
    return address


def test_accepting_pays(trade: Chain, token: str) -> None:
    batch = trade.commissioned()
    pallet = trade.packed(batch)
    buyer, seller = trade.orders(trade.wholesaler), trade.orders(trade.maker)
    order, _ = buyer.open(os.urandom(32), trade.maker.name, token, 40_000, trade.soon)
    opened = buyer.order(order)
    assert opened is not None
    assert (opened.buyer, opened.seller, opened.status, opened.amount) == (
        trade.wholesaler.id,
        trade.maker.id,
        OrderStatus.OPEN,
        40_000,
    )
    trade.custody(trade.maker).ship_order(pallet, trade.wholesaler.name, trade.soon, order)
    reference = os.urandom(32)
    trade.custody(trade.wholesaler).receive_in_part(
        pallet, reference, units=[Unit(batch.id, 0, pallet)], accepted_share_basis_points=9_000
    )
    assert seller.credit(trade.maker.name, token) == 36_000
    buyer.concede(order)
    assert seller.credit(trade.maker.name, token) == 40_000
    account = development_signer(8).address
    before = Token(trade.stage.connection, token).balance_of(account)
    seller.pay_out(token, account)
    assert Token(trade.stage.connection, token).balance_of(account) - before == 40_000
    assert seller.credit(trade.maker.name, token) == 0


def test_an_order_is_called_off(trade: Chain, token: str) -> None:
    buyer = trade.orders(trade.wholesaler)
    before = buyer.credit(trade.wholesaler.name, token)
    order, _ = buyer.open(os.urandom(32), trade.maker.name, token, 500, trade.soon)
    trade.orders(trade.maker).refund(order)
    assert buyer.credit(trade.wholesaler.name, token) - before == 500
    found = buyer.order(order)
    assert found is not None
    assert found.status is OrderStatus.REFUNDED
    assert buyer.order("0x" + 64 * "7") is None


@pytest.mark.parametrize("amount", [0, -1, 10**12])
def test_an_order_that_cannot_be_paid_is_refused_before_anything_is_sent(trade: Chain, token: str, amount: int) -> None:
    sent = trade.stage.connection.nonce(trade.wholesaler.key.address)
    with pytest.raises(InvalidInput, match=str(amount)):
        trade.orders(trade.wholesaler).open(os.urandom(32), trade.maker.name, token, amount, trade.soon)
    assert trade.stage.connection.nonce(trade.wholesaler.key.address) == sent


# ---------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("expiry_day", "depth", "kind", "named"),
    [(0, 5, LotKind.MEDICINE, "expiry"), (65_536, 5, LotKind.DEVICE, "65536"), (20_000, 21, LotKind.DEVICE, "21")],
)
def test_terms_that_are_none_are_refused(expiry_day: int, depth: int, kind: LotKind, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        LotTerms(expiry_day, depth, kind)


def test_a_pack_that_does_not_prove_itself_is_told_why(trade: Chain) -> None:
    batch = trade.commissioned()
    pallet = trade.packed(batch)
    pack = batch.pack(trade.maker, 2, pallet)
    answers = {
        PackFinding.NO_MATCH_PRODUCT: replace(pack, product=to_padded("gtin:00300010000025")),
        PackFinding.NO_MATCH_LOT: replace(pack, reference=os.urandom(32)),
        PackFinding.NO_MATCH_SERIAL: replace(pack, index=3),
        PackFinding.NO_MATCH_EXPIRY: replace(pack, expiry_day=pack.expiry_day + 1),
        PackFinding.NOT_IN_CONTAINER: replace(pack, container="0x" + 24 * "7"),
    }
    assert {finding: trade.lots().verify(stated).finding for finding, stated in answers.items()} == {
        finding: finding for finding in answers
    }
