"""The metrics: counted again by a program that knows only the contracts' sources, the same from an index as from a
node; and the pilot report."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from authorization.payer_acts import DAY, HOUR, Stage
from careledger.authorization.metrics import (
    EVENTS,
    Durations,
    Metrics,
    Period,
    Share,
    events_of,
    events_on_chain,
    measure,
)
from careledger.authorization.metrics_report import (
    figures,
    percent_text,
    render_csv,
    render_json,
    render_table,
    to_body,
)
from careledger.authorization.pilot import Baseline, pilot_report, read_baseline
from careledger.chain.indexer.reader import Index
from careledger.contract_events import LineDecided, RequestSubmitted
from careledger.errors import InvalidInput
from indexer.stand import indexer, played

Record = Callable[[str, object], None]

RECOMPUTED = Path(__file__).with_name("recomputed_metrics.py")
MONTH = 30 * DAY
SEED = 11


class Month(Stage):
    """Random acts that go on for about a month."""

    ACTS_OF_A_BLOCK = (4, 6, 8, 10)
    PAUSES = (HOUR, 6 * HOUR, 12 * HOUR, DAY)


class LongMonth(Stage):
    """Many more in about the same time."""

    ACTS_OF_A_BLOCK = (6, 8, 10, 12)
    PAUSES = (600, HOUR, HOUR, 2 * HOUR)


def play(stage: Stage, requests: int) -> Period:
    """Until so many requests came in after the opening; the period from there until now, in which they did."""
    before, start = len(stage.requests), stage.suite.now
    while len(stage.requests) - before < requests:
        stage.play(5)
    return Period(start + 1, stage.suite.now + 1)


def recomputed(stage: Stage, period: Period) -> object:
    command = [sys.executable, str(RECOMPUTED), stage.node.url, str(period.start), str(period.end), *stage.payers]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={}, cwd="/")
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def month() -> Iterator[tuple[Stage, Period]]:
    with played(Month, SEED, 0) as stage:
        yield stage, play(stage, 200)


@pytest.fixture(scope="module")
def metrics(month: tuple[Stage, Period]) -> Metrics:
    stage, period = month
    return measure(events_on_chain(stage.connection, stage.payers), period)


def check_recomputed(stage: Stage, period: Period, record_property: Record) -> None:
    """The whole period, its halves, and all time."""
    events = events_on_chain(stage.connection, stage.payers)
    middle = (period.start + period.end) // 2
    periods = (period, Period(period.start, middle), Period(middle, period.end), Period(0, period.end))
    for one in periods:
        found = measure(events, one)
        assert to_body(found) == recomputed(stage, one), one
    record_property("counted: requests of which the metrics were counted twice", len(stage.requests))
    decided = sum(isinstance(row.event, LineDecided) for row in events)
    record_property("counted: decisions of which the metrics were counted twice", decided)


def test_another_program_counts_the_same(month: tuple[Stage, Period], record_property: Record) -> None:
    stage, period = month
    assert period.end - period.start > MONTH // 3
    check_recomputed(stage, period, record_property)


@pytest.mark.full
def test_another_program_counts_the_same_of_many(record_property: Record) -> None:
    with played(LongMonth, SEED + 1, 0) as stage:
        check_recomputed(stage, play(stage, 2_000), record_property)


def test_the_recomputing_program_shares_nothing_with_ours() -> None:
    assert "import careledger" not in RECOMPUTED.read_text()
    assert "from careledger" not in RECOMPUTED.read_text()


def test_a_month_has_something_of_everything(metrics: Metrics) -> None:
    parts = metrics.standard, metrics.expedited
    for name, value in vars(metrics.standard).items():
        if isinstance(value, Share):
            assert sum(getattr(part, name).numerator for part in parts), name
        elif isinstance(value, int):
            assert sum(getattr(part, name) for part in parts), name
    for part in parts:
        assert part.received > 50
        assert sum(one.count for one in part.denials) == part.denied.numerator > 0
        assert part.time_to_determination.count == part.determined
    for name, value in vars(metrics.claims).items():
        assert value.numerator if isinstance(value, Share) else value, name
    assert [one.benefit_class for one in metrics.services] == [1, 2, 3, 4, 6, 7]
    assert metrics.not_required > 0


def test_approved_in_part_and_denied_make_up_all_determinations(metrics: Metrics) -> None:
    for part in (metrics.standard, metrics.expedited):
        shares = part.approved, part.approved_in_part, part.denied
        assert sum(share.numerator for share in shares) == part.determined
        assert {share.denominator for share in shares} == {part.determined}


def test_an_index_gives_the_same_as_a_node(month: tuple[Stage, Period], database_url: str, metrics: Metrics) -> None:
    stage, period = month
    with indexer(database_url, stage) as engine:
        engine.sync()
    with Index.open(database_url) as index:
        events = events_of(index.at("latest"), stage.insurer)
        assert events == events_on_chain(stage.connection, stage.payers)
        assert measure(events, period) == metrics
        assert measure(events_of(index.at("latest"), end=period.end), period) == metrics
        assert {type(row.event) for row in events} <= set(EVENTS)


def test_halves_add_up(month: tuple[Stage, Period], metrics: Metrics) -> None:
    """What is counted in a period is counted in one of its parts."""
    stage, period = month
    events = events_on_chain(stage.connection, stage.payers)
    middle = (period.start + period.end) // 2
    halves = [measure(events, part) for part in (Period(period.start, middle), Period(middle, period.end))]
    for name in ("received", "determined", "withdrawn", "appeals", "marked_overdue"):
        assert sum(getattr(half.standard, name) for half in halves) == getattr(metrics.standard, name), name
    for name in ("submitted", "decided", "reversed", "charged", "paid_amount"):
        assert sum(getattr(half.claims, name) for half in halves) == getattr(metrics.claims, name), name


def test_what_happens_after_the_period_changes_nothing(month: tuple[Stage, Period], metrics: Metrics) -> None:
    stage, period = month
    events = events_on_chain(stage.connection, stage.payers)
    earlier = Period(period.start, period.end - 2 * DAY)
    kept = [row for row in events if row.block_time < earlier.end]
    assert measure(kept, earlier) == measure(events, earlier) != metrics


def test_shadow_decisions_and_excluded_classes_are_apart(month: tuple[Stage, Period], metrics: Metrics) -> None:
    stage, period = month
    events = events_on_chain(stage.connection, stage.payers)
    shadow = measure(events, period, shadow=True)
    everything = [row for row in events if isinstance(row.event, RequestSubmitted)]
    assert 0 < shadow.standard.received < metrics.standard.received
    assert sum(row.event.shadow for row in everything) > 0
    assert shadow.claims.submitted == 0
    without = measure(events, period, excluded=[1])
    assert without.excluded == (1,)
    assert 1 not in {one.benefit_class for one in without.services}
    assert without.standard.received < metrics.standard.received


def test_renderers_show_every_figure(metrics: Metrics) -> None:
    found = figures(metrics, {1: "imaging"}, decimals=6)
    rows = list(csv.DictReader(io.StringIO(render_csv(metrics, {1: "imaging"}, 6))))
    assert [(row["group"], row["figure"], row["value"]) for row in rows] == [
        (one.group, one.name, one.value) for one in found
    ]
    assert rows[0]["figure"] == "imaging (class 1)"
    asked = {one.rule for one in found if one.rule}
    assert asked == {f"42 CFR 422.122(c)({number})" for number in range(1, 10)}
    text = render_table(metrics, decimals=6)
    assert all(one.name in text for one in figures(metrics))
    assert json.loads(render_json(metrics)) == to_body(metrics)


def test_nothing_gives_no_shares() -> None:
    empty = measure([], Period(0, 10))
    assert empty.standard.approved.fraction is None
    assert empty.standard.time_to_determination == Durations(0, 0, 0)
    assert empty.turnaround is None
    assert "-" in render_table(empty)
    with pytest.raises(InvalidInput):
        Period(10, 10)


@pytest.mark.parametrize(
    ("seconds", "average", "median"),
    [
        ([5], Fraction(5), Fraction(5)),
        ([1, 2], Fraction(3, 2), Fraction(3, 2)),
        ([9, 1, 2], Fraction(4), Fraction(2)),
        ([4, 1, 3, 9], Fraction(17, 4), Fraction(7, 2)),
    ],
)
def test_averages_and_medians_are_exact(seconds: list[int], average: Fraction, median: Fraction) -> None:
    found = Durations.of(seconds)
    assert (found.average, found.median) == (average, median)


@pytest.mark.parametrize(
    ("share", "text"),
    [(Fraction(1, 3), "33.3 %"), (Fraction(2, 3), "66.7 %"), (Fraction(1, 2000), "0.1 %"), (Fraction(1), "100.0 %")],
)
def test_percents_are_rounded_half_up(share: Fraction, text: str) -> None:
    assert percent_text(share) == text
    assert percent_text(None) == "-"


# ------------------------------------------------------------------ pilot


BASELINE = """\
title: Telephone and fax
standard_turnaround_hours: 120
expedited_turnaround_hours: 48.5
reconciliation_days: 45
denial_rate: 0
rejection_rate: 12.5
error_rate: 4
"""


def test_a_pilot_beside_its_baseline(metrics: Metrics, tmp_path: Path) -> None:
    file = tmp_path / "baseline.yaml"
    file.write_text(BASELINE)
    baseline = read_baseline(file)
    report = pilot_report(metrics, baseline)
    by_name = {one.name: one for one in report.measures}
    rejected = by_name["claims denied"]
    assert rejected.before == Fraction(25, 2)
    assert rejected.pilot == 100 * metrics.claims.denied.fraction
    assert rejected.difference == rejected.pilot - rejected.before
    assert rejected.difference_percent == 100 * rejected.difference / rejected.before
    assert by_name["requests denied"].difference_percent is None
    standard = by_name["time from receipt to determination, standard"]
    assert standard.pilot == metrics.standard.time_to_determination.average / 3600
    assert len(report.measures) == 6
    exact = report.to_body()["measures"][0]["pilot"]
    assert Fraction(exact["numerator"], exact["denominator"]) == standard.pilot
    assert json.loads(report.render_json()) == report.to_body()
    assert len(report.render_csv().splitlines()) == 7
    assert all(one.name in report.render_table() for one in report.measures)


def test_a_baseline_in_json_says_the_same(tmp_path: Path) -> None:
    yaml, json_file = tmp_path / "baseline.yaml", tmp_path / "baseline.json"
    yaml.write_text("title: Fax\nrejection_rate: 12.5\n")
    json_file.write_text('{"title": "Fax", "rejection_rate": 12.5}')
    assert read_baseline(yaml) == read_baseline(json_file) == Baseline(title="Fax", rejection_rate="12.5")


@pytest.mark.parametrize(
    "content",
    [
        "title: Fax\n",
        "turnaround_hours: 5\n",
        "title: Fax\nturnaround_hours: -5\n",
        "title: Fax\nturnaround_hours: many\n",
        "title: Fax\nrejection_rate: 101\n",
        "title: Fax\nturnaround: 5\n",
        "- Fax\n",
    ],
)
def test_a_baseline_that_cannot_be_right_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "baseline.yaml"
    file.write_text(content)
    with pytest.raises(InvalidInput):
        read_baseline(file)


def test_a_pilot_in_which_nothing_happened_measures_nothing(tmp_path: Path) -> None:
    report = pilot_report(measure([], Period(0, 10)), Baseline(title="Fax", turnaround_hours="5"))
    assert report.measures[0].pilot is None
    assert report.measures[0].difference is None
    assert report.render_table().splitlines()[-1].split()[-3:] == ["-", "-", "-"]
