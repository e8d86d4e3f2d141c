"""What an insurer publishes about its prior authorizations (42 CFR 422.122(c)), and how claims went, from events alone.

    events = events_of(index.at("latest"), "northwind-insurance")
    found = measure(events, Period(start, end))
    print(render_table(found))

Everything is counted in integers: shares are a numerator and a denominator, times are seconds. Nothing but the
contracts' events and their blocks' times goes in, so that anyone with a node can count again:
docs/authorization-metrics.md says how, and a second program does so in the tests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from careledger.authorization.index import place_of, published_in
from careledger.authorization.rules import RuleFlag
from careledger.chain.connection import Connection
from careledger.chain.indexer.reader import EventRow, View
from careledger.chain.rpc import RpcError, quantity
from careledger.contract_enums import Action, AppealStatus, Basis, ClaimStatus
from careledger.contract_events import (
    AppealDecided,
    ClaimAdjudicated,
    ClaimDuplicate,
    ClaimPended,
    ClaimReversed,
    ContractEvent,
    DeadlineExtended,
    EnrolmentEnded,
    LineAppealed,
    LineCancelled,
    LineDecided,
    LineOverdue,
    LineSuperseded,
    ProviderCredited,
    ProviderEnrolled,
    RequestSubmitted,
    RuleAdded,
    VersionDrafted,
    VersionSealed,
)
from careledger.errors import InvalidInput, NodeRefused

__all__ = [
    "EVENTS",
    "ClaimMetrics",
    "Denial",
    "Durations",
    "Metrics",
    "Period",
    "Service",
    "Share",
    "UrgencyMetrics",
    "determination_seconds",
    "events_of",
    "events_on_chain",
    "measure",
]

DAY = 86_400
EXPEDITED_SECONDS = 72 * 3600
STANDARD_SECONDS = 7 * DAY
PAGE_ROWS = 10_000
BLOCKS_AT_ONCE = 200

EVENTS: tuple[type[ContractEvent], ...] = (
    RequestSubmitted,
    LineDecided,
    LineSuperseded,
    LineCancelled,
    DeadlineExtended,
    LineOverdue,
    LineAppealed,
    AppealDecided,
    ClaimPended,
    ClaimAdjudicated,
    ClaimDuplicate,
    ClaimReversed,
    ProviderCredited,
    VersionDrafted,
    RuleAdded,
    VersionSealed,
    ProviderEnrolled,
    EnrolmentEnded,
)
"""All that goes into the metrics."""

GRANTS = {Action.APPROVED_IN_FULL, Action.APPROVED_IN_PART, Action.MODIFIED}
PAID = {ClaimStatus.PAID, ClaimStatus.PARTIAL, ClaimStatus.APPROVED_UNFUNDED, ClaimStatus.PARTIAL_UNFUNDED}

LineKey = tuple[str, str, str, int]


@dataclass(frozen=True)
class Period:
    """From `start` until before `end`, Unix seconds. Raises InvalidInput if it is empty."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise InvalidInput("period", f"{self.start} to {self.end}", "must end after it begins")

    def __contains__(self, time: object) -> bool:
        return isinstance(time, int) and self.start <= time < self.end


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    numerator: int
    denominator: int

    @property
    def fraction(self) -> Fraction | None:
        """None of none is no share."""
        return Fraction(self.numerator, self.denominator) if self.denominator else None


