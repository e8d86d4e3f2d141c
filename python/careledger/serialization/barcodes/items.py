"""What a barcode says: a pack, a container, a Chinese traceability code, or a medical device."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from enum import StrEnum

from biip import ParseError
from biip.gs1_element_strings import GS1ElementString
from biip.gtin import Gtin
from biip.sscc import Sscc

from careledger.errors import BarcodeUnreadable, InvalidInput

__all__ = [
    "BarcodeFault",
    "Container",
    "DeviceUdi",
    "Elements",
    "NmpaCode",
    "Pack",
    "device_udi",
    "same_but_for_case",
]

Elements = tuple[tuple[str, str], ...]
"""GS1 element strings: application identifiers (AI) with their values, in order."""

TEXT = re.compile(r"[!%-?A-Z_a-z\"]{1,20}")
"""GS1 General Specifications, 7.11: the 82 characters of AI encodable character set 82; AI 10 and 21 have up to 20."""

NMPA_DIGITS = 20
NMPA_PRODUCT_DIGITS = 7


class BarcodeFault(StrEnum):
    """What is wrong with a barcode's text, by its likelier cause."""

    WRONG_CASE = "wrong case"
    """Caps lock at the scanner's computer, or a program that changes case."""
    LOST_SEPARATOR = "lost separator"
    """FNC1 was not printed, not sent, or taken away on the way: a lot or serial has swallowed what follows."""
    SEPARATOR_AS_TEXT = "separator as text"
    """The scanner or a program put a character in the place of FNC1."""
    BRACKETS_IN_DATA = "brackets in data"
    """The printer encoded the brackets of the human-readable line."""
    KEYBOARD_LAYOUT = "keyboard layout"
    """The scanner types for another keyboard than the computer is set to, or an input method is on."""
    CHECK_DIGIT = "check digit"
    """A digit was misread or mistyped, or two were exchanged."""
    NOT_A_DATE = "not a date"
    NO_KEY = "no key"
    """GS1 data without a GTIN or an SSCC."""
    NO_SERIAL = "no serial"
    """A product's code, which is the same on every pack."""
    UNSUPPORTED = "unsupported"
    """A form that is known, and not read here."""
    MALFORMED = "malformed"


@dataclass(frozen=True)
class Pack:
    """What identifies a pack: GTIN of 14 digits, serial (AI 21), lot number (AI 10) and last day of use (AI 17).

    All four are the product identifier of 21 USC 360eee(14). `expires` is the last day of its month if the code has
    day 00 (GS1 General Specifications, 3.4.7); `day_stated` is False then. `others` are further element strings.
    Raises BarcodeUnreadable for what is no GTIN, serial or lot number, and InvalidInput for a year that two digits do
    not tell (GS1 General Specifications, 7.12: from 49 years back to 50 ahead).
    """

    gtin: str
    serial: str | None = None
    lot: str | None = None
    expires: dt.date | None = None
    day_stated: bool = True
    others: Elements = ()

    def __post_init__(self) -> None:
        _check_gtin(self.gtin)
        for name, value in (("serial", self.serial), ("lot number", self.lot)):
            if value is not None and not TEXT.fullmatch(value):
                problem = "must be 1 to 20 characters of the GS1 AI encodable character set 82"
                raise BarcodeUnreadable(name, value, problem, BarcodeFault.MALFORMED)
        if self.expires is not None and not -49 <= self.expires.year - dt.datetime.now(dt.UTC).year <= 50:
            raise InvalidInput("expires", str(self.expires), "has a year that its two digits do not tell")
        if not self.day_stated and self.expires != _last_day(self.expires):
            raise InvalidInput("expires", str(self.expires), "must be the last day of a month if the day is not stated")

    @property
    def product(self) -> str:
        """The product as the ids of lots have it, `gtin:` and 14 digits."""
        return f"gtin:{self.gtin}"

    @property
    def ndc_digits(self) -> str | None:
        """The 10 digits of the National Drug Code in a GTIN of the United States (prefix 03), without hyphens: where
        they stand cannot be told from the digits. None in any other GTIN.
        """
        return self.gtin[3:13] if self.gtin[1:3] == "03" else None

    @property
    def missing(self) -> tuple[str, ...]:
        """What the product identifier of 21 USC 360eee(14) has, and this does not."""
        values = {"serial": self.serial, "lot": self.lot, "expires": self.expires}
        return tuple(name for name, value in values.items() if value is None)

    def elements(self) -> Elements:
        """Its element strings."""
        found = [("01", self.gtin)]
        if self.serial is not None:
            found.append(("21", self.serial))
        if self.expires is not None:
            found.append(("17", self.expires.strftime("%y%m%d") if self.day_stated else f"{self.expires:%y%m}00"))
        if self.lot is not None:
            found.append(("10", self.lot))
        return (*found, *self.others)


