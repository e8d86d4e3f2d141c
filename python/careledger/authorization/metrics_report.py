"""Metrics as a table for people, CSV and JSON. Numbers stay exact: what is rounded stands beside what it is made of."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from careledger.authorization.metrics import ClaimMetrics, Durations, Metrics, Share, UrgencyMetrics

__all__ = ["Figure", "figures", "percent_text", "render_csv", "render_json", "render_table", "to_body"]

HOUR = 3600
COLUMNS = ("group", "figure", "value", "numerator", "denominator", "rule")
RULE = "42 CFR 422.122(c)"


@dataclass(frozen=True)
class Figure:
    """A figure: its value as text, and what it is made of where it is a share or a time (seconds). `rule` is the
    paragraph that asks for it; empty for what is published besides."""

    group: str
    name: str
    value: str
    numerator: int | None = None
    denominator: int | None = None
    rule: str = ""


# ---------------------------------------------------------------------- JSON


def to_body(metrics: Metrics) -> dict[str, Any]:
    """The metrics as JSON has them: integers, lists and names, nothing rounded. Enums are their numbers."""
    return {
        "period": {"start": metrics.period.start, "end": metrics.period.end},
        "shadow": metrics.shadow,
        "excluded": list(metrics.excluded),
        "services": [{"class": one.benefit_class, "versions": list(one.versions)} for one in metrics.services],
        "not_required": metrics.not_required,
        "standard": _plain(metrics.standard),
        "expedited": _plain(metrics.expedited),
        "claims": _plain(metrics.claims),
        "corrected": _share(metrics.corrected),
    }


def render_json(metrics: Metrics) -> str:
    """JSON text."""
    return json.dumps(to_body(metrics), indent=2)


def _plain(part: UrgencyMetrics | ClaimMetrics) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in vars(part).items():
        if isinstance(value, Share):
            found[name] = _share(value)
        elif isinstance(value, Durations):
            found[name] = vars(value).copy()
        else:
            found[name] = value
    if isinstance(part, UrgencyMetrics):
        found["denials"] = [{"basis": int(one.basis), "reason": one.reason, "count": one.count} for one in part.denials]
    else:
        found["denials"] = [{"carc": carc, "count": count} for carc, count in part.denials]
    return found


def _share(share: Share) -> dict[str, int]:
    return {"numerator": share.numerator, "denominator": share.denominator}


# ---------------------------------------------------------------------- figures


def figures(metrics: Metrics, names: Mapping[int, str] | None = None, decimals: int = 0) -> list[Figure]:
    """Every figure in order, in each group first what the rule asks for. `names` are those of benefit classes,
    `decimals` the token's, for amounts."""
    found = [
        Figure("services", _class_name(one.benefit_class, names), "needs authorization", rule=f"{RULE}(1)")
        for one in metrics.services
    ]
    found += _of_rule("standard", metrics.standard, ("(2)", "(3)", "(4)", "(5)", "(8)"))
    found += _besides("standard", metrics.standard)
    found += _of_rule("expedited", metrics.expedited, ("(6)", "(7)", "", "(5)", "(9)"))
    found += _besides("expedited", metrics.expedited)
    found += _of_claims(metrics.claims, decimals)
    found.append(_count("all", "lines that need no authorization", metrics.not_required))
    found.append(_of("all", "decisions corrected", metrics.corrected))
    return found


def _of_rule(group: str, part: UrgencyMetrics, paragraphs: tuple[str, ...]) -> Iterator[Figure]:
    approved, denied, appealed, extended, times = (f"{RULE}{one}" if one else "" for one in paragraphs)
    yield _of(group, "approved", part.approved, approved)
    yield _of(group, "denied", part.denied, denied)
    yield _of(group, "approved after appeal", part.approved_after_appeal, appealed)
    yield _of(group, "extended, then approved", part.extended_and_approved, extended)
    yield from _times(group, "time to determination", part.time_to_determination, times)


def _besides(group: str, part: UrgencyMetrics) -> Iterator[Figure]:
    yield _count(group, "received", part.received)
    yield _count(group, "determined", part.determined)
    yield _of(group, "approved in part or modified", part.approved_in_part)
    yield _of(group, "determined by the rules", part.automatic)
    yield _of(group, "approved as overdue", part.by_default)
    yield _of(group, "determined late", part.late)
    for name in ("marked_overdue", "pending", "overdue", "withdrawn", "appeals"):
        yield _count(group, name.replace("_", " "), getattr(part, name))
    yield _count(group, "appeals upheld", part.appeals_upheld)
    yield _count(group, "appeals overturned", part.appeals_overturned)
    for one in part.denials:
        basis = one.basis.name.lower().replace("_", " ")
        yield _of(group, f"denied: {basis}, reason {one.reason}", Share(one.count, part.denied.numerator))


