"""Canonical bytes: the published vectors, round trips through servers, and what must not slip through."""

from __future__ import annotations

import base64
import builtins
import hashlib
import io
import json
import random
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pydicom
import pytest
from careledger.anchoring.canonical import Canonicalization, canonical_bytes, digest
from careledger.anchoring.canonical_dicom import NAMED
from careledger.anchoring.canonical_json import MAX_DEPTH, Json, Number, parse, write
from careledger.errors import InvalidInput, MissingPrerequisite
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
)

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests" / "vectors" / "anchoring"
EXAMPLES = ROOT.parent / "shared" / "data" / "pas"
JCS, FHIR, DICOM = Canonicalization.JCS, Canonicalization.FHIR_JSON_STATIC, Canonicalization.DICOM_DATASET
EPCIS = Canonicalization.EPCIS_EVENT


def vectors(kind: str) -> list[Any]:
    found = []
    for canonicalization in (JCS, FHIR, DICOM, EPCIS):
        for vector in json.loads((VECTORS / f"{canonicalization.value}.json").read_text())[kind]:
            name = f"{canonicalization.value}: {vector.get('name', vector.get('reason'))}"
            found.append(pytest.param(canonicalization, vector, id=name))
    return found


def content_of(vector: Mapping[str, str]) -> bytes:
    return vector["text"].encode() if "text" in vector else base64.b64decode(vector["base64"])


@pytest.mark.parametrize(("canonicalization", "vector"), vectors("accepted"))
def test_published_vectors(canonicalization: Canonicalization, vector: dict[str, str]) -> None:
    content = content_of(vector)
    assert canonical_bytes(canonicalization, content).decode() == vector["canonical"]
    assert "0x" + digest(canonicalization, content).hex() == vector["sha256"]


