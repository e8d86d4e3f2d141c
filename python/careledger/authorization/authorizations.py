"""An insurer's prior authorizations on the chain, for Python: the provider's calls, the insurer's, and the reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from careledger.anchoring.types import ZERO_HASH, Location
from careledger.authorization.messages import eligibility_message, review_message
from careledger.authorization.types import (
    NO_ELIGIBILITY,
    Change,
    Deliberation,
    Eligibility,
    LineState,
    Request,
    RequestedLine,
    Review,
)
from careledger.chain.connection import LogEntry, TransactionReceipt
from careledger.chain.contract import Contract
from careledger.chain.signers import Signer
from careledger.chain.signers.signer import required
from careledger.chain.typed_data import Message, shortest_signature
from careledger.contract_enums import LineStatus
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
from careledger.identity import Organizations
from careledger.identity.identifiers import organization_id

__all__ = ["REQUEST_EVENTS", "Authorizations", "SignedReview", "bits"]

MOST_LINES = 255
REQUEST_EVENTS: tuple[type[ContractEvent], ...] = (
    RequestSubmitted,
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
"""All that can happen to a request."""


@dataclass(frozen=True)
class SignedReview:
    """A reviewer's decision for another to send."""

    review: Review
    key: str
    signature: bytes


class Authorizations:
    """Calls that change something need a signer: the provider's or insurer's key, or whoever the method names. Every
    method raises ContractError with the contract's reason if it refuses, ChainError if the chain could not be asked,
    and InvalidInput for a value that cannot be right.

    Organizations are given by name or id, ids and commitments as 0x-prefixed text.
    """

    def __init__(
        self, authorizations: Contract, organizations: Organizations, first_block: int, signer: Signer | None
    ) -> None:
        self._authorizations = authorizations
        self._organizations = organizations
        self._first_block = first_block
        self._signer = signer

    @property
    def address(self) -> str:
        """The contract's address."""
        return self._authorizations.address

    @property
    def chain_id(self) -> int:
        """The chain that the contract is on."""
        return self._authorizations.connection.chain_id

    # ------------------------------------------------------------------ the provider's

    def submit(
        self,
        request: Request,
        lines: Sequence[RequestedLine],
        eligibility: Eligibility = NO_ELIGIBILITY,
        documents: Iterable[Location] = (),
    ) -> tuple[LineDecided, ...]:
        """Submits a request, which decides it: the decisions, by line. Again, it changes nothing, and the answer is
        the decisions that stand, from the chain's events."""
        receipt = self._send(
            "submit",
            request.to_abi(),
            eligibility.to_abi(),
            [line.to_abi() for line in lines],
            [document.to_abi() for document in documents],
        )
        return self._decided(receipt) or self._standing(request.id)

    def update(
        self,
        request: Request,
        revision: int,
        changes: Sequence[Change] = (),
        cancelled: Iterable[int] = (),
        eligibility: Eligibility = NO_ELIGIBILITY,
        documents: Iterable[Location] = (),
    ) -> tuple[LineDecided, ...]:
        """Changes a request of a revision: the decisions of the lines that it brings. `cancelled` are line numbers."""
        receipt = self._send(
            "update",
            request.to_abi(),
            revision,
            eligibility.to_abi(),
            [change.to_abi() for change in changes],
            bits(cancelled),
            [document.to_abi() for document in documents],
        )
        return self._decided(receipt)

    def cancel(self, request_id: str, lines: Iterable[int]) -> TransactionReceipt:
        """Cancels lines by number, and gives back what they have left."""
        return self._send("cancel", request_id, bits(lines))

    def supply_information(
        self, request_id: str, line: int, answer: str, documents: Iterable[Location] = ()
    ) -> TransactionReceipt:
        """Answers the insurer's question. `answer` is a salted commitment."""
        return self._send("supplyInformation", request_id, line, answer, [one.to_abi() for one in documents])

    def appeal(
        self,
        request_id: str,
        line: int,
        sequence: int,
        received_at: int,
        statement: str = ZERO_HASH,
        expedited: bool = False,
    ) -> TransactionReceipt:
        """Appeals the decision of that sequence. `statement` is a salted commitment."""
        return self._send("appeal", request_id, line, sequence, expedited, received_at, statement)

    # ------------------------------------------------------------------ the insurer's

    def sign_eligibility(self, member_key: str, provider: str, plan: int, period: int, valid_until: int) -> Eligibility:
        """The insurer's word to a provider that a member is covered, by the signer's key. Sends nothing."""
        signer = required(self._signer)
        message = eligibility_message(
            self.chain_id, self.address, member_key, organization_id(provider), plan, period, valid_until
        )
        signature = shortest_signature(signer, message)
        return Eligibility(member_key, plan, period, valid_until, signer.address, signature)

    def review_message(self, review: Review) -> Message:
        """What a reviewer signs, for wallets that sign elsewhere."""
        return review_message(self.chain_id, self.address, review)

    def sign_review(self, review: Review, reviewer: Signer) -> SignedReview:
        """A reviewer's decision. Sends nothing."""
        return SignedReview(review, reviewer.address, shortest_signature(reviewer, self.review_message(review)))

    def review(self, signed: SignedReview) -> TransactionReceipt:
        """Sends a reviewer's decision, whoever the signer is. Sent before, it changes nothing."""
        return self._send("review", signed.review.to_abi(), signed.key, signed.signature)

    def request_information(self, provider: str, request_id: str, line: int, question: str) -> TransactionReceipt:
        """Asks the provider for more about a pended line. `question` is a salted commitment."""
        return self._send("requestInformation", organization_id(provider), request_id, line, question)

    def extend_deadline(self, provider: str, request_id: str, line: int, reason: int) -> TransactionReceipt:
        """Takes 14 days from receipt in total. `reason` is by the insurer's list."""
        return self._send("extendDeadline", organization_id(provider), request_id, line, reason)

    # ------------------------------------------------------------------ anyone's

    def verify_coverage(self, provider: str, request_id: str, eligibility: Eligibility) -> TransactionReceipt:
        """Says which member an unverified request is about."""
        return self._send("verifyCoverage", organization_id(provider), request_id, eligibility.to_abi())

    def mark_overdue(self, provider: str, request_id: str, line: int) -> TransactionReceipt:
        """Marks a line that was not decided in time."""
        return self._send("markOverdue", organization_id(provider), request_id, line)

    def expire(self, provider: str, request_id: str, line: int) -> TransactionReceipt:
        """Gives back what a grant has left, when no claim can be filed any more."""
        return self._send("expire", organization_id(provider), request_id, line)

    # ------------------------------------------------------------------ reads

    def line(self, provider: str, request_id: str, line: int, block: int | str = "latest") -> LineState | None:
        """What holds of a line; None if there is none."""
        found = self._authorizations.read("lineOf", organization_id(provider), request_id, line, block=block)
        return LineState.from_abi(found) if found["status"] != LineStatus.UNKNOWN else None

    def deliberation(self, provider: str, request_id: str, line: int, block: int | str = "latest") -> Deliberation:
        """What persons added to a line."""
        found = self._authorizations.read("deliberationOf", organization_id(provider), request_id, line, block=block)
        return Deliberation.from_abi(found)

    def lines(self, provider: str, request_id: str, block: int | str = "latest") -> tuple[LineState, ...]:
        """All lines of a request by number, superseded ones too; empty if it is unknown."""
        count, _, _ = self._authorizations.read("requestOf", organization_id(provider), request_id, block=block)
        states = (self.line(provider, request_id, number, block) for number in range(count))
        return tuple(state for state in states if state is not None)

    def known(self, provider: str, request_id: str) -> tuple[int, int, str]:
        """How many lines a request has, its last revision's number, and the first 8 bytes of that one's content, as
        0x-prefixed text; no lines if it is unknown."""
        count, revision, content = self._authorizations.read("requestOf", organization_id(provider), request_id)
        return int(count), int(revision), str(content)

    def revision(self, provider: str, request_id: str) -> int:
        """The number of a request's last revision, from 0."""
        return self.known(provider, request_id)[1]

    def has_gold_card(self, provider: str, version: int, benefit_class: int) -> bool:
        """Whether a provider skips review in a class now."""
        return bool(self._authorizations.read("hasGoldCard", organization_id(provider), version, benefit_class))

    def history(self, provider: str, request_id: str) -> tuple[ContractEvent, ...]:
        """All that happened to a request, in order, from the chain's events. For many, an index is quicker."""
        return tuple(entry.event for entry in self.log(provider, request_id))

    def log(self, provider: str, request_id: str) -> tuple[LogEntry, ...]:
        """The same with the block and transaction of each."""
        of_request = (organization_id(provider), request_id.lower())
        logs = self._authorizations.connection.logs(self.address, REQUEST_EVENTS, self._first_block)
        return tuple(entry for entry in logs if _request_of(entry.event) == of_request)

    # ------------------------------------------------------------------ helpers

    def _decided(self, receipt: TransactionReceipt) -> tuple[LineDecided, ...]:
        return tuple(event for event in receipt.events if isinstance(event, LineDecided))

    def _standing(self, request_id: str) -> tuple[LineDecided, ...]:
        """The last decision of every line of the signer's request that was submitted before."""
        provider, _ = self._organizations.of_key(required(self._signer).address)
        if provider is None:
            return ()
        events = self.history(provider, request_id)
        found = {event.line: event for event in events if isinstance(event, LineDecided)}
        return tuple(found[number] for number in sorted(found))

    def _send(self, function: str, *arguments: object) -> TransactionReceipt:
        return self._authorizations.send(required(self._signer), function, *arguments)


def bits(numbers: Iterable[int]) -> int:
    """A set of line numbers as the contract takes it: bit n for line n. Raises InvalidInput above 254."""
    found = 0
    for number in numbers:
        if not 0 <= number < MOST_LINES:
            raise InvalidInput("line", str(number), f"must be from 0 to {MOST_LINES - 1}")
        found |= 1 << number
    return found


def _request_of(event: ContractEvent) -> tuple[str, str]:
    if isinstance(event, RequestSubmitted):
        return event.provider, event.id
    return tuple(getattr(event, name) for name in ("provider", "request_id"))
