"""`careledger auth`: a provider's requests for authorization."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from careledger.anchoring.stamps import in_words
from careledger.authorization.amounts import units_text
from careledger.authorization.decision import UNKNOWN_AMOUNT
from careledger.authorization.dry_run import ExplainedDecision
from careledger.authorization.idempotency import Arrival
from careledger.authorization.outcomes import ACTIONS, LineReport, RequestReport
from careledger.authorization.request_book import Revision
from careledger.authorization.rule_set import RuleSet
from careledger.authorization.sent_requests import SentRequests
from careledger.authorization.submission import Plan, Submissions
from careledger.cli.authorization.words import (
    Asked,
    Documents,
    EligibilityFile,
    ProviderOptions,
    RequestArgument,
    TariffFile,
    find_identifier,
    load_documents,
    load_eligibility,
    load_request,
    load_rules,
    load_tariff,
    named_payer,
    opened_vault,
    write_json,
)
from careledger.cli.documents.files import readable
from careledger.cli.output import table
from careledger.cli.session import Answer, parse_time, signs, working
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.contract_events import ContractEvent, LineSuperseded
from careledger.errors import InvalidInput

__all__ = ["app"]

app = typer.Typer(
    help="Requests for prior authorization, as the provider: submit, follow, answer, update, cancel, appeal.",
    no_args_is_help=True,
)

RequestFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="A PAS bundle in JSON, or a plain request in YAML or JSON.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Send nothing; show the decision and what it rests on.")]
ReceivedAt = Annotated[
    str,
    typer.Option(help="When the insurer got it: Unix seconds, or ISO 8601. Default: the chain's last block's time."),
]
ResponseFile = Annotated[
    Path | None,
    typer.Option("--response", help="Write the ClaimResponse bundle there; REQUEST is a bundle.", show_default=False),
]
Lines = Annotated[
    list[int] | None, typer.Option("--line", help="Number of an item. May be repeated.", show_default=False)
]
Statement = Annotated[
    Path,
    typer.Option(
        "--statement", help="File with what is said: a salted hash of it is published, it is kept in the vault."
    ),
]


TOLD = frozenset(
    {
        "revision",
        "expedited",
        "action",
        "basis",
        "benefit_class",
        "version",
        "milli_units",
        "reason",
        "outcome",
        "successor",
    }
)
"""Of events, what a person is shown; the rest is in the JSON."""


@dataclass(frozen=True, kw_only=True)
class Sending(ProviderOptions):
    """What `submit` and `update` are told."""

    file: RequestFile
    tariff: TariffFile = None
    eligibility: EligibilityFile = None
    document: Documents = None
    received_at: ReceivedAt = ""
    response: ResponseFile = None
    dry_run: DryRun = False


@app.command("submit")
@signs
def submit(ledger: CareLedger, told: Sending) -> Answer:
    """Submit a request; the rules decide it at once, or it waits for a person.

    The same request again sends nothing, and shows what stands. Other content under an identifier that was sent before
    is refused: an update names the request that it replaces, and goes by `auth update`.
    """
    return _send(ledger, told, (Arrival.NEW, Arrival.REPEATED))


@app.command("update")
@signs
def update(ledger: CareLedger, told: Sending) -> Answer:
    """Update a request: lines that changed are decided anew, the others stay, and those marked so are cancelled.

    The file is the whole request again, with every item that was ever in it.
    """
    return _send(ledger, told, (Arrival.UPDATE, Arrival.REPEATED))


@app.command("status")
@signs
def status(
    ledger: CareLedger, request: RequestArgument, options: ProviderOptions, response: ResponseFile = None
) -> Answer:
    """Show what stands of a request: each item's decision, why, until when, and who is to act."""
    with _found(ledger, request, options, "auth status") as found:
        report = found.report()
    return _report_answer(report, found.rule_set, found.asked, response)


@app.command("history")
@signs
def history(ledger: CareLedger, request: RequestArgument, options: ProviderOptions) -> Answer:
    """Show all that happened to a request, in order, from the chain's events."""
    with _found(ledger, request, options, "auth history") as found:
        revision = found.revision
        log = found.sent.authorizations.log(found.sent.provider, revision.request_id)
        times = {number: ledger.connection.block_time(number) for number in {entry.block_number for entry in log}}
    items = _items(revision, [entry.event for entry in log])
    events = [
        {
            "event": type(entry.event).__name__,
            "item": items.get(getattr(entry.event, "line", None)),
            "time": times[entry.block_number],
            "block_number": entry.block_number,
            "transaction_hash": entry.transaction_hash,
            **in_words(entry.event),
        }
        for entry in log
    ]

    def row(event: dict[str, Any]) -> tuple[object, ...]:
        told = (
            f"{name.replace('_', ' ').strip()} {value.name if isinstance(value, Enum) else value}"
            for name, value in event.items()
            if name in TOLD and value
        )
        return time_text(event["time"]), event["item"] or "", event["event"], ", ".join(told)

    def render(console: Console) -> None:
        columns = ("time", "item", "what", "with")
        console.print(table(f"Request {revision.request_id}", columns, map(row, events)))

    return Answer({"request_id": revision.request_id, "events": events}, render)


