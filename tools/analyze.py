"""Analyses the contracts: slither (findings of high and medium impact fail) and halmos (symbolic checks).

    python tools/analyze.py             both
    python tools/analyze.py slither     only the one
    python tools/analyze.py halmos

Prints one line for each; what fails is printed in full. The tools come from .venv-analysis (`tools/setup.sh analysis`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".venv-analysis" / "bin"
SYMBOLIC_TESTS = "tests/invariant/symbolic"
FAILING_IMPACTS = ("High", "Medium")


def environment(out: str) -> dict[str, str]:
    """forge on PATH, and its own output folders: both tools rebuild, and slither cleans first."""
    variables = dict(os.environ)
    paths = [str(TOOLS), str(ROOT / "node_modules" / ".bin"), variables.get("PATH", "")]
    variables["PATH"] = os.pathsep.join(paths)
    variables["FOUNDRY_OUT"] = f"build/{out}"
    variables["FOUNDRY_CACHE_PATH"] = f"build/{out}-cache"
    return variables


def run(command: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs one of the tools and keeps what it prints."""
    try:
        return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SystemExit(f"analyze: {command[0]} is missing; run tools/setup.sh node analysis") from None


def slither() -> tuple[bool, str]:
    """Returns whether slither found nothing that fails, and a summary."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slither.json"
        done = run([str(TOOLS / "slither"), ".", "--json", str(path), "--no-fail"], environment("slither"))
        result: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"success": False}
    if not result["success"]:
        return False, f"slither did not run:\n{done.stdout}{done.stderr}"
    findings: list[dict[str, Any]] = result["results"].get("detectors", [])
    impacts = Counter(finding["impact"] for finding in findings)
    failing = [finding for finding in findings if finding["impact"] in FAILING_IMPACTS]
    order = ("High", "Medium", "Low", "Informational", "Optimization")
    summary = "slither: " + ", ".join(f"{impacts[impact]} {impact.lower()}" for impact in order)
    for finding in failing:
        summary += f"\n{finding['impact']}: {finding['check']}: {finding['description'].strip()}"
    return not failing, summary


def halmos() -> tuple[bool, str]:
    """Returns whether every symbolic check was proved, and a summary."""
    variables = environment("halmos")
    variables["FOUNDRY_TEST"] = SYMBOLIC_TESTS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "halmos.json"
        command = [str(TOOLS / "halmos"), "--forge-build-out", variables["FOUNDRY_OUT"], "--json-output", str(path)]
        done = run([*command, "--function", "check_"], variables)
        result: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    checks = [check for contract in result.get("test_results", {}).values() for check in contract]
    failed = [check["name"] for check in checks if check["exitcode"] != 0]
    if done.returncode != 0 or failed or not checks:
        return False, f"halmos: {len(checks)} checks, not proved: {failed}\n{done.stdout}{done.stderr}"
    return True, f"halmos: {len(checks)} checks proved"


def main(names: list[str]) -> int:
    """Runs the named tools and returns the exit code."""
    tools = {"slither": slither, "halmos": halmos}
    unknown = [name for name in names if name not in tools]
    if unknown:
        print(f"analyze: no such tool: {', '.join(unknown)}; there are {', '.join(tools)}", file=sys.stderr)
        return 2
    passed = True
    for name in names or list(tools):
        start = time.monotonic()
        good, summary = tools[name]()
        head, _, rest = summary.partition("\n")
        print(f"{head} ({time.monotonic() - start:.0f} s)" + (f"\n{rest}" if rest else ""))
        passed = passed and good
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
