"""A headless Chromium for the tests of pages, the one that the set-up unpacked or one on PATH."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

__all__ = ["chromium"]

ROOT = Path(__file__).resolve().parents[3]
ARGUMENTS = ["--no-sandbox", "--headless=shell", "--disable-gpu", "--no-zygote"]


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
