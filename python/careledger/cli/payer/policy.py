"""`careledger payer policy`: versions of the coverage policy, and who is enrolled under them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from careledger.authorization.enrolments import Enrolment, EnrolmentOffer, Enrolments, dump_offer, parse_offer
from careledger.authorization.policies import RULES_AT_ONCE, Policies, PolicyVersion
from careledger.authorization.rule_diff import diff
from careledger.authorization.rules import BASIS_POINTS
from careledger.chain.connection import TransactionReceipt
from careledger.cli.authorization.words import PayerName, Provider, load_rules, named_payer
from careledger.cli.documents.files import readable, write_private
from careledger.cli.output import progress_console, table
from careledger.cli.payer.words import RuleFile, opened_outbox
from careledger.cli.session import Answer, OutboxUrl, parse_time, progress_line, reads, signs, working, writes
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.errors import InvalidInput

__all__ = ["app"]

app = typer.Typer(
    help="Versions of the coverage policy: draft, load, seal, agree on with providers, compare.", no_args_is_help=True
)

Number = Annotated[int, typer.Argument(metavar="VERSION", help="The version's number.", min=1, max=65_535)]
OfferFile = Annotated[Path, typer.Argument(metavar="FILE", help="The enrolment, as `offer` and `sign` write it.")]
Plan = Annotated[int, typer.Option("--plan", help="The plan's number.", min=0, show_default=False)]


@app.command("draft")
@signs
def draft(ledger: CareLedger, file: RuleFile, payer: PayerName = "") -> Answer:
    """Draft the version of a rule file, as the policy administrator: schedule, wait out the delay, execute.

    Not needed before `load`, which drafts too. Again, it changes nothing.
    """
    rule_set = load_rules(file)
    policies = Policies(named_payer(ledger, payer))
    with working("Drafting"):
        found = policies.find(rule_set)
        number = found.number if found else policies.draft(rule_set.terms, progress_line)
    return Answer({"version": number}, lambda console: console.print(f"version {number} is drafted"))


@app.command("load")
@signs
def load(
    ledger: CareLedger,
    file: RuleFile,
    payer: PayerName = "",
    rules_at_once: Annotated[int, typer.Option(help="In one transaction.", min=1)] = RULES_AT_ONCE,
    outbox: OutboxUrl = "",
) -> Answer:
    """Draft the version of a rule file, and add its rules, as the policy administrator.

    All is scheduled first, so that the delay passes once. What is to be sent is stored first, by default in an SQLite
    file beside FILE: interrupted, the same command goes on, and nothing is added twice.
    """
    rule_set = load_rules(file)
    policies = Policies(named_payer(ledger, payer))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(opened_outbox(ledger, outbox, file))
        progress = stack.enter_context(Progress(*columns, console=progress_console, transient=True))
        bar = progress.add_task("Asking", total=None)

        def report(stage: str, done: int, total: int) -> None:
            progress.update(bar, description=stage, completed=done, total=total or None)

        loaded = policies.load(rule_set, opened, rules_at_once, report)
    body = {
        "version": loaded.version,
        "rules": loaded.rules,
        "known": loaded.known,
        "digest": rule_set.digest,
        "transactions": [receipt.transaction_hash for receipt in loaded.receipts],
        "gas_used": sum(receipt.gas_used for receipt in loaded.receipts),
    }
    text = (
        f"version {loaded.version} has {loaded.rules} rules, {loaded.known} of them known before; "
        f"transactions: {len(loaded.receipts)}; gas: {body['gas_used']:,}; digest 0x{rule_set.digest.hex()}"
    )
    return Answer(body, lambda console: console.print(text, soft_wrap=True))


@app.command("seal")
@signs
def seal(ledger: CareLedger, file: RuleFile, payer: PayerName = "") -> Answer:
    """Seal the version that holds exactly what a rule file says, as the policy administrator. Final.

    Again, it changes nothing.
    """
    rule_set = load_rules(file)
    policies = Policies(named_payer(ledger, payer))
    with working("Sealing"):
        sealed = policies.seal(rule_set, progress_line)
    text = f"version {sealed.number} is sealed; digest 0x{sealed.digest.hex()}"
    return Answer(sealed, lambda console: console.print(text, soft_wrap=True))


@app.command("versions")
@reads
def versions(ledger: CareLedger, payer: PayerName = "") -> Answer:
    """List an insurer's versions, the newest first."""
    found = tuple(Policies(named_payer(ledger, payer)).versions())
    columns = ("version", "status", "plan", "rules", "sealed", "digest")
    return Answer(found, lambda console: console.print(table(None, columns, map(_row, found))))


