"""Building a lot, from serials to its root: the tree alone, and the lot book, which keeps all in an encrypted vault.

Each contestant has a fresh process; times are those of that process on the processor. Peer, in the same run:
`merkletreejs` with native keccak over as many ready leaves. It has no salts to derive and no serials to hash: ours
makes a leaf from a serial by an HMAC and two hashes, and the peer by two hashes.
"""

from __future__ import annotations

import random
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from careledger.serialization.identifiers import lot_id
from careledger.serialization.lot_book import LotBook
from careledger.serialization.lot_book_entries import SupplyId
from careledger.serialization.units import LotSecret, UnitTree

from bench import anchoring_merkle
from bench.harness import Result, alone, compare, interleave
from bench.serialization_stage import PRODUCT, serials, vault_in

__all__ = ["building"]

PEER, PEER_TITLE = "merkletreejs", "merkletreejs, native keccak, ready leaves"
CHAIN_ID, REGISTRY = 31337, "0x5fbdb2315678afecb367f032d93f642f64180aa3"
MAKER = "sundial-pharma"


@dataclass(frozen=True)
class Built:
    """CPU seconds, and the process's memory at its peak, the serials among it."""

    seconds: float
    peak_megabytes: float


def tree_of(units: int) -> Built:
    """A whole tree in memory. Measured in the process that calls it."""
    numbered = list(enumerate(serials(units)))
    secret, lot = LotSecret(bytes(range(32))), lot_id(MAKER, bytes(32))
    started = time.process_time()
    tree = UnitTree.of(numbered, secret, _depth(units), chain_id=CHAIN_ID, registry=REGISTRY, lot=lot)
    assert tree.root
    return Built(time.process_time() - started, _peak_megabytes())


def book_of(units: int, folder: Path) -> Built:
    """A lot made and its tranche kept in a new vault. Measured in the process that calls it."""
    numbered = list(enumerate(serials(units)))
    with vault_in(folder) as vault:
        book = LotBook(vault, SupplyId(CHAIN_ID, REGISTRY), MAKER)
        started = time.process_time()
        lot = book.make_lot(PRODUCT, "L-0042", 22_000, _depth(units))
        book.keep_tranche(lot.id, 0, numbered)
        return Built(time.process_time() - started, _peak_megabytes())


def building(units: int, rounds: int) -> list[Result]:
    """Both ways beside the peer."""
    found: dict[str, list[tuple[float, float]]] = {"tree": [], "book": [], PEER: []}
    with tempfile.TemporaryDirectory(prefix="careledger-bench-") as place:
        leaves = Path(place) / "leaves"
        leaves.write_bytes(random.Random(units).randbytes(32 * units))

        def tree(_: int) -> float:
            return _noted(found["tree"], alone(tree_of, units))

        def book(number: int) -> float:
            folder = Path(place) / str(number)
            folder.mkdir()
            return _noted(found["book"], alone(book_of, units, folder))

        def other(_: int) -> float:
            measured = anchoring_merkle.peer(PEER, leaves, 1)
            found[PEER].append((measured.build, measured.peak_megabytes))
            return measured.build

        seconds = interleave(rounds, {"tree": tree, "book": book, PEER: other})
    memory = {name: max(megabytes for _, megabytes in runs) for name, runs in found.items()}
    titles = {"tree": f"lot of {units:,}: tree", "book": f"lot of {units:,}: lot book with vault"}
    return [
        result
        for name, title in titles.items()
        for result in (
            compare(f"{title}: build", seconds[name], "CPU s", PEER_TITLE, seconds[PEER]),
            compare(f"{title}: peak memory", memory[name], "MB", PEER_TITLE, memory[PEER]),
        )
    ]


def _noted(runs: list[tuple[float, float]], built: Built) -> float:
    runs.append((built.seconds, built.peak_megabytes))
    return built.seconds


def _depth(units: int) -> int:
    return (units - 1).bit_length()


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
