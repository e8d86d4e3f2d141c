"""Rule files: what a good one becomes, and that a bad one is told with its line, its name and its value."""

from __future__ import annotations

import hashlib
import json
import re
import time
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml
from careledger.authorization.class_tree import is_class_of
from careledger.authorization.code_systems import HCPCS, Code
from careledger.authorization.decision import UNKNOWN_AMOUNT, Line
from careledger.authorization.request import RequestLine
from careledger.authorization.rule_file import day_number, load_rule_file
from careledger.authorization.rule_file_shape import Flags, json_schema
from careledger.authorization.rule_set import NO_CLASS, NO_UNIT, RuleSet, hyphenated
from careledger.authorization.rules import Coverage, Pricing, RuleFlag, digest
from careledger.errors import InvalidInput, RuleFileInvalid

POLICY = Path(__file__).parent / "policy.yaml"
PAGE = Path(__file__).resolve().parents[3] / "docs" / "authorization-rules.md"
TEXT = POLICY.read_text()
SCHEMA = resources.files("careledger.authorization").joinpath("rule-file-v1.schema.json")
UNITS_OF_X12 = "https://codesystem.x12.org/005010/355"


@pytest.fixture(scope="module")
def policy() -> RuleSet:
    return load_rule_file(POLICY)


def line_of(part: str, after: str = "") -> int:
    """The line on which a part of the policy stands, the first after another part."""
    start = TEXT.index(after)
    return TEXT.count("\n", 0, TEXT.index(part, start)) + 1


def load(folder: Path, text: str) -> RuleSet:
    path = folder / "policy.yaml"
    path.write_text(text)
    return load_rule_file(path)


def refusals(folder: Path, text: str) -> list[tuple[int, str, str, str]]:
    with pytest.raises(RuleFileInvalid) as caught:
        load(folder, text)
    first = caught.value
    assert first.path == str(folder / "policy.yaml")
    return [(one.line, one.name, one.value, one.problem) for one in (first, *first.others)]


# ---------------------------------------------------------------------- what a good one becomes


def test_values_become_integers_with_their_units(policy: RuleSet) -> None:
    rule = policy.authorization_rule_of(10)
    assert rule.coverage is Coverage.COVERED
    assert rule.flags == (
        RuleFlag.AUTHORIZATION_NEEDED
        | RuleFlag.ALLOW_PARTIAL
        | RuleFlag.SECOND_OPINION
        | RuleFlag.GOLD_CARD_OK
        | RuleFlag.DEDUCTIBLE
        | RuleFlag.INCLUDES_OTHERS
    )
    assert (rule.unit_code, rule.validity_days, rule.required_documents) == (1, 60, 1 << 32)
    assert (rule.first_day, rule.last_day) == (day_number("2027-01-01"), day_number("2027-12-31"))
    assert (rule.max_milli_units_per_request, rule.max_milli_units_per_period) == (20_000, 60_000)
    assert (rule.max_unit_price, rule.max_amount) == (180_000_000, 3_600_000_000)
    assert (rule.gold_card_requests, rule.gold_card_approval_rate, rule.gold_card_window_days) == (20, 9200, 90)
    claim = policy.claim_rule_of(10)
    assert claim is not None
    assert (claim.fast_track_maximum, claim.unit_price, claim.copay) == (1_000_000_000, 165_500_000, 20_000_000)
    assert (claim.coinsurance, claim.filing_days, claim.max_milli_units_per_day) == (1000, 90, 2000)
    assert policy.authorization_rule_of(11).max_milli_units_per_request == 37_500
    episode = policy.claim_rule_of(40)
    assert episode is not None
    assert (episode.pricing, episode.episode_weight, episode.coinsurance) == (Pricing.EPISODE, 19_684, 1250)
    assert policy.terms.receipt_window == 3 * 86_400
    assert policy.authorization_rule_of(999).coverage is Coverage.UNSET
    assert policy.claim_rule_of(999) is None


