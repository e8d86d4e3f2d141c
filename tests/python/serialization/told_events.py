"""EPCIS 2.0 events as a maker, a wholesaler and a pharmacy tell them, in JSON."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Mapping
from typing import Any

from serialization.trade_stage import GTIN

__all__ = [
    "GLNS",
    "commissioning",
    "container_uri",
    "document",
    "event",
    "master_data",
    "objects",
    "pack_uri",
    "packing",
    "receiving",
    "shipping",
]

GLNS = {"maker": "0300010000008", "wholesaler": "0300010000015", "pharmacy": "0300010000022"}
_seconds = itertools.count()


def master_data(organizations: Mapping[str, str]) -> bytes:
    """Whose the GLNs are: from the keys of `GLNS` to names or ids of organizations."""
    address = {"street": ["1 Example Way"], "city": "Springfield", "country": "US"}
    parties = [
        {"gln": GLNS[who], "name": who, "organization": name, "address": address} for who, name in organizations.items()
    ]
    return json.dumps({"format": "careledger-master-data", "version": 1, "parties": parties}).encode()


def document(*events: dict[str, Any]) -> bytes:
    return json.dumps(
        {
            "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-01T00:00:00Z",
            "epcisBody": {"eventList": list(events)},
        }
    ).encode()


def event(kind: str, at: str, **fields: Any) -> dict[str, Any]:
    """An event of a party, a second after the one before."""
    second = next(_seconds)
    when = f"2026-01-02T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
    place = {"id": f"https://id.gs1.org/414/{GLNS[at]}"}
    return {"type": kind, "eventTime": when, "eventTimeZoneOffset": "+00:00", "readPoint": place, **fields}


def pack_uri(serial: str) -> str:
    return f"https://id.gs1.org/01/{GTIN}/21/{serial}"


def container_uri(name: str) -> str:
    return f"https://id.gs1.org/00/{name}"


def commissioning(expiry: dt.date, serials: list[str], number: str, at: str = "maker") -> dict[str, Any]:
    return event(
        "ObjectEvent",
        at,
        action="ADD",
        bizStep="commissioning",
        epcList=[pack_uri(serial) for serial in serials],
        ilmd={"cbvmda:lotNumber": number, "cbvmda:itemExpirationDate": expiry.isoformat()},
    )


def packing(parent: str, children: list[str], action: str = "ADD", at: str = "maker") -> dict[str, Any]:
    step = "packing" if action == "ADD" else "unpacking"
    return event(
        "AggregationEvent", at, action=action, bizStep=step, parentID=container_uri(parent), childEPCs=children
    )


def shipping(name: str, at: str, to: str, **fields: Any) -> dict[str, Any]:
    destination = {"type": "possessing_party", "destination": f"https://id.gs1.org/417/{GLNS[to]}"}
    return event(
        "ObjectEvent",
        at,
        action="OBSERVE",
        bizStep="shipping",
        epcList=[container_uri(name)],
        destinationList=[destination],
        **fields,
    )


def receiving(name: str, at: str) -> dict[str, Any]:
    return event("ObjectEvent", at, action="OBSERVE", bizStep="receiving", epcList=[container_uri(name)])


def objects(at: str, step: str, uris: list[str], action: str = "OBSERVE", **fields: Any) -> dict[str, Any]:
    return event("ObjectEvent", at, action=action, bizStep=step, epcList=uris, **fields)
