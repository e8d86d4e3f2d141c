"""`careledger payer rules` and `payer replay`: rule files, without a chain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from careledger.authorization.amounts import parse_milli_units
from careledger.authorization.dry_run import DryRunContext, dry_run
from careledger.authorization.replay import read_history, replay
from careledger.authorization.rule_diff import diff
from careledger.authorization.rule_set import RuleSet
from careledger.cli.authorization.words import RulesFile, load_request, load_rules
from careledger.cli.documents.files import readable
from careledger.cli.output import Json, show, table
from careledger.cli.payer.words import RuleFile
from careledger.cli.session import parse_time, working
from careledger.errors import InvalidInput

__all__ = ["app", "replay_history"]

CHANGED = 9
SHOWN = 20

app = typer.Typer(help="Rule files, without a chain: check, compare, try on a request.", no_args_is_help=True)


@app.command("check")
def check(file: RuleFile, as_json: Json = False) -> None:
    """Check a rule file, and tell what it comes to. All that is wrong in it is told at once, with its line."""
    rule_set = load_rules(file)
    body = {
        "digest": rule_set.digest,
        "class_root": rule_set.terms.class_root,
        "plan": rule_set.terms.plan,
        "shadow": rule_set.terms.shadow,
        "rules": len(rule_set.rules),
        "classes": len(rule_set.class_names),
        "codes": len(rule_set.codes),
    }
    text = (
        f"{file} is right: plan {rule_set.terms.plan}, {len(rule_set.rules)} rules for {len(rule_set.class_names)} "
        f"classes, {len(rule_set.codes)} codes; digest 0x{rule_set.digest.hex()}"
    )
    show(body, as_json, lambda console: console.print(text, markup=False, soft_wrap=True))


@app.command("diff")
def diff_files(
    old: Annotated[Path, typer.Argument(help="The rule file that stands.")],
    new: Annotated[Path, typer.Argument(help="The rule file that is to stand.")],
    as_json: Json = False,
) -> None:
    """Show what changes from one rule file to another, in sentences. Exit code 9 if anything does."""
    found = diff(load_rules(old), load_rules(new))
    text = "\n".join(found.sentences()) or "nothing changes"
    show(found.to_json(), as_json, lambda console: console.print(text, markup=False, soft_wrap=True))
    if not found.is_empty:
        raise typer.Exit(CHANGED)


@app.command("dry-run")
def dry_run_file(
    file: RuleFile,
    request: Annotated[Path, typer.Argument(help="A PAS bundle in JSON, or a plain request in YAML or JSON.")],
    received_at: Annotated[str, typer.Option(help="Unix seconds, ISO 8601, or now.")] = "now",
    uncovered: Annotated[
        bool, typer.Option("--uncovered", help="As if nobody said that the member is covered.")
    ] = False,
    document: Annotated[
        list[str] | None,
        typer.Option(help="A kind of document that is there, by name or number. May be repeated.", show_default=False),
    ] = None,
    taken: Annotated[
        list[str] | None,
        typer.Option(help="CLASS=UNITS that the member has taken in the period. May be repeated.", show_default=False),
    ] = None,
    gold_card: Annotated[
        list[str] | None,
        typer.Option(help="A class in which the provider holds a gold card. May be repeated.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what the rules would decide of a request, line by line, and why. Nothing is sent."""
    rule_set = load_rules(file)
    asked = load_request(request, rule_set).request
    context = DryRunContext(
        parse_time(received_at),
        covered=not uncovered,
        documents=_kinds(rule_set, document or []),
        taken_milli_units=dict(_taken(rule_set, one) for one in taken or []),
        gold_card_classes=frozenset(_class(rule_set, one) for one in gold_card or []),
    )
    found = dry_run(rule_set, asked, context)
    body = [
        {
            "line": one.sequence,
            "action": one.decision.action,
            "basis": one.decision.basis,
            "class": rule_set.class_name(one.decision.line.benefit_class),
            "milli_units": one.decision.milli_units,
            "why": one.why,
        }
        for one in found
    ]
    rows = [(one.sequence, one.decision.basis.name, one.why) for one in found]
    show(body, as_json, lambda console: console.print(table(None, ("line", "basis", "decision"), rows)))


def replay_history(
    history: Annotated[Path, typer.Argument(help="Past decisions, a CSV file; see docs/authorization-rules.md.")],
    rules: RulesFile = None,
    as_json: Json = False,
) -> None:
    """Compare a rule file with past decisions: how often they agree, and where they differ. Asks no chain.

    Neither members nor codes are in the answer: rows are named by number.
    """
    rule_set = load_rules(rules)
    with readable(history, "history"), working("Replaying"):
        found = replay(rule_set, read_history(history))
    matrix = sorted((past.value, now.value, rows) for (past, now), rows in found.matrix.items())
    body = {
        "rows": found.rows,
        "agreements": found.agreements,
        "differences": found.difference_count,
        "unreadable": found.unreadable_count,
        "units_known": found.units_known,
        "matrix": [{"past": past, "now": now, "rows": rows} for past, now, rows in matrix],
        "by_basis": {basis.name: rows for basis, rows in found.by_basis.items()},
        "first_differences": [
            {"row": one.row, "past": one.past.value, "now": one.now.value, "basis": one.basis.name, "why": one.why}
            for one in found.differences
        ],
        "first_unreadable": found.unreadable,
    }

    def render(console: Console) -> None:
        console.print(
            f"{found.rows:,} rows: {found.agreements:,} decided alike, {found.difference_count:,} otherwise, "
            f"{found.unreadable_count:,} unreadable"
        )
        if not found.units_known:
            console.print("The file does not say what members had taken: limits of a period were hardly tried.")
        console.print(table("Past decision, the rules', rows", ("past", "now", "rows"), matrix))
        if found.differences:
            rows = [(one.row, one.past.value, one.now.value, one.why) for one in found.differences[:SHOWN]]
            console.print(table(f"The first {len(rows)} that differ", ("row", "past", "now", "why"), rows))
        if found.unreadable:
            lines = [(one.row, one.problem) for one in found.unreadable[:SHOWN]]
            console.print(table(f"The first {len(lines)} that cannot be read", ("row", "problem"), lines))

    show(body, as_json, render)


def _class(rule_set: RuleSet, text: str) -> int:
    named = {name: number for number, name in rule_set.class_names.items()}
    if text in named:
        return named[text]
    if text.isascii() and text.isdigit() and int(text) in rule_set.class_names:
        return int(text)
    raise InvalidInput("class", text, "is no class of the rule file")


def _taken(rule_set: RuleSet, text: str) -> tuple[int, int]:
    name, bar, units = text.partition("=")
    if not bar:
        raise InvalidInput("taken", text, "must be CLASS=UNITS, such as home-nursing=12")
    return _class(rule_set, name), parse_milli_units(units, "taken")


def _kinds(rule_set: RuleSet, names: list[str]) -> int:
    named = {name: number for number, name in rule_set.document_kind_names.items()}
    found = 0
    for name in names:
        number = named.get(name, int(name) if name.isascii() and name.isdigit() else -1)
        if not 0 <= number < 64:
            raise InvalidInput("document", name, f"is none of {', '.join(named)}, and no number below 64")
        found |= 1 << number
    return found
