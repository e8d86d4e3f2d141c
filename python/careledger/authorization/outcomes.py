"""What became of a request, read from the chain, in plain words. As FHIR, it is `fhir.answer`.

An authorization number is made of what stands on chain anyway, so everybody makes the same one and it says nothing of
the patient:

    base32(keccak256(tag, chain id in 32 bytes, contract, provider, request id, line number in 1 byte), first 10 bytes)

with the tag `careledger.authorization.number.v1`, as 16 characters of RFC 4648. It is one line's, whatever is decided
of it later; the line that an update puts in its place has another. While the line waits, it is the number to ask for.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eth_utils.crypto import keccak

from careledger.authorization.amounts import MILLI, units_text
from careledger.authorization.authorizations import Authorizations
from careledger.authorization.code_systems import Code
from careledger.authorization.decision import UNKNOWN_AMOUNT, Circumstances, LineDecision
from careledger.authorization.dry_run import explain
from careledger.authorization.outcome import AuthorizationOutcome, Grant, LineOutcome, ReviewAction
from careledger.authorization.request_book import KeptLine, Revision
from careledger.authorization.rule_set import EPOCH, RuleSet, hyphenated
from careledger.authorization.types import Deliberation, LineState
from careledger.contract_enums import Action, AppealStatus, Basis, LineStatus
from careledger.contract_events import AppealDecided, ContractEvent, GrantChanged, LineDecided, RequestSubmitted

__all__ = [
    "ACTIONS",
    "BASIS_SYSTEM",
    "LineReport",
    "RequestReport",
    "authorization_number",
    "reason_system",
    "request_report",
]

NUMBER_TAG = b"careledger.authorization.number.v1"
NUMBER_BYTES = 10
WORD = 32

BASIS_SYSTEM = "urn:careledger:decision-basis"
"""The code system of what the rules' decisions rest on; its codes are the contract's `Basis`, such as
`documents-missing`."""

ACTIONS = {
    Action.APPROVED_IN_FULL: ReviewAction.APPROVED,
    Action.APPROVED_IN_PART: ReviewAction.PARTIAL,
    Action.DENIED: ReviewAction.DENIED,
    Action.PENDED: ReviewAction.PENDED,
    Action.MODIFIED: ReviewAction.MODIFIED,
    Action.NOT_REQUIRED: ReviewAction.NOT_REQUIRED,
}

PENDED = {
    Basis.COVERAGE_UNVERIFIED: "the insurer has not confirmed that the member is covered",
    Basis.NO_RULE: "the policy has no rule in force for the class",
    Basis.NOT_COVERED: "the class is not covered",
    Basis.CONDITIONAL_COVERAGE: "the class is covered under conditions that a person judges",
    Basis.DOCUMENTS_MISSING: "documents are missing",
    Basis.REVIEW_REQUIRED: "a person decides every request of the class",
    Basis.EXPEDITED_ONLY: "the rules decide only expedited requests of the class",
    Basis.RETROSPECTIVE: "the service began before the request came",
    Basis.UNIT_MISMATCH: "the request counts in another unit than the rule",
    Basis.AMOUNT_UNKNOWN: "the amount is not known",
    Basis.AMOUNT_OVER_LIMIT: "the amount is over what the rules approve",
    Basis.UNITS_OVER_REQUEST_LIMIT: "more units are asked for than one request may have",
    Basis.UNITS_OVER_PERIOD_LIMIT: "more units are asked for than the period has left",
}
DECIDED = {
    Action.APPROVED_IN_FULL: "Approved in full",
    Action.APPROVED_IN_PART: "Approved in part",
    Action.MODIFIED: "Approved with changes",
    Action.DENIED: "Denied",
    Action.NOT_REQUIRED: "No authorization is needed",
    Action.PENDED: "Waits for a person",
}
BY_PERSON = {Basis.REVIEWER: "by a person", Basis.APPEAL: "by another person, on appeal"}
WAITING = (LineStatus.PENDED, LineStatus.INFORMATION_REQUESTED)


def reason_system(insurer: str) -> str:
    """The code system of an insurer's list of reasons, by its id; the codes are the list's numbers."""
    return f"urn:careledger:reason:{insurer}"


def authorization_number(chain_id: int, contract: str, provider: str, request_id: str, line: int) -> str:
    """The number of a line's authorization, 16 characters."""
    parts = (contract, provider, request_id)
    message = NUMBER_TAG + chain_id.to_bytes(WORD, "big") + b"".join(bytes.fromhex(part[2:]) for part in parts)
    return base64.b32encode(keccak(message + bytes([line]))[:NUMBER_BYTES]).decode()