@app.command("show")
@reads
def show_version(ledger: CareLedger, version: Number, payer: PayerName = "") -> Answer:
    """Show a version's terms and which classes it has rules for. What they say: `diff` with a rule file."""
    policies = Policies(named_payer(ledger, payer))
    rules = policies.rules(version)
    found = policies.version(version)
    assert found is not None
    classes = [rule.benefit_class for rule in rules]

    def render(console: Console) -> None:
        terms = found.terms
        rows = [
            ("status", f"{found.status.name.lower()}{_sealed_text(found)}"),
            ("plan", terms.plan),
            ("digest", f"0x{found.digest.hex()}"),
            ("receipt window", f"{terms.receipt_window} s"),
            ("appeal", f"{terms.appeal_days} days"),
            ("shadow", "yes: binds nobody" if terms.shadow else "no"),
            ("deductible", f"{terms.deductible} minor units"),
            ("out-of-pocket maximum", f"{terms.out_of_pocket_maximum} minor units"),
            ("base rate", f"{terms.base_rate} minor units"),
            ("policy document", f"0x{terms.document.hex()}"),
            ("class root", f"0x{terms.class_root.hex()}"),
            ("classes with a rule", f"{len(classes)}: {', '.join(map(str, classes))}"),
        ]
        console.print(table(f"Version {version}", ("what", "value"), rows))

    return Answer({"version": found, "classes": classes}, render)


@app.command("diff")
@reads
def diff_version(ledger: CareLedger, version: Number, file: RuleFile, payer: PayerName = "") -> Answer:
    """Show what a rule file changes of a version on the chain. Exit code 9 if it changes anything."""
    rule_set = load_rules(file)
    on_chain = Policies(named_payer(ledger, payer)).rule_set(version, rule_set)
    found = diff(on_chain, rule_set)
    sentences = list(found.sentences())
    if on_chain.terms.class_root != rule_set.terms.class_root:
        sentences.append("codes: others are in a class, or in another class; the chain has only their root")
    body = {**found.to_json(), "classRootChanged": on_chain.terms.class_root != rule_set.terms.class_root}
    text = "\n".join(sentences) or f"the same as version {version}"
    return Answer(body, lambda console: console.print(text, markup=False, soft_wrap=True), 9 if sentences else 0)


# ---------------------------------------------------------------------- enrolments


@app.command("offer")
@signs
def offer(
    ledger: CareLedger,
    provider: Provider,
    version: Annotated[int, typer.Option(help="The version's number.", min=1, show_default=False)],
    start: Annotated[str, typer.Option(help="From when: Unix seconds, or ISO 8601.", show_default=False)],
    file: Annotated[Path, typer.Option(help="Where to write the enrolment.")] = Path("enrolment.json"),
    coefficient: Annotated[str, typer.Option(help="The hospital's, for episodes; four decimals at most.")] = "1",
    deadline: Annotated[
        str, typer.Option(help="Until when the signatures count. Default: 30 days from now.", show_default=False)
    ] = "",
    payer: PayerName = "",
) -> Answer:
    """Offer a provider an enrolment under a sealed version, and sign it, by the insurer's key. Sends nothing.

    The file goes to the provider, who signs it by `sign`; then anyone sends it by `enrol`.
    """
    enrolments = Enrolments(named_payer(ledger, payer))
    with working("Asking the chain"):
        made = enrolments.offer(
            provider,
            version,
            parse_time(start, ledger.connection),
            _coefficient(coefficient),
            parse_time(deadline, ledger.connection) if deadline else None,
        )
        signed = enrolments.sign(made)
    write_private(file, dump_offer(signed))
    return _offered(signed, file)


