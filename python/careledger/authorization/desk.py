"""What waits at an insurer's desk, read from the chain's events: pended lines and open appeals.

For many requests an index answers quicker: `AuthorizationIndex.queue`, whose entries `from_index` takes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from careledger.authorization.authorizations import Authorizations
from careledger.authorization.payer import Payer
from careledger.chain.connection import TransactionReceipt
from careledger.contract_enums import Action, AppealStatus, LineStatus
from careledger.contract_errors import PriorAuthorizationForbiddenTransition, PriorAuthorizationNotOverdue
from careledger.contract_events import (
    AppealDecided,
    ContractEvent,
    LineAppealed,
    LineCancelled,
    LineDecided,
    LineSuperseded,
)

if TYPE_CHECKING:
    from careledger.authorization.index_entries import QueueEntry

__all__ = ["Desk", "Marked", "WaitingLine", "from_index"]

OPEN = frozenset({LineStatus.PENDED, LineStatus.INFORMATION_REQUESTED})
KINDS: tuple[type[ContractEvent], ...] = (LineDecided, LineAppealed, AppealDecided, LineSuperseded, LineCancelled)

Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """A line that waits for a person at the insurer's, `waits_for` "decision", "information" (the provider's; the clock
    runs on) or "appeal". `due_at` is in Unix seconds. `reviewer` decided what is appealed and `first_opinion` gave the
    first of two: another decides."""

    provider: str
    request: str
    line: int
    sequence: int
    waits_for: str
    expedited: bool
    benefit_class: int
    due_at: int
    extended: bool
    marked_overdue: bool
    reviewer: str | None
    first_opinion: str | None

    def seconds_left(self, time: int) -> int:
        """Until it is due, negative if it is past due, at a time in Unix seconds."""
        return self.due_at - time


@dataclass(frozen=True)
class Marked:
    """A line that is past due, and the transaction that marked it; None if it was marked before and nothing follows
    from marking it again."""

    line: WaitingLine
    receipt: TransactionReceipt | None


class Desk:
    """Raises what `Authorizations` raises."""

    def __init__(self, payer: Payer) -> None:
        self._payer = payer
        self._contract = payer.authorizations
        self._authorizations = Authorizations(
            payer.authorizations, payer.organizations, payer.first_block, payer.signer
        )

    def queue(self) -> tuple[WaitingLine, ...]:
        """What waits for a person, the least time left first: found by the events, stated as the contract says it now.

        Every request ever made is read; only what is open is asked about.
        """
        found = (self._waiting(*key) for key in self._open())
        return tuple(sorted((one for one in found if one is not None), key=lambda one: (one.due_at, one.request)))

    def mark_overdue(self, lines: Iterable[WaitingLine]) -> tuple[Marked, ...]:
        """Marks those of these lines that are past due, one after another. One that is marked already is tried too: the
        rule may approve it by now. Interrupted, the same again goes on."""
        now = self._contract.connection.block_time("pending")
        return tuple(Marked(line, self._mark(line)) for line in lines if line.due_at < now)

    def _mark(self, line: WaitingLine) -> TransactionReceipt | None:
        try:
            return self._authorizations.mark_overdue(line.provider, line.request, line.line)
        except (PriorAuthorizationNotOverdue, PriorAuthorizationForbiddenTransition):
            return None  # nothing follows from it any more, or yet: somebody decided or marked it

    def _open(self) -> list[Key]:
        """Lines of which the last event leaves something open."""
        found: dict[Key, None] = {}
        logs = self._contract.connection.logs(self._contract.address, KINDS, self._payer.first_block)
        for entry in logs:
            event = entry.event
            if not isinstance(event, LineDecided | LineAppealed | AppealDecided | LineSuperseded | LineCancelled):
                continue
            key = event.provider, event.request_id, event.line
            if isinstance(event, LineAppealed) or (isinstance(event, LineDecided) and event.action == Action.PENDED):
                found[key] = None
            else:
                found.pop(key, None)
        return list(found)

    def _waiting(self, provider: str, request: str, line: int) -> WaitingLine | None:
        state = self._authorizations.line(provider, request, line)
        if state is None or (state.status not in OPEN and state.appeal is not AppealStatus.OPEN):
            return None
        said = self._authorizations.deliberation(provider, request, line)
        if state.appeal is AppealStatus.OPEN:
            waits_for = "appeal"
        else:
            waits_for = "information" if state.status is LineStatus.INFORMATION_REQUESTED else "decision"
        return WaitingLine(
            provider=provider,
            request=request,
            line=line,
            sequence=state.sequence,
            waits_for=waits_for,
            expedited=said.expedited,
            benefit_class=state.benefit_class,
            due_at=said.due_at,
            extended=said.extended,
            marked_overdue=said.overdue,
            reviewer=said.reviewer,
            first_opinion=said.first_opinion,
        )


def from_index(entry: QueueEntry) -> WaitingLine:
    """What an index's queue says of a line, in the same form."""
    names = {field.name for field in dataclasses.fields(WaitingLine)} - {"waits_for"}
    return WaitingLine(**{name: getattr(entry, name) for name in names}, waits_for=entry.waits_for.value)
