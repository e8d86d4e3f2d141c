"""What the tests of claims and of the vault share: the suite, requests, claims, and what reviewers sign."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import ape
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from ..support import DAY, ZERO, ZERO_HASH, chain_time, events, send
from .payer import MONEY, PLAN, UNIT, UNIT_CODE, Flag, episode_rule, rule, sign

PLAIN, SHARED, PRICELESS, EPISODE, WHOLE, PART, LIMITED, FREE, SMALL, NESTED = range(21, 31)
"""Benefit classes of `CLAIM_RULES`: without a patient's share; with copay, deductible and coinsurance; without a price;
by the episode; one that includes others, and one that it includes; with a limit per day; without authorization; with a
low fast-track maximum; one that is included and includes."""

PRICE = 150 * MONEY
"""Of a unit, agreed."""

NEEDED = Flag.AUTHORIZATION_NEEDED

CLAIM_RULES = (
    rule(PLAIN),
    rule(SHARED, flags=NEEDED | Flag.DEDUCTIBLE, copay=20 * MONEY, coinsurance=1_000),
    rule(PRICELESS, unit_price=0),
    episode_rule(EPISODE, fast_track_maximum=20_000 * MONEY, max_amount=20_000 * MONEY, max_unit_price=20_000 * MONEY),
    rule(WHOLE, flags=NEEDED | Flag.INCLUDES_OTHERS),
    rule(PART, part_of=WHOLE),
    rule(LIMITED, max_milli_units_per_day=2 * UNIT),
    rule(FREE, flags=0),
    rule(SMALL, fast_track_maximum=100 * MONEY),
    rule(NESTED, flags=NEEDED | Flag.INCLUDES_OTHERS, part_of=WHOLE),
)

MEMBER, OTHER_MEMBER = keccak(text="member one")[:16], keccak(text="member two")[:16]
PERIOD = 2027
FUNDS = 1_000_000 * MONEY
DAILY_CAP = 100_000 * MONEY
DOCUMENT_TERMS = 3 << 40
REASON = 7
"""Of a reversal, by the insurer's list."""

ELIGIBILITY_TYPE = {
    "memberKey": "bytes16",
    "provider": "bytes12",
    "plan": "uint32",
    "period": "uint16",
    "validUntil": "uint40",
}
REVIEW_TYPE = {
    "provider": "bytes12",
    "key": "bytes32",
    "status": "uint8",
    "allowed": "uint64",
    "carc": "uint16",
    "rationale": "bytes32",
}
REVERSAL_TYPE = {"provider": "bytes12", "key": "bytes32", "reason": "uint16"}
"""The EIP-712 types, as the interfaces' documentation states them."""

REQUEST_REVIEW_TYPE = {
    "provider": "bytes12",
    "requestId": "bytes32",
    "line": "uint8",
    "sequence": "uint16",
    "action": "uint8",
    "benefitClass": "uint16",
    "milliUnits": "uint40",
    "amount": "uint64",
    "reason": "uint16",
    "rationale": "bytes32",
}

RATIONALE = keccak(text="rationale")


class ClaimStatus(enum.IntEnum):
    UNKNOWN, IN_REVIEW, PAID, PARTIAL, DENIED, APPROVED_UNFUNDED, PARTIAL_UNFUNDED, REVERSED = range(8)


class Finding(enum.IntEnum):
    (
        NONE,
        NO_AUTHORIZATION,
        UNKNOWN_AUTHORIZATION,
        FILED_LATE,
        IMPLAUSIBLE_DATE,
        AUTHORIZATION_NOT_REQUIRED,
        AUTHORIZATION_NOT_ACTIVE,
        SERVICE_OUTSIDE_VALIDITY,
        UNITS_OVER_AUTHORIZATION,
        AMOUNT_OVER_AUTHORIZATION,
        IMPLAUSIBLE_QUANTITY,
        DOCUMENTS_MISSING,
        DOCUMENT_REUSED,
        UNBUNDLED,
        NO_AGREED_PRICE,
        OVER_FAST_TRACK_MAXIMUM,
    ) = range(16)


class Carc(enum.IntEnum):
    """Claim adjustment reason codes."""

    UNKNOWN_AUTHORIZATION, FILED_LATE, OVER_AGREED_PRICE, NOT_NECESSARY, NO_AUTHORIZATION = 15, 29, 45, 50, 197


def today() -> int:
    """The latest block's day, since 1970-01-01 UTC."""
    return chain_time() // DAY


@dataclass(frozen=True)
class ServiceLine:
    """A claim line."""

    request: bytes
    day: int
    milli_units: int = UNIT
    charge: int = PRICE
    number: int = 0

    def call(self) -> tuple[Any, ...]:
        return self.request, self.number, self.day, self.milli_units, self.charge

    def key(self, provider: bytes) -> bytes:
        """By eth_abi."""
        kinds = ["bytes12", "bytes32", "uint8", "uint16", "uint40", "uint64"]
        return keccak(encode(kinds, [provider, *self.call()]))


