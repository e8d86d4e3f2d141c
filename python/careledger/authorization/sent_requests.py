"""A provider's requests that an insurer has: what stands of them, and what can be done with it.

sent = SentRequests(payer, vault)
revision = sent.find(identifier)
sent.report(revision, rule_set)
sent.cancel(revision, [3])
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from careledger.authorization.authorizations import Authorizations
from careledger.authorization.code_systems import Code
from careledger.authorization.outcomes import RequestReport, request_report
from careledger.authorization.request import BusinessIdentifier
from careledger.authorization.request_book import KeptLine, RequestBook, Revision
from careledger.authorization.rule_set import RuleSet
from careledger.authorization.types import LineState
from careledger.chain.connection import TransactionReceipt
from careledger.chain.signers.signer import required
from careledger.contract_enums import Action, AppealStatus, LineStatus
from careledger.contract_events import LineAppealed
from careledger.errors import InvalidInput
from careledger.vault import Vault

if TYPE_CHECKING:
    from careledger.anchoring import Receipt
    from careledger.authorization.payer import Payer

__all__ = ["CANCELLABLE", "GONE", "Appeal", "SentRequests"]

GONE = frozenset({LineStatus.SUPERSEDED, LineStatus.CANCELLED, LineStatus.EXPIRED})
"""Nothing supersedes these: a line that is asked for again is added."""

CANCELLABLE = frozenset(
    {
        LineStatus.PENDED,
        LineStatus.INFORMATION_REQUESTED,
        LineStatus.APPROVED,
        LineStatus.PARTIAL,
        LineStatus.MODIFIED,
    }
)
ADVERSE = frozenset({Action.DENIED, Action.APPROVED_IN_PART, Action.MODIFIED})


@dataclass(frozen=True)
class Appeal:
    """A decision of a line that is appealed: the item's number, the line's, and the decision's sequence."""

    sequence: int
    number: int
    decision: int


