"""Past decisions held against a rule set: where would the rules have decided otherwise?

A history is a CSV file with a row for each line of a request, in the order in which they came. Its columns are in
docs/authorization-rules.md. It is read row by row: memory does not grow with it, but for the units that each member has
taken, where the file does not state them. The result names rows, never members or codes.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from careledger.authorization.amounts import parse_milli_units
from careledger.authorization.decision import UNKNOWN_AMOUNT, Action, Basis, Circumstances, Line, LineDecision, decide
from careledger.authorization.dry_run import explain
from careledger.authorization.outcome import ReviewAction
from careledger.authorization.rule_file import DOCUMENT_KINDS, day_number
from careledger.authorization.rule_set import NO_UNIT, RuleSet
from careledger.errors import InvalidInput

__all__ = [
    "COLUMNS",
    "REQUIRED_COLUMNS",
    "Comparison",
    "Replay",
    "UnreadableRow",
    "compare",
    "read_history",
    "replay",
]

REQUIRED_COLUMNS = ("units", "amount", "service_day", "received_at", "action")
COLUMNS = (
    *("class", "code_system", "code"),
    *REQUIRED_COLUMNS,
    *("unit", "expedited", "covered", "documents", "gold_card"),
    *("member", "period", "units_before", "units_granted"),
)
"""All that are read; others are left alone."""

TRUTH = {"": None, "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
FIRST_ROW = 2
"""As a spreadsheet counts: the names of the columns are row 1."""

ACTIONS = {
    Action.APPROVED_IN_FULL: ReviewAction.APPROVED,
    Action.APPROVED_IN_PART: ReviewAction.PARTIAL,
    Action.DENIED: ReviewAction.DENIED,
    Action.PENDED: ReviewAction.PENDED,
    Action.MODIFIED: ReviewAction.MODIFIED,
    Action.NOT_REQUIRED: ReviewAction.NOT_REQUIRED,
}

Row = Mapping[str, str | None]


@dataclass(frozen=True)
class Comparison:
    """A row's past decision beside the rules'. `past_milli_units` is what was granted, None if the row does not say."""

    row: int
    past: ReviewAction
    now: ReviewAction
    basis: Basis
    why: str
    past_milli_units: int | None
    now_milli_units: int

    @property
    def agrees(self) -> bool:
        """Whether action and, where both are known, granted units are the same."""
        if self.past is not self.now:
            return False
        return self.past_milli_units is None or self.past_milli_units == self.now_milli_units


@dataclass(frozen=True)
class UnreadableRow:
    """A row that could not be judged, and why."""

    row: int
    problem: str


@dataclass(frozen=True)
class Replay:
    """The whole comparison.

    `matrix` counts rows by (past action, the rules' action), `by_basis` by what the rules' decision rests on.
    `differences` and `unreadable` are the first ones; `difference_count` and `unreadable_count` are all. `units_known`:
    whether the file says what members had taken; without that, no row was held against the limit of a period but by
    its own units.
    """

    rows: int
    matrix: Mapping[tuple[ReviewAction, ReviewAction], int]
    by_basis: Mapping[Basis, int]
    differences: tuple[Comparison, ...]
    difference_count: int
    unreadable: tuple[UnreadableRow, ...]
    unreadable_count: int
    units_known: bool

    @property
    def agreements(self) -> int:
        """Rows that were judged, and decided alike."""
        return self.rows - self.difference_count - self.unreadable_count


def read_history(path: Path) -> Iterator[Row]:
    """The rows of a CSV file in UTF-8, as they are needed.

    Raises OSError if it cannot be read, and InvalidInput if it lacks columns or is no CSV.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            _check_columns(rows.fieldnames or ())
            yield from rows
    except (UnicodeDecodeError, csv.Error) as problem:
        raise InvalidInput("history", str(path), f"is not CSV in UTF-8: {problem}") from None


def replay(rule_set: RuleSet, rows: Iterable[Row], keep: int = 1000) -> Replay:
    """The comparison of all rows; of differences and of unreadable rows, the first `keep` each are kept.

    Each row is judged by what had really been granted before it, so that each difference stands for itself.
    """
    matrix: Counter[tuple[ReviewAction, ReviewAction]] = Counter()
    by_basis: Counter[Basis] = Counter()
    differences: list[Comparison] = []
    unreadable: list[UnreadableRow] = []
    count = difference_count = unreadable_count = 0
    history = _History(rule_set)
    for count, row in enumerate(rows, start=1):
        found = history.judge(count + FIRST_ROW - 1, row)
        if isinstance(found, UnreadableRow):
            unreadable_count += 1
            if len(unreadable) < keep:
                unreadable.append(found)
            continue
        matrix[found.past, found.now] += 1
        by_basis[found.basis] += 1
        if not found.agrees:
            difference_count += 1
            if len(differences) < keep:
                differences.append(found)
    return Replay(
        rows=count,
        matrix=dict(matrix),
        by_basis=dict(by_basis),
        differences=tuple(differences),
        difference_count=difference_count,
        unreadable=tuple(unreadable),
        unreadable_count=unreadable_count,
        units_known=history.units_known,
    )


def compare(rule_set: RuleSet, rows: Iterable[Row]) -> Iterator[Comparison | UnreadableRow]:
    """Each row as it comes, for who keeps more than `replay` does."""
    history = _History(rule_set)
    for number, row in enumerate(rows, start=FIRST_ROW):
        yield history.judge(number, row)


@dataclass
class _Past:
    """A row, read."""

    line: Line
    circumstances: Circumstances
    action: ReviewAction
    granted: int | None
    before: int | None
    member: tuple[str, str, int] | None
    has_gold_card: bool


@dataclass
class _History:
    """Judges row after row. `taken` has milli-units granted by member, period and class; `last` is the last receipt."""

    rule_set: RuleSet
    taken: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    last: int = 0
    units_known: bool = False

    def __post_init__(self) -> None:
        rules = self.rule_set
        self._classes = {str(number): number for number in rules.class_names}
        self._classes |= {name: number for number, name in rules.class_names.items()}
        self._units = {name: number for number, name in rules.unit_names.items()}
        self._kinds = {str(number): number for number in range(DOCUMENT_KINDS)}
        self._kinds |= {name: number for number, name in rules.document_kind_names.items()}

    def judge(self, number: int, row: Row) -> Comparison | UnreadableRow:
        try:
            past = self._read(row)
        except InvalidInput as problem:
            shown = f" {problem.value!r}" if problem.value else ""
            return UnreadableRow(number, f"{problem.name}{shown} {problem.problem}")
        decision = self._decide(past)
        return Comparison(
            row=number,
            past=past.action,
            now=ACTIONS[decision.action],
            basis=decision.basis,
            why=explain(self.rule_set, decision, past.circumstances),
            past_milli_units=past.granted,
            now_milli_units=decision.milli_units,
        )

    def _decide(self, past: _Past) -> LineDecision:
        before = past.before
        if before is None and past.member is not None:
            before = self.taken.get(past.member, 0)
            if past.granted:
                self.taken[past.member] += past.granted
        self.units_known |= before is not None
        rule = self.rule_set.authorization_rule_of(past.line.benefit_class)
        return decide(past.line, rule, past.circumstances, before or 0, past.has_gold_card)

    def _read(self, row: Row) -> _Past:
        received_at = _time("received_at", _text(row, "received_at"))
        milli_units = parse_milli_units(_text(row, "units"))
        action = _action(_text(row, "action"))
        before, granted = _text(row, "units_before"), _text(row, "units_granted")
        line = Line(
            benefit_class=self._class(row),
            unit_code=self._unit(_text(row, "unit")),
            milli_units=milli_units,
            amount=self._amount(_text(row, "amount")),
            service_day=day_number(_text(row, "service_day"), "service_day"),
        )
        past = _Past(
            line=line,
            circumstances=Circumstances(
                received_at=received_at,
                decided_at=received_at,
                eligible_until=received_at if _truth(row, "covered", absent=True) else None,
                expedited=_truth(row, "expedited", absent=False),
                documents=self._documents(_text(row, "documents")),
            ),
            action=action,
            granted=self._granted(granted, action, milli_units),
            before=parse_milli_units(before, "units_before") if before else None,
            member=self._member(row, line),
            has_gold_card=_truth(row, "gold_card", absent=False),
        )
        if past.before is None and past.member is not None:
            if received_at < self.last:
                raise InvalidInput(
                    "received_at",
                    _text(row, "received_at"),
                    "is before the row above: sort the file, or give units_before",
                )
            self.last = received_at
        return past

    def _class(self, row: Row) -> int:
        name = _text(row, "class")
        if not name:
            system, code = _text(row, "code_system"), _text(row, "code")
            if not system or not code:
                raise InvalidInput("class", "", "is missing, and so is a code with its system")
            return self.rule_set.class_of(system, code)
        if name not in self._classes:
            raise InvalidInput("class", name, "is no class of the rule file")
        return self._classes[name]

    def _unit(self, name: str) -> int:
        if not name:
            return self.rule_set.unstated_unit
        return self._units.get(name, NO_UNIT)

    def _amount(self, text: str) -> int:
        return self.rule_set.settlement.parse(text) if text else UNKNOWN_AMOUNT

    def _documents(self, text: str) -> int:
        bits = 0
        for name in text.split():
            if name not in self._kinds:
                raise InvalidInput("documents", name, "is no kind of document of the rule file")
            bits |= 1 << self._kinds[name]
        return bits

    def _granted(self, text: str, action: ReviewAction, milli_units: int) -> int | None:
        if text:
            return parse_milli_units(text, "units_granted")
        if action is ReviewAction.APPROVED:
            return milli_units
        return None if action.grants else 0

    def _member(self, row: Row, line: Line) -> tuple[str, str, int] | None:
        member = _text(row, "member")
        return (member, _text(row, "period"), line.benefit_class) if member else None


def _check_columns(names: Iterable[str]) -> None:
    found = set(names)
    missing = [name for name in REQUIRED_COLUMNS if name not in found]
    if "class" not in found and not {"code_system", "code"} <= found:
        missing.append("class, or code_system and code")
    if missing:
        raise InvalidInput("history", ", ".join(sorted(found)), f"lacks the columns {', '.join(missing)}")


def _text(row: Row, name: str) -> str:
    return (row.get(name) or "").strip()


def _truth(row: Row, name: str, absent: bool) -> bool:
    text = _text(row, name).lower()
    if text not in TRUTH:
        raise InvalidInput(name, text, "must be true or false")
    found = TRUTH[text]
    return absent if found is None else found


def _action(text: str) -> ReviewAction:
    try:
        return ReviewAction(text.upper())
    except ValueError:
        raise InvalidInput("action", text, "must be A1, A2, A3, A4, A6, CT or NA (X12 306)") from None


def _time(name: str, text: str) -> int:
    """Unix seconds of an ISO date, or of a date and time; UTC where it names no time zone."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(name, text, "must be a date, or a date and time, such as 2027-01-31T09:30:00Z") from None
    zoned = found if found.tzinfo else found.replace(tzinfo=dt.UTC)
    seconds = int(zoned.timestamp())
    if seconds < 0:
        raise InvalidInput(name, text, "is before 1970")
    return seconds
