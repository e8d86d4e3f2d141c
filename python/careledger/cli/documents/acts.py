"""What becomes of anchored documents: amended, countersigned, disputed, answered, revoked."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from careledger.anchoring import (
    AmendmentReason,
    Canonicalization,
    DisputeReason,
    Fingerprint,
    Receipt,
    RevocationReason,
)
from careledger.anchoring.types import ZERO_HASH, Terms
from careledger.chain.connection import TransactionReceipt
from careledger.chain.signers import Signer
from careledger.chain.signers.signer import required
from careledger.cli.documents.anchor import anchored_answer
from careledger.cli.documents.files import commitment, receipt_here
from careledger.cli.documents.kept import KeepInVault, opened_receipts
from careledger.cli.documents.single import Request, anchor_one
from careledger.cli.documents.words import (
    AmendmentReasonName,
    DisputeReasonName,
    Expiry,
    ReceiptPath,
    RevocationReasonName,
    parse_hash,
    parse_kind,
    parse_reason,
)
from careledger.cli.session import Answer, open_signer, parse_time, progress_line, signs, working, writes
from careledger.client import CareLedger
from careledger.errors import InvalidInput

__all__ = [
    "amend",
    "answer",
    "countersign",
    "dispute",
    "name_party",
    "revoke",
    "withdraw_countersignature",
    "withdraw_dispute",
]

SIGNATURE_SECONDS = 3600

Statement = Annotated[
    Path | None,
    typer.Option(
        "--statement",
        help="File with what is said: a salted hash of it is published. Salt and hash go to FILE.statement.json.",
        show_default=False,
    ),
]
SubjectSigner = Annotated[
    str,
    typer.Option(
        "--subject-signer",
        help="Key of whom the document is about, who signs; --signer sends and pays. In the form of --signer.",
        show_default=False,
    ),
]


# ---------------------------------------------------------------------- the submitter's organization


@signs
def amend(
    ledger: CareLedger,
    receipt: ReceiptPath,
    file: Annotated[Path, typer.Argument(help="The document that supersedes it.", metavar="FILE")],
    reason: AmendmentReasonName,
    kind: Annotated[str, typer.Option(help="As of `anchor`; by default that of the former.", show_default=False)] = "",
    canonicalization: Annotated[
        str, typer.Option(help="As of `anchor`; by default that of the former.", show_default=False)
    ] = "",
    expiry: Expiry = "",
    receipts: Annotated[
        Path | None, typer.Option(help="Folder for the new receipt. Default: the file's own.", show_default=False)
    ] = None,
    vault: KeepInVault = None,
) -> Answer:
    """Give a document a successor, and anchor that. The former is superseded for good; its receipt is kept."""
    former = receipt_here(ledger, receipt)
    why = parse_reason(AmendmentReason, reason)
    if not file.is_file():
        raise InvalidInput("file", str(file), "is no regular file")
    request = Request(
        Terms(parse_kind(kind) if kind else former.kind, parse_time(expiry, ledger.connection) if expiry else 0),
        Canonicalization.named(canonicalization) if canonicalization else former.canonicalization,
        former.subject,
    )

    def act(successor: Fingerprint) -> Receipt:
        return ledger.documents.amend(former.location, successor, why, request.terms.expiry)

    with (
        contextlib.nullcontext() if vault is None else opened_receipts(vault) as kept,
        working(f"amend {receipt}"),
    ):
        done = anchor_one(ledger, file, request, receipts or file.parent, kept, act, former)
        if done.known:  # anchored before: by this very amendment, or by itself
            link = ledger.documents.successor(former.submitter, former.leaf)
            if link is None or link.leaf != done.receipt.leaf:
                act(_fingerprint(done.receipt))
    return anchored_answer(done, "amended")


@writes
def revoke(
    ledger: CareLedger,
    receipt: Annotated[
        Path | None, typer.Argument(help="The document's receipt.", metavar="[RECEIPT]", show_default=False)
    ] = None,
    reason: RevocationReasonName = "",
    batch: Annotated[
        str, typer.Option(help="Instead of a receipt: the root of a batch, to revoke all of it.", show_default=False)
    ] = "",
    submitter: Annotated[
        str, typer.Option(help="With --batch: the key that anchored it; by default the signer.", show_default=False)
    ] = "",
) -> TransactionReceipt:
    """Revoke a document for good, by itself or within its batch; or a whole batch."""
    if (receipt is None) == (not batch):
        raise InvalidInput("RECEIPT", "", "name a receipt or, by --batch, a batch's root: one of the two")
    why = parse_reason(RevocationReason, reason)
    if receipt is None:
        owner = submitter or required(ledger.signer).address
        return ledger.documents.revoke(owner, parse_hash("batch", batch), why)
    if submitter:
        raise InvalidInput("--submitter", submitter, "is for --batch: a receipt names its own")
    return ledger.documents.revoke_document(receipt_here(ledger, receipt).location, why)


@writes
def name_party(
    ledger: CareLedger, receipt: ReceiptPath, party: Annotated[str, typer.Argument(help="The party's address.")]
) -> TransactionReceipt:
    """Name a party that may dispute a document, as the submitter's organization."""
    return ledger.documents.name_party(receipt_here(ledger, receipt).location, party)


