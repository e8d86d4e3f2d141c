"""A history of decisions held against a rule set: counts, differences by row, what cannot be read, and flat memory."""

from __future__ import annotations

import csv
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from careledger.authorization.decision import Basis
from careledger.authorization.outcome import ReviewAction
from careledger.authorization.replay import COLUMNS, Comparison, Replay, UnreadableRow, compare, read_history, replay
from careledger.authorization.rule_file import load_rule_file
from careledger.authorization.rule_set import RuleSet
from careledger.errors import InvalidInput

A1, A2, A3, A4, NA = (ReviewAction(code) for code in ("A1", "A2", "A3", "A4", "NA"))
GOOD = {
    "class": "home-nursing",
    "units": "10",
    "unit": "visit",
    "amount": "1700.00",
    "service_day": "2027-03-02",
    "received_at": "2027-03-01T09:00:00Z",
    "documents": "plan-of-care",
    "action": "A1",
}


@pytest.fixture(scope="module")
def policy() -> RuleSet:
    return load_rule_file(Path(__file__).parent / "policy.yaml")


def row(**values: str) -> dict[str, str | None]:
    return {**GOOD, **values}


def written(path: Path, *rows: dict[str, Any]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_agreement_and_differences_are_counted(policy: RuleSet, tmp_path: Path) -> None:
    path = written(
        tmp_path / "history.csv",
        row(),
        row(action="A3"),
        row(documents="", action="A4"),
        row(documents="", action="A1"),
        {**row(action="NA"), "class": "30"},
        {**row(action="A3"), "class": "", "code_system": "CPT", "code": "15780"},
        row(units="ten"),
    )
    found = replay(policy, read_history(path))
    assert found.rows == 7
    assert found.agreements == 4
    assert found.matrix == {(A1, A1): 1, (A3, A1): 1, (A4, A4): 1, (A1, A4): 1, (NA, NA): 1, (A3, A3): 1}
    assert found.by_basis[Basis.WITHIN_RULES] == found.by_basis[Basis.DOCUMENTS_MISSING] == 2
    assert [(one.row, one.past, one.now, one.basis) for one in found.differences] == [
        (3, A3, A1, Basis.WITHIN_RULES),
        (5, A1, A4, Basis.DOCUMENTS_MISSING),
    ]
    assert found.differences[1].why == "Waits for a person: documents are missing: plan-of-care."
    assert found.unreadable == (UnreadableRow(8, "units 'ten' must be a decimal number such as 12.5"),)
    assert not found.units_known


def test_an_unknown_code_is_judged_as_one_without_a_rule(policy: RuleSet) -> None:
    (found,) = compare(policy, [{**row(action="A4"), "class": "", "code_system": "CPT", "code": "00000"}])
    assert isinstance(found, Comparison)
    assert (found.now, found.basis, found.agrees) == (A4, Basis.NO_RULE, True)


def test_units_that_the_file_states_count(policy: RuleSet) -> None:
    found = replay(
        policy, [row(units_before="55", action="A2", units_granted="5"), row(units_before="60", action="A4")]
    )
    assert found.agreements == 2
    assert found.units_known
    partial = replay(policy, [row(units_before="55", action="A2", units_granted="4")])
    assert [(one.past_milli_units, one.now_milli_units) for one in partial.differences] == [(4000, 5000)]


def test_units_are_counted_by_what_was_really_granted(policy: RuleSet) -> None:
    rows = [
        row(member="m1", period="2027", units="20", amount="0", action="A1"),
        row(member="m2", period="2027", units="20", amount="0", action="A3"),
        row(member="m1", period="2027", units="20", amount="0", action="A2", units_granted="15.5"),
        row(member="m1", period="2028", units="20", amount="0", action="A1"),
        row(member="m1", period="2027", units="20", amount="0", action="A4"),
        row(member="m1", period="2027", units="20", amount="0", action="A1"),
        row(member="m1", period="2027", units="20", amount="0", action="A2", units_granted="4.5"),
    ]
    found = replay(policy, rows)
    assert found.units_known
    assert [(one.row, one.now, one.now_milli_units) for one in found.differences] == [
        (3, A1, 20_000),  # the rules would have approved what a person denied
        (4, A1, 20_000),
        (6, A1, 20_000),
    ]


def test_rows_out_of_order_cannot_be_counted(policy: RuleSet) -> None:
    earlier = row(member="m", received_at="2027-02-28")
    found = replay(policy, [row(member="m"), earlier, {**earlier, "units_before": "0"}])
    assert found.unreadable == (
        UnreadableRow(3, "received_at '2027-02-28' is before the row above: sort the file, or give units_before"),
    )


@pytest.mark.parametrize(
    ("changes", "basis"),
    [
        ({"covered": "false"}, Basis.COVERAGE_UNVERIFIED),
        ({"gold_card": "yes", "documents": ""}, Basis.GOLD_CARD),
        ({"class": "home-aide", "unit": "hour"}, Basis.EXPEDITED_ONLY),
        ({"class": "home-aide", "unit": "hour", "expedited": "true", "amount": "1"}, Basis.WITHIN_RULES),
        ({"unit": "hour"}, Basis.UNIT_MISMATCH),
        ({"unit": "furlong"}, Basis.UNIT_MISMATCH),
        ({"unit": ""}, Basis.UNIT_MISMATCH),
        ({"amount": ""}, Basis.AMOUNT_UNKNOWN),
        ({"documents": "32 imaging"}, Basis.WITHIN_RULES),
        ({"received_at": "2026-12-31T23:30:00-01:00"}, Basis.WITHIN_RULES),
        ({"received_at": "2026-12-31"}, Basis.NO_RULE),
    ],
)
def test_columns_mean_what_they_say(policy: RuleSet, changes: dict[str, str], basis: Basis) -> None:
    (found,) = compare(policy, [row(**changes)])
    assert isinstance(found, Comparison)
    assert found.basis is basis


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"class": "nursing"}, "class 'nursing' is no class of the rule file"),
        ({"class": ""}, "class is missing, and so is a code with its system"),
        ({"units": "0"}, "milli_units '0' must be 1 or more"),
        ({"amount": "1,5"}, "amount '1,5' must be a decimal number"),
        ({"service_day": "2/3/2027"}, "service_day '2/3/2027' must be a date"),
        ({"received_at": "yesterday"}, "received_at 'yesterday' must be a date"),
        ({"received_at": "1960-01-01"}, "received_at '1960-01-01' is before 1970"),
        ({"action": "approved"}, "action 'approved' must be A1, A2"),
        ({"expedited": "maybe"}, "expedited 'maybe' must be true or false"),
        ({"documents": "letter"}, "documents 'letter' is no kind of document"),
        ({"units_before": "-1"}, "units_before '-1' must not be negative"),
        ({"units_granted": "x"}, "units_granted 'x' must be a decimal number"),
    ],
)
def test_a_row_that_cannot_be_read_is_told_and_the_others_go_on(
    policy: RuleSet, changes: dict[str, str], problem: str
) -> None:
    found = replay(policy, [row(**changes), row()])
    assert (found.rows, found.agreements, found.unreadable_count) == (2, 1, 1)
    assert found.unreadable[0].row == 2
    assert found.unreadable[0].problem.startswith(problem)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("class,units,amount,service_day,received_at\n", "lacks the columns action"),
        ("code,units,amount,service_day,received_at,action\n", "lacks the columns class, or code_system and code"),
        ("", "lacks the columns units"),
        ('class,units,amount,service_day,received_at,action\n"x"y,1,1,1,1,1\n', "is not CSV"),
    ],
)
def test_a_file_that_is_no_history_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "history.csv"
    path.write_text(content)
    with pytest.raises(InvalidInput, match=problem):
        list(read_history(path))


