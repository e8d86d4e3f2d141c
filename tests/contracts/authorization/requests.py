"""What the tests of prior authorization share: an insurer's office, requests, eligibilities, decisions and reviews."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import ape
from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from ..conftest import Member
from ..support import DAY, ZERO, ZERO_HASH, chain_time, events, refusal, send
from .claims import ELIGIBILITY_TYPE, MEMBER, PERIOD, RATIONALE, REQUEST_REVIEW_TYPE, today
from .payer import (
    MAX_AMOUNT,
    MONEY,
    PLAN,
    UNIT,
    UNIT_CODE,
    Coverage,
    Flag,
    gold_card_rule,
    rule,
    sign,
)

HOUR = 3600
UNKNOWN_AMOUNT = 2**64 - 1
NO_LINE = 255
NEEDED = Flag.AUTHORIZATION_NEEDED
MAX_UNITS = 2**40 - 1

(
    COVERED,
    FREE,
    GOLD,
    NOT_COVERED,
    EXCLUDED,
    CONDITIONAL,
    DOCUMENTED,
    REVIEWED,
    URGENT,
    PARTLY,
    TWO_OPINIONS,
    OVERDUE_APPROVES,
    WIDE,
    PAST,
    FUTURE,
) = range(41, 56)
"""Benefit classes of `REQUEST_RULES`: covered; without authorization; with gold cards; not covered; excluded by the
contract; conditional; with documents; always reviewed; decided by the rules if expedited; with part grants; with second
opinions; approved when overdue; without limits; in force no more; not yet in force."""

NO_RULE = 99
"""A class that the rules do not know."""

KIND = 3
"""Of documents that `DOCUMENTED` asks for."""

WINDOW_DAYS = 10
"""Of gold cards in `GOLD`: 4 reviews, three quarters of them approved in full."""

REQUEST_RULES = (
    rule(COVERED),
    rule(FREE, flags=0),
    gold_card_rule(
        GOLD,
        flags=NEEDED | Flag.GOLD_CARD_OK | Flag.NO_AUTO,
        gold_card_requests=4,
        gold_card_approval_rate=7_500,
        gold_card_window_days=WINDOW_DAYS,
    ),
    rule(NOT_COVERED, coverage=Coverage.NOT_COVERED),
    rule(EXCLUDED, coverage=Coverage.NOT_COVERED, flags=NEEDED | Flag.DENY_NOT_COVERED),
    rule(CONDITIONAL, coverage=Coverage.CONDITIONAL),
    rule(DOCUMENTED, required_documents=1 << KIND),
    rule(REVIEWED, flags=NEEDED | Flag.NO_AUTO),
    rule(URGENT, flags=NEEDED | Flag.EXPEDITED_ONLY),
    rule(PARTLY, flags=NEEDED | Flag.ALLOW_PARTIAL),
    rule(TWO_OPINIONS, flags=NEEDED | Flag.NO_AUTO | Flag.SECOND_OPINION),
    rule(OVERDUE_APPROVES, flags=NEEDED | Flag.NO_AUTO | Flag.APPROVE_OVERDUE),
    rule(
        WIDE,
        validity_days=2**16 - 1,
        max_milli_units_per_request=MAX_UNITS,
        max_milli_units_per_period=MAX_UNITS,
        max_unit_price=MAX_AMOUNT,
        max_amount=MAX_AMOUNT,
    ),
    rule(PAST, last_day=1),
    rule(FUTURE, first_day=2**16 - 1),
)

REASON = 7
"""Of a reviewer, by the insurer's list."""

LINE = keccak(text="line")
QUESTION, ANSWER, STATEMENT = (keccak(text=name) for name in ("question", "answer", "statement"))

SHADOW_TAG = keccak(text="careledger.authorization.shadow.v1")


class LineStatus(enum.IntEnum):
    (
        UNKNOWN,
        PENDED,
        INFORMATION_REQUESTED,
        APPROVED,
        PARTIAL,
        MODIFIED,
        DENIED,
        NOT_REQUIRED,
        SUPERSEDED,
        CANCELLED,
        EXHAUSTED,
        EXPIRED,
    ) = range(12)


class AppealStatus(enum.IntEnum):
    NONE, OPEN, UPHELD, OVERTURNED = range(4)


