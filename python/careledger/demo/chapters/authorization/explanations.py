"""The explanations of benefits of the story's claims, from what the chain has of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from careledger.anchoring.canonical_json import Json
from careledger.authorization.claims import Claims
from careledger.authorization.fhir.explanation_of_benefit import explanation_of_benefit
from careledger.authorization.fhir.request_bundle import parse_request_bundle
from careledger.authorization.payer import Payer
from careledger.authorization.payment import Adjustment, AdjustmentGroup, ClaimPayment, LinePayment
from careledger.authorization.request import BusinessIdentifier
from careledger.authorization.rule_file import load_rule_file
from careledger.authorization.rule_set import EPOCH
from careledger.contract_events import ClaimAdjudicated
from careledger.demo.chapters.authorization import bundles
from careledger.demo.chapters.authorization.payer import RULES
from careledger.demo.chapters.authorization.requests import CARE, REFERRAL

__all__ = ["explanations"]

REQUESTS = {180 * 10**6: ("2026-101", CARE), 160 * 10**6: ("2026-102", REFERRAL)}
"""What was asked for, by the charge of the claim on it."""

CLAIMS = "https://hospital.example/claims"


def explanations(payer: Payer, first_block: int) -> Iterator[dict[str, Json]]:
    """The resources, in the order in which the claims were decided."""
    rule_set, claims, contract = load_rule_file(RULES), Claims(payer), payer.settlement
    for entry in contract.connection.logs(contract.address, [ClaimAdjudicated], first_block):
        event = entry.event
        assert isinstance(event, ClaimAdjudicated)
        name, items = REQUESTS[event.charge]
        content = bundles.request(name, items)
        asked = parse_request_bundle(content, rule_set.settlement, rule_set.code_systems).request
        shares = (
            (AdjustmentGroup.CONTRACTUAL, "45", event.contractual),
            (AdjustmentGroup.CONTRACTUAL, str(event.carc), event.denied),
            (AdjustmentGroup.PATIENT, "1", event.deductible),
            (AdjustmentGroup.PATIENT, "2", event.coinsurance),
            (AdjustmentGroup.PATIENT, "3", event.copay),
        )
        day = EPOCH + dt.timedelta(event.service_day)
        line = LinePayment(
            sequence=1,
            code=asked.lines[0].code,
            charge=event.charge,
            paid=event.paid,
            adjustments=tuple(Adjustment(*share) for share in shares if share[2]),
            milli_units=event.milli_units,
            first_day=day,
            last_day=day,
            trace=claims.uri_of(event.key),
        )
        settled = dt.datetime.fromtimestamp(contract.connection.block_time(entry.block_number), dt.UTC)
        payment = ClaimPayment(BusinessIdentifier(CLAIMS, f"C-{name}"), (line,), settled)
        yield explanation_of_benefit(payment, asked, rule_set.settlement)
