"""`careledger payer review` and `overdue`: what waits for a person, and what a person decides."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from careledger.authorization.amounts import parse_milli_units
from careledger.authorization.authorizations import Authorizations, SignedReview
from careledger.authorization.desk import Desk, Marked, WaitingLine, from_index
from careledger.authorization.review_file import Signed, dump_review, parse_review
from careledger.authorization.reviews import ClaimUnderReview, Reviews, SignedReversal
from careledger.chain.connection import TransactionReceipt
from careledger.chain.signers.signer import required
from careledger.chain.values import account_address
from careledger.cli.authorization.words import (
    LineNumber,
    PayerName,
    Provider,
    RequestId,
    id_on_chain,
    money_of,
    named_payer,
)
from careledger.cli.documents.files import readable, write_private
from careledger.cli.output import table
from careledger.cli.payer.words import (
    IndexOption,
    Rationale,
    ReasonsFile,
    ReasonText,
    load_reasons,
    said,
)
from careledger.cli.session import Answer, open_signer, reads, signs, working, writes
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.contract_enums import Action
from careledger.errors import InvalidInput

if TYPE_CHECKING:
    from careledger.authorization.payer import Payer
    from careledger.chain.signers import Signer

__all__ = ["app", "overdue"]

app = typer.Typer(
    help="What waits for a person: the queue, decisions of requests, appeals and claims.", no_args_is_help=True
)

Sender = Annotated[
    str,
    typer.Option("--sender", help="Who sends what the signer signed. Default: the signer, whose key then needs funds."),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", help="Send nothing: write what the signer signed there, for `payer review send`.", show_default=False
    ),
]
Units = Annotated[str, typer.Option("--units", help="That may be used. Default: as asked for.", show_default=False)]
Amount = Annotated[
    str,
    typer.Option("--amount", help="That may be used, in the token's units. Default: as asked for.", show_default=False),
]
ClaimKey = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        help="The claim line's key, as `claim status` shows it.",
        callback=lambda text: id_on_chain("claim line", text),
    ),
]
PrepaidBy = Annotated[
    str, typer.Option("--prepaid-by", help="Whose prepayment the claim named, if it named one.", show_default=False)
]

DAY, HOUR, MINUTE = 86_400, 3600, 60


# ---------------------------------------------------------------------- the queue


@app.command("queue")
@reads
def queue(
    ledger: CareLedger,
    payer: PayerName = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
    index: IndexOption = "",
) -> Answer:
    """Show what waits for a person, the least time left first: pended lines and open appeals.

    With --index from an index that follows the insurer (`index sync --payer`), else from all events of the chain.
    """
    asked = named_payer(ledger, payer)
    found, now = _queue(ledger, asked, index)
    shown = found[:limit]
    body = {
        "time": now,
        "waiting": len(found),
        "lines": [{**_plain(one), "seconds_left": one.seconds_left(now)} for one in shown],
    }

    def render(console: Console) -> None:
        columns = ("left", "provider", "request", "line", "class", "waits for", "")
        console.print(table(f"{len(found)} wait", columns, (_row(one, now) for one in shown)))

    return Answer(body, render)


@signs
def overdue(
    ledger: CareLedger,
    payer: PayerName = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing; show what is past due.")] = False,
    index: IndexOption = "",
) -> Answer:
    """Mark what was not decided in time. Anyone may; where the rule says so, that approves it, or later does.

    Interrupted, the same command goes on.
    """
    asked = named_payer(ledger, payer)
    with working("Asking what waits"):
        found, now = _queue(ledger, asked, index)
    late = [one for one in found if one.due_at < now]
    marked: list[Marked] = []
    desk = Desk(asked)
    for number, line in enumerate(late if not dry_run else [], start=1):
        with working(f"Marking {number} of {len(late)}"):
            marked += desk.mark_overdue([line])
    sent = [one for one in marked if one.receipt is not None]
    body = {
        "past_due": [_plain(one) for one in late],
        "marked": [
            {"request": one.line.request, "line": one.line.line, "transaction_hash": one.receipt.transaction_hash}
            for one in sent
            if one.receipt is not None
        ],
    }

    def render(console: Console) -> None:
        columns = ("left", "provider", "request", "line", "class", "waits for", "")
        if late:
            console.print(table("Past due", columns, (_row(one, now) for one in late)))
        console.print(f"past due: {len(late)}; marked now: {len(sent)}")

    return Answer(body, render)


# ---------------------------------------------------------------------- decisions


@dataclass(frozen=True, kw_only=True)
class DecisionOptions:
    """How a reviewer's decision gets to the chain."""

    sender: Sender = ""
    out: Out = None
    payer: PayerName = ""


@dataclass(frozen=True, kw_only=True)
class LineDecision(DecisionOptions):
    """What a decision of a request's line says, whatever it is."""

    provider: Provider
    request: RequestId
    line: LineNumber
    reason: ReasonText = ""
    reasons: ReasonsFile = None
    rationale: Rationale = None