def test_rules_are_sorted_by_class_and_the_digest_is_theirs(policy: RuleSet, tmp_path: Path) -> None:
    assert [rule.benefit_class for rule in policy.rules] == [10, 11, 20, 30, 40, 90]
    assert policy.digest == digest(policy.terms, policy.rules)
    head, *rules = re.split(r"(?m)^(?=  [a-z-]+:\n    coverage)", TEXT)
    assert len(rules) == 6
    assert load(tmp_path, head + "\n".join(reversed(rules))).digest == policy.digest


def test_codes_are_in_their_classes_and_the_root_binds_them(policy: RuleSet) -> None:
    assert policy.class_of("HCPCS", "g0300") == policy.class_of("http://www.ama-assn.org/go/cpt", "G0300") == 10
    assert policy.class_of("MS-DRG", "470") == 40
    assert policy.class_of("HCPCS", "Z9999") == NO_CLASS
    assert policy.terms.class_root == policy.class_tree.root
    code = Code(HCPCS, "E1390")
    assert is_class_of(policy.terms.class_root, code, 20, policy.class_tree.proof(code))
    assert not is_class_of(policy.terms.class_root, code, 10, policy.class_tree.proof(code))


def test_a_request_line_becomes_the_contracts(policy: RuleSet) -> None:
    code = Code(HCPCS, "G0299")
    full = RequestLine(1, code, milli_units=12_500, unit=Code(UNITS_OF_X12, "VS"), unit_price=100)
    assert policy.line(full, 20_900) == Line(10, 1, 12_500, 1250, 20_900)
    assert policy.line(RequestLine(1, code), 20_900) == Line(10, NO_UNIT, 1000, UNKNOWN_AMOUNT, 20_900)
    assert policy.line(RequestLine(1, code, milli_units=1), 20_900).unit_code == 3
    other = RequestLine(1, Code(HCPCS, "Z9999"), milli_units=1, unit=Code(UNITS_OF_X12, "DA"))
    assert policy.line(other, 20_900) == Line(NO_CLASS, NO_UNIT, 1, UNKNOWN_AMOUNT, 20_900)


def test_names_are_found_by_number(policy: RuleSet) -> None:
    assert (policy.class_name(10), policy.class_name(77)) == ("home-nursing", "class 77")
    assert (policy.unit_name(2), policy.unit_name(9), policy.unit_name(0)) == ("hour", "unit 9", "no known unit")
    assert policy.document_kinds(1 << 32 | 1 << 3 | 1 << 50) == ["imaging", "plan-of-care", "kind 50"]


def test_the_policy_document_may_be_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "policy.pdf").write_bytes(b"the policy")
    found = load(tmp_path, re.sub("document: .*", "document: policy.pdf", TEXT, count=1))
    assert found.terms.document == hashlib.sha256(b"the policy").digest()


def test_codes_may_come_from_a_csv_file(policy: RuleSet, tmp_path: Path) -> None:
    rows = [f"{code.system},{code.code},{policy.class_name(number)},text" for code, number in policy.codes.items()]
    (tmp_path / "codes.csv").write_text("\n".join(["system,code,class,note", *rows]))
    inline = TEXT[TEXT.index("codes:\n  HCPCS") : TEXT.index("rules:\n")]
    found = load(tmp_path, TEXT.replace(inline, "code_file: codes.csv\n\n"))
    assert found.codes == policy.codes
    assert found.digest == policy.digest


def test_a_value_is_its_text_however_it_is_quoted(policy: RuleSet, tmp_path: Path) -> None:
    quoted = TEXT.replace("max_amount: 3600.00", 'max_amount: "3600"').replace("[469, 470]", '["469", "470"]')
    assert load(tmp_path, quoted).digest == policy.digest


