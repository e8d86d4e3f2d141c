"""The page of a document's history in a real browser: each act in order, by whom and why, from a receipt or a link."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser import PHONE, chromium, opened, violations
from careledger.anchoring.types import AmendmentReason, DisputeReason, RevocationReason
from careledger.chain.development import development_signer
from gateway_stage import Served
from playwright.sync_api import Browser, Page, expect
from register_acts import CONTROLLER, acting, admitted, answered

CLINIC, OTHER = development_signer(5), development_signer(6)


@dataclass(frozen=True)
class Told:
    """A document that much was done to, by its receipt in a file and the path of its page; one of a batch; and who
    acted, by name."""

    file: Path
    path: str
    batch_file: Path
    clinic: str
    other: str


@pytest.fixture(scope="module")
def told(gateway: Served, tmp_path_factory: pytest.TempPathFactory) -> Told:
    names = [admitted(gateway, key) for key in (CLINIC, OTHER)]
    clinic, other = (acting(gateway, key).documents for key in (CLINIC, OTHER))
    receipt = clinic.anchor(clinic.fingerprint(b"A letter that much is done to."))
    other.countersign(receipt.location)
    other.dispute(receipt.location, DisputeReason.INACCURATE)
    clinic.answer_dispute(receipt.submitter, receipt.leaf, OTHER.address, "0x" + 64 * "1")
    clinic.amend(receipt.location, clinic.fingerprint(b"The same letter, better."), AmendmentReason.CORRECTION)
    other.withdraw_dispute(receipt.submitter, receipt.leaf)
    clinic.revoke(receipt.submitter, receipt.leaf, RevocationReason.ENTERED_IN_ERROR)
    _, in_batch = clinic.anchor_batch([clinic.fingerprint(bytes([number])) for number in range(2)])
    assert in_batch.batch is not None
    clinic.revoke_leaves(
        in_batch.submitter, in_batch.batch.root, [in_batch.batch.index], RevocationReason.WRONG_SUBJECT
    )
    controller = acting(gateway, development_signer(CONTROLLER))
    controller.organizations.report_compromise(OTHER.address, receipt.anchored_at)
    folder = tmp_path_factory.mktemp("receipts")
    files = folder / "letter.receipt.json", folder / "batch.receipt.json"
    for file, one in zip(files, (receipt, in_batch), strict=True):
        file.write_bytes(one.dump())
    answered(gateway, f"/documents/{receipt.submitter}/{receipt.leaf}/history")
    path = f"/history?submitter={receipt.submitter}&leaf={receipt.leaf}"
    return Told(files[0], path, files[1], *names)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, gateway: Served) -> Iterator[Page]:
    with opened(browser, gateway.url) as page:
        yield page


def history(page: Page, receipt: Path, language: str = "en") -> list[str]:
    """Each act, as the page says it."""
    page.goto(f"/{language}/history")
    page.set_input_files("#receipt", receipt)
    page.click("#ask button[type=submit]")
    return acts(page)


def acts(page: Page) -> list[str]:
    page.wait_for_selector("#result:not([hidden])")
    return page.locator(".timeline > li").all_inner_texts()


def test_each_act_says_who_did_it_and_why_and_beware_of_a_key_that_leaked(page: Page, told: Told) -> None:
    found = history(page, told.file)
    expected = [
        ("Anchored", told.clinic, ""),
        ("Countersigned", told.other, ""),
        ("Disputed", told.other, "inaccurate"),
        ("Dispute answered", told.clinic, "not on the chain"),
        ("Replaced by a newer version", told.clinic, "correction"),
        ("Dispute withdrawn", told.other, ""),
        ("Revoked", told.clinic, "entered in error"),
    ]
    assert len(found) == len(expected)
    for act, (heading, who, why) in zip(found, expected, strict=True):
        assert act.startswith(heading)
        assert all(part in act for part in (who, why, "block"))
        assert ("reported as compromised" in act) == (who == told.other)


def test_a_link_tells_the_same_goes_on_to_the_newer_version_and_keeps_its_way_in_the_other_language(
    page: Page, told: Told
) -> None:
    page.goto(told.path)
    assert "/en/history?" in page.url
    assert len(acts(page)) == 7
    page.click("text=History of the newer version")
    page.wait_for_url(lambda url: told.path not in url)
    newer = acts(page)
    assert [act.partition("\n")[0] for act in newer] == ["Anchored", "Replaces an earlier version"]
    page.click(".language")
    page.wait_for_url("**/zh/history?**")
    assert [act.partition("\n")[0] for act in acts(page)] == ["存证", "取代较早版本"]


def test_a_document_of_a_batch_is_told_by_its_receipt(page: Page, told: Told) -> None:
    assert [act.partition("\n")[0] for act in history(page, told.batch_file)] == [
        "Anchored, together with others",
        "Revoked",
    ]


def test_what_nobody_anchored_and_what_is_no_receipt_say_so(page: Page, told: Told, tmp_path: Path) -> None:
    page.goto(f"/en/history?submitter={CLINIC.address}&leaf=0x{64 * 'a'}")
    expect(page.locator("#result-heading")).to_have_text("Nothing is known of this document")
    page.goto("/en/history?leaf=0x12")
    expect(page.locator("#problem")).to_contain_text("incomplete")
    other = tmp_path / "other.json"
    other.write_text("{}")
    page.set_input_files("#receipt", other)
    page.click("#ask button[type=submit]")
    expect(page.locator("#problem")).to_contain_text("not a careledger receipt")


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("zh", "dark")])
def test_axe_finds_nothing_and_a_phone_shows_it_whole(page: Page, told: Told, language: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size(PHONE)
    history(page, told.file, language)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
