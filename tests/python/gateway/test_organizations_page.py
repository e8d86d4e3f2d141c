"""The register's page in a real browser: found by name, role and key, told one by one, and who rules the contracts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from browser import PHONE, chromium, opened, violations
from careledger.chain.development import development_signer
from careledger.gateway.local import LOCAL_ORGANIZATION
from careledger.identity import Reason
from gateway_stage import Served
from identity.suite import new_key
from playwright.sync_api import Browser, Page, expect
from register_acts import CONTROLLER, RULER, acting, admitted, answered

CLINICS = 4


@dataclass(frozen=True)
class Clinics:
    """By name: one that is active, one whose key was reported as compromised, one that is suspended; and the name in a
    change that is scheduled."""

    active: str
    compromised: str
    suspended: str
    scheduled: str
    key: str

    @property
    def everyone(self) -> list[str]:
        return sorted([LOCAL_ORGANIZATION, self.active, self.compromised, self.suspended, self.scheduled])


@pytest.fixture(scope="module")
def clinics(gateway: Served) -> Clinics:
    keys = [new_key() for _ in range(CLINICS)]
    active, compromised, suspended, scheduled = (admitted(gateway, key) for key in keys)
    controller, ruler = (acting(gateway, development_signer(number)) for number in (CONTROLLER, RULER))
    controller.organizations.report_compromise(keys[1].address, controller.connection.block_time())
    ruler.organizations.suspend(suspended, Reason.REGULATOR_ORDER)
    registry = ruler.governance.contract("OrganizationRegistry")
    ruler.governance.schedule(registry, "expel", ruler.organizations.known(scheduled), Reason.FRAUD)
    answered(gateway, "/organizations")
    return Clinics(active, compromised, suspended, scheduled, keys[1].address)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, gateway: Served) -> Iterator[Page]:
    with opened(browser, gateway.url) as page:
        yield page


def names(page: Page) -> list[str]:
    page.wait_for_selector("#result:not([hidden])")
    return page.locator("#result tbody th").all_inner_texts()


def test_organizations_are_listed_by_name_and_found_by_name_role_and_key(page: Page, clinics: Clinics) -> None:
    page.goto("/en/organizations")
    everyone = names(page)
    assert everyone == clinics.everyone
    row = page.locator("#result tbody tr", has_text=clinics.suspended)
    expect(row).to_contain_text("Suspended")
    expect(row).to_contain_text("Healthcare provider")
    page.fill("#part", "CLINIC-")
    page.keyboard.press("Enter")
    page.wait_for_url("**search=CLINIC-**")
    assert len(names(page)) == CLINICS
    page.select_option("#role", "REGULATOR")
    page.click("#search button")
    page.wait_for_url("**role=REGULATOR**")
    expect(page.locator("#result")).to_contain_text("No organization fits")
    page.goto(f"/en/organizations?search={clinics.key}")
    assert names(page) == [clinics.compromised]


def test_one_organization_tells_its_standing_and_until_when_its_keys_count(page: Page, clinics: Clinics) -> None:
    page.goto("/en/organizations")
    page.click(f"#result a:text-is('{clinics.compromised}')")
    page.wait_for_url("**organization=0x**")
    assert names(page) == [clinics.key]
    told = page.inner_text("#result")
    assert all(
        part in told for part in ("it may act in its roles", "reported as compromised", "not to be relied on from")
    )
    page.goto(f"/en/organizations?organization={clinics.suspended}")
    expect(page.locator("#result")).to_contain_text("may not act until")


def test_who_rules_the_contracts_what_waits_and_what_is_stopped_is_told(page: Page, clinics: Clinics) -> None:
    page.goto("/en/organizations")
    governance = page.locator("#governance")
    expect(governance).to_contain_text("No contract is stopped")
    expect(governance).to_contain_text("Registrar: admits and suspends organizations")
    expect(governance.get_by_role("table", name="Scheduled changes")).to_contain_text("OrganizationRegistry.expel")


def test_a_list_that_is_long_has_pages(gateway: Served, page: Page, clinics: Clinics) -> None:
    first = answered(gateway, "/organizations", params={"limit": 2})
    rest = answered(gateway, "/organizations", params={"limit": 3, "after": first["next"]})
    listed = [one["name"] for one in (*first["organizations"], *rest["organizations"])]
    assert listed == clinics.everyone
    assert (first["total"], rest["total"], rest["next"]) == (CLINICS + 1, CLINICS + 1, None)
    page.goto(f"/en/organizations?after={first['next']}")
    assert names(page) == listed[2:]
    page.click("text=First page")
    page.wait_for_url(lambda url: "after" not in url)
    assert len(names(page)) == CLINICS + 1


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("zh", "dark")])
def test_axe_finds_nothing_and_a_phone_shows_it_whole(page: Page, clinics: Clinics, language: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size(PHONE)
    for query in ("", f"?organization={clinics.compromised}"):
        page.goto(f"/{language}/organizations{query}")
        names(page)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
