"""Our own PAS bundles from the vectors, as values to change, and what tests read them with."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from careledger.authorization.amounts import Settlement
from careledger.authorization.fhir.request_bundle import RequestBundle, parse_request_bundle

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests" / "vectors" / "authorization"
EXAMPLES = ROOT.parent / "shared" / "data" / "pas"
DOLLARS = Settlement("USD", 6)
PAS = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/"
X12 = "https://codesystem.x12.org/"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
CPT = "http://www.ama-assn.org/go/cpt"


def vector(name: str) -> Any:
    """A bundle's values; decimals are Decimal, so that `85.00` is written back as it was."""
    return json.loads((VECTORS / name).read_text(), parse_float=Decimal)


def dumped(value: Any) -> bytes:
    """JSON with each Decimal as the number it is."""
    marks: list[Decimal] = []

    def mark(item: Any) -> str:
        assert isinstance(item, Decimal)
        marks.append(item)
        return f"@decimal{len(marks) - 1}@"

    text = json.dumps(value, default=mark)
    for i, number in enumerate(marks):
        text = text.replace(f'"@decimal{i}@"', str(number))
    return text.encode()


def claim_of(bundle: Any) -> Any:
    return bundle["entry"][0]["resource"]


def parsed(bundle: Any) -> RequestBundle:
    return parse_request_bundle(dumped(bundle), DOLLARS)


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}
