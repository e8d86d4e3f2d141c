"""A pilot beside what was before: the metrics of a period against a baseline that the insurer states in a file.

    title: Telephone and fax, 2025
    standard_turnaround_hours: 120
    reconciliation_days: 45.5
    rejection_rate: 11.5        # percent

All of it in decimals, exact to the last digit.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict

from careledger.authorization.metrics import Metrics
from careledger.authorization.metrics_report import rounded
from careledger.authorization.text_files import Part, Text, parse_text_file, read_file
from careledger.errors import InvalidInput

__all__ = ["Baseline", "Measure", "PilotReport", "pilot_report", "read_baseline"]

HOUR, DAY = 3600, 86_400
MEASURES = {
    "turnaround_hours": ("time from receipt to determination", "hours"),
    "standard_turnaround_hours": ("time from receipt to determination, standard", "hours"),
    "expedited_turnaround_hours": ("time from receipt to determination, expedited", "hours"),
    "reconciliation_days": ("time from claim to credit", "days"),
    "denial_rate": ("requests denied", "percent"),
    "rejection_rate": ("claims denied", "percent"),
    "error_rate": ("decisions corrected", "percent"),
}
"""What is compared: in words, and the unit. All are averages or shares."""

COLUMNS = ("measure", "unit", "before", "pilot", "difference", "difference in percent")
DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,12})?")
PLACES = 2
MOST_PERCENT = 100


def _decimal(value: Any) -> Fraction:
    if not isinstance(value, str) or not DECIMAL.fullmatch(value):
        raise ValueError("must be a decimal number such as 12.5, not negative")
    return Fraction(value)


def _percent(value: Any) -> Fraction:
    share = _decimal(value)
    if share > MOST_PERCENT:
        raise ValueError("must be at most 100 percent")
    return share


Decimal = Annotated[Fraction, BeforeValidator(_decimal)]
Percent = Annotated[Fraction, BeforeValidator(_percent)]


class Baseline(Part):
    """What was before the pilot: averages in hours or days, shares in percent. What is not stated is not compared."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    title: Text
    turnaround_hours: Decimal | None = None
    standard_turnaround_hours: Decimal | None = None
    expedited_turnaround_hours: Decimal | None = None
    reconciliation_days: Decimal | None = None
    denial_rate: Percent | None = None
    rejection_rate: Percent | None = None
    error_rate: Percent | None = None


@dataclass(frozen=True)
class Measure:
    """One figure before and now. `pilot` is None if nothing happened that could be measured. Differences are now less
    before: a negative one is a reduction."""

    name: str
    unit: str
    before: Fraction
    pilot: Fraction | None

    @property
    def difference(self) -> Fraction | None:
        return None if self.pilot is None else self.pilot - self.before

    @property
    def difference_percent(self) -> Fraction | None:
        """Of what was before; None if that was nothing."""
        difference = self.difference
        return None if difference is None or not self.before else 100 * difference / self.before


@dataclass(frozen=True)
class PilotReport:
    """What a pilot changed."""

    title: str
    measures: tuple[Measure, ...]

    def to_body(self) -> dict[str, Any]:
        """As JSON has it: exact, each number as numerator and denominator."""
        return {
            "baseline": self.title,
            "measures": [
                {
                    "measure": one.name,
                    "unit": one.unit,
                    "before": _exact(one.before),
                    "pilot": _exact(one.pilot),
                    "difference": _exact(one.difference),
                    "difference_percent": _exact(one.difference_percent),
                }
                for one in self.measures
            ],
        }

    def render_json(self) -> str:
        return json.dumps(self.to_body(), indent=2)

    def render_csv(self) -> str:
        written = io.StringIO()
        rows = csv.writer(written, lineterminator="\n")
        rows.writerow(COLUMNS)
        rows.writerows(self._texts())
        return written.getvalue()

    def render_table(self) -> str:
        """Lines for a person."""
        rows = [COLUMNS, *self._texts()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        lines = [f"The pilot beside {self.title}", ""]
        for row in rows:
            cells = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
            cells += [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
            lines.append("  ".join(cells).rstrip())
        return "\n".join(lines) + "\n"

    def _texts(self) -> list[tuple[str, ...]]:
        return [
            (
                one.name,
                one.unit,
                *(_text(value) for value in (one.before, one.pilot)),
                _signed(one.difference),
                _signed(one.difference_percent),
            )
            for one in self.measures
        ]


def read_baseline(path: Path) -> Baseline:
    """A baseline from a YAML or JSON file. Raises InvalidInput for one that cannot be right, OSError."""
    baseline = read_file(Baseline, parse_text_file(path.read_bytes(), "baseline"), "baseline")
    if all(getattr(baseline, name) is None for name in MEASURES):
        raise InvalidInput("baseline", path.name, f"states none of {', '.join(MEASURES)}")
    return baseline


def pilot_report(metrics: Metrics, baseline: Baseline) -> PilotReport:
    """What the baseline states, beside the same of the metrics."""
    measured = _measured(metrics)
    return PilotReport(
        baseline.title,
        tuple(
            Measure(words, unit, before, measured[name])
            for name, (words, unit) in MEASURES.items()
            if (before := getattr(baseline, name)) is not None
        ),
    )


def _measured(metrics: Metrics) -> dict[str, Fraction | None]:
    standard, expedited = metrics.standard, metrics.expedited
    determined = standard.determined + expedited.determined
    denied = standard.denied.numerator + expedited.denied.numerator
    return {
        "turnaround_hours": _in(metrics.turnaround, HOUR),
        "standard_turnaround_hours": _in(standard.time_to_determination.average, HOUR),
        "expedited_turnaround_hours": _in(expedited.time_to_determination.average, HOUR),
        "reconciliation_days": _in(metrics.claims.time_to_credit.average, DAY),
        "denial_rate": Fraction(100 * denied, determined) if determined else None,
        "rejection_rate": _in_percent(metrics.claims.denied.fraction),
        "error_rate": _in_percent(metrics.corrected.fraction),
    }


def _in(seconds: Fraction | None, unit: int) -> Fraction | None:
    return None if seconds is None else seconds / unit


def _in_percent(share: Fraction | None) -> Fraction | None:
    return None if share is None else 100 * share


def _exact(value: Fraction | None) -> dict[str, int] | None:
    return None if value is None else {"numerator": value.numerator, "denominator": value.denominator}


def _text(value: Fraction | None) -> str:
    return "-" if value is None else rounded(value, PLACES)


def _signed(value: Fraction | None) -> str:
    return "-" if value is None else f"{'+' if value > 0 else ''}{rounded(value, PLACES)}"
