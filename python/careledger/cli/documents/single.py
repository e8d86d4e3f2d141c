"""One document: its salt is on disk before its leaf is sent, so that whoever runs the command again anchors it once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from careledger.anchoring import Canonicalization, FieldTree, Fingerprint, Receipt, Terms, digest
from careledger.anchoring.bulk import keep_former
from careledger.anchoring.leaf import new_salt
from careledger.anchoring.sources import PENDING_SUFFIX, RECEIPT_SUFFIX, check_name
from careledger.cli.documents.files import fields_path, kept_tree, load_receipt, readable, write_private
from careledger.cli.documents.kept import path_in_vault
from careledger.client import CareLedger
from careledger.errors import CareLedgerError, InvalidInput

if TYPE_CHECKING:
    from careledger.anchoring.receipt_vault import ReceiptVault

__all__ = ["Anchored", "Request", "anchor_one"]


@dataclass(frozen=True)
class Request:
    """What is said of what is anchored."""

    terms: Terms
    canonicalization: Canonicalization
    subject: str | None = None
    stream: str | None = None


@dataclass(frozen=True)
class Anchored:
    """A document's receipt and where it is. `known`: it was anchored before, and nothing was sent. `former` is where
    the receipt went that was there."""

    receipt: Receipt
    path: Path
    known: bool = False
    former: Path | None = None


Act = Callable[[Fingerprint], Receipt]


def anchor_one(
    ledger: CareLedger,
    source: Path | bytes,
    request: Request,
    folder: Path,
    vault: ReceiptVault | None = None,
    act: Act | None = None,
    amended: Receipt | None = None,
) -> Anchored:
    """Anchors a file, or bytes, and writes its receipt into a folder: named for the file, for bytes by the leaf. With
    a vault, the receipt goes there, and only what is needed to go on after a kill is in the folder meanwhile.

    `act` sends, by default what `Documents.anchor` does; `amended` is the receipt of the document that this one
    supersedes, which may stand where the new one goes. Raises InvalidInput if another receipt stands there.
    """
    one = _One(ledger, source, request, folder, vault)
    path = one.path
    if path is not None and path.exists():
        held = load_receipt(path)
        if amended is not None and held.leaf == amended.leaf:
            if one.is_of(held, path):
                raise InvalidInput(
                    "file", str(source), "is the document itself, as it is in the receipt: change it first"
                )
        else:
            one.require_same(held, path)
            return Anchored(held, path, known=True)
    if vault is not None:
        kept = one.kept_in(vault)
        if kept is not None and amended is not None and kept.leaf == amended.leaf:
            raise InvalidInput("file", str(source), "is the document itself, as it is in the receipt: change it first")
        if kept is not None:
            return Anchored(kept, path_in_vault(kept.leaf), known=True)
    fingerprint, pending = one.pending()
    if act is None:
        receipt = ledger.documents.anchor(fingerprint, request.terms.expiry, request.stream)
    else:
        receipt = act(fingerprint)
    return one.store(receipt, pending)


class _One:
    def __init__(
        self, ledger: CareLedger, source: Path | bytes, request: Request, folder: Path, vault: ReceiptVault | None
    ) -> None:
        if vault is not None and request.canonicalization is Canonicalization.JSON_FIELDS:
            raise InvalidInput(
                "--vault", str(vault.path), "is not for json-fields: its tree of fields is kept as a file"
            )
        self._vault = vault
        self._request = request
        self._folder = folder
        self._organization = ledger.documents.organization()
        self._place = ledger.documents.place()
        self.path: Path | None = None
        self._tree: FieldTree | None = None
        self._digest = b""
        if isinstance(source, Path):
            check_name(source.name)
            self.path = folder / (source.name + RECEIPT_SUFFIX)
        with readable(source if isinstance(source, Path) else Path("-")):
            if request.canonicalization is Canonicalization.JSON_FIELDS:
                self._tree = FieldTree.of(source.read_bytes() if isinstance(source, Path) else source)
            else:
                self._digest = digest(request.canonicalization, source)

    def is_of(self, receipt: Receipt, path: Path) -> bool:
        """Whether the document is the receipt's, as it is."""
        if receipt.canonicalization is not self._request.canonicalization:
            return False
        if self._tree is None:
            return receipt.digest == "0x" + self._digest.hex()
        tree = kept_tree(fields_path(path))
        return tree.fields == self._tree.fields and receipt.digest == "0x" + tree.digest.hex()

    def require_same(self, held: Receipt, path: Path) -> None:
        """Raises InvalidInput unless a receipt is of this document, on this chain, and says the same of it."""
        way_out = "name another folder by --receipts, or move it away"
        if not self._is_here(held):
            raise InvalidInput("receipt", str(path), f"is there already, of another chain or contract: {way_out}")
        if not self.is_of(held, path):
            raise InvalidInput(
                "receipt",
                str(path),
                f"is of other content: `careledger amend {path} FILE` makes this its successor; or {way_out}",
            )
        if not self._is_as_asked(held):
            raise InvalidInput(
                "receipt", str(path), f"is there already, of another organization, kind, expiry or stream: {way_out}"
            )

    def kept_in(self, vault: ReceiptVault) -> Receipt | None:
        """The receipt in a vault that is of this document, on this chain, and says the same of it. What a run that was
        stopped has left of it in the folder is removed."""
        asked = self._request.canonicalization
        for held in vault.of_document(lambda found: self._digest if found is asked else b""):
            if self._is_here(held) and self._is_as_asked(held):
                for path in self._pending_files():
                    left = self._kept(path)
                    if left is not None and left.leaf == held.leaf:
                        path.unlink()
                return held
        return None

    def pending(self) -> tuple[Fingerprint, Path]:
        """The fingerprint, and the file where its salt is kept until there is a receipt: that of a run that was
        stopped, if it was for the same."""
        for path in self._pending_files():
            kept = self._kept(path)
            if kept is not None:
                return kept, path
        salt = new_salt()
        body = {**self._settings(), "salt": salt.hex(), "fields": None if self._tree is None else self._tree.to_dict()}
        fingerprint = self._fingerprint(salt)
        receipt = self.path or self._folder / (fingerprint.leaf + RECEIPT_SUFFIX)
        path = receipt.with_name(receipt.name + PENDING_SUFFIX)
        write_private(path, json.dumps(body).encode())
        return fingerprint, path

    def store(self, receipt: Receipt, pending: Path) -> Anchored:
        if self._vault is not None:
            self._vault.put([("", receipt)])
            pending.unlink(missing_ok=True)
            return Anchored(receipt, path_in_vault(receipt.leaf))
        path = pending.with_name(pending.name.removesuffix(PENDING_SUFFIX))
        with readable(path, "receipt"):
            former = keep_former(path, receipt.leaf)
            if former is not None and fields_path(path).exists():
                fields_path(path).rename(fields_path(former))
        if self._tree is not None:
            write_private(fields_path(path), json.dumps(self._tree.to_dict(), indent=1).encode() + b"\n")
        write_private(path, receipt.dump())
        pending.unlink(missing_ok=True)
        return Anchored(receipt, path, former=former)

    def _is_here(self, held: Receipt) -> bool:
        return all(getattr(held, name) == value for name, value in self._place.items())

    def _is_as_asked(self, held: Receipt) -> bool:
        asked = self._request
        stated = (held.organization, held.kind, held.expiry, held.subject, held.stream)
        return stated == (self._organization, asked.terms.kind, asked.terms.expiry, asked.subject, asked.stream)

    def _pending_files(self) -> Iterator[Path]:
        if self.path is not None:
            yield self.path.with_name(self.path.name + PENDING_SUFFIX)
        else:
            yield from sorted(self._folder.glob(f"0x*{RECEIPT_SUFFIX}{PENDING_SUFFIX}"))

    def _kept(self, path: Path) -> Fingerprint | None:
        """The fingerprint of a run that was stopped; None if it was for something else."""
        try:
            kept = json.loads(path.read_bytes())
            tree = None if self._tree is None else FieldTree.from_dict(kept["fields"])
            if tree is not None and self._tree is not None:
                if tree.fields != self._tree.fields:
                    return None
                self._tree = tree
            if any(kept[name] != value for name, value in self._settings().items()):
                return None
            return self._fingerprint(bytes.fromhex(kept["salt"]))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, CareLedgerError):
            return None

    def _settings(self) -> dict[str, Any]:
        asked = self._request
        return {
            **self._place,
            "organization": self._organization,
            "kind": asked.terms.kind,
            "expiry": asked.terms.expiry,
            "canonicalization": asked.canonicalization.value,
            "subject": asked.subject,
            "stream": asked.stream,
            "digest": self._found().hex(),
        }

    def _found(self) -> bytes:
        return self._digest if self._tree is None else self._tree.digest

    def _fingerprint(self, salt: bytes) -> Fingerprint:
        asked = self._request
        return Fingerprint(
            self._organization, asked.terms.kind, asked.canonicalization, self._found(), asked.subject, salt
        )
