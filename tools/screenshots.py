"""Pictures of the console's pages, with what the demo left: on a desk and a phone, light and dark, English and Chinese.

    python tools/screenshots.py            all pages, into build/screenshots
    python tools/screenshots.py packs      some of them

It runs `careledger demo --serve` and a headless Chromium, the one that `make setup` unpacked or one on PATH.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import requests
from careledger.demo.chapters.supply.goods import GTIN
from careledger.gateway.web import LANGUAGES, PAGES
from eth_account import Account
from eth_account.messages import encode_defunct
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "build" / "screenshots"
ARGUMENTS = ["--no-sandbox", "--headless=shell", "--disable-gpu", "--no-zygote"]
SIZES = {"desk": ViewportSize(width=1280, height=900), "phone": ViewportSize(width=390, height=844)}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LOT = "DEMO-1"
PACK = f"(01){GTIN:0>14}(21)SN000001(17)391231(10){LOT}"
SECONDS = 60


def verify(page: Page, papers: Path) -> None:
    page.set_input_files("#document", papers / "consent-form.txt")
    page.set_input_files("#receipt", papers / "consent-form.txt.receipt.json")
    page.click("#verify button[type=submit]")
    expect(page.locator("#result")).to_be_visible()


def history(page: Page, papers: Path) -> None:
    page.set_input_files("#receipt", papers / "discharge-summary.json.receipt.json")
    page.click("#ask button[type=submit]")
    expect(page.locator("#result")).to_be_visible()


def patient(page: Page, papers: Path) -> None:
    page.set_input_files("#receipts", sorted(papers.glob("*.receipt.json")))
    expect(page.locator("#list details")).to_have_count(3)
    page.locator("#list details summary").first.click()
    page.set_input_files("#explanations", sorted(papers.glob("explanation-of-benefits-*.json")))
    expect(page.locator("#explained > li")).to_have_count(2)
    page.fill("#code-system", "HCPCS")
    page.fill("#code", "G0299")
    page.fill("#charge", "180.00")
    page.set_input_files("#eligibility", papers / "eligibility.json")
    page.click("#estimate button[type=submit]")
    expect(page.locator("#estimated table")).to_be_visible()


def packs(page: Page, _papers: Path) -> None:
    page.fill("#code", PACK)
    page.click("#scan button[type=submit]")
    page.click("#trace-button")
    expect(page.locator("#trace")).to_be_visible()


def recalls(page: Page, _papers: Path) -> None:
    page.fill("#gtin", GTIN)
    page.fill("#lot-number", LOT)
    page.click("#ask button[type=submit]")
    expect(page.locator("#result")).to_be_visible()


def claims(page: Page, _papers: Path) -> None:
    page.select_option("#show", "granted")
    page.locator("#lines button").last.click()
    expect(page.locator("#detail")).to_be_visible()


def nothing(page: Page, _papers: Path) -> None:
    """The page shows all by itself."""


@dataclass(frozen=True)
class Picture:
    """Whose console shows a page, and what is done there first."""

    organization: str
    act: Callable[[Page, Path], None] = nothing


PICTURES = {
    "verify": Picture("demo-hospital", verify),
    "history": Picture("demo-hospital", history),
    "patient": Picture("demo-hospital", patient),
    "organizations": Picture("demo-regulator"),
    "claims": Picture("demo-insurer", claims),
    "packs": Picture("demo-pharmacy", packs),
    "recalls": Picture("demo-manufacturer", recalls),
    "pilot": Picture("demo-insurer"),
    "desk": Picture("demo-insurer"),
    "sign-in": Picture("demo-insurer"),
}


def main() -> None:
    wanted = sys.argv[1:] or list(PICTURES)
    unknown = [name for name in wanted if name not in PICTURES]
    if unknown:
        raise SystemExit(f"no such page: {', '.join(unknown)}; there are {', '.join(PICTURES)}")
    unpacked = ROOT / ".chromium" / "chromium"
    program = str(unpacked) if unpacked.is_file() else shutil.which("chromium")
    if program is None:
        raise SystemExit("no Chromium: `make setup` unpacks one where there is a package for this platform")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with demo() as told, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        for name in wanted:
            take(browser, told, name)
        browser.close()


@contextmanager
def demo() -> Iterator[dict[str, Any]]:
    """What `careledger demo --serve` tells once it serves."""
    command = [sys.executable, "-m", "careledger", "demo", "--serve", "--port", str(free_ports()), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            text = ""
            for line in process.stdout:
                text += line
                if line == "}\n":
                    break
            yield json.loads(text)
        finally:
            process.terminate()


def free_ports() -> int:
    """The first of some that nobody has now."""
    for first in range(18_000, 19_000, 10):
        if not any(is_taken(port) for port in range(first, first + 10)):
            return first
    raise SystemExit("no ten free ports in a row from 18000 to 19000")


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def take(browser: Browser, told: dict[str, Any], name: str) -> None:
    folder, picture = Path(told["folder"]), PICTURES[name]
    (console,) = (one for one in told["consoles"] if one["organization"] == picture.organization)
    (page_of,) = (one for one in PAGES if one.name == name)
    key = json.loads((folder / "keys.json").read_text())[picture.organization]
    cookies = [] if name == "sign-in" else signed_in(console["url"], key)
    for size, viewport in SIZES.items():
        for language in LANGUAGES:
            with browser.new_context(base_url=console["url"], viewport=viewport, locale=language) as context:
                context.set_default_timeout(1000 * SECONDS)
                context.add_cookies(cookies)
                page = context.new_page()
                page.goto(f"/{language}{page_of.path}", wait_until="networkidle")
                picture.act(page, folder / "papers")
                page.wait_for_load_state("networkidle")
                page.evaluate("scrollTo(0, 0)")
                for scheme in SCHEMES:
                    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                    page.wait_for_timeout(300)
                    file = FOLDER / f"{name}-{size}-{language}-{scheme}.png"
                    page.screenshot(path=file, full_page=True)
                    print(file.relative_to(ROOT))


def signed_in(url: str, key: str) -> list[Any]:
    """The cookies of somebody who signs in with a wallet."""
    account = Account.from_key(key)
    session = requests.Session()
    session.headers.update({"Origin": url, "Sec-Fetch-Site": "same-origin"})
    nonce = session.post(f"{url}/session/wallet/nonce", json={"address": account.address}, timeout=SECONDS)
    nonce.raise_for_status()
    message = nonce.json()["message"]
    signature = "0x" + bytes(account.sign_message(encode_defunct(text=message)).signature).hex()
    answer = session.post(f"{url}/session/wallet", json={"message": message, "signature": signature}, timeout=SECONDS)
    answer.raise_for_status()
    return [{"name": one.name, "value": one.value or "", "url": url} for one in session.cookies]


if __name__ == "__main__":
    main()
