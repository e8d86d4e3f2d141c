"""`careledger export`: what the law has trading partners hand on and report, as data: DSCSA, Form FDA 3911."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from careledger.authorization.text_files import Day, Part, Text, parse_text_file, read_file
from careledger.cli.documents.files import readable, write_private
from careledger.cli.session import Answer, asks, parse_time
from careledger.cli.supply.words import BookOptions, ContainerName, find_container, given_codes, pack_in, reading
from careledger.client import CareLedger
from careledger.errors import InvalidInput
from careledger.serialization import barcodes
from careledger.serialization.exports import (
    Classification,
    CompanyCategory,
    Contact,
    Export,
    Incident,
    OtherReport,
    Sale,
    SaleLine,
    TypeOfReport,
    drug_notification,
    transaction_document,
)
from careledger.serialization.lot_book import LotBook
from careledger.serialization.master_data import read_master_data
from careledger.serialization.stock import EPOCH

__all__ = ["app"]

GTIN_SCHEME = "gtin:"
INCIDENT = "incident"

app = typer.Typer(
    help="What the law has trading partners hand on and report: DSCSA transaction documents, data of Form FDA 3911.",
    no_args_is_help=True,
)

Master = Annotated[
    Path,
    typer.Option(
        "--master",
        envvar="CARELEDGER_MASTER_DATA",
        help="Master data of products and parties, YAML or JSON.",
        show_default=False,
    ),
]
Out = Annotated[Path, typer.Option(help="Where it is written, in JSON, for its owner alone.", show_default=False)]


@app.command("transaction")
@asks
def transaction(
    ledger: CareLedger,
    container: ContainerName,
    buyer: Annotated[str, typer.Option(help="The buyer's registered name, or id, as in the master data.")],
    sold_at: Annotated[str, typer.Option(help="Transaction: ISO 8601, or Unix seconds.", show_default=False)],
    master: Master,
    out: Out,
    options: BookOptions,
    shipped_at: Annotated[
        str, typer.Option(help="Shipment, likewise. Told if it is more than 24 hours later.", show_default=False)
    ] = "",
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="What the seller states, by subparagraph of FD&C Act 581(27): A to G. All are needed.",
            show_default=False,
        ),
    ] = None,
) -> Answer:
    """Write the DSCSA transaction information and statement of what is in a container, pack by pack.

    Packs are those that the vault knows in it. Nothing is stated in the seller's name: each --state is its own word.
    """
    known = read_master_data(master)
    sold, shipped = _moment(sold_at), _moment(shipped_at) if shipped_at else None
    with reading(ledger, options, "Gathering the packs") as house:
        identity = find_container(house.stock, container)
        lines = tuple(_lines(house.stock.book, identity))
        seller = known.party_of(house.stock.book.organization)
    if not lines:
        raise InvalidInput("container", container, "has no packs that the vault knows")
    sale = Sale(seller, known.party_of(buyer), sold, shipped, lines)
    made = transaction_document(sale, known, {one.upper() for one in state or ()})
    return _written(made, out, f"{sum(len(line.packs) for line in lines)} packs of {len(lines)} lots")


class _Contact(Part):
    name: Text
    telephone: Text
    email: Text


class _IncidentFile(Part):
    """What a person says of an incident; dates are YYYY-MM-DD."""

    type_of_report: TypeOfReport
    classification: Classification
    determined_on: Day
    quantity: Annotated[int, Field(ge=1)]
    unit: Text
    drug_use: Text
    drug_description: Text
    category: CompanyCategory
    contact: _Contact
    event: Text | None = None
    reason_for_termination: Text | None = None
    first_notified_on: Day | None = None
    incident_number: Text | None = None
    other_reports: tuple[OtherReport, ...] = ()
    other_report: Text | None = None


@app.command("notification")
@asks
def notification(
    ledger: CareLedger,
    code: Annotated[
        list[str], typer.Argument(metavar="CODE...", help="The packs; - for standard input, one per line.")
    ],
    incident: Annotated[
        Path,
        typer.Option(
            help="What a person says of it, YAML or JSON: " + ", ".join(_IncidentFile.model_fields) + ".",
            show_default=False,
        ),
    ],
    master: Master,
    out: Out,
    options: BookOptions,
) -> Answer:
    """Write the data of Form FDA 3911 for packs: to enter on FDA's portal, within 24 hours of the determination.

    The reporter is the organization whose book it is. The contact is a person: the file is for FDA only.
    """
    with readable(incident, INCIDENT):
        said = read_file(_IncidentFile, parse_text_file(incident.read_bytes(), INCIDENT), INCIDENT)
    known = read_master_data(master)
    packs = tuple(dict.fromkeys(pack_in(text)[0] for text in given_codes(code)))
    with reading(ledger, options) as house:
        reporter = known.party_of(house.stock.book.organization)
    values = {name: getattr(said, name) for name in _IncidentFile.model_fields if name != "contact"}
    contact = Contact(said.contact.name, said.contact.telephone, said.contact.email)
    made = drug_notification(Incident(**values, packs=packs, reporter=reporter, contact=contact), known)
    return _written(made, out, f"{len(packs)} packs")


def _lines(book: LotBook, container: str) -> Iterator[SaleLine]:
    """The packs in a container, lot by lot. Raises InvalidInput for a lot whose product has no GTIN."""
    handed = book.with_shipment([container])
    serials: dict[str, list[str]] = defaultdict(list)
    for part in handed.parts:
        serials[part.tranche.lot] += [unit.serial for unit in part.units.values()]
    for lot in handed.lots:
        if not lot.product.startswith(GTIN_SCHEME):
            raise InvalidInput("product", lot.product, "has no GTIN")
        gtin, expires = lot.product.removeprefix(GTIN_SCHEME), EPOCH + dt.timedelta(days=lot.expiry_day)
        packs = tuple(barcodes.Pack(gtin, serial, lot.lot_number, expires) for serial in serials[lot.id])
        yield SaleLine(gtin, lot.lot_number, packs)


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromtimestamp(parse_time(text), dt.UTC)


def _written(made: Export, out: Path, what: str) -> Answer:
    content = made.model_dump_json(indent=2)
    write_private(out, content.encode() + b"\n")
    body = {"file": out, "document": json.loads(content)}
    return Answer(body, lambda console: console.print(f"{out}: {what}", markup=False, soft_wrap=True))
