"""Who has what of a lot, in one pass over its containers, its units that were moved, and those of which something was
said."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from careledger.contract_enums import ContainerState, RecallClass, RecallReason, UnitStatus
from careledger.identity.index import Fields
from careledger.serialization.custody_read_model import CONTAINER, PLACE, SHIPMENT
from careledger.serialization.index_entries import ContainerShare, HolderShare, RecallReport, ShipmentShare
from careledger.serialization.index_rows import Chain, Rows, is_case_out
from careledger.serialization.read_model import UNIT

__all__ = ["recall_report"]

ON_THE_WAY = (ContainerState.IN_TRANSIT, ContainerState.REJECTED, ContainerState.MISSING)


class _Ranges:
    """The homogeneous containers of a lot, to find the innermost one with a number."""

    def __init__(self, containers: dict[str, Fields]) -> None:
        self._outer = sorted(
            (row for row in containers.values() if row["case_of"] is None), key=lambda row: int(row["first_unit"])
        )
        self._firsts = [row["first_unit"] for row in self._outer]
        self._cases = {
            (row["case_of"], row["first_unit"]): row for row in containers.values() if row["case_of"] is not None
        }

    def innermost(self, unit: int) -> str | None:
        place = bisect_right(self._firsts, unit) - 1
        if place < 0 or unit > self._outer[place]["last_unit"]:
            return None
        row = self._outer[place]
        while is_case_out(row, unit):
            size = row["units"] // row["cases"]
            first = row["first_unit"] + (unit - row["first_unit"]) // size * size
            row = self._cases[row["container"], first]
        return str(row["container"])


@dataclass
class _Tally:
    """Units by where they are."""

    inside: Counter[str] = field(default_factory=Counter)
    """By innermost container."""
    single: Counter[str] = field(default_factory=Counter)
    """By holder."""
    ended: Counter[UnitStatus] = field(default_factory=Counter)
    not_packed: int = 0
    left_out: int = 0


def recall_report(
    rows: Rows, chain: Chain, lot: Fields, recall_class: RecallClass, reason: RecallReason
) -> RecallReport:
    """Of a lot at the view's block."""
    custody, of_lot = chain.custody, {"contract": chain.custody, "lot": lot["lot"]}
    containers = {row["container"]: row for row in rows.all(CONTAINER, of_lot)}
    ranges = _Ranges(containers)
    places = {row["unit"]: row for row in rows.all(PLACE, of_lot)}
    packed, units_packed = rows.packed(custody, lot["lot"])
    commissioned = lot["tranches"] << lot["depth"]
    tally = _Tally(not_packed=commissioned - packed, left_out=packed - units_packed)
    for row in containers.values():
        out = row["cases_out"].bit_count() * (row["units"] // row["cases"]) if row["cases"] else 0
        tally.inside[row["container"]] += row["units"] - out
    for unit, place in places.items():
        former = ranges.innermost(unit)
        assert former is not None
        tally.inside[former] -= 1
        if place["container"] is None:
            tally.single[place["holder"]] += 1
        else:
            tally.inside[place["container"]] += 1
    suspect = _take_ended(rows, lot, tally, places, ranges, packed)
    known = dict(containers)
    missing = {container for container in tally.inside if container not in known}
    known.update((row["container"], row) for row in rows.many(CONTAINER, custody, "container", missing))
    rows.with_parents(custody, known)
    held, shipments = _by_outermost(rows, custody, tally, known)
    holders = tuple(
        HolderShare(
            holder,
            tuple(ContainerShare(container, units) for container, units in sorted(held[holder].items())),
            tally.single[holder],
        )
        for holder in sorted({*held, *(holder for holder, units in tally.single.items() if units)})
    )
    return RecallReport(
        lot=lot["lot"],
        maker=lot["maker"],
        recall_class=recall_class,
        recall_reason=reason,
        commissioned=commissioned,
        holders=holders,
        shipments=shipments,
        ended={status: tally.ended[status] for status in UnitStatus if tally.ended[status]},
        not_packed=tally.not_packed,
        left_out=tally.left_out,
        suspect=suspect,
    )


def _take_ended(rows: Rows, lot: Fields, tally: _Tally, places: dict[int, Fields], ranges: _Ranges, packed: int) -> int:
    """Counts the units of which something was said where they ended, and no more where they were. Returns how many are
    suspect."""
    suspect = 0
    for row in rows.all(UNIT, {"contract": lot["contract"], "lot": lot["lot"]}):
        suspect += row["suspect"]
        status, unit = UnitStatus(row["status"]), row["unit"]
        if status is UnitStatus.IN_SUPPLY:
            continue
        tally.ended[status] += 1
        place = places.get(unit)
        if place is not None and place["container"] is None:
            tally.single[place["holder"]] -= 1
            continue
        container = ranges.innermost(unit) if place is None else place["container"]
        if container is not None:
            tally.inside[container] -= 1
        elif unit >= packed:
            tally.not_packed -= 1
        else:
            tally.left_out -= 1
    return suspect


def _by_outermost(
    rows: Rows, custody: str, tally: _Tally, known: dict[str, Fields]
) -> tuple[dict[str, Counter[str]], tuple[ShipmentShare, ...]]:
    """Units by holder and outermost container, and those that nobody has in hand."""
    outermost: dict[str, str] = {}

    def top_of(container: str) -> str:
        if container not in outermost:
            parent = known[container]["parent"]
            outermost[container] = container if parent is None else top_of(parent)
        return outermost[container]

    by_top: Counter[str] = Counter()
    for container, units in tally.inside.items():
        if units:
            by_top[top_of(container)] += units
    held: dict[str, Counter[str]] = defaultdict(Counter)
    away: list[str] = []
    for container, units in by_top.items():
        row = known[container]
        if row["state"] == ContainerState.ENDED:
            tally.ended[UnitStatus(row["ended"])] += units
        elif row["state"] in ON_THE_WAY:
            away.append(container)
        else:
            held[row["holder"]][container] += units
    shipped = {row["container"]: row for row in rows.many(SHIPMENT, custody, "container", away)}
    shipments = tuple(
        ShipmentShare(
            container,
            ContainerState(known[container]["state"]),
            shipped[container]["sender"],
            shipped[container]["receiver"],
            shipped[container]["carrier"],
            shipped[container]["deadline"],
            by_top[container],
        )
        for container in sorted(away)
    )
    return held, shipments
