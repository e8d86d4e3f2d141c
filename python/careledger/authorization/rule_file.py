"""The insurer's rule file: a version of its policy in YAML, by names and in decimal numbers.

Its members and a worked example are in docs/authorization-rules.md, its shape in `rule_file_shape`. Whatever is wrong
in a file is told with its line, all at once.
"""

from __future__ import annotations

import csv
import datetime as dt
import difflib
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from careledger.authorization.amounts import Settlement, parse_milli_units
from careledger.authorization.class_tree import ClassTree
from careledger.authorization.code_systems import Code, CodeSystems
from careledger.authorization.located_yaml import Located, NotReadable, Place, read
from careledger.authorization.rule_file_shape import (
    DATE,
    ClaimShape,
    RuleFileShape,
    RuleShape,
    SettlementShape,
    TermsShape,
    UnitShape,
    problems_of,
)
from careledger.authorization.rule_set import EPOCH, NO_UNIT, SUITE_DOCUMENT_KINDS, RuleSet
from careledger.authorization.rules import (
    BASIS_POINTS,
    EMPTY_WORD,
    AuthorizationRule,
    BenefitRule,
    ClaimRule,
    Coverage,
    Pricing,
    RuleFlag,
    Terms,
    contradictions_of_rule,
    contradictions_of_terms,
)
from careledger.errors import InvalidInput, RuleFileInvalid

__all__ = ["DOCUMENT_KINDS", "day_number", "load_rule_file"]

LAST_DAY = 2**16 - 1
CLASS_LIMIT = 2**16
UNIT_LIMIT = 2**16
DOCUMENT_KINDS = 64
"""A rule can ask for the kinds below this one."""

CODE_COLUMNS = ("system", "code", "class")
DECIMALS = 4
"""Of weights and coefficients, which are counted in ten-thousandths."""

NAME = re.compile("[a-z0-9]+(-[a-z0-9]+)*")
WHOLE = re.compile("0|[1-9][0-9]{0,19}")
PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))? ?%")
RATIO = re.compile(rf"([0-9]{{1,6}})(?:\.([0-9]{{1,{DECIMALS}}}))?")
DURATION = re.compile("([0-9]{1,7}) ?(s|min|h|d)")
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
SHA256 = re.compile("0x[0-9a-f]{64}")

AUTHORIZATION_PLACES: Mapping[str, Place] = {
    "max_milli_units_per_request": ("max_units_per_request",),
    "max_milli_units_per_period": ("max_units_per_period",),
    "gold_card_requests": ("gold_card", "requests"),
    "gold_card_approval_rate": ("gold_card", "approval_rate"),
    "gold_card_window_days": ("gold_card", "window_days"),
}
"""Where in a rule of the file a member of the contract's rule stands, if not under its own name."""


def load_rule_file(path: Path) -> RuleSet:
    """The version that a rule file describes, with the files that it names.

    Raises RuleFileInvalid with all that is wrong, OSError if the file cannot be read.
    """
    try:
        located = read(path.read_bytes())
    except NotReadable as problem:
        raise RuleFileInvalid(str(path), problem.line, problem.name, problem.value, problem.problem) from None
    reader = _Reader(path, located)
    try:
        shape = RuleFileShape.model_validate(located.value)
    except ValidationError as problem:
        for place, said in problems_of(problem):
            reader.add(place, said)
        raise reader.refusal() from None
    return reader.rule_set(shape)


def day_number(text: str, name: str = "day") -> int:
    """Days since 1970-01-01 of an ISO date. Raises InvalidInput."""
    try:
        day = (dt.date.fromisoformat(text) - EPOCH).days if DATE.fullmatch(text) else -1
    except ValueError:
        day = -1
    if not 0 <= day <= LAST_DAY:
        last = (EPOCH + dt.timedelta(LAST_DAY)).isoformat()
        raise InvalidInput(name, text, f"must be a date such as 2027-01-31, from {EPOCH.isoformat()} to {last}")
    return day


