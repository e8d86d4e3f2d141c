"""An insurer's desk over HTTP: the queue, decisions by the reviewer's key, questions, what is past due, claim lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from authorization.payer_requests import DOLLAR, EQUIPMENT, NUTRITION, asked, claimed
from authorization.provider_world import HOSPITAL, ProviderWorld
from careledger.authorization.claims import Claims
from careledger.authorization.commitments import Subject, commitment
from careledger.contract_enums import Action, AppealStatus, ClaimStatus, LineStatus
from desk_stage import HOSPITAL_KEY, REVIEWER, insurer_gateway, provider_world
from gateway_stage import SECONDS, Served
from identity.suite import travel
from register_acts import answered

DAY = 86_400
REASON = 4
BUNDLED = 97
"""CARC: the payment is included in that of another service."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ProviderWorld, Path]]:
    with provider_world(tmp_path_factory.mktemp("world")) as found:
        yield found


@pytest.fixture(scope="module")
def world(stage: tuple[ProviderWorld, Path]) -> ProviderWorld:
    return stage[0]


@pytest.fixture(scope="module")
def desk(stage: tuple[ProviderWorld, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with insurer_gateway(*stage, tmp_path_factory.mktemp("insurer"), reviewer=REVIEWER) as served:
        yield served


def waiting(desk: Served, request: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = answered(desk, "/reviews", "reviews.read", params={"limit": 500})["lines"]
    return [line for line in lines if line["request"] == request]


def decide(desk: Served, request: str, action: str, sequence: int = 1, key: str = "", **values: Any) -> Any:
    body = {"provider": HOSPITAL, "sequence": sequence, "action": action, **values}
    headers = {"Idempotency-Key": key} if key else {}
    return desk.call("POST", f"/reviews/{request}/0", "reviews.write", json=body, headers=headers)


def state(world: ProviderWorld, request: str) -> Any:
    found = world.authorizations(world.hospital).line(world.provider, request, 0)
    assert found is not None
    return found


def test_a_pended_line_is_decided_by_the_reviewer_and_leaves_the_queue(world: ProviderWorld, desk: Served) -> None:
    request = asked(world, NUTRITION, expedited=True)
    (line,) = waiting(desk, request)
    assert (line["waits_for"], line["basis"], line["expedited"]) == ("decision", "REVIEW_REQUIRED", True)
    assert (line["sequence"], line["milli_units_requested"], line["amount_requested"]) == (1, 2000, 200 * DOLLAR)
    assert 71 * 3600 < line["seconds_left"] <= 72 * 3600
    answer = decide(desk, request, "APPROVED_IN_PART", reason=REASON, milli_units=1000, statement="One will do.")
    assert answer.status_code == 201, answer.text
    result = answer.json()["result"]
    assert "LineDecided" in result["events"]
    assert result["reviewer_key"] == world.reviewers[0].address
    found = state(world, request)
    assert (found.status, found.milli_units) == (LineStatus.PARTIAL, 1000)
    assert waiting(desk, request) == []
    kept = desk.call("GET", f"/review-statements/{result['statement']}", "reviews.read").json()
    assert kept["text"] == "One will do."
    again = commitment(Subject.STATEMENT, kept["text"].encode(), bytes.fromhex(kept["salt"][2:]))
    assert again == result["statement"]
    assert "One will do." not in answer.text


def test_the_same_key_is_one_decision_and_a_stale_one_is_refused(world: ProviderWorld, desk: Served) -> None:
    request = asked(world, NUTRITION)
    first = decide(desk, request, "DENIED", key="denial-1", reason=REASON)
    assert first.status_code == 201, first.text
    again = decide(desk, request, "DENIED", key="denial-1", reason=REASON)
    assert (again.status_code, again.json()["job"]) == (201, first.json()["job"])
    stale = decide(desk, request, "APPROVED_IN_FULL")
    assert (stale.status_code, stale.json()["title"], stale.json()["sequence"]) == (409, "Decided meanwhile", 2)
    assert state(world, request).status is LineStatus.DENIED


def test_an_appeal_is_refused_to_who_decided_before(world: ProviderWorld, desk: Served) -> None:
    request = asked(world, NUTRITION)
    assert decide(desk, request, "DENIED", reason=REASON).status_code == 201
    world.authorizations(world.hospital).appeal(request, 0, 2, world.connection.block_time())
    (line,) = waiting(desk, request)
    assert (line["waits_for"], line["reviewer"]) == ("appeal", "0x" + b"reviewer one".hex())
    answer = decide(desk, request, "APPROVED_IN_FULL", sequence=2)
    assert (answer.status_code, answer.json()["title"]) == (409, "PriorAuthorizationSameReviewer")
    assert state(world, request).appeal is AppealStatus.OPEN


def test_a_question_is_kept_and_its_commitment_published(world: ProviderWorld, desk: Served) -> None:
    request = asked(world, NUTRITION)
    missing = decide(desk, request, "INFORMATION_REQUESTED")
    assert missing.status_code == 422
    answer = decide(desk, request, "INFORMATION_REQUESTED", statement="Since when?")
    assert answer.json()["result"]["events"] == ["InformationRequested"], answer.text
    assert [line["waits_for"] for line in waiting(desk, request)] == ["information"]


def test_time_is_taken_once_and_before_the_line_is_due(world: ProviderWorld, desk: Served) -> None:
    request = asked(world, NUTRITION)
    (before,) = waiting(desk, request)
    assert decide(desk, request, "DEADLINE_EXTENDED", reason=REASON).status_code == 201
    (after,) = waiting(desk, request)
    assert (after["extended"], after["due_at"] - before["due_at"]) == (True, 7 * DAY)
    assert decide(desk, request, "DEADLINE_EXTENDED", reason=REASON).status_code == 409


def test_pages_go_through_the_whole_queue_once(world: ProviderWorld, desk: Served) -> None:
    for _ in range(3):
        asked(world, NUTRITION)
    whole = answered(desk, "/reviews", "reviews.read", params={"limit": 500})
    assert whole["waiting"] == len(whole["lines"]) >= 3
    assert [line["due_at"] for line in whole["lines"]] == sorted(line["due_at"] for line in whole["lines"])
    found, after = [], None
    while True:
        page = answered(desk, "/reviews", "reviews.read", params={"limit": 2, **({"after": after} if after else {})})
        found += page["lines"]
        after = page["next"]
        if after is None:
            break
    assert [line["request"] for line in found] == [line["request"] for line in whole["lines"]]


def test_what_cannot_be_decided_says_why(world: ProviderWorld, desk: Served) -> None:
    unknown = decide(desk, "0x" + 64 * "e", "APPROVED_IN_FULL")
    assert (unknown.status_code, unknown.json()["title"]) == (404, "Unknown line")
    request = asked(world, NUTRITION)
    assert decide(desk, request, "DENIED").json()["title"] == "No reason"
    assert decide(desk, request, "PENDED").status_code == 422


def test_only_the_insurers_own_systems_with_the_scope_see_the_desk(desk: Served) -> None:
    guest = desk.system("guest")
    assert guest.call("GET", "/reviews", "reviews.read").status_code == 403
    assert desk.call("GET", "/reviews", "reports.read").status_code == 403
    assert desk.call("GET", "/reviews", None).status_code == 401


def test_without_a_reviewer_nothing_is_decided_and_a_hospital_has_no_desk(
    stage: tuple[ProviderWorld, Path], tmp_path: Path
) -> None:
    request = asked(stage[0], NUTRITION)
    with insurer_gateway(*stage, tmp_path / "insurer") as served:
        answer = decide(served, request, "APPROVED_IN_FULL")
        assert answer.status_code == 503
        assert "CARELEDGER_REVIEWER" in answer.text
    with insurer_gateway(*stage, tmp_path / "hospital", organization=HOSPITAL, signer=HOSPITAL_KEY) as served:
        assert served.call("GET", "/reviews", "reviews.read").status_code == 404


def test_what_is_past_due_is_marked(world: ProviderWorld, desk: Served) -> None:
    request = asked(world, NUTRITION)
    travel(world.connection, 8 * DAY)
    late = answered(desk, "/reviews", "reviews.read", params={"past_due": True, "limit": 500})["lines"]
    assert request in {line["request"] for line in late}
    assert all(line["seconds_left"] < 0 for line in late)
    answer = desk.call("POST", "/reviews/overdue", "reviews.write", timeout=2 * SECONDS)
    assert answer.status_code in {201, 202}, answer.text
    job = desk.job(answer.json()["href"], "reviews.write")
    assert request in {one["request"] for one in job["result"]["marked"]}
    (line,) = waiting(desk, request)
    assert line["marked_overdue"]
    assert state(world, request).action is Action.PENDED


# ---------------------------------------------------------------------- claims


def waiting_claims(desk: Served) -> list[str]:
    return [line["key"] for line in answered(desk, "/claim-reviews", "reviews.read")["lines"]]


def decide_claim(desk: Served, key: str, allowed: int, status: str = "IN_REVIEW", **more: Any) -> Any:
    headers = {"Idempotency-Key": f"decision of {key} by {allowed}"}
    body = {"status": status, "allowed": allowed, **more}
    return desk.call("POST", f"/claim-reviews/{key}", "reviews.write", json=body, headers=headers)


def standing(world: ProviderWorld, key: str) -> ClaimStatus:
    found = Claims(world.payer).line(key)
    assert found is not None
    return found.status


def test_a_line_is_decided_once_and_taken_back(world: ProviderWorld, desk: Served) -> None:
    key = claimed(world, asked(world, EQUIPMENT), units=9000)
    (line,) = [one for one in answered(desk, "/claim-reviews", "reviews.read")["lines"] if one["key"] == key]
    assert (line["finding"], line["milli_units"]) == ("UNITS_OVER_AUTHORIZATION", 9000)
    answer = decide_claim(desk, key, 60 * DOLLAR, carc=BUNDLED, statement="The rest is part of the visit.")
    assert answer.status_code == 201, answer.text
    result = answer.json()["result"]
    assert "ClaimReviewed" in result["events"]
    assert result["reviewer_key"] == world.reviewers[0].address
    assert standing(world, key) is ClaimStatus.PARTIAL
    assert key not in waiting_claims(desk)
    again = decide_claim(desk, key, 60 * DOLLAR, carc=BUNDLED, statement="The rest is part of the visit.")
    assert (again.status_code, again.json()["job"]) == (201, answer.json()["job"])
    kept = desk.call("GET", f"/review-statements/{result['statement']}", "reviews.read").json()
    said = commitment(Subject.STATEMENT, kept["text"].encode(), bytes.fromhex(kept["salt"][2:]))
    assert (kept["text"], said) == ("The rest is part of the visit.", result["statement"])
    back = desk.call("POST", f"/claim-reviews/{key}/reversal", "reviews.write", json={"reason": REASON})
    assert back.status_code == 201, back.text
    assert "ClaimReversed" in back.json()["result"]["events"]
    assert standing(world, key) is ClaimStatus.REVERSED


def test_what_was_decided_meanwhile_or_is_unknown_is_refused(world: ProviderWorld, desk: Served) -> None:
    denied = claimed(world, None)
    stale = decide_claim(desk, denied, 0)
    assert (stale.status_code, stale.json()["standing"]) == (409, "DENIED"), stale.text
    unknown = decide_claim(desk, "0x" + 64 * "9", 0)
    assert unknown.status_code == 422
    over = decide_claim(desk, denied, 10**6 * DOLLAR, status="DENIED")
    assert (over.status_code, "at most" in over.text or "must be" in over.text) == (422, True)
    paid = desk.call("POST", f"/claim-reviews/{denied}/reversal", "reviews.write", json={"reason": REASON})
    assert paid.status_code == 409
    assert standing(world, denied) is ClaimStatus.DENIED


def test_a_denied_line_is_allowed_on_a_second_look(world: ProviderWorld, desk: Served) -> None:
    key = claimed(world, asked(world, EQUIPMENT), units=9000)
    assert decide_claim(desk, key, 0, carc=BUNDLED).status_code == 201
    assert standing(world, key) is ClaimStatus.DENIED
    answer = decide_claim(desk, key, 40 * DOLLAR, status="DENIED", carc=BUNDLED)
    assert answer.status_code == 201, answer.text
    assert standing(world, key) is ClaimStatus.PARTIAL


def test_nobody_pays_for_a_member_that_is_not_verified(world: ProviderWorld, desk: Served) -> None:
    answer = decide_claim(desk, claimed(world, None), 40 * DOLLAR, status="DENIED")
    assert (answer.status_code, answer.json()["title"]) == (409, "ClaimSettlementCoverageUnverified")


def test_only_the_insurer_decides_claims(desk: Served) -> None:
    guest = desk.system("guest")
    assert guest.call("GET", "/claim-reviews", "reviews.read").status_code == 403
    body = {"status": "DENIED", "allowed": 0}
    assert guest.call("POST", f"/claim-reviews/0x{64 * '9'}", "reviews.write", json=body).status_code == 403
