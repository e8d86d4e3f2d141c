"""What the law of the United States has trading partners hand on and report: DSCSA transaction information and
statement, and the data of Form FDA 3911.

Sources: FD&C Act, sections 581(26) and 581(27), which are 21 USC 360eee(26) and (27), for the transaction; section
582(g)(1)(B), 21 USC 360eee-1, for the product identifier of each package. Of Form FDA 3911, items 1 to 20 are those of
its edition 8/15; that item 23 is the contact, how several drugs are told in one notification, and that a first
notification has no incident number is from FDA's "Drug Notifications Frequently Asked Questions". Not verified: the
wording of the form's lists (items 5, 8, 9 and 11), and what has the numbers 21 and 22. Instructions of 2025, in draft,
put the geographic location of the incident third: it is not here. FDA takes a notification on its portal or as the
form: these are the data to enter there, not a file that FDA takes.

An export goes to its receiver. It names packs, and the contact is a person: nothing of it belongs on a chain.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field

from careledger.authorization.text_files import Part, Text, read_file
from careledger.errors import InvalidInput
from careledger.serialization.barcodes import Pack
from careledger.serialization.master_data import Address, MasterData, Party, Product

__all__ = [
    "STATEMENTS",
    "Classification",
    "CompanyCategory",
    "Contact",
    "DrugNotification",
    "Incident",
    "OtherReport",
    "ProductIdentifier",
    "Sale",
    "SaleLine",
    "TradingPartner",
    "TransactionDocument",
    "TransactionInformation",
    "TransactionStatement",
    "TypeOfReport",
    "drug_notification",
    "transaction_document",
]

INFORMATION = "transaction information"
STATEMENT = "transaction statement"
NOTIFICATION = "drug notification"
SHIPMENT_LATER = dt.timedelta(hours=24)
MULTIPLE = "Multiple"

STATEMENTS = {
    "A": "is authorized as required under the Drug Supply Chain Security Act",
    "B": "received the product from a person that is authorized as required under the Drug Supply Chain Security Act",
    "C": "received transaction information and a transaction statement from the prior owner of the product, as "
    "required under section 582",
    "D": "did not knowingly ship a suspect or illegitimate product",
    "E": "had systems and processes in place to comply with verification requirements under section 582",
    "F": "did not knowingly provide false transaction information",
    "G": "did not knowingly alter the transaction history",
}
"""FD&C Act, section 581(27), in its words: what who transfers ownership states, by subparagraph."""

Count = Annotated[int, Field(ge=1)]


class Export(Part):
    """A part of what is handed on: no names but these, and no value of another type."""

    model_config = ConfigDict(strict=True)


Model = TypeVar("Model", bound=Export)


# ---------------------------------------------------------------- transactions


@dataclass(frozen=True)
class SaleLine:
    """The packs of one lot in a sale; each is a container of the product. A pack need not name its lot."""

    gtin: str
    lot: str
    packs: tuple[Pack, ...]


@dataclass(frozen=True)
class Sale:
    """A transfer of ownership. Times have a zone; their dates are those of that zone. `shipped_at` is None before."""

    seller: Party
    buyer: Party
    sold_at: dt.datetime
    shipped_at: dt.datetime | None
    lines: tuple[SaleLine, ...]


class TradingPartner(Export):
    """Business name and address."""

    name: Text
    address: Address


class ProductIdentifier(Export):
    """One package: standardized numerical identifier, lot number, expiration date (21 USC 360eee(14))."""

    gtin: Text
    serial: Text
    lot: Text
    expires: dt.date


class TransactionInformation(Export):
    """21 USC 360eee(26), in its order, of one lot; and the product identifier of each package in it."""

    product_name: Text
    strength: Text
    dosage_form: Text
    ndc: Text
    container_size: Text
    number_of_containers: Count
    lot_number: Text
    transaction_date: dt.date
    shipment_date: dt.date | None
    from_whom: TradingPartner
    to_whom: TradingPartner
    packages: Annotated[tuple[ProductIdentifier, ...], Field(min_length=1)]


class TransactionStatement(Export):
    """21 USC 360eee(27): what the seller states, by subparagraph."""

    entity: TradingPartner
    date: dt.date
    states: dict[str, str]


class TransactionDocument(Export):
    """A transaction's information, lot by lot, and its statement."""

    information: Annotated[tuple[TransactionInformation, ...], Field(min_length=1)]
    statement: TransactionStatement


