"""Requests of the hospital's, and what becomes of them: by the rules, by a person, on appeal.

Ids and salts follow from names, so that a run that goes on finds its own requests. Real ones are made with a secret and
at random, and stay in the hospital's vault.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_utils.crypto import keccak

from careledger.anchoring import Canonicalization, DocumentKind, Fingerprint, Location, MerkleTree, digest
from careledger.authorization.code_systems import Code
from careledger.authorization.commitments import Subject, commitment
from careledger.authorization.fhir.answer import answer_bundle
from careledger.authorization.fhir.inquiry_bundle import parse_inquiry_bundle
from careledger.authorization.fhir.operation_outcome import parse_operation_outcome
from careledger.authorization.fhir.request_bundle import RequestBundle, parse_request_bundle
from careledger.authorization.fhir.resources import dump
from careledger.authorization.fhir.response_bundle import (
    inquiry_result,
    parse_inquiry_result,
    parse_response_bundle,
    response_bundle,
)
from careledger.authorization.idempotency import request_id
from careledger.authorization.outcome import AuthorizationOutcome, LineOutcome
from careledger.authorization.outcomes import (
    ACTIONS,
    BASIS_SYSTEM,
    RequestReport,
    authorization_number,
    request_report,
)
from careledger.authorization.request_book import KeptLine, Revision
from careledger.authorization.reviews import Reviews
from careledger.authorization.rule_set import hyphenated
from careledger.authorization.types import Change, Eligibility, LineState, Request, RequestedLine
from careledger.chain.connection import TransactionReceipt
from careledger.contract_enums import Action, AppealStatus, LineStatus
from careledger.contract_events import LineDecided
from careledger.demo.cast import HOSPITAL, INSURER
from careledger.demo.chapters.authorization import bundles
from careledger.demo.chapters.authorization.bundles import Item
from careledger.demo.chapters.authorization.payer import DESK_KEY, HOSPITAL_KEY, REVIEWERS, VERSION, Insurer
from careledger.errors import BundleRefused
from careledger.identity import organization_id

__all__ = ["CARE", "DAY", "MEMBER", "PERIOD", "REFERRAL", "Asked", "Papers", "Requests", "answer_words", "salt_of"]

DAY = 86_400
HOUR = 3_600
DOLLAR = 10**6
PERIOD = 2026
MEMBER = "0x" + keccak(text="careledger demo member")[:16].hex()
SECRET = keccak(text="careledger demo request secret")
NOT_SHOWN_TO_BE_NEEDED = 4
"""The insurer's number for a reason."""

CARE = [Item(1, "HCPCS", "G0299", 4, "visit", 180), Item(2, "HCPCS", "E0601", 3, "month", 80)]
CARE_UPDATED = [
    CARE[0],
    Item(2, "HCPCS", "E0601", 2, "month", 80, "changed"),
    Item(3, "HCPCS", "A7030", 1, "month", 60, "added"),
]
REFERRAL = [Item(1, "X12-SERVICE-TYPE", "3", 3, "visit", 150)]
COSMETIC = [Item(1, "CPT", "15780", 1, "visit", 900)]
INVALID = "2026-104"
"""A request whose bundle lacks the patient."""

ANCHOR_GAS = 70_000
SUBMIT_GAS = 380_000
UPDATE_GAS = 300_000
REFER_GAS = 230_000
ASK_GAS = 70_000
ANSWER_GAS = 95_000
REVIEW_GAS = 160_000
APPEAL_GAS = 110_000
OVERTURN_GAS = 160_000


class Papers:
    """The documents that requests and claims rest on, anchored by one root."""

    NAMES = ("plan of care", "note of the first visit", "specialist's letter")

    def __init__(self, insurer: Insurer) -> None:
        self._stage = insurer.stage
        self._papers = [
            Fingerprint(
                insurer.provider,
                DocumentKind.CLINICAL_DOCUMENT,
                Canonicalization.RAW,
                digest(Canonicalization.RAW, f"made-up {name}".encode()),
                salt=salt_of(name),
            )
            for name in self.NAMES
        ]
        self._tree = MerkleTree.of(bytes.fromhex(paper.leaf[2:]) for paper in self._papers)

    @property
    def root(self) -> str:
        """What is anchored."""
        return "0x" + self._tree.root.hex()

    def location(self, index: int) -> Location:
        """Where a document is."""
        proof = tuple("0x" + node.hex() for node in self._tree.proof(index))
        return Location(self._stage.actor(HOSPITAL_KEY).address, self._papers[index].leaf, self.root, index, proof)

    def anchor(self) -> None:
        """The step."""

        def act() -> TransactionReceipt:
            receipts = self._stage.acting_as(HOSPITAL_KEY).documents.anchor_batch(self._papers)
            sent = self._stage.connection.receipt(receipts[0].transaction_hash)
            assert sent is not None
            return sent

        self._stage.step(
            "anchor the plan of care, a visit's note and a letter by one root",
            actor=HOSPITAL_KEY,
            gas=ANCHOR_GAS,
            done=lambda: (
                self._stage.suite.documents.anchor_of(self._stage.actor(HOSPITAL_KEY).address, self.root) is not None
            ),
            act=act,
        )