class SentRequests:
    """A provider's requests that were sent to an insurer, by the key of the payer's signer; `vault` is the one that
    they were sent with. Methods raise ContractError, ChainError and VaultError besides what they say."""

    def __init__(self, payer: Payer, vault: Vault) -> None:
        """Raises InvalidInput if the signer's key is of no organization."""
        self.authorizations = Authorizations(payer.authorizations, payer.organizations, payer.first_block, payer.signer)
        self.provider = _provider_of(payer)
        self.book = RequestBook(vault, self.authorizations.address, self.provider)
        self._payer = payer

    def find(self, identifier: BusinessIdentifier) -> Revision:
        """The revision that stands of a request, by its identifier or that of an update of it. Raises InvalidInput if
        it was not sent, or not with this vault."""
        bound = self.book.bound_id(identifier)
        if bound is None:
            raise InvalidInput(
                "request",
                "of this identifier",
                "was not sent with this vault: submit it, or open the vault that it was sent with",
            )
        count, revision, content = self.authorizations.known(self.provider, bound)
        if count == 0:
            raise InvalidInput("request", bound, "was prepared and is not on the chain: submit it again")
        return self.book.standing(bound, revision, content)

    def report(
        self, revision: Revision, rule_set: RuleSet | None = None, reasons: Mapping[int, Code] | None = None
    ) -> RequestReport:
        """What became of a request; see `request_report`. The rules' words are used for decisions by them alone."""
        versions = () if rule_set is None else self._versions_of(rule_set)
        return request_report(
            self.authorizations, self.provider, revision, rule_set, versions, reasons, self._payer.insurer
        )

    def cancel(self, revision: Revision, sequences: Iterable[int] = ()) -> tuple[int, ...]:
        """Cancels items of a request, all that can be cancelled if none are named, and returns which. What is cancelled
        already stays so. Raises InvalidInput for one that is at its end."""
        named = tuple(sequences)
        numbers: dict[int, int] = {}
        for line in revision.lines if not named else [revision.line(sequence) for sequence in named]:
            status = self._status(revision.request_id, line)
            if line.number is not None and status in CANCELLABLE:
                numbers[line.sequence] = line.number
            elif named and status is not LineStatus.CANCELLED and line.number is not None:
                raise InvalidInput(
                    "line",
                    str(line.sequence),
                    f"is {status.name.lower().replace('_', ' ')}: there is nothing to cancel",
                )
        if numbers:
            self.authorizations.cancel(revision.request_id, numbers.values())
        return tuple(numbers)

    def appeal(
        self,
        revision: Revision,
        appeal: Appeal,
        statement: bytes,
        expedited: bool = False,
        received_at: int | None = None,
    ) -> TransactionReceipt | None:
        """Appeals a decision, with a statement that is committed to and kept in the vault. None if it is appealed
        already, with this statement. Raises InvalidInput if it is with another."""
        said = self.book.keep_statement(revision.request_id, appeal.number, appeal.decision, statement)
        state = self._state(revision.request_id, appeal.number)
        if state is not None and state.appeal is AppealStatus.OPEN:
            events = self.authorizations.history(self.provider, revision.request_id)
            if any(isinstance(event, LineAppealed) and event.statement == said for event in events):
                return None
            raise InvalidInput(
                "line", str(appeal.sequence), "is appealed already, with another statement: the appeal is being decided"
            )
        received = self._payer.authorizations.connection.block_time() if received_at is None else received_at
        return self.authorizations.appeal(
            revision.request_id, appeal.number, appeal.decision, received, said, expedited
        )

    def appealable(self, revision: Revision, sequence: int) -> Appeal:
        """The decision of an item that can be appealed. Raises InvalidInput if there is none."""
        line = revision.line(sequence)
        state = None if line.number is None else self._state(revision.request_id, line.number)
        if line.number is None or state is None or state.action not in ADVERSE or state.status in GONE:
            said = "cancelled" if state is None else state.status.name.lower().replace("_", " ")
            raise InvalidInput(
                "line", str(sequence), f"is {said}: only what was denied, approved in part or modified can be appealed"
            )
        if state.appeal in (AppealStatus.UPHELD, AppealStatus.OVERTURNED):
            raise InvalidInput("line", str(sequence), "was appealed before: a line is appealed once")
        return Appeal(sequence, line.number, state.sequence)

    def answer(
        self, revision: Revision, sequence: int, statement: bytes, documents: Iterable[Receipt] = ()
    ) -> TransactionReceipt:
        """Answers what the insurer asked about an item, with a statement that is committed to and kept in the vault.
        Raises InvalidInput if nothing was asked, or it was answered."""
        line = revision.line(sequence)
        state = None if line.number is None else self._state(revision.request_id, line.number)
        if line.number is None or state is None or state.status is not LineStatus.INFORMATION_REQUESTED:
            said = "cancelled" if state is None else state.status.name.lower().replace("_", " ")
            raise InvalidInput("line", str(sequence), f"is {said}: the insurer has no open question about it")
        said = self.book.keep_statement(revision.request_id, line.number, state.sequence, statement)
        locations = [receipt.location for receipt in documents]
        return self.authorizations.supply_information(revision.request_id, line.number, said, locations)

    # ------------------------------------------------------------------ helpers

    def _versions_of(self, rule_set: RuleSet) -> tuple[int, ...]:
        """The versions that have these terms and rules."""
        policy, digest = self._payer.policy, "0x" + rule_set.digest.hex()
        numbers = range(1, policy.read("lastVersion") + 1)
        return tuple(number for number in numbers if policy.read("versionOf", number)["digest"] == digest)

    def _state(self, identity: str, number: int) -> LineState | None:
        return self.authorizations.line(self.provider, identity, number)

    def _status(self, identity: str, line: KeptLine) -> LineStatus:
        state = None if line.number is None else self._state(identity, line.number)
        return LineStatus.CANCELLED if state is None else state.status


def _provider_of(payer: Payer) -> str:
    """The organization whose key the signer is. Raises InvalidInput if it is nobody's."""
    key = required(payer.signer).address
    organization, _ = payer.organizations.of_key(key)
    if organization is None:
        raise InvalidInput(
            "signer", key, "is a key of no organization: use the provider's, or add it with `careledger org key add`"
        )
    return organization