@dataclass(frozen=True)
class Claim:
    """A claim besides its lines."""

    id: bytes
    content: bytes = ZERO_HASH
    payer: Any = ZERO

    @classmethod
    def named(cls, name: str, payer: Any = ZERO) -> Claim:
        return cls(keccak(text=f"claim {name}"), keccak(text=f"content of {name}"), payer)

    def call(self) -> tuple[Any, ...]:
        return self.id, self.content, str(self.payer)

    def tag(self) -> bytes:
        """By eth_abi."""
        return keccak(encode(["bytes32", "address"], [self.id, str(self.payer)]))[:8]


@dataclass(frozen=True)
class Record:
    """What the vault keeps of a claim line."""

    status: ClaimStatus
    finding: Finding
    tag: bytes
    paid: int
    deductible: int
    out_of_pocket: int


UNKNOWN_RECORD = Record(ClaimStatus.UNKNOWN, Finding.NONE, bytes(8), 0, 0, 0)


@dataclass(frozen=True)
class Split:
    """How a charge is split, as `ClaimAdjudicated` tells it."""

    charge: int
    paid: int = 0
    contractual: int = 0
    deductible: int = 0
    coinsurance: int = 0
    copay: int = 0
    denied: int = 0
    carc: int = 0

    @property
    def out_of_pocket(self) -> int:
        return self.deductible + self.coinsurance + self.copay


