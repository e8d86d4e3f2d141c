"""Authorizations, claims and policies from the index, typed.

    index = Index.open("sqlite:///careledger.db")
    authorizations = AuthorizationIndex(index.at("latest"), "northwind-insurance")
    for found in authorizations.queue():
        print(found.value.request, found.value.line, found.value.seconds_left, found.since.transaction_hash)

Every answer holds for the view's block, and names the log from which it holds. What depends on the time, such as what
is past due, is judged at that block's time. Who a member is and what its lines were to begin with is not in the events;
else a line says what `Authorizations.line` and `.deliberation` say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import fields
from typing import Any, TypeVar

from careledger.authorization.claims_read_model import ACCOUNT, CLAIM_LINE, PAYMENT, VAULT, PaymentState
from careledger.authorization.deployment import PUBLISHED
from careledger.authorization.index_entries import (
    AccountEntry,
    AppealEntry,
    ClaimLineEntry,
    DecisionEntry,
    EnrolmentEntry,
    LineEntry,
    QueueEntry,
    RequestEntry,
    ReviewerEntry,
    VaultEntry,
    VersionEntry,
)
from careledger.authorization.policy_read_model import ENROLMENTS, REVIEWER, RULE, VERSION
from careledger.authorization.read_model import APPEAL, DECISION, LINE, REQUEST, WaitsFor
from careledger.authorization.rules import AuthorizationRule, BenefitRule, ClaimRule, RuleFlag
from careledger.chain.indexer.model import Entity, Key
from careledger.chain.indexer.reader import EventRow, View
from careledger.contract_enums import (
    Action,
    AppealStatus,
    Basis,
    ClaimStatus,
    Coverage,
    Finding,
    LineStatus,
    Pricing,
    VersionStatus,
)
from careledger.contract_events import (
    AppealDecided,
    ContractEvent,
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
from careledger.errors import InvalidInput
from careledger.identity.governance_read_model import LEDGER
from careledger.identity.identifiers import organization_id, to_padded
from careledger.identity.index import Fields, Recorded, recorded, rows
from careledger.identity.read_model import PUBLISHED_CONTRACT

__all__ = ["AuthorizationIndex", "place_of", "published_in"]

PAGE_ROWS = 1_000
UNFUNDED = {ClaimStatus.APPROVED_UNFUNDED: ClaimStatus.PAID, ClaimStatus.PARTIAL_UNFUNDED: ClaimStatus.PARTIAL}
"""What such a line becomes when its payment is credited."""

OF_LINES: tuple[type[ContractEvent], ...] = (
    LineDecided,
    LineSuperseded,
    LineCancelled,
    CoverageVerified,
    InformationRequested,
    InformationSupplied,
    DeadlineExtended,
    LineOverdue,
    OpinionGiven,
    LineAppealed,
    AppealDecided,
    GrantChanged,
    GrantExpired,
)

T = TypeVar("T")


class AuthorizationIndex:
    """Raises InvalidInput for a value that cannot be right, DatabaseError if the index cannot be read."""

    def __init__(self, view: View, insurer: str | None = None, time: int | None = None) -> None:
        """Of one insurer, by name or id: of all contracts that it published until the view's block; else of all that
        the index follows. `time`, Unix seconds, is when what depends on it is judged; by default the time of the view's
        block."""
        self._view = view
        self._time = view.block_time if time is None else time
        self._contracts = None if insurer is None else published_in(view, insurer)
        self._writers: dict[str, set[str]] = {}

    # ------------------------------------------------------------------ requests and lines

    def request(self, provider: str, request: str) -> Recorded[RequestEntry] | None:
        """A request as its last revision says; None if it is unknown."""
        return self._first(REQUEST, RequestEntry, provider=organization_id(provider), request=request.lower())

    def requests(
        self, provider: str | None = None, after: tuple[str, str, str] | None = None, limit: int = 100
    ) -> list[Recorded[RequestEntry]]:
        """Requests, of one provider if given, by contract, provider and id; at most `limit`, after the one of these
        three."""
        return self._listed(REQUEST, RequestEntry, self._of(provider), after, limit)

    def line(self, provider: str, request: str, line: int) -> Recorded[LineEntry] | None:
        """A line with the decision that stands; None if it is unknown."""
        return self._first(LINE, _line_entry, provider=organization_id(provider), request=request.lower(), line=line)

    def lines(
        self,
        *,
        provider: str | None = None,
        request: str | None = None,
        status: LineStatus | Collection[LineStatus] | None = None,
        benefit_class: int | None = None,
        shadow: bool | None = None,
        after: tuple[str, str, str, int] | None = None,
        limit: int = 100,
    ) -> list[Recorded[LineEntry]]:
        """Lines that fit every filter given, by contract, provider, request and number; at most `limit`, after the one
        of these four."""
        equal = self._of(provider)
        if request is not None:
            equal["request"] = request.lower()
        if status is not None:
            equal["status"] = int(status) if isinstance(status, LineStatus) else sorted(map(int, status))
        if benefit_class is not None:
            equal["benefit_class"] = benefit_class
        if shadow is not None:
            equal["shadow"] = shadow
        return self._listed(LINE, _line_entry, equal, after, limit)

    def line_history(self, provider: str, request: str, line: int) -> list[Recorded[LineEntry]]:
        """Every version of a line, oldest first."""
        found = self.line(provider, request, line)
        if found is None:
            return []
        key = found.value.contract, found.value.provider, found.value.request, line
        return [recorded(row, _line_entry(**row)) for row in _versions(self._view, LINE, key)]

    def decisions(self, provider: str, request: str, line: int | None = None) -> list[Recorded[DecisionEntry]]:
        """Every decision of a request, or of one line of it, by line and sequence."""
        equal = {**self._of(provider), "request": request.lower()}
        if line is not None:
            equal["line"] = line
        return [recorded(row, _decision(**row)) for row in rows(self._view, DECISION, equal)]

    def appeals(
        self,
        provider: str | None = None,
        request: str | None = None,
        outcome: AppealStatus | None = None,
        after: tuple[str, str, str, int] | None = None,
        limit: int = 100,
    ) -> list[Recorded[AppealEntry]]:
        """Appeals that fit every filter given, by contract, provider, request and line; at most `limit`, after the one
        of these four."""
        equal = self._of(provider)
        if request is not None:
            equal["request"] = request.lower()
        if outcome is not None:
            equal["outcome"] = int(outcome)
        return self._listed(APPEAL, _appeal, equal, after, limit)

    def history(self, provider: str, request: str) -> list[EventRow]:
        """All that happened to a request, in order: every event, with its place on the chain."""
        standing = self.request(provider, request)
        if standing is None:
            return []
        key = standing.value.contract, standing.value.provider, standing.value.request
        versions = _versions(self._view, REQUEST, key)
        for line in range(standing.value.lines):
            versions += _versions(self._view, LINE, (*key, line))
        # Each event opened a version of the request or of a line: that narrows down where to look.
        blocks = sorted({row.row.since_block for row in versions})
        at = {"block_number": blocks, "address": key[0], "provider": key[1]}
        found = self._events(RequestSubmitted, {**at, "id": key[2]})
        for kind in OF_LINES:
            found += self._events(kind, {**at, "request_id": key[2]})
        return sorted(found, key=place_of)

    # ------------------------------------------------------------------ the desk

    def queue(
        self,
        provider: str | None = None,
        waits_for: WaitsFor | None = None,
        due_before: int | None = None,
        limit: int = 100,
    ) -> list[Recorded[QueueEntry]]:
        """What waits for a person at the insurer's desk: pended lines and open appeals, those with the least time left
        first; at most `limit`. What waits for the provider's information is among them: the clock runs on. `due_before`
        is in Unix seconds."""
        wanted = [one.value for one in WaitsFor] if waits_for is None else waits_for.value
        equal = {**self._of(provider), "waits_for": wanted}
        found = [recorded(row, self._queued(row)) for row in rows(self._view, LINE, equal)]
        if due_before is not None:
            found = [entry for entry in found if entry.value.due_at < due_before]
        found.sort(key=lambda entry: (entry.value.due_at, entry.since.block_number, entry.since.log_index))
        return found[:limit]

    def overdue(self, limit: int = 100) -> list[Recorded[QueueEntry]]:
        """What waits and is past due, the longest first, whether it was marked or not; at most `limit`."""
        return self.queue(due_before=self._time, limit=limit)

    def _queued(self, row: Fields) -> QueueEntry:
        due_at = row["due_at"]
        return QueueEntry(
            **{name: row[name] for name in ("contract", "provider", "request", "line", "sequence", "expedited")},
            waits_for=WaitsFor(row["waits_for"]),
            benefit_class=row["benefit_class"],
            due_at=due_at,
            seconds_left=due_at - self._time,
            past_due=self._time > due_at,
            extended=row["extended"],
            marked_overdue=row["overdue"],
            reviewer=row["reviewer"],
            first_opinion=row["first_opinion"],
        )

    # ------------------------------------------------------------------ claims and money

    def claim_line(self, key: str) -> Recorded[ClaimLineEntry] | None:
        """What is known of a claim line by its key; None if nothing. If two versions of the settlement had to do with
        it, what the later one says goes before."""
        found = list(rows(self._view, CLAIM_LINE, {**self._of(None), "claim_line": key.lower()}))
        return self._claim(found) if found else None

    def claim_lines(
        self,
        *,
        provider: str | None = None,
        status: ClaimStatus | None = None,
        request: str | None = None,
        claim: str | None = None,
        limit: int = 100,
    ) -> list[Recorded[ClaimLineEntry]]:
        """Claim lines that fit every filter given, by settlement and key; at most `limit`. A status is that of
        `ClaimLineEntry`."""
        equal = self._of(provider)
        for name, value in (("request", request), ("claim", claim)):
            if value is not None:
                equal[name] = value.lower()
        if status is not None:
            before = [unfunded for unfunded, funded in UNFUNDED.items() if funded is status]
            equal["status"] = [int(one) for one in (status, *before)]
        seen: set[str] = set()
        listed: list[Recorded[ClaimLineEntry]] = []
        for row in rows(self._view, CLAIM_LINE, equal):
            key = row["claim_line"]
            if key in seen:
                continue
            seen.add(key)
            entry = self.claim_line(key)
            if entry is not None and (status is None or entry.value.status is status):
                listed.append(entry)
                if len(listed) == limit:
                    break
        return listed

    def accounts(self, provider: str | None = None) -> list[Recorded[AccountEntry]]:
        """Providers' accounts, by vault and provider."""
        return [recorded(row, AccountEntry(**row)) for row in rows(self._view, ACCOUNT, self._of(provider))]

    def vaults(self) -> list[Recorded[VaultEntry]]:
        """The insurers' money, by vault. One without an event is not among them."""
        return [recorded(row, VaultEntry(**row)) for row in rows(self._view, VAULT, self._of(None))]

    def _claim(self, found: list[Fields]) -> Recorded[ClaimLineEntry]:
        """One line, of what each settlement has of it."""
        found = sorted(found, key=lambda row: (row.row.since_block, row.row.since_log))
        last = found[-1]
        values: dict[str, Any] = {}
        for row in found:
            values |= {name: value for name, value in row.items() if value is not None}
        values = {**dict.fromkeys((*CLAIM_LINE.key, *CLAIM_LINE.values)), **values}
        status, payment = ClaimStatus(values.pop("status")), self._payment(values["claim_line"], found)
        state = None if payment is None else PaymentState(payment["state"])
        if state is PaymentState.CREDITED:
            status = UNFUNDED.get(status, status)
        since = last
        if payment is not None and (payment.row.since_block, payment.row.since_log) > (
            last.row.since_block,
            last.row.since_log,
        ):
            since = payment
        finding = Finding(values.pop("finding") or 0)
        credited_at = None if payment is None else payment["credited_at"]
        entry = ClaimLineEntry(**values, status=status, finding=finding, payment=state, credited_at=credited_at)
        return recorded(since, entry)

    def _payment(self, key: str, found: Iterable[Fields]) -> Fields | None:
        """What became of a claim line in the vault that one of these settlements writes, or wrote."""
        settlements = {row["contract"] for row in found}
        for row in rows(self._view, PAYMENT, {**self._of(None), "claim_line": key}):
            if settlements & self._writers_of(row["contract"]):
                return row
        return None

    def _writers_of(self, vault: str) -> set[str]:
        """The settlements that write a vault, or did."""
        if vault not in self._writers:
            self._writers[vault] = {version["writer"] for version in _versions(self._view, LEDGER, (vault,))}
        return self._writers[vault]

    # ------------------------------------------------------------------ policies

    def versions(self) -> list[Recorded[VersionEntry]]:
        """Versions of policies, by contract and number."""
        return [recorded(row, _version(**row)) for row in rows(self._view, VERSION, self._of(None))]

    def rules(self, version: int) -> list[Recorded[BenefitRule]]:
        """The rules of a version, by class."""
        equal = {**self._of(None), "version": version}
        return [recorded(row, _rule(row)) for row in rows(self._view, RULE, equal)]

    def enrolments(self, provider: str | None = None, plan: int | None = None) -> list[Recorded[EnrolmentEntry]]:
        """Enrolments, of one provider or in one plan if given, by provider, plan and start; `since` is the last change
        of that provider's in that plan."""
        equal = self._of(provider)
        if plan is not None:
            equal["plan"] = plan
        return [
            recorded(row, EnrolmentEntry(row["contract"], row["provider"], row["plan"], *enrolment))
            for row in rows(self._view, ENROLMENTS, equal)
            for enrolment in row["enrolments"]
        ]

    def enrolment_at(self, provider: str, plan: int, time: int) -> Recorded[EnrolmentEntry] | None:
        """The enrolment in force at a time, Unix seconds, by what is agreed at the view's block; None if none is."""
        begun = [entry for entry in self.enrolments(provider, plan) if entry.value.start <= time]
        return begun[-1] if begun and begun[-1].value.version else None

    def reviewers(self, appointed: bool | None = None) -> list[Recorded[ReviewerEntry]]:
        """Keys that review, or did, by key."""
        equal = self._of(None)
        if appointed is not None:
            equal["appointed"] = appointed
        return [recorded(row, ReviewerEntry(**row)) for row in rows(self._view, REVIEWER, equal)]

    # ------------------------------------------------------------------ inner

    def _of(self, provider: str | None) -> dict[str, Any]:
        """What rows have in common: the insurer's contracts, and the provider."""
        equal: dict[str, Any] = {} if self._contracts is None else {"contract": self._contracts}
        if provider is not None:
            equal["provider"] = organization_id(provider)
        return equal

    def _first(self, entity: Entity, make: Callable[..., T], **equal: Any) -> Recorded[T] | None:
        """The one entity. Of several, by contracts of several insurers, which is meant must be said."""
        found = list(rows(self._view, entity, {**self._of(None), **equal}))
        if len({row["contract"] for row in found}) > 1:
            raise InvalidInput("insurer", "not given", "several insurers' contracts know this: name one")
        return recorded(found[0], make(**found[0])) if found else None

    def _listed(
        self, entity: Entity, make: Callable[..., T], equal: dict[str, Any], after: Key | None, limit: int
    ) -> list[Recorded[T]]:
        page = self._view.rows(entity, equal, after=after, limit=limit)
        return [recorded(fields_, make(**fields_)) for fields_ in map(Fields, page.rows)]

    def _events(self, kind: type[ContractEvent], filters: dict[str, Any]) -> list[EventRow]:
        found: list[EventRow] = []
        after: Key | None = None
        while True:
            page = self._view.events(kind, filters, after=after, limit=PAGE_ROWS)
            found += page.rows
            after = page.next
            if after is None:
                return found


