"""What somebody knows of a tranche's tree who does not have all of it: some units, and the hashes that lead from them
to the root.

    part = PartialTree.of(tree, tranche, units)  # the maker: what goes with a shipment
    part.proof(17)                               # the receiver: to dispense one
    part.part([17, 18])                          # and what goes with those two to the next

The hashes are those of one proof of all its units, see `UnitTree.rootOfMany`, so that they are as few as can be, and
every proof of some of the units follows from them and the units.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tiny_keccak import keccak256

from careledger.errors import InvalidInput
from careledger.serialization.units import MAX_DEPTH, UnitTree, inner_hash, unit_leaf

__all__ = ["PartialTree", "Tranche", "Unit", "missing_places", "numbers_in", "ranges_of"]

WORD = 32
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tranche:
    """Which tree it is: of what chain, LotRegistry (its address), lot (its id) and tranche, from 0. Raises InvalidInput
    for a depth over 20 or a number below 0."""

    chain_id: int
    registry: str
    lot: str
    depth: int
    number: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.depth <= MAX_DEPTH:
            raise InvalidInput("depth", str(self.depth), f"must be from 0 to {MAX_DEPTH}")
        if self.number < 0:
            raise InvalidInput("tranche", str(self.number), "must not be below 0")

    @property
    def first(self) -> int:
        """The number of its first unit in the lot."""
        return self.number << self.depth

    @property
    def end(self) -> int:
        """The number after its last."""
        return self.number + 1 << self.depth


@dataclass(frozen=True, slots=True)
class Unit:
    """By what a unit proves itself: its serial, 1 to 20 ASCII characters, and its salt, 32 bytes."""

    serial: str
    salt: bytes = field(repr=False)

    @property
    def inner(self) -> bytes:
        """The hash that is sent, 32 bytes. Raises InvalidInput if serial or salt is wrong."""
        return inner_hash(self.serial, self.salt)


class PartialTree:
    """Units of a tranche by their numbers in the lot, one or more, and the hashes that lead to its root."""

    __slots__ = ("_levels", "_numbers", "siblings", "tranche", "units")

    def __init__(self, tranche: Tranche, units: Mapping[int, Unit], siblings: Sequence[bytes]) -> None:
        """`siblings` are those of one proof of all the units. Raises InvalidInput if they are too few or too many, and
        for wrong units. Whether the root is the lot's is for the caller to see."""
        self.tranche = tranche
        self.units = dict(sorted(units.items()))
        self.siblings = tuple(siblings)
        self._numbers: dict[str, int] | None = None
        if not units:
            raise InvalidInput("units", "none", "must be one or more")
        for index in (next(iter(self.units)), next(reversed(self.units))):
            if not tranche.first <= index < tranche.end:
                raise InvalidInput("number", str(index), f"must be from {tranche.first} to {tranche.end - 1}")
        self._levels = self._hashed()

    @classmethod
    def of(cls, tree: UnitTree, tranche: Tranche, units: Mapping[int, Unit]) -> PartialTree:
        """What leads from units to the root of a whole tree. Raises InvalidInput if they are not the tree's."""
        if (tree.first, tree.depth) != (tranche.first, tranche.depth):
            raise InvalidInput("tranche", str(tranche.number), "is not the tree's")
        made = cls(tranche, units, tree.multiproof(sorted(units)) if units else ())
        if made.root != tree.root:
            raise InvalidInput("units", f"{len(units)} of {tranche.lot}", "are not the tree's")
        return made

    @classmethod
    def merged(cls, parts: Iterable[PartialTree]) -> PartialTree:
        """All that some parts of one tree know. Raises InvalidInput if there are none, or they are not of one tree."""
        parts = list(parts)
        if not parts:
            raise InvalidInput("parts", "none", "must be one or more")
        one = parts[0]
        if len(parts) == 1:
            return one
        for other in parts:
            if (other.tranche, other.root) != (one.tranche, one.root):
                raise InvalidInput(
                    "root", "0x" + other.root.hex(), f"is not that of the other part, 0x{one.root.hex()}"
                )
        units = {index: unit for part in parts for index, unit in part.units.items()}
        known = [
            {place: node for part in parts for place, node in part._levels[level].items()} for level in range(one.depth)
        ]
        return cls(one.tranche, units, [known[level][place] for level, place in missing_places(one.tranche, units)])

    @property
    def depth(self) -> int:
        return self.tranche.depth

    @property
    def root(self) -> bytes:
        """To which the units lead, 32 bytes."""
        return self._levels[-1][0]

    def number_of(self, serial: str) -> int | None:
        """A unit's number in the lot, None if no unit here has the serial."""
        if self._numbers is None:
            self._numbers = {unit.serial: index for index, unit in self.units.items()}
        return self._numbers.get(serial)

    def proof(self, index: int) -> list[bytes]:
        """The hashes that lead from a unit's leaf to the root, from below. Raises InvalidInput if it is not known."""
        place = self._known([index])[0]
        return [self._levels[level][place >> level ^ 1] for level in range(self.depth)]

    def multiproof(self, indices: Sequence[int]) -> list[bytes]:
        """The hashes for several units, as `UnitTree.multiproof` gives them. Raises InvalidInput if one is not known,
        and for numbers that do not ascend."""
        if not indices or any(a >= b for a, b in pairwise(indices)):
            raise InvalidInput("numbers", str(list(indices)), "must be one or more, ascending")
        self._known(indices)
        return [self._levels[level][place] for level, place in missing_places(self.tranche, indices)]

    def part(self, indices: Iterable[int]) -> PartialTree:
        """The least that another needs to prove any of these units. Raises InvalidInput if one is not known."""
        chosen = sorted(set(indices))
        siblings = self.multiproof(chosen)
        return PartialTree(self.tranche, {index: self.units[index] for index in chosen}, siblings)

    def to_json(self) -> Json:
        """Compact: numbers as [first, count], serials a line each, salts and hashes one after the other in base64."""
        return {
            "tranche": self.tranche.number,
            "numbers": ranges_of(self.units),
            "serials": "\n".join(unit.serial for unit in self.units.values()),
            "salts": base64.b64encode(b"".join(unit.salt for unit in self.units.values())).decode(),
            "siblings": base64.b64encode(b"".join(self.siblings)).decode(),
        }

    @classmethod
    def from_json(cls, chain_id: int, registry: str, lot: str, depth: int, value: Mapping[str, Any]) -> PartialTree:
        """What `to_json` made. Raises InvalidInput for what is none."""
        indices = list(numbers_in(value["numbers"], 1 << depth))
        serials = str(value["serials"]).split("\n")
        salts, siblings = _words("salts", value["salts"]), _words("siblings", value["siblings"])
        if not len(indices) == len(serials) == len(salts):
            found = f"{len(indices)} numbers, {len(serials)} serials, {len(salts)} salts"
            raise InvalidInput("units", found, "must be as many of each")
        units = {index: Unit(serial, salt) for index, serial, salt in zip(indices, serials, salts, strict=True)}
        return cls(Tranche(chain_id, registry, lot, depth, value["tranche"]), units, siblings)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PartialTree):
            return NotImplemented
        return (self.tranche, self.units, self.siblings) == (other.tranche, other.units, other.siblings)

    def __hash__(self) -> int:
        return hash((self.tranche, self.root, tuple(self.units)))

    def __repr__(self) -> str:
        return f"PartialTree({self.tranche.lot}, tranche {self.tranche.number}, {len(self.units)} units)"

    def _hashed(self) -> list[dict[int, bytes]]:
        """All known nodes of each level, by place, the given ones among them."""
        tranche, rest = self.tranche, iter(self.siblings)
        nodes = {
            index - tranche.first: unit_leaf(tranche.chain_id, tranche.registry, tranche.lot, index, unit.inner)
            for index, unit in self.units.items()
        }
        levels = [nodes]
        for _ in range(tranche.depth):
            above: dict[int, bytes] = {}
            for place in list(nodes):
                if place & 1 and place >> 1 in above:
                    continue
                sibling = nodes.get(place ^ 1) or next(rest, None)
                if sibling is None:
                    raise InvalidInput("siblings", str(len(self.siblings)), "are too few for the units")
                nodes[place ^ 1] = sibling
                node = nodes[place]
                above[place >> 1] = keccak256(sibling + node if place & 1 else node + sibling)
            levels.append(nodes := above)
        if next(rest, None) is not None:
            raise InvalidInput("siblings", str(len(self.siblings)), "are too many for the units")
        return levels

    def _known(self, indices: Sequence[int]) -> list[int]:
        """The places of known units."""
        for index in indices:
            if index not in self.units:
                raise InvalidInput("number", str(index), f"is of no known unit of {self.tranche.lot}")
        return [index - self.tranche.first for index in indices]


