"""`careledger payer show`: an insurer's contracts, as anyone finds them."""

from __future__ import annotations

from typing import Annotated

import typer

from careledger.cli.output import table
from careledger.cli.session import Answer, reads
from careledger.client import CareLedger

__all__ = ["show_payer"]


@reads
def show_payer(
    ledger: CareLedger, name: Annotated[str, typer.Argument(help="The insurer's registered name, or its id.")]
) -> Answer:
    """Show where an insurer's contracts are, by the registry; their code is checked against this version's."""
    payer = ledger.payer(name)
    contracts = (payer.policy, payer.units, payer.panel, payer.authorizations, payer.vault, payer.settlement)
    found = {contract.name: contract.address for contract in (payer.manager, *contracts)}
    token = payer.vault.read("token")
    body = {"insurer": payer.insurer, "contracts": found, "token": token}
    rows = [*found.items(), ("token", token)]
    return Answer(body, lambda console: console.print(table(f"{name} {payer.insurer}", ("what", "address"), rows)))
