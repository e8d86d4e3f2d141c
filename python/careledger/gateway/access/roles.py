"""What a person may do by the member roles of the organization whose key signed in."""

from __future__ import annotations

from collections.abc import Iterable

from careledger.contract_enums import MemberRole

__all__ = ["VISITOR_SCOPES", "scopes_of"]

_DOCUMENTS = frozenset({"documents.read", "documents.write"})
_HANDLING = frozenset({"units.read", "epcis.capture", "epcis.query", "recalls.read", "reports.read"})
_MAKING = _HANDLING | {"recalls.write"}

SCOPES_BY_ROLE = {
    MemberRole.PAYER: _DOCUMENTS | {"reviews.read", "reviews.write", "claims.read", "reports.read"},
    MemberRole.PROVIDER: _DOCUMENTS
    | {
        "system/Claim.c",
        "system/Claim.r",
        "system/DocumentReference.c",
        "system/Bundle.c",
        "claims.read",
        "units.read",
    },
    MemberRole.LABORATORY: _DOCUMENTS,
    MemberRole.MANUFACTURER: _DOCUMENTS | _MAKING,
    MemberRole.REPACKAGER: _DOCUMENTS | _MAKING,
    MemberRole.WHOLESALER: _DOCUMENTS | _HANDLING,
    MemberRole.CARRIER: _DOCUMENTS | _HANDLING,
    MemberRole.DISPENSER: _DOCUMENTS | _HANDLING,
    MemberRole.REGULATOR: frozenset({"units.read", "epcis.query", "recalls.read", "reports.read"}),
    MemberRole.AUDITOR: frozenset({"units.read", "epcis.query", "recalls.read", "reports.read", "reviews.read"}),
    MemberRole.DEVICE_OPERATOR: frozenset({"units.read", "epcis.capture"}),
}

VISITOR_SCOPES = frozenset({"units.read"})
"""Of what the roles of another organization would give, what its people may do here: ask what the chain shows."""


def scopes_of(roles: Iterable[MemberRole]) -> frozenset[str]:
    """The scopes of an organization's own people, by all its roles."""
    return frozenset[str]().union(*(SCOPES_BY_ROLE[role] for role in roles))
