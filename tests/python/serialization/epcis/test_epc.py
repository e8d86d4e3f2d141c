"""GS1 keys in EPC URIs and Digital Links: one canonical form, what is identified, and what is no key."""

from __future__ import annotations

import pytest
from careledger.serialization.epcis import digital_link, key_elements
from careledger.serialization.epcis.epc import epc_problem

KEYS = {
    "urn:epc:id:sgtin:0614141.112345.400": "01/10614141123459/21/400",
    "urn:epc:id:sgtin:0614141.112345.a%2Fb!(c)*+,:": "01/10614141123459/21/a%2Fb%21%28c%29%2A%2B%2C%3A",
    "urn:epc:id:sgtin:061414112345.1.9": "01/10614141123459/21/9",
    "urn:epc:id:sscc:0614141.1234567890": "00/106141412345678908",
    "urn:epc:id:sgln:0614141.12345.400": "414/0614141123452/254/400",
    "urn:epc:id:sgln:0614141.12345.0": "414/0614141123452",
    "urn:epc:id:sgln:061414112345..0": "414/0614141123452",
    "urn:epc:id:grai:0614141.12345.400": "8003/00614141123452400",
    "urn:epc:id:giai:0614141.12345400": "8004/061414112345400",
    "urn:epc:id:gsrn:0614141.1234567890": "8018/061414112345678902",
    "urn:epc:id:gsrnp:0614141.1234567890": "8017/061414112345678902",
    "urn:epc:id:gdti:0614141.12345.400": "253/0614141123452400",
    "urn:epc:id:cpi:0614141.5PQ7%2FZ43.12345": "8010/06141415PQ7%2FZ43/8011/12345",
    "urn:epc:id:sgcn:4012345.67890.04711": "255/401234567890104711",
    "urn:epc:id:ginc:0614141.xyz3311cba": "401/0614141xyz3311cba",
    "urn:epc:id:gsin:0614141.123456789": "402/06141411234567890",
    "urn:epc:id:itip:0614141.012345.01.02.987": "8006/006141411234520102/21/987",
    "urn:epc:id:upui:1234567.098765.51qIgY)(Mm": "01/01234567987651/235/51qIgY%29%28Mm",
    "urn:epc:id:pgln:0614141.12345": "417/0614141123452",
    "urn:epc:class:lgtin:4012345.012345.998877": "01/04012345123456/10/998877",
    "urn:epc:idpat:sgtin:4012345.098765.*": "01/04012345987652",
    "urn:epc:idpat:grai:0614141.12345.*": "8003/00614141123452",
    "urn:epc:idpat:gdti:0614141.12345.*": "253/0614141123452",
    "urn:epc:idpat:cpi:0614141.5PQ7.*": "8010/06141415PQ7",
    "urn:epc:idpat:itip:0614141.012345.01.02.*": "8006/006141411234520102",
    "urn:epc:idpat:upui:1234567.098765.*": "01/01234567987651",
    "https://id.gs1.org/01/09506000134352/21/12345": "01/09506000134352/21/12345",
    "http://maker.example:8080/some/path/01/09506000134352/10/ABC/21/12345?17=180426#top": "01/09506000134352/21/12345",
    "https://maker.example/gtin/9506000134352/lot/ABC/": "01/09506000134352/10/ABC",
    "https://maker.example/01/09506000134352/22/2A": "01/09506000134352",
    "https://maker.example/01/09506000134352/22/2A/10/L/21/7": "01/09506000134352/21/7",
    "https://maker.example/01/95060001/21/7": "01/00000095060001/21/7",
    "https://maker.example/sscc/106141412345678908": "00/106141412345678908",
    "https://maker.example/414/0614141123452/254/B1": "414/0614141123452/254/B1",
    "https://maker.example/giai/4000001111": "8004/4000001111",
}
NO_KEYS = (
    "urn:uuid:6b1c2f9e-30cd-4a2f-9b51-0d8a3f1f6a01",
    "urn:epcglobal:cbv:bt:9521321000018:1152",
    "http://transaction.acme.com/po/12345678",
    "https://maker.example/01/",
    "https://maker.example/01/09506000134352/21/",
    "https://maker.example/01/09506000134352/3103/000195",
    "https://maker.example/01/09506000134352/21",
    "https://maker.example/00/1061414123456789",
    "https://id.gs1.org/01/09506000134352/21/" + 21 * "x",
    "urn:epc:id:gid:95100000.12345.400",
    "urn:epc:id:sgtin:0614141.11234.400",
    "not a uri",
)