@pytest.mark.parametrize(("canonicalization", "vector"), vectors("refused"))
def test_published_refusals(canonicalization: Canonicalization, vector: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        canonical_bytes(canonicalization, content_of(vector))
    assert str(refusal.value).isprintable()


# ------------------------------------------------------------------ names, raw


def test_ids_are_right_padded_names() -> None:
    assert JCS.id == b"jcs" + bytes(29)
    known = {"raw", "jcs", "fhir-json-static", "dicom-dataset", "epcis-event", "json-fields"}
    assert {one.value for one in Canonicalization} == known
    assert Canonicalization.named("jcs") is JCS
    with pytest.raises(InvalidInput, match=r"'xml'.*known are raw, jcs"):
        Canonicalization.named("xml")


def test_raw_is_the_same_from_bytes_path_and_file(tmp_path: Path) -> None:
    content = random.Random(1).randbytes(3_000_000)
    path = tmp_path / "scan.pdf"
    path.write_bytes(content)
    expected = hashlib.sha256(content).digest()
    assert digest(Canonicalization.RAW, content) == expected
    assert digest(Canonicalization.RAW, path) == expected
    assert digest(Canonicalization.RAW, io.BytesIO(content)) == expected
    path.write_bytes(b'{"b": 1, "a": 2}')
    assert digest(JCS, path) == hashlib.sha256(b'{"a":2,"b":1}').digest()


def test_json_fields_have_no_bytes_of_their_own() -> None:
    with pytest.raises(InvalidInput, match=r"FieldTree\.digest"):
        canonical_bytes(Canonicalization.JSON_FIELDS, b"{}")


# ------------------------------------------------------------------------ JSON


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"a":1,"a":2}', "name 'a'"),
        ("[9007199254740992]", "number '9007199254740992'"),
        ("[NaN]", "number 'NaN'"),
        ("[1e400]", "number '1e400'"),
        ('["\\udfff"]', "udfff"),
    ],
)
def test_refusals_name_the_value(text: str, named: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        canonical_bytes(JCS, text.encode())
    assert named in str(refusal.value)


@pytest.mark.parametrize("canonicalization", [JCS, FHIR])
@pytest.mark.parametrize("levels", [MAX_DEPTH, 3_000, 1_000_000])
def test_deep_nesting_is_refused_by_name(canonicalization: Canonicalization, levels: int) -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        text = '{"resourceType":"Basic","a":' + opening * levels + "1" + closing * levels + "}"
        with pytest.raises(InvalidInput, match="nested too deep"):
            canonical_bytes(canonicalization, text.encode())


@pytest.mark.parametrize("canonicalization", [JCS, FHIR])
def test_deep_nesting_is_refused_where_recursion_may_go_deep(
    canonicalization: Canonicalization,
) -> None:
    """py-evm raises the limit when it is imported, and json's recursion would end the process."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    try:
        with pytest.raises(InvalidInput, match="nested too deep"):
            canonical_bytes(canonicalization, b'{"resourceType":"Basic","a":' + b"[" * 1_000_000)
    finally:
        sys.setrecursionlimit(before)


def test_brackets_in_strings_nest_nothing() -> None:
    text = '["' + "[{" * 1_000 + '\\"[' + '"]'
    assert canonical_bytes(JCS, text.encode()).decode() == text


def test_the_deepest_allowed_nesting() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert canonical_bytes(JCS, text.encode()).decode() == text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


@given(json_values)
def test_json_text_is_the_same_from_either_writer(value: Any) -> None:
    """RFC 8785 by its library, and by the writer that keeps numbers; and the bytes are their own canonical form."""
    text = json.dumps(value).encode()
    canonical = canonical_bytes(JCS, text)
    assert write(parse(text)).encode() == canonical == canonical_bytes(JCS, canonical)
    assert json.loads(canonical) == value


@given(json_values, json_values)
def test_different_values_have_different_bytes(one: Any, other: Any) -> None:
    same = canonical_bytes(JCS, json.dumps(one).encode()) == canonical_bytes(JCS, json.dumps(other).encode())
    assert same == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


# ------------------------------------------------------------------------ FHIR


def another_shape(value: Json, chance: random.Random, resource: bool = True) -> str:
    """The same as another server might write it: order, whitespace, escapes; another meta and narrative."""
    space = chance.choice(("", " ", "\n", "\t  "))
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return "".join(
            f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 and chance.random() < 0.2 else json.dumps(letter)[1:-1]
            for letter in value
        ).join('""')
    if isinstance(value, Mapping):
        members = {name: another_shape(item, chance, name in ("resource", "outcome")) for name, item in value.items()}
        for name in ("contained", "entry"):
            if isinstance(value.get(name), list):
                members[name] = f"[{','.join(another_shape(item, chance) for item in value[name])}]"  # type: ignore[union-attr]
        if resource and "resourceType" in value:
            version = chance.randrange(100)
            members["meta"] = f'{{"versionId":"{version}","lastUpdated":"2027-01-01T00:00:00Z"}}'
            members["text"] = f'{{"status":"generated","div":"<div>{version}</div>"}}'
        pairs = [f"{another_shape(name, chance)}{space}:{space}{text}" for name, text in members.items()]
        chance.shuffle(pairs)
        return f"{{{space}{f'{space},'.join(pairs)}{space}}}"
    if isinstance(value, list | tuple):
        return f"[{space}{','.join(another_shape(item, chance, False) for item in value)}]"
    return json.dumps(value)


SUMMARY = json.dumps(
    {
        "resourceType": "Observation",
        "id": "first-server-17",
        "meta": {"versionId": "1"},
        "contained": [{"resourceType": "Patient", "id": "p", "name": [{"text": "Ä Ö 😀", "given": ["A"]}]}],
        "code": {"text": "Glucose", "coding": [{"system": "http://loinc.org", "code": "2345-7"}]},
        "valueQuantity": {"value": "@", "unit": "mmol/l"},
        "note": [{"text": "fasting\nat 7 o'clock"}],
    },
    ensure_ascii=False,
).replace('"@"', "6.30")


@given(st.randoms(use_true_random=False))
def test_fhir_survives_another_server(chance: random.Random) -> None:
    stored = another_shape(parse(SUMMARY.encode()), chance).replace("first-server-17", "9001")
    assert digest(FHIR, stored.encode()) == digest(FHIR, SUMMARY.encode())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("6.30", "6.3"),
        ("6.30", '"6.30"'),
        ('"Glucose"', '"Glucose "'),
        ('"id": "p"', '"id": "q"'),
        ("Ä", "A\u0308"),
        ('"A"', '"A", "B"'),
        ('"note": [', '"note": [{"text": "added"}, '),
        ('"text": "Ä', '"extra": "Ä'),
    ],
)
def test_fhir_content_counts(before: str, after: str) -> None:
    assert before in SUMMARY
    assert digest(FHIR, SUMMARY.replace(before, after).encode()) != digest(FHIR, SUMMARY.encode())


def test_real_bundles_survive_another_server() -> None:
    if not EXAMPLES.is_dir():
        pytest.skip(f"the Da Vinci PAS examples are not at {EXAMPLES}")
    bundles = sorted(EXAMPLES.glob("Bundle-*.json"))
    assert bundles
    for path in bundles:
        canonical = canonical_bytes(FHIR, path.read_bytes())
        stored = another_shape(parse(path.read_bytes()), random.Random(path.name)).encode()
        assert stored != path.read_bytes()
        assert canonical_bytes(FHIR, stored) == canonical
        assert b'"meta":' not in canonical
        assert b'"div":' not in canonical


# ----------------------------------------------------------------------- DICOM


def image(change: Callable[[Dataset], None] | None = None, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """A 2 by 3 CT image."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4"
    dataset.Modality, dataset.PatientName, dataset.PatientID = "CT", "Müller^Jörg", "0042"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 2, 3, 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.SmallestImagePixelValue = -5
    dataset.RescaleSlope, dataset.PixelSpacing = "1.00", ["0.50", "0.5"]
    dataset.ModalityLUTSequence = [Dataset()]
    dataset.ModalityLUTSequence[0].LUTDescriptor = [2, 0, 16]
    dataset.ModalityLUTSequence[0].add_new("LUTData", "US", [1, 2])
    dataset.add_new("PixelData", "OW", bytes(range(12)))
    if change:
        change(dataset)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def archived(content: bytes, syntax: UID) -> bytes:
    """As an archive gives it back that stored it in another transfer syntax and wrote its own tags."""
    dataset = pydicom.dcmread(io.BytesIO(content))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.SourceApplicationEntityTitle = "ARCHIVE"
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.RetrieveAETitle, dataset.InstanceAvailability = "ARCHIVE", "ONLINE"
    dataset.InstitutionName, dataset.AccessionNumber, dataset.PatientSex = "Elsewhere", "77", ""
    dataset.private_block(0x0009, "ARCHIVE", create=True).add_new(1, "LO", "found")
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_dicom_survives_an_archive(syntax: UID) -> None:
    assert canonical_bytes(DICOM, archived(image(), syntax)) == canonical_bytes(DICOM, image())
    assert canonical_bytes(DICOM, archived(archived(image(), syntax), ExplicitVRLittleEndian)) == canonical_bytes(
        DICOM, image()
    )


def test_named_tags_are_those_of_the_standard() -> None:
    assert {tag: tag_for_keyword(keyword) for tag, keyword in NAMED.items()} == {tag: tag for tag in NAMED}


def renamed(dataset: Dataset) -> None:
    dataset.PatientName = "Müller^Georg"


def other_patient(dataset: Dataset) -> None:
    dataset.PatientID = "43"


def one_pixel(dataset: Dataset) -> None:
    dataset.PixelData = bytes(11) + b"\x01"


def rescaled(dataset: Dataset) -> None:
    dataset.RescaleSlope = "1.5"


def other_table(dataset: Dataset) -> None:
    dataset.ModalityLUTSequence[0]["LUTData"].value = [1, 3]


def other_dose(dataset: Dataset) -> None:
    dataset.KVP = "120"


def annotated(dataset: Dataset) -> None:
    dataset.add_new(0x60003000, "OW", b"\x01\x00")


@pytest.mark.parametrize(
    "change",
    [renamed, other_patient, one_pixel, rescaled, other_table, other_dose, annotated],
    ids=lambda f: f.__name__,
)
def test_dicom_content_counts(change: Callable[[Dataset], None]) -> None:
    assert digest(DICOM, image(change)) != digest(DICOM, image())


def test_compressed_pixels_count_without_their_offset_table() -> None:
    frame = bytes(range(100, 140))

    def compressed(has_table: bool, body: bytes = frame) -> bytes:
        def change(dataset: Dataset) -> None:
            dataset.PixelData = encapsulate([body], has_bot=has_table)
            dataset["PixelData"].VR = "OB"

        return image(change, JPEGLSLossless)

    assert digest(DICOM, compressed(True)) == digest(DICOM, compressed(False))
    assert digest(DICOM, compressed(True)) != digest(DICOM, compressed(True, frame[::-1]))
    assert digest(DICOM, compressed(True)) != digest(DICOM, image())


def test_an_instance_without_anything_shown_is_refused() -> None:
    def emptied(dataset: Dataset) -> None:
        del dataset.PixelData

    def report(dataset: Dataset) -> None:
        del dataset.PixelData
        dataset.ContentSequence = [Dataset()]
        dataset.ContentSequence[0].TextValue = "No fracture."

    with pytest.raises(InvalidInput, match="shows nothing"):
        canonical_bytes(DICOM, image(emptied))
    assert b"No fracture." in canonical_bytes(DICOM, image(report))


def test_dicom_refusals() -> None:
    def twice(content: bytes) -> bytes:
        element = b"\x10\x00\x20\x00LO\x04\x000042"
        assert element in content
        return content.replace(element, element + element)

    with pytest.raises(InvalidInput, match=r"'00100020'.*tags must rise"):
        canonical_bytes(DICOM, twice(image()))
    with pytest.raises(InvalidInput, match="no DICOM file"):
        canonical_bytes(DICOM, image()[:200])
    with pytest.raises(InvalidInput, match=r"PixelData.*must be 12 bytes"):
        canonical_bytes(DICOM, image(lambda dataset: setattr(dataset, "PixelData", bytes(10))))
    with pytest.raises(InvalidInput, match="big endian"):
        canonical_bytes(DICOM, image(syntax=ExplicitVRBigEndian))


def test_dicom_without_pydicom_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.startswith("pydicom"):
            raise ImportError(name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPrerequisite, match=r"pip install 'careledger\[dicom\]'"):
        canonical_bytes(DICOM, b"")