@dataclass(frozen=True)
class LineReport:
    """What holds of an item of a request. `number` is the line's on chain, None with `status` for an item that was
    cancelled before it was sent. `why` is the decision in a sentence, `notes` what came after it.

    `granted` is what was authorized, `state` has what is left of it. Times are Unix seconds; `due_at` is 0 unless
    somebody is to decide. `human_reviewed` says whether a person decided.
    """

    sequence: int
    number: int | None
    status: LineStatus | None
    action: ReviewAction | None
    basis: Basis
    why: str
    notes: tuple[str, ...] = ()
    reasons: tuple[Code, ...] = ()
    granted: Grant | None = None
    state: LineState | None = None
    decided_at: int = 0
    due_at: int = 0
    human_reviewed: bool | None = None
    authorization_number: str | None = field(default=None, repr=False)

    @property
    def outcome(self) -> LineOutcome:
        """For the answer."""
        action, state = self.action, self.state
        if action is None or state is None:
            return LineOutcome(self.sequence, None)
        grants = action.grants
        number = self.authorization_number
        return LineOutcome(
            sequence=self.sequence,
            action=action,
            reasons=self.reasons,
            notes=(self.why, *self.notes),
            grant=self.granted,
            issued_on=_moment(self.decided_at).date() if grants else None,
            valid_from=EPOCH + dt.timedelta(state.valid_from) if grants else None,
            valid_to=EPOCH + dt.timedelta(state.valid_to) if grants else None,
            authorization_number=number if grants else None,
            pend_number=number if action is ReviewAction.PENDED else None,
            human_reviewed=self.human_reviewed,
        )


@dataclass(frozen=True)
class RequestReport:
    """What became of a request: the revision that stands, and its items by number. `shadow`: it binds nobody."""

    revision: Revision
    lines: tuple[LineReport, ...]
    shadow: bool = False

    @property
    def outcome(self) -> AuthorizationOutcome:
        """For the answer: as of the last decision."""
        answered = max(line.decided_at for line in self.lines)
        return AuthorizationOutcome(
            self.revision.identifier, tuple(line.outcome for line in self.lines), _moment(answered)
        )


def request_report(
    authorizations: Authorizations,
    provider: str,
    revision: Revision,
    rule_set: RuleSet | None = None,
    versions: Sequence[int] | None = None,
    reasons: Mapping[int, Code] | None = None,
    insurer: str = "",
) -> RequestReport:
    """What became of a request, from the chain.

    `rule_set` says more in words; it is used for decisions by the `versions` of the policy that it is the file of, by
    default for all. `reasons` are the codes of the insurer's list, by its numbers; those that it lacks stand under
    `reason_system(insurer)`.
    """
    history = authorizations.history(provider, revision.request_id)
    reader = _Reader(history, rule_set, versions, reasons or {}, insurer)
    lines = []
    for kept in sorted(revision.lines, key=lambda line: line.sequence):
        state = None if kept.number is None else authorizations.line(provider, revision.request_id, kept.number)
        if kept.number is None or state is None:
            lines.append(LineReport(kept.sequence, None, None, None, Basis.NONE_, "Cancelled before it was sent."))
            continue
        number = authorization_number(
            authorizations.chain_id, authorizations.address, provider, revision.request_id, kept.number
        )
        deliberation = authorizations.deliberation(provider, revision.request_id, kept.number)
        lines.append(reader.report(kept, kept.number, state, deliberation, number))
    return RequestReport(revision, tuple(lines), any(line.state is not None and line.state.shadow for line in lines))


