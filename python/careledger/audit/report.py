"""Changes of rules, keys and roles, stops, decisions and recalls between two times.

    with Index.open("sqlite:///index.db") as index:
        report = audit_report(index.at("finalized"), first_day, last_day)

Every entry names its block and transaction, so that it can be looked up on any node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from careledger.anchoring.stamps import in_words
from careledger.chain.indexer.reader import EventRow, View
from careledger.contract_events import (
    AnchorRevoked,
    AnchorRevokedByOtherKey,
    AppealDecided,
    AuthorityUpdated,
    ClaimAdjudicated,
    ClaimReversed,
    ClaimReviewed,
    ClosedToNewWork,
    ContractEvent,
    ContractPublished,
    ControllerTransferred,
    ControllerTransferStarted,
    DeviceRegistered,
    DeviceRetired,
    DocumentDisputed,
    EnrolmentEnded,
    Halted,
    IdentifierAssigned,
    IdentifierWithdrawn,
    IllegitimateNotified,
    KeyAdded,
    KeyCompromised,
    KeyRetired,
    LeavesRevoked,
    LeavesRevokedByOtherKey,
    LicenceRenewed,
    LineDecided,
    LineOverdue,
    LotRecalled,
    MemberRolesChanged,
    MetadataCommitted,
    OpenedToNewWork,
    OperationCanceled,
    OperationExecuted,
    OperationScheduled,
    OpinionGiven,
    OrganizationAdmitted,
    OrganizationExpelled,
    OrganizationReinstated,
    OrganizationSuspended,
    ProductAssigned,
    ProviderEnrolled,
    RecoveryCancelled,
    RecoveryCompleted,
    RecoveryContested,
    RecoverySettled,
    RecoveryStarted,
    Resumed,
    ReviewerAppointed,
    ReviewerDismissed,
    RoleAdminChanged,
    RoleGrantDelayChanged,
    RoleGranted,
    RoleGuardianChanged,
    RoleLabel,
    RoleRevoked,
    RuleAdded,
    TargetAdminDelayUpdated,
    TargetClosed,
    TargetFunctionRoleUpdated,
    UnitIllegitimate,
    UnitSuspected,
    VersionDrafted,
    VersionSealed,
    WithdrawalRequested,
    Withdrawn,
    WriterChanged,
)
from careledger.errors import InvalidInput

__all__ = ["SECTIONS", "AuditReport", "Decisions", "Entry", "audit_report"]

NOBODY = "0x" + 24 * "0"
PAGE = 5_000

SECTIONS: dict[str, tuple[type[ContractEvent], ...]] = {
    "rules": (VersionDrafted, RuleAdded, VersionSealed, ProviderEnrolled, EnrolmentEnded, ProductAssigned),
    "members and keys": (
        OrganizationAdmitted,
        OrganizationSuspended,
        OrganizationReinstated,
        OrganizationExpelled,
        LicenceRenewed,
        MemberRolesChanged,
        IdentifierAssigned,
        IdentifierWithdrawn,
        MetadataCommitted,
        ContractPublished,
        KeyAdded,
        KeyRetired,
        KeyCompromised,
        ControllerTransferStarted,
        ControllerTransferred,
        RecoveryStarted,
        RecoveryContested,
        RecoverySettled,
        RecoveryCancelled,
        RecoveryCompleted,
        ReviewerAppointed,
        ReviewerDismissed,
        DeviceRegistered,
        DeviceRetired,
    ),
    "roles": (
        RoleLabel,
        RoleGranted,
        RoleRevoked,
        RoleAdminChanged,
        RoleGuardianChanged,
        RoleGrantDelayChanged,
        TargetFunctionRoleUpdated,
        TargetAdminDelayUpdated,
        AuthorityUpdated,
        WriterChanged,
        OperationScheduled,
        OperationExecuted,
        OperationCanceled,
    ),
    "stops": (Halted, Resumed, TargetClosed, ClosedToNewWork, OpenedToNewWork),
    "decisions of people": (LineDecided, AppealDecided, OpinionGiven, ClaimReviewed, ClaimReversed, LineOverdue),
    "money taken out": (WithdrawalRequested, Withdrawn),
    "documents revoked or disputed": (
        AnchorRevoked,
        AnchorRevokedByOtherKey,
        LeavesRevoked,
        LeavesRevokedByOtherKey,
        DocumentDisputed,
    ),
    "recalls and suspicions": (LotRecalled, UnitSuspected, UnitIllegitimate, IllegitimateNotified),
}
"""What is told of each section. Of the lines that were decided, those by a person are told one by one, those by the
rules are counted in `Decisions`. A person's decisions carry a pseudonym."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event: block, its time in Unix seconds, transaction, contract, and its values by name."""

    event: str
    time: int
    block_number: int
    transaction_hash: str
    contract: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Decisions:
    """How many lines came to an action on a basis; `by_person` says who decided."""

    action: str
    basis: str
    by_person: bool
    count: int


@dataclass(frozen=True)
class AuditReport:
    """What happened from `from_time` to `to_time`, Unix seconds, both included, as the chain had it at a block.

    `sections` holds the entries of each of SECTIONS in the order of the chain, `claims` how many claims were decided.
    """

    from_time: int
    to_time: int
    as_of_block: int
    as_of_time: int
    sections: dict[str, tuple[Entry, ...]]
    decisions: tuple[Decisions, ...]
    claims: int


def audit_report(view: View, from_time: int, to_time: int) -> AuditReport:
    """The report of a time. Raises InvalidInput for one that ends before it begins, or after the view's block: then
    something of it may be missing. Raises what `View.events` raises."""
    if to_time < from_time:
        raise InvalidInput("to", str(to_time), f"is before the beginning, {from_time}")
    as_of_time = view.block_time
    if to_time > as_of_time:
        raise InvalidInput(
            "to", str(to_time), f"the index has blocks up to the time {as_of_time}: sync it, or ask for less"
        )
    sections = {
        name: tuple(sorted(_entries(view, kinds, from_time, to_time), key=lambda pair: pair[0]))
        for name, kinds in SECTIONS.items()
    }
    counted: Counter[tuple[str, str, bool]] = Counter()
    for row in _events(view, LineDecided, from_time, to_time):
        decided: Any = row.event
        counted[decided.action.name, decided.basis.name, decided.reviewer != NOBODY] += 1
    return AuditReport(
        from_time,
        to_time,
        view.block_number,
        as_of_time,
        {name: tuple(entry for _, entry in found) for name, found in sections.items()},
        tuple(Decisions(*key, count) for key, count in sorted(counted.items())),
        sum(1 for _ in _events(view, ClaimAdjudicated, from_time, to_time)),
    )


def _entries(
    view: View, kinds: tuple[type[ContractEvent], ...], from_time: int, to_time: int
) -> Iterator[tuple[tuple[int, int], Entry]]:
    for kind in kinds:
        for row in _events(view, kind, from_time, to_time):
            if isinstance(row.event, LineDecided) and row.event.reviewer == NOBODY:
                continue
            entry = Entry(
                kind.__name__,
                row.block_time,
                row.block_number,
                row.transaction_hash,
                row.address,
                in_words(row.event),
            )
            yield (row.block_number, row.log_index), entry


def _events(view: View, kind: type[ContractEvent], from_time: int, to_time: int) -> Iterator[EventRow]:
    after = None
    while True:
        page = view.events(kind, from_time=from_time, to_time=to_time, after=after, limit=PAGE)
        yield from page.rows
        after = page.next
        if after is None:
            return
