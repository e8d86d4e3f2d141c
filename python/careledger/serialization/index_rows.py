"""Rows of the read models of serialization, read whole, and where units and containers were at a time.

A moment is a block and the index of a log in it; what holds at a moment is what holds after that log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from careledger.chain.indexer.model import Entity, Key
from careledger.chain.indexer.reader import EventRow, View
from careledger.contract_events import ContractEvent
from careledger.identity.index import Fields
from careledger.serialization.custody_read_model import CONTAINER, PACKING, PLACE

__all__ = ["END", "Chain", "Moment", "Position", "Rows", "at_moment", "before", "is_case_out", "since"]

PAGE_ROWS = 10_000
AT_ONCE = 500
"""So many values are looked for in one query."""

Moment = tuple[int, int]

END: Moment = (2**62, 0)
"""After everything."""


@dataclass(frozen=True)
class Chain:
    """The contracts of one supply chain, by the custody's word. None: not set."""

    custody: str
    lots: str | None
    escrow: str | None
    cold_chain: str | None


@dataclass(frozen=True)
class Position:
    """Where a unit was from one moment until another: in a container, or None in none."""

    container: str | None
    holder: str
    start: Moment
    end: Moment


class Rows:
    """The rows of a view."""

    def __init__(self, view: View) -> None:
        self.view = view

    def one(self, entity: Entity, *key: Any) -> Fields | None:
        found = self.view.get(entity, key)
        return None if found is None else Fields(found)

    def all(
        self,
        entity: Entity,
        equal: Mapping[str, Any],
        between: Mapping[str, tuple[Any, Any]] | None = None,
    ) -> Iterator[Fields]:
        """The entities that have these values."""
        after: Key | None = None
        while True:
            page = self.view.rows(entity, equal, after=after, limit=PAGE_ROWS, between=between)
            yield from map(Fields, page.rows)
            after = page.next
            if after is None:
                return

    def many(self, entity: Entity, contract: str, column: str, values: Iterable[str]) -> Iterator[Fields]:
        """The entities of a contract that have one of these values in a column."""
        wanted = sorted(set(values))
        for start in range(0, len(wanted), AT_ONCE):
            yield from self.all(entity, {"contract": contract, column: wanted[start : start + AT_ONCE]})

    def versions(self, entity: Entity, *key: Any) -> list[Fields]:
        """All versions of an entity, oldest first."""
        found: list[Fields] = []
        after: Key | None = None
        while True:
            page = self.view.history(entity, key, after=after, limit=PAGE_ROWS)
            found += map(Fields, page.rows)
            after = page.next
            if after is None:
                return found

    def events(self, kind: type[ContractEvent], blocks: Iterable[int], **equal: Any) -> Iterator[EventRow]:
        """The events of a kind in some blocks."""
        wanted = sorted(set(blocks))
        for start in range(0, len(wanted), AT_ONCE):
            filters = {**equal, "block_number": wanted[start : start + AT_ONCE]}
            after: Key | None = None
            while True:
                page = self.view.events(kind, filters, after=after, limit=PAGE_ROWS)
                yield from page.rows
                after = page.next
                if after is None:
                    break

    # ------------------------------------------------------------------ containers

    def container(self, custody: str, container: str) -> Fields:
        """A container that another row names."""
        found = self.one(CONTAINER, custody, container)
        assert found is not None
        return found

    def path(self, container: Fields) -> list[Fields]:
        """A container and those that it is in, up to the outermost."""
        found = [container]
        while found[-1]["parent"] is not None:
            found.append(self.container(container["contract"], found[-1]["parent"]))
        return found

    def with_parents(self, custody: str, found: dict[str, Fields]) -> None:
        """Adds to containers by id all that they are in, a query for each level."""
        while missing := {row["parent"] for row in found.values() if row["parent"]} - found.keys():
            found.update((row["container"], row) for row in self.many(CONTAINER, custody, "container", missing))

    # ------------------------------------------------------------------ units

    def ranges(self, custody: str, lot: str, unit: int) -> list[Fields]:
        """The homogeneous containers in whose range a unit's number is, from the first packed to the last case."""
        found = self.all(
            CONTAINER, {"contract": custody, "lot": lot}, {"first_unit": (None, unit), "last_unit": (unit, None)}
        )
        by_parent = {row["case_of"]: row for row in found}
        ordered: list[Fields] = []
        case_of: str | None = None
        while case_of in by_parent:
            ordered.append(by_parent[case_of])
            case_of = ordered[-1]["container"]
        return ordered

    def packed(self, custody: str, lot: str) -> tuple[int, int]:
        """The number after the last that was packed, and how many units were."""
        found = self.one(PACKING, custody, lot)
        return (0, 0) if found is None else (found["packed"], found["units"])

    def positions(self, custody: str, lot: str, unit: int) -> list[Position]:
        """Where a unit was since it was first packed."""
        found: list[tuple[Moment, str | None, str]] = []
        for row in self.ranges(custody, lot, unit):
            packed = self.versions(CONTAINER, custody, row["container"])[0]
            found.append((since(packed), row["container"], row["packer"]))
        found += [(since(row), row["container"], row["holder"]) for row in self.versions(PLACE, custody, lot, unit)]
        ends = [*(start for start, *_ in found[1:]), END]
        return [
            Position(container, holder, start, end)
            for (start, container, holder), end in zip(found, ends, strict=False)
        ]


def since(row: Fields) -> Moment:
    """Of the log that opened a version."""
    return row.row.since_block, row.row.since_log


def before(moment: Moment, logs: int = 1) -> Moment:
    """So many logs earlier."""
    return moment[0], moment[1] - logs


def is_case_out(row: Fields, unit: int) -> bool:
    """Whether the case with a unit was taken out of a homogeneous container."""
    if not row["cases"]:
        return False
    number = (unit - row["first_unit"]) // (row["units"] // row["cases"])
    return bool(row["cases_out"] >> number & 1)


def at_moment(versions: Sequence[Fields], moment: Moment) -> Fields | None:
    """The version that holds at a moment; None before the first."""
    found = None
    for row in versions:
        if since(row) > moment:
            break
        found = row
    return found
