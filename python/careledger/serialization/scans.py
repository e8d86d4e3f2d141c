"""Scans as a file has them, and what the chain said of each pack then: what `alerts.assess` is asked of.

    code,time,party,read_point
    (01)00300010000015(21)S17(10)L-0042,2026-03-01T09:30:00+00:00,corner-pharmacy,0300010000022

CSV with that header. `time` is Unix seconds, or ISO 8601 with a zone or in UTC; `party` an organization's name or id;
`read_point` a GLN, whose coordinates master data may have, or any other text.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import dataclass

from careledger.chain.connection import Connection
from careledger.contract_enums import ContainerState, PackFinding, UnitStatus
from careledger.errors import BarcodeUnreadable, InvalidInput, NotInBook
from careledger.identity.identifiers import organization_id
from careledger.serialization import barcodes
from careledger.serialization.alerts import Sighting
from careledger.serialization.master_data import MasterData
from careledger.serialization.stock import Stock

__all__ = ["Scan", "Sightings", "parse_scans", "sightings_of"]

COLUMNS = ("code", "time", "party", "read_point")
DAY_SECONDS = 24 * 3600
NO_MATCH = frozenset({PackFinding.NO_MATCH_PRODUCT, PackFinding.NO_MATCH_LOT, PackFinding.NO_MATCH_SERIAL})


@dataclass(frozen=True)
class Scan:
    """One line of a file. `time` is Unix seconds."""

    line: int
    code: str
    time: int
    party: str
    read_point: str


@dataclass(frozen=True)
class Sightings:
    """Scans with what the chain said of them; and those that could not be taken, by line, with the reason."""

    found: tuple[Sighting, ...]
    left_out: tuple[tuple[int, str], ...]


def parse_scans(content: bytes) -> list[Scan]:
    """The scans of a CSV file. Raises InvalidInput naming the line and what is wrong in it."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as wrong:
        raise InvalidInput("scans", str(wrong), "are no CSV in UTF-8") from None
    if not rows or tuple(rows[0]) != COLUMNS:
        raise InvalidInput("header", ",".join(rows[0]) if rows else "", f"must be {','.join(COLUMNS)}")
    scans = []
    for line, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        if len(row) != len(COLUMNS):
            raise InvalidInput(f"line {line}", ",".join(row), f"must have {len(COLUMNS)} fields")
        code, time, party, read_point = row
        scans.append(Scan(line, code, _time(line, time), organization_id(party), read_point))
    return scans


def sightings_of(scans: list[Scan], stock: Stock, first_block: int, master: MasterData | None = None) -> Sightings:
    """Asks the chain of each pack, as of the last block up to the time of its scan. Raises ChainError; a node that does
    not keep the state of that block says so."""
    found: list[Sighting] = []
    left_out: list[tuple[int, str]] = []
    coordinates = {party.gln: party.coordinates for party in master.parties} if master else {}
    for scan in scans:
        try:
            read = barcodes.read(scan.code)
        except BarcodeUnreadable as problem:
            left_out.append((scan.line, str(problem)))
            continue
        if not isinstance(read.item, barcodes.Pack) or read.item.serial is None:
            left_out.append((scan.line, "is no code of a pack with its serial"))
            continue
        block = _block_at(stock.supply.connection, scan.time, first_block)
        told = _told(stock, read.item, block)
        found.append(
            Sighting(
                pack=read.item,
                time=scan.time,
                party=scan.party,
                read_point=scan.read_point,
                holder=told.holder,
                coordinates=coordinates.get(scan.read_point),
                carrier=told.carrier,
                receiver=told.receiver,
                dispensed_at=told.dispensed_at,
                findings=read.findings,
            )
        )
    return Sightings(tuple(found), tuple(left_out))


@dataclass(frozen=True)
class _Told:
    """Of a pack at a block. A day of dispensing counts from its end: the chain keeps no hour."""

    holder: str | None = None
    carrier: str | None = None
    receiver: str | None = None
    dispensed_at: int | None = None


def _told(stock: Stock, pack: barcodes.Pack, block: int) -> _Told:
    try:
        verified = stock.verify(pack, block)
    except (NotInBook, InvalidInput):
        return _Told()
    answer, container = verified.answer, verified.found.container
    if answer.finding in NO_MATCH or not int(answer.holder, 16):
        return _Told()
    dispensed = answer.state.status is UnitStatus.DISPENSED
    dispensed_at = (answer.state.day + 1) * DAY_SECONDS if dispensed else None
    held = stock.custody.container(container, block) if container else None
    if held is None or held.state is not ContainerState.IN_TRANSIT:
        return _Told(answer.holder, dispensed_at=dispensed_at)
    shipment = stock.custody.shipment(container or "", block)
    carrier = shipment.carrier if shipment is not None and int(shipment.carrier, 16) else None
    return _Told(answer.holder, carrier, held.receiver, dispensed_at)


def _block_at(connection: Connection, time: int, first: int) -> int:
    """The last block up to a time; the first one for a time before it."""
    low, high = first, connection.block_number()
    while low < high:
        middle = (low + high + 1) // 2
        if connection.block_time(middle) <= time:
            low = middle
        else:
            high = middle - 1
    return low


def _time(line: int, text: str) -> int:
    try:
        if text.isascii() and text.isdigit() and len(text) <= 12:
            return int(text)
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"line {line}, time", text, "must be Unix seconds or ISO 8601") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp())
