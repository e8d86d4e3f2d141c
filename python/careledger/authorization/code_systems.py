"""One name for each code system. Published requests write the same system in several ways; a code that is hashed, or
looked up in a tariff or a policy, must be one code however it was written.

What is settled here, each from requests that were published:

- `http` and `https`, capital letters in the host, a slash at the end, a version after `|`;
- OIDs, as `urn:oid:...` or bare;
- HCPCS Level II codes under CPT's URI and CPT codes under HCPCS's. A Level II code is a letter and four digits, and
  CPT has none of that form; so the form decides. X12 itself returns CPT codes under HCPCS (PAS 2.2.1,
  X12278RequestedServiceType);
- two-character modifiers, which both lists have, stand under HCPCS.

A system that is not in the table keeps its own name, apart from scheme, host, slash and version. Systems of other
countries are given when a `CodeSystems` is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from careledger.errors import InvalidInput

__all__ = ["CPT", "HCPCS", "Code", "CodeSystems"]

CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"

MS_DRG = (
    "https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/AcuteInpatientPPS"
    "/MS-DRG-Classifications-and-Software"
)

KNOWN: dict[str, tuple[str, ...]] = {
    CPT: ("CPT", "urn:oid:2.16.840.1.113883.6.12"),
    HCPCS: (
        "HCPCS",
        "urn:oid:2.16.840.1.113883.6.285",
        "urn:oid:2.16.840.1.113883.6.14",
        "http://terminology.hl7.org/CodeSystem/HCPCS",
        "http://www.cms.gov/Medicare/Coding/MedHCPCSGenInfo",
        "http://www.cms.gov/Medicare/Coding/MedHCPCSGenInfo/index.html",
    ),
    "http://hl7.org/fhir/sid/icd-10-cm": ("ICD-10-CM", "urn:oid:2.16.840.1.113883.6.90"),
    "http://www.cms.gov/Medicare/Coding/ICD10": (
        "ICD-10-PCS",
        "urn:oid:2.16.840.1.113883.6.4",
        "http://hl7.org/fhir/sid/icd-10-pcs",
    ),
    "http://terminology.hl7.org/CodeSystem/icd9cm": (
        "ICD-9-CM",
        "urn:oid:2.16.840.1.113883.6.103",
        "urn:oid:2.16.840.1.113883.6.104",
        "http://hl7.org/fhir/sid/icd-9-cm",
    ),
    "http://hl7.org/fhir/sid/ndc": ("NDC", "urn:oid:2.16.840.1.113883.6.69"),
    "http://snomed.info/sct": ("SNOMED", "urn:oid:2.16.840.1.113883.6.96"),
    "http://loinc.org": ("LOINC", "urn:oid:2.16.840.1.113883.6.1"),
    "http://www.nlm.nih.gov/research/umls/rxnorm": ("RXNORM", "urn:oid:2.16.840.1.113883.6.88"),
    "http://unitsofmeasure.org": ("UCUM", "urn:oid:2.16.840.1.113883.6.8"),
    MS_DRG: ("MS-DRG",),
    "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set": ("POS",),
    "https://www.nubc.org/CodeSystem/RevenueCodes": ("REVENUE", "https://www.nubc.org/revenue-code"),
    "https://codesystem.x12.org/005010/1365": ("X12-SERVICE-TYPE",),
}
"""Canonical name -> its other spellings. The canonical one is what the PAS examples and HL7's terminology use."""

SECURE_HOSTS = frozenset({"codesystem.x12.org", "x12.org"})
"""Hosts whose systems are published with https."""

OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+")
HCPCS_CODE = re.compile("[A-Z][0-9]{4}")
MODIFIER = re.compile("[A-Z0-9]{2}")
CPT_CODE = re.compile("[0-9]{4}[0-9A-Z]")
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")
URL = re.compile("https?://(?P<host>[^/?#]*)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
END = re.compile(r"[\s/]+$")


@dataclass(frozen=True)
class Code:
    """A code in its system. Displays are not kept: they are free text, and say nothing that the code does not."""

    system: str
    code: str

    def __str__(self) -> str:
        return f"{self.system}|{self.code}"


class CodeSystems:
    """The table of code systems.

    `others` adds systems, or spellings to those that are known: canonical name -> other spellings, such as
    `{"https://example.org/chs-drg": ("CHS-DRG",)}`. Spellings are compared without regard to capital letters. Raises
    InvalidInput for a spelling that would name two systems, or a canonical name that is no URI.
    """

    def __init__(self, others: Mapping[str, Iterable[str]] | None = None) -> None:
        self._canonical: dict[str, str] = {}
        for known, spellings in KNOWN.items():
            self._add(known, spellings)
        for other, more in (others or {}).items():
            if not URI.fullmatch(other):
                raise InvalidInput("code system", other, "must be a URI; short names are its other spellings")
            self._add(self._canonical.get(_key(other), other), more)

    def canonical(self, system: str) -> str:
        """The one name of a system. One that is not in the table comes back trimmed, with the scheme `http` for
        `https`, the host in small letters, and without slashes at the end and version."""
        known = self._canonical.get(_key(system))
        return known if known is not None else _trimmed(system)

    def knows(self, system: str) -> bool:
        """Whether the table has it, in any spelling."""
        return _key(system) in self._canonical

    def code(self, system: str, code: str) -> Code:
        """The code under its system's one name. CPT and HCPCS codes get capital letters, and the system that their form
        belongs to; one of neither form keeps the system it came under."""
        canonical, text = self.canonical(system), code.strip()
        if canonical not in (CPT, HCPCS):
            return Code(canonical, text)
        text = text.upper()
        if HCPCS_CODE.fullmatch(text) or MODIFIER.fullmatch(text):
            return Code(HCPCS, text)
        return Code(CPT if CPT_CODE.fullmatch(text) else canonical, text)

    def _add(self, canonical: str, spellings: Iterable[str]) -> None:
        for spelling in (canonical, *spellings):
            key = _key(spelling)
            if self._canonical.setdefault(key, canonical) != canonical:
                raise InvalidInput("code system", spelling, f"is a spelling of {self._canonical[key]} already")


def _key(system: str) -> str:
    """What spellings of one system share."""
    return re.sub("^https://", "http://", _trimmed(system)).lower()


def _trimmed(system: str) -> str:
    text = END.sub("", system.strip().partition("|")[0])
    if OID.fullmatch(text):
        return f"urn:oid:{text}"
    url = URL.fullmatch(text)
    if url is None:
        return text.lower() if text.lower().startswith("urn:oid:") else text
    host = url["host"].lower()
    return f"{'https' if host in SECURE_HOSTS else 'http'}://{host}{url['rest']}"
