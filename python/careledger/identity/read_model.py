"""What the index keeps of organizations: their record, keys, identifiers, published contracts and recoveries over time.

Each table's row is a version: what held from one log until another. Times in values are Unix seconds of blocks; nothing
that time alone changes (an expired licence, a recovery that became ready) is stored.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Any

from careledger.chain.indexer.model import Entity, Key, Kind, ReadModel, Row, State
from careledger.chain.values import snake_case
from careledger.contract_enums import KeyStatus, Standing
from careledger.contract_events import (
    ContractEvent,
    ContractPublished,
    ControllerTransferred,
    ControllerTransferStarted,
    IdentifierAssigned,
    IdentifierWithdrawn,
    KeyAdded,
    KeyCompromised,
    KeyRetired,
    LicenceRenewed,
    MemberRolesChanged,
    MetadataCommitted,
    OrganizationAdmitted,
    OrganizationExpelled,
    OrganizationReinstated,
    OrganizationSuspended,
    RecoveryCancelled,
    RecoveryCompleted,
    RecoveryContested,
    RecoverySettled,
    RecoveryStarted,
)
from careledger.identity.types import ZERO_ADDRESS

__all__ = [
    "IDENTIFIER",
    "KEY",
    "MODEL",
    "ORGANIZATION",
    "PUBLISHED_CONTRACT",
    "RECOVERY",
    "RecoveryState",
]

MODEL = ReadModel("identity", version=1)

ORGANIZATION = MODEL.entity(
    "organization",
    key={"organization": Kind.TEXT},
    values={
        "name": Kind.TEXT,
        "controller": Kind.ADDRESS,
        "pending_controller": Kind.ADDRESS,  # None: no transfer is on offer
        "member_roles": Kind.INTEGER,  # bit n = MemberRole n
        "licence_expiry": Kind.INTEGER,
        "standing": Kind.INTEGER,  # Standing
        "frozen": Kind.BOOL,
        "membership_since": Kind.INTEGER,  # the last change of the four before
        "metadata_commitment": Kind.TEXT,
        "act": Kind.TEXT,  # the event that opened the version: table event_<act>, at since_block and since_log
        "reason": Kind.INTEGER,  # Reason, 0 where the act states none
    },
    indexes=[("controller",)],
)
IDENTIFIER = MODEL.entity(
    "organization_identifier",
    key={"scheme": Kind.TEXT, "value": Kind.TEXT},
    values={"organization": Kind.TEXT},
    indexes=[("organization",)],
)
PUBLISHED_CONTRACT = MODEL.entity(
    "organization_contract",
    key={"organization": Kind.TEXT, "kind": Kind.TEXT},
    values={"published": Kind.ADDRESS},
)
KEY = MODEL.entity(
    "organization_key",
    key={"key": Kind.ADDRESS},
    values={
        "organization": Kind.TEXT,
        "status": Kind.INTEGER,  # KeyStatus
        "added_at": Kind.INTEGER,
        "retired_at": Kind.INTEGER,  # None: not retired
        "compromised_since": Kind.INTEGER,  # the cut-off; None: none
        "reported_at": Kind.INTEGER,  # when the first cut-off was; a cut-off moved back is one more version
        "reporter": Kind.ADDRESS,  # of the present cut-off
    },
    indexes=[("organization",)],
)
RECOVERY = MODEL.entity(
    "recovery",
    key={"organization": Kind.TEXT},
    values={
        "new_controller": Kind.ADDRESS,
        "state": Kind.TEXT,  # RecoveryState
        "started_at": Kind.INTEGER,
        "ready_at": Kind.INTEGER,  # None while contested
        "contestant": Kind.ADDRESS,  # None: not contested
        "reason": Kind.INTEGER,  # Reason, of the last act that states one
    },
)


class RecoveryState(enum.Enum):
    """STARTED -> CONTESTED -> UPHELD; each of the three is under way, the others are ends."""

    STARTED = "started"
    CONTESTED = "contested"
    UPHELD = "upheld"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"

    @property
    def under_way(self) -> bool:
        return self in {RecoveryState.STARTED, RecoveryState.CONTESTED, RecoveryState.UPHELD}


def _organization(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((ORGANIZATION, (row.organization,)),)


def _organization_and_recovery(row: Row) -> Iterable[tuple[Entity, Key]]:
    return (ORGANIZATION, (row.organization,)), (RECOVERY, (row.organization,))


def _key(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((KEY, (row.key,)),)


def _identifier(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((IDENTIFIER, (row.scheme, row.value)),)


def _published(row: Row) -> Iterable[tuple[Entity, Key]]:
    return ((PUBLISHED_CONTRACT, (row.organization, row.kind)),)


def _change(state: State, row: Row, act: type[ContractEvent], reason: int = 0, **values: Any) -> None:
    """Opens a version of the organization, if the act changes something."""
    current = state.get(ORGANIZATION, (row.organization,))
    if current is None or any(current[name] != value for name, value in values.items()):
        state.put(ORGANIZATION, (row.organization,), **values, act=snake_case(act.__name__).lower(), reason=reason)


def _account(address: str) -> str | None:
    return None if address == ZERO_ADDRESS else address


# ------------------------------------------------------------------ membership


@MODEL.on(OrganizationAdmitted, touches=_organization)
def _admitted(state: State, row: Row) -> None:
    _change(
        state,
        row,
        OrganizationAdmitted,
        row.reason,
        name=row.name,
        controller=row.controller,
        pending_controller=None,
        member_roles=row.member_roles,
        licence_expiry=row.licence_expiry,
        standing=int(Standing.ACTIVE),
        frozen=False,
        membership_since=row.block_time,
        metadata_commitment=row.metadata_commitment,
    )


@MODEL.on(LicenceRenewed, touches=_organization)
def _renewed(state: State, row: Row) -> None:
    _change(state, row, LicenceRenewed, row.reason, licence_expiry=row.licence_expiry, membership_since=row.block_time)


@MODEL.on(MemberRolesChanged, touches=_organization)
def _member_roles_changed(state: State, row: Row) -> None:
    _change(state, row, MemberRolesChanged, row.reason, member_roles=row.member_roles, membership_since=row.block_time)


def _standing_changed(act: type[ContractEvent], standing: Standing) -> Callable[[State, Row], None]:
    def changed(state: State, row: Row) -> None:
        _change(state, row, act, row.reason, standing=int(standing), membership_since=row.block_time)

    return changed


for _act, _standing in (
    (OrganizationSuspended, Standing.SUSPENDED),
    (OrganizationReinstated, Standing.ACTIVE),
    (OrganizationExpelled, Standing.EXPELLED),
):
    MODEL.on(_act, touches=_organization)(_standing_changed(_act, _standing))


@MODEL.on(MetadataCommitted, touches=_organization)
def _metadata_committed(state: State, row: Row) -> None:
    _change(state, row, MetadataCommitted, row.reason, metadata_commitment=row.metadata_commitment)


# ------------------------------------------------------------------ identifiers and contracts


@MODEL.on(IdentifierAssigned, touches=_identifier)
def _identifier_assigned(state: State, row: Row) -> None:
    state.put(IDENTIFIER, (row.scheme, row.value), organization=row.organization)


@MODEL.on(IdentifierWithdrawn, touches=_identifier)
def _identifier_withdrawn(state: State, row: Row) -> None:
    state.remove(IDENTIFIER, (row.scheme, row.value))


@MODEL.on(ContractPublished, touches=_published)
def _contract_published(state: State, row: Row) -> None:
    key = (row.organization, row.kind)
    if row.published != ZERO_ADDRESS:
        state.put(PUBLISHED_CONTRACT, key, published=row.published)
    else:
        state.remove(PUBLISHED_CONTRACT, key)


# ------------------------------------------------------------------ keys


@MODEL.on(KeyAdded, touches=_key)
def _key_added(state: State, row: Row) -> None:
    state.put(
        KEY,
        (row.key,),
        organization=row.organization,
        status=int(KeyStatus.ACTIVE),
        added_at=row.block_time,
        retired_at=None,
        compromised_since=None,
        reported_at=None,
        reporter=None,
    )


@MODEL.on(KeyRetired, touches=_key)
def _key_retired(state: State, row: Row) -> None:
    state.put(KEY, (row.key,), status=int(KeyStatus.RETIRED), retired_at=row.block_time)


@MODEL.on(KeyCompromised, touches=_key)
def _key_compromised(state: State, row: Row) -> None:
    current = state.get(KEY, (row.key,)) or {}
    state.put(
        KEY,
        (row.key,),
        status=int(KeyStatus.COMPROMISED),
        compromised_since=row.compromised_since,
        reported_at=current.get("reported_at") or row.block_time,
        reporter=row.reporter,
    )


# ------------------------------------------------------------------ controllers and recoveries


@MODEL.on(ControllerTransferStarted, touches=_organization)
def _transfer_started(state: State, row: Row) -> None:
    _change(state, row, ControllerTransferStarted, pending_controller=_account(row.pending_controller))


@MODEL.on(ControllerTransferred, touches=_organization)
def _transferred(state: State, row: Row) -> None:
    _change(state, row, ControllerTransferred, controller=row.controller, pending_controller=None)


@MODEL.on(RecoveryStarted, touches=_organization_and_recovery)
def _recovery_started(state: State, row: Row) -> None:
    _change(state, row, RecoveryStarted, row.reason, pending_controller=None)
    state.put(
        RECOVERY,
        (row.organization,),
        new_controller=row.new_controller,
        state=RecoveryState.STARTED.value,
        started_at=row.block_time,
        ready_at=row.ready_at,
        contestant=None,
        reason=row.reason,
    )


@MODEL.on(RecoveryContested, touches=_organization_and_recovery)
def _recovery_contested(state: State, row: Row) -> None:
    _change(state, row, RecoveryContested, frozen=True, membership_since=row.block_time)
    state.put(
        RECOVERY,
        (row.organization,),
        state=RecoveryState.CONTESTED.value,
        ready_at=None,
        contestant=row.contestant,
    )


@MODEL.on(RecoverySettled, touches=_organization_and_recovery)
def _recovery_settled(state: State, row: Row) -> None:
    if row.upheld:
        state.put(
            RECOVERY,
            (row.organization,),
            new_controller=row.new_controller,
            state=RecoveryState.UPHELD.value,
            ready_at=row.block_time,
            reason=row.reason,
        )
    else:
        _end_freeze(state, row, RecoverySettled, row.reason)
        state.put(RECOVERY, (row.organization,), state=RecoveryState.REJECTED.value, reason=row.reason)


@MODEL.on(RecoveryCancelled, touches=_organization_and_recovery)
def _recovery_cancelled(state: State, row: Row) -> None:
    state.put(RECOVERY, (row.organization,), state=RecoveryState.CANCELLED.value, reason=row.reason)


@MODEL.on(RecoveryCompleted, touches=_organization_and_recovery)
def _recovery_completed(state: State, row: Row) -> None:
    _end_freeze(state, row, RecoveryCompleted)
    state.put(RECOVERY, (row.organization,), state=RecoveryState.COMPLETED.value)


def _end_freeze(state: State, row: Row, act: type[ContractEvent], reason: int = 0) -> None:
    """The end of a recovery changes the membership only if it was contested."""
    current = state.get(ORGANIZATION, (row.organization,))
    if current is not None and current["frozen"]:
        _change(state, row, act, reason, frozen=False, membership_since=row.block_time)