@pytest.mark.parametrize(("uri", "path"), KEYS.items())
def test_a_key_has_one_canonical_digital_link(uri: str, path: str) -> None:
    assert digital_link(uri) == f"https://id.gs1.org/{path}"
    assert digital_link(f"https://id.gs1.org/{path}") == f"https://id.gs1.org/{path}"


@pytest.mark.parametrize("uri", NO_KEYS)
def test_what_holds_no_key_has_none(uri: str) -> None:
    assert digital_link(uri) is None
    assert key_elements(uri) == {}


def test_what_a_key_identifies() -> None:
    assert key_elements("urn:epc:id:sgtin:0614141.112345.a%2Fb") == {"01": "10614141123459", "21": "a/b"}
    assert key_elements("urn:epc:class:lgtin:4012345.012345.L-1") == {"01": "04012345123456", "10": "L-1"}
    assert key_elements("urn:epc:idpat:sgtin:4012345.098765.*") == {"01": "04012345987652"}
    assert key_elements("https://maker.example/00/106141412345678908") == {"00": "106141412345678908"}
    assert key_elements("urn:epc:id:sgln:0614141.12345.0") == {"414": "0614141123452"}


GOOD = (
    ("urn:epc:id:sgtin:0614141.112345.400", False),
    ("urn:epc:id:gid:95100000.12345.400", False),
    ("https://id.gs1.org/01/09506000134352/21/12345", False),
    ("https://maker.example/whatever/01/1", False),
    ("urn:uuid:6b1c2f9e-30cd-4a2f-9b51-0d8a3f1f6a01", False),
    ("urn:epc:class:lgtin:4012345.012345.998877", True),
    ("urn:epc:idpat:sgtin:4012345.098765.*", True),
    ("https://id.gs1.org/01/09506000134352/10/A", True),
    ("https://maker.example/whatever", True),
)


@pytest.mark.parametrize(("uri", "of_class"), GOOD)
def test_good_identifiers_have_no_problem(uri: str, of_class: bool) -> None:
    assert epc_problem(uri, of_class=of_class) is None


@pytest.mark.parametrize(
    ("uri", "of_class", "problem"),
    [
        ("urn:epc:id:sgtin:0614141.11234.400", False, "no EPC URI"),
        ("urn:epc:id:sgtin:06141.11234567.400", False, "no EPC URI"),
        ("urn:epc:id:sgtin:0614141.112345.", False, "no EPC URI"),
        ("urn:epc:id:sgtin:0614141.112345." + 21 * "x", False, "no EPC URI"),
        ("urn:epc:id:sgtin:0614141.112345.a/b", False, "no EPC URI"),
        ("urn:epc:id:sscc:0614141.12345678901", False, "no EPC URI"),
        ("urn:epc:id:giai:0614141." + 24 * "x", False, "no EPC URI"),
        ("urn:epc:id:unheard:1.2", False, "no EPC URI"),
        ("urn:epc:id", False, "no EPC URI"),
        ("urn:epc:tag:sgtin-96:3.0614141.812345.6789", False, "no EPC URI"),
        ("https://id.gs1.org/01/09506000134353/21/12345", False, "check digit 3, which must be 2"),
        ("https://id.gs1.org/00/106141412345678907", False, "check digit 7, which must be 8"),
        ("https://id.gs1.org/02/09506000134352", False, "no GS1 Digital Link"),
        ("https://id.gs1.org/01/09506000134352", False, "names a class"),
        ("https://id.gs1.org/01/09506000134352/10/A", False, "names a class"),
        ("urn:epc:class:lgtin:4012345.012345.998877", False, "names a class"),
        ("urn:epc:idpat:sgtin:4012345.098765.*", False, "names a class"),
        ("urn:epc:id:sgtin:0614141.112345.400", True, "names one object"),
        ("https://id.gs1.org/01/09506000134352/21/12345", True, "names one object"),
        ("https://id.gs1.org/00/106141412345678908", True, "names one object"),
    ],
)
def test_a_wrong_identifier_is_said_to_be_wrong(uri: str, of_class: bool, problem: str) -> None:
    assert problem in (epc_problem(uri, of_class=of_class) or "")
