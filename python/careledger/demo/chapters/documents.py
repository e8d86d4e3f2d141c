"""A discharge summary and its correction, a countersigned consent form, laboratory reports under one root, and a
trial's protocol and enrolment log, from which one entry is left out."""

from __future__ import annotations

from collections.abc import Sequence

from eth_utils.crypto import keccak

from careledger.anchoring import (
    AmendmentReason,
    DocumentKind,
    Documents,
    DocumentStatus,
    Fingerprint,
    Location,
    MerkleTree,
    Receipt,
    RevocationReason,
    stream_head,
)
from careledger.chain.connection import TransactionReceipt
from careledger.demo.cast import HOSPITAL, MANUFACTURER, PATIENT, Member
from careledger.demo.papers import consent_form, discharge_summary, made_up, summary_elsewhere
from careledger.demo.stage import Chapter, Stage
from careledger.identity import organization_id

__all__ = ["CHAPTER"]

ANCHOR_GAS = 70_000
AMEND_GAS = 200_000
COUNTERSIGN_GAS = 100_000
STREAM_GAS = 80_000
REVOKE_GAS = 70_000

HOSPITAL_KEY = HOSPITAL.key(2)
SPONSOR = MANUFACTURER
SPONSOR_KEY = SPONSOR.key(1)

STREAM = "0x" + keccak(text="careledger demo enrolment log").hex()
REPORTS = 8
WRONG_REPORT = 3
PATIENTS = 3


def play(stage: Stage) -> None:
    _discharge_summary(stage)
    _consent(stage)
    _reports(stage)
    _trial(stage)


def _discharge_summary(stage: Stage) -> None:
    patient = stage.actor(PATIENT).address
    first = discharge_summary(patient, corrected=False).fingerprint
    corrected = discharge_summary(patient, corrected=True).fingerprint
    _anchor(stage, "anchor the discharge summary", HOSPITAL, first)
    stage.step(
        "amend the discharge summary: a correction",
        actor=HOSPITAL_KEY,
        gas=AMEND_GAS,
        done=lambda: stage.suite.documents.successor(*_place(stage, HOSPITAL_KEY, first)) is not None,
        act=lambda: _sent(
            stage,
            _hospital(stage).amend(_location(stage, HOSPITAL_KEY, first), corrected, AmendmentReason.CORRECTION),
        ),
    )
    stage.answer(
        "summary-first",
        "Is the first discharge summary in force?",
        lambda: _status(stage, _location(stage, HOSPITAL_KEY, first)),
    )

    def latest() -> str:
        found = stage.suite.documents.latest(*_place(stage, HOSPITAL_KEY, first))
        return "the corrected one" if found[1] == corrected.leaf else "another"

    stage.answer("summary-latest", "Which is the latest?", latest)
    stage.answer(
        "summary-other-server",
        "Is it the same document, fetched from another server in another shape?",
        lambda: "yes" if summary_elsewhere(patient) == corrected else "no",
    )


def _consent(stage: Stage) -> None:
    consent = consent_form(stage.actor(PATIENT).address).fingerprint
    _anchor(stage, "anchor the consent form", HOSPITAL, consent)
    sponsor = organization_id(SPONSOR.organization)
    stage.step(
        "countersign the consent form, as the trial's sponsor",
        actor=SPONSOR_KEY,
        gas=COUNTERSIGN_GAS,
        done=lambda: stage.suite.documents.countersignature(*_place(stage, HOSPITAL_KEY, consent), sponsor) is not None,
        act=lambda: stage.acting_as(SPONSOR_KEY).documents.countersign(_location(stage, HOSPITAL_KEY, consent)),
    )

    def standing() -> str:
        given = stage.suite.documents.countersignature(*_place(stage, HOSPITAL_KEY, consent), sponsor)
        return f"yes, {SPONSOR.organization}" if given is not None and not given.withdrawn_at else "no"

    stage.answer("consent-countersigned", "Does another organization stand by the consent form?", standing)


