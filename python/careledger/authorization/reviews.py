"""Reviewers' decisions for Python: of requests and appeals, and of claim lines.

    reviews = Reviews(payer)
    review = reviews.draft("general-hospital", request_id, 0, Action.DENIED, reason=reasons.number("not-necessary"))
    reviews.send(reviews.sign(review, reviewer))

A review is signed over all that it decides. Whoever sends it, needs no right to: a reviewer's key needs no funds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from careledger.anchoring.types import ZERO_HASH
from careledger.authorization.authorizations import Authorizations, SignedReview
from careledger.authorization.claim_types import Claim, ClaimLine, ClaimRecord
from careledger.authorization.claims import Claims
from careledger.authorization.messages import claim_reversal_message, claim_review_message
from careledger.authorization.payer import Payer
from careledger.authorization.text_files import Part, Text, parse_text_file, read_file
from careledger.authorization.types import Review
from careledger.chain.connection import TransactionReceipt
from careledger.chain.signers import Signer
from careledger.chain.signers.signer import required
from careledger.chain.typed_data import shortest_signature
from careledger.contract_enums import Action, AppealStatus, ClaimStatus
from careledger.contract_events import ClaimAdjudicated, ClaimPended
from careledger.errors import InvalidInput

__all__ = [
    "ClaimUnderReview",
    "Reason",
    "Reasons",
    "Reviews",
    "SignedClaimReview",
    "SignedReversal",
    "parse_reasons",
]

NAME = re.compile("[a-z0-9]+(-[a-z0-9]+)*")
NUMBER = re.compile("[1-9][0-9]{0,4}")
REASON_LIMIT = 2**16


@dataclass(frozen=True)
class Reason:
    """Why: its number on the chain, its name in the insurer's house, and what a provider is told."""

    number: int
    name: str
    text: str


class Reasons:
    """An insurer's list of reasons. On chain stand their numbers."""

    def __init__(self, reasons: Mapping[str, Reason]) -> None:
        self._reasons = dict(reasons)

    def number(self, name_or_number: str) -> int:
        """A reason's number by its name, or as it is. Raises InvalidInput for what is not in the list."""
        if name_or_number in self._reasons:
            return self._reasons[name_or_number].number
        numbers = {str(reason.number) for reason in self._reasons.values()}
        if name_or_number in numbers:
            return int(name_or_number)
        raise InvalidInput("reason", name_or_number, f"is none of {', '.join(self._reasons) or 'an empty list'}")

    def text(self, number: int) -> str:
        """What a provider is told; the number if the list does not have it."""
        found = [reason.text for reason in self._reasons.values() if reason.number == number]
        return found[0] if found else f"reason {number}"

    def __iter__(self) -> Any:
        return iter(self._reasons.values())


class _Reason(Part):
    number: Annotated[int, BeforeValidator(lambda value: int(value) if NUMBER.fullmatch(str(value)) else value)] = (
        Field(ge=1, lt=REASON_LIMIT)
    )
    text: Text


class _File(Part):
    format: Literal["careledger-reasons"]
    version: Literal["1"]
    reasons: dict[str, _Reason]


def parse_reasons(content: bytes) -> Reasons:
    """The list of a YAML or JSON file:

        format: careledger-reasons
        version: 1
        reasons:
          not-necessary: {number: 1, text: The documents do not show that the service is needed.}

    Raises InvalidInput that names the place of what is wrong.
    """
    file = read_file(_File, parse_text_file(content, "reasons"), "reasons")
    found: dict[str, Reason] = {}
    numbers: dict[int, str] = {}
    for name, reason in file.reasons.items():
        if not NAME.fullmatch(name):
            raise InvalidInput("reasons", name, "must be a name of small letters, digits and hyphens")
        if reason.number in numbers:
            raise InvalidInput("reasons", name, f"has the number of {numbers[reason.number]}")
        numbers[reason.number] = name
        found[name] = Reason(reason.number, name, reason.text)
    return Reasons(found)


@dataclass(frozen=True)
class ClaimUnderReview:
    """A claim line by its key: whose it is, what it came with, and what is known of it."""

    key: str
    provider: str
    claim: Claim
    line: ClaimLine
    record: ClaimRecord


@dataclass(frozen=True)
class SignedClaimReview:
    """A reviewer's decision of a claim line for another to send. `allowed` is token minor units, `carc` the claim
    adjustment reason code of what is denied, `status` the line's when it was signed."""

    subject: ClaimUnderReview
    status: ClaimStatus
    allowed: int
    carc: int
    rationale: str
    key: str
    signature: bytes


@dataclass(frozen=True)
class SignedReversal:
    """A reviewer's reversal of a paid claim line, for another to send. `reason` is by the insurer's list."""

    subject: ClaimUnderReview
    reason: int
    key: str
    signature: bytes


