"""DSCSA transaction documents and the data of Form FDA 3911: complete, or refused with what is missing."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from careledger.errors import InvalidInput
from careledger.serialization.barcodes import Pack
from careledger.serialization.exports import (
    STATEMENTS,
    Classification,
    CompanyCategory,
    Contact,
    DrugNotification,
    Incident,
    OtherReport,
    Sale,
    SaleLine,
    TransactionDocument,
    TypeOfReport,
    drug_notification,
    transaction_document,
)
from careledger.serialization.master_data import MasterData, parse_master_data

GTIN, OTHER_GTIN, DEVICE = "00300010000015", "00300020000012", "04012345678901"
MASTER = f"""
format: careledger-master-data
version: 1
products:
  - {{gtin: {GTIN}, name: Examplin, strength: 5 mg, dosage_form: tablet, ndc: 0001-0000-01,
     container_size: 30 tablets, ingredients: [examplin maleate, testin]}}
  - {{gtin: {OTHER_GTIN}, name: Otherin, strength: 7 mg, dosage_form: tablet, ndc: 0002-0000-01,
     container_size: 10 tablets}}
  - {{gtin: {DEVICE}, name: Example pump}}
parties:
  - {{name: Sundial Example Pharma, gln: 0300010000008, facility_identifier: 000000000,
     address: {{street: [1 Example Way], city: Springfield, region: IL, postal_code: 62701, country: US}}}}
  - {{name: Example Distribution, gln: 4012345000009,
     address: {{street: [2 Example Way, Dock 3], city: Springfield, region: IL, country: US}}}}
