"""A reviewer's signed decision as a file: who has only the reviewer's key writes it, another sends it.

    {"format": "careledger-review", "version": 1, "decides": "request", "chain_id": 1, "contract": "0x...",
     "provider": "0x...", "request_id": "0x...", "line": 0, "sequence": 1, "action": "DENIED", "benefit_class": 30,
     "milli_units": 0, "amount": 0, "reason": 4, "rationale": "0x...", "key": "0x...", "signature": "0x..."}

`decides` is `request` (a line or its appeal), `claim` or `reversal` (of a claim line). A file holds what was signed,
and nothing that the chain will not show once it is sent: no person, code or text.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from careledger.authorization.authorizations import SignedReview
from careledger.authorization.payer import Payer
from careledger.authorization.reviews import ClaimUnderReview, Reviews, SignedClaimReview, SignedReversal
from careledger.authorization.text_files import Part, parse_text_file, read_file
from careledger.authorization.types import Review
from careledger.chain.contract import Contract
from careledger.chain.values import account_address
from careledger.contract_enums import Action, ClaimStatus
from careledger.errors import InvalidInput, WrongChain

__all__ = ["FORMAT", "VERSION", "Signed", "dump_review", "parse_review"]

FORMAT = "careledger-review"
VERSION = 1
LONGEST_NUMBER = 80

Signed = SignedReview | SignedClaimReview | SignedReversal


def dump_review(payer: Payer, signed: Signed) -> bytes:
    """The JSON file that `parse_review` reads. `payer` are the insurer's contracts that it was signed for."""
    if isinstance(signed, SignedReview):
        contract, stated = payer.authorizations, _of_request(signed.review)
    else:
        contract, stated = payer.settlement, _of_claim(signed)
    body = {
        "format": FORMAT,
        "version": VERSION,
        **stated,
        "chain_id": contract.connection.chain_id,
        "contract": contract.address,
        "key": signed.key,
        "signature": "0x" + signed.signature.hex(),
    }
    return json.dumps(body, indent=2).encode() + b"\n"


def parse_review(content: bytes, payer: Payer) -> Signed:
    """The signed decision in a file. What a claim line came with is read from the chain.

    Raises InvalidInput that names the place of what is wrong, or if it is for another contract than the insurer's;
    WrongChain.
    """
    value = parse_text_file(content, "review")
    decides = value.get("decides") if isinstance(value, dict) else None
    if not isinstance(decides, str) or decides not in MODELS:
        raise InvalidInput("review", "decides", f"must be one of {', '.join(MODELS)}")
    return read_file(MODELS[decides], value, "review").signed(payer)


def _of_request(review: Review) -> dict[str, Any]:
    return {
        "decides": "request",
        "provider": review.provider,
        "request_id": review.request_id,
        "line": review.line,
        "sequence": review.sequence,
        "action": review.action.name,
        "benefit_class": review.benefit_class,
        "milli_units": review.milli_units,
        "amount": review.amount,
        "reason": review.reason,
        "rationale": review.rationale,
    }


def _of_claim(signed: SignedClaimReview | SignedReversal) -> dict[str, Any]:
    subject = signed.subject
    line = {"claim_line": subject.key, "prepaid_by": subject.claim.payer}
    if isinstance(signed, SignedReversal):
        return {"decides": "reversal", **line, "reason": signed.reason}
    return {
        "decides": "claim",
        **line,
        "status": signed.status.name,
        "allowed": signed.allowed,
        "carc": signed.carc,
        "rationale": signed.rationale,
    }


# ---------------------------------------------------------------------- the file's shape


def _number(value: Any) -> Any:
    readable = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < LONGEST_NUMBER
    return int(value) if readable else value


def _named(kind: type[Action] | type[ClaimStatus]) -> Any:
    def member(value: Any) -> Any:
        if not isinstance(value, str) or value not in kind.__members__:
            raise ValueError(f"must be one of {', '.join(kind.__members__)}")
        return kind[value]

    return BeforeValidator(member)


Number = BeforeValidator(_number)
Uint8 = Annotated[int, Number, Field(ge=0, lt=2**8)]
Uint16 = Annotated[int, Number, Field(ge=0, lt=2**16)]
Uint40 = Annotated[int, Number, Field(ge=0, lt=2**40)]
Uint64 = Annotated[int, Number, Field(ge=0, lt=2**64)]
Id = Annotated[str, StringConstraints(pattern="^0x[0-9a-fA-F]{24}$", to_lower=True)]
Word = Annotated[str, StringConstraints(pattern="^0x[0-9a-fA-F]{64}$", to_lower=True)]
Address = Annotated[str, StringConstraints(pattern="^0x[0-9a-fA-F]{40}$")]
Signature = Annotated[str, StringConstraints(pattern="^0x([0-9a-fA-F]{2})+$")]


class _File(Part):
    format: Literal["careledger-review"]
    version: Annotated[Literal[1], Number]
    decides: str
    chain_id: Uint64
    contract: Address
    key: Address
    signature: Signature

    @abstractmethod
    def signed(self, payer: Payer) -> Signed:
        """What was signed. Raises what `require` raises."""

    def by(self) -> tuple[str, bytes]:
        return account_address("key", self.key), bytes.fromhex(self.signature[2:])

    def require(self, contract: Contract) -> None:
        """That it is for this contract on this chain."""
        if self.chain_id != contract.connection.chain_id:
            raise WrongChain(self.chain_id, contract.connection.chain_id)
        if account_address("contract", self.contract) != contract.address:
            raise InvalidInput("review", self.contract, f"is another contract than the insurer's, {contract.address}")


class _OfRequest(_File):
    provider: Id
    request_id: Word
    line: Uint8
    sequence: Uint16
    action: Annotated[Action, _named(Action)]
    benefit_class: Uint16
    milli_units: Uint40
    amount: Uint64
    reason: Uint16
    rationale: Word

    def signed(self, payer: Payer) -> Signed:
        self.require(payer.authorizations)
        review = Review(
            provider=self.provider,
            request_id=self.request_id,
            line=self.line,
            sequence=self.sequence,
            action=self.action,
            benefit_class=self.benefit_class,
            milli_units=self.milli_units,
            amount=self.amount,
            reason=self.reason,
            rationale=self.rationale,
        )
        return SignedReview(review, *self.by())


class _OfClaimLine(_File):
    claim_line: Word
    prepaid_by: Address | None = None

    def subject(self, payer: Payer) -> ClaimUnderReview:
        self.require(payer.settlement)
        named = None if self.prepaid_by is None else account_address("prepaid_by", self.prepaid_by)
        return Reviews(payer).claim(self.claim_line, named)


class _OfClaim(_OfClaimLine):
    status: Annotated[ClaimStatus, _named(ClaimStatus)]
    allowed: Uint64
    carc: Uint16
    rationale: Word

    def signed(self, payer: Payer) -> Signed:
        stated = self.status, self.allowed, self.carc, self.rationale
        return SignedClaimReview(self.subject(payer), *stated, *self.by())


class _OfReversal(_OfClaimLine):
    reason: Uint16

    def signed(self, payer: Payer) -> Signed:
        return SignedReversal(self.subject(payer), self.reason, *self.by())


MODELS: dict[str, type[_File]] = {"request": _OfRequest, "claim": _OfClaim, "reversal": _OfReversal}
