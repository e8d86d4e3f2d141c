"""From a claim to what the settlement gets, and what became of it, in plain words and as a payment.

    submissions = ClaimSubmissions(payer, vault)
    kept = submissions.send(submissions.plan(claim), receipts)
    submissions.report(kept, settlement).payment()

Which line of the authorization an item was when the claim was first sent is kept with the salt: sent again, it is the
same claim, though the request was updated meanwhile.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from careledger.anchoring.leaf import new_salt
from careledger.authorization.amounts import Settlement
from careledger.authorization.claim_file import ClaimedService, ClaimRequest
from careledger.authorization.claim_types import ClaimLine, ClaimRecord, Estimate
from careledger.authorization.claims import Claims
from careledger.authorization.outcomes import authorization_number
from careledger.authorization.payment import Adjustment, AdjustmentGroup, ClaimPayment, LinePayment
from careledger.authorization.request_book import KeptClaim, KeptClaimLine, Revision
from careledger.authorization.rule_set import EPOCH, NO_CLASS, RuleSet
from careledger.authorization.sent_requests import SentRequests
from careledger.authorization.types import NO_ELIGIBILITY, Eligibility
from careledger.contract_enums import ClaimStatus, Finding
from careledger.contract_events import ClaimAdjudicated, ClaimDuplicate, ClaimPended, ClaimReversed
from careledger.errors import InvalidInput
from careledger.vault import Vault

if TYPE_CHECKING:
    from careledger.anchoring import Receipt
    from careledger.authorization.payer import Payer

__all__ = ["FINDINGS", "ClaimLineReport", "ClaimReport", "ClaimSubmissions", "LineEstimate"]

DUPLICATE = "18"
CONTRACTUAL, DEDUCTIBLE, COINSURANCE, COPAY = "45", "1", "2", "3"
SETTLED = (ClaimStatus.PAID, ClaimStatus.PARTIAL, ClaimStatus.DENIED)

FINDINGS = {
    Finding.NO_AUTHORIZATION: "it names no authorization",
    Finding.UNKNOWN_AUTHORIZATION: "there is no such authorization, or only one of shadow mode",
    Finding.FILED_LATE: "it was filed late",
    Finding.IMPLAUSIBLE_DATE: "the day of service is to come",
    Finding.AUTHORIZATION_NOT_REQUIRED: "the service needed no authorization",
    Finding.AUTHORIZATION_NOT_ACTIVE: "the authorization is pended, denied, cancelled or expired",
    Finding.SERVICE_OUTSIDE_VALIDITY: "the day of service is outside of what was authorized",
    Finding.UNITS_OVER_AUTHORIZATION: "it has more units than the authorization has left",
    Finding.AMOUNT_OVER_AUTHORIZATION: "the amount is more than the authorization has left",
    Finding.IMPLAUSIBLE_QUANTITY: "it has more units than are plausible on one day",
    Finding.DOCUMENTS_MISSING: "it rests on no document",
    Finding.DOCUMENT_REUSED: "it rests on a document of another claim",
    Finding.UNBUNDLED: "the service is part of another that was claimed for the same day",
    Finding.NO_AGREED_PRICE: "no price was agreed",
    Finding.OVER_FAST_TRACK_MAXIMUM: "the amount is more than the rules alone pay",
}


@dataclass(frozen=True)
class LineEstimate:
    """What a line would cost, as if it were the member's next claim; `estimate` is None if that is not known, and
    `unknown` says why."""

    sequence: int
    charge: int
    estimate: Estimate | None
    unknown: str = ""


@dataclass(frozen=True)
class ClaimLineReport:
    """What became of a line of a claim. `status` is None for one that another claim has already, and UNKNOWN for one
    that is not on the chain. `trace` is where the chain has it (`Claims.uri_of`). `adjudicated` is the last split of
    the charge; `human_reviewed` whether a person made it."""

    line: KeptClaimLine
    key: str
    trace: str
    status: ClaimStatus | None
    finding: Finding
    why: str
    record: ClaimRecord | None = None
    adjudicated: ClaimAdjudicated | None = field(default=None, repr=False)
    human_reviewed: bool = False

    @property
    def sequence(self) -> int:
        """Its number in the claim."""
        return self.line.sequence

    @property
    def is_settled(self) -> bool:
        """Whether nothing more comes unless somebody asks for it."""
        return self.status is None or self.status in SETTLED

    @property
    def payment(self) -> LinePayment:
        """How the charge is explained. Raises InvalidInput if it is not settled."""
        claimed = self.line.claimed
        if not self.is_settled:
            raise InvalidInput("line", str(self.sequence), f"has no payment to explain: {self.why}")
        day = EPOCH + dt.timedelta(claimed.service_day)
        stated = (self.line.unit, day, day)
        if self.adjudicated is None:
            adjustment = Adjustment(AdjustmentGroup.CONTRACTUAL, DUPLICATE, claimed.charge)
            return LinePayment(
                self.sequence, self.line.code, claimed.charge, 0, (adjustment,), claimed.milli_units, *stated
            )
        split = self.adjudicated
        shares = (
            (AdjustmentGroup.CONTRACTUAL, CONTRACTUAL, split.contractual),
            (AdjustmentGroup.CONTRACTUAL, str(split.carc), split.denied),
            (AdjustmentGroup.PATIENT, DEDUCTIBLE, split.deductible),
            (AdjustmentGroup.PATIENT, COINSURANCE, split.coinsurance),
            (AdjustmentGroup.PATIENT, COPAY, split.copay),
        )
        adjustments = tuple(Adjustment(group, reason, amount) for group, reason, amount in shares if amount)
        return LinePayment(
            self.sequence,
            self.line.code,
            claimed.charge,
            split.paid,
            adjustments,
            claimed.milli_units,
            *stated,
            self.trace,
        )


@dataclass(frozen=True)
class ClaimReport:
    """What became of a claim, line by line. `decided` is when it was last adjudicated, None if it never was."""

    kept: KeptClaim
    lines: tuple[ClaimLineReport, ...]
    decided: dt.datetime | None = None
    authorization_number: str | None = field(default=None, repr=False)

    def payment(self) -> ClaimPayment:
        """The payment, for an explanation of benefits. Raises InvalidInput if a line is not settled."""
        lines = tuple(line.payment for line in self.lines)
        if self.decided is None:
            raise InvalidInput("claim", self.kept.claim_id, "was never adjudicated")
        return ClaimPayment(self.kept.identifier, lines, self.decided, self.authorization_number)


class ClaimSubmissions:
    """A provider's claims to an insurer, by the key of the payer's signer. `vault` is the provider's, with which the
    requests were sent. Methods raise ContractError, ChainError and VaultError besides what they say."""

    def __init__(self, payer: Payer, vault: Vault) -> None:
        """Raises InvalidInput if the signer's key is of no organization."""
        self.claims = Claims(payer)
        sent = SentRequests(payer, vault)
        self.authorizations, self.provider, self.book = sent.authorizations, sent.provider, sent.book
        self._sent = sent
        self._payer = payer

    # ------------------------------------------------------------------ sending

    def plan(self, claim: ClaimRequest) -> KeptClaim:
        """What is to be sent. Nothing is sent.

        Raises InvalidInput if the request was not sent with this vault or lacks an item, if two lines are one service,
        and if the identifier's claim is on the chain with other content.
        """
        identity, content = self.book.claim_id(claim.identifier), claim.content_bytes()
        for kept in self.book.claims(identity):
            if kept.content == content:
                return kept
            if self._is_sent(kept):
                raise InvalidInput(
                    "claim", identity, "was submitted with other content: give this one an identifier of its own"
                )
        standing = self._standing(claim)
        lines = tuple(_line(service, standing) for service in claim.lines)
        for index, line in enumerate(lines):
            for other in lines[:index]:
                if line.claimed == other.claimed:
                    raise InvalidInput(
                        "line",
                        str(line.sequence),
                        f"is the same as line {other.sequence}: claim both in one, with all units and the whole charge",
                    )
        return KeptClaim(identity, claim.identifier, content, new_salt(), lines, claim.payer)

    def send(self, plan: KeptClaim, documents: Iterable[Receipt] = ()) -> KeptClaim:
        """Sends a claim, unless all of it is on the chain already; returns it as it is kept in the vault."""
        kept = self.book.keep_claim(plan)
        if not self._is_whole(kept):
            locations = [receipt.location for receipt in documents]
            self.claims.submit(kept.claim, [line.claimed for line in kept.lines], locations)
        return kept

    def find(self, claim: ClaimRequest) -> KeptClaim:
        """The claim as it was sent. Raises InvalidInput if it was not, or not with this vault."""
        identity, content = self.book.claim_id(claim.identifier), claim.content_bytes()
        for kept in self.book.claims(identity):
            if kept.content == content:
                return kept
        raise InvalidInput(
            "claim", identity, "was not submitted with this content and vault: submit it, or take the file that was"
        )

    # ------------------------------------------------------------------ reading

    def estimate(
        self, claim: ClaimRequest, rule_set: RuleSet, eligibility: Eligibility = NO_ELIGIBILITY
    ) -> list[LineEstimate]:
        """What each line would cost now. A line with an item goes by what is authorized, another by its code's class
        and the eligibility. Sends nothing."""
        standing = self._standing(claim)
        return [self._estimate(service, standing, rule_set, eligibility) for service in claim.lines]

    def estimate_services(
        self, services: Iterable[ClaimedService], rule_set: RuleSet, eligibility: Eligibility
    ) -> list[LineEstimate]:
        """The same for services that rest on no authorization: each by its code's class and the eligibility."""
        return [self._estimate(service, None, rule_set, eligibility) for service in services]

    def report(self, kept: KeptClaim, settlement: Settlement) -> ClaimReport:
        """What became of a claim, from the chain."""
        history = self.claims.history(self.provider, kept.claim_id)
        adjudicated: dict[str, ClaimAdjudicated] = {}
        reversals: dict[str, ClaimReversed] = {}
        duplicates: set[str] = set()
        last = 0
        for entry in history:
            event = entry.event
            if isinstance(event, ClaimAdjudicated):
                adjudicated[event.key] = event
            elif isinstance(event, ClaimReversed):
                reversals[event.key] = event
            elif isinstance(event, ClaimDuplicate):
                duplicates.add(event.key)
            if isinstance(event, ClaimAdjudicated | ClaimDuplicate | ClaimPended):
                last = entry.block_number
        lines = []
        for line in kept.lines:
            key = self.claims.key_of(self.provider, line.claimed)
            duplicate = key in duplicates and key not in adjudicated
            record = None if duplicate else self._record(kept, line)
            trace = self.claims.uri_of(key)
            lines.append(
                _report(line, key, trace, record, adjudicated.get(key), reversals.get(key), duplicate, settlement)
            )
        decided = (
            dt.datetime.fromtimestamp(self._payer.settlement.connection.block_time(last), dt.UTC) if last else None
        )
        return ClaimReport(kept, tuple(lines), decided, self._authorization_number(kept))

    # ------------------------------------------------------------------ helpers

    def _standing(self, claim: ClaimRequest) -> Revision | None:
        if claim.request is None:
            return None
        return self._sent.find(claim.request)

    def _is_sent(self, kept: KeptClaim) -> bool:
        """Whether the chain has a line of the claim."""
        return any(self._record(kept, line) for line in kept.lines)

    def _is_whole(self, kept: KeptClaim) -> bool:
        """Whether the chain has every line of the claim, be it as a duplicate of another claim's."""
        left = {self.claims.key_of(self.provider, line.claimed) for line in kept.lines if not self._record(kept, line)}
        if not left:
            return True
        events = (entry.event for entry in self.claims.history(self.provider, kept.claim_id))
        return left <= {event.key for event in events if isinstance(event, ClaimDuplicate)}

    def _record(self, kept: KeptClaim, line: KeptClaimLine) -> ClaimRecord | None:
        """What is known of a line, if it came with this claim."""
        record = self.claims.line(self.claims.key_of(self.provider, line.claimed))
        return record if record is not None and record.claim == self.claims.tag_of(kept.claim) else None

    def _authorization_number(self, kept: KeptClaim) -> str | None:
        """If the claim rests on one."""
        rests_on = {(line.claimed.request_id, line.claimed.line) for line in kept.lines if line.claimed.request_id}
        if len(rests_on) != 1:
            return None
        ((request, number),) = rests_on
        contract = self.authorizations
        return authorization_number(contract.chain_id, contract.address, self.provider, str(request), number)

    def _estimate(
        self, service: ClaimedService, standing: Revision | None, rule_set: RuleSet, eligibility: Eligibility
    ) -> LineEstimate:
        def unknown(why: str) -> LineEstimate:
            return LineEstimate(service.sequence, service.charge, None, why)

        member, period = eligibility.member_key, eligibility.period
        if service.item is not None and standing is not None:
            number = standing.line(service.item).number
            state = None if number is None else self.authorizations.line(self.provider, standing.request_id, number)
            if state is None:
                return unknown("the item was cancelled before it was sent")
            version, benefit_class = state.version, state.benefit_class
            if state.member_key is not None:
                member, period = state.member_key, state.period
        else:
            assert service.code is not None
            version = self._version(rule_set)
            benefit_class = rule_set.class_of(service.code.system, service.code.code)
        if version == 0:
            return unknown("the provider is not enrolled in the plan")
        if benefit_class == NO_CLASS:
            return unknown("its code is in no class of the rules")
        if not int(member, 16):
            return unknown("the insurer has not said who the member is: give its eligibility")
        found = self.claims.estimate(
            self.provider, version, member, period, benefit_class, service.milli_units, service.charge
        )
        if found is None:
            name = rule_set.class_name(benefit_class)
            return unknown(f"the policy has no rule or no agreed price for {name}, or does not cover it")
        return LineEstimate(service.sequence, service.charge, found)

    def _version(self, rule_set: RuleSet) -> int:
        now = self._payer.policy.connection.block_time()
        return int(self._payer.policy.read("enrolmentAt", self.provider, rule_set.terms.plan, now)["version"])


