"""The gateway under load, by 1 and by 4 processes, beside a bare application and plain web3.py in the same run; and the
gateway under load while its node restarts and its processes are killed.

python -m bench.gateway [verify] [submit] [capture] [faults] [--quick] [--minutes N] [--seed N]

All four by default; 5,000 captures of 100 events are most of the time. `--quick`: less of each, and half a minute of
faults. The faults go on for 10 minutes, or `--minutes`; they are written to `build/bench/gateway-faults.json`, and it
exits with 1 if anything was lost or doubled.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from bench.gateway_captures import capturing
from bench.gateway_faults import FaultRun, faults
from bench.gateway_work import submitting, verifying
from bench.harness import FOLDER, Result, publish

MINUTES, QUICK_MINUTES = 10.0, 0.5
FAULTS = "faults"


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    rounds: int
    verifications: int
    submissions: int
    captures: int
    most_captures: int


WHOLE = Extent(rounds=3, verifications=2_000, submissions=600, captures=100, most_captures=5_000)
LESS = Extent(rounds=1, verifications=100, submissions=20, captures=10, most_captures=20)

PARTS: Mapping[str, Callable[[Extent], list[Result]]] = {
    "verify": lambda of: verifying(of.rounds, of.verifications),
    "submit": lambda of: submitting(of.submissions),
    "capture": lambda of: capturing(of.captures, of.most_captures),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join([*PARTS, FAULTS]))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    given = parser.parse_args()
    wanted = given.parts or [*PARTS, FAULTS]
    if not set(wanted) <= {*PARTS, FAULTS}:
        parser.error(f"the parts are {', '.join([*PARTS, FAULTS])}")
    extent = LESS if given.quick else WHOLE
    for part, run in PARTS.items():
        if part in wanted:
            publish(f"gateway-{part}", run(extent))
    if FAULTS not in wanted:
        return 0
    minutes = given.minutes if given.minutes is not None else QUICK_MINUTES if given.quick else MINUTES
    console = Console()
    console.print(f"faults: seed {given.seed}, {minutes:g} minutes")
    return _told(faults(minutes, given.seed, console.print), console)


def _told(run: FaultRun, console: Console) -> int:
    table = Table("what happened", "count")
    for name, count in sorted(run.counts.items()):
        table.add_row(name, f"{count:,}")
    table.add_row("seconds until all was final", f"{run.settle_seconds:,.0f}")
    console.print(table)
    for violation in run.violations[:20]:
        console.print(f"violation: {violation}", style="red", markup=False)
    console.print(f"{len(run.violations)} violations")
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "gateway-faults.json").write_text(json.dumps(asdict(run), indent=2) + "\n")
    return 1 if run.violations else 0


if __name__ == "__main__":
    sys.exit(main())
