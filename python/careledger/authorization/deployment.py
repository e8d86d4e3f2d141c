"""The plan of an insurer's contracts: which, in which order, who rules them, and how they know each other.

An insurer has an `AccessManager` of its own. The suite's registry and anchor are only named: what rules them does not
rule here. The deployer and `verify` are those of `careledger.chain.deployment`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from eth_utils.crypto import keccak

from careledger.chain.artifacts import SELECTOR_BYTES, artifact
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
    answered,
    built_in,
    call,
)
from careledger.chain.deployment.published import of_this_version, open_to_new_work
from careledger.chain.deployment.suite import ANCHOR, REGISTRY
from careledger.errors import ContractError, InvalidInput
from careledger.identity import MemberRole, Organizations
from careledger.identity.identifiers import check_name, organization_id

__all__ = [
    "DESK",
    "GUARDIAN",
    "INTAKE",
    "MEDICAL_DIRECTOR",
    "PANEL",
    "POLICY",
    "POLICY_ADMINISTRATOR",
    "PRIOR_AUTHORIZATION",
    "PUBLISHED",
    "SETTLEMENT",
    "SHOWS",
    "TREASURER",
    "UNITS",
    "VAULT",
    "PayerParameters",
    "payer_deployment",
    "payer_facts",
    "payer_plan",
    "publications",
]

POLICY = "CoveragePolicy"
UNITS = "UnitLedger"
PANEL = "ReviewPanel"
INTAKE = "AuthorizationIntake"
DESK = "AuthorizationDesk"
PRIOR_AUTHORIZATION = "PriorAuthorization"
VAULT = "InsurerVault"
SETTLEMENT = "ClaimSettlement"

PUBLISHED = (POLICY, UNITS, PANEL, PRIOR_AUTHORIZATION, VAULT, SETTLEMENT)
"""The kinds that the insurer publishes in the registry: what others call. Intake and desk are parts of one of them, and
each names its manager."""

POLICY_ADMINISTRATOR = 2
GUARDIAN = 3
MEDICAL_DIRECTOR = 4
TREASURER = 5
"""Role ids, as in contracts/authorization/PayerRoles.sol."""

SHOWS = "the benefit class, amount and time of every request and claim, per member key"
"""What everyone learns who reads the chain."""

INSURED = (POLICY, PANEL, PRIOR_AUTHORIZATION, VAULT, SETTLEMENT)
"""Those that say whose they are; the ledger of units is whoever's contract writes it."""

BUILT_IN = {
    POLICY: ("registry",),
    PANEL: ("registry",),
    INTAKE: ("registry", "anchors", "policy", "units"),
    DESK: ("registry", "anchors", "policy", "units", "panel"),
    PRIOR_AUTHORIZATION: ("policy", "units", "intake", "desk"),
    VAULT: ("registry",),
    SETTLEMENT: ("registry", "anchors", "policy", "authorizations", "vault", "panel"),
}
"""The immutables by which contracts know others, as far as their code reads them; without the `_` of their names."""

WORD_BYTES = 32

WORK = {POLICY_ADMINISTRATOR: ("resume", "openToNewWork", "closeToNewWork"), GUARDIAN: ("halt",)}


@dataclass(frozen=True)
class PayerParameters(PlanParameters):
    """What the deployment of an insurer's contracts is told. `insurer` is its name in the registry; addresses are
    checksummed text, delays in seconds. The medical director and the treasurer act at once; what the treasurer
    withdraws waits in the vault."""

    COMMAND: ClassVar[str] = "careledger payer deploy"
    ACCOUNTS: ClassVar[tuple[str, ...]] = (
        "admin",
        "policy_administrator",
        "guardian",
        "medical_director",
        "treasurer",
    )

    insurer: str
    token: str
    registry: str
    anchors: str
    admin: str
    policy_administrator: str
    guardian: str
    medical_director: str
    treasurer: str
    rule_delay_seconds: int = 2 * 24 * 3600
    admin_delay_seconds: int = 2 * 24 * 3600

    def __post_init__(self) -> None:
        """Raises InvalidInput for what is no name or no checksummed address, and for a delay out of its bounds."""
        check_name(self.insurer)
        if self.insurer == "admin" or self.insurer.endswith(".admin"):
            raise InvalidInput(
                "insurer", self.insurer, "would have its manifest taken for a file for the admin's wallet"
            )
        self.require_accounts("token", "registry", "anchors", *self.ACCOUNTS)
        self.require_delays()

    @property
    def name(self) -> str:
        return self.insurer

    def plan(self) -> Plan:
        return payer_plan(self)


