"""Products and trading partners, as their master data has them: what neither a barcode nor the chain tells.

    format: careledger-master-data
    version: 1
    products:
      - {gtin: 00300010000015, name: Examplin, strength: 5 mg, dosage_form: tablet, ndc: 0001-0000-01,
         container_size: 30 tablets}
    parties:
      - {organization: demo-manufacturer, name: Sundial Example Pharma, gln: 0300010000008,
         address: {street: [1 Example Way], city: Springfield, region: IL, postal_code: 62701, country: US},
         latitude_microdegrees: 39799000, longitude_microdegrees: -89644000}

A file in YAML or JSON. Every value is the text that stands there: a GTIN keeps its zeros. Coordinates are whole
microdegrees of WGS 84, so that no float decides about a distance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from biip import ParseError
from biip.gln import Gln
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from careledger.authorization.text_files import Part, Text, parse_text_file, read_file
from careledger.errors import InvalidInput
from careledger.identity.identifiers import organization_id
from careledger.serialization.barcodes import Pack

__all__ = ["FORMAT", "VERSION", "Address", "MasterData", "Party", "Product", "parse_master_data", "read_master_data"]

FORMAT = "careledger-master-data"
VERSION = 1
NAME = "master data"

NDC = re.compile(r"\d{4}-\d{4}-\d{2}|\d{5}-\d{3}-\d{2}|\d{5}-\d{4}-\d", re.ASCII)
"""21 CFR 207.33(b): 10 digits, as labels and GTINs have them."""


def _gtin(value: str) -> str:
    try:
        return Pack(value).gtin
    except InvalidInput as refused:
        raise ValueError(refused.problem) from None


def _gln(value: str) -> str:
    try:
        return Gln.parse(value).value
    except ParseError:
        raise ValueError("must be a GLN of 13 digits, the last one its check digit") from None


def _ndc(value: str) -> str:
    if not NDC.fullmatch(value):
        raise ValueError("must be an NDC of 10 digits with its hyphens: 4-4-2, 5-3-2 or 5-4-1")
    return value


def _organization(value: str) -> str:
    try:
        organization_id(value)
    except InvalidInput as refused:
        raise ValueError(refused.problem) from None
    return value


GtinText = Annotated[str, AfterValidator(_gtin)]
GlnText = Annotated[str, StringConstraints(pattern="^[0-9]{13}$"), AfterValidator(_gln)]
NdcText = Annotated[str, AfterValidator(_ndc)]
Organization = Annotated[str, AfterValidator(_organization)]


class Address(Part):
    """A postal address. `country` is ISO 3166-1 alpha-2."""

    street: Annotated[tuple[Text, ...], Field(min_length=1, max_length=4)]
    city: Text
    region: Text | None = None
    postal_code: Text | None = None
    country: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]


class Product(Part):
    """A product by its GTIN. What DSCSA asks for of a medicine may be left out of others, such as a device."""

    gtin: GtinText
    name: Text
    strength: Text | None = None
    dosage_form: Text | None = None
    ndc: NdcText | None = None
    container_size: Text | None = None
    ingredients: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        digits = Pack(self.gtin).ndc_digits
        if self.ndc is not None and digits is not None and self.ndc.replace("-", "") != digits:
            raise ValueError("ndc is not the one in the GTIN")
        return self


class Party(Part):
    """A trading partner, or one of its places. `organization` is its name or id in the register of organizations."""

    gln: GlnText
    name: Text
    address: Address
    organization: Organization | None = None
    facility_identifier: Text | None = None
    latitude_microdegrees: Annotated[int, Field(ge=-90_000_000, le=90_000_000)] | None = None
    longitude_microdegrees: Annotated[int, Field(ge=-180_000_000, le=180_000_000)] | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.latitude_microdegrees is None) != (self.longitude_microdegrees is None):
            raise ValueError("latitude and longitude go together")
        return self

    @property
    def coordinates(self) -> tuple[int, int] | None:
        """Latitude and longitude in microdegrees, if they are known."""
        if self.latitude_microdegrees is None or self.longitude_microdegrees is None:
            return None
        return self.latitude_microdegrees, self.longitude_microdegrees


class MasterData(Part):
    """Products by GTIN and parties by GLN, each once."""

    format: Literal["careledger-master-data"]
    version: Annotated[Literal[1], BeforeValidator(lambda value: 1 if value == "1" else value)]
    products: tuple[Product, ...] = ()
    parties: tuple[Party, ...] = ()

    @model_validator(mode="after")
    def _once(self) -> Self:
        for name, values in (
            ("GTIN", [product.gtin for product in self.products]),
            ("GLN", [party.gln for party in self.parties]),
        ):
            twice = _first_repeated(values)
            if twice is not None:
                raise ValueError(f"the {name} {twice} stands twice")
        return self

    def product(self, gtin: str) -> Product:
        """A product. Raises InvalidInput for a GTIN that is not here."""
        for product in self.products:
            if product.gtin == gtin:
                return product
        raise InvalidInput("GTIN", gtin, "is not in the master data")

    def party(self, gln: str) -> Party:
        """A party. Raises InvalidInput for a GLN that is not here."""
        for party in self.parties:
            if party.gln == gln:
                return party
        raise InvalidInput("GLN", gln, "is not in the master data")

    def party_of(self, organization: str) -> Party:
        """The one party of an organization, by name or id. Raises InvalidInput if there is none or more than one."""
        wanted = organization_id(organization)
        found = [one for one in self.parties if one.organization and organization_id(one.organization) == wanted]
        if len(found) != 1:
            problem = (
                "has several parties in the master data: name one by its GLN" if found else "is not in the master data"
            )
            raise InvalidInput("organization", organization, problem)
        return found[0]


def parse_master_data(content: bytes) -> MasterData:
    """Master data in YAML or JSON. Raises InvalidInput, which names the place of the first thing wrong."""
    return read_file(MasterData, parse_text_file(content, NAME), NAME)


def read_master_data(path: Path) -> MasterData:
    """A file of master data. Raises InvalidInput, also if it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise InvalidInput(NAME, str(path), f"cannot be read: {problem.strerror}") from None
    return parse_master_data(content)


def _first_repeated(values: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
