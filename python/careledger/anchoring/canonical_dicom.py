"""`dicom-dataset`: what a DICOM instance shows and of whom, however a server stores it.

The canonical bytes are JSON (RFC 8785) of an object: each tag as `GGGGEEEE`, and for it the list of its values as
text, or for binary values `{"sha256": ...}` of their bytes. A sequence is a list of such objects.

**Named**, each only if it has a value:

- the instance and its place: SOPClassUID, SOPInstanceUID, StudyInstanceUID, SeriesInstanceUID, FrameOfReferenceUID,
  InstanceNumber, Modality, ImageType, and the dates and times of study, series, acquisition and content;
- the patient: PatientName, PatientID, PatientBirthDate, PatientSex. They are content: an image of another patient is
  another image. (The digest is salted before it is anchored.) An archive that reconciles them makes another document;
- side, position and geometry: Laterality, ImageLaterality, PatientOrientation, ImagePositionPatient,
  ImageOrientationPatient, SliceLocation, TemporalPositionIdentifier, AnatomicRegionSequence, and the functional groups
  of multi-frame images;
- how it was acquired, is drawn and is measured: every tag of the groups 0018, 0028, 0054, 5400, and overlays (60xx);
- reports, waveforms and documents: ConceptNameCodeSequence, ContentSequence, CompletionFlag, VerificationFlag,
  VerifyingObserverSequence, DocumentTitle, MIMETypeOfEncapsulatedDocument, EncapsulatedDocument;
- the pixels: PixelData, FloatPixelData, DoubleFloatPixelData.

**Not named**, because archives and routers write them: the preamble and file meta group 0002, group lengths,
SpecificCharacterSet (text is compared decoded), private tags, empty elements, retrieval and storage tags (0008,0054 and
the like), institution, station and physicians, accession number and study description, identifiers other than
PatientID, OriginalAttributesSequence, digital signatures. PixelDataProviderURL and the lossy-compression ratio are
named with group 0028. Inside a named sequence every public tag counts.

**Pixels**: native pixel data by its bytes, so that implicit and explicit little endian and deflated agree. Compressed
pixel data by its transfer syntax and its fragments joined, without the offset table: decoding or compressing it anew,
even without loss, makes another document. Big endian (retired) is refused. So is an instance with nothing to show: no
pixels, no report, no waveform, no document; anchor such with `raw`.
"""

from __future__ import annotations

import hashlib
import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any

from careledger.anchoring.canonical_json import Json, write
from careledger.errors import CareLedgerError, InvalidInput, MissingPrerequisite

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset, FileDataset

__all__ = ["GROUPS", "NAMED", "dataset_bytes"]

GROUPS = frozenset((0x0018, 0x0028, 0x0054, 0x5400, *range(0x6000, 0x6020, 2)))
"""Groups of which every tag is named."""

PIXELS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}
SHOWN = {0x0040A730: "ContentSequence", 0x00420011: "EncapsulatedDocument", 0x54000100: "WaveformSequence"}
NAMED = {
    0x00080008: "ImageType",
    0x00080016: "SOPClassUID",
    0x00080018: "SOPInstanceUID",
    0x00080020: "StudyDate",
    0x00080021: "SeriesDate",
    0x00080022: "AcquisitionDate",
    0x00080023: "ContentDate",
    0x0008002A: "AcquisitionDateTime",
    0x00080030: "StudyTime",
    0x00080031: "SeriesTime",
    0x00080032: "AcquisitionTime",
    0x00080033: "ContentTime",
    0x00080060: "Modality",
    0x00082218: "AnatomicRegionSequence",
    0x00100010: "PatientName",
    0x00100020: "PatientID",
    0x00100030: "PatientBirthDate",
    0x00100040: "PatientSex",
    0x0020000D: "StudyInstanceUID",
    0x0020000E: "SeriesInstanceUID",
    0x00200013: "InstanceNumber",
    0x00200020: "PatientOrientation",
    0x00200032: "ImagePositionPatient",
    0x00200037: "ImageOrientationPatient",
    0x00200052: "FrameOfReferenceUID",
    0x00200060: "Laterality",
    0x00200062: "ImageLaterality",
    0x00200100: "TemporalPositionIdentifier",
    0x00201041: "SliceLocation",
    0x0040A043: "ConceptNameCodeSequence",
    0x0040A073: "VerifyingObserverSequence",
    0x0040A491: "CompletionFlag",
    0x0040A493: "VerificationFlag",
    0x00420010: "DocumentTitle",
    0x00420012: "MIMETypeOfEncapsulatedDocument",
    0x52009229: "SharedFunctionalGroupsSequence",
    0x52009230: "PerFrameFunctionalGroupsSequence",
    **SHOWN,
    **PIXELS,
}
"""The tags that are named one by one, with their keywords."""

LONG_TEXT = frozenset(("LT", "ST", "UT", "UC"))
"""Value representations in which spaces in front count (DICOM PS3.5, 6.2)."""