@dataclass(frozen=True)
class Suite:
    """An insurer's contracts, a provider with a key, and what it needs to claim."""

    policy: Any
    authorizations: Any
    vault: Any
    settlement: Any
    panel: Any
    units: Any
    token: Any
    anchors: Any
    version: int
    provider: bytes
    key: Any
    insurer_key: Any
    reviewer_key: Any
    sender: Any
    numbers: Any = field(default_factory=count)

    # ---------------------------------------------------------------- requests

    def eligibility(self, member: bytes = MEMBER, provider: bytes | None = None) -> tuple[Any, ...]:
        """The insurer's word that a member is covered, for a day."""
        until = chain_time() + DAY
        signature = sign(
            self.authorizations,
            "PriorAuthorization",
            self.insurer_key,
            "Eligibility",
            ELIGIBILITY_TYPE,
            {
                "memberKey": member,
                "provider": provider or self.provider,
                "plan": PLAN,
                "period": PERIOD,
                "validUntil": until,
            },
        )
        return member, PLAN, PERIOD, until, self.insurer_key.address, signature

    def unverified(self) -> tuple[Any, ...]:
        return bytes(16), 0, 0, 0, ZERO, b""

    def request(
        self,
        benefit_class: int = PLAIN,
        milli_units: int = 5 * UNIT,
        amount: int | None = None,
        member: bytes | None = MEMBER,
        day: int | None = None,
        version: int | None = None,
        key: Any = None,
        provider: bytes | None = None,
        lines: int = 1,
    ) -> bytes:
        """Submits a request with one line or more alike, for 200 a unit by default. Returns its id."""
        if amount is None:
            amount = 200 * MONEY * milli_units // UNIT
        request_id = keccak(text=f"request {next(self.numbers)}")
        stated = (request_id, keccak(request_id), version or self.version, chain_time(), False)
        line = (benefit_class, UNIT_CODE, milli_units, amount, today() if day is None else day, keccak(b"line"))
        eligibility = self.eligibility(member, provider) if member else self.unverified()
        send(self.authorizations.submit, stated, eligibility, [line] * lines, [], sender=key or self.key)
        return request_id

    def decide_request(
        self, request: bytes, action: int, benefit_class: int, milli_units: int, amount: int, sequence: int = 1
    ) -> None:
        """A reviewer's decision of a pended request's first line."""
        message = {
            "provider": self.provider,
            "requestId": request,
            "line": 0,
            "sequence": sequence,
            "action": action,
            "benefitClass": benefit_class,
            "milliUnits": milli_units,
            "amount": amount,
            "reason": 1,
            "rationale": RATIONALE,
        }
        signature = sign(
            self.authorizations, "PriorAuthorization", self.reviewer_key, "Review", REQUEST_REVIEW_TYPE, message
        )
        call = tuple(message.values())
        send(self.authorizations.review, call, self.reviewer_key, signature, sender=self.sender)

    def line_state(self, request: bytes, number: int = 0) -> dict[str, Any]:
        """A line of a request's; read by eth_abi, as Ape reads no field named `class`."""
        method = self.authorizations.lineOf
        data = method.encode_input(self.provider, request, number)
        answer = ape.networks.provider.web3.eth.call({"to": self.authorizations.address, "data": data})
        fields = method.abis[0].outputs[0].components
        values = decode([f"({','.join(field.canonical_type for field in fields)})"], bytes(answer))[0]
        return {field.name: value for field, value in zip(fields, values, strict=True)}

    def left_of(self, request: bytes, number: int = 0) -> tuple[int, int]:
        """Milli-units and amount that a grant has left."""
        state = self.line_state(request, number)
        return state["milliUnits"], state["amount"]

    # ---------------------------------------------------------------- claims

    def line(self, request: bytes, **changes: Any) -> ServiceLine:
        """A unit for the agreed price today."""
        return ServiceLine(request, **{"day": today(), **changes})

    def document(self, key: Any = None, text: str | None = None) -> tuple[Any, ...]:
        """A document that a key of the provider's has anchored by itself."""
        leaf = keccak(text=text or f"document {next(self.numbers)}")
        signer = key or self.key
        send(self.anchors.anchor, leaf, DOCUMENT_TERMS, sender=signer)
        return signer.address, leaf, ZERO_HASH, 0, []

    def claim(self, name: str | None = None, payer: Any = ZERO) -> Claim:
        return Claim.named(name or str(next(self.numbers)), payer)

    def submission(
        self, claim: Claim, lines: Sequence[ServiceLine], documents: Sequence[Any] | None = None
    ) -> list[Any]:
        """The arguments of `submit`; with a fresh document unless some are given."""
        shown = [self.document()] if documents is None else list(documents)
        return [claim.call(), [line.call() for line in lines], shown]

    def submit(self, claim: Claim, *lines: ServiceLine, documents: Sequence[Any] | None = None, key: Any = None) -> Any:
        """Submits a claim. Returns the receipt."""
        return send(self.settlement.submit, *self.submission(claim, lines, documents), sender=key or self.key)

    def pay(self, request: bytes, name: str | None = None, **changes: Any) -> tuple[Claim, ServiceLine]:
        """Has a line of a claim of its own adjudicated."""
        claim, line = self.claim(name), self.line(request, **changes)
        self.submit(claim, line)
        return claim, line

    def record(self, line: ServiceLine, provider: bytes | None = None) -> Record:
        held = tuple(self.vault.recordOf(line.key(provider or self.provider)))
        return Record(ClaimStatus(held[0]), Finding(held[1]), bytes(held[2]), *held[3:])

    def status(self, line: ServiceLine) -> tuple[ClaimStatus, Finding]:
        held = self.record(line)
        return held.status, held.finding

    # ---------------------------------------------------------------- reviewers

    def review(
        self,
        claim: Claim,
        line: ServiceLine,
        allowed: int,
        carc: int = 0,
        status: ClaimStatus = ClaimStatus.IN_REVIEW,
        key: Any = None,
        signer: Any = None,
    ) -> list[Any]:
        """The arguments of `review`, signed by the reviewer."""
        message = {
            "provider": self.provider,
            "key": line.key(self.provider),
            "status": status,
            "allowed": allowed,
            "carc": carc,
            "rationale": RATIONALE,
        }
        key = key or self.reviewer_key
        signature = sign(self.settlement, "ClaimSettlement", signer or key, "ClaimReview", REVIEW_TYPE, message)
        return [tuple(message.values()), claim.call(), line.call(), key.address, signature]

    def decide(
        self,
        claim: Claim,
        line: ServiceLine,
        allowed: int,
        carc: int = 0,
        status: ClaimStatus = ClaimStatus.IN_REVIEW,
    ) -> Any:
        """A reviewer's decision, which somebody else sends. Returns the receipt."""
        return send(self.settlement.review, *self.review(claim, line, allowed, carc, status), sender=self.sender)

    def reversal(self, line: ServiceLine, reason: int = REASON, key: Any = None, signer: Any = None) -> list[Any]:
        """The arguments of `reverse`, signed by the reviewer."""
        key = key or self.reviewer_key
        message = {"provider": self.provider, "key": line.key(self.provider), "reason": reason}
        signature = sign(self.settlement, "ClaimSettlement", signer or key, "ClaimReversal", REVERSAL_TYPE, message)
        return [self.provider, line.call(), reason, key.address, signature]

    def reverse(self, line: ServiceLine, reason: int = REASON) -> Any:
        """A reviewer's reversal, which somebody else sends. Returns the receipt."""
        return send(self.settlement.reverse, *self.reversal(line, reason), sender=self.sender)

    # ---------------------------------------------------------------- money

    def account(self, provider: bytes | None = None) -> tuple[int, int]:
        """A provider's credit and debt."""
        held = self.vault.accountOf(provider or self.provider)
        return int(held.credit), int(held.debt)

    def shares(self, member: bytes = MEMBER) -> tuple[int, int]:
        """What a member has paid of deductible and out-of-pocket maximum."""
        return tuple(self.vault.accumulatorsOf(member, PERIOD))

    def split(self, receipt: Any) -> Split:
        """How the one line that a transaction adjudicated was split."""
        found = [event for event in events(receipt, self.settlement) if event[0] == "ClaimAdjudicated"]
        assert len(found) == 1
        return Split(*found[0][7])


def adjudicated(
    suite: Suite,
    claim: Claim,
    line: ServiceLine,
    status: ClaimStatus,
    finding: Finding,
    split: Split,
    reviewer: bytes = bytes(12),
) -> tuple[Any, ...]:
    """The event of an adjudication."""
    parts = tuple(vars(split).values())
    key = line.key(suite.provider)
    return "ClaimAdjudicated", suite.provider, claim.id, key, line.call(), status, finding, parts, reviewer
