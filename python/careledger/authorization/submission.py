"""From a request to what the contract gets: classes instead of codes, commitments instead of content, line numbers.

    submissions = Submissions(payer, rule_set, vault)
    plan = submissions.plan(request, eligibility, receipts)
    for line in submissions.dry_run(plan):  # nothing was sent
        print(line.why)
    submissions.send(plan)

The contract numbers lines from 0 in the order in which they come, and an update's from where they end. The item's
number in the request stays the same in every version. Which is which is kept with the salts, see `request_book`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from careledger.anchoring.leaf import new_salt
from careledger.authorization.decision import UNKNOWN_AMOUNT
from careledger.authorization.dry_run import DryRunContext, ExplainedDecision, dry_run
from careledger.authorization.idempotency import Arrival, arrival
from careledger.authorization.request import (
    AuthorizationRequest,
    CertificationType,
    RequestLine,
)
from careledger.authorization.request import (
    Change as Marked,
)
from careledger.authorization.request_book import KeptLine, Revision
from careledger.authorization.rule_set import NO_CLASS, NO_UNIT, RuleSet
from careledger.authorization.rules import RuleFlag
from careledger.authorization.sent_requests import CANCELLABLE, GONE, Appeal, SentRequests
from careledger.authorization.tariff import Tariff
from careledger.authorization.types import (
    NO_ELIGIBILITY,
    Change,
    Eligibility,
    LineState,
    Request,
    RequestedLine,
)
from careledger.contract_enums import LineStatus
from careledger.contract_events import RequestSubmitted
from careledger.errors import InvalidInput, RequestConflict
from careledger.vault import Vault

if TYPE_CHECKING:
    from careledger.anchoring import Receipt
    from careledger.authorization.payer import Payer

__all__ = ["Plan", "PlannedLine", "Submissions"]

DAY = 86_400
KIND_BITS = 64
"""Kinds of documents that rules can ask for: 0 to 63."""

SHADOW_TAG = keccak(text="careledger.authorization.shadow.v1")


@dataclass(frozen=True)
class PlannedLine:
    """A line that is sent. `supersedes` is the number of the one that it replaces; `notes` say what the request left
    open."""

    kept: KeptLine
    supersedes: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def requested(self) -> RequestedLine:
        """As the contract takes it."""
        return RequestedLine(self.kept.service, self.kept.commitment)


@dataclass(frozen=True)
class Plan:
    """What is to be sent of a request, and what it comes to. Nothing was sent.

    `lines` are those that the contract will decide; `unchanged` and `cancelled` items of an update by their number.
    `version` is the policy's. A repeated request has nothing to send.
    """

    arrival: Arrival
    request: AuthorizationRequest = field(repr=False)
    revision: Revision
    version: int
    received_at: int
    lines: tuple[PlannedLine, ...] = ()
    unchanged: tuple[int, ...] = ()
    cancelled: tuple[int, ...] = ()
    appeals: tuple[Appeal, ...] = ()
    eligibility: Eligibility = NO_ELIGIBILITY
    documents: tuple[Receipt, ...] = ()
    taken_back: tuple[LineState, ...] = field(default=(), repr=False)
    """What the lines that end had left."""

    @property
    def request_id(self) -> str:
        """The contract's."""
        return self.revision.request_id

    @property
    def notes(self) -> dict[int, tuple[str, ...]]:
        """What each line says of itself, by the item's number."""
        return {line.kept.sequence: line.notes for line in self.lines if line.notes}


