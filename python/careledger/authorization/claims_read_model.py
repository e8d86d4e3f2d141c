"""What the index keeps of claims and of insurers' money: claim lines, what the vault paid for them, providers'
accounts, prepayments, what members have borne, and the vault itself over time.

Each table's row is a version: what held from one log until another. Amounts are token minor units, days are since
1970-01-01 UTC, times Unix seconds. What was adjudicated is told by the `ClaimSettlement`, whether it is paid by the
`InsurerVault`; which vault a settlement writes is `ledger_writer`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

import orjson

from careledger.chain.indexer.model import Entity, Key, Kind, ReadModel, Row, State
from careledger.contract_enums import ClaimStatus
from careledger.contract_events import (
    AccumulatorsChanged,
    ClaimAdjudicated,
    ClaimDuplicate,
    ClaimPended,
    ClaimReversed,
    ClaimReviewed,
    ClaimSubmitted,
    CreditPaid,
    Deposited,
    LimitsChanged,
    PayeeChanged,
    PaymentQueued,
    PrepaymentHeld,
    PrepaymentRefunded,
    PrepaymentUsed,
    ProviderCredited,
    ProviderDebited,
    QueuedPaymentDropped,
    WithdrawalRequested,
    Withdrawn,
)

__all__ = [
    "ACCOUNT",
    "ACCUMULATORS",
    "CLAIM",
    "CLAIM_LINE",
    "DUPLICATE",
    "MODEL",
    "PAYMENT",
    "PREPAYMENT",
    "VAULT",
    "PaymentState",
]

MODEL = ReadModel("claims", version=1)

CLAIM = MODEL.entity(
    "claim",
    key={"contract": Kind.ADDRESS, "provider": Kind.TEXT, "claim": Kind.TEXT},
    values={
        "submitted_by": Kind.ADDRESS,  # the last time that it brought lines, as is the rest
        "lines": Kind.INTEGER,
        "content": Kind.TEXT,
        "documents": Kind.JSON,  # leaves that it rests on
        "submitted_at": Kind.INTEGER,
    },
)
CLAIM_LINE = MODEL.entity(
    "claim_line",
    key={"contract": Kind.ADDRESS, "claim_line": Kind.TEXT},  # the settlement that told, and the line's key
    values={
        # None in what a settlement has of a line that came to the one before it.
        "provider": Kind.TEXT,
        "claim": Kind.TEXT,
        "request": Kind.TEXT,  # zero: it names none
        "line": Kind.INTEGER,
        "service_day": Kind.INTEGER,
        "milli_units": Kind.INTEGER,
        "charge": Kind.UINT,
        "status": Kind.INTEGER,  # ClaimStatus, as adjudicated; whether what waited is paid, `claim_payment` says
        "finding": Kind.INTEGER,
        "paid": Kind.UINT,
        "contractual": Kind.UINT,
        "deductible": Kind.UINT,
        "coinsurance": Kind.UINT,
        "copay": Kind.UINT,
        "denied": Kind.UINT,
        "carc": Kind.INTEGER,
        "submitted_at": Kind.INTEGER,
        "decided_at": Kind.INTEGER,
        "reviewer_key": Kind.ADDRESS,  # who decided or reversed; None: the rules
        "reviewer": Kind.TEXT,
        "rationale": Kind.TEXT,
        "reversed_at": Kind.INTEGER,
        "reversal_reason": Kind.INTEGER,
    },
    indexes=[("status",), ("provider", "request")],
)
DUPLICATE = MODEL.entity(
    "claim_duplicate",
    key={"contract": Kind.ADDRESS, "claim_line": Kind.TEXT, "claim": Kind.TEXT},
    values={"provider": Kind.TEXT, "charge": Kind.UINT, "claimed_at": Kind.INTEGER},
)
PAYMENT = MODEL.entity(
    "claim_payment",
    key={"contract": Kind.ADDRESS, "claim_line": Kind.TEXT},  # the vault
    values={
        "provider": Kind.TEXT,
        "state": Kind.TEXT,  # PaymentState
        "amount": Kind.UINT,
        "netted": Kind.UINT,  # of the amount, what made up a debt
        "place": Kind.INTEGER,  # in the queue; None: it never waited
        "queued_at": Kind.INTEGER,
        "credited_at": Kind.INTEGER,
        "ended_at": Kind.INTEGER,  # dropped, or taken back
    },
    indexes=[("state",)],
)
ACCOUNT = MODEL.entity(
    "provider_account",
    key={"contract": Kind.ADDRESS, "provider": Kind.TEXT},
    values={"credit": Kind.UINT, "debt": Kind.UINT, "payee": Kind.ADDRESS},  # None: the credit waits
)
PREPAYMENT = MODEL.entity(
    "prepayment",
    key={"contract": Kind.ADDRESS, "prepayment": Kind.TEXT},
    values={"payer": Kind.ADDRESS, "held": Kind.UINT},
    indexes=[("payer",)],
)
ACCUMULATORS = MODEL.entity(
    "member_accumulators",
    key={"contract": Kind.ADDRESS, "member_key": Kind.TEXT, "period": Kind.INTEGER},
    values={"deductible": Kind.UINT, "out_of_pocket": Kind.UINT},
)
VAULT = MODEL.entity(
    "insurer_vault",
    key={"contract": Kind.ADDRESS},
    values={
        "available": Kind.UINT,
        "unfunded": Kind.UINT,  # what waits, in all
        "waiting": Kind.INTEGER,  # how many
        "floor": Kind.UINT,
        "daily_cap": Kind.UINT,
        "withdrawal": Kind.UINT,  # that waits; 0: none
        "withdrawal_recipient": Kind.ADDRESS,
        "withdrawal_ready_at": Kind.INTEGER,
    },
)


class PaymentState(enum.Enum):
    """What became of a payment in the vault."""

    QUEUED = "queued"
    CREDITED = "credited"
    DROPPED = "dropped"
    TAKEN_BACK = "taken back"


EMPTY_VAULT: dict[str, Any] = {
    **dict.fromkeys(("available", "unfunded", "waiting", "floor", "daily_cap", "withdrawal"), 0),
    "withdrawal_recipient": None,
    "withdrawal_ready_at": None,
}
UNKNOWN_LINE: dict[str, Any] = dict.fromkeys(CLAIM_LINE.values)
NO_ACCOUNT: dict[str, Any] = {"credit": 0, "debt": 0, "payee": None}


def _given(value: str) -> str | None:
    """An account or a reviewer; None for zero."""
    return value if int(value, 16) else None


def _claim_line(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((CLAIM_LINE, (row.address, row.key)),)


def _payment(row: Row) -> Iterable[tuple[Entity, Key]]:
    return (
        (PAYMENT, (row.address, row.claim)),
        (ACCOUNT, (row.address, row.provider)),
        (VAULT, (row.address,)),
    )


def _account(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((ACCOUNT, (row.address, row.provider)),)


def _vault(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((VAULT, (row.address,)),)


def _prepayment(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((PREPAYMENT, (row.address, row.prepayment)),)


def _put_line(state: State, row: Row, **values: Any) -> None:
    key = row.address, row.key
    state.put(CLAIM_LINE, key, **{**(state.get(CLAIM_LINE, key) or UNKNOWN_LINE), **values})


def _change_vault(state: State, row: Row, **changes: int) -> None:
    """Adds to what the vault has."""
    current = state.get(VAULT, (row.address,)) or EMPTY_VAULT
    added = {name: current[name] + change for name, change in changes.items()}
    state.put(VAULT, (row.address,), **{**current, **added})


def _set_vault(state: State, row: Row, **values: Any) -> None:
    state.put(VAULT, (row.address,), **{**(state.get(VAULT, (row.address,)) or EMPTY_VAULT), **values})


def _change_account(state: State, row: Row, credit: int, debt: int = 0) -> None:
    key = row.address, row.provider
    current = state.get(ACCOUNT, key) or NO_ACCOUNT
    state.put(ACCOUNT, key, **{**current, "credit": current["credit"] + credit, "debt": current["debt"] + debt})


# ------------------------------------------------------------------ claims


@MODEL.on(ClaimSubmitted, touches=lambda row: ((CLAIM, (row.address, row.provider, row.id)),))
def _submitted(state: State, row: Row) -> None:
    state.put(
        CLAIM,
        (row.address, row.provider, row.id),
        submitted_by=row.key,
        lines=row.lines,
        content=row.content,
        documents=orjson.loads(row.documents),
        submitted_at=row.block_time,
    )


def _claimed(row: Row) -> dict[str, Any]:
    return {
        "provider": row.provider,
        "claim": row.claim_id,
        "request": row.request_id,
        "line": row.line,
        "service_day": row.service_day,
        "milli_units": row.milli_units,
        "charge": row.charge,
        "finding": row.finding,
    }


@MODEL.on(ClaimPended, touches=_claim_line)
def _pended(state: State, row: Row) -> None:
    _put_line(state, row, **_claimed(row), status=ClaimStatus.IN_REVIEW, submitted_at=row.block_time)


@MODEL.on(ClaimAdjudicated, touches=_claim_line)
def _adjudicated(state: State, row: Row) -> None:
    reviewer = _given(row.reviewer)
    values = {
        **_claimed(row),
        "status": row.status,
        "paid": row.paid,
        "contractual": row.contractual,
        "deductible": row.deductible,
        "coinsurance": row.coinsurance,
        "copay": row.copay,
        "denied": row.denied,
        "carc": row.carc,
        "decided_at": row.block_time,
        "reviewer": reviewer,
    }
    if reviewer is None:
        values["submitted_at"] = row.block_time
    _put_line(state, row, **values)


@MODEL.on(ClaimReviewed, touches=_claim_line)
def _reviewed(state: State, row: Row) -> None:
    _put_line(state, row, reviewer_key=row.reviewer_key, rationale=row.rationale)


@MODEL.on(ClaimReversed, touches=_claim_line)
def _reversed(state: State, row: Row) -> None:
    _put_line(
        state,
        row,
        provider=row.provider,
        status=ClaimStatus.REVERSED,
        reviewer_key=row.reviewer_key,
        reviewer=row.reviewer,
        reversed_at=row.block_time,
        reversal_reason=row.reason,
    )


@MODEL.on(ClaimDuplicate, touches=lambda row: ((DUPLICATE, (row.address, row.key, row.claim_id)),))
def _duplicate(state: State, row: Row) -> None:
    key = row.address, row.key, row.claim_id
    state.put(DUPLICATE, key, provider=row.provider, charge=row.charge, claimed_at=row.block_time)


# ------------------------------------------------------------------ payments


@MODEL.on(ProviderCredited, touches=_payment)
def _credited(state: State, row: Row) -> None:
    key = row.address, row.claim
    waited = state.get(PAYMENT, key)
    state.put(
        PAYMENT,
        key,
        provider=row.provider,
        state=PaymentState.CREDITED.value,
        amount=row.amount,
        netted=row.netted,
        place=None if waited is None else waited["place"],
        queued_at=None if waited is None else waited["queued_at"],
        credited_at=row.block_time,
        ended_at=None,
    )
    fresh = row.amount - row.netted
    _change_account(state, row, fresh, -row.netted)
    if waited is None:
        _change_vault(state, row, available=-fresh)
    else:
        _change_vault(state, row, available=-fresh, unfunded=-row.amount, waiting=-1)


@MODEL.on(PaymentQueued, touches=_payment)
def _queued(state: State, row: Row) -> None:
    state.put(
        PAYMENT,
        (row.address, row.claim),
        provider=row.provider,
        state=PaymentState.QUEUED.value,
        amount=row.amount,
        netted=0,
        place=row.place,
        queued_at=row.block_time,
        credited_at=None,
        ended_at=None,
    )
    _change_vault(state, row, unfunded=row.amount, waiting=1)


@MODEL.on(QueuedPaymentDropped, touches=lambda row: ((PAYMENT, (row.address, row.claim)), (VAULT, (row.address,))))
def _dropped(state: State, row: Row) -> None:
    key = row.address, row.claim
    current = state.get(PAYMENT, key)
    assert current is not None
    state.put(PAYMENT, key, state=PaymentState.DROPPED.value, ended_at=row.block_time)
    _change_vault(state, row, unfunded=-current["amount"], waiting=-1)


@MODEL.on(ProviderDebited, touches=_payment)
def _debited(state: State, row: Row) -> None:
    key = row.address, row.claim
    if state.get(PAYMENT, key) is not None:  # else nothing was owed, and nothing credited
        state.put(PAYMENT, key, state=PaymentState.TAKEN_BACK.value, ended_at=row.block_time)
    _change_account(state, row, -row.from_credit, row.as_debt)
    _change_vault(state, row, available=row.from_credit)


@MODEL.on(CreditPaid, touches=_account)
def _paid_out(state: State, row: Row) -> None:
    _change_account(state, row, -row.amount)


@MODEL.on(PayeeChanged, touches=_account)
def _payee_changed(state: State, row: Row) -> None:
    key = row.address, row.provider
    state.put(ACCOUNT, key, **{**(state.get(ACCOUNT, key) or NO_ACCOUNT), "payee": _given(row.payee)})


# ------------------------------------------------------------------ prepayments


@MODEL.on(PrepaymentHeld, touches=_prepayment)
def _held(state: State, row: Row) -> None:
    key = row.address, row.prepayment
    current = state.get(PREPAYMENT, key)
    state.put(PREPAYMENT, key, payer=row.payer, held=row.amount + (0 if current is None else current["held"]))


@MODEL.on(PrepaymentUsed, touches=lambda row: (*_prepayment(row), *_account(row)))
def _used(state: State, row: Row) -> None:
    key = row.address, row.prepayment
    current = state.get(PREPAYMENT, key)
    assert current is not None
    state.put(PREPAYMENT, key, held=current["held"] - row.amount)
    _change_account(state, row, row.amount)


@MODEL.on(PrepaymentRefunded, touches=_prepayment)
def _refunded(state: State, row: Row) -> None:
    state.put(PREPAYMENT, (row.address, row.prepayment), held=0)


# ------------------------------------------------------------------ members, the insurer's money


@MODEL.on(AccumulatorsChanged, touches=lambda row: ((ACCUMULATORS, (row.address, row.member_key, row.period)),))
def _accumulated(state: State, row: Row) -> None:
    key = row.address, row.member_key, row.period
    state.put(ACCUMULATORS, key, deductible=row.deductible, out_of_pocket=row.out_of_pocket)


@MODEL.on(Deposited, touches=_vault)
def _deposited(state: State, row: Row) -> None:
    _change_vault(state, row, available=row.amount)


@MODEL.on(LimitsChanged, touches=_vault)
def _limits_changed(state: State, row: Row) -> None:
    _set_vault(state, row, floor=row.floor, daily_cap=row.daily_cap)


@MODEL.on(WithdrawalRequested, touches=_vault)
def _withdrawal_requested(state: State, row: Row) -> None:
    waits = row.amount != 0
    _set_vault(
        state,
        row,
        withdrawal=row.amount,
        withdrawal_recipient=row.recipient if waits else None,
        withdrawal_ready_at=row.ready_at if waits else None,
    )


@MODEL.on(Withdrawn, touches=_vault)
def _withdrawn(state: State, row: Row) -> None:
    _change_vault(state, row, available=-row.amount)
    _set_vault(state, row, withdrawal=0, withdrawal_recipient=None, withdrawal_ready_at=None)
