"""Payments, and the ExplanationOfBenefit of one: charge = paid + adjustments, on every line."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from careledger.authorization.code_systems import HCPCS, Code
from careledger.authorization.fhir.explanation_of_benefit import explanation_of_benefit
from careledger.authorization.fhir.resources import dump
from careledger.authorization.payment import Adjustment, AdjustmentGroup, ClaimPayment, LinePayment
from careledger.authorization.request import BusinessIdentifier
from careledger.errors import InvalidInput
from fhir.resources.R4B.explanationofbenefit import ExplanationOfBenefit
from hypothesis import given, settings
from hypothesis import strategies as st
from pas_bundles import DOLLARS, parsed, vector

DOLLAR = 1_000_000
SHARES = tuple(
    Adjustment(AdjustmentGroup.PATIENT, reason, amount * DOLLAR) for reason, amount in (("1", 20), ("2", 6), ("3", 10))
)
CONTRACTUAL = Adjustment(AdjustmentGroup.CONTRACTUAL, "45", 15 * DOLLAR)
LINE = LinePayment(
    1,
    Code(HCPCS, "E0601"),
    charge=85 * DOLLAR,
    paid=34 * DOLLAR,
    adjustments=(*SHARES, CONTRACTUAL),
    milli_units=1000,
    first_day=dt.date(2026, 12, 1),
    last_day=dt.date(2026, 12, 31),
)
PAYMENT = ClaimPayment(
    BusinessIdentifier("https://hospital.example/claims", "C-1"),
    (LINE,),
    dt.datetime(2027, 1, 5, 9, tzinfo=dt.UTC),
    "AUTH-1",
)


def written(payment: ClaimPayment = PAYMENT) -> Any:
    """The resource's values; it is valid R4B."""
    content = dump(explanation_of_benefit(payment, parsed(vector("request.json")).request, DOLLARS))
    ExplanationOfBenefit.model_validate(json.loads(content))
    return json.loads(content, parse_float=Decimal)


def test_groups_are_x12s() -> None:
    assert {one.value for one in AdjustmentGroup} == {"CO", "PR", "OA", "PI"}


def test_an_explanation_names_parties_payment_and_authorization() -> None:
    benefit = written()
    assert (benefit["use"], benefit["status"], benefit["outcome"]) == ("claim", "active", "complete")
    assert benefit["patient"] == {"reference": "Patient/p1"}
    assert benefit["insurance"] == [{"focal": True, "coverage": {"reference": "Coverage/c1"}}]
    assert benefit["preAuthRef"] == ["AUTH-1"]
    assert benefit["payment"] == {"date": "2027-01-05", "amount": {"value": Decimal("34.00"), "currency": "USD"}}


def test_each_adjustment_has_its_reason_group_and_category() -> None:
    (item,) = written()["item"]
    found = [
        (
            one["reason"]["coding"][0]["code"],
            [coding["code"] for coding in one["category"]["coding"]],
            one["amount"]["value"],
        )
        for one in item["adjudication"][2:]
    ]
    assert found == [
        ("1", ["deductible", "PR"], Decimal("20.00")),
        ("2", ["coinsurance", "PR"], Decimal("6.00")),
        ("3", ["copay", "PR"], Decimal("10.00")),
        ("45", ["adjustmentreason", "CO"], Decimal("15.00")),
    ]
    assert item["adjudication"][2]["reason"]["coding"][0]["system"] == (
        "https://x12.org/codes/claim-adjustment-reason-codes"
    )


def test_the_patients_shares_are_told_apart() -> None:
    assert (LINE.deductible, LINE.coinsurance, LINE.copay) == (20 * DOLLAR, 6 * DOLLAR, 10 * DOLLAR)
    other = Adjustment(AdjustmentGroup.CONTRACTUAL, "1", DOLLAR)
    line = dataclasses.replace(LINE, charge=LINE.charge + DOLLAR, adjustments=(*LINE.adjustments, other))
    assert line.deductible == 20 * DOLLAR


def test_a_charge_that_is_not_explained_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"line 1 charge '85000001': must be 85000000"):
        dataclasses.replace(LINE, charge=LINE.charge + 1)
    with pytest.raises(InvalidInput, match="must not be negative"):
        dataclasses.replace(LINE, paid=-1)


@pytest.mark.parametrize(("reason", "amount"), [("45", 0), ("45", -1), ("", 1), ("CO45", 1), ("45", 2**64)])
def test_an_adjustment_has_a_reason_and_an_amount(reason: str, amount: int) -> None:
    with pytest.raises(InvalidInput):
        Adjustment(AdjustmentGroup.CONTRACTUAL, reason, amount)


def test_a_payment_has_lines_and_a_zone() -> None:
    with pytest.raises(InvalidInput, match="must be one at least"):
        dataclasses.replace(PAYMENT, lines=())
    with pytest.raises(InvalidInput, match="needs a time zone"):
        dataclasses.replace(PAYMENT, settled=PAYMENT.settled.replace(tzinfo=None))


ADJUSTMENTS = st.lists(
    st.builds(
        Adjustment,
        st.sampled_from(AdjustmentGroup),
        st.sampled_from(["1", "2", "3", "18", "29", "45", "197", "198"]),
        st.integers(1, 10**12),
    ),
    max_size=5,
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**12), ADJUSTMENTS), min_size=1, max_size=3))
def test_on_every_item_submitted_is_benefit_plus_adjustments(lines: list[tuple[int, list[Adjustment]]]) -> None:
    paid = tuple(
        LinePayment(i + 1, LINE.code, amount + sum(one.amount for one in given_), amount, tuple(given_))
        for i, (amount, given_) in enumerate(lines)
    )
    benefit = written(dataclasses.replace(PAYMENT, lines=paid))
    for item in benefit["item"]:
        submitted, *rest = (Decimal(one["amount"]["value"]) for one in item["adjudication"])
        assert submitted == sum(rest) == Decimal(item["net"]["value"])
    totals = [Decimal(total["amount"]["value"]) * DOLLAR for total in benefit["total"]]
    assert totals == [sum(line.charge for line in paid), sum(line.paid for line in paid)]
