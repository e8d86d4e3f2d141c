"""`careledger export`: DSCSA transaction documents and the data of Form FDA 3911, of packs that the vault knows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.supply_world import MAKER, PHARMACY, SupplyWorld
from serialization.trade_stage import GTIN

MASTER = """
format: careledger-master-data
version: 1
products:
  - {{gtin: {gtin}, name: Examplin, strength: 5 mg, dosage_form: tablet, ndc: 0001-0000-01, container_size: 30 tablets}}
parties:
  - {{organization: {maker}, name: Sundial Example Pharma, gln: 0300010000008, address: {address}}}
  - {{organization: {pharmacy}, name: Example Pharmacy, gln: 0300020000005, address: {address}}}
"""
ADDRESS = "{street: [1 Example Way], city: Springfield, region: IL, postal_code: 62701, country: US}"
INCIDENT = """
type_of_report: Initial Notification
classification: counterfeit
determined_on: 2026-11-20
quantity: 1
unit: package
drug_use: Human Use
drug_description: Finished Prescription Drug
category: dispenser
contact: {name: A. Example, telephone: 555-0100, email: a@example.com}
event: The label is of another print.
"""
STATED = [option for letter in "ABCDEFG" for option in ("--state", letter)]


@pytest.fixture
def master(trade: SupplyWorld) -> Path:
    path = trade.folder / "master.yaml"
    names = {"maker": trade.names[MAKER], "pharmacy": trade.names[PHARMACY]}
    path.write_text(MASTER.format(gtin=GTIN, address=ADDRESS, **names))
    return path


def test_a_transaction_document_has_every_pack_of_a_container(trade: SupplyWorld, master: Path) -> None:
    made, out = trade.lot(20), trade.folder / "transaction.json"
    carton = trade.carton(made, 4)
    arguments = ("export", "transaction", carton, "--buyer", trade.names[PHARMACY], "--master", master, "--out", out)
    unstated = trade(MAKER, *arguments, "--sold-at", "2026-03-01", *STATED[:-2])
    assert (unstated.exit_code, unstated.error["fields"]["value"]) == (2, "G")
    assert not out.exists()
    body = trade.ok(MAKER, *arguments, "--sold-at", "2026-03-01", "--shipped-at", "2026-03-05", *STATED)
    assert out.stat().st_mode & 0o777 == 0o600
    assert json.loads(out.read_text()) == body["document"]
    (information,) = body["document"]["information"]
    assert [pack["serial"] for pack in information["packages"]] == made.serials[:4]
    assert {(pack["gtin"], pack["lot"], pack["expires"]) for pack in information["packages"]} == {
        (GTIN, made.number, "2050-01-31")
    }
    assert (information["number_of_containers"], information["shipment_date"]) == (4, "2026-03-05")
    assert information["from_whom"]["name"] == "Sundial Example Pharma"


def test_a_notification_has_the_packs_and_what_a_person_says(trade: SupplyWorld, master: Path) -> None:
    made, out = trade.delivered(10), trade.folder / "3911.json"
    incident = trade.folder / "incident.yaml"
    incident.write_text(INCIDENT)
    arguments = ("export", "notification", made.code(1), "--master", master, "--out", out)
    found = trade.ok(PHARMACY, *arguments, "--incident", incident)["document"]
    assert (found["serial_numbers"], found["lot_numbers"]) == ([made.serials[1]], [made.number])
    assert (found["company"]["name"], found["contact"]["telephone"]) == ("Example Pharmacy", "555-0100")
    assert out.stat().st_mode & 0o777 == 0o600
    incident.write_text(INCIDENT.replace("counterfeit", "odd"))
    wrong = trade(PHARMACY, *arguments, "--incident", incident)
    assert (wrong.exit_code, wrong.error["fields"]["value"]) == (2, "classification")
