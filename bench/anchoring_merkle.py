"""A Merkle tree of a million document leaves, and its proofs, on one core.

Peers, in the same run on the same leaves: `merkletreejs` with native keccak, which first hashes leaves
as ours does (some three fifths of its time: two of the three hashes to a leaf), and
OpenZeppelin's own `@openzeppelin/merkle-tree`. The latter needs minutes for a million, so it is compared at 100,000,
with ours measured at 100,000 too. Times are those of a process on the processor; each contestant has a fresh one.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from careledger.anchoring.merkle import MerkleTree

from bench.harness import Result, alone, compare, interleave, publish

ROUNDS = 3
MILLION = 1_000_000
FEWER = 100_000
PROOFS = {"merkletreejs": 100_000, "openzeppelin": 10_000}
"""How many proofs are made beside each peer, of the first leaves: enough that a JavaScript engine is warm."""

PEER = Path(__file__).resolve().parent / "peers" / "merkle_js.js"


@dataclass(frozen=True)
class Measured:
    """What a contestant's process took: CPU seconds for the tree and for the proofs, memory at its peak."""

    build: float
    proving: float
    peak_megabytes: float
    root: str
    siblings: int


def ours(leaves: Path, proofs: int) -> Measured:
    """Measured in the process that calls it."""
    content = leaves.read_bytes()
    started = time.process_time()
    tree = MerkleTree.of(content)
    built = time.process_time()
    siblings = sum(len(proof) for proof in islice(tree.proofs(), proofs))
    proved = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measured(built - started, proved - built, peak, "0x" + tree.root.hex(), siblings)


def peer(library: str, leaves: Path, proofs: int) -> Measured:
    command = ["node", "--max-old-space-size=4096", str(PEER), library, str(leaves), str(proofs)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return Measured(found["build"], found["proving"], found["peakMegabytes"], found["root"], found["siblings"])


def against(library: str, title: str, count: int, folder: Path) -> list[Result]:
    """Ours and a library's, with as many leaves."""
    proofs = PROOFS[library]
    leaves = folder / f"{count}.leaves"
    leaves.write_bytes(random.Random(count).randbytes(32 * count))
    runs: dict[str, list[Measured]] = {"ours": [], library: []}

    def run_ours(_: int) -> float:
        runs["ours"].append(alone(ours, leaves, proofs))
        return runs["ours"][-1].build

    def run_peer(_: int) -> float:
        runs[library].append(peer(library, leaves, proofs))
        return runs[library][-1].build

    build = interleave(ROUNDS, {"ours": run_ours, library: run_peer})
    mine, other = (sorted(found, key=lambda one: one.proving)[ROUNDS // 2] for found in runs.values())
    if library == "openzeppelin" and (mine.root, mine.siblings) != (other.root, other.siblings):
        raise RuntimeError(f"the roots differ: {mine.root} and {other.root}")
    name = f"tree of {count:,} leaves"
    return [
        compare(f"{name}: build", build["ours"], "CPU s", title, build[library]),
        compare(f"{name}: proofs", proofs / mine.proving, "proofs/CPU s", title, proofs / other.proving),
        compare(f"{name}: peak memory", mine.peak_megabytes, "MB", title, other.peak_megabytes),
    ]


def merkle() -> list[Result]:
    """Trees and proofs beside each library."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            *against("merkletreejs", "merkletreejs, native keccak", MILLION, Path(folder)),
            *against("openzeppelin", "@openzeppelin/merkle-tree", FEWER, Path(folder)),
        ]


def main() -> None:
    publish("anchoring_merkle", merkle())


if __name__ == "__main__":
    main()
