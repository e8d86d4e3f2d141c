"""`deployments/<chainId>.pending.json`: the transaction under way, written before the node gets it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eth_utils.address import is_checksum_address
from eth_utils.crypto import keccak

from careledger.chain.deployment.manifest import DAMAGES, write_atomically
from careledger.chain.deployment.plan import Parameters
from careledger.errors import DeploymentChanged

__all__ = ["Pending"]


@dataclass
class Pending:
    """One call under one nonce. `signed` has its transactions, the one with the highest fees last."""

    subject: str
    genesis_hash: str
    parameters: Parameters
    sender: str
    nonce: int
    to: str | None
    data: str
    gas: int
    fees: dict[str, int]
    signed: list[str]

    @property
    def hashes(self) -> list[str]:
        """The hashes of its transactions, of which at most one can be included."""
        return ["0x" + keccak(bytes.fromhex(raw[2:])).hex() for raw in self.signed]

    def save(self, path: Path) -> None:
        """Writes the journal. Raises ConfigurationError if the folder cannot be written."""
        write_atomically(path, json.dumps(asdict(self)) + "\n")

    @classmethod
    def load(cls, path: Path) -> Pending | None:
        """Reads the journal; None if there is none. Raises DeploymentChanged for a damaged file."""
        try:
            if not path.exists():
                return None
            body: dict[str, Any] = json.loads(path.read_text())
            pending = cls(**{**body, "parameters": Parameters(**body["parameters"])})
            numbers = [pending.nonce, pending.gas, *pending.fees.values()]
            if not pending.hashes or any(type(number) is not int or number < 0 for number in numbers):
                raise ValueError("a number or the signed transaction is missing")
            for address in (pending.sender, pending.to):
                if address is not None and not is_checksum_address(address):
                    raise ValueError(f"{address} is not an address")
            bytes.fromhex(pending.data[2:])
            return pending
        except DAMAGES as error:
            raise DeploymentChanged(
                str(path),
                "the journal of a deployment",
                f"{type(error).__name__}: {error}; once no transaction of the deployer is pending, remove it",
            ) from None
