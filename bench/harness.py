"""What every bench shares: rounds that alternate between the contestants, medians, the table and the JSON file.

`python -m bench.NAME` runs `bench/NAME.py`, prints its table and writes `build/bench/NAME.json`: a list of
`{name, value, unit, peer, peer_value, ratio}`, where the peer was measured in the same run.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

__all__ = ["Result", "compare", "interleave", "publish", "seconds"]

FOLDER = Path(__file__).resolve().parent.parent / "build" / "bench"


@dataclass(frozen=True)
class Result:
    """One comparison. `ratio` is `value / peer_value`."""

    name: str
    value: float
    unit: str
    peer: str
    peer_value: float
    ratio: float


def interleave(rounds: int, contestants: Mapping[str, Callable[[int], float]]) -> dict[str, float]:
    """Runs every contestant once per round, in turn, each with the round's number; returns the median of each.

    Alternating spreads whatever else the machine does over all of them.
    """
    values: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name, run in contestants.items():
            values[name].append(run(number))
    return {name: statistics.median(found) for name, found in values.items()}


def seconds(run: Callable[[], object]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def compare(name: str, value: float, unit: str, peer: str, peer_value: float) -> Result:
    """A result with its ratio."""
    return Result(name, round(value, 3), unit, peer, round(peer_value, 3), round(value / peer_value, 3))


def publish(bench: str, results: list[Result]) -> None:
    """Prints the table and writes the JSON file."""
    table = Table("what", "value", "unit", "peer", "peer's value", "ratio", title=f"bench {bench}")
    for column in (1, 4, 5):
        table.columns[column].justify = "right"
    for result in results:
        table.add_row(
            result.name,
            f"{result.value:,.1f}",
            result.unit,
            result.peer,
            f"{result.peer_value:,.1f}",
            f"{result.ratio:.2f}",
        )
    Console(width=140).print(table)
    FOLDER.mkdir(parents=True, exist_ok=True)
    body = [asdict(result) for result in results]
    (FOLDER / f"{bench}.json").write_text(json.dumps(body, indent=2) + "\n")