class Submissions(SentRequests):
    """Requests to be sent. `rule_set` is the file of the version that is in force."""

    def __init__(self, payer: Payer, rule_set: RuleSet, vault: Vault, tariff: Tariff | None = None) -> None:
        """Raises InvalidInput if the signer's key is of no organization."""
        super().__init__(payer, vault)
        self.rule_set = rule_set
        self._tariff = tariff

    # ------------------------------------------------------------------ before anything is sent

    def plan(
        self,
        request: AuthorizationRequest,
        eligibility: Eligibility = NO_ELIGIBILITY,
        documents: Iterable[Receipt] = (),
        received_at: int | None = None,
    ) -> Plan:
        """What is to be sent. `received_at` is Unix seconds, by default the time of the chain's last block.

        Raises RequestConflict for other content under an identifier that was sent before, if it is no update; and
        InvalidInput if an update or appeal is of a request that was not sent, if an update leaves out an item or was
        replaced by another since it was sent, if nothing can be appealed, if the provider is not enrolled, or if the
        rules are not those in force.
        """
        of_request = request.prior or request.identifier
        bound = self.book.bound_id(of_request)
        identity = bound or self.book.own_id(of_request)
        count, number, content = self.authorizations.known(self.provider, identity)
        standing = self.book.standing(identity, number, content) if count else None
        came = self._arrival(request, identity, standing)
        if came is Arrival.NEW and bound is not None and bound != self.book.own_id(of_request):
            raise RequestConflict(bound)
        now = self._payer.authorizations.connection.block_time()
        received = now if received_at is None else received_at
        if came is Arrival.REPEATED and standing is not None:
            return Plan(came, request, standing, 0, received)
        if came is Arrival.APPEAL and standing is not None:
            return Plan(came, request, standing, 0, received, appeals=self._appeals(request, standing))
        if standing is not None:
            self._require_new_content(request, standing)
        version = self._version(now)
        given = (eligibility, tuple(documents))
        if standing is None:
            return self._new(request, identity, version, received, *given)
        return self._update(request, standing, count, version, received, *given)

    def dry_run(self, plan: Plan) -> list[ExplainedDecision]:
        """What the rules would decide of the lines that the plan sends, with what the chain says now of units taken
        and gold cards. Sends nothing."""
        if not plan.lines:
            return []
        asked = {line.sequence: line for line in plan.request.lines}
        lines = tuple(self._priced(asked[line.kept.sequence]) for line in plan.lines)
        now = self._payer.authorizations.connection.block_time()
        eligibility = plan.eligibility
        covered = bool(eligibility.signature) and eligibility.valid_until >= now
        context = DryRunContext(
            received_at=plan.received_at,
            covered=covered,
            documents=_kinds(plan.documents),
            taken_milli_units=self._taken(plan) if covered else {},
            gold_card_classes=self._gold_cards(plan),
        )
        return dry_run(self.rule_set, dataclasses.replace(plan.request, lines=lines), context)

    # ------------------------------------------------------------------ sending

    def send(self, plan: Plan) -> Revision:
        """Sends a plan: one transaction, for an appeal one for each line, for a repeated request none. Returns the
        revision that stands then, which is in the vault before anything is sent."""
        match plan.arrival:
            case Arrival.REPEATED:
                return plan.revision
            case Arrival.APPEAL:
                expedited = plan.request.certification_type is CertificationType.IMMEDIATE_APPEAL
                for appeal in plan.appeals:
                    self.appeal(
                        plan.revision, appeal, plan.request.content_bytes(), expedited, received_at=plan.received_at
                    )
                return plan.revision
        self.book.bind(plan.request.identifier, plan.request_id)
        kept = self.book.keep(plan.revision)
        by_sequence = {line.sequence: line for line in kept.lines}
        sent = [dataclasses.replace(line, kept=by_sequence[line.kept.sequence]) for line in plan.lines]
        request = Request(
            kept.request_id, kept.commitment, plan.version, plan.received_at, expedited=plan.request.expedited
        )
        documents = [receipt.location for receipt in plan.documents]
        if plan.arrival is Arrival.NEW:
            self.authorizations.submit(request, [line.requested for line in sent], plan.eligibility, documents)
        else:
            numbers = [by_sequence[sequence].number for sequence in plan.cancelled]
            self.authorizations.update(
                request,
                kept.revision - 1,
                [Change(line.requested, line.supersedes) for line in sent],
                [number for number in numbers if number is not None],
                plan.eligibility,
                documents,
            )
        return kept

    # ------------------------------------------------------------------ making plans

    def _arrival(self, request: AuthorizationRequest, identity: str, standing: Revision | None) -> Arrival:
        came = arrival(bytes.fromhex(identity[2:]), request, standing.content if standing else None)
        if standing is None and came in (Arrival.UPDATE, Arrival.APPEAL):
            raise InvalidInput(
                "request",
                identity,
                f"was never sent, and this is an {came.value} of it: send the first version with `careledger auth "
                "submit`, and check that the vault is the one that it was sent with",
            )
        return came

    def _require_new_content(self, request: AuthorizationRequest, standing: Revision) -> None:
        """An update that others replaced since is not to come again by being sent again."""
        if standing.revision == 0:
            return
        events = self.authorizations.history(self.provider, standing.request_id)
        sent = {event.content: event.revision for event in events if isinstance(event, RequestSubmitted)}
        content = request.content_bytes()
        for number in range(standing.revision):
            for kept in self.book.attempts(standing.request_id, number):
                if kept.content == content and kept.commitment in sent:
                    raise InvalidInput(
                        "request",
                        standing.request_id,
                        f"was sent like this as revision {number}, and revision {standing.revision} stands since: an "
                        "update that goes back to it has an identifier of its own",
                    )

    def _new(
        self,
        request: AuthorizationRequest,
        identity: str,
        version: int,
        received_at: int,
        eligibility: Eligibility,
        documents: tuple[Receipt, ...],
    ) -> Plan:
        if request.is_cancelled:
            raise InvalidInput(
                "request", identity, "cancels all its lines, and was never sent: there is nothing to send"
            )
        kept: list[KeptLine] = []
        lines: list[PlannedLine] = []
        for asked in sorted(request.lines, key=lambda line: line.sequence):
            line = self._kept(asked, None if asked.cancelled else len(lines), received_at)
            kept.append(line)
            if not asked.cancelled:
                lines.append(PlannedLine(line, None, self._notes(asked, line)))
        revision = Revision(identity, 0, request.identifier, request.content_bytes(), new_salt(), tuple(kept))
        return Plan(
            Arrival.NEW,
            request,
            revision,
            version,
            received_at,
            tuple(lines),
            eligibility=eligibility,
            documents=documents,
        )

    def _update(
        self,
        request: AuthorizationRequest,
        standing: Revision,
        count: int,
        version: int,
        received_at: int,
        eligibility: Eligibility,
        documents: tuple[Receipt, ...],
    ) -> Plan:
        before = {line.sequence: line for line in standing.lines}
        missing = before.keys() - {line.sequence for line in request.lines}
        if missing:
            raise InvalidInput(
                "line",
                str(min(missing)),
                "is missing: an update has every item, and marks what is asked for no more as cancelled",
            )
        kept: list[KeptLine] = []
        lines: list[PlannedLine] = []
        unchanged: list[int] = []
        cancelled: list[int] = []
        ending: list[LineState] = []
        for asked in sorted(request.lines, key=lambda line: line.sequence):
            former = before.get(asked.sequence)
            number = None if former is None else former.number
            state = None if number is None else self._state(standing.request_id, number)
            stands = state is not None and state.status not in GONE
            if asked.cancelled:
                kept.append(self._kept(asked, number, received_at))
                if state is not None and state.status in CANCELLABLE:
                    cancelled.append(asked.sequence)
                    ending.append(state)
            elif former is not None and stands and _is_same(asked, former):
                kept.append(former)
                unchanged.append(asked.sequence)
            else:
                line = self._kept(asked, count + len(lines), received_at)
                kept.append(line)
                lines.append(PlannedLine(line, number if stands else None, self._notes(asked, line)))
                if state is not None and stands:
                    ending.append(state)
        revision = Revision(
            standing.request_id,
            standing.revision + 1,
            request.identifier,
            request.content_bytes(),
            new_salt(),
            tuple(kept),
        )
        return Plan(
            Arrival.UPDATE,
            request,
            revision,
            version,
            received_at,
            tuple(lines),
            tuple(unchanged),
            tuple(cancelled),
            eligibility=eligibility,
            documents=documents,
            taken_back=tuple(ending),
        )

    def _appeals(self, request: AuthorizationRequest, standing: Revision) -> tuple[Appeal, ...]:
        found = []
        for asked in request.lines:
            if asked.cancelled:
                continue
            try:
                found.append(self.appealable(standing, asked.sequence))
            except InvalidInput:
                continue
        if not found:
            raise InvalidInput(
                "request",
                standing.request_id,
                "is an appeal, and no line of it can be appealed: none was denied, approved in part or modified, or "
                "each was appealed before",
            )
        return tuple(found)

    def _kept(self, asked: RequestLine, number: int | None, received_at: int) -> KeptLine:
        return KeptLine(
            asked.sequence,
            number,
            self.rule_set.line(self._priced(asked), received_at // DAY),
            asked.content_bytes(),
            new_salt(),
            asked.cancelled,
        )

    def _priced(self, asked: RequestLine) -> RequestLine:
        """With the amount by the tariff, if the line does not say it."""
        amount = asked.priced if self._tariff is None else self._tariff.amount(asked)
        return dataclasses.replace(asked, amount=amount)

    def _notes(self, asked: RequestLine, line: KeptLine) -> tuple[str, ...]:
        notes = []
        if line.service.benefit_class == NO_CLASS:
            notes.append("its code is in no class of the rules, so it goes without a class")
        if asked.milli_units is None:
            notes.append("the request does not say how many units, so it goes as one of no known unit")
        elif line.service.unit_code == NO_UNIT:
            notes.append("its unit is none of the rules'")
        if line.service.amount == UNKNOWN_AMOUNT:
            notes.append("neither request nor tariff has its price, so the amount is not known")
        if asked.first_day is None:
            notes.append("the request does not say from which day, so it goes from the day of receipt on")
        return tuple(notes)

    # ------------------------------------------------------------------ what the chain says

    def _version(self, now: int) -> int:
        """The version in force for the provider, whose digest is the rule set's."""
        policy, plan = self._payer.policy, self.rule_set.terms.plan
        version: int = policy.read("enrolmentAt", self.provider, plan, now)["version"]
        if version == 0:
            raise InvalidInput(
                "provider",
                self.provider,
                f"is not enrolled in plan {plan} of {self._payer.name}: insurer and provider sign the enrolment first",
            )
        if policy.read("versionOf", version)["digest"] != "0x" + self.rule_set.digest.hex():
            raise InvalidInput(
                "rules",
                "0x" + self.rule_set.digest.hex(),
                f"are not those of version {version}, which is in force: ask "
                f"{self._payer.name} for the file of that version",
            )
        return version

    def _taken(self, plan: Plan) -> dict[int, int]:
        """By class, what the member has reserved and used, less what the plan gives back."""
        eligibility = plan.eligibility
        member = shadow_of(eligibility.member_key) if self.rule_set.terms.shadow else eligibility.member_key
        found = {}
        for benefit_class in {line.kept.service.benefit_class for line in plan.lines}:
            balance = self._payer.units.read("balanceOf", member, eligibility.period, benefit_class)
            found[benefit_class] = int(balance["reserved"]) + int(balance["used"])
        for state in plan.taken_back:
            granted = state.status in (LineStatus.APPROVED, LineStatus.PARTIAL, LineStatus.MODIFIED)
            if granted and state.benefit_class in found:
                found[state.benefit_class] -= state.milli_units
        return found

    def _gold_cards(self, plan: Plan) -> frozenset[int]:
        rules, classes = self.rule_set, {line.kept.service.benefit_class for line in plan.lines}
        eligible = [one for one in classes if rules.authorization_rule_of(one).flags & RuleFlag.GOLD_CARD_OK]
        return frozenset(one for one in eligible if self.authorizations.has_gold_card(self.provider, plan.version, one))


def shadow_of(member_key: str) -> str:
    """Under which key the units of shadow mode are counted: `AuthorizationBook._shadowOf`."""
    word = bytes.fromhex(member_key[2:])
    return "0x" + keccak(encode(["bytes32", "bytes16"], [SHADOW_TAG, word]))[:16].hex()


def _is_same(asked: RequestLine, former: KeptLine) -> bool:
    """Whether an update leaves a line as it is. One that is marked as changed is decided anew, though it says the
    same: what it rests on may have changed."""
    return asked.change is not Marked.CHANGED and asked.content_bytes() == former.content


def _kinds(documents: Sequence[Receipt]) -> int:
    """Bit n for a document of kind n."""
    found = 0
    for receipt in documents:
        if receipt.kind < KIND_BITS:
            found |= 1 << receipt.kind
    return found
