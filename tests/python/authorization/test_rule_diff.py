"""What changed between two versions: in words, as JSON, and nothing that changes the digest is left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from careledger.authorization.code_systems import HCPCS
from careledger.authorization.rule_diff import Difference, RuleDifference, describe, diff
from careledger.authorization.rule_file import load_rule_file
from careledger.authorization.rule_set import RuleSet

POLICY = Path(__file__).parent / "policy.yaml"
TEXT = POLICY.read_text()
Compare = Callable[..., RuleDifference]


@pytest.fixture(scope="module")
def policy() -> RuleSet:
    return load_rule_file(POLICY)


@pytest.fixture
def changed(policy: RuleSet, tmp_path: Path) -> Compare:
    """The difference that replacing parts of the policy makes."""

    def compare(*replacements: tuple[str, str]) -> RuleDifference:
        text = TEXT
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "policy.yaml"
        path.write_text(text)
        return diff(policy, load_rule_file(path))

    return compare


def test_nothing_changed(changed: Compare) -> None:
    same = changed()
    assert same.is_empty
    assert list(same.sentences()) == []
    assert same.old_digest == same.new_digest


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("plan: 1001", "plan: 1002", "terms: plan was 1001, is 1002"),
        ("receipt_window: 3 d", "receipt_window: 90 min", "terms: receipt_window was 3 d, is 90 min"),
        ("shadow: false", "shadow: true", "terms: shadow was false, is true"),
        ("deductible: 1500.00", "deductible: 1750.5", "terms: deductible was 1500.00 USD, is 1750.50 USD"),
        ("decimals: 6", "decimals: 5", "terms: settlement.decimals was 6, is 5"),
        (
            "coverage: conditional",
            "coverage: covered\n    max_unit_price: 1\n    max_amount: 1",
            "home-oxygen: coverage was conditional, is covered",
        ),
        ("allow-partial, second", "no-auto, second", "home-nursing: flags gained no-auto and lost allow-partial"),
        ("first_day: 2027-01-01", "first_day: 2027-02-01", "home-nursing: first_day was 2027-01-01, is 2027-02-01"),
        ("unit: visit", "unit: hour", "home-nursing: unit was visit (1), is hour (2)"),
        ("number: 1\n", "number: 9\n", "home-nursing: unit was visit (1), is visit (9)"),
        (
            "plan-of-care: 32",
            "plan-of-care: 33",
            "home-nursing: documents gained plan-of-care (33) and lost plan-of-care (32)",
        ),
        ("request: 37.5", "request: 38", "home-aide: max_units_per_request was 37.5, is 38"),
        ("max_amount: 3600.00", "max_amount: 3700", "home-nursing: max_amount was 3600.00 USD, is 3700.00 USD"),
        ("92%", "92.5%", "home-nursing: gold_card.approval_rate was 92%, is 92.5%"),
        ("coinsurance: 10%", "coinsurance: 0.05%", "home-nursing: claim.coinsurance was 10%, is 0.05%"),
        ("unit_price: 165.50\n      ", "", "home-nursing: claim.unit_price was 165.50 USD, is none"),
        ("part_of: home-nursing", "max_units_per_day: 4", "home-aide: claim.part_of was home-nursing (10), is none"),
        ("episode_weight: 1.9684", "episode_weight: 2", "hip-replacement: claim.episode_weight was 1.9684, is 2.0000"),
        ("G0299, G0300", "G0299", f"codes: {HCPCS}|G0300 was in home-nursing and is in no class any more"),
        ("[A0426, A0428]", "[A0426, A0428, A0999]", f"codes: {HCPCS}|A0999 is new, in transport"),
        (
            "[G0299, G0300]\n    home-aide: [G0156]",
            "[G0299]\n    home-aide: [G0156, G0300]",
            f"codes: {HCPCS}|G0300 was in home-nursing, is in home-aide",
        ),
    ],
)
def test_a_change_in_words(old: str, new: str, sentence: str, changed: Compare) -> None:
    found = changed((old, new))
    assert sentence in list(found.sentences())
    assert not found.is_empty
    assert found.old_digest != found.new_digest


def test_a_rule_that_came_and_one_that_went(changed: Compare) -> None:
    block = TEXT[TEXT.index("  cosmetic:\n    coverage") :]
    added = ("cosmetic: 90\n", "cosmetic: 90\n  dental: 91\n")
    found = changed(added, (block, block.replace("cosmetic", "dental")))
    assert [(one.number, one.name, one.difference) for one in found.classes] == [
        (90, "cosmetic", Difference.REMOVED),
        (91, "dental", Difference.ADDED),
    ]
    assert list(found.sentences()) == ["cosmetic: has no rule any more", "dental: has a rule now"]


def test_a_class_with_another_name_is_the_same_class(changed: Compare) -> None:
    found = changed(*[("transport", "ambulance")] * 3)
    assert list(found.sentences()) == ["ambulance: name was transport, is ambulance"]
    assert found.old_digest == found.new_digest


def test_the_json_says_the_same(changed: Compare) -> None:
    found = changed(("max_amount: 3600.00", "max_amount: 3700"), ("plan: 1001", "plan: 1002"), ("[G0299, ", "["))
    said = json.loads(json.dumps(found.to_json()))
    assert said["terms"] == [{"member": "plan", "old": "1001", "new": "1002"}]
    assert said["classes"] == [
        {
            "class": 10,
            "name": "home-nursing",
            "difference": "changed",
            "changes": [{"member": "max_amount", "old": "3600.00 USD", "new": "3700.00 USD"}],
        }
    ]
    assert [(one["code"], one["old"], one["new"]) for one in said["codes"]] == [("G0299", "home-nursing", None)]
    assert said["newDigest"] == "0x" + found.new_digest.hex()


def test_a_rule_is_described_by_the_names_of_the_file(policy: RuleSet) -> None:
    described = describe(policy, policy.rules[0])
    assert described["coverage"] == "covered"
    assert described["documents"] == ("plan-of-care (32)",)
    assert described["claim.copay"] == "20.00 USD"