def _items(revision: Revision, events: list[ContractEvent]) -> dict[int | None, int]:
    """Item by line, of lines that others replaced too."""
    found: dict[int | None, int] = {line.number: line.sequence for line in revision.lines if line.number is not None}
    for event in reversed(events):
        if isinstance(event, LineSuperseded) and event.successor in found:
            found[event.line] = found[event.successor]
    return found


@app.command("cancel")
@signs
def cancel(ledger: CareLedger, request: RequestArgument, options: ProviderOptions, line: Lines = None) -> Answer:
    """Cancel items of a request, or all that can be; what a grant has left is given back.

    Again, it changes nothing.
    """
    with _found(ledger, request, options, "auth cancel") as found:
        cancelled = found.sent.cancel(found.revision, line or ())
        report = found.report()
    return _report_answer(report, found.rule_set, None, None, {"cancelled": cancelled})


@app.command("appeal")
@signs
def appeal(
    ledger: CareLedger,
    request: RequestArgument,
    line: Annotated[list[int], typer.Option("--line", help="Number of an item. May be repeated.")],
    statement: Statement,
    options: ProviderOptions,
    expedited: Annotated[bool, typer.Option("--expedited", help="Due in 72 hours instead of 30 days.")] = False,
    received_at: ReceivedAt = "",
) -> Answer:
    """Appeal what was denied, approved in part or modified; another person decides.

    Once for each item. What was granted can be used meanwhile. Again, while the appeal is open, it changes nothing.
    """
    said = _said(statement)
    with _found(ledger, request, options, "auth appeal") as found:
        appeals = [found.sent.appealable(found.revision, sequence) for sequence in line]
        received = parse_time(received_at, ledger.connection) if received_at else None
        for one in appeals:
            found.sent.appeal(found.revision, one, said, expedited, received)
        report = found.report()
    return _report_answer(report, found.rule_set, None, None, {"appealed": line})


@app.command("answer")
@signs
def answer(
    ledger: CareLedger,
    request: RequestArgument,
    line: Annotated[int, typer.Option("--line", help="Number of an item.")],
    statement: Statement,
    options: ProviderOptions,
    document: Documents = None,
) -> Answer:
    """Answer the insurer's question about an item, which then waits for a person again. The clock runs on."""
    said, receipts = _said(statement), load_documents(document)
    with _found(ledger, request, options, "auth answer") as found:
        found.sent.answer(found.revision, line, said, receipts)
        report = found.report()
    return _report_answer(report, found.rule_set, None, None, {"answered": line})


def _said(statement: Path) -> bytes:
    with readable(statement, "statement"):
        return statement.read_bytes()


@dataclass(frozen=True)
class Found:
    """A request that was sent, and the file that named it, if one did. Without the rule file, less can be told."""

    sent: SentRequests
    revision: Revision
    rule_set: RuleSet | None
    asked: Asked | None

    def report(self) -> RequestReport:
        """What stands of it now."""
        return self.sent.report(self.revision, self.rule_set)


@contextmanager
def _found(ledger: CareLedger, request: str, options: ProviderOptions, title: str) -> Iterator[Found]:
    """The request that is named by its file or identifier, while the vault is open."""
    identifier, asked = find_identifier(request, options.rules)
    rule_set = None if options.rules is None else load_rules(options.rules)
    with opened_vault(options.vault) as opened, working(title):
        sent = SentRequests(named_payer(ledger, options.payer), opened)
        yield Found(sent, sent.find(identifier), rule_set, asked)


# ---------------------------------------------------------------------- submit and update


def _send(ledger: CareLedger, told: Sending, expected: tuple[Arrival, ...]) -> Answer:
    rule_set = load_rules(told.rules)
    asked = load_request(told.file, rule_set)
    _check_response(asked, told.response)
    given = (load_eligibility(told.eligibility), load_documents(told.document))
    received_at = parse_time(told.received_at, ledger.connection) if told.received_at else None
    with opened_vault(told.vault) as opened, working(f"auth {expected[0].name.lower()} {told.file}"):
        tariff = load_tariff(told.tariff, rule_set)
        submissions = Submissions(named_payer(ledger, told.payer), rule_set, opened, tariff)
        plan = submissions.plan(asked.request, *given, received_at)
        if plan.arrival not in expected:
            raise InvalidInput("file", str(told.file), OTHER_COMMAND[plan.arrival])
        if told.dry_run:
            return _dry_run_answer(plan, submissions.dry_run(plan), rule_set)
        report = submissions.report(submissions.send(plan), rule_set)
    told_first = {"arrival": plan.arrival.value, "sent": plan.arrival is not Arrival.REPEATED}
    return _report_answer(report, rule_set, asked, told.response, told_first, plan)


OTHER_COMMAND = {
    Arrival.NEW: "is a new request: send it with `careledger auth submit`",
    Arrival.UPDATE: "is an update of a request that was sent: send it with `careledger auth update`",
    Arrival.APPEAL: "is an appeal: name its lines to `careledger auth appeal`",
}


