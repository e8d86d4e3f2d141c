"""Is this the document of the receipt, and what holds of it now?

    checker = NodeChecker(connection, anchors, organizations)     # or OfflineChecker(contract, trusted_block_hash)
    found = verify(Path("letter.pdf"), Receipt.load(Path("letter.pdf.receipt.json")), checker)
    found.answer, found.who.organization, found.when.anchored_at, found.trusted

Every answer is one of `Answer`. While a node is down, on another chain or behind, the answer is COULD_NOT_CHECK and
says why: an outage never reads as revoked, altered or not anchored. That a file was altered is told without a chain.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Protocol

from careledger.anchoring.answers import (
    Actor,
    Alteration,
    Answer,
    AsOf,
    CountersignatureOf,
    Difference,
    DisputeOf,
    Doubt,
    Failure,
    Part,
    Revocation,
    Succession,
    Verification,
    When,
    Who,
    claimed,
)
from careledger.anchoring.canonical import Canonicalization, digest
from careledger.anchoring.canonical_json import parse
from careledger.anchoring.disclosure import Disclosure, FieldTree
from careledger.anchoring.node_checker import Directory, NodeChecker
from careledger.anchoring.offline_checker import OfflineChecker
from careledger.anchoring.receipt import Receipt
from careledger.errors import InvalidInput

__all__ = [
    "Actor",
    "Alteration",
    "Answer",
    "AsOf",
    "Checker",
    "CountersignatureOf",
    "Difference",
    "Directory",
    "DisputeOf",
    "Doubt",
    "Failure",
    "NodeChecker",
    "OfflineChecker",
    "Part",
    "Revocation",
    "Source",
    "Succession",
    "Verification",
    "When",
    "Who",
    "document_digest",
    "verify",
    "verify_digest",
]

Source = bytes | Path | io.BufferedIOBase
"""A document: bytes, a file's path or an open binary file. Of a `json-fields` document: a disclosure's file, or that of
the whole tree, which its author keeps."""


class Checker(Protocol):
    """Tells what holds of a receipt's document."""

    def check(self, receipt: Receipt) -> Verification:
        """The answer for the document that the receipt is of, whatever file goes with it."""
        ...


def verify(source: Source, receipt: Receipt, checker: Checker) -> Verification:
    """Whether a file is the receipt's document, and if so, what the checker finds.

    Raises MissingPrerequisite if DICOM needs pydicom, and OSError for a file that cannot be read; nothing else: what
    the chain or the node refuses is an answer.
    """
    try:
        found = document_digest(receipt.canonicalization, source)
    except InvalidInput as problem:
        return _altered(receipt, Alteration(receipt.digest, None, str(problem)))
    return verify_digest(found, receipt, checker)


def verify_digest(found: bytes, receipt: Receipt, checker: Checker) -> Verification:
    """The same for a file that stays elsewhere: `found` is its digest by the receipt's canonicalization, 32 bytes."""
    if "0x" + found.hex() == receipt.digest:
        return checker.check(receipt)
    return _altered(receipt, Alteration(receipt.digest, "0x" + found.hex()))


def _altered(receipt: Receipt, alteration: Alteration) -> Verification:
    who, when = claimed(receipt)
    return Verification(Answer.ALTERED, who, when, alteration=alteration)


def document_digest(canonicalization: Canonicalization, source: Source) -> bytes:
    """The digest, 32 bytes, of a document, or of the one that a disclosure or a kept tree of fields is of.

    Raises InvalidInput for what has none, MissingPrerequisite, and OSError for a file.
    """
    if canonicalization is not Canonicalization.JSON_FIELDS:
        return digest(canonicalization, source)
    if isinstance(source, Path):
        source = source.read_bytes()
    content = source if isinstance(source, bytes) else source.read()
    found = parse(content)
    if isinstance(found, dict) and "count" in found:
        return Disclosure.from_json(content).digest()
    if isinstance(found, dict) and found.get("canonicalization") == Canonicalization.JSON_FIELDS.value:
        return FieldTree.from_dict({**found, "version": int(str(found.get("version")))}).digest
    raise InvalidInput("content", "this file", "is neither a disclosure of fields nor a tree of fields")
