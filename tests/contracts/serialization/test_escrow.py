"""Payment on receipt: the buyer's money waits, the seller is paid once, and nothing is left behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from ..support import DAY, ZERO_ID, Reason, chain_time, events, refusal, send, travel, travel_to
from .custody import place, unit
from .lots import REASON, TERMS, ContainerState, Organization, container_id

AMOUNT = 1_000_003
"""Of an order, token minor units; of which no share but the whole is even."""

FUNDS = 10 * AMOUNT
UNKNOWN, OPEN, SHIPPED, PAID, REFUNDED = range(5)


@dataclass(frozen=True)
class Trade:
    """What a wholesaler buys of the maker."""

    supply: Any
    escrow: Any
    token: Any
    buyer: Organization
    seller: Organization

    def opening(self, **changes):
        """The arguments of `openOrder`."""
        stated = {
            "reference": self.supply.reference(),
            "seller": self.seller.id,
            "token": self.token,
            "amount": AMOUNT,
            "deadline": chain_time() + 9 * DAY,
        }
        assert changes.keys() <= stated.keys()
        return list({**stated, **changes}.values())

    def order(self, **changes):
        """Opens an order; returns its id."""
        arguments = self.opening(**changes)
        send(self.escrow.openOrder, *arguments, sender=self.buyer.key)
        return order_id(self.buyer, arguments[0])

    def shipping(self, container, order, receiver=None):
        """The arguments of `shipOrder`, to be accepted within five days."""
        to = (receiver or self.buyer).id
        return self.supply.custody.shipOrder, container, to, ZERO_ID, chain_time() + 5 * DAY, TERMS, order

    def ship(self, container, order):
        return send(*self.shipping(container, order), sender=self.seller.key)

    def receive_part(self, container, share, *units):
        """Accepts all but some units; returns the container of these."""
        reference = self.supply.reference()
        part = (self.supply.custody.receiveInPart, container, reference, [], list(units), share, REASON)
        send(*part, sender=self.buyer.key)
        return container_id(self.buyer.id, reference)

    def status(self, order):
        return self.escrow.orderOf(order).status

    def credits(self):
        """What buyer and seller can draw."""
        return tuple(self.escrow.creditOf(party.id, self.token) for party in (self.buyer, self.seller))


def order_id(buyer, reference):
    return keccak(encode(["bytes12", "bytes32"], [buyer.id, reference]))


def funded(contracts, admin, name, buyer, escrow):
    """A token of which the buyer has some and lets the escrow take it."""
    token = admin.deploy(contracts[name])
    send(token.mint, buyer.key, FUNDS, sender=admin)
    send(token.approve, escrow, 2**256 - 1, sender=buyer.key)
    return token


@pytest.fixture
def trade(supply, escrow, contracts, admin, wholesaler, maker):
    token = funded(contracts, admin, "StableToken", wholesaler, escrow)
    return Trade(supply, escrow, token, wholesaler, maker)


@pytest.fixture
def order(trade):
    """An open order."""
    return trade.order()


@pytest.fixture
def shipped(trade, order, pallet):
    """The order, with the pallet on its way."""
    trade.ship(pallet, order)
    return order


@pytest.fixture
def in_part(trade, shipped, lot, pallet):
    """What was rejected, of the order that was received in part and paid to three quarters."""
    return trade.receive_part(pallet, 7_500, unit(lot, 0, pallet))


THREE_QUARTERS = AMOUNT * 7_500 // 10_000


# ---------------------------------------------------------------------- openOrder


def test_open_order_takes_the_buyers_money(trade, wholesaler, maker):
    arguments = trade.opening()
    receipt = send(trade.escrow.openOrder, *arguments, sender=wholesaler.key)
    order = order_id(wholesaler, arguments[0])
    assert events(receipt, trade.escrow) == [
        ("OrderOpened", order, wholesaler.id, maker.id, trade.token.address, AMOUNT, arguments[-1]),
    ]
    held = trade.escrow.orderOf(order)
    assert (bytes(held.buyer), bytes(held.seller), held.status) == (wholesaler.id, maker.id, OPEN)
    assert (held.token, held.amount, held.paid, held.deadline) == (trade.token.address, AMOUNT, 0, arguments[-1])
    assert (bytes(held.container), held.received) == (ZERO_ID, False)
    assert trade.token.balanceOf(trade.escrow) == AMOUNT


def test_open_order_counts_what_came_in(trade, contracts, admin, escrow, wholesaler):
    token = funded(contracts, admin, "FeeToken", wholesaler, escrow)
    order = trade.order(token=token, amount=1_000)
    assert escrow.orderOf(order).amount == token.balanceOf(escrow) == 990


def test_open_order_reverts_unless_the_buyer_is_active(trade, wholesaler, stranger, suspend):
    call = (trade.escrow.openOrder, *trade.opening())
    assert refusal(*call, sender=stranger) == ("OrganizationRegistryUnknownKey", stranger.address)
    suspend(wholesaler)
    assert refusal(*call, sender=wholesaler.key) == ("OrganizationRegistryNotInGoodStanding", wholesaler.id, 2)


def test_open_order_reverts_unless_the_seller_is_another_that_is_active(trade, wholesaler, maker, suspend):
    for seller in (ZERO_ID, wholesaler.id):
        arguments = trade.opening(seller=seller)
        expected = ("PurchaseEscrowOtherParties", order_id(wholesaler, arguments[0]), wholesaler.id, seller)
        assert refusal(trade.escrow.openOrder, *arguments, sender=wholesaler.key) == expected
    unknown = (trade.escrow.openOrder, *trade.opening(seller=b"\1" * 12))
    assert refusal(*unknown, sender=wholesaler.key) == ("OrganizationRegistryUnknownOrganization", b"\1" * 12)
    suspend(maker)
    call = (trade.escrow.openOrder, *trade.opening())
    assert refusal(*call, sender=wholesaler.key) == ("OrganizationRegistryNotInGoodStanding", maker.id, 2)


def test_open_order_reverts_unless_the_deadline_is_ahead(trade, wholesaler):
    arguments = trade.opening(deadline=chain_time())
    found = refusal(trade.escrow.openOrder, *arguments, sender=wholesaler.key)
    assert found[:3] == ("PurchaseEscrowDeadline", order_id(wholesaler, arguments[0]), arguments[-1])


def test_open_order_takes_a_reference_once(trade, order, wholesaler, maker, admin):
    arguments = trade.opening()
    send(trade.escrow.openOrder, *arguments, sender=wholesaler.key)
    expected = ("PurchaseEscrowOrderExists", order_id(wholesaler, arguments[0]))
    assert refusal(trade.escrow.openOrder, *arguments, sender=wholesaler.key) == expected
    send(trade.token.mint, maker.key, AMOUNT, sender=admin)
    send(trade.token.approve, trade.escrow, AMOUNT, sender=maker.key)
    arguments[1] = wholesaler.id
    send(trade.escrow.openOrder, *arguments, sender=maker.key)
    assert trade.status(order_id(maker, arguments[0])) == OPEN


def test_open_order_reverts_if_nothing_comes_in(trade, wholesaler):
    call = (trade.escrow.openOrder, *trade.opening(amount=0))
    assert refusal(*call, sender=wholesaler.key) == ("PurchaseEscrowInvalidAmount", 0)
    call = (trade.escrow.openOrder, *trade.opening(amount=FUNDS + 1))
    assert refusal(*call, sender=wholesaler.key)[0] == "ERC20InsufficientBalance"


# ---------------------------------------------------------------------- shipOrder, bind


def test_ship_order_binds_the_container(trade, custody, order, pallet, maker, wholesaler):
    receipt = trade.ship(pallet, order)
    assert events(receipt, trade.escrow) == [("OrderShipped", order, pallet)]
    assert [name for name, *_ in events(receipt, custody)] == ["Shipped"]
    held = trade.escrow.orderOf(order)
    assert (held.status, bytes(held.container)) == (SHIPPED, pallet)
    assert place(custody, pallet) == (ContainerState.IN_TRANSIT, maker.id)


def test_ship_order_reverts_for_another_buyer_or_seller(trade, supply, order, pallet, maker, pharmacy, wholesaler):
    expected = ("PurchaseEscrowOtherParties", order, wholesaler.id, maker.id)
    assert refusal(*trade.shipping(pallet, order, pharmacy), sender=maker.key) == expected
    supply.deliver(pallet, maker, pharmacy)
    assert refusal(*trade.shipping(pallet, order), sender=pharmacy.key) == expected


def test_ship_order_reverts_unless_the_order_is_open(trade, supply, lot, shipped, maker):
    other = supply.packed_range(lot, 40, 8)
    expected = ("PurchaseEscrowForbiddenTransition", shipped, SHIPPED)
    assert refusal(*trade.shipping(other, shipped), sender=maker.key) == expected
    expected = ("PurchaseEscrowForbiddenTransition", b"\1" * 32, UNKNOWN)
    assert refusal(*trade.shipping(other, b"\1" * 32), sender=maker.key) == expected


def test_ship_order_reverts_past_the_orders_deadline(trade, order, pallet, maker):
    deadline = trade.escrow.orderOf(order).deadline
    travel_to(deadline + 1)
    found = refusal(*trade.shipping(pallet, order), sender=maker.key)
    assert found[:3] == ("PurchaseEscrowDeadline", order, deadline)


def test_ship_order_keeps_the_rules_of_shipping(
    trade, custody, order, pallet, maker, wholesaler, pharmacy, suspend, guardian
):
    expected = ("CustodyNotTheHolder", pallet, maker.id, pharmacy.id)
    assert refusal(*trade.shipping(pallet, order), sender=pharmacy.key) == expected
    suspend(maker)
    expected = ("OrganizationRegistryNotInGoodStanding", maker.id, 2)
    assert refusal(*trade.shipping(pallet, order), sender=maker.key) == expected
    send(custody.halt, sender=guardian)
    assert refusal(*trade.shipping(pallet, order), sender=maker.key)[0] == "HaltableHalted"


def test_only_the_custody_binds_settles_and_unbinds(trade, shipped, pallet, maker, wholesaler, admin):
    calls = (
        (trade.escrow.bind, shipped, pallet, maker.id, wholesaler.id),
        (trade.escrow.settle, pallet, 10_000, ZERO_ID),
        (trade.escrow.unbind, pallet),
    )
    for call in calls:
        for by in (maker.key, wholesaler.key, admin):
            assert refusal(*call, sender=by) == ("PurchaseEscrowNotTheCustody", by.address)


# ---------------------------------------------------------------------- settle


def test_receipt_pays_the_seller_once(trade, supply, custody, shipped, pallet, maker, wholesaler, pharmacy):
    receipt = supply.receive(pallet, wholesaler)
    assert events(receipt, trade.escrow) == [("OrderPaid", shipped, maker.id, AMOUNT, 0)]
    assert trade.credits() == (0, AMOUNT)
    assert (trade.status(shipped), trade.escrow.orderOf(shipped).paid) == (PAID, AMOUNT)
    for call in ((trade.escrow.refund, shipped), (trade.escrow.concede, shipped)):
        expected = ("PurchaseEscrowForbiddenTransition", shipped, PAID)
        assert refusal(*call, sender=wholesaler.key) == expected
    supply.deliver(pallet, wholesaler, pharmacy)
    supply.deliver(pallet, pharmacy, wholesaler, is_return=True)
    assert trade.credits() == (0, AMOUNT)


def test_receipt_in_part_pays_a_share_and_keeps_the_rest(trade, custody, lot, shipped, pallet, maker, wholesaler):
    reference = trade.supply.reference()
    part = (custody.receiveInPart, pallet, reference, [], [unit(lot, 0, pallet)], 7_500, REASON)
    receipt = send(*part, sender=wholesaler.key)
    rest = AMOUNT - THREE_QUARTERS
    assert events(receipt, trade.escrow) == [("OrderPaid", shipped, maker.id, THREE_QUARTERS, rest)]
    assert trade.credits() == (0, THREE_QUARTERS)
    held = trade.escrow.orderOf(shipped)
    assert (held.status, held.paid, held.received) == (SHIPPED, THREE_QUARTERS, True)
    assert bytes(held.container) == container_id(wholesaler.id, reference)


def test_receipt_in_part_may_pay_all(trade, shipped, lot, pallet):
    rejected = trade.receive_part(pallet, 10_000, unit(lot, 0, pallet))
    assert (trade.status(shipped), trade.credits()) == (PAID, (0, AMOUNT))
    send(trade.supply.custody.confirmReturn, rejected, sender=trade.seller.key)
    assert trade.credits() == (0, AMOUNT)


def test_receipt_in_part_reverts_for_more_than_all(trade, custody, shipped, lot, pallet, wholesaler):
    part = (custody.receiveInPart, pallet, trade.supply.reference(), [], [unit(lot, 0, pallet)], 10_001, REASON)
    assert refusal(*part, sender=wholesaler.key) == ("PurchaseEscrowInvalidShare", 10_001)


def test_buyer_does_not_keep_all_and_pay_nothing(trade, custody, shipped, pallet, wholesaler):
    part = (custody.receiveInPart, pallet, trade.supply.reference(), [], [], 0, REASON)
    assert refusal(*part, sender=wholesaler.key) == ("CustodyNothingRejected", pallet)


# ---------------------------------------------------------------------- what comes back: unbind


def test_rest_waits_for_the_seller_though_what_was_rejected_is_back(
    trade, custody, shipped, in_part, maker, wholesaler
):
    receipt = send(custody.confirmReturn, in_part, sender=maker.key)
    assert events(receipt, trade.escrow) == []
    assert (trade.status(shipped), trade.credits()) == (SHIPPED, (0, THREE_QUARTERS))
    assert place(custody, in_part) == (ContainerState.HELD, maker.id)
    rest = AMOUNT - THREE_QUARTERS
    receipt = send(trade.escrow.refund, shipped, sender=maker.key)
    assert events(receipt, trade.escrow) == [("OrderRefunded", shipped, wholesaler.id, rest)]
    assert (trade.status(shipped), trade.credits()) == (PAID, (rest, THREE_QUARTERS))


def test_rejected_shipment_opens_its_order_again(trade, custody, shipped, pallet, maker, wholesaler):
    receipt = send(custody.reject, pallet, REASON, sender=wholesaler.key)
    assert events(receipt, trade.escrow) == [("OrderShipped", shipped, ZERO_ID)]
    assert (trade.status(shipped), bytes(trade.escrow.orderOf(shipped).container)) == (OPEN, ZERO_ID)
    assert events(send(custody.confirmReturn, pallet, sender=maker.key), trade.escrow) == []
    trade.ship(pallet, shipped)
    trade.supply.receive(pallet, wholesaler)
    assert trade.credits() == (0, AMOUNT)


@pytest.mark.parametrize("method", ["confirmReturn", "reportMissing"])
def test_shipment_that_is_not_accepted_opens_its_order_again(
    trade, custody, shipped, pallet, maker, wholesaler, method
):
    travel(5 * DAY + 60)
    receipt = send(getattr(custody, method), pallet, sender=maker.key)
    assert events(receipt, trade.escrow) == [("OrderShipped", shipped, ZERO_ID)]
    travel(4 * DAY)
    send(trade.escrow.refund, shipped, sender=wholesaler.key)
    assert trade.credits() == (AMOUNT, 0)


def test_container_of_an_earlier_order_pays_the_later_one(trade, custody, shipped, pallet, maker, wholesaler):
    send(custody.reject, pallet, REASON, sender=wholesaler.key)
    send(custody.confirmReturn, pallet, sender=maker.key)
    other = trade.order(amount=5)
    trade.ship(pallet, other)
    trade.supply.receive(pallet, wholesaler)
    assert (trade.status(shipped), trade.status(other), trade.credits()) == (OPEN, PAID, (0, 5))


def test_halt_and_suspension_keep_no_money(trade, custody, shipped, pallet, maker, wholesaler, suspend, guardian):
    """The buyer rejects, and has its money back past the order's deadline."""
    suspend(wholesaler)
    suspend(maker)
    send(custody.halt, sender=guardian)
    send(custody.reject, pallet, REASON, sender=wholesaler.key)
    travel(10 * DAY)
    send(trade.escrow.refund, shipped, sender=wholesaler.key)
    send(trade.escrow.payOut, trade.token, wholesaler.key, sender=wholesaler.key)
    assert trade.token.balanceOf(wholesaler.key) == FUNDS