def test_three_hundred_rules_load_fast(tmp_path: Path) -> None:
    block = TEXT[TEXT.index("  home-nursing:\n    coverage") : TEXT.index("  home-aide:\n    coverage")]
    classes = "".join(f"  extra-{i}: {1000 + i}\n" for i in range(300))
    rules = "".join(block.replace("home-nursing", f"extra-{i}") for i in range(300))
    text = TEXT.replace("classes:\n", f"classes:\n{classes}") + "\n" + rules
    started = time.perf_counter()
    assert len(load(tmp_path, text).rules) == 306
    assert time.perf_counter() - started < 3


# ---------------------------------------------------------------------- what is wrong in a bad one

RULES = "rules:\n"
REPLACED: list[tuple[str, str, str, str, str]] = [
    # what stands there, what is put in its place, the name told, the value told, a part of the problem
    ("version: 1", "version: 2", "version", "2", "must be 1"),
    ("format: careledger-rule-file", "format: rules", "format", "rules", "must be careledger-rule-file"),
    ("currency: USD", "currency: usd", "settlement.currency", "usd", "three capital letters"),
    ("decimals: 6", "decimals: 19", "settlement.decimals", "19", "from 0 to 18"),
    ("plan: 1001", "plan: 1.5", "terms.plan", "1.5", "whole number from 0"),
    ("plan: 1001", "plan: 4294967296", "terms.plan", "4294967296", "whole number from 0"),
    ("receipt_window: 3 d", "receipt_window: 3 days", "terms.receipt_window", "3 days", "such as 72 h"),
    ("receipt_window: 3 d", "receipt_window: 8 d", "terms.receipt_window", "8 d", "7 days"),
    ("appeal_days: 180", "appeal_days: 0", "terms.appeal_days", "0", "1 or more"),
    ("shadow: false", "shadow: no", "terms.shadow", "no", "must be true or false"),
    ("deductible: 1500.00", "deductible: 6000.01", "terms.deductible", "6000.01", "out-of-pocket maximum"),
    ("deductible: 1500.00", "deductible: 0.0000001", "terms.deductible", "0.0000001", "more than 6 decimals"),
    ("deductible: 1500.00", "deductible: -1", "terms.deductible", "-1", "negative"),
    ("base_rate: 6500.00", "base_rate: 1e13", "terms.base_rate", "1e13", "minor units"),
    ("home-aide: 11", "home-aide: 10", "classes.home-aide", "10", "number of home-nursing"),
    ("home-aide: 11", "home-aide: 0", "classes.home-aide", "0", "from 1 to 65535"),
    ("  home-aide: 11", "  Home_Aide: 11", "classes.Home_Aide", "Home_Aide", "small letters"),
    ("plan-of-care: 32", "plan-of-care: 64", "document_kinds.plan-of-care", "64", "from 0 to 63"),
    ("plan-of-care: 32", "plan-of-care: 3", "document_kinds.plan-of-care", "3", "number of imaging"),
    ("number: 2", "number: 1", "units.hour.number", "1", "number of visit"),
    ("[HS]", "[VS]", f"units.hour.codes.{UNITS_OF_X12}.0", "VS", "another unit"),
    ("home-aide: [G0156]", "home-aide: [g0299]", "codes.HCPCS.home-aide.0", "g0299", "another class already"),
    ("home-aide: [G0156]", "home-aide: [G0156, G0156]", "codes.HCPCS.home-aide.1", "G0156", "stands twice"),
    ("home-aide: [G0156]", "home-aid: [G0156]", "codes.HCPCS.home-aid", "home-aid", "did you mean home-aide"),
    ("coverage: covered", "coverage: covers", "rules.home-nursing.coverage", "covers", "must be covered, not-covered"),
    ("[authorization-needed, allow", "[needed, allow", "rules.home-nursing.flags.0", "needed", "authorization-needed"),
    ("first_day: 2027-01-01", "first_day: 2028-01-01", "rules.home-nursing.last_day", "2027-12-31", "before the first"),
    ("first_day: 2027-01-01", "first_day: 2027-02-29", "rules.home-nursing.first_day", "2027-02-29", "must be a date"),
    ("first_day: 2027-01-01", "first_day: 1.1.2027", "rules.home-nursing.first_day", "1.1.2027", "must be a date"),
    ("last_day: 2027-12-31", "last_day: 2150-01-01", "rules.home-nursing.last_day", "2150-01-01", "to 2149-06-06"),
    ("unit: visit", "unit: visits", "rules.home-nursing.unit", "visits", "did you mean visit"),
    ("validity_days: 60", "validity_days: 0", "rules.home-nursing.validity_days", "0", "1 or more"),
    ("[plan-of-care]", "[plan-of-cure]", "rules.home-nursing.documents.0", "plan-of-cure", "mean plan-of-care"),
    ("[plan-of-care]", "[64]", "rules.home-nursing.documents.0", "64", "below 64"),
    ("[plan-of-care]", "plan-of-care", "rules.home-nursing.documents", "plan-of-care", "must be a list"),
    ("request: 20", "request: 20.0001", "rules.home-nursing.max_units_per_request", "20.0001", "more than 3 decimals"),
    ("request: 20", "request: 60.001", "rules.home-nursing.max_units_per_request", "60.001", "limit of the period"),
    ("request: 20", "request: 0", "rules.home-nursing.max_units_per_request", "0", "more than 0"),
    ("max_amount: 3600.00", "max_amount: 3,600.00", "rules.home-nursing.max_amount", "3,600.00", "decimal number"),
    ("max_amount: 3600.00", "max_amout: 3600.00", "rules.home-nursing.max_amout", "3600.00", "did you mean max_amount"),
    ("92%", "101%", "rules.home-nursing.gold_card.approval_rate", "101%", "0% to 100%"),
    ("92%", "92", "rules.home-nursing.gold_card.approval_rate", "92", "0% to 100%"),
    ("window_days: 90", "window_days: 0", "rules.home-nursing.gold_card.window_days", "0", "more than 0"),
    ("copay: 20.00", "copay: [20.00]", "rules.home-nursing.claim.copay", "", "single value"),
    ("filing_days: 90", "filing_days: 65536", "rules.home-nursing.claim.filing_days", "65536", "to 65535"),
    ("part_of: home-nursing", "part_of: transport", "rules.home-aide.claim.part_of", "transport", "includes-others"),
    ("part_of: home-nursing", "part_of: home-aide", "rules.home-aide.claim.part_of", "home-aide", "class itself"),
    ("episode_weight: 1.9684", "episode_weight: 0", "rules.hip-replacement.claim.episode_weight", "0", "more than 0"),
    ("episode_weight: 1.9684", "episode_weight: 1.96841", "rules.hip-replacement.claim.episode_weight", "1.96841", "4"),
    ("copay: 75.00", "copay: 75.00\n      episode_weight: 1", "rules.transport.claim.episode_weight", "1", "no effect"),
    ("deny-not-covered]", "gold-card-ok]", "rules.cosmetic.gold_card", "", "is missing"),
]


