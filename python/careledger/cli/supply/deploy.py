"""`careledger supply`: a supply chain's contracts, as their operator deploys them and anyone finds them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from careledger.chain.connection import TransactionReceipt
from careledger.chain.deployment import Deployment
from careledger.chain.deployment.suite import REGISTRY
from careledger.cli.deploy import AccountOption, AllowPlainKeyAdmin
from careledger.cli.output import Json, table
from careledger.cli.published import (
    AdminDelay,
    AdminSigner,
    Check,
    ControllerSigner,
    PublicChainId,
    Publisher,
    RecordRoles,
    RuleDelay,
    Session,
)
from careledger.cli.session import (
    DEFAULT_DEPLOYMENTS,
    Answer,
    ChainId,
    Deployments,
    Rpc,
    SignerUri,
    progress_line,
    reads,
    writes,
)
from careledger.cli.supply.words import Product, SupplyName, named_supply
from careledger.client import CareLedger
from careledger.serialization.deployment import PUBLISHED, SHOWS, SUFFIX, SupplyParameters, publications
from careledger.serialization.lots import Lots

__all__ = ["app"]

app = typer.Typer(
    help="A supply chain's contracts: deploy, publish, find, and who makes which product.", no_args_is_help=True
)

Operator = Annotated[str, typer.Argument(help="The operator's registered name.")]

SUPPLY = Publisher("supply", "operator", SUFFIX, SupplyParameters, PUBLISHED, SHOWS, publications)


@app.command("deploy")
def deploy(
    name: Operator,
    admin: AccountOption = "",
    registrar: AccountOption = "",
    policy_administrator: AccountOption = "",
    guardian: AccountOption = "",
    admin_signer: AdminSigner = "",
    controller_signer: ControllerSigner = "",
    rule_delay: RuleDelay = None,
    admin_delay: AdminDelay = None,
    allow_plain_key_admin: AllowPlainKeyAdmin = False,
    public_chain_id: PublicChainId = None,
    check: Check = False,
    record_roles: RecordRoles = False,
    rpc: Rpc = "",
    signer: SignerUri = "",
    deployments: Deployments = DEFAULT_DEPLOYMENTS,
    chain_id: ChainId = None,
    as_json: Json = False,
) -> None:
    """Deploy a supply chain's contracts. A second run sends nothing; an interrupted one goes on where it was.

    The suite is deployed, and the operator, an agency or a consortium, admitted. Its controller publishes the
    contracts: with --controller-signer, or later by `supply publish`. Whoever reads the chain sees who ships to whom
    and when, how many packs go into which container, and what is dispensed when.
    """

    def told(suite: Deployment) -> dict[str, Any]:
        return {
            "operator": name,
            "registry": suite.addresses[REGISTRY],
            "admin": admin,
            "registrar": registrar,
            "policy_administrator": policy_administrator,
            "guardian": guardian,
            "rule_delay_seconds": rule_delay,
            "admin_delay_seconds": admin_delay,
        }

    SUPPLY.deploy(
        name,
        Session(rpc, signer, deployments, chain_id, as_json),
        told,
        admin_signer=admin_signer,
        controller_signer=controller_signer,
        allow_plain_key_admin=allow_plain_key_admin,
        public_chain_id=public_chain_id,
        check=check,
        record_roles=record_roles,
    )


@app.command("publish")
def publish(
    name: Operator,
    rpc: Rpc = "",
    signer: SignerUri = "",
    deployments: Deployments = DEFAULT_DEPLOYMENTS,
    chain_id: ChainId = None,
    as_json: Json = False,
) -> None:
    """Publish in the registry where a supply chain's contracts are, as the operator's controller. Again, it sends
    nothing."""
    SUPPLY.publish(name, Session(rpc, signer, deployments, chain_id, as_json))


@app.command("show")
@reads
def show_supply(
    ledger: CareLedger, name: Annotated[str, typer.Argument(help="The operator's registered name, or its id.")]
) -> Answer:
    """Show where a supply chain's contracts are, by the registry; their code is checked against this version's."""
    supply = ledger.supply(name)
    contracts = (supply.manager, supply.custody, supply.lots, supply.escrow, supply.cold_chain, supply.services)
    found = {contract.name: contract.address for contract in contracts}
    halted = [contract.name for contract in (supply.custody, supply.lots) if contract.read("halted")]
    body = {"operator": supply.operator, "contracts": found, "halted": halted}
    rows = [*found.items(), ("halted", ", ".join(halted) or "none")]
    return Answer(body, lambda console: console.print(table(f"{name} {supply.operator}", ("what", "value"), rows)))


@app.command("assign-product")
@writes
def assign_product(
    ledger: CareLedger,
    product: Product,
    maker: Annotated[str, typer.Argument(help="The maker's registered name, or its id.")],
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Say that it verifies no more as this maker's.", show_default=False)
    ] = False,
    supply: SupplyName = "",
) -> TransactionReceipt:
    """Say who makes a product, as the supply chain's registrar. A product may have several makers."""
    lots = Lots(named_supply(ledger, supply))
    return lots.assign_product(product, ledger.organizations.known(maker), not withdraw, progress_line)