BIG_ENDIAN = "1.2.840.10008.1.2.2"


def dataset_bytes(content: bytes) -> bytes:
    """The canonical bytes of a DICOM file (PS3.10).

    Raises MissingPrerequisite without pydicom, and InvalidInput for what is no DICOM file, breaks the order of tags,
    has less pixel data than it says, or nothing to show.
    """
    try:
        import pydicom
    except ImportError:
        raise MissingPrerequisite("pydicom", "DICOM needs it: pip install 'careledger[dicom]'") from None
    try:
        _check_order(content)
        dataset = pydicom.dcmread(BytesIO(content))
        syntax = str(dataset.file_meta.TransferSyntaxUID)
        if syntax == BIG_ENDIAN:
            raise InvalidInput("transfer syntax", syntax, "is big endian, retired in 2006: convert it first")
        body = _object(dataset, _named)
        for tag in PIXELS:
            if tag in dataset:
                body[f"{tag:08X}"] = _pixels(dataset, tag, syntax)
    except CareLedgerError:
        raise
    except Exception as problem:  # a damaged file makes pydicom raise many kinds
        raise InvalidInput("content", type(problem).__name__, "is no DICOM file that pydicom can read") from problem
    if not any(f"{tag:08X}" in body for tag in (*SHOWN, *PIXELS)):
        raise InvalidInput("content", str(dataset.get("SOPClassUID")), "shows nothing that is named here: use raw")
    return write(body).encode()


def _check_order(content: bytes) -> None:
    """Tags rise and none stands twice (PS3.5, 7.1): of two, one reader would take the first, another the last.

    Inside sequences it is not checked: pydicom takes the last.
    """
    from pydicom.filereader import read_partial

    last = -1

    def look(tag: int, _vr: str | None, _length: int) -> bool:
        nonlocal last
        if tag <= last:
            raise InvalidInput("tag", f"{tag:08X}", f"stands after {last:08X}: tags must rise")
        last = int(tag)
        return False

    read_partial(BytesIO(content), stop_when=look)


def _named(element: DataElement) -> bool:
    return (int(element.tag) in NAMED or element.tag.group in GROUPS) and int(element.tag) not in PIXELS


def _public(element: DataElement) -> bool:
    return not element.tag.is_private


def _object(dataset: Dataset, wanted: Any) -> dict[str, Json]:
    """The wanted elements that have a value, but for group lengths."""
    found: dict[str, Json] = {}
    for element in dataset:
        if element.tag.element and wanted(element):
            values = _values(element)
            if values:
                found[f"{int(element.tag):08X}"] = values
    return found


def _values(element: DataElement) -> list[Json] | dict[str, Json]:
    """What the element says; empty if nothing."""
    if element.VR == "SQ":
        return [_object(item, _public) for item in element.value]
    value = element.value
    if value is None or (isinstance(value, str | bytes) and not value):
        return []
    several = isinstance(value, list | tuple) or element.VM > 1
    values = list(value) if several else [value]
    if all(isinstance(one, int) for one in values) and _may_be_bytes(element):
        value = struct.pack(f"<{len(values)}H", *values)
    if isinstance(value, bytes):
        return {"sha256": hashlib.sha256(value).hexdigest()}
    texts: list[Json] = [_text(element.VR, one) for one in values]
    return texts if any(texts) else []


def _may_be_bytes(element: DataElement) -> bool:
    """Whether the standard lets the values be words or bytes, and servers choose: lookup tables."""
    from pydicom.datadict import dictionary_has_tag, dictionary_VR

    return dictionary_has_tag(element.tag) and dictionary_VR(element.tag) == "US or OW"


def _text(vr: str, value: Any) -> str:
    if vr == "AT":
        return f"{int(value):08X}"
    text = str(value)
    if vr == "PN":
        return "=".join(group.strip().rstrip("^") for group in text.split("=")).rstrip("=")
    return text.rstrip(" \0") if vr in LONG_TEXT else text.strip(" \0")


def _pixels(dataset: FileDataset, tag: int, syntax: str) -> dict[str, Json]:
    from pydicom.encaps import generate_fragments, parse_basic_offsets
    from pydicom.pixels.utils import get_expected_length
    from pydicom.uid import UID

    value = bytes(dataset[tag].value)
    if UID(syntax).is_encapsulated:
        stream = BytesIO(value)
        parse_basic_offsets(stream)
        hashed = hashlib.sha256()
        for fragment in generate_fragments(stream):
            hashed.update(fragment)
        return {"sha256": hashed.hexdigest(), "transferSyntax": syntax}
    expected = get_expected_length(dataset, unit="bytes")
    if len(value) < expected:
        raise InvalidInput(PIXELS[tag], f"{len(value)} bytes", f"must be {expected} bytes by its rows and columns")
    if len(value) == expected + 1:
        value = value[:expected]
    return {"sha256": hashlib.sha256(value).hexdigest(), "transferSyntax": "native"}