# ---------------------------------------------------------------------- refund, concede


def test_refund_is_the_buyers_past_the_deadline(trade, order, wholesaler):
    deadline = trade.escrow.orderOf(order).deadline
    travel_to(deadline - 1)
    found = refusal(trade.escrow.refund, order, sender=wholesaler.key)
    assert found[:3] == ("PurchaseEscrowDeadline", order, deadline)
    travel_to(deadline + 1)
    receipt = send(trade.escrow.refund, order, sender=wholesaler.key)
    assert events(receipt, trade.escrow) == [("OrderRefunded", order, wholesaler.id, AMOUNT)]
    assert (trade.status(order), trade.credits()) == (REFUNDED, (AMOUNT, 0))
    expected = ("PurchaseEscrowForbiddenTransition", order, REFUNDED)
    assert refusal(trade.escrow.refund, order, sender=wholesaler.key) == expected


def test_refund_is_the_sellers_at_any_time(trade, order, maker, suspend):
    suspend(maker)
    send(trade.escrow.refund, order, sender=maker.key)
    assert (trade.status(order), trade.credits()) == (REFUNDED, (AMOUNT, 0))


def test_refund_reverts_for_all_but_the_parties(trade, order, pharmacy, maker, wholesaler, stranger):
    expected = ("PurchaseEscrowOtherParties", order, wholesaler.id, maker.id)
    assert refusal(trade.escrow.refund, order, sender=pharmacy.key) == expected
    assert refusal(trade.escrow.refund, order, sender=stranger) == ("OrganizationRegistryUnknownKey", stranger.address)


