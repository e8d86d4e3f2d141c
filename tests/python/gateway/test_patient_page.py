"""The patients' page in a real browser: several receipts at once, each told by itself, and nothing else sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser import PHONE, chromium, opened, violations
from careledger.anchoring.types import DisputeReason, RevocationReason
from careledger.chain.development import development_signer
from gateway_stage import Served
from playwright.sync_api import Browser, Page, Request, expect
from register_acts import acting, admitted, answered

CLINIC, OTHER = development_signer(5), development_signer(6)


@dataclass(frozen=True)
class Receipts:
    """A patient's: of a document in force, one that is disputed and one that was revoked. By name, who anchored them
    and who disputes."""

    good: Path
    disputed: Path
    revoked: Path
    clinic: str
    other: str

    @property
    def all(self) -> list[Path]:
        return [self.good, self.disputed, self.revoked]


@pytest.fixture(scope="module")
def receipts(gateway: Served, tmp_path_factory: pytest.TempPathFactory) -> Receipts:
    names = [admitted(gateway, key) for key in (CLINIC, OTHER)]
    clinic, other = (acting(gateway, key).documents for key in (CLINIC, OTHER))
    folder = tmp_path_factory.mktemp("receipts")
    files = [folder / f"{name}.receipt.json" for name in ("letter", "report", "prescription")]
    anchored = [clinic.anchor(clinic.fingerprint(file.name.encode())) for file in files]
    for file, receipt in zip(files, anchored, strict=True):
        file.write_bytes(receipt.dump())
    _, disputed, revoked = anchored
    other.dispute(disputed.location, DisputeReason.WRONG_SUBJECT)
    clinic.answer_dispute(disputed.submitter, disputed.leaf, OTHER.address, "0x" + 64 * "1")
    clinic.revoke(revoked.submitter, revoked.leaf, RevocationReason.ENTERED_IN_ERROR)
    answered(gateway, f"/documents/{revoked.submitter}/{revoked.leaf}/history")
    return Receipts(files[0], files[1], files[2], *names)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, gateway: Served) -> Iterator[Page]:
    with opened(browser, gateway.url) as page:
        yield page


def cards(page: Page, count: int) -> list[str]:
    expect(page.locator("#list > li")).to_have_count(count)
    expect(page.locator("#progress")).to_be_empty()
    return page.locator("#list > li").all_inner_texts()


def test_several_receipts_are_told_one_by_one_and_only_they_are_sent(page: Page, receipts: Receipts) -> None:
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request))
    page.goto("/en/patient")
    page.set_input_files("#receipts", receipts.all)
    good, disputed, revoked = cards(page, 3)
    assert all(receipts.clinic in card for card in (good, disputed, revoked))
    assert good.startswith("In force")
    assert "letter.receipt.json" in good
    assert "Nobody disputes it" in good
    assert disputed.startswith("In force, but disputed")
    assert f"{receipts.other} disputed it on" in disputed
    assert "about the wrong person. It was answered on" in disputed
    assert revoked.startswith("Revoked")
    assert "entered in error" in revoked
    posted = {request.url.partition("/documents/")[2] for request in sent if request.method == "POST"}
    assert posted == {"verify", "history"}
    page.locator("#list details summary").nth(1).click()
    expect(page.locator(".timeline").nth(1)).to_contain_text("Dispute answered")


def test_receipts_dropped_again_are_not_told_twice_and_what_is_none_is_named(
    page: Page, receipts: Receipts, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.json"
    photo.write_text("not a receipt")
    page.goto("/en/patient")
    page.set_input_files("#receipts", [receipts.good, photo])
    cards(page, 1)
    expect(page.locator("#problem")).to_contain_text("photo.json: This is not a careledger receipt")
    page.set_input_files("#receipts", [receipts.revoked, receipts.good])
    assert len(cards(page, 2)) == 2
    expect(page.locator("#problem")).to_be_empty()


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("zh", "dark")])
def test_axe_finds_nothing_and_a_phone_shows_it_whole(
    page: Page, receipts: Receipts, language: str, scheme: str
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size(PHONE)
    page.goto(f"/{language}/patient")
    page.set_input_files("#receipts", receipts.all)
    cards(page, 3)
    page.locator("#list details summary").first.click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
