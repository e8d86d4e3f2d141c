"""What else is served under /fhir: the CapabilityStatement, resources that are anchored, and the insurer's gateway."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from math import inf

import pytest
from authorization.pas_bundles import EXAMPLES, dumped
from authorization.provider_world import HOSPITAL, INSURER
from careledger.anchoring.canonical import Canonicalization, digest
from careledger.authorization.decision import Line
from careledger.authorization.enrolments import Enrolments, SideSignature
from careledger.authorization.fhir.resources import parse_resource
from careledger.authorization.types import Request, RequestedLine
from careledger.contract_errors import (
    CoveragePolicyInvalidSignature,
    OrganizationRegistryMissingMemberRole,
    PriorAuthorizationUnknown,
)
from fhir_world import FHIR_JSON, FhirWorld, actions, bundle, equipment, gateway_of, issue_of, opened, submission
from rpc_proxy import RpcProxy

PLAN = {
    "resourceType": "DocumentReference",
    "status": "current",
    "content": [{"attachment": {"contentType": "text/plain", "data": "TWFkZSB1cCBmb3IgYSB0ZXN0Lg=="}}],
}
HOME_NURSING = {
    "productOrService": {
        "coding": [{"system": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "code": "G0299"}]
    },
    "quantity": {"value": 4, "system": "https://codesystem.x12.org/005010/355", "code": "VS"},
    "unitPrice": {"value": 165, "currency": "USD"},
    "servicedPeriod": equipment()["servicedPeriod"],
}


@pytest.fixture(scope="module")
def fhir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FhirWorld]:
    with opened(tmp_path_factory.mktemp("fhir")) as found:
        yield found


def test_the_capability_statement_says_what_is_served(fhir: FhirWorld) -> None:
    answer = fhir.gateway.call("GET", "/fhir/metadata", headers={"Accept": FHIR_JSON})
    assert (answer.status_code, answer.headers["content-type"]) == (200, FHIR_JSON)
    parse_resource(answer.content, "CapabilityStatement")
    (rest,) = answer.json()["rest"]
    served = {
        f"{one['type']}{'/$' + part['name'] if 'name' in part else ''}"
        for one in rest["resource"]
        for part in one.get("operation", []) + one.get("interaction", [])
    }
    assert served == {"Claim/$submit", "Claim/$inquire", "Bundle", "DocumentReference", "Subscription"}
    paths = fhir.gateway.call("GET", "/openapi.json").json()["paths"]
    assert served <= {path.removeprefix("/fhir/") for path in paths}
    configuration = fhir.gateway.call("GET", "/fhir/.well-known/smart-configuration").json()
    (token,) = rest["security"]["extension"][0]["extension"]
    assert token["valueUri"] == configuration["token_endpoint"]


def test_a_resource_is_anchored_once_and_a_request_rests_on_it(fhir: FhirWorld) -> None:
    key = {"Idempotency_Key": "plan-of-care"}
    answer = fhir.post("/fhir/DocumentReference?kind=32", PLAN, "system/DocumentReference.c", **key)
    assert (answer.status_code, issue_of(answer)["severity"]) == (201, "information")
    again = fhir.post("/fhir/DocumentReference?kind=32", PLAN, "system/DocumentReference.c", **key)
    assert again.headers["location"] == answer.headers["location"]
    job = fhir.gateway.job("/jobs/" + answer.headers["location"].rpartition("/")[2], "system/Claim.c")
    assert fhir.gateway.call("GET", f"/fhir/jobs/{job['job']}", "system/Claim.c").status_code == 200
    leaf = job["result"]["leaf"]
    assert leaf in issue_of(answer)["details"]["text"]
    receipt = fhir.gateway.call("GET", job["result"]["receipt"], "documents.read").json()
    static = Canonicalization.FHIR_JSON_STATIC
    assert (receipt["canonicalization"], receipt["kind"]) == (static.value, 32)
    # As another server gives it: with its own meta and narrative.
    later = {**PLAN, "meta": {"versionId": "2"}, "text": {"status": "empty", "div": "<div/>"}}
    asked = {"receipt": receipt, "digest": "0x" + digest(static, json.dumps(later).encode()).hex()}
    assert fhir.gateway.call("POST", "/documents/verify", json=asked).json()["answer"] == "active"
    for leaves, expected in ((), "A4"), ((leaf,), "A1"):
        sent = submission(bundle(HOME_NURSING), fhir.covered(), *leaves)
        answer = fhir.submit(sent)
        assert actions(fhir.outcome(answer)) == [expected]


def test_a_bundle_is_anchored_and_what_is_none_is_refused(fhir: FhirWorld) -> None:
    answer = fhir.post("/fhir/Bundle", bundle(equipment()), "system/Bundle.c", Prefer="respond-async")
    assert (answer.status_code, issue_of(answer)["severity"]) == (202, "information")
    address = answer.headers["location"].rpartition("/")[2]
    assert fhir.gateway.job(f"/jobs/{address}", "system/Bundle.c")["kind"] == "documents.anchor"
    before = fhir.world.connection.block_number()
    for path, content, scope, status in (
        ("/fhir/Bundle", PLAN, "system/Bundle.c", 422),
        ("/fhir/DocumentReference", {**PLAN, "status": None, "surplus": 1}, "system/DocumentReference.c", 422),
        ("/fhir/DocumentReference?kind=65536", PLAN, "system/DocumentReference.c", 422),
        ("/fhir/DocumentReference", PLAN, "system/Bundle.c", 403),
    ):
        refused = fhir.post(path, content, scope)
        assert refused.status_code == status, refused.text
        issue_of(refused)
    assert fhir.world.connection.block_number() == before


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the Da Vinci PAS examples are not beside the clone")
def test_the_published_bundles_are_answered(fhir: FhirWorld) -> None:
    for name, expected in (
        ("HomecareAuthorization", ["A4", "A4"]),
        ("HomecareAuthorizationUpdate", ["A4", None, "A4"]),
        ("ReferralAuthorization", ["A4"]),
    ):
        answer = fhir.submit((EXAMPLES / f"Bundle-{name}BundleExample.json").read_bytes())
        assert (answer.status_code, actions(fhir.outcome(answer))) == (201, expected)
    refused = fhir.submit((EXAMPLES / "Bundle-ReferralAuthorizationResponseBundleExample.json").read_bytes())
    assert refused.status_code == 422
    assert issue_of(refused)["expression"] == ["Bundle.entry[0].resource"]


def test_an_outage_is_told_as_one_and_nothing_is_taken(fhir: FhirWorld) -> None:
    with (
        RpcProxy(fhir.node.url) as proxy,
        gateway_of(fhir.world, fhir.node, fhir.folder / "cut-off", HOSPITAL, "development:8", rpc=proxy.url) as cut_off,
    ):
        proxy.lose_requests(times=inf)
        answer = cut_off.call(
            "POST",
            "/fhir/Claim/$submit",
            "system/Claim.c",
            data=dumped(bundle(equipment())),
            headers={"Content-Type": FHIR_JSON},
        )
        assert (answer.status_code, issue_of(answer)["code"]) == (503, "transient")
        assert int(answer.headers["retry-after"]) > 0
        assert cut_off.app.state.services.jobs.page() == []


def test_the_insurers_gateway_cannot_submit_as_the_hospital(fhir: FhirWorld) -> None:
    world = fhir.world
    sent = submission(bundle(equipment(), name="the hospital's"), fhir.covered())
    with gateway_of(
        world, fhir.node, fhir.folder / "insurer", INSURER, "development:5", rate_limit="20/minute"
    ) as insurer:
        before = world.connection.block_number()
        headers = {"Content-Type": FHIR_JSON}
        path = "/fhir/Claim/$submit"
        own = insurer.system("payer").call("POST", path, "system/Claim.c", data=dumped(sent), headers=headers)
        assert (own.status_code, issue_of(own)["code"]) == (422, "processing")
        assert "is not enrolled" in issue_of(own)["details"]["text"]
        others = insurer.system("ehr").call("POST", path, "system/Claim.c", data=dumped(sent), headers=headers)
        assert (others.status_code, issue_of(others)["code"]) == (403, "forbidden")
        assert world.connection.block_number() == before
        flood = {"Authorization": "Bearer flood"}
        answers = [insurer.call("GET", "/fhir/metadata", headers=flood) for _ in range(21)]
        assert (answers[-1].status_code, issue_of(answers[-1])["code"]) == (429, "throttled")
    # With the key alone, past every gateway: the contract takes a request for that of whose key sends it.
    done = fhir.submit(sent)
    assert actions(fhir.outcome(done)) == ["A1"]
    request = fhir.result(done)["request_id"]
    standing = world.payer.authorizations.read("requestOf", world.provider, request)
    forged = Request(request, "0x" + 64 * "1", world.version, world.connection.block_time())
    line = RequestedLine(Line(20, 2, 1000, 0, 0), "0x" + 64 * "2")
    insurer_key = world.authorizations(world.insurer)
    with pytest.raises(OrganizationRegistryMissingMemberRole):
        insurer_key.submit(forged, [line])
    with pytest.raises(PriorAuthorizationUnknown):
        insurer_key.cancel(request, [0])
    assert world.payer.authorizations.read("requestOf", world.provider, request) == standing


def test_the_insurer_cannot_accept_rules_in_the_hospitals_name(fhir: FhirWorld) -> None:
    world = fhir.world
    insurer = Enrolments(world.payer_as(world.insurer))
    before = insurer.of(world.provider, 1001)
    offer = insurer.sign(insurer.offer(world.provider, world.version, world.connection.block_time() + 100))
    assert offer.by_insurer is not None
    for key, refusal in (
        (world.insurer, OrganizationRegistryMissingMemberRole),
        (world.hospital, CoveragePolicyInvalidSignature),
    ):
        forged = SideSignature(key.address, offer.by_insurer.signature)
        with pytest.raises(refusal):
            insurer.enrol(dataclasses.replace(offer, by_provider=forged))
    assert insurer.of(world.provider, 1001) == before
