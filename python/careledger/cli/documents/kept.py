"""Receipts in the vault. Where a command takes a receipt's file, `vault:LEAF` names one of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from careledger.anchoring import Receipt
from careledger.anchoring.verification import document_digest
from careledger.cli.documents.words import parse_hash
from careledger.errors import InvalidInput

if TYPE_CHECKING:
    from careledger.anchoring.receipt_vault import ReceiptVault

__all__ = ["KeepInVault", "leaf_in_vault", "load_from_vault", "opened_receipts", "path_in_vault", "receipt_of_document"]

PREFIX = "vault:"

KeepInVault = Annotated[
    Path | None,
    typer.Option("--vault", help="Keep receipts in this vault, not as files.", show_default=False),
]


def path_in_vault(leaf: str) -> Path:
    """How a receipt in a vault is named."""
    return Path(PREFIX + leaf)


def leaf_in_vault(path: Path) -> str | None:
    """The leaf, if a path names a receipt in a vault. Raises InvalidInput for one that is no leaf."""
    text = str(path)
    return parse_hash("receipt", text.removeprefix(PREFIX)) if text.startswith(PREFIX) else None


@contextmanager
def opened_receipts(vault: Path | None) -> Iterator[ReceiptVault]:
    """The receipts in a vault; by default that of CARELEDGER_VAULT, or else of CARELEDGER_HOME."""
    from careledger.anchoring.receipt_vault import ReceiptVault  # with it comes cryptography
    from careledger.cli.vault import open_vault

    named = os.environ.get("CARELEDGER_VAULT")
    with open_vault(vault or (Path(named) if named else None)) as opened:
        yield ReceiptVault(opened)


def load_from_vault(leaf: str, vault: Path | None = None) -> Receipt:
    """Raises VaultError, and ReceiptError for an entry that is no receipt."""
    with opened_receipts(vault) as receipts:
        return receipts.get(leaf)


def receipt_of_document(file: Path, vault: Path) -> Receipt:
    """The one receipt in a vault that is of a file's content. Raises InvalidInput if there is none, or several."""
    with opened_receipts(vault) as receipts:
        found = list(receipts.of_document(lambda canonicalization: document_digest(canonicalization, file)))
    if len(found) == 1:
        return found[0]
    if found:
        leaves = ", ".join(sorted(str(path_in_vault(receipt.leaf)) for receipt in found))
        raise InvalidInput(
            "--receipt", "", f"not given, and {vault} has {len(found)} of this document: one of {leaves}"
        )
    raise InvalidInput(
        "--receipt", "", f"not given, and {vault} has none of this document: it was altered, or not anchored with it"
    )
