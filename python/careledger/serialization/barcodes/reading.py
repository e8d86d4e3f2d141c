"""From what a scanner sends or a person types to what it means, with what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import Enum
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from biip import ParseConfig, ParseError
from biip.checksums import gs1_standard_check_digit
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_element_strings import GS1ElementString

from careledger.errors import BarcodeUnreadable
from careledger.serialization.barcodes.items import TEXT, BarcodeFault, Container, Elements, NmpaCode, Pack
from careledger.serialization.barcodes.separators import SWALLOWING, likelier_split
from careledger.serialization.barcodes.writing import bracketed

__all__ = ["BarcodeForm", "Finding", "Scan", "elements", "read"]

NAME = "barcode"
MAX_CHARACTERS = 7089
"""As many digits as the largest QR code holds."""
MAX_SHOWN = 160
"""An error shows as many characters of a text."""

FNC1 = "\x1d"
STAND_INS = re.compile(r"<GS>|[\^|]")
"""What scanners and programs put for FNC1; ^ and | are no characters of GS1 data."""
CONFIG = ParseConfig(separator_chars=(FNC1,))

SYMBOLOGY = re.compile(r"\][A-Za-z][0-9A-Za-z]")
GS1_SYMBOLOGIES = frozenset({"]C1", "]d2", "]e0", "]J1", "]Q3"})
SYMBOLOGIES = GS1_SYMBOLOGIES | {"]C0", "]E0", "]I0", "]I1", "]Q1", "]d1"}
"""GS1 General Specifications, 5.1.2 (symbology identifiers), and those of the same symbologies without FNC1."""

RETAIL_DIGITS = (8, 12, 13, 14)
DATES = ("11", "12", "13", "15", "16", "17")
BRACKETED_ELEMENT = re.compile(r"\((\d{2,4})\)((?:\\[()]|[^(\\])+)")
BRACKETED_INSIDE = re.compile(r"\(\d{2,4}\)")
LINK_SCHEMES = ("http://", "https://")
ALPHAS = {"sscc": "00", "gtin": "01", "cpv": "22", "lot": "10", "ser": "21"}
QUERY_ALPHAS = {"exp": "17"}
"""GS1 Digital Link, URI syntax 1.0 and 1.1: convenience alphas; later versions write numbers only."""

ESCAPED = r"(?:[0-9A-Za-z!'()*+,\-.:;=_]|%[0-9A-Fa-f]{2})+"
EPC_KEY = r"(\d{6,12})\.(\d{1,11})"
URNS = {
    "urn:epc:id:sgtin:": re.compile(rf"{EPC_KEY}\.({ESCAPED})"),
    "urn:epc:class:lgtin:": re.compile(rf"{EPC_KEY}\.({ESCAPED})"),
    "urn:epc:idpat:sgtin:": re.compile(rf"{EPC_KEY}\.(\*)"),
    "urn:epc:id:sscc:": re.compile(EPC_KEY),
}
"""EPC Tag Data Standard, 6.3 and 6.4."""


class BarcodeForm(Enum):
    """How a barcode's text is written."""

    ELEMENT_STRING = "GS1 element string"
    BRACKETED = "bracketed"
    DIGITAL_LINK = "GS1 Digital Link"
    EPC_URN = "EPC URN"
    DIGITS = "digits of a GTIN or SSCC"
    NMPA = "NMPA drug traceability code"


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a text that could be read all the same. `likelier` is what it would say without the
    fault, bracketed; None if that cannot be told.
    """

    fault: BarcodeFault
    problem: str
    likelier: str | None = None


@dataclass(frozen=True)
class Scan:
    """What was read. `company_prefix_length` is known of EPC URNs only."""

    item: Pack | Container | NmpaCode
    form: BarcodeForm
    findings: tuple[Finding, ...] = ()
    company_prefix_length: int | None = None


@dataclass
class _Text:
    """A text on its way: `body` is what is left to read."""

    text: str
    body: str
    symbology: str = ""
    marked: bool = False
    findings: list[Finding] = field(default_factory=list)
    case_changed: bool = False

    def found(self, fault: BarcodeFault, problem: str, likelier: str | None = None) -> None:
        self.findings.append(Finding(fault, problem, likelier))

    def refusal(self, fault: BarcodeFault, problem: str, likelier: str | None = None) -> BarcodeUnreadable:
        shown = self.text if len(self.text) <= MAX_SHOWN else f"{self.text[:MAX_SHOWN]}..."
        return BarcodeUnreadable(NAME, shown, problem, fault, likelier)


def read(text: str) -> Scan:
    """What a scanner or a person gives: a GS1 element string (FNC1 as 0x1D, symbology prefix or not), the bracketed
    line, a GS1 Digital Link URI of any host, an EPC URN, a bare GTIN or SSCC, or an NMPA drug traceability code.

    Twenty digits are an NMPA code unless they begin as GS1 data with a right check digit. Check digits are verified.
    What is wrong and does not hinder reading stands in `findings`, by its likelier cause. A compressed GS1 Digital
    Link, an EPC tag URI, HIBC and ICCBBA are not read. Raises BarcodeUnreadable, with the fault; of a code that is
    neither a product's nor a container's, such as a patient's wristband, its error does not show the data.
    """
    start = _start(text)
    scan = _read_urn(start) or _read_digits(start) or _read_elements(start)
    return replace(scan, findings=(*start.findings, *_case_findings(start, scan.item)))


def elements(text: str) -> Elements:
    """The GS1 element strings of an element string, a bracketed line or a Digital Link, also without GTIN or SSCC.

    Raises BarcodeUnreadable.
    """
    return _elements(_start(text))[1]


def _start(text: str) -> _Text:
    body = text.strip(" \t\r\n")
    start = _Text(text, body)
    if not body or len(body) > MAX_CHARACTERS:
        raise start.refusal(BarcodeFault.MALFORMED, f"must have 1 to {MAX_CHARACTERS} characters")
    if not body.isascii():
        problem = "has characters that no barcode of these kinds has: the scanner types for another keyboard layout"
        raise start.refusal(BarcodeFault.KEYBOARD_LAYOUT, f"{problem}, or an input method is on")
    if SYMBOLOGY.match(body):
        start.symbology, start.body = body[:3], body[3:]
        swapped = start.symbology.swapcase()
        if start.symbology not in SYMBOLOGIES and swapped in SYMBOLOGIES:
            start.symbology, start.case_changed = swapped, True
        elif start.symbology == "]E0" and not _is_digits(start.body):
            start.symbology, start.case_changed = "]e0", True
    start.marked = bool(start.symbology) or start.body.startswith(FNC1)
    start.body = start.body.lstrip(FNC1)
    if start.body[:1] in ("+", "="):
        raise start.refusal(BarcodeFault.UNSUPPORTED, "is no GS1 data but looks like HIBC or ICCBBA, which is not read")
    return start


def _read_elements(start: _Text) -> Scan:
    form, found = _elements(start)
    return Scan(_item(found), form)


def _elements(start: _Text) -> tuple[BarcodeForm, Elements]:
    if start.body.lower().startswith(LINK_SCHEMES):
        form, found = BarcodeForm.DIGITAL_LINK, _read_link(start)
    elif start.body.startswith("("):
        if start.marked:
            start.found(BarcodeFault.BRACKETS_IN_DATA, "the code's data has the brackets of the human-readable line")
        form, found = BarcodeForm.BRACKETED, _read_bracketed(start)
    else:
        form, found = BarcodeForm.ELEMENT_STRING, _read_element_string(start)
    values = dict(found)
    for ai, value in found:
        if values[ai] != value:
            raise start.refusal(BarcodeFault.MALFORMED, f"has the element ({ai}) twice, with different values")
    return form, tuple(values.items())


def _item(found: Elements) -> Pack | Container:
    values = dict(found)
    if "00" in values:
        sscc = values.pop("00")
        return Container(sscc, tuple(values.items()))
    if "01" not in values:
        named = "".join(f"({ai})" for ai in values)
        problem = "is GS1 data with neither a GTIN (01) nor an SSCC (00)"
        raise BarcodeUnreadable(NAME, named, problem, BarcodeFault.NO_KEY)
    gtin, serial, lot = values.pop("01"), values.pop("21", None), values.pop("10", None)
    expiry = values.pop("17", None)
    expires = GS1ElementString.parse(f"17{expiry}").date if expiry else None
    day_stated = expiry is None or not expiry.endswith("00")
    return Pack(gtin, serial, lot, expires, day_stated, tuple(values.items()))


def _read_digits(start: _Text) -> Scan | None:
    """A bare number, if it is one."""
    body = start.body
    if not _is_digits(body) or start.symbology in GS1_SYMBOLOGIES:
        return None
    if len(body) in RETAIL_DIGITS:
        return Scan(Pack(body.zfill(14)), BarcodeForm.DIGITS)
    if len(body) == 18 and str(gs1_standard_check_digit(body[:-1])) == body[-1]:
        return Scan(Container(body), BarcodeForm.DIGITS)
    if len(body) == 20:
        try:
            return Scan(_item(_read_element_string(_Text(start.text, body))), BarcodeForm.ELEMENT_STRING)
        except BarcodeUnreadable:
            return Scan(NmpaCode(body), BarcodeForm.NMPA)
    return None


def _read_element_string(start: _Text) -> Elements:
    if STAND_INS.search(start.body):
        start.found(BarcodeFault.SEPARATOR_AS_TEXT, "a character stands where the separator (FNC1, 0x1D) belongs")
    rest = STAND_INS.sub(FNC1, start.body)
    found: list[tuple[str, str]] = []
    while rest:
        try:
            element = GS1ElementString.extract(rest, config=CONFIG)
        except ParseError:
            kind, problem = BarcodeFault.MALFORMED, f"has no GS1 element at {rest[:24]!r}"
            if rest.startswith(DATES):
                kind, problem = BarcodeFault.NOT_A_DATE, f"has no date at {rest[:8]!r}"
            raise start.refusal(kind, problem) from None
        ai, value = element.ai.ai, element.value
        field_text = rest[len(ai) :].partition(FNC1)[0]
        rest = rest[len(element) :]
        if element.ai.separator_required and rest[:1] not in ("", FNC1):
            raise _too_long(start, found, ai, value, field_text)
        found.append((ai, value))
        rest = rest.lstrip(FNC1)
    _suspect_swallowing(start, tuple(found))
    return tuple(found)


def _too_long(start: _Text, before: list[tuple[str, str]], ai: str, value: str, field_text: str) -> BarcodeUnreadable:
    if not TEXT.fullmatch(field_text[len(value)]):
        problem = f"has {field_text[len(value)]!r} in the element ({ai}), which is no character of GS1 data"
        return start.refusal(BarcodeFault.MALFORMED, problem)
    split = likelier_split(ai, field_text, _absent(before)) if ai in SWALLOWING else None
    problem = f"has {len(field_text)} characters in the element ({ai}), too many: a separator (FNC1) was lost"
    likelier = bracketed((*before, *split)) if split else None
    return start.refusal(BarcodeFault.LOST_SEPARATOR, problem, likelier)


def _suspect_swallowing(start: _Text, found: Elements) -> None:
    for place, (ai, value) in enumerate(found):
        if ai not in SWALLOWING:
            continue
        if BRACKETED_INSIDE.search(value):
            likelier = bracketed(found).replace("\\(", "(")
            problem = f"the element ({ai}) has an identifier in brackets inside: they are of the human-readable line"
            start.found(BarcodeFault.BRACKETS_IN_DATA, problem, likelier)
        split = likelier_split(ai, value, _absent(found))
        if split:
            problem = (
                f"the element ({ai}) has what reads as another element with a date: a separator (FNC1) may be lost"
            )
            likelier = bracketed((*found[:place], *split, *found[place + 1 :]))
            start.found(BarcodeFault.LOST_SEPARATOR, problem, likelier)


def _absent(found: Elements | list[tuple[str, str]]) -> frozenset[str]:
    return frozenset({"10", "17", "21"}) - {ai for ai, _ in found}


def _read_bracketed(start: _Text) -> Elements:
    found, place = [], 0
    while place < len(start.body):
        match = BRACKETED_ELEMENT.match(start.body, place)
        if match is None:
            raise start.refusal(BarcodeFault.MALFORMED, f"has no bracketed element at {start.body[place:][:24]!r}")
        place = match.end()
        value = re.sub(r"\\([()])", r"\1", match[2]).strip(" ")
        found.append(_parsed(start, match[1], value))
    return tuple(found)


def _parsed(start: _Text, ai: str, value: str) -> tuple[str, str]:
    try:
        element = GS1ElementString.parse(ai + value, config=CONFIG)
    except ParseError:
        if ai in DATES:
            raise start.refusal(BarcodeFault.NOT_A_DATE, f"has no date in the element ({ai}): {value!r}") from None
        raise start.refusal(BarcodeFault.MALFORMED, f"has no value of ({ai}) in {value!r}") from None
    if element.ai.ai != ai:
        raise start.refusal(BarcodeFault.MALFORMED, f"({ai}) is no GS1 application identifier")
    return ai, value


def _read_link(start: _Text) -> Elements:
    try:
        parts = urlsplit(start.body)
    except ValueError as refused:
        raise start.refusal(BarcodeFault.MALFORMED, f"is no URI: {refused}") from None
    segments = parts.path.rstrip("/").split("/")
    names = [segment.lower() if segment.lower() in ("gtin", "sscc") else segment for segment in segments]
    key = next((i for i in range(len(names) - 1) if _is_key(names[i], segments[i + 1])), None)
    if key is None:
        problem = "is a link without a GTIN or SSCC in its path; a compressed GS1 Digital Link is not read: expand it"
        raise BarcodeUnreadable(NAME, parts.hostname or "", problem, BarcodeFault.NO_KEY)
    if not start.body.startswith(LINK_SCHEMES) or names != segments:
        start.case_changed = True
    for i in range(key, len(segments), 2):
        name = segments[i].lower() if start.case_changed else segments[i]
        segments[i] = ALPHAS.get(name, segments[i])
    query = [(QUERY_ALPHAS.get(name, name), value) for name, value in parse_qsl(parts.query)]
    for name in {name for name, _ in query if _is_digits(name)}:
        if len({value for other, value in query if other == name}) > 1:
            raise start.refusal(BarcodeFault.MALFORMED, f"has the element ({name}) twice, with different values")
    uri = urlunsplit((parts.scheme, parts.netloc, "/" + "/".join(segments[key:]), urlencode(query), ""))
    try:
        link = GS1DigitalLinkURI.parse(uri, config=CONFIG)
    except ParseError as refused:
        fault = BarcodeFault.NOT_A_DATE if "date" in str(refused) else BarcodeFault.MALFORMED
        raise start.refusal(fault, f"is no GS1 Digital Link: {refused}") from None
    return tuple((element.ai.ai, element.value) for element in link.element_strings)


def _is_key(name: str, value: str) -> bool:
    return ALPHAS.get(name, name) in ("00", "01") and len(value) >= min(RETAIL_DIGITS) and _is_digits(value)


def _read_urn(start: _Text) -> Scan | None:
    body = start.body
    if not body.lower().startswith("urn:"):
        return None
    kind = next((kind for kind in URNS if body.lower().startswith(kind)), None)
    if kind is None:
        problem = "is none of the URNs that are read: " + ", ".join(URNS)
        raise start.refusal(BarcodeFault.UNSUPPORTED, problem)
    start.case_changed = start.case_changed or not body.startswith(kind)
    match = URNS[kind].fullmatch(body[len(kind) :])
    digits = 17 if kind.endswith("sscc:") else 13
    if match is None or len(match[1] + match[2]) != digits:
        problem = f"must have a company prefix of 6 to 12 digits and a reference, {digits} digits together"
        raise start.refusal(BarcodeFault.MALFORMED, problem)
    payload = match[2][0] + match[1] + match[2][1:]
    key = payload + str(gs1_standard_check_digit(payload))
    item: Pack | Container
    if kind.endswith("sscc:"):
        item = Container(key)
    elif kind.endswith("lgtin:"):
        item = Pack(key, lot=unquote(match[3]))
    else:
        item = Pack(key, serial=None if match[3] == "*" and "idpat" in kind else unquote(match[3]))
    return Scan(item, BarcodeForm.EPC_URN, company_prefix_length=len(match[1]))


def _case_findings(start: _Text, item: Pack | Container | NmpaCode) -> tuple[Finding, ...]:
    if not start.case_changed:
        return ()
    problem = "what stands before the data has its case changed: by caps lock, a program, or a QR code in upper case"
    if not isinstance(item, Pack):
        return (Finding(BarcodeFault.WRONG_CASE, problem),)
    swapped = replace(item, serial=item.serial and item.serial.swapcase(), lot=item.lot and item.lot.swapcase())
    return (Finding(BarcodeFault.WRONG_CASE, problem, bracketed(swapped) if swapped != item else None),)


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