@pytest.mark.parametrize("case", REPLACED, ids=[f"{index} {case[2]}" for index, case in enumerate(REPLACED)])
def test_a_wrong_value_is_told_with_its_line(case: tuple[str, str, str, str, str], tmp_path: Path) -> None:
    old, new, name, value, problem = case
    start = TEXT.index(RULES) if old not in TEXT[: TEXT.index(RULES)] else 0
    changed = TEXT[:start] + TEXT[start:].replace(old, new, 1)
    found = [one for one in refusals(tmp_path, changed) if one[1] == name and problem in one[3]]
    assert found, refusals(tmp_path, changed)
    line, _, told, _ = found[0]
    assert told == value
    if value and value in new:
        assert value in changed.splitlines()[line - 1]


MISSING = [
    ("  plan: 1001\n", "terms.plan", "terms:"),
    ("    max_units_per_request: 20\n", "rules.home-nursing.max_units_per_request", "  home-nursing:\n    coverage"),
    ("    unit: visit\n", "rules.home-nursing.unit", "  home-nursing:\n    coverage"),
    ("    max_amount: 3600.00\n", "rules.home-nursing.max_amount", "  home-nursing:\n    coverage"),
    ("      fast_track_maximum: 1000.00\n", "rules.home-nursing.claim.fast_track_maximum", "    claim:"),
]


