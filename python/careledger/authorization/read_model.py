"""What the index keeps of prior authorizations: requests, their lines with the decision that stands, every decision,
and appeals over time.

Each table's row is a version: what held from one log until another. `contract` is the `PriorAuthorization` that told;
amounts are token minor units, days are since 1970-01-01 UTC, times Unix seconds. Nothing that time alone changes (a
line that is past due, a grant whose last day is over) is stored. Who a member is, is not in the events: only whether
the insurer named one.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

from careledger.authorization.decision import UNKNOWN_AMOUNT
from careledger.chain.indexer.model import Entity, Key, Kind, ReadModel, Row, State
from careledger.contract_enums import Action, AppealStatus, Basis, LineStatus
from careledger.contract_events import (
    AppealDecided,
    CoverageVerified,
    DeadlineExtended,
    GrantChanged,
    GrantExpired,
    InformationRequested,
    InformationSupplied,
    LineAppealed,
    LineCancelled,
    LineDecided,
    LineOverdue,
    LineSuperseded,
    OpinionGiven,
    RequestSubmitted,
)

__all__ = ["APPEAL", "DECISION", "LINE", "MODEL", "REQUEST", "STATUS_OF", "WaitsFor"]

MODEL = ReadModel("authorizations", version=1)

REQUEST = MODEL.entity(
    "authorization_request",
    key={"contract": Kind.ADDRESS, "provider": Kind.TEXT, "request": Kind.TEXT},
    values={
        "submitted_by": Kind.ADDRESS,  # of the last revision, as are the next six
        "revision": Kind.INTEGER,
        "version": Kind.INTEGER,  # of the policy
        "received_at": Kind.INTEGER,
        "expedited": Kind.BOOL,
        "shadow": Kind.BOOL,
        "content": Kind.TEXT,
        "submitted_at": Kind.INTEGER,
        "lines": Kind.INTEGER,
        "covered": Kind.BOOL,  # the insurer named the member
    },
)
LINE = MODEL.entity(
    "authorization_line",
    key={"contract": Kind.ADDRESS, "provider": Kind.TEXT, "request": Kind.TEXT, "line": Kind.INTEGER},
    values={
        "status": Kind.INTEGER,  # LineStatus
        "appeal": Kind.INTEGER,  # AppealStatus
        "action": Kind.INTEGER,  # Action, of the decision that stands
        "basis": Kind.INTEGER,  # Basis, likewise
        "reason": Kind.INTEGER,  # of the last decision or upheld appeal; 0 for the rules'
        "sequence": Kind.INTEGER,
        "revision": Kind.INTEGER,  # that brought it, as do the next three
        "expedited": Kind.BOOL,
        "shadow": Kind.BOOL,
        "submitted_at": Kind.INTEGER,
        "version": Kind.INTEGER,  # of the policy
        "benefit_class": Kind.INTEGER,
        "milli_units": Kind.INTEGER,  # left of a grant, else asked for
        "amount": Kind.UINT,  # likewise; None: not known
        "milli_units_requested": Kind.INTEGER,
        "amount_requested": Kind.UINT,  # None: not known
        "valid_from": Kind.INTEGER,  # days; None: nothing was granted
        "valid_to": Kind.INTEGER,
        "decided_at": Kind.INTEGER,
        "commitment": Kind.TEXT,
        "superseded_by": Kind.INTEGER,  # the line
        "waits_for": Kind.TEXT,  # WaitsFor; None: for nobody at the insurer's desk
        "received_at": Kind.INTEGER,  # of the request or the appeal; None: no person had to do with it
        "due_at": Kind.INTEGER,  # likewise
        "extended": Kind.BOOL,
        "overdue": Kind.BOOL,  # somebody marked it so
        "reviewer": Kind.TEXT,  # who decided last; None: the rules
        "first_opinion": Kind.TEXT,  # who gave the first of two
    },
    indexes=[("waits_for",), ("status",)],
)
DECISION = MODEL.entity(
    "authorization_decision",
    key={
        "contract": Kind.ADDRESS,
        "provider": Kind.TEXT,
        "request": Kind.TEXT,
        "line": Kind.INTEGER,
        "sequence": Kind.INTEGER,
    },
    values={
        "action": Kind.INTEGER,
        "basis": Kind.INTEGER,
        "benefit_class": Kind.INTEGER,
        "version": Kind.INTEGER,
        "milli_units_requested": Kind.INTEGER,
        "milli_units": Kind.INTEGER,  # granted
        "milli_units_before": Kind.INTEGER,  # of the member in class and period, as far as it mattered
        "amount_requested": Kind.UINT,  # None: not known
        "amount": Kind.UINT,  # granted; None: not known
        "documents": Kind.UINT,  # bit n: one of kind n
        "valid_from": Kind.INTEGER,  # days; None: nothing was granted
        "valid_to": Kind.INTEGER,
        "due_at": Kind.INTEGER,  # of a pended line
        "reason": Kind.INTEGER,
        "reviewer_key": Kind.ADDRESS,  # None: the rules decided
        "reviewer": Kind.TEXT,  # likewise
        "commitment": Kind.TEXT,  # the line's, or of why
        "decided_at": Kind.INTEGER,
    },
)
APPEAL = MODEL.entity(
    "authorization_appeal",
    key={"contract": Kind.ADDRESS, "provider": Kind.TEXT, "request": Kind.TEXT, "line": Kind.INTEGER},
    values={
        "outcome": Kind.INTEGER,  # AppealStatus; NONE_: the line ended first
        "sequence": Kind.INTEGER,  # of the decision appealed
        "expedited": Kind.BOOL,
        "received_at": Kind.INTEGER,
        "due_at": Kind.INTEGER,
        "statement": Kind.TEXT,
        "appealed_at": Kind.INTEGER,
        "overdue": Kind.BOOL,  # somebody marked it so
        "decided_at": Kind.INTEGER,  # or ended
        "reason": Kind.INTEGER,
        "reviewer_key": Kind.ADDRESS,
        "reviewer": Kind.TEXT,
        "rationale": Kind.TEXT,
    },
)

STATUS_OF = {
    Action.APPROVED_IN_FULL: LineStatus.APPROVED,
    Action.APPROVED_IN_PART: LineStatus.PARTIAL,
    Action.DENIED: LineStatus.DENIED,
    Action.PENDED: LineStatus.PENDED,
    Action.MODIFIED: LineStatus.MODIFIED,
    Action.NOT_REQUIRED: LineStatus.NOT_REQUIRED,
}


class WaitsFor(enum.Enum):
    """What a line at the insurer's desk waits for. The clock runs in all three."""

    DECISION = "decision"
    INFORMATION = "information"
    APPEAL = "appeal"


