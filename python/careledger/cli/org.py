"""`careledger org`: organizations, their standing, contracts and controllers. Keys are in `careledger org key`."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from careledger.chain.connection import TransactionReceipt
from careledger.chain.deployment.suite import REGISTRY
from careledger.cli import org_key
from careledger.cli.output import progress_console, table
from careledger.cli.session import (
    Answer,
    OutboxUrl,
    parse_time,
    progress_line,
    reads,
    signs,
    writes,
)
from careledger.cli.words import Name, ReasonName, RoleNames, parse_enum, time_text
from careledger.client import CareLedger
from careledger.errors import InvalidInput
from careledger.identity import Admission, Identifier, MemberRole, Membership, Organization, Reason
from careledger.identity.types import ZERO_ADDRESS, ZERO_HASH

__all__ = ["app"]

NOT_ACTIVE = 9
NOT_FOUND = 6
NOTHING_TOLD = {
    "name": "",
    "controller": "",
    "roles": [],
    "licence_until": "",
    "identifiers": [],
    "metadata": ZERO_HASH,
    "reason": "application",
}
"""One admission, as the options of `org admit` have it when they are not given."""

IdentifierTexts = Annotated[list[str], typer.Option("--identifier", help="SCHEME:VALUE, e.g. GLN:0614141000005.")]
IdentifierText = Annotated[str, typer.Argument(help="SCHEME:VALUE, e.g. GLN:0614141000005.")]
Account = Annotated[str, typer.Argument(help="The account of the new controller.")]
Kind = Annotated[str, typer.Argument(help="The contract's name, e.g. PriorAuthorization.")]

app = typer.Typer(help="Organizations: admit, renew, suspend, look up, recover.", no_args_is_help=True)
recovery = typer.Typer(help="Hand an organization whose controller is lost to a new one.", no_args_is_help=True)
app.add_typer(recovery, name="recovery")
app.add_typer(org_key.app, name="key")


# ---------------------------------------------------------------------- look up


@app.command("list")
@reads
def list_organizations(ledger: CareLedger) -> Answer:
    """List every organization ever admitted, with its membership now."""
    found = [
        (name, identifier, ledger.organizations.membership(identifier))
        for name, identifier in ledger.organizations.names().items()
    ]
    columns = ("name", "id", "standing", "member roles", "licence until")
    rows = [(name, identifier, *_membership_row(membership)) for name, identifier, membership in found]
    body = [{"name": name, "id": identifier, "membership": membership} for name, identifier, membership in found]
    return Answer(body, lambda console: console.print(table(None, columns, rows)))


@app.command("show")
@reads
def show_organization(ledger: CareLedger, name: Name) -> Answer:
    """Show an organization with its identifiers and keys."""
    organization = ledger.organizations.get(name, with_keys=True)
    return Answer(organization, lambda console: _render(console, organization))


@app.command("find")
@reads
def find(ledger: CareLedger, identifier: IdentifierText) -> Answer:
    """Find the organization that holds a public identifier. Exit code 6 if none does."""
    holder = ledger.organizations.by_identifier(Identifier.parse(identifier))
    if holder is None:
        return Answer({"organization": None}, lambda console: console.print("no organization holds it"), NOT_FOUND)
    organization = ledger.organizations.get(holder)
    return Answer(organization, lambda console: _render(console, organization))


@app.command("active")
@reads
def active(ledger: CareLedger, name: Name, role: Annotated[str, typer.Argument(help="Member role.")]) -> Answer:
    """Say whether an organization may start something new in a role now. Exit code 9 if not."""
    identifier = ledger.organizations.known(name)
    answer = ledger.organizations.is_active(identifier, parse_enum(MemberRole, role))
    text = "active" if answer else "not active"
    return Answer({"active": answer}, lambda console: console.print(text), 0 if answer else NOT_ACTIVE)


@app.command("at")
@reads
def at(
    ledger: CareLedger, name: Name, moment: Annotated[str, typer.Argument(help="Unix seconds, or ISO 8601.")]
) -> Answer:
    """Show an organization's membership at a past time."""
    identifier = ledger.organizations.known(name)
    membership = ledger.organizations.membership_at(identifier, parse_time(moment, ledger.connection))
    columns = ("standing", "member roles", "licence until", "since")
    row = (*_membership_row(membership), time_text(membership.since))
    return Answer(membership, lambda console: console.print(table(None, columns, [row])))