@dataclass(frozen=True)
class Durations:
    """Some times, in seconds. The median is half of `median_twice`: of an even number of times, the mean of the two in
    the middle."""

    count: int
    total: int
    median_twice: int

    @classmethod
    def of(cls, seconds: Iterable[int]) -> Durations:
        ordered = sorted(seconds)
        count = len(ordered)
        middle = ordered[(count - 1) // 2] + ordered[count // 2] if ordered else 0
        return cls(count, sum(ordered), middle)

    @property
    def average(self) -> Fraction | None:
        """Seconds; None of none."""
        return Fraction(self.total, self.count) if self.count else None

    @property
    def median(self) -> Fraction | None:
        """Seconds; None of none."""
        return Fraction(self.median_twice, 2) if self.count else None


@dataclass(frozen=True)
class Service:
    """A benefit class that needs an authorization by some version in force in the period."""

    benefit_class: int
    versions: tuple[int, ...]


@dataclass(frozen=True)
class Denial:
    """How many lines were denied on a basis for a reason, by the insurer's list; 0 for the rules'."""

    basis: Basis
    reason: int
    count: int


@dataclass(frozen=True)
class UrgencyMetrics:
    """Of standard or of expedited lines. A *determination* is a line's first decision that is not to wait. Shares are
    of the determinations in the period, `approved_after_appeal` of the appeals decided in it. Counts are of what
    happened in it, but `pending` and `overdue`: what waited at its end."""

    received: int
    determined: int
    approved: Share
    approved_in_part: Share
    denied: Share
    approved_after_appeal: Share
    extended_and_approved: Share
    time_to_determination: Durations
    automatic: Share
    by_default: Share
    late: Share
    marked_overdue: int
    pending: int
    overdue: int
    withdrawn: int
    appeals: int
    appeals_upheld: int
    appeals_overturned: int
    denials: tuple[Denial, ...]


@dataclass(frozen=True)
class ClaimMetrics:
    """Of claim lines. `decided` counts first decisions; `credited` is the time from a line's submission until the
    provider was credited, of those credited in the period. Amounts are token minor units, of first decisions."""

    submitted: int
    duplicates: int
    decided: int
    paid: Share
    denied: Share
    automatic: Share
    reversed: int
    paid_after_denial: int
    time_to_decision: Durations
    time_to_credit: Durations
    charged: int
    paid_amount: int
    denials: tuple[tuple[int, int], ...]
    """Claim adjustment reason code, and how many lines were denied with it."""


@dataclass(frozen=True)
class Metrics:
    """What happened in a period. `not_required` counts lines that need no authorization: they are in nothing else.
    `shadow`: of versions that bind nobody, else of those that bind."""

    period: Period
    shadow: bool
    excluded: tuple[int, ...]
    services: tuple[Service, ...]
    not_required: int
    standard: UrgencyMetrics
    expedited: UrgencyMetrics
    claims: ClaimMetrics

    @property
    def turnaround(self) -> Fraction | None:
        """The average time to a determination of all lines, in seconds."""
        parts = self.standard.time_to_determination, self.expedited.time_to_determination
        count = sum(part.count for part in parts)
        return Fraction(sum(part.total for part in parts), count) if count else None

    @property
    def corrected(self) -> Share:
        """Decisions that were put right, of all decisions: appeals that overturned one, claim lines reversed, and claim
        lines paid that had been denied."""
        both = self.standard, self.expedited
        wrong = sum(one.appeals_overturned for one in both) + self.claims.reversed + self.claims.paid_after_denial
        return Share(wrong, sum(one.determined for one in both) + self.claims.decided)


# ---------------------------------------------------------------------- events


def events_of(view: View, insurer: str | None = None, end: int | None = None) -> list[EventRow]:
    """The events that metrics are made of, from an index, in the order of the chain: of the contracts that an insurer,
    by name or id, published, or of all, if the index follows one insurer only; until before `end`, Unix seconds.

    Raises InvalidInput, DatabaseError.
    """
    filters = None if insurer is None else {"address": published_in(view, insurer)}
    last = None if end is None else end - 1
    found = [row for kind in EVENTS for row in _pages(view, kind, filters, last)]
    return sorted(found, key=place_of)


def _pages(
    view: View, kind: type[ContractEvent], filters: dict[str, Any] | None, last: int | None
) -> Iterator[EventRow]:
    after: tuple[Any, ...] | None = None
    while True:
        page = view.events(kind, filters, to_time=last, after=after, limit=PAGE_ROWS)
        yield from page.rows
        after = page.next
        if after is None:
            return


def events_on_chain(connection: Connection, contracts: Iterable[str], first_block: int = 0) -> list[EventRow]:
    """The same from a node, without an index, of the contracts at some addresses. Raises ChainError."""
    entries = [entry for contract in contracts for entry in connection.logs(contract, EVENTS, first_block)]
    numbers = sorted({entry.block_number for entry in entries})
    times: dict[int, int] = {}
    for start in range(0, len(numbers), BLOCKS_AT_ONCE):
        some = numbers[start : start + BLOCKS_AT_ONCE]
        answers = connection.rpc().batch([("eth_getBlockByNumber", [hex(number), False]) for number in some])
        for number, answer in zip(some, answers, strict=True):
            if isinstance(answer, RpcError):
                raise NodeRefused("eth_getBlockByNumber", answer.code, answer.message)
            times[number] = quantity(answer["timestamp"])
    rows = [
        EventRow(
            entry.event,
            entry.block_number,
            entry.log_index,
            times[entry.block_number],
            entry.transaction_hash,
            entry.address,
        )
        for entry in entries
    ]
    return sorted(rows, key=place_of)


# ---------------------------------------------------------------------- counting


def measure(events: Iterable[EventRow], period: Period, excluded: Iterable[int] = (), shadow: bool = False) -> Metrics:
    """Counts one insurer's events, in the order of the chain from the first on; those after the period do not count.
    `excluded` are benefit classes that are left out, such as drugs. `shadow` counts what binds nobody instead of what
    binds: then there are no claims."""
    classes = tuple(sorted(set(excluded)))
    lines, claims, policies = _Lines(), _Claims(), _Policies()
    for row in events:
        if row.block_time < period.end:
            for part in (lines, claims, policies):
                part.take(row.event, row)
    counted = [line for line in lines.found.values() if line.shadow is shadow and line.benefit_class not in classes]
    asked = [line for line in counted if not line.not_required]
    return Metrics(
        period=period,
        shadow=shadow,
        excluded=classes,
        services=policies.services(period, classes, shadow),
        not_required=sum(line.not_required and line.submitted_at in period for line in counted),
        standard=_urgency([line for line in asked if not line.expedited], period),
        expedited=_urgency([line for line in asked if line.expedited], period),
        claims=_Claims().metrics(period) if shadow else claims.metrics(period),
    )


def determination_seconds(events: Iterable[EventRow], period: Period, excluded: Iterable[int] = ()) -> list[int]:
    """The seconds from receipt to determination of each line that was determined in a period, ascending: what the
    times of the metrics are made of, for other measures of them. Of what binds, as `measure` counts it."""
    classes, lines = set(excluded), _Lines()
    for row in events:
        if row.block_time < period.end:
            lines.take(row.event, row)
    return sorted(
        line.determined_at - line.received_at
        for line in lines.found.values()
        if line.determined is not None
        and line.determined_at in period
        and not (line.shadow or line.not_required or line.benefit_class in classes)
    )


@dataclass
class _Line:
    """What happened to a line."""

    expedited: bool
    shadow: bool
    benefit_class: int
    received_at: int
    submitted_at: int
    due_at: int
    not_required: bool
    determined: LineDecided | None = None
    determined_at: int = 0
    extended: bool = False
    ended_at: int | None = None
    marked_at: int | None = None
    appealed_at: int | None = None
    appeal_decided_at: int | None = None
    outcome: AppealStatus = AppealStatus.NONE_

    @property
    def is_automatic(self) -> bool:
        found = self.determined
        return found is not None and not int(found.reviewer, 16) and found.basis is not Basis.OVERDUE


class _Lines:
    """Lines of requests, by contract, provider, request and number."""

    def __init__(self) -> None:
        self.found: dict[LineKey, _Line] = {}
        self._requests: dict[tuple[str, str, str], RequestSubmitted] = {}

    def take(self, event: ContractEvent, row: EventRow) -> None:
        time = row.block_time
        if isinstance(event, RequestSubmitted):
            self._requests[row.address, event.provider, event.id] = event
        elif isinstance(event, LineDecided):
            self._decided(event, row)
        elif isinstance(event, LineSuperseded | LineCancelled):
            line = self._line(row.address, event)
            line.ended_at = time
        elif isinstance(event, DeadlineExtended):
            line = self._line(row.address, event)
            line.extended, line.due_at = True, event.due_at
        elif isinstance(event, LineOverdue):
            line = self._line(row.address, event)
            if line.determined is None:
                line.marked_at = time
        elif isinstance(event, LineAppealed):
            self._line(row.address, event).appealed_at = time
        elif isinstance(event, AppealDecided):
            line = self._line(row.address, event)
            line.appeal_decided_at, line.outcome = time, event.outcome

    def _decided(self, event: LineDecided, row: EventRow) -> None:
        key = row.address, event.provider, event.request_id, event.line
        if event.sequence == 1:
            request = self._requests[key[:3]]
            allowed = EXPEDITED_SECONDS if request.expedited else STANDARD_SECONDS
            self.found[key] = _Line(
                expedited=request.expedited,
                shadow=request.shadow,
                benefit_class=event.benefit_class,
                received_at=request.received_at,
                submitted_at=row.block_time,
                due_at=event.due_at or request.received_at + allowed,
                not_required=event.action is Action.NOT_REQUIRED,
            )
        line = self.found[key]
        if line.determined is None and event.action is not Action.PENDED and not line.not_required:
            line.determined, line.determined_at = event, row.block_time

    def _line(self, address: str, event: Any) -> _Line:
        return self.found[address, event.provider, event.request_id, event.line]


def _urgency(lines: list[_Line], period: Period) -> UrgencyMetrics:
    determined = [(line, line.determined) for line in lines if line.determined and line.determined_at in period]
    actions = Counter(decision.action for _, decision in determined)
    denials = Counter(
        (decision.basis, decision.reason) for _, decision in determined if decision.action is Action.DENIED
    )
    waiting = [line for line in lines if line.determined is None and line.ended_at is None]
    decided = Counter(line.outcome for line in lines if line.appeal_decided_at in period)
    overturned, upheld = decided[AppealStatus.OVERTURNED], decided[AppealStatus.UPHELD]

    def share(count: int) -> Share:
        return Share(count, len(determined))

    return UrgencyMetrics(
        received=sum(line.submitted_at in period for line in lines),
        determined=len(determined),
        approved=share(actions[Action.APPROVED_IN_FULL]),
        approved_in_part=share(actions[Action.APPROVED_IN_PART] + actions[Action.MODIFIED]),
        denied=share(actions[Action.DENIED]),
        approved_after_appeal=Share(overturned, overturned + upheld),
        extended_and_approved=share(sum(line.extended and found.action in GRANTS for line, found in determined)),
        time_to_determination=Durations.of(line.determined_at - line.received_at for line, _ in determined),
        automatic=share(sum(line.is_automatic for line, _ in determined)),
        by_default=share(sum(found.basis is Basis.OVERDUE for _, found in determined)),
        late=share(sum(line.determined_at > line.due_at for line, _ in determined)),
        marked_overdue=sum(line.marked_at in period for line in lines),
        pending=len(waiting),
        overdue=sum(line.due_at < period.end - 1 for line in waiting),
        withdrawn=sum(line.determined is None and line.ended_at in period for line in lines),
        appeals=sum(line.appealed_at in period for line in lines),
        appeals_upheld=upheld,
        appeals_overturned=overturned,
        denials=tuple(Denial(basis, reason, count) for (basis, reason), count in sorted(denials.items())),
    )


@dataclass
class _ClaimLine:
    """What happened to a claim line."""

    submitted_at: int
    first: ClaimAdjudicated | None = None
    first_at: int = 0
    paid_at: int | None = None
    credited_at: int | None = None
    reversed_at: int | None = None


class _Claims:
    """Claim lines, by key."""

    def __init__(self) -> None:
        self._found: dict[str, _ClaimLine] = {}
        self._credited: dict[str, int] = {}
        self._duplicates: list[int] = []

    def take(self, event: ContractEvent, row: EventRow) -> None:
        time = row.block_time
        if isinstance(event, ClaimPended):
            self._found[event.key] = _ClaimLine(time)
        elif isinstance(event, ClaimAdjudicated):
            line = self._found.setdefault(event.key, _ClaimLine(time))
            if line.first is None:
                line.first, line.first_at = event, time
            elif event.status in PAID:
                line.paid_at = time
        elif isinstance(event, ClaimDuplicate):
            self._duplicates.append(time)
        elif isinstance(event, ClaimReversed):
            self._found.setdefault(event.key, _ClaimLine(time)).reversed_at = time
        elif isinstance(event, ProviderCredited):  # before its line's adjudication, in the same transaction
            self._credited[event.claim] = time

    def metrics(self, period: Period) -> ClaimMetrics:
        lines = list(self._found.values())
        decided = [(line, line.first) for line in lines if line.first and line.first_at in period]
        denied = Counter(first.carc for _, first in decided if first.status is ClaimStatus.DENIED)
        credits_ = [
            time - self._found[key].submitted_at
            for key, time in self._credited.items()
            if time in period and key in self._found
        ]

        def share(count: int) -> Share:
            return Share(count, len(decided))

        return ClaimMetrics(
            submitted=sum(line.submitted_at in period for line in lines),
            duplicates=sum(time in period for time in self._duplicates),
            decided=len(decided),
            paid=share(sum(first.status in PAID for _, first in decided)),
            denied=share(sum(denied.values())),
            automatic=share(sum(not int(first.reviewer, 16) for _, first in decided)),
            reversed=sum(line.reversed_at in period for line in lines),
            paid_after_denial=sum(
                line.paid_at in period and line.first is not None and line.first.status is ClaimStatus.DENIED
                for line in lines
            ),
            time_to_decision=Durations.of(line.first_at - line.submitted_at for line, _ in decided),
            time_to_credit=Durations.of(credits_),
            charged=sum(first.charge for _, first in decided),
            paid_amount=sum(first.paid for _, first in decided),
            denials=tuple(sorted(denied.items())),
        )


@dataclass
class _Version:
    """A version of a policy, of one contract."""

    shadow: bool
    sealed: bool = False
    rules: list[RuleAdded] = field(default_factory=list)


class _Policies:
    """Which version is in force for whom from when on."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, int], _Version] = {}
        self._enrolments: dict[tuple[str, str, int], list[tuple[int, int]]] = {}

    def take(self, event: ContractEvent, row: EventRow) -> None:
        if isinstance(event, VersionDrafted):
            self._versions[row.address, event.version] = _Version(event.shadow)
        elif isinstance(event, RuleAdded):
            self._versions[row.address, event.version].rules.append(event)
        elif isinstance(event, VersionSealed):
            self._versions[row.address, event.version].sealed = True
        elif isinstance(event, ProviderEnrolled):
            key = row.address, event.provider, event.plan
            self._enrolments.setdefault(key, []).append((event.start, event.version))
        elif isinstance(event, EnrolmentEnded):
            key = row.address, event.provider, event.plan
            kept = [found for found in self._enrolments[key] if found[0] < event.end]
            self._enrolments[key] = [*kept, (event.end, 0)]

    def services(self, period: Period, excluded: tuple[int, ...], shadow: bool) -> tuple[Service, ...]:
        """The classes that need an authorization by a version in force for some provider at some time of the period."""
        in_force = {
            (contract, version)
            for (contract, _, _), enrolments in self._enrolments.items()
            for (start, version), (end, _) in zip(enrolments, [*enrolments[1:], (period.end, 0)], strict=True)
            if version and start < period.end and end > max(period.start, start)
        }
        first_day, last_day = period.start // DAY, (period.end - 1) // DAY
        found: dict[int, set[int]] = {}
        for contract, number in in_force:
            version = self._versions[contract, number]
            if version.shadow is not shadow or not version.sealed:
                continue
            for rule in version.rules:
                needed = rule.flags & RuleFlag.AUTHORIZATION_NEEDED
                applies = rule.first_day <= last_day and rule.last_day >= first_day
                if needed and applies and rule.benefit_class not in excluded:
                    found.setdefault(rule.benefit_class, set()).add(number)
        return tuple(Service(number, tuple(sorted(versions))) for number, versions in sorted(found.items()))