@app.command("approve")
@signs
def approve(ledger: CareLedger, told: LineDecision, units: Units = "", amount: Amount = "") -> Answer:
    """Approve a pended line or an appeal, as a reviewer: in full, or in part if --reason says why."""
    action = Action.APPROVED_IN_PART if told.reason else Action.APPROVED_IN_FULL
    return _decide(ledger, told, action, {"milli_units": units, "amount": amount})


@app.command("deny")
@signs
def deny(ledger: CareLedger, told: LineDecision) -> Answer:
    """Deny a pended line, or uphold what is appealed, as a reviewer."""
    return _decide(ledger, told, Action.DENIED, {})


@app.command("modify")
@signs
def modify(
    ledger: CareLedger,
    told: LineDecision,
    benefit_class: Annotated[
        int | None, typer.Option("--class", help="Number of the class that is granted instead.", show_default=False)
    ] = None,
    units: Units = "",
    amount: Amount = "",
) -> Answer:
    """Grant another class, units or amount than was asked for, as a reviewer."""
    return _decide(
        ledger, told, Action.MODIFIED, {"milli_units": units, "amount": amount, "benefit_class": benefit_class}
    )


@app.command("ask")
@writes
def ask(
    ledger: CareLedger,
    provider: Provider,
    request: RequestId,
    line: LineNumber,
    question: Annotated[
        Path,
        typer.Option(
            help="File with the question: a salted hash of it is published, kept in FILE.statement.json.",
            show_default=False,
        ),
    ],
    payer: PayerName = "",
) -> TransactionReceipt:
    """Ask the provider for more about a pended line, by a key of the insurer's. The clock runs on."""
    asked = named_payer(ledger, payer)
    return _authorizations(asked).request_information(
        asked.organizations.known(provider), request, line, said(question)
    )


@app.command("extend")
@writes
def extend(
    ledger: CareLedger,
    provider: Provider,
    request: RequestId,
    line: LineNumber,
    reason: ReasonText,
    reasons: ReasonsFile = None,
    payer: PayerName = "",
) -> TransactionReceipt:
    """Take 14 days from receipt in total, once and before the line is due, by a key of the insurer's."""
    number = load_reasons(reasons).number(reason)
    asked = named_payer(ledger, payer)
    return _authorizations(asked).extend_deadline(asked.organizations.known(provider), request, line, number)


@app.command("claim")
@signs
def review_claim(
    ledger: CareLedger,
    key: ClaimKey,
    options: DecisionOptions,
    allowed: Annotated[str, typer.Option(help="Of the charge, in the token's units; 0 denies it.", show_default=False)],
    carc: Annotated[
        int, typer.Option(help="Claim adjustment reason code of what is denied, such as 50.", min=0, max=65_535)
    ] = 0,
    rationale: Rationale = None,
    prepaid_by: PrepaidBy = "",
) -> Answer:
    """Decide a claim line that waits for a person or was denied, as a reviewer."""
    asked = _sent_by(ledger, options)
    amount = money_of(asked).parse(allowed, "allowed")
    reviews, reviewer, subject = _claim_under_review(ledger, asked, key, prepaid_by)
    signed = reviews.sign_claim(subject, reviewer, amount, carc, said(rationale))
    return _finish(asked, signed, options.out)


@app.command("reverse-claim")
@signs
def reverse_claim(
    ledger: CareLedger,
    key: ClaimKey,
    options: DecisionOptions,
    reason: ReasonText,
    reasons: ReasonsFile = None,
    prepaid_by: PrepaidBy = "",
) -> Answer:
    """Take a paid claim line back, as a reviewer. Final; units and the patient's shares come back too."""
    number = load_reasons(reasons).number(reason)
    asked = _sent_by(ledger, options)
    reviews, reviewer, subject = _claim_under_review(ledger, asked, key, prepaid_by)
    return _finish(asked, reviews.sign_reversal(subject, reviewer, number), options.out)


@app.command("send")
@signs
def send(
    ledger: CareLedger,
    file: Annotated[Path, typer.Argument(help="A signed decision, as `--out` writes it.")],
    payer: PayerName = "",
) -> Answer:
    """Send a reviewer's signed decision. Anyone may: the signer pays the gas.

    Of a request, sent before, it changes nothing.
    """
    asked = named_payer(ledger, payer)
    with readable(file, "review"):
        content = file.read_bytes()
    with working("Reading the decision"):
        signed = parse_review(content, asked)
    return _finish(asked, signed, None)


# ---------------------------------------------------------------------- helpers


def _decide(ledger: CareLedger, told: LineDecision, action: Action, values: dict[str, Any]) -> Answer:
    number = load_reasons(told.reasons).number(told.reason) if told.reason else 0
    asked = _sent_by(ledger, told)
    reviews, reviewer = Reviews(asked), required(ledger.signer)
    stated: dict[str, Any] = {name: value for name, value in values.items() if value not in ("", None)}
    line = told.provider, told.request, told.line, action
    with working("Reading the line"):
        if "milli_units" in stated:
            stated["milli_units"] = parse_milli_units(stated["milli_units"])
        if "amount" in stated:
            stated["amount"] = money_of(asked).parse(stated["amount"])
        draft = reviews.draft(*line, reason=number, **stated)
        if told.rationale is not None:
            draft = reviews.draft(*line, reason=number, rationale=said(told.rationale), **stated)
    return _finish(asked, reviews.sign(draft, reviewer), told.out)


