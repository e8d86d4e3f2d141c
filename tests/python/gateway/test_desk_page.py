"""The review desk in a real browser: what waits and why, a decision signed with the reviewer's key and followed until
it is final, and who may only look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from authorization.payer_requests import EQUIPMENT, NUTRITION, asked, claimed
from authorization.provider_world import HOSPITAL, RULES, ProviderWorld
from browser import DESK, PHONE, chromium, opened, signed_in, violations
from careledger.authorization.claims import Claims
from careledger.contract_enums import ClaimStatus, LineStatus
from desk_stage import REVIEWER, desk_settings, provider_world
from gateway_stage import SECONDS, Served, free_port, serve
from identity.suite import travel
from oidc_server import CLIENT_SECRET, begin, log_in, oidc_server
from playwright.sync_api import Browser, Locator, Page, Request, expect
from wallet_stage import Visitor, account, visitor

INSURER_NUMBER, REVIEWER_NUMBER = 5, 6
READER = "auditor@insurer.example"
DAY = 86_400
REASONS = """
format: careledger-reasons
version: "1"
reasons:
  not-necessary: {number: 4, text: Not medically necessary}
  cheaper: {number: 7, text: A cheaper treatment is as good}
"""


@dataclass(frozen=True)
class Desk:
    """An insurer's gateway, and people at it: who decides, who has no reviewer's key, and who may only look."""

    gateway: Served
    world: ProviderWorld
    reviewer: Visitor
    clerk: Visitor
    reader: Visitor


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("insurer")
    (folder / "reasons.yaml").write_text(REASONS)
    (folder / "people.yaml").write_text(json.dumps({"people": [{"subject": READER, "scopes": ["reviews.read"]}]}))
    with provider_world(tmp_path_factory.mktemp("world")) as (world, deployments), oidc_server() as server:
        settings = desk_settings(
            *(world, deployments, folder),
            reviewer=REVIEWER,
            rules=RULES,
            reasons=folder / "reasons.yaml",
            people=folder / "people.yaml",
            oidc_issuer=server.issuer,
            oidc_client_id="gateway",
            oidc_client_secret=CLIENT_SECRET,
        )
        with serve(folder, {}, free_port(), **settings) as gateway:
            server.serve(gateway.url)
            reviewer, clerk, reader = (visitor(gateway) for _ in range(3))
            assert reviewer.sign_in(account(REVIEWER_NUMBER)).status_code == 201
            assert clerk.sign_in(account(INSURER_NUMBER)).status_code == 201
            asked_of = begin(reader.browser, gateway.url).headers["location"]
            reader.browser.get(log_in(reader.browser, asked_of, READER, gateway.url), timeout=SECONDS)
            yield Desk(gateway, world, reviewer, clerk, reader)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, desk: Desk) -> Iterator[Page]:
    """The reviewer's."""
    with opened(browser, desk.gateway.url) as page:
        signed_in(page, desk.reviewer)
        yield page


def waiting(desk: Desk, **values: bool) -> str:
    """A new request, once the gateway knows that it waits."""
    request = asked(desk.world, NUTRITION, **values)
    known = {"Careledger-Min-Block": str(desk.world.connection.block_number())}
    assert desk.reviewer.call("GET", "/reviews", headers=known).status_code == 200
    return request


def queue(page: Page, language: str = "en") -> Locator:
    page.goto(f"/{language}/desk")
    rows = page.locator("#queue > li")
    expect(rows.first).to_be_visible()
    return rows


def open_line(page: Page, request: str) -> None:
    """Opens the line of a request, which is somewhere in the queue."""
    rows = queue(page)
    for number in range(rows.count()):
        rows.nth(number).get_by_role("button").click()
        expect(page.locator("#line")).to_be_visible()
        if request in page.inner_text("#line"):
            return
        page.click("#to-queue")
        expect(rows.first).to_be_visible()
    raise AssertionError(f"{request} does not wait")


def state(desk: Desk, request: str) -> LineStatus:
    found = desk.world.authorizations(desk.world.hospital).line(desk.world.provider, request, 0)
    assert found is not None
    status: LineStatus = found.status
    return status


def decide(page: Page) -> None:
    page.click("#terms button[type=submit]")
    expect(page.locator("#confirm")).to_be_visible()
    page.click("#do-it")
    expect(page.locator("#job-steps li").last).to_contain_text("Final")


