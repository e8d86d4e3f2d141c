"""`careledger deploy`: deploy the suite, verify it, and rehearse the replacement of a contract."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from careledger.chain.connection import Connection
from careledger.chain.deployment import Deployer, Deployment, Parameters, PlanParameters, suite_plan, verify
from careledger.chain.deployment.deployer import Progress
from careledger.chain.deployment.manifest import locked
from careledger.chain.deployment.replacement import Step
from careledger.chain.deployment.verify import roles_on_chain
from careledger.chain.development import Node, development_signer
from careledger.chain.signers import Signer
from careledger.chain.values import account_address
from careledger.cli.output import Json, progress_console, show, table
from careledger.cli.session import (
    DEFAULT_DEPLOYMENTS,
    ChainId,
    Deployments,
    Rpc,
    SignerUri,
    connect,
    open_signer,
    progress_line,
)
from careledger.client import CareLedger
from careledger.errors import ConfigurationError, DeploymentMissing, InvalidInput
from careledger.rehearsal import Actors, rehearse

__all__ = ["app"]

FAILED = 9

P = TypeVar("P", bound=PlanParameters)

app = typer.Typer(
    help="Deploy the suite. A second run sends nothing; an interrupted one goes on where it was.",
    invoke_without_command=True,
)

AccountOption = Annotated[str, typer.Option(help="Address. On a local chain, the signer's by default.")]
AllowPlainKeyAdmin = Annotated[
    bool, typer.Option("--allow-plain-key-admin", help="Let an ordinary key rule outside a local chain.")
]


@app.callback()
def deploy(
    context: typer.Context,
    admin: AccountOption = "",
    registrar: AccountOption = "",
    policy_administrator: AccountOption = "",
    guardian: AccountOption = "",
    admin_signer: Annotated[str, typer.Option(help="The admin's signer, if it is not the deployer.")] = "",
    rule_delay: Annotated[int | None, typer.Option(help="Seconds that a change of rules waits: 2 days.")] = None,
    admin_delay: Annotated[int | None, typer.Option(help="Seconds that an act of the admin waits: 2 days.")] = None,
    recovery_delay: Annotated[int | None, typer.Option(help="Seconds that a recovery waits: 7 days.")] = None,
    allow_plain_key_admin: AllowPlainKeyAdmin = False,
    check: Annotated[
        bool, typer.Option("--verify", help="Send nothing; check the chain against the manifest.")
    ] = False,
    record_roles: Annotated[
        bool, typer.Option("--record-roles", help="Send nothing; put who holds the roles now into the manifest.")
    ] = False,
    rpc: Rpc = "",
    signer: SignerUri = "",
    deployments: Deployments = DEFAULT_DEPLOYMENTS,
    chain_id: ChainId = None,
    as_json: Json = False,
) -> None:
    """Deploy the suite. A second run sends nothing; an interrupted one goes on where it was."""
    if context.invoked_subcommand is not None:
        refuse_options_before(context, context.invoked_subcommand)
        return
    connection = connect(rpc, chain_id)
    if record_roles:
        record_roles_on_chain(Parameters, "", connection, deployments, as_json)
        return
    if check:
        deployment = Deployment.load(deployments, connection.chain_id)
        verify_deployment(connection, deployment, allow_plain_key_admin, as_json)
        return
    deployer_signer = open_signer(signer)
    told = {
        "admin": admin,
        "registrar": registrar,
        "policy_administrator": policy_administrator,
        "guardian": guardian,
        "rule_delay_seconds": rule_delay,
        "admin_delay_seconds": admin_delay,
        "recovery_delay_seconds": recovery_delay,
    }
    parameters = choose_parameters(Parameters, "", connection, deployments, deployer_signer.address, told)
    deployer = Deployer(
        connection,
        deployer_signer,
        suite_plan(parameters),
        deployments,
        admin_signer=open_signer(admin_signer) if admin_signer else None,
        allow_plain_key_admin=allow_plain_key_admin,
        report=report_progress,
    )
    deployment = deployer.run()
    safe_file = deployer.leave_settings(deployment)
    show(
        {"deployment": deployment, "admin_transaction": safe_file},
        as_json,
        lambda console: render_deployment(console, deployment, safe_file),
    )


@app.command("drill")
def drill(
    member: Annotated[str, typer.Option(help="Signer of a key of no organization, who does the work.")] = "",
    rpc: Rpc = "",
    signer: SignerUri = "",
    deployments: Deployments = DEFAULT_DEPLOYMENTS,
    chain_id: ChainId = None,
    as_json: Json = False,
) -> None:
    """Rehearse replacing a contract: v1 closes to new work and runs off, v2 opens, and back.

    Without --rpc on a fresh local node. With it, on a deployed suite, with a signer that holds every role.
    """
    if rpc and not member:
        raise ConfigurationError("--member", "not set; with --rpc, name a key of no organization to do the work")
    node = None if rpc else Node()
    try:
        if node is not None:
            suite, actors = _local_suite(node)
        else:
            leader = open_signer(signer)
            suite = CareLedger.connect(rpc, leader, deployments, chain_id)
            actors = Actors(leader, leader, leader, leader, leader, open_signer(member))
        steps: list[Step] = []

        def report(step: Step) -> None:
            steps.append(step)
            gas = f"{step.receipt.gas_used:>9,} gas" if step.receipt else " " * 13
            progress_line(f"{gas}  {step.title}")

        rehearse(suite, actors, report)
    finally:
        if node is not None:
            node.stop()
    body = [{"title": step.title, "gas_used": step.receipt.gas_used if step.receipt else None} for step in steps]
    total = sum(step.receipt.gas_used for step in steps if step.receipt)
    show(body, as_json, lambda console: console.print(f"drill: passed, {len(steps)} steps, {total:,} gas"))


def choose_parameters(
    kind: type[P], name: str, connection: Connection, folder: Path, deployer: str, told: dict[str, Any]
) -> P:
    """What the options say; where they are silent, what the manifest of that name says, or else the defaults.

    Who rules has a default, the deployer, on a local chain only. Raises ConfigurationError elsewhere, and for any other
    parameter that has no default.
    """
    chosen = {
        parameter: account_address(parameter, value) if parameter in kind.ACCOUNTS else value
        for parameter, value in told.items()
        if value not in (None, "")
    }
    try:
        known = Deployment.load(folder, connection.chain_id, kind, name)
        if isinstance(known.parameters, kind) and known.genesis_hash == connection.genesis_hash():
            return dataclasses.replace(known.parameters, **chosen)
    except DeploymentMissing:
        pass
    missing = [account for account in kind.ACCOUNTS if account not in chosen]
    if missing and not connection.is_local:
        raise ConfigurationError(
            options(missing), f"needed on chain {connection.chain_id}: who rules has no default there"
        )
    chosen = {**dict.fromkeys(missing, deployer), **chosen}
    missing = [
        field.name
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.name not in chosen
    ]
    if missing:
        raise ConfigurationError(options(missing), "needed: it has no default")
    return kind(**chosen)


def options(parameters: list[str]) -> str:
    """The options of parameters."""
    return ", ".join("--" + name.replace("_", "-") for name in parameters)


def refuse_options_before(context: typer.Context, subcommand: str) -> None:
    """Raises InvalidInput for options of `deploy` on a command line that goes on with a subcommand."""
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        if source is not None and source.name == "COMMANDLINE":
            raise InvalidInput("option", parameter.opts[0], f"must stand after `{subcommand}`, if {subcommand} has it")


def record_roles_on_chain(
    kind: type[PlanParameters], name: str, connection: Connection, deployments: Path, as_json: bool
) -> None:
    """Puts who holds the roles now into the manifest, and prints them."""
    with locked(deployments, connection.chain_id, name):
        deployment = roles_on_chain(connection, Deployment.load(deployments, connection.chain_id, kind, name))
        deployment.save(deployments)
    plan = deployment.parameters.plan()
    rows = [(role.parameter, plan.holder(role)) for role in plan.roles]
    show(deployment, as_json, lambda console: console.print(table("Recorded", ("role", "account"), rows)))


def verify_deployment(
    connection: Connection, deployment: Deployment, allow_plain_key_admin: bool, as_json: bool
) -> None:
    """Prints every check; ends with exit code 9 if one fails."""
    checks = verify(connection, deployment, allow_plain_key_admin)
    rows = [("yes" if check.holds else "NO", check.subject, check.found) for check in checks]
    show(checks, as_json, lambda console: console.print(table(None, ("holds", "what", "found"), rows)))
    if not all(check.holds for check in checks):
        raise typer.Exit(FAILED)


def report_progress(progress: Progress) -> None:
    """One line for each step of a deployment."""
    if progress.receipt is not None:
        progress_line(f"{progress.subject}: {progress.receipt.gas_used:,} gas")
    else:
        progress_line(f"{progress.subject}: {'there already' if progress.present else 'left to the admin'}")


def render_deployment(console: Console, deployment: Deployment, safe_file: Path | None) -> None:
    """The addresses, and what is left to do."""
    rows = [(name, contract.address, contract.block) for name, contract in deployment.contracts.items()]
    title = f"Chain {deployment.chain_id} {deployment.parameters.name}".rstrip()
    console.print(table(title, ("contract", "address", "block"), rows))
    if safe_file is not None:
        console.print(
            f"The admin {deployment.parameters.admin} has yet to set the roles: import {safe_file} in its wallet's "
            "transaction builder, execute it, and run this command again.",
            markup=False,
        )


def _local_suite(node: Node) -> tuple[CareLedger, Actors]:
    leader: Signer = development_signer(0)
    parameters = Parameters(*(leader.address,) * 4, *(1, 0, 1))
    connection = node.connect()
    with progress_console.status("Deploying the suite on a local node"):
        deployment = Deployer(connection, leader, suite_plan(parameters)).run()
    suite = CareLedger(connection, deployment, leader)
    return suite, Actors(leader, leader, leader, leader, leader, development_signer(1))
