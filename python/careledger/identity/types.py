"""What the registry answers, typed. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from careledger.contract_enums import KeyStatus, MemberRole, Reason, Standing
from careledger.identity.identifiers import Identifier

__all__ = [
    "ZERO_ADDRESS",
    "ZERO_HASH",
    "Admission",
    "KeyAtTime",
    "KeyRecord",
    "KeyStatus",
    "MemberRole",
    "Membership",
    "Organization",
    "Reason",
    "Recovery",
    "Standing",
    "from_bits",
    "to_bits",
]

ZERO_ADDRESS = "0x" + 40 * "0"
ZERO_HASH = "0x" + 64 * "0"


@dataclass(frozen=True)
class Admission:
    """What the registrar states when admitting an organization."""

    name: str
    controller: str
    member_roles: frozenset[MemberRole]
    licence_expiry: int
    identifiers: tuple[Identifier, ...] = ()
    metadata_commitment: str = ZERO_HASH
    reason: Reason = Reason.APPLICATION


@dataclass(frozen=True)
class Membership:
    """An organization's membership from `since` on."""

    member_roles: frozenset[MemberRole]
    licence_expiry: int
    standing: Standing
    frozen: bool
    since: int


@dataclass(frozen=True)
class Recovery:
    """A recovery under way. While it is contested, it waits for the admin, and `ready_at` says nothing."""

    new_controller: str
    ready_at: int
    contested: bool


@dataclass(frozen=True)
class KeyRecord:
    """A key, with 0 for what has not happened."""

    key: str
    organization: str
    status: KeyStatus
    added_at: int
    retired_at: int
    compromised_since: int
    reported_at: int


@dataclass(frozen=True)
class KeyAtTime:
    """Both answers about a key at a past time.

    `status` is the key's as it stood then: ACTIVE means that relying on the key was right. `compromised` says whether a
    cut-off covers that time, reported at `reported_at` (0: none does).
    """

    organization: str
    status: KeyStatus
    compromised: bool
    reported_at: int


@dataclass(frozen=True)
class Organization:
    """An organization as it is at a block. `active` covers standing, freeze and licence, for the roles it holds."""

    id: str
    name: str
    active: bool
    membership: Membership
    controller: str
    pending_controller: str | None
    recovery: Recovery | None
    metadata_commitment: str
    identifiers: tuple[Identifier, ...] = ()
    keys: tuple[KeyRecord, ...] = field(default=())


def to_bits(roles: Iterable[MemberRole]) -> int:
    """A set of member roles as the registry stores it: bit n for role n."""
    return sum(1 << role for role in set(roles))


def from_bits(bits: int) -> frozenset[MemberRole]:
    """The inverse of `to_bits`."""
    return frozenset(role for role in MemberRole if bits >> role & 1)
