"""The console in a real browser: a document verified without a byte of it leaving, in both languages, by keyboard, on a
phone, and with nothing that axe finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser import PHONE, SECONDS, chromium, opened, violations
from careledger.anchoring import Receipt, RevocationReason
from careledger.chain.development import development_signer
from careledger.client import CareLedger
from careledger.gateway.access import SCOPES
from careledger.gateway.local import LOCAL_ORGANIZATION, local_settings
from gateway_stage import Served, serve
from playwright.sync_api import Browser, Page, Request

LETTER = b"Discharge letter MARKER-7f3a: all is well."


@dataclass(frozen=True)
class Letter:
    """A document that is anchored, and its receipt."""

    document: Path
    receipt: Path

    @property
    def loaded(self) -> Receipt:
        return Receipt.load(self.receipt)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, gateway: Served) -> Iterator[Page]:
    with opened(browser, gateway.url) as page:
        yield page


@pytest.fixture(scope="module")
def letter(gateway: Served, tmp_path_factory: pytest.TempPathFactory) -> Letter:
    return anchored(gateway, tmp_path_factory.mktemp("letter"), LETTER)


def anchored(gateway: Served, folder: Path, content: bytes) -> Letter:
    answer = gateway.call("POST", "/documents", "documents.write", files={"file": content})
    assert answer.status_code in {201, 202}, answer.text
    job = gateway.job(answer.headers["location"], "documents.read")
    found = Letter(folder / "letter.txt", folder / "letter.receipt.json")
    found.document.write_bytes(content)
    found.receipt.write_bytes(gateway.call("GET", job["result"]["receipt"], "documents.read").content)
    return found


def verify(page: Page, document: Path, receipt: Path, language: str = "en") -> str:
    """The answer's heading."""
    page.goto(f"/{language}/verify")
    page.set_input_files("#document", document)
    page.set_input_files("#receipt", receipt)
    page.click("#verify button[type=submit]")
    return heading(page)


def heading(page: Page) -> str:
    page.wait_for_selector("#result:not([hidden])")
    return page.inner_text("#result-heading").strip()


def test_an_anchored_document_is_in_force_and_no_byte_of_it_leaves(page: Page, letter: Letter) -> None:
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request))
    assert verify(page, letter.document, letter.receipt) == "In force"
    assert LOCAL_ORGANIZATION in page.inner_text("#result")
    bodies = [request.post_data_buffer or b"" for request in sent]
    assert any(letter.loaded.digest.encode() in body for body in bodies)
    assert not any(b"MARKER-7f3a" in body for body in bodies)
    assert all(request.url.startswith(page.url.partition("/en/")[0]) for request in sent)


def test_an_altered_and_a_revoked_document_are_told_apart(
    page: Page, gateway: Served, letter: Letter, tmp_path: Path
) -> None:
    other = tmp_path / "other.txt"
    other.write_bytes(LETTER + b" ")
    altered = verify(page, other, letter.receipt)
    revoked_letter = anchored(gateway, tmp_path, b"Another letter.")
    settings = gateway.settings
    with CareLedger.connect(settings.rpc, development_signer(2), settings.deployments) as ledger:
        place = revoked_letter.loaded.location
        ledger.documents.revoke(place.submitter, place.leaf, RevocationReason.ENTERED_IN_ERROR)
    revoked = verify(page, revoked_letter.document, revoked_letter.receipt)
    assert len({altered, revoked, "In force"}) == 3
    assert "revoked" in revoked.lower()


def test_a_person_with_a_keyboard_alone_gets_an_answer(page: Page, letter: Letter) -> None:
    # Heard from the start: a browser that is told of it as a key is pressed may open a chooser of its own first.
    files = {"document": letter.document, "receipt": letter.receipt}
    page.on("filechooser", lambda chooser: chooser.set_files(files[chooser.element.get_attribute("id") or ""]))
    page.goto("/en/verify")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for name in files:
        tabbed_to(page, f"#{name}")
        page.keyboard.press("Enter")
        page.wait_for_function("name => document.getElementById(name).files.length === 1", arg=name)
    tabbed_to(page, "#verify button[type=submit]")
    page.keyboard.press("Enter")
    assert heading(page) == "In force"


def tabbed_to(page: Page, selector: str) -> None:
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"no Tab leads to {selector}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_axe_finds_nothing_and_a_phone_shows_it_whole(page: Page, letter: Letter, language: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size(PHONE)
    page.goto(f"/{language}/verify")
    assert violations(page) == []
    verify(page, letter.document, letter.receipt, language)
    assert violations(page) == []
    assert page.get_attribute("html", "lang") == ("zh-Hans" if language == "zh" else "en")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_language_is_remembered_and_a_page_that_is_not_there_says_so(page: Page) -> None:
    page.goto("/zh/verify")
    page.goto("/")
    assert page.url.endswith("/zh/verify")
    answer = page.request.get("/en/nowhere", headers={"Accept": "text/html"})
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (404, "text/html")
    assert page.request.get("/documents/none/receipt").headers["content-type"] == "application/problem+json"


def test_an_outage_is_no_answer_about_the_document(browser: Browser, tmp_path: Path) -> None:
    with local_settings(tmp_path / "gateway") as settings:
        stack = serve(tmp_path / "gateway", {"ehr": (LOCAL_ORGANIZATION, SCOPES)}, **settings)
        served = stack.__enter__()
        try:
            kept = anchored(served, tmp_path, LETTER)
        except BaseException:
            stack.__exit__(None, None, None)
            raise
    try:  # the node is gone now
        with browser.new_context(base_url=served.url, locale="en-US") as context:
            context.set_default_timeout(SECONDS)
            asking = context.new_page()
            assert "could not" in verify(asking, kept.document, kept.receipt).lower()
    finally:
        stack.__exit__(None, None, None)