@pytest.mark.parametrize(("removed", "name", "parent"), MISSING)
def test_what_is_missing_is_told_where_it_should_stand(removed: str, name: str, parent: str, tmp_path: Path) -> None:
    text = TEXT.replace(removed, "", 1)
    line = text.count("\n", 0, text.index(parent)) + 1
    assert refusals(tmp_path, text) == [(line, name, "", "is missing")]


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("format: a\nformat: b\n", 2, "stands twice"),
        ("format:\n", 1, "has no value"),
        ("format: ~\n", 1, "has no value"),
        ("a: 1\nb: &x 2\n", 2, "anchor or alias"),
        ("a: 1\nb: *x\n", 2, "anchor or alias"),
        ("a: !!python/name:os.system 1\n", 1, "is a tag"),
        ("a: [1\nb: 2\n", 2, "is not YAML"),
        ("a: 1\n\n  b: 2\n", 3, "is not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("a: 1\n? [b]\n: 2\n", 2, "name that is no text"),
        ("", 1, "is empty"),
        ("[" * 2000, 1, "nested deeper"),
        ("a: 1\nb: \x07\n", 2, "may not stand"),
        ("- a\n", 1, "must be a mapping"),
        ("text\n", 1, "must be a mapping"),
    ],
)
def test_what_is_no_strict_yaml_is_told_with_its_line(content: str, line: int, problem: str, tmp_path: Path) -> None:
    found = refusals(tmp_path, content)[0]
    assert found[0] == line
    assert problem in found[3]


def test_what_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(RuleFileInvalid, match=r"policy\.yaml:2: content 'byte 8' is not UTF-8"):
        load_rule_file(path)


def test_all_that_is_wrong_is_told_at_once_by_line(tmp_path: Path) -> None:
    text = TEXT.replace("plan: 1001", "plan: x").replace("unit: hour", "unit: our").replace("copay: 75.00", "copay: y")
    found = refusals(tmp_path, text)
    assert [(line, name) for line, name, _, _ in found] == [
        (line_of("plan: 1001"), "terms.plan"),
        (line_of("unit: hour"), "rules.home-aide.unit"),
        (line_of("copay: 75.00"), "rules.transport.claim.copay"),
    ]
    with pytest.raises(RuleFileInvalid) as caught:
        load(tmp_path, text)
    assert len(str(caught.value).splitlines()) == 3


def test_a_rule_for_no_class_and_no_codes_are_told(tmp_path: Path) -> None:
    text = TEXT.replace("  cosmetic:\n    coverage", "  cosmetics:\n    coverage")
    assert refusals(tmp_path, text)[0][1:3] == ("rules.cosmetics", "cosmetics")
    inline = TEXT[TEXT.index("codes:\n  HCPCS") : TEXT.index(RULES)]
    assert "neither codes nor a code_file" in refusals(tmp_path, TEXT.replace(inline, ""))[0][3]


