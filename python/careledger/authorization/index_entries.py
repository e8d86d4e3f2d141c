"""What the index answers about authorizations, claims and policies.

Units are milli-units, amounts token minor units (None: not known), days are since 1970-01-01 UTC, times Unix seconds.
`contract` is the insurer's contract that told.
"""

from __future__ import annotations

from dataclasses import dataclass

from careledger.authorization.claims_read_model import PaymentState
from careledger.authorization.read_model import WaitsFor
from careledger.contract_enums import (
    Action,
    AppealStatus,
    Basis,
    ClaimStatus,
    Finding,
    LineStatus,
    VersionStatus,
)

__all__ = [
    "AccountEntry",
    "AppealEntry",
    "ClaimLineEntry",
    "DecisionEntry",
    "EnrolmentEntry",
    "LineEntry",
    "QueueEntry",
    "RequestEntry",
    "ReviewerEntry",
    "VaultEntry",
    "VersionEntry",
]


@dataclass(frozen=True)
class RequestEntry:
    """A request, as its last revision says. `covered`: the insurer named the member."""

    contract: str
    provider: str
    request: str
    submitted_by: str
    revision: int
    version: int
    received_at: int
    expedited: bool
    shadow: bool
    content: str
    submitted_at: int
    lines: int
    covered: bool


@dataclass(frozen=True)
class LineEntry:
    """A line with the decision that stands. `milli_units` and `amount` are what a grant has left, else what was asked
    for; `valid_from` and `valid_to` are None where nothing is granted. `waits_for` is None for a line that is not at
    the insurer's desk, `received_at` and `due_at` are None for one that never was. `overdue`: somebody marked it so."""

    contract: str
    provider: str
    request: str
    line: int
    status: LineStatus
    appeal: AppealStatus
    action: Action
    basis: Basis
    reason: int
    sequence: int
    revision: int
    expedited: bool
    shadow: bool
    submitted_at: int
    version: int
    benefit_class: int
    milli_units: int
    amount: int | None
    milli_units_requested: int
    amount_requested: int | None
    valid_from: int | None
    valid_to: int | None
    decided_at: int
    commitment: str
    superseded_by: int | None
    waits_for: WaitsFor | None
    received_at: int | None
    due_at: int | None
    extended: bool
    overdue: bool
    reviewer: str | None
    first_opinion: str | None


@dataclass(frozen=True)
class QueueEntry:
    """A line at the insurer's desk. `seconds_left` is negative for one that is past due at the view's block's time;
    `marked_overdue`: somebody had the contract say so. `first_opinion` is who may not give the second."""

    contract: str
    provider: str
    request: str
    line: int
    sequence: int
    waits_for: WaitsFor
    expedited: bool
    benefit_class: int
    due_at: int
    seconds_left: int
    past_due: bool
    extended: bool
    marked_overdue: bool
    reviewer: str | None
    first_opinion: str | None


@dataclass(frozen=True)
class DecisionEntry:
    """A decision, by a person if there is a `reviewer`. `milli_units` and `amount` are what it granted."""

    contract: str
    provider: str
    request: str
    line: int
    sequence: int
    action: Action
    basis: Basis
    benefit_class: int
    version: int
    milli_units_requested: int
    milli_units: int
    milli_units_before: int
    amount_requested: int | None
    amount: int | None
    documents: int
    valid_from: int | None
    valid_to: int | None
    due_at: int | None
    reason: int
    reviewer_key: str | None
    reviewer: str | None
    commitment: str
    decided_at: int


@dataclass(frozen=True)
class AppealEntry:
    """An appeal. An outcome of NONE_: the line ended before it was decided."""

    contract: str
    provider: str
    request: str
    line: int
    outcome: AppealStatus
    sequence: int
    expedited: bool
    received_at: int
    due_at: int
    statement: str
    appealed_at: int
    overdue: bool
    decided_at: int | None
    reason: int | None
    reviewer_key: str | None
    reviewer: str | None
    rationale: str | None


@dataclass(frozen=True)
class ClaimLineEntry:
    """A claim line. `status` counts what the vault did since; `payment` is what that was, None if it had nothing to do.
    Amounts are None before anything was decided."""

    contract: str
    claim_line: str
    provider: str | None
    claim: str | None
    request: str | None
    line: int | None
    service_day: int | None
    milli_units: int | None
    charge: int | None
    status: ClaimStatus
    finding: Finding
    paid: int | None
    contractual: int | None
    deductible: int | None
    coinsurance: int | None
    copay: int | None
    denied: int | None
    carc: int | None
    submitted_at: int | None
    decided_at: int | None
    reviewer_key: str | None
    reviewer: str | None
    rationale: str | None
    reversed_at: int | None
    reversal_reason: int | None
    payment: PaymentState | None
    credited_at: int | None


@dataclass(frozen=True)
class AccountEntry:
    """A provider's account with an insurer. `payee` None: the credit waits."""

    contract: str
    provider: str
    credit: int
    debt: int
    payee: str | None


@dataclass(frozen=True)
class VaultEntry:
    """An insurer's money. `unfunded` is what waits for money, in all, `waiting` how many payments that is."""

    contract: str
    available: int
    unfunded: int
    waiting: int
    floor: int
    daily_cap: int
    withdrawal: int
    withdrawal_recipient: str | None
    withdrawal_ready_at: int | None


@dataclass(frozen=True)
class VersionEntry:
    """A version of a policy."""

    contract: str
    version: int
    status: VersionStatus
    sealed_at: int | None
    digest: str | None
    rules: int
    plan: int
    receipt_window: int
    appeal_days: int
    shadow: bool
    deductible: int
    out_of_pocket_maximum: int
    base_rate: int
    document: str
    class_root: str


@dataclass(frozen=True)
class EnrolmentEntry:
    """That a version is in force for a provider from `start` on, until the next one is; version 0: none is."""

    contract: str
    provider: str
    plan: int
    version: int
    start: int
    coefficient: int


@dataclass(frozen=True)
class ReviewerEntry:
    """A key that reviews under an id, or did."""

    contract: str
    key: str
    reviewer: str
    appointed: bool
