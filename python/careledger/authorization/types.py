"""What goes to a `PriorAuthorization` and comes from it, for Python.

Units are milli-units, amounts token minor units, days are since 1970-01-01 UTC, times Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from careledger.anchoring.types import ZERO_HASH
from careledger.authorization.decision import UNKNOWN_AMOUNT, Line
from careledger.contract_enums import Action, AppealStatus, LineStatus

__all__ = [
    "NO_ELIGIBILITY",
    "Change",
    "Deliberation",
    "Eligibility",
    "LineState",
    "Request",
    "RequestedLine",
    "Review",
]

NO_LINE = 255
ZERO_ADDRESS = "0x" + "00" * 20


@dataclass(frozen=True, slots=True)
class Request:
    """A request besides its lines. `id` is `request_id` of the provider's identifier; `content` a salted commitment to
    all of it; `version` the policy's that the provider expects to be in force."""

    id: str
    content: str
    version: int
    received_at: int
    expedited: bool = False

    def to_abi(self) -> tuple[Any, ...]:
        return (self.id, self.content, self.version, self.received_at, self.expedited)


@dataclass(frozen=True, slots=True)
class Eligibility:
    """The insurer's word, by `key`'s signature, that a member is covered: `member_key` in a benefit period of a plan.
    Without a signature the request waits for a person."""

    member_key: str
    plan: int
    period: int
    valid_until: int
    key: str
    signature: bytes

    def to_abi(self) -> tuple[Any, ...]:
        return (self.member_key, self.plan, self.period, self.valid_until, self.key, self.signature)


NO_ELIGIBILITY = Eligibility("0x" + "00" * 16, 0, 0, 0, ZERO_ADDRESS, b"")
"""Nobody said that the member is covered."""


@dataclass(frozen=True, slots=True)
class RequestedLine:
    """A service asked for, and a salted commitment to its code and details."""

    service: Line
    commitment: str

    def to_abi(self) -> tuple[Any, ...]:
        line = self.service
        return (line.benefit_class, line.unit_code, line.milli_units, line.amount, line.service_day, self.commitment)


@dataclass(frozen=True, slots=True)
class Change:
    """A line that an update brings, and the number of the one that it replaces; None if it is added."""

    line: RequestedLine
    supersedes: int | None = None

    def to_abi(self) -> tuple[Any, ...]:
        return (NO_LINE if self.supersedes is None else self.supersedes, self.line.to_abi())


@dataclass(frozen=True, slots=True)
class Review:
    """A reviewer's decision of a line, or of its appeal. `sequence` is of the decision that it supersedes;
    `milli_units` and `amount` are what is granted, of a grant that is appealed in addition to what it has left; 0 if
    denied. `reason` is by the insurer's list, 0 only where all is approved; `rationale` is a salted commitment."""

    provider: str
    request_id: str
    line: int
    sequence: int
    action: Action
    benefit_class: int
    milli_units: int = 0
    amount: int = 0
    reason: int = 0
    rationale: str = ZERO_HASH

    def to_abi(self) -> tuple[Any, ...]:
        return (
            self.provider,
            self.request_id,
            self.line,
            self.sequence,
            int(self.action),
            self.benefit_class,
            self.milli_units,
            self.amount,
            self.reason,
            self.rationale,
        )


@dataclass(frozen=True, slots=True)
class LineState:
    """What holds of a line. `milli_units` and `amount` are what a grant has left, else what was asked for; `amount` is
    None if it is not known. `member_key` is None while coverage is unverified. A `shadow` line binds nobody."""

    status: LineStatus
    appeal: AppealStatus
    action: Action
    sequence: int
    shadow: bool
    member_key: str | None
    period: int
    version: int
    benefit_class: int
    milli_units: int
    amount: int | None
    valid_from: int
    valid_to: int
    decided_at: int

    @classmethod
    def from_abi(cls, found: dict[str, Any]) -> LineState:
        """The state that the contract's `lineOf` tells."""
        known = int(found["member_key"], 16) != 0
        return cls(
            LineStatus(found["status"]),
            AppealStatus(found["appeal"]),
            Action(found["action"]),
            found["sequence"],
            found["shadow"],
            found["member_key"] if known else None,
            found["period"],
            found["version"],
            found["benefit_class"],
            found["milli_units"],
            None if found["amount"] == UNKNOWN_AMOUNT else found["amount"],
            found["valid_from"],
            found["valid_to"],
            found["decided_at"],
        )


@dataclass(frozen=True, slots=True)
class Deliberation:
    """What persons added to a line; times are 0 if none came in. `reviewer` is who decided last, `first_opinion` who
    gave the first of two; None if nobody did."""

    expedited: bool
    extended: bool
    overdue: bool
    received_at: int
    due_at: int
    reviewer: str | None
    first_opinion: str | None

    @classmethod
    def from_abi(cls, found: dict[str, Any]) -> Deliberation:
        """What the contract's `deliberationOf` tells."""
        reviewers = {name: found[name] if int(found[name], 16) else None for name in ("reviewer", "first_opinion")}
        return cls(**{**found, **reviewers})
