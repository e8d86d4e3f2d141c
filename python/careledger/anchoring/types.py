"""What anchoring speaks of: terms, places of documents, and the contract's records, typed.

Hashes and addresses are 0x-prefixed text, addresses checksummed; times are Unix seconds, and 0 in a record means that
it has not happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from careledger.chain.values import account_address
from careledger.contract_enums import AmendmentReason, DisputeReason, DocumentStatus, KeyStatus, RevocationReason
from careledger.errors import InvalidInput

__all__ = [
    "LEAVES_OF_A_WORD",
    "NO_EXPIRY",
    "ZERO_HASH",
    "AmendmentReason",
    "Anchor",
    "Countersignature",
    "Dispute",
    "DisputeReason",
    "DocumentKind",
    "DocumentStatus",
    "KeyStatus",
    "Link",
    "Location",
    "RevocationReason",
    "Terms",
    "Vouched",
]

ZERO_HASH = "0x" + 64 * "0"
NO_EXPIRY = 0
LEAVES_OF_A_WORD = 256
"""How many leaves of a batch are revoked together at most: the bits of one word of the contract's."""

EXPIRY_BITS = 40
KIND_LIMIT = 2**16
TIME_LIMIT = 2**EXPIRY_BITS


class DocumentKind(IntEnum):
    """What a document is, as coarsely as may be public. The contract takes any number below 2^16; these are the
    suite's. Appended to, never renumbered: receipts hold the numbers."""

    UNCLASSED = 0
    CLINICAL_DOCUMENT = 1
    DIAGNOSTIC_REPORT = 2
    IMAGING = 3
    MEDICATION = 4
    CONSENT = 5
    TRIAL_PROTOCOL = 6
    TRIAL_RECORD = 7
    CREDENTIAL = 8
    AUTHORIZATION = 9
    CUSTODY = 10


@dataclass(frozen=True, slots=True)
class Terms:
    """What an anchor says of its documents: a kind below 2^16 (`DocumentKind`), and the Unix seconds from which they
    are in force no more, 0 for never."""

    kind: int = DocumentKind.UNCLASSED
    expiry: int = NO_EXPIRY

    def __post_init__(self) -> None:
        """Raises InvalidInput for a kind or an expiry that is out of range."""
        if not 0 <= self.kind < KIND_LIMIT:
            raise InvalidInput("kind", str(self.kind), "must be from 0 to 65535")
        if not 0 <= self.expiry < TIME_LIMIT:
            raise InvalidInput("expiry", str(self.expiry), "must be Unix seconds below 2^40, or 0 for never")

    def pack(self) -> int:
        """`kind << 40 | expiry`, as contracts/anchoring/DocumentTerms.sol."""
        return self.kind << EXPIRY_BITS | self.expiry

    @classmethod
    def unpack(cls, packed: int) -> Terms:
        """The terms of what `pack` made."""
        return cls(packed >> EXPIRY_BITS, packed & (TIME_LIMIT - 1))


@dataclass(frozen=True, slots=True)
class Location:
    """Where a document is: under its submitter by itself, or, with `root`, at an index of a batch.

    `proof` leads from the batch leaf up to the root, lowest node first.
    """

    submitter: str
    leaf: str
    root: str | None = None
    index: int = 0
    proof: tuple[str, ...] = ()

    @property
    def anchor_id(self) -> str:
        """What is anchored: the root, or the leaf itself."""
        return self.leaf if self.root is None else self.root

    def to_abi(self) -> dict[str, Any]:
        """The contract's `Document`."""
        return {
            "submitter": account_address("submitter", self.submitter),
            "leaf": self.leaf,
            "root": self.root or ZERO_HASH,
            "index": self.index,
            "proof": list(self.proof),
        }


@dataclass(frozen=True, slots=True)
class Anchor:
    """An anchor's record. `count` is a batch's number of leaves, 0 for a single document; `signed_at` is what the
    submitter stated when another sent its signature."""

    anchored_at: int
    signed_at: int
    expiry: int
    revoked_at: int
    count: int
    kind: int
    disputes: int
    revocation_reason: RevocationReason
    superseded: bool
    streamed: bool


@dataclass(frozen=True, slots=True)
class Link:
    """The other end of an amendment."""

    leaf: str
    submitter: str
    amended_at: int
    reason: AmendmentReason


@dataclass(frozen=True, slots=True)
class Countersignature:
    """An organization's countersignature of a document."""

    key: str
    signed_at: int
    withdrawn_at: int


@dataclass(frozen=True, slots=True)
class Dispute:
    """A party's dispute of a document, and the answer. `statement` and `reply` are salted hashes, zero for none."""

    raised_at: int
    replied_at: int
    withdrawn_at: int
    reason: DisputeReason
    statement: str
    reply: str


@dataclass(frozen=True, slots=True)
class Vouched:
    """The contract's `Verification`: a document's status, and for whom its submitter's key spoke when it anchored.

    `organization` is its id, all zero if the key was nobody's. `compromised`: a cut-off, reported since, covers the
    anchor.
    """

    status: DocumentStatus
    anchored_at: int
    organization: str
    key_status: KeyStatus
    compromised: bool
