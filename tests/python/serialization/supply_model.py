"""A supply chain as its documents tell it: `docs/serialization.md`, and the interfaces `ICustody` and `ILotRegistry`.

It shares nothing with the contracts: where a unit is stands in one dictionary, and a container is a record with what it
was put into. Every call answers with a Verdict: the refusals that the documents give a reason for (a contract says one
of them), and what the call changes if there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

from careledger.contract_enums import ContainerState, MemberRole, PackFinding, RecallClass, RecallReason, UnitStatus
from careledger.contract_errors import (
    CustodyContainerExists,
    CustodyCycle,
    CustodyDeadline,
    CustodyForbiddenTransition,
    CustodyInvalidRange,
    CustodyInvalidReceiver,
    CustodyNested,
    CustodyNoSuchCase,
    CustodyNothingRejected,
    CustodyNotInContainer,
    CustodyNotNested,
    CustodyNotTheCarrier,
    CustodyNotTheHolder,
    CustodyNotTheReceiver,
    CustodyNotTheSender,
    CustodyNotVerified,
    CustodyOpened,
    CustodyUnitNotInSupply,
    CustodyUnknownContainer,
    CustodyWrongKind,
    HaltableHalted,
    LotRegistryExpired,
    LotRegistryForbiddenTransition,
    LotRegistryInvalidProof,
    LotRegistryInvalidRange,
    LotRegistryInvalidRecall,
    LotRegistryInvalidTerms,
    LotRegistryInvalidTranche,
    LotRegistryInvalidUnits,
    LotRegistryLotExists,
    LotRegistryMayNotAct,
    LotRegistryNoNoticeDue,
    LotRegistryNotTheMaker,
    LotRegistryNotUndoable,
    LotRegistryRecalled,
    LotRegistryUnknownLot,
    OrganizationRegistryMissingMemberRole,
    OrganizationRegistryNotInGoodStanding,
    OrganizationRegistryUnknownKey,
    OrganizationRegistryUnknownOrganization,
)
from careledger.errors import ContractError

__all__ = ["At", "Box", "Cell", "In", "LotBook", "Member", "SupplyModel", "Unit", "Verdict"]

DAY = 86_400
UNDO_DAYS = 10
MOST_UNITS = 1 << 20
MOST_TRANCHES = 255
NOBODY = "0x" + 24 * "0"

HOLDERS = frozenset(
    {
        MemberRole.PROVIDER,
        MemberRole.MANUFACTURER,
        MemberRole.REPACKAGER,
        MemberRole.WHOLESALER,
        MemberRole.DISPENSER,
    }
)
"""Who may hold medicine."""

REDISTRIBUTORS = frozenset({MemberRole.MANUFACTURER, MemberRole.REPACKAGER, MemberRole.WHOLESALER})
"""Who may say that a return was verified."""

Refusals: TypeAlias = set[type[ContractError]]
Unit: TypeAlias = tuple[str, int]
Named: TypeAlias = tuple[str, int, str]
"""A unit as a call names it: lot, number, container."""


@dataclass(eq=False)
class Member:
    """An organization, or nobody that the registry knows (`roles` is empty and `known` false)."""

    name: str
    id: str
    roles: frozenset[MemberRole]
    known: bool = True
    suspended: bool = False


@dataclass(frozen=True)
class Verdict:
    refusals: frozenset[type[ContractError]]
    effect: Callable[[], None]

    @property
    def taken(self) -> bool:
        return not self.refusals


@dataclass(frozen=True)
class In:
    """The place of what is in a container."""

    container: str


@dataclass(frozen=True)
class At:
    """The place of a unit that was unpacked."""

    organization: str


@dataclass
class Cell:
    """What became of a unit; `by` dispensed it, and `finder` found it suspect."""

    status: UnitStatus = UnitStatus.IN_SUPPLY
    suspect: bool = False
    day: int = 0
    by: str = NOBODY
    finder: str = NOBODY
    notified: bool = False


@dataclass
class LotBook:
    id: str
    maker: str
    expiry_day: int
    depth: int
    roots: list[bytes]
    terms: tuple[int, int, int]
    packed: int = 0
    recall_class: RecallClass = RecallClass.NOT_RECALLED
    recall_reason: RecallReason = RecallReason.UNSPECIFIED
    cells: dict[int, Cell] = field(default_factory=dict)

    @property
    def numbers(self) -> int:
        return len(self.roots) << self.depth

    def cell(self, index: int) -> Cell:
        return self.cells.setdefault(index, Cell())


@dataclass
class Box:
    """A container. State, holder and what follows them count while it is outermost; on its way the holder is the
    sender."""

    id: str
    holder: str
    lot: str = NOBODY
    first: int = 0
    count: int = 0
    cases: int = 0
    state: ContainerState = ContainerState.HELD
    parent: str = NOBODY
    taken_out: set[int] = field(default_factory=set)
    opened: bool = False
    returned: bool = False
    shipped_day: int = 0
    receiver: str = NOBODY
    carrier: str = NOBODY
    deadline: int = 0
    ended: UnitStatus = UnitStatus.IN_SUPPLY
    units: set[Unit] = field(default_factory=set)

    @property
    def mixed(self) -> bool:
        return self.count == 0


class SupplyModel:
    """`now` is the time of the next call, Unix seconds."""

    def __init__(self, members: Sequence[Member], now: int) -> None:
        self.members = {member.id: member for member in members}
        self.now = now
        self.lots: dict[str, LotBook] = {}
        self.boxes: dict[str, Box] = {}
        self.where: dict[Unit, In | At] = {}
        self.packed_in_ranges = 0
        self.custody_halted = False
        self.lots_halted = False

    @property
    def today(self) -> int:
        return self.now // DAY

    # ------------------------------------------------------------------ what is where

    def chain_of(self, box: Box) -> Iterator[Box]:
        """A container and all that it is in, from the inside out."""
        yield box
        while box.parent != NOBODY:
            box = self.boxes[box.parent]
            yield box

    def top(self, box: Box) -> Box:
        return list(self.chain_of(box))[-1]

    def is_returned(self, box: Box) -> bool:
        return any(each.returned for each in self.chain_of(box))

    def last_shipped_day(self, box: Box) -> int:
        return max(each.shipped_day for each in self.chain_of(box))

    def is_in(self, unit: Unit, container: str) -> bool:
        place = self.where.get(unit)
        return isinstance(place, At) if container == NOBODY else place == In(container)

    def holder_of(self, unit: Unit) -> str:
        place = self.where[unit]
        return place.organization if isinstance(place, At) else self.top(self.boxes[place.container]).holder

    def in_hand(self, box: Box) -> str:
        """Who has a container: its holder, on its way the carrier or the sender itself; else nobody is known to."""
        top = self.top(box)
        if top.state is ContainerState.IN_TRANSIT and top.carrier != NOBODY:
            return top.carrier
        return top.holder if top.state in {ContainerState.HELD, ContainerState.IN_TRANSIT} else NOBODY

    def found_with(self, unit: Unit, container: str) -> str:
        """The holder as a verification tells it: what was not packed yet is its maker's."""
        if self.is_in(unit, container):
            return self.holder_of(unit)
        lot = self.lots[unit[0]]
        return lot.maker if container == NOBODY and unit[1] >= lot.packed else NOBODY

    def children(self, box: Box) -> list[Box]:
        return [each for each in self.boxes.values() if each.parent == box.id]

    def move(self, unit: Unit, place: In | At) -> None:
        before = self.where.get(unit)
        if isinstance(before, In):
            self.boxes[before.container].units.discard(unit)
        self.where[unit] = place
        if isinstance(place, In):
            self.boxes[place.container].units.add(unit)

    def finding(self, unit: Unit, container: str) -> PackFinding:
        """Of a genuine pack: the lot's recall and expiry, then what became of the unit, then where it is."""
        lot, index = self.lots[unit[0]], unit[1]
        cell = lot.cell(index)
        if lot.recall_class:
            return PackFinding.RECALLED
        if lot.expiry_day < self.today:
            return PackFinding.EXPIRED
        if cell.suspect:
            return PackFinding.SUSPECT
        if cell.status is not UnitStatus.IN_SUPPLY:
            return PackFinding[cell.status.name]
        if container == NOBODY and (unit not in self.where or self.is_in(unit, container)):
            return PackFinding.VERIFIED if self.found_with(unit, container) != NOBODY else PackFinding.NOT_IN_CONTAINER
        if not self.is_in(unit, container):
            return PackFinding.NOT_IN_CONTAINER
        top = self.top(self.boxes[container])
        if top.ended is not UnitStatus.IN_SUPPLY:
            return PackFinding[top.ended.name]
        if top.state is ContainerState.MISSING:
            return PackFinding.MISSING
        return PackFinding.NOT_FOR_REDISTRIBUTION if self.is_returned(self.boxes[container]) else PackFinding.VERIFIED

    # ------------------------------------------------------------------ who may

    def _key(self, by: Member) -> Refusals:
        return set() if by.known else {OrganizationRegistryUnknownKey}

    def _active(self, by: Member, roles: frozenset[MemberRole]) -> Refusals:
        if not by.known:
            return {OrganizationRegistryUnknownKey}
        found: Refusals = set()
        if by.suspended:
            found.add(OrganizationRegistryNotInGoodStanding)
        if not by.roles & roles:
            found.add(OrganizationRegistryMissingMemberRole)
        return found

    def _active_unless(self, excused: bool, by: Member, role: MemberRole) -> Refusals:
        """None of who is excused, or an active member of a role."""
        return self._key(by) or (set() if excused else self._active(by, frozenset({role})))

    def _starts(self, by: Member, roles: frozenset[MemberRole] = HOLDERS) -> Refusals:
        """Of what moves custody forward."""
        return self._active(by, roles) | ({HaltableHalted} if self.custody_halted else set())

    def _begins(self, by: Member, role: MemberRole) -> Refusals:
        """Of what commissions or dispenses."""
        return self._active(by, frozenset({role})) | ({HaltableHalted} if self.lots_halted else set())

    def _held(self, box: Box, by: Member) -> Refusals:
        top, found = self.top(box), set[type[ContractError]]()
        if top.state is not ContainerState.HELD:
            found.add(CustodyForbiddenTransition)
        if top.holder != by.id:
            found.add(CustodyNotTheHolder)
        return found

    def _unit_held(self, unit: Unit, container: str, by: Member) -> Refusals:
        """Whether it is where the call says, in supply or not, and the caller's."""
        if not self.is_in(unit, container):
            return {CustodyNotInContainer}
        if container == NOBODY:
            return set() if self.where[unit] == At(by.id) else {CustodyNotTheHolder}
        return self._held(self.boxes[container], by)

    def _unit_dispensable(self, unit: Unit, container: str, by: Member) -> Refusals:
        found = self._unit_held(unit, container, by)
        if container in self.boxes and self.is_in(unit, container) and self.is_returned(self.boxes[container]):
            found.add(CustodyNotVerified)
        return found

    # ------------------------------------------------------------------ lots

    def commission(self, by: Member, lot: str, terms: tuple[int, int, int], root: bytes) -> Verdict:
        """`terms` are expiry day, depth and kind."""
        found = self._begins(by, MemberRole.MANUFACTURER)
        known = self.lots.get(lot)
        if known is not None:
            if (known.terms, known.roots[0]) != (terms, root):
                found.add(LotRegistryLotExists)
            return verdict(found)
        if terms[0] <= self.today or not any(root):
            found.add(LotRegistryInvalidTerms)

        def effect() -> None:
            self.lots[lot] = LotBook(lot, by.id, terms[0], terms[1], [root], terms)

        return verdict(found, effect)

    def add_tranche(self, by: Member, lot: str, number: int, root: bytes) -> Verdict:
        found = self._begins(by, MemberRole.MANUFACTURER)
        book = self.lots.get(lot)
        if book is None:
            return verdict(found | {LotRegistryUnknownLot})
        if book.maker != by.id:
            found.add(LotRegistryNotTheMaker)
        if number < len(book.roots) and book.roots[number] == root:
            return verdict(found)
        if book.recall_class:
            found.add(LotRegistryRecalled)
        too_many = len(book.roots) >= MOST_TRANCHES or book.numbers + (1 << book.depth) > MOST_UNITS
        if number != len(book.roots) or not any(root) or too_many:
            found.add(LotRegistryInvalidTranche)
        return verdict(found, lambda: book.roots.append(root))

    def recall(self, by: Member, lot: str, recall_class: RecallClass, reason: RecallReason) -> Verdict:
        book = self.lots.get(lot)
        if book is None:
            return verdict(self._key(by) | {LotRegistryUnknownLot})
        found = self._active_unless(book.maker == by.id, by, MemberRole.REGULATOR)
        told = (recall_class, reason)
        again = told == (book.recall_class, book.recall_reason)
        if not all(told) or (recall_class <= book.recall_class and not again):
            found.add(LotRegistryInvalidRecall)

        def effect() -> None:
            book.recall_class, book.recall_reason = recall_class, reason

        return verdict(found, effect)

    # ------------------------------------------------------------------ packing

    def pack_range(self, by: Member, container: str, lot: str, first: int, count: int, cases: int) -> Verdict:
        found = self._starts(by)
        if self.lots_halted:
            found.add(HaltableHalted)
        if container in self.boxes:
            found.add(CustodyContainerExists)
        if count == 0 or (cases and count % cases):
            found.add(CustodyInvalidRange)
        book = self.lots.get(lot)
        if book is None:
            return verdict(found | {LotRegistryUnknownLot})
        if book.maker != by.id:
            found.add(LotRegistryNotTheMaker)
        if book.recall_class:
            found.add(LotRegistryRecalled)
        if first < book.packed or first + count > book.numbers:
            found.add(LotRegistryInvalidRange)

        def effect() -> None:
            book.packed = first + count
            self.packed_in_ranges += count
            self.boxes[container] = Box(container, by.id, lot, first, count, cases)
            for index in range(first, first + count):
                self.move((lot, index), In(container))

        return verdict(found, effect)

    def pack(self, by: Member, container: str, containers: Sequence[str], units: Sequence[Named]) -> Verdict:
        found = self._starts(by)
        if container in self.boxes:
            found.add(CustodyContainerExists)
        if container in containers:
            found.add(CustodyCycle)
        found |= self._puttable(by, [each for each in containers if each != container], units)

        def effect() -> None:
            self.boxes[container] = Box(container, by.id)
            self._put(self.boxes[container], containers, units)

        return verdict(found, effect)

    def add(self, by: Member, container: str, containers: Sequence[str], units: Sequence[Named]) -> Verdict:
        found = self._starts(by)
        box = self.boxes.get(container)
        if box is None:
            return verdict(found | {CustodyUnknownContainer})
        found |= self._held(box, by)
        if not box.mixed:
            found.add(CustodyWrongKind)
        if set(self._ids_over(container)) & set(containers):
            found.add(CustodyCycle)
        found |= self._puttable(by, containers, units)
        if any(self.is_returned(self.boxes[name]) for name in containers if name in self.boxes):
            marked = set(self._ids_over(container))  # before the units are taken
            if any(marked & set(self._ids_over(unit[2])) for unit in units):
                found.add(CustodyNotVerified)
        return verdict(found, lambda: self._put(box, containers, units))

    def _ids_over(self, container: str) -> list[str]:
        return [each.id for each in self.chain_of(self.boxes[container])] if container in self.boxes else []

    def _puttable(self, by: Member, containers: Sequence[str], units: Sequence[Named]) -> Refusals:
        found: Refusals = set()
        for name in containers:
            box = self.boxes.get(name)
            if box is None:
                found.add(CustodyUnknownContainer)
                continue
            found |= self._held(box, by)
            if box.opened:
                found.add(CustodyOpened)
        return found | self._takeable(by, units)

    def _takeable(self, by: Member, units: Sequence[Named]) -> Refusals:
        """Units that go somewhere else."""
        found: Refusals = set()
        if len({unit[:2] for unit in units}) < len(units):
            found.add(CustodyNotInContainer)
        for lot, index, container in units:
            found |= self._unit_dispensable((lot, index), container, by)
            if lot in self.lots:
                cell = self.lots[lot].cell(index)
                if cell.suspect or cell.status is not UnitStatus.IN_SUPPLY:
                    found.add(CustodyUnitNotInSupply)
        return found

    def _put(self, box: Box, containers: Sequence[str], units: Sequence[Named]) -> None:
        """Marks go over to what it is put into."""
        for name in containers:
            child = self.boxes[name]
            returned, child.shipped_day = self.is_returned(child), self.last_shipped_day(child)
            child.parent = box.id
            if returned:
                self._mark_returned(box)
        for lot, index, _ in units:
            self.move((lot, index), In(box.id))

    def _mark_returned(self, box: Box) -> None:
        for each in self.chain_of(box):
            each.returned = True

    def _inherit(self, child: Box) -> None:
        """What leaves a container keeps its marks, and the day on which it was shipped with it."""
        child.returned = self.is_returned(child)
        child.shipped_day = self.last_shipped_day(child)

    def unpack(self, by: Member, parent: str, containers: Sequence[str]) -> Verdict:
        found = self._key(by)
        box = self.boxes.get(parent)
        if box is None:
            return verdict(found | {CustodyUnknownContainer})
        found |= self._held(box, by)
        for name in containers:
            child = self.boxes.get(name)
            if child is None:
                found |= {CustodyUnknownContainer, CustodyNotNested}
            elif child.parent != parent or containers.count(name) > 1:
                found.add(CustodyNotNested)

        def effect() -> None:
            for name in containers:
                child = self.boxes[name]
                self._inherit(child)
                child.parent, child.holder, child.state = NOBODY, by.id, ContainerState.HELD

        return verdict(found, effect)

    def unpack_cases(self, by: Member, parent: str, made: Sequence[str], numbers: Sequence[int], cases: int) -> Verdict:
        """`made` are the containers that come of it."""
        found = self._starts(by)
        box = self.boxes.get(parent)
        if box is None:
            return verdict(found | {CustodyUnknownContainer})
        found |= self._held(box, by)
        if len(made) != len(numbers) or not box.cases:
            return verdict(found | {CustodyWrongKind})
        size = box.count // box.cases
        if cases and size % cases:
            found.add(CustodyInvalidRange)
        if any(number >= box.cases or number in box.taken_out for number in numbers) or len(set(numbers)) < len(
            numbers
        ):
            found.add(CustodyNoSuchCase)
        if set(made) & set(self.boxes) or len(set(made)) < len(made):
            found.add(CustodyContainerExists)

        def effect() -> None:
            for name, number in zip(made, numbers, strict=True):
                first = box.first + number * size
                case = Box(name, by.id, box.lot, first, size, cases)
                case.returned, case.shipped_day = self.is_returned(box), self.last_shipped_day(box)
                self.boxes[name] = case
                box.taken_out.add(number)
                for index in range(first, first + size):
                    if self.is_in((box.lot, index), parent):
                        self.move((box.lot, index), In(name))

        return verdict(found, effect)

    def unpack_units(self, by: Member, units: Sequence[Named]) -> Verdict:
        found = self._starts(by) | self._takeable(by, units)

        def effect() -> None:
            for lot, index, _ in units:
                self.move((lot, index), At(by.id))

        return verdict(found, effect)

    def open(self, by: Member, container: str) -> Verdict:
        found = self._key(by)
        box = self.boxes.get(container)
        if box is None:
            return verdict(found | {CustodyUnknownContainer})

        def effect() -> None:
            box.opened = True

        return verdict(found | self._held(box, by), effect)

    # ------------------------------------------------------------------ handover

    def ship(
        self, by: Member, container: str, receiver: str, deadline: int, carrier: str = NOBODY, is_return: bool = False
    ) -> Verdict:
        found = self._key(by) if is_return else self._starts(by)
        if receiver in {NOBODY, by.id}:
            found.add(CustodyInvalidReceiver)
        if deadline <= self.now:
            found.add(CustodyDeadline)
        box = self.boxes.get(container)
        if box is None:
            return verdict(found | {CustodyUnknownContainer})
        found |= self._held(box, by)
        if box.parent != NOBODY:
            found.add(CustodyNested)
        if box.opened and not is_return:
            found.add(CustodyOpened)
        if box.returned and not is_return:
            found.add(CustodyNotVerified)

        def effect() -> None:
            box.state, box.holder, box.receiver, box.carrier = ContainerState.IN_TRANSIT, by.id, receiver, carrier
            box.deadline, box.shipped_day = deadline, self.today
            box.returned |= is_return

        return verdict(found, effect)

    def hand_over(self, by: Member, container: str, to: str) -> Verdict:
        found = self._key(by)
        next_ = self.members.get(to)
        if next_ is None:
            found.add(OrganizationRegistryUnknownOrganization)
        else:
            found |= self._active(next_, HOLDERS | {MemberRole.CARRIER})
        box = self.boxes.get(container)
        if box is None:
            return verdict(found | {CustodyUnknownContainer})
        if box.parent != NOBODY or box.state is not ContainerState.IN_TRANSIT:
            found.add(CustodyForbiddenTransition)
        if by.id != (box.holder if box.carrier == NOBODY else box.carrier):
            found.add(CustodyNotTheCarrier)

        def effect() -> None:
            box.carrier = to

        return verdict(found, effect)

    def receive(self, by: Member, container: str) -> Verdict:
        found = self._starts(by)
        box = self.boxes.get(container)
        if box is None:
            return verdict(found | {CustodyUnknownContainer})
        return verdict(found | self._arriving(box, by), lambda: self._accept(box, by))

    def receive_in_part(
        self, by: Member, container: str, rejected: str, containers: Sequence[str], units: Sequence[Named]
    ) -> Verdict:
        found = self._starts(by)
        if rejected in self.boxes:
            found.add(CustodyContainerExists)
        if not containers and not units:
            found.add(CustodyNothingRejected)
        box = self.boxes.get(container)
        if box is None:
            return verdict(found | {CustodyUnknownContainer})
        found |= self._arriving(box, by)
        for name in containers:
            child = self.boxes.get(name)
            if child is None:
                found |= {CustodyUnknownContainer, CustodyNotNested}
            elif child is box or self.top(child) is not box:
                found |= {CustodyNotNested} | self._held(child, by)
            elif child.opened:
                found.add(CustodyOpened)
        if len({unit[:2] for unit in units}) < len(units):
            found.add(CustodyNotInContainer)
        for lot, index, inside in units:
            if not self.is_in((lot, index), inside):
                found |= {CustodyNotInContainer, CustodyNotNested}
            elif inside == NOBODY or self.top(self.boxes[inside]) is not box:
                found |= {CustodyNotNested} | self._unit_held((lot, index), inside, by)

        def effect() -> None:
            sender = box.holder
            self._accept(box, by)
            part = Box(rejected, sender, state=ContainerState.REJECTED, returned=box.returned)
            part.shipped_day = box.shipped_day
            self.boxes[rejected] = part
            self._put(part, containers, units)

        return verdict(found, effect)

    def reject(self, by: Member, container: str) -> Verdict:
        found = self._key(by)
        box = self.boxes.get(container)
        if box is None:
            return verdict(found | {CustodyUnknownContainer})

        def effect() -> None:
            box.state, box.receiver = ContainerState.REJECTED, NOBODY

        return verdict(found | self._arriving(box, by), effect)

    def _arriving(self, box: Box, by: Member) -> Refusals:
        if box.parent != NOBODY or box.state is not ContainerState.IN_TRANSIT:
            return {CustodyForbiddenTransition}
        return set() if box.receiver == by.id else {CustodyNotTheReceiver}

    def _accept(self, box: Box, by: Member) -> None:
        box.state, box.holder, box.receiver = ContainerState.HELD, by.id, NOBODY

    def confirm_return(self, by: Member, container: str) -> Verdict:
        states = {ContainerState.REJECTED, ContainerState.MISSING, ContainerState.IN_TRANSIT}
        return self._come_back(by, container, states, ContainerState.HELD)

    def report_missing(self, by: Member, container: str) -> Verdict:
        states = {ContainerState.REJECTED, ContainerState.IN_TRANSIT}
        return self._come_back(by, container, states, ContainerState.MISSING)

    def _come_back(self, by: Member, container: str, states: set[ContainerState], becomes: ContainerState) -> Verdict:
        found = self._key(by)
        box = self.boxes.get(container)
        if box is None:
            return verdict(found | {CustodyUnknownContainer})
        if box.parent != NOBODY or box.state not in states:
            found.add(CustodyForbiddenTransition)
        if box.holder != by.id:
            found.add(CustodyNotTheSender)
        if box.state is ContainerState.IN_TRANSIT and self.now <= box.deadline:
            found.add(CustodyDeadline)

        def effect() -> None:
            box.state, box.receiver = becomes, NOBODY

        return verdict(found, effect)

    def verify_return(self, by: Member, container: str) -> Verdict:
        found = self._starts(by, REDISTRIBUTORS)
        box = self.boxes.get(container)
        if box is None:
            return verdict(found | {CustodyUnknownContainer})

        def effect() -> None:
            box.returned = False

        return verdict(found | self._held(box, by), effect)

    def end(self, by: Member, container: str, status: UnitStatus) -> Verdict:
        found = self._key(by)
        box = self.boxes.get(container)
        if box is None:
            return verdict(found | {CustodyUnknownContainer})
        if box.parent != NOBODY:
            found.add(CustodyNested)
        if self.top(box).state is ContainerState.MISSING:
            if self.top(box).holder != by.id:
                found |= {CustodyForbiddenTransition, CustodyNotTheHolder}
        else:
            found |= self._held(box, by)

        def effect() -> None:
            box.state, box.ended = ContainerState.ENDED, status

        return verdict(found, effect)

    # ------------------------------------------------------------------ dispensing

    def dispense(self, by: Member, unit: Unit, container: str, proves: bool) -> Verdict:
        """`proves` is whether the inner hash and the proof are the unit's."""
        return self.dispense_many(by, unit[0], [unit[1]], container, proves)

    def dispense_many(
        self, by: Member, lot: str, indices: Sequence[int], container: str, proves: bool, hashes: int | None = None
    ) -> Verdict:
        """`hashes` is how many inner hashes are sent, as many as units if it is None."""
        found = self._begins(by, MemberRole.DISPENSER)
        if not indices or hashes not in {None, len(indices)}:
            found.add(LotRegistryInvalidUnits)
        book = self.lots.get(lot)
        if book is None:
            return verdict(found | {LotRegistryUnknownLot})
        if book.recall_class:
            found.add(LotRegistryRecalled)
        if book.expiry_day < self.today:
            found.add(LotRegistryExpired)
        ascending = all(a < b for a, b in pairwise(indices))
        if not proves or not ascending or len({index >> book.depth for index in indices}) > 1:
            found.add(LotRegistryInvalidProof)
        for index in indices:
            found |= self._unit_dispensable((lot, index), container, by)
            cell = book.cell(index)
            if cell.suspect or cell.status is not UnitStatus.IN_SUPPLY:
                found.add(LotRegistryForbiddenTransition)

        def effect() -> None:
            for index in indices:
                cell = book.cell(index)
                cell.status, cell.day, cell.by = UnitStatus.DISPENSED, self.today, by.id

        return verdict(found, effect)

    def undo_dispense(self, by: Member, unit: Unit, container: str) -> Verdict:
        found = self._begins(by, MemberRole.DISPENSER)
        book = self.lots.get(unit[0])
        if book is None:
            return verdict(found | {LotRegistryForbiddenTransition})
        cell = book.cell(unit[1])
        if cell.status is not UnitStatus.DISPENSED:
            return verdict(found | {LotRegistryForbiddenTransition})
        found |= self._unit_dispensable(unit, container, by)
        shipped = self.last_shipped_day(self.boxes[container]) if container in self.boxes else 0
        if self.today > cell.day + UNDO_DAYS or shipped > cell.day:
            found.add(LotRegistryNotUndoable)

        def effect() -> None:
            cell.status, cell.day = UnitStatus.IN_SUPPLY, 0

        return verdict(found, effect)

    # ------------------------------------------------------------------ ends and suspects

    def _holds(self, unit: Unit, container: str, by: Member) -> bool:
        return not self._unit_held(unit, container, by)

    def _ended_with_container(self, unit: Unit, container: str) -> bool:
        if container not in self.boxes or not self.is_in(unit, container):
            return False
        return self.top(self.boxes[container]).state is ContainerState.ENDED

    def end_units(self, by: Member, lot: str, container: str, indices: Sequence[int], status: UnitStatus) -> Verdict:
        found = self._key(by)
        if not indices or any(a >= b for a, b in pairwise(indices)):
            found.add(LotRegistryInvalidUnits)
        book = self.lots.get(lot)
        if book is None:
            return verdict(found | {LotRegistryInvalidProof, LotRegistryUnknownLot})
        loss = status in {UnitStatus.STOLEN, UnitStatus.EXPORTED}
        for index in indices:
            unit, cell = (lot, index), book.cell(index)
            if index >= book.numbers:
                found.add(LotRegistryInvalidProof)
            destroys = (cell.status, status) == (UnitStatus.DECOMMISSIONED, UnitStatus.DESTROYED)
            if cell.suspect or not (cell.status is UnitStatus.IN_SUPPLY or destroys):
                found.add(LotRegistryForbiddenTransition)
            if self._ended_with_container(unit, container) and (loss or by.id != book.maker):
                found.add(LotRegistryForbiddenTransition)
            if not (self._holds(unit, container, by) or (by.id == book.maker and not loss)):
                found |= self._judge(by) if loss else {LotRegistryMayNotAct}

        def effect() -> None:
            for index in indices:
                cell = book.cell(index)
                cell.status, cell.day = status, self.today

        return verdict(found, effect)

    def _judge(self, by: Member) -> Refusals:
        """Of who neither made nor holds a unit."""
        refused = self._active(by, frozenset({MemberRole.REGULATOR}))
        return refused and refused | {LotRegistryMayNotAct}

    def suspect(self, by: Member, unit: Unit, container: str) -> Verdict:
        found = self._key(by)
        book = self.lots.get(unit[0])
        if book is None:
            return verdict(found | {LotRegistryInvalidProof, LotRegistryUnknownLot})
        if unit[1] >= book.numbers:
            found.add(LotRegistryInvalidProof)
        cell = book.cell(unit[1])
        if cell.suspect or cell.status is not UnitStatus.IN_SUPPLY:
            found.add(LotRegistryForbiddenTransition)
        if self._ended_with_container(unit, container) and by.id != book.maker:
            found.add(LotRegistryForbiddenTransition)
        if not (by.id == book.maker or self._holds(unit, container, by)):
            found |= self._judge(by)

        def effect() -> None:
            cell.suspect, cell.finder, cell.notified = True, by.id, False

        return verdict(found, effect)

    def clear(self, by: Member, unit: Unit) -> Verdict:
        return self._settle(by, unit, UnitStatus.IN_SUPPLY)

    def determine_illegitimate(self, by: Member, unit: Unit) -> Verdict:
        return self._settle(by, unit, UnitStatus.ILLEGITIMATE)

    def _settle(self, by: Member, unit: Unit, status: UnitStatus) -> Verdict:
        cell = self.lots[unit[0]].cell(unit[1])
        found = self._active_unless(cell.finder == by.id, by, MemberRole.REGULATOR)
        if not cell.suspect:
            found.add(LotRegistryForbiddenTransition)

        def effect() -> None:
            cell.suspect, cell.status = False, status
            cell.day = self.today if status else 0

        return verdict(found, effect)

    def record_notice(self, by: Member, unit: Unit) -> Verdict:
        cell = self.lots[unit[0]].cell(unit[1])
        found = self._active_unless(cell.finder == by.id, by, MemberRole.REGULATOR)
        if cell.status is not UnitStatus.ILLEGITIMATE or cell.notified:
            found.add(LotRegistryNoNoticeDue)

        def effect() -> None:
            cell.notified = True

        return verdict(found, effect)


def verdict(refusals: Refusals, effect: Callable[[], None] = lambda: None) -> Verdict:
    return Verdict(frozenset(refusals), effect)