@app.command("contract")
@reads
def contract(ledger: CareLedger, name: Name, kind: Kind) -> Answer:
    """Look up where an organization's contract of a kind is. Exit code 6 if it published none."""
    address = ledger.organizations.contract_of(name, kind)
    text = address or f"{name} published no {kind}"
    return Answer({"address": address}, lambda console: console.print(text), 0 if address else NOT_FOUND)


# ---------------------------------------------------------------------- the registrar's


@app.command("admit")
@signs
def admit(
    ledger: CareLedger,
    name: Annotated[str, typer.Argument(help="Registered name: a-z, 0-9, dot and hyphen.")] = "",
    controller: Annotated[str, typer.Option(help="Account that governs the organization's keys.")] = "",
    role: RoleNames = [],  # noqa: B006  (typer makes a new list each time)
    licence_until: Annotated[str, typer.Option(help="Unix seconds, or ISO 8601.")] = "",
    identifier: IdentifierTexts = [],  # noqa: B006
    metadata: Annotated[str, typer.Option(help="Salted hash of metadata kept off chain, 32 bytes.")] = ZERO_HASH,
    reason: ReasonName = "application",
    file: Annotated[Path | None, typer.Option(help="JSON list of admissions; see docs/identity.md.")] = None,
    outbox: OutboxUrl = "",
) -> Answer:
    """Admit an organization, or with --file many: as many in a transaction as fit. Repeating it changes nothing.

    With --outbox what is to be sent is stored first: interrupted, the same command goes on with the same transactions.
    """
    entry = {"name": name, "controller": controller, "roles": role, "licence_until": licence_until}
    entry |= {"identifiers": identifier, "metadata": metadata, "reason": reason}
    if file is not None and entry != NOTHING_TOLD:
        raise InvalidInput("--file", str(file), "given with a name or an option of one admission; choose one of them")
    admissions = _read_admissions(file) if file is not None else [_admission(entry)]
    with contextlib.ExitStack() as stack:
        opened = None
        if outbox:
            from careledger.chain.outbox import Outbox  # with it comes SQLAlchemy

            opened = stack.enter_context(Outbox.open(outbox, ledger.connection))
        progress = stack.enter_context(Progress(console=progress_console, transient=True))
        bar = progress.add_task("Admitting", total=len(admissions))
        receipts = ledger.organizations.admit_many(
            admissions, lambda done, _total: progress.update(bar, completed=done), opened
        )
    gas = sum(receipt.gas_used for receipt in receipts)
    body = {
        "admitted": len(admissions),
        "transactions": [receipt.transaction_hash for receipt in receipts],
        "gas_used": gas,
        "gas_per_organization": gas // len(admissions),
    }
    text = f"admitted: {len(admissions)}; transactions: {len(receipts)}; gas each: {body['gas_per_organization']:,}"
    return Answer(body, lambda console: console.print(text))


@app.command("renew")
@writes
def renew(
    ledger: CareLedger,
    name: Name,
    licence_until: Annotated[str, typer.Argument(help="Unix seconds, or ISO 8601.")],
    reason: ReasonName = "licence_renewed",
) -> TransactionReceipt:
    """Set a new licence expiry."""
    return ledger.organizations.renew(name, parse_time(licence_until), parse_enum(Reason, reason))


@app.command("add-roles")
@writes
def add_roles(
    ledger: CareLedger, name: Name, role: RoleNames, reason: ReasonName = "scope_changed"
) -> TransactionReceipt:
    """Add member roles."""
    roles = {parse_enum(MemberRole, text) for text in role}
    return ledger.organizations.add_member_roles(name, roles, parse_enum(Reason, reason))


