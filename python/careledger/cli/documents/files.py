"""The files beside a document: receipts, what is kept while one is made, trees of fields, statements."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from careledger.anchoring import Canonicalization, FieldTree, Receipt, digest
from careledger.anchoring.leaf import new_salt
from careledger.anchoring.sources import PARTIAL_SUFFIX, RECEIPT_SUFFIX
from careledger.cli.documents.kept import leaf_in_vault, load_from_vault
from careledger.client import CareLedger
from careledger.errors import InvalidInput, WrongChain

__all__ = [
    "FIELDS_SUFFIX",
    "JOB_NAME",
    "RECEIPTS_SUFFIX",
    "commitment",
    "fields_path",
    "find_receipt",
    "kept_tree",
    "load_receipt",
    "readable",
    "receipt_here",
    "receipts_of_folder",
    "write_private",
]

RECEIPTS_SUFFIX = ".receipts"
FIELDS_SUFFIX = ".fields.json"
STATEMENT_SUFFIX = ".statement.json"
STATEMENT_TAG = keccak(text="careledger.document.statement.v1")
JOB_NAME = "anchoring.db"
OWNER_ONLY = 0o600


@contextmanager
def readable(path: Path, what: str = "file") -> Iterator[None]:
    """Turns an OSError into InvalidInput that names the file."""
    try:
        yield
    except OSError as error:
        raise InvalidInput(what, str(path), f"cannot be used: {error.strerror or type(error).__name__}") from None


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that its owner alone can read; it appears whole or not at all, and is on disk when this returns."""
    with readable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + PARTIAL_SUFFIX)
        with os.fdopen(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, OWNER_ONLY), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)


# ---------------------------------------------------------------------- receipts


def load_receipt(path: Path) -> Receipt:
    """A receipt from a file, or by `vault:LEAF` from the vault. Raises InvalidInput for a file that cannot be read,
    VaultError for a vault, and ReceiptError for what is no receipt."""
    leaf = leaf_in_vault(path)
    if leaf is not None:
        return load_from_vault(leaf)
    with readable(path, "receipt"):
        return Receipt.load(path)


def receipt_here(ledger: CareLedger, path: Path) -> Receipt:
    """A receipt of the ledger's chain and contract. Raises WrongChain or InvalidInput for another's."""
    receipt = load_receipt(path)
    if receipt.chain_id != ledger.connection.chain_id:
        raise WrongChain(receipt.chain_id, ledger.connection.chain_id)
    for name, value in ledger.documents.place().items():
        stated = getattr(receipt, name)
        if stated != value:
            raise InvalidInput(
                "receipt", str(path), f"is of another {name.replace('_', ' ')}, {stated}: here is {value}"
            )
    return receipt


def receipts_of_folder(folder: Path) -> Path:
    """Where a folder's receipts go unless another place is named: beside it."""
    whole = folder.resolve()
    if not whole.name:
        raise InvalidInput("--receipts", "", f"not given, and {whole} has no name: name a folder for the receipts")
    return whole.with_name(whole.name + RECEIPTS_SUFFIX)


def find_receipt(file: Path, given: Path | None) -> Path:
    """The receipt of a document: the one given, the one beside it, or the one among the receipts of a folder that it
    is in. Raises InvalidInput if there is none."""
    if given is not None:
        return given
    beside = file.with_name(file.name + RECEIPT_SUFFIX)
    if beside.is_file():
        return beside
    whole = file.resolve()
    for folder in whole.parents:
        if folder.name:
            place = receipts_of_folder(folder) / whole.relative_to(folder)
            found = place.with_name(place.name + RECEIPT_SUFFIX)
            if found.is_file():
                return found
    raise InvalidInput("--receipt", "", f"not given, and there is neither {beside} nor a folder of receipts with one")


# ---------------------------------------------------------------------- trees of fields


def fields_path(receipt: Path) -> Path:
    """Where the tree of fields of a receipt's document is kept."""
    return receipt.with_name(receipt.name.removesuffix(RECEIPT_SUFFIX) + FIELDS_SUFFIX)


def kept_tree(path: Path) -> FieldTree:
    """Raises InvalidInput for what is none."""
    with readable(path, "tree of fields"):
        content = path.read_bytes()
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidInput("tree of fields", str(path), "is not what `careledger anchor` keeps beside the receipt")
    return FieldTree.from_dict(found)


# ---------------------------------------------------------------------- statements


def commitment(file: Path) -> tuple[str, Path]:
    """The salted hash of what a party says, and where salt and hash are kept: `FILE.statement.json`. The same again for
    the same content.

        hash = keccak256(STATEMENT_TAG, sha256(content), salt)
    """
    path = file.with_name(file.name + STATEMENT_SUFFIX)
    with readable(file, "statement"):
        found = digest(Canonicalization.RAW, file)
    salt = _kept_salt(path, found) if path.exists() else new_salt()
    value = "0x" + keccak(STATEMENT_TAG + found + salt).hex()
    body: dict[str, Any] = {"version": 1, "digest": "0x" + found.hex(), "salt": "0x" + salt.hex(), "hash": value}
    write_private(path, json.dumps(body, indent=2).encode() + b"\n")
    return value, path


def _kept_salt(path: Path, found: bytes) -> bytes:
    try:
        kept = json.loads(path.read_bytes())
        if kept["digest"] == "0x" + found.hex():
            return bytes.fromhex(kept["salt"][2:])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        raise InvalidInput("statement", str(path), "is there, and not what this command writes: move it away") from None
    raise InvalidInput("statement", str(path), "is of another text: move it away, or say that in another file")
