"""`deployments/<chainId>.json` and, of other plans than the suite's, `<chainId>.<name>.json`: what stands on a chain,
written after every step."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from eth_utils.address import is_checksum_address

from careledger.chain.artifacts import artifact_names
from careledger.chain.deployment.plan import PlanParameters
from careledger.chain.deployment.suite import Parameters
from careledger.errors import ConfigurationError, DeploymentChanged, DeploymentMissing, InvalidInput

__all__ = ["DAMAGES", "DeployedContract", "Deployment", "locked", "manifest_path", "plan_file", "write_atomically"]

DAMAGES = (OSError, ValueError, TypeError, KeyError, AttributeError, InvalidInput)
"""What reading a file raises that is not what it should be."""


@dataclass(frozen=True)
class DeployedContract:
    """One contract. Among the arguments, a struct is a list. `salt` is the CREATE2 salt, or None where the contract was
    created by the deployer's nonce."""

    artifact: str
    address: str
    block: int
    transaction_hash: str | None
    arguments: list[Any]
    bytecode_hash: str
    salt: str | None

    def __post_init__(self) -> None:
        """Raises ValueError for what cannot be a contract of the suite."""
        if self.artifact not in artifact_names():
            raise ValueError(f"this version carries no contract {self.artifact}")
        if not is_checksum_address(self.address):
            raise ValueError(f"{self.address} is not a checksummed address")
        if type(self.block) is not int or self.block < 0:
            raise ValueError(f"{self.block} is not the number of a block")


@dataclass
class Deployment:
    """What stands of one plan on one chain. `configured` is true once every setting of the manager holds."""

    careledger: str
    chain_id: int
    genesis_hash: str
    parameters: PlanParameters
    contracts: dict[str, DeployedContract] = field(default_factory=dict)
    configured: bool = False

    @property
    def addresses(self) -> dict[str, str]:
        """Contract name -> address."""
        return {name: contract.address for name, contract in self.contracts.items()}

    @property
    def first_block(self) -> int:
        """The block from which the contracts' events are to be read."""
        return min((contract.block for contract in self.contracts.values()), default=0)

    def require_contracts(self) -> None:
        """Raises DeploymentChanged if a contract of the plan has yet to be deployed: the run was interrupted, or an
        earlier version, whose plan had fewer, made the deployment."""
        wanted = [step.name for step in self.parameters.plan().contracts]
        missing = [name for name in wanted if name not in self.contracts]
        if missing:
            raise DeploymentChanged(
                f"the deployment{self.parameters.name and f' of {self.parameters.name}'} on chain {self.chain_id}",
                f"{', '.join(wanted[:-1])} and {wanted[-1]}",
                f"no {' and no '.join(missing)}; run `{self.parameters.command}` to finish it",
            )

    def save(self, folder: Path) -> None:
        """Writes the manifest in one step: a reader sees the old or the new one, never half.

        Raises ConfigurationError if the folder cannot be written.
        """
        path = manifest_path(folder, self.chain_id, self.parameters.name)
        write_atomically(path, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path, chain_id: int, kind: type[PlanParameters] = Parameters, name: str = "") -> Deployment:
        """Reads a chain's manifest: the suite's, or that of another plan, by the kind of its parameters and its name.

        Raises DeploymentMissing, or DeploymentChanged for a damaged file.
        """
        path = manifest_path(folder, chain_id, name)
        if not path.exists():
            raise DeploymentMissing(chain_id, str(path), f"{kind.COMMAND} {name}".rstrip())
        try:
            body = json.loads(path.read_text())
            body["parameters"] = kind(**body["parameters"])
            body["contracts"] = {name: DeployedContract(**entry) for name, entry in body["contracts"].items()}
            deployment = cls(**body)
            if deployment.chain_id != chain_id or not isinstance(deployment.genesis_hash, str):
                raise ValueError(f"it is of chain {deployment.chain_id}")
            if deployment.parameters.name != name:
                raise ValueError(f"it is of {deployment.parameters.name}")
            return deployment
        except DAMAGES as error:
            raise DeploymentChanged(str(path), "a deployment manifest", f"{type(error).__name__}: {error}") from None


def manifest_path(folder: Path, chain_id: int, name: str = "") -> Path:
    """Where a chain's manifest is: the suite's, or that of the plan with a name."""
    return plan_file(folder, chain_id, name, "json")


def plan_file(folder: Path, chain_id: int, name: str, ending: str) -> Path:
    """Where one of a plan's files is."""
    return folder / ".".join(filter(None, (str(chain_id), name, ending)))


def write_atomically(path: Path, text: str) -> None:
    """Writes a file so that it is there whole, on disk, or not at all. Raises ConfigurationError if it cannot."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise ConfigurationError(str(path), f"cannot be written: {error.strerror}") from None


@contextlib.contextmanager
def locked(folder: Path, chain_id: int, name: str = "") -> Iterator[None]:
    """Keeps every other deployer of a plan on a chain out of its files. The lock ends with the process, whatever ends
    that.

    Raises ConfigurationError if another deployer is at work, or if the folder cannot be written.
    """
    path = plan_file(folder, chain_id, name, "lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise ConfigurationError(str(path), f"cannot be written: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(str(path), "locked: another deployment to this chain is under way") from None
        yield
