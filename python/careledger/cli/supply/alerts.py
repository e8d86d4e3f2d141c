"""`careledger alerts`: scans that do not go together, with the likelier cause."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from careledger.cli.documents.files import readable
from careledger.cli.output import table
from careledger.cli.session import Answer, asks
from careledger.cli.supply.words import BookOptions, Names, reading
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.serialization.alerts import Limits, Sighting, assess
from careledger.serialization.master_data import read_master_data
from careledger.serialization.scans import parse_scans, sightings_of

__all__ = ["alerts"]

FOUND = 9
"""The exit code if there is an alert."""


@asks
def alerts(
    ledger: CareLedger,
    options: BookOptions,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Scans as CSV: code,time,party,read_point.", show_default=False),
    ],
    master: Annotated[
        Path | None,
        typer.Option(
            "--master",
            envvar="CARELEDGER_MASTER_DATA",
            help="Master data with the coordinates of read points by their GLN.",
            show_default=False,
        ),
    ] = None,
    speed_kmh: Annotated[int, typer.Option(help="Faster than this is impossible.")] = Limits().speed_kmh,
) -> Answer:
    """Find packs that were scanned where they cannot be, and whether a scanner or a counterfeit is likelier.

    Each scan is held against the chain as it was then. Every alert says its likelier cause, and how it was judged; what
    could not be assessed is told, too. Exit code 0: no alert; 9: there is one.
    """
    limits = Limits(speed_kmh=speed_kmh)
    with readable(file):
        scans = parse_scans(file.read_bytes())
    known = read_master_data(master) if master else None
    names = Names(ledger)
    with reading(ledger, options, f"Holding {len(scans)} scans against the chain") as house:
        sightings = sightings_of(scans, house.stock, house.supply.first_block, known)
    found = assess(sightings.found, limits)
    body = {
        "alerts": [
            {
                "kind": one.kind.value,
                "likelier_cause": one.cause.value,
                "judged": one.judged,
                "scans": [_scan(sighting, names) for sighting in one.sightings],
            }
            for one in found.alerts
        ],
        "not_assessed": [
            {
                "kind": one.kind.value,
                "reason": one.reason,
                "scans": [_scan(sighting, names) for sighting in one.sightings],
            }
            for one in found.not_assessed
        ],
        "left_out": [{"line": line, "problem": problem} for line, problem in sightings.left_out],
        "scans": len(scans),
    }

    def render(console: Console) -> None:
        rows = [
            (one.kind.value, one.sightings[0].pack.serial or "", one.cause.value, _readable(one.judged, names))
            for one in found.alerts
        ]
        if rows:
            console.print(table("Alerts", ("alert", "serial", "likelier cause", "how it was judged"), rows))
        for missing in found.not_assessed:
            serial, at = missing.sightings[0].pack.serial, time_text(missing.sightings[0].time)
            console.print(f"not assessed: {missing.kind.value} of {serial}, {at}: {missing.reason}", markup=False)
        for line, problem in sightings.left_out:
            console.print(f"line {line} left out: {problem}", markup=False)
        console.print(f"{len(scans)} scans, {len(found.alerts)} alerts", markup=False)

    return Answer(body, render, FOUND if found.alerts else 0)


def _scan(sighting: Sighting, names: Names) -> dict[str, object]:
    return {
        "serial": sighting.pack.serial,
        "lot": sighting.pack.lot,
        "time": sighting.time,
        "party": sighting.party,
        "party_name": names.of(sighting.party),
        "read_point": sighting.read_point,
        "holder": sighting.holder,
    }


def _readable(judged: str, names: Names) -> str:
    """With names in the place of ids."""
    return " ".join(
        names.of(word.rstrip(",:")) + word[len(word.rstrip(",:")) :] if word.startswith("0x") else word
        for word in judged.split(" ")
    )
