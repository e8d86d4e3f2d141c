"""Requests and claims in a real browser, as the insurer and as the hospital; and whose eyes they are not for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from authorization.payer_requests import DOLLAR, EQUIPMENT, NUTRITION, asked, claimed
from authorization.provider_world import HOSPITAL, RULES, ProviderWorld
from browser import PHONE, chromium, opened, signed_in, violations
from careledger.contract_enums import Action
from careledger.gateway.access import SCOPES
from desk_stage import HOSPITAL_KEY, desk_settings, insurer_gateway, provider_world
from gateway_stage import Served, serve
from playwright.sync_api import Browser, Page, expect
from register_acts import answered
from wallet_stage import account, visitor

INSURER_ACCOUNT, HOSPITAL_ACCOUNT = 5, 8


@dataclass(frozen=True)
class Stage:
    world: ProviderWorld
    insurer: Served
    hospital: Served
    paid: str
    denied: str


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("claims")
    with provider_world(folder) as (world, deployments):
        settings = desk_settings(
            world, deployments, folder / "hospital", organization=HOSPITAL, signer=HOSPITAL_KEY, rules=RULES
        )
        with (
            insurer_gateway(world, deployments, folder / "insurer", rules=RULES) as insurer,
            serve(folder / "hospital", {"ehr": (HOSPITAL, SCOPES)}, **settings) as hospital,
        ):
            paid, denied = asked(world, EQUIPMENT), asked(world, NUTRITION)
            claimed(world, paid)
            world.review(denied, 0, Action.DENIED, reason=4)
            yield Stage(world, insurer, hospital, paid, denied)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def insurer(browser: Browser, stage: Stage) -> Iterator[Page]:
    yield from page_of(browser, stage.insurer, INSURER_ACCOUNT)


@pytest.fixture
def hospital(browser: Browser, stage: Stage) -> Iterator[Page]:
    yield from page_of(browser, stage.hospital, HOSPITAL_ACCOUNT)


def page_of(browser: Browser, gateway: Served, number: int) -> Iterator[Page]:
    answered(gateway, "/authorizations", "claims.read")
    person = visitor(gateway)
    assert person.sign_in(account(number)).status_code == 201
    with opened(browser, gateway.url) as page:
        signed_in(page, person)
        yield page


def to_claim(charge: str = "80.00", code: str = "E0601") -> dict[str, Any]:
    return {
        "format": "careledger-claim",
        "version": 1,
        "identifier": {"system": "https://hospital.example/claims", "value": "C-1"},
        "currency": "USD",
        "lines": [
            {
                "sequence": 1,
                "code": {"system": "HCPCS", "code": code},
                "service_day": "2026-12-01",
                "units": "1",
                "charge": charge,
            }
        ],
    }


def test_a_request_shows_its_decision_its_basis_and_who_bears_the_claim(insurer: Page, stage: Stage) -> None:
    insurer.goto("/en/claims")
    expect(insurer.locator("#list-heading")).to_contain_text("2 lines")
    insurer.select_option("#show", "granted")
    expect(insurer.locator("#list-heading")).to_contain_text("1 line")
    insurer.locator("#lines button").click()
    detail = insurer.locator("#detail")
    expect(detail).to_contain_text(stage.paid)
    expect(detail).to_contain_text("within the rules")
    expect(detail).to_contain_text("the rules")
    expect(detail).to_contain_text("paid")
    found = answered(stage.insurer, f"/authorizations/{stage.world.provider}/{stage.paid}", "claims.read")
    (line,) = found["claims"]
    shares = ("paid", "contractual", "deductible", "coinsurance", "copay", "denied")
    assert sum(line[name] for name in shares) == line["charge"]
    assert line["paid"] > 0
    insurer.select_option("#show", "refused")
    expect(insurer.locator("#lines")).to_contain_text("denied")
    insurer.locator("#lines button").click()
    expect(detail).to_contain_text("a reviewer decided")
    expect(detail).to_contain_text("Nothing was claimed")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_axe_finds_nothing_and_a_phone_shows_it_whole(hospital: Page, language: str) -> None:
    hospital.set_viewport_size(PHONE)
    hospital.goto(f"/{language}/claims")
    hospital.locator("#lines button").first.click()
    expect(hospital.locator("#detail")).to_be_visible()
    assert violations(hospital) == []
    assert hospital.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_what_a_service_would_cost_is_told_before_it_is_claimed(hospital: Page, stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "claim.json"
    file.write_text(json.dumps(to_claim()))
    hospital.goto("/en/claims")
    hospital.set_input_files("#claim", file)
    hospital.click("#estimate button[type=submit]")
    expect(hospital.locator("#estimated")).to_contain_text("$80.00")
    answer = stage.hospital.call("POST", "/claims/estimates", "claims.read", json={"claim": to_claim()})
    (line,) = answer.json()["lines"]
    assert line["charge"] == 80 * DOLLAR
    assert line["known"] or line["unknown"]
    wrong = stage.hospital.call("POST", "/claims/estimates", "claims.read", json={"claim": to_claim("80.0000001")})
    assert wrong.status_code == 422


def test_requests_are_for_the_insurer_and_who_asked(stage: Stage) -> None:
    assert stage.insurer.system("guest").call("GET", "/authorizations", "claims.read").status_code == 403
    theirs = stage.hospital.call("GET", "/authorizations?provider=insurer.example", "claims.read")
    assert theirs.status_code == 403
    unknown = stage.hospital.call("GET", f"/authorizations/{stage.world.provider}/0x{'9' * 64}", "claims.read")
    assert unknown.status_code == 404
    wrong = stage.insurer.call("GET", "/authorizations?status=GRANTED", "claims.read")
    assert (wrong.status_code, "APPROVED" in wrong.json()["detail"]) == (422, True)


def test_the_navigation_names_what_its_reader_may_open(hospital: Page, insurer: Page) -> None:
    for page, has_desk in ((hospital, False), (insurer, True)):
        page.goto("/en/claims")
        expect(page.get_by_role("link", name="Requests and claims")).to_have_count(1)
        expect(page.get_by_role("link", name="Review desk")).to_have_count(int(has_desk))