"""
EXPIRES = dt.date(2027, 5, 31)
PACKS = (Pack(GTIN, "SN1", "L-42", EXPIRES), Pack(GTIN, "SN2", None, EXPIRES))
SOLD = dt.datetime(2026, 3, 1, 23, 30, tzinfo=dt.timezone(dt.timedelta(hours=-6)))
DAY = dt.timedelta(hours=24)
ALL = frozenset(STATEMENTS)


@pytest.fixture(scope="module")
def master() -> MasterData:
    return parse_master_data(MASTER.encode())


@pytest.fixture
def sale(master: MasterData) -> Sale:
    seller, buyer = master.parties
    return Sale(seller, buyer, SOLD, None, (SaleLine(GTIN, "L-42", PACKS),))


@pytest.fixture
def incident(master: MasterData) -> Incident:
    return Incident(
        type_of_report=TypeOfReport.INITIAL,
        classification=Classification.COUNTERFEIT,
        determined_on=dt.date(2026, 3, 2),
        packs=PACKS,
        quantity=2,
        unit="bottles",
        drug_use="human",
        drug_description="finished prescription drug",
        reporter=master.parties[0],
        category=CompanyCategory.MANUFACTURER,
        contact=Contact("A. Example", "+1 555 0100", "notices@sundial.example"),
        event="Two serials were never issued.",
    )


def written(document: TransactionDocument | DrugNotification) -> Any:
    """The document as its reader has it, valid under its own schema."""
    value = json.loads(document.model_dump_json())
    jsonschema.validate(value, type(document).model_json_schema(mode="serialization"))
    return value


# ---------------------------------------------------------------- transactions


def test_a_transaction_has_what_the_law_lists(sale: Sale, master: MasterData) -> None:
    value = written(transaction_document(sale, master, ALL))
    (information,) = value["information"]
    seller = information.pop("from_whom")
    buyer = information.pop("to_whom")
    assert information == {
        "product_name": "Examplin",
        "strength": "5 mg",
        "dosage_form": "tablet",
        "ndc": "0001-0000-01",
        "container_size": "30 tablets",
        "number_of_containers": 2,
        "lot_number": "L-42",
        "transaction_date": "2026-03-01",
        "shipment_date": None,
        "packages": [
            {"gtin": GTIN, "serial": "SN1", "lot": "L-42", "expires": "2027-05-31"},
            {"gtin": GTIN, "serial": "SN2", "lot": "L-42", "expires": "2027-05-31"},
        ],
    }
    assert (seller["name"], seller["address"]["postal_code"]) == ("Sundial Example Pharma", "62701")
    assert (buyer["name"], buyer["address"]["street"]) == ("Example Distribution", ["2 Example Way", "Dock 3"])
    assert value["statement"]["entity"] == seller
    assert list(value["statement"]["states"]) == list("ABCDEFG")


@pytest.mark.parametrize(
    ("after", "expected"),
    [(dt.timedelta(0), None), (DAY, None), (DAY + dt.timedelta(seconds=1), "2026-03-02")],
)
def test_a_shipment_s_date_is_there_if_it_is_more_than_a_day_later(
    sale: Sale, master: MasterData, after: dt.timedelta, expected: str | None
) -> None:
    value = written(transaction_document(replace(sale, shipped_at=SOLD + after), master, ALL))
    assert value["information"][0]["shipment_date"] == expected


@pytest.mark.parametrize("subparagraph", STATEMENTS)
def test_nothing_is_stated_in_the_seller_s_name(sale: Sale, master: MasterData, subparagraph: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        transaction_document(sale, master, ALL - {subparagraph})
    assert (caught.value.name, caught.value.value) == ("transaction statement", subparagraph)


@pytest.mark.parametrize(
    ("packs", "place"),
    [
        ((Pack(GTIN, None, "L-42", EXPIRES),), "serial"),
        ((Pack(GTIN, "SN1", "L-42"),), "expires"),
        ((Pack(GTIN, "SN1", "L-43", EXPIRES),), f"{GTIN}, lot L-43"),
        ((Pack(OTHER_GTIN, "SN1", "L-42", EXPIRES),), f"{OTHER_GTIN}, lot L-42"),
        ((PACKS[0], PACKS[0]), f"lot L-42 of {GTIN}"),
        ((), "number_of_containers"),
    ],
)
def test_packs_that_are_not_whole_or_not_of_the_lot_are_refused(
    sale: Sale, master: MasterData, packs: tuple[Pack, ...], place: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        transaction_document(replace(sale, lines=(SaleLine(GTIN, "L-42", packs),)), master, ALL)
    assert caught.value.value == place


def test_what_the_master_data_lacks_is_named(sale: Sale, master: MasterData) -> None:
    lines = (SaleLine(DEVICE, "L", (Pack(DEVICE, "1", "L", EXPIRES),)),)
    with pytest.raises(InvalidInput) as caught:
        transaction_document(replace(sale, lines=lines), master, ALL)
    assert (caught.value.name, caught.value.value, caught.value.problem) == (
        "transaction information",
        "strength",
        "is needed",
    )
    with pytest.raises(InvalidInput, match="GTIN '10614141123459'"):
        transaction_document(replace(sale, lines=(SaleLine("10614141123459", "L", ()),)), master, ALL)
    with pytest.raises(InvalidInput, match="information"):
        transaction_document(replace(sale, lines=()), master, ALL)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"sold_at": SOLD.replace(tzinfo=None)}, "sold_at"),
        ({"shipped_at": SOLD.replace(tzinfo=None)}, "shipped_at"),
        ({"shipped_at": SOLD - DAY}, "shipped_at"),
    ],
)
def test_times_that_cannot_be_are_refused(sale: Sale, master: MasterData, change: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        transaction_document(replace(sale, **change), master, ALL)
    assert caught.value.value == place


# --------------------------------------------------------------- Form FDA 3911


def test_a_first_notification_has_the_form_s_items(incident: Incident, master: MasterData) -> None:
    value = written(drug_notification(incident, master))
    company = value.pop("company")
    assert company["name"] == "Sundial Example Pharma"
    assert value == {
        "type_of_report": "Initial Notification",
        "incident_number": None,
        "date_of_initial_notification": None,
        "date_determined": "2026-03-02",
        "classification": "counterfeit",
        "product_name": "Examplin",
        "primary_ingredients": "examplin maleate, testin",
        "drug_use": "human",
        "drug_description": "finished prescription drug",
        "strength": "5 mg",
        "dosage_form": "tablet",
        "quantity": 2,
        "unit": "bottles",
        "ndc": ["0001-0000-01"],
        "serial_numbers": ["SN1", "SN2"],
        "lot_numbers": ["L-42"],
        "expiration_dates": ["2027-05-31"],
        "description_of_event": "Two serials were never issued.",
        "reason_for_termination": None,
        "other_reports": [],
        "other_report": None,
        "company_category": "manufacturer",
        "facility_identifier": "000000000",
        "contact": {"name": "A. Example", "telephone": "+1 555 0100", "email": "notices@sundial.example"},
    }


def test_follow_up_and_termination_refer_to_the_first(incident: Incident, master: MasterData) -> None:
    first = dt.date(2026, 3, 2)
    later = replace(incident, incident_number="2026-0001", first_notified_on=first, other_reports=(OtherReport.FAR,))
    follow_up = written(drug_notification(replace(later, type_of_report=TypeOfReport.FOLLOW_UP), master))
    assert (follow_up["incident_number"], follow_up["date_of_initial_notification"]) == ("2026-0001", "2026-03-02")
    assert follow_up["other_reports"] == ["FAR"]
    end = replace(later, type_of_report=TypeOfReport.TERMINATION, event=None, reason_for_termination="Found genuine.")
    assert written(drug_notification(end, master))["reason_for_termination"] == "Found genuine."


def test_several_drugs_are_told_as_multiple(incident: Incident, master: MasterData) -> None:
    packs = (*PACKS, Pack(OTHER_GTIN, "X", "M-1", EXPIRES))
    value = written(drug_notification(replace(incident, packs=packs), master))
    assert [value[name] for name in ("product_name", "primary_ingredients", "strength")] == ["Multiple"] * 3
    assert (value["dosage_form"], value["ndc"]) == ("tablet", ["0001-0000-01", "0002-0000-01"])


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"event": None}, "event"),
        ({"incident_number": "2026-0001"}, "incident_number"),
        ({"type_of_report": TypeOfReport.FOLLOW_UP, "first_notified_on": EXPIRES}, "incident_number"),
        ({"type_of_report": TypeOfReport.FOLLOW_UP, "incident_number": "1"}, "first_notified_on"),
        (
            {"type_of_report": TypeOfReport.TERMINATION, "incident_number": "1", "first_notified_on": EXPIRES},
            "reason_for_termination",
        ),
        ({"classification": Classification.HIGH_RISK, "category": CompanyCategory.DISPENSER}, "classification"),
        ({"packs": ()}, "packs"),
        ({"packs": (Pack(DEVICE, "1"),)}, "strength"),
        ({"quantity": 0}, "quantity"),
        ({"unit": ""}, "unit"),
        ({"drug_use": None}, "drug_use"),
        ({"contact": Contact("A. Example", "", "notices@sundial.example")}, "telephone"),
    ],
)
def test_what_is_missing_or_does_not_fit_is_named(
    incident: Incident, master: MasterData, change: dict[str, Any], place: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        drug_notification(replace(incident, **change), master)
    assert caught.value.value == place


def test_a_manufacturer_reports_a_high_risk(incident: Incident, master: MasterData) -> None:
    notice = drug_notification(replace(incident, classification=Classification.HIGH_RISK), master)
    assert notice.classification is Classification.HIGH_RISK