def transaction_document(sale: Sale, master: MasterData, stated: Set[str]) -> TransactionDocument:
    """What a seller hands on with a sale: `.model_dump_json()` is the document.

    `stated` are the subparagraphs of `STATEMENTS` that the seller states: software states nothing in its name, and a
    sale without all of them is none that DSCSA allows. The date of the shipment is there if it was more than 24 hours
    after the transaction. Raises InvalidInput that names what is missing.
    """
    for subparagraph in STATEMENTS:
        if subparagraph not in stated:
            raise InvalidInput(STATEMENT, subparagraph, f"is not stated: that the seller {STATEMENTS[subparagraph]}")
    for name, time in (("sold_at", sale.sold_at), ("shipped_at", sale.shipped_at)):
        if time is not None and time.tzinfo is None:
            raise InvalidInput(INFORMATION, name, "needs a time zone")
    if sale.shipped_at is not None and sale.shipped_at < sale.sold_at:
        raise InvalidInput(INFORMATION, "shipped_at", "is before the transaction")
    statement = {"entity": _partner(sale.seller), "date": sale.sold_at.date(), "states": STATEMENTS}
    return _made(
        TransactionDocument,
        {
            "information": tuple(_information(sale, line, master) for line in sale.lines),
            "statement": _made(TransactionStatement, statement, STATEMENT),
        },
        INFORMATION,
    )


def _information(sale: Sale, line: SaleLine, master: MasterData) -> TransactionInformation:
    product = master.product(line.gtin)
    serials = [pack.serial for pack in line.packs]
    if len(set(serials)) != len(serials):
        raise InvalidInput(INFORMATION, f"lot {line.lot} of {line.gtin}", "has a serial twice")
    later = sale.shipped_at is not None and sale.shipped_at - sale.sold_at > SHIPMENT_LATER
    return _made(
        TransactionInformation,
        {
            "product_name": product.name,
            "number_of_containers": len(line.packs),
            "lot_number": line.lot,
            "transaction_date": sale.sold_at.date(),
            "shipment_date": sale.shipped_at.date() if sale.shipped_at and later else None,
            "from_whom": _partner(sale.seller),
            "to_whom": _partner(sale.buyer),
            "packages": tuple(_identifier(pack, line) for pack in line.packs),
            **_known(product, "strength", "dosage_form", "ndc", "container_size"),
        },
        INFORMATION,
    )


def _identifier(pack: Pack, line: SaleLine) -> ProductIdentifier:
    if (pack.gtin, pack.lot) not in ((line.gtin, line.lot), (line.gtin, None)):
        raise InvalidInput(INFORMATION, f"{pack.gtin}, lot {pack.lot}", f"is no pack of lot {line.lot} of {line.gtin}")
    values = {"gtin": pack.gtin, "serial": pack.serial, "lot": line.lot, "expires": pack.expires}
    known = {name: value for name, value in values.items() if value is not None}
    return _made(ProductIdentifier, known, f"{INFORMATION}, package")


# --------------------------------------------------------------- Form FDA 3911


class TypeOfReport(StrEnum):
    """Item 1."""

    INITIAL = "Initial Notification"
    FOLLOW_UP = "Follow-Up Notification"
    TERMINATION = "Request for Termination"


