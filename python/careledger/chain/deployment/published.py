"""What plans of contracts that an organization publishes in the suite's registry have in common."""

from __future__ import annotations

from collections.abc import Iterable

from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment.manifest import Deployment
from careledger.chain.deployment.plan import Act, Requirement, Setting, call
from careledger.chain.deployment.suite import REGISTRY
from careledger.errors import DeploymentChanged
from careledger.identity.identifiers import organization_id, to_padded

__all__ = ["of_this_version", "open_to_new_work", "publications", "require_told"]


def publications(
    connection: Connection, deployment: Deployment, registry: str, organization: str, kinds: Iterable[str]
) -> dict[str, Act]:
    """What of a deployment the organization's controller has yet to publish in the registry, by kind."""
    contract = Contract(connection, REGISTRY, registry)
    publisher = organization_id(organization)
    controller = contract.read("controllerOf", publisher)

    def publication(kind: str) -> Act:
        address = deployment.addresses[kind]
        return Act(
            f"publish {kind}",
            controller,
            contract.address,
            contract.encode("publishContract", publisher, to_padded(kind), address),
            lambda _: bool(contract.read("contractOf", publisher, to_padded(kind)) == address),
        )

    acts = {kind: publication(kind) for kind in kinds}
    return {kind: act for kind, act in acts.items() if not act.is_done(connection)}


def open_to_new_work(name: str, address: str) -> Setting:
    """The call that opens a contract, which is deployed closed."""
    return call(f"{name}: open to new work", name, address, "openToNewWork", (), "isOpenToNewWork", True)


def of_this_version(name: str, address: str) -> Requirement:
    """That a contract of the suite's stands at an address with this version's code."""

    def find(connection: Connection) -> tuple[bool, str]:
        code = connection.code(address)
        matches = artifact(name).matches(code)
        return matches, "this version's code" if matches else "other code" if code else "no code"

    return Requirement(f"{name} at {address}", "this version's code", find)


def require_told(contract: Contract, subject: str, expected: str, told: str) -> None:
    """Raises DeploymentChanged if a contract that was found tells something else than it should."""
    if told != expected:
        raise DeploymentChanged(f"{contract.name} at {contract.address}: {subject}", expected, told)
