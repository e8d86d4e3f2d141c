"""The plan of a supply chain's contracts: which, in which order, who rules them, and how they know each other.

An operator, say a consortium or an agency, deploys them for all and publishes them in the suite's registry. They have
an `AccessManager` of their own: what rules the suite does not rule here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment import published
from careledger.chain.deployment.manifest import Deployment
from careledger.chain.deployment.plan import (
    MANAGER,
    Act,
    ContractStep,
    Fact,
    Plan,
    PlanParameters,
    Reference,
    Requirement,
    Role,
    Setting,
    built_in,
    call,
)
from careledger.chain.deployment.published import of_this_version, open_to_new_work
from careledger.chain.deployment.suite import GUARDIAN, POLICY_ADMINISTRATOR, REGISTRAR, REGISTRY
from careledger.errors import InvalidInput, UnknownOrganization
from careledger.identity import Organizations
from careledger.identity.identifiers import check_name

__all__ = [
    "COLD_CHAIN",
    "CUSTODY",
    "ESCROW",
    "LOTS",
    "PUBLISHED",
    "SERVICES",
    "SHOWS",
    "WIRED",
    "SupplyParameters",
    "publications",
    "supply_deployment",
    "supply_facts",
    "supply_plan",
]

CUSTODY = "Custody"
LOTS = "LotRegistry"
ESCROW = "PurchaseEscrow"
COLD_CHAIN = "ColdChain"
SERVICES = "ServiceHistory"

PUBLISHED = (CUSTODY, LOTS, ESCROW, COLD_CHAIN, SERVICES)
"""The kinds that the operator publishes in the registry: all of them."""

SHOWS = "who ships to whom and when, how many packs a maker packs into which container, and what is dispensed when"
"""What everyone learns who reads the chain."""

SUFFIX = ".supply"
"""Of the manifest's name, so that an operator may be an insurer, too."""

BUILT_IN = {
    CUSTODY: ("registry",),
    LOTS: ("registry", "custody"),
    ESCROW: ("registry", "custody"),
    COLD_CHAIN: ("registry", "lots", "custody"),
    SERVICES: ("registry", "lots", "custody"),
}
"""The immutables by which contracts know others; without the `_` of their names."""

WIRED = (("setLots", "lots", LOTS), ("setEscrow", "escrow", ESCROW), ("setColdChain", "coldChain", COLD_CHAIN))
"""How the custody, which is deployed first, is told of the others: the call, the view, the contract."""


@dataclass(frozen=True)
class SupplyParameters(PlanParameters):
    """What the deployment of a supply chain's contracts is told. `operator` is a name in the registry; addresses are
    checksummed text, delays in seconds. The registrar says who makes a product."""

    COMMAND: ClassVar[str] = "careledger supply deploy"
    ACCOUNTS: ClassVar[tuple[str, ...]] = ("admin", "registrar", "policy_administrator", "guardian")

    operator: str
    registry: str
    admin: str
    registrar: str
    policy_administrator: str
    guardian: str
    rule_delay_seconds: int = 2 * 24 * 3600
    admin_delay_seconds: int = 2 * 24 * 3600

    def __post_init__(self) -> None:
        """Raises InvalidInput for what is no name or no checksummed address, and for a delay out of its bounds."""
        check_name(self.operator)
        self.require_accounts("registry", *self.ACCOUNTS)
        self.require_delays()

    @property
    def name(self) -> str:
        return self.operator + SUFFIX

    @property
    def command(self) -> str:
        return f"{self.COMMAND} {self.operator}"

    def plan(self) -> Plan:
        return supply_plan(self)


def supply_plan(parameters: SupplyParameters) -> Plan:
    """A supply chain's contracts: its manager, custody, the register of lots, and what stands on these two."""
    manager, custody, lots = (Reference(name) for name in (MANAGER, CUSTODY, LOTS))
    registry = parameters.registry

    def wiring(addresses: dict[str, str]) -> list[Setting]:
        known = [
            call(
                f"{CUSTODY}: {view} is {name}",
                CUSTODY,
                addresses[CUSTODY],
                function,
                (addresses[name],),
                view,
                addresses[name],
            )
            for function, view, name in WIRED
        ]
        return [*known, open_to_new_work(LOTS, addresses[LOTS])]

    return Plan(
        parameters=parameters,
        contracts=(
            ContractStep(MANAGER, MANAGER, (parameters.admin,)),
            ContractStep(CUSTODY, CUSTODY, (manager, registry)),
            ContractStep(LOTS, LOTS, (manager, registry, custody)),
            ContractStep(ESCROW, ESCROW, (registry, custody)),
            ContractStep(COLD_CHAIN, COLD_CHAIN, (registry, lots, custody)),
            ContractStep(SERVICES, SERVICES, (registry, lots, custody)),
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
            CUSTODY: {
                POLICY_ADMINISTRATOR: ("resume", *(function for function, _, _ in WIRED)),
                GUARDIAN: ("halt",),
            },
            LOTS: {
                REGISTRAR: ("assignProduct",),
                POLICY_ADMINISTRATOR: ("resume", "openToNewWork", "closeToNewWork"),
                GUARDIAN: ("halt",),
            },
        },
        facts=supply_facts(registry),
        requirements=(of_this_version(REGISTRY, registry), _an_organization(parameters)),
        wiring=wiring,
        shows=SHOWS,
    )


def supply_facts(registry: str) -> tuple[Fact, ...]:
    """How a supply chain's contracts know each other and the suite."""
    known = {"registry": registry, "custody": Reference(CUSTODY), "lots": Reference(LOTS)}
    return tuple(
        Fact(name, subject, built_in(f"_{subject}"), known[subject])
        for name, subjects in BUILT_IN.items()
        for subject in subjects
    )


def supply_deployment(folder: Path, chain_id: int, operator: str) -> Deployment:
    """The manifest of a supply chain's contracts. Raises InvalidInput for what is no name, DeploymentMissing, or
    DeploymentChanged for a damaged file."""
    return Deployment.load(folder, chain_id, SupplyParameters, check_name(operator) + SUFFIX)


def publications(connection: Connection, deployment: Deployment) -> dict[str, Act]:
    """What of a supply chain's contracts the operator's controller has yet to publish in the registry, by kind."""
    parameters = deployment.parameters
    if not isinstance(parameters, SupplyParameters):
        raise InvalidInput("deployment", deployment.parameters.name, "is not of a supply chain's contracts")
    return published.publications(connection, deployment, parameters.registry, parameters.operator, PUBLISHED)


def _an_organization(parameters: SupplyParameters) -> Requirement:
    """That the operator was admitted, whatever for."""

    def find(connection: Connection) -> tuple[bool, str]:
        if not artifact(REGISTRY).matches(connection.code(parameters.registry)):
            return False, "could not be asked"
        organizations = Organizations(Contract(connection, REGISTRY, parameters.registry), 0, None)
        try:
            organizations.known(parameters.operator)
        except UnknownOrganization:
            return False, "not admitted"
        return True, "admitted"

    return Requirement(f"{parameters.operator} in the registry", "admitted", find)
