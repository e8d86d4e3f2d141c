"""Barcodes: read and written in every form, faults told by their cause, and the published vectors of GS1 data."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from careledger.errors import BarcodeUnreadable, InvalidInput
from careledger.serialization.barcodes import (
    BarcodeFault,
    BarcodeForm,
    Container,
    NmpaCode,
    Pack,
    bracketed,
    device_udi,
    digital_link,
    element_string,
    elements,
    epc_urn,
    lot_urn,
    read,
    same_but_for_case,
)
from hypothesis import given, settings
from hypothesis import strategies as st

GS1_VECTORS = Path(__file__).resolve().parents[4] / "shared" / "data" / "gs1"
GS = "\x1d"
GTIN = "00300010000015"
SSCC = "106141412345678908"
PACK = Pack(GTIN, "SN0001a", "L-42", dt.date(2027, 5, 31))
CHARACTERS = "!\"%&'()*+,-./0123456789:;<=>?ABCXYZ_abcxyz"

Record = Callable[[str, object], None]


def fault_of(text: str) -> BarcodeUnreadable:
    with pytest.raises(BarcodeUnreadable) as caught:
        read(text)
    return caught.value


# ------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (f"01{GTIN}21SN0001a{GS}1727053110L-42", BarcodeForm.ELEMENT_STRING),
        (f"]C101{GTIN}1727053110L-42{GS}21SN0001a", BarcodeForm.ELEMENT_STRING),
        (f"]d2{GS}01{GTIN}21SN0001a{GS}17270531{GS}10L-42{GS}", BarcodeForm.ELEMENT_STRING),
        (f"]Q310L-42{GS}01{GTIN}21SN0001a{GS}17270531\r\n", BarcodeForm.ELEMENT_STRING),
        (f"]e001{GTIN}1727053121SN0001a{GS}10L-42", BarcodeForm.ELEMENT_STRING),
        (f"(01)  {GTIN} (21) SN0001a (17) 270531 (10) L-42", BarcodeForm.BRACKETED),
        (f"https://id.gs1.org/01/{GTIN}/10/L-42/21/SN0001a?17=270531", BarcodeForm.DIGITAL_LINK),
        ("http://maker.example/p/q/01/300010000015/10/L-42/21/SN0001a?17=270531&utm=1#x", BarcodeForm.DIGITAL_LINK),
        (f"https://maker.example/gtin/{GTIN}/lot/L-42/ser/SN0001a?exp=270531", BarcodeForm.DIGITAL_LINK),
        (f"https://maker.example/2000/01/00/01/{GTIN}/10/L-42/21/SN0001a?17=270531", BarcodeForm.DIGITAL_LINK),
        (f"]Q1https://maker.example/01/{GTIN}/10/L-42/21/SN0001a/?17=270531", BarcodeForm.DIGITAL_LINK),
    ],
)
def test_a_pack_is_the_same_in_every_form(text: str, form: BarcodeForm) -> None:
    scan = read(text)
    assert (scan.item, scan.form, scan.findings) == (PACK, form, ())
    assert PACK.missing == ()


def test_epc_urns_are_read_with_the_length_of_their_company_prefix() -> None:
    sgtin = read("urn:epc:id:sgtin:030001.0000001.A%2Fb%25")
    assert (sgtin.item, sgtin.company_prefix_length) == (Pack(GTIN, "A/b%"), 6)
    assert read("urn:epc:class:lgtin:0300010000.001.L-42").item == Pack(GTIN, lot="L-42")
    assert read("urn:epc:idpat:sgtin:030001000001.0.*").item == Pack("00300010000015")
    assert read("urn:epc:id:sgtin:4012345.066666.*").item == Pack("04012345666663", "*")
    sscc = read("urn:epc:id:sscc:0614141.1234567890")
    assert (sscc.item, sscc.form, sscc.company_prefix_length) == (Container(SSCC), BarcodeForm.EPC_URN, 7)


@pytest.mark.parametrize(
    "text", [f"00{SSCC}", f"]C100{SSCC}", f"(00){SSCC}", SSCC, f"https://x.example/00/{SSCC}", f"http://x/sscc/{SSCC}"]
)
def test_a_container_is_the_same_in_every_form(text: str) -> None:
    assert read(text).item == Container(SSCC)


def test_what_else_a_code_says_is_kept() -> None:
    item = read(f"01{GTIN}11240101710123456{GS}21S").item
    assert item == Pack(GTIN, "S", others=(("11", "240101"), ("710", "123456")))
    assert read(f"(00){SSCC}(02){GTIN}(37)48").item == Container(SSCC, (("02", GTIN), ("37", "48")))


@pytest.mark.parametrize("text", ["4012345678901", "]E04012345678901"])
def test_a_retail_code_is_a_pack_without_serial(text: str) -> None:
    item = read(text).item
    assert item == Pack("04012345678901")
    assert isinstance(item, Pack)
    assert item.missing == ("serial", "lot", "expires")


@pytest.mark.parametrize("text", ["81234567890123456789", "]C081234567890123456789", "01234567890123456789"])
def test_an_nmpa_code_has_no_gtin(text: str) -> None:
    scan = read(text)
    assert scan.form == BarcodeForm.NMPA
    assert isinstance(scan.item, NmpaCode)
    assert scan.item.product_code == scan.item.value[:7]


def test_twenty_digits_that_begin_with_a_right_gtin_are_no_nmpa_code() -> None:
    assert read(f"01{GTIN}1012").item == Pack(GTIN, lot="12")
    assert read(f"00{SSCC}").item == Container(SSCC)
    assert isinstance(read("00106141412345678909").item, NmpaCode)


def test_day_00_is_the_last_of_the_month_and_is_written_back_as_it_was() -> None:
    item = read(f"01{GTIN}17280200").item
    assert item == Pack(GTIN, expires=dt.date(2028, 2, 29), day_stated=False)
    assert isinstance(item, Pack)
    assert element_string(item) == f"01{GTIN}17280200"
    with pytest.raises(InvalidInput, match="last day"):
        Pack(GTIN, expires=dt.date(2028, 2, 28), day_stated=False)


def test_the_century_is_within_49_years_back_and_50_ahead() -> None:
    year = dt.datetime.now(dt.UTC).year
    for ahead in (-50, 51):
        with pytest.raises(InvalidInput, match="two digits"):
            Pack(GTIN, expires=dt.date(year + ahead, 6, 30))
    for ahead in (-49, 0, 50):
        item = read(f"(01){GTIN}(17){(year + ahead) % 100:02}0630").item
        assert isinstance(item, Pack)
        assert item.expires == dt.date(year + ahead, 6, 30)


def test_a_pack_of_the_united_states_has_its_ndc_in_the_gtin() -> None:
    assert PACK.ndc_digits == "0001000001"
    assert Pack("04012345678901").ndc_digits is None
    assert PACK.product == f"gtin:{GTIN}"


def test_a_device_is_told_by_the_same_code() -> None:
    item = read(f"(01){GTIN}(11)240131(17)290131(10)A1(21)7(8012)2.3").item
    assert isinstance(item, Pack)
    udi = device_udi(item)
    assert (udi.device_identifier, udi.serial, udi.lot, udi.software) == (GTIN, "7", "A1", "2.3")
    assert (udi.expires, udi.made) == (dt.date(2029, 1, 31), dt.date(2024, 1, 31))


# -------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", BarcodeFault.MALFORMED),
        ("7" * 7090, BarcodeFault.MALFORMED),
        ("hello", BarcodeFault.MALFORMED),
        (f"(01){GTIN}(21", BarcodeFault.MALFORMED),
        (f"(01){GTIN}(2)1", BarcodeFault.MALFORMED),
        (f"(01){GTIN}(29)1", BarcodeFault.MALFORMED),
        (f"(01){GTIN}(21){'A' * 21}", BarcodeFault.MALFORMED),
        (f"(01){GTIN}(21)A(21)B", BarcodeFault.MALFORMED),
        (f"01{GTIN}21AB#C", BarcodeFault.MALFORMED),
        (f"01{GTIN}21AB C", BarcodeFault.MALFORMED),
        (f"https://x.example/01/{GTIN}/21/A/10/B", BarcodeFault.MALFORMED),
        (f"https://x.example/01/{GTIN}?17=270531&17=280531", BarcodeFault.MALFORMED),
        ("https://[x/01/1", BarcodeFault.MALFORMED),
        ("urn:epc:id:sgtin:030001.000001.A", BarcodeFault.MALFORMED),
        ("urn:epc:id:sgtin:03000.00000001.A", BarcodeFault.MALFORMED),
        ("urn:epc:id:sgtin:030001.0000001.A/B", BarcodeFault.MALFORMED),
        ("urn:epc:id:sgtin:030001.0000001.A%zz", BarcodeFault.MALFORMED),
        (f"01{GTIN[:-1]}8", BarcodeFault.CHECK_DIGIT),
        (f"https://x.example/01/{GTIN[:-1]}8/21/A", BarcodeFault.CHECK_DIGIT),
        ("4012345678902", BarcodeFault.CHECK_DIGIT),
        (f"(00){SSCC[:-1]}9", BarcodeFault.CHECK_DIGIT),
        (f"01{GTIN}17271301", BarcodeFault.NOT_A_DATE),
        (f"(01){GTIN}(17)270230", BarcodeFault.NOT_A_DATE),
        (f"https://x.example/01/{GTIN}?17=270230", BarcodeFault.NOT_A_DATE),
        ("(414)4000001000005", BarcodeFault.NO_KEY),
        ("]C110614141123459", BarcodeFault.NO_KEY),
        ("https://x.example/ARFKMmJbX6", BarcodeFault.NO_KEY),
        ("https://x.example/2000/01/schema", BarcodeFault.NO_KEY),
        ("https://x.example/01", BarcodeFault.NO_KEY),
        ("urn:epc:tag:sgtin-96:3.0614141.812345.6789", BarcodeFault.UNSUPPORTED),
        ("urn:uuid:00000000-0000-4000-8000-000000000000", BarcodeFault.UNSUPPORTED),
        ("+A99912345/$$52001510X3", BarcodeFault.UNSUPPORTED),
        ("=/A9999XYZ100T0944", BarcodeFault.UNSUPPORTED),
        (f"01{GTIN}21SN\u00df1", BarcodeFault.KEYBOARD_LAYOUT),
        ("\u00e0&\u00e0\u00e0\u00e0", BarcodeFault.KEYBOARD_LAYOUT),
        ("\uff14012345678901", BarcodeFault.KEYBOARD_LAYOUT),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_cause(text: str, fault: BarcodeFault) -> None:
    refusal = fault_of(text)
    assert (refusal.fault, refusal.likelier) == (fault, None)


def test_an_error_shows_no_more_than_the_beginning() -> None:
    assert len(str(fault_of("x" * 8000))) < 400


def test_a_wristband_or_a_strange_link_is_not_shown_in_the_error() -> None:
    assert "795260646688514634" not in str(fault_of("(8018)795260646688514634"))
    assert "ward-7" not in str(fault_of("https://hospital.example/patient?id=ward-7"))


@pytest.mark.parametrize("prefix", ["]D2", "]c1", "]q3", "]E0"])
def test_a_symbology_prefix_in_the_wrong_case_tells_of_caps_lock(prefix: str) -> None:
    scan = read(f"{prefix}01{GTIN}21sn0001A{GS}1727053110l-42")
    (finding,) = scan.findings
    assert finding.fault == BarcodeFault.WRONG_CASE
    assert finding.likelier is not None
    assert read(finding.likelier).item == PACK


@pytest.mark.parametrize(
    "text",
    [
        f"HTTPS://ID.GS1.ORG/01/{GTIN}/21/ABC",
        f"hTTPS://ID.GS1.ORG/GTIN/{GTIN}/SER/ABC",
        "URN:EPC:ID:SGTIN:030001.0000001.ABC",
        f"]q1https://x.example/01/{GTIN}/21/ABC",
    ],
)
def test_an_address_in_upper_case_is_read_and_said(text: str) -> None:
    scan = read(text)
    assert scan.item == Pack(GTIN, "ABC")
    assert [(one.fault, one.likelier) for one in scan.findings] == [(BarcodeFault.WRONG_CASE, f"(01){GTIN}(21)abc")]


def test_case_that_changes_nothing_suggests_nothing() -> None:
    assert [one.likelier for one in read(f"]c100{SSCC}").findings] == [None]
    assert [one.likelier for one in read(f"]D201{GTIN}211234").findings] == [None]


def test_packs_that_are_the_same_but_for_case() -> None:
    swapped = Pack(GTIN, "sn0001A", "l-42")
    assert same_but_for_case(PACK, swapped)
    assert same_but_for_case(Pack(GTIN, "ABC"), Pack(GTIN, "abc", "L"))
    assert not same_but_for_case(PACK, PACK)
    assert not same_but_for_case(PACK, Pack(GTIN, "sn0001A", "L-43"))
    assert not same_but_for_case(Pack(GTIN, "ABC"), Pack("04012345678901", "abc"))


def test_a_field_of_more_than_20_characters_lost_its_separator() -> None:
    refusal = fault_of(f"01{GTIN}211234567890ABCDE1727053110LOT77")
    assert refusal.fault == BarcodeFault.LOST_SEPARATOR
    assert refusal.likelier == f"(01){GTIN}(21)1234567890ABCDE(17)270531(10)LOT77"
    assert refusal.likelier in str(refusal)


def test_a_lost_separator_without_a_date_is_told_only_if_there_is_one_reading() -> None:
    one = fault_of(f"01{GTIN}1727053110LOTA21SERIAL0000000034")
    assert (one.fault, one.likelier) == (
        BarcodeFault.LOST_SEPARATOR,
        f"(01){GTIN}(17)270531(10)LOTA(21)SERIAL0000000034",
    )
    two = fault_of(f"01{GTIN}1727053110LOTA21SERIAL2100000034")
    assert (two.fault, two.likelier) == (BarcodeFault.LOST_SEPARATOR, None)
    for field in ("A" * 26, "A" * 10 + "21" + "B" * 12):
        none = fault_of(f"01{GTIN}21{field}")
        assert (none.fault, none.likelier) == (BarcodeFault.LOST_SEPARATOR, None)


@pytest.mark.parametrize(
    ("field", "likelier"),
    [
        ("21SN110LOT17270531", "(21)SN1(10)LOT(17)270531"),
        ("21SN11727053110LOT", "(21)SN1(17)270531(10)LOT"),
        ("10LOT1727053121SN1", "(10)LOT(17)270531(21)SN1"),
    ],
)
def test_a_reading_with_all_that_a_pack_s_code_has_is_likelier(field: str, likelier: str) -> None:
    (finding,) = read(f"01{GTIN}{field}").findings
    assert finding.likelier == f"(01){GTIN}{likelier}"


def test_a_serial_that_swallowed_an_expiry_is_suspected() -> None:
    scan = read(f"01{GTIN}21SN1172705311042{GS}240X")
    assert scan.item == Pack(GTIN, "SN1172705311042", others=(("240", "X"),))
    assert [(one.fault, one.likelier) for one in scan.findings] == [
        (BarcodeFault.LOST_SEPARATOR, f"(01){GTIN}(21)SN1(17)270531(10)42(240)X")
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"01{GTIN}21SN117270531{GS}17280531",
        f"01{GTIN}21SN117271331",
        f"01{GTIN}21SN117770531",
        f"01{GTIN}21SN10ABC",
        f"01{GTIN}21SN1{GS}1727053110L11260101",
        f"(01){GTIN}(21)SN117270531",
        "urn:epc:id:sgtin:030001.0000001.SN117270531",
    ],
)
def test_no_separator_is_missed_where_none_can_be_told(text: str) -> None:
    assert read(text).findings == ()


@pytest.mark.parametrize("mark", ["<GS>", "^", "|"])
def test_a_character_in_the_place_of_a_separator_is_read_and_said(mark: str) -> None:
    scan = read(f"]d201{GTIN}21SN0001a{mark}1727053110L-42")
    assert scan.item == PACK
    assert [one.fault for one in scan.findings] == [BarcodeFault.SEPARATOR_AS_TEXT]


@pytest.mark.parametrize("prefix", ["]d2", GS])
def test_brackets_in_a_code_s_data_are_read_and_said(prefix: str) -> None:
    scan = read(f"{prefix}(01){GTIN}(21)SN0001a(17)270531(10)L-42")
    assert scan.item == PACK
    assert [one.fault for one in scan.findings] == [BarcodeFault.BRACKETS_IN_DATA]


def test_brackets_inside_a_field_are_said() -> None:
    scan = read(f"01{GTIN}21SN1(17)270531")
    assert [(one.fault, one.likelier) for one in scan.findings] == [
        (BarcodeFault.BRACKETS_IN_DATA, f"(01){GTIN}(21)SN1(17)270531")
    ]


# ------------------------------------------------------------------- writing


def test_a_pack_is_written_in_every_form() -> None:
    assert element_string(PACK) == f"01{GTIN}21SN0001a{GS}1727053110L-42"
    assert bracketed(PACK) == f"(01){GTIN}(21)SN0001a(17)270531(10)L-42"
    assert digital_link(PACK) == f"https://id.gs1.org/01/{GTIN}/10/L-42/21/SN0001a?17=270531"
    made = digital_link(Pack(GTIN, "A/b"), domain="maker.example", path="p/q")
    assert made == f"https://maker.example/p/q/01/{GTIN}/21/A%2Fb"
    assert epc_urn(PACK, 6) == "urn:epc:id:sgtin:030001.0000001.SN0001a"
    assert epc_urn(Pack(GTIN), 12) == "urn:epc:idpat:sgtin:030001000001.0.*"
    marks = epc_urn(Pack(GTIN, "a!'()*+,-.:;=_b"), 6)
    assert marks == "urn:epc:id:sgtin:030001.0000001.a!'()*+,-.:;=_b"
    assert epc_urn(Pack(GTIN, '"%&/<>?'), 6) == "urn:epc:id:sgtin:030001.0000001.%22%25%26%2F%3C%3E%3F"
    assert lot_urn(PACK, 7) == "urn:epc:class:lgtin:0300010.000001.L-42"


def test_a_container_is_written_in_every_form() -> None:
    container = Container(SSCC)
    assert element_string(container) == f"00{SSCC}"
    assert bracketed(container) == f"(00){SSCC}"
    assert digital_link(container) == f"https://id.gs1.org/00/{SSCC}"
    assert epc_urn(container, 7) == "urn:epc:id:sscc:0614141.1234567890"


def test_what_cannot_be_written_is_refused() -> None:
    for length in (5, 13):
        with pytest.raises(InvalidInput, match="6 to 12"):
            epc_urn(PACK, length)
    with pytest.raises(InvalidInput, match="lot number"):
        lot_urn(Pack(GTIN), 6)
    with pytest.raises(InvalidInput, match="neither"):
        digital_link((("99", "A"),))
    with pytest.raises(InvalidInput, match="must not start"):
        digital_link(PACK, path="/p")
    with pytest.raises(InvalidInput, match="none of GS1"):
        element_string((("01", "1"),))
    with pytest.raises(InvalidInput, match="multiple"):
        digital_link(Pack(GTIN, others=(("8004", "1"),)))


@pytest.mark.parametrize(("serial", "lot"), [("", None), ("A" * 21, None), ("a b", None), (None, "\u00e9")])
def test_a_pack_has_only_what_gs1_allows(serial: str | None, lot: str | None) -> None:
    with pytest.raises(BarcodeUnreadable, match="1 to 20 characters"):
        Pack(GTIN, serial, lot)


texts = st.text(CHARACTERS, min_size=1, max_size=20)
packs = st.builds(
    lambda payload, serial, lot, expires: Pack(payload, serial, lot, expires),
    st.sampled_from([GTIN, "04012345678901", "10614141123459"]),
    st.none() | texts,
    st.none() | texts,
    st.none() | st.dates(dt.date(2000, 1, 1), dt.date(2060, 12, 31)),
)


@settings(max_examples=100, deadline=None)
@given(packs)
def test_what_is_written_is_read_back(pack: Pack) -> None:
    for write in (element_string, bracketed, digital_link):
        assert read(write(pack)).item == pack
    urn = read(epc_urn(pack, 7))
    assert (urn.item, urn.company_prefix_length) == (Pack(pack.gtin, pack.serial), 7)
    if pack.lot is not None:
        assert read(lot_urn(pack, 9)).item == Pack(pack.gtin, lot=pack.lot)


pieces = st.sampled_from(
    [
        "]d2",
        "]D2",
        "01",
        GTIN,
        "21",
        "10",
        "17",
        "270531",
        GS,
        "(",
        ")",
        "(21)",
        "^",
        "https://x.example/",
        "/",
        "urn:epc:id:sgtin:",
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(pieces | st.text(max_size=4), max_size=12).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        scan = read(text)
    except BarcodeUnreadable:
        return
    if isinstance(scan.item, Pack | Container):
        assert read(bracketed(scan.item)).item == scan.item


# ------------------------------------------------------------------- vectors


def vectors(name: str) -> Any:
    path = GS1_VECTORS / name
    if not path.is_file():
        pytest.skip(f"the published GS1 vectors are not here: {path} is no file")
    return json.loads(path.read_text())


def test_vectors_of_the_gs1_syntax_engine(record_property: Record) -> None:
    found = vectors("gs1_syntax_engine_vectors_share.json")
    checked, other_keys = 0, 0
    for vector in found["parse_bracketed_to_fnc1"]:
        assert "^" + element_string(elements(vector["input"])).replace(GS, "^") == vector["expected"]
        checked += 1
    for vector in found["generate_digital_link"]:
        said = elements(vector["input"])
        domain = (vector["stem"] or "https://id.gs1.org").removeprefix("https://")
        if {"00", "01"} & {ai for ai, _ in said}:
            assert vector["ok"]
            assert digital_link(said, domain=domain) == vector["expected"]
            assert set(elements(vector["expected"])) == set(said)
            checked += 1
        else:
            with pytest.raises(InvalidInput, match="neither"):
                digital_link(said, domain=domain)
            other_keys += 1
    assert (checked, other_keys) == (16, 4)
    record_property("counted: GS1 vectors, syntax engine", checked)
    record_property("GS1 vectors of the syntax engine with keys that are neither GTIN nor SSCC, refused", other_keys)


def test_vectors_of_biip(record_property: Record) -> None:
    checked = 0
    for vector in vectors("biip_vectors_share.json"):
        value = vector["value"]
        if vector["file"] == "test_sscc.py" and "expected" not in vector:
            assert fault_of(f"00{value}").fault in (BarcodeFault.MALFORMED, BarcodeFault.KEYBOARD_LAYOUT)
        elif vector["file"] == "test_sscc.py":
            assert read(value).item == Container(value)
        elif "expected_hri" in vector:
            assert bracketed(elements(value)) == vector["expected_hri"]
        else:
            strings = vector["expected"]["element_strings"]
            assert elements(value) == tuple((one["ai"]["ai"], one["value"]) for one in strings)
        checked += 1
    assert checked == 13
    record_property("counted: GS1 vectors, biip", checked)
