"""What goes to a `ClaimSettlement` and an `InsurerVault` and comes from them, for Python.

Units are milli-units, amounts token minor units, days are since 1970-01-01 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from careledger.anchoring.types import ZERO_HASH
from careledger.authorization.types import ZERO_ADDRESS
from careledger.contract_enums import ClaimStatus, Finding

__all__ = ["Account", "Claim", "ClaimLine", "ClaimRecord", "Estimate", "Funds"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim besides its lines. `id` is `claim_id` of the provider's identifier, `content` a salted commitment to all
    of it, `payer` whose prepayment is used for the patient's share."""

    id: str
    content: str
    payer: str | None = None

    def to_abi(self) -> tuple[Any, ...]:
        return (self.id, self.content, self.payer or ZERO_ADDRESS)


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """A service on a day, under a line of a request; `request_id` is None if there was no request."""

    request_id: str | None
    line: int
    service_day: int
    milli_units: int
    charge: int

    def to_abi(self) -> tuple[Any, ...]:
        return (self.request_id or ZERO_HASH, self.line, self.service_day, self.milli_units, self.charge)


@dataclass(frozen=True, slots=True)
class ClaimRecord:
    """What is known of a claim line. `claim` is `tag_of` the claim that it came with; `paid` by the insurer;
    `deductible` and `out_of_pocket`, which includes it, are what was counted for the member."""

    status: ClaimStatus
    finding: Finding
    claim: str
    paid: int
    deductible: int
    out_of_pocket: int

    @classmethod
    def from_abi(cls, found: dict[str, Any]) -> ClaimRecord:
        """What the contract's `claimOf` tells."""
        status, finding = ClaimStatus(found["status"]), Finding(found["finding"])
        return cls(status, finding, *(found[name] for name in ("claim", "paid", "deductible", "out_of_pocket")))


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a service will cost, as far as is known now: `allowed` of the charge by the agreed price, shared between
    insurer (`paid`) and patient (`deductible`, `coinsurance`, `copay`); `contractual` is the rest."""

    charge: int
    allowed: int
    paid: int
    contractual: int
    deductible: int
    coinsurance: int
    copay: int

    @property
    def patient(self) -> int:
        """The patient's share."""
        return self.deductible + self.coinsurance + self.copay


@dataclass(frozen=True, slots=True)
class Account:
    """A provider's account in a vault: what it is owed, what it owes from reversed claims, and who is paid; None if
    nobody is named, so that the credit waits."""

    credit: int
    debt: int
    payee: str | None


@dataclass(frozen=True, slots=True)
class Funds:
    """An insurer's money: `available`, of which `free` is not promised; `unfunded` payments that wait, `waiting` of
    them; what the treasurer leaves in (`floor`); what the rules alone credit in a day, and have credited today."""

    available: int
    free: int
    unfunded: int
    waiting: int
    floor: int
    daily_cap: int
    credited_today: int
