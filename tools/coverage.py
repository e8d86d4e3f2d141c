"""Measures how much of the contracts the deterministic Solidity tests reach.

    python tools/coverage.py              contracts/identity, anchoring, authorization and serialization
    python tools/coverage.py FOLDER ...   these folders of contracts/

Prints a table of lines and branches per file, and exits with 1 under 100 %, with every line that is not reached. A line
that no test can reach is named in UNREACHABLE, with the reason.

How authorization and serialization behave is tested by Ape, which measures nothing. What forge reaches of them is unit
tests and the handlers' walks on a fixed stream of choices; that has a floor by file, in FLOORS, which may not fall.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "build" / "lcov.info"
DEFAULT_FOLDERS = ["contracts/identity", "contracts/anchoring", "contracts/authorization", "contracts/serialization"]

# Per cent of lines and of branches that are reached at least, where not all are. Measured, and rounded down to a
# multiple of five: a walk goes another way after a change of the contracts.
FLOORS: dict[str, tuple[int, int]] = {
    "contracts/authorization/AuthorizationBook.sol": (90, 85),
    "contracts/authorization/AuthorizationDesk.sol": (95, 90),
    "contracts/authorization/AuthorizationIntake.sol": (95, 75),
    "contracts/authorization/ClaimSettlement.sol": (90, 75),
    "contracts/authorization/CoveragePolicy.sol": (90, 80),
    "contracts/authorization/InsurerVault.sol": (95, 65),
    "contracts/authorization/PriorAuthorization.sol": (80, 80),
    "contracts/authorization/ProviderDocuments.sol": (50, 30),
    "contracts/authorization/ReviewPanel.sol": (55, 10),
    "contracts/serialization/Containers.sol": (95, 90),
    "contracts/serialization/Custody.sol": (90, 80),
    "contracts/serialization/LotRegistry.sol": (90, 70),
    "contracts/serialization/PurchaseEscrow.sol": (95, 75),
    "contracts/serialization/ServiceHistory.sol": (0, 0),  # Ape's alone
    "contracts/serialization/UnitTree.sol": (100, 65),
}

# Walks of the domains whose unit tests reach everything by themselves.
WALKS_ELSEWHERE = "^(OrganizationRegistry|Versions|DocumentAnchor)Invariants$"

# It stands on OpenZeppelin's P256, whose assembly does not compile without the optimizer; and what drives it.
UNCOMPILED = ["contracts/serialization/ColdChain.sol", "tests/invariant/serialization/ColdChain*.sol"]

# (file, the text of the line) -> why no test reaches it. Empty: every line and branch is reached.
UNREACHABLE: dict[tuple[str, str], str] = {}


@dataclass
class FileCoverage:
    """What the report says about one file: hits by line, and hits by branch."""

    lines: dict[int, int] = field(default_factory=dict)
    branches: dict[tuple[int, int, int], int] = field(default_factory=dict)


def run_forge() -> None:
    """Runs the tests that are the same at every run: fuzzing and invariants would make the result a matter of luck."""
    REPORT.parent.mkdir(exist_ok=True)
    environment = dict(os.environ)
    environment["PATH"] = f"{ROOT / 'node_modules' / '.bin'}{os.pathsep}{environment.get('PATH', '')}"
    # Its own folders, so that the compiled contracts of the usual build stay as they are.
    environment["FOUNDRY_OUT"] = "build/coverage"
    environment["FOUNDRY_CACHE_PATH"] = "build/coverage-cache"
    command = ["forge", "coverage", "--no-match-test", "^(invariant_|testFuzz_)"]
    command += ["--no-match-contract", WALKS_ELSEWHERE]
    command += [part for path in UNCOMPILED for part in ("--skip", path)]
    command += ["--report", "lcov", "--report-file", str(REPORT)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
        raise SystemExit("coverage: the tests did not pass, so there is nothing to measure")


def parse(report: str) -> dict[str, FileCoverage]:
    """Reads an lcov report; returns the coverage by file."""
    files: dict[str, FileCoverage] = {}
    current = FileCoverage()
    for row in report.splitlines():
        kind, _, value = row.partition(":")
        if kind == "SF":
            current = files.setdefault(value, FileCoverage())
        elif kind == "DA":
            line, hits = value.split(",")[:2]
            current.lines[int(line)] = int(hits)
        elif kind == "BRDA":
            line, block, branch, taken = value.split(",")
            current.branches[int(line), int(block), int(branch)] = 0 if taken == "-" else int(taken)
    return files


def missed_lines(name: str, coverage: FileCoverage) -> dict[int, str]:
    """The lines that are not reached, or not in every branch, each with what is missing."""
    missed = {line: "a branch is not taken" for (line, _, _), taken in coverage.branches.items() if not taken}
    missed |= {line: "not reached" for line, hits in coverage.lines.items() if not hits}
    source = (ROOT / name).read_text().splitlines()
    return {line: what for line, what in missed.items() if (name, source[line - 1].strip()) not in UNREACHABLE}


def sources(folders: list[str]) -> list[str]:
    """Every Solidity file of the folders, as the report would name it."""
    paths = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.sol")))
    return [path.relative_to(ROOT).as_posix() for path in paths]


def is_above_floor(name: str, coverage: FileCoverage) -> bool:
    """Whether a file has a floor, and reaches it."""
    if name not in FLOORS:
        return False
    lines, branches = list(coverage.lines.values()), list(coverage.branches.values())
    floors = zip((lines, branches), FLOORS[name], strict=True)
    return all(100 * sum(map(bool, hits)) >= floor * len(hits) for hits, floor in floors)


def percentage(hits: list[int]) -> str:
    """How many of the counted things were reached, as `reached/all (percent)`."""
    reached = sum(1 for hit in hits if hit)
    return f"{reached}/{len(hits)} ({100.0 if not hits else 100 * reached / len(hits):.1f} %)"


def main(folders: list[str]) -> int:
    """Measures, prints the table, and returns the exit code."""
    run_forge()
    files = parse(REPORT.read_text())
    prefixes = tuple(f"{folder.rstrip('/')}/" for folder in folders)
    chosen = {name: coverage for name, coverage in sorted(files.items()) if name.startswith(prefixes)}
    if not chosen:
        print(f"coverage: nothing measured in {', '.join(folders)}", file=sys.stderr)
        return 1
    width = max(len(name) for name in chosen)
    print(f"{'contract':<{width}}  {'lines':>18}  {'branches':>18}")
    missing: list[str] = []
    for name, coverage in chosen.items():
        lines, branches = percentage(list(coverage.lines.values())), percentage(list(coverage.branches.values()))
        floor = "  floor: {} %, {} %".format(*FLOORS[name]) if name in FLOORS else ""
        print(f"{name:<{width}}  {lines:>18}  {branches:>18}{floor}")
        if is_above_floor(name, coverage):
            continue
        source = (ROOT / name).read_text().splitlines()
        for line, what in sorted(missed_lines(name, coverage).items()):
            missing.append(f"{name}:{line}: {what}: {source[line - 1].strip()}")
    unmeasured = [path for path in sources(folders) if path not in chosen and path not in UNCOMPILED]
    if unmeasured:
        print(f"no contract code to measure (interfaces, free functions): {', '.join(unmeasured)}")
    print(f"not compiled without the optimizer: {UNCOMPILED[0]}")
    for (name, text), reason in UNREACHABLE.items():
        print(f"unreachable: {name}: {text}: {reason}")
    if missing:
        print("\n".join(["", "under 100 %, or the floor:", *missing]))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or DEFAULT_FOLDERS))
