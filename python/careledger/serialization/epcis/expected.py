"""What acts find and leave behind: the checks of an EPCIS document before anything of it is sent.

Of what the document says before, that holds; of everything else, the book at home. What only the chain knows, such as
a suspension, is left to it.
"""

from __future__ import annotations

from careledger.errors import InvalidInput, NotInBook
from careledger.serialization.barcodes import Pack as PackCode
from careledger.serialization.epcis.mapping import (
    Act,
    Associate,
    Commission,
    Dispense,
    End,
    Pack,
    Receive,
    Repackage,
    Ship,
    Unpack,
)
from careledger.serialization.stock import Stock

__all__ = ["Expected"]

Thing = tuple[str, str]
"""A pack as (product, serial), a container as ("", SSCC)."""


class Expected:
    """Takes acts one after the other."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock
        self._lots: dict[Thing, str] = {}
        """Lot number of what the document commissions."""
        self._places: dict[Thing, Thing | None] = {}
        """What the document packs and unpacks."""
        self._gone: dict[Thing, str] = {}

    def take(self, act: Act, undoing: bool = False) -> None:
        """Raises InvalidInput or NotInBook if an act cannot be done where the others leave off. One that undoes another
        is of what is gone."""
        match act:
            case Commission():
                self._begin(act)
            case Repackage():
                for sscc in act.inputs:
                    self._require_here(_container(sscc))
                    self._gone[_container(sscc)] = "was repackaged"
                self._begin(act.output)
            case Pack():
                self._pack(act)
            case Unpack():
                self._unpack(act)
            case Dispense():
                if not undoing:
                    self._end([_pack(each) for each in act.packs], "was dispensed")
            case End():
                self._end([*map(_pack, act.packs), *map(_container, act.containers)], f"was {act.status.name.lower()}")
            case Ship():
                for sscc in act.containers:
                    thing = _container(sscc)
                    self._require_here(thing)
                    if self._place(thing) is not None:
                        raise InvalidInput("container", sscc, "is inside another: what is outermost is shipped")
                    self._gone[thing] = "was shipped"
            case Receive():
                for sscc in act.containers:
                    self._stock.container(sscc)
                    self._gone.pop(_container(sscc), None)
            case Associate():
                self._require_here(_container(act.sscc))

    def _begin(self, act: Commission) -> None:
        for serial in act.serials:
            thing = (act.product, serial)
            known = self._lots.get(thing) or self._known_lot(thing)
            if known is not None and known != act.lot_number:
                raise InvalidInput("serial", serial, f"of {act.product} was commissioned before, in lot {known}")
            if thing in self._lots:
                raise InvalidInput("serial", serial, f"of {act.product} is commissioned twice")
        for serial in act.serials:
            self._lots[(act.product, serial)] = act.lot_number

    def _pack(self, act: Pack) -> None:
        parent = _container(act.sscc)
        children = [*map(_pack, act.packs), *map(_container, act.containers)]
        if parent in self._gone:
            raise InvalidInput("container", act.sscc, self._gone[parent])
        for child in children:
            self._require_here(child)
            place = self._place(child)
            if place is not None and place != parent:
                raise InvalidInput(*_named(child), f"is packed already, in {place[1]}: unpack it first")
        for child in children:
            self._places[child] = parent
        self._places.setdefault(parent, None)

    def _unpack(self, act: Unpack) -> None:
        parent = _container(act.sscc)
        self._require_here(parent)
        for child in [*map(_pack, act.packs), *map(_container, act.containers)]:
            if child in self._gone:
                raise InvalidInput(*_named(child), self._gone[child])
            place = self._place(child)
            is_case = child[0] == "" and child[1] in self._cases(act.sscc)
            if place != parent and not is_case:
                raise InvalidInput(*_named(child), f"is not in {act.sscc}")
            self._places[child] = None

    def _end(self, things: list[Thing], how: str) -> None:
        for thing in things:
            self._require_here(thing)
        for thing in things:
            self._gone[thing] = how

    def _require_here(self, thing: Thing) -> None:
        if thing in self._gone:
            raise InvalidInput(*_named(thing), self._gone[thing])
        if thing in self._lots or thing in self._places:
            return
        if thing[0]:
            self._stock.find(_code(thing))
        else:
            self._stock.container(thing[1])

    def _place(self, thing: Thing) -> Thing | None:
        if thing in self._places:
            return self._places[thing]
        if thing in self._lots:
            return None
        book = self._stock.book
        if thing[0]:
            found = self._stock.find(_code(thing)).container
        else:
            found = book.parent_of(self._stock.container(thing[1]))
        return None if found is None else _container(book.container(found).sscc)

    def _cases(self, sscc: str) -> tuple[str, ...]:
        try:
            return self._stock.book.cases(self._stock.container(sscc))
        except NotInBook:
            return ()

    def _known_lot(self, thing: Thing) -> str | None:
        try:
            return self._stock.find(_code(thing)).lot.lot_number
        except NotInBook:
            return None


def _pack(code: PackCode) -> Thing:
    return (code.product, code.serial or "")


def _container(sscc: str) -> Thing:
    return ("", sscc)


def _code(thing: Thing) -> PackCode:
    return PackCode(thing[0].removeprefix("gtin:"), thing[1])


def _named(thing: Thing) -> tuple[str, str]:
    return ("pack", f"{thing[1]} of {thing[0]}") if thing[0] else ("container", thing[1])