def test_wrong_lines_of_the_csv_file_are_told_by_its_own_lines(tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text(
        "system,code,class\nHCPCS,G1111,transport\nHCPCS,G2222,transports\nHCPCS,,transport\n"
    )
    with pytest.raises(RuleFileInvalid) as caught:
        load(tmp_path, TEXT.replace(RULES, "code_file: codes.csv\n\n" + RULES))
    told = [(Path(one.path).name, one.line, one.name, one.value) for one in (caught.value, *caught.value.others)]
    assert told == [("codes.csv", 3, "class", "transports"), ("codes.csv", 4, "code", "HCPCS|")]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"system,code\n", "lacks class"),
        (b"", "lacks system, code, class"),
        (b"system,code,class\n\xff,1,transport\n", "is not CSV in UTF-8"),
        (b'system,code,class\n"HCPCS"x,1,transport\n', "is not CSV in UTF-8"),
    ],
)
def test_a_csv_file_that_is_none_is_told(content: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_bytes(content)
    with pytest.raises(RuleFileInvalid, match=problem):
        load(tmp_path, TEXT.replace(RULES, "code_file: codes.csv\n\n" + RULES))


def test_files_that_are_not_there_are_told(tmp_path: Path) -> None:
    text = TEXT.replace(RULES, "code_file: none.csv\n\n" + RULES)
    text = re.sub("document: .*", "document: none.pdf", text, count=1)
    assert {(name, value) for _, name, value, _ in refusals(tmp_path, text)} == {
        ("terms.document", "none.pdf"),
        ("code_file", "none.csv"),
    }


def test_code_systems_of_other_countries_can_be_named(tmp_path: Path) -> None:
    added = "code_systems:\n  https://example.org/chs-drg: [CHS-DRG]\n\n"
    text = TEXT.replace("codes:\n  HCPCS", added + "codes:\n  CHS-DRG:\n    transport: [001]\n  HCPCS")
    assert load(tmp_path, text).class_of("chs-drg", "001") == 30
    clash = text.replace("[CHS-DRG]", "[CHS-DRG, CPT]")
    assert refusals(tmp_path, clash)[0][1:] == ("code_systems.https://example.org/chs-drg", "CPT", clash_problem())


def clash_problem() -> str:
    return "is a spelling of http://www.ama-assn.org/go/cpt already"


def test_only_days_that_the_contract_counts_are_taken() -> None:
    assert (day_number("1970-01-01"), day_number("2149-06-06")) == (0, 65_535)
    for text in ("1969-12-31", "2149-06-07", "20270101", "2027-W01-1", "2027-1-1", ""):
        with pytest.raises(InvalidInput, match="must be a date"):
            day_number(text)


# ---------------------------------------------------------------------- the schema, and the page


def untyped(text: str) -> Any:
    return yaml.load(text, Loader=yaml.BaseLoader)


def typed(text: str) -> Any:
    """As an editor reads it, with days as text."""
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


def test_the_published_schema_is_the_models() -> None:
    made = json.dumps(json_schema(), indent=2) + "\n"
    way = "json.dumps(json_schema(), indent=2)"
    assert SCHEMA.read_text() == made, f"stale: write {way} to python/careledger/authorization/{SCHEMA.name}"
    jsonschema.Draft202012Validator.check_schema(json.loads(made))


def test_the_policy_follows_the_schema_however_yaml_is_read() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    validator.validate(untyped(TEXT))
    validator.validate(typed(TEXT))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_amount: 3600.00", "max_amout: 3600.00"),
        ("max_amount: 3600.00", "max_amount: 3,600.00"),
        ("coverage: covered", "coverage: covers"),
        ("approval_rate: 92%", "approval_rate: 92"),
        ("documents: [plan-of-care]", "documents: plan-of-care"),
        ("  plan: 1001\n", ""),
        ("copay: 20.00", "copay:"),
    ],
)
def test_the_schema_refuses_what_has_another_shape(old: str, new: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json_schema()).validate(typed(TEXT.replace(old, new, 1)))


def test_flags_are_the_contracts() -> None:
    assert [hyphenated(flag.name or "") for flag in RuleFlag] == list(get_args(Flags))


def test_the_page_shows_this_policy(policy: RuleSet) -> None:
    page = PAGE.read_text()
    assert f"```yaml\n{TEXT}```" in page
    assert f"# {policy.digest.hex()[:16]} 10 home-nursing" in page
