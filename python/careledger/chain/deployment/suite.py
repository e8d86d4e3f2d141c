"""The suite's plan: its manager, the registry of organizations, and the anchor of documents.

`careledger deploy`, `scripts/deploy.py` and the demo all run it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from careledger.chain.deployment.plan import (
    MANAGER,
    ContractStep,
    Fact,
    Plan,
    PlanParameters,
    Reference,
    Role,
    answered,
)

__all__ = [
    "ANCHOR",
    "GUARDIAN",
    "POLICY_ADMINISTRATOR",
    "REGISTRAR",
    "REGISTRY",
    "Parameters",
    "suite_plan",
]

REGISTRY = "OrganizationRegistry"
ANCHOR = "DocumentAnchor"

REGISTRAR = 1
POLICY_ADMINISTRATOR = 2
GUARDIAN = 3
"""Role ids, as in contracts/identity/Roles.sol."""

REGISTRAR_FUNCTIONS = (
    "admit",
    "admitMany",
    "renew",
    "addMemberRoles",
    "removeMemberRoles",
    "assignIdentifiers",
    "withdrawIdentifier",
    "commitMetadata",
    "suspend",
    "reinstate",
    "reportCompromiseAsRegistrar",
    "startRecovery",
    "cancelRecovery",
)
POLICY_ADMINISTRATOR_FUNCTIONS = ("expel",)
GUARDIAN_FUNCTIONS = ("contestRecoveryAsGuardian",)
"""Of the registry. settleRecovery stays with the admin, as does every function that nothing is said of."""


@dataclass(frozen=True)
class Parameters(PlanParameters):
    """What a deployment of the suite is told. Addresses as checksummed text, delays in seconds."""

    COMMAND: ClassVar[str] = "careledger deploy"
    ACCOUNTS: ClassVar[tuple[str, ...]] = ("admin", "registrar", "policy_administrator", "guardian")
    DELAYS: ClassVar[Mapping[str, tuple[int, int]]] = {
        **PlanParameters.DELAYS,
        "recovery_delay_seconds": (1, 90 * 24 * 3600),
    }

    admin: str
    registrar: str
    policy_administrator: str
    guardian: str
    rule_delay_seconds: int = 2 * 24 * 3600
    admin_delay_seconds: int = 2 * 24 * 3600
    recovery_delay_seconds: int = 7 * 24 * 3600

    def __post_init__(self) -> None:
        """Raises InvalidInput for what is no checksummed address, and for a delay out of its bounds."""
        self.require_accounts(*self.ACCOUNTS)
        self.require_delays()

    @property
    def name(self) -> str:
        return ""

    def plan(self) -> Plan:
        return suite_plan(self)


def suite_plan(parameters: Parameters) -> Plan:
    """The suite: its manager, whose admin is the final account from the constructor on, the registry, the anchor."""
    return Plan(
        parameters=parameters,
        contracts=(
            ContractStep(MANAGER, MANAGER, (parameters.admin,)),
            ContractStep(REGISTRY, REGISTRY, (Reference(MANAGER), parameters.recovery_delay_seconds)),
            ContractStep(ANCHOR, ANCHOR, (Reference(REGISTRY),)),
        ),
        roles=(
            Role(REGISTRAR, "registrar", "registrar", watched_by=GUARDIAN),
            Role(
                POLICY_ADMINISTRATOR,
                "policy administrator",
                "policy_administrator",
                parameters.rule_delay_seconds,
                watched_by=GUARDIAN,
            ),
            Role(GUARDIAN, "guardian", "guardian"),
        ),
        functions={
            REGISTRY: {
                REGISTRAR: REGISTRAR_FUNCTIONS,
                POLICY_ADMINISTRATOR: POLICY_ADMINISTRATOR_FUNCTIONS,
                GUARDIAN: GUARDIAN_FUNCTIONS,
            }
        },
        facts=(
            Fact(REGISTRY, "recovery delay", answered("recoveryDelay"), parameters.recovery_delay_seconds, " s"),
            Fact(ANCHOR, "registry", answered("registry"), Reference(REGISTRY)),
        ),
    )
