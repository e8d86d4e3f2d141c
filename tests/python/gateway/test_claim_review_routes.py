"""Claim lines that wait for a person, over HTTP: the queue, a decision, a reversal, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from authorization.payer_requests import DOLLAR, EQUIPMENT, asked, claimed
from authorization.provider_world import ProviderWorld
from careledger.authorization.claims import Claims
from careledger.authorization.commitments import Subject, commitment
from careledger.contract_enums import ClaimStatus
from desk_stage import REVIEWER, insurer_gateway, provider_world
from gateway_stage import Served
from register_acts import answered

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


def waiting(desk: Served) -> list[str]:
    return [line["key"] for line in answered(desk, "/claim-reviews", "reviews.read")["lines"]]


def decide(desk: Served, key: str, allowed: int, status: str = "IN_REVIEW", **more: Any) -> Any:
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
    answer = decide(desk, key, 60 * DOLLAR, carc=BUNDLED, statement="The rest is part of the visit.")
    assert answer.status_code == 201, answer.text
    result = answer.json()["result"]
    assert "ClaimReviewed" in result["events"]
    assert result["reviewer_key"] == world.reviewers[0].address
    assert standing(world, key) is ClaimStatus.PARTIAL
    assert key not in waiting(desk)
    again = decide(desk, key, 60 * DOLLAR, carc=BUNDLED, statement="The rest is part of the visit.")
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
    stale = decide(desk, denied, 0)
    assert (stale.status_code, stale.json()["standing"]) == (409, "DENIED"), stale.text
    unknown = decide(desk, "0x" + 64 * "9", 0)
    assert unknown.status_code == 422
    over = decide(desk, denied, 10**6 * DOLLAR, status="DENIED")
    assert (over.status_code, "at most" in over.text or "must be" in over.text) == (422, True)
    paid = desk.call("POST", f"/claim-reviews/{denied}/reversal", "reviews.write", json={"reason": REASON})
    assert paid.status_code == 409
    assert standing(world, denied) is ClaimStatus.DENIED


def test_a_denied_line_is_allowed_on_a_second_look(world: ProviderWorld, desk: Served) -> None:
    key = claimed(world, asked(world, EQUIPMENT), units=9000)
    assert decide(desk, key, 0, carc=BUNDLED).status_code == 201
    assert standing(world, key) is ClaimStatus.DENIED
    answer = decide(desk, key, 40 * DOLLAR, status="DENIED", carc=BUNDLED)
    assert answer.status_code == 201, answer.text
    assert standing(world, key) is ClaimStatus.PARTIAL


def test_nobody_pays_for_a_member_that_is_not_verified(world: ProviderWorld, desk: Served) -> None:
    answer = decide(desk, claimed(world, None), 40 * DOLLAR, status="DENIED")
    assert (answer.status_code, answer.json()["title"]) == (409, "ClaimSettlementCoverageUnverified")


def test_only_the_insurer_decides(desk: Served) -> None:
    guest = desk.system("guest")
    assert guest.call("GET", "/claim-reviews", "reviews.read").status_code == 403
    body = {"status": "DENIED", "allowed": 0}
    assert guest.call("POST", f"/claim-reviews/0x{64 * '9'}", "reviews.write", json=body).status_code == 403
