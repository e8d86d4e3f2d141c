"""A patient's claims and costs in a real browser: explanations of benefits beside the chain, and what services cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from authorization.payer_requests import DOLLAR, EQUIPMENT, asked, claimed
from authorization.provider_world import HOSPITAL, RULES, ProviderWorld
from browser import PHONE, chromium, opened, violations
from careledger.authorization.claims import Claims
from careledger.authorization.eligibility_file import dump_eligibility
from careledger.authorization.fhir.names import ADJUDICATION, TRACE_NUMBER, URI_AS_IDENTIFIER
from careledger.gateway.access import SCOPES
from desk_stage import HOSPITAL_KEY, desk_settings, insurer_gateway, provider_world
from gateway_stage import Served, serve
from playwright.sync_api import Browser, Page, Request, expect
from register_acts import answered

CODE = "E0601"
MEMBER = "0x" + 32 * "4"


@dataclass(frozen=True)
class Stage:
    world: ProviderWorld
    insurer: Served
    hospital: Served
    key: str
    line: dict[str, Any]
    eligibility: dict[str, Any]

    @property
    def trace(self) -> str:
        return Claims(self.world.payer_as(self.world.hospital)).uri_of(self.key)

    def explanation(self, paid: int | None = None, trace: str | None = None) -> dict[str, Any]:
        """As `explanation_of_benefit` writes it, of the stage's claim."""
        line = self.line
        shares = {
            "submitted": line["charge"],
            "benefit": line["paid"] if paid is None else paid,
            **{name: line[name] for name in ("deductible", "coinsurance", "copay") if line[name]},
        }
        number = {"system": URI_AS_IDENTIFIER, "value": trace or self.trace}
        item = {
            "extension": [{"url": TRACE_NUMBER, "valueIdentifier": number}],
            "sequence": 1,
            "productOrService": {"coding": [{"system": "urn:test", "code": CODE}]},
            "servicedPeriod": {"start": "2026-12-01", "end": "2026-12-01"},
            "adjudication": [
                {
                    "category": {"coding": [{"system": ADJUDICATION, "code": name}]},
                    "amount": {"value": amount / DOLLAR, "currency": "USD"},
                }
                for name, amount in shares.items()
            ],
        }
        return {"resourceType": "ExplanationOfBenefit", "item": [item]}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("costs")
    with provider_world(folder) as (world, deployments):
        settings = desk_settings(
            world, deployments, folder / "hospital", organization=HOSPITAL, signer=HOSPITAL_KEY, rules=RULES
        )
        with (
            insurer_gateway(world, deployments, folder / "insurer") as insurer,
            serve(folder / "hospital", {"ehr": (HOSPITAL, SCOPES)}, **settings) as hospital,
        ):
            request = asked(world, EQUIPMENT)
            key = claimed(world, request)
            found = answered(hospital, f"/authorizations/{world.provider}/{request}", "claims.read")
            eligibility = json.loads(dump_eligibility(world.eligibility(MEMBER)))
            yield Stage(world, insurer, hospital, key, found["claims"][0], eligibility)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Browser, stage: Stage) -> Iterator[Page]:
    with opened(browser, stage.hospital.url) as page:
        yield page


def file(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def test_an_explanation_is_read_here_and_each_line_stands_beside_the_chain(
    page: Page, stage: Stage, tmp_path: Path
) -> None:
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request))
    page.goto("/en/patient")
    unknown = stage.trace[:-4] + "beef"
    files = [
        file(tmp_path, "same.json", stage.explanation()),
        file(tmp_path, "other.json", stage.explanation(paid=stage.line["paid"] + DOLLAR)),
        file(tmp_path, "unknown.json", stage.explanation(trace=unknown)),
        file(tmp_path, "elsewhere.json", stage.explanation(trace=stage.trace.replace("eip155:31337", "eip155:1"))),
        file(tmp_path, "receipt.json", {"format": "careledger-receipt"}),
    ]
    page.set_input_files("#explanations", files)
    cards = page.locator("#explained > li")
    expect(cards).to_have_count(4)
    expect(page.locator("#explanation-progress")).to_be_empty()
    told = ["The chain says the same", "The chain says something else", "Not all of it", "Not all of it"]
    for card, heading in zip(cards.all(), told, strict=True):
        expect(card.locator("h3")).to_contain_text(heading)
    expect(cards.nth(0)).to_contain_text(CODE)
    expect(cards.nth(2)).to_contain_text("not known there")
    expect(cards.nth(3)).to_contain_text("on another chain, 1")
    expect(page.locator("#explanation-problem")).to_contain_text("receipt.json: this is no explanation")
    bodies = [request.post_data or "" for request in sent if request.method == "POST"]
    assert [json.loads(body) for body in bodies] == [
        {"keys": [stage.key]},
        {"keys": [stage.key]},
        {"keys": [unknown.rpartition("/")[2]]},
        {"keys": [stage.key]},
    ]


