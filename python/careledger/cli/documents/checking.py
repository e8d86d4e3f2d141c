"""Where `careledger verify` gets its answer from: a node, opened only once the file is known to be the receipt's, or a
state proof. Whatever stands in the way of asking is an answer of its own, never one about the document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from careledger.anchoring import Receipt
from careledger.anchoring.answers import Answer, Part, Verification, could_not_check
from careledger.anchoring.types import KeyStatus
from careledger.anchoring.verification import Directory, NodeChecker, OfflineChecker
from careledger.chain.connection import Connection
from careledger.chain.deployment import Deployment
from careledger.chain.deployment.suite import ANCHOR
from careledger.chain.deployment.verify import require_code
from careledger.client import CareLedger
from careledger.errors import (
    BytecodeMismatch,
    CareLedgerError,
    ChainError,
    ConfigurationError,
    DeploymentChanged,
    DeploymentError,
    NodeBusy,
    NodeUnreachable,
    NotAContract,
    WrongChain,
)

__all__ = ["Node", "offline"]

NAMES_WITHIN_BLOCKS = 50_000
"""Without an index, names are looked up in the register's events if it has no more blocks than these."""

GENESIS = "genesis block"
PARTS: tuple[tuple[type[CareLedgerError], Part], ...] = (
    (NodeBusy, Part.NODE_BUSY),
    (NodeUnreachable, Part.NODE_UNREACHABLE),
    (WrongChain, Part.WRONG_CHAIN),
    (NotAContract, Part.NO_CONTRACT),
    (BytecodeMismatch, Part.OTHER_CONTRACT),
    (DeploymentError, Part.NO_CONTRACT),
)


@dataclass
class Node:
    """A checker. After `check`, `key_status_now` is what is known of the submitter's key now; None if that was not
    asked. Raises ConfigurationError for a wrong setting, and what opening an index raises."""

    rpc: str
    deployments: Path
    index: str = ""
    key_status_now: KeyStatus | None = None

    def check(self, receipt: Receipt) -> Verification:
        try:
            connection = Connection.open(self.rpc, receipt.chain_id)
            deployment = Deployment.load(self.deployments, connection.chain_id)
            require_code(connection, deployment)
            ledger = CareLedger(connection, deployment)
        except (ChainError, DeploymentError) as error:
            part = next((part for kind, part in PARTS if isinstance(error, kind)), Part.NODE_REFUSED)
            if isinstance(error, DeploymentChanged) and error.subject == GENESIS:
                part = Part.OTHER_GENESIS
            return could_not_check(receipt, part, str(error))
        if not self.index:
            return self._checked(ledger, receipt, _EventNames(ledger))
        from careledger.cli.documents.indexed import IndexDirectory, open_index  # with it comes SQLAlchemy

        with open_index(self.index, receipt.genesis_hash, receipt.contract) as opened:
            return self._checked(ledger, receipt, IndexDirectory(opened))

    def _checked(self, ledger: CareLedger, receipt: Receipt, directory: Directory) -> Verification:
        anchors = ledger.governance.contract(ANCHOR)
        found = NodeChecker(ledger.connection, anchors, ledger.organizations, directory=directory).check(receipt)
        if found.answer not in (Answer.COULD_NOT_CHECK, Answer.UNKNOWN):
            try:
                self.key_status_now = ledger.organizations.of_key(receipt.submitter)[1]
            except ChainError:
                self.key_status_now = None
        return found


def offline(receipt: Receipt, trusted_block_hash: str, contract: str, deployments: Path) -> OfflineChecker:
    """A checker of state proofs, for the contract named or that of the chain's manifest. Raises ConfigurationError if
    there is neither."""
    if not contract:
        try:
            contract = Deployment.load(deployments, receipt.chain_id).addresses[ANCHOR]
        except (DeploymentError, KeyError):
            raise ConfigurationError(
                "--contract",
                f"not given, and {deployments} has no manifest of chain {receipt.chain_id}: "
                f"name the {ANCHOR} that you trust there",
            ) from None
    return OfflineChecker(contract, trusted_block_hash)


class _EventNames:
    """Names by the register's events, where these are few."""

    def __init__(self, ledger: CareLedger) -> None:
        self._ledger = ledger

    def organization_name(self, organization: str) -> str | None:
        blocks = self._ledger.connection.block_number() - self._ledger.deployment.first_block
        if blocks > NAMES_WITHIN_BLOCKS:
            return None
        names = self._ledger.organizations.names()
        return next((name for name, identifier in names.items() if identifier == organization), None)

    def disputants(self, _submitter: str, _leaf: str) -> Sequence[str]:
        return ()

    def countersigners(self, _submitter: str, _leaf: str) -> Sequence[str]:
        return ()
