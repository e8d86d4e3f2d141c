"""Gas and sizes as committed, every one under its ceiling: what `python tools/gas.py --check` checks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def run(*options):
    return subprocess.run(
        [sys.executable, ROOT / "tools" / "gas.py", *options], cwd=ROOT, capture_output=True, text=True, timeout=300
    )


def test_gas_and_sizes_are_as_committed_and_under_their_ceilings():
    checked = run("--check")
    assert checked.returncode == 0, checked.stderr


def test_snapshot_is_flat_and_sorted():
    snapshot = json.loads((HERE / "snapshot.json").read_text())
    assert list(snapshot) == sorted(snapshot)
    assert all(isinstance(value, int) and value > 0 for value in snapshot.values())
    domains = {path.stem for path in HERE.glob("*.py") if not path.stem.startswith(("test_", "__"))}
    assert {name.split(".")[0] for name in snapshot} == {"size", *domains}


def test_every_operation_has_a_ceiling_or_a_peer():
    snapshot = json.loads((HERE / "snapshot.json").read_text())
    limits = json.loads((HERE / "ceilings.json").read_text())
    assert sorted(limits) == sorted(snapshot)
    assert all("ceiling" in limit or "peer" in limit for limit in limits.values())
