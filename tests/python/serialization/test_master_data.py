"""Master data of products and parties: what is read, and what is refused by its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from careledger.errors import InvalidInput
from careledger.serialization.master_data import parse_master_data, read_master_data

TEXT = """
format: careledger-master-data
version: 1
products:
  - {gtin: 00300010000015, name: Examplin, strength: 5 mg, dosage_form: tablet, ndc: 0001-0000-01,
     container_size: 30 tablets, ingredients: [examplin maleate]}
  - {gtin: 04012345678901, name: Example pump}
parties:
  - {organization: demo-manufacturer, name: Sundial Example Pharma, gln: 0300010000008,
     address: {street: [1 Example Way], city: Springfield, region: IL, postal_code: 00501, country: US},
     latitude_microdegrees: 39799000, longitude_microdegrees: -89644000}
  - {organization: demo-distributor, name: Example Distribution, gln: 4012345000009,
     address: {street: [2 Example Way], city: Musterstadt, country: DE}}
  - {organization: demo-distributor, name: Example Distribution North, gln: 4012345000016,
     address: {street: [3 Example Way], city: Musterhafen, country: DE}}
"""


def refusal(old: str, new: str) -> InvalidInput:
    assert old in TEXT
    with pytest.raises(InvalidInput) as caught:
        parse_master_data(TEXT.replace(old, new, 1).encode())
    return caught.value


def test_products_and_parties_are_read_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "master.yaml"
    path.write_text(TEXT)
    master = read_master_data(path)
    product = master.product("00300010000015")
    assert (product.name, product.ndc, product.ingredients) == ("Examplin", "0001-0000-01", ("examplin maleate",))
    assert master.product("04012345678901").ndc is None
    maker = master.party("0300010000008")
    assert (maker.coordinates, maker.address.postal_code) == ((39_799_000, -89_644_000), "00501")
    assert master.party("4012345000009").coordinates is None
    assert master.party_of("demo-manufacturer") is maker


def test_json_is_the_same() -> None:
    text = '{"format": "careledger-master-data", "version": 1, "products": [{"gtin": "04012345678901", "name": "A"}]}'
    assert parse_master_data(text.encode()).product("04012345678901").name == "A"


@pytest.mark.parametrize(
    ("old", "new", "place", "problem"),
    [
        ("version: 1", "version: 2", "version", "Input should be 1"),
        ("careledger-master-data", "other", "format", "careledger-master-data"),
        ("00300010000015", "00300010000018", "products[0].gtin", "check digit"),
        ("00300010000015", "0300010000015", "products[0].gtin", "14 digits"),
        ("04012345678901", "00300010000015", "it", "GTIN 00300010000015 stands twice"),
        ("0001-0000-01", "0002-0000-01", "products[0]", "not the one in the GTIN"),
        ("0001-0000-01", "00010000001", "products[0].ndc", "10 digits"),
        ("name: Examplin", "nme: Examplin", "products[0].name", "is needed"),
        ("ingredients:", "ingredient:", "products[0].ingredient", "Extra inputs"),
        ("gln: 0300010000008", "gln: 0300010000009", "parties[0].gln", "check digit"),
        ("4012345000016", "4012345000009", "it", "GLN 4012345000009 stands twice"),
        ("country: US", "country: USA", "parties[0].address.country", "pattern"),
        ("street: [1 Example Way]", "street: []", "parties[0].address.street", "at least 1"),
        ("39799000", "39.799", "parties[0].latitude_microdegrees", "integer"),
        ("39799000", "90000001", "parties[0].latitude_microdegrees", "less than or equal"),
        ("latitude_microdegrees: 39799000, ", "", "parties[0]", "go together"),
        ("organization: demo-manufacturer", "organization: Not A Name", "parties[0].organization", "is wrong"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(old: str, new: str, place: str, problem: str) -> None:
    refused = refusal(old, new)
    assert (refused.name, refused.value) == ("master data", place)
    assert problem in refused.problem


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    master = parse_master_data(TEXT.encode())
    with pytest.raises(InvalidInput, match="GTIN '10614141123459'"):
        master.product("10614141123459")
    with pytest.raises(InvalidInput, match="GLN '0614141000005'"):
        master.party("0614141000005")
    with pytest.raises(InvalidInput, match="'demo-hospital': is not"):
        master.party_of("demo-hospital")
    with pytest.raises(InvalidInput, match="'demo-distributor': has several"):
        master.party_of("demo-distributor")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_master_data(tmp_path / "none.yaml")