def _reports(stage: Stage) -> None:
    reports = [
        made_up(HOSPITAL, DocumentKind.DIAGNOSTIC_REPORT, f"report {number}", f"made-up report {number}".encode())
        for number in range(REPORTS)
    ]
    tree = MerkleTree.of(bytes.fromhex(report.leaf[2:]) for report in reports)
    root = "0x" + tree.root.hex()

    def location(index: int, shown_at: int | None = None) -> Location:
        proof = tuple("0x" + node.hex() for node in tree.proof(index))
        place = index if shown_at is None else shown_at
        return Location(stage.actor(HOSPITAL_KEY).address, reports[index].leaf, root, place, proof)

    stage.step(
        f"anchor {REPORTS} laboratory reports by one root",
        actor=HOSPITAL_KEY,
        gas=ANCHOR_GAS,
        done=lambda: stage.suite.documents.anchor_of(stage.actor(HOSPITAL_KEY).address, root) is not None,
        act=lambda: _sent(stage, _hospital(stage).anchor_batch(reports)[0]),
    )
    stage.step(
        "revoke one of the reports: it is another patient's",
        actor=HOSPITAL_KEY,
        gas=REVOKE_GAS,
        done=lambda: stage.suite.documents.status(location(WRONG_REPORT)) is DocumentStatus.REVOKED,
        act=lambda: _hospital(stage).revoke_document(location(WRONG_REPORT), RevocationReason.WRONG_SUBJECT),
    )
    stage.answer(
        "report-revoked", "What of the report that was revoked?", lambda: _status(stage, location(WRONG_REPORT))
    )
    stage.answer(
        "report-elsewhere",
        "And if it is shown as another one of the batch?",
        lambda: _status(stage, location(WRONG_REPORT, shown_at=WRONG_REPORT + 1)),
    )
    stage.answer("report-beside", "What of the report beside it?", lambda: _status(stage, location(WRONG_REPORT + 1)))


def _trial(stage: Stage) -> None:
    versions = [
        made_up(SPONSOR, DocumentKind.TRIAL_PROTOCOL, f"protocol {number}", f"made-up protocol {number}".encode())
        for number in (1, 2)
    ]
    _anchor(stage, "anchor the trial's protocol", SPONSOR, versions[0])
    stage.step(
        "amend the protocol: its second version",
        actor=SPONSOR_KEY,
        gas=AMEND_GAS,
        done=lambda: stage.suite.documents.successor(*_place(stage, SPONSOR_KEY, versions[0])) is not None,
        act=lambda: _sent(
            stage,
            stage.acting_as(SPONSOR_KEY).documents.amend(
                _location(stage, SPONSOR_KEY, versions[0]), versions[1], AmendmentReason.NEW_VERSION
            ),
        ),
    )
    stage.step(
        "declare the enrolment log",
        actor=HOSPITAL_KEY,
        gas=STREAM_GAS,
        done=lambda: stage.suite.documents.head(stage.actor(HOSPITAL_KEY).address, STREAM) is not None,
        act=lambda: _hospital(stage).declare_stream(STREAM),
    )
    entries = [
        made_up(HOSPITAL, DocumentKind.TRIAL_RECORD, f"enrolment {number}", f"made-up enrolment {number}".encode())
        for number in range(1, PATIENTS + 1)
    ]
    for number, entry in enumerate(entries, 1):
        _anchor(stage, f"enrol patient {number}", HOSPITAL, entry, STREAM)
    stage.answer("log-whole", f"Are these {PATIENTS} all that were enrolled?", lambda: _is_all(stage, entries))
    stage.answer("log-omission", "And without the second?", lambda: _is_all(stage, [entries[0], *entries[2:]]))


def _is_all(stage: Stage, entries: Sequence[Fingerprint]) -> str:
    documents, submitter = stage.suite.documents, stage.actor(HOSPITAL_KEY).address
    head = stream_head(documents.first_head(submitter, STREAM), [entry.leaf for entry in entries])
    return "yes" if head == documents.head(submitter, STREAM) else "no, one at least is left out"


def _anchor(stage: Stage, title: str, member: Member, document: Fingerprint, stream: str | None = None) -> None:
    key = HOSPITAL_KEY if member is HOSPITAL else SPONSOR_KEY
    stage.step(
        title,
        actor=key,
        gas=ANCHOR_GAS if stream is None else STREAM_GAS,
        done=lambda: stage.suite.documents.anchor_of(*_place(stage, key, document)) is not None,
        act=lambda: _sent(stage, stage.acting_as(key).documents.anchor(document, stream=stream)),
    )


def _hospital(stage: Stage) -> Documents:
    return stage.acting_as(HOSPITAL_KEY).documents


def _sent(stage: Stage, receipt: Receipt) -> TransactionReceipt:
    sent = stage.connection.receipt(receipt.transaction_hash)
    assert sent is not None
    return sent


def _place(stage: Stage, key: str, document: Fingerprint) -> tuple[str, str]:
    return stage.actor(key).address, document.leaf


def _location(stage: Stage, key: str, document: Fingerprint) -> Location:
    return Location(*_place(stage, key, document))


def _status(stage: Stage, location: Location) -> str:
    return stage.suite.documents.status(location).name


CHAPTER = Chapter("documents", "Documents anchored, amended, countersigned, revoked", play)
