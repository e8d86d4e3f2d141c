"""Generated rules, written as a rule file by hand of this test, come back as the same integers."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from careledger.authorization.rule_diff import diff
from careledger.authorization.rule_file import load_rule_file
from careledger.authorization.rules import AuthorizationRule, BenefitRule, ClaimRule, RuleFlag
from generated_requests import generated_rules

START = 1_800_000_000
EPOCH = dt.date(1970, 1, 1)
HEAD = """\
format: careledger-rule-file
version: 1
settlement: {currency: EUR, decimals: 6}
terms: {plan: 1, receipt_window: 1 s, appeal_days: 1, shadow: true, deductible: 0, out_of_pocket_maximum: 0.000001,
  document: "0x1111111111111111111111111111111111111111111111111111111111111111"}
units: {one: {number: 1}, two: {number: 2}}
"""


def scaled(value: int, decimals: int) -> str:
    return f"{value // 10**decimals}.{value % 10**decimals:0{decimals}}"


def day(number: int) -> str:
    return (EPOCH + dt.timedelta(number)).isoformat()


def authorization_of(rule: AuthorizationRule) -> list[str]:
    kinds = [str(kind) for kind in range(64) if rule.required_documents >> kind & 1]
    lines = [
        f"coverage: {rule.coverage.name.lower().replace('_', '-')}",
        f"flags: [{', '.join((flag.name or '').lower().replace('_', '-') for flag in RuleFlag if flag & rule.flags)}]",
        f"first_day: {day(rule.first_day)}",
        f"last_day: {day(rule.last_day)}",
        f"unit: {'one' if rule.unit_code == 1 else 'two'}",
        f"validity_days: {rule.validity_days}",
        f"documents: [{', '.join(kinds)}]",
        f"max_units_per_request: {scaled(rule.max_milli_units_per_request, 3)}",
        f"max_units_per_period: {scaled(rule.max_milli_units_per_period, 3)}",
        f"max_unit_price: {scaled(rule.max_unit_price, 6)}",
        f"max_amount: {scaled(rule.max_amount, 6)}",
    ]
    if rule.flags & RuleFlag.GOLD_CARD_OK:
        rate = scaled(rule.gold_card_approval_rate, 2)
        card = f"requests: {rule.gold_card_requests}, approval_rate: {rate}%, window_days: {rule.gold_card_window_days}"
        lines.append(f"gold_card: {{{card}}}")
    return lines


def claim_of(rule: ClaimRule) -> list[str]:
    return [
        "claim:",
        f"  filing_days: {rule.filing_days}",
        f"  fast_track_maximum: {scaled(rule.fast_track_maximum, 6)}",
        f"  unit_price: {scaled(rule.unit_price, 6)}",
        f"  copay: {scaled(rule.copay, 6)}",
        f"  coinsurance: {scaled(rule.coinsurance, 2)} %",
        f"  max_units_per_day: {scaled(rule.max_milli_units_per_day, 3)}",
    ]


def written(rules: tuple[BenefitRule, ...]) -> str:
    lines = ["classes:"]
    lines += [f"  class-{rule.benefit_class}: {rule.benefit_class}" for rule in rules]
    lines += ["codes: {HCPCS: {class-1: [G0001]}}", "rules:"]
    for rule in reversed(rules):
        lines.append(f"  class-{rule.benefit_class}:")
        lines += [f"    {line}" for line in (*authorization_of(rule.authorization), *claim_of(rule.claim))]
    return HEAD + "\n".join(lines)


@pytest.mark.parametrize("seed", range(10))
def test_rules_come_back_as_they_were(seed: int, tmp_path: Path) -> None:
    rules = tuple(
        replace(
            rule,
            claim=replace(
                rule.claim,
                fast_track_maximum=seed * 999_999,
                unit_price=rule.benefit_class * 1_234_567,
                copay=2**56 - 1 - seed,
                coinsurance=(rule.benefit_class * 167 + seed) % 10_001,
                max_milli_units_per_day=rule.benefit_class,
            ),
        )
        for rule in generated_rules(seed, START)
    )
    path = tmp_path / "policy.yaml"
    path.write_text(written(rules))
    found = load_rule_file(path)
    assert found.rules == rules
    assert found.terms.shadow
    assert found.terms.out_of_pocket_maximum == 1
    assert diff(found, load_rule_file(path)).is_empty