class _Reader:
    """Makes a rule set of a file whose shape is right, and collects what is wrong."""

    def __init__(self, path: Path, located: Located) -> None:
        self._path = path
        self._located = located
        self._problems: list[RuleFileInvalid] = []
        self._classes: dict[str, int] = {}
        self._units: dict[str, int] = {}
        self._kinds: dict[str, int] = dict(SUITE_DOCUMENT_KINDS)
        self._settlement = Settlement("XXX", 0)

    def add(self, place: Place, problem: str, value: str | None = None) -> None:
        text = self._located.text(place) if value is None else value
        name = ".".join(map(str, place)) or "content"
        self._problems.append(RuleFileInvalid(str(self._path), self._located.line(place), name, text, problem))

    def refusal(self) -> RuleFileInvalid:
        """All problems in one error, by line."""
        first, *others = sorted(self._problems, key=lambda problem: (problem.path != str(self._path), problem.line))
        return replace(first, others=tuple(others))

    def rule_set(self, shape: RuleFileShape) -> RuleSet:
        """Raises RuleFileInvalid."""
        self._read_settlement(shape.settlement)
        self._classes = self._numbers(("classes",), shape.classes, (1, CLASS_LIMIT - 1), {})
        kinds = self._numbers(("document_kinds",), shape.document_kinds, (0, DOCUMENT_KINDS - 1), SUITE_DOCUMENT_KINDS)
        self._kinds |= kinds
        systems = self._code_systems(shape.code_systems)
        unit_codes, unstated = self._read_units(shape.units, systems)
        codes = self._codes(shape, systems)
        terms = self._terms(shape.terms, ClassTree(codes).root)
        rules = sorted(
            (self._rule(name, rule, terms) for name, rule in shape.rules.items()), key=lambda rule: rule.benefit_class
        )
        self._check_parts(shape.rules)
        if self._problems:
            raise self.refusal()
        return RuleSet(
            settlement=self._settlement,
            terms=terms,
            rules=tuple(rules),
            class_names={number: name for name, number in self._classes.items()},
            unit_names={number: name for name, number in self._units.items()},
            document_kind_names={number: name for name, number in self._kinds.items()},
            unit_codes=unit_codes,
            unstated_unit=unstated,
            codes=codes,
            code_systems=systems,
        )

    # ------------------------------------------------------------------ tables of names

    def _read_settlement(self, shape: SettlementShape) -> None:
        decimals = self._take(("settlement", "decimals"), shape.decimals, _whole(0, 18), 0)
        try:
            self._settlement = Settlement(shape.currency, decimals)
        except InvalidInput as problem:
            self.add(("settlement", problem.name), problem.problem)

    def _numbers(
        self,
        place: Place,
        table: Mapping[str, str],
        limits: tuple[int, int],
        known: Mapping[str, int],
        member: Place = (),
    ) -> dict[str, int]:
        """A table of names and numbers, in which neither stands twice; the number is the value, or a member of it."""
        found: dict[str, int] = {}
        names = {number: name for name, number in known.items()}
        for name, text in table.items():
            here = (*place, name)
            if not NAME.fullmatch(name):
                self.add(here, "must be a name of small letters, digits and hyphens", name)
            elif name in known:
                self.add(here, f"is the suite's own name of {known[name]}", name)
            number = self._take((*here, *member), text, _whole(*limits), -1)
            if number < 0:
                continue
            if number in names:
                self.add((*here, *member), f"is the number of {names[number]} already")
            names.setdefault(number, name)
            found[name] = number
        return found

    def _code_systems(self, table: Mapping[str, tuple[str, ...]]) -> CodeSystems:
        try:
            return CodeSystems(table)
        except InvalidInput:
            pass
        systems = CodeSystems()
        sound: dict[str, tuple[str, ...]] = {}
        for canonical, spellings in table.items():
            try:
                systems = CodeSystems({**sound, canonical: spellings})
            except InvalidInput as problem:
                self.add(("code_systems", canonical), problem.problem, problem.value)
            else:
                sound[canonical] = spellings
        return systems

    def _read_units(self, units: Mapping[str, UnitShape], systems: CodeSystems) -> tuple[dict[Code, int], int]:
        numbers = {name: unit.number for name, unit in units.items()}
        found = self._numbers(("units",), numbers, (1, UNIT_LIMIT - 1), {}, ("number",))
        self._units = found
        codes: dict[Code, int] = {}
        unstated = NO_UNIT
        for name, unit in units.items():
            if name not in found:
                continue
            for system, texts in unit.codes.items():
                for i, text in enumerate(texts):
                    code = systems.code(system, text)
                    if codes.setdefault(code, found[name]) != found[name]:
                        self.add(("units", name, "codes", system, i), "is the code of another unit already")
            if unit.unstated == "true":
                if unstated != NO_UNIT:
                    self.add(("units", name, "unstated"), "is said of another unit already")
                unstated = found[name]
        return codes, unstated

    def _codes(self, shape: RuleFileShape, systems: CodeSystems) -> dict[Code, int]:
        codes: dict[Code, int] = {}
        for system, classes in shape.codes.items():
            for name, texts in classes.items():
                place: Place = ("codes", system, name)
                number = self._class(place, name)
                for i, text in enumerate(texts):
                    problem = _put(codes, systems, system, text, number)
                    if problem:
                        self.add((*place, i), problem)
        if shape.code_file is not None:
            self._read_code_file(shape.code_file, codes, systems)
        if not codes and not self._problems:
            self.add((), "has neither codes nor a code_file: no service would be in any class")
        return codes

    def _read_code_file(self, name: str, codes: dict[Code, int], systems: CodeSystems) -> None:
        path = self._path.parent / name
        try:
            with path.open(encoding="utf-8", newline="") as file:
                rows = csv.DictReader(file, strict=True)
                missing = [column for column in CODE_COLUMNS if column not in (rows.fieldnames or ())]
                if missing:
                    self._add_to(path, 1, "header", ",".join(rows.fieldnames or ()), f"lacks {', '.join(missing)}")
                    return
                for row in rows:
                    system, text, class_name = (row[column] or "" for column in CODE_COLUMNS)
                    number = self._classes.get(class_name)
                    if number is None:
                        self._add_to(
                            path, rows.line_num, "class", class_name, _unknown(class_name, "class", self._classes)
                        )
                        continue
                    problem = _put(codes, systems, system, text, number)
                    if problem:
                        self._add_to(path, rows.line_num, "code", f"{system}|{text}", problem)
        except OSError as problem:
            self.add(("code_file",), f"cannot be read: {problem.strerror}")
        except (UnicodeDecodeError, csv.Error) as problem:
            self.add(("code_file",), f"is not CSV in UTF-8: {problem}")

    def _add_to(self, path: Path, line: int, name: str, value: str, problem: str) -> None:
        self._problems.append(RuleFileInvalid(str(path), line, name, value, problem))

    # ------------------------------------------------------------------ terms and rules

    def _terms(self, shape: TermsShape, class_root: bytes) -> Terms:
        def at(name: str) -> Place:
            return ("terms", name)

        terms = Terms(
            plan=self._take(at("plan"), shape.plan, _whole(0, 2**32 - 1), 0),
            receipt_window=self._take(at("receipt_window"), shape.receipt_window, _seconds, 1),
            appeal_days=self._take(at("appeal_days"), shape.appeal_days, _whole(0, 2**16 - 1), 1),
            shadow=shape.shadow == "true",
            deductible=self._money(at("deductible"), shape.deductible),
            out_of_pocket_maximum=self._money(at("out_of_pocket_maximum"), shape.out_of_pocket_maximum),
            base_rate=self._money(at("base_rate"), shape.base_rate),
            document=self._document(shape.document),
            class_root=class_root,
        )
        for name, problem in contradictions_of_terms(terms):
            if name not in ("document", "class_root"):
                self.add(at(name), problem)
        return terms

    def _document(self, text: str) -> bytes:
        if text.startswith("0x"):
            if SHA256.fullmatch(text) and int(text, 16):
                return bytes.fromhex(text[2:])
            self.add(("terms", "document"), "must be 0x and 64 small hex digits, not all zero, or a file's name")
            return EMPTY_WORD
        try:
            with (self._path.parent / text).open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError as problem:
            self.add(("terms", "document"), f"cannot be read: {problem.strerror}")
            return EMPTY_WORD

    def _rule(self, name: str, shape: RuleShape, terms: Terms) -> BenefitRule:
        place: Place = ("rules", name)
        known = len(self._problems)
        flags = RuleFlag(0)
        for flag in shape.flags:
            flags |= RuleFlag[flag.upper().replace("-", "_")]
        rule = BenefitRule(
            self._class(place, name), self._authorization(place, shape, flags), self._claim(place, shape.claim, flags)
        )
        self._require(place, shape, flags)
        if len(self._problems) == known:
            for member, problem in contradictions_of_rule(rule, terms.base_rate != 0):
                self.add((*place, *AUTHORIZATION_PLACES.get(member, member.split("."))), problem)
        return rule

    def _require(self, place: Place, shape: RuleShape, flags: RuleFlag) -> None:
        """That what the contract will ask for is stated, and not taken for zero."""
        needed: list[str] = []
        if shape.coverage != "not-covered":
            needed += ["max_units_per_request", "max_units_per_period", "unit"]
            if flags & RuleFlag.AUTHORIZATION_NEEDED and not flags & RuleFlag.NO_AUTO and shape.coverage == "covered":
                needed += ["max_unit_price", "max_amount"]
        if flags & RuleFlag.GOLD_CARD_OK:
            needed.append("gold_card")
        for name in needed:
            if getattr(shape, name) is None:
                self.add((*place, name), "is missing")
        if shape.gold_card is not None and not flags & RuleFlag.GOLD_CARD_OK:
            self.add((*place, "gold_card"), "has no effect without the flag gold-card-ok")
        if shape.claim.pricing == "fee-for-service" and shape.claim.episode_weight is not None:
            self.add((*place, "claim", "episode_weight"), "has no effect unless the pricing is episode")

    def _check_parts(self, rules: Mapping[str, RuleShape]) -> None:
        """That a class which others are part of says so: else their claims would never be held against its own."""
        for name, rule in rules.items():
            whole = rule.claim.part_of
            if whole in self._classes and (whole not in rules or "includes-others" not in rules[whole].flags):
                self.add(("rules", name, "claim", "part_of"), "is a class whose rule lacks the flag includes-others")

    def _authorization(self, place: Place, shape: RuleShape, flags: RuleFlag) -> AuthorizationRule:
        def at(*names: str) -> Place:
            return (*place, *names)

        card = shape.gold_card
        return AuthorizationRule(
            coverage=Coverage[shape.coverage.upper().replace("-", "_")],
            flags=flags,
            unit_code=self._unit(at("unit"), shape.unit),
            validity_days=self._take(at("validity_days"), shape.validity_days, _whole(0, 2**16 - 1), 1),
            first_day=self._take(at("first_day"), shape.first_day, day_number, 0),
            last_day=self._take(at("last_day"), shape.last_day, day_number, LAST_DAY),
            required_documents=self._required(at("documents"), shape.documents),
            max_milli_units_per_request=self._milli_units(at("max_units_per_request"), shape.max_units_per_request),
            max_milli_units_per_period=self._milli_units(at("max_units_per_period"), shape.max_units_per_period),
            max_unit_price=self._money(at("max_unit_price"), shape.max_unit_price),
            max_amount=self._money(at("max_amount"), shape.max_amount),
            gold_card_requests=self._take(
                at("gold_card", "requests"), card.requests if card else None, _whole(0, 2**32 - 1), 0
            ),
            gold_card_approval_rate=self._take(
                at("gold_card", "approval_rate"), card.approval_rate if card else None, _basis_points, 0
            ),
            gold_card_window_days=self._take(
                at("gold_card", "window_days"), card.window_days if card else None, _whole(0, 2**16 - 1), 0
            ),
        )

    def _claim(self, place: Place, shape: ClaimShape, flags: RuleFlag) -> ClaimRule:
        def at(name: str) -> Place:
            return (*place, "claim", name)

        return ClaimRule(
            fast_track_maximum=self._money(at("fast_track_maximum"), shape.fast_track_maximum),
            unit_price=self._money(at("unit_price"), shape.unit_price),
            copay=self._money(at("copay"), shape.copay),
            coinsurance=self._take(at("coinsurance"), shape.coinsurance, _basis_points, 0),
            filing_days=self._take(at("filing_days"), shape.filing_days, _whole(0, 2**16 - 1), 1),
            pricing=Pricing[shape.pricing.upper().replace("-", "_")],
            flags=flags,
            max_milli_units_per_day=self._milli_units(at("max_units_per_day"), shape.max_units_per_day),
            episode_weight=self._take(at("episode_weight"), shape.episode_weight, _ten_thousandths, 0),
            part_of=0 if shape.part_of is None else self._class(at("part_of"), shape.part_of),
        )

    # ------------------------------------------------------------------ single values

    def _take(self, place: Place, text: str | None, parse: Callable[[str], int], absent: int) -> int:
        """The value, or what stands for it where there is none or a wrong one, which is then a problem."""
        if text is None:
            return absent
        try:
            return parse(text)
        except InvalidInput as problem:
            self.add(place, problem.problem)
            return absent

    def _money(self, place: Place, text: str | None) -> int:
        return self._take(place, text, self._settlement.parse, 0)

    def _milli_units(self, place: Place, text: str | None) -> int:
        return self._take(place, text, parse_milli_units, 0)

    def _class(self, place: Place, name: str) -> int:
        if name not in self._classes:
            self.add(place, _unknown(name, "class", self._classes), name)
        return self._classes.get(name, CLASS_LIMIT - 1)

    def _unit(self, place: Place, name: str | None) -> int:
        if name is not None and name not in self._units:
            self.add(place, _unknown(name, "unit", self._units))
        return self._units.get(name or "", NO_UNIT)

    def _required(self, place: Place, kinds: tuple[str, ...]) -> int:
        bits = 0
        for i, kind in enumerate(kinds):
            number = self._kinds.get(kind)
            if number is None and WHOLE.fullmatch(kind):
                number = int(kind)
            if number is None:
                self.add((*place, i), _unknown(kind, "kind of document", self._kinds))
            elif number >= DOCUMENT_KINDS:
                self.add((*place, i), f"must be below {DOCUMENT_KINDS}")
            else:
                bits |= 1 << number
        return bits