def payer_plan(parameters: PayerParameters) -> Plan:
    """An insurer's contracts: its manager, the ledgers that stay, and the logic above them, which may be replaced."""
    insurer = organization_id(parameters.insurer)
    manager, policy, units, panel = (Reference(name) for name in (MANAGER, POLICY, UNITS, PANEL))
    foundations = (parameters.registry, parameters.anchors, policy, units, panel)

    def wiring(addresses: dict[str, str]) -> list[Setting]:
        authorizations, settlement = addresses[PRIOR_AUTHORIZATION], addresses[SETTLEMENT]
        return [
            _written_by(UNITS, addresses[UNITS], PRIOR_AUTHORIZATION, authorizations),
            _written_by(VAULT, addresses[VAULT], SETTLEMENT, settlement),
            call(
                f"{PRIOR_AUTHORIZATION}: settled by {SETTLEMENT}",
                PRIOR_AUTHORIZATION,
                authorizations,
                "setSettlement",
                (settlement,),
                "settlement",
                settlement,
            ),
            open_to_new_work(PRIOR_AUTHORIZATION, authorizations),
            open_to_new_work(SETTLEMENT, settlement),
        ]

    return Plan(
        parameters=parameters,
        contracts=(
            ContractStep(MANAGER, MANAGER, (parameters.admin,)),
            ContractStep(POLICY, POLICY, (manager, parameters.registry, insurer)),
            ContractStep(UNITS, UNITS, (manager,)),
            ContractStep(PANEL, PANEL, (manager, parameters.registry, insurer)),
            ContractStep(INTAKE, INTAKE, (manager, foundations)),
            ContractStep(DESK, DESK, (manager, foundations)),
            ContractStep(
                PRIOR_AUTHORIZATION,
                PRIOR_AUTHORIZATION,
                (manager, foundations, Reference(INTAKE), Reference(DESK)),
            ),
            ContractStep(VAULT, VAULT, (manager, parameters.registry, insurer, parameters.token)),
            ContractStep(
                SETTLEMENT,
                SETTLEMENT,
                (manager, parameters.anchors, policy, Reference(PRIOR_AUTHORIZATION), Reference(VAULT), panel),
            ),
        ),
        roles=(
            Role(
                POLICY_ADMINISTRATOR,
                "policy administrator",
                "policy_administrator",
                parameters.rule_delay_seconds,
                watched_by=GUARDIAN,
            ),
            Role(GUARDIAN, "guardian", "guardian"),
            Role(MEDICAL_DIRECTOR, "medical director", "medical_director", watched_by=GUARDIAN),
            Role(TREASURER, "treasurer", "treasurer", watched_by=GUARDIAN),
        ),
        functions={
            POLICY: {POLICY_ADMINISTRATOR: ("draftVersion", "addRules", "sealVersion")},
            UNITS: {POLICY_ADMINISTRATOR: ("setWriter",)},
            PANEL: {MEDICAL_DIRECTOR: ("appoint", "dismiss")},
            # Parts, whose own state nobody uses: they stay closed, and the admin's.
            INTAKE: {},
            DESK: {},
            PRIOR_AUTHORIZATION: {
                POLICY_ADMINISTRATOR: ("setSettlement", *WORK[POLICY_ADMINISTRATOR]),
                GUARDIAN: WORK[GUARDIAN],
            },
            VAULT: {
                POLICY_ADMINISTRATOR: ("setWriter",),
                TREASURER: ("setLimits", "requestWithdrawal", "withdraw"),
            },
            SETTLEMENT: WORK,
        },
        facts=(
            *payer_facts(parameters.insurer, parameters.registry, parameters.anchors),
            Fact(VAULT, "token", answered("token"), parameters.token),
        ),
        requirements=(
            of_this_version(REGISTRY, parameters.registry),
            of_this_version(ANCHOR, parameters.anchors),
            _anchors_of_the_registry(parameters),
            _a_token(parameters.token),
            _a_payer(parameters),
        ),
        wiring=wiring,
        shows=SHOWS,
    )