@dataclass(frozen=True)
class Container:
    """A case, pallet, tote or parcel by its SSCC of 18 digits (AI 00). `others` are further element strings, for
    example what is inside (AI 02, 37). Raises BarcodeUnreadable for what is no SSCC.
    """

    sscc: str
    others: Elements = ()

    def __post_init__(self) -> None:
        _check_sscc(self.sscc)

    def elements(self) -> Elements:
        """Its element strings."""
        return (("00", self.sscc), *self.others)


@dataclass(frozen=True)
class NmpaCode:
    """A drug traceability code of China, 20 digits: there is no GTIN, lot number or date in it.

    The first 7 digits tell the product and its pack size in the registers of the platform that issued the code; the
    rest tells the pack. Four of them are said to be check digits, by a rule that is not published; they are not
    checked.
    Source: NMPA, coding requirements for drug traceability codes (2019), and descriptions of the code by vendors.
    """

    value: str

    def __post_init__(self) -> None:
        if len(self.value) != NMPA_DIGITS or not _is_digits(self.value):
            problem = f"must be {NMPA_DIGITS} digits"
            raise BarcodeUnreadable("drug traceability code", self.value, problem, BarcodeFault.MALFORMED)

    @property
    def product_code(self) -> str:
        """The drug identification code, 7 digits."""
        return self.value[:NMPA_PRODUCT_DIGITS]


@dataclass(frozen=True)
class DeviceUdi:
    """The unique device identifier of a medical device, issued under GS1: the GTIN as device identifier, the rest as
    production identifiers (21 CFR 801.3). `made` is AI 11, `software` AI 8012.
    """

    device_identifier: str
    serial: str | None
    lot: str | None
    expires: dt.date | None
    made: dt.date | None
    software: str | None

    @property
    def product(self) -> str:
        """The product as the ids of lots have it, `gtin:` and 14 digits."""
        return f"gtin:{self.device_identifier}"


def device_udi(pack: Pack) -> DeviceUdi:
    """What was read, as a device's identifier. The code does not tell a device from a medicine: master data does."""
    others = dict(pack.others)
    made = GS1ElementString.parse("11" + others["11"]).date if "11" in others else None
    return DeviceUdi(pack.gtin, pack.serial, pack.lot, pack.expires, made, others.get("8012"))


def same_but_for_case(one: Pack, other: Pack) -> bool:
    """Whether two packs of one GTIN differ in serial or lot number by the case of letters, and not otherwise.

    It is the sign of caps lock at one of the scanners. What only one of them states is not compared.
    """
    pairs = [
        (a, b)
        for a, b in ((one.serial, other.serial), (one.lot, other.lot))
        if a is not None and b is not None and a != b
    ]
    return one.gtin == other.gtin and bool(pairs) and all(a.lower() == b.lower() for a, b in pairs)


def _check_gtin(gtin: str) -> None:
    if len(gtin) != 14 or not _is_digits(gtin):
        raise BarcodeUnreadable("GTIN", gtin, "must be 14 digits", BarcodeFault.MALFORMED)
    try:
        Gtin.parse(gtin)
    except ParseError:
        problem = "the check digit is wrong: a digit was misread or mistyped"
        raise BarcodeUnreadable("GTIN", gtin, problem, BarcodeFault.CHECK_DIGIT) from None


def _check_sscc(sscc: str) -> None:
    if len(sscc) != 18 or not _is_digits(sscc):
        raise BarcodeUnreadable("SSCC", sscc, "must be 18 digits", BarcodeFault.MALFORMED)
    try:
        Sscc.parse(sscc)
    except ParseError:
        problem = "the check digit is wrong: a digit was misread or mistyped"
        raise BarcodeUnreadable("SSCC", sscc, problem, BarcodeFault.CHECK_DIGIT) from None


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _last_day(day: dt.date | None) -> dt.date | None:
    return day and day.replace(day=calendar.monthrange(day.year, day.month)[1])
