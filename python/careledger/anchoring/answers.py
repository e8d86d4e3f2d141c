"""The answers of verification: what holds of a document, who stands behind it, when, and as of which block."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from enum import Enum, IntEnum
from typing import Any

from careledger.anchoring.receipt import NO_ORGANIZATION, Receipt
from careledger.anchoring.types import AmendmentReason, Countersignature, Dispute, KeyStatus, RevocationReason

__all__ = [
    "Actor",
    "Alteration",
    "Answer",
    "AsOf",
    "CountersignatureOf",
    "Difference",
    "DisputeOf",
    "Doubt",
    "Failure",
    "Part",
    "Revocation",
    "Succession",
    "Verification",
    "When",
    "Who",
    "claimed",
    "could_not_check",
]


class Answer(Enum):
    """What holds of a document. The first six are the contract's; the others are told apart by the client."""

    UNKNOWN = "unknown"
    """Not anchored there: the chain has the receipt's block, and no such anchor."""
    ACTIVE = "active"
    DISPUTED = "disputed"
    """In force, and a party says that it is wrong."""
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    ALTERED = "altered"
    """The file is not the one that the receipt is of. Nothing was asked of the chain."""
    COULD_NOT_CHECK = "could not check"
    """No answer about the document at all; `failure` says what stood in the way."""


class Part(Enum):
    """What could not be checked."""

    NODE_UNREACHABLE = "node unreachable"
    NODE_BUSY = "node busy"
    NODE_REFUSED = "node refused"
    NODE_CONTRADICTS = "node contradicts itself"
    NODE_BEHIND = "node behind"
    """It does not have the receipt's block yet."""
    WRONG_CHAIN = "wrong chain"
    OTHER_GENESIS = "other genesis"
    """A chain of the same id that began with another block: a development chain that was started anew."""
    NO_CONTRACT = "no contract"
    OTHER_CONTRACT = "other contract"
    """Not the contract that is trusted, or not the suite's code, or it asks another register."""
    BLOCK_GONE = "block gone"
    """There is no such anchor, and the receipt's block is not on the node's chain: a reorganization took it out, or
    the node follows another branch. The transaction may come back in another block."""
    CHAIN_MOVED = "chain moved"
    """A reorganization happened during the check: ask again."""
    NO_STATE_PROOF = "no state proof"
    OTHER_BLOCK = "other block"
    """The receipt's state proof is of another block than the trusted one."""
    STATE_PROOF = "state proof"


class Doubt(Enum):
    """Why an anchor cannot be put down to the organization without more ado."""

    NOT_CHECKED = "not checked"
    """Nothing was asked of the register of organizations."""
    NOBODYS_KEY = "nobody's key"
    """The key was no organization's when it anchored."""
    KEY_NOT_ACTIVE = "key not active"
    """It was retired, or reported as compromised, before it anchored."""
    COMPROMISED = "compromised"
    """A cut-off, reported since, covers the anchor."""
    OTHER_ORGANIZATION = "other organization"
    """The key was another organization's than the one that the receipt names."""
    NOT_IN_GOOD_STANDING = "not in good standing"
    """The organization was suspended, expelled or frozen then, or its licence had run out."""
    RECEIPT_DIFFERS = "receipt differs"
    """The receipt states something otherwise than the chain: see `differences`."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who stands behind the anchor. What the receipt alone says is in `key` and `claimed_organization`; the rest is the
    register's, None if that was not asked.

    `organization` is the one whose key it was when it anchored (None: nobody's). `key_status` is the key's as it stood
    then: ACTIVE means that relying on it was right, whatever became of it. `compromised`: a cut-off covers the anchor,
    first reported at `reported_at`, Unix seconds. `good_standing`: the organization was active then, not frozen, and
    licensed.
    """

    key: str
    claimed_organization: str | None
    organization: str | None = None
    organization_name: str | None = None
    key_status: KeyStatus | None = None
    compromised: bool | None = None
    reported_at: int | None = None
    good_standing: bool | None = None


@dataclass(frozen=True, slots=True)
class When:
    """Times in Unix seconds: anchored; signed, as the submitter stated when another sent (0 otherwise); and from when
    the document is in force no more (0: never). `checked`: they are the chain's, not only the receipt's. Block and
    transaction are the receipt's; a node looks at them, and what it finds otherwise is among the differences."""

    anchored_at: int
    signed_at: int
    expiry: int
    block_number: int
    block_hash: str
    transaction_hash: str
    checked: bool


@dataclass(frozen=True, slots=True)
class AsOf:
    """The block of which the answer is, and its time, Unix seconds."""

    block_number: int
    block_hash: str
    block_time: int


