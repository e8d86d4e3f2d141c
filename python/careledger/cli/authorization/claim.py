"""`careledger claim`: a provider's claims."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from careledger.authorization.amounts import Settlement
from careledger.authorization.claim_file import ClaimRequest, parse_claim
from careledger.authorization.claim_submission import ClaimReport, ClaimSubmissions, LineEstimate
from careledger.authorization.claims import Claims
from careledger.authorization.request_book import KeptClaim
from careledger.authorization.rule_set import RuleSet
from careledger.chain.connection import TransactionReceipt
from careledger.cli.authorization.prepayment import prepaid, prepay, refund
from careledger.cli.authorization.words import (
    Documents,
    EligibilityFile,
    PayerName,
    ProviderOptions,
    load_documents,
    load_eligibility,
    load_request,
    load_rules,
    named_payer,
    opened_vault,
    write_json,
)
from careledger.cli.documents.files import readable
from careledger.cli.output import table
from careledger.cli.session import Answer, signs, working, writes
from careledger.cli.words import Name
from careledger.client import CareLedger
from careledger.errors import InvalidInput

__all__ = ["app"]

app = typer.Typer(
    help="Claims, as the provider: what a service will cost, what is paid for it and to whom, and why not more.",
    no_args_is_help=True,
)

ClaimFile = Annotated[Path, typer.Argument(metavar="FILE", help="A claim in YAML or JSON.")]
ExplanationFile = Annotated[
    Path | None,
    typer.Option("--explanation", help="Write the ExplanationOfBenefit there; needs --request.", show_default=False),
]
RequestOption = Annotated[
    Path | None,
    typer.Option("--request", help="The request that the claim rests on: bundle or plain.", show_default=False),
]


@app.command("estimate")
@signs
def estimate(
    ledger: CareLedger, file: ClaimFile, options: ProviderOptions, eligibility: EligibilityFile = None
) -> Answer:
    """Say what services would cost now, for insurer and patient. Sends nothing.

    Each line is taken as if it were the member's next claim. What is not known is said to be unknown, and why.
    """
    with _loaded(ledger, file, options, f"claim estimate {file}") as (claims, claim, rule_set):
        found = claims.estimate(claim, rule_set, load_eligibility(eligibility))
    return _estimate_answer(found, rule_set.settlement)


@app.command("submit")
@signs
def submit(ledger: CareLedger, file: ClaimFile, options: ProviderOptions, document: Documents = None) -> Answer:
    """Submit a claim; it is paid at once, denied by plain claim edits, or waits for a person.

    The same claim again sends nothing, and shows what became of it.
    """
    receipts = load_documents(document)
    with _loaded(ledger, file, options, f"claim submit {file}") as (claims, claim, rule_set):
        kept = claims.send(claims.plan(claim), receipts)
        report = claims.report(kept, rule_set.settlement)
    return _report_answer(claims, kept, report, rule_set.settlement)


@app.command("status")
@signs
def status(
    ledger: CareLedger,
    file: ClaimFile,
    options: ProviderOptions,
    request: RequestOption = None,
    explanation: ExplanationFile = None,
) -> Answer:
    """Show what became of a claim, line by line: paid or not, by whom, who bears the rest."""
    if explanation is not None and request is None:
        raise InvalidInput("--request", "", "not given: the explanation names the parties of the request")
    with _loaded(ledger, file, options, f"claim status {file}") as (claims, claim, rule_set):
        kept = claims.find(claim)
        report = claims.report(kept, rule_set.settlement)
    if explanation is not None and request is not None:
        from careledger.authorization.fhir.explanation_of_benefit import explanation_of_benefit

        asked = load_request(request, rule_set).request
        write_json(explanation, explanation_of_benefit(report.payment(), asked, rule_set.settlement))
    return _report_answer(claims, kept, report, rule_set.settlement, explanation)


@app.command("payee")
@writes
def payee(
    ledger: CareLedger,
    name: Name,
    account: Annotated[str, typer.Argument(help="Address of the account that is paid; none keeps the credit waiting.")],
    payer: PayerName = "",
) -> TransactionReceipt:
    """Name the account that an organization is paid to, as its controller."""
    provider = ledger.organizations.known(name)
    return Claims(named_payer(ledger, payer)).set_payee(provider, None if account == "none" else account)


@app.command("pay-out")
@writes
def pay_out(ledger: CareLedger, name: Name, payer: PayerName = "") -> TransactionReceipt:
    """Have an organization's credit paid to its payee. Anyone may."""
    return Claims(named_payer(ledger, payer)).pay_out(ledger.organizations.known(name))


