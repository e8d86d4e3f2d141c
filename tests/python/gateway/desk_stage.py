"""An insurer's gateway in the provider's world: its desk's system `ehr`, and a hospital's, `guest`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from authorization.provider_world import HOSPITAL, INSURER, ProviderWorld
from careledger.chain.development import Node
from careledger.gateway.access import SCOPES
from careledger.vault import ScryptCost, Vault
from gateway_stage import Served, serve

__all__ = ["HOSPITAL_KEY", "REVIEWER", "desk_settings", "insurer_gateway", "provider_world"]

INSURER_KEY, REVIEWER, HOSPITAL_KEY = "development:5", "development:6", "development:8"
PASSPHRASE = "a vault of the desk's"


@contextmanager
def provider_world(folder: Path) -> Iterator[tuple[ProviderWorld, Path]]:
    """The world, and where its deployments are."""
    with Node() as node:
        yield ProviderWorld(node.connect(), folder / "deployments"), folder / "deployments"


def desk_settings(world: ProviderWorld, deployments: Path, folder: Path, **changes: Any) -> dict[str, Any]:
    """Of a gateway of the insurer's, with a new vault and database in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    Vault.create(folder / "vault.db", PASSPHRASE, cost=ScryptCost(n=2)).close()
    values = {
        "organization": INSURER,
        "rpc": world.connection.url,
        "signer": INSURER_KEY,
        "vault": folder / "vault.db",
        "passphrase": PASSPHRASE,
        "deployments": deployments,
        "database": f"sqlite:///{folder / 'gateway.db'}",
        "confirmations": 1,
        "payer": INSURER,
    }
    return {**values, **changes}


@contextmanager
def insurer_gateway(world: ProviderWorld, deployments: Path, folder: Path, **changes: Any) -> Iterator[Served]:
    clients = {"ehr": (changes.get("organization", INSURER), SCOPES), "guest": (HOSPITAL, SCOPES)}
    with serve(folder, clients, **desk_settings(world, deployments, folder, **changes)) as served:
        yield served
