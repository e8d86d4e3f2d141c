"""What was paid for a claim, line by line, and why the rest was not.

Amounts are token minor units. On every line, charge = paid + the sum of its adjustments, always.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from enum import Enum

from careledger.authorization.amounts import MAX_AMOUNT
from careledger.authorization.code_systems import Code
from careledger.authorization.request import BusinessIdentifier
from careledger.errors import InvalidInput

__all__ = ["Adjustment", "AdjustmentGroup", "ClaimPayment", "LinePayment"]

CARC = re.compile("[A-Z]?[0-9]{1,3}")
DEDUCTIBLE, COINSURANCE, COPAY = "1", "2", "3"


class AdjustmentGroup(Enum):
    """Who bears an adjustment: claim adjustment group codes. The values are the codes."""

    CONTRACTUAL = "CO"
    PATIENT = "PR"
    OTHER = "OA"
    PAYER_INITIATED = "PI"


@dataclass(frozen=True)
class Adjustment:
    """A part of the charge that was not paid, with its claim adjustment reason code. Raises InvalidInput for an amount
    below 1, or a code that cannot be one."""

    group: AdjustmentGroup
    reason: str
    amount: int

    def __post_init__(self) -> None:
        if not CARC.fullmatch(self.reason):
            raise InvalidInput("adjustment reason", self.reason, "must be a claim adjustment reason code, such as 45")
        if not 0 < self.amount <= MAX_AMOUNT:
            raise InvalidInput("adjustment", str(self.amount), f"must be 1 to {MAX_AMOUNT} minor units")


@dataclass(frozen=True)
class LinePayment:
    """What became of one line's charge. `trace` is a URI by which the line is found on the chain, where it is there.
    Raises InvalidInput if charge is not paid + adjustments."""

    sequence: int
    code: Code
    charge: int
    paid: int
    adjustments: tuple[Adjustment, ...] = ()
    milli_units: int | None = None
    unit: Code | None = None
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    trace: str | None = None

    def __post_init__(self) -> None:
        if self.paid < 0:
            raise InvalidInput(f"line {self.sequence} paid", str(self.paid), "must not be negative")
        explained = self.paid + sum(adjustment.amount for adjustment in self.adjustments)
        if self.charge != explained:
            raise InvalidInput(
                f"line {self.sequence} charge", str(self.charge), f"must be {explained}: what is paid and adjusted"
            )

    @property
    def deductible(self) -> int:
        """The patient's share under the deductible: PR-1."""
        return self._patient_share(DEDUCTIBLE)

    @property
    def coinsurance(self) -> int:
        """The patient's share by percentage: PR-2."""
        return self._patient_share(COINSURANCE)

    @property
    def copay(self) -> int:
        """The patient's fixed share: PR-3."""
        return self._patient_share(COPAY)

    def _patient_share(self, reason: str) -> int:
        return sum(
            adjustment.amount
            for adjustment in self.adjustments
            if adjustment.group is AdjustmentGroup.PATIENT and adjustment.reason == reason
        )


@dataclass(frozen=True)
class ClaimPayment:
    """The payment of a claim. `identifier` is the claim's; `settled` is when, with a time zone; `authorization_number`
    is the one it rests on. Raises InvalidInput for no lines, and a time without a zone."""

    identifier: BusinessIdentifier = field(repr=False)
    lines: tuple[LinePayment, ...]
    settled: dt.datetime
    authorization_number: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.lines:
            raise InvalidInput("lines", "0", "must be one at least")
        if self.settled.tzinfo is None:
            raise InvalidInput("settled", "a time", "needs a time zone")

    @property
    def charge(self) -> int:
        """All that was charged."""
        return sum(line.charge for line in self.lines)

    @property
    def paid(self) -> int:
        """All that was paid."""
        return sum(line.paid for line in self.lines)
