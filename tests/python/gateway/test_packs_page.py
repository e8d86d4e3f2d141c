"""The page for packs in a real browser: what holds of a pack, and where it was and how warm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from browser import PHONE, SECONDS, chromium, opened, signed_in, violations
from careledger.chain.development import development_signer
from careledger.contract_enums import Curve
from careledger.serialization.cold_chain import ColdChain, DeviceKey, Limits
from careledger.serialization.readings import Reading, WindowReadings
from cli.supply_world import MAKER, PHARMACY, ROLES
from identity.suite import travel
from playwright.sync_api import Browser, Page, Request, expect
from serialization.told_events import shipping
from supply_gateway import Goods, SupplyGateway, supply_gateway
from wallet_stage import Visitor, account, visitor

LIMITS = Limits(200, 800, 600)
GOOD, WARM = (310, 420, 510), (480, 1240, 900)
HOURS = 3 * 3600


@dataclass(frozen=True)
class Watched:
    """A maker's gateway with a lot whose case a data logger goes with: a good window, one that is too warm, and one
    without readings. Its limits were widened since. The pharmacy received it and dispensed the first pack."""

    maker: SupplyGateway
    goods: Goods
    person: Visitor


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with supply_gateway(tmp_path_factory.mktemp("packs")) as maker:
        yield watched(maker)


def watched(maker: SupplyGateway) -> Watched:
    goods = maker.made()
    place = maker.verify(goods.code())
    cold_chain = ColdChain(maker.stage.as_(development_signer(ROLES[MAKER][0])))
    key = DeviceKey.generate(Curve.P256)
    cold_chain.register(key.public)
    device = key.public.device_id(maker.names[MAKER])
    cold_chain.set_limits(place["lot"], LIMITS)
    cold_chain.bind(device, place["container"])
    for temperatures in (GOOD, WARM, None, GOOD):
        binding = cold_chain.binding(device)
        assert binding is not None
        end = binding.end + HOURS
        travel(maker.stage.connection, HOURS + 60)
        if temperatures is None:
            window = cold_chain.next_window(device, end=end)
        else:
            step = HOURS // len(temperatures)
            taken = tuple(Reading(binding.end + step * place, each) for place, each in enumerate(temperatures, 1))
            window = cold_chain.next_window(device, WindowReadings(taken, bytes(32)))
        cold_chain.record(window, cold_chain.sign(window, key))
    cold_chain.set_limits(place["lot"], Limits(-1000, 3000, 3000))
    assert maker.capture(shipping(goods.case, "maker", "pharmacy"))["success"]
    maker.receive(goods, dispensed=1)
    person = visitor(maker.served)
    assert person.sign_in(account(ROLES[MAKER][0])).status_code == 201
    return Watched(maker, goods, person)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, world: Watched) -> Iterator[Page]:
    with opened(browser, world.maker.served.url) as page:
        signed_in(page, world.person)
        yield page


def check(page: Page, code: str, language: str = "en") -> str:
    """The answer's heading."""
    page.goto(f"/{language}/packs")
    page.fill("#code", code)
    page.click("#scan button[type=submit]")
    page.wait_for_selector("#result:not([hidden])")
    return page.inner_text("#result-heading").strip()


def test_packs_are_told_apart_and_no_serial_is_in_an_address(page: Page, world: Watched) -> None:
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    goods, fresh = world.goods, world.maker.made()
    assert check(page, fresh.code()) == "Genuine and in supply"
    assert world.maker.names[MAKER] in page.inner_text("#result")
    assert check(page, goods.code(0)) == "Dispensed before"
    assert "copy of a genuine pack" in page.inner_text("#result")
    assert check(page, goods.code(1)) == "Genuine, but its cold chain was broken"
    assert check(page, fresh.code(expiry="490131")) == "The date is not the lot's"
    assert check(page, fresh.code(serial="NOTTHIS1")) == "Not known here"
    expect(page.locator("#trace-button")).to_have_count(0)
    assert not any(serial in one.url for one in asked for serial in (*goods.serials, *fresh.serials))