def missing_places(tranche: Tranche, indices: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Level and place of the nodes that do not follow from units: those of a proof of them all, from below and from
    left to right."""
    places = sorted(index - tranche.first for index in indices)
    for level in range(tranche.depth):
        known = set(places)
        yield from ((level, place ^ 1) for place in places if place ^ 1 not in known)
        places = sorted({place >> 1 for place in places})


def ranges_of(indices: Iterable[int]) -> list[list[int]]:
    """Ascending numbers as [first, count] of those that follow each other."""
    ranges: list[list[int]] = []
    for index in indices:
        if ranges and sum(ranges[-1]) == index:
            ranges[-1][1] += 1
        else:
            ranges.append([index, 1])
    return ranges


def numbers_in(ranges: Iterable[Sequence[int]], at_most: int) -> Iterator[int]:
    """The numbers of [first, count] that ascend. Raises InvalidInput for others, or for more than a tree has."""
    end = left = None
    for first, count in ranges:
        if count < 1 or (end is not None and first < end):
            raise InvalidInput("numbers", f"{first}, {count}", "must ascend, and each be one or more")
        left = (at_most if left is None else left) - count
        if left < 0:
            raise InvalidInput("numbers", f"{first}, {count}", f"are more than the {at_most} that the tree has")
        yield from range(first, end := first + count)


def _words(name: str, text: str) -> list[bytes]:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise InvalidInput(name, f"{len(text)} characters", "are not base64") from None
    if len(data) % WORD:
        raise InvalidInput(name, f"{len(data)} bytes", f"must be {WORD} bytes each")
    return [data[start : start + WORD] for start in range(0, len(data), WORD)]