class Reviews:
    """Sending needs the payer's signer, whoever it is. Every method raises ContractError with the contract's reason if
    it refuses, ChainError if the chain could not be asked, and InvalidInput for a value that cannot be right."""

    def __init__(self, payer: Payer) -> None:
        self._payer = payer
        self._settlement = payer.settlement
        self._authorizations = Authorizations(
            payer.authorizations, payer.organizations, payer.first_block, payer.signer
        )
        self._claims = Claims(payer)

    # ------------------------------------------------------------------ requests and appeals

    def draft(
        self,
        provider: str,
        request: str,
        line: int,
        action: Action,
        *,
        milli_units: int | None = None,
        amount: int | None = None,
        benefit_class: int | None = None,
        reason: int = 0,
        rationale: str = ZERO_HASH,
    ) -> Review:
        """A decision of a pended line or an open appeal, over the decision that stands now. What is not given is as
        asked for, or as is left. Of an appeal, `DENIED` upholds. Sends nothing.

        Raises InvalidInput for an unknown line, an amount that must be given because none was asked for, units that
        must be said because less is granted, and a reason that is missing.
        """
        organization = self._payer.organizations.known(provider)
        state = self._authorizations.line(organization, request, line)
        if state is None:
            raise InvalidInput("line", f"{request} {line}", f"is none of {provider}'s")
        if reason == 0 and action is not Action.APPROVED_IN_FULL:
            raise InvalidInput("reason", "", "must be stated unless all is approved: --reason")
        chosen_class = state.benefit_class if benefit_class is None else benefit_class
        common = organization, request.lower(), line, state.sequence, action, chosen_class
        if action is Action.DENIED:
            return Review(*common, reason=reason, rationale=rationale)
        if action is Action.APPROVED_IN_PART and milli_units is None and amount is None:
            raise InvalidInput("units", "", "say what is granted of units or amount: --units, --amount")
        granted = state.milli_units if milli_units is None else milli_units
        money = state.amount if amount is None else amount
        if state.appeal is AppealStatus.OPEN and granted == 0:
            raise InvalidInput("units", "0", "of an appealed grant that is used up, say what may be used: --units")
        if money is None:
            raise InvalidInput("amount", "", "none was asked for: say what is granted, --amount")
        return Review(*common, granted, money, reason, rationale)

    def sign(self, review: Review, reviewer: Signer) -> SignedReview:
        """With a reviewer's signature, of 64 bytes by a key held here. Sends nothing."""
        return self._authorizations.sign_review(review, reviewer)

    def send(self, signed: SignedReview) -> TransactionReceipt:
        """Sends a reviewer's decision. Sent before, it changes nothing."""
        return self._authorizations.review(signed)

    def send_signed(self, signed: SignedReview | SignedClaimReview | SignedReversal) -> TransactionReceipt:
        """Sends a reviewer's decision, whatever it decides."""
        if isinstance(signed, SignedReview):
            return self.send(signed)
        return self.reverse(signed) if isinstance(signed, SignedReversal) else self.send_claim(signed)

    # ------------------------------------------------------------------ claims

    def claim(self, key: str, payer: str | None = None) -> ClaimUnderReview:
        """A claim line by its key, from the chain's events. `payer` is whose prepayment the claim named, if it did.

        Raises InvalidInput if the line is unknown, or its claim named another payer.
        """
        record = self._claims.line(key)
        if record is None:
            raise InvalidInput("claim line", key, "is unknown to the settlement")
        kinds = [ClaimPended, ClaimAdjudicated]
        logs = self._settlement.connection.logs(self._settlement.address, kinds, self._payer.first_block)
        for entry in logs:
            event = entry.event
            if not isinstance(event, ClaimPended | ClaimAdjudicated) or event.key != key.lower():
                continue
            request = event.request_id if int(event.request_id, 16) else None
            line = ClaimLine(request, event.line, event.service_day, event.milli_units, event.charge)
            claim = Claim(event.claim_id, ZERO_HASH, payer)
            if self._claims.tag_of(claim) != record.claim:
                raise InvalidInput("payer", payer or "none", "is not who the claim named: --prepaid-by")
            return ClaimUnderReview(event.key, event.provider, claim, line, record)
        raise InvalidInput("claim line", key, "came to another version of the settlement")

    def sign_claim(
        self,
        subject: ClaimUnderReview,
        reviewer: Signer,
        allowed: int,
        carc: int = 0,
        rationale: str = ZERO_HASH,
    ) -> SignedClaimReview:
        """A reviewer's decision of a line that waits for a person or was denied. `allowed` are token minor units, at
        most the charge; `carc` says why less is allowed than the agreed price. Sends nothing."""
        if not 0 <= allowed <= subject.line.charge:
            raise InvalidInput("allowed", str(allowed), f"must be 0 to the charge, {subject.line.charge} minor units")
        status = subject.record.status
        message = claim_review_message(
            self._settlement.connection.chain_id,
            self._settlement.address,
            subject.provider,
            subject.key,
            int(status),
            allowed,
            carc,
            rationale,
        )
        signature = shortest_signature(reviewer, message)
        return SignedClaimReview(subject, status, allowed, carc, rationale, reviewer.address, signature)

    def send_claim(self, signed: SignedClaimReview) -> TransactionReceipt:
        """Sends a reviewer's decision of a claim line."""
        subject = signed.subject
        review = subject.provider, subject.key, int(signed.status), signed.allowed, signed.carc, signed.rationale
        return self._send("review", review, subject.claim.to_abi(), subject.line.to_abi(), signed.key, signed.signature)

    def sign_reversal(self, subject: ClaimUnderReview, reviewer: Signer, reason: int) -> SignedReversal:
        """A reviewer's reversal of a line that was paid or waits for money. Sends nothing."""
        message = claim_reversal_message(
            self._settlement.connection.chain_id, self._settlement.address, subject.provider, subject.key, reason
        )
        return SignedReversal(subject, reason, reviewer.address, shortest_signature(reviewer, message))

    def reverse(self, signed: SignedReversal) -> TransactionReceipt:
        """Sends a reviewer's reversal."""
        subject = signed.subject
        return self._send(
            "reverse", subject.provider, subject.line.to_abi(), signed.reason, signed.key, signed.signature
        )

    def _send(self, function: str, *arguments: object) -> TransactionReceipt:
        return self._settlement.send(required(self._payer.signer), function, *arguments)
