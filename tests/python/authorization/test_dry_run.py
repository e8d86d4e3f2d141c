"""What would be decided of a request, and the sentence that says why."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from careledger.authorization.code_systems import HCPCS, Code
from careledger.authorization.decision import Action, Basis, Circumstances, LineDecision, decide
from careledger.authorization.dry_run import DryRunContext, dry_run, explain
from careledger.authorization.request import AuthorizationRequest, BusinessIdentifier, Party, RequestLine
from careledger.authorization.rule_file import load_rule_file
from careledger.authorization.rule_set import RuleSet

SYSTEM = "https://provider.example/requests"
UNITS = "https://codesystem.x12.org/005010/355"
RECEIVED = int(dt.datetime(2027, 3, 1, 9, tzinfo=dt.UTC).timestamp())
PLAN_OF_CARE = 1 << 32
VISIT = Code(UNITS, "VS")
HOUR = Code(UNITS, "HS")
ITEM = Code(UNITS, "UN")


@pytest.fixture(scope="module")
def policy() -> RuleSet:
    return load_rule_file(Path(__file__).parent / "policy.yaml")


def line(sequence: int = 1, code: str = "G0299", **values: Any) -> RequestLine:
    given = {"milli_units": 10_000, "unit": VISIT, "amount": 1_700_000_000, "first_day": dt.date(2027, 3, 2), **values}
    return RequestLine(sequence, Code(HCPCS, code), **given)


def request(*lines: RequestLine, expedited: bool = False) -> AuthorizationRequest:
    party = Party("Organization/1", (BusinessIdentifier(SYSTEM, "1"),))
    return AuthorizationRequest(
        identifier=BusinessIdentifier(SYSTEM, "r-1"),
        provider=party,
        insurer=party,
        patient=party,
        coverage=party,
        lines=lines,
        expedited=expedited,
    )


def context(**values: Any) -> DryRunContext:
    return DryRunContext(**{"received_at": RECEIVED, "documents": PLAN_OF_CARE, **values})


WAITS = "Waits for a person: "
IN_FORCE = "from 2027-01-01 to 2027-12-31"
CASES: list[tuple[RequestLine, dict[str, Any], Action, Basis, str]] = [
    (line(), {}, Action.APPROVED_IN_FULL, Basis.WITHIN_RULES,
     "Approved in full: 10 visit of home-nursing are within the rules."),
    (line(), {"gold_card_classes": frozenset({10}), "documents": 0}, Action.APPROVED_IN_FULL, Basis.GOLD_CARD,
     "Approved in full: the provider holds a gold card for home-nursing."),
    (line(), {"taken_milli_units": {10: 55_500}}, Action.APPROVED_IN_PART, Basis.UNITS_OVER_PERIOD_LIMIT,
     "Approved in part: 4.5 of 10 visit of home-nursing, which is what the period has left."),
    (line(), {"taken_milli_units": {10: 60_000}}, Action.PENDED, Basis.UNITS_OVER_PERIOD_LIMIT,
     "Waits for a person: 10 are asked for, 60 are taken, and the limit of the period is 60 visit."),
    (line(), {"covered": False}, Action.PENDED, Basis.COVERAGE_UNVERIFIED,
     "Waits for a person: the insurer has not confirmed that the member is covered."),
    (line(code="Z9999"), {}, Action.PENDED, Basis.NO_RULE,
     "Waits for a person: the code is in no class of this policy."),
    (line(), {"received_at": RECEIVED - 90 * 86_400}, Action.PENDED, Basis.NO_RULE,
     f"{WAITS}the rule for home-nursing is in force {IN_FORCE}, and the request came on 2026-12-01."),
    (line(code="A0428"), {}, Action.NOT_REQUIRED, Basis.NOT_REQUIRED, "No authorization is needed for transport."),
    (line(code="15780"), {}, Action.DENIED, Basis.CONTRACT_EXCLUSION,
     "Denied: the contract between insurer and provider excludes cosmetic."),
    (line(code="E1390"), {}, Action.PENDED, Basis.CONDITIONAL_COVERAGE,
     "Waits for a person: home-oxygen is covered under conditions that a person judges."),
    (line(), {"documents": 0}, Action.PENDED, Basis.DOCUMENTS_MISSING,
     "Waits for a person: documents are missing: plan-of-care."),
    (line(code="G0156", unit=HOUR), {}, Action.PENDED, Basis.EXPEDITED_ONLY,
     "Waits for a person: the rules decide only expedited requests of home-aide."),
    (line(first_day=dt.date(2027, 2, 1)), {}, Action.PENDED, Basis.RETROSPECTIVE,
     "Waits for a person: the service began on 2027-02-01, before the request came on 2027-03-01."),
    (line(unit=ITEM), {}, Action.PENDED, Basis.UNIT_MISMATCH,
     "Waits for a person: the request counts in item, the rule for home-nursing in visit."),
    (line(milli_units=None), {}, Action.PENDED, Basis.UNIT_MISMATCH,
     "Waits for a person: the request counts in no known unit, the rule for home-nursing in visit."),
    (line(amount=None), {}, Action.PENDED, Basis.AMOUNT_UNKNOWN, "Waits for a person: the amount is not known."),
    (line(amount=3_600_000_001), {}, Action.PENDED, Basis.AMOUNT_OVER_LIMIT,
     "Waits for a person: 3600.000001 USD is asked for, and the limit is 3600.00."),
    (line(amount=1_800_000_001), {}, Action.PENDED, Basis.AMOUNT_OVER_LIMIT,
     "Waits for a person: 1800.000001 USD is asked for, and 10 at no more than 180.00 each are 1800.00."),
    (line(milli_units=20_001), {}, Action.PENDED, Basis.UNITS_OVER_REQUEST_LIMIT,
     "Waits for a person: 20.001 are asked for, and the limit of one request is 20 visit."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "here", "action", "basis", "why"), CASES, ids=lambda value: getattr(value, "name", "")
)
def test_a_decision_is_explained(
    policy: RuleSet, asked: RequestLine, here: dict[str, Any], action: Action, basis: Basis, why: str
) -> None:
    (found,) = dry_run(policy, request(asked), context(**here))
    assert (found.decision.action, found.decision.basis, found.why) == (action, basis, why)
    assert found.sequence == 1


def test_lines_are_decided_in_order_and_cancelled_ones_left_out(policy: RuleSet) -> None:
    most = {"milli_units": 20_000, "amount": 0}
    asked = request(line(1, **most), line(2, cancelled=True), line(3, **most), line(4, **most), line(7))
    found = dry_run(policy, asked, context(taken_milli_units={10: 5_000}))
    assert [(one.sequence, one.decision.milli_units) for one in found] == [
        (1, 20_000),
        (3, 20_000),
        (4, 15_000),
        (7, 0),
    ]


def test_the_request_says_whether_it_is_expedited(policy: RuleSet) -> None:
    asked = request(line(code="G0156", unit=HOUR, amount=1), expedited=True)
    assert dry_run(policy, asked, context())[0].decision.basis is Basis.WITHIN_RULES


def test_every_basis_of_the_rules_has_words(policy: RuleSet) -> None:
    """Those too that this policy never comes to."""
    here = Circumstances(RECEIVED, RECEIVED, RECEIVED - 1)
    asked = policy.line(line(), here.day)
    decided = decide(asked, policy.authorization_rule_of(10), here)
    assert "has expired" in explain(policy, decided, here)
    for basis, words in ((Basis.NOT_COVERED, "is not covered"), (Basis.REVIEW_REQUIRED, "every request")):
        assert words in explain(policy, LineDecision(Action.PENDED, basis, asked), here)
    unknown = LineDecision(Action.PENDED, Basis.NO_RULE, type(asked)(77, 1, 1, 1, 1))
    assert "the policy has no rule for class 77" in explain(policy, unknown, here)
