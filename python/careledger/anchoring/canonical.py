"""How a document becomes the bytes whose SHA-256 digest is anchored. A receipt names which of the ways was taken.

- `raw`: the bytes of the file. For PDFs, scans, exports: whatever is kept as a file.
- `jcs`: JSON by RFC 8785. Numbers become IEEE 754 doubles: 1, 1.0 and 1.00 are one value. An integer that a double
  cannot hold is refused; the digits of a decimal that it cannot hold are lost.
- `fhir-json-static`: see `careledger.anchoring.canonical_fhir`.
- `dicom-dataset`: see `careledger.anchoring.canonical_dicom`.
- `epcis-event`: see `careledger.anchoring.canonical_epcis`.
- `json-fields`: a tree of salted fields, to disclose some of them; see `careledger.anchoring.disclosure`.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import rfc8785

from careledger.anchoring.canonical_fhir import static_bytes
from careledger.anchoring.canonical_json import Json, Number, parse
from careledger.errors import InvalidInput
from careledger.identity.identifiers import to_padded

__all__ = ["Canonicalization", "canonical_bytes", "digest"]

LARGEST_INTEGER = 2**53 - 1
LARGEST_INTEGER_DIGITS = 16


class Canonicalization(Enum):
    """A way to canonical bytes, by its name in receipts. `id` is its name on chain."""

    RAW = "raw"
    JCS = "jcs"
    FHIR_JSON_STATIC = "fhir-json-static"
    DICOM_DATASET = "dicom-dataset"
    EPCIS_EVENT = "epcis-event"
    JSON_FIELDS = "json-fields"

    @property
    def id(self) -> bytes:
        """The name as 32 bytes of ASCII, padded on the right."""
        return to_padded(self.value)

    @classmethod
    def named(cls, name: str) -> Canonicalization:
        """By its name. Raises InvalidInput."""
        try:
            return cls(name)
        except ValueError:
            known = ", ".join(one.value for one in cls)
            raise InvalidInput("canonicalization", name, f"is not known; known are {known}") from None


def digest(canonicalization: Canonicalization, source: bytes | Path | io.BufferedIOBase) -> bytes:
    """SHA-256 of the canonical bytes of a document, given as bytes, a file's path or an open binary file.

    `raw` reads a file piece by piece, in flat memory; the others read it whole. An open file is read from where it
    stands. Raises InvalidInput as `canonical_bytes` does, MissingPrerequisite, and OSError for a file.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            return digest(canonicalization, file)
    if isinstance(source, bytes):
        content = source
    elif canonicalization is Canonicalization.RAW:
        return hashlib.file_digest(source, "sha256").digest()
    else:
        content = source.read()
    return hashlib.sha256(canonical_bytes(canonicalization, content)).digest()


def canonical_bytes(canonicalization: Canonicalization, content: bytes) -> bytes:
    """The bytes that the digest is of.

    Raises InvalidInput naming what the canonicalization refuses, and MissingPrerequisite if DICOM needs pydicom.
    """
    match canonicalization:
        case Canonicalization.RAW:
            return content
        case Canonicalization.JCS:
            return rfc8785.dumps(_doubles(parse(content)))
        case Canonicalization.FHIR_JSON_STATIC:
            return static_bytes(content)
        case Canonicalization.DICOM_DATASET:
            from careledger.anchoring.canonical_dicom import dataset_bytes

            return dataset_bytes(content)
        case Canonicalization.EPCIS_EVENT:
            from careledger.anchoring.canonical_epcis import record_bytes

            return record_bytes(content)
        case Canonicalization.JSON_FIELDS:
            raise InvalidInput(
                "canonicalization",
                canonicalization.value,
                "has no bytes of its own: its fields are salted, so the digest is FieldTree.digest",
            )


def _doubles(value: Json) -> Any:
    """The value with its numbers as `int` or `float`."""
    if isinstance(value, Number):
        return _double(value)
    if isinstance(value, Mapping):
        return {name: _doubles(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_doubles(item) for item in value]
    return value


def _double(text: Number) -> int | float:
    if text.lstrip("-").isdigit():
        if len(text) <= LARGEST_INTEGER_DIGITS + 1 and abs(int(text)) <= LARGEST_INTEGER:
            return int(text)
        raise InvalidInput("number", text, "is an integer beyond 2^53 - 1, which RFC 8785 would round")
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise InvalidInput("number", text, "is too large for a double (RFC 8785, 3.2.2.3)")
    return number