class Classification(StrEnum):
    """Item 5: the grounds of 21 USC 360eee(8) for an illegitimate product, and high risk of illegitimacy, which only a
    manufacturer reports (section 582(b)(4)(B)(ii)). The form's own list may be worded otherwise.
    """

    COUNTERFEIT = "counterfeit"
    DIVERTED = "diverted"
    STOLEN = "stolen"
    ADULTERATED = "intentionally adulterated"
    FRAUDULENT_TRANSACTION = "subject of a fraudulent transaction"
    UNFIT = "otherwise unfit for distribution"
    HIGH_RISK = "high risk of illegitimacy"


class CompanyCategory(StrEnum):
    """Who has to notify FDA (21 USC 360eee-1)."""

    MANUFACTURER = "manufacturer"
    REPACKAGER = "repackager"
    WHOLESALE_DISTRIBUTOR = "wholesale distributor"
    DISPENSER = "dispenser"


class OtherReport(StrEnum):
    """Item 19: another way by which FDA was told."""

    BPDR = "BPDR"
    FAR = "FAR"
    MEDWATCH_3500 = "MedWatch 3500"
    MEDWATCH_3500A = "MedWatch 3500A"


@dataclass(frozen=True)
class Contact:
    """Whom FDA answers. It is a person's data: for FDA only."""

    name: str
    telephone: str
    email: str


@dataclass(frozen=True)
class Incident:
    """What was found, and what is to be reported of it. `packs` are one or more, of one product or several.

    `first_notified_on` and `incident_number` are those of the first notification: of the follow-up and the request for
    termination. `drug_use` and `drug_description` are choices of the form's lists.
    """

    type_of_report: TypeOfReport
    classification: Classification
    determined_on: dt.date
    packs: tuple[Pack, ...]
    quantity: int
    unit: str
    drug_use: str
    drug_description: str
    reporter: Party
    category: CompanyCategory
    contact: Contact
    event: str | None = None
    reason_for_termination: str | None = None
    first_notified_on: dt.date | None = None
    incident_number: str | None = None
    other_reports: tuple[OtherReport, ...] = ()
    other_report: str | None = None


class ReportedContact(Export):
    """Item 23."""

    name: Text
    telephone: Text
    email: Text


class DrugNotification(Export):
    """The data of Form FDA 3911. Each field's description has the number of its item."""

    type_of_report: Annotated[TypeOfReport, Field(description="Item 1.")]
    incident_number: Annotated[Text | None, Field(description="Item 2, given by FDA; none in a first notification.")]
    date_of_initial_notification: Annotated[dt.date | None, Field(description="Item 3.")]
    date_determined: Annotated[dt.date, Field(description="Item 4: when it was found to be illegitimate.")]
    classification: Annotated[Classification, Field(description="Item 5.")]
    product_name: Annotated[Text, Field(description="Item 6, as on the label.")]
    primary_ingredients: Annotated[Text | None, Field(description="Item 7, if known.")]
    drug_use: Annotated[Text, Field(description="Item 8.")]
    drug_description: Annotated[Text, Field(description="Item 9.")]
    strength: Annotated[Text, Field(description="Item 10.")]
    dosage_form: Annotated[Text, Field(description="Item 11.")]
    quantity: Annotated[Count, Field(description="Item 12: number.")]
    unit: Annotated[Text, Field(description="Item 12: unit.")]
    ndc: Annotated[tuple[Text, ...], Field(description="Item 13, if applicable.")]
    serial_numbers: Annotated[tuple[Text, ...], Field(description="Item 14, if applicable.")]
    lot_numbers: Annotated[tuple[Text, ...], Field(description="Item 15.")]
    expiration_dates: Annotated[tuple[dt.date, ...], Field(description="Item 16.")]
    description_of_event: Annotated[Text | None, Field(description="Item 17, of a notification.")]
    reason_for_termination: Annotated[Text | None, Field(description="Item 18, of a request for termination.")]
    other_reports: Annotated[tuple[OtherReport, ...], Field(description="Item 19.")]
    other_report: Annotated[Text | None, Field(description="Item 19: another way, in words.")]
    company: Annotated[TradingPartner, Field(description="Item 20.")]
    company_category: CompanyCategory
    facility_identifier: Text | None
    contact: Annotated[ReportedContact, Field(description="Item 23.")]


