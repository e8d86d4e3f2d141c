"""The papers of the demo's patient, which the hospital anchors.

They are made up, and their salts follow from their names, so that a run that goes on finds its own anchors. A real salt
is random and stays at home.
"""

from __future__ import annotations

from dataclasses import dataclass

from eth_utils.crypto import keccak

from careledger.anchoring import Canonicalization, DocumentKind, Fingerprint, digest
from careledger.demo.cast import HOSPITAL, Member
from careledger.identity import organization_id

__all__ = ["Paper", "consent_form", "discharge_summary", "made_up", "summary_elsewhere"]

FIRST_DOSE, CORRECTED_DOSE = "20.0", "10.0"
"""Milligrams, as text, because 10.0 mg and 10 mg are two statements of precision."""


@dataclass(frozen=True)
class Paper:
    """A document under the name of its file."""

    file: str
    content: bytes
    fingerprint: Fingerprint


def discharge_summary(patient: str, corrected: bool) -> Paper:
    """A FHIR medication statement, or its correction. `patient` is the address that may dispute it."""
    dose = CORRECTED_DOSE if corrected else FIRST_DOSE
    content = (
        '{"resourceType":"MedicationStatement","status":"active","subject":{"reference":"Patient/demo"},'
        f'"dosage":[{{"doseAndRate":[{{"doseQuantity":{{"value":{dose},"unit":"mg"}}}}]}}]}}'
    ).encode()
    name = "discharge-summary-corrected.json" if corrected else "discharge-summary.json"
    return Paper(name, content, _summary(patient, content, corrected))


def summary_elsewhere(patient: str) -> Fingerprint:
    """The corrected summary from another server: other order and spacing, its own meta data and narrative."""
    content = f"""{{
        "dosage": [{{"doseAndRate": [{{"doseQuantity": {{"unit": "mg", "value": {CORRECTED_DOSE}}}}}]}}],
        "meta": {{"versionId": "7", "lastUpdated": "2026-03-01T08:00:00Z"}},
        "text": {{"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>Ramipril</div>"}},
        "subject": {{"reference": "Patient/demo"}},
        "resourceType": "MedicationStatement",
        "status": "active"
    }}"""
    return _summary(patient, content.encode(), corrected=True)


def consent_form(patient: str) -> Paper:
    content = b"I agree to take part in the trial.\n\n(a made-up consent form)\n"
    return Paper(
        "consent-form.txt", content, made_up(HOSPITAL, DocumentKind.CONSENT, "consent form", content, subject=patient)
    )


def made_up(
    member: Member,
    kind: DocumentKind,
    name: str,
    content: bytes,
    canonicalization: Canonicalization = Canonicalization.RAW,
    subject: str | None = None,
) -> Fingerprint:
    """A fingerprint whose salt follows from the name."""
    return Fingerprint(
        organization_id(member.organization),
        kind,
        canonicalization,
        digest(canonicalization, content),
        subject,
        salt=keccak(text=f"careledger demo salt of {name}"),
    )


def _summary(patient: str, content: bytes, corrected: bool) -> Fingerprint:
    name = "discharge summary, corrected" if corrected else "discharge summary"
    static = Canonicalization.FHIR_JSON_STATIC
    return made_up(HOSPITAL, DocumentKind.CLINICAL_DOCUMENT, name, content, static, patient)