def test_where_the_currency_is_not_known_nothing_is_said_to_differ(
    browser: Browser, stage: Stage, tmp_path: Path
) -> None:
    with opened(browser, stage.insurer.url) as page:
        page.goto("/en/patient")
        page.set_input_files("#explanations", file(tmp_path, "same.json", stage.explanation()))
        expect(page.locator("#explained h3")).to_contain_text("Not all of it")
        expect(page.locator("#estimate")).to_have_count(0)


def test_what_a_service_would_cost_is_told_to_who_has_the_insurers_word(
    page: Page, stage: Stage, tmp_path: Path
) -> None:
    page.goto("/en/patient")
    page.click("#estimate button[type=submit]")
    expect(page.locator("#estimate-problem")).to_contain_text("Fill in code and charge")
    page.fill("#code-system", "HCPCS")
    page.fill("#code", CODE)
    page.fill("#charge", "80.00")
    page.set_input_files("#eligibility", file(tmp_path, "eligibility.json", stage.eligibility))
    page.click("#estimate button[type=submit]")
    service = {"code": {"system": "HCPCS", "code": CODE}, "units": "1", "charge": "80.00"}
    answer = stage.hospital.call(
        "POST", "/services/estimates", None, json={"eligibility": stage.eligibility, "services": [service]}
    )
    (line,) = answer.json()["lines"]
    assert line["known"], line
    assert line["insurer"] + line["patient"] + line["contractual"] == line["charge"] == 80 * DOLLAR
    expect(page.locator("#estimated")).to_contain_text("$80.00")
    expect(page.locator("#estimated")).to_contain_text(f"${line['insurer'] / DOLLAR:.2f}")


@pytest.mark.parametrize(
    ("change", "status", "detail"),
    [
        ({"valid_until": 1}, 422, "has run out"),
        ({"plan": 7}, 422, "for plan 7"),
        ({"member_key": "0x12"}, 422, "member_key"),
    ],
)
def test_a_word_that_does_not_hold_is_refused(stage: Stage, change: dict[str, Any], status: int, detail: str) -> None:
    service = {"code": {"system": "HCPCS", "code": CODE}, "charge": "80.00"}
    body = {"eligibility": {**stage.eligibility, **change}, "services": [service]}
    answer = stage.hospital.call("POST", "/services/estimates", None, json=body)
    assert (answer.status_code, detail in answer.json()["detail"]) == (status, True), answer.text


def test_an_insurers_gateway_does_not_guess_whose_price_it_is(stage: Stage) -> None:
    service = {"code": {"system": "HCPCS", "code": CODE}, "charge": "80.00"}
    body = {"eligibility": stage.eligibility, "services": [service]}
    assert stage.insurer.call("POST", "/services/estimates", None, json=body).status_code in {404, 503}
    found = stage.insurer.call("POST", "/claims/lines", None, json={"keys": [stage.key]}).json()
    assert (found["unknown"], found["lines"][0]["paid"]) == ([], stage.line["paid"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_axe_finds_nothing_and_a_phone_shows_the_costs_whole(
    page: Page, stage: Stage, tmp_path: Path, language: str
) -> None:
    page.set_viewport_size(PHONE)
    page.goto(f"/{language}/patient")
    page.set_input_files("#explanations", file(tmp_path, "same.json", stage.explanation()))
    expect(page.locator("#explained > li")).to_have_count(1)
    page.fill("#code-system", "HCPCS")
    page.fill("#code", CODE)
    page.fill("#charge", "80.00")
    page.set_input_files("#eligibility", file(tmp_path, "eligibility.json", stage.eligibility))
    page.click("#estimate button[type=submit]")
    expect(page.locator("#estimated table")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
