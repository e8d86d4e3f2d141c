"""A headless Chromium for the tests of pages, the one that the set-up unpacked or one on PATH; its pages, and what axe
finds in them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright
from wallet_stage import Visitor

__all__ = ["DESK", "PHONE", "SECONDS", "chromium", "opened", "signed_in", "violations"]

ROOT = Path(__file__).resolve().parents[3]
ARGUMENTS = ["--no-sandbox", "--headless=shell", "--disable-gpu", "--no-zygote"]
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}
PHONE, DESK = ViewportSize(width=390, height=844), ViewportSize(width=1280, height=900)
SECONDS = 30_000
"""Of waiting for the page, in milliseconds: the machine may be busy."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that ends with the context. Skips the test, and says why, where there is none."""
    unpacked = ROOT / ".chromium" / "chromium"
    found = str(unpacked) if unpacked.is_file() else shutil.which("chromium")
    if found is None:
        pytest.skip("no Chromium: `make setup` unpacks one where there is a package for this platform")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[Page]:
    """A page of a gateway, as nobody yet; what it says in the browser's console is an error of the test."""
    with browser.new_context(base_url=url, viewport=DESK, locale="en-US") as context:
        context.set_default_timeout(SECONDS)
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        yield page
    assert said == []


def signed_in(page: Page, visitor: Visitor) -> None:
    """Gives a page the session of somebody who signed in."""
    page.context.add_cookies(
        [{"name": one.name, "value": one.value or "", "url": visitor.url} for one in visitor.browser.cookies]
    )


def violations(page: Page) -> list[str]:
    """What axe finds in a page, once it knows the newest block."""
    expect(page.locator("#block")).to_contain_text(re.compile("[0-9]"), timeout=SECONDS)
    found = Axe().run(page, options=RULES)
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found.response["violations"]]