def test_refund_waits_while_it_is_shipped(trade, shipped, maker, wholesaler):
    travel(30 * DAY)
    for by in (maker, wholesaler):
        expected = ("PurchaseEscrowForbiddenTransition", shipped, SHIPPED)
        assert refusal(trade.escrow.refund, shipped, sender=by.key) == expected
    expected = ("PurchaseEscrowForbiddenTransition", b"\1" * 32, UNKNOWN)
    assert refusal(trade.escrow.refund, b"\1" * 32, sender=maker.key) == expected


def test_rest_of_a_part_is_refunded_by_the_seller(trade, custody, shipped, in_part, maker):
    send(trade.escrow.refund, shipped, sender=maker.key)
    shares = (AMOUNT - THREE_QUARTERS, THREE_QUARTERS)
    assert (trade.status(shipped), trade.credits()) == (PAID, shares)
    send(custody.confirmReturn, in_part, sender=maker.key)
    assert trade.credits() == shares
    assert place(custody, in_part) == (ContainerState.HELD, maker.id)


def test_rest_of_a_part_is_not_the_buyers_alone(trade, shipped, in_part, wholesaler):
    """It has goods, and named their share itself."""
    travel(9 * DAY + 60)
    expected = ("PurchaseEscrowForbiddenTransition", shipped, SHIPPED)
    assert refusal(trade.escrow.refund, shipped, sender=wholesaler.key) == expected
    assert trade.credits() == (0, THREE_QUARTERS)