def drug_notification(incident: Incident, master: MasterData) -> DrugNotification:
    """The data of Form FDA 3911 for an incident: `.model_dump_json()` is the document. It is due within 24 hours after
    the determination (section 582). Raises InvalidInput that names what is missing, or does not go with the type of
    report.
    """
    _check_type(incident)
    products = [master.product(gtin) for gtin in dict.fromkeys(pack.gtin for pack in incident.packs)]
    if not products:
        raise InvalidInput(NOTIFICATION, "packs", "are needed")
    values = {
        "type_of_report": incident.type_of_report,
        "incident_number": incident.incident_number,
        "date_of_initial_notification": incident.first_notified_on,
        "date_determined": incident.determined_on,
        "classification": incident.classification,
        "primary_ingredients": _one_or_multiple(products, [", ".join(one.ingredients) or None for one in products]),
        "drug_use": incident.drug_use,
        "drug_description": incident.drug_description,
        "quantity": incident.quantity,
        "unit": incident.unit,
        "ndc": tuple(one.ndc for one in products if one.ndc is not None),
        "serial_numbers": _distinct([pack.serial for pack in incident.packs]),
        "lot_numbers": _distinct([pack.lot for pack in incident.packs]),
        "expiration_dates": _distinct([pack.expires for pack in incident.packs]),
        "description_of_event": incident.event,
        "reason_for_termination": incident.reason_for_termination,
        "other_reports": incident.other_reports,
        "other_report": incident.other_report,
        "company": _partner(incident.reporter),
        "company_category": incident.category,
        "facility_identifier": incident.reporter.facility_identifier,
        "contact": _made(ReportedContact, vars(incident.contact), f"{NOTIFICATION}, contact"),
    }
    labelled = {
        "product_name": _one_or_multiple(products, [one.name for one in products]),
        "strength": _one_or_multiple(products, [one.strength for one in products]),
        "dosage_form": _same_or_multiple([one.dosage_form for one in products]),
    }
    known = {name: value for name, value in labelled.items() if value is not None}
    return _made(DrugNotification, values | known, NOTIFICATION)


def _check_type(incident: Incident) -> None:
    kind = incident.type_of_report
    first, last = kind is TypeOfReport.INITIAL, kind is TypeOfReport.TERMINATION
    needed = {
        "incident_number": not first,
        "first_notified_on": not first,
        "event": not last,
        "reason_for_termination": last,
    }
    for name, is_needed in needed.items():
        if is_needed and not getattr(incident, name):
            raise InvalidInput(NOTIFICATION, name, f"is needed in: {kind.value}")
    if first and incident.incident_number is not None:
        raise InvalidInput(NOTIFICATION, "incident_number", "is FDA's answer to a first notification: leave it out")
    if incident.classification is Classification.HIGH_RISK and incident.category is not CompanyCategory.MANUFACTURER:
        raise InvalidInput(NOTIFICATION, "classification", "high risk of illegitimacy is a manufacturer's to report")


def _one_or_multiple(products: list[Product], values: list[str | None]) -> str | None:
    """FDA, "Drug Notifications Frequently Asked Questions": "Multiple" if several drugs are involved."""
    return values[0] if len(products) == 1 else MULTIPLE


def _same_or_multiple(values: list[str | None]) -> str | None:
    return values[0] if len(set(values)) == 1 else MULTIPLE


def _distinct(values: list[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(value for value in values if value is not None))


def _partner(party: Party) -> TradingPartner:
    return TradingPartner(name=party.name, address=party.address)


def _known(product: Product, *names: str) -> dict[str, str]:
    """What the master data has of these; the rest is told as missing."""
    values = {name: getattr(product, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _made(model: type[Model], values: dict[str, Any], name: str) -> Model:
    return read_file(model, values, name)
