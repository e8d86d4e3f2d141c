"""What other projects' contracts take to anchor: EAS and OpenAttestation's DocumentStore, as their authors compiled
them. Their packages come from npm when the bench first runs, without what these depend on; each is told by its hash."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from careledger.chain.values import encode_call
from eth_utils.crypto import keccak

from bench.harness import FOLDER
from tools.gas import Scene

__all__ = ["PeerGas", "peer_gas"]

LIST_LENGTH = 100
FETCH_SECONDS = 120
NO_ADDRESS, NO_ID = "0x" + 40 * "0", bytes(32)


@dataclass(frozen=True)
class Package:
    """A package at npm, and the SHA-512 that npm publishes of it."""

    name: str
    version: str
    sha512: str

    def read(self, path: str) -> str:
        """A file of it. Raises OSError, and what `subprocess.run` raises, if the package cannot be had."""
        archive = FOLDER / "packages" / f"{self.name.replace('/', '-').lstrip('@')}-{self.version}.tgz"
        if not archive.exists():
            self._fetch(archive)
        with tarfile.open(archive) as files:
            found = files.extractfile(f"package/{path}")
            assert found is not None
            return found.read().decode()

    def _fetch(self, archive: Path) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise FileNotFoundError("no npm here")
        archive.parent.mkdir(parents=True, exist_ok=True)
        command = [npm, "pack", f"{self.name}@{self.version}", "--silent", "--pack-destination", str(archive.parent)]
        subprocess.run(command, check=True, capture_output=True, timeout=FETCH_SECONDS)
        if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != self.sha512:
            archive.unlink()
            raise OSError(f"{self.name} {self.version} is not the package that was looked at")


EAS = Package(
    "@ethereum-attestation-service/eas-contracts",
    "1.9.0",
    "L60y1fgKlY3a45xxnPlgRbiGQY8RF/lF+AzF1iVoR7/aEzitS0Nuyyjq8+IXs1sSSU0dl2+yGSmELxVeB6FelA==",
)
DOCUMENT_STORE = Package(
    "@govtechsg/document-store",
    "3.0.0",
    "RW13l0pCaxfWWuBjKR3he7ddMzz21I6Oh4R9uBN63/IrPq9yummFaEOKQw42izh01ybnoFng88D9uePwarLyhg==",
)


@dataclass(frozen=True)
class PeerGas:
    """Gas for each document; `note` says where the numbers are from, if not from this run."""

    timestamp: float
    timestamp_list: float
    attest: float
    issue: float
    issue_list: float
    note: str = ""


MEASURED_BEFORE = PeerGas(45_869, 24_781, 180_132, 47_886, 24_453, ", as measured before")


def peer_gas(scene: Scene) -> PeerGas:
    """Measured on the scene's chain, or, without npm or its registry, as measured before; says why."""
    try:
        return _measured(scene)
    except (OSError, subprocess.SubprocessError, tarfile.TarError, KeyError) as error:
        print(f"bench anchoring: the peers' contracts cannot be had, so their gas is as measured before: {error}")
        return MEASURED_BEFORE


def _measured(scene: Scene) -> PeerGas:
    eas, store = _deploy_eas(scene), _deploy_store(scene)
    leaves = [keccak(text=f"document {number}") for number in range(LIST_LENGTH)]
    schema = keccak(b"bytes32 leaf" + bytes(20) + b"\1")  # as the registry makes a schema's id: packed
    attestation = (schema, (NO_ADDRESS, 0, True, NO_ID, leaves[0], 0))
    return PeerGas(
        timestamp=eas("timestamp", keccak(text="document")),
        timestamp_list=eas("multiTimestamp", leaves) / LIST_LENGTH,
        attest=eas("attest", attestation),
        issue=store("issue", keccak(text="document")),
        issue_list=store("bulkIssue", leaves) / LIST_LENGTH,
    )


def _deploy_eas(scene: Scene) -> _Deployed:
    """EAS with a schema of one word."""
    registry = json.loads(EAS.read("artifacts/contracts/SchemaRegistry.sol/SchemaRegistry.json"))
    eas = json.loads(EAS.read("artifacts/contracts/EAS.sol/EAS.json"))
    register = _deployed(scene, registry["abi"], registry["bytecode"])
    register("register", "bytes32 leaf", NO_ADDRESS, True)
    return _deployed(scene, eas["abi"], eas["bytecode"], register.address)


def _deploy_store(scene: Scene) -> _Deployed:
    text = DOCUMENT_STORE.read("dist/contracts/factories/contracts/DocumentStore__factory.js")
    bytecode = re.search(r'_bytecode = "(0x[0-9a-f]+)"', text)
    assert bytecode is not None
    word = {"name": "document", "type": "bytes32"}
    abi = [
        {"type": "constructor", "inputs": [{"name": "name", "type": "string"}, {"name": "owner", "type": "address"}]},
        {"type": "function", "name": "issue", "inputs": [word]},
        {"type": "function", "name": "bulkIssue", "inputs": [{**word, "type": "bytes32[]"}]},
    ]
    return _deployed(scene, abi, bytecode[1], "store", scene.key.address)


class _Deployed:
    """A peer's contract; called with a function's name and arguments, it tells the transaction's gas."""

    def __init__(self, scene: Scene, abi: list[dict[str, Any]], address: str) -> None:
        self._scene = scene
        self._functions = {entry["name"]: entry for entry in abi if entry["type"] == "function"}
        self.address = address

    def __call__(self, function: str, *arguments: Any) -> int:
        data = encode_call(self._functions[function], arguments)
        return self._scene.transact(self._scene.key, self.address, data).gas_used


def _deployed(scene: Scene, abi: list[dict[str, Any]], bytecode: str, *arguments: Any) -> _Deployed:
    constructor: dict[str, Any] = next((entry for entry in abi if entry["type"] == "constructor"), {"inputs": []})
    creation = bytes.fromhex(bytecode[2:]) + encode_call({"name": "", **constructor}, arguments)[4:]
    address = scene.transact(scene.key, None, creation).contract_address
    assert address is not None
    return _Deployed(scene, abi, address)
