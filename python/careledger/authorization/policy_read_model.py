"""What the index keeps of what insurers and providers agreed on: versions of policies, their rules, enrolments,
reviewers, units of members, and which contract settles claims, over time.

Each table's row is a version: what held from one log until another. Whether an enrolment has begun depends on the time
and is not stored.
"""

from __future__ import annotations

from careledger.chain.indexer.model import Kind, ReadModel, Row, State
from careledger.contract_enums import VersionStatus
from careledger.contract_events import (
    EnrolmentEnded,
    ProviderEnrolled,
    ReviewerAppointed,
    ReviewerDismissed,
    RuleAdded,
    SettlementChanged,
    UnitsChanged,
    VersionDrafted,
    VersionSealed,
)

__all__ = ["ENROLMENTS", "MODEL", "REVIEWER", "RULE", "SETTLEMENT", "UNITS", "VERSION"]

MODEL = ReadModel("policies", version=1)

VERSION = MODEL.entity(
    "policy_version",
    key={"contract": Kind.ADDRESS, "version": Kind.INTEGER},
    values={
        "status": Kind.INTEGER,  # VersionStatus
        "sealed_at": Kind.INTEGER,
        "digest": Kind.TEXT,
        "rules": Kind.INTEGER,
        "plan": Kind.INTEGER,
        "receipt_window": Kind.INTEGER,  # seconds
        "appeal_days": Kind.INTEGER,
        "shadow": Kind.BOOL,
        "deductible": Kind.UINT,  # token minor units per member and period
        "out_of_pocket_maximum": Kind.UINT,  # likewise
        "base_rate": Kind.UINT,  # token minor units of an episode of weight one
        "document": Kind.TEXT,  # SHA-256
        "class_root": Kind.TEXT,
    },
)
RULE = MODEL.entity(
    "policy_rule",
    key={"contract": Kind.ADDRESS, "version": Kind.INTEGER, "benefit_class": Kind.INTEGER},
    values={
        "coverage": Kind.INTEGER,  # Coverage
        "flags": Kind.INTEGER,  # as RuleFlags in contracts/authorization/BenefitRule.sol
        "unit_code": Kind.INTEGER,
        "validity_days": Kind.INTEGER,
        "first_day": Kind.INTEGER,
        "last_day": Kind.INTEGER,
        "required_documents": Kind.UINT,  # bit n: one of kind n
        "max_milli_units_per_request": Kind.INTEGER,
        "max_milli_units_per_period": Kind.INTEGER,
        "max_unit_price": Kind.UINT,  # token minor units
        "max_amount": Kind.UINT,
        "gold_card_requests": Kind.INTEGER,
        "gold_card_approval_rate": Kind.INTEGER,  # basis points
        "gold_card_window_days": Kind.INTEGER,
        "fast_track_maximum": Kind.UINT,
        "unit_price": Kind.UINT,
        "copay": Kind.UINT,
        "coinsurance": Kind.INTEGER,  # basis points
        "filing_days": Kind.INTEGER,
        "pricing": Kind.INTEGER,  # Pricing
        "claim_flags": Kind.INTEGER,
        "max_milli_units_per_day": Kind.INTEGER,
        "episode_weight": Kind.INTEGER,  # ten-thousandths
        "part_of": Kind.INTEGER,  # a benefit class; 0: none
    },
)
ENROLMENTS = MODEL.entity(
    "provider_enrolments",
    key={"contract": Kind.ADDRESS, "provider": Kind.TEXT, "plan": Kind.INTEGER},
    values={
        "enrolments": Kind.JSON,  # version (0: none), start, coefficient of each, by start
        "endings": Kind.INTEGER,  # how often one was ended
    },
)
REVIEWER = MODEL.entity(
    "reviewer",
    key={"contract": Kind.ADDRESS, "key": Kind.ADDRESS},
    values={"reviewer": Kind.TEXT, "appointed": Kind.BOOL},
)
UNITS = MODEL.entity(
    "member_units",
    key={"contract": Kind.ADDRESS, "member_key": Kind.TEXT, "period": Kind.INTEGER, "benefit_class": Kind.INTEGER},
    values={"reserved": Kind.INTEGER, "used": Kind.INTEGER},  # milli-units
)
SETTLEMENT = MODEL.entity(
    "claims_settled_by",
    key={"contract": Kind.ADDRESS},
    values={"settlement": Kind.ADDRESS},
)