class _Reader:
    """Tells from a request's events why each line is as it is."""

    def __init__(
        self,
        history: Sequence[ContractEvent],
        rule_set: RuleSet | None,
        versions: Sequence[int] | None,
        reasons: Mapping[int, Code],
        insurer: str,
    ) -> None:
        self._rule_set = rule_set
        self._versions = versions
        self._reasons = reasons
        self._insurer = insurer
        self._decided: dict[int, LineDecided] = {}
        self._submitted: dict[int, RequestSubmitted] = {}
        self._appealed: dict[int, AppealDecided] = {}
        self._used_before: dict[int, tuple[int, int]] = {}
        submitted = None
        left: dict[int, tuple[int, int]] = {}
        used: dict[int, tuple[int, int]] = {}
        for event in history:
            if isinstance(event, RequestSubmitted):
                submitted = event
            elif isinstance(event, AppealDecided):
                self._appealed[event.line] = event
            elif isinstance(event, GrantChanged):
                now, before = (event.milli_units, event.amount), left.get(event.line, (0, 0))
                so_far = used.get(event.line, (0, 0))
                spent = 0 if UNKNOWN_AMOUNT in (before[1], now[1]) else before[1] - now[1]
                used[event.line] = (so_far[0] + before[0] - now[0], so_far[1] + spent)
                left[event.line] = now
            elif isinstance(event, LineDecided):
                self._decided[event.line] = event
                self._used_before[event.line] = used.get(event.line, (0, 0))
                left[event.line] = (event.milli_units, event.amount)
                if submitted is not None:
                    self._submitted.setdefault(event.line, submitted)

    def report(
        self, kept: KeptLine, number: int, state: LineState, deliberation: Deliberation, authorization: str
    ) -> LineReport:
        decision = self._decided[number]
        cancelled = state.status is LineStatus.CANCELLED
        action = None if cancelled else ACTIONS[state.action]
        waits = state.status in WAITING or state.appeal is AppealStatus.OPEN
        person = int(decision.reviewer, 16) != 0 or number in self._appealed
        return LineReport(
            sequence=kept.sequence,
            number=number,
            status=state.status,
            action=action,
            basis=decision.basis,
            why="Cancelled." if cancelled else self._why(kept, decision),
            notes=() if cancelled else tuple(self._notes(kept, number, state, deliberation, decision)),
            reasons=() if action is None else self._codes(decision),
            granted=self._grant(kept, decision) if action is not None and action.grants else None,
            state=state,
            decided_at=state.decided_at,
            due_at=deliberation.due_at if waits else 0,
            human_reviewed=None if cancelled else person,
            authorization_number=authorization,
        )

    # ------------------------------------------------------------------ words

    def _why(self, kept: KeptLine, decision: LineDecided) -> str:
        said = DECIDED[decision.action]
        if decision.basis in BY_PERSON:
            reason = f", for reason {decision.reason} of the insurer's list" if decision.reason else ""
            return f"{said} {BY_PERSON[decision.basis]}{reason}{self._units(kept, decision)}."
        if decision.basis is Basis.OVERDUE:
            return f"{said}: it was not decided in time."
        rule_set, submitted = self._rules_of(decision.version), self._submitted.get(decision.line)
        if rule_set is not None and submitted is not None:
            circumstances = Circumstances(
                submitted.received_at, submitted.received_at, None, submitted.expedited, decision.documents
            )
            return explain(rule_set, _as_decided(rule_set, kept, decision), circumstances)
        if decision.action is Action.PENDED:
            return f"{said}: {PENDED.get(decision.basis, 'the rules do not decide it')}."
        if decision.basis is Basis.CONTRACT_EXCLUSION:
            return f"{said}: the contract between insurer and provider excludes the class."
        if decision.basis is Basis.GOLD_CARD:
            return f"{said}: the provider holds a gold card for the class."
        return f"{said}{self._units(kept, decision)}." if decision.milli_units else f"{said}."

    def _units(self, kept: KeptLine, decision: LineDecided) -> str:
        if not decision.milli_units:
            return ""
        granted, asked = units_text(self._authorized(decision)[0]), units_text(kept.service.milli_units)
        return f": {granted} of {asked} units" if granted != asked else f": {granted} units"

    def _notes(
        self, kept: KeptLine, number: int, state: LineState, deliberation: Deliberation, decision: LineDecided
    ) -> list[str]:
        notes = []
        if state.status is LineStatus.INFORMATION_REQUESTED:
            notes.append("The insurer asks for more, and waits for the provider's answer.")
        if decision.basis is Basis.COVERAGE_UNVERIFIED and state.member_key is not None:
            notes.append("The insurer has confirmed the coverage since.")
        if state.appeal is AppealStatus.OPEN:
            notes.append(f"An appeal is open, due {_time(deliberation.due_at)}.")
        elif state.status in WAITING:
            extended = ", by the extended deadline" if deliberation.extended else ""
            notes.append(f"Due {_time(deliberation.due_at)}{extended}.")
        if deliberation.overdue and (state.status in WAITING or state.appeal is AppealStatus.OPEN):
            notes.append("It was not decided in time.")
        if state.appeal is AppealStatus.UPHELD and number in self._appealed:
            reason = self._appealed[number].reason
            notes.append(f"Upheld on appeal by another person, for reason {reason} of the insurer's list.")
        if state.status is LineStatus.EXHAUSTED:
            notes.append("All of it was used.")
        if state.status is LineStatus.EXPIRED:
            notes.append("It has expired, and what was left is given back.")
        if decision.action is Action.MODIFIED and decision.benefit_class != kept.service.benefit_class:
            rules = self._rules_of(decision.version)
            name = f"class {decision.benefit_class}" if rules is None else rules.class_name(decision.benefit_class)
            notes.append(f"Granted is {name}.")
        if state.shadow:
            notes.append("Shadow mode: this binds nobody.")
        return notes

    def _codes(self, decision: LineDecided) -> tuple[Code, ...]:
        """Of a decision that did not approve in full."""
        if decision.action in (Action.APPROVED_IN_FULL, Action.NOT_REQUIRED):
            return ()
        if decision.reason:
            listed = Code(reason_system(self._insurer), str(decision.reason))
            return (self._reasons.get(decision.reason, listed),)
        return (Code(BASIS_SYSTEM, hyphenated(decision.basis.name)),)

    # ------------------------------------------------------------------ values

    def _authorized(self, decision: LineDecided) -> tuple[int, int | None]:
        """Units and amount altogether: what may be used from the decision on, and what claims had used before it."""
        used, spent = self._used_before[decision.line]
        return decision.milli_units + used, None if decision.amount == UNKNOWN_AMOUNT else decision.amount + spent

    def _grant(self, kept: KeptLine, decision: LineDecided) -> Grant:
        milli_units, amount = self._authorized(decision)
        price, rest = divmod((amount or 0) * MILLI, milli_units or 1)
        rules = self._rules_of(decision.version)
        code = None
        if (
            decision.action is Action.MODIFIED
            and decision.benefit_class != kept.service.benefit_class
            and rules is not None
        ):
            codes = [code for code, benefit_class in rules.codes.items() if benefit_class == decision.benefit_class]
            code = codes[0] if len(codes) == 1 else None
        return Grant(
            milli_units=milli_units,
            unit=kept.unit,
            unit_price=price if amount and not rest else None,
            amount=amount,
            code=code,
        )

    def _rules_of(self, version: int) -> RuleSet | None:
        return self._rule_set if self._versions is None or version in self._versions else None


def _as_decided(rule_set: RuleSet, kept: KeptLine, decision: LineDecided) -> LineDecision:
    required = rule_set.authorization_rule_of(kept.service.benefit_class).required_documents
    return LineDecision(
        action=decision.action,
        basis=decision.basis,
        line=kept.service,
        milli_units=decision.milli_units,
        amount=decision.amount,
        milli_units_before=decision.milli_units_before,
        missing_documents=required & ~decision.documents,
        valid_from=decision.valid_from,
        valid_to=decision.valid_to,
        due_at=decision.due_at,
    )


def _moment(time: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(time, dt.UTC)


def _time(time: int) -> str:
    return _moment(time).strftime("%Y-%m-%d %H:%M UTC")