def _claim_under_review(
    ledger: CareLedger, asked: Payer, key: str, prepaid_by: str
) -> tuple[Reviews, Signer, ClaimUnderReview]:
    """A claim line, and who decides it."""
    reviews, reviewer = Reviews(asked), required(ledger.signer)
    with working("Reading the claim"):
        return reviews, reviewer, reviews.claim(key, account_address("payer", prepaid_by) if prepaid_by else None)


def _finish(payer: Payer, signed: Signed, out: Path | None) -> Answer:
    """Sends a signed decision, or writes it into a file."""
    title = _title(payer, signed)
    if out is None:
        with working("Sending the decision"):
            receipt = Reviews(payer).send_signed(signed)
        return _sent(receipt, title, signed.key)
    write_private(out, dump_review(payer, signed))
    text = f"{title}\n  signed by {signed.key}, and not sent: {out}, for `careledger payer review send`"
    body = {"reviewer_key": signed.key, "file": out}
    return Answer(body, lambda console: console.print(text, markup=False, soft_wrap=True))


def _title(payer: Payer, signed: Signed) -> str:
    if isinstance(signed, SignedReview):
        review = signed.review
        return f"line {review.line} of {review.request_id}: {review.action.name.lower().replace('_', ' ')}"
    if isinstance(signed, SignedReversal):
        return f"claim line {signed.subject.key}: reversed"
    return f"claim line {signed.subject.key}: {money_of(payer).text(signed.allowed)} allowed"


def _sent(receipt: TransactionReceipt, title: str, key: str) -> Answer:
    """A decision that was sent: what the chain says happened."""
    happened = [type(event).__name__ for event in receipt.events]
    body = {
        "reviewer_key": key,
        "transaction_hash": receipt.transaction_hash,
        "block_number": receipt.block_number,
        "gas_used": receipt.gas_used,
        "events": happened,
    }
    kept = ", ".join(happened) or "nothing: it was sent before"
    if happened == ["OpinionGiven"]:
        kept = "kept as the first of two opinions: another reviewer decides"
    text = f"{title}\n  {kept}; transaction {receipt.transaction_hash}"
    return Answer(body, lambda console: console.print(text, markup=False, soft_wrap=True))


def _sent_by(ledger: CareLedger, options: DecisionOptions) -> Payer:
    """The insurer's contracts, with who sends. Raises InvalidInput if nobody is to."""
    sender = options.sender
    if sender and options.out is not None:
        raise InvalidInput("--sender", sender, "does not go with --out, which sends nothing: say one of them")
    chosen = ledger.acting_as(open_signer(sender)) if sender else ledger
    return named_payer(chosen, options.payer)


def _authorizations(payer: Payer) -> Authorizations:
    return Authorizations(payer.authorizations, payer.organizations, payer.first_block, payer.signer)


def _queue(ledger: CareLedger, payer: Payer, index: str) -> tuple[list[WaitingLine], int]:
    """All that waits, and the chain's time."""
    if not index:
        return list(Desk(payer).queue()), ledger.connection.block_time()
    from careledger.authorization.index import AuthorizationIndex  # with it comes SQLAlchemy
    from careledger.cli.documents.indexed import open_index

    opened = open_index(index, ledger.connection.genesis_hash(), payer.authorizations.address)
    with opened:
        view = opened.at("latest")
        entries = AuthorizationIndex(view, payer.insurer).queue(limit=1_000_000)
        here = payer.authorizations.address
        return [from_index(one.value) for one in entries if one.value.contract == here], view.block_time


def _plain(line: WaitingLine) -> dict[str, Any]:
    return dataclasses.asdict(line)


def _row(line: WaitingLine, now: int) -> tuple[object, ...]:
    marks = [
        *(["expedited"] if line.expedited else []),
        *(["extended"] if line.extended else []),
        *(["marked overdue"] if line.marked_overdue else []),
        *([f"not {line.first_opinion}"] if line.first_opinion else []),
        *([f"not {line.reviewer}"] if line.reviewer and line.waits_for == "appeal" else []),
    ]
    return (
        _left(line.seconds_left(now)),
        line.provider,
        line.request,
        line.line,
        line.benefit_class,
        f"{line.waits_for}, due {time_text(line.due_at)}",
        ", ".join(marks),
    )


def _left(seconds: int) -> str:
    """The time left, by its two largest units; what is past due is said to be."""
    rest = abs(seconds)
    days, hours, minutes = rest // DAY, rest % DAY // HOUR, rest % HOUR // MINUTE
    text = f"{days} d {hours} h" if days else f"{hours} h {minutes} min"
    return f"{text} late" if seconds < 0 else text
