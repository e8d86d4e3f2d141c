"""Runs a plan against a chain: idempotent, and resumable after a kill at any point.

Where the chain has the CREATE2 deployer, addresses follow from the code and its arguments. Elsewhere (Ganache, the
in-process EVM) they follow from the deployer's nonce. Either way the signed bytes of a transaction are on disk
before the node gets them, so that a resumed run sends the same bytes, and never a second contract.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from careledger._version import __version__
from careledger.chain.artifacts import Artifact, artifact
from careledger.chain.connection import Connection, TransactionReceipt
from careledger.chain.contract import Contract
from careledger.chain.deployment.manifest import DeployedContract, Deployment, manifest_path, write_atomically
from careledger.chain.deployment.plan import MANAGER, ContractStep, Plan, Reference, Setting
from careledger.chain.signers import Signer
from careledger.errors import (
    BytecodeMismatch,
    ChainError,
    ConfigurationError,
    DeploymentChanged,
    DeploymentMissing,
    PlainKeyAdmin,
)

__all__ = ["CREATE2_DEPLOYER", "Deployer", "Progress", "is_plain_key"]

CREATE2_DEPLOYER = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
"""The deterministic deployment proxy (github.com/Arachnid/deterministic-deployment-proxy): salt, then creation code."""

CREATE2_DEPLOYER_CODE_HASH = "0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989"
DELEGATION_PREFIX = bytes.fromhex("ef0100")  # EIP-7702: still ruled by its key


@dataclass(frozen=True)
class Progress:
    """One step of a deployment: what, whether it was there already, and the receipt of what was sent."""

    subject: str
    present: bool
    receipt: TransactionReceipt | None = None


class Deployer:
    """Makes a chain hold what a plan says."""

    def __init__(
        self,
        connection: Connection,
        signer: Signer,
        plan: Plan,
        folder: Path | None = None,
        admin_signer: Signer | None = None,
        allow_plain_key_admin: bool = False,
        report: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        """`folder` holds manifests and the journal; None keeps them in memory, for in-process chains.

        `admin_signer` signs the settings; by default the deployer, if it is the admin. Without either, the settings are
        left to `settings_call`, for the admin's wallet.
        """
        self._connection = connection
        self._signer = signer
        self._plan = plan
        self._folder = folder
        self._report = report
        self._allow_plain_key_admin = allow_plain_key_admin
        if admin_signer is None and signer.address == plan.parameters.admin:
            admin_signer = signer
        if admin_signer is not None and admin_signer.address != plan.parameters.admin:
            raise ConfigurationError(
                "the admin's signer", f"is {admin_signer.address}, the admin is {plan.parameters.admin}"
            )
        self._admin_signer = admin_signer

    def run(self) -> Deployment:
        """Deploys what is missing and sets what does not hold yet. A second run sends nothing.

        Raises PlainKeyAdmin before anything is sent, DeploymentChanged if the manifest was made with other parameters
        or from other bytecode, BytecodeMismatch if an address holds other code, and what `Connection.send` raises.
        """
        admin = self._plan.parameters.admin
        if not self._connection.is_local and not self._allow_plain_key_admin and is_plain_key(self._connection, admin):
            raise PlainKeyAdmin(admin=admin, chain_id=self._connection.chain_id)
        deployment = self._load_or_begin()
        for step in self._plan.contracts:
            self._deploy(step, deployment)
        self._configure(deployment)
        return deployment

    def open_settings(self, deployment: Deployment) -> list[Setting]:
        """The plan's settings that do not hold yet."""
        manager = Contract(self._connection, MANAGER, deployment.addresses[MANAGER])
        wanted = self._plan.settings(deployment.addresses, deployment.first_block)
        return [setting for setting in wanted if not setting.holds(manager)]

    def settings_call(self, deployment: Deployment, settings: list[Setting]) -> tuple[str, bytes]:
        """The one call that makes settings hold, for the admin to send: the address to call, and the calldata."""
        manager = Contract(self._connection, MANAGER, deployment.addresses[MANAGER])
        calls = [manager.encode(setting.function, *setting.arguments) for setting in settings]
        return manager.address, manager.encode("multicall", calls)

    def _load_or_begin(self) -> Deployment:
        genesis_hash = self._connection.genesis_hash()
        fresh = Deployment(__version__, self._connection.chain_id, genesis_hash, self._plan.parameters)
        if self._folder is None:
            return fresh
        try:
            known = Deployment.load(self._folder, self._connection.chain_id)
        except DeploymentMissing:
            return fresh
        path = str(manifest_path(self._folder, self._connection.chain_id))
        if known.genesis_hash != genesis_hash:
            if not self._connection.is_local:
                raise DeploymentChanged(f"{path}: genesis block", known.genesis_hash, genesis_hash)
            self._forget_journal()
            return fresh
        for name, (there, here) in known.parameters.differences(self._plan.parameters).items():
            raise DeploymentChanged(f"{path}: {name}", str(there), str(here))
        return known

    def _deploy(self, step: ContractStep, deployment: Deployment) -> None:
        made_from = artifact(step.artifact)
        known = deployment.contracts.get(step.name)
        if known is not None:
            if known.bytecode_hash != made_from.bytecode_hash:
                raise DeploymentChanged(f"{step.name}: bytecode", known.bytecode_hash, made_from.bytecode_hash)
            self._require_code(step.name, made_from, known.address)
            self._report(Progress(step.name, present=True))
            return
        arguments = [
            deployment.addresses[value.contract] if isinstance(value, Reference) else value for value in step.arguments
        ]
        creation_code = made_from.creation_code(arguments)
        salt = keccak(text=f"careledger {step.name}") if self._has_create2_deployer() else None
        receipt = self._resume(step.name)
        if salt is None:
            if receipt is None:
                receipt = self._send(step.name, self._signer, None, creation_code)
            address: str = to_checksum_address(str(receipt.contract_address))
        else:
            address = create2_address(salt, creation_code)
            if receipt is None and not self._connection.code(address):
                receipt = self._send(step.name, self._signer, CREATE2_DEPLOYER, salt + creation_code)
        self._require_code(step.name, made_from, address)
        deployment.contracts[step.name] = DeployedContract(
            artifact=step.artifact,
            address=address,
            block=receipt.block_number if receipt else self._first_block_with_code(address),
            transaction_hash=receipt.transaction_hash if receipt else None,
            arguments=arguments,
            bytecode_hash=made_from.bytecode_hash,
            salt="0x" + salt.hex() if salt else None,
        )
        self._save(deployment)
        self._report(Progress(step.name, present=receipt is None, receipt=receipt))

    def _configure(self, deployment: Deployment) -> None:
        receipt = self._resume("settings")
        missing = self.open_settings(deployment)
        if missing and self._admin_signer is not None:
            to, data = self.settings_call(deployment, missing)
            receipt = self._send("settings", self._admin_signer, to, data)
            missing = self.open_settings(deployment)
            if missing:
                raise DeploymentChanged(missing[0].subject, "to hold after it was set", "that it does not")
        deployment.configured = not missing
        self._save(deployment)
        self._report(Progress("settings", present=receipt is None and not missing, receipt=receipt))

    def _send(self, subject: str, signer: Signer, to: str | None, data: bytes) -> TransactionReceipt:
        return self._connection.send(
            signer,
            to,
            data,
            before_broadcast=lambda raw, nonce: self._write_journal(subject, signer.address, raw, nonce),
        )

    def _resume(self, subject: str) -> TransactionReceipt | None:
        """The receipt of the transaction that a killed run had signed for a step, sent again if need be."""
        journal = self._journal()
        if journal is None or not journal.exists():
            return None
        entry: dict[str, Any] = json.loads(journal.read_text())
        if entry["genesisHash"] != self._connection.genesis_hash() or entry["subject"] != subject:
            return None
        raw = bytes.fromhex(entry["raw"][2:])
        receipt = self._connection.receipt("0x" + keccak(raw).hex())
        if receipt is not None:
            return receipt
        if entry["nonce"] < self._connection.nonce(entry["sender"], "latest"):
            return None  # another transaction took the nonce: these bytes can never be included
        return self._connection.wait(self._connection.broadcast(raw))

    def _write_journal(self, subject: str, sender: str, raw: bytes, nonce: int) -> None:
        journal = self._journal()
        if journal is not None:
            entry = {
                "subject": subject,
                "sender": sender,
                "nonce": nonce,
                "genesisHash": self._connection.genesis_hash(),
                "raw": "0x" + raw.hex(),
            }
            write_atomically(journal, json.dumps(entry) + "\n")

    def _save(self, deployment: Deployment) -> None:
        if self._folder is not None:
            deployment.save(self._folder)
            self._forget_journal()

    def _journal(self) -> Path | None:
        return None if self._folder is None else self._folder / f"{self._connection.chain_id}.pending.json"

    def _forget_journal(self) -> None:
        journal = self._journal()
        if journal is not None:
            journal.unlink(missing_ok=True)

    def _require_code(self, name: str, made_from: Artifact, address: str) -> None:
        if not made_from.matches(self._connection.code(address)):
            raise BytecodeMismatch(name, address)

    def _has_create2_deployer(self) -> bool:
        code = self._connection.code(CREATE2_DEPLOYER)
        return bool(code) and "0x" + keccak(code).hex() == CREATE2_DEPLOYER_CODE_HASH

    def _first_block_with_code(self, address: str) -> int:
        """By bisection; block 0 if the node does not keep old states."""
        low, high = 0, self._connection.block_number()
        try:
            while low < high:
                middle = (low + high) // 2
                if self._connection.code(address, middle):
                    high = middle
                else:
                    low = middle + 1
        except ChainError:
            return 0
        return low


def create2_address(salt: bytes, creation_code: bytes) -> str:
    """Where the CREATE2 deployer puts a contract (EIP-1014)."""
    factory = bytes.fromhex(CREATE2_DEPLOYER[2:])
    return to_checksum_address(keccak(b"\xff" + factory + salt + keccak(creation_code))[12:])


def is_plain_key(connection: Connection, address: str) -> bool:
    """Whether an account is ruled by one ordinary key: no code, or only an EIP-7702 delegation."""
    code = connection.code(address)
    return not code or code.startswith(DELEGATION_PREFIX)
