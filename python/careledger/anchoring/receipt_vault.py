"""Receipts in the encrypted vault instead of files.

    with Vault.open(path, passphrase) as vault:
        bulk = BulkAnchoring(ledger.documents, job, ReceiptVault(vault), outbox, terms)

An entry is of the kind `receipt`, its name is the leaf. The vault keeps no names of documents.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from careledger.anchoring.canonical import Canonicalization
from careledger.anchoring.receipt import Receipt
from careledger.errors import InvalidInput
from careledger.vault import EntryErased, EntryMissing, Vault

__all__ = ["RECEIPT_KIND", "ReceiptVault"]

RECEIPT_KIND = "receipt"
AT_ONCE = 1_000
"""How many receipts are put in one transaction."""


class ReceiptVault:
    """A `ReceiptStore`. Its methods raise VaultError, besides what they say."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.path = vault.path
        self.identity = vault.identity

    def put(self, receipts: Iterable[tuple[str, Receipt]]) -> None:
        """Stores receipts durably. Those there already are left, and so is what was erased meanwhile. Raises
        EntryConflict if another receipt of the same leaf is there."""
        remaining = iter(receipts)
        while some := [(RECEIPT_KIND, receipt.leaf, receipt.dump()) for _, receipt in islice(remaining, AT_ONCE)]:
            try:
                self._vault.put_many(some)
            except EntryErased:
                for entry in some:
                    with contextlib.suppress(EntryErased):
                        self._vault.put(*entry)

    def get(self, leaf: str) -> Receipt:
        """The receipt of a leaf. Raises EntryMissing, EntryErased, and what `Receipt.load` raises."""
        return Receipt.load(self._vault.get(RECEIPT_KIND, leaf))

    def forget(self, leaf: str) -> bool:
        """Erases the receipt of a leaf for good; False if there was none."""
        return self._vault.forget(RECEIPT_KIND, leaf)

    def of_document(self, digest: Callable[[Canonicalization], bytes]) -> Iterator[Receipt]:
        """All receipts of a document, by its digest under a canonicalization, in no order: the whole vault is read.

        A canonicalization under which `digest` raises InvalidInput is not the document's. Raises what else it raises.
        """
        digests: dict[str, str | None] = {}
        for leaf in self._vault.names(RECEIPT_KIND):
            try:
                content = self._vault.get(RECEIPT_KIND, leaf)
            except (EntryErased, EntryMissing):  # erased while the names were read
                continue
            canonicalization, stated = _stated(content)
            if canonicalization not in digests:
                digests[canonicalization] = _digest(digest, canonicalization)
            if stated is not None and stated == digests[canonicalization]:
                yield Receipt.load(content)


def _stated(content: bytes) -> tuple[str, str | None]:
    """Canonicalization and digest as they stand in an entry, without the checks that loading all receipts would take;
    no digest in what is no receipt."""
    try:
        held = json.loads(content)
        return str(held["canonicalization"]), str(held["digest"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return "", None


def _digest(digest: Callable[[Canonicalization], bytes], canonicalization: str) -> str | None:
    try:
        return "0x" + digest(Canonicalization.named(canonicalization)).hex()
    except InvalidInput:
        return None
