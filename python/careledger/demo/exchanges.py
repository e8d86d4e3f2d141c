"""What systems and people ask the gateways for over HTTP once they are up: the hospital's own submits two requests as
FHIR, of which one waits at the insurer's desk then; and each house's gateway does only what is that house's."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from careledger.authorization.authorizations import Authorizations
from careledger.authorization.eligibility_file import dump_eligibility
from careledger.authorization.fhir.response_bundle import parse_response_bundle
from careledger.authorization.rule_file import load_rule_file
from careledger.authorization.types import Eligibility
from careledger.client import CareLedger
from careledger.demo.cast import HOSPITAL, INSURER, PHARMACY, Cast
from careledger.demo.chapters.authorization import bundles
from careledger.demo.chapters.authorization.bundles import Item
from careledger.demo.chapters.authorization.payer import DESK_KEY, RULES
from careledger.demo.chapters.authorization.requests import MEMBER, PERIOD, answer_words
from careledger.demo.chapters.supply.goods import GTIN
from careledger.demo.errors import GatewayNotUp
from careledger.gateway.client import GatewayClient

__all__ = ["Exchange", "eligibility", "exchange"]

FHIR = {"Content-Type": "application/fhir+json"}
CARE = ("2026-105", [Item(1, "HCPCS", "G0299", 1, "visit", 180)])
REFERRAL = ("2026-106", [Item(1, "X12-SERVICE-TYPE", "3", 2, "visit", 150)])
PACK = f"(01){GTIN:0>14}(21)SN000001(17)391231(10)DEMO-1"
CLINICAL_DOCUMENT = 1
ELIGIBLE_SECONDS = 30 * 86_400
FINAL_SECONDS = 60


@dataclass(frozen=True)
class Exchange:
    """A request to a gateway and what came of it, in words."""

    organization: str
    """Whose gateway."""
    what: str
    request: str
    status: int
    answer: str


def eligibility(ledger: CareLedger, cast: Cast) -> Eligibility:
    """The insurer's word, by its desk's key, that the patient of the story is covered."""
    connection = ledger.connection
    payer = CareLedger(connection, ledger.deployment, cast.actor(DESK_KEY).signer).payer(INSURER.organization)
    until = connection.block_time() + ELIGIBLE_SECONDS
    plan = load_rule_file(RULES).terms.plan
    desk = Authorizations(payer.authorizations, payer.organizations, payer.first_block, payer.signer)
    return desk.sign_eligibility(MEMBER, HOSPITAL.organization, plan, PERIOD, until)


def exchange(systems: Mapping[str, GatewayClient], covered: Eligibility) -> list[Exchange]:
    """Plays them, by the systems of the houses, by the names of their organizations. Raises GatewayNotUp."""
    told = _Exchanges(systems)
    digest = "0x" + hashlib.sha256(b"made-up plan of care").hexdigest()
    plan = {"digest": digest, "kind": CLINICAL_DOCUMENT}
    anchored = told.ask(
        HOSPITAL.organization, "anchor a plan of care", "/documents/digests", "documents.write documents.read", plan
    )
    job = told.final(HOSPITAL.organization, anchored.json()["job"])
    told.said(f"anchored in block {job['result']['block_number']}")
    leaf = job["result"]["leaf"]

    submitted = told.submit("a home visit, with that plan", CARE, covered, [leaf])
    told.said(_decision(submitted))
    submitted = told.submit("a referral, which a person decides", REFERRAL, covered)
    told.said(_decision(submitted))
    block = {"Careledger-Min-Block": submitted.headers["X-Block-Number"]}

    queue = told.ask(INSURER.organization, "see what waits", "/reviews", "reviews.read", method="GET", headers=block)
    told.said(f"lines that wait for a reviewer: {queue.json()['waiting']}")
    forged = told.submit("the same as if it were the hospital", CARE, covered, at=INSURER.organization)
    told.said(forged.json()["issue"][0]["details"]["text"])
    pack = told.ask(
        PHARMACY.organization, "scan a pack that was recalled", "/units/verify", "units.read", {"code": PACK}
    )
    told.said(pack.json()["finding"])
    return told.done


class _Exchanges:
    def __init__(self, systems: Mapping[str, GatewayClient]) -> None:
        self._systems = systems
        self.done: list[Exchange] = []

    def ask(
        self,
        organization: str,
        what: str,
        path: str,
        scope: str | None,
        body: Any = None,
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        data = None if body is None else json.dumps(body)
        stated = {"Content-Type": "application/json", **(headers or {})}
        system = self._systems[organization]
        try:
            answer = system.call(method, path, scope, data=data, headers=stated)
        except requests.RequestException as error:
            raise GatewayNotUp(system.url, type(error).__name__) from None
        self.done.append(Exchange(organization, what, f"{method} {path}", answer.status_code, ""))
        return answer

    def submit(
        self,
        what: str,
        asked: tuple[str, list[Item]],
        covered: Eligibility,
        documents: list[str] | None = None,
        at: str = HOSPITAL.organization,
    ) -> requests.Response:
        word = base64.b64encode(dump_eligibility(covered)).decode()
        parameters = [
            {"name": "resource", "resource": json.loads(bundles.request(*asked))},
            {"name": "eligibility", "valueAttachment": {"contentType": "application/json", "data": word}},
            *({"name": "document", "valueString": leaf} for leaf in documents or []),
        ]
        body = {"resourceType": "Parameters", "parameter": parameters}
        return self.ask(at, f"submit {what}", "/fhir/Claim/$submit", "system/Claim.c", body, headers=FHIR)

    def final(self, organization: str, job: str) -> dict[str, Any]:
        """A job when nothing of it changes any more. Raises GatewayNotUp if that takes too long."""
        system = self._systems[organization]
        until = time.monotonic() + FINAL_SECONDS
        while True:
            found: dict[str, Any] = system.call("GET", f"/jobs/{job}", "documents.write documents.read").json()
            if found["state"] == "final":
                return found
            if found["state"] == "failed" or time.monotonic() > until:
                raise GatewayNotUp(system.url, f"its job {job} is {found['state']}")
            time.sleep(0.1)

    def said(self, words: str) -> None:
        """What came of the last one."""
        last = self.done[-1]
        self.done[-1] = Exchange(last.organization, last.what, last.request, last.status, words)


def _decision(answer: requests.Response) -> str:
    settlement = load_rule_file(RULES).settlement
    if answer.status_code not in {200, 201}:
        return str(answer.json()["issue"][0]["details"]["text"])
    return answer_words(parse_response_bundle(answer.content, settlement))
