"""`careledger node`: a local Anvil in the foreground."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from careledger.chain.development import Node, development_signer
from careledger.cli.output import Json, show

__all__ = ["node"]

MOST_CHAIN_ID = 2**63 - 19
"""The greatest chain id that fits into a signature (EIP-2294)."""


def node(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port on 127.0.0.1.")] = 8545,
    block_time: Annotated[
        int | None,
        typer.Option(min=1, max=86_400, help="Seconds between blocks; without it, one for each transaction."),
    ] = None,
    chain_id: Annotated[int, typer.Option(min=1, max=MOST_CHAIN_ID, help="Chain id.")] = 31337,
    as_json: Json = False,
) -> None:
    """Run a local Anvil until Ctrl-C. Its accounts are public: development only."""
    with Node(port=port, block_time_seconds=block_time, chain_id=chain_id) as running:
        signer = development_signer(0)
        body = {"url": running.url, "chain_id": chain_id, "process_id": running.process_id, "signer": "development:0"}
        show(
            body,
            as_json,
            lambda console: console.print(
                f"Anvil at {running.url}, chain {chain_id}. Ctrl-C ends it.\n"
                f"Funded accounts: development:0 ({signer.address}) to development:9",
                markup=False,
            ),
        )
        with contextlib.suppress(KeyboardInterrupt):
            running.wait()