def test_a_reviewer_grants_a_part_and_follows_it_until_it_is_final(page: Page, desk: Desk) -> None:
    request, sent = waiting(desk, expedited=True), list[Request]()
    page.on("request", lambda one: sent.append(one))
    row = queue(page).first
    for words in ("Nutrition", "Urgent", HOSPITAL, "every time", "2 units", "$200.00", "left"):
        expect(row).to_contain_text(words)
    open_line(page, request)
    page.click("#terms button[type=submit]")
    expect(page.locator("#terms-problem")).to_have_text("Choose what you decide.")
    page.check("[value=APPROVED_IN_PART]")
    page.click("#terms button[type=submit]")
    expect(page.locator("#terms-problem")).to_contain_text("less than was asked for")
    page.fill("#units", "1.5")
    page.fill("#amount", "120.50")
    page.click("#terms button[type=submit]")
    expect(page.locator("#terms-problem")).to_have_text("Choose a reason.")
    page.select_option("#reason", label="A cheaper treatment is as good")
    page.fill("#statement", "MARKER-2b: half will do.")
    decide(page)
    result = page.locator("#job-result")
    expect(result).to_contain_text("Your decision stands.")
    expect(result).to_contain_text(account(REVIEWER_NUMBER).address)
    found = desk.world.authorizations(desk.world.hospital).line(desk.world.provider, request, 0)
    assert found is not None
    assert (found.status, found.milli_units, found.amount) == (LineStatus.PARTIAL, 1500, 120_500_000)
    (decision,) = [one for one in sent if one.method == "POST"]
    assert len(decision.headers["idempotency-key"]) == 32
    assert decision.headers["x-csrf-token"]
    assert "MARKER-2b" not in page.inner_text("#job")
    page.click("#to-queue")
    expect(page.locator("#count")).to_have_text("Nothing waits here now.")


def test_a_line_is_denied_for_a_reason_of_the_list(page: Page, desk: Desk) -> None:
    request = waiting(desk)
    open_line(page, request)
    page.check("[value=DENIED]")
    page.select_option("#reason", "4")
    page.click("#terms button[type=submit]")
    expect(page.locator("#will")).to_contain_text("Not medically necessary")
    page.click("#change")
    decide(page)
    assert state(desk, request) is LineStatus.DENIED


def test_without_a_reviewers_key_a_clerk_asks_and_does_not_decide(browser: Browser, desk: Desk) -> None:
    request = waiting(desk)
    with opened(browser, desk.gateway.url) as page:
        signed_in(page, desk.clerk)
        open_line(page, request)
        expect(page.locator("[name=action]:visible")).to_have_count(2)
        page.check("[value=INFORMATION_REQUESTED]")
        page.click("#terms button[type=submit]")
        expect(page.locator("#terms-problem")).to_have_text("Write what you ask the provider.")
        page.fill("#statement", "Since when?")
        decide(page)
        page.click("#to-queue")
        expect(page.locator("#no-key")).to_be_visible()
        expect(page.locator("#queue")).to_contain_text("Information from the provider")
    assert state(desk, request) is LineStatus.INFORMATION_REQUESTED


def test_who_may_only_look_sees_no_form_and_a_stranger_signs_in_first(browser: Browser, desk: Desk) -> None:
    request = waiting(desk)
    with opened(browser, desk.gateway.url) as page:
        page.goto("/en/desk")
        page.wait_for_url("**/en/sign-in?to=%2Fen%2Fdesk")
        signed_in(page, desk.reader)
        open_line(page, request)
        expect(page.locator("main")).to_contain_text("You may look at what waits.")
        expect(page.locator("#deciding")).to_have_count(0)
        expect(page.locator("#mark")).to_have_count(0)


@pytest.mark.parametrize(("language", "scheme"), [("en", "dark"), ("zh", "light")])
def test_axe_finds_nothing_and_a_phone_shows_it_whole(page: Page, desk: Desk, language: str, scheme: str) -> None:
    waiting(desk)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    row = queue(page, language).first
    for size in (DESK, PHONE):
        page.set_viewport_size(size)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    row.get_by_role("button").click()
    page.check("[value=MODIFIED]")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_what_is_overdue_comes_first_and_is_marked(page: Page, desk: Desk) -> None:
    late = waiting(desk)
    travel(desk.world.connection, 8 * DAY)
    waiting(desk)
    rows = queue(page)
    expect(rows.first).to_contain_text("Overdue by")
    expect(rows.last).not_to_contain_text("Overdue")
    page.check("#past-due")
    expect(rows.last).to_contain_text("Overdue")
    page.click("#mark")
    expect(page.locator("#job-steps li").last).to_contain_text("Final")
    expect(page.locator("#job-result")).to_contain_text("were marked")
    page.click("#to-queue")
    expect(page.locator("#queue .tag", has_text="Marked overdue").first).to_be_visible()
    assert state(desk, late) is LineStatus.PENDED


def test_a_claim_that_waits_is_allowed_in_part(page: Page, desk: Desk) -> None:
    waiting(desk)
    key = claimed(desk.world, asked(desk.world, EQUIPMENT), units=9000)
    known = {"Careledger-Min-Block": str(desk.world.connection.block_number())}
    assert desk.reviewer.call("GET", "/claim-reviews", headers=known).status_code == 200
    queue(page)
    rows = page.locator("#claims-queue > li")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("more units than granted")
    assert violations(page) == []
    rows.get_by_role("button").click()
    page.fill("#allowed", "60")
    page.click("#claim-terms button[type=submit]")
    expect(page.locator("#claim-terms-problem")).to_contain_text("Give the code")
    page.fill("#carc", "97")
    page.fill("#claim-statement", "Part of the visit.")
    page.click("#claim-terms button[type=submit]")
    expect(page.locator("#claim-confirm")).to_contain_text("$60.00 of $80.")
    assert violations(page) == []
    page.click("#claim-do-it")
    expect(page.locator("#job-steps li").last).to_contain_text("Final")
    found = Claims(desk.world.payer).line(key)
    assert found is not None
    assert found.status is ClaimStatus.PARTIAL
    page.click("#to-queue")
    expect(rows).to_have_count(0)
