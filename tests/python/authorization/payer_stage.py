"""A suite with an insurer and a token, and the insurer's contracts on it, for tests of their deployment."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from careledger.authorization.deployment import PayerParameters, publications
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment import Deployer, Deployment
from careledger.chain.deployment.deployer import Progress
from careledger.chain.development import development_signer
from careledger.chain.signers import Signer
from identity.suite import Suite, deploy_suite

__all__ = ["PayerStage", "contracts_of", "deploy_token", "payer_stage"]

TOKEN = bytes.fromhex("6460206000f36000526005601bf3")
"""Creates a contract that answers every call with a zero word: all that a deployment asks a token."""


@dataclass(frozen=True)
class PayerStage:
    """The operator deploys, and is the admin of the insurer's manager; the suite's controller is the insurer's."""

    suite: Suite
    parameters: PayerParameters
    operator: Signer = field(default_factory=lambda: development_signer(7))

    @property
    def connection(self) -> Connection:
        return self.suite.connection

    def deployer(
        self,
        folder: Path | None = None,
        report: Callable[[Progress], None] = lambda _: None,
        signer: Signer | None = None,
        **changes: Any,
    ) -> Deployer:
        plan = dataclasses.replace(self.parameters, **changes).plan()
        return Deployer(self.connection, signer or self.operator, plan, folder, report=report)

    def deploy(self, folder: Path | None = None, **changes: Any) -> Deployment:
        return self.deployer(folder, **changes).run()

    def publish(self, deployment: Deployment) -> None:
        acts = publications(self.connection, deployment).values()
        self.deployer().carry_out(acts, self.suite.controller)


def payer_stage(connection: Connection, **changes: Any) -> PayerStage:
    """A fresh suite, an insurer of its own, and a token."""
    suite = deploy_suite(connection, **changes)
    addresses = suite.ledger.deployment.addresses
    operator, director, treasurer = (development_signer(index) for index in (7, 5, 6))
    parameters = PayerParameters(
        insurer=suite.admit(),
        token=deploy_token(connection),
        registry=addresses["OrganizationRegistry"],
        anchors=addresses["DocumentAnchor"],
        admin=operator.address,
        policy_administrator=suite.policy_administrator.address,
        guardian=suite.guardian.address,
        medical_director=director.address,
        treasurer=treasurer.address,
        rule_delay_seconds=60,
        admin_delay_seconds=0,
    )
    return PayerStage(suite, parameters)


def deploy_token(connection: Connection) -> str:
    address = connection.send(development_signer(9), None, TOKEN).contract_address
    assert address is not None
    return address


def contracts_of(connection: Connection, deployment: Deployment) -> dict[str, Contract]:
    return {name: Contract(connection, entry.artifact, entry.address) for name, entry in deployment.contracts.items()}
