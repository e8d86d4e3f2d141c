"""Contracts that an organization deploys by their plan and publishes in the registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from careledger.chain.connection import Connection
from careledger.chain.deployment import Deployer, Deployment, PlanParameters
from careledger.chain.deployment.deployer import require_chain_named
from careledger.chain.deployment.plan import Act
from careledger.chain.deployment.verify import require_code
from careledger.chain.signers import Signer
from careledger.cli.deploy import (
    AllowPlainKeyAdmin,
    choose_parameters,
    record_roles_on_chain,
    render_deployment,
    report_progress,
    verify_deployment,
)
from careledger.cli.output import Json, show, table
from careledger.cli.session import ChainId, Deployments, Rpc, SignerUri, connect, open_signer
from careledger.identity.identifiers import check_name

__all__ = [
    "AdminDelay",
    "AdminSigner",
    "Check",
    "ControllerSigner",
    "PublicChainId",
    "Publisher",
    "RecordRoles",
    "RuleDelay",
    "Session",
]

AdminSigner = Annotated[str, typer.Option(help="The admin's signer, if it is not the deployer.")]
ControllerSigner = Annotated[
    str, typer.Option(help="The organization's controller's signer, to publish the contracts, if not the deployer.")
]
RuleDelay = Annotated[int | None, typer.Option(help="Seconds that a change of rules waits: 2 days.")]
AdminDelay = Annotated[int | None, typer.Option(help="Seconds that an act of the admin waits: 2 days.")]
Check = Annotated[bool, typer.Option("--verify", help="Send nothing; check the chain against the manifest.")]
RecordRoles = Annotated[
    bool, typer.Option("--record-roles", help="Send nothing; put who holds the roles now into the manifest.")
]
PublicChainId = Annotated[
    int | None, typer.Option(help="Outside a local chain, its id, if everyone may learn what its readers see.")
]


@dataclass(frozen=True)
class Session:
    """What the settings name."""

    rpc: Rpc
    signer: SignerUri
    deployments: Deployments
    chain_id: ChainId
    as_json: Json

    def connect(self) -> Connection:
        return connect(self.rpc, self.chain_id)


@dataclass(frozen=True)
class Publisher:
    """A kind of such contracts. `group` is the command's, `whose` what the organization is called; `suffix` follows its
    name in the manifest's; `kinds` are those that are published, `shows` is what readers of the chain learn."""

    group: str
    whose: str
    suffix: str
    parameters: type[PlanParameters]
    kinds: Sequence[str]
    shows: str
    publications: Callable[[Connection, Deployment], dict[str, Act]]

    def deployment(self, folder: Path, connection: Connection, name: str) -> Deployment:
        """The manifest. Raises InvalidInput for what is no name, and what `Deployment.load` raises."""
        return Deployment.load(folder, connection.chain_id, self.parameters, check_name(name) + self.suffix)

    def deploy(
        self,
        name: str,
        session: Session,
        told: Callable[[Deployment], dict[str, Any]],
        *,
        admin_signer: str,
        controller_signer: str,
        allow_plain_key_admin: AllowPlainKeyAdmin,
        public_chain_id: int | None,
        check: bool,
        record_roles: bool,
    ) -> None:
        """Deploys, or only checks or records. `told` gives the parameters that were said, of the suite's manifest."""
        manifest = check_name(name) + self.suffix
        connection = session.connect()
        if record_roles:
            record_roles_on_chain(self.parameters, manifest, connection, session.deployments, session.as_json)
            return
        if check:
            deployment = self.deployment(session.deployments, connection, name)
            verify_deployment(connection, deployment, allow_plain_key_admin, session.as_json)
            return
        require_chain_named(connection, self.shows, public_chain_id)
        suite = Deployment.load(session.deployments, connection.chain_id)
        require_code(connection, suite)
        signer = open_signer(session.signer)
        parameters = choose_parameters(
            self.parameters, manifest, connection, session.deployments, signer.address, told(suite)
        )
        deployer = Deployer(
            connection,
            signer,
            parameters.plan(),
            session.deployments,
            admin_signer=open_signer(admin_signer) if admin_signer else None,
            allow_plain_key_admin=allow_plain_key_admin,
            public_chain_id=public_chain_id,
            report=report_progress,
        )
        deployment = deployer.run()
        safe_file = deployer.leave_settings(deployment)
        controller = open_signer(controller_signer) if controller_signer else None
        left = self._publish_ready(connection, deployment, deployer, controller, signer)
        unpublished = {kind: deployment.addresses[kind] for kind in left}
        body = {"deployment": deployment, "admin_transaction": safe_file, "unpublished": unpublished}

        def render(console: Console) -> None:
            render_deployment(console, deployment, safe_file)
            self._render_unpublished(console, name, left)

        show(body, session.as_json, render)

    def publish(self, name: str, session: Session) -> None:
        """Publishes all that is not published yet, as the organization's controller."""
        connection = session.connect()
        deployment = self.deployment(session.deployments, connection, name)
        require_code(connection, deployment)
        controller = open_signer(session.signer)
        plan = deployment.parameters.plan()
        deployer = Deployer(connection, controller, plan, session.deployments, report=report_progress)
        acts = self.publications(connection, deployment)
        deployer.carry_out(acts.values(), controller)
        published = {kind: deployment.addresses[kind] for kind in self.kinds}
        show(
            {"published": published, "sent": len(acts)},
            session.as_json,
            lambda console: console.print(table(f"Published by {name}", ("contract", "address"), published.items())),
        )

    def _publish_ready(
        self,
        connection: Connection,
        deployment: Deployment,
        deployer: Deployer,
        controller: Signer | None,
        signer: Signer,
    ) -> dict[str, Act]:
        """Publishes what is ready, if there is a signer for that; returns what is left."""
        acts = self.publications(connection, deployment)
        if controller is None and any(act.account == signer.address for act in acts.values()):
            controller = signer
        if controller is None or not deployment.configured:
            return acts
        deployer.carry_out(acts.values(), controller)
        return {}

    def _render_unpublished(self, console: Console, name: str, acts: dict[str, Act]) -> None:
        for controller in {act.account for act in acts.values()}:
            console.print(
                f"Nobody finds them yet: the {self.whose}'s controller {controller} has yet to publish "
                f"{', '.join(acts)}, by `careledger {self.group} publish {name}`, or each by "
                "`careledger org publish-contract`.",
                markup=False,
                soft_wrap=True,
            )