# ------------------------------------------------------------------ text to values


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise InvalidInput("number", text, f"must be a whole number from {least} to {most}")
        return int(text)

    return parse


def _basis_points(text: str) -> int:
    match = PERCENT.fullmatch(text)
    points = int(match[1] + (match[2] or "").ljust(2, "0")) if match else BASIS_POINTS + 1
    if points > BASIS_POINTS:
        raise InvalidInput("rate", text, "must be 0% to 100%, with two decimals at most, such as 12.5%")
    return points


def _ten_thousandths(text: str) -> int:
    match = RATIO.fullmatch(text)
    parts = int(match[1] + (match[2] or "").ljust(DECIMALS, "0")) if match else 2**32
    if parts >= 2**32:
        raise InvalidInput("ratio", text, f"must be a number with {DECIMALS} decimals at most, such as 1.2345")
    return parts


def _seconds(text: str) -> int:
    match = DURATION.fullmatch(text)
    seconds = int(match[1]) * SECONDS[match[2]] if match else 2**32
    if seconds >= 2**32:
        raise InvalidInput("duration", text, "must be a whole number and s, min, h or d, such as 72 h")
    return seconds


def _put(codes: dict[Code, int], systems: CodeSystems, system: str, text: str, number: int) -> str:
    """Puts a code into its class; returns what is wrong with that, or nothing."""
    if not system.strip() or not text.strip():
        return "lacks a code or its system"
    code = systems.code(system, text)
    if code in codes:
        same = codes[code] == number
        return f"stands twice, as {code}" if same else f"is in another class already, as {code}"
    codes[code] = number
    return ""


def _unknown(name: str, what: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"is no {what} of this file" + (f"; did you mean {close[0]}?" if close else "")