@app.command("remove-roles")
@writes
def remove_roles(
    ledger: CareLedger, name: Name, role: RoleNames, reason: ReasonName = "scope_changed"
) -> TransactionReceipt:
    """Remove member roles."""
    roles = {parse_enum(MemberRole, text) for text in role}
    return ledger.organizations.remove_member_roles(name, roles, parse_enum(Reason, reason))


@app.command("suspend")
@writes
def suspend(ledger: CareLedger, name: Name, reason: ReasonName) -> TransactionReceipt:
    """Suspend an organization: it starts nothing new, and may finish what it began."""
    return ledger.organizations.suspend(name, parse_enum(Reason, reason))


@app.command("reinstate")
@writes
def reinstate(ledger: CareLedger, name: Name, reason: ReasonName = "cleared") -> TransactionReceipt:
    """Reinstate a suspended organization."""
    return ledger.organizations.reinstate(name, parse_enum(Reason, reason))


@app.command("expel")
@writes
def expel(ledger: CareLedger, name: Name, reason: ReasonName) -> TransactionReceipt:
    """Expel an organization for good, as the policy administrator: schedule, wait out the delay, execute.

    May be interrupted: the same command again picks up what was scheduled.
    """
    arguments = (ledger.organizations.known(name), int(parse_enum(Reason, reason)))
    registry = ledger.governance.contract(REGISTRY)
    return ledger.governance.perform(registry, "expel", *arguments, report=progress_line)


@app.command("identify")
@writes
def identify(ledger: CareLedger, name: Name, identifier: IdentifierTexts) -> TransactionReceipt:
    """Assign further public identifiers."""
    return ledger.organizations.assign_identifiers(name, [Identifier.parse(text) for text in identifier])


@app.command("withdraw-identifier")
@writes
def withdraw_identifier(
    ledger: CareLedger, name: Name, identifier: IdentifierText, reason: ReasonName = "clerical_error"
) -> TransactionReceipt:
    """Withdraw an identifier that was assigned by mistake or has passed on."""
    return ledger.organizations.withdraw_identifier(name, Identifier.parse(identifier), parse_enum(Reason, reason))


@app.command("commit-metadata")
@writes
def commit_metadata(
    ledger: CareLedger,
    name: Name,
    commitment: Annotated[str, typer.Argument(help="Salted hash of the metadata: 0x and 64 hex digits.")],
    reason: ReasonName = "own_request",
) -> TransactionReceipt:
    """Commit to changed metadata, which stays off chain."""
    return ledger.organizations.commit_metadata(name, commitment, parse_enum(Reason, reason))


# ---------------------------------------------------------------------- the controller's


@app.command("transfer-controller")
@writes
def transfer_controller(ledger: CareLedger, name: Name, new_controller: Account) -> TransactionReceipt:
    """Offer an organization to another controller, who accepts; the zero address withdraws the offer."""
    return ledger.organizations.transfer_controller(name, new_controller)


@app.command("accept-controller")
@writes
def accept_controller(ledger: CareLedger, name: Name) -> TransactionReceipt:
    """Accept an organization, as the account that it was offered to."""
    return ledger.organizations.accept_controller(name)


@app.command("publish-contract")
@writes
def publish_contract(
    ledger: CareLedger,
    name: Name,
    kind: Kind,
    address: Annotated[str, typer.Argument(help="Its address; the zero address withdraws it.")],
) -> TransactionReceipt:
    """Publish where a contract of the organization is."""
    return ledger.organizations.publish_contract(name, kind, address)


# ---------------------------------------------------------------------- recovery


@recovery.command("start")
@writes
def start_recovery(
    ledger: CareLedger, name: Name, new_controller: Account, reason: ReasonName = "controller_lost"
) -> TransactionReceipt:
    """Start a recovery, as the registrar."""
    return ledger.organizations.start_recovery(name, new_controller, parse_enum(Reason, reason))


@recovery.command("cancel")
@writes
def cancel_recovery(ledger: CareLedger, name: Name, reason: ReasonName) -> TransactionReceipt:
    """Call off a recovery that is not contested, as the registrar."""
    return ledger.organizations.cancel_recovery(name, parse_enum(Reason, reason))