def place_of(row: EventRow) -> tuple[int, int]:
    """Block, and index of the log there."""
    return row.block_number, row.log_index


def published_in(view: View, insurer: str) -> list[str]:
    """The addresses that an insurer, by name or id, published of the kinds that an index follows, until the view's
    block, then or now."""
    identifier = organization_id(insurer)
    found = {
        version["published"]
        for kind in PUBLISHED
        for version in _versions(view, PUBLISHED_CONTRACT, (identifier, "0x" + to_padded(kind).hex()))
    }
    return sorted(found)


def _versions(view: View, entity: Entity, key: Key) -> list[Fields]:
    """All versions of an entity, oldest first."""
    found: list[Fields] = []
    after: Key | None = None
    while True:
        page = view.history(entity, key, after=after, limit=PAGE_ROWS)
        found += map(Fields, page.rows)
        after = page.next
        if after is None:
            return found


def _line_entry(**row: Any) -> LineEntry:
    waits_for = row.pop("waits_for")
    return LineEntry(
        **{
            **row,
            "status": LineStatus(row["status"]),
            "appeal": AppealStatus(row["appeal"]),
            "action": Action(row["action"]),
            "basis": Basis(row["basis"]),
            "waits_for": None if waits_for is None else WaitsFor(waits_for),
        }
    )


def _decision(**row: Any) -> DecisionEntry:
    return DecisionEntry(**{**row, "action": Action(row["action"]), "basis": Basis(row["basis"])})


def _appeal(**row: Any) -> AppealEntry:
    return AppealEntry(**{**row, "outcome": AppealStatus(row["outcome"])})


def _version(**row: Any) -> VersionEntry:
    return VersionEntry(**{**row, "status": VersionStatus(row["status"])})


def _rule(row: Fields) -> BenefitRule:
    values = {**row, "coverage": Coverage(row["coverage"]), "pricing": Pricing(row["pricing"])}
    authorization = {field.name: values[field.name] for field in fields(AuthorizationRule)}
    claim = {field.name: values[field.name] for field in fields(ClaimRule)}
    return BenefitRule(
        row["benefit_class"],
        AuthorizationRule(**{**authorization, "flags": RuleFlag(row["flags"])}),
        ClaimRule(**{**claim, "flags": RuleFlag(row["claim_flags"])}),
    )
