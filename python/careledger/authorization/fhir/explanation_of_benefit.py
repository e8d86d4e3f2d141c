"""The ExplanationOfBenefit of a paid claim: what was charged, what was paid, and who bears the rest.

Categories are those of HL7's and CARIN's code systems; the reason of an adjustment is its claim adjustment reason code,
and its category also has the claim adjustment group code.
"""

from __future__ import annotations

from careledger.anchoring.canonical_json import Json
from careledger.authorization.amounts import Settlement
from careledger.authorization.fhir import names
from careledger.authorization.fhir.writing import (
    coded,
    concept,
    extension,
    filled,
    identified,
    instant,
    integer,
    money,
    period,
    quantity,
    referenced,
)
from careledger.authorization.payment import Adjustment, AdjustmentGroup, ClaimPayment, LinePayment
from careledger.authorization.request import AuthorizationRequest, Party

__all__ = ["explanation_of_benefit"]

PATIENT_SHARES = {
    "1": (names.ADJUDICATION, "deductible"),
    "2": (names.CARIN_ADJUDICATION, "coinsurance"),
    "3": (names.ADJUDICATION, "copay"),
}
ADJUSTMENT = (names.CARIN_DISCRIMINATOR, "adjustmentreason")


def explanation_of_benefit(
    payment: ClaimPayment, request: AuthorizationRequest, settlement: Settlement, claim_type: str = "professional"
) -> dict[str, Json]:
    """The resource. References are those of the request that the payment rests on; `claim_type` is of HL7's
    claim-type list. On every item, submitted = benefit + the sum of the adjustments; its trace number says where the
    chain has it."""
    numbers: list[Json] = [payment.authorization_number] if payment.authorization_number else []
    return filled(
        {
            "resourceType": "ExplanationOfBenefit",
            "identifier": [identified(payment.identifier)],
            "status": "active",
            "type": coded(names.CLAIM_TYPE, claim_type),
            "use": "claim",
            "patient": _party(request.patient),
            "created": instant(payment.settled),
            "insurer": _party(request.insurer),
            "provider": _party(request.provider),
            "outcome": "complete",
            "preAuthRef": numbers,
            "insurance": [{"focal": True, "coverage": _party(request.coverage)}],
            "item": [_item(line, settlement) for line in payment.lines],
            "total": [
                {"category": coded(names.ADJUDICATION, "submitted"), "amount": money(payment.charge, settlement)},
                {"category": coded(names.ADJUDICATION, "benefit"), "amount": money(payment.paid, settlement)},
            ],
            "payment": {"date": payment.settled.date().isoformat(), "amount": money(payment.paid, settlement)},
        }
    )


def _party(party: Party) -> dict[str, Json]:
    """By the request's reference; by an identifier if it has none, as a plain request may."""
    if party.reference or not party.identifiers:
        return referenced(party.reference)
    return {"identifier": identified(party.identifiers[0])}


def _item(line: LinePayment, settlement: Settlement) -> dict[str, Json]:
    adjudications: list[Json] = [
        {"category": coded(names.ADJUDICATION, "submitted"), "amount": money(line.charge, settlement)},
        {"category": coded(names.ADJUDICATION, "benefit"), "amount": money(line.paid, settlement)},
        *(_adjustment(adjustment, settlement) for adjustment in line.adjustments),
    ]
    return filled(
        {
            "extension": _traced(line),
            "sequence": integer(line.sequence),
            "productOrService": concept(line.code),
            "servicedPeriod": period(line.first_day, line.last_day),
            "quantity": quantity(line.milli_units, line.unit),
            "net": money(line.charge, settlement),
            "adjudication": adjudications,
        }
    )


def _traced(line: LinePayment) -> list[Json]:
    if line.trace is None:
        return []
    identifier: dict[str, Json] = {"system": names.URI_AS_IDENTIFIER, "value": line.trace}
    return [extension(names.TRACE_NUMBER, {"valueIdentifier": identifier})]


def _adjustment(adjustment: Adjustment, settlement: Settlement) -> dict[str, Json]:
    is_share = adjustment.group is AdjustmentGroup.PATIENT
    system, code = PATIENT_SHARES.get(adjustment.reason, ADJUSTMENT) if is_share else ADJUSTMENT
    group = {"system": names.CAGC, "code": adjustment.group.value}
    return {
        "category": {"coding": [{"system": system, "code": code}, group]},
        "reason": coded(names.CARC, adjustment.reason),
        "amount": money(adjustment.amount, settlement),
    }