def _request(row: Row) -> Key:
    return row.address, row.provider, row.request_id


def _line(row: Row) -> Key:
    return row.address, row.provider, row.request_id, row.line


def _of_line(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((LINE, _line(row)),)


def _of_appeal(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((LINE, _line(row)), (APPEAL, _line(row)))


def _of_decision(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((LINE, _line(row)), (REQUEST, _request(row)), (DECISION, (*_line(row), row.sequence)))


def _given(value: str) -> str | None:
    """An account or a reviewer; None for zero."""
    return value if int(value, 16) else None


def _amount(value: int) -> int | None:
    return None if value == UNKNOWN_AMOUNT else value


def _change(state: State, key: Key, **values: Any) -> None:
    """Changes a line, and what it waits for."""
    current = state.get(LINE, key)
    assert current is not None
    merged = {**current, **values}
    waits_for = None
    if merged["appeal"] == AppealStatus.OPEN:
        waits_for = WaitsFor.APPEAL.value
    elif merged["status"] == LineStatus.PENDED:
        waits_for = WaitsFor.DECISION.value
    elif merged["status"] == LineStatus.INFORMATION_REQUESTED:
        waits_for = WaitsFor.INFORMATION.value
    state.put(LINE, key, **{**merged, "waits_for": waits_for})


# ------------------------------------------------------------------ requests


@MODEL.on(RequestSubmitted, touches=lambda row: ((REQUEST, (row.address, row.provider, row.id)),))
def _submitted(state: State, row: Row) -> None:
    key = row.address, row.provider, row.id
    known = state.get(REQUEST, key) or {"lines": 0, "covered": False}
    state.put(
        REQUEST,
        key,
        submitted_by=row.key,
        revision=row.revision,
        version=row.version,
        received_at=row.received_at,
        expedited=row.expedited,
        shadow=row.shadow,
        content=row.content,
        submitted_at=row.block_time,
        lines=known["lines"],
        covered=known["covered"],
    )


@MODEL.on(CoverageVerified, touches=lambda row: ((REQUEST, _request(row)),))
def _verified(state: State, row: Row) -> None:
    state.put(REQUEST, _request(row), covered=True)


# ------------------------------------------------------------------ decisions


@MODEL.on(LineDecided, touches=_of_decision)
def _decided(state: State, row: Row) -> None:
    key = _line(row)
    if row.sequence == 1:
        _open_line(state, row)
    reviewer, granted = _given(row.reviewer), row.milli_units != 0
    values: dict[str, Any] = {
        "status": STATUS_OF[row.action],
        "action": row.action,
        "basis": row.basis,
        "reason": row.reason,
        "sequence": row.sequence,
        "version": row.version,
        "benefit_class": row.benefit_class,
        "valid_from": row.valid_from if granted else None,
        "valid_to": row.valid_to if granted else None,
        "decided_at": row.block_time,
    }
    if granted:
        values |= {"milli_units": row.milli_units, "amount": _amount(row.amount)}
    if reviewer is not None:
        values["reviewer"] = reviewer
    _change(state, key, **values)
    state.put(
        DECISION,
        (*key, row.sequence),
        action=row.action,
        basis=row.basis,
        benefit_class=row.benefit_class,
        version=row.version,
        milli_units_requested=row.milli_units_requested,
        milli_units=row.milli_units,
        milli_units_before=row.milli_units_before,
        amount_requested=_amount(row.amount_requested),
        amount=_amount(row.amount),
        documents=row.documents,
        valid_from=row.valid_from if granted else None,
        valid_to=row.valid_to if granted else None,
        due_at=row.due_at or None,
        reason=row.reason,
        reviewer_key=_given(row.key),
        reviewer=reviewer,
        commitment=row.commitment,
        decided_at=row.block_time,
    )


def _open_line(state: State, row: Row) -> None:
    """A new line, as it was asked for. The log before, of the same transaction, is its request's."""
    request = state.get(REQUEST, _request(row))
    assert request is not None
    covered = request["covered"] or row.basis != Basis.COVERAGE_UNVERIFIED
    state.put(REQUEST, _request(row), lines=max(request["lines"], row.line + 1), covered=covered)
    pended = row.action == Action.PENDED
    state.put(
        LINE,
        _line(row),
        status=LineStatus.UNKNOWN,
        appeal=AppealStatus.NONE_,
        action=Action.NONE_,
        basis=Basis.NONE_,
        reason=0,
        sequence=0,
        revision=request["revision"],
        expedited=request["expedited"],
        shadow=request["shadow"],
        submitted_at=row.block_time,
        version=row.version,
        benefit_class=row.benefit_class,
        milli_units=row.milli_units_requested,
        amount=_amount(row.amount_requested),
        milli_units_requested=row.milli_units_requested,
        amount_requested=_amount(row.amount_requested),
        valid_from=None,
        valid_to=None,
        decided_at=row.block_time,
        commitment=row.commitment,
        superseded_by=None,
        waits_for=None,
        received_at=request["received_at"] if pended else None,
        due_at=row.due_at if pended else None,
        extended=False,
        overdue=False,
        reviewer=None,
        first_opinion=None,
    )


@MODEL.on(GrantChanged, touches=_of_line)
def _grant_changed(state: State, row: Row) -> None:
    current = state.get(LINE, _line(row))
    assert current is not None
    status = LineStatus.EXHAUSTED if row.milli_units == 0 else STATUS_OF[Action(current["action"])]
    _change(state, _line(row), status=status, milli_units=row.milli_units, amount=_amount(row.amount))


@MODEL.on(GrantExpired, touches=_of_line)
def _expired(state: State, row: Row) -> None:
    _change(state, _line(row), status=LineStatus.EXPIRED)


# ------------------------------------------------------------------ the provider ends lines


@MODEL.on(LineSuperseded, LineCancelled, touches=_of_appeal)
def _ended(state: State, row: Row) -> None:
    key = _line(row)
    current = state.get(LINE, key)
    assert current is not None
    successor = getattr(row, "successor", None)
    status = LineStatus.CANCELLED if successor is None else LineStatus.SUPERSEDED
    appeal = current["appeal"]
    if appeal == AppealStatus.OPEN:
        appeal = AppealStatus.NONE_
        state.put(APPEAL, key, outcome=AppealStatus.NONE_, decided_at=row.block_time)
    _change(state, key, status=status, appeal=appeal, superseded_by=successor)


# ------------------------------------------------------------------ the desk


@MODEL.on(InformationRequested, touches=_of_line)
def _information_requested(state: State, row: Row) -> None:
    _change(state, _line(row), status=LineStatus.INFORMATION_REQUESTED)


@MODEL.on(InformationSupplied, touches=_of_line)
def _information_supplied(state: State, row: Row) -> None:
    _change(state, _line(row), status=LineStatus.PENDED)


@MODEL.on(DeadlineExtended, touches=_of_line)
def _extended(state: State, row: Row) -> None:
    _change(state, _line(row), extended=True, due_at=row.due_at)


@MODEL.on(LineOverdue, touches=_of_appeal)
def _overdue(state: State, row: Row) -> None:
    key = _line(row)
    current = state.get(LINE, key)
    assert current is not None
    if current["appeal"] == AppealStatus.OPEN:
        state.put(APPEAL, key, overdue=True)
    _change(state, key, overdue=True)


@MODEL.on(OpinionGiven, touches=_of_line)
def _opinion_given(state: State, row: Row) -> None:
    _change(state, _line(row), first_opinion=row.reviewer)


@MODEL.on(LineAppealed, touches=_of_appeal)
def _appealed(state: State, row: Row) -> None:
    key = _line(row)
    current = state.get(LINE, key)
    assert current is not None
    _change(
        state,
        key,
        appeal=AppealStatus.OPEN,
        received_at=row.received_at,
        due_at=row.due_at,
        extended=False,
        overdue=False,
    )
    state.put(
        APPEAL,
        key,
        outcome=AppealStatus.OPEN,
        sequence=current["sequence"],
        expedited=row.expedited,
        received_at=row.received_at,
        due_at=row.due_at,
        statement=row.statement,
        appealed_at=row.block_time,
        overdue=False,
        decided_at=None,
        reason=None,
        reviewer_key=None,
        reviewer=None,
        rationale=None,
    )


@MODEL.on(AppealDecided, touches=_of_appeal)
def _appeal_decided(state: State, row: Row) -> None:
    key = _line(row)
    current = state.get(LINE, key)
    assert current is not None
    values: dict[str, Any] = {"appeal": row.outcome, "reviewer": row.reviewer}
    if row.outcome == AppealStatus.UPHELD:  # else a decision follows, with a number of its own
        values |= {"sequence": current["sequence"] + 1, "reason": row.reason}
    _change(state, key, **values)
    state.put(
        APPEAL,
        key,
        outcome=row.outcome,
        decided_at=row.block_time,
        reason=row.reason,
        reviewer_key=row.key,
        reviewer=row.reviewer,
        rationale=row.rationale,
    )
