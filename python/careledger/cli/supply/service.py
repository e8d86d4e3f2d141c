"""`careledger device service`: what was done to a medical device, as signed records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from careledger.anchoring.canonical_json import parse
from careledger.cli.documents.files import readable, write_private
from careledger.cli.session import Answer, asks, open_signer, parse_time, signs
from careledger.cli.supply.words import ActingOptions, BookOptions, acting, as_unit, kebab_names, reading, sent
from careledger.cli.words import parse_enum
from careledger.client import CareLedger
from careledger.contract_enums import ServiceKind
from careledger.errors import InvalidInput
from careledger.serialization.service_history import DevicePart, KeptService, ServiceContent, ServiceRecords
from careledger.serialization.types import NO_CONTAINER

__all__ = ["app"]

NOT_WHOLE = 9

app = typer.Typer(
    help="What was done to a medical device: append a signed record, and hold kept ones against the chain.",
    no_args_is_help=True,
)

DeviceCode = Annotated[
    str, typer.Argument(metavar="CODE", help="The device's code (UDI), or LOT/NUMBER by the lot's id on the chain.")
]


@app.command("add")
@signs
def add(
    ledger: CareLedger,
    code: DeviceCode,
    kind: Annotated[str, typer.Option(help=kebab_names(ServiceKind) + ".", show_default=False)],
    at: Annotated[str, typer.Option(help="When it was done: Unix seconds, ISO 8601, or now.", show_default=False)],
    content: Annotated[
        Path,
        typer.Option(help="What was done: a JSON object, of which a salted hash is published.", show_default=False),
    ],
    record: Annotated[
        Path, typer.Option(help="Where the record is kept at home, with content and salt.", show_default=False)
    ],
    options: ActingOptions,
    part: Annotated[
        str, typer.Option(help="Of a part replacement: the code of what was put in, or LOT/NUMBER.", show_default=False)
    ] = "",
    engineer: Annotated[
        str, typer.Option(help="Signer of who did it, if it is not the one who sends.", show_default=False)
    ] = "",
) -> Answer:
    """Append a record to a medical device's service history, as its maker or holder.

    It is signed by who did it, and kept in a file before it is sent: with the same file again, the same record is sent,
    which changes nothing.
    """
    done = parse_enum(ServiceKind, kind)
    with acting(ledger, options, "Appending the record") as house:
        records = ServiceRecords(house.supply)
        device = as_unit(house.stock, code)
        put_in = as_unit(house.stock, part) if part else None
        signer = open_signer(engineer) if engineer else ledger.signer
        assert signer is not None
        if record.exists():
            kept = _load(record)
            if (kept.service.lot, kept.service.index) != (device.lot, device.index):
                raise InvalidInput("--record", str(record), "is there, and of another device")
            signed = records.sign(kept.service, signer)
        else:
            said = ServiceContent.of(_json(content))
            of_part = DevicePart(put_in.lot, put_in.index) if put_in else None
            service = records.next(device.lot, device.index, done, parse_time(at, ledger.connection), said, of_part)
            signed = records.sign(service, signer)
            kept = KeptService(service, signed.key, said)
            write_private(record, kept.to_json().encode() + b"\n")
        part_container = put_in.container if put_in else NO_CONTAINER
        receipt = records.append(signed, device.container, part_container)
    body = {"lot": device.lot, "number": device.index, "sequence": kept.service.sequence, "record": record}
    return sent("device service add", [receipt], body, [f"record {kept.service.sequence}, kept in {record}"])


@app.command("check")
@asks
def check(
    ledger: CareLedger,
    code: DeviceCode,
    options: BookOptions,
    record: Annotated[list[Path] | None, typer.Argument(metavar="[RECORD]...", help="Records kept at home.")] = None,
) -> Answer:
    """Hold records that are kept at home against the chain: whether any is missing, changed, or not on it.

    Exit code 9 if they are not the device's whole history as it stands there.
    """
    kept = [_load(path) for path in record or ()]
    with reading(ledger, options) as house:
        device = as_unit(house.stock, code)
        found = ServiceRecords(house.supply).check(device.lot, device.index, kept)
    body = {
        "lot": device.lot,
        "number": device.index,
        "whole": found.whole,
        "on_chain": found.head,
        "faults": [
            {"sequence": one.sequence, "problem": one.problem.value, "changed": one.changed} for one in found.faults
        ],
    }

    def render(console: Console) -> None:
        if found.whole:
            console.print(f"whole: {found.head.sequence} records, as they stand on chain", style="bold green")
            return
        console.print(f"NOT the whole history: {found.head.sequence} records stand on chain", style="bold red")
        for fault in found.faults:
            changed = f": {', '.join(fault.changed)}" if fault.changed else ""
            console.print(f"  record {fault.sequence} {fault.problem.value}{changed}", soft_wrap=True)

    return Answer(body, render, 0 if found.whole else NOT_WHOLE)


def _load(path: Path) -> KeptService:
    with readable(path, "record"):
        return KeptService.from_json(path.read_bytes())


def _json(path: Path) -> dict[str, object]:
    with readable(path, "content"):
        content = path.read_bytes()
    try:
        parse(content)  # refuses what is nested too deep, which json would take down the process with
        found = json.loads(content)
    except (ValueError, InvalidInput):
        found = None
    if not isinstance(found, dict):
        raise InvalidInput("content", str(path), "must be a JSON object")
    return found