@dataclass(frozen=True, slots=True)
class Actor:
    """The key that did something to the document, and both answers about it, for the time of that act.

    `key_status` is the key's as it stood then: ACTIVE means that relying on the act was right. `compromised`: a cut-off
    covers the act, first reported at `reported_at`, Unix seconds (0: none does). `organization` is None if the key was
    nobody's then.
    """

    key: str
    organization: str | None
    key_status: KeyStatus
    compromised: bool
    reported_at: int


@dataclass(frozen=True, slots=True)
class Revocation:
    """Why and when; None for a leaf of a batch whose revocation was not found in the node's logs. `whole_batch`: all of
    its batch was revoked, not the document alone. `by` is None if that is not known: offline, or not found either."""

    reason: RevocationReason | None
    revoked_at: int | None
    whole_batch: bool
    by: Actor | None = None


@dataclass(frozen=True, slots=True)
class Succession:
    """What superseded the document, when (Unix seconds) and why, and the newest in the line. `by` is the successor's
    submitter, who amended."""

    submitter: str
    leaf: str
    amended_at: int
    reason: AmendmentReason
    latest_submitter: str
    latest_leaf: str
    by: Actor


@dataclass(frozen=True, slots=True)
class Alteration:
    """The digest that the receipt has and the file's; None, and what the problem is, if it has none."""

    expected: str
    found: str | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """What could not be checked, and why."""

    part: Part
    problem: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the receipt states otherwise than the chain. The answer is by the chain."""

    field: str
    receipt: str
    chain: str


@dataclass(frozen=True, slots=True)
class DisputeOf:
    """A dispute and who raised it."""

    disputant: str
    dispute: Dispute


@dataclass(frozen=True, slots=True)
class CountersignatureOf:
    """A countersignature and the id of the organization that gave it."""

    organization: str
    countersignature: Countersignature


@dataclass(frozen=True, slots=True)
class Verification:
    """An answer. `as_of` is None if no chain was asked. `disputes` counts those that stand; those that a directory
    lists, and the countersignatures, follow with who they are from."""

    answer: Answer
    who: Who
    when: When
    as_of: AsOf | None = None
    revocation: Revocation | None = None
    succession: Succession | None = None
    alteration: Alteration | None = None
    failure: Failure | None = None
    differences: tuple[Difference, ...] = ()
    disputes: int = 0
    listed_disputes: tuple[DisputeOf, ...] = ()
    countersignatures: tuple[CountersignatureOf, ...] = ()

    @property
    def in_force(self) -> bool:
        """Whether it is known to be in force: ACTIVE or DISPUTED."""
        return self.answer in (Answer.ACTIVE, Answer.DISPUTED)

    @property
    def trusted(self) -> bool:
        """Whether the anchor may be put down to the organization: no `doubts`. It says nothing about being in force."""
        return not self.doubts

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Every reason why not."""
        who = self.who
        if who.key_status is None:
            return (Doubt.NOT_CHECKED,)
        if who.organization is None:
            return (Doubt.NOBODYS_KEY,)
        found = []
        if who.key_status is not KeyStatus.ACTIVE:
            found.append(Doubt.KEY_NOT_ACTIVE)
        if who.compromised:
            found.append(Doubt.COMPROMISED)
        if who.claimed_organization not in (None, who.organization):
            found.append(Doubt.OTHER_ORGANIZATION)
        if not who.good_standing:
            found.append(Doubt.NOT_IN_GOOD_STANDING)
        if self.differences:
            found.append(Doubt.RECEIPT_DIFFERS)
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """The answer in JSON's types: enums by name in lower case, times in Unix seconds."""
        more = {"in_force": self.in_force, "trusted": self.trusted, "doubts": _json(self.doubts)}
        found: dict[str, Any] = _json(self)
        return {"answer": found.pop("answer"), **more, **found}


def claimed(receipt: Receipt) -> tuple[Who, When]:
    """Who and when as the receipt alone has it, not checked."""
    organization = None if receipt.organization == NO_ORGANIZATION else receipt.organization
    when = When(
        anchored_at=receipt.anchored_at,
        signed_at=receipt.signed_at,
        expiry=receipt.expiry,
        block_number=receipt.block_number,
        block_hash=receipt.block_hash,
        transaction_hash=receipt.transaction_hash,
        checked=False,
    )
    return Who(receipt.submitter, organization), when


def could_not_check(receipt: Receipt, part: Part, problem: str) -> Verification:
    """No answer about the receipt's document, and why."""
    who, when = claimed(receipt)
    return Verification(Answer.COULD_NOT_CHECK, who, when, failure=Failure(part, problem))


def _json(value: Any) -> Any:
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _json(getattr(value, item.name)) for item in fields(value)}
    return [_json(item) for item in value] if isinstance(value, tuple) else value