@recovery.command("contest")
@writes
def contest_recovery(
    ledger: CareLedger,
    name: Name,
    new_controller: Account,
    as_guardian: Annotated[bool, typer.Option("--as-guardian", help="On the organization's behalf.")] = False,
) -> TransactionReceipt:
    """Contest a recovery, as the controller, an active key or the guardian: freezes the organization."""
    organizations = ledger.organizations
    act = organizations.contest_recovery_as_guardian if as_guardian else organizations.contest_recovery
    return act(name, new_controller)


@recovery.command("settle")
@writes
def settle_recovery(
    ledger: CareLedger,
    name: Name,
    new_controller: Account,
    reason: ReasonName,
    uphold: Annotated[str, typer.Option(help="Account that gets it; without, the recovery ends.")] = ZERO_ADDRESS,
) -> TransactionReceipt:
    """Decide the recovery to a new controller, if it is contested, or end it, as the admin."""
    arguments = (ledger.organizations.known(name), new_controller, uphold, int(parse_enum(Reason, reason)))
    registry = ledger.governance.contract(REGISTRY)
    return ledger.governance.perform(registry, "settleRecovery", *arguments, report=progress_line)


@recovery.command("complete")
@writes
def complete_recovery(ledger: CareLedger, name: Name) -> TransactionReceipt:
    """Take over an organization, as the new controller."""
    return ledger.organizations.complete_recovery(name)


# ---------------------------------------------------------------------- forms


def _read_admissions(file: Path) -> list[Admission]:
    try:
        entries = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput("file", str(file), f"is not a readable JSON file: {error}") from None
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidInput("file", str(file), "must be a JSON list of admissions, see docs/identity.md")
    return [_admission(entry) for entry in entries]


def _admission(entry: dict[str, Any]) -> Admission:
    known = {"name", "controller", "roles", "licence_until", "identifiers", "metadata", "reason"}
    for field in entry:
        if field not in known:
            raise InvalidInput("admission", field, f"is none of {', '.join(sorted(known))}")
    for field in ("name", "controller", "roles", "licence_until"):
        if not entry.get(field):
            raise InvalidInput(
                field.replace("_", "-"), "", f"an admission needs it (organization {entry.get('name')!r})"
            )
    for field in ("roles", "identifiers"):
        texts = entry.get(field, [])
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise InvalidInput(field, str(texts), f"must be a list of texts (organization {entry.get('name')!r})")
    return Admission(
        name=str(entry["name"]),
        controller=str(entry["controller"]),
        member_roles=frozenset(parse_enum(MemberRole, role) for role in entry["roles"]),
        licence_expiry=parse_time(str(entry["licence_until"])),
        identifiers=tuple(Identifier.parse(text) for text in entry.get("identifiers", [])),
        metadata_commitment=str(entry.get("metadata", ZERO_HASH)),
        reason=parse_enum(Reason, str(entry.get("reason", "application"))),
    )


def _membership_row(membership: Membership) -> tuple[str, str, str]:
    standing = membership.standing.name.lower() + (", frozen" if membership.frozen else "")
    roles = ", ".join(role.name.lower() for role in sorted(membership.member_roles))
    return standing, roles, time_text(membership.licence_expiry)


def _render(console: Console, organization: Organization) -> None:
    standing, roles, licence = _membership_row(organization.membership)
    rows = [
        ("name", organization.name),
        ("id", organization.id),
        ("may start new things", "yes" if organization.active else "no"),
        ("standing", f"{standing}, since {time_text(organization.membership.since)}"),
        ("member roles", roles),
        ("licence until", licence),
        ("identifiers", ", ".join(f"{item.scheme}:{item.value}" for item in organization.identifiers) or "none"),
        ("controller", organization.controller),
    ]
    if organization.pending_controller:
        rows.append(("offered to", organization.pending_controller))
    if organization.recovery:
        ready = "contested" if organization.recovery.contested else time_text(organization.recovery.ready_at)
        rows.append(("recovery", f"to {organization.recovery.new_controller}, {ready}"))
    console.print(table(None, ("", ""), rows))
    if organization.keys:
        org_key.render_keys(console, organization.keys)