class Action(enum.IntEnum):
    """X12 306: A1, A2, A3, A4, A6, NA."""

    NONE, IN_FULL, IN_PART, DENIED, PENDED, MODIFIED, NOT_REQUIRED = range(7)


class Basis(enum.IntEnum):
    (
        NONE,
        COVERAGE_UNVERIFIED,
        NO_RULE,
        NOT_REQUIRED,
        GOLD_CARD,
        NOT_COVERED,
        CONTRACT_EXCLUSION,
        CONDITIONAL_COVERAGE,
        DOCUMENTS_MISSING,
        REVIEW_REQUIRED,
        EXPEDITED_ONLY,
        RETROSPECTIVE,
        UNIT_MISMATCH,
        AMOUNT_UNKNOWN,
        AMOUNT_OVER_LIMIT,
        UNITS_OVER_REQUEST_LIMIT,
        UNITS_OVER_PERIOD_LIMIT,
        WITHIN_RULES,
        REVIEWER,
        APPEAL,
        OVERDUE,
    ) = range(21)


GRANTS = (LineStatus.APPROVED, LineStatus.PARTIAL, LineStatus.MODIFIED)
PENDING = (LineStatus.PENDED, LineStatus.INFORMATION_REQUESTED)

DOCUMENT_STATUS = {"unknown": 0, "disputed": 2, "expired": 3, "superseded": 4, "revoked": 5}
"""As `IDocumentAnchor` numbers them."""


def shadow_of(member: bytes) -> bytes:
    """The key under which shadow decisions count a member's units, by eth_abi."""
    return keccak(encode(["bytes32", "bytes16"], [SHADOW_TAG, member]))[:16]


def read(method: Any, *arguments: Any) -> tuple[Any, ...]:
    """A struct that a view returns, as plain values: Ape takes none with a field that is called `class`."""
    data = {"to": method.contract.address, "data": method.encode_input(*arguments)}
    returned = ape.networks.provider.web3.eth.call(data)
    return tuple(decode([method.abis[0].outputs[0].canonical_type], bytes(returned))[0])


@dataclass(frozen=True)
class Decision:
    """As `LineDecided` tells it."""

    sequence: int
    action: Action
    basis: Basis
    benefit_class: int
    version: int
    milli_units_requested: int
    milli_units: int
    milli_units_before: int
    amount_requested: int
    amount: int
    documents: int
    valid_from: int
    valid_to: int
    due_at: int
    reason: int
    key: str
    reviewer: bytes
    commitment: bytes

    def brief(self) -> tuple[Action, Basis]:
        return self.action, self.basis


@dataclass(frozen=True)
class State:
    """As `lineOf` tells it."""

    status: LineStatus = LineStatus.UNKNOWN
    appeal: AppealStatus = AppealStatus.NONE
    action: Action = Action.NONE
    sequence: int = 0
    shadow: bool = False
    member: bytes = bytes(16)
    period: int = 0
    version: int = 0
    benefit_class: int = 0
    milli_units: int = 0
    amount: int = 0
    valid_from: int = 0
    valid_to: int = 0
    decided_at: int = 0

    @property
    def is_grant(self) -> bool:
        return self.status in GRANTS

    @property
    def is_under_way(self) -> bool:
        return self.is_grant or self.status in PENDING or self.appeal == AppealStatus.OPEN


@dataclass(frozen=True)
class Deliberation:
    """As `deliberationOf` tells it."""

    expedited: bool = False
    extended: bool = False
    overdue: bool = False
    received_at: int = 0
    due_at: int = 0
    reviewer: bytes = bytes(12)
    first_opinion: bytes = bytes(12)


