"""The wheel, as a user without Node and without the clone has it: installed in an empty venv, the demo runs.

With web3 7 and with web3 8, each with dependencies pinned by hash.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = ROOT / ".venv" / "bin" / "uv"
TIMEOUT_SECONDS = 600


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    run([*command, "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)])
    (built,) = folder.glob("careledger-*.whl")
    return built


@pytest.fixture(scope="module", params=["7", "8"])
def installed(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A venv with nothing but careledger and what it depends on; the major version of web3 varies."""
    venv = tmp_path_factory.mktemp(f"web3-{request.param}") / "venv"
    requirements = ROOT / "requirements" / f"wheel-web3-{request.param}.txt"
    if UV.is_file():
        run([sys.executable, "-m", "venv", "--without-pip", str(venv)])
        install = [str(UV), "pip", "install", "--quiet", "--python", str(venv / "bin" / "python")]
    else:
        run([sys.executable, "-m", "venv", str(venv)])
        install = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*install, "--no-deps", "--require-hashes", "-r", str(requirements)])
    run([*install, "--no-deps", str(wheel)])
    version = alone(venv, "python", "-c", "import web3; print(web3.__version__)")
    assert version.stdout.startswith(f"{request.param}.")
    return venv


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


def alone(venv: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of the venv outside the clone, with nothing else on PATH and no setting of this process."""
    return subprocess.run(
        [str(venv / "bin" / program), *arguments],
        cwd=venv.parent,
        env={"PATH": str(venv / "bin"), "HOME": str(venv.parent), "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def answers(performance: dict[str, Any]) -> dict[str, str]:
    return {answer["name"]: answer["answer"] for answer in performance["answers"]}


def test_wheel_holds_the_client_its_types_and_the_contracts_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"careledger/py.typed", "careledger/abi/OrganizationRegistry.json", "careledger/abi/AccessManager.json"} <= {
        *names
    }
    assert all(name.startswith(("careledger/", "careledger-")) for name in names)
    assert not [name for name in names if name.endswith((".pyc", ".sol"))]


def test_installed_package_is_not_the_clones(installed: Path) -> None:
    found = alone(installed, "python", "-c", "import careledger; print(careledger.__file__)")
    assert found.returncode == 0, found.stderr
    assert Path(found.stdout.strip()).is_relative_to(installed)


@pytest.mark.daily("8")
def test_installed_demo_runs_on_the_in_process_evm_without_node(installed: Path) -> None:
    assert shutil.which("node", path=str(installed / "bin")) is None
    assert shutil.which("anvil", path=str(installed / "bin")) is None
    done = alone(installed, "careledger", "demo", "--json")
    assert done.returncode == 0, done.stderr
    performance = json.loads(done.stdout)
    assert performance["chain"]["where"] == "an EVM inside this process (py-evm), since there is no Anvil"
    assert performance["transactions_sent"] == 113
    told = answers(performance)
    assert told.pop("insurer-manager").startswith("0x")
    assert told == {
        "key-owner": "demo-hospital's, ACTIVE",
        "may-provide": "yes, for demo-hospital",
        "may-dispense": "no",
        "old-key-then": "ACTIVE, for demo-hospital",
        "old-key-now": "no",
        "summary-first": "SUPERSEDED",
        "summary-latest": "the corrected one",
        "summary-other-server": "yes",
        "consent-countersigned": "yes, demo-manufacturer",
        "report-revoked": "REVOKED",
        "report-elsewhere": "UNKNOWN",
        "report-beside": "ACTIVE",
        "log-whole": "yes",
        "log-omission": "no, one at least is left out",
        "care": "item 1 approved, within rules; item 2 approved, within rules; item 3 approved, within rules",
        "pended": "item 1: A4, review-required, with a number to ask for it",
        "referral": "; ".join(
            (
                "pended, review required",
                "information requested",
                "information supplied",
                "approved in part, reviewer",
                "appealed",
                "appeal overturned",
                "approved in full, appeal",
            )
        ),
        "inquiry": "item 1: A1, reviewed by a person, with an authorization number",
        "excluded": "item 1 denied, contract exclusion",
        "invalid": "one OperationOutcome: error not-found at Bundle.entry[0].resource.patient.reference; "
        "error not-found at Bundle.entry[3].resource.beneficiary.reference; on the chain: nothing",
        "claim-care": "PAID: 145.50 USD of 180.00 USD; finding: none",
        "claim-referral": "PAID: 150.00 USD of 160.00 USD; finding: over fast track maximum",
        "paid-out": "295.50 USD",
        "cold-chain": "4.6 to 12.4 °C: an excursion",
        "recalled-lot": "gtin:09521000001015, lot DEMO-1",
        "false-serial": "it did not come with any shipment",
        "false-proof": "no match serial",
        "recalled-pack": "recalled; class II, packaging defect",
        "recalled-dispensed": "recalled; class II, packaging defect; it was dispensed",
        "recalled-dispense": "no",
        "suspended-now": "SUSPENDED",
        "suspended-before": "ACTIVE",
        "suspended-may-start": "no",
        "suspended-may-finish": "yes, for demo-distributor",
        "unknown-organization": "unknown",
        "unknown-key": "no",
    }
    metrics, claim_metrics, recall = performance["tables"]
    assert metrics["rows"][1] == ["approved", "80.0 % (4 of 5)", "0.0 % (0 of 1)", "(2), (6)"]
    assert claim_metrics["rows"][-1] == ["paid by the insurer", "295.50"]
    assert recall["rows"][1] == ["45", "destroyed by demo-manufacturer", "095210000000000025"]


@pytest.mark.full
@pytest.mark.parametrize("installed", ["8"], indirect=True)
def test_installed_demo_prints_the_tables(installed: Path) -> None:
    done = alone(installed, "careledger", "demo")
    assert done.returncode == 0, done.stderr
    assert "What happened" in done.stdout
    assert "suspend the distributor" in done.stderr


def test_installed_careledger_without_a_node_says_what_to_do(installed: Path) -> None:
    code = "from careledger import CareLedger; CareLedger.local()"
    done = alone(installed, "python", "-c", code)
    assert done.returncode != 0
    assert "MissingPrerequisite" in done.stderr
    assert "CareLedger.embedded()" in done.stderr


def test_dependencies_are_pinned_by_hash_and_name_no_host_or_path() -> None:
    for major in ("7", "8"):
        text = (ROOT / "requirements" / f"wheel-web3-{major}.txt").read_text()
        pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert [line for line in pins if line.startswith(f"web3=={major}.")], major
        assert all("==" in line for line in pins)
        assert text.count("--hash=sha256:") >= len(pins)
        assert "://" not in text
        assert os.sep + "tmp" not in text