@dataclass(frozen=True)
class Asked:
    """A request of the hospital's: its name, and its items and their numbers on chain."""

    insurer: Insurer
    name: str
    items: list[Item]
    numbers: tuple[int, ...]
    prior: Asked | None = None
    urgent: bool = False

    @cached_property
    def bundle(self) -> RequestBundle:
        """As the insurer reads it."""
        rule_set = self.insurer.rule_set
        prior = (self.prior.name, self.prior.items) if self.prior else None
        content = bundles.request(self.name, self.items, prior, urgent=self.urgent)
        return parse_request_bundle(content, rule_set.settlement, rule_set.code_systems)

    @property
    def id(self) -> str:
        """Under which the contract knows it, and every update of it."""
        asked = self.bundle.request
        return "0x" + request_id(SECRET, asked.prior or asked.identifier).hex()

    def revision(self, day: int = 0) -> Revision:
        """With its salts. `day` is that of receipt."""
        asked, rule_set = self.bundle.request, self.insurer.rule_set
        lines = tuple(
            KeptLine(
                line.sequence,
                number,
                rule_set.line(line, day),
                line.content_bytes(),
                salt_of(f"{self.name} {line.sequence}"),
            )
            for line, number in zip(asked.lines, self.numbers, strict=True)
        )
        number = 1 if self.prior else 0
        return Revision(self.id, number, asked.identifier, asked.content_bytes(), salt_of(self.name), lines)

    def state(self, line: int) -> LineState:
        """What holds of a line."""
        found = self.insurer.authorizations(HOSPITAL_KEY).line(self.insurer.provider, self.id, line)
        assert found is not None
        return found

    def report(self) -> RequestReport:
        """What became of it."""
        authorizations = self.insurer.authorizations(HOSPITAL_KEY)
        whose, rule_set = organization_id(INSURER.organization), self.insurer.rule_set
        return request_report(authorizations, self.insurer.provider, self.revision(), rule_set, insurer=whose)

    def first_outcome(self) -> AuthorizationOutcome:
        """What was decided when it came, from the event of each line's first decision."""
        authorizations, revision = self.insurer.authorizations(HOSPITAL_KEY), self.revision()
        first: dict[int, tuple[LineDecided, int]] = {}
        for entry in authorizations.log(self.insurer.provider, self.id):
            if isinstance(entry.event, LineDecided):
                first.setdefault(entry.event.line, (entry.event, entry.block_number))
        lines = []
        for line in revision.lines:
            event, _ = first[line.number or 0]
            lines.append(
                LineOutcome(
                    line.sequence,
                    ACTIONS[event.action],
                    reasons=(Code(BASIS_SYSTEM, hyphenated(event.basis.name)),),
                    pend_number=authorization_number(
                        authorizations.chain_id, authorizations.address, event.provider, self.id, event.line
                    ),
                    human_reviewed=int(event.reviewer, 16) != 0,
                )
            )
        answered = self.insurer.stage.connection.block_time(max(block for _, block in first.values()))
        return AuthorizationOutcome(revision.identifier, tuple(lines), dt.datetime.fromtimestamp(answered, dt.UTC))

    def words(self) -> str:
        """What became of each item, in a few words."""
        return "; ".join(
            f"item {line.sequence} {_name(line.status)}, {_name(line.basis)}" for line in self.report().lines
        )


