"""Prints how much the tests tried: fuzz runs, invariant calls, symbolic checks and randomized schedules.

python tools/counts.py LOG...    logs of `forge test`, `tools/analyze.py` and pytest
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

FUZZ = re.compile(r"\[PASS\].*\(runs: (\d+), (?:μ|mean)")
INVARIANT = re.compile(r"\[PASS\].*\(runs: (\d+), calls: (\d+)")
FORGE = re.compile(r"(\d+) tests passed, (\d+) failed")
COUNTED = re.compile(r"^counted: (.+): (\d+)$", re.MULTILINE)
HALMOS = re.compile(r"^halmos: .*", re.MULTILINE)
SLITHER = re.compile(r"^slither: .*", re.MULTILINE)


def main(paths: list[str]) -> int:
    text = "\n".join(Path(path).read_text() for path in paths if Path(path).exists())
    fuzz = [int(runs) for runs in FUZZ.findall(text)]
    invariants = [(int(runs), int(calls)) for runs, calls in INVARIANT.findall(text)]
    print(f"counted: fuzz tests {len(fuzz)}, runs {sum(fuzz):,}")
    print(
        f"counted: invariants {len(invariants)}, runs {sum(runs for runs, _ in invariants):,}, "
        f"calls {sum(calls for _, calls in invariants):,}"
    )
    for line in [*SLITHER.findall(text), *HALMOS.findall(text)]:
        print(line)
    totals: Counter[str] = Counter()
    for name, count in COUNTED.findall(text):
        totals[name] += int(count)
    for name, count in sorted(totals.items()):
        print(f"counted: {name} {count:,}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
