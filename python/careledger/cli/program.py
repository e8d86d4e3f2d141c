"""The program: its commands by name. A command is imported when it is run, since what it needs, such as web3, takes
seconds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from importlib import import_module

import typer

from careledger._version import __version__

__all__ = ["COMMANDS", "Command", "program", "version"]

DOCUMENTS = "Documents"
GOODS = "Supply chain"


@dataclass(frozen=True)
class Command:
    """A command or group of commands: where it is, `module:name`, and the beginning of its help, which is all that the
    list of commands shows of it."""

    name: str
    home: str
    summary: str
    panel: str | None = None


COMMANDS = (
    Command(
        "node", "careledger.cli.node:node", "Run a local Anvil until Ctrl-C. Its accounts are public: development only."
    ),
    Command(
        "gateway",
        "careledger.cli.gateway:gateway",
        "Serve one organization's gateway over HTTP, until Ctrl-C.",
    ),
    Command(
        "demo",
        "careledger.cli.demo:demo",
        "Deploy the suite and put it to work: admit organizations, rotate a key, suspend one, and ask.",
    ),
    Command("version", "careledger.cli.program:version", "Print the version."),
    Command(
        "deploy",
        "careledger.cli.deploy:app",
        "Deploy the suite. A second run sends nothing; an interrupted one goes on where it was.",
    ),
    Command("org", "careledger.cli.org:app", "Organizations: admit, renew, suspend, look up, recover."),
    Command(
        "payer",
        "careledger.cli.payer:app",
        "An insurer's own contracts: deploy, publish, find; policy, reviews, money.",
    ),
    Command("audit", "careledger.cli.audit:app", "What was changed, decided and stopped in a time, for an auditor."),
    Command("governance", "careledger.cli.governance:app", "Roles, scheduled operations, and the emergency stop."),
    Command(
        "auth",
        "careledger.cli.authorization.auth:app",
        "Requests for prior authorization, as the provider: submit, follow, answer, update, cancel, appeal.",
    ),
    Command(
        "claim",
        "careledger.cli.authorization.claim:app",
        "Claims, as the provider: what a service will cost, what is paid for it and to whom, and why not more.",
    ),
    Command(
        "outbox",
        "careledger.cli.outbox:app",
        "The durable queue of transactions: look, retry, cancel, and send.",
    ),
    Command(
        "index",
        "careledger.cli.index:app",
        "The chain's events as tables: build, follow, look up, check against the chain.",
    ),
    Command(
        "keys",
        "careledger.cli.keys:app",
        "Make, import and list keys in encrypted keystore files, in CARELEDGER_HOME/keys.",
    ),
    Command(
        "vault",
        "careledger.cli.vault:app",
        "Keep, back up, restore, rotate and erase the encrypted store of salts, receipts and plan secrets.",
    ),
    Command(
        "anchor",
        "careledger.cli.documents.anchor:anchor",
        "Anchor documents of the signer's organization, and write their receipts.",
        DOCUMENTS,
    ),
    Command(
        "verify",
        "careledger.cli.documents.verify:verify_document",
        "Say whether a file is the document of its receipt, and what holds of it now.",
        DOCUMENTS,
    ),
    Command(
        "prove",
        "careledger.cli.documents.verify:prove",
        "Add a state proof to a receipt: it then verifies without a node, by the hash of one block.",
        DOCUMENTS,
    ),
    Command(
        "amend",
        "careledger.cli.documents.acts:amend",
        "Give a document a successor, and anchor that. The former is superseded for good; its receipt is kept.",
        DOCUMENTS,
    ),
    Command(
        "countersign",
        "careledger.cli.documents.acts:countersign",
        "Countersign a document in force, for another organization than the submitter's.",
        DOCUMENTS,
    ),
    Command(
        "withdraw-countersignature",
        "careledger.cli.documents.acts:withdraw_countersignature",
        "Withdraw the countersignature of the signer's organization, for good.",
        DOCUMENTS,
    ),
    Command(
        "name-party",
        "careledger.cli.documents.acts:name_party",
        "Name a party that may dispute a document, as the submitter's organization.",
        DOCUMENTS,
    ),
    Command(
        "dispute",
        "careledger.cli.documents.acts:dispute",
        "Dispute a document: as a named party, a key of an active organization, or whom the document is about.",
        DOCUMENTS,
    ),
    Command(
        "answer",
        "careledger.cli.documents.acts:answer",
        "Answer a dispute of a document, as the submitter's organization. The dispute stays until it is withdrawn.",
        DOCUMENTS,
    ),
    Command(
        "withdraw-dispute",
        "careledger.cli.documents.acts:withdraw_dispute",
        "Withdraw the signer's dispute, or that of whom the document is about, for good.",
        DOCUMENTS,
    ),
    Command(
        "revoke",
        "careledger.cli.documents.acts:revoke",
        "Revoke a document for good, by itself or within its batch; or a whole batch.",
        DOCUMENTS,
    ),
    Command(
        "history",
        "careledger.cli.documents.history:history",
        "Show every act on a document and its batch, from an index, each with its block and transaction.",
        DOCUMENTS,
    ),
    Command(
        "latest",
        "careledger.cli.documents.latest:latest",
        "Walk from a document over its successors to the newest, on the chain.",
        DOCUMENTS,
    ),
    Command(
        "disclose",
        "careledger.cli.documents.keep:disclose",
        "Show some fields of a document, proved to stand in it, and keep the others hidden.",
        DOCUMENTS,
    ),
    Command(
        "forget",
        "careledger.cli.documents.keep:forget",
        "Erase the link between a document and its anchor: the receipt with its salt, and what is kept of it here.",
        DOCUMENTS,
    ),
    Command(
        "stream",
        "careledger.cli.documents.stream:app",
        "Sequences of anchors, such as a trial's enrolment log, of which none can be left out unseen.",
        DOCUMENTS,
    ),
    Command(
        "supply",
        "careledger.cli.supply.deploy:app",
        "A supply chain's contracts: deploy, publish, find, and who makes which product.",
        GOODS,
    ),
    Command(
        "lot",
        "careledger.cli.supply.lot:app",
        "Lots: commission, look at, disclose to a regulator, say what temperature they may have.",
        GOODS,
    ),
    Command(
        "unit",
        "careledger.cli.supply.unit:app",
        "Packs and devices in hand: verify, look at, find suspect, clear, report, and end.",
        GOODS,
    ),
    Command(
        "container",
        "careledger.cli.supply.container:app",
        "Cases, pallets, totes: pack, take out, look at, hand to a carrier, end.",
        GOODS,
    ),
    Command(
        "ship",
        "careledger.cli.supply.handover:ship",
        "Ship a container to the organization of a card, and write the bundle that only it can open.",
        GOODS,
    ),
    Command(
        "receive",
        "careledger.cli.supply.handover:receive",
        "Accept a shipment, or reject it as a whole or in part. Bundles are opened and held against the chain first.",
        GOODS,
    ),
    Command(
        "dispense",
        "careledger.cli.supply.dispense:dispense",
        "Dispense packs that the signer, a dispenser, holds; by their codes, also scanned to standard input.",
        GOODS,
    ),
    Command(
        "recall",
        "careledger.cli.supply.recall:app",
        "Recall a lot: `recall LOT`; and who holds what of it now: `recall report LOT`.",
        GOODS,
    ),
    Command(
        "trace",
        "careledger.cli.supply.trace:trace",
        "Draw the custody timeline of a pack: its lot, every container that it was in while it was in it, and itself.",
        GOODS,
    ),
    Command(
        "alerts",
        "careledger.cli.supply.alerts:alerts",
        "Find packs that were scanned where they cannot be, and whether a scanner or a counterfeit is likelier.",
        GOODS,
    ),
    Command(
        "device",
        "careledger.cli.supply.device:app",
        "Data loggers: register, bind, record, look at; and the service history of medical devices.",
        GOODS,
    ),
    Command(
        "export",
        "careledger.cli.supply.export:app",
        "What the law has trading partners hand on and report: DSCSA transaction documents, data of Form FDA 3911.",
        GOODS,
    ),
    Command(
        "bundle",
        "careledger.cli.supply.bundle:app",
        "What belongs to goods, sealed to who gets them: your card, bundles that came, and what they told.",
        GOODS,
    ),
    Command(
        "epcis",
        "careledger.cli.supply.epcis:app",
        "EPCIS 1.2 and 2.0 events: capture them, ask for them, and where an object is.",
        GOODS,
    ),
    Command(
        "order",
        "careledger.cli.supply.order:app",
        "Payment on receipt: pay an order in, look at it, call it off, draw what was paid.",
        GOODS,
    ),
)


def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def program(named: Collection[str]) -> typer.Typer:
    """The program, in which the commands named can be run; the others are only listed."""
    app = typer.Typer(
        name="careledger",
        help="Anchor medical documents, authorize and pay care, and follow medicines, on Ethereum.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    for command in COMMANDS:
        if command.name not in named:
            app.command(command.name, help=command.summary, rich_help_panel=command.panel)(_listed)
            continue
        module, _, name = command.home.partition(":")
        found = getattr(import_module(module), name)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=command.name, rich_help_panel=command.panel)
        else:
            app.command(command.name, rich_help_panel=command.panel)(found)
    return app


def _listed() -> None:
    raise AssertionError("a command that was not imported is run")
