"""Claims for what was authorized, one paid by the rules, one by a person; the hospital's money; the month."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from eth_utils.crypto import keccak

from careledger.authorization.claim_types import Claim, ClaimLine, ClaimRecord
from careledger.authorization.commitments import Subject, commitment
from careledger.authorization.deployment import POLICY, PRIOR_AUTHORIZATION, SETTLEMENT, VAULT
from careledger.authorization.index import place_of
from careledger.authorization.metrics import EVENTS, Metrics, Period, measure
from careledger.authorization.metrics_report import RULE, Figure, figures
from careledger.authorization.reviews import Reviews
from careledger.chain.connection import TransactionReceipt
from careledger.chain.indexer.reader import EventRow
from careledger.contract_enums import ClaimStatus
from careledger.demo.cast import HOSPITAL
from careledger.demo.chapters.authorization.payer import DESK_KEY, HOSPITAL_KEY, REVIEWERS, Insurer
from careledger.demo.chapters.authorization.requests import DAY, Asked, Papers, Requests, salt_of
from careledger.demo.stage import Stage

__all__ = ["Billing"]

DOLLAR = 10**6
VISIT = 1000
"""One, in milli-units."""

CARE_CHARGE = 180 * DOLLAR
REFERRAL_CHARGE = 160 * DOLLAR
ALLOWED = 150 * DOLLAR
PAYEE = "hospital/treasury"
MONTH_DAYS = 31

FIRST_CLAIM_GAS = 310_000
CLAIM_GAS = 200_000
REVIEW_CLAIM_GAS = 230_000
PAYEE_GAS = 80_000
PAY_OUT_GAS = 100_000


class Billing:
    """The steps of the claims, and what follows."""

    def __init__(self, insurer: Insurer, requests: Requests, papers: Papers) -> None:
        self._insurer = insurer
        self._stage: Stage = insurer.stage
        self._requests = requests
        self._papers = papers

    def play(self) -> None:
        """The steps and questions."""
        care, referral = self._requests.care, self._requests.referral
        stage, payee = self._stage, self._stage.actor(PAYEE).address
        self._submit("claim a visit at home", care, CARE_CHARGE, 1, FIRST_CLAIM_GAS)
        self._submit("claim a visit at the specialist's", referral, REFERRAL_CHARGE, 2, CLAIM_GAS)
        stage.step(
            "allow it, signed by a reviewer",
            actor=DESK_KEY,
            gas=REVIEW_CLAIM_GAS,
            done=lambda: self._record(referral, REFERRAL_CHARGE).status is not ClaimStatus.IN_REVIEW,
            act=self._review,
        )
        stage.answer("claim-care", "What became of the claim for the visit at home?", lambda: self._words(care))
        stage.answer("claim-referral", "And of the specialist's, by a person?", lambda: self._words(referral))
        stage.step(
            "name the account that the hospital is paid at",
            actor=HOSPITAL.controller,
            gas=PAYEE_GAS,
            done=lambda: self._insurer.claims().account(self._insurer.provider).payee == payee,
            act=lambda: self._insurer.claims(HOSPITAL.controller).set_payee(HOSPITAL.organization, payee),
        )
        stage.step(
            "pay out what the hospital is owed",
            actor=HOSPITAL_KEY,
            gas=PAY_OUT_GAS,
            done=lambda: self._insurer.claims().account(self._insurer.provider).credit == 0,
            act=lambda: self._insurer.claims(HOSPITAL_KEY).pay_out(HOSPITAL.organization),
        )
        stage.answer("paid-out", "What has the hospital's account got?", self._paid_out)
        title = "Prior authorization in the month, from events alone"
        columns = ("figure", "standard", "expedited", "42 CFR 422.122(c)")
        stage.figures("metrics", title, columns, self._month_of_requests)
        stage.figures(
            "claim-metrics", "Claim lines in the month, amounts in USD", ("figure", "value"), self._month_of_claims
        )

    # ------------------------------------------------------------------ claims

    def _submit(self, title: str, asked: Asked, charge: int, paper: int, gas: int) -> None:
        def act() -> TransactionReceipt:
            name = f"C-{asked.name}"
            content = commitment(Subject.CLAIM, f"made-up claim {name}".encode(), salt_of(name))
            claim = Claim("0x" + keccak(text=f"careledger demo claim {name}").hex(), content)
            return self._insurer.claims().submit(claim, [self._line(asked, charge)], [self._papers.location(paper)])

        self._stage.step(
            title,
            actor=HOSPITAL_KEY,
            gas=gas,
            done=lambda: self._insurer.claims().line(self._key(asked, charge)) is not None,
            act=act,
        )

    def _review(self) -> TransactionReceipt:
        reviews = Reviews(self._insurer.acting_as(DESK_KEY))
        subject = reviews.claim(self._key(self._requests.referral, REFERRAL_CHARGE))
        return reviews.send_claim(reviews.sign_claim(subject, self._stage.actor(REVIEWERS[0]).signer, ALLOWED))

    def _line(self, asked: Asked, charge: int) -> ClaimLine:
        """One visit on the first day for which the first line was granted."""
        return ClaimLine(asked.id, 0, asked.state(0).valid_from, VISIT, charge)

    def _key(self, asked: Asked, charge: int) -> str:
        return self._insurer.claims().key_of(self._insurer.provider, self._line(asked, charge))

    def _record(self, asked: Asked, charge: int) -> ClaimRecord:
        found = self._insurer.claims().line(self._key(asked, charge))
        assert found is not None
        return found

    def _words(self, asked: Asked) -> str:
        charge = CARE_CHARGE if asked is self._requests.care else REFERRAL_CHARGE
        record = self._record(asked, charge)
        finding = record.finding.name.lower().replace("_", " ").strip()
        return f"{record.status.name}: {self._dollars(record.paid)} of {self._dollars(charge)}; finding: {finding}"

    def _paid_out(self) -> str:
        return self._dollars(self._insurer.token("balanceOf", self._stage.actor(PAYEE).address))

    def _dollars(self, amount: int) -> str:
        settlement = self._insurer.rule_set.settlement
        return f"{settlement.text(amount)} {settlement.currency}"

    # ------------------------------------------------------------------ the month

    def _month_of_requests(self) -> Iterator[tuple[str, ...]]:
        """What the rule asks for, times, and what of the rest is not nil."""
        found = self._figures
        services = [one for one in found if one.group == "services"]
        yield "services that need it", ", ".join(one.name for one in services), "", _paragraphs(services[:1])
        groups = [{one.name: one for one in found if one.group == group} for group in ("standard", "expedited")]
        for name in dict.fromkeys(name for group in groups for name in group):
            both = [group[name] for group in groups if name in group]
            if any(one.rule or _is_told(one) for one in both):
                cells = (_cell(group[name]) if name in group else "-" for group in groups)
                yield name, *cells, _paragraphs(both)

    def _month_of_claims(self) -> Iterator[tuple[str, ...]]:
        """Times, and what of the rest is not nil."""
        yield from ((one.name, _cell(one)) for one in self._figures if one.group == "claims" and _is_told(one))

    @cached_property
    def _figures(self) -> list[Figure]:
        """For both tables, when all is done."""
        rule_set = self._insurer.rule_set
        return figures(self._metrics(), rule_set.class_names, rule_set.settlement.decimals)

    def _metrics(self) -> Metrics:
        """Of the month that begins on the day of the first event."""
        contracts = [str(self._insurer.find(name)) for name in (POLICY, PRIOR_AUTHORIZATION, SETTLEMENT, VAULT)]
        # As `events_on_chain`, which asks for many blocks at once, what an in-process chain does not answer.
        connection, first_block = self._stage.connection, self._stage.suite.deployment.first_block
        entries = [entry for contract in contracts for entry in connection.logs(contract, EVENTS, first_block)]
        times = {number: connection.block_time(number) for number in {entry.block_number for entry in entries}}
        rows = [
            EventRow(
                entry.event,
                entry.block_number,
                entry.log_index,
                times[entry.block_number],
                entry.transaction_hash,
                entry.address,
            )
            for entry in entries
        ]
        events = sorted(rows, key=place_of)
        start = events[0].block_time // DAY * DAY
        return measure(events, Period(start, start + MONTH_DAYS * DAY))


def _is_told(figure: Figure) -> bool:
    """A time is told however short it was: on another chain it is longer."""
    return bool(figure.numerator) or figure.value.endswith(" h")


def _cell(figure: Figure) -> str:
    """Its value, of a share also what it is made of."""
    share = figure.value.endswith("%")
    return f"{figure.value} ({figure.numerator:,} of {figure.denominator:,})" if share else figure.value


def _paragraphs(of: list[Figure]) -> str:
    """Of the rule that ask for a figure."""
    return ", ".join(dict.fromkeys(one.rule.removeprefix(RULE) for one in of if one.rule))
