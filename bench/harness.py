"""What every bench shares: rounds that alternate between the contestants, medians, the table and the JSON file.

`python -m bench.NAME` runs `bench/NAME.py`, prints its table and writes `build/bench/NAME.json`: a list of
`{name, value, unit, peer, peer_value, ratio}`, where the peer was measured in the same run.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from rich.console import Console
from rich.table import Table

__all__ = ["Effort", "Result", "alone", "compare", "effort", "efforts", "interleave", "publish", "seconds"]

P = ParamSpec("P")
T = TypeVar("T")
Name = TypeVar("Name", bound=Hashable)

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


@dataclass(frozen=True)
class Effort:
    """What a contestant did a second, and the time of its own process on a processor for each, in microseconds."""

    per_second: float
    cpu_microseconds: float


def interleave(rounds: int, contestants: Mapping[Name, Callable[[int], float]]) -> dict[Name, float]:
    """Runs every contestant once per round, in turn, each with the round's number; returns the median of each.

    Alternating spreads whatever else the machine does over all of them.
    """
    return {name: statistics.median(found) for name, found in _in_turn(rounds, contestants).items()}


def efforts(rounds: int, contestants: Mapping[Name, Callable[[int], Effort]]) -> dict[Name, Effort]:
    """As `interleave`, for contestants that tell their effort; the medians of speed and processor time are apart."""
    return {name: _median_effort(found) for name, found in _in_turn(rounds, contestants).items()}


def effort(run: Callable[[], int]) -> Effort:
    """What a call takes that returns how many things it did. Right in a process that does nothing else: see `alone`."""
    started, cpu_started = time.perf_counter(), time.process_time()
    count = run()
    elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    return Effort(count / elapsed, cpu * 1e6 / count)


def alone(run: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """The result of a module's function in a fresh process, so that its processor time and memory are its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(run, *arguments, **options).result()


def seconds(run: Callable[[], object]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def compare(name: str, value: float, unit: str, peer: str, peer_value: float) -> Result:
    """A result with its ratio."""
    return Result(name, round(value, 3), unit, peer, round(peer_value, 3), round(value / peer_value, 3))


def _in_turn(rounds: int, contestants: Mapping[Name, Callable[[int], T]]) -> dict[Name, list[T]]:
    values: dict[Name, list[T]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name, run in contestants.items():
            values[name].append(run(number))
    return values


def _median_effort(found: Sequence[Effort]) -> Effort:
    return Effort(
        statistics.median(one.per_second for one in found), statistics.median(one.cpu_microseconds for one in found)
    )


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
