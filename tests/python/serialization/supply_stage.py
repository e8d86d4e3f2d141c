"""A suite with a supply chain's contracts, and organizations that trade, for tests of the client."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from careledger.chain.connection import Connection
from careledger.chain.deployment import Deployer, Deployment
from careledger.chain.deployment.deployer import Progress
from careledger.chain.development import development_signer
from careledger.chain.signers import Signer
from careledger.identity import MemberRole
from careledger.serialization.deployment import SupplyParameters, publications
from careledger.serialization.supply import SupplyChain
from identity.suite import Suite, deploy_suite

__all__ = ["SupplyStage", "Trader", "supply_stage"]


@dataclass(frozen=True)
class Trader:
    """An organization with one key, which has coins."""

    name: str
    id: str
    key: Signer


@dataclass(frozen=True)
class SupplyStage:
    """The deployer is the admin of the supply chain's manager; the suite's controller is its operator's."""

    suite: Suite
    parameters: SupplyParameters
    deployer_signer: Signer = field(default_factory=lambda: development_signer(7))

    @property
    def connection(self) -> Connection:
        return self.suite.connection

    @property
    def operator(self) -> str:
        return self.parameters.operator

    def deployer(
        self, folder: Path | None = None, report: Callable[[Progress], None] = lambda _: None, **changes: Any
    ) -> Deployer:
        plan = dataclasses.replace(self.parameters, **changes).plan()
        return Deployer(self.connection, self.deployer_signer, plan, folder, report=report)

    def deploy(self, folder: Path | None = None, **changes: Any) -> Deployment:
        return self.deployer(folder, **changes).run()

    def publish(self, deployment: Deployment) -> None:
        acts = publications(self.connection, deployment).values()
        self.deployer().carry_out(acts, self.suite.controller)

    def as_(self, signer: Signer | None) -> SupplyChain:
        """The supply chain's contracts with a signer."""
        return self.suite.ledger.acting_as(signer).supply(self.operator)

    def trader(self, *roles: MemberRole) -> Trader:
        """A new organization with these roles."""
        name = self.suite.admit(member_roles=frozenset(roles))
        key = self.suite.fund(self.suite.add_key(name))
        return Trader(name, self.suite.organizations().known(name), key)


def supply_stage(connection: Connection, **changes: Any) -> SupplyStage:
    """A fresh suite, and an operator."""
    suite = deploy_suite(connection, **changes)
    deployer = development_signer(7)
    parameters = SupplyParameters(
        operator=suite.admit(member_roles=frozenset({MemberRole.REGULATOR})),
        registry=suite.ledger.deployment.addresses["OrganizationRegistry"],
        admin=deployer.address,
        registrar=suite.registrar.address,
        policy_administrator=suite.policy_administrator.address,
        guardian=suite.guardian.address,
        rule_delay_seconds=1,
        admin_delay_seconds=0,
    )
    return SupplyStage(suite, parameters)
