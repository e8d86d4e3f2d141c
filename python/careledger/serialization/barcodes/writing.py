"""Packs and containers as the texts that others read."""

from __future__ import annotations

from urllib.parse import quote

from biip import BiipException
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_element_strings import GS1ElementString, GS1ElementStrings
from biip.gs1_messages import GS1Message

from careledger.errors import InvalidInput
from careledger.serialization.barcodes.items import Container, Elements, Pack

__all__ = ["bracketed", "digital_link", "element_string", "epc_urn", "lot_urn"]

Item = Pack | Container | Elements

COMPANY_PREFIX_DIGITS = range(6, 13)
UNESCAPED = "!'()*+,-.:;=_"
"""EPC Tag Data Standard, table A-1: characters of a serial that stand for themselves in a URN."""


def element_string(item: Item) -> str:
    """What a GS1 DataMatrix or GS1-128 holds, without symbology prefix; FNC1 is the character 0x1D where one is needed.

    Raises InvalidInput for elements that are none.
    """
    return GS1Message.from_element_strings(_parsed(item)).value


def bracketed(item: Item) -> str:
    """The human-readable line, such as `(01)00300010000015(21)SN1`. A bracket inside a value is written `\\(`."""
    return "".join(f"({ai}){value.replace('(', chr(92) + '(')}" for ai, value in _elements(item))


def digital_link(item: Item, *, domain: str = "id.gs1.org", path: str = "") -> str:
    """A GS1 Digital Link URI, uncompressed, at a resolver: its domain, and a path without slashes at its ends.

    A serial in a URI is read by every resolver, proxy and log on the way: use it where the code itself is public.
    Raises InvalidInput for elements without a GTIN or SSCC, or with more than one key.
    """
    elements = _parsed(item)
    if not {"00", "01"} & {ai for ai, _ in _elements(item)}:
        raise InvalidInput("elements", bracketed(item), "have neither a GTIN nor an SSCC")
    try:
        return GS1DigitalLinkURI.from_element_strings(elements).as_uri(domain=domain, prefix=path or None)
    except (BiipException, ValueError) as problem:
        raise InvalidInput("elements", bracketed(item), f"are no link: {problem}") from None


def epc_urn(item: Pack | Container, company_prefix_length: int) -> str:
    """An EPC URN as EPCIS uses it: `urn:epc:id:sgtin:...` of a pack with a serial, `urn:epc:idpat:sgtin:...*` of one
    without, `urn:epc:id:sscc:...` of a container (EPC Tag Data Standard, 6.3). Lot number and expiry are not in it.

    How many digits the GS1 company prefix has, 6 to 12, cannot be told from the digits. Raises InvalidInput.
    """
    if isinstance(item, Container):
        prefix, reference = _partition(item.sscc, company_prefix_length)
        return f"urn:epc:id:sscc:{prefix}.{reference}"
    prefix, reference = _partition(item.gtin, company_prefix_length)
    if item.serial is None:
        return f"urn:epc:idpat:sgtin:{prefix}.{reference}.*"
    return f"urn:epc:id:sgtin:{prefix}.{reference}.{quote(item.serial, safe=UNESCAPED)}"


def lot_urn(pack: Pack, company_prefix_length: int) -> str:
    """The class of all packs of its lot, `urn:epc:class:lgtin:...`. Raises InvalidInput, also without a lot number."""
    if pack.lot is None:
        raise InvalidInput("lot number", "", "is needed for the URN of a lot")
    prefix, reference = _partition(pack.gtin, company_prefix_length)
    return f"urn:epc:class:lgtin:{prefix}.{reference}.{quote(pack.lot, safe=UNESCAPED)}"


def _elements(item: Item) -> Elements:
    return item if isinstance(item, tuple) else item.elements()


def _parsed(item: Item) -> GS1ElementStrings:
    found = GS1ElementStrings()
    for ai, value in _elements(item):
        try:
            found.append(GS1ElementString.parse(ai + value))
        except BiipException as problem:
            raise InvalidInput(f"element ({ai})", value, f"is none of GS1: {problem}") from None
    return found


def _partition(key: str, company_prefix_length: int) -> tuple[str, str]:
    """Company prefix and reference: the indicator or extension digit stands before the rest, without check digit."""
    if company_prefix_length not in COMPANY_PREFIX_DIGITS:
        raise InvalidInput("company prefix length", str(company_prefix_length), "must be 6 to 12 digits")
    end = 1 + company_prefix_length
    return key[1:end], key[0] + key[end:-1]
