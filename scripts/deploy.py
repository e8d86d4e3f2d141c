"""Deploys the suite under Ape: `ape run deploy --network ethereum:local:foundry`.

Runs the same plan as `careledger deploy`, with an account of Ape's and through the node of Ape's network. A second run
sends nothing; an interrupted one goes on where it was.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import click
from ape import accounts
from ape.api import AccountAPI, ProviderAPI, TestAccountAPI
from ape.cli import ConnectedProviderCommand, network_option
from careledger.chain.connection import Connection
from careledger.chain.deployment import Deployer, Parameters, suite_plan
from careledger.chain.development import find_anvil
from careledger.cli.deploy import choose_parameters, report_progress
from careledger.errors import CareLedgerError, MissingPrerequisite, SignerError
from eth_account.messages import encode_typed_data
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

with contextlib.suppress(MissingPrerequisite):
    # Where Ape starts a node itself, it looks for it on PATH.
    os.environ["PATH"] = f"{Path(find_anvil()).parent}{os.pathsep}{os.environ.get('PATH', '')}"


class ApeSigner:
    """Signs with an account of Ape's: a keystore, a hardware wallet, a test account."""

    def __init__(self, account: AccountAPI, provider: ProviderAPI) -> None:
        self._account = account
        self._provider = provider

    @property
    def address(self) -> ChecksumAddress:
        return to_checksum_address(self._account.address)

    @property
    def development_only(self) -> bool:
        return isinstance(self._account, TestAccountAPI)

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        unsigned = self._provider.network.ecosystem.create_transaction(**{"from": self.address, **transaction})
        signed = self._account.sign_transaction(unsigned)
        if signed is None:
            raise SignerError(self.describe(), "the account did not sign the transaction")
        return bytes(signed.serialize_transaction())

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        signature = self._account.sign_message(encode_typed_data(full_message=typed_data))
        if signature is None:
            raise SignerError(self.describe(), "the account did not sign the message")
        return bytes(signature.encode_rsv())

    def describe(self) -> str:
        return f"ape:{self._account.alias or 'account'} ({self.address})"


def ape_account(alias: str, provider: ProviderAPI) -> AccountAPI:
    """The account of an alias; on a local network, the first test account by default."""
    if alias.startswith("TEST::"):
        return accounts.test_accounts[int(alias.removeprefix("TEST::"))]
    if alias:
        return accounts.load(alias)
    if provider.network.is_local:
        return accounts.test_accounts[0]
    raise click.UsageError("--account is needed outside a local network")


@click.command(cls=ConnectedProviderCommand)
@network_option()  # type: ignore[untyped-decorator]
@click.option("--account", default="", help="Alias of the deploying account, or TEST::N.")
@click.option("--admin", default="", help="Address. On a local chain, the deployer's by default.")
@click.option("--registrar", default="", help="Address. On a local chain, the deployer's by default.")
@click.option("--policy-administrator", default="", help="Address. On a local chain, the deployer's by default.")
@click.option("--guardian", default="", help="Address. On a local chain, the deployer's by default.")
@click.option("--rule-delay", type=int, help="Seconds that a change of rules waits: 2 days.")
@click.option("--admin-delay", type=int, help="Seconds that an act of the admin waits: 2 days.")
@click.option("--recovery-delay", type=int, help="Seconds that a recovery waits: 7 days.")
@click.option("--allow-plain-key-admin", is_flag=True, help="Let an ordinary key rule outside a local chain.")
@click.option(
    "--deployments",
    type=click.Path(path_type=Path),
    default=Path("deployments"),
    envvar="CARELEDGER_DEPLOYMENTS",
    help="Folder of deployment manifests.",
)
def cli(
    provider: ProviderAPI, account: str, allow_plain_key_admin: bool, deployments: Path, **told: str | int | None
) -> None:
    """Deploy the suite. A second run sends nothing; an interrupted one goes on where it was."""
    delays = {f"{name}_seconds": told.pop(name) for name in ("rule_delay", "admin_delay", "recovery_delay")}
    try:
        connection = Connection.open(str(getattr(provider, "http_uri", None) or provider.connection_str))
        signer = ApeSigner(ape_account(account, provider), provider)
        parameters = choose_parameters(Parameters, "", connection, deployments, signer.address, {**told, **delays})
        plan = suite_plan(parameters)
        deployer = Deployer(
            connection,
            signer,
            plan,
            deployments,
            allow_plain_key_admin=allow_plain_key_admin,
            report=report_progress,
        )
        deployment = deployer.run()
        for name, contract in deployment.contracts.items():
            click.echo(f"{name} {contract.address}")
        left = deployer.leave_settings(deployment)
        if left is not None:
            click.echo(f"The admin {parameters.admin} has yet to execute {left} in its wallet's transaction builder.")
    except CareLedgerError as error:
        raise click.ClickException(str(error)) from error