@writes
def answer(
    ledger: CareLedger,
    receipt: ReceiptPath,
    disputant: Annotated[str, typer.Option(help="The address that disputes.")],
    statement: Annotated[
        Path, typer.Option(help="File with the answer: a salted hash of it is published, kept in FILE.statement.json.")
    ],
) -> TransactionReceipt:
    """Answer a dispute of a document, as the submitter's organization. The dispute stays until it is withdrawn."""
    found = receipt_here(ledger, receipt)
    return ledger.documents.answer_dispute(found.submitter, found.leaf, disputant, _said(statement))


# ---------------------------------------------------------------------- others


@writes
def countersign(ledger: CareLedger, receipt: ReceiptPath) -> TransactionReceipt:
    """Countersign a document in force, for another organization than the submitter's."""
    return ledger.documents.countersign(receipt_here(ledger, receipt).location)


@writes
def withdraw_countersignature(ledger: CareLedger, receipt: ReceiptPath) -> TransactionReceipt:
    """Withdraw the countersignature of the signer's organization, for good."""
    found = receipt_here(ledger, receipt)
    return ledger.documents.withdraw_countersignature(found.submitter, found.leaf)


@writes
def dispute(
    ledger: CareLedger,
    receipt: ReceiptPath,
    reason: DisputeReasonName,
    statement: Statement = None,
    subject_signer: SubjectSigner = "",
) -> TransactionReceipt:
    """Dispute a document: as a named party, a key of an active organization, or whom the document is about.

    It is shown to everyone, and takes nothing out of force.
    """
    found = receipt_here(ledger, receipt)
    why = parse_reason(DisputeReason, reason)
    subject = _subject(found, receipt, subject_signer) if subject_signer else None
    said = ZERO_HASH if statement is None else _said(statement)
    if subject is None:
        return ledger.documents.dispute(found.location, why, said)
    content = _fingerprint(found).content
    return ledger.documents.dispute_as_subject(found.location, content, subject, why, _deadline(ledger), said)


@writes
def withdraw_dispute(
    ledger: CareLedger, receipt: ReceiptPath, subject_signer: SubjectSigner = ""
) -> TransactionReceipt:
    """Withdraw the signer's dispute, or that of whom the document is about, for good."""
    found = receipt_here(ledger, receipt)
    if not subject_signer:
        return ledger.documents.withdraw_dispute(found.submitter, found.leaf)
    subject = _subject(found, receipt, subject_signer)
    return ledger.documents.withdraw_dispute_as_subject(found.submitter, found.leaf, subject, _deadline(ledger))


# ---------------------------------------------------------------------- inner


def _subject(receipt: Receipt, path: Path, uri: str) -> Signer:
    signer = open_signer(uri)
    if receipt.subject is None:
        raise InvalidInput("receipt", str(path), "names no subject: dispute as a named party or an organization")
    if signer.address != receipt.subject:
        raise InvalidInput("--subject-signer", signer.address, f"is not the document's subject, {receipt.subject}")
    return signer


def _fingerprint(receipt: Receipt) -> Fingerprint:
    return Fingerprint(
        receipt.organization,
        receipt.kind,
        receipt.canonicalization,
        bytes.fromhex(receipt.digest[2:]),
        receipt.subject,
        bytes.fromhex(receipt.salt[2:]),
    )


def _deadline(ledger: CareLedger) -> int:
    return ledger.connection.block_time() + SIGNATURE_SECONDS


def _said(file: Path) -> str:
    value, kept = commitment(file)
    progress_line(f"salt and hash of what is said: {kept}; keep it, it shows later what was said")
    return value