class Requests:
    """The steps of all requests."""

    def __init__(self, insurer: Insurer, papers: Papers) -> None:
        self._insurer = insurer
        self._stage = insurer.stage
        self._papers = papers
        self.care = Asked(insurer, "2026-101", CARE, (0, 1))
        self.update = Asked(insurer, "2026-101-U1", CARE_UPDATED, (0, 2, 3), prior=self.care)
        self.referral = Asked(insurer, "2026-102", REFERRAL, (0,), urgent=True)
        self.cosmetic = Asked(insurer, "2026-103", COSMETIC, (0,))

    def play(self) -> None:
        """The steps and questions."""
        stage = self._stage
        self._submit("ask for home care: visits and a device", self.care, SUBMIT_GAS, [self._papers.location(0)])
        stage.step(
            "update it: the device for less, and a mask",
            actor=HOSPITAL_KEY,
            gas=UPDATE_GAS,
            done=lambda: self._known(self.care)[1] > 0,
            act=self._send_update,
        )
        stage.answer("care", "What became of the home care, as it was updated?", self.update.words)
        self._submit("ask for a referral", self.referral, REFER_GAS)
        self._refer()
        self._submit("ask for what the contract excludes", self.cosmetic, REFER_GAS)
        stage.answer("excluded", "What became of it?", self.cosmetic.words)
        stage.answer("invalid", "What does the insurer answer to a bundle that lacks the patient?", self._invalid)

    def _refer(self) -> None:
        referral, stage, insurer = self.referral, self._stage, self._insurer

        def ask() -> TransactionReceipt:
            question = commitment(Subject.STATEMENT, b"Which specialist?", salt_of("question"))
            return insurer.authorizations(DESK_KEY).request_information(insurer.provider, referral.id, 0, question)

        def answer() -> TransactionReceipt:
            said = commitment(Subject.STATEMENT, b"A cardiologist.", salt_of("answer"))
            return insurer.authorizations(HOSPITAL_KEY).supply_information(
                referral.id, 0, said, [self._papers.location(2)]
            )

        def appeal() -> TransactionReceipt:
            statement = commitment(Subject.STATEMENT, b"Three visits are needed.", salt_of("appeal"))
            authorizations, received = insurer.authorizations(HOSPITAL_KEY), stage.connection.block_time()
            return authorizations.appeal(referral.id, 0, referral.state(0).sequence, received, statement)

        steps = (
            ("ask the hospital which specialist", DESK_KEY, ASK_GAS, lambda: self._was_asked(), ask),
            (
                "answer, with the specialist's letter",
                HOSPITAL_KEY,
                ANSWER_GAS,
                lambda: referral.state(0).status is not LineStatus.INFORMATION_REQUESTED,
                answer,
            ),
            (
                "grant one visit of three, signed by a reviewer",
                DESK_KEY,
                REVIEW_GAS,
                lambda: referral.state(0).status is not LineStatus.PENDED,
                lambda: self._review(0, Action.APPROVED_IN_PART, 1, NOT_SHOWN_TO_BE_NEEDED),
            ),
            (
                "appeal it",
                HOSPITAL_KEY,
                APPEAL_GAS,
                lambda: referral.state(0).appeal is not AppealStatus.NONE_,
                appeal,
            ),
            (
                "grant the other two, signed by another reviewer",
                DESK_KEY,
                OVERTURN_GAS,
                lambda: referral.state(0).appeal is AppealStatus.OVERTURNED,
                lambda: self._review(1, Action.APPROVED_IN_FULL, 2),
            ),
        )
        stage.answer(
            "pended",
            "What did the insurer answer to the referral when it came, as a ClaimResponse?",
            self._first_answer,
        )
        for title, actor, gas, done, act in steps:
            stage.step(title, actor=actor, gas=gas, done=done, act=act)
        stage.answer("referral", "How was the referral decided?", self._decisions)
        stage.answer("inquiry", "What does the insurer answer to an inquiry about it now?", self._inquiry)

    # ------------------------------------------------------------------ sending

    def _submit(self, title: str, asked: Asked, gas: int, documents: list[Location] | None = None) -> None:
        def act() -> TransactionReceipt:
            self._insurer.wait_for_enrolment()
            stated, lines, eligibility = self._stated(asked)
            contract = self._insurer.acting_as(HOSPITAL_KEY).authorizations
            return contract.send(
                self._stage.actor(HOSPITAL_KEY).signer,
                "submit",
                stated.to_abi(),
                eligibility.to_abi(),
                [line.to_abi() for line in lines],
                [document.to_abi() for document in documents or []],
            )

        self._stage.step(title, actor=HOSPITAL_KEY, gas=gas, done=lambda: self._known(asked)[0] > 0, act=act)

    def _send_update(self) -> TransactionReceipt:
        stated, lines, eligibility = self._stated(self.update)
        changes = [Change(lines[1], supersedes=1), Change(lines[2])]
        return self._insurer.acting_as(HOSPITAL_KEY).authorizations.send(
            self._stage.actor(HOSPITAL_KEY).signer,
            "update",
            stated.to_abi(),
            0,
            eligibility.to_abi(),
            [change.to_abi() for change in changes],
            0,
            [],
        )

    def _stated(self, asked: Asked) -> tuple[Request, list[RequestedLine], Eligibility]:
        now = self._stage.connection.block_time()
        revision = asked.revision(now // DAY)
        lines = [RequestedLine(line.service, line.commitment) for line in revision.lines]
        eligibility = self._insurer.authorizations(DESK_KEY).sign_eligibility(
            MEMBER, HOSPITAL.organization, self._insurer.rule_set.terms.plan, PERIOD, now + HOUR
        )
        expedited = asked.bundle.request.expedited
        return Request(asked.id, revision.commitment, VERSION, now, expedited), lines, eligibility

    def _review(self, reviewer: int, action: Action, visits: int, reason: int = 0) -> TransactionReceipt:
        reviews = Reviews(self._insurer.acting_as(DESK_KEY))
        draft = reviews.draft(
            HOSPITAL.organization,
            self.referral.id,
            0,
            action,
            milli_units=visits * 1000,
            amount=visits * REFERRAL[0].unit_price * DOLLAR,
            reason=reason,
        )
        return reviews.send(reviews.sign(draft, self._stage.actor(REVIEWERS[reviewer]).signer))

    # ------------------------------------------------------------------ reading

    def _known(self, asked: Asked) -> tuple[int, int, str]:
        return self._insurer.authorizations(HOSPITAL_KEY).known(self._insurer.provider, asked.id)

    def _was_asked(self) -> bool:
        history = self._insurer.authorizations(HOSPITAL_KEY).history(self._insurer.provider, self.referral.id)
        return any(type(event).__name__ == "InformationRequested" for event in history)

    def _decisions(self) -> str:
        history = self._insurer.authorizations(HOSPITAL_KEY).history(self._insurer.provider, self.referral.id)
        words: dict[str, Callable[[Any], str]] = {
            "LineDecided": lambda event: f"{_name(event.action)}, {_name(event.basis)}",
            "InformationRequested": lambda _: "information requested",
            "InformationSupplied": lambda _: "information supplied",
            "LineAppealed": lambda _: "appealed",
            "AppealDecided": lambda event: f"appeal {_name(event.outcome)}",
        }
        found = [(words[type(event).__name__], event) for event in history if type(event).__name__ in words]
        return "; ".join(word(event) for word, event in found)

    def _first_answer(self) -> str:
        settlement = self._insurer.rule_set.settlement
        answer = response_bundle(self.referral.bundle, self.referral.first_outcome(), settlement)
        return answer_words(parse_response_bundle(dump(answer), settlement))

    def _inquiry(self) -> str:
        """An inquiry bundle goes in, and Parameters with one response bundle come out."""
        rule_set = self._insurer.rule_set
        inquiry = parse_inquiry_bundle(bundles.inquiry(self.referral.name), rule_set.code_systems)
        found = [
            answer_bundle(asked.bundle, asked.report(), rule_set.settlement, inquired=True)
            for asked in (self.update, self.referral, self.cosmetic)
            if asked.bundle.request.identifier == inquiry.identifier
        ]
        (outcome,) = parse_inquiry_result(dump(inquiry_result(found)), rule_set.settlement)
        return answer_words(outcome)

    def _invalid(self) -> str:
        rule_set = self._insurer.rule_set
        content = bundles.request(INVALID, COSMETIC, left_out="Patient")
        try:
            parse_request_bundle(content, rule_set.settlement, rule_set.code_systems)
        except BundleRefused as refused:
            issues = parse_operation_outcome(json.dumps(refused.operation_outcome).encode())
            said = "; ".join(f"{issue.severity} {issue.code} at {issue.expression}" for issue in issues)
            identity = "0x" + request_id(SECRET, bundles.identifier(INVALID)).hex()
            lines, *_ = self._insurer.authorizations(HOSPITAL_KEY).known(self._insurer.provider, identity)
            return f"one OperationOutcome: {said}; on the chain: {f'{lines} lines' if lines else 'nothing'}"
        return "nothing is wrong with it"


def salt_of(name: str) -> bytes:
    """A salt that follows from a name."""
    return keccak(text=f"careledger demo salt of {name}")


def _name(value: object) -> str:
    return str(getattr(value, "name", value)).lower().replace("_", " ").strip()


def answer_words(outcome: AuthorizationOutcome) -> str:
    """What a ClaimResponse says of each item."""
    return "; ".join(
        ", ".join(
            (
                f"item {line.sequence}: {line.action.value if line.action else 'none'}",
                *(reason.code for reason in line.reasons),
                *(["reviewed by a person"] if line.human_reviewed else []),
                *(["with a number to ask for it"] if line.pend_number else []),
                *(["with an authorization number"] if line.authorization_number else []),
            )
        )
        for line in outcome.lines
    )