def test_a_code_in_the_other_case_names_the_scanner_and_what_it_likelier_reads(page: Page, world: Watched) -> None:
    goods = world.maker.made()
    assert check(page, goods.code(serial=goods.serials[0].swapcase())) == "Not known here"
    assert "caps lock" in page.inner_text("#result")
    page.click(".likelier button")
    expect(page.locator("#result-heading")).to_have_text("Genuine and in supply")
    assert check(page, "(01)00300010000015") == "Not known here"
    assert "no serial number" in page.inner_text("#result")


def test_a_code_that_cannot_be_read_says_why_and_nothing_of_the_pack(browser: Browser, world: Watched) -> None:
    with browser.new_context(base_url=world.maker.served.url, locale="en-US") as context:  # whose console says 422
        context.set_default_timeout(SECONDS)
        page = context.new_page()
        signed_in(page, world.person)
        assert check(page, world.goods.code().replace("0015(21)", "0016(21)")) == "The code cannot be read"
        assert "digit was misread" in page.inner_text("#result")
        assert violations(page) == []


def test_a_scanner_that_types_gives_the_separator_too(page: Page, world: Watched) -> None:
    goods = world.maker.made()
    page.goto("/en/packs")
    expect(page.locator("#camera-button")).to_be_hidden()  # this browser reads no codes off pictures
    page.focus("#code")
    page.keyboard.type(goods.code().partition("(17)")[0].replace("(", "").replace(")", ""))
    page.keyboard.press("Control+]")
    page.keyboard.type(f"1750013110{goods.number}")
    page.keyboard.press("Enter")
    expect(page.locator("#result-heading")).to_have_text("Genuine and in supply")


def test_a_trace_tells_who_held_it_each_act_and_how_warm_it_was(page: Page, world: Watched) -> None:
    check(page, world.goods.code())
    page.click("#trace-button")
    trace = page.locator("#trace")
    expect(trace).to_be_visible()
    names = world.maker.names
    assert trace.locator(".hand-name").all_inner_texts() == [names[MAKER], names[PHARMACY]]
    expect(trace.locator(".hands [aria-current]")).to_have_count(0)  # it was dispensed
    told = trace.locator(".timeline").inner_text()
    acts = ("put into supply", "Packed", "too warm or too cold", "Shipped", "Received", "Dispensed to a patient")
    assert sorted(acts, key=told.index) == list(acts)
    assert world.goods.case in told
    expect(trace).to_contain_text("2°C to 8°C")  # as it was when the windows were judged
    rows = trace.locator(".table tbody tr").all_inner_texts()
    assert ["as permitted" in row for row in rows] == [True, False, False, True]
    assert "3.1" in rows[0]
    assert "5.1" in rows[0]
    assert "too warm" in rows[1]
    assert "12.4" in rows[1]
    assert "not measured" in rows[2]
    shapes = [trace.locator(f".chart .chart-{kind}").count() for kind in ("good", "bad", "mark", "gap", "band")]
    assert shapes == [2, 1, 1, 1, 1]
    assert trace.locator(".chart").get_by_text("too warm · 12.4°C").count() == 1
    assert violations(page) == []


@pytest.mark.parametrize(("language", "scheme"), [("en", "dark"), ("zh", "light"), ("zh", "dark")])
def test_axe_finds_nothing_and_a_phone_shows_it_whole(page: Page, world: Watched, language: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size(PHONE)
    check(page, world.goods.code(1), language)
    page.click("#trace-button")
    expect(page.locator(".chart svg")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_who_is_not_signed_in_is_sent_there(page: Page, world: Watched) -> None:
    page.context.clear_cookies()
    answer = page.request.get("/en/packs", headers={"Accept": "text/html"}, max_redirects=0)
    assert (answer.status, answer.headers["location"]) == (303, "/en/sign-in?to=%2Fen%2Fpacks")