@dataclass(frozen=True)
class Line:
    """A service asked for."""

    benefit_class: int = COVERED
    milli_units: int = 5 * UNIT
    amount: int = -1
    """100 a unit by default."""
    unit_code: int = UNIT_CODE
    day: int | None = None
    commitment: bytes = LINE

    def __post_init__(self) -> None:
        if self.amount == -1:
            object.__setattr__(self, "amount", self.milli_units * 100 * MONEY // UNIT)

    def call(self) -> tuple[Any, ...]:
        day = today() if self.day is None else self.day
        return self.benefit_class, self.unit_code, self.milli_units, self.amount, day, self.commitment


UNVERIFIED = (bytes(16), 0, 0, 0, ZERO, b"")
"""No eligibility."""


@dataclass(frozen=True)
class Sent:
    """A request that was sent, and what became of its lines."""

    id: bytes
    content: bytes
    receipt: Any
    decisions: list[Decision]

    @property
    def decision(self) -> Decision:
        assert len(self.decisions) == 1
        return self.decisions[0]


@dataclass(frozen=True)
class Office:
    """An insurer's contracts as far as authorizations go, a provider with a key, and who acts for the insurer. The
    settlement is an account, so that tests draw as they like."""

    authorizations: Any
    intake: Any
    desk: Any
    policy: Any
    units: Any
    panel: Any
    anchors: Any
    version: int
    provider: Member
    key: Any
    insurer_key: Any
    reviewer_key: Any
    settlement: Any
    sender: Any
    numbers: Any = field(default_factory=count)

    # ---------------------------------------------------------------- the provider

    def acting_for(self, provider: Member, key: Any) -> Office:
        """The same office, as another provider sees it."""
        return replace(self, provider=provider, key=key)

    def under(self, version: int) -> Office:
        """The same office, with another version."""
        return replace(self, version=version)

    def eligibility(
        self,
        member: bytes = MEMBER,
        plan: int = PLAN,
        period: int = PERIOD,
        until: int | None = None,
        key: Any = None,
        signer: Any = None,
        provider: bytes | None = None,
        **domain_changes: Any,
    ) -> tuple[Any, ...]:
        """The insurer's word that a member is covered, for a day. `signer` signs in the key's stead."""
        key = key or self.insurer_key
        valid_until = chain_time() + DAY if until is None else until
        message = {
            "memberKey": member,
            "provider": provider or self.provider.id,
            "plan": plan,
            "period": period,
            "validUntil": valid_until,
        }
        signature = sign(
            self.authorizations,
            "PriorAuthorization",
            signer or key,
            "Eligibility",
            ELIGIBILITY_TYPE,
            message,
            **domain_changes,
        )
        return member, plan, period, valid_until, key.address, signature

    def request_id(self) -> bytes:
        return keccak(text=f"{self.provider.name} {next(self.numbers)}")

    def submission(
        self,
        *lines: Line,
        request: bytes | None = None,
        content: bytes | None = None,
        version: int | None = None,
        received_at: int | None = None,
        expedited: bool = False,
        eligibility: tuple[Any, ...] | None = None,
        documents: Sequence[tuple[Any, ...]] = (),
    ) -> list[Any]:
        """The arguments of `submit`: a fresh request of one line unless others are given."""
        request = request or self.request_id()
        stated = (
            request,
            content or keccak(request),
            self.version if version is None else version,
            chain_time() if received_at is None else received_at,
            expedited,
        )
        shown = self.eligibility() if eligibility is None else eligibility
        return [stated, shown, [line.call() for line in lines or (Line(),)], list(documents)]

    def submit(self, *lines: Line, sender: Any = None, gas: int = 3_000_000, **changes: Any) -> Sent:
        """Submits a request, see `submission`."""
        call = self.submission(*lines, **changes)
        receipt = send(self.authorizations.submit, *call, sender=sender or self.key, gas=gas)
        return Sent(call[0][0], call[0][1], receipt, self.decisions(receipt))

    def amendment(
        self,
        request: bytes,
        *changes: tuple[int, Line],
        revision: int | None = None,
        cancelled: int = 0,
        **stated: Any,
    ) -> list[Any]:
        """The arguments of `update`. Changes are of a superseded line's number, or `NO_LINE`, and a line."""
        held = int(self.authorizations.requestOf(self.provider.id, request)[1]) if revision is None else revision
        content = stated.pop("content", None) or keccak(request + bytes([held % 256]))
        call = self.submission(request=request, content=content, **stated)
        rows = [(number, line.call()) for number, line in changes]
        return [call[0], held, call[1], rows, cancelled, call[3]]

    def update(self, request: bytes, *changes: tuple[int, Line], sender: Any = None, **stated: Any) -> Sent:
        """Updates a request, see `amendment`."""
        call = self.amendment(request, *changes, **stated)
        receipt = send(self.authorizations.update, *call, sender=sender or self.key)
        return Sent(request, call[0][1], receipt, self.decisions(receipt))

    def cancel(self, request: bytes, lines: int = 1, sender: Any = None) -> Any:
        return send(self.authorizations.cancel, request, lines, sender=sender or self.key)

    def supply(self, request: bytes, line: int = 0, documents: Sequence[Any] = (), sender: Any = None) -> Any:
        call = request, line, ANSWER, list(documents)
        return send(self.authorizations.supplyInformation, *call, sender=sender or self.key)

    def appeal_call(
        self,
        request: bytes,
        line: int = 0,
        sequence: int | None = None,
        expedited: bool = False,
        received_at: int | None = None,
        statement: bytes = STATEMENT,
    ) -> list[Any]:
        """The arguments of `appeal`."""
        held = self.state(request, line).sequence if sequence is None else sequence
        return [request, line, held, expedited, chain_time() if received_at is None else received_at, statement]

    def appeal(self, request: bytes, line: int = 0, sender: Any = None, **stated: Any) -> Any:
        call = self.appeal_call(request, line, **stated)
        return send(self.authorizations.appeal, *call, sender=sender or self.key)

    def document(self, key: Any = None, kind: int = KIND, expiry: int = 0) -> tuple[Any, ...]:
        """A document that a key has anchored by itself; the provider's unless another is named."""
        leaf = keccak(text=f"document {next(self.numbers)}")
        signer = key or self.key
        send(self.anchors.anchor, leaf, kind << 40 | expiry, sender=signer)
        return signer.address, leaf, ZERO_HASH, 0, []

    # ---------------------------------------------------------------- the insurer

    def review(
        self,
        request: bytes,
        action: int = Action.IN_FULL,
        milli_units: int | None = None,
        amount: int | None = None,
        line: int = 0,
        sequence: int | None = None,
        benefit_class: int | None = None,
        reason: int | None = None,
        rationale: bytes = RATIONALE,
        key: Any = None,
        signer: Any = None,
        provider: bytes | None = None,
        domain: dict[str, Any] | None = None,
        **changes: Any,
    ) -> list[Any]:
        """The arguments of `review`: of all that the line asks, unless it is denied or other is stated. Fields changed
        are changed after signing."""
        held = self.state(request, line, provider=provider)
        nothing = action == Action.DENIED
        message = {
            "provider": provider or self.provider.id,
            "requestId": request,
            "line": line,
            "sequence": held.sequence if sequence is None else sequence,
            "action": int(action),
            "benefitClass": held.benefit_class if benefit_class is None else benefit_class,
            "milliUnits": (0 if nothing else held.milli_units) if milli_units is None else milli_units,
            "amount": (0 if nothing else held.amount) if amount is None else amount,
            "reason": (0 if action == Action.IN_FULL else REASON) if reason is None else reason,
            "rationale": rationale,
        }
        key = key or self.reviewer_key
        signature = sign(
            self.authorizations,
            "PriorAuthorization",
            signer or key,
            "Review",
            REQUEST_REVIEW_TYPE,
            message,
            **(domain or {}),
        )
        assert changes.keys() <= message.keys()
        return [tuple({**message, **changes}.values()), key.address, signature]

    def decide(self, request: bytes, action: int = Action.IN_FULL, *amounts: int, **stated: Any) -> Any:
        """A reviewer's decision, which somebody else sends. Returns the receipt."""
        return send(self.authorizations.review, *self.review(request, action, *amounts, **stated), sender=self.sender)

    def ask(self, request: bytes, line: int = 0, sender: Any = None) -> Any:
        call = self.provider.id, request, line, QUESTION
        return send(self.authorizations.requestInformation, *call, sender=sender or self.insurer_key)

    def extend(self, request: bytes, line: int = 0, sender: Any = None) -> Any:
        call = self.provider.id, request, line, REASON
        return send(self.authorizations.extendDeadline, *call, sender=sender or self.insurer_key)

    def mark_overdue(self, request: bytes, line: int = 0) -> Any:
        return send(self.authorizations.markOverdue, self.provider.id, request, line, sender=self.sender)

    def expire(self, request: bytes, line: int = 0) -> Any:
        return send(self.authorizations.expire, self.provider.id, request, line, sender=self.sender)

    def draw(self, request: bytes, milli_units: int, amount: int = 0, line: int = 0, day: int | None = None) -> Any:
        """As the settlement."""
        call = self.provider.id, request, line, today() if day is None else day, milli_units, amount
        return send(self.authorizations.draw, *call, sender=self.settlement)

    def put_back(self, request: bytes, milli_units: int, amount: int = 0, line: int = 0) -> Any:
        """As the settlement."""
        call = self.provider.id, request, line, milli_units, amount
        return send(self.authorizations.putBack, *call, sender=self.settlement)

    # ---------------------------------------------------------------- reads

    def state(self, request: bytes, line: int = 0, provider: bytes | None = None) -> State:
        held = read(self.authorizations.lineOf, provider or self.provider.id, request, line)
        status, appeal, action, *others = held
        return State(LineStatus(status), AppealStatus(appeal), Action(action), *others)

    def status(self, request: bytes, line: int = 0) -> LineStatus:
        return self.state(request, line).status

    def left(self, request: bytes, line: int = 0) -> tuple[int, int]:
        """Units and amount of a line."""
        held = self.state(request, line)
        return held.milli_units, held.amount

    def deliberation(self, request: bytes, line: int = 0) -> Deliberation:
        return Deliberation(*read(self.authorizations.deliberationOf, self.provider.id, request, line))

    def balance(self, benefit_class: int = COVERED, member: bytes = MEMBER, period: int = PERIOD) -> tuple[int, int]:
        """Milli-units reserved and used."""
        held = self.units.balanceOf(member, period, benefit_class)
        return int(held[0]), int(held[1])

    def under_way(self) -> int:
        return int(self.authorizations.workUnderWay())

    def events(self, receipt: Any) -> list[tuple[Any, ...]]:
        return events(receipt, self.authorizations)

    def decisions(self, receipt: Any) -> list[Decision]:
        """The decisions of a transaction."""
        found = []
        for name, *values in self.events(receipt):
            if name == "LineDecided":
                stated = list(values[3])
                stated[1:3] = Action(stated[1]), Basis(stated[2])
                stated[15] = to_checksum_address(stated[15])
                found.append(Decision(*stated))
        return found

    def forbidden(self, request: bytes, status: LineStatus, line: int = 0) -> tuple[Any, ...]:
        """The refusal of a call that a line's status does not allow."""
        return "PriorAuthorizationForbiddenTransition", self.provider.id, request, line, status

    def unknown(self, request: bytes, line: int = 0) -> tuple[Any, ...]:
        return "PriorAuthorizationUnknown", self.provider.id, request, line

    def refuses(self, name: str, *arguments: Any, sender: Any = None) -> tuple[Any, ...]:
        """With what a call is refused, of anyone unless a sender is named."""
        return refusal(getattr(self.authorizations, name), *arguments, sender=sender or self.sender)


# ---------------------------------------------------------------------- lines in every state


Bring = Callable[[Office], bytes]


def approved(office: Office) -> bytes:
    return office.submit().id


def denied(office: Office) -> bytes:
    return office.submit(Line(EXCLUDED)).id


def pended(office: Office) -> bytes:
    return office.submit(Line(REVIEWED)).id


def information_requested(office: Office) -> bytes:
    request = pended(office)
    office.ask(request)
    return request


def partial(office: Office) -> bytes:
    """3 of 5 units, by a reviewer."""
    request = pended(office)
    office.decide(request, Action.IN_PART, 3 * UNIT, 300 * MONEY)
    return request


def modified(office: Office) -> bytes:
    request = pended(office)
    office.decide(request, Action.MODIFIED, 4 * UNIT, 400 * MONEY)
    return request


def not_required(office: Office) -> bytes:
    return office.submit(Line(FREE)).id


def superseded(office: Office) -> bytes:
    request = approved(office)
    office.update(request, (0, Line()))
    return request


def cancelled(office: Office) -> bytes:
    request = approved(office)
    office.cancel(request)
    return request


def exhausted(office: Office) -> bytes:
    """Approved in full, and drawn."""
    request = approved(office)
    office.draw(request, 5 * UNIT, 500 * MONEY)
    return request


def exhausted_in_part(office: Office) -> bytes:
    """Approved in part, and drawn."""
    request = partial(office)
    office.draw(request, 3 * UNIT, 300 * MONEY)
    return request


def expired(office: Office) -> bytes:
    """For a service long ago, which a person approved."""
    request = office.submit(Line(day=today() - 400)).id
    office.decide(request)
    office.expire(request)
    return request


def appealed(bring: Bring) -> Bring:
    def call(office: Office) -> bytes:
        request = bring(office)
        office.appeal(request)
        return request

    return call


def unknown(office: Office) -> bytes:
    return office.request_id()
