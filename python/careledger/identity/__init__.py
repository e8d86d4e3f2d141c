"""Organizations, their keys, and who governs them."""

from careledger.identity.governance import Governance, Operation, RoleMember
from careledger.identity.identifiers import Identifier, organization_id
from careledger.identity.organizations import Organizations
from careledger.identity.types import (
    Admission,
    KeyAtTime,
    KeyRecord,
    KeyStatus,
    MemberRole,
    Membership,
    Organization,
    Reason,
    Recovery,
    Standing,
)

__all__ = [
    "Admission",
    "Governance",
    "Identifier",
    "KeyAtTime",
    "KeyRecord",
    "KeyStatus",
    "MemberRole",
    "Membership",
    "Operation",
    "Organization",
    "Organizations",
    "Reason",
    "Recovery",
    "RoleMember",
    "Standing",
    "organization_id",
]