def test_concede_pays_the_rest(trade, custody, shipped, in_part, maker, wholesaler):
    expected = ("PurchaseEscrowOtherParties", shipped, wholesaler.id, maker.id)
    assert refusal(trade.escrow.concede, shipped, sender=maker.key) == expected
    receipt = send(trade.escrow.concede, shipped, sender=wholesaler.key)
    assert events(receipt, trade.escrow) == [("OrderPaid", shipped, maker.id, AMOUNT - THREE_QUARTERS, 0)]
    assert (trade.status(shipped), trade.credits()) == (PAID, (0, AMOUNT))
    send(custody.confirmReturn, in_part, sender=maker.key)
    assert trade.credits() == (0, AMOUNT)


def test_concede_reverts_unless_a_part_was_received(trade, shipped, wholesaler, stranger):
    expected = ("PurchaseEscrowForbiddenTransition", shipped, SHIPPED)
    assert refusal(trade.escrow.concede, shipped, sender=wholesaler.key) == expected
    expected = ("OrganizationRegistryUnknownKey", stranger.address)
    assert refusal(trade.escrow.concede, shipped, sender=stranger) == expected


# ---------------------------------------------------------------------- payOut


def test_pay_out_pays_what_is_credited_once(trade, supply, shipped, pallet, maker, wholesaler, stranger, suspend):
    supply.receive(pallet, wholesaler)
    suspend(maker)
    receipt = send(trade.escrow.payOut, trade.token, stranger, sender=maker.key)
    expected = ("CreditPaidOut", maker.id, trade.token.address, stranger.address, AMOUNT)
    assert events(receipt, trade.escrow) == [expected]
    assert trade.token.balanceOf(stranger) == AMOUNT
    assert trade.credits() == (0, 0)
    expected = ("PurchaseEscrowNoCredit", maker.id, trade.token.address)
    assert refusal(trade.escrow.payOut, trade.token, stranger, sender=maker.key) == expected


