"""The one object a user of the client needs."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from careledger.anchoring import Documents
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment import Deployer, Deployment, Parameters, suite_plan
from careledger.chain.deployment.plan import MANAGER
from careledger.chain.deployment.suite import ANCHOR, REGISTRY
from careledger.chain.deployment.verify import require_code
from careledger.chain.development import Node, development_signer, embedded_connection
from careledger.chain.signers import Signer
from careledger.identity import Governance, Organizations

if TYPE_CHECKING:
    from careledger.authorization.payer import Payer
    from careledger.serialization.supply import SupplyChain

__all__ = ["CareLedger", "deployments_folder"]

LOCAL_RULE_DELAY_SECONDS = 2
LOCAL_RECOVERY_DELAY_SECONDS = 2


class CareLedger:
    """A deployed suite on one chain, acting with one signer or, without one, only reading.

    Attributes: `organizations`, `governance`, `documents`, `connection`, `deployment`. A context manager; leaving it
    stops a node that `local` started.
    """

    def __init__(
        self, connection: Connection, deployment: Deployment, signer: Signer | None = None, node: Node | None = None
    ) -> None:
        """Raises DeploymentChanged if the deployment is of an earlier version or not finished."""
        deployment.require_contracts()
        self.connection = connection
        self.deployment = deployment
        self.signer = signer
        self._node = node
        contracts = {
            name: Contract(connection, entry.artifact, entry.address) for name, entry in deployment.contracts.items()
        }
        first_block = deployment.first_block
        self.organizations = Organizations(contracts[REGISTRY], first_block, signer)
        self.governance = Governance(contracts[MANAGER], contracts, first_block, signer)
        self.documents = Documents(contracts[ANCHOR], self.organizations, first_block, signer)

    @classmethod
    def local(cls, block_time_seconds: int | None = None) -> CareLedger:
        """Starts an Anvil and deploys the suite; development account 0 is the signer and holds every role.

        Raises MissingPrerequisite if there is no Anvil; `embedded` needs none.
        """
        node = Node(block_time_seconds=block_time_seconds)
        try:
            return cls._on_fresh_chain(node.connect(), node)
        except BaseException:
            node.stop()
            raise

    @classmethod
    def embedded(cls) -> CareLedger:
        """The same on an EVM inside this process."""
        return cls._on_fresh_chain(embedded_connection(), None)

    @classmethod
    def connect(
        cls,
        url: str,
        signer: Signer | None = None,
        deployments: Path | None = None,
        expected_chain_id: int | None = None,
    ) -> CareLedger:
        """Connects to a deployed suite by the node's URL and the chain's manifest (`deployments`, by default the folder
        named by CARELEDGER_DEPLOYMENTS, else `deployments/` here).

        Raises NodeUnreachable, WrongChain, DeploymentMissing; DeploymentChanged if the node serves another chain than
        the manifest's under the same id, or if the deployment is not finished; NotAContract or BytecodeMismatch if the
        contracts are not of this version.
        """
        connection = Connection.open(url, expected_chain_id)
        deployment = Deployment.load(deployments or deployments_folder(), connection.chain_id)
        require_code(connection, deployment)
        return cls(connection, deployment, signer)

    def acting_as(self, signer: Signer | None) -> CareLedger:
        """The same suite with another signer."""
        return CareLedger(self.connection, self.deployment, signer)

    def payer(self, name: str) -> Payer:
        """An insurer's contracts, by its name or id: where it published them, their code checked against the wheel's.

        Raises UnknownOrganization, ContractUnpublished, NotAContract, BytecodeMismatch, and DeploymentChanged if they
        are another insurer's or do not belong together.
        """
        from careledger.authorization.payer import find_payer

        suite = self.deployment
        anchors = suite.addresses[ANCHOR]
        return find_payer(self.connection, self.organizations, name, suite.first_block, self.signer, anchors)

    def supply(self, operator: str) -> SupplyChain:
        """A supply chain's contracts, by the name or id of their operator: where it published them, their code checked
        against the wheel's.

        Raises UnknownOrganization, ContractUnpublished, NotAContract, BytecodeMismatch, and DeploymentChanged if they
        do not belong together.
        """
        from careledger.serialization.supply import find_supply

        return find_supply(self.connection, self.organizations, operator, self.deployment.first_block, self.signer)

    def close(self) -> None:
        """Stops the node, if this object started one."""
        if self._node is not None:
            self._node.stop()

    def __enter__(self) -> CareLedger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @classmethod
    def _on_fresh_chain(cls, connection: Connection, node: Node | None) -> CareLedger:
        signer = development_signer(0)
        parameters = Parameters(
            admin=signer.address,
            registrar=signer.address,
            policy_administrator=signer.address,
            guardian=signer.address,
            rule_delay_seconds=LOCAL_RULE_DELAY_SECONDS,
            admin_delay_seconds=0,
            recovery_delay_seconds=LOCAL_RECOVERY_DELAY_SECONDS,
        )
        return cls(connection, Deployer(connection, signer, suite_plan(parameters)).run(), signer, node)


def deployments_folder() -> Path:
    """Where manifests are: CARELEDGER_DEPLOYMENTS, else `deployments/` in the current folder."""
    return Path(os.environ.get("CARELEDGER_DEPLOYMENTS", "deployments"))
