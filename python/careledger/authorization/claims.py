"""An insurer's claim settlement and vault on the chain, for Python: the provider's calls, the payer's of a patient's
share, and the reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from careledger.anchoring.types import Location
from careledger.authorization.authorizations import Authorizations
from careledger.authorization.claim_types import Account, Claim, ClaimLine, ClaimRecord, Estimate, Funds
from careledger.chain.connection import LogEntry, TransactionReceipt
from careledger.chain.signers.signer import required
from careledger.chain.token import Token
from careledger.chain.values import account_address
from careledger.contract_enums import ClaimStatus
from careledger.contract_events import (
    ClaimAdjudicated,
    ClaimDuplicate,
    ClaimPended,
    ClaimReversed,
    ClaimReviewed,
    ClaimSubmitted,
    ContractEvent,
)
from careledger.errors import InvalidInput
from careledger.identity.identifiers import organization_id

if TYPE_CHECKING:
    from careledger.authorization.payer import Payer

__all__ = ["CLAIM_EVENTS", "Claims", "require_held"]

MOST_LINES = 32
CLAIM_EVENTS: tuple[type[ContractEvent], ...] = (
    ClaimSubmitted,
    ClaimAdjudicated,
    ClaimPended,
    ClaimDuplicate,
    ClaimReviewed,
    ClaimReversed,
)
"""All that can happen to a claim in a settlement."""


class Claims:
    """Calls that change something need the payer's signer to be who the method names. Every method raises ContractError
    with the contract's reason if it refuses, ChainError if the chain could not be asked, and InvalidInput for a value
    that cannot be right.

    Organizations are given by name or id, ids and commitments as 0x-prefixed text, amounts in token minor units.
    """

    def __init__(self, payer: Payer) -> None:
        self._payer = payer
        self._settlement = payer.settlement
        self._vault = payer.vault

    @property
    def address(self) -> str:
        """The settlement's address."""
        return self._settlement.address

    # ------------------------------------------------------------------ the provider's

    def submit(
        self, claim: Claim, lines: Sequence[ClaimLine], documents: Iterable[Location] = ()
    ) -> TransactionReceipt:
        """Submits a claim, which adjudicates its lines. Lines that the same claim has already are left as they are."""
        if not 0 < len(lines) <= MOST_LINES:
            raise InvalidInput("lines", str(len(lines)), f"must be 1 to {MOST_LINES}")
        stated = [line.to_abi() for line in lines], [document.to_abi() for document in documents]
        return self._settlement.send(required(self._payer.signer), "submit", claim.to_abi(), *stated)

    def set_payee(self, provider: str, payee: str | None) -> TransactionReceipt:
        """Names the account that is paid, as the provider's controller. None keeps the credit waiting."""
        named = account_address("payee", payee) if payee else "0x" + 40 * "0"
        return self._send("setPayee", organization_id(provider), named)

    # ------------------------------------------------------------------ anyone's

    def pay_out(self, provider: str) -> TransactionReceipt:
        """Pays a provider's credit to its payee."""
        return self._send("payOut", organization_id(provider))

    def credit_unfunded(self, count: int) -> TransactionReceipt:
        """Credits at most so many payments that waited for money, first in first out."""
        return self._send("creditUnfunded", count)

    def prepay(self, provider: str, request_id: str, line: int, amount: int) -> TransactionReceipt:
        """Has the vault hold the signer's money for its share of a line; further money adds up. Lets the vault take as
        much of the token first, if it may not yet: then that is a transaction before.

        Raises InvalidInput if there is no such line, or the signer has less.
        """
        organization, signer = organization_id(provider), required(self._payer.signer)
        authorizations = Authorizations(
            self._payer.authorizations, self._payer.organizations, self._payer.first_block, signer
        )
        if authorizations.line(organization, request_id, line) is None:
            raise InvalidInput("line", f"{request_id} {line}", f"is none of {provider}'s: nothing could use the money")
        token = Token(self._vault.connection, str(self._vault.read("token")))
        require_held(token, signer.address, amount)
        token.allow(signer, self._vault.address, amount)
        return self._send("prepay", organization, request_id, line, amount)

    def refund(self, provider: str, request_id: str, line: int) -> TransactionReceipt:
        """Gives back to the signer all that is held of its money for a line."""
        return self._send("refund", organization_id(provider), request_id, line)

    # ------------------------------------------------------------------ reads

    def key_of(self, provider: str, line: ClaimLine) -> str:
        """The key that a line of a provider's has."""
        return str(self._settlement.read("keyOf", organization_id(provider), line.to_abi()))

    def uri_of(self, key: str) -> str:
        """Where a line is: `eip155:<chain>:<settlement>/<key>`, the contract as CAIP-10 has it."""
        return f"eip155:{self._settlement.connection.chain_id}:{self.address}/{key}"

    def tag_of(self, claim: Claim) -> str:
        """What is kept of a claim with each of its lines, 8 bytes."""
        return str(self._settlement.read("tagOf", claim.to_abi()))

    def line(self, key: str, block: int | str = "latest") -> ClaimRecord | None:
        """What is known of a claim line; None if nothing."""
        found = ClaimRecord.from_abi(self._settlement.read("claimOf", key, block=block))
        return None if found.status is ClaimStatus.UNKNOWN else found

    def estimate(
        self,
        provider: str,
        version: int,
        member_key: str,
        period: int,
        benefit_class: int,
        milli_units: int,
        charge: int,
    ) -> Estimate | None:
        """What a service would cost now, by a version of the policy; None if that is not known: the policy has no rule
        or no price for it, or does not cover it, or the member is not named."""
        stated = (version, member_key, period, benefit_class, milli_units, charge)
        found = self._settlement.read("estimate", organization_id(provider), *stated)
        if not found.pop("known"):
            return None
        return Estimate(charge=charge, **found)

    def account(self, provider: str) -> Account:
        """What a provider is owed and owes."""
        found = self._vault.read("accountOf", organization_id(provider))
        return Account(found["credit"], found["debt"], found["payee"] if int(found["payee"], 16) else None)

    def prepaid(self, provider: str, request_id: str, line: int, payer: str) -> int:
        """What is held of a payer's money for a line."""
        _, amount = self._vault.read("prepaymentOf", organization_id(provider), request_id, line, payer)
        return int(amount)

    def funds(self) -> Funds:
        """The insurer's money."""
        unfunded, waiting = self._vault.read("unfunded")
        limits = self._vault.read("limits")
        return Funds(self._vault.read("available"), self._vault.read("free"), unfunded, waiting, *limits)

    def history(self, provider: str, claim_id: str) -> tuple[LogEntry, ...]:
        """All that happened to a claim, in order, from the chain's events: of each line that it has, whichever claim
        the event names. For many, an index is quicker."""
        keys: set[str] = set()
        found = []
        of_claim = (organization_id(provider), claim_id.lower())
        for entry in self._settlement.connection.logs(self.address, CLAIM_EVENTS, self._payer.first_block):
            event = entry.event
            if isinstance(event, ClaimReviewed | ClaimReversed):
                if event.key in keys:
                    found.append(entry)
                continue
            named = event.id if isinstance(event, ClaimSubmitted) else getattr(event, "claim_id", "")
            if (getattr(event, "provider", ""), named) != of_claim:
                continue
            found.append(entry)
            if isinstance(event, ClaimAdjudicated | ClaimPended):
                keys.add(event.key)
        return tuple(found)

    # ------------------------------------------------------------------ helpers

    def _send(self, function: str, *arguments: object) -> TransactionReceipt:
        return self._vault.send(required(self._payer.signer), function, *arguments)


def require_held(token: Token, account: str, amount: int) -> None:
    """Raises InvalidInput if an account has fewer minor units of a token."""
    held = token.balance_of(account)
    if held < amount:
        raise InvalidInput("amount", str(amount), f"{account} has {held} minor units of {token.address}")
