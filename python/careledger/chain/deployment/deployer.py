"""Runs a plan against a chain: idempotent, and resumable after a kill at any point.

Where the chain has the CREATE2 deployer, addresses follow from the code and its arguments. Elsewhere (Ganache, the
in-process EVM) they follow from the deployer's nonce. Either way every transaction goes through an outbox beside the
manifest: its signed bytes are on disk before the node gets them, so that a resumed run sends the same bytes, or the
same call under the same nonce with higher fees, and never a second contract.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from careledger._version import __version__
from careledger.chain.artifacts import Artifact, artifact
from careledger.chain.connection import Connection, TransactionReceipt
from careledger.chain.contract import Contract
from careledger.chain.deployment.accounts import is_plain_key, role_members
from careledger.chain.deployment.manifest import DeployedContract, Deployment, locked, manifest_path, plan_file
from careledger.chain.deployment.plan import ADMIN, MANAGER, Act, ContractStep, Plan, Setting, resolved
from careledger.chain.deployment.safe import write_safe_transaction
from careledger.chain.deployment.sending import AtOnce, Sending
from careledger.chain.signers import Signer
from careledger.errors import (
    BytecodeMismatch,
    ChainError,
    ConfigurationError,
    ContractError,
    DeploymentChanged,
    DeploymentMissing,
    PlainKeyAdmin,
    PublicChainUnnamed,
)

__all__ = ["CREATE2_DEPLOYER", "Deployer", "Progress", "require_chain_named"]

CREATE2_DEPLOYER = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
"""The deterministic deployment proxy (github.com/Arachnid/deterministic-deployment-proxy): salt, then creation code."""

SETTINGS = "settings"
CREATE2_DEPLOYER_CODE_HASH = "0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989"


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
        public_chain_id: int | None = None,
        report: Callable[[Progress], None] = lambda _: None,
        confirmation_timeout_seconds: int = 180,
    ) -> None:
        """`folder` holds manifests and outboxes; without one, nothing is left on disk and a killed run begins anew.

        `admin_signer` signs the settings; by default the deployer, if it is the admin. Without either, the settings are
        left to `settings_call` and `leave_settings`, for the admin's wallet. `public_chain_id` names the chain on which
        a plan may show what it shows (`Plan.shows`), if that chain is not local.
        """
        self._connection = connection
        self._signer = signer
        self._plan = plan
        self._folder = folder
        self._report = report
        self._allow_plain_key_admin = allow_plain_key_admin
        self._public_chain_id = public_chain_id
        self._confirmation_timeout_seconds = confirmation_timeout_seconds
        if admin_signer is None and signer.address == plan.admin:
            admin_signer = signer
        if admin_signer is not None and admin_signer.address != plan.admin:
            raise ConfigurationError("the admin's signer", f"is {admin_signer.address}, the admin is {plan.admin}")
        self._admin_signer = admin_signer

    def run(self) -> Deployment:
        """Deploys what is missing and sets what does not hold yet. A second run sends nothing, whoever has been given
        a role since.

        Raises PlainKeyAdmin and PublicChainUnnamed before anything is sent; DeploymentChanged if the chain is not as
        the plan requires, if the manifest was made with other parameters or from other bytecode or is damaged, if a
        contract is gone, or if a manager that stood already has other admins or other roles; BytecodeMismatch if an
        address holds other code; ConfigurationError if the folder cannot be written or another deployer is at work;
        DatabaseError if the outbox cannot be read or written; and what `prepare` of the connection and `deliver` of the
        outbox raise.
        """
        self._require_consent()
        with self._locked():
            deployment = self._load_or_begin()
            for requirement in self._plan.requirements:
                holds, found = requirement.find(self._connection)
                if not holds:
                    raise DeploymentChanged(requirement.subject, requirement.expected, found)
            with self._open_sending([self._signer, self._admin_signer]) as sending:
                for step in self._plan.contracts:
                    self._deploy(step, deployment, sending)
                self._configure(deployment, sending)
        return deployment

    def carry_out(self, acts: Collection[Act], signer: Signer) -> None:
        """Sends what of the acts is not done yet, as the account that is to do them. As `run`, it goes on after a kill.

        Raises ConfigurationError for another account's signer, DeploymentChanged if an act is not done after it was
        sent, ContractError if it is refused, and what `run` raises for a folder, an outbox and a chain.
        """
        for act in acts:
            if act.account != signer.address:
                raise ConfigurationError(f"the signer to {act.subject}", f"is {signer.address}, not {act.account}")
        with self._locked(), self._open_sending([signer]) as sending:
            for act in acts:
                receipt = sending.earlier(act.subject, signer, act.to, act.data)
                if not act.is_done(self._connection):
                    receipt = sending.send(act.subject, signer, act.to, act.data, lambda: None)
                    if not act.is_done(self._connection):
                        raise DeploymentChanged(
                            act.subject, "to be done after it was sent", "that it is not, or was undone since"
                        )
                self._report(Progress(act.subject, present=receipt is None, receipt=receipt))

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

    def leave_settings(self, deployment: Deployment) -> Path | None:
        """Writes `settings_call` for the admin's wallet to `<chainId>.admin.json`, or `<chainId>.<name>.admin.json`, or
        removes that file once the deployment is configured. Returns the file; None if there is nothing left to set, or
        no folder.

        Raises ConfigurationError if the folder cannot be written.
        """
        if self._folder is None:
            return None
        path = plan_file(self._folder, deployment.chain_id, self._plan.parameters.name, "admin.json")
        if deployment.configured:
            path.unlink(missing_ok=True)
            return None
        to, data = self.settings_call(deployment, self.open_settings(deployment))
        write_safe_transaction(path, deployment.chain_id, self._plan.admin, to, data, "careledger: settings")
        return path

    def _require_consent(self) -> None:
        """Raises PlainKeyAdmin or PublicChainUnnamed for what is done outside a local chain only if it is named."""
        require_chain_named(self._connection, self._plan.shows, self._public_chain_id)
        admin = self._plan.admin
        if not self._connection.is_local and not self._allow_plain_key_admin and is_plain_key(self._connection, admin):
            raise PlainKeyAdmin(admin=admin, chain_id=self._connection.chain_id)

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        if self._folder is None:
            return contextlib.nullcontext()
        return locked(self._folder, self._connection.chain_id, self._plan.parameters.name)

    def _load_or_begin(self) -> Deployment:
        genesis_hash = self._connection.genesis_hash()
        fresh = Deployment(__version__, self._connection.chain_id, genesis_hash, self._plan.parameters)
        if self._folder is None:
            return fresh
        parameters = self._plan.parameters
        try:
            known = Deployment.load(self._folder, self._connection.chain_id, type(parameters), parameters.name)
        except DeploymentMissing:
            return fresh
        path = str(manifest_path(self._folder, self._connection.chain_id, parameters.name))
        if known.genesis_hash != genesis_hash:
            if not self._connection.is_local:
                raise DeploymentChanged(f"{path}: genesis block", known.genesis_hash, genesis_hash)
            return fresh
        for name, (there, here) in known.parameters.differences(parameters).items():
            way_out = (
                "" if known.contracts else f"; run again with {there}, or remove {path} to give up that deployment"
            )
            raise DeploymentChanged(f"{path}: {name}", str(there), f"{here}{way_out}")
        return known

    @contextlib.contextmanager
    def _open_sending(self, signers: Sequence[Signer | None]) -> Iterator[Sending]:
        if self._folder is None or self._connection.is_in_process:
            yield AtOnce(self._connection, self._confirmation_timeout_seconds)
            return
        from careledger.chain.deployment.through_outbox import ThroughOutbox  # with it comes SQLAlchemy

        through = ThroughOutbox(
            self._connection,
            self._folder,
            self._plan.parameters,
            [signer for signer in signers if signer is not None],
            self._confirmation_timeout_seconds,
        )
        with contextlib.closing(through):
            yield through

    def _deploy(self, step: ContractStep, deployment: Deployment, sending: Sending) -> None:
        made_from = artifact(step.artifact)
        known = deployment.contracts.get(step.name)
        if known is not None:
            if known.bytecode_hash != made_from.bytecode_hash:
                raise DeploymentChanged(f"{step.name}: bytecode", known.bytecode_hash, made_from.bytecode_hash)
            if not self._connection.code(known.address):
                self._raise_gone(step.name, known.address)
            self._require_code(step.name, made_from, known.address)
            self._report(Progress(step.name, present=True))
            return
        arguments = resolved(step.arguments, deployment.addresses)
        creation_code = made_from.creation_code(arguments)
        salt = self._plan.parameters.salt(step.name) if self._has_create2_deployer() else None
        to, data = (None, creation_code) if salt is None else (CREATE2_DEPLOYER, salt + creation_code)
        receipt = sending.earlier(step.name, self._signer, to, data)
        stood = receipt is not None
        if salt is None:
            receipt = receipt or sending.send(step.name, self._signer, None, data, lambda: self._save(deployment))
            address = str(to_checksum_address(str(receipt.contract_address)))
        else:
            address = create2_address(salt, creation_code)
            if receipt is None:
                receipt = self._send_unless_there(step.name, address, data, deployment, sending)
                stood = receipt is None
        self._require_code(step.name, made_from, address)
        block = receipt.block_number if receipt else self._first_block_with_code(address)
        if stood and step.name == MANAGER:
            self._require_admin(address, block)
        deployment.contracts[step.name] = DeployedContract(
            artifact=step.artifact,
            address=address,
            block=block,
            transaction_hash=receipt.transaction_hash if receipt else None,
            arguments=arguments,
            bytecode_hash=made_from.bytecode_hash,
            salt="0x" + salt.hex() if salt else None,
        )
        self._save(deployment)
        self._report(Progress(step.name, present=receipt is None, receipt=receipt))

    def _send_unless_there(
        self, name: str, address: str, data: bytes, deployment: Deployment, sending: Sending
    ) -> TransactionReceipt | None:
        """None if the contract stands already, or if somebody else was faster."""
        if self._connection.code(address):
            return None
        try:
            return sending.send(name, self._signer, CREATE2_DEPLOYER, data, lambda: self._save(deployment))
        except ContractError:
            if not self._connection.code(address):
                raise
            return None

    def _configure(self, deployment: Deployment, sending: Sending) -> None:
        if deployment.configured:  # from then on who has a role is the admin's to say
            self._report(Progress(SETTINGS, present=True))
            return
        wanted = self._plan.settings(deployment.addresses, deployment.first_block)
        to, data = self.settings_call(deployment, wanted)
        receipt = None
        if self._admin_signer is not None:
            receipt = sending.earlier(SETTINGS, self._admin_signer, to, data)
        missing = self.open_settings(deployment)
        if missing and len(missing) < len(wanted):
            raise DeploymentChanged(
                missing[0].subject,
                "to hold, as other settings do",
                f"that it does not: roles were set otherwise; see `{self._plan.parameters.command} --verify`",
            )
        if missing and self._admin_signer is not None:
            receipt = sending.send(SETTINGS, self._admin_signer, to, data, lambda: None)
            missing = self.open_settings(deployment)
            if missing:
                raise DeploymentChanged(missing[0].subject, "to hold after it was set", "that it does not")
        deployment.configured = not missing
        self._save(deployment)
        self._report(Progress(SETTINGS, present=receipt is None and not missing, receipt=receipt))

    def _require_admin(self, manager: str, from_block: int) -> None:
        """Raises DeploymentChanged if a manager that stood already is ruled by others than the plan's admin."""
        ruling = role_members(Contract(self._connection, MANAGER, manager), from_block).get(ADMIN, {})
        if set(ruling) != {self._plan.admin}:
            found = ", ".join(sorted(ruling)) or "none"
            raise DeploymentChanged(f"{MANAGER} at {manager}: admins", self._plan.admin, found)

    def _raise_gone(self, name: str, address: str) -> NoReturn:
        way_out = ""
        if self._folder is not None:
            path = manifest_path(self._folder, self._connection.chain_id, self._plan.parameters.name)
            way_out = f"; if this chain was started anew, remove {path} and run again"
        raise DeploymentChanged(f"{name} at {address}", "this version's code", f"no code{way_out}")

    def _save(self, deployment: Deployment) -> None:
        if self._folder is not None:
            deployment.save(self._folder)

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


def require_chain_named(connection: Connection, shows: str, public_chain_id: int | None) -> None:
    """Raises PublicChainUnnamed if something would show on a chain that is neither local nor named for it."""
    if shows and not connection.is_local and public_chain_id != connection.chain_id:
        raise PublicChainUnnamed(chain_id=connection.chain_id, shows=shows)


def create2_address(salt: bytes, creation_code: bytes) -> str:
    """Where the CREATE2 deployer puts a contract (EIP-1014)."""
    factory = bytes.fromhex(CREATE2_DEPLOYER[2:])
    return to_checksum_address(keccak(b"\xff" + factory + salt + keccak(creation_code))[12:])
