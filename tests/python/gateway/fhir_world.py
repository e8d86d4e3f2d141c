"""A hospital and an insurer on a chain, the hospital's gateway, and PAS bundles to send it."""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
from authorization.pas_bundles import CPT, HCPCS, PAS, X12, claim_of, concept, dumped, vector
from authorization.provider_world import HOSPITAL, INSURER, RULES, ProviderWorld
from careledger.authorization.eligibility_file import dump_eligibility
from careledger.authorization.fhir.resources import parse_resource
from careledger.authorization.fhir.response_bundle import parse_response_bundle
from careledger.authorization.outcome import AuthorizationOutcome
from careledger.chain.development import Node
from careledger.gateway.access import SCOPES
from careledger.identity import MemberRole, Reason
from careledger.vault import ScryptCost, Vault
from gateway_stage import Served, serve

__all__ = [
    "COSMETIC",
    "FHIR_JSON",
    "NUTRITION",
    "FhirWorld",
    "actions",
    "bundle",
    "equipment",
    "inquiry",
    "issue_of",
    "opened",
    "submission",
]

FHIR_JSON = "application/fhir+json"
SUSPENDED = "closed-clinic.example"
FIRST_DAY = dt.datetime.now(dt.UTC).date() + dt.timedelta(7)
REQUESTS = "https://hospital.example/requests"
_numbers = itertools.count(1)

Item = dict[str, Any]
NUTRITION: Item = {
    "productOrService": concept(HCPCS, "B4184"),
    "quantity": {"value": 1},
    "unitPrice": {"value": Decimal("10.00"), "currency": "USD"},
}
"""A person decides it."""
COSMETIC: Item = {"productOrService": concept(CPT, "15780"), "quantity": {"value": 1}}
"""The contract excludes it."""


def equipment(months: int = 3) -> Item:
    """The rules approve it, up to 12 months in a period."""
    return {
        "productOrService": concept(HCPCS, "E0601"),
        "servicedPeriod": {"start": FIRST_DAY.isoformat()},
        "quantity": {"value": months, "system": "http://unitsofmeasure.org", "code": "mo"},
        "unitPrice": {"value": Decimal("80.00"), "currency": "USD"},
    }


