"""The pilot's page in a real browser: what needs attention, and figures as charts and tables, at an insurer's gateway
and at a maker's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pytest
from authorization.payer_requests import EQUIPMENT, NUTRITION, asked, claimed
from authorization.provider_world import HOSPITAL, RULES, ProviderWorld
from browser import PHONE, chromium, opened, signed_in, violations
from cli.supply_world import MAKER, ROLES
from desk_stage import REVIEWER, insurer_gateway, provider_world
from gateway_stage import SECONDS, Served
from identity.suite import travel
from playwright.sync_api import Browser, Page, expect
from supply_gateway import SupplyGateway, supply_gateway
from wallet_stage import Visitor, account, visitor

HOUR, DAY = 3_600, 86_400
REASON, OTHER_REASON = 4, 7
REASONS = """
format: careledger-reasons
version: 1
reasons:
  not-necessary: {number: 4, text: The documents do not show that it is needed.}
  not-covered: {number: 7, text: The plan does not cover it.}
"""
INSURER_ACCOUNT = 5


@dataclass(frozen=True)
class Insurer:
    """Of ten lines three were decided by the rules; two granted and four denied by a person, after an hour and more;
    one waits, and is past due."""

    world: ProviderWorld
    served: Served
    person: Visitor


@pytest.fixture(scope="module")
def insurer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Insurer]:
    folder = tmp_path_factory.mktemp("insurer")
    (folder / "reasons.yaml").write_text(REASONS)
    settings = {"reviewer": REVIEWER, "rules": RULES, "reasons": folder / "reasons.yaml"}
    with (
        provider_world(tmp_path_factory.mktemp("world")) as (world, deployments),
        insurer_gateway(world, deployments, folder, **settings) as served,
    ):
        for _ in range(2):
            asked(world, EQUIPMENT)
        claimed(world, asked(world, EQUIPMENT))
        granted, denied = [[asked(world, NUTRITION) for _ in range(count)] for count in (2, 4)]
        asked(world, NUTRITION)
        for request in granted:
            travel(world.connection, HOUR)
            decide(served, request, "APPROVED_IN_FULL")
        for request, reason in zip(denied, (OTHER_REASON, REASON, REASON, REASON), strict=True):
            travel(world.connection, 6 * HOUR)
            decide(served, request, "DENIED", reason=reason)
        travel(world.connection, 20 * DAY)
        person = visitor(served)
        assert person.sign_in(account(INSURER_ACCOUNT)).status_code == 201
        yield Insurer(world, served, person)


def decide(served: Served, request: str, action: str, **values: int) -> None:
    body = {"provider": HOSPITAL, "sequence": 1, "action": action, **values}
    answer = served.call("POST", f"/reviews/{request}/0", "reviews.write", json=body, timeout=2 * SECONDS)
    assert answer.status_code == 201, answer.text


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SupplyGateway]:
    """With two lots that were recalled."""
    with supply_gateway(tmp_path_factory.mktemp("maker")) as found:
        for _ in range(2):
            lot = found.verify(found.made().code())["lot"]
            body = {"lot": lot, "recall_class": "II", "reason": "POTENCY"}
            answer = found.call("POST", "/recalls", "recalls.write", json=body)
            assert answer.status_code == 201, answer.text
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, insurer: Insurer) -> Iterator[Page]:
    with opened(browser, insurer.served.url) as page:
        signed_in(page, insurer.person)
        yield page


def shown(page: Page, language: str = "en") -> None:
    """The page, when everything is there."""
    page.goto(f"/{language}/pilot")
    expect(page.locator("#result")).to_be_visible()
    expect(page.locator("#alerts")).to_have_attribute("aria-busy", "false")


def rows(page: Page, heading: str) -> dict[str, list[str]]:
    """The table of a panel, by its first column."""
    panel = page.locator(".report", has=page.get_by_role("heading", name=heading, exact=True))
    found = [one.locator("th, td").all_inner_texts() for one in panel.locator("tbody tr").all()]
    return {name: figures for name, *figures in found}


def test_an_insurers_figures_are_drawn_and_written_down(page: Page, insurer: Insurer) -> None:
    shown(page)
    steps = rows(page, "How long decisions took")
    assert sum(int(lines) for lines, _ in steps.values()) == 9
    assert rows(page, "Decided by the rules alone")["By the rules"] == ["3", "33.3%"]
    denials = rows(page, "Why lines were denied")
    assert list(denials) == ["The documents do not show that it is needed.", "The plan does not cover it."]
    assert [figures[0] for figures in denials.values()] == ["3", "1"]
    labels = [one.get_attribute("aria-label") for one in page.locator(".chart svg").all()]
    assert labels == ["How long decisions took", "By the rules 33.3%, By a person 66.7%", "Why lines were denied"]
    result = page.inner_text("#result")
    assert "Nine of ten within" in result
    assert "USD" in result
    assert "No figures of recalls: this gateway handles no packs of medicine." in result
    assert re.search(r"Transactions\s+6", result) or re.search(r"6\s+Transactions", result)


def test_what_needs_attention_is_said_on_top_until_it_is_mended(page: Page, insurer: Insurer) -> None:
    shown(page)
    alert = page.locator(".alert")
    expect(alert).to_have_count(1)
    assert "Requests are past due" in alert.inner_text()
    assert "past their due time: 1." in alert.inner_text()
    assert "What to do" in alert.inner_text()


def test_days_without_decisions_are_said_to_have_none_and_drawn_as_nothing(page: Page) -> None:
    shown(page)
    for field in ("from", "to"):
        page.fill(f"#{field}", "2020-01-01")
    page.click("#period button[type=submit]")
    expect(page.locator("#result-heading")).to_contain_text("January 1, 2020")
    assert page.locator(".chart").count() == 0
    assert "No line was decided in this time" in page.inner_text("#result")
    page.fill("#from", date(2020, 1, 2).isoformat())
    page.click("#period button[type=submit]")
    expect(page.locator("#problem")).to_contain_text("the last is not before the first")


def test_a_maker_sees_how_long_recalled_lots_took_to_locate(browser: Browser, maker: SupplyGateway) -> None:
    person = visitor(maker.served)
    assert person.sign_in(account(ROLES[MAKER][0])).status_code == 201
    with opened(browser, maker.served.url) as page:
        signed_in(page, person)
        shown(page)
        located = rows(page, "How long it took to locate recalled lots")
        assert [(packs, took.endswith("ms")) for *_, packs, took in located.values()] == 2 * [("3", True)]
        assert "Lots that were recalled: 2" in page.inner_text("#result")
        assert "No figures of prior authorization" in page.inner_text("#result")
        assert page.locator(".chart svg").count() == 1
        expect(page.locator(".calm")).to_have_text("Nothing needs attention.")


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("zh", "dark")])
def test_axe_finds_nothing_and_a_phone_shows_it_whole(page: Page, language: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    shown(page, language)
    assert violations(page) == []
    page.set_viewport_size(PHONE)
    expect(page.locator(".chart svg").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert violations(page) == []
