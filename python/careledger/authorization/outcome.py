"""What became of a request, line by line. It comes from the chain, and goes out as FHIR; or it is read from there."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import Enum

from careledger.authorization.amounts import MAX_AMOUNT, MAX_MILLI_UNITS
from careledger.authorization.code_systems import Code
from careledger.authorization.request import BusinessIdentifier
from careledger.errors import InvalidInput

__all__ = ["AuthorizationOutcome", "Grant", "LineOutcome", "ReviewAction"]


class ReviewAction(Enum):
    """The result of a review: X12 element 306. The values are the codes."""

    APPROVED = "A1"
    PARTIAL = "A2"
    DENIED = "A3"
    PENDED = "A4"
    MODIFIED = "A6"
    CONTACT_PAYER = "CT"
    NOT_REQUIRED = "NA"

    @property
    def is_final(self) -> bool:
        """Whether nothing more comes unless somebody asks for it."""
        return self not in (ReviewAction.PENDED, ReviewAction.CONTACT_PAYER)

    @property
    def grants(self) -> bool:
        """Whether a service was authorized by it."""
        return self in (ReviewAction.APPROVED, ReviewAction.PARTIAL, ReviewAction.MODIFIED)


@dataclass(frozen=True)
class Grant:
    """What was authorized. `code` and `modifiers` are given where a modified line was granted another service.

    `unit_price` is for one unit and `amount` for all, in token minor units. None is what is not known, or not limited.
    """

    milli_units: int | None = None
    unit: Code | None = None
    unit_price: int | None = None
    amount: int | None = None
    code: Code | None = None
    modifiers: tuple[Code, ...] = ()

    def __post_init__(self) -> None:
        if self.milli_units is not None and not 0 <= self.milli_units <= MAX_MILLI_UNITS:
            raise InvalidInput("milli-units", str(self.milli_units), f"must be 0 to {MAX_MILLI_UNITS}")
        for name, amount in (("unit price", self.unit_price), ("amount", self.amount)):
            if amount is not None and not 0 <= amount <= MAX_AMOUNT:
                raise InvalidInput(name, str(amount), f"must be 0 to {MAX_AMOUNT} minor units")


@dataclass(frozen=True)
class LineOutcome:
    """What became of one line, by its number in the request.

    `action` is None for a line that the provider cancelled: it is named in the answer and has no review. `reasons` are
    codes, `notes` sentences for people, such as which documents are missing; neither may name the patient. `valid_from`
    and `valid_to` are the first and the last day. `pend_number` is what to ask for while it is pended.
    `human_reviewed` says whether a person decided it; None if that is not said.
    """

    sequence: int
    action: ReviewAction | None
    reasons: tuple[Code, ...] = ()
    notes: tuple[str, ...] = ()
    grant: Grant | None = None
    issued_on: dt.date | None = None
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    authorization_number: str | None = field(default=None, repr=False)
    pend_number: str | None = field(default=None, repr=False)
    human_reviewed: bool | None = None

    def check(self) -> None:
        """Raises InvalidInput for what an insurer must not answer: a denial without a reason (CMS-0057-F asks for a
        specific one), a grant with an action that grants nothing, another service than was asked for with an action
        other than A6, and days out of order. What others answered may be so, and is read all the same."""
        name = f"line {self.sequence}"
        action = self.action.value if self.action else "cancelled"
        if self.action is ReviewAction.DENIED and not self.reasons:
            raise InvalidInput(name, action, "needs a reason")
        if self.grant is not None and not (self.action and self.action.grants):
            raise InvalidInput(name, action, "grants nothing")
        if self.action is ReviewAction.MODIFIED and self.grant is None:
            raise InvalidInput(name, action, "needs what was granted")
        if self.grant is not None and self.grant.code is not None and self.action is not ReviewAction.MODIFIED:
            raise InvalidInput(name, action, "grants the service that was asked for; another one is A6")
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise InvalidInput(name, "last day before first", "must be in order")


@dataclass(frozen=True)
class AuthorizationOutcome:
    """The answer to a request. `identifier` is the request's. `answered` is when the answer was made, with a time zone.

    `whole` is a review of the request as a whole, beside that of its lines. `rejections` are codes of what kept it from
    being reviewed at all (X12 element 901). Neither comes from this suite's own insurers; others answer so.

    Raises InvalidInput for a number below 1 or one that stands twice, and a time without a zone.
    """

    identifier: BusinessIdentifier = field(repr=False)
    lines: tuple[LineOutcome, ...]
    answered: dt.datetime
    whole: ReviewAction | None = None
    rejections: tuple[Code, ...] = ()

    def __post_init__(self) -> None:
        seen: set[int] = set()
        for line in self.lines:
            if line.sequence < 1 or line.sequence in seen:
                raise InvalidInput("line sequence", str(line.sequence), "must be 1 or more and stand once")
            seen.add(line.sequence)
        if self.answered.tzinfo is None:
            raise InvalidInput("answered", "a time", "needs a time zone")

    @property
    def human_reviewed(self) -> bool | None:
        """Whether a person decided any line: FHIR has one mark for a whole answer (PAS 2.2.1,
        extension-claimResponseReviewer)."""
        said = [line.human_reviewed for line in self.lines if line.human_reviewed is not None]
        return any(said) if said else None

    @property
    def is_final(self) -> bool:
        """Whether no line waits for anything."""
        return all(line.action is None or line.action.is_final for line in self.lines)
