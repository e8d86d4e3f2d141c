"""Disputes on the patients' page in a real browser, signed by a real key in a wallet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import PHONE, chromium, opened, violations
from careledger.anchoring import Canonicalization, DocumentKind, Receipt
from careledger.anchoring.fingerprint import Fingerprint
from careledger.anchoring.types import DisputeReason
from careledger.chain.development import development_signer
from careledger.client import CareLedger
from careledger.gateway.local import LOCAL_ORGANIZATION
from eth_account import Account
from gateway_stage import Served
from identity.suite import new_key
from playwright.sync_api import Browser, Page, expect
from register_acts import CONTROLLER, acting, admitted, answered

DOCTOR, CLINIC = development_signer(4), development_signer(5)
PATIENT = Account.create()
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
def hospital(gateway: Served) -> CareLedger:
    """The gateway's organization, with a key of its own beside the gateway's."""
    controller = acting(gateway, development_signer(CONTROLLER)).organizations
    expiry = acting(gateway).connection.now() + 3600
    controller.add_key(controller.prove_possession(LOCAL_ORGANIZATION, DOCTOR, expiry))
    return acting(gateway, DOCTOR)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, gateway: Served) -> Iterator[Page]:
    with opened(browser, gateway.url) as page:
        yield page


def anchored(ledger: CareLedger, organization: str, subject: str | None) -> Receipt:
    kind = DocumentKind.CLINICAL_DOCUMENT
    return ledger.documents.anchor(Fingerprint.of(b"Letter", organization, kind, Canonicalization.RAW, subject))


def kept(gateway: Served, folder: Path, name: str, receipt: Receipt) -> Path:
    """The receipt's file, once the index has its document."""
    answered(gateway, f"/documents/{receipt.submitter}/{receipt.leaf}/history")
    file = folder / f"{name}.receipt.json"
    file.write_bytes(receipt.dump())
    return file


def own(gateway: Served, hospital: CareLedger, folder: Path) -> tuple[Receipt, Path]:
    """A document about the patient, of this gateway's organization."""
    receipt = anchored(hospital, gateway.app.state.services.organization, PATIENT.address)
    return receipt, kept(gateway, folder, "letter", receipt)


def give_wallet(page: Page, key: Any, refuses: bool = False) -> list[dict[str, Any]]:
    """A wallet that holds a key, and what it was asked to sign."""
    asked: list[dict[str, Any]] = []

    def answer(method: str, params: list[str]) -> dict[str, Any]:
        if method == "eth_requestAccounts":
            return {"result": [key.address.lower()]}
        assert (method, params[0]) == ("eth_signTypedData_v4", key.address.lower())
        asked.append(json.loads(params[1]))
        signature = "0x" + bytes(key.sign_typed_data(full_message=asked[-1]).signature).hex()
        return {"refused": True} if refuses else {"result": signature}

    page.expose_function("theWallet", answer)
    page.add_init_script(WALLET)
    return asked


def told(page: Page, files: list[Path], language: str = "en") -> list[str]:
    """Each document's card."""
    page.goto(f"/{language}/patient")
    page.set_input_files("#receipts", files)
    expect(page.locator("#list > li")).to_have_count(len(files))
    return page.locator("#list > li").all_inner_texts()


def test_a_patient_disputes_and_withdraws_with_a_wallet_alone(
    page: Page, gateway: Served, hospital: CareLedger, tmp_path: Path
) -> None:
    asked = give_wallet(page, PATIENT)
    receipt, file = own(gateway, hospital, tmp_path)
    told(page, [file])
    page.click("text=Sign the dispute")
    expect(page.locator(".disputing .problem")).to_have_text("Choose what is wrong first.")
    page.select_option(".disputing select", "INACCURATE")
    page.click("text=Sign the dispute")
    card = page.locator("#list > li")
    expect(card).to_contain_text("you said that it is wrong: inaccurate")
    expect(card.locator(".verdict-head h3")).to_have_text("In force, but disputed")
    found = hospital.documents.dispute_of(receipt.submitter, receipt.leaf, PATIENT.address)
    assert found is not None
    assert (found.reason, found.withdrawn_at) == (DisputeReason.INACCURATE, 0)
    page.click("text=Withdraw the dispute")
    expect(card).to_contain_text("You withdrew it")
    expect(card.locator(".verdict-head h3")).to_have_text("In force")
    assert [one["primaryType"] for one in asked] == ["SubjectDispute", "SubjectWithdrawal"]


def test_without_the_right_wallet_nothing_is_sent_and_the_page_says_why(
    page: Page, gateway: Served, hospital: CareLedger, tmp_path: Path
) -> None:
    receipt, file = own(gateway, hospital, tmp_path)
    told(page, [file])
    problem = page.locator(".disputing .problem")
    page.select_option(".disputing select", "OUTDATED")
    page.click("text=Sign the dispute")
    expect(problem).to_contain_text("no wallet")
    stranger = new_key().address
    page.evaluate(f"window.ethereum = {{request: async () => ['{stranger}']}}")
    page.click("text=Sign the dispute")
    expect(problem).to_contain_text(PATIENT.address)
    give_wallet(page, PATIENT, refuses=True)
    page.evaluate(WALLET)
    page.click("text=Sign the dispute")
    expect(problem).to_contain_text("You refused")
    assert hospital.documents.dispute_of(receipt.submitter, receipt.leaf, PATIENT.address) is None


def test_who_cannot_dispute_here_is_told_whom_to_ask(
    page: Page, gateway: Served, hospital: CareLedger, tmp_path: Path
) -> None:
    clinic = admitted(gateway, CLINIC)
    other = acting(gateway, CLINIC)
    receipts = {
        "nobodys": anchored(hospital, gateway.app.state.services.organization, None),
        "others": anchored(other, other.organizations.known(clinic), PATIENT.address),
    }
    nobodys, others = told(page, [kept(gateway, tmp_path, name, one) for name, one in receipts.items()])
    assert f"names no key of yours, so you cannot dispute the document yourself. Tell {LOCAL_ORGANIZATION}" in nobodys
    assert f"You can dispute this document at the gateway of {clinic}" in others
    expect(page.locator(".disputing button")).to_have_count(0)


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("en", "dark"), ("zh", "dark")])
def test_axe_finds_nothing_and_a_phone_shows_it_whole(
    page: Page, gateway: Served, hospital: CareLedger, tmp_path: Path, language: str, scheme: str
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size(PHONE)
    _, file = own(gateway, hospital, tmp_path)
    told(page, [file], language)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