@dataclass(frozen=True)
class FhirWorld:
    """`gateway` is the hospital's. Its systems: `ehr` may do everything, `narrow` reads documents, `payer` is of the
    insurer, `clinic` of an organization that is suspended."""

    world: ProviderWorld
    node: Node
    folder: Path
    gateway: Served

    def post(
        self, path: str, content: bytes | Any, scope: str | None, system: str = "ehr", **headers: str
    ) -> requests.Response:
        body = content if isinstance(content, bytes) else dumped(content)
        sent = {"Content-Type": FHIR_JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.gateway.system(system).call("POST", path, scope, data=body, headers=sent)

    def submit(self, content: bytes | Any, **headers: str) -> requests.Response:
        return self.post("/fhir/Claim/$submit", content, "system/Claim.c", **headers)

    def inquire(self, content: bytes | Any, **headers: str) -> list[AuthorizationOutcome]:
        """The outcomes that are returned."""
        answer = self.post("/fhir/Claim/$inquire", content, "system/Claim.r", **headers)
        assert answer.status_code == 200, answer.text
        parse_resource(answer.content, "Parameters")
        found = json.loads(answer.text, parse_float=Decimal).get("parameter", [])
        return [parse_response_bundle(dumped(one["resource"]), self.world.rule_set.settlement) for one in found]

    def outcome(self, answer: requests.Response) -> AuthorizationOutcome:
        """What a ClaimResponse bundle says."""
        assert answer.headers["content-type"] == FHIR_JSON
        return parse_response_bundle(answer.content, self.world.rule_set.settlement)

    def result(self, answer: requests.Response) -> Any:
        """What the job came to whose answer it is."""
        job = answer.headers["content-location"].rpartition("/")[2]
        return self.gateway.call("GET", f"/jobs/{job}", "system/Claim.c").json()["result"]

    def covered(self) -> Any:
        """The insurer's word for a member whom no other test asks about."""
        return self.world.eligibility("0x" + f"{next(_numbers):032x}")


def actions(outcome: AuthorizationOutcome) -> list[str | None]:
    return [line.action and line.action.value for line in outcome.lines]


def bundle(*items: Item, name: str = "", patient: str = "M-0001", **claim: Any) -> Any:
    """A request for these items under an identifier of its own."""
    made = vector("request.json")
    stated = claim_of(made)
    stated["identifier"] = [{"system": REQUESTS, "value": name or f"f-{next(_numbers)}"}]
    stated["item"] = [{"sequence": number, **item} for number, item in enumerate(items, start=1)]
    del stated["supportingInfo"], stated["careTeam"], stated["diagnosis"]
    stated.update(claim)
    _patient_of(made)["identifier"][0]["value"] = patient
    return made


def inquiry(name: str | None = None, patient: str = "M-0001") -> Any:
    """An inquiry by an identifier, or about all of a patient's requests."""
    made = vector("inquiry.json")
    stated = claim_of(made)
    stated.pop("item", None)
    stated.pop("identifier")
    if name is not None:
        stated["identifier"] = [{"system": REQUESTS, "value": name}]
    _patient_of(made)["identifier"][0]["value"] = patient
    return made


def appealed(made: Any) -> Any:
    """The same request as an appeal of what was decided."""
    certification = {
        "url": f"{PAS}extension-certificationType",
        "valueCodeableConcept": concept(f"{X12}005010/1322", "1"),
    }
    claim_of(made)["extension"].append(certification)
    return made


def submission(made: Any, eligibility: Any = None, *leaves: str) -> Any:
    """Parameters with a bundle, the insurer's word and anchored documents."""
    parameters: list[Any] = [{"name": "resource", "resource": made}]
    if eligibility is not None:
        data = base64.b64encode(dump_eligibility(eligibility)).decode()
        parameters.append({"name": "eligibility", "valueAttachment": {"contentType": "application/json", "data": data}})
    parameters += [{"name": "document", "valueString": leaf} for leaf in leaves]
    return {"resourceType": "Parameters", "parameter": parameters}


def issue_of(answer: requests.Response) -> Any:
    """The first issue of an answer that is one valid OperationOutcome."""
    assert answer.headers["content-type"] == FHIR_JSON, answer.text
    parse_resource(answer.content, "OperationOutcome")
    return answer.json()["issue"][0]


@contextmanager
def opened(folder: Path, **settings: Any) -> Iterator[FhirWorld]:
    """Everything, until the context ends. `settings` are the hospital's gateway's."""
    with Node() as node:
        world = ProviderWorld(node.connect(), folder / "deployments")
        registrar = world.ledger.acting_as(world.admin).organizations
        world._admit(SUSPENDED, MemberRole.PROVIDER)
        registrar.suspend(SUSPENDED, Reason.LICENCE_LAPSED)
        with gateway_of(world, node, folder / "hospital", HOSPITAL, "development:8", **settings) as served:
            yield FhirWorld(world, node, folder, served)


@contextmanager
def gateway_of(
    world: ProviderWorld, node: Node, folder: Path, organization: str, signer: str, **settings: Any
) -> Iterator[Served]:
    """The gateway of an organization of the world."""
    folder.mkdir()
    Vault.create(folder / "vault.db", "passphrase", cost=ScryptCost(n=2)).close()
    clients: dict[str, Any] = {
        "ehr": (HOSPITAL, SCOPES),
        "narrow": (HOSPITAL, ["documents.read"]),
        "payer": (INSURER, SCOPES),
        "clinic": (SUSPENDED, SCOPES),
    }
    stated = {
        "organization": organization,
        "rpc": node.url,
        "signer": signer,
        "vault": str(folder / "vault.db"),
        "passphrase": "passphrase",
        "deployments": str(folder.parent / "deployments"),
        "database": f"sqlite:///{folder / 'gateway.db'}",
        "confirmations": "1",
        "payer": INSURER,
        "rules": str(RULES),
    }
    with serve(folder, clients, **{**stated, **settings}) as served:
        yield served


def _patient_of(made: Any) -> Any:
    return next(one["resource"] for one in made["entry"] if one["resource"]["resourceType"] == "Patient")
