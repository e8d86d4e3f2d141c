"""An insurer's panel of reviewers, for Python: who may decide what the rules leave open."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from careledger.authorization.payer import Payer
from careledger.chain.connection import TransactionReceipt
from careledger.contract_events import ReviewerAppointed, ReviewerDismissed
from careledger.errors import InvalidInput

__all__ = ["Panel", "Reviewer", "new_reviewer_id", "reviewer_id"]

ID_BYTES = 12


@dataclass(frozen=True)
class Reviewer:
    """A key that reviews, or did, under a pseudonymous id: 12 bytes as 0x-prefixed text."""

    key: str
    id: str
    appointed: bool


class Panel:
    """Changes need the medical director as the signer. Every method raises ContractError with the contract's reason if
    it refuses, and ChainError if the chain could not be asked."""

    def __init__(self, payer: Payer) -> None:
        self._payer = payer
        self._panel = payer.panel

    def appoint(self, key: str, id_: str, report: Callable[[str], None] = lambda _: None) -> TransactionReceipt:
        """Lets a key of the insurer's review under an id, its only one for ever. Again, it changes nothing."""
        return self._payer.governance.perform(self._panel, "appoint", key, reviewer_id(id_), report=report)

    def dismiss(self, key: str, report: Callable[[str], None] = lambda _: None) -> TransactionReceipt:
        """Ends that. Decisions made stay. Again, it changes nothing."""
        return self._payer.governance.perform(self._panel, "dismiss", key, report=report)

    def reviewer(self, key: str) -> Reviewer | None:
        """The reviewer whose key this is, or was; None if it never was."""
        found, appointed = self._panel.read("reviewerOf", key)
        return Reviewer(key, found, appointed) if int(found, 16) else None

    def reviewers(self) -> tuple[Reviewer, ...]:
        """All, in the order of their first appointment, from the chain's events."""
        kinds = [ReviewerAppointed, ReviewerDismissed]
        logs = self._panel.connection.logs(self._panel.address, kinds, self._payer.first_block)
        found: dict[str, Reviewer] = {}
        for entry in logs:
            event = entry.event
            if isinstance(event, ReviewerAppointed | ReviewerDismissed):
                found[event.key] = Reviewer(event.key, event.reviewer, isinstance(event, ReviewerAppointed))
        return tuple(found.values())


def new_reviewer_id() -> str:
    """An id that says nothing about who gets it."""
    return "0x" + secrets.token_hex(ID_BYTES)


def reviewer_id(text: str) -> str:
    """A reviewer's id: 0x and 24 hexadecimal digits, not all zero. Raises InvalidInput."""
    try:
        found = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        found = b""
    if not text.startswith("0x") or len(found) != ID_BYTES or not any(found):
        raise InvalidInput("reviewer", text, "must be 0x and 24 hexadecimal digits, not all of them 0")
    return "0x" + found.hex()
