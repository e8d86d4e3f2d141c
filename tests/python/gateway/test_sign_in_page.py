"""Sign-in of people in a real browser: with a wallet whose key is real, and at a real OpenID Connect server of another
site."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import DESK, PHONE, SECONDS, chromium, opened, violations
from careledger.gateway.access import SCOPES
from careledger.gateway.local import LOCAL_ORGANIZATION, local_settings
from gateway_stage import Served, free_port, serve
from oidc_server import CLIENT_SECRET, OidcServer, oidc_server
from playwright.sync_api import Browser, Page, expect
from wallet_stage import account, personal_sign

READER, STRANGER = "reader.of.documents@hospital.example", "stranger@hospital.example"
WALLET = """
window.ethereum = {
  request: async ({method, params = []}) => {
    const answer = await window.theWallet(method, params);
    if (answer.refused) throw Object.assign(new Error("User rejected the request."), {code: 4001});
    return answer.result;
  },
};
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, OidcServer]]:
    """The gateway is at `localhost`, which is another site than the server's 127.0.0.1."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    people = {"people": [{"subject": READER, "scopes": ["documents.read", "documents.write"]}]}
    (folder / "people.yaml").write_text(json.dumps(people))
    with oidc_server() as server, local_settings(folder) as settings:
        port = free_port()
        values: dict[str, Any] = {
            **settings,
            "public_url": f"http://localhost:{port}",
            "oidc_issuer": server.issuer,
            "oidc_client_id": "gateway",
            "oidc_client_secret": CLIENT_SECRET,
            "people": folder / "people.yaml",
        }
        with serve(folder, {"ehr": (LOCAL_ORGANIZATION, SCOPES)}, port, **values) as served:
            server.serve(served.settings.public_url)
            yield served, server


@pytest.fixture(scope="module")
def url(stage: tuple[Served, OidcServer]) -> str:
    return stage[0].settings.public_url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    with opened(browser, url) as page:
        yield page


@pytest.fixture
def silent(browser: Browser, url: str) -> Iterator[Page]:
    """A page whose browser's console is not looked at: what is refused is told there, and the server's own pages ask
    for fonts of others."""
    with browser.new_context(base_url=url, viewport=DESK, locale="en-US") as context:
        context.set_default_timeout(SECONDS)
        yield context.new_page()


def give_wallet(page: Page, signer: Any, refuses: bool = False) -> list[str]:
    """A wallet that holds a key, and what it was asked to sign."""
    asked: list[str] = []

    def answer(method: str, params: list[str]) -> dict[str, Any]:
        if method == "eth_requestAccounts":
            return {"result": [signer.address.lower()]}
        assert (method, params[1]) == ("personal_sign", signer.address.lower())
        asked.append(bytes.fromhex(params[0][2:]).decode())
        return {"refused": True} if refuses else {"result": personal_sign(asked[-1], signer)}

    page.expose_function("theWallet", answer)
    page.add_init_script(WALLET)
    return asked


def log_in(page: Page, login: str) -> None:
    """At the server: its two forms."""
    page.fill("[name=login]", login)
    page.fill("[name=password]", "any")
    page.click("button[type=submit]")
    page.click("button[type=submit]")


def test_a_wallet_signs_in_and_the_page_that_was_asked_for_opens(page: Page, url: str) -> None:
    asked = give_wallet(page, account(2))
    page.goto("/en/verify")
    page.click("text=Sign in")
    page.wait_for_url("**/en/sign-in?to=*")
    page.goto("/zh/sign-in?to=/en/history")
    page.click("#wallet")
    page.wait_for_url(f"{url}/zh/history")
    expect(page.locator("#sign-out")).to_be_visible()
    (message,) = asked
    assert message.startswith(f"{url} wants you to sign in")
    page.goto("/en/sign-in")
    expect(page.locator("main")).to_contain_text("You are signed in.")
    page.click("#sign-out")
    expect(page.locator("#wallet")).to_be_visible()


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_no_address_leads_to_another_site(page: Page, url: str, to: str) -> None:
    give_wallet(page, account(2))
    page.goto("/en/sign-in")
    page.evaluate("to => history.replaceState(null, '', '?' + new URLSearchParams({to}))", to)
    page.reload()
    assert page.get_attribute("#server", "href") == "/session/oidc/begin?to=%2Fen%2Fverify"
    page.click("#wallet")
    page.wait_for_url(f"{url}/en/verify")


def test_no_wallet_and_a_refusal_are_said_in_plain_words(page: Page) -> None:
    page.goto("/en/sign-in")
    page.click("#wallet")
    expect(page.locator("#problem")).to_contain_text("No wallet was found in this browser")
    asked = give_wallet(page, account(2), refuses=True)
    page.reload()
    page.click("#wallet")
    expect(page.locator("#problem")).to_contain_text("Nothing was signed, and you are not signed in")
    assert len(asked) == 1
    assert page.request.get("/session").status == 401


def test_a_key_that_is_nobodys_is_said_to_be(silent: Page) -> None:
    give_wallet(silent, account(40))
    silent.goto("/en/sign-in")
    silent.click("#wallet")
    expect(silent.locator("#problem")).to_contain_text("The register does not know this account")


def test_a_person_comes_back_from_the_server_of_another_site_signed_in(silent: Page, url: str) -> None:
    silent.goto("/en/sign-in?to=/en/history")
    silent.click("#server")
    log_in(silent, READER)
    silent.wait_for_url(f"{url}/en/history")
    expect(silent.locator("#sign-out")).to_be_visible()
    assert silent.evaluate("fetch('/session').then((answer) => answer.status)") == 200


def test_who_is_not_known_or_began_no_sign_in_gets_a_page(silent: Page) -> None:
    silent.goto("/zh/sign-in")
    silent.click("#server")
    log_in(silent, STRANGER)
    expect(silent.locator("h1")).to_have_text("未能登录")
    expect(silent.locator(".lead")).to_contain_text("尚未设置您的权限")
    silent.goto("/session/oidc/callback?state=none")
    expect(silent.locator(".lead")).to_contain_text("其他浏览器")
    assert violations(silent) == []
    silent.get_by_role("link", name="重新登录").click()
    expect(silent.locator("#wallet")).to_be_visible()
    plain = silent.request.get("/session/oidc/callback?state=none", headers={"Accept": "application/json"})
    assert plain.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("language", "scheme"), [("en", "dark"), ("zh", "light")])
def test_axe_finds_nothing_and_a_phone_shows_it_whole(page: Page, language: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size(PHONE)
    page.goto(f"/{language}/sign-in")
    assert violations(page) == []
    page.click("#wallet")
    expect(page.locator("#no_wallet")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