def test_a_byte_order_mark_and_other_columns_are_let_be(policy: RuleSet, tmp_path: Path) -> None:
    path = written(tmp_path / "history.csv", row())
    head, values = path.read_text().splitlines()
    path.write_text(f"\ufeffremark,{head}\nnone,{values}\n", encoding="utf-8")
    assert replay(policy, read_history(path)).agreements == 1


def test_only_the_first_differences_are_kept(policy: RuleSet) -> None:
    found = replay(policy, (row(action="A3" if i % 2 else "XX") for i in range(50)), keep=3)
    assert (len(found.differences), found.difference_count) == (3, 25)
    assert (len(found.unreadable), found.unreadable_count) == (3, 25)
    assert [one.row for one in found.differences] == [3, 5, 7]


def test_memory_does_not_grow_with_the_history(policy: RuleSet) -> None:
    def rows(count: int) -> Iterator[dict[str, str | None]]:
        for i in range(count):
            yield row(units_before=str(i % 70), action="A3")

    def peak(count: int) -> tuple[int, Replay]:
        tracemalloc.start()
        try:
            found = replay(policy, rows(count), keep=10)
            return tracemalloc.get_traced_memory()[1], found
        finally:
            tracemalloc.stop()

    few, _ = peak(200)
    many, found = peak(4_000)
    assert found.rows == 4_000
    assert many < few + 50_000