def _dry_run_answer(plan: Plan, decisions: list[ExplainedDecision], rule_set: RuleSet) -> Answer:
    rows = []
    lines = []
    for one in decisions:
        decision = one.decision
        notes = plan.notes.get(one.sequence, ())
        action = ACTIONS[decision.action].value
        lines.append(
            {
                "sequence": one.sequence,
                "action": action,
                "basis": decision.basis,
                "why": one.why,
                "notes": notes,
                "class": decision.line.benefit_class,
                **_granted(decision.milli_units, decision.amount, rule_set),
                "due_at": decision.due_at,
            }
        )
        rows.append((one.sequence, action, one.why, "\n".join(notes)))
    body = {
        "dry_run": True,
        "arrival": plan.arrival.value,
        "request_id": plan.request_id,
        "version": plan.version,
        "shadow": rule_set.terms.shadow,
        "unchanged": plan.unchanged,
        "cancelled": plan.cancelled,
        "lines": lines,
    }

    def render(console: Console) -> None:
        console.print(table("Would be decided; nothing was sent", ("item", "", "why", "not said"), rows))
        for name, items in (("unchanged", plan.unchanged), ("cancelled", plan.cancelled)):
            if items:
                console.print(f"{name}: {', '.join(map(str, items))}")
        if plan.arrival is Arrival.REPEATED:
            console.print("it was sent before, with the same content: nothing would be sent")

    return Answer(body, render)


# ---------------------------------------------------------------------- reports


def _report_answer(
    report: RequestReport,
    rule_set: RuleSet | None,
    asked: Asked | None,
    response: Path | None,
    first: dict[str, Any] | None = None,
    plan: Plan | None = None,
) -> Answer:
    if response is not None:
        _check_response(asked, response)
        _write_response(report, rule_set, asked, response)
    body = {
        **(first or {}),
        "request_id": report.revision.request_id,
        "revision": report.revision.revision,
        "shadow": report.shadow,
        "human_reviewed": report.outcome.human_reviewed,
        "lines": [_line_body(line, rule_set) for line in report.lines],
        "response": response,
    }
    notes = {} if plan is None else plan.notes

    def render(console: Console) -> None:
        if first and first.get("sent") is False:
            console.print("sent before, with the same content: nothing was sent")
        rows = [
            (
                line.sequence,
                "" if line.action is None else line.action.value,
                "\n".join([line.why, *line.notes, *notes.get(line.sequence, ())]),
                line.authorization_number if line.action is not None else "",
            )
            for line in report.lines
        ]
        console.print(table(f"Request {report.revision.request_id}", ("item", "", "why", "number"), rows))
        if response is not None:
            console.print(f"ClaimResponse: {response}", soft_wrap=True)

    return Answer(body, render)


def _line_body(line: LineReport, rule_set: RuleSet | None) -> dict[str, Any]:
    outcome, state, granted = line.outcome, line.state, line.granted
    return {
        "sequence": line.sequence,
        "number": line.number,
        "status": line.status,
        "action": None if line.action is None else line.action.value,
        "basis": line.basis,
        "why": line.why,
        "notes": line.notes,
        "reasons": [str(reason) for reason in line.reasons],
        "appeal": None if state is None else state.appeal,
        **_granted(granted.milli_units if granted else None, granted.amount if granted else None, rule_set),
        "left_units": units_text(state.milli_units) if state is not None and granted is not None else None,
        "valid_from": None if outcome.valid_from is None else outcome.valid_from.isoformat(),
        "valid_to": None if outcome.valid_to is None else outcome.valid_to.isoformat(),
        "authorization_number": outcome.authorization_number,
        "pend_number": outcome.pend_number,
        "human_reviewed": line.human_reviewed,
        "decided_at": line.decided_at,
        "due_at": line.due_at,
        "due": time_text(line.due_at) if line.due_at else None,
    }


def _granted(milli_units: int | None, amount: int | None, rule_set: RuleSet | None) -> dict[str, Any]:
    """Units and amount as decimal numbers; without the rule file, nobody knows the token's decimals."""
    known = None if not milli_units or amount == UNKNOWN_AMOUNT else amount
    return {
        "granted_units": units_text(milli_units) if milli_units else None,
        "granted_amount": None if known is None or rule_set is None else rule_set.settlement.text(known),
        "granted_minor_units": known,
    }


def _check_response(asked: Asked | None, response: Path | None) -> None:
    if response is not None and (asked is None or asked.bundle is None):
        raise InvalidInput("--response", str(response), "answers a FHIR bundle: give the bundle, not another request")


def _write_response(report: RequestReport, rule_set: RuleSet | None, asked: Asked | None, response: Path) -> None:
    from careledger.authorization.fhir.answer import answer_bundle

    assert rule_set is not None
    assert asked is not None
    assert asked.bundle is not None
    write_json(response, answer_bundle(asked.bundle, report, rule_set.settlement))
