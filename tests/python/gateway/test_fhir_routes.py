"""Claim/$submit and $inquire over HTTP: decided at once, pended, denied, appealed; what is refused sends nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from authorization.pas_bundles import claim_of, dumped, parsed
from careledger.authorization.submission import Submissions
from careledger.contract_enums import Action
from fhir_world import (
    COSMETIC,
    NUTRITION,
    FhirWorld,
    actions,
    appealed,
    bundle,
    equipment,
    inquiry,
    issue_of,
    opened,
    submission,
)


@pytest.fixture(scope="module")
def fhir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FhirWorld]:
    with opened(tmp_path_factory.mktemp("fhir")) as found:
        yield found


def blocks(fhir: FhirWorld) -> int:
    return fhir.world.connection.block_number()


def test_a_request_is_decided_by_line_and_asked_about(fhir: FhirWorld) -> None:
    sent = submission(bundle(equipment(), NUTRITION, COSMETIC, name="lines", patient="M-1"), fhir.covered())
    answer = fhir.submit(sent)
    assert answer.status_code == 201, answer.text
    outcome = fhir.outcome(answer)
    assert actions(outcome) == ["A1", "A4", "A3"]
    assert outcome.lines[0].authorization_number
    assert outcome.lines[1].pend_number
    assert int(answer.headers["x-block-number"]) <= blocks(fhir)
    assert answer.headers["content-location"].startswith(fhir.gateway.url)
    for asked in (inquiry("lines", "M-1"), inquiry(patient="M-1")):
        assert fhir.inquire(asked) == [outcome]
    assert fhir.inquire(inquiry("lines", "M-2")) == []
    assert fhir.inquire(inquiry("never sent", "M-1")) == []


def test_without_the_insurers_word_it_waits_and_a_person_decides(fhir: FhirWorld) -> None:
    made = bundle(equipment(), name="waits", patient="M-3")
    first = fhir.submit(made)
    pended = fhir.outcome(first)
    assert actions(pended) == ["A4"]
    again = fhir.submit(made)
    assert (again.status_code, fhir.outcome(again)) == (200, pended)
    result = fhir.result(first)
    assert set(result) == {"arrival", "request_id", "revision", "kept"}
    fhir.world.review(result["request_id"], 0, Action.DENIED, benefit_class=20, reason=7)
    assert actions(fhir.outcome(fhir.submit(made))) == ["A3"]
    assert [actions(one) for one in fhir.inquire(inquiry("waits", "M-3"))] == [["A3"]]
    appeal = fhir.submit(appealed(made))
    assert (appeal.status_code, actions(fhir.outcome(appeal))) == (201, ["A3"])
    assert any("appeal is open" in note for note in fhir.outcome(appeal).lines[0].notes)


def test_the_same_again_sends_nothing_and_other_content_is_refused(fhir: FhirWorld) -> None:
    sent = submission(bundle(equipment(1), name="again"), fhir.covered())
    first = fhir.submit(sent)
    assert first.status_code == 201, first.text
    before = blocks(fhir)
    again = fhir.submit(sent)
    assert (again.status_code, again.content, blocks(fhir)) == (200, first.content, before)
    other = fhir.submit(submission(bundle(equipment(2), name="again"), fhir.covered()))
    assert (other.status_code, issue_of(other)["code"], blocks(fhir)) == (409, "conflict", before)


def test_an_update_replaces_what_it_changes(fhir: FhirWorld) -> None:
    covered = fhir.covered()
    first = bundle(equipment(1), NUTRITION, name="first", patient="M-4")
    assert fhir.submit(submission(first, covered)).status_code == 201
    later = bundle(equipment(2), NUTRITION, name="later", patient="M-4")
    former = claim_of(bundle(equipment(1), NUTRITION, name="first", patient="M-4"))
    claim_of(later)["id"] = "r2"
    later["entry"][0]["fullUrl"] = "https://ehr.hospital.example/fhir/Claim/r2"
    later["entry"].append({"fullUrl": "https://ehr.hospital.example/fhir/Claim/r1", "resource": former})
    prior = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/ex-relatedclaimrelationship", "code": "prior"}]
    }
    claim_of(later)["related"] = [{"claim": {"reference": "Claim/r1"}, "relationship": prior}]
    updated = fhir.submit(submission(later, covered))
    assert updated.status_code == 201, updated.text
    assert actions(fhir.outcome(updated)) == ["A1", "A4"]
    for asked in (inquiry("first", "M-4"), inquiry("later", "M-4"), inquiry(patient="M-4")):
        assert fhir.inquire(asked) == [fhir.outcome(updated)]
    stale = fhir.submit(first)
    assert (stale.status_code, issue_of(stale)["code"]) == (409, "conflict")


def test_who_will_not_wait_finds_the_result_later(fhir: FhirWorld) -> None:
    sent = submission(bundle(equipment(1), name="later-on"), fhir.covered())
    answer = fhir.submit(sent, Prefer="respond-async", Idempotency_Key="later-on")
    assert answer.status_code == 202
    assert "durably queued" in issue_of(answer)["details"]["text"]
    address = answer.headers["content-location"].removeprefix(fhir.gateway.url)
    until = time.monotonic() + 60
    while (found := fhir.gateway.call("GET", address, "system/Claim.c")).status_code == 202:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert found.status_code == 200, found.text
    assert actions(fhir.outcome(found)) == ["A1"]
    stranger = fhir.gateway.system("narrow").call("GET", address, "documents.read")
    assert (stranger.status_code, issue_of(stranger)["code"]) == (404, "not-found")


def test_the_same_at_once_is_one_request(fhir: FhirWorld) -> None:
    sent = submission(bundle(equipment(1), name="at-once"), fhir.covered())
    before = blocks(fhir)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: fhir.submit(sent), range(4)))
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert len({answer.content for answer in answers}) == 1
    assert blocks(fhir) == before + 1


def test_nothing_of_a_patient_is_in_the_database(fhir: FhirWorld) -> None:
    marked = bundle(NUTRITION, name="Marked-Identifier", patient="Marked-Member")
    assert fhir.submit(submission(marked, fhir.covered())).status_code == 201
    assert len(fhir.inquire(inquiry("Marked-Identifier", "Marked-Member"))) == 1
    kept = b"".join(one.read_bytes() for one in (fhir.folder / "hospital").iterdir() if one.name != "clients.yaml")
    for mark in (b"Marked-Identifier", b"Marked-Member", b"Madeup", b"1970-01-01", b"B4184"):
        assert mark not in kept


def test_what_was_sent_another_way_can_be_asked_about_when_it_came_here(fhir: FhirWorld) -> None:
    made = bundle(NUTRITION, name="sent before", patient="M-5")
    services = fhir.gateway.app.state.services
    claims = Submissions(fhir.world.payer_as(fhir.world.hospital), fhir.world.rule_set, services.vault)
    claims.send(claims.plan(parsed(made).request))
    assert fhir.inquire(inquiry("sent before", "M-5")) == []
    answer = fhir.submit(made)
    assert (answer.status_code, actions(fhir.outcome(answer))) == (200, ["A4"])
    assert fhir.inquire(inquiry("sent before", "M-5")) == [fhir.outcome(answer)]


def test_what_is_no_such_bundle_is_one_operation_outcome_and_sends_nothing(fhir: FhirWorld) -> None:
    before = blocks(fhir)
    nothing = bundle(equipment(0))
    leads_out = bundle(equipment())
    claim_of(leads_out)["patient"] = {"reference": "Patient/another"}
    surplus = submission(bundle(equipment()))
    surplus["parameter"].append({"name": "surplus", "valueString": "x"})
    for content in (b"", b"{", b"[]", b'{"resourceType": "Patient"}', nothing, leads_out, surplus, submission(None)):
        refused = fhir.submit(content)
        assert refused.status_code == 422, refused.text
        issue_of(refused)
    assert [one["details"]["text"] for one in fhir.submit(nothing).json()["issue"]] == ["'0' must be more than 0"]
    unknown = fhir.submit(submission(bundle(equipment()), fhir.covered(), "0x" + 64 * "0"))
    assert (unknown.status_code, issue_of(unknown)["code"]) == (422, "processing")
    assert fhir.post("/fhir/Claim/$inquire", nothing["entry"][0], "system/Claim.r").status_code == 422
    assert blocks(fhir) == before


def test_who_may_not_gets_one_operation_outcome_and_sends_nothing(fhir: FhirWorld) -> None:
    before = blocks(fhir)
    content, path = dumped(bundle(equipment())), "/fhir/Claim/$submit"
    for scope, system, status, code in (
        (None, "ehr", 401, "login"),
        ("documents.read", "narrow", 403, "forbidden"),
        ("system/Claim.r", "ehr", 403, "forbidden"),
        ("system/Claim.c", "payer", 403, "forbidden"),
        ("system/Claim.c", "clinic", 403, "forbidden"),
    ):
        refused = fhir.post(path, content, scope, system)
        assert (refused.status_code, issue_of(refused)["code"]) == (status, code)
    forged = fhir.gateway.call("POST", path, None, data=content, headers={"Authorization": "Bearer x.y.z"})
    assert (forged.status_code, issue_of(forged)["code"]) == (401, "login")
    suspended = fhir.post(path, content, "system/Claim.c", "clinic")
    assert "suspended" in issue_of(suspended)["details"]["text"]
    assert blocks(fhir) == before


def test_what_is_refused_before_a_route_is_one_operation_outcome(fhir: FhirWorld) -> None:
    submit = "/fhir/Claim/$submit"
    deep = b'{"resourceType": "Bundle", "entry": ' + 100 * b"[" + 100 * b"]" + b"}"
    for refused, status in (
        (fhir.post(submit, deep, "system/Claim.c"), 422),
        (fhir.submit(b"{}", Content_Encoding="gzip"), 415),
        (fhir.submit(b"<Bundle/>", Content_Type="application/fhir+xml"), 415),
        (fhir.submit(b"{}", Accept="application/fhir+xml"), 406),
        (fhir.gateway.call("GET", "/fhir/metadata?_format=xml"), 406),
        (fhir.gateway.call("GET", submit), 405),
        (fhir.gateway.call("GET", "/fhir/Patient/1"), 404),
        (fhir.gateway.call("GET", "/fhir/jobs/none", "system/Claim.c"), 422),
        (fhir.gateway.call("GET", "/fhir/jobs/" + 32 * "0", "system/Claim.c"), 404),
    ):
        assert refused.status_code == status, refused.text
        issue_of(refused)
    assert fhir.gateway.call("GET", submit).headers["allow"] == "POST"
    assert fhir.gateway.call("PUT", f"/fhir/Subscription/{32 * '0'}").headers["allow"] == "DELETE, GET"
