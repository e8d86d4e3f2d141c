"""The recall screen in a real browser: who holds what of a lot, and a lot recalled in two steps and followed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import DESK, PHONE, chromium, opened, signed_in, violations
from cli.supply_world import MAKER, PHARMACY, ROLES
from playwright.sync_api import Browser, Page, Request, expect
from serialization.told_events import shipping
from serialization.trade_stage import GTIN
from supply_gateway import Goods, SupplyGateway, supply_gateway
from wallet_stage import Visitor, account, visitor


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SupplyGateway]:
    with supply_gateway(tmp_path_factory.mktemp("recalls")) as found:
        yield found


@pytest.fixture(scope="module")
def person(maker: SupplyGateway) -> Visitor:
    return somebody(maker)


def somebody(maker: SupplyGateway) -> Visitor:
    """Of the maker's."""
    found = visitor(maker.served)
    assert found.sign_in(account(ROLES[MAKER][0])).status_code == 201
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, maker: SupplyGateway, person: Visitor) -> Iterator[Page]:
    with opened(browser, maker.served.url) as page:
        signed_in(page, person)
        yield page


def spread(maker: SupplyGateway) -> Goods:
    """A lot of which the pharmacy has three packs, and dispensed two."""
    goods = maker.made(5)
    assert maker.capture(shipping(goods.case, "maker", "pharmacy"))["success"]
    maker.receive(goods, dispensed=2)
    return goods


def ask(page: Page, goods: Goods, language: str = "en") -> None:
    page.goto(f"/{language}/recalls")
    page.fill("#gtin", GTIN.lstrip("0"))
    page.fill("#lot-number", goods.number)
    page.click("#ask button[type=submit]")
    expect(page.locator("#result")).to_be_visible()


def to_confirm(page: Page, grade: str) -> None:
    page.check(f"[name=grade][value={grade}]")
    page.select_option("#reason", "CONTAMINATION")
    page.click("#terms button[type=submit]")
    expect(page.locator("#confirm")).to_be_visible()


def test_a_lot_is_located_and_recalled_in_two_steps(page: Page, maker: SupplyGateway) -> None:
    goods, sent = spread(maker), list[Request]()
    page.on("request", lambda request: sent.append(request))
    ask(page, goods)
    report = page.locator("#result")
    expect(report).to_contain_text("Located in")
    expect(page.locator("#standing")).to_have_text("This lot is not recalled.")
    assert [one.split()[0] for one in report.locator(".tiles dd").all_inner_texts()] == ["3", "0", "2"]
    row = report.locator("tr", has_text=maker.names[PHARMACY])
    expect(row).to_contain_text("60%")
    expect(row).to_contain_text("in one container")
    before = maker.sent()
    to_confirm(page, "II")
    words = page.inner_text("#will")
    assert all(part in words for part in (goods.number, "Class II", "contamination", "Held now: 3", "taken back"))
    assert maker.sent() == before
    page.click("#back")
    expect(page.locator("#terms")).to_be_visible()
    to_confirm(page, "II")
    page.click("#do-it")
    expect(page.locator("#job-steps li").last).to_contain_text("Final")
    expect(page.locator("#job-steps")).to_contain_text("On the chain, in block")
    expect(page.locator("#standing")).to_contain_text("Class II, contamination")
    assert maker.verify(goods.code(3))["finding"] == "RECALLED"
    recalls = [one for one in sent if one.url.endswith("/recalls") and one.method == "POST"]
    (headers,) = [one.headers for one in recalls]
    assert len(headers["idempotency-key"]) == 32
    assert headers["x-csrf-token"]
    assert not any(goods.number in one.url for one in sent)


def test_a_recall_can_only_be_made_graver_and_what_is_missing_is_said(page: Page, maker: SupplyGateway) -> None:
    goods = maker.made()
    terms = {"gtin": GTIN, "lot_number": goods.number, "recall_class": "II", "reason": "POTENCY"}
    assert maker.call("POST", "/recalls", "recalls.write", json=terms).status_code == 201
    page.goto("/en/recalls")
    page.click("#ask button[type=submit]")
    expect(page.locator("#problem")).to_contain_text("digits")
    expect(page.locator("#gtin")).to_be_focused()
    ask(page, goods)
    expect(page.locator("#recall-heading")).to_have_text("Make the recall graver")
    enabled = page.locator("[name=grade]:enabled")
    expect(enabled).to_have_count(1)
    expect(enabled).to_have_value("I")
    page.click("#terms button[type=submit]")
    expect(page.locator("#terms-problem")).to_have_text("Choose how grave it is.")


@pytest.mark.parametrize(("language", "scheme"), [("en", "dark"), ("zh", "light")])
def test_axe_finds_nothing_and_a_phone_shows_it_whole(
    page: Page, maker: SupplyGateway, language: str, scheme: str
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        ask(page, maker.made(), language)
        assert violations(page) == []
        to_confirm(page, "III")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_people_of_another_organization_may_not_see_it(browser: Browser, maker: SupplyGateway) -> None:
    pharmacist = visitor(maker.served)
    assert pharmacist.sign_in(account(ROLES[PHARMACY][0])).status_code == 201
    assert pharmacist.call("GET", "/en/recalls").status_code == 403
    assert pharmacist.call("GET", "/en/packs").status_code == 200
