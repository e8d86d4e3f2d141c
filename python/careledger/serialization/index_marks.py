"""The marks that containers pass on: that they were returned, and that their cold chain was broken.

The contract writes them where they come from, on all that this is in, and on what is taken out of it; the events name
only where they come from. So they are followed back through what was put into what, and when. One thing the events do
not tell: whether a container was moved from one into another by one call, or taken out and put in by two in one
transaction; the first is assumed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from careledger.contract_events import ContainerNested, ExcursionFlagged, Shipped, UnitsMoved
from careledger.identity.index import Fields
from careledger.serialization.custody_read_model import CONTAINER
from careledger.serialization.index_rows import Moment, Rows, at_moment, before, since

__all__ = ["NO_MARKS", "MarkTrail", "Marks"]


@dataclass(frozen=True)
class Marks:
    """Of a container with all that it is in, or of a unit in none."""

    returned: bool = False
    excursion: bool = False

    def __or__(self, other: Marks) -> Marks:
        return Marks(self.returned or other.returned, self.excursion or other.excursion)


NO_MARKS = Marks()
FLAGGED = Marks(excursion=True)

Passed = tuple[Moment, Marks]


class MarkTrail:
    """The marks in one custody, as far as a view goes."""

    def __init__(self, rows: Rows, custody: str) -> None:
        self._rows = rows
        self._custody = custody
        self._versions: dict[str, list[Fields]] = {}
        self._own: dict[tuple[str, Moment], Marks] = {}
        self._upward: dict[tuple[str, Moment], list[Passed]] = {}
        self._anything: bool | None = None

    def of(self, container: str, moment: Moment) -> Marks:
        """Of a container and all that it is in at a moment."""
        marks = NO_MARKS
        above: str | None = container
        while above is not None and self._is_anything():
            marks |= self._own_at(above, moment)
            found = at_moment(self._history(above), moment)
            above = None if found is None else found["parent"]
        return marks

    def of_unit(self, lot: str, unit: int, moment: Moment) -> Marks:
        """Of a unit where it is at a moment."""
        if not self._is_anything():
            return NO_MARKS
        positions = [one for one in self._rows.positions(self._custody, lot, unit) if one.start <= moment]
        if not positions:
            return NO_MARKS
        last = positions[-1]
        if last.container is not None:
            return self.of(last.container, moment)
        return Marks(excursion=self.of_unit(lot, unit, before(last.start)).excursion)

    def _is_anything(self) -> bool:
        """Whether there is any mark at all."""
        if self._anything is None:
            events, own = self._rows.view.events, {"address": self._custody}
            self._anything = bool(
                events(ExcursionFlagged, own, limit=1).rows or events(Shipped, {**own, "is_return": True}, limit=1).rows
            )
        return self._anything

    def _history(self, container: str) -> list[Fields]:
        if container not in self._versions:
            self._versions[container] = self._rows.versions(CONTAINER, self._custody, container)
        return self._versions[container]

    # ------------------------------------------------------------------ one container's record

    def _own_at(self, container: str, moment: Moment) -> Marks:
        """What the contract has written on a container itself."""
        if (container, moment) not in self._own:
            self._own[container, moment] = self._find_own(container, moment)
        return self._own[container, moment]

    def _find_own(self, container: str, moment: Moment) -> Marks:
        versions = [row for row in self._history(container) if since(row) <= moment]
        if not versions:
            return NO_MARKS
        verified = [since(row) for row in _changes(versions, "verified_at")]
        last_verified = verified[-1] if verified else (-1, 0)
        marks = Marks(returned=versions[-1]["returned"])
        for place, passed in (*self._upward_until(container, moment), *self._taken_out(versions)):
            marks |= Marks(passed.returned and place > last_verified, passed.excursion)
        return marks

    def _taken_out(self, versions: list[Fields]) -> Iterable[Passed]:
        """What it got by being taken out of others."""
        for i, row in enumerate(versions[1:], 1):
            former, place = versions[i - 1], since(row)
            if row["case_of"] != former["case_of"]:
                yield place, self.of(row["case_of"], before(place))
            if former["parent"] is not None and row["parent"] is None:
                following = versions[i + 1] if i + 1 < len(versions) else None
                moved_on = following is not None and following["parent"] is not None
                if moved_on and following is not None and before(since(following)) == place:
                    continue
                yield place, self.of(former["parent"], before(place))

    # ------------------------------------------------------------------ what comes up from inside

    def _upward_until(self, container: str, moment: Moment) -> list[Passed]:
        """What a container got, until a moment, from what was in it or by itself, and passed on to what it was in."""
        if (container, moment) not in self._upward:
            self._upward[container, moment] = [
                passed for passed in self._find_upward(container, moment) if passed[1] != NO_MARKS
            ]
        return self._upward[container, moment]

    def _find_upward(self, container: str, moment: Moment) -> Iterable[Passed]:
        versions = [row for row in self._history(container) if since(row) <= moment]
        for row in _changes(versions, "flagged"):
            yield since(row), FLAGGED
        if not versions or versions[0]["lot"] is not None:
            return
        blocks = [row.row.since_block for row in versions]
        for event in self._rows.events(ContainerNested, blocks, address=self._custody, parent=container):
            place = event.block_number, event.log_index
            if place <= moment and isinstance(event.event, ContainerNested):
                yield from self._by_child(event.event.container, place, moment)
        for event in self._rows.events(UnitsMoved, blocks, address=self._custody, container=container):
            place = event.block_number, event.log_index
            if place <= moment and isinstance(event.event, UnitsMoved):
                yield place, self.of_unit(event.event.lot, event.event.index, before(place))

    def _by_child(self, child: str, place: Moment, moment: Moment) -> Iterable[Passed]:
        """What a container got by a child that was put into it at a place."""
        versions = self._history(child)
        number = next(i for i, row in enumerate(versions) if since(row) == place)
        moved = number > 1 and since(versions[number - 1]) == before(place)
        moved = moved and versions[number - 1]["parent"] is None and versions[number - 2]["parent"] is not None
        yield place, self.of(child, before(place, 2 if moved else 1))
        parent = versions[number]["parent"]
        left = next((since(row) for row in versions[number:] if row["parent"] != parent), None)
        until = moment if left is None else min(moment, before(left))
        for later, passed in self._upward_until(child, until):
            if later > place:
                yield later, passed


def _changes(versions: list[Fields], column: str) -> list[Fields]:
    """The versions with another value than the one before, or that begin with one."""
    return [row for i, row in enumerate(versions) if row[column] and (i == 0 or versions[i - 1][column] != row[column])]
