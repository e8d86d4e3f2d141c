"""`deployments/<chainId>.json`: what stands on a chain, written after every step."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from careledger.chain.deployment.plan import Parameters
from careledger.errors import DeploymentChanged, DeploymentMissing

__all__ = ["DeployedContract", "Deployment", "manifest_path", "write_atomically"]


@dataclass(frozen=True)
class DeployedContract:
    """One contract. `salt` is the CREATE2 salt, or None where it was created by the deployer's nonce."""

    artifact: str
    address: str
    block: int
    transaction_hash: str | None
    arguments: list[Any]
    bytecode_hash: str
    salt: str | None


@dataclass
class Deployment:
    """What stands on one chain. `configured` is true once every setting of the manager holds."""

    careledger: str
    chain_id: int
    genesis_hash: str
    parameters: Parameters
    contracts: dict[str, DeployedContract] = field(default_factory=dict)
    configured: bool = False

    @property
    def addresses(self) -> dict[str, str]:
        """Contract name -> address."""
        return {name: contract.address for name, contract in self.contracts.items()}

    @property
    def first_block(self) -> int:
        """The block from which the suite's events are to be read."""
        return min((contract.block for contract in self.contracts.values()), default=0)

    def save(self, folder: Path) -> None:
        """Writes the manifest in one step: a reader sees the old or the new one, never half."""
        write_atomically(manifest_path(folder, self.chain_id), json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path, chain_id: int) -> Deployment:
        """Reads a chain's manifest. Raises DeploymentMissing, or DeploymentChanged for a damaged file."""
        path = manifest_path(folder, chain_id)
        if not path.exists():
            raise DeploymentMissing(chain_id=chain_id, manifest=str(path))
        try:
            body = json.loads(path.read_text())
            body["parameters"] = Parameters(**body["parameters"])
            body["contracts"] = {name: DeployedContract(**entry) for name, entry in body["contracts"].items()}
            return cls(**body)
        except (ValueError, TypeError, KeyError) as error:
            raise DeploymentChanged(str(path), "a deployment manifest", f"{type(error).__name__}: {error}") from None


def manifest_path(folder: Path, chain_id: int) -> Path:
    """Where a chain's manifest is."""
    return folder / f"{chain_id}.json"


def write_atomically(path: Path, text: str) -> None:
    """Writes a file so that it is there whole, on disk, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
