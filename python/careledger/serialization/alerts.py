"""Scans of packs that do not go together, and whether a counterfeit or a mistake is likelier.

Most alerts of such systems are false: a scanner in the wrong case, a lost separator, a pack scanned twice, a handover
that is recorded late. So each alert says its likelier cause and how it was judged; and what could not be judged, for
want of coordinates or of a holder, is said too. Nothing here acts: a person decides.

| alert | what was seen |
|---|---|
| duplicate | a serial away from its holder while it was also seen with it, or two lots that claim one serial |
| out of place | a scan by one who is neither holder, carrier nor receiver |
| impossible travel | two places that are too far apart for the time between |
| dispensed then scanned | a scan after the pack was dispensed |
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations, pairwise

from geographiclib.geodesic import Geodesic

from careledger.errors import InvalidInput
from careledger.serialization.barcodes import BarcodeFault, Finding, Pack, same_but_for_case

__all__ = [
    "Alert",
    "AlertKind",
    "Assessment",
    "Cause",
    "Limits",
    "NotAssessed",
    "Sighting",
    "assess",
    "distance_metres",
]

MICRODEGREES = 1_000_000
SECONDS_PER_HOUR = 3600
METRES_PER_KM = 1000


class AlertKind(StrEnum):
    """What does not go together."""

    DUPLICATE = "duplicate"
    OUT_OF_PLACE = "out of place"
    IMPOSSIBLE_TRAVEL = "impossible travel"
    DISPENSED_THEN_SCANNED = "dispensed then scanned"


class Cause(StrEnum):
    """The likelier cause of an alert."""

    SWAPPED_CASE = "scanner: swapped case"
    LOST_SEPARATOR = "scanner: lost separator"
    SCANNED_TWICE = "scanner: scanned twice"
    LATE_DATA = "data recorded late"
    COUNTERFEIT = "counterfeit, diverted or stolen"


@dataclass(frozen=True)
class Limits:
    """What counts as what.

    Faster than `speed_kmh` is impossible; places nearer than `near_metres` are one; a second scan by one party within
    `twice_seconds` is the same act; what the chain confirms within `late_seconds` was recorded late; a dispenser undoes
    within `undo_seconds`, 10 days as in the contract.
    """

    speed_kmh: int = 900
    near_metres: int = 2_000
    twice_seconds: int = 60
    late_seconds: int = 86_400
    undo_seconds: int = 864_000

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0 or (name == "speed_kmh" and value == 0):
                raise InvalidInput(name, str(value), "must be positive")


@dataclass(frozen=True)
class Sighting:
    """One scan of one pack, and what the chain said of that pack then.

    `time` and `dispensed_at` are Unix seconds. `party`, `holder`, `carrier` and `receiver` are organizations; the last
    two are set while the pack is on its way. `holder` is None if the chain names none. `coordinates` of the read point
    are latitude and longitude in whole microdegrees. `findings` are those of the barcode. Raises InvalidInput for a
    pack without serial, which is not to be told from another, and for coordinates that are none.
    """

    pack: Pack
    time: int
    party: str
    read_point: str
    holder: str | None
    coordinates: tuple[int, int] | None = None
    carrier: str | None = None
    receiver: str | None = None
    dispensed_at: int | None = None
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        if self.pack.serial is None:
            raise InvalidInput("pack", self.pack.gtin, "needs a serial to be told from another")
        if self.coordinates is not None:
            latitude, longitude = self.coordinates
            if abs(latitude) > 90 * MICRODEGREES or abs(longitude) > 180 * MICRODEGREES:
                raise InvalidInput("coordinates", f"{latitude}, {longitude}", "are no microdegrees of a place")

    @property
    def in_place(self) -> bool:
        """Whether the chain has the pack with who scanned it."""
        return self.party in (self.holder, self.carrier, self.receiver)


@dataclass(frozen=True)
class Alert:
    """Scans that do not go together, in the order of their times. `judged` says how."""

    kind: AlertKind
    cause: Cause
    judged: str
    sightings: tuple[Sighting, ...]


@dataclass(frozen=True)
class NotAssessed:
    """A question that could not be answered: it is neither an alert nor none."""

    kind: AlertKind
    reason: str
    sightings: tuple[Sighting, ...]


@dataclass
class Assessment:
    """All that follows from a list of scans."""

    alerts: list[Alert] = field(default_factory=list)
    not_assessed: list[NotAssessed] = field(default_factory=list)


@dataclass(frozen=True)
class _Case:
    """The scans of one serial in order of time, and of those serials that differ from it by case only."""

    sightings: list[Sighting]
    alike: list[Sighting]
    limits: Limits


def assess(sightings: Iterable[Sighting], limits: Limits | None = None) -> Assessment:
    """The alerts that follow from these scans, and what could not be assessed, serial by serial in order of time."""
    serials: dict[tuple[str, str], list[Sighting]] = defaultdict(list)
    alike: dict[tuple[str, str], list[Sighting]] = defaultdict(list)
    for sighting in sorted(sightings, key=lambda one: one.time):
        gtin, serial = sighting.pack.gtin, sighting.pack.serial or ""
        serials[gtin, serial].append(sighting)
        alike[gtin, serial.lower()].append(sighting)
    found = Assessment()
    for (gtin, serial), group in serials.items():
        case = _Case(group, alike[gtin, serial.lower()], limits or Limits())
        for judge in (_lots, _places, _travel, _after_dispensing):
            for result in judge(case):
                if isinstance(result, Alert):
                    found.alerts.append(result)
                else:
                    found.not_assessed.append(result)
    return found


def distance_metres(one: tuple[int, int], other: tuple[int, int]) -> int:
    """Metres between two places in microdegrees, along the ellipsoid of WGS 84 (Karney 2013, by geographiclib)."""
    places = [value / MICRODEGREES for value in (*one, *other)]
    metres: float = Geodesic.WGS84.Inverse(*places, Geodesic.DISTANCE)["s12"]
    return round(metres)


def _lots(case: _Case) -> Iterator[Alert]:
    """Two lots that claim one serial."""
    first: dict[str, Sighting] = {}
    for sighting in case.sightings:
        if sighting.pack.lot is not None:
            first.setdefault(sighting.pack.lot, sighting)
    for one, other in combinations(first.values(), 2):
        lots = f"lots {one.pack.lot} and {other.pack.lot} claim serial {one.pack.serial}"
        cause = _scanner_cause(case, (one, other))
        if cause is None and same_but_for_case(one.pack, other.pack):
            cause = Cause.SWAPPED_CASE, "they differ by case only"
        if cause is None and _is_swallowed(one.pack.lot or "", other.pack.lot or ""):
            cause = Cause.LOST_SEPARATOR, "the longer one is the other with an identifier of GS1 after it"
        cause = cause or (Cause.COUNTERFEIT, "neither lot number reads as a fault of the other")
        yield Alert(AlertKind.DUPLICATE, cause[0], f"{lots}: {cause[1]}", (one, other))


def _places(case: _Case) -> Iterator[Alert | NotAssessed]:
    """Scans away from the holder; and those while it was also seen with its holder."""
    for i, sighting in enumerate(case.sightings):
        if sighting.in_place:
            continue
        if sighting.holder is None:
            yield NotAssessed(AlertKind.OUT_OF_PLACE, "the chain names no holder", (sighting,))
            others = [one for one in case.sightings if one.party != sighting.party]
            if others:
                yield NotAssessed(AlertKind.DUPLICATE, "the chain names no holder", (sighting, others[0]))
            continue
        cause = _scanner_cause(case, (sighting,)) or _late_cause(case, i) or _counterfeit(sighting)
        judged = f"scanned by {sighting.party}, held by {sighting.holder}: {cause[1]}"
        yield Alert(AlertKind.OUT_OF_PLACE, cause[0], judged, (sighting,))
        with_holder = [one for one in case.sightings if one.in_place and one.holder == sighting.holder]
        if with_holder:
            nearest = min(with_holder, key=lambda one: abs(one.time - sighting.time))
            pair = _in_order(sighting, nearest)
            judged = f"seen at {pair[0].read_point} and {pair[1].read_point}, held by {sighting.holder}: {cause[1]}"
            yield Alert(AlertKind.DUPLICATE, cause[0], judged, pair)


def _travel(case: _Case) -> Iterator[Alert | NotAssessed]:
    """Places that are too far apart. A scan without coordinates is left out of the way, and said."""
    for pair in pairwise(case.sightings):
        if pair[0].read_point != pair[1].read_point and None in (pair[0].coordinates, pair[1].coordinates):
            unknown = " and ".join(dict.fromkeys(one.read_point for one in pair if one.coordinates is None))
            yield NotAssessed(AlertKind.IMPOSSIBLE_TRAVEL, f"no coordinates of {unknown}", pair)
    for one, other in pairwise([sighting for sighting in case.sightings if sighting.coordinates is not None]):
        assert one.coordinates is not None
        assert other.coordinates is not None
        metres, seconds = distance_metres(one.coordinates, other.coordinates), other.time - one.time
        limits = case.limits
        if metres < limits.near_metres or metres * SECONDS_PER_HOUR <= limits.speed_kmh * METRES_PER_KM * seconds:
            continue
        cause = _scanner_cause(case, (one, other))
        if cause is None and one.party == other.party and seconds <= limits.twice_seconds:
            cause = Cause.SCANNED_TWICE, f"{one.party} scanned it twice: a read point's place is likelier wrong"
        if cause is None and one.party != other.party and other.party == other.holder != one.holder:
            cause = Cause.LATE_DATA, f"the chain has it handed on to {other.party}: a time is likelier wrong"
        cause = cause or (Cause.COUNTERFEIT, "no fault of a scanner is seen, and no handover")
        seen = f"{metres} m apart within {seconds} s, more than {limits.speed_kmh} km/h"
        yield Alert(AlertKind.IMPOSSIBLE_TRAVEL, cause[0], f"{seen}: {cause[1]}", (one, other))


def _after_dispensing(case: _Case) -> Iterator[Alert]:
    for sighting in case.sightings:
        if sighting.dispensed_at is None or sighting.time <= sighting.dispensed_at:
            continue
        after = sighting.time - sighting.dispensed_at
        cause = _scanner_cause(case, (sighting,))
        if cause is None and sighting.party == sighting.holder and after <= case.limits.twice_seconds:
            cause = Cause.SCANNED_TWICE, "by who dispensed it, at once"
        if cause is None and sighting.party == sighting.holder and after <= case.limits.undo_seconds:
            cause = Cause.LATE_DATA, "by who dispensed it, who can undo that still: likelier not recorded yet"
        cause = cause or (Cause.COUNTERFEIT, "a pack that was dispensed does not come back to be scanned")
        judged = f"scanned by {sighting.party} {after} s after it was dispensed: {cause[1]}"
        yield Alert(AlertKind.DISPENSED_THEN_SCANNED, cause[0], judged, (sighting,))


def _scanner_cause(case: _Case, suspects: Sequence[Sighting]) -> tuple[Cause, str] | None:
    """A fault of a scanner, told by the barcode's findings or by a pack that differs by case only."""
    for suspect in suspects:
        faults = {finding.fault for finding in suspect.findings}
        if BarcodeFault.WRONG_CASE in faults:
            return Cause.SWAPPED_CASE, f"the code that {suspect.party} scanned had its case changed"
        if BarcodeFault.LOST_SEPARATOR in faults:
            return Cause.LOST_SEPARATOR, f"the code that {suspect.party} scanned reads as if a separator was lost"
        for other in case.alike:
            if other.holder == suspect.party != suspect.holder and same_but_for_case(suspect.pack, other.pack):
                return Cause.SWAPPED_CASE, f"{suspect.party} holds a pack that differs by the case of letters only"
    return None


def _late_cause(case: _Case, place: int) -> tuple[Cause, str] | None:
    """A handover to who scanned, seen soon after on the chain."""
    suspect = case.sightings[place]
    for later in case.sightings[place + 1 :]:
        if later.time - suspect.time > case.limits.late_seconds:
            return None
        if later.holder == suspect.party:
            return Cause.LATE_DATA, f"the chain has it with {suspect.party} {later.time - suspect.time} s later"
    return None


def _counterfeit(sighting: Sighting) -> tuple[Cause, str]:
    return Cause.COUNTERFEIT, f"no fault of a scanner is seen, and no handover to {sighting.party}"


def _is_swallowed(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return long.startswith(short) and long[len(short) :].startswith(("17", "21")) and len(long) > len(short) + 2


def _in_order(one: Sighting, other: Sighting) -> tuple[Sighting, Sighting]:
    return (one, other) if one.time <= other.time else (other, one)
