"""Payment on receipt for Python: a buyer pays an order in, accepting what was shipped for it pays the seller.

orders = Orders(ledger.acting_as(wholesaler).supply("medicines-agency"))
order = orders.open(reference, "sundial-pharma", token, 2_000_00, deadline)
"""

from __future__ import annotations

from typing import Any

from careledger.chain.connection import TransactionReceipt
from careledger.chain.signers.signer import required
from careledger.chain.token import Token
from careledger.chain.values import account_address
from careledger.contract_events import OrderOpened
from careledger.errors import InvalidInput
from careledger.identity.identifiers import organization_id
from careledger.serialization.supply import SupplyChain
from careledger.serialization.types import Order

__all__ = ["Orders"]


class Orders:
    """Calls that change something need a key of the buyer, the seller, or whoever the method names as the signer. Every
    method raises ContractError with the contract's reason if it refuses, InvalidInput for a value that is none, and
    ChainError if the chain could not be asked."""

    def __init__(self, supply: SupplyChain) -> None:
        self.supply = supply
        self._escrow = supply.escrow

    def open(
        self, reference: bytes, seller: str, token: str, amount: int, deadline: int
    ) -> tuple[str, TransactionReceipt]:
        """Orders from a seller, and pays in from the signer's account, which lets the escrow take it first. Returns the
        order's id, of buyer and `reference`, any 32 bytes. What comes in counts, where a token takes a fee.

        Raises InvalidInput if the account has less.
        """
        signer = required(self.supply.signer)
        money = Token(self.supply.connection, account_address("token", token))
        held = money.balance_of(signer.address)
        if amount <= 0 or held < amount:
            raise InvalidInput("amount", str(amount), f"must be above 0, and {signer.address} has {held}")
        money.allow(signer, self._escrow.address, amount)
        receipt = self._send(
            "openOrder", "0x" + reference.hex(), organization_id(seller), money.address, amount, deadline
        )
        return receipt.event(OrderOpened).order, receipt

    def refund(self, order: str) -> TransactionReceipt:
        """Calls an order off that is not shipped: the seller at any time, the buyer past its deadline; or, as the
        seller, leaves the rest of one received in part to the buyer."""
        return self._send("refund", order)

    def concede(self, order: str) -> TransactionReceipt:
        """Pays the seller the rest of an order received in part, as the buyer."""
        return self._send("concede", order)

    def pay_out(self, token: str, to: str) -> TransactionReceipt:
        """Pays out what the signer's organization has of a token, to an account."""
        return self._send("payOut", account_address("token", token), account_address("to", to))

    def order(self, order: str, block: int | str = "latest") -> Order | None:
        """An order, None if it is unknown."""
        told = Order.from_abi(self._escrow.read("orderOf", order, block=block))
        return told if told.status else None

    def credit(self, organization: str, token: str) -> int:
        """What an organization, by name or id, can draw, token minor units."""
        arguments = (organization_id(organization), account_address("token", token))
        return int(self._escrow.read("creditOf", *arguments))

    def _send(self, function: str, *arguments: Any) -> TransactionReceipt:
        return self._escrow.send(required(self.supply.signer), function, *arguments)