def test_pay_out_keeps_organizations_and_tokens_apart(
    trade, supply, escrow, contracts, admin, shipped, pallet, maker, wholesaler, pharmacy
):
    supply.receive(pallet, wholesaler)
    trade.order()
    other = funded(contracts, admin, "StableToken", wholesaler, escrow)
    for token, by in ((other, maker), (trade.token, wholesaler), (trade.token, pharmacy)):
        expected = ("PurchaseEscrowNoCredit", by.id, token.address)
        assert refusal(escrow.payOut, token, by.key, sender=by.key) == expected
    send(escrow.payOut, trade.token, maker.key, sender=maker.key)
    assert trade.token.balanceOf(escrow) == AMOUNT


def test_pay_out_reverts_while_an_organization_is_frozen(
    trade, registry, registrar, supply, shipped, pallet, maker, wholesaler, new_controller
):
    supply.receive(pallet, wholesaler)
    send(registry.startRecovery, maker.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
    send(registry.contestRecovery, maker.id, new_controller, sender=maker.controller)
    expected = ("OrganizationRegistryFrozen", maker.id)
    assert refusal(trade.escrow.payOut, trade.token, maker.key, sender=maker.key) == expected


# ---------------------------------------------------------------------- hostile tokens


@pytest.fixture
def hooked(trade, contracts, admin, escrow, wholesaler):
    """A token that calls its holders, and a holder that calls back when it is paid."""
    token = funded(contracts, admin, "HookToken", wholesaler, escrow)
    return token, admin.deploy(contracts["ReenteringHolder"], token)


def test_reentry_from_a_payment_is_refused(trade, escrow, hooked, pallet, lot, maker, wholesaler, stranger):
    """Of a second payment, and of a refund; the money of others stays."""
    token, holder = hooked
    kept = trade.order(token=token)
    paid = trade.order(token=token)
    trade.ship(pallet, paid)
    trade.supply.receive(pallet, wholesaler)
    again = escrow.payOut.encode_input(token, holder)
    send(holder.setCall, escrow, again, sender=stranger)
    send(escrow.payOut, token, holder, sender=maker.key)
    assert not holder.accepted()
    assert bytes(holder.answer())[:4] == keccak(text="ReentrancyGuardReentrantCall()")[:4]
    assert (token.balanceOf(holder), token.balanceOf(escrow)) == (AMOUNT, AMOUNT)
    assert trade.status(kept) == OPEN
