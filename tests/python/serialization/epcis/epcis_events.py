"""Our own EPCIS events as JSON values to change, and where the published ones are."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from careledger.anchoring.canonical_json import Json, write
from careledger.serialization.epcis import Document, Event, read_document, read_json

ROOT = Path(__file__).resolve().parents[4]
VECTORS = ROOT / "tests" / "vectors" / "anchoring"
SHARED = ROOT.parent / "shared" / "data"
STANDARD = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
MAKER = "https://maker.example/epcis/"
CONTEXT = [STANDARD, {"maker": MAKER}]
PACK_1, PACK_2 = "urn:epc:id:sgtin:9521321.010001.SN1", "urn:epc:id:sgtin:9521321.010001.SN2"
CASE = "urn:epc:id:sscc:9521321.0000000017"
WHEN: dict[str, Any] = {"eventTime": "2026-03-02T09:30:00.000+01:00", "eventTimeZoneOffset": "+01:00"}

OBJECT: dict[str, Any] = {
    "type": "ObjectEvent",
    **WHEN,
    "eventID": "urn:uuid:6b1c2f9e-30cd-4a2f-9b51-0d8a3f1f6a01",
    "action": "ADD",
    "bizStep": "commissioning",
    "disposition": "active",
    "epcList": [PACK_1, PACK_2],
    "readPoint": {"id": "urn:epc:id:sgln:9521321.00001.0", "maker:line": "7"},
    "ilmd": {"cbvmda:lotNumber": "L-0042", "maker:shift": {"maker:hours": [8, 9.5], "plain": None}},
    "sensorElementList": [
        {
            "sensorMetadata": {"deviceID": "urn:epc:id:giai:9521321.LOG1", "maker:firmware": "2.10"},
            "sensorReport": [{"type": "Temperature", "value": 5.25, "uom": "CEL", "maker:raw": 1}],
            "maker:seal": True,
        }
    ],
    "maker:batch": [{"maker:a": "1"}, "2", 3, False],
}
AGGREGATION: dict[str, Any] = {
    "type": "AggregationEvent",
    **WHEN,
    "action": "ADD",
    "bizStep": "packing",
    "parentID": CASE,
    "childEPCs": [PACK_1, PACK_2],
    "childQuantityList": [{"epcClass": "urn:epc:class:lgtin:9521321.020002.L1", "quantity": 2.5, "uom": "KGM"}],
    "persistentDisposition": {"set": ["completeness_verified"], "unset": ["available"]},
}
TRANSACTION: dict[str, Any] = {
    "type": "TransactionEvent",
    **WHEN,
    "action": "ADD",
    "bizTransactionList": [{"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:9521321000018:1152"}],
    "parentID": CASE,
    "quantityList": [{"epcClass": "urn:epc:idpat:sgtin:9521321.010001.*", "quantity": 12}],
    "bizLocation": {"id": "urn:epc:id:sgln:9521321.00001.0"},
    "sourceList": [{"type": "owning_party", "source": "urn:epc:id:pgln:9521321.00001"}],
    "destinationList": [{"type": "location", "destination": "urn:epc:id:sgln:9521321.00002.B1"}],
    "certificationInfo": ["https://certificate.example/1"],
}
TRANSFORMATION: dict[str, Any] = {
    "type": "TransformationEvent",
    **WHEN,
    "inputEPCList": [PACK_1],
    "inputQuantityList": [{"epcClass": "urn:epc:class:lgtin:9521321.010001.A7"}],
    "outputEPCList": ["urn:epc:id:sgtin:9521321.040004.T1"],
    "outputQuantityList": [{"epcClass": "urn:epc:class:lgtin:9521321.040004.B8", "quantity": 3}],
    "transformationID": "urn:epc:id:gdti:9521321.00001.8",
    "ilmd": {"cbvmda:lotNumber": "B8"},
    "errorDeclaration": {
        "declarationTime": "2026-03-05T00:00:00Z",
        "reason": "incorrect_data",
        "correctiveEventIDs": ["urn:uuid:6b1c2f9e-30cd-4a2f-9b51-0d8a3f1f6a02"],
        "maker:by": "quality",
    },
    "recordTime": "2026-03-02T08:31:00Z",
}
ASSOCIATION: dict[str, Any] = {
    "type": "AssociationEvent",
    **WHEN,
    "action": "ADD",
    "parentID": "urn:epc:id:grai:9521321.00001.55",
    "childEPCs": ["urn:epc:id:giai:9521321.LOG1"],
}
EVENTS = (OBJECT, AGGREGATION, TRANSACTION, TRANSFORMATION, ASSOCIATION)


def document(*events: Any, **changes: Any) -> dict[str, Any]:
    """A capture document of events."""
    head = {"@context": CONTEXT, "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": WHEN["eventTime"]}
    return {**head, "epcisBody": {"eventList": list(events)}, **changes}


def changed(event: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An event with other fields; one that is None is left out."""
    return {name: value for name, value in {**deepcopy(event), **changes}.items() if value is not None}


def read(value: Any) -> Document:
    return read_json(json.dumps(value).encode())


def event_of(event: dict[str, Any]) -> Event:
    """The event as one of our context."""
    return read(document(event)).events[0]


def as_json(tree: Json) -> Any:
    """What is written, as a JSON reader has it."""
    return json.loads(write(tree))


def shared(*names: str) -> Path:
    """A published file; skips where the published data are not at hand."""
    path = SHARED.joinpath(*names)
    if not path.exists():
        pytest.skip(f"published EPCIS data are not at hand: {path.relative_to(ROOT.parent)}")
    return path


def published_documents() -> list[Path]:
    """All published documents, JSON and XML."""
    shared("epcis")
    return sorted(
        path
        for folder in ("epcis", "event_hash")
        for path in (SHARED / folder).iterdir()
        if path.suffix in (".jsonld", ".xml")
    )


def first_event(path: Path) -> Event:
    return read_document(path.read_bytes()).events[0]
