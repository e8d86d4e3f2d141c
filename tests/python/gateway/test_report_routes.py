"""The pilot's figures over HTTP, against those that anyone counts from the chain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from authorization.payer_requests import EQUIPMENT, NUTRITION, asked, claimed
from authorization.provider_world import INSURER, RULES, ProviderWorld
from careledger.authorization.metrics import Period, determination_seconds, events_on_chain, measure
from careledger.authorization.metrics_report import to_body
from careledger.authorization.published import published_contracts
from careledger.chain.development import development_signer
from careledger.contract_enums import Action
from desk_stage import REVIEWER, insurer_gateway, provider_world
from gateway_stage import SECONDS, Served
from identity.suite import travel
from register_acts import answered

HOUR = 3600
REASON = 4
GUARDIAN = 1
REASONS = """
format: careledger-reasons
version: 1
reasons:
  not-necessary: {number: 4, text: The documents do not show that it is needed.}
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ProviderWorld, Path]]:
    with provider_world(tmp_path_factory.mktemp("world")) as found:
        yield found


@pytest.fixture(scope="module")
def desk(stage: tuple[ProviderWorld, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("insurer")
    (folder / "reasons.yaml").write_text(REASONS)
    settings = {"reviewer": REVIEWER, "rules": RULES, "reasons": folder / "reasons.yaml"}
    with insurer_gateway(*stage, folder, **settings) as served:
        yield served


@pytest.fixture(scope="module")
def period(stage: tuple[ProviderWorld, Path], desk: Served) -> Period:
    """Three lines by the rules; of two that waited, one granted after an hour and one denied after two; a claim."""
    world, _ = stage
    start = world.connection.block_time()
    for _ in range(2):
        asked(world, EQUIPMENT)
    claimed(world, asked(world, EQUIPMENT))
    granted, denied = (asked(world, NUTRITION) for _ in range(2))
    travel(world.connection, HOUR)
    decide(desk, granted, "APPROVED_IN_FULL")
    travel(world.connection, HOUR)
    decide(desk, denied, "DENIED", reason=REASON)
    asked(world, NUTRITION)
    return Period(start, world.connection.block_time() + 1)


def decide(desk: Served, request: str, action: str, **values: Any) -> None:
    body = {"provider": "hospital.example", "sequence": 1, "action": action, **values}
    answer = desk.call("POST", f"/reviews/{request}/0", "reviews.write", json=body, timeout=2 * SECONDS)
    assert answer.status_code == 201, answer.text


def read(desk: Served, path: str, period: Period, **options: Any) -> dict[str, Any]:
    asked_for = {"from": period.start, "to": period.end, **options}
    return answered(desk, path, "reports.read", params=asked_for)


def test_the_pilot_report_says_how_long_who_and_why(
    stage: tuple[ProviderWorld, Path], desk: Served, period: Period
) -> None:
    world, _ = stage
    events = events_on_chain(world.connection, published_contracts(world.ledger, INSURER), 0)
    seconds = determination_seconds(events, period)
    metrics = measure(events, period)
    times = metrics.standard.time_to_determination, metrics.expedited.time_to_determination
    assert (len(seconds), sum(seconds)) == (sum(one.count for one in times), sum(one.total for one in times))
    found = read(desk, "/reports/pilot", period)
    requests, turnaround = found["requests"], found["requests"]["turnaround"]
    assert (requests["received"], requests["determined"], requests["pending"]) == (6, 5, 1)
    assert requests["automatic"] == {"count": 3, "of": 5}
    outcomes = ("approved", "approved_in_part", "denied", "late")
    assert [requests[name]["count"] for name in outcomes] == [4, 0, 1, 0]
    assert (turnaround["count"], turnaround["median_seconds"]) == (5, seconds[2])
    assert turnaround["ninetieth_percentile_seconds"] == seconds[4] > 2 * HOUR
    (denial,) = requests["denials"]
    assert (denial["reason"], denial["count"]) == (REASON, 1)
    assert denial["text"] == "The documents do not show that it is needed."
    claims = found["claims"]
    assert (claims["submitted"], claims["decided"], claims["amounts"]["currency"]) == (1, 1, "USD")
    assert claims["amounts"]["charged"] == measure(events, period).claims.charged > 0


def test_gas_is_that_of_this_gateways_transactions(desk: Served, period: Period) -> None:
    whole = read(desk, "/reports/pilot", Period(0, 2**40 - 1))["gas"]
    assert whole["transactions"] == 2
    assert whole["gas"] > 0
    assert int(whole["wei"]) > 0


def test_the_metrics_are_those_that_the_chain_gives(
    stage: tuple[ProviderWorld, Path], desk: Served, period: Period
) -> None:
    world, _ = stage
    events = events_on_chain(world.connection, published_contracts(world.ledger, INSURER), 0)
    found = read(desk, "/reports/metrics", period)
    assert found["metrics"] == to_body(measure(events, period))
    (shown,) = [one for one in found["figures"] if one["group"] == "standard" and one["name"] == "denied"]
    assert (shown["numerator"], shown["denominator"], shown["rule"]) == (1, 5, "42 CFR 422.122(c)(3)")
    without = read(desk, "/reports/metrics", period, exclude=NUTRITION)["metrics"]
    assert without == to_body(measure(events, period, [NUTRITION]))
    assert without["standard"]["denied"]["numerator"] == 0
    assert {event.event.action for event in events if hasattr(event.event, "action")} >= {Action.DENIED}


def test_a_time_that_ends_before_it_begins_is_refused(desk: Served) -> None:
    answer = desk.call("GET", "/reports/pilot", "reports.read", params={"from": 2, "to": 1})
    assert answer.status_code == 422
    assert desk.call("GET", "/reports/pilot", "reviews.read", params={"from": 1, "to": 2}).status_code == 403


def test_a_contract_that_is_stopped_is_told(stage: tuple[ProviderWorld, Path], desk: Served) -> None:
    world, _ = stage
    settlement = world.payer.settlement
    settlement.send(development_signer(GUARDIAN), "halt")
    assert [one["contract"] for one in answered(desk, "/governance")["halted"]] == [settlement.address]
    settlement.send(world.admin, "resume")
    assert answered(desk, "/governance")["halted"] == []