def _of_claims(part: ClaimMetrics, decimals: int) -> Iterator[Figure]:
    for name in ("submitted", "duplicates", "decided", "reversed", "paid_after_denial"):
        yield _count("claims", name.replace("_", " "), getattr(part, name))
    yield _of("claims", "paid", part.paid)
    yield _of("claims", "denied", part.denied)
    yield _of("claims", "decided by the rules", part.automatic)
    yield from _times("claims", "time to decision", part.time_to_decision)
    yield from _times("claims", "time to credit", part.time_to_credit)
    yield Figure("claims", "charged", _money(part.charged, decimals), part.charged, 1)
    yield Figure("claims", "paid by the insurer", _money(part.paid_amount, decimals), part.paid_amount, 1)
    for carc, count in part.denials:
        yield _of("claims", f"denied: CARC {carc}", Share(count, part.denied.numerator))


def _of(group: str, name: str, share: Share, rule: str = "") -> Figure:
    return Figure(group, name, percent_text(share.fraction), share.numerator, share.denominator, rule)


def _times(group: str, name: str, times: Durations, rule: str = "") -> Iterator[Figure]:
    yield Figure(group, f"{name}, average", _hours(times.average), times.total, times.count, rule)
    halves = 2 if times.count else 0
    yield Figure(group, f"{name}, median", _hours(times.median), times.median_twice, halves, rule)


def _count(group: str, name: str, count: int) -> Figure:
    return Figure(group, name, f"{count:,}", count, 1)


def _class_name(number: int, names: Mapping[int, str] | None) -> str:
    name = (names or {}).get(number)
    return f"class {number}" if name is None else f"{name} (class {number})"


def percent_text(share: Fraction | None, places: int = 1) -> str:
    """A share in percent, rounded half up; `-` if there is none."""
    return "-" if share is None else f"{rounded(100 * share, places)} %"


def rounded(value: Fraction, places: int) -> str:
    """A number as decimal text, rounded half away from zero."""
    scale = 10**places
    whole = (abs(value) * scale * 2 + 1) // 2
    sign = "-" if value < 0 and whole else ""
    digits = f"{int(whole) // scale:,}"
    return f"{sign}{digits}.{int(whole) % scale:0{places}}" if places else f"{sign}{digits}"


def _hours(seconds: Fraction | None) -> str:
    return "-" if seconds is None else f"{rounded(seconds / HOUR, 2)} h"


def _money(amount: int, decimals: int) -> str:
    return rounded(Fraction(amount, 10**decimals), min(decimals, 2))


# ---------------------------------------------------------------------- text


def render_csv(metrics: Metrics, names: Mapping[int, str] | None = None, decimals: int = 0) -> str:
    """A row for each figure. Of times, `numerator` is in seconds."""
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(COLUMNS)
    for one in figures(metrics, names, decimals):
        parts = ["" if part is None else str(part) for part in (one.numerator, one.denominator)]
        rows.writerow([one.group, one.name, one.value, *parts, one.rule])
    return written.getvalue()


def render_table(metrics: Metrics, names: Mapping[int, str] | None = None, decimals: int = 0) -> str:
    """Lines for a person, by group."""
    found = figures(metrics, names, decimals)
    width = max(len(one.name) for one in found)
    start, end = (_time_text(time) for time in (metrics.period.start, metrics.period.end))
    lines = [f"Prior authorization, from {start} until before {end}"]
    if metrics.shadow:
        lines.append("Shadow mode: these decisions bound nobody")
    if metrics.excluded:
        lines.append(f"Without {', '.join(_class_name(number, names) for number in metrics.excluded)}")
    group = ""
    for one in found:
        if one.group != group:
            group = one.group
            lines += ["", group]
        made_of = ""
        if one.denominator is not None and one.value.endswith("%"):
            made_of = f"{one.numerator:,} of {one.denominator:,}"
        lines.append(f"  {one.name:<{width}}  {one.value:>14}  {made_of:>16}  {one.rule}".rstrip())
    return "\n".join(lines) + "\n"


def _time_text(time: int) -> str:
    return f"{dt.datetime.fromtimestamp(time, dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