@MODEL.on(VersionDrafted, touches=lambda row: ((VERSION, (row.address, row.version)),))
def _drafted(state: State, row: Row) -> None:
    state.put(
        VERSION,
        (row.address, row.version),
        status=VersionStatus.DRAFT,
        sealed_at=None,
        digest=None,
        rules=0,
        plan=row.plan,
        receipt_window=row.receipt_window,
        appeal_days=row.appeal_days,
        shadow=row.shadow,
        deductible=row.deductible,
        out_of_pocket_maximum=row.out_of_pocket_maximum,
        base_rate=row.base_rate,
        document=row.document,
        class_root=row.class_root,
    )


@MODEL.on(
    RuleAdded,
    touches=lambda row: (
        (VERSION, (row.address, row.version)),
        (RULE, (row.address, row.version, row.benefit_class)),
    ),
)
def _rule_added(state: State, row: Row) -> None:
    key = row.address, row.version
    current = state.get(VERSION, key)
    assert current is not None
    state.put(VERSION, key, rules=current["rules"] + 1)
    state.put(RULE, (*key, row.benefit_class), **{name: getattr(row, name) for name in RULE.values})


@MODEL.on(VersionSealed, touches=lambda row: ((VERSION, (row.address, row.version)),))
def _sealed(state: State, row: Row) -> None:
    key = row.address, row.version
    state.put(VERSION, key, status=VersionStatus.SEALED, digest=row.digest, sealed_at=row.block_time)


@MODEL.on(ProviderEnrolled, touches=lambda row: ((ENROLMENTS, (row.address, row.provider, row.plan)),))
def _enrolled(state: State, row: Row) -> None:
    key = row.address, row.provider, row.plan
    current = state.get(ENROLMENTS, key) or {"enrolments": [], "endings": 0}
    enrolments = [*current["enrolments"], [row.version, row.start, row.coefficient]]
    state.put(ENROLMENTS, key, enrolments=enrolments, endings=current["endings"])


@MODEL.on(EnrolmentEnded, touches=lambda row: ((ENROLMENTS, (row.address, row.provider, row.plan)),))
def _enrolment_ended(state: State, row: Row) -> None:
    """What would begin then or later is void."""
    key = row.address, row.provider, row.plan
    current = state.get(ENROLMENTS, key)
    assert current is not None
    kept = [enrolment for enrolment in current["enrolments"] if enrolment[1] < row.end]
    if kept and kept[-1][0] != 0:
        kept.append([0, row.end, 0])
    state.put(ENROLMENTS, key, enrolments=kept, endings=current["endings"] + 1)


@MODEL.on(ReviewerAppointed, ReviewerDismissed, touches=lambda row: ((REVIEWER, (row.address, row.key)),))
def _reviewer_changed(state: State, row: Row) -> None:
    appointed = type(row).__name__ == ReviewerAppointed.__name__
    state.put(REVIEWER, (row.address, row.key), reviewer=row.reviewer, appointed=appointed)


@MODEL.on(UnitsChanged, touches=lambda row: ((UNITS, (row.address, row.member_key, row.period, row.benefit_class)),))
def _units_changed(state: State, row: Row) -> None:
    state.put(UNITS, (row.address, row.member_key, row.period, row.benefit_class), reserved=row.reserved, used=row.used)


@MODEL.on(SettlementChanged, touches=lambda row: ((SETTLEMENT, (row.address,)),))
def _settlement_changed(state: State, row: Row) -> None:
    state.put(SETTLEMENT, (row.address,), settlement=row.settlement)