app.command("prepay")(prepay)
app.command("prepaid")(prepaid)
app.command("refund")(refund)


@contextmanager
def _loaded(
    ledger: CareLedger, file: Path, options: ProviderOptions, title: str
) -> Iterator[tuple[ClaimSubmissions, ClaimRequest, RuleSet]]:
    """The claim of a file and the rules that it is read by, while the vault is open."""
    rule_set = load_rules(options.rules)
    with readable(file, "claim"):
        claim = parse_claim(file.read_bytes(), rule_set.settlement, rule_set.code_systems)
    with opened_vault(options.vault) as opened, working(title):
        yield ClaimSubmissions(named_payer(ledger, options.payer), opened), claim, rule_set


def _estimate_answer(lines: list[LineEstimate], settlement: Settlement) -> Answer:
    body = []
    rows = []
    for line in lines:
        found = line.estimate
        shares = None
        if found is not None:
            names = ("allowed", "paid", "contractual", "deductible", "coinsurance", "copay", "patient")
            shares = {name: settlement.text(getattr(found, name)) for name in names}
        said = {"known": found is not None, "unknown": line.unknown or None}
        body.append({"sequence": line.sequence, "charge": settlement.text(line.charge), **said, **(shares or {})})
        row = ("unknown", "unknown", line.unknown) if shares is None else (shares["paid"], shares["patient"], "")
        rows.append((line.sequence, settlement.text(line.charge), *row))

    def render(console: Console) -> None:
        columns = ("line", f"charge, {settlement.currency}", "insurer", "patient", "why not known")
        console.print(table("What it would cost now", columns, rows))

    return Answer({"currency": settlement.currency, "lines": body}, render)


def _report_answer(
    claims: ClaimSubmissions,
    kept: KeptClaim,
    report: ClaimReport,
    settlement: Settlement,
    explanation: Path | None = None,
) -> Answer:
    account = claims.claims.account(claims.provider)
    money = settlement.text
    lines = []
    for line in report.lines:
        shares: dict[str, Any] = {}
        split = line.adjudicated
        if split is not None:
            names = ("paid", "contractual", "deductible", "coinsurance", "copay", "denied")
            shares = {name: money(getattr(split, name)) for name in names} | {"carc": split.carc or None}
        lines.append(
            {
                "sequence": line.sequence,
                "key": line.key,
                "status": "DUPLICATE" if line.status is None else line.status.name,
                "finding": line.finding,
                "why": line.why,
                "human_reviewed": line.human_reviewed,
                "charge": money(line.line.claimed.charge),
                **shares,
            }
        )
    body = {
        "claim_id": kept.claim_id,
        "authorization_number": report.authorization_number,
        "currency": settlement.currency,
        "lines": lines,
        "credit": money(account.credit),
        "debt": money(account.debt),
        "payee": account.payee,
        "explanation": explanation,
    }

    def render(console: Console) -> None:
        rows = [(line.sequence, money(line.line.claimed.charge), line.why) for line in report.lines]
        console.print(table(f"Claim {kept.claim_id}", ("line", f"charge, {settlement.currency}", "why"), rows))
        if account.credit and account.payee is None:
            console.print(f"{money(account.credit)} {settlement.currency} wait: the controller has named no payee")
        if explanation is not None:
            console.print(f"ExplanationOfBenefit: {explanation}", soft_wrap=True)

    return Answer(body, render)