@app.command("sign")
@signs
def sign(
    ledger: CareLedger,
    file: OfferFile,
    rules: Annotated[
        Path | None,
        typer.Option("--rules", help="The rule file: refuse an enrolment under anything else.", show_default=False),
    ] = None,
    payer: PayerName = "",
) -> Answer:
    """Sign an enrolment, by a key of either side, into its file. Sends nothing.

    With --rules nothing is signed unless the version holds exactly what that file says.
    """
    made = _read_offer(file)
    if rules is not None and "0x" + load_rules(rules).digest.hex() != made.digest:
        raise InvalidInput("enrolment", made.digest, f"is of other rules than {rules}: compare them by `diff`")
    with working("Asking the chain"):
        signed = Enrolments(named_payer(ledger, payer)).sign(made)
    write_private(file, dump_offer(signed))
    return _offered(signed, file)


@app.command("enrol")
@writes
def enrol(ledger: CareLedger, file: OfferFile, payer: PayerName = "") -> TransactionReceipt:
    """Send an enrolment that both sides signed. Anyone may; again, it changes nothing."""
    return Enrolments(named_payer(ledger, payer)).enrol(_read_offer(file))


@app.command("end-enrolment")
@writes
def end_enrolment(
    ledger: CareLedger,
    provider: Provider,
    plan: Plan,
    end: Annotated[
        str, typer.Option(help="From when: Unix seconds, or ISO 8601. Default: as soon as the notice allows.")
    ] = "",
    payer: PayerName = "",
) -> TransactionReceipt:
    """End a provider's enrolment in a plan, as a key of either side, 30 days ahead or more."""
    enrolments = Enrolments(named_payer(ledger, payer))
    return enrolments.end(provider, plan, parse_time(end, ledger.connection) if end else None)


@app.command("enrolments")
@reads
def enrolments(ledger: CareLedger, provider: Provider, plan: Plan, payer: PayerName = "") -> Answer:
    """Show a provider's enrolments in a plan, and which version is in force now."""
    asked = Enrolments(named_payer(ledger, payer))
    found = asked.of(provider, plan)
    now = asked.at(provider, plan, ledger.connection.block_time())
    body = {"in_force": now, "enrolments": found, "endings": asked.endings(provider, plan)}

    def render(console: Console) -> None:
        console.print(table(None, ("from", "version", "coefficient"), map(_enrolment_row, found)))
        console.print(f"in force now: {f'version {now.version}' if now else 'none'}")

    return Answer(body, render)


# ---------------------------------------------------------------------- helpers


def _read_offer(file: Path) -> EnrolmentOffer:
    with readable(file, "enrolment"):
        return parse_offer(file.read_bytes())


def _offered(signed: EnrolmentOffer, file: Path) -> Answer:
    missing = [
        name
        for name, side in (("the provider", signed.by_provider), ("the insurer", signed.by_insurer))
        if side is None
    ]
    left = f"{' and '.join(missing)} has yet to sign it" if missing else "both have signed: send it by `enrol`"
    text = f"{file}: version {signed.version} from {time_text(signed.start)}; {left}"
    return Answer(
        {"file": file, "enrolment": signed, "missing": missing}, lambda console: console.print(text, soft_wrap=True)
    )


def _coefficient(text: str) -> int:
    whole, _, parts = text.partition(".")
    digits = whole + parts
    if not digits.isascii() or not digits.isdigit() or not whole or len(parts) > 4 or len(whole) > 5:
        raise InvalidInput("coefficient", text, "must be a number with four decimals at most, such as 1.0325")
    return int(whole) * BASIS_POINTS + int(parts.ljust(4, "0") or 0)


def _row(version: PolicyVersion) -> tuple[object, ...]:
    status = version.status.name.lower()
    sealed = time_text(version.sealed_at) if version.sealed_at else ""
    return version.number, status, version.terms.plan, version.rules, sealed, "0x" + version.digest.hex()


def _sealed_text(version: PolicyVersion) -> str:
    return f", {time_text(version.sealed_at)}" if version.sealed_at else ""


def _enrolment_row(one: Enrolment) -> tuple[object, ...]:
    version = one.version or "none: ended"
    return time_text(one.start), version, f"{one.coefficient // BASIS_POINTS}.{one.coefficient % BASIS_POINTS:04}"
