"""`careledger epcis`: events captured, asked for, and where an object is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from careledger.anchoring.canonical_json import write
from careledger.anchoring.receipt_vault import ReceiptVault
from careledger.chain.signers.passphrase import read_passphrase
from careledger.cli.documents.files import readable
from careledger.cli.output import Json, show, table
from careledger.cli.session import Answer, asks, progress_line, signs
from careledger.cli.supply.words import ActingOptions, BookOptions, House, Names, acting, reading, spoken
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.errors import InvalidInput
from careledger.serialization import epcis
from careledger.serialization.cold_chain import DeviceKey, Limits
from careledger.serialization.epcis.capture import Capture, CaptureReport, EventResult
from careledger.serialization.epcis.documents import Document
from careledger.serialization.epcis.event_log import CapturedEvent, EventLog, Outcome
from careledger.serialization.epcis.forms import read_document
from careledger.serialization.epcis.query import PARAMETERS, query, query_document, state_of
from careledger.serialization.epcis.sensing import SensorDevice, Sensors
from careledger.serialization.lot_book_entries import SupplyId
from careledger.serialization.master_data import read_master_data

__all__ = ["app"]

NOT_ALL_TAKEN = 9
"""The exit code of a capture of which something was refused."""

app = typer.Typer(
    help="EPCIS 1.2 and 2.0 events: capture them, ask for them, and where an object is.", no_args_is_help=True
)

EventFile = Annotated[Path, typer.Argument(metavar="FILE", help="EPCIS 2.0 JSON-LD, or EPCIS 1.2 or 2.0 XML.")]


@app.command("capture")
@signs
def capture(
    ledger: CareLedger,
    options: ActingOptions,
    file: EventFile,
    master: Annotated[
        Path,
        typer.Option("--master", envvar="CARELEDGER_MASTER_DATA", help="Master data: which GLN is whose."),
    ],
    devices: Annotated[
        Path | None,
        typer.Option(
            help="JSON: {URI: {id, key, limits: [lowest, highest, highest mean]}}; key is a PEM file, limits are in "
            "hundredths of a degree Celsius.",
            show_default=False,
        ),
    ] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Capture all events or, if one is refused before sending, none.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing; say what would be done.")] = False,
    anchor: Annotated[bool, typer.Option(help="Anchor each event by its two hashes; receipts go to the vault.")] = True,
    deadline_days: Annotated[int, typer.Option(help="Days in which a receiver has to accept what is shipped.")] = 14,
) -> Answer:
    """Capture events: check each, do on chain what is an act of ours, anchor and keep it. Again, it changes nothing.

    Exit code 0: all were taken; 9: something was refused, and told why.
    """
    document = _document(file)
    known = read_master_data(master)

    def told(result: EventResult) -> None:
        what = result.act or "nothing to do"
        progress_line(f"event {result.place}: {what}: {result.outcome.value}")

    with acting(ledger, options, "Capturing events") as house:
        sensors = Sensors(house.supply, house.vault, _devices(devices)) if devices else None
        capturing = Capture(
            house.stock,
            _log(house),
            known,
            documents=ledger.documents if anchor else None,
            receipts=ReceiptVault(house.vault) if anchor else None,
            sensors=sensors,
            deadline_days=deadline_days,
            report=told,
        )
        report = capturing.run(document, all_or_none=rollback, send=not dry_run)
    body = {"results": report.results, "refused": report.refused}
    return Answer(body, lambda console: _render(console, report), NOT_ALL_TAKEN if report.refused else 0)


@app.command("query")
@asks
def ask(
    ledger: CareLedger,
    options: BookOptions,
    parameter: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=VALUE]...",
            help=f"Parameters of SimpleEventQuery, such as MATCH_anyEPC=urn:epc:id:sgtin:... or EQ_bizStep=shipping; "
            f"several of one name are any of them. Known: {', '.join(PARAMETERS)}.",
            show_default=False,
        ),
    ] = None,
    order_by: Annotated[str, typer.Option(help="eventTime or recordTime.")] = "eventTime",
    ascending: Annotated[bool, typer.Option("--ascending", help="The oldest first.")] = False,
    most: Annotated[int, typer.Option(help="At most so many events.")] = 1_000,
    out: Annotated[
        Path | None, typer.Option(help="Write an EPCISQueryDocument in JSON-LD to this file.", show_default=False)
    ] = None,
) -> Answer:
    """Find captured events, as EPCIS 2.0 asks for them."""
    asked: dict[str, list[str]] = {}
    for text in parameter or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput("parameter", text, "must be NAME=VALUE")
        asked.setdefault(name, []).append(value)
    with reading(ledger, options, "Reading events") as house:
        found = query(_log(house), asked, order_by, not ascending, most)
    answer = write(query_document(found))
    if out is not None:
        out.write_text(answer)
    return Answer(json.loads(answer), lambda console: _render_events(console, found, out))


@app.command("state")
@asks
def state(
    ledger: CareLedger,
    options: BookOptions,
    epc: Annotated[str, typer.Argument(help="EPC URI or GS1 Digital Link of a pack or container.")],
) -> Answer:
    """Say where a pack or container stands now, by the chain, with the last event of it."""
    names = Names(ledger)
    with reading(ledger, options, "Asking the chain") as house:
        found = state_of(epc, house.stock, _log(house))
    body = {
        "epc": epc,
        "state": found.state.value,
        "finding": None if found.finding is None else found.finding.name,
        "holder": found.holder,
        "receiver": found.receiver,
        "container": found.container,
        "last_event": None if found.last is None else found.last.hash,
    }
    rows = [("state", found.state.value)]
    if found.finding is not None:
        rows.append(("verification", spoken(found.finding)))
    rows += [(what, names.of(who)) for what, who in (("holder", found.holder), ("receiver", found.receiver)) if who]
    if found.container:
        rows.append(("in container", found.container))
    if found.last is not None:
        event = found.last.event
        rows.append(("last event", f"{event.event_time}, {event.biz_step or event.type}"))
    return Answer(body, lambda console: console.print(table(epc, ("what", "is"), rows)))


@app.command("hash")
def hashes(file: EventFile, as_json: Json = False) -> None:
    """Show the event hash of CBV 2.0 and the strict hash of each event. Asks no node."""
    found = []
    for event in _document(file).events:
        strict = f"0x{epcis.strict_hash(event).hex()}"
        found.append({"event_id": event.event_id, "event_hash": epcis.event_hash(event), "strict_hash": strict})

    def render(console: Console) -> None:
        for one in found:
            console.print(f"{one['event_hash']}\n  strict {one['strict_hash']}", markup=False, highlight=False)

    show({"events": found}, as_json, render)


def _document(file: Path) -> Document:
    with readable(file):
        return read_document(file.read_bytes())


def _log(house: House) -> EventLog:
    return EventLog(house.vault, SupplyId.of(house.supply), house.stock.book.organization)


def _devices(path: Path) -> dict[str, SensorDevice]:
    with readable(path):
        content = path.read_bytes()
    try:
        told = json.loads(content)
        return {uri: _device(path.parent, value) for uri, value in told.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise InvalidInput("devices", str(path), f"is no JSON of devices by their URIs: {wrong}") from None


def _device(folder: Path, value: dict[str, Any]) -> SensorDevice:
    key = DeviceKey.open(folder / value["key"], read_passphrase) if value.get("key") else None
    limits = Limits(*value["limits"]) if value.get("limits") else None
    return SensorDevice(str(value["id"]), key, limits)


def _render(console: Console, report: CaptureReport) -> None:
    rows = [
        (str(one.place), one.act or "-", one.outcome.value, one.problem or one.note, str(len(one.transactions)))
        for one in report.results
    ]
    console.print(table("Events", ("event", "act", "outcome", "why", "transactions"), rows))
    taken = len(report.results) - report.refused
    anchored = sum(1 for one in report.results if one.leaf)
    console.print(f"{taken} of {len(rows)} taken, {anchored} anchored", markup=False)


def _render_events(console: Console, found: list[CapturedEvent], out: Path | None) -> None:
    rows = [
        (
            one.event.event_time,
            one.event.type,
            one.event.biz_step or "-",
            one.outcome.value if one.outcome is not Outcome.ANCHORED else f"{one.outcome.value}: {one.note}",
            time_text(one.recorded_at),
        )
        for one in found
    ]
    console.print(table("Events", ("time", "type", "step", "outcome", "captured"), rows))
    if out is not None:
        console.print(f"written to {out}", markup=False)