def payer_facts(insurer: str, registry: str, anchors: str) -> tuple[Fact, ...]:
    """Whose an insurer's contracts are, and how they know each other and the suite: all that their code fixes for ever,
    but the token. `insurer` is a name or id."""
    known = {
        "registry": registry,
        "anchors": anchors,
        "policy": Reference(POLICY),
        "units": Reference(UNITS),
        "panel": Reference(PANEL),
        "intake": Reference(INTAKE),
        "desk": Reference(DESK),
        "authorizations": Reference(PRIOR_AUTHORIZATION),
        "vault": Reference(VAULT),
    }
    return (
        *(Fact(name, "insurer", answered("insurer"), organization_id(insurer)) for name in INSURED),
        *(
            Fact(name, subject, built_in(f"_{subject}"), known[subject])
            for name, subjects in BUILT_IN.items()
            for subject in subjects
        ),
    )


def payer_deployment(folder: Path, chain_id: int, insurer: str) -> Deployment:
    """The manifest of an insurer's contracts. Raises InvalidInput for what is no name, DeploymentMissing, or
    DeploymentChanged for a damaged file."""
    return Deployment.load(folder, chain_id, PayerParameters, check_name(insurer))


def publications(connection: Connection, deployment: Deployment) -> dict[str, Act]:
    """What of an insurer's contracts its controller has yet to publish in the registry, by kind."""
    parameters = deployment.parameters
    if not isinstance(parameters, PayerParameters):
        raise InvalidInput("deployment", deployment.parameters.name, "is not of an insurer's contracts")
    return published.publications(connection, deployment, parameters.registry, parameters.insurer, PUBLISHED)


# ---------------------------------------------------------------------- wiring


def _written_by(ledger: str, address: str, writer: str, writer_address: str) -> Setting:
    subject = f"{ledger}: written by {writer}"
    return call(subject, ledger, address, "setWriter", (writer_address,), "writer", writer_address)


# ---------------------------------------------------------------------- what must stand already


def _anchors_of_the_registry(parameters: PayerParameters) -> Requirement:
    def find(connection: Connection) -> tuple[bool, str]:
        if not artifact(ANCHOR).matches(connection.code(parameters.anchors)):
            return False, "could not be asked"
        asked = Contract(connection, ANCHOR, parameters.anchors).read("registry")
        return asked == parameters.registry, asked

    return Requirement(f"{ANCHOR} at {parameters.anchors}: registry", parameters.registry, find)


def _a_token(address: str) -> Requirement:
    """That the address answers as a token does. Which token it is, is the insurer's to know."""

    def find(connection: Connection) -> tuple[bool, str]:
        try:
            answer = connection.call(address, keccak(text="totalSupply()")[:SELECTOR_BYTES])
        except ContractError:
            answer = b""
        if len(answer) != WORD_BYTES:
            return False, "no token" if connection.code(address) else "no code"
        return True, f"a token, of which there are {int.from_bytes(answer, 'big')}"

    return Requirement(f"token at {address}", "an ERC-20 token", find)


def _a_payer(parameters: PayerParameters) -> Requirement:
    """That the insurer was admitted as one. Whether it may act now is for the registry to say, at any time."""

    def find(connection: Connection) -> tuple[bool, str]:
        if not artifact(REGISTRY).matches(connection.code(parameters.registry)):
            return False, "could not be asked"
        organizations = Organizations(Contract(connection, REGISTRY, parameters.registry), 0, None)
        membership = organizations.membership(parameters.insurer)
        roles = ", ".join(sorted(role.name.lower() for role in membership.member_roles))
        found = f"{membership.standing.name.lower()}, {roles or 'without a role'}"
        return MemberRole.PAYER in membership.member_roles, found

    return Requirement(f"{parameters.insurer} in the registry", "a payer", find)
