"""The hospital's requests and inquiries as FHIR bundles (Da Vinci PAS on R4), made up: as its system would send
them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from careledger.authorization.fhir import names
from careledger.authorization.request import BusinessIdentifier
from careledger.demo.cast import HOSPITAL, INSURER, Member

__all__ = ["Item", "identifier", "inquiry", "request"]

BASE = "https://ehr.hospital.example/fhir/"
REQUESTS = "https://hospital.example/requests"
GLN = "urn:oid:1.3.88"
CREATED = "2026-11-22T10:00:00+00:00"
UNITS = {"visit": ("https://codesystem.x12.org/005010/355", "VS"), "month": ("http://unitsofmeasure.org", "mo")}
CODES = {
    "HCPCS": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "CPT": "http://www.ama-assn.org/go/cpt",
    "X12-SERVICE-TYPE": "https://codesystem.x12.org/005010/1365",
}
URGENT = {"coding": [{"system": names.LEVEL_OF_SERVICE_SYSTEM, "code": "U"}]}


@dataclass(frozen=True)
class Item:
    """A service that is asked for. `unit_price` is in whole dollars, `change` as PAS has it: `changed` or `added`."""

    sequence: int
    system: str
    code: str
    quantity: int
    unit: str
    unit_price: int
    change: str | None = None

    def to_fhir(self) -> dict[str, Any]:
        """The item of a Claim."""
        system, unit = UNITS[self.unit]
        extension = [_extension(names.INFO_CHANGED, valueCode=self.change)] if self.change else []
        return {
            **({"extension": extension} if extension else {}),
            "sequence": self.sequence,
            "productOrService": _concept(CODES[self.system], self.code),
            "quantity": {"value": self.quantity, "system": system, "code": unit},
            "unitPrice": {"value": self.unit_price, "currency": "USD"},
        }


def identifier(name: str) -> BusinessIdentifier:
    """Under which the hospital knows a request."""
    return BusinessIdentifier(REQUESTS, name)


def request(
    name: str,
    items: list[Item],
    prior: tuple[str, list[Item]] | None = None,
    *,
    urgent: bool = False,
    left_out: str | None = None,
) -> bytes:
    """A request by its name. `prior` is the name and the items of what it updates; `left_out` is a type of resource
    that the bundle refers to and lacks."""
    extension = [_extension(names.LEVEL_OF_SERVICE, valueCodeableConcept=URGENT)] if urgent else []
    asked = _claim(name, "profile-claim-update" if prior else "profile-claim", items, extension)
    if prior:
        relation = {
            "claim": {"reference": f"Claim/{prior[0]}"},
            "relationship": _concept(names.CLAIM_RELATION, "prior"),
        }
        return _bundle(name, {**asked, "related": [relation]}, [_claim(prior[0], "profile-claim", prior[1])])
    return _bundle(name, asked, left_out=left_out)


def inquiry(name: str) -> bytes:
    """An inquiry about a request by its name."""
    asked = _claim(name, "profile-claim-inquiry")
    return _bundle(f"inquiry-{name}", asked, profile="profile-pas-inquiry-request-bundle")


def _bundle(
    name: str,
    claim: dict[str, Any],
    further: Sequence[dict[str, Any]] = (),
    profile: str = "profile-pas-request-bundle",
    left_out: str | None = None,
) -> bytes:
    patient = {"identifier": [{"system": "https://insurer.example/members", "value": "M-0001"}], "gender": "female"}
    coverage = {
        "identifier": [{"system": "https://insurer.example/policies", "value": "P-0001"}],
        "status": "active",
        "beneficiary": {"reference": "Patient/p1"},
        "payor": [{"reference": "Organization/insurer"}],
    }
    resources = [
        claim,
        *(_organization(member) for member in (HOSPITAL, INSURER)),
        {"resourceType": "Patient", "id": "p1", **patient},
        {"resourceType": "Coverage", "id": "c1", **coverage},
        *further,
    ]
    bundle = {
        "resourceType": "Bundle",
        "meta": {"profile": [names.DEFINITION + profile]},
        "identifier": {"system": "https://hospital.example/bundles", "value": f"B-{name}"},
        "type": "collection",
        "timestamp": CREATED,
        "entry": [
            {"fullUrl": f"{BASE}{one['resourceType']}/{one['id']}", "resource": one}
            for one in resources
            if one["resourceType"] != left_out
        ],
    }
    return json.dumps(bundle).encode()


def _claim(
    name: str, profile: str, items: Sequence[Item] = (), extension: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    return {
        "resourceType": "Claim",
        "id": name,
        "meta": {"profile": [names.DEFINITION + profile]},
        **({"extension": list(extension)} if extension else {}),
        "identifier": [{"system": REQUESTS, "value": name}],
        "status": "active",
        "type": _concept(names.CLAIM_TYPE, "professional"),
        "use": "preauthorization",
        "patient": {"reference": "Patient/p1"},
        "created": CREATED,
        "insurer": {"reference": "Organization/insurer"},
        "provider": {"reference": "Organization/hospital"},
        "priority": _concept(names.TERMINOLOGY + "processpriority", "normal"),
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"reference": "Coverage/c1"}}],
        **({"item": [item.to_fhir() for item in items]} if items else {}),
    }


def _organization(member: Member) -> dict[str, Any]:
    identifier = [{"system": GLN, "value": member.gln}]
    return {"resourceType": "Organization", "id": member.name, "identifier": identifier, "name": member.organization}


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _extension(url: str, **value: Any) -> dict[str, Any]:
    return {"url": url, **value}
