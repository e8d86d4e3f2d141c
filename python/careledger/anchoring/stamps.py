"""The packed words of anchoring events, split into typed values.

The contract packs what an event states with its submitter into one word, the submitter in the low 160 bits:

    DocumentAnchored                        signedAt << 216 | terms << 160 | submitter
    AnchorRevoked, AnchorRevokedByOtherKey    reason << 160 | submitter
    LeavesRevoked               word << 168 | reason << 160 | submitter
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address

from careledger.anchoring.types import RevocationReason, Terms
from careledger.contract_events import (
    AnchorRevoked,
    AnchorRevokedByOtherKey,
    ContractEvent,
    DocumentAnchored,
    LeavesRevoked,
)

__all__ = [
    "AnchoredStamp",
    "LeavesStamp",
    "RevokedStamp",
    "anchored_stamp",
    "in_words",
    "leaves_stamp",
    "packed_terms",
    "reason_number",
    "revoked_stamp",
    "signing_time",
    "submitter_text",
    "word_number",
]

ADDRESS_BITS = 160
ADDRESS_MASK = (1 << ADDRESS_BITS) - 1
TERMS_BITS = 56
TERMS_MASK = (1 << TERMS_BITS) - 1
REASON_MASK = 0xFF
SIGNED_AT_SHIFT = ADDRESS_BITS + TERMS_BITS
WORD_SHIFT = ADDRESS_BITS + 8


@dataclass(frozen=True, slots=True)
class AnchoredStamp:
    """Of DocumentAnchored. `signed_at`, Unix seconds, is 0 unless another sent what the submitter signed."""

    submitter: str
    terms: Terms
    signed_at: int


@dataclass(frozen=True, slots=True)
class RevokedStamp:
    """Of AnchorRevoked and AnchorRevokedByOtherKey."""

    submitter: str
    reason: RevocationReason


@dataclass(frozen=True, slots=True)
class LeavesStamp:
    """Of LeavesRevoked: bit n of the event's `leaves` is the leaf at index `256 * word + n`."""

    submitter: str
    reason: RevocationReason
    word: int


def anchored_stamp(stamp: int) -> AnchoredStamp:
    """What the stamp of a DocumentAnchored says."""
    return AnchoredStamp(_submitter(stamp), Terms.unpack(packed_terms(stamp)), signing_time(stamp))


def revoked_stamp(stamp: int) -> RevokedStamp:
    """What the stamp of an AnchorRevoked or AnchorRevokedByOtherKey says. Raises ValueError for an unknown reason."""
    return RevokedStamp(_submitter(stamp), RevocationReason(reason_number(stamp)))


def leaves_stamp(stamp: int) -> LeavesStamp:
    """What the stamp of a LeavesRevoked says. Raises ValueError for an unknown reason."""
    return LeavesStamp(_submitter(stamp), RevocationReason(reason_number(stamp)), word_number(stamp))


# ------------------------------------------------------------------ parts, as tables have them


def submitter_text(stamp: int) -> str:
    """The submitter of any stamp, in lower case."""
    return f"0x{stamp & ADDRESS_MASK:040x}"


def in_words(event: ContractEvent) -> dict[str, Any]:
    """An event's values, with those of its stamp in place of the stamp."""
    values = dict(vars(event))
    stamp = values.pop("stamp", None)
    match event:
        case DocumentAnchored():
            anchored = anchored_stamp(stamp)
            terms = {"kind": anchored.terms.kind, "expiry": anchored.terms.expiry, "signed_at": anchored.signed_at}
            return {"submitter": anchored.submitter, **values, **terms}
        case AnchorRevoked() | AnchorRevokedByOtherKey():
            return {"submitter": revoked_stamp(stamp).submitter, **values, "reason": revoked_stamp(stamp).reason}
        case LeavesRevoked():
            leaves = leaves_stamp(stamp)
            return {"submitter": leaves.submitter, **values, "word": leaves.word, "reason": leaves.reason}
    return dict(vars(event))


def packed_terms(stamp: int) -> int:
    """The terms of a DocumentAnchored, as `Terms.unpack` takes them."""
    return stamp >> ADDRESS_BITS & TERMS_MASK


def signing_time(stamp: int) -> int:
    """When the submitter of a DocumentAnchored says that it signed, Unix seconds; 0 if it sent it itself."""
    return stamp >> SIGNED_AT_SHIFT


def reason_number(stamp: int) -> int:
    """The reason of a revocation."""
    return stamp >> ADDRESS_BITS & REASON_MASK


def word_number(stamp: int) -> int:
    """The word of a LeavesRevoked."""
    return stamp >> WORD_SHIFT


def _submitter(stamp: int) -> str:
    return str(to_checksum_address(submitter_text(stamp)))
