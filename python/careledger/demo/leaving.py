"""The files that the demo's patient has in the end: papers, receipts, explanations of benefits, the insurer's word."""

from __future__ import annotations

from pathlib import Path

from careledger.anchoring.sources import RECEIPT_SUFFIX
from careledger.authorization.eligibility_file import dump_eligibility
from careledger.authorization.fhir.resources import dump
from careledger.authorization.types import Eligibility
from careledger.client import CareLedger
from careledger.demo.cast import HOSPITAL, INSURER, PATIENT, Cast
from careledger.demo.chapters.authorization.explanations import explanations
from careledger.demo.papers import consent_form, discharge_summary

__all__ = ["leave"]


def leave(folder: Path, ledger: CareLedger, cast: Cast, covered: Eligibility) -> None:
    """Writes the patient's papers into a new folder: documents, each beside its receipt, the explanations of benefits
    of its claims, and the insurer's word that it is covered. Raises NotAnchored."""
    folder.mkdir(mode=0o700)
    documents = ledger.documents
    patient, submitter = cast.actor(PATIENT).address, cast.actor(HOSPITAL.key(2)).address
    for paper in (
        discharge_summary(patient, corrected=False),
        discharge_summary(patient, corrected=True),
        consent_form(patient),
    ):
        (folder / paper.file).write_bytes(paper.content)
        receipt = documents.receipt(paper.fingerprint, submitter)
        (folder / f"{paper.file}{RECEIPT_SUFFIX}").write_bytes(receipt.dump())
    payer = ledger.payer(INSURER.organization)
    for number, explained in enumerate(explanations(payer, ledger.deployment.first_block), start=1):
        (folder / f"explanation-of-benefits-{number}.json").write_bytes(dump(explained))
    (folder / "eligibility.json").write_bytes(dump_eligibility(covered))