def _line(service: ClaimedService, standing: Revision | None) -> KeptClaimLine:
    day = (service.service_day - EPOCH).days
    if service.item is None or standing is None:
        assert service.code is not None
        claimed = ClaimLine(None, 0, day, service.milli_units, service.charge)
        return KeptClaimLine(service.sequence, claimed, service.code, service.unit)
    authorized = standing.line(service.item)
    if authorized.number is None:
        raise InvalidInput("line", str(service.sequence), f"names item {service.item}, which was never asked for")
    claimed = ClaimLine(standing.request_id, authorized.number, day, service.milli_units, service.charge)
    return KeptClaimLine(service.sequence, claimed, service.code or authorized.code, service.unit or authorized.unit)


def _report(
    line: KeptClaimLine,
    key: str,
    trace: str,
    record: ClaimRecord | None,
    adjudicated: ClaimAdjudicated | None,
    reversal: ClaimReversed | None,
    duplicate: bool,
    settlement: Settlement,
) -> ClaimLineReport:
    if duplicate:
        why = f"Denied: another claim has this service already (CARC {DUPLICATE})."
        return ClaimLineReport(line, key, trace, None, Finding.NONE_, why)
    if record is None:
        why = "Not on the chain: submit it again."
        return ClaimLineReport(line, key, trace, ClaimStatus.UNKNOWN, Finding.NONE_, why)
    person = adjudicated is not None and int(adjudicated.reviewer, 16) != 0
    why = _why(line, record, adjudicated, reversal, person, settlement)
    return ClaimLineReport(line, key, trace, record.status, record.finding, why, record, adjudicated, person)


def _why(
    line: KeptClaimLine,
    record: ClaimRecord,
    adjudicated: ClaimAdjudicated | None,
    reversal: ClaimReversed | None,
    person: bool,
    settlement: Settlement,
) -> str:
    by = " by a person" if person else ""
    charge, paid = settlement.text(line.claimed.charge), settlement.text(record.paid)
    currency = settlement.currency
    match record.status:
        case ClaimStatus.IN_REVIEW:
            return f"Waits for a person: {FINDINGS[record.finding]}."
        case ClaimStatus.DENIED if adjudicated is not None:
            reason = "" if person else f": {FINDINGS[record.finding]}"
            return f"Denied{by}{reason} (CARC {adjudicated.carc})."
        case ClaimStatus.APPROVED_UNFUNDED | ClaimStatus.PARTIAL_UNFUNDED:
            return f"Approved{by}: {paid} of {charge} {currency}, and waits for the insurer's money."
        case ClaimStatus.REVERSED:
            reason = f", for reason {reversal.reason} of the insurer's list" if reversal else ""
            return f"Reversed{reason}: what was paid is taken back."
    return f"Paid{by}: {paid} of {charge} {currency}."
