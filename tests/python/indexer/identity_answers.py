"""What the index answers to the questions that `identity_acts` asks the contracts."""

from __future__ import annotations

from typing import Any

from careledger.chain.indexer.reader import View
from careledger.identity.governance import OperationState
from careledger.identity.governance_index import Delay, GovernanceIndex
from careledger.identity.identifiers import Identifier
from careledger.identity.index import OrganizationIndex
from careledger.identity.types import ZERO_ADDRESS, ZERO_HASH, Membership, to_bits
from indexer.stand import Question

ZERO_ID = "0x" + 24 * "0"
PENDING = {OperationState.WAITING, OperationState.READY}


class IndexAnswers:
    """Each method is named for the contracts' function, and answers as that does."""

    def __init__(self, view: View, time: int) -> None:
        """`time` is the block's: the index does not keep the times of all."""
        self.organizations = OrganizationIndex(view, time)
        self.governance = GovernanceIndex(view, time=time)
        self.known = {entry.value.name: entry.value for entry in self.organizations.search()}
        self.roles = {entry.value.role: entry.value for entry in self.governance.roles()}
        self.members = {(entry.value.role, entry.value.account): entry.value for entry in self.governance.members()}
        self.targets = {entry.value.address: entry.value for entry in self.governance.targets()}
        self.functions = {
            (entry.value.target, entry.value.selector): entry.value.role for entry in self.governance.functions()
        }
        self.operations: dict[str, Any] = {entry.value.id: entry.value for entry in self.governance.operations()}
        self.halted_contracts = {entry.value.contract for entry in self.governance.halts(halted=True)}

    def to(self, question: Question) -> Any:
        function, *given = question
        return getattr(self, function)(*given)

    # ------------------------------------------------------------------ the registry's

    def membershipOf(self, name: str) -> dict[str, Any]:
        return _membership(self.organizations.membership(name))

    def membershipAt(self, name: str, time: int) -> dict[str, Any]:
        return _membership(self.organizations.membership_at(name, time))

    def controllerOf(self, name: str) -> str:
        return self.known[name].controller if name in self.known else ZERO_ADDRESS

    def pendingControllerOf(self, name: str) -> str:
        return (self.known[name].pending_controller if name in self.known else None) or ZERO_ADDRESS

    def metadataCommitmentOf(self, name: str) -> str:
        return self.known[name].metadata_commitment if name in self.known else ZERO_HASH

    def recoveryOf(self, name: str) -> dict[str, Any]:
        recovery = self.known[name].recovery if name in self.known else None
        if recovery is None:
            return {"new_controller": ZERO_ADDRESS, "ready_at": 0, "contested": False}
        return vars(recovery)

    def isActive(self, name: str, role: Any) -> bool:
        return self.organizations.is_active(name, role)

    def contractOf(self, name: str, kind: str) -> str:
        return self.organizations.contract_of(name, kind) or ZERO_ADDRESS

    def organizationByIdentifier(self, scheme: str, value: str) -> str:
        return self.organizations.by_identifier(Identifier(scheme, value)) or ZERO_ID

    def keyOf(self, key: str) -> dict[str, Any]:
        entry = self.organizations.key(key)
        names = ("organization", "added_at", "retired_at", "compromised_since", "reported_at")
        return {name: getattr(entry.value, name) if entry else (ZERO_ID if name == names[0] else 0) for name in names}

    def organizationOf(self, key: str) -> tuple[str, int]:
        organization, status = self.organizations.of_key(key)
        return organization or ZERO_ID, int(status)

    def organizationAt(self, key: str, time: int) -> dict[str, Any]:
        return vars(self.organizations.at(key, time))

    # ------------------------------------------------------------------ the manager's

    def getRoleAdmin(self, role: int) -> int:
        return self.roles[role].admin if role in self.roles else 0

    def getRoleGuardian(self, role: int) -> int:
        return self.roles[role].guardian if role in self.roles else 0

    def getRoleGrantDelay(self, role: int) -> int:
        return self.roles[role].grant_delay.seconds if role in self.roles else 0

    def getAccess(self, role: int, account: str) -> tuple[int, int, int, int]:
        member = self.members.get((role, account))
        if member is None:
            return 0, 0, 0, 0
        delay = member.delay
        return member.member_from, delay.seconds, delay.next_seconds or 0, delay.next_from or 0

    def hasRole(self, role: int, account: str) -> tuple[bool, int]:
        member = self.members.get((role, account))
        return (False, 0) if member is None else (member.holds, member.delay.seconds)

    def isTargetClosed(self, target: str) -> bool:
        return target in self.targets and self.targets[target].closed

    def getTargetAdminDelay(self, target: str) -> int:
        return (self.targets[target].admin_delay if target in self.targets else Delay(0)).seconds

    def getTargetFunctionRole(self, target: str, selector: str) -> int:
        return self.functions.get((target, selector), 0)

    def getSchedule(self, operation_id: str) -> int:
        operation = self.operations.get(operation_id)
        return operation.ready_at if operation is not None and operation.state in PENDING else 0

    def getNonce(self, operation_id: str) -> int:
        return self.operations[operation_id].nonce if operation_id in self.operations else 0

    # ------------------------------------------------------------------ of contracts under it

    def authority(self, contract: str) -> str | None:
        return self.targets[contract].authority

    def halted(self, contract: str) -> bool:
        return contract in self.halted_contracts

    def isOpenToNewWork(self, contract: str) -> bool:
        return self.governance.open_to_new_work().get(contract, True)

    def writer(self, contract: str) -> str:
        return self.governance.writers().get(contract) or ZERO_ADDRESS


def _membership(membership: Membership) -> dict[str, Any]:
    return {**vars(membership), "member_roles": to_bits(membership.member_roles), "standing": int(membership.standing)}
