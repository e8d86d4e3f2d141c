"""`careledger demo --serve`: when the story is told, a gateway and a console for each organization, until a signal."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from careledger.anchoring.sources import RECEIPT_SUFFIX
from careledger.demo.chapters.supply.goods import GTIN
from careledger.gateway.client import GatewayClient
from eth_account import Account
from joserfc.jwk import ECKey
from wallet_stage import Visitor

SECONDS = 300
FIRST_PORT = 10_000 + os.getpid() % 1_000 * 8
"""Below those that the system gives out, and those of the nodes."""
PACK = f"(01){GTIN:0>14}(21)SN000001(17)391231(10)DEMO-1"


@dataclass(frozen=True)
class Pilot:
    process: subprocess.Popen[bytes]
    told: dict[str, Any]
    report: Path
    keys: dict[str, str]

    def visitor(self, organization: str) -> Visitor:
        """The organization's person, signed in at its console."""
        (console,) = (one for one in self.told["consoles"] if one["organization"] == organization)
        found = Visitor(console["url"], requests.Session())
        assert found.sign_in(Account.from_key(self.keys[organization])).status_code == 201
        return found


@pytest.fixture(scope="module")
def pilot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pilot]:
    folder: Path = tmp_path_factory.mktemp("pilot")
    command = [sys.executable, "-m", "careledger", "demo", "--serve", "--port", str(FIRST_PORT), "--json"]
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            [*command, "--report", str(folder / "report.html")],
            stdout=out,
            stderr=err,
            env={**os.environ, "TMPDIR": str(folder)},
        )
    try:
        told = answer_of(process, folder)
        (keys,) = folder.glob("careledger-demo-*/keys.json")
        yield Pilot(process, told, folder / "report.html", json.loads(keys.read_text()))
    finally:
        process.kill()
        process.wait(SECONDS)


def answer_of(process: subprocess.Popen[bytes], folder: Path) -> dict[str, Any]:
    until = time.monotonic() + SECONDS
    while True:
        text = (folder / "out").read_text()
        if text.endswith("}\n"):
            answer: dict[str, Any] = json.loads(text)
            return answer
        assert process.poll() is None, (folder / "err").read_text()
        assert time.monotonic() < until, (folder / "err").read_text()
        time.sleep(0.2)


def test_each_console_answers_of_its_own_part_of_the_story(pilot: Pilot) -> None:
    names = [one["organization"] for one in pilot.told["consoles"]]
    assert names == ["demo-hospital", "demo-insurer", "demo-manufacturer", "demo-pharmacy", "demo-regulator"]
    for console in pilot.told["consoles"]:
        page = requests.get(f"{console['url']}/en/verify", timeout=30)
        assert page.status_code == 200
        assert console["organization"] in page.text
    for name in ("demo-manufacturer", "demo-pharmacy"):
        found = pilot.visitor(name).call("POST", "/units/verify", json={"code": PACK}).json()
        assert found["finding"] == "RECALLED"
    insurer = pilot.visitor("demo-insurer")
    figures = insurer.call("GET", f"/reports/pilot?from=0&to={2**32}").json()
    assert figures["requests"]["automatic"]["count"] > 0


def test_the_story_goes_on_over_http_each_at_its_own_gateway(pilot: Pilot) -> None:
    told = [(one["organization"], one["status"], one["answer"]) for one in pilot.told["exchanges"]]
    anchored, care, referral, waiting, forged, pack = told
    assert anchored[:2] == ("demo-hospital", 201)
    assert care == ("demo-hospital", 201, "item 1: A1, with an authorization number")
    assert referral == ("demo-hospital", 201, "item 1: A4, review-required, with a number to ask for it")
    assert waiting == ("demo-insurer", 200, "lines that wait for a reviewer: 1")
    assert forged[:2] == ("demo-insurer", 422)
    assert "is not enrolled" in forged[2]
    assert pack == ("demo-pharmacy", 200, "RECALLED")
    (systems,) = Path(pilot.told["folder"]).glob("systems.json")
    assert systems.stat().st_mode & 0o077 == 0
    stated = json.loads(systems.read_text())["demo-hospital"]
    system = GatewayClient(stated["url"], stated["client_id"], ECKey.import_key(stated["jwk"]))
    found = system.call("GET", "/authorizations?status=PENDED", "claims.read").json()
    assert found["found"] == 1


def test_the_patients_claims_are_on_the_chain_as_explained(pilot: Pilot) -> None:
    papers = Path(pilot.told["folder"]) / "papers"
    (hospital,) = (one["url"] for one in pilot.told["consoles"] if one["organization"] == "demo-hospital")
    for file in sorted(papers.glob("explanation-of-benefits-*.json")):
        (item,) = json.loads(file.read_text())["item"]
        key = item["extension"][0]["valueIdentifier"]["value"].rpartition("/")[2]
        found = requests.post(f"{hospital}/claims/lines", json={"keys": [key]}, timeout=30).json()
        (benefit,) = (
            one["amount"]["value"] for one in item["adjudication"] if one["category"]["coding"][0]["code"] == "benefit"
        )
        assert found["lines"][0]["paid"] == round(benefit * 10 ** found["decimals"])
    eligibility = json.loads((papers / "eligibility.json").read_text())
    service = {"code": {"system": "HCPCS", "code": "G0299"}, "charge": "180.00"}
    body = {"eligibility": eligibility, "services": [service]}
    (line,) = requests.post(f"{hospital}/services/estimates", json=body, timeout=30).json()["lines"]
    assert (line["insurer"], line["patient"]) == (145_500_000, 20_000_000)


def test_the_patients_papers_verify_at_any_console(pilot: Pilot) -> None:
    papers = Path(pilot.told["folder"]) / "papers"
    receipts = sorted(papers.glob("*.receipt.json"))
    answers = {}
    for receipt, console in zip(receipts, pilot.told["consoles"], strict=False):
        with (
            receipt.open("rb") as stated,
            receipt.with_name(receipt.name.removesuffix(RECEIPT_SUFFIX)).open("rb") as file,
        ):
            found = requests.post(
                f"{console['url']}/documents/verify/files", files={"receipt": stated, "file": file}, timeout=30
            )
        answers[receipt.name] = found.json()["answer"]
    assert answers == {
        "consent-form.txt.receipt.json": "active",
        "discharge-summary-corrected.json.receipt.json": "active",
        "discharge-summary.json.receipt.json": "superseded",
    }
    patient = Account.from_key(pilot.keys["patient"]).address
    assert {json.loads(receipt.read_bytes())["subject"] for receipt in receipts} == {patient}


def test_the_report_tells_every_step_and_answer(pilot: Pilot) -> None:
    page = pilot.report.read_text()
    for step in pilot.told["steps"]:
        assert step["transaction_hash"] in page
    assert len(pilot.told["answers"]) > 20
    assert page.count("<section>") == 5 + len(pilot.told["tables"])


def test_it_ends_with_all_its_gateways(pilot: Pilot) -> None:
    pilot.process.send_signal(signal.SIGTERM)
    assert pilot.process.wait(60) == 0
    for console in pilot.told["consoles"]:
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{console['url']}/health", timeout=5)


def test_a_port_that_is_taken_is_told_before_anything_is_done() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        command = [sys.executable, "-m", "careledger", "demo", "--serve", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert f"{port} is taken" in done.stderr
    assert "deploy" not in done.stderr
