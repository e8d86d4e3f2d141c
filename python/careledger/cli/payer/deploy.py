"""`careledger payer deploy` and `publish`: an insurer's contracts by their plan, and in the registry."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from careledger.authorization.deployment import PUBLISHED, SHOWS, PayerParameters, publications
from careledger.chain.deployment import Deployment
from careledger.chain.deployment.suite import ANCHOR, REGISTRY
from careledger.chain.values import account_address
from careledger.cli.deploy import AccountOption, AllowPlainKeyAdmin
from careledger.cli.output import Json
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
from careledger.cli.session import DEFAULT_DEPLOYMENTS, ChainId, Deployments, Rpc, SignerUri

__all__ = ["deploy", "publish"]

Insurer = Annotated[str, typer.Argument(help="The insurer's registered name.")]

PAYER = Publisher("payer", "insurer", "", PayerParameters, PUBLISHED, SHOWS, publications)


def deploy(
    name: Insurer,
    token: Annotated[str, typer.Option(help="Address of the ERC-20 token that claims are paid in.")] = "",
    admin: AccountOption = "",
    policy_administrator: AccountOption = "",
    guardian: AccountOption = "",
    medical_director: AccountOption = "",
    treasurer: AccountOption = "",
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
    """Deploy an insurer's contracts. A second run sends nothing; an interrupted one goes on where it was.

    The suite is deployed, and the insurer admitted. Its controller publishes the contracts: with --controller-signer,
    or later by `payer publish`. Whoever reads the chain sees class, amount and time per member key.
    """

    def told(suite: Deployment) -> dict[str, Any]:
        return {
            "insurer": name,
            "token": token and account_address("token", token),
            "registry": suite.addresses[REGISTRY],
            "anchors": suite.addresses[ANCHOR],
            "admin": admin,
            "policy_administrator": policy_administrator,
            "guardian": guardian,
            "medical_director": medical_director,
            "treasurer": treasurer,
            "rule_delay_seconds": rule_delay,
            "admin_delay_seconds": admin_delay,
        }

    PAYER.deploy(
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


def publish(
    name: Insurer,
    rpc: Rpc = "",
    signer: SignerUri = "",
    deployments: Deployments = DEFAULT_DEPLOYMENTS,
    chain_id: ChainId = None,
    as_json: Json = False,
) -> None:
    """Publish in the registry where an insurer's contracts are, as its controller. A second run sends nothing."""
    PAYER.publish(name, Session(rpc, signer, deployments, chain_id, as_json))
