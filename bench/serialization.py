"""Lots, units and custody: gas for each unit, building a lot, verification, locating a lot, beside what others use.

python -m bench.serialization [gas] [lots] [verify] [recall] [--quick]     all four by default; --quick: less of each
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.harness import Result, publish
from bench.serialization_gas import gas
from bench.serialization_lots import building
from bench.serialization_reading import recall_location, verifications

QUICK = "--quick"


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    gas_lots: tuple[int, ...]
    peer_units: int
    built_units: int
    rounds: int
    verified_units: int
    verifications: int
    located_units: int
    holders: int
    asked_units: int


WHOLE = Extent(
    gas_lots=(10_000, 100_000, 1_000_000),
    peer_units=100,
    built_units=1_000_000,
    rounds=3,
    verified_units=1_000_000,
    verifications=100,
    located_units=100_000,
    holders=200,
    asked_units=1_000,
)
LESS = Extent(
    gas_lots=(10_000,),
    peer_units=5,
    built_units=20_000,
    rounds=1,
    verified_units=10_000,
    verifications=10,
    located_units=2_000,
    holders=10,
    asked_units=50,
)

PARTS: Mapping[str, Callable[[Extent], list[Result]]] = {
    "gas": lambda of: gas(of.gas_lots, of.peer_units),
    "lots": lambda of: building(of.built_units, of.rounds),
    "verify": lambda of: verifications(of.verified_units, of.verifications, of.rounds),
    "recall": lambda of: recall_location(of.located_units, of.holders, of.asked_units, of.rounds),
}


def main(arguments: list[str]) -> None:
    wanted = [part for part in arguments if part != QUICK] or list(PARTS)
    if not set(wanted) <= set(PARTS):
        raise SystemExit(f"bench serialization: the parts are {', '.join(PARTS)}")
    extent = LESS if QUICK in arguments else WHOLE
    publish("serialization", [result for part in PARTS if part in wanted for result in PARTS[part](extent)])


if __name__ == "__main__":
    main(sys.argv[1:])
